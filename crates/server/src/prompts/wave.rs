//! One WAV file to samples of 8 kHz, mono: reading, mixing, resampling, limiting the peak.

use std::io::{Cursor, Read};
use std::time::Duration;

use hound::{SampleFormat, WavReader};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use crate::limits::PROMPT_DURATION_MAX;

/// What G.711 carries.
const SAMPLES_PER_SECOND: u32 = 8_000;
/// −3 dBFS: louder files are scaled down to it, others are left as they are.
const PEAK_MAX: f32 = 0.707;
/// −50 dBFS: nobody hears more from a file that is nowhere louder.
const PEAK_MIN: f32 = 0.003;

/// Why a file cannot be played.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum WaveError {
    #[error("not a WAV file")]
    NotWave,
    #[error("compressed ({0})")]
    Compressed(&'static str),
    #[error("{0} channels")]
    Channels(u16),
    #[error("{0} samples a second, where 8000 to 192000 can be converted")]
    Rate(u32),
    #[error("samples that are neither of 8, 16, 24 or 32 bits nor 32-bit floats")]
    Samples,
    #[error("the file ends before its audio does: it was cut, or written through a pipe")]
    Cut,
    #[error("damaged ({0})")]
    Damaged(&'static str),
    #[error("empty: it has no audio")]
    Empty,
    #[error("silent: nothing of it would be heard")]
    Silent,
    #[error("too long: {} s, where {} s is the most", .0.as_secs(), PROMPT_DURATION_MAX.as_secs())]
    TooLong(Duration),
}

impl WaveError {
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::NotWave | Self::Compressed(_) | Self::Samples | Self::Rate(_) => {
                "export it as PCM, 16 bits: `sox FILE -b 16 -e signed-integer NAME.wav`"
            }
            Self::Channels(_) => "mix it to one channel: `sox FILE -c 1 NAME.wav`",
            Self::Cut | Self::Damaged(_) => "export it again, to a file",
            Self::Empty | Self::Silent => "record it again, or remove the file",
            Self::TooLong(_) => "shorten it, or cut it into several prompts",
        }
    }
}

/// Reads the bytes of a whole file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<i16>, WaveError> {
    let chunks = Chunks::find(bytes)?;
    if let Some(compression) = chunks.compression() {
        return Err(WaveError::Compressed(compression));
    }
    let reader = WavReader::new(chunks.alone()).map_err(unreadable)?;
    let spec = reader.spec();
    if !(1..=2).contains(&spec.channels) {
        return Err(WaveError::Channels(spec.channels));
    }
    if !(SAMPLES_PER_SECOND..=192_000).contains(&spec.sample_rate) {
        return Err(WaveError::Rate(spec.sample_rate));
    }
    let seconds = f64::from(reader.duration()) / f64::from(spec.sample_rate);
    let duration = Duration::from_secs_f64(seconds);
    if duration.is_zero() {
        return Err(WaveError::Empty);
    }
    if duration > PROMPT_DURATION_MAX {
        return Err(WaveError::TooLong(duration));
    }
    limited(&resampled(mono(reader)?, spec.sample_rate))
}

/// The two chunks of a RIFF file that matter. Editors write others before and between them, some of
/// an odd length, over which `hound` stumbles.
struct Chunks<'a> {
    format: &'a [u8],
    data: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn find(bytes: &'a [u8]) -> Result<Self, WaveError> {
        if bytes.is_empty() {
            return Err(WaveError::Empty);
        }
        if !bytes.starts_with(b"RIFF") || bytes.get(8..12).is_some_and(|kind| kind != b"WAVE") {
            return Err(WaveError::NotWave);
        }
        let mut rest = bytes.get(12..).ok_or(WaveError::Cut)?;
        let mut format = None;
        loop {
            let (name, after) = rest.split_first_chunk::<4>().ok_or(WaveError::Cut)?;
            let (length, body) = after.split_first_chunk::<4>().ok_or(WaveError::Cut)?;
            let length = u32::from_le_bytes(*length) as usize;
            match (name, format) {
                (b"fmt ", _) => format = Some(body.get(..length).ok_or(WaveError::Cut)?),
                (b"data", Some(format)) => {
                    let data = body.get(..length).ok_or(WaveError::Cut)?;
                    return Ok(Self { format, data });
                }
                (b"data", None) => return Err(WaveError::Damaged("no format before the audio")),
                _ => {}
            }
            rest = body.get(length.next_multiple_of(2)..).ok_or(WaveError::Cut)?;
        }
    }

    /// The name of an encoding that is not PCM (mmreg.h).
    fn compression(&self) -> Option<&'static str> {
        match self.format.first_chunk().copied().map(u16::from_le_bytes)? {
            0x0001 | 0x0003 | 0xfffe => None, // integers, floats, and either in the longer form
            0x0002 => Some("ADPCM"),
            0x0006 => Some("A-law"),
            0x0007 => Some("µ-law"),
            0x0011 => Some("IMA ADPCM"),
            0x0031 => Some("GSM"),
            0x0055 => Some("MP3"),
            _ => Some("not PCM"),
        }
    }

    /// A file of these two.
    fn alone(&self) -> impl Read {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut head = b"RIFF\0\0\0\0WAVEfmt ".to_vec(); // nobody reads the whole's length
        head.extend(length(self.format));
        head.extend(self.format);
        head.extend(b"data");
        head.extend(length(self.data));
        Cursor::new(head).chain(self.data)
    }
}

/// All channels in one, from −1 to 1.
fn mono(reader: WavReader<impl Read>) -> Result<Vec<f32>, WaveError> {
    let spec = reader.spec();
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().collect(),
        SampleFormat::Int => {
            let scale = 2.0_f32.powi(1 - i32::from(spec.bits_per_sample));
            reader.into_samples::<i32>().map(|sample| Ok(sample? as f32 * scale)).collect()
        }
    };
    let samples = samples.map_err(unreadable)?;
    if !samples.iter().all(|sample| sample.is_finite()) {
        return Err(WaveError::Damaged("samples that are no numbers"));
    }
    let channels = usize::from(spec.channels);
    let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    Ok(samples.chunks_exact(channels).map(mix).collect())
}

fn unreadable(error: hound::Error) -> WaveError {
    match error {
        // Bytes in memory fail in one way only: they end.
        hound::Error::IoError(_) | hound::Error::UnfinishedSample => WaveError::Cut,
        hound::Error::FormatError(fault) => WaveError::Damaged(fault),
        hound::Error::Unsupported | hound::Error::TooWide | hound::Error::InvalidSampleFormat => {
            WaveError::Samples
        }
    }
}

/// To 8 kHz, without what would fold back from above 4 kHz.
fn resampled(samples: Vec<f32>, rate: u32) -> Vec<f32> {
    if rate == SAMPLES_PER_SECOND {
        return samples;
    }
    // Blocks of 50 ms: long enough for a filter that is steep at 4 kHz.
    let block = rate as usize / 20;
    let (from, to) = (rate as usize, SAMPLES_PER_SECOND as usize);
    let window = WindowFunction::BlackmanHarris2;
    let mut resampler = Fft::<f32>::new_custom(from, to, block, 1, 1, window, FixedSync::Both)
        .expect("two rates that are not zero");
    let input = InterleavedSlice::new(&samples, 1, samples.len())
        .expect("one channel of that many samples");
    let output = resampler
        .process_all(&input, samples.len(), None)
        .expect("a whole buffer in and one of its own making out");
    output.take_data()
}

fn limited(samples: &[f32]) -> Result<Vec<i16>, WaveError> {
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak < PEAK_MIN {
        return Err(WaveError::Silent);
    }
    let gain = (PEAK_MAX / peak).min(1.0) * f32::from(i16::MAX);
    Ok(samples.iter().map(|sample| (sample * gain).round() as i16).collect())
}

#[cfg(test)]
mod tests;
