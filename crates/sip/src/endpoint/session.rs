//! What stands behind a [`DialogKey`](crate::DialogKey): one INVITE and the dialog it makes.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clients::ClientTransaction;
use super::io::Tag;
use super::servers::ServerTransaction;
use super::slab::Slab;
use crate::dialog::Dialog;
use crate::transaction::{Draft, TransactionKey};
use crate::{Credentials, Flow, RequestKey};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    /// Ours: From-tag of our INVITE, To-tag of our answer.
    pub(super) tag: Tag,
    pub(super) call_id: String,
    /// User part of our Contact.
    pub(super) contact_user: String,
    /// For challenges to our requests.
    pub(super) credentials: Option<Credentials>,
    /// Requests of theirs, other than INVITE, that await the owner.
    pub(super) pending: Vec<RequestKey>,
    pub(super) phase: Phase,
}

impl Session {
    /// Its dialog, or the INVITE that is to make it, is on this flow.
    pub(super) fn is_on(
        &self,
        flow: &Flow,
        clients: &Slab<TransactionKey, ClientTransaction>,
        servers: &Slab<RequestKey, ServerTransaction>,
    ) -> bool {
        match &self.phase {
            Phase::Resolving(_) => false,
            Phase::Inviting(inviting) => {
                clients.get(inviting.transaction).is_some_and(|it| it.draft.hop() == *flow)
            }
            Phase::Invited(invited) => {
                servers.get(invited.transaction).is_some_and(|it| it.flow == *flow)
            }
            Phase::Confirmed(confirmed) => confirmed.dialog.flow() == *flow,
            Phase::Closing(dialog) => dialog.flow() == *flow,
        }
    }

    pub(super) fn confirmed_mut(&mut self) -> Option<&mut Confirmed> {
        match &mut self.phase {
            Phase::Confirmed(confirmed) => Some(confirmed),
            Phase::Resolving(_) | Phase::Inviting(_) | Phase::Invited(_) | Phase::Closing(_) => {
                None
            }
        }
    }

    /// The dialog of this session with that remote tag takes a request with that number.
    /// `None`: no such dialog; `Some(false)`: out of order (§12.2.2).
    pub(super) fn take_remote_cseq(&mut self, tag: &str, cseq: u32, flow: Flow) -> Option<bool> {
        let dialog = match &mut self.phase {
            Phase::Resolving(_) => return None,
            Phase::Inviting(inviting) => {
                let early = inviting.early.iter_mut().find(|early| early.tag == tag)?;
                let in_order = early.cseq.is_none_or(|last| cseq > last);
                early.cseq = early.cseq.max(Some(cseq));
                return Some(in_order);
            }
            Phase::Invited(invited) => &mut invited.dialog,
            Phase::Confirmed(confirmed) => &mut confirmed.dialog,
            Phase::Closing(dialog) => dialog,
        };
        dialog.is_remote_tag(tag).then(|| dialog.take_remote_cseq(cseq, flow))
    }

    /// A response of theirs made or would make a dialog with this tag.
    pub(super) fn has_remote_tag(&self, tag: &str) -> bool {
        match &self.phase {
            Phase::Resolving(_) => false,
            Phase::Inviting(inviting) => inviting.early.iter().any(|early| early.tag == tag),
            Phase::Invited(invited) => invited.dialog.is_remote_tag(tag),
            Phase::Confirmed(confirmed) => confirmed.dialog.is_remote_tag(tag),
            Phase::Closing(dialog) => dialog.is_remote_tag(tag),
        }
    }
}

/// ```text
///   ours:   Resolving ─▶ Inviting ─2xx─▶ Confirmed ─bye─▶ Closing
///   theirs: Invited ─answer────────────────▲
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Our INVITE waits for its target's addresses.
    Resolving(Box<Draft>),
    /// Our INVITE has no final response.
    Inviting(Inviting),
    /// Their INVITE has no final response.
    Invited(Invited),
    /// Boxed: the longest phase by far, and the largest.
    Confirmed(Box<Confirmed>),
    /// Our BYE has no final response.
    Closing(Box<Dialog>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Inviting {
    pub(super) transaction: TransactionKey,
    /// Addresses of the target not yet tried.
    pub(super) flows: VecDeque<Flow>,
    /// A 1xx came, and the owner was told.
    pub(super) heard: bool,
    pub(super) early: Vec<Early>,
    pub(super) cancel: Cancel,
}

/// An early dialog: one To-tag of 1xx responses.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Early {
    pub(super) tag: String,
    /// Of their last request in it.
    pub(super) cseq: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Cancel {
    No,
    /// Waits for a 1xx (§9.1), with its Reason.
    Wanted(Option<String>),
    Sent,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Invited {
    pub(super) transaction: RequestKey,
    pub(super) dialog: Dialog,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Confirmed {
    pub(super) dialog: Dialog,
    pub(super) exchange: Exchange,
}

/// Where the last INVITE of the dialog stands: one at a time (§14.1).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Exchange {
    Idle,
    /// Our INVITE got its 2xx, the owner has not called `ack`.
    AckDue {
        transaction: TransactionKey,
        cseq: u32,
    },
    /// Our 2xx has no ACK: it is sent again.
    AckAwaited(AckAwaited),
    /// Our re-INVITE has no final response.
    Ours(TransactionKey),
    /// Their re-INVITE awaits the owner.
    Theirs(RequestKey),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AckAwaited {
    pub(super) answer: Bytes,
    pub(super) flow: Flow,
    pub(super) cseq: u32,
    /// Between the last sending and the next.
    pub(super) interval: Duration,
    /// The owner's `bye` waits for the ACK (§15), with its Reason.
    pub(super) bye: Bye,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Bye {
    No,
    Wanted(Option<String>),
}
