//! Edits on received bytes: what is not touched stays to the byte.

use bytes::Bytes;

use super::{one_line, put_header, put_ours};
use crate::header::HeaderName;
use crate::message::Message;

/// Collects edits on a message, then writes it once.
///
/// Positions are those of the message as it was received, so the order of edits does not matter,
/// except that headers put in front keep the order in which they were given.
pub struct Splice<'a> {
    message: &'a Message,
    request_uri: Option<String>,
    front: Vec<u8>,
    back: Vec<u8>,
    /// Field indexes that are left out.
    removed: Vec<usize>,
    /// Field index, new value.
    replaced: Vec<(usize, String)>,
    body: Option<(String, Bytes)>,
}

impl<'a> Splice<'a> {
    pub fn new(message: &'a Message) -> Self {
        Self {
            message,
            request_uri: None,
            front: Vec::new(),
            back: Vec::new(),
            removed: Vec::new(),
            replaced: Vec::new(),
            body: None,
        }
    }

    pub fn request_uri(mut self, uri: &str) -> Self {
        self.request_uri = Some(uri.chars().filter(|c| !c.is_whitespace() && *c != '\0').collect());
        self
    }

    /// A header before all others: a Via, a Record-Route.
    pub fn push_front(mut self, name: &str, value: &str) -> Self {
        put_ours(&mut self.front, name, value);
        self
    }

    /// A header after all others.
    pub fn push_back(mut self, name: &str, value: &str) -> Self {
        put_ours(&mut self.back, name, value);
        self
    }

    /// Leaves every field of that name out.
    pub fn remove(mut self, name: HeaderName) -> Self {
        self.removed.extend(self.indexes(name));
        self
    }

    /// Another value in the first field of that name; the others of that name go. Appended if
    /// there is none.
    pub fn replace(mut self, name: HeaderName, value: &str) -> Self {
        let mut indexes = self.indexes(name).into_iter();
        match indexes.next() {
            Some(first) => self.replaced.push((first, one_line(value).into_owned())),
            None => put_ours(&mut self.back, name.as_str(), value),
        }
        self.removed.extend(indexes);
        self
    }

    /// Another body: Content-Type and Content-Length follow. An empty one has no type.
    pub fn body(mut self, media_type: &str, body: &[u8]) -> Self {
        self.body = Some((media_type.to_string(), Bytes::copy_from_slice(body)));
        self
    }

    pub fn finish(mut self) -> Bytes {
        if self.body.is_some() {
            self = self.remove(HeaderName::ContentType).remove(HeaderName::ContentLength);
        }
        let bytes = self.message.bytes();
        let fields = self.message.fields();
        let mut out = Vec::with_capacity(bytes.len() + self.front.len() + self.back.len() + 256);
        self.put_start_line(&mut out);
        out.extend_from_slice(&self.front);
        for (index, field) in fields.iter().enumerate() {
            if self.removed.contains(&index) {
                continue;
            }
            let name = &bytes[usize::from(field.start)..usize::from(field.name_end)];
            match self.replaced.iter().rfind(|(replaced, _)| *replaced == index) {
                Some((_, value)) => put_header(&mut out, name, value.as_bytes()),
                None => {
                    out.extend_from_slice(
                        &bytes[usize::from(field.start)..usize::from(field.value_end)],
                    );
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        out.extend_from_slice(&self.back);
        match &self.body {
            Some((media_type, body)) => super::put_body(&mut out, Some((media_type, body))),
            None => {
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(self.message.body());
            }
        }
        Bytes::from(out)
    }

    fn put_start_line(&self, out: &mut Vec<u8>) {
        match (&self.request_uri, self.message.is_request()) {
            (Some(uri), true) => {
                let method = self.message.method_ref();
                out.extend_from_slice(format!("{method} {uri} SIP/2.0\r\n").as_bytes());
            }
            (Some(_) | None, _) => {
                let bytes = self.message.bytes();
                let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
                out.extend_from_slice(bytes[..end].trim_ascii_end());
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn indexes(&self, name: HeaderName) -> Vec<usize> {
        let fields = self.message.fields().iter().enumerate();
        fields.filter(|(_, field)| field.name == name).map(|(index, _)| index).collect()
    }
}
