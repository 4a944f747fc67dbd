//! A running monoligne: owns every thread and task, and their end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use call::{AgentCommand, AgentId, Ledger, Notice};
use sip::Transport;
use tokio::sync::{broadcast, watch};
use tracing::warn;

use crate::clock::{Clock, Reading};
use crate::config::Loaded;
use crate::control::Control;
use crate::driver::{Driver, Report};
use crate::inbox::{Ended, Inbox, Item, inbox};
use crate::limits::{EDGE_END, NOTICES_MAX};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::order::removal;
use crate::records::{self, Entry, Kept, KeptOverride, Opened, Records, Unclaimed, Writer};
use crate::relay::Media;
use crate::reload::{ReloadError, Reloader, Reloads};
use crate::settings::ServerSettings;
use crate::status::Status;
use crate::transport::{self, Sockets};

/// Ends politely by [`shutdown`](Self::shutdown); dropping it ends it at once.
///
/// No method is async: call them from a thread that may wait. `start` may be called inside or
/// outside a tokio runtime; the server brings its own.
pub struct Server {
    inbox: Inbox,
    driver: Option<JoinHandle<Report>>,
    notices: broadcast::WeakSender<Told>,
    first_notices: Option<Notices>,
    life: Life,
    locals: Vec<SocketAddr>,
    records: PathBuf,
    control: Option<PathBuf>,
    writer: Option<Writer>,
    logger: Option<JoinHandle<()>>,
    /// For servers that were started from files.
    reloader: Option<Arc<Reloader>>,
    metrics: Option<SocketAddr>,
    edge: Edge,
}

/// A milestone, and when it was.
#[derive(Clone, Debug)]
pub struct Told {
    pub at: sip::Instant,
    pub wall: SystemTime,
    pub notice: Notice,
    /// What its ids are called.
    pub(crate) names: Arc<Names>,
}

/// Milestones as they happen. `recv().await` or `blocking_recv()`; one who falls behind by
/// 8,192 is told how many he missed; `Closed` when the engine has ended.
pub type Notices = broadcast::Receiver<Told>;

/// The engine's, as others see it.
#[derive(Clone)]
pub(crate) struct Life(watch::Receiver<()>);

impl Life {
    /// Returns when the engine has ended.
    pub(crate) async fn ended(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "cannot listen on {} {address}: {cause}{}",
        transport.uri_param(),
        transport::remedy(*transport, cause, address)
    )]
    Listen { transport: Transport, address: SocketAddr, cause: io::Error },
    #[error("the relay does not start")]
    Relay(#[from] media::StartError),
    #[error("cannot open the records {} (`data` in [server])", path.display())]
    Records { path: PathBuf, source: records::OpenError },
    #[error(
        "cannot open the control socket {} (`control` in [server]: a path in a folder that \
         monoligne's user may write to)",
        path.display()
    )]
    Control { path: PathBuf, source: io::Error },
    #[error("cannot listen on tcp {address} (`listen` in [metrics])")]
    Metrics { address: SocketAddr, source: io::Error },
    #[error("cannot {what}")]
    System { what: &'static str, source: io::Error },
}

impl Server {
    /// Binds everything, then starts the engine. When it returns, calls are taken.
    pub fn start(settings: ServerSettings, config: call::Config) -> Result<Self, StartError> {
        Self::start_with(settings, config, None)
    }

    /// The same from files, which can be read again (`reload`).
    pub fn start_loaded(loaded: &Loaded) -> Result<Self, StartError> {
        Self::start_with(loaded.settings.clone(), loaded.engine.clone(), Some(loaded))
    }

    fn start_with(
        settings: ServerSettings,
        config: call::Config,
        loaded: Option<&Loaded>,
    ) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let clock = Clock::start();
        let (inbox, outlet) = inbox();
        let reloads = Arc::new(Reloads::default());
        let reloader = loaded.map(|loaded| {
            Arc::new(Reloader::new(loaded.clone(), inbox.clone(), clock, Arc::clone(&reloads)))
        });
        let (notices, first_notices) = broadcast::channel(NOTICES_MAX);
        let (alive, life) = watch::channel(());

        let bound = transport::bind(&settings.listen)?;
        let locals: Vec<SocketAddr> = bound.iter().map(|listener| listener.local).collect();
        let control = settings.control.as_deref().map(Control::bind).transpose()?;
        let metrics = settings.metrics.map(Metrics::bind).transpose()?;
        let metrics_at = metrics.as_ref().map(Metrics::local_addr);
        let Opened { writer, records, epoch, kept, overrides } =
            Writer::start(&settings.records, clock.read())
                .map_err(|source| StartError::Records { path: settings.records.clone(), source })?;
        let reading = clock.read();
        let standings = standings(&kept, &config, &locals, &reading);
        let overrides = self::overrides(&overrides, &config, &reading, &records);
        let mut media = Media::start(&settings.media, settings.prompts)?;
        media.watch(inbox.clone())?;

        let edge = Edge::start()?;
        let sockets = {
            let _entered = edge.enter();
            if let Some(control) = control {
                control.serve(inbox.clone(), reloader.clone(), settings.records.clone())?;
            }
            if let Some(metrics) = metrics {
                metrics.serve(inbox.clone())?;
            }
            Sockets::serve(bound, settings.connections, epoch, clock, &inbox)?
        };
        let setup = call::Setup {
            node: settings.node,
            epoch,
            seed: seed()?,
            user_agent: format!("monoligne/{}", env!("CARGO_PKG_VERSION")),
        };
        let logger = crate::log::spawn(notices.subscribe())
            .map_err(|source| StartError::System { what: "start a thread", source })?;
        let weak = notices.downgrade();
        let driver = Driver::new(
            clock,
            config,
            setup,
            outlet,
            inbox.clone(),
            sockets,
            media,
            records,
            notices,
            reloads,
            standings,
            overrides,
        )
        .spawn(alive)
        .map_err(|source| StartError::System { what: "start a thread", source })?;
        Ok(Self {
            inbox,
            driver: Some(driver),
            notices: weak,
            first_notices: Some(first_notices),
            life: Life(life),
            locals,
            records: settings.records,
            control: settings.control,
            writer: Some(writer),
            logger: Some(logger),
            reloader,
            metrics: metrics_at,
            edge,
        })
    }

    /// Where SIP is taken, as peers see it (the first listener).
    pub fn local_addr(&self) -> SocketAddr {
        self.locals[0]
    }

    /// All listeners, in the order of the settings.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.locals
    }

    /// Milestones. The first subscriber gets them from the start, later ones from here on.
    pub fn notices(&mut self) -> Notices {
        match (self.first_notices.take(), self.notices.upgrade()) {
            (Some(first), _) => first,
            (None, Some(sender)) => sender.subscribe(),
            // The engine has ended: a receiver that says so.
            (None, None) => broadcast::channel(1).1,
        }
    }

    /// Through which the engine's end is heard of.
    pub(crate) fn life(&self) -> Life {
        self.life.clone()
    }

    /// A snapshot, made between two inputs of the engine.
    pub fn status(&self) -> Result<Status, Ended> {
        self.inbox.ask_status(false)
    }

    /// Reads the configuration again; what changed, a line each. For who may wait.
    ///
    /// A server that was not started from files has nothing to read, and changes nothing.
    pub fn reload(&self) -> Result<Vec<String>, ReloadError> {
        self.reloader.as_ref().map_or(Ok(Vec::new()), |reloader| reloader.reload())
    }

    pub(crate) fn reloader(&self) -> Option<Arc<Reloader>> {
        self.reloader.clone()
    }

    /// As the configuration has it that was read last.
    pub(crate) fn drain_timeout(&self) -> Option<Duration> {
        self.reloader.as_ref().map(|reloader| reloader.drain_timeout())
    }

    /// Where Prometheus may ask.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics
    }

    pub fn ledger(&self) -> Result<Ledger, Ended> {
        self.status().map(|status| status.ledger)
    }

    pub fn command(&self, agent: AgentId, command: AgentCommand) -> Result<(), Ended> {
        let input = call::Input::Agent { agent, command };
        self.inbox.send(Item::Input { at: sip::Instant::ZERO, input })
    }

    /// The SQLite file; open it with [`records::Reader`].
    pub fn records_path(&self) -> &Path {
        &self.records
    }

    pub fn control_path(&self) -> Option<&Path> {
        self.control.as_deref()
    }

    /// Refuses new calls, lets live ones go on for up to `drain`, hangs up what is left, and
    /// returns when every record is on the disk and every thread has ended.
    pub fn shutdown(mut self, drain: Duration) -> Report {
        // An engine that has ended needs no order: the join below tells how.
        let _already_ended = self.inbox.send(Item::Stop { drain });
        self.end()
    }

    /// Through which a [`shutdown`](Self::shutdown) under way can be hurried.
    pub(crate) fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    fn end(&mut self) -> Report {
        let report = match self.driver.take().map(JoinHandle::join) {
            Some(Ok(report)) => report,
            Some(Err(_)) => Report { panicked: true, ..Report::default() },
            None => Report::default(),
        };
        if let Some(control) = &self.control {
            // Gone already is as good.
            let _ = std::fs::remove_file(control);
        }
        self.edge.end();
        if let Some(logger) = self.logger.take() {
            // It only formats lines: a panic there has printed itself.
            let _ = logger.join();
        }
        let records = self.writer.take().map(Writer::finish).unwrap_or_default();
        crate::log::flush();
        Report { records, ..report }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.driver.is_some() {
            let _already_ended = self.inbox.send(Item::Stop { drain: Duration::ZERO });
            self.end();
        }
    }
}

/// The tasks that wait for sockets. A runtime must not be dropped inside another one, where the
/// server may live: a thread of its own ends it.
struct Edge(Option<tokio::runtime::Runtime>);

impl Edge {
    fn start() -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("edge")
            .enable_all()
            .build()
            .map_err(|source| StartError::System { what: "start the edge's threads", source })?;
        Ok(Self(Some(runtime)))
    }

    fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.0.as_ref().expect("invariant: there until `end`").enter()
    }

    fn end(&mut self) {
        if let Some(runtime) = self.0.take() {
            let end = move || runtime.shutdown_timeout(EDGE_END);
            match std::thread::Builder::new().name("end".to_owned()).spawn(end) {
                // It only drops tasks: a panic of theirs has printed itself.
                Ok(ending) => drop(ending.join()),
                Err(error) => warn!(%error, "the edge's threads are not waited for"),
            }
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the engine is told before its first message. Phones that registered on an address that is
/// not listened on any more cannot be reached from it.
fn standings(
    kept: &[Kept],
    config: &call::Config,
    locals: &[SocketAddr],
    reading: &Reading,
) -> Vec<call::Standing> {
    let standings = kept.iter().filter_map(|kept| kept.standing(config, reading));
    let mut standings: Vec<call::Standing> = standings.collect();
    for standing in &mut standings {
        standing.bindings.retain(|binding| locals.contains(&binding.flow.local));
    }
    standings
}

/// What practices said in an earlier life and what still holds, the last word where there are two.
fn overrides(
    kept: &[KeptOverride],
    config: &call::Config,
    reading: &Reading,
    records: &Records,
) -> BTreeMap<call::PracticeId, call::Override> {
    let (mut all, mut forgotten) = (BTreeMap::new(), Vec::new());
    for kept in kept {
        match kept.restored(config, reading) {
            Ok((practice, over)) if removal::still_holds(config, practice, &over) => {
                all.insert(practice, over);
            }
            // As a reload would have it: what may be again one day is to be said again.
            Ok((practice, _)) => {
                forgotten.push(practice);
                let practice = kept.practice();
                warn!(practice, "its redirection is not allowed any more: hours and leave hold");
            }
            Err(Unclaimed::Over) => {}
            Err(why @ (Unclaimed::Nobody | Unclaimed::Several(_) | Unclaimed::Nowhere)) => {
                warn!(practice = kept.practice(), %why, "an override does not hold")
            }
        }
    }
    // Of two rows of a practice the other may hold.
    for practice in forgotten.into_iter().filter(|practice| !all.contains_key(practice)) {
        let kept = KeptOverride::of(practice, None, reading, config);
        kept.into_iter().for_each(|kept| records.keep(Entry::Override(kept)));
    }
    all
}

/// The engine's secret randomness, from the system's generator.
fn seed() -> Result<[u8; 32], StartError> {
    let read = || -> io::Result<[u8; 32]> {
        let mut seed = [0; 32];
        io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
        Ok(seed)
    };
    read().map_err(|source| StartError::System { what: "read /dev/urandom", source })
}
