//! A second scheduler, slow and plain: the rules of `acd` told once more, to compare against.
//!
//! It takes `acd`'s inputs, outputs and setup and nothing else of it. There is no index, no timer
//! table and no order kept between steps: everything is scanned again each time, so that a mistake
//! in a clever structure there cannot be made here as well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentEvent, AgentId, AgentState, CallerId, Decision, Input, Instant, Miss, OfferId, PracticeId,
    Queue, Setup, Step, Team, TeamId, Urgency, Withdrawal,
};

use crate::hours;

pub struct Reference {
    setup: Arc<Setup>,
    callers: Vec<Caller>,
    agents: BTreeMap<AgentId, Agent>,
    now: Instant,
    sequence: u64,
    /// The wall clock as last told.
    clock: Option<(Instant, i64)>,
    decisions: Vec<Decision>,
}

#[derive(Clone, Debug)]
struct Caller {
    id: CallerId,
    practice: PracticeId,
    /// The plan as it was when he entered.
    steps: Vec<Step>,
    urgency: Urgency,
    deadline: Instant,
    arrival: Instant,
    sequence: u64,
    step: usize,
    step_end: Option<Instant>,
    /// How long without anybody there ends his step.
    nobody: Option<Duration>,
    /// Since when nobody of his step's team has been there, while he is in this step.
    alone_since: Option<Instant>,
    leave_by: Option<Instant>,
    /// Offers made of him until now.
    generation: u32,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Waiting,
    /// `is_capped`: the deadline is the end of his wait, not of her ringing.
    Offered {
        agent: AgentId,
        team: TeamId,
        deadline: Instant,
        is_capped: bool,
    },
    Served {
        agent: AgentId,
        team: TeamId,
    },
}

#[derive(Clone, Debug)]
struct Agent {
    state: AgentState,
    reachable: bool,
    line: Option<OfferId>,
    dialling: bool,
    idle_since: Instant,
    misses: u32,
    wish: Option<Wish>,
}

/// What she asked for during a call.
#[derive(Copy, Clone, Debug)]
enum Wish {
    LogOut,
    Pause(u16),
}

/// Something due, in the order in which things due at one instant happen.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
enum Due {
    OfferDeadline(OfferId),
    LeaveBy(CallerId),
    StepEnd(CallerId),
    Nobody(CallerId),
    RestEnd(AgentId),
    WrapUpEnd(AgentId),
}

impl Due {
    /// The ends of a wait are one kind.
    fn rank(self) -> (u8, u64, u32) {
        match self {
            Self::OfferDeadline(offer) => (0, offer.caller.0, offer.generation),
            Self::LeaveBy(caller) => (1, caller.0, 0),
            Self::StepEnd(caller) => (1, caller.0, 1),
            Self::Nobody(caller) => (1, caller.0, 2),
            Self::RestEnd(agent) => (2, u64::from(agent.0), 0),
            Self::WrapUpEnd(agent) => (3, u64::from(agent.0), 0),
        }
    }
}

impl Reference {
    pub fn new(setup: Arc<Setup>) -> Self {
        let mut this = Self {
            setup: Arc::default(),
            callers: Vec::new(),
            agents: BTreeMap::new(),
            now: Instant::ZERO,
            sequence: 0,
            clock: None,
            decisions: Vec::new(),
        };
        this.configure(setup);
        this
    }

    /// What `acd` must decide on this input, and whether it must refuse it.
    pub fn handle(&mut self, now: Instant, input: &Input) -> (Vec<Decision>, bool) {
        let now = self.run_timers(now);
        let taken = self.take(now, input);
        self.look_around(now);
        self.match_all(now);
        (std::mem::take(&mut self.decisions), !taken)
    }

    /// What `acd` must decide as time goes by.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Decision> {
        self.run_timers(now);
        std::mem::take(&mut self.decisions)
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Instant> {
        self.due().map(|(at, _)| at)
    }

    pub fn state(&self, agent: AgentId) -> Option<AgentState> {
        self.agents.get(&agent).map(|agent| agent.state)
    }

    pub fn states(&self) -> impl Iterator<Item = (AgentId, AgentState)> {
        self.agents.iter().map(|(&id, agent)| (id, agent.state))
    }

    /// Who waits, in the order in which they are taken.
    pub fn waiting(&self) -> Vec<CallerId> {
        let mut waiting: Vec<&Caller> =
            self.callers.iter().filter(|caller| matches!(caller.stage, Stage::Waiting)).collect();
        waiting.sort_by_key(|caller| caller.order());
        waiting.into_iter().map(|caller| caller.id).collect()
    }

    pub fn free(&self) -> Vec<AgentId> {
        self.agents.iter().filter(|(_, agent)| agent.is_free()).map(|(&id, _)| id).collect()
    }

    fn configure(&mut self, setup: Arc<Setup>) {
        for &id in setup.agents.keys() {
            self.agents.entry(id).or_insert(Agent {
                state: AgentState::LoggedOut,
                reachable: false,
                line: None,
                dialling: false,
                idle_since: Instant::ZERO,
                misses: 0,
                wish: None,
            });
        }
        let removed: Vec<AgentId> =
            self.agents.keys().copied().filter(|id| !setup.agents.contains_key(id)).collect();
        self.setup = setup;
        for id in removed {
            self.log_out(id);
        }
        self.forget_removed();
    }

    /// Who is no longer in the setup goes when her last call is off her phone.
    fn forget_removed(&mut self) {
        let setup = Arc::clone(&self.setup);
        self.agents.retain(|id, agent| {
            setup.agents.contains_key(id)
                || agent.state != AgentState::LoggedOut
                || agent.line.is_some()
        });
    }

    /// Runs what is due; time never goes back.
    fn run_timers(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        let now = self.now;
        while let Some((at, due)) = self.due().filter(|&(at, _)| at <= now) {
            self.fire(now, at, due);
            self.look_around(now);
            self.match_all(now);
        }
        now
    }

    /// The first thing due, found by looking at everything.
    fn due(&self) -> Option<(Instant, Due)> {
        let mut all: Vec<(Instant, Due)> = Vec::new();
        for caller in &self.callers {
            match caller.stage {
                Stage::Served { .. } => continue,
                Stage::Offered { deadline, .. } => {
                    all.push((deadline, Due::OfferDeadline(caller.offer())));
                }
                Stage::Waiting => {
                    all.extend(caller.alone_until().map(|at| (at, Due::Nobody(caller.id))))
                }
            }
            all.extend(caller.leave_by.map(|at| (at, Due::LeaveBy(caller.id))));
            all.extend(caller.step_end.map(|at| (at, Due::StepEnd(caller.id))));
        }
        for (&id, agent) in &self.agents {
            match agent.state {
                AgentState::Resting { until } => all.push((until, Due::RestEnd(id))),
                AgentState::WrapUp { until } => all.push((until, Due::WrapUpEnd(id))),
                AgentState::LoggedOut
                | AgentState::Available
                | AgentState::Offered(_)
                | AgentState::Talking(_)
                | AgentState::Paused { .. }
                | AgentState::NotResponding => {}
            }
        }
        all.into_iter().min_by_key(|&(at, due)| (at, due.rank()))
    }

    fn fire(&mut self, now: Instant, at: Instant, due: Due) {
        match due {
            Due::OfferDeadline(offer) => self.offer_expires(now, offer),
            Due::LeaveBy(caller) => {
                self.withdraw_from(caller, Withdrawal::Overflowed);
                let Some(him) = self.caller(caller) else { return };
                // He waits no more: what is no queue, or past the end of his plan.
                let mut step = him.step + 1;
                while matches!(him.steps.get(step), Some(Step::Queue(_))) {
                    step += 1;
                }
                self.enter_step(now, caller, step);
            }
            Due::StepEnd(caller) | Due::Nobody(caller) => {
                self.withdraw_from(caller, Withdrawal::Overflowed);
                let next = self.caller(caller).map_or(0, |caller| caller.step) + 1;
                self.enter_step(now, caller, next);
            }
            Due::RestEnd(agent) => self.set_state(agent, AgentState::Available),
            // However late the timer: she is idle since her wrap-up's end.
            Due::WrapUpEnd(agent) => self.wrap_up_over(at, agent),
        }
    }

    fn offer_expires(&mut self, now: Instant, offer: OfferId) {
        let Some((agent, team)) = self.offered(offer) else { return };
        let stage = self.caller(offer.caller).map(|caller| caller.stage.clone());
        if let Some(Stage::Offered { is_capped: true, .. }) = stage {
            return self.withdraw_from(offer.caller, Withdrawal::Overflowed);
        }
        self.decisions.push(Decision::Withdraw { offer, agent, why: Withdrawal::Expired });
        self.back_to_waiting(offer.caller);
        let rest = self.team(team).map_or(Duration::ZERO, |team| team.retry_after.no_answer);
        self.miss(now, agent, team, rest, true);
    }

    fn take(&mut self, now: Instant, input: &Input) -> bool {
        match input {
            Input::Enter { caller, practice, line: _, urgency, leave_by } => {
                self.enter(now, *caller, *practice, *urgency, *leave_by)
            }
            Input::Leave { caller } => self.leave(now, *caller),
            Input::Answered { offer } => {
                self.answered(*offer);
                true
            }
            Input::Missed { offer, miss } => {
                self.missed(now, *offer, *miss);
                true
            }
            Input::Ended { caller } => self.ended(now, *caller),
            Input::Returned { caller } => self.returned(now, *caller),
            Input::Cleared { agent, offer } => {
                let Some(agent) = self.agents.get_mut(agent) else { return false };
                if agent.line == Some(*offer) {
                    agent.line = None;
                }
                self.forget_removed();
                true
            }
            Input::Agent { agent, event } => self.agent_event(now, *agent, *event),
            Input::Rank { .. }
            | Input::Move { .. }
            | Input::Redirect { .. }
            | Input::Override { .. } => false,
            Input::Clock { unix_ms } => {
                self.clock = Some((now, *unix_ms));
                true
            }
            Input::Configure(setup) => {
                self.configure(Arc::clone(setup));
                true
            }
        }
    }

    fn enter(
        &mut self,
        now: Instant,
        id: CallerId,
        practice: PracticeId,
        urgency: Option<Urgency>,
        leave_by: Option<Instant>,
    ) -> bool {
        let Some(rules) = self.setup.practices.get(&practice).cloned() else { return false };
        let steps = self.plan(now, &rules);
        let waits = matches!(steps.first(), Some(Step::Queue(_)));
        let unserved = self
            .callers
            .iter()
            .filter(|caller| !matches!(caller.stage, Stage::Served { .. }))
            .count();
        if self.caller(id).is_some() || (waits && unserved >= self.setup.limits.waiting_max) {
            return false;
        }
        self.callers.push(Caller {
            id,
            practice,
            steps,
            urgency: urgency.unwrap_or(rules.urgency),
            deadline: now + rules.answer_within,
            arrival: now,
            sequence: self.sequence,
            step: 0,
            step_end: None,
            nobody: None,
            alone_since: None,
            leave_by,
            generation: 0,
            stage: Stage::Waiting,
        });
        self.sequence += 1;
        self.enter_step(now, id, 0);
        true
    }

    /// What his practice does with who enters now.
    fn plan(&self, now: Instant, practice: &acd::Practice) -> Vec<Step> {
        let Some((at, unix_ms)) = self.clock else { return practice.open.steps.clone() };
        let since = now.saturating_duration_since(at).as_millis();
        let unix_ms = unix_ms + i64::try_from(since).unwrap_or(i64::MAX);
        for leave in &practice.leave {
            let (from, until) = leave.period.into();
            if from <= unix_ms && unix_ms < until {
                return leave.plan.steps.clone();
            }
        }
        let hours = &practice.hours;
        if hours::is_open(hours.text(), &hours.zone().to_string(), unix_ms) {
            practice.open.steps.clone()
        } else {
            practice.closed.steps.clone()
        }
    }

    /// Notes for each caller whether anybody of his team is there.
    fn look_around(&mut self, now: Instant) {
        let there: Vec<TeamId> = (self.setup.agents.iter())
            .filter(|(id, _)| self.agents.get(id).is_some_and(Agent::is_there))
            .flat_map(|(_, agent)| agent.teams.iter().copied())
            .collect();
        for caller in &mut self.callers {
            let Some(Step::Queue(Queue { team, .. })) = caller.steps.get(caller.step) else {
                continue;
            };
            if there.contains(team) {
                caller.alone_since = None;
            } else {
                caller.alone_since.get_or_insert(now);
            }
        }
    }

    fn enter_step(&mut self, now: Instant, id: CallerId, step: usize) {
        match self.caller(id).and_then(|caller| caller.steps.get(step).copied()) {
            Some(Step::Queue(Queue { until, nobody, .. })) => {
                if step > 0 {
                    self.decisions.push(Decision::Overflow { caller: id, step });
                }
                if let Some(caller) = self.caller_mut(id) {
                    caller.step = step;
                    caller.step_end = until.map(|until| now + until);
                    caller.nobody = nobody;
                    caller.alone_since = None;
                }
            }
            Some(Step::Announce { prompt, answer }) => {
                self.callers.retain(|caller| caller.id != id);
                self.decisions.push(Decision::Announce { caller: id, step, prompt, answer });
            }
            Some(Step::Forward(_) | Step::Practice(_) | Step::Busy) | None => {
                self.callers.retain(|caller| caller.id != id);
                self.decisions.push(Decision::Busy { caller: id });
            }
        }
    }

    fn leave(&mut self, now: Instant, id: CallerId) -> bool {
        let Some(caller) = self.caller(id) else { return false };
        match caller.stage {
            Stage::Waiting => {}
            Stage::Offered { .. } => self.withdraw_from(id, Withdrawal::CallerLeft),
            Stage::Served { .. } => return self.ended(now, id),
        }
        self.callers.retain(|caller| caller.id != id);
        true
    }

    fn answered(&mut self, offer: OfferId) {
        let Some((agent, team)) = self.offered(offer) else {
            self.decisions.push(Decision::Refuse { offer });
            return;
        };
        if let Some(caller) = self.caller_mut(offer.caller) {
            caller.stage = Stage::Served { agent, team };
        }
        self.set_state(agent, AgentState::Talking(offer.caller));
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.misses = 0;
        }
        self.decisions.push(Decision::Serve { offer, agent });
    }

    fn missed(&mut self, now: Instant, offer: OfferId, miss: Miss) {
        let (agent, team) = match self.offered(offer) {
            Some(found) => found,
            // Her leg may still break between her answer and the caller's.
            None if miss == Miss::Dropped => match self.served(offer) {
                Some(found) => found,
                None => return,
            },
            None => return,
        };
        self.back_to_waiting(offer.caller);
        let retry = self.team(team).map(|team| team.retry_after).unwrap_or_default();
        let (rest, counts) = match miss {
            Miss::Declined => (retry.declined, false),
            Miss::Busy => (retry.busy, false),
            Miss::Unreachable => (retry.unreachable, true),
            Miss::Dropped => (retry.dropped, true),
        };
        self.miss(now, agent, team, rest, counts);
    }

    fn miss(&mut self, now: Instant, id: AgentId, team: TeamId, rest: Duration, counts: bool) {
        let misses_max = self.team(team).map_or(0, |team| team.misses_max);
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if counts {
            agent.misses += 1;
        }
        let state = match agent.wish.take() {
            Some(wish) => wish.state(),
            None if counts && misses_max > 0 && agent.misses >= misses_max => {
                AgentState::NotResponding
            }
            None if rest.is_zero() => AgentState::Available,
            None => AgentState::Resting { until: now + rest },
        };
        self.set_state(id, state);
        self.forget_removed();
    }

    fn ended(&mut self, now: Instant, id: CallerId) -> bool {
        let Some(Stage::Served { agent, team }) =
            self.caller(id).map(|caller| caller.stage.clone())
        else {
            return false;
        };
        self.callers.retain(|caller| caller.id != id);
        let own = self.setup.agents.get(&agent).and_then(|agent| agent.wrap_up);
        let wrap_up = own.or(self.team(team).map(|team| team.wrap_up)).unwrap_or_default();
        let logs_out =
            matches!(self.agents.get(&agent).and_then(|agent| agent.wish), Some(Wish::LogOut));
        if wrap_up.is_zero() || logs_out {
            self.wrap_up_over(now, agent);
        } else {
            self.set_state(agent, AgentState::WrapUp { until: now + wrap_up });
        }
        true
    }

    /// Her call and its wrap-up are over: her wish, else the next call.
    fn wrap_up_over(&mut self, now: Instant, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        match agent.wish.take() {
            Some(wish) => self.set_state(id, wish.state()),
            None => self.become_available(now, id),
        }
        self.forget_removed();
    }

    fn returned(&mut self, now: Instant, id: CallerId) -> bool {
        let Some(caller) = self.caller_mut(id) else { return false };
        let Stage::Served { agent, team } = caller.stage else { return false };
        if !matches!(caller.steps.get(caller.step), Some(Step::Queue(_))) {
            caller.step = 0;
        }
        caller.stage = Stage::Waiting;
        caller.deadline = Instant::ZERO;
        caller.leave_by = None;
        caller.step_end = None;
        caller.nobody = None;
        let rest = self.team(team).map_or(Duration::ZERO, |team| team.retry_after.dropped);
        self.miss(now, agent, team, rest, false);
        true
    }

    fn agent_event(&mut self, now: Instant, id: AgentId, event: AgentEvent) -> bool {
        // The line of who was removed in a call becomes clear all the same.
        if !self.setup.agents.contains_key(&id) && event != AgentEvent::LineClear {
            return false;
        }
        let Some(agent) = self.agents.get_mut(&id) else { return false };
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
                if let AgentState::Offered(offer) = state {
                    self.withdraw_from(offer.caller, Withdrawal::LoggedOut);
                }
            }
            AgentEvent::LogIn => {
                if matches!(agent.wish, Some(Wish::LogOut)) {
                    agent.wish = None;
                }
                if matches!(state, AgentState::LoggedOut | AgentState::NotResponding) {
                    self.become_available(now, id);
                }
            }
            AgentEvent::LogOut => self.log_out(id),
            AgentEvent::Pause { reason } => match state {
                AgentState::Offered(_) | AgentState::Talking(_) | AgentState::WrapUp { .. } => {
                    if !matches!(agent.wish, Some(Wish::LogOut)) {
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
            AgentEvent::ProlongWrapUp { .. } => {}
            AgentEvent::EndWrapUp => {
                if matches!(state, AgentState::WrapUp { .. }) {
                    self.wrap_up_over(now, id);
                }
            }
            AgentEvent::LineTaken => agent.dialling = true,
            AgentEvent::LineClear => agent.dialling = false,
            AgentEvent::Stand { as_before, misses } => {
                if state == AgentState::LoggedOut {
                    (agent.idle_since, agent.misses) = (now, misses);
                    let state = match as_before {
                        acd::Lasting::LoggedOut => AgentState::LoggedOut,
                        acd::Lasting::Available => AgentState::Available,
                        acd::Lasting::Paused { reason } => AgentState::Paused { reason },
                        acd::Lasting::NotResponding => AgentState::NotResponding,
                    };
                    self.set_state(id, state);
                }
            }
        }
        true
    }

    fn log_out(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        match agent.state {
            AgentState::Offered(offer) => {
                agent.wish = Some(Wish::LogOut);
                self.withdraw_from(offer.caller, Withdrawal::LoggedOut);
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

    /// Takes back the offer of this caller, if one is out; he waits, and she is not to blame.
    fn withdraw_from(&mut self, id: CallerId, why: Withdrawal) {
        let Some(caller) = self.caller(id) else { return };
        let Stage::Offered { agent, .. } = caller.stage else { return };
        let offer = caller.offer();
        self.decisions.push(Decision::Withdraw { offer, agent, why });
        self.back_to_waiting(id);
        let wish = self.agents.get_mut(&agent).and_then(|agent| agent.wish.take());
        self.set_state(agent, wish.map_or(AgentState::Available, Wish::state));
    }

    fn match_all(&mut self, now: Instant) {
        while let Some((caller, agent)) = self.first_match(now) {
            self.offer(now, caller, agent);
        }
    }

    /// The first caller in order for whom somebody is free, and who of them waits longest.
    /// Who is about to move on in his plan is passed over.
    fn first_match(&self, now: Instant) -> Option<(CallerId, AgentId)> {
        self.waiting().into_iter().find_map(|id| {
            let caller = self.caller(id)?;
            if [caller.step_end, caller.leave_by].into_iter().flatten().any(|end| end <= now) {
                return None;
            }
            let team = self.team_of(id)?;
            let free = self.agents.iter().filter(|(id, agent)| {
                agent.is_free()
                    && self.setup.agents.get(id).is_some_and(|agent| agent.teams.contains(&team))
            });
            let longest = free.min_by_key(|&(&id, agent)| (agent.idle_since, id));
            longest.map(|(&agent, _)| (id, agent))
        })
    }

    fn offer(&mut self, now: Instant, id: CallerId, agent: AgentId) {
        let Some(team) = self.team_of(id) else { return };
        let ring_for = self.team(team).map_or(Duration::ZERO, |team| team.ring_for);
        let rings_until = now + ring_for.max(Duration::from_micros(1));
        let Some(caller) = self.caller_mut(id) else { return };
        caller.generation += 1;
        let offer = caller.offer();
        let practice = caller.practice;
        let ends = [Some(rings_until), caller.step_end, caller.leave_by];
        let deadline = ends.into_iter().flatten().min().unwrap_or(rings_until);
        caller.stage = Stage::Offered { agent, team, deadline, is_capped: deadline < rings_until };
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.line = Some(offer);
        }
        self.set_state(agent, AgentState::Offered(offer));
        self.decisions.push(Decision::Offer { offer, agent, practice, deadline });
    }

    fn become_available(&mut self, now: Instant, id: AgentId) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.idle_since = now;
            agent.misses = 0;
        }
        self.set_state(id, AgentState::Available);
    }

    fn set_state(&mut self, id: AgentId, state: AgentState) {
        if let Some(agent) = self.agents.get_mut(&id)
            && agent.state != state
        {
            agent.state = state;
            self.decisions.push(Decision::State { agent: id, state });
        }
    }

    fn back_to_waiting(&mut self, id: CallerId) {
        if let Some(caller) = self.caller_mut(id) {
            caller.stage = Stage::Waiting;
        }
    }

    /// Whom this offer is with, if it is the caller's current one.
    fn offered(&self, offer: OfferId) -> Option<(AgentId, TeamId)> {
        let caller = self.caller(offer.caller)?;
        match caller.stage {
            Stage::Offered { agent, team, .. } if caller.offer() == offer => Some((agent, team)),
            Stage::Offered { .. } | Stage::Waiting | Stage::Served { .. } => None,
        }
    }

    fn served(&self, offer: OfferId) -> Option<(AgentId, TeamId)> {
        let caller = self.caller(offer.caller)?;
        match caller.stage {
            Stage::Served { agent, team } if caller.offer() == offer => Some((agent, team)),
            Stage::Served { .. } | Stage::Waiting | Stage::Offered { .. } => None,
        }
    }

    fn caller(&self, id: CallerId) -> Option<&Caller> {
        self.callers.iter().find(|caller| caller.id == id)
    }

    fn caller_mut(&mut self, id: CallerId) -> Option<&mut Caller> {
        self.callers.iter_mut().find(|caller| caller.id == id)
    }

    fn team_of(&self, id: CallerId) -> Option<TeamId> {
        let caller = self.caller(id)?;
        match caller.steps.get(caller.step) {
            Some(Step::Queue(queue)) => Some(queue.team),
            Some(Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy)
            | None => None,
        }
    }

    fn team(&self, id: TeamId) -> Option<&Team> {
        self.setup.teams.get(&id)
    }
}

impl Caller {
    fn order(&self) -> (Urgency, Instant, Instant, u64) {
        (self.urgency, self.deadline, self.arrival, self.sequence)
    }

    /// When he moves on unless somebody comes.
    fn alone_until(&self) -> Option<Instant> {
        Some(self.alone_since? + self.nobody?)
    }

    fn offer(&self) -> OfferId {
        OfferId { caller: self.id, generation: self.generation }
    }
}

impl Agent {
    /// Logged in, in reach, and not found absent.
    fn is_there(&self) -> bool {
        self.reachable && !matches!(self.state, AgentState::LoggedOut | AgentState::NotResponding)
    }

    fn is_free(&self) -> bool {
        let is_clear = self.line.is_none() && !self.dialling;
        self.reachable && self.state == AgentState::Available && is_clear
    }
}

impl Wish {
    fn state(self) -> AgentState {
        match self {
            Self::LogOut => AgentState::LoggedOut,
            Self::Pause(reason) => AgentState::Paused { reason },
        }
    }
}

/// Whether what was decided is what had to be: the same decisions in the same order, where
/// `State`s count only by where each agent ends up. `before`: the states ahead of the step.
pub fn agree(
    reference: &Reference,
    before: &BTreeMap<AgentId, AgentState>,
    got: &[Decision],
    expected: &[Decision],
) -> Result<(), String> {
    let acts = |decision: &&Decision| !matches!(decision, Decision::State { .. });
    let mut left = got.iter().filter(acts);
    let mut right = expected.iter().filter(acts);
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => return Err(format!("decided {a:?}, must be {b:?}")),
        }
    }
    let shown = |id: AgentId| {
        got.iter().rev().find_map(|decision| match decision {
            Decision::State { agent, state } if *agent == id => Some(*state),
            Decision::State { .. }
            | Decision::Offer { .. }
            | Decision::Withdraw { .. }
            | Decision::Serve { .. }
            | Decision::Refuse { .. }
            | Decision::Forward { .. }
            | Decision::Recall { .. }
            | Decision::Connect { .. }
            | Decision::Plan { .. }
            | Decision::Situation { .. }
            | Decision::OverrideOver { .. }
            | Decision::Overflow { .. }
            | Decision::Announce { .. }
            | Decision::Busy { .. } => None,
        })
    };
    for (id, state) in reference.states() {
        let was = before.get(&id).copied().unwrap_or(AgentState::LoggedOut);
        let now = shown(id).unwrap_or(was);
        if now != state {
            return Err(format!("agent {id} is shown as {now:?}, must be {state:?}"));
        }
    }
    Ok(())
}
