//! Writing: messages that we originate, and edits on received bytes.
//!
//! Whatever a caller passes, a value cannot end its line: CR, LF and NUL become spaces, a name
//! that is no token is left out. So nobody's display name can add a header to our messages.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::flow::Flow;
use crate::header::{HeaderName, split_list};
use crate::message::{Message, Method};

mod refusal;
mod splice;

pub(crate) use refusal::refusal;
pub use splice::Splice;

/// The phrase for a status code (RFC 3261 §21), from rsip's names: `BusyHere` is `Busy Here`. A
/// code without a name gets that of its class (§8.1.3.2).
pub fn reason_phrase(status: u16) -> String {
    let mut code = rsip::StatusCode::from(status);
    if matches!(code, rsip::StatusCode::Other(..)) {
        code = rsip::StatusCode::from(status / 100 * 100);
    }
    let text = code.to_string();
    let name = text.split_once(' ').map_or("", |(_, name)| name);
    let mut phrase = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && after_lower {
            phrase.push(' ');
        }
        after_lower = letter.is_lowercase();
        phrase.push(letter);
    }
    phrase
}

/// Builds a request on rsip's headers, guarded. Content-Length and the body come with `finish`.
pub struct RequestWriter {
    out: Vec<u8>,
    headers: rsip::Headers,
}

impl RequestWriter {
    pub fn new(method: &Method, request_uri: &str) -> Self {
        let mut out = Vec::with_capacity(1_024);
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        // A space would split the line.
        out.extend(request_uri.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != 0));
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out, headers: rsip::Headers::default() }
    }

    /// Left out if the name is no token; a line end in the value becomes a space.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if is_name(name.as_bytes()) {
            let value = one_line(value).into_owned();
            self.headers.push(rsip::Header::Other(name.to_string(), value));
        }
        self
    }

    #[must_use]
    pub fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |writer, (name, value)| writer.header(name, value))
    }

    /// `body` is (media type, bytes).
    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        self.out.extend_from_slice(self.headers.to_string().as_bytes());
        put_body(&mut self.out, body);
        Bytes::from(self.out)
    }
}

/// Writes a response to a request, its Via, From, To, Call-ID, CSeq and Timestamp copied (§8.2.6).
pub struct ResponseWriter {
    out: Vec<u8>,
}

impl ResponseWriter {
    /// `to_tag` is added if the request's To has none. The top Via gets `received` and `rport` of
    /// the flow (RFC 3261 §18.2.1, RFC 3581 §4). Record-Route is copied into answers that can make
    /// a dialog (§12.1.1).
    pub fn new(request: &Message, status: u16, to_tag: Option<&str>, flow: &Flow) -> Self {
        Self { out: response_head(request, status, to_tag, flow.remote) }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        put_ours(&mut self.out, name, value);
        self
    }

    #[must_use]
    pub fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |writer, (name, value)| writer.header(name, value))
    }

    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        put_body(&mut self.out, body);
        Bytes::from(self.out)
    }
}

/// A whole response: see [`ResponseWriter`].
pub fn response_to(
    request: &Message,
    status: u16,
    to_tag: Option<&str>,
    flow: &Flow,
    headers: &[(&str, &str)],
    body: Option<(&str, &[u8])>,
) -> Bytes {
    ResponseWriter::new(request, status, to_tag, flow).headers(headers).finish(body)
}

/// The same for each retransmission, as §8.2.7 asks of a stateless server.
pub(crate) fn stateless_tag(request: &Message) -> String {
    format!("{:016x}", stateless_hash(request))
}

/// Of what the copies of a request share.
pub(crate) fn stateless_hash(request: &Message) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
        for &byte in request.header(name).unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

fn response_head(
    request: &Message,
    status: u16,
    to_tag: Option<&str>,
    remote: SocketAddr,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_024);
    out.extend_from_slice(format!("SIP/2.0 {status} {}\r\n", reason_phrase(status)).as_bytes());
    let mut first = true;
    for value in request.headers(HeaderName::Via) {
        if std::mem::take(&mut first) {
            put_top_via(&mut out, value, remote);
        } else {
            put_header(&mut out, b"Via", value);
        }
    }
    if (101..300).contains(&status) && *request.method_ref() != Method::Register {
        for value in request.headers(HeaderName::RecordRoute) {
            put_header(&mut out, b"Record-Route", value);
        }
    }
    copy_first(&mut out, request, HeaderName::From);
    put_to(&mut out, request, to_tag.filter(|_| status > 100));
    copy_first(&mut out, request, HeaderName::CallId);
    copy_first(&mut out, request, HeaderName::CSeq);
    copy_first(&mut out, request, HeaderName::Timestamp);
    out
}

fn copy_first(out: &mut Vec<u8>, request: &Message, name: HeaderName) {
    if let Some(value) = request.header(name) {
        put_header(out, name.as_str().as_bytes(), value);
    }
}

fn put_to(out: &mut Vec<u8>, request: &Message, tag: Option<&str>) {
    let Some(value) = request.header(HeaderName::To) else { return };
    let has_tag = request.to_tag().is_some();
    // Some devices leave a last `;`: an empty parameter must not come of it.
    let bare = value.trim_ascii_end();
    let bare = bare.strip_suffix(b";").unwrap_or(bare);
    match tag {
        Some(tag) if !has_tag => {
            put_header(out, b"To", &[bare, b";tag=", one_line(tag).as_bytes()].concat());
        }
        Some(_) | None => put_header(out, b"To", value),
    }
}

/// Adds `received` and fills `rport` on the first value of this field.
fn put_top_via(out: &mut Vec<u8>, field: &[u8], remote: SocketAddr) {
    let top = split_list(field).next().unwrap_or_default();
    let rest = &field[offset_of(field, top) + top.len()..];
    let Ok(via) = crate::header::Via::read(top) else { return put_header(out, b"Via", field) };
    let mut value = format!("SIP/2.0/{} {}", via.transport, via.host);
    if let Some(port) = via.port {
        value.push_str(&format!(":{port}"));
    }
    for param in via.params.raw() {
        let name = param.split('=').next().unwrap_or_default().trim_end();
        let is_ours = ["received", "rport"].iter().any(|ours| name.eq_ignore_ascii_case(ours));
        if !is_ours {
            value.push(';');
            value.push_str(param);
        }
    }
    let ip = remote.ip();
    let sent_by = via.host.trim_start_matches('[').trim_end_matches(']').parse();
    if via.has_rport() || sent_by != Ok(ip) {
        value.push_str(&format!(";received={ip}"));
    }
    if via.has_rport() {
        value.push_str(&format!(";rport={}", remote.port()));
    }
    let mut value = value.into_bytes();
    value.extend_from_slice(rest);
    put_header(out, b"Via", &value);
}

/// Where `inner`, a part of `outer`, begins.
fn offset_of(outer: &[u8], inner: &[u8]) -> usize {
    (inner.as_ptr() as usize).saturating_sub(outer.as_ptr() as usize).min(outer.len())
}

/// A header of ours: the value as text on one line, without NUL.
fn put_ours(out: &mut Vec<u8>, name: &str, value: &str) {
    put_header(out, name.as_bytes(), one_line(value).as_bytes());
}

/// A header copied from a message: a fold becomes one space.
fn put_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if !is_name(name) {
        return;
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    put_value(out, value);
    out.extend_from_slice(b"\r\n");
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| crate::message::is_token(byte))
}

/// Text that stays on its line: CR, LF and NUL become one space.
fn one_line(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if !value.contains(['\r', '\n', '\0']) {
        return Cow::Borrowed(value);
    }
    let parts = value.split(['\r', '\n', '\0']).map(str::trim).filter(|part| !part.is_empty());
    Cow::Owned(parts.collect::<Vec<_>>().join(" "))
}

/// A fold becomes one space; so does a lone CR or LF.
fn put_value(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return out.extend_from_slice(value);
    }
    for part in value.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let part = part.trim_ascii();
        if !part.is_empty() {
            if out.last() != Some(&b' ') {
                out.push(b' ');
            }
            out.extend_from_slice(part);
        }
    }
}

fn put_body(out: &mut Vec<u8>, body: Option<(&str, &[u8])>) {
    let (media_type, body) = body.unwrap_or_default();
    if !body.is_empty() {
        put_ours(out, "Content-Type", media_type);
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
}
