//! Whether callers get anywhere: practices that hand them round in a circle, and queues at whose end nobody
//! may answer them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use acd::{AgentId, Circle, HOPS_MAX, PracticeId, Setup, SiteId, TeamId};

use super::file::{File, Named, PracticeFile};
use super::mistake::Mistakes;
use super::names::{Names, name_of};
use super::plans::{Hand, Links, Waits};
use super::staff::widest;

pub(super) fn reach(
    file: &File<'_>,
    links: &Links<'_>,
    names: &Names,
    setup: &Setup,
    mistakes: &mut Mistakes,
) {
    loops(&links.hands, names, mistakes);
    let members = members(setup);
    let restricted = restricted(file, names);
    for waits in &links.queues {
        too_short(waits, &members, names, setup, mistakes);
        if restricted.contains(&waits.practice) {
            nobody_left(waits, &members, names, setup, mistakes);
        }
    }
    own_in_vain(file, &restricted, links, names, setup, mistakes);
}

/// By team.
type Members = BTreeMap<TeamId, Vec<AgentId>>;

fn members(setup: &Setup) -> Members {
    let mut members = Members::new();
    for (&id, agent) in &setup.agents {
        for team in &agent.teams {
            members.entry(*team).or_default().push(id);
        }
    }
    members
}

/// Practices that not everybody may answer. What of their wishes is unknown is told as such.
fn restricted(file: &File<'_>, names: &Names) -> BTreeSet<PracticeId> {
    let is_restricted = |practice: &PracticeFile<'_>| {
        practice.sites.is_some() || practice.skill.is_some() || !practice.own.items.is_empty()
    };
    let is_known = |practice: &PracticeFile<'_>| {
        let mut sites = practice.sites.iter().flat_map(|sites| &sites.items);
        let mut own = practice.own.items.iter();
        sites.all(|site| names.sites.contains_key(&site.value))
            && own.all(|agent| names.agents.contains_key(&agent.value))
            && practice.skill.as_ref().is_none_or(|skill| names.skills.contains_key(&skill.value))
    };
    let practices = file.practices.iter();
    practices
        .filter(|practice| is_restricted(&practice.item) && is_known(&practice.item))
        .map(|practice| PracticeId(practice.id))
        .collect()
}

/// A practice hands its callers on, and in the end they come back to it. One circle is told where its first
/// practice, in the order of the files, hands them on. Whether all of its plans can hold at one moment does
/// not matter: an override makes each of them hold.
fn loops(hands: &[Hand<'_>], names: &Names, mistakes: &mut Mistakes) {
    let mut by_practice: BTreeMap<PracticeId, Vec<&Hand<'_>>> = BTreeMap::new();
    for hand in hands {
        by_practice.entry(hand.from).or_default().push(hand);
    }
    let mut is_round = false;
    for (&first, from_first) in &by_practice {
        for hand in from_first {
            let Some(back) = way_back(hand.to, first, &by_practice) else { continue };
            is_round = true;
            let shown = |hand: &&Hand<'_>| {
                format!("{} ({})", name_of(hand.from, &names.practices), hand.situation)
            };
            let mut circle: Vec<String> = [*hand].iter().chain(&back).map(shown).collect();
            circle.push(name_of(first, &names.practices).to_owned());
            mistakes.push(hand.place.mistake(
                format!("a loop: {}", circle.join(" → ")),
                "let one of them end its callers, with an announcement or a team: they would be handed \
                 round until they hear busy",
            ));
        }
    }
    if !is_round {
        too_far(&by_practice, mistakes);
    }
}

/// Who is handed on more often than the scheduler allows hears busy. Nobody is handed round.
fn too_far(by_practice: &BTreeMap<PracticeId, Vec<&Hand<'_>>>, mistakes: &mut Mistakes) {
    let mut known = BTreeMap::new();
    for hand in by_practice.values().flatten() {
        // A longer way is told where it has one hand more than is allowed.
        if hops(hand, by_practice, &mut known) == usize::from(HOPS_MAX) + 1 {
            mistakes.push(hand.place.mistake(
                format!("who is handed on from here may be so {HOPS_MAX} times more, and then hears busy"),
                "hand him on to a practice whose own plan ends him sooner",
            ));
        }
    }
}

/// How often he is handed on at the most from this hand on, itself included.
fn hops(
    hand: &Hand<'_>,
    by_practice: &BTreeMap<PracticeId, Vec<&Hand<'_>>>,
    known: &mut BTreeMap<PracticeId, usize>,
) -> usize {
    if let Some(hops) = known.get(&hand.to) {
        return hops + 1;
    }
    let further = by_practice.get(&hand.to).into_iter().flatten();
    let most = further.map(|next| hops(next, by_practice, known)).max().unwrap_or(0);
    known.insert(hand.to, most);
    most + 1
}

/// The shortest way by practices that come after `first`: a circle is told once, by its first practice.
fn way_back<'h, 't>(
    from: PracticeId,
    first: PracticeId,
    by_practice: &BTreeMap<PracticeId, Vec<&'h Hand<'t>>>,
) -> Option<Vec<&'h Hand<'t>>> {
    if from < first {
        return None;
    }
    let mut came_by: BTreeMap<PracticeId, &'h Hand<'t>> = BTreeMap::new();
    let mut ahead = VecDeque::from([from]);
    while let Some(here) = ahead.pop_front() {
        if here == first {
            let mut back = Vec::new();
            let mut at = first;
            while at != from {
                let hand = *came_by.get(&at)?;
                back.push(hand);
                at = hand.from;
            }
            back.reverse();
            return Some(back);
        }
        for hand in by_practice.get(&here).into_iter().flatten() {
            let is_new = hand.to >= first && hand.to != from && !came_by.contains_key(&hand.to);
            if is_new {
                came_by.insert(hand.to, hand);
                ahead.push_back(hand.to);
            }
        }
    }
    None
}

/// A step that is over when those who ring first have not answered: nobody else of the team is ever asked.
fn too_short(
    waits: &Waits<'_>,
    members: &Members,
    names: &Names,
    setup: &Setup,
    mistakes: &mut Mistakes,
) {
    let Some((until, place)) = &waits.until else { return };
    let (Some(team), Some(members)) = (setup.teams.get(&waits.team), members.get(&waits.team))
    else {
        return;
    };
    if *until <= team.ring_for && members.len() > team.ring.max(1) {
        let (name, ring_for) = (name_of(waits.team, &names.teams), team.ring_for);
        mistakes.warn(place.mistake(
            format!(
                "no longer than a phone of the team {name:?} rings ({ring_for:?}): when the first one does \
                 not answer, nobody else is asked"
            ),
            "write twice that time or more, or a shorter `ring_for` for the team",
        ));
    }
}

/// Once the circle is at its widest: the practice's sites, its own secretaries or its skill.
fn nobody_left(
    waits: &Waits<'_>,
    members: &Members,
    names: &Names,
    setup: &Setup,
    mistakes: &mut Mistakes,
) {
    let (Some(practice), Some(team)) =
        (setup.practices.get(&waits.practice), setup.teams.get(&waits.team))
    else {
        return;
    };
    // A team without anybody is told as such.
    let Some(members) = members.get(&waits.team) else { return };
    let works_at = |sites: &BTreeSet<SiteId>, id: &AgentId| sites.contains(&setup.agents[id].site);
    let is_allowed =
        |id: &&AgentId| practice.sites.as_ref().is_none_or(|sites| works_at(sites, id));
    let allowed: Vec<&AgentId> = members.iter().filter(is_allowed).collect();
    let name = || name_of(waits.team, &names.teams);
    if allowed.is_empty() {
        mistakes.push(waits.place.mistake(
            format!("nobody of the team {:?} works where this practice allows it", name()),
            "add a site of theirs to `sites` of the practice, or send its callers to another team",
        ));
        return;
    }
    let circle = widest(team, practice, |own| members.contains(own));
    let may = |id: &AgentId| match circle {
        Circle::Own => practice.own.contains(id),
        Circle::Skilled => {
            practice.skill.is_some_and(|skill| setup.agents[id].skills.contains_key(&skill))
        }
        Circle::Everyone => true,
    };
    if !allowed.into_iter().any(may) {
        mistakes.push(waits.place.mistake(
            format!(
                "nobody of the team {:?} may ever have these callers: its `widen` ends before anybody \
                 whom this practice allows",
                name()
            ),
            "end the team's `widen` with { to = \"everyone\", after = \"40 s\" }, or let somebody of the \
             team have what the practice wants",
        ));
    }
}

/// Secretaries of a practice's own who are never asked.
fn own_in_vain(
    file: &File<'_>,
    restricted: &BTreeSet<PracticeId>,
    links: &Links<'_>,
    names: &Names,
    setup: &Setup,
    mistakes: &mut Mistakes,
) {
    let mut teams: BTreeMap<PracticeId, BTreeSet<TeamId>> = BTreeMap::new();
    for waits in &links.queues {
        teams.entry(waits.practice).or_default().insert(waits.team);
    }
    for Named { id, item, .. } in file.practices.iter().filter(|it| !it.item.own.items.is_empty()) {
        let id = PracticeId(*id);
        let (Some(practice), Some(teams)) = (setup.practices.get(&id), teams.get(&id)) else {
            continue;
        };
        for own in &item.own.items {
            let agent = names.agents.get(&own.value).and_then(|agent| setup.agents.get(agent));
            let Some(agent) = agent else { continue };
            let is_barred =
                practice.sites.as_ref().is_some_and(|sites| !sites.contains(&agent.site));
            if !agent.teams.iter().any(|team| teams.contains(team)) {
                mistakes.push(own.place.mistake(
                    "she is of no team that this practice's plans name",
                    "add such a team to her `teams`, or remove her here",
                ));
            } else if is_barred && restricted.contains(&id) {
                mistakes.push(own.place.mistake(
                    "she works where this practice allows nobody to",
                    "add her `site` to `sites`, or remove her here",
                ));
            }
        }
    }
}
