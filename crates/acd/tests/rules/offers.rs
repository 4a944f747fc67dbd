//! What becomes of an offer.

use acd::{AgentEvent, AgentState, Decision, Instant, Miss, Reason, Withdrawal};

use crate::floor::*;

fn resting(until_s: u64) -> AgentState {
    AgentState::Resting { until: at(until_s) }
}

#[test]
fn the_winner_is_served_and_talks() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.answers(1, 1), [serves(1, 1, ANNA)]);
    assert_eq!(floor.state(ANNA), AgentState::Talking(acd::CallerId(1)));
    assert_eq!(floor.next_timer(), None);
}

#[test]
fn an_offer_that_nobody_answers_expires_and_the_next_secretary_is_offered() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    let deadline = (at(25), Reason::OfferDeadline { offer: offer_id(1, 1) });
    assert_eq!(floor.next_timer(), Some(deadline));
    assert_eq!(
        floor.until(25),
        [withdrawn(1, 1, ANNA, Withdrawal::Expired), offered(1, 2, BEA, DOCTOR, at(25 + RING_S)),]
    );
    assert_eq!(floor.state(ANNA), resting(25 + NO_ANSWER_S));
}

#[test]
fn each_miss_has_its_own_delay() {
    for (miss, rest_s, misses) in [
        (Miss::Declined, DECLINED_S, 0),
        (Miss::Busy, BUSY_S, 0),
        (Miss::Unreachable, UNREACHABLE_S, 1),
        (Miss::Dropped, DROPPED_S, 1),
    ] {
        let mut floor = Floor::with(&[ANNA]);
        floor.enters(1, DOCTOR);
        assert_eq!(floor.misses(1, 1, miss), []);
        floor.clears(ANNA, 1, 1);
        assert_eq!(floor.state(ANNA), resting(10 + rest_s), "{miss:?}");
        assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, misses, "{miss:?}");
        let again = 10 + rest_s;
        assert_eq!(floor.until(again), [offered(1, 2, ANNA, DOCTOR, at(again + RING_S))]);
    }
}

#[test]
fn a_missed_caller_keeps_his_place_and_his_clock() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.until(12);
    floor.enters(2, DOCTOR);
    let before = floor.scheduler.caller(acd::CallerId(1)).unwrap().waiting;
    floor.until(14);
    floor.misses(1, 1, Miss::Declined);
    assert_eq!(floor.waiting(), [1, 2]);
    assert_eq!(floor.scheduler.waiting().next(), Some(before));
}

#[test]
fn a_secretary_who_missed_keeps_her_place_among_the_idle() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.misses(1, 1, Miss::Busy); // on to Bea
    floor.clears(ANNA, 1, 1);
    floor.leaves(1);
    floor.clears(BEA, 1, 2);
    floor.until(60);
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, ANNA, DOCTOR, at(75))]);
}

#[test]
fn whoever_was_rung_for_a_caller_who_hung_up_goes_behind_the_other_idle_without_a_miss() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    floor.until(24);
    floor.leaves(1);
    floor.clears(ANNA, 1, 1);
    let anna = floor.scheduler.agent(ANNA).unwrap();
    assert_eq!((anna.state, anna.misses), (AgentState::Available, 0));
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, BEA, DOCTOR, at(39))]);
}

#[test]
fn she_is_not_offered_again_before_her_line_is_clear() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.leaves(1), [withdrawn(1, 1, ANNA, Withdrawal::CallerLeft)]);
    assert_eq!(floor.state(ANNA), AgentState::Available);
    assert!(!floor.is_free(ANNA));
    assert_eq!(floor.enters(2, DOCTOR), []);
    assert_eq!(floor.clears(ANNA, 1, 1), [offered(2, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn a_rest_longer_than_the_clearing_still_holds_and_the_reverse() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.misses(1, 1, Miss::Dropped);
    assert_eq!(floor.until(10 + DROPPED_S), []);
    assert_eq!(floor.state(ANNA), AgentState::Available);
    floor.until(20);
    assert_eq!(floor.clears(ANNA, 1, 1), [offered(1, 2, ANNA, DOCTOR, at(35))]);
}

#[test]
fn clearing_an_earlier_offer_does_not_clear_her_line() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.leaves(1);
    floor.clears(ANNA, 1, 1);
    floor.enters(2, DOCTOR);
    floor.leaves(2);
    floor.clears(ANNA, 1, 1);
    assert!(!floor.is_free(ANNA));
    floor.clears(ANNA, 2, 1);
    assert!(floor.is_free(ANNA));
}

#[test]
fn a_stale_answer_is_refused() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.until(25); // expired, Bea rings
    let refuse = [Decision::Refuse { offer: offer_id(1, 1) }];
    assert_eq!(floor.answers(1, 1), refuse);
    assert_eq!(floor.answers(1, 2), [serves(1, 2, BEA)]);
    assert_eq!(floor.answers(1, 1), refuse);
    assert_eq!(floor.answers(1, 2), [Decision::Refuse { offer: offer_id(1, 2) }]);
}

#[test]
fn an_answer_at_the_very_deadline_is_late() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.now = at(25);
    assert_eq!(
        floor.answers(1, 1),
        [withdrawn(1, 1, ANNA, Withdrawal::Expired), Decision::Refuse { offer: offer_id(1, 1) },]
    );
}

#[test]
fn an_answer_for_a_caller_who_left_is_refused() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.leaves(1);
    assert_eq!(floor.answers(1, 1), [Decision::Refuse { offer: offer_id(1, 1) }]);
}

#[test]
fn a_stale_miss_touches_nobody() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.misses(1, 1, Miss::Declined);
    assert_eq!(floor.misses(1, 1, Miss::Declined), []);
    assert_eq!(floor.state(BEA), AgentState::Offered(offer_id(1, 2)));
    floor.answers(1, 2);
    assert_eq!(floor.misses(1, 2, Miss::Declined), []);
    assert_eq!(floor.state(BEA), AgentState::Talking(acd::CallerId(1)));
}

#[test]
fn she_stops_responding_after_too_many_misses_in_a_row() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    for generation in 1..=MISSES_MAX {
        assert_eq!(floor.state(ANNA), AgentState::Offered(offer_id(1, generation)));
        floor.misses(1, generation, Miss::Unreachable);
        floor.clears(ANNA, 1, generation);
        floor.until(10 + UNREACHABLE_S * u64::from(generation));
    }
    assert_eq!(floor.state(ANNA), AgentState::NotResponding);
    assert_eq!(floor.next_timer(), None);
    let again = floor.agent(ANNA, AgentEvent::Resume);
    assert_eq!(again, [offered(1, MISSES_MAX + 1, ANNA, DOCTOR, at(40))]);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 0);
}

#[test]
fn a_served_call_forgives_her_misses() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.misses(1, 1, Miss::Unreachable);
    floor.clears(ANNA, 1, 1);
    floor.until(20);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 1);
    floor.answers(1, 2);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 0);
}

#[test]
fn declining_never_makes_her_not_responding() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    for generation in 1..=MISSES_MAX + 2 {
        floor.misses(1, generation, Miss::Declined);
        floor.clears(ANNA, 1, generation);
        floor.until(10 + DECLINED_S * u64::from(generation));
    }
    assert_eq!(floor.state(ANNA), AgentState::Offered(offer_id(1, MISSES_MAX + 3)));
}

#[test]
fn zero_misses_max_never_makes_her_not_responding() {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).unwrap().misses_max = 0;
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.until(25);
    assert_eq!(floor.state(ANNA), resting(25 + NO_ANSWER_S));
}

#[test]
fn a_drop_before_the_caller_was_answered_puts_him_back_into_his_place() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, CLINIC);
    floor.answers(1, 1);
    assert_eq!(floor.misses(1, 1, Miss::Dropped), []);
    assert_eq!(floor.waiting(), [2, 1]); // the clinic's promise is the shorter
    assert_eq!(floor.state(ANNA), resting(10 + DROPPED_S));
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 1);
}

#[test]
fn a_dropped_caller_still_leaves_when_his_trunk_says() {
    let mut floor = Floor::with(&[ANNA]);
    floor.input(enter(1, DOCTOR, None, Some(at(60))));
    floor.answers(1, 1);
    floor.until(50);
    floor.misses(1, 1, Miss::Dropped);
    assert_eq!(floor.until(60), [Decision::Busy { caller: acd::CallerId(1) }]);
}

#[test]
fn a_returned_caller_waits_at_the_head_of_his_class() {
    let mut floor = Floor::with(&[ANNA]);
    floor.input(enter(1, DENTIST, None, Some(at(70))));
    floor.answers(1, 1);
    floor.enters(2, CLINIC);
    floor.input(enter(3, CLINIC, Some(acd::Urgency::Urgent), None));
    assert_eq!(floor.returns(1), []);
    assert_eq!(floor.state(ANNA), AgentState::Resting { until: at(10 + DROPPED_S) });
    floor.agent(ANNA, AgentEvent::Unreachable);
    assert_eq!(floor.waiting(), [3, 1, 2]);
    let returned = floor.scheduler.caller(acd::CallerId(1)).unwrap();
    assert_eq!((returned.leave_by, returned.step_end), (None, Some(at(30))));
    assert_eq!(returned.waiting.deadline, Instant::ZERO);
    assert_eq!(returned.waiting.arrival, at(10));
    assert_eq!(floor.until(20), []);
    assert_eq!(floor.starts(BEA), [offered(3, 1, BEA, CLINIC, at(35))]);
}

#[test]
fn a_returned_caller_is_offered_at_once_to_another_secretary() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    assert_eq!(floor.returns(1), [offered(1, 2, BEA, DOCTOR, at(25))]);
}

#[test]
fn she_who_vanished_comes_back_once_she_has_rested_and_her_phone_is_there() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.returns(1);
    floor.agent(ANNA, AgentEvent::Unreachable);
    assert_eq!(floor.clears(ANNA, 1, 1), []);
    let rested = 10 + DROPPED_S;
    assert_eq!(floor.until(rested + 60), []);
    assert_eq!(floor.state(ANNA), AgentState::Available);
    let deadline = at(rested + 60 + 15);
    assert_eq!(floor.starts(ANNA), [offered(1, 2, ANNA, DOCTOR, deadline)]);
}

#[test]
fn delays_of_zero_leave_her_available() {
    let mut setup = setup();
    let team = setup.teams.get_mut(&TEAM).unwrap();
    team.retry_after = acd::RetryAfter::default();
    team.ring_for = std::time::Duration::ZERO;
    team.misses_max = 0;
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.clears(ANNA, 1, 1); // even with her line clear it comes to an end
    floor.now = at(11);
    assert_eq!(
        floor.agent(ANNA, AgentEvent::Reachable),
        [
            withdrawn(1, 1, ANNA, Withdrawal::Expired),
            offered(1, 2, ANNA, DOCTOR, at(11) + std::time::Duration::from_micros(1)),
        ]
    );
    assert_eq!(floor.misses(1, 2, Miss::Declined), []);
    assert_eq!(floor.state(ANNA), AgentState::Available);
}
