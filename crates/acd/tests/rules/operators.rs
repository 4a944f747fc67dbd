//! What an operator may do to who waits.

use acd::{
    AgentEvent, AgentState, CallerId, Decision, Forward, Input, PhoneId, Refusal, Target, TeamId,
    Urgency, Withdrawal,
};

use crate::floor::*;

fn rank(caller: u64, urgency: Urgency, first: bool) -> Input {
    Input::Rank { caller: CallerId(caller), urgency, first }
}

#[test]
fn an_operator_makes_a_caller_urgent_or_the_first_of_his_class() {
    let mut floor = Floor::with(&[]);
    for caller in 1..=3 {
        floor.enters(caller, DOCTOR);
    }
    floor.input(rank(3, Urgency::Urgent, false));
    floor.input(rank(2, Urgency::Normal, true));
    assert_eq!(floor.waiting(), [3, 2, 1]);
}

#[test]
fn of_those_whom_an_operator_puts_first_the_last_one_is_first() {
    let mut floor = Floor::with(&[]);
    for caller in 1..=4 {
        floor.enters(caller, DOCTOR);
    }
    floor.input(rank(3, Urgency::Normal, true));
    floor.input(rank(2, Urgency::Normal, true));
    floor.input(rank(4, Urgency::Normal, true));
    assert_eq!(floor.waiting(), [4, 2, 3, 1]);
    floor.input(rank(3, Urgency::Normal, true));
    assert_eq!(floor.waiting(), [3, 4, 2, 1]);
}

#[test]
fn who_was_put_first_has_the_place_of_his_promise_again_when_an_operator_says_so() {
    let mut floor = Floor::with(&[]);
    for caller in 1..=3 {
        floor.enters(caller, DOCTOR);
    }
    floor.input(rank(3, Urgency::Normal, true));
    floor.input(rank(3, Urgency::Normal, false));
    assert_eq!(floor.waiting(), [1, 2, 3]);
}

#[test]
fn whom_an_operator_puts_first_goes_before_who_came_back_from_a_conversation() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.enters(2, DOCTOR);
    floor.enters(3, DOCTOR);
    floor.returns(1);
    assert_eq!(floor.waiting(), [1, 2, 3]);
    floor.input(rank(3, Urgency::Normal, true));
    assert_eq!(floor.waiting(), [3, 1, 2]);
}

#[test]
fn who_was_put_first_and_calls_again_is_first_again() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("the doctor").redial_within = seconds(60);
    let mut floor = Floor::with_setup(setup, &[]);
    for caller in 1..=3 {
        floor.calls(caller, DOCTOR, caller);
    }
    floor.input(rank(2, Urgency::Normal, true));
    floor.input(rank(3, Urgency::Normal, true));
    floor.leaves(3);
    floor.calls(4, DOCTOR, 3);
    assert_eq!(floor.waiting(), [4, 2, 1]);
}

#[test]
fn an_operator_moves_a_caller_to_another_team_with_his_place_and_his_clock() {
    let mut floor = Floor::with(&[ANNA, CLEO]);
    floor.enters(1, DOCTOR);
    floor.until(12);
    let moves = Input::Move { caller: CallerId(1), team: OTHER_TEAM };
    assert_eq!(
        floor.input(moves),
        [withdrawn(1, 1, ANNA, Withdrawal::Overflowed), offered(1, 2, CLEO, DOCTOR, at(27)),]
    );
    let waiting = floor.scheduler.caller(CallerId(1)).unwrap().waiting;
    assert_eq!((waiting.arrival, waiting.deadline), (at(10), at(40)));
}

#[test]
fn an_operator_forwards_a_caller_and_he_begins_his_step_again_if_nobody_takes_him() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    let target = Target::Phone(PhoneId(1));
    let to = Forward { target, ring_for: seconds(15) };
    let offer = offer_id(1, 1);
    assert_eq!(
        floor.input(Input::Redirect { caller: CallerId(1), to }),
        [Decision::Forward { offer, target, deadline: at(25) }]
    );
    assert_eq!(floor.until(25), [Decision::Recall { offer, why: Withdrawal::Expired }]);
    let view = floor.scheduler.caller(CallerId(1)).unwrap();
    assert_eq!((view.waiting.step, view.step_end), (0, Some(at(45))));
}

#[test]
fn nobody_is_torn_from_a_conversation() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    let caller = CallerId(1);
    let moves = Input::Move { caller, team: OTHER_TEAM };
    assert_eq!(floor.try_input(moves), Err(Refusal::NotWaiting));
    assert_eq!(floor.try_input(rank(1, Urgency::Vital, true)), Err(Refusal::NotWaiting));
    assert_eq!(floor.try_input(rank(9, Urgency::Vital, true)), Err(Refusal::UnknownCaller));
    floor.enters(2, DOCTOR);
    let nowhere = Input::Move { caller: CallerId(2), team: TeamId(99) };
    assert_eq!(floor.try_input(nowhere), Err(Refusal::UnknownTeam));
}

#[test]
fn a_wrap_up_is_prolonged_but_not_without_end() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.talks(ANNA, 1, 1);
    let by = |s| AgentEvent::ProlongWrapUp { by: seconds(s) };
    floor.agent(ANNA, by(60));
    assert_eq!(floor.state(ANNA), AgentState::WrapUp { until: at(80) });
    floor.agent(ANNA, by(1_000_000));
    let longest = floor.now + acd::WRAP_UP_MAX;
    assert_eq!(floor.state(ANNA), AgentState::WrapUp { until: longest });
    floor.agent(ANNA, AgentEvent::EndWrapUp);
    assert_eq!(floor.state(ANNA), AgentState::Available);
    floor.agent(ANNA, by(60));
    assert_eq!(floor.state(ANNA), AgentState::Available, "there is none to prolong");
}

#[test]
fn her_own_wrap_up_goes_before_the_practices_and_that_before_the_teams() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").wrap_up = Some(seconds(40));
    setup.agents.get_mut(&BEA).expect("it is in the setup").wrap_up = Some(seconds(3));
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    for (caller, agent, practice, until) in [(1, ANNA, DOCTOR, 50), (2, BEA, DOCTOR, 13)] {
        floor.enters(caller, practice);
        floor.talks(agent, caller, 1);
        assert_eq!(floor.state(agent), AgentState::WrapUp { until: at(until) });
    }
    floor.agent(ANNA, AgentEvent::EndWrapUp);
    floor.enters(3, CLINIC);
    floor.talks(ANNA, 3, 1);
    assert_eq!(floor.state(ANNA), AgentState::WrapUp { until: at(10 + WRAP_UP_S) });
}
