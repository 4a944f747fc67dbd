//! What must hold at the end of every step.

use std::cmp::Reverse;

use crate::agent::AgentState;
use crate::caller::{Caller, Stage, Urgency};
use crate::groups::{demand, eligible};
use crate::id::TeamId;
use crate::scheduler::Scheduler;
use crate::setup::Circle;

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
                AgentState::Offered(offer) => assert!(
                    self.offers(offer.caller).any(|ring| ring == (offer, id)),
                    "agent {id} is offered {offer:?}, her caller knows nothing of it"
                ),
                AgentState::Talking(caller) => {
                    let stage = &self.callers.get(&caller).expect("a served caller lives").stage;
                    assert!(
                        matches!(stage, Stage::Served { agent, .. } if *agent == id),
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
        for (&id, caller) in &self.told {
            assert_eq!(id, caller.place.caller);
            assert!(!self.callers.contains_key(&id), "caller {id} hears a text and waits");
            assert!(caller.queue.is_none() && caller.stage == Stage::Waiting, "{caller:?}");
        }
        for (&id, caller) in &self.callers {
            assert_eq!(id, caller.place.caller);
            assert!(caller.place.sequence < self.sequence, "caller {id} has a sequence to come");
            let is_queued = match &caller.stage {
                Stage::Waiting => true,
                Stage::Offered { rings } => {
                    assert!(!rings.is_empty(), "caller {id} is offered to nobody");
                    for ring in rings {
                        let state = self.desk(ring.agent).state;
                        assert_eq!(state, AgentState::Offered(ring.offer), "by {}", ring.agent);
                        assert!(ring.deadline > self.now, "the offer {:?} is over", ring.offer);
                        assert!(
                            caller.wait_end().is_none_or(|(at, _)| ring.deadline <= at),
                            "the offer {:?} outlives his wait",
                            ring.offer
                        );
                    }
                    true
                }
                Stage::Forwarded { deadline, .. } => {
                    assert!(*deadline > self.now, "the forwarding of caller {id} is over");
                    assert!(caller.leave_by.is_none_or(|at| *deadline <= at));
                    false
                }
                Stage::Served { agent, .. } => {
                    assert_eq!(self.desk(*agent).state, AgentState::Talking(id));
                    true
                }
                Stage::Connected { .. } => false,
            };
            assert_eq!(is_queued, caller.queue.is_some(), "caller {id} in {:?}", caller.stage);
        }
    }

    /// A waiting caller and a free eligible agent never coexist; nor does one who may ring more phones.
    fn check_work_conserved(&self) {
        assert!(self.hot.is_empty(), "the matching stopped early");
        assert_eq!(self.free.came(), [], "the matching stopped early");
        assert_eq!(self.seconds_to_let_off(), [], "a second phone rings while somebody waits");
        for caller in self.callers.values().filter(|caller| self.may_be_offered(caller)) {
            let idle = self.setup.agents.keys().find(|&&agent| self.could_have(agent, caller));
            assert_eq!(idle, None, "while {caller:?} waits");
        }
    }

    fn may_be_offered(&self, caller: &Caller) -> bool {
        let phones = || self.setup.teams.get(&caller.team()).map_or(1, |team| team.ring.max(1));
        let has_room = match &caller.stage {
            Stage::Waiting => true,
            Stage::Offered { rings } => rings.len() < phones(),
            Stage::Forwarded { .. } | Stage::Served { .. } | Stage::Connected { .. } => false,
        };
        has_room && !caller.is_held(self.now) // a due one moves on
    }

    /// By looking at her and at him alone, with no index.
    fn could_have(&self, id: crate::AgentId, caller: &Caller) -> bool {
        let known = self.setup.practices.get(&caller.acting).map(|it| (caller.acting, it));
        let queue = caller.queue();
        let suits = eligible(
            &self.setup,
            id,
            &self.setup.agents[&id],
            demand(known, queue.team, queue.circle),
        );
        if !self.desk(id).is_free() || suits.is_err() {
            return false;
        }
        let mut teams = self.setup.agents[&id].teams.iter();
        caller.place.urgency <= Urgency::Urgent || teams.all(|&team| self.has_more_than_kept(team))
    }

    fn has_more_than_kept(&self, team: TeamId) -> bool {
        let wanted = self.setup.teams.get(&team).map_or(0, |team| team.reserve);
        let agents = self.setup.agents.iter().filter(|(_, agent)| agent.teams.contains(&team));
        let desks = || agents.clone().map(|(id, _)| self.desk(*id));
        let there = desks().filter(|desk| desk.is_there()).count();
        let reserve = wanted.min(there.saturating_sub(1));
        reserve == 0 || desks().filter(|desk| desk.is_free()).count() > reserve
    }

    /// Who counts how long nobody is there who may have him is alone, and nobody else.
    fn check_staff(&self) {
        for (id, caller) in &self.callers {
            let Some(queue) = caller.queue.as_ref().filter(|queue| queue.nobody.is_some()) else {
                continue;
            };
            let known = self.setup.practices.get(&caller.acting).map(|it| (caller.acting, it));
            let demand = demand(known, queue.team, Circle::Everyone);
            let mut agents = self.setup.agents.iter();
            let is_there = agents.any(|(&id, agent)| {
                self.desk(id).is_there() && eligible(&self.setup, id, agent, demand).is_ok()
            });
            let is_alone = caller.stage == Stage::Waiting && !is_there;
            assert_eq!(queue.alone_since.is_some(), is_alone, "caller {id}");
            assert!(queue.alone_since.is_none_or(|since| since <= self.now), "caller {id}");
        }
    }

    /// The indexes are what a rebuild makes of the state.
    fn check_indexes(&self) {
        let rebuilt = Self::restore(self.setup.clone(), self.clone());
        assert_eq!(*self, rebuilt, "an index differs from the state");
        let counts = self.counts();
        let all = counts.waiting + counts.offered + counts.forwarded + counts.served;
        assert_eq!(all, self.callers.len());
        let places: Vec<_> = self
            .waiting()
            .map(|it| (it.urgency, Reverse(it.put_first), it.deadline, it.arrival, it.sequence))
            .collect();
        assert!(places.is_sorted(), "out of order: {places:?}");
        for agent in self.desks.keys().filter(|id| !self.setup.agents.contains_key(id)) {
            assert!(self.desk(*agent).has_business(), "agent {agent} is to be forgotten");
        }
    }
}
