//! What does not change while calls live: practices with their plans, teams, agents.
//!
//! A new [`Setup`] comes as a whole by [`Input::Configure`](crate::Input::Configure).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::caller::Urgency;
use crate::civil::Period;
use crate::hours::Hours;
use crate::id::{
    AgentId, LineId, PracticeId, PractitionerId, PromptId, SiteId, SkillId, Target, TeamId,
};
use crate::limits::Limits;

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Setup {
    pub practices: BTreeMap<PracticeId, Practice>,
    pub teams: BTreeMap<TeamId, Team>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub limits: Limits,
}

/// The default is one that is open at any time, promises nothing and ends every caller with busy.
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Practice {
    /// The target that it pays for: a caller's deadline is his arrival plus this.
    pub answer_within: Duration,
    /// Class of callers that enter without one of their own.
    pub urgency: Urgency,
    pub hours: Hours,
    /// Of two that hold at once, the first one counts.
    pub leave: Vec<Leave>,
    /// While it is open.
    pub open: Plan,
    /// While it is closed, and not on leave.
    pub closed: Plan,
    /// For a leave that an override declares.
    pub away: Plan,
    /// What becomes of who still waits when it closes or goes on leave.
    pub at_closing: AtClosing,
    /// Its own secretaries: of the free ones they are taken first, and the narrowest circle is theirs.
    pub own: Vec<AgentId>,
    /// What its secretaries should know: who knows it better is taken first.
    pub skill: Option<SkillId>,
    /// Where its secretaries may work; `None`: anywhere.
    pub sites: Option<BTreeSet<SiteId>>,
    /// Time after a call for it, unless the agent has her own.
    pub wrap_up: Option<Duration>,
    /// Callers of it that may wait at once; one more is refused with
    /// [`Refusal::PracticeFull`](crate::Refusal::PracticeFull). Urgent and vital ones have the head-room of
    /// [`Limits`] beyond it.
    pub waiting_max: Option<usize>,
    /// How long a caller may wait in its queues altogether; then he goes on to the first step that is
    /// none.
    pub wait_max: Option<Duration>,
    /// Callers who are treated otherwise than all.
    pub callers: BTreeMap<LineId, CallerRule>,
    /// Those of its people who have numbers of their own.
    pub practitioners: BTreeMap<PractitionerId, Practitioner>,
    pub repeated: Option<Repeated>,
    /// How long who last spoke with a caller for it goes before other free secretaries.
    pub affinity_for: Duration,
    /// Who gives up waiting, or whom a plan with a queue ends with busy, and who calls again within this
    /// has his place in the order back.
    pub redial_within: Duration,
}

/// What callers of his own numbers meet before what the practice says of all; they are the practice's
/// callers for all else.
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Practitioner {
    /// Before the practice's own list.
    pub callers: BTreeMap<LineId, CallerRule>,
    /// Before the practice's leave and hours, not before an override; of two that hold at once, the first
    /// one counts. Looked at when a caller enters: he keeps the plan that he meets.
    pub leave: Vec<Leave>,
}

/// A time in which the practice, or one of its people, is away, whatever the hours say.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Leave {
    pub period: Period,
    pub plan: Plan,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub enum AtClosing {
    /// Who waits is served on.
    #[default]
    ServeOn,
    /// He begins the plan of the new situation, his clock running.
    Move,
}

/// What a practice wants of one caller's calls (a colleague, a hospital, a nuisance).
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CallerRule {
    pub urgency: Option<Urgency>,
    pub way: Way,
}

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub enum Way {
    /// As everybody.
    #[default]
    Usual,
    /// The open plan, whatever the hours say; no limit of the practice counts him.
    Through,
    /// This one, whatever the hours say: blocked, or straight to the practitioner.
    Plan(Plan),
}

/// What becomes of a caller's `calls`-th call `within` this time, and of those after it.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Repeated {
    pub calls: u32,
    pub within: Duration,
    pub then: Insistence,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Insistence {
    /// He rises by one class, not beyond [`Urgency::Urgent`].
    Rise,
    /// He gets this plan instead, unless he is urgent or vital.
    Limit(Plan),
}

/// What holds for a practice, and so which of its plans its callers follow.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Situation {
    Open,
    Closed,
    Leave,
    /// An override sends all callers elsewhere.
    Redirected,
    /// The caller is on a list of the practice, or called too often: he has a plan of his own.
    Listed,
}

impl Situation {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Leave => "leave",
            Self::Redirected => "redirected",
            Self::Listed => "listed",
        }
    }

    /// The practice means to have nobody of its callers served, whichever way its plan ends.
    pub fn serves_nobody(self) -> bool {
        match self {
            Self::Closed | Self::Leave => true,
            Self::Open | Self::Redirected | Self::Listed => false,
        }
    }
}

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// At least one; an empty plan counts as `[Busy]`.
    pub steps: Vec<Step>,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Wait for an agent.
    Queue(Queue),
    /// Ring somebody else for him: the practice's own reception, a doctor on call. He moves on when
    /// nobody has taken him there for so long, or as soon as that is hopeless.
    Forward(Forward),
    /// Go on with the plan of another practice, in its own situation; passed over when it is gone.
    Practice(PracticeId),
    /// Play him a text and end him: `answer` says whether his call is answered for it. Who is answered
    /// and presses `urgent_key` meanwhile is urgent at least, and goes on with the next step.
    Announce { prompt: PromptId, answer: bool, urgent_key: Option<char> },
    /// End him with busy.
    Busy,
}

/// Who waits here moves on by `until` and `nobody`, and does not enter it if one of the rest says so.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Queue {
    pub team: TeamId,
    /// How long he waits in this step; `None`: until his `leave_by`.
    pub until: Option<Duration>,
    /// He moves on sooner once nobody of the team who may have him, where the practice's sites are, has been
    /// there (logged in with a reachable phone, and not *not responding*) for so long while he waits; `None`:
    /// he waits for her to come.
    pub nobody: Option<Duration>,
    /// As many callers of the team wait ahead of him already, whoever may have them: an urgent one is not
    /// sent away by those whom he overtakes.
    pub unless_waiting: Option<usize>,
    /// He must be expected to wait longer, by those of the team who may have him.
    pub unless_expected: Option<Duration>,
    /// No secretary of the team who may have him is free.
    pub unless_none_free: bool,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Forward {
    pub target: Target,
    /// Zero counts as one microsecond.
    pub ring_for: Duration,
}

impl Queue {
    /// Without any end or condition.
    pub const fn of(team: TeamId) -> Self {
        Self {
            team,
            until: None,
            nobody: None,
            unless_waiting: None,
            unless_expected: None,
            unless_none_free: false,
        }
    }
}

impl Step {
    /// A queue for so long; `None`: without end.
    pub const fn queue(team: TeamId, until: Option<Duration>) -> Self {
        Self::Queue(Queue { until, ..Queue::of(team) })
    }

    /// He is answered or ended here, and nothing comes after it unless he presses a key.
    pub fn is_last(self) -> bool {
        match self {
            Self::Announce { .. } | Self::Busy => true,
            Self::Queue(_) | Self::Forward(_) | Self::Practice(_) => false,
        }
    }
}

/// What a practice says of the time until `until`, whatever its hours and leave say.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Override {
    pub what: Overriding,
    /// It is over by then; milliseconds since 1970.
    pub until_unix_ms: i64,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Overriding {
    Open,
    Closed,
    Leave,
    Redirect(Forward),
}

impl Practice {
    /// The rule for a caller: that of whose number he called, else its own.
    pub fn rule_for(&self, called: Option<PractitionerId>, line: LineId) -> Option<&CallerRule> {
        let practitioner = called.and_then(|called| self.practitioners.get(&called));
        let of_practitioner = practitioner.and_then(|it| it.callers.get(&line));
        of_practitioner.or_else(|| self.callers.get(&line))
    }

    /// All that its callers may be given, those of its people's callers too.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        let own = std::iter::once((&self.callers, &self.leave));
        let lists = own.chain(self.practitioners.values().map(|it| (&it.callers, &it.leave)));
        let listed = lists.flat_map(|(callers, leave)| {
            let of_callers = callers.values().filter_map(|rule| match &rule.way {
                Way::Plan(plan) => Some(plan),
                Way::Usual | Way::Through => None,
            });
            of_callers.chain(leave.iter().map(|leave| &leave.plan))
        });
        let repeated = self.repeated.as_ref().and_then(|repeated| match &repeated.then {
            Insistence::Limit(plan) => Some(plan),
            Insistence::Rise => None,
        });
        [&self.open, &self.closed, &self.away].into_iter().chain(listed).chain(repeated)
    }

    /// The same, to change them.
    pub fn plans_mut(&mut self) -> impl Iterator<Item = &mut Plan> {
        let own = std::iter::once((&mut self.callers, &mut self.leave));
        let people = self.practitioners.values_mut();
        let lists = own.chain(people.map(|it| (&mut it.callers, &mut it.leave)));
        let listed = lists.flat_map(|(callers, leave)| {
            let of_callers = callers.values_mut().filter_map(|rule| match &mut rule.way {
                Way::Plan(plan) => Some(plan),
                Way::Usual | Way::Through => None,
            });
            of_callers.chain(leave.iter_mut().map(|leave| &mut leave.plan))
        });
        let repeated = self.repeated.as_mut().and_then(|repeated| match &mut repeated.then {
            Insistence::Limit(plan) => Some(plan),
            Insistence::Rise => None,
        });
        [&mut self.open, &mut self.closed, &mut self.away].into_iter().chain(listed).chain(repeated)
    }

    /// Open at any time.
    pub fn without_hours(answer_within: Duration, urgency: Urgency, open: Plan) -> Self {
        Self { answer_within, urgency, open, ..Self::default() }
    }
}

/// The default rings nobody: every team says for how long.
#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Team {
    /// How long a phone rings before the offer expires; zero counts as one microsecond.
    pub ring_for: Duration,
    /// Time after a call, unless the agent or the practice has its own.
    pub wrap_up: Duration,
    pub retry_after: RetryAfter,
    /// Missed offers in a row that make an agent *not responding*; 0: never.
    pub misses_max: u32,
    pub strategy: Strategy,
    /// Phones that ring for one caller at once; 0 counts as 1. All but the first ring only while nobody waits
    /// who could have them.
    pub ring: usize,
    /// Whom a caller may be given, from narrow to wide; empty: everyone at once. He begins with the first one
    /// of which somebody is there, or with the last one; who is urgent or vital always with that.
    pub circles: Vec<Widening>,
    /// So many free agents are kept for callers who are urgent or vital, of this team or of another that
    /// they serve as well.
    pub reserve: usize,
    /// A caller who waits so long rises by one class, again and again up to [`Urgency::Urgent`].
    pub ageing: Option<Duration>,
}

/// Of equally suitable free agents, who is offered first.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub enum Strategy {
    #[default]
    LongestIdle,
    /// Whose last offer is the longest ago.
    RoundRobin,
    /// Who has served the fewest since she logged in; of those the longest idle.
    FewestCalls,
    /// By [`Agent::position`].
    Fixed,
}

/// From `after` in the step on, he may be given to this circle.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Widening {
    pub after: Duration,
    pub circle: Circle,
}

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub enum Circle {
    /// The practice's own; a practice without any has the next circle at once.
    Own,
    /// Who has its skill; a practice without one has the next circle at once.
    Skilled,
    /// All of the team.
    Everyone,
}

/// How long an agent rests after an offer that did not become a call, by its reason.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RetryAfter {
    pub no_answer: Duration,
    pub declined: Duration,
    pub busy: Duration,
    pub unreachable: Duration,
    pub dropped: Duration,
}

#[derive(Clone, Eq, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Agent {
    /// Whose callers she takes.
    pub teams: Vec<TeamId>,
    /// Her own wrap-up time instead of the practice's and the team's.
    pub wrap_up: Option<Duration>,
    pub site: SiteId,
    /// What she knows, and how well: a higher level is better.
    pub skills: BTreeMap<SkillId, u8>,
    /// Her turn under [`Strategy::Fixed`]: the lowest is first.
    pub position: u32,
}
