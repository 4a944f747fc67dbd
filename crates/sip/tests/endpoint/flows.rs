//! Requests that are too large for a datagram, and connections that break.

use std::time::Duration;

use bytes::Bytes;
use sip::{DialogKey, Event, Flow, HeaderName, Invite, Message, Method, Transport};

use crate::pair::{Pair, SDP, Side, invite, is};
use crate::solo::Solo;

/// An INVITE of more than 1,300 octets.
fn large(flow: Flow) -> Invite {
    let mut order = invite(flow);
    order.headers.push(("Subject".to_string(), "x".repeat(1_000)));
    order
}

fn invite_largely(pair: &mut Pair) -> DialogKey {
    let order = large(pair.flow(Side::Caller));
    let now = pair.now;
    let dialog = pair.caller.invite(now, order).unwrap();
    pair.settle();
    dialog
}

fn via(message: &Message) -> &str {
    message.text(HeaderName::Via).unwrap()
}

#[test]
fn a_large_request_goes_by_tcp_and_its_dialog_by_udp() {
    let mut pair = Pair::new();
    let ours = invite_largely(&mut pair);
    let theirs = pair.invited();
    let sent = pair.sent.iter().find(|sent| is(sent, &Method::Invite, None)).unwrap();
    assert!(via(&sent.message).starts_with("SIP/2.0/TCP 192.0.2.1:5060;"));
    assert_eq!(sent.message.text(HeaderName::Contact), Some("<sip:ann@192.0.2.1:5060>"));
    let (now, answer) = (pair.now, Bytes::from_static(SDP));
    pair.callee.answer(now, theirs, &[], answer).unwrap();
    pair.settle();
    let now = pair.now;
    pair.caller.ack(now, ours, None).unwrap();
    pair.settle();
    let ack = pair.sent.iter().find(|sent| is(sent, &Method::Ack, None)).unwrap();
    assert!(via(&ack.message).starts_with("SIP/2.0/UDP "), "what is small needs no connection");
    let now = pair.now;
    pair.caller.bye(now, ours, None).unwrap();
    pair.run_out();
    pair.assert_empty();
    assert_eq!(pair.caller.counts().retransmissions, 0);
}

#[test]
fn a_large_requests_cancel_and_the_ack_to_its_refusal_go_by_tcp_too() {
    let mut pair = Pair::new();
    let ours = invite_largely(&mut pair);
    let now = pair.now;
    pair.caller.cancel(now, ours, None).unwrap();
    pair.run_out();
    pair.assert_empty();
    for method in [Method::Cancel, Method::Ack] {
        let sent = pair.sent.iter().find(|sent| is(sent, &method, None)).unwrap();
        assert!(via(&sent.message).starts_with("SIP/2.0/TCP "), "{method}");
    }
}

#[test]
fn where_nobody_takes_tcp_it_goes_by_udp_at_once_and_the_next_one_does_not_ask() {
    let mut pair = Pair::new();
    pair.takes_tcp = false;
    let begun = pair.now;
    invite_largely(&mut pair);
    let first = pair.sent.iter().find(|sent| is(sent, &Method::Invite, None)).unwrap();
    assert!(via(&first.message).starts_with("SIP/2.0/UDP "));
    assert_eq!(first.at, begun + pair.latency, "as soon as the refusal is known");
    assert_eq!(pair.count("caller: INVITE"), 1, "and once");
    let begun = pair.now;
    invite_largely(&mut pair);
    let second = pair.sent.iter().rev().find(|sent| is(sent, &Method::Invite, None)).unwrap();
    assert_eq!(second.at, begun);
    // Over UDP it is sent again as any other, and given up as any other.
    pair.drop = |sent, _| is(sent, &Method::Invite, None);
    invite_largely(&mut pair);
    pair.run_for(Duration::from_secs(40));
    assert_eq!(pair.count("caller: INVITE"), 2 + 6);
    let is_timeout = |event: &Event| matches!(event, Event::Rejected { status: 408, .. });
    assert!(pair.caller_events.iter().any(is_timeout));
}

#[test]
fn a_peer_who_had_it_by_tcp_takes_the_one_by_udp_for_the_same() {
    let mut pair = Pair::new();
    // The peer got the INVITE; the connection breaks before a word of his comes back.
    pair.drop = |sent, _| sent.from == Side::Callee && sent.message.status() == Some(100);
    invite_largely(&mut pair);
    let tcp = Flow { transport: Transport::Tcp, connection: 0, ..pair.flow(Side::Caller) };
    let now = pair.now;
    pair.caller.handle_transport_error(now, &tcp);
    pair.settle();
    assert_eq!(pair.count("caller: INVITE"), 2);
    let invited = pair.callee_events.iter().filter(|it| matches!(it, Event::Invited { .. }));
    assert_eq!(invited.count(), 1, "rung once");
}

#[test]
fn a_connection_that_breaks_after_a_word_of_theirs_fails_the_request() {
    let mut pair = Pair::new();
    invite_largely(&mut pair);
    let tcp = Flow { transport: Transport::Tcp, connection: 0, ..pair.flow(Side::Caller) };
    let now = pair.now;
    pair.caller.handle_transport_error(now, &tcp);
    pair.settle();
    assert_eq!(pair.count("caller: INVITE"), 1);
    let is_failed = |event: &Event| matches!(event, Event::Rejected { status: 503, .. });
    assert!(pair.caller_events.iter().any(is_failed));
}

fn tcp() -> Solo {
    let mut solo = Solo::new();
    solo.flow = Flow {
        transport: Transport::Tcp,
        remote: "192.0.2.2:40000".parse().unwrap(),
        connection: 7,
        ..solo.flow
    };
    solo
}

/// The peer's INVITE on its connection; the dialog that we see.
fn invited(solo: &mut Solo) -> DialogKey {
    solo.request("INVITE", 1, "z9hG4bKinvite", "", "");
    solo.transmits();
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    dialog
}

#[test]
fn an_answer_whose_connection_is_gone_goes_to_the_port_that_via_names() {
    let mut solo = tcp();
    let dialog = invited(&mut solo);
    let flow = solo.flow;
    assert!(solo.endpoint.has_dialog_on(&flow));
    solo.endpoint.handle_transport_error(solo.now, &flow);
    assert!(solo.events().is_empty(), "he may still be answered");
    assert!(!solo.endpoint.has_dialog_on(&flow));
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)).unwrap();
    let to = Flow { remote: "192.0.2.2:5070".parse().unwrap(), connection: 0, ..flow };
    assert_eq!(solo.transmits()[0].flow, to);
    // Again until its ACK, on a stream too (§13.3.1.4).
    solo.run_for(Duration::from_secs(1));
    assert_eq!(solo.transmits()[0].flow, to);
}

#[test]
fn what_was_sent_on_a_connection_that_breaks_is_sent_again_on_the_next() {
    let mut solo = tcp();
    let dialog = invited(&mut solo);
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)).unwrap();
    solo.transmits();
    let flow = solo.flow;
    solo.endpoint.handle_transport_error(solo.now, &flow);
    solo.run_for(Duration::from_secs(1));
    let next = solo.transmits();
    assert_eq!(next[0].flow.remote, "192.0.2.2:5070".parse().unwrap());

    let mut solo = tcp();
    let dialog = invited(&mut solo);
    solo.endpoint.reject(solo.now, dialog, 486, &[]).unwrap();
    assert_eq!(solo.lines(), ["486 INVITE"]);
    solo.run_for(Duration::from_secs(5));
    assert!(solo.lines().is_empty(), "nothing is sent again on a stream");
    solo.endpoint.handle_transport_error(solo.now, &flow);
    let next = solo.transmits();
    assert_eq!((next.len(), next[0].flow.connection), (1, 0));
}

#[test]
fn a_dialog_goes_on_where_its_peer_is_heard_next() {
    let mut solo = tcp();
    let dialog = invited(&mut solo);
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)).unwrap();
    let answer = solo.sent().remove(0);
    let to = answer.to().unwrap().tag().unwrap().to_string();
    solo.request("ACK", 1, "z9hG4bKack", &format!(";tag={to}"), "");
    let first = solo.flow;
    let back = Flow { remote: "192.0.2.2:40001".parse().unwrap(), connection: 8, ..first };
    solo.endpoint.follow(dialog, back).unwrap();
    let ask = |solo: &mut Solo| {
        solo.endpoint.request_within(solo.now, dialog, Method::Info, &[], None).unwrap();
        solo.transmits()[0].flow
    };
    assert_eq!(ask(&mut solo), first, "its connection is there");
    solo.endpoint.handle_transport_error(solo.now, &first);
    let contact = Flow { remote: "192.0.2.2:5070".parse().unwrap(), connection: 0, ..first };
    assert_eq!(ask(&mut solo), contact);
    solo.endpoint.follow(dialog, back).unwrap();
    assert_eq!(ask(&mut solo), back);
    // A request of his on a third one moves it as well.
    solo.endpoint.handle_transport_error(solo.now, &back);
    solo.flow = Flow { connection: 9, ..back };
    solo.request("INFO", 2, "z9hG4bKinfo", &format!(";tag={to}"), "");
    let third = solo.flow;
    solo.transmits();
    assert_eq!(ask(&mut solo), third);
}
