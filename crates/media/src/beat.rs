//! The beat of all that plays on one thread: a frame every 20 ms, without drift.

use std::time::Duration;

use crate::time::Instant;

/// The time of one frame.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// Frames that are sent at once after a delay; more are put off.
const CATCH_UP_FRAMES_MAX: u32 = 5;

#[derive(Debug, Default)]
pub(crate) struct Beat {
    next_at: Instant,
}

impl Beat {
    /// The first frame is due now.
    pub(crate) fn start(&mut self, now: Instant) {
        self.next_at = now;
    }

    pub(crate) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Takes the frames that are due.
    pub(crate) fn take(&mut self, now: Instant) -> u32 {
        let mut frames = 0;
        while self.next_at <= now {
            if frames == CATCH_UP_FRAMES_MAX {
                self.next_at = now + FRAME;
                break;
            }
            frames += 1;
            self.next_at = self.next_at + FRAME;
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Beat {
        let mut beat = Beat::default();
        beat.start(Instant::from_micros(7));
        beat
    }

    #[test]
    fn an_hour_of_uneven_wake_ups_has_as_many_frames_as_an_even_one() {
        let mut beat = started();
        let (mut now, mut frames) = (7, 0);
        while now < 3_600_000_000 {
            frames += beat.take(Instant::from_micros(now));
            assert_eq!(beat.next_at(), Instant::from_micros(7 + u64::from(frames) * 20_000));
            now += [1_003, 19_999, 20_001, 53_113][frames as usize % 4];
        }
        frames += beat.take(Instant::from_micros(3_600_000_000));
        assert_eq!(frames, 50 * 3_600);
    }

    #[test]
    fn after_a_long_delay_few_frames_are_sent_at_once_and_the_rest_is_put_off() {
        let mut beat = started();
        let late = Instant::from_micros(10_000_000);
        assert_eq!(beat.take(late), CATCH_UP_FRAMES_MAX);
        assert_eq!(beat.take(late), 0);
        assert_eq!(beat.next_at(), late + FRAME);
    }
}
