//! Numbers of ours: whose each is, which of them are urgent, and which operator brings its calls.

use std::collections::BTreeMap;

use acd::{PracticeId, Urgency};
use call::E164;

use super::fields::{Located, Place};
use super::file::{Named, PracticeFile, TrunkFile};
use super::mistake::Mistakes;
use super::value::Dids;

pub(super) struct Numbers {
    /// Of one practice each, the urgent ones and those of its practitioners too.
    pub(super) own: BTreeMap<E164, PracticeId>,
    pub(super) shared: BTreeMap<E164, PracticeId>,
    pub(super) urgent: BTreeMap<E164, Urgency>,
    /// What the trunks say that they bring, and whether all of them say it.
    dids: Vec<Dids>,
    is_all_told: bool,
}

/// What becomes of a call of ours to a number.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Back {
    /// It leaves: the number is nobody's here.
    No,
    /// It comes back to us, for this practice if it is known for whom.
    Yes(Option<PracticeId>),
    /// It is a practice's: one that trunks bring, or a line of its own that is none of ours.
    Perhaps(PracticeId),
}

impl Numbers {
    pub(super) fn back(&self, number: E164) -> Back {
        let whose = self.own.get(&number).or_else(|| self.shared.get(&number)).copied();
        let is_brought = self.dids.iter().any(|dids| dids.contain(number));
        let Some(practice) = whose else {
            // How numbers begin is often written too short: others' may begin so too.
            let is_listed = |dids: &&Dids| !matches!(dids, Dids::Prefix(_));
            let is_brought = self.dids.iter().filter(is_listed).any(|dids| dids.contain(number));
            return if is_brought { Back::Yes(None) } else { Back::No };
        };
        // Where no number is shared, trunks bring all of them; else practices write their own lines too.
        let is_line = !self.shared.is_empty() && !self.shared.contains_key(&number);
        match (is_line, is_brought, self.is_all_told) {
            (false, _, _) | (true, true, _) => Back::Yes(Some(practice)),
            (true, false, true) => Back::No,
            (true, false, false) => Back::Perhaps(practice),
        }
    }
}

pub(super) fn numbers(
    practices: &[Named<'_, PracticeFile<'_>>],
    trunks: &[Named<'_, TrunkFile<'_>>],
    mistakes: &mut Mistakes,
) -> Numbers {
    let mut known: BTreeMap<E164, (&PracticeFile<'_>, &Place<'_>)> = BTreeMap::new();
    let said = || trunks.iter().filter_map(|trunk| trunk.item.dids.as_ref());
    let mut all = Numbers {
        own: BTreeMap::new(),
        shared: BTreeMap::new(),
        urgent: BTreeMap::new(),
        dids: said().flat_map(|dids| &dids.items).map(|dids| dids.value.clone()).collect(),
        is_all_told: said().filter(|dids| dids.is_whole()).count() == trunks.len(),
    };
    for Named { id, item: practice, .. } in practices {
        let id = PracticeId(*id);
        let of_practitioners = || practice.practitioners.iter().map(|it| &it.numbers);
        let lists = [&practice.numbers, &practice.urgent_numbers];
        if !lists.into_iter().chain(of_practitioners()).any(|list| list.is_tried) {
            missing(practice, mistakes);
        }
        let plain = std::iter::once(&practice.numbers).chain(of_practitioners());
        let plain = plain.flat_map(|list| &list.items).map(|number| (number, None));
        let urgent =
            practice.urgent_numbers.items.iter().map(|number| (number, Some(Urgency::Urgent)));
        for (number, urgency) in plain.chain(urgent) {
            if let Some((other, place)) = known.get(&number.value) {
                let remedy = match other.is_unidentified == practice.is_unidentified {
                    true => {
                        "a number leads to one practice, is urgent or not, and is one practitioner's or \
                         none's: remove one of them"
                    }
                    false => "a number that practices share is none's own: remove one of them",
                };
                let fault = format!("this number is there already, in {}", place.shown());
                mistakes.push(number.place.mistake(fault, remedy));
                continue;
            }
            known.insert(number.value, (practice, &number.place));
            match practice.is_unidentified {
                true => all.shared.insert(number.value, id),
                false => all.own.insert(number.value, id),
            };
            all.urgent.extend(urgency.map(|urgency| (number.value, urgency)));
        }
    }
    brought(practices, trunks, mistakes);
    all
}

fn missing(practice: &PracticeFile<'_>, mistakes: &mut Mistakes) {
    let (fault, remedy) = match practice.is_unidentified {
        true => (
            "missing: which number do the practices share?",
            "write `numbers = [\"01 23 45 67 89\"]`, or remove [unidentified]",
        ),
        false => (
            "missing: nobody could call this practice",
            "write `numbers = [\"01 23 45 67 89\"]`: those its calls are forwarded to, or its own lines \
             where these are shared",
        ),
    };
    mistakes.push(practice.numbers.place.missing(fault, remedy));
}

/// Once a trunk says which numbers it brings, a number that none brings is a slip of the pen. Where
/// practices share a number, their own ones may be lines of theirs, which no operator brings to us.
fn brought(
    practices: &[Named<'_, PracticeFile<'_>>],
    trunks: &[Named<'_, TrunkFile<'_>>],
    mistakes: &mut Mistakes,
) {
    let lists = || trunks.iter().filter_map(|trunk| trunk.item.dids.as_ref());
    // What is wrong in itself is told already.
    if lists().count() == 0 || lists().any(|dids| !dids.is_whole()) {
        return;
    }
    let is_shared = practices.iter().any(|practice| practice.item.is_unidentified);
    let is_brought = |number: &Located<'_, E164>| {
        lists().any(|dids| dids.items.iter().any(|dids| dids.value.contain(number.value)))
    };
    let checked = practices.iter().filter(|practice| practice.item.is_unidentified || !is_shared);
    for practice in checked.map(|practice| &practice.item) {
        for number in practice.all_numbers().filter(|number| !is_brought(number)) {
            mistakes.push(number.place.mistake(
                "no trunk brings this number: it is among the `dids` of none",
                "put it right, or add it to the `dids` of the trunk that brings it",
            ));
        }
    }
}
