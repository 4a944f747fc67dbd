//! Every UDP datagram and every SIP message over TCP in the namespace, as it was delivered: the ear of
//! the callers, and the independent witness of the signalling.
//!
//! A raw socket sees each packet once, in the order of delivery, whether or not somebody listens
//! on its port, and nothing has to be asked of the clients.

mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};

use self::streams::{Segment, Streams};
use crate::namespace::Namespace;
use crate::softphone::Transport;
use crate::sound::{Heard, alaw_to_linear};
use crate::wait::now;

/// Deliveries kept; a test that needs more has run away.
const DELIVERIES_MAX: usize = 200_000;
/// How often the thread looks whether it should end.
const IDLE: Duration = Duration::from_millis(100);

/// A UDP datagram, or one SIP message of a TCP connection.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Since the tap was opened.
    pub at: Duration,
    pub transport: Transport,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

impl Delivery {
    /// The first line, if it is a SIP message.
    pub fn start_line(&self) -> Option<&str> {
        let end = self.payload.windows(2).position(|two| two == b"\r\n")?;
        let line = str::from_utf8(&self.payload[..end]).ok()?;
        line.contains("SIP/2.0").then_some(line)
    }

    /// A response's status.
    pub fn status(&self) -> Option<u16> {
        if !self.payload.starts_with(b"SIP/2.0 ") {
            return None;
        }
        self.start_line()?.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Whether it is an INVITE that opens a dialog.
    pub fn is_first_invite(&self) -> bool {
        self.start_line().is_some_and(|line| line.starts_with("INVITE "))
            && !self.header("To").unwrap_or_default().contains(";tag=")
    }

    /// Whether it is a REGISTER of this secretary's phone.
    fn is_register_of(&self, user: &str) -> bool {
        self.start_line().is_some_and(|line| line.starts_with("REGISTER "))
            && self
                .header("From")
                .and_then(address_in)
                .is_some_and(|from| from.split_once('@').is_some_and(|(found, _)| found == user))
    }

    /// Whether it is a request to one of these contacts.
    fn is_for(&self, contacts: &BTreeSet<String>) -> bool {
        let target = self.start_line().and_then(|line| line.split(' ').nth(1));
        target.and_then(address_in).is_some_and(|target| contacts.contains(target))
    }

    /// The first header field of this name, as the clients under test write it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = str::from_utf8(&self.payload).ok()?.split("\r\n\r\n").next()?;
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Records until it is dropped.
#[derive(Debug)]
pub struct Tap {
    opened: Instant,
    deliveries: Deliveries,
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

type Deliveries = Arc<Mutex<Vec<Delivery>>>;

impl Tap {
    pub fn open(_network: &Namespace) -> Result<Self> {
        let (deliveries, ending) = (Deliveries::default(), Arc::new(AtomicBool::new(false)));
        let opened = now();
        let mut tap = Self { opened, deliveries, ending, threads: Vec::new() };
        for protocol in [Protocol::UDP, Protocol::TCP] {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))
                .context("a raw socket needs root")?;
            socket.set_read_timeout(Some(IDLE))?;
            socket.set_recv_buffer_size(8 << 20)?;
            let (deliveries, ending) = (Arc::clone(&tap.deliveries), Arc::clone(&tap.ending));
            let record = move || match protocol {
                Protocol::TCP => record_tcp(socket, opened, &deliveries, &ending),
                _ => record_udp(socket, opened, &deliveries, &ending),
            };
            tap.threads.push(thread::Builder::new().name("tap".to_owned()).spawn(record)?);
        }
        Ok(tap)
    }

    /// The time of the tap.
    pub fn elapsed(&self) -> Duration {
        self.opened.elapsed()
    }

    /// A copy of what fits `wanted`, in order of delivery.
    pub fn select(&self, wanted: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        let all = self.deliveries.lock().expect("the recording threads do not panic");
        all.iter().filter(|delivery| wanted(delivery)).cloned().collect()
    }

    /// The A-law audio that was delivered to this address, packet after packet.
    pub fn heard_at(&self, address: SocketAddr) -> Heard {
        self.heard_where(|d| d.to == address)
    }

    /// The A-law audio of these deliveries.
    pub fn heard_where(&self, wanted: impl Fn(&Delivery) -> bool) -> Heard {
        const PCMA: u8 = 8;
        let packets = self.select(|d| wanted(d) && rtp_payload_type(&d.payload) == Some(PCMA));
        Heard(packets.iter().flat_map(|d| &d.payload[12..]).map(|&c| alaw_to_linear(c)).collect())
    }

    /// All the signalling, one line a message, and the streams of voice: for a failed test's folder.
    pub fn ladder(&self) -> String {
        let mut text = String::new();
        for d in self.select(|d| d.start_line().is_some()) {
            let (at, line) = (d.at.as_secs_f64(), d.start_line().unwrap_or_default());
            let transport = d.transport.name();
            text.push_str(&format!("{at:9.3} {transport} {:>21} → {:<21} {line}\n", d.from, d.to));
        }
        let mut streams: BTreeMap<(SocketAddr, SocketAddr), (usize, f64, f64)> = BTreeMap::new();
        for d in self.select(|d| rtp_payload_type(&d.payload).is_some()) {
            let at = d.at.as_secs_f64();
            let (packets, _, last) = streams.entry((d.from, d.to)).or_insert((0, at, at));
            (*packets, *last) = (*packets + 1, at);
        }
        for ((from, to), (packets, first, last)) in streams {
            text.push_str(&format!(
                "{first:9.3} rtp {from:>21} → {to:<21} {packets} packets until {last:.3}\n"
            ));
        }
        text
    }

    /// The same, with the messages whole.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for d in self.select(|d| d.start_line().is_some()) {
            let body = String::from_utf8_lossy(&d.payload);
            text.push_str(&format!(
                "=== {:.3} {} → {}\n{body}\n",
                d.at.as_secs_f64(),
                d.from,
                d.to
            ));
        }
        text
    }

    /// How many calls this secretary's phone was in at most at one time, counted from each INVITE that
    /// was delivered to it until its refusal or the answer to a BYE.
    pub fn most_calls_at(&self, user: &str) -> usize {
        let contacts = self.contacts(user);
        let (mut open, mut most) = (BTreeSet::new(), 0);
        for d in self.select(|d| d.start_line().is_some()) {
            let Some(call) = d.header("Call-ID") else {
                continue;
            };
            let cseq = d.header("CSeq").unwrap_or_default();
            if d.is_first_invite() && d.is_for(&contacts) {
                open.insert((call.to_owned(), cseq.to_owned()));
                most = most.max(open.len());
            } else if d.status().is_some_and(|status| status >= 300) {
                open.remove(&(call.to_owned(), cseq.to_owned()));
            } else if d.status().is_some() && cseq.ends_with("BYE") {
                open.retain(|(other, _)| other != call);
            }
        }
        most
    }

    /// How many calls reached this secretary's phone, retransmissions counted once.
    pub fn calls_at(&self, user: &str) -> usize {
        let contacts = self.contacts(user);
        let invites = self.select(|d| d.is_first_invite() && d.is_for(&contacts));
        let calls: BTreeSet<_> = invites.iter().filter_map(|d| d.header("Call-ID")).collect();
        calls.len()
    }

    /// The answers with this status that reached this secretary's phone, oldest first, to requests of
    /// this method.
    pub fn answers_to(&self, user: &str, method: &str, status: u16) -> Vec<Delivery> {
        let registrations = self.select(|d| d.is_register_of(user));
        self.select(|d| {
            let is_hers =
                registrations.iter().any(|r| (r.from, r.transport) == (d.to, d.transport));
            let is_wanted = d.header("CSeq").is_some_and(|cseq| cseq.ends_with(method));
            is_hers && is_wanted && d.status() == Some(status)
        })
    }

    /// Where this secretary's phone wants to be called, as it said when it registered.
    fn contacts(&self, user: &str) -> BTreeSet<String> {
        let registrations = self.select(|d| d.is_register_of(user));
        let contacts = registrations.iter().filter_map(|d| address_in(d.header("Contact")?));
        contacts.map(str::to_owned).collect()
    }

    /// The final answer to this caller's INVITE, as it reached his side.
    pub fn final_status(&self, side: IpAddr, caller: &str) -> Option<u16> {
        let answers = self.select(|d| {
            d.to.ip() == side
                && d.status().is_some_and(|status| status >= 200)
                && d.header("From").is_some_and(|from| from.contains(caller))
                && d.header("CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"))
        });
        answers.first()?.status()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

fn record_udp(socket: Socket, opened: Instant, deliveries: &Deliveries, ending: &AtomicBool) {
    for_each_packet(socket, ending, |packet| {
        if let Some((from, to, payload)) = udp_of(packet) {
            let (at, transport) = (opened.elapsed(), Transport::Udp);
            let payload = payload.to_vec();
            keep(deliveries, Delivery { at, transport, from, to, payload });
        }
    });
}

fn record_tcp(socket: Socket, opened: Instant, deliveries: &Deliveries, ending: &AtomicBool) {
    let mut streams = Streams::default();
    for_each_packet(socket, ending, |packet| {
        let Some(segment) = tcp_of(packet) else { return };
        for payload in streams.handle(segment) {
            let (at, transport) = (opened.elapsed(), Transport::Tcp);
            let (from, to) = (segment.from, segment.to);
            keep(deliveries, Delivery { at, transport, from, to, payload });
        }
    });
}

fn for_each_packet(mut socket: Socket, ending: &AtomicBool, mut handle: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 17];
    while !ending.load(Ordering::Relaxed) {
        match socket.read(&mut buffer) {
            Ok(length) => handle(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the tap broke: {error}"),
        }
    }
}

fn keep(deliveries: &Deliveries, delivery: Delivery) {
    let mut all = deliveries.lock().expect("readers do not panic while they hold the lock");
    assert!(all.len() < DELIVERIES_MAX, "the tap is full: something floods the namespace");
    all.push(delivery);
}

/// Reads an IPv4 header and the UDP header after it.
fn udp_of(packet: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let (from, to, rest) = addresses_of(packet)?;
    Some((from, to, rest.get(8..)?))
}

/// Reads an IPv4 header and the TCP header after it.
fn tcp_of(packet: &[u8]) -> Option<Segment<'_>> {
    const SYN: u8 = 0x02;
    let (from, to, rest) = addresses_of(packet)?;
    let sequence = u32::from_be_bytes(rest.get(4..8)?.try_into().ok()?);
    let header = usize::from(rest.get(12)? >> 4) * 4;
    let is_first = rest.get(13)? & SYN != 0;
    Some(Segment { from, to, sequence, is_first, payload: rest.get(header..)? })
}

/// Source, destination, and what follows the IPv4 header: both protocols begin with their ports.
fn addresses_of(packet: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let address = |at: usize| {
        let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes))
    };
    let port = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    let from = SocketAddrV4::new(address(12)?, port(header)?);
    let to = SocketAddrV4::new(address(16)?, port(header + 2)?);
    Some((from.into(), to.into(), packet.get(header..)?))
}

/// Of a plain RTP packet: version 2, no extension, no contributing sources.
fn rtp_payload_type(payload: &[u8]) -> Option<u8> {
    (payload.len() > 12 && payload[0] == 0x80).then(|| payload[1] & 0x7f)
}

/// `user@host:port` of the first SIP URI.
fn address_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("sip:")?;
    rest.split([';', '>', '?', ',', ' ']).next()
}
