//! The end of a run: nothing may be left, and the records must tell what the callers saw.

use call::{CallRecord, OfferOutcome};

use super::World;
use crate::caller::{self, Flaw, Forwarded};
use crate::failure::{Check, Failure};
use crate::scene::{self, Tight};
use crate::tally::Happening;

impl World {
    /// All is over: nothing may be left, and the records must tell what the callers saw.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.invariants.check_drained(&self.engine, &self.relay)?;
        if !self.engine.is_drained() {
            return Err(Failure::new(Check::Drained, "the engine does not say so"));
        }
        for index in 0..self.callers.len() {
            self.check_record(index)?;
        }
        let (offered, written) = (self.engine.ledger().offered, self.records.len() as u64);
        if offered != written {
            let detail = format!("{offered} INVITEs were offered, {written} records are written");
            return Err(Failure::new(Check::OneRecord, detail));
        }
        let echoes = self.records.iter().filter(|record| is_echo(record)).count() as u64;
        if echoes != self.echoes {
            let detail = format!("{} echoes came, {echoes} are written", self.echoes);
            return Err(Failure::new(Check::OneRecord, detail));
        }
        let counts = self.engine.endpoint_counts();
        self.tally.add(Happening::RetransmittedByEngine, counts.retransmissions);
        Ok(())
    }

    fn check_record(&mut self, index: usize) -> Result<(), Failure> {
        use call::Disposition as D;
        let caller = &self.callers[index];
        let number = call::E164::read(&caller::number_of(caller.index)).expect("a number");
        let known = call::CallerNumber::Known(number);
        let is_his = |record: &&CallRecord| record.caller == known && !is_echo(record);
        let mut records = self.records.iter().filter(is_his);
        let (record, second) = (records.next(), records.next());
        if second.is_some() {
            return Err(Failure::new(Check::OneRecord, format!("caller {index} has two records")));
        }
        let Some(record) = record else {
            return Err(Failure::new(Check::OneRecord, format!("caller {index} has no record")));
        };
        let wrong = |what: &str| {
            let saw = (caller.saw, caller.was_sent(), caller.sent_bye, caller.got_bye);
            Err(Failure::new(
                Check::RecordAgrees,
                format!("caller {index}: {what}: saw {saw:?}, written {record:?}"),
            ))
        };
        let truth = &self.truth.callers[index];
        let Some(sent) = caller.was_sent() else { return wrong("no final answer was sent") };
        if caller.saw.is_some_and(|saw| saw != sent) || record.status != sent {
            return wrong("another status");
        }
        let fits = match record.disposition {
            D::Answered | D::Forwarded | D::CallerFailed => sent == 200,
            // He has been answered for his first text.
            D::Abandoned | D::Announced | D::Closed if truth.has_pressed => sent == 200,
            D::Abandoned => sent == 487,
            D::Busy => sent == 486,
            // 200 or 480 after the text, 487 within an unanswered one.
            D::Announced => truth.is_told && matches!(sent, 200 | 480 | 487),
            D::Closed if truth.is_told => matches!(sent, 200 | 480 | 487),
            D::Closed => sent == 486,
            // 503: the endpoint itself was full.
            D::Full => matches!(sent, 486 | 503),
            D::UnknownNumber => sent == 404,
            D::NoCodec => sent == 488,
            D::Draining => self.truth.is_draining && sent == 503,
            D::BadRequest => sent == 400,
            D::Unsupported => sent == 420,
            D::Looped => matches!(sent, 483 | 486),
            // Whoever loses his secretary may meet no other before his time is over.
            D::Lost if sent == 200 && self.returned.contains(&record.call) => true,
            // The process ended, and nobody had taken him.
            D::Lost if self.truth.is_hung_up => matches!(sent, 200 | 503),
            D::Lost => return Err(Failure::new(Check::Lost, format!("caller {index}"))),
        };
        let flaw = caller.script.flaw.map(Flaw::status);
        let is_flawed = matches!(record.disposition, D::BadRequest | D::Unsupported | D::Looped);
        let fits = fits && is_flawed == flaw.is_some_and(|status| status == sent);
        if !fits {
            return wrong("another disposition");
        }
        let forwarded = caller.script.forwarded != Forwarded::Not;
        let practices = self.scene.config.practices.len();
        let has_its_practice = !is_flawed && !self.truth.has_lost_practices;
        if has_its_practice && record.practice != scene::practice_of(&caller.script, practices) {
            return wrong("another practice");
        }
        let shut = |it: call::Situation| match it {
            call::Situation::Closed | call::Situation::Leave => true,
            call::Situation::Open | call::Situation::Redirected | call::Situation::Listed => false,
        };
        // Neither his practice at his arrival nor the plan that he followed last meant to serve him.
        let is_closed = record.situation.is_some_and(shut) && truth.taken_over.is_none_or(shut);
        let by_plan = matches!(record.disposition, D::Closed | D::Announced | D::Busy);
        if by_plan && is_closed != (record.disposition == D::Closed) {
            return wrong("another situation");
        }
        if record.pressed_at.is_some() != truth.has_pressed {
            return wrong("another key");
        }
        if record.prompt.is_some() != truth.is_told {
            return wrong("another end of his plan");
        }
        if truth.is_told
            && record.released_by == call::Party::Us
            && !truth.heard_text
            && !self.truth.is_hung_up
        {
            return wrong("a text that he did not hear to its end");
        }
        if ((record.offers.len() + record.forwards.len()) as u32) < truth.rung {
            return wrong("offers are missing");
        }
        let offers = record.offers.iter().map(|offer| offer.outcome);
        let outcomes = offers.chain(record.forwards.iter().map(|forward| forward.outcome));
        if outcomes.filter(|&it| it == OfferOutcome::Served).count() > 1 {
            return wrong("two winners");
        }
        let takes = |agent: call::AgentId| truth.takers.iter().any(|&it| u32::from(it) == agent.0);
        if record.agent.is_some_and(|agent| !takes(agent)) {
            return wrong("a secretary who never answered for him");
        }
        let may_have_target = matches!(record.disposition, D::Forwarded | D::CallerFailed);
        let has_target = record.target.is_some();
        if has_target && !may_have_target || record.disposition == D::Forwarded && !has_target {
            return wrong("another end of his forwarding");
        }
        if matches!(record.disposition, D::Answered | D::Forwarded) {
            let by_caller = caller.sent_bye && !caller.got_bye;
            let by_others = caller.got_bye && !caller.sent_bye;
            let told = record.released_by == call::Party::Caller;
            // Our BYE waits for his ACK, and his own may come with it.
            let may_cross = truth.agent_left || self.truth.is_hung_up;
            if (by_caller && !told && !may_cross) || (by_others && told && !caller.was_asked) {
                return wrong("another party hung up");
            }
        }
        if truth.has_pressed && matches!(record.disposition, D::Answered | D::Forwarded) {
            self.tally.note(Happening::ServedUrgently);
        }
        self.tally.note(match record.disposition {
            D::Answered | D::Forwarded => Happening::Answered,
            D::CallerFailed => Happening::AckNeverSent,
            D::Abandoned if truth.rung > 0 => Happening::GaveUpRinging,
            D::Abandoned => Happening::GaveUpWaiting,
            D::Busy => Happening::PlanOver,
            D::Announced | D::Closed if truth.heard_text => Happening::HeardText,
            D::Announced | D::Closed if truth.is_told => Happening::LeftText,
            D::Announced | D::Closed => Happening::PlanOver,
            D::UnknownNumber => Happening::UnknownNumber,
            D::NoCodec => Happening::NoCodec,
            D::Full => match self.scene.tight {
                Tight::Calls | Tight::Nothing => Happening::TableFull,
                Tight::Queue => Happening::QueueFull,
                Tight::Ports => Happening::PortsFull,
            },
            D::BadRequest | D::Unsupported | D::Looped => Happening::FlawedInvite,
            D::Lost => Happening::PlanOver,
            D::Draining => Happening::RefusedDraining,
        });
        if caller.script.number == scene::SHARED {
            self.tally.note(match forwarded {
                true => Happening::Forwarded,
                false => Happening::Unidentified,
            });
        }
        if record.disposition == D::Closed {
            self.tally.note(Happening::ClosedDoor);
        }
        if truth.is_told && record.answered_at.is_none() {
            self.tally.note(Happening::EarlyText);
        }
        if record.disposition == D::Abandoned {
            self.tally.note(Happening::Abandoned);
        }
        if truth.heard_agent && truth.heard_caller {
            self.tally.note(Happening::HeardBothWays);
        }
        Ok(())
    }
}

/// Of a call that we forwarded and that came back: refused in its caller's place.
fn is_echo(record: &CallRecord) -> bool {
    record.disposition == call::Disposition::Looped && record.status == 486
}
