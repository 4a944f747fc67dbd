//! Sockets: bytes in, parsed at the edge, to the inbox; bytes out from the driver.

mod framing;
mod tcp;
mod udp;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sip::{Flow, Transmit, Transport};

use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::server::StartError;
use crate::settings::{ConnectionSettings, Listen};
use crate::watch::Watch;
use tcp::{Connections, Home};

/// Two sockets of one free port: how often another is tried when TCP's is taken.
const FREE_PORT_TRIES: u32 = 16;

/// What is bound to one address.
pub(crate) struct Bound {
    /// As peers see it.
    pub(crate) local: SocketAddr,
    address: SocketAddr,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
}

/// One listener, for people.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ListenStatus {
    pub address: SocketAddr,
    pub udp: bool,
    pub tcp: bool,
}

impl fmt::Display for ListenStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transports = match (self.udp, self.tcp) {
            (true, true) => "udp+tcp",
            (false, true) => "tcp",
            (true, false) | (false, false) => "udp",
        };
        write!(f, "{transports} {}", self.address)
    }
}

/// Binds every listener, or none.
pub(crate) fn bind(listen: &[Listen]) -> Result<Vec<Bound>, StartError> {
    listen.iter().map(bind_one).collect()
}

fn bind_one(listen: &Listen) -> Result<Bound, StartError> {
    let mut tries = 0;
    let (address, udp, tcp) = loop {
        let fault = |transport| {
            move |cause| StartError::Listen { transport, address: listen.address, cause }
        };
        let mut address = listen.address;
        let udp = listen.transports.has_udp().then(|| udp::bind(address)).transpose();
        let udp = udp.map_err(fault(Transport::Udp))?;
        if let Some(socket) = &udp {
            address = socket.local_addr().map_err(fault(Transport::Udp))?;
        }
        let tcp = match listen.transports.has_tcp().then(|| tcp::bind(address)).transpose() {
            Ok(tcp) => tcp,
            Err(cause) => {
                tries += 1;
                let is_taken = cause.kind() == io::ErrorKind::AddrInUse;
                if is_taken && listen.address.port() == 0 && tries < FREE_PORT_TRIES {
                    continue;
                }
                return Err(fault(Transport::Tcp)(cause));
            }
        };
        if let Some(listener) = &tcp {
            address = listener.local_addr().map_err(fault(Transport::Tcp))?;
        }
        break (address, udp, tcp);
    };
    let local = match listen.advertise {
        Some(advertise) if advertise.port() == 0 => SocketAddr::new(advertise.ip(), address.port()),
        Some(advertise) => advertise,
        None => address,
    };
    Ok(Bound { local, address, udp, tcp })
}

/// What a person may do about a socket that could not be bound, as the end of an error's line.
pub(crate) fn remedy(transport: Transport, error: &io::Error, address: &SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    let kind = error.kind();
    if kind == io::ErrorKind::AddrInUse {
        let letter = if transport == Transport::Udp { 'u' } else { 't' };
        format!(
            ": another program has this port (`ss -l{letter}np 'sport = :{port}'` names it); end it, \
             or change `address` in [[listen]]"
        )
    } else if kind == io::ErrorKind::AddrNotAvailable {
        format!(
            ": no interface of this machine has the address {ip} (`ip address` lists them); change \
             `address` in [[listen]]"
        )
    } else if kind == io::ErrorKind::PermissionDenied {
        ": ports below 1024 need CAP_NET_BIND_SERVICE; take another `address` in [[listen]]"
            .to_owned()
    } else {
        String::new()
    }
}

/// The sending side of all listeners, owned by the driver.
pub(crate) struct Sockets {
    listen: Vec<ListenStatus>,
    udp: Vec<(SocketAddr, UdpSocket)>,
    _readers: Vec<Watch>,
    tcp: Connections,
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
    pub(crate) connections: ConnectionCounts,
}

#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) accepted: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) unreached: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) displaced: AtomicU64,
    pub(crate) slow: AtomicU64,
    pub(crate) broken: AtomicU64,
    pub(crate) overflowed: AtomicU64,
    pub(crate) idle: AtomicU64,
}

#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct TrafficStatus {
    pub received: u64,
    pub malformed: u64,
    pub keep_alives: u64,
    pub sent: u64,
    pub send_failed: u64,
    pub connections: ConnectionsStatus,
}

/// TCP connections: those that are up, then totals.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConnectionsStatus {
    pub open: usize,
    pub accepted: u64,
    /// By us, to a peer.
    pub opened: u64,
    /// We could not reach the peer.
    pub unreached: u64,
    /// There was no room.
    pub refused: u64,
    /// Strangers' that made room for others.
    pub displaced: u64,
    /// Closed because a message did not come in time.
    pub slow: u64,
    /// Closed because what came could not be read on.
    pub broken: u64,
    /// Closed because the peer did not read.
    pub overflowed: u64,
    /// Closed because nothing came, and nothing was on it.
    pub idle: u64,
}

impl Sockets {
    /// Starts reading, and accepting on the current runtime; the sending ends are returned, with which
    /// the reading ends. `epoch` differs at each start on this machine.
    pub(crate) fn serve(
        bound: Vec<Bound>,
        connections: ConnectionSettings,
        epoch: u32,
        clock: Clock,
        inbox: &Inbox,
    ) -> Result<Self, StartError> {
        let system = |source| StartError::System { what: "share a socket", source };
        let traffic = Arc::new(Traffic::default());
        let tcp = Connections::new(connections, epoch, clock, inbox.clone(), Arc::clone(&traffic));
        let (mut listen, mut sending, mut readers) = (Vec::new(), Vec::new(), Vec::new());
        for Bound { local, address, udp, tcp: listener } in bound {
            let has_tcp = listener.is_some();
            listen.push(ListenStatus { address: local, udp: udp.is_some(), tcp: has_tcp });
            if let Some(socket) = udp {
                let reading = socket.try_clone().map_err(system)?;
                let (inbox, traffic) = (inbox.clone(), Arc::clone(&traffic));
                let reader = udp::read(reading, local, clock, inbox, traffic);
                readers.push(reader.map_err(system)?);
                sending.push((local, socket));
            }
            if let Some(listener) = listener {
                tcp.serve(listener, Home { local, bound: address }).map_err(system)?;
            }
        }
        Ok(Self { listen, udp: sending, _readers: readers, tcp, traffic })
    }

    /// Sends without waiting. What passes by itself, like a full buffer, only loses the datagram, as
    /// on the wire (SIP repeats it); any other refusal is an error for the flow's owner.
    pub(crate) fn transmit(&self, transmit: &Transmit) -> io::Result<()> {
        let sent = match transmit.flow.transport {
            Transport::Udp => self.transmit_udp(transmit),
            // Its connection counts what it has written.
            Transport::Tcp => return self.tcp.transmit(transmit).inspect_err(|_| self.failed()),
            Transport::Tls | Transport::Ws | Transport::Wss => {
                Err(io::ErrorKind::Unsupported.into())
            }
        };
        match sent {
            Ok(_) => {
                self.traffic.sent.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.failed();
                if passes(&error) { Ok(()) } else { Err(error) }
            }
        }
    }

    fn transmit_udp(&self, transmit: &Transmit) -> io::Result<usize> {
        let socket = self.udp.iter().find(|(local, _)| *local == transmit.flow.local);
        let (_, socket) = socket.ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send_to(&transmit.bytes, transmit.flow.remote)
    }

    fn failed(&self) {
        self.traffic.send_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The engine knows who is at the other end of this connection.
    pub(crate) fn vouch(&self, flow: &Flow) {
        self.tcp.vouch(flow);
    }

    /// Ends a connection that was idle and that nobody needs.
    pub(crate) fn close(&self, flow: &Flow) {
        self.tcp.close(flow);
    }

    pub(crate) fn traffic(&self) -> TrafficStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.traffic.connections;
        TrafficStatus {
            received: read(&self.traffic.received),
            malformed: read(&self.traffic.malformed),
            keep_alives: read(&self.traffic.keep_alives),
            sent: read(&self.traffic.sent),
            send_failed: read(&self.traffic.send_failed),
            connections: ConnectionsStatus {
                open: self.tcp.len(),
                accepted: read(&counts.accepted),
                opened: read(&counts.opened),
                unreached: read(&counts.unreached),
                refused: read(&counts.refused),
                displaced: read(&counts.displaced),
                slow: read(&counts.slow),
                broken: read(&counts.broken),
                overflowed: read(&counts.overflowed),
                idle: read(&counts.idle),
            },
        }
    }

    pub(crate) fn listen(&self) -> &[ListenStatus] {
        &self.listen
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
