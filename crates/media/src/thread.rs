//! One relay thread: it waits, takes orders, moves packets, plays and tells events.
//!
//! It owns its port pairs and their sessions. Per packet there is no allocation, no lock and no
//! reading of the clock. Its only inputs are the sockets, the ring of orders and the clock, read
//! once a batch.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rtrb::{Consumer, Producer};

use crate::beat::Beat;
use crate::counters::{Counters, Figures};
use crate::limits::{BATCH_MAX, DRAIN_PACKETS_MAX, ORDERS_PER_WAKE_MAX, READY_MAX};
use crate::order::{Event, Leg, Order};
use crate::packet::Port;
use crate::player::{FRAME_BYTES, Player};
use crate::pool::Pair;
use crate::session::{Report, Session, Verdict};
use crate::sys::{Batch, Bell, Epoll, Ready};
use crate::time::Instant;
use crate::tone::Tones;

/// The number of the bell among the sockets.
const BELL: u64 = u64::MAX;
/// Events that one order can lead to.
const EVENTS_PER_ORDER: usize = 3;
/// How long orders wait for room among the events before they are looked at again.
const ROOM_RETRY: Duration = Duration::from_millis(10);

/// A thread's ends of what it shares with the relay's owner.
pub(crate) struct Wires {
    pub(crate) orders: Consumer<Order>,
    pub(crate) events: Producer<Event>,
    /// Rung for orders and for the end.
    pub(crate) bell: Arc<Bell>,
    /// Rung for events.
    pub(crate) told: Arc<Bell>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) figures: Arc<Figures>,
}

pub(crate) struct Thread {
    wires: Wires,
    epoll: Epoll,
    slots: Vec<Slot>,
    /// RTP port to index in `slots`.
    indexes: BTreeMap<u16, usize>,
    /// Slots that play, or have played and did not tell.
    playing: Vec<usize>,
    beat: Beat,
    tones: Tones,
    next_scan_at: Instant,
    silence: Duration,
    gather: Duration,
    /// State of the generator of players' SSRCs.
    random: u64,
    clock: Clock,
    counters: Counters,
    has_told: bool,
}

/// A port pair, and who has it.
struct Slot {
    pair: Pair,
    is_v4: bool,
    /// Steps by one with every owner.
    generation: u64,
    tenant: Option<Tenant>,
    is_playing: bool,
}

struct Tenant {
    owner: u64,
    session: Session,
    /// Index and generation of the leg that packets are forwarded to.
    peer: Option<(usize, u64)>,
    player: Player,
}

impl Thread {
    pub(crate) fn new(
        pairs: Vec<Pair>,
        wires: Wires,
        silence: Duration,
        gather: Duration,
        tones: Tones,
        random: u64,
    ) -> io::Result<Thread> {
        let epoll = Epoll::new()?;
        epoll.add(wires.bell.as_fd(), BELL)?;
        for (index, pair) in pairs.iter().enumerate() {
            epoll.add(pair.socket(Port::Rtp), number(index, Port::Rtp))?;
            epoll.add(pair.socket(Port::Rtcp), number(index, Port::Rtcp))?;
        }
        Ok(Thread {
            wires,
            epoll,
            indexes: pairs.iter().enumerate().map(|(index, pair)| (pair.port, index)).collect(),
            playing: Vec::with_capacity(pairs.len()),
            slots: pairs.into_iter().map(Slot::new).collect(),
            beat: Beat::default(),
            tones,
            next_scan_at: Instant::default(),
            silence,
            gather,
            random,
            clock: Clock::start(),
            counters: Counters { threads: 1, ..Counters::default() },
            has_told: false,
        })
    }

    /// Runs until it is stopped.
    pub(crate) fn run(mut self) {
        let mut ready = Ready::new();
        let mut batch = Batch::new();
        let mut now = self.clock.now();
        while !self.wires.stop.load(Ordering::Acquire) {
            if let Err(error) = self.epoll.wait(&mut ready, self.timeout(now)) {
                tracing::error!(%error, "a relay thread cannot wait and ends");
                break;
            }
            now = self.clock.now();
            self.counters.wakeups += 1;
            self.take_orders(now, &mut batch);
            let mut has_backlog = ready.len() == READY_MAX || !self.wires.orders.is_empty();
            for position in 0..ready.len() {
                let number = ready.number(position);
                if number != BELL {
                    has_backlog |= self.relay(now, number, &mut batch) == BATCH_MAX;
                }
            }
            self.play(now);
            self.scan(now);
            if std::mem::take(&mut self.has_told) {
                self.wires.told.ring();
            }
            self.wires.figures.store(&self.counters);
            if !has_backlog && !self.gather.is_zero() {
                std::thread::park_timeout(self.gather);
            }
        }
    }

    /// How long nothing is due.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        let frame_at = (!self.playing.is_empty()).then_some(self.beat.next_at());
        let scan_at = (self.counters.legs > 0).then_some(self.next_scan_at);
        let has_room = self.wires.events.slots() >= EVENTS_PER_ORDER;
        let orders_at =
            (!self.wires.orders.is_empty()).then(|| if has_room { now } else { now + ROOM_RETRY });
        let due_at = [frame_at, scan_at, orders_at].into_iter().flatten().min()?;
        Some(due_at.saturating_duration_since(now))
    }

    /// Takes orders, so many that no packet waits long, and while there is room for what they
    /// lead to.
    fn take_orders(&mut self, now: Instant, batch: &mut Batch) {
        self.wires.bell.clear();
        for _ in 0..ORDERS_PER_WAKE_MAX {
            if self.wires.events.slots() < EVENTS_PER_ORDER {
                return;
            }
            let Ok(order) = self.wires.orders.pop() else {
                return;
            };
            match order {
                Order::Set { port, owner, leg } => {
                    if let Err(error) = self.set(now, port, owner, &leg, batch) {
                        tracing::warn!(port, owner, error, "a media order cannot be done");
                        self.tell(Event::Failed { port, owner, error: error.to_owned() });
                    }
                }
                Order::Release { port, owner } => match self.indexes.get(&port) {
                    Some(&index) if self.slots[index].is_owned_by(owner) => {
                        self.release(now, index, batch);
                    }
                    Some(_) | None => self.counters.stale_orders += 1,
                },
            }
        }
    }

    fn set(
        &mut self,
        now: Instant,
        port: u16,
        owner: u64,
        leg: &Leg,
        batch: &mut Batch,
    ) -> Result<(), &'static str> {
        let unknown = "the port is not of this thread's pool";
        let index = *self.indexes.get(&port).ok_or(unknown)?;
        let peer = match leg.peer {
            Some(peer) => Some(*self.indexes.get(&peer).ok_or("the peer is of another shard")?),
            None => None,
        };
        self.slots[index].check(leg)?;
        if !self.slots[index].is_owned_by(owner) {
            self.release(now, index, batch);
            let random = self.next_random();
            let slot = &mut self.slots[index];
            slot.drain(batch);
            slot.generation += 1;
            let session = Session::new(now, leg);
            let player = Player::new(now, random);
            slot.tenant = Some(Tenant { owner, session, peer: None, player });
            if self.counters.legs == 0 {
                self.next_scan_at = now;
            }
            self.counters.legs += 1;
        }
        let peer = peer.map(|peer| (peer, self.slots[peer].joinable_generation()));
        let tenant = self.slots[index].tenant.as_mut().expect("just set, or owned");
        tenant.session.set(now, leg);
        tenant.peer = peer;
        tenant.player.set(now, leg.play.as_ref(), &self.tones);
        if tenant.player.is_playing() && !self.slots[index].is_playing {
            if self.playing.is_empty() {
                self.beat.start(now);
            }
            self.slots[index].is_playing = true;
            self.playing.push(index);
        }
        Ok(())
    }

    /// Ends the present owner's leg, if there is one. What came before the order is still its own.
    fn release(&mut self, now: Instant, index: usize, batch: &mut Batch) {
        if self.slots[index].tenant.is_some() {
            self.relay(now, number(index, Port::Rtp), batch);
            self.relay(now, number(index, Port::Rtcp), batch);
        }
        let slot = &mut self.slots[index];
        let Some(tenant) = slot.tenant.take() else {
            return;
        };
        let (port, owner, stats) = (slot.pair.port, tenant.owner, tenant.session.stats());
        self.counters.legs -= 1;
        self.tell(Event::Released { port, owner, stats });
    }

    /// Moves what waits on one socket, at most a batch: epoll tells again if there is more. Returns
    /// how many packets there were.
    fn relay(&mut self, now: Instant, number: u64, batch: &mut Batch) -> usize {
        let (index, port) = index_and_port(number);
        let count = match batch.receive(self.slots[index].pair.socket(port)) {
            Ok(count) => count,
            // The rest of what an ICMP error or a signal may leave on a socket: nothing to read.
            Err(error) => {
                tracing::trace!(%error, index, ?port, "nothing to receive");
                return 0;
            }
        };
        self.counters.packets_in += count as u64;
        let peer = self.slots[index].tenant.as_ref().and_then(|tenant| tenant.peer);
        let peer = peer.filter(|&(peer, generation)| self.slots[peer].is_at(generation));
        let peer_tenant = peer.and_then(|(peer, _)| self.slots[peer].tenant.as_ref());
        let rtp_to = peer_tenant
            .filter(|tenant| !tenant.player.is_playing())
            .and_then(|tenant| Some((Port::Rtp, tenant.session.rtp_destination()?)));
        let rtcp_to = peer_tenant.and_then(|tenant| tenant.session.rtcp_destination());
        let peer = peer.map_or(index, |(peer, _)| peer); // without a peer nothing is queued

        let mut queued = None;
        for position in 0..count {
            let (from, bytes) = batch.packet(position);
            self.counters.bytes_in += bytes.len() as u64;
            let Some(tenant) = &mut self.slots[index].tenant else {
                self.counters.stray += 1;
                continue;
            };
            let verdict = match from {
                Some(from) => tenant.session.handle_packet(now, port, from, bytes),
                None => Verdict::Reject,
            };
            let destination = match verdict {
                Verdict::Rtp => rtp_to,
                Verdict::Rtcp => rtcp_to,
                Verdict::Reject => {
                    self.counters.rejected += 1;
                    continue;
                }
            };
            let Some((port, to)) = destination else {
                self.counters.consumed += 1;
                continue;
            };
            // One call sends from one socket: RTCP among RTP is sent apart.
            if queued.is_some_and(|queued| queued != (verdict, port)) {
                self.send(peer, queued.take(), batch);
            }
            queued = Some((verdict, port));
            batch.queue(position, to);
        }
        self.send(peer, queued, batch);
        self.report(now, index);
        count
    }

    fn send(&mut self, peer: usize, queued: Option<(Verdict, Port)>, batch: &mut Batch) {
        let Some((verdict, port)) = queued else {
            return;
        };
        let slot = &mut self.slots[peer];
        let sent = batch.send(slot.pair.socket(port));
        self.counters.packets_out += sent.packets;
        self.counters.bytes_out += sent.bytes;
        self.counters.send_failed += sent.failed;
        if let Some(tenant) = &mut slot.tenant {
            tenant.session.count_sent(verdict, sent.packets, sent.bytes);
        }
    }

    /// Sends the frames that are due, one to every leg that hears something.
    fn play(&mut self, now: Instant) {
        if self.playing.is_empty() {
            return;
        }
        for _ in 0..self.beat.take(now) {
            let mut playing = std::mem::take(&mut self.playing);
            playing.retain(|&index| self.play_frame(now, index) || self.tell_played(index));
            self.playing = playing;
        }
    }

    /// Returns whether there was one to send.
    fn play_frame(&mut self, now: Instant, index: usize) -> bool {
        let slot = &mut self.slots[index];
        let mut frame = [0; FRAME_BYTES];
        let Some(tenant) = &mut slot.tenant else {
            return false;
        };
        if !tenant.player.next_frame(now, &mut frame) {
            return false;
        }
        let Some(to) = tenant.session.rtp_destination() else {
            return true;
        };
        match slot.pair.rtp.send_to(&frame, to) {
            Ok(bytes) => {
                self.counters.packets_out += 1;
                self.counters.bytes_out += bytes as u64;
                tenant.session.count_sent(Verdict::Rtp, 1, bytes as u64);
            }
            Err(error) => {
                tracing::trace!(%error, index, "what plays is not sent");
                self.counters.send_failed += 1;
            }
        }
        true
    }

    /// A leg has nothing more to send. Returns whether it must be looked at again: the news waits for
    /// room among the events.
    fn tell_played(&mut self, index: usize) -> bool {
        let slot = &mut self.slots[index];
        let news = slot.tenant.as_mut().filter(|tenant| tenant.player.has_news());
        if news.is_some() && self.wires.events.is_full() {
            return true;
        }
        slot.is_playing = false;
        if let Some(tenant) = news {
            tenant.player.told();
            let (port, owner) = (slot.pair.port, tenant.owner);
            self.tell(Event::Played { port, owner });
        }
        false
    }

    /// Looks for silences, and for reports that found no room.
    fn scan(&mut self, now: Instant) {
        if self.counters.legs == 0 || now < self.next_scan_at {
            return;
        }
        let step = (self.silence / 20).clamp(Duration::from_millis(5), Duration::from_millis(250));
        self.next_scan_at = now + step;
        for index in 0..self.slots.len() {
            self.report(now, index);
        }
    }

    /// Tells what there is to tell about a leg; without room it waits for the next scan.
    fn report(&mut self, now: Instant, index: usize) {
        let slot = &mut self.slots[index];
        let Some(tenant) = &mut slot.tenant else {
            return;
        };
        if self.wires.events.is_full() {
            return;
        }
        let (port, owner) = (slot.pair.port, tenant.owner);
        match tenant.session.poll_report(now, self.silence) {
            Some(Report::Heard) => self.tell(Event::Heard { port, owner }),
            Some(Report::Silent) => self.tell(Event::Silent { port, owner }),
            None => {}
        }
        // Keys leave room for what an order leads to.
        while self.wires.events.slots() > EVENTS_PER_ORDER
            && let Some(tenant) = &mut self.slots[index].tenant
            && let Some(digit) = tenant.session.poll_key()
        {
            self.tell(Event::Digit { port, owner, digit });
        }
    }

    fn tell(&mut self, event: Event) {
        self.has_told = true;
        self.wires.events.push(event).expect("room was checked before the event came to be");
    }

    /// SplitMix64: unlike for each leg of each start is all that is asked.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Slot {
    fn new(pair: Pair) -> Slot {
        let is_v4 = pair.rtp.local_addr().is_ok_and(|address| address.is_ipv4());
        Slot { pair, is_v4, generation: 0, tenant: None, is_playing: false }
    }

    fn is_owned_by(&self, owner: u64) -> bool {
        self.tenant.as_ref().is_some_and(|tenant| tenant.owner == owner)
    }

    fn is_at(&self, generation: u64) -> bool {
        self.generation == generation && self.tenant.is_some()
    }

    /// The generation that a leg means who names this port as its peer: the leg that is here, or
    /// the next one. A later call on the port is another generation.
    fn joinable_generation(&self) -> u64 {
        if self.tenant.is_some() { self.generation } else { self.generation + 1 }
    }

    /// Whether the leg can be done here.
    fn check(&self, leg: &Leg) -> Result<(), &'static str> {
        for address in leg.remote.iter().flat_map(|remote| [remote.rtp, remote.rtcp]) {
            if address.is_ipv4() != self.is_v4 {
                return Err("the remote address is of another IP version than the relay's");
            }
            let is_broadcast = matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast());
            if address.ip().is_multicast() || is_broadcast {
                return Err("the remote address is not one host's");
            }
        }
        let mapped = leg.payload_map.iter().flat_map(|&(here, there)| [here, there]);
        let mapped = mapped.chain(leg.keys.iter().copied());
        let played = leg.play.as_ref().map(|play| play.payload_type);
        if mapped.chain(played).any(|payload_type| payload_type > 127) {
            return Err("a payload type is above 127");
        }
        Ok(())
    }

    /// Reads away what came for an earlier owner.
    fn drain(&self, batch: &mut Batch) {
        for port in [Port::Rtp, Port::Rtcp] {
            for _ in 0..DRAIN_PACKETS_MAX / BATCH_MAX {
                match batch.receive(self.pair.socket(port)) {
                    Ok(BATCH_MAX) => {}
                    Ok(_) | Err(_) => break, // empty, or an error that took its place
                }
            }
        }
    }
}

/// The thread's clock; it starts at zero.
struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the thread is the driver of its sessions")]
    fn start() -> Clock {
        Clock { origin: std::time::Instant::now() }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

fn number(index: usize, port: Port) -> u64 {
    match port {
        Port::Rtp => index as u64 * 2,
        Port::Rtcp => index as u64 * 2 + 1,
    }
}

fn index_and_port(number: u64) -> (usize, Port) {
    let port = if number.is_multiple_of(2) { Port::Rtp } else { Port::Rtcp };
    ((number / 2) as usize, port)
}
