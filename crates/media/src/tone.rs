//! The sounds that the relay makes itself.

use std::f64::consts::TAU;
use std::sync::Arc;

use crate::audio::Audio;

const SAMPLES_PER_SECOND: f64 = 8_000.0;
/// −12 dBFS at the peak, near the −10 dBm0 of exchanges.
const AMPLITUDE: f64 = 8_000.0;

/// Made once, shared by all threads.
#[derive(Clone, Debug)]
pub(crate) struct Tones {
    /// One cadence of the French ringing tone (ITU-T E.180 supplement 2): 440 Hz, 1.5 s on, 3.5 s off.
    pub(crate) ring: Arc<Audio>,
    /// Two short high beeps.
    pub(crate) confirmed: Arc<Audio>,
    /// Three longer low ones.
    pub(crate) refused: Arc<Audio>,
}

impl Tones {
    pub(crate) fn new() -> Tones {
        // A phone that was just answered opens its speaker during the first silence. Each beep is a
        // whole number of periods, so that none clicks.
        let (start, high, low) = ((0.0, 0.3), (880.0, 0.15), (330.0, 0.2));
        Tones {
            ring: audio(&[(440.0, 1.5), (0.0, 3.5)]),
            confirmed: audio(&[start, high, (0.0, 0.05), high]),
            refused: audio(&[start, low, (0.0, 0.1), low, (0.0, 0.1), low]),
        }
    }
}

/// Sine waves of (Hz, seconds), one after the other.
fn audio(parts: &[(f64, f64)]) -> Arc<Audio> {
    let mut samples = Vec::new();
    for &(frequency, seconds) in parts {
        let count = (seconds * SAMPLES_PER_SECOND).round() as usize;
        samples.extend((0..count).map(|number| {
            let phase = TAU * frequency * number as f64 / SAMPLES_PER_SECOND;
            (AMPLITUDE * phase.sin()) as i16
        }));
    }
    Arc::new(Audio::new(&samples))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::ToneCodec;

    #[test]
    fn ringing_is_a_second_and_a_half_of_tone_and_three_and_a_half_of_silence() {
        let ring = Tones::new().ring;
        let silence = ring.frame(ToneCodec::Pcma, usize::MAX);
        let on: Vec<bool> = (0..ring.frames())
            .map(|number| ring.frame(ToneCodec::Pcma, number) != silence)
            .collect();
        let expected: Vec<bool> = (0..250).map(|number| number < 75).collect();
        assert_eq!(on, expected);
    }
}
