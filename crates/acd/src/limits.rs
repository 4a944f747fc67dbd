//! Caps on what the network feeds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::caller::Urgency;

/// Callers that may wait at once unless the setup says otherwise.
pub(crate) const WAITING_MAX: usize = 10_000;

/// How far from now a wrap-up can be prolonged.
pub const WRAP_UP_MAX: Duration = Duration::from_secs(30 * 60);

/// How often a caller may be handed from one practice's plan to another's; then such steps are passed
/// over.
pub const HOPS_MAX: u8 = 8;

/// How long who came back from a conversation waits in a queue that has no end of its own.
pub(crate) const RETURNED_MAX: Duration = Duration::from_secs(10 * 60);

/// Callers who are remembered for their next call; beyond, who called the longest ago is forgotten.
pub(crate) const ACQUAINTANCES_MAX: usize = 100_000;
/// Nobody is remembered longer.
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(31 * 24 * 3_600);
/// The calls of one caller that are counted.
pub const REPEATED_CALLS_MAX: u32 = 20;

/// A clock that is set by more than this has jumped: it may be wrong.
pub(crate) const CLOCK_JUMP: Duration = Duration::from_secs(3_600);
/// How long a clock that jumped must stand before an override is over by it.
pub(crate) const CLOCK_STANDS: Duration = Duration::from_secs(5 * 60);

/// Who lets her phone ring for so long until the caller's time in the queue is over has missed him, even if
/// her team lets it ring longer.
pub const RUNG_ENOUGH: Duration = Duration::from_secs(10);

/// The longest text of opening hours.
pub(crate) const HOURS_BYTES_MAX: usize = 1_000;

/// With how many unserved callers one more of this class finds no room, where `max` is the limit: a
/// quarter of it and four are kept for urgent callers, and as much again for vital ones.
pub(crate) fn room(max: usize, urgency: Urgency) -> usize {
    let head_room = (max / 4).saturating_add(4);
    match urgency {
        Urgency::Priority | Urgency::Normal => max,
        Urgency::Urgent => max.saturating_add(head_room),
        Urgency::Vital => max.saturating_add(head_room).saturating_add(head_room),
    }
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Callers waiting or offered at once; one more is refused with
    /// [`Refusal::Full`](crate::Refusal::Full). Urgent callers have head-room beyond it: a quarter of it
    /// and four more; vital ones twice that. Callers that were served and came back always fit:
    /// they are at most one an agent.
    pub waiting_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting_max: WAITING_MAX }
    }
}
