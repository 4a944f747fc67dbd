//! Voices for machines: every party has a tone, and an ear that knows whose tone it hears.
//!
//! Tones are multiples of 50 Hz, so that 20 ms of one hold whole periods: all packets of a tone are
//! the same 160 octets, and tones are orthogonal over each packet. An [`Ear`] runs a Goertzel
//! filter a tone over what it hears and keeps the share of the energy that each one has.

use std::f64::consts::TAU;

const SAMPLES_PER_SECOND: f64 = 8_000.0;
/// Samples of a 20 ms packet of G.711.
pub(crate) const PACKET_SAMPLES: usize = 160;
const PACKETS_PER_SECOND: u32 = 50;
/// Seconds that are told one by one; all later ones are only in the sum.
const SECONDS_MAX: usize = 3_600;
/// A second with fewer packets (a call's last) is not judged by itself.
const JUDGED_PACKETS_MIN: u32 = 10;
/// The least share of the energy that the right tone must have.
const SHARE_MIN: f64 = 0.9;
/// Peak of a tone: 12 dB under the clipping point of A-law.
const AMPLITUDE: f64 = 8_000.0;
/// Below this mean square there is silence: A-law's idle noise is 8² at most.
const SILENCE_MEAN_SQUARE: f64 = 1_000.0;

const LOWEST_HZ: u16 = 300;
const STEP_HZ: u16 = 50;

/// A frequency of the telephone band that one party owns.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Tone(u8);

impl Tone {
    /// 300 to 3,400 Hz in steps of 50 Hz.
    pub const COUNT: usize = 63;

    /// The tones in order; beyond [`Tone::COUNT`] they come again.
    pub fn nth(n: usize) -> Self {
        Self(u8::try_from(n % Self::COUNT).expect("COUNT fits into a byte"))
    }

    pub fn hz(self) -> u16 {
        LOWEST_HZ + STEP_HZ * u16::from(self.0)
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }

    /// 20 ms of it in A-law; repeating them continues the wave.
    pub fn packet(self) -> [u8; PACKET_SAMPLES] {
        let step = TAU * f64::from(self.hz()) / SAMPLES_PER_SECOND;
        let mut phase = 0.0f64;
        std::array::from_fn(|_| {
            let sample = (phase.sin() * AMPLITUDE).round();
            phase += step;
            alaw_encode(sample as i16)
        })
    }
}

/// Hears packets of one conversation.
#[derive(Clone, Debug)]
pub struct Ear {
    /// Analyse one packet of so many: an ear costs 63 filters a packet.
    every: u32,
    packets: u64,
    now: Window,
    seconds: Vec<Second>,
    sum: Window,
    second_packets: u32,
}

#[derive(Clone, Debug)]
struct Window {
    energy: f64,
    samples: u32,
    by_tone: Box<[f64; Tone::COUNT]>,
}

impl Window {
    fn new() -> Self {
        Self { energy: 0.0, samples: 0, by_tone: Box::new([0.0; Tone::COUNT]) }
    }

    fn listen(&mut self, samples: &[f64]) {
        let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        self.samples = self.samples.saturating_add(count);
        self.energy += samples.iter().map(|sample| sample * sample).sum::<f64>();
        for (n, energy) in self.by_tone.iter_mut().enumerate() {
            *energy += 2.0 * goertzel(samples, Tone::nth(n)) / f64::from(count);
        }
    }

    fn share(&self, tone: Tone) -> f64 {
        if self.is_silent() { 0.0 } else { self.by_tone[tone.index()] / self.energy }
    }

    fn is_silent(&self) -> bool {
        self.samples == 0 || self.energy / f64::from(self.samples) < SILENCE_MEAN_SQUARE
    }

    fn loudest(&self) -> Option<Tone> {
        if self.is_silent() {
            return None;
        }
        let loudest = (0..Tone::COUNT).max_by(|a, b| self.by_tone[*a].total_cmp(&self.by_tone[*b]));
        loudest.map(Tone::nth)
    }

    fn second(&self, packets: u32) -> Second {
        let loudest = self.loudest();
        let share = loudest.map_or(0.0, |tone| self.share(tone));
        Second { packets, loudest, share }
    }
}

impl Default for Ear {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Ear {
    /// Analyses one packet of `every`, and counts all.
    pub fn new(every: u32) -> Self {
        Self {
            every: every.max(1),
            packets: 0,
            now: Window::new(),
            seconds: Vec::new(),
            sum: Window::new(),
            second_packets: 0,
        }
    }

    /// Hears the A-law payload of one packet.
    pub fn listen(&mut self, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        if self.packets.is_multiple_of(u64::from(self.every)) {
            let samples: Vec<f64> =
                payload.iter().map(|octet| f64::from(alaw_decode(*octet))).collect();
            self.now.listen(&samples);
        }
        self.packets += 1;
        self.second_packets += 1;
        if self.second_packets == PACKETS_PER_SECOND {
            self.end_second();
        }
    }

    fn end_second(&mut self) {
        let window = std::mem::replace(&mut self.now, Window::new());
        let packets = std::mem::take(&mut self.second_packets);
        if self.seconds.len() < SECONDS_MAX {
            self.seconds.push(window.second(packets));
        }
        self.sum.samples = self.sum.samples.saturating_add(window.samples);
        self.sum.energy += window.energy;
        for (sum, energy) in self.sum.by_tone.iter_mut().zip(window.by_tone.iter()) {
            *sum += energy;
        }
    }

    /// What was heard in all.
    pub fn heard(mut self) -> Heard {
        if self.second_packets > 0 {
            self.end_second();
        }
        let shares = (0..Tone::COUNT)
            .map(Tone::nth)
            .map(|tone| (tone, self.sum.share(tone)))
            .filter(|(_, share)| *share >= 0.001)
            .collect();
        Heard { packets: self.packets, seconds: self.seconds, shares }
    }
}

/// What one ear heard in one conversation.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub packets: u64,
    pub seconds: Vec<Second>,
    /// Each tone's share of the whole energy, where it is noticeable.
    pub shares: Vec<(Tone, f64)>,
}

/// One second of hearing: 50 packets, fewer in the last.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Second {
    pub packets: u32,
    /// `None`: silence.
    pub loudest: Option<Tone>,
    /// Its share of the energy, 0 to 1.
    pub share: f64,
}

/// Whether the ear heard the one it should.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Hearing {
    /// The expected tone, in every second.
    Right,
    /// Somebody else, at some time. `None`: a sound that is nobody's tone.
    Wrong(Option<Tone>),
    Nothing,
}

impl Heard {
    pub fn share(&self, tone: Tone) -> f64 {
        self.shares.iter().find(|(each, _)| *each == tone).map_or(0.0, |(_, share)| *share)
    }

    /// Judges the whole, and each second by itself.
    pub fn judge(&self, expected: Tone) -> Hearing {
        let loudest = self.shares.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(tone, _)| *tone);
        let odd = self.seconds.iter().find(|second| {
            second.packets >= JUDGED_PACKETS_MIN
                && second.loudest.is_some()
                && (second.loudest != Some(expected) || second.share < SHARE_MIN)
        });
        if self.seconds.iter().all(|second| second.loudest.is_none()) {
            Hearing::Nothing
        } else if let Some(second) = odd {
            Hearing::Wrong(second.loudest.filter(|_| second.share >= SHARE_MIN))
        } else if self.share(expected) < SHARE_MIN {
            Hearing::Wrong(loudest.filter(|tone| *tone != expected))
        } else {
            Hearing::Right
        }
    }
}

/// |X(f)|² of the samples at the tone's frequency.
fn goertzel(samples: &[f64], tone: Tone) -> f64 {
    let coefficient = 2.0 * (TAU * f64::from(tone.hz()) / SAMPLES_PER_SECOND).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let next = sample + coefficient * last - before;
        before = last;
        last = next;
    }
    last * last + before * before - coefficient * last * before
}

/// One sample as ITU-T G.711 A-law, even bits inverted.
pub fn alaw_encode(sample: i16) -> u8 {
    let (mask, magnitude) = if sample < 0 { (0x55, !sample) } else { (0xd5, sample) };
    let magnitude = magnitude.unsigned_abs() >> 3;
    let bits = u16::BITS - magnitude.leading_zeros();
    let segment = bits.saturating_sub(5);
    let mantissa = (magnitude >> segment.max(1)) & 0x0f;
    let octet = (segment << 4) | u32::from(mantissa);
    u8::try_from(octet).expect("three bits of segment and four of mantissa") ^ mask
}

/// The sample in the middle of an A-law code's interval.
pub const fn alaw_decode(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let segment = (octet >> 4) & 0x07;
    let step = ((octet & 0x0f) as i16) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if octet & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(packets: impl IntoIterator<Item = Tone>) -> Heard {
        let mut ear = Ear::default();
        for tone in packets {
            ear.listen(&tone.packet());
        }
        ear.heard()
    }

    #[test]
    fn alaw_codes_survive_decoding_and_encoding() {
        for octet in 0..=u8::MAX {
            assert_eq!(alaw_encode(alaw_decode(octet)), octet, "{octet:#x}");
        }
        assert_eq!(alaw_encode(0), 0xd5);
        assert_eq!(alaw_encode(i16::MIN), 0x2a);
        assert_eq!(alaw_encode(i16::MAX), 0xaa);
    }

    #[test]
    fn every_tone_is_recognised_with_nine_tenths_of_the_energy() {
        for n in 0..Tone::COUNT {
            let tone = Tone::nth(n);
            let heard = hear(std::iter::repeat_n(tone, 75));
            assert!(heard.share(tone) >= 0.9, "{} Hz: {:?}", tone.hz(), heard.shares);
            assert_eq!(heard.judge(tone), Hearing::Right, "{} Hz", tone.hz());
            assert_eq!(heard.seconds.len(), 2);
        }
    }

    #[test]
    fn a_swapped_tone_is_the_wrong_voice() {
        let (his, hers) = (Tone::nth(4), Tone::nth(5));
        let heard = hear(std::iter::repeat_n(his, 100));
        assert_eq!(heard.judge(hers), Hearing::Wrong(Some(his)));
        assert!(heard.share(hers) < 0.01);
    }

    #[test]
    fn one_foreign_second_in_a_long_conversation_is_found() {
        let (mine, foreign) = (Tone::nth(10), Tone::nth(40));
        let talk = std::iter::repeat_n(mine, 1_500)
            .chain(std::iter::repeat_n(foreign, 50))
            .chain(std::iter::repeat_n(mine, 1_500));
        let heard = hear(talk);
        assert!(heard.share(mine) > 0.9);
        assert_eq!(heard.judge(mine), Hearing::Wrong(Some(foreign)));
    }

    #[test]
    fn two_voices_at_once_are_wrong() {
        let (a, b) = (Tone::nth(3), Tone::nth(30));
        let heard = hear((0..200).map(|n| if n % 2 == 0 { a } else { b }));
        assert!(matches!(heard.judge(a), Hearing::Wrong(_)));
    }

    #[test]
    fn silence_is_nothing_heard() {
        let mut ear = Ear::default();
        for _ in 0..100 {
            ear.listen(&[0xd5; PACKET_SAMPLES]);
        }
        assert_eq!(ear.heard().judge(Tone::nth(0)), Hearing::Nothing);
        assert_eq!(Heard::default().judge(Tone::nth(0)), Hearing::Nothing);
    }

    #[test]
    fn an_ear_that_analyses_every_tenth_packet_judges_the_same() {
        let tone = Tone::nth(7);
        let mut ear = Ear::new(10);
        for _ in 0..500 {
            ear.listen(&tone.packet());
        }
        let heard = ear.heard();
        assert_eq!((heard.packets, heard.judge(tone)), (500, Hearing::Right));
    }
}
