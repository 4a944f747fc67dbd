//! The server that is measured: its configuration, its process, and what the system says of it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process};

use benches::centre::Staff;
use benches::{Usage, pin};

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
        Usage::of(self.child.id())
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
        let reader = ::server::records::Reader::open(&self.records).context("open the records")?;
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

/// As many as its open files allow.
fn last_port() -> u16 {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let ports = files.saturating_sub(OTHER_FILES).min(u64::from(PORTS_TO - PORTS_FROM) + 1);
    PORTS_FROM + u16::try_from(ports).expect("below the highest port") - 1
}
