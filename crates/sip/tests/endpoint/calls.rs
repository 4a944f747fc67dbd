//! Calls as they go when nothing goes wrong, and when packets are lost.

use std::time::Duration;

use bytes::Bytes;
use sip::{EndedBy, Event, HeaderName, Method};

use crate::pair::{Pair, SDP, Side, is, names};

#[test]
fn a_call_is_placed_answered_and_ended_by_its_caller() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.talking();
    let now = pair.now;
    pair.caller.bye(now, ours, Some("Q.850;cause=16")).unwrap();
    pair.settle();
    assert_eq!(
        pair.ladder(),
        [
            "caller: INVITE",
            "callee: 100 INVITE",
            "callee: 180 INVITE",
            "callee: 200 INVITE",
            "caller: ACK",
            "caller: BYE",
            "callee: 200 BYE",
        ]
    );
    assert_eq!(names(&pair.caller_events), ["Trying", "Progress", "Answered", "Ended"]);
    assert_eq!(names(&pair.callee_events), ["Invited", "Acked", "Ended"]);
    assert!(matches!(
        pair.callee_events.last(),
        Some(Event::Ended { dialog, by: EndedBy::Remote, reason: Some(reason) })
            if *dialog == theirs && reason == "Q.850;cause=16"
    ));
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_call_is_ended_by_its_callee() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.talking();
    let now = pair.now;
    pair.callee.bye(now, theirs, None).unwrap();
    pair.settle();
    assert_eq!(pair.ladder()[5..], ["callee: BYE", "caller: 200 BYE"]);
    assert!(matches!(pair.callee_events.last(), Some(Event::Ended { by: EndedBy::Local, .. })));
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn our_invite_has_all_that_the_rfc_asks_for() {
    let mut pair = Pair::new();
    pair.invite();
    let invite = &pair.sent[0].message;
    let via = invite.top_via().unwrap();
    assert!(via.branch().unwrap().starts_with("z9hG4bK") && via.branch().unwrap().len() == 39);
    assert!(via.has_rport());
    assert_eq!(invite.text(HeaderName::Contact), Some("<sip:ann@192.0.2.1:5060>"));
    assert_eq!(invite.text(HeaderName::MaxForwards), Some("70"));
    assert_eq!(invite.text(HeaderName::Allow), Some("INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"));
    assert_eq!(invite.text(HeaderName::UserAgent), Some("test"));
    assert_eq!(invite.text(HeaderName::CSeq), Some("1 INVITE"));
    assert_eq!(invite.from().unwrap().display_name().as_deref(), Some("Ann"));
    assert_eq!(invite.from().unwrap().tag().map(str::len), Some(16));
    assert_eq!(invite.to().unwrap().tag(), None);
    assert_eq!(invite.body(), SDP);
}

#[test]
fn answers_carry_our_contact_and_one_to_tag() {
    let mut pair = Pair::new();
    pair.talking();
    let responses: Vec<_> =
        pair.sent.iter().filter(|sent| sent.message.status().is_some_and(|s| s > 100)).collect();
    let tags: Vec<_> = responses.iter().map(|sent| sent.message.to().unwrap().tag()).collect();
    assert_eq!(tags.len(), 2);
    assert!(tags[0].is_some() && tags[0] == tags[1]);
    for sent in responses {
        assert_eq!(sent.message.text(HeaderName::Contact), Some("<sip:0123456789@192.0.2.2:5070>"));
    }
}

#[test]
fn over_tcp_nothing_is_sent_twice_but_an_unacknowledged_answer() {
    let mut pair = Pair::tcp();
    let (_, theirs) = pair.ringing();
    pair.run_for(Duration::from_secs(40));
    assert_eq!(pair.caller.counts().retransmissions + pair.callee.counts().retransmissions, 0);
    let now = pair.now;
    pair.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
    pair.run_for(Duration::from_millis(600));
    assert_eq!(pair.count("callee: 200 INVITE"), 2);
}

#[test]
fn an_invite_is_sent_again_after_t1_doubling_and_rejected_as_408_after_64_t1() {
    let mut pair = Pair::new();
    pair.drop = |_, _| true;
    pair.invite();
    let start = pair.now;
    pair.run_out();
    let times: Vec<_> =
        pair.sent.iter().map(|sent| sent.at.saturating_duration_since(start).as_millis()).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500]);
    assert!(matches!(pair.caller_events[..], [Event::Rejected { status: 408, message: None, .. }]));
    assert_eq!(pair.now.saturating_duration_since(start), Duration::from_secs(32));
    pair.assert_empty();
}

#[test]
fn a_lost_invite_and_a_lost_100_cost_a_retransmission_each() {
    let mut pair = Pair::new();
    pair.drop = |sent, index| index == 0 || (is(sent, &Method::Invite, Some(100)) && index == 2);
    pair.invite();
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.count("caller: INVITE"), 3);
    assert_eq!(pair.count("callee: 100 INVITE"), 2);
    assert_eq!(names(&pair.callee_events), ["Invited"]);
}

#[test]
fn a_lost_200_is_sent_again_and_each_copy_is_acknowledged() {
    let mut pair = Pair::new();
    pair.drop = |sent, _| sent.from == Side::Caller && is(sent, &Method::Ack, None);
    pair.talking();
    pair.run_for(Duration::from_secs(4));
    // 0, 0.5, 1.5, 3.5 s.
    assert_eq!(pair.count("callee: 200 INVITE"), 4);
    assert_eq!(pair.count("caller: ACK"), 4);
    assert_eq!(names(&pair.callee_events), ["Invited"]);
    pair.drop = |_, _| false;
    pair.run_for(Duration::from_secs(8));
    assert_eq!(names(&pair.callee_events), ["Invited", "Acked"]);
    assert_eq!(names(&pair.caller_events), ["Trying", "Progress", "Answered"]);
}

#[test]
fn an_answer_without_ack_ends_in_bye_after_64_t1() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.ringing();
    pair.drop = |sent, _| is(sent, &Method::Ack, None);
    let now = pair.now;
    pair.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
    pair.run_for(Duration::from_millis(31_999));
    assert_eq!(names(&pair.callee_events), ["Invited"]);
    pair.settle();
    assert_eq!(names(&pair.callee_events), ["Invited", "AckMissing", "Ended"]);
    // T1 doubling up to T2: 0, 0.5, 1.5, 3.5, 7.5, 11.5, … 31.5 s.
    assert_eq!(pair.count("callee: 200 INVITE"), 11);
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_bye_of_the_callee_waits_for_the_ack() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.ringing();
    let now = pair.now;
    pair.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
    pair.callee.bye(now, theirs, None).unwrap();
    pair.settle();
    assert_eq!(pair.count("callee: BYE"), 0);
    let now = pair.now;
    pair.caller.ack(now, ours, None).unwrap();
    pair.settle();
    assert_eq!(
        pair.ladder()[3..],
        ["callee: 200 INVITE", "caller: ACK", "callee: BYE", "caller: 200 BYE"]
    );
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_bye_before_our_ack_acknowledges_first() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.ringing();
    let now = pair.now;
    pair.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
    pair.settle();
    let now = pair.now;
    pair.caller.bye(now, ours, None).unwrap();
    pair.settle();
    assert_eq!(pair.ladder()[4..], ["caller: ACK", "caller: BYE", "callee: 200 BYE"]);
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_refusal_is_sent_again_until_its_ack_and_absorbed_by_the_caller() {
    let mut pair = Pair::new();
    let (_, theirs) = pair.ringing();
    pair.drop = |sent, _| is(sent, &Method::Ack, None);
    let now = pair.now;
    pair.callee.reject(now, theirs, 486, &[]).unwrap();
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.count("callee: 486 INVITE"), 3);
    assert_eq!(pair.count("caller: ACK"), 3);
    assert!(!pair.callee.is_open(theirs));
    pair.drop = |_, _| false;
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.count("callee: 486 INVITE"), 4);
    pair.run_out();
    assert_eq!(pair.count("callee: 486 INVITE"), 4);
    assert!(matches!(
        pair.caller_events.last(),
        Some(Event::Rejected { status: 486, message: Some(_), .. })
    ));
    pair.assert_empty();
}
