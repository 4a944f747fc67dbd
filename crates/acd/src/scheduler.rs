//! The scheduler.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::AgentView;
use crate::caller::{CallerView, Waiting};
use crate::decision::Decision;
use crate::id::{AgentId, CallerId};
use crate::input::{Input, Refusal};
use crate::setup::Setup;
use crate::time::Instant;
use crate::timer::{Reason, Timers};

/// Serialisable but for the setup: after deserialising, [`attach`](Self::attach) it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scheduler {
    now: Instant,
    decisions: VecDeque<Decision>,
    #[serde(skip)]
    setup: Arc<Setup>,
    #[serde(skip)]
    timers: Timers,
}

/// How many there are of what.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub struct Counts {
    pub waiting: usize,
    pub offered: usize,
    pub served: usize,
    pub free: usize,
    pub timers: usize,
}

impl Scheduler {
    /// All agents are logged out and unreachable.
    pub fn new(setup: Arc<Setup>) -> Self {
        Self { now: Instant::ZERO, decisions: VecDeque::new(), setup, timers: Timers::default() }
    }

    /// A deserialised state with the setup that it was saved under. For another one,
    /// `Input::Configure` it afterwards.
    pub fn restore(setup: Arc<Setup>, state: Self) -> Self {
        let mut scheduler = state;
        scheduler.attach(setup);
        scheduler
    }

    /// The same in place. Until then a deserialised scheduler must not be used.
    pub fn attach(&mut self, setup: Arc<Setup>) {
        self.setup = setup;
    }

    /// Runs what is due by `now`, then the input, then the matching.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Refusal> {
        self.handle_timeout(now);
        let _ = input;
        Ok(())
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while self.timers.pop_due(self.now).is_some() {}
    }

    pub fn poll_decision(&mut self) -> Option<Decision> {
        self.decisions.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        self.timers.first()
    }

    /// Who waits without an offer, first to be offered first.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting> {
        std::iter::empty()
    }

    pub fn caller(&self, caller: CallerId) -> Option<CallerView> {
        let _ = caller;
        None
    }

    pub fn agent(&self, agent: AgentId) -> Option<AgentView> {
        let _ = agent;
        None
    }

    pub fn agents(&self) -> impl Iterator<Item = AgentView> {
        std::iter::empty()
    }

    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    pub fn counts(&self) -> Counts {
        Counts { timers: self.timers.len(), ..Counts::default() }
    }

    /// Panics when the state contradicts itself: a bug of ours. For tests and simulations.
    pub fn check_invariants(&self) {}
}
