//! The owner's side of the relay: start, orders, events, end.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Event, Order};

/// What the relay is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address that every port is bound to. Legs of the other IP version are refused.
    pub address: IpAddr,
    /// RTP on the even ports, RTCP on the odd ones after them.
    pub ports: RangeInclusive<u16>,
    /// At least one. Fewer are started when the pool is too small for a call on each.
    pub threads: usize,
    /// How long a watched leg may be without RTP and RTCP.
    pub silence: Duration,
    /// How long packets may be gathered before a thread handles them: what is lost in delay is
    /// won in system calls. Zero handles each packet at once.
    pub gather: Duration,
}

impl Config {
    /// One thread, silence after 5 s, packets gathered for up to 1 ms.
    pub fn new(address: IpAddr, ports: RangeInclusive<u16>) -> Config {
        Config {
            address,
            ports,
            threads: 1,
            silence: Duration::from_secs(5),
            gather: Duration::from_millis(1),
        }
    }
}

/// Binds the pool and spawns the threads. Ports that others hold are skipped with a warning.
pub fn start(config: Config) -> Result<Relay, StartError> {
    let _ = config;
    Err(StartError::TooFewPorts { ports: 0..=0, bound: 0 })
}

/// The running relay. Dropping it ends its threads.
#[derive(Debug)]
pub struct Relay {
    shards: Vec<Vec<u16>>,
    event_fd: OwnedFd,
}

impl Relay {
    /// The RTP ports of each thread. Both legs of a call must be of one shard.
    pub fn shards(&self) -> &[Vec<u16>] {
        &self.shards
    }

    /// Sends an order to the thread of its port. An order for a port that is not of the pool comes
    /// back as [`Event::Failed`].
    pub fn order(&mut self, order: Order) -> Result<(), Full> {
        Err(Full(order))
    }

    /// The next event, in the order of its thread. Poll until `None`, then wait for
    /// [`Relay::event_fd`].
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Readable when events wait; [`Relay::poll_event`] clears it.
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.event_fd.as_fd()
    }

    /// The sums over all threads since the start, as of each thread's last batch.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Ends the threads and waits for them. Legs that are still set get no [`Event::Released`].
    pub fn shutdown(self) {}
}

/// The ring to the port's thread is full: the order was not taken and may be given again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the ring of orders to the relay's thread is full")]
pub struct Full(pub Order);

/// Why the relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("only {bound} port pairs of {}-{} could be bound, and a call needs 2", ports.start(), ports.end())]
    TooFewPorts { ports: RangeInclusive<u16>, bound: usize },
    #[error("the ports need {needed} open files, and the limit is {limit}: raise LimitNOFILE (systemd) or `ulimit -n`, or take fewer ports")]
    OpenFiles { needed: u64, limit: u64 },
    #[error("the address {address} cannot be bound")]
    Address { address: IpAddr, source: io::Error },
    #[error("cannot {what}")]
    System { what: &'static str, source: io::Error },
}

/// Figures of the whole relay.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Counters {
    /// Threads that run.
    pub threads: u64,
    /// Legs that are set.
    pub legs: u64,
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// From strangers, or neither RTP nor RTCP.
    pub rejected: u64,
    /// Arrived on a port that nobody owns.
    pub stray: u64,
    /// Accepted from legs that forward to nobody.
    pub consumed: u64,
    /// Sends that the system refused.
    pub send_failed: u64,
    /// Orders of somebody who does not own the port.
    pub stale_orders: u64,
    /// Times that a thread woke up.
    pub wakeups: u64,
}
