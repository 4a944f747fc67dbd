//! What we write.

#![expect(clippy::unwrap_used, reason = "what a test stands on fails it loudly")]

use bytes::Bytes;
use sip::{
    Flow, HeaderName, Message, Method, RequestWriter, Splice, Transport, reason_phrase, response_to,
};

fn message(text: &str) -> Message {
    Message::read(Bytes::from(text.replace('\n', "\r\n"))).unwrap()
}

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "203.0.113.5:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: 0,
    }
}

fn invite(via: &str) -> Message {
    message(&format!(
        "INVITE sip:a@h SIP/2.0\n{via}\nRecord-Route: <sip:p;lr>\nFrom: <sip:b@h>;tag=f\n\
         To: <sip:a@h>\nCall-ID: c\nCSeq: 1 INVITE\n\n"
    ))
}

#[test]
fn a_response_goes_back_where_the_request_came_from() {
    for (via, remote, expected) in [
        // RFC 3261 §18.2.1: received if sent-by is another address.
        (
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z",
            "192.0.2.1:5060",
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z",
        ),
        (
            "Via: SIP/2.0/UDP 10.0.0.1;branch=z",
            "192.0.2.1:5060",
            "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.1",
        ),
        (
            "Via: SIP/2.0/UDP pbx.example;branch=z",
            "192.0.2.1:5060",
            "SIP/2.0/UDP pbx.example;branch=z;received=192.0.2.1",
        ),
        // RFC 3581 §4: with rport always both.
        (
            "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z",
            "192.0.2.1:40000",
            "SIP/2.0/UDP 192.0.2.1:5070;branch=z;received=192.0.2.1;rport=40000",
        ),
        (
            "Via: SIP/2.0/UDP 192.0.2.1;received=9.9.9.9;rport=9;branch=z",
            "192.0.2.1:40000",
            "SIP/2.0/UDP 192.0.2.1;branch=z;received=192.0.2.1;rport=40000",
        ),
        (
            "Via: SIP/2.0/UDP [2001:db8::1];branch=z;rport",
            "[2001:db8::1]:5060",
            "SIP/2.0/UDP [2001:db8::1];branch=z;received=2001:db8::1;rport=5060",
        ),
        (
            "v: SIP/2.0/UDP 10.0.0.1;branch=z , SIP/2.0/UDP q;x=y",
            "192.0.2.1:5060",
            "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.1 , SIP/2.0/UDP q;x=y",
        ),
    ] {
        let bytes = response_to(&invite(via), 180, Some("us"), &flow(remote), &[], None);
        let response = Message::read(bytes).unwrap();
        assert_eq!(response.text(HeaderName::Via), Some(expected));
    }
}

#[test]
fn a_response_copies_what_rfc_3261_says() {
    let request = invite("Via: SIP/2.0/UDP h;branch=z");
    let body = ("application/sdp", &b"v=0\r\n"[..]);
    let bytes = response_to(
        &request,
        200,
        Some("us"),
        &flow("192.0.2.1:5060"),
        &[("Contact", "<sip:us>")],
        Some(body),
    );
    let response = Message::read(bytes).unwrap();
    assert_eq!((response.status(), response.reason()), (Some(200), Some("OK")));
    assert_eq!(response.to().unwrap().tag(), Some("us"));
    assert_eq!(response.from().unwrap().tag(), Some("f"));
    assert_eq!(response.record_routes().count(), 1);
    assert_eq!(response.body(), body.1);
    assert!(response.has_content_type("Application/SDP"));

    let trying = response_to(&request, 100, Some("us"), &flow("192.0.2.1:5060"), &[], None);
    let trying = Message::read(trying).unwrap();
    assert_eq!(trying.to().unwrap().tag(), None);
    let busy = response_to(&request, 486, Some("us"), &flow("192.0.2.1:5060"), &[], None);
    assert_eq!(Message::read(busy).unwrap().record_routes().count(), 0);
}

#[test]
fn no_value_can_end_its_line() {
    let evil = "x\r\nEvil: 1\r\n\r\nbody\nEvil: 2\rEvil: 3\0";
    let request = RequestWriter::new(&Method::Options, "sip:a@h SIP/2.0\r\nEvil: 0\r\n")
        .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
        .headers(&[("From", "<sip:a@h>;tag=1"), ("To", "<sip:a@h>"), ("Call-ID", "c")])
        .header("CSeq", "1 OPTIONS")
        .header("Subject", evil)
        .header("Bad Name\r\nEvil", "4")
        .finish(None);
    let response = response_to(
        &invite("Via: SIP/2.0/UDP h;branch=z"),
        200,
        Some("t\r\nEvil: 5"),
        &flow("192.0.2.1:5060"),
        &[("Subject", evil), ("Evil\r\n", "6")],
        Some(("text/plain\r\nEvil: 7", b"x")),
    );
    let source = invite("Via: SIP/2.0/UDP h;branch=z");
    let spliced = Splice::new(&source)
        .request_uri("sip:a@h SIP/2.0\r\nEvil: 8")
        .push_front("Via", "SIP/2.0/UDP us;branch=z\r\nEvil: 9")
        .push_back("Subject", evil)
        .replace(HeaderName::CallId, evil)
        .finish();
    for bytes in [request, response, spliced] {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Evil")), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{text}");
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(head.contains("Subject: x"), "{text}");
    }
}

#[test]
fn splicing_touches_only_what_it_is_told() {
    let source = message(
        "INVITE sip:a@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z\nf:  <sip:b@h>;tag=f\nTo: <sip:a@h>\n\
         X-Odd :  kept  \nCall-ID: c\nCSeq: 1 INVITE\nMax-Forwards: 70\nSubject: one\ns: two\n\
         Content-Type: text/plain\nContent-Length: 3\n\nold",
    );
    let spliced = Splice::new(&source)
        .request_uri("sip:new@h")
        .push_front("Via", "SIP/2.0/UDP us;branch=y")
        .replace(HeaderName::MaxForwards, "69")
        .replace(HeaderName::Subject, "three")
        .body("application/sdp", b"longer")
        .finish();
    let expected = "INVITE sip:new@h SIP/2.0\nVia: SIP/2.0/UDP us;branch=y\n\
        Via: SIP/2.0/UDP h;branch=z\nf:  <sip:b@h>;tag=f\nTo: <sip:a@h>\nX-Odd :  kept\n\
        Call-ID: c\nCSeq: 1 INVITE\nMax-Forwards: 69\nSubject: three\n\
        Content-Type: application/sdp\nContent-Length: 6\n\nlonger";
    assert_eq!(String::from_utf8(spliced.to_vec()).unwrap(), expected.replace('\n', "\r\n"));
}

#[test]
fn a_request_reads_back_as_it_was_written() {
    let bytes = RequestWriter::new(&Method::Invite, "sip:anne@198.51.100.7:45060")
        .header("Via", "SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK1;rport")
        .header("Max-Forwards", "70")
        .header("From", "\"Hélène\" <sip:x@203.0.113.5>;tag=1")
        .header("To", "<sip:anne@h>")
        .header("Call-ID", "c")
        .header("CSeq", "1 INVITE")
        .finish(Some(("application/octet-stream", &[0, 255, 13, 10])));
    let message = Message::read(bytes).unwrap();
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.request_uri(), Some(&b"sip:anne@198.51.100.7:45060"[..]));
    assert_eq!(message.from().unwrap().display_name().as_deref(), Some("Hélène"));
    assert_eq!(message.body(), [0, 255, 13, 10]);
}

#[test]
fn reason_phrases_are_words() {
    for (status, phrase) in [
        (100, "Trying"),
        (183, "Session Progress"),
        (200, "OK"),
        (404, "Not Found"),
        (480, "Temporarily Unavailable"),
        (486, "Busy Here"),
        (487, "Request Terminated"),
        (499, "Bad Request"),
        (603, "Decline"),
    ] {
        assert_eq!(reason_phrase(status), phrase, "{status}");
    }
}

#[test]
fn the_stateless_answer_is_the_same_for_a_retransmission() {
    let bad = "OPTIONS sip:a@h SIP/7.0\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:b@h>;tag=f\r\n\
        To: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let answer = || Message::read(Bytes::from(bad)).unwrap_err().answer.unwrap();
    assert_eq!(answer(), answer());
    let answer = Message::read(answer()).unwrap();
    assert_eq!(answer.status(), Some(505));
    assert!(answer.to().unwrap().tag().is_some());
    assert_eq!(answer.call_id(), Ok("c"));
}
