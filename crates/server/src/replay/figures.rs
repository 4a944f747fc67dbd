//! What is counted of a day, and how it is shown.

use std::fmt::Write as _;

use serde::Serialize;

use super::Report;
use crate::table::Side::{Left, Right};
use crate::table::Table;
use crate::views::span;

/// Who gives up within this has not waited: he is left out of the answer rate.
const SHORT_MS: u64 = 5_000;

/// Counts and waits.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Of the answered, in the order in which they were.
    waits_ms: Vec<u64>,
    in_time: usize,
    abandoned: usize,
    abandoned_short: usize,
    closed: usize,
    /// Busy, a text while the practice served, or forwarded.
    ended: usize,
}

/// What is told of them.
#[derive(Copy, Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// While the practice served; not those while it was closed.
    pub offered: usize,
    pub answered: usize,
    pub abandoned: usize,
    /// Of those, within 5 s.
    pub abandoned_short: usize,
    /// Heard busy or a text while the practice served, or was forwarded.
    pub ended: usize,
    /// Called while it was closed or on leave, and was not answered.
    pub closed: usize,
    /// answered / (offered − abandoned within 5 s); `None`: nobody to be answered.
    pub answer_rate: Option<f64>,
    /// Answered within the practice's `answer_within`, of the offered.
    pub service_level: Option<f64>,
    /// Waits of the answered.
    pub wait_p50_ms: u64,
    pub wait_p90_ms: u64,
    pub wait_p95_ms: u64,
    pub wait_max_ms: u64,
}

#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct AgentFigures {
    pub rung: usize,
    pub answered: usize,
    pub missed: usize,
    pub talk_ms: u64,
}

impl Tally {
    pub(super) fn answered(&mut self, wait_ms: u64, answer_within_ms: u64) {
        self.waits_ms.push(wait_ms);
        self.in_time += usize::from(wait_ms <= answer_within_ms);
    }

    pub(super) fn abandoned(&mut self, wait_ms: u64) {
        self.abandoned += 1;
        self.abandoned_short += usize::from(wait_ms < SHORT_MS);
    }

    pub(super) fn closed(&mut self) {
        self.closed += 1;
    }

    pub(super) fn ended(&mut self) {
        self.ended += 1;
    }

    pub(super) fn figures(&self) -> Figures {
        let mut waits = self.waits_ms.clone();
        waits.sort_unstable();
        // The nearest rank: a wait that somebody had.
        let quantile = |percent: usize| {
            let rank = (waits.len() * percent).div_ceil(100).max(1);
            waits.get(rank - 1).copied().unwrap_or(0)
        };
        let answered = waits.len();
        let offered = answered + self.abandoned + self.ended;
        let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
        Figures {
            offered,
            answered,
            abandoned: self.abandoned,
            abandoned_short: self.abandoned_short,
            ended: self.ended,
            closed: self.closed,
            answer_rate: share(answered, offered - self.abandoned_short),
            service_level: share(self.in_time, offered),
            wait_p50_ms: quantile(50),
            wait_p90_ms: quantile(90),
            wait_p95_ms: quantile(95),
            wait_max_ms: quantile(100),
        }
    }
}

/// For people.
pub(super) fn text(report: &Report, details: bool) -> String {
    let mut text = overview(report);
    let is_compared = report.compared.is_some();
    if details {
        for (title, lines) in [("PRACTICE", &report.practices), ("TEAM", &report.teams)] {
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
                table.row([
                    line.name.clone(),
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
            let _ = write!(text, "\n\n{}", table.or("none"));
        }
    }
    let _ = write!(text, "\n\n{}", agents(report, is_compared));
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
    let mut count = |name: &str, of: fn(&Figures) -> usize| {
        let change = then.map(|then| of(then) as i64 - of(now) as i64);
        table.row([
            name.to_owned(),
            of(was).to_string(),
            of(now).to_string(),
            then.map_or_else(String::new, |then| of(then).to_string()),
            change.map_or_else(String::new, |change| format!("{change:+}")),
        ]);
    };
    count("offered", |it| it.offered);
    count("answered", |it| it.answered);
    count("gave up", |it| it.abandoned);
    count("  within 5 s", |it| it.abandoned_short);
    count("ended otherwise", |it| it.ended);
    count("while closed", |it| it.closed);
    let mut rate = |name: &str, of: fn(&Figures) -> Option<f64>| {
        let change = then.and_then(|then| Some((of(then)? - of(now)?) * 100.0));
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
        let change = then.map(|then| of(then) as f64 / 1e3 - of(now) as f64 / 1e3);
        table.row([
            name.to_owned(),
            span(of(was)),
            span(of(now)),
            then.map_or_else(String::new, |then| span(of(then))),
            change.map_or_else(String::new, |change| format!("{change:+.1} s")),
        ]);
    };
    wait("wait, half within", |it| it.wait_p50_ms);
    wait("wait, 90 % within", |it| it.wait_p90_ms);
    wait("wait, 95 % within", |it| it.wait_p95_ms);
    wait("wait, longest", |it| it.wait_max_ms);
    table.or("no calls")
}

fn agents(report: &Report, is_compared: bool) -> String {
    let mut table = Table::new([
        ("SECRETARY", Left),
        ("RUNG", Right),
        ("ANSWERED", Right),
        ("MISSED", Right),
        ("TALKED", Right),
        ("THEN RUNG", Right),
        ("THEN ANSWERED", Right),
    ]);
    for line in &report.agents {
        let now = line.replayed.unwrap_or_default();
        let then = line.compared.unwrap_or_default();
        let only = |text: String| if is_compared { text } else { dash() };
        table.row([
            line.user.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_rate_leaves_out_who_gave_up_at_once_and_who_called_while_closed() {
        let mut tally = Tally::default();
        for wait in 1..=8 {
            tally.answered(wait * 1_000, 6_000);
        }
        tally.abandoned(4_999);
        tally.abandoned(5_000);
        tally.ended();
        tally.closed();
        let figures = tally.figures();
        assert_eq!((figures.offered, figures.answered, figures.closed), (11, 8, 1));
        assert_eq!(figures.answer_rate, Some(0.8), "8 of 10");
        assert_eq!(figures.service_level, Some(6.0 / 11.0));
        assert_eq!((figures.wait_p50_ms, figures.wait_p90_ms), (4_000, 8_000));
        let none = Tally::default().figures();
        assert_eq!((none.answer_rate, none.wait_max_ms), (None, 0));
    }
}
