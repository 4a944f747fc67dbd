//! What the configuration says of practices.

use std::collections::{BTreeMap, BTreeSet};

use acd::{AtClosing, Insistence, Plan, PracticeId, PractitionerId, Target, Way};
use call::{AgentId, E164};

use super::facts::{facts, item, site_name};
use super::{Digits, Fact, Facts, Items, Shown};
use crate::config::Loaded;
use crate::explain::{duration, step_with};
use crate::order::practice::shown;
use crate::order::redirection::place;
use crate::status::urgency_word;

pub(super) fn practices(loaded: &Loaded, digits: Digits, items: &mut Items) {
    let numbers = numbers_of(loaded);
    for (&id, practice) in &loaded.engine.practices {
        let Some(floor) = loaded.engine.floor.practices.get(&id) else { continue };
        let numbers = numbers.get(&id).map_or(&[][..], Vec::as_slice);
        let of = Of { loaded, digits, floor, practice, numbers };
        items.insert(("practice", practice.key.clone()), item(practice.name.clone(), of.facts()));
    }
}

/// A number of a practice, and whether it is an urgent one.
type Own = (E164, bool);

fn numbers_of(loaded: &Loaded) -> BTreeMap<PracticeId, Vec<Own>> {
    let engine = &loaded.engine;
    let mut all: BTreeMap<PracticeId, Vec<Own>> = BTreeMap::new();
    for (number, practice) in engine.numbers.iter().chain(&engine.shared) {
        let is_urgent = engine.urgent_numbers.contains_key(number);
        all.entry(*practice).or_default().push((*number, is_urgent));
    }
    all
}

/// One practice.
struct Of<'l> {
    loaded: &'l Loaded,
    digits: Digits,
    floor: &'l acd::Practice,
    practice: &'l call::Practice,
    numbers: &'l [Own],
}

impl Of<'_> {
    fn facts(&self) -> Facts {
        let Self { digits, floor, practice, .. } = *self;
        let numbers = |urgent: bool| {
            let numbers = self.numbers.iter().filter(move |(_, is_urgent)| *is_urgent == urgent);
            Fact::numbers(numbers.map(|(number, _)| *number), digits)
        };
        let text = |text: &Option<String>| self.private(text.clone().unwrap_or_default());
        let mut all = facts([
            ("name", Fact::one(&practice.name)),
            ("label", Fact::one(&practice.label)),
            ("numbers", numbers(false)),
            ("urgent_numbers", numbers(true)),
            ("answer_within", Fact::one(duration(floor.answer_within))),
            ("urgency", Fact::one(urgency_word(floor.urgency))),
            ("plan", self.plan(&floor.open)),
            ("closed", self.plan(&floor.closed)),
            ("away", self.plan(&floor.away)),
            ("leave", self.leave()),
            ("repeated", self.repeated()),
            ("greeting", text(&practice.greeting)),
            ("instructions", text(&practice.instructions)),
            ("identity", text(&practice.identity)),
            ("practitioners", self.practitioners()),
            ("links", self.links()),
        ]);
        all.append(&mut self.calendar());
        all.append(&mut self.rules());
        all.append(&mut self.forward());
        self.lists(&mut all);
        all
    }

    /// What people wrote for people may name patients, numbers and passwords: no log has it.
    fn private(&self, text: String) -> Fact {
        match self.digits {
            Digits::All => Fact::Text(text),
            Digits::Last => Fact::Secret(text),
        }
    }

    fn links(&self) -> Fact {
        let links = self.practice.links.iter().map(|it| format!("{} {}", it.name, it.url));
        match self.digits {
            Digits::All => Fact::list(links),
            Digits::Last => Fact::Secret(links.collect::<Vec<_>>().join("\n")),
        }
    }

    fn calendar(&self) -> Facts {
        let hours = &self.floor.hours;
        let holidays = hours.holidays();
        let days = |days: &BTreeSet<acd::Date>| Fact::list(days.iter().map(|day| day.to_string()));
        facts([
            ("hours", Fact::one(format!("`{}`", hours.text()))),
            ("time_zone", Fact::one(hours.zone())),
            ("holidays", Fact::one(holidays.territory.as_str())),
            ("holidays_added", days(&holidays.added)),
            ("holidays_removed", days(&holidays.removed)),
        ])
    }

    /// Who may answer, and how long callers wait.
    fn rules(&self) -> Facts {
        let (loaded, floor) = (self.loaded, self.floor);
        let user = |id: &AgentId| {
            let known = loaded.engine.agents.get(id);
            known.map_or_else(|| "?".to_owned(), |agent| agent.user.clone())
        };
        let at_closing = match floor.at_closing {
            AtClosing::ServeOn => "serve",
            AtClosing::Move => "move",
        };
        let sites = floor.sites.as_ref().map(|sites| {
            let names = sites.iter().map(|site| site_name(loaded, *site).unwrap_or("?").to_owned());
            names.collect()
        });
        let wrap_up = floor.wrap_up.map_or_else(|| "the team's".to_owned(), duration);
        facts([
            ("at_closing", Fact::one(at_closing)),
            ("own", Fact::list(floor.own.iter().map(user))),
            ("skill", Fact::option(floor.skill.and_then(|skill| loaded.skills.get(&skill)))),
            ("sites", Fact::list(sites.unwrap_or_else(|| vec!["anywhere".to_owned()]))),
            ("wrap_up", Fact::one(wrap_up)),
            ("waiting_max", Fact::option(floor.waiting_max)),
            ("wait_max", Fact::option(floor.wait_max.map(duration))),
            ("affinity", Fact::one(duration(floor.affinity_for))),
            ("redial_within", Fact::one(duration(floor.redial_within))),
        ])
    }

    fn forward(&self) -> Facts {
        let (forwarding, digits) = (&self.practice.forwarding, self.digits);
        let trunk = forwarding.trunk.and_then(|trunk| self.loaded.engine.trunks.get(&trunk));
        let trunk = trunk.map_or_else(|| "the caller's".to_owned(), |trunk| trunk.name.clone());
        facts([
            ("forward.trunk", Fact::one(trunk)),
            ("forward.number", Fact::numbers(forwarding.number, digits)),
            ("forward.no_key", Fact::numbers(forwarding.no_key.iter().copied(), digits)),
            ("forward.allowed", Fact::numbers(forwarding.allowed.iter().copied(), digits)),
        ])
    }

    fn plan(&self, plan: &Plan) -> Fact {
        Fact::Steps(self.steps(plan))
    }

    /// What is compared has the ids of what a step names, and its numbers whole.
    fn steps(&self, plan: &Plan) -> Vec<Shown> {
        let engine = &self.loaded.engine;
        let told = |target| match target {
            Target::Line(line) => self.digits.shown(E164::of_line(line)).1,
            Target::Phone(_) => place(engine, target),
        };
        // Not by `Debug`, which hides numbers.
        let whole = |step| serde_json::to_string(step).unwrap_or_default();
        plan.steps.iter().map(|step| Shown(whole(step), step_with(engine, step, told))).collect()
    }

    fn planned(&self, plan: &Plan) -> Shown {
        let steps = self.steps(plan);
        let values: Vec<&str> = steps.iter().map(|it| it.0.as_str()).collect();
        Shown(values.join(" "), super::in_brackets(&steps))
    }

    fn leave(&self) -> Fact {
        let zone = self.floor.hours.zone();
        let leave = self.floor.leave.iter().map(|leave| {
            let (from, until) = leave.period.into();
            let period = format!("{} to {}", shown(zone, from), shown(zone, until));
            let Shown(value, plan) = self.planned(&leave.plan);
            Shown(format!("{from} {until} {value}"), format!("{period}: {plan}"))
        });
        Fact::List { values: leave.collect(), is_ordered: true }
    }

    fn repeated(&self) -> Fact {
        let Some(repeated) = &self.floor.repeated else { return Fact::one("none") };
        let Shown(value, then) = match &repeated.then {
            Insistence::Rise => Shown("rise".to_owned(), "rise".to_owned()),
            Insistence::Limit(plan) => self.planned(plan),
        };
        let calls = format!("from call {} within {} on", repeated.calls, duration(repeated.within));
        Fact::One(format!("{calls} {value}"), format!("{calls}: {then}"))
    }

    fn practitioners(&self) -> Fact {
        let all = (0..).map(PractitionerId).zip(&self.practice.practitioners).map(|(id, it)| {
            let is_told = matches!(self.digits, Digits::All);
            let quoted = |text: &Option<String>| {
                text.as_ref().filter(|_| is_told).map(|text| format!("{text:?}"))
            };
            let numbers = it.number.iter().chain(&it.numbers);
            let numbers: Vec<Shown> = numbers.map(|it| self.digits.shown(*it)).collect();
            let rules = self.floor.practitioners.get(&id).cloned().unwrap_or_default();
            let callers = rules.callers.len();
            let leave = rules.leave.len();
            let told = std::iter::once(it.name.clone())
                .chain(numbers.iter().map(|number| number.1.clone()))
                .chain(quoted(&it.disturb))
                .chain(quoted(&it.instructions))
                .chain((callers > 0).then(|| format!("with {callers} callers listed")))
                .chain((leave > 0).then(|| format!("with {leave} times of leave")));
            let told: Vec<String> = told.collect();
            let numbers: Vec<&str> = numbers.iter().map(|number| number.0.as_str()).collect();
            let whole = (&it.name, it.number.is_some(), numbers, &it.disturb, &it.instructions);
            // Not by `Debug`, which hides numbers.
            let rules = serde_json::to_string(&rules).unwrap_or_default();
            Shown(format!("{whole:?} {rules}"), told.join(" "))
        });
        Fact::List { values: all.collect(), is_ordered: true }
    }

    /// Of each list of callers how they are treated, and who they are.
    fn lists(&self, all: &mut Facts) {
        let mut lists: BTreeMap<&str, BTreeMap<Shown, Vec<E164>>> = BTreeMap::new();
        for (number, name) in &self.practice.lists {
            let rule = self.floor.callers.get(&number.line());
            let how =
                rule.map_or_else(|| Shown(String::new(), String::new()), |it| self.treated(it));
            lists.entry(name).or_default().entry(how).or_default().push(*number);
        }
        for (name, ways) in lists {
            let is_one = ways.len() == 1;
            let key = format!("callers {name:?}");
            for (how, numbers) in &ways {
                // Several lists may have one name.
                let key = if is_one { key.clone() } else { format!("{key}, {}", how.1) };
                all.insert(
                    format!("{key} numbers"),
                    Fact::numbers(numbers.iter().copied(), self.digits),
                );
            }
            all.insert(key, Fact::List { values: ways.into_keys().collect(), is_ordered: false });
        }
    }

    fn treated(&self, rule: &acd::CallerRule) -> Shown {
        let urgency = rule.urgency.map(|it| format!("urgency {}", urgency_word(it)));
        let busy = [acd::Step::Busy];
        let way = match &rule.way {
            Way::Usual => None,
            Way::Through => Some(Shown("through".to_owned(), "through".to_owned())),
            Way::Plan(plan) if plan.steps == busy => {
                Some(Shown("blocked".to_owned(), "blocked".to_owned()))
            }
            Way::Plan(plan) => Some(self.planned(plan)),
        };
        let way = way.unwrap_or_else(|| Shown(String::new(), String::new()));
        let told = [urgency.clone().unwrap_or_default(), way.1];
        let told: Vec<String> = told.into_iter().filter(|part| !part.is_empty()).collect();
        Shown(format!("{urgency:?} {}", way.0), told.join(", "))
    }
}
