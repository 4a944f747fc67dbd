//! What the scheduler is told.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::Lasting;
use crate::caller::Urgency;
use crate::id::{AgentId, CallerId, LineId, OfferId, PracticeId, PractitionerId, TeamId};
use crate::setup::{Forward, Override, Setup};
use crate::time::Instant;

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// A caller begins the plan of the practice's situation, or of its rule for him. `practitioner`:
    /// whose number of the practice he called, if it is somebody's there; one that the setup does not know
    /// counts as nobody's. `line` is his number, if he shows it; `urgency` overrides the practice's; at
    /// `leave_by` he must not be unanswered any more and goes on to the first step that ends the wait.
    Enter {
        caller: CallerId,
        practice: PracticeId,
        practitioner: Option<PractitionerId>,
        line: Option<LineId>,
        urgency: Option<Urgency>,
        leave_by: Option<Instant>,
    },
    /// He is gone, or was ended by us, at any stage. While served, the same as `Ended`. Of who hears a
    /// text only where that has a key.
    Leave {
        caller: CallerId,
    },
    /// He has pressed the key of the text that he hears: he is urgent at least, and goes on with the
    /// step after it. He has been answered, so no network ends his wait.
    Pressed {
        caller: CallerId,
    },
    /// Her phone answered, or a human where he was forwarded to: a request, that `Serve`, `Connect` or
    /// `Refuse` replies to.
    Answered {
        offer: OfferId,
    },
    /// Something answered where he was forwarded to, and is asked whether it is a human: it rings on
    /// for so long at least from now on, but not beyond his `leave_by`. To be told once.
    PickedUp {
        offer: OfferId,
        asked_for: Duration,
    },
    /// The offer or the forwarding came to nothing. (No answer is the scheduler's own deadline.)
    Missed {
        offer: OfferId,
        miss: Miss,
    },
    /// There is room again for a leg of his.
    Room {
        caller: CallerId,
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
    /// An operator: he is of this class; `first`: at its head, before whoever was put there earlier; else
    /// in the place that his practice's promise gives him.
    Rank {
        caller: CallerId,
        urgency: Urgency,
        first: bool,
    },
    /// An operator: he waits for this team, without an end of the step. His place and his clock stay.
    Move {
        caller: CallerId,
        team: TeamId,
    },
    /// An operator: he is forwarded there; then his plan goes on where he was.
    Redirect {
        caller: CallerId,
        to: Forward,
    },
    /// `None` ends it, also that of a practice that the setup does not know any more. Refused before the
    /// first `Clock`, and when it is over already.
    Override {
        practice: PracticeId,
        with: Option<Override>,
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
    /// She answered, but her leg broke before the caller was answered. Of who has him where he was
    /// forwarded to: it broke, whether or not they talked; he goes on without a network's patience.
    Dropped,
    /// She was never rung: we have no room for one leg more. She is not to blame, and the caller is
    /// offered to nobody until `Input::Room`.
    NoRoom,
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
    /// Her wrap-up lasts this much longer, up to [`limits::WRAP_UP_MAX`](crate::WRAP_UP_MAX) from now.
    ProlongWrapUp {
        by: Duration,
    },
    /// The caller with whom she talks is urgent, unless he is more than that. Should he lose her, he waits as
    /// one who is.
    CallerIsUrgent,
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
    #[error("as many callers of this practice wait as may wait")]
    PracticeFull,
    #[error("no such practice")]
    UnknownPractice,
    #[error("no such team")]
    UnknownTeam,
    #[error("no such agent")]
    UnknownAgent,
    #[error("no such caller")]
    UnknownCaller,
    #[error("this caller has entered already")]
    AlreadyHere,
    #[error("this caller is not being served")]
    NotServed,
    #[error("this caller does not wait")]
    NotWaiting,
    #[error("an override must end after now, and the time of day must be known")]
    OverrideIsOver,
}
