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

#[test]
fn a_second_phone_is_let_off_for_who_comes_and_is_his_once_her_line_is_clear() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.enters(2, DOCTOR), [withdrawn(1, 2, BEA, Withdrawal::Won)]);
    assert_eq!(floor.scheduler.agent(BEA).unwrap().misses, 0);
    assert_eq!(floor.state(BEA), AgentState::Available);
    assert_eq!(floor.enters(3, DOCTOR), [], "Anna, the first one, rings on");
    assert_eq!(floor.clears(BEA, 1, 2), [offered(2, 1, BEA, DOCTOR, at(25))]);
    assert_eq!(floor.waiting(), [3]);
}

#[test]
fn no_second_phone_is_let_off_for_who_has_one_that_is_becoming_clear() {
    let mut setup = two_ring();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").ring = 3;
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA, DORA]);
    assert_eq!(floor.enters(1, DOCTOR).len(), 3);
    assert_eq!(floor.enters(2, DOCTOR), [withdrawn(1, 2, BEA, Withdrawal::Won)], "not Dora too");
    assert_eq!(floor.enters(3, CLINIC), [withdrawn(1, 3, DORA, Withdrawal::Won)], "his own");
    floor.leaves(3);
    assert_eq!(floor.clears(DORA, 1, 3), [offered(2, 1, DORA, DOCTOR, at(25))]);
    assert_eq!(floor.clears(BEA, 1, 2).len(), 1, "she may ring as a second one again");
}

#[test]
fn a_second_phone_that_would_not_be_free_rings_on() {
    let mut floor = Floor::with_setup(two_ring(), &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.agent(BEA, AgentEvent::Pause { reason: 1 });
    assert_eq!(floor.enters(2, DOCTOR), [], "she pauses after it");

    let mut setup = two_ring();
    setup.practices.get_mut(&CLINIC).expect("it is in the setup").sites =
        Some([acd::SiteId(5)].into());
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.enters(2, CLINIC), [], "she may not have him");
}
