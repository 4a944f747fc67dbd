//! One run: everything that happens, in order of time, around one engine.

mod emergency;
mod ending;
mod forwarding;
mod noise;
mod operator;
mod reload;
mod voices;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use call::{
    Action, AgentCommand, CallRecord, CallerCommand, Config, Engine, EngineTimeout, Input,
    MediaEvent, MediaOrder, MediaStats, Notice, OfferOutcome, Owner, Port, Setup,
};
use sip::{Flow, Instant, Message, Transport};

use crate::caller::{Caller, CallerAlarm, number_of};
use crate::dice::Dice;
use crate::failure::{Check, Failure};
use crate::invariants::Invariants;
use crate::network::Link;
use crate::outside::Outside;
use crate::phone::{Phone, PhoneAlarm, first_alarms};
use crate::plans::Saying;
use crate::relay::{Begun, Outcome, Relay};
use crate::scene::{Noise, Reload, Scene, phone_address, trunk_address};
use crate::stage::{Actor, Alarm, CallerTruth, Mark, Outbox, Stage, Truth, Voice};
use crate::tally::{Happening, Tally};
use crate::transcript::{Digest, Trace};
use crate::wire::ENGINE;

/// Far more than any run takes.
const STEPS_MAX: u32 = 60_000;
/// After the last caller is gone: the longest transaction, the last wrap-up, the last BYE.
const AFTERMATH: Duration = Duration::from_secs(90);
/// Then phones are asked no more, so that every table empties.
const QUESTIONS_END: Duration = Duration::from_secs(45);
const SILENCE: Duration = Duration::from_secs(5);

/// What a run is asked for beside its seed.
#[derive(Copy, Clone, Debug)]
pub struct Options {
    pub trace: bool,
    /// Swap the engine for a restored one now and then.
    pub restore: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { trace: false, restore: true }
    }
}

/// How a run went.
#[derive(Debug)]
pub struct Outcomes {
    pub seed: u64,
    pub digest: u64,
    pub steps: u32,
    /// Virtual time.
    pub lasted: Duration,
    pub tally: Tally,
    pub records: Vec<CallRecord>,
    pub failure: Option<(Instant, Failure)>,
    pub trace: Vec<String>,
}

pub(crate) struct World {
    /// Its configuration is the one that holds at the moment.
    scene: Scene,
    first_config: Arc<Config>,
    engine: Engine,
    relay: Relay,
    callers: Vec<Caller>,
    phones: Vec<Phone>,
    outside: Outside,
    /// Calls that came back to us from there.
    echoes: u64,
    /// Calls to emergency numbers that the engine took.
    emergencies: u64,
    links: Links,
    invariants: Invariants,
    events: BinaryHeap<Event>,
    event_count: u64,
    now: Instant,
    last_arrival: Instant,
    dice: Dice,
    network_dice: Dice,
    restore_dice: Dice,
    restore: bool,
    tally: Tally,
    truth: Truth,
    branches: BTreeSet<u64>,
    out: Outbox,
    digest: Digest,
    trace: Trace,
    records: Vec<CallRecord>,
    closing_since: Option<Instant>,
    returned: BTreeSet<call::CallRef>,
    /// Which caller each call is of, by the number that he showed.
    arrived: BTreeMap<call::CallRef, usize>,
    /// Whom the scheduler wants to be told a text.
    to_be_told: BTreeSet<acd::CallerId>,
    /// Whose phones were found dead while they were bound.
    found_dead: BTreeSet<call::AgentId>,
    /// What would be given back after a restart.
    remembered: BTreeMap<call::User, call::Standing>,
    /// Media addresses that spoke and stopped.
    silent_since: BTreeMap<SocketAddr, Instant>,
    engine_address: SocketAddr,
    steps: u32,
}

#[derive(Debug)]
struct Links {
    callers: Vec<Link>,
    phones: Vec<Link>,
    trunks: Vec<Link>,
}

/// Everybody who acts.
struct Actors<'a> {
    callers: &'a mut [Caller],
    phones: &'a mut [Phone],
    outside: &'a mut Outside,
}

#[derive(Debug)]
struct Event {
    at: Instant,
    order: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Alarm(Alarm),
    ToEngine {
        actor: Actor,
        bytes: Bytes,
        mark: Mark,
    },
    ToActor {
        actor: Actor,
        message: Rc<Message>,
    },
    ToRelay(Voice),
    ToEar {
        at: SocketAddr,
        voice: Voice,
    },
    Media(MediaEvent),
    /// What this leg hears is over, unless it was cut.
    PlayEnds {
        port: Port,
        owner: Owner,
        play: u32,
    },
    /// Nothing comes from this leg, perhaps.
    Listen {
        port: Port,
        owner: Owner,
    },
    /// Somebody outside has pressed this.
    Key {
        line: u32,
        key: char,
    },
    /// A call to a number outside comes back to us.
    Echo {
        line: u32,
    },
    Command(call::AgentId, AgentCommand),
    /// For one of the calls that are up.
    CallerCommand(u64, CallerCommand),
    /// From here on.
    Override(Saying),
    /// A new configuration has no OPTIONS for phones any more.
    QuestionsEnd,
    Reload(Reload),
    /// Take no new calls, or end all that are up.
    Drain {
        hangs_up: bool,
    },
    /// The process ends and starts anew.
    Restart,
    /// Somebody sets the wall clock.
    Clock(i64),
    /// Nobody here takes TCP.
    Refused(Flow),
    Noise(Noise),
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest: a heap gives the greatest first.
impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl World {
    pub(crate) fn new(seed: u64, scene: Scene, options: Options) -> Self {
        let setup = Setup {
            node: 1,
            epoch: 1,
            seed: Dice::new(seed, 2).bytes32(),
            user_agent: "monoligne".to_owned(),
        };
        let mut engine = Engine::new(Arc::clone(&scene.config), setup);
        engine.log_scheduler(true);
        let callers: Vec<Caller> = (0..)
            .zip(&scene.callers)
            .map(|(index, (trunk, script))| {
                Caller::new(index, script.clone(), trunk_address(*trunk))
            })
            .collect();
        let phones: Vec<Phone> = (0..)
            .zip(&scene.phones)
            .map(|(index, script): (u16, _)| {
                let address = phone_address(usize::from(index));
                Phone::new(
                    index,
                    script.temper,
                    script.account.clone(),
                    address,
                    script.habits.clone(),
                )
            })
            .collect();
        let links = Links {
            callers: callers.iter().map(|_| Link::default()).collect(),
            phones: phones.iter().map(|_| Link::default()).collect(),
            trunks: scene.config.trunks.iter().map(|_| Link::default()).collect(),
        };
        let callers_truth = vec![CallerTruth::default(); callers.len()];
        let truth = Truth { callers: callers_truth, ..Truth::default() };
        let mut world = Self {
            relay: Relay::new(scene.pool.clone(), scene.config.prompts.clone()),
            invariants: Invariants::new(&scene.config),
            engine,
            callers,
            phones,
            outside: Outside::default(),
            echoes: 0,
            emergencies: 0,
            links,
            truth,
            events: BinaryHeap::new(),
            event_count: 0,
            now: Instant::ZERO,
            last_arrival: Instant::ZERO,
            dice: Dice::new(seed, 3),
            network_dice: Dice::new(seed, 4),
            restore_dice: Dice::new(seed, 5),
            restore: options.restore,
            tally: Tally::default(),
            branches: BTreeSet::new(),
            out: Outbox::default(),
            digest: Digest::default(),
            trace: Trace::new(options.trace),
            records: Vec::new(),
            closing_since: None,
            returned: BTreeSet::new(),
            arrived: BTreeMap::new(),
            to_be_told: BTreeSet::new(),
            found_dead: BTreeSet::new(),
            remembered: BTreeMap::new(),
            silent_since: BTreeMap::new(),
            engine_address: ENGINE.parse().expect("an address"),
            steps: 0,
            first_config: Arc::clone(&scene.config),
            scene,
        };
        world.plan();
        world
    }

    /// What is known ahead.
    fn plan(&mut self) {
        for index in 0..self.callers.len() {
            let at = self.callers[index].script.arrives;
            self.last_arrival = self.last_arrival.max(at);
            self.push(at, What::Alarm(Alarm::Caller(index as u16, CallerAlarm::Arrive)));
        }
        for (index, script) in self.scene.phones.clone().into_iter().enumerate() {
            let index = index as u16;
            for (at, alarm) in first_alarms(script.temper, script.registers).into_iter().flatten() {
                self.push(at, What::Alarm(Alarm::Phone(index, alarm)));
            }
            let unregisters = script.unregisters.map(|at| (at, PhoneAlarm::Unregister));
            let dials = script.dials.iter().map(|&(at, number)| (at, PhoneAlarm::Dial { number }));
            let away = script
                .off
                .iter()
                .flat_map(|&(off, on)| [(off, PhoneAlarm::SwitchOff), (on, PhoneAlarm::SwitchOn)]);
            for (at, alarm) in unregisters.into_iter().chain(dials).chain(away) {
                self.push(at, What::Alarm(Alarm::Phone(index, alarm)));
            }
        }
        for (at, agent, command) in std::mem::take(&mut self.scene.commands) {
            self.push(at, What::Command(agent, command));
        }
        for (at, which, command) in std::mem::take(&mut self.scene.caller_commands) {
            self.push(at, What::CallerCommand(which, command));
        }
        for saying in std::mem::take(&mut self.scene.overrides) {
            self.push(saying.at, What::Override(saying));
        }
        for (at, unix_ms) in std::mem::take(&mut self.scene.clock) {
            self.push(at, What::Clock(unix_ms));
        }
        for (at, reload) in std::mem::take(&mut self.scene.reloads) {
            self.push(at, What::Reload(reload));
        }
        for (at, hangs_up) in std::mem::take(&mut self.scene.drains) {
            self.push(at, What::Drain { hangs_up });
        }
        for at in std::mem::take(&mut self.scene.restarts) {
            self.push(at, What::Restart);
        }
        for (at, noise) in std::mem::take(&mut self.scene.noise) {
            self.push(at, What::Noise(noise));
        }
    }

    /// Plays to the end, or to the first failure.
    pub(crate) fn run(&mut self) -> Result<(), Failure> {
        let pool = self.scene.pool.clone();
        self.input(Input::Ports(pool))?;
        while self.step()? {
            self.steps += 1;
            if self.steps == STEPS_MAX {
                return Err(Failure::new(Check::RunEnds, format!("{STEPS_MAX} steps")));
            }
        }
        self.finish()
    }

    pub(crate) fn into_outcomes(mut self, seed: u64, result: Result<(), Failure>) -> Outcomes {
        let failure = result.err();
        if let Some(failure) = &failure {
            self.trace.tell(self.now, format_args!("FAILED {failure}"));
        }
        Outcomes {
            seed,
            digest: self.digest.value(),
            steps: self.steps,
            lasted: self.now.saturating_duration_since(Instant::ZERO),
            tally: self.tally,
            records: self.records,
            failure: failure.map(|failure| (self.now, failure)),
            trace: self.trace.into_lines(),
        }
    }

    /// One thing that happens. `false`: nothing is left.
    fn step(&mut self) -> Result<bool, Failure> {
        let due = self.engine.poll_timeout();
        let next = self.events.peek().map(|event| event.at);
        if self.closing_since.is_some_and(|since| {
            let end = since + AFTERMATH;
            due.is_none_or(|(at, _)| at > end) && next.is_none_or(|at| at > end)
        }) {
            return Ok(false);
        }
        match (due, next) {
            (Some((at, why)), next) if next.is_none_or(|next| at <= next) => {
                if at < self.now {
                    let detail = format!("{why:?} was due at {at}, it is {}", self.now);
                    return Err(Failure::new(Check::TimersAdvance, detail));
                }
                self.now = self.now.max(at);
                self.trace.tell(self.now, format_args!("timer {why:?}"));
                self.note_timer(why);
                self.engine.handle_timeout(self.now);
                self.after_engine()?;
                if let Some((again, why)) = self.engine.poll_timeout()
                    && again <= self.now
                {
                    let detail = format!("{why:?} is still due at {again}");
                    return Err(Failure::new(Check::TimersAdvance, detail));
                }
            }
            (_, Some(_)) => {
                let event = self.events.pop().expect("just peeked");
                self.now = event.at;
                self.happen(event.what)?;
            }
            (_, None) => return Ok(false),
        }
        Ok(true)
    }

    fn note_timer(&mut self, why: EngineTimeout) {
        let EngineTimeout::Scheduler(reason) = why else { return };
        let happening = match reason {
            acd::Reason::Widen { .. } => Happening::Widened,
            acd::Reason::Age { .. } => Happening::Aged,
            acd::Reason::WaitEnd { bound: acd::Bound::WaitMax, .. } => Happening::WaitMax,
            acd::Reason::Boundary { .. } => Happening::Boundary,
            acd::Reason::WaitEnd {
                bound: acd::Bound::LeaveBy | acd::Bound::StepEnd | acd::Bound::Nobody,
                ..
            }
            | acd::Reason::OverrideEnd { .. }
            | acd::Reason::OfferDeadline { .. }
            | acd::Reason::RestEnd { .. }
            | acd::Reason::WrapUpEnd { .. } => return,
        };
        self.tally.note(happening);
    }

    fn happen(&mut self, what: What) -> Result<(), Failure> {
        match what {
            What::Alarm(alarm) => self.act(|actors, stage| match alarm {
                Alarm::Caller(index, alarm) => {
                    actors.callers[usize::from(index)].alarm(stage, alarm);
                }
                Alarm::Phone(index, alarm) => {
                    actors.phones[usize::from(index)].alarm(stage, alarm);
                }
                Alarm::Outside(line, alarm) => actors.outside.alarm(stage, line, alarm),
            }),
            What::ToActor { actor, message } => self.act(|actors, stage| match actor {
                Actor::Caller(index) => {
                    actors.callers[usize::from(index)].receive(stage, &message);
                }
                Actor::Phone(index) => actors.phones[usize::from(index)].receive(stage, &message),
                Actor::Outside(trunk) => actors.outside.receive(stage, trunk, &message),
            }),
            What::ToEngine { actor, bytes, mark } => {
                self.act(|actors, stage| match actor {
                    Actor::Caller(index) => {
                        actors.callers[usize::from(index)].arrived(stage, mark);
                    }
                    Actor::Phone(index) => actors.phones[usize::from(index)].arrived(mark),
                    Actor::Outside(_) => actors.outside.arrived(stage, mark),
                })?;
                let flow = self.flow(self.address(actor));
                match (actor, mark) {
                    (Actor::Phone(phone), Mark::Emergency { dial }) => {
                        self.emergency_arrives(phone, dial, flow, bytes)
                    }
                    _ => self.receive(flow, bytes),
                }
            }
            What::Key { line, key } => self.key(line, key),
            What::Echo { line } => self.echo(line),
            What::ToRelay(voice) => self.relay_hears(voice),
            What::ToEar { at, voice } => self.ear_hears(at, &voice),
            What::Media(event) => self.input(Input::Media(event)),
            What::PlayEnds { port, owner, play } => self.play_ends(port, owner, play),
            What::Listen { port, owner } => self.listen(port, owner),
            What::Command(agent, command) => {
                self.tally.note(match command {
                    AgentCommand::LogIn => Happening::LoggedIn,
                    AgentCommand::LogOut => Happening::LoggedOut,
                    AgentCommand::Pause { .. } => Happening::Paused,
                    AgentCommand::Resume
                    | AgentCommand::EndWrapUp
                    | AgentCommand::ProlongWrapUp { .. } => Happening::Resumed,
                });
                self.input(Input::Agent { agent, command })
            }
            What::CallerCommand(which, command) => self.command_caller(which, command),
            What::Override(saying) => self.say(saying),
            What::QuestionsEnd => self.end_questions(),
            What::Reload(reload) => self.reload(reload),
            What::Drain { hangs_up } => self.drain(hangs_up),
            What::Restart => self.restart(),
            What::Clock(unix_ms) => self.input(Input::Clock { unix_ms }),
            What::Refused(flow) => self.input(Input::FlowFailed { flow }),
            What::Noise(noise) => self.noise(noise),
        }
    }

    fn end_questions(&mut self) -> Result<(), Failure> {
        let mut config = (*self.scene.config).clone();
        config.registrar.options_interval = Duration::ZERO;
        self.configure(config)
    }

    /// Bytes reach the engine's socket: read as the edge reads them.
    fn receive(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Failure> {
        let input = match Message::read(bytes) {
            Ok(message) => {
                self.trace.tell(self.now, format_args!("<- {} {}", flow.remote, Line(&message)));
                Input::Message { flow, message }
            }
            Err(malformed) => {
                self.trace.tell(self.now, format_args!("<- {} {malformed}", flow.remote));
                Input::Malformed { flow, malformed }
            }
        };
        self.input(input)
    }

    fn input(&mut self, input: Input) -> Result<(), Failure> {
        if self.trace.is_wanted()
            && !matches!(input, Input::Message { .. } | Input::Malformed { .. })
        {
            self.trace.tell(self.now, format_args!("<- {input:?}"));
        }
        self.engine.handle(self.now, input);
        self.after_engine()
    }

    /// Carries out what the engine wants, and checks everything that must hold between two steps.
    fn after_engine(&mut self) -> Result<(), Failure> {
        let log = self.engine.take_scheduler_log();
        self.to_be_told.extend(log.iter().flat_map(|entry| &entry.decisions).filter_map(text_for));
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Transmit(transmit) => self.transmit(transmit.flow, transmit.bytes)?,
                Action::Media(order) => self.media(order)?,
                Action::Record(record) => self.record(*record)?,
                Action::Remember(standing) => {
                    self.remembered.insert(standing.whose.user(), *standing);
                }
                Action::RememberOverride { .. } => {}
                Action::Notice(notice) => self.notice(&notice)?,
            }
        }
        self.note_reachability(&log);
        self.note_entries(&log);
        self.note_decisions(&log);
        self.invariants.check(self.now, &self.engine, &self.relay, &log)?;
        if self.restore && self.restore_dice.permille(self.scene.restore_permille) {
            self.swap_engine()?;
        }
        Ok(())
    }

    /// What the number that he dialled says of him.
    fn note_entries(&mut self, log: &[call::SchedulerEntry]) {
        for entry in log {
            let call::SchedulerKind::Input(acd::Input::Enter { practitioner, urgency, .. }) =
                &entry.kind
            else {
                continue;
            };
            if practitioner.is_some() {
                self.tally.note(Happening::Practitioner);
            }
            if urgency.is_some() {
                self.tally.note(Happening::UrgentNumber);
            }
        }
    }

    /// Phones that are bound, and found dead or alive all the same.
    fn note_reachability(&mut self, log: &[call::SchedulerEntry]) {
        for entry in log {
            let call::SchedulerKind::Input(acd::Input::Agent { agent, event }) = &entry.kind else {
                continue;
            };
            if *event == acd::AgentEvent::Unreachable
                && self.engine.bindings(*agent).next().is_some()
            {
                self.tally.note(Happening::FoundDead);
                self.found_dead.insert(*agent);
            } else if *event == acd::AgentEvent::Reachable && self.found_dead.remove(agent) {
                self.tally.note(Happening::FoundAlive);
            }
        }
    }

    /// A code does what it says, or changes nothing; her phone is in use meanwhile.
    fn check_code(
        &mut self,
        agent: call::AgentId,
        code: call::StarCode,
        changed: bool,
    ) -> Result<(), Failure> {
        use acd::AgentState as S;
        use call::StarCode as C;
        self.tally.note(match changed {
            true => Happening::CodeChanges,
            false => Happening::CodeChangesNothing,
        });
        if changed && code == C::CallerIsUrgent {
            self.tally.note(Happening::MadeUrgent);
        }
        let Some(view) = self.engine.scheduler().agent(agent) else { return Ok(()) };
        let pauses = matches!(view.state, S::Paused { .. })
            || matches!(view.pending, Some(acd::Pending::Pause { .. }));
        let is_out = view.state == S::LoggedOut || view.pending == Some(acd::Pending::LogOut);
        let fits = match code {
            C::Pause => pauses || (is_out && !changed),
            C::Resume => !pauses && !is_out && view.state != S::NotResponding,
            C::EndWrapUp => !matches!(view.state, S::WrapUp { .. }),
            C::CallerIsUrgent => {
                if let S::Talking(caller) = view.state
                    && let Some(him) = self.engine.scheduler().caller(caller)
                {
                    him.waiting.urgency <= acd::Urgency::Urgent
                } else {
                    !changed
                }
            }
        };
        match fits && view.dialling && !view.free {
            true => Ok(()),
            false => Err(Failure::new(Check::Code, format!("{code:?} ({changed}): {view:?}"))),
        }
    }

    /// A new engine out of a snapshot: nobody may notice.
    fn swap_engine(&mut self) -> Result<(), Failure> {
        self.check_remembered()?;
        let snapshot = self.engine.snapshot();
        let restored = Engine::restore(Arc::clone(&self.scene.config), &snapshot);
        self.engine = restored.map_err(|error| Failure::new(Check::Snapshot, error.to_string()))?;
        self.engine.log_scheduler(true);
        if self.engine.snapshot() != snapshot {
            return Err(Failure::new(Check::Snapshot, "a snapshot of the restored engine differs"));
        }
        self.tally.note(Happening::Restored);
        Ok(())
    }

    fn check_remembered(&self) -> Result<(), Failure> {
        let config = &self.scene.config;
        let agents = config.agents.keys().copied().map(call::User::Agent);
        for user in agents.chain(config.phones.keys().copied().map(call::User::Phone)) {
            let standing = self.engine.standing(user);
            let kept = self.remembered.get(&user);
            // Nothing is told of who never did anything.
            let is_fresh = standing.as_ref().is_some_and(|it| {
                let is_out = match it.whose {
                    call::Whose::Agent { state, .. } => state == call::Lasting::LoggedOut,
                    call::Whose::Phone(_) => true,
                };
                it.bindings.is_empty() && is_out
            });
            if standing.as_ref() != kept && !(kept.is_none() && is_fresh) {
                let detail = format!("{standing:?}, kept is {kept:?}");
                return Err(Failure::new(Check::Remembered, detail));
            }
        }
        Ok(())
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Failure> {
        self.digest.number(self.now.as_micros());
        self.digest.number(u64::from(flow.remote.port()));
        self.digest.bytes(&bytes);
        let message = match Message::read(bytes) {
            Ok(message) => Rc::new(message),
            Err(malformed) => return Err(Failure::new(Check::Readable, malformed.to_string())),
        };
        self.trace.tell(self.now, format_args!("-> {} {}", flow.remote, Line(&message)));
        if flow.transport == Transport::Tcp {
            self.push(self.now + Duration::from_millis(1), What::Refused(flow));
            return Ok(());
        }
        let Some(actor) = self.actor_at(flow.remote, &message) else {
            return self.stranger_is_told(flow, &message);
        };
        let whose = match actor {
            Actor::Outside(trunk) if !self.outside.knows(&message) => {
                self.whose_invite(trunk, &message)?
            }
            Actor::Outside(_) | Actor::Caller(_) | Actor::Phone(_) => None,
        };
        self.act(|actors, stage| match actor {
            Actor::Caller(index) => actors.callers[usize::from(index)].watch(stage, &message),
            Actor::Phone(index) => actors.phones[usize::from(index)].watch(stage, &message),
            Actor::Outside(trunk) => actors.outside.watch(stage, trunk, &message, whose),
        })?;
        let arrivals = self.cross(actor);
        for at in arrivals.into_iter().flatten() {
            self.push(at, What::ToActor { actor, message: Rc::clone(&message) });
        }
        Ok(())
    }

    fn media(&mut self, order: MediaOrder) -> Result<(), Failure> {
        let (port, owner) = match &order {
            MediaOrder::Set { port, owner, .. } | MediaOrder::Release { port, owner } => {
                (*port, *owner)
            }
        };
        self.digest.number(u64::from(port) << 32 | owner.0);
        if self.trace.is_wanted() {
            self.trace.tell(self.now, format_args!("-> relay {order:?}"));
        }
        match self.relay.order(order)? {
            Outcome::Nothing => {}
            Outcome::Set(Begun { watching, play }) => {
                if watching {
                    self.push(self.now + SILENCE, What::Listen { port, owner });
                }
                if let Some((play, duration)) = play {
                    self.push(self.now + duration, What::PlayEnds { port, owner, play });
                }
            }
            Outcome::Released => {
                let event = MediaEvent::Released { port, owner, stats: MediaStats::default() };
                self.push(self.now + Duration::from_millis(1), What::Media(event));
            }
        }
        Ok(())
    }

    fn record(&mut self, record: CallRecord) -> Result<(), Failure> {
        self.digest.number(record.call.sequence);
        self.digest.number(record.disposition as u64 + (u64::from(record.status) << 8));
        self.trace.tell(self.now, format_args!("record {record:?}"));
        if self.records.iter().any(|before| before.call == record.call) {
            let detail = format!("{} is written down twice", record.call);
            return Err(Failure::new(Check::OneRecord, detail));
        }
        for offer in &record.offers {
            let what = match offer.outcome {
                OfferOutcome::Served | OfferOutcome::Vanished | OfferOutcome::Dropped => continue,
                OfferOutcome::Looped | OfferOutcome::NoKey => {
                    let detail = format!("a secretary {:?}", offer.outcome);
                    return Err(Failure::new(Check::RecordAgrees, detail));
                }
                OfferOutcome::Declined => Happening::Decline,
                OfferOutcome::Busy => Happening::BusyPhone,
                OfferOutcome::NoAnswer => Happening::Miss,
                OfferOutcome::Unreachable => Happening::Unreachable,
                OfferOutcome::Withdrawn => Happening::Withdrawn,
            };
            self.tally.note(what);
        }
        record.forwards.iter().for_each(|forward| self.note_forward(forward));
        self.records.push(record);
        Ok(())
    }

    fn notice(&mut self, notice: &Notice) -> Result<(), Failure> {
        match notice {
            Notice::Dialled { agent, code, changed, .. } => {
                self.check_code(*agent, *code, *changed)?;
            }
            Notice::Offered { .. } => self.tally.note(Happening::Offer),
            Notice::Returned { call } => {
                self.tally.note(Happening::Returned);
                self.returned.insert(*call);
            }
            Notice::Answered { call, .. } if self.returned.contains(call) => {
                self.tally.note(Happening::ServedAgain);
            }
            Notice::Overflowed { .. } => self.tally.note(Happening::Overflowed),
            Notice::TakenOver { call, situation, .. } => {
                if let Some(&index) = self.arrived.get(call) {
                    self.truth.callers[index].taken_over = Some(*situation);
                }
                self.tally.note(Happening::TakenOver);
                self.tally.add(
                    Happening::RedirectedByOverride,
                    u64::from(*situation == call::Situation::Redirected),
                );
            }
            Notice::Forwarding { .. } => self.tally.note(Happening::Forwarding),
            Notice::Connected { call, target } => self.connected(*call, *target)?,
            Notice::Announced { call, prompt } => self.announced(*call, *prompt)?,
            Notice::Pressed { call } => self.pressed(*call),
            Notice::Class { .. } => {}
            Notice::Arrived { call, caller: call::CallerNumber::Known(number), .. } => {
                let shows = |index: &u16| call::E164::read(&number_of(*index)) == Ok(*number);
                let index = self.callers.iter().position(|caller| shows(&caller.index));
                self.arrived.extend(index.map(|index| (*call, index)));
            }
            Notice::Arrived { .. }
            | Notice::Ringing { .. }
            | Notice::OfferEnded { .. }
            | Notice::TargetRings { .. }
            | Notice::TargetAsked { .. }
            | Notice::ForwardEnded { .. }
            | Notice::PhoneRegistered { .. }
            | Notice::PhoneUnregistered { .. }
            | Notice::Answered { .. }
            | Notice::Situation { .. }
            | Notice::Overridden { .. }
            | Notice::Ended { .. }
            | Notice::Agent { .. }
            | Notice::Registered { .. }
            | Notice::Unregistered { .. }
            | Notice::EmergencyEnded { .. }
            | Notice::RegisterRefused { .. } => {}
            Notice::EmergencyDialled { user, trunk, .. } => {
                self.emergency_dialled(*user, *trunk)?;
            }
            Notice::EmergencyAnswered { .. } => self.tally.note(Happening::EmergencyAnswered),
            Notice::EmergencyFailed { user, why, .. } => self.emergency_failed(*user, *why)?,
        }
        self.trace.tell(self.now, format_args!("notice {notice:?}"));
        Ok(())
    }

    fn announced(&mut self, call: call::CallRef, prompt: call::PromptId) -> Result<(), Failure> {
        self.tally.note(Happening::Announced);
        if !self.scene.config.prompts.contains_key(&prompt) {
            self.tally.note(Happening::FormerText);
        }
        let caller = self.engine.live_calls().find(|view| view.call == call);
        let Some(caller) = caller.filter(|view| self.to_be_told.contains(&view.caller)) else {
            return Err(Failure::new(Check::Text, format!("{call} is told what nobody decided")));
        };
        if caller.ports.len() != 1 {
            return Err(Failure::new(Check::Text, format!("{call} still has two pairs")));
        }
        if let Some(&index) = self.arrived.get(&call) {
            self.truth.callers[index].is_told = true;
        }
        Ok(())
    }

    /// His text is cut by his own key: he is told nothing any more.
    fn pressed(&mut self, call: call::CallRef) {
        self.tally.note(Happening::PressedKey);
        if let Some(&index) = self.arrived.get(&call) {
            let truth = &mut self.truth.callers[index];
            (truth.is_told, truth.heard_text, truth.has_pressed) = (false, false, true);
        }
    }

    /// The relay has played something whole.
    fn play_ends(&mut self, port: Port, owner: Owner, play: u32) -> Result<(), Failure> {
        if !self.relay.end_play(port, owner, play) {
            return Ok(());
        }
        // By his call and not by his ear: who holds by a null address has none.
        let call = self.engine.live_calls().find(|call| call.ports.contains(&port));
        let stage = call.as_ref().map(|call| call.stage);
        let caller = call.and_then(|call| self.arrived.get(&call.call)).copied();
        if let Some(caller) = caller {
            self.truth.callers[caller].heard_text = true;
        }
        let is_there = caller.is_some_and(|caller| self.callers[caller].is_joined());
        // Most press as soon as they have heard which key.
        if let Some(call::Stage::Announced { urgent_key: Some(digit), .. }) = stage
            && is_there
            && !owner.0.is_multiple_of(4)
        {
            self.input(Input::Media(MediaEvent::Digit { port, owner, digit }))?;
        }
        self.input(Input::Media(MediaEvent::Played { port, owner }))
    }

    /// Lets actors act, then sends, sets and wakes what they want.
    fn act(&mut self, action: impl FnOnce(Actors<'_>, &mut Stage<'_>)) -> Result<(), Failure> {
        let mut stage = Stage {
            now: self.now,
            dice: &mut self.dice,
            tally: &mut self.tally,
            out: &mut self.out,
            truth: &mut self.truth,
            branches: &mut self.branches,
            closing: self.closing_since.is_some(),
        };
        let (callers, phones) = (&mut self.callers[..], &mut self.phones[..]);
        action(Actors { callers, phones, outside: &mut self.outside }, &mut stage);
        self.carry_out()
    }

    fn carry_out(&mut self) -> Result<(), Failure> {
        while let Some(caller) = self.out.rung.pop() {
            if let Some(truth) = self.callers.get_mut(usize::from(caller)) {
                let mut stage = Stage {
                    now: self.now,
                    dice: &mut self.dice,
                    tally: &mut self.tally,
                    out: &mut self.out,
                    truth: &mut self.truth,
                    branches: &mut self.branches,
                    closing: self.closing_since.is_some(),
                };
                truth.rung(&mut stage);
            }
        }
        if let Some(failure) = self.out.failure.take() {
            return Err(failure);
        }
        let mut packets = std::mem::take(&mut self.out.packets);
        for (actor, bytes, mark) in packets.drain(..) {
            for at in self.cross(actor).into_iter().flatten() {
                self.push(at, What::ToEngine { actor, bytes: bytes.clone(), mark });
            }
        }
        self.out.packets = packets;
        let mut alarms = std::mem::take(&mut self.out.alarms);
        for (at, alarm) in alarms.drain(..) {
            self.push(at, What::Alarm(alarm));
        }
        self.out.alarms = alarms;
        let mut voices = std::mem::take(&mut self.out.voices);
        for (at, voice) in voices.drain(..) {
            self.push(at, What::ToRelay(voice));
        }
        self.out.voices = voices;
        for (line, key) in std::mem::take(&mut self.out.keys) {
            self.push(self.now + Duration::from_millis(2), What::Key { line, key });
        }
        for line in std::mem::take(&mut self.out.echoes) {
            self.push(self.now, What::Echo { line });
        }
        for address in std::mem::take(&mut self.out.fell_silent) {
            self.silent_since.insert(address, self.now);
            let legs: Vec<(Port, Owner)> = self
                .relay
                .held()
                .filter(|(_, held)| held.leg.remote.is_some_and(|remote| remote.rtp == address))
                .map(|(port, held)| (port, held.owner))
                .collect();
            for (port, owner) in legs {
                self.push(self.now + SILENCE, What::Listen { port, owner });
            }
        }
        if self.closing_since.is_none()
            && self.now > self.last_arrival
            && self.callers.iter().all(Caller::is_done)
        {
            self.closing_since = Some(self.now);
            self.push(self.now + QUESTIONS_END, What::QuestionsEnd);
        }
        Ok(())
    }

    fn cross(&mut self, actor: Actor) -> [Option<Instant>; 2] {
        let link = self.links.of(actor);
        let arrivals = link.send(self.now, &self.scene.profile, &mut self.network_dice);
        match arrivals {
            [None, _] => self.tally.note(Happening::Lost),
            [Some(_), Some(_)] => self.tally.note(Happening::Duplicated),
            [Some(_), None] => {}
        }
        if let Some(at) = arrivals[0]
            && self.links.of(actor).overtakes(at)
        {
            self.tally.note(Happening::Reordered);
        }
        arrivals
    }

    fn actor_at(&self, remote: SocketAddr, message: &Message) -> Option<Actor> {
        if let Some(index) = self.phones.iter().position(|phone| phone.address() == remote) {
            return Some(Actor::Phone(index as u16));
        }
        let trunk = (0..self.links.trunks.len()).find(|&trunk| trunk_address(trunk) == remote);
        if let Some(trunk) = trunk.filter(|_| self.outside.is_for(message)) {
            return Some(Actor::Outside(trunk as u16));
        }
        let call_id = message.call_id().ok()?;
        let digits = call_id.strip_prefix('c').or(call_id.strip_prefix('o'))?.split('-').next()?;
        let index: u16 = digits.parse().ok()?;
        let caller = self.callers.get(usize::from(index))?;
        (caller.address() == remote).then_some(Actor::Caller(index))
    }

    fn address(&self, actor: Actor) -> SocketAddr {
        match actor {
            Actor::Caller(index) => self.callers[usize::from(index)].address(),
            Actor::Phone(index) => self.phones[usize::from(index)].address(),
            Actor::Outside(trunk) => trunk_address(usize::from(trunk)),
        }
    }

    fn flow(&self, remote: SocketAddr) -> Flow {
        Flow { transport: Transport::Udp, local: self.engine_address, remote, connection: 0 }
    }

    fn push(&mut self, at: Instant, what: What) {
        self.event_count += 1;
        self.events.push(Event { at, order: self.event_count, what });
    }
}

impl Links {
    fn of(&mut self, actor: Actor) -> &mut Link {
        match actor {
            Actor::Caller(index) => &mut self.callers[usize::from(index)],
            Actor::Phone(index) => &mut self.phones[usize::from(index)],
            Actor::Outside(trunk) => &mut self.trunks[usize::from(trunk)],
        }
    }
}

/// Who is to hear a text.
fn text_for(decision: &acd::Decision) -> Option<acd::CallerId> {
    match decision {
        acd::Decision::Announce { caller, .. } => Some(*caller),
        acd::Decision::Offer { .. }
        | acd::Decision::Withdraw { .. }
        | acd::Decision::Serve { .. }
        | acd::Decision::Refuse { .. }
        | acd::Decision::Forward { .. }
        | acd::Decision::Recall { .. }
        | acd::Decision::Connect { .. }
        | acd::Decision::Plan { .. }
        | acd::Decision::Situation { .. }
        | acd::Decision::OverrideOver { .. }
        | acd::Decision::Class { .. }
        | acd::Decision::Overflow { .. }
        | acd::Decision::Busy { .. }
        | acd::Decision::State { .. } => None,
    }
}

/// One line of a message for the trace.
struct Line<'a>(&'a Message);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.0.bytes();
        let end = bytes.iter().position(|&byte| byte == b'\r').unwrap_or(bytes.len());
        let first = String::from_utf8_lossy(&bytes[..end]);
        let cseq = self.0.text(sip::HeaderName::CSeq).unwrap_or("?");
        write!(f, "{first} [{} {cseq}]", self.0.call_id().unwrap_or("?"))
    }
}
