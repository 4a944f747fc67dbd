//! What does not change while calls live: practices with their plans, teams, agents.
//!
//! A new [`Setup`] comes as a whole by [`Input::Configure`](crate::Input::Configure).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::caller::Urgency;
use crate::civil::Period;
use crate::hours::Hours;
use crate::id::{AgentId, PracticeId, PromptId, TeamId};
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
    pub hours: Hours,
    /// Of two that hold at once, the first one counts.
    pub leave: Vec<Leave>,
    /// For who enters while it is open.
    pub open: Plan,
    /// For who enters while it is closed, and not on leave.
    pub closed: Plan,
}

/// A time in which the practice is away, whatever its hours say.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Leave {
    pub period: Period,
    pub plan: Plan,
}

/// Which of a practice's plans a caller follows: chosen when he enters, and kept. Who entered
/// before closing time is served on.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Situation {
    Open,
    Closed,
    Leave,
}

impl Situation {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Leave => "leave",
        }
    }
}

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// At least one; an empty plan counts as `[Busy]`.
    pub steps: Vec<Step>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Wait for an agent of `team`, this long in this step; `None`: until the caller's `leave_by`.
    /// He moves on sooner once nobody of the team has been there (logged in with a reachable phone,
    /// and not *not responding*) for `nobody` while he waits; `None`: he waits for her to come.
    Queue { team: TeamId, until: Option<Duration>, nobody: Option<Duration> },
    /// Play him a text and end him: `answer` says whether his call is answered for it.
    Announce { prompt: PromptId, answer: bool },
    /// End him with busy.
    Busy,
}

impl Practice {
    /// Open at any time.
    pub fn without_hours(answer_within: Duration, urgency: Urgency, open: Plan) -> Self {
        let hours = Hours::always();
        Self { answer_within, urgency, hours, leave: Vec::new(), open, closed: Plan::default() }
    }

    /// What holds at that moment; without a clock it is open and nobody is on leave.
    pub fn situation(&self, unix_ms: Option<i64>) -> Situation {
        self.plan_at(unix_ms).0
    }

    pub(crate) fn plan_at(&self, unix_ms: Option<i64>) -> (Situation, &Plan) {
        let Some(unix_ms) = unix_ms else {
            return (Situation::Open, &self.open);
        };
        if let Some(leave) = self.leave.iter().find(|leave| leave.period.contains(unix_ms)) {
            return (Situation::Leave, &leave.plan);
        }
        if self.hours.is_open(unix_ms) {
            (Situation::Open, &self.open)
        } else {
            (Situation::Closed, &self.closed)
        }
    }
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
