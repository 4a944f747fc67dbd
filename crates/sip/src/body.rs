//! Where in a body the session description is (RFC 3261 §7.4, §8.2.3; RFC 2046 §5.1; RFC 5621).
//!
//! A body is SDP, or a multipart that holds some beside what others have use for: an ISUP message, a
//! location, a picture. Parts that we do not understand are passed over unless they are marked as
//! required. §20.11 would have an unmarked one count as required, but operators leave the mark out, and
//! their call would be lost for an attachment that nobody here needs.

use std::borrow::Cow;

use thiserror::Error;

use crate::header::{HeaderName, Params};
use crate::limits::{BOUNDARY_BYTES_MAX, MULTIPART_DEPTH_MAX, MULTIPART_PARTS_MAX};
use crate::message::Message;

/// What we read, for Accept (§20.1).
pub const ACCEPT: &str = "application/sdp, multipart/mixed, multipart/alternative";

/// Why a body is of no use to us.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
pub enum BodyError {
    #[error("a media type that we do not read")]
    MediaType,
    #[error("a content encoding that we do not read")]
    Encoding,
    #[error("a multipart that is not well-formed")]
    Multipart,
}

impl BodyError {
    /// What a request with such a body is answered (§8.2.3).
    pub const fn status(self) -> u16 {
        match self {
            Self::MediaType | Self::Encoding => 415,
            Self::Multipart => 400,
        }
    }

    /// The header that tells what we would have read (§21.4.13).
    pub const fn header(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::MediaType => Some(("Accept", ACCEPT)),
            Self::Encoding => Some(("Accept-Encoding", "identity")),
            Self::Multipart => None,
        }
    }
}

/// The session description in a message's body; `None` if there is none, which is no fault.
pub fn session_description(message: &Message) -> Result<Option<&[u8]>, BodyError> {
    let body = message.body();
    if body.is_empty() {
        return Ok(None);
    }
    let head = Head {
        media_type: message.text(HeaderName::ContentType).map(Cow::Borrowed),
        disposition: message.text(HeaderName::ContentDisposition).map(Cow::Borrowed),
        encoding: message.text(HeaderName::ContentEncoding).map(Cow::Borrowed),
    };
    match head.find(body, 0) {
        Found::Description(sdp) => Ok(Some(sdp)),
        Found::Nothing(_) if head.handling() == Some(Handling::Optional) => Ok(None),
        Found::Nothing(error) => Err(error),
        Found::Ignorable => Ok(None),
    }
}

/// What is said of a body or a part.
struct Head<'a> {
    media_type: Option<Cow<'a, str>>,
    disposition: Option<Cow<'a, str>>,
    encoding: Option<Cow<'a, str>>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum Handling {
    Optional,
    Required,
}

enum Found<'b> {
    Description(&'b [u8]),
    /// Nothing that we read, and nothing that we may not pass over.
    Ignorable,
    Nothing(BodyError),
}

impl Head<'_> {
    fn find<'b>(&self, body: &'b [u8], depth: usize) -> Found<'b> {
        let encoding = self.encoding.as_deref().map(str::trim).unwrap_or_default();
        let is_plain = ["", "identity", "binary", "8bit", "7bit"]
            .iter()
            .any(|plain| encoding.eq_ignore_ascii_case(plain));
        if !is_plain {
            return Found::Nothing(BodyError::Encoding);
        }
        let Some(value) = self.media_type.as_deref() else {
            return Found::Nothing(BodyError::MediaType);
        };
        let (name, params) = split(value);
        if name.eq_ignore_ascii_case("application/sdp") {
            return Found::Description(body);
        }
        let is_multipart =
            name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
        if !is_multipart || depth == MULTIPART_DEPTH_MAX {
            return Found::Nothing(BodyError::MediaType);
        }
        let boundary = params.get("boundary").unwrap_or_default();
        if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
            return Found::Nothing(BodyError::Multipart);
        }
        let takes_last = name.eq_ignore_ascii_case("multipart/alternative");
        find_part(body, boundary, takes_last, depth + 1)
    }

    fn handling(&self) -> Option<Handling> {
        let (_, params) = split(self.disposition.as_deref()?);
        let handling = params.get("handling")?;
        if handling.eq_ignore_ascii_case("optional") {
            Some(Handling::Optional)
        } else {
            // §20.11: what else it may say, we do not understand.
            Some(Handling::Required)
        }
    }
}

/// `type/subtype` and its parameters.
fn split(value: &str) -> (&str, Params<'_>) {
    let end = value.find(';').unwrap_or(value.len());
    (value[..end].trim(), Params::new(&value[end..]))
}

/// Of alternatives the last that we understand is the best (RFC 2046 §5.1.4); else the first counts.
fn find_part<'b>(body: &'b [u8], boundary: &str, takes_last: bool, depth: usize) -> Found<'b> {
    let mut found = None;
    let mut refused = None;
    for (index, part) in parts(body, boundary).enumerate() {
        if index == MULTIPART_PARTS_MAX {
            return Found::Nothing(BodyError::Multipart);
        }
        let Some((head, content)) = read_part(part) else { continue };
        match head.find(content, depth) {
            Found::Description(sdp) if takes_last || found.is_none() => found = Some(sdp),
            Found::Description(_) | Found::Ignorable => {}
            Found::Nothing(error) => match head.handling() {
                Some(Handling::Optional) => {}
                Some(Handling::Required) if !takes_last => return Found::Nothing(error),
                Some(Handling::Required) | None => refused = refused.or(Some(error)),
            },
        }
    }
    match (found, refused) {
        (Some(sdp), _) => Found::Description(sdp),
        (None, Some(error)) => Found::Nothing(error),
        (None, None) => Found::Ignorable,
    }
}

/// What lies between the delimiter lines. The last part may lack its closing delimiter.
fn parts<'b>(body: &'b [u8], boundary: &str) -> impl Iterator<Item = &'b [u8]> {
    let mut at = next_delimiter(body, 0, boundary).map(|delimiter| delimiter.end);
    std::iter::from_fn(move || {
        let start = at?;
        let next = next_delimiter(body, start, boundary);
        at = next.as_ref().filter(|delimiter| !delimiter.closes).map(|delimiter| delimiter.end);
        Some(&body[start..next.map_or(body.len(), |delimiter| delimiter.start.max(start))])
    })
}

struct Delimiter {
    /// Where the part before it ends: the line end before it is the delimiter's.
    start: usize,
    end: usize,
    closes: bool,
}

fn next_delimiter(body: &[u8], from: usize, boundary: &str) -> Option<Delimiter> {
    let mut at = from;
    while at < body.len() {
        let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |found| at + found + 1);
        let rest = body[at..end].strip_prefix(b"--");
        if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(boundary.as_bytes())) {
            let rest = rest.trim_ascii();
            if rest.is_empty() || rest == b"--" {
                let before = &body[..at];
                let before = before.strip_suffix(b"\n").unwrap_or(before);
                let before = before.strip_suffix(b"\r").unwrap_or(before);
                return Some(Delimiter { start: before.len(), end, closes: !rest.is_empty() });
            }
        }
        at = end;
    }
    None
}

/// A part's headers and content; `None` if it is empty.
fn read_part(part: &[u8]) -> Option<(Head<'static>, &[u8])> {
    let mut head = Head { media_type: None, disposition: None, encoding: None };
    let mut value: Option<(String, String)> = None;
    let mut at = 0;
    while at < part.len() {
        let end = memchr::memchr(b'\n', &part[at..]).map_or(part.len(), |found| at + found + 1);
        let line = String::from_utf8_lossy(part[at..end].trim_ascii_end());
        at = end;
        let is_fold = line.starts_with([' ', '\t']);
        if is_fold && let Some((_, value)) = &mut value {
            value.push_str(&line);
            continue;
        }
        head.take(value.take());
        if line.is_empty() {
            break;
        }
        value = line.split_once(':').map(|(name, value)| (name.trim().into(), value.trim().into()));
    }
    head.take(value);
    let content = &part[at..];
    (!content.is_empty()).then_some((head, content))
}

impl Head<'static> {
    fn take(&mut self, field: Option<(String, String)>) {
        let Some((name, value)) = field else { return };
        let place = if name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("c") {
            &mut self.media_type
        } else if name.eq_ignore_ascii_case("Content-Disposition") {
            &mut self.disposition
        } else if name.eq_ignore_ascii_case("Content-Transfer-Encoding") {
            &mut self.encoding
        } else {
            return;
        };
        place.get_or_insert(Cow::Owned(value));
    }
}

#[cfg(test)]
mod tests;
