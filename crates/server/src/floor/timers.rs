//! Deadlines of many parties in one ordered set. Stale ones are the owner's to ignore: keys name
//! a dialog or a party whose state tells whether the deadline still means something.

use std::collections::BTreeSet;

use sip::Instant;

pub(super) struct Timers<K> {
    due: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Copy> Timers<K> {
    pub(super) fn new() -> Self {
        Self { due: BTreeSet::new() }
    }

    pub(super) fn set(&mut self, at: Instant, key: K) {
        self.due.insert((at, key));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, key)| key)
    }
}
