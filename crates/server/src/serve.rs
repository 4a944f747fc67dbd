//! `monoligne serve`: from the configuration to the last record.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use acd::Step;
use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::config::{self, Loaded};
use crate::driver::Report;
use crate::files::{Files, LOOK_EVERY};
use crate::inbox::Item;
use crate::notify::notify;
use crate::records::Orderer;
use crate::reload::{Reloader, log_warnings};
use crate::server::Server;
use crate::settings::ListenTransports;

/// Serves until a signal. The first one drains, the second hangs up what is left, the third aborts.
/// `watch`: whether the configuration is read again whenever its files change; `None`: as it says itself.
pub fn run(path: &Path, watch: Option<bool>) -> anyhow::Result<ExitCode> {
    // Looked at before they are read: what is written meanwhile is news.
    let files = Files::new(path);
    let loaded = config::load(path)?;
    let is_watched = watch.unwrap_or(loaded.settings.watch);
    let watched = Watched { path: path.to_owned(), watch, files: is_watched.then_some(files) };
    crate::log::init(&loaded.log);
    log_warnings(&loaded);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot listen for signals")?;
    let served = runtime.block_on(serve(loaded, watched));
    // Whoever still waits for a file system that hangs ends with the process.
    runtime.shutdown_background();
    crate::log::flush();
    served
}

async fn serve(loaded: Loaded, watched: Watched) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let mut server = Server::start_loaded(&loaded).context("does not start")?;
    // Nobody reads them here, and unread ones would be kept by the thousand.
    drop(server.notices());
    let mut life = server.life();
    say(&welcome(&loaded, &server))?;
    notify("READY=1");

    let reloader = server.reloader().expect("invariant: it was started from files");
    let (tell, mut changes) = mpsc::channel(1);
    let watching = tokio::spawn(watched.look(Arc::clone(&reloader), tell));
    let mut reloads = Reloads { reloader, under_way: None, again: None };
    loop {
        tokio::select! {
            signal = signals.stop_or_reload() => match signal {
                Some(name) => {
                    info!(signal = name, "stopping");
                    break;
                }
                None => reloads.ask(Orderer::Hangup),
            },
            Some(()) = changes.recv() => reloads.ask(Orderer::Watch),
            () = reloads.ended() => {}
            () = life.ended() => {
                error!("the engine has ended by itself");
                break;
            }
        }
    }
    watching.abort();
    notify("STOPPING=1");
    let drain = server.drain_timeout().unwrap_or(loaded.settings.drain_timeout);
    let inbox = server.inbox();
    let mut stopped = tokio::task::spawn_blocking(move || server.shutdown(drain));
    let report = tokio::select! {
        report = &mut stopped => report,
        name = signals.next() => {
            warn!(signal = name, "hanging up what is left; a third signal aborts");
            // It may have to wait for room: the third signal must be heard meanwhile.
            tokio::task::spawn_blocking(move || inbox.send(Item::Stop { drain: Duration::ZERO }));
            tokio::select! {
                report = &mut stopped => report,
                name = signals.next() => {
                    error!(signal = name, "aborted: calls are cut, their records may be lost");
                    crate::log::flush();
                    std::process::exit(1);
                }
            }
        }
    };
    farewell(&report.context("the server did not end in order")?)
}

/// Reading the configuration again beside the loop, so that no file system that hangs keeps a signal
/// waiting. One at a time: what is asked for meanwhile is done once, after it.
struct Reloads {
    reloader: Arc<Reloader>,
    under_way: Option<JoinHandle<()>>,
    /// Who asked last while one was under way.
    again: Option<Orderer>,
}

impl Reloads {
    /// What becomes of it is logged and recorded; whoever sent the signal hears nothing.
    fn ask(&mut self, by: Orderer) {
        let why = match by {
            Orderer::Watch => "its files have changed".to_owned(),
            Orderer::Peer(_) | Orderer::Hangup => by.to_string(),
        };
        if self.under_way.is_some() {
            info!(why, "the configuration is being read: it is read once more after that");
            self.again = Some(by);
            return;
        }
        info!(why, "reading the configuration again");
        let reloader = Arc::clone(&self.reloader);
        self.under_way = Some(tokio::task::spawn_blocking(move || {
            let _logged = reloader.reload_by(by);
        }));
    }

    /// Returns when one has ended; never, while there is none.
    async fn ended(&mut self) {
        let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
        if let Err(error) = under_way.await {
            error!(%error, "the configuration could not be read again");
        }
        self.under_way = None;
        if let Some(by) = self.again.take() {
            self.ask(by);
        }
    }
}

/// The configuration's files, and whether anybody looks at them: a reload may change that.
struct Watched {
    path: PathBuf,
    /// The command line's word goes before the configuration's.
    watch: Option<bool>,
    /// `None`: nobody looks.
    files: Option<Files>,
}

impl Watched {
    /// Tells whenever they have changed and are watched. For a task of its own: where their file system
    /// hangs, this alone waits.
    async fn look(mut self, reloader: Arc<Reloader>, changes: mpsc::Sender<()>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let is_watched = self.watch.unwrap_or_else(|| reloader.watches());
            match (self.files.take(), is_watched) {
                (Some(mut files), true) => {
                    let look = move || (files.have_changed(), files);
                    let (have_changed, files) = match tokio::task::spawn_blocking(look).await {
                        Ok(looked) => looked,
                        Err(error) => {
                            error!(%error, "the configuration's files are not watched any longer");
                            return;
                        }
                    };
                    self.files = Some(files);
                    if have_changed && changes.send(()).await.is_err() {
                        return;
                    }
                }
                (None, false) => {}
                (Some(_), false) => {
                    info!("the configuration's files are not watched any longer");
                }
                (None, true) => {
                    info!("the configuration's files are watched");
                    self.files = Some(Files::unread(&self.path));
                }
            }
        }
    }
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// `None`: the configuration shall be read again.
    async fn stop_or_reload(&mut self) -> Option<&'static str> {
        tokio::select! {
            _ = self.hangup.recv() => None,
            _ = self.terminate.recv() => Some("SIGTERM"),
            _ = self.interrupt.recv() => Some("SIGINT"),
        }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn farewell(report: &Report) -> anyhow::Result<ExitCode> {
    info!(
        offered = report.ledger.offered,
        hung_up = report.hung_up,
        records = report.records.written,
        records_lost = report.records.lost,
        p99_us = report.latency.p99_us,
        "stopped"
    );
    anyhow::ensure!(!report.panicked, "the engine has panicked: a bug of monoligne");
    let lost = report.records.lost + report.records.held;
    anyhow::ensure!(lost == 0, "{lost} records could not be written");
    Ok(ExitCode::SUCCESS)
}

/// Where it listens, and how to try it.
fn welcome(loaded: &Loaded, server: &Server) -> String {
    let (settings, engine) = (&loaded.settings, &loaded.engine);
    let mut text = format!("monoligne {} takes calls", env!("CARGO_PKG_VERSION"));
    for (listen, peers) in settings.listen.iter().zip(server.local_addrs()) {
        let transports = listen.transports.as_str();
        let _ = write!(text, "\n  SIP       {transports} {peers}");
        if listen.address.ip() != peers.ip() {
            let _ = write!(text, " (bound to {})", listen.address);
        }
    }
    let ports = &settings.media.ports;
    let _ = write!(
        text,
        "\n  voice     udp {} ports {}-{}\n  records   {}",
        settings.media.advertise.unwrap_or(settings.media.address),
        ports.start(),
        ports.end(),
        settings.records.display()
    );
    if let Some(control) = server.control_path() {
        let _ = write!(text, "\n  control   {} (`monoligne status`)", control.display());
    }
    if let Some(metrics) = server.metrics_addr() {
        let _ = write!(text, "\n  metrics   http://{metrics}/metrics");
    }
    for trunk in engine.trunks.values() {
        let sources: Vec<String> = trunk.sources.iter().map(call::Source::to_string).collect();
        let _ = write!(text, "\n  trunk     {}: from {}", trunk.name, sources.join(", "));
    }
    for (number, practice) in &engine.numbers {
        let name = engine.practices.get(practice).map_or("?", |practice| &practice.name);
        let _ = write!(text, "\n  number    {} is {name}", number.spoken());
    }
    text.push_str(&phones(loaded, server));
    text.push_str(&call(loaded, server));
    text.push_str("\nCtrl-C drains and ends; a second one hangs up what is left, a third aborts.");
    text
}

fn phones(loaded: &Loaded, server: &Server) -> String {
    let agents: Vec<&call::Agent> = loaded.engine.agents.values().collect();
    let Some(first) = agents.first() else {
        return "\nThere are no secretaries: nobody can answer. Add agents/USER.toml.".to_owned();
    };
    let peers = server.local_addr();
    let (transports, transport) = match loaded.settings.listen[0].transports {
        ListenTransports::Udp => ("UDP", "udp"),
        ListenTransports::Tcp => ("TCP", "tcp"),
        ListenTransports::Both => ("UDP or TCP", "udp"),
    };
    let others: Vec<String> =
        agents.iter().take(8).map(|agent| format!("{} ({})", agent.user, agent.name)).collect();
    format!(
        "\nRegister a softphone (Linphone, baresip, …) of {}:\
         \n  user      {}\
         \n  server    {peers} (domain {}), transport {transports}, no STUN\
         \n  password  the one behind `ha1` of her file (the sample's are in its comments)\
         \n  baresip   <sip:{}@{peers};transport={transport}>;auth_user={};auth_pass=PASSWORD",
        others.join(", "),
        first.user,
        loaded.engine.realm,
        first.user,
        first.user,
    )
}

fn call(loaded: &Loaded, server: &Server) -> String {
    let engine = &loaded.engine;
    let reached = engine.numbers.iter().find(|(_, practice)| {
        let plan = engine.floor.practices.get(practice).map(|practice| &practice.open);
        plan.is_some_and(|plan| plan.steps.iter().any(|step| matches!(step, Step::Queue { .. })))
    });
    let source = engine.trunks.values().flat_map(|trunk| &trunk.sources).next();
    let (Some((number, _)), Some(from)) = (reached, source) else {
        return "\nThere is no trunk or no number: nobody can call.".to_owned();
    };
    let port = from.port.map_or_else(String::new, |port| format!(" -p {port}"));
    let place = if from.network.address.is_loopback() {
        "from this machine".to_owned()
    } else {
        format!("from {from}")
    };
    // The sample's has a telephone number as the caller. -aa answers our OPTIONS.
    let scenario = loaded.path.with_file_name("call.xml");
    let scenario = match scenario.is_file() {
        true => format!("-sf {}", scenario.display()),
        false => "-sn uac".to_owned(),
    };
    format!(
        "\nPlace a call {place}, for example with sipp:\
         \n  sipp {scenario} -aa {} -i {}{port} -s {number} -m 1 -d 20000",
        server.local_addr(),
        from.network.address,
    )
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write to stdout")
}
