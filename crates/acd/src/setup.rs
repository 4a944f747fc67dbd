//! What does not change while calls live: practices with their plans, teams, agents.
//!
//! A new [`Setup`] comes as a whole by [`Input::Configure`](crate::Input::Configure).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::caller::Urgency;
use crate::id::{AgentId, PracticeId, TeamId};
use crate::limits::Limits;

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Setup {
    pub practices: BTreeMap<PracticeId, Practice>,
    pub teams: BTreeMap<TeamId, Team>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub limits: Limits,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Practice {
    /// The target that it pays for: a caller's deadline is his arrival plus this.
    pub answer_within: Duration,
    /// Class of callers that enter without one of their own.
    pub urgency: Urgency,
    pub plan: Plan,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// At least one; an empty plan counts as `[Busy]`.
    pub steps: Vec<Step>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Wait for an agent of `team`, this long in this step; `None`: until the caller's `leave_by`.
    Queue { team: TeamId, until: Option<Duration> },
    /// End him with busy.
    Busy,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Team {
    /// How long a phone rings before the offer expires; zero counts as one microsecond.
    pub ring_for: Duration,
    /// Time after a call, unless the agent has her own.
    pub wrap_up: Duration,
    pub retry_after: RetryAfter,
    /// Missed offers in a row that make an agent *not responding*; 0: never.
    pub misses_max: u32,
}

/// How long an agent rests after an offer that did not become a call, by its reason.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RetryAfter {
    pub no_answer: Duration,
    pub declined: Duration,
    pub busy: Duration,
    pub unreachable: Duration,
    pub dropped: Duration,
}

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Agent {
    /// Whose callers she takes.
    pub teams: Vec<TeamId>,
    /// Her own wrap-up time instead of the team's.
    pub wrap_up: Option<Duration>,
}
