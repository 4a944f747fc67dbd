//! The Unix socket through which other processes ask the running server: one JSON object a line
//! each way.
//!
//! `{"command":"status"}` is answered by `{"status":{…}}`, anything else by `{"error":"…"}`.
//! The socket's file mode is the permission: owner and group.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use crate::inbox::Inbox;
use crate::limits::{ASK_TIMEOUT, CONTROL_CONNECTIONS_MAX, CONTROL_IDLE, CONTROL_LINE_BYTES_MAX};
use crate::server::StartError;
use crate::status::Status;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Status,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Status(Box<Status>),
    Error(String),
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
        // The server gives up first, and says so.
        stream.set_read_timeout(Some(ASK_TIMEOUT * 2))?;
        (&stream).write_all(line.as_bytes())?;
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok(())
    };
    exchange().map_err(AskError::Io)?;
    match serde_json::from_str(&answer)? {
        Reply::Error(error) => Err(AskError::Refused(error)),
        reply @ Reply::Status(_) => Ok(reply),
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
        if path.exists() {
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
    pub(crate) fn serve(self, inbox: Inbox) -> Result<(), StartError> {
        let listener = tokio::net::UnixListener::from_std(self.listener)
            .map_err(|source| StartError::System { what: "serve the control socket", source })?;
        tokio::spawn(accept(listener, inbox));
        Ok(())
    }
}

async fn accept(listener: tokio::net::UnixListener, inbox: Inbox) {
    let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "the control socket cannot be served any longer");
                return;
            }
        };
        // Without a place the stream is dropped, hence closed.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let inbox = inbox.clone();
        tokio::spawn(async move {
            let served = tokio::time::timeout(CONTROL_IDLE, converse(stream, inbox)).await;
            if let Ok(Err(error)) = served {
                debug!(%error, "control connection");
            }
            drop(place);
        });
    }
}

async fn converse(mut stream: tokio::net::UnixStream, inbox: Inbox) -> io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut lines = tokio::io::BufReader::new(reading.take(CONTROL_LINE_BYTES_MAX as u64)).lines();
    while let Some(line) = lines.next_line().await? {
        let reply = match serde_json::from_str(&line) {
            Ok(Command::Status) => status(inbox.clone()).await,
            Err(error) => Reply::Error(format!("no such command: {error}")),
        };
        let mut answer = serde_json::to_vec(&reply)?;
        answer.push(b'\n');
        writing.write_all(&answer).await?;
    }
    Ok(())
}

async fn status(inbox: Inbox) -> Reply {
    match tokio::task::spawn_blocking(move || inbox.ask_status()).await {
        Ok(Ok(status)) => Reply::Status(Box::new(status)),
        Ok(Err(error)) => Reply::Error(error.to_string()),
        Err(error) => Reply::Error(error.to_string()),
    }
}
