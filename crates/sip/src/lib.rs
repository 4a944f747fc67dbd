//! SIP for monoligne: the wire format, transactions, dialogs, the registrar, digest and SDP.
//!
//! Pure: no sockets, no clock, no randomness of its own. Bytes and `now` come in, bytes and
//! events go out. Practices, secretaries and queues are unknown here.
//!
//! Reading is zero-copy: a [`Message`] is one [`bytes::Bytes`] and offsets into it; headers are
//! read as typed views ([`Via`], [`NameAddr`], [`Uri`], …) on demand.

mod body;
mod dialog;
mod digest;
mod endpoint;
mod flow;
mod header;
pub mod limits;
mod message;
mod registrar;
pub mod sdp;
mod time;
mod timer;
mod transaction;
mod uri;
mod write;

pub use body::{ACCEPT, BodyError, session_description};
pub use digest::{
    Account, Algorithm, Challenge, Credentials, Denied, Verifier, VerifierSetup, ha1_md5,
    ha1_sha256,
};
pub use endpoint::{
    ClientKey, Counts, DialogKey, EndedBy, Endpoint, Event, Full, Identity, Invite, Limits, Misuse,
    Request, RequestKey, ResolveId, Setup, Timeout,
};
pub use flow::{Flow, Target, Transmit, Transport};
pub use header::{CSeq, HeaderError, HeaderName, NameAddr, Params, RAck, Via, split_list};
pub use message::{Malformed, MalformedReason, Message, Method};
pub use registrar::{
    Binding, RegisterReply, Registrar, RegistrarEvent, RegistrarRules, RegistrarSetup,
};
pub use time::Instant;
pub use timer::{T1, T1_64, T2, T4, TimerReason};
pub use uri::Uri;
pub use write::{RequestWriter, ResponseWriter, Splice, reason_phrase, response_to};
