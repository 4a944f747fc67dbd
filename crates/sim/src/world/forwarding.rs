//! Callers who are forwarded: whose call it is that goes outside, the keys and the echoes that come back.

use std::net::SocketAddr;

use acd::{Decision, Withdrawal};
use call::{
    E164, ForwardRecord, Input, MediaEvent, OfferOutcome, SchedulerEntry, SchedulerKind, Target,
};
use sip::Message;

use super::World;
use crate::caller::number_of;
use crate::failure::{Check, Failure};
use crate::outside::{ECHO, Whose};
use crate::plans::NO_KEY;
use crate::scene::{self, trunk_address};
use crate::tally::Happening;
use crate::wire::{self, Described, ENGINE, Head};

impl World {
    /// Whose call goes outside there: by the pair that it holds, as the number shown may be another.
    pub(super) fn whose_invite(
        &self,
        trunk: u16,
        invite: &Message,
    ) -> Result<Option<Whose>, Failure> {
        let Some(described) = Described::read(invite.body()) else { return Ok(None) };
        let port = described.address.port();
        if let Some(call) = self.engine.live_calls().find(|call| call.ports.contains(&port)) {
            return Ok(self.caller_with(&call.number).map(Whose::Caller));
        }
        let mut emergencies = self.engine.emergencies();
        match emergencies.find(|call| call.ports.contains(&port)) {
            Some(call) => self.check_exit(call.user, trunk, invite).map(Some),
            None => Ok(None),
        }
    }

    fn caller_with(&self, number: &call::CallerNumber) -> Option<u16> {
        let call::CallerNumber::Known(number) = number else { return None };
        let shows = |index: &u16| E164::read(&number_of(*index)) == Ok(*number);
        self.callers.iter().map(|caller| caller.index).find(shows)
    }

    /// Nobody is given a caller whom no human outside, or at that phone, has taken.
    pub(super) fn connected(&mut self, call: call::CallRef, target: Target) -> Result<(), Failure> {
        let Some(&caller) = self.arrived.get(&call) else { return Ok(()) };
        let truth = &self.truth.callers[caller];
        let (is_taken, happening) = match target {
            Target::Phone(phone) => {
                let user = scene::desk(u64::from(phone.0));
                let mut takers = truth.takers.iter().map(|&taker| &self.phones[usize::from(taker)]);
                (takers.any(|phone| phone.is_of(&user)), Happening::ReceptionAnswered)
            }
            Target::Line(line) if line.0 == NO_KEY => {
                (truth.lines.contains(&line.0), Happening::NoKeyTaken)
            }
            Target::Line(line) => (truth.lines.contains(&line.0), Happening::KeyTaken),
        };
        self.tally.note(happening);
        match is_taken {
            true => Ok(()),
            false => {
                let detail = format!("caller {caller} is connected, {target:?} has not taken him");
                Err(Failure::new(Check::AnsweredBeforeHer, detail))
            }
        }
    }

    /// A key reaches the relay, which tells it where it is asked for.
    pub(super) fn key(&mut self, line: u32, key: char) -> Result<(), Failure> {
        let (port, from): (u16, SocketAddr) = self.outside.port(line);
        let Some(held) = self.relay.get(port) else { return Ok(()) };
        let is_from_there = held.leg.remote.is_some_and(|remote| remote.rtp == from);
        if !is_from_there || held.leg.keys.is_empty() {
            return Ok(());
        }
        let owner = held.owner;
        self.act(|actors, stage| actors.outside.pressed(stage, line, key))?;
        self.input(Input::Media(MediaEvent::Digit { port, owner, digit: key }))
    }

    /// A call to a number outside comes back to us, as long as it rings, and says that it was forwarded
    /// from there: whoever forwards it hangs up on both ends at once.
    pub(super) fn echo(&mut self, line: u32) -> Result<(), Failure> {
        let Some((caller, number, trunk, shown)) = self.outside.story(line) else { return Ok(()) };
        let mut calls = self.engine.live_calls();
        let call = calls.find(|call| self.caller_with(&call.number) == Some(caller));
        let Some(call) = call else { return Ok(()) };
        let did = scene::did(u64::from(call.practice.0));
        let target = Target::Line(acd::LineId(number));
        let rings = self
            .engine
            .target_legs()
            .any(|leg| leg.offer.caller == call.caller && leg.target == target && !leg.closing);
        // He may be sent there once more, by another call of ours.
        let rings = rings && call.ports.contains(&self.outside.relay_port(line));
        let is_known = self.scene.config.practices.contains_key(&call.practice);
        if !rings || !is_known || self.truth.is_draining {
            return Ok(());
        }
        drop(calls);
        self.echoes += 1;
        let via = trunk_address(usize::from(trunk));
        let head = Head {
            method: "INVITE",
            uri: &format!("sip:{did}@{ENGINE}"),
            via,
            branch: &format!("z9hG4bKl{line}-echo"),
            from: &format!("<sip:{shown}@{}>;tag=e{line}", via.ip()),
            to: &format!("<sip:{did}@{ENGINE}>"),
            call_id: &format!("{ECHO}{line}"),
            cseq: 1,
        };
        let line = E164::of_line(acd::LineId(number));
        let contact = format!("Contact: <sip:echo@{via}>\r\n");
        let diversion = format!("Diversion: <sip:{line}@{}>;reason=unconditional\r\n", via.ip());
        let invite = wire::request(&head, &(contact + &diversion), None);
        self.receive(self.flow(via), invite)
    }

    pub(super) fn note_forward(&mut self, forward: &ForwardRecord) {
        let happening = match forward.outcome {
            OfferOutcome::Served | OfferOutcome::Vanished | OfferOutcome::Looped => return,
            OfferOutcome::Declined if forward.picked_up_at.is_some() => Happening::HungUpAsked,
            OfferOutcome::Declined => Happening::ForwardDeclined,
            OfferOutcome::Busy => Happening::ForwardBusy,
            OfferOutcome::NoAnswer => Happening::ForwardUnanswered,
            OfferOutcome::NoKey => Happening::BoxWithdrawn,
            OfferOutcome::Unreachable => Happening::ForwardUnreachable,
            OfferOutcome::Dropped => Happening::ForwardDropped,
            OfferOutcome::Withdrawn => Happening::ForwardWithdrawn,
        };
        self.tally.note(happening);
    }

    pub(super) fn note_decisions(&mut self, log: &[SchedulerEntry]) {
        for entry in log {
            if let SchedulerKind::Input(acd::Input::Redirect { .. }) = entry.kind
                && !entry.refused
            {
                self.tally.note(Happening::RedirectedByOperator);
            }
            for decision in &entry.decisions {
                if let Decision::Withdraw { why: Withdrawal::Won, .. } = decision {
                    self.tally.note(Happening::QuickerPhone);
                } else if let Decision::Refuse { .. } = decision {
                    self.tally.note(Happening::AnswerRefused);
                }
            }
        }
    }
}
