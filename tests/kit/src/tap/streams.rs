//! SIP over TCP, seen from beside: segments put in order, and cut into messages (RFC 3261 §18.3).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str;

/// Bytes of one direction that have not become a message; more is no SIP.
const UNREAD_BYTES_MAX: usize = 1 << 20;

/// Every direction of every connection that speaks SIP.
#[derive(Debug, Default)]
pub(super) struct Streams(BTreeMap<(SocketAddr, SocketAddr), Stream>);

/// One segment, as the wire has it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) is_first: bool,
    pub(super) payload: &'a [u8],
}

#[derive(Debug, Default)]
struct Stream {
    next: u32,
    unread: Vec<u8>,
    /// Segments that came before one that they follow.
    early: BTreeMap<u32, Vec<u8>>,
    /// It spoke something else: a control port.
    is_foreign: bool,
}

impl Streams {
    /// Takes a segment in; gives the messages that it completes.
    pub(super) fn handle(&mut self, segment: Segment<'_>) -> Vec<Vec<u8>> {
        let key = (segment.from, segment.to);
        if segment.is_first {
            // A SYN takes one number. A new connection may have the addresses of an old one.
            let next = segment.sequence.wrapping_add(1);
            self.0.insert(key, Stream { next, ..Stream::default() });
            return Vec::new();
        }
        let Some(stream) = self.0.get_mut(&key).filter(|stream| !stream.is_foreign) else {
            return Vec::new();
        };
        if !segment.payload.is_empty() {
            stream.early.insert(segment.sequence, segment.payload.to_vec());
        }
        stream.advance();
        stream.messages()
    }
}

impl Stream {
    /// Moves what is in order to `unread`; what was sent twice counts once.
    fn advance(&mut self) {
        loop {
            let due = self.early.iter().find_map(|(&at, bytes)| {
                let known = self.next.wrapping_sub(at);
                (known as usize <= bytes.len()).then_some((at, known as usize))
            });
            let Some((at, known)) = due else { break };
            let bytes = self.early.remove(&at).expect("it was found there");
            self.next = self.next.wrapping_add((bytes.len() - known) as u32);
            self.unread.extend_from_slice(&bytes[known..]);
        }
    }

    fn messages(&mut self) -> Vec<Vec<u8>> {
        let mut complete = Vec::new();
        loop {
            // Line ends between messages keep connections alive (RFC 5626 §3.5.1).
            let start = self.unread.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            self.unread.drain(..start);
            self.is_foreign = self.unread.first().is_some_and(|b| !b.is_ascii_uppercase())
                || self.unread.len() > UNREAD_BYTES_MAX;
            let whole = if self.is_foreign { None } else { message_length(&self.unread) };
            let Some(length) = whole else { return complete };
            complete.push(self.unread.drain(..length).collect());
        }
    }
}

/// The length of the first message, if all of it is there.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let fields = str::from_utf8(&bytes[..head]).unwrap_or_default();
    let body = fields.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = ["Content-Length", "l"].iter().any(|n| name.trim().eq_ignore_ascii_case(n));
        if is_length { value.trim().parse::<usize>().ok() } else { None }
    });
    let length = head + body.unwrap_or(0);
    (bytes.len() >= length).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nab";

    fn segment(sequence: u32, payload: &[u8]) -> Segment<'_> {
        let from = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let to = SocketAddr::from(([127, 0, 0, 1], 5060));
        Segment { from, to, sequence, is_first: false, payload }
    }

    #[test]
    fn messages_are_cut_out_of_segments_in_any_order_once() {
        let start = u32::MAX - 10; // the numbers wrap around
        let at = |offset: usize| start.wrapping_add(1 + offset as u32);
        let mut streams = Streams::default();
        streams.handle(Segment { is_first: true, ..segment(start, b"") });
        assert!(streams.handle(segment(at(20), &BYE[20..])).is_empty(), "its head is missing");
        assert_eq!(streams.handle(segment(at(0), &BYE[..20])), [BYE]);
        assert!(streams.handle(segment(at(0), BYE)).is_empty(), "it was seen before");
        let rest = [b"\r\n\r\n", BYE, BYE].concat();
        assert_eq!(streams.handle(segment(at(BYE.len()), &rest)), [BYE, BYE]);
    }

    #[test]
    fn what_is_no_sip_is_left_alone() {
        let mut streams = Streams::default();
        streams.handle(Segment { is_first: true, ..segment(0, b"") });
        assert!(streams.handle(segment(1, b"12:{\"a\":\"b\"},")).is_empty());
        assert!(streams.handle(segment(14, BYE)).is_empty());
    }
}
