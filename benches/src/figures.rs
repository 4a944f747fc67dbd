//! What was measured, in a shape that a table can be made of.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// One measured figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Which bench: the name of its target.
    pub bench: String,
    /// Under which circumstances: `10,000 waiting, 1,000 agents`, or a reference's name.
    pub case: String,
    /// What was measured: `p99`, `CPU a packet`.
    pub what: String,
    pub value: f64,
    /// `ns`, `us`, `ms`, `calls/s`, `kB`; empty for a mere number.
    pub unit: String,
    /// What it must be; `None` for references and for what is told only.
    pub bar: Option<Bar>,
}

#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {}", number(*bound)),
            Self::AtLeast(bound) => write!(f, "≥ {}", number(*bound)),
        }
    }
}

/// The figures of one bench: each is printed when it is told, and all are kept at the end.
pub struct Figures {
    bench: &'static str,
    figures: Vec<Figure>,
    is_json: bool,
}

impl Figures {
    pub fn of(bench: &'static str) -> Self {
        Self { bench, figures: Vec::new(), is_json: false }
    }

    /// What is for people goes to stderr, and in the end all figures as one JSON array to stdout.
    pub fn as_json(bench: &'static str) -> Self {
        Self { is_json: true, ..Self::of(bench) }
    }

    /// Something for people to read meanwhile.
    pub fn note(&self, text: &str) {
        if self.is_json { eprintln!("{text}") } else { println!("{text}") }
    }

    /// A figure that is only told: a reference, or a circumstance.
    pub fn tell(&mut self, case: &str, what: &str, value: f64, unit: &str) {
        self.add(case, what, value, unit, None);
    }

    /// A figure that has a bar.
    pub fn judge(&mut self, case: &str, what: &str, value: f64, unit: &str, bar: Bar) {
        self.add(case, what, value, unit, Some(bar));
    }

    /// Its p50, p99 and p99.9 in microseconds; what was recorded is nanoseconds.
    pub fn tell_latency(&mut self, case: &str, what: &str, nanoseconds: &Histogram<u64>) {
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let value = nanoseconds.value_at_quantile(quantile) as f64 / 1_000.0;
            self.tell(case, &format!("{what} {name}"), value, "us");
        }
    }

    fn add(&mut self, case: &str, what: &str, value: f64, unit: &str, bar: Option<Bar>) {
        let figure = Figure {
            bench: self.bench.to_owned(),
            case: case.to_owned(),
            what: what.to_owned(),
            value,
            unit: unit.to_owned(),
            bar,
        };
        self.note(&figure.to_string());
        self.figures.push(figure);
    }

    pub fn all(&self) -> &[Figure] {
        &self.figures
    }

    /// Appends them to the file that `MONOLIGNE_FIGURES` names, if it names one; prints JSON if that is
    /// wanted.
    pub fn keep(&self) -> std::io::Result<()> {
        if self.is_json {
            println!("{}", serde_json::to_string_pretty(&self.figures)?);
        }
        let Some(path) = std::env::var_os("MONOLIGNE_FIGURES").map(PathBuf::from) else {
            return Ok(());
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        for figure in &self.figures {
            serde_json::to_writer(&mut file, figure)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bench, case, what, value, unit, bar } = self;
        write!(f, "{bench}: {case}: {what} {}", number(*value))?;
        if !unit.is_empty() {
            write!(f, " {unit}")?;
        }
        match bar {
            Some(bar) if bar.is_met(*value) => write!(f, "  (bar {bar}: met)"),
            Some(bar) => write!(f, "  (bar {bar}: MISSED)"),
            None => Ok(()),
        }
    }
}

/// Three digits where there is a fraction to tell, thousands apart where there is none.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1_000.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) =
            digits.strip_prefix('-').map_or(("", &*digits), |digits| ("-", digits));
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return format!("{sign}{text}");
    }
    let decimals = match magnitude {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0.0, "0"),
            (0.047, "0.047"),
            (0.8, "0.8"),
            (2.0, "2"),
            (12.345, "12.3"),
            (250.4, "250"),
            (1_500.0, "1,500"),
            (1_234_567.8, "1,234,568"),
            (-1_500.0, "-1,500"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_bar_is_met_at_its_bound() {
        assert!(Bar::AtMost(2.0).is_met(2.0) && !Bar::AtMost(2.0).is_met(2.1));
        assert!(Bar::AtLeast(2.0).is_met(2.0) && !Bar::AtLeast(2.0).is_met(1.9));
    }
}
