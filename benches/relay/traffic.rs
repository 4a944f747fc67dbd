//! Both ends of 500 calls: they send, they hear, they measure.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use socket2::{Domain, Protocol, Socket, Type};

/// RTP header and 20 ms of G.711.
pub(crate) const PACKET_BYTES: usize = 172;
const HEADER_BYTES: usize = 12;
/// How many packets may be under way in a flood: two a leg.
const UNDER_WAY_MAX: u64 = 2_000;
const LONGEST_NS: u64 = 10_000_000_000;

pub(crate) struct Traffic {
    /// All callers are here, and all secretaries there: who calls whom is a matter of the relay's ports.
    callers: UdpSocket,
    secretaries: UdpSocket,
    packet: [u8; PACKET_BYTES],
    origin: Instant,
    sequence: u16,
}

/// What came of some seconds.
pub(crate) struct Seen {
    pub(crate) sent: u64,
    pub(crate) heard: u64,
    /// From sending to hearing, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) took: Duration,
}

impl Traffic {
    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut packet = [0xd5; PACKET_BYTES];
        packet[..HEADER_BYTES].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        Ok(Self {
            callers: socket([127, 0, 0, 3].into()).context("open the callers' socket")?,
            secretaries: socket([127, 0, 0, 4].into()).context("open the secretaries' socket")?,
            packet,
            origin: Instant::now(),
            sequence: 0,
        })
    }

    pub(crate) fn callers(&self) -> io::Result<SocketAddr> {
        self.callers.local_addr()
    }

    pub(crate) fn secretaries(&self) -> io::Result<SocketAddr> {
        self.secretaries.local_addr()
    }

    /// As fast as they are heard, with a bound on those under way.
    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    pub(crate) fn flood(&mut self, calls: &[(SocketAddr, SocketAddr)], time: Duration) -> Seen {
        let mut seen = Seen::new();
        let begin = Instant::now();
        let (mut call, mut last_heard) = (0, begin);
        while begin.elapsed() < time {
            for _ in 0..64 {
                if seen.sent >= seen.heard + UNDER_WAY_MAX {
                    break;
                }
                self.send_both(calls[call], &mut seen);
                call = (call + 1) % calls.len();
            }
            let before = seen.heard;
            self.hear(&mut seen, 128);
            if seen.heard > before {
                last_heard = Instant::now();
            } else if last_heard.elapsed() > Duration::from_millis(200) {
                // What is under way is lost, which is told: on with others.
                seen.sent -= (seen.sent - seen.heard).min(UNDER_WAY_MAX);
                last_heard = Instant::now();
            }
        }
        self.finish(&mut seen, begin);
        seen
    }

    /// So many a second, evenly.
    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    pub(crate) fn paced(
        &mut self,
        calls: &[(SocketAddr, SocketAddr)],
        packets_a_second: u32,
        time: Duration,
    ) -> Seen {
        let gap = Duration::from_secs(2) / packets_a_second; // two packets a time
        let mut seen = Seen::new();
        let begin = Instant::now();
        let (mut call, mut due) = (0, begin);
        while begin.elapsed() < time {
            while due <= Instant::now() {
                self.send_both(calls[call], &mut seen);
                call = (call + 1) % calls.len();
                due += gap;
            }
            self.hear(&mut seen, 16);
        }
        self.finish(&mut seen, begin);
        seen
    }

    /// One from the caller, one from the secretary.
    fn send_both(
        &mut self,
        (caller_port, secretary_port): (SocketAddr, SocketAddr),
        seen: &mut Seen,
    ) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        for (socket, to) in [(&self.callers, caller_port), (&self.secretaries, secretary_port)] {
            let now = elapsed_ns(self.origin);
            self.packet[HEADER_BYTES..HEADER_BYTES + 8].copy_from_slice(&now.to_be_bytes());
            if socket.send_to(&self.packet, to).is_ok() {
                seen.sent += 1;
            }
        }
    }

    fn hear(&self, seen: &mut Seen, at_most: usize) {
        let mut bytes = [0; 2_048];
        for socket in [&self.callers, &self.secretaries] {
            for _ in 0..at_most {
                let Ok(length) = socket.recv(&mut bytes) else { break };
                if length != PACKET_BYTES {
                    continue;
                }
                seen.heard += 1;
                let stamp = bytes[HEADER_BYTES..HEADER_BYTES + 8].try_into().expect("eight bytes");
                let nanos = elapsed_ns(self.origin).saturating_sub(u64::from_be_bytes(stamp));
                seen.latency.saturating_record(nanos.max(1));
            }
        }
    }

    /// What is under way still counts.
    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    fn finish(&self, seen: &mut Seen, begin: Instant) {
        seen.took = begin.elapsed();
        let end = Instant::now();
        while end.elapsed() < Duration::from_millis(100) {
            self.hear(seen, 1_024);
        }
    }
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            sent: 0,
            heard: 0,
            latency: Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("constant bounds"),
            took: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.heard += other.heard;
        self.took += other.took;
        self.latency.add(&other.latency).expect("the same bounds");
    }
}

fn elapsed_ns(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn socket(ip: std::net::Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(8 << 20)?;
    socket.set_send_buffer_size(8 << 20)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((ip, 0)).into())?;
    Ok(socket.into())
}
