//! A relay without packets: it keeps what it was ordered, and says what a real one would say.
//!
//! Voices are tokens that peers send to the ports their session descriptions named. A port that is
//! not set forwards nothing; one that two legs hold, or that stays set at the end, is a defect.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use call::{MediaLeg, MediaOrder, Owner, Playing, Pool, Port, Prompt, PromptId};

use crate::failure::{Check, Failure};
use crate::plans;

/// How long the short beeps are.
const BEEPS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Relay {
    shard_of: BTreeMap<Port, usize>,
    held: BTreeMap<Port, Held>,
    /// The last owner of each port: owners are used once.
    last_owner: BTreeMap<Port, Owner>,
    prompts: BTreeMap<PromptId, Prompt>,
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub owner: Owner,
    pub leg: MediaLeg,
    pub heard: bool,
    /// Steps by one whenever something begins to play.
    pub plays: u32,
    is_playing: bool,
}

/// What an order brings about.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Set(Begun),
    /// Answer with `Released`.
    Released,
    /// Taken and given back before it was ever set.
    Nothing,
}

/// What a leg does that it did not do before.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Begun {
    /// From now on silence is to be told.
    pub watching: bool,
    /// Something plays that has an end: its number, and how long it is.
    pub play: Option<(u32, Duration)>,
}

impl Relay {
    pub(crate) fn new(pool: Pool, prompts: BTreeMap<PromptId, Prompt>) -> Self {
        let numbered = pool.shards.into_iter().enumerate();
        let shard_of = numbered
            .flat_map(|(shard, ports)| ports.into_iter().map(move |port| (port, shard)))
            .collect();
        // A relay keeps what it was given, and knows the same texts by their other ids too.
        let renamed = prompts.iter().map(|(id, text)| (plans::renamed(*id), text.clone()));
        let prompts = prompts.clone().into_iter().chain(renamed).collect();
        Self { shard_of, held: BTreeMap::new(), last_owner: BTreeMap::new(), prompts }
    }

    pub(crate) fn order(&mut self, order: MediaOrder) -> Result<Outcome, Failure> {
        match order {
            MediaOrder::Set { port, owner, leg } => self.set(port, owner, leg).map(Outcome::Set),
            MediaOrder::Release { port, owner } => match self.held.get(&port) {
                Some(held) if held.owner == owner => {
                    self.held.remove(&port);
                    Ok(Outcome::Released)
                }
                Some(held) => Err(Failure::new(
                    Check::PortOwner,
                    format!("{owner:?} releases port {port} of {:?}", held.owner),
                )),
                None if self.last_owner.get(&port) == Some(&owner) => Err(Failure::new(
                    Check::PortOwner,
                    format!("{owner:?} releases port {port} twice"),
                )),
                None => Ok(Outcome::Nothing),
            },
        }
    }

    fn set(&mut self, port: Port, owner: Owner, leg: MediaLeg) -> Result<Begun, Failure> {
        if !self.shard_of.contains_key(&port) {
            return Err(Failure::new(Check::PortOwner, format!("port {port} is not of the pool")));
        }
        let before = self.held.get(&port);
        if let Some(held) = before
            && held.owner != owner
        {
            let detail = format!("port {port} of {:?} is set for {owner:?}", held.owner);
            return Err(Failure::new(Check::PortOwner, detail));
        }
        if before.is_none() && self.last_owner.get(&port).is_some_and(|&last| last >= owner) {
            let detail = format!("port {port} is set again for {owner:?}, which gave it back");
            return Err(Failure::new(Check::PortOwner, detail));
        }
        self.last_owner.insert(port, owner);
        let watched = before.is_some_and(|held| held.leg.watch);
        let heard = before.is_some_and(|held| held.heard);
        let plays = before.map_or(0, |held| held.plays);
        let what = leg.play.map(|play| play.what);
        let is_same = what == before.and_then(|held| held.leg.play).map(|play| play.what);
        let held = match (what, before) {
            (_, Some(before)) if is_same => {
                Held { owner, leg, heard, plays, is_playing: before.is_playing }
            }
            (None, _) => Held { owner, leg, heard, plays, is_playing: false },
            (Some(_), _) => Held { owner, leg, heard, plays: plays + 1, is_playing: true },
        };
        let mut begun = Begun { watching: held.leg.watch && !watched, play: None };
        if let Some(what) = what.filter(|_| held.plays > plays) {
            begun.play = self.duration(what)?.map(|duration| (held.plays, duration));
        }
        self.held.insert(port, held);
        Ok(begun)
    }

    /// `None`: it has no end.
    fn duration(&self, what: Playing) -> Result<Option<Duration>, Failure> {
        match what {
            Playing::RingTone => Ok(None),
            Playing::Confirmed | Playing::Refused => Ok(Some(BEEPS)),
            Playing::Prompt { prompt, repeat } => match self.prompts.get(&prompt) {
                Some(prompt) => Ok((!repeat).then_some(prompt.duration)),
                None => Err(Failure::new(Check::Prompts, format!("prompt {prompt} is not known"))),
            },
        }
    }

    /// Something has been played to its end. `false`: it was cut.
    pub(crate) fn end_play(&mut self, port: Port, owner: Owner, play: u32) -> bool {
        match self.held.get_mut(&port) {
            Some(held) if held.owner == owner && held.plays == play => {
                std::mem::replace(&mut held.is_playing, false)
            }
            Some(_) | None => false,
        }
    }

    /// At the end of a step every pair that forwards has somewhere to forward to, and back.
    pub(crate) fn check_peers(&self) -> Result<(), Failure> {
        for (&port, held) in &self.held {
            // A text goes on while its caller holds, unheard: it has its time.
            let has_no_end = |play: call::Play| match play.what {
                Playing::RingTone | Playing::Prompt { repeat: true, .. } => true,
                Playing::Confirmed | Playing::Refused | Playing::Prompt { repeat: false, .. } => {
                    false
                }
            };
            if held.leg.play.is_some_and(has_no_end) && !held.leg.receives {
                let detail = format!("port {port}, on hold, is played {:?}", held.leg.play);
                return Err(Failure::new(Check::HeardOnHold, detail));
            }
            let Some(peer) = held.leg.peer else { continue };
            let back = self.held.get(&peer).map(|peer| peer.leg.peer);
            if back != Some(Some(port)) {
                let detail = format!("port {port} forwards to {peer}, which answers {back:?}");
                return Err(Failure::new(Check::PortPeers, detail));
            }
            if self.shard_of.get(&port) != self.shard_of.get(&peer) {
                let detail = format!("ports {port} and {peer} are of two shards");
                return Err(Failure::new(Check::PortPeers, detail));
            }
        }
        Ok(())
    }

    /// A voice comes in at `port`: whether it is the first of its leg, and where it goes.
    pub(crate) fn hear(
        &mut self,
        port: Port,
        from: SocketAddr,
    ) -> Option<(Option<Owner>, Option<SocketAddr>)> {
        let held = self.held.get_mut(&port)?;
        // What a latch would learn is the peer's own address here: there is no NAT.
        if held.leg.remote.is_some_and(|remote| remote.rtp.ip() != from.ip()) {
            return None;
        }
        let first = !std::mem::replace(&mut held.heard, true);
        let owner = first.then_some(held.owner);
        let peer = held.leg.peer;
        let onward = peer
            .and_then(|peer| self.held.get(&peer))
            .filter(|peer| peer.leg.receives && !peer.is_playing)
            .and_then(|peer| peer.leg.remote);
        Some((owner, onward.map(|remote| remote.rtp)))
    }

    pub(crate) fn get(&self, port: Port) -> Option<&Held> {
        self.held.get(&port)
    }

    pub(crate) fn in_use(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = (Port, &Held)> {
        self.held.iter().map(|(&port, held)| (port, held))
    }
}
