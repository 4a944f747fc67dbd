//! Their requests as transactions: matching, what is refused at the door, responding.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::io::Tag;
use super::session::{Exchange, Phase};
use super::{DialogKey, Endpoint, Event, Misuse, RequestKey};
use crate::timer::TimerReason;
use crate::transaction::{
    ALLOW, AckOf, Fired, MergeId, ServerId, ServerInvite, ServerNonInvite, TimerOwner, put_contact,
};
use crate::write::{ResponseWriter, one_line, response_to, stateless_tag};
use crate::{Flow, HeaderName, Instant, Message, Method, Transmit, Transport};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServerTransaction {
    id: ServerId,
    merge: Option<MergeId>,
    /// As long as something may still be made of it: see [`Endpoint::drop_request`].
    pub(super) request: Option<Message>,
    /// Where responses go.
    pub(super) flow: Flow,
    /// To-tag of our responses, if the request had none.
    tag: Tag,
    pub(super) user: ServerUser,
    pub(super) machine: ServerMachine,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ServerMachine {
    Invite(ServerInvite),
    Other(ServerNonInvite),
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum ServerUser {
    /// The INVITE that makes the dialog.
    Invite(DialogKey),
    /// A request in it.
    Within(DialogKey),
    /// Out of a dialog, or responded to by the endpoint itself.
    Nobody,
}

impl Endpoint {
    /// A request within one of our dialogs, or one that is being answered and comes again: it has
    /// a right to an answer wherever it comes from.
    pub fn knows(&self, request: &Message) -> bool {
        self.find_session(request).is_some()
            || self.io.fingerprints.server(request).is_some_and(|id| {
                self.incoming.contains_key(&id) || self.incoming.contains_key(&id.into_invite())
            })
    }

    /// Refuses a request without keeping anything of it (§8.2.7): the answer goes to where the
    /// packet came from, whatever its Via says.
    pub fn refuse_statelessly(
        &mut self,
        flow: Flow,
        request: &Message,
        status: u16,
        headers: &[(&str, &str)],
    ) {
        let tag = stateless_tag(request);
        let bytes = response_to(request, status, Some(&tag), &flow, headers, None);
        self.io.transmits.push_back(Transmit { flow, bytes });
    }

    /// As [`Self::refuse_statelessly`], for a source that may be forged. Over UDP the answer is at most
    /// half as long again as the request: a challenge in the least preferred algorithm, which every
    /// phone knows, goes alone if all of them would be too much. `false`: even that would, and nothing
    /// is sent; no phone writes so short a request.
    pub fn refuse_stranger(
        &mut self,
        flow: Flow,
        request: &Message,
        status: u16,
        headers: &[(&str, &str)],
    ) -> bool {
        let tag = stateless_tag(request);
        let last = headers.len().saturating_sub(1);
        let answer = [headers, &headers[last..]].into_iter().find_map(|headers| {
            let bytes = response_to(request, status, Some(&tag), &flow, headers, None);
            let is_small = 2 * bytes.len() <= 3 * request.bytes().len();
            (is_small || flow.transport.is_reliable()).then_some(bytes)
        });
        let is_answered = answer.is_some();
        let transmit = answer.map(|bytes| Transmit { flow, bytes });
        self.io.transmits.extend(transmit);
        is_answered
    }

    pub(super) fn handle_request(&mut self, now: Instant, flow: Flow, message: Message) {
        let Some(id) = self.io.fingerprints.server(&message) else {
            self.io.totals.unusable += 1;
            return;
        };
        match message.method_ref() {
            Method::Ack => return self.handle_ack(now, id, &message),
            Method::Cancel => return self.handle_cancel(now, flow, id, &message),
            Method::Invite
            | Method::Bye
            | Method::Register
            | Method::Options
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Message
            | Method::Notify
            | Method::Subscribe
            | Method::Publish
            | Method::Other(_) => {}
        }
        if let Some(&key) = self.incoming.get(&id) {
            return self.handle_again(now, key);
        }
        match message.to_tag() {
            Some(_) => self.handle_within(now, flow, id, message),
            None => self.handle_outside(now, flow, id, message),
        }
    }

    /// In the order of §8.2: method, merged requests, extensions; then who it is for.
    fn handle_outside(&mut self, now: Instant, flow: Flow, id: ServerId, message: Message) {
        match message.method_ref() {
            Method::Invite | Method::Register | Method::Options => {}
            // They exist in dialogs only.
            Method::Bye | Method::Prack | Method::Update | Method::Info => {
                return self.refuse_unknown(flow, &message);
            }
            Method::Refer
            | Method::Message
            | Method::Notify
            | Method::Subscribe
            | Method::Publish
            | Method::Ack
            | Method::Cancel => return self.refuse(flow, &message, 405, &[("Allow", ALLOW)]),
            Method::Other(_) => return self.refuse(flow, &message, 501, &[("Allow", ALLOW)]),
        }
        let merge = self.io.fingerprints.merge(&message);
        if merge.is_some_and(|merge| self.merges.contains_key(&merge)) {
            return self.refuse_outside(now, flow, message, 482, &[]);
        }
        if let Some(unsupported) = required(&message) {
            let headers = [("Unsupported", unsupported.as_str())];
            return self.refuse_outside(now, flow, message, 420, &headers);
        }
        if *message.method_ref() == Method::Invite {
            return self.handle_invite(now, flow, id, message);
        }
        if self.servers.is_full() {
            return self.refuse_full(flow, &message);
        }
        let user = ServerUser::Nobody;
        let request = self.accept_request(now, flow, id, message.clone(), user);
        self.io.emit(Event::Request { request, flow, message });
    }

    /// Opens the server transaction of a request that is no INVITE.
    pub(super) fn accept_request(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        request: Message,
        user: ServerUser,
    ) -> RequestKey {
        let tag = self.io.random.tag();
        let flow = reply_flow(flow, &request);
        self.open(id, request, user, tag, flow, |endpoint, key| {
            let mut context = endpoint.context(now, TimerOwner::Server(key));
            ServerMachine::Other(ServerNonInvite::new(&mut context, flow))
        })
    }

    /// Opens the server transaction of an INVITE and sends 100.
    pub(super) fn accept_invite(
        &mut self,
        now: Instant,
        flow: Flow,
        id: ServerId,
        request: Message,
        user: ServerUser,
        tag: Tag,
    ) -> RequestKey {
        let flow = reply_flow(flow, &request);
        let trying = response_to(&request, 100, None, &flow, &[], None);
        self.open(id, request, user, tag, flow, |endpoint, key| {
            let mut context = endpoint.context(now, TimerOwner::Server(key));
            ServerMachine::Invite(ServerInvite::new(&mut context, flow, trying))
        })
    }

    fn open(
        &mut self,
        id: ServerId,
        request: Message,
        user: ServerUser,
        tag: Tag,
        flow: Flow,
        machine: impl FnOnce(&mut super::io::Io, RequestKey) -> ServerMachine,
    ) -> RequestKey {
        let merge = self.io.fingerprints.merge(&request);
        let io = &mut self.io;
        let own_id = id.clone();
        let key = self.servers.insert_with(|key| {
            let machine = machine(io, key);
            ServerTransaction {
                id: own_id,
                merge,
                request: Some(request),
                flow,
                tag,
                user,
                machine,
            }
        });
        self.incoming.insert(id, key);
        if let Some(merge) = merge {
            self.merges.insert(merge, key);
        }
        key
    }

    fn handle_again(&mut self, now: Instant, key: RequestKey) {
        self.io.totals.absorbed += 1;
        let Some(transaction) = self.servers.get_mut(key) else { return };
        let mut context = self.io.context(now, TimerOwner::Server(key));
        match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle_again(&mut context),
            ServerMachine::Other(machine) => machine.handle_again(&mut context),
        }
    }

    fn handle_ack(&mut self, now: Instant, id: ServerId, message: &Message) {
        let matched = self.incoming.get(&id).copied().and_then(|key| {
            let transaction = self.servers.get_mut(key)?;
            let mut context = self.io.context(now, TimerOwner::Server(key));
            match &mut transaction.machine {
                ServerMachine::Invite(machine) => Some(machine.handle_ack(&mut context)),
                ServerMachine::Other(_) => None,
            }
        });
        match matched {
            Some(AckOf::Refusal) => {}
            Some(AckOf::Nothing) => self.io.totals.stray_acks += 1,
            Some(AckOf::Success) | None => self.handle_success_ack(now, message),
        }
    }

    /// A CANCEL is answered as long as its INVITE is known; it stops the INVITE only before its
    /// final response (§9.2). Without state of its own: its INVITE's answers its retransmissions.
    fn handle_cancel(&mut self, now: Instant, flow: Flow, id: ServerId, message: &Message) {
        let found = self.incoming.get(&id.into_invite()).copied();
        let Some((key, transaction)) = found.and_then(|key| Some((key, self.servers.get(key)?)))
        else {
            return self.refuse_unknown(flow, message);
        };
        let (tag, user) = (transaction.tag.to_string(), transaction.user);
        let flow = reply_flow(flow, message);
        let bytes = response_to(message, 200, Some(&tag), &flow, &[], None);
        self.io.transmits.push_back(Transmit { flow, bytes });
        if !self.is_pending(key) {
            return;
        }
        self.send_response(now, key, 487, &[], None);
        match user {
            ServerUser::Invite(dialog) => {
                self.close(now, dialog);
                let reason = super::uac::reason_of(message);
                self.io.emit(Event::Cancelled { dialog, reason });
            }
            ServerUser::Within(dialog) => self.forget_reinvite(dialog, key),
            ServerUser::Nobody => {}
        }
    }

    /// Their re-INVITE was answered without the owner.
    fn forget_reinvite(&mut self, dialog: DialogKey, key: RequestKey) {
        if let Some(session) = self.sessions.get_mut(dialog)
            && let Phase::Confirmed(confirmed) = &mut session.phase
            && matches!(confirmed.exchange, Exchange::Theirs(request) if request == key)
        {
            confirmed.exchange = Exchange::Idle;
        }
    }

    /// No final response was sent.
    pub(super) fn is_pending(&self, key: RequestKey) -> bool {
        self.servers.get(key).is_some_and(|transaction| match &transaction.machine {
            ServerMachine::Invite(machine) => machine.is_pending(),
            ServerMachine::Other(machine) => machine.is_pending(),
        })
    }

    /// Responds to a request of an event.
    pub fn respond(
        &mut self,
        now: Instant,
        request: RequestKey,
        status: u16,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Result<(), Misuse> {
        if !(100..700).contains(&status) {
            return Err(Misuse::WrongStatus(status));
        }
        let transaction = self.servers.get(request).ok_or(Misuse::Gone)?;
        if !self.is_pending(request) {
            return Err(Misuse::Gone);
        }
        let is_invite = matches!(transaction.machine, ServerMachine::Invite(_));
        let dialog = match transaction.user {
            ServerUser::Invite(_) => return Err(Misuse::WrongState),
            ServerUser::Within(dialog) => dialog,
            ServerUser::Nobody => {
                self.send_response(now, request, status, headers, body);
                self.drop_request(request);
                return Ok(());
            }
        };
        let answer = self.send_response(now, request, status, headers, body);
        match (is_invite, status) {
            (_, 100..200) => {}
            (true, 200..300) => self.await_ack(now, dialog, request, answer),
            (true, _) => self.forget_reinvite(dialog, request),
            (false, _) => {
                self.forget_request(dialog, request, status);
                self.drop_request(request);
            }
        }
        Ok(())
    }

    /// The request of a transaction that has its final response is not kept: it is by far the largest part
    /// of what lingers. On a stream it still says where to go when the connection breaks (§18.2.2).
    pub(super) fn drop_request(&mut self, key: RequestKey) {
        let is_over = !self.is_pending(key);
        if let Some(transaction) = self.servers.get_mut(key)
            && is_over
            && transaction.flow.transport == Transport::Udp
        {
            transaction.request = None;
        }
    }

    /// Writes and sends a response through the transaction. `None` if it is over.
    pub(super) fn send_response(
        &mut self,
        now: Instant,
        key: RequestKey,
        status: u16,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Option<Bytes> {
        let transaction = self.servers.get_mut(key)?;
        let request = transaction.request.as_ref()?;
        let tag = transaction.tag.to_string();
        let mut writer = ResponseWriter::new(request, status, Some(&tag), &transaction.flow);
        let is_given =
            |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let makes_target = matches!(request.method_ref(), Method::Invite | Method::Update);
        if makes_target && (101..300).contains(&status) && !is_given("Contact") {
            let user = match transaction.user {
                ServerUser::Invite(dialog) | ServerUser::Within(dialog) => {
                    self.sessions.get(dialog).map(|session| session.contact_user.as_str())
                }
                ServerUser::Nobody => None,
            };
            let (user, flow) = (one_line(user.unwrap_or_default()), transaction.flow);
            writer = writer.put(HeaderName::Contact, |out| put_contact(out, &user, &flow));
        }
        let tells_methods = makes_target || *request.method_ref() == Method::Options;
        let is_method_refused = matches!(status, 405 | 501);
        if (tells_methods && (200..300).contains(&status) || is_method_refused)
            && !is_given("Allow")
        {
            writer = writer.header("Allow", ALLOW);
        }
        if !self.io.user_agent.is_empty() && status > 100 {
            writer = writer.header("Server", &self.io.user_agent);
        }
        let bytes = writer.headers(headers).finish(body);
        let mut context = self.io.context(now, TimerOwner::Server(key));
        match (&mut transaction.machine, status) {
            (ServerMachine::Invite(machine), 100..200) => {
                machine.provisional(&mut context, bytes.clone());
            }
            (ServerMachine::Invite(machine), 200..300) => machine.accept(&mut context, &bytes),
            (ServerMachine::Invite(machine), _) => machine.refuse(&mut context, bytes.clone()),
            (ServerMachine::Other(machine), _) => {
                machine.respond(&mut context, status, bytes.clone());
            }
        }
        let lingers = match &transaction.machine {
            ServerMachine::Invite(machine) => machine.is_lingering(),
            ServerMachine::Other(machine) => machine.is_lingering(),
        };
        if lingers {
            self.let_server_linger(key);
        }
        Some(bytes)
    }

    fn let_server_linger(&mut self, key: RequestKey) {
        self.lingering_servers.push(key);
        let max = self.limits.lingering_max;
        while let Some(oldest) = self.lingering_servers.poll_beyond(max, &self.servers) {
            self.remove_server(oldest);
        }
    }

    pub(super) fn handle_server_timeout(
        &mut self,
        now: Instant,
        key: RequestKey,
        reason: TimerReason,
    ) {
        let Some(transaction) = self.servers.get_mut(key) else { return };
        let mut context = self.io.context(now, TimerOwner::Server(key));
        let fired = match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle_timeout(&mut context, reason),
            ServerMachine::Other(machine) => machine.handle_timeout(reason),
        };
        match fired {
            Fired::Goes => {}
            Fired::Over | Fired::TimedOut => self.remove_server(key),
        }
    }

    fn remove_server(&mut self, key: RequestKey) {
        let Some(transaction) = self.servers.remove(key) else { return };
        self.incoming.remove(&transaction.id);
        if let Some(merge) = &transaction.merge
            && self.merges.get(merge) == Some(&key)
        {
            self.merges.remove(merge);
        }
        self.io.timers.clear(TimerOwner::Server(key));
        if let ServerUser::Within(dialog) = transaction.user {
            self.forget_request(dialog, key, 408);
        }
    }

    /// Refuses without state: the same answer to each retransmission (§8.2.7).
    pub(super) fn refuse(
        &mut self,
        flow: Flow,
        request: &Message,
        status: u16,
        headers: &[(&str, &str)],
    ) {
        let flow = reply_flow(flow, request);
        let bytes =
            response_to(request, status, Some(&stateless_tag(request)), &flow, headers, None);
        self.io.transmits.push_back(Transmit { flow, bytes });
    }

    /// As [`Self::refuse`]; an INVITE is told to the owner.
    pub(super) fn refuse_outside(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Message,
        status: u16,
        headers: &[(&str, &str)],
    ) {
        self.refuse(flow, &request, status, headers);
        if *request.method_ref() == Method::Invite {
            self.tell_refusal(now, flow, request, status);
        }
    }

    pub(super) fn refuse_full(&mut self, flow: Flow, request: &Message) {
        self.io.totals.refused_full += 1;
        // Without Retry-After: with it the peer sends nothing at all for that time, urgent calls
        // included.
        self.refuse(flow, request, 503, &[]);
    }

    pub(super) fn refuse_unknown(&mut self, flow: Flow, request: &Message) {
        self.io.totals.unknown_dialogs += 1;
        self.refuse(flow, request, 481, &[]);
    }
}

/// Responses go back to the packet's source; without `rport` to the port that Via names (§18.2.2).
fn reply_flow(mut flow: Flow, request: &Message) -> Flow {
    if flow.transport == Transport::Udp
        && let Ok(via) = request.top_via()
        && !via.has_rport()
    {
        flow.remote.set_port(via.port.unwrap_or(5060));
    }
    flow
}

/// The extensions that the request requires: we have none (§8.2.2.3).
pub(super) fn required(request: &Message) -> Option<String> {
    let tags: Vec<_> = request.values(HeaderName::Require).map(String::from_utf8_lossy).collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}
