//! One TCP connection: its frames to the inbox, its queue to the peer, and every way it ends.
//!
//! ```text
//!   Open ──broken frame, end of their stream──▶ Leaving ──LINGER──▶ ended
//!     └──reset, slow, stalled, let go of by the table──────────────▶ ended
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf as _, Bytes};
use call::Input;
use sip::{Flow, MalformedReason, Message};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::trace;

use super::{Line, Shared, prepare};
use crate::limits::{LINGER, STALLED_MAX, STREAM_READ_BYTES};
use crate::transport::framing::{Decoder, Frame};

pub(super) struct Connection {
    shared: Arc<Shared>,
    flow: Flow,
    stream: TcpStream,
    line: Arc<Line>,
    queue: mpsc::Receiver<Bytes>,
    decoder: Decoder,
    /// What is left of the message that is being written.
    unsent: Bytes,
    times: Times,
    stage: Stage,
    /// The engine has heard something on it.
    has_spoken: bool,
}

/// Who opened it.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(super) enum Side {
    Theirs,
    Ours,
}

#[derive(Copy, Clone, Eq, PartialEq)]
enum Stage {
    Open,
    /// Nothing of theirs is taken in any longer; what we still have to say may go out until then.
    Leaving {
        until: Instant,
        /// Their stream has not ended: it is read and thrown away, since closing with something unread
        /// resets the connection, and our last word with it.
        discards: bool,
    },
}

struct Times {
    /// A first message is owed by then.
    first: Option<Instant>,
    /// The message that is coming in has to be whole by then.
    whole: Option<Instant>,
    /// What we are writing has to go on by then.
    written: Option<Instant>,
    /// Then the engine is asked whether it still needs the connection.
    idle: Instant,
}

/// Why it ends.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum End {
    /// By the peer, the network, or because all is said.
    Over,
    /// The table has let go of it, and has counted why.
    LetGo,
    /// A message that did not come in time.
    Slow,
    /// The peer does not read.
    Stalled,
    /// What comes is no SIP.
    Garbage,
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        flow: Flow,
        stream: TcpStream,
        line: Arc<Line>,
        queue: mpsc::Receiver<Bytes>,
        side: Side,
    ) -> Self {
        let now = Instant::now();
        let settings = &shared.settings;
        let times = Times {
            first: (side == Side::Theirs).then(|| now + settings.message_within),
            whole: None,
            written: None,
            idle: now + settings.idle,
        };
        Self {
            shared,
            flow,
            stream,
            line,
            queue,
            decoder: Decoder::default(),
            unsent: Bytes::new(),
            times,
            stage: Stage::Open,
            has_spoken: side == Side::Ours,
        }
    }

    pub(super) async fn run(mut self) {
        if let Err(error) = prepare(&self.stream) {
            trace!(%error, remote = %self.flow.remote, "the connection's options");
        }
        let end = match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        trace!(remote = %self.flow.remote, ?end, "the connection has ended");
        let counts = &self.shared.traffic.connections;
        let counter: Option<&AtomicU64> = match end {
            End::Over | End::LetGo => None,
            End::Slow => Some(&counts.slow),
            End::Stalled => Some(&counts.overflowed),
            End::Garbage => Some(&counts.broken),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let Self { shared, flow, stream, line, has_spoken, .. } = self;
        drop(stream);
        shared.ended(&flow, &line, has_spoken).await;
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            let interest = self.interest();
            let deadline = self.deadline();
            tokio::select! {
                () = self.line.close.notified() => return Err(End::LetGo),
                () = sleep_until(deadline) => self.expire(Instant::now())?,
                bytes = self.queue.recv(), if self.unsent.is_empty() => {
                    self.unsent = bytes.ok_or(End::LetGo)?;
                    self.write()?;
                }
                ready = self.stream.ready(interest.unwrap_or(Interest::READABLE)),
                    if interest.is_some() =>
                {
                    let ready = ready.map_err(|_| End::Over)?;
                    if ready.is_writable() {
                        self.write()?;
                    }
                    if ready.is_readable() {
                        self.read().await?;
                    }
                }
            }
        }
    }

    fn interest(&self) -> Option<Interest> {
        let reads = matches!(self.stage, Stage::Open | Stage::Leaving { discards: true, .. });
        match (reads, self.unsent.is_empty()) {
            (true, true) => Some(Interest::READABLE),
            (true, false) => Some(Interest::READABLE | Interest::WRITABLE),
            (false, false) => Some(Interest::WRITABLE),
            (false, true) => None,
        }
    }

    fn deadline(&self) -> Instant {
        let Times { first, whole, written, idle } = self.times;
        let end = match self.stage {
            Stage::Open => idle,
            Stage::Leaving { until, .. } => until,
        };
        [first, whole, written].into_iter().flatten().fold(end, Instant::min)
    }

    fn expire(&mut self, now: Instant) -> Result<(), End> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.times.first) || is_due(self.times.whole) {
            return Err(End::Slow);
        }
        if is_due(self.times.written) {
            return Err(End::Stalled);
        }
        match self.stage {
            Stage::Leaving { until, .. } if until <= now => return Err(End::Over),
            Stage::Leaving { .. } => {}
            Stage::Open if self.times.idle <= now => {
                self.times.idle = now + self.shared.settings.idle;
                self.shared.inbox.ask_if_used(self.flow);
            }
            Stage::Open => {}
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), End> {
        let (count, is_end) = match self.fill() {
            Ok(0) => (0, true),
            Ok(count) => (count, false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(_) => return Err(End::Over),
        };
        if is_end {
            self.leave(false);
            return Ok(());
        }
        if matches!(self.stage, Stage::Leaving { .. }) {
            return Ok(());
        }
        trace!(remote = %self.flow.remote, count, "read");
        while let Some(frame) = self.decoder.next() {
            self.times.whole = None;
            self.take(frame).await?;
        }
        let is_waited_for = self.decoder.is_within_message();
        let within = self.shared.settings.message_within;
        let at = self.times.whole.unwrap_or_else(|| Instant::now() + within);
        self.times.whole = is_waited_for.then_some(at);
        Ok(())
    }

    /// One piece, so that no peer keeps the thread.
    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; STREAM_READ_BYTES];
        let count = self.stream.try_read(&mut piece)?;
        if self.stage == Stage::Open {
            self.decoder.push(&piece[..count]);
        }
        Ok(count)
    }

    async fn take(&mut self, frame: Frame) -> Result<(), End> {
        let traffic = Arc::clone(&self.shared.traffic);
        let flow = self.flow;
        let input = match frame {
            Frame::Ping => {
                traffic.keep_alives.fetch_add(1, Ordering::Relaxed);
                // With a queue that is full there is more to say than that we are there.
                let _full = self.line.send(Bytes::from_static(b"\r\n"));
                return Ok(());
            }
            Frame::Broken(malformed) => {
                traffic.connections.broken.fetch_add(1, Ordering::Relaxed);
                self.leave(true);
                Input::Malformed { flow, malformed }
            }
            Frame::Message(bytes) => match Message::read(bytes) {
                Ok(message) => Input::Message { flow, message },
                Err(malformed) if malformed.reason == MalformedReason::NotSip => {
                    return Err(End::Garbage);
                }
                Err(malformed) => Input::Malformed { flow, malformed },
            },
        };
        traffic.received.fetch_add(1, Ordering::Relaxed);
        if let Input::Malformed { malformed, .. } = &input {
            traffic.malformed.fetch_add(1, Ordering::Relaxed);
            trace!(reason = %malformed.reason, remote = %flow.remote, "malformed");
        }
        self.times.first = None;
        self.times.idle = Instant::now() + self.shared.settings.idle;
        self.has_spoken = true;
        // A full inbox is waited for: nobody sends this again. Meanwhile the peer's stream fills up.
        let delivered = self.shared.inbox.deliver(self.shared.clock.now(), input).await;
        delivered.map_err(|_| End::Over)
    }

    fn leave(&mut self, discards: bool) {
        let until = match self.stage {
            Stage::Open => Instant::now() + LINGER,
            Stage::Leaving { until, .. } => until,
        };
        self.stage = Stage::Leaving { until, discards };
        (self.times.first, self.times.whole) = (None, None);
    }

    /// Writes as much as the system takes.
    fn write(&mut self) -> Result<(), End> {
        loop {
            if self.unsent.is_empty() {
                self.times.written = None;
                match self.queue.try_recv() {
                    Ok(next) => self.unsent = next,
                    Err(_) => return Ok(()),
                }
            }
            match self.stream.try_write(&self.unsent) {
                Ok(count) => {
                    self.unsent.advance(count);
                    self.times.written = None;
                    if self.unsent.is_empty() {
                        self.shared.traffic.sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let at = self.times.written.unwrap_or_else(|| Instant::now() + STALLED_MAX);
                    self.times.written = Some(at);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Over),
            }
        }
    }
}
