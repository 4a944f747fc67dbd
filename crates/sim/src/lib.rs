//! The engine in a seeded virtual world: a clock, a network that loses, repeats and delays, operators'
//! callers, secretaries' phones and a relay, none of which share code with what they test.
//!
//! [`run`] plays one seed to its end and checks the invariants after every step. The same seed
//! gives the same run, to the byte, in any process.

mod caller;
mod dice;
mod failure;
mod hold;
mod hours;
mod invariants;
mod network;
mod outside;
mod phone;
mod plans;
pub mod reference;
mod relay;
mod scene;
mod stage;
pub mod story;
mod tally;
mod transcript;
mod wire;
mod witness;
mod world;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

pub use caller::{Acking, Flaw, Forwarded, Offering, Script};
pub use dice::Dice;
pub use failure::{Check, Failure};
pub use hold::{Hold, Holding};
pub use phone::{Does, Habit};
pub use scene::{Reload, Scene};
pub use tally::{Happening, Tally};
pub use world::{Options, Outcomes};

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Plays one seed. A panic anywhere is a failure of the run.
pub fn run(seed: u64, options: Options) -> Outcomes {
    play(seed, Scene::draw(seed), options)
}

/// Plays a scene made by hand; `seed` still decides what is left to chance.
pub fn play(seed: u64, scene: Scene, options: Options) -> Outcomes {
    let mut world = world::World::new(seed, scene, options);
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| world.run()));
    let result = played.unwrap_or_else(|_| {
        let text = LAST_PANIC.with(|last| last.take());
        Err(Failure::new(Check::Panic, text))
    });
    world.into_outcomes(seed, result)
}

/// Panics are told as failures, with their place, instead of on stderr.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        LAST_PANIC.with(|last| *last.borrow_mut() = info.to_string());
    }));
}
