//! What is remembered of callers for their next call: how often they called, who spoke with them, and
//! the place of who gave up waiting.
//!
//! Kept by practice and number, in memory only, for practices that use it; who withholds his number is
//! nobody's acquaintance.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::caller::{Caller, Urgency};
use crate::class::ClassBy;
use crate::id::{AgentId, LineId, PracticeId};
use crate::limits::{ACQUAINTANCES_MAX, REMEMBERED_FOR, REPEATED_CALLS_MAX};
use crate::scheduler::Scheduler;
use crate::setup::Practice;
use crate::time::Instant;

type Key = (PracticeId, LineId);

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Acquaintance {
    /// When he called, the last [`REPEATED_CALLS_MAX`] times.
    calls: VecDeque<Instant>,
    spoke: Option<Spoke>,
    gave_up: Option<GaveUp>,
    touched: Instant,
}

/// Who had his last conversation, and when it ended.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
struct Spoke {
    agent: AgentId,
    at: Instant,
}

/// The place in the order of who left, or was ended with busy, without an answer.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct GaveUp {
    pub(crate) urgency: Urgency,
    pub(crate) class_by: ClassBy,
    pub(crate) put_first: Reverse<u64>,
    pub(crate) deadline: Instant,
    pub(crate) arrival: Instant,
    at: Instant,
}

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Acquaintances {
    by_caller: BTreeMap<Key, Acquaintance>,
    /// Who was heard of the longest ago: an index.
    #[serde(skip)]
    by_age: BTreeSet<(Instant, Key)>,
}

impl Acquaintances {
    pub(crate) fn rebuild(&mut self) {
        self.by_age = self.by_caller.iter().map(|(&key, it)| (it.touched, key)).collect();
    }

    fn touch(&mut self, key: Key, now: Instant) -> &mut Acquaintance {
        self.forget_old(now);
        let before = self.by_caller.get(&key).map(|it| it.touched);
        if let Some(before) = before {
            self.by_age.remove(&(before, key));
        } else if self.by_caller.len() >= ACQUAINTANCES_MAX
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_caller.remove(&oldest);
        }
        self.by_age.insert((now, key));
        let acquaintance = self.by_caller.entry(key).or_default();
        acquaintance.touched = now;
        acquaintance
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some(&(touched, key)) = self.by_age.first()
            && now.saturating_duration_since(touched) > REMEMBERED_FOR
        {
            self.by_age.pop_first();
            self.by_caller.remove(&key);
        }
    }
}

impl Practice {
    fn remembers(&self) -> bool {
        self.repeated.is_some() || !self.affinity_for.is_zero() || !self.redial_within.is_zero()
    }
}

fn is_within(then: Instant, now: Instant, time: Duration) -> bool {
    !time.is_zero() && now.saturating_duration_since(then) <= time
}

impl Scheduler {
    /// How many calls this one makes, with those `within` the time that the practice counts; 1 where it
    /// does not count.
    pub(crate) fn calls_with_this(&self, practice: PracticeId, line: Option<LineId>) -> u32 {
        let rules = self.setup.practices.get(&practice).and_then(|it| it.repeated.as_ref());
        let known = line.and_then(|line| self.acquaintances.by_caller.get(&(practice, line)));
        let (Some(rules), Some(known)) = (rules, known) else { return 1 };
        let calls = known.calls.iter();
        let before = calls.filter(|&&at| is_within(at, self.now, rules.within)).count();
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The place that he lost by hanging up, or when his plan was over, a short while ago.
    pub(crate) fn place_of_redialler(&self, practice: PracticeId, line: LineId) -> Option<GaveUp> {
        let within = self.setup.practices.get(&practice)?.redial_within;
        let gave_up = self.acquaintances.by_caller.get(&(practice, line))?.gave_up?;
        is_within(gave_up.at, self.now, within).then_some(gave_up)
    }

    /// A call of his has been let in.
    pub(crate) fn note_call(&mut self, practice: PracticeId, line: Option<LineId>) {
        let now = self.now;
        if let Some(acquaintance) = self.acquaintance(practice, line) {
            acquaintance.gave_up = None;
            acquaintance.calls.push_back(now);
            if acquaintance.calls.len() > REPEATED_CALLS_MAX as usize {
                acquaintance.calls.pop_front();
            }
        }
    }

    /// He leaves, or his plan ends him with busy, without having been answered.
    pub(crate) fn note_giving_up(&mut self, caller: &Caller) {
        let at = self.now;
        let place = caller.place;
        if let Some(acquaintance) = self.acquaintance(caller.practice, caller.line) {
            acquaintance.gave_up = Some(GaveUp {
                urgency: place.urgency,
                class_by: caller.class_by,
                put_first: place.put_first,
                deadline: place.deadline,
                arrival: place.arrival,
                at,
            });
        }
    }

    /// Their conversation is over.
    pub(crate) fn note_conversation(&mut self, caller: &Caller, agent: AgentId) {
        let at = self.now;
        if let Some(acquaintance) = self.acquaintance(caller.practice, caller.line) {
            acquaintance.spoke = Some(Spoke { agent, at });
        }
    }

    /// Who had his last conversation for this practice, if that was not too long ago.
    pub(crate) fn who_spoke_with(&self, caller: &Caller) -> Option<AgentId> {
        let affinity_for = self.setup.practices.get(&caller.practice)?.affinity_for;
        let known = self.acquaintances.by_caller.get(&(caller.practice, caller.line?))?;
        let spoke = known.spoke?;
        is_within(spoke.at, self.now, affinity_for).then_some(spoke.agent)
    }

    fn acquaintance(
        &mut self,
        practice: PracticeId,
        line: Option<LineId>,
    ) -> Option<&mut Acquaintance> {
        let line = line?;
        if !self.setup.practices.get(&practice)?.remembers() {
            return None;
        }
        Some(self.acquaintances.touch((practice, line), self.now))
    }
}
