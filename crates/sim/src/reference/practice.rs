//! What holds for a practice, and what becomes of its callers when that changes.

use std::collections::BTreeMap;

use acd::{
    AtClosing, CallerId, Decision, Forward, HOPS_MAX, Instant, Override, Overriding, Practice,
    PracticeId, PractitionerId, Refusal, Situation, Step, Withdrawal,
};

use super::Reference;
use super::caller::{Caller, Stage};
use crate::hours;

/// What held at that time of day; `None`: it was not known.
#[derive(Copy, Clone, Debug)]
pub(super) struct Look {
    what: What,
    /// What would hold if nothing had been said otherwise.
    anyway: What,
    unix_ms: Option<i64>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum What {
    Open,
    Closed,
    /// The one at this place in the list.
    Leave(usize),
    /// A leave that was only said.
    Away,
    Elsewhere(Forward),
}

impl What {
    fn steps(self, practice: &Practice) -> Vec<Step> {
        match self {
            Self::Open => practice.open.steps.clone(),
            Self::Closed => practice.closed.steps.clone(),
            Self::Leave(at) => practice.leave[at].plan.steps.clone(),
            Self::Away => practice.away.steps.clone(),
            Self::Elsewhere(to) => vec![Step::Forward(to)],
        }
    }
}

impl Look {
    pub(super) fn situation(&self) -> Situation {
        match self.what {
            What::Open => Situation::Open,
            What::Closed => Situation::Closed,
            What::Leave(_) | What::Away => Situation::Leave,
            What::Elsewhere(_) => Situation::Redirected,
        }
    }
}

impl Reference {
    pub(super) fn unix_ms(&self) -> Option<i64> {
        let (at, unix_ms) = self.clock?;
        let since = self.now.saturating_duration_since(at).as_millis();
        Some(unix_ms + i64::try_from(since).unwrap_or(i64::MAX))
    }

    pub(super) fn look_at_all(&mut self) {
        let all: Vec<PracticeId> = self.setup.practices.keys().copied().collect();
        self.looks = all.into_iter().map(|id| (id, self.look(id))).collect();
    }

    fn look(&self, id: PracticeId) -> Look {
        let unix_ms = self.unix_ms();
        let practice = &self.setup.practices[&id];
        let anyway = unix_ms.map_or(What::Open, |unix_ms| by_hours(practice, unix_ms));
        let what = unix_ms.and_then(|unix_ms| self.what_is_said(id, unix_ms)).unwrap_or(anyway);
        Look { what, anyway, unix_ms }
    }

    fn what_is_said(&self, id: PracticeId, unix_ms: i64) -> Option<What> {
        let said = self.overrides.get(&id).filter(|said| unix_ms < said.until_unix_ms)?;
        Some(match said.what {
            Overriding::Open => What::Open,
            Overriding::Closed => What::Closed,
            Overriding::Leave => What::Away,
            Overriding::Redirect(to) => What::Elsewhere(to),
        })
    }

    /// The plan of a leave of that person of the practice, unless the practice says otherwise for now.
    pub(super) fn away(&self, id: PracticeId, who: PractitionerId) -> Option<Vec<Step>> {
        let now = self.unix_ms()?;
        if self.what_is_said(id, now).is_some() {
            return None;
        }
        for leave in &self.setup.practices.get(&id)?.practitioners.get(&who)?.leave {
            let (from, until) = leave.period.into();
            if (from..until).contains(&now) {
                return Some(leave.plan.steps.clone());
            }
        }
        None
    }

    /// The plan that who comes now follows.
    pub(super) fn plan_now(&self, id: PracticeId) -> (Situation, Vec<Step>) {
        let (Some(look), Some(practice)) = (self.looks.get(&id), self.setup.practices.get(&id))
        else {
            return (Situation::Closed, Vec::new());
        };
        let mut steps = look.what.steps(practice);
        if let What::Elsewhere(_) = look.what {
            steps.extend(look.anyway.steps(practice));
        }
        (look.situation(), steps)
    }

    /// The first moment after the last look at which something of the practice begins or ends.
    pub(super) fn boundary(&self, id: PracticeId) -> Option<Instant> {
        let (at, told_ms) = self.clock?;
        let looked = self.looks.get(&id)?.unix_ms?;
        let practice = self.setup.practices.get(&id)?;
        let mut edges: Vec<i64> = Vec::new();
        for leave in &practice.leave {
            let (from, until) = leave.period.into();
            edges.extend([from, until]);
        }
        edges.extend(self.overrides.get(&id).map(|said| said.until_unix_ms));
        let hours = &practice.hours;
        edges.extend(hours::next_change(hours.text(), &hours.zone().to_string(), looked));
        let first = edges.into_iter().filter(|&edge| edge > looked).min()?;
        let ahead = std::time::Duration::from_millis(u64::try_from(first - told_ms).unwrap_or(0));
        Some(at + ahead)
    }

    /// Whoever has come to a boundary by now is looked at again, all before anybody is moved.
    pub(super) fn cross_boundaries(&mut self) {
        let now = self.now;
        let mut due: Vec<(Instant, PracticeId)> = Vec::new();
        for &id in self.setup.practices.keys() {
            due.extend(self.boundary(id).filter(|&at| at <= now).map(|at| (at, id)));
        }
        due.sort();
        let before: Vec<(PracticeId, Look)> =
            due.iter().map(|&(_, id)| (id, self.looks[&id])).collect();
        for &(id, _) in &before {
            self.looks.insert(id, self.look(id));
        }
        self.compare(&before);
    }

    pub(super) fn set_clock(&mut self, unix_ms: i64) {
        let expected = self.unix_ms();
        if expected.is_some_and(|expected| (expected - unix_ms).abs() > 3_600_000) {
            self.jumped_at = Some(self.now);
        }
        let is_first = self.clock.replace((self.now, unix_ms)).is_none();
        let before: Vec<(PracticeId, Look)> = std::mem::take(&mut self.looks).into_iter().collect();
        self.look_at_all();
        if !is_first {
            self.compare(&before);
        }
        for practice in self.overrides.keys().copied().collect::<Vec<_>>() {
            self.end_override(practice);
        }
    }

    /// The clock has not jumped for five minutes.
    fn believed_from(&self) -> Instant {
        let stands = std::time::Duration::from_secs(300);
        self.jumped_at.map_or(Instant::ZERO, |at| at + stands)
    }

    /// When what was said counts no more, whatever the clock is set to later.
    pub(super) fn override_end(&self, id: PracticeId) -> Option<Instant> {
        let (at, told_ms) = self.clock?;
        let said = self.overrides.get(&id)?;
        let ahead = u64::try_from(said.until_unix_ms - told_ms).unwrap_or(0);
        let by_clock = at + std::time::Duration::from_millis(ahead);
        Some(by_clock.max(self.believed_from()))
    }

    pub(super) fn set_override(
        &mut self,
        id: PracticeId,
        with: Option<Override>,
    ) -> Result<(), Refusal> {
        if !self.setup.practices.contains_key(&id) {
            // Only what was said of it while it was there can be taken back.
            let taken_back = if with.is_none() { self.overrides.remove(&id) } else { None };
            return taken_back.map(drop).ok_or(Refusal::UnknownPractice);
        }
        let before = self.looks[&id];
        match with {
            None => {
                self.overrides.remove(&id);
            }
            Some(said) => {
                let Some(now) = self.unix_ms().filter(|&now| now < said.until_unix_ms) else {
                    return Err(Refusal::OverrideIsOver);
                };
                debug_assert!(now < said.until_unix_ms);
                self.overrides.insert(id, said);
            }
        }
        self.looks.insert(id, self.look(id));
        self.compare(&[(id, before)]);
        Ok(())
    }

    pub(super) fn end_override(&mut self, id: PracticeId) {
        let Some(now) = self.unix_ms().filter(|_| self.now >= self.believed_from()) else { return };
        if self.overrides.get(&id).is_some_and(|said| said.until_unix_ms <= now) {
            self.overrides.remove(&id);
            self.decisions.push(Decision::OverrideOver { practice: id });
        }
    }

    /// Says what is otherwise than before; then moves the callers who had one of these plans until now, one
    /// after the other.
    fn compare(&mut self, before: &[(PracticeId, Look)]) {
        let mut changed = Vec::new();
        for &(id, before) in before {
            self.end_override(id);
            let look = self.looks[&id];
            if look.what == before.what {
                continue;
            }
            changed.push(id);
            let situation = look.situation();
            if situation != before.situation() {
                self.decisions.push(Decision::Situation { practice: id, situation });
            }
        }
        let goes_along = |him: &&Caller| {
            let may = him.is_unserved() && !him.has_returned && !him.by_hand;
            may && changed.contains(&him.acting) && self.is_moved(him, him.acting)
        };
        let mut moved: Vec<Caller> = self.callers.values().filter(goes_along).cloned().collect();
        moved.sort_by_key(|him| him.order());
        // All are gone from where they were before the first one is anywhere else.
        for him in &moved {
            self.follow(him.id, him.acting);
        }
        for him in moved {
            self.begin_step(him.id, 0);
            while self.callers.contains_key(&him.id) && self.catches_up(him.id) {}
            self.match_all();
        }
    }

    /// Where he was sent nobody wants him. What his practice did while an operator had him away he meets
    /// now.
    pub(super) fn nobody_took(&mut self, caller: CallerId, next: usize) {
        let Some(him) = self.callers.get_mut(&caller) else { return };
        him.stage = Stage::Waiting;
        let (id, by_hand, situation) = (him.acting, him.by_hand, him.situation);
        let turned = self.looks.get(&id).is_some_and(|look| look.situation() != situation);
        if by_hand && turned && self.is_moved(&self.callers[&caller], id) {
            self.follow(caller, id);
            self.begin_step(caller, 0);
        } else {
            self.begin_step(caller, next);
        }
    }

    fn is_moved(&self, him: &Caller, id: PracticeId) -> bool {
        let situation = self.looks[&id].situation();
        if him.is_bound {
            false
        } else if situation == Situation::Open {
            him.situation != Situation::Open
        } else {
            self.setup.practices[&id].at_closing == AtClosing::Move
        }
    }

    /// Who opened or closed by a new setup.
    pub(super) fn compare_setups(&mut self, before: &BTreeMap<PracticeId, Look>) {
        let mut turned = Vec::new();
        for (&id, &old) in before {
            if self.situation(id).is_some_and(|new| new != old.situation()) {
                turned.push((id, old));
            }
        }
        self.compare(&turned);
    }

    fn follow(&mut self, id: CallerId, practice: PracticeId) {
        self.call_off(id, Withdrawal::Overflowed);
        let (situation, steps) = self.plan_now(practice);
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.acting = practice;
            caller.situation = situation;
            caller.steps = steps;
            caller.is_bound = false;
        }
        self.decisions.push(Decision::Plan { caller: id, practice, situation });
    }

    /// Whether that practice takes him over.
    pub(super) fn hand_on(&mut self, id: CallerId, practice: PracticeId) -> bool {
        let Some(caller) = self.callers.get_mut(&id) else { return false };
        if caller.hops == u32::from(HOPS_MAX) || !self.setup.practices.contains_key(&practice) {
            return false;
        }
        caller.hops += 1;
        self.follow(id, practice);
        true
    }
}

fn by_hours(practice: &Practice, unix_ms: i64) -> What {
    for (at, leave) in practice.leave.iter().enumerate() {
        let (from, until) = leave.period.into();
        if from <= unix_ms && unix_ms < until {
            return What::Leave(at);
        }
    }
    let hours = &practice.hours;
    if hours::is_open(hours.text(), &hours.zone().to_string(), unix_ms) {
        What::Open
    } else {
        What::Closed
    }
}
