//! What would become of a caller and who might have him, without anybody calling: for explanations.
//!
//! Nothing here decides: it asks what decides.

use crate::caller::Urgency;
use crate::class::ClassBy;
use crate::entrance::{Beginning, Dialled};
use crate::groups::{Unsuited, demand, eligible};
use crate::id::{AgentId, CallerId, LineId, PracticeId, PractitionerId, TeamId};
use crate::scheduler::Scheduler;
use crate::setup::{Circle, Plan, Queue, Setup, Situation, Strategy, Widening};
use crate::steps::circle_at;
use crate::time::Instant;

/// How a caller would begin now.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Outset {
    pub urgency: Urgency,
    pub situation: Situation,
    pub plan: Plan,
    /// No limit of the practice counts him.
    pub through: bool,
    /// His call with this one, where the practice counts them; else 1.
    pub calls: u32,
}

/// Whether a secretary may have a practice's callers.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Verdict {
    pub agent: AgentId,
    /// The practice's own are taken before others.
    pub is_own: bool,
    /// Of the practice's skill; 0 where she has not or it wants none.
    pub level: u8,
    pub unsuited: Option<Unsuited>,
}

/// What the conditions of a queue look at, for a caller who comes to it at this moment.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Entry {
    /// Who waits for the team without an offer, ahead of him.
    pub ahead: usize,
    /// Somebody of the team whom he may have when the circle is widest, and who is not kept for urgent ones.
    pub somebody_is_free: bool,
    /// Somebody of the team whom he may have then is logged in with a phone that can be reached.
    pub somebody_is_there: bool,
    /// He must not be expected to wait longer than `unless_expected`, where the queue has that.
    pub is_within_expected: bool,
}

impl Scheduler {
    /// `practitioner` and `urgency` are those of the number he dials, if it has them. `None`: no such
    /// practice.
    pub fn outset(
        &self,
        practice: PracticeId,
        practitioner: Option<PractitionerId>,
        line: Option<LineId>,
        urgency: Option<Urgency>,
    ) -> Option<Outset> {
        let dialled = Dialled { practice, practitioner, urgency };
        let Beginning { urgency, class_by: _, situation, plan, keeps_plan: _, through } =
            self.beginning(dialled, line)?;
        let calls = self.calls_with_this(practice, line);
        let plan = (*plan).clone();
        Some(Outset { urgency, situation, plan, through, calls })
    }

    /// For who calls `practice` now and comes to this queue while he follows the plan of `acting`.
    pub fn entry(
        &self,
        practice: PracticeId,
        line: Option<LineId>,
        urgency: Urgency,
        acting: PracticeId,
        queue: &Queue,
    ) -> Entry {
        let (place, _) =
            self.place(CallerId(u64::MAX), practice, line, (urgency, ClassBy::Nothing));
        let team = queue.team;
        let is_within = |longest| self.is_expected_within(longest, acting, team, place);
        Entry {
            ahead: self.waiting.all_ahead(
                self.groups.of_team(team),
                place,
                self.waiting.len_of_team(team),
            ),
            somebody_is_free: self.somebody_is_free(acting, place.urgency, team),
            somebody_is_there: self.is_staffed(acting, team, Circle::Everyone),
            is_within_expected: queue.unless_expected.is_none_or(is_within),
        }
    }
}

/// Of all secretaries for a caller who waits for `team` in this circle: first who may have him, in the
/// order in which they are rung when all are free and equally idle; then the others by id.
pub fn verdicts(setup: &Setup, practice: PracticeId, team: TeamId, circle: Circle) -> Vec<Verdict> {
    let known = setup.practices.get(&practice);
    let demand = demand(known.map(|known| (practice, known)), team, circle);
    let strategy = setup.teams.get(&team).map(|team| team.strategy).unwrap_or_default();
    let mut verdicts: Vec<(u32, Verdict)> = setup
        .agents
        .iter()
        .map(|(&id, agent)| {
            let level = demand.skill.and_then(|skill| agent.skills.get(&skill)).copied();
            let position = if strategy == Strategy::Fixed { agent.position } else { 0 };
            let verdict = Verdict {
                agent: id,
                is_own: known.is_some_and(|known| known.own.contains(&id)),
                level: level.unwrap_or(0),
                unsuited: eligible(setup, id, agent, demand).err(),
            };
            (position, verdict)
        })
        .collect();
    verdicts.sort_by_key(|&(position, Verdict { agent, is_own, level, unsuited })| {
        let rank = unsuited.is_none().then_some((!is_own, u8::MAX - level, position));
        (rank.is_none(), rank, agent)
    });
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

/// The circles that a caller of the practice passes in a queue of this team, and after how long there, while
/// somebody of each is there. Who is urgent or vital begins with the last one.
pub fn circles(setup: &Setup, practice: PracticeId, team: TeamId) -> Vec<Widening> {
    let mut passed = Vec::new();
    let mut at = Some(Instant::ZERO);
    while let Some(now) = at {
        let (circle, widens_at) = circle_at(setup, practice, team, Instant::ZERO, now, |_| true);
        let after = now.saturating_duration_since(Instant::ZERO);
        passed.push(Widening { after, circle });
        at = widens_at.filter(|&next| next > now);
    }
    passed
}
