//! Several answers to one INVITE (RFC 3261 §13.2.2.4, RFC 6026 §7.2).

use std::time::Duration;

use sip::{EndedBy, Event};

use crate::pair::{invite, names};
use crate::solo::Solo;

const CONTACT: (&str, &str) = ("Contact", "<sip:fork@192.0.2.9>");

#[test]
fn the_2xx_of_a_second_fork_gets_ack_and_bye() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    solo.reply(&ours, 180, "a", &[CONTACT]);
    solo.reply(&ours, 180, "b", &[CONTACT]);
    solo.reply(&ours, 200, "b", &[CONTACT]);
    assert_eq!(names(&solo.events()), ["Trying", "Progress", "Progress", "Answered"]);
    solo.endpoint.ack(solo.now, dialog, None).unwrap();
    assert_eq!(solo.lines(), ["ACK"]);

    solo.reply(&ours, 200, "a", &[CONTACT]);
    let sent = solo.sent();
    assert_eq!(sent.iter().map(crate::solo::line).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(sent.iter().all(|message| message.to().unwrap().tag() == Some("a")));
    assert_eq!(sent[1].request_uri(), Some(&b"sip:fork@192.0.2.9"[..]));
    assert!(solo.events().is_empty());

    // Each copy of either 2xx gets its ACK again, and no second BYE.
    solo.reply(&ours, 200, "a", &[CONTACT]);
    solo.reply(&ours, 200, "b", &[CONTACT]);
    let sent = solo.sent();
    let tags: Vec<_> = sent.iter().map(|message| message.to().unwrap().tag()).collect();
    assert_eq!(tags, [Some("a"), Some("b")]);
    assert!(solo.endpoint.is_open(dialog));
}

#[test]
fn a_fork_that_answers_after_the_call_has_ended_is_ended_too() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    solo.reply(&ours, 200, "a", &[CONTACT]);
    solo.endpoint.bye(solo.now, dialog, None).unwrap();
    let bye = solo.sent().remove(1);
    solo.reply(&bye, 200, "a", &[]);
    assert_eq!(names(&solo.events()), ["Answered", "Ended"]);
    solo.reply(&ours, 200, "b", &[CONTACT]);
    assert_eq!(solo.lines(), ["ACK", "BYE"]);
    solo.run_for(Duration::from_secs(33));
    solo.lines();
    let counts = solo.endpoint.counts();
    assert_eq!((counts.dialogs, counts.client_transactions), (0, 0));
    // After 64·T1 nobody knows the INVITE.
    solo.reply(&ours, 200, "c", &[CONTACT]);
    assert!(solo.lines().is_empty());
    assert_eq!(solo.endpoint.counts().stray_responses, 1);
}

#[test]
fn a_failed_fork_bye_leaves_the_call_alone() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    solo.reply(&ours, 200, "a", &[CONTACT]);
    solo.endpoint.ack(solo.now, dialog, None).unwrap();
    solo.reply(&ours, 200, "b", &[CONTACT]);
    let bye = solo.sent().pop().unwrap();
    solo.reply(&bye, 481, "b", &[]);
    assert!(solo.endpoint.is_open(dialog));
}

#[test]
fn a_bye_in_the_only_early_dialog_ends_the_call_and_cancels_the_invite() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    solo.reply(&ours, 180, "a", &[CONTACT]);
    solo.events();
    let from = ours.from().unwrap().tag().unwrap();
    solo.receive(&format!(
        "BYE sip:ann@192.0.2.1:5060 SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.2:5070;rport;branch=z9hG4bKbye
         From: <sip:0123456789@192.0.2.2>;tag=a
         To: <sip:ann@192.0.2.1>;tag={from}
         Call-ID: {}
         CSeq: 1 BYE",
        ours.call_id().unwrap()
    ));
    assert_eq!(solo.lines(), ["200 BYE", "CANCEL"]);
    let events = solo.events();
    assert!(matches!(events[..], [Event::Ended { by: EndedBy::Remote, .. }]));
    assert!(!solo.endpoint.is_open(dialog));
    // Its 200 was on the way: it is ended.
    solo.reply(&ours, 200, "a", &[CONTACT]);
    assert_eq!(solo.lines(), ["ACK", "BYE"]);
}

#[test]
fn the_route_set_of_our_dialog_is_the_reversed_record_route() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    let route = ("Record-Route", "<sip:p2@192.0.2.8;lr>, <sip:p1@192.0.2.7;lr>");
    solo.reply(&ours, 200, "a", &[CONTACT, route]);
    solo.endpoint.ack(solo.now, dialog, None).unwrap();
    let ack = solo.sent().remove(0);
    let routes: Vec<_> = ack.values(sip::HeaderName::Route).collect();
    assert_eq!(routes, [&b"<sip:p1@192.0.2.7;lr>"[..], b"<sip:p2@192.0.2.8;lr>"]);
    assert_eq!(ack.request_uri(), Some(&b"sip:fork@192.0.2.9"[..]));
    assert_eq!(ack.text(sip::HeaderName::CSeq), Some("1 ACK"));
}

#[test]
fn a_strict_router_gets_itself_as_request_uri_and_the_target_as_last_route() {
    let mut solo = Solo::new();
    let dialog = solo.endpoint.invite(solo.now, invite(solo.flow)).unwrap();
    let ours = solo.sent().remove(0);
    let route = ("Record-Route", "<sip:p2@192.0.2.8;lr>, <sip:p1@192.0.2.7>");
    solo.reply(&ours, 200, "a", &[CONTACT, route]);
    solo.endpoint.ack(solo.now, dialog, None).unwrap();
    let ack = solo.sent().remove(0);
    let routes: Vec<_> = ack.values(sip::HeaderName::Route).collect();
    assert_eq!(routes, [&b"<sip:p2@192.0.2.8;lr>"[..], b"<sip:fork@192.0.2.9>"]);
    assert_eq!(ack.request_uri(), Some(&b"sip:p1@192.0.2.7"[..]));
}
