//! A new setup under load.

use acd::{AgentEvent, AgentState, CallerId, Decision, Input, Refusal, Withdrawal};

use crate::floor::*;

#[test]
fn the_same_setup_changes_nothing() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    for caller in 1..=5 {
        floor.enters(caller, DENTIST);
    }
    floor.answers(1, 1);
    let before = floor.scheduler.clone();
    assert_eq!(floor.configures(setup()), []);
    assert_eq!(floor.scheduler, before);
}

#[test]
fn a_new_secretary_is_out_until_she_comes() {
    let mut smaller = setup();
    smaller.agents.remove(&BEA);
    let mut floor = Floor::with_setup(smaller, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    assert_eq!(floor.configures(setup()), []);
    assert_eq!(floor.state(BEA), AgentState::LoggedOut);
    assert_eq!(floor.starts(BEA), [offered(2, 1, BEA, DOCTOR, at(25))]);
}

#[test]
fn a_secretary_who_joins_a_team_is_offered_its_caller_at_once() {
    let mut floor = Floor::with(&[CLEO]);
    floor.enters(1, DOCTOR);
    let mut wider = setup();
    wider.agents.get_mut(&CLEO).unwrap().teams.push(TEAM);
    assert_eq!(floor.configures(wider), [offered(1, 1, CLEO, DOCTOR, at(25))]);
}

#[test]
fn a_secretary_who_left_a_team_is_not_offered_its_callers() {
    let mut floor = Floor::with(&[ANNA]);
    let mut narrower = setup();
    narrower.agents.get_mut(&ANNA).unwrap().teams = vec![OTHER_TEAM];
    floor.configures(narrower);
    assert_eq!(floor.enters(1, DOCTOR), []);
}

#[test]
fn a_removed_secretary_gives_her_offer_back_and_is_forgotten_once_her_line_is_clear() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    let mut smaller = setup();
    smaller.agents.remove(&ANNA);
    assert_eq!(
        floor.configures(smaller),
        [withdrawn(1, 1, ANNA, Withdrawal::LoggedOut), offered(1, 2, BEA, DOCTOR, at(25))]
    );
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
    let login = Input::Agent { agent: ANNA, event: AgentEvent::LogIn };
    assert_eq!(floor.try_input(login), Err(Refusal::UnknownAgent));
    floor.clears(ANNA, 1, 1);
    assert!(floor.scheduler.agent(ANNA).is_none());
}

#[test]
fn a_removed_secretary_who_is_back_while_her_phone_dials_is_offered_nobody_until_it_is_clear() {
    let mut smaller = setup();
    smaller.agents.remove(&ANNA);
    let mut floor = Floor::with(&[ANNA]);
    floor.agent(ANNA, AgentEvent::LineTaken);
    floor.configures(smaller.clone());
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
    floor.configures(setup());
    floor.enters(1, DOCTOR);
    assert_eq!(floor.starts(ANNA), [], "her phone is in use");
    assert_eq!(floor.agent(ANNA, AgentEvent::LineClear), [offered(1, 1, ANNA, DOCTOR, at(25))]);

    floor.leaves(1);
    floor.clears(ANNA, 1, 1);
    floor.agent(ANNA, AgentEvent::LineTaken);
    floor.configures(smaller);
    floor.agent(ANNA, AgentEvent::LineClear);
    assert!(floor.scheduler.agent(ANNA).is_none(), "it was clear while she was removed");
}

#[test]
fn a_removed_secretary_ends_her_call_in_peace() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    let mut smaller = setup();
    smaller.agents.remove(&ANNA);
    assert_eq!(floor.configures(smaller), []);
    assert_eq!(floor.state(ANNA), AgentState::Talking(CallerId(1)));
    floor.ends(1);
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
    floor.clears(ANNA, 1, 1);
    assert!(floor.scheduler.agent(ANNA).is_none());
}

#[test]
fn callers_of_a_removed_practice_keep_their_plan_until_they_end() {
    let mut floor = Floor::with(&[CLEO]);
    floor.enters(1, DENTIST);
    let mut smaller = setup();
    smaller.practices.remove(&DENTIST);
    assert_eq!(floor.configures(smaller), []);
    let refused = floor.try_input(enter(2, DENTIST, None, None));
    assert_eq!(refused, Err(Refusal::UnknownPractice));
    assert_eq!(
        floor.until(30),
        [Decision::Overflow { caller: CallerId(1), step: 1 }, offered(1, 1, CLEO, DENTIST, at(45))]
    );
}

#[test]
fn a_changed_plan_is_for_those_who_enter_after() {
    let mut floor = Floor::with(&[]);
    floor.enters(1, DENTIST);
    let mut other = setup();
    other.practices.insert(DENTIST, practice(10, &[queue(TEAM, Some(5))]));
    floor.configures(other);
    floor.enters(2, DENTIST);
    assert_eq!(floor.waiting(), [2, 1]);
    assert_eq!(
        floor.until(30),
        [
            Decision::Busy { caller: CallerId(2) },
            Decision::Overflow { caller: CallerId(1), step: 1 },
        ]
    );
}

/// Without one of its teams.
fn without_the_team() -> acd::Setup {
    let mut smaller = setup();
    smaller.teams.remove(&TEAM);
    smaller.agents.get_mut(&ANNA).expect("Anna").teams.clear();
    smaller.agents.get_mut(&BEA).expect("Bea").teams.clear();
    smaller
}

#[test]
fn who_waits_for_a_team_that_is_removed_goes_on_when_his_step_ends() {
    let mut floor = Floor::with(&[CLEO]);
    assert_eq!(floor.enters(1, DENTIST), []);
    assert_eq!(floor.configures(without_the_team()), []);
    assert_eq!(floor.until(30).len(), 2);
    assert_eq!(floor.state(CLEO), AgentState::Offered(offer_id(1, 1)));
}

#[test]
fn nobody_begins_to_wait_for_a_team_that_is_gone() {
    let mut floor = Floor::with(&[CLEO]);
    floor.configures(without_the_team());
    let passed_on = Decision::Overflow { caller: CallerId(1), step: 1 };
    assert_eq!(
        floor.enters(1, DENTIST),
        [passed_on, offered(1, 1, CLEO, DENTIST, at(25))],
        "nobody there will ever have him"
    );
}

#[test]
fn a_removed_team_gives_its_running_calls_no_wrap_up() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    let mut smaller = setup();
    smaller.teams.remove(&TEAM);
    floor.configures(smaller);
    floor.ends(1);
    assert_eq!(floor.state(ANNA), AgentState::Available);
}
