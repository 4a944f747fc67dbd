//! What the wire tests share: a network of their own, the server under test, drivers of real
//! clients, and the checks of what was heard and recorded.
//!
//! A test opens a [`Scene`]: a fresh network namespace with nothing but `lo`, a scratch folder, a
//! [`Tap`] on every packet, and the server as a process. Callers are `sipp` processes at the
//! trunk's address, phones are `baresip`, `pjsua2` or `linphonec` processes. Everything ends with the scene, also when the
//! test's process is killed: children carry a parent-death signal, and the namespace is anonymous.

mod centre;
mod control;
mod floor;
mod namespace;
mod phone;
mod process;
mod scene;
mod scratch;
mod server_under_test;
mod setup;
mod softphone;
mod sound;
mod tap;
mod trunk;
mod wait;

pub use centre::{Centre, Reached};
pub use control::Event;
pub use floor::Floor;
pub use namespace::Namespace;
pub use phone::Phone;
pub use scene::{CENTRE, PRACTICE, Records, SERVER, STRANGER, Scene, TRUNK, caller_number};
pub use scratch::Scratch;
pub use server_under_test::{Server, refused_config};
pub use setup::Setup;
pub use softphone::{Client, Softphone, Transport};
pub use sound::{Heard, Tone};
pub use tap::{Delivery, Tap};
pub use trunk::{Caller, Plan, Then, Wish};
pub use wait::wait_until;
