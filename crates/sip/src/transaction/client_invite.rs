//! The INVITE client transaction (RFC 3261 §17.1.1 with RFC 6026 §7.2).
//!
//! ```text
//!   Calling ──1xx──▶ Proceeding
//!     │ │                │
//!     │ └──2xx─▶ Accepted ◀──2xx─┤   every new To-tag passes, ACKs are sent again (M)
//!     └─300+──▶ Completed ◀─300+─┘   ACK, sent again on each retransmission (D)
//! ```

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Context, Draft, Fired, Heard};
use crate::timer::{T1, T1_64, TimerReason};
use crate::{Flow, Message, Transmit};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClientInvite {
    request: Bytes,
    flow: Flow,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    Calling {
        /// Of timer A.
        interval: Duration,
    },
    Proceeding,
    Completed {
        ack: Bytes,
    },
    Accepted {
        forks: Vec<Fork>,
    },
}

/// One 2xx: the dialog of one To-tag.
#[derive(Debug, Serialize, Deserialize)]
struct Fork {
    tag: String,
    /// `None` until the user gave the ACK.
    ack: Option<Transmit>,
}

impl ClientInvite {
    pub(crate) fn new(context: &mut Context<'_>, flow: Flow, request: Bytes) -> Self {
        context.send(flow, &request);
        if !flow.transport.is_reliable() {
            context.set(TimerReason::A, T1);
        }
        context.set(TimerReason::B, T1_64);
        Self { request, flow, state: State::Calling { interval: T1 } }
    }

    /// `draft` and `via` are those of the request: a refusal's ACK is made of them (§17.1.1.3).
    pub(crate) fn handle_response(
        &mut self,
        context: &mut Context<'_>,
        response: &Message,
        draft: &Draft,
        forks_max: usize,
    ) -> Heard {
        let status = response.status().unwrap_or_default();
        match &mut self.state {
            State::Calling { .. } | State::Proceeding if status < 200 => {
                // The end that was set after a CANCEL stays.
                context.stop(TimerReason::A);
                context.stop(TimerReason::B);
                self.state = State::Proceeding;
                Heard::Pass
            }
            State::Calling { .. } | State::Proceeding => {
                context.stop_all();
                self.request = Bytes::new(); // it is never sent again
                match status {
                    200..300 => {
                        context.set(TimerReason::M, T1_64);
                        let tag = tag_of(response);
                        self.state = State::Accepted { forks: vec![Fork { tag, ack: None }] };
                    }
                    _ => {
                        let ack = draft.refusal_ack(response);
                        context.send(self.flow, &ack);
                        // Over a stream nothing comes twice: D is zero, but the state still takes
                        // the turn of the table that a timer gives it.
                        let reliable = self.flow.transport.is_reliable();
                        context.set(TimerReason::D, if reliable { Duration::ZERO } else { T1_64 });
                        self.state = State::Completed { ack };
                    }
                }
                Heard::Pass
            }
            State::Completed { ack } => {
                if status >= 300 {
                    context.send_again(self.flow, ack);
                }
                Heard::Absorbed
            }
            State::Accepted { forks } => {
                if !(200..300).contains(&status) {
                    return Heard::Absorbed;
                }
                let tag = tag_of(response);
                match forks.iter().find(|fork| fork.tag == tag) {
                    Some(Fork { ack: Some(ack), .. }) => {
                        context.send_again(ack.flow, &ack.bytes);
                        Heard::Absorbed
                    }
                    Some(Fork { ack: None, .. }) => Heard::Absorbed,
                    None if forks.len() >= forks_max => Heard::Absorbed,
                    None => {
                        forks.push(Fork { tag, ack: None });
                        Heard::Pass
                    }
                }
            }
        }
    }

    /// Sends the ACK to the 2xx with this To-tag, and sends it again on each of its
    /// retransmissions (§13.2.2.4).
    pub(crate) fn acknowledge(&mut self, context: &mut Context<'_>, tag: &str, ack: Transmit) {
        context.send(ack.flow, &ack.bytes);
        if let State::Accepted { forks } = &mut self.state
            && let Some(fork) = forks.iter_mut().find(|fork| fork.tag == tag)
        {
            fork.ack = Some(ack);
        }
    }

    pub(crate) fn handle_timeout(
        &mut self,
        context: &mut Context<'_>,
        reason: TimerReason,
    ) -> Fired {
        match (&mut self.state, reason) {
            (State::Calling { interval }, TimerReason::A) => {
                *interval *= 2;
                let interval = *interval;
                context.send_again(self.flow, &self.request);
                // The seventh copy would leave T1 before timer B: a phone that is back just then
                // would ring for a call that we give up the moment after.
                if interval < T1 * 32 {
                    context.set(TimerReason::A, interval);
                }
                Fired::Goes
            }
            (State::Calling { .. }, TimerReason::B) | (State::Proceeding, TimerReason::GiveUp) => {
                Fired::TimedOut
            }
            (State::Completed { .. }, TimerReason::D)
            | (State::Accepted { .. }, TimerReason::M) => Fired::Over,
            // Stopped on leaving its state.
            (
                State::Calling { .. }
                | State::Proceeding
                | State::Completed { .. }
                | State::Accepted { .. },
                _,
            ) => Fired::Goes,
        }
    }

    /// CANCEL may be sent: a 1xx came, and no final response (§9.1).
    pub(crate) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding)
    }

    /// Copies of the final response are absorbed for 64·T1. Those of a refusal on a stream, where timer
    /// D is zero, are not.
    pub(crate) fn is_lingering(&self) -> bool {
        match self.state {
            State::Calling { .. } | State::Proceeding => false,
            State::Completed { .. } => !self.flow.transport.is_reliable(),
            State::Accepted { .. } => true,
        }
    }

    /// No final response came.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding)
    }
}

fn tag_of(response: &Message) -> String {
    response.to_tag().unwrap_or_default().to_string()
}
