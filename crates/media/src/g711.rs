//! ITU-T G.711: linear samples to A-law and µ-law.

/// The smallest positive value of each law: silence.
pub(crate) const SILENCE_PCMA: u8 = 0xd5;
pub(crate) const SILENCE_PCMU: u8 = 0xff;

/// A-law.
pub(crate) fn pcma(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80, sample) } else { (0, !sample) };
    let magnitude = magnitude >> 4; // 11 bits
    let segment = (16 - (magnitude >> 4).leading_zeros()) as u8; // 0 for the two linear segments
    let mantissa = match segment {
        0 | 1 => magnitude & 0x0f,
        _ => (magnitude >> (segment - 1)) & 0x0f,
    };
    (sign | (segment << 4) | mantissa as u8) ^ 0x55
}

/// µ-law.
pub(crate) fn pcmu(sample: i16) -> u8 {
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

    /// The value of a code in 16-bit steps, by the decoders' tables (G.711, tables 1a to 2b).
    fn pcma_to_linear(code: u8) -> i32 {
        let code = code ^ 0x55;
        let (segment, mantissa) = (i32::from(code >> 4 & 7), i32::from(code & 0x0f));
        let magnitude = match segment {
            0 => mantissa * 16 + 8,
            _ => (mantissa * 16 + 264) << (segment - 1),
        };
        if code & 0x80 != 0 { magnitude } else { -magnitude }
    }

    fn pcmu_to_linear(code: u8) -> i32 {
        let code = !code;
        let (segment, mantissa) = (i32::from(code >> 4 & 7), i32::from(code & 0x0f));
        let magnitude = ((mantissa * 8 + 0x84) << segment) - 0x84;
        if code & 0x80 != 0 { -magnitude } else { magnitude }
    }

    #[test]
    fn known_samples_have_the_codes_of_the_standard() {
        let alaw = [(0, 0xd5), (-1, 0x55), (32_767, 0xaa), (-32_768, 0x2a), (1_000, 0xfa)];
        for (sample, expected) in alaw {
            assert_eq!(pcma(sample), expected, "A-law of {sample}");
        }
        for (sample, expected) in [(0, 0xff), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xce)] {
            assert_eq!(pcmu(sample), expected, "µ-law of {sample}");
        }
    }

    #[test]
    fn every_code_that_is_decoded_is_encoded_to_itself() {
        for code in 0..=u8::MAX {
            let sample = pcma_to_linear(code) as i16;
            assert_eq!(pcma(sample), code, "A-law, {sample}");
            let sample = pcmu_to_linear(code) as i16;
            // µ-law has two codes for nought; the encoder knows the positive one.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(pcmu(sample), expected, "µ-law, {sample}");
        }
    }

    #[test]
    fn every_sample_comes_back_within_half_a_step_of_its_segment() {
        for sample in i16::MIN..=i16::MAX {
            let linear = i32::from(sample);
            // A step is a 16th of the segment, hence at most a 16th of the sample, or the smallest.
            let half_a_step = (linear.abs() / 32).max(8) + 1;
            let error = (pcma_to_linear(pcma(sample)) - linear).abs();
            assert!(error <= half_a_step, "A-law of {sample} is {error} off");
            let is_clipped = linear.abs() > 32_635;
            let half_a_step = ((linear.abs() + 0x84) / 32).max(4) + 1;
            let error = (pcmu_to_linear(pcmu(sample)) - linear).abs();
            assert!(error <= half_a_step || is_clipped, "µ-law of {sample} is {error} off");
        }
    }
}
