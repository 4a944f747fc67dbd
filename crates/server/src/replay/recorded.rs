//! The day as it was, counted in the words of a configuration: by its promises and its practices.

use std::collections::BTreeMap;

use super::day::{Day, PastEnd};
use super::directory::Directory;
use super::figures::Tally;
use super::receptions;
use super::{Rung, Tallies};
use crate::explain::millis;

pub(super) struct Recorded {
    pub(super) all: Tally,
    pub(super) practices: Tallies,
    /// By user; where several have her name, by that.
    pub(super) agents: Rung,
    pub(super) targets: Rung,
}

/// Calls that the configuration gives to nobody are only counted as such: what was and what would have
/// been is told of the same calls.
pub(super) fn of(day: &Day, config: &call::Config) -> Recorded {
    let directory = Directory::of(config);
    let mut recorded = Recorded {
        all: Tally::default(),
        practices: BTreeMap::new(),
        agents: BTreeMap::new(),
        targets: day.receptions.rung.clone(),
    };
    for call in &day.calls {
        let Some((id, _)) = directory.whose(call).practice() else {
            recorded.all.unknown();
            continue;
        };
        let floor = config.floor.practices.get(&id);
        let promise = floor.map_or(0, |floor| millis(floor.answer_within));
        let note = |tally: &mut Tally| match call.end {
            PastEnd::Answered => tally.answered(call.wait_ms, promise),
            PastEnd::Forwarded => {
                tally.answered(call.wait_ms, promise);
                tally.forwarded();
            }
            PastEnd::Abandoned => tally.abandoned(call.wait_ms),
            PastEnd::Closed => tally.closed(),
            PastEnd::Blocked => tally.blocked(),
            PastEnd::Unknown => tally.unknown(),
            PastEnd::Otherwise => tally.ended(),
        };
        note(&mut recorded.all);
        if let Some(practice) = config.practices.get(&id) {
            note(super::tally(&mut recorded.practices, &practice.key, &practice.name));
        }
    }
    for (named, figures) in &day.rung {
        let user = match directory.secretaries(named)[..] {
            [agent] => config.agents.get(&agent).map(|agent| agent.user.clone()),
            _ => None,
        };
        let hers = recorded.agents.entry(user.unwrap_or_else(|| named.clone())).or_default();
        *hers = hers.and(figures);
    }
    recorded
}

/// The same, of targets, as they are shown.
pub(super) fn shown(targets: &Rung) -> Rung {
    let mut all: Rung = BTreeMap::new();
    for (target, figures) in targets {
        let of_target = all.entry(receptions::shown(target)).or_default();
        *of_target = of_target.and(figures);
    }
    all
}
