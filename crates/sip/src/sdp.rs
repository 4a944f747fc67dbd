//! Session descriptions (RFC 8866) and offer/answer (RFC 3264) between our legs.
//!
//! A remote description is read into an [`Offer`] (whether it came as an offer or as an answer)
//! and kept whole, because an answer has as many `m=` lines. What we say ourselves comes from a
//! [`LocalSession`], one a leg. Both are made for every call: they are read in place and written directly,
//! and the tests hold them against sdp-types.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

mod local;
mod read;

pub use local::LocalSession;

/// A codec that we know how to carry.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Codec {
    Pcma,
    Pcmu,
    G722,
    Opus,
}

impl Codec {
    pub const ALL: [Self; 4] = [Self::Pcma, Self::Pcmu, Self::G722, Self::Opus];

    /// RFC 3551 §6; Opus has a dynamic one.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }

    /// As in `a=rtpmap`. G722 says 8000 although it samples at 16,000 (RFC 3551 §4.5.2).
    pub const fn rtpmap(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA/8000",
            Self::Pcmu => "PCMU/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    /// Our format for it: the static payload type, 111 for Opus.
    pub fn format(self) -> Format {
        let payload_type = self.static_payload_type().unwrap_or(111);
        Format { payload_type, codec: self, fmtp: None }
    }
}

/// A codec under a payload type.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub struct Format {
    pub payload_type: u8,
    pub codec: Codec,
    pub fmtp: Option<String>,
}

/// Which way media flows, as the one who says it sees it (RFC 3264 §5.1).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// `a=` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The widest answer to this offer (RFC 3264 §6.1): `sendonly` is answered `recvonly`.
    #[must_use]
    pub const fn answer(self) -> Self {
        Self::from_ways(self.receives(), self.sends())
    }

    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// Only what both allow.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self::from_ways(self.sends() && other.sends(), self.receives() && other.receives())
    }

    const fn from_ways(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }
}

/// A remote description: an offer or an answer, with all its `m=` lines.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Offer {
    lines: Vec<Line>,
    /// Which line, and what it says.
    audio: Option<(usize, Audio)>,
    origin: (String, u64),
}

/// One `m=` line, as much of it as a rejection repeats.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
struct Line {
    media: String,
    protocol: String,
    formats: String,
}

/// The audio that we can take part in.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Audio {
    /// Where they want RTP. `0.0.0.0` is the old form of hold (RFC 2543 §B.5) and shows in
    /// `direction` too.
    pub rtp: SocketAddr,
    /// Where they want RTCP: `a=rtcp` (RFC 3605), else the next port.
    pub rtcp: SocketAddr,
    /// In their order, known ones only.
    pub formats: Vec<Format>,
    /// RFC 4733, at 8,000 Hz.
    pub telephone_event: Option<u8>,
    /// As they see it.
    pub direction: Direction,
    /// Milliseconds.
    pub ptime: Option<u8>,
}

/// Why a description cannot be used.
#[derive(Clone, Eq, PartialEq, Debug, Error)]
pub enum SdpError {
    #[error("larger than a session description may be")]
    TooLarge,
    #[error("too many m= lines")]
    TooManyMedia,
    #[error("no session description: {0}")]
    Malformed(String),
}

impl Offer {
    /// Reads any body of type `application/sdp`. Without audio that we can take part in it is no
    /// error: [`Offer::audio`] is `None`, to be answered with 488.
    pub fn read(body: &[u8]) -> Result<Self, SdpError> {
        read::read(body)
    }

    /// The first audio line with a port, plain RTP and an address.
    pub fn audio(&self) -> Option<&Audio> {
        self.audio.as_ref().map(|(_, audio)| audio)
    }

    /// `o=` id and version: the same as before means nothing changed (RFC 3264 §8).
    pub fn origin(&self) -> (&str, u64) {
        (&self.origin.0, self.origin.1)
    }
}

/// What both can: in the offerer's order, under his payload types.
pub fn common(offer: &Audio, ours: &[Codec]) -> Vec<Format> {
    offer.formats.iter().filter(|format| ours.contains(&format.codec)).cloned().collect()
}
