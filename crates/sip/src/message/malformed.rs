//! What is wrong with bytes that are no acceptable message, and what to answer.

use bytes::Bytes;
use thiserror::Error;

use super::Message;
use crate::header::{HeaderError, HeaderName};

/// Bytes that were refused.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct Malformed {
    /// What a request like this deserves; 0 where nothing is to be said.
    pub status: u16,
    pub reason: MalformedReason,
    /// A complete stateless response, if a request was readable enough to be answered. `None` for
    /// a response, an ACK, a keep-alive and noise. Send it to where the bytes came from.
    pub answer: Option<Bytes>,
    /// What could be read of an answered INVITE out of a dialog: a call that failed, which somebody
    /// will want to count. It has not what a [`Message`] has otherwise: never handle it.
    pub invite: Option<Box<Message>>,
}

/// Why.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
pub enum MalformedReason {
    #[error("keep-alive")]
    KeepAlive,
    #[error("not SIP")]
    NotSip,
    #[error("larger than a message may be")]
    TooLarge,
    #[error("the start line is not well-formed")]
    StartLine,
    #[error("the method's name is too long")]
    MethodTooLong,
    #[error("the Request-URI is too long")]
    RequestUriTooLong,
    #[error("the Request-URI is not well-formed")]
    RequestUri,
    #[error("the Request-URI's scheme is unknown")]
    Scheme,
    #[error("a SIP version other than 2.0")]
    Version,
    #[error("a lone CR before the body")]
    LoneCr,
    #[error("a line that is no header field")]
    HeaderLine,
    #[error("a header field is too long")]
    HeaderTooLong,
    #[error("too many header fields")]
    TooManyHeaders,
    #[error("too many Via values")]
    TooManyVias,
    #[error("no empty line after the headers")]
    NoEndOfHeaders,
    #[error("{} is required", .0.as_str())]
    Missing(HeaderName),
    #[error("{} may be there only once", .0.as_str())]
    Repeated(HeaderName),
    #[error("{}: {}", .0.as_str(), .1)]
    Header(HeaderName, HeaderError),
    #[error("CSeq names another method")]
    MethodMismatch,
    #[error("Content-Length is no number, or two that differ")]
    ContentLength,
    #[error("Content-Length is larger than what came")]
    Truncated,
    #[error("the body is larger than a message may be")]
    BodyTooLarge,
    #[error("a status outside 100 to 699")]
    Status,
}

impl MalformedReason {
    /// The status that a request with this fault deserves (RFC 3261 §21, RFC 4475).
    pub const fn status(self) -> u16 {
        match self {
            Self::KeepAlive | Self::NotSip | Self::Status => 0,
            Self::TooLarge => 513,
            Self::BodyTooLarge => 413,
            Self::RequestUriTooLong => 414,
            Self::Scheme => 416,
            Self::MethodTooLong => 501,
            Self::Version => 505,
            Self::StartLine
            | Self::RequestUri
            | Self::LoneCr
            | Self::HeaderLine
            | Self::HeaderTooLong
            | Self::TooManyHeaders
            | Self::TooManyVias
            | Self::NoEndOfHeaders
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Header(..)
            | Self::MethodMismatch
            | Self::ContentLength
            | Self::Truncated => 400,
        }
    }

    /// Nothing is wrong with the peer: it keeps its path open (RFC 5626 §3.5.1).
    pub const fn is_keep_alive(self) -> bool {
        matches!(self, Self::KeepAlive)
    }
}
