//! The server under test: the real binary, its configuration in the scratch folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::wait::wait_until;

const START: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Server {
    process: Process,
    pub address: SocketAddr,
}

/// The binary under test: `MONOLIGNE_BIN`, which `tests/run` sets.
fn binary() -> Result<PathBuf> {
    let path = env::var_os("MONOLIGNE_BIN")
        .context("MONOLIGNE_BIN is not set: the path of the binary under test (see tests/run)")?;
    Ok(PathBuf::from(path))
}

impl Server {
    /// Starts `monoligne serve` and waits until it says that it listens.
    pub fn start(scratch: &Scratch, address: SocketAddr, config: &str) -> Result<Self> {
        let mut process = Self::launch(scratch, config)?;
        wait_until("the server to be ready", START, || {
            if let Some(status) = process.exited()? {
                bail!("the server ended with {status}\n{}", process.output()?);
            }
            Ok(process.output()?.contains("ready").then_some(()))
        })
        .with_context(|| process.output().unwrap_or_default())?;
        Ok(Self { process, address })
    }

    /// Starts it with a configuration that it must refuse; gives what it said.
    pub fn refuse(scratch: &Scratch, config: &str) -> Result<String> {
        let mut process = Self::launch(scratch, config)?;
        let status = process.wait(START)?;
        let output = process.output()?;
        ensure!(
            !status.success(),
            "the server took a wrong configuration:\n{output}"
        );
        Ok(output)
    }

    fn launch(scratch: &Scratch, config: &str) -> Result<Process> {
        let path = scratch.path().join("monoligne.toml");
        fs::write(&path, config)?;
        let arguments = [
            "serve".to_owned(),
            "--config".to_owned(),
            path.display().to_string(),
        ];
        Process::start(
            "monoligne",
            &binary()?,
            &arguments,
            scratch.path(),
            &log_in(scratch.path()),
        )
    }

    pub fn log(&self) -> Result<String> {
        self.process.output()
    }

    /// SIGTERM; it must drain, leave with success, and must never have logged an error.
    pub fn stop(mut self) -> Result<()> {
        let status = self.process.terminate(STOP)?;
        let log = self.process.output()?;
        ensure!(status.success(), "the server ended with {status}\n{log}");
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        ensure!(
            errors.is_empty(),
            "the server logged errors:\n{}",
            errors.join("\n")
        );
        Ok(())
    }
}

fn log_in(folder: &Path) -> PathBuf {
    folder.join("monoligne.log")
}
