//! What a caller makes of what the engine sends to him, as it is sent and as it arrives.

use std::time::Duration;

use sip::{Instant, Message, Method};

use super::{Acking, Caller, State};
use crate::failure::{Check, Failure};
use crate::stage::{Mark, Speaker, Stage, T1, T2, Voice};
use crate::tally::Happening;
use crate::witness::check_echo;

impl Caller {
    /// Looks at what leaves the engine for him.
    pub(crate) fn watch(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let watched = self.watched(stage, message);
        stage.check(watched);
    }

    fn watched(&mut self, stage: &mut Stage<'_>, message: &Message) -> Result<(), Failure> {
        if message.is_request() {
            let fresh = self.witness.request(message, stage.branches)?;
            if fresh && message.method() == Method::Options {
                self.was_asked = true;
                stage.note(Happening::AskedWhenSilent);
            }
            if fresh && message.method() == Method::Bye {
                self.watch_bye(stage.now)?;
                let truth = &stage.truth.callers[usize::from(self.index)];
                let may_be_cut = stage.truth.is_hung_up;
                let is_cut = !may_be_cut && truth.is_told && !truth.heard_text && self.ack_arrived;
                if is_cut && !self.sent_bye && self.state != State::Gone {
                    let detail = format!("caller {} is hung up within his text", self.index);
                    return Err(Failure::new(Check::Text, detail));
                }
                let glares = stage.dice.percent(8);
                if glares && self.state == State::Talking && self.script.ack == Acking::Normal {
                    stage.note(Happening::ByeGlare);
                    self.hang_up(stage);
                }
            }
            return Ok(());
        }
        if message.call_id().is_ok_and(|it| it.starts_with('o')) {
            return Ok(());
        }
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        if message.method() != Method::Invite {
            if message.method() == Method::Bye && message.status() == Some(200) {
                self.witness.over = true;
            }
            return Ok(());
        }
        if number != 1 {
            if message.status() == Some(200) {
                let described = self.witness.description(message.body())?;
                if let Some((wanted, _)) = self.offers.leaves(stage.now, number)
                    && described.direction != wanted
                {
                    let detail = format!("caller {}: {}", self.index, described.direction);
                    return Err(Failure::new(Check::Direction, detail));
                }
            }
            return Ok(());
        }
        check_echo(message, &self.branch, &self.from, 1)?;
        let status = message.status().unwrap_or(0);
        let first = self.witness.invite_response(message)?;
        let is_told = stage.truth.callers[usize::from(self.index)].is_told;
        if status == 183 {
            if !is_told {
                let detail = format!("caller {} is sent 183 without a text", self.index);
                return Err(Failure::new(Check::Text, detail));
            }
            if !message.body().is_empty() {
                self.witness.description(message.body())?;
            }
        }
        if matches!(status, 180 | 183) {
            self.watch_ring(stage, "180")?;
        }
        if first {
            if status != 200 || self.last_ring.is_some() {
                self.watch_ring(stage, "final")?;
            }
            let truth = &stage.truth.callers[usize::from(self.index)];
            let nobody = truth.takers.is_empty() && truth.lines.is_empty();
            if status == 200 && nobody && !is_told {
                let detail = format!("caller {} is answered, no human has answered", self.index);
                return Err(Failure::new(Check::AnsweredBeforeHer, detail));
            }
        }
        if status == 200 {
            self.watch_answer(stage, message, first)?;
        }
        Ok(())
    }

    /// At most a minute between two signs of life.
    fn watch_ring(&mut self, stage: &mut Stage<'_>, what: &str) -> Result<(), Failure> {
        let now = stage.now;
        if let Some(last) = self.last_ring.filter(|&last| last + Duration::from_secs(60) < now) {
            let detail = format!("caller {}: {what} at {now}, the last 180 at {last}", self.index);
            return Err(Failure::new(Check::RingRefresh, detail));
        }
        if what == "180" {
            self.last_ring = Some(now);
            self.rings += 1;
            if self.rings == 2 {
                stage.note(Happening::RingRefreshed);
            }
        }
        Ok(())
    }

    /// RFC 3261 §13.3.1.4: 200 goes out again after T1, doubled up to T2, until the ACK comes.
    fn watch_answer(
        &mut self,
        stage: &mut Stage<'_>,
        message: &Message,
        first: bool,
    ) -> Result<(), Failure> {
        let now = stage.now;
        if first {
            self.witness.description(message.body())?;
            if self.script.cancels_across && self.state == State::Proceeding {
                self.wants_to_leave = true;
                stage.note(Happening::CancelCrossedAnswer);
                self.cancel(stage);
            }
        } else if self.ack_arrived {
            let detail = format!("caller {}: 200 again though confirmed", self.index);
            return Err(Failure::new(Check::AnswerRepeated, detail));
        } else {
            self.check_answer_gap(now)?;
        }
        self.answers_sent += 1;
        self.last_answer = now;
        Ok(())
    }

    fn check_answer_gap(&self, now: Instant) -> Result<(), Failure> {
        let gap =
            (0..self.answers_sent.min(6).saturating_sub(1)).fold(T1, |gap, _| (gap * 2).min(T2));
        if self.last_answer + gap < now {
            let detail = format!(
                "caller {}: {} answers sent, the last at {}, next due after {gap:?}",
                self.index, self.answers_sent, self.last_answer
            );
            return Err(Failure::new(Check::AnswerRepeated, detail));
        }
        Ok(())
    }

    /// RFC 3261 §15: not before the ACK came or cannot come any more.
    fn watch_bye(&self, now: Instant) -> Result<(), Failure> {
        if !self.ack_arrived && self.answers_sent > 0 && !self.sent_bye {
            if self.answers_sent < 10 {
                let detail = format!("caller {}: BYE after {} 200s", self.index, self.answers_sent);
                return Err(Failure::new(Check::AnswerRepeated, detail));
            }
            self.check_answer_gap(now)?;
        }
        Ok(())
    }

    /// One of his packets has reached the engine.
    pub(crate) fn arrived(&mut self, stage: &mut Stage<'_>, mark: Mark) {
        match mark {
            Mark::Ack => {
                if !self.ack_arrived && !self.sent_bye {
                    let checked = self.check_answer_gap(stage.now);
                    stage.check(checked);
                }
                self.ack_arrived = true;
            }
            Mark::ByeDone { .. } => self.witness.over = true,
            Mark::Nothing
            | Mark::Provisional { .. }
            | Mark::Final { .. }
            | Mark::Key { .. }
            | Mark::DialOver { .. }
            | Mark::Emergency { .. } => {}
        }
    }

    /// A voice reaches his ear.
    pub(crate) fn hear(&mut self, stage: &mut Stage<'_>, voice: &Voice) {
        if voice.caller != self.index || voice.by == Speaker::Caller {
            let detail = format!("caller {} hears {voice:?}", self.index);
            return stage.fail(Check::WrongEar, detail);
        }
        stage.truth.callers[usize::from(self.index)].heard_agent = true;
    }
}
