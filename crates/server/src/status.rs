//! What the running server shows of itself: a snapshot made between two inputs, never a copy that
//! somebody keeps up to date.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use acd::{CallerStage, Circle};
use call::{
    AgentId, AgentState, CallView, CallerNumber, Engine, Ledger, PracticeId, Stage, TeamId,
    Urgency, User,
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::names::Names;
use crate::order;
use crate::records::RecordsStatus;
use crate::reload::ReloadStatus;
use crate::timing::TimingsStatus;
use crate::transport::{ListenStatus, TrafficStatus};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub uptime_s: u64,
    pub listen: Vec<ListenStatus>,
    pub draining: bool,
    pub ledger: Ledger,
    /// Every call that is up, by arrival.
    pub calls: Vec<CallStatus>,
    /// Who waits without an offer, in the order in which they will be offered.
    pub queue: Vec<WaitingStatus>,
    pub agents: Vec<AgentStatus>,
    pub registrations: Vec<RegistrationStatus>,
    pub trunks: Vec<TrunkStatus>,
    pub practices: Vec<PracticeStatus>,
    pub teams: Vec<TeamStatus>,
    pub ports_in_use: usize,
    /// For new calls: the second pair of each live one is kept for it.
    pub ports_spare: usize,
    pub ports: usize,
    pub sip: sip::Counts,
    pub traffic: TrafficStatus,
    /// Messages dropped because the engine was behind.
    pub inbox_dropped: u64,
    pub latency: Latency,
    pub relay: media::Counters,
    pub records: RecordsStatus,
    pub reloads: ReloadStatus,
    /// For `/metrics`; too long for people.
    #[serde(skip)]
    pub(crate) timings: TimingsStatus,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CallStatus {
    pub call: String,
    /// A word of [`call_stage`].
    pub stage: String,
    pub trunk: String,
    pub practice: String,
    /// `normal`, `priority`, `urgent` or `vital`.
    pub urgency: String,
    /// What gave him that class: `practice`, `list`, `number`, `repetition`, `key`, `ageing`, `operator`,
    /// or `none`: he is normal, as all are.
    pub urgency_by: String,
    /// Whole only where it was asked for.
    pub caller: String,
    pub since_arrival_ms: u64,
    /// Since his 200; `None`: he is not answered.
    pub talking_ms: Option<u64>,
    /// The user of the secretary who is offered or bridged.
    pub agent: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct WaitingStatus {
    /// From 1: who is next.
    pub place: usize,
    pub call: String,
    pub practice: String,
    pub team: String,
    /// `normal`, `priority`, `urgent` or `vital`.
    pub urgency: String,
    /// Whom of the team he may be given: `own`, `skilled` or `everyone`.
    pub circle: String,
    pub caller: String,
    pub waited_ms: u64,
    /// Until what his practice pays for is over; negative: it is.
    pub deadline_in_ms: i64,
    /// From 1, in his practice's plan.
    pub step: usize,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    pub user: String,
    pub name: String,
    pub teams: Vec<String>,
    /// `logged out`, `available`, `offered`, `talking`, `wrap-up`, `resting`, `paused` or
    /// `not responding`.
    pub state: String,
    /// Of a pause, where she has one.
    pub reason: Option<String>,
    /// How long her wrap-up or rest goes on.
    pub left_ms: Option<u64>,
    /// What she does after her call: `pause` or `log out`.
    pub then: Option<String>,
    /// The emergency number that she has dialled: nobody is offered to her before she has hung up.
    pub emergency: Option<String>,
    /// A phone of hers can be reached.
    pub is_reachable: bool,
    pub misses: u32,
}

/// A phone that is registered.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RegistrationStatus {
    pub user: String,
    pub contact: String,
    /// `UDP` …
    pub transport: String,
    /// Where its REGISTER came from, and where calls go.
    pub source: SocketAddr,
    pub user_agent: Option<String>,
    pub expires_in_s: u64,
    /// Not found silent since its last REGISTER.
    pub is_reachable: bool,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct TrunkStatus {
    pub name: String,
    /// `UDP`, `TCP`.
    pub transports: Vec<String>,
    pub sources: Vec<String>,
    pub calls: usize,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PracticeStatus {
    /// What the configuration calls it: the name of its table or file.
    pub key: String,
    pub name: String,
    pub label: String,
    /// `open`, `closed`, `leave` or `redirected`: which of its plans who calls now is put into.
    pub situation: String,
    /// What it says against its hours and leave: `closed until Thu 2026-11-26 18:00`.
    #[serde(rename = "override")]
    pub overridden: Option<String>,
    /// Its end in milliseconds since 1970.
    pub override_until_ms: Option<i64>,
    /// What its hours say of this moment beside that (`"jour férié"`); empty when nothing.
    pub comment: String,
    pub numbers: usize,
    pub calls: usize,
    pub waiting: usize,
}

/// Secretaries who share callers, and what to expect of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamStatus {
    pub name: String,
    /// Logged in with a reachable phone, paused or not.
    pub there: usize,
    /// May be offered a call now.
    pub free: usize,
    pub waiting: usize,
    /// Of a caller of the usual class who came now; `None`: nobody is there.
    pub expected_wait_ms: Option<u64>,
    /// The share of callers who will be answered if it goes on as lately, 0 to 1; `None` until enough
    /// was measured.
    pub answer_rate: Option<f64>,
    pub answer_rate_one_more: Option<f64>,
    pub answer_rate_one_less: Option<f64>,
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
    pub(crate) names: &'a Names,
    /// Callers' numbers are shown whole.
    pub(crate) numbers: bool,
    pub(crate) listen: Vec<ListenStatus>,
    pub(crate) draining: bool,
    pub(crate) traffic: TrafficStatus,
    pub(crate) inbox_dropped: u64,
    pub(crate) latency: Latency,
    pub(crate) timings: TimingsStatus,
    pub(crate) records: RecordsStatus,
    pub(crate) reloads: ReloadStatus,
    pub(crate) relay: media::Counters,
    pub(crate) ports: usize,
}

pub(crate) fn of(sources: Sources<'_>) -> Status {
    let engine = sources.engine;
    let calls: Vec<CallView> = engine.live_calls().collect();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: sources.now.as_micros() / 1_000_000,
        calls: calls.iter().map(|call| sources.call(call)).collect(),
        queue: sources.queue(&calls),
        agents: engine.scheduler().agents().map(|view| sources.agent(&view)).collect(),
        registrations: sources.registrations(),
        trunks: sources.trunks(&calls),
        practices: sources.practices(&calls),
        teams: sources.teams(),
        ledger: engine.ledger().clone(),
        ports_in_use: engine.ports_in_use(),
        ports_spare: engine.ports_spare(),
        sip: engine.endpoint_counts(),
        listen: sources.listen,
        draining: sources.draining,
        ports: sources.ports,
        traffic: sources.traffic,
        inbox_dropped: sources.inbox_dropped,
        latency: sources.latency,
        timings: sources.timings,
        relay: sources.relay,
        records: sources.records,
        reloads: sources.reloads,
    }
}

impl Sources<'_> {
    fn call(&self, call: &CallView) -> CallStatus {
        let caller = self.engine.scheduler().caller(call.caller);
        let (offered, is_forwarded) = match caller.map(|caller| caller.stage) {
            Some(CallerStage::Offered { agent, .. }) => (Some(agent), false),
            Some(CallerStage::Forwarded { .. }) => (None, true),
            Some(
                CallerStage::Waiting | CallerStage::Served { .. } | CallerStage::Connected { .. },
            )
            | None => (None, false),
        };
        let (stage, agent, answered_at) = call_stage(call.stage, offered, is_forwarded);
        CallStatus {
            call: call.call.to_string(),
            stage: stage.to_owned(),
            trunk: self.names.trunk(call.trunk).to_owned(),
            practice: self.names.practice(call.practice).to_owned(),
            urgency: urgency_word(call.class.0).to_owned(),
            urgency_by: call.class.1.as_str().to_owned(),
            caller: self.number(&call.number),
            since_arrival_ms: self.since(call.arrived_at),
            talking_ms: answered_at.map(|at| self.since(at)),
            agent: agent.map(|agent| self.names.user(agent).to_owned()),
        }
    }

    fn queue(&self, calls: &[CallView]) -> Vec<WaitingStatus> {
        let calls: BTreeMap<_, _> = calls.iter().map(|call| (call.caller, call)).collect();
        let waiting = self.engine.scheduler().waiting().zip(1..).map(|(waiting, place)| {
            let call = calls.get(&waiting.caller);
            WaitingStatus {
                place,
                call: call.map_or_else(String::new, |call| call.call.to_string()),
                practice: self.names.practice(waiting.practice).to_owned(),
                team: waiting.team.map_or("", |team| self.names.team(team)).to_owned(),
                urgency: urgency_word(waiting.urgency).to_owned(),
                circle: circle_word(waiting.circle).to_owned(),
                caller: call.map_or_else(String::new, |call| self.number(&call.number)),
                waited_ms: self.since(sip_time(waiting.arrival)),
                deadline_in_ms: self.left_ms(waiting.deadline),
                step: waiting.step + 1,
            }
        });
        waiting.collect()
    }

    fn agent(&self, view: &acd::AgentView) -> AgentStatus {
        let known = self.config.floor.agents.get(&view.agent);
        let teams = known.into_iter().flat_map(|agent| &agent.teams);
        let (reason, until) = match view.state {
            AgentState::Paused { reason } => (self.names.pause(reason), None),
            AgentState::WrapUp { until } | AgentState::Resting { until } => (None, Some(until)),
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::Offered(_)
            | AgentState::Talking(_)
            | AgentState::NotResponding => (None, None),
        };
        let then = view.pending.map(|pending| match pending {
            acd::Pending::LogOut => "log out".to_owned(),
            acd::Pending::Pause { .. } => "pause".to_owned(),
        });
        AgentStatus {
            user: self.names.user(view.agent).to_owned(),
            name: self.names.agent(view.agent).to_owned(),
            teams: teams.map(|team| self.names.team(*team).to_owned()).collect(),
            state: state_word(&view.state).to_owned(),
            reason: reason.map(str::to_owned),
            left_ms: until.map(|until| u64::try_from(self.left_ms(until)).unwrap_or(0)),
            then,
            emergency: self.emergency(view.agent),
            is_reachable: view.reachable,
            misses: view.misses,
        }
    }

    fn emergency(&self, agent: AgentId) -> Option<String> {
        let mut dialled = self.engine.emergencies();
        dialled.find(|call| call.user == User::Agent(agent)).map(|call| call.number)
    }

    fn registrations(&self) -> Vec<RegistrationStatus> {
        let agents = self.config.agents.iter().flat_map(|(id, agent)| {
            self.engine.bindings(*id).map(|binding| (agent.user.as_str(), binding))
        });
        let phones = self.config.phones.iter().flat_map(|(id, phone)| {
            self.engine.phone_bindings(*id).map(|binding| (phone.user.as_str(), binding))
        });
        let all = agents.chain(phones).map(|(user, binding)| RegistrationStatus {
            user: user.to_owned(),
            contact: binding.contact_uri.clone(),
            transport: binding.flow.transport.via().to_owned(),
            source: binding.flow.remote,
            user_agent: binding.user_agent.clone(),
            expires_in_s: binding.expires_at.saturating_duration_since(self.now).as_secs(),
            is_reachable: !self.engine.is_dead(&binding.flow),
        });
        all.collect()
    }

    fn trunks(&self, calls: &[CallView]) -> Vec<TrunkStatus> {
        let trunks = self.config.trunks.iter().map(|(id, trunk)| TrunkStatus {
            name: trunk.name.clone(),
            transports: trunk.transports.iter().map(|it| it.via().to_owned()).collect(),
            sources: trunk.sources.iter().map(call::Source::to_string).collect(),
            calls: calls.iter().filter(|call| call.trunk == *id).count(),
        });
        trunks.collect()
    }

    fn practices(&self, calls: &[CallView]) -> Vec<PracticeStatus> {
        let mut waiting: BTreeMap<PracticeId, usize> = BTreeMap::new();
        for caller in self.engine.scheduler().waiting() {
            *waiting.entry(caller.practice).or_default() += 1;
        }
        let mut live: BTreeMap<PracticeId, usize> = BTreeMap::new();
        for call in calls {
            *live.entry(call.practice).or_default() += 1;
        }
        let mut numbers: BTreeMap<PracticeId, usize> = BTreeMap::new();
        for practice in self.config.numbers.values().chain(self.config.shared.values()) {
            *numbers.entry(*practice).or_default() += 1;
        }
        let now = acd::Instant::from_micros(self.now.as_micros());
        let unix_ms = self.engine.scheduler().unix_ms_at(now);
        let plans = &self.config.floor.practices;
        let overrides: BTreeMap<PracticeId, acd::Override> =
            self.engine.scheduler().overrides().collect();
        let practices = self.config.practices.iter().map(|(id, practice)| PracticeStatus {
            key: practice.key.clone(),
            name: practice.name.clone(),
            label: practice.label.clone(),
            situation: self
                .engine
                .scheduler()
                .situation(*id)
                .map_or_else(String::new, |situation| situation.as_str().to_owned()),
            overridden: overrides.get(id).map(|over| order::practice::said(self.config, *id, over)),
            override_until_ms: overrides.get(id).map(|over| over.until_unix_ms),
            comment: plans
                .get(id)
                .zip(unix_ms)
                .map_or_else(String::new, |(plan, at)| plan.hours.state(at).comment.to_string()),
            numbers: numbers.get(id).copied().unwrap_or_default(),
            calls: live.get(id).copied().unwrap_or_default(),
            waiting: waiting.get(id).copied().unwrap_or_default(),
        });
        practices.collect()
    }

    fn teams(&self) -> Vec<TeamStatus> {
        let scheduler = self.engine.scheduler();
        let mut waiting: BTreeMap<TeamId, usize> = BTreeMap::new();
        for team in scheduler.waiting().filter_map(|caller| caller.team) {
            *waiting.entry(team).or_default() += 1;
        }
        let agents: Vec<acd::AgentView> = scheduler.agents().collect();
        let teams = self.config.teams.iter().map(|(id, name)| {
            let of_team = |view: &&acd::AgentView| {
                let known = self.config.floor.agents.get(&view.agent);
                known.is_some_and(|agent| agent.teams.contains(id))
            };
            let hers = || agents.iter().filter(of_team);
            let is_there = |view: &&acd::AgentView| {
                let is_in =
                    !matches!(view.state, AgentState::LoggedOut | AgentState::NotResponding);
                is_in && view.reachable
            };
            let outlook = scheduler.outlook(*id);
            let expected = scheduler.expected_wait(*id);
            let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
            TeamStatus {
                name: name.clone(),
                there: hers().filter(is_there).count(),
                free: hers().filter(|view| view.free).count(),
                waiting: waiting.get(id).copied().unwrap_or_default(),
                expected_wait_ms: expected.map(millis),
                answer_rate: outlook.map(|it| it.now.answered),
                answer_rate_one_more: outlook.map(|it| it.one_more.answered),
                answer_rate_one_less: outlook.and_then(|it| it.one_less).map(|it| it.answered),
            }
        });
        teams.collect()
    }

    fn number(&self, number: &CallerNumber) -> String {
        match (self.numbers, number) {
            (true, number) => number.spoken(),
            (false, CallerNumber::Known(number)) => number.redacted(),
            (false, CallerNumber::Withheld) => "withheld".to_owned(),
            (false, CallerNumber::Other(_)) => "…".to_owned(),
        }
    }

    fn since(&self, at: sip::Instant) -> u64 {
        let since = self.now.saturating_duration_since(at).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    fn left_ms(&self, at: acd::Instant) -> i64 {
        (at.as_micros().cast_signed() - self.now.as_micros().cast_signed()) / 1_000
    }
}

/// Every word of [`call_stage`].
pub(crate) const CALL_STAGES: [&str; 8] = [
    "waiting",
    "offered",
    "forwarding",
    "bridged",
    "connected",
    "returned",
    "pressed",
    "announced",
];

/// `waiting`, `offered`, `forwarding` (somebody else than a secretary is rung), `bridged`, `connected`
/// (that one has him), `returned` (answered, and waits again), `pressed` (he pressed the key of a text, and
/// waits) or `announced` (he hears the text that ends his plan); with which secretary; since when he is
/// answered.
fn call_stage(
    stage: Stage,
    offered: Option<AgentId>,
    is_forwarded: bool,
) -> (&'static str, Option<AgentId>, Option<sip::Instant>) {
    match (stage, offered) {
        (Stage::Bridged { agent, answered_at, .. }, _) => {
            ("bridged", Some(agent), Some(answered_at))
        }
        (Stage::Returned { answered_at, .. } | Stage::Pressed { answered_at }, Some(agent)) => {
            ("offered", Some(agent), Some(answered_at))
        }
        (Stage::Waiting, Some(agent)) => ("offered", Some(agent), None),
        (Stage::Waiting, None) if is_forwarded => ("forwarding", None, None),
        (Stage::Waiting, None) => ("waiting", None, None),
        (Stage::Connected { answered_at, .. }, _) => ("connected", None, Some(answered_at)),
        (Stage::Returned { answered_at, .. }, None) => ("returned", None, Some(answered_at)),
        (Stage::Pressed { answered_at }, None) if is_forwarded => {
            ("forwarding", None, Some(answered_at))
        }
        (Stage::Pressed { answered_at }, None) => ("pressed", None, Some(answered_at)),
        // The scheduler has forgotten him: nobody is offered.
        (Stage::Announced { answered_at, .. }, _) => ("announced", None, answered_at),
    }
}

pub(crate) fn circle_word(circle: Circle) -> &'static str {
    match circle {
        Circle::Own => "own",
        Circle::Skilled => "skilled",
        Circle::Everyone => "everyone",
    }
}

pub(crate) fn urgency_word(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Vital => "vital",
        Urgency::Urgent => "urgent",
        Urgency::Priority => "priority",
        Urgency::Normal => "normal",
    }
}

fn sip_time(at: acd::Instant) -> sip::Instant {
    sip::Instant::from_micros(at.as_micros())
}

/// Every word of [`state_word`], who works first.
pub(crate) const AGENT_STATES: [&str; 8] = [
    "talking",
    "offered",
    "available",
    "wrap-up",
    "resting",
    "paused",
    "not responding",
    "logged out",
];

pub(crate) fn state_word(state: &AgentState) -> &'static str {
    match state {
        AgentState::LoggedOut => "logged out",
        AgentState::Available => "available",
        AgentState::Offered(_) => "offered",
        AgentState::Talking(_) => "talking",
        AgentState::WrapUp { .. } => "wrap-up",
        AgentState::Resting { .. } => "resting",
        AgentState::Paused { .. } => "paused",
        AgentState::NotResponding => "not responding",
    }
}
