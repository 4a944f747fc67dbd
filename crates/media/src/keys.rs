//! The keys that a leg presses, out of its RTP (RFC 4733).
//!
//! A press is one event: packets of one timestamp, the last of them (with the end bit) sent three times,
//! since any may be lost. It is taken with the first of these, once.

use crate::limits::{KEY_MIN, KEYS_UNTOLD_MAX};
use crate::packet::{self, Header};
use crate::time::Instant;

/// Copies of an end that come behind a later press are not older than this, in ticks of the usual 8 kHz;
/// what is older still is a sender that has set its clock anew.
const LATE_MAX: u32 = 16_000;

#[derive(Debug)]
pub(crate) struct Keys {
    /// One bit a payload type under which keys come.
    types: u128,
    /// Of the last press: SSRC and timestamp.
    last: Option<(u32, u32)>,
    untold: [char; KEYS_UNTOLD_MAX],
    untold_len: usize,
    /// When the presses so far would be over, each at its shortest.
    paced_until: Instant,
}

impl Keys {
    pub(crate) fn new(now: Instant, types: &[u8]) -> Keys {
        let untold = ['0'; KEYS_UNTOLD_MAX];
        Keys { types: mask(types), last: None, untold, untold_len: 0, paced_until: now }
    }

    /// What was pressed and not told is forgotten where nobody asks any more.
    pub(crate) fn set(&mut self, types: &[u8]) {
        self.types = mask(types);
        if self.types == 0 {
            self.untold_len = 0;
        }
    }

    /// An RTP packet of the leg.
    pub(crate) fn handle_packet(&mut self, now: Instant, header: Header, bytes: &[u8]) {
        if self.types & (1 << header.payload_type) == 0 {
            return;
        }
        let Some(&[event, flags, _, _]) = packet::payload(bytes).and_then(|it| it.first_chunk())
        else {
            return;
        };
        let is_end = flags & 0x80 != 0;
        let Some(key) = key(event).filter(|_| is_end && self.is_new(header)) else {
            return;
        };
        self.last = Some((header.ssrc, header.timestamp));
        // Faster than fingers or dialling machines: a flood, of which nobody needs more.
        let paced = self.paced_until.max(now);
        let burst = KEY_MIN * KEYS_UNTOLD_MAX as u32;
        if paced.saturating_duration_since(now) >= burst || self.untold_len == self.untold.len() {
            return;
        }
        self.paced_until = paced + KEY_MIN;
        self.untold[self.untold_len] = key;
        self.untold_len += 1;
    }

    /// The next press that was not told, oldest first.
    pub(crate) fn poll(&mut self) -> Option<char> {
        let key = *self.untold[..self.untold_len].first()?;
        self.untold.copy_within(1.., 0);
        self.untold_len -= 1;
        Some(key)
    }

    fn is_new(&self, header: Header) -> bool {
        self.last.is_none_or(|(ssrc, timestamp)| {
            ssrc != header.ssrc || timestamp.wrapping_sub(header.timestamp) > LATE_MAX
        })
    }
}

/// RFC 4733 §3.2, table 3.
fn key(event: u8) -> Option<char> {
    const KEYS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
    KEYS.get(usize::from(event)).copied()
}

fn mask(types: &[u8]) -> u128 {
    types.iter().filter(|&&number| number < 128).fold(0, |mask, number| mask | 1 << number)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::packet::{Packet, Port};

    const PRESS: Duration = Duration::from_millis(100);

    fn event(ssrc: u32, timestamp: u32, event: u8, is_end: bool) -> Vec<u8> {
        let mut bytes = vec![0x80, 101, 0, 1];
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend([event, if is_end { 0x8a } else { 0x0a }, 3, 32]);
        bytes
    }

    fn take(keys: &mut Keys, at: Duration, bytes: &[u8]) {
        let Some(Packet::Rtp(header)) = packet::read(Port::Rtp, bytes) else {
            panic!("no RTP: {bytes:?}");
        };
        keys.handle_packet(Instant::from_micros(0) + at, header, bytes);
    }

    fn told(keys: &mut Keys) -> String {
        std::iter::from_fn(|| keys.poll()).collect()
    }

    fn keys() -> Keys {
        Keys::new(Instant::from_micros(0), &[101])
    }

    #[test]
    fn a_press_is_told_once_with_the_first_of_its_three_ends() {
        let mut keys = keys();
        for is_end in [false, false] {
            take(&mut keys, PRESS, &event(7, 8_000, 1, is_end));
        }
        assert_eq!(told(&mut keys), "", "still held down");
        for _ in 0..3 {
            take(&mut keys, PRESS, &event(7, 8_000, 1, true));
        }
        take(&mut keys, PRESS * 2, &event(7, 9_600, 11, true));
        take(&mut keys, PRESS * 2, &event(7, 8_000, 1, true));
        assert_eq!(told(&mut keys), "1#", "a late copy is no press");
    }

    #[test]
    fn the_same_key_again_is_another_press_also_from_a_clock_that_was_set_anew() {
        let mut keys = keys();
        for (timestamp, at) in [(u32::MAX - 100, 1), (1_000, 2), (3_000_000_000, 3)] {
            take(&mut keys, PRESS * at, &event(7, timestamp, 5, true));
        }
        take(&mut keys, PRESS * 4, &event(8, 3_000_000_000, 5, true));
        assert_eq!(told(&mut keys), "5555");
    }

    #[test]
    fn what_is_no_key_or_comes_under_another_number_is_none() {
        let mut keys = keys();
        take(&mut keys, PRESS, &event(7, 1, 16, true));
        let mut voice = event(7, 2, 1, true);
        voice[1] = 8;
        take(&mut keys, PRESS, &voice);
        take(&mut keys, PRESS, &event(7, 3, 1, true)[..14]);
        assert_eq!(told(&mut keys), "");
        keys.set(&[]);
        take(&mut keys, PRESS, &event(7, 4, 1, true));
        assert_eq!(told(&mut keys), "", "nobody asks");
    }

    #[test]
    fn an_extension_of_the_header_hides_no_key() {
        let mut keys = keys();
        let mut bytes = event(7, 8_000, 1, true);
        bytes[0] |= 0x10;
        bytes.splice(12..12, [0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        take(&mut keys, PRESS, &bytes);
        assert_eq!(told(&mut keys), "1");
    }

    #[test]
    fn a_flood_of_presses_is_told_at_the_pace_of_a_dialling_machine() {
        let mut keys = keys();
        let mut count = 0;
        for press in 0..10_000 {
            let at = Duration::from_micros(100) * press;
            take(&mut keys, at, &event(7, press * 20_000, 1, true));
            count += told(&mut keys).len();
        }
        assert!((25..=34).contains(&count), "a second of it: {count}");
    }
}
