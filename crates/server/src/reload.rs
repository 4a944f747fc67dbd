//! Reading the configuration again while calls are up.
//!
//! The whole of it is loaded and checked as at the start. Whatever is wrong, or cannot change in a
//! running process, refuses it whole: the engine hears of a new configuration only when all of it
//! holds. SIGHUP, the watching of files and the control socket come here, one at a time; a file system
//! that hangs keeps waiting only who reads it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::{self, Digits, Loaded, Mistakes};
use crate::control::Audited;
use crate::inbox::{Ended, Inbox, Item};
use crate::limits::{ASK_TIMEOUT, RELOAD_TURN};
use crate::notify::notify;
use crate::records::Orderer;

/// What was loaded last, and from where. One reload at a time.
pub(crate) struct Reloader {
    path: PathBuf,
    inbox: Inbox,
    clock: Clock,
    turn: Turn,
    /// Held for a moment, never while files are read.
    loaded: Mutex<Arc<Loaded>>,
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
    #[error(
        "another reload is still reading the files, so nothing is done: see whether their disk answers, \
         and try again"
    )]
    UnderWay,
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Whose turn it is to read.
#[derive(Debug, Default)]
struct Turn {
    is_taken: Mutex<bool>,
    is_free: Condvar,
}

/// Until it is dropped nobody else has his turn.
struct Taken<'t>(&'t Turn);

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
        let (path, turn) = (loaded.path.clone(), Turn::default());
        let loaded = Mutex::new(Arc::new(loaded));
        Self { path, inbox, clock, turn, loaded, counters }
    }

    /// What changed and what ended with it, a line each. It holds when this returns; files are read
    /// meanwhile, and another reload is waited for, so do not call it where tasks run.
    pub(crate) fn reload(&self) -> Result<Vec<String>, ReloadError> {
        self.reload_within(None)
    }

    /// The same, with who wanted it in the records. An operator is told when another reload takes long.
    pub(crate) fn reload_by(&self, by: Orderer) -> Result<Vec<String>, ReloadError> {
        let patience = match by {
            Orderer::Peer(_) => Some(RELOAD_TURN),
            // What changed meanwhile must not be forgotten.
            Orderer::Hangup | Orderer::Watch => None,
        };
        let reloaded = self.reload_within(patience);
        let (order, is_done) = (Audited::reload(), reloaded.is_ok());
        // An engine that has ended has nobody to tell either.
        let _ended = self.inbox.send(Item::Audit { by, order, is_done });
        reloaded
    }

    fn reload_within(&self, patience: Option<Duration>) -> Result<Vec<String>, ReloadError> {
        let _turn = self.turn.take(patience).ok_or(ReloadError::UnderWay)?;
        notify("RELOADING=1");
        let result = self.replace();
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
        log_warnings(&self.loaded());
        changes.extend(ended);
        Ok(changes)
    }

    /// In its turn: nobody else replaces what is loaded meanwhile.
    fn replace(&self) -> Result<Reloaded, ReloadError> {
        let loaded = self.loaded();
        let next =
            config::load_again(&self.path, loaded.ids.clone()).map_err(ReloadError::Wrong)?;
        // They go to the log too.
        let changes = config::changes(&loaded, &next, Digits::Last);
        let fixed = config::needing_restart(&changes);
        if !fixed.is_empty() {
            return Err(ReloadError::NeedsRestart(fixed));
        }
        let changes = changes.into_iter().map(|change| change.what).collect();
        let (reply, answer) = sync_channel(1);
        self.inbox.send(Item::Configure {
            config: Arc::new(next.engine.clone()),
            prompts: next.settings.prompts.clone(),
            reply,
        })?;
        // It is on its way, and will hold even if the engine does not answer in time.
        *self.lock() = Arc::new(next);
        let ended = answer.recv_timeout(ASK_TIMEOUT).map_err(|_| Ended)?;
        Ok(Reloaded { changes, ended })
    }

    /// Of the configuration that holds.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.loaded().settings.drain_timeout
    }

    /// Likewise: whether its files are watched.
    pub(crate) fn watches(&self) -> bool {
        self.loaded().settings.watch
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Loaded>> {
        // Nothing that can panic is done with it.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// `None`: others had it for all of this time. Without a patience it waits for as long as that takes.
    fn take(&self, patience: Option<Duration>) -> Option<Taken<'_>> {
        let is_taken = self.lock();
        let others_have_it = |is_taken: &mut bool| *is_taken;
        let mut is_taken = match patience {
            Some(patience) => {
                let woken = self.is_free.wait_timeout_while(is_taken, patience, others_have_it);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let woken = self.is_free.wait_while(is_taken, others_have_it);
                woken.unwrap_or_else(PoisonError::into_inner)
            }
        };
        // Not made where it is refused: dropping it would end the turn of whoever has it.
        (!std::mem::replace(&mut *is_taken, true)).then(|| Taken(self))
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.lock() = false;
        self.0.is_free.notify_one();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_turn_others_wait_and_who_has_no_more_patience_is_told() {
        let turn = Turn::default();
        let first = turn.take(None).unwrap();
        assert!(turn.take(Some(Duration::ZERO)).is_none());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| turn.take(None).is_some());
            let waits_for_long = scope.spawn(|| turn.take(Some(Duration::from_secs(60))).is_some());
            drop(first);
            assert!(waits.join().unwrap() && waits_for_long.join().unwrap());
        });
        assert!(turn.take(Some(Duration::ZERO)).is_some(), "each gave it back");
    }
}
