//! Our own descriptions.

use std::net::SocketAddr;

use bytes::Bytes;
use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};
use serde::{Deserialize, Serialize};

use super::{Direction, Format, Line, Offer};
use crate::write::put_number;

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
        let said = write(&self.session(formats, telephone_event, direction));
        if said != self.said {
            self.said = said;
            self.version += 1;
        }
        Bytes::from(with_version(&self.said, self.id, self.version))
    }

    fn session(
        &self,
        formats: &[Format],
        telephone_event: Option<u8>,
        direction: Direction,
    ) -> Session {
        let ip = self.address.ip();
        let mut session = Session::new(Origin::with_ip_addr(self.id, 0, ip), "-");
        session.connection = Some(Connection::from_ip_addr(ip));
        session.times = vec![Time { start_time: 0, stop_time: 0, repeats: Vec::new() }];
        session.medias = self.lines.iter().map(rejected).collect();
        if let Some(line) = session.medias.get_mut(self.audio) {
            self.put_audio(line, formats, telephone_event, direction);
        }
        session
    }

    fn put_audio(
        &self,
        line: &mut Media,
        formats: &[Format],
        telephone_event: Option<u8>,
        direction: Direction,
    ) {
        line.port = self.address.port();
        let mut payload_types: Vec<String> =
            formats.iter().map(|format| format.payload_type.to_string()).collect();
        let mut put = |name: &str, value: Option<String>| {
            line.attributes.push(Attribute { attribute: name.to_string(), value });
        };
        for Format { payload_type, codec, fmtp } in formats {
            put("rtpmap", Some(format!("{payload_type} {}", codec.rtpmap())));
            if let Some(fmtp) = fmtp {
                put("fmtp", Some(format!("{payload_type} {fmtp}")));
            }
        }
        if let Some(event) = telephone_event {
            payload_types.push(event.to_string());
            put("rtpmap", Some(format!("{event} telephone-event/8000")));
            put("fmtp", Some(format!("{event} 0-15")));
        }
        put("ptime", Some("20".to_string()));
        put("rtcp", Some(self.address.port().saturating_add(1).to_string()));
        put(direction.as_str(), None);
        line.fmt = payload_types.join(" ");
    }
}

/// An `m=` line with port 0.
fn rejected(line: &Line) -> Media {
    Media {
        media: line.media.clone(),
        port: 0,
        num_ports: None,
        proto: line.protocol.clone(),
        fmt: line.formats.clone(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

/// The same under its version: `o=- id version …`.
fn with_version(said: &[u8], id: u64, version: u64) -> Vec<u8> {
    let before = format!("v=0\r\no=- {id} ");
    let rest = said.strip_prefix(before.as_bytes()).and_then(|rest| rest.strip_prefix(b"0"));
    let rest = rest.expect("written under version 0");
    let mut out = Vec::with_capacity(said.len() + 8);
    out.extend_from_slice(before.as_bytes());
    put_number(&mut out, version);
    out.extend_from_slice(rest);
    out
}

fn write(session: &Session) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    session.write(&mut out).expect("a Vec takes all that is written");
    out
}
