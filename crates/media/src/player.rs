//! What is played to one leg, as RTP.
//!
//! A player has its own SSRC over all that it plays; when a peer's packets follow on the same leg the
//! receiver sees another synchronisation source, as RFC 3550 §8 provides for. Sequence numbers go on
//! over pauses, timestamps advance with them (RFC 3550 §5.1).
//!
//! ```text
//!   idle ──an order to play──▶ playing ──its last frame──▶ ended
//!     ▲                        │     ▲                       │
//!     └────── none ────────────┘     └──── another order ────┘   (the same one changes nothing)
//! ```

use std::sync::Arc;

use rtp_rs::{RtpPacketBuilder, Seq};

use crate::audio::{Audio, FRAME_SAMPLES};
use crate::beat::FRAME;
use crate::order::{Play, Playing, ToneCodec};
use crate::time::Instant;
use crate::tone::Tones;

/// Header and samples of one packet.
pub(crate) const FRAME_BYTES: usize = 12 + FRAME_SAMPLES;
/// Silence after what has an end: who hangs up then cuts no word that waits in a jitter buffer.
const TAIL_FRAMES: usize = 10;

#[derive(Debug)]
pub(crate) struct Player {
    ssrc: u32,
    sequence: Seq,
    timestamp: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle { since: Instant },
    Playing(Track),
    Ended { what: Playing, since: Instant, is_told: bool },
}

#[derive(Debug)]
struct Track {
    what: Playing,
    audio: Arc<Audio>,
    payload_type: u8,
    codec: ToneCodec,
    /// The number of the next frame.
    frame: usize,
    is_first: bool,
}

impl Player {
    /// `random` makes SSRC, sequence and timestamp hard to guess (RFC 3550 §5.1).
    pub(crate) fn new(now: Instant, random: u64) -> Player {
        Player {
            ssrc: random as u32,
            sequence: Seq::from((random >> 32) as u16),
            timestamp: (random >> 16) as u32,
            state: State::Idle { since: now },
        }
    }

    /// Begins, goes on or stops, as the leg wants.
    pub(crate) fn set(&mut self, now: Instant, play: Option<&Play>, tones: &Tones) {
        match (&mut self.state, play) {
            (State::Playing(track), Some(play)) if track.what.is_same(&play.what) => {
                (track.payload_type, track.codec) = (play.payload_type, play.codec);
            }
            (State::Ended { what, .. }, Some(play)) if what.is_same(&play.what) => {}
            (_, Some(play)) => self.begin(now, play, tones),
            (State::Playing(_), None) => self.state = State::Idle { since: now },
            (&mut State::Ended { since, .. }, None) => self.state = State::Idle { since },
            (State::Idle { .. }, None) => {}
        }
    }

    pub(crate) fn is_playing(&self) -> bool {
        matches!(self.state, State::Playing(_))
    }

    /// Writes the next packet. `false`: nothing plays.
    pub(crate) fn next_frame(&mut self, now: Instant, target: &mut [u8; FRAME_BYTES]) -> bool {
        let State::Playing(track) = &mut self.state else {
            return false;
        };
        RtpPacketBuilder::new()
            .payload_type(track.payload_type)
            .marked(std::mem::take(&mut track.is_first))
            .sequence(self.sequence)
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(track.audio.frame(track.codec, track.frame))
            .build_into(target)
            .expect("a header and a frame fit, and the order's payload type was checked");
        self.sequence = self.sequence.next();
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        track.frame += 1;
        if track.what.is_endless() {
            track.frame %= track.audio.frames();
        } else if track.frame == track.audio.frames() + TAIL_FRAMES {
            let what = track.what.clone();
            self.state = State::Ended { what, since: now + FRAME, is_told: false };
        }
        true
    }

    /// Whether the end of what was played is to be told.
    pub(crate) fn has_news(&self) -> bool {
        matches!(self.state, State::Ended { is_told: false, .. })
    }

    /// The news has been told.
    pub(crate) fn told(&mut self) {
        if let State::Ended { is_told, .. } = &mut self.state {
            *is_told = true;
        }
    }

    fn begin(&mut self, now: Instant, play: &Play, tones: &Tones) {
        if let State::Idle { since } | State::Ended { since, .. } = self.state {
            let pause = now.saturating_duration_since(since).as_micros() / 125;
            self.timestamp = self.timestamp.wrapping_add(pause as u32);
        }
        let audio = match &play.what {
            Playing::RingTone => &tones.ring,
            Playing::Confirmed => &tones.confirmed,
            Playing::Refused => &tones.refused,
            Playing::Prompt { audio, .. } => audio,
        };
        self.state = State::Playing(Track {
            what: play.what.clone(),
            audio: Arc::clone(audio),
            payload_type: play.payload_type,
            codec: play.codec,
            frame: 0,
            is_first: true,
        });
    }
}

#[cfg(test)]
mod tests;
