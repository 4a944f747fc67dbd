//! Who hears a text with a key, and who presses it.
//!
//! The text is the end of his plan: he is in no queue and no index, no limit counts him, and no boundary,
//! operator or setup cuts it short. The key takes him back as he came, and urgent at least.

use crate::caller::Urgency;
use crate::class::ClassBy;
use crate::id::CallerId;
use crate::input::Refusal;
use crate::limits::RETURNED_MAX;
use crate::scheduler::Scheduler;
use crate::setup::Situation;

impl Scheduler {
    /// He hears a text, and a key would take him on from it.
    pub fn is_told(&self, caller: CallerId) -> bool {
        self.told.contains_key(&caller)
    }

    /// There is room for whoever presses: he has his call already, and it is urgent. He has been answered,
    /// so his wait has an end of its own from now on.
    pub(crate) fn pressed(&mut self, id: CallerId) -> Result<(), Refusal> {
        let mut caller = self.told.remove(&id).ok_or(Refusal::UnknownCaller)?;
        let now = self.now;
        let practice = self.setup.practices.get(&caller.practice);
        let wait_max = practice.and_then(|it| it.wait_max).unwrap_or(RETURNED_MAX);
        let is_more = caller.place.urgency > Urgency::Urgent;
        caller.class_since = now;
        (caller.leave_by, caller.wait_max, caller.wait_left) = (None, Some(now + wait_max), None);
        // What was missing for him before he was told may be there.
        caller.lacks_room = false;
        // Whom he was with before the text is of no account any more: a step may send him elsewhere.
        caller.is_returned = false;
        // A practice that opened meanwhile takes him as who was sent away. One that closed does not: he
        // would hear its text instead of what the key promised.
        let situation = self.situation(caller.acting);
        caller.is_placed = situation == Some(Situation::Open);
        let next = caller.step + 1;
        self.callers.insert(id, caller);
        if is_more {
            self.set_class(id, Urgency::Urgent, ClassBy::Key);
        }
        self.go_on(id, next);
        Ok(())
    }
}
