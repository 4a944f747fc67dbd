//! The small world: its setup, what can happen in it, and what must hold.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentEvent, AgentId, AgentState, AtClosing, CallerId, CallerStage, Circle, Decision,
    Forward, Holidays, Hours, Input, Instant, LineId, Miss, OfferId, Override, Overriding, PhoneId,
    Plan, Practice, PracticeId, PromptId, Queue, RetryAfter, Scheduler, Setup, SiteId, SkillId,
    Step, Target, Team, TeamId, TimeZone, Urgency, Widening,
};

use super::outside::Outside;

const DAY: TeamId = TeamId(1);
const POOL: TeamId = TeamId(2);
const OWN: PracticeId = PracticeId(1);
const OTHER: PracticeId = PracticeId(2);
const ANNA: AgentId = AgentId(1);
const BEA: AgentId = AgentId(2);
const CLEO: AgentId = AgentId(3);

/// A Monday, 5 January 2026, at 20:00 in Paris.
const CLOSING: i64 = 1_767_639_600_000;
/// Longer than any plan: a drain that takes more steps goes round in circles.
const DRAIN_MAX: usize = 400;

#[derive(Clone)]
pub(crate) struct World {
    scheduler: Scheduler,
    now: Instant,
    callers: u64,
    outside: Outside,
    of: Alphabet,
    history: History,
}

/// What may happen. All at once would not get deep.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Alphabet {
    /// Four callers, of both practices, and what phones say; all secretaries are at work.
    Calls,
    /// The same, but each caller has his practice, and a phone that rings no more is clear at once.
    Deep,
    /// Two callers, one of them urgent, and all that secretaries, their phones and lines do.
    Floor,
    /// Two callers, and operators who rank, move and redirect them, practices that say something else for a
    /// while or close, a clock that is set, and a new setup.
    Operators,
    /// All that callers, secretaries and phones do.
    Everything,
}

#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Told(Input),
    /// The next timer runs.
    TimePasses,
}

/// How a world came about, for who must be told.
#[derive(Clone, Default)]
struct History(Option<Arc<(Happening, History)>>);

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(last) = &self.0 {
            let (happening, before) = &**last;
            write!(f, "{before:?}\n  {happening:?}")?;
        }
        Ok(())
    }
}

impl Alphabet {
    fn is_of_calls(self) -> bool {
        match self {
            Self::Calls | Self::Deep | Self::Operators => true,
            Self::Floor | Self::Everything => false,
        }
    }

    fn callers(self) -> u64 {
        match self {
            Self::Calls | Self::Deep | Self::Everything => 4,
            Self::Floor | Self::Operators => 2,
        }
    }
}

impl World {
    /// Anna and Bea are at work; Cleo too, unless secretaries come and go.
    pub(crate) fn new(of: Alphabet) -> Self {
        let mut world = Self {
            scheduler: Scheduler::new(Arc::new(setup())),
            now: Instant::from_millis(1_000),
            callers: 0,
            outside: Outside::default(),
            of,
            history: History::default(),
        };
        for agent in [ANNA, BEA, CLEO] {
            world.told(Input::Agent { agent, event: AgentEvent::Reachable });
        }
        let at_work = if of.is_of_calls() { &[ANNA, BEA, CLEO][..] } else { &[ANNA, BEA] };
        for &agent in at_work {
            world.told(Input::Agent { agent, event: AgentEvent::LogIn });
        }
        if of == Alphabet::Operators {
            world.told(Input::Clock { unix_ms: CLOSING - 15_000 });
        }
        world
    }

    /// All that may happen next.
    pub(crate) fn happenings(&self) -> Vec<Happening> {
        let mut all: Vec<Input> = Vec::new();
        if self.callers < self.of.callers() {
            all.extend(self.entrances());
        }
        for view in self.scheduler.callers() {
            all.extend(self.ways_out(view.waiting.caller, view.stage));
        }
        for &offer in self.outside.ringing.keys().chain(&self.outside.forwarded) {
            all.push(Input::Answered { offer });
            if self.of != Alphabet::Floor {
                all.push(Input::Missed { offer, miss: Miss::Declined });
            }
        }
        all.extend(self.clearances());
        if !self.of.is_of_calls() {
            all.extend(self.moves());
        }
        if self.of == Alphabet::Operators {
            all.extend(self.orders());
        }
        let timer = self.scheduler.poll_timeout().map(|_| Happening::TimePasses);
        all.into_iter().map(Happening::Told).chain(timer).collect()
    }

    /// Lines whose offer rings no more and is talked on by nobody.
    fn clearances(&self) -> Vec<Input> {
        let is_over = |offer: &OfferId| {
            let talks = self.outside.talking.values().any(|(of, _)| of == offer);
            !self.outside.ringing.contains_key(offer) && !talks
        };
        let lines = self.outside.lines.iter().filter(|(_, offer)| is_over(offer));
        lines.map(|(&agent, &offer)| Input::Cleared { agent, offer }).collect()
    }

    fn entrances(&self) -> Vec<Input> {
        let caller = CallerId(self.callers + 1);
        let enters = |practice, urgency| Input::Enter {
            caller,
            practice,
            practitioner: None,
            // The first and the third come from one number.
            line: self.callers.is_multiple_of(2).then_some(LineId(7)),
            urgency,
            leave_by: Some(self.now + Duration::from_secs(60)),
        };
        match self.of {
            Alphabet::Calls => vec![enters(OWN, None), enters(OTHER, None)],
            Alphabet::Deep if self.callers.is_multiple_of(2) => vec![enters(OWN, None)],
            Alphabet::Deep => vec![enters(OTHER, None)],
            Alphabet::Operators if self.callers == 0 => vec![enters(OWN, None)],
            Alphabet::Operators => vec![enters(OTHER, None)],
            Alphabet::Floor if self.callers == 0 => vec![enters(OWN, None)],
            Alphabet::Floor => vec![enters(OTHER, Some(Urgency::Urgent))],
            Alphabet::Everything => {
                vec![enters(OWN, None), enters(OTHER, None), enters(OTHER, Some(Urgency::Urgent))]
            }
        }
    }

    fn ways_out(&self, caller: CallerId, stage: CallerStage) -> Vec<Input> {
        match stage {
            CallerStage::Waiting | CallerStage::Offered { .. } | CallerStage::Forwarded { .. } => {
                vec![Input::Leave { caller }]
            }
            CallerStage::Served { .. } if self.of.is_of_calls() => {
                vec![Input::Ended { caller }]
            }
            CallerStage::Served { offer, .. } => vec![
                Input::Ended { caller },
                Input::Returned { caller },
                Input::Missed { offer, miss: Miss::Dropped },
            ],
            CallerStage::Connected { .. } => vec![Input::Ended { caller }],
        }
    }

    /// What operators, practices and who configures may say.
    fn orders(&self) -> Vec<Input> {
        let mut all = Vec::new();
        let target = Target::Phone(PhoneId(2));
        let to = Forward { target, ring_for: Duration::from_secs(10) };
        for view in self.scheduler.callers() {
            let caller = view.waiting.caller;
            if let CallerStage::Served { .. } | CallerStage::Connected { .. } = view.stage {
                continue;
            }
            all.extend([
                Input::Rank { caller, urgency: Urgency::Urgent, first: false },
                Input::Rank { caller, urgency: Urgency::Normal, first: true },
                Input::Move { caller, team: DAY },
                Input::Move { caller, team: POOL },
                Input::Redirect { caller, to },
            ]);
        }
        let told = self.scheduler.unix_ms().expect("the clock was told");
        let says = |what| Some(Override { what, until_unix_ms: told + 20_000 });
        let overrides = [says(Overriding::Closed), says(Overriding::Redirect(to))];
        let taken_back = self.scheduler.overrides().map(|_| None);
        let withs = overrides.into_iter().chain(taken_back);
        all.extend(withs.map(|with| Input::Override { practice: OWN, with }));
        // Back and forth over closing time.
        let unix_ms = if told < CLOSING { CLOSING + 15_000 } else { CLOSING - 15_000 };
        all.push(Input::Clock { unix_ms });
        all.push(Input::Configure(Arc::new(if self.is_small() { setup() } else { smaller() })));
        all
    }

    fn is_small(&self) -> bool {
        self.scheduler.setup().agents.len() < setup().agents.len()
    }

    fn moves(&self) -> Vec<Input> {
        let agents = self.scheduler.agents();
        let mut all: Vec<Input> = agents
            .flat_map(|agent| {
                let moves = moves_of(agent.state).iter();
                moves.map(move |&event| Input::Agent { agent: agent.agent, event })
            })
            .collect();
        let is_reachable = self.scheduler.agent(ANNA).is_some_and(|anna| anna.reachable);
        let event = if is_reachable { AgentEvent::Unreachable } else { AgentEvent::Reachable };
        all.push(Input::Agent { agent: ANNA, event });
        all
    }

    pub(crate) fn happens(&mut self, happening: &Happening) {
        self.history = History(Some(Arc::new((happening.clone(), self.history.clone()))));
        match happening {
            Happening::Told(input) => self.told(input.clone()),
            Happening::TimePasses => {
                let (at, _) = self.scheduler.poll_timeout().expect("a timer was armed");
                self.now = self.now.max(at);
                self.scheduler.handle_timeout(self.now);
                self.see_decisions();
            }
        }
        while self.of == Alphabet::Deep
            && let Some(clears) = self.clearances().into_iter().next()
        {
            self.told(clears);
        }
    }

    fn told(&mut self, input: Input) {
        match input {
            Input::Enter { caller, .. } => {
                self.callers = self.callers.max(caller.0);
                self.outside.enters(caller);
            }
            Input::Missed { offer, .. } => {
                self.outside.ringing.remove(&offer);
                self.outside.forwarded.remove(&offer);
                self.outside.talking.retain(|_, (of, _)| *of != offer);
            }
            Input::Returned { caller } => {
                self.outside.talking.remove(&caller);
            }
            Input::Ended { caller } => self.outside.leaves(caller),
            Input::Cleared { agent, offer } => {
                if self.outside.lines.get(&agent) == Some(&offer) {
                    self.outside.lines.remove(&agent);
                }
            }
            // No text of theirs has a key.
            Input::Pressed { .. }
            | Input::Leave { .. }
            | Input::Answered { .. }
            | Input::PickedUp { .. }
            | Input::Room { .. }
            | Input::Agent { .. }
            | Input::Rank { .. }
            | Input::Move { .. }
            | Input::Redirect { .. }
            | Input::Override { .. }
            | Input::Clock { .. }
            | Input::Configure(_) => {}
        }
        let result = self.scheduler.handle(self.now, input.clone());
        assert_eq!(result, Ok(()), "{input:?} after {:?}", self.history);
        self.see_decisions();
        if let Input::Leave { caller } = input {
            assert!(!self.outside.rings_for(caller), "{caller} left and is offered still");
            self.outside.leaves(caller);
        }
    }

    fn see_decisions(&mut self) {
        while let Some(decision) = self.scheduler.poll_decision() {
            if let Err(fault) = self.outside.sees(&decision) {
                panic!("{fault}\nby {decision:?}\nafter {:?}", self.history);
            }
        }
    }

    /// Of everything that decides how it goes on.
    pub(crate) fn fingerprint(&self) -> u128 {
        let bytes = postcard::to_allocvec(&self.scheduler).expect("it serialises");
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &bytes, self.is_small(), self.now, self.callers).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        half(1) << 64 | half(2)
    }

    pub(crate) fn check(&self) {
        self.scheduler.check_invariants();
        let outside = &self.outside;
        for view in self.scheduler.callers() {
            let caller = view.waiting.caller;
            assert!(outside.here.contains(&caller), "{caller} is kept after his end");
            let agrees = match view.stage {
                CallerStage::Waiting => !outside.rings_for(caller) && self.talks_to_nobody(caller),
                CallerStage::Offered { .. } => {
                    let offers: Vec<(OfferId, AgentId)> = self.scheduler.offers(caller).collect();
                    offers.iter().all(|(offer, agent)| outside.ringing.get(offer) == Some(agent))
                }
                CallerStage::Forwarded { offer, .. } => outside.forwarded.contains(&offer),
                CallerStage::Served { offer, agent } => {
                    outside.talking.get(&caller) == Some(&(offer, agent))
                }
                CallerStage::Connected { offer, .. } => {
                    outside.connected.get(&caller) == Some(&offer)
                }
            };
            assert!(agrees, "{view:?}\n{outside:?}\nafter {:?}", self.history);
        }
        let known = self.scheduler.callers().count();
        assert_eq!(known, outside.here.len(), "a caller is lost after {:?}", self.history);
        let held = self.scheduler.agents().filter_map(|it| Some((it.agent, it.line_busy?)));
        assert!(held.eq(outside.lines.iter().map(|(&agent, &offer)| (agent, offer))));
    }

    fn talks_to_nobody(&self, caller: CallerId) -> bool {
        !self.outside.talking.contains_key(&caller) && !self.outside.connected.contains_key(&caller)
    }

    /// Everybody comes to work, answers what rings and ends what talks: all callers must get out.
    pub(crate) fn drain(mut self) {
        // Nobody else comes.
        self.callers = u64::MAX;
        self.of = Alphabet::Everything;
        if self.is_small() {
            self.told(Input::Configure(Arc::new(setup())));
        }
        for agent in [ANNA, BEA, CLEO] {
            self.told(Input::Agent { agent, event: AgentEvent::Reachable });
            self.told(Input::Agent { agent, event: AgentEvent::Resume });
        }
        for _ in 0..DRAIN_MAX {
            if self.outside.here.is_empty() {
                return;
            }
            let next = self.happenings().into_iter().find(|happening| match happening {
                Happening::Told(
                    Input::Answered { .. } | Input::Ended { .. } | Input::Cleared { .. },
                ) => true,
                Happening::Told(Input::Agent { event, .. }) => {
                    matches!(event, AgentEvent::EndWrapUp | AgentEvent::Resume)
                }
                Happening::Told(_) => false,
                Happening::TimePasses => true,
            });
            match next {
                Some(happening) => self.happens(&happening),
                None => break,
            }
        }
        panic!("stuck: {:?}\nafter {:#?}", self.outside, self.history);
    }
}

/// What a secretary does by herself.
fn moves_of(state: AgentState) -> &'static [AgentEvent] {
    const PAUSE: AgentEvent = AgentEvent::Pause { reason: 1 };
    match state {
        AgentState::LoggedOut => &[AgentEvent::LogIn],
        AgentState::Available => &[PAUSE, AgentEvent::LogOut],
        AgentState::Offered(_) => &[AgentEvent::LogOut],
        AgentState::Talking(_) => &[PAUSE],
        AgentState::WrapUp { .. } => &[AgentEvent::EndWrapUp],
        AgentState::Resting { .. } => &[PAUSE],
        AgentState::Paused { .. } | AgentState::NotResponding => &[AgentEvent::Resume],
    }
}

/// Without Cleo, and with a practice that wants its secretaries elsewhere.
fn smaller() -> Setup {
    let mut smaller = setup();
    smaller.agents.remove(&CLEO);
    let other = smaller.practices.get_mut(&OTHER).expect("it is in the setup");
    other.sites = Some([SiteId(1)].into());
    smaller
}

fn setup() -> Setup {
    let seconds = Duration::from_secs;
    let rest = RetryAfter {
        no_answer: seconds(10),
        declined: seconds(10),
        busy: seconds(10),
        unreachable: seconds(10),
        dropped: Duration::ZERO,
    };
    let plain = Team {
        ring_for: seconds(10),
        wrap_up: seconds(10),
        retry_after: rest,
        misses_max: 2,
        ..Team::default()
    };
    let day = Team {
        circles: vec![
            Widening { after: Duration::ZERO, circle: Circle::Own },
            Widening { after: seconds(10), circle: Circle::Everyone },
        ],
        ageing: Some(seconds(20)),
        ..plain.clone()
    };
    let pool = Team { ring: 2, reserve: 1, ..plain };
    let target = Target::Phone(PhoneId(1));
    let own = Practice {
        answer_within: seconds(30),
        own: vec![ANNA],
        affinity_for: seconds(3_600),
        redial_within: seconds(60),
        hours: Hours::new("Mo-Fr 08:00-20:00", TimeZone::PARIS, Holidays::default())
            .expect("hours"),
        closed: Plan {
            steps: vec![
                Step::Queue(Queue { nobody: Some(seconds(10)), ..Queue::of(POOL) }),
                Step::Announce { prompt: PromptId(2), answer: true, urgent_key: None },
            ],
        },
        at_closing: AtClosing::Move,
        open: Plan {
            steps: vec![
                Step::Queue(Queue { until: Some(seconds(20)), ..Queue::of(DAY) }),
                Step::Forward(Forward { target, ring_for: seconds(10) }),
                Step::Queue(Queue { nobody: Some(seconds(10)), ..Queue::of(POOL) }),
                Step::Announce { prompt: PromptId(1), answer: true, urgent_key: None },
            ],
        },
        ..Practice::default()
    };
    let other = Practice {
        answer_within: seconds(20),
        skill: Some(SkillId(1)),
        open: Plan {
            steps: vec![
                Step::Queue(Queue { unless_waiting: Some(2), ..Queue::of(POOL) }),
                Step::Practice(OWN),
            ],
        },
        ..Practice::default()
    };
    let agent = |teams: &[TeamId], level: u8| Agent {
        teams: teams.to_vec(),
        skills: [(SkillId(1), level)].into(),
        ..Agent::default()
    };
    Setup {
        practices: [(OWN, own), (OTHER, other)].into(),
        teams: [(DAY, day), (POOL, pool)].into(),
        agents: [
            (ANNA, agent(&[DAY], 1)),
            (BEA, agent(&[DAY, POOL], 1)),
            (CLEO, agent(&[POOL], 2)),
        ]
        .into(),
        limits: acd::Limits::default(),
    }
}

#[test]
fn what_the_scheduler_says_is_what_is_watched() {
    let mut world = World::new(Alphabet::Everything);
    world.told(Input::Enter {
        caller: CallerId(1),
        practice: OWN,
        practitioner: None,
        line: None,
        urgency: None,
        leave_by: None,
    });
    assert_eq!(world.outside.ringing.values().collect::<Vec<_>>(), [&ANNA]);
    let decision = Decision::Busy { caller: CallerId(2) };
    assert!(world.outside.sees(&decision).is_err(), "who never came cannot be ended");
}
