//! The INVITE server transaction (RFC 3261 §17.2.1 with RFC 6026 §7.1).
//!
//! ```text
//!   Proceeding ──300+──▶ Completed ──ACK──▶ Confirmed (I)      G: again, H: no ACK
//!       └───────2xx────▶ Accepted (L): INVITEs sent again are absorbed, the user sends the 2xx
//! ```

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Context, Fired};
use crate::Flow;
use crate::timer::{T1, T1_64, T2, T4, TimerReason};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerInvite {
    flow: Flow,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    Proceeding {
        /// The last 1xx, for INVITEs sent again.
        provisional: Bytes,
    },
    Completed {
        refusal: Bytes,
        /// Of timer G.
        interval: Duration,
    },
    Confirmed,
    Accepted,
}

/// What an ACK that matched the transaction acknowledges.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum AckOf {
    /// The refusal: done with here.
    Refusal,
    /// A 2xx, by a peer that reuses the INVITE's branch: the dialog's.
    Success,
    /// Nothing was sent that wants one.
    Nothing,
}

impl ServerInvite {
    /// Sends `trying`, a 100.
    pub(crate) fn new(context: &mut Context<'_>, flow: Flow, trying: Bytes) -> Self {
        context.send(flow, &trying);
        Self { flow, state: State::Proceeding { provisional: trying } }
    }

    /// The INVITE came again.
    pub(crate) fn handle_again(&mut self, context: &mut Context<'_>) {
        match &self.state {
            State::Proceeding { provisional: response }
            | State::Completed { refusal: response, .. } => {
                context.send_again(self.flow, response);
            }
            State::Confirmed | State::Accepted => {}
        }
    }

    pub(crate) fn handle_ack(&mut self, context: &mut Context<'_>) -> AckOf {
        match &self.state {
            State::Proceeding { .. } => AckOf::Nothing,
            State::Completed { .. } => {
                context.stop_all();
                let reliable = self.flow.transport.is_reliable();
                context.set(TimerReason::I, if reliable { Duration::ZERO } else { T4 });
                self.state = State::Confirmed;
                AckOf::Refusal
            }
            State::Confirmed => AckOf::Refusal,
            State::Accepted => AckOf::Success,
        }
    }

    pub(crate) fn provisional(&mut self, context: &mut Context<'_>, response: Bytes) {
        context.send(self.flow, &response);
        self.state = State::Proceeding { provisional: response };
    }

    pub(crate) fn refuse(&mut self, context: &mut Context<'_>, refusal: Bytes) {
        context.send(self.flow, &refusal);
        if !self.flow.transport.is_reliable() {
            context.set(TimerReason::G, T1);
        }
        context.set(TimerReason::H, T1_64);
        self.state = State::Completed { refusal, interval: T1 };
    }

    pub(crate) fn accept(&mut self, context: &mut Context<'_>, response: &Bytes) {
        context.send(self.flow, response);
        context.set(TimerReason::L, T1_64);
        self.state = State::Accepted;
    }

    pub(crate) fn handle_timeout(
        &mut self,
        context: &mut Context<'_>,
        reason: TimerReason,
    ) -> Fired {
        match (&mut self.state, reason) {
            (State::Completed { refusal, interval }, TimerReason::G) => {
                *interval = (*interval * 2).min(T2);
                let interval = *interval;
                context.send_again(self.flow, refusal);
                context.set(TimerReason::G, interval);
                Fired::Goes
            }
            (State::Completed { .. }, TimerReason::H)
            | (State::Confirmed, TimerReason::I)
            | (State::Accepted, TimerReason::L) => Fired::Over,
            // Stopped on leaving its state.
            (
                State::Proceeding { .. }
                | State::Completed { .. }
                | State::Confirmed
                | State::Accepted,
                _,
            ) => Fired::Goes,
        }
    }

    /// Their connection is gone: what they may have missed goes on this flow, and so do the others
    /// (§18.2.2).
    pub(crate) fn move_to(&mut self, context: &mut Context<'_>, flow: Flow) {
        self.flow = flow;
        if let State::Completed { refusal, .. } = &self.state {
            context.send_again(flow, refusal);
        }
    }

    /// A 2xx was sent: INVITEs sent again are absorbed for 64·T1, on any transport.
    pub(crate) fn is_lingering(&self) -> bool {
        matches!(self.state, State::Accepted)
    }

    /// No final response was sent.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }
}
