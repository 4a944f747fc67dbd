//! The engine in a seeded virtual world: a clock, a network that loses, repeats and delays, operators'
//! callers, secretaries' phones and a relay, none of which share code with what they test.
//!
//! [`run`] plays one seed to its end and checks the invariants after every step. The same seed
//! gives the same run, to the byte, in any process.

mod dice;
pub mod reference;

pub use dice::Dice;
