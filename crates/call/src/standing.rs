//! What is remembered of those who register when the process ends: where their phones are, and of the
//! secretaries whether they are logged in, paused or not responding.
//!
//! The whole of it is told each time any of it changed, so that the last word counts and a word
//! told twice does no harm. Calls, offers and times after calls are not in it: they end with us.

use std::collections::{BTreeMap, BTreeSet};

use acd::{AgentId, Lasting, PhoneId};
use serde::{Deserialize, Serialize};
use sip::Binding;

/// All that lasts of one of them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub whose: Whose,
    /// The phones, the one that would ring first at the head. Their instants are of this life.
    pub bindings: Vec<Binding>,
}

/// Whose it is, and what lasts beside the phones.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Whose {
    Agent {
        agent: AgentId,
        state: Lasting,
        /// Missed offers in a row.
        misses: u32,
    },
    Phone(PhoneId),
}

/// Whose phones may register under a name.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
pub enum User {
    Agent(AgentId),
    /// It is rung where a practice's callers are forwarded to; it is no secretary's.
    Phone(PhoneId),
}

impl Whose {
    pub fn user(&self) -> User {
        match *self {
            Self::Agent { agent, .. } => User::Agent(agent),
            Self::Phone(phone) => User::Phone(phone),
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standings {
    /// Something of theirs may be other than what was told.
    doubted: BTreeSet<User>,
    told: BTreeMap<User, Standing>,
}

impl Standings {
    pub(crate) fn doubt(&mut self, user: User) {
        self.doubted.insert(user);
    }

    pub(crate) fn next_doubted(&mut self) -> Option<User> {
        self.doubted.pop_first()
    }

    /// Whether this is news.
    pub(crate) fn tell(&mut self, standing: &Standing) -> bool {
        let user = standing.whose.user();
        if self.told.get(&user) == Some(standing) {
            return false;
        }
        self.told.insert(user, standing.clone());
        true
    }

    pub(crate) fn forget(&mut self, user: User) {
        self.doubted.remove(&user);
        self.told.remove(&user);
    }
}
