//! Writing what a call needs: our answers, our requests and descriptions; rsip's writer beside.

use std::hint::black_box;
use std::time::Duration;

use benches::{CountingAllocator, Figures, allocations, median_ns, messages};
use bytes::Bytes;
use criterion::Criterion;
use rsip::prelude::HeadersExt as _;
use sip::sdp::{Codec, Direction, LocalSession, Offer};
use sip::{Flow, Message, Method, RequestWriter, Transport, response_to};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// One thing that is written.
struct Case {
    name: &'static str,
    write: Box<dyn Fn() -> usize>,
}

fn main() -> std::io::Result<()> {
    let cases = cases();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("write");
    for case in &cases {
        group.bench_function(case.name, |bencher| bencher.iter(|| (case.write)()));
    }
    group.finish();
    criterion.final_summary();

    let mut figures = Figures::of("write");
    for case in &cases {
        let (bytes, taken) = allocations(|| (case.write)());
        assert!(bytes > 0, "something was written");
        if let Some(nanos) = median_ns("write", case.name) {
            figures.tell(case.name, "time", nanos / 1e3, "us");
        }
        figures.tell(case.name, "allocations", taken.count as f64, "");
    }
    figures.keep()
}

fn cases() -> Vec<Case> {
    let invite = Message::read(messages::invite()).expect("an INVITE");
    let flow = Flow {
        transport: Transport::Udp,
        local: ([203, 0, 113, 5], 5060).into(),
        remote: ([192, 0, 2, 20], 5060).into(),
        connection: 0,
    };
    let offer = Offer::read(invite.body()).expect("a description");
    let chosen = offer.audio().expect("audio").formats[0].clone();
    let session = || LocalSession::new(42, ([203, 0, 113, 5], 30_000).into());
    let answer = session().answer(&offer, &chosen, Some(101), Direction::SendRecv);
    let case = |name, write: Box<dyn Fn() -> usize>| Case { name, write };
    let (trying, ringing, ok) = (invite.clone(), invite.clone(), invite.clone());
    let body = answer.clone();
    vec![
        case("100", Box::new(move || response_to(&trying, 100, None, &flow, &[], None).len())),
        case(
            "180",
            Box::new(move || {
                let headers = [("Contact", "<sip:203.0.113.5:5060>"), ("Server", "monoligne")];
                response_to(&ringing, 180, Some("8f1c22d07a9be310"), &flow, &headers, None).len()
            }),
        ),
        case(
            "200 with SDP",
            Box::new(move || {
                let headers = [("Contact", "<sip:203.0.113.5:5060>"), ("Server", "monoligne")];
                let body = Some(("application/sdp", &*answer));
                response_to(&ok, 200, Some("8f1c22d07a9be310"), &flow, &headers, body).len()
            }),
        ),
        case("INVITE with SDP", Box::new(move || our_invite(&body).len())),
        case("INVITE with SDP by rsip", {
            let read = rsip::Request::try_from(&*our_invite(&Bytes::from_static(b"v=0\r\n")));
            let read = read.expect("it can be read");
            assert!(read.from_header().is_ok());
            // As an element that builds its own would: the structs, then their text.
            Box::new(move || black_box(&read).clone().to_string().len())
        }),
        case(
            "an offer of SDP",
            Box::new(move || {
                let formats = Codec::ALL.map(Codec::format);
                session().offer(&formats, Some(101), Direction::SendRecv).len()
            }),
        ),
        case(
            "an answer of SDP",
            Box::new(move || {
                session().answer(&offer, &chosen, Some(101), Direction::SendRecv).len()
            }),
        ),
    ]
}

/// What rings a secretary's phone.
fn our_invite(sdp: &Bytes) -> Bytes {
    RequestWriter::new(&Method::Invite, "sip:101@198.51.100.7:45060;ob")
        .header("Via", "SIP/2.0/UDP 203.0.113.5:5060;rport;branch=z9hG4bK5d41402abc4b2a76b9719d911017c592")
        .header("Max-Forwards", "70")
        .header("From", "\"Dr Martin · 06 12 34 56 78\" <sip:+33612345678@monoligne.example>;tag=8f1c22d07a9be310")
        .header("To", "<sip:101@monoligne.example>")
        .header("Call-ID", "5d41402abc4b2a76b9719d911017c592")
        .header("CSeq", "1 INVITE")
        .header("Contact", "<sip:203.0.113.5:5060>")
        .header("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE")
        .header("User-Agent", "monoligne")
        .finish(Some(("application/sdp", black_box(sdp))))
}
