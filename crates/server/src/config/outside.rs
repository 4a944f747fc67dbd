//! Numbers outside: which may be called, and by which trunk.

use std::collections::BTreeSet;

use acd::Date;
use call::E164;

use super::fields::{List, Located, Place};
use super::file::{EmergencyFile, File, Named, PracticeFile, TrunkFile};
use super::mistake::Mistakes;
use super::names::TRUNK;
use super::plans::Known;
use super::value::Destination;

/// Arcep, decision 2002-1179 as amended up to 2016-0172 of this day.
const KNOWN_AS_OF: &str = "2016-02-09";
const KNOWN: [&str; 12] =
    ["15", "17", "18", "112", "114", "115", "116000", "116117", "119", "191", "196", "197"];
/// Without these a list is no list of emergency numbers.
const ALWAYS: [&str; 4] = ["15", "17", "18", "112"];
/// Country codes of the French plan: `+33 116117` is 116117.
const CODES: [&str; 6] = ["33", "262", "590", "594", "596", "508"];

const DIAL_HIMSELF: &str = "remove it: who is in danger dials it himself, so that the centre of where he \
                            is answers; let an announcement say so, as those in prompts/ do";

/// The prompt that asks for the key 1, where there is one of this name.
const ACCEPT: &str = "accept";

/// What people dial in an emergency. A secretary may; no plan may, since the centre that answers must be
/// that of the caller's place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmergencyNumbers {
    /// The day that the list is of.
    pub as_of: Date,
    pub numbers: BTreeSet<String>,
}

impl EmergencyNumbers {
    pub(super) fn of(file: &EmergencyFile<'_>, mistakes: &mut Mistakes) -> Self {
        let mut numbers = BTreeSet::new();
        for short in file.numbers.iter().flat_map(|list| &list.items) {
            if !numbers.insert(short.value.0.clone()) {
                mistakes.push(short.place.mistake("named twice", "remove one of them"));
            }
        }
        if file.numbers.is_none() {
            numbers = KNOWN.map(str::to_owned).into();
        }
        // One that is misspelt is told already.
        if file.numbers.as_ref().is_some_and(|list| list.is_whole()) {
            for missing in ALWAYS.iter().filter(|number| !numbers.contains(**number)) {
                mistakes.push(file.place.within("numbers").missing(
                    format!("{missing} is not among them"),
                    "add it: a plan could send callers there",
                ));
            }
        }
        let known = Date::read(KNOWN_AS_OF).expect("invariant: KNOWN_AS_OF is a day");
        Self { as_of: file.as_of.unwrap_or(known), numbers }
    }

    /// The short number that this one is a long way to write of.
    pub fn find(&self, number: E164) -> Option<&str> {
        let digits = number.to_string();
        let short = CODES.iter().find_map(|code| digits.strip_prefix('+')?.strip_prefix(code))?;
        self.numbers.get(short).map(String::as_str)
    }

    /// The number, if callers may be sent there. `None` with a mistake.
    pub(super) fn outside(
        &self,
        to: &Destination,
        place: &Place<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<E164> {
        let emergency = match to {
            Destination::Number(number) => match self.find(*number) {
                Some(emergency) => emergency,
                None => return Some(*number),
            },
            Destination::Short(digits) => match self.numbers.get(digits) {
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
}

/// How a practice's callers get outside; `called` are the numbers in its plans.
pub(super) fn forwarding(
    practice: &PracticeFile<'_>,
    called: &[Located<'_, E164>],
    file: &File<'_>,
    known: &Known<'_>,
    mistakes: &mut Mistakes,
) -> call::Forwarding {
    let written = &practice.forward;
    let mut outside = |list: &List<'_, Destination>| -> Vec<(E164, usize)> {
        let numbers = list.items.iter().enumerate().filter_map(|(index, to)| {
            Some((known.emergency.outside(&to.value, &to.place, mistakes)?, index))
        });
        numbers.collect()
    };
    let allowed: BTreeSet<E164> = outside(&written.allowed).into_iter().map(|it| it.0).collect();
    let no_key = outside(&written.no_key);
    for (number, index) in &no_key {
        if !allowed.contains(number) && !called.iter().any(|called| called.value == *number) {
            mistakes.push(written.no_key.items[*index].place.mistake(
                "no plan of this practice calls it, nor is it among `allowed`",
                "remove it, or write the number that a plan calls",
            ));
        }
    }
    let own = || practice.numbers.items.iter().chain(&practice.urgent_numbers.items);
    if let Some(number) = &written.number
        && !own().any(|own| own.value == number.value)
    {
        mistakes.push(number.place.mistake(
            "none of this practice's numbers: an operator would not let it pass",
            "write one of its `numbers`, or leave the key out: the one that the caller dialled",
        ));
    }
    let trunk = written.trunk.as_ref().and_then(|name| {
        let id = TRUNK.find(name, &known.names.trunks, mistakes)?;
        let takes = file.trunks.iter().any(|it| it.id == id.0 && it.item.outbound.is_some());
        if !takes {
            mistakes.push(name.place.mistake(
                "this trunk takes no calls of ours",
                "write [outbound] for it, or name a trunk that has one",
            ));
        }
        Some(id)
    });
    let first = called.first().map(|called| &called.place);
    let first = first.or_else(|| written.allowed.items.first().map(|it| &it.place));
    if let (None, Some(place)) = (&written.trunk, first) {
        by_their_own_trunk(practice, place, &file.trunks, mistakes);
    }
    call::Forwarding {
        trunk,
        number: written.number.as_ref().map(|number| number.value),
        no_key: no_key.into_iter().map(|it| it.0).collect(),
        allowed,
        accept: known.prompts.named(ACCEPT),
    }
}

/// Who is sent outside without a trunk being named goes by the one that he came on.
fn by_their_own_trunk(
    practice: &PracticeFile<'_>,
    place: &Place<'_>,
    trunks: &[Named<'_, TrunkFile<'_>>],
    mistakes: &mut Mistakes,
) {
    let with = trunks.iter().find(|trunk| trunk.item.outbound.is_some());
    let Some(with) = with else {
        mistakes.push(place.mistake(
            "no trunk has [outbound]: nobody outside could be rung",
            "write [outbound] with `to = \"ADDRESS:PORT\"` for the trunk that shall carry it",
        ));
        return;
    };
    let numbers = || practice.numbers.items.iter().chain(&practice.urgent_numbers.items);
    let brings = |trunk: &&Named<'_, TrunkFile<'_>>| match &trunk.item.dids {
        None => true,
        Some(dids) => {
            numbers().any(|number| dids.items.iter().any(|d| d.value.contain(number.value)))
        }
    };
    let without = trunks.iter().filter(brings).find(|trunk| trunk.item.outbound.is_none());
    if let Some(without) = without {
        mistakes.push(place.mistake(
            format!(
                "who comes by the trunk {:?} could not be sent there: it has no [outbound]",
                without.name
            ),
            format!(
                "write `trunk = {:?}` in [forward] of this practice, or [outbound] for that trunk",
                with.name
            ),
        ));
    }
}
