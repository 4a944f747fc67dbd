//! The steps of all plans that a caller goes through, and who may have him in them.

use std::collections::BTreeSet;
use std::time::Duration;

use acd::{Circle, Scheduler, Step, Urgency, Widening, circles, verdicts};
use call::PracticeId;

use super::course::{Entering, Stage};
use super::holding::Link;
use super::{
    CircleOf, Class, EntryNow, NotSuited, PlanStep, Stand, Suited, Who, duration, key, millis,
    words,
};
use crate::status::{circle_word, state_word, urgency_word};

/// The plans that he goes through, one after the other.
pub(super) struct Plans<'a> {
    pub(super) config: &'a call::Config,
    pub(super) stand: &'a Stand,
    pub(super) entering: Entering,
    /// With which he begins.
    pub(super) class: Urgency,
    pub(super) links: &'a [Link<'a>],
    pub(super) stages: &'a [Stage],
}

impl Plans<'_> {
    pub(super) fn steps(&self) -> Vec<PlanStep> {
        let mut all = Vec::new();
        let mut class = self.class;
        for (at, link) in self.links.iter().enumerate() {
            for (number, step) in link.outset.plan.steps.iter().enumerate() {
                let next = self.links.get(at + 1).filter(|next| *step == Step::Practice(next.id));
                let mut told = self.step(at, number, words::step(self.config, step));
                let Stand { scheduler, at_ms, .. } = self.stand;
                told.key = link.step_key(scheduler, *at_ms, number);
                told.entry = self.entry(link.id, step, class);
                class = class_behind(step, class);
                told.goes_on = next.map(|next| next.held(self.config, self.stand));
                all.push(told);
            }
            let ends = |step: &Step| step.is_last() || matches!(step, Step::Practice(_));
            if !link.outset.plan.steps.last().is_some_and(ends) {
                let beyond = "hear busy, the end: the plan has no further step";
                all.push(self.step(at, link.outset.plan.steps.len(), beyond.to_owned()));
            }
        }
        all
    }

    fn step(&self, link: usize, number: usize, what: String) -> PlanStep {
        let mut stages = self.stages.iter();
        let stage = stages.find(|stage| (stage.link, stage.step) == (link, number));
        let ends = stage.and_then(|stage| stage.ends);
        PlanStep {
            practice: key(self.config, self.links[link].id),
            step: number + 1,
            what,
            place: None,
            key: None,
            begins_ms: stage.map(|stage| stage.begins_ms),
            ends_ms: ends.map(|(at, _)| at),
            ends_by: ends.map(|(_, by)| by.as_str().to_owned()),
            entry: None,
            goes_on: None,
        }
    }

    fn entry(&self, acting: PracticeId, step: &Step, class: Urgency) -> Option<EntryNow> {
        let queue = match step {
            Step::Queue(queue) => queue,
            Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy => {
                return None;
            }
        };
        let Entering { practice, line, .. } = self.entering;
        let scheduler = &self.stand.scheduler;
        let entry = scheduler.entry(practice, line, class, acting, queue);
        let refusing = words::refusing(queue, &entry);
        Some(EntryNow {
            lets_in: refusing.is_empty(),
            why: if refusing.is_empty() { words::seen(queue, &entry) } else { refusing },
        })
    }

    /// Of each team, for each practice whose callers come to it.
    pub(super) fn who(&self) -> Vec<Who> {
        let mut known = BTreeSet::new();
        let mut all = Vec::new();
        let mut class = self.class;
        for link in self.links {
            for step in &link.outset.plan.steps {
                if let Step::Queue(queue) = step
                    && known.insert((link.id, queue.team))
                {
                    all.push(who(self.config, self.stand, (link.id, queue.team), class));
                }
                class = class_behind(step, class);
            }
        }
        all
    }
}

/// With which he comes to the next step: only who presses its key goes on from a text, and is urgent.
fn class_behind(step: &Step, class: Urgency) -> Urgency {
    match step {
        Step::Announce { urgent_key: Some(_), .. } => class.min(Urgency::Urgent),
        Step::Announce { urgent_key: None, .. }
        | Step::Queue(_)
        | Step::Forward(_)
        | Step::Practice(_)
        | Step::Busy => class,
    }
}

fn who(
    config: &call::Config,
    stand: &Stand,
    (id, team): (PracticeId, acd::TeamId),
    class: Urgency,
) -> Who {
    let floor = stand.scheduler.setup();
    let name = |agent: acd::AgentId| {
        let known = config.agents.get(&agent);
        known.map_or_else(Default::default, |it| (it.user.clone(), it.name.clone()))
    };
    let all = |circle| verdicts(floor, id, team, circle);
    let mut passed = circles(floor, id, team);
    // Nobody waits for a secretary in particular while a life may hang on it.
    if class <= Urgency::Urgent {
        passed = passed
            .pop()
            .map(|last| Widening { after: Duration::ZERO, ..last })
            .into_iter()
            .collect();
    }
    let circles = passed.into_iter().map(|widening| CircleOf {
        circle: circle_word(widening.circle).to_owned(),
        after_ms: millis(widening.after),
        agents: all(widening.circle)
            .into_iter()
            .filter(|verdict| verdict.unsuited.is_none())
            .map(|verdict| {
                let (user, name) = name(verdict.agent);
                let state = stand.is_live.then(|| why_not_free(&stand.scheduler, verdict.agent));
                Suited { user, name, own: verdict.is_own, level: verdict.level, state }
            })
            .collect(),
    });
    let unsuited = all(Circle::Everyone).into_iter().filter_map(|verdict| {
        let why = words::unsuited(verdict.unsuited?).to_owned();
        let (user, name) = name(verdict.agent);
        Some(NotSuited { user, name, why })
    });
    Who {
        practice: key(config, id),
        team: config.teams.get(&team).cloned().unwrap_or_default(),
        circles: circles.collect(),
        unsuited: unsuited.collect(),
        reserve: floor.teams.get(&team).map_or(0, |team| team.reserve),
    }
}

/// Empty: an offer may be made to her.
fn why_not_free(scheduler: &Scheduler, agent: acd::AgentId) -> String {
    let Some(view) = scheduler.agent(agent) else { return "unknown".to_owned() };
    if view.free {
        return String::new();
    }
    match view.state {
        acd::AgentState::Available if !view.reachable => "no phone can be reached".to_owned(),
        acd::AgentState::Available => "her line is not clear yet".to_owned(),
        state @ (acd::AgentState::LoggedOut
        | acd::AgentState::Offered(_)
        | acd::AgentState::Talking(_)
        | acd::AgentState::WrapUp { .. }
        | acd::AgentState::Resting { .. }
        | acd::AgentState::Paused { .. }
        | acd::AgentState::NotResponding) => state_word(&state).to_owned(),
    }
}

/// `urgent` is that of the number that he dialled.
pub(super) fn class(config: &call::Config, link: &Link<'_>, urgent: Option<Urgency>) -> Class {
    let (whose, lists) = link.lists(config);
    let of_rule = link.rule().and_then(|rule| rule.urgency);
    let (mut why, key) = match (urgent, of_rule) {
        (Some(urgent), of_rule) if of_rule.is_none_or(|of_rule| urgent <= of_rule) => {
            ("by the urgent number that he dialled".to_owned(), "urgent_numbers".to_owned())
        }
        (_, Some(_)) => (format!("{whose}'s rule for this caller"), format!("{lists}.urgency")),
        (_, None) => ("the practice's".to_owned(), "urgency".to_owned()),
    };
    // Nobody rises beyond urgent.
    let before = urgent.into_iter().chain(of_rule).min().unwrap_or(link.practice.urgency);
    if let Some(acd::Repeated { within, then: acd::Insistence::Rise, .. }) = link.repeated()
        && before > Urgency::Urgent
    {
        let (calls, within) = (link.outset.calls, duration(*within));
        why = format!("{why}, risen by one: his call {calls} within {within}");
    }
    let urgency = urgency_word(link.outset.urgency).to_owned();
    Class { urgency, why, place: None, key }
}
