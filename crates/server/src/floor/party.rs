//! What the parties of a floor are told to do, and what they tell.

use std::net::SocketAddr;
use std::time::Duration;

use sip::Instant;

use super::tone::{Heard, Tone};

/// One phone of a floor.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct PhoneRef {
    pub line: u16,
    pub index: u32,
}

/// One call that a trunk of a floor has placed.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct CallRef {
    pub line: u16,
    pub index: u64,
}

/// What a party sends and hears in a conversation.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Sound {
    /// No packet at all.
    Off,
    /// One packet when the conversation has begun, out of a socket that the line's parties share:
    /// enough to be heard by the server, cheap enough for thousands of calls a second.
    Token,
    /// This tone as G.711 A-law, a packet every 20 ms, from a socket of its own; and an ear.
    Voice(Tone),
}

/// Phones that share one socket.
#[derive(Clone, Debug)]
pub struct PhonesSetup {
    /// Where they register.
    pub server: SocketAddr,
    /// The host of their addresses-of-record, which is the digest realm too.
    pub realm: String,
    pub phones: Vec<PhoneSetup>,
}

#[derive(Clone, Debug)]
pub struct PhoneSetup {
    /// User part of its address-of-record, and its digest user name.
    pub user: String,
    pub password: String,
    /// Asked of the registrar; the registration is refreshed after half of what was granted.
    pub expires: Duration,
    pub sound: Sound,
    /// How it reacts to its first INVITEs, in order.
    pub first: Vec<Manner>,
    /// How it reacts to all later ones.
    pub usual: Manner,
}

/// How a phone reacts to one INVITE.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Manner {
    /// Until it sends 180. `None`: it never does (an absent network, not an absent person).
    pub ring_after: Option<Duration>,
    pub reaction: Reaction,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Reaction {
    /// Counted from the INVITE. She hangs up after `talk`, else leaves it to the caller.
    Answer {
        after: Duration,
        talk: Option<Duration>,
    },
    /// With 603, 486, 480, …
    Decline {
        after: Duration,
        status: u16,
    },
    LetRing,
}

impl Manner {
    pub const fn answer(after: Duration, talk: Option<Duration>) -> Self {
        Self::ringing(Reaction::Answer { after, talk })
    }

    pub const fn decline(after: Duration, status: u16) -> Self {
        Self::ringing(Reaction::Decline { after, status })
    }

    pub const fn let_ring() -> Self {
        Self::ringing(Reaction::LetRing)
    }

    const fn ringing(reaction: Reaction) -> Self {
        Self { ring_after: Some(Duration::ZERO), reaction }
    }
}

/// An operator's link.
#[derive(Clone, Debug)]
pub struct TrunkSetup {
    /// Where it sends its calls.
    pub server: SocketAddr,
    /// Host part of the callers' identities.
    pub domain: String,
}

/// One caller and what he does.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// User part of the Request-URI: the number dialled, as the operator writes it.
    pub to: String,
    /// User part of From and P-Asserted-Identity.
    pub from: String,
    /// From is anonymous, and `Privacy: id` is asked (RFC 3323, RFC 3325).
    pub withheld: bool,
    /// The number that the call was diverted from (RFC 5806).
    pub diverted_from: Option<String>,
    /// He gives up (CANCEL) when not answered by then.
    pub patience: Option<Duration>,
    /// He hangs up after so long a conversation, else leaves it to the secretary.
    pub talk: Option<Duration>,
    pub sound: Sound,
}

/// What a phone is doing, in its own eyes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PhoneState {
    Unregistered,
    Idle,
    Ringing { caller: String, since: Instant },
    Talking { caller: String, since: Instant },
}

/// What happened on the floor.
#[derive(Clone, Debug)]
pub enum Happening {
    Registered {
        phone: PhoneRef,
        at: Instant,
    },
    Unregistered {
        phone: PhoneRef,
        at: Instant,
    },
    /// A final answer that is no 200, or 408 or 503 when there was none. It tries again.
    RegisterFailed {
        phone: PhoneRef,
        at: Instant,
        status: u16,
    },
    PhoneRings {
        phone: PhoneRef,
        at: Instant,
        caller: String,
        shown: Option<String>,
    },
    PhoneAnswered {
        phone: PhoneRef,
        at: Instant,
        caller: String,
    },
    PhoneEnded(Box<PhoneCall>),
    /// The first 18x.
    CallRings {
        call: CallRef,
        at: Instant,
    },
    CallAnswered {
        call: CallRef,
        at: Instant,
    },
    CallEnded(Box<PlacedCall>),
    Violation(Violation),
}

/// A call as its caller lived it.
#[derive(Clone, Debug)]
pub struct PlacedCall {
    pub call: CallRef,
    pub plan: CallPlan,
    pub placed_at: Instant,
    /// The first 18x.
    pub ringing_at: Option<Instant>,
    pub answered_at: Option<Instant>,
    pub ended_at: Instant,
    pub end: CallEnd,
    pub heard: Heard,
}

impl PlacedCall {
    /// From the INVITE to the 200, or to the end without one.
    pub fn wait(&self) -> Duration {
        self.answered_at.unwrap_or(self.ended_at).saturating_duration_since(self.placed_at)
    }
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum CallEnd {
    /// He hung up after a conversation.
    HungUp,
    /// The other side hung up after a conversation.
    Released,
    /// He gave up unanswered.
    GaveUp,
    /// His CANCEL and the 200 crossed: hung up at once.
    Crossed,
    /// A final answer that is no 2xx: 486, 404, …; 408 when nothing came.
    Refused(u16),
    /// The INVITE could not be sent, or the answer was unusable.
    Failed,
}

/// One INVITE as a phone lived it.
#[derive(Clone, Debug)]
pub struct PhoneCall {
    pub phone: PhoneRef,
    /// What she says, and others should hear.
    pub sound: Sound,
    /// User part of From: who calls.
    pub caller: String,
    pub invited_at: Instant,
    pub answered_at: Option<Instant>,
    /// When the ACK came: the server has confirmed her.
    pub confirmed_at: Option<Instant>,
    pub ended_at: Instant,
    pub end: PhoneEnd,
    pub heard: Heard,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum PhoneEnd {
    /// She hung up.
    HungUp,
    /// The server's BYE.
    Released,
    /// The server's CANCEL.
    Cancelled,
    Declined(u16),
    /// No session description that it understands.
    Incompatible,
    /// The power went: see [`Floor::cut`](super::Floor::cut).
    Cut,
}

/// What must not happen, seen from outside the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Violation {
    /// A phone was rung while it rang or talked: single-line is broken.
    SecondInvite { phone: PhoneRef, at: Instant, during: String, caller: String },
    /// A phone's 200 was never acknowledged.
    NoAck { phone: PhoneRef, at: Instant },
    /// A 200 or an INVITE of the server had no session description that fits.
    BadSession { line: u16, at: Instant },
    /// A datagram that is no SIP message.
    Unreadable { line: u16, at: Instant },
    /// An INVITE for a user that the line does not have.
    Misrouted { line: u16, at: Instant, user: String },
}
