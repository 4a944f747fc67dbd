//! Sockets: bytes in, parsed at the edge, to the inbox; bytes out from the driver.

pub(crate) mod udp;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sip::Transmit;

use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::server::StartError;

/// What a bound socket is known as.
pub(crate) struct Bound {
    pub(crate) local: SocketAddr,
    pub(crate) socket: UdpSocket,
}

/// The sending side of all listeners, owned by the driver.
pub(crate) struct Sockets {
    by_local: Vec<Bound>,
    traffic: Arc<Traffic>,
}

/// Totals since the start.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) keep_alives: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// The socket's buffer was full, or the system refused.
    pub(crate) send_failed: AtomicU64,
}

#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct TrafficStatus {
    pub received: u64,
    pub malformed: u64,
    pub keep_alives: u64,
    pub sent: u64,
    pub send_failed: u64,
}

impl Sockets {
    /// Starts a reading task a socket on the current runtime; the sending ends are returned.
    pub(crate) fn serve(
        bound: Vec<Bound>,
        clock: Clock,
        inbox: &Inbox,
    ) -> Result<Self, StartError> {
        let system = |source| StartError::System { what: "share a socket", source };
        let traffic = Arc::new(Traffic::default());
        for listener in &bound {
            let reading = Bound {
                local: listener.local,
                socket: listener.socket.try_clone().map_err(system)?,
            };
            let task = udp::Reading::new(reading, clock, inbox.clone(), Arc::clone(&traffic))
                .map_err(system)?;
            tokio::spawn(task.run());
        }
        Ok(Self { by_local: bound, traffic })
    }

    /// Sends without waiting. What passes by itself, like a full buffer, only loses the datagram, as
    /// on the wire (SIP repeats it); any other refusal is an error for the flow's owner.
    pub(crate) fn transmit(&self, transmit: &Transmit) -> io::Result<()> {
        let bound = self
            .by_local
            .iter()
            .find(|bound| bound.local == transmit.flow.local)
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        match bound.socket.send_to(&transmit.bytes, transmit.flow.remote) {
            Ok(_) => {
                self.traffic.sent.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.traffic.send_failed.fetch_add(1, Ordering::Relaxed);
                if passes(&error) { Ok(()) } else { Err(error) }
            }
        }
    }

    pub(crate) fn traffic(&self) -> TrafficStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrafficStatus {
            received: read(&self.traffic.received),
            malformed: read(&self.traffic.malformed),
            keep_alives: read(&self.traffic.keep_alives),
            sent: read(&self.traffic.sent),
            send_failed: read(&self.traffic.send_failed),
        }
    }

    pub(crate) fn locals(&self) -> impl Iterator<Item = SocketAddr> {
        self.by_local.iter().map(|bound| bound.local)
    }
}

/// Says something of this machine at this moment, not of the peer: a queue or the memory is full, a
/// firewall (EPERM, as while its rules are loaded) or an interface that is down refused.
fn passes(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EAGAIN
                | libc::EINTR
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EPERM
                | libc::ENETDOWN
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_the_peer_fails_its_flow() {
        for passing in [libc::EAGAIN, libc::ENOBUFS, libc::EPERM] {
            assert!(passes(&io::Error::from_raw_os_error(passing)));
        }
        for failing in [libc::ECONNREFUSED, libc::EHOSTUNREACH, libc::ENETUNREACH] {
            assert!(!passes(&io::Error::from_raw_os_error(failing)));
        }
    }
}
