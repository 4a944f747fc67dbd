//! Logs: the subscriber, and the line for each milestone.
//!
//! Telephone numbers reach a log only by their `Debug`, which hides all but two digits.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use call::{AgentId, E164, Notice, PracticeId, Target, TrunkId, Urgency};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tracing::{debug, error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::limits::{
    LOG_FLUSH, LOG_LINES_MAX, LOG_WRITE_BYTES, NEWS_GATHER, REFUSAL_LOGGED, REFUSALS_LOGGED_MAX,
};
use crate::names::Names;
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
    let asked = std::env::var("MONOLIGNE_LOG").ok().filter(|asked| !asked.is_empty());
    let overriding = asked.as_deref().filter(|asked| is_level(asked));
    let filter = EnvFilter::try_new(overriding.unwrap_or(&settings.level))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer());
    let installed = match settings.format {
        LogFormat::Text => builder.compact().with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
    };
    // A second server in one process (tests) keeps the first subscriber.
    let _ = installed;
    if let (Some(asked), None) = (&asked, overriding) {
        warn!(asked, level = settings.level, "MONOLIGNE_LOG is ignored: write {LEVELS}");
    }
}

/// Lines on their way to stderr, for the whole process.
static LINES: OnceLock<SyncSender<Line>> = OnceLock::new();
/// Lines that found no room.
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Line {
    Text(Vec<u8>),
    /// All before is written: tell so.
    Flush(SyncSender<()>),
}

/// Hands each line to a thread of its own: the engine logs too, and whoever reads stderr may have
/// stopped.
struct Hand;

impl Write for Hand {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let sent = LINES.get().map(|lines| lines.try_send(Line::Text(line.to_vec())));
        if !matches!(sent, Some(Ok(()))) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn writer() -> impl Fn() -> Hand {
    LINES.get_or_init(|| {
        let (sender, lines) = sync_channel(LOG_LINES_MAX);
        let thread = std::thread::Builder::new().name("stderr".to_owned());
        if let Err(error) = thread.spawn(move || print(&lines)) {
            // Nobody else will say it.
            let _closed = writeln!(io::stderr(), "monoligne: cannot log: {error}");
        }
        sender
    });
    || Hand
}

/// Writes what has gathered, and lets more gather.
fn print(lines: &Receiver<Line>) {
    let mut gathered = Vec::new();
    while let Ok(first) = lines.recv() {
        let mut asked = None;
        for line in std::iter::once(first).chain(lines.try_iter()) {
            match line {
                Line::Text(text) => gathered.extend_from_slice(&text),
                Line::Flush(done) => asked = Some(done),
            }
            if asked.is_some() || gathered.len() >= LOG_WRITE_BYTES {
                break;
            }
        }
        // A closed stderr leaves nobody to tell.
        let _closed = io::stderr().write_all(&gathered);
        gathered.clear();
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            warn!(dropped, "lines not logged: stderr was not read fast enough");
        }
        match asked {
            Some(done) => {
                let _given_up = done.try_send(());
            }
            None => std::thread::park_timeout(NEWS_GATHER),
        }
    }
}

/// Waits a moment until what was logged is written: for the end of the process.
pub(crate) fn flush() {
    let (done, is_done) = sync_channel(1);
    let Some(Ok(())) = LINES.get().map(|lines| lines.try_send(Line::Flush(done))) else { return };
    let _nobody_reads = is_done.recv_timeout(LOG_FLUSH);
}

/// What [`is_level`] accepts, for remedies.
pub(crate) const LEVELS: &str =
    "\"error\", \"warn\", \"info\", \"debug\" or \"trace\", or with targets: \"info,server=debug\"";

/// A level, or levels of targets. The filter itself would take any other word for a target, and log
/// nothing of the rest.
pub(crate) fn is_level(text: &str) -> bool {
    let is_word = |word: &str| {
        ["error", "warn", "info", "debug", "trace"].iter().any(|w| w.eq_ignore_ascii_case(word))
    };
    let is_target = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(',').all(|part| match part.split_once('=') {
        None => is_word(part),
        Some((target, level)) => {
            !target.is_empty() && target.chars().all(is_target) && is_word(level)
        }
    })
}

/// Writes milestones on a thread of its own, so that a slow terminal delays no call. It ends with
/// the engine.
pub(crate) fn spawn(mut notices: broadcast::Receiver<Told>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut refusals = Refusals::default();
        let mut log = |told: Told| {
            if !refusals.is_repeated(&told) {
                write(&told.names, told.notice);
            }
        };
        loop {
            let mut missed = 0;
            match notices.blocking_recv() {
                Ok(told) => log(told),
                Err(RecvError::Lagged(count)) => missed += count,
                Err(RecvError::Closed) => return,
            }
            missed += take_gathered(&mut notices, &mut log);
            if missed > 0 {
                warn!(missed, "milestones not logged");
            }
            std::thread::park_timeout(NEWS_GATHER);
        }
    })
}

/// Takes what is there without waiting. How many were lost, for want of room, before they were taken.
fn take_gathered<T: Clone>(notices: &mut broadcast::Receiver<T>, take: &mut impl FnMut(T)) -> u64 {
    let mut missed = 0;
    loop {
        match notices.try_recv() {
            Ok(notice) => take(notice),
            Err(TryRecvError::Lagged(count)) => missed += count,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return missed,
        }
    }
}

/// Who was refused a registration in the last minute, and logged: at most one line a source.
#[derive(Default)]
struct Refusals(BTreeMap<IpAddr, sip::Instant>);

impl Refusals {
    /// Beyond the sources that are kept, new ones are taken for repeated.
    fn is_repeated(&mut self, told: &Told) -> bool {
        let Notice::RegisterRefused { flow, .. } = &told.notice else { return false };
        let is_recent = |at: sip::Instant| told.at.saturating_duration_since(at) < REFUSAL_LOGGED;
        let source = flow.remote.ip();
        if self.0.get(&source).is_some_and(|at| is_recent(*at)) {
            return true;
        }
        if self.0.len() >= REFUSALS_LOGGED_MAX {
            self.0.retain(|_, at| is_recent(*at));
        }
        if self.0.len() >= REFUSALS_LOGGED_MAX {
            return true;
        }
        self.0.insert(source, told.at);
        false
    }
}

fn write(names: &Names, notice: Notice) {
    let agent = |id: AgentId| names.user(id);
    let trunk = |id: TrunkId| names.trunk(id);
    let practice = |id: Option<PracticeId>| id.map_or("?", |id| names.practice(id));
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
        Notice::Forwarding { call, target } => {
            info!(%call, target = target_word(names, target), "forwarding");
        }
        Notice::TargetRings { call, target } => {
            info!(%call, target = target_word(names, target), "target rings");
        }
        Notice::TargetAsked { call, target } => {
            info!(%call, target = target_word(names, target), "target asked for the key");
        }
        Notice::ForwardEnded { call, target, outcome } => {
            let target = target_word(names, target);
            info!(%call, target, outcome = outcome.as_str(), "forwarding ended");
        }
        Notice::Connected { call, target } => {
            info!(%call, target = target_word(names, target), "connected");
        }
        Notice::PhoneRegistered { phone, flow } => {
            info!(phone = names.phone(phone), from = %flow.remote, "phone registered");
        }
        Notice::PhoneUnregistered { phone } => {
            info!(phone = names.phone(phone), "phone unregistered");
        }
        Notice::Returned { call } => warn!(%call, "secretary lost: the caller waits at the head"),
        Notice::Class { call, urgency, by } => {
            let (class, by) = (crate::status::urgency_word(urgency), by.as_str());
            match urgency {
                Urgency::Vital | Urgency::Urgent => info!(%call, class, by, "urgent"),
                Urgency::Priority | Urgency::Normal => debug!(%call, class, by, "class"),
            }
        }
        Notice::Overflowed { call, step } => info!(%call, step, "overflowed"),
        Notice::TakenOver { call, practice: id, situation } => {
            info!(%call, practice = practice(Some(id)), situation = situation.as_str(), "taken over");
        }
        Notice::Situation { practice: id, situation } => {
            info!(practice = practice(Some(id)), situation = situation.as_str(), "practice");
        }
        Notice::Overridden { practice: id, over: Some(over) } => {
            info!(practice = practice(Some(id)), until_unix_ms = over.until_unix_ms, "overridden");
        }
        Notice::Overridden { practice: id, over: None } => {
            info!(practice = practice(Some(id)), "override over");
        }
        Notice::Announced { call, prompt: id } => {
            let prompt = names.prompt(id);
            info!(%call, prompt, "announced");
        }
        Notice::Pressed { call } => info!(%call, "pressed the key of the text"),
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
        Notice::Dialled { agent: id, call, code, changed } => {
            let call = call.map(tracing::field::display);
            info!(agent = agent(id), call, code = code.as_str(), changed, "dialled");
        }
        Notice::EmergencyDialled { user, number, trunk: id } => {
            let by = id.map_or("none", trunk);
            info!(user = names.dialler(user), number, trunk = by, "emergency number dialled");
        }
        Notice::EmergencyAnswered { user, number } => {
            info!(user = names.dialler(user), number, "emergency call answered");
        }
        Notice::EmergencyEnded { user, number, answered } => {
            info!(user = names.dialler(user), number, answered, "emergency call ended");
        }
        Notice::EmergencyFailed { user, number, why } => {
            let why = why.as_str();
            error!(user = names.dialler(user), number, why, "EMERGENCY CALL NOT PUT THROUGH");
        }
        Notice::RegisterRefused { flow, status, .. } => {
            info!(from = %flow.remote, status, "registration refused");
        }
    }
}

/// A phone by its name, a number by its last two digits.
fn target_word(names: &Names, target: Target) -> String {
    match target {
        Target::Phone(phone) => names.phone(phone).to_owned(),
        Target::Line(line) => E164::of_line(line).redacted(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_level_is_one_of_five_words_and_a_target_needs_one() {
        for level in ["info", "WARN", "info,server=debug", "server::log=trace"] {
            assert!(is_level(level), "{level}");
        }
        for slip in ["", "inof", "verbose", "server", "info,", "server=loud", "=info", "info, warn"]
        {
            assert!(!is_level(slip), "{slip}");
        }
    }

    #[test]
    fn what_was_lost_is_counted_and_what_is_left_is_taken() {
        let (sender, mut notices) = broadcast::channel(2);
        for number in 1..=5 {
            sender.send(number).unwrap();
        }
        let mut taken = Vec::new();
        assert_eq!(take_gathered(&mut notices, &mut |number| taken.push(number)), 3);
        assert_eq!(taken, [4, 5]);
        assert_eq!(take_gathered(&mut notices, &mut |number| taken.push(number)), 0);
    }

    #[test]
    fn a_refused_registration_is_logged_once_a_source_and_minute() {
        let told = |port: u16, seconds: u64| Told {
            at: sip::Instant::from_millis(seconds * 1_000),
            wall: std::time::SystemTime::UNIX_EPOCH,
            names: Arc::default(),
            notice: Notice::RegisterRefused {
                flow: sip::Flow {
                    transport: sip::Transport::Udp,
                    local: ([127, 0, 0, 1], 5060).into(),
                    remote: ([192, 0, 2, 1], port).into(),
                    connection: 0,
                },
                status: 403,
            },
        };
        let mut refusals = Refusals::default();
        assert!(!refusals.is_repeated(&told(5_070, 1)));
        assert!(refusals.is_repeated(&told(5_071, 60)));
        assert!(!refusals.is_repeated(&told(5_070, 61)));
    }
}
