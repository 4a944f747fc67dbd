//! Which keys differ between two configurations, from what to what: for `monoligne diff` and a reload.
//!
//! What is compared is what the keys mean, defaults filled in: a number that is written otherwise, or a
//! default that is written out, is no change. Everything that a file may say is a [`Fact`] (`facts`,
//! `practice`); a test holds that against the table of all keys.

mod facts;
mod practice;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use call::E164;
use serde::Serialize;

use super::Loaded;

/// Values of a list that a line shows of each side at most, before it shows only what came and went; and of
/// these.
const LISTED_MAX: usize = 6;
const SHOWN_MAX: usize = 12;

/// One key that means something else, or an item that came or went.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KeyChange {
    /// `practice`, `team`, `agent`, `phone`, `trunk`, `site`, `prompt`, or a table like `[calls]`.
    pub kind: &'static str,
    /// Of an item: the name of its table or file.
    pub id: String,
    /// For people: with the id behind it where several are called so.
    pub name: String,
    /// As in the file, `forward.number`; empty: the item came or went.
    pub key: String,
    /// `None`: a secret, or the item was not there.
    pub old: Option<String>,
    pub new: Option<String>,
    /// In a line of its own.
    pub what: String,
    /// No running server can change it.
    pub restart: bool,
}

/// How telephone numbers are told.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Digits {
    All,
    /// The last two: for logs.
    Last,
}

/// What a key means.
enum Fact {
    /// Compared, and shown.
    One(String, String),
    /// Compared alone.
    Secret(String),
    /// Lines of text.
    Text(String),
    /// A list.
    List { values: Vec<Shown>, is_ordered: bool },
    /// A plan: step by step.
    Steps(Vec<Shown>),
}

/// What is compared, and what is shown of it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
struct Shown(String, String);

/// By key, in the order of the alphabet.
type Facts = BTreeMap<String, Fact>;

/// An item of the configuration, or one of its tables.
struct Item {
    /// For people.
    name: String,
    facts: Facts,
    /// The keys that need another process.
    fixed: BTreeSet<&'static str>,
}

/// By kind and id.
type Items = BTreeMap<(&'static str, String), Item>;

/// New items, what changed, then items that are gone, in the order of kinds. `new` was read with the ids of
/// `old`.
pub(crate) fn between(old: &Loaded, new: &Loaded, digits: Digits) -> Vec<KeyChange> {
    let (old, new) = (facts::items(old, digits), facts::items(new, digits));
    let namesakes = namesakes(&old, &new);
    let title = |(kind, id): &(&'static str, String), item: &Item| {
        let has_namesakes = namesakes.contains(&(*kind, item.name.as_str()));
        crate::explain::titled(&item.name, id, has_namesakes)
    };
    let whole = |key: &(&'static str, String), item: &Item, sign: char| KeyChange {
        kind: key.0,
        id: key.1.clone(),
        name: title(key, item),
        key: String::new(),
        old: None,
        new: None,
        what: format!("{sign} {}", item_word(key.0, &title(key, item))),
        restart: false,
    };
    let mut changes = Vec::new();
    let came = new.iter().filter(|(key, _)| !old.contains_key(*key));
    changes.extend(came.map(|(key, item)| whole(key, item, '+')));
    for (key, after) in &new {
        let Some(before) = old.get(key) else { continue };
        let name = title(key, after);
        let told = before.compare(after).into_iter().map(|(fact, told)| KeyChange {
            kind: key.0,
            id: key.1.clone(),
            what: format!("~ {}: {}", item_word(key.0, &name), told.what),
            name: name.clone(),
            restart: before.fixed.contains(fact.as_str()),
            key: fact,
            old: told.old,
            new: told.new,
        });
        changes.extend(told);
    }
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    changes.extend(gone.map(|(key, item)| whole(key, item, '-')));
    changes
}

/// What differs and needs another process: sockets, files, identities.
pub(crate) fn needing_restart(changes: &[KeyChange]) -> Vec<String> {
    let fixed = changes.iter().filter(|change| change.restart);
    let line = |change: &KeyChange| {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let (old, new) = (shown(&change.old), shown(&change.new));
        format!("{} {}: {old} → {new}", change.kind, change.key)
    };
    fixed.map(line).collect()
}

/// Kinds and names that several items of one side or different ones of both sides have.
fn namesakes<'i>(old: &'i Items, new: &'i Items) -> BTreeSet<(&'static str, &'i str)> {
    let mut ids: BTreeMap<(&'static str, &str), BTreeSet<&str>> = BTreeMap::new();
    for ((kind, id), item) in old.iter().chain(new) {
        ids.entry((kind, &item.name)).or_default().insert(id);
    }
    ids.into_iter().filter(|(_, ids)| ids.len() > 1).map(|(name, _)| name).collect()
}

fn item_word(kind: &str, name: &str) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind} {name}") }
}

impl Item {
    fn compare(&self, after: &Self) -> Vec<(String, Told)> {
        let keys: BTreeSet<&String> = self.facts.keys().chain(after.facts.keys()).collect();
        let told = keys.into_iter().filter_map(|key| {
            let told = told(key, self.facts.get(key), after.facts.get(key))?;
            Some((key.clone(), told))
        });
        told.collect()
    }
}

/// One change of one key.
struct Told {
    old: Option<String>,
    new: Option<String>,
    what: String,
}

/// `None`: the same.
fn told(key: &str, before: Option<&Fact>, after: Option<&Fact>) -> Option<Told> {
    let (old, new) = (before.and_then(Fact::shown), after.and_then(Fact::shown));
    let what = match (before, after) {
        (Some(before), Some(after)) if before.is_as(after) => return None,
        (Some(Fact::Secret(_)), _) | (_, Some(Fact::Secret(_))) => "changed".to_owned(),
        (Some(Fact::Text(before)), Some(Fact::Text(after))) => lines(before, after),
        (
            Some(Fact::List { values: before, is_ordered }),
            Some(Fact::List { values: after, .. }),
        ) => list(before, after, *is_ordered),
        (Some(Fact::Steps(before)), Some(Fact::Steps(after))) => steps(before, after),
        (None, None) => return None,
        (Some(_), Some(_)) | (None, Some(_)) | (Some(_), None) => {
            let none = || "none".to_owned();
            replaced(&old.clone().unwrap_or_else(none), &new.clone().unwrap_or_else(none))
        }
    };
    Some(Told { old, new, what: format!("{key} {what}") })
}

impl Fact {
    fn one(value: impl fmt::Display) -> Self {
        let value = value.to_string();
        Self::One(value.clone(), value)
    }

    fn option(value: Option<impl fmt::Display>) -> Self {
        Self::one(value.map_or_else(|| "none".to_owned(), |value| value.to_string()))
    }

    fn list(values: impl IntoIterator<Item = String>) -> Self {
        let values = values.into_iter().map(|value| Shown(value.clone(), value)).collect();
        Self::List { values, is_ordered: true }
    }

    fn numbers(numbers: impl IntoIterator<Item = E164>, digits: Digits) -> Self {
        let values = numbers.into_iter().map(|number| digits.shown(number)).collect();
        Self::List { values, is_ordered: false }
    }

    fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(this, _), Self::One(that, _))
            | (Self::Secret(this), Self::Secret(that))
            | (Self::Text(this), Self::Text(that)) => this == that,
            (Self::List { values: this, is_ordered }, Self::List { values: that, .. }) => {
                let values = |list: &[Shown]| {
                    let mut values: Vec<String> = list.iter().map(|it| it.0.clone()).collect();
                    if !is_ordered {
                        values.sort();
                    }
                    values
                };
                values(this) == values(that)
            }
            (Self::Steps(this), Self::Steps(that)) => {
                this.iter().map(|it| &it.0).eq(that.iter().map(|it| &it.0))
            }
            (
                Self::One(..)
                | Self::Secret(_)
                | Self::Text(_)
                | Self::List { .. }
                | Self::Steps(_),
                _,
            ) => false,
        }
    }

    fn shown(&self) -> Option<String> {
        match self {
            Self::One(_, shown) => Some(shown.clone()),
            Self::Secret(_) => None,
            Self::Text(text) => Some(text.clone()),
            Self::List { values, .. } => Some(joined(values)),
            Self::Steps(steps) => Some(in_brackets(steps)),
        }
    }
}

impl Digits {
    fn shown(self, number: E164) -> Shown {
        let shown = match self {
            Self::All => number.spoken(),
            Self::Last => number.redacted(),
        };
        Shown(number.to_string(), shown)
    }
}

/// Two that look alike differ in what is not shown of them.
fn replaced(old: &str, new: &str) -> String {
    if old == new { format!("changed ({new})") } else { format!("{old} → {new}") }
}

fn lines(before: &str, after: &str) -> String {
    if before.lines().count() <= 1 && after.lines().count() <= 1 {
        let shown = |text: &str| match text {
            "" => "none".to_owned(),
            text => format!("{text:?}"),
        };
        return replaced(&shown(before), &shown(after));
    }
    let old: BTreeSet<&str> = before.lines().collect();
    let new: BTreeSet<&str> = after.lines().collect();
    let gone = before.lines().filter(|line| !new.contains(line)).map(|line| format!("- {line:?}"));
    let came = after.lines().filter(|line| !old.contains(line)).map(|line| format!("+ {line:?}"));
    let lines: Vec<String> = gone.chain(came).collect();
    if lines.is_empty() {
        "changed: other lines end, or stand elsewhere".to_owned()
    } else {
        lines.join(" ")
    }
}

fn list(before: &[Shown], after: &[Shown], is_ordered: bool) -> String {
    let not_in = |these: &[Shown], those: &[Shown]| -> Vec<Shown> {
        these.iter().filter(|it| those.iter().all(|that| that.0 != it.0)).cloned().collect()
    };
    let (gone, came) = (not_in(before, after), not_in(after, before));
    if is_ordered && gone.is_empty() && came.is_empty() {
        return format!("in another order: {}", joined(after));
    }
    // Of an order that counts both are shown.
    let is_short = before.len() <= LISTED_MAX && after.len() <= LISTED_MAX;
    let is_one_way =
        (gone.is_empty() || came.is_empty()) && !before.is_empty() && !after.is_empty();
    if is_short && (is_ordered || !is_one_way) {
        return replaced(&joined(before), &joined(after));
    }
    let mut text = Vec::new();
    for (sign, values) in [("-", gone), ("+", came)] {
        let shown = values.iter().take(SHOWN_MAX).map(|it| format!("{sign} {}", it.1));
        text.extend(shown);
        if values.len() > SHOWN_MAX {
            text.push(format!("{sign} {} more", values.len() - SHOWN_MAX));
        }
    }
    text.join(" ")
}

fn steps(before: &[Shown], after: &[Shown]) -> String {
    if before.len() != after.len() {
        return replaced(&in_brackets(before), &in_brackets(after));
    }
    let mut text = String::new();
    for (at, (before, after)) in before.iter().zip(after).enumerate() {
        if before.0 != after.0 {
            let space = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{space}step {}: {}", at + 1, replaced(&before.1, &after.1));
        }
    }
    text
}

fn joined(values: &[Shown]) -> String {
    let values: Vec<&str> = values.iter().map(|it| it.1.as_str()).collect();
    if values.is_empty() { "none".to_owned() } else { values.join(" + ") }
}

fn in_brackets(steps: &[Shown]) -> String {
    let steps: Vec<&str> = steps.iter().map(|it| it.1.as_str()).collect();
    format!("[{}]", steps.join(" | "))
}

#[cfg(test)]
mod tests;
