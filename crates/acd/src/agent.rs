//! A secretary's state.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallerId, OfferId};
use crate::time::Instant;

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum AgentState {
    LoggedOut,
    /// Takes calls, if her phone is reachable and her line clear.
    Available,
    Offered(OfferId),
    Talking(CallerId),
    WrapUp {
        until: Instant,
    },
    /// The delay after an offer that she did not take.
    Resting {
        until: Instant,
    },
    Paused {
        reason: u16,
    },
    /// Missed too many offers, or vanished from a conversation.
    NotResponding,
}

/// A wish that takes effect after the current call.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Pending {
    LogOut,
    Pause { reason: u16 },
}

/// What a page or a test sees of an agent.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentView {
    pub agent: AgentId,
    pub state: AgentState,
    pub reachable: bool,
    /// The last offer whose leg may still be on her phone.
    pub line_busy: Option<OfferId>,
    /// Her place among the free: the smallest is offered first.
    pub idle_since: Instant,
    /// Missed offers in a row.
    pub misses: u32,
    pub pending: Option<Pending>,
    /// An offer may be made to her.
    pub free: bool,
}
