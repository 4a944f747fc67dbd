//! What is measured of each team, and what is to be expected from it.

use std::time::Duration;

use crate::agent::AgentState;
use crate::caller::{Caller, Place};
use crate::estimates::{Figures, Outlook, departs_within, expected_wait, too_many};
use crate::groups::GroupId;
use crate::id::{AgentId, CallerId, PracticeId, TeamId};
use crate::scheduler::Scheduler;
use crate::setup::Circle;

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

    /// Whether who is about to enter its queue in that place must be expected to wait no longer than that.
    /// Those who may have him must come to an end, after all who work there have taken who is ahead; where
    /// nobody works who may have him, nothing is expected. It counts no more of those ahead than it must,
    /// and nobody who is behind him if these are more.
    pub(crate) fn is_expected_within(
        &self,
        longest: Duration,
        acting: PracticeId,
        team: TeamId,
        place: Place,
    ) -> bool {
        let Some(his) = self.group_of(acting, team, Circle::Everyone) else { return true };
        let everyone = self.groups.everyone_of(team).expect("a team that has groups has that one");
        let at_work = |group| self.staff.at_work(group);
        if at_work(his) == 0 {
            return true;
        }
        let unknown = Figures::default();
        let figures = self.figures.get(&team).unwrap_or(&unknown);
        let (free, free_of_all) = (self.free_of(his), self.free_of(everyone));
        let agents = at_work(everyone);
        let most = free_of_all.saturating_add(too_many(figures, longest, agents));
        let ahead = self.waiting.ahead(self.groups.of_team(team), place, most);
        if ahead < free {
            return true;
        }
        let may = |agent| self.groups.serves(agent, his).is_some();
        let his_crew = self.staff.of_team(team).filter(|&agent| may(agent));
        let running = his_crew.filter_map(|agent| self.busy_for(agent));
        let ahead = ahead.saturating_sub(free_of_all);
        departs_within(figures, longest, running, free, (ahead, agents))
    }

    fn free_of(&self, group: GroupId) -> usize {
        let came = self.free.came().iter();
        let unseated = came.filter(|&&agent| self.groups.serves(agent, group).is_some());
        self.free.len_of_group(group) + unseated.count()
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
