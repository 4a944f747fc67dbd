//! What the scheduler wants done in the world.

use serde::{Deserialize, Serialize};

use crate::agent::AgentState;
use crate::caller::Urgency;
use crate::class::ClassBy;
use crate::id::{AgentId, CallerId, OfferId, PracticeId, PromptId, Target};
use crate::setup::Situation;
use crate::time::Instant;

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Decision {
    /// Ring her phone for this caller. Her line is occupied until `Input::Cleared`; the scheduler
    /// itself withdraws at `deadline`. She answers for `practice`.
    Offer { offer: OfferId, agent: AgentId, practice: PracticeId, deadline: Instant },
    /// Stop ringing her; her line stays occupied until `Input::Cleared`.
    Withdraw { offer: OfferId, agent: AgentId, why: Withdrawal },
    /// The winner: confirm her leg, then answer the caller.
    Serve { offer: OfferId, agent: AgentId },
    /// This answer is stale: confirm and end that leg.
    Refuse { offer: OfferId },
    /// Ring there for this caller; the scheduler itself recalls at `deadline`.
    Forward { offer: OfferId, target: Target, deadline: Instant },
    /// Stop ringing there.
    Recall { offer: OfferId, why: Withdrawal },
    /// A human has taken him there: confirm that leg, then answer the caller.
    Connect { offer: OfferId },
    /// He follows the plan of this practice in this situation from here on, from its first step: it
    /// takes him over for his own, or opened or closed while he waited.
    Plan { caller: CallerId, practice: PracticeId, situation: Situation },
    /// He is of this class from here on; one who has none but the usual is not told of as he enters.
    Class { caller: CallerId, urgency: Urgency, by: ClassBy },
    /// He moved on to this step of his plan.
    Overflow { caller: CallerId, step: usize },
    /// This step of his plan plays him a text, then he is ended. The scheduler has forgotten him, unless
    /// the text has a key: then `Input::Pressed` or `Input::Leave` is to follow.
    Announce {
        caller: CallerId,
        step: usize,
        prompt: PromptId,
        answer: bool,
        urgent_key: Option<char>,
    },
    /// His plan is over: end him with busy. The scheduler has forgotten him.
    Busy { caller: CallerId },
    /// Her state changed (for display and records).
    State { agent: AgentId, state: AgentState },
    /// The practice opened, closed or changed otherwise by itself (for display and logs).
    Situation { practice: PracticeId, situation: Situation },
    /// Its override has come to its end.
    OverrideOver { practice: PracticeId },
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Withdrawal {
    CallerLeft,
    /// She let it ring for the team's `ring_for`: a miss. Nobody took him where he was forwarded to.
    Expired,
    /// She logged out, or her phone is gone.
    LoggedOut,
    /// The caller's time in this step is over, or he was moved: not her fault.
    Overflowed,
    /// Another of the phones that rang for him was quicker, or goes on ringing for him while somebody waits
    /// whom she may have.
    Won,
}
