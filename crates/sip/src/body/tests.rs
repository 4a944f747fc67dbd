use bytes::Bytes;

use super::*;

fn message(headers: &str, body: &str) -> Message {
    let text = format!(
        "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKb\r\nFrom: <sip:b@h>;tag=1\r\n\
         To: <sip:a@h>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::read(Bytes::from(text)).expect("tests write what can be read")
}

/// A multipart of that kind; `|` stands for a line end.
fn multipart(kind: &str, body: &str) -> Message {
    let headers = format!("Content-Type: multipart/{kind};boundary=\"cut here\"\r\n");
    message(&headers, &body.replace('|', "\r\n"))
}

fn sdp(message: &Message) -> Result<Option<&str>, BodyError> {
    let found = session_description(message)?;
    Ok(found.map(|sdp| std::str::from_utf8(sdp).expect("tests write text")))
}

#[test]
fn a_plain_description_and_none_at_all_are_found_as_such() {
    let plain = message("c: Application/SDP;charset=utf-8\r\n", "v=0\r\n");
    assert_eq!(sdp(&plain), Ok(Some("v=0\r\n")));
    assert_eq!(sdp(&message("", "")), Ok(None));
}

#[test]
fn the_description_is_found_beside_what_others_have_use_for() {
    let body = "preamble|--cut here|Content-Type: application/isup;version=itu-t92+|\
        Content-Disposition: signal;|  handling=optional||\x01\x10|--cut here|\
        c: application/sdp||v=0|s=-||--cut here--|epilogue|--cut here|c: application/sdp||v=9|";
    assert_eq!(sdp(&multipart("mixed", body)), Ok(Some("v=0\r\ns=-\r\n")));
}

#[test]
fn an_unmarked_part_is_passed_over_and_a_required_one_is_415() {
    let body = |mark: &str| {
        format!(
            "--cut here|c: application/sdp||v=0|--cut here|c: application/x{mark}||y|--cut here--"
        )
    };
    assert_eq!(sdp(&multipart("mixed", &body(""))), Ok(Some("v=0")));
    let required = body("|Content-Disposition: signal;handling=required");
    let required = multipart("mixed", &required);
    assert_eq!(sdp(&required), Err(BodyError::MediaType));
    assert_eq!(BodyError::MediaType.status(), 415);
}

#[test]
fn of_alternatives_the_last_one_that_we_read_counts() {
    let body = "--cut here|c: application/sdp||v=1|--cut here|c: application/sdp||v=2|\
        --cut here|c: application/better|Content-Disposition: session;handling=required||v=3|--cut here--";
    assert_eq!(sdp(&multipart("alternative", body)), Ok(Some("v=2")));
}

#[test]
fn a_description_may_lie_in_a_multipart_of_a_multipart_but_not_for_ever() {
    let inner = "--in|c: application/sdp||v=0|--in--";
    let body = format!("--cut here|c: multipart/related;boundary=in||{inner}|--cut here--");
    assert_eq!(sdp(&multipart("mixed", &body)), Ok(Some("v=0")));
    let mut deep = "--b0|c: application/sdp||v=0|--b0--".to_string();
    for depth in 1..9 {
        let inside = depth - 1;
        deep = format!("--b{depth}|c: multipart/mixed;boundary=b{inside}||{deep}|--b{depth}--");
    }
    let body = format!("--cut here|c: multipart/mixed;boundary=b8||{deep}|--cut here--");
    assert_eq!(sdp(&multipart("mixed", &body)), Err(BodyError::MediaType));
}

#[test]
fn empty_parts_and_a_missing_end_harm_nobody() {
    let body =
        "--cut here|--cut here||--cut here|c: application/sdp||--cut here|c: application/sdp||v=0|";
    assert_eq!(sdp(&multipart("mixed", body)), Ok(Some("v=0\r\n")));
    assert_eq!(sdp(&multipart("mixed", "no delimiter")), Ok(None));
    assert_eq!(sdp(&multipart("mixed", "--cut here--")), Ok(None));
}

#[test]
fn parts_without_end_are_refused() {
    let body = "--cut here|c: text/plain||x|".repeat(MULTIPART_PARTS_MAX + 1);
    assert_eq!(sdp(&multipart("mixed", &body)), Err(BodyError::Multipart));
    let unbounded = message("Content-Type: multipart/mixed\r\n", "--|");
    assert_eq!(sdp(&unbounded), Err(BodyError::Multipart));
    assert_eq!(BodyError::Multipart.status(), 400);
}

#[test]
fn what_we_do_not_read_is_415_with_what_we_would() {
    let unknown = message("Content-Type: application/unknownformat\r\n", "<audio/>");
    let error = session_description(&unknown).unwrap_err();
    assert_eq!((error.status(), error.header()), (415, Some(("Accept", ACCEPT))));
    let packed = message("c: application/sdp\r\nContent-Encoding: gzip\r\n", "v=0");
    let error = session_description(&packed).unwrap_err();
    assert_eq!((error.status(), error.header()), (415, Some(("Accept-Encoding", "identity"))));
    let untyped = message("", "v=0");
    assert_eq!(sdp(&untyped), Err(BodyError::MediaType));
    let optional = "c: text/html\r\nContent-Disposition: render;handling=optional\r\n";
    assert_eq!(sdp(&message(optional, "<p>")), Ok(None), "an invitation to offer ourselves");
}
