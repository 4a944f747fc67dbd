//! One practice whole: what holds for it, its plans in words, its numbers, and what a secretary should know
//! of it (its card). Made from a copy of what is, for whoever asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use acd::{Plan, PracticeId, PractitionerId};
use serde::{Deserialize, Serialize};

use crate::explain::step;
use crate::inbox::FloorCopy;
use crate::order::practice::{find, said, shown};
use crate::status::urgency_word;

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// What the configuration calls it: the name of its table or file.
    pub key: String,
    pub name: String,
    /// What a secretary's phone shows first.
    pub label: String,
    /// Now, on the practice's clock.
    pub at: String,
    pub zone: String,
    /// `open`, `closed`, `leave` or `redirected`.
    pub situation: String,
    /// When that may change next; `None`: never by what is known.
    pub until: Option<String>,
    #[serde(rename = "override")]
    pub overridden: Option<String>,
    /// What its hours say of this moment; empty when nothing.
    pub comment: String,
    pub hours: String,
    /// Those that are not over.
    pub leave: Vec<LeaveOfCard>,
    pub numbers: Vec<NumberOfCard>,
    pub plans: Vec<PlanOfCard>,
    pub greeting: Option<String>,
    /// What a caller is asked before anything is disclosed to him.
    pub identity: Option<String>,
    pub instructions: Option<String>,
    pub practitioners: Vec<PractitionerOfCard>,
    pub links: Vec<LinkOfCard>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LeaveOfCard {
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct NumberOfCard {
    pub number: String,
    /// The class that its callers have by it; `None`: the practice's.
    pub urgency: Option<String>,
    /// Several practices forward to it.
    pub is_shared: bool,
    /// Whose of the practice it is; `None`: nobody's in particular.
    #[serde(default)]
    pub practitioner: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PlanOfCard {
    /// `open`, `closed`, `leave 1` (that of its list) or `away` (by an override).
    pub when: String,
    /// Empty: the caller hears busy.
    pub steps: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PractitionerOfCard {
    pub name: String,
    pub number: Option<String>,
    pub disturb: Option<String>,
    #[serde(default)]
    pub instructions: Option<String>,
    /// Those that are not over.
    #[serde(default)]
    pub leave: Vec<LeaveOfCard>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LinkOfCard {
    pub name: String,
    pub url: String,
}

/// Of the practice that is named so.
pub(crate) fn of(copy: &FloorCopy, practice: &str) -> Result<Card, String> {
    let FloorCopy { config, scheduler, now } = copy;
    let id = find(config, practice)?;
    let (Some(known), Some(rules)) = (config.practices.get(&id), config.floor.practices.get(&id))
    else {
        return Err(format!("there is no practice {practice:?}"));
    };
    let Some(at_ms) = scheduler.unix_ms_at(*now) else {
        return Err("the time of day is not known yet: try again".to_owned());
    };
    let zone = rules.hours.zone();
    let over = scheduler.overrides().find(|(of, _)| *of == id).map(|(_, over)| over);
    let leave = |all: &[acd::Leave]| -> Vec<LeaveOfCard> {
        let to_come = all.iter().filter_map(|leave| {
            let (from, to): (i64, i64) = leave.period.into();
            (to > at_ms).then(|| LeaveOfCard { from: shown(zone, from), to: shown(zone, to) })
        });
        to_come.collect()
    };
    let ids = (0..).map(PractitionerId);
    let practitioners = ids.zip(&known.practitioners).map(|(id, it)| PractitionerOfCard {
        name: it.name.clone(),
        number: it.number.map(call::E164::spoken),
        disturb: it.disturb.clone(),
        instructions: it.instructions.clone(),
        leave: rules.practitioners.get(&id).map_or_else(Vec::new, |it| leave(&it.leave)),
    });
    let links = known.links.iter();
    Ok(Card {
        key: known.key.clone(),
        name: known.name.clone(),
        label: known.label.clone(),
        at: shown(zone, at_ms),
        zone: zone.to_string(),
        situation: scheduler.situation(id).map_or("?", call::Situation::as_str).to_owned(),
        until: until(rules, over.as_ref(), at_ms).map(|until| shown(zone, until)),
        overridden: over.map(|over| said(config, id, &over)),
        comment: rules.hours.state(at_ms).comment.to_string(),
        hours: rules.hours.text().to_owned(),
        leave: leave(&rules.leave),
        numbers: numbers(config, id, known),
        plans: plans(config, rules),
        greeting: known.greeting.clone(),
        identity: known.identity.clone(),
        instructions: known.instructions.clone(),
        practitioners: practitioners.collect(),
        links: links.map(|it| LinkOfCard { name: it.name.clone(), url: it.url.clone() }).collect(),
    })
}

/// The next moment at which something else may hold.
fn until(rules: &acd::Practice, over: Option<&acd::Override>, at_ms: i64) -> Option<i64> {
    if let Some(over) = over {
        return Some(over.until_unix_ms);
    }
    if let Some(leave) = rules.leave.iter().find(|leave| leave.period.contains(at_ms)) {
        let (_, to): (i64, i64) = leave.period.into();
        return Some(to);
    }
    let leaves = rules.leave.iter().map(|leave| <(i64, i64)>::from(leave.period).0);
    leaves.filter(|from| *from > at_ms).chain(rules.hours.next_change(at_ms)).min()
}

fn numbers(config: &call::Config, id: PracticeId, known: &call::Practice) -> Vec<NumberOfCard> {
    let of = |numbers: &BTreeMap<call::E164, PracticeId>, is_shared| {
        let own = numbers.iter().filter(|(_, of)| **of == id);
        let own = own.map(|(number, _)| NumberOfCard {
            number: number.spoken(),
            urgency: config.urgent_numbers.get(number).map(|it| urgency_word(*it).to_owned()),
            is_shared,
            practitioner: known.practitioner(*number).map(|(_, it)| it.name.clone()),
        });
        own.collect::<Vec<_>>()
    };
    let mut all = of(&config.numbers, false);
    all.extend(of(&config.shared, true));
    all
}

fn plans(config: &call::Config, rules: &acd::Practice) -> Vec<PlanOfCard> {
    let plan = |when: String, plan: &Plan| PlanOfCard {
        when,
        steps: plan.steps.iter().map(|it| step(config, it)).collect(),
    };
    let mut all =
        vec![plan("open".to_owned(), &rules.open), plan("closed".to_owned(), &rules.closed)];
    let leaves = rules.leave.iter().zip(1..);
    all.extend(leaves.map(|(leave, number)| plan(format!("leave {number}"), &leave.plan)));
    all.push(plan("away".to_owned(), &rules.away));
    all
}

/// How wide the names of the parts are.
const MARGIN: usize = 15;

impl Card {
    pub fn text(&self) -> String {
        let mut page = Page(String::new());
        page.line("practice", &format!("{} ({}), shown as {}", self.name, self.key, self.label));
        page.line("now", &self.now());
        if let Some(overridden) = &self.overridden {
            page.line("override", overridden);
        }
        page.line("hours", &format!("{} ({})", self.hours, self.zone));
        page.lines("leave", &self.leave.iter().map(away).collect::<Vec<_>>());
        page.lines("numbers", &self.numbers.iter().map(number).collect::<Vec<_>>());
        for plan in &self.plans {
            let steps = plan.steps.iter().zip(1..);
            let steps: Vec<String> = steps.map(|(what, at)| format!("{at}. {what}")).collect();
            let steps =
                if steps.is_empty() { vec!["hear busy, the end".to_owned()] } else { steps };
            page.lines(&format!("plan, {}", plan.when), &steps);
        }
        page.text("greeting", self.greeting.as_deref());
        page.text("identity", self.identity.as_deref());
        page.text("instructions", self.instructions.as_deref());
        page.lines(
            "practitioners",
            &self.practitioners.iter().flat_map(person).collect::<Vec<_>>(),
        );
        let links: Vec<String> =
            self.links.iter().map(|it| format!("{}: {}", it.name, it.url)).collect();
        page.lines("links", &links);
        page.0.trim_end().to_owned()
    }

    /// `open until Thu 2026-11-26 19:00, "jour férié" (it is Thu 2026-11-26 18:30 there)`.
    fn now(&self) -> String {
        let mut text = self.situation.clone();
        let _ = match &self.until {
            Some(until) => write!(text, " until {until}"),
            None => write!(text, " for ever"),
        };
        if !self.comment.is_empty() {
            let _ = write!(text, ", \"{}\"", self.comment);
        }
        let _ = write!(text, " (it is {} there)", self.at);
        text
    }
}

fn number(number: &NumberOfCard) -> String {
    let mut text = number.number.clone();
    if let Some(urgency) = &number.urgency {
        let _ = write!(text, ", {urgency}");
    }
    if number.is_shared {
        text.push_str(", shared by several practices");
    }
    if let Some(practitioner) = &number.practitioner {
        let _ = write!(text, ", {practitioner}");
    }
    text
}

fn away(leave: &LeaveOfCard) -> String {
    format!("{} to {}", leave.from, leave.to)
}

/// `Dr Martin, 06 39 98 00 12: only for an emergency`, and below it what else is said of her.
fn person(person: &PractitionerOfCard) -> Vec<String> {
    let mut text = person.name.clone();
    if let Some(number) = &person.number {
        let _ = write!(text, ", {number}");
    }
    if let Some(disturb) = &person.disturb {
        let _ = write!(text, ": {disturb}");
    }
    let mut lines = vec![text];
    lines.extend(person.leave.iter().map(|leave| format!("  away {}", away(leave))));
    let instructions = person.instructions.iter().flat_map(|text| text.lines());
    lines.extend(instructions.map(|line| format!("  {line}")));
    lines
}

struct Page(String);

impl Page {
    fn line(&mut self, title: &str, what: &str) {
        let _ = writeln!(self.0, "{title:<MARGIN$}{what}");
    }

    /// The title before the first one alone; nothing where there is none.
    fn lines<T: AsRef<str>>(&mut self, title: &str, lines: &[T]) {
        let titles = std::iter::once(title).chain(std::iter::repeat(""));
        for (title, line) in titles.zip(lines) {
            self.line(title, line.as_ref());
        }
    }

    fn text(&mut self, title: &str, text: Option<&str>) {
        let lines: Vec<&str> = text.into_iter().flat_map(str::lines).collect();
        self.lines(title, &lines);
    }
}
