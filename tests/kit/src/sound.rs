//! Tones out, and what was heard in: A-law, WAV files, and the share of a tone in the energy.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// Samples a second of everything here (G.711).
pub(crate) const RATE: u32 = 8000;

/// A sine of this many hertz: one a party, so that each voice is known by ear.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Tone(pub u32);

impl Tone {
    /// Whole samples at half of full scale.
    pub fn samples(self, length: Duration) -> Vec<i16> {
        let count =
            u32::try_from(length.as_millis()).expect("a test's tone is short") * RATE / 1000;
        let step = TAU * f64::from(self.0) / f64::from(RATE);
        (0..count).map(|n| ((f64::from(n) * step).sin() * 16_000.0) as i16).collect()
    }
}

/// What an ear got, as linear samples at [`RATE`].
#[derive(Clone, Debug, Default)]
pub struct Heard(pub Vec<i16>);

impl Heard {
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.0.len() as u64 * 1000 / u64::from(RATE))
    }

    /// The part of the energy that is at the tone's frequency: 1.0 for the tone alone.
    ///
    /// Goertzel over windows of a tenth of a second, so that a lost packet, which shifts the phase,
    /// spoils one window and not the sum; the windows weigh by their energy. Tones that are whole
    /// multiples of 10 Hz are told apart exactly.
    pub fn share(&self, tone: Tone) -> f64 {
        const WINDOW: usize = RATE as usize / 10;
        let (mut at_tone, mut total) = (0.0, 0.0);
        for window in self.0.chunks_exact(WINDOW) {
            let samples: Vec<f64> = window.iter().map(|&s| f64::from(s)).collect();
            at_tone += goertzel(&samples, tone);
            total += samples.iter().map(|s| s * s).sum::<f64>();
        }
        if total < 1.0 { 0.0 } else { at_tone / total }
    }

    /// Fails unless, from `skip` on, at least a second was heard and nine tenths of it are `tone`.
    pub fn check(&self, who: &str, tone: Tone, skip: Duration) -> Result<()> {
        let first = skip.as_millis() as usize * RATE as usize / 1000;
        let judged = Self(self.0.get(first..).unwrap_or_default().to_vec());
        ensure!(
            judged.length() >= Duration::from_secs(1),
            "{who} heard only {:?} (wanted {skip:?} and a second more)",
            self.length()
        );
        let loudness = judged.loudness();
        ensure!(loudness > 500.0, "{who} heard silence ({loudness:.0} of 32768)");
        let share = judged.share(tone);
        ensure!(share >= 0.9, "{who} heard {share:.2} of {} Hz, wanted 0.9", tone.0);
        Ok(())
    }

    /// Fails if there is anything of `tone` in it; silence and other sounds are well.
    pub fn check_without(&self, who: &str, tone: Tone) -> Result<()> {
        let share = self.share(tone);
        let is_silent = self.loudness() < 50.0;
        ensure!(is_silent || share < 0.1, "{who} heard {share:.2} of {} Hz", tone.0);
        Ok(())
    }

    fn loudness(&self) -> f64 {
        let energy: f64 = self.0.iter().map(|&s| f64::from(s).powi(2)).sum();
        (energy / self.0.len().max(1) as f64).sqrt()
    }
}

/// Energy at the tone, in the units of the sum of squares.
fn goertzel(samples: &[f64], tone: Tone) -> f64 {
    let factor = 2.0 * (TAU * f64::from(tone.0) / f64::from(RATE)).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, sample + factor * last - before);
    }
    let power = last * last + before * before - factor * last * before;
    2.0 * power / samples.len() as f64
}

/// ITU-T G.711 A-law.
pub(crate) fn linear_to_alaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x00 } else { 0x80 };
    let magnitude = (if sample < 0 { !sample } else { sample } >> 3) as u16; // 12 bits
    let code = match magnitude.checked_ilog2() {
        Some(top @ 5..) => (((top - 4) as u16) << 4) | ((magnitude >> (top - 4)) & 0x0f),
        Some(_) | None => magnitude >> 1,
    };
    (sign | code as u8) ^ 0x55
}

/// ITU-T G.711 A-law.
pub(crate) fn alaw_to_linear(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = i16::from(code & 0x0f);
    let magnitude = match (code >> 4) & 0x07 {
        0 => (mantissa << 4) + 8,
        segment => ((mantissa << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// Mono, 16 bits, [`RATE`].
pub(crate) fn write_wav(path: &Path, samples: &[i16]) -> Result<()> {
    let bytes = samples.len() as u32 * 2;
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(bytes + 36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fs::write(path, file).with_context(|| path.display().to_string())
}

/// The first channel of a 16-bit PCM file at [`RATE`]; a header that was never completed is
/// tolerated, because a recorder may still be writing.
pub(crate) fn read_wav(path: &Path) -> Result<Heard> {
    let file = fs::read(path).with_context(|| path.display().to_string())?;
    ensure!(file.len() >= 12 && &file[8..12] == b"WAVE", "{} is no WAV file", path.display());
    let word =
        |at: usize| file.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let (mut at, mut channels) = (12, 1);
    while let (Some(name), Some(length)) = (file.get(at..at + 4), word(at + 4)) {
        let start = at + 8;
        match name {
            b"fmt " => {
                channels = usize::from(file.get(start + 2).copied().unwrap_or(1)).max(1);
                let rate = word(start + 4).unwrap_or(0);
                ensure!(rate == RATE, "{} is at {rate} samples a second", path.display());
            }
            b"data" => {
                let unfinished = length == 0 || start + length as usize > file.len();
                let end = if unfinished { file.len() } else { start + length as usize };
                let samples = file[start..end].chunks_exact(2 * channels);
                return Ok(Heard(samples.map(|s| i16::from_le_bytes([s[0], s[1]])).collect()));
            }
            _ => {}
        }
        at = start + length as usize + (length as usize & 1);
    }
    Ok(Heard::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_tone_is_all_of_its_own_energy_and_nothing_of_another() {
        let heard = Heard(Tone(440).samples(SECOND * 3));
        assert!(heard.share(Tone(440)) > 0.99);
        assert!(heard.share(Tone(700)) < 0.01);
        heard.check("she", Tone(440), SECOND).unwrap();
    }

    #[test]
    fn the_wrong_tone_silence_and_a_short_moment_fail_the_check() {
        let heard = Heard(Tone(440).samples(SECOND * 3));
        assert!(heard.check("she", Tone(700), SECOND).is_err());
        assert!(Heard(vec![0; 24_000]).check("she", Tone(440), SECOND).is_err());
        assert!(heard.check("she", Tone(440), SECOND * 3).is_err());
        assert!(heard.check_without("she", Tone(440)).is_err());
        heard.check_without("she", Tone(700)).unwrap();
        Heard(vec![0; 24_000]).check_without("she", Tone(440)).unwrap();
        Heard::default().check_without("she", Tone(440)).unwrap();
    }

    #[test]
    fn a_mixture_of_two_voices_fails_the_check_for_both() {
        let mixed: Vec<i16> = Tone(440)
            .samples(SECOND * 3)
            .iter()
            .zip(Tone(700).samples(SECOND * 3))
            .map(|(a, b)| a / 2 + b / 2)
            .collect();
        let heard = Heard(mixed);
        assert!(heard.check("she", Tone(440), SECOND).is_err());
        assert!(heard.check("she", Tone(700), SECOND).is_err());
    }

    #[test]
    fn alaw_there_and_back_keeps_the_tone_and_every_code() {
        let coded: Vec<u8> =
            Tone(440).samples(SECOND * 2).into_iter().map(linear_to_alaw).collect();
        let heard = Heard(coded.into_iter().map(alaw_to_linear).collect());
        assert!(heard.share(Tone(440)) > 0.99);
        for code in 0..=255 {
            assert_eq!(linear_to_alaw(alaw_to_linear(code)), code, "code {code:#04x}");
        }
    }
}
