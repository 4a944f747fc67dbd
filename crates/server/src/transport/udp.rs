//! UDP: a batch of datagrams is read and parsed, then offered to the inbox.

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
use crate::limits::{DATAGRAM_BYTES_MAX, READ_BATCH_MAX, SOCKET_BUFFER_BYTES};

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

/// The reading task of one socket. It ends with the runtime, or when the engine has ended.
pub(crate) struct Reading {
    socket: tokio::net::UdpSocket,
    local: SocketAddr,
    clock: Clock,
    inbox: Inbox,
    traffic: Arc<Traffic>,
    buffer: Box<[u8]>,
}

impl Reading {
    pub(crate) fn new(
        socket: UdpSocket,
        local: SocketAddr,
        clock: Clock,
        inbox: Inbox,
        traffic: Arc<Traffic>,
    ) -> io::Result<Self> {
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let buffer = vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice();
        Ok(Self { socket, local, clock, inbox, traffic, buffer })
    }

    pub(crate) async fn run(mut self) {
        loop {
            if let Err(error) = self.socket.readable().await {
                warn!(%error, local = %self.local, "the socket cannot be read any longer");
                return;
            }
            if !self.read_batch() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// `false`: the engine has ended.
    fn read_batch(&mut self) -> bool {
        let at = self.clock.now();
        for _ in 0..READ_BATCH_MAX {
            match self.socket.try_recv_from(&mut self.buffer) {
                Ok((length, remote)) => {
                    let flow = Flow {
                        transport: Transport::Udp,
                        local: self.local,
                        remote,
                        connection: 0,
                    };
                    self.traffic.received.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = self.read(flow, length) else { continue };
                    if !self.inbox.offer(Item::Input { at, input }) {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error of an earlier packet (Linux reports it here), or an interruption.
                Err(error) => trace!(%error, local = %self.local, "recv"),
            }
        }
        true
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
