//! What the scheduler is told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::Lasting;
use crate::caller::Urgency;
use crate::id::{AgentId, CallerId, OfferId, PracticeId};
use crate::setup::Setup;
use crate::time::Instant;

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// A caller begins the plan of the practice's situation. `urgency` overrides the practice's; at `leave_by` he
    /// must not wait unanswered any more and goes on to the first step that is not a queue.
    Enter {
        caller: CallerId,
        practice: PracticeId,
        urgency: Option<Urgency>,
        leave_by: Option<Instant>,
    },
    /// He is gone, or was ended by us, at any stage. While served, the same as `Ended`.
    Leave {
        caller: CallerId,
    },
    /// Her phone answered: a request, that `Serve` or `Refuse` replies to.
    Answered {
        offer: OfferId,
    },
    /// The offer came to nothing. (No answer is the scheduler's own deadline.)
    Missed {
        offer: OfferId,
        miss: Miss,
    },
    /// The conversation is over: her wrap-up starts.
    Ended {
        caller: CallerId,
    },
    /// A served caller whose secretary is gone: he waits again at the head of his class, and she
    /// rests. If her phone vanished, `AgentEvent::Unreachable` says so besides.
    Returned {
        caller: CallerId,
    },
    /// Her leg of that offer is gone from her phone: her line is clear. Stale ids are ignored.
    Cleared {
        agent: AgentId,
        offer: OfferId,
    },
    Agent {
        agent: AgentId,
        event: AgentEvent,
    },
    /// The civil time of `now`: at the start, and when the wall clock is set. Before the first one
    /// every practice counts as open.
    Clock {
        unix_ms: i64,
    },
    /// Replaces the setup; what lives goes on.
    Configure(Arc<Setup>),
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Miss {
    Declined,
    Busy,
    Unreachable,
    /// She answered, but her leg broke before the caller was answered.
    Dropped,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum AgentEvent {
    /// Her phone is there (registered, or heard again). Whether she is there too is another matter:
    /// *not responding* stays.
    Reachable,
    Unreachable,
    /// Also ends *not responding*.
    LogIn,
    LogOut,
    /// After a log-out that waits for the end of her call it changes nothing.
    Pause {
        reason: u16,
    },
    /// Ends a pause, *not responding*, or being logged out; takes a wish for one of them back.
    Resume,
    EndWrapUp,
    /// She uses her phone for what is no call (a code that she dials): no offer until `LineClear`.
    LineTaken,
    LineClear,
    /// As she was when an earlier life of this node ended. Only for who is logged out; tell before
    /// it that her phone is reachable.
    Stand {
        as_before: Lasting,
        misses: u32,
    },
}

/// Why an input changed nothing (timers that were due have run all the same).
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("as many callers wait as may wait")]
    Full,
    #[error("no such practice")]
    UnknownPractice,
    #[error("no such agent")]
    UnknownAgent,
    #[error("no such caller")]
    UnknownCaller,
    #[error("this caller has entered already")]
    AlreadyHere,
    #[error("this caller is not being served")]
    NotServed,
}
