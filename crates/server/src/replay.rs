//! A past day's calls run through a configuration in virtual time: `monoligne replay`.
//!
//! The scheduler alone decides, as it does in the server. What the day gives (`day`): who called whom when,
//! how long callers had patience, how long conversations took, who was logged in, how often a phone was not
//! answered, who took callers that were forwarded (`receptions`). What it does not give is drawn, by a seed
//! of the call's own, so that two configurations meet the same callers; and every such guess is said in
//! [`Report::assumed`].

mod csv;
mod day;
mod dice;
mod directory;
mod figures;
mod floor;
mod page;
mod receptions;
mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use acd::TimeZone;
use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::clock::Clock;
use crate::config;
use day::Day;
pub use figures::{Figures, RungFigures, Tally};

/// For `--help`.
pub const ABOUT: &str = "\
Run a past day's calls through a configuration, in virtual time, and tell how it would have gone.

Prints what was, what would have been, and with --compare what would have been by another configuration:
answer rate = answered / (offered - callers who gave up within 5 s), waits of the answered, the share of the
offered answered within the practice's `answer_within`, who gave up, who was rung. Who is taken by a
practice's own reception or at a number outside is answered. CHANGE is from the one configuration to the
other; without --compare from what was to what would have been. Every call is in each column: those while a
practice is closed or on leave are counted apart, so are callers whom a list ends at once, and calls of
nobody in the configuration. Everything that had to be supposed is listed at the end.

The calls come from the records of a server (--records FILE.sqlite), of one day of France, of which nothing
else is read, or from a CSV file: one call a line, below a line of column names, separated by commas or
semicolons, UTF-8:

  arrived   2026-11-26T08:30:05 on the clock of France; seconds may be left out           required
  did       the number dialled, or the key or the name of a practice                      required
  caller    his number; empty: withheld
  wait_s    seconds until he was answered or gave up                                      required
  talk_s    seconds of the conversation; empty: he was not answered                       required
  outcome   answered, forwarded (answered at a reception or a number outside), abandoned,
            closed, blocked, unknown (nobody had the number), or any other word for a call
            that was ended while he waited (busy);
            without it: answered where talk_s is there, else abandoned
  agent     the user or the name of who answered

  arrived;did;caller;wait_s;talk_s;agent
  2026-11-26T08:30:05;01 99 00 12 34;06 39 98 00 01;12;95;101

Secretaries are logged in from their first to their last call of the day; where no line names one, and with
--all-day, all of the configuration are there all day. --json prints one object {calls, assumed, recorded,
replayed, compared, practices, teams, agents, targets, took_ms, peak_bytes}.";

#[derive(Args)]
pub struct Options {
    /// The records of a server: `records.sqlite` in its data folder.
    #[arg(long, value_name = "FILE", required_unless_present = "csv", conflicts_with = "csv")]
    records: Option<PathBuf>,
    /// A file of calls.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The day of the records, as 2026-11-26. Default: that of the last call.
    #[arg(long, value_name = "DATE", conflicts_with = "csv")]
    day: Option<String>,
    /// The configuration: a folder with `monoligne.toml`, or one file.
    #[arg(long, value_name = "PATH", default_value = "config")]
    config: PathBuf,
    /// Another configuration, to be compared.
    #[arg(long, value_name = "PATH")]
    compare: Option<PathBuf>,
    /// All secretaries are logged in all day, whoever answered calls.
    #[arg(long)]
    all_day: bool,
    /// Of callers who are forwarded where the records tell nothing of who takes callers, so many percent are
    /// taken. Default: as secretaries answer.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    forwards_answered: Option<u8>,
    /// Of what is drawn: the same seed gives the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Figures of each practice and each team too.
    #[arg(long)]
    details: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What was, and what would have been.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub calls: usize,
    pub assumed: Vec<String>,
    /// As the records have it, of the calls that the first configuration gives to a practice.
    pub recorded: Figures,
    pub replayed: Figures,
    pub compared: Option<Figures>,
    pub practices: Vec<Line>,
    pub teams: Vec<Line>,
    pub agents: Vec<RungLine>,
    /// Where plans forwarded callers to: phones by name, of numbers two digits.
    pub targets: Vec<RungLine>,
    /// Of the clock on the wall.
    pub took_ms: u64,
    /// The process's memory at its highest; 0: the system does not tell.
    pub peak_bytes: u64,
}

/// One practice or team in both configurations, each by its key.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub key: String,
    /// Several practices may have one.
    pub name: String,
    /// Of practices.
    pub recorded: Option<Figures>,
    pub replayed: Option<Figures>,
    pub compared: Option<Figures>,
}

/// Who was rung: a secretary, a target.
#[derive(Clone, Debug, Serialize)]
pub struct RungLine {
    /// Her user; what is shown of a target.
    pub who: String,
    /// `None`: the day does not tell.
    pub recorded: Option<RungFigures>,
    pub replayed: Option<RungFigures>,
    pub compared: Option<RungFigures>,
}

/// What the command line has supposed.
#[derive(Copy, Clone, Debug)]
struct Suppositions {
    all_day: bool,
    forwards_answered: Option<u8>,
    seed: u64,
}

/// By key.
type Tallies = BTreeMap<String, Named>;
type Rung = BTreeMap<String, RungFigures>;

#[derive(Clone, Debug)]
struct Named {
    name: String,
    tally: Tally,
}

/// What is to be printed.
pub fn run(options: &Options) -> anyhow::Result<String> {
    let report = report(options)?;
    Ok(match options.json {
        true => serde_json::to_string(&report)?,
        false => page::text(&report, options.details),
    })
}

fn report(options: &Options) -> anyhow::Result<Report> {
    let clock = Clock::start();
    let loaded = config::load(&options.config)?;
    let other = options.compare.as_deref().map(config::load).transpose()?;
    let zone = TimeZone::PARIS;
    let day = match (&options.csv, &options.records) {
        (Some(path), _) => {
            let bytes =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            csv::read(&bytes, zone)
                .map_err(|faults| anyhow::anyhow!("{}", faults.in_file(path.display())))?
        }
        (None, Some(path)) => Day::of_records(path, options.day.as_deref(), zone)?,
        (None, None) => anyhow::bail!("name the calls: --records FILE or --csv FILE"),
    };
    anyhow::ensure!(!day.calls.is_empty(), "there are no calls in it: nothing to run");
    let suppositions = Suppositions {
        all_day: options.all_day,
        forwards_answered: options.forwards_answered,
        seed: options.seed,
    };
    let was = recorded::of(&day, &loaded.engine);
    let one = floor::run(&loaded.engine, &day, suppositions);
    let two = other.map(|it| floor::run(&it.engine, &day, suppositions));
    let mut assumed = day.assumed();
    assumed.extend(one.assumed.iter().cloned());
    let of_other = two.iter().flat_map(|two| &two.assumed);
    let new = of_other.filter(|text| !one.assumed.contains(text));
    assumed.extend(new.map(|text| format!("{text} (in the other configuration)")));
    let compared = two.as_ref();
    let targets = [
        Some(recorded::shown(&was.targets)),
        Some(recorded::shown(&one.targets)),
        compared.map(|two| recorded::shown(&two.targets)),
    ];
    let [was_targets, one_targets, two_targets] = targets.each_ref().map(Option::as_ref);
    let took = clock.now().as_micros() / 1_000;
    Ok(Report {
        calls: day.calls.len(),
        assumed,
        recorded: was.all.figures(),
        replayed: one.all.figures(),
        compared: compared.map(|two| two.all.figures()),
        practices: lines([
            Some(&was.practices),
            Some(&one.practices),
            compared.map(|two| &two.practices),
        ]),
        teams: lines([None, Some(&one.teams), compared.map(|two| &two.teams)]),
        agents: rung([Some(&was.agents), Some(&one.agents), compared.map(|two| &two.agents)]),
        targets: rung([was_targets, one_targets, two_targets]),
        took_ms: took,
        peak_bytes: peak_bytes(),
    })
}

/// As recorded, replayed and compared.
fn lines(columns: [Option<&Tallies>; 3]) -> Vec<Line> {
    let keys: BTreeSet<&String> = columns.iter().flatten().flat_map(|it| it.keys()).collect();
    let line = |key: &String| {
        let found = columns.map(|column| column.and_then(|column| column.get(key)));
        let name = found.iter().flatten().next().map_or(key, |named| &named.name);
        let [recorded, replayed, compared] =
            found.map(|named| named.map(|named| named.tally.figures()));
        Line { key: key.clone(), name: name.clone(), recorded, replayed, compared }
    };
    keys.into_iter().map(line).collect()
}

/// Likewise.
fn rung(columns: [Option<&Rung>; 3]) -> Vec<RungLine> {
    let all: BTreeSet<&String> = columns.iter().flatten().flat_map(|it| it.keys()).collect();
    let line = |who: &String| {
        let [recorded, replayed, compared] =
            columns.map(|column| column.and_then(|column| column.get(who)).copied());
        RungLine { who: who.clone(), recorded, replayed, compared }
    };
    all.into_iter().map(line).collect()
}

/// Of this key.
fn tally<'t>(tallies: &'t mut Tallies, key: &str, name: &str) -> &'t mut Tally {
    if !tallies.contains_key(key) {
        let named = Named { name: name.to_owned(), tally: Tally::default() };
        tallies.insert(key.to_owned(), named);
    }
    &mut tallies.get_mut(key).expect("it was put there if it was not there").tally
}

/// `VmHWM` of proc(5).
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_u64) * 1_024
}
