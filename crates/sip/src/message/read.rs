//! Finding the lines of a message, and what every request and response must have.
//!
//! Reading goes on after a fault where it can, so that a faulty request is still answered with
//! its own Via, From, To, Call-ID and CSeq. The first fault decides the status.

use bytes::Bytes;
use memchr::{memchr, memchr2};

use super::{Field, Malformed, MalformedReason as Reason, Message, Method, Start, Tags};
use crate::header::{HeaderError, HeaderName, NameAddr, Via, trim};
use crate::limits::{
    HEADER_BYTES_MAX, HEADERS_INLINE, HEADERS_MAX, MESSAGE_BYTES_MAX, METHOD_BYTES_MAX,
    REQUEST_URI_BYTES_MAX, VIAS_MAX,
};
use crate::uri::Uri;

/// Offsets of the header fields: inline as long as they fit.
#[derive(Clone)]
pub(crate) struct Fields {
    inline: [Field; HEADERS_INLINE],
    len: u16,
    /// All of them, once there are more than fit inline.
    spilled: Option<Vec<Field>>,
}

const NO_FIELD: Field =
    Field { name: HeaderName::Other, start: 0, name_end: 0, value: 0, value_end: 0 };

impl Fields {
    pub(super) const fn new() -> Self {
        Self { inline: [NO_FIELD; HEADERS_INLINE], len: 0, spilled: None }
    }

    pub(crate) fn as_slice(&self) -> &[Field] {
        match &self.spilled {
            Some(fields) => fields,
            None => &self.inline[..usize::from(self.len)],
        }
    }

    fn push(&mut self, field: Field) {
        let len = usize::from(self.len);
        match &mut self.spilled {
            Some(fields) => fields.push(field),
            None if len < HEADERS_INLINE => self.inline[len] = field,
            None => {
                let mut fields = Vec::with_capacity(2 * HEADERS_INLINE);
                fields.extend_from_slice(&self.inline);
                fields.push(field);
                self.spilled = Some(fields);
            }
        }
        self.len += 1;
    }
}

pub(super) fn read(bytes: Bytes) -> Result<Message, Malformed> {
    let mut fault = None;
    let Some(begin) = bytes.iter().position(|&byte| !matches!(byte, b'\r' | b'\n' | 0)) else {
        return Err(silent(Reason::KeepAlive));
    };
    let mut bytes = bytes.slice(begin..);
    if bytes.len() > MESSAGE_BYTES_MAX {
        note(&mut fault, Reason::TooLarge);
        bytes.truncate(MESSAGE_BYTES_MAX);
    }

    let (line_end, mut at) = line(&bytes, 0, &mut fault);
    let Some(start) = read_start(&bytes[..line_end], &mut fault) else {
        return Err(silent(fault.unwrap_or(Reason::NotSip)));
    };
    let mut fields = Fields::new();
    let end = read_fields(&bytes, &mut at, &mut fields, &mut fault);

    let mut message = Message { bytes, start, fields, tags: None, body: offset(at) };
    message.check(&mut fault);
    let length = message.cut_body(&mut fault);
    let is_whole = match end {
        End::Proper => true,
        End::Early => length == Some(0),
        End::Cut => false,
    };
    if !is_whole {
        note(&mut fault, Reason::NoEndOfHeaders);
    }
    match fault {
        None => Ok(message),
        Some(reason) => Err(refuse(message, reason)),
    }
}

pub(super) fn silent(reason: Reason) -> Malformed {
    Malformed { status: reason.status(), reason, answer: None, invite: None }
}

pub(super) fn refuse(message: Message, reason: Reason) -> Malformed {
    let answer = crate::write::refusal(&message, reason);
    let is_call = answer.is_some() && is_new_invite(&message);
    let invite = is_call.then(|| Box::new(message));
    Malformed { status: reason.status(), reason, answer, invite }
}

/// An INVITE whose To, readable or not, has no tag.
fn is_new_invite(message: &Message) -> bool {
    let has_tag = match message.to() {
        Ok(to) => to.tag().is_some(),
        Err(_) => message
            .header(HeaderName::To)
            .is_some_and(|to| to.to_ascii_lowercase().windows(5).any(|at| at == b";tag=")),
    };
    *message.method_ref() == Method::Invite && !has_tag
}

fn note(fault: &mut Option<Reason>, reason: Reason) {
    fault.get_or_insert(reason);
}

/// Offsets are below [`MESSAGE_BYTES_MAX`] once the bytes are cut.
pub(super) fn offset(at: usize) -> u16 {
    u16::try_from(at).expect("a message is no longer than 16 bits can count")
}

/// The end of the line that starts at `from`, and where the next one starts. A bare LF ends a
/// line too. A lone CR does not, but to others it may: what one element reads as one header and
/// the next as two is refused. (A NUL is allowed, after a backslash in quotes: §25.1.)
pub(super) fn line(bytes: &[u8], from: usize, fault: &mut Option<Reason>) -> (usize, usize) {
    let mut at = from;
    while let Some(found) = memchr2(b'\n', b'\r', &bytes[at..]) {
        at += found;
        match bytes[at] {
            b'\n' => return (at, at + 1),
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => return (at, at + 2),
            _ => note(fault, Reason::LoneCr),
        }
        at += 1;
    }
    (bytes.len(), bytes.len())
}

/// `None`: not a SIP start line at all, or a response that cannot be used.
pub(super) fn read_start(line: &[u8], fault: &mut Option<Reason>) -> Option<Start> {
    if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return read_status_line(line, fault);
    }
    let first = memchr(b' ', line)?;
    let method = Method::read(&line[..first]);
    // Cut: of a name that long nobody can know the rest.
    let cut = || Method::read(&line[..first.min(METHOD_BYTES_MAX)]);
    let is_too_long = method.is_none() && line[..first].iter().all(|&byte| super::is_token(byte));
    let method = method.or_else(|| cut().filter(|_| is_too_long))?;
    // Only a last word that names the protocol tells SIP from other text.
    let trimmed = line.trim_ascii_end();
    let last = trimmed.iter().rposition(|&byte| byte == b' ')?;
    let version = &trimmed[last + 1..];
    if version.len() < 4 || !version[..4].eq_ignore_ascii_case(b"SIP/") {
        return None;
    }
    if is_too_long {
        note(fault, Reason::MethodTooLong);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        note(fault, Reason::Version);
    }
    if trimmed.len() != line.len() {
        note(fault, Reason::StartLine);
    }
    let uri = &line[(first + 1).min(last)..last];
    read_request_uri(uri, fault);
    Some(Start::Request { method, uri: (offset((first + 1).min(last)), offset(last)) })
}

fn read_request_uri(uri: &[u8], fault: &mut Option<Reason>) {
    if uri.is_empty() || uri.iter().any(|byte| byte.is_ascii_whitespace()) {
        return note(fault, Reason::StartLine);
    }
    if uri.len() > REQUEST_URI_BYTES_MAX {
        return note(fault, Reason::RequestUriTooLong);
    }
    match Uri::read(uri) {
        // RFC 3261 §19.1.1: header parameters are not allowed in a Request-URI.
        Ok(uri) if uri.headers.is_some() => note(fault, Reason::RequestUri),
        Ok(uri) if uri.is_known_scheme() => {}
        Ok(_) => note(fault, Reason::Scheme),
        Err(_) => note(fault, Reason::RequestUri),
    }
}

fn read_status_line(line: &[u8], fault: &mut Option<Reason>) -> Option<Start> {
    if line.len() < 8 || !line[..8].eq_ignore_ascii_case(b"SIP/2.0 ") {
        note(fault, Reason::Version);
        return None;
    }
    let code_end = memchr(b' ', &line[8..]).map_or(line.len(), |at| 8 + at);
    let status = match crate::header::number(&line[8..code_end]) {
        Ok(status @ 100..=699) if code_end == 11 => status,
        _ => {
            note(fault, Reason::Status);
            return None;
        }
    };
    let reason = (offset((code_end + 1).min(line.len())), offset(line.len()));
    let status = u16::try_from(status).expect("three digits");
    // The method comes from CSeq once it is read.
    Some(Start::Response { status, reason, method: Method::Options })
}

/// How the headers end.
pub(super) enum End {
    /// With an empty line.
    Proper,
    /// With the bytes, after a whole line: good enough if Content-Length promises no body.
    Early,
    /// With the bytes, inside a line.
    Cut,
}

pub(super) fn read_fields(
    bytes: &[u8],
    at: &mut usize,
    fields: &mut Fields,
    fault: &mut Option<Reason>,
) -> End {
    let mut is_line_whole = true;
    loop {
        let start = *at;
        if start >= bytes.len() {
            return if is_line_whole { End::Early } else { End::Cut };
        }
        let (mut end, mut next) = line(bytes, start, fault);
        if end == start {
            *at = next;
            return End::Proper;
        }
        while matches!(bytes.get(next), Some(b' ' | b'\t')) {
            (end, next) = line(bytes, next, fault);
        }
        *at = next;
        is_line_whole = next > end;
        if fields.as_slice().len() == HEADERS_MAX {
            note(fault, Reason::TooManyHeaders);
            continue;
        }
        if end - start > HEADER_BYTES_MAX {
            note(fault, Reason::HeaderTooLong);
            continue;
        }
        match read_field(bytes, start, end) {
            Some(field) => fields.push(field),
            None => note(fault, Reason::HeaderLine),
        }
    }
}

fn read_field(bytes: &[u8], start: usize, end: usize) -> Option<Field> {
    let text = &bytes[start..end];
    // Names are short: stepping over one is quicker than searching its end.
    let name_end = text.iter().position(|&byte| !super::is_token(byte))?;
    // White space may stand before the colon (§7.3.1).
    let space = text[name_end..].iter().position(|byte| !byte.is_ascii_whitespace())?;
    let (name, colon) = (&text[..name_end], name_end + space);
    if name.is_empty() || text[colon] != b':' {
        return None;
    }
    let value = &text[colon + 1..];
    let lead = value.len() - value.trim_ascii_start().len();
    let value_start = start + colon + 1 + lead;
    let value_end = value_start + value.trim_ascii().len();
    Some(Field {
        name: HeaderName::read(name),
        start: offset(start),
        name_end: offset(start + name.len()),
        value: offset(value_start),
        value_end: offset(value_end),
    })
}

impl Message {
    /// What every message must have (§8.1.1), each once where §7.3.1 gives no list.
    fn check(&mut self, fault: &mut Option<Reason>) {
        self.check_single(fault);
        self.check_vias(fault);
        self.tags = Some(Tags {
            from: self.check_address(HeaderName::From, self.from(), fault),
            to: self.check_address(HeaderName::To, self.to(), fault),
        });
        if let Err(error) = self.max_forwards() {
            note(fault, Reason::Header(HeaderName::MaxForwards, error));
        }
        let cseq = match self.cseq() {
            Ok(cseq) => cseq,
            Err(error) => return note(fault, Reason::Header(HeaderName::CSeq, error)),
        };
        match &mut self.start {
            Start::Request { method, .. } if *method != cseq.method => {
                note(fault, Reason::MethodMismatch);
            }
            Start::Request { .. } => {}
            Start::Response { method, .. } => *method = cseq.method,
        }
    }

    /// Where its tag is.
    fn check_address(
        &self,
        name: HeaderName,
        address: Result<NameAddr<'_>, HeaderError>,
        fault: &mut Option<Reason>,
    ) -> Option<(u16, u16)> {
        match address.map(|address| address.params.get("tag")) {
            // A tag of ours could not be told from an empty one.
            Ok(Some("")) => {
                note(fault, Reason::Header(name, HeaderError::Params));
                None
            }
            Ok(Some(tag)) => {
                let start = tag.as_ptr().addr() - self.bytes.as_ptr().addr();
                Some((offset(start), offset(start + tag.len())))
            }
            Ok(None) => None,
            Err(error) => {
                note(fault, Reason::Header(name, error));
                None
            }
        }
    }

    fn check_single(&self, fault: &mut Option<Reason>) {
        const REQUIRED: [HeaderName; 5] = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ];
        let mut seen = 0_u128;
        for field in self.fields() {
            let bit = 1_u128 << (field.name as u8);
            if seen & bit != 0 && is_single(field.name) {
                note(fault, Reason::Repeated(field.name));
            }
            seen |= bit;
        }
        for name in REQUIRED {
            if seen & (1_u128 << (name as u8)) == 0 {
                note(fault, Reason::Missing(name));
            }
        }
        if let Err(error) = self.call_id() {
            note(fault, Reason::Header(HeaderName::CallId, error));
        }
    }

    fn check_vias(&self, fault: &mut Option<Reason>) {
        for (index, value) in self.values(HeaderName::Via).enumerate() {
            if index == VIAS_MAX {
                return note(fault, Reason::TooManyVias);
            }
            if let Err(error) = Via::read(value) {
                note(fault, Reason::Header(HeaderName::Via, error));
            }
        }
    }

    /// Content-Length against what came: longer is an error, shorter cuts (§18.3).
    fn cut_body(&mut self, fault: &mut Option<Reason>) -> Option<usize> {
        let mut length = None;
        for value in self.headers(HeaderName::ContentLength) {
            match crate::header::number(trim(value)) {
                Ok(value) if length.is_none_or(|length| length == value) => length = Some(value),
                Ok(_) | Err(_) => {
                    note(fault, Reason::ContentLength);
                    return None;
                }
            }
        }
        let length = usize::try_from(length?).ok()?;
        let there = self.body().len();
        if length > MESSAGE_BYTES_MAX {
            note(fault, Reason::BodyTooLarge);
        } else if length > there {
            note(fault, Reason::Truncated);
        } else {
            self.bytes.truncate(self.body_start() + length);
        }
        Some(length)
    }
}

/// Headers that may be there once only and whose second value would be a trap.
const fn is_single(name: HeaderName) -> bool {
    matches!(
        name,
        HeaderName::From
            | HeaderName::To
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::MaxForwards
            | HeaderName::Expires
            | HeaderName::ContentType
    )
}
