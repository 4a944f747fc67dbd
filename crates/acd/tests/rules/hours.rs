//! Opening hours on the clock of their place.

use acd::{CivilError, Date, Holidays, Hours, HoursError, Period, Territory, TimeZone};

use crate::floor::{hours, unix_ms};

const USUAL: &str = "Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off \"jour férié\"";

fn hours_at(text: &str, zone: &str, territory: Territory) -> Hours {
    let zone = TimeZone::read(zone).expect("a zone");
    Hours::new(text, zone, Holidays { territory, ..Holidays::default() }).expect("hours")
}

/// `false` then `true`: it opens at that moment, and not a millisecond before.
fn around(hours: &Hours, moment: &str) -> (bool, bool) {
    let moment = unix_ms(moment);
    (hours.is_open(moment - 1), hours.is_open(moment))
}

#[test]
fn a_usual_week_opens_and_closes_to_the_millisecond() {
    let usual = hours(USUAL);
    assert_eq!(around(&usual, "2026-01-05T08:00:00+01:00"), (false, true));
    assert_eq!(around(&usual, "2026-01-05T20:00:00+01:00"), (true, false));
    assert_eq!(around(&usual, "2026-01-10T12:00:00+01:00"), (true, false));
    assert!(!usual.is_open(unix_ms("2026-01-11T10:00:00+01:00")), "a Sunday");
}

#[test]
fn at_any_time_means_at_any_time() {
    for moment in ["1980-02-29T00:00:00Z", "2026-03-29T01:00:00Z", "2399-12-31T23:59:59Z"] {
        assert!(Hours::always().is_open(unix_ms(moment)), "{moment}");
    }
    assert!(Hours::always().is_open(i64::MIN) && Hours::always().is_open(i64::MAX));
}

#[test]
fn a_public_holiday_closes_with_its_comment() {
    let usual = hours(USUAL);
    let whit_monday = usual.state(unix_ms("2026-05-25T10:00:00+02:00"));
    assert_eq!((whit_monday.is_open, &*whit_monday.comment), (false, "jour férié"));
    let tuesday = usual.state(unix_ms("2026-05-26T10:00:00+02:00"));
    assert_eq!((tuesday.is_open, &*tuesday.comment), (true, ""));
}

#[test]
fn holidays_are_those_of_the_territory() {
    let good_friday = unix_ms("2026-04-03T10:00:00+02:00");
    let strasbourg = hours_at(USUAL, "Europe/Paris", Territory::AlsaceMoselle);
    assert!(!strasbourg.is_open(good_friday));
    assert!(hours(USUAL).is_open(good_friday));
    let end_of_slavery = unix_ms("2027-12-20T10:00:00+04:00");
    assert!(!hours_at(USUAL, "Indian/Reunion", Territory::Reunion).is_open(end_of_slavery));
    assert!(hours_at(USUAL, "Indian/Reunion", Territory::France).is_open(end_of_slavery));
}

#[test]
fn a_comment_without_a_word_is_open() {
    let hours = hours("Mo-Fr 08:00-12:00 \"matin\", Mo-Fr 14:00-18:00 open \"après-midi\"");
    let state = |moment| hours.state(unix_ms(moment));
    assert_eq!(&*state("2026-01-05T09:00:00+01:00").comment, "matin");
    let afternoon = state("2026-01-05T15:00:00+01:00");
    assert_eq!((afternoon.is_open, &*afternoon.comment), (true, "après-midi"));
}

#[test]
fn hours_past_midnight_belong_to_the_evening_before() {
    let night = hours("Fr,Sa 22:00-02:00");
    assert_eq!(around(&night, "2026-01-09T22:00:00+01:00"), (false, true));
    assert_eq!(around(&night, "2026-01-10T02:00:00+01:00"), (true, false));
    assert_eq!(around(&night, "2026-01-11T02:00:00+01:00"), (true, false));
}

#[test]
fn hours_past_midnight_give_way_to_other_hours_unless_these_are_added() {
    let saturday = |text| {
        let hours = hours(text);
        ["01", "11"].map(|hour| hours.is_open(unix_ms(&format!("2026-01-10T{hour}:00:00+01:00"))))
    };
    assert_eq!(saturday("Fr 22:00-02:00; Sa 10:00-12:00"), [false, true]);
    assert_eq!(saturday("Sa 10:00-12:00; Fr 22:00-02:00"), [false, true]);
    assert_eq!(saturday("Fr 22:00-02:00, Sa 10:00-12:00"), [true, true]);
    assert_eq!(saturday("Fr 22:00-02:00; Sa off"), [false, false]);
    assert_eq!(saturday("Fr 22:00-02:00; Fr off"), [true, false], "off ends at midnight");
}

#[test]
fn in_spring_the_skipped_hour_is_neither_waited_for_nor_missed() {
    let from_half_past_two = hours("02:30-05:00");
    // At 02:00 the clock shows 03:00: it is past half past two at once.
    let change = "2026-03-29T03:00:00+02:00";
    assert_eq!(around(&from_half_past_two, change), (false, true));
    let before = unix_ms("2026-03-29T00:30:00+01:00");
    assert_eq!(from_half_past_two.next_change(before), Some(unix_ms(change)));
    assert_eq!(around(&hours(USUAL), "2026-03-30T08:00:00+02:00"), (false, true));
}

#[test]
fn in_autumn_the_repeated_hour_is_open_both_times() {
    let hours = hours("02:30-05:00");
    assert_eq!(around(&hours, "2026-10-25T02:30:00+02:00"), (false, true));
    assert_eq!(around(&hours, "2026-10-25T02:00:00+01:00"), (true, false), "it is 2:00 again");
    assert_eq!(around(&hours, "2026-10-25T02:30:00+01:00"), (false, true));
    let mut at = unix_ms("2026-10-24T23:00:00+02:00");
    let mut changes = Vec::new();
    for _ in 0..4 {
        at = hours.next_change(at).expect("it changes every day");
        changes.push(at);
    }
    let expected = [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T05:00:00+01:00",
    ];
    assert_eq!(changes, expected.map(unix_ms));
}

#[test]
fn a_day_of_a_changed_clock_has_one_hour_less_or_more_of_opening() {
    let day = hours("00:00-24:00; Mo off");
    let open = |from: &str, to: &str| {
        let (from, to) = (unix_ms(from), unix_ms(to));
        (from..to).step_by(60_000).filter(|&at| day.is_open(at)).count() / 60
    };
    assert_eq!(open("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"), 23);
    assert_eq!(open("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"), 25);
}

#[test]
fn la_reunion_changes_no_clock() {
    let hours = hours_at("Mo-Su 08:00-18:00", "Indian/Reunion", Territory::Reunion);
    for day in ["2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26"] {
        assert_eq!(around(&hours, &format!("{day}T08:00:00+04:00")), (false, true), "{day}");
        assert_eq!(around(&hours, &format!("{day}T18:00:00+04:00")), (true, false), "{day}");
    }
}

#[test]
fn the_next_change_is_found_over_a_long_closure_and_not_beyond_two_years() {
    let usual = hours("2026 Mo-Fr 08:00-20:00; 2026 Jul 13-Dec 31 off");
    let friday_evening = unix_ms("2026-01-09T21:00:00+01:00");
    let monday = Some(unix_ms("2026-01-12T08:00:00+01:00"));
    assert_eq!(usual.next_change(friday_evening), monday);
    let last_day = unix_ms("2026-07-10T20:00:00+02:00");
    assert_eq!(usual.next_change(last_day), None);
    assert!(!usual.opens_from(last_day));
    assert!(usual.opens_from(last_day - 1));
    assert_eq!(Hours::always().next_change(0), None);
}

#[test]
fn the_next_change_may_lie_on_the_eve_of_a_holiday_or_on_the_day_after() {
    let june = unix_ms("2026-06-01T00:00:00+02:00");
    let eves = hours("PH -1 day 18:00-20:00");
    assert_eq!(eves.next_change(june), Some(unix_ms("2026-07-13T18:00:00+02:00")));
    let only_after = hours("PH 20:00-30:00; PH off");
    assert_eq!(only_after.next_change(june), Some(unix_ms("2026-07-15T00:00:00+02:00")));
    // It closes for a minute each Tuesday, but after Whit Monday.
    let not_after = hours("24/7; Tu 00:01-24:00, PH 00:00-48:00");
    let whit_monday = unix_ms("2026-05-25T00:00:00+02:00");
    assert_eq!(not_after.next_change(whit_monday), Some(unix_ms("2026-06-02T00:00:00+02:00")));
}

#[test]
fn hours_that_never_open_are_told_from_those_that_do() {
    let now = unix_ms("2026-01-01T00:00:00Z");
    for never in ["off", "2019 Mo-Fr 08:00-12:00", "24/7; Jan 1-Dec 31 off"] {
        assert!(!hours(never).opens_from(now), "{never}");
    }
    for rarely in ["Feb 29", "Dec 24 08:00-08:01", "2027 Dec 31 23:59-24:00"] {
        assert_eq!(rarely != "Feb 29", hours(rarely).opens_from(now), "{rarely}");
    }
}

#[test]
fn what_is_no_opening_hours_is_told_with_its_place() {
    let refused =
        |text: &str| Hours::new(text, TimeZone::PARIS, Holidays::default()).expect_err("refused");
    let at = |at, rest: &str| HoursError::Syntax { at, rest: rest.to_owned() };
    assert_eq!(refused("Mo-Fr 8h-20h"), at(7, "8h-20h"));
    assert_eq!(refused("lundi 08:00-12:00"), at(1, "lundi 08:00-12:00"));
    assert_eq!(refused("Mo-Fr 08:00-12:00 \"fermé"), at(19, "\"fermé"));
    assert_eq!(refused(""), at(1, ""));
    assert_eq!(refused("Mo sunrise-18:00"), HoursError::Sun("sunrise"));
    assert_eq!(refused("SH off"), HoursError::SchoolHolidays);
    assert_eq!(refused("Mo unknown"), HoursError::Unknown);
    assert_eq!(refused(&"Mo; ".repeat(251)), HoursError::TooLong(1_004));
    for meaning in ["week 53-01 Mo", "Mo 09:00+", "09:00-12:00+", "10:00-16:00/01:30", "2026Jul"] {
        assert!(matches!(refused(meaning), HoursError::Meaning(_)), "{meaning}");
    }
}

#[test]
fn months_of_a_year_are_whole() {
    let summer = hours("2026 Jul-Aug 08:00-12:00");
    let open = |moment| summer.is_open(unix_ms(moment));
    assert!(open("2026-07-01T09:00:00+02:00") && open("2026-08-31T09:00:00+02:00"));
    assert!(!open("2026-06-30T09:00:00+02:00") && !open("2026-09-01T09:00:00+02:00"));
    assert!(!open("2027-07-15T09:00:00+02:00"));
}

#[test]
fn a_list_of_days_with_spaces_is_refused_since_it_would_be_open_all_day() {
    let refused = |text: &str| {
        let error = Hours::new(text, TimeZone::PARIS, Holidays::default()).expect_err("refused");
        error.to_string().split('`').nth(1).expect("the days").to_owned()
    };
    assert_eq!(refused("Mo-Fr 08:00-20:00; PH, Su off"), "PH");
    assert_eq!(refused("Mo-Tu, Th, Fr 08:00-12:00"), "Mo-Tu");
    assert_eq!(refused("Sa 08:00-12:00 \"a, b\", Dec 24, Dec 31 08:00-10:00"), "Dec 24");
    for written in ["24/7, PH off", "Su 00:00-24:00, PH 10:00-12:00", "Mo open, Tu 08:00-12:00"] {
        hours(written);
    }
    assert!(!hours("Mo-Fr 08:00-20:00; PH,Su off").is_open(unix_ms("2026-05-25T10:00:00+02:00")));
}

#[test]
fn a_quoted_word_is_no_rule() {
    let hours = hours("Mo-Fr 08:00-12:00 open \"SH: sunset, unknown\"");
    assert!(hours.is_open(unix_ms("2026-01-05T09:00:00+01:00")));
}

#[test]
fn hours_come_back_from_their_saved_form() {
    let holidays = Holidays {
        territory: Territory::Reunion,
        added: [Date::read("2026-05-15").expect("a date")].into(),
        removed: [Date::read("2026-05-25").expect("a date")].into(),
    };
    let zone = TimeZone::read("Indian/Reunion").expect("a zone");
    let hours = Hours::new(USUAL, zone, holidays).expect("hours");
    let bytes = postcard::to_allocvec(&hours).expect("it serialises");
    let back: Hours = postcard::from_bytes(&bytes).expect("it is read");
    assert_eq!(back, hours);
    assert!(!back.is_open(unix_ms("2026-05-15T10:00:00+04:00")));
    assert!(back.is_open(unix_ms("2026-05-25T10:00:00+04:00")));
}

#[test]
fn a_period_of_days_has_its_last_day_and_one_of_moments_ends_at_the_second() {
    let days = Period::read("2026-03-28", "2026-03-29", TimeZone::PARIS).expect("a period");
    assert!(!days.contains(unix_ms("2026-03-27T23:59:59+01:00")));
    assert!(days.contains(unix_ms("2026-03-28T00:00:00+01:00")));
    assert!(days.contains(unix_ms("2026-03-29T23:59:59+02:00")));
    assert!(!days.contains(unix_ms("2026-03-30T00:00:00+02:00")));
    let afternoon =
        Period::read("2026-08-03T14:00", "2026-08-03 18:30", TimeZone::PARIS).expect("a period");
    assert!(afternoon.contains(unix_ms("2026-08-03T18:29:59+02:00")));
    assert!(!afternoon.contains(unix_ms("2026-08-03T18:30:00+02:00")));
}

#[test]
fn a_period_that_cannot_be_is_refused() {
    let refused = |from, to| Period::read(from, to, TimeZone::PARIS).expect_err("refused");
    assert_eq!(refused("2026-08-04", "2026-08-03"), CivilError::EndsBeforeItStarts);
    assert_eq!(refused("2026-08-03T14:00", "2026-08-03T14:00"), CivilError::EndsBeforeItStarts);
    assert_eq!(refused("2026-02-30", "2026-03-01"), CivilError::Moment("2026-02-30".to_owned()));
    assert_eq!(refused("03/08/2026", "2026-08-04"), CivilError::Moment("03/08/2026".to_owned()));
    assert_eq!(refused("2026-08-03", "tomorrow"), CivilError::Moment("tomorrow".to_owned()));
    let day = Period::read("2026-08-03", "2026-08-03", TimeZone::PARIS);
    assert!(day.is_ok_and(|day| day.contains(unix_ms("2026-08-03T12:00:00+02:00"))));
}
