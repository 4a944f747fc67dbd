//! UDP: a batch of datagrams is read and parsed, then offered to the inbox.
//!
//! A thread for each socket. After a batch it rests for [`GATHER`] while the next one gathers in the
//! socket's buffer: a first datagram is read at once, and a flood of them wakes the engine not more
//! often than that.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use call::Input;
use sip::{Flow, Message, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::{trace, warn};

use super::Traffic;
use crate::clock::Clock;
use crate::inbox::{Inbox, Item};
use crate::limits::{DATAGRAM_BYTES_MAX, GATHER, READ_BATCH_MAX, SOCKET_BUFFER_BYTES};
use crate::watch::Watch;

pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // As much as the system allows: less only loses bursts.
    if let Err(error) = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES) {
        warn!(%error, %address, "the receive buffer stays small");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Starts the thread that reads one socket. It ends when what is returned is dropped, or when the engine
/// has ended.
pub(super) fn read(
    socket: UdpSocket,
    local: SocketAddr,
    clock: Clock,
    inbox: Inbox,
    traffic: Arc<Traffic>,
) -> io::Result<Watch> {
    let watched = socket.try_clone()?.into();
    let buffer = vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice();
    let items = Vec::with_capacity(READ_BATCH_MAX);
    let mut reading = Reading { socket, local, clock, inbox, traffic, buffer, items };
    Watch::start("udp", watched, move || reading.turn())
}

struct Reading {
    socket: UdpSocket,
    local: SocketAddr,
    clock: Clock,
    inbox: Inbox,
    traffic: Arc<Traffic>,
    buffer: Box<[u8]>,
    items: Vec<Item>,
}

impl Reading {
    /// `false`: the engine has ended.
    fn turn(&mut self) -> bool {
        let count = self.read_batch();
        if !self.items.is_empty() && !self.inbox.offer(&mut self.items) {
            return false;
        }
        if count < READ_BATCH_MAX {
            std::thread::park_timeout(GATHER);
        }
        true
    }

    /// How many datagrams there were. Errors take their turn in the batch and do not count: a socket
    /// that has nothing but errors is left alone for a while.
    fn read_batch(&mut self) -> usize {
        let at = self.clock.now();
        let mut count = 0;
        for _ in 0..READ_BATCH_MAX {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((length, remote)) => {
                    count += 1;
                    let flow = Flow {
                        transport: Transport::Udp,
                        local: self.local,
                        remote,
                        connection: 0,
                    };
                    self.traffic.received.fetch_add(1, Ordering::Relaxed);
                    if let Some(input) = self.read(flow, length) {
                        self.items.push(Item::Input { at, input });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error of an earlier packet (Linux reports it here), or an interruption.
                Err(error) => trace!(%error, local = %self.local, "recv"),
            }
        }
        count
    }

    /// `None`: a keep-alive (RFC 5626 §3.5.1), nothing for the engine.
    fn read(&self, flow: Flow, length: usize) -> Option<Input> {
        match Message::read(Bytes::copy_from_slice(&self.buffer[..length])) {
            Ok(message) => Some(Input::Message { flow, message }),
            Err(malformed) if malformed.reason.is_keep_alive() => {
                self.traffic.keep_alives.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(malformed) => {
                self.traffic.malformed.fetch_add(1, Ordering::Relaxed);
                trace!(reason = %malformed.reason, remote = %flow.remote, "malformed");
                Some(Input::Malformed { flow, malformed })
            }
        }
    }
}

#[cfg(test)]
mod tests;
