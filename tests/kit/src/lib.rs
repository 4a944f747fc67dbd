//! What the wire tests share: a network of their own, the server under test, drivers of real
//! clients, and the checks of what was heard and recorded.
//!
//! A test opens a [`Scene`]: a fresh network namespace with nothing but `lo`, a scratch folder, a
//! [`Tap`] on every datagram, and the server as a process. Callers are `sipp` processes at the
//! trunk's address, phones are `baresip` processes. Everything ends with the scene, also when the
//! test's process is killed: children carry a parent-death signal, and the namespace is anonymous.

mod namespace;
mod phone;
mod process;
mod records;
mod scene;
mod scratch;
mod server;
mod sound;
mod tap;
mod trunk;
mod wait;

pub use namespace::Namespace;
pub use phone::{Event, Phone};
pub use process::Process;
pub use records::{CallRow, OfferRow, Records};
pub use scene::{Scene, Setup};
pub use scratch::Scratch;
pub use server::Server;
pub use sound::{Heard, RATE, Tone, alaw_to_linear, linear_to_alaw, read_wav, write_wav};
pub use tap::{Datagram, Tap};
pub use trunk::{Caller, Plan, Then};
pub use wait::{Deadline, wait_until};
