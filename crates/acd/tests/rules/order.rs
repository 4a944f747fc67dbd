//! Who is offered, and to whom.

use acd::{AgentEvent, CallerId, Decision, Input, Refusal, Urgency};

use crate::floor::*;

#[test]
fn a_caller_is_offered_in_the_step_in_which_he_enters() {
    let mut floor = Floor::with(&[ANNA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(10 + RING_S))]);
}

#[test]
fn a_waiting_caller_is_offered_in_the_step_in_which_a_secretary_comes() {
    let mut floor = Floor::with(&[]);
    assert_eq!(floor.enters(1, DOCTOR), []);
    assert_eq!(floor.agent(ANNA, AgentEvent::LogIn), []);
    assert_eq!(
        floor.agent(ANNA, AgentEvent::Reachable),
        [offered(1, 1, ANNA, DOCTOR, at(10 + RING_S))]
    );
}

#[test]
fn the_longest_idle_is_offered_first() {
    let mut floor = Floor::with(&[BEA, ANNA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn idle_counts_from_the_end_of_the_last_wrap_up() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.talks(ANNA, 1, 1);
    floor.until(60);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().idle_since, at(10 + WRAP_UP_S));
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, BEA, DOCTOR, at(75))]);
    assert_eq!(floor.enters(3, DOCTOR), [offered(3, 1, ANNA, DOCTOR, at(75))]);
}

#[test]
fn a_late_wake_up_does_not_reorder_the_idle() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.talks(ANNA, 1, 1);
    floor.until(12);
    floor.answers(2, 1);
    floor.clears(BEA, 2, 1);
    floor.until(15);
    floor.ends(2);
    floor.now = at(300);
    floor.scheduler.handle_timeout(floor.now);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().idle_since, at(20));
    assert_eq!(floor.scheduler.agent(BEA).unwrap().idle_since, at(25));
}

#[test]
fn equally_long_idle_go_by_their_id() {
    let mut floor = Floor::new(setup());
    floor.starts(BEA);
    floor.starts(ANNA);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(RING_S))]);
}

#[test]
fn a_caller_is_offered_to_secretaries_of_his_team_alone() {
    let mut floor = Floor::with(&[CLEO]);
    assert_eq!(floor.enters(1, DOCTOR), []);
    assert_eq!(floor.waiting(), [1]);
}

#[test]
fn the_practice_that_paid_for_less_waiting_goes_first_whoever_came_first() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DOCTOR); // promised by 40
    floor.until(20);
    floor.enters(2, CLINIC); // promised by 35
    floor.until(30);
    floor.enters(3, CLINIC); // promised by 45
    assert_eq!(floor.waiting(), [2, 1, 3]);
    assert_eq!(floor.starts(ANNA), [offered(2, 1, ANNA, CLINIC, at(45))]);
}

#[test]
fn urgency_comes_before_the_deadline() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, CLINIC);
    floor.input(enter(2, DOCTOR, Some(Urgency::Priority), None));
    floor.input(enter(3, DOCTOR, Some(Urgency::Vital), None));
    floor.input(enter(4, DOCTOR, Some(Urgency::Urgent), None));
    assert_eq!(floor.waiting(), [3, 4, 2, 1]);
}

#[test]
fn of_the_same_instant_the_first_to_enter_goes_first() {
    let mut floor = Floor::with(&[]);
    floor.enters(9, DOCTOR);
    floor.enters(3, DOCTOR);
    assert_eq!(floor.waiting(), [9, 3]);
}

#[test]
fn urgent_caller_overtakes_but_never_interrupts() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.enters(2, DOCTOR);
    assert_eq!(floor.input(enter(3, DOCTOR, Some(Urgency::Vital), None)), []);
    floor.ends(1);
    floor.clears(ANNA, 1, 1);
    assert_eq!(floor.until(20), [offered(3, 1, ANNA, DOCTOR, at(35))]);
}

#[test]
fn a_secretary_of_two_teams_takes_the_first_caller_of_both() {
    let mut setup = setup();
    setup.agents.get_mut(&ANNA).unwrap().teams = vec![OTHER_TEAM, TEAM];
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DENTIST);
    floor.until(30); // he overflowed into the other team
    floor.enters(2, CLINIC); // promised by 45, the first by 40
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DENTIST, at(45))]);
}

#[test]
fn nobody_enters_twice_or_a_practice_that_is_not_there() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.try_input(enter(1, DOCTOR, None, None)), Err(Refusal::AlreadyHere));
    let nowhere = acd::PracticeId(99);
    assert_eq!(floor.try_input(enter(2, nowhere, None, None)), Err(Refusal::UnknownPractice));
    let gone = Input::Leave { caller: CallerId(7) };
    assert_eq!(floor.try_input(gone), Err(Refusal::UnknownCaller));
}

#[test]
fn a_full_queue_refuses_and_counts_neither_the_served_nor_the_returned() {
    let mut setup = setup();
    setup.limits.waiting_max = 2;
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.enters(2, DOCTOR); // offered: not served yet
    floor.enters(3, DOCTOR);
    assert_eq!(floor.try_input(enter(4, DOCTOR, None, None)), Err(Refusal::Full));
    assert_eq!(floor.returns(1), []);
    assert_eq!(floor.waiting(), [1, 3]);
    floor.leaves(2);
    floor.leaves(3);
    assert_eq!(floor.enters(5, DOCTOR), []);
    assert_eq!(floor.try_input(enter(6, DOCTOR, None, None)), Err(Refusal::Full));
}

#[test]
fn display_states_come_with_each_change_once() {
    let mut floor = Floor::with(&[ANNA]);
    floor.scheduler.handle(at(10), enter(1, DOCTOR, None, None)).unwrap();
    let decisions: Vec<_> = std::iter::from_fn(|| floor.scheduler.poll_decision()).collect();
    let offer = offer_id(1, 1);
    assert_eq!(
        decisions,
        [
            Decision::State { agent: ANNA, state: acd::AgentState::Offered(offer) },
            offered(1, 1, ANNA, DOCTOR, at(25)),
        ]
    );
}
