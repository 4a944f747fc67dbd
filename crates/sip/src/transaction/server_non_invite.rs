//! The server transaction of every request but INVITE and ACK (RFC 3261 §17.2.2).
//!
//! ```text
//!   Trying ──1xx──▶ Proceeding ──200+──▶ Completed (J): the same response to each retransmission
//!      └──────────────200+──────────────────▲
//! ```

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Context, Fired};
use crate::Flow;
use crate::timer::{T1_64, TimerReason};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerNonInvite {
    flow: Flow,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    Trying,
    Proceeding { provisional: Bytes },
    Completed { response: Bytes },
}

impl ServerNonInvite {
    pub(crate) fn new(context: &mut Context<'_>, flow: Flow) -> Self {
        // After 64·T1 its sender has given up: a late answer would only be a stray (RFC 4320 §4.2).
        context.set(TimerReason::Unanswered, T1_64);
        Self { flow, state: State::Trying }
    }

    /// The request came again.
    pub(crate) fn handle_again(&mut self, context: &mut Context<'_>) {
        match &self.state {
            State::Trying => {}
            State::Proceeding { provisional: response } | State::Completed { response } => {
                context.send_again(self.flow, response);
            }
        }
    }

    pub(crate) fn respond(&mut self, context: &mut Context<'_>, status: u16, response: Bytes) {
        context.send(self.flow, &response);
        if status < 200 {
            self.state = State::Proceeding { provisional: response };
            return;
        }
        context.stop_all();
        let reliable = self.flow.transport.is_reliable();
        context.set(TimerReason::J, if reliable { Duration::ZERO } else { T1_64 });
        self.state = State::Completed { response };
    }

    pub(crate) fn handle_timeout(&mut self, reason: TimerReason) -> Fired {
        match (&self.state, reason) {
            (State::Completed { .. }, TimerReason::J) => Fired::Over,
            (State::Trying | State::Proceeding { .. }, TimerReason::Unanswered) => Fired::TimedOut,
            // Stopped on leaving its state.
            (State::Trying | State::Proceeding { .. } | State::Completed { .. }, _) => Fired::Goes,
        }
    }

    /// Their connection is gone: the response goes on this flow (§18.2.2).
    pub(crate) fn move_to(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// The final response is kept for 64·T1. On a stream, where timer J is zero, it is not.
    pub(crate) fn is_lingering(&self) -> bool {
        !self.is_pending() && !self.flow.transport.is_reliable()
    }

    /// No final response was sent.
    pub(crate) fn is_pending(&self) -> bool {
        !matches!(self.state, State::Completed { .. })
    }
}
