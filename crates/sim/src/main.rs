//! `cargo sim`: plays seeds.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use clap::Parser;
use sim::{Options, Outcomes, Tally};

/// A range that is long enough to meet everything that can happen.
const RANGE_COMPLETE: u64 = 200;
/// Seeds between two saves of the progress.
const CHUNK: u64 = 250;
const LAST_STEPS: usize = 60;

/// Plays the engine in a virtual world, once for each seed, and checks it at every step.
#[derive(Debug, Parser)]
struct Arguments {
    /// Play this one.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Tell every step of it.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Never swap the engine for a restored one.
    #[arg(long)]
    no_restore: bool,
    /// Play this range, the end excluded; stop at the first failure.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Keep the progress in this file, and go on from there.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "sim-progress.txt", requires = "seeds")]
    resume: Option<PathBuf>,
    /// Threads for a range.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (low, high) = text.split_once("..").ok_or("write it as A..B")?;
    let read = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let range = read(low)?..read(high)?;
    if range.is_empty() { Err("the range is empty".to_owned()) } else { Ok(range) }
}

#[expect(clippy::print_stdout, reason = "the binary's front")]
#[expect(clippy::print_stderr, reason = "the binary's front")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    sim::keep_panics();
    let played = match (&arguments.seeds, arguments.seed) {
        (Some(range), _) => play_range(range, &arguments),
        (None, seed) => play_one(seed.unwrap_or(1), &arguments),
    };
    match played {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play_one(seed: u64, arguments: &Arguments) -> anyhow::Result<String> {
    let options = Options { trace: arguments.trace, restore: !arguments.no_restore };
    let played = sim::run(seed, options);
    let mut text = played.trace.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    if let Some((at, failure)) = &played.failure {
        bail!("{text}seed {seed} fails at {at}: {failure}");
    }
    let Outcomes { digest, steps, lasted, tally, records, .. } = &played;
    text.push_str(&format!(
        "seed {seed}: {} calls, {steps} steps, {lasted:?} of virtual time, digest {digest:016x}\n{tally}",
        records.len()
    ));
    Ok(text)
}

#[expect(clippy::print_stderr, reason = "progress")]
fn play_range(range: &Range<u64>, arguments: &Arguments) -> anyhow::Result<String> {
    let (mut next, mut tally) = match &arguments.resume {
        Some(file) => load(file, range)?,
        None => (range.start, Tally::default()),
    };
    let options = Options { trace: false, restore: !arguments.no_restore };
    while next < range.end {
        let chunk = next..range.end.min(next + CHUNK);
        let (counted, failed) = play_chunk(chunk.clone(), options, arguments.threads.max(1));
        if let Some(seed) = failed {
            return tell_failure(seed, options);
        }
        tally.merge(&counted);
        next = chunk.end;
        if let Some(file) = &arguments.resume {
            save(file, range, next, &tally)?;
        }
        eprintln!("{next} of {range:?}");
    }
    let complete = range.end - range.start >= RANGE_COMPLETE;
    let zeros: Vec<&str> = tally.zeros().map(sim::Happening::name).collect();
    if complete && !zeros.is_empty() {
        bail!("{tally}never happened in {range:?}: {}", zeros.join(", "));
    }
    Ok(format!("{tally}{range:?}: no failure"))
}

/// Counts of a range, and the first seed that fails. Seeds are taken in order, so that all below a
/// failing one are played.
fn play_chunk(chunk: Range<u64>, options: Options, threads: usize) -> (Tally, Option<u64>) {
    let next = AtomicU64::new(chunk.start);
    let stop_at = AtomicU64::new(chunk.end);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= stop_at.load(Ordering::Relaxed) {
                        break;
                    }
                    let played = sim::run(seed, options);
                    mine.merge(&played.tally);
                    if played.failure.is_some() {
                        stop_at.fetch_min(seed, Ordering::Relaxed);
                    }
                }
                total.lock().expect("no thread panics").merge(&mine);
            });
        }
    });
    let stop_at = stop_at.into_inner();
    let failed = (stop_at < chunk.end).then_some(stop_at);
    (total.into_inner().expect("no thread panics"), failed)
}

/// Plays it again to tell how it came about.
fn tell_failure(seed: u64, options: Options) -> anyhow::Result<String> {
    let played = sim::run(seed, Options { trace: true, ..options });
    let first = played.trace.len().saturating_sub(LAST_STEPS);
    let told = played.trace[first..].join("\n");
    match played.failure {
        Some((at, failure)) => bail!("{told}\nseed {seed} fails at {at}: {failure}"),
        None => bail!("seed {seed} failed, and does not when played again: not deterministic"),
    }
}

fn save(file: &PathBuf, range: &Range<u64>, next: u64, tally: &Tally) -> anyhow::Result<()> {
    let text = format!("{}..{}\n{next}\n{}\n", range.start, range.end, tally.line());
    let fresh = file.with_extension("new");
    fs::write(&fresh, text).with_context(|| format!("writing {}", fresh.display()))?;
    fs::rename(&fresh, file).with_context(|| format!("writing {}", file.display()))
}

fn load(file: &PathBuf, wanted: &Range<u64>) -> anyhow::Result<(u64, Tally)> {
    let Ok(text) = fs::read_to_string(file) else { return Ok((wanted.start, Tally::default())) };
    let mut lines = text.lines();
    let read = || {
        let range = range(lines.next()?).ok()?;
        let next = lines.next()?.parse().ok()?;
        Some((range, next, Tally::read(lines.next()?)?))
    };
    let mut read = read;
    match read() {
        Some((range, next, tally)) if range == *wanted => Ok((next, tally)),
        Some((range, ..)) => bail!("{} is of {range:?}: remove it first", file.display()),
        None => bail!("{} cannot be read: remove it first", file.display()),
    }
}
