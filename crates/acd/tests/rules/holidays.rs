//! Public holidays against published lists.

use acd::{Date, Holidays, Territory};

fn date(text: &str) -> Date {
    Date::read(text).expect("a date")
}

fn of(territory: &str) -> Holidays {
    let territory = Territory::read(territory).expect("a territory");
    Holidays { territory, ..Holidays::default() }
}

/// All days of a year that are holidays there and not in France, as month-day.
fn own_days(territory: &str, year: i32) -> Vec<String> {
    let (here, france) = (of(territory), of("france"));
    let mut days = Vec::new();
    for month in 1..=12 {
        for day in 1..=31 {
            let Ok(date) = Date::read(&format!("{year}-{month:02}-{day:02}")) else {
                continue;
            };
            if here.contains(date) && !france.contains(date) {
                days.push(format!("{month:02}-{day:02}"));
            }
        }
    }
    days
}

#[test]
fn easter_monday_ascension_and_whit_monday_of_2024_to_2030_are_as_published() {
    let published = [
        ("2024-04-01", "2024-05-09", "2024-05-20"),
        ("2025-04-21", "2025-05-29", "2025-06-09"),
        ("2026-04-06", "2026-05-14", "2026-05-25"),
        ("2027-03-29", "2027-05-06", "2027-05-17"),
        ("2028-04-17", "2028-05-25", "2028-06-05"),
        ("2029-04-02", "2029-05-10", "2029-05-21"),
        ("2030-04-22", "2030-05-30", "2030-06-10"),
    ];
    let france = of("france");
    for (monday, ascension, whit) in published {
        for day in [monday, ascension, whit] {
            assert!(france.contains(date(day)), "{day}");
        }
    }
}

#[test]
fn easter_is_right_at_both_ends_of_its_range_and_across_centuries() {
    let france = of("france");
    for monday in ["1818-03-23", "1943-04-26", "2000-04-24", "2008-03-24", "2038-04-26"] {
        assert!(france.contains(date(monday)), "{monday}");
    }
}

#[test]
fn a_year_of_france_has_its_eleven_days_and_no_other() {
    let france = of("france");
    let all: Vec<_> = (1..=12)
        .flat_map(|month| (1..=31).map(move |day| format!("2026-{month:02}-{day:02}")))
        .filter(|text| Date::read(text).is_ok_and(|date| france.contains(date)))
        .collect();
    let published = [
        "2026-01-01",
        "2026-04-06",
        "2026-05-01",
        "2026-05-08",
        "2026-05-14",
        "2026-05-25",
        "2026-07-14",
        "2026-08-15",
        "2026-11-01",
        "2026-11-11",
        "2026-12-25",
    ];
    assert_eq!(all, published);
}

#[test]
fn each_territory_has_its_own_days_besides() {
    let own: [(&str, &[&str]); 12] = [
        ("alsace-moselle", &["04-03", "12-26"]),
        ("guadeloupe", &["04-03", "05-27", "07-21"]),
        ("guyane", &["06-10"]),
        ("martinique", &["04-03", "05-22", "07-21"]),
        ("mayotte", &["04-27"]),
        ("nouvelle-caledonie", &["09-24"]),
        ("polynesie-francaise", &["03-05", "04-03", "11-20"]),
        ("la-reunion", &["12-20"]),
        ("saint-barthelemy", &["10-09"]),
        ("saint-martin", &["05-28"]),
        ("saint-pierre-et-miquelon", &[]),
        ("wallis-et-futuna", &["04-28", "07-29"]),
    ];
    for (territory, days) in own {
        assert_eq!(own_days(territory, 2026), days, "{territory}");
    }
}

#[test]
fn a_day_that_was_moved_counts_by_its_year() {
    assert_eq!(own_days("polynesie-francaise", 2025), ["03-05", "04-18", "06-29"]);
    assert_eq!(own_days("saint-martin", 2017), ["05-27"]);
}

#[test]
fn a_practice_adds_days_and_removes_some() {
    let holidays = Holidays {
        territory: Territory::France,
        added: [date("2026-05-15"), date("2026-05-25")].into(),
        removed: [date("2026-05-25"), date("2026-07-14")].into(),
    };
    assert!(holidays.contains(date("2026-05-15")));
    assert!(!holidays.contains(date("2026-05-25")), "what is removed is removed");
    assert!(!holidays.contains(date("2026-07-14")));
    assert!(holidays.contains(date("2027-07-14")));
}

#[test]
fn every_territory_is_found_by_its_name_and_no_other_name_is() {
    assert_eq!(Territory::names().count(), 14);
    assert!(Territory::names().all(|name| Territory::read(name).is_some()));
    assert_eq!(Territory::read("France"), None);
    assert!(!of("none").contains(date("2026-01-01")));
}
