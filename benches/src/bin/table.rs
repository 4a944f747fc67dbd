//! Makes the README's table of figures out of what the benches have told.
//!
//! `table FIGURES README`: every figure of the file with a bar, and those that stand beside them, between
//! the two marks of the README; the whole table goes to stdout.

#![expect(clippy::print_stdout, reason = "it speaks to the terminal")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use benches::{Figure, Machine, number};

const BEGIN: &str = "<!-- figures: written by benches/run -->";
const END: &str = "<!-- end of figures -->";
/// Figures without a bar that say how far the others reach: bench, part of the case, part of what.
const BESIDE: &[(&str, &str, &str)] = &[
    ("parse", "rsip", "time"),
    ("scheduler", "10,000 waiting", "a bare ordered set"),
    ("scheduler", "10,000 waiting", "a look at each"),
    ("engine", "1,000 calls held", "time a call"),
    ("relay", "the bare loop", "CPU a packet"),
    ("relay", "relay", "CPU a packet"),
    ("relay", "rtpengine", "CPU a packet"),
    ("relay", "50,000 packets/s, relay", "latency p99"),
    ("relay", "relay", "lost"),
    ("load", "ramp", "calls/s"),
    ("load", "held", "memory a call"),
    ("peers", "Kamailio", "CPU a call"),
];

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(figures), Some(readme)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: table FIGURES README");
    };
    let text = fs::read_to_string(&figures).with_context(|| figures.display().to_string())?;
    let figures: Vec<Figure> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .with_context(|| figures.display().to_string())?;
    ensure!(!figures.is_empty(), "no bench has told a figure");
    println!("{}", table(&figures, |_| true));

    let shown = table(&figures, is_shown);
    let text = fs::read_to_string(&readme).with_context(|| readme.display().to_string())?;
    let marks = text.split_once(BEGIN).and_then(|(before, rest)| {
        rest.split_once(END).map(|(_, after)| (before.to_owned(), after.to_owned()))
    });
    let (before, after) =
        marks.with_context(|| format!("{} lacks the marks {BEGIN} and {END}", readme.display()))?;
    fs::write(
        &readme,
        format!("{before}{BEGIN}\nMeasured on {}.\n\n{shown}{END}{after}", Machine::here()),
    )
    .with_context(|| readme.display().to_string())
}

fn is_shown(figure: &Figure) -> bool {
    let is_beside = |(bench, case, what): &(&str, &str, &str)| {
        figure.bench == *bench && figure.case.contains(case) && figure.what.contains(what)
    };
    figure.bar.is_some() || BESIDE.iter().any(is_beside)
}

fn table(figures: &[Figure], is_shown: impl Fn(&Figure) -> bool) -> String {
    let mut table = String::from(
        "| bench | case | figure | measured | bar |\n| --- | --- | --- | --- | --- |\n",
    );
    for figure in figures.iter().filter(|figure| is_shown(figure)) {
        let Figure { bench, case, what, value, unit, bar } = figure;
        let bar = match bar {
            Some(bar) if bar.is_met(*value) => bar.to_string(),
            Some(bar) => format!("{bar}: **missed**"),
            None => String::new(),
        };
        let value = number(*value);
        writeln!(table, "| {bench} | {case} | {what} | {value} {unit} | {bar} |")
            .expect("a String takes all");
    }
    table
}
