//! INVITEs that were refused without a transaction (RFC 3261 §8.2.7), as long as copies may come.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Endpoint, Event};
use crate::limits::REFUSALS_MAX;
use crate::timer::T1_64;
use crate::write::stateless_hash;
use crate::{Flow, Instant, Message};

/// By the hash of what all copies share. A clash makes of two refusals one: no harm beyond a count.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Refusals {
    statuses: BTreeMap<u64, u16>,
    oldest: VecDeque<(Instant, u64)>,
}

impl Refusals {
    /// The status that this INVITE was refused with.
    pub(super) fn status_of(&self, now: Instant, invite: &Message) -> Option<u16> {
        // An idle endpoint hashes nothing.
        let is_idle = self.oldest.back().is_none_or(|(since, _)| now >= *since + T1_64);
        if is_idle { None } else { self.statuses.get(&stateless_hash(invite)).copied() }
    }

    /// Whether it is the first time.
    fn keep(&mut self, now: Instant, invite: &Message, status: u16) -> bool {
        while let Some((since, _)) = self.oldest.front() {
            if now < *since + T1_64 && self.oldest.len() < REFUSALS_MAX {
                break;
            }
            if let Some((_, hash)) = self.oldest.pop_front() {
                self.statuses.remove(&hash);
            }
        }
        let hash = stateless_hash(invite);
        let is_first = self.statuses.insert(hash, status).is_none();
        if is_first {
            self.oldest.push_back((now, hash));
        }
        is_first
    }
}

impl Endpoint {
    /// Remembers the refusal of an INVITE out of a dialog, and tells the owner once.
    pub(super) fn tell_refusal(&mut self, now: Instant, flow: Flow, invite: Message, status: u16) {
        // A merged request is a copy of one that has its own story (§8.2.2.2).
        if self.refusals.keep(now, &invite, status) && status != 482 {
            self.io.emit(Event::Refused { flow, invite, status });
        }
    }
}
