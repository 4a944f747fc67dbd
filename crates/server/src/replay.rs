//! A past day's calls run through a configuration in virtual time: `monoligne replay`.
//!
//! The scheduler alone decides, as it does in the server. What the day gives (`day`): who called whom when,
//! how long callers had patience, how long conversations took, who was logged in, how often a phone was not
//! answered. What it does not give is drawn, by a seed of the call's own, so that two configurations meet the
//! same callers; and every such guess is said in [`Report::assumed`].

mod csv;
mod day;
mod figures;
mod floor;

use std::path::PathBuf;

use acd::TimeZone;
use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::clock::Clock;
use crate::config;
use day::Day;
pub use figures::{AgentFigures, Figures, Tally};

/// For `--help`.
pub const ABOUT: &str = "\
Run a past day's calls through a configuration, in virtual time, and tell how it would have gone.

Prints what was, what would have been, and with --compare what would have been by another configuration:
answer rate = answered / (offered - callers who gave up within 5 s), waits of the answered, the share of the
offered answered within the practice's `answer_within`, who gave up, who was rung. Calls while a practice is
closed or on leave are counted apart. Everything that had to be supposed is listed at the end.

The calls come from the records of a server (--records FILE.sqlite), of one day of France, or from a CSV
file: one call a line, below a line of column names, separated by commas or semicolons, UTF-8:

  arrived   2026-11-26T08:30:05 on the clock of France; seconds may be left out           required
  did       the number dialled, or the name of a practice                                 required
  caller    his number; empty: withheld
  wait_s    seconds until he was answered or gave up                                      required
  talk_s    seconds of the conversation; empty: he was not answered                       required
  outcome   answered, abandoned, or anything else that ended his call (busy, closed);
            without it: answered where talk_s is there, else abandoned
  agent     the user or the name of who answered

  arrived;did;caller;wait_s;talk_s;agent
  2026-11-26T08:30:05;01 99 00 12 34;06 39 98 00 01;12;95;101

Secretaries are logged in from their first to their last call of the day; where no line names one, and with
--all-day, all of the configuration are there all day. --json prints one object {calls, assumed, recorded,
replayed, compared, practices, teams, agents, took_ms, peak_bytes}.";

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
    /// As the records have it.
    pub recorded: Figures,
    pub replayed: Figures,
    pub compared: Option<Figures>,
    pub practices: Vec<Line>,
    pub teams: Vec<Line>,
    pub agents: Vec<AgentLine>,
    /// Of the clock on the wall.
    pub took_ms: u64,
    /// The process's memory at its highest; 0: the system does not tell.
    pub peak_bytes: u64,
}

/// One practice or team in both configurations.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub name: String,
    pub replayed: Option<Figures>,
    pub compared: Option<Figures>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AgentLine {
    pub user: String,
    pub replayed: Option<AgentFigures>,
    pub compared: Option<AgentFigures>,
}

/// What is to be printed.
pub fn run(options: &Options) -> anyhow::Result<String> {
    let report = report(options)?;
    Ok(match options.json {
        true => serde_json::to_string(&report)?,
        false => figures::text(&report, options.details),
    })
}

fn report(options: &Options) -> anyhow::Result<Report> {
    let clock = Clock::start();
    let loaded = config::load(&options.config)?;
    let other = options.compare.as_deref().map(config::load).transpose()?;
    let zone = TimeZone::PARIS;
    let day = match (&options.csv, &options.records) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            csv::read(&text, zone).map_err(|error| {
                anyhow::anyhow!("{}:{}: {}", path.display(), error.line, error.fault)
            })?
        }
        (None, Some(path)) => Day::of_records(path, options.day.as_deref(), zone)?,
        (None, None) => anyhow::bail!("name the calls: --records FILE or --csv FILE"),
    };
    anyhow::ensure!(!day.calls.is_empty(), "there are no calls in it: nothing to run");
    let one = floor::run(&loaded.engine, &day, options.all_day, options.seed);
    let two = other.map(|it| floor::run(&it.engine, &day, options.all_day, options.seed));
    let mut assumed = day.assumed();
    assumed.extend(one.assumed.iter().cloned());
    let of_other = two.iter().flat_map(|two| &two.assumed);
    let new = of_other.filter(|text| !one.assumed.contains(text));
    assumed.extend(new.map(|text| format!("{text} (in the other configuration)")));
    let practices = lines(&one.practices, two.as_ref().map(|two| &two.practices));
    let teams = lines(&one.teams, two.as_ref().map(|two| &two.teams));
    let users: std::collections::BTreeSet<&String> =
        one.agents.keys().chain(two.iter().flat_map(|two| two.agents.keys())).collect();
    let agents = users.into_iter().map(|user| AgentLine {
        user: user.clone(),
        replayed: one.agents.get(user).copied(),
        compared: two.as_ref().and_then(|two| two.agents.get(user).copied()),
    });
    let took = clock.now().as_micros() / 1_000;
    Ok(Report {
        calls: day.calls.len(),
        assumed,
        recorded: day.tally(&loaded.engine).figures(),
        replayed: one.all.figures(),
        compared: two.as_ref().map(|two| two.all.figures()),
        practices,
        teams,
        agents: agents.collect(),
        took_ms: took,
        peak_bytes: peak_bytes(),
    })
}

type Tallies = std::collections::BTreeMap<String, Tally>;

fn lines(one: &Tallies, two: Option<&Tallies>) -> Vec<Line> {
    let names: std::collections::BTreeSet<&String> =
        one.keys().chain(two.into_iter().flat_map(|two| two.keys())).collect();
    let line = |name: &String| Line {
        name: name.clone(),
        replayed: one.get(name).map(Tally::figures),
        compared: two.and_then(|two| two.get(name)).map(Tally::figures),
    };
    names.into_iter().map(line).collect()
}

/// `VmHWM` of proc(5).
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_u64) * 1_024
}
