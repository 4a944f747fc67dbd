//! Who speaks, through which port, and in whose ear it comes out.

use std::net::SocketAddr;
use std::time::Duration;

use call::{CallView, Input, MediaEvent, Owner, Port, Stage, Target};
use sip::Instant;

use super::{SILENCE, What, World};
use crate::failure::{Check, Failure};
use crate::scene;
use crate::stage::{Speaker, Voice};
use crate::tally::Happening;

impl World {
    /// Whose ear that is, if it is a caller's.
    fn caller_at(&self, ear: SocketAddr) -> Option<usize> {
        let is_phone = self.phones.iter().any(|phone| phone.address().ip() == ear.ip());
        let caller = usize::from(ear.port().checked_sub(30_000)? / 2);
        (!is_phone && caller < self.callers.len()).then_some(caller)
    }

    pub(super) fn relay_hears(&mut self, voice: Voice) -> Result<(), Failure> {
        // Who has hung up meanwhile says nothing.
        let speaks = match voice.by {
            Speaker::Phone(phone) => self.phones[usize::from(phone)].speaks(voice.from.port()),
            Speaker::Outside(line) => self.outside.speaks(line),
            Speaker::Caller => self.callers[usize::from(voice.caller)].speaks(),
        };
        if !speaks {
            return Ok(());
        }
        let Some((first, onward)) = self.relay.hear(voice.port, voice.from) else { return Ok(()) };
        let soon = self.now + Duration::from_millis(2);
        if let Some(owner) = first {
            self.push(soon, What::Media(MediaEvent::Heard { port: voice.port, owner }));
        }
        match onward {
            Some(at) => self.push(soon, What::ToEar { at, voice }),
            None => self.check_silence(&voice)?,
        }
        Ok(())
    }

    /// Nothing of this voice goes on: one of the two holds, or they are not joined.
    fn check_silence(&mut self, voice: &Voice) -> Result<(), Failure> {
        let caller = &self.callers[usize::from(voice.caller)];
        let mut calls = self.engine.live_calls();
        let Some(call) = calls.find(|call| call.ports.contains(&voice.port)) else { return Ok(()) };
        let Some(she_holds) = self.other_side(&call, voice.caller).filter(|_| caller.is_joined())
        else {
            return Ok(());
        };
        if caller.offers.held_since.or(she_holds).is_some() {
            drop(calls);
            self.tally.note(Happening::SilentOnHold);
            return Ok(());
        }
        Err(Failure::new(Check::VoiceCrosses, format!("{voice:?} goes nowhere")))
    }

    /// Since when whoever has this caller holds him. `None`: nobody has, as the peers see it.
    fn other_side(&self, call: &CallView, caller: u16) -> Option<Option<Instant>> {
        let user = match call.stage {
            Stage::Bridged { agent, .. } => scene::user(u64::from(agent.0)),
            Stage::Connected { target: Target::Phone(phone), .. } => {
                scene::desk(u64::from(phone.0))
            }
            Stage::Connected { target: Target::Line(_), .. } => {
                return self.outside.converses(caller).then_some(None);
            }
            Stage::Waiting
            | Stage::Returned { .. }
            | Stage::Pressed { .. }
            | Stage::Announced { .. } => return None,
        };
        let phone = self.phones.iter().find(|phone| phone.is_of(&user))?;
        Some(phone.conversation(phone.port_with(caller)?)?.1)
    }

    /// A voice has come out: neither of the two may hold.
    fn check_hold(&mut self, at: SocketAddr, voice: &Voice) -> Result<(), Failure> {
        let caller = &self.callers[usize::from(voice.caller)];
        let hers = match voice.by {
            Speaker::Phone(phone) => {
                self.phones[usize::from(phone)].conversation(voice.from.port())
            }
            Speaker::Outside(line) => {
                Some((voice.caller, None)).filter(|_| self.outside.speaks(line))
            }
            Speaker::Caller if self.outside.at_ear(at).is_some() => Some((voice.caller, None)),
            Speaker::Caller => self
                .phones
                .iter()
                .find(|phone| phone.address().ip() == at.ip())
                .and_then(|phone| phone.conversation(at.port())),
        };
        let Some((_, she_holds)) = hers else { return Ok(()) };
        // What was on its way is not called back.
        let on_its_way = Duration::from_millis(5);
        let held = [caller.offers.held_since, she_holds].into_iter().flatten().min();
        if held.is_some_and(|since| since + on_its_way < self.now) {
            let detail = format!("{voice:?} at {at}, held since {held:?}");
            return Err(Failure::new(Check::HeardOnHold, detail));
        }
        if caller.offers.has_held() {
            self.tally.note(Happening::HeardAfterHold);
        }
        Ok(())
    }

    pub(super) fn ear_hears(&mut self, at: SocketAddr, voice: &Voice) -> Result<(), Failure> {
        self.check_hold(at, voice)?;
        let phone = self.phones.iter().position(|phone| phone.address().ip() == at.ip());
        let caller = self.caller_at(at);
        let line = self.outside.at_ear(at);
        self.act(|actors, stage| match (phone, caller, line) {
            (Some(phone), _, _) => actors.phones[phone].hear(stage, at.port(), voice),
            (None, Some(caller), _) => actors.callers[caller].hear(stage, voice),
            (None, None, Some(line)) => actors.outside.hear(stage, line, voice),
            (None, None, None) => {}
        })
    }

    /// A watched leg of which nothing was heard for a while: still so?
    pub(super) fn listen(&mut self, port: Port, owner: Owner) -> Result<(), Failure> {
        let Some(held) = self.relay.get(port) else { return Ok(()) };
        if held.owner != owner || !held.leg.watch {
            return Ok(());
        }
        let is_heard = held.leg.remote.is_some_and(|remote| {
            let stopped = self.silent_since.get(&remote.rtp);
            self.is_speaking(remote.rtp) || stopped.is_some_and(|&at| at + SILENCE > self.now)
        });
        if is_heard {
            return Ok(());
        }
        self.input(Input::Media(MediaEvent::Silent { port, owner }))
    }

    fn is_speaking(&self, at: SocketAddr) -> bool {
        if let Some(phone) = self.phones.iter().find(|phone| phone.address().ip() == at.ip()) {
            return phone.speaks(at.port());
        }
        match self.outside.at_ear(at) {
            Some(line) => self.outside.speaks(line),
            None => self.caller_at(at).is_some_and(|caller| self.callers[caller].speaks()),
        }
    }
}
