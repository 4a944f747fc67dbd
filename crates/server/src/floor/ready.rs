//! Which of thousands of sockets have something to read, awaited as one.

use std::io;
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use tokio::io::unix::AsyncFd;

/// Sockets that are looked at before time is.
const READY_MAX: usize = 256;

pub(super) struct Ready {
    set: AsyncFd<OwnedFd>,
    /// More may be ready than were taken.
    has_more: bool,
}

impl Ready {
    /// To be made within a tokio runtime.
    #[expect(
        unsafe_code,
        reason = "tokio has no safe way to await a descriptor of another's making"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        // SAFETY: the descriptor is owned, stays in the `AsyncFd` until that is dropped, and nothing
        // replaces or closes it before.
        let set = unsafe { AsyncFd::register(set) }.map_err(|error| error.into_parts().1)?;
        Ok(Self { set, has_more: false })
    }

    pub(super) fn add(&self, socket: &UdpSocket, number: usize) -> io::Result<()> {
        let data = EventData::new_u64(number as u64);
        Ok(epoll::add(self.set.get_ref(), socket, data, EventFlags::IN)?)
    }

    /// Until one is ready.
    pub(super) async fn wait(&mut self) {
        if self.has_more {
            return tokio::task::yield_now().await;
        }
        if let Ok(mut ready) = self.set.readable().await {
            // It is told once: from here on all of them are to be taken.
            ready.clear_ready();
            self.has_more = true;
        }
    }

    /// Those that are ready.
    pub(super) fn take(&mut self) -> Vec<u16> {
        let mut events = [MaybeUninit::<Event>::uninit(); READY_MAX];
        let at_once = Some(&Timespec { tv_sec: 0, tv_nsec: 0 });
        let Ok((events, _)) = epoll::wait(self.set.get_ref(), &mut events, at_once) else {
            return Vec::new(); // interrupted: looked at again
        };
        self.has_more = !events.is_empty();
        events.iter().filter_map(|event| u16::try_from(event.data.u64()).ok()).collect()
    }
}
