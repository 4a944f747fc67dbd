//! Tones that the relay makes itself, as RTP.
//!
//! A tone has its own SSRC; when a peer's packets follow on the same leg the receiver sees another
//! synchronisation source, as RFC 3550 §8 provides for. Sequence numbers go on over pauses,
//! timestamps advance with them (RFC 3550 §5.1).

use std::time::Duration;

use rtp_rs::{RtpPacketBuilder, Seq};

use crate::order::{Leg, Tone, ToneCodec};
use crate::time::Instant;

/// The time of one packet.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;
/// Header and samples of one packet.
pub(crate) const FRAME_BYTES: usize = 12 + FRAME_SAMPLES;

/// 440 Hz at 8 kHz: 11 periods are 200 samples.
const PERIOD_SAMPLES: usize = 200;
/// France (ITU-T E.180 supplement 2): 1.5 s on, 3.5 s off.
const ON_FRAMES: u32 = 75;
const CADENCE_FRAMES: u32 = 250;
/// −12 dBFS at the peak, near the −10 dBm0 of exchanges.
const AMPLITUDE: f64 = 8_000.0;
/// Silence in each codec (ITU-T G.711: the smallest positive value).
const SILENCE_PCMA: u8 = 0xd5;
const SILENCE_PCMU: u8 = 0xff;

/// The samples that all ringing tones share, in both codecs, long enough for a frame at any phase.
#[derive(Debug)]
pub(crate) struct Waves {
    pcma: [u8; PERIOD_SAMPLES + FRAME_SAMPLES],
    pcmu: [u8; PERIOD_SAMPLES + FRAME_SAMPLES],
}

impl Waves {
    pub(crate) fn new() -> Waves {
        let sample = |number: usize| {
            let phase = 2.0 * std::f64::consts::PI * 440.0 * number as f64 / 8_000.0;
            (AMPLITUDE * phase.sin()) as i16
        };
        Waves {
            pcma: std::array::from_fn(|number| pcma(sample(number))),
            pcmu: std::array::from_fn(|number| pcmu(sample(number))),
        }
    }
}

/// The tone of one leg.
#[derive(Debug)]
pub(crate) struct ToneStream {
    kind: Tone,
    payload_type: u8,
    codec: ToneCodec,
    ssrc: u32,
    sequence: Seq,
    timestamp: u32,
    /// Frames since the cadence began.
    frame: u32,
    is_restart: bool,
    /// `None` while it plays.
    stopped_at: Option<Instant>,
}

impl ToneStream {
    /// A stopped tone. `random` makes SSRC, sequence and timestamp hard to guess (RFC 3550 §5.1).
    pub(crate) fn new(now: Instant, random: u64) -> ToneStream {
        ToneStream {
            kind: Tone::Ringback,
            payload_type: 8,
            codec: ToneCodec::Pcma,
            ssrc: random as u32,
            sequence: Seq::from((random >> 32) as u16),
            timestamp: (random >> 16) as u32,
            frame: 0,
            is_restart: true,
            stopped_at: Some(now),
        }
    }

    /// Starts, goes on or stops, as the leg wants. Starting begins the cadence.
    pub(crate) fn set(&mut self, now: Instant, leg: &Leg) {
        let wanted = if leg.peer.is_none() { leg.tone.zip(leg.tone_payload) } else { None };
        let Some((kind, (payload_type, codec))) = wanted else {
            self.stopped_at.get_or_insert(now);
            return;
        };
        (self.kind, self.payload_type, self.codec) = (kind, payload_type, codec);
        if let Some(stopped_at) = self.stopped_at.take() {
            let pause = now.saturating_duration_since(stopped_at).as_micros() / 125;
            self.timestamp = self.timestamp.wrapping_add(pause as u32);
            self.frame = 0;
            self.is_restart = true;
        }
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.stopped_at.is_none()
    }

    /// Writes the next packet.
    pub(crate) fn next_frame(&mut self, waves: &Waves, target: &mut [u8; FRAME_BYTES]) {
        let start = self.frame as usize * FRAME_SAMPLES % PERIOD_SAMPLES;
        let is_on = match self.kind {
            Tone::Ringback => self.frame < ON_FRAMES,
        };
        let samples = match (self.codec, is_on) {
            (ToneCodec::Pcma, true) => &waves.pcma[start..start + FRAME_SAMPLES],
            (ToneCodec::Pcmu, true) => &waves.pcmu[start..start + FRAME_SAMPLES],
            (ToneCodec::Pcma, false) => &[SILENCE_PCMA; FRAME_SAMPLES],
            (ToneCodec::Pcmu, false) => &[SILENCE_PCMU; FRAME_SAMPLES],
        };
        RtpPacketBuilder::new()
            .payload_type(self.payload_type)
            .marked(std::mem::take(&mut self.is_restart))
            .sequence(self.sequence)
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(samples)
            .build_into(target)
            .expect("a header and a frame fit, and the order's payload type was checked");
        self.sequence = self.sequence.next();
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        self.frame = (self.frame + 1) % CADENCE_FRAMES;
    }
}

/// ITU-T G.711 A-law.
fn pcma(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80, sample) } else { (0, !sample) };
    let magnitude = magnitude >> 4; // 11 bits
    let segment = (16 - (magnitude >> 4).leading_zeros()) as u8; // 0 for the two linear segments
    let mantissa = match segment {
        0 | 1 => magnitude & 0x0f,
        _ => (magnitude >> (segment - 1)) & 0x0f,
    };
    (sign | (segment << 4) | mantissa as u8) ^ 0x55
}

/// ITU-T G.711 µ-law.
fn pcmu(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const CLIP: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS; // 0x84 to 0x7fff
    let segment = (24 - magnitude.leading_zeros()) as u8;
    let mantissa = ((magnitude >> (segment + 3)) & 0x0f) as u8;
    !(sign | (segment << 4) | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toned() -> Leg {
        let tone_payload = Some((8, ToneCodec::Pcma));
        Leg { tone: Some(Tone::Ringback), tone_payload, ..Leg::default() }
    }

    fn frame(tone: &mut ToneStream, waves: &Waves) -> [u8; FRAME_BYTES] {
        let mut bytes = [0; FRAME_BYTES];
        tone.next_frame(waves, &mut bytes);
        bytes
    }

    #[test]
    fn g711_matches_known_values() {
        // From the tables of ITU-T G.711.
        let alaw = [(0, 0xd5), (-1, 0x55), (32_767, 0xaa), (-32_768, 0x2a), (1_000, 0xfa)];
        for (sample, expected) in alaw {
            assert_eq!(pcma(sample), expected, "A-law of {sample}");
        }
        for (sample, expected) in [(0, 0xff), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xce)] {
            assert_eq!(pcmu(sample), expected, "µ-law of {sample}");
        }
    }

    #[test]
    fn ringback_is_a_second_and_a_half_of_tone_and_three_and_a_half_of_silence() {
        let waves = Waves::new();
        let mut tone = ToneStream::new(Instant::default(), 7);
        tone.set(Instant::default(), &toned());
        let is_on = |bytes: [u8; FRAME_BYTES]| bytes[12..].iter().any(|&b| b != SILENCE_PCMA);
        let on: Vec<bool> = (0..500).map(|_| is_on(frame(&mut tone, &waves))).collect();
        let expected: Vec<bool> = (0..500).map(|number| number % 250 < 75).collect();
        assert_eq!(on, expected);
    }

    #[test]
    fn a_restarted_tone_keeps_its_ssrc_and_sequence_and_marks_its_first_packet() {
        let waves = Waves::new();
        let mut tone = ToneStream::new(Instant::default(), 0x1_ffff_0000_0001);
        tone.set(Instant::default(), &toned());
        let first = frame(&mut tone, &waves);
        tone.set(Instant::from_micros(20_000), &toned());
        let second = frame(&mut tone, &waves);
        tone.set(Instant::from_micros(40_000), &Leg::default());
        assert!(!tone.is_playing());
        tone.set(Instant::from_micros(1_040_000), &toned());
        let third = frame(&mut tone, &waves);

        assert_eq!([first[1] >> 7, second[1] >> 7, third[1] >> 7], [1, 0, 1]);
        let word =
            |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(word(&first, 8), word(&third, 8));
        let sequence = |bytes: &[u8]| u16::from_be_bytes([bytes[2], bytes[3]]);
        assert_eq!(sequence(&third), sequence(&first).wrapping_add(2));
        assert_eq!(word(&third, 4).wrapping_sub(word(&second, 4)), 160 + 8_000);
    }
}
