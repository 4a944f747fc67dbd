//! What the scheduler wants done in the world.

use serde::{Deserialize, Serialize};

use crate::agent::AgentState;
use crate::id::{AgentId, CallerId, OfferId, PracticeId, PromptId};
use crate::time::Instant;

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Decision {
    /// Ring her phone for this caller. Her line is occupied until `Input::Cleared`; the scheduler
    /// itself withdraws at `deadline`.
    Offer { offer: OfferId, agent: AgentId, practice: PracticeId, deadline: Instant },
    /// Stop ringing her; her line stays occupied until `Input::Cleared`.
    Withdraw { offer: OfferId, agent: AgentId, why: Withdrawal },
    /// The winner: confirm her leg, then answer the caller.
    Serve { offer: OfferId, agent: AgentId },
    /// This answer is stale: confirm and end that leg.
    Refuse { offer: OfferId },
    /// He moved on to this step of his plan.
    Overflow { caller: CallerId, step: usize },
    /// This step of his plan plays him a text, then he is ended. The scheduler has forgotten him.
    Announce { caller: CallerId, step: usize, prompt: PromptId, answer: bool },
    /// His plan is over: end him with busy. The scheduler has forgotten him.
    Busy { caller: CallerId },
    /// Her state changed (for display and records).
    State { agent: AgentId, state: AgentState },
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Withdrawal {
    CallerLeft,
    /// She let it ring for the team's `ring_for`: a miss.
    Expired,
    /// She logged out, or her phone is gone.
    LoggedOut,
    /// The caller's time in this step is over: not her fault.
    Overflowed,
}
