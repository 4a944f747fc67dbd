//! What is remembered of a caller's number for his next call.

use std::time::Duration;

use acd::{AgentId, ClassBy, Instant, LineId, PracticeId, REPEATED_CALLS_MAX, Urgency};

use super::Reference;
use super::caller::Caller;

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// When he called; the last ones.
    calls: Vec<Instant>,
    /// With whom he spoke last, until when.
    spoke: Option<(AgentId, Instant)>,
    gave_up: Option<(Place, Instant)>,
}

/// In the order of who waits.
#[derive(Copy, Clone, Debug)]
pub(super) struct Place {
    pub(super) urgency: Urgency,
    pub(super) class_by: ClassBy,
    pub(super) put_first: Option<u64>,
    pub(super) deadline: Instant,
    pub(super) arrival: Instant,
}

impl Reference {
    pub(super) fn calls_before(
        &self,
        practice: PracticeId,
        line: Option<LineId>,
        within: Duration,
    ) -> usize {
        let known = line.and_then(|line| self.memory.get(&(practice, line)));
        known
            .map_or(0, |known| known.calls.iter().filter(|&&at| self.is_within(at, within)).count())
    }

    pub(super) fn lost_place(&self, practice: PracticeId, line: Option<LineId>) -> Option<Place> {
        let (place, at) = self.memory.get(&(practice, line?))?.gave_up?;
        let within = self.setup.practices.get(&practice)?.redial_within;
        self.is_within(at, within).then_some(place)
    }

    pub(super) fn who_spoke_with(&self, caller: &Caller) -> Option<AgentId> {
        let (agent, at) = self.memory.get(&(caller.practice, caller.line?))?.spoke?;
        let within = self.setup.practices.get(&caller.practice)?.affinity_for;
        self.is_within(at, within).then_some(agent)
    }

    pub(super) fn remember_call(&mut self, practice: PracticeId, line: Option<LineId>) {
        let now = self.now;
        let Some(memory) = self.memory_of(practice, line) else { return };
        memory.gave_up = None;
        memory.calls.push(now);
        if memory.calls.len() > REPEATED_CALLS_MAX as usize {
            memory.calls.remove(0);
        }
    }

    pub(super) fn remember_giving_up(&mut self, caller: &Caller) {
        let &Caller { urgency, class_by, put_first, deadline, arrival, .. } = caller;
        let now = self.now;
        if let Some(memory) = self.memory_of(caller.practice, caller.line) {
            let place = Place { urgency, class_by, put_first, deadline, arrival };
            memory.gave_up = Some((place, now));
        }
    }

    pub(super) fn remember_conversation(&mut self, caller: &Caller, agent: AgentId) {
        let now = self.now;
        if let Some(memory) = self.memory_of(caller.practice, caller.line) {
            memory.spoke = Some((agent, now));
        }
    }

    /// Only of a practice that has a use for it.
    fn memory_of(&mut self, practice: PracticeId, line: Option<LineId>) -> Option<&mut Memory> {
        let rules = self.setup.practices.get(&practice)?;
        let is_used = rules.repeated.is_some()
            || rules.affinity_for > Duration::ZERO
            || rules.redial_within > Duration::ZERO;
        if is_used { Some(self.memory.entry((practice, line?)).or_default()) } else { None }
    }

    fn is_within(&self, at: Instant, time: Duration) -> bool {
        time > Duration::ZERO && self.now.saturating_duration_since(at) <= time
    }
}
