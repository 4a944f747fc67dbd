//! What is configured, by name, and the answer to a name that is not.

use std::collections::BTreeMap;

use acd::{AgentId, PhoneId, PracticeId, SiteId, SkillId, TeamId};
use call::TrunkId;

use super::fields::{Located, Place};
use super::file::{File, Named};
use super::mistake::{Mistakes, nearest};

/// Names that a remedy lists at most.
const LISTED_MAX: usize = 12;

/// Everything that other things may name; what only agents say (skills, sites) as they say it.
pub(super) struct Names {
    pub(super) trunks: BTreeMap<String, TrunkId>,
    pub(super) practices: BTreeMap<String, PracticeId>,
    pub(super) teams: BTreeMap<String, TeamId>,
    pub(super) agents: BTreeMap<String, AgentId>,
    pub(super) phones: BTreeMap<String, PhoneId>,
    pub(super) skills: BTreeMap<String, SkillId>,
    pub(super) sites: BTreeMap<String, SiteId>,
}

/// What a name is looked for among.
pub(super) struct Kind {
    /// `there is no team`.
    nothing: &'static str,
    /// `teams`.
    all: &'static str,
    /// The remedy where there is none at all.
    first: &'static str,
}

pub(super) const TRUNK: Kind =
    Kind { nothing: "there is no trunk", all: "trunks", first: "write [trunks.NAME] first" };
pub(super) const PRACTICE: Kind = Kind {
    nothing: "there is no practice",
    all: "practices",
    first: "write [practices.NAME] first",
};
pub(super) const TEAM: Kind =
    Kind { nothing: "there is no team", all: "teams", first: "write [teams.NAME] first" };
pub(super) const AGENT: Kind =
    Kind { nothing: "there is no agent", all: "agents", first: "write [agents.USER] first" };
pub(super) const PHONE: Kind = Kind {
    nothing: "there is no phone",
    all: "phones",
    first: "write [phones.NAME] first, or `call = \"01 23 45 67 89\"` for a number outside",
};
pub(super) const SKILL: Kind = Kind {
    nothing: "nobody has the skill",
    all: "skills of the agents",
    first: "write `skills = { NAME = 1 }` for the agents who have it",
};
pub(super) const SITE: Kind = Kind {
    nothing: "nobody works at the site",
    all: "sites of the agents",
    first: "write `site = \"NAME\"` for the agents who work there",
};

impl Kind {
    /// The id of what is named. `None` with a mistake.
    pub(super) fn find<T: Copy>(
        &self,
        name: &Located<'_, String>,
        all: &BTreeMap<String, T>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        self.find_at(&name.value, &name.place, all, mistakes)
    }

    pub(super) fn find_at<T: Copy>(
        &self,
        name: &str,
        place: &Place<'_>,
        all: &BTreeMap<String, T>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        let found = all.get(name).copied();
        if found.is_none() {
            let remedy = match nearest(name, all.keys().map(String::as_str)) {
                Some(near) => format!("did you mean {near:?}?"),
                None if all.is_empty() => self.first.to_owned(),
                None => {
                    let names: Vec<&str> =
                        all.keys().map(String::as_str).take(LISTED_MAX).collect();
                    let more = if all.len() > LISTED_MAX { ", …" } else { "" };
                    format!("the {} are: {}{more}", self.all, names.join(", "))
                }
            };
            mistakes.push(place.mistake(format!("{} {name:?}", self.nothing), remedy));
        }
        found
    }
}

impl Names {
    pub(super) fn of(file: &mut File<'_>) -> Self {
        let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        let (ids, agents) = (&mut file.ids, &file.agents);
        let skills = agents.iter().flat_map(|agent| &agent.item.skills);
        let skills =
            skills.map(|(name, _)| (name.clone(), SkillId(small(ids.skills.of(name))))).collect();
        let sites = agents.iter().filter_map(|agent| agent.item.site.as_ref());
        let sites = sites.map(|name| (name.clone(), SiteId(small(ids.sites.of(name))))).collect();
        Self {
            trunks: by_name(&file.trunks, TrunkId),
            practices: by_name(&file.practices, PracticeId),
            teams: by_name(&file.teams, TeamId),
            agents: by_name(&file.agents, AgentId),
            phones: by_name(&file.phones, PhoneId),
            skills,
            sites,
        }
    }
}

fn by_name<T, I>(items: &[Named<'_, T>], id: impl Fn(u32) -> I) -> BTreeMap<String, I> {
    items.iter().map(|item| (item.name.clone(), id(item.id))).collect()
}

/// The name of an id.
pub(super) fn name_of<I: PartialEq>(id: I, all: &BTreeMap<String, I>) -> &str {
    all.iter().find(|(_, known)| **known == id).map_or("?", |(name, _)| name)
}
