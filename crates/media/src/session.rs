//! What happens to a packet: the pure decision of one leg.
//!
//! A session knows one leg's addresses and counts its packets; it is given the packet, where it
//! came from and the time, and answers forward or reject. Sockets, the peer and the sending are
//! the thread's.
//!
//! ```text
//!   unlearnt ──first valid packet from an expected IP──▶ learnt ──▶ learnt elsewhere
//!      ▲                                                   │  by the SDP's very address, or the
//!      └────────────── another SDP ────────────────────────┘  same SSRC once silent for 2 s
//! ```
//!
//! Until an address is learnt, packets for the leg go to the SDP's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::keys::Keys;
use crate::limits::MOVE_AFTER;
use crate::order::{Leg, Remote, Source, Stats};
use crate::packet::{self, Header, Packet, Port};
use crate::stream::Stream;
use crate::time::Instant;

#[derive(Debug)]
pub(crate) struct Session {
    expected: Expected,
    rtp: Option<Learnt>,
    rtcp: Option<SocketAddr>,
    /// The leg sends its RTCP on the RTP port, hence wants ours there (RFC 5761).
    is_muxed: bool,
    /// Where the leg was before its SDP changed, and until when late packets from there are likely.
    former: Option<(SocketAddr, Instant)>,
    stream: Option<Stream>,
    /// The payload type that the peer knows, by the one that arrives.
    payload_types: [u8; 128],
    keys: Keys,
    receives: bool,
    watch: bool,
    hearing: Hearing,
    /// The last valid packet, or the time since when one is awaited.
    heard_at: Instant,
    stats: Stats,
}

/// What an SDP and the signalling say about where packets come from.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Expected {
    remote: Option<Remote>,
    source: Source,
    signalling: Option<IpAddr>,
}

/// Where the RTP of a leg was found to come from.
#[derive(Copy, Clone, Debug)]
struct Learnt {
    address: SocketAddr,
    packets: u64,
    last_at: Instant,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Hearing {
    /// Nothing has come yet.
    Awaited,
    /// Something came, and nobody was told.
    Untold,
    Heard,
    /// Silence was told.
    Silent,
}

/// What to do with a packet.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Valid RTP, its payload type rewritten: to the peer's RTP address, if there is a peer.
    Rtp,
    /// Valid RTCP: to the peer's RTCP address, if there is a peer.
    Rtcp,
    /// Neither RTP nor RTCP, or from a stranger. Counted.
    Reject,
}

/// What the owner of the leg should hear.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Report {
    Heard,
    Silent,
}

impl Session {
    pub(crate) fn new(now: Instant, leg: &Leg) -> Session {
        Session {
            expected: Expected::of(leg),
            rtp: None,
            rtcp: None,
            is_muxed: false,
            former: None,
            stream: None,
            payload_types: payload_types(leg),
            keys: Keys::new(now, &leg.keys),
            receives: leg.receives,
            watch: leg.watch,
            hearing: Hearing::Awaited,
            heard_at: now,
            stats: Stats::default(),
        }
    }

    /// Takes the leg's whole desired state. What was learnt holds unless the addresses differ.
    pub(crate) fn set(&mut self, now: Instant, leg: &Leg) {
        let expected = Expected::of(leg);
        if expected != self.expected {
            self.expected = expected;
            self.former = self.rtp.take().map(|learnt| (learnt.address, now + MOVE_AFTER));
            self.rtcp = None;
            self.is_muxed = false;
        }
        if leg.watch && !self.watch {
            self.heard_at = now;
            if self.hearing == Hearing::Silent {
                self.hearing = Hearing::Heard;
            }
        }
        self.watch = leg.watch;
        self.receives = leg.receives;
        self.payload_types = payload_types(leg);
        self.keys.set(&leg.keys);
    }

    /// Decides about a packet that arrived on one of the leg's ports.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        port: Port,
        from: SocketAddr,
        bytes: &mut [u8],
    ) -> Verdict {
        let verdict = match packet::read(port, bytes) {
            Some(Packet::Rtp(header)) if self.accepts_rtp(now, from, header) => {
                self.count_rtp(now, header, bytes.len());
                self.keys.handle_packet(now, header, bytes);
                let payload_type = self.payload_types[usize::from(header.payload_type)];
                packet::set_payload_type(bytes, payload_type);
                Verdict::Rtp
            }
            Some(Packet::Rtcp { ssrc }) if self.accepts_rtcp(port, from, ssrc) => {
                self.stats.rtcp_in += 1;
                Verdict::Rtcp
            }
            Some(Packet::Rtp(_) | Packet::Rtcp { .. }) | None => Verdict::Reject,
        };
        match verdict {
            Verdict::Rtp | Verdict::Rtcp => {
                self.heard_at = now;
                if matches!(self.hearing, Hearing::Awaited | Hearing::Silent) {
                    self.hearing = Hearing::Untold;
                }
            }
            Verdict::Reject => self.stats.rejected += 1,
        }
        verdict
    }

    /// Counts packets that were sent to the leg.
    pub(crate) fn count_sent(&mut self, verdict: Verdict, packets: u64, bytes: u64) {
        match verdict {
            Verdict::Rtp => {
                self.stats.rtp_out += packets;
                self.stats.bytes_out += bytes;
            }
            Verdict::Rtcp => self.stats.rtcp_out += packets,
            Verdict::Reject => {} // such packets are not sent
        }
    }

    /// Where RTP for the leg goes. `None`: it is on hold, nobody knows yet, or the SDP says nowhere.
    pub(crate) fn rtp_destination(&self) -> Option<SocketAddr> {
        if self.receives { self.rtp_address() } else { None }
    }

    /// Where RTCP for the leg goes, and from which of our ports.
    pub(crate) fn rtcp_destination(&self) -> Option<(Port, SocketAddr)> {
        if self.is_muxed || self.expected.remote.is_some_and(|remote| remote.rtp == remote.rtcp) {
            return Some((Port::Rtp, self.rtp_address()?));
        }
        if let Some(address) = self.rtcp {
            return Some((Port::Rtcp, address));
        }
        let address = sendable(self.expected.remote?.rtcp)?;
        // Behind a NAT the SDP's address is not where the leg is, and its RTCP port is not known.
        let is_there = self.rtp.is_none_or(|learnt| learnt.address.ip() == address.ip());
        is_there.then_some((Port::Rtcp, address))
    }

    /// What is to be told, once each. `silence` is the time without a packet that makes one.
    pub(crate) fn poll_report(&mut self, now: Instant, silence: Duration) -> Option<Report> {
        match self.hearing {
            Hearing::Untold => {
                self.hearing = Hearing::Heard;
                Some(Report::Heard)
            }
            Hearing::Awaited | Hearing::Heard => {
                let is_silent = now.saturating_duration_since(self.heard_at) >= silence;
                if !self.watch || !is_silent {
                    return None;
                }
                self.hearing = Hearing::Silent;
                Some(Report::Silent)
            }
            Hearing::Silent => None,
        }
    }

    /// The next key that was pressed, once each.
    pub(crate) fn poll_key(&mut self) -> Option<char> {
        self.keys.poll()
    }

    pub(crate) fn stats(&self) -> Stats {
        let unfinished = self.stream.as_ref().map_or(0, Stream::lost);
        Stats { lost: self.stats.lost + unfinished, ..self.stats }
    }

    fn rtp_address(&self) -> Option<SocketAddr> {
        let learnt = self.rtp.map(|learnt| learnt.address);
        learnt.or_else(|| sendable(self.expected.remote?.rtp))
    }

    /// Whether this RTP packet is the leg's; learns its address.
    fn accepts_rtp(&mut self, now: Instant, from: SocketAddr, header: Header) -> bool {
        match &mut self.rtp {
            Some(learnt) if learnt.address == from => {
                learnt.packets += 1;
                learnt.last_at = now;
                return true;
            }
            Some(learnt) => {
                let learnt = *learnt;
                if !self.may_move(now, learnt, from, header) {
                    return false;
                }
                self.rtcp = None;
                self.is_muxed = false;
            }
            None if self.expected.has_rtp_ip(from.ip()) => {}
            None => return false,
        }
        self.rtp = Some(Learnt { address: from, packets: 1, last_at: now });
        true
    }

    /// Whether a leg that was learnt at one address may be believed at another.
    fn may_move(&self, now: Instant, learnt: Learnt, from: SocketAddr, header: Header) -> bool {
        if self.expected.remote.is_some_and(|remote| remote.rtp == from) {
            return true;
        }
        let is_expected = self.expected.has_rtp_ip(from.ip());
        // What was learnt may have been late packets from before the SDP changed.
        let is_former = |(address, until)| address == learnt.address && now < until;
        if is_expected && self.former.is_some_and(is_former) {
            return true;
        }
        if now.saturating_duration_since(learnt.last_at) < MOVE_AFTER {
            return false;
        }
        // One packet alone was somebody's last one, not the first of a stream.
        if is_expected && learnt.packets < 2 {
            return true;
        }
        let is_same = self.stream.as_ref().is_some_and(|stream| stream.is_followed_by(header));
        match self.expected.source {
            Source::Fixed => is_same && is_expected,
            Source::Latch => is_same,
        }
    }

    /// Whether this RTCP packet is the leg's; learns its address.
    fn accepts_rtcp(&mut self, port: Port, from: SocketAddr, ssrc: u32) -> bool {
        if port == Port::Rtp {
            let is_ours = match self.rtp {
                Some(learnt) => learnt.address == from,
                None => self.expected.has_rtp_ip(from.ip()),
            };
            self.is_muxed |= is_ours;
            return is_ours;
        }
        if self.rtcp == Some(from) {
            return true;
        }
        let is_announced = self.expected.remote.is_some_and(|remote| remote.rtcp == from);
        let is_expected = self.expected.has_rtcp_ip(from.ip())
            || self.rtp.is_some_and(|learnt| learnt.address.ip() == from.ip());
        let is_streams = self.stream.as_ref().is_some_and(|stream| stream.ssrc() == ssrc);
        let is_ours = is_announced || (is_expected && (self.rtcp.is_none() || is_streams));
        if is_ours {
            self.rtcp = Some(from);
        }
        is_ours
    }

    fn count_rtp(&mut self, now: Instant, header: Header, bytes: usize) {
        self.stats.rtp_in += 1;
        self.stats.bytes += bytes as u64;
        match &mut self.stream {
            Some(stream) if stream.ssrc() == header.ssrc => {
                self.stats.lost += stream.handle_packet(now, header);
                self.stats.jitter_max = self.stats.jitter_max.max(stream.jitter());
            }
            Some(_) | None => {
                let new = Stream::new(now, header);
                self.stats.lost += self.stream.replace(new).map_or(0, |ended| ended.lost());
            }
        }
    }
}

impl Expected {
    fn of(leg: &Leg) -> Expected {
        Expected { remote: leg.remote, source: leg.source, signalling: leg.signalling }
    }

    fn has_rtp_ip(&self, ip: IpAddr) -> bool {
        self.remote.is_some_and(|remote| remote.rtp.ip() == ip) || self.is_signalling(ip)
    }

    fn has_rtcp_ip(&self, ip: IpAddr) -> bool {
        self.remote.is_some_and(|remote| remote.rtcp.ip() == ip) || self.is_signalling(ip)
    }

    fn is_signalling(&self, ip: IpAddr) -> bool {
        match self.source {
            Source::Fixed => false,
            Source::Latch => self.signalling == Some(ip),
        }
    }
}

/// RFC 3264 §8.4 and §5.1: the null address was the old hold, and port 0 is a refused stream.
fn sendable(address: SocketAddr) -> Option<SocketAddr> {
    (!address.ip().is_unspecified() && address.port() != 0).then_some(address)
}

fn payload_types(leg: &Leg) -> [u8; 128] {
    let mut types = std::array::from_fn(|number| number as u8);
    for &(here, there) in &leg.payload_map {
        types[usize::from(here & 0x7f)] = there;
    }
    types
}

#[cfg(test)]
mod tests;
