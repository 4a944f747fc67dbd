//! Random days: any inputs in any order, and what must hold whatever happens.
//!
//! `World` keeps its own books of phones and callers from the decisions alone, so that what it
//! asserts does not lean on the scheduler's view of itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentEvent, AgentId, AtClosing, CallerId, CallerRule, Circle, Decision, Forward, Input,
    Insistence, Instant, Leave, LineId, Miss, OfferId, Override, Period, PhoneId, Plan, Practice,
    PracticeId, Queue, Repeated, Scheduler, Setup, SiteId, SkillId, Step, Target, TeamId, TimeZone,
    Urgency, Waiting, Way, Widening,
};
use proptest::prelude::*;

use crate::floor::*;

const AGENTS: u32 = 5;
const RECEPTION: Forward = Forward { target: Target::Phone(PhoneId(1)), ring_for: seconds(12) };
/// 2026-01-02 at midnight, a Friday.
const FRIDAY: &str = "2026-01-02T00:00:00+01:00";

#[derive(Clone, Debug)]
enum Op {
    Enter {
        practice: u32,
        line: Option<u64>,
        urgency: Option<Urgency>,
        leave_in: Option<u64>,
    },
    Leave(prop::sample::Index),
    /// Of an offer from the beginning of the day on: often stale.
    Answer(prop::sample::Index),
    AnswerRinging(prop::sample::Index),
    Miss(prop::sample::Index, Miss),
    MissRinging(prop::sample::Index, Miss),
    Drop(prop::sample::Index),
    End(prop::sample::Index),
    Return(prop::sample::Index),
    /// Any line, or the stale ones.
    Clear(prop::sample::Index),
    ClearStale(prop::sample::Index, u32),
    Agent(u32, AgentEvent),
    Rank(prop::sample::Index, Urgency, bool),
    Move(prop::sample::Index, u32),
    Redirect(prop::sample::Index),
    /// For so many minutes, from a Friday's midnight on; 0: none any more.
    Override(u32, acd::Overriding, i64),
    Wait(u64),
    NextTimer,
    Configure(u8),
    /// Minutes since a Friday's midnight.
    Clock(i64),
    Restore,
}

fn miss() -> impl Strategy<Value = Miss> {
    prop::sample::select(vec![Miss::Declined, Miss::Busy, Miss::Unreachable, Miss::Dropped])
}

fn urgency() -> impl Strategy<Value = Urgency> {
    prop::sample::select(vec![Urgency::Vital, Urgency::Urgent, Urgency::Priority, Urgency::Normal])
}

fn agent_event() -> impl Strategy<Value = AgentEvent> {
    prop_oneof![
        4 => Just(AgentEvent::Reachable),
        1 => Just(AgentEvent::Unreachable),
        4 => Just(AgentEvent::LogIn),
        1 => Just(AgentEvent::LogOut),
        1 => (0..3_u16).prop_map(|reason| AgentEvent::Pause { reason }),
        2 => Just(AgentEvent::Resume),
        2 => Just(AgentEvent::EndWrapUp),
        1 => Just(AgentEvent::CallerIsUrgent),
        1 => (0..40_u64).prop_map(|s| AgentEvent::ProlongWrapUp { by: seconds(s) }),
        1 => Just(AgentEvent::LineTaken),
        2 => Just(AgentEvent::LineClear),
    ]
}

fn overriding() -> impl Strategy<Value = acd::Overriding> {
    use acd::Overriding::{Closed, Leave, Open, Redirect};
    prop::sample::select(vec![Open, Closed, Leave, Redirect(RECEPTION)])
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        6 => (1..=6_u32, prop::option::of(1..4_u64), prop::option::weighted(0.3, urgency()),
              prop::option::of(0..90_u64))
            .prop_map(|(practice, line, urgency, leave_in)| {
                Op::Enter { practice, line, urgency, leave_in }
            }),
        1 => (which(), urgency(), any::<bool>()).prop_map(|(i, to, first)| Op::Rank(i, to, first)),
        1 => (which(), 1..=3_u32).prop_map(|(i, team)| Op::Move(i, team)),
        1 => which().prop_map(Op::Redirect),
        1 => (1..=6_u32, overriding(), 0..4 * 24 * 60_i64)
            .prop_map(|(practice, what, minutes)| Op::Override(practice, what, minutes)),
        1 => which().prop_map(Op::Leave),
        1 => which().prop_map(Op::Answer),
        5 => which().prop_map(Op::AnswerRinging),
        1 => (which(), miss()).prop_map(|(i, miss)| Op::Miss(i, miss)),
        2 => (which(), miss()).prop_map(|(i, miss)| Op::MissRinging(i, miss)),
        1 => which().prop_map(Op::Drop),
        3 => which().prop_map(Op::End),
        1 => which().prop_map(Op::Return),
        6 => which().prop_map(Op::Clear),
        1 => (which(), 1..=AGENTS).prop_map(|(i, agent)| Op::ClearStale(i, agent)),
        6 => (1..=AGENTS, agent_event()).prop_map(|(agent, event)| Op::Agent(agent, event)),
        4 => (0..20_u64).prop_map(Op::Wait),
        1 => (20..200_u64).prop_map(Op::Wait),
        4 => Just(Op::NextTimer),
        1 => (0..4_u8).prop_map(Op::Configure),
        1 => (0..4 * 24 * 60_i64).prop_map(Op::Clock),
        1 => Just(Op::Restore),
    ]
}

/// Four setups that differ in agents, their teams, practices and delays.
fn variant(variant: u8) -> Setup {
    let mut setup = setup();
    setup.limits.waiting_max = 12;
    let agents = [vec![1], vec![1], vec![2], vec![1, 2], vec![2, 1, 3]];
    for (id, teams) in (1..).zip(agents) {
        let teams = teams.into_iter().map(TeamId).collect();
        let wrap_up = (id == 2).then_some(Duration::ZERO);
        setup.agents.insert(AgentId(id), Agent { teams, wrap_up, ..Agent::default() });
    }
    let nowhere = [queue(TeamId(3), Some(0)), queue(TEAM, Some(10)), Step::Busy, queue(TEAM, None)];
    setup.practices.insert(PracticeId(4), practice(0, &nowhere));
    let lonely = [
        queue_unless_nobody(TEAM, Some(60), 5),
        queue_unless_nobody(OTHER_TEAM, None, 0),
        announce(1),
    ];
    let mut weekdays = practice(20, &lonely);
    weekdays.hours = hours("Mo-Fr 08:00-20:00; PH off");
    let away = Period::read("2026-01-05", "2026-01-05", TimeZone::PARIS).expect("a period");
    weekdays.leave.push(Leave { period: away, plan: Plan { steps: vec![Step::Busy] } });
    weekdays.closed = Plan { steps: vec![queue(OTHER_TEAM, Some(9)), announce(2)] };
    weekdays.at_closing = AtClosing::Move;
    setup.practices.insert(PracticeId(5), weekdays);
    setup.practices.insert(PracticeId(6), choosy());
    if variant != 1 {
        make_choosy(&mut setup);
    }
    match variant {
        0 => {}
        1 => {
            setup.agents.remove(&AgentId(1));
            setup.agents.get_mut(&AgentId(4)).expect("she is in the setup").teams =
                vec![OTHER_TEAM];
            setup.practices.remove(&DENTIST);
        }
        2 => {
            setup.teams.remove(&OTHER_TEAM);
            setup.agents.remove(&AgentId(5));
            setup.limits.waiting_max = 3;
        }
        _ => {
            let team = setup.teams.get_mut(&TEAM).expect("the team is there");
            team.retry_after = acd::RetryAfter::default();
            team.ring_for = Duration::ZERO;
            team.wrap_up = Duration::ZERO;
            team.misses_max = 0;
        }
    }
    setup
}

/// Reception first; its own secretaries, then its subject's, then others at its site; overflow.
fn choosy() -> Practice {
    let steps = [
        Step::Forward(RECEPTION),
        Step::Queue(Queue { unless_none_free: true, ..Queue::of(OTHER_TEAM) }),
        queue(TEAM, Some(45)),
        Step::Practice(PracticeId(5)),
    ];
    let mut choosy = practice(25, &steps);
    choosy.own = vec![AgentId(4)];
    choosy.skill = Some(SkillId(1));
    choosy.sites = Some([SiteId(0)].into());
    choosy.affinity_for = seconds(600);
    choosy.redial_within = seconds(60);
    choosy.waiting_max = Some(4);
    choosy.wait_max = Some(seconds(100));
    choosy.repeated = Some(Repeated { calls: 2, within: seconds(90), then: Insistence::Rise });
    choosy.callers.insert(LineId(3), CallerRule { urgency: None, way: Way::Through });
    choosy
}

/// Teams that widen, ring two phones, keep one secretary and let their callers age.
fn make_choosy(setup: &mut Setup) {
    let widening = |after_s, circle| Widening { after: seconds(after_s), circle };
    let team = setup.teams.get_mut(&TEAM).expect("the team is there");
    team.circles = vec![
        widening(0, Circle::Own),
        widening(8, Circle::Skilled),
        widening(16, Circle::Everyone),
    ];
    team.ageing = Some(seconds(20));
    let other = setup.teams.get_mut(&OTHER_TEAM).expect("the team is there");
    (other.ring, other.reserve, other.strategy) = (2, 1, acd::Strategy::RoundRobin);
    setup.agents.get_mut(&AgentId(5)).expect("she is in the setup").site = SiteId(1);
    for (agent, level) in [(1, 1), (4, 3)] {
        let agent = setup.agents.get_mut(&AgentId(agent)).expect("she is in the setup");
        agent.skills.insert(SkillId(1), level);
    }
}

/// What a phone system around the scheduler would know.
struct World {
    scheduler: Scheduler,
    /// Never restored: its decisions must be the same.
    unbroken: Scheduler,
    setup: Arc<Setup>,
    now: Instant,
    callers: u64,
    entered: BTreeSet<CallerId>,
    offers: Vec<OfferId>,
    /// Rings now: nobody else may touch that caller or that agent.
    ringing: BTreeMap<OfferId, AgentId>,
    talking: BTreeMap<CallerId, OfferId>,
    forwarded: BTreeSet<OfferId>,
    connected: BTreeMap<CallerId, OfferId>,
    by: BTreeMap<OfferId, AgentId>,
    /// Legs on phones: from the offer to its clearing.
    lines: BTreeMap<AgentId, OfferId>,
}

impl World {
    fn new() -> Self {
        let setup = Arc::new(variant(0));
        Self {
            scheduler: Scheduler::new(Arc::clone(&setup)),
            unbroken: Scheduler::new(Arc::clone(&setup)),
            setup,
            now: Instant::ZERO,
            callers: 0,
            entered: BTreeSet::new(),
            offers: Vec::new(),
            ringing: BTreeMap::new(),
            talking: BTreeMap::new(),
            forwarded: BTreeSet::new(),
            connected: BTreeMap::new(),
            by: BTreeMap::new(),
            lines: BTreeMap::new(),
        }
    }

    fn play(&mut self, op: &Op) {
        match op {
            Op::Enter { practice, line, urgency, leave_in } => {
                self.callers += 1;
                let caller = CallerId(self.callers);
                let leave_by = leave_in.map(|s| self.now + seconds(s));
                let practice = PracticeId(*practice);
                let urgency = *urgency;
                self.input(Input::Enter {
                    caller,
                    practice,
                    practitioner: None,
                    line: line.map(LineId),
                    urgency,
                    leave_by,
                });
            }
            Op::Leave(i) => {
                if let Some(caller) = pick(i, self.entered.iter()) {
                    self.input(Input::Leave { caller });
                }
            }
            Op::Answer(i) => {
                if let Some(offer) = pick(i, self.offers.iter()) {
                    self.input(Input::Answered { offer });
                }
            }
            Op::AnswerRinging(i) => {
                if let Some(offer) = pick(i, self.ringing.keys().chain(&self.forwarded)) {
                    self.input(Input::Answered { offer });
                }
            }
            Op::Miss(i, miss) => {
                if let Some(offer) = pick(i, self.offers.iter()) {
                    self.input(Input::Missed { offer, miss: *miss });
                }
            }
            Op::MissRinging(i, miss) => {
                if let Some(offer) = pick(i, self.ringing.keys().chain(&self.forwarded)) {
                    self.input(Input::Missed { offer, miss: *miss });
                }
            }
            Op::Drop(i) => {
                if let Some(offer) = pick(i, self.talking.values().chain(self.connected.values())) {
                    self.input(Input::Missed { offer, miss: Miss::Dropped });
                }
            }
            Op::End(i) => {
                if let Some(caller) = pick(i, self.talking.keys().chain(self.connected.keys())) {
                    self.input(Input::Ended { caller });
                }
            }
            Op::Return(i) => {
                if let Some(caller) = pick(i, self.talking.keys()) {
                    self.input(Input::Returned { caller });
                }
            }
            Op::Clear(i) => {
                if let Some(agent) = pick(i, self.lines.keys()) {
                    let offer = self.lines[&agent];
                    self.input(Input::Cleared { agent, offer });
                }
            }
            Op::ClearStale(i, agent) => {
                if let Some(offer) = pick(i, self.offers.iter()) {
                    self.input(Input::Cleared { agent: AgentId(*agent), offer });
                }
            }
            Op::Agent(agent, event) => {
                self.input(Input::Agent { agent: AgentId(*agent), event: *event });
            }
            Op::Rank(i, urgency, first) => {
                if let Some(caller) = pick(i, self.entered.iter()) {
                    self.input(Input::Rank { caller, urgency: *urgency, first: *first });
                }
            }
            Op::Move(i, team) => {
                if let Some(caller) = pick(i, self.entered.iter()) {
                    self.input(Input::Move { caller, team: TeamId(*team) });
                }
            }
            Op::Redirect(i) => {
                if let Some(caller) = pick(i, self.entered.iter()) {
                    self.input(Input::Redirect { caller, to: RECEPTION });
                }
            }
            Op::Override(practice, what, minutes) => {
                let until_unix_ms = unix_ms(FRIDAY) + minutes * 60_000;
                let with = (*minutes > 0).then_some(Override { what: *what, until_unix_ms });
                self.input(Input::Override { practice: PracticeId(*practice), with });
            }
            Op::Wait(s) => {
                self.now = self.now + seconds(*s);
                self.step(None);
            }
            Op::NextTimer => {
                if let Some((at, _)) = self.scheduler.poll_timeout() {
                    self.now = self.now.max(at);
                    self.step(None);
                }
            }
            Op::Configure(n) => {
                self.setup = Arc::new(variant(*n));
                self.input(Input::Configure(Arc::clone(&self.setup)));
            }
            Op::Clock(minutes) => {
                let unix_ms = unix_ms(FRIDAY) + minutes * 60_000;
                self.input(Input::Clock { unix_ms });
            }
            Op::Restore => self.restore(),
        }
    }

    fn restore(&mut self) {
        let bytes = postcard::to_allocvec(&self.scheduler).expect("it serialises");
        let state: Scheduler = postcard::from_bytes(&bytes).expect("it restores");
        self.scheduler = Scheduler::restore(Arc::clone(&self.setup), state);
        assert_eq!(postcard::to_allocvec(&self.scheduler).expect("it serialises"), bytes);
        assert_eq!(self.scheduler, self.unbroken);
        assert_eq!(self.scheduler.poll_timeout(), self.unbroken.poll_timeout());
    }

    fn input(&mut self, input: Input) {
        self.step(Some(input));
    }

    fn step(&mut self, input: Option<Input>) {
        let before: Vec<Waiting> = self.scheduler.waiting().collect();
        let result = match &input {
            Some(input) => {
                let result = self.scheduler.handle(self.now, input.clone());
                assert_eq!(result, self.unbroken.handle(self.now, input.clone()));
                result
            }
            None => {
                self.scheduler.handle_timeout(self.now);
                self.unbroken.handle_timeout(self.now);
                Ok(())
            }
        };
        self.scheduler.check_invariants();
        let decisions = drain(&mut self.scheduler);
        assert_eq!(decisions, drain(&mut self.unbroken));
        let input = input.filter(|_| result.is_ok());
        self.note(&decisions, input.as_ref());
        self.check_order(&before, &decisions);
        self.check_books();
    }

    /// The timers' decisions are noted before the input that they came before; `Cleared` and the
    /// end of a call are noted first where an offer may follow from them.
    fn note(&mut self, decisions: &[Decision], input: Option<&Input>) {
        let mut input = input;
        for decision in decisions {
            if let Decision::Offer { offer, agent, .. } = decision
                && (self.lines.contains_key(agent) || self.is_engaged(*agent, offer.caller))
                && let Some(input) = input.take()
            {
                self.note_input(input);
            }
            self.note_decision(decision);
        }
        if let Some(input) = input {
            self.note_input(input);
        }
    }

    fn is_engaged(&self, agent: AgentId, caller: CallerId) -> bool {
        // Two phones of a team may ring for him.
        let rings = self.ringing.iter().filter(|(offer, _)| offer.caller == caller).count();
        rings >= 2
            || self.ringing.values().any(|on| *on == agent)
            || self.forwarded.iter().any(|offer| offer.caller == caller)
            || self.connected.contains_key(&caller)
            || self.talking.iter().any(|(with, offer)| self.by[offer] == agent || *with == caller)
    }

    fn note_input(&mut self, input: &Input) {
        match input {
            Input::Enter { caller, .. } => {
                // An immediate `Busy` was noted before.
                if self.scheduler.caller(*caller).is_some() {
                    self.entered.insert(*caller);
                }
            }
            Input::Leave { caller } | Input::Ended { caller } => {
                self.talking.remove(caller);
                self.connected.remove(caller);
                self.entered.remove(caller);
            }
            Input::Returned { caller } => {
                self.talking.remove(caller);
            }
            Input::Missed { offer, miss } => {
                self.ringing.remove(offer);
                self.forwarded.remove(offer);
                if *miss == Miss::Dropped {
                    self.talking.retain(|_, of| of != offer);
                    self.connected.retain(|_, of| of != offer);
                }
            }
            Input::Cleared { agent, offer } => {
                if self.lines.get(agent) == Some(offer) {
                    self.lines.remove(agent);
                }
            }
            // No text of theirs has a key.
            Input::Pressed { .. }
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
    }

    fn note_decision(&mut self, decision: &Decision) {
        match *decision {
            Decision::Offer { offer, agent, deadline, .. } => {
                assert!(!self.lines.contains_key(&agent), "{agent}'s line is occupied");
                assert!(!self.is_engaged(agent, offer.caller), "{offer:?} is one too many");
                assert!(deadline > self.now);
                self.offers.push(offer);
                self.ringing.insert(offer, agent);
                self.by.insert(offer, agent);
                self.lines.insert(agent, offer);
            }
            Decision::Withdraw { offer, agent, .. } => {
                assert_eq!(self.ringing.remove(&offer), Some(agent));
            }
            Decision::Serve { offer, agent } => {
                assert_eq!(self.ringing.remove(&offer), Some(agent));
                assert_eq!(self.talking.insert(offer.caller, offer), None);
            }
            Decision::Refuse { offer } => assert!(!self.ringing.contains_key(&offer)),
            Decision::Overflow { caller, .. } => {
                assert!(!self.talking.contains_key(&caller));
            }
            Decision::Busy { caller } | Decision::Announce { caller, .. } => {
                assert!(!self.talking.contains_key(&caller));
                self.entered.remove(&caller);
            }
            Decision::Forward { offer, deadline, .. } => {
                assert!(!self.ringing.keys().any(|ringing| ringing.caller == offer.caller));
                assert!(!self.talking.contains_key(&offer.caller));
                assert!(deadline > self.now);
                self.offers.push(offer);
                assert!(self.forwarded.insert(offer));
            }
            Decision::Recall { offer, .. } => assert!(self.forwarded.remove(&offer)),
            Decision::Connect { offer } => {
                assert!(self.forwarded.remove(&offer));
                assert_eq!(self.connected.insert(offer.caller, offer), None);
            }
            Decision::Class { .. }
            | Decision::Plan { .. }
            | Decision::Situation { .. }
            | Decision::OverrideOver { .. } => {}
            Decision::State { agent, .. } => assert!(agent.0 <= AGENTS),
        }
    }

    /// Nobody was offered an agent while one before him, who waited all the time, could be.
    fn check_order(&self, before: &[Waiting], decisions: &[Decision]) {
        let first = |w: &Waiting| (w.urgency, Reverse(w.put_first));
        let place = |w: &Waiting| (first(w), w.deadline, w.arrival, w.sequence);
        for decision in decisions {
            let Decision::Offer { offer, agent: id, .. } = decision else {
                continue;
            };
            let Some(served) = self.scheduler.caller(offer.caller) else {
                continue;
            };
            let Some(agent) = self.setup.agents.get(id) else {
                continue;
            };
            for other in self.scheduler.waiting().filter(|other| before.contains(other)) {
                let view = self.scheduler.caller(other.caller).expect("he waits");
                let due = view.leave_by.into_iter().chain(view.step_end).min();
                assert!(
                    place(&served.waiting) < place(&other)
                        || !self.may_have(id, agent, &other)
                        || due.is_some_and(|due| due <= self.now),
                    "{other:?} was overtaken by {served:?}"
                );
            }
        }
    }

    /// Told once more, from what everybody can see. A team that keeps a reserve is left out of it: who of
    /// its callers may be offered changes within a step.
    fn may_have(&self, id: &AgentId, agent: &Agent, waiting: &Waiting) -> bool {
        let view = self.scheduler.caller(waiting.caller).expect("he waits");
        let team = waiting.team.expect("he is in a queue");
        let reserve = self.setup.teams.get(&team).map_or(0, |team| team.reserve);
        let suits = match self.setup.practices.get(&view.acting) {
            None => true,
            Some(practice) => {
                let has_skill = practice.skill.is_some_and(|it| agent.skills.contains_key(&it));
                practice.sites.as_ref().is_none_or(|sites| sites.contains(&agent.site))
                    && match waiting.circle {
                        Circle::Own => practice.own.contains(id),
                        Circle::Skilled => has_skill,
                        Circle::Everyone => true,
                    }
            }
        };
        agent.teams.contains(&team) && suits && reserve == 0
    }

    fn check_books(&self) {
        let counts = self.scheduler.counts();
        let offered: BTreeSet<_> = self.ringing.keys().map(|offer| offer.caller).collect();
        assert_eq!(counts.offered, offered.len());
        assert_eq!(counts.forwarded, self.forwarded.len());
        assert_eq!(counts.served, self.talking.len() + self.connected.len());
        let known: BTreeSet<_> = self.scheduler.callers().map(|c| c.waiting.caller).collect();
        assert_eq!(known, self.entered);
        let unserved = counts.waiting + counts.offered;
        assert!(unserved <= 12 + AGENTS as usize, "{unserved} wait");
    }
}

fn pick<'a, T: Copy + 'a>(
    index: &prop::sample::Index,
    items: impl Iterator<Item = &'a T>,
) -> Option<T> {
    let items: Vec<T> = items.copied().collect();
    (!items.is_empty()).then(|| *index.get(&items))
}

fn drain(scheduler: &mut Scheduler) -> Vec<Decision> {
    std::iter::from_fn(|| scheduler.poll_decision()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_one_secretary_has_one_call_and_nobody_waits_for_nothing(
        ops in prop::collection::vec(op(), 1..250)
    ) {
        let mut world = World::new();
        for agent in 1..=AGENTS {
            world.play(&Op::Agent(agent, AgentEvent::Reachable));
            world.play(&Op::Agent(agent, AgentEvent::LogIn));
        }
        for op in &ops {
            world.play(op);
        }
    }
}

#[test]
fn every_caller_of_a_day_is_served_once_or_told_busy() {
    let mut world = World::new();
    for agent in 1..=AGENTS {
        world.play(&Op::Agent(agent, AgentEvent::Reachable));
        world.play(&Op::Agent(agent, AgentEvent::LogIn));
    }
    for n in 0..200_u32 {
        let practice = n % 5 + 1;
        world.play(&Op::Enter { practice, line: None, urgency: None, leave_in: Some(85) });
        world.now = world.now + seconds(3);
        for offer in world.ringing.keys().copied().collect::<Vec<_>>() {
            world.input(Input::Answered { offer });
        }
        if n % 3 == 0 {
            for (caller, offer) in world.talking.clone() {
                world.input(Input::Ended { caller });
                world.input(Input::Cleared { agent: world.by[&offer], offer });
            }
        }
    }
    while !world.entered.is_empty() {
        world.now = world.now + seconds(1);
        world.step(None);
        for offer in world.ringing.keys().copied().collect::<Vec<_>>() {
            world.input(Input::Answered { offer });
        }
        for (caller, offer) in world.talking.clone() {
            world.input(Input::Ended { caller });
            world.input(Input::Cleared { agent: world.by[&offer], offer });
        }
    }
    assert_eq!(world.scheduler.counts().waiting, 0);
}
