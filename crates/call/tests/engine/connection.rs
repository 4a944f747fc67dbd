//! A phone on a TCP connection that breaks: while it is idle, rung and talking; and a trunk's.

use std::time::Duration;

use acd::AgentId;
use call::{Input, Notice, OfferOutcome};
use sip::{Flow, Message, Method, Transport};

use crate::bench::{Bench, PHONE, TRUNK, config, sdp};

const OTHER: &str = "203.0.113.8:5060";

fn offer() -> String {
    sdp("198.51.100.1", 4000, "8 101")
}

fn is_reachable(bench: &Bench) -> bool {
    bench.engine.scheduler().agent(AgentId(1)).expect("she is configured").reachable
}

/// 101 registers on this connection.
fn register(bench: &mut Bench, connection: u64) {
    bench.connects(PHONE, connection);
    bench.register(PHONE, "101");
}

/// Where the first such request went of those sent last.
fn sent(bench: &Bench, method: &Method) -> Option<Flow> {
    let is_it = |message: &Message| message.is_request() && message.method() == *method;
    bench.sent.iter().find(|(_, message)| is_it(message)).map(|(flow, _)| *flow)
}

#[test]
fn an_idle_phone_is_unreachable_until_it_registers_on_another_connection() {
    let mut bench = Bench::with(&["101"]);
    register(&mut bench, 7);
    let flow = bench.flow(PHONE);
    assert!(is_reachable(&bench) && bench.engine.knows(&flow) && bench.engine.needs(&flow));
    bench.breaks(PHONE);
    assert!(!is_reachable(&bench) && !bench.engine.knows(&flow) && !bench.engine.needs(&flow));
    assert!(bench.notices.iter().any(|it| matches!(it, Notice::Unregistered { .. })));
    bench.invite("a", "", &offer());
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE"], "he waits, nobody is rung");
    register(&mut bench, 8);
    assert_eq!(sent(&bench, &Method::Invite).expect("rung as soon as she is back").connection, 8);
}

#[test]
fn a_phone_that_breaks_off_while_it_rings_gives_its_caller_to_the_next() {
    let mut bench = Bench::with(&["101", "102"]);
    register(&mut bench, 7);
    bench.register(OTHER, "102");
    bench.invite("a", "", &offer());
    let invite = bench.ours(&Method::Invite).unwrap();
    bench.phone_replies(&invite, 180, "");
    bench.breaks(PHONE);
    assert!(!is_reachable(&bench));
    let next = sent(&bench, &Method::Invite).expect("102 is rung at once");
    assert_eq!(next.remote, OTHER.parse().unwrap());
    let is_told = |notice: &Notice| {
        let outcome = OfferOutcome::Unreachable;
        matches!(notice, Notice::OfferEnded { agent: AgentId(1), outcome: told, .. } if *told == outcome)
    };
    assert!(bench.notices.iter().any(is_told));
    // 102 does not take him; her own line is clear, and she is back on a new connection.
    register(&mut bench, 8);
    bench.run_for(Duration::from_secs(10));
    assert!(bench.sent.iter().any(|(flow, it)| it.is_request() && flow.connection == 8));
}

#[test]
fn a_conversation_outlives_its_phones_connection_and_ends_on_the_next() {
    let mut bench = Bench::with(&["101"]);
    bench.connects(PHONE, 7);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    bench.breaks(PHONE);
    assert!(bench.sent.is_empty() && !is_reachable(&bench));
    assert_eq!(bench.engine.live_calls().count(), 1);
    bench.run_for(Duration::from_secs(5));
    register(&mut bench, 8);
    assert!(is_reachable(&bench));
    bench.within("a", &to, "BYE", 2, "");
    assert_eq!(sent(&bench, &Method::Bye).expect("she is told").connection, 8);
}

#[test]
fn a_phone_that_does_not_come_back_is_told_the_end_where_its_contact_is() {
    let mut bench = Bench::with(&["101"]);
    bench.connects(PHONE, 7);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    bench.breaks(PHONE);
    bench.within("a", &to, "BYE", 2, "");
    let flow = sent(&bench, &Method::Bye).expect("she is told");
    assert_eq!((flow.remote, flow.connection), (PHONE.parse().unwrap(), 0));
    // Nobody takes the connection: her leg is over all the same.
    bench.input(Input::FlowFailed { flow });
    assert_eq!(bench.records.len(), 1);
    assert_eq!(bench.engine.endpoint_counts().dialogs, 0);
}

#[test]
fn after_a_restart_a_phone_is_reached_at_its_contact_by_a_new_connection() {
    let mut bench = Bench::with(&["101"]);
    register(&mut bench, 7);
    let standing = bench.remembered.last().expect("her phone is remembered").clone();
    let mut next = Bench::with(&["101"]);
    next.input(Input::Standing(standing.clone()));
    assert!(is_reachable(&next));
    next.invite("a", "", &offer());
    let flow = sent(&next, &Method::Invite).expect("she is rung");
    assert_eq!((flow.remote, flow.connection), (PHONE.parse().unwrap(), 0));

    // Behind a NAT there is nobody to connect to: she is there when she registers again.
    let mut standing = standing;
    standing.bindings[0].contact_uri = "sip:101@192.168.1.20:5060;transport=tcp".to_string();
    let mut next = Bench::with(&["101"]);
    next.input(Input::Standing(standing));
    assert!(!is_reachable(&next));
    register(&mut next, 1);
    assert!(is_reachable(&next));
}

#[test]
fn a_trunks_connection_that_breaks_loses_no_caller() {
    let mut bench = Bench::new(config(&["101"], |config| {
        for trunk in config.trunks.values_mut() {
            trunk.transports = vec![Transport::Tcp];
        }
    }));
    bench.connects(TRUNK, 3);
    bench.register(PHONE, "101");
    bench.invite("a", "", &offer());
    let invite = bench.ours(&Method::Invite).unwrap();
    bench.phone_replies(&invite, 180, "");
    bench.breaks(TRUNK);
    assert_eq!(bench.engine.live_calls().count(), 1);
    bench.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
    let answer = bench.sent.iter().find(|(_, message)| message.status() == Some(200));
    let flow = answer.expect("the caller is answered").0;
    assert_eq!((flow.remote, flow.connection), (TRUNK.parse().unwrap(), 0));
}

#[test]
fn a_conversation_does_not_follow_another_phone_of_hers_that_only_refreshes() {
    let mut bench = Bench::with(&["101"]);
    bench.connects(OTHER, 6);
    bench.register(OTHER, "101");
    bench.run_for(Duration::from_secs(1));
    bench.connects(PHONE, 7);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    bench.breaks(PHONE);
    bench.run_for(Duration::from_secs(5));
    bench.register(OTHER, "101");
    bench.within("a", &to, "BYE", 2, "");
    let flow = sent(&bench, &Method::Bye).expect("she is told");
    assert_eq!((flow.remote, flow.connection), (PHONE.parse().unwrap(), 0));
}

#[test]
fn a_conversation_follows_a_phone_that_was_back_before_its_old_connection_was_known_to_be_gone() {
    let mut bench = Bench::with(&["101"]);
    bench.connects(PHONE, 7);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let old = bench.flow(PHONE);
    bench.run_for(Duration::from_secs(5));
    register(&mut bench, 8);
    bench.run_for(Duration::from_secs(5));
    bench.input(Input::FlowFailed { flow: old });
    register(&mut bench, 8);
    bench.within("a", &to, "BYE", 2, "");
    assert_eq!(sent(&bench, &Method::Bye).expect("she is told").connection, 8);
}
