use proptest::prelude::*;

use super::*;
use crate::limits::STREAM_HEAD_BYTES_MAX;

fn message(method: &str, lines: &str, body: &str) -> String {
    format!(
        "{method} sip:101@pbx.example.fr SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7;branch=z9hG4bK1\r\n\
         From: <sip:101@pbx.example.fr>;tag=1\r\nTo: <sip:101@pbx.example.fr>\r\nCall-ID: 1\r\n\
         CSeq: 1 {method}\r\n{lines}\r\n{body}"
    )
}

fn options(body: &str) -> String {
    message("OPTIONS", &format!("Content-Length: {}\r\n", body.len()), body)
}

/// Each frame in a line.
fn frames(pieces: &[&[u8]]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut told = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next() {
            told.push(match frame {
                Frame::Message(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Frame::Ping => "ping".to_owned(),
                Frame::Broken(malformed) => {
                    let answer = malformed.answer.map_or("silence", |_| "answer");
                    format!("broken {} {answer}", malformed.status)
                }
            });
        }
    }
    told
}

#[test]
fn two_messages_in_one_piece_and_one_in_pieces_of_one_octet_are_whole() {
    let (first, second) = (options("v=0\r\n\r\nm=x"), options(""));
    let both = format!("{first}{second}");
    assert_eq!(frames(&[both.as_bytes()]), [first.clone(), second.clone()]);
    let octets: Vec<&[u8]> = both.as_bytes().chunks(1).collect();
    assert_eq!(frames(&octets), [first, second]);
}

#[test]
fn a_bare_line_feed_ends_a_line_as_in_a_datagram() {
    let text = options("").replace("\r\n", "\n");
    assert_eq!(frames(&[text.as_bytes(), text.as_bytes()]), [text.clone(), text]);
}

#[test]
fn two_line_ends_between_messages_are_a_ping_and_one_is_nothing() {
    let message = options("");
    let text = format!("\r\n\r\n{message}\r\n{message}\r\n\r\n\r\n\r\n\n\r");
    let told = frames(&[text.as_bytes()]);
    assert_eq!(told, ["ping", &message, &message, "ping", "ping"]);
}

#[test]
fn a_head_that_does_not_say_its_length_in_one_way_breaks_the_stream() {
    let broken = |lines: &str| {
        let text = message("OPTIONS", lines, "");
        let next = options("");
        frames(&[text.as_bytes(), next.as_bytes()])
    };
    assert_eq!(broken(""), ["broken 400 answer"]);
    assert_eq!(broken("Content-Length: -1\r\n"), ["broken 400 answer"]);
    assert_eq!(broken("Content-Length: 0\r\nl: 0\r\n"), ["broken 400 answer"]);
    assert_eq!(broken("Content-Length: 99999999999999\r\n"), ["broken 400 answer"]);
    assert_eq!(broken("Content-Length: 65536\r\n"), ["broken 413 answer"]);
}

#[test]
fn what_is_not_sip_breaks_the_stream_in_silence() {
    assert_eq!(frames(&[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]), ["broken 0 silence"]);
    assert_eq!(frames(&[b"\x16\x03\x01\x02\x00"]), ["broken 0 silence"], "a TLS hello");
    assert_eq!(frames(&[b"\0"]), ["broken 0 silence"]);
}

#[test]
fn a_head_is_taken_up_to_its_largest_size_and_not_beyond() {
    let padded = |length: usize| {
        let bare = message("OPTIONS", "Content-Length: 0\r\n", "").len();
        let mut lines = "Content-Length: 0\r\n".to_owned();
        let mut left = length - bare;
        while left > 0 {
            let line = if left > 2_000 { 1_000 } else { left };
            lines += &format!("X: {}\r\n", "x".repeat(line - 5));
            left -= line;
        }
        message("OPTIONS", &lines, "")
    };
    let largest = padded(STREAM_HEAD_BYTES_MAX);
    assert_eq!(largest.len(), STREAM_HEAD_BYTES_MAX);
    assert_eq!(frames(&[largest.as_bytes()]), [largest]);
    let larger = padded(STREAM_HEAD_BYTES_MAX + 1);
    assert_eq!(frames(&[larger.as_bytes()]), ["broken 513 answer"]);
    let octets: Vec<&[u8]> = larger.as_bytes().chunks(1).collect();
    assert_eq!(frames(&octets), ["broken 513 answer"]);
}

#[test]
fn only_a_message_that_is_not_whole_is_waited_for() {
    let mut decoder = Decoder::default();
    decoder.push(b"\r\n");
    assert!(decoder.next().is_none() && !decoder.is_within_message());
    decoder.push(b"OPT");
    assert!(decoder.next().is_none() && decoder.is_within_message());
    decoder.push(&options("").as_bytes()[3..]);
    assert!(matches!(decoder.next(), Some(Frame::Message(_))));
    assert!(!decoder.is_within_message());
}

/// Streams of what peers send, good and bad.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => "[a-z\r\n]{0,40}".prop_map(|body| options(&body).into_bytes()),
        2 => prop_oneof![Just("\r\n"), Just("\r\n\r\n"), Just("\n"), Just("\r")]
            .prop_map(|ends| ends.as_bytes().to_vec()),
        1 => prop_oneof![
            Just(message("INVITE", "l: 3\r\nContent-Length: 4\r\n", "abc")),
            Just(message("INVITE", "", "")),
            Just(options("abc").replace("\r\n", "\n")),
        ]
        .prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_cutting_of_a_stream_gives_the_same_frames(
        stream in stream(),
        cuts in prop::collection::vec(1_usize..80, 1..60),
    ) {
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
        while let Some(cut) = cuts.next().filter(|_| !rest.is_empty()) {
            let (piece, left) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        prop_assert_eq!(frames(&pieces), frames(&[&stream]));
    }
}
