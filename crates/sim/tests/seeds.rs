//! A range of seeds in each run of the tests: 500 from `MONOLIGNE_SEED` on.

use std::sync::atomic::{AtomicU64, Ordering};

use sim::{Happening, Options, Tally};

const SEEDS: u64 = 500;

#[test]
fn five_hundred_seeds_hold_every_invariant_and_meet_everything_that_can_happen() {
    let first = std::env::var("MONOLIGNE_SEED")
        .ok()
        .map_or(0, |text| text.parse().expect("MONOLIGNE_SEED is a number"));
    sim::keep_panics();
    let next = AtomicU64::new(first);
    let play = || {
        let mut tally = Tally::default();
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + SEEDS {
                return (tally, failures);
            }
            let played = sim::run(seed, Options::default());
            tally.merge(&played.tally);
            if let Some((at, failure)) = played.failure {
                failures.push(format!("seed {seed} at {at}: {failure}"));
            }
        }
    };
    let (tally, failures) = std::thread::scope(|scope| {
        let threads = [scope.spawn(play), scope.spawn(play)];
        let mut total = (Tally::default(), Vec::new());
        for thread in threads {
            let (tally, failures) = thread.join().unwrap();
            total.0.merge(&tally);
            total.1.extend(failures);
        }
        total
    });
    drop(std::panic::take_hook());
    assert!(failures.is_empty(), "{}\nplay one: cargo sim --seed N --trace", failures.join("\n"));
    let never: Vec<&str> = tally.zeros().map(Happening::name).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}
