//! URIs: `sip:`, `sips:` (RFC 3261 §19.1), `tel:` (RFC 3966), and others kept whole.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::header::{HeaderError, Params, split_at};

/// A URI, read in place.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Uri<'a> {
    /// As on the wire.
    pub text: &'a str,
    /// As on the wire; compare without case.
    pub scheme: &'a str,
    /// The user part before `@` as on the wire (with its own `;` parameters, escapes kept). For
    /// `tel:` the number.
    pub user: Option<&'a str>,
    pub password: Option<&'a str>,
    /// A name, an IPv4 address, or an IPv6 reference in brackets. Empty for `tel:` and unknown
    /// schemes.
    pub host: &'a str,
    pub port: Option<u16>,
    pub params: Params<'a>,
    /// What follows `?`.
    pub headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let text = std::str::from_utf8(bytes).map_err(|_| HeaderError::NotText)?;
        Self::read_str(text)
    }

    pub fn read_str(text: &'a str) -> Result<Self, HeaderError> {
        let (scheme, rest) = split_at(text, b':').ok_or(HeaderError::Uri)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme || rest.is_empty() || !text.bytes().all(|byte| IN_URI[usize::from(byte)]) {
            return Err(HeaderError::Uri);
        }
        let whole = Self {
            text,
            scheme,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::new(""),
            headers: None,
        };
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            whole.read_sip(rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            let end = rest.find(';').unwrap_or(rest.len());
            Ok(Self { user: Some(&rest[..end]), params: Params::new(&rest[end..]), ..whole })
        } else {
            Ok(whole)
        }
    }

    /// One we can route to: `sip`, `sips`, `tel`, `urn`.
    pub fn is_known_scheme(&self) -> bool {
        ["sip", "sips", "tel", "urn"].iter().any(|known| self.scheme.eq_ignore_ascii_case(known))
    }

    pub fn is_tel(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("tel")
    }

    /// The user part with its escapes resolved (§19.1.2).
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(decode)
    }

    /// Host and port where the host is an IP address; without a port, the one of `sip:` (§19.1.2).
    pub fn address(&self) -> Option<SocketAddr> {
        let host = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let ip: IpAddr = host.unwrap_or(self.host).parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(5060)))
    }

    fn read_sip(self, rest: &'a str) -> Result<Self, HeaderError> {
        // `;` and `?` may stand in a user part, so the last `@` before the host decides.
        let (user_info, rest) = match memchr::memrchr(b'@', rest.as_bytes()) {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let (user, password) = match user_info {
            None => (None, None),
            Some(info) => match split_at(info, b':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(info), None),
            },
        };
        if user.is_some_and(str::is_empty) {
            return Err(HeaderError::Uri);
        }
        let host_end = memchr::memchr2(b';', b'?', rest.as_bytes()).unwrap_or(rest.len());
        let (host, port) = host_port(&rest[..host_end])?;
        let (params, headers) = match split_at(&rest[host_end..], b'?') {
            Some((params, headers)) => (params, Some(headers)),
            None => (&rest[host_end..], None),
        };
        Ok(Self { user, password, host, port, params: Params::new(params), headers, ..self })
    }
}

/// Tables, because every byte of each address of a message is looked up.
const IN_URI: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        let never = byte <= b' ' as usize || byte == 0x7f;
        table[byte] = !never && !matches!(byte as u8, b'<' | b'>' | b'"');
        byte += 1;
    }
    table
};
const IN_HOST_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        table[byte] = letter.is_ascii_alphanumeric()
            || matches!(letter, b'-' | b'.' | b'_')
            || letter >= 0x80;
        byte += 1;
    }
    table
};

/// `host[:port]`, IPv6 in brackets (RFC 5118 §4.1).
pub(crate) fn host_port(text: &str) -> Result<(&str, Option<u16>), HeaderError> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or(HeaderError::Host)? + 1;
        let address = &text[1..end - 1];
        if !is_ipv6(address) {
            return Err(HeaderError::Host);
        }
        (&text[..end], &text[end..])
    } else {
        let end = memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len());
        (text[..end].trim_ascii_end(), &text[end..])
    };
    let is_name = |byte: u8| IN_HOST_NAME[usize::from(byte)];
    if host.is_empty() || (!host.starts_with('[') && !host.bytes().all(is_name)) {
        return Err(HeaderError::Host);
    }
    let port = port.trim_ascii();
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(HeaderError::Host),
        Some(digits) => Some(digits.trim_ascii().parse().map_err(|_| HeaderError::Host)?),
    };
    Ok((host, port))
}

/// An IPv6 address; also with the three colons that RFC 3261's grammar allowed (RFC 5118 §4.10).
fn is_ipv6(text: &str) -> bool {
    let is_address = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    is_address(text) || (text.contains(":::") && is_address(&text.replacen(":::", "::", 1)))
}

/// Resolves `%HH`. What is no escape stays.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
