//! Waiting for something observable, with an end: the only place of the tests that reads a clock or
//! sleeps.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often an observation is repeated.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// A point in real time. The clients under test live in it, so the tests must.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(wait: Duration) -> Self {
        Self(now() + wait)
    }

    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// Repeats `look` until it sees something. `what` names it for the error.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if deadline.is_over() {
            bail!("waited {limit:?} in vain for {what}");
        }
        pause(POLL_EVERY);
    }
}

/// Lets the world run for a while: for conversations, which last as long as they last.
#[expect(clippy::disallowed_methods, reason = "real clients live in real time")]
pub(crate) fn pause(wait: Duration) {
    thread::sleep(wait);
}

#[expect(clippy::disallowed_methods, reason = "real clients live in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
