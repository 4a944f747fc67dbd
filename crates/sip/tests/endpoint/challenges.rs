//! Digest challenges to our requests (RFC 3261 §22).

use bytes::Bytes;
use sip::{Credentials, Event, HeaderName, Identity, Method, Request, Target};

use crate::pair::{SDP, invite, names};
use crate::solo::Solo;

const CHALLENGE: (&str, &str) =
    ("WWW-Authenticate", "Digest realm=\"trunk\", nonce=\"n1\", qop=\"auth\", algorithm=MD5");
const PROXY: (&str, &str) =
    ("Proxy-Authenticate", "Digest realm=\"trunk\", nonce=\"n2\", qop=\"auth\", algorithm=MD5");

fn credentials(realm: Option<&str>) -> Option<Credentials> {
    Some(Credentials {
        username: "ann".to_string(),
        password: "secret".to_string(),
        realm: realm.map(str::to_string),
    })
}

#[test]
fn a_challenged_invite_is_acknowledged_and_sent_again_with_the_next_cseq() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.credentials = credentials(Some("trunk"));
    let dialog = solo.endpoint.invite(solo.now, order).unwrap();
    let first = solo.sent().remove(0);
    solo.reply(&first, 401, "x", &[CHALLENGE]);
    let sent = solo.sent();
    assert_eq!(sent.iter().map(crate::solo::line).collect::<Vec<_>>(), ["ACK", "INVITE"]);
    let second = &sent[1];
    assert_eq!(second.text(HeaderName::CSeq), Some("2 INVITE"));
    assert_eq!(second.call_id(), first.call_id());
    assert_eq!(second.header(HeaderName::From), first.header(HeaderName::From));
    assert_ne!(second.top_via().unwrap().branch(), first.top_via().unwrap().branch());
    assert!(second.text(HeaderName::Authorization).unwrap().contains("username=\"ann\""));
    assert_eq!(second.body(), SDP);

    solo.reply(second, 200, "y", &[("Contact", "<sip:peer@192.0.2.2>")]);
    assert_eq!(names(&solo.events()), ["Answered"]);
    solo.endpoint.ack(solo.now, dialog, Some(Bytes::from_static(SDP))).unwrap();
    let ack = solo.sent().remove(0);
    assert_eq!(ack.text(HeaderName::CSeq), Some("2 ACK"));
    assert_eq!(ack.header(HeaderName::Authorization), second.header(HeaderName::Authorization));
    solo.endpoint.bye(solo.now, dialog, None).unwrap();
    let bye = solo.sent().remove(0);
    assert_eq!(bye.text(HeaderName::CSeq), Some("3 BYE"));
    solo.reply(&bye, 407, "y", &[PROXY]);
    let bye = solo.sent().remove(0);
    assert_eq!(bye.text(HeaderName::CSeq), Some("4 BYE"));
    assert!(bye.header(HeaderName::ProxyAuthorization).is_some());
    solo.reply(&bye, 200, "y", &[]);
    assert_eq!(names(&solo.events()), ["Ended"]);
}

#[test]
fn endless_challenges_are_answered_twice() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.credentials = credentials(None);
    solo.endpoint.invite(solo.now, order).unwrap();
    for _ in 0..3 {
        let sent = solo.sent();
        let last = sent.last().unwrap().clone();
        assert_eq!(last.method(), Method::Invite);
        solo.reply(&last, 401, "x", &[CHALLENGE]);
    }
    assert_eq!(solo.lines(), ["ACK"]);
    assert!(matches!(solo.events()[..], [Event::Rejected { status: 401, .. }]));
}

#[test]
fn a_challenge_of_another_realm_is_not_answered() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.credentials = credentials(Some("elsewhere"));
    solo.endpoint.invite(solo.now, order).unwrap();
    let first = solo.sent().remove(0);
    solo.reply(&first, 401, "x", &[CHALLENGE]);
    assert_eq!(solo.lines(), ["ACK"]);
    assert!(matches!(solo.events()[..], [Event::Rejected { status: 401, .. }]));
}

#[test]
fn a_cancelled_invite_does_not_answer_a_challenge() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.credentials = credentials(None);
    let dialog = solo.endpoint.invite(solo.now, order).unwrap();
    let first = solo.sent().remove(0);
    solo.endpoint.cancel(solo.now, dialog, None).unwrap();
    solo.reply(&first, 401, "x", &[CHALLENGE]);
    assert_eq!(solo.lines(), ["ACK"]);
    assert!(matches!(solo.events()[..], [Event::Rejected { status: 401, .. }]));
}

#[test]
fn a_register_of_ours_answers_its_challenge_under_one_key() {
    let mut solo = Solo::new();
    let identity = Identity { display: None, uri: "sip:ann@trunk".to_string() };
    let register = Request {
        target: Target::Flow(solo.flow),
        method: Method::Register,
        request_uri: "sip:trunk".to_string(),
        from: identity.clone(),
        to: identity,
        headers: vec![("Expires".to_string(), "300".to_string())],
        body: None,
        credentials: credentials(None),
        contact_user: Some("ann".to_string()),
    };
    let key = solo.endpoint.request(solo.now, register).unwrap();
    let first = solo.sent().remove(0);
    assert_eq!(first.text(HeaderName::Contact), Some("<sip:ann@192.0.2.1:5060>"));
    solo.reply(&first, 401, "x", &[CHALLENGE]);
    let second = solo.sent().remove(0);
    assert_eq!(second.text(HeaderName::CSeq), Some("2 REGISTER"));
    solo.reply(&second, 200, "x", &[]);
    let events = solo.events();
    assert!(matches!(
        &events[..],
        [Event::Response { client, dialog: None, result: Ok(message) }]
            if *client == key && message.status() == Some(200)
    ));
    assert_eq!(solo.endpoint.counts().requests, 0);
}

#[test]
fn a_cancel_waits_for_a_1xx_to_the_attempt_that_answers_the_challenge() {
    let mut solo = Solo::new();
    let mut order = invite(solo.flow);
    order.credentials = credentials(None);
    let dialog = solo.endpoint.invite(solo.now, order).unwrap();
    let first = solo.sent().remove(0);
    solo.reply(&first, 100, "", &[]);
    solo.reply(&first, 401, "x", &[CHALLENGE]);
    let second = solo.sent().pop().unwrap();
    solo.endpoint.cancel(solo.now, dialog, None).unwrap();
    assert!(solo.lines().is_empty());
    solo.reply(&second, 100, "", &[]);
    let cancel = solo.sent().remove(0);
    assert_eq!(cancel.text(HeaderName::CSeq), Some("2 CANCEL"));
    assert_eq!(names(&solo.events()), ["Trying"]);
}
