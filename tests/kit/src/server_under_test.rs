//! The server under test: the real binary, its configuration in the scratch folder.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use server::Status;
use server::control::{Command, Reply, ask};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::wait::wait_until;

const START: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(10);

/// A running `monoligne serve`.
#[derive(Debug)]
pub struct Server {
    process: Process,
    socket: PathBuf,
}

impl Server {
    /// Starts it and waits until it tells its status: from then on it takes calls.
    pub fn start(scratch: &Scratch, config: &str) -> Result<Self> {
        let process = launch(scratch, config)?;
        let mut server = Self { process, socket: socket_in(scratch.path()) };
        wait_until("the server to be ready", START, || {
            if let Some(status) = server.process.exited()? {
                bail!("the server ended with {status}");
            }
            Ok(server.status().ok())
        })
        .with_context(|| server.log().unwrap_or_default())?;
        Ok(server)
    }

    /// What it shows of itself (`monoligne status`).
    pub fn status(&self) -> Result<Status> {
        match ask(&self.socket, &Command::Status)? {
            Reply::Status(status) => Ok(*status),
            Reply::Error(error) => bail!("no status: {error}"),
        }
    }

    pub fn log(&self) -> Result<String> {
        self.process.output()
    }

    /// SIGTERM; it must drain, leave with success, and must never have logged an error.
    pub fn stop(mut self) -> Result<()> {
        let status = self.process.terminate(STOP)?;
        let log = self.log()?;
        ensure!(status.success(), "the server ended with {status}\n{log}");
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        ensure!(errors.is_empty(), "the server logged errors:\n{}", errors.join("\n"));
        ensure!(!log.contains("panicked"), "the server panicked:\n{log}");
        Ok(())
    }
}

/// Starts the server with a configuration that it must refuse; gives what it said.
pub fn refused_config(scratch: &Scratch, config: &str) -> Result<String> {
    let mut process = launch(scratch, config)?;
    let status = process.wait(START)?;
    let output = process.output()?;
    ensure!(!status.success(), "the server took a wrong configuration:\n{output}");
    Ok(output)
}

/// Where the configuration under test puts the control socket.
pub(crate) fn socket_in(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

fn launch(scratch: &Scratch, config: &str) -> Result<Process> {
    let binary = env::var_os("MONOLIGNE_BIN")
        .context("MONOLIGNE_BIN is not set: the path of the binary under test (see tests/run)")?;
    let folder = scratch.path();
    let path = folder.join("monoligne.toml");
    fs::write(&path, config)?;
    let arguments = ["serve".to_owned(), "--config".to_owned(), path.display().to_string()];
    let log = folder.join("monoligne.log");
    Process::start("monoligne", Path::new(&binary), &arguments, folder, &log)
}
