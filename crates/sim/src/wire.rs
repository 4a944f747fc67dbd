//! SIP as plain text, written by hand: the peers of the simulated world share no writer with what
//! they talk to. They read by [`sip::Message`], which is tested on its own.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use sip::{HeaderName, Message};

/// Where the engine listens.
pub(crate) const ENGINE: &str = "198.51.100.1:5060";

/// The parts of a request that a peer sends.
pub(crate) struct Head<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub via: SocketAddr,
    pub branch: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
}

pub(crate) fn request(head: &Head<'_>, headers: &str, sdp: Option<&str>) -> Bytes {
    request_with(head, headers, sdp.map(|sdp| (SDP, sdp)))
}

const SDP: &str = "application/sdp";

/// With a body of some type.
pub(crate) fn request_with(head: &Head<'_>, headers: &str, body: Option<(&str, &str)>) -> Bytes {
    let mut text = String::with_capacity(640);
    let Head { method, uri, via, branch, from, to, call_id, cseq } = head;
    let _ = write!(
        text,
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};rport;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\n{headers}"
    );
    end(text, body)
}

/// A response to `request` with its headers as they came; `tag` completes To where it has none.
pub(crate) fn response(
    request: &Message,
    status: u16,
    tag: Option<&str>,
    headers: &str,
    sdp: Option<&str>,
) -> Bytes {
    let mut text = String::with_capacity(512);
    let _ = write!(text, "SIP/2.0 {status} {}\r\n", reason(status));
    for via in request.headers(HeaderName::Via) {
        let _ = write!(text, "Via: {}\r\n", lossy(via));
    }
    for (name, as_is) in [
        (HeaderName::From, true),
        (HeaderName::To, false),
        (HeaderName::CallId, true),
        (HeaderName::CSeq, true),
    ] {
        let value = request.header(name).map(lossy).unwrap_or_default();
        let _ = write!(text, "{}: {value}", name.as_str());
        match tag {
            Some(tag) if !as_is && !value.contains(";tag=") => {
                let _ = write!(text, ";tag={tag}");
            }
            Some(_) | None => {}
        }
        text.push_str("\r\n");
    }
    text.push_str(headers);
    end(text, sdp.map(|sdp| (SDP, sdp)))
}

fn end(mut text: String, body: Option<(&str, &str)>) -> Bytes {
    match body {
        Some((kind, body)) => {
            let _ = write!(
                text,
                "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        None => text.push_str("Content-Length: 0\r\n\r\n"),
    }
    Bytes::from(text)
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        603 => "Decline",
        _ => "Whatever",
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A session description with these payload types and their `rtpmap` lines.
pub(crate) fn sdp(
    media: SocketAddr,
    session: u64,
    version: u64,
    types: &str,
    maps: &str,
) -> String {
    let (ip, port) = (media.ip(), media.port());
    format!(
        "v=0\r\no=- {session} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {types}\r\n{maps}a=sendrecv\r\n"
    )
}

/// What a peer looks at in a session description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Described {
    pub session: u64,
    pub version: u64,
    pub address: SocketAddr,
    pub types: Vec<u8>,
    /// `a=rtpmap` lines.
    pub maps: Vec<String>,
    /// `sendrecv` where it says none.
    pub direction: String,
}

impl Described {
    /// `None` if a line that must be there is not.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let (mut origin, mut address, mut port) = (None, None, None);
        let (mut types, mut maps) = (Vec::new(), Vec::new());
        let mut direction = "sendrecv";
        for line in text.split("\r\n") {
            if let Some(rest) = line.strip_prefix("o=") {
                let mut words = rest.split(' ').skip(1);
                origin = Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?));
            } else if let Some(rest) = line.strip_prefix("c=IN IP4 ") {
                address = Some(rest.parse().ok()?);
            } else if let Some(rest) = line.strip_prefix("m=audio ") {
                let mut words = rest.split(' ');
                port = Some(words.next()?.parse().ok()?);
                types = words.skip(1).map(str::parse).collect::<Result<_, _>>().ok()?;
            } else if line.starts_with("a=rtpmap:") {
                maps.push(line.to_owned());
            } else if let Some(said) = line.strip_prefix("a=")
                && ["sendrecv", "sendonly", "recvonly", "inactive"].contains(&said)
            {
                direction = said;
            }
        }
        let (session, version) = origin?;
        let address = SocketAddr::new(std::net::IpAddr::V4(address?), port?);
        let direction = direction.to_owned();
        Some(Self { session, version, address, types, maps, direction })
    }

    /// Its `rtpmap` lines for one payload type, with the line's end.
    pub(crate) fn map_of(&self, payload_type: u8) -> String {
        let prefix = format!("a=rtpmap:{payload_type} ");
        self.maps
            .iter()
            .filter(|line| line.starts_with(&prefix))
            .map(|line| format!("{line}\r\n"))
            .collect()
    }
}

/// A parameter of a challenge: `name="value"` or `name=value`.
pub(crate) fn challenge_param<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let at = header.find(&format!("{name}="))?;
    let rest = &header[at + name.len() + 1..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(',').next().map(str::trim),
    }
}

/// An `Authorization` line for a REGISTER (RFC 7616 §3.4).
pub(crate) fn authorization(
    challenge: &str,
    user: &str,
    password: &str,
    uri: &str,
    count: u32,
) -> Option<String> {
    let realm = challenge_param(challenge, "realm")?;
    let nonce = challenge_param(challenge, "nonce")?;
    let sha256 = challenge_param(challenge, "algorithm") == Some("SHA-256");
    let hash = |text: String| if sha256 { sha256_hex(&text) } else { md5_hex(&text) };
    let algorithm = if sha256 { "SHA-256" } else { "MD5" };
    let first = hash(format!("{user}:{realm}:{password}"));
    let second = hash(format!("REGISTER:{uri}"));
    let count = format!("{count:08x}");
    let response = hash(format!("{first}:{nonce}:{count}:c0ffee:auth:{second}"));
    Some(format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
         uri=\"{uri}\", algorithm={algorithm}, qop=auth, nc={count}, cnonce=\"c0ffee\", \
         response=\"{response}\"\r\n"
    ))
}

fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The hash of an account as the engine is told it.
pub(crate) fn ha1(user: &str, realm: &str, password: &str) -> ([u8; 16], [u8; 32]) {
    let text = format!("{user}:{realm}:{password}");
    (Md5::digest(text.as_bytes()).into(), Sha256::digest(text.as_bytes()).into())
}
