//! Reading the configuration again while calls are up.
//!
//! The whole of it is loaded and checked as at the start. Whatever is wrong, or cannot change in a
//! running process, refuses it whole: the engine hears of a new configuration only when all of it
//! holds. SIGHUP and the control socket come here.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::{self, Loaded, Mistakes};
use crate::inbox::{Ended, Inbox, Item};
use crate::limits::ASK_TIMEOUT;
use crate::notify::notify;

/// What was loaded last, and from where. One reload at a time.
pub(crate) struct Reloader {
    path: PathBuf,
    inbox: Inbox,
    clock: Clock,
    loaded: Mutex<Loaded>,
    counters: Arc<Reloads>,
}

/// Since the start.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    done: AtomicU64,
    refused: AtomicU64,
    /// Milliseconds since 1970; 0: never.
    last_done_ms: AtomicI64,
    last_refused_ms: AtomicI64,
}

#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ReloadStatus {
    pub done: u64,
    pub refused: u64,
    /// Civil time, in milliseconds since 1970.
    pub last_done_ms: Option<i64>,
    pub last_refused_ms: Option<i64>,
}

/// Why the running configuration stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("{0}")]
    Wrong(Mistakes),
    #[error(
        "needs a restart, so nothing is changed:\n  {}\nrestart monoligne, or undo these and reload",
        .0.join("\n  ")
    )]
    NeedsRestart(Vec<String>),
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// A line each.
struct Reloaded {
    changes: Vec<String>,
    /// What was ended with them, or has no effect any more.
    ended: Vec<String>,
}

/// What is hardly meant so, and held all the same.
pub(crate) fn log_warnings(loaded: &Loaded) {
    for warning in &loaded.warnings {
        warn!("configuration: {warning}");
    }
}

impl Reloader {
    pub(crate) fn new(loaded: Loaded, inbox: Inbox, clock: Clock, counters: Arc<Reloads>) -> Self {
        Self { path: loaded.path.clone(), inbox, clock, loaded: Mutex::new(loaded), counters }
    }

    /// What changed and what ended with it, a line each. It holds when this returns; files are read meanwhile, so do not call
    /// it where tasks run.
    pub(crate) fn reload(&self) -> Result<Vec<String>, ReloadError> {
        // A panic while it was held left the last good value: it is replaced as a whole.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        notify("RELOADING=1");
        let result = self.replace(&mut loaded);
        notify("READY=1");
        self.counters.count(result.is_ok(), self.clock.read().epoch_ms(self.clock.now()));
        match &result {
            Ok(Reloaded { changes, .. }) if changes.is_empty() => {
                info!("configuration read again: nothing changed");
            }
            Ok(Reloaded { changes, .. }) => {
                for change in changes {
                    info!(%change, "configuration changed");
                }
            }
            Err(ReloadError::Wrong(mistakes)) => {
                for mistake in mistakes.iter() {
                    warn!("configuration refused: {mistake}");
                }
                warn!("the running configuration stays");
            }
            Err(refused) => warn!("configuration refused: {refused}"),
        }
        let Reloaded { mut changes, ended } = result?;
        for what in &ended {
            warn!(what, "the new configuration has consequences");
        }
        log_warnings(&loaded);
        changes.extend(ended);
        Ok(changes)
    }

    fn replace(&self, loaded: &mut Loaded) -> Result<Reloaded, ReloadError> {
        let next =
            config::load_again(&self.path, loaded.ids.clone()).map_err(ReloadError::Wrong)?;
        let fixed = config::needing_restart(loaded, &next);
        if !fixed.is_empty() {
            return Err(ReloadError::NeedsRestart(fixed));
        }
        let changes = config::changes(loaded, &next);
        let (reply, answer) = sync_channel(1);
        self.inbox.send(Item::Configure {
            config: Arc::new(next.engine.clone()),
            prompts: next.settings.prompts.clone(),
            reply,
        })?;
        // It is on its way, and will hold even if the engine does not answer in time.
        *loaded = next;
        let ended = answer.recv_timeout(ASK_TIMEOUT).map_err(|_| Ended)?;
        Ok(Reloaded { changes, ended })
    }

    /// Of the configuration that holds.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).settings.drain_timeout
    }

    /// Likewise: whether its files are watched. `None`: one is being read, ask again.
    pub(crate) fn watches(&self) -> Option<bool> {
        let loaded = match self.loaded.try_lock() {
            Ok(loaded) => loaded,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(loaded.settings.watch)
    }
}

impl Reloads {
    fn count(&self, is_done: bool, at_ms: i64) {
        let (counter, last) = match is_done {
            true => (&self.done, &self.last_done_ms),
            false => (&self.refused, &self.last_refused_ms),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        last.store(at_ms, Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> ReloadStatus {
        let time = |at: &AtomicI64| Some(at.load(Ordering::Relaxed)).filter(|at| *at != 0);
        ReloadStatus {
            done: self.done.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            last_done_ms: time(&self.last_done_ms),
            last_refused_ms: time(&self.last_refused_ms),
        }
    }
}
