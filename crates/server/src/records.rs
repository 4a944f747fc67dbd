//! What lasts of calls: one row a call, one an offer and one a forwarding, in SQLite. Beside them what
//! lasts of secretaries and practices, and who ordered what.
//!
//! `Records` is the driver's end and never waits; one `Writer` thread owns the file and writes
//! one transaction a batch. While the disk fails it keeps what comes in memory and tries again;
//! what does not fit any more is counted as lost. [`Reader`] is for tests, `demo` and tools: the
//! file is SQLite in WAL mode and may be read at any time.

mod orders;
mod overrides;
mod reader;
mod schema;
mod standing;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;

use call::CallRecord;
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::clock::Reading;
use crate::names::Names;

pub use orders::OrderRow;
pub(crate) use orders::{KeptOrder, Orderer};
pub(crate) use overrides::{KeptOverride, Unclaimed};
pub use reader::{CallRow, ForwardRow, OfferRow, Reader};
pub use schema::OpenError;
pub(crate) use standing::Kept;

/// What is to be written.
#[derive(Clone)]
pub(crate) enum Entry {
    Call(CallEntry),
    /// In place of what was kept of the user before.
    Standing(Kept),
    /// In place of what was kept of the practice before.
    Override(KeptOverride),
    Order(KeptOrder),
}

/// A record, and what turns its instants and ids into civil time and names.
#[derive(Clone)]
pub(crate) struct CallEntry {
    pub(crate) record: Box<CallRecord>,
    pub(crate) reading: Reading,
    pub(crate) names: Arc<Names>,
}

/// The file, opened and looked through.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    pub(crate) records: Records,
    /// Of this life: larger than any before on this file.
    pub(crate) epoch: u32,
    /// What the lives before knew of those who register.
    pub(crate) kept: Vec<Kept>,
    /// What practices said against their hours and leave, and never took back.
    pub(crate) overrides: Vec<KeptOverride>,
}

/// The driver's end.
pub(crate) struct Records {
    sender: SyncSender<Entry>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    held: AtomicU64,
    lost: AtomicU64,
    failing: AtomicU64,
    /// No more will come: who has no room to look for it must know.
    is_ending: AtomicBool,
}

#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct RecordsStatus {
    pub written: u64,
    /// In memory because the disk fails.
    pub held: u64,
    /// Neither the disk nor the memory had room.
    pub lost: u64,
    /// The last try failed.
    pub is_failing: bool,
}

/// The thread that owns the file.
pub(crate) struct Writer {
    thread: JoinHandle<()>,
    counters: Arc<Counters>,
    /// Nobody else writes it meanwhile: two would overwrite what the other remembers.
    _lock: std::fs::File,
}

impl Records {
    /// Never waits. A record that nobody can take is lost, counted and logged.
    pub(crate) fn keep(&self, entry: Entry) {
        match self.sender.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) => {
                self.lose(&entry);
            }
        }
    }

    fn lose(&self, entry: &Entry) {
        match entry {
            Entry::Call(entry) => {
                let lost = self.counters.lost.fetch_add(1, Ordering::Relaxed) + 1;
                let call = entry.record.call;
                error!(%call, lost, "record lost: the disk fails and the memory is full");
            }
            // The next change tells all of it again.
            Entry::Standing(kept) => warn!(user = kept.user, "not remembered: the disk fails"),
            Entry::Override(kept) => {
                warn!(practice = kept.practice(), "override not remembered: the disk fails");
            }
            Entry::Order(kept) => {
                let (by, whom, what) = (kept.by, &kept.order.whom, &kept.order.what);
                error!(%by, whom, what, "an order is not recorded: the disk fails");
            }
        }
    }

    pub(crate) fn status(&self) -> RecordsStatus {
        self.counters.status()
    }
}

impl Counters {
    fn status(&self) -> RecordsStatus {
        RecordsStatus {
            written: self.written.load(Ordering::Relaxed),
            held: self.held.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            is_failing: self.failing.load(Ordering::Relaxed) != 0,
        }
    }
}

impl Writer {
    /// Opens the file (its folder too) and starts the thread.
    pub(crate) fn start(path: &Path, at: Reading) -> Result<Opened, OpenError> {
        let lock = schema::lock(path)?;
        let (connection, epoch) = schema::open(path, at)?;
        let kept = standing::read(&connection)?;
        let overrides = overrides::read(&connection)?;
        let counters = Arc::new(Counters::default());
        let (sender, entries) = std::sync::mpsc::sync_channel(crate::limits::RECORDS_QUEUE_MAX);
        let state = writer::State::new(connection, entries, Arc::clone(&counters));
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(|| state.run())
            .map_err(OpenError::Thread)?;
        let records = Records { sender, counters: Arc::clone(&counters) };
        let writer = Self { thread, counters, _lock: lock };
        Ok(Opened { writer, records, epoch, kept, overrides })
    }

    /// Waits until everything is written or given up. The driver's end must be gone.
    pub(crate) fn finish(self) -> RecordsStatus {
        self.counters.is_ending.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            error!("the records' thread has panicked");
        }
        self.counters.status()
    }
}

#[cfg(test)]
mod tests;
