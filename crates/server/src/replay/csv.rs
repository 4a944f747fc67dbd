//! A file of calls: `ABOUT` says how it is written. Whatever is wrong is told with its line and remedy.

use std::collections::BTreeMap;
use std::fmt;

use acd::TimeZone;
use call::E164;

use super::day::{Day, PastCall, PastEnd, counted};

/// How many wrong lines are told. Beyond: counted.
const TOLD_MAX: usize = 20;

/// What is wrong, line by line.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Faults {
    /// Lines count from 1.
    pub(super) told: Vec<(usize, String)>,
    beyond: usize,
}

impl Faults {
    fn of(line: usize, fault: String) -> Self {
        Self { told: vec![(line, fault)], beyond: 0 }
    }

    fn add(&mut self, line: usize, fault: String) {
        match self.told.len() {
            TOLD_MAX.. => self.beyond += 1,
            _ => self.told.push((line, fault)),
        }
    }

    /// For people, with the name of the file.
    pub(super) fn in_file(&self, path: impl fmt::Display) -> String {
        let lines = self.told.iter().map(|(line, fault)| format!("{path}:{line}: {fault}"));
        let beyond = (self.beyond > 0).then(|| format!("and {} more wrong lines", self.beyond));
        lines.chain(beyond).collect::<Vec<_>>().join("\n")
    }
}

const COLUMNS: [&str; 7] = ["arrived", "did", "caller", "wait_s", "talk_s", "outcome", "agent"];
const REQUIRED: [&str; 4] = ["arrived", "did", "wait_s", "talk_s"];

pub(super) fn read(bytes: &[u8], zone: TimeZone) -> Result<Day, Faults> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Faults::of(line, "not UTF-8: save the file as UTF-8 (\"CSV UTF-8\")".to_owned())
    })?;
    let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let head = lines.find(|(line, _)| !line.trim().is_empty());
    let Some((head, line)) = head else {
        let columns = COLUMNS.join(",");
        return Err(Faults::of(1, format!("empty: begin with a line {columns}")));
    };
    let columns = Columns::read(head).map_err(|fault| Faults::of(line, fault))?;
    let (mut calls, mut faults) = (Vec::new(), Faults::default());
    let mut otherwise: BTreeMap<String, usize> = BTreeMap::new();
    for (text, line) in lines.filter(|(text, _)| !text.trim().is_empty()) {
        match columns.call(text, zone) {
            Ok((call, outcome)) => {
                if call.end == PastEnd::Otherwise {
                    *otherwise.entry(outcome).or_default() += 1;
                }
                calls.push(call);
            }
            Err(fault) => faults.add(line, fault),
        }
    }
    if !faults.told.is_empty() {
        return Err(faults);
    }
    let mut day = Day::of(calls, &[], &[], zone);
    if !otherwise.is_empty() {
        day.remarks.push(format!(
            "these outcomes are of calls that were ended while they waited ({})",
            counted(&otherwise)
        ));
    }
    Ok(day)
}

struct Columns {
    separator: char,
    /// The place of each of [`COLUMNS`].
    places: [Option<usize>; 7],
    count: usize,
}

impl Columns {
    fn read(head: &str) -> Result<Self, String> {
        let separator = if head.contains(';') { ';' } else { ',' };
        let names = cells(head, separator)?;
        let names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
        if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
            let near = crate::config::nearest(unknown, COLUMNS);
            let remedy = near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
            return Err(format!(
                "no such column {unknown:?}{remedy}: there are {}",
                COLUMNS.join(", ")
            ));
        }
        let is_twice = |name: &&String| names.iter().filter(|it| it == name).count() > 1;
        if let Some(twice) = names.iter().find(is_twice) {
            return Err(format!("two columns {twice}: take one of them out"));
        }
        let places = COLUMNS.map(|column| names.iter().position(|name| name == column));
        for column in REQUIRED {
            if !names.iter().any(|name| name == column) {
                return Err(format!("no column {column}: add it (`monoligne replay --help`)"));
            }
        }
        Ok(Self { separator, places, count: names.len() })
    }

    /// With its outcome, as it is written.
    fn call(&self, text: &str, zone: TimeZone) -> Result<(PastCall, String), String> {
        let cells = cells(text, self.separator)?;
        if cells.len() != self.count {
            return Err(format!(
                "{} cells, and {} columns: write one for each, empty where nothing is known, in \
                 quotes where it has a {:?}",
                cells.len(),
                self.count,
                self.separator
            ));
        }
        let [arrived, did, caller, wait, talk, outcome, agent] =
            self.places.map(|place| place.map_or("", |place| cells[place].trim()));
        let talk_ms = if talk.is_empty() { None } else { Some(millis("talk_s", talk)?) };
        let end = match (outcome.to_lowercase().as_str(), talk_ms) {
            ("answered", Some(_)) | ("", Some(_)) => PastEnd::Answered,
            ("forwarded", Some(_)) => PastEnd::Forwarded,
            ("answered" | "forwarded", None) => {
                return Err(format!("{outcome}, but talk_s is empty: write how long they talked"));
            }
            (_, Some(_)) => {
                return Err(format!(
                    "{outcome}, but talk_s is there: leave it empty, or write answered or forwarded"
                ));
            }
            ("abandoned", None) | ("", None) => PastEnd::Abandoned,
            ("closed", None) => PastEnd::Closed,
            ("blocked", None) => PastEnd::Blocked,
            ("unknown", None) => PastEnd::Unknown,
            (_, None) => PastEnd::Otherwise,
        };
        if did.is_empty() {
            return Err("did is empty: write the number dialled, or the practice".to_owned());
        }
        let number = E164::read(did).ok();
        let caller = match caller {
            "" | "withheld" | "anonymous" => None,
            text => Some(E164::read(text).map_err(|error| {
                format!("caller: {error} (leave it empty where it was withheld)")
            })?),
        };
        let call = PastCall {
            arrived_ms: self::arrived(arrived, zone)?,
            did: number,
            practice: number.is_none().then(|| did.to_owned()),
            trunk: None,
            caller,
            wait_ms: millis("wait_s", wait)?,
            talk_ms,
            end,
            agent: Some(agent.to_owned())
                .filter(|agent| !agent.is_empty() && end == PastEnd::Answered),
        };
        Ok((call, outcome.to_owned()))
    }
}

fn arrived(text: &str, zone: TimeZone) -> Result<i64, String> {
    let wrong = || {
        format!("arrived: {text:?} is no moment: write 2026-11-26T08:30:05, on the clock of France")
    };
    let (minute, seconds) = match text.get(..16) {
        Some(minute) => (minute, text[16..].trim_start_matches(':')),
        None => return Err(wrong()),
    };
    let begin = zone.unix_ms(minute).map_err(|_| wrong())?;
    let seconds =
        if seconds.is_empty() { 0.0 } else { seconds.parse::<f64>().map_err(|_| wrong())? };
    if !(0.0..60.0).contains(&seconds) {
        return Err(wrong());
    }
    Ok(begin + (seconds * 1_000.0) as i64)
}

fn millis(column: &str, text: &str) -> Result<u64, String> {
    let seconds: f64 = text
        .replace(',', ".")
        .parse()
        .map_err(|_| format!("{column}: {text:?} is no number of seconds: write 12 or 12.5"))?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(format!("{column}: {text} is not from 0 to 86400 seconds"));
    }
    Ok((seconds * 1_000.0) as u64)
}

/// RFC 4180, but for line breaks within quotes.
fn cells(line: &str, separator: char) -> Result<Vec<String>, String> {
    let mut cells = vec![String::new()];
    let mut in_quotes = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut().expect("there is one from the start");
        match c {
            '"' if in_quotes && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => in_quotes = !in_quotes,
            c if c == separator && !in_quotes => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    match in_quotes {
        true => Err("a quote is open at its end: close it".to_owned()),
        false => Ok(cells),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let faults = read(text.as_bytes(), TimeZone::PARIS).unwrap_err();
        faults.told[0].clone()
    }

    #[test]
    fn commas_semicolons_quotes_and_absent_columns_are_read() {
        let text = "\u{feff}Arrived;did;wait_s;talk_s\r\n2026-11-26T08:30:05.5;\"Dr \"\"M\"\"; x\";1,5;\r\n";
        let day = read(text.as_bytes(), TimeZone::PARIS).unwrap();
        let call = &day.calls[0];
        assert_eq!(call.arrived_ms, TimeZone::PARIS.unix_ms("2026-11-26T08:30").unwrap() + 5_500);
        assert_eq!(call.practice.as_deref(), Some("Dr \"M\"; x"));
        assert_eq!((call.wait_ms, call.end), (1_500, PastEnd::Abandoned));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_a_remedy() {
        let head = "arrived,did,caller,wait_s,talk_s,outcome\n";
        for (line, wrong) in [
            ("soon,01 99 00 12 34,,1,,\n", "is no moment"),
            ("2026-11-26T08:30,,,1,,\n", "did is empty"),
            ("2026-11-26T08:30,x,12,1,,\n", "leave it empty where it was withheld"),
            ("2026-11-26T08:30,x,,long,,\n", "wait_s: \"long\" is no number of seconds"),
            ("2026-11-26T08:30,x,,1,-3,\n", "not from 0 to 86400"),
            ("2026-11-26T08:30,x,,1,,answered\n", "talk_s is empty"),
            ("2026-11-26T08:30,x,,1,5,busy\n", "leave it empty, or write answered or"),
            ("2026-11-26T08:30,x,,1,5\n", "5 cells, and 6 columns"),
            ("2026-11-26T08:30,\"x,,1,5,\n", "a quote is open"),
        ] {
            let (at, told) = fault(&format!("{head}2026-11-26T08:30,x,,1,,\n{line}"));
            assert!(at == 3 && told.contains(wrong), "{line}: line {at}: {told}");
        }
        assert!(fault("").1.contains("begin with a line"));
        assert!(fault("arrived,did,wait_s\n").1.contains("no column talk_s"));
        assert!(fault("arrived,did,did,wait_s,talk_s\n").1.contains("two columns did"));
        assert!(fault("arived,did,wait_s,talk_s\n").1.contains("did you mean arrived?"));
    }

    #[test]
    fn each_wrong_line_is_told_up_to_a_bound_and_what_is_not_utf_8_by_its_line() {
        let head = "arrived,did,wait_s,talk_s\n";
        let faults = read((head.to_owned() + &"x,y,z,\n".repeat(25)).as_bytes(), TimeZone::PARIS);
        let told = faults.unwrap_err().in_file("day.csv");
        assert_eq!(told.lines().count(), 21, "{told}");
        assert!(told.contains("\nday.csv:21: "), "{told}");
        assert!(told.ends_with("\nand 5 more wrong lines"), "{told}");
        let latin = [head.as_bytes(), b"2026-11-26T08:30,Cabinet H\xe9l\xe8ne,1,\n"].concat();
        let told = read(&latin, TimeZone::PARIS).unwrap_err().in_file("day.csv");
        assert!(told.starts_with("day.csv:2: not UTF-8: save the file as UTF-8"), "{told}");
    }

    #[test]
    fn every_outcome_has_its_place_and_other_words_are_told() {
        let line = |end: &str| format!("2026-11-26T08:30,x,,1,{end}\n");
        let ends =
            ["5,", "5,forwarded", ",", ",closed", ",blocked", ",unknown", ",busy", ",abandonned"];
        let text = ends
            .iter()
            .fold("arrived,did,caller,wait_s,talk_s,outcome\n".to_owned(), |all, end| {
                all + &line(end)
            });
        let day = read(text.as_bytes(), TimeZone::PARIS).unwrap();
        let ends: Vec<PastEnd> = day.calls.iter().map(|call| call.end).collect();
        assert_eq!(
            ends,
            [
                PastEnd::Answered,
                PastEnd::Forwarded,
                PastEnd::Abandoned,
                PastEnd::Closed,
                PastEnd::Blocked,
                PastEnd::Unknown,
                PastEnd::Otherwise,
                PastEnd::Otherwise,
            ]
        );
        assert!(day.remarks[0].contains("(abandonned: 1, busy: 1)"), "{:?}", day.remarks);
    }
}
