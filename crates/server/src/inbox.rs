//! The driver's bounded inbox: everything that reaches the engine goes through it.
//!
//! Whoever has several things to say says them together, and the driver takes many at once: on a busy
//! system waking a thread costs more than what it then does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::control::{Audited, Order};
use crate::limits::{ASK_TIMEOUT, INBOX_MAX, ROOM_RETRY};
use crate::prompts::Prompts;
use crate::records::Orderer;
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
    /// What an operator wants, by the user id of his connection; the answer is a sentence either way.
    Order { uid: u32, order: Order, reply: SyncSender<Result<String, String>> },
    /// The scheduler as it is, for who wants to try something with it.
    Copy { reply: SyncSender<FloorCopy> },
    /// A configuration that was checked, with the audio of its prompts.
    /// The answer is what it ended or left without effect, a line each, once it holds.
    Configure { config: Arc<call::Config>, prompts: Prompts, reply: SyncSender<Vec<String>> },
    /// For the records: what somebody had done that is no matter of the engine's.
    Audit { by: Orderer, order: Audited, is_done: bool },
    /// Drain: refuse new calls, end when the last is over or after this time, then hang up. Given
    /// again, it may only shorten the time.
    Stop { drain: Duration },
}

impl Item {
    /// When the edge had it; orders of ours count from when they are taken.
    pub(crate) fn arrived_at(&self) -> Option<sip::Instant> {
        match self {
            Self::Input { at, .. } => Some(*at),
            Self::MediaReady
            | Self::Idle(_)
            | Self::Status { .. }
            | Self::Order { .. }
            | Self::Copy { .. }
            | Self::Configure { .. }
            | Self::Audit { .. }
            | Self::Stop { .. } => None,
        }
    }
}

/// The engine's time, which never goes back, while senders on several threads stamp what they say.
#[derive(Default)]
pub(crate) struct Moments {
    last: sip::Instant,
}

impl Moments {
    /// When something happens to the engine that was stamped `at` and is taken `now`.
    pub(crate) fn of(&mut self, at: sip::Instant, now: sip::Instant) -> sip::Instant {
        self.last = at.min(now).max(self.last);
        self.last
    }
}

/// The scheduler between two inputs, and what it was set up by.
pub(crate) struct FloorCopy {
    pub(crate) config: Arc<call::Config>,
    pub(crate) scheduler: Box<acd::Scheduler>,
    pub(crate) now: acd::Instant,
}

/// The sending end.
#[derive(Clone)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

/// The driver's end. With it the inbox ends.
pub(crate) struct Outlet {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// For the driver: there is something.
    has_items: Condvar,
    /// For whoever waits to say something: there is room, or nobody listens any more.
    has_room: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    is_ended: bool,
    /// Senders that wait for room.
    waiting: usize,
}

/// The driver is gone, or does not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the engine has ended or does not answer")]
pub struct Ended;

pub(crate) fn inbox() -> (Inbox, Outlet) {
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        has_items: Condvar::new(),
        has_room: Condvar::new(),
        dropped: AtomicU64::new(0),
    });
    (Inbox { shared: Arc::clone(&shared) }, Outlet { shared })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that can panic is done with it.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inbox {
    /// For what the network sends: what finds no room is dropped and counted. `false`: the driver is
    /// gone. Nothing is left in `items`.
    pub(crate) fn offer(&self, items: &mut Vec<Item>) -> bool {
        let mut queue = self.shared.lock();
        if queue.is_ended {
            items.clear();
            return false;
        }
        let room = INBOX_MAX.saturating_sub(queue.items.len()).min(items.len());
        queue.items.extend(items.drain(..room));
        drop(queue);
        self.shared.has_items.notify_one();
        self.shared.dropped.fetch_add(items.len() as u64, Ordering::Relaxed);
        items.clear();
        true
    }

    /// `Err` gives back what found no room.
    fn try_send(&self, item: Item) -> Result<(), TrySendError> {
        let mut queue = self.shared.lock();
        if queue.is_ended {
            return Err(TrySendError::Ended);
        }
        if queue.items.len() >= INBOX_MAX {
            return Err(TrySendError::Full(Box::new(item)));
        }
        queue.items.push_back(item);
        drop(queue);
        self.shared.has_items.notify_one();
        Ok(())
    }

    /// The relay has events. A full inbox keeps the driver awake, and it looks each batch. `false`: the
    /// driver is gone.
    pub(crate) fn media_ready(&self) -> bool {
        !matches!(self.try_send(Item::MediaReady), Err(TrySendError::Ended))
    }

    /// For what nobody sends again: waits for room without keeping a thread.
    pub(crate) async fn deliver(&self, at: sip::Instant, input: call::Input) -> Result<(), Ended> {
        let mut item = Item::Input { at, input };
        loop {
            item = match self.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(item)) => *item,
                Err(TrySendError::Ended) => return Err(Ended),
            };
            tokio::time::sleep(ROOM_RETRY).await;
        }
    }

    /// A full inbox is asked again when the connection has been idle for as long once more.
    pub(crate) fn ask_if_used(&self, connection: sip::Flow) {
        let _full_or_ended = self.try_send(Item::Idle(connection));
    }

    /// For our own orders: waits for room.
    pub(crate) fn send(&self, item: Item) -> Result<(), Ended> {
        let mut queue = self.shared.lock();
        while !queue.is_ended && queue.items.len() >= INBOX_MAX {
            queue.waiting += 1;
            let woken = self.shared.has_room.wait(queue);
            queue = woken.unwrap_or_else(std::sync::PoisonError::into_inner);
            queue.waiting -= 1;
        }
        if queue.is_ended {
            return Err(Ended);
        }
        queue.items.push_back(item);
        drop(queue);
        self.shared.has_items.notify_one();
        Ok(())
    }

    pub(crate) fn ask_status(&self, numbers: bool) -> Result<Status, Ended> {
        self.ask(|reply| Item::Status { numbers, reply })
    }

    pub(crate) fn order(&self, uid: u32, order: Order) -> Result<Result<String, String>, Ended> {
        self.ask(|reply| Item::Order { uid, order, reply })
    }

    pub(crate) fn ask_copy(&self) -> Result<FloorCopy, Ended> {
        self.ask(|reply| Item::Copy { reply })
    }

    fn ask<T>(&self, item: impl FnOnce(SyncSender<T>) -> Item) -> Result<T, Ended> {
        let (reply, answer) = sync_channel(1);
        self.send(item(reply))?;
        answer.recv_timeout(ASK_TIMEOUT).map_err(|_| Ended)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

enum TrySendError {
    Full(Box<Item>),
    Ended,
}

impl Outlet {
    /// Waits until there is something or the time is over, then takes at most so many, in order.
    pub(crate) fn take(&self, at_most: usize, timeout: Duration, into: &mut VecDeque<Item>) {
        let mut queue = self.shared.lock();
        if queue.items.is_empty() && !timeout.is_zero() {
            let is_empty = |queue: &mut Queue| queue.items.is_empty();
            let woken = self.shared.has_items.wait_timeout_while(queue, timeout, is_empty);
            queue = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        let count = queue.items.len().min(at_most);
        if into.is_empty() && count == queue.items.len() {
            std::mem::swap(&mut queue.items, into);
        } else {
            into.extend(queue.items.drain(..count));
        }
        let has_waiting = queue.waiting > 0;
        drop(queue);
        if has_waiting {
            self.shared.has_room.notify_all();
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_ended = true;
        // Whoever waits for an answer shall not wait longer.
        let items = std::mem::take(&mut queue.items);
        drop(queue);
        drop(items);
        self.shared.has_room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(outlet: &Outlet, at_most: usize) -> usize {
        let mut items = VecDeque::new();
        outlet.take(at_most, Duration::ZERO, &mut items);
        items.len()
    }

    #[test]
    fn what_is_taken_late_happens_when_it_came_and_never_before_what_was_taken_already() {
        let at = sip::Instant::from_micros;
        let mut moments = Moments::default();
        assert_eq!(moments.of(at(50), at(90)), at(50));
        assert_eq!(moments.of(at(40), at(90)), at(50), "another thread stamped it earlier");
        assert_eq!(moments.of(at(95), at(90)), at(90), "no clock of a sender is ahead");
        assert_eq!(moments.of(at(60), at(99)), at(90));
    }

    #[test]
    fn a_full_inbox_drops_and_counts() {
        let (inbox, outlet) = inbox();
        let mut items: Vec<Item> = (0..INBOX_MAX + 3).map(|_| Item::MediaReady).collect();
        assert!(inbox.offer(&mut items));
        assert_eq!((inbox.dropped(), items.len()), (3, 0));
        assert_eq!(take(&outlet, 10), 10);
        assert_eq!(take(&outlet, INBOX_MAX), INBOX_MAX - 10);
        drop(outlet);
        assert!(!inbox.offer(&mut vec![Item::MediaReady]), "an ended engine is told");
        assert!(!inbox.media_ready());
    }

    #[test]
    fn our_own_orders_wait_for_room_and_hear_of_the_end() {
        let (inbox, outlet) = inbox();
        let full = |inbox: &Inbox| {
            inbox.offer(&mut (0..INBOX_MAX).map(|_| Item::MediaReady).collect());
            let inbox = inbox.clone();
            std::thread::spawn(move || inbox.send(Item::MediaReady))
        };
        let waits = full(&inbox);
        while inbox.shared.lock().waiting == 0 {
            std::thread::yield_now();
        }
        assert_eq!(take(&outlet, 1), 1);
        assert!(waits.join().unwrap().is_ok());
        let waits = full(&inbox);
        while inbox.shared.lock().waiting == 0 {
            std::thread::yield_now();
        }
        drop(outlet);
        assert!(waits.join().unwrap().is_err());
    }

    #[test]
    fn the_driver_is_woken_by_what_comes() {
        let (inbox, outlet) = inbox();
        let sender = std::thread::spawn(move || inbox.send(Item::MediaReady));
        let mut items = VecDeque::new();
        outlet.take(5, Duration::from_secs(60), &mut items);
        assert_eq!(items.len(), 1);
        assert!(sender.join().unwrap().is_ok());
    }
}
