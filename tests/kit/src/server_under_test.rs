//! The server under test: the real binary, its configuration in the scratch folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
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
    /// Starts it with this configuration, a file or a folder, and waits until it tells its status on
    /// the socket that the configuration names: from then on it takes calls.
    pub fn start(scratch: &Scratch, config: &Path, socket: PathBuf) -> Result<Self> {
        let mut server = Self { process: launch(scratch, config)?, socket };
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
        match ask(&self.socket, &Command::Status { numbers: false })? {
            Reply::Status(status) => Ok(*status),
            Reply::Done(other) | Reply::Error(other) => bail!("no status: {other}"),
            Reply::Explained(other) => bail!("no status: {other:?}"),
            Reply::Practice(other) => bail!("no status: {other:?}"),
            Reply::Orders(other) => bail!("no status: {other:?}"),
            Reply::Reloaded(changes) => bail!("no status: {changes:?}"),
        }
    }

    pub fn log(&self) -> Result<String> {
        self.process.output()
    }

    /// SIGHUP; whether it took the configuration.
    pub fn reload(&self) -> Result<bool> {
        let before = self.status()?.reloads;
        self.process.signal(Signal::HUP)?;
        wait_until("the configuration to be read again", START, || {
            let after = self.status()?.reloads;
            Ok((after != before).then_some(after.done > before.done))
        })
    }

    /// What the command line tells of it (`monoligne agents --json` …).
    pub fn tell(&self, command: &str) -> Result<Value> {
        let output = process::Command::new(binary()?)
            .args([command, "--json", "--socket"])
            .arg(&self.socket)
            .output()?;
        let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "monoligne {command} ended with {}: {err}", output.status);
        serde_json::from_slice(out).with_context(|| String::from_utf8_lossy(out).into_owned())
    }

    /// What the command line answers to an order (`monoligne override martin close --for 2h` …).
    pub fn order(&self, arguments: &[&str]) -> Result<String> {
        let output = process::Command::new(binary()?)
            .args(arguments)
            .arg("--socket")
            .arg(&self.socket)
            .output()?;
        let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{arguments:?} ended with {}: {err}", output.status);
        Ok(String::from_utf8_lossy(out).into_owned())
    }

    /// SIGTERM; it must drain, leave with success, and must never have logged an error.
    pub fn stop(self) -> Result<()> {
        self.stop_after(None)
    }

    /// The same where an alarm must have been raised: an error with these words.
    pub(crate) fn stop_after(mut self, alarm: Option<&str>) -> Result<()> {
        let status = self.process.terminate(STOP)?;
        let log = self.log()?;
        ensure!(status.success(), "the server ended with {status}\n{log}");
        let is_alarm = |line: &&str| alarm.is_some_and(|alarm| line.contains(alarm));
        let errors = log.lines().filter(|line| line.contains("ERROR"));
        let (alarms, errors): (Vec<&str>, Vec<&str>) = errors.partition(is_alarm);
        ensure!(alarm.is_none() || !alarms.is_empty(), "no alarm was raised:\n{log}");
        ensure!(errors.is_empty(), "the server logged errors:\n{}", errors.join("\n"));
        ensure!(!log.contains("panicked"), "the server panicked:\n{log}");
        Ok(())
    }
}

/// Starts the server with a configuration that it must refuse; gives what it said.
pub fn refused_config(scratch: &Scratch, config: &Path) -> Result<String> {
    let mut process = launch(scratch, config)?;
    let status = process.wait(START)?;
    let output = process.output()?;
    ensure!(!status.success(), "the server took a wrong configuration:\n{output}");
    Ok(output)
}

fn launch(scratch: &Scratch, config: &Path) -> Result<Process> {
    let arguments = ["serve".to_owned(), "--config".to_owned(), config.display().to_string()];
    // A life of the server has a log of its own.
    let logs = (1..).map(|life| scratch.path().join(format!("monoligne-{life}.log")));
    let log = logs.into_iter().find(|log| !log.exists()).expect("there is no end of numbers");
    Process::start("monoligne", &binary()?, &arguments, scratch.path(), &log)
}

fn binary() -> Result<PathBuf> {
    env::var_os("MONOLIGNE_BIN")
        .map(PathBuf::from)
        .context("MONOLIGNE_BIN is not set: the path of the binary under test (see tests/run)")
}
