//! The relay's figures, written by the threads and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Declares [`Counters`] and its shared form from one list.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Figures of the whole relay since its start.
        #[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
        pub struct Counters { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            pub(crate) fn add(&mut self, other: &Counters) {
                $(self.$name += other.$name;)*
            }
        }

        /// What a thread publishes: each figure by itself, as of its last batch.
        #[derive(Default, Debug)]
        pub(crate) struct Figures { $($name: AtomicU64,)* }

        impl Figures {
            pub(crate) fn store(&self, counters: &Counters) {
                $(self.$name.store(counters.$name, Ordering::Relaxed);)*
            }

            pub(crate) fn load(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Threads that were started.
    threads,
    /// Legs that are set.
    legs,
    /// RTP and RTCP, from anybody.
    packets_in,
    /// RTP and RTCP, what was played included.
    packets_out,
    bytes_in,
    bytes_out,
    /// From strangers, or neither RTP nor RTCP.
    rejected,
    /// Arrived on a port that nobody owns.
    stray,
    /// Accepted from legs that forward to nobody, or to a leg whose address is not known yet.
    consumed,
    /// Sends that the system refused.
    send_failed,
    /// Releases by somebody who does not own the port.
    stale_orders,
    /// Times that a thread woke up.
    wakeups,
}
