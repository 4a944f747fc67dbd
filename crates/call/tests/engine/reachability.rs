//! Phones that are asked by OPTIONS whether they are there.

#![expect(clippy::unwrap_used, reason = "what a test asks for is there, or it has failed")]

use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, AgentState};
use call::{Config, Input, MediaEvent, MediaSource, Stage};
use sip::{Message, Method};

use crate::bench::{Bench, PHONE, config, sdp};

const ANNA: AgentId = AgentId(1);
const INTERVAL: Duration = Duration::from_secs(20);

fn asking(users: &[&str]) -> Arc<Config> {
    config(users, |config| config.registrar.options_interval = INTERVAL)
}

fn is_reachable(bench: &Bench) -> bool {
    bench.engine.scheduler().agent(ANNA).unwrap().reachable
}

/// Runs until the phone is asked.
fn asked(bench: &mut Bench) -> Message {
    bench.sent.clear();
    for _ in 0..25 {
        bench.run_for(Duration::from_secs(1));
        if let Some(options) = bench.ours(&Method::Options) {
            return options;
        }
    }
    panic!("no OPTIONS in 25 s");
}

#[test]
fn a_phone_that_answers_anything_stays_reachable() {
    for status in [200, 405, 501] {
        let mut bench = Bench::new(asking(&["101"]));
        bench.register(PHONE, "101");
        for _ in 0..3 {
            let options = asked(&mut bench);
            assert_eq!(options.request_uri(), Some(format!("sip:101@{PHONE}").as_bytes()));
            bench.answers(&options, status);
            assert!(is_reachable(&bench));
        }
        assert_eq!(bench.engine.endpoint_counts().requests, 0);
    }
}

#[test]
fn a_phone_that_does_not_answer_is_no_longer_rung_and_comes_back_with_its_answer() {
    let mut bench = Bench::new(asking(&["101"]));
    bench.register(PHONE, "101");
    let options = asked(&mut bench);
    bench.run_for(Duration::from_secs(4));
    assert!(!is_reachable(&bench));
    bench.invite("a", "", &sdp("198.51.100.1", 4000, "8"));
    assert!(bench.ours(&Method::Invite).is_none());
    bench.sent.push((crate::bench::flow(PHONE), options.clone()));
    bench.answers(&options, 200);
    assert!(is_reachable(&bench));
    assert!(bench.ours(&Method::Invite).is_some(), "the waiting caller is hers in the same step");
}

#[test]
fn a_dead_phone_is_asked_until_it_is_back() {
    let mut bench = Bench::new(asking(&["101"]));
    bench.register(PHONE, "101");
    bench.run_for(Duration::from_secs(100));
    assert!(!is_reachable(&bench));
    let options = asked(&mut bench);
    bench.answers(&options, 200);
    assert!(is_reachable(&bench));
}

#[test]
fn a_registration_proves_the_phone_alive() {
    let mut bench = Bench::new(asking(&["101"]));
    bench.register(PHONE, "101");
    bench.run_for(Duration::from_secs(30));
    assert!(!is_reachable(&bench));
    bench.register(PHONE, "101");
    assert!(is_reachable(&bench));
}

#[test]
fn another_phone_of_hers_keeps_her_reachable() {
    let other = "203.0.113.8:5060";
    let mut bench = Bench::new(asking(&["101"]));
    bench.register(PHONE, "101");
    bench.register(other, "101");
    for _ in 0..30 {
        bench.run_for(Duration::from_secs(1));
        let to_other = |flow: &sip::Flow| flow.remote == other.parse().unwrap();
        let asked: Vec<Message> = bench
            .sent
            .iter()
            .filter(|(flow, it)| to_other(flow) && it.is_request())
            .map(|(_, it)| it.clone())
            .collect();
        for options in asked {
            bench.answers(&options, 200);
        }
    }
    assert!(is_reachable(&bench));
}

#[test]
fn a_phone_in_a_call_is_not_asked_besides() {
    let mut bench = Bench::new(asking(&["101"]));
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    bench.within("a", &to, "ACK", 1, "");
    bench.sent.clear();
    bench.run_for(Duration::from_secs(60));
    assert!(bench.lines().is_empty());
    assert!(is_reachable(&bench));
}

#[test]
fn a_phone_that_vanished_from_a_call_is_asked_at_once_and_back_with_its_answer() {
    let mut bench = Bench::new(asking(&["101"]));
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    bench.within("a", &to, "ACK", 1, "");
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.sent.clear();
    bench.run_for(Duration::from_secs(3));
    assert!(!is_reachable(&bench), "the leg is lost");
    let options = bench.ours(&Method::Options).expect("asked out of the dialog");
    bench.answers(&options, 200);
    assert!(is_reachable(&bench));
}

#[test]
fn a_phone_that_is_gone_is_not_asked() {
    let mut bench = Bench::new(config(&["101"], |config| {
        config.registrar.options_interval = INTERVAL;
        config.registrar.expires_default = Duration::from_secs(60);
    }));
    bench.register(PHONE, "101");
    bench.run_for(Duration::from_secs(120));
    bench.sent.clear();
    bench.run_for(Duration::from_secs(120));
    assert!(bench.lines().is_empty());
    assert_eq!(bench.engine.poll_timeout(), None);
}

#[test]
fn where_nobody_is_registered_any_longer_is_forgotten_when_others_die() {
    let (first, second) = ("203.0.113.8:5060", "203.0.113.9:5060");
    let mut bench = Bench::new(config(&["101"], |config| {
        config.registrar.options_interval = INTERVAL;
        config.registrar.expires_default = Duration::from_secs(60);
    }));
    for from in [first, second] {
        bench.register(from, "101");
        bench.run_for(Duration::from_secs(30));
        assert!(bench.engine.is_dead(&crate::bench::flow(from)));
        bench.run_for(Duration::from_secs(31));
    }
    assert!(!bench.engine.is_dead(&crate::bench::flow(first)));
}

#[test]
fn a_flow_that_several_share_is_not_asked_while_one_of_them_talks_on_it() {
    let mut bench = Bench::new(asking(&["101", "102"]));
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    bench.within("a", &to, "ACK", 1, "");
    bench.register(PHONE, "102");
    bench.sent.clear();
    bench.run_for(Duration::from_secs(50));
    assert!(bench.lines().is_empty(), "{:?}", bench.lines());
}

#[test]
fn without_an_interval_no_phone_is_asked() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.sent.clear();
    bench.run_for(Duration::from_secs(200));
    assert!(bench.lines().is_empty());
    assert!(is_reachable(&bench));
}

#[test]
fn a_phone_that_was_heard_since_it_was_asked_is_not_dead_for_the_question_it_missed() {
    let mut bench = Bench::new(asking(&["101"]));
    bench.register(PHONE, "101");
    asked(&mut bench);
    bench.run_for(Duration::from_secs(31));
    assert!(!is_reachable(&bench));
    bench.register(PHONE, "101");
    assert!(is_reachable(&bench));
    bench.run_for(Duration::from_secs(2));
    assert!(is_reachable(&bench), "the old question timed out");
}

#[test]
fn a_silent_leg_that_could_not_be_asked_for_want_of_room_is_asked_later() {
    let users: Vec<String> = (101..=125).map(|user: u16| user.to_string()).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let mut bench = Bench::new(asking(&users));
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    bench.within("a", &to, "ACK", 1, "");
    for (user, host) in users.iter().zip(10..).skip(1) {
        bench.register(&format!("203.0.113.{host}:5060"), user);
    }
    bench.input(Input::Configure(config(&users, |config| {
        config.registrar.options_interval = INTERVAL;
        config.limits.transactions_max = 0;
    })));
    // Phones that do not answer take all the room that there is.
    bench.run_for(INTERVAL);
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    assert!(bench.lines().is_empty());
    bench.input(Input::Configure(asking(&users)));
    bench.run_for(Duration::from_secs(13));
    let stages: Vec<Stage> = bench.engine.live_calls().map(|call| call.stage).collect();
    assert!(matches!(stages[..], [Stage::Returned { .. }]), "asked, and lost: {stages:?}");
}

#[test]
fn who_stops_asking_phones_has_those_back_that_did_not_answer_and_who_begins_asks_all() {
    let mut bench = Bench::new(asking(&["101"]));
    bench.register(PHONE, "101");
    bench.run_for(Duration::from_secs(30));
    assert!(!is_reachable(&bench));
    bench.input(Input::Configure(config(&["101"], |_| ())));
    assert!(is_reachable(&bench));
    bench.run_for(Duration::from_secs(40));
    assert!(is_reachable(&bench), "nothing of before is held against it");
    bench.input(Input::Configure(asking(&["101"])));
    let options = asked(&mut bench);
    bench.answers(&options, 200);
    assert!(is_reachable(&bench));
}

#[test]
fn who_vanished_from_a_call_on_one_phone_is_reachable_on_another() {
    let mut bench = Bench::new(asking(&["101"]));
    bench.connects("203.0.113.8:5060", 6);
    bench.register("203.0.113.8:5060", "101");
    bench.run_for(Duration::from_secs(1));
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    bench.within("a", &to, "ACK", 1, "");
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.run_for(Duration::from_secs(3));
    let stages: Vec<Stage> = bench.engine.live_calls().map(|call| call.stage).collect();
    assert!(matches!(stages[..], [Stage::Returned { .. }]), "{stages:?}");
    assert!(is_reachable(&bench));
}

#[test]
fn who_is_removed_in_her_call_and_written_back_before_its_end_takes_calls_once_her_phone_is_there()
{
    let with = || config(&["101", "102"], |_| ());
    let without = config(&["101", "102"], |config| {
        config.agents.remove(&AgentId(1));
        Arc::make_mut(&mut config.floor).agents.remove(&AgentId(1));
    });
    let mut bench = Bench::new(with());
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    let invite = bench.rung.clone().unwrap();
    bench.within("a", &to, "ACK", 1, "");
    bench.input(Input::Configure(without));
    bench.input(Input::Configure(with()));
    assert!(!is_reachable(&bench), "her registration went with her");
    bench.run_for(Duration::from_secs(10));
    bench.phone_within(&invite, "BYE", 2, "");
    bench.run_for(Duration::from_secs(10));
    let state = |bench: &Bench| bench.engine.scheduler().agent(AgentId(1)).unwrap().state;
    assert_eq!(state(&bench), AgentState::Available, "and not logged out");
    bench.register(PHONE, "101");
    assert!(is_reachable(&bench));
    bench.invite("b", "", &sdp("198.51.100.1", 4000, "8 101"));
    assert!(bench.ours(&Method::Invite).is_some());
}
