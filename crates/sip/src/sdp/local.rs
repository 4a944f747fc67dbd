//! Our own descriptions.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Direction, Format, Line, Offer};
use crate::write::{put_ip, put_number};

/// Our side of one session: `o=` id fixed, version steps by one a change (RFC 3264 §8).
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct LocalSession {
    id: u64,
    /// Of what was said last; 0 before.
    version: u64,
    /// Our RTP; RTCP is the next port.
    address: SocketAddr,
    /// All `m=` lines of the session: none may ever go again.
    lines: Vec<Line>,
    /// Which of them is the audio.
    audio: usize,
    /// What was said last under version 0, to see a change.
    said: Vec<u8>,
}

impl LocalSession {
    pub fn new(id: u64, address: SocketAddr) -> Self {
        let audio = Line {
            media: "audio".to_string(),
            protocol: "RTP/AVP".to_string(),
            formats: String::new(),
        };
        Self { id, version: 0, address, lines: vec![audio], audio: 0, said: Vec::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Version of what was said last; 0 before anything was.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Another RTP address from the next description on.
    pub fn set_address(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Our offer, as many `m=` lines as the session has had.
    pub fn offer(
        &mut self,
        formats: &[Format],
        telephone_event: Option<u8>,
        direction: Direction,
    ) -> Bytes {
        self.say(formats, telephone_event, direction)
    }

    /// Our answer: one codec, every other `m=` line rejected with port 0 (RFC 3264 §6). `direction`
    /// is narrowed to what the offer allows. If the offer has no audio, all lines are rejected.
    pub fn answer(
        &mut self,
        offer: &Offer,
        chosen: &Format,
        telephone_event: Option<u8>,
        direction: Direction,
    ) -> Bytes {
        self.lines.clone_from(&offer.lines);
        let (audio, allowed) = match &offer.audio {
            Some((audio, said)) => (*audio, said.direction.answer()),
            None => (usize::MAX, Direction::Inactive),
        };
        self.audio = audio;
        self.say(std::slice::from_ref(chosen), telephone_event, direction.and(allowed))
    }

    fn say(
        &mut self,
        formats: &[Format],
        telephone_event: Option<u8>,
        direction: Direction,
    ) -> Bytes {
        let mut said = Vec::with_capacity(512);
        put_head(&mut said, self.id, 0);
        let head = said.len();
        self.put_rest(&mut said, formats, telephone_event, direction);
        if said != self.said {
            self.version += 1;
            self.said = said;
        }
        let mut out = Vec::with_capacity(self.said.len() + 8);
        put_head(&mut out, self.id, self.version);
        out.extend_from_slice(&self.said[head..]);
        Bytes::from(out)
    }

    /// What follows the version.
    fn put_rest(
        &self,
        out: &mut Vec<u8>,
        formats: &[Format],
        telephone_event: Option<u8>,
        direction: Direction,
    ) {
        let put_connection = |out: &mut Vec<u8>| {
            let family: &[u8] = if self.address.is_ipv4() { b"IN IP4 " } else { b"IN IP6 " };
            out.extend_from_slice(family);
            put_ip(out, self.address.ip());
            out.extend_from_slice(b"\r\n");
        };
        out.push(b' ');
        put_connection(out);
        out.extend_from_slice(b"s=-\r\nc=");
        put_connection(out);
        out.extend_from_slice(b"t=0 0\r\n");
        for (index, line) in self.lines.iter().enumerate() {
            out.extend_from_slice(b"m=");
            put_word(out, &line.media);
            out.push(b' ');
            if index == self.audio {
                put_number(out, self.address.port().into());
                out.push(b' ');
                put_word(out, &line.protocol);
                self.put_audio(out, formats, telephone_event, direction);
            } else {
                // Rejected: port 0 (RFC 3264 §6).
                out.extend_from_slice(b"0 ");
                put_word(out, &line.protocol);
                out.push(b' ');
                put_word(out, &line.formats);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn put_audio(
        &self,
        out: &mut Vec<u8>,
        formats: &[Format],
        telephone_event: Option<u8>,
        direction: Direction,
    ) {
        let codecs = formats.iter().map(|format| format.payload_type);
        for payload_type in codecs.chain(telephone_event) {
            out.push(b' ');
            put_number(out, payload_type.into());
        }
        let put = |out: &mut Vec<u8>, name: &str, payload_type: u8, value: &str| {
            out.extend_from_slice(b"\r\na=");
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            put_number(out, payload_type.into());
            out.push(b' ');
            put_word(out, value);
        };
        for Format { payload_type, codec, fmtp } in formats {
            put(out, "rtpmap", *payload_type, codec.rtpmap());
            if let Some(fmtp) = fmtp {
                put(out, "fmtp", *payload_type, fmtp);
            }
        }
        if let Some(event) = telephone_event {
            put(out, "rtpmap", event, "telephone-event/8000");
            put(out, "fmtp", event, "0-15");
        }
        out.extend_from_slice(b"\r\na=ptime:20\r\na=rtcp:");
        put_number(out, self.address.port().saturating_add(1).into());
        out.extend_from_slice(b"\r\na=");
        out.extend_from_slice(direction.as_str().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn put_head(out: &mut Vec<u8>, id: u64, version: u64) {
    out.extend_from_slice(b"v=0\r\no=- ");
    put_number(out, id);
    out.push(b' ');
    put_number(out, version);
}

/// A part of their description: it ends no line of ours.
fn put_word(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
}
