//! The single-line scheduler: which waiting caller is offered to which secretary, and when.
//!
//! It owns the callers that wait, are offered or are served, the secretaries' states, the offers
//! and their deadlines, wrap-up, opening hours and overflow. It knows nothing of SIP, sockets or clocks: inputs
//! carry `now`, and what must happen in the world comes out as [`Decision`]s.
//!
//! [`Scheduler`]'s methods come in three families: `handle*` takes something in, `poll_*` gives
//! something out, the rest are getters. After each `handle*`, drain [`Scheduler::poll_decision`],
//! then sleep until [`Scheduler::poll_timeout`].

mod acquaintance;
mod agent;
mod caller;
mod civil;
mod class;
mod decision;
mod entrance;
mod estimates;
mod figures;
mod forward;
mod groups;
mod holidays;
mod hours;
mod id;
mod indexing;
mod input;
mod invariants;
mod limits;
mod matching;
mod offer;
mod operator;
mod scheduler;
mod seconds;
mod setup;
mod situations;
mod staff;
mod steps;
mod time;
mod timer;
mod told;
mod verdicts;
mod waiting;

pub use agent::{AgentState, AgentView, Lasting, Pending};
pub use caller::{CallerStage, CallerView, Urgency, Waiting};
pub use civil::{CivilError, Date, Period, TimeZone};
pub use class::ClassBy;
pub use decision::{Decision, Withdrawal};
pub use estimates::{ErlangA, Figures, Outlook, erlang_a, expected_wait};
pub use groups::Unsuited;
pub use holidays::{Holidays, Territory};
pub use hours::{Calendars, CutNight, Deciding, Hours, HoursError, HoursState};
pub use id::{
    AgentId, CallerId, LineId, OfferId, PhoneId, PracticeId, PractitionerId, PromptId, SiteId,
    SkillId, Target, TeamId,
};
pub use input::{AgentEvent, Input, Miss, Refusal};
pub use limits::{HOPS_MAX, Limits, REPEATED_CALLS_MAX, RUNG_ENOUGH, WRAP_UP_MAX};
pub use scheduler::{Counts, Scheduler};
pub use setup::{
    Agent, AtClosing, CallerRule, Circle, Forward, Insistence, Leave, Override, Overriding, Plan,
    Practice, Practitioner, Queue, Repeated, RetryAfter, Setup, Situation, Step, Strategy, Team,
    Way, Widening,
};
pub use time::Instant;
pub use timer::{Bound, Reason};
pub use verdicts::{Entry, Outset, Verdict, circles, verdicts};
