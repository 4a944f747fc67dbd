//! What holds for a practice and which key of its file says so; the plans that a caller goes through.

use acd::{HOPS_MAX, Outset, Scheduler, Situation, Step, Way};
use call::{PracticeId, PractitionerId};

use super::{Held, Stand, words};
use crate::order::practice::{said, shown};

/// A practice whose plan he follows: the one that he called, or one that he is handed on to.
pub(super) struct Link<'a> {
    pub(super) id: PracticeId,
    pub(super) practice: &'a acd::Practice,
    pub(super) outset: Outset,
    /// Whose number of the practice he called.
    pub(super) called: Option<PractitionerId>,
    /// `None`: he was handed on, and no rule for callers holds there.
    pub(super) line: Option<acd::LineId>,
}

/// The practice that he called, then those whose plans his plan goes on with, as things stand.
pub(super) fn chain<'a>(first: Link<'a>, scheduler: &'a Scheduler) -> Vec<Link<'a>> {
    let mut links = vec![first];
    while links.len() <= usize::from(HOPS_MAX) {
        let next = links.last().and_then(|link| link.outset.plan.steps.iter().find_map(hand));
        let known = next.and_then(|id| Some((id, scheduler.setup().practices.get(&id)?)));
        let Some((id, practice)) = known else { break };
        let Some(outset) = scheduler.outset(id, None, None, None) else { break };
        links.push(Link { id, practice, outset, called: None, line: None });
    }
    links
}

fn hand(step: &Step) -> Option<PracticeId> {
    match step {
        Step::Practice(practice) => Some(*practice),
        Step::Queue(_) | Step::Forward(_) | Step::Announce { .. } | Step::Busy => None,
    }
}

impl Link<'_> {
    pub(super) fn rule(&self) -> Option<&acd::CallerRule> {
        self.practice.rule_for(self.called, self.line?)
    }

    /// Whom he called, where that person's own rule counts.
    fn ruled_by(&self) -> Option<PractitionerId> {
        let rules = self.practice.practitioners.get(&self.called?)?;
        rules.callers.contains_key(&self.line?).then_some(self.called?)
    }

    /// Whose rule that is, and the key of the lists that it stands in.
    pub(super) fn lists(&self, config: &call::Config) -> (String, String) {
        match self.ruled_by() {
            Some(called) => {
                (self.name_of(config, called), format!("practitioners[{}].callers", called.0))
            }
            None => ("the practice".to_owned(), "callers".to_owned()),
        }
    }

    fn name_of(&self, config: &call::Config, called: PractitionerId) -> String {
        let known = config.practices.get(&self.id);
        let person = known.and_then(|it| it.practitioners.get(usize::from(called.0)));
        person.map_or_else(|| "?".to_owned(), |person| person.name.clone())
    }

    /// Whom he called, and which leave of that person holds.
    fn away(&self, at_ms: i64) -> Option<(PractitionerId, usize)> {
        let called = self.called?;
        let leave = &self.practice.practitioners.get(&called)?.leave;
        Some((called, leave.iter().position(|leave| leave.period.contains(at_ms))?))
    }

    /// The rule for who calls too often, where it holds for this call.
    pub(super) fn repeated(&self) -> Option<&acd::Repeated> {
        self.practice.repeated.as_ref().filter(|it| self.outset.calls >= it.calls.max(1))
    }

    /// What is said against its hours and leave at that moment.
    fn overriding(&self, scheduler: &Scheduler, at_ms: i64) -> Option<acd::Override> {
        let all = scheduler.overrides();
        let mut hers =
            all.filter(|(practice, over)| *practice == self.id && at_ms < over.until_unix_ms);
        hers.next().map(|(_, over)| over)
    }

    fn leave(&self, at_ms: i64) -> Option<usize> {
        self.practice.leave.iter().position(|leave| leave.period.contains(at_ms))
    }

    /// Where in the file of the practice the step of this number stands: `plan[0]`. `None`: in none.
    pub(super) fn step_key(
        &self,
        scheduler: &Scheduler,
        at_ms: i64,
        step: usize,
    ) -> Option<String> {
        let by_hours = |situation| match (situation, self.leave(at_ms)) {
            (Situation::Leave, Some(index)) => format!("leave[{index}].plan"),
            (Situation::Open, _) => "plan".to_owned(),
            (
                Situation::Closed | Situation::Leave | Situation::Redirected | Situation::Listed,
                _,
            ) => "closed".to_owned(),
        };
        let (plan, step) = match self.outset.situation {
            Situation::Listed => {
                let plan = match (self.rule().map(|rule| &rule.way), self.ruled_by()) {
                    (Some(Way::Through), _) => "plan".to_owned(),
                    (Some(Way::Plan(_)), None) => "callers.plan".to_owned(),
                    (Some(Way::Plan(_)), Some(called)) => {
                        format!("practitioners[{}].callers.plan", called.0)
                    }
                    (Some(Way::Usual) | None, _) => "repeated.then".to_owned(),
                };
                (plan, step)
            }
            // What holds beneath it comes after the place that he is redirected to.
            Situation::Redirected => {
                let beneath = self.practice.situation(Some(at_ms));
                (by_hours(beneath), step.checked_sub(1)?)
            }
            Situation::Leave if self.overriding(scheduler, at_ms).is_some() => {
                ("away".to_owned(), step)
            }
            Situation::Leave if let Some((called, index)) = self.away(at_ms) => {
                (format!("practitioners[{}].leave[{index}].plan", called.0), step)
            }
            situation @ (Situation::Open | Situation::Closed | Situation::Leave) => {
                (by_hours(situation), step)
            }
        };
        Some(format!("{plan}[{step}]"))
    }

    pub(super) fn held(&self, config: &call::Config, stand: &Stand) -> Held {
        let (scheduler, at_ms) = (&stand.scheduler, stand.at_ms);
        let hours = &self.practice.hours;
        let zone = hours.zone();
        let is_listed = self.outset.situation == Situation::Listed;
        let mut held = Held {
            situation: self.outset.situation.as_str().to_owned(),
            why: String::new(),
            comment: String::new(),
            until: None,
            place: None,
            key: None,
            rule: None,
            holiday: None,
        };
        if is_listed {
            let (why, key) = self.listed(config);
            held.why = why;
            held.key = Some(key);
        } else if let Some(over) = self.overriding(scheduler, at_ms) {
            held.why = format!("an override: {}", said(config, self.id, &over));
            held.until = Some(shown(zone, over.until_unix_ms));
        } else if let Some((called, index)) = self.away(at_ms) {
            let (from, until) = self.practice.practitioners[&called].leave[index].period.into();
            let (from, to) = (shown(zone, from), shown(zone, until));
            let name = self.name_of(config, called);
            held.why = format!("{name}, whom he called, is away from {from} to {to}");
            held.key = Some(format!("practitioners[{}].leave[{index}]", called.0));
            held.until = Some(to);
        } else if let Some(index) = self.leave(at_ms) {
            let (from, until) = self.practice.leave[index].period.into();
            let (from, to) = (shown(zone, from), shown(zone, until));
            held.why = format!("leave {} of its list, from {from} to {to}", index + 1);
            held.key = Some(format!("leave[{index}]"));
            held.until = Some(to);
        } else if !stand.is_brief {
            self.by_hours(&mut held, at_ms);
        }
        held
    }

    fn by_hours(&self, held: &mut Held, at_ms: i64) {
        let hours = &self.practice.hours;
        let deciding = hours.deciding(at_ms);
        held.holiday = hours.holiday(at_ms).map(str::to_owned);
        held.comment = hours.state(at_ms).comment.to_string();
        held.until = hours.next_change(at_ms).map(|at| shown(hours.zone(), at));
        held.key = Some("hours".to_owned());
        held.why = match &deciding {
            Some(it) if hours.text() == "24/7" && it.is_within => {
                "it is open at any time".to_owned()
            }
            Some(it) if it.is_within => format!("by its hours, `{}`", it.rule),
            Some(it) => format!("by its hours, outside of `{}`", it.rule),
            None => format!("by its hours, which say nothing of this day: `{}`", hours.text()),
        };
        let is_of_holidays = deciding.as_ref().is_some_and(|it| it.is_of_holidays);
        match &held.holiday {
            Some(holiday) if is_of_holidays => held.why.push_str(&format!(" (PH: {holiday})")),
            Some(holiday) => {
                held.why.push_str(&format!(" (a public holiday, {holiday}, but not by that rule)"));
            }
            None => {}
        }
        held.rule = deciding.map(|it| it.rule);
    }

    /// Why he has a plan of his own, and the key that says so.
    fn listed(&self, config: &call::Config) -> (String, String) {
        let (whose, lists) = self.lists(config);
        let list = self.line.filter(|_| self.ruled_by().is_none()).and_then(|line| {
            let lists = &config.practices.get(&self.id)?.lists;
            lists.get(&call::E164::of_line(line))
        });
        let list = list.map_or_else(String::new, |list| format!("he is on the list {list:?}: "));
        match self.rule().map(|rule| &rule.way) {
            Some(Way::Through) => {
                let what = "he always gets through: the open plan, no limit counts him";
                (format!("{list}{what}"), format!("{lists}.through"))
            }
            Some(Way::Plan(plan)) if plan.steps == [Step::Busy] => {
                let by =
                    if self.ruled_by().is_some() { format!(" by {whose}") } else { String::new() };
                (format!("{list}he is blocked{by}"), format!("{lists}.blocked"))
            }
            Some(Way::Plan(_)) => {
                (format!("{list}{whose} has a plan for him"), format!("{lists}.plan"))
            }
            Some(Way::Usual) | None => {
                let within = self.repeated().map(|it| words::duration(it.within));
                let (calls, within) = (self.outset.calls, within.unwrap_or_default());
                (format!("he calls too often: call {calls} within {within}"), "repeated".to_owned())
            }
        }
    }
}
