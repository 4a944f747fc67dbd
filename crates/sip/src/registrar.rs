//! The registrar (RFC 3261 §10): who is reachable where.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Account, Flow, Instant, Message};

#[derive(Clone, Debug)]
pub struct RegistrarSetup {
    pub realm: String,
    pub expires_default: Duration,
    /// Shorter is refused with 423 and Min-Expires.
    pub expires_min: Duration,
    /// Longer is cut to this.
    pub expires_max: Duration,
    /// Bindings of one AOR. Beyond: the oldest goes.
    pub bindings_max: usize,
    /// AORs that have a binding. Beyond: 503.
    pub aors_max: usize,
    /// Key of the stateless nonces.
    pub nonce_key: [u8; 32],
}

/// Where an address-of-record is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Binding {
    /// As registered: the Request-URI of requests to it.
    pub contact_uri: String,
    /// Where its REGISTER came from: where requests to it go.
    pub flow: Flow,
    pub expires_at: Instant,
    pub registered_at: Instant,
    pub call_id: String,
    pub cseq: u32,
    pub user_agent: Option<String>,
}

/// What to answer to a REGISTER, with [`Endpoint::respond`](crate::Endpoint::respond).
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct RegisterReply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum RegistrarEvent {
    /// The first binding of an AOR came.
    Registered { aor: String },
    /// The last binding was removed by the phone, or with its flow.
    Unregistered { aor: String },
    /// The last binding was not refreshed.
    Expired { aor: String },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Registrar {
    bindings: std::collections::BTreeMap<String, Vec<Binding>>,
}

#[expect(unused_variables, reason = "signatures first")]
impl Registrar {
    pub fn new(setup: RegistrarSetup) -> Self { unimplemented!() }
    pub fn handle_register(&mut self, now: Instant, flow: Flow, message: &Message, accounts: &dyn Fn(&str) -> Option<Account>) -> RegisterReply { unimplemented!() }
    /// Live bindings of `aor`, the newest first.
    pub fn bindings(&self, aor: &str) -> impl Iterator<Item = &Binding> { self.bindings.get(aor).into_iter().flatten() }
    /// The AOR that has a live binding on this flow.
    pub fn is_registered_flow(&self, flow: &Flow) -> Option<&str> { None }
    /// The flow is dead: its bindings go.
    pub fn remove_flow(&mut self, now: Instant, flow: &Flow) {}
    pub fn handle_timeout(&mut self, now: Instant) {}
    pub fn poll_timeout(&self) -> Option<Instant> { None }
    pub fn poll_event(&mut self) -> Option<RegistrarEvent> { None }
}
