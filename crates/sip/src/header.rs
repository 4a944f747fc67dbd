//! Typed views of header values, read in place when asked for.
//!
//! White space here is SP, HT, CR and LF, because a fold may be anywhere (RFC 3261 §7.3.1, §25.1
//! LWS). Addresses and parameters must be UTF-8; display names need not.

use std::borrow::Cow;

use thiserror::Error;

use crate::message::Method;
use crate::uri::{Uri, host_port};

mod name;
mod params;

pub use name::HeaderName;
pub use params::Params;

/// Why a header's value cannot be used.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
pub enum HeaderError {
    #[error("missing")]
    Missing,
    #[error("not UTF-8")]
    NotText,
    #[error("not a number in range")]
    Number,
    #[error("not a method")]
    Method,
    #[error("not a URI")]
    Uri,
    #[error("not a host")]
    Host,
    #[error("an address that is not well-formed")]
    Address,
    #[error("a quote without its end")]
    Quote,
    #[error("parameters that are not well-formed")]
    Params,
    #[error("not one word")]
    CallId,
    #[error("not a Via of SIP/2.0")]
    Via,
}

/// A Via value (§20.42).
#[derive(Copy, Clone, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, …, as on the wire.
    pub transport: &'a str,
    pub host: &'a str,
    pub port: Option<u16>,
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    pub fn read(value: &'a [u8]) -> Result<Self, HeaderError> {
        let text = text(value)?;
        let (protocol, rest) = split_at(text, b'/').ok_or(HeaderError::Via)?;
        let (version, rest) = split_at(rest, b'/').ok_or(HeaderError::Via)?;
        let protocol = protocol.trim_ascii();
        if !protocol.eq_ignore_ascii_case("SIP") || version.trim_ascii() != "2.0" {
            return Err(HeaderError::Via);
        }
        let rest = rest.trim_ascii_start();
        let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let space = rest.bytes().position(is_space).ok_or(HeaderError::Via)?;
        let (transport, rest) = (&rest[..space], rest[space..].trim_ascii_start());
        if transport.is_empty() || !transport.bytes().all(crate::message::is_token) {
            return Err(HeaderError::Via);
        }
        let end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
        let (host, port) = host_port(rest[..end].trim_ascii_end())?;
        let params = Params::new(&rest[end..]);
        params.check()?;
        Ok(Self { transport, host, port, params })
    }

    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch")
    }

    /// Brackets round an IPv6 address are optional here (RFC 5118 §4.5).
    pub fn received(&self) -> Option<&'a str> {
        self.params.get("received")
    }

    /// The `rport` that was filled in (RFC 3581 §4).
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport").and_then(|port| port.parse().ok())
    }

    /// The client asks for symmetric responses: `rport` is there, with or without a value.
    pub fn has_rport(&self) -> bool {
        self.params.has("rport")
    }
}

/// `name-addr` or `addr-spec` with header parameters: From, To, Contact, Route, Diversion, …
#[derive(Copy, Clone, Debug)]
pub struct NameAddr<'a> {
    /// As on the wire, quotes included.
    pub display: Option<&'a [u8]>,
    /// What was between `<>`, or the bare address up to its first `;`.
    pub uri: &'a str,
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    pub fn read(value: &'a [u8]) -> Result<Self, HeaderError> {
        let value = trim(value);
        let open = find_unquoted(value, b'<')?;
        let (display, uri, rest) = match open {
            Some(open) => {
                let close = memchr::memchr(b'>', &value[open..]).ok_or(HeaderError::Address)?;
                let display = trim(&value[..open]);
                let display = (!display.is_empty()).then_some(display);
                (display, trim(&value[open + 1..open + close]), &value[open + close + 1..])
            }
            None => {
                // Without `<>` parameters belong to the header, and `?` or `,` cannot be (§20.10).
                let end = memchr::memchr(b';', value).unwrap_or(value.len());
                if memchr::memchr2(b'?', b',', &value[..end]).is_some() {
                    return Err(HeaderError::Address);
                }
                (None, trim(&value[..end]), &value[end..])
            }
        };
        let uri = text(uri)?;
        if uri != "*" {
            Uri::read_str(uri)?;
        }
        let params = Params::new(text(trim(rest))?);
        params.check()?;
        Ok(Self { display, uri, params })
    }

    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The address, read. `*` is an error.
    pub fn address(&self) -> Result<Uri<'a>, HeaderError> {
        Uri::read_str(self.uri)
    }

    /// The user part of the address, escapes resolved; the number of a `tel:`.
    pub fn user(&self) -> Option<Cow<'a, str>> {
        self.address().ok().and_then(|uri| uri.user_decoded())
    }

    /// The display name without quotes and escapes; other encodings than UTF-8 are read as Latin-1,
    /// which is what such phones send.
    pub fn display_name(&self) -> Option<String> {
        let raw = unquote_bytes(self.display?);
        Some(match String::from_utf8(raw) {
            Ok(name) => name,
            Err(error) => error.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
        })
    }

    /// A Contact's own lifetime in seconds (§10.2.1.1).
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(|value| delta_seconds(value.as_bytes()).ok())
    }
}

/// `CSeq` (§20.16).
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct CSeq {
    /// Below 2^31 (§8.1.1.5).
    pub number: u32,
    pub method: Method,
}

impl CSeq {
    pub fn read(value: &[u8]) -> Result<Self, HeaderError> {
        let (number, method) = word(value)?;
        let number = self::number(number)?;
        if number >= 1 << 31 {
            return Err(HeaderError::Number);
        }
        Ok(Self { number, method: Method::read(method).ok_or(HeaderError::Method)? })
    }
}

/// `RAck` (RFC 3262 §7.2).
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: CSeq,
}

impl RAck {
    pub fn read(value: &[u8]) -> Result<Self, HeaderError> {
        let (rseq, rest) = word(value)?;
        Ok(Self { rseq: number(rseq)?, cseq: CSeq::read(rest)? })
    }
}

/// Splits a comma list; commas in quotes or `<>` do not count. Values are trimmed.
pub fn split_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let list = rest?;
        let end = list_end(list);
        rest = list.get(end + 1..);
        Some(trim(&list[..end]))
    })
}

fn list_end(list: &[u8]) -> usize {
    if memchr::memchr(b',', list).is_none() {
        return list.len();
    }
    let (mut quoted, mut angled, mut at) = (false, false, 0);
    while at < list.len() {
        match list[at] {
            b'\\' if quoted => at += 1,
            b'"' if !angled => quoted = !quoted,
            b'<' if !quoted => angled = true,
            b'>' if !quoted => angled = false,
            b',' if !quoted && !angled => return at,
            _ => {}
        }
        at += 1;
    }
    list.len()
}

/// The first such byte outside quotes.
fn find_unquoted(value: &[u8], wanted: u8) -> Result<Option<usize>, HeaderError> {
    if memchr::memchr(b'"', value).is_none() {
        return Ok(memchr::memchr(wanted, value));
    }
    let (mut quoted, mut at) = (false, 0);
    while at < value.len() {
        match value[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            byte if byte == wanted && !quoted => return Ok(Some(at)),
            _ => {}
        }
        at += 1;
    }
    if quoted { Err(HeaderError::Quote) } else { Ok(None) }
}

/// A quoted string's content with `\x` resolved; anything else as it is.
fn unquote_bytes(raw: &[u8]) -> Vec<u8> {
    let Some(inner) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
        return raw.to_vec();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        out.push(if byte == b'\\' { *bytes.next().unwrap_or(&byte) } else { byte });
    }
    out
}

pub(crate) fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

pub(crate) fn text(value: &[u8]) -> Result<&str, HeaderError> {
    std::str::from_utf8(value).map_err(|_| HeaderError::NotText)
}

/// What is before the first such ASCII byte, and after it.
pub(crate) fn split_at(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// Digits only, up to 32 bits.
pub(crate) fn number(digits: &[u8]) -> Result<u32, HeaderError> {
    if digits.is_empty() {
        return Err(HeaderError::Number);
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9);
        let digit = digit.ok_or(HeaderError::Number)?;
        let number = number.checked_mul(10).and_then(|tens| tens.checked_add(u32::from(digit)));
        number.ok_or(HeaderError::Number)
    })
}

/// Digits; what does not fit counts as the maximum (§20.19). Parameters after it are ignored.
pub(crate) fn delta_seconds(value: &[u8]) -> Result<u32, HeaderError> {
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    let rest = trim(&value[end..]);
    if end == 0 || !(rest.is_empty() || rest[0] == b';' || rest[0] == b'(') {
        return Err(HeaderError::Number);
    }
    Ok(number(&value[..end]).unwrap_or(u32::MAX))
}

/// The first word and what follows it.
fn word(value: &[u8]) -> Result<(&[u8], &[u8]), HeaderError> {
    let value = trim(value);
    let end = value.iter().position(u8::is_ascii_whitespace).ok_or(HeaderError::Missing)?;
    Ok((&value[..end], trim(&value[end..])))
}
