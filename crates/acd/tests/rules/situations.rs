//! Open, closed, on leave: which plan a caller follows, and the ends of plans that speak.

use acd::{
    Bound, CallerId, Decision, Leave, Period, Plan, PromptId, Reason, Setup, Situation, Step,
    TimeZone,
};

use crate::floor::*;

const CLOSED: u32 = 9;
const AWAY: u32 = 8;
const LATE: u32 = 7;

/// The doctor is open on weekdays and away for the first half of August; announcements else.
fn setup_with_hours() -> Setup {
    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.hours = hours("Mo-Fr 08:00-20:00; PH off");
    let period = Period::read("2026-08-03", "2026-08-14", TimeZone::PARIS).expect("a period");
    doctor.leave = vec![Leave { period, plan: Plan { steps: vec![announce(AWAY)] } }];
    setup
}

fn floor_at(time: &str) -> Floor {
    let mut floor = Floor::with_setup(setup_with_hours(), &[ANNA]);
    floor.is_told(time);
    floor
}

fn situation(floor: &Floor, caller: u64) -> Situation {
    floor.scheduler.caller(CallerId(caller)).expect("he is here").situation
}

#[test]
fn a_caller_of_an_open_practice_is_offered() {
    let mut floor = floor_at("2026-01-05T08:00:00+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    assert_eq!(situation(&floor, 1), Situation::Open);
}

#[test]
fn a_caller_of_a_closed_practice_hears_its_text_and_is_forgotten() {
    let mut floor = floor_at("2026-01-05T20:00:00+01:00");
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Closed));
    assert_eq!(floor.enters(1, DOCTOR), [announced(1, 0, CLOSED)]);
    assert!(floor.scheduler.caller(CallerId(1)).is_none());
    assert!(matches!(floor.next_timer(), Some((_, Reason::Boundary { practice: DOCTOR }))));
}

#[test]
fn leave_comes_before_hours_open_or_not() {
    for time in ["2026-08-03T00:00:00+02:00", "2026-08-05T10:00:00+02:00"] {
        let mut floor = floor_at(time);
        assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Leave));
        assert_eq!(floor.enters(1, DOCTOR), [announced(1, 0, AWAY)]);
    }
    let mut after = floor_at("2026-08-17T10:00:00+02:00");
    assert_eq!(after.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn of_two_leaves_at_once_the_first_one_counts() {
    let mut setup = setup_with_hours();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    let period = Period::read("2026-08-01", "2026-08-31", TimeZone::PARIS).expect("a period");
    doctor.leave.push(Leave { period, plan: Plan { steps: vec![announce(LATE)] } });
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-08-14T23:59:00+02:00");
    assert_eq!(floor.enters(1, DOCTOR), [announced(1, 0, AWAY)]);
    floor.until(80);
    assert_eq!(floor.enters(2, DOCTOR), [announced(2, 0, LATE)]);
}

#[test]
fn time_goes_on_from_the_clock_that_was_told() {
    let mut floor = floor_at("2026-01-05T07:59:30+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [announced(1, 0, CLOSED)]);
    floor.until(39);
    assert_eq!(floor.enters(2, DOCTOR), [announced(2, 0, CLOSED)]);
    floor.until(40);
    assert_eq!(floor.enters(3, DOCTOR), [offered(3, 1, ANNA, DOCTOR, at(55))]);
}

#[test]
fn a_clock_that_is_set_counts_from_there_on() {
    let mut floor = floor_at("2026-01-05T10:00:00+01:00");
    floor.is_told("2026-01-05T22:00:00+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [announced(1, 0, CLOSED)]);
    floor.is_told("2026-01-05T09:00:00+01:00");
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn before_the_first_clock_everything_counts_as_open() {
    let mut floor = Floor::with_setup(setup_with_hours(), &[ANNA]);
    assert_eq!(floor.scheduler.unix_ms(), None);
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Open));
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn who_entered_before_closing_time_is_served_on() {
    let mut floor = Floor::with_setup(setup_with_hours(), &[]);
    floor.is_told("2026-01-05T19:59:59+01:00");
    floor.enters(1, DOCTOR);
    floor.until(3_600);
    assert_eq!(situation(&floor, 1), Situation::Open);
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DOCTOR, at(3_615))]);
}

#[test]
fn a_night_team_is_a_closed_plan_with_a_queue() {
    let mut setup = setup_with_hours();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.closed = Plan { steps: vec![queue(OTHER_TEAM, Some(60)), announce(CLOSED)] };
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.is_told("2026-01-05T22:00:00+01:00");
    assert_eq!(floor.enters(1, DOCTOR), []);
    assert_eq!(situation(&floor, 1), Situation::Closed);
    assert_eq!(floor.starts(CLEO), [offered(1, 1, CLEO, DOCTOR, at(25))]);
    assert_eq!(floor.leaves(1).len(), 1);
    floor.agent(CLEO, acd::AgentEvent::LogOut);
    assert_eq!(floor.enters(2, DOCTOR), []);
    assert_eq!(floor.until(70), [announced(2, 1, CLOSED)]);
}

#[test]
fn a_closed_practice_speaks_even_when_the_queue_is_full() {
    let mut setup = setup_with_hours();
    setup.limits.waiting_max = 0;
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T22:00:00+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [announced(1, 0, CLOSED)]);
    let refusal = floor.try_input(enter(2, CLINIC, None, None));
    assert_eq!(refusal, Err(acd::Refusal::Full));
}

#[test]
fn who_is_handed_to_a_practice_that_only_speaks_waits_for_nobody_and_is_let_in_always() {
    let mut setup = setup_with_hours();
    setup.limits.waiting_max = 0;
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.waiting_max = Some(0);
    doctor.closed = Plan { steps: vec![Step::Practice(CLINIC)] };
    let clinic = setup.practices.get_mut(&CLINIC).expect("the clinic");
    clinic.hours = hours("Mo-Fr 08:00-20:00");
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T22:00:00+01:00");
    let (practice, situation) = (CLINIC, Situation::Closed);
    let handed_on = Decision::Plan { caller: CallerId(1), practice, situation };
    assert_eq!(floor.enters(1, DOCTOR), [handed_on, announced(1, 0, CLOSED)]);
}

#[test]
fn who_is_handed_to_a_practice_with_a_queue_would_wait_and_has_no_room() {
    let mut setup = setup();
    setup.limits.waiting_max = 0;
    setup.practices.insert(DOCTOR, practice(30, &[Step::Practice(CLINIC)]));
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(floor.try_input(enter(1, DOCTOR, None, None)), Err(acd::Refusal::Full));
}

#[test]
fn who_would_be_handed_round_and_round_waits_for_nobody_either() {
    let mut setup = setup();
    setup.limits.waiting_max = 0;
    setup.practices.insert(DOCTOR, practice(30, &[Step::Practice(CLINIC)]));
    setup.practices.insert(CLINIC, practice(30, &[Step::Practice(DOCTOR)]));
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(floor.enters(1, DOCTOR).last(), Some(&Decision::Busy { caller: CallerId(1) }));
}

fn floor_with(steps: &[Step]) -> Floor {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, steps));
    Floor::with_setup(setup, &[])
}

#[test]
fn who_waited_too_long_hears_the_next_step() {
    let mut floor = floor_with(&[queue(TEAM, Some(20)), announce(LATE)]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(30), [announced(1, 1, LATE)]);
    assert_eq!(floor.scheduler.counts(), acd::Counts::default());
}

#[test]
fn a_text_without_an_answer_says_so() {
    let early = Step::Announce { prompt: PromptId(LATE), answer: false, urgent_key: None };
    let mut floor = floor_with(&[early]);
    let (caller, prompt) = (CallerId(1), PromptId(LATE));
    let expected = Decision::Announce { caller, step: 0, prompt, answer: false, urgent_key: None };
    assert_eq!(floor.enters(1, DOCTOR), [expected]);
}

#[test]
fn leave_by_leads_to_the_first_step_that_is_no_queue() {
    let plan = [queue(TEAM, Some(100)), queue(OTHER_TEAM, None), announce(LATE), Step::Busy];
    let mut floor = floor_with(&plan);
    floor.input(enter(1, DOCTOR, None, Some(at(40))));
    let leave_by = Reason::WaitEnd { caller: CallerId(1), bound: Bound::LeaveBy };
    assert_eq!(floor.next_timer(), Some((at(40), leave_by)));
    assert_eq!(floor.until(40), [announced(1, 2, LATE)]);
    floor.input(enter(2, DOCTOR, None, Some(at(200))));
    assert_eq!(
        floor.until(200),
        [Decision::Overflow { caller: CallerId(2), step: 1 }, announced(2, 2, LATE)]
    );
}

#[test]
fn a_new_setup_does_not_change_the_plan_of_who_waits() {
    let mut floor = floor_with(&[queue(TEAM, Some(20)), announce(LATE)]);
    floor.enters(1, DOCTOR);
    let mut other = setup_with_hours();
    other.practices.remove(&DOCTOR);
    floor.configures(other);
    assert_eq!(floor.until(30), [announced(1, 1, LATE)]);
}
