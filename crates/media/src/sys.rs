//! The system calls that the standard library lacks: epoll, eventfd, batches of datagrams, and
//! the limit of open files.
//!
//! The only file of the crate with unsafe code. Every pointer that is given to the kernel is made
//! in the function that calls it and lives on a buffer of the same struct or frame.
#![expect(unsafe_code, reason = "system calls without a safe wrapper in the standard library")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::limits::{BATCH_MAX, PACKET_BYTES_MAX, READY_MAX};

/// A set of descriptors to wait for, level-triggered, each with a number of ours.
#[derive(Debug)]
pub(crate) struct Epoll {
    descriptor: OwnedFd,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: takes no pointer.
        let descriptor = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }?;
        Ok(Epoll { descriptor })
    }

    pub(crate) fn add(&self, descriptor: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        let (epoll, socket) = (self.descriptor.as_raw_fd(), descriptor.as_raw_fd());
        // SAFETY: `event` outlives the call, which copies it.
        check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, socket, &raw mut event) })?;
        Ok(())
    }

    /// Waits until something is readable or the timeout, rounded up to a millisecond, is over.
    pub(crate) fn wait(&self, ready: &mut Ready, timeout: Option<Duration>) -> io::Result<()> {
        let timeout_ms = timeout.map_or(-1, |timeout| {
            let rounded_up = timeout.as_micros().div_ceil(1_000);
            libc::c_int::try_from(rounded_up).unwrap_or(libc::c_int::MAX)
        });
        let (epoll, room) = (self.descriptor.as_raw_fd(), READY_MAX as libc::c_int);
        ready.count = 0;
        // SAFETY: the array has room for READY_MAX events and outlives the call.
        let result =
            check(unsafe { libc::epoll_wait(epoll, ready.events.as_mut_ptr(), room, timeout_ms) });
        match result {
            Ok(count) => ready.count = count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What one wait has found.
pub(crate) struct Ready {
    events: Box<[libc::epoll_event; READY_MAX]>,
    count: usize,
}

impl Ready {
    pub(crate) fn new() -> Ready {
        let events = Box::new([libc::epoll_event { events: 0, u64: 0 }; READY_MAX]);
        Ready { events, count: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The number that the descriptor was added with.
    pub(crate) fn number(&self, index: usize) -> u64 {
        self.events[..self.count][index].u64
    }
}

/// A bell: rung from any thread, readable until it is cleared. While it rings, ringing it again costs
/// no system call.
#[derive(Debug)]
pub(crate) struct Bell {
    descriptor: OwnedFd,
    is_ringing: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        // SAFETY: takes no pointer.
        let descriptor =
            unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }?;
        Ok(Bell { descriptor, is_ringing: AtomicBool::new(false) })
    }

    /// What was done before is seen by who looks for it after [`clear`](Self::clear).
    pub(crate) fn ring(&self) {
        if self.is_ringing.swap(true, Ordering::AcqRel) {
            return;
        }
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the eight bytes outlive the call. It can only fail when the counter is full, and
        // then the bell is ringing.
        unsafe { libc::write(self.descriptor.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// To be followed by a look at what it may have rung for.
    pub(crate) fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: the eight bytes outlive the call. It can only fail when the bell is silent.
        unsafe { libc::read(self.descriptor.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        // Only now: whoever finds it still ringing has done his work before our look, and whoever does
        // not writes anew.
        self.is_ringing.swap(false, Ordering::AcqRel);
    }

    /// Waits until it rings or the time is over.
    pub(crate) fn wait(&self, timeout: Duration) {
        let mut poll =
            libc::pollfd { fd: self.descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
        };
        // SAFETY: one pollfd and the timespec outlive the call; no signal mask is given. An error
        // (a signal) ends the wait early, as a ring would.
        unsafe { libc::ppoll(&raw mut poll, 1, &raw const timeout, std::ptr::null()) };
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Datagrams that were received together, and those of them that are to be sent on.
pub(crate) struct Batch {
    buffers: Box<[[u8; PACKET_BYTES_MAX]; BATCH_MAX]>,
    lengths: [usize; BATCH_MAX],
    from: [Option<SocketAddr>; BATCH_MAX],
    /// Packets to send: which buffer, and where to.
    queue: [(usize, SocketAddr); BATCH_MAX],
    queued: usize,
}

/// How sending a batch went.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: u64,
}

impl Batch {
    pub(crate) fn new() -> Batch {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Batch {
            buffers: vec![[0; PACKET_BYTES_MAX]; BATCH_MAX]
                .into_boxed_slice()
                .try_into()
                .expect("made with this length"),
            lengths: [0; BATCH_MAX],
            from: [None; BATCH_MAX],
            queue: [(0, nowhere); BATCH_MAX],
            queued: 0,
        }
    }

    /// Receives what waits on a non-blocking socket, at most [`BATCH_MAX`] packets. The queue must
    /// have been sent.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        debug_assert_eq!(self.queued, 0, "packets would be overwritten before they are sent");
        let mut names = [const { MaybeUninit::<libc::sockaddr_storage>::uninit() }; BATCH_MAX];
        let mut parts: [libc::iovec; BATCH_MAX] = std::array::from_fn(|index| libc::iovec {
            iov_base: self.buffers[index].as_mut_ptr().cast(),
            iov_len: PACKET_BYTES_MAX,
        });
        let mut headers: [libc::mmsghdr; BATCH_MAX] = std::array::from_fn(|index| {
            header(names[index].as_mut_ptr().cast(), NAME_BYTES, &mut parts[index])
        });
        let (socket, room) = (socket.as_raw_fd(), BATCH_MAX as libc::c_uint);
        // SAFETY: each header points to its own buffer, part and name, with their true lengths; all
        // outlive the call, and nothing else refers to them during it.
        let count = check(unsafe {
            let no_timeout = std::ptr::null_mut();
            libc::recvmmsg(socket, headers.as_mut_ptr(), room, libc::MSG_DONTWAIT, no_timeout)
        })?;
        for (index, header) in headers.iter().enumerate().take(count as usize) {
            let is_cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            self.lengths[index] = if is_cut { 0 } else { header.msg_len as usize };
            // SAFETY: the kernel has written `msg_namelen` bytes of an address here.
            self.from[index] = unsafe { address(&names[index], header.msg_hdr.msg_namelen) };
        }
        Ok(count as usize)
    }

    /// A received packet and its sender. Empty when it was too long; no sender that is not IP.
    pub(crate) fn packet(&mut self, index: usize) -> (Option<SocketAddr>, &mut [u8]) {
        (self.from[index], &mut self.buffers[index][..self.lengths[index]])
    }

    /// Queues a received packet. Each can be queued once a batch.
    pub(crate) fn queue(&mut self, index: usize, to: SocketAddr) {
        self.queue[self.queued] = (index, to);
        self.queued += 1;
    }

    /// Sends the queue. A packet that the system refuses is skipped and counted; when the socket's
    /// own buffer is full the rest is.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>) -> Sent {
        let count = mem::take(&mut self.queued);
        let mut names = [const { MaybeUninit::<libc::sockaddr_storage>::uninit() }; BATCH_MAX];
        let mut parts: [libc::iovec; BATCH_MAX] = std::array::from_fn(|position| {
            let (index, _) = self.queue[position];
            let iov_base = self.buffers[index].as_mut_ptr().cast();
            libc::iovec { iov_base, iov_len: self.lengths[index] }
        });
        let mut headers: [libc::mmsghdr; BATCH_MAX] = std::array::from_fn(|position| {
            let (_, to) = self.queue[position];
            let length = if position < count { write_address(&mut names[position], to) } else { 0 };
            header(names[position].as_mut_ptr().cast(), length, &mut parts[position])
        });
        let mut sent = Sent::default();
        let mut position = 0;
        while position < count {
            let rest = &mut headers[position..count];
            let (descriptor, room) = (socket.as_raw_fd(), rest.len() as libc::c_uint);
            // SAFETY: each header points to a buffer, part and name with their true lengths, that
            // outlive the call; the kernel only reads them, and writes `msg_len`.
            let result = check(unsafe {
                libc::sendmmsg(descriptor, rest.as_mut_ptr(), room, libc::MSG_DONTWAIT)
            });
            match result {
                Ok(done) => {
                    let done = done as usize;
                    sent.packets += done as u64;
                    sent.bytes +=
                        rest[..done].iter().map(|header| u64::from(header.msg_len)).sum::<u64>();
                    position += done;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sent.failed += (count - position) as u64;
                    break;
                }
                Err(_) => {
                    sent.failed += 1;
                    position += 1;
                }
            }
        }
        sent
    }
}

/// The soft limit of open files, after it was raised to the hard one.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` outlives the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// Eight bytes from the system's random source.
pub(crate) fn random() -> io::Result<u64> {
    let mut bytes = [0_u8; 8];
    // SAFETY: the buffer outlives the call. Up to 256 bytes come whole (getrandom(2)).
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if count != 8 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from_ne_bytes(bytes))
}

const NAME_BYTES: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

fn header(
    name: *mut libc::c_void,
    name_bytes: libc::socklen_t,
    part: *mut libc::iovec,
) -> libc::mmsghdr {
    // SAFETY: a struct of integers and pointers, for which zeros are a value.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = name;
    header.msg_hdr.msg_namelen = name_bytes;
    header.msg_hdr.msg_iov = part;
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// # Safety
/// The kernel has written an address of `bytes` bytes to `name`.
unsafe fn address(
    name: &MaybeUninit<libc::sockaddr_storage>,
    bytes: libc::socklen_t,
) -> Option<SocketAddr> {
    let bytes = bytes as usize;
    let pointer = name.as_ptr();
    if bytes >= size_of::<libc::sockaddr_in>() {
        // SAFETY: the family is within the bytes that were written.
        let family = libc::c_int::from(unsafe { (*pointer).ss_family });
        if family == libc::AF_INET {
            // SAFETY: a whole sockaddr_in was written, and the storage is aligned for it.
            let name = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
            return Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(name.sin_port)));
        }
        if family == libc::AF_INET6 && bytes >= size_of::<libc::sockaddr_in6>() {
            // SAFETY: a whole sockaddr_in6 was written, and the storage is aligned for it.
            let name = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let port = u16::from_be(name.sin6_port);
            return Some(SocketAddrV6::new(ip, port, 0, name.sin6_scope_id).into());
        }
    }
    None
}

/// Returns the length of the address.
fn write_address(
    name: &mut MaybeUninit<libc::sockaddr_storage>,
    address: SocketAddr,
) -> libc::socklen_t {
    match address {
        SocketAddr::V4(address) => {
            let value = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is large enough and aligned for every kind of address.
            unsafe { name.as_mut_ptr().cast::<libc::sockaddr_in>().write(value) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(address) => {
            let value = v6(address);
            // SAFETY: the storage is large enough and aligned for every kind of address.
            unsafe { name.as_mut_ptr().cast::<libc::sockaddr_in6>().write(value) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

fn v6(address: SocketAddrV6) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: address.port().to_be(),
        sin6_flowinfo: address.flowinfo(),
        sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
        sin6_scope_id: address.scope_id(),
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// # Safety
/// `result` is what a system call has returned that opens a descriptor.
unsafe fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    let descriptor = check(result)?;
    // SAFETY: just opened, hence nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
