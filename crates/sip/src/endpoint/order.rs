//! What the owner gives the endpoint: its setup, the requests to send, and why one is refused.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Credentials, Method, Target};

#[derive(Clone, Debug)]
pub struct Setup {
    /// Tags, branches and Call-IDs are drawn from it: the same seed gives the same run.
    pub seed: [u8; 32],
    /// User-Agent of our requests and Server of our responses.
    pub user_agent: String,
    pub limits: Limits,
}

/// Caps of the endpoint's tables. At a full table a request of ours is refused ([`Full`]) and
/// theirs gets a stateless 503; a BYE in a known dialog always passes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub dialogs_max: usize,
    /// INVITE and others together; as many [`ClientKey`](crate::ClientKey)s may live.
    pub client_transactions_max: usize,
    pub server_transactions_max: usize,
    /// Of either kind, those that have done their work and absorb copies for 64·T1. Beyond: the one that
    /// has done so longest is forgotten, and a copy that comes later still is a stray.
    pub lingering_max: usize,
    /// Requests of one dialog that await our `respond`. Beyond: 503 with Retry-After.
    pub requests_per_dialog_max: usize,
    /// Early dialogs and forks of one INVITE that are told apart. Beyond: ignored.
    pub forks_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dialogs_max: 20_000,
            client_transactions_max: 100_000,
            server_transactions_max: 100_000,
            lingering_max: 50_000,
            requests_per_dialog_max: 16,
            forks_max: 8,
        }
    }
}

/// One side of a From or To header.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Quoted by the writer.
    pub display: Option<String>,
    /// A URI without `<>`.
    pub uri: String,
}

/// An INVITE to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invite {
    pub target: Target,
    pub request_uri: String,
    pub from: Identity,
    pub to: Identity,
    /// User part of our Contact; its host is the flow's local address.
    pub contact_user: String,
    pub headers: Vec<(String, String)>,
    /// The offer; without one the peer's 2xx brings his and `ack` our answer.
    pub sdp: Option<Bytes>,
    pub credentials: Option<Credentials>,
}

/// A request out of a dialog to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    pub target: Target,
    pub method: Method,
    pub request_uri: String,
    pub from: Identity,
    pub to: Identity,
    pub headers: Vec<(String, String)>,
    /// Content type and content.
    pub body: Option<(String, Bytes)>,
    pub credentials: Option<Credentials>,
    /// Adds a Contact as in [`Invite::contact_user`].
    pub contact_user: Option<String>,
}

/// A table is full: nothing was sent.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
pub enum Full {
    #[error("{0} dialogs are open")]
    Dialogs(usize),
    #[error("{0} client transactions are open")]
    ClientTransactions(usize),
}

/// A command that does not fit the state of what it names. Nothing was sent.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
pub enum Misuse {
    #[error("the key is dead")]
    Gone,
    #[error("the dialog is in another state")]
    WrongState,
    /// One INVITE at a time in a dialog (RFC 3261 §14.1).
    #[error("an INVITE is pending in the dialog")]
    Pending,
    #[error("status {0} does not fit here")]
    WrongStatus(u16),
    #[error("{0}")]
    Full(#[from] Full),
}
