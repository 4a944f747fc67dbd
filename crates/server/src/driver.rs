//! The engine's thread: a batch in, the engine, the records, a batch out.
//!
//! It reads the clock once a batch, takes up to a batch of inputs, each at its own time, drains what the engine wants,
//! hands the records to their writer *before* anything is told outside, then carries the actions
//! out in their order, and sleeps until the next input or the engine's next timer. It never waits
//! for a disk, a socket or a subscriber.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use call::{Action, Engine, Input, Ledger, Override, PracticeId, Standing};
use tokio::sync::{broadcast, watch};
use tracing::{debug, error, info, warn};

use crate::clock::{self, Clock, Reading};
use crate::control::{AgentOrder, Audited, CallOrder, Order, OverrideOrder};
use crate::inbox::{FloorCopy, Inbox, Item, Moments, Outlet};
use crate::limits::{BATCH_MAX, FAREWELL, TIMER_GRAIN};
use crate::names::Names;
use crate::order;
use crate::prompts::Prompts;
use crate::records::{
    CallEntry, Entry, Kept, KeptOrder, KeptOverride, Orderer, Records, RecordsStatus,
};
use crate::relay::Media;
use crate::reload::Reloads;
use crate::server::Told;
use crate::status::{self, Latency, Status};
use crate::timing::Timings;
use crate::transport::Sockets;

/// How long it sleeps when nothing is due: only a bound.
const SLEEP_MAX: Duration = Duration::from_secs(3600);
/// How soon orders that the relay's ring refused are given again.
const RELAY_RETRY: Duration = Duration::from_millis(1);

pub(crate) struct Driver {
    clock: Clock,
    told_clock: clock::Told,
    config: Arc<call::Config>,
    engine: Engine,
    outlet: Outlet,
    inbox: Inbox,
    sockets: Sockets,
    media: Media,
    records: Records,
    notices: broadcast::Sender<Told>,
    timings: Timings,
    names: Arc<Names>,
    reloads: Arc<Reloads>,
    /// Of an earlier life, until the first turn.
    standings: Vec<Standing>,
    overrides: BTreeMap<PracticeId, Override>,
    stage: Stage,
    moments: Moments,
    batch: Batch,
}

/// What one turn works on; kept for its allocations.
#[derive(Default)]
struct Batch {
    items: VecDeque<Item>,
    /// When the edge had each message of the batch.
    arrivals: Vec<sip::Instant>,
    actions: Vec<Action>,
    /// Flows whose packets the system refused: inputs of the next batch.
    failed: Vec<sip::Flow>,
    /// The relay had more events than a batch takes.
    more_events: bool,
}

enum Stage {
    Serving,
    /// New calls are refused; live ones may go on until then.
    Draining {
        until: sip::Instant,
    },
    /// What was left is being hung up; answers may come until then.
    Leaving {
        until: sip::Instant,
    },
    Done,
}

/// How a server's life ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub ledger: Ledger,
    /// Calls that the drain's end cut.
    pub hung_up: usize,
    pub records: RecordsStatus,
    pub latency: Latency,
    /// A bug of ours ended the engine.
    pub panicked: bool,
}

impl Driver {
    #[expect(clippy::too_many_arguments, reason = "everything that the engine's thread owns")]
    pub(crate) fn new(
        clock: Clock,
        config: Arc<call::Config>,
        setup: call::Setup,
        outlet: Outlet,
        inbox: Inbox,
        sockets: Sockets,
        media: Media,
        records: Records,
        notices: broadcast::Sender<Told>,
        reloads: Arc<Reloads>,
        standings: Vec<Standing>,
        overrides: BTreeMap<PracticeId, Override>,
    ) -> Self {
        let engine = Engine::new(Arc::clone(&config), setup);
        let names = Arc::new(Names::default().with(&config));
        Self {
            told_clock: clock::Told::default(),
            clock,
            config,
            engine,
            outlet,
            inbox,
            sockets,
            media,
            records,
            notices,
            timings: Timings::new(),
            names,
            reloads,
            standings,
            overrides,
            stage: Stage::Serving,
            moments: Moments::default(),
            batch: Batch::default(),
        }
    }

    /// What says that it lives is dropped when it has ended, however.
    pub(crate) fn spawn(self, alive: watch::Sender<()>) -> std::io::Result<JoinHandle<Report>> {
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let _alive = alive;
            self.run()
        })
    }

    fn run(mut self) -> Report {
        let reading = self.clock.read();
        self.tell_clock(&reading);
        self.input(reading.now, Input::Ports(self.media.pool().clone()));
        for standing in std::mem::take(&mut self.standings) {
            self.input(reading.now, Input::Standing(standing));
        }
        for (practice, over) in std::mem::take(&mut self.overrides) {
            self.input(reading.now, Input::Override { practice, with: Some(over) });
        }
        let mut hung_up = 0;
        loop {
            self.wait();
            let reading = self.clock.read();
            self.tell_clock(&reading);
            self.take(reading.now);
            self.advance_stage(reading.now, &mut hung_up);
            self.carry_out(&reading);
            if matches!(self.stage, Stage::Done) {
                break;
            }
        }
        let report = Report {
            ledger: self.engine.ledger().clone(),
            hung_up,
            latency: self.timings.message.latency(),
            ..Report::default()
        };
        self.media.shutdown();
        report
    }

    /// Whether a practice is open is a matter of civil time.
    fn tell_clock(&mut self, reading: &Reading) {
        if let Some(unix_ms) = self.told_clock.news(reading) {
            self.input(reading.now, Input::Clock { unix_ms });
        }
    }

    /// Sleeps until there is an input or a timer is due, and takes what there is.
    fn wait(&mut self) {
        let sleep = self.may_sleep();
        self.outlet.take(BATCH_MAX, sleep, &mut self.batch.items);
    }

    fn may_sleep(&mut self) -> Duration {
        if !self.batch.failed.is_empty() || self.batch.more_events {
            return Duration::ZERO;
        }
        let mut sleep = SLEEP_MAX;
        if let Some((at, _)) = self.engine.poll_timeout() {
            sleep = sleep.min(self.clock.until(at).max(TIMER_GRAIN));
        }
        match self.stage {
            Stage::Draining { until } | Stage::Leaving { until } => {
                sleep = sleep.min(self.clock.until(until));
            }
            Stage::Serving | Stage::Done => {}
        }
        if self.media.flush() {
            sleep = sleep.min(RELAY_RETRY);
        }
        sleep
    }

    /// Feeds the engine a batch: refused packets, the relay's events, then what came in, each message with
    /// the time at which the edge had it, so that no timer that was due later runs before it: an answer
    /// that came in time is in time, however late this thread took it. The timers come last; where the
    /// inbox may hold more, that will run those which are due before it.
    fn take(&mut self, now: sip::Instant) {
        let oldest = self.batch.items.iter().find_map(Item::arrived_at);
        let first = self.moments.of(oldest.unwrap_or(now), now);
        for flow in std::mem::take(&mut self.batch.failed) {
            self.input(first, Input::FlowFailed { flow });
        }
        self.batch.more_events = true;
        for _ in 0..BATCH_MAX {
            let Some(event) = self.media.poll_event() else {
                self.batch.more_events = false;
                break;
            };
            self.input(first, Input::Media(event));
        }
        let mut items = std::mem::take(&mut self.batch.items);
        let is_all = items.len() < BATCH_MAX;
        for item in items.drain(..) {
            self.item(now, item);
        }
        self.batch.items = items;
        if is_all && self.engine.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.moments.of(now, now);
            self.engine.handle_timeout(now);
            self.collect();
        }
    }

    fn item(&mut self, now: sip::Instant, item: Item) {
        match item {
            Item::Input { at, input } => {
                if matches!(input, Input::Message { .. }) {
                    self.batch.arrivals.push(at);
                }
                let at = self.moments.of(at, now);
                self.input(at, input);
            }
            Item::Configure { config, prompts, reply } => {
                let _ = reply.try_send(self.configure(now, config, prompts));
            }
            // Its events were taken at the head of the batch, or will be in the next.
            Item::MediaReady => {}
            Item::Status { numbers, reply } => {
                // The asker may have given up: nothing to do then.
                let _ = reply.try_send(self.status(now, numbers));
            }
            Item::Order { uid, order, reply } => {
                let done = self.order(now, &order);
                self.audit(Orderer::Peer(uid), order.audited(&self.config), done.is_ok());
                let _ = reply.try_send(done);
            }
            Item::Audit { by, order, is_done } => self.audit(by, order, is_done),
            // What is tried with it may take long: not here.
            Item::Copy { reply } => {
                let _ = reply.try_send(FloorCopy {
                    config: Arc::clone(&self.config),
                    scheduler: Box::new(self.engine.scheduler().clone()),
                    now: acd_time(now),
                });
            }
            Item::Idle(flow) => {
                if !self.engine.needs(&flow) {
                    self.sockets.close(&flow);
                }
            }
            Item::Stop { drain } => {
                self.stop(now, now + drain);
            }
        }
    }

    /// What it ends or leaves without effect, a line each.
    fn configure(
        &mut self,
        now: sip::Instant,
        config: Arc<call::Config>,
        prompts: Prompts,
    ) -> Vec<String> {
        let removal = order::removal::of(&self.engine, &self.config, &config);
        self.names = Arc::new(Names::clone(&self.names).with(&config));
        self.config = Arc::clone(&config);
        self.media.set_prompts(prompts);
        self.input(now, Input::Configure(config));
        for practice in removal.ended {
            self.input(now, Input::Override { practice, with: None });
        }
        removal.told
    }

    /// An order, in the log and in the records.
    fn audit(&self, by: Orderer, order: Audited, is_done: bool) {
        let (whom, what) = (&order.whom, &order.what);
        match (by.uid(), is_done) {
            (Some(uid), true) => info!(uid, whom, what, "an operator's order"),
            (Some(uid), false) => info!(uid, whom, what, "an operator's order was refused"),
            (None, true) => info!(%by, whom, what, "an order"),
            (None, false) => info!(%by, whom, what, "an order was refused"),
        }
        let reading = self.clock.read();
        let at_ms = reading.epoch_ms(reading.now);
        self.records.keep(Entry::Order(KeptOrder { at_ms, by, order, is_done }));
    }

    /// A second order may only shorten the drain.
    fn stop(&mut self, now: sip::Instant, until: sip::Instant) {
        match self.stage {
            Stage::Serving => {
                let drain = until.saturating_duration_since(now);
                info!(drain_s = drain.as_secs(), "draining: new calls are refused");
                self.stage = Stage::Draining { until };
                self.input(now, Input::Drain);
            }
            Stage::Draining { until: before } => {
                self.stage = Stage::Draining { until: before.min(until) };
            }
            // Nobody is let talk any more: there is nothing to shorten.
            Stage::Leaving { .. } | Stage::Done => {}
        }
    }

    fn input(&mut self, now: sip::Instant, input: Input) {
        let now = self.moments.of(now, now);
        self.engine.handle(now, input);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            self.batch.actions.push(action);
        }
    }

    fn advance_stage(&mut self, now: sip::Instant, hung_up: &mut usize) {
        match self.stage {
            Stage::Serving | Stage::Done => {}
            Stage::Draining { until } => {
                if self.engine.is_drained() {
                    self.stage = Stage::Done;
                } else if until <= now {
                    *hung_up = self.calls();
                    warn!(calls = *hung_up, "the drain's time is over: hanging up");
                    self.input(now, Input::HangUpAll);
                    self.stage = Stage::Leaving { until: now + FAREWELL };
                }
            }
            Stage::Leaving { until } => {
                if self.engine.is_drained() {
                    self.stage = Stage::Done;
                } else if until <= now {
                    match self.calls() {
                        // Peers that are gone do not answer a BYE: their calls are over all the same.
                        0 => info!("some hang-ups were not answered"),
                        calls => error!(calls, "calls that could not be ended are left"),
                    }
                    self.stage = Stage::Done;
                }
            }
        }
    }

    /// Records first, then the outside in the engine's order.
    fn carry_out(&mut self, reading: &Reading) {
        let mut actions = std::mem::take(&mut self.batch.actions);
        self.write(&actions, reading);
        for action in actions.drain(..) {
            match action {
                Action::Transmit(transmit) => {
                    if transmit.flow.connection != 0 && self.engine.knows(&transmit.flow) {
                        self.sockets.vouch(&transmit.flow);
                    }
                    if let Err(error) = self.sockets.transmit(&transmit) {
                        debug!(%error, remote = %transmit.flow.remote, "cannot send");
                        self.batch.failed.push(transmit.flow);
                    }
                }
                Action::Media(order) => self.media.order(order),
                Action::Record(_) | Action::Remember(_) | Action::RememberOverride { .. } => {} // written above
                Action::Notice(notice) => {
                    // Nobody listening is no fault.
                    let names = Arc::clone(&self.names);
                    let told = Told { at: reading.now, wall: reading.wall, notice, names };
                    let _ = self.notices.send(told);
                }
            }
        }
        self.batch.actions = actions;
        self.media.forget_prompts(|prompt| self.engine.needs_prompt(prompt));
        if !self.batch.arrivals.is_empty() {
            let done = self.clock.now();
            for at in self.batch.arrivals.drain(..) {
                self.timings.message.add(done.saturating_duration_since(at));
            }
            self.timings.batch.add(done.saturating_duration_since(reading.now));
        }
    }

    /// The record hook: what must outlive us is on its way before anybody is told.
    fn write(&mut self, actions: &[Action], reading: &Reading) {
        for action in actions {
            match action {
                Action::Record(record) => {
                    self.timings.add_call(record);
                    self.records.keep(Entry::Call(CallEntry {
                        record: record.clone(),
                        reading: *reading,
                        names: Arc::clone(&self.names),
                    }));
                }
                Action::Remember(standing) => {
                    let kept = Kept::of(standing, reading, &self.names);
                    self.records.keep(Entry::Standing(kept));
                }
                Action::RememberOverride { practice, over } => {
                    let kept = KeptOverride::of(*practice, *over, reading, &self.config);
                    if let Some(kept) = kept {
                        self.records.keep(Entry::Override(kept));
                    }
                }
                Action::Transmit(_) | Action::Media(_) | Action::Notice(_) => {}
            }
        }
    }

    /// What became of it, in a sentence.
    fn order(&mut self, now: sip::Instant, order: &Order) -> Result<String, String> {
        match order {
            Order::Agent { user, order } => self.order_agent(now, user, order),
            Order::Call { call, order } => self.order_call(now, call, order),
            Order::Override { practice, order } => self.order_practice(now, practice, order),
        }
    }

    fn order_agent(
        &mut self,
        now: sip::Instant,
        user: &str,
        order: &AgentOrder,
    ) -> Result<String, String> {
        let (agent, command) = order::read(&self.config, user, order)?;
        let before = self.engine.scheduler().agent(agent);
        order::check(user, command, before.as_ref())?;
        self.input(now, Input::Agent { agent, command });
        let after = self.engine.scheduler().agent(agent);
        Ok(order::told(&self.names, now, agent, after.as_ref()))
    }

    fn order_call(
        &mut self,
        now: sip::Instant,
        call: &str,
        order: &CallOrder,
    ) -> Result<String, String> {
        // What is due by now may have ended his wait.
        self.moments.of(now, now);
        self.engine.handle_timeout(now);
        self.collect();
        let (view, command) = order::caller::read(&self.engine, &self.config, call, order)?;
        self.input(now, Input::Caller { call: view.call, command });
        Ok(order::caller::told(&self.engine, &self.config, &self.names, &view, &command))
    }

    fn order_practice(
        &mut self,
        now: sip::Instant,
        practice: &str,
        order: &OverrideOrder,
    ) -> Result<String, String> {
        let Some(now_ms) = self.engine.scheduler().unix_ms_at(acd_time(now)) else {
            return Err("the time of day is not known yet: try again".to_owned());
        };
        let (practice, with) = order::practice::read(&self.config, now_ms, practice, order)?;
        let holds = |engine: &Engine| {
            engine.scheduler().overrides().find(|(id, _)| *id == practice).map(|(_, over)| over)
        };
        if with.is_none() && holds(&self.engine).is_none() {
            return Err("there is no override to clear".to_owned());
        }
        self.input(now, Input::Override { practice, with });
        let after = holds(&self.engine);
        if after != with {
            return Err("the override could not be set: see the log".to_owned());
        }
        Ok(order::practice::told(&self.engine, &self.config, practice, after.as_ref()))
    }

    fn calls(&self) -> usize {
        self.engine.live_calls().count()
    }

    fn status(&self, now: sip::Instant, numbers: bool) -> Status {
        status::of(status::Sources {
            now,
            numbers,
            names: &self.names,
            engine: &self.engine,
            config: &self.config,
            listen: self.sockets.listen().to_vec(),
            draining: !matches!(self.stage, Stage::Serving),
            traffic: self.sockets.traffic(),
            inbox_dropped: self.inbox.dropped(),
            latency: self.timings.message.latency(),
            timings: self.timings.status(),
            reloads: self.reloads.status(),
            records: self.records.status(),
            relay: self.media.counters(),
            ports: self.media.pool().shards.iter().map(Vec::len).sum(),
        })
    }
}

fn acd_time(at: sip::Instant) -> acd::Instant {
    acd::Instant::from_micros(at.as_micros())
}
