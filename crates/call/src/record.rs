//! What is written down of a call: one record a call, in it one a leg.
//!
//! Instants are since the node's origin; the server turns them into civil time when it writes them.

use std::fmt;

use acd::{AgentId, ClassBy, PracticeId, PromptId, Situation, Target, Urgency};
use serde::{Deserialize, Serialize};
use sip::Instant;

use crate::config::TrunkId;
use crate::number::E164;

/// Our identity of a call: node, epoch (one a start of the engine's life), sequence.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct CallRef {
    pub node: u16,
    pub epoch: u32,
    pub sequence: u64,
}

impl fmt::Display for CallRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:x}-{}", self.node, self.epoch, self.sequence)
    }
}

/// Who calls, as far as the network says and the caller allows.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub enum CallerNumber {
    Known(E164),
    /// `Privacy: id` or an anonymous URI: never treated worse.
    Withheld,
    /// Something that is no telephone number (a SIP user, an extension).
    Other(String),
}

impl CallerNumber {
    /// By which the scheduler knows him again; who shows no number is nobody's acquaintance.
    pub fn line(&self) -> Option<acd::LineId> {
        match self {
            Self::Known(number) => Some(number.line()),
            Self::Withheld | Self::Other(_) => None,
        }
    }

    /// As a secretary's phone shows it.
    pub fn spoken(&self) -> String {
        match self {
            Self::Known(number) => number.spoken(),
            Self::Withheld => "numéro masqué".to_owned(),
            Self::Other(text) => text.clone(),
        }
    }
}

impl fmt::Debug for CallerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => write!(f, "{number:?}"),
            Self::Withheld => f.write_str("Withheld"),
            Self::Other(_) => f.write_str("Other(…)"),
        }
    }
}

/// How a call ended. Every INVITE of a trunk ends in exactly one.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub enum Disposition {
    /// A secretary spoke with the caller.
    Answered,
    /// A human took the call where it was forwarded to: the practice's reception, an outside number.
    Forwarded,
    /// The caller hung up before anybody answered, or, once he had pressed the key of a text, before anybody
    /// took him.
    Abandoned,
    /// His practice's plan ended in busy while it was open, or `max_unanswered` was spent.
    Busy,
    /// His practice's plan ended with a text while it was open: nobody was there, or none in time.
    Announced,
    /// The plan of a practice that was closed or on leave came to its end, with a text or without: his
    /// practice when he came, and also the one whose plan he followed last.
    Closed,
    /// The dialled number is not ours: 404.
    UnknownNumber,
    /// No codec that we carry, or a session description that cannot be used: 488.
    NoCodec,
    /// A table, the queue or the ports were full: 486 with Q.850 cause 17; 503 if there was not even
    /// room to refuse in due form.
    Full,
    /// Refused at the door because the engine is stopping: 503, and his network tries elsewhere.
    Draining,
    /// The INVITE was malformed, or lacked what a call needs: 400, 413, 414, 513.
    BadRequest,
    /// The INVITE asked for what we do not have: an extension (420), a kind of body (415), a scheme
    /// (416), another SIP (505).
    Unsupported,
    /// No hops were left: 483. Or it is a call that we forward, come back to us: 486.
    Looped,
    /// The caller's side failed: no ACK to our 200, transport broken.
    CallerFailed,
    /// A call that we had and did not keep: a 5xx of ours, a stop while he waited, a secretary who
    /// vanished and nobody after her.
    Lost,
}

impl Disposition {
    pub const ALL: [Self; 15] = [
        Self::Answered,
        Self::Forwarded,
        Self::Abandoned,
        Self::Busy,
        Self::Announced,
        Self::Closed,
        Self::UnknownNumber,
        Self::NoCodec,
        Self::Full,
        Self::Draining,
        Self::BadRequest,
        Self::Unsupported,
        Self::Looped,
        Self::CallerFailed,
        Self::Lost,
    ];

    /// The word in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Forwarded => "forwarded",
            Self::Abandoned => "abandoned",
            Self::Busy => "busy",
            Self::Announced => "announced",
            Self::Closed => "closed",
            Self::UnknownNumber => "unknown_number",
            Self::NoCodec => "no_codec",
            Self::Full => "full",
            Self::Draining => "draining",
            Self::BadRequest => "bad_request",
            Self::Unsupported => "unsupported",
            Self::Looped => "looped",
            Self::CallerFailed => "caller_failed",
            Self::Lost => "lost",
        }
    }
}

/// Who ended a conversation.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Party {
    Caller,
    Agent,
    /// Whom he was forwarded to.
    Target,
    Us,
}

impl Party {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
            Self::Target => "target",
            Self::Us => "us",
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    pub call: CallRef,
    pub trunk: TrunkId,
    /// The number that led to the practice, or the one that nobody has.
    pub dialled: Option<E164>,
    pub practice: Option<PracticeId>,
    /// Of the practice that he called, when he arrived. `None`: refused before it was asked.
    pub situation: Option<Situation>,
    /// His class in the end, and what gave it to him. `None`: refused before it was asked.
    pub class: Option<(Urgency, ClassBy)>,
    pub caller: CallerNumber,
    pub arrived_at: Instant,
    /// When the caller got his 200.
    pub answered_at: Option<Instant>,
    pub ended_at: Instant,
    pub disposition: Disposition,
    /// The final status that the caller got: 200, 404, 486, 487 …
    pub status: u16,
    pub released_by: Party,
    /// The text that his plan ended with; how much of it he heard, the times tell.
    pub prompt: Option<PromptId>,
    /// Who spoke with him (last).
    pub agent: Option<AgentId>,
    /// Where somebody else than a secretary spoke with him.
    pub target: Option<Target>,
    /// When he pressed the key of a text, and waited on: he had been answered for that text.
    pub pressed_at: Option<Instant>,
    /// Each offer of him to a secretary, in order.
    pub offers: Vec<OfferRecord>,
    /// Each forwarding of him, in order.
    pub forwards: Vec<ForwardRecord>,
}

impl CallRecord {
    /// The end of his wait: a human has him, or a text that he can do nothing but hear, or all is over.
    pub fn waited_until(&self) -> Instant {
        let offers = self.offers.iter().filter_map(|offer| offer.answered_at);
        let forwards = self.forwards.iter().filter_map(|forward| forward.answered_at);
        match self.pressed_at {
            Some(_) => offers.chain(forwards).min(),
            None => self.answered_at,
        }
        .unwrap_or(self.ended_at)
    }
}

/// One offer: the agent leg of a call.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OfferRecord {
    pub agent: AgentId,
    pub offered_at: Instant,
    pub ringing_at: Option<Instant>,
    pub answered_at: Option<Instant>,
    pub ended_at: Instant,
    pub outcome: OfferOutcome,
}

/// One forwarding: the leg of a call to somebody else than a secretary.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ForwardRecord {
    pub target: Target,
    pub offered_at: Instant,
    pub ringing_at: Option<Instant>,
    /// Somebody or something answered there.
    pub picked_up_at: Option<Instant>,
    /// A human took the caller.
    pub answered_at: Option<Instant>,
    pub ended_at: Instant,
    pub outcome: OfferOutcome,
}

/// What came of an offer to a secretary, or of a forwarding.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub enum OfferOutcome {
    /// The caller was spoken with.
    Served,
    Declined,
    Busy,
    /// It rang, and nobody answered.
    NoAnswer,
    /// Forwarded: something answered, and nobody pressed 1. Most likely a voicemail box.
    NoKey,
    /// Forwarded: the call came back to us.
    Looped,
    /// No 1xx, or the transport failed.
    Unreachable,
    /// Answered, and broken off before the caller was answered.
    Dropped,
    /// Taken back: the caller left, she logged out, the plan went on, or another phone was quicker.
    Withdrawn,
    /// She was talking and her phone vanished, or she hung up before any media: the caller went back to the head.
    Vanished,
}

impl OfferOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Declined => "declined",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::NoKey => "no_key",
            Self::Looped => "looped",
            Self::Unreachable => "unreachable",
            Self::Dropped => "dropped",
            Self::Withdrawn => "withdrawn",
            Self::Vanished => "vanished",
        }
    }
}
