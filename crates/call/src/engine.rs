//! The engine: one owner of all live state, one input at a time.

use std::sync::Arc;

use sip::Instant;

use crate::action::{Action, Input, Ledger};
use crate::config::Config;

/// What an engine is born with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub node: u16,
    /// Differs at each birth on this node (restored engines keep theirs).
    pub epoch: u32,
    /// Secret random bytes: tags, branches and nonces come from it.
    pub seed: [u8; 32],
    pub user_agent: String,
}

/// See the crate's doc. Feed `handle`, and `handle_timeout` once `poll_timeout` is due; after each, drain
/// `poll_action`.
pub struct Engine {}

/// Why the engine wants to be woken.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum EngineTimeout {
    Sip(sip::TimerReason),
    Registrar,
    Scheduler(acd::Reason),
    RingRefresh,
    Unreachable,
    Inquiry,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(#[from] postcard::Error),
}

impl Engine {
    pub fn new(config: Arc<Config>, setup: Setup) -> Self {
        todo!()
    }

    /// Takes one input. Timers due by `now` run first.
    pub fn handle(&mut self, now: Instant, input: Input) {
        todo!()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }

    /// What to do next; drain it after each `handle*`.
    pub fn poll_action(&mut self) -> Option<Action> {
        todo!()
    }

    /// When to call `handle_timeout`, and for what.
    pub fn poll_timeout(&self) -> Option<(Instant, EngineTimeout)> {
        todo!()
    }

    /// All live state. The action queue must have been drained.
    pub fn snapshot(&self) -> Vec<u8> {
        todo!()
    }

    /// An engine that goes on exactly where the snapshot was taken.
    pub fn restore(config: Arc<Config>, snapshot: &[u8]) -> Result<Self, RestoreError> {
        todo!()
    }

    pub fn ledger(&self) -> &Ledger {
        todo!()
    }

    /// No call is up (after [`Input::Drain`]: the process may end).
    pub fn is_drained(&self) -> bool {
        todo!()
    }
}
