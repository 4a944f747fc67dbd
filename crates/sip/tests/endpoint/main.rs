//! The endpoint against another one, or against hand-written messages, in virtual time.

mod pair;
mod solo;

mod calls;
mod cancel;
mod challenges;
mod door;
mod forks;
mod restore;
mod weather;
mod within;
