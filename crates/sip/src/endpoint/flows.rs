//! Flows that fail, and requests that are too large for theirs (RFC 3261 §18).
//!
//! A request over UDP that would not fit one packet goes over TCP to the same address. Where nobody
//! takes TCP it goes by UDP after all, under the same branch: to a peer who had it already it is a
//! retransmission. Who takes none is remembered, so that the next request does not wait.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clients::ClientMachine;
use super::servers::{ServerMachine, ServerUser};
use super::session::{Exchange, Phase};
use super::{DialogKey, Endpoint, Misuse, Timeout};
use crate::limits::{DATAGRAM_BYTES_SAFE, NO_TCP_MAX, NO_TCP_SECS};
use crate::transaction::{Draft, TimerOwner, TransactionKey};
use crate::{Flow, Instant, Message, Method, Transport};

impl Endpoint {
    /// The request's bytes, for the transport that its size wants.
    pub(super) fn fit(&mut self, now: Instant, draft: &mut Draft) -> Bytes {
        draft.is_moved = false;
        let bytes = draft.write();
        let is_safe = draft.flow.transport != Transport::Udp || bytes.len() <= DATAGRAM_BYTES_SAFE;
        if is_safe || self.no_tcp.contains(now, draft.flow.remote) {
            return bytes;
        }
        draft.is_moved = true;
        draft.write()
    }

    pub(super) fn fail_flow(&mut self, now: Instant, flow: &Flow) {
        // Nothing will come for the pending requests on it (§8.1.3.1).
        let pending = self.clients.iter().filter(|(_, transaction)| {
            transaction.draft.hop() == *flow && transaction.machine.is_pending()
        });
        let pending: Vec<_> = pending.map(|(key, _)| key).collect();
        if flow.transport.is_reliable() && flow.connection != 0 {
            self.lose_connection(now, flow);
        }
        for key in pending {
            if !self.fall_back(now, key) {
                self.fail_client(now, key, Timeout::Unreachable);
            }
        }
    }

    /// What was to go on this connection goes on a new one.
    fn lose_connection(&mut self, now: Instant, flow: &Flow) {
        let on_it = self.servers.iter().filter(|(_, transaction)| transaction.flow == *flow);
        let on_it: Vec<_> = on_it.map(|(key, _)| key).collect();
        let mut answers: BTreeMap<DialogKey, Flow> = BTreeMap::new();
        for key in on_it {
            let Some(transaction) = self.servers.get_mut(key) else { continue };
            let Some(request) = &transaction.request else { continue };
            transaction.flow = sent_by(flow, request);
            let mut context = self.io.context(now, TimerOwner::Server(key));
            match &mut transaction.machine {
                ServerMachine::Invite(machine) => machine.move_to(&mut context, transaction.flow),
                ServerMachine::Other(machine) => machine.move_to(transaction.flow),
            }
            match transaction.user {
                ServerUser::Invite(dialog) | ServerUser::Within(dialog) => {
                    answers.insert(dialog, transaction.flow);
                }
                ServerUser::Nobody => {}
            }
        }
        for (key, session) in self.sessions.iter_mut() {
            match &mut session.phase {
                Phase::Resolving(_) | Phase::Inviting(_) => {}
                Phase::Invited(invited) => invited.dialog.lose(flow),
                Phase::Closing(dialog) => dialog.lose(flow),
                Phase::Confirmed(confirmed) => {
                    confirmed.dialog.lose(flow);
                    if let Exchange::AckAwaited(awaited) = &mut confirmed.exchange
                        && awaited.flow == *flow
                    {
                        let any = Flow { connection: 0, ..*flow };
                        awaited.flow = answers.get(&key).copied().unwrap_or(any);
                    }
                }
            }
        }
    }

    /// The peer of a dialog whose connection is gone is heard on this flow: its requests go there.
    /// Nothing happens while the dialog has a flow of its own.
    pub fn follow(&mut self, dialog: DialogKey, flow: Flow) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(dialog).ok_or(Misuse::Gone)?;
        let dialog = match &mut session.phase {
            Phase::Resolving(_) | Phase::Inviting(_) => return Err(Misuse::WrongState),
            Phase::Invited(invited) => &mut invited.dialog,
            Phase::Confirmed(confirmed) => &mut confirmed.dialog,
            Phase::Closing(dialog) => dialog,
        };
        if dialog.is_lost() {
            dialog.move_to(flow);
        }
        Ok(())
    }

    /// A request that was moved to TCP and got no response starts again over UDP.
    fn fall_back(&mut self, now: Instant, key: TransactionKey) -> bool {
        let Some(transaction) = self.clients.get_mut(key) else { return false };
        let draft = &mut transaction.draft;
        // A CANCEL goes where its INVITE went, or is not needed.
        let may = draft.is_moved && draft.method != Method::Cancel;
        if !may || !transaction.machine.is_unheard() {
            return false;
        }
        draft.is_moved = false;
        let bytes = draft.write();
        let owner = TimerOwner::Client(key);
        self.io.timers.clear(owner);
        let mut context = self.io.context(now, owner);
        transaction.machine = ClientMachine::new(&mut context, draft, bytes);
        self.no_tcp.insert(now, draft.flow.remote);
        true
    }
}

/// Where a response goes whose connection is gone: to the source, at the port that Via names.
fn sent_by(flow: &Flow, request: &Message) -> Flow {
    let port = request.top_via().ok().and_then(|via| via.port).unwrap_or(5060);
    Flow { remote: SocketAddr::new(flow.remote.ip(), port), connection: 0, ..*flow }
}

/// Peers that took no TCP when a large request wanted it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct NoTcp {
    until: BTreeMap<SocketAddr, Instant>,
    /// The oldest first; an address that was found so again is in it twice.
    order: VecDeque<(Instant, SocketAddr)>,
}

impl NoTcp {
    fn contains(&self, now: Instant, remote: SocketAddr) -> bool {
        self.until.get(&remote).is_some_and(|until| now < *until)
    }

    fn insert(&mut self, now: Instant, remote: SocketAddr) {
        while let Some((until, oldest)) = self.order.front().copied() {
            if now < until && self.order.len() < NO_TCP_MAX {
                break;
            }
            self.order.pop_front();
            if self.until.get(&oldest) == Some(&until) {
                self.until.remove(&oldest);
            }
        }
        let until = now + Duration::from_secs(NO_TCP_SECS);
        self.until.insert(remote, until);
        self.order.push_back((until, remote));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_without_tcp_are_remembered_for_a_time_and_up_to_a_number() {
        let mut table = NoTcp::default();
        let peer = |number: usize| {
            let port = u16::try_from(number).expect("few enough");
            SocketAddr::from(([192, 0, 2, 1], port))
        };
        let start = Instant::from_secs(1);
        table.insert(start, peer(1));
        assert!(table.contains(start, peer(1)) && !table.contains(start, peer(2)));
        let later = start + Duration::from_secs(NO_TCP_SECS);
        assert!(!table.contains(later, peer(1)));
        for number in 0..NO_TCP_MAX + 10 {
            table.insert(later, peer(number));
        }
        assert_eq!((table.until.len(), table.order.len()), (NO_TCP_MAX, NO_TCP_MAX));
        assert!(!table.contains(later, peer(9)) && table.contains(later, peer(10)));
    }
}
