//! What must hold at the end of every step.

use crate::agent::AgentState;
use crate::caller::{CallerStage, Stage};
use crate::scheduler::Scheduler;
use crate::setup::Step;

impl Scheduler {
    /// Panics when the state contradicts itself: a bug of ours. It scans everything: for tests,
    /// simulations and debug builds.
    pub fn check_invariants(&self) {
        self.check_single_line();
        self.check_callers();
        self.check_work_conserved();
        self.check_staff();
        self.check_indexes();
    }

    /// Each offer and each call has one caller and one agent, who agree about each other.
    fn check_single_line(&self) {
        for (&id, desk) in &self.desks {
            match desk.state {
                AgentState::Offered(offer) => {
                    let stage = self.caller(offer.caller).expect("an offered caller lives").stage;
                    assert!(
                        matches!(stage, CallerStage::Offered { offer: o, agent, .. }
                            if o == offer && agent == id),
                        "agent {id} is offered {offer:?}, her caller is {stage:?}"
                    );
                }
                AgentState::Talking(caller) => {
                    let stage = self.caller(caller).expect("a served caller lives").stage;
                    assert!(
                        matches!(stage, CallerStage::Served { agent, .. } if agent == id),
                        "agent {id} talks with {caller}, who is {stage:?}"
                    );
                }
                AgentState::LoggedOut => {
                    assert_eq!(desk.pending, None, "agent {id} is logged out already");
                }
                AgentState::Available
                | AgentState::Resting { .. }
                | AgentState::Paused { .. }
                | AgentState::NotResponding => {
                    assert_eq!(desk.pending, None, "agent {id} has no call to wait for");
                }
                AgentState::WrapUp { .. } => {}
            }
        }
    }

    fn check_callers(&self) {
        for (&id, caller) in &self.callers {
            assert_eq!(id, caller.place.caller);
            assert!(caller.place.sequence < self.sequence, "caller {id} has a sequence to come");
            assert!(
                matches!(caller.plan.steps.get(caller.step),
                    Some(Step::Queue { team, .. }) if *team == caller.team),
                "caller {id} is in no queue of his plan"
            );
            match caller.stage {
                Stage::Waiting => {}
                Stage::Offered { agent, deadline, .. } => {
                    let state = self.desk(agent).state;
                    assert_eq!(state, AgentState::Offered(caller.offer()), "offered by {agent}");
                    assert!(deadline > self.now, "the offer of caller {id} is over");
                    assert!(
                        caller.wait_end().is_none_or(|(at, _)| deadline <= at),
                        "the offer of caller {id} outlives his wait"
                    );
                }
                Stage::Served { agent } => {
                    assert_eq!(self.desk(agent).state, AgentState::Talking(id));
                }
            }
        }
    }

    /// A waiting caller and a free eligible agent never coexist.
    fn check_work_conserved(&self) {
        assert!(self.hot.is_empty(), "the matching stopped early");
        assert_eq!(self.free.came(), [], "the matching stopped early");
        let waiting = self.callers.values().filter(|caller| {
            caller.stage == Stage::Waiting && !caller.is_due(self.now) // a due one moves on
        });
        for caller in waiting {
            let idle = self.setup.agents.iter().find(|(id, agent)| {
                agent.teams.contains(&caller.team) && self.desk(**id).is_free()
            });
            assert_eq!(idle, None, "while {caller:?} waits");
        }
    }

    /// A team is without anybody since a moment, or has somebody.
    fn check_staff(&self) {
        for (team, since) in &self.unstaffed_since {
            assert!(*since <= self.now, "team {team} is left alone in the future");
            let there = self
                .setup
                .agents
                .iter()
                .find(|(id, agent)| agent.teams.contains(team) && self.desk(**id).is_there());
            assert_eq!(there, None, "team {team} counts as left alone");
        }
        for (agent, known) in &self.setup.agents {
            for team in &known.teams {
                assert!(
                    !self.desk(*agent).is_there() || self.staff.has(*team),
                    "agent {agent} is there and team {team} has nobody"
                );
            }
        }
    }

    /// The indexes are what a rebuild makes of the state.
    fn check_indexes(&self) {
        let rebuilt = Self::restore(self.setup.clone(), self.clone());
        assert_eq!(*self, rebuilt, "an index differs from the state");
        let counts = self.counts();
        assert_eq!(counts.waiting + counts.offered + counts.served, self.callers.len());
        let places: Vec<_> = self.waiting().map(|w| (w.urgency, w.deadline, w.sequence)).collect();
        assert!(places.is_sorted(), "out of order: {places:?}");
        for agent in self.desks.keys().filter(|id| !self.setup.agents.contains_key(id)) {
            let desk = self.desk(*agent);
            assert!(
                desk.state != AgentState::LoggedOut || desk.line.is_some(),
                "agent {agent} is to be forgotten"
            );
        }
    }
}
