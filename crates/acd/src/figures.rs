//! What is measured of each team, and what is to be expected from it.

use std::time::Duration;

use crate::agent::AgentState;
use crate::caller::{Caller, Place};
use crate::estimates::{Figures, Outlook, expected_wait};
use crate::id::{AgentId, CallerId, TeamId};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// How long a caller of the usual class who came now would wait for this team; `None`: nobody is
    /// there.
    pub fn expected_wait(&self, team: TeamId) -> Option<Duration> {
        self.expected_behind(team, self.waiting.len_of_team(team))
    }

    /// How the team does, and would do with one secretary more or less; `None`: nothing was measured.
    pub fn outlook(&self, team: TeamId) -> Option<Outlook> {
        let agents = self.staff.of_team(team).filter(|&agent| self.works(agent)).count();
        Outlook::at(self.now, self.figures.get(&team)?, agents)
    }

    /// For who is about to enter its queue in that place.
    pub(crate) fn expected_wait_at(&self, place: Place, team: TeamId) -> Option<Duration> {
        self.expected_behind(team, self.ahead(team, place))
    }

    fn ahead(&self, team: TeamId, place: Place) -> usize {
        let groups = self.groups.of_team(team).iter();
        groups.map(|&group| self.waiting.ahead(group, place)).sum()
    }

    fn expected_behind(&self, team: TeamId, ahead: usize) -> Option<Duration> {
        let free = self.staff.of_team(team).filter(|&agent| self.desk(agent).is_free()).count();
        let running: Vec<Duration> =
            self.staff.of_team(team).filter_map(|agent| self.busy_for(agent)).collect();
        match self.figures.get(&team) {
            Some(figures) => expected_wait(figures, &running, free, ahead),
            None => expected_wait(&Default::default(), &running, free, ahead),
        }
    }

    /// How long she has been at a call, its wrap-up included; one that rings has not begun.
    fn busy_for(&self, agent: AgentId) -> Option<Duration> {
        let desk = self.desk(agent);
        match desk.state {
            AgentState::Talking(_) | AgentState::WrapUp { .. } => {
                Some(self.now.saturating_duration_since(desk.busy_since))
            }
            AgentState::Offered(_) => Some(Duration::ZERO),
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => None,
        }
    }

    /// She takes calls, or will when she is through with one.
    fn works(&self, agent: AgentId) -> bool {
        match self.desk(agent).state {
            AgentState::Available
            | AgentState::Offered(_)
            | AgentState::Talking(_)
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. } => true,
            AgentState::LoggedOut | AgentState::Paused { .. } | AgentState::NotResponding => false,
        }
    }

    /// What was measured of a team; `None`: nothing yet.
    pub fn figures(&self, team: TeamId) -> Option<&Figures> {
        self.figures.get(&team)
    }

    /// He comes into the queue of a team: an arrival of it, unless he was there before.
    pub(crate) fn note_arrival(&mut self, id: CallerId, team: TeamId) {
        let now = self.now;
        let caller = self.caller_mut(id);
        caller.waits_since = now;
        if !caller.counted_by.contains(&team) {
            caller.counted_by.push(team);
            self.figures.entry(team).or_default().arrived(now);
        }
    }

    /// A caller leaves a queue: to a secretary, by his plan, by an operator's hand or a practice's hours; or
    /// because his patience is over.
    pub(crate) fn note_wait(&mut self, id: CallerId, patiently: bool) {
        let now = self.now;
        let caller = self.caller_mut(id);
        let Some(queue) = &caller.queue else { return };
        let team = queue.team;
        let waited = now.saturating_duration_since(caller.waits_since);
        caller.waits_since = now;
        self.figures.entry(team).or_default().left(waited, patiently);
    }

    pub(crate) fn note_handling(&mut self, caller: &Caller, agent: AgentId, wrap_up: Duration) {
        let talked = self.now.saturating_duration_since(self.desk(agent).busy_since);
        self.figures.entry(caller.team()).or_default().handled(talked + wrap_up);
    }
}
