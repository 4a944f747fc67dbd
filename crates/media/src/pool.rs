//! The pre-bound pool of port pairs: RTP on an even port, RTCP on the odd one after it (RFC 3550
//! §11).
//!
//! At thousands of calls a second opening sockets would cost more than the calls, so all of them
//! are opened at start. Which pair a call gets is the engine's choice.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::{DESCRIPTORS_SPARE, PAIRS_MIN, RECEIVE_BUFFER_BYTES};
use crate::packet::Port;
use crate::relay::{Config, StartError};
use crate::sys;

/// Expedited forwarding, DSCP 46 (RFC 3246), as networks expect of voice.
const TOS_VOICE: u32 = 46 << 2;

/// Two bound sockets.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) port: u16,
    pub(crate) rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Pair {
    fn bind(address: IpAddr, port: u16) -> io::Result<Pair> {
        Ok(Pair { port, rtp: socket(address, port)?, rtcp: socket(address, port + 1)? })
    }

    pub(crate) fn socket(&self, port: Port) -> BorrowedFd<'_> {
        match port {
            Port::Rtp => self.rtp.as_fd(),
            Port::Rtcp => self.rtcp.as_fd(),
        }
    }
}

/// Binds every pair that is free.
pub(crate) fn bind(config: &Config) -> Result<Vec<Pair>, StartError> {
    let ports: Vec<u16> = config
        .ports
        .clone()
        .filter(|port| port % 2 == 0 && *port != 0 && *port < *config.ports.end())
        .collect();
    let needed = ports.len() as u64 * 2 + DESCRIPTORS_SPARE;
    let limit = sys::raise_open_files()
        .map_err(|source| StartError::System { what: "raise the limit of open files", source })?;
    if limit < needed {
        return Err(StartError::OpenFiles { needed, limit });
    }
    let mut pairs = Vec::with_capacity(ports.len());
    let mut taken = Vec::new();
    for port in ports {
        match Pair::bind(config.address, port) {
            Ok(pair) => pairs.push(pair),
            Err(error) if is_taken(&error) => taken.push(port),
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
                return Err(StartError::OpenFiles { needed, limit });
            }
            Err(source) => {
                return Err(StartError::Address { address: config.address, source });
            }
        }
    }
    if let Some(first) = taken.first() {
        let (count, bound) = (taken.len(), pairs.len());
        tracing::warn!(count, first, bound, "port pairs that others hold are left out");
    }
    if pairs.len() < PAIRS_MIN {
        return Err(StartError::TooFewPorts { ports: config.ports.clone(), bound: pairs.len() });
    }
    Ok(pairs)
}

/// Deals the pairs to as many threads as wanted, at least a call's worth to each.
pub(crate) fn shards(pairs: Vec<Pair>, threads: usize) -> Vec<Vec<Pair>> {
    let threads = threads.clamp(1, (pairs.len() / PAIRS_MIN).max(1));
    let (each, left) = (pairs.len() / threads, pairs.len() % threads);
    let mut pairs = pairs.into_iter();
    (0..threads)
        .map(|shard| pairs.by_ref().take(each + usize::from(shard < left)).collect())
        .collect()
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn socket(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    if address.is_ipv4() {
        socket.set_tos_v4(TOS_VOICE)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_tclass_v6(TOS_VOICE)?;
    }
    socket.bind(&SocketAddr::new(address, port).into())?;
    Ok(socket.into())
}
