//! Where messages come from and go to, without a socket in sight.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What carries the messages (RFC 3261 §18, RFC 7118 for WebSocket).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    /// A stream keeps order and loses nothing: timers A, E, G and their like stay silent.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// As in Via: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub const fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As in the URI parameter `transport=`; TLS is `tcp` there with `sips:`, and `tls` in use.
    pub const fn uri_param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// The name in a Via or a `transport=`, any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|transport| transport.via().eq_ignore_ascii_case(name))
    }
}

/// Where a message came from or goes to. `connection` is 0 for UDP.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub struct Flow {
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub connection: u64,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.transport.via(), self.local, self.remote)
    }
}

/// Where a request should go. A host is resolved by an input: RFC 3263's order is the server's.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    Flow(Flow),
    Host { host: String, port: Option<u16>, transport: Option<Transport> },
}

/// Bytes to send, whole.
#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transmit {
    pub flow: Flow,
    pub bytes: Bytes,
}
