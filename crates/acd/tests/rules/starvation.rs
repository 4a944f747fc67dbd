//! Nobody waits for ever, however many more urgent callers come, of whichever practice.
//!
//! The bound, by class: who is `r` classes below urgent (normal 2, priority 1, urgent 0) and rises every
//! `A` is urgent after `r A` at the latest. From then on go before him
//! - the `n` who were there when he came, none of them vital;
//! - the `m` who came after him but before `his answer_within - the shortest answer_within` had passed: of
//!   whoever comes later the deadline is later than his, and who shares his class goes behind him;
//! - the `v` vital ones who were there when he came, or come until he is served.
//!
//! So with `k` secretaries who are through with a caller every `S` seconds he waits at most
//! `r A + ⌈(n + m + v + 1) / k⌉ S + S`; the last `S` is for who talks just then. Vital callers who come
//! every `P` seconds, fewer than the secretaries can serve, are `v₀ + ⌈W / P⌉` within a wait `W`: the bound
//! is the least `W` that the formula gives back. Of a vital caller `n` and `m` count vital ones only, and
//! `v` none.

use std::collections::BTreeMap;

use acd::{AgentId, CallerId, Decision, Input, OfferId, PracticeId, Urgency};

use crate::floor::*;

const AGEING_S: u64 = 120;
const SECRETARIES: u64 = 4;
const CALL_S: u64 = 40;
const HOUR_S: u64 = 3_600;
/// The practices and their `answer_within`.
const PROMISES: [(PracticeId, u64); 3] = [(DOCTOR, 15), (CLINIC, 30), (DENTIST, 90)];
/// One every so often: twice the capacity.
const EVERY_S: u64 = CALL_S / (2 * SECRETARIES);
/// What each of so many callers in a row is; vital and urgent ones alone are 1.7 times the capacity, vital
/// ones a tenth of it.
const ROUND: u64 = 20;
const VITAL_EVERY_S: u64 = ROUND * EVERY_S;

fn class(caller: u64) -> Urgency {
    match caller % ROUND {
        7 => Urgency::Vital,
        3 => Urgency::Priority,
        5 | 15 => Urgency::Normal,
        _ => Urgency::Urgent,
    }
}

/// Who came in the flood.
struct Flooded {
    came: u64,
    urgency: Urgency,
    promise: u64,
    /// In seconds; `None`: to the end of the flood. Whoever is served only after it was starved by it.
    waited: Option<u64>,
    /// Who waited when he came, and how many of these are vital.
    there: u64,
    vital_there: u64,
}

impl Flooded {
    /// The longest that he may wait, in seconds.
    fn bound(&self, all: &[Self]) -> u64 {
        let shortest = PROMISES.iter().map(|it| it.1).min().expect("there are practices");
        let overtaken_until = self.came + self.promise - shortest;
        let is_rival = |it: &&Self| {
            (it.urgency == Urgency::Vital) == (self.urgency == Urgency::Vital)
                && (self.came + 1..overtaken_until).contains(&it.came)
        };
        let later = all.iter().filter(is_rival).count() as u64;
        let rises = match self.urgency {
            Urgency::Vital | Urgency::Urgent => 0,
            Urgency::Priority => 1,
            Urgency::Normal => 2,
        };
        let bound_with =
            |before: u64| rises * AGEING_S + (before + 1).div_ceil(SECRETARIES) * CALL_S + CALL_S;
        if self.urgency == Urgency::Vital {
            return bound_with(self.vital_there + later);
        }
        let mut bound = 0_u64;
        loop {
            let vital_later = bound.div_ceil(VITAL_EVERY_S);
            let next = bound_with(self.there + later + vital_later);
            if next == bound {
                return bound;
            }
            bound = next;
        }
    }
}

/// An hour in which more urgent callers come than the secretaries can serve: what became of everybody.
fn flood(ageing: Option<u64>) -> Vec<Flooded> {
    let mut setup = setup();
    let team = setup.teams.get_mut(&TEAM).expect("it is in the setup");
    (team.ageing, team.wrap_up) = (ageing.map(seconds), seconds(0));
    let secretaries = 1..=u32::try_from(SECRETARIES).expect("a few");
    setup.agents = secretaries.map(|id| (AgentId(id), agent(&[TEAM]))).collect();
    for (id, promise) in PROMISES {
        setup.practices.insert(id, practice(promise, &[queue(TEAM, None)]));
    }
    let agents: Vec<AgentId> = setup.agents.keys().copied().collect();
    let mut floor = Floor::with_setup(setup, &agents);
    let mut talks: BTreeMap<OfferId, u64> = BTreeMap::new();
    let mut served: BTreeMap<CallerId, u64> = BTreeMap::new();
    let mut serve = |floor: &mut Floor, decisions: Vec<Decision>, now: u64| {
        let mut decisions = decisions;
        while let Some(at) = decisions.iter().position(|it| matches!(it, Decision::Offer { .. })) {
            let Decision::Offer { offer, agent, .. } = decisions.remove(at) else { continue };
            floor.input(Input::Answered { offer });
            talks.insert(offer, now + CALL_S);
            served.insert(offer.caller, now);
            decisions.retain(|it| *it != serves(offer.caller.0, offer.generation, agent));
        }
        let over: Vec<OfferId> =
            talks.iter().filter(|&(_, &end)| end <= now).map(|(&offer, _)| offer).collect();
        let mut more = Vec::new();
        for offer in over {
            talks.remove(&offer);
            let view = floor
                .scheduler
                .agents()
                .find(|it| it.line_busy == Some(offer))
                .expect("her line is held");
            floor.input(Input::Ended { caller: offer.caller });
            more.extend(floor.input(Input::Cleared { agent: view.agent, offer }));
        }
        more
    };
    let mut flooded: Vec<Flooded> = Vec::new();
    for now in 10..10 + 2 * HOUR_S {
        floor.until(now);
        let mut decisions = Vec::new();
        if now <= HOUR_S && now % EVERY_S == 0 {
            let caller = flooded.len() as u64;
            let (practice, promise) = PROMISES[flooded.len() % PROMISES.len()];
            let there = floor.waiting();
            let is_vital = |&&it: &&u64| class(it) == Urgency::Vital;
            flooded.push(Flooded {
                came: now,
                urgency: class(caller),
                promise,
                waited: None,
                there: there.len() as u64,
                vital_there: there.iter().filter(is_vital).count() as u64,
            });
            decisions = floor.input(enter(caller, practice, Some(class(caller)), None));
        }
        loop {
            decisions = serve(&mut floor, decisions, now);
            if decisions.is_empty() {
                break;
            }
        }
    }
    for (caller, at) in served.into_iter().filter(|&(_, at)| at <= HOUR_S) {
        let his = &mut flooded[usize::try_from(caller.0).expect("an index")];
        his.waited = Some(at - his.came);
    }
    flooded
}

#[test]
fn under_a_flood_of_urgent_callers_nobody_waits_beyond_the_bound_of_his_class() {
    let flooded = flood(Some(AGEING_S));
    let mut longest: BTreeMap<Urgency, u64> = BTreeMap::new();
    for it in &flooded {
        let waited = it.waited.unwrap_or(HOUR_S.saturating_sub(it.came));
        let bound = it.bound(&flooded);
        assert!(
            waited <= bound,
            "{:?}, promised {} s, came at {}: waited {waited} s, bound {bound} s",
            it.urgency,
            it.promise,
            it.came
        );
        let longest = longest.entry(it.urgency).or_default();
        *longest = waited.max(*longest);
    }
    println!("longest waits, in seconds: {longest:?}");
    assert!(longest[&Urgency::Normal] > 2 * AGEING_S, "the flood is none");
    assert!(longest[&Urgency::Vital] <= 2 * CALL_S, "no flood is before a life");
}

#[test]
fn without_ageing_the_flood_would_starve_them() {
    let is_low = |it: &&Flooded| it.urgency > Urgency::Urgent;
    let flooded = flood(None);
    let low: Vec<_> = flooded.iter().filter(is_low).collect();
    let starved = low.iter().filter(|it| it.waited.is_none()).count();
    assert!(starved > 50, "only {starved} starved: the test of the bound shows nothing");
    let beyond =
        |it: &&&Flooded| it.waited.unwrap_or(HOUR_S.saturating_sub(it.came)) > it.bound(&flooded);
    assert!(low.iter().filter(beyond).count() > 10, "the bound would hold without ageing too");
}
