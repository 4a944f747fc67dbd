//! Bounds of everything that grows, and the relay's fixed times.

use std::time::Duration;

/// Orders under way to one thread; beyond it [`crate::Full`].
pub const ORDERS_MAX: usize = 8192;
/// Events under way from one thread; beyond it the thread takes no order until there is room.
pub const EVENTS_MAX: usize = 8192;
/// Orders that a thread takes before it looks at packets again.
pub const ORDERS_PER_WAKE_MAX: usize = 64;
/// Packets of one system call.
pub const BATCH_MAX: usize = 16;
/// Longer packets are rejected: an Ethernet frame's worth.
pub const PACKET_BYTES_MAX: usize = 1536;
/// Sockets reported by one `epoll_wait`.
pub const READY_MAX: usize = 512;
/// What a socket may hold, as asked for (Linux keeps twice as much): over a second of one call.
pub const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
/// Packets read away from a port before a new owner gets it.
pub const DRAIN_PACKETS_MAX: usize = 2048;
/// Descriptors left to the rest of the process when the pool is bound.
pub const DESCRIPTORS_SPARE: u64 = 128;
/// Fewer pairs than this carry no call.
pub const PAIRS_MIN: usize = 2;
/// Presses of one leg that may wait to be told, and that may come at once; what is beyond is forgotten.
pub const KEYS_UNTOLD_MAX: usize = 8;
/// In the long run a leg's presses count that are at least this far apart (ITU-T Q.24: a dialling machine).
pub const KEY_MIN: Duration = Duration::from_millis(40);
/// A learnt address that was silent for this long may move.
pub const MOVE_AFTER: Duration = Duration::from_secs(2);
