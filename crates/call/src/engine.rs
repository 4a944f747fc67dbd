//! The engine: one owner of all live state, one input at a time.
//!
//! Down: an input reaches the SIP endpoint, the registrar or the scheduler. Up: what these have to
//! say is settled in a loop until nobody has anything left: their events and decisions become
//! commands and [`Action`]s. No call-back, no await.
//!
//! - `admission`: who may speak, and the way of an INVITE into the queue
//! - `offer`: the scheduler's decisions, and the leg of whom we ring
//! - `forwarding`: who is rung that is no secretary, and whether it is a human
//! - `announcement`: the end of a plan that speaks
//! - `conversation`: the caller's leg, the bridge, both hang-ups
//! - `dialling`: what phones dial, and the codes of secretaries
//! - `emergency`: the numbers that go out before every rule
//! - `operator`: an operator's hand on a caller, and what practices say against their hours
//! - `media`: orders to the relay, and silence
//! - `registration`: REGISTER and the secretaries' phones
//! - `reachability`: which of those phones live

mod admission;
mod announcement;
mod conversation;
mod dialling;
mod emergency;
mod forwarding;
mod media;
mod offer;
mod operator;
mod reachability;
mod registration;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use acd::{AgentId, CallerId, Decision, OfferId, PromptId, Scheduler};
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use sip::{ClientKey, DialogKey, Endpoint, Event, Flow, Instant, Registrar};

use dialling::CodeLeg;
pub use dialling::StarCode;
use emergency::EmergencyCall;
pub use view::{
    AgentLegView, CallView, CodeLegView, EmergencyStage, EmergencyView, SchedulerEntry,
    SchedulerKind, TargetLegView,
};

use crate::action::{Action, AgentCommand, Input, Ledger, Notice};
use crate::calls::{Call, RungLeg};
use crate::config::{Config, Prompt, TrunkId};
use crate::limits::FORMER_PROMPTS_MAX;
use crate::media::{Owner, Port};
use crate::ports::Ports;
use crate::record::CallRef;
use crate::standing::{Standings, User};
use crate::throttle::Throttle;
use crate::timers::{Role, Timer, Timers};

/// Each round brings some caller on by a step at least, and plans are short.
const SCHEDULER_ROUNDS_MAX: usize = 1_000;

/// What an engine is born with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub node: u16,
    /// Differs at each birth on this node (restored engines keep theirs).
    pub epoch: u32,
    /// Secret random bytes: tags, branches and nonces come from it.
    pub seed: [u8; 32],
    pub user_agent: String,
}

/// The engine of monoligne.
///
/// Feed [`handle`](Self::handle), and [`handle_timeout`](Self::handle_timeout) once
/// [`poll_timeout`](Self::poll_timeout) is due; after each, drain [`poll_action`](Self::poll_action).
/// `now` must not go back.
pub struct Engine {
    config: Arc<Config>,
    /// The configured users, by name.
    users: BTreeMap<String, User>,
    state: State,
    /// Decisions of the scheduler that wait for their turn; empty between inputs.
    decisions: VecDeque<Decision>,
    actions: VecDeque<Action>,
    /// The answer to a proven REGISTER, until the endpoint asks for it within the same input.
    registering: Option<sip::RegisterReply>,
    /// What the scheduler was told and said, where somebody wants to check it.
    scheduler_log: Option<Vec<SchedulerEntry>>,
}

/// All that a snapshot holds.
#[derive(Serialize, Deserialize)]
struct State {
    node: u16,
    epoch: u32,
    endpoint: Endpoint,
    registrar: Registrar,
    /// Where a phone was last found unreachable: another of hers is rung first.
    dead_flows: BTreeSet<Flow>,
    /// Where phones are asked by OPTIONS: each has the question that is out, or else its timer.
    watched_flows: BTreeMap<Flow, Option<ClientKey>>,
    /// Where these questions went.
    asked_flows: BTreeMap<ClientKey, Flow>,
    throttle: Throttle,
    scheduler: Scheduler,
    ports: Ports,
    random: ChaCha12Rng,
    calls: BTreeMap<CallerId, Call>,
    rung_legs: BTreeMap<OfferId, RungLeg>,
    /// Those of them that are no secretary's.
    targets: BTreeSet<OfferId>,
    /// Callers for whom one phone more could not be rung, until there is room.
    starved: BTreeSet<CallerId>,
    /// Phones that dialled a code, until they have let go.
    codes: BTreeMap<DialogKey, CodeLeg>,
    /// Phones that dialled an emergency number, until they have let go.
    emergencies: BTreeMap<DialogKey, EmergencyCall>,
    /// The offer that holds each secretary's line.
    lines: BTreeMap<AgentId, OfferId>,
    dialogs: BTreeMap<DialogKey, Role>,
    owners: BTreeMap<Owner, Role>,
    /// Pairs of callers whose calls are over and whose dialogs are not.
    resting: BTreeMap<DialogKey, Port>,
    inquiries: BTreeMap<ClientKey, Role>,
    timers: Timers,
    standings: Standings,
    /// Prompts that no longer are configured, while somebody who came before may have to hear them.
    former_prompts: BTreeMap<PromptId, FormerPrompt>,
    ledger: Ledger,
    calls_made: u64,
    owners_made: u64,
    draining: bool,
}

/// A prompt that a reload took away.
#[derive(Debug, Serialize, Deserialize)]
struct FormerPrompt {
    prompt: Prompt,
    /// Calls that had been made by then: none of those that came later has a plan with it.
    calls_made: u64,
}

/// Why the engine wants to be woken.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum EngineTimeout {
    Sip(sip::TimerReason),
    /// A binding expires.
    Registrar,
    Scheduler(acd::Reason),
    /// A waiting caller's 180 is due again.
    RingRefresh,
    /// A relay has not told the end of a text.
    TextEnd,
    /// His network gives up a caller who hears a text unanswered.
    MustAnswer,
    /// Who was invited has sent no 1xx.
    Unreachable,
    /// A silent leg was asked and has not answered, or is to be asked again.
    Inquiry,
    /// A phone is to be asked whether it is there, or has not answered.
    Phone,
    /// A phone that dialled a code, or an emergency number in vain, has heard enough.
    Code,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(#[from] postcard::Error),
}

/// Whose a packet is.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Origin {
    Trunk(TrunkId),
    Phone,
    Stranger,
}

impl Engine {
    pub fn new(config: Arc<Config>, setup: Setup) -> Self {
        let mut random = ChaCha12Rng::from_seed(setup.seed);
        let mut draw = || {
            let mut bytes = [0; 32];
            random.fill_bytes(&mut bytes);
            bytes
        };
        let endpoint = Endpoint::new(sip::Setup {
            seed: draw(),
            user_agent: setup.user_agent,
            limits: endpoint_limits(&config),
        });
        let registrar = Registrar::new(sip::RegistrarSetup {
            realm: config.realm.clone(),
            rules: registrar_rules(&config),
            nonce_key: draw(),
            nonce_epoch: u64::from(setup.epoch),
        });
        let scheduler = Scheduler::new(Arc::clone(&config.floor));
        let state = State {
            node: setup.node,
            epoch: setup.epoch,
            endpoint,
            registrar,
            dead_flows: BTreeSet::new(),
            watched_flows: BTreeMap::new(),
            asked_flows: BTreeMap::new(),
            throttle: Throttle::default(),
            scheduler,
            ports: Ports::default(),
            random,
            calls: BTreeMap::new(),
            rung_legs: BTreeMap::new(),
            targets: BTreeSet::new(),
            starved: BTreeSet::new(),
            codes: BTreeMap::new(),
            emergencies: BTreeMap::new(),
            lines: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            owners: BTreeMap::new(),
            resting: BTreeMap::new(),
            inquiries: BTreeMap::new(),
            timers: Timers::default(),
            standings: Standings::default(),
            former_prompts: BTreeMap::new(),
            ledger: Ledger::default(),
            calls_made: 0,
            owners_made: 0,
            draining: false,
        };
        Self::with_state(config, state)
    }

    fn with_state(config: Arc<Config>, state: State) -> Self {
        Self {
            users: users(&config),
            config,
            state,
            decisions: VecDeque::new(),
            actions: VecDeque::new(),
            registering: None,
            scheduler_log: None,
        }
    }

    /// Takes one input. Timers due by `now` run first.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.run_timers(now);
        match input {
            Input::Message { flow, message } => self.handle_message(now, flow, message),
            Input::Malformed { flow, malformed } => self.handle_malformed(now, flow, malformed),
            Input::FlowFailed { flow } => self.flow_failed(now, &flow),
            Input::Ports(pool) => {
                let random = self.state.random.next_u64();
                self.state.ports.announce(pool, random);
            }
            Input::Media(event) => self.handle_media(now, event),
            Input::Agent { agent, command } => self.handle_agent_command(now, agent, command),
            Input::Caller { call, command } => self.handle_caller_command(now, call, command),
            Input::Override { practice, with } => self.set_override(now, practice, with),
            Input::Standing(standing) => self.stand(now, standing),
            Input::Clock { unix_ms } => self.inform(now, acd::Input::Clock { unix_ms }),
            Input::Configure(config) => self.configure(now, config),
            Input::Drain => self.state.draining = true,
            Input::HangUpAll => self.hang_up_all(now),
        }
        self.settle(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.run_timers(now);
    }

    /// What to do next; drain it after each `handle*`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call `handle_timeout`, and for what.
    pub fn poll_timeout(&self) -> Option<(Instant, EngineTimeout)> {
        let state = &self.state;
        let sip = state.endpoint.poll_timeout().map(|(at, why)| (at, EngineTimeout::Sip(why)));
        let registrar = state.registrar.poll_timeout().map(|at| (at, EngineTimeout::Registrar));
        let scheduler = state
            .scheduler
            .poll_timeout()
            .map(|(at, why)| (sip_time(at), EngineTimeout::Scheduler(why)));
        let own = state.timers.next().map(|(at, timer)| {
            let why = match timer {
                Timer::RingRefresh(_) => EngineTimeout::RingRefresh,
                Timer::TextEnd(_) => EngineTimeout::TextEnd,
                Timer::MustAnswer(_) => EngineTimeout::MustAnswer,
                Timer::Unreachable(_) | Timer::CentreSilent(_) => EngineTimeout::Unreachable,
                Timer::Inquiry(_) | Timer::AskAgain(_) => EngineTimeout::Inquiry,
                Timer::AskPhone(_) | Timer::PhoneSilent(_) => EngineTimeout::Phone,
                Timer::CodeEnds(_) | Timer::EmergencyTold(_) => EngineTimeout::Code,
            };
            (at, why)
        });
        [sip, registrar, own, scheduler].into_iter().flatten().min_by_key(|&(at, _)| at)
    }

    /// All live state, to the byte. The action queue must have been drained.
    pub fn snapshot(&self) -> Vec<u8> {
        debug_assert!(self.actions.is_empty(), "actions are told before state is kept");
        postcard::to_stdvec(&self.state).expect("the state has nothing that cannot be written")
    }

    /// An engine that goes on exactly where the snapshot was taken.
    pub fn restore(config: Arc<Config>, snapshot: &[u8]) -> Result<Self, RestoreError> {
        let mut state: State = postcard::from_bytes(snapshot)?;
        state.scheduler.attach(Arc::clone(&config.floor));
        Ok(Self::with_state(config, state))
    }

    /// The peer at the other end is a trunk's or a registered phone.
    pub fn knows(&self, flow: &Flow) -> bool {
        self.origin(flow) != Origin::Stranger
    }

    /// A registration or a dialog is on this flow: its connection may not be closed for silence.
    pub fn needs(&self, flow: &Flow) -> bool {
        self.state.registrar.is_registered_flow(flow).is_some()
            || self.state.endpoint.has_dialog_on(flow)
    }

    /// No call is up and no dialog is open: after [`Input::Drain`] the process may end.
    pub fn is_drained(&self) -> bool {
        self.state.calls.is_empty() && self.state.endpoint.counts().dialogs == 0
    }

    /// Runs what is due, each source in turn: what one timer brings about is settled before the next.
    fn run_timers(&mut self, now: Instant) {
        if self.state.endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.state.endpoint.handle_timeout(now);
            self.settle(now);
        }
        if self.state.registrar.poll_timeout().is_some_and(|at| at <= now) {
            self.state.registrar.handle_timeout(now);
            self.settle(now);
        }
        while let Some(timer) = self.state.timers.pop_due(now) {
            self.handle_timer(now, timer);
            self.settle(now);
        }
        self.run_scheduler(now);
    }

    /// What comes of its timers may make the next one due at once, and a message is handled after all of
    /// them. Bounded: what is left is due again at the next wake-up.
    fn run_scheduler(&mut self, now: Instant) {
        for _ in 0..SCHEDULER_ROUNDS_MAX {
            if self.state.scheduler.poll_timeout().is_none_or(|(at, _)| sip_time(at) > now) {
                return;
            }
            self.schedule_timeout(now);
            self.settle(now);
        }
        tracing::error!("the scheduler is never done");
    }

    fn handle_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::RingRefresh(caller) => self.ring_again(now, caller),
            Timer::TextEnd(caller) => self.text_is_over(now, caller),
            Timer::MustAnswer(caller) => self.must_answer(now, caller),
            Timer::Unreachable(offer) => self.phone_is_unreachable(now, offer),
            Timer::Inquiry(role) => self.leg_is_lost(now, role),
            Timer::AskAgain(role) => self.inquire(now, role),
            Timer::AskPhone(flow) => self.ask_phone(now, flow),
            Timer::PhoneSilent(flow) => self.phone_is_dead(now, flow),
            Timer::CodeEnds(dialog) => self.end_code(now, dialog),
            Timer::CentreSilent(dialog) => self.centre_is_silent(now, dialog),
            Timer::EmergencyTold(dialog) => self.emergency_is_told(now, dialog),
        }
    }

    /// Lets everybody speak until all are silent; then what they want to send goes out, after the
    /// media orders that its SDP speaks of.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(decision) = self.decisions.pop_front() {
                self.carry_out(now, decision);
            } else if let Some(event) = self.state.endpoint.poll_event() {
                self.handle_sip_event(now, event);
            } else if let Some(event) = self.state.registrar.poll_event() {
                self.handle_registrar_event(now, event);
            } else if let Some(caller) = self.fed() {
                self.inform(now, acd::Input::Room { caller });
            } else {
                break;
            }
        }
        // The endpoint did not take the REGISTER that this would have answered.
        self.registering = None;
        self.forget_prompts();
        self.remember();
        while let Some(transmit) = self.state.endpoint.poll_transmit() {
            self.actions.push_back(Action::Transmit(transmit));
        }
        self.check_ledger();
    }

    /// Every call that was offered has ended in one way, or is live.
    fn check_ledger(&mut self) {
        let live = self.state.calls.len() as u64;
        let ledger = &mut self.state.ledger;
        let accounted = ledger.ended() + live;
        if ledger.offered != accounted {
            ledger.ledger_imbalances += 1;
            tracing::error!(offered = ledger.offered, accounted, "the ledger is not even");
            debug_assert!(false, "{} calls offered, {accounted} accounted for", ledger.offered);
        }
    }

    fn handle_sip_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Invited { dialog, flow, invite } => self.admit(now, dialog, flow, &invite),
            Event::Refused { flow, invite, status } => {
                self.refused_below(now, &flow, &invite, status);
            }
            Event::Request { request, flow, message } => {
                self.handle_request(now, request, &flow, &message);
            }
            Event::Trying { dialog } => self.trying(now, dialog),
            Event::Progress { dialog, status, message } => match self.centre_of(dialog) {
                Some(key) => self.centre_progresses(now, key, status, &message),
                None => self.phone_rings(now, dialog),
            },
            Event::Answered { dialog, message } => match self.centre_of(dialog) {
                Some(key) => self.centre_answered(now, key, dialog, &message),
                None => {
                    self.phone_is_heard(now, dialog);
                    self.phone_answered(now, dialog, &message);
                }
            },
            Event::Crossed { dialog } => self.answer_crossed(now, dialog),
            Event::Rejected { dialog, status, message } => match self.centre_of(dialog) {
                Some(key) => self.centre_rejects(now, key, dialog, status),
                None => {
                    if message.is_some() {
                        self.phone_is_heard(now, dialog);
                    }
                    self.phone_rejected(now, dialog, status);
                }
            },
            Event::Cancelled { dialog, reason: _ } => self.caller_cancelled(now, dialog),
            Event::Acked { dialog, body } => self.acked(now, dialog, body),
            Event::AckMissing { dialog } => self.ack_is_missing(now, dialog),
            Event::Reinvited { dialog, request, message } => {
                self.reinvited(now, dialog, request, &message);
            }
            Event::InDialog { dialog, request, message } => {
                self.answer_in_dialog(now, dialog, request, &message);
            }
            Event::Ended { dialog, by, reason: _ } => self.dialog_ended(now, dialog, by),
            Event::Response { client, dialog: Some(_), result } => {
                self.inquiry_answered(now, client, result);
            }
            Event::Response { client, dialog: None, result } => {
                self.phone_replied(now, client, &result);
            }
            // We send no re-INVITE, and every target of ours is an address.
            Event::Reanswered { .. } | Event::Resolve { .. } => {}
        }
    }

    fn trying(&mut self, now: Instant, dialog: DialogKey) {
        match self.centre_of(dialog) {
            Some(key) => self.centre_is_heard(now, key),
            None => self.phone_is_heard(now, dialog),
        }
    }

    /// Tells the scheduler; its decisions queue up behind those that are being carried out.
    fn schedule(&mut self, now: Instant, input: acd::Input) -> Result<(), acd::Refusal> {
        if let acd::Input::Agent { agent, .. } = &input {
            self.state.standings.doubt(User::Agent(*agent));
        }
        let told = self.scheduler_log.is_some().then(|| input.clone());
        let result = self.state.scheduler.handle(acd_time(now), input);
        self.take_decisions(now, told.map(SchedulerKind::Input), result.is_err());
        result
    }

    fn schedule_timeout(&mut self, now: Instant) {
        self.state.scheduler.handle_timeout(acd_time(now));
        self.take_decisions(now, Some(SchedulerKind::Timeout), false);
    }

    fn take_decisions(&mut self, now: Instant, kind: Option<SchedulerKind>, refused: bool) {
        let first = self.decisions.len();
        while let Some(decision) = self.state.scheduler.poll_decision() {
            if let Decision::State { agent, .. } = decision {
                self.state.standings.doubt(User::Agent(agent));
            }
            self.decisions.push_back(decision);
        }
        if let (Some(log), Some(kind)) = (&mut self.scheduler_log, kind) {
            let decisions = self.decisions.iter().skip(first).cloned().collect();
            log.push(SchedulerEntry { now: acd_time(now), kind, decisions, refused });
        }
    }

    /// Tells the scheduler something that it may find out of date; that is its right.
    fn inform(&mut self, now: Instant, input: acd::Input) {
        if let Err(refusal) = self.schedule(now, input) {
            tracing::debug!(%refusal, "the scheduler ignored an input");
        }
    }

    /// Calls that are up stay, whatever of theirs is gone from the configuration; who is gone herself
    /// logs out, after her call, and her phones are strangers outside it.
    fn configure(&mut self, now: Instant, config: Arc<Config>) {
        self.inform(now, acd::Input::Configure(Arc::clone(&config.floor)));
        let users = users(&config);
        let mut phoneless = Vec::new();
        let before = std::mem::replace(&mut self.users, users);
        // Who is written back in a call stands as she stood.
        let added = self.users.iter().filter(|(name, user)| before.get(*name) != Some(*user));
        for (_, &user) in added {
            self.state.standings.doubt(user);
        }
        for (name, user) in before {
            if self.users.get(&name) == Some(&user) {
                continue;
            }
            self.state.registrar.remove(&name);
            self.state.standings.forget(user);
            match user {
                User::Agent(agent) => phoneless.push(agent),
                User::Phone(_) => {}
            }
        }
        self.state.registrar.configure(registrar_rules(&config));
        self.state.endpoint.configure(endpoint_limits(&config));
        let before = std::mem::replace(&mut self.config, config);
        self.keep_prompts(&before);
        // Who is in a call has a desk yet, and may be written back before its end.
        for agent in phoneless {
            if self.bindings(agent).next().is_none() {
                let event = acd::AgentEvent::Unreachable;
                self.inform(now, acd::Input::Agent { agent, event });
            }
        }
        self.reconsider_phones(now);
    }

    /// The plans of those who are here name prompts of the configuration that they met. One that is
    /// configured again holds as it is now.
    fn keep_prompts(&mut self, before: &Config) {
        let calls_made = self.state.calls_made;
        let former = &mut self.state.former_prompts;
        former.retain(|id, _| !self.config.prompts.contains_key(id));
        for (&id, prompt) in &before.prompts {
            if !self.config.prompts.contains_key(&id) {
                former.insert(id, FormerPrompt { prompt: prompt.clone(), calls_made });
            }
        }
        while former.len() > FORMER_PROMPTS_MAX {
            let oldest = former.iter().min_by_key(|(_, it)| it.calls_made).map(|(&id, _)| id);
            let Some(oldest) = oldest else { break };
            former.remove(&oldest);
        }
    }

    /// Whoever may have to hear them is gone. Of emergency calls, which are few, all hold them.
    fn forget_prompts(&mut self) {
        if self.state.former_prompts.is_empty() || !self.state.emergencies.is_empty() {
            return;
        }
        let first = self.state.calls.values().next().map(|call| call.reference.sequence);
        let is_needed = |it: &FormerPrompt| first.is_some_and(|first| first <= it.calls_made);
        self.state.former_prompts.retain(|_, it| is_needed(it));
    }

    /// Configured, or kept for those who came when it was.
    fn prompt(&self, id: PromptId) -> Option<&Prompt> {
        let former = || self.state.former_prompts.get(&id).map(|it| &it.prompt);
        self.config.prompts.get(&id).or_else(former)
    }

    /// Somebody who is here may have to hear it: its audio must be there.
    pub fn needs_prompt(&self, id: PromptId) -> bool {
        self.prompt(id).is_some()
    }

    fn handle_agent_command(&mut self, now: Instant, agent: AgentId, command: AgentCommand) {
        let event = match command {
            AgentCommand::LogIn => acd::AgentEvent::LogIn,
            AgentCommand::LogOut => acd::AgentEvent::LogOut,
            AgentCommand::Pause { reason } => acd::AgentEvent::Pause { reason },
            AgentCommand::Resume => acd::AgentEvent::Resume,
            AgentCommand::EndWrapUp => acd::AgentEvent::EndWrapUp,
            AgentCommand::ProlongWrapUp { by } => acd::AgentEvent::ProlongWrapUp { by },
        };
        self.inform(now, acd::Input::Agent { agent, event });
    }

    fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    fn next_reference(&mut self) -> CallRef {
        self.state.calls_made += 1;
        CallRef { node: self.state.node, epoch: self.state.epoch, sequence: self.state.calls_made }
    }

    fn origin(&self, flow: &Flow) -> Origin {
        // A registered phone first: a trunk's network may be wide.
        if self.state.registrar.is_registered_flow(flow).is_some() {
            return Origin::Phone;
        }
        self.config
            .trunks
            .iter()
            .find(|(_, trunk)| trunk.is_source_of(flow))
            .map_or(Origin::Stranger, |(&trunk, _)| Origin::Trunk(trunk))
    }
}

fn endpoint_limits(config: &Config) -> sip::Limits {
    sip::Limits {
        // New calls are refused before: what is up can always be ended.
        dialogs_max: with_headroom(config.limits.dialogs_max),
        client_transactions_max: with_headroom(config.limits.transactions_max),
        server_transactions_max: with_headroom(config.limits.transactions_max),
        // Those that are at work have as much room.
        lingering_max: config.limits.transactions_max / 2,
        ..sip::Limits::default()
    }
}

fn registrar_rules(config: &Config) -> sip::RegistrarRules {
    sip::RegistrarRules {
        expires_default: config.registrar.expires_default,
        expires_min: config.registrar.expires_min,
        expires_max: config.registrar.expires_max,
        bindings_max: config.registrar.bindings_max,
        aors_max: (config.agents.len() + config.phones.len()).max(1),
        algorithms: config.registrar.algorithms.clone(),
    }
}

fn with_headroom(limit: usize) -> usize {
    limit + limit / 8 + 16
}

/// A name that both have is the secretary's: her calls must come.
fn users(config: &Config) -> BTreeMap<String, User> {
    let phones = config.phones.iter().map(|(&id, it)| (it.user.clone(), User::Phone(id)));
    let agents = config.agents.iter().map(|(&id, it)| (it.user.clone(), User::Agent(id)));
    phones.chain(agents).collect()
}

pub(crate) fn acd_time(now: Instant) -> acd::Instant {
    acd::Instant::from_micros(now.as_micros())
}

pub(crate) fn sip_time(at: acd::Instant) -> Instant {
    Instant::from_micros(at.as_micros())
}
