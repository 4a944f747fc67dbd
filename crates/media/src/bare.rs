//! *The bare loop*: what moving packets costs at the least, for `benches/`. The same sockets, epoll set,
//! batches, flags and gathering as a relay thread, sending the bytes unchanged to a fixed peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::limits::{BATCH_MAX, READY_MAX};
use crate::packet::Port;
use crate::pool::{self, Pair};
use crate::relay::{Config, StartError};
use crate::sys::{Batch, Epoll, Ready};

/// A bare loop that runs. Dropping it ends its thread.
pub struct BareLoop {
    ports: Vec<u16>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BareLoop {
    /// Binds the pool; what comes to the RTP port of one pair leaves from the next pair's, and the other
    /// way round, to the address of that name.
    pub fn start(config: &Config, even: SocketAddr, odd: SocketAddr) -> Result<Self, StartError> {
        let pairs = pool::bind(config)?;
        let ports = pairs.iter().map(|pair| pair.port).collect();
        let system = |source| StartError::System { what: "start the bare loop", source };
        let epoll = Epoll::new().map_err(system)?;
        for (index, pair) in pairs.iter().enumerate() {
            epoll.add(pair.socket(Port::Rtp), index as u64).map_err(system)?;
            epoll.add(pair.socket(Port::Rtcp), index as u64).map_err(system)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (told, gather) = (Arc::clone(&stop), config.gather);
        let run = move || {
            let (mut ready, mut batch) = (Ready::new(), Batch::new());
            let longest = std::time::Duration::from_millis(100);
            while !told.load(Ordering::Acquire) && epoll.wait(&mut ready, Some(longest)).is_ok() {
                let mut has_backlog = ready.len() == READY_MAX;
                for position in 0..ready.len() {
                    let index = ready.number(position) as usize;
                    let to = if index.is_multiple_of(2) { odd } else { even };
                    has_backlog |= forward(&pairs, index, to, &mut batch) == BATCH_MAX;
                }
                if ready.len() > 0 && !has_backlog && !gather.is_zero() {
                    std::thread::park_timeout(gather);
                }
            }
        };
        let thread = std::thread::Builder::new().name("bare-0".to_owned()).spawn(run);
        Ok(Self { ports, stop, thread: Some(thread.map_err(system)?) })
    }

    /// The RTP ports, in pairs of one call.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }
}

fn forward(pairs: &[Pair], index: usize, to: SocketAddr, batch: &mut Batch) -> usize {
    let count = batch.receive(pairs[index].socket(Port::Rtp)).unwrap_or(0);
    for position in 0..count {
        batch.queue(position, to);
    }
    if count > 0 {
        batch.send(pairs[index ^ 1].socket(Port::Rtp));
    }
    count
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the bare loop has panicked");
        }
    }
}
