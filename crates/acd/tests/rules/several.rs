//! A team that lets several phones ring for one caller.

use acd::{AgentEvent, AgentId, AgentState, Decision, Miss, Withdrawal};

use crate::floor::*;

const DORA: AgentId = AgentId(4);

fn two_ring() -> acd::Setup {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").ring = 2;
    setup.agents.insert(DORA, agent(&[TEAM]));
    setup
}

#[test]
fn two_phones_ring_for_one_caller_and_the_first_answer_wins() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA, BEA, DORA]);
    assert_eq!(
        floor.enters(1, DOCTOR),
        [offered(1, 1, ANNA, DOCTOR, at(25)), offered(1, 2, BEA, DOCTOR, at(25))]
    );
    assert_eq!(floor.answers(1, 2), [serves(1, 2, BEA), withdrawn(1, 1, ANNA, Withdrawal::Won)]);
    assert_eq!(floor.answers(1, 1), [Decision::Refuse { offer: offer_id(1, 1) }], "too late");
    assert_eq!(floor.state(ANNA), AgentState::Available);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 0);
}

#[test]
fn who_waits_goes_before_a_second_phone_for_who_is_offered() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.agent(BEA, AgentEvent::Reachable);
    assert_eq!(floor.agent(BEA, AgentEvent::LogIn), [offered(2, 1, BEA, DOCTOR, at(25))]);
    floor.agent(DORA, AgentEvent::Reachable);
    assert_eq!(floor.agent(DORA, AgentEvent::LogIn), [offered(1, 2, DORA, DOCTOR, at(25))]);
}

#[test]
fn a_second_phone_that_declines_is_replaced_and_the_first_rings_on() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA, BEA, DORA]);
    floor.enters(1, DOCTOR);
    floor.until(12);
    assert_eq!(floor.misses(1, 2, Miss::Declined), [offered(1, 3, DORA, DOCTOR, at(27))]);
    assert_eq!(floor.state(ANNA), AgentState::Offered(offer_id(1, 1)));
    assert_eq!(floor.answers(1, 1), [serves(1, 1, ANNA), withdrawn(1, 3, DORA, Withdrawal::Won)]);
}

#[test]
fn a_caller_who_leaves_lets_off_all_phones() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    assert_eq!(
        floor.leaves(1),
        [
            withdrawn(1, 1, ANNA, Withdrawal::CallerLeft),
            withdrawn(1, 2, BEA, Withdrawal::CallerLeft)
        ]
    );
}

#[test]
fn the_last_phone_that_rings_out_makes_him_wait_again() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    assert_eq!(
        floor.until(25),
        [withdrawn(1, 1, ANNA, Withdrawal::Expired), withdrawn(1, 2, BEA, Withdrawal::Expired)]
    );
    assert_eq!(floor.waiting(), [1]);
}
