//! What the running server shows of itself: a snapshot made between two inputs, never a copy that
//! somebody keeps up to date.

use std::fmt;

use acd::CallerStage;
use call::{AgentId, Engine, Ledger, Stage};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::records::RecordsStatus;
use crate::transport::{ListenStatus, TrafficStatus};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub uptime_s: u64,
    pub listen: Vec<ListenStatus>,
    pub draining: bool,
    pub ledger: Ledger,
    /// Every call that is up, by arrival.
    pub calls: Vec<CallStatus>,
    pub agents: Vec<AgentStatus>,
    pub ports_in_use: usize,
    pub ports: usize,
    pub sip: sip::Counts,
    pub traffic: TrafficStatus,
    /// Messages dropped because the engine was behind.
    pub inbox_dropped: u64,
    pub latency: Latency,
    pub relay: media::Counters,
    pub records: RecordsStatus,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CallStatus {
    pub call: String,
    /// `waiting`, `offered`, `bridged` or `returned` (answered, and waits again).
    pub stage: String,
    pub practice: Option<String>,
    /// `None` once the scheduler has let go of him.
    pub since_arrival_ms: Option<u64>,
    /// The user of the secretary who is offered or bridged.
    pub agent: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    pub user: String,
    pub name: String,
    /// `logged out`, `available`, `offered`, `talking`, `wrap-up`, `resting`, `paused` or
    /// `not responding`.
    pub state: String,
    /// Her phone is registered.
    pub is_reachable: bool,
    pub misses: u32,
}

/// From the reading of a message to the sending of what it led to.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub messages: u64,
    pub p50_us: u64,
    pub p99_us: u64,
    pub p999_us: u64,
    pub max_us: u64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            messages: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

/// What a snapshot is made of.
pub(crate) struct Sources<'a> {
    pub(crate) now: sip::Instant,
    pub(crate) engine: &'a Engine,
    pub(crate) config: &'a call::Config,
    pub(crate) listen: Vec<ListenStatus>,
    pub(crate) draining: bool,
    pub(crate) traffic: TrafficStatus,
    pub(crate) inbox_dropped: u64,
    pub(crate) latency: Latency,
    pub(crate) records: RecordsStatus,
    pub(crate) relay: media::Counters,
    pub(crate) ports: usize,
}

pub(crate) fn of(sources: Sources<'_>) -> Status {
    let engine = sources.engine;
    Status {
        uptime_s: sources.now.as_micros() / 1_000_000,
        listen: sources.listen,
        draining: sources.draining,
        ledger: engine.ledger().clone(),
        calls: calls(engine, sources.config, sources.now),
        agents: agents(engine, sources.config),
        ports_in_use: engine.ports_in_use(),
        ports: sources.ports,
        sip: engine.endpoint_counts(),
        traffic: sources.traffic,
        inbox_dropped: sources.inbox_dropped,
        latency: sources.latency,
        relay: sources.relay,
        records: sources.records,
    }
}

fn calls(engine: &Engine, config: &call::Config, now: sip::Instant) -> Vec<CallStatus> {
    let user = |agent: &AgentId| config.agents.get(agent).map(|agent| agent.user.clone());
    let now = acd::Instant::from_micros(now.as_micros());
    let calls = engine.live_calls().map(|call| {
        let caller = engine.scheduler().caller(call.caller);
        let offered = caller.and_then(|caller| match caller.stage {
            CallerStage::Offered { agent, .. } => Some(agent),
            CallerStage::Waiting | CallerStage::Served { .. } => None,
        });
        let (stage, agent) = match (call.stage, offered) {
            (Stage::Bridged { agent, .. }, _) => ("bridged", user(&agent)),
            (_, Some(agent)) => ("offered", user(&agent)),
            (Stage::Waiting, None) => ("waiting", None),
            (Stage::Returned { .. }, None) => ("returned", None),
            (Stage::Announced { .. }, None) => ("announced", None),
        };
        let here = caller.map(|caller| caller.waiting);
        let practice = here.and_then(|here| config.practices.get(&here.practice));
        CallStatus {
            call: call.call.to_string(),
            stage: stage.to_owned(),
            practice: practice.map(|practice| practice.name.clone()),
            since_arrival_ms: here.map(|here| {
                let waited = now.saturating_duration_since(here.arrival).as_millis();
                u64::try_from(waited).unwrap_or(u64::MAX)
            }),
            agent,
        }
    });
    calls.collect()
}

fn agents(engine: &Engine, config: &call::Config) -> Vec<AgentStatus> {
    let agents = engine.scheduler().agents().map(|view| {
        let agent = config.agents.get(&view.agent);
        AgentStatus {
            user: agent.map_or_else(|| view.agent.to_string(), |agent| agent.user.clone()),
            name: agent.map_or_else(String::new, |agent| agent.name.clone()),
            state: state_word(&view.state).to_owned(),
            is_reachable: view.reachable,
            misses: view.misses,
        }
    });
    agents.collect()
}

/// For a terminal.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listen: Vec<String> = self.listen.iter().map(ListenStatus::to_string).collect();
        let draining = if self.draining { ", draining" } else { "" };
        writeln!(f, "up {} s on {}{draining}", self.uptime_s, listen.join(", "))?;
        writeln!(
            f,
            "calls     {} live, {} offered since the start, ports {}/{}",
            self.calls.len(),
            self.ledger.offered,
            self.ports_in_use,
            self.ports
        )?;
        for (disposition, count) in &self.ledger.dispositions {
            writeln!(f, "  {:<15} {count}", disposition.as_str())?;
        }
        for call in &self.calls {
            let since = call.since_arrival_ms.unwrap_or_default() / 1000;
            let agent = call.agent.as_deref().unwrap_or("-");
            let practice = call.practice.as_deref().unwrap_or("-");
            writeln!(
                f,
                "  {:<22} {:<9} {since:>5} s  {agent:<8} {practice}",
                call.call, call.stage
            )?;
        }
        writeln!(f, "agents    {}", self.agents.len())?;
        for agent in &self.agents {
            let phone = if agent.is_reachable { "registered" } else { "no phone" };
            writeln!(f, "  {:<10} {:<14} {phone:<10} {}", agent.user, agent.state, agent.name)?;
        }
        writeln!(
            f,
            "messages  {} in, {} out, {} malformed, {} of strangers, {} dropped",
            self.traffic.received,
            self.traffic.sent,
            self.traffic.malformed,
            self.ledger.strangers,
            self.inbox_dropped
        )?;
        let connections = &self.traffic.connections;
        writeln!(
            f,
            "tcp       {} connections, {} accepted, {} opened, {} refused or displaced, {} closed for cause",
            connections.open,
            connections.accepted,
            connections.opened,
            connections.refused + connections.displaced,
            connections.slow + connections.broken + connections.overflowed
        )?;
        writeln!(
            f,
            "latency   p50 {} µs, p99 {} µs, p99.9 {} µs, max {} µs",
            self.latency.p50_us, self.latency.p99_us, self.latency.p999_us, self.latency.max_us
        )?;
        let failing = if self.records.is_failing { ", THE DISK FAILS" } else { "" };
        writeln!(
            f,
            "records   {} written, {} held, {} lost{failing}",
            self.records.written, self.records.held, self.records.lost
        )?;
        writeln!(
            f,
            "single-line violations {}, ledger imbalances {}",
            self.ledger.single_line_violations, self.ledger.ledger_imbalances
        )
    }
}

pub(crate) fn state_word(state: &call::AgentState) -> &'static str {
    match state {
        call::AgentState::LoggedOut => "logged out",
        call::AgentState::Available => "available",
        call::AgentState::Offered(_) => "offered",
        call::AgentState::Talking(_) => "talking",
        call::AgentState::WrapUp { .. } => "wrap-up",
        call::AgentState::Resting { .. } => "resting",
        call::AgentState::Paused { .. } => "paused",
        call::AgentState::NotResponding => "not responding",
    }
}
