//! A thread that waits for one descriptor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tracing::error;

/// Calls a function whenever a descriptor is readable, on a thread of its own. Dropping it ends the
/// thread and waits for it.
pub(crate) struct Watch {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// `on_readable` tells whether to go on.
    pub(crate) fn start(
        name: &'static str,
        watched: OwnedFd,
        mut on_readable: impl FnMut() -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let told = Arc::clone(&stop);
        let run = move || while is_readable(name, &watched, &told) && on_readable() {};
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

/// `false`: it is to end.
fn is_readable(name: &str, watched: &impl AsFd, stop: &impl AsFd) -> bool {
    let mut ready = [PollFd::new(watched, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
    loop {
        match poll(&mut ready, None) {
            Ok(_) => return ready[1].revents().is_empty(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                error!(%error, name, "cannot wait any longer");
                return false;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Fails only where it was told so often that it cannot but know.
        let _told = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            error!("a thread that watched a descriptor has panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_calls_while_there_is_something_and_ends_when_dropped() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let watched = theirs.try_clone().unwrap().into();
        let (heard, hears) = sync_channel(2);
        let watch = Watch::start("test", watched, move || {
            let mut byte = [0];
            theirs.read_exact(&mut byte).is_ok() && heard.send(byte[0]).is_ok()
        });
        let watch = watch.unwrap();
        ours.write_all(b"ab").unwrap();
        let long = Duration::from_secs(60);
        assert_eq!(hears.recv_timeout(long), Ok(b'a'));
        assert_eq!(hears.recv_timeout(long), Ok(b'b'));
        drop(watch);
        assert!(hears.recv().is_err(), "the thread has ended, and what it owned is gone");
    }
}
