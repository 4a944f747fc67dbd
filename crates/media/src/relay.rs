//! The owner's side of the relay: start, orders, events, end.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::counters::{Counters, Figures};
use crate::limits::{EVENTS_MAX, ORDERS_MAX};
use crate::order::{Event, Order};
use crate::pool::{self, Pair};
use crate::sys::{self, Bell};
use crate::thread::{Thread, Wires};
use crate::tone::Tones;

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
    let pairs = pool::bind(&config)?;
    let told = Arc::new(Bell::new().map_err(system("make an eventfd"))?);
    let mut relay = Relay {
        shards: Vec::new(),
        shard_by_port: BTreeMap::new(),
        threads: Vec::new(),
        told,
        stop: Arc::new(AtomicBool::new(false)),
        refused: VecDeque::new(),
        next_polled: 0,
    };
    let tones = Tones::new();
    for pairs in pool::shards(pairs, config.threads) {
        relay.spawn(&config, pairs, tones.clone())?;
    }
    let (pairs, threads) = (relay.shard_by_port.len(), relay.threads.len());
    tracing::info!(address = %config.address, pairs, threads, "the media relay runs");
    Ok(relay)
}

/// The running relay. Dropping it ends its threads.
#[derive(Debug)]
pub struct Relay {
    shards: Vec<Vec<u16>>,
    shard_by_port: BTreeMap<u16, usize>,
    threads: Vec<Worker>,
    told: Arc<Bell>,
    stop: Arc<AtomicBool>,
    /// Orders for ports that no thread has.
    refused: VecDeque<Event>,
    /// The thread whose events are looked at first.
    next_polled: usize,
}

/// The owner's ends of what is shared with one thread.
#[derive(Debug)]
struct Worker {
    orders: Producer<Order>,
    events: Consumer<Event>,
    bell: Arc<Bell>,
    figures: Arc<Figures>,
    handle: Option<JoinHandle<()>>,
}

impl Relay {
    /// The RTP ports of each thread. Both legs of a call must be of one shard.
    pub fn shards(&self) -> &[Vec<u16>] {
        &self.shards
    }

    /// Sends an order to the thread of its port. An order for a port that is not of the pool comes
    /// back as [`Event::Failed`].
    pub fn order(&mut self, order: Order) -> Result<(), Full> {
        let port = order.port();
        let Some(&shard) = self.shard_by_port.get(&port) else {
            if self.refused.len() >= EVENTS_MAX {
                return Err(Full(Box::new(order)));
            }
            let error = "the port is not of the pool".to_owned();
            self.refused.push_back(Event::Failed { port, owner: order.owner(), error });
            self.told.ring();
            return Ok(());
        };
        let worker = &mut self.threads[shard];
        match worker.orders.push(order) {
            Ok(()) => {
                worker.bell.ring();
                Ok(())
            }
            Err(PushError::Full(order)) => Err(Full(Box::new(order))),
        }
    }

    /// The next event; those of one port keep their order. Poll until `None`, then wait for
    /// [`Relay::event_fd`].
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.pop_event() {
            return Some(event);
        }
        // Cleared before the last look: what comes after it rings again.
        self.told.clear();
        self.pop_event()
    }

    /// The next event, waited for: for owners that have nothing else to wait for.
    #[expect(clippy::disallowed_methods, reason = "a wait needs an end, and decides nothing")]
    pub fn wait_event(&mut self, timeout: Duration) -> Option<Event> {
        let end = std::time::Instant::now() + timeout;
        loop {
            if let Some(event) = self.poll_event() {
                return Some(event);
            }
            // A bell may still ring for events that were read already.
            let left = end.checked_duration_since(std::time::Instant::now())?;
            self.told.wait(left);
        }
    }

    fn pop_event(&mut self) -> Option<Event> {
        if let Some(event) = self.refused.pop_front() {
            return Some(event);
        }
        for _ in 0..self.threads.len() {
            let polled = self.next_polled;
            self.next_polled = (polled + 1) % self.threads.len();
            if let Ok(event) = self.threads[polled].events.pop() {
                return Some(event);
            }
        }
        None
    }

    /// Readable when events wait; [`Relay::poll_event`] clears it when it has none left.
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// The sums over all threads since the start, as of each thread's last batch.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for worker in &self.threads {
            sum.add(&worker.figures.load());
        }
        sum
    }

    /// Whether every thread runs. A relay that is not whole should be replaced.
    pub fn is_whole(&self) -> bool {
        let is_running = |handle: &JoinHandle<()>| !handle.is_finished();
        self.threads.iter().all(|worker| worker.handle.as_ref().is_some_and(is_running))
    }

    /// Ends the threads and waits for them. Legs that are still set get no [`Event::Released`].
    pub fn shutdown(self) {}

    fn spawn(&mut self, config: &Config, pairs: Vec<Pair>, tones: Tones) -> Result<(), StartError> {
        let shard = self.shards.len();
        let ports: Vec<u16> = pairs.iter().map(|pair| pair.port).collect();
        let (orders, orders_end) = RingBuffer::new(ORDERS_MAX);
        let (events_end, events) = RingBuffer::new(EVENTS_MAX);
        let bell = Arc::new(Bell::new().map_err(system("make an eventfd"))?);
        let figures = Arc::new(Figures::default());
        let wires = Wires {
            orders: orders_end,
            events: events_end,
            bell: Arc::clone(&bell),
            told: Arc::clone(&self.told),
            stop: Arc::clone(&self.stop),
            figures: Arc::clone(&figures),
        };
        let random = sys::random().map_err(system("read random bytes"))?;
        let thread = Thread::new(pairs, wires, config.silence, config.gather, tones, random)
            .map_err(system("make an epoll set"))?;
        let handle = std::thread::Builder::new()
            .name(format!("media-{shard}"))
            .spawn(move || thread.run())
            .map_err(system("spawn a thread"))?;
        self.shard_by_port.extend(ports.iter().map(|port| (*port, shard)));
        self.shards.push(ports);
        self.threads.push(Worker { orders, events, bell, figures, handle: Some(handle) });
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for worker in &self.threads {
            worker.bell.ring();
        }
        for handle in self.threads.iter_mut().filter_map(|worker| worker.handle.take()) {
            if handle.join().is_err() {
                tracing::error!("a relay thread has panicked");
            }
        }
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// The ring to the port's thread is full: the order was not taken and may be given again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the ring of orders to the relay's thread is full")]
pub struct Full(pub Box<Order>);

/// Why the relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("only {bound} port pairs of {}-{} could be bound, and a call needs 2", ports.start(), ports.end())]
    TooFewPorts { ports: RangeInclusive<u16>, bound: usize },
    #[error(
        "the ports need {needed} open files, and the limit is {limit}: raise LimitNOFILE (systemd) or `ulimit -n`, or take fewer ports"
    )]
    OpenFiles { needed: u64, limit: u64 },
    #[error("the address {address} cannot be bound")]
    Address { address: IpAddr, source: io::Error },
    #[error("cannot {what}")]
    System { what: &'static str, source: io::Error },
}
