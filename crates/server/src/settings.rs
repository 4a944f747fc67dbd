//! What a [`Server`](crate::Server) is started with, beside the engine's configuration.

use std::fmt;
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
    pub connections: ConnectionSettings,
    pub media: MediaSettings,
    /// The audio of the engine's `prompts`.
    pub prompts: Prompts,
    /// The SQLite file of the records; its folder is made when missing.
    pub records: PathBuf,
    /// The Unix socket for `status`; `None`: none.
    pub control: Option<PathBuf>,
    /// Where Prometheus may ask; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// How long calls may go on after a SIGTERM.
    pub drain_timeout: Duration,
    /// `serve` reads the configuration again whenever its files change.
    pub watch: bool,
}

/// One signalling address.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// The address that peers see and that goes into Via and Contact, where it is another.
    pub advertise: Option<SocketAddr>,
    pub transports: ListenTransports,
}

/// What is listened for on one address.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum ListenTransports {
    Udp,
    Tcp,
    Both,
}

impl ListenTransports {
    pub fn has_udp(self) -> bool {
        matches!(self, Self::Udp | Self::Both)
    }

    pub fn has_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Both)
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Both => "udp+tcp",
        }
    }
}

/// TCP connections, accepted and opened.
#[derive(Copy, Clone, Debug)]
pub struct ConnectionSettings {
    /// At once. Beyond: the oldest whose peer is neither a trunk nor a registered phone makes room;
    /// without such a one the new connection is refused.
    pub max: usize,
    /// At once from one address; likewise.
    pub per_source_max: usize,
    /// By then the first message of a connection, and each later one after its first octet, is whole.
    pub message_within: Duration,
    /// A connection on which no message came for this long, and that serves no registration and no
    /// dialog, is closed.
    pub idle: Duration,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            max: 2_000,
            per_source_max: 250,
            message_within: Duration::from_secs(15),
            idle: Duration::from_secs(180),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.advertise {
            Some(advertise) => write!(f, "{} as {advertise}", self.address)?,
            None => write!(f, "{}", self.address)?,
        }
        match self.transports {
            ListenTransports::Udp => f.write_str(" (udp)"),
            ListenTransports::Tcp => f.write_str(" (tcp)"),
            ListenTransports::Both => f.write_str(" (udp, tcp)"),
        }
    }
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
            listen: vec![Listen {
                address: SocketAddr::new(address, 0),
                advertise: None,
                transports: ListenTransports::Both,
            }],
            connections: ConnectionSettings::default(),
            media: MediaSettings { address, advertise: None, ports, threads: 1 },
            prompts: Prompts::default(),
            records,
            control: None,
            metrics: None,
            drain_timeout: Duration::from_secs(5),
            watch: false,
        }
    }
}
