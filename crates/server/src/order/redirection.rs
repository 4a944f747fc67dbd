//! Where a practice's callers may be sent by hand: to what its plans name, or what it allows besides.
//! Never to an emergency number: a caller must dial that himself, his network finds the right centre.

use std::time::Duration;

use acd::Step;
use call::{E164, Engine, Forward, PracticeId, Target};

/// How long it rings there when no plan of the practice says it.
const RING_FOR: Duration = Duration::from_secs(30);

/// The forwarding that an operator means; else why it may not be.
pub(super) fn read(
    config: &call::Config,
    practice: PracticeId,
    text: &str,
) -> Result<Forward, String> {
    if config.emergency.numbers.read(text).is_some() {
        return Err(format!(
            "{text} is an emergency number: nobody is forwarded there. Tell the caller to hang up and \
             dial it, or have an announcement say so"
        ));
    }
    let planned = planned(config, practice);
    let phone = config.phones.iter().find(|(_, phone)| phone.user == text).map(|(id, _)| *id);
    let target = match phone {
        Some(phone) => Target::Phone(phone),
        None => Target::Line(E164::read(text).map_err(|error| format!("{text}: {error}"))?.line()),
    };
    if let Some(known) = planned.iter().find(|known| known.target == target) {
        is_possible(config, practice, target)?;
        return Ok(*known);
    }
    if is_allowed(config, practice, target) {
        is_possible(config, practice, target)?;
        return Ok(Forward { target, ring_for: RING_FOR });
    }
    Err(refused(config, practice, text, &planned))
}

/// Whether what was redirected to in an earlier life still may be.
pub(crate) fn still_holds(config: &call::Config, practice: PracticeId, to: &Forward) -> bool {
    let is_planned = || planned(config, practice).iter().any(|known| known.target == to.target);
    (is_allowed(config, practice, to.target) || is_planned())
        && is_possible(config, practice, to.target).is_ok()
}

/// Beside the plans.
fn is_allowed(config: &call::Config, practice: PracticeId, target: Target) -> bool {
    let practice = config.practices.get(&practice);
    match target {
        Target::Line(line) => {
            practice.is_some_and(|it| it.forwarding.allowed.contains(&E164::of_line(line)))
        }
        Target::Phone(_) => false,
    }
}

fn refused(config: &call::Config, practice: PracticeId, text: &str, planned: &[Forward]) -> String {
    let known = config.practices.get(&practice);
    let name = known.map_or("?", |it| it.name.as_str());
    let allowed = known.into_iter().flat_map(|it| it.forwarding.allowed.iter().copied());
    let mut places: Vec<String> = allowed.map(E164::spoken).collect();
    places.extend(planned.iter().map(|it| place(config, it.target)));
    places.sort();
    places.dedup();
    let remedy = "add it to `allowed` in [forward] of its file and reload";
    match places.is_empty() {
        true => format!("{name} allows nothing to be forwarded to {text}: {remedy}"),
        false => format!(
            "{name} allows nothing to be forwarded to {text}, only to {}: choose one, or {remedy}",
            places.join(", ")
        ),
    }
}

/// A redirection that no operator would carry does nothing: whoever gives it believes otherwise.
fn is_possible(config: &call::Config, practice: PracticeId, target: Target) -> Result<(), String> {
    let named = config.practices.get(&practice).and_then(|it| it.forwarding.trunk);
    let carries = |trunk: &call::Trunk| trunk.outbound.is_some();
    let is_carried = match named {
        Some(trunk) => config.trunks.get(&trunk).is_some_and(carries),
        None => config.trunks.values().any(carries),
    };
    match target {
        Target::Phone(_) => Ok(()),
        Target::Line(_) if is_carried => Ok(()),
        Target::Line(_) => Err("no trunk takes calls of ours, so nobody can be forwarded to a \
                                number outside: give a trunk its [outbound] and reload"
            .to_owned()),
    }
}

/// Whether somebody there could be rung now; of a number outside nobody knows.
pub(crate) fn is_reachable(engine: &Engine, target: Target) -> bool {
    match target {
        Target::Phone(phone) => {
            engine.phone_bindings(phone).any(|binding| !engine.is_dead(&binding.flow))
        }
        Target::Line(_) => true,
    }
}

/// How a place is called by people.
pub(crate) fn place(config: &call::Config, target: Target) -> String {
    match target {
        Target::Line(line) => E164::of_line(line).spoken(),
        Target::Phone(phone) => {
            config.phones.get(&phone).map_or_else(|| "?".to_owned(), |it| it.name.clone())
        }
    }
}

/// All that the practice's plans forward to.
fn planned(config: &call::Config, practice: PracticeId) -> Vec<Forward> {
    let Some(practice) = config.floor.practices.get(&practice) else { return Vec::new() };
    practice.plans().flat_map(|plan| &plan.steps).filter_map(forward).collect()
}

fn forward(step: &Step) -> Option<Forward> {
    match step {
        Step::Forward(forward) => Some(*forward),
        Step::Queue(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use acd::{PhoneId, Plan};
    use call::Phone;

    use super::*;

    fn line(text: &str) -> acd::LineId {
        E164::read(text).unwrap().line()
    }

    fn config(carries: bool) -> call::Config {
        let mut config = crate::config_of_nobody();
        let doctor = Forward {
            target: Target::Line(line("06 39 98 00 10")),
            ring_for: Duration::from_secs(20),
        };
        let reception =
            Forward { target: Target::Phone(PhoneId(1)), ring_for: Duration::from_secs(15) };
        let steps = |forward| Plan { steps: vec![Step::Forward(forward)] };
        let practice = acd::Practice {
            open: steps(reception),
            leave: vec![acd::Leave { period: (0, 1).try_into().unwrap(), plan: steps(doctor) }],
            ..acd::Practice::default()
        };
        config.floor = Arc::new(acd::Setup {
            practices: [(PracticeId(1), practice)].into(),
            ..acd::Setup::default()
        });
        let allowed = [E164::read("06 39 98 00 20").unwrap()].into();
        let practice = call::Practice {
            name: "Dr Martin".to_owned(),
            forwarding: call::Forwarding { allowed, ..call::Forwarding::default() },
            ..call::Practice::default()
        };
        config.practices = BTreeMap::from([(PracticeId(1), practice)]);
        config.phones = BTreeMap::from([(
            PhoneId(1),
            Phone {
                user: "accueil".to_owned(),
                name: "Accueil".to_owned(),
                account: sip::Account { ha1_md5: None, ha1_sha256: None },
            },
        )]);
        let outbound = carries.then(|| call::Outbound {
            transport: sip::Transport::Udp,
            to: ([192, 0, 2, 1], 5060).into(),
            forwarded_by: call::ForwardedBy::Diversion,
        });
        let trunk = call::Trunk {
            name: "op".to_owned(),
            sources: Vec::new(),
            transports: Vec::new(),
            max_unanswered: Duration::from_secs(60),
            rang_before: Duration::from_secs(25),
            numbers: call::Numbering::default(),
            outbound,
        };
        config.trunks = BTreeMap::from([(call::TrunkId(1), trunk)]);
        config
    }

    #[test]
    fn plans_and_what_is_allowed_may_be_redirected_to_and_nothing_else() {
        let config = config(true);
        let read = |text| read(&config, PracticeId(1), text);
        let seconds = |text| read(text).map(|to| to.ring_for.as_secs());
        assert_eq!(seconds("06 39 98 00 10"), Ok(20), "of the plan for leave, as long as there");
        assert_eq!(seconds("+33639980020"), Ok(30));
        assert_eq!(seconds("accueil"), Ok(15));
        let refused = read("06 39 98 00 99").unwrap_err();
        for word in ["Dr Martin", "06 39 98 00 10, 06 39 98 00 20, Accueil", "`allowed`"] {
            assert!(refused.contains(word), "{word:?} is not in {refused}");
        }
        let to = |number| {
            let to = Forward { target: Target::Line(line(number)), ring_for: RING_FOR };
            still_holds(&config, PracticeId(1), &to)
        };
        assert!(to("06 39 98 00 20") && !to("06 39 98 00 99"), "after a restart as well");
        assert!(read("somewhere").unwrap_err().contains("not a telephone number"));
    }

    #[test]
    fn an_emergency_number_is_never_redirected_to_however_it_is_written() {
        for text in ["15", "1 8", "112", "+33 15", "0033112", "116 117"] {
            let refused = read(&config(true), PracticeId(1), text).unwrap_err();
            assert!(refused.contains("is an emergency number"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_redirection_that_no_trunk_would_carry_is_refused() {
        let config = config(false);
        let refused = read(&config, PracticeId(1), "06 39 98 00 20").unwrap_err();
        assert!(refused.contains("[outbound]"), "{refused}");
        assert!(read(&config, PracticeId(1), "accueil").is_ok(), "a phone of ours needs none");
    }
}
