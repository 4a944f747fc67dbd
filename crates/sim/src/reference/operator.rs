//! What an operator does to who waits.

use acd::{CallerId, ClassBy, Forward, Refusal, TeamId, Urgency, Withdrawal};

use super::Reference;
use super::caller::RETURNED_MAX;

impl Reference {
    pub(super) fn set_rank(
        &mut self,
        id: CallerId,
        urgency: Urgency,
        first: bool,
    ) -> Result<(), Refusal> {
        self.check_unserved(id)?;
        let now = self.now;
        if first {
            self.firsts += 1;
        }
        let put_first = first.then_some(self.firsts);
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.class_since = now;
            caller.put_first = put_first;
        }
        self.give_class(id, urgency, ClassBy::Operator);
        self.has_new_class(id);
        Ok(())
    }

    pub(super) fn move_to(&mut self, id: CallerId, team: TeamId) -> Result<(), Refusal> {
        self.check_unserved(id)?;
        if !self.setup.teams.contains_key(&team) {
            return Err(Refusal::UnknownTeam);
        }
        self.call_off(id, Withdrawal::Overflowed);
        let now = self.now;
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.since = now;
            caller.by_hand = true;
            // There his time begins anew.
            let rules = self.setup.practices.get(&caller.practice);
            let longest = rules.and_then(|rules| rules.wait_max).unwrap_or(RETURNED_MAX);
            caller.sent_at = None;
            caller.wait_max = caller.wait_max.map(|_| now + longest);
        }
        self.join(id, team, None, None);
        Ok(())
    }

    pub(super) fn redirect(&mut self, id: CallerId, to: Forward) -> Result<(), Refusal> {
        self.check_unserved(id)?;
        let caller = &self.callers[&id];
        if caller.has_returned {
            return Err(Refusal::NotWaiting);
        }
        let step = caller.step;
        self.call_off(id, Withdrawal::Overflowed);
        if let Some(caller) = self.callers.get_mut(&id) {
            caller.by_hand = true;
        }
        self.forward(id, to, step);
        Ok(())
    }

    fn check_unserved(&self, id: CallerId) -> Result<(), Refusal> {
        let caller = self.callers.get(&id).ok_or(Refusal::UnknownCaller)?;
        if caller.is_unserved() { Ok(()) } else { Err(Refusal::NotWaiting) }
    }
}
