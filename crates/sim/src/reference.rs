//! A second scheduler, slow and plain: the rules of `acd` told once more, to compare against.
//!
//! It takes `acd`'s inputs, outputs and setup, and its arithmetic of what a wait is expected to be;
//! nothing else of it. There is no index, no timer table and no order kept between steps: everything
//! is scanned again each time, so that a mistake in a clever structure there cannot be made here as
//! well.

mod agent;
mod caller;
mod matching;
mod memory;
mod offer;
mod operator;
mod practice;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use acd::{
    AgentId, AgentState, AgentView, Bound, CallerId, CallerView, Decision, Figures, Input, Instant,
    LineId, OfferId, Override, PracticeId, Reason, Refusal, Setup, TeamId, Waiting,
};

use agent::Agent;
use caller::{Caller, Stage};
use memory::Memory;
use practice::Look;

pub struct Reference {
    setup: Arc<Setup>,
    callers: BTreeMap<CallerId, Caller>,
    /// Who hears a text with a key, and at which step of his plan.
    listening: BTreeMap<CallerId, (Caller, usize)>,
    agents: BTreeMap<AgentId, Agent>,
    now: Instant,
    sequence: u64,
    /// How often an operator said of somebody that he is first.
    firsts: u64,
    /// Offers to secretaries until now.
    turns: u64,
    /// The wall clock as last told.
    clock: Option<(Instant, i64)>,
    /// When it was last set by more than an hour.
    jumped_at: Option<Instant>,
    overrides: BTreeMap<PracticeId, Override>,
    /// What held for each practice when it was last looked at.
    looks: BTreeMap<PracticeId, Look>,
    memory: BTreeMap<(PracticeId, LineId), Memory>,
    /// Told of handling times alone: no decision depends on more.
    figures: BTreeMap<TeamId, Figures>,
    decisions: Vec<Decision>,
}

impl Reference {
    pub fn new(setup: Arc<Setup>) -> Self {
        let mut this = Self {
            setup: Arc::default(),
            callers: BTreeMap::new(),
            listening: BTreeMap::new(),
            agents: BTreeMap::new(),
            now: Instant::ZERO,
            sequence: 0,
            firsts: 0,
            turns: 0,
            clock: None,
            jumped_at: None,
            overrides: BTreeMap::new(),
            looks: BTreeMap::new(),
            memory: BTreeMap::new(),
            figures: BTreeMap::new(),
            decisions: Vec::new(),
        };
        this.configure(setup);
        this
    }

    /// What `acd` must decide on this input, and whether it must refuse it.
    pub fn handle(&mut self, now: Instant, input: &Input) -> (Vec<Decision>, Result<(), Refusal>) {
        self.run_timers(now);
        let taken = self.take(input);
        self.catch_up();
        self.finish_step();
        (std::mem::take(&mut self.decisions), taken)
    }

    /// What `acd` must decide as time goes by.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Decision> {
        self.run_timers(now);
        std::mem::take(&mut self.decisions)
    }

    /// When something is due next, and what.
    pub fn next_due(&self) -> Option<(Instant, Reason)> {
        self.due().into_iter().min_by_key(|&(at, reason)| (at, rank(reason)))
    }

    pub fn states(&self) -> impl Iterator<Item = (AgentId, AgentState)> {
        self.agents.iter().map(|(&id, agent)| (id, agent.state))
    }

    /// Who waits, in the order in which they are taken.
    pub fn waiting(&self) -> Vec<Waiting> {
        let waits = |caller: &&Caller| matches!(caller.stage, Stage::Waiting);
        let mut waiting: Vec<&Caller> = self.callers.values().filter(waits).collect();
        waiting.sort_by_key(|caller| caller.order());
        waiting.into_iter().map(Caller::waiting).collect()
    }

    pub fn free(&self) -> Vec<AgentId> {
        self.agents.iter().filter(|(_, agent)| agent.is_free()).map(|(&id, _)| id).collect()
    }

    pub fn callers(&self) -> Vec<CallerView> {
        self.callers.values().map(Caller::view).collect()
    }

    /// Who may press a key.
    pub fn listening(&self) -> Vec<CallerId> {
        self.listening.keys().copied().collect()
    }

    /// All the phones that ring for him.
    pub fn offers(&self, caller: CallerId) -> Vec<(OfferId, AgentId)> {
        match self.callers.get(&caller).map(|caller| &caller.stage) {
            Some(Stage::Offered(rings)) => {
                rings.iter().map(|ring| (ring.offer, ring.agent)).collect()
            }
            Some(
                Stage::Waiting
                | Stage::Forwarded { .. }
                | Stage::Served { .. }
                | Stage::Connected { .. },
            )
            | None => Vec::new(),
        }
    }

    pub fn agents(&self) -> Vec<AgentView> {
        self.agents.iter().map(|(&id, agent)| agent.view(id)).collect()
    }

    pub fn overrides(&self) -> Vec<(PracticeId, Override)> {
        self.overrides.iter().map(|(&practice, &with)| (practice, with)).collect()
    }

    pub fn situation(&self, practice: PracticeId) -> Option<acd::Situation> {
        Some(self.looks.get(&practice)?.situation())
    }

    fn configure(&mut self, setup: Arc<Setup>) {
        let before = std::mem::replace(&mut self.setup, Arc::clone(&setup));
        let looked = self.looks.clone();
        for &id in setup.agents.keys() {
            let agent = self.agents.entry(id).or_insert_with(Agent::new);
            // Her removal was a wish to log out after her call: it is taken back with it.
            if !before.agents.contains_key(&id) {
                agent.wish = None;
            }
        }
        self.look_at_all();
        self.redraw_circles();
        let removed: Vec<AgentId> =
            self.agents.keys().copied().filter(|id| !setup.agents.contains_key(id)).collect();
        for id in removed {
            self.log_out(id);
        }
        self.catch_up();
        self.compare_setups(&looked);
        self.forget_removed();
    }

    /// Runs what is due; time never goes back.
    fn run_timers(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.cross_boundaries();
        self.finish_step();
        while let Some((at, reason)) = self.next_due().filter(|&(at, _)| at <= self.now) {
            self.fire(at, reason);
            self.finish_step();
        }
    }

    /// A class or a circle that was due while he talked, or waited elsewhere, is his at once.
    fn catch_up(&mut self) {
        let is_of_place = |&(at, reason): &(Instant, Reason)| {
            at <= self.now && matches!(reason, Reason::Widen { .. } | Reason::Age { .. })
        };
        let due = self.due().into_iter().filter(is_of_place);
        if let Some((at, reason)) = due.min_by_key(|&(at, reason)| (at, rank(reason))) {
            self.fire(at, reason);
            self.catch_up();
        }
    }

    /// Whether something of his was due.
    fn catches_up(&mut self, id: CallerId) -> bool {
        let caller = &self.callers[&id];
        if !caller.is_in_queue() {
            return false;
        }
        let widens_at = caller.queue.as_ref().and_then(|queue| queue.widens_at);
        if widens_at.is_some_and(|at| at <= self.now) {
            self.widen(id);
            return true;
        }
        let rises_at = self.ages_at(caller).filter(|&at| at <= self.now);
        if let Some(at) = rises_at {
            self.age(id, at);
        }
        rises_at.is_some()
    }

    fn finish_step(&mut self) {
        self.look_around();
        self.forget_removed();
        self.match_all();
    }

    /// All that is due some day, found by looking at everything.
    fn due(&self) -> Vec<(Instant, Reason)> {
        let mut all = Vec::new();
        for &practice in self.setup.practices.keys() {
            let at = self.boundary(practice);
            all.extend(at.map(|at| (at, Reason::Boundary { practice })));
        }
        for &practice in self.overrides.keys() {
            let at = self.override_end(practice);
            all.extend(at.map(|at| (at, Reason::OverrideEnd { practice })));
        }
        for caller in self.callers.values() {
            self.due_of(caller, &mut all);
        }
        for (&agent, desk) in &self.agents {
            match desk.state {
                AgentState::Resting { until } => all.push((until, Reason::RestEnd { agent })),
                AgentState::WrapUp { until } => all.push((until, Reason::WrapUpEnd { agent })),
                AgentState::LoggedOut
                | AgentState::Available
                | AgentState::Offered(_)
                | AgentState::Talking(_)
                | AgentState::Paused { .. }
                | AgentState::NotResponding => {}
            }
        }
        all
    }

    fn due_of(&self, caller: &Caller, all: &mut Vec<(Instant, Reason)>) {
        match &caller.stage {
            Stage::Served { .. } | Stage::Connected { .. } => return,
            &Stage::Forwarded { offer, deadline, .. } => {
                all.push((deadline, Reason::OfferDeadline { offer }));
                return;
            }
            Stage::Offered(rings) => all.extend(
                rings.iter().map(|it| (it.deadline, Reason::OfferDeadline { offer: it.offer })),
            ),
            Stage::Waiting => {}
        }
        let id = caller.id;
        let bounds = caller.bounds().into_iter();
        all.extend(bounds.map(|(at, bound)| (at, Reason::WaitEnd { caller: id, bound })));
        if matches!(caller.stage, Stage::Waiting) {
            let bound = Bound::Nobody;
            let at = caller.alone_until();
            all.extend(at.map(|at| (at, Reason::WaitEnd { caller: id, bound })));
        }
        let widens_at = caller.queue.as_ref().and_then(|queue| queue.widens_at);
        all.extend(widens_at.map(|at| (at, Reason::Widen { caller: id })));
        all.extend(self.ages_at(caller).map(|at| (at, Reason::Age { caller: id })));
    }

    fn fire(&mut self, at: Instant, reason: Reason) {
        match reason {
            // Crossed before: what comes next is later than now.
            Reason::Boundary { .. } => {}
            Reason::OverrideEnd { practice } => self.end_override(practice),
            Reason::OfferDeadline { offer } => self.deadline_passes(offer),
            Reason::WaitEnd { caller, bound } => self.wait_ends(caller, bound),
            Reason::Widen { caller } => self.widen(caller),
            Reason::Age { caller } => self.age(caller, at),
            Reason::RestEnd { agent } => self.set_state(agent, AgentState::Available),
            // However late the timer: she is idle since her wrap-up's end.
            Reason::WrapUpEnd { agent } => self.wrap_up_over(at, agent),
        }
    }

    fn take(&mut self, input: &Input) -> Result<(), Refusal> {
        match input {
            Input::Enter { caller, practice, practitioner, line, urgency, leave_by } => {
                self.enter(*caller, (*practice, *practitioner), *line, *urgency, *leave_by)
            }
            Input::Leave { caller } => self.leave(*caller),
            Input::Pressed { caller } => self.pressed(*caller),
            Input::Answered { offer } => {
                self.answered(*offer);
                Ok(())
            }
            Input::PickedUp { offer, asked_for } => {
                self.picked_up(*offer, *asked_for);
                Ok(())
            }
            Input::Missed { offer, miss } => {
                self.missed(*offer, *miss);
                Ok(())
            }
            Input::Room { caller } => {
                self.callers.get_mut(caller).ok_or(Refusal::UnknownCaller)?.lacks_room = false;
                Ok(())
            }
            Input::Ended { caller } => self.ended(*caller),
            Input::Returned { caller } => self.returned(*caller),
            Input::Cleared { agent, offer } => {
                let agent = self.agents.get_mut(agent).ok_or(Refusal::UnknownAgent)?;
                if agent.line == Some(*offer) {
                    agent.line = None;
                }
                Ok(())
            }
            Input::Agent { agent, event } => self.agent_event(*agent, *event),
            Input::Rank { caller, urgency, first } => self.set_rank(*caller, *urgency, *first),
            Input::Move { caller, team } => self.move_to(*caller, *team),
            Input::Redirect { caller, to } => self.redirect(*caller, *to),
            Input::Override { practice, with } => self.set_override(*practice, *with),
            Input::Clock { unix_ms } => {
                self.set_clock(*unix_ms);
                Ok(())
            }
            Input::Configure(setup) => {
                self.configure(Arc::clone(setup));
                Ok(())
            }
        }
    }
}

/// The order in which what is due at one instant happens. The ends of a wait are one kind.
fn rank(reason: Reason) -> (u8, u64, u32) {
    match reason {
        Reason::Boundary { practice } => (0, practice.0.into(), 0),
        Reason::OverrideEnd { practice } => (1, practice.0.into(), 0),
        Reason::OfferDeadline { offer } => (2, offer.caller.0, offer.generation),
        Reason::WaitEnd { caller, bound } => {
            let bound = match bound {
                Bound::LeaveBy => 0,
                Bound::WaitMax => 1,
                Bound::StepEnd => 2,
                Bound::Nobody => 3,
            };
            (3, caller.0, bound)
        }
        Reason::Widen { caller } => (4, caller.0, 0),
        Reason::Age { caller } => (5, caller.0, 0),
        Reason::RestEnd { agent } => (6, agent.0.into(), 0),
        Reason::WrapUpEnd { agent } => (7, agent.0.into(), 0),
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
            | Decision::Class { .. }
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
