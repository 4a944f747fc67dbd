//! TCP: who may connect, and which connection a message goes out on.
//!
//! Each connection is a task of its own ([`connection`]); the driver finds its queue here and never
//! waits. The lock is held for a look into a table, never across anything that waits.

mod connection;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sip::{Flow, Transmit, Transport};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tracing::{debug, trace, warn};

use super::Traffic;
use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::limits::{
    ACCEPT_BACKLOG, ACCEPT_REST, CONNECT_TIMEOUT, CONNECTION_QUEUE_MAX, KEEPALIVE_AFTER,
    KEEPALIVE_EVERY, KEEPALIVE_TRIES, STRANGER_QUEUE_MAX, UNACKNOWLEDGED_MAX,
};
use crate::settings::ConnectionSettings;
use connection::{Connection, Side};

/// All connections, of every listener.
#[derive(Clone)]
pub(super) struct Connections {
    shared: Arc<Shared>,
    runtime: Handle,
}

struct Shared {
    clock: Clock,
    inbox: Inbox,
    traffic: Arc<Traffic>,
    settings: ConnectionSettings,
    table: Mutex<Table>,
}

/// Where connections are opened from.
#[derive(Copy, Clone)]
pub(super) struct Home {
    /// As peers see it, the `local` of flows.
    pub(super) local: SocketAddr,
    /// What the listener is bound to.
    pub(super) bound: SocketAddr,
}

#[derive(Default)]
struct Table {
    homes: Vec<Home>,
    /// By identity, hence by age.
    by_id: BTreeMap<u64, Entry>,
    /// The newest connection between these two.
    by_path: BTreeMap<(SocketAddr, SocketAddr), u64>,
    by_source: BTreeMap<IpAddr, usize>,
    /// The last identity given. They differ from those of former processes: a flow that somebody
    /// remembers must not mean a new connection of somebody else.
    last: u64,
}

struct Entry {
    flow: Flow,
    line: Arc<Line>,
}

/// What the table and the connection's task share.
struct Line {
    queue: mpsc::Sender<Bytes>,
    /// The table has let go of it: the task ends.
    close: Notify,
    /// The engine knows the peer as a trunk's or a registered phone's.
    is_known: AtomicBool,
    /// It carries what was sent to its peer on any connection.
    is_for_any: AtomicBool,
}

impl Line {
    fn send(&self, bytes: Bytes) -> Result<(), mpsc::error::TrySendError<Bytes>> {
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        if waiting >= STRANGER_QUEUE_MAX && !self.is_known.load(Ordering::Relaxed) {
            return Err(mpsc::error::TrySendError::Full(bytes));
        }
        self.queue.try_send(bytes)
    }
}

/// No room that could be made: every connection is of somebody we know.
#[derive(Debug, thiserror::Error)]
#[error("there are too many connections of peers that are known")]
struct Full;

pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of the process before may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

impl Connections {
    /// `epoch` differs at each start on this machine. On the current runtime.
    pub(super) fn new(
        settings: ConnectionSettings,
        epoch: u32,
        clock: Clock,
        inbox: Inbox,
        traffic: Arc<Traffic>,
    ) -> Self {
        let table = Table { last: u64::from(epoch) << 32, ..Table::default() };
        let shared = Shared { clock, inbox, traffic, settings, table: Mutex::new(table) };
        Self { shared: Arc::new(shared), runtime: Handle::current() }
    }

    /// Accepts on this listener until the runtime ends.
    pub(super) fn serve(&self, listener: std::net::TcpListener, home: Home) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        self.shared.table().homes.push(home);
        self.runtime.spawn(accept(Arc::clone(&self.shared), listener, home.local));
        Ok(())
    }

    /// Puts the message into its connection's queue, without waiting. Connection 0 means any one to
    /// that peer: it is opened if there is none, and its failure is told later. A peer that does not
    /// read until its queue is full is let go of.
    pub(super) fn transmit(&self, transmit: &Transmit) -> io::Result<()> {
        let flow = transmit.flow;
        let line = self.shared.table().line(&flow);
        let line = match line {
            Some(line) => line,
            None if flow.connection == 0 => self.open(flow)?,
            None => return Err(io::ErrorKind::NotConnected.into()),
        };
        line.send(transmit.bytes.clone()).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.shared.traffic.connections.overflowed.fetch_add(1, Ordering::Relaxed);
                line.close.notify_one();
                io::Error::new(io::ErrorKind::StorageFull, "the peer does not read")
            }
            mpsc::error::TrySendError::Closed(_) => io::ErrorKind::NotConnected.into(),
        })
    }

    /// The engine knows this connection's peer: it does not make room for strangers.
    pub(super) fn vouch(&self, flow: &Flow) {
        if let Some(entry) = self.shared.table().by_id.get(&flow.connection) {
            entry.line.is_known.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn close(&self, flow: &Flow) {
        if let Some(entry) = self.shared.table().remove(flow.connection) {
            self.shared.traffic.connections.idle.fetch_add(1, Ordering::Relaxed);
            entry.line.close.notify_one();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shared.table().by_id.len()
    }

    fn open(&self, to: Flow) -> io::Result<Arc<Line>> {
        let mut table = self.shared.table();
        let home = table.homes.iter().find(|home| home.local == to.local).copied();
        let home = home.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let admitted = table.admit(home.local, to.remote, true, &self.shared);
        drop(table);
        let (flow, line, queue) = admitted.map_err(io::Error::other)?;
        line.is_for_any.store(true, Ordering::Relaxed);
        let (shared, opening) = (Arc::clone(&self.shared), Arc::clone(&line));
        self.runtime.spawn(async move {
            match connect(home, flow.remote).await {
                Ok(stream) => {
                    shared.traffic.connections.opened.fetch_add(1, Ordering::Relaxed);
                    Connection::new(shared, flow, stream, opening, queue, Side::Ours).run().await;
                }
                Err(error) => {
                    debug!(%error, remote = %flow.remote, "cannot connect");
                    shared.traffic.connections.unreached.fetch_add(1, Ordering::Relaxed);
                    shared.ended(&flow, &opening, true).await;
                }
            }
        });
        Ok(line)
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // No look into it can leave it half changed.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has ended: whoever waits for something on it is told.
    async fn ended(&self, flow: &Flow, line: &Line, has_users: bool) {
        self.table().remove(flow.connection);
        let any = Flow { connection: 0, ..*flow };
        let is_for_any = line.is_for_any.load(Ordering::Relaxed);
        for flow in [has_users.then_some(*flow), is_for_any.then_some(any)].into_iter().flatten() {
            let input = call::Input::FlowFailed { flow };
            // An engine that has ended waits for nothing.
            let _ended = self.inbox.deliver(self.clock.now(), input).await;
        }
    }
}

impl Table {
    /// Room for one more: the oldest of those that nobody knows makes it, so that who connects and
    /// says nothing cannot keep others out.
    fn admit(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        is_known: bool,
        shared: &Shared,
    ) -> Result<(Flow, Arc<Line>, mpsc::Receiver<Bytes>), Full> {
        let source = source(&remote);
        let settings = &shared.settings;
        let of_source = self.by_source.get(&source).copied().unwrap_or(0);
        let crowded = (of_source >= settings.per_source_max).then_some(Some(source));
        if let Some(crowd) = crowded.or((self.by_id.len() >= settings.max).then_some(None)) {
            self.displace(crowd, &shared.traffic)?;
        }
        self.last += 1;
        let flow = Flow { transport: Transport::Tcp, local, remote, connection: self.last };
        let (sender, queue) = mpsc::channel(CONNECTION_QUEUE_MAX);
        let line = Arc::new(Line {
            queue: sender,
            close: Notify::new(),
            is_known: AtomicBool::new(is_known),
            is_for_any: AtomicBool::new(false),
        });
        self.by_id.insert(self.last, Entry { flow, line: Arc::clone(&line) });
        self.by_path.insert((local, remote), self.last);
        *self.by_source.entry(source).or_default() += 1;
        Ok((flow, line, queue))
    }

    /// Lets go of the oldest connection that nobody knows, of this source or of any.
    fn displace(&mut self, of: Option<IpAddr>, traffic: &Traffic) -> Result<(), Full> {
        let victim = self.by_id.iter().find(|(_, entry)| {
            !entry.line.is_known.load(Ordering::Relaxed)
                && of.is_none_or(|of| of == source(&entry.flow.remote))
        });
        let victim = victim.map(|(id, _)| *id).ok_or(Full)?;
        if let Some(entry) = self.remove(victim) {
            traffic.connections.displaced.fetch_add(1, Ordering::Relaxed);
            entry.line.close.notify_one();
        }
        Ok(())
    }

    fn line(&self, flow: &Flow) -> Option<Arc<Line>> {
        let is_any = flow.connection == 0;
        let id = match is_any {
            true => *self.by_path.get(&(flow.local, flow.remote))?,
            false => flow.connection,
        };
        let entry = self.by_id.get(&id).filter(|entry| entry.flow.remote == flow.remote)?;
        if is_any {
            entry.line.is_for_any.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.line))
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.by_id.remove(&id)?;
        let path = (entry.flow.local, entry.flow.remote);
        if self.by_path.get(&path) == Some(&id) {
            self.by_path.remove(&path);
        }
        let source = source(&entry.flow.remote);
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
        Some(entry)
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, local: SocketAddr) {
    let mut is_told = false;
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    warn!(%error, %local, "connections cannot be accepted for now");
                }
                // The system's limit of open files may be the lower one.
                let _all_known = shared.table().displace(None, &shared.traffic);
                sleep(ACCEPT_REST).await;
                continue;
            }
        };
        is_told = false;
        let admitted = shared.table().admit(local, remote, false, &shared);
        let Ok((flow, line, queue)) = admitted else {
            trace!(%remote, "no room for a connection");
            shared.traffic.connections.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        shared.traffic.connections.accepted.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&shared);
        tokio::spawn(Connection::new(shared, flow, stream, line, queue, Side::Theirs).run());
    }
}

async fn connect(home: Home, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if !home.bound.ip().is_unspecified() && home.bound.is_ipv4() == remote.is_ipv4() {
        socket.bind(SocketAddr::new(home.bound.ip(), 0))?;
    }
    let connecting = timeout(CONNECT_TIMEOUT, socket.connect(remote)).await;
    connecting.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Small messages leave at once; a peer that is gone without a word is noticed.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))
}

fn source(remote: &SocketAddr) -> IpAddr {
    remote.ip().to_canonical()
}
