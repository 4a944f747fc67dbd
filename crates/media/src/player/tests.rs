use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn play(what: Playing) -> Play {
    Play { what, payload_type: 8, codec: ToneCodec::Pcma }
}

/// A prompt whose frames are told apart by their samples.
fn prompt(number: u32, frames: usize, repeat: bool) -> Play {
    let samples: Vec<i16> = (0..frames).flat_map(|frame| [marked(frame); FRAME_SAMPLES]).collect();
    play(Playing::Prompt { prompt: number, audio: Arc::new(Audio::new(&samples)), repeat })
}

/// Each is the middle of an A-law step of its own.
fn marked(frame: usize) -> i16 {
    1_032 + 64 * frame as i16
}

/// Sends frames, one each 20 ms from `now`, as long as something plays.
struct Line {
    player: Player,
    tones: Tones,
    now: u64,
}

impl Line {
    fn new(random: u64) -> Line {
        Line { player: Player::new(at(0), random), tones: Tones::new(), now: 0 }
    }

    fn set(&mut self, play: Option<&Play>) {
        self.player.set(at(self.now), play, &self.tones);
    }

    fn frame(&mut self) -> Option<Frame> {
        let mut bytes = [0; FRAME_BYTES];
        let is_sent = self.player.next_frame(at(self.now), &mut bytes);
        self.now += 20;
        is_sent.then(|| Frame::read(&bytes))
    }

    fn frames(&mut self, count: usize) -> Vec<Frame> {
        (0..count).map_while(|_| self.frame()).collect()
    }
}

#[derive(Debug, PartialEq)]
struct Frame {
    is_marked: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    first: u8,
}

impl Frame {
    fn read(bytes: &[u8]) -> Frame {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        Frame {
            is_marked: bytes[1] & 0x80 != 0,
            payload_type: bytes[1] & 0x7f,
            sequence: word(0) as u16,
            timestamp: word(4),
            ssrc: word(8),
            first: bytes[12],
        }
    }
}

fn firsts(frames: &[Frame]) -> Vec<u8> {
    frames.iter().map(|frame| frame.first).collect()
}

fn code(frame: usize) -> u8 {
    crate::g711::pcma(marked(frame))
}

const SILENCE: u8 = crate::g711::SILENCE_PCMA;

#[test]
fn a_prompt_is_sent_whole_with_a_short_silence_after_it_and_told_once() {
    let mut line = Line::new(7);
    line.set(Some(&prompt(3, 4, false)));
    let frames = line.frames(100);
    assert_eq!(firsts(&frames[..4]), [code(0), code(1), code(2), code(3)]);
    assert_eq!(firsts(&frames[4..]), [SILENCE; TAIL_FRAMES]);
    assert!(line.player.has_news() && !line.player.is_playing());
    line.player.told();
    assert!(!line.player.has_news());
    assert_eq!(line.frame(), None);
}

#[test]
fn a_prompt_that_repeats_has_no_gap_and_no_end() {
    let mut line = Line::new(7);
    line.set(Some(&prompt(3, 3, true)));
    let frames = line.frames(1_000);
    let expected: Vec<u8> = (0..1_000).map(|number| code(number % 3)).collect();
    assert_eq!(firsts(&frames), expected);
    assert!(line.player.is_playing());
}

#[test]
fn the_same_order_again_goes_on_and_begins_nothing_that_has_ended() {
    let mut line = Line::new(7);
    line.set(Some(&prompt(3, 4, false)));
    assert_eq!(firsts(&line.frames(2)), [code(0), code(1)]);
    // Loaded again meanwhile: it is still the same prompt, and what plays goes on.
    line.set(Some(&prompt(3, 9, false)));
    assert_eq!(firsts(&line.frames(2)), [code(2), code(3)]);
    assert_eq!(line.frames(100).len(), TAIL_FRAMES);
    line.player.told();
    line.set(Some(&prompt(3, 4, false)));
    assert_eq!(line.frame(), None);
    assert!(!line.player.has_news());
    // Nothing between two orders means: from the beginning.
    line.set(None);
    line.set(Some(&prompt(3, 4, false)));
    assert_eq!(firsts(&line.frames(1)), [code(0)]);
}

#[test]
fn another_order_cuts_at_once_and_what_was_cut_is_not_told() {
    let mut line = Line::new(7);
    line.set(Some(&prompt(3, 4, false)));
    line.frames(2);
    line.set(Some(&prompt(5, 4, true)));
    assert_eq!(firsts(&line.frames(1)), [code(0)]);
    line.set(None);
    assert_eq!(line.frame(), None);
    assert!(!line.player.has_news());
}

#[test]
fn another_codec_goes_on_where_the_first_was() {
    let mut line = Line::new(7);
    line.set(Some(&prompt(3, 4, false)));
    line.frames(2);
    let payload = Play { payload_type: 0, codec: ToneCodec::Pcmu, ..prompt(3, 4, false) };
    line.set(Some(&payload));
    let frame = line.frame().unwrap();
    assert_eq!((frame.payload_type, frame.first), (0, crate::g711::pcmu(marked(2))));
}

#[test]
fn one_stream_goes_on_over_pauses_and_changes_and_marks_what_begins() {
    let mut line = Line::new(0x1_ffff_0000_0001);
    line.set(Some(&play(Playing::RingTone)));
    let ring = line.frames(2);
    line.set(None);
    line.now += 1_000;
    line.set(Some(&prompt(3, 2, false)));
    let prompt = line.frames(2 + TAIL_FRAMES);
    line.set(Some(&play(Playing::Confirmed)));
    let beeps = line.frames(2);

    let all: Vec<Frame> = [ring, prompt, beeps].into_iter().flatten().collect();
    for (number, frame) in all.iter().enumerate() {
        assert_eq!(frame.ssrc, all[0].ssrc);
        assert_eq!(frame.sequence, all[0].sequence.wrapping_add(number as u16), "over its wrap");
        assert_eq!(frame.is_marked, [0, 2, 14].contains(&number), "frame {number}");
    }
    let steps: Vec<u32> =
        all.windows(2).map(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp)).collect();
    let mut expected = vec![160; 15];
    expected[1] += 8_000; // the second of the pause
    assert_eq!(steps, expected);
}
