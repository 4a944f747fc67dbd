//! Which secretaries may have which callers: everything of eligibility that only the setup decides.
//!
//! Callers who ask for the same (team, circle, skill, sites) are one *group*, and wait in one order. A
//! secretary serves the groups that [`eligible`] lets her have. What a practice asks for has a number, so
//! that a caller's group is found without a look at it. What changes from moment to moment (her
//! state, her phone, the reserve) is not looked at here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, PracticeId, SiteId, SkillId, TeamId};
use crate::setup::{Agent, Circle, Practice, Setup, Strategy, Team};

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct GroupId(u32);

/// What a caller asks of the secretary who may have him.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) team: TeamId,
    pub(crate) circle: DemandedCircle,
    /// Also ranks those who have it.
    pub(crate) skill: Option<SkillId>,
    pub(crate) sites: Option<&'a BTreeSet<SiteId>>,
}

/// A pair of skill and sites that some practice asks for.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
struct WishId(u32);

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
pub(crate) enum DemandedCircle {
    Own(PracticeId),
    Skilled,
    Everyone,
}

/// Why a secretary may not have a caller of this demand.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Unsuited {
    /// She is of other teams.
    Team,
    /// She works where the practice wants nobody to.
    Site,
    /// She is not the practice's own, and the circle has not widened yet.
    NotOwn,
    /// She has not the practice's skill, and the circle has not widened yet.
    NotSkilled,
}

/// What the setup decides of who may have whom.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Groups {
    ids: BTreeMap<(TeamId, DemandedCircle, WishId), GroupId>,
    wishes: BTreeMap<PracticeId, WishId>,
    of_agent: BTreeMap<AgentId, Vec<Membership>>,
    of_team: BTreeMap<TeamId, Vec<GroupId>>,
    /// The team of each group that is of its widest circle.
    widest: Vec<Option<TeamId>>,
    /// The teams of each agent that keep a reserve.
    reserving: BTreeMap<AgentId, Vec<TeamId>>,
    /// Of each team that keeps a reserve the groups that its agents serve, in other teams too.
    of_colleagues: BTreeMap<TeamId, BTreeSet<GroupId>>,
}

/// A group that an agent serves, and how she ranks in it.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) struct Membership {
    pub(crate) group: GroupId,
    pub(crate) level: u8,
    pub(crate) strategy: Strategy,
    pub(crate) position: u32,
}

/// The one question of who may have whom.
pub(crate) fn eligible(
    setup: &Setup,
    id: AgentId,
    agent: &Agent,
    demand: Demand<'_>,
) -> Result<(), Unsuited> {
    if !agent.teams.contains(&demand.team) {
        return Err(Unsuited::Team);
    }
    if demand.sites.is_some_and(|sites| !sites.contains(&agent.site)) {
        return Err(Unsuited::Site);
    }
    match demand.circle {
        DemandedCircle::Own(practice) => match setup.practices.get(&practice) {
            Some(practice) if practice.own.contains(&id) => Ok(()),
            Some(_) | None => Err(Unsuited::NotOwn),
        },
        DemandedCircle::Skilled => match demand.skill {
            Some(skill) if agent.skills.contains_key(&skill) => Ok(()),
            Some(_) | None => Err(Unsuited::NotSkilled),
        },
        DemandedCircle::Everyone => Ok(()),
    }
}

/// The demand of a practice's callers in a circle of a team. One who is no practice's any more asks for
/// nothing in particular.
pub(crate) fn demand(
    practice: Option<(PracticeId, &Practice)>,
    team: TeamId,
    circle: Circle,
) -> Demand<'_> {
    let (skill, sites) = practice.map_or(UNDEMANDING, |(_, practice)| wish(practice));
    Demand { team, circle: demanded(practice.map(|(id, _)| id), circle), skill, sites }
}

type Wish<'a> = (Option<SkillId>, Option<&'a BTreeSet<SiteId>>);

const UNDEMANDING: Wish<'_> = (None, None);

fn wish(practice: &Practice) -> Wish<'_> {
    (practice.skill, practice.sites.as_ref())
}

fn demanded(practice: Option<PracticeId>, circle: Circle) -> DemandedCircle {
    match (circle, practice) {
        (Circle::Own, Some(id)) => DemandedCircle::Own(id),
        (Circle::Skilled, Some(_)) => DemandedCircle::Skilled,
        (Circle::Own | Circle::Skilled, None) | (Circle::Everyone, _) => DemandedCircle::Everyone,
    }
}

impl Groups {
    pub(crate) fn new(setup: &Setup) -> Self {
        let wishes = wishes(setup);
        let demands: Vec<Demand<'_>> = demands(setup, &wishes).into_iter().collect();
        let mut groups = Self::default();
        for (index, demand) in (0..).zip(&demands) {
            groups.of_team.entry(demand.team).or_default().push(GroupId(index));
            let is_widest = demand.circle == DemandedCircle::Everyone;
            groups.widest.push(is_widest.then_some(demand.team));
        }
        for (&id, agent) in &setup.agents {
            let memberships = agent.teams.iter().flat_map(|team| {
                groups.of_team.get(team).into_iter().flatten().filter_map(|&group| {
                    let demand = demands[group.index()];
                    eligible(setup, id, agent, demand).ok()?;
                    let known = demand.skill.and_then(|skill| agent.skills.get(&skill));
                    let strategy = setup.teams.get(team).map(|team| team.strategy);
                    Some(Membership {
                        group,
                        level: known.copied().unwrap_or(0),
                        strategy: strategy.unwrap_or_default(),
                        position: agent.position,
                    })
                })
            });
            let mut memberships: Vec<Membership> = memberships.collect();
            // A team may be written twice.
            memberships.sort_by_key(|membership| membership.group);
            memberships.dedup();
            let keeps = |team: &&TeamId| setup.teams.get(team).is_some_and(|team| team.reserve > 0);
            let mut reserving: Vec<TeamId> = agent.teams.iter().filter(keeps).copied().collect();
            reserving.sort_unstable();
            reserving.dedup();
            for &team in &reserving {
                let served = memberships.iter().map(|membership| membership.group);
                groups.of_colleagues.entry(team).or_default().extend(served);
            }
            if !reserving.is_empty() {
                groups.reserving.insert(id, reserving);
            }
            groups.of_agent.insert(id, memberships);
        }
        let key = |it: Demand<'_>| (it.team, it.circle, wishes[&(it.skill, it.sites)]);
        groups.ids = demands.iter().map(|&demand| key(demand)).zip((0..).map(GroupId)).collect();
        groups.wishes =
            setup.practices.iter().map(|(&id, practice)| (id, wishes[&wish(practice)])).collect();
        groups
    }

    /// Of the [`demand`] of this practice's callers. `None`: nobody serves it.
    pub(crate) fn find(
        &self,
        practice: PracticeId,
        team: TeamId,
        circle: Circle,
    ) -> Option<GroupId> {
        let key = match self.wishes.get(&practice) {
            Some(&wish) => (team, demanded(Some(practice), circle), wish),
            None => (team, demanded(None, circle), WishId::UNDEMANDING),
        };
        self.ids.get(&key).copied()
    }

    /// The group of a team's callers who ask for nothing: all of the team serve it.
    pub(crate) fn everyone_of(&self, team: TeamId) -> Option<GroupId> {
        self.ids.get(&(team, DemandedCircle::Everyone, WishId::UNDEMANDING)).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.widest.len()
    }

    /// Its team, if everyone there may have the group's callers who works where they want it.
    pub(crate) fn widest_of(&self, group: GroupId) -> Option<TeamId> {
        self.widest[group.index()]
    }

    pub(crate) fn of_team(&self, team: TeamId) -> &[GroupId] {
        self.of_team.get(&team).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn of_agent(&self, agent: AgentId) -> &[Membership] {
        self.of_agent.get(&agent).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn serves(&self, agent: AgentId, group: GroupId) -> Option<Membership> {
        let memberships = self.of_agent(agent);
        let at = memberships.binary_search_by_key(&group, |membership| membership.group).ok()?;
        Some(memberships[at])
    }

    /// All that the agents of a team serve which keeps a reserve.
    pub(crate) fn of_colleagues(&self, team: TeamId) -> impl Iterator<Item = GroupId> {
        self.of_colleagues.get(&team).into_iter().flatten().copied()
    }

    /// Her teams that keep free agents for urgent callers.
    pub(crate) fn reserving(&self, agent: AgentId) -> &[TeamId] {
        self.reserving.get(&agent).map_or(&[], Vec::as_slice)
    }
}

impl GroupId {
    /// Less than the number of groups.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl WishId {
    /// The least of all.
    const UNDEMANDING: Self = Self(0);
}

/// All pairs of skill and sites that practices ask for, and the one of who is no practice's any more.
fn wishes(setup: &Setup) -> BTreeMap<Wish<'_>, WishId> {
    let asked = setup.practices.values().map(wish).chain([UNDEMANDING]);
    asked.collect::<BTreeSet<_>>().into_iter().zip((0..).map(WishId)).collect()
}

/// All that callers can ask, in order: each team with each pair of skill and sites, and each practice
/// that has secretaries of its own where a team begins with those.
fn demands<'a>(setup: &'a Setup, wishes: &BTreeMap<Wish<'a>, WishId>) -> BTreeSet<Demand<'a>> {
    let mut demands = BTreeSet::new();
    let staffed = setup.agents.values().flat_map(|agent| agent.teams.iter().copied());
    let teams: BTreeSet<TeamId> = setup.teams.keys().copied().chain(staffed).collect();
    let plain = Team::default();
    for team in teams {
        let rules = setup.teams.get(&team).unwrap_or(&plain);
        for &(skill, sites) in wishes.keys() {
            let everyone = Demand { team, circle: DemandedCircle::Everyone, skill, sites };
            if skill.is_some() && widens_by(rules, Circle::Skilled) {
                demands.insert(Demand { circle: DemandedCircle::Skilled, ..everyone });
            }
            demands.insert(everyone);
        }
        if widens_by(rules, Circle::Own) {
            let with_own = setup.practices.iter().filter(|(_, practice)| {
                practice.own.iter().any(|agent| {
                    setup.agents.get(agent).is_some_and(|agent| agent.teams.contains(&team))
                })
            });
            demands.extend(
                with_own.map(|(&id, practice)| demand(Some((id, practice)), team, Circle::Own)),
            );
        }
    }
    demands
}

fn widens_by(team: &Team, circle: Circle) -> bool {
    team.circles.iter().any(|widening| widening.circle == circle)
}
