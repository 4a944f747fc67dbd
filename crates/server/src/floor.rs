//! The floor: trunks, callers and phones that speak SIP and RTP over real sockets.
//!
//! What `demo`, the load bench and the tests share. It is the world outside the server: operators
//! that place calls, secretaries' softphones that register and answer. It knows nothing of the
//! server but its address, and checks it from the outside: a phone that is rung while it is busy,
//! or a voice in the wrong ear, is a [`Violation`].
//!
//! One socket and one [`sip::Endpoint`] a *line*: a trunk, or a group of phones (each has its own
//! address-of-record). Thousands of parties live on a few lines, in one [`Floor`] that one task
//! drives: [`Floor::step`] waits for and handles what comes, [`Floor::poll_happening`] tells it.
//! Voices are tones ([`Tone`]): whoever hears something can say who spoke.

mod line;
mod party;
mod phones;
mod ready;
mod timers;
mod tone;
mod trunk;
mod verdict;
mod voice;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use sip::Instant;

pub use party::{
    CallEnd, CallPlan, CallRef, Happening, Manner, PhoneCall, PhoneEnd, PhoneRef, PhoneSetup,
    PhoneState, PhonesSetup, PlacedCall, Reaction, Sound, TrunkSetup, Violation,
};
pub use tone::{Ear, Heard, Hearing, Second, Tone, alaw_decode, alaw_encode};
pub use verdict::{Conversation, Pairing};

use line::Line;
use ready::Ready;

/// How often every voice sends a packet.
const PACKET_TIME: Duration = Duration::from_millis(20);
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// All lines of one task. Made and driven within a tokio runtime.
pub struct Floor {
    lines: Vec<Line>,
    seed: u64,
    clock: Clock,
    /// Which lines have something to read; there once there is a line.
    ready: Option<Ready>,
    /// When each line wants to be looked at, the first one first.
    due: BTreeSet<(Instant, u16)>,
    due_at: Vec<Option<Instant>>,
    next_packets: Instant,
    happenings: VecDeque<Happening>,
    buffer: Box<[u8]>,
}

impl Floor {
    /// The seed makes tags, branches and Call-IDs; floors of one process take different ones.
    pub fn new(seed: u64) -> Self {
        Self {
            lines: Vec::new(),
            seed,
            clock: Clock { origin: tokio::time::Instant::now() },
            ready: None,
            due: BTreeSet::new(),
            due_at: Vec::new(),
            next_packets: Instant::ZERO,
            happenings: VecDeque::new(),
            buffer: vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice(),
        }
    }

    /// Time since the floor began, as in all its [`Happening`]s.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A group of phones behind one socket of this address. They do not register by themselves:
    /// see [`Floor::register`].
    pub fn add_phones(&mut self, bind: IpAddr, setup: PhonesSetup) -> io::Result<Vec<PhoneRef>> {
        let (line, seed) = self.next_line();
        let phones = (0u32..).take(setup.phones.len()).map(|index| PhoneRef { line, index });
        let phones = phones.collect();
        self.add(Line::phones(line, seed, bind, setup)?)?;
        Ok(phones)
    }

    /// A trunk on a socket of this address. Gives the line to [`Floor::place`] calls on.
    pub fn add_trunk(&mut self, bind: IpAddr, setup: TrunkSetup) -> io::Result<u16> {
        let (line, seed) = self.next_line();
        self.add(Line::trunk(line, seed, bind, setup)?)?;
        Ok(line)
    }

    fn add(&mut self, line: Line) -> io::Result<()> {
        let ready = match &mut self.ready {
            Some(ready) => ready,
            none => none.insert(Ready::new()?),
        };
        ready.add(line.socket(), self.lines.len())?;
        self.lines.push(line);
        self.due_at.push(None);
        Ok(())
    }

    fn next_line(&self) -> (u16, [u8; 32]) {
        let line = u16::try_from(self.lines.len()).expect("a floor has a few lines");
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..10].copy_from_slice(&line.to_le_bytes());
        (line, seed)
    }

    /// Where a line's SIP socket is bound.
    pub fn address(&self, line: u16) -> std::net::SocketAddr {
        self.lines[usize::from(line)].address()
    }

    /// Registers a phone, and keeps it registered until [`Floor::unregister`].
    pub fn register(&mut self, phone: PhoneRef) {
        let now = self.now();
        self.lines[usize::from(phone.line)].with_phones(|phones| phones.register(now, phone.index));
        self.settle(phone.line);
    }

    pub fn unregister(&mut self, phone: PhoneRef) {
        let now = self.now();
        self.lines[usize::from(phone.line)]
            .with_phones(|phones| phones.unregister(now, phone.index));
        self.settle(phone.line);
    }

    /// Cuts a line's power: its parties neither speak nor hear, and forget everything. Calls end
    /// as [`PhoneEnd::Cut`] or [`CallEnd::Failed`], without a word to the server.
    pub fn cut(&mut self, line: u16) {
        let now = self.now();
        self.lines[usize::from(line)].cut(now);
        self.settle(line);
    }

    /// Gives the power back. Phones are to be registered anew.
    pub fn mend(&mut self, line: u16) {
        self.lines[usize::from(line)].mend();
    }

    /// Her call ends as if she pressed the button.
    pub fn hang_up_phone(&mut self, phone: PhoneRef) {
        let now = self.now();
        self.lines[usize::from(phone.line)].with_phones(|phones| phones.hang_up(now, phone.index));
        self.settle(phone.line);
    }

    /// Places a call. Its end comes as [`Happening::CallEnded`], always.
    pub fn place(&mut self, trunk: u16, plan: CallPlan) -> CallRef {
        let now = self.now();
        let call = self.lines[usize::from(trunk)].with_trunk(|trunk| trunk.place(now, plan));
        self.settle(trunk);
        call
    }

    /// The caller hangs up, at whatever stage (CANCEL or BYE).
    pub fn hang_up(&mut self, call: CallRef) {
        let now = self.now();
        self.lines[usize::from(call.line)].with_trunk(|trunk| trunk.hang_up(now, call.index));
        self.settle(call.line);
    }

    /// Every caller hangs up.
    pub fn hang_up_all(&mut self) {
        let (now, mut touched) = (self.now(), Vec::new());
        for (line, number) in self.lines.iter_mut().zip(0..) {
            line.hang_up_all(now);
            touched.push(number);
        }
        for line in touched {
            self.settle(line);
        }
    }

    pub fn phone_state(&self, phone: PhoneRef) -> PhoneState {
        self.lines[usize::from(phone.line)].phone_state(phone.index)
    }

    /// Calls that were placed and have not ended.
    pub fn live_calls(&self) -> usize {
        self.lines.iter().map(Line::live_calls).sum()
    }

    /// Phones that are registered, as far as they know.
    pub fn registered(&self) -> usize {
        self.lines.iter().map(Line::registered).sum()
    }

    /// The endpoints' tables, by line.
    pub fn endpoint_counts(&self) -> Vec<sip::Counts> {
        self.lines.iter().map(Line::endpoint_counts).collect()
    }

    /// Datagrams that the sockets did not take, lost as a network loses them.
    pub fn unsent(&self) -> u64 {
        self.lines.iter().map(|line| line.unsent).sum()
    }

    pub fn poll_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    /// Waits until something comes or is due, handles it, and returns. Cancel-safe.
    pub async fn step(&mut self) {
        let wake = self.wake_at();
        match &mut self.ready {
            Some(ready) => tokio::select! {
                () = ready.wait() => {}
                () = tokio::time::sleep_until(wake) => {}
            },
            None => tokio::time::sleep_until(wake).await,
        }
        self.handle_all();
    }

    /// Steps for this long.
    pub async fn run_for(&mut self, duration: Duration) {
        let until = self.now() + duration;
        while self.now() < until {
            let left = until.saturating_duration_since(self.now());
            let _elapsed = tokio::time::timeout(left, self.step()).await;
        }
    }

    /// Steps until `done`, at most this long. Tells whether it got done.
    pub async fn run_until(
        &mut self,
        at_most: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let until = self.now() + at_most;
        loop {
            if done(self) {
                return true;
            }
            let left = until.saturating_duration_since(self.now());
            if left.is_zero() {
                return false;
            }
            let _elapsed = tokio::time::timeout(left, self.step()).await;
        }
    }

    fn wake_at(&self) -> tokio::time::Instant {
        let lines = self.due.first().map(|(at, _)| *at);
        let voices = self.lines.iter().any(Line::has_voices).then_some(self.next_packets);
        let wake = match (lines, voices) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b).unwrap_or_else(|| self.now() + Duration::from_secs(1)),
        };
        self.clock.origin + wake.saturating_duration_since(Instant::ZERO)
    }

    /// What came, then what is due.
    fn handle_all(&mut self) {
        let ready = self.ready.as_mut().map(Ready::take).unwrap_or_default();
        for number in ready {
            let Some(line) = self.lines.get_mut(usize::from(number)) else { continue };
            line.handle_readable(self.clock, &mut self.buffer);
            self.settle(number);
        }
        let now = self.now();
        while let Some((_, number)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.lines[usize::from(number)].handle_timeout(now);
            self.settle(number);
        }
        if now >= self.next_packets {
            self.next_packets = now.max(self.next_packets + PACKET_TIME);
            if self.next_packets == now {
                self.next_packets += PACKET_TIME;
            }
            for line in &mut self.lines {
                line.handle_voices(now);
            }
        }
    }

    /// Says what a line has to say, and looks when it wants to be looked at again.
    fn settle(&mut self, number: u16) {
        let line = &mut self.lines[usize::from(number)];
        line.flush();
        line.take_happenings(&mut self.happenings);
        let (next, before) = (line.poll_timeout(), &mut self.due_at[usize::from(number)]);
        if *before != next {
            if let Some(before) = *before {
                self.due.remove(&(before, number));
            }
            if let Some(next) = next {
                self.due.insert((next, number));
            }
            *before = next;
        }
    }
}

/// Time since a floor began.
#[derive(Copy, Clone)]
struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    fn now(self) -> Instant {
        let elapsed = self.origin.elapsed().as_micros();
        Instant::from_micros(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
