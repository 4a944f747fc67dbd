//! A practice that is in both configurations: asked about by probes at each time at which what holds changes.

use std::collections::BTreeSet;

use acd::{PracticeId, Situation};
use call::E164;

use super::noticed::compared;
use super::side::{Differing, Side};
use super::{ANYBODY, Change, Name};
use crate::explain::{self, Asked, Stand};
use crate::order::practice::shown;

/// How far it looks: two weeks have each day of the week, and next week's leave.
const HORIZON_MS: i64 = 14 * 24 * 3_600_000;
/// Times at which one practice is asked about.
const TIMES_MAX: usize = 400;

/// A practice in both.
pub(super) struct Pair<'p> {
    pub(super) id: PracticeId,
    pub(super) name: &'p Name,
    pub(super) old: (&'p Side<'p>, &'p acd::Practice),
    pub(super) new: (&'p Side<'p>, &'p acd::Practice),
}

impl Pair<'_> {
    pub(super) fn may_differ(&self, differing: &Differing) -> bool {
        [self.old.0, self.new.0].into_iter().any(|side| {
            let near = side.near(self.id);
            !near.is_disjoint(&differing.practices)
                || !side.teams(&near).is_disjoint(&differing.teams)
        })
    }

    pub(super) fn changes(&self, at: Option<&str>, now_ms: i64) -> Result<Vec<Change>, String> {
        let (before, after) = (self.old.1, self.new.1);
        let zone = after.hours.zone();
        let start = at.map_or(Ok(now_ms), |at| explain::moment(zone, at, now_ms))?;
        let times = times(before, after, start);
        let probes = self.probes();
        let near = [self.old.0.near(self.id), self.new.0.near(self.id)];
        // By what holds then in both: for each probe, what differs.
        let mut known: Vec<(Vec<Holds>, Vec<Vec<String>>)> = Vec::new();
        let mut at_times: Vec<usize> = Vec::new();
        for &time in &times {
            let holds = self.holds(&near, time);
            let found = known.iter().position(|(those, _)| *those == holds);
            at_times.push(found.unwrap_or(known.len()));
            if found.is_none() {
                known.push((holds, self.differences(&near, &probes, time)));
            }
        }
        let mut changes = Vec::new();
        for (index, probe) in probes.iter().enumerate() {
            let mut whats: Vec<&String> = Vec::new();
            for (_, differences) in &known {
                let new = differences[index].iter().filter(|what| !whats.contains(what));
                let new: Vec<&String> = new.collect();
                whats.extend(new);
            }
            for what in whats {
                let is_so: Vec<bool> =
                    at_times.iter().map(|&at| known[at].1[index].contains(what)).collect();
                changes.push(self.change(probe, what, &times, &is_so));
            }
        }
        Ok(merged(changes))
    }

    fn change(&self, probe: &Probe, what: &str, times: &[i64], is_so: &[bool]) -> Change {
        let zone = self.new.1.hours.zone();
        let first = is_so.iter().position(|is_so| *is_so).unwrap_or_default();
        let end = is_so.iter().skip(first).position(|is_so| !is_so).map(|at| first + at);
        let begins = |at: &usize| is_so[*at] && (*at == 0 || !is_so[*at - 1]);
        Change {
            caller: probe.caller.clone(),
            more: probe.more,
            from: Some(shown(zone, times[first])),
            until: end.map(|end| shown(zone, times[end])),
            times: (is_so.iter().filter(|is_so| **is_so).count(), times.len()),
            stretches: (0..is_so.len()).filter(begins).count(),
            ..self.name.change(what.to_owned())
        }
    }

    /// One of all callers whom both treat alike.
    fn probes(&self) -> Vec<Probe> {
        let (before, after) = (&self.old.1.callers, &self.new.1.callers);
        let lines: BTreeSet<acd::LineId> = before.keys().chain(after.keys()).copied().collect();
        let mut listed: Vec<(_, Probe)> = Vec::new();
        for line in lines {
            let rules = (before.get(&line), after.get(&line));
            match listed.iter_mut().find(|(known, _)| *known == rules) {
                Some((_, probe)) => probe.more += 1,
                None => {
                    let number = E164::of_line(line);
                    let caller = number.spoken();
                    listed.push((rules, Probe { caller, from: Some(number), more: 0 }));
                }
            }
        }
        // Of the numbers that ARCEP keeps for fiction: nobody's. Who hides his fares no otherwise.
        let from = E164::read("+33639980000").ok();
        let anybody = Probe { caller: ANYBODY.to_owned(), from, more: 0 };
        std::iter::once(anybody).chain(listed.into_iter().map(|(_, probe)| probe)).collect()
    }

    /// Of each practice near in either, in both.
    fn holds(&self, near: &[BTreeSet<PracticeId>; 2], time: i64) -> Vec<Holds> {
        let holds = |practice: &acd::Practice| {
            let leave = practice.leave.iter().position(|leave| leave.period.contains(time));
            (practice.situation(Some(time)), leave)
        };
        let mut all = Vec::new();
        for id in near[0].union(&near[1]) {
            let [old, new] = [self.old.0, self.new.0].map(|side| side.setup.practices.get(id));
            let before = old.map(holds);
            let after = match (old, new) {
                (Some(old), Some(new)) if old.hours == new.hours && old.leave == new.leave => {
                    before
                }
                (_, new) => new.map(holds),
            };
            all.extend([before, after]);
        }
        all
    }

    /// For each probe, what differs then.
    fn differences(
        &self,
        near: &[BTreeSet<PracticeId>; 2],
        probes: &[Probe],
        at_ms: i64,
    ) -> Vec<Vec<String>> {
        let [old, new] = [(self.old.0, &near[0]), (self.new.0, &near[1])].map(|(side, near)| {
            let scheduler = side.scheduler(near, at_ms);
            let now = acd::Instant::ZERO;
            let stand = Stand { scheduler, now, at_ms, is_live: false, is_brief: true };
            (side, stand)
        });
        let differences = probes.iter().map(|probe| {
            let explained = |(side, stand): &(&Side<'_>, Stand)| {
                let did = *side.numbers.get(&self.id)?;
                let found = Some((did, self.id, "own"));
                let trunk = side.trunk(did).map(|(id, _)| id);
                let asked = Asked { did, from: probe.from, found, trunk };
                Some(asked.explain(&side.names, stand))
            };
            match (explained(&old), explained(&new)) {
                (Some(before), Some(after)) => compared(&before, &after),
                // No number leads there.
                (None, _) | (_, None) => Vec::new(),
            }
        });
        differences.collect()
    }
}

/// Who calls, in the place of all who are treated alike.
struct Probe {
    /// As in [`Change::caller`].
    caller: String,
    from: Option<E164>,
    more: usize,
}

/// What holds for a practice: two times at which the same holds everywhere need one look.
type Holds = Option<(Situation, Option<usize>)>;

/// At the start, and at each moment within two weeks at which what holds may change in either.
fn times(before: &acd::Practice, after: &acd::Practice, start: i64) -> Vec<i64> {
    let end = start.saturating_add(HORIZON_MS);
    let mut times = BTreeSet::from([start]);
    let differ = (before.hours != after.hours).then_some(after);
    for practice in [before, after] {
        for leave in &practice.leave {
            let (from, until) = leave.period.into();
            times.extend([from, until].into_iter().filter(|at| (start..end).contains(at)));
        }
    }
    for practice in std::iter::once(before).chain(differ) {
        let mut at = start;
        while let Some(next) = practice.hours.next_change(at).filter(|&next| next < end) {
            times.insert(next);
            at = next;
            if times.len() >= TIMES_MAX {
                break;
            }
        }
    }
    times.into_iter().take(TIMES_MAX).collect()
}

/// What is so for anybody is not said of listed callers again.
fn merged(changes: Vec<Change>) -> Vec<Change> {
    let is_said = |change: &Change| {
        changes.iter().any(|it| {
            let told = |it: &Change| (it.what.clone(), it.from.clone(), it.times);
            it.caller == ANYBODY && told(it) == told(change)
        })
    };
    let is_news = |change: &&Change| change.caller == ANYBODY || !is_said(change);
    changes.iter().filter(is_news).cloned().collect()
}
