//! What to expect of a team's queue, for displays.

mod erlang;

pub use erlang::{ErlangA, erlang_a};
