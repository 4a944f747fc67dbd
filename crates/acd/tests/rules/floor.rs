//! A small floor in virtual time: says in one line what a test does, and checks the scheduler's
//! invariants after each step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentEvent, AgentId, AgentState, CallerId, Decision, Holidays, Hours, Input, Instant,
    Limits, LineId, Miss, OfferId, Plan, Practice, PracticeId, PromptId, Queue, Reason, Refusal,
    RetryAfter, Scheduler, Setup, Step, Team, TeamId, TimeZone, Urgency, Withdrawal,
};

pub(crate) const TEAM: TeamId = TeamId(1);
pub(crate) const OTHER_TEAM: TeamId = TeamId(2);
/// Answers within 30 s, queues in `TEAM`.
pub(crate) const DOCTOR: PracticeId = PracticeId(1);
/// Answers within 15 s, queues in `TEAM`.
pub(crate) const CLINIC: PracticeId = PracticeId(2);
/// `TEAM` for 20 s, `OTHER_TEAM` for 40 s, then busy.
pub(crate) const DENTIST: PracticeId = PracticeId(3);
pub(crate) const ANNA: AgentId = AgentId(1);
pub(crate) const BEA: AgentId = AgentId(2);
/// Of `OTHER_TEAM` alone.
pub(crate) const CLEO: AgentId = AgentId(3);

pub(crate) const RING_S: u64 = 15;
pub(crate) const WRAP_UP_S: u64 = 10;
pub(crate) const NO_ANSWER_S: u64 = 30;
pub(crate) const DECLINED_S: u64 = 20;
pub(crate) const BUSY_S: u64 = 8;
pub(crate) const UNREACHABLE_S: u64 = 5;
pub(crate) const DROPPED_S: u64 = 3;
pub(crate) const MISSES_MAX: u32 = 3;

pub(crate) const fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(crate) fn at(s: u64) -> Instant {
    Instant::from_millis(s * 1_000)
}

pub(crate) fn queue(team: TeamId, until_s: Option<u64>) -> Step {
    Step::queue(team, until_s.map(seconds))
}

pub(crate) fn queue_unless_nobody(team: TeamId, until_s: Option<u64>, nobody_s: u64) -> Step {
    let (until, nobody) = (until_s.map(seconds), Some(seconds(nobody_s)));
    Step::Queue(Queue { until, nobody, ..Queue::of(team) })
}

pub(crate) fn announce(prompt: u32) -> Step {
    Step::Announce { prompt: PromptId(prompt), answer: true, urgent_key: None }
}

pub(crate) fn announced(caller: u64, step: usize, prompt: u32) -> Decision {
    let (caller, prompt) = (CallerId(caller), PromptId(prompt));
    Decision::Announce { caller, step, prompt, answer: true, urgent_key: None }
}

pub(crate) fn hours(text: &str) -> Hours {
    Hours::new(text, TimeZone::PARIS, Holidays::default()).expect("hours")
}

/// A civil time as `2026-03-29T03:00:00+02:00`, in Unix milliseconds.
pub(crate) fn unix_ms(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).expect("a civil time").timestamp_millis()
}

pub(crate) fn practice(answer_within_s: u64, steps: &[Step]) -> Practice {
    Practice {
        answer_within: seconds(answer_within_s),
        open: Plan { steps: steps.to_vec() },
        closed: Plan { steps: vec![announce(9)] },
        ..Practice::default()
    }
}

pub(crate) fn team() -> Team {
    Team {
        ring_for: seconds(RING_S),
        wrap_up: seconds(WRAP_UP_S),
        retry_after: RetryAfter {
            no_answer: seconds(NO_ANSWER_S),
            declined: seconds(DECLINED_S),
            busy: seconds(BUSY_S),
            unreachable: seconds(UNREACHABLE_S),
            dropped: seconds(DROPPED_S),
        },
        misses_max: MISSES_MAX,
        ..Team::default()
    }
}

pub(crate) fn agent(teams: &[TeamId]) -> Agent {
    Agent { teams: teams.to_vec(), ..Agent::default() }
}

pub(crate) fn setup() -> Setup {
    let dentist = [queue(TEAM, Some(20)), queue(OTHER_TEAM, Some(40)), Step::Busy];
    Setup {
        practices: BTreeMap::from([
            (DOCTOR, practice(30, &[queue(TEAM, None)])),
            (CLINIC, practice(15, &[queue(TEAM, None)])),
            (DENTIST, practice(30, &dentist)),
        ]),
        teams: BTreeMap::from([(TEAM, team()), (OTHER_TEAM, team())]),
        agents: BTreeMap::from([
            (ANNA, agent(&[TEAM])),
            (BEA, agent(&[TEAM])),
            (CLEO, agent(&[OTHER_TEAM])),
        ]),
        limits: Limits::default(),
    }
}

pub(crate) fn offer_id(caller: u64, generation: u32) -> OfferId {
    OfferId { caller: CallerId(caller), generation }
}

pub(crate) fn offered(
    caller: u64,
    generation: u32,
    agent: AgentId,
    practice: PracticeId,
    deadline: Instant,
) -> Decision {
    Decision::Offer { offer: offer_id(caller, generation), agent, practice, deadline }
}

pub(crate) fn withdrawn(caller: u64, generation: u32, agent: AgentId, why: Withdrawal) -> Decision {
    Decision::Withdraw { offer: offer_id(caller, generation), agent, why }
}

pub(crate) fn serves(caller: u64, generation: u32, agent: AgentId) -> Decision {
    Decision::Serve { offer: offer_id(caller, generation), agent }
}

pub(crate) struct Floor {
    pub(crate) scheduler: Scheduler,
    pub(crate) now: Instant,
}

impl Floor {
    pub(crate) fn new(setup: Setup) -> Self {
        Self { scheduler: Scheduler::new(Arc::new(setup)), now: Instant::ZERO }
    }

    /// The usual setup with these agents at work, one second apart, the clock at 10 s after.
    pub(crate) fn with(agents: &[AgentId]) -> Self {
        Self::with_setup(setup(), agents)
    }

    pub(crate) fn with_setup(setup: Setup, agents: &[AgentId]) -> Self {
        let mut floor = Self::new(setup);
        for (n, &agent) in agents.iter().enumerate() {
            floor.now = at(n as u64);
            floor.starts(agent);
        }
        floor.now = at(10);
        floor
    }

    /// Runs the timers up to then, each at its own instant.
    pub(crate) fn until(&mut self, then_s: u64) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let then = at(then_s);
        assert!(then >= self.now, "the clock goes forward");
        while let Some((due, _)) = self.scheduler.poll_timeout().filter(|(due, _)| *due <= then) {
            self.scheduler.handle_timeout(due);
            self.scheduler.check_invariants();
            decisions.extend(self.decisions());
        }
        self.now = then;
        decisions
    }

    pub(crate) fn try_input(&mut self, input: Input) -> Result<Vec<Decision>, Refusal> {
        let result = self.scheduler.handle(self.now, input);
        self.scheduler.check_invariants();
        let decisions = self.decisions();
        result.map(|()| decisions)
    }

    pub(crate) fn input(&mut self, input: Input) -> Vec<Decision> {
        self.try_input(input).expect("accepted")
    }

    pub(crate) fn enters(&mut self, caller: u64, practice: PracticeId) -> Vec<Decision> {
        self.input(enter(caller, practice, None, None))
    }

    /// From a number that he shows.
    pub(crate) fn calls(&mut self, caller: u64, practice: PracticeId, line: u64) -> Vec<Decision> {
        self.input(entering(caller, practice, Some(line), None))
    }

    pub(crate) fn leaves(&mut self, caller: u64) -> Vec<Decision> {
        self.input(Input::Leave { caller: CallerId(caller) })
    }

    pub(crate) fn ends(&mut self, caller: u64) -> Vec<Decision> {
        self.input(Input::Ended { caller: CallerId(caller) })
    }

    pub(crate) fn returns(&mut self, caller: u64) -> Vec<Decision> {
        self.input(Input::Returned { caller: CallerId(caller) })
    }

    pub(crate) fn answers(&mut self, caller: u64, generation: u32) -> Vec<Decision> {
        self.input(Input::Answered { offer: offer_id(caller, generation) })
    }

    pub(crate) fn misses(&mut self, caller: u64, generation: u32, miss: Miss) -> Vec<Decision> {
        self.input(Input::Missed { offer: offer_id(caller, generation), miss })
    }

    pub(crate) fn clears(&mut self, agent: AgentId, caller: u64, generation: u32) -> Vec<Decision> {
        self.input(Input::Cleared { agent, offer: offer_id(caller, generation) })
    }

    pub(crate) fn agent(&mut self, agent: AgentId, event: AgentEvent) -> Vec<Decision> {
        self.input(Input::Agent { agent, event })
    }

    pub(crate) fn starts(&mut self, agent: AgentId) -> Vec<Decision> {
        let mut decisions = self.agent(agent, AgentEvent::Reachable);
        decisions.extend(self.agent(agent, AgentEvent::LogIn));
        decisions
    }

    /// A whole conversation of her next offer: answered, over, line clear; wrap-up runs.
    pub(crate) fn talks(&mut self, agent: AgentId, caller: u64, generation: u32) {
        assert_eq!(self.answers(caller, generation), [serves(caller, generation, agent)]);
        self.ends(caller);
        self.clears(agent, caller, generation);
    }

    /// Tells the wall clock: now it is that civil time.
    pub(crate) fn is_told(&mut self, time: &str) {
        let decisions = self.input(Input::Clock { unix_ms: unix_ms(time) });
        let changes = |it: &Decision| matches!(it, Decision::Situation { .. });
        assert!(decisions.iter().all(changes), "{decisions:?}");
    }

    pub(crate) fn configures(&mut self, setup: Setup) -> Vec<Decision> {
        self.input(Input::Configure(Arc::new(setup)))
    }

    pub(crate) fn state(&self, agent: AgentId) -> AgentState {
        self.scheduler.agent(agent).expect("she is known").state
    }

    pub(crate) fn is_free(&self, agent: AgentId) -> bool {
        self.scheduler.agent(agent).expect("she is known").free
    }

    pub(crate) fn waiting(&self) -> Vec<u64> {
        self.scheduler.waiting().map(|waiting| waiting.caller.0).collect()
    }

    pub(crate) fn next_timer(&self) -> Option<(Instant, Reason)> {
        self.scheduler.poll_timeout()
    }

    fn decisions(&mut self) -> Vec<Decision> {
        std::iter::from_fn(|| self.scheduler.poll_decision())
            .filter(|decision| !matches!(decision, Decision::State { .. } | Decision::Class { .. }))
            .collect()
    }
}

pub(crate) fn enter(
    caller: u64,
    practice: PracticeId,
    urgency: Option<Urgency>,
    leave_by: Option<Instant>,
) -> Input {
    Input::Enter {
        caller: CallerId(caller),
        practice,
        practitioner: None,
        line: None,
        urgency,
        leave_by,
    }
}

/// From a number that he shows.
pub(crate) fn entering(
    caller: u64,
    practice: PracticeId,
    line: Option<u64>,
    urgency: Option<Urgency>,
) -> Input {
    let (caller, line) = (CallerId(caller), line.map(LineId));
    Input::Enter { caller, practice, practitioner: None, line, urgency, leave_by: None }
}
