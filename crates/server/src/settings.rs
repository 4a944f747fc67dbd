//! What a [`Server`](crate::Server) is started with, beside the engine's configuration.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::prompts::Prompts;

#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// In identities of calls: differs on each machine.
    pub node: u16,
    pub listen: Vec<Listen>,
    pub media: MediaSettings,
    /// The audio of the engine's `prompts`.
    pub prompts: Prompts,
    /// The SQLite file of the records; its folder is made when missing.
    pub records: PathBuf,
    /// The Unix socket for `status`; `None`: none.
    pub control: Option<PathBuf>,
    /// How long calls may go on after a SIGTERM.
    pub drain_timeout: Duration,
}

/// One signalling address.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// The address that peers see and that goes into Via and Contact, where it is another.
    pub advertise: Option<SocketAddr>,
}

#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// What the ports are bound to.
    pub address: IpAddr,
    /// What goes into `c=` lines, where it is another.
    pub advertise: Option<IpAddr>,
    /// RTP on the even ports, RTCP on the odd ones after them. Two pairs a call.
    pub ports: RangeInclusive<u16>,
    pub threads: usize,
}

impl ServerSettings {
    /// One server on loopback with ports of its own choice: for `demo`, tests and benches.
    pub fn loopback(records: PathBuf, ports: RangeInclusive<u16>) -> Self {
        let address = IpAddr::from([127, 0, 0, 1]);
        Self {
            node: 1,
            listen: vec![Listen { address: SocketAddr::new(address, 0), advertise: None }],
            media: MediaSettings { address, advertise: None, ports, threads: 1 },
            prompts: Prompts::default(),
            records,
            control: None,
            drain_timeout: Duration::from_secs(5),
        }
    }
}
