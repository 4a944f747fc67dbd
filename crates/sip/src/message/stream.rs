//! Messages on a stream (RFC 3261 §18.3): only Content-Length says where one ends, so a head that
//! does not say it in one way is the last thing that can be read.

use bytes::Bytes;

use super::read::{line, offset, read_fields, read_start, refuse, silent};
use super::{Fields, Malformed, MalformedReason as Reason, Message};
use crate::header::{HeaderName, trim};
use crate::limits::MESSAGE_BYTES_MAX;

impl Message {
    /// The octets of body that follow this head, which goes up to its empty line.
    ///
    /// An error has the answer to give before the stream is closed. A Content-Length that is written
    /// twice is one, even with the same number: others may count on the second.
    pub fn body_length(head: &Bytes) -> Result<usize, Malformed> {
        let message = match read_head(head) {
            Ok(message) => message,
            Err(reason) => return Err(silent(reason)),
        };
        let fault = {
            let mut lengths = message.headers(HeaderName::ContentLength);
            match (lengths.next(), lengths.next()) {
                (None, _) => Reason::Missing(HeaderName::ContentLength),
                (Some(_), Some(_)) => Reason::Repeated(HeaderName::ContentLength),
                (Some(value), None) => match crate::header::number(trim(value)) {
                    Err(_) => Reason::ContentLength,
                    Ok(length) => match usize::try_from(length) {
                        Ok(length) if head.len() + length <= MESSAGE_BYTES_MAX => {
                            return Ok(length);
                        }
                        Ok(_) | Err(_) => Reason::BodyTooLarge,
                    },
                },
            }
        };
        Err(refuse(message, fault))
    }

    /// What is to be said to a message that will not be read to its end, of which this came.
    pub fn refuse_unread(begin: &Bytes, reason: Reason) -> Malformed {
        match read_head(begin) {
            Ok(message) => refuse(message, reason),
            Err(reason) => silent(reason),
        }
    }
}

/// As far as the header fields go. What else is wrong with them is told when the whole is read.
fn read_head(head: &Bytes) -> Result<Message, Reason> {
    let bytes = head.slice(..head.len().min(MESSAGE_BYTES_MAX));
    let mut fault = None;
    let (line_end, mut at) = line(&bytes, 0, &mut fault);
    let Some(start) = read_start(&bytes[..line_end], &mut fault) else {
        return Err(fault.unwrap_or(Reason::NotSip));
    };
    let mut fields = Fields::new();
    read_fields(&bytes, &mut at, &mut fields, &mut fault);
    Ok(Message { bytes, start, fields, tags: None, body: offset(at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKa\r\n\
                            From: <sip:a@a>;tag=a\r\nTo: <sip:a@a>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n";

    fn length(lines: &str) -> Result<usize, (u16, Reason, bool)> {
        let head = Bytes::from(format!("{REGISTER}{lines}\r\n"));
        let told = |it: Malformed| (it.status, it.reason, it.answer.is_some());
        Message::body_length(&head).map_err(told)
    }

    #[test]
    fn a_length_is_read_in_any_writing() {
        assert_eq!(length("Content-Length: 7\r\n"), Ok(7));
        assert_eq!(length("l:0\r\n"), Ok(0));
        assert_eq!(length("CONTENT-LENGTH \t:\r\n 12\r\nSubject: x\r\n"), Ok(12));
        assert_eq!(length("Subject: x\r\n Content-Length: 9\r\nl: 3\r\n"), Ok(3));
    }

    #[test]
    fn a_length_that_leaves_the_end_unknown_is_answered() {
        let repeated = Reason::Repeated(HeaderName::ContentLength);
        let missing = Reason::Missing(HeaderName::ContentLength);
        assert_eq!(length(""), Err((400, missing, true)));
        assert_eq!(length("l: 5\r\nContent-Length: 5\r\n"), Err((400, repeated, true)));
        for bad in ["-1", "", "five", "5, 5", "0x10", "1 2"] {
            let lines = format!("Content-Length: {bad}\r\n");
            assert_eq!(length(&lines), Err((400, Reason::ContentLength, true)), "{bad}");
        }
        let huge = Err((413, Reason::BodyTooLarge, true));
        assert_eq!(length("Content-Length: 65535\r\n"), huge);
        assert_eq!(length("Content-Length: 4294967295\r\n"), huge);
    }

    #[test]
    fn what_is_not_sip_gets_no_answer() {
        let head = Bytes::from_static(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let malformed = Message::body_length(&head).unwrap_err();
        assert_eq!((malformed.reason, malformed.answer), (Reason::NotSip, None));
    }
}
