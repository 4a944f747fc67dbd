//! The Unix socket through which other processes ask the running server: one JSON object a line
//! each way.
//!
//! `{"command":"status"}` is answered by `{"status":{…}}`, `{"command":"reload"}` by
//! `{"reloaded":[…]}`, `{"command":"agent","user":"101","order":"pause"}` by `{"done":"…"}`; whatever
//! is refused, by `{"error":"…"}`. The socket's file mode is the permission: owner and group.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use crate::inbox::Inbox;
use crate::limits::{
    ACCEPT_REST, ASK_TIMEOUT, CONTROL_CONNECTIONS_MAX, CONTROL_IDLE, CONTROL_LINE_BYTES_MAX,
};
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
    },
    /// Read the configuration again.
    Reload,
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
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Status(Box<Status>),
    /// How a secretary stands after an order.
    Done(String),
    /// What changed, a line each.
    Reloaded(Vec<String>),
    Error(String),
}

impl AgentOrder {
    fn read(order: &str, reason: Option<String>) -> Result<Self, String> {
        match (order, reason) {
            ("pause", reason) => Ok(Self::Pause { reason }),
            (_, Some(_)) => Err("only a pause has a reason".to_owned()),
            ("resume", None) => Ok(Self::Resume),
            ("end-wrap-up", None) => Ok(Self::EndWrapUp),
            ("log-in", None) => Ok(Self::LogIn),
            ("log-out", None) => Ok(Self::LogOut),
            (other, None) => Err(format!(
                "no such order {other:?}: pause, resume, end-wrap-up, log-in or log-out"
            )),
        }
    }

    /// As a [`Command`] to send.
    pub fn of(self, user: String) -> Command {
        let (order, reason) = match self {
            Self::LogIn => ("log-in", None),
            Self::LogOut => ("log-out", None),
            Self::Pause { reason } => ("pause", reason),
            Self::Resume => ("resume", None),
            Self::EndWrapUp => ("end-wrap-up", None),
        };
        Command::Agent { user, order: order.to_owned(), reason }
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
            Command::Status { .. } | Command::Agent { .. } => ASK_TIMEOUT * 2,
        };
        stream.set_read_timeout(Some(patience))?;
        (&stream).write_all(line.as_bytes())?;
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok(())
    };
    exchange().map_err(AskError::Io)?;
    match serde_json::from_str(&answer)? {
        Reply::Error(error) => Err(AskError::Refused(error)),
        reply @ (Reply::Status(_) | Reply::Done(_) | Reply::Reloaded(_)) => Ok(reply),
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
    ) -> Result<(), StartError> {
        let listener = tokio::net::UnixListener::from_std(self.listener)
            .map_err(|source| StartError::System { what: "serve the control socket", source })?;
        tokio::spawn(accept(listener, Door { inbox, reloader }));
        Ok(())
    }
}

/// Where commands go.
#[derive(Clone)]
struct Door {
    inbox: Inbox,
    reloader: Option<Arc<Reloader>>,
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
    let (reading, mut writing) = stream.split();
    let mut lines = tokio::io::BufReader::new(reading.take(CONTROL_LINE_BYTES_MAX as u64)).lines();
    while let Some(line) = lines.next_line().await? {
        let reply = match serde_json::from_str(&line) {
            // It may wait for the engine, or read files.
            Ok(command) => {
                let door = door.clone();
                let answered = tokio::task::spawn_blocking(move || door.answer(command)).await;
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
    fn answer(&self, command: Command) -> Reply {
        match command {
            Command::Status { numbers } => match self.inbox.ask_status(numbers) {
                Ok(status) => Reply::Status(Box::new(status)),
                Err(error) => Reply::Error(error.to_string()),
            },
            Command::Agent { user, order, reason } => match AgentOrder::read(&order, reason) {
                Ok(order) => match self.inbox.order(user, order) {
                    Ok(Ok(done)) => Reply::Done(done),
                    Ok(Err(refused)) => Reply::Error(refused),
                    Err(error) => Reply::Error(error.to_string()),
                },
                Err(unknown) => Reply::Error(unknown),
            },
            Command::Reload => match self.reloader.as_ref().map(|reloader| reloader.reload()) {
                Some(Ok(changes)) => Reply::Reloaded(changes),
                Some(Err(refused)) => Reply::Error(refused.to_string()),
                None => Reply::Error("this server was not started from files".to_owned()),
            },
        }
    }
}
