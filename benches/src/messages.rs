//! Messages as they come off an operator's wire.

use std::fmt::Write;

use bytes::Bytes;
use sip::{Flow, Message, Transport, response_to};

/// An operator's INVITE of 1.3 kB, with two Via and a forwarded number.
pub fn invite() -> Bytes {
    let sdp = "v=0\r\no=- 1730000000 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.21\r\n\
        t=0 0\r\nm=audio 20480 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=ptime:20\r\na=sendrecv\r\n";
    let mut text = String::from(
        "INVITE sip:+33972101010@203.0.113.5:5060;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK0g1l2k30a8h1r4c5p6s0.1;rport\r\n\
        Via: SIP/2.0/UDP 10.1.2.3:5060;received=192.0.2.19;branch=z9hG4bK7d1c.4f0a93b1\r\n\
        Record-Route: <sip:192.0.2.20;lr;ftag=7f3a99c1>\r\nMax-Forwards: 66\r\n\
        From: \"0612345678\" <sip:+33612345678@operateur.example;user=phone>;tag=7f3a99c1\r\n\
        To: <sip:+33972101010@operateur.example;user=phone>\r\n\
        Call-ID: 5c1d7f2e-3b91-4a0e-8d5b-9e4f6a7c1b20@10.1.2.3\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:+33612345678@192.0.2.20:5060;transport=udp>\r\n\
        Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE, PRACK\r\n\
        Supported: timer, 100rel, replaces\r\nSession-Expires: 1800;refresher=uac\r\n\
        Min-SE: 90\r\nP-Asserted-Identity: <sip:+33612345678@operateur.example;user=phone>\r\n\
        Diversion: <sip:+33140506070@operateur.example;user=phone>;reason=unconditional\r\n\
        Privacy: none\r\nUser-Agent: Operateur SBC 9.1\r\nAccept: application/sdp\r\n\
        Content-Type: application/sdp\r\n",
    );
    write!(text, "Content-Length: {}\r\n\r\n{sdp}", sdp.len()).expect("a String takes all");
    Bytes::from(text)
}

/// Its 200, with a description, as a phone or an operator's gateway writes it.
pub fn ok() -> Bytes {
    let invite = Message::read(invite()).expect("an INVITE");
    let flow = Flow {
        transport: Transport::Udp,
        local: ([203, 0, 113, 5], 5060).into(),
        remote: ([192, 0, 2, 20], 5060).into(),
        connection: 0,
    };
    let headers = [
        ("Contact", "<sip:101@198.51.100.7:45060;ob>"),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"),
        ("Supported", "replaces, timer"),
        ("Server", "Softphone 3.2"),
    ];
    let body = Some(("application/sdp", invite.body()));
    response_to(&invite, 200, Some("8f1c22d07a9be310"), &flow, &headers, body)
}
