//! What the measurements share: figures with their bars, the machine's name, counted allocations.
//!
//! Each `[[bench]]` beside this folder prints for people and, where `MONOLIGNE_FIGURES` names a file,
//! appends its figures to it, one JSON object a line: `run` makes the table of the README out of them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench speaks to the terminal")]

mod allocations;
pub mod centre;
mod estimates;
mod figures;
mod machine;
pub mod messages;
pub mod practices;
mod usage;
pub mod world;

pub use allocations::{Allocations, CountingAllocator, allocations};
pub use estimates::median_ns;
pub use figures::{Bar, Figure, Figures, number};
pub use machine::{Machine, pin};
pub use usage::Usage;
