//! Where SIP meets the queue: the engine of monoligne.
//!
//! [`Engine`] is a pure function of (input, now): it owns transactions, dialogs, bindings, calls, the
//! queue and the secretaries, and gives [`Action`]s. It knows no socket, file, clock or TOML.

mod action;
mod calls;
mod config;
mod emergency;
mod engine;
mod limits;
mod media;
mod number;
mod numbering;
mod ports;
mod record;
mod routing;
mod standing;
mod throttle;
mod timers;

pub use acd::{
    AgentId, AgentState, ClassBy, Date, Forward, Lasting, LineId, Override, Overriding, PhoneId,
    PracticeId, PractitionerId, PromptId, SiteId, Situation, Target, TeamId, Urgency,
};
pub use action::{Action, AgentCommand, CallerCommand, Input, Ledger, Notice};
pub use calls::{Callee, Stage};
pub use config::{
    Agent, Config, ForwardedBy, Forwarding, Limits, Link, Network, Outbound, Phone, Practice,
    Practitioner, Prompt, RegistrarLimits, Source, Trunk, TrunkId,
};
pub use emergency::{Emergency, EmergencyNumbers, EmergencyOutcome, Site};
pub use engine::{
    AgentLegView, CallView, CodeLegView, EmergencyStage, EmergencyView, Engine, EngineTimeout,
    RestoreError, SchedulerEntry, SchedulerKind, Setup, StarCode, TargetLegView,
};
pub use media::{
    MediaEvent, MediaLeg, MediaOrder, MediaRemote, MediaSource, MediaStats, Owner, Play, Playing,
    Pool, Port, ToneCodec,
};
pub use number::{E164, NumberError};
pub use numbering::{Country, Numbering};
pub use record::{
    CallRecord, CallRef, CallerNumber, Disposition, ForwardRecord, OfferOutcome, OfferRecord, Party,
};
pub use standing::{Standing, User, Whose};
