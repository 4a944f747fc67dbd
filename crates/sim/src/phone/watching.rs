//! What a phone makes of what the engine sends to it, as it is sent and as it arrives.

use std::time::Duration;

use sip::{Message, Method};

use super::{Does, Phone, State, caller_shown};
use crate::failure::{Check, Failure};
use crate::stage::{Mark, Speaker, Stage, Voice};
use crate::tally::Happening;
use crate::transcript::Digest;
use crate::witness::{Witness, check_echo};

/// *Available* means heard within this.
const UNNOTICED_MAX: Duration = Duration::from_secs(30);

impl Phone {
    /// Looks at what leaves the engine for this phone.
    pub(crate) fn watch(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let watched = self.watched(stage, message);
        stage.check(watched);
    }

    fn watched(&mut self, stage: &mut Stage<'_>, message: &Message) -> Result<(), Failure> {
        if let Some(watched) = self.watch_dial(stage, message) {
            return watched;
        }
        if !message.is_request() {
            if message.method() == Method::Register && self.registration.pending.is_some() {
                let cseq = message.cseq().map_or(0, |cseq| cseq.number);
                if cseq == self.registration.cseq {
                    let user = &self.account.user;
                    let from = format!("<sip:{user}@{}>;tag=r{}", self.account.realm, self.index);
                    check_echo(message, &self.registration.branch, &from, cseq)?;
                }
            }
            if message.method() == Method::Bye
                && let Some(call) = self.find(message)
            {
                self.calls[call as usize].witness.over = true;
            }
            if message.method() == Method::Invite && message.status() == Some(200) {
                return self.watch_reanswer(stage, message);
            }
            return Ok(());
        }
        let key = Digest::of(message.call_id().unwrap_or_default().as_bytes());
        let at = self.calls.iter().position(|call| call.key == key);
        let witness = match at {
            Some(at) => &mut self.calls[at].witness,
            None => {
                let seen = self.witness_only.iter().position(|(it, _)| *it == key);
                let seen = seen.unwrap_or_else(|| {
                    self.witness_only.push((key, Witness::default()));
                    self.witness_only.len() - 1
                });
                &mut self.witness_only[seen].1
            }
        };
        let fresh = witness.request(message, stage.branches)?;
        if !fresh {
            return Ok(());
        }
        if message.method() == Method::Invite {
            witness.description(message.body())?;
        }
        let arrived = (witness.provisional_arrived, witness.final_arrived);
        let method = message.method_ref();
        if *method == Method::Invite {
            return self.watch_invite(stage, message);
        } else if *method == Method::Cancel {
            return self.watch_cancel(stage, at, arrived);
        } else if *method == Method::Options {
            let is_within = message.to().is_ok_and(|to| to.tag().is_some());
            stage.note(match is_within {
                true => Happening::AskedWhenSilent,
                false => Happening::PhoneAsked,
            });
        } else if *method == Method::Bye
            && let Some(at) = at
            && self.alive
            && self.calls[at].state == State::Talking
            && stage.dice.percent(8)
        {
            stage.note(Happening::ByeGlare);
            self.hang_up(stage, u32::try_from(at).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// Our answer to an offer of hers.
    fn watch_reanswer(&mut self, stage: &mut Stage<'_>, message: &Message) -> Result<(), Failure> {
        let Some(call) = self.find(message) else { return Ok(()) };
        let call = &mut self.calls[call as usize];
        let described = call.witness.description(message.body())?;
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        match call.offers.leaves(stage.now, number) {
            Some((wanted, _)) if described.direction != wanted => {
                let detail = format!("phone {}: {}", self.index, described.direction);
                Err(Failure::new(Check::Direction, detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn watch_invite(&mut self, stage: &mut Stage<'_>, message: &Message) -> Result<(), Failure> {
        if self.alive && self.dials.iter().any(|dial| dial.open) {
            let detail = format!("phone {} is rung while it dials", self.index);
            return Err(Failure::new(Check::PhoneRungTwice, detail));
        }
        // A reception is tried all the same: nobody else is there to be rung instead.
        let is_dead = self.off_since.is_some_and(|since| since + UNNOTICED_MAX < stage.now);
        if is_dead && !self.is_desk() {
            let detail = format!("phone {} is off since {:?}", self.index, self.off_since);
            return Err(Failure::new(Check::DeadPhoneRung, detail));
        }
        if message.request_uri() != Some(self.contact_uri().as_bytes()) {
            return Err(Failure::new(Check::Shown, "the Request-URI is not her contact"));
        }
        let display = message.from().ok().and_then(|from| from.display_name()).unwrap_or_default();
        let Some(caller) = caller_shown(message) else {
            return Err(Failure::new(Check::Shown, format!("no caller in {display:?}")));
        };
        let Some(truth) = stage.truth.callers.get_mut(usize::from(caller)) else {
            return Err(Failure::new(Check::Shown, format!("caller {caller} does not exist")));
        };
        truth.rung += 1;
        if !display.starts_with("Dr ") || !display.contains(" · ") {
            return Err(Failure::new(Check::Shown, format!("her display says {display:?}")));
        }
        Ok(())
    }

    /// RFC 3261 §9.1: after a provisional response, and before a final one.
    fn watch_cancel(
        &mut self,
        stage: &mut Stage<'_>,
        at: Option<usize>,
        arrived: (bool, bool),
    ) -> Result<(), Failure> {
        match arrived {
            (false, _) => {
                return Err(Failure::new(
                    Check::CancelRules,
                    "CANCEL without a provisional response",
                ));
            }
            (true, true) => {
                return Err(Failure::new(Check::CancelRules, "CANCEL after a final response"));
            }
            (true, false) => {}
        }
        let Some(at) = at else { return Ok(()) };
        let call = &self.calls[at];
        if self.alive && call.then == Does::AnswersAcross && call.state == State::Ringing {
            stage.note(Happening::AnswerCrossedCancel);
            self.pick_up(stage, u32::try_from(at).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// One of its packets has reached the engine.
    pub(crate) fn arrived(&mut self, mark: Mark) {
        match mark {
            Mark::Provisional { call } => {
                self.calls[call as usize].witness.provisional_arrived = true
            }
            Mark::Final { call } => {
                self.calls[call as usize].witness.provisional_arrived = true;
                self.calls[call as usize].witness.final_arrived = true;
            }
            Mark::ByeDone { call } => self.calls[call as usize].witness.over = true,
            Mark::DialOver { dial } => self.dial_over(dial),
            Mark::Ack | Mark::Key { .. } | Mark::Emergency { .. } | Mark::Nothing => {}
        }
    }

    /// A voice reaches this ear.
    pub(crate) fn hear(&mut self, stage: &mut Stage<'_>, port: u16, voice: &Voice) {
        let index = self.index;
        let Some(call) = self.call_at(port) else { return };
        if voice.caller != call.caller || voice.by != Speaker::Caller {
            let detail = format!("phone {index}, with caller {}, hears {voice:?}", call.caller);
            return stage.fail(Check::WrongEar, detail);
        }
        let truth = &mut stage.truth.callers[usize::from(call.caller)];
        truth.heard_caller = true;
    }
}
