//! What the relay is told and what it tells: orders in, events out.
//!
//! An order is the *whole* desired state of one port pair, so it is idempotent: sending it again
//! changes nothing, a later one replaces it. The owner makes orders and events of an earlier call
//! on the same port recognisable: only its owner releases a leg.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::audio::Audio;

/// What the owner of the relay wants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// The leg on this RTP port shall be exactly this. Another owner than the present one takes
    /// the port over; the earlier one's [`Event::Released`] follows.
    Set { port: u16, owner: u64, leg: Leg },
    /// The leg is over: [`Event::Released`] follows. Ignored from anybody but its owner.
    Release { port: u16, owner: u64 },
}

impl Order {
    /// The RTP port it is about.
    pub fn port(&self) -> u16 {
        match self {
            Order::Set { port, .. } | Order::Release { port, .. } => *port,
        }
    }

    pub fn owner(&self) -> u64 {
        match self {
            Order::Set { owner, .. } | Order::Release { owner, .. } => *owner,
        }
    }
}

/// One dialog's side of a call, as the relay sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leg {
    /// Where the SDP says that it listens. `None` until an SDP is known: nothing is sent then,
    /// unless it was learnt from `signalling`.
    pub remote: Option<Remote>,
    /// Whose packets are accepted.
    pub source: Source,
    /// Where its signalling comes from: a NAT shows the same address on media.
    pub signalling: Option<IpAddr>,
    /// What arrives here is forwarded to the leg of this RTP port, which must be of the same
    /// shard. It means the leg that is there when the order arrives, or else the next one: never
    /// a later call on the same port. `None`: packets are counted and consumed.
    pub peer: Option<u16>,
    /// (payload type as it arrives here, payload type as the peer knows it). Others pass as they
    /// are.
    pub payload_map: Vec<(u8, u8)>,
    /// Sent to this leg; while it plays no RTP of the peer is forwarded to it.
    pub play: Option<Play>,
    /// `false`: no RTP is sent to this leg (it is on hold). RTCP is, and what plays goes on unheard.
    pub receives: bool,
    /// Whether silence is told.
    pub watch: bool,
    /// Keys that come under these payload types (RFC 4733) are told. They are forwarded all the same.
    pub keys: Vec<u8>,
}

impl Default for Leg {
    /// A leg that accepts nothing and to which nothing is sent.
    fn default() -> Leg {
        Leg {
            remote: None,
            source: Source::Fixed,
            signalling: None,
            peer: None,
            payload_map: Vec::new(),
            play: None,
            receives: true,
            watch: false,
            keys: Vec::new(),
        }
    }
}

/// The addresses of an SDP. Equal ones mean rtcp-mux (RFC 5761).
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remote {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
}

/// Whose packets are accepted on a leg.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Source {
    /// Only from the SDP's IP address; the port is that of the first valid packet (trunks).
    Fixed,
    /// From the SDP's IP address or the signalling one; the first valid packet's address and port
    /// are kept (phones behind a NAT).
    Latch,
}

/// Something to play, with the payload type and the codec that the leg has negotiated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Play {
    pub what: Playing,
    pub payload_type: u8,
    pub codec: ToneCodec,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Playing {
    /// The French ringing tone, without an end.
    RingTone,
    /// Two short high beeps.
    Confirmed,
    /// Three longer low beeps.
    Refused,
    /// The number says which it is: given again with other audio it goes on as it began. With
    /// `repeat` it has no end.
    Prompt { prompt: u32, audio: Arc<Audio>, repeat: bool },
}

impl Playing {
    pub(crate) fn is_same(&self, other: &Playing) -> bool {
        match (self, other) {
            (
                Playing::Prompt { prompt, repeat, .. },
                Playing::Prompt { prompt: other, repeat: repeats, .. },
            ) => (prompt, repeat) == (other, repeats),
            (Playing::RingTone, Playing::RingTone)
            | (Playing::Confirmed, Playing::Confirmed)
            | (Playing::Refused, Playing::Refused) => true,
            (
                Playing::RingTone | Playing::Confirmed | Playing::Refused | Playing::Prompt { .. },
                _,
            ) => false,
        }
    }

    pub(crate) fn is_endless(&self) -> bool {
        match self {
            Playing::RingTone => true,
            Playing::Confirmed | Playing::Refused => false,
            Playing::Prompt { repeat, .. } => *repeat,
        }
    }
}

/// A codec in which the relay can play.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToneCodec {
    Pcma,
    Pcmu,
}

/// What the relay has to say.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The first valid packet of this owner's leg arrived, or the first after a silence.
    Heard { port: u16, owner: u64 },
    /// Neither RTP nor RTCP for [`crate::Config::silence`] while the leg is watched. Once a silence.
    Silent { port: u16, owner: u64 },
    /// What the leg was to hear, and has an end, has been sent whole. Not told of what was cut.
    Played { port: u16, owner: u64 },
    /// A key was pressed and let go: `0` to `9`, `*`, `#`, `A` to `D`. Once a press.
    Digit { port: u16, owner: u64, digit: char },
    /// The leg is gone. Later packets on its port reach nobody.
    Released { port: u16, owner: u64, stats: Stats },
    /// The order could not be done; the state before it holds.
    Failed { port: u16, owner: u64, error: String },
}

/// What a leg has lived through.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Stats {
    /// RTP packets accepted from the leg.
    pub rtp_in: u64,
    /// RTP packets sent to the leg, what was played included.
    pub rtp_out: u64,
    /// Bytes of the RTP packets accepted from the leg, headers included.
    pub bytes: u64,
    /// Bytes of the RTP packets sent to the leg, headers included.
    pub bytes_out: u64,
    /// By gaps in the sequence numbers of what was accepted (RFC 3550 §A.3).
    pub lost: u64,
    pub rtcp_in: u64,
    pub rtcp_out: u64,
    /// Packets from strangers and packets that are neither RTP nor RTCP.
    pub rejected: u64,
    /// The highest value of the interarrival jitter estimate (RFC 3550 §A.8).
    pub jitter_max: Duration,
}
