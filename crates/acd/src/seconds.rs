//! Phones that ring for a caller for whom another one rings already, in teams that let several ring.
//!
//! Such a *second* rings only while nobody waits who could have her: when somebody comes she is let off, and
//! is his once her line is clear. Who is let off for him, or becomes free as soon as her line is clear for
//! whatever reason, is counted before another one is let off: each who waits takes one from those who ring.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::agent::AgentState;
use crate::decision::Withdrawal;
use crate::groups::GroupId;
use crate::id::{AgentId, OfferId};
use crate::scheduler::Scheduler;

/// Somebody who could be free soon.
#[derive(Copy, Clone, Debug)]
struct Soon {
    agent: AgentId,
    /// What must be taken back for it; `None`: her line is becoming clear.
    rings: Option<OfferId>,
}

impl Scheduler {
    /// Whether anybody was: then others may ring in her stead.
    pub(crate) fn let_off_seconds(&mut self) -> bool {
        let seconds = self.seconds_to_let_off();
        for &(agent, offer) in &seconds {
            self.withdraw(offer, agent, Withdrawal::Won);
            self.settle(agent, AgentState::Available);
            self.ring_is_over(offer);
        }
        !seconds.is_empty()
    }

    /// For each who waits, in their order, one who could be free soon: whose line is becoming clear before
    /// who rings as a second. It costs O((g + a) a), for the a agents of both kinds and their g groups.
    pub(crate) fn seconds_to_let_off(&self) -> Vec<(AgentId, OfferId)> {
        let mut let_off = Vec::new();
        if self.seconds.is_empty() || self.waiting.len() == 0 {
            return let_off;
        }
        let clearing = self.clearing.iter().map(|&agent| Soon { agent, rings: None });
        let seconds = self.seconds.iter().filter(|(agent, _)| self.desk(**agent).can_be_let_off());
        let seconds = seconds.map(|(&agent, &offer)| Soon { agent, rings: Some(offer) });
        let mut soon: Vec<Soon> = clearing.chain(seconds).collect();
        let served = soon.iter().flat_map(|it| self.groups.of_agent(it.agent));
        let mut groups: Vec<GroupId> = served.map(|membership| membership.group).collect();
        groups.sort_unstable();
        groups.dedup();
        let first = |group| Some(Reverse((self.waiting.first_of(group)?, group)));
        let mut waiting: BinaryHeap<_> = groups.into_iter().filter_map(first).collect();
        while let Some(Reverse((place, group))) = waiting.pop()
            && soon.iter().any(|it| it.rings.is_some())
        {
            let may = |it: &Soon| {
                self.groups.serves(it.agent, group).is_some()
                    && self.may_be_taken_soon(it.agent, place.urgency)
            };
            // Who has nobody has none for those after him in his group either.
            if let Some(at) = soon.iter().position(may) {
                let Soon { agent, rings } = soon.remove(at);
                let_off.extend(rings.map(|offer| (agent, offer)));
                let next = self.waiting.next_of(group, place);
                waiting.extend(next.map(|place| Reverse((place, group))));
            }
        }
        let_off
    }
}
