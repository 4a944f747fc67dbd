//! An operator's hand on a caller who waits, and what a practice says against its hours and leave.

use acd::{CallerId, Override, PracticeId, Situation};
use sip::Instant;

use super::Engine;
use crate::action::{Action, CallerCommand, Notice};
use crate::calls::{Stage, caller_id};
use crate::record::CallRef;

impl Engine {
    pub(super) fn handle_caller_command(
        &mut self,
        now: Instant,
        call: CallRef,
        command: CallerCommand,
    ) {
        let caller = caller_id(call);
        let known = self.state.calls.get(&caller);
        let Some(stage) = known.filter(|it| it.reference == call).map(|call| call.stage) else {
            return tracing::info!(%call, "an order for a call that is over");
        };
        match command {
            CallerCommand::Rank { urgency, first } => {
                self.inform(now, acd::Input::Rank { caller, urgency, first });
            }
            CallerCommand::Move { team } => self.inform(now, acd::Input::Move { caller, team }),
            CallerCommand::Redirect { to } => {
                self.inform(now, acd::Input::Redirect { caller, to });
            }
            CallerCommand::Release => self.release(now, caller, stage),
        }
    }

    /// Only who waits: nobody is torn from a conversation or a text.
    fn release(&mut self, now: Instant, caller: CallerId, stage: Stage) {
        match stage {
            Stage::Waiting | Stage::Pressed { .. } => {
                if self.leaves(now, caller) {
                    self.plan_is_over(now, caller);
                }
            }
            // He has been spoken with, and is not lost but let go.
            Stage::Returned { .. } => {
                if self.leaves(now, caller) {
                    self.end_by_us(now, caller, stage.talked());
                }
            }
            Stage::Bridged { .. } | Stage::Connected { .. } | Stage::Announced { .. } => {}
        }
    }

    /// Another practice's plan, or another plan of his practice: she answers in its name.
    pub(super) fn take_over(
        &mut self,
        caller: CallerId,
        practice: PracticeId,
        situation: Situation,
    ) {
        let known = self.config.practices.get(&practice);
        let Some(call) = self.state.calls.get_mut(&caller) else { return };
        call.followed = situation;
        // His own practice may take him back; another plan of the same one changes no label.
        if practice != std::mem::replace(&mut call.acting, practice) {
            call.label = known.map(|known| known.label_for(call.dialled)).unwrap_or_default();
        }
        let call = call.reference;
        self.notice(Notice::TakenOver { call, practice, situation });
    }

    pub(super) fn set_override(
        &mut self,
        now: Instant,
        practice: PracticeId,
        with: Option<Override>,
    ) {
        match self.schedule(now, acd::Input::Override { practice, with }) {
            Ok(()) => self.tell_override(practice, with),
            Err(refusal) => tracing::info!(%practice, %refusal, "an override was refused"),
        }
    }

    pub(super) fn override_is_over(&mut self, practice: PracticeId) {
        self.tell_override(practice, None);
    }

    fn tell_override(&mut self, practice: PracticeId, over: Option<Override>) {
        self.actions.push_back(Action::RememberOverride { practice, over });
        self.notice(Notice::Overridden { practice, over });
    }
}
