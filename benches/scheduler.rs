//! How long the scheduler takes for an event, and how that grows with the number of waiting callers,
//! secretaries, practices and teams a secretary.
//!
//! All secretaries talk and callers wait, as on a Monday at 8. Then again and again one of them hangs up
//! and her line clears, by which the first of the waiting is offered to her: that event, from the input to
//! the last decision taken out, is *the decision*. She answers, talks, and another caller enters. The
//! references are a bare ordered set of as many callers, and what queues do that look at all of them.
//!
//! *An arrival that asks* is a caller whose queue is worth entering only while he must not be expected to
//! wait too long: what he finds ahead must be counted for that.
//!
//! There all callers ask for the same. *A centre* is as one may be: teams with circles and ageing, and
//! practices that have secretaries of their own, a skill, and a wish for where they work.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentEvent, AgentId, CallerId, Circle, Decision, Forward, Input, Instant, Limits,
    OfferId, PhoneId, Plan, Practice, PracticeId, Queue, RetryAfter, Scheduler, Setup, SiteId,
    SkillId, Step, Target, Team, TeamId, Urgency, Widening,
};
use benches::{Allocations, Bar, CountingAllocator, Figures, allocations, number};
use hdrhistogram::Histogram;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How long who asks may be expected to wait.
const ASKING: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(1_800)];
/// Hang-ups that are measured in each case, after as many tenths that are not.
const ROUNDS: usize = 20_000;
/// From 10 to 100,000 waiting callers a tree grows from one level to six: what is worse than this is not
/// logarithmic. (Caches make up most of it.)
const GROWTH_MAX: f64 = 8.0;

#[derive(Copy, Clone)]
struct Case {
    waiting: usize,
    agents: usize,
    practices: usize,
    /// Teams that each secretary serves; in a centre mostly one.
    groups: usize,
    is_centre: bool,
    /// Between two inputs.
    tick: Duration,
}

const USUAL: Case = Case {
    waiting: 10_000,
    agents: 1_000,
    practices: 1_000,
    groups: 1,
    is_centre: false,
    tick: Duration::from_millis(1),
};
/// At this pace a call of one of 200 secretaries lasts for three minutes.
const CENTRE: Case =
    Case { waiting: 100, agents: 200, is_centre: true, tick: Duration::from_millis(225), ..USUAL };

fn main() -> std::io::Result<()> {
    let mut figures = Figures::of("scheduler");
    let mut medians = Vec::new();
    for waiting in [10, 100, 1_000, 10_000, 100_000] {
        let median = measure(&mut figures, Case { waiting, ..USUAL }, waiting == USUAL.waiting);
        medians.push(median);
        references(&mut figures, waiting);
    }
    let growth = medians[medians.len() - 1] / medians[0];
    let case = "10 to 100,000 waiting";
    figures.judge(case, "the decision's p50 grows by", growth, "times", Bar::AtMost(GROWTH_MAX));
    for agents in [10, 100, 10_000] {
        measure(&mut figures, Case { agents, ..USUAL }, false);
    }
    for practices in [1, 100, 10_000] {
        measure(&mut figures, Case { practices, ..USUAL }, false);
    }
    for groups in [10, 50, 200] {
        measure(&mut figures, Case { groups, ..USUAL }, false);
    }
    for waiting in [10, 100, 1_000, 10_000, 100_000] {
        arrivals(&mut figures, Case { waiting, ..USUAL });
    }
    for waiting in [CENTRE.waiting, 1_000, 10_000] {
        measure(&mut figures, Case { waiting, ..CENTRE }, waiting == CENTRE.waiting);
    }
    figures.keep()
}

/// The median of the decision in nanoseconds.
fn measure(figures: &mut Figures, case: Case, is_judged: bool) -> f64 {
    let Case { waiting, agents, practices, groups, is_centre, .. } = case;
    let teams = if is_centre { "a centre".to_owned() } else { format!("{groups} teams each") };
    let name = format!(
        "{} waiting, {} agents, {} practices, {teams}",
        number(waiting as f64),
        number(agents as f64),
        number(practices as f64)
    );
    let mut floor = Floor::new(case);
    for _ in 0..ROUNDS / 10 {
        floor.round();
    }
    floor.times = Times::new();
    for _ in 0..ROUNDS {
        floor.round();
    }
    let Times { offer, enter, answer, end, taken } = &floor.times;
    let us = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    if is_judged {
        figures.judge(&name, "decision p50", us(offer, 0.5), "us", Bar::AtMost(2.0));
        figures.judge(&name, "decision p99", us(offer, 0.99), "us", Bar::AtMost(10.0));
        figures.tell(&name, "decision p99.9", us(offer, 0.999), "us");
    } else {
        figures.tell_latency(&name, "decision", offer);
    }
    for (what, times) in [("a caller enters", enter), ("she answers", answer), ("she ends", end)] {
        figures.tell(&name, &format!("{what}, p50"), us(times, 0.5), "us");
    }
    let allocations = taken.count as f64 / ROUNDS as f64;
    figures.tell(&name, "allocations a call", allocations, "");
    offer.value_at_quantile(0.5) as f64
}

/// Who asks how long he must be expected to wait, is let in or not, and is gone again.
fn arrivals(figures: &mut Figures, case: Case) {
    let mut floor = Floor::new(case);
    let name = format!("{} waiting, an arrival that asks", number(case.waiting as f64));
    for (longest, practice) in (0..).zip(ASKING).map(|(at, it)| (it, asking(case, at))) {
        let mut times = histogram();
        for _ in 0..ROUNDS / 10 {
            floor.callers += 1;
            let caller = CallerId(floor.callers);
            let leave_by = Some(floor.now + Duration::from_secs(100_000));
            let enter = Input::Enter {
                caller,
                practice,
                practitioner: None,
                line: None,
                urgency: None,
                leave_by,
            };
            times.saturating_record(floor.timed(enter).1);
            if floor.scheduler.caller(caller).is_some() {
                floor.step(Input::Leave { caller });
            }
        }
        figures.tell_latency(&name, &format!("at most {} s", longest.as_secs()), &times);
    }
}

/// The practices of who asks come after the others.
fn asking(case: Case, at: u32) -> PracticeId {
    PracticeId(u32::try_from(case.practices).expect("few") + at)
}

/// What the least that must be done costs, and what is done elsewhere.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn references(figures: &mut Figures, waiting: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut sorted: BTreeSet<(u64, u64)> =
        (0..waiting as u64).map(|number| (random.next_u64(), number)).collect();
    let mut tree = histogram();
    for number in 0..ROUNDS as u64 {
        let entry = (random.next_u64(), number + waiting as u64);
        let begin = std::time::Instant::now();
        black_box(sorted.pop_first());
        sorted.insert(entry);
        record(&mut tree, begin);
    }
    let case = format!("{} waiting", number(waiting as f64));
    let name = "a bare ordered set, out and in, p50";
    figures.tell(&case, name, tree.value_at_quantile(0.5) as f64 / 1e3, "us");

    let mut all: Vec<(u64, u64)> = sorted.into_iter().collect();
    let mut scan = histogram();
    for number in 0..500_u64 {
        let entry = (random.next_u64(), number);
        let begin = std::time::Instant::now();
        let first = (0..all.len()).min_by_key(|index| black_box(&all)[*index]).expect("they wait");
        all.swap_remove(first);
        all.push(entry);
        record(&mut scan, begin);
    }
    let name = "a look at each of them, p50";
    figures.tell(&case, name, scan.value_at_quantile(0.5) as f64 / 1e3, "us");
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("constant bounds")
}

fn record(times: &mut Histogram<u64>, begin: std::time::Instant) {
    let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    times.saturating_record(nanos.max(1));
}

struct Times {
    offer: Histogram<u64>,
    enter: Histogram<u64>,
    answer: Histogram<u64>,
    end: Histogram<u64>,
    taken: Allocations,
}

impl Times {
    fn new() -> Self {
        let [offer, enter, answer, end] = std::array::from_fn(|_| histogram());
        Self { offer, enter, answer, end, taken: Allocations::default() }
    }
}

/// A scheduler on which everybody talks.
struct Floor {
    scheduler: Scheduler,
    case: Case,
    now: Instant,
    callers: u64,
    talking: Vec<(AgentId, OfferId)>,
    random: ChaCha8Rng,
    times: Times,
}

impl Floor {
    fn new(case: Case) -> Self {
        let mut floor = Self {
            scheduler: Scheduler::new(Arc::new(setup(case))),
            case,
            now: Instant::from_micros(1),
            callers: 0,
            talking: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(1),
            times: Times::new(),
        };
        for agent in agents(case) {
            for event in [AgentEvent::Reachable, AgentEvent::LogIn] {
                floor.step(Input::Agent { agent, event });
            }
        }
        while floor.scheduler.counts().waiting < case.waiting {
            floor.enter();
        }
        assert!(case.is_centre || floor.talking.len() == case.agents, "everybody talks");
        floor
    }

    /// One hangs up, gets the next caller and answers; another caller comes.
    fn round(&mut self) {
        let index = self.random.next_u64() as usize % self.talking.len();
        let (agent, offer) = self.talking.swap_remove(index);
        let ended = self.step(Input::Ended { caller: offer.caller }).1;
        self.times.end.saturating_record(ended);
        let (is_offered, cleared) = self.step(Input::Cleared { agent, offer });
        // In a centre nobody may be waiting whom she may have.
        assert!(is_offered || self.case.is_centre, "the first of the waiting is offered to her");
        if is_offered {
            self.times.offer.saturating_record(cleared);
        }
        let entered = self.enter();
        self.times.enter.saturating_record(entered);
    }

    fn enter(&mut self) -> u64 {
        let input = self.next_caller();
        self.step(input).1
    }

    fn next_caller(&mut self) -> Input {
        self.callers += 1;
        let practice = self.random.next_u32() % u32::try_from(self.case.practices).expect("few");
        let urgency = self.random.next_u32().is_multiple_of(20).then_some(Urgency::Urgent);
        Input::Enter {
            caller: CallerId(self.callers),
            practice: PracticeId(practice),
            practitioner: None,
            line: None,
            urgency,
            leave_by: Some(self.now + Duration::from_secs(100_000)),
        }
    }

    /// Who is offered answers at once. Whether anybody was; how many nanoseconds the input took.
    fn step(&mut self, input: Input) -> (bool, u64) {
        let (mut decisions, nanos) = self.timed(input);
        let mut is_offered = false;
        while let Some(decision) = decisions.pop_front() {
            let Some(offer) = offer_of(decision) else { continue };
            is_offered = true;
            let (more, answered) = self.timed(Input::Answered { offer: offer.1 });
            self.times.answer.saturating_record(answered);
            self.talking.push(offer);
            decisions.extend(more);
        }
        (is_offered, nanos)
    }

    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    fn timed(&mut self, input: Input) -> (VecDeque<Decision>, u64) {
        self.now = self.now + self.case.tick;
        let (now, scheduler) = (self.now, &mut self.scheduler);
        let mut decisions = VecDeque::with_capacity(8);
        let begin = std::time::Instant::now();
        let ((), taken) = allocations(|| {
            scheduler.handle(now, input).expect("an input that makes sense");
            while let Some(decision) = scheduler.poll_decision() {
                decisions.push_back(decision);
            }
        });
        let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.times.taken.count += taken.count;
        (decisions, nanos.max(1))
    }
}

fn offer_of(decision: Decision) -> Option<(AgentId, OfferId)> {
    match decision {
        Decision::Offer { offer, agent, .. } => Some((agent, offer)),
        Decision::Withdraw { .. }
        | Decision::Serve { .. }
        | Decision::Refuse { .. }
        | Decision::Forward { .. }
        | Decision::Recall { .. }
        | Decision::Connect { .. }
        | Decision::Plan { .. }
        | Decision::Situation { .. }
        | Decision::OverrideOver { .. }
        | Decision::Overflow { .. }
        | Decision::Class { .. }
        | Decision::Announce { .. }
        | Decision::Busy { .. }
        | Decision::State { .. } => None,
    }
}

fn agents(case: Case) -> impl Iterator<Item = AgentId> {
    (1..).map(AgentId).take(case.agents)
}

fn setup(case: Case) -> Setup {
    if case.is_centre { centre(case) } else { floor(case) }
}

/// Every secretary serves all teams, the practices are spread over them.
fn floor(case: Case) -> Setup {
    let teams: Vec<TeamId> = (1..).map(TeamId).take(case.groups).collect();
    let seconds = Duration::from_secs;
    let team = Team {
        ring_for: seconds(20),
        wrap_up: Duration::ZERO,
        retry_after: RetryAfter::default(),
        misses_max: 0,
        ..Team::default()
    };
    let practice = |number: u32| {
        let team = teams[number as usize % teams.len()];
        let steps = vec![Step::queue(team, None)];
        let within = seconds(u64::from(10 + number % 30));
        (PracticeId(number), Practice::without_hours(within, Urgency::Normal, Plan { steps }))
    };
    let asking = (0..).zip(ASKING).map(|(at, longest)| {
        let queue = Queue { unless_expected: Some(longest), ..Queue::of(teams[0]) };
        let open = Plan { steps: vec![Step::Queue(queue), Step::Busy] };
        (asking(case, at), Practice::without_hours(seconds(20), Urgency::Normal, open))
    });
    let agent = Agent { teams: teams.clone(), ..Agent::default() };
    Setup {
        practices: (0..).take(case.practices).map(practice).chain(asking).collect(),
        teams: teams.iter().map(|id| (*id, team.clone())).collect(),
        agents: agents(case).map(|id| (id, agent.clone())).collect(),
        limits: Limits { waiting_max: 1_000_000 },
    }
}

const CENTRE_TEAMS: u32 = 20;
const SITES: u32 = 10;
const SKILLS: u32 = 12;

/// Practices of 20 teams: a third has two secretaries of its own, every other one a skill, a quarter a
/// wish for where they work.
fn centre(case: Case) -> Setup {
    let agent = |id: AgentId| {
        let number = id.0;
        let team = |offset| TeamId((number + offset) % CENTRE_TEAMS);
        let teams = if number.is_multiple_of(5) { vec![team(0), team(1)] } else { vec![team(0)] };
        let skill = |offset: u32| SkillId(small((number / CENTRE_TEAMS + offset) % SKILLS));
        Agent {
            teams,
            site: SiteId(small(number % SITES)),
            skills: (0..4).map(|offset| (skill(offset), 1 + number as u8 % 5)).collect(),
            ..Agent::default()
        }
    };
    let agents: BTreeMap<AgentId, Agent> = agents(case).map(|id| (id, agent(id))).collect();
    let practice = |number: u32| {
        let team = TeamId(number % CENTRE_TEAMS);
        let of_team = agents.iter().filter(|(_, agent)| agent.teams.contains(&team));
        let own = of_team.map(|(&id, _)| id).skip(number as usize % 8).take(2);
        let sites = || (0..8).map(|offset| SiteId(small((number + offset) % SITES))).collect();
        let within = Duration::from_secs(u64::from(15 + number % 3 * 15));
        let practice = Practice {
            own: if number.is_multiple_of(3) { own.collect() } else { Vec::new() },
            skill: number.is_multiple_of(2).then(|| SkillId(small(number / 2 % SKILLS))),
            sites: number.is_multiple_of(4).then(sites),
            ..Practice::without_hours(within, Urgency::Normal, plan(team))
        };
        (PracticeId(number), practice)
    };
    let widens = |after, circle| Widening { after: Duration::from_secs(after), circle };
    let team = Team {
        ring_for: Duration::from_secs(20),
        circles: vec![
            widens(0, Circle::Own),
            widens(15, Circle::Skilled),
            widens(30, Circle::Everyone),
        ],
        ageing: Some(Duration::from_secs(180)),
        ..Team::default()
    };
    let practices = u32::try_from(case.practices).expect("few");
    Setup {
        practices: (0..practices).map(practice).collect(),
        teams: (0..CENTRE_TEAMS).map(|id| (TeamId(id), team.clone())).collect(),
        agents,
        limits: Limits { waiting_max: 1_000_000 },
    }
}

/// As plans are: the team, somebody else, the team again.
fn plan(team: TeamId) -> Plan {
    let desk = Forward { target: Target::Phone(PhoneId(1)), ring_for: Duration::from_secs(20) };
    let until = Some(Duration::from_secs(24 * 3_600));
    let queue = Queue { until, ..Queue::of(team) };
    let steps = vec![Step::Queue(queue), Step::Forward(desk), Step::queue(team, None), Step::Busy];
    Plan { steps }
}

fn small(number: u32) -> u16 {
    u16::try_from(number).expect("small")
}
