//! The scheduler: takes inputs and time, keeps the indexes right, gives decisions.
//!
//! Each step is: all practices that open, close or turn otherwise, together; the timers that are due, in
//! the order of [`Reason`] within an instant; then the input; the matching after each of these. What a
//! timer does is counted from the step's `now`, however late it runs; only a wrap-up that ends by itself
//! leaves her idle since its own end. The rules one by one, with the choices made: the crate's README.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::acquaintance::Acquaintances;
use crate::agent::{AgentState, AgentView, Desk};
use crate::caller::{Caller, CallerView, Waiting};
use crate::civil::Clock;
use crate::decision::Decision;
use crate::entrance::Dialled;
use crate::estimates::Figures;
use crate::groups::{GroupId, Groups};
use crate::id::{AgentId, CallerId, LineId, OfferId, PracticeId, PractitionerId, TeamId};
use crate::input::{Input, Refusal};
use crate::setup::{Override, Setup, Situation};
use crate::situations::Holdings;
use crate::staff::{Presence, Staff};
use crate::time::Instant;
use crate::timer::{Reason, Timers};
use crate::waiting::{Free, Queues};

/// Serialisable but for the setup: after deserialising, [`attach`](Self::attach) it.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scheduler {
    pub(crate) now: Instant,
    /// Of the next caller to enter.
    pub(crate) sequence: u64,
    /// Callers whom an operator put first until now.
    pub(crate) put_first: u64,
    /// Offers made until now.
    pub(crate) turns: u64,
    pub(crate) callers: BTreeMap<CallerId, Caller>,
    /// Who hears a text with a key, as he came to it: nothing else touches him.
    pub(crate) told: BTreeMap<CallerId, Caller>,
    pub(crate) desks: BTreeMap<AgentId, Desk>,
    pub(crate) clock: Option<Clock>,
    /// The clock jumped: until then no override is over by it.
    pub(crate) doubted_until: Option<Instant>,
    /// Those of practices that the setup does not know too: they may be back.
    pub(crate) overrides: BTreeMap<PracticeId, Override>,
    pub(crate) acquaintances: Acquaintances,
    pub(crate) figures: BTreeMap<TeamId, Figures>,
    pub(crate) decisions: VecDeque<Decision>,
    #[serde(skip)]
    pub(crate) setup: Arc<Setup>,

    // Indexes over the above.
    #[serde(skip)]
    pub(crate) groups: Arc<Groups>,
    #[serde(skip)]
    pub(crate) holdings: Holdings,
    #[serde(skip)]
    pub(crate) timers: Timers,
    #[serde(skip)]
    pub(crate) waiting: Queues,
    #[serde(skip)]
    pub(crate) free: Free,
    #[serde(skip)]
    pub(crate) staff: Staff,
    /// Who goes behind the other free agents, and until which offer of all.
    #[serde(skip)]
    pub(crate) behind: BTreeSet<(u64, AgentId)>,
    /// Some team lets several phones ring; the next two are empty where none does.
    #[serde(skip)]
    pub(crate) rings_several: bool,
    /// Who rings for a caller for whom somebody else has rung longer.
    #[serde(skip)]
    pub(crate) seconds: BTreeMap<AgentId, OfferId>,
    /// Who is free as soon as her line is clear.
    #[serde(skip)]
    pub(crate) clearing: BTreeSet<AgentId>,
    #[serde(skip)]
    pub(crate) served: usize,
    #[serde(skip)]
    pub(crate) forwarded: usize,
    /// Who follows a practice's plan and has not been answered by a human.
    #[serde(skip)]
    pub(crate) followers: BTreeMap<PracticeId, BTreeSet<CallerId>>,
    /// How many called a practice and have not been answered by a human, whoever's plan they follow.
    #[serde(skip)]
    pub(crate) unanswered: BTreeMap<PracticeId, usize>,
    /// Groups where somebody may be offered who might not before, since the last matching; some of
    /// them twice.
    #[serde(skip)]
    pub(crate) hot: Vec<GroupId>,
}

/// How many there are of what.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub struct Counts {
    pub waiting: usize,
    pub offered: usize,
    pub forwarded: usize,
    /// By a secretary, or by who took him where he was forwarded to.
    pub served: usize,
    /// Agents that an offer may be made to.
    pub free: usize,
    pub timers: usize,
}

impl Scheduler {
    /// All agents are logged out and unreachable.
    pub fn new(setup: Arc<Setup>) -> Self {
        let mut scheduler = Self {
            now: Instant::ZERO,
            sequence: 0,
            put_first: 0,
            turns: 0,
            callers: BTreeMap::new(),
            told: BTreeMap::new(),
            desks: BTreeMap::new(),
            clock: None,
            doubted_until: None,
            overrides: BTreeMap::new(),
            acquaintances: Acquaintances::default(),
            figures: BTreeMap::new(),
            decisions: VecDeque::new(),
            setup: Arc::default(),
            groups: Arc::default(),
            holdings: Holdings::new(),
            timers: Timers::default(),
            waiting: Queues::default(),
            free: Free::default(),
            staff: Staff::default(),
            behind: BTreeSet::new(),
            rings_several: false,
            seconds: BTreeMap::new(),
            clearing: BTreeSet::new(),
            served: 0,
            forwarded: 0,
            followers: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            hot: Vec::new(),
        };
        scheduler.attach(setup);
        scheduler
    }

    /// A deserialised state with the setup that it was saved under. For another one,
    /// `Input::Configure` it afterwards.
    pub fn restore(setup: Arc<Setup>, state: Self) -> Self {
        let mut scheduler = state;
        scheduler.attach(setup);
        scheduler
    }

    /// The same in place. Until then a deserialised scheduler must not be used.
    pub fn attach(&mut self, setup: Arc<Setup>) {
        for &agent in setup.agents.keys() {
            self.desks.entry(agent).or_insert_with(Desk::new);
        }
        self.setup = setup;
        self.acquaintances.rebuild();
        self.rebuild();
        self.hot.clear();
    }

    /// Runs what is due by `now`, then the input, then the matching. A `now` earlier than the
    /// last one counts as the last one.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Refusal> {
        self.handle_timeout(now);
        let result = self.apply(input);
        self.catch_up();
        self.match_all();
        result
    }

    /// Who comes into a queue from a call or from another team may have been due to rise, or for a
    /// wider circle, for long: ahead of any offer.
    fn catch_up(&mut self) {
        let is_of_place = |reason: &Reason| match reason {
            Reason::Widen { .. } | Reason::Age { .. } => true,
            Reason::Boundary { .. }
            | Reason::OverrideEnd { .. }
            | Reason::OfferDeadline { .. }
            | Reason::WaitEnd { .. }
            | Reason::RestEnd { .. }
            | Reason::WrapUpEnd { .. } => false,
        };
        while let Some((at, reason)) = self.timers.take_due(self.now, is_of_place) {
            match reason {
                Reason::Widen { caller } => self.widen(caller),
                Reason::Age { caller } => self.age(caller, at),
                Reason::Boundary { .. }
                | Reason::OverrideEnd { .. }
                | Reason::OfferDeadline { .. }
                | Reason::WaitEnd { .. }
                | Reason::RestEnd { .. }
                | Reason::WrapUpEnd { .. } => {}
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.hold_due();
        self.cross_boundaries();
        self.match_all();
        while let Some((at, reason)) = self.timers.pop_due(self.now) {
            match reason {
                // Crossed above: the next one is later than `now`.
                Reason::Boundary { .. } => {}
                Reason::OverrideEnd { practice } => self.end_override_if_over(practice),
                Reason::OfferDeadline { offer } => self.offer_deadline(offer),
                Reason::WaitEnd { caller, bound } => self.wait_ended(caller, bound),
                Reason::Widen { caller } => self.widen(caller),
                Reason::Age { caller } => self.age(caller, at),
                Reason::RestEnd { agent } => self.set_state(agent, AgentState::Available),
                Reason::WrapUpEnd { agent } => self.end_wrap_up(agent, at),
            }
            self.match_all();
        }
    }

    /// To be drained after each `handle*`, in order.
    pub fn poll_decision(&mut self) -> Option<Decision> {
        self.decisions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        self.timers.first()
    }

    /// Who waits without an offer, first to be offered first.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting> {
        self.waiting.all().into_iter().map(|place| self.callers[&place.caller].waiting())
    }

    pub fn caller(&self, caller: CallerId) -> Option<CallerView> {
        self.callers.get(&caller).map(Caller::view)
    }

    /// All of them: waiting, offered, served.
    pub fn callers(&self) -> impl Iterator<Item = CallerView> {
        self.callers.values().map(Caller::view)
    }

    pub fn agent(&self, agent: AgentId) -> Option<AgentView> {
        self.desks.get(&agent).map(|desk| desk.view(agent))
    }

    /// Those of the setup, and those removed from it who are still in a call.
    pub fn agents(&self) -> impl Iterator<Item = AgentView> {
        self.desks.iter().map(|(&agent, desk)| desk.view(agent))
    }

    /// What practices have said against their hours and leave and is not over for good; a practice that the
    /// setup does not know may be among them.
    pub fn overrides(&self) -> impl Iterator<Item = (PracticeId, Override)> {
        self.overrides.iter().map(|(&practice, &over)| (practice, over))
    }

    /// The civil time of the last `now`; `None` before the first `Input::Clock`.
    pub fn unix_ms(&self) -> Option<i64> {
        self.unix_ms_at(self.now)
    }

    /// The civil time of a later moment, as far as nobody sets the clock until then.
    pub fn unix_ms_at(&self, now: Instant) -> Option<i64> {
        self.clock.map(|clock| clock.unix_ms(now))
    }

    /// In which situation's plan who calls from there would begin.
    pub fn situation_for(
        &self,
        practice: PracticeId,
        practitioner: Option<PractitionerId>,
        line: Option<LineId>,
    ) -> Option<Situation> {
        let dialled = Dialled { practice, practitioner, urgency: None };
        Some(self.beginning(dialled, line)?.situation)
    }

    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    pub fn counts(&self) -> Counts {
        Counts {
            waiting: self.waiting.len(),
            offered: self.callers.len() - self.waiting.len() - self.forwarded - self.served,
            forwarded: self.forwarded,
            served: self.served,
            free: self.free.len(),
            timers: self.timers.len(),
        }
    }

    fn apply(&mut self, input: Input) -> Result<(), Refusal> {
        match input {
            Input::Enter { caller, practice, practitioner, line, urgency, leave_by } => {
                let dialled = Dialled { practice, practitioner, urgency };
                return self.enter(caller, dialled, line, leave_by);
            }
            Input::Leave { caller } => return self.leave(caller),
            Input::Pressed { caller } => return self.pressed(caller),
            Input::Answered { offer } => self.answered(offer),
            Input::PickedUp { offer, asked_for } => self.picked_up(offer, asked_for),
            Input::Missed { offer, miss } => self.missed(offer, miss),
            Input::Room { caller } => return self.has_room(caller),
            Input::Ended { caller } => return self.ended(caller),
            Input::Returned { caller } => return self.returned(caller),
            Input::Cleared { agent, offer } => return self.cleared(agent, offer),
            Input::Agent { agent, event } => return self.handle_agent(agent, event),
            Input::Rank { caller, urgency, first } => {
                return self.set_rank(caller, urgency, first);
            }
            Input::Move { caller, team } => return self.move_to(caller, team),
            Input::Redirect { caller, to } => return self.redirect(caller, to),
            Input::Override { practice, with } => return self.set_override(practice, with),
            Input::Clock { unix_ms } => self.set_clock(unix_ms),
            Input::Configure(setup) => self.configure(setup),
        }
        Ok(())
    }

    /// Whom the new setup does not know logs out, after her call; who is back before its end does not. All
    /// others, and every caller, stay as they are, unless a practice turns by it.
    fn configure(&mut self, setup: Arc<Setup>) {
        let held = std::mem::take(&mut self.holdings);
        let before = std::mem::replace(&mut self.setup, setup);
        for &agent in self.setup.agents.keys() {
            let desk = self.desks.entry(agent).or_insert_with(Desk::new);
            if !before.agents.contains_key(&agent) {
                desk.pending = None;
            }
        }
        let known = Arc::clone(&self.setup);
        self.recircle();
        self.rebuild();
        let removed: Vec<_> =
            self.desks.keys().copied().filter(|id| !known.agents.contains_key(id)).collect();
        for agent in removed {
            self.log_out(agent);
        }
        self.catch_up();
        self.turn_from(&held);
    }

    /// Makes the indexes anew; the agents' teams may have changed.
    fn rebuild(&mut self) {
        self.groups = Arc::new(Groups::new(&self.setup));
        self.timers = Timers::default();
        self.waiting = Queues::default();
        self.free = Free::default();
        self.served = 0;
        self.forwarded = 0;
        self.followers = BTreeMap::new();
        self.unanswered = BTreeMap::new();
        self.hot.clear();
        self.rings_several = self.setup.teams.values().any(|team| team.ring > 1);
        self.seconds = BTreeMap::new();
        self.clearing = BTreeSet::new();
        let behind = self.desks.iter().filter(|(_, desk)| desk.behind_until > self.turns);
        self.behind = behind.map(|(&agent, desk)| (desk.behind_until, agent)).collect();
        self.reckon_holdings();
        self.arm_override_ends();
        self.staff = Staff::new(&self.groups);
        for desk in self.desks.values_mut() {
            desk.presence = Presence::default();
        }
        for agent in self.desks.keys().copied().collect::<Vec<_>>() {
            if let Some((at, reason)) = self.desk(agent).state.timer(agent) {
                self.timers.arm(at, reason);
            }
            self.index(agent);
        }
        self.free.seat(&self.groups);
        // After the agents: whether somebody is there is asked for each caller.
        for id in self.callers.keys().copied().collect::<Vec<_>>() {
            self.index_caller(id);
        }
    }

    pub(crate) fn decide(&mut self, decision: Decision) {
        tracing::debug!(now = self.now.as_micros(), ?decision, "decided");
        self.decisions.push_back(decision);
    }
}
