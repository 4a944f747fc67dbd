//! The figures of one RTP stream: what was lost and how it jitters (RFC 3550 §A.1, §A.3, §A.8).
//!
//! A stream is the packets of one SSRC from one leg, as far as the session has accepted them; the
//! session sums over a leg's streams.

use std::time::Duration;

use crate::packet::Header;
use crate::time::Instant;

/// A jump of fewer sequence numbers is a gap (RFC 3550 §A.1).
const DROPOUT_MAX: u16 = 3000;
/// A packet this much late is out of order, and not a restart.
const MISORDER_MAX: u16 = 100;

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    ssrc: u32,
    /// The highest sequence number, with its 16-bit wraps.
    highest: u64,
    base: u64,
    received: u64,
    /// What would follow after a jump that is too wide for a gap.
    after_jump: Option<u16>,
    jitter: Jitter,
}

impl Stream {
    pub(crate) fn new(now: Instant, header: Header) -> Stream {
        let highest = u64::from(header.sequence);
        let jitter = Jitter::new(now, header);
        Stream { ssrc: header.ssrc, highest, base: highest, received: 1, after_jump: None, jitter }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Whether a packet could be the continuation of this stream.
    pub(crate) fn is_followed_by(&self, header: Header) -> bool {
        let ahead = header.sequence.wrapping_sub(self.highest as u16);
        header.ssrc == self.ssrc && (1..DROPOUT_MAX).contains(&ahead)
    }

    /// Counts a packet of this SSRC. Returns the losses of a run of numbers that it ended.
    pub(crate) fn handle_packet(&mut self, now: Instant, header: Header) -> u64 {
        let ahead = header.sequence.wrapping_sub(self.highest as u16);
        if ahead < DROPOUT_MAX {
            self.highest += u64::from(ahead);
            self.received += 1;
            self.after_jump = None;
        } else if ahead <= u16::MAX - MISORDER_MAX {
            // Two in a row after a jump: the sender has restarted its numbers.
            if self.after_jump != Some(header.sequence) {
                self.after_jump = Some(header.sequence.wrapping_add(1));
                return 0;
            }
            let ended = self.lost();
            *self = Stream::new(now, header);
            return ended;
        } else {
            self.received += 1;
        }
        self.jitter.handle_packet(now, header);
        0
    }

    /// Expected less received, duplicates hide losses (RFC 3550 §A.3).
    pub(crate) fn lost(&self) -> u64 {
        (self.highest - self.base + 1).saturating_sub(self.received)
    }

    /// The estimate as of the last packet.
    pub(crate) fn jitter(&self) -> Duration {
        self.jitter.estimate()
    }
}

/// The interarrival jitter estimator of RFC 3550 §A.8, in integers.
#[derive(Clone, Debug)]
struct Jitter {
    payload_type: u8,
    timestamp: u32,
    /// Arrival less timestamp, in units of the stream's clock.
    transit: u32,
    /// Sixteen times the estimate, in units of the stream's clock.
    scaled: u32,
}

impl Jitter {
    fn new(now: Instant, header: Header) -> Jitter {
        let payload_type = header.payload_type;
        let transit = arrival(now, clock_rate(payload_type)).wrapping_sub(header.timestamp);
        Jitter { payload_type, timestamp: header.timestamp, transit, scaled: 0 }
    }

    fn handle_packet(&mut self, now: Instant, header: Header) {
        // Telephone events share a timestamp (RFC 4733 §2.2.1) and run on a clock that only the
        // SDP knows: the audio of the stream alone is measured.
        if header.payload_type != self.payload_type {
            if header.payload_type < 96 {
                *self = Jitter { scaled: self.scaled, ..Jitter::new(now, header) };
            }
            return;
        }
        if header.timestamp == self.timestamp {
            return;
        }
        let rate = clock_rate(self.payload_type);
        let transit = arrival(now, rate).wrapping_sub(header.timestamp);
        let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.timestamp = header.timestamp;
        self.transit = transit;
        // A second at once is a jump of the sender's clock.
        if difference < rate {
            self.scaled = self.scaled + difference - ((self.scaled + 8) >> 4);
        }
    }

    fn estimate(&self) -> Duration {
        let units = u64::from(self.scaled >> 4);
        Duration::from_micros(units * 1_000_000 / u64::from(clock_rate(self.payload_type)))
    }
}

/// RFC 3551 §6: the static audio types of telephony run at 8 kHz (G.722 by its famous mistake);
/// of the dynamic ones Opus runs at 48 kHz (RFC 7587 §4.1).
fn clock_rate(payload_type: u8) -> u32 {
    if payload_type < 96 { 8_000 } else { 48_000 }
}

fn arrival(now: Instant, rate: u32) -> u32 {
    (u128::from(now.as_micros()) * u128::from(rate) / 1_000_000) as u32
}
