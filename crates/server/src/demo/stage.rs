//! The play: the floor's loop, what the script wants next, and the accounts that are kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::Context as _;
use call::E164;
use sip::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::audit::{Accounts, Audit};
use super::cast::{Cast, OPERATOR};
use super::screen::{Screen, Size};
use super::script::{Cue, Script};
use super::{Options, view};
use crate::Server;
use crate::floor::{CallEnd, CallRef, Floor, Happening, PhoneCall, PhoneEnd, PhoneRef, PlacedCall};
use crate::records::Reader;

/// How often the script is looked at, and how often the page is drawn.
const BEAT: Duration = Duration::from_millis(50);
const REDRAW: Duration = Duration::from_millis(250);
const EVENTS_SHOWN: usize = 8;
/// Until all phones are registered. The first SIP timeout is 32 s, a slow machine takes one.
const OPENING_MAX: Duration = Duration::from_secs(5);
/// Wrap-ups and rests are over by then: the phone of the finale's caller rings at once.
const HUSH: Duration = Duration::from_millis(1_500);
/// Over the time that was asked for: for those who still wait, then for hanging up.
const OVERTIME: Duration = Duration::from_secs(8);
const LAST_WORDS: Duration = Duration::from_millis(600);
const CLOSING_MAX: Duration = Duration::from_secs(5);

pub(super) struct Stage {
    pub(super) cast: Cast,
    pub(super) server: Server,
    pub(super) floor: Floor,
    pub(super) phones: Vec<PhoneRef>,
    pub(super) live: BTreeMap<CallRef, Live>,
    pub(super) tallies: Vec<Tally>,
    pub(super) events: VecDeque<String>,
    pub(super) length: Duration,
    trunk: u16,
    script: Script,
    /// When the doors opened.
    pub(super) opened_at: Instant,
    next_draw: Instant,
    screen: Screen,
    interrupts: Interrupts,
    is_interrupted: bool,
    accounts: Accounts,
}

/// A caller whose call has not ended.
pub(super) struct Live {
    pub(super) practice: usize,
    pub(super) number: String,
    pub(super) placed_at: Instant,
    pub(super) answered_at: Option<Instant>,
}

/// One practice's morning.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) calls: usize,
    pub(super) answered: usize,
    pub(super) gave_up: usize,
}

impl Stage {
    pub(super) fn set(
        cast: Cast,
        server: Server,
        options: &Options,
        screen: Screen,
    ) -> anyhow::Result<Self> {
        let mut floor = Floor::new(options.seed);
        let mut phones = Vec::new();
        for (address, setup) in cast.phones(&server) {
            phones.extend(floor.add_phones(address, setup).context("open a phone's socket")?);
        }
        let trunk = floor.add_trunk(OPERATOR, cast.trunk(&server));
        let trunk = trunk.context("open the operator's socket")?;
        let script = Script::new(&cast, options.seconds, options.seed);
        Ok(Self {
            tallies: vec![Tally::default(); cast.practices.len()],
            accounts: Accounts { planned: script.calls(), ..Accounts::default() },
            cast,
            server,
            opened_at: floor.now(),
            next_draw: floor.now(),
            floor,
            phones,
            live: BTreeMap::new(),
            events: VecDeque::new(),
            length: Duration::from_secs(options.seconds),
            trunk,
            script,
            screen,
            interrupts: Interrupts::listen().context("listen to signals")?,
            is_interrupted: false,
        })
    }

    pub(super) async fn play(mut self) -> anyhow::Result<Audit> {
        self.open().await?;
        self.opened_at = self.floor.now();
        let curtain = self.opened_at + self.length + OVERTIME;
        self.go_until(curtain, |stage| stage.script.cues.is_empty() && stage.live.is_empty()).await;
        self.give_the_finale(curtain).await;
        self.close().await;
        self.audit()
    }

    async fn open(&mut self) -> anyhow::Result<()> {
        let server = self.server.local_addr();
        self.note(format!(
            "monoligne listens on udp {server}; {} phones register",
            self.phones.len()
        ));
        for phone in self.phones.clone() {
            self.floor.register(phone);
        }
        self.opened_at = Instant::MAX;
        let until = self.floor.now() + OPENING_MAX;
        self.go_until(until, |stage| stage.floor.registered() == stage.phones.len()).await;
        let registered = self.floor.registered();
        let all = self.phones.len();
        anyhow::ensure!(
            registered == all || self.is_interrupted,
            "only {registered} of {all} phones could register"
        );
        Ok(())
    }

    async fn give_the_finale(&mut self, curtain: Instant) {
        let hush = self.floor.now() + HUSH;
        self.go_until(hush.min(curtain), |_| false).await;
        if !self.is_interrupted && self.floor.now() < curtain {
            let finale = &self.script.finale;
            let cue = Cue { at: finale.at, practice: finale.practice, plan: finale.plan.clone() };
            self.place(cue);
            self.go_until(curtain, |stage| stage.live.is_empty()).await;
        }
    }

    /// Everybody hangs up, the phones unregister, the server's ports come back.
    async fn close(&mut self) {
        self.script.cues.clear();
        self.accounts.is_interrupted = self.is_interrupted;
        if !self.live.is_empty() {
            self.note("whoever is left hangs up".to_owned());
            self.send_everybody_home().await;
        }
        self.settle(|stage| stage.live.is_empty()).await;
        for phone in self.phones.clone() {
            self.floor.unregister(phone);
        }
        self.settle(|stage| {
            stage.accounts.unregistered == stage.phones.len() && stage.are_ports_back()
        })
        .await;
    }

    /// Those who wait first; those who have just begun to talk are heard once before they hang up.
    async fn send_everybody_home(&mut self) {
        let waiting = self.live.iter().filter(|(_, live)| live.answered_at.is_none());
        for call in waiting.map(|(call, _)| *call).collect::<Vec<_>>() {
            self.floor.hang_up(call);
        }
        let until = self.floor.now() + LAST_WORDS;
        self.is_interrupted = false;
        self.go_until(until, |_| false).await;
        self.floor.hang_up_all();
    }

    async fn settle(&mut self, done: impl FnMut(&mut Self) -> bool) {
        let until = self.floor.now() + CLOSING_MAX;
        self.is_interrupted = false;
        self.go_until(until, done).await;
    }

    fn are_ports_back(&self) -> bool {
        self.server.status().is_ok_and(|status| status.ports_in_use == 0 && status.relay.legs == 0)
    }

    fn audit(mut self) -> anyhow::Result<Audit> {
        if let Ok(status) = self.server.status() {
            self.accounts.ports_in_use = Some(status.ports_in_use);
            self.accounts.ports = status.ports;
        }
        self.accounts.without_end = self.live.len();
        let records = self.server.records_path().to_owned();
        let report = self.server.shutdown(Duration::from_secs(2));
        drop(self.screen);
        let reader = Reader::open(&records).context("open the records")?;
        let rows = reader.calls().context("read the records")?;
        Ok(Audit::of(&self.accounts, &report, &rows))
    }

    /// Plays on until `done`, Ctrl-C or the given time.
    async fn go_until(&mut self, until: Instant, mut done: impl FnMut(&mut Self) -> bool) {
        while !done(self) && !self.is_interrupted && self.floor.now() < until {
            tokio::select! {
                () = self.floor.step() => {}
                () = self.interrupts.recv() => self.is_interrupted = true,
                () = tokio::time::sleep(BEAT) => {}
            }
            while let Some(happening) = self.floor.poll_happening() {
                self.handle(happening);
            }
            self.cue();
            self.draw();
        }
    }

    fn cue(&mut self) {
        let elapsed = self.floor.now().saturating_duration_since(self.opened_at);
        let is_open = self.floor.now() >= self.opened_at;
        while is_open && self.script.cues.front().is_some_and(|cue| cue.at <= elapsed) {
            if let Some(cue) = self.script.cues.pop_front() {
                self.place(cue);
            }
        }
    }

    fn place(&mut self, cue: Cue) {
        let number = spoken(&cue.plan.from);
        self.note(format!("{number} calls {}", self.cast.practices[cue.practice].label));
        self.tallies[cue.practice].calls += 1;
        self.accounts.placed += 1;
        let live =
            Live { practice: cue.practice, number, placed_at: self.floor.now(), answered_at: None };
        let call = self.floor.place(self.trunk, cue.plan);
        self.live.insert(call, live);
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Registered { phone, .. } => {
                self.note(format!("{}'s phone is registered", self.name(phone)));
            }
            Happening::RegisterFailed { phone, status, .. } => {
                self.note(format!("{}'s phone could not register: {status}", self.name(phone)));
            }
            Happening::Unregistered { .. } => self.accounts.unregistered += 1,
            Happening::PhoneRings { phone, caller, shown, .. } => {
                let shown = shown.unwrap_or_else(|| spoken(&caller));
                self.note(format!("{}'s phone rings: {shown}", self.name(phone)));
            }
            Happening::PhoneAnswered { phone, caller, .. } => {
                self.note(format!("{} answers {}", self.name(phone), spoken(&caller)));
            }
            Happening::PhoneEnded(call) => self.handle_phone_ended(*call),
            Happening::CallRings { .. } => {}
            Happening::CallAnswered { call, at } => {
                if let Some(live) = self.live.get_mut(&call) {
                    live.answered_at = Some(at);
                    self.tallies[live.practice].answered += 1;
                }
            }
            Happening::CallEnded(call) => self.handle_call_ended(*call),
            Happening::Violation(violation) => {
                self.note(format!("VIOLATION: {violation:?}"));
                self.accounts.violations.push(violation);
            }
        }
    }

    fn handle_phone_ended(&mut self, call: PhoneCall) {
        let (name, caller) = (self.name(call.phone), spoken(&call.caller));
        match call.end {
            PhoneEnd::HungUp => self.note(format!("{name} hangs up on {caller}")),
            PhoneEnd::Declined(status) => self.note(format!("{name} declines {caller} ({status})")),
            PhoneEnd::Cancelled => self.note(format!("{name}'s phone stops ringing for {caller}")),
            PhoneEnd::Incompatible | PhoneEnd::Cut => {
                self.note(format!("{name}'s call with {caller} breaks"));
            }
            // The caller's own line says it.
            PhoneEnd::Released => {}
        }
        self.accounts.phone_calls.push(call);
    }

    fn handle_call_ended(&mut self, call: PlacedCall) {
        let Some(live) = self.live.remove(&call.call) else { return };
        let wait = call.wait().as_secs_f64();
        match call.end {
            CallEnd::HungUp => {
                self.note(format!("{} hangs up (had waited {wait:.1} s)", live.number));
            }
            CallEnd::Released => {}
            CallEnd::GaveUp | CallEnd::Crossed => {
                self.tallies[live.practice].gave_up += 1;
                self.note(format!("{} gives up after {wait:.1} s", live.number));
            }
            CallEnd::Refused(status) => self.note(format!("{} is refused: {status}", live.number)),
            CallEnd::Failed => self.note(format!("{}'s call fails", live.number)),
        }
        self.accounts.calls.push(call);
    }

    pub(super) fn name(&self, phone: PhoneRef) -> &'static str {
        let index = self.phones.iter().position(|each| *each == phone);
        index.map_or("?", |index| self.cast.secretaries[index].name)
    }

    fn note(&mut self, event: String) {
        let now = self.floor.now();
        let at = now.saturating_duration_since(self.opened_at).as_secs_f64();
        let line = format!("{at:6.1}  {event}");
        self.screen.line(&line);
        self.events.push_back(line);
        while self.events.len() > EVENTS_SHOWN {
            self.events.pop_front();
        }
    }

    fn draw(&mut self) {
        let now = self.floor.now();
        if self.screen.is_live() && now >= self.next_draw {
            self.next_draw = now + REDRAW;
            let size = Size::of_terminal();
            self.screen.page(&view::page(self, size), size);
        }
    }
}

/// Ctrl-C, `kill`, and the terminal's end all end the morning early.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// As people read it, where it is a number.
pub(super) fn spoken(number: &str) -> String {
    E164::read(number).map_or_else(|_| number.to_owned(), E164::spoken)
}
