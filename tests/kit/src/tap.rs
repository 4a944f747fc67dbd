//! Every UDP datagram of the namespace, as it was delivered: the ear of the callers, and the
//! independent witness of the signalling.
//!
//! A raw socket sees each datagram once, in the order of delivery, whether or not somebody listens
//! on its port, and nothing has to be asked of the clients.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::namespace::Namespace;
use crate::sound::{Heard, alaw_to_linear};
use crate::wait::now;

/// Datagrams kept; a test that needs more has run away.
const DATAGRAMS_MAX: usize = 200_000;
/// How often the thread looks whether it should end.
const IDLE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct Datagram {
    /// Since the tap was opened.
    pub at: Duration,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

impl Datagram {
    /// The first line, if it is a SIP message.
    pub fn start_line(&self) -> Option<&str> {
        let end = self.payload.windows(2).position(|two| two == b"\r\n")?;
        let line = str::from_utf8(&self.payload[..end]).ok()?;
        line.contains("SIP/2.0").then_some(line)
    }

    /// A response's status.
    pub fn status(&self) -> Option<u16> {
        self.start_line()?.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Whether it is an INVITE that opens a dialog.
    pub fn is_first_invite(&self) -> bool {
        self.start_line().is_some_and(|line| line.starts_with("INVITE "))
            && !self.header("To").unwrap_or_default().contains(";tag=")
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
    datagrams: Arc<Mutex<Vec<Datagram>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    pub fn open(_network: &Namespace) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))
            .context("a raw socket needs root")?;
        socket.set_read_timeout(Some(IDLE))?;
        socket.set_recv_buffer_size(8 << 20)?;
        let datagrams = Arc::new(Mutex::new(Vec::new()));
        let ending = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("tap".to_owned()).spawn({
            let (datagrams, ending) = (Arc::clone(&datagrams), Arc::clone(&ending));
            move || record(socket, &datagrams, &ending)
        })?;
        Ok(Self { datagrams, ending, thread: Some(thread) })
    }

    /// A copy of what fits `wanted`, in order of delivery.
    pub fn select(&self, wanted: impl Fn(&Datagram) -> bool) -> Vec<Datagram> {
        let all = self.datagrams.lock().expect("the recording thread does not panic");
        all.iter().filter(|datagram| wanted(datagram)).cloned().collect()
    }

    /// The A-law audio that was delivered to this address, packet after packet.
    pub fn heard_at(&self, address: SocketAddr) -> Heard {
        const PCMA: u8 = 8;
        let packets =
            self.select(|d| d.to == address && rtp_payload_type(&d.payload) == Some(PCMA));
        Heard(packets.iter().flat_map(|d| &d.payload[12..]).map(|&c| alaw_to_linear(c)).collect())
    }

    /// All the signalling, one line a message, and the streams of voice: for a failed test's folder.
    pub fn ladder(&self) -> String {
        let mut text = String::new();
        for d in self.select(|d| d.start_line().is_some()) {
            let (at, line) = (d.at.as_secs_f64(), d.start_line().unwrap_or_default());
            text.push_str(&format!("{at:9.3} {:>21} → {:<21} {line}\n", d.from, d.to));
        }
        let mut streams: BTreeMap<(SocketAddr, SocketAddr), (usize, f64, f64)> = BTreeMap::new();
        for d in self.select(|d| rtp_payload_type(&d.payload).is_some()) {
            let at = d.at.as_secs_f64();
            let (packets, _, last) = streams.entry((d.from, d.to)).or_insert((0, at, at));
            (*packets, *last) = (*packets + 1, at);
        }
        for ((from, to), (packets, first, last)) in streams {
            text.push_str(&format!(
                "{first:9.3} {from:>21} → {to:<21} {packets} RTP packets until {last:.3}\n"
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

    /// How many calls this phone was in at most at one time, counted from each INVITE that was
    /// delivered to it until its refusal or the answer to a BYE.
    pub fn most_calls_at(&self, phone: SocketAddr) -> usize {
        let (mut open, mut most) = (BTreeSet::new(), 0);
        for d in self.select(|d| d.to == phone || d.from == phone) {
            let Some(call) = d.header("Call-ID") else {
                continue;
            };
            let method = d.header("CSeq").unwrap_or_default();
            let is_end = d.status().is_some_and(|status| {
                method.ends_with("BYE") || (method.ends_with("INVITE") && status >= 300)
            });
            if d.to == phone && d.is_first_invite() {
                open.insert(call.to_owned());
                most = most.max(open.len());
            } else if is_end {
                open.remove(call);
            }
        }
        most
    }

    /// How many calls reached this phone, retransmissions counted once.
    pub fn calls_at(&self, phone: SocketAddr) -> usize {
        let invites = self.select(|d| d.to == phone && d.is_first_invite());
        let calls: BTreeSet<_> = invites.iter().filter_map(|d| d.header("Call-ID")).collect();
        calls.len()
    }

    /// The final answer to this caller's INVITE, as it reached his side.
    pub fn final_status(&self, side: IpAddr, caller: &str) -> Option<u16> {
        let answers = self.select(|d| {
            let is_his = d.header("From").is_some_and(|from| from.contains(caller));
            let is_final = d.status().is_some_and(|status| status >= 200);
            let is_invites = d.header("CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"));
            d.to.ip() == side && is_his && is_final && is_invites
        });
        answers.first()?.status()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn record(mut socket: Socket, datagrams: &Mutex<Vec<Datagram>>, ending: &AtomicBool) {
    let opened = now();
    let mut buffer = vec![0; 65_536];
    while !ending.load(Ordering::Relaxed) {
        let length = match socket.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("the tap broke: {error}"),
        };
        let Some((from, to, payload)) = udp_of(&buffer[..length]) else {
            continue;
        };
        let datagram = Datagram { at: opened.elapsed(), from, to, payload: payload.to_vec() };
        let mut all = datagrams.lock().expect("readers do not panic while they hold the lock");
        assert!(all.len() < DATAGRAMS_MAX, "the tap is full: something floods the namespace");
        all.push(datagram);
    }
}

/// Reads an IPv4 header and the UDP header after it.
fn udp_of(packet: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let address = |at: usize| {
        let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes))
    };
    let port = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    let from = SocketAddrV4::new(address(12)?, port(header)?);
    let to = SocketAddrV4::new(address(16)?, port(header + 2)?);
    Some((from.into(), to.into(), packet.get(header + 8..)?))
}

/// Of a plain RTP packet: version 2, no extension, no contributing sources.
fn rtp_payload_type(payload: &[u8]) -> Option<u8> {
    (payload.len() > 12 && payload[0] == 0x80).then(|| payload[1] & 0x7f)
}
