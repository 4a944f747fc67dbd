//! `;name=value` lists.

use super::HeaderError;

/// Parameters as on the wire, looked up on demand. Names match in any case.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// Empty, or starting with `;`.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The value, without white space and quotes; empty for a parameter without one.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As on the wire, with its first `;`.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// (name, value), in order; the value is empty where there is none.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.raw().map(|param| match param.bytes().position(|byte| byte == b'=') {
            Some(at) => (param[..at].trim_ascii_end(), unquote(param[at + 1..].trim_ascii_start())),
            None => (param, ""),
        })
    }

    /// `name=value` as on the wire, trimmed, in order.
    pub fn raw(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                rest = rest.strip_prefix(';').unwrap_or(rest);
                if rest.is_empty() {
                    return None;
                }
                let end = param_end(rest);
                let param = rest[..end].trim_ascii();
                rest = &rest[end..];
                if !param.is_empty() {
                    return Some(param);
                }
            }
        })
    }

    /// Well-formed: starts with `;`, quotes end, no empty parameter but after a last `;`, which
    /// some devices leave.
    pub(crate) fn check(&self) -> Result<(), HeaderError> {
        let mut rest = self.0;
        let has_quotes = memchr::memchr(b'"', rest.as_bytes()).is_some();
        while !rest.is_empty() {
            rest = rest.strip_prefix(';').ok_or(HeaderError::Params)?;
            let end = param_end(rest);
            let param = rest[..end].trim_ascii();
            if has_quotes && has_open_quote(param) {
                return Err(HeaderError::Quote);
            }
            if (param.is_empty() && end < rest.len()) || param.starts_with('=') {
                return Err(HeaderError::Params);
            }
            rest = &rest[end..];
        }
        Ok(())
    }
}

/// The next `;` outside quotes.
fn param_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    match memchr::memchr2(b';', b'"', bytes) {
        None => return bytes.len(),
        Some(at) if bytes[at] == b';' => return at,
        Some(_) => {}
    }
    let (mut quoted, mut at) = (false, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b';' if !quoted => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn has_open_quote(param: &str) -> bool {
    let (mut quoted, mut bytes) = (false, param.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quoted => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
