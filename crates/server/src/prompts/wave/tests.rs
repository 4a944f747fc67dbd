use std::f64::consts::TAU;

use super::*;

/// What a test's file is: every field may be wrong.
#[derive(Clone, Copy)]
struct Wave {
    tag: u16,
    channels: u16,
    rate: u32,
    bits: u16,
    is_extensible: bool,
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;

impl Wave {
    fn pcm(bits: u16, rate: u32) -> Wave {
        Wave { tag: PCM, channels: 1, rate, bits, is_extensible: false }
    }

    /// The file with these samples, from −1 to 1, on every channel.
    fn of(self, samples: &[f64]) -> Vec<u8> {
        let mut data = Vec::new();
        for sample in samples {
            for _ in 0..self.channels {
                let scaled =
                    |bits: u32| (sample * (2.0_f64.powi(bits as i32 - 1) - 1.0)).round() as i32;
                match (self.tag, self.bits) {
                    (FLOAT, _) => data.extend((*sample as f32).to_le_bytes()),
                    (_, 8) => data.push((scaled(8) + 128) as u8), // 8 bits are unsigned
                    (_, bits) => {
                        let bytes = scaled(bits.into()).to_le_bytes();
                        data.extend(&bytes[..usize::from(bits / 8)]);
                    }
                }
            }
        }
        self.around(&data)
    }

    fn around(self, data: &[u8]) -> Vec<u8> {
        let block = self.channels * (self.bits / 8).max(1);
        let mut format = Vec::new();
        format.extend((if self.is_extensible { 0xfffe } else { self.tag }).to_le_bytes());
        format.extend(self.channels.to_le_bytes());
        format.extend(self.rate.to_le_bytes());
        format.extend((self.rate * u32::from(block)).to_le_bytes());
        format.extend(block.to_le_bytes());
        format.extend(self.bits.to_le_bytes());
        if self.is_extensible {
            format.extend(22_u16.to_le_bytes());
            format.extend(self.bits.to_le_bytes());
            format.extend(4_u32.to_le_bytes()); // front centre
            format.extend(self.tag.to_le_bytes());
            format.extend(*b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
        }
        // A chunk of an odd length before the data, as editors write them.
        let chunks = [chunk(b"LIST", b"INFOx"), chunk(b"fmt ", &format), chunk(b"data", data)];
        let body = [&b"WAVE"[..], &chunks.concat()].concat();
        chunk(b"RIFF", &body)
    }
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let padding = &[0][..body.len() % 2];
    [&name[..], &(body.len() as u32).to_le_bytes(), body, padding].concat()
}

fn tone(frequency: f64, amplitude: f64, rate: u32, seconds: f64) -> Vec<f64> {
    let step = TAU * frequency / f64::from(rate);
    let count = (f64::from(rate) * seconds).round() as usize;
    (0..count).map(|number| amplitude * (step * number as f64).sin()).collect()
}

/// The amplitude of one frequency, away from both ends.
fn amplitude(samples: &[i16], frequency: f64) -> f64 {
    let middle = &samples[800..samples.len() - 800];
    let (mut one, mut two) = (0.0, 0.0);
    let step = 2.0 * (TAU * frequency / 8_000.0).cos();
    for &sample in middle {
        (one, two) = (f64::from(sample) + step * one - two, one);
    }
    let power = one * one + two * two - step * one * two;
    power.sqrt() * 2.0 / middle.len() as f64 / 32_767.0
}

#[test]
fn every_depth_rate_and_channel_count_gives_the_same_second_of_tone() {
    let mut waves = Vec::new();
    for bits in [8, 16, 24, 32] {
        waves.push(Wave::pcm(bits, 8_000));
        waves.push(Wave { channels: 2, ..Wave::pcm(bits, 44_100) });
        waves.push(Wave { is_extensible: true, ..Wave::pcm(bits, 48_000) });
    }
    for rate in [8_000, 8_001, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
        waves.push(Wave::pcm(16, rate));
        let float = Wave { tag: FLOAT, bits: 32, ..Wave::pcm(16, rate) };
        waves.push(float);
        waves.push(Wave { is_extensible: true, channels: 2, ..float });
    }
    for wave in waves {
        let Wave { tag, channels, rate, bits, .. } = wave;
        let shown = format!("kind {tag}, {bits} bits, {channels} channels, {rate} Hz");
        let samples = read(&wave.of(&tone(1_000.0, 0.5, rate, 1.0))).expect(&shown);
        assert_eq!(samples.len(), 8_000, "{shown}");
        let heard = amplitude(&samples, 1_000.0);
        assert!((0.49..0.51).contains(&heard), "{shown}: {heard}");
    }
}

#[test]
fn voice_passes_and_what_g711_cannot_carry_does_not_fold_back() {
    for rate in [11_025, 22_050, 44_100, 48_000] {
        let voice = tone(3_300.0, 0.3, rate, 1.0);
        let hiss = tone(5_200.0, 0.3, rate, 1.0);
        let both: Vec<f64> = voice.iter().zip(hiss).map(|(voice, hiss)| voice + hiss).collect();
        let samples = read(&Wave::pcm(16, rate).of(&both)).unwrap();
        let (heard, folded) = (amplitude(&samples, 3_300.0), amplitude(&samples, 2_800.0));
        assert!((0.28..0.31).contains(&heard), "{rate} Hz: {heard}");
        assert!(folded < 0.001, "{rate} Hz: {folded}");
    }
}

#[test]
fn a_loud_file_is_scaled_down_as_a_whole_and_a_soft_one_is_left_alone() {
    for (written, expected) in [(1.0, 0.707), (0.9, 0.707), (0.5, 0.5), (0.05, 0.05)] {
        let samples = read(&Wave::pcm(16, 8_000).of(&tone(400.0, written, 8_000, 1.0))).unwrap();
        let peak = samples.iter().map(|sample| f64::from(sample.abs())).fold(0.0, f64::max);
        assert!((peak / 32_767.0 - expected).abs() < 0.002, "{written}: {peak}");
    }
    let two = Wave { channels: 2, ..Wave::pcm(16, 8_000) };
    let samples = read(&two.of(&tone(400.0, 0.7, 8_000, 1.0))).unwrap();
    assert!((0.69..0.71).contains(&amplitude(&samples, 400.0)), "two channels are not a sum");
}

#[test]
fn what_cannot_be_played_is_told_with_a_reason_and_a_remedy() {
    let good = Wave::pcm(16, 8_000).of(&tone(400.0, 0.5, 8_000, 1.0));
    let compressed = |tag, bits| Wave { tag, ..Wave::pcm(bits, 8_000) }.around(&[0; 64]);
    let mut piped = good.clone();
    let length_at = piped.windows(4).position(|name| name == b"data").unwrap() + 4;
    piped[length_at..length_at + 4].copy_from_slice(&[0xff; 4]);
    let cases = [
        (vec![], "empty", "remove the file"),
        (b"ID3\x04\0\0\0\0\0\0\0\0".to_vec(), "not a WAV", "sox"),
        (b"OggS".to_vec(), "not a WAV", "sox"),
        (b"RIFF".to_vec(), "before its audio", "export it again"),
        (b"RIFF\x04\0\0\0AVI ".to_vec(), "not a WAV", "sox"),
        (compressed(2, 4), "compressed (ADPCM)", "export it as PCM"),
        (compressed(6, 8), "compressed (A-law)", "export it as PCM"),
        (compressed(7, 8), "compressed (µ-law)", "export it as PCM"),
        (compressed(0x31, 0), "compressed (GSM)", "export it as PCM"),
        (compressed(0x55, 0), "compressed (MP3)", "export it as PCM"),
        (compressed(0x1234, 16), "compressed (not PCM)", "export it as PCM"),
        (Wave { channels: 6, ..Wave::pcm(16, 48_000) }.around(&[0; 120]), "6 channels", "-c 1"),
        (Wave::pcm(16, 4_000).around(&[1; 64]), "4000 samples a second", "export"),
        (Wave::pcm(16, 384_000).around(&[1; 64]), "384000 samples a second", "export"),
        (Wave::pcm(64, 8_000).around(&[1; 64]), "neither of 8", "export it as PCM"),
        (Wave::pcm(12, 8_000).around(&[1; 64]), "damaged", "export it again"),
        (Wave::pcm(16, 8_000).around(&[]), "empty", "remove the file"),
        (Wave::pcm(16, 8_000).around(&[0; 3_200]), "silent", "record it again"),
        (Wave::pcm(8, 8_000).around(&vec![200; 8_000 * 301]), "too long: 301 s", "shorten"),
        (good[..good.len() / 2].to_vec(), "before its audio", "export it again"),
        (piped, "before its audio", "to a file"),
        (
            Wave { tag: FLOAT, ..Wave::pcm(32, 8_000) }.around(&f32::NAN.to_le_bytes().repeat(9)),
            "no numbers",
            "export it again",
        ),
    ];
    for (bytes, reason, remedy) in cases {
        let error = read(&bytes).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}, not {reason}");
        assert!(error.remedy().contains(remedy), "{}, not {remedy}", error.remedy());
    }
}

#[test]
fn no_bytes_panic() {
    let good = Wave { channels: 2, is_extensible: true, ..Wave::pcm(24, 11_025) }
        .of(&tone(400.0, 0.5, 11_025, 0.01));
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut readable = 0;
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() % 90;
            bytes[at] = next() as u8;
        }
        bytes.truncate(if next() % 4 == 0 { next() % good.len() } else { good.len() });
        readable += usize::from(read(&bytes).is_ok());
    }
    assert!(readable > 100, "{readable}");
}
