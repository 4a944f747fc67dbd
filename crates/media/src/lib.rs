//! The RTP relay: threads that move packets between the legs of calls.
//!
//! [`start`] binds the whole pool of port pairs and spawns the threads; [`Relay`] is their only
//! owner. [`Order`]s go to the thread of their port over a bounded ring, [`Event`]s come back the
//! same way. What happens to a packet is decided in `session.rs`, without sockets or clocks; the
//! threads own their sockets and sessions, and take no lock on the packet path. It knows nothing
//! of calls or SIP.

mod audio;
#[cfg(feature = "bare")]
pub mod bare;
mod beat;
mod counters;
mod g711;
mod keys;
pub mod limits;
mod order;
mod packet;
mod player;
mod pool;
mod relay;
mod session;
mod stream;
mod sys;
mod thread;
mod time;
mod tone;

pub use audio::Audio;
pub use counters::Counters;
pub use order::{Event, Leg, Order, Play, Playing, Remote, Source, Stats, ToneCodec};
pub use relay::{Config, Full, Relay, StartError, start};
