//! Caps on what the network feeds.

use serde::{Deserialize, Serialize};

/// Callers that may wait at once unless the setup says otherwise.
pub(crate) const WAITING_MAX: usize = 10_000;

/// The longest text of opening hours.
pub(crate) const HOURS_BYTES_MAX: usize = 1_000;

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Callers waiting or offered at once; one more is refused with
    /// [`Refusal::Full`](crate::Refusal::Full). Callers that were served and came back always fit:
    /// they are at most one an agent.
    pub waiting_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting_max: WAITING_MAX }
    }
}
