//! What is remembered of the secretaries when the process ends: where their phones are, and whether
//! they are logged in, paused or not responding.
//!
//! The whole of it is told each time any of it changed, so that the last word counts and a word
//! told twice does no harm. Calls, offers and times after calls are not in it: they end with us.

use std::collections::{BTreeMap, BTreeSet};

use acd::{AgentId, Lasting};
use serde::{Deserialize, Serialize};
use sip::Binding;

/// All that lasts of one secretary.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub agent: AgentId,
    pub state: Lasting,
    /// Missed offers in a row.
    pub misses: u32,
    /// Her phones, the one that would ring first at the head. Their instants are of this life.
    pub bindings: Vec<Binding>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standings {
    /// Something of hers may be other than what was told.
    doubted: BTreeSet<AgentId>,
    told: BTreeMap<AgentId, Standing>,
}

impl Standings {
    pub(crate) fn doubt(&mut self, agent: AgentId) {
        self.doubted.insert(agent);
    }

    pub(crate) fn next_doubted(&mut self) -> Option<AgentId> {
        self.doubted.pop_first()
    }

    /// Whether this is news.
    pub(crate) fn tell(&mut self, standing: &Standing) -> bool {
        if self.told.get(&standing.agent) == Some(standing) {
            return false;
        }
        self.told.insert(standing.agent, standing.clone());
        true
    }

    pub(crate) fn forget(&mut self, agent: AgentId) {
        self.doubted.remove(&agent);
        self.told.remove(&agent);
    }
}
