//! A report for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::figures::Figures;
use super::{Line, Report, RungLine};
use crate::table::Side::{Left, Right};
use crate::table::Table;
use crate::views::span;

pub(super) fn text(report: &Report, details: bool) -> String {
    let mut text = overview(report);
    if details {
        for (title, lines) in [("PRACTICE", &report.practices), ("TEAM", &report.teams)] {
            let _ = write!(text, "\n\n{}", parts(title, lines));
        }
    }
    let is_compared = report.compared.is_some();
    let _ = write!(text, "\n\n{}", rung("SECRETARY", &report.agents, is_compared));
    if !report.targets.is_empty() {
        let _ = write!(text, "\n\n{}", rung("FORWARDED TO", &report.targets, is_compared));
    }
    text.push_str("\n\nsupposed:");
    for assumed in &report.assumed {
        let _ = write!(text, "\n  - {assumed}");
    }
    let (seconds, megabytes) = (report.took_ms as f64 / 1_000.0, report.peak_bytes / 1_000_000);
    let _ = write!(text, "\n\n{} calls in {seconds:.2} s, {megabytes} MB at most", report.calls);
    text
}

fn overview(report: &Report) -> String {
    let mut table = Table::new([
        ("", Left),
        ("RECORDED", Right),
        ("REPLAYED", Right),
        ("COMPARED", Right),
        ("CHANGE", Right),
    ]);
    let (was, now, then) = (&report.recorded, &report.replayed, report.compared.as_ref());
    // Of two configurations by the same model; else of the model against what was.
    let (before, after) = then.map_or((was, now), |then| (now, then));
    let mut count = |name: &str, of: fn(&Figures) -> usize| {
        table.row([
            name.to_owned(),
            of(was).to_string(),
            of(now).to_string(),
            then.map_or_else(String::new, |then| of(then).to_string()),
            format!("{:+}", of(after) as i64 - of(before) as i64),
        ]);
    };
    count("offered", |it| it.offered);
    count("answered", |it| it.answered);
    count("  where forwarded to", |it| it.forwarded);
    count("gave up", |it| it.abandoned);
    count("  within 5 s", |it| it.abandoned_short);
    count("ended otherwise", |it| it.ended);
    count("while closed", |it| it.closed);
    count("blocked", |it| it.blocked);
    count("of nobody", |it| it.unknown);
    let mut rate = |name: &str, of: fn(&Figures) -> Option<f64>| {
        let change = of(after).zip(of(before)).map(|(after, before)| (after - before) * 100.0);
        table.row([
            name.to_owned(),
            share(of(was)),
            share(of(now)),
            then.map_or_else(String::new, |then| share(of(then))),
            change.map_or_else(String::new, |change| format!("{change:+.1}")),
        ]);
    };
    rate("answer rate", |it| it.answer_rate);
    rate("answered in time", |it| it.service_level);
    let mut wait = |name: &str, of: fn(&Figures) -> u64| {
        let change = of(after) as f64 / 1e3 - of(before) as f64 / 1e3;
        table.row([
            name.to_owned(),
            span(of(was)),
            span(of(now)),
            then.map_or_else(String::new, |then| span(of(then))),
            format!("{change:+.1} s"),
        ]);
    };
    wait("wait, half within", |it| it.wait_p50_ms);
    wait("wait, 90 % within", |it| it.wait_p90_ms);
    wait("wait, 95 % within", |it| it.wait_p95_ms);
    wait("wait, longest", |it| it.wait_max_ms);
    table.or("no calls")
}

fn parts(title: &'static str, lines: &[Line]) -> String {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        *names.entry(&line.name).or_default() += 1;
    }
    let mut table = Table::new([
        (title, Left),
        ("OFFERED", Right),
        ("ANSWERED", Right),
        ("RATE", Right),
        ("IN TIME", Right),
        ("P90", Right),
        ("THEN RATE", Right),
        ("THEN IN TIME", Right),
        ("THEN P90", Right),
    ]);
    for line in lines {
        let now = line.replayed.as_ref();
        let then = line.compared.as_ref();
        let is_alone = names.get(line.name.as_str()) == Some(&1);
        table.row([
            if is_alone { line.name.clone() } else { format!("{} ({})", line.name, line.key) },
            now.map_or_else(dash, |it| it.offered.to_string()),
            now.map_or_else(dash, |it| it.answered.to_string()),
            now.map_or_else(dash, |it| share(it.answer_rate)),
            now.map_or_else(dash, |it| share(it.service_level)),
            now.map_or_else(dash, |it| span(it.wait_p90_ms)),
            then.map_or_else(dash, |it| share(it.answer_rate)),
            then.map_or_else(dash, |it| share(it.service_level)),
            then.map_or_else(dash, |it| span(it.wait_p90_ms)),
        ]);
    }
    table.or("none")
}

fn rung(title: &'static str, lines: &[RungLine], is_compared: bool) -> String {
    let mut table = Table::new([
        (title, Left),
        ("WAS RUNG", Right),
        ("ANSWERED", Right),
        ("NOW RUNG", Right),
        ("ANSWERED", Right),
        ("MISSED", Right),
        ("TALKED", Right),
        ("THEN RUNG", Right),
        ("ANSWERED", Right),
    ]);
    for line in lines {
        let was = line.recorded;
        let now = line.replayed.unwrap_or_default();
        let then = line.compared.unwrap_or_default();
        let only = |text: String| if is_compared { text } else { dash() };
        table.row([
            line.who.clone(),
            was.map_or_else(dash, |was| was.rung.to_string()),
            was.map_or_else(dash, |was| was.answered.to_string()),
            now.rung.to_string(),
            now.answered.to_string(),
            now.missed.to_string(),
            span(now.talk_ms),
            only(then.rung.to_string()),
            only(then.answered.to_string()),
        ]);
    }
    table.or("nobody was rung")
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(dash, |share| format!("{:.1} %", share * 100.0))
}

fn dash() -> String {
    "–".to_owned()
}
