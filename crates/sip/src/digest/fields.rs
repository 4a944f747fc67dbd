//! The `Digest name=value, …` form that challenges and answers share.

use std::borrow::Cow;

use crate::header::split_list;

/// Fields of one header value, looked up on demand.
#[derive(Copy, Clone, Debug)]
pub(crate) struct AuthFields<'a>(&'a str);

impl<'a> AuthFields<'a> {
    /// `None` if the scheme is not Digest.
    pub(crate) fn read(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        let end = text.find(|c: char| c.is_ascii_whitespace())?;
        text[..end].eq_ignore_ascii_case("Digest").then(|| Self(&text[end..]))
    }

    /// The value without quotes and escapes.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).map(unquote)
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        split_list(self.0.as_bytes()).find_map(|field| {
            let field = std::str::from_utf8(field).ok()?;
            let (found, value) = field.split_once('=')?;
            found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

fn unquote(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    Cow::Owned(out)
}

/// For a quoted string: quotes and backslashes escaped, line ends gone.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '\\', '\r', '\n', '\0']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            '\r' | '\n' | '\0' => {}
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}
