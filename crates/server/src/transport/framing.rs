//! From a stream's bytes to whole messages (RFC 3261 §7.5, §18.3). Pure: it knows no socket and no
//! time, and how the bytes were cut into pieces changes nothing.

use bytes::{Bytes, BytesMut};
use sip::{Malformed, MalformedReason, Message};

use crate::limits::STREAM_HEAD_BYTES_MAX;

const PING: &[u8] = b"\r\n\r\n";

/// What a stream brings.
#[derive(Debug)]
pub(crate) enum Frame {
    /// One whole message: its head, and as much body as its Content-Length says.
    Message(Bytes),
    /// Two line ends between messages, which want one back (RFC 5626 §4.4.1).
    Ping,
    /// Where this message ends cannot be known: nothing that follows can be read.
    Broken(Malformed),
}

#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    /// What of the buffer was searched for the end of the head.
    searched: usize,
    /// Head and body of the message at the buffer's begin, once its head is whole.
    length: Option<usize>,
    is_broken: bool,
}

impl Decoder {
    /// Takes in what came; then drain [`Self::next`].
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if !self.is_broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    pub(crate) fn next(&mut self) -> Option<Frame> {
        if self.is_broken {
            return None;
        }
        if self.length.is_none() {
            match self.between() {
                Between::Ping => return Some(Frame::Ping),
                Between::Message => {}
                Between::Undecided => return None,
            }
            let head = self.head()?;
            let length = match head {
                Ok(head) => Message::body_length(&head).map(|body| head.len() + body),
                Err(malformed) => Err(malformed),
            };
            match length {
                Ok(length) => self.length = Some(length),
                Err(malformed) => return Some(self.break_off(malformed)),
            }
        }
        let length = self.length.filter(|length| *length <= self.buffer.len())?;
        (self.length, self.searched) = (None, 0);
        Some(Frame::Message(self.buffer.split_to(length).freeze()))
    }

    /// A message has begun and is not whole.
    pub(crate) fn is_within_message(&self) -> bool {
        !self.is_broken && self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// Takes line ends away until a message begins. One of its own separates messages for some peers,
    /// or is the answer to a ping.
    fn between(&mut self) -> Between {
        loop {
            if self.buffer.starts_with(PING) {
                drop(self.buffer.split_to(PING.len()));
                return Between::Ping;
            }
            if PING.starts_with(&self.buffer) {
                return Between::Undecided;
            }
            match self.buffer[0] {
                b'\r' | b'\n' => drop(self.buffer.split_to(1)),
                _ => return Between::Message,
            }
        }
    }

    /// The bytes up to and with the first empty line; `None`: it has not come.
    fn head(&mut self) -> Option<Result<Bytes, Malformed>> {
        // A method or a version begins so: neither TLS nor noise is waited for.
        if !self.buffer[0].is_ascii_graphic() {
            let begin = Bytes::copy_from_slice(&self.buffer[..1]);
            return Some(Err(Message::refuse_unread(&begin, MalformedReason::NotSip)));
        }
        let bytes = &self.buffer[..self.buffer.len().min(STREAM_HEAD_BYTES_MAX)];
        while let Some(found) = bytes[self.searched..].iter().position(|byte| *byte == b'\n') {
            let next = self.searched + found + 1;
            let end = match bytes[next..] {
                [b'\n', ..] => Some(next + 1),
                [b'\r', b'\n', ..] => Some(next + 2),
                [] | [b'\r'] if bytes.len() < STREAM_HEAD_BYTES_MAX => return None,
                _ => None,
            };
            if let Some(end) = end {
                return Some(Ok(Bytes::copy_from_slice(&bytes[..end])));
            }
            self.searched = next;
        }
        self.searched = bytes.len();
        if bytes.len() < STREAM_HEAD_BYTES_MAX {
            return None;
        }
        let begin = Bytes::copy_from_slice(bytes);
        Some(Err(Message::refuse_unread(&begin, MalformedReason::TooLarge)))
    }

    fn break_off(&mut self, malformed: Malformed) -> Frame {
        self.is_broken = true;
        self.buffer = BytesMut::new();
        Frame::Broken(malformed)
    }
}

enum Between {
    Ping,
    Message,
    /// Line ends that more may follow, or nothing.
    Undecided,
}

#[cfg(test)]
mod tests;
