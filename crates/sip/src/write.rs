//! Writing: messages that we originate, and edits on received bytes.
//!
//! Whatever a caller passes, a value cannot end its line: CR, LF and NUL become spaces, a name
//! that is no token is left out. So nobody's display name can add a header to our messages.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

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
pub fn reason_phrase(status: u16) -> &'static str {
    static PHRASES: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..=STATUS_MAX).map(phrase_of).collect());
    &PHRASES[usize::from(status.min(STATUS_MAX))]
}

const STATUS_MAX: u16 = 699;

fn phrase_of(status: u16) -> String {
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

/// Builds a request. Content-Length and the body come with `finish`.
pub struct RequestWriter {
    out: Vec<u8>,
}

impl RequestWriter {
    pub fn new(method: &Method, request_uri: &str) -> Self {
        let mut out = Vec::with_capacity(1_024);
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        // A space would split the line.
        out.extend(request_uri.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != 0));
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out }
    }

    /// Left out if the name is no token; a line end in the value becomes a space.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        put_ours(&mut self.out, name, value);
        self
    }

    /// A header of ours whose value `put` writes: what cannot end its line.
    #[must_use]
    pub(crate) fn put(mut self, name: HeaderName, put: impl FnOnce(&mut Vec<u8>)) -> Self {
        put_line(&mut self.out, name, put);
        self
    }

    #[must_use]
    pub fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |writer, (name, value)| writer.header(name, value))
    }

    /// `body` is (media type, bytes).
    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        put_body(&mut self.out, body);
        // Some are kept for a while: no longer than they are.
        Bytes::copy_from_slice(&self.out)
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

    /// As [`RequestWriter::put`].
    #[must_use]
    pub(crate) fn put(mut self, name: HeaderName, put: impl FnOnce(&mut Vec<u8>)) -> Self {
        put_line(&mut self.out, name, put);
        self
    }

    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        put_body(&mut self.out, body);
        // Some are kept for a while: no longer than they are.
        Bytes::copy_from_slice(&self.out)
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
    put_status_line(&mut out, status);
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

fn put_status_line(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b"SIP/2.0 ");
    put_number(out, status.into());
    out.push(b' ');
    out.extend_from_slice(reason_phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn copy_first(out: &mut Vec<u8>, request: &Message, name: HeaderName) {
    if let Some(value) = request.header(name) {
        put_line(out, name, |out| put_value(out, value));
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
            put_line(out, HeaderName::To, |out| {
                put_value(out, bare);
                out.extend_from_slice(b";tag=");
                out.extend_from_slice(one_line(tag).as_bytes());
            });
        }
        Some(_) | None => put_line(out, HeaderName::To, |out| put_value(out, value)),
    }
}

/// Adds `received` and fills `rport` on the first value of this field.
fn put_top_via(out: &mut Vec<u8>, field: &[u8], remote: SocketAddr) {
    let top = split_list(field).next().unwrap_or_default();
    let rest = &field[offset_of(field, top) + top.len()..];
    let Ok(via) = crate::header::Via::read(top) else { return put_header(out, b"Via", field) };
    put_line(out, HeaderName::Via, |out| {
        out.extend_from_slice(b"SIP/2.0/");
        out.extend_from_slice(via.transport.as_bytes());
        out.push(b' ');
        out.extend_from_slice(via.host.as_bytes());
        if let Some(port) = via.port {
            out.push(b':');
            put_number(out, port.into());
        }
        let mut has_rport = false;
        for param in via.params.raw() {
            let end = param.bytes().position(|byte| byte == b'=').unwrap_or(param.len());
            let name = param[..end].trim_ascii_end();
            let is_rport = name.eq_ignore_ascii_case("rport");
            has_rport |= is_rport;
            if !is_rport && !name.eq_ignore_ascii_case("received") {
                out.push(b';');
                put_value(out, param.as_bytes());
            }
        }
        let ip = remote.ip();
        let sent_by = via.host.trim_start_matches('[').trim_end_matches(']').parse();
        if has_rport || sent_by != Ok(ip) {
            out.extend_from_slice(b";received=");
            put_ip(out, ip);
        }
        if has_rport {
            out.extend_from_slice(b";rport=");
            put_number(out, remote.port().into());
        }
        if rest.first().is_some_and(u8::is_ascii_whitespace) {
            out.push(b' ');
        }
        put_value(out, rest);
    });
}

/// Where `inner`, a part of `outer`, begins.
fn offset_of(outer: &[u8], inner: &[u8]) -> usize {
    (inner.as_ptr() as usize).saturating_sub(outer.as_ptr() as usize).min(outer.len())
}

/// A header of ours: the value as text on one line, without NUL.
fn put_ours(out: &mut Vec<u8>, name: &str, value: &str) {
    put_header(out, name.as_bytes(), one_line(value).as_bytes());
}

/// One line of a header that we know, its value as `put` writes it.
fn put_line(out: &mut Vec<u8>, name: HeaderName, put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    put(out);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    let (mut digits, mut at, mut rest) = ([0; 20], 20, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

/// The lowest so many hexadecimal digits.
pub(crate) fn put_hex(out: &mut Vec<u8>, number: u128, digits: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..digits).rev().map(|digit| DIGITS[(number >> (4 * digit)) as usize & 15]));
}

pub(crate) fn put_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (octet, dot) in ip.octets().into_iter().zip([false, true, true, true]) {
                if dot {
                    out.push(b'.');
                }
                put_number(out, octet.into());
            }
        }
        IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
    }
}

/// Host and port, IPv6 in brackets.
pub(crate) fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(_) => {
            put_ip(out, address.ip());
            out.push(b':');
            put_number(out, address.port().into());
        }
        SocketAddr::V6(_) => out.extend_from_slice(address.to_string().as_bytes()),
    }
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
pub(crate) fn one_line(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if memchr::memchr3(b'\r', b'\n', b'\0', value.as_bytes()).is_none() {
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
    put_line(out, HeaderName::ContentLength, |out| put_number(out, body.len() as u64));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}
