//! Nobody waits for ever, however many more urgent callers come.
//!
//! The bound: a caller who rises every `A` is urgent after `2 A` at the latest. From then on only vital
//! callers, and urgent ones with an earlier deadline, go before him; who comes later has a later one. So
//! with `k` secretaries who are through with a caller every `S` seconds he waits at most
//! `2 A + ⌈(n + 1) / k⌉ S + S`, where `n` are those who waited when he came, or came before his deadline was
//! the earlier one; the last `S` is for who talks just then.

use std::collections::BTreeMap;

use acd::{AgentId, CallerId, Decision, Input, OfferId, Urgency};

use crate::floor::*;

const AGEING_S: u64 = 120;
const SECRETARIES: u32 = 4;
const CALL_S: u64 = 40;
const HOUR_S: u64 = 3_600;

/// An hour in which urgent callers alone are twice what the secretaries can serve; every tenth caller is
/// not urgent: what became of each of those.
fn flood(ageing: Option<u64>) -> Vec<Flooded> {
    let mut setup = setup();
    let team = setup.teams.get_mut(&TEAM).expect("it is in the setup");
    (team.ageing, team.wrap_up) = (ageing.map(seconds), seconds(0));
    setup.agents = (1..=SECRETARIES).map(|id| (AgentId(id), agent(&[TEAM]))).collect();
    let agents: Vec<AgentId> = setup.agents.keys().copied().collect();
    let mut floor = Floor::with_setup(setup, &agents);
    let mut talks: BTreeMap<OfferId, u64> = BTreeMap::new();
    let mut served: BTreeMap<CallerId, u64> = BTreeMap::new();
    let mut normal = Vec::new();
    let mut callers = 0;
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
    // One every CALL_S / (2 k) seconds: twice the capacity.
    let every = CALL_S / (2 * u64::from(SECRETARIES));
    for now in 10..10 + 2 * HOUR_S {
        floor.until(now);
        let mut decisions = Vec::new();
        if now <= HOUR_S && now % every == 0 {
            callers += 1;
            let urgent = (callers % 10 != 0).then_some(Urgency::Urgent);
            if urgent.is_none() {
                normal.push((CallerId(callers), now, floor.waiting().len() as u64));
            }
            decisions = floor.input(enter(callers, DOCTOR, urgent, None));
        }
        loop {
            decisions = serve(&mut floor, decisions, now);
            if decisions.is_empty() {
                break;
            }
        }
    }
    let wait = |(caller, came, ahead): (CallerId, u64, u64)| {
        // Of an hour: whoever is served only after the flood was starved by it.
        let waited = served.get(&caller).filter(|&&at| at <= HOUR_S).map(|at| at - came);
        Flooded { came, waited, ahead }
    };
    normal.into_iter().map(wait).collect()
}

struct Flooded {
    came: u64,
    /// In seconds; `None`: to the end of the flood.
    waited: Option<u64>,
    /// Who waited when he came.
    ahead: u64,
}

#[test]
fn under_a_flood_of_urgent_callers_nobody_waits_beyond_the_bound() {
    let mut longest = 0;
    for Flooded { came, waited, ahead } in flood(Some(AGEING_S)) {
        let waited = waited.unwrap_or(HOUR_S.saturating_sub(came));
        // Deadlines are alike here: nobody else's is earlier than his.
        let bound = 2 * AGEING_S + (ahead + 1).div_ceil(u64::from(SECRETARIES)) * CALL_S + CALL_S;
        assert!(waited <= bound, "waited {waited} s with {ahead} ahead of him: bound {bound} s");
        longest = longest.max(waited);
    }
    assert!(longest > 2 * AGEING_S, "the flood is none");
}

#[test]
fn without_ageing_the_flood_would_starve_them() {
    let starved = flood(None).iter().filter(|it| it.waited.is_none()).count();
    assert!(starved > 50, "only {starved} starved: the test of the bound shows nothing");
}
