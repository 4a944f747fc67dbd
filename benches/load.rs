//! Calls from outside, through the real server on one core: how many a second, at what cost.
//!
//! The server is a process of its own on core 0 with its default configuration; an operator and phones
//! that register with digest and answer at once live in this process on core 1. Every call is real:
//! INVITE, 180, 200, ACK, BYE on both legs, its record on the disk, its four voice ports opened, one
//! packet of voice each way, a conversation of a second, no wrap-up.

#[path = "load/server.rs"]
mod server;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use benches::centre::Staff;
use benches::world::{Dialled, Seen, World};
use benches::{Bar, Figures, Machine, Usage, pin};
use clap::Parser;

use server::Server;

/// Through which rates the ramp goes: by this factor, from the first.
const RAMP: f64 = 1.15;
/// A step of it is passed when this share of callers was answered this soon, and nobody failed.
const PASS_QUANTILE: f64 = 0.99;
const PASS_MS: f64 = 100.0;
/// Of what the ramp has found, so much is sustained: at the edge itself a moment's rest of the machine
/// makes a queue that never goes.
const SUSTAINED: f64 = 0.75;
/// More secretaries than calls that are up at once.
const SPARE: f64 = 1.3;

/// Places calls through the real server and measures what they cost.
#[derive(Parser)]
#[command(about, long_about = None)]
struct Args {
    /// Calls a second to sustain; by default the ramp finds what the server carries.
    #[arg(long)]
    rate: Option<f64>,
    /// Where the ramp begins, in calls a second.
    #[arg(long, default_value_t = 800.0)]
    from: f64,
    /// How long the load is sustained, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Calls that are held at once while memory is measured.
    #[arg(long, default_value_t = 2_000)]
    held: usize,
    /// Secretaries that are registered; the ramp ends where there are too few.
    #[arg(long, default_value_t = 7_000)]
    secretaries: usize,
    /// The server's program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Seed of the callers' moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keeps the server's folder: configuration, records and log.
    #[arg(long)]
    keep: bool,
    /// Prints the figures as one JSON array, and all else to stderr.
    #[arg(long)]
    json: bool,
    /// Of cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores >= 2, "two cores are needed: one for the server, one for the world around it");
    let folder = scratch()?;
    let result = run(&args, &folder);
    if args.keep {
        writeln!(std::io::stderr(), "load: kept: {}", folder.display())?;
    } else {
        std::fs::remove_dir_all(&folder).context("remove the scratch folder")?;
    }
    result
}

fn run(args: &Args, folder: &std::path::Path) -> anyhow::Result<()> {
    let mut figures = if args.json { Figures::as_json("load") } else { Figures::of("load") };
    figures.note(&format!("load: {}", Machine::here()));
    let staff = Staff { busy: args.secretaries, queue: 500 };
    let program = program(args)?;
    let server = Server::start(&program, folder, staff, 0)?;
    pin(1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(args, server, staff, &mut figures))?;
    figures.keep()?;
    Ok(())
}

async fn measure(
    args: &Args,
    mut server: Server,
    staff: Staff,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    server.check()?;
    let mut world = World::new(server.address, staff, Dialled::Practices, args.seed)?;
    world.register().await?;
    let mut failures = 0;

    let before = server.memory_bytes()?;
    let talk = Duration::from_secs(60);
    let rate = 500.0;
    let time = Duration::from_secs_f64(args.held as f64 / rate);
    world.offer_talking(rate, time, talk).await;
    world.pause(Duration::from_millis(500)).await;
    let (held, after) = (world.live_calls(), server.memory_bytes()?);
    let case = format!("{held} calls held");
    figures.tell(&case, "memory", after as f64 / 1e6, "MB");
    figures.tell(&case, "memory a call", (after - before) as f64 / 1e3 / held as f64, "kB");
    world.hang_up_all().await;
    failures += report(figures, &case, &world.take_seen());

    let capacity = match args.rate {
        Some(rate) => rate,
        None => ramp(args, &mut world, figures).await? * SUSTAINED,
    };
    let sustained = Duration::from_secs(args.seconds);
    let (seen, used) = under_load(&mut world, &server, capacity, sustained).await?;
    let case = "sustained";
    let rate = seen.placed as f64 / sustained.as_secs_f64();
    figures.judge(case, "calls/s", rate, "calls/s", Bar::AtLeast(1_500.0));
    let cpu = used.cpu.as_secs_f64() * 1e3 / seen.placed as f64;
    figures.judge(case, "CPU a call", cpu, "ms", Bar::AtMost(0.25));
    for (thread, time) in &used.by_thread {
        let cpu = time.as_secs_f64() * 1e3 / seen.placed as f64;
        figures.tell(case, &format!("CPU a call, {thread}"), cpu, "ms");
    }
    figures.judge(case, "failures", seen.failed() as f64, "", Bar::AtMost(0.0));
    tell_ms(figures, case, "setup", &seen.setup, None);
    failures += report(figures, case, &seen);

    let half = Duration::from_secs(20);
    let (seen, used) = under_load(&mut world, &server, capacity / 2.0, half).await?;
    let case = "half of it";
    tell_ms(figures, case, "setup", &seen.setup, Some(Bar::AtMost(10.0)));
    let cpu = used.cpu.as_secs_f64() * 1e3 / seen.placed as f64;
    figures.tell(case, "CPU a call", cpu, "ms");
    failures += report(figures, case, &seen);

    world.queue(500, staff.queue, Duration::from_secs(5)).await;
    world.take_seen();
    world.queue(500, staff.queue, Duration::from_secs(15)).await;
    let seen = world.take_seen();
    let case = "500 wait for 500 secretaries";
    tell_ms(figures, case, "BYE to INVITE", &seen.handover, Some(Bar::AtMost(5.0)));
    failures += report(figures, case, &seen);
    world.hang_up_all().await;
    // Those who still waited have given up, as they were told.
    world.take_seen();

    let (recorded, served) = server.stop()?;
    let missing = world.placed.abs_diff(recorded);
    figures.judge("all", "calls without a record", missing as f64, "", Bar::AtMost(0.0));
    let differ = world.served.abs_diff(served).saturating_sub(world.crossed);
    figures.judge("all", "served calls recorded otherwise", differ as f64, "", Bar::AtMost(0.0));
    figures.tell("all", "calls", world.placed as f64, "");
    figures.judge("all", "failures", failures as f64, "", Bar::AtMost(0.0));
    Ok(())
}

/// The highest rate that the server carries.
async fn ramp(args: &Args, world: &mut World, figures: &mut Figures) -> anyhow::Result<f64> {
    let step = Duration::from_secs(5);
    let (mut rate, mut carried) = (args.from, None);
    while rate * SPARE <= args.secretaries as f64 {
        world.offer(rate, step).await;
        world.rest(Duration::from_secs(40)).await;
        let seen = world.take_seen();
        let late = seen.setup_ms(PASS_QUANTILE);
        figures.note(&format!(
            "load: {rate:.0} calls/s: {} failed, setup p50 {:.2} ms, p99 {late:.2} ms, placed up to {} ms late",
            seen.failed(),
            seen.setup_ms(0.5),
            seen.latest.as_millis(),
        ));
        if seen.failed() > 0 || late > PASS_MS {
            report(figures, "ramp", &seen);
            break;
        }
        carried = Some(rate);
        rate *= RAMP;
    }
    let carried = carried.context("the server does not carry the first step of the ramp")?;
    figures.tell("ramp", "calls/s", carried, "calls/s");
    Ok(carried)
}

/// What is seen and used while so many calls a second come for so long, and until they have ended.
async fn under_load(
    world: &mut World,
    server: &Server,
    rate: f64,
    duration: Duration,
) -> anyhow::Result<(Seen, Usage)> {
    let before = server.usage()?;
    world.offer(rate, duration).await;
    world.rest(Duration::from_secs(40)).await;
    Ok((world.take_seen(), server.usage()?.since(&before)))
}

/// Tells what went wrong; how much did.
fn report(figures: &Figures, case: &str, seen: &Seen) -> usize {
    for (failure, count) in &seen.failures {
        figures.note(&format!("load: {case}: {count} × {failure}"));
    }
    seen.failed()
}

fn tell_ms(
    figures: &mut Figures,
    case: &str,
    what: &str,
    nanoseconds: &hdrhistogram::Histogram<u64>,
    p99: Option<Bar>,
) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let value = nanoseconds.value_at_quantile(quantile) as f64 / 1e6;
        let what = format!("{what} {name}");
        match p99.filter(|_| name == "p99") {
            Some(bar) => figures.judge(case, &what, value, "ms", bar),
            None => figures.tell(case, &what, value, "ms"),
        }
    }
}

/// The server that was built with this bench.
fn program(args: &Args) -> anyhow::Result<PathBuf> {
    if let Some(program) = &args.server {
        return Ok(program.clone());
    }
    let bench = std::env::current_exe()?;
    // target/PROFILE/deps/load-…
    let folder = bench.ancestors().nth(2).context("the bench lies in a target folder")?;
    let program = folder.join("monoligne");
    ensure!(
        program.exists(),
        "{} is not there: build it first with `cargo build --release`",
        program.display()
    );
    Ok(program)
}

fn scratch() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("monoligne-load-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}
