//! What somebody sees who knows only what was put in and what came out.

use std::collections::{BTreeMap, BTreeSet};

use acd::{AgentId, CallerId, Decision, OfferId};

/// Who is where, by the decisions alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside {
    /// Callers who are with the scheduler.
    pub(crate) here: BTreeSet<CallerId>,
    pub(crate) ringing: BTreeMap<OfferId, AgentId>,
    pub(crate) talking: BTreeMap<CallerId, (OfferId, AgentId)>,
    /// Rung elsewhere, and answered there.
    pub(crate) forwarded: BTreeSet<OfferId>,
    pub(crate) connected: BTreeMap<CallerId, OfferId>,
    /// Lines that an offer holds.
    pub(crate) lines: BTreeMap<AgentId, OfferId>,
}

impl Outside {
    pub(crate) fn enters(&mut self, caller: CallerId) {
        self.here.insert(caller);
    }

    /// He is gone, by himself or by his plan.
    pub(crate) fn leaves(&mut self, caller: CallerId) {
        self.here.remove(&caller);
        self.talking.remove(&caller);
        self.connected.remove(&caller);
    }

    /// What a decision does to the world; an error is what it must never do.
    pub(crate) fn sees(&mut self, decision: &Decision) -> Result<(), String> {
        match *decision {
            Decision::Offer { offer, agent, .. } => {
                self.must_be_alone(offer.caller)?;
                if let Some(other) = self.lines.insert(agent, offer) {
                    return Err(format!("{agent} is offered {offer:?} with {other:?} on her line"));
                }
                self.ringing.insert(offer, agent);
            }
            Decision::Withdraw { offer, agent, .. } => {
                if self.ringing.remove(&offer) != Some(agent) {
                    return Err(format!("{offer:?} is withdrawn from {agent}, it does not ring"));
                }
            }
            Decision::Serve { offer, agent } => {
                if self.ringing.remove(&offer) != Some(agent) {
                    return Err(format!("{agent} is to serve {offer:?}, it does not ring"));
                }
                self.must_be_alone(offer.caller)?;
                self.talking.insert(offer.caller, (offer, agent));
            }
            Decision::Refuse { offer } => {
                if self.ringing.contains_key(&offer) || self.forwarded.contains(&offer) {
                    return Err(format!("{offer:?} rings and its answer is refused"));
                }
            }
            Decision::Forward { offer, .. } => {
                self.must_be_alone(offer.caller)?;
                if self.rings_for(offer.caller) {
                    return Err(format!("{offer:?} is forwarded while he is offered"));
                }
                self.forwarded.insert(offer);
            }
            Decision::Recall { offer, .. } => {
                if !self.forwarded.remove(&offer) {
                    return Err(format!("{offer:?} is recalled, it is not out"));
                }
            }
            Decision::Connect { offer } => {
                if !self.forwarded.remove(&offer) {
                    return Err(format!("{offer:?} is connected, it is not out"));
                }
                self.must_be_alone(offer.caller)?;
                self.connected.insert(offer.caller, offer);
            }
            Decision::Busy { caller } | Decision::Announce { caller, .. } => {
                self.must_be_alone(caller)?;
                if self.rings_for(caller) {
                    return Err(format!("{caller} is ended while he is offered"));
                }
                if !self.here.remove(&caller) {
                    return Err(format!("{caller} is ended twice"));
                }
            }
            Decision::Overflow { caller, .. } | Decision::Plan { caller, .. } => {
                self.must_be_alone(caller)?;
            }
            Decision::Class { .. }
            | Decision::State { .. }
            | Decision::Situation { .. }
            | Decision::OverrideOver { .. } => {}
        }
        Ok(())
    }

    /// A human has him: nothing may happen to him.
    fn must_be_alone(&self, caller: CallerId) -> Result<(), String> {
        if !self.here.contains(&caller) {
            return Err(format!("{caller} is not here"));
        }
        if self.talking.contains_key(&caller) || self.connected.contains_key(&caller) {
            return Err(format!("{caller} is in a conversation"));
        }
        Ok(())
    }

    pub(crate) fn rings_for(&self, caller: CallerId) -> bool {
        self.ringing.keys().chain(&self.forwarded).any(|offer| offer.caller == caller)
    }
}
