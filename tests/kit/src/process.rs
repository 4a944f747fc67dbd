//! One child process: its output in a file, its end by process id, never outliving its test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait_until;

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in the calling thread's namespace, its output into `log`. The kernel kills
    /// it when the calling thread ends, so the thread must be the test's own.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        arguments: &[String],
        folder: &Path,
        log: &Path,
    ) -> Result<Self> {
        let output = File::create(log).with_context(|| log.display().to_string())?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .env("HOME", folder)
            .env("TERM", "dumb")
            .env("PYTHONDONTWRITEBYTECODE", "1") // the scripts lie in the source tree
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, name: name.to_owned(), log: log.to_owned() })
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    /// Its exit status, if it has ended.
    pub(crate) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let child = &mut self.child;
        wait_until(&what, limit, || Ok(child.try_wait()?))
    }

    /// SIGTERM, and the exit status that follows within `limit`.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.exited()? {
            bail!("{} had ended before it was told to: {status}\n{}", self.name, self.output()?);
        }
        self.signal(Signal::TERM)?;
        self.wait(limit)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        // The child is not reaped yet, so the id is still its own.
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("{signal:?} to {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the child is gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
