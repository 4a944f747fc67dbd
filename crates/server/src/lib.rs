//! The waiting edge around the engine, and the binary `monoligne`.
//!
//! The pure crates decide; this one owns sockets, threads, files and clocks. [`Server::start`]
//! puts an engine on a thread of its own between the transports, the relay and the records:
//!
//! ```text
//!   transport ──▶ inbox ──▶ driver (engine) ──▶ transport, relay, records, notices
//!                  ▲                │
//!                  └── relay events ┘
//! ```
//!
//! [`config::load`] makes the settings out of TOML; `serve`, `demo` and the benches use the same
//! [`Server`].

pub mod card;
mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod diff;
mod driver;
pub mod explain;
mod files;
pub mod floor;
mod folder;
mod inbox;
mod limits;
mod log;
mod metrics;
mod names;
pub mod notify;
mod order;
pub mod prompts;
pub mod records;
mod relay;
mod reload;
pub mod replay;
pub mod serve;
mod server;
mod settings;
mod status;
mod table;
mod timing;
mod transport;
pub mod views;
mod watch;

pub use clock::Clock;
pub use log::{LogFormat, LogSettings, init as init_log};
pub use reload::{ReloadError, ReloadStatus};
pub use server::{Notices, Server, StartError, Told};
pub use settings::{ConnectionSettings, Listen, ListenTransports, MediaSettings, ServerSettings};
pub use status::{
    AgentStatus, CallStatus, Latency, PracticeStatus, RegistrationStatus, Status, TeamStatus,
    TrunkStatus, WaitingStatus,
};
pub use transport::{ConnectionsStatus, ListenStatus, TrafficStatus};

/// For tests: a configuration without anything.
#[cfg(test)]
fn config_of_nobody() -> call::Config {
    use std::collections::BTreeMap;
    use std::time::Duration;
    call::Config {
        realm: "pbx.example.fr".to_owned(),
        trunks: BTreeMap::new(),
        practices: BTreeMap::new(),
        teams: BTreeMap::new(),
        agents: BTreeMap::new(),
        numbers: BTreeMap::new(),
        shared: BTreeMap::new(),
        urgent_numbers: BTreeMap::new(),
        phones: BTreeMap::new(),
        sites: BTreeMap::new(),
        emergency: call::Emergency::default(),
        locals: Vec::new(),
        floor: std::sync::Arc::default(),
        prompts: BTreeMap::new(),
        hold: None,
        codecs: Vec::new(),
        ring_refresh: Duration::from_secs(50),
        unreachable_after: Duration::from_secs(2),
        inquiry_timeout: Duration::from_secs(3),
        pause_reasons: BTreeMap::new(),
        registrar: call::RegistrarLimits::default(),
        limits: call::Limits::default(),
    }
}
