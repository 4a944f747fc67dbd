//! Transactions that have done their work and wait for copies.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::slab::{Key, Slab};

/// Keys of transactions that all linger for the same time, the oldest first. One that ended otherwise
/// is passed over when its turn comes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lingering<K>(VecDeque<K>);

impl<K: Key> Lingering<K> {
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn push(&mut self, key: K) {
        self.0.push_back(key);
    }

    /// The oldest of them, if there are more than `max`: the caller ends it, and asks again. The newest
    /// stays in any case, since it is still being worked on.
    pub(super) fn poll_beyond<V>(&mut self, max: usize, transactions: &Slab<K, V>) -> Option<K> {
        while let Some(&oldest) = self.0.front() {
            let is_there = transactions.contains(oldest);
            if is_there && self.0.len() <= max.max(1) {
                return None;
            }
            self.0.pop_front();
            if is_there {
                return Some(oldest);
            }
        }
        None
    }
}
