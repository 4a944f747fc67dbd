//! One of the two configurations, as practices are asked about in it; and what is not the same in both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acd::{PracticeId, Scheduler, Setup, Step, TeamId};
use call::E164;

use crate::config::Loaded;
use crate::explain;

/// One of the two configurations.
pub(super) struct Side<'l> {
    pub(super) loaded: &'l Loaded,
    pub(super) setup: &'l Setup,
    /// What is in both is called as in the new one: another name is no other decision.
    pub(super) names: call::Config,
    /// A number that leads to the practice, ordinary ones first.
    pub(super) numbers: BTreeMap<PracticeId, E164>,
}

impl<'l> Side<'l> {
    pub(super) fn of(loaded: &'l Loaded, new: &Loaded) -> Self {
        fn rename<I: Ord, T: Clone>(all: &mut BTreeMap<I, T>, new: &BTreeMap<I, T>) {
            for (id, item) in all {
                if let Some(new) = new.get(id) {
                    item.clone_from(new);
                }
            }
        }
        let engine = &loaded.engine;
        let mut names = engine.clone();
        rename(&mut names.practices, &new.engine.practices);
        rename(&mut names.agents, &new.engine.agents);
        rename(&mut names.phones, &new.engine.phones);
        let mut numbers = BTreeMap::new();
        let urgent = |number: &E164| engine.urgent_numbers.contains_key(number);
        let all = || engine.numbers.iter().chain(&engine.shared);
        let ordinary_first = all()
            .filter(|(number, _)| !urgent(number))
            .chain(all().filter(|(number, _)| urgent(number)));
        let is_somebodys = |practice: &PracticeId, number: E164| {
            let known = engine.practices.get(practice);
            known.is_some_and(|known| known.practitioner(number).is_some())
        };
        // One of all its callers, where it has such a one, and not of one of its people.
        let (own, of_people): (Vec<_>, Vec<_>) =
            ordinary_first.partition(|(number, practice)| !is_somebodys(practice, **number));
        for (&number, &practice) in own.into_iter().chain(of_people) {
            numbers.entry(practice).or_insert(number);
        }
        Self { loaded, setup: &engine.floor, names, numbers }
    }

    pub(super) fn whose(&self, number: E164) -> Option<PracticeId> {
        let engine = &self.loaded.engine;
        engine.numbers.get(&number).or_else(|| engine.shared.get(&number)).copied()
    }

    /// The trunk that a call to this number comes by.
    pub(super) fn trunk(&self, number: E164) -> Option<(call::TrunkId, &call::Trunk)> {
        let id = self.loaded.trunk_of(number)?;
        Some((id, &self.loaded.engine.trunks[&id]))
    }

    /// How long the calls of each practice may be unanswered.
    fn unanswered(&self) -> BTreeMap<PracticeId, Duration> {
        let known = self.numbers.iter();
        known.filter_map(|(id, did)| Some((*id, self.trunk(*did)?.1.max_unanswered))).collect()
    }

    /// The practice, and those whose plans it may go on with.
    pub(super) fn near(&self, id: PracticeId) -> BTreeSet<PracticeId> {
        let mut near = BTreeSet::from([id]);
        let mut to_see = vec![id];
        while let Some(practice) = to_see.pop().and_then(|id| self.setup.practices.get(&id)) {
            for next in steps(practice).filter_map(handed_on) {
                if near.insert(next) {
                    to_see.push(next);
                }
            }
        }
        near
    }

    pub(super) fn teams(&self, near: &BTreeSet<PracticeId>) -> BTreeSet<TeamId> {
        let practices = near.iter().filter_map(|id| self.setup.practices.get(id));
        practices.flat_map(steps).filter_map(queued).collect()
    }

    /// Those practices, who answers for them, and everybody free.
    pub(super) fn scheduler(&self, near: &BTreeSet<PracticeId>, at_ms: i64) -> Scheduler {
        let teams = self.teams(near);
        let practices = self.setup.practices.iter().filter(|(id, _)| near.contains(id));
        let agents = self.setup.agents.iter();
        let agents = agents.filter(|(_, agent)| agent.teams.iter().any(|it| teams.contains(it)));
        let known = self.setup.teams.iter().filter(|(id, _)| teams.contains(id));
        let setup = Setup {
            practices: practices.map(|(id, it)| (*id, it.clone())).collect(),
            teams: known.map(|(id, it)| (*id, it.clone())).collect(),
            agents: agents.map(|(id, it)| (*id, it.clone())).collect(),
            limits: self.setup.limits,
        };
        explain::everybody_free(Arc::new(setup), at_ms)
    }
}

/// Of all plans of a practice.
fn steps(practice: &acd::Practice) -> impl Iterator<Item = &Step> {
    practice.plans().flat_map(|plan| &plan.steps)
}

fn handed_on(step: &Step) -> Option<PracticeId> {
    match step {
        Step::Practice(practice) => Some(*practice),
        Step::Queue(_) | Step::Forward(_) | Step::Announce { .. } | Step::Busy => None,
    }
}

fn queued(step: &Step) -> Option<TeamId> {
    match step {
        Step::Queue(queue) => Some(queue.team),
        Step::Practice(_) | Step::Forward(_) | Step::Announce { .. } | Step::Busy => None,
    }
}

/// What is not the same in both.
pub(super) struct Differing {
    /// In themselves, or in how long their calls may be unanswered.
    pub(super) practices: BTreeSet<PracticeId>,
    /// In themselves, or in who is of them.
    pub(super) teams: BTreeSet<TeamId>,
}

impl Differing {
    pub(super) fn between(old: &Side<'_>, new: &Side<'_>) -> Self {
        fn of<I: Ord + Copy, T: PartialEq>(
            old: &BTreeMap<I, T>,
            new: &BTreeMap<I, T>,
        ) -> BTreeSet<I> {
            let all = old.keys().chain(new.keys()).copied();
            all.filter(|id| old.get(id) != new.get(id)).collect()
        }
        let mut teams = of(&old.setup.teams, &new.setup.teams);
        for id in of(&old.setup.agents, &new.setup.agents) {
            let agents = [old, new].into_iter().filter_map(|side| side.setup.agents.get(&id));
            teams.extend(agents.flat_map(|agent| agent.teams.iter().copied()));
        }
        let mut practices = of(&old.setup.practices, &new.setup.practices);
        practices.extend(of(&old.unanswered(), &new.unanswered()));
        Self { practices, teams }
    }
}
