//! What differs between two configurations: `monoligne diff OLD NEW`.
//!
//! First which decisions change. Each practice whose callers may meet anything else is asked about at each
//! time at which what holds changes in one of the two, by probes: a caller who is on no list, and one of each
//! list. What [`explain`](crate::explain) says in both is compared;
//! where it differs, one line says what, and when first. Then which keys changed, from what to what: the
//! same that a reload tells (`config::changes`).

mod noticed;
mod pair;
mod side;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use acd::PracticeId;
use call::E164;
use clap::Args;
use serde::Serialize;

use self::pair::Pair;
use self::side::{Differing, Side};
use crate::config::{self, Digits, KeyChange, Loaded};
use crate::explain;

/// Who is on no list of callers.
const ANYBODY: &str = "anybody";

#[derive(Args)]
pub struct Options {
    /// The configuration that holds: a folder, or one file.
    old: PathBuf,
    /// The one that shall hold.
    new: PathBuf,
    /// From when on, on each practice's clock: "2026-11-26", "2026-11-26T08:30". Default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// All that differs.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Difference {
    pub decisions: Vec<Change>,
    pub keys: Vec<KeyChange>,
}

/// One decision that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// The name of its table or file.
    pub key: String,
    /// With the key behind it where several are called so.
    pub practice: String,
    /// `anybody`, or the number of one who is on a list.
    pub caller: String,
    /// How many callers more of its lists it is so for.
    pub more: usize,
    /// When first, on the practice's clock; `None`: at any time.
    pub from: Option<String>,
    /// When that first time ends; `None`: not within what was asked about.
    pub until: Option<String>,
    /// How many times that were asked about differ so, and of how many.
    pub times: (usize, usize),
    /// Into how many stretches of time those gather.
    pub stretches: usize,
    pub what: String,
}

/// What differs, and whether anything does.
pub fn run(options: &Options, now_ms: i64) -> anyhow::Result<(String, bool)> {
    let old = config::load(&options.old)?;
    // What has one name in both has one id in both.
    let new = config::load_again(&options.new, old.ids.clone())?;
    let at = options.at.as_deref();
    let difference = Difference::between(&old, &new, at, now_ms).map_err(anyhow::Error::msg)?;
    let text = match options.json {
        true => serde_json::to_string(&difference)?,
        false => difference.text(),
    };
    Ok((text, difference != Difference::default()))
}

impl Difference {
    /// `new` was read with the ids of `old`.
    pub fn between(
        old: &Loaded,
        new: &Loaded,
        at: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, String> {
        let keys = config::changes(old, new, Digits::All);
        Ok(Self { decisions: decisions(old, new, at, now_ms)?, keys })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let _ = match (self.decisions.is_empty(), self.keys.is_empty()) {
            (true, true) => writeln!(text, "no decision changes"),
            // A reserve or a strategy shows when some are busy; a presented number, once he is forwarded.
            (true, false) => writeln!(
                text,
                "no decision seen to change (asked: one number of each practice, all secretaries free, \
                 nobody waiting)"
            ),
            (false, _) => writeln!(text, "decisions that change:"),
        };
        for change in &self.decisions {
            let _ = writeln!(text, "  {}", change.line());
        }
        if self.keys.is_empty() {
            let _ = writeln!(text, "no key changes");
        } else {
            let _ = writeln!(text, "keys that change:");
        }
        for change in &self.keys {
            let restart = if change.restart { " (needs a restart)" } else { "" };
            let _ = writeln!(text, "  {}{restart}", change.what);
        }
        text.trim_end().to_owned()
    }
}

/// Numbers that lead elsewhere, then practices by their keys.
fn decisions(
    old: &Loaded,
    new: &Loaded,
    at: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Change>, String> {
    let names = names(old, new);
    let (old, new) = (Side::of(old, new), Side::of(new, new));
    let mut changes = numbers(&old, &new, &names);
    let differing = Differing::between(&old, &new);
    for (&id, name) in &names {
        let pair = match (old.setup.practices.get(&id), new.setup.practices.get(&id)) {
            (Some(before), Some(after)) => {
                Pair { id, name, old: (&old, before), new: (&new, after) }
            }
            (None, Some(_)) => {
                changes.push(name.change("a new practice".to_owned()));
                continue;
            }
            (Some(_), None) => {
                changes.push(name.change("is gone".to_owned()));
                continue;
            }
            (None, None) => continue,
        };
        if pair.may_differ(&differing) {
            changes.extend(pair.changes(at, now_ms)?);
        }
    }
    Ok(changes)
}

/// What a practice is called.
struct Name {
    key: String,
    title: String,
}

/// Of all practices of both; the new name, where it has two.
fn names(old: &Loaded, new: &Loaded) -> BTreeMap<PracticeId, Name> {
    let mut all = old.engine.practices.clone();
    all.extend(new.engine.practices.iter().map(|(id, it)| (*id, it.clone())));
    let mut keys: BTreeMap<String, BTreeSet<PracticeId>> = BTreeMap::new();
    for (&id, practice) in old.engine.practices.iter().chain(&new.engine.practices) {
        keys.entry(practice.name.clone()).or_default().insert(id);
    }
    let name = |practice: &call::Practice| {
        let has_namesakes = keys.get(&practice.name).is_some_and(|ids| ids.len() > 1);
        let title = explain::titled(&practice.name, &practice.key, has_namesakes);
        Name { key: practice.key.clone(), title }
    };
    all.iter().map(|(id, practice)| (*id, name(practice))).collect()
}

impl Name {
    /// At any time, for anybody.
    fn change(&self, what: String) -> Change {
        Change {
            key: self.key.clone(),
            practice: self.title.clone(),
            caller: ANYBODY.to_owned(),
            more: 0,
            from: None,
            until: None,
            times: (1, 1),
            stretches: 1,
            what,
        }
    }
}

impl Change {
    fn line(&self) -> String {
        let mut line = self.practice.clone();
        let _ = match (self.caller.as_str(), self.more) {
            (ANYBODY, _) => Ok(()),
            (number, 0) => write!(line, ", caller {number}"),
            (number, more) => write!(line, ", caller {number} and {more} more"),
        };
        // At each time that was asked about, it is so at any time.
        if let Some(from) = self.from.as_ref().filter(|_| self.times.0 != self.times.1) {
            let _ = write!(line, ", {from}");
            if let Some(until) = &self.until {
                // The day is said already, where it is the same.
                let is_same_day = from.split(' ').nth(1) == until.split(' ').nth(1);
                let until = if is_same_day { &until[until.len() - 5..] } else { until };
                let _ = write!(line, " to {until}");
            }
            if self.stretches > 1 {
                let _ = write!(line, " and {} times more", self.stretches - 1);
            }
        }
        let _ = write!(line, ": {}", self.what);
        line
    }
}

/// Numbers that lead elsewhere.
fn numbers(old: &Side<'_>, new: &Side<'_>, names: &BTreeMap<PracticeId, Name>) -> Vec<Change> {
    let of = |side: &Side<'_>| -> Vec<E164> {
        let engine = &side.loaded.engine;
        engine.numbers.keys().chain(engine.shared.keys()).copied().collect()
    };
    let all: BTreeSet<E164> = of(old).into_iter().chain(of(new)).collect();
    let urgent =
        |side: &Side<'_>, number: &E164| side.loaded.engine.urgent_numbers.get(number).copied();
    let changed = all.into_iter().filter_map(|number| {
        let (before, after) = (old.whose(number), new.whose(number));
        let shown = number.spoken();
        let change = match (before, after) {
            (Some(before), Some(after)) if before == after => {
                let (before_is, after_is) = (urgent(old, &number), urgent(new, &number));
                let what = match (before_is, after_is) {
                    (None, Some(_)) => format!("callers of {shown} become urgent"),
                    (Some(_), None) => format!("callers of {shown} are urgent no longer"),
                    (None, None) | (Some(_), Some(_)) => return None,
                };
                names[&after].change(what)
            }
            (Some(before), Some(after)) => {
                names[&before].change(format!("{shown} leads to {}", names[&after].title))
            }
            (Some(before), None) => names[&before].change(format!("{shown} is refused with 404")),
            (None, Some(after)) => names[&after].change(format!("{shown} leads to it")),
            (None, None) => return None,
        };
        Some(change)
    });
    changed.collect()
}
