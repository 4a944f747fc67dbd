//! Audio that is ready to send: encoded once, shared by all who hear it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::g711::{self, SILENCE_PCMA, SILENCE_PCMU};
use crate::order::ToneCodec;

/// Samples of one packet: 20 ms at 8 kHz.
pub(crate) const FRAME_SAMPLES: usize = 160;

/// G.711 in both laws, in whole frames of 20 ms; at least one.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Audio {
    pcma: Vec<u8>,
    pcmu: Vec<u8>,
}

impl Audio {
    /// Encodes samples of 8 kHz, mono. The last frame is filled up with silence.
    pub fn new(samples: &[i16]) -> Audio {
        Audio {
            pcma: encode(samples, g711::pcma, SILENCE_PCMA),
            pcmu: encode(samples, g711::pcmu, SILENCE_PCMU),
        }
    }

    /// How many packets it makes.
    pub fn frames(&self) -> usize {
        self.pcma.len() / FRAME_SAMPLES
    }

    /// The payload of one packet; silence after the last one.
    pub(crate) fn frame(&self, codec: ToneCodec, number: usize) -> &[u8] {
        let (codes, silence) = match codec {
            ToneCodec::Pcma => (&self.pcma, &[SILENCE_PCMA; FRAME_SAMPLES]),
            ToneCodec::Pcmu => (&self.pcmu, &[SILENCE_PCMU; FRAME_SAMPLES]),
        };
        codes.chunks_exact(FRAME_SAMPLES).nth(number).unwrap_or(silence)
    }
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audio({} frames)", self.frames())
    }
}

fn encode(samples: &[i16], law: fn(i16) -> u8, silence: u8) -> Vec<u8> {
    let frames = samples.len().div_ceil(FRAME_SAMPLES).max(1);
    let mut codes: Vec<u8> = samples.iter().map(|&sample| law(sample)).collect();
    codes.resize(frames * FRAME_SAMPLES, silence);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_whole_frames_filled_up_with_silence() {
        let audio = Audio::new(&[1_000; FRAME_SAMPLES + 1]);
        assert_eq!(audio.frames(), 2);
        let mut last = [SILENCE_PCMA; FRAME_SAMPLES];
        last[0] = g711::pcma(1_000);
        assert_eq!(audio.frame(ToneCodec::Pcma, 1), last);
        assert_eq!(audio.frame(ToneCodec::Pcmu, 0), [g711::pcmu(1_000); FRAME_SAMPLES]);
        assert_eq!(audio.frame(ToneCodec::Pcmu, 2), [SILENCE_PCMU; FRAME_SAMPLES]);
        assert_eq!(Audio::new(&[]).frames(), 1);
    }
}
