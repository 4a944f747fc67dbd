//! The driver's bounded inbox: everything that reaches the engine goes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::control::AgentOrder;
use crate::limits::{ASK_TIMEOUT, INBOX_MAX, ROOM_RETRY};
use crate::prompts::Prompts;
use crate::status::Status;

#[expect(clippy::large_enum_variant, reason = "nearly all are inputs: a box each would cost more")]
pub(crate) enum Item {
    /// For the engine; `at` is when the edge had it.
    Input { at: sip::Instant, input: call::Input },
    /// The relay has events: the driver looks each batch, this only wakes it.
    MediaReady,
    /// Nothing came on this connection for long: unless the engine needs it, it is to be closed.
    Idle(sip::Flow),
    /// Telephone numbers are shown whole only where somebody asked for it.
    Status { numbers: bool, reply: SyncSender<Status> },
    /// What an operator wants of one secretary; the answer is a sentence either way.
    Order { user: String, order: AgentOrder, reply: SyncSender<Result<String, String>> },
    /// A configuration that was checked, with the audio of its prompts.
    Configure { config: Arc<call::Config>, prompts: Prompts },
    /// Drain: refuse new calls, end when the last is over or after this time, then hang up. Given
    /// again, it may only shorten the time.
    Stop { drain: Duration },
}

/// The sending end. Clones share the counter.
#[derive(Clone)]
pub(crate) struct Inbox {
    sender: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

/// The driver is gone, or does not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the engine has ended or does not answer")]
pub struct Ended;

pub(crate) fn inbox() -> (Inbox, Receiver<Item>) {
    let (sender, receiver) = sync_channel(INBOX_MAX);
    (Inbox { sender, dropped: Arc::new(AtomicU64::new(0)) }, receiver)
}

impl Inbox {
    /// For what the network sends: a full inbox drops it, and it is counted. `false`: the driver is
    /// gone.
    pub(crate) fn offer(&self, item: Item) -> bool {
        match self.sender.try_send(item) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// For what nobody sends again: waits for room without keeping a thread.
    pub(crate) async fn deliver(&self, at: sip::Instant, input: call::Input) -> Result<(), Ended> {
        let mut item = Item::Input { at, input };
        loop {
            item = match self.sender.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(item)) => item,
                Err(TrySendError::Disconnected(_)) => return Err(Ended),
            };
            tokio::time::sleep(ROOM_RETRY).await;
        }
    }

    /// A full inbox is asked again when the connection has been idle for as long once more.
    pub(crate) fn ask_if_used(&self, connection: sip::Flow) {
        let _full_or_ended = self.sender.try_send(Item::Idle(connection));
    }

    /// For our own orders: waits for room.
    pub(crate) fn send(&self, item: Item) -> Result<(), Ended> {
        self.sender.send(item).map_err(|_| Ended)
    }

    pub(crate) fn ask_status(&self, numbers: bool) -> Result<Status, Ended> {
        self.ask(|reply| Item::Status { numbers, reply })
    }

    pub(crate) fn order(
        &self,
        user: String,
        order: AgentOrder,
    ) -> Result<Result<String, String>, Ended> {
        self.ask(|reply| Item::Order { user, order, reply })
    }

    fn ask<T>(&self, item: impl FnOnce(SyncSender<T>) -> Item) -> Result<T, Ended> {
        let (reply, answer) = sync_channel(1);
        self.send(item(reply))?;
        answer.recv_timeout(ASK_TIMEOUT).map_err(|_| Ended)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
