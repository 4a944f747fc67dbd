//! A caller: where he stands in his plan, and his place in the order.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallerId, OfferId, PracticeId, TeamId};
use crate::time::Instant;

/// Class of a caller; the first is served first.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Urgency {
    Vital,
    Urgent,
    Priority,
    Normal,
}

/// A caller who waits (and is not being offered), as a page or a test sees him.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub caller: CallerId,
    pub practice: PracticeId,
    pub urgency: Urgency,
    pub deadline: Instant,
    pub arrival: Instant,
    pub sequence: u64,
    pub step: usize,
    pub team: TeamId,
    /// When he entered this step.
    pub since: Instant,
}

/// Any caller that the scheduler knows.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallerView {
    pub waiting: Waiting,
    pub stage: CallerStage,
    pub leave_by: Option<Instant>,
    pub step_end: Option<Instant>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum CallerStage {
    Waiting,
    Offered { offer: OfferId, agent: AgentId, deadline: Instant },
    Served { offer: OfferId, agent: AgentId },
}
