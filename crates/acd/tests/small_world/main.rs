//! Every interleaving of a small world, to a stated depth.
//!
//! Three secretaries of two teams, two practices, up to four callers, and a plan that uses circles,
//! several phones, a reserve, ageing, forwarding and a team that may be empty. From the beginning, each
//! thing that the world can do next is done: somebody enters, hangs up, answers, declines, drops, a
//! line clears, a secretary pauses, a phone vanishes, an operator moves somebody, a practice closes, a clock
//! is set, a setup is replaced, the next timer runs. States that were seen are not
//! gone through again; what is new is checked against what an outsider has seen ([`Outside`]) and against
//! the scheduler's own invariants, and the whole world is drained from a part of them: nobody may be
//! stuck.
//!
//! Each test run goes to the depths written here. The deepest one goes on, to 12 steps and more than a
//! million states, with `SMALL_WORLD_DEPTH=12 cargo test --profile ci -p acd --test small_world -- --nocapture`.

mod outside;
mod world;

use std::collections::BTreeSet;

use outside::Outside;
use world::{Alphabet, World};

/// From one in so many new states the world is drained.
const DRAINED: u128 = 64;

/// Goes through all that may happen, breadth first; prints what it saw.
#[expect(clippy::print_stdout, reason = "how far it came is what is wanted to be known")]
fn explore(of: Alphabet, depth: usize) {
    let first = World::new(of);
    let mut seen = BTreeSet::from([first.fingerprint()]);
    let mut frontier = vec![first];
    let (mut steps, mut drained) = (0_u64, 0_u64);
    for level in 1..=depth {
        let mut next = Vec::new();
        for world in std::mem::take(&mut frontier) {
            for happening in world.happenings() {
                steps += 1;
                let mut after = world.clone();
                after.happens(&happening);
                let fingerprint = after.fingerprint();
                if !seen.insert(fingerprint) {
                    continue;
                }
                after.check();
                if fingerprint % DRAINED == 0 {
                    drained += 1;
                    after.clone().drain();
                }
                // The last level is only counted.
                if level < depth {
                    next.push(after);
                }
            }
        }
        println!("{of:?}, depth {level}: {} states, {steps} steps, {drained} drained", seen.len());
        frontier = next;
    }
    assert!(seen.len() > 1_000, "the world stands still: {} states", seen.len());
    assert!(drained > 0);
}

#[test]
fn whatever_four_callers_and_three_phones_do_nobody_is_lost_or_taken_twice() {
    explore(Alphabet::Calls, 7);
}

#[test]
fn the_same_goes_on_much_longer_where_phones_let_go_at_once() {
    let depth = match std::env::var("SMALL_WORLD_DEPTH") {
        Ok(depth) => depth.parse().expect("SMALL_WORLD_DEPTH is a number of steps"),
        Err(_) => 10,
    };
    explore(Alphabet::Deep, depth);
}

#[test]
fn whatever_three_secretaries_do_while_two_callers_wait_nobody_is_lost_or_taken_twice() {
    explore(Alphabet::Floor, 6);
}

#[test]
fn whatever_operators_and_practices_say_nobody_is_lost_or_taken_twice() {
    explore(Alphabet::Operators, 5);
}

#[test]
fn whatever_happens_at_all_nobody_is_lost_or_taken_twice() {
    explore(Alphabet::Everything, 5);
}

#[test]
fn an_outsider_notices_a_caller_who_is_given_to_two() {
    let mut outside = Outside::default();
    let offer = |generation| acd::OfferId { caller: acd::CallerId(1), generation };
    outside.enters(acd::CallerId(1));
    let serve = |generation, agent| acd::Decision::Serve { offer: offer(generation), agent };
    let rings = |generation, agent| acd::Decision::Offer {
        offer: offer(generation),
        agent,
        practice: acd::PracticeId(1),
        deadline: acd::Instant::MAX,
    };
    for (generation, agent) in [(1, acd::AgentId(1)), (2, acd::AgentId(2))] {
        outside.sees(&rings(generation, agent)).expect("she was free");
    }
    outside.sees(&serve(1, acd::AgentId(1))).expect("she rang");
    assert!(outside.sees(&serve(2, acd::AgentId(2))).is_err());
}
