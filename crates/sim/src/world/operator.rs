//! An operator's hand on callers who wait, and what practices say against their hours.

use call::{CallerCommand, Input};

use super::World;
use crate::failure::Failure;
use crate::plans::{self, Saying};
use crate::tally::Happening;

impl World {
    pub(super) fn command_caller(
        &mut self,
        which: u64,
        command: CallerCommand,
    ) -> Result<(), Failure> {
        let calls: Vec<call::CallRef> = self.engine.live_calls().map(|view| view.call).collect();
        let Some(at) = which.checked_rem(calls.len() as u64) else { return Ok(()) };
        match command {
            CallerCommand::Rank { .. } => self.tally.note(Happening::Ranked),
            CallerCommand::Move { .. } => self.tally.note(Happening::Moved),
            CallerCommand::Release => self.tally.note(Happening::Released),
            // Noted where it is not refused.
            CallerCommand::Redirect { .. } => {}
        }
        self.input(Input::Caller { call: calls[at as usize], command })
    }

    /// A practice says something against its hours.
    pub(super) fn say(&mut self, Saying { practice, with, .. }: Saying) -> Result<(), Failure> {
        let now = acd::Instant::from_micros(self.now.as_micros());
        let Some(unix_ms) = self.engine.scheduler().unix_ms_at(now) else { return Ok(()) };
        self.tally.note(Happening::Overridden);
        let with = with.map(|(what, lasts)| plans::overriding(what, unix_ms, lasts));
        self.input(Input::Override { practice, with })
    }
}
