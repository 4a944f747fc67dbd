//! The same calls through others, for scale: Kamailio as a plain proxy, on core 0, between the operator and
//! the phones of `load` on core 1. It decides nothing, keeps no record and answers nobody itself.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use benches::centre::Staff;
use benches::world::{Dialled, World};
use benches::{Figures, Machine, Usage, pin};
use clap::Parser;

const PROGRAM: &str = "/usr/sbin/kamailio";
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/kamailio.cfg");

/// Places the calls of `load` through Kamailio and measures what they cost.
#[derive(Parser)]
#[command(about, long_about = None)]
struct Args {
    /// Calls a second, one part of the test each.
    #[arg(long, value_delimiter = ',', default_values_t = [500.0, 1_000.0, 2_000.0])]
    rates: Vec<f64>,
    /// Length of each part in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Of cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut figures = Figures::of("peers");
    figures.note(&format!("peers: {}", Machine::here()));
    if !Path::new(PROGRAM).exists() {
        figures.note("peers: Kamailio is skipped: install kamailio to have it beside");
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores >= 2, "two cores are needed: one for Kamailio, one for the world around it");
    let kamailio = Kamailio::start()?;
    pin(1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&args, &kamailio, &mut figures))?;
    figures.keep()?;
    Ok(())
}

async fn measure(args: &Args, kamailio: &Kamailio, figures: &mut Figures) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let highest = args.rates.iter().copied().fold(0.0, f64::max);
    let staff = Staff { busy: (highest * 3.0) as usize, queue: 0 };
    let mut world = World::new(kamailio.address, staff, Dialled::Phones, 1)?;
    world.register().await.context("through Kamailio")?;
    for rate in &args.rates {
        let duration = Duration::from_secs(args.seconds);
        let before = kamailio.usage()?;
        world.offer(*rate, duration).await;
        world.rest(Duration::from_secs(40)).await;
        let (seen, used) = (world.take_seen(), kamailio.usage()?.since(&before));
        let case = format!("Kamailio, {rate:.0} calls/s");
        let cpu = used.cpu.as_secs_f64() * 1e3 / seen.placed as f64;
        figures.tell(&case, "CPU a call", cpu, "ms");
        figures.tell(&case, "failures", seen.failed() as f64, "");
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            figures.tell(&case, &format!("setup {name}"), seen.setup_ms(quantile), "ms");
        }
        for (failure, count) in &seen.failures {
            figures.note(&format!("peers: {case}: {count} × {failure}"));
        }
    }
    Ok(())
}

struct Kamailio {
    child: Child,
    address: SocketAddr,
}

impl Kamailio {
    fn start() -> anyhow::Result<Self> {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let address = free.context("find a free port")?;
        pin(0)?;
        let child = Command::new(PROGRAM)
            .args(["-f", CONFIGURATION, "-DD", "-E", "-m", "512", "-M", "16"])
            .arg("-l")
            .arg(format!("udp:{address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start Kamailio")?;
        Ok(Self { child, address })
    }

    /// Of all its processes.
    fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of_family(self.child.id())
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its main process ends the others.
        let process = rustix::process::Pid::from_child(&self.child);
        let _gone = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        let _gone = self.child.wait();
    }
}
