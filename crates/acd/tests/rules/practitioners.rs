//! Whom of a practice he called: that person's list and leave go before what the practice says of all.

use acd::{
    CallerRule, Decision, Input, Leave, LineId, Override, Overriding, Period, Plan, Practitioner,
    PractitionerId, Refusal, Situation, Step, TimeZone, Urgency, Way,
};

use crate::floor::*;

const AUBERT: PractitionerId = PractitionerId(0);
const LENOIR: PractitionerId = PractitionerId(1);
/// Has a number and says nothing.
const KLEIN: PractitionerId = PractitionerId(2);
const NOBODY: PractitionerId = PractitionerId(9);
/// On everybody's list in one way or another.
const LISTED: u64 = 7;

fn rule(urgency: Option<Urgency>, way: Way) -> (LineId, CallerRule) {
    (LineId(LISTED), CallerRule { urgency, way })
}

/// Aubert blocks a caller whom Lenoir lets through and whom the practice holds for a colleague; Lenoir is
/// away on the Tuesday.
fn house() -> acd::Setup {
    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.callers.extend([rule(Some(Urgency::Priority), Way::Usual)]);
    let busy = Plan { steps: vec![Step::Busy] };
    let aubert =
        Practitioner { callers: [rule(None, Way::Plan(busy))].into(), ..Practitioner::default() };
    let tuesday = Period::read("2026-01-06", "2026-01-06", TimeZone::PARIS).expect("a day");
    let plan = Plan { steps: vec![queue(OTHER_TEAM, Some(60)), announce(5)] };
    let lenoir = Practitioner {
        callers: [rule(None, Way::Through)].into(),
        leave: vec![Leave { period: tuesday, plan }],
    };
    doctor.practitioners =
        [(AUBERT, aubert), (LENOIR, lenoir), (KLEIN, Practitioner::default())].into();
    setup
}

fn calling(caller: u64, practitioner: PractitionerId, line: u64) -> Input {
    let (caller, line) = (acd::CallerId(caller), Some(LineId(line)));
    let practitioner = Some(practitioner);
    Input::Enter { caller, practice: DOCTOR, practitioner, line, urgency: None, leave_by: None }
}

fn situation(floor: &Floor, caller: u64) -> Situation {
    floor.scheduler.caller(acd::CallerId(caller)).expect("he waits").situation
}

#[test]
fn the_list_of_whom_he_called_goes_before_that_of_the_practice() {
    let mut floor = Floor::with_setup(house(), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    let blocked = Decision::Busy { caller: acd::CallerId(1) };
    assert_eq!(floor.input(calling(1, AUBERT, LISTED)), [blocked]);
    floor.input(calling(2, LENOIR, LISTED));
    floor.calls(3, DOCTOR, LISTED);
    floor.input(calling(4, KLEIN, LISTED));
    floor.input(calling(5, NOBODY, LISTED));
    floor.input(calling(6, AUBERT, 8));
    let met = [2, 3, 4, 5, 6].map(|caller| {
        let view = floor.scheduler.caller(acd::CallerId(caller)).expect("he waits");
        (view.situation, view.waiting.urgency)
    });
    // Whoever of them says nothing of him leaves it to the practice; no two rules are mixed.
    let (listed, usual) = (Situation::Listed, Situation::Open);
    let expected = [
        (listed, Urgency::Normal),
        (usual, Urgency::Priority),
        (usual, Urgency::Priority),
        (usual, Urgency::Priority),
        (usual, Urgency::Normal),
    ];
    assert_eq!(met, expected);
}

#[test]
fn a_practitioners_leave_is_for_who_called_that_practitioner() {
    let mut floor = Floor::with_setup(house(), &[ANNA, CLEO]);
    floor.is_told("2026-01-06T10:00:00+01:00");
    assert_eq!(floor.input(calling(1, LENOIR, 8)), [offered(1, 1, CLEO, DOCTOR, at(25))]);
    assert_eq!(situation(&floor, 1), Situation::Leave);
    assert_eq!(floor.input(calling(2, KLEIN, 8)), [offered(2, 1, ANNA, DOCTOR, at(25))]);
    assert_eq!(situation(&floor, 2), Situation::Open);
    floor.input(calling(3, LENOIR, LISTED));
    assert_eq!(situation(&floor, 3), Situation::Listed, "let through all the same");

    let mut floor = Floor::with_setup(house(), &[]);
    floor.is_told("2026-01-07T10:00:00+01:00");
    floor.input(calling(1, LENOIR, 8));
    assert_eq!(situation(&floor, 1), Situation::Open, "back on the Wednesday");
}

#[test]
fn without_a_clock_no_practitioner_is_away() {
    let mut floor = Floor::with_setup(house(), &[]);
    floor.input(calling(1, LENOIR, 8));
    assert_eq!(situation(&floor, 1), Situation::Open);
}

#[test]
fn an_override_of_the_practice_holds_for_those_who_call_one_who_is_away() {
    let mut floor = Floor::with_setup(house(), &[]);
    floor.is_told("2026-01-06T10:00:00+01:00");
    let until_unix_ms = unix_ms("2026-01-06T10:01:00+01:00");
    let with = Some(Override { what: Overriding::Open, until_unix_ms });
    floor.input(Input::Override { practice: DOCTOR, with });
    floor.input(calling(1, LENOIR, 8));
    assert_eq!(situation(&floor, 1), Situation::Open);
    floor.until(80);
    floor.input(calling(2, LENOIR, 8));
    assert_eq!(situation(&floor, 2), Situation::Leave, "it is over");
}

#[test]
fn who_met_that_leave_keeps_its_plan_when_the_practice_opens() {
    let mut floor = Floor::with_setup(house(), &[ANNA]);
    floor.is_told("2026-01-06T07:59:50+01:00");
    assert_eq!(floor.input(calling(1, LENOIR, 8)), []);
    let opens = Decision::Situation { practice: DOCTOR, situation: Situation::Open };
    assert_eq!(floor.until(20), [opens], "Anna is free, and not for him");
    assert_eq!(floor.until(70), [announced(1, 1, 5)]);
}

#[test]
fn who_is_handed_on_from_that_leave_follows_the_other_practice() {
    let mut setup = house();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    let lenoir = doctor.practitioners.get_mut(&LENOIR).expect("she is in the setup");
    lenoir.leave[0].plan = Plan { steps: vec![Step::Practice(CLINIC)] };
    let clinic = setup.practices.get_mut(&CLINIC).expect("it is in the setup");
    clinic.hours = hours("Mo-Fr 09:00-19:00");
    clinic.closed = Plan { steps: vec![queue(OTHER_TEAM, None)] };
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-06T08:59:50+01:00");
    floor.input(calling(1, LENOIR, 8));
    assert_eq!(situation(&floor, 1), Situation::Closed);
    floor.until(30);
    assert_eq!(situation(&floor, 1), Situation::Open, "it opens and takes him back");
}

#[test]
fn callers_of_all_its_numbers_are_one_practices() {
    let mut setup = house();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").waiting_max = Some(1);
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(calling(1, AUBERT, 8));
    assert_eq!(floor.try_input(calling(2, KLEIN, 9)), Err(Refusal::PracticeFull));
    assert_eq!(floor.try_input(calling(3, LENOIR, LISTED)), Ok(vec![]), "let through");
}
