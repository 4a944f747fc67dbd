//! Who answers: teams and their rules, secretaries, phones that are nobody's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acd::{AgentId, Circle, PhoneId, TeamId};

use super::fields::{Located, Place};
use super::file::{File, Named, TeamFile, WidenFile};
use super::mistake::Mistakes;
use super::names::{Names, TEAM};
use super::secret;
use super::tree::Tree;

pub(super) struct Staff {
    pub(super) agents: BTreeMap<AgentId, Agent>,
    pub(super) phones: BTreeMap<PhoneId, call::Phone>,
}

pub(super) struct Agent {
    pub(super) floor: acd::Agent,
    pub(super) call: call::Agent,
}

pub(super) fn staff(
    tree: &Tree,
    file: &File<'_>,
    names: &Names,
    realm: Option<&str>,
    mistakes: &mut Mistakes,
) -> Staff {
    let account = |name: &str, place: &Place<'_>, secret: &_, mistakes: &mut Mistakes| {
        let folder: PathBuf = place.source.path.parent().unwrap_or(Path::new("")).to_owned();
        let folder = if place.source.path == tree.main.path { tree.folder() } else { &folder };
        let of = secret::Of { name, place, secret, folder, realm };
        secret::account(&of, &file.registrar.algorithms, mistakes)
    };
    let mut all = Staff { agents: BTreeMap::new(), phones: BTreeMap::new() };
    for Named { name, id, place, item } in &file.agents {
        user(name, place, mistakes);
        let call = call::Agent {
            user: name.clone(),
            name: item.name.clone().unwrap_or_else(|| name.clone()),
            account: account(name, place, &item.secret, mistakes),
        };
        if !item.teams.is_tried {
            mistakes.push(
                item.teams
                    .place
                    .missing("missing: whose callers does she take?", "write `teams = [\"TEAM\"]`"),
            );
        }
        let floor = acd::Agent {
            teams: teams(&item.teams.items, file, names, mistakes),
            wrap_up: item.wrap_up,
            site: item.site.as_ref().map(|site| names.sites[site]).unwrap_or_default(),
            skills: item
                .skills
                .iter()
                .map(|(skill, level)| (names.skills[skill], *level))
                .collect(),
            position: item.position,
        };
        all.agents.insert(AgentId(*id), Agent { floor, call });
    }
    for Named { name, id, place, item } in &file.phones {
        user(name, place, mistakes);
        if let Some(agent) = file.agents.iter().find(|agent| agent.name == *name) {
            mistakes.push(place.missing(
                format!("an agent has this user already, in {}", agent.place.shown()),
                "give the phone a name of its own: two phones cannot be told apart by one account",
            ));
        }
        let phone = call::Phone {
            user: name.clone(),
            name: item.name.clone().unwrap_or_else(|| name.clone()),
            account: account(name, place, &item.secret, mistakes),
        };
        all.phones.insert(PhoneId(*id), phone);
    }
    for team in &file.teams {
        rules(team, &all.agents, mistakes);
    }
    all
}

/// Hers, each once, and all of one pool.
fn teams(
    written: &[Located<'_, String>],
    file: &File<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Vec<TeamId> {
    let mut hers = Vec::new();
    let mut first: Option<(&str, Option<&str>)> = None;
    for team in written {
        let Some(id) = TEAM.find(team, &names.teams, mistakes) else { continue };
        if hers.contains(&id) {
            mistakes.push(team.place.mistake("named twice", "remove one of them"));
            continue;
        }
        hers.push(id);
        let pool =
            file.teams.iter().find(|it| it.id == id.0).and_then(|it| it.item.pool.as_deref());
        let (other, others) = *first.get_or_insert((&team.value, pool));
        if pool != others {
            let shown = |pool: Option<&str>| match pool {
                Some(pool) => format!("of the pool {pool:?}"),
                None => "of the pool that has no name".to_owned(),
            };
            mistakes.push(team.place.mistake(
                format!("{}, but her team {other:?} is {}", shown(pool), shown(others)),
                "an agent works in one pool: take her out of one of the teams, or give both the same \
                 `pool`",
            ));
        }
    }
    hers
}

/// RFC 3261 §25.1 user, without what would need escapes.
fn user(name: &str, place: &Place<'_>, mistakes: &mut Mistakes) {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_fine) {
        mistakes.push(place.missing(
            format!("{name:?} cannot be the user of a SIP address"),
            "name it with letters, digits, dots, hyphens or underscores",
        ));
    }
}

fn rules(
    team: &Named<'_, TeamFile<'_>>,
    agents: &BTreeMap<AgentId, Agent>,
    mistakes: &mut Mistakes,
) {
    let id = TeamId(team.id);
    let members = agents.values().filter(|agent| agent.floor.teams.contains(&id)).count();
    if members == 0 {
        mistakes.push(team.place.missing(
            "a team with nobody in it: its callers would wait for ever",
            format!("write `teams = [{:?}]` for an agent, or remove the team", team.name),
        ));
    }
    if let Some(ring) = team.item.ring.as_ref().filter(|ring| ring.value == 0) {
        let remedy = "write 1, or how many phones ring at once for one caller";
        mistakes.push(ring.place.mistake("no phone: nobody would ever be rung", remedy));
    }
    let keeps_all = |reserve: &usize| members > 0 && *reserve >= members;
    if let Some(reserve) = team.item.reserve.as_ref().filter(|reserve| keeps_all(&reserve.value)) {
        let fault = format!(
            "as many as are in the team ({members}) or more: who is not urgent would never be answered"
        );
        let remedy = "write a smaller number, or leave the key out";
        mistakes.push(reserve.place.mistake(fault, remedy));
    }
    if let Some(widen) = &team.item.widen {
        widening(widen, mistakes);
    }
}

/// Circles grow, and so do their times; nobody waits for the first one.
fn widening(widen: &WidenFile<'_>, mistakes: &mut Mistakes) {
    if widen.count == Some(0) {
        let remedy = "write `widen = [{ to = \"own\" }, { to = \"everyone\", after = \"40 s\" }]`, or leave \
                      the key out: everyone at once";
        mistakes.push(widen.place.mistake("no circle", remedy));
    }
    // What is wrong in itself is told already.
    if widen.count != Some(widen.circles.len()) {
        return;
    }
    let mut before: Option<acd::Widening> = None;
    for (widening, place) in &widen.circles {
        match before {
            None if !widening.after.is_zero() => {
                let remedy = "leave `after` out: the first circle is there from the beginning";
                let fault = "nobody could be rung before";
                mistakes.push(place.within("after").mistake(fault, remedy));
            }
            Some(before) if widening.circle <= before.circle => {
                let remedy =
                    "write \"own\", then \"skilled\", then \"everyone\", as far as they are wanted";
                let fault = "not wider than the circle before it";
                mistakes.push(place.within("to").mistake(fault, remedy));
            }
            Some(before) if widening.after <= before.after => {
                let remedy = "write a longer time: all of `after` count from the step's beginning";
                let fault = "not later than the circle before it";
                mistakes.push(place.within("after").mistake(fault, remedy));
            }
            None | Some(_) => {}
        }
        before = Some(*widening);
    }
}

/// The widest circle of a team that a practice's callers come to, as the scheduler has it: one that the
/// practice has nothing for is passed over.
pub(super) fn widest(
    team: &acd::Team,
    practice: &acd::Practice,
    is_member: impl Fn(&AgentId) -> bool,
) -> Circle {
    let has = |circle: &Circle| match circle {
        Circle::Own => practice.own.iter().any(&is_member),
        Circle::Skilled => practice.skill.is_some(),
        Circle::Everyone => true,
    };
    let circles = team.circles.iter().map(|widening| widening.circle);
    circles.filter(has).last().unwrap_or(Circle::Everyone)
}
