//! What to expect of a team's queue.
//!
//! Owns no call: [`Figures`] is told what happens and remembers a bounded part of it. [`erlang_a`] is
//! floating point, for displays alone.

mod erlang;
mod figures;

pub use erlang::{ErlangA, erlang_a};
pub use figures::Figures;
