//! Ports of loopback for one test each, below those that the system gives to who asks for any.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 10_000;
const END: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// `count` ports in a row that no other test of this process has, and nobody else at this moment: as
/// `ports` of [media] wants them.
pub(crate) fn ports(count: u16) -> String {
    let first = take(count);
    format!("{first}-{}", first + count - 1)
}

/// An address for SIP, over UDP and TCP.
pub(crate) fn free() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, take(1)))
}

fn take(count: u16) -> u16 {
    // Processes that run at the same time begin at different places.
    let begin = u16::try_from(std::process::id() % 50).unwrap() * 400;
    loop {
        let taken = NEXT.fetch_add(count.next_multiple_of(2), Ordering::Relaxed);
        assert!(taken < END - FIRST, "every port of {FIRST} to {END} is taken");
        let first = FIRST + (begin + taken) % (END - FIRST - count);
        let first = first.next_multiple_of(2);
        if (first..first + count).all(is_free) {
            return first;
        }
    }
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
}
