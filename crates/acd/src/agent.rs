//! A secretary's state, and what she and her phone may do to it.
//!
//! Whether her phone is reachable, and whether an old leg or a code that she dials still occupies
//! her line, stand beside the state: an agent may be `Available` and yet not free.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::caller::Urgency;
use crate::class::ClassBy;
use crate::decision::{Decision, Withdrawal};
use crate::id::{AgentId, CallerId, OfferId};
use crate::input::{AgentEvent, Refusal};
use crate::limits::WRAP_UP_MAX;
use crate::scheduler::Scheduler;
use crate::staff::Presence;
use crate::time::Instant;
use crate::timer::Reason;
use crate::waiting::Standing;

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum AgentState {
    LoggedOut,
    /// Takes calls, if her phone is reachable and her line clear.
    Available,
    Offered(OfferId),
    Talking(CallerId),
    WrapUp {
        until: Instant,
    },
    /// The delay after an offer that she did not take.
    Resting {
        until: Instant,
    },
    Paused {
        reason: u16,
    },
    /// Missed too many offers, or vanished from a conversation.
    NotResponding,
}

/// A wish that takes effect after the current call.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Pending {
    LogOut,
    Pause { reason: u16 },
}

/// What of her state lasts when the process does not: calls and their times end with it.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Lasting {
    LoggedOut,
    Available,
    Paused { reason: u16 },
    NotResponding,
}

/// What a page or a test sees of an agent.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentView {
    pub agent: AgentId,
    pub state: AgentState,
    pub reachable: bool,
    /// The last offer whose leg may still be on her phone.
    pub line_busy: Option<OfferId>,
    /// She uses her phone for what is no call.
    pub dialling: bool,
    /// Her place among the free: the smallest is offered first.
    pub idle_since: Instant,
    /// Missed offers in a row.
    pub misses: u32,
    /// Callers served since she logged in.
    pub served: u32,
    pub pending: Option<Pending>,
    /// An offer may be made to her.
    pub free: bool,
}

/// What lives of an agent; what she may do is in the setup.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) state: AgentState,
    pub(crate) reachable: bool,
    pub(crate) line: Option<OfferId>,
    pub(crate) dialling: bool,
    pub(crate) idle_since: Instant,
    pub(crate) misses: u32,
    pub(crate) served: u32,
    /// Of her last offer, among all that were made.
    pub(crate) turn: u64,
    /// Until this one she goes behind others who are free: nobody knows whether she is there.
    pub(crate) behind_until: u64,
    /// Her last conversation began.
    pub(crate) busy_since: Instant,
    pub(crate) pending: Option<Pending>,
    /// An index.
    #[serde(skip)]
    pub(crate) presence: Presence,
}

impl AgentView {
    /// A wish counts as fulfilled: her call will not be there any more.
    pub fn lasting(&self) -> Lasting {
        match (self.pending, self.state) {
            (Some(Pending::LogOut), _) => Lasting::LoggedOut,
            (Some(Pending::Pause { reason }), _) => Lasting::Paused { reason },
            (None, AgentState::LoggedOut) => Lasting::LoggedOut,
            (None, AgentState::Paused { reason }) => Lasting::Paused { reason },
            (None, AgentState::NotResponding) => Lasting::NotResponding,
            (
                None,
                AgentState::Available
                | AgentState::Offered(_)
                | AgentState::Talking(_)
                | AgentState::WrapUp { .. }
                | AgentState::Resting { .. },
            ) => Lasting::Available,
        }
    }
}

impl Lasting {
    fn state(self) -> AgentState {
        match self {
            Self::LoggedOut => AgentState::LoggedOut,
            Self::Available => AgentState::Available,
            Self::Paused { reason } => AgentState::Paused { reason },
            Self::NotResponding => AgentState::NotResponding,
        }
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            state: AgentState::LoggedOut,
            reachable: false,
            line: None,
            dialling: false,
            idle_since: Instant::ZERO,
            misses: 0,
            served: 0,
            turn: 0,
            behind_until: 0,
            busy_since: Instant::ZERO,
            pending: None,
            presence: Presence::default(),
        }
    }

    /// The one question of eligibility; which callers it is for is the matter of her teams.
    pub(crate) fn is_free(&self) -> bool {
        self.state == AgentState::Available
            && self.reachable
            && self.line.is_none()
            && !self.dialling
    }

    /// She is free as soon as her line is clear.
    pub(crate) fn is_clearing(&self) -> bool {
        self.line.is_some()
            && self.state == AgentState::Available
            && self.reachable
            && !self.dialling
    }

    /// Removed from the setup, she is remembered as long as this.
    pub(crate) fn has_business(&self) -> bool {
        self.state != AgentState::LoggedOut || self.line.is_some() || self.dialling
    }

    /// She would be so if her phone, which rings, stopped.
    pub(crate) fn can_be_let_off(&self) -> bool {
        self.pending.is_none() && self.reachable && !self.dialling
    }

    /// Somebody who takes calls, or will after what she is at: her team is not without anybody.
    pub(crate) fn is_there(&self) -> bool {
        let comes_back = match self.state {
            AgentState::Available
            | AgentState::Offered(_)
            | AgentState::Talking(_)
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. }
            | AgentState::Paused { .. } => true,
            // Her phone rang and rang, and nobody came.
            AgentState::NotResponding | AgentState::LoggedOut => false,
        };
        comes_back && self.reachable
    }

    pub(crate) fn presence(&self) -> Presence {
        let has_caller = match self.state {
            AgentState::Offered(_) | AgentState::Talking(_) | AgentState::WrapUp { .. } => true,
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => false,
        };
        let is_there = self.is_there();
        Presence { is_there, is_at_work: is_there && (has_caller || self.is_free()) }
    }

    /// She becomes available anew: last in the row of the free, her misses forgiven.
    pub(crate) fn start_idle(&mut self, since: Instant) {
        self.idle_since = since;
        self.misses = 0;
    }

    /// The state after an offer that did not become a call.
    pub(crate) fn settle(&mut self, otherwise: AgentState) -> AgentState {
        match self.pending.take() {
            None => otherwise,
            Some(pending) => pending.state(),
        }
    }

    /// `turns`: the offers that were made until now.
    pub(crate) fn standing(&self, turns: u64) -> Standing {
        Standing {
            idle_since: self.idle_since,
            turn: self.turn,
            served: self.served,
            is_behind: self.behind_until > turns,
        }
    }

    pub(crate) fn view(&self, agent: AgentId) -> AgentView {
        AgentView {
            agent,
            state: self.state,
            reachable: self.reachable,
            line_busy: self.line,
            dialling: self.dialling,
            idle_since: self.idle_since,
            misses: self.misses,
            served: self.served,
            pending: self.pending,
            free: self.is_free(),
        }
    }
}

impl Pending {
    fn state(self) -> AgentState {
        match self {
            Self::LogOut => AgentState::LoggedOut,
            Self::Pause { reason } => AgentState::Paused { reason },
        }
    }
}

impl AgentState {
    /// The timer that ends this state.
    pub(crate) fn timer(self, agent: AgentId) -> Option<(Instant, Reason)> {
        match self {
            Self::WrapUp { until } => Some((until, Reason::WrapUpEnd { agent })),
            Self::Resting { until } => Some((until, Reason::RestEnd { agent })),
            Self::LoggedOut
            | Self::Available
            | Self::Offered(_)
            | Self::Talking(_)
            | Self::Paused { .. }
            | Self::NotResponding => None,
        }
    }
}

impl Scheduler {
    pub(crate) fn handle_agent(
        &mut self,
        agent: AgentId,
        event: AgentEvent,
    ) -> Result<(), Refusal> {
        // Who was removed in a call, or while she dialled, may be back before its end: neither must her
        // line stay taken nor a phone of hers be counted on that is gone.
        let is_of_the_past = matches!(event, AgentEvent::LineClear | AgentEvent::Unreachable)
            && self.desks.contains_key(&agent);
        if !self.setup.agents.contains_key(&agent) && !is_of_the_past {
            return Err(Refusal::UnknownAgent);
        }
        match event {
            AgentEvent::Reachable => self.reachable(agent),
            AgentEvent::Unreachable => self.unreachable(agent),
            AgentEvent::LogIn => self.log_in(agent),
            AgentEvent::LogOut => self.log_out(agent),
            AgentEvent::Pause { reason } => self.pause(agent, reason),
            AgentEvent::Resume => self.resume(agent),
            AgentEvent::EndWrapUp => {
                if let AgentState::WrapUp { .. } = self.desk(agent).state {
                    self.end_wrap_up(agent, self.now);
                }
            }
            AgentEvent::ProlongWrapUp { by } => self.prolong_wrap_up(agent, by),
            AgentEvent::CallerIsUrgent => self.make_urgent(agent),
            AgentEvent::LineTaken => self.set_dialling(agent, true),
            AgentEvent::LineClear => self.set_dialling(agent, false),
            AgentEvent::Stand { as_before, misses } => self.stand(agent, as_before, misses),
        }
        Ok(())
    }

    fn reachable(&mut self, agent: AgentId) {
        let now = self.now;
        let desk = self.desk_mut(agent);
        if desk.reachable {
            return;
        }
        desk.reachable = true;
        desk.idle_since = now;
        self.index(agent);
    }

    fn make_urgent(&mut self, agent: AgentId) {
        let AgentState::Talking(caller) = self.desk(agent).state else { return };
        let known = self.callers.get(&caller);
        if known.is_some_and(|it| it.place.urgency > Urgency::Urgent) {
            self.set_class(caller, Urgency::Urgent, ClassBy::Secretary);
        }
    }

    fn set_dialling(&mut self, agent: AgentId, dialling: bool) {
        self.desk_mut(agent).dialling = dialling;
        self.index(agent);
    }

    fn unreachable(&mut self, agent: AgentId) {
        let desk = self.desk_mut(agent);
        desk.reachable = false;
        if let AgentState::Offered(offer) = desk.state {
            self.withdraw(offer, agent, Withdrawal::LoggedOut);
            self.settle(agent, AgentState::Available);
            self.ring_is_over(offer);
        } else {
            self.index(agent);
        }
    }

    fn log_in(&mut self, agent: AgentId) {
        let now = self.now;
        let desk = self.desk_mut(agent);
        if desk.pending == Some(Pending::LogOut) {
            desk.pending = None;
        }
        if matches!(desk.state, AgentState::LoggedOut | AgentState::NotResponding) {
            if desk.state == AgentState::LoggedOut {
                desk.served = 0;
            }
            desk.start_idle(now);
            self.set_state(agent, AgentState::Available);
        }
    }

    /// Also what a removal from the setup does to her.
    pub(crate) fn log_out(&mut self, agent: AgentId) {
        let desk = self.desk_mut(agent);
        match desk.state {
            AgentState::Talking(_) => desk.pending = Some(Pending::LogOut),
            AgentState::Offered(offer) => {
                desk.pending = None;
                self.withdraw(offer, agent, Withdrawal::LoggedOut);
                self.set_state(agent, AgentState::LoggedOut);
                self.ring_is_over(offer);
            }
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => {
                desk.pending = None;
                self.set_state(agent, AgentState::LoggedOut);
            }
        }
    }

    fn pause(&mut self, agent: AgentId, reason: u16) {
        let desk = self.desk_mut(agent);
        match desk.state {
            AgentState::LoggedOut => {}
            AgentState::Offered(_) | AgentState::Talking(_) | AgentState::WrapUp { .. } => {
                if desk.pending != Some(Pending::LogOut) {
                    desk.pending = Some(Pending::Pause { reason });
                }
            }
            AgentState::Available
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => self.set_state(agent, AgentState::Paused { reason }),
        }
    }

    fn resume(&mut self, agent: AgentId) {
        let now = self.now;
        let desk = self.desk_mut(agent);
        desk.pending = None;
        match desk.state {
            AgentState::LoggedOut | AgentState::Paused { .. } | AgentState::NotResponding => {
                if desk.state == AgentState::LoggedOut {
                    desk.served = 0;
                }
                desk.start_idle(now);
                self.set_state(agent, AgentState::Available);
            }
            // Nothing to resume from; a rest is not hers to cut short.
            AgentState::Available
            | AgentState::Offered(_)
            | AgentState::Talking(_)
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. } => {}
        }
    }

    fn stand(&mut self, agent: AgentId, as_before: Lasting, misses: u32) {
        let now = self.now;
        let desk = self.desk_mut(agent);
        // Whoever is more than logged out has begun this life by herself.
        if desk.state == AgentState::LoggedOut {
            desk.start_idle(now);
            desk.misses = misses;
            desk.served = 0;
            self.set_state(agent, as_before.state());
        }
    }

    fn prolong_wrap_up(&mut self, agent: AgentId, by: Duration) {
        if let AgentState::WrapUp { until } = self.desk(agent).state {
            let longest = self.now + WRAP_UP_MAX;
            let until = until.max((until + by).min(longest));
            self.set_state(agent, AgentState::WrapUp { until });
        }
    }

    /// `since` is when it ended by right: a timer that runs late must not reorder the idle.
    pub(crate) fn end_wrap_up(&mut self, agent: AgentId, since: Instant) {
        self.desk_mut(agent).start_idle(since);
        self.settle(agent, AgentState::Available);
    }

    pub(crate) fn settle(&mut self, agent: AgentId, otherwise: AgentState) {
        let state = self.desk_mut(agent).settle(otherwise);
        self.set_state(agent, state);
    }

    /// The only place where a state changes: its timer, the display and the free agents follow.
    pub(crate) fn set_state(&mut self, agent: AgentId, state: AgentState) {
        let desk = self.desk_mut(agent);
        let before = std::mem::replace(&mut desk.state, state);
        if before != state {
            if let Some((at, reason)) = before.timer(agent) {
                self.timers.disarm(at, reason);
            }
            if let Some((at, reason)) = state.timer(agent) {
                self.timers.arm(at, reason);
            }
            self.decide(Decision::State { agent, state });
        }
        self.index(agent);
    }

    /// Puts her among the free and among those who are there, or takes her out; forgets her once the
    /// setup has and nothing of her lives.
    pub(crate) fn index(&mut self, agent: AgentId) {
        let desk = &self.desks[&agent];
        let setup = Arc::clone(&self.setup);
        let Some(known) = setup.agents.get(&agent) else {
            if !desk.has_business() {
                self.behind.remove(&(desk.behind_until, agent));
                self.desks.remove(&agent);
            }
            return;
        };
        let (before, presence) = (desk.presence, desk.presence());
        if desk.is_free() {
            self.free.insert(agent, desk.standing(self.turns), &self.groups);
        } else {
            self.free.remove(agent, &self.groups);
        }
        if self.rings_several && desk.is_clearing() {
            self.clearing.insert(agent);
        } else if self.rings_several {
            self.clearing.remove(&agent);
        }
        if before != presence {
            self.index_presence(agent, &known.teams, presence);
        }
    }

    pub(crate) fn desk(&self, agent: AgentId) -> &Desk {
        self.desks.get(&agent).expect("each agent of the setup, or in a call, has a desk")
    }

    pub(crate) fn desk_mut(&mut self, agent: AgentId) -> &mut Desk {
        self.desks.get_mut(&agent).expect("each agent of the setup, or in a call, has a desk")
    }
}
