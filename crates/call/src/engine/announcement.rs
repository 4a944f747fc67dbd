//! The end of a plan that speaks: the caller hears a text, then the call ends.
//!
//! Answered by default: some networks mute what comes before the 200, and these words must be heard.
//! Then the text begins with his ACK, when both ways are open. Without an answer it is early media
//! (183) and ends with a refusal; who made no offer cannot have that, and is answered after all. So is
//! he whom his network would cut off within the text: at that moment, and the text goes on.
//!
//! The scheduler has forgotten him: nothing but his own hang-up cuts the text short, or its key, if it
//! has one. Who presses that is urgent and goes on with his plan, which is a wait with ring tone from us. A
//! relay that does not tell the end of a text is not waited for much longer than the text.

use std::time::Duration;

use acd::{CallerId, PromptId};
use sip::Instant;
use sip::sdp::Codec;

use super::Engine;
use super::conversation::answer_to;
use crate::action::Notice;
use crate::calls::{Call, Stage};
use crate::record::{Disposition, Party};
use crate::timers::{Role, Timer};

/// How much longer than its text an announcement may be, and how long after it a key may still be pressed.
const GRACE: Duration = Duration::from_secs(5);
/// How much shorter one may be, by a relay's clock and ours.
const EARLY: Duration = Duration::from_secs(1);
/// Nobody acknowledges the 183 without which he hears nothing: it is sent once more after this.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What a step plays, whether the call is answered for it, and the key that takes him on.
#[derive(Copy, Clone)]
pub(super) struct Text {
    pub(super) prompt: PromptId,
    pub(super) answer: bool,
    pub(super) urgent_key: Option<char>,
}

impl Engine {
    /// The scheduler's decision: this text, and then the end, unless he presses the key.
    pub(super) fn announce(&mut self, now: Instant, caller: CallerId, text: Text) {
        let Text { prompt, answer, urgent_key } = text;
        let Some(call) = self.state.calls.get(&caller) else {
            return;
        };
        let (is_waiting, before) = match call.stage {
            Stage::Waiting => (true, None),
            Stage::Returned { answered_at, .. } | Stage::Pressed { answered_at } => {
                (true, Some(answered_at))
            }
            Stage::Bridged { .. } | Stage::Connected { .. } | Stage::Announced { .. } => {
                (false, None)
            }
        };
        let is_known = self.prompt(prompt).is_some();
        if !is_known {
            tracing::error!(call = %call.reference, %prompt, "a text that is not configured");
        }
        // Texts are kept in G.711; who has none of it hears busy.
        let is_g711 = |codec| matches!(codec, Codec::Pcma | Codec::Pcmu);
        let promised = call.leg.frozen.as_ref();
        let mut formats = call.leg.formats.iter();
        let format = match before {
            None => formats.find(|format| is_g711(format.codec)),
            Some(_) => promised.filter(|format| is_g711(format.codec)),
        };
        let Some(format) = format.filter(|_| is_waiting && is_known).cloned() else {
            self.cannot_press(now, caller);
            return self.plan_is_over(now, caller);
        };
        if let Some(answered_at) = before {
            let stage = Stage::Announced { prompt, answered_at: Some(answered_at), urgent_key };
            return self.tell_the_answered(now, caller, stage);
        }
        self.state.timers.stop(Timer::RingRefresh(caller));
        let call = self.state.calls.get_mut(&caller).expect("found above");
        let sdp = answer_to(&mut call.leg, &format);
        let (reference, dialog) = (call.reference, call.leg.dialog);
        let leave_by = call.leave_by;
        let is_answered = answer || call.leg.offer.is_none() || leave_by <= now;
        let answered_at = is_answered.then_some(now);
        call.leg.frozen = Some(format);
        call.stage = Stage::Announced { prompt, answered_at, urgent_key };
        let said = if is_answered {
            call.leg.awaits_answer = call.leg.offer.is_none();
            self.state.endpoint.answer(now, dialog, &[], sdp)
        } else {
            self.state.endpoint.progress(now, dialog, 183, &[], Some(&sdp))
        };
        self.renounce_second(caller);
        if let Err(misuse) = said {
            tracing::error!(call = %reference, %misuse, "the caller could not be told");
            return self.end_by_us(now, caller, Disposition::Lost);
        }
        self.notice(Notice::Announced { call: reference, prompt });
        if is_answered {
            self.order_caller_media(caller);
        } else {
            self.state.timers.set(Timer::RingRefresh(caller), now + SAY_AGAIN_AFTER);
            self.state.timers.set(Timer::MustAnswer(caller), leave_by);
            self.begin_text(now, caller);
        }
    }

    /// Who was answered, and whom nobody has any longer, hears it instead of the ring tone.
    fn tell_the_answered(&mut self, now: Instant, caller: CallerId, stage: Stage) {
        let call = self.state.calls.get_mut(&caller).expect("the caller found it");
        call.stage = stage;
        let (reference, is_confirmed) = (call.reference, call.leg.is_confirmed);
        self.renounce_second(caller);
        self.stop_asking(Role::Caller(caller));
        if let Some(prompt) = stage.prompt() {
            self.notice(Notice::Announced { call: reference, prompt });
        }
        // Else with his ACK.
        if is_confirmed {
            self.begin_text(now, caller);
        }
    }

    /// He has room for one pair only from here on, unless a key may take him on.
    fn renounce_second(&mut self, caller: CallerId) {
        let call = &self.state.calls[&caller];
        if call.stage.is_last() {
            self.state.ports.renounce_second(call.leg.media.port);
        }
    }

    /// His network's patience is over, the text is not: it goes on with the call answered.
    pub(super) fn must_answer(&mut self, now: Instant, caller: CallerId) {
        let Some(call) = self.state.calls.get_mut(&caller) else {
            return;
        };
        let Stage::Announced { prompt, answered_at: None, urgent_key } = call.stage else {
            return;
        };
        let Some(format) = call.leg.frozen.clone() else {
            return;
        };
        let sdp = answer_to(&mut call.leg, &format);
        let (reference, dialog) = (call.reference, call.leg.dialog);
        call.stage = Stage::Announced { prompt, answered_at: Some(now), urgent_key };
        self.state.timers.stop(Timer::RingRefresh(caller));
        if let Err(misuse) = self.state.endpoint.answer(now, dialog, &[], sdp) {
            tracing::error!(call = %reference, %misuse, "the caller could not be answered in time");
            self.end_by_us(now, caller, Disposition::Lost);
        }
    }

    /// What he hears begins: early media at once, else with his ACK. That of who is answered within it
    /// has begun.
    pub(super) fn begin_text(&mut self, now: Instant, caller: CallerId) {
        let Some(Stage::Announced { prompt, .. }) =
            self.state.calls.get(&caller).map(|call| call.stage)
        else {
            return;
        };
        if self.state.timers.is_set(Timer::TextEnd(caller)) {
            return;
        }
        let length = self.prompt(prompt).map_or(Duration::ZERO, |it| it.duration);
        self.state.timers.set(Timer::TextEnd(caller), now + length + GRACE);
        self.order_caller_media(caller);
    }

    /// A key of who hears a text, however it came. Another than the text's is a slip, and so is one before
    /// he can hear which.
    pub(super) fn caller_pressed(&mut self, now: Instant, caller: CallerId, key: char) {
        let is_told = self.state.scheduler.is_told(caller);
        let Some(call) = self.state.calls.get_mut(&caller).filter(|_| is_told) else {
            return;
        };
        let Stage::Announced { answered_at: Some(answered_at), urgent_key, .. } = call.stage else {
            return;
        };
        if urgent_key != Some(key) || !call.leg.is_confirmed {
            return;
        }
        let reference = call.reference;
        call.stage = Stage::Pressed { answered_at };
        call.pressed_at.get_or_insert(now);
        self.state.timers.stop(Timer::TextEnd(caller));
        self.notice(Notice::Pressed { call: reference });
        self.order_caller_media(caller);
        self.inform(now, acd::Input::Pressed { caller });
    }

    /// The scheduler keeps nobody for a key that will not be pressed.
    pub(super) fn cannot_press(&mut self, now: Instant, caller: CallerId) {
        if self.state.scheduler.is_told(caller) {
            self.inform(now, acd::Input::Leave { caller });
        }
    }

    /// The relay has played a text whole. Of who pressed at its very end that may be the one before.
    pub(super) fn text_is_played(&mut self, now: Instant, caller: CallerId) {
        let has_pressed = |call: &Call| call.pressed_at.is_some();
        let is_second = self.state.calls.get(&caller).is_some_and(has_pressed);
        let over_at = self.state.timers.due(Timer::TextEnd(caller));
        if is_second && over_at.is_some_and(|at| now + GRACE + EARLY < at) {
            return;
        }
        // Who has been told of a key presses it when the words are over.
        if self.state.scheduler.is_told(caller) {
            return self.state.timers.set(Timer::TextEnd(caller), now + GRACE);
        }
        self.text_is_over(now, caller);
    }

    /// It has been played whole, or its time is more than over.
    pub(super) fn text_is_over(&mut self, now: Instant, caller: CallerId) {
        let Some(call) = self.state.calls.get(&caller) else {
            return;
        };
        let Stage::Announced { answered_at, .. } = call.stage else {
            return;
        };
        let dialog = call.leg.dialog;
        let how = call.ended_by_plan(Disposition::Announced);
        let status = if answered_at.is_some() {
            self.hang_up(now, dialog);
            200
        } else {
            self.reject(now, dialog, 480, Some("Q.850;cause=31;text=\"Normal, unspecified\""));
            480
        };
        self.finish(now, caller, how, status, Party::Us);
    }
}
