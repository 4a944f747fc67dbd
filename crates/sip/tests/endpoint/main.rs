//! The endpoint against another one, or against hand-written messages, in virtual time.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one event among all")]

mod pair;
mod solo;

mod calls;
mod cancel;
mod challenges;
mod door;
mod flows;
mod forks;
mod restore;
mod weather;
mod within;
