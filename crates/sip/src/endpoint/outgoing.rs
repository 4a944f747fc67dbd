//! Requests of ours that are no INVITE: out of dialogs, in dialogs, and BYE.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::clients::{ClientTransaction, Credits, User};
use super::session::Phase;
use super::uac::{NOWHERE, name_addr};
use super::{ClientKey, DialogKey, EndedBy, Endpoint, Event, Full, Request, ResolveId, Timeout};
use crate::transaction::{Draft, TransactionKey};
use crate::{Flow, Instant, Message, Target};

/// What stands behind a [`ClientKey`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outgoing {
    purpose: Purpose,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    /// Waits for the target's addresses.
    Resolving(Box<(Draft, Credits)>),
    /// Sent; the flows are addresses of the target not yet tried.
    Sent { flows: VecDeque<Flow> },
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    Outside,
    Within(DialogKey),
    /// Ours alone: its outcome is [`Event::Ended`].
    Bye(DialogKey),
}

impl Endpoint {
    /// Sends a request out of a dialog; [`Event::Response`] follows. Challenges are answered with
    /// its credentials, at most twice.
    pub fn request(&mut self, now: Instant, request: Request) -> Result<ClientKey, Full> {
        if self.clients.is_full() || self.requests.is_full() {
            return Err(Full::ClientTransactions(self.clients.len()));
        }
        let tag = self.io.random.tag().to_string();
        let draft = Draft {
            method: request.method,
            request_uri: request.request_uri,
            from: name_addr(&request.from, &tag),
            to: name_addr(&request.to, ""),
            call_id: self.io.random.call_id(),
            cseq: 1,
            routes: Vec::new(),
            contact_user: request.contact_user,
            authorization: Vec::new(),
            user_agent: self.io.user_agent.clone(),
            headers: request.headers,
            body: request.body,
            branch: self.io.random.branch(),
            flow: NOWHERE,
            is_moved: false,
        };
        let credits = Credits::new(request.credentials);
        Ok(match request.target {
            Target::Flow(flow) => {
                self.send_request(now, Purpose::Outside, Draft { flow, ..draft }, credits)
            }
            target @ Target::Host { .. } => {
                let state = State::Resolving(Box::new((draft, credits)));
                let purpose = Purpose::Outside;
                let client = self.requests.insert_with(|_| Outgoing { purpose, state });
                self.io.emit(Event::Resolve { id: ResolveId::Client(client), target });
                client
            }
        })
    }

    pub(super) fn send_request(
        &mut self,
        now: Instant,
        purpose: Purpose,
        draft: Draft,
        credits: Credits,
    ) -> ClientKey {
        let state = State::Sent { flows: VecDeque::new() };
        let client = self.requests.insert_with(|_| Outgoing { purpose, state });
        self.launch(now, draft, User::Request(client), credits);
        client
    }

    pub(super) fn request_on(
        &mut self,
        now: Instant,
        client: ClientKey,
        mut flows: VecDeque<Flow>,
    ) {
        let Some(outgoing) = self.requests.get_mut(client) else { return };
        let State::Resolving(waiting) = &outgoing.state else { return };
        let Some(flow) = flows.pop_front() else {
            return self.finish_request(now, client, Err(Timeout::Unreachable));
        };
        let (draft, credits) = (**waiting).clone();
        outgoing.state = State::Sent { flows };
        self.launch(now, Draft { flow, ..draft }, User::Request(client), credits);
    }

    pub(super) fn handle_request_response(
        &mut self,
        now: Instant,
        key: TransactionKey,
        client: ClientKey,
        message: Message,
    ) {
        let status = message.status().unwrap_or_default();
        let Some(outgoing) = self.requests.get_mut(client) else { return };
        if status < 200 {
            return;
        }
        let purpose = outgoing.purpose;
        if matches!(status, 401 | 407)
            && let Some(cseq) = self.next_cseq(purpose, key)
            && self.answer_challenge(now, key, &message, cseq).is_some()
        {
            return;
        }
        self.finish_request(now, client, Ok(message));
    }

    pub(super) fn handle_request_failure(
        &mut self,
        now: Instant,
        client: ClientKey,
        transaction: ClientTransaction,
        failure: Timeout,
    ) {
        let Some(outgoing) = self.requests.get_mut(client) else { return };
        if let State::Sent { flows } = &mut outgoing.state
            && let Some(flow) = flows.pop_front()
        {
            let (draft, credits) = transaction.again();
            self.launch_next(now, draft, User::Request(client), credits, flow);
            return;
        }
        self.finish_request(now, client, Err(failure));
    }

    fn finish_request(
        &mut self,
        now: Instant,
        client: ClientKey,
        result: Result<Message, Timeout>,
    ) {
        let Some(outgoing) = self.requests.remove(client) else { return };
        let dialog = match outgoing.purpose {
            Purpose::Outside => None,
            Purpose::Within(dialog) => Some(dialog),
            // Whatever the answer: after a BYE there is no dialog (§15.1.1).
            Purpose::Bye(dialog) => {
                if self.is_open(dialog) {
                    self.close(now, dialog);
                    let by = EndedBy::Local;
                    self.io.emit(Event::Ended { dialog, by, reason: None });
                }
                return;
            }
        };
        self.io.emit(Event::Response { client, dialog, result });
    }

    /// The number after those that the dialog, or the request alone, has used.
    fn next_cseq(&mut self, purpose: Purpose, key: TransactionKey) -> Option<u32> {
        let (Purpose::Within(dialog) | Purpose::Bye(dialog)) = purpose else {
            return Some(self.clients.get(key)?.draft.cseq + 1);
        };
        match &mut self.sessions.get_mut(dialog)?.phase {
            Phase::Confirmed(confirmed) => Some(confirmed.dialog.take_cseq()),
            Phase::Closing(dialog) => Some(dialog.take_cseq()),
            Phase::Resolving(_) | Phase::Inviting(_) | Phase::Invited(_) => None,
        }
    }
}
