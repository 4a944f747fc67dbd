//! What is refused at the door, matching, and full tables (RFC 3261 §8.2, §17.2.3).

use std::time::Duration;

use sip::{Event, Flow, HeaderName, Limits, Transport};

use crate::pair::{invite, names};
use crate::solo::Solo;

#[test]
fn a_retransmitted_invite_gets_the_last_response_and_no_second_event() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(solo.lines(), ["100 INVITE"]);
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["100 INVITE"]);
    solo.endpoint.progress(solo.now, dialog, 183, &[], None).unwrap();
    solo.lines();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["183 INVITE"]);
    assert!(solo.events().is_empty());
    assert_eq!(solo.endpoint.counts().absorbed, 2);
}

#[test]
fn the_same_branch_from_another_sent_by_is_another_transaction() {
    let mut solo = Solo::new();
    solo.request("OPTIONS", 1, "z9hG4bKa", "", "");
    solo.receive(
        "OPTIONS sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.3;rport;branch=z9hG4bKa
         From: <sip:peer@192.0.2.3>;tag=other
         To: <sip:us@192.0.2.1>
         Call-ID: other
         CSeq: 1 OPTIONS",
    );
    assert_eq!(names(&solo.events()), ["Request", "Request"]);
}

#[test]
fn an_rfc_2543_peer_without_the_branch_cookie_is_served() {
    let mut solo = Solo::new();
    let request = |method: &str, to: &str| {
        format!(
            "{method} sip:us@192.0.2.1 SIP/2.0
             Via: SIP/2.0/UDP 192.0.2.2:5070
             From: <sip:peer@192.0.2.2>
             To: <sip:us@192.0.2.1>{to}
             Call-ID: old
             CSeq: 1 {method}
             Contact: <sip:peer@192.0.2.2:5070>"
        )
    };
    solo.receive(&request("INVITE", ""));
    solo.receive(&request("INVITE", ""));
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.reject(solo.now, dialog, 486, &[]).unwrap();
    let refusal = solo.sent().pop().unwrap();
    let tag = refusal.to().unwrap().tag().unwrap();
    solo.receive(&request("ACK", &format!(";tag={tag}")));
    solo.run_for(Duration::from_secs(40));
    assert!(solo.lines().is_empty());
    assert_eq!(solo.endpoint.counts().server_transactions, 0);
}

#[test]
fn a_branch_of_nothing_but_the_cookie_is_no_identity() {
    let mut solo = Solo::new();
    solo.request("OPTIONS", 1, "z9hG4bK", "", "");
    solo.request("OPTIONS", 2, "z9hG4bK", "", "");
    solo.request("OPTIONS", 2, "z9hG4bK", "", "");
    assert_eq!(names(&solo.events()), ["Request", "Request"]);
}

#[test]
fn the_same_request_on_another_path_is_482() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    solo.request("INVITE", 1, "z9hG4bKb", "", "");
    assert_eq!(solo.lines(), ["100 INVITE", "482 INVITE"]);
    assert_eq!(names(&solo.events()), ["Invited"]);
}

#[test]
fn no_more_forwards_is_483() {
    let mut solo = Solo::new();
    solo.receive(
        "INVITE sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKa
         Max-Forwards: 0
         From: <sip:peer@192.0.2.2>;tag=peer
         To: <sip:us@192.0.2.1>
         Call-ID: call
         CSeq: 1 INVITE
         Contact: <sip:peer@192.0.2.2:5070>",
    );
    assert_eq!(solo.lines(), ["483 INVITE"]);
    assert_eq!(refusals(&mut solo), [483]);
}

#[test]
fn a_required_extension_that_we_lack_is_420_and_named() {
    let mut solo = Solo::new();
    solo.request("INVITE", 1, "z9hG4bKa", "", "Require: 100rel, foo");
    let sent = solo.sent();
    assert_eq!(sent[0].status(), Some(420));
    assert_eq!(sent[0].text(HeaderName::Unsupported), Some("100rel, foo"));
    assert_eq!(refusals(&mut solo), [420]);
}

#[test]
fn a_method_that_we_do_not_take_is_405_and_one_that_we_do_not_know_is_501() {
    let mut solo = Solo::new();
    solo.request("SUBSCRIBE", 1, "z9hG4bKa", "", "");
    solo.request("DANCE", 2, "z9hG4bKb", "", "");
    let sent = solo.sent();
    assert_eq!(
        sent.iter().map(crate::solo::line).collect::<Vec<_>>(),
        ["405 SUBSCRIBE", "501 DANCE"]
    );
    let allow = Some("INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE");
    assert!(sent.iter().all(|message| message.text(HeaderName::Allow) == allow));
}

#[test]
fn a_request_in_no_dialog_of_ours_is_481_whatever_it_requires() {
    let mut solo = Solo::new();
    for (cseq, method) in (1..).zip(["BYE", "INFO", "INVITE", "OPTIONS", "DANCE"]) {
        let branch = format!("z9hG4bK{method}");
        solo.request(method, cseq, &branch, ";tag=0123456789abcdef", "Require: foo");
        assert_eq!(solo.lines(), [format!("481 {method}")]);
    }
    solo.request("BYE", 9, "z9hG4bKbare", "", "");
    solo.request("CANCEL", 10, "z9hG4bKnone", "", "");
    assert_eq!(solo.lines(), ["481 BYE", "481 CANCEL"]);
    assert!(solo.events().is_empty(), "a re-INVITE is no call");
}

/// The statuses of INVITEs that the owner is told to have been refused; nothing else happened.
fn refusals(solo: &mut Solo) -> Vec<u16> {
    let events = solo.events();
    let refusals: Vec<u16> = events
        .iter()
        .filter_map(|event| match event {
            Event::Refused { status, .. } => Some(*status),
            _ => None,
        })
        .collect();
    assert_eq!(refusals.len(), events.len(), "{events:?}");
    refusals
}

#[test]
fn a_refused_invite_is_told_once_however_often_it_comes() {
    let mut solo = Solo::new();
    for _ in 0..3 {
        solo.request("INVITE", 1, "z9hG4bKa", "", "Require: foo");
    }
    assert_eq!(solo.lines(), ["420 INVITE", "420 INVITE", "420 INVITE"]);
    assert_eq!(refusals(&mut solo), [420]);
    solo.request("INVITE", 2, "z9hG4bKb", "", "Require: foo");
    assert_eq!(refusals(&mut solo), [420], "another INVITE");
    solo.run_for(Duration::from_secs(33));
    solo.request("INVITE", 1, "z9hG4bKa", "", "Require: foo");
    assert_eq!(refusals(&mut solo), [420], "no copy comes that late");
}

#[test]
fn an_invite_that_cannot_be_read_is_answered_and_told_as_one() {
    let mut solo = Solo::new();
    let broken = "INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKa\r\n\
        From: <sip:peer@192.0.2.2>;tag=peer\r\nTo: <sip:us@192.0.2.1>\r\nCall-ID: call\r\nCSeq: x INVITE\r\n\r\n";
    let mut receive = |text: String| {
        let malformed = sip::Message::read(text.into()).unwrap_err();
        solo.endpoint.handle_malformed(solo.now, solo.flow, malformed);
        (solo.lines(), refusals(&mut solo))
    };
    assert_eq!(receive(broken.to_string()), (vec!["400 INVITE".to_string()], vec![400]));
    assert_eq!(receive(broken.to_string()), (vec!["400 INVITE".to_string()], vec![]));
    let reinvite = broken.replace("192.0.2.1>", "192.0.2.1>;tag=ours");
    assert_eq!(receive(reinvite), (vec!["400 INVITE".to_string()], vec![]));
    let options = broken.replace("INVITE", "OPTIONS");
    assert_eq!(receive(options), (vec!["400 OPTIONS".to_string()], vec![]));
}

#[test]
fn what_was_refused_stays_refused_for_its_copies() {
    let mut solo = Solo::with(Limits { dialogs_max: 1, ..Limits::default() });
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.request("INVITE", 2, "z9hG4bKb", "", "");
    assert_eq!(refusals(&mut solo), [503]);
    solo.request("INVITE", 1, "z9hG4bKc", "", "");
    assert!(solo.events().is_empty(), "a merged request belongs to the first");
    solo.endpoint.reject(solo.now, dialog, 486, &[]).unwrap();
    solo.lines();
    solo.request("INVITE", 2, "z9hG4bKb", "", "");
    assert_eq!(solo.lines(), ["503 INVITE"]);
    assert!(solo.events().is_empty());
}

#[test]
fn an_invite_without_a_contact_is_400() {
    let mut solo = Solo::new();
    solo.receive(
        "INVITE sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKa
         From: <sip:peer@192.0.2.2>;tag=peer
         To: <sip:us@192.0.2.1>
         Call-ID: call
         CSeq: 1 INVITE",
    );
    assert_eq!(solo.lines(), ["400 INVITE"]);
    assert_eq!(refusals(&mut solo), [400]);
    assert_eq!(solo.endpoint.counts().dialogs, 0);
}

#[test]
fn options_out_of_a_dialog_is_the_owners() {
    let mut solo = Solo::new();
    solo.request("OPTIONS", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Request { request, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.respond(solo.now, request, 200, &[], None).unwrap();
    let sent = solo.sent();
    assert_eq!(sent[0].status(), Some(200));
    assert!(sent[0].header(HeaderName::Allow).is_some());
    assert!(sent[0].to().unwrap().tag().is_some());
    // Once.
    assert_eq!(solo.endpoint.respond(solo.now, request, 200, &[], None), Err(sip::Misuse::Gone));
    solo.request("OPTIONS", 1, "z9hG4bKa", "", "");
    assert_eq!(solo.lines(), ["200 OPTIONS"]);
    assert!(solo.events().is_empty());
}

#[test]
fn a_request_that_the_owner_forgets_is_forgotten_after_64_t1() {
    let mut solo = Solo::new();
    solo.request("OPTIONS", 1, "z9hG4bKa", "", "");
    solo.run_for(Duration::from_millis(32_001));
    let counts = solo.endpoint.counts();
    assert_eq!((counts.server_transactions, counts.timers), (0, 0));
}

#[test]
fn stray_responses_and_acks_are_counted_and_dropped() {
    let mut solo = Solo::new();
    solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    let forged = String::from_utf8(ours.bytes().to_vec()).unwrap();
    let branch = ours.top_via().unwrap().branch().unwrap();
    let forged = forged.replace(branch, "z9hG4bK00000000000000000000000000000000");
    let forged = sip::Message::read(forged.into()).unwrap();
    solo.reply(&forged, 200, "a", &[]);
    solo.request("ACK", 1, "z9hG4bKa", ";tag=0123456789abcdef", "");
    assert!(solo.events().is_empty() && solo.lines().is_empty());
    let counts = solo.endpoint.counts();
    assert_eq!((counts.stray_responses, counts.stray_acks), (1, 1));
}

#[test]
fn a_response_to_another_method_than_the_branch_is_for_is_stray() {
    let mut solo = Solo::new();
    solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    let other = String::from_utf8(ours.bytes().to_vec()).unwrap();
    let other = other.replacen("INVITE", "BYE", 1).replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    let other = sip::Message::read(other.into()).unwrap();
    solo.reply(&other, 200, "a", &[]);
    assert_eq!(solo.endpoint.counts().stray_responses, 1);
}

#[test]
fn a_full_dialog_table_answers_503_and_refuses_our_invites() {
    let mut solo = Solo::with(Limits { dialogs_max: 1, ..Limits::default() });
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    solo.lines();
    solo.request("INVITE", 2, "z9hG4bKb", "", "");
    let sent = solo.sent();
    assert_eq!(sent[0].status(), Some(503));
    assert!(sent[0].header(HeaderName::RetryAfter).is_none());
    assert_eq!(solo.endpoint.invite(solo.now, invite(solo.flow)), Err(sip::Full::Dialogs(1)));
    assert_eq!(solo.endpoint.counts().refused_full, 1);
    // The answer to a copy is the same: nothing is kept.
    let first = sent[0].bytes().clone();
    solo.request("INVITE", 2, "z9hG4bKb", "", "");
    assert_eq!(solo.sent()[0].bytes(), &first);
}

#[test]
fn a_full_server_table_refuses_requests_but_never_a_bye() {
    let mut solo = Solo::with(Limits { server_transactions_max: 1, ..Limits::default() });
    solo.request("INVITE", 1, "z9hG4bKa", "", "");
    let events = solo.events();
    let [Event::Invited { dialog, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.progress(solo.now, dialog, 180, &[], None).unwrap();
    let ringing = solo.sent().pop().unwrap();
    solo.request("OPTIONS", 1, "z9hG4bKo", "", "");
    assert_eq!(solo.lines(), ["503 OPTIONS"]);
    let to = format!(";tag={}", ringing.to().unwrap().tag().unwrap());
    solo.request("BYE", 2, "z9hG4bKb", &to, "");
    assert_eq!(solo.lines(), ["200 BYE", "487 INVITE"]);
    assert_eq!(names(&solo.events()), ["Ended"]);
}

#[test]
fn a_full_client_table_refuses_an_invite_and_lets_a_bye_go() {
    let mut solo = Solo::with(Limits { client_transactions_max: 1, ..Limits::default() });
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    assert_eq!(
        solo.endpoint.invite(solo.now, invite(solo.flow)),
        Err(sip::Full::ClientTransactions(1))
    );
    solo.reply(&ours, 200, "a", &[("Contact", "<sip:peer@192.0.2.2>")]);
    solo.endpoint.bye(solo.now, dialog, None).unwrap();
    assert_eq!(solo.lines(), ["ACK", "BYE"]);
}

#[test]
fn of_too_many_that_are_over_the_oldest_goes_and_its_copy_is_new() {
    let mut solo = Solo::with(Limits { lingering_max: 2, ..Limits::default() });
    let ask = |solo: &mut Solo, cseq, branch: &str| {
        solo.request("OPTIONS", cseq, branch, "", "");
        names(&solo.events()).len()
    };
    for (cseq, branch) in [(1, "z9hG4bKa"), (2, "z9hG4bKb"), (3, "z9hG4bKc")] {
        solo.request("OPTIONS", cseq, branch, "", "");
        let events = solo.events();
        let [Event::Request { request, .. }] = events[..] else { panic!("{events:?}") };
        solo.endpoint.respond(solo.now, request, 200, &[], None).unwrap();
    }
    assert_eq!(solo.endpoint.counts().server_transactions, 2);
    assert_eq!(ask(&mut solo, 3, "z9hG4bKc"), 0, "absorbed");
    assert_eq!(ask(&mut solo, 1, "z9hG4bKa"), 1, "forgotten");
}

#[test]
fn of_too_many_invites_that_are_over_the_oldest_goes() {
    let mut solo = Solo::with(Limits { lingering_max: 2, ..Limits::default() });
    for _ in 0..4 {
        solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
        let ours = solo.sent().pop().unwrap();
        solo.reply(&ours, 486, "a", &[]);
    }
    assert_eq!(solo.endpoint.counts().client_transactions, 2);
    solo.run_for(Duration::from_secs(40));
    let counts = solo.endpoint.counts();
    assert_eq!((counts.client_transactions, counts.timers), (0, 0));
}

#[test]
fn what_is_over_at_once_on_a_stream_takes_no_place_among_what_lingers() {
    let mut solo = Solo::with(Limits { lingering_max: 2, ..Limits::default() });
    let refuse = |solo: &mut Solo| {
        solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
        let ours = solo.sent().pop().unwrap();
        solo.reply(&ours, 486, "a", &[]);
        ours
    };
    let answer = |solo: &mut Solo, cseq, branch: &str| {
        solo.request("OPTIONS", cseq, branch, "", "");
        let event = solo.events().pop();
        let Some(Event::Request { request, .. }) = event else { panic!("{event:?}") };
        solo.endpoint.respond(solo.now, request, 200, &[], None).unwrap();
    };
    let ours = refuse(&mut solo);
    answer(&mut solo, 1, "z9hG4bKa");
    let udp = solo.flow;
    solo.flow = Flow { transport: Transport::Tcp, connection: 1, ..udp };
    for (cseq, branch) in [(2, "z9hG4bKb"), (3, "z9hG4bKc"), (4, "z9hG4bKd")] {
        refuse(&mut solo);
        answer(&mut solo, cseq, branch);
        solo.run_for(Duration::from_millis(1));
    }
    let counts = solo.endpoint.counts();
    assert_eq!((counts.client_transactions, counts.server_transactions), (1, 1));
    solo.flow = udp;
    let absorbed = counts.absorbed;
    solo.request("OPTIONS", 1, "z9hG4bKa", "", "");
    solo.reply(&ours, 486, "a", &[]);
    assert_eq!(solo.endpoint.counts().absorbed, absorbed + 2);
}

#[test]
fn without_rport_a_response_goes_to_the_port_in_via() {
    let mut solo = Solo::new();
    solo.receive(
        "OPTIONS sip:us@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5099;branch=z9hG4bKa
         From: <sip:peer@192.0.2.2>;tag=peer
         To: <sip:us@192.0.2.1>
         Call-ID: call
         CSeq: 1 OPTIONS",
    );
    let events = solo.events();
    let [Event::Request { request, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.respond(solo.now, request, 200, &[], None).unwrap();
    assert_eq!(solo.transmits()[0].flow.remote, "192.0.2.2:5099".parse().unwrap());
}

#[test]
fn a_transport_error_fails_what_waits_on_the_flow() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let flow = solo.flow;
    solo.endpoint.handle_transport_error(solo.now, &flow);
    let events = solo.events();
    assert!(matches!(events[..], [Event::Rejected { status: 503, message: None, .. }]));
    assert!(!solo.endpoint.is_open(dialog));
    assert_eq!(solo.endpoint.counts().timers, 0);
}

#[test]
fn a_target_by_name_is_resolved_and_its_next_address_tried() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.target =
        sip::Target::Host { host: "trunk.example".to_string(), port: None, transport: None };
    solo.endpoint.invite(solo.now, order).unwrap();
    let events = solo.events();
    let [Event::Resolve { id, .. }] = events[..] else { panic!("{events:?}") };
    assert!(solo.lines().is_empty());
    let second = Flow { remote: "192.0.2.3:5060".parse().unwrap(), ..solo.flow };
    let first = solo.flow;
    solo.endpoint.resolved(solo.now, id, vec![first, second]);
    let ours = solo.sent().remove(0);
    solo.reply(&ours, 503, "a", &[]);
    let transmits = solo.transmits();
    assert_eq!((transmits[0].flow, transmits[1].flow), (first, second));
    assert!(solo.events().is_empty());
    solo.endpoint.handle_transport_error(solo.now, &second);
    assert!(matches!(solo.events()[..], [Event::Rejected { status: 503, .. }]));
}

#[test]
fn a_target_without_an_address_is_unreachable() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.target =
        sip::Target::Host { host: "trunk.example".to_string(), port: None, transport: None };
    solo.endpoint.invite(solo.now, order).unwrap();
    let events = solo.events();
    let [Event::Resolve { id, .. }] = events[..] else { panic!("{events:?}") };
    solo.endpoint.resolved(solo.now, id, Vec::new());
    assert!(matches!(solo.events()[..], [Event::Rejected { status: 503, .. }]));
}
