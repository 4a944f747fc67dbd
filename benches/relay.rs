//! What a packet of voice costs in the relay, beside the bare loop and rtpengine.
//!
//! 500 calls, each leg with a port pair of its own; the relay on core 0, both ends of all calls on core 1.
//! *Flood*: as fast as it goes. *Paced*: 50,000 packets a second, as 500 conversations send them. Relay,
//! bare loop and, where Debian's rtpengine-daemon is installed, rtpengine in userspace take turns.

#[path = "relay/rtpengine.rs"]
mod rtpengine;
#[path = "relay/traffic.rs"]
mod traffic;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use benches::{Bar, Figures, Machine, pin};
use media::bare::BareLoop;
use media::{Config, Leg, Order, Relay, Remote, Source};

use rtpengine::Rtpengine;
use traffic::{Seen, Traffic};

const CALLS: usize = 500;
const PORTS_FROM: u16 = 12_000;
const PACED: u32 = 50_000;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
/// The relay may cost so many times the bare loop.
const RATIO_MAX: f64 = 1.25;
const RELAY_CORE: usize = 0;
const OUTSIDE_CORE: usize = 1;

/// Who moves the packets.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd)]
enum Mover {
    Relay,
    Bare,
    Rtpengine,
}

impl Mover {
    fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Bare => "the bare loop",
            Self::Rtpengine => "rtpengine",
        }
    }
}

/// What one of them did in one mode.
struct Tally {
    seen: Seen,
    cpu: Duration,
}

impl Tally {
    fn cpu_ns(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.seen.heard.max(1) as f64
    }
}

fn main() -> anyhow::Result<()> {
    let mut figures = Figures::of("relay");
    figures.note(&format!("relay: {}", Machine::here()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores >= 2, "two cores are needed: one for the relay, one for the world around it");
    let mut traffic = Traffic::new()?;
    pin(RELAY_CORE)?;
    let mut other = Rtpengine::start()?;
    if other.is_none() {
        figures.note("relay: rtpengine is skipped: install rtpengine-daemon to have it beside");
    }
    let other_calls = match &mut other {
        Some(rtpengine) => calls_of_rtpengine(rtpengine, &traffic)?,
        None => Vec::new(),
    };
    for (mode, is_flood) in [("flood", true), ("50,000 packets/s", false)] {
        let mut movers = vec![Mover::Relay, Mover::Bare];
        movers.extend(other.as_ref().map(|_| Mover::Rtpengine));
        let mut tallies: Vec<(Mover, Tally)> = movers
            .into_iter()
            .map(|mover| (mover, Tally { seen: Seen::new(), cpu: Duration::ZERO }))
            .collect();
        for _ in 0..ROUNDS {
            for (mover, tally) in &mut tallies {
                let process = other.as_ref().map(Rtpengine::process);
                turn(*mover, is_flood, &mut traffic, process, &other_calls, tally)?;
            }
        }
        tell(&mut figures, mode, &tallies);
    }
    figures.keep()?;
    Ok(())
}

fn tell(figures: &mut Figures, mode: &str, tallies: &[(Mover, Tally)]) {
    for (mover, tally) in tallies {
        let Tally { seen, .. } = tally;
        let case = format!("{mode}, {}", mover.name());
        figures.tell(&case, "CPU a packet", tally.cpu_ns(), "ns");
        let rate = seen.heard as f64 / seen.took.as_secs_f64();
        figures.tell(&case, "packets/s", rate, "packets/s");
        let lost = seen.sent.saturating_sub(seen.heard) as f64 / seen.sent.max(1) as f64;
        figures.tell(&case, "lost", lost * 100.0, "%");
        figures.tell_latency(&case, "latency", &seen.latency);
    }
    let cpu = |wanted: Mover| {
        let found = tallies.iter().find(|(mover, _)| *mover == wanted);
        found.map(|(_, tally)| tally.cpu_ns())
    };
    if let (Some(relay), Some(bare)) = (cpu(Mover::Relay), cpu(Mover::Bare)) {
        let what = "CPU a packet, times the bare loop's";
        figures.judge(mode, what, relay / bare, "times", Bar::AtMost(RATIO_MAX));
    }
    if let (Some(rtpengine), Some(bare)) = (cpu(Mover::Rtpengine), cpu(Mover::Bare)) {
        let what = "rtpengine's CPU a packet, times the bare loop's";
        figures.tell(mode, what, rtpengine / bare, "times");
    }
}

/// One mover's turn.
fn turn(
    mover: Mover,
    is_flood: bool,
    traffic: &mut Traffic,
    rtpengine: Option<u32>,
    rtpengine_calls: &[(SocketAddr, SocketAddr)],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let (callers, secretaries) = (traffic.callers()?, traffic.secretaries()?);
    let config = Config::new(
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        PORTS_FROM..=PORTS_FROM + u16::try_from(CALLS * 4 - 1)?,
    );
    // Threads start on the core of who starts them.
    pin(RELAY_CORE)?;
    let (mut relay, mut bare) = (None, None);
    let calls = match mover {
        Mover::Relay => {
            let mut started = media::start(config).context("start the relay")?;
            let calls = join(&mut started, callers, secretaries)?;
            relay = Some(started);
            calls
        }
        Mover::Bare => {
            let started = BareLoop::start(&config, callers, secretaries).context("start")?;
            let calls = pairs(started.ports());
            bare = Some(started);
            calls
        }
        Mover::Rtpengine => rtpengine_calls.to_vec(),
    };
    pin(OUTSIDE_CORE)?;
    let process = match mover {
        Mover::Relay | Mover::Bare => std::process::id(),
        Mover::Rtpengine => rtpengine.expect("it is started"),
    };
    let thread = match mover {
        Mover::Relay => Some("media-0"),
        Mover::Bare => Some("bare-0"),
        Mover::Rtpengine => None,
    };
    let mut run = |time| match is_flood {
        true => traffic.flood(&calls, time),
        false => traffic.paced(&calls, PACED, time),
    };
    run(Duration::from_millis(300));
    let before = cpu(process, thread)?;
    let seen = run(ROUND);
    tally.cpu += cpu(process, thread)?.saturating_sub(before);
    tally.seen.add(&seen);
    drop((relay, bare));
    Ok(())
}

/// Each call's two ports, as its caller and its secretary know them.
fn pairs(ports: &[u16]) -> Vec<(SocketAddr, SocketAddr)> {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    ports.chunks_exact(2).map(|ports| (at(ports[0]), at(ports[1]))).collect()
}

/// Orders the legs, and waits until they are there.
fn join(
    relay: &mut Relay,
    callers: SocketAddr,
    secretaries: SocketAddr,
) -> anyhow::Result<Vec<(SocketAddr, SocketAddr)>> {
    let ports = relay.shards()[0].clone();
    for ports in ports.chunks_exact(2) {
        for (port, peer, remote) in
            [(ports[0], ports[1], callers), (ports[1], ports[0], secretaries)]
        {
            let rtcp = SocketAddr::new(remote.ip(), remote.port() + 1);
            let leg = Leg {
                remote: Some(Remote { rtp: remote, rtcp }),
                source: Source::Fixed,
                signalling: Some(remote.ip()),
                peer: Some(peer),
                watch: true,
                ..Leg::default()
            };
            let order = Order::Set { port, owner: port.into(), leg };
            relay.order(order).context("order a leg")?;
        }
    }
    for _ in 0..200 {
        if relay.counters().legs as usize == ports.len() {
            return Ok(pairs(&ports));
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    anyhow::bail!("the relay has {} legs of {}", relay.counters().legs, ports.len())
}

fn calls_of_rtpengine(
    rtpengine: &mut Rtpengine,
    traffic: &Traffic,
) -> anyhow::Result<Vec<(SocketAddr, SocketAddr)>> {
    let (callers, secretaries) = (traffic.callers()?, traffic.secretaries()?);
    (0..CALLS).map(|number| rtpengine.call(number, callers, secretaries)).collect()
}

/// CPU time of a process's threads, or of those with this name (schedstat, in nanoseconds).
fn cpu(process: u32, thread: Option<&str>) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = task?.path();
        let name = fs::read_to_string(path.join("comm"))?;
        if thread.is_none_or(|thread| name.trim() == thread) {
            let text = fs::read_to_string(path.join("schedstat"))?;
            let spent = text.split_whitespace().next().context("an empty schedstat")?;
            nanos += spent.parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanos))
}
