//! What outlives the engine, and what a new configuration leaves alone.

use std::time::Duration;

use acd::{Forward, PracticeId, Step, Target};
use call::{
    AgentCommand, AgentId, AgentState, Config, Input, Lasting, Limits, Phone, PhoneId, Standing,
    Whose,
};
use sip::{Account, Method};

use crate::bench::{Bench, PHONE, REALM, config, sdp};

const ALICE: AgentId = AgentId(1);

fn offer() -> String {
    sdp("198.51.100.1", 3000, "8 101")
}

fn state(bench: &Bench, agent: AgentId) -> AgentState {
    bench.engine.scheduler().agent(agent).expect("she is configured").state
}

/// A new life that is told the last word of the one before.
fn restart(before: &Bench, users: &[&str]) -> Bench {
    restart_as(before, config(users, |_| ()))
}

fn restart_as(before: &Bench, config: std::sync::Arc<Config>) -> Bench {
    let mut bench = Bench::new(config);
    // The phones count on.
    bench.cseq = before.cseq;
    for standing in &before.remembered {
        // Each whole, in order: the last one counts.
        let is_last =
            before.remembered.iter().rev().find(|it| it.whose.user() == standing.whose.user());
        if is_last == Some(standing) {
            bench.input(Input::Standing(standing.clone()));
        }
    }
    bench
}

#[test]
fn a_call_reaches_the_phone_that_registered_in_an_earlier_life() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let mut next = restart(&bench, &["101"]);
    assert_eq!(state(&next, ALICE), AgentState::Available);
    next.invite("a", "", &offer());
    let invite = next.ours(&Method::Invite).expect("her phone is rung");
    next.phone_replies(&invite, 180, "");
    next.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
    assert!(matches!(state(&next, ALICE), AgentState::Talking(_)));
}

const DESK: &str = "203.0.113.20:5060";
const RECEPTION: PhoneId = PhoneId(1);

/// A practice whose own reception is rung, and nobody else.
fn with_a_reception(users: &[&str]) -> std::sync::Arc<Config> {
    config(users, |config| {
        let account = Account::new("reception", REALM, "secret");
        let (user, name) = ("reception".to_string(), "Accueil".to_string());
        config.phones.insert(RECEPTION, Phone { user, name, account });
        let floor = std::sync::Arc::make_mut(&mut config.floor);
        let practice = floor.practices.get_mut(&PracticeId(1)).expect("it is there");
        let (target, ring_for) = (Target::Phone(RECEPTION), Duration::from_secs(20));
        practice.open.steps = vec![Step::Forward(Forward { target, ring_for })];
    })
}

#[test]
fn the_reception_is_rung_at_once_whose_phone_registered_in_an_earlier_life() {
    let mut bench = Bench::new(with_a_reception(&["101"]));
    bench.register(DESK, "reception");
    assert_eq!(bench.remembered.last().unwrap().whose, Whose::Phone(RECEPTION));
    let mut next = restart_as(&bench, with_a_reception(&["101"]));
    assert_eq!(next.engine.phone_bindings(RECEPTION).count(), 1);
    next.invite("a", "", &offer());
    let invite = next.ours(&Method::Invite).expect("the reception is rung");
    assert_eq!(next.sent.last().unwrap().0.remote.to_string(), DESK);
    next.phone_replies(&invite, 200, &sdp("203.0.113.20", 4000, "8 101"));
    assert!(next.lines().contains(&"200 INVITE".to_string()), "{:?}", next.lines());
}

#[test]
fn a_reception_that_took_its_phone_away_or_is_gone_is_nowhere_in_the_next_life() {
    let mut bench = Bench::new(with_a_reception(&["101"]));
    bench.register(DESK, "reception");
    // Who has its name by then is not reached by its phone.
    let next = restart_as(&bench, config(&["reception"], |_| ()));
    assert_eq!(next.engine.bindings(ALICE).count(), 0);
    bench.run_for(Duration::from_secs(3_700));
    assert!(bench.remembered.last().unwrap().bindings.is_empty(), "its binding is over");
    let mut next = restart_as(&bench, with_a_reception(&["101"]));
    next.invite("a", "", &offer());
    assert_eq!(next.ours(&Method::Invite), None);
}

#[test]
fn a_pause_outlives_us_and_her_phone_does_not_end_it() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let command = AgentCommand::Pause { reason: 3 };
    bench.input(Input::Agent { agent: ALICE, command });
    let mut next = restart(&bench, &["101"]);
    next.register(PHONE, "101");
    assert_eq!(state(&next, ALICE), AgentState::Paused { reason: 3 });
    next.invite("a", "", &offer());
    assert_eq!(next.ours(&Method::Invite), None);
}

#[test]
fn who_logged_out_stays_so_while_her_phone_refreshes() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.input(Input::Agent { agent: ALICE, command: AgentCommand::LogOut });
    let mut next = restart(&bench, &["101"]);
    next.register(PHONE, "101");
    assert_eq!(state(&next, ALICE), AgentState::LoggedOut);
}

#[test]
fn a_pause_asked_for_in_a_call_is_remembered_before_the_call_ends() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let command = AgentCommand::Pause { reason: 1 };
    bench.input(Input::Agent { agent: ALICE, command });
    let state = Lasting::Paused { reason: 1 };
    let expected = Whose::Agent { agent: ALICE, state, misses: 0 };
    assert_eq!(bench.remembered.last().unwrap().whose, expected);
}

#[test]
fn only_changes_are_told() {
    let mut bench = Bench::with(&["101", "102"]);
    assert!(bench.remembered.is_empty());
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    bench.within("a", &to, "BYE", 2, "");
    let bye = bench.ours(&Method::Bye).expect("her phone is told");
    bench.phone_replies(&bye, 200, "");
    bench.run_for(Duration::from_secs(40));
    assert_eq!(bench.remembered.len(), 1, "registered; a call lasts in no way");
    bench.run_for(Duration::from_secs(300));
    let last: &Standing = bench.remembered.last().unwrap();
    assert!(last.bindings.is_empty(), "her binding is over");
}

#[test]
fn a_secretary_who_is_removed_logs_out_after_her_call_and_her_phone_is_a_stranger() {
    let mut bench = Bench::with(&["101", "102"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let without = config(&["101", "102"], |config| {
        config.agents.remove(&ALICE);
        config.practices.clear();
        config.trunks.clear();
        config.numbers.clear();
        let mut floor = (*config.floor).clone();
        floor.agents.remove(&ALICE);
        floor.practices.clear();
        config.floor = std::sync::Arc::new(floor);
    });
    bench.input(Input::Configure(without));
    assert!(matches!(state(&bench, ALICE), AgentState::Talking(_)));
    assert_eq!(bench.register_as(PHONE, "101", "101", "secret"), Some(401));
    // The call of a trunk and a practice that are gone ends as any other.
    bench.within("a", &to, "BYE", 2, "");
    let bye = bench.ours(&Method::Bye).expect("her phone is told");
    assert!(bench.lines().contains(&"200 BYE".to_string()), "{:?}", bench.lines());
    bench.phone_replies(&bye, 200, "");
    assert_eq!(bench.records.len(), 1);
    assert_eq!(bench.engine.scheduler().agent(ALICE), None);
}

#[test]
fn new_limits_hold_from_the_next_message_on() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let limits = Limits { calls_max: 0, ..Limits::default() };
    bench.input(Input::Configure(config(&["101"], |config| {
        config.limits = limits;
        config.registrar.expires_min = Duration::from_secs(4_000);
        config.registrar.expires_default = Duration::from_secs(3_000);
    })));
    assert_eq!(bench.register_as(PHONE, "101", "101", "secret"), Some(423));
    assert_eq!(bench.engine.bindings(ALICE).count(), 1, "what is there stays");
    bench.invite("a", "", &offer());
    assert_eq!(bench.lines(), ["100 INVITE", "486 INVITE"]);
}

#[test]
fn the_same_configuration_again_changes_nothing() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let before = bench.engine.snapshot();
    for _ in 0..100 {
        bench.input(Input::Configure(config(&["101"], |_| ())));
    }
    assert!(bench.engine.snapshot() == before);
}
