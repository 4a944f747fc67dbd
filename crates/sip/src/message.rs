//! One SIP message: its bytes and offsets into them.
//!
//! [`Message::read`] finds the lines and checks what every element needs (RFC 3261 §8.1.1); the
//! typed views read a header when somebody asks. Nothing is copied: a clone shares the bytes.
//! Values are as on the wire, so folds (CRLF and white space) can be inside them; the views treat
//! them as the space they stand for (§7.3.1). Text need not be UTF-8 except where a view says so.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::header::{CSeq, HeaderError, HeaderName, NameAddr, Params, RAck, Via, split_list, trim};
use crate::uri::Uri;

mod malformed;
mod method;
mod read;
mod stream;

pub use malformed::{Malformed, MalformedReason};
pub use method::Method;
pub(crate) use method::is_token;
pub(crate) use read::Fields;

/// A message read off the wire, or one of ours read back.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    start: Start,
    fields: Fields,
    /// Once From and To were read.
    tags: Option<Tags>,
    /// Where the body begins; it goes to the end of `bytes`.
    body: u16,
}

/// The start line.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    Request { method: Method, uri: (u16, u16) },
    Response { status: u16, reason: (u16, u16), method: Method },
}

/// Where the tags of From and To lie; `None` where there is none, or the header cannot be read.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Tags {
    from: Option<(u16, u16)>,
    to: Option<(u16, u16)>,
}

/// Where one header field lies: `name` starts at `start`; the value is trimmed.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: HeaderName,
    pub(crate) start: u16,
    pub(crate) name_end: u16,
    pub(crate) value: u16,
    pub(crate) value_end: u16,
}

impl Message {
    /// Reads one datagram or one frame of a stream.
    ///
    /// CRLFs before the start line are skipped (§7.5). What follows the body that Content-Length
    /// names is dropped (§18.3). The error carries the status to answer with, and the answer.
    pub fn read(bytes: Bytes) -> Result<Self, Malformed> {
        read::read(bytes)
    }

    /// The message, from its start line to the end of its body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The request's method; for a response that of its CSeq.
    pub fn method(&self) -> Method {
        self.method_ref().clone()
    }

    pub fn method_ref(&self) -> &Method {
        match &self.start {
            Start::Request { method, .. } | Start::Response { method, .. } => method,
        }
    }

    /// A response's status, 100 to 699.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// A response's reason phrase; `None` also if it is no UTF-8.
    pub fn reason(&self) -> Option<&str> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { reason, .. } => std::str::from_utf8(self.slice(reason)).ok(),
        }
    }

    pub fn request_uri(&self) -> Option<&[u8]> {
        match self.start {
            Start::Request { uri, .. } => Some(self.slice(uri)),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI, read. An error also for a response.
    pub fn uri(&self) -> Result<Uri<'_>, HeaderError> {
        Uri::read(self.request_uri().ok_or(HeaderError::Missing)?)
    }

    /// The first field of that name, trimmed, as on the wire.
    pub fn header(&self, name: HeaderName) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// The first field of that name as text: `None` too if it is no UTF-8.
    pub fn text(&self, name: HeaderName) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Each field line of that name, in order.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.as_slice().iter();
        fields.filter(move |field| field.name == name).map(|field| self.value_of(field))
    }

    /// Each value of that name: comma lists are split, quotes and `<>` respected.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers(name).flat_map(split_list)
    }

    /// The first field with that name in any case: for names that [`HeaderName`] does not know.
    pub fn other<'a>(&'a self, name: &str) -> Option<&'a [u8]> {
        self.all().find(|(at, _)| at.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Every field as (name, value), as on the wire.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .as_slice()
            .iter()
            .map(|field| (self.slice((field.start, field.name_end)), self.value_of(field)))
    }

    pub fn body(&self) -> &[u8] {
        &self.bytes[usize::from(self.body)..]
    }

    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(usize::from(self.body)..)
    }

    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        Via::read(self.values(HeaderName::Via).next().ok_or(HeaderError::Missing)?)
    }

    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.values(HeaderName::Via).map(Via::read)
    }

    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::read(self.required(HeaderName::From)?)
    }

    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::read(self.required(HeaderName::To)?)
    }

    /// From's tag; `None` also if From cannot be read.
    pub fn from_tag(&self) -> Option<&str> {
        match self.tags {
            Some(tags) => self.text_at(tags.from?),
            None => self.from().ok().and_then(|from| from.tag()),
        }
    }

    /// To's tag; `None` also if To cannot be read.
    pub fn to_tag(&self) -> Option<&str> {
        match self.tags {
            Some(tags) => self.text_at(tags.to?),
            None => self.to().ok().and_then(|to| to.tag()),
        }
    }

    fn text_at(&self, at: (u16, u16)) -> Option<&str> {
        std::str::from_utf8(self.slice(at)).ok()
    }

    /// Each Contact. `*` is an address whose URI is `*`.
    pub fn contacts(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.values(HeaderName::Contact).map(NameAddr::read)
    }

    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.values(HeaderName::Route).map(NameAddr::read)
    }

    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.values(HeaderName::RecordRoute).map(NameAddr::read)
    }

    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        CSeq::read(self.required(HeaderName::CSeq)?)
    }

    pub fn rack(&self) -> Result<RAck, HeaderError> {
        RAck::read(self.required(HeaderName::RAck)?)
    }

    /// RFC 3262 §7.1.
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        self.number(HeaderName::RSeq)
    }

    pub fn call_id(&self) -> Result<&str, HeaderError> {
        let value = crate::header::text(self.required(HeaderName::CallId)?)?;
        let is_word = !value.is_empty() && !value.bytes().any(|byte| byte.is_ascii_whitespace());
        if is_word { Ok(value) } else { Err(HeaderError::CallId) }
    }

    /// `None` without the header (RFC 2543 clients leave it out).
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        match self.number(HeaderName::MaxForwards)? {
            None => Ok(None),
            Some(hops) => u8::try_from(hops).map(Some).map_err(|_| HeaderError::Number),
        }
    }

    /// Seconds. Over 32 bits counts as the maximum (§20.19).
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.header(HeaderName::Expires).map(crate::header::delta_seconds).transpose()
    }

    /// The media type in lower-case-insensitive form with its parameters: (`application/sdp`, …).
    pub fn content_type(&self) -> Option<(&str, Params<'_>)> {
        let value = self.text(HeaderName::ContentType)?;
        let end = value.find(';').unwrap_or(value.len());
        Some((value[..end].trim(), Params::new(&value[end..])))
    }

    /// The body's media type is this one (any case); parameters do not matter.
    pub fn has_content_type(&self, media_type: &str) -> bool {
        self.content_type().is_some_and(|(found, _)| found.eq_ignore_ascii_case(media_type))
    }

    /// An option tag in a list header such as Supported or Require.
    pub fn has_token(&self, name: HeaderName, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
    }

    pub(crate) fn fields(&self) -> &[Field] {
        self.fields.as_slice()
    }

    pub(crate) fn slice(&self, (start, end): (u16, u16)) -> &[u8] {
        &self.bytes[usize::from(start)..usize::from(end)]
    }

    pub(crate) fn body_start(&self) -> usize {
        usize::from(self.body)
    }

    fn value_of(&self, field: &Field) -> &[u8] {
        self.slice((field.value, field.value_end))
    }

    fn required(&self, name: HeaderName) -> Result<&[u8], HeaderError> {
        self.header(name).ok_or(HeaderError::Missing)
    }

    fn number(&self, name: HeaderName) -> Result<Option<u32>, HeaderError> {
        self.header(name).map(|value| crate::header::number(trim(value))).transpose()
    }
}

impl fmt::Debug for Message {
    /// The start line only: headers carry names and numbers of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.start {
            Start::Request { method, .. } => write!(f, "Message({method} request)"),
            Start::Response { status, method, .. } => write!(f, "Message({status} to {method})"),
        }
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Message {}

/// As its raw bytes.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes.serialize(serializer)
    }
}

/// Reads the raw bytes again; also those of a [`Malformed::invite`], which are kept in an event.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Self::read(bytes).or_else(|malformed| match malformed.invite {
            Some(invite) => Ok(*invite),
            None => Err(de::Error::custom(malformed.reason)),
        })
    }
}
