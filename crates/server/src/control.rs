//! The Unix socket through which other processes ask the running server: one JSON object a line
//! each way.
//!
//! `{"command":"status"}` is answered by `{"status":{…}}`, `{"command":"reload"}` by
//! `{"reloaded":[…]}`, `{"command":"explain",…}` by `{"explained":{…}}`,
//! `{"command":"practice","practice":"martin"}` by `{"practice":{…}}`; orders by `{"done":"…"}`:
//! `{"command":"agent","user":"101","order":"pause"}`,
//! `{"command":"call","call":"1-abc-1","order":{"rank":{"urgency":"urgent"}}}`,
//! `{"command":"override","practice":"Dr Martin","order":{"close":{"until":{"at":"18:00"}}}}`. Whatever
//! is refused is answered by `{"error":"…"}`. The socket's file mode is the permission: owner and group.
//! Who gave an order is logged and recorded by the user id that the system knows of the connection:
//! `{"command":"orders","since_ms":0}` is answered by `{"orders":[…]}`.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use crate::card::{self, Card};
use crate::explain::{self, Explanation, Question};
use crate::inbox::Inbox;
use crate::limits::{
    ACCEPT_REST, ASK_TIMEOUT, CONTROL_CONNECTIONS_MAX, CONTROL_IDLE, CONTROL_LINE_BYTES_MAX,
    ORDERS_SHOWN_MAX,
};
use crate::order;
use crate::records::{OrderRow, Orderer, Reader};
use crate::reload::Reloader;
use crate::server::StartError;
use crate::status::Status;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Status {
        /// Callers' numbers whole.
        #[serde(default)]
        numbers: bool,
    },
    Agent {
        user: String,
        order: String,
        #[serde(default)]
        reason: Option<String>,
        /// Of `prolong`.
        #[serde(default)]
        by_s: Option<u64>,
    },
    Call {
        call: String,
        order: CallOrder,
    },
    Override {
        /// Its key, its name, its label or one of its numbers.
        practice: String,
        order: OverrideOrder,
    },
    Explain(Question),
    /// One whole, as [`Card`].
    Practice {
        /// As of an override.
        practice: String,
    },
    /// What was ordered since then (milliseconds since 1970).
    Orders {
        since_ms: i64,
    },
    /// Read the configuration again.
    Reload,
}

/// What may be ordered of a caller who waits.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CallOrder {
    /// Of this class (`None`: of his own), and at its head.
    Rank {
        #[serde(default)]
        urgency: Option<String>,
        #[serde(default)]
        first: bool,
    },
    Move {
        team: String,
    },
    /// To a number, or the user of a phone of the practice.
    Redirect {
        to: String,
    },
    Release,
}

/// What a practice may say against its hours and leave.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OverrideOrder {
    Close { until: Until },
    Leave { until: Until },
    Open { until: Until },
    Redirect { to: String, until: Until },
    Clear,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// A day, a moment or a time of the practice's clock.
    At(String),
    /// So many seconds from now.
    ForS(u64),
}

/// An order to the running server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Agent { user: String, order: AgentOrder },
    Call { call: String, order: CallOrder },
    Override { practice: String, order: OverrideOrder },
}

/// What may be ordered of a secretary.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AgentOrder {
    LogIn,
    LogOut,
    /// `None`: for no reason in particular.
    Pause {
        reason: Option<String>,
    },
    Resume,
    EndWrapUp,
    Prolong {
        by: Duration,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Status(Box<Status>),
    /// How whoever an order was about stands after it.
    Done(String),
    Explained(Box<Explanation>),
    Practice(Box<Card>),
    Orders(Vec<OrderRow>),
    /// What changed, a line each.
    Reloaded(Vec<String>),
    Error(String),
}

impl AgentOrder {
    fn read(order: &str, reason: Option<String>, by_s: Option<u64>) -> Result<Self, String> {
        match (order, reason, by_s) {
            ("pause", reason, None) => Ok(Self::Pause { reason }),
            (_, Some(_), _) => Err("only a pause has a reason".to_owned()),
            ("prolong", None, Some(by_s)) => Ok(Self::Prolong { by: Duration::from_secs(by_s) }),
            ("prolong", None, None) => Err("by how many seconds (`by_s`)?".to_owned()),
            (_, None, Some(_)) => Err("only a wrap-up is prolonged".to_owned()),
            ("resume", None, None) => Ok(Self::Resume),
            ("end-wrap-up", None, None) => Ok(Self::EndWrapUp),
            ("log-in", None, None) => Ok(Self::LogIn),
            ("log-out", None, None) => Ok(Self::LogOut),
            (other, None, None) => Err(format!(
                "no such order {other:?}: pause, resume, end-wrap-up, prolong, log-in or log-out"
            )),
        }
    }

    /// As a [`Command`] to send.
    pub fn of(self, user: String) -> Command {
        let (order, reason, by_s) = match self {
            Self::LogIn => ("log-in", None, None),
            Self::LogOut => ("log-out", None, None),
            Self::Pause { reason } => ("pause", reason, None),
            Self::Resume => ("resume", None, None),
            Self::EndWrapUp => ("end-wrap-up", None, None),
            Self::Prolong { by } => ("prolong", None, Some(by.as_secs())),
        };
        Command::Agent { user, order: order.to_owned(), reason, by_s }
    }

    /// In the log.
    fn audited(&self) -> String {
        match self {
            Self::LogIn => "log-in".to_owned(),
            Self::LogOut => "log-out".to_owned(),
            Self::Pause { reason: Some(reason) } => format!("pause for {reason:?}"),
            Self::Pause { reason: None } => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::EndWrapUp => "end-wrap-up".to_owned(),
            Self::Prolong { by } => format!("prolong by {} s", by.as_secs()),
        }
    }
}

/// An order as it is kept in the log and the records. Of numbers two digits are shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Audited {
    /// `agent`, `call`, `override` or `reload`.
    pub(crate) kind: &'static str,
    pub(crate) whom: String,
    /// In words.
    pub(crate) what: String,
    /// As JSON.
    pub(crate) command: String,
}

impl Audited {
    pub(crate) fn reload() -> Self {
        Self::of("reload", "configuration".to_owned(), "reload".to_owned(), &Command::Reload)
    }

    fn of(kind: &'static str, whom: String, what: String, command: &Command) -> Self {
        let command = serde_json::to_string(command);
        // It came as JSON, and becomes nothing else.
        Self { kind, whom, what, command: command.unwrap_or_default() }
    }
}

impl Order {
    pub(crate) fn audited(&self, config: &call::Config) -> Audited {
        match self {
            Self::Agent { user, order } => {
                let is_known = config.agents.values().any(|agent| agent.user == *user);
                let user = if is_known { user.clone() } else { redacted(user) };
                let command = order.clone().of(user.clone());
                Audited::of("agent", user, order.audited(), &command)
            }
            Self::Call { call, order } => {
                let is_call = call.matches('-').count() == 2;
                let call = if is_call { call.clone() } else { redacted(call) };
                let command = Command::Call { call: call.clone(), order: order.redacted() };
                Audited::of("call", call, order.audited(), &command)
            }
            Self::Override { practice, order } => {
                // However it was named: the key is what stays.
                let found = order::practice::find(config, practice).ok();
                let known = found.and_then(|practice| config.practices.get(&practice));
                let practice = known.map_or_else(|| redacted(practice), |known| known.key.clone());
                let command =
                    Command::Override { practice: practice.clone(), order: order.redacted() };
                Audited::of("override", practice, order.audited(), &command)
            }
        }
    }
}

impl CallOrder {
    fn redacted(&self) -> Self {
        match self {
            Self::Redirect { to } => Self::Redirect { to: redacted(to) },
            Self::Rank { .. } | Self::Move { .. } | Self::Release => self.clone(),
        }
    }

    fn audited(&self) -> String {
        match self {
            Self::Rank { urgency: Some(urgency), first: false } => format!("urgency {urgency:?}"),
            Self::Rank { urgency: Some(urgency), first: true } => {
                format!("urgency {urgency:?} and first")
            }
            Self::Rank { urgency: None, .. } => "first".to_owned(),
            Self::Move { team } => format!("team {team:?}"),
            Self::Redirect { to } => format!("forward to {}", redacted(to)),
            Self::Release => "release".to_owned(),
        }
    }
}

impl OverrideOrder {
    fn redacted(&self) -> Self {
        match self {
            Self::Redirect { to, until } => {
                Self::Redirect { to: redacted(to), until: until.clone() }
            }
            Self::Close { .. } | Self::Leave { .. } | Self::Open { .. } | Self::Clear => {
                self.clone()
            }
        }
    }

    fn audited(&self) -> String {
        match self {
            Self::Close { until } => format!("close {until}"),
            Self::Leave { until } => format!("leave {until}"),
            Self::Open { until } => format!("open {until}"),
            Self::Redirect { to, until } => format!("redirect to {} {until}", redacted(to)),
            Self::Clear => "clear".to_owned(),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(text) => write!(f, "until {text:?}"),
            Self::ForS(seconds) => write!(f, "for {seconds} s"),
        }
    }
}

/// What is a number shows two digits, and what may be meant for one.
fn redacted(text: &str) -> String {
    match call::E164::read(text) {
        Ok(number) => number.redacted(),
        Err(_) => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            match digits.len() {
                0..6 => text.to_owned(),
                length => format!("…{}", &digits[length - 2..]),
            }
        }
    }
}

/// Why a running server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(
        "no monoligne listens there: start it (`monoligne serve`), or name its socket (--socket)"
    )]
    NotRunning,
    #[error("permission denied: run as its user, or as a member of its group")]
    Denied,
    #[error("{0}")]
    Io(io::Error),
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("{0}")]
    Refused(String),
}

/// Asks the server whose socket this is.
pub fn ask(socket: &Path, command: &Command) -> Result<Reply, AskError> {
    let stream = UnixStream::connect(socket).map_err(|error| {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
            AskError::NotRunning
        } else if kind == io::ErrorKind::PermissionDenied {
            AskError::Denied
        } else {
            AskError::Io(error)
        }
    })?;
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    let mut answer = String::new();
    let mut exchange = || -> io::Result<()> {
        // The server gives up first, and says so. Files take longer to read than a question to answer.
        let patience = match command {
            Command::Reload => CONTROL_IDLE,
            Command::Status { .. }
            | Command::Agent { .. }
            | Command::Call { .. }
            | Command::Override { .. }
            | Command::Practice { .. }
            | Command::Orders { .. }
            | Command::Explain(_) => ASK_TIMEOUT * 2,
        };
        stream.set_read_timeout(Some(patience))?;
        (&stream).write_all(line.as_bytes())?;
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok(())
    };
    exchange().map_err(AskError::Io)?;
    match serde_json::from_str(&answer)? {
        Reply::Error(error) => Err(AskError::Refused(error)),
        reply @ (Reply::Status(_)
        | Reply::Done(_)
        | Reply::Explained(_)
        | Reply::Practice(_)
        | Reply::Orders(_)
        | Reply::Reloaded(_)) => Ok(reply),
    }
}

/// The bound socket.
pub(crate) struct Control {
    listener: UnixListener,
}

impl Control {
    /// Takes the place of a socket that nobody listens on any more; refuses a live one.
    pub(crate) fn bind(path: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::Control { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            crate::folder::make(folder).map_err(failed)?;
        }
        if let Ok(there) = path.symlink_metadata() {
            if !there.file_type().is_socket() {
                return Err(failed(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is something else than a socket, which is left as it is: move it away, or \
                     change `control` in [server]",
                )));
            }
            if UnixStream::connect(path).is_ok() {
                return Err(failed(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another monoligne answers on it: stop it, or change `control` in [server]",
                )));
            }
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener })
    }

    /// Answers on the current runtime until it ends.
    pub(crate) fn serve(
        self,
        inbox: Inbox,
        reloader: Option<Arc<Reloader>>,
        records: PathBuf,
    ) -> Result<(), StartError> {
        let listener = tokio::net::UnixListener::from_std(self.listener)
            .map_err(|source| StartError::System { what: "serve the control socket", source })?;
        tokio::spawn(accept(listener, Door { inbox, reloader, records: records.into() }));
        Ok(())
    }
}

/// Where commands go.
#[derive(Clone)]
struct Door {
    inbox: Inbox,
    reloader: Option<Arc<Reloader>>,
    /// The file, for who asks of the past.
    records: Arc<Path>,
}

async fn accept(listener: tokio::net::UnixListener, door: Door) {
    let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
    let mut is_told = false;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // As when there are too many open files: it passes.
                if !std::mem::replace(&mut is_told, true) {
                    warn!(%error, "the control socket cannot be served for now");
                }
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        is_told = false;
        // Without a place the stream is dropped, hence closed.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let door = door.clone();
        tokio::spawn(async move {
            let served = tokio::time::timeout(CONTROL_IDLE, converse(stream, door)).await;
            if let Ok(Err(error)) = served {
                debug!(%error, "control connection");
            }
            drop(place);
        });
    }
}

async fn converse(mut stream: tokio::net::UnixStream, door: Door) -> io::Result<()> {
    // A peer that the system does not know gives no orders.
    let uid = stream.peer_cred()?.uid();
    let (reading, mut writing) = stream.split();
    let mut lines = tokio::io::BufReader::new(reading.take(CONTROL_LINE_BYTES_MAX as u64)).lines();
    while let Some(line) = lines.next_line().await? {
        let reply = match serde_json::from_str(&line) {
            // It may wait for the engine, or read files.
            Ok(command) => {
                let door = door.clone();
                let answered = tokio::task::spawn_blocking(move || door.answer(uid, command)).await;
                answered.unwrap_or_else(|error| Reply::Error(error.to_string()))
            }
            Err(error) => Reply::Error(format!("no such command: {error}")),
        };
        let mut answer = serde_json::to_vec(&reply)?;
        answer.push(b'\n');
        writing.write_all(&answer).await?;
    }
    Ok(())
}

impl Door {
    fn answer(&self, uid: u32, command: Command) -> Reply {
        match command {
            Command::Status { numbers } => match self.inbox.ask_status(numbers) {
                Ok(status) => Reply::Status(Box::new(status)),
                Err(error) => Reply::Error(error.to_string()),
            },
            Command::Agent { user, order, reason, by_s } => {
                match AgentOrder::read(&order, reason, by_s) {
                    Ok(order) => self.order(uid, Order::Agent { user, order }),
                    Err(unknown) => Reply::Error(unknown),
                }
            }
            Command::Call { call, order } => self.order(uid, Order::Call { call, order }),
            Command::Override { practice, order } => {
                self.order(uid, Order::Override { practice, order })
            }
            Command::Explain(question) => match self.inbox.ask_copy() {
                Ok(copy) => match explain::live(copy, &question) {
                    Ok(mut explanation) => {
                        explanation.add_orders(|practice| self.who_overrode(practice));
                        Reply::Explained(Box::new(explanation))
                    }
                    Err(refused) => Reply::Error(refused),
                },
                Err(error) => Reply::Error(error.to_string()),
            },
            Command::Practice { practice } => match self.inbox.ask_copy() {
                Ok(copy) => match card::of(&copy, &practice) {
                    Ok(card) => Reply::Practice(Box::new(card)),
                    Err(refused) => Reply::Error(refused),
                },
                Err(error) => Reply::Error(error.to_string()),
            },
            Command::Orders { since_ms } => match self.orders(since_ms) {
                Ok(orders) => Reply::Orders(orders),
                Err(error) => Reply::Error(format!("the records cannot be read: {error}")),
            },
            Command::Reload => self.reload(uid),
        }
    }

    /// Who said last for the practice of this key what overrides its hours, and when. `None`: the records
    /// cannot be read, or have it no longer.
    fn who_overrode(&self, practice: &str) -> Option<String> {
        let orders = self.orders(0).ok()?;
        let is_it = |order: &&OrderRow| {
            (&*order.kind, &*order.whom, &*order.outcome) == ("override", practice, "done")
        };
        let order = orders.iter().filter(is_it).max_by_key(|order| order.ordered_ms)?;
        let by = order.user.clone().unwrap_or_else(|| format!("uid {}", order.uid));
        Some(format!("ordered by {by} at {}", order.ordered_at))
    }

    fn orders(&self, since_ms: i64) -> rusqlite::Result<Vec<OrderRow>> {
        Reader::open(&self.records)?.orders(since_ms, ORDERS_SHOWN_MAX)
    }

    fn reload(&self, uid: u32) -> Reply {
        let Some(reloader) = &self.reloader else {
            return Reply::Error("this server was not started from files".to_owned());
        };
        match reloader.reload_by(Orderer::Peer(uid)) {
            Ok(changes) => Reply::Reloaded(changes),
            Err(refused) => Reply::Error(refused.to_string()),
        }
    }

    fn order(&self, uid: u32, order: Order) -> Reply {
        match self.inbox.order(uid, order) {
            Ok(Ok(done)) => Reply::Done(done),
            Ok(Err(refused)) => Reply::Error(refused),
            Err(error) => Reply::Error(error.to_string()),
        }
    }
}
