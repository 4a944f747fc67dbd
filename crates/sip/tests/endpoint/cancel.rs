//! CANCEL and its races (RFC 3261 §9, RFC 6026).

use std::time::Duration;

use bytes::Bytes;
use sip::{Event, HeaderName, Method};

use crate::pair::{Pair, SDP, Side, invite, is, names};
use crate::solo::Solo;

#[test]
fn a_cancel_ends_a_ringing_call_on_both_sides() {
    let mut pair = Pair::new();
    let (ours, _) = pair.ringing();
    let now = pair.now;
    pair.caller.cancel(now, ours, Some("SIP;cause=200")).unwrap();
    pair.settle();
    assert_eq!(
        pair.ladder()[3..],
        ["caller: CANCEL", "callee: 200 CANCEL", "callee: 487 INVITE", "caller: ACK"]
    );
    assert!(matches!(
        pair.callee_events.last(),
        Some(Event::Cancelled { reason: Some(reason), .. }) if reason == "SIP;cause=200"
    ));
    assert!(matches!(
        pair.caller_events.last(),
        Some(Event::Rejected { status: 487, message: Some(_), .. })
    ));
    let (invite, cancel) = (&pair.sent[0].message, &pair.sent[3].message);
    assert_eq!(invite.header(HeaderName::Via), cancel.header(HeaderName::Via));
    assert_eq!(invite.request_uri(), cancel.request_uri());
    assert_eq!(cancel.text(HeaderName::CSeq), Some("1 CANCEL"));
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_cancel_waits_for_the_first_1xx() {
    let mut pair = Pair::new();
    pair.drop = |sent, _| sent.from == Side::Callee;
    let ours = pair.invite();
    let now = pair.now;
    pair.caller.cancel(now, ours, None).unwrap();
    pair.run_for(Duration::from_millis(400));
    assert_eq!(pair.count("caller: CANCEL"), 0);
    pair.drop = |_, _| false;
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.count("caller: CANCEL"), 1);
    assert_eq!(names(&pair.callee_events), ["Invited", "Cancelled"]);
    assert!(matches!(pair.caller_events.last(), Some(Event::Rejected { status: 487, .. })));
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_200_that_crosses_our_cancel_is_acknowledged_and_ended() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.ringing();
    let now = pair.now;
    pair.caller.cancel(now, ours, None).unwrap();
    pair.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
    pair.settle();
    assert_eq!(
        pair.ladder()[3..],
        [
            "caller: CANCEL",
            "callee: 200 INVITE",
            "caller: ACK",
            "caller: BYE",
            "callee: 200 CANCEL",
            "callee: 200 BYE",
        ]
    );
    assert_eq!(names(&pair.caller_events), ["Trying", "Progress", "Crossed", "Ended"]);
    assert_eq!(names(&pair.callee_events), ["Invited", "Acked", "Ended"]);
    assert_eq!(pair.caller.counts().crossed, 1);
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_200_that_comes_before_a_waiting_cancel_is_acknowledged_and_ended() {
    let mut pair = Pair::new();
    pair.drop = |sent, _| sent.from == Side::Callee && sent.message.status() != Some(200);
    let ours = pair.invite();
    pair.settle();
    let theirs = pair.invited();
    let now = pair.now;
    pair.caller.cancel(now, ours, None).unwrap();
    pair.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
    pair.settle();
    assert_eq!(pair.count("caller: CANCEL"), 0);
    assert_eq!(names(&pair.caller_events), ["Crossed", "Ended"]);
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_cancel_after_our_final_response_gets_200_and_changes_nothing() {
    let mut pair = Pair::new();
    pair.ringing();
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)).unwrap();
    solo.lines();
    solo.request("CANCEL", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["200 CANCEL"]);
    assert!(solo.events().is_empty());
    assert!(solo.endpoint.is_open(dialog));
}

#[test]
fn a_cancel_after_our_refusal_gets_200_and_changes_nothing() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.reject(solo.now, dialog, 486, &[]).unwrap();
    solo.lines();
    solo.request("CANCEL", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["200 CANCEL"]);
    assert!(solo.events().is_empty());
}

#[test]
fn a_cancel_without_its_invite_gets_481() {
    let mut solo = Solo::new();
    solo.request("CANCEL", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["481 CANCEL"]);
}

#[test]
fn the_200_to_a_cancel_has_the_to_tag_of_the_487() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    solo.lines();
    solo.request("CANCEL", 1, "z9hG4bKa", "", "");
    let sent = solo.sent();
    assert_eq!((sent[0].status(), sent[1].status()), (Some(200), Some(487)));
    assert_eq!(sent[0].to().unwrap().tag(), sent[1].to().unwrap().tag());
    // Again: as long as the INVITE is known.
    solo.request("CANCEL", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["200 CANCEL"]);
}

#[test]
fn an_invite_that_stays_silent_after_its_cancel_is_given_up_after_64_t1() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    solo.reply(&ours, 180, "a", &[]);
    solo.events();
    solo.endpoint.cancel(solo.now, dialog, None).unwrap();
    let cancel = solo.sent().remove(0);
    solo.reply(&cancel, 200, "a", &[]);
    solo.run_for(Duration::from_millis(31_900));
    assert!(solo.events().is_empty());
    solo.run_for(Duration::from_millis(200));
    let events = solo.events();
    assert!(matches!(events[..], [Event::Rejected { status: 487, message: None, .. }]));
    assert!(!solo.endpoint.is_open(dialog));
}

#[test]
fn a_lost_cancel_is_sent_again() {
    let mut pair = Pair::new();
    let (ours, _) = pair.ringing();
    pair.drop = |sent, _| is(sent, &Method::Cancel, None);
    let now = pair.now;
    pair.caller.cancel(now, ours, None).unwrap();
    pair.run_for(Duration::from_secs(2));
    pair.drop = |_, _| false;
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.count("caller: CANCEL"), 4);
    assert_eq!(names(&pair.callee_events), ["Invited", "Cancelled"]);
}
