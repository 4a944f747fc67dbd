//! The client transaction of every request but INVITE and ACK (RFC 3261 §17.1.2).
//!
//! ```text
//!   Trying ──1xx──▶ Proceeding ──200+──▶ Completed (K)
//!      └─────────────200+───────────────────▲          E: again, F: 408
//! ```

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Context, Fired, Heard};
use crate::timer::{T1, T1_64, T2, T4, TimerReason};
use crate::{Flow, Message};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClientNonInvite {
    flow: Flow,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    Trying {
        request: Bytes,
        /// Of timer E.
        interval: Duration,
    },
    Proceeding {
        request: Bytes,
    },
    Completed,
}

impl ClientNonInvite {
    pub(crate) fn new(context: &mut Context<'_>, flow: Flow, request: Bytes) -> Self {
        context.send(flow, &request);
        if !flow.transport.is_reliable() {
            context.set(TimerReason::E, T1);
        }
        context.set(TimerReason::F, T1_64);
        Self { flow, state: State::Trying { request, interval: T1 } }
    }

    pub(crate) fn handle_response(
        &mut self,
        context: &mut Context<'_>,
        response: &Message,
    ) -> Heard {
        let status = response.status().unwrap_or_default();
        match &mut self.state {
            State::Trying { request, .. } | State::Proceeding { request } => {
                if status < 200 {
                    // E goes on at T2 when it fires next (§17.1.2.2).
                    self.state = State::Proceeding { request: request.clone() };
                    return Heard::Pass;
                }
                context.stop_all();
                let reliable = self.flow.transport.is_reliable();
                context.set(TimerReason::K, if reliable { Duration::ZERO } else { T4 });
                self.state = State::Completed;
                Heard::Pass
            }
            State::Completed => Heard::Absorbed,
        }
    }

    pub(crate) fn handle_timeout(
        &mut self,
        context: &mut Context<'_>,
        reason: TimerReason,
    ) -> Fired {
        match (&mut self.state, reason) {
            (State::Trying { request, interval }, TimerReason::E) => {
                *interval = (*interval * 2).min(T2);
                let interval = *interval;
                context.send_again(self.flow, request);
                context.set(TimerReason::E, interval);
                Fired::Goes
            }
            (State::Proceeding { request }, TimerReason::E) => {
                context.send_again(self.flow, request);
                context.set(TimerReason::E, T2);
                Fired::Goes
            }
            (State::Trying { .. } | State::Proceeding { .. }, TimerReason::F) => Fired::TimedOut,
            (State::Completed, TimerReason::K) => Fired::Over,
            // Stopped on leaving its state.
            (State::Trying { .. } | State::Proceeding { .. } | State::Completed, _) => Fired::Goes,
        }
    }

    /// No response came at all.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(self.state, State::Trying { .. })
    }

    /// No final response came.
    pub(crate) fn is_pending(&self) -> bool {
        !matches!(self.state, State::Completed)
    }
}
