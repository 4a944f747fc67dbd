//! The server that is measured: its configuration, its process, and what the system says of it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process};

use benches::centre::Staff;
use benches::pin;

/// Below what systems give to sockets that ask for no port in particular.
const PORTS_FROM: u16 = 4_000;
const PORTS_TO: u16 = 32_767;
/// Open files of the server that are no voice ports.
const OTHER_FILES: u64 = 500;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    records: PathBuf,
    log: PathBuf,
    ended: bool,
}

/// What the system says of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Of all its threads, user and system.
    pub(crate) cpu: Duration,
    pub(crate) by_thread: BTreeMap<String, Duration>,
}

impl Usage {
    /// What was used from then on.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let spent = |(name, time): (&String, &Duration)| {
            let spent =
                time.saturating_sub(before.by_thread.get(name).copied().unwrap_or_default());
            (name.clone(), spent)
        };
        Self { cpu: self.cpu - before.cpu, by_thread: self.by_thread.iter().map(spent).collect() }
    }
}

impl Server {
    /// Starts `program` on the core, with everything by default but what the test needs: its addresses,
    /// practices and secretaries, as many voice ports as there are, and no wrap-up.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        staff: Staff,
        core: usize,
    ) -> anyhow::Result<Self> {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let address = free.context("find a free port")?;
        fs::write(
            folder.join("monoligne.toml"),
            staff.configuration(address, PORTS_FROM..=last_port()),
        )
        .context("write the configuration")?;
        let log = folder.join("server.log");
        let stderr = fs::File::create(&log).context("make the server's log")?;
        // A child inherits the cores of its parent.
        pin(core)?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let records = folder.join("data/records.sqlite");
        Ok(Self { child, address, records, log, ended: false })
    }

    /// `Err` if it has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let ended = self.child.try_wait().context("look at the server")?;
        if let Some(status) = ended {
            self.ended = true;
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            anyhow::bail!("the server has ended by itself ({status}):\n{log}");
        }
        Ok(())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let mut usage = Usage::default();
        let tasks = format!("/proc/{}/task", self.child.id());
        for task in fs::read_dir(&tasks).with_context(|| format!("read {tasks}"))? {
            let path = task?.path().join("stat");
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let (name, cpu) =
                thread(&text).with_context(|| format!("{}: {text}", path.display()))?;
            usage.cpu += cpu;
            *usage.by_thread.entry(name).or_default() += cpu;
        }
        Ok(usage)
    }

    /// Memory that is its own and in use.
    pub(crate) fn memory_bytes(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path)?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// Lets it drain, and tells how many calls it has recorded, and how many of them as served.
    pub(crate) fn stop(mut self) -> anyhow::Result<(usize, usize)> {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::TERM).context("end the server")?;
        let status = self.child.wait().context("wait for the server")?;
        self.ended = true;
        ensure!(status.success(), "the server ended with {status}");
        let reader = server::records::Reader::open(&self.records).context("open the records")?;
        let rows = reader.calls().context("read the records")?;
        let served = rows.iter().filter(|row| row.disposition == "answered").count();
        Ok((rows.len(), served))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.ended {
            // Its folder goes too: nothing of it is wanted any more.
            let _gone = self.child.kill();
            let _gone = self.child.wait();
        }
    }
}

/// Name and CPU time out of a thread's `stat` (proc(5)).
fn thread(stat: &str) -> Option<(String, Duration)> {
    const TICKS_A_SECOND: u64 = 100;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let cpu = Duration::from_millis((user + system) * 1_000 / TICKS_A_SECOND);
    Some((name.to_owned(), cpu))
}

/// As many as its open files allow.
fn last_port() -> u16 {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let ports = files.saturating_sub(OTHER_FILES).min(u64::from(PORTS_TO - PORTS_FROM) + 1);
    PORTS_FROM + u16::try_from(ports).expect("below the highest port") - 1
}
