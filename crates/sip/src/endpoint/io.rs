//! What every part of the endpoint writes to: timers, queues, totals, random bits.

use std::collections::VecDeque;
use std::fmt;

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Counts, Event};
use crate::timer::Timers;
use crate::transaction::{Branch, Context, Fingerprints, TimerOwner};
use crate::{Instant, Transmit};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Io {
    pub(super) timers: Timers<TimerOwner>,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    /// Totals only: sizes are read off the tables.
    pub(super) totals: Counts,
    pub(super) random: Random,
    pub(super) fingerprints: Fingerprints,
    pub(super) user_agent: String,
}

impl Io {
    pub(super) fn new(seed: [u8; 32], user_agent: String) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let fingerprints = Fingerprints::new([random.next_u64(), random.next_u64()]);
        Self {
            timers: Timers::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            totals: Counts::default(),
            random: Random(random),
            fingerprints,
            user_agent,
        }
    }

    pub(super) fn context(&mut self, now: Instant, owner: TimerOwner) -> Context<'_> {
        Context {
            now,
            owner,
            timers: &mut self.timers,
            transmits: &mut self.transmits,
            retransmissions: &mut self.totals.retransmissions,
        }
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }
}

/// The only source of tags, branches and Call-IDs.
#[derive(Serialize, Deserialize)]
pub(super) struct Random(ChaCha12Rng);

/// What it will draw is nobody's business.
impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    pub(super) fn tag(&mut self) -> Tag {
        Tag(self.0.next_u64())
    }

    pub(super) fn branch(&mut self) -> Branch {
        Branch(self.u128())
    }

    pub(super) fn call_id(&mut self) -> String {
        format!("{:032x}", self.u128())
    }

    pub(super) fn cnonce(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn u128(&mut self) -> u128 {
        u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64())
    }
}

/// A tag of ours (RFC 3261 §19.3).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(super) struct Tag(u64);

impl Tag {
    /// `None` if we never wrote it.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() != 16 {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
