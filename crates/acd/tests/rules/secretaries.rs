//! What a secretary does to her state, and when it takes effect.

use acd::{
    AgentEvent, AgentState, CallerId, Decision, Input, Lasting, Miss, Pending, Refusal, Withdrawal,
};

use crate::floor::*;

const LUNCH: AgentEvent = AgentEvent::Pause { reason: 4 };
const AT_LUNCH: AgentState = AgentState::Paused { reason: 4 };

fn wrapping_up(until_s: u64) -> AgentState {
    AgentState::WrapUp { until: at(until_s) }
}

#[test]
fn wrap_up_is_the_teams() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.answers(1, 1);
    assert_eq!(floor.ends(1), []);
    floor.clears(ANNA, 1, 1);
    assert_eq!(floor.state(ANNA), wrapping_up(10 + WRAP_UP_S));
    assert_eq!(floor.until(19), []);
    assert_eq!(floor.until(20), [offered(2, 1, ANNA, DOCTOR, at(35))]);
}

#[test]
fn her_own_wrap_up_goes_before_the_teams() {
    let mut setup = setup();
    setup.agents.get_mut(&ANNA).unwrap().wrap_up = Some(seconds(2));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.talks(ANNA, 1, 1);
    assert_eq!(floor.state(ANNA), wrapping_up(12));
}

#[test]
fn without_wrap_up_her_line_is_all_that_holds_her() {
    let mut setup = setup();
    setup.agents.get_mut(&ANNA).unwrap().wrap_up = Some(seconds(0));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.answers(1, 1);
    floor.until(30);
    assert_eq!(floor.ends(1), []);
    assert_eq!(floor.state(ANNA), AgentState::Available);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().idle_since, at(30));
    assert_eq!(floor.clears(ANNA, 1, 1), [offered(2, 1, ANNA, DOCTOR, at(45))]);
}

#[test]
fn a_caller_who_hangs_up_while_served_starts_her_wrap_up() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    assert_eq!(floor.leaves(1), []);
    assert_eq!(floor.state(ANNA), wrapping_up(20));
    assert!(floor.scheduler.caller(CallerId(1)).is_none());
}

#[test]
fn she_may_end_her_wrap_up_early() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.talks(ANNA, 1, 1);
    floor.until(13);
    let offer = [offered(2, 1, ANNA, DOCTOR, at(28))];
    assert_eq!(floor.agent(ANNA, AgentEvent::EndWrapUp), offer);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().idle_since, at(13));
}

#[test]
fn a_pause_while_idle_is_at_once_and_a_resume_puts_her_last() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.agent(ANNA, LUNCH);
    assert_eq!(floor.state(ANNA), AT_LUNCH);
    floor.until(15);
    floor.agent(ANNA, AgentEvent::Resume);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(30))]);
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, ANNA, DOCTOR, at(30))]);
}

#[test]
fn a_pause_is_effective_after_the_current_call_and_its_wrap_up() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.agent(ANNA, LUNCH);
    assert_eq!(floor.state(ANNA), AgentState::Offered(offer_id(1, 1)));
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().pending, Some(Pending::Pause { reason: 4 }));
    floor.talks(ANNA, 1, 1);
    assert_eq!(floor.state(ANNA), wrapping_up(20));
    floor.enters(2, DOCTOR);
    assert_eq!(floor.until(20), []);
    assert_eq!(floor.state(ANNA), AT_LUNCH);
}

#[test]
fn a_pause_takes_effect_when_the_offer_comes_to_nothing() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.agent(ANNA, LUNCH);
    floor.misses(1, 1, Miss::Declined);
    assert_eq!(floor.state(ANNA), AT_LUNCH);
    assert_eq!(floor.next_timer(), None);
}

#[test]
fn a_resume_before_it_took_effect_cancels_a_pause() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.agent(ANNA, LUNCH);
    floor.agent(ANNA, AgentEvent::Resume);
    floor.talks(ANNA, 1, 1);
    floor.until(20);
    assert_eq!(floor.state(ANNA), AgentState::Available);
}

#[test]
fn a_new_reason_replaces_the_pauses() {
    let mut floor = Floor::with(&[ANNA]);
    floor.agent(ANNA, LUNCH);
    floor.agent(ANNA, AgentEvent::Pause { reason: 5 });
    assert_eq!(floor.state(ANNA), AgentState::Paused { reason: 5 });
}

#[test]
fn a_registration_does_not_end_a_pause() {
    let mut floor = Floor::with(&[ANNA]);
    floor.agent(ANNA, LUNCH);
    floor.agent(ANNA, AgentEvent::Unreachable);
    floor.starts(ANNA);
    assert_eq!(floor.state(ANNA), AT_LUNCH);
}

#[test]
fn logging_out_takes_her_offer_back_and_on_to_another() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    assert_eq!(
        floor.agent(ANNA, AgentEvent::LogOut),
        [withdrawn(1, 1, ANNA, Withdrawal::LoggedOut), offered(1, 2, BEA, DOCTOR, at(25))]
    );
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 0);
}

#[test]
fn logging_out_while_talking_waits_for_the_end_and_skips_the_wrap_up() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    assert_eq!(floor.agent(ANNA, AgentEvent::LogOut), []);
    assert_eq!(floor.state(ANNA), AgentState::Talking(CallerId(1)));
    floor.ends(1);
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
}

#[test]
fn logging_out_during_wrap_up_or_rest_is_at_once_and_leaves_no_timer() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.talks(ANNA, 1, 1);
    floor.enters(2, DOCTOR);
    floor.misses(2, 1, Miss::Declined);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.agent(BEA, AgentEvent::LogOut);
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
    assert_eq!(floor.state(BEA), AgentState::LoggedOut);
    assert_eq!(floor.next_timer(), None);
}

#[test]
fn logging_in_again_during_the_call_cancels_the_logging_out() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.agent(ANNA, AgentEvent::LogIn);
    floor.ends(1);
    assert_eq!(floor.state(ANNA), wrapping_up(20));
}

#[test]
fn a_phone_that_is_gone_takes_her_offer_back_without_a_miss() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    assert_eq!(
        floor.agent(ANNA, AgentEvent::Unreachable),
        [withdrawn(1, 1, ANNA, Withdrawal::LoggedOut), offered(1, 2, BEA, DOCTOR, at(25))]
    );
    let anna = floor.scheduler.agent(ANNA).unwrap();
    assert_eq!((anna.state, anna.misses, anna.free), (AgentState::Available, 0, false));
}

#[test]
fn a_phone_that_is_gone_while_talking_only_counts_after_the_call() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.answers(1, 1);
    assert_eq!(floor.agent(ANNA, AgentEvent::Unreachable), []);
    floor.ends(1);
    floor.clears(ANNA, 1, 1);
    assert_eq!(floor.until(20), []);
    assert_eq!(floor.state(ANNA), AgentState::Available);
    floor.until(21);
    let offer = [offered(2, 1, ANNA, DOCTOR, at(36))];
    assert_eq!(floor.agent(ANNA, AgentEvent::Reachable), offer);
}

#[test]
fn a_new_registration_puts_her_last_among_the_idle_and_a_refresh_does_not() {
    let mut floor = Floor::with(&[ANNA, BEA]);
    floor.agent(ANNA, AgentEvent::Reachable);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().idle_since, at(0));
    floor.agent(ANNA, AgentEvent::Unreachable);
    floor.agent(ANNA, AgentEvent::Reachable);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().idle_since, at(10));
}

#[test]
fn only_the_secretaries_of_the_setup_are_known() {
    let mut floor = Floor::with(&[]);
    let stranger = acd::AgentId(99);
    let input = Input::Agent { agent: stranger, event: AgentEvent::LogIn };
    assert_eq!(floor.try_input(input), Err(Refusal::UnknownAgent));
    let input = Input::Cleared { agent: stranger, offer: offer_id(1, 1) };
    assert_eq!(floor.try_input(input), Err(Refusal::UnknownAgent));
}

#[test]
fn the_end_of_a_call_that_was_not_served_is_refused() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    let ended = Input::Ended { caller: CallerId(1) };
    assert_eq!(floor.try_input(ended), Err(Refusal::NotServed));
    let returned = Input::Returned { caller: CallerId(1) };
    assert_eq!(floor.try_input(returned), Err(Refusal::NotServed));
    assert_eq!(floor.answers(1, 1), [serves(1, 1, ANNA)]);
}

#[test]
fn every_change_of_her_state_is_told() {
    let mut floor = Floor::new(setup());
    let mut states = Vec::new();
    let mut step = |floor: &mut Floor, input| {
        floor.scheduler.handle(floor.now, input).unwrap();
        while let Some(decision) = floor.scheduler.poll_decision() {
            if let Decision::State { state, .. } = decision {
                states.push(state);
            }
        }
    };
    let agent = |event| Input::Agent { agent: ANNA, event };
    step(&mut floor, agent(AgentEvent::Reachable));
    step(&mut floor, agent(AgentEvent::LogIn));
    step(&mut floor, enter(1, DOCTOR, None, None));
    step(&mut floor, Input::Answered { offer: offer_id(1, 1) });
    step(&mut floor, agent(LUNCH));
    step(&mut floor, Input::Ended { caller: CallerId(1) });
    floor.now = at(WRAP_UP_S);
    step(&mut floor, Input::Cleared { agent: ANNA, offer: offer_id(1, 1) });
    step(&mut floor, agent(AgentEvent::LogOut));
    assert_eq!(
        states,
        [
            AgentState::Available,
            AgentState::Offered(offer_id(1, 1)),
            AgentState::Talking(CallerId(1)),
            wrapping_up(WRAP_UP_S),
            AT_LUNCH,
            AgentState::LoggedOut,
        ]
    );
}

#[test]
fn who_dials_a_code_is_offered_nobody_until_her_line_is_clear() {
    let mut floor = Floor::with(&[ANNA]);
    floor.agent(ANNA, AgentEvent::LineTaken);
    assert!(!floor.is_free(ANNA));
    assert_eq!(floor.enters(1, DOCTOR), []);
    floor.until(12);
    let offer = [offered(1, 1, ANNA, DOCTOR, at(27))];
    assert_eq!(floor.agent(ANNA, AgentEvent::LineClear), offer);
}

#[test]
fn a_code_dialled_while_she_talks_holds_her_line_after_the_call_too() {
    let mut setup = setup();
    setup.agents.get_mut(&ANNA).unwrap().wrap_up = Some(seconds(0));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.answers(1, 1);
    floor.agent(ANNA, AgentEvent::LineTaken);
    floor.ends(1);
    assert_eq!(floor.clears(ANNA, 1, 1), []);
    assert_eq!(floor.agent(ANNA, AgentEvent::LineClear), [offered(2, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn a_resume_logs_her_in_again() {
    let mut floor = Floor::with(&[ANNA]);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.agent(ANNA, AgentEvent::Resume);
    assert_eq!(floor.state(ANNA), AgentState::Available);
}

#[test]
fn a_resume_takes_a_log_out_back_that_waits_for_her_call() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.agent(ANNA, AgentEvent::Resume);
    floor.ends(1);
    assert_eq!(floor.state(ANNA), wrapping_up(20));
}

#[test]
fn a_pause_does_not_replace_a_log_out_that_waits_for_her_call() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.agent(ANNA, LUNCH);
    floor.ends(1);
    assert_eq!(floor.state(ANNA), AgentState::LoggedOut);
}

#[test]
fn a_log_in_ends_not_responding_and_a_phone_that_is_heard_again_does_not() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    for generation in 1..=MISSES_MAX {
        floor.misses(1, generation, Miss::Unreachable);
        floor.clears(ANNA, 1, generation);
        floor.until(10 + UNREACHABLE_S * u64::from(generation));
    }
    floor.agent(ANNA, AgentEvent::Unreachable);
    floor.agent(ANNA, AgentEvent::Reachable);
    assert_eq!(floor.state(ANNA), AgentState::NotResponding);
    let again = floor.agent(ANNA, AgentEvent::LogIn);
    assert_eq!(again, [offered(1, MISSES_MAX + 1, ANNA, DOCTOR, at(40))]);
}

#[test]
fn a_phone_that_is_heard_again_forgives_no_misses() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.misses(1, 1, Miss::Unreachable);
    floor.agent(ANNA, AgentEvent::Unreachable);
    floor.agent(ANNA, AgentEvent::Reachable);
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().misses, 1);
}

#[test]
fn she_stands_as_she_did_before_a_restart() {
    let stand = |as_before, misses| AgentEvent::Stand { as_before, misses };
    let mut floor = Floor::new(setup());
    floor.agent(ANNA, AgentEvent::Reachable);
    floor.agent(ANNA, stand(Lasting::Paused { reason: 3 }, 2));
    let anna = floor.scheduler.agent(ANNA).unwrap();
    assert_eq!((anna.state, anna.misses), (AgentState::Paused { reason: 3 }, 2));
    assert_eq!(anna.lasting(), Lasting::Paused { reason: 3 });
    // The phone that comes back by itself does not end her pause; nor does an older truth.
    floor.agent(ANNA, AgentEvent::LogIn);
    floor.agent(ANNA, stand(Lasting::Available, 0));
    assert_eq!(floor.scheduler.agent(ANNA).unwrap().state, AgentState::Paused { reason: 3 });
}

#[test]
fn what_lasts_of_a_call_is_what_she_wished_for_after_it() {
    let mut floor = Floor::new(setup());
    floor.agent(ANNA, AgentEvent::Reachable);
    floor.agent(ANNA, AgentEvent::LogIn);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    let lasting = |floor: &Floor| floor.scheduler.agent(ANNA).unwrap().lasting();
    assert_eq!(lasting(&floor), Lasting::Available);
    floor.agent(ANNA, AgentEvent::Pause { reason: 2 });
    assert_eq!(lasting(&floor), Lasting::Paused { reason: 2 });
    floor.agent(ANNA, AgentEvent::LogOut);
    assert_eq!(lasting(&floor), Lasting::LoggedOut);
}

#[test]
fn a_code_that_ends_while_she_is_in_no_setup_does_not_hold_her_line_once_she_is_back() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.agent(ANNA, AgentEvent::LineTaken);
    let mut without = setup();
    without.agents.remove(&ANNA);
    floor.configures(without);
    floor.agent(ANNA, AgentEvent::LineClear);
    floor.configures(setup());
    floor.agent(ANNA, AgentEvent::LogIn);
    floor.ends(1);
    floor.clears(ANNA, 1, 1);
    floor.agent(ANNA, AgentEvent::EndWrapUp);
    assert!(floor.is_free(ANNA));
}

#[test]
fn who_is_put_back_to_work_begins_to_count_her_calls_like_who_logs_in() {
    for back in [
        AgentEvent::LogIn,
        AgentEvent::Resume,
        AgentEvent::Stand { as_before: Lasting::Available, misses: 0 },
    ] {
        let mut floor = Floor::with(&[ANNA]);
        floor.enters(1, DOCTOR);
        floor.talks(ANNA, 1, 1);
        floor.agent(ANNA, AgentEvent::LogOut);
        floor.agent(ANNA, back);
        assert_eq!(floor.scheduler.agent(ANNA).unwrap().served, 0, "{back:?}");
    }
}
