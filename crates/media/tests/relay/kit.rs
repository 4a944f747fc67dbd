//! Phones, packets and a relay to try them on.
#![expect(clippy::unwrap_used, reason = "a test's own sockets and a test's own panic")]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use media::{Config, Event, Leg, Order, Relay, Remote, Source, Stats};

/// Nothing in these tests takes this long.
const DEADLINE: Duration = Duration::from_secs(10);

/// A relay, and the loopback network where its phones are.
pub(crate) struct Rig {
    pub(crate) relay: Relay,
    address: IpAddr,
    next_phone: IpAddr,
}

impl Rig {
    pub(crate) fn start(network: u8) -> Rig {
        Rig::with(network, |_| {})
    }

    pub(crate) fn with(network: u8, change: impl FnOnce(&mut Config)) -> Rig {
        let address = IpAddr::from([127, 77, network, 1]);
        let mut config = Config::new(address, 24_000..=24_031);
        change(&mut config);
        let relay = media::start(config).unwrap();
        Rig::of(relay, address, IpAddr::from([127, 77, network, 2]))
    }

    pub(crate) fn of(relay: Relay, address: IpAddr, next_phone: IpAddr) -> Rig {
        Rig { relay, address, next_phone }
    }

    /// A phone on a host of its own.
    pub(crate) fn phone(&mut self) -> Phone {
        let ip = self.next_phone;
        if let IpAddr::V4(ip) = ip {
            self.next_phone = Ipv4Addr::from(u32::from(ip) + 1).into();
        }
        Phone { rtp: socket(ip), rtcp: socket(ip), other: socket(ip), relay: self.address }
    }

    /// Two ports for a call.
    pub(crate) fn ports(&self) -> [u16; 2] {
        self.relay.shards()[0][..2].try_into().unwrap()
    }

    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.relay.order(order).unwrap();
    }

    pub(crate) fn set(&mut self, port: u16, owner: u64, leg: Leg) {
        self.order(Order::Set { port, owner, leg });
    }

    /// Joins two phones, owners 1 and 2.
    pub(crate) fn bridge(&mut self, one: &Phone, two: &Phone) -> [u16; 2] {
        let [a, b] = self.ports();
        self.set(a, 1, leg(one, Some(b)));
        self.set(b, 2, leg(two, Some(a)));
        self.settle();
        [a, b]
    }

    /// Returns when the first thread has done all orders: it refuses this one after them.
    pub(crate) fn settle(&mut self) {
        let [port, _] = self.ports();
        let owner = u64::MAX;
        self.set(port, owner, Leg { peer: Some(1), ..Leg::default() });
        self.find(|event| {
            matches!(event, Event::Failed { owner: failed, .. } if *failed == owner).then_some(())
        });
    }

    pub(crate) fn event(&mut self) -> Event {
        self.relay.wait_event(DEADLINE).expect("an event before the deadline")
    }

    pub(crate) fn release(&mut self, port: u16, owner: u64) -> Stats {
        self.order(Order::Release { port, owner });
        self.released(port, owner)
    }

    pub(crate) fn released(&mut self, port: u16, owner: u64) -> Stats {
        self.find(|event| match event {
            Event::Released { port: p, owner: o, stats } if (*p, *o) == (port, owner) => {
                Some(*stats)
            }
            Event::Released { .. }
            | Event::Heard { .. }
            | Event::Played { .. }
            | Event::Digit { .. } => None,
            Event::Silent { .. } | Event::Failed { .. } => panic!("unexpected: {event:?}"),
        })
    }

    /// Skips events until the one that is looked for.
    pub(crate) fn find<T>(&mut self, mut look: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let event = self.event();
            if let Some(found) = look(&event) {
                return found;
            }
        }
    }
}

/// A peer of the relay.
pub(crate) struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Another socket on the same host.
    pub(crate) other: UdpSocket,
    relay: IpAddr,
}

impl Phone {
    pub(crate) fn ip(&self) -> IpAddr {
        self.rtp.local_addr().unwrap().ip()
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote { rtp: self.rtp.local_addr().unwrap(), rtcp: self.rtcp.local_addr().unwrap() }
    }

    pub(crate) fn send(&self, port: u16, bytes: &[u8]) {
        self.rtp.send_to(bytes, (self.relay, port)).unwrap();
    }

    pub(crate) fn send_rtcp(&self, port: u16, bytes: &[u8]) {
        self.rtcp.send_to(bytes, (self.relay, port)).unwrap();
    }

    pub(crate) fn receive(&self) -> (Vec<u8>, SocketAddr) {
        receive(&self.rtp)
    }

    pub(crate) fn receive_rtcp(&self) -> (Vec<u8>, SocketAddr) {
        receive(&self.rtcp)
    }

    /// To be asked when something later has arrived, or after the leg was released.
    pub(crate) fn has_nothing(&self) -> bool {
        self.drain() == 0 && drain(&self.rtcp) == 0 && drain(&self.other) == 0
    }

    /// Reads what waits on the RTP socket; the number of packets.
    pub(crate) fn drain(&self) -> usize {
        drain(&self.rtp)
    }
}

/// A leg to this phone, learnt at the address that its SDP says.
pub(crate) fn leg(phone: &Phone, peer: Option<u16>) -> Leg {
    Leg { remote: Some(phone.remote()), source: Source::Latch, peer, ..Leg::default() }
}

pub(crate) fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 8];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0xd5; 160]);
    bytes
}

/// A key that is let go, under payload type 101 (RFC 4733).
pub(crate) fn key(ssrc: u32, sequence: u16, timestamp: u32, event: u8) -> Vec<u8> {
    let mut bytes = vec![0x80, 101];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([event, 0x8a, 3, 32]);
    bytes
}

/// An empty receiver report.
pub(crate) fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 201, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes
}

pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

pub(crate) fn header(bytes: &[u8]) -> Header {
    let reader = rtp_rs::RtpReader::new(bytes).unwrap();
    Header {
        marker: reader.mark(),
        payload_type: reader.payload_type(),
        sequence: reader.sequence_number().into(),
        timestamp: reader.timestamp(),
        ssrc: reader.ssrc(),
    }
}

/// ITU-T G.711 A-law, in 13-bit steps.
pub(crate) fn pcma_to_linear(byte: u8) -> f64 {
    let byte = byte ^ 0x55;
    let (segment, mantissa) = (u32::from(byte >> 4 & 7), f64::from(byte & 0x0f));
    let magnitude = match segment {
        0 => mantissa + 0.5,
        _ => (mantissa + 16.5) * f64::from(1 << (segment - 1)),
    };
    if byte & 0x80 != 0 { magnitude } else { -magnitude }
}

/// The energy at one frequency at 8 kHz, in the measure of the sum of squares.
pub(crate) fn goertzel(samples: &[f64], frequency: f64) -> f64 {
    let step = 2.0 * (std::f64::consts::TAU * frequency / 8_000.0).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (sample + step * one - two, one);
    }
    (one * one + two * two - step * one * two) * 2.0 / samples.len() as f64
}

/// The CPU time of this process's relay threads.
pub(crate) fn relay_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let times = std::fs::read_to_string(path.join("schedstat")).ok()?;
        name.starts_with("media-").then(|| times.split(' ').next()?.parse::<u64>().ok())?
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Does something at even times.
#[expect(clippy::disallowed_methods, reason = "the sockets are real, and so is the time")]
pub(crate) fn every(step: Duration, times: u16, mut act: impl FnMut(u16)) {
    let start = Instant::now();
    for number in 0..times {
        act(number);
        let next_at = start + step * u32::from(number + 1);
        while let Some(left) = next_at.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
    }
}

/// Asks until it is so or the time is over.
#[expect(clippy::disallowed_methods, reason = "the sockets are real, and so is the time")]
pub(crate) fn until(timeout: Duration, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + timeout;
    while !is_so() && Instant::now() < end {
        std::thread::yield_now();
    }
}

fn socket(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; 2048];
    let (length, from) = socket.recv_from(&mut bytes).expect("a packet before the deadline");
    bytes.truncate(length);
    (bytes, from)
}

fn drain(socket: &UdpSocket) -> usize {
    socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 2048];
    let mut count = 0;
    let error = loop {
        match socket.recv_from(&mut bytes) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
    count
}
