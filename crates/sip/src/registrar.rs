//! The registrar (RFC 3261 §10): who is reachable where.
//!
//! A binding keeps the Contact as the phone wrote it and the flow its REGISTER came on: requests
//! go to that flow, so that a phone behind NAT is reached whatever it believes of its address.
//! Transactions are the endpoint's: a retransmitted REGISTER never gets here.
//!
//! An AOR is the user part of the To; a user may register only her own.

mod table;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Account, Algorithm, Denied, Flow, HeaderName, Instant, Message, Uri, Verifier, VerifierSetup,
};
use table::Table;

#[derive(Clone, Debug)]
pub struct RegistrarSetup {
    pub realm: String,
    pub rules: RegistrarRules,
    /// Key of the stateless nonces.
    pub nonce_key: [u8; 32],
    /// Changes with each start that lost state.
    pub nonce_epoch: u64,
}

/// What may change while phones are registered, by [`Registrar::configure`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegistrarRules {
    pub expires_default: Duration,
    /// Shorter is refused with 423 and Min-Expires.
    pub expires_min: Duration,
    /// Longer is cut to this.
    pub expires_max: Duration,
    /// Bindings of one AOR. Beyond: the oldest goes. Contacts in one REGISTER beyond: 403.
    pub bindings_max: usize,
    /// AORs that have a binding. Beyond: 503.
    pub aors_max: usize,
    /// Offered in the challenge, the preferred one first.
    pub algorithms: Vec<Algorithm>,
}

impl RegistrarSetup {
    /// With [`RegistrarRules::default`].
    pub fn new(realm: impl Into<String>, nonce_key: [u8; 32]) -> Self {
        let rules = RegistrarRules::default();
        Self { realm: realm.into(), rules, nonce_key, nonce_epoch: 0 }
    }
}

impl Default for RegistrarRules {
    /// One hour, between one minute and one day; MD5, which every phone knows.
    fn default() -> Self {
        Self {
            expires_default: Duration::from_secs(3_600),
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(86_400),
            bindings_max: 10,
            aors_max: 10_000,
            algorithms: vec![Algorithm::Md5],
        }
    }
}

/// Where an address-of-record is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// As registered: the Request-URI of requests to it.
    pub contact_uri: String,
    /// Where its last REGISTER came from: where requests to it go.
    pub flow: Flow,
    pub expires_at: Instant,
    /// When it first came; a refresh changes nothing here.
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
    /// Who proved to be the user: his phone lives.
    pub user: Option<String>,
    /// Credentials came that are wrong: somebody may be guessing.
    pub is_guess: bool,
}

impl RegisterReply {
    fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), user: None, is_guess: false }
    }
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
    verifier: Verifier,
    rules: RegistrarRules,
    table: Table,
    events: VecDeque<RegistrarEvent>,
}

/// What one REGISTER asks for, checked.
enum Wish {
    /// No Contact: only the list.
    Query,
    /// `*` with Expires 0.
    RemoveAll,
    /// Contact URI and lifetime; zero removes.
    Change(Vec<(String, Duration)>),
}

impl Registrar {
    pub fn new(setup: RegistrarSetup) -> Self {
        Self {
            verifier: Verifier::new(VerifierSetup {
                realm: setup.realm,
                key: setup.nonce_key,
                epoch: setup.nonce_epoch,
                algorithms: setup.rules.algorithms.clone(),
            }),
            rules: setup.rules,
            table: Table::default(),
            events: VecDeque::new(),
        }
    }

    /// Other rules from here on. Bindings that are there stay until they expire.
    pub fn configure(&mut self, rules: RegistrarRules) {
        self.verifier.offer(rules.algorithms.clone());
        self.rules = rules;
    }

    /// Checks the digest and updates the bindings (§10.3).
    ///
    /// Without a right digest the answer is one 401, the same for unknown and known users.
    pub fn handle_register(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        accounts: &dyn Fn(&str) -> Option<Account>,
    ) -> RegisterReply {
        self.handle_timeout(now);
        let user = match self.verifier.verify(now, message, accounts) {
            Ok(user) => user,
            Err(denied) => return self.challenge(now, denied),
        };
        let is_own_name =
            message.to().ok().and_then(|to| to.user()).is_some_and(|aor| *aor == user);
        if !is_own_name {
            // Nothing may tell that the password was right.
            return self.challenge(now, Denied::Wrong);
        }
        let reply = match self.read_wish(message) {
            Ok(wish) => self
                .update(now, flow, message, &user, wish)
                .unwrap_or_else(|| self.list(now, &user)),
            Err(refusal) => refusal,
        };
        RegisterReply { user: Some(user), ..reply }
    }

    /// The user that a REGISTER's credentials speak of, proven or not.
    pub fn claimed_user(&self, message: &Message) -> Option<String> {
        self.verifier.claimed_user(message)
    }

    fn challenge(&mut self, now: Instant, denied: Denied) -> RegisterReply {
        let challenges = self.verifier.challenges(now, denied.is_stale());
        let name = HeaderName::WwwAuthenticate.as_str();
        let headers = challenges.into_iter().map(|value| (name.to_string(), value)).collect();
        RegisterReply { headers, is_guess: denied == Denied::Wrong, ..RegisterReply::bare(401) }
    }

    fn read_wish(&self, message: &Message) -> Result<Wish, RegisterReply> {
        let bad = RegisterReply::bare;
        let header = message.expires().map_err(|_| bad(400))?;
        let contacts: Vec<_> =
            message.contacts().collect::<Result<_, _>>().map_err(|_| bad(400))?;
        if contacts.is_empty() {
            return Ok(Wish::Query);
        }
        if contacts.iter().any(|contact| contact.uri == "*") {
            let is_alone = contacts.len() == 1 && header == Some(0);
            return if is_alone { Ok(Wish::RemoveAll) } else { Err(bad(400)) };
        }
        if contacts.len() > self.rules.bindings_max {
            return Err(bad(403));
        }
        let mut changes = Vec::with_capacity(contacts.len());
        for contact in contacts {
            let is_sip = contact.address().is_ok_and(|uri| {
                ["sip", "sips"].iter().any(|scheme| uri.scheme.eq_ignore_ascii_case(scheme))
            });
            if !is_sip {
                return Err(bad(400));
            }
            let expires = contact
                .expires()
                .or(header)
                .map_or(self.rules.expires_default, |secs| Duration::from_secs(u64::from(secs)));
            if !expires.is_zero() && expires < self.rules.expires_min {
                let min = self.rules.expires_min.as_secs().to_string();
                let headers = vec![(HeaderName::MinExpires.as_str().to_string(), min)];
                return Err(RegisterReply { headers, ..RegisterReply::bare(423) });
            }
            changes.push((contact.uri.to_string(), expires.min(self.rules.expires_max)));
        }
        Ok(Wish::Change(changes))
    }

    /// All of it or nothing (§10.3 step 7). The reply if it is refused.
    fn update(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        aor: &str,
        wish: Wish,
    ) -> Option<RegisterReply> {
        let (Ok(call_id), Ok(cseq)) = (message.call_id(), message.cseq()) else {
            return Some(RegisterReply::bare(400));
        };
        let known = self.table.bindings(aor);
        let is_old = |binding: &Binding| binding.call_id == call_id && cseq.number <= binding.cseq;
        let (mut next, changes) = match wish {
            Wish::Query => return None,
            Wish::RemoveAll if known.iter().any(is_old) => return Some(RegisterReply::bare(500)),
            Wish::RemoveAll => (Vec::new(), Vec::new()),
            Wish::Change(changes) => (known.to_vec(), changes),
        };
        let was_known = !known.is_empty();
        for (contact_uri, expires) in changes {
            let found = next.iter().position(|binding| binding.contact_uri == contact_uri);
            if found.is_some_and(|found| is_old(&next[found])) {
                return Some(RegisterReply::bare(500));
            }
            let old = found.map(|found| next.remove(found));
            if expires.is_zero() {
                continue;
            }
            next.push(Binding {
                contact_uri,
                flow,
                expires_at: now + expires,
                registered_at: old.map_or(now, |old| old.registered_at),
                call_id: call_id.to_string(),
                cseq: cseq.number,
                user_agent: message.text(HeaderName::UserAgent).map(str::to_string),
            });
        }
        if !was_known && !next.is_empty() && self.table.len() >= self.rules.aors_max {
            let headers = vec![(HeaderName::RetryAfter.as_str().to_string(), "60".to_string())];
            return Some(RegisterReply { headers, ..RegisterReply::bare(503) });
        }
        next.sort_by_key(|binding| std::cmp::Reverse(binding.registered_at));
        next.truncate(self.rules.bindings_max);
        let is_known = !next.is_empty();
        self.table.replace(aor, next);
        let aor = aor.to_string();
        match (was_known, is_known) {
            (false, true) => self.events.push_back(RegistrarEvent::Registered { aor }),
            (true, false) => self.events.push_back(RegistrarEvent::Unregistered { aor }),
            (true, true) | (false, false) => {}
        }
        None
    }

    fn list(&self, now: Instant, aor: &str) -> RegisterReply {
        let value = |binding: &Binding| {
            let left = binding.expires_at.saturating_duration_since(now).as_secs();
            format!("<{}>;expires={left}", binding.contact_uri)
        };
        let name = HeaderName::Contact.as_str();
        let contacts = self.table.bindings(aor).iter();
        let headers = contacts.map(|binding| (name.to_string(), value(binding))).collect();
        RegisterReply { headers, ..RegisterReply::bare(200) }
    }

    /// Bindings of `aor`, the newest first. Live as of the last [`Registrar::handle_timeout`].
    pub fn bindings(&self, aor: &str) -> impl Iterator<Item = &Binding> {
        self.table.bindings(aor).iter()
    }

    /// The AOR that has a binding on this flow; the first in order if several phones share it.
    pub fn is_registered_flow(&self, flow: &Flow) -> Option<&str> {
        self.table.aor_on(flow)
    }

    /// All AORs that have a binding on this flow.
    pub fn aors_on(&self, flow: &Flow) -> impl Iterator<Item = &str> {
        self.table.aors_on(flow)
    }

    /// How many flows have a binding. One that several AORs share counts for each of them.
    pub fn flows_len(&self) -> usize {
        self.table.flows_len()
    }

    /// Puts back what an earlier life knew, without an event: those that are over are left out, and
    /// nothing is changed where the AOR has bindings by itself. A connection did not outlive that life:
    /// such a phone is looked for at its Contact, where that is the address it came from; one behind a
    /// NAT registers again by itself.
    pub fn restore(&mut self, now: Instant, aor: &str, bindings: Vec<Binding>) {
        if !self.table.bindings(aor).is_empty() || self.table.len() >= self.rules.aors_max {
            return;
        }
        let live = bindings.into_iter().filter(|binding| binding.expires_at > now);
        let mut live: Vec<_> = live.filter_map(without_connection).collect();
        live.sort_by_key(|binding| std::cmp::Reverse(binding.registered_at));
        live.truncate(self.rules.bindings_max);
        self.table.replace(aor, live);
    }

    /// Nobody has this name any more: its bindings go, without an event.
    pub fn remove(&mut self, aor: &str) {
        self.table.replace(aor, Vec::new());
    }

    /// The flow is dead: its bindings go.
    pub fn remove_flow(&mut self, now: Instant, flow: &Flow) {
        self.handle_timeout(now);
        while let Some(aor) = self.table.aor_on(flow).map(str::to_string) {
            let left = self.table.bindings(&aor).iter().filter(|binding| binding.flow != *flow);
            let left: Vec<_> = left.cloned().collect();
            let is_gone = left.is_empty();
            self.table.replace(&aor, left);
            if is_gone {
                self.events.push_back(RegistrarEvent::Unregistered { aor });
            }
        }
    }

    /// Drops the bindings that were not refreshed in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(aor) = self.table.expired(now) {
            let left = self.table.bindings(&aor).iter().filter(|binding| binding.expires_at > now);
            let left: Vec<_> = left.cloned().collect();
            let is_gone = left.is_empty();
            self.table.replace(&aor, left);
            if is_gone {
                self.events.push_back(RegistrarEvent::Expired { aor });
            }
        }
    }

    /// An AOR whose bindings are others than when it was last given here: refreshed, gone, put back.
    pub fn poll_changed(&mut self) -> Option<String> {
        self.table.take_changed()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.next_expiry()
    }

    pub fn poll_event(&mut self) -> Option<RegistrarEvent> {
        self.events.pop_front()
    }
}

/// The binding, to be reached by a connection yet to be opened.
fn without_connection(mut binding: Binding) -> Option<Binding> {
    if binding.flow.transport.is_reliable() {
        let contact = Uri::read_str(&binding.contact_uri).ok()?.address()?;
        if contact.ip() != binding.flow.remote.ip() {
            return None;
        }
        binding.flow = Flow { remote: contact, connection: 0, ..binding.flow };
    }
    Some(binding)
}
