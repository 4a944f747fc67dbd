//! Numbers outside: which may be called, and by which trunk; and where secretaries' emergency calls go out.

use std::collections::{BTreeMap, BTreeSet};

use acd::PracticeId;
use call::{E164, Emergency, EmergencyNumbers, Site, SiteId, TrunkId};

use super::fields::{List, Located, Place};
use super::file::{EmergencyFile, File, Named, PracticeFile};
use super::mistake::Mistakes;
use super::names::{Names, SITE, TRUNK, name_of};
use super::numbers::Back;
use super::plans::{Known, Links, Sent};
use super::value::{Destination, Short};
use crate::prompts::Prompts;

/// Without these a list is no list of emergency numbers.
const ALWAYS: [&str; 4] = ["15", "17", "18", "112"];
const DIAL_HIMSELF: &str = "remove it: who is in danger dials it himself, so that the centre of where he \
                            is answers; let an announcement say so, as those in prompts/ do";

/// The prompt that asks for the key 1, where there is one of this name.
const ACCEPT: &str = "accept";

/// Told to a secretary whose emergency call cannot be put through, where there is a prompt of this name.
const EMERGENCY: &str = "emergency";

/// How secretaries' emergency calls are treated.
pub(super) fn emergency(
    file: &EmergencyFile<'_>,
    prompts: &Prompts,
    mistakes: &mut Mistakes,
) -> Emergency {
    let known = EmergencyNumbers::default();
    let numbers = EmergencyNumbers {
        as_of: file.as_of.unwrap_or(known.as_of),
        numbers: match &file.numbers {
            Some(list) => listed(list, &file.place, mistakes),
            None => known.numbers,
        },
    };
    // Builds with assertions are those that tests are made with.
    Emergency { numbers, prompt: prompts.named(EMERGENCY), is_guarded: cfg!(debug_assertions) }
}

fn listed(list: &List<'_, Short>, place: &Place<'_>, mistakes: &mut Mistakes) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for short in &list.items {
        if !numbers.insert(short.value.0.clone()) {
            mistakes.push(short.place.mistake("named twice", "remove one of them"));
        }
    }
    // One that is misspelt is told already.
    let always = ALWAYS.iter().filter(|_| list.is_whole());
    for missing in always.filter(|number| !numbers.contains(**number)) {
        mistakes.push(place.within("numbers").missing(
            format!("{missing} is not among them"),
            "add it: a plan could send callers there, and no secretary could dial it",
        ));
    }
    numbers
}

/// The number, if callers may be sent there. `None` with a mistake.
pub(super) fn outside(
    known: &EmergencyNumbers,
    to: &Destination,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Option<E164> {
    let emergency = match to {
        Destination::Number(number) => match known.find(*number) {
            Some(emergency) => emergency,
            None => return Some(*number),
        },
        Destination::Short(digits) => match known.numbers.get(digits) {
            Some(emergency) => emergency,
            None => {
                let fault = call::NumberError::NotNational.to_string();
                mistakes.push(
                    place.mistake(fault, "write \"01 23 45 67 89\" or \"+33 1 23 45 67 89\""),
                );
                return None;
            }
        },
    };
    let fault = format!("{emergency} is an emergency number: no caller may be sent there");
    mistakes.push(place.mistake(fault, DIAL_HIMSELF));
    None
}

/// A number of ours is not rung by an operator: the call would come back to us, a new one that waits for
/// itself.
pub(super) fn comes_back(
    number: E164,
    known: &Known<'_>,
    practice: PracticeId,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) {
    let step = |to: PracticeId| match to == practice {
        true => "remove it: its callers are here already".to_owned(),
        false => format!(
            "write {{ practice = {:?} }} in a plan, and nothing leaves the house",
            name_of(to, &known.names.practices)
        ),
    };
    match known.numbers.back(number) {
        Back::No => {}
        Back::Yes(to) => mistakes.push(place.mistake(
            "a number of ours: the call would come back to us",
            to.map_or_else(|| "write the number of somebody outside".to_owned(), step),
        )),
        Back::Perhaps(to) => mistakes.warn(place.mistake(
            "a practice's number: if an operator brings it to us, the call would come back",
            format!("{}; or, if it is a line of theirs, write the `dids` of all trunks", step(to)),
        )),
    }
}

/// Where secretaries' emergency calls go out. A site that agents name and that is not written has no way
/// out: who works there is told so when she dials.
pub(super) fn sites(
    file: &File<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> BTreeMap<SiteId, Site> {
    let mut sites = BTreeMap::new();
    for Named { name, place, item, .. } in &file.sites {
        // A slip of the pen would leave the site without its trunk, in silence.
        let id = SITE.find_at(name, place, &names.sites, mistakes);
        let trunk = item.trunk.as_ref().and_then(|trunk| exit(trunk, file, names, mistakes));
        let number = item.number.as_ref().and_then(|number| presented(number, mistakes));
        if let (Some(id), Some(trunk), Some(number)) = (id, trunk, number) {
            sites.insert(id, Site { name: name.clone(), trunk, number });
        }
    }
    sites
}

/// A trunk that takes calls of ours.
fn exit(
    name: &Located<'_, String>,
    file: &File<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<TrunkId> {
    let id = TRUNK.find(name, &names.trunks, mistakes)?;
    let takes = file.trunks.iter().any(|it| it.id == id.0 && it.item.outbound.is_some());
    if !takes {
        mistakes.push(name.place.mistake(
            "this trunk takes no calls of ours",
            "write [outbound] for it, or name a trunk that has one",
        ));
    }
    Some(id)
}

fn presented(number: &Located<'_, E164>, mistakes: &mut Mistakes) -> Option<E164> {
    if number.value.is_french() {
        return Some(number.value);
    }
    mistakes.push(number.place.mistake(
        "no French number: an emergency centre could not call back, nor be found by it",
        "write a number of that site that its trunk lets pass, like \"01 23 45 67 89\" or \"0262 12 34 56\"; \
         a site abroad has no way out: leave it out",
    ));
    None
}

/// How a practice's callers get outside; `called` are the numbers in its plans.
pub(super) fn forwarding<'t>(
    id: PracticeId,
    practice: &PracticeFile<'t>,
    called: &[Located<'t, E164>],
    file: &File<'t>,
    known: &Known<'_>,
    links: &mut Links<'t>,
    mistakes: &mut Mistakes,
) -> call::Forwarding {
    let written = &practice.forward;
    let outside = |list: &List<'_, Destination>, mistakes: &mut Mistakes| -> Vec<(E164, usize)> {
        let numbers = list.items.iter().enumerate().filter_map(|(index, to)| {
            Some((outside(known.emergency, &to.value, &to.place, mistakes)?, index))
        });
        numbers.collect()
    };
    let allowed = outside(&written.allowed, mistakes);
    for (number, index) in &allowed {
        comes_back(*number, known, id, &written.allowed.items[*index].place, mistakes);
    }
    let allowed: BTreeSet<E164> = allowed.into_iter().map(|it| it.0).collect();
    let no_key = outside(&written.no_key, mistakes);
    for (number, index) in &no_key {
        if !allowed.contains(number) && !called.iter().any(|called| called.value == *number) {
            mistakes.push(written.no_key.items[*index].place.mistake(
                "no plan of this practice calls it, nor is it among `allowed`",
                "remove it, or write the number that a plan calls",
            ));
        }
    }
    if let Some(number) = &written.number
        && !practice.all_numbers().any(|own| own.value == number.value)
    {
        mistakes.push(number.place.mistake(
            "none of this practice's numbers: an operator would not let it pass",
            "write one of its `numbers`, or leave the key out: the one that the caller dialled",
        ));
    }
    let trunk = written.trunk.as_ref().and_then(|name| exit(name, file, known.names, mistakes));
    let first = called.first().map(|called| &called.place);
    let first = first.or_else(|| written.allowed.items.first().map(|it| &it.place));
    if let (None, Some(place)) = (&written.trunk, first) {
        links.sent.push(Sent { practice: id, place: place.clone() });
    }
    call::Forwarding {
        trunk,
        number: written.number.as_ref().map(|number| number.value),
        no_key: no_key.into_iter().map(|it| it.0).collect(),
        allowed,
        accept: known.prompts.named(ACCEPT),
    }
}

/// Who is sent outside without a trunk being named goes by the one that he came on, whichever practice handed
/// him on.
pub(super) fn by_their_own_trunk(
    file: &File<'_>,
    links: &Links<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) {
    for Sent { practice, place } in &links.sent {
        let Some(with) = file.trunks.iter().find(|trunk| trunk.item.outbound.is_some()) else {
            mistakes.push(place.mistake(
                "no trunk has [outbound]: nobody outside could be rung",
                "write [outbound] with `to = \"ADDRESS:PORT\"` for the trunk that shall carry it",
            ));
            continue;
        };
        let callers_of = callers_of(*practice, links);
        let Some((by, trunk)) = callers_of.iter().find_map(|of| Some((*of, refuses(*of, file)?)))
        else {
            continue;
        };
        let handed = match by == *practice {
            true => String::new(),
            false => format!(", handed on by the practice {:?},", name_of(by, &names.practices)),
        };
        mistakes.push(place.mistake(
            format!(
                "who comes by the trunk {trunk:?}{handed} could not be sent there: that trunk has no \
                 [outbound]"
            ),
            format!(
                "write `trunk = {:?}` in [forward] of this practice, or [outbound] for that trunk",
                with.name
            ),
        ));
    }
}

/// A practice, and all those whose callers are handed on to it, the nearest first.
fn callers_of(practice: PracticeId, links: &Links<'_>) -> Vec<PracticeId> {
    let mut all = vec![practice];
    let mut next = 0;
    while let Some(&to) = all.get(next) {
        next += 1;
        for hand in links.hands.iter().filter(|hand| hand.to == to) {
            if !all.contains(&hand.from) {
                all.push(hand.from);
            }
        }
    }
    all
}

/// A trunk that may bring a practice's callers and takes no calls of ours.
fn refuses<'f>(practice: PracticeId, file: &'f File<'_>) -> Option<&'f str> {
    let practice = file.practices.iter().find(|it| it.id == practice.0)?;
    let mut trunks = file.trunks_of(&practice.item);
    trunks.find(|trunk| trunk.item.outbound.is_none()).map(|trunk| trunk.name.as_str())
}
