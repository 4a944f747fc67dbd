//! Requests in dialogs (RFC 3261 §12.2, §14, §15; RFC 3311).

use std::time::Duration;

use bytes::Bytes;
use sip::{EndedBy, Event, HeaderName, Method, Misuse};

use crate::pair::{Pair, SDP, is, names};
use crate::solo::Solo;

/// Their INVITE, answered and acknowledged; the To parameters of what they send next.
fn confirmed(solo: &mut Solo) -> (sip::DialogKey, String) {
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)).unwrap();
    let answer = solo.sent().pop().unwrap();
    let to = format!(";tag={}", answer.to().unwrap().tag().unwrap());
    solo.request("ACK", 1, "z9hG4bKack", &to, "");
    assert_eq!(names(&solo.events()), ["Acked"]);
    (dialog, to)
}

#[test]
fn a_reinvite_is_answered_and_acknowledged() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.talking();
    let now = pair.now;
    pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
    pair.settle();
    let Some(Event::Reinvited { dialog, request, .. }) = pair.callee_events.last() else {
        panic!("{:?}", pair.callee_events);
    };
    assert_eq!(*dialog, theirs);
    let (now, request) = (pair.now, *request);
    let body = Some(("application/sdp", SDP));
    pair.callee.respond(now, request, 200, &[], body).unwrap();
    pair.settle();
    assert_eq!(
        pair.ladder()[5..],
        ["caller: INVITE", "callee: 100 INVITE", "callee: 200 INVITE", "caller: ACK"]
    );
    assert!(matches!(pair.caller_events.last(), Some(Event::Reanswered { result: Ok(_), .. })));
    assert_eq!(names(&pair.callee_events), ["Invited", "Acked", "Reinvited", "Acked"]);
    let now = pair.now;
    pair.callee.bye(now, theirs, None).unwrap();
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn reinvites_that_cross_are_both_491_and_both_may_try_again() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.talking();
    let now = pair.now;
    pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
    pair.callee.reinvite(now, theirs, Bytes::from_static(SDP)).unwrap();
    pair.settle();
    for events in [&pair.caller_events, &pair.callee_events] {
        assert!(matches!(events.last(), Some(Event::Reanswered { result: Err(491), .. })));
    }
    let now = pair.now;
    pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
    pair.settle();
    assert!(matches!(pair.callee_events.last(), Some(Event::Reinvited { .. })));
}

#[test]
fn a_second_reinvite_of_ours_waits_for_the_first() {
    let mut pair = Pair::new();
    let (ours, _) = pair.talking();
    let now = pair.now;
    pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
    assert_eq!(pair.caller.reinvite(now, ours, Bytes::from_static(SDP)), Err(Misuse::Pending));
}

#[test]
fn a_lost_ack_to_a_reinvite_is_recovered() {
    let mut pair = Pair::new();
    let (ours, _) = pair.talking();
    pair.drop = |sent, _| is(sent, &Method::Ack, None);
    let now = pair.now;
    pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
    pair.settle();
    let Some(Event::Reinvited { request, .. }) = pair.callee_events.last() else { panic!() };
    let (now, request) = (pair.now, *request);
    pair.callee.respond(now, request, 200, &[], None).unwrap();
    pair.run_for(Duration::from_secs(2));
    assert_eq!(names(&pair.callee_events), ["Invited", "Acked", "Reinvited"]);
    pair.drop = |_, _| false;
    pair.run_for(Duration::from_secs(4));
    assert_eq!(names(&pair.callee_events), ["Invited", "Acked", "Reinvited", "Acked"]);
}

#[test]
fn a_cancelled_reinvite_leaves_the_dialog_and_kills_its_request_key() {
    let mut solo = Solo::new();
    let (dialog, to) = confirmed(&mut solo);
    solo.request("INVITE", 2, "z9hG4bKr", &to, "");
    let events = solo.events();
    let [Event::Reinvited { request, .. }] = events[..] else { panic!("{events:?}") };
    solo.lines();
    solo.request("CANCEL", 2, "z9hG4bKr", &to, "");
    assert_eq!(solo.lines(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(solo.endpoint.respond(solo.now, request, 200, &[], None), Err(Misuse::Gone));
    assert!(solo.endpoint.is_open(dialog));
    solo.request("INVITE", 3, "z9hG4bKs", &to, "");
    assert_eq!(names(&solo.events()), ["Reinvited"]);
}

#[test]
fn a_bye_answers_what_is_pending_with_487() {
    let mut solo = Solo::new();
    let (dialog, to) = confirmed(&mut solo);
    solo.request("INVITE", 2, "z9hG4bKr", &to, "");
    solo.request("INFO", 3, "z9hG4bKi", &to, "");
    solo.lines();
    solo.request("BYE", 4, "z9hG4bKb", &to, "Reason: Q.850;cause=16");
    assert_eq!(solo.lines(), ["200 BYE", "487 INFO", "487 INVITE"]);
    assert!(matches!(
        solo.events().last(),
        Some(Event::Ended { by: EndedBy::Remote, reason: Some(_), .. })
    ));
    assert!(!solo.endpoint.is_open(dialog));
    // Again, after the dialog is gone: its transaction answers.
    solo.request("BYE", 4, "z9hG4bKb", &to, "Reason: Q.850;cause=16");
    assert_eq!(solo.lines(), ["200 BYE"]);
}

#[test]
fn a_bye_in_an_early_dialog_gets_200_and_the_invite_487() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.progress(solo.now, dialog, 180, &[], None).unwrap();
    let ringing = solo.sent().pop().unwrap();
    let to = format!(";tag={}", ringing.to().unwrap().tag().unwrap());
    solo.request("BYE", 2, "z9hG4bKb", &to, "");
    assert_eq!(solo.lines(), ["200 BYE", "487 INVITE"]);
    assert_eq!(names(&solo.events()), ["Ended"]);
    solo.request("ACK", 1, "z9hG4bKa", &to, "");
    solo.run_for(Duration::from_secs(40));
    let counts = solo.endpoint.counts();
    assert_eq!((counts.server_transactions, counts.timers, counts.dialogs), (0, 0, 0));
}

#[test]
fn a_bye_before_the_ack_ends_the_call_and_stops_the_200() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)).unwrap();
    let answer = solo.sent().pop().unwrap();
    let to = format!(";tag={}", answer.to().unwrap().tag().unwrap());
    solo.request("BYE", 2, "z9hG4bKb", &to, "");
    assert_eq!(solo.lines(), ["200 BYE"]);
    assert_eq!(names(&solo.events()), ["Ended"]);
    solo.run_for(Duration::from_secs(40));
    assert!(solo.lines().is_empty() && solo.events().is_empty());
}

#[test]
fn byes_that_cross_end_the_call_once_on_each_side() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.talking();
    let now = pair.now;
    pair.caller.bye(now, ours, None).unwrap();
    pair.callee.bye(now, theirs, None).unwrap();
    pair.settle();
    assert_eq!(pair.count("caller: 200 BYE") + pair.count("callee: 200 BYE"), 2);
    for events in [&pair.caller_events, &pair.callee_events] {
        assert_eq!(names(events).iter().filter(|name| *name == "Ended").count(), 1);
    }
    pair.run_out();
    pair.assert_empty();
}

#[test]
fn a_bye_that_nobody_answers_ends_the_call_after_64_t1() {
    let mut pair = Pair::new();
    let (ours, _) = pair.talking();
    pair.drop = |_, _| true;
    let now = pair.now;
    pair.caller.bye(now, ours, None).unwrap();
    pair.run_for(Duration::from_millis(31_999));
    assert!(pair.caller.is_open(ours));
    pair.run_for(Duration::from_millis(2));
    assert!(matches!(pair.caller_events.last(), Some(Event::Ended { by: EndedBy::Local, .. })));
    // T1 doubling up to T2: 0, 0.5, 1.5, 3.5, 7.5, 11.5, … 31.5 s.
    assert_eq!(pair.count("caller: BYE"), 11);
}

#[test]
fn a_request_in_an_unknown_dialog_is_481() {
    let mut solo = Solo::new();
    let (_, to) = confirmed(&mut solo);
    solo.request("BYE", 2, "z9hG4bKb", ";tag=0123456789abcdef", "");
    solo.request("INFO", 3, "z9hG4bKc", ";tag=x", "");
    solo.request("BYE", 4, "z9hG4bKd", "", "");
    // The right tag of another call.
    solo.receive(&format!(
        "BYE sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;rport;branch=z9hG4bKe
         From: <sip:peer@192.0.2.2>;tag=peer
         To: <sip:us@192.0.2.1>{to}
         Call-ID: other
         CSeq: 5 BYE"
    ));
    // The right call, another remote tag.
    solo.receive(&format!(
        "BYE sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;rport;branch=z9hG4bKf
         From: <sip:peer@192.0.2.2>;tag=stranger
         To: <sip:us@192.0.2.1>{to}
         Call-ID: call
         CSeq: 5 BYE"
    ));
    assert_eq!(solo.lines(), ["481 BYE", "481 INFO", "481 BYE", "481 BYE", "481 BYE"]);
    assert!(solo.events().is_empty());
    assert_eq!(solo.endpoint.counts().unknown_dialogs, 5);
}

#[test]
fn a_cseq_that_goes_back_is_500() {
    let mut solo = Solo::new();
    let (dialog, to) = confirmed(&mut solo);
    solo.request("INFO", 9, "z9hG4bKi", &to, "");
    solo.request("BYE", 8, "z9hG4bKb", &to, "");
    solo.request("BYE", 9, "z9hG4bKc", &to, "");
    assert_eq!(solo.lines(), ["500 BYE", "500 BYE"]);
    assert!(solo.endpoint.is_open(dialog));
}

#[test]
fn our_cseq_steps_by_one_through_all_methods() {
    let mut solo = Solo::new();
    let (dialog, _) = confirmed(&mut solo);
    let now = solo.now;
    solo.endpoint.request_within(now, dialog, Method::Info, &[], None).unwrap();
    solo.endpoint.request_within(now, dialog, Method::Options, &[], None).unwrap();
    solo.endpoint.reinvite(now, dialog, Bytes::from_static(SDP)).unwrap();
    solo.endpoint.bye(now, dialog, None).unwrap();
    let sent = solo.sent();
    let numbers: Vec<_> = sent.iter().map(|message| message.cseq().unwrap().number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn info_and_options_in_a_dialog_are_the_owners_both_ways() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.talking();
    let now = pair.now;
    let body = Some(("application/dtmf-relay", &b"Signal=1"[..]));
    let key = pair.caller.request_within(now, ours, Method::Info, &[("X-A", "b")], body).unwrap();
    pair.settle();
    let Some(Event::InDialog { dialog, request, message }) = pair.callee_events.last() else {
        panic!("{:?}", pair.callee_events);
    };
    assert_eq!((*dialog, message.body()), (theirs, &b"Signal=1"[..]));
    let (now, request) = (pair.now, *request);
    pair.callee.respond(now, request, 200, &[], None).unwrap();
    pair.settle();
    assert!(matches!(
        pair.caller_events.last(),
        Some(Event::Response { client, dialog: Some(dialog), result: Ok(_) })
            if *client == key && *dialog == ours
    ));
}

#[test]
fn an_update_is_answered_with_respond_and_moves_the_target() {
    let mut solo = Solo::new();
    let (dialog, to) = confirmed(&mut solo);
    solo.receive(&format!(
        "UPDATE sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;rport;branch=z9hG4bKu
         From: <sip:peer@192.0.2.2>;tag=peer
         To: <sip:us@192.0.2.1>{to}
         Call-ID: call
         CSeq: 2 UPDATE
         Contact: <sip:moved@192.0.2.2:5071>"
    ));
    let events = solo.events();
    let [Event::Reinvited { request, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.respond(solo.now, request, 200, &[], None).unwrap();
    assert_eq!(solo.lines(), ["200 UPDATE"]);
    solo.endpoint.bye(solo.now, dialog, None).unwrap();
    let bye = solo.sent().remove(0);
    assert_eq!(bye.request_uri(), Some(&b"sip:moved@192.0.2.2:5071"[..]));
    assert_eq!(bye.to().unwrap().tag(), Some("peer"));
    assert_eq!(bye.text(HeaderName::To), Some("<sip:peer@192.0.2.2>;tag=peer"));
}

#[test]
fn requests_of_one_dialog_that_await_us_are_capped() {
    let mut solo = Solo::with(sip::Limits { requests_per_dialog_max: 2, ..Default::default() });
    let (_, to) = confirmed(&mut solo);
    for cseq in 2..5 {
        solo.request("INFO", cseq, &format!("z9hG4bK{cseq}"), &to, "");
    }
    assert_eq!(solo.lines(), ["503 INFO"]);
    assert_eq!(names(&solo.events()), ["InDialog", "InDialog"]);
}

#[test]
fn an_answer_to_a_dead_key_is_misuse() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(solo.endpoint.bye(solo.now, dialog, None), Err(Misuse::WrongState));
    assert_eq!(
        solo.endpoint.progress(solo.now, dialog, 200, &[], None),
        Err(Misuse::WrongStatus(200))
    );
    solo.endpoint.reject(solo.now, dialog, 486, &[]).unwrap();
    assert_eq!(
        solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(SDP)),
        Err(Misuse::Gone)
    );
    // The slot is taken again; the old key stays dead.
    solo.request("INVITE", 2, "z9hG4bKb", "", "");
    assert!(!solo.endpoint.is_open(dialog));
}

#[test]
fn a_reinvite_whose_dialog_ends_without_its_answer_is_given_up() {
    let mut pair = Pair::new();
    let (ours, _) = pair.talking();
    pair.drop = |sent, index| index > 4 && is(sent, &Method::Invite, Some(200));
    let now = pair.now;
    pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
    pair.settle();
    let Some(Event::Reinvited { request, .. }) = pair.callee_events.last() else { panic!() };
    let (now, request) = (pair.now, *request);
    pair.callee.respond(now, request, 200, &[], None).unwrap();
    pair.settle();
    // The BYE stops their 200: nothing else will answer our re-INVITE.
    let now = pair.now;
    pair.caller.bye(now, ours, None).unwrap();
    pair.run_out();
    pair.assert_empty();
    assert_eq!(names(&pair.caller_events), ["Trying", "Progress", "Answered", "Ended"]);
}

#[test]
fn a_lost_491_is_sent_again_as_491() {
    let mut solo = Solo::new();
    let (dialog, to) = confirmed(&mut solo);
    solo.endpoint.reinvite(solo.now, dialog, Bytes::from_static(SDP)).unwrap();
    solo.lines();
    solo.request("INVITE", 2, "z9hG4bKr", &to, "");
    assert_eq!(solo.lines(), ["100 INVITE", "491 INVITE"]);
    solo.request("INVITE", 2, "z9hG4bKr", &to, "");
    assert_eq!(solo.lines(), ["491 INVITE"]);
    solo.request("ACK", 2, "z9hG4bKr", &to, "");
    assert!(solo.events().is_empty());
    assert_eq!(solo.endpoint.counts().stray_acks, 0);
}

/// Answers an INVITE that came over `route`, hangs up, and tells where the BYE goes.
fn bye_of_a_caller_who_came_over(route: &str, contact: &str) -> std::net::SocketAddr {
    let mut solo = Solo::new();
    solo.receive(&format!(
        "INVITE sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKa
         {route}
         From: <sip:peer@192.0.2.2>;tag=peer
         To: <sip:us@192.0.2.1>
         Call-ID: call
         CSeq: 1 INVITE
         Contact: {contact}"
    ));
    let Some(Event::Invited { dialog, .. }) = solo.endpoint.poll_event() else {
        panic!("an INVITE is told")
    };
    solo.endpoint.answer(solo.now, dialog, &[], Bytes::from_static(b"v=0")).unwrap();
    let answer = solo.sent().pop().unwrap();
    let tag = answer.to().unwrap().tag().unwrap().to_string();
    solo.request("ACK", 1, "z9hG4bKack", &format!(";tag={tag}"), "");
    solo.endpoint.bye(solo.now, dialog, None).unwrap();
    let bye = solo.transmits().pop().unwrap();
    assert!(bye.bytes.starts_with(b"BYE "));
    bye.flow.remote
}

#[test]
fn requests_to_a_caller_go_to_his_contact_or_the_first_route() {
    let came_from = Solo::new().flow.remote;
    let contact = "<sip:peer@192.0.2.77:5090>";
    let to = |text: &str| text.parse::<std::net::SocketAddr>().unwrap();
    assert_eq!(bye_of_a_caller_who_came_over("", contact), to("192.0.2.77:5090"));
    let route = "Record-Route: <sip:192.0.2.66;lr>";
    assert_eq!(bye_of_a_caller_who_came_over(route, contact), to("192.0.2.66:5060"));
    // A name is not resolved here: the peer is where it was heard.
    assert_eq!(bye_of_a_caller_who_came_over("", "<sip:peer@gw.example>"), came_from);
}
