//! The vocabulary of media orders: what the engine wants of a relay, and what a relay tells it.
//!
//! The engine allocates ports (it writes them into SDP) out of the pool that the relay announced. An
//! order states the *whole* wish for one port pair, so it is idempotent and a later one replaces an
//! earlier one; nothing is awaited, a failure comes back as a [`MediaEvent`].

use std::net::{IpAddr, SocketAddr};

use acd::PromptId;
use serde::{Deserialize, Serialize};

/// The even port of an RTP/RTCP pair (RFC 3550 §11), out of the announced pool.
pub type Port = u16;

/// Who holds a port pair: a new number for each use, so that a stale order or event is recognised.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct Owner(pub u64);

/// The ports that a relay has bound, by the thread that serves them. Both legs of a call must be of
/// one shard.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The address that goes into `c=` lines.
    pub address: IpAddr,
    pub shards: Vec<Vec<Port>>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MediaOrder {
    /// Make the pair look like this from now on.
    Set { port: Port, owner: Owner, leg: MediaLeg },
    /// The pair is free again; answered by [`MediaEvent::Released`].
    Release { port: Port, owner: Owner },
}

/// One leg's side of the media.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct MediaLeg {
    /// Where the leg's SDP asks packets to go; `None` until an SDP came.
    pub remote: Option<MediaRemote>,
    pub source: MediaSource,
    /// Where the leg's signalling comes from: a plausible source before the first packet is learnt.
    pub signalling: IpAddr,
    /// Packets that arrive here leave from this pair of the other leg.
    pub peer: Option<Port>,
    /// Payload types to rewrite on what arrives here (from, to), where the legs number differently.
    pub payload_map: Vec<(u8, u8)>,
    /// Sent to this leg; while it plays no RTP of the peer is forwarded to it. The same again goes on,
    /// and what has been played whole is not begun again.
    pub play: Option<Play>,
    /// The leg wants packets (RFC 3264 §5.1: its direction has `recv`). `false`: it is on hold, and no
    /// RTP is sent to it.
    pub receives: bool,
    /// Tell when neither RTP nor RTCP came for 5 s.
    pub watch: bool,
    /// Tell the keys that come under these payload types (RFC 4733). None: of no interest.
    pub keys: Vec<u8>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct MediaRemote {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
}

impl MediaRemote {
    /// Where a description wants packets; `None` on hold by `0.0.0.0` (RFC 2543 §B.5).
    pub(crate) fn of(audio: &sip::sdp::Audio) -> Option<Self> {
        (!audio.rtp.ip().is_unspecified()).then_some(Self { rtp: audio.rtp, rtcp: audio.rtcp })
    }
}

/// Whose packets count as the leg's.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MediaSource {
    /// A trunk: the SDP's address only.
    Fixed,
    /// A phone, perhaps behind NAT: learn until the first valid packet, then lock.
    Latch,
}

/// Something to play, in the format that the leg has negotiated.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Play {
    pub what: Playing,
    pub payload_type: u8,
    pub codec: ToneCodec,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Playing {
    /// For a caller who is answered and waits again. It has no end.
    RingTone,
    /// Short beeps: what was asked for is done.
    Confirmed,
    /// Short beeps: it is not.
    Refused,
    /// With `repeat` it has no end.
    Prompt { prompt: PromptId, repeat: bool },
}

#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum ToneCodec {
    Pcma,
    Pcmu,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// The first valid packet of this leg came, or the first after a silence that was told.
    Heard {
        port: Port,
        owner: Owner,
    },
    /// Neither RTP nor RTCP for 5 s on a watched leg: not death yet, a reason to ask.
    Silent {
        port: Port,
        owner: Owner,
    },
    /// A [`Play`] that has an end has been sent whole.
    Played {
        port: Port,
        owner: Owner,
    },
    /// A key was pressed and let go: `0` to `9`, `*`, `#`, `A` to `D`. Once a press.
    Digit {
        port: Port,
        owner: Owner,
        digit: char,
    },
    Released {
        port: Port,
        owner: Owner,
        stats: MediaStats,
    },
    Failed {
        port: Port,
        owner: Owner,
        error: String,
    },
}

/// What went through one leg's pair.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct MediaStats {
    pub packets_in: u64,
    pub packets_out: u64,
    /// From sources that are not the leg's.
    pub packets_rejected: u64,
    /// Gaps in the sequence numbers (RFC 3550 §A.3).
    pub packets_lost: u64,
}
