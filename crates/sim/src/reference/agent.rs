//! A secretary: what she and her phone do to her state.

use acd::{
    AgentEvent, AgentId, AgentState, AgentView, ClassBy, Decision, Instant, Lasting, OfferId,
    Pending, Refusal, Urgency, WRAP_UP_MAX, Withdrawal,
};

use super::Reference;
use super::caller::Stage;

#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) state: AgentState,
    pub(super) reachable: bool,
    pub(super) line: Option<OfferId>,
    pub(super) dialling: bool,
    pub(super) idle_since: Instant,
    pub(super) misses: u32,
    /// Calls since she logged in.
    pub(super) served: u32,
    /// The number of her last offer, of all that were made.
    pub(super) last_offer: u64,
    /// So many offers, of all that are made, find her behind the other free ones.
    pub(super) behind_until: u64,
    /// Her last call began.
    pub(super) busy_since: Instant,
    pub(super) wish: Option<Wish>,
}

/// What she asked for during a call.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Wish {
    LogOut,
    Pause(u16),
}

impl Agent {
    pub(super) fn new() -> Self {
        Self {
            state: AgentState::LoggedOut,
            reachable: false,
            line: None,
            dialling: false,
            idle_since: Instant::ZERO,
            misses: 0,
            served: 0,
            last_offer: 0,
            behind_until: 0,
            busy_since: Instant::ZERO,
            wish: None,
        }
    }

    /// Logged in, in reach, and not found absent.
    pub(super) fn is_there(&self) -> bool {
        self.reachable && !matches!(self.state, AgentState::LoggedOut | AgentState::NotResponding)
    }

    pub(super) fn is_free(&self) -> bool {
        let is_clear = self.line.is_none() && !self.dialling;
        self.reachable && self.state == AgentState::Available && is_clear
    }

    pub(super) fn view(&self, agent: AgentId) -> AgentView {
        AgentView {
            agent,
            state: self.state,
            reachable: self.reachable,
            line_busy: self.line,
            dialling: self.dialling,
            idle_since: self.idle_since,
            misses: self.misses,
            served: self.served,
            pending: self.wish.map(|wish| match wish {
                Wish::LogOut => Pending::LogOut,
                Wish::Pause(reason) => Pending::Pause { reason },
            }),
            free: self.is_free(),
        }
    }
}

impl Wish {
    pub(super) fn state(self) -> AgentState {
        match self {
            Self::LogOut => AgentState::LoggedOut,
            Self::Pause(reason) => AgentState::Paused { reason },
        }
    }
}

impl Reference {
    pub(super) fn agent_event(&mut self, id: AgentId, event: AgentEvent) -> Result<(), Refusal> {
        // The line of who was removed in a call becomes clear all the same.
        let lets_go = [AgentEvent::LineClear, AgentEvent::Unreachable].contains(&event);
        if !self.setup.agents.contains_key(&id) && !lets_go {
            return Err(Refusal::UnknownAgent);
        }
        let now = self.now;
        let agent = self.agents.get_mut(&id).ok_or(Refusal::UnknownAgent)?;
        let state = agent.state;
        match event {
            AgentEvent::Reachable => {
                let was_reachable = std::mem::replace(&mut agent.reachable, true);
                if !was_reachable {
                    agent.idle_since = now;
                }
            }
            AgentEvent::Unreachable => {
                agent.reachable = false;
                self.vanish(id);
            }
            AgentEvent::LogIn => {
                if agent.wish == Some(Wish::LogOut) {
                    agent.wish = None;
                }
                if matches!(state, AgentState::LoggedOut | AgentState::NotResponding) {
                    self.become_available(now, id);
                }
            }
            AgentEvent::LogOut => self.log_out(id),
            AgentEvent::Pause { reason } => match state {
                AgentState::Offered(_) | AgentState::Talking(_) | AgentState::WrapUp { .. } => {
                    if agent.wish != Some(Wish::LogOut) {
                        agent.wish = Some(Wish::Pause(reason));
                    }
                }
                AgentState::LoggedOut => {}
                AgentState::Available
                | AgentState::Resting { .. }
                | AgentState::Paused { .. }
                | AgentState::NotResponding => self.set_state(id, AgentState::Paused { reason }),
            },
            AgentEvent::Resume => {
                agent.wish = None;
                let is_away = matches!(
                    state,
                    AgentState::LoggedOut | AgentState::Paused { .. } | AgentState::NotResponding
                );
                if is_away {
                    self.become_available(now, id);
                }
            }
            AgentEvent::ProlongWrapUp { by } => {
                // Never sooner than it was, nor so late that she is forgotten.
                if let AgentState::WrapUp { until } = state {
                    let longer = (until + by).min(now + WRAP_UP_MAX);
                    self.set_state(id, AgentState::WrapUp { until: until.max(longer) });
                }
            }
            AgentEvent::EndWrapUp => {
                if matches!(state, AgentState::WrapUp { .. }) {
                    self.wrap_up_over(now, id);
                }
            }
            AgentEvent::CallerIsUrgent => {
                if let AgentState::Talking(with) = state
                    && let Some(him) = self.callers.get(&with)
                    && matches!(him.urgency, Urgency::Priority | Urgency::Normal)
                {
                    self.give_class(with, Urgency::Urgent, ClassBy::Secretary);
                }
            }
            AgentEvent::LineTaken => agent.dialling = true,
            AgentEvent::LineClear => agent.dialling = false,
            AgentEvent::Stand { as_before, misses } => {
                if state == AgentState::LoggedOut {
                    (agent.idle_since, agent.misses) = (now, misses);
                    let state = match as_before {
                        Lasting::LoggedOut => AgentState::LoggedOut,
                        Lasting::Available => AgentState::Available,
                        Lasting::Paused { reason } => AgentState::Paused { reason },
                        Lasting::NotResponding => AgentState::NotResponding,
                    };
                    self.set_state(id, state);
                }
            }
        }
        Ok(())
    }

    pub(super) fn log_out(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        match agent.state {
            AgentState::Offered(_) => {
                agent.wish = Some(Wish::LogOut);
                self.vanish(id);
            }
            AgentState::Talking(_) => agent.wish = Some(Wish::LogOut),
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => {
                agent.wish = None;
                self.set_state(id, AgentState::LoggedOut);
            }
        }
    }

    /// Whatever rings at her phone is taken back.
    fn vanish(&mut self, id: AgentId) {
        let rings = self.callers.values().find_map(|caller| match &caller.stage {
            Stage::Offered(rings) => rings.iter().copied().find(|ring| ring.agent == id),
            Stage::Waiting
            | Stage::Forwarded { .. }
            | Stage::Served { .. }
            | Stage::Connected { .. } => None,
        });
        if let Some(ring) = rings {
            self.let_off(ring, Withdrawal::LoggedOut);
            self.rings_no_more(ring.offer);
        }
    }

    /// Her call and its wrap-up are over: her wish, else the next call.
    pub(super) fn wrap_up_over(&mut self, since: Instant, id: AgentId) {
        let wish = self.agents.get_mut(&id).and_then(|agent| agent.wish.take());
        match wish {
            None => self.become_available(since, id),
            Some(Wish::LogOut) => self.set_state(id, AgentState::LoggedOut),
            Some(Wish::Pause(reason)) => {
                self.begin_anew(since, id, AgentState::Paused { reason });
            }
        }
    }

    fn become_available(&mut self, since: Instant, id: AgentId) {
        self.begin_anew(since, id, AgentState::Available);
    }

    /// Last in the row of the free, her misses forgiven.
    fn begin_anew(&mut self, since: Instant, id: AgentId, state: AgentState) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.idle_since = since;
            agent.misses = 0;
        }
        self.set_state(id, state);
    }

    pub(super) fn set_state(&mut self, id: AgentId, state: AgentState) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if agent.state == state {
            return;
        }
        if agent.state == AgentState::LoggedOut {
            // She begins to count her calls.
            agent.served = 0;
        }
        agent.state = state;
        self.decisions.push(Decision::State { agent: id, state });
    }

    pub(super) fn is_free(&self, id: AgentId) -> bool {
        self.agents.get(&id).is_some_and(Agent::is_free)
    }

    /// Who is no longer in the setup goes when her last call, and what she dialled, is off her phone.
    pub(super) fn forget_removed(&mut self) {
        let setup = self.setup.clone();
        self.agents.retain(|id, agent| {
            setup.agents.contains_key(id)
                || agent.state != AgentState::LoggedOut
                || agent.line.is_some()
                || agent.dialling
        });
    }
}
