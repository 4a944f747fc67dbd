//! Moving on in a plan, and leaving it.

use acd::{AgentState, Bound, CallerId, Decision, Reason, Step, Withdrawal};

use crate::floor::*;

fn overflowed(caller: u64, step: usize) -> Decision {
    Decision::Overflow { caller: CallerId(caller), step }
}

fn busy(caller: u64) -> Decision {
    Decision::Busy { caller: CallerId(caller) }
}

#[test]
fn the_end_of_a_step_moves_him_to_the_next_with_his_place() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    let before = floor.scheduler.waiting().next().unwrap();
    let step_end = Reason::WaitEnd { caller: CallerId(1), bound: Bound::StepEnd };
    assert_eq!(floor.next_timer(), Some((at(30), step_end)));
    assert_eq!(floor.until(30), [overflowed(1, 1)]);
    let after = floor.scheduler.waiting().next().unwrap();
    assert_eq!((after.step, after.team, after.since), (1, Some(OTHER_TEAM), at(30)));
    assert_eq!(
        (after.urgency, after.deadline, after.arrival, after.sequence),
        (before.urgency, before.deadline, before.arrival, before.sequence)
    );
}

#[test]
fn a_free_secretary_of_the_next_step_is_offered_in_the_same_step() {
    let mut floor = Floor::with(&[CLEO]);
    floor.enters(1, DENTIST);
    assert_eq!(floor.until(30), [overflowed(1, 1), offered(1, 1, CLEO, DENTIST, at(45))]);
}

#[test]
fn at_the_end_of_the_plan_he_is_told_busy() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    assert_eq!(floor.until(70), [overflowed(1, 1), busy(1)]);
    assert!(floor.scheduler.caller(CallerId(1)).is_none());
    assert_eq!(floor.next_timer(), None);
}

#[test]
fn a_plan_without_a_last_busy_ends_so_too() {
    let mut setup = setup();
    let plan = [queue(TEAM, Some(5))];
    setup.practices.insert(DENTIST, practice(30, &plan));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DENTIST);
    assert_eq!(floor.until(15), [busy(1)]);
}

#[test]
fn a_plan_that_begins_with_busy_or_is_empty_ends_at_once() {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, &[Step::Busy]));
    setup.practices.insert(CLINIC, practice(30, &[]));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    assert_eq!(floor.enters(1, DOCTOR), [busy(1)]);
    assert_eq!(floor.enters(2, CLINIC), [busy(2)]);
    assert_eq!(floor.scheduler.counts().waiting, 0);
}

#[test]
fn leave_by_ends_his_plan_from_any_step() {
    let mut floor = Floor::with(&[]);
    floor.input(enter(1, DENTIST, None, Some(at(40))));
    floor.input(enter(2, DENTIST, None, Some(at(12))));
    assert_eq!(floor.until(40), [busy(2), overflowed(1, 1), busy(1)]);
}

#[test]
fn leave_by_and_the_end_of_a_step_at_once_is_busy() {
    let mut floor = Floor::with(&[CLEO]);
    floor.input(enter(1, DENTIST, None, Some(at(30))));
    let leave_by = Reason::WaitEnd { caller: CallerId(1), bound: Bound::LeaveBy };
    assert_eq!(floor.next_timer(), Some((at(30), leave_by)));
    assert_eq!(floor.until(30), [busy(1)]);
}

/// The step's last `ring_s` seconds are left when Anna comes.
fn rung_until_the_step_ends(ring_s: u64) -> (Floor, Vec<Decision>) {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    floor.until(30 - ring_s);
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DENTIST, at(30))]);
    floor.starts(CLEO);
    let decisions = floor.until(30);
    (floor, decisions)
}

#[test]
fn an_offer_that_the_end_of_the_step_cuts_short_is_no_miss_but_puts_her_behind_the_other_idle() {
    let (floor, decisions) = rung_until_the_step_ends(9);
    assert_eq!(
        decisions,
        [
            withdrawn(1, 1, ANNA, Withdrawal::Overflowed),
            overflowed(1, 1),
            offered(1, 2, CLEO, DENTIST, at(45)),
        ]
    );
    let anna = floor.scheduler.agent(ANNA).unwrap();
    assert_eq!((anna.state, anna.misses, anna.free), (AgentState::Available, 0, false));
    assert_eq!(anna.idle_since, at(30));
}

#[test]
fn who_rang_for_ten_seconds_until_the_end_of_the_step_has_missed_him() {
    let (floor, decisions) = rung_until_the_step_ends(10);
    assert_eq!(
        decisions,
        [
            withdrawn(1, 1, ANNA, Withdrawal::Expired),
            overflowed(1, 1),
            offered(1, 2, CLEO, DENTIST, at(45)),
        ]
    );
    let anna = floor.scheduler.agent(ANNA).unwrap();
    let resting = AgentState::Resting { until: at(30 + NO_ANSWER_S) };
    assert_eq!((anna.state, anna.misses, anna.idle_since), (resting, 1, at(30)));
}

#[test]
fn an_absent_secretary_does_not_swallow_the_callers_of_a_short_step() {
    for step_s in [8, 14] {
        let mut setup = setup();
        setup.practices.insert(DOCTOR, practice(30, &[queue(TEAM, Some(step_s)), Step::Busy]));
        let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
        assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(10 + step_s))]);
        floor.until(10 + step_s);
        floor.clears(ANNA, 1, 1);
        // However long she rests.
        floor.until(100);
        assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, BEA, DOCTOR, at(100 + step_s))]);
    }
}

#[test]
fn a_caller_at_the_end_of_his_step_is_not_offered_to_the_next_free_secretary() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.input(enter(1, DOCTOR, None, Some(at(20))));
    assert_eq!(floor.until(20), [withdrawn(1, 1, ANNA, Withdrawal::Expired), busy(1)]);
}

#[test]
fn ringing_out_at_the_end_of_the_step_is_a_miss() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    floor.until(15);
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DENTIST, at(30))]);
    assert_eq!(floor.until(30), [withdrawn(1, 1, ANNA, Withdrawal::Expired), overflowed(1, 1)]);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 1);
}

#[test]
fn a_late_wake_up_takes_each_step_in_turn() {
    let mut floor = Floor::with(&[]);
    floor.input(enter(1, DENTIST, None, Some(at(50))));
    floor.enters(2, DENTIST);
    floor.now = at(60);
    floor.scheduler.handle_timeout(at(60));
    floor.scheduler.check_invariants();
    let decisions: Vec<_> = std::iter::from_fn(|| floor.scheduler.poll_decision()).collect();
    assert_eq!(decisions, [busy(1), overflowed(2, 1)], "the first may not wait any more");
    let second = floor.scheduler.waiting().next().unwrap();
    assert_eq!((second.caller, second.since), (CallerId(2), at(60)));
}

#[test]
fn an_answer_stops_the_plan() {
    let mut floor = Floor::with(&[ANNA]);
    floor.input(enter(1, DENTIST, None, Some(at(60))));
    floor.answers(1, 1);
    assert_eq!(floor.until(600), []);
    assert_eq!(floor.state(ANNA), AgentState::Talking(CallerId(1)));
}

#[test]
fn a_caller_who_leaves_leaves_nothing_behind() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    assert_eq!(floor.leaves(1), []);
    assert_eq!(floor.scheduler.counts(), acd::Counts::default());
}
