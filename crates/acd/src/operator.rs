//! What an operator may do to a caller who waits. Ending him is `Input::Leave`.

use std::cmp::Reverse;

use crate::caller::{InQueue, Stage, Urgency};
use crate::class::ClassBy;
use crate::decision::Withdrawal;
use crate::id::{CallerId, TeamId};
use crate::input::Refusal;
use crate::limits::RETURNED_MAX;
use crate::scheduler::Scheduler;
use crate::setup::Forward;

impl Scheduler {
    /// Offers that are out stay. Who is put first goes before all of his class, whoever was put first
    /// earlier and whoever came back among them: it is what the operator says last that counts. Who is not
    /// has the place that his practice's promise gives him.
    pub(crate) fn set_rank(
        &mut self,
        id: CallerId,
        urgency: Urgency,
        first: bool,
    ) -> Result<(), Refusal> {
        self.check_unserved(id)?;
        self.unindex_caller(id);
        let now = self.now;
        self.put_first += u64::from(first);
        let put_first = if first { self.put_first } else { 0 };
        self.set_class(id, urgency, ClassBy::Operator);
        let caller = self.caller_mut(id);
        caller.place.put_first = Reverse(put_first);
        caller.class_since = now;
        self.open_circle(id);
        self.index_caller(id);
        Ok(())
    }

    /// There he may wait as long as his practice lets him, from now on.
    pub(crate) fn move_to(&mut self, id: CallerId, team: TeamId) -> Result<(), Refusal> {
        self.check_unserved(id)?;
        if !self.setup.teams.contains_key(&team) {
            return Err(Refusal::UnknownTeam);
        }
        self.take_out(id, Withdrawal::Overflowed);
        let now = self.now;
        let practice = self.setup.practices.get(&self.callers[&id].practice);
        let wait_max = practice.and_then(|practice| practice.wait_max).unwrap_or(RETURNED_MAX);
        let caller = self.caller_mut(id);
        caller.since = now;
        caller.is_placed = true;
        caller.resume_wait(now);
        caller.wait_max = caller.wait_max.map(|_| now + wait_max);
        let caller = &self.callers[&id];
        let (circle, widens_at) = self.circle_for(caller, team);
        let step_end = caller.step_end(None, now);
        self.caller_mut(id).queue = Some(InQueue {
            team,
            step_end,
            nobody: None,
            alone_since: None,
            nobody_at: None,
            circle,
            widens_at,
            group: None,
        });
        self.note_arrival(id, team);
        self.index_caller(id);
        Ok(())
    }

    /// If nobody takes him there, he begins his step again, or the plan that a boundary would have given
    /// him meanwhile.
    pub(crate) fn redirect(&mut self, id: CallerId, to: Forward) -> Result<(), Refusal> {
        self.check_unserved(id)?;
        // Who has been answered waits in the queue: his plan has nothing better.
        if self.callers[&id].is_returned {
            return Err(Refusal::NotWaiting);
        }
        self.take_out(id, Withdrawal::Overflowed);
        let caller = self.caller_mut(id);
        caller.is_placed = true;
        let step = caller.step;
        self.begin_forward(id, to, step);
        Ok(())
    }

    fn check_unserved(&self, id: CallerId) -> Result<(), Refusal> {
        match self.callers.get(&id).ok_or(Refusal::UnknownCaller)?.stage {
            Stage::Waiting | Stage::Offered { .. } | Stage::Forwarded { .. } => Ok(()),
            Stage::Served { .. } | Stage::Connected { .. } => Err(Refusal::NotWaiting),
        }
    }
}
