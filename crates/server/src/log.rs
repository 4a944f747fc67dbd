//! Logs: the subscriber, and the line for each milestone.
//!
//! Telephone numbers reach a log only by their `Debug`, which hides all but two digits.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::thread::JoinHandle;

use call::{AgentId, Notice, PracticeId, TrunkId};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::server::Told;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogSettings {
    pub format: LogFormat,
    /// `info`, or directives like `info,server=debug`. The variable `MONOLIGNE_LOG` overrides it.
    pub level: String,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One line an event, for people.
    Text,
    /// One JSON object a line; control characters are escaped.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// Installs the subscriber on stderr. Only the first call of a process counts.
pub fn init(settings: &LogSettings) {
    let filter = std::env::var("MONOLIGNE_LOG")
        .ok()
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .or_else(|| EnvFilter::try_new(&settings.level).ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let installed = match settings.format {
        LogFormat::Text => builder.compact().with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
    };
    // A second server in one process (tests) keeps the first subscriber.
    let _ = installed;
}

/// Writes milestones on a thread of its own, so that a slow terminal delays no call. It ends with
/// the engine.
pub(crate) fn spawn(
    mut notices: Receiver<Told>,
    config: Arc<call::Config>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        loop {
            match notices.blocking_recv() {
                Ok(told) => write(&config, told.notice),
                Err(RecvError::Lagged(missed)) => warn!(missed, "milestones not logged"),
                Err(RecvError::Closed) => return,
            }
        }
    })
}

fn write(config: &call::Config, notice: Notice) {
    let agent = |id: AgentId| config.agents.get(&id).map_or("?", |agent| &agent.user);
    let trunk = |id: TrunkId| config.trunks.get(&id).map_or("?", |trunk| &trunk.name);
    let practice = |id: Option<PracticeId>| {
        id.and_then(|id| config.practices.get(&id)).map_or("?", |practice| &practice.name)
    };
    match notice {
        Notice::Arrived { call, trunk: id, practice: whose, caller } => {
            info!(%call, trunk = trunk(id), practice = practice(whose), ?caller, "arrived");
        }
        Notice::Offered { call, agent: id } => info!(%call, agent = agent(id), "offered"),
        Notice::Ringing { call, agent: id } => info!(%call, agent = agent(id), "ringing"),
        Notice::OfferEnded { call, agent: id, outcome } => {
            info!(%call, agent = agent(id), outcome = outcome.as_str(), "offer ended");
        }
        Notice::Answered { call, agent: id } => info!(%call, agent = agent(id), "answered"),
        Notice::Returned { call } => warn!(%call, "secretary lost: the caller waits at the head"),
        Notice::Overflowed { call, step } => info!(%call, step, "overflowed"),
        Notice::Ended { call, disposition } => {
            info!(%call, disposition = disposition.as_str(), "ended");
        }
        Notice::Agent { agent: id, state } => {
            info!(agent = agent(id), state = crate::status::state_word(&state), "agent");
        }
        Notice::Registered { agent: id, flow } => {
            info!(agent = agent(id), from = %flow.remote, "registered");
        }
        Notice::Unregistered { agent: id } => info!(agent = agent(id), "unregistered"),
        Notice::RegisterRefused { flow, status } => {
            info!(from = %flow.remote, status, "registration refused");
        }
    }
}
