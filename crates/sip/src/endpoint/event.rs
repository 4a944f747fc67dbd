//! What the endpoint tells its owner.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ClientKey, DialogKey, RequestKey};
use crate::{Flow, Message, Target};

/// An event out of [`Endpoint::poll_event`](crate::Endpoint::poll_event). After a *terminal* one
/// the key is dead: every command on it is a [`Misuse`](crate::Misuse).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A new INVITE; 100 is already sent. The owner must `progress`, `answer` or `reject`.
    Invited { dialog: DialogKey, flow: Flow, invite: Message },
    /// An INVITE out of a dialog that the endpoint has refused by itself: told once, not for its
    /// copies. One that came on two paths is not told (482): it belongs to the first of them.
    /// `invite` may be a [`Malformed::invite`](crate::Malformed::invite). There is no dialog.
    Refused { flow: Flow, invite: Message, status: u16 },
    /// Their CANCEL won (RFC 3261 §9.2): 200 and 487 are sent. `reason` is its Reason header
    /// (RFC 3326). Terminal.
    Cancelled { dialog: DialogKey, reason: Option<String> },
    /// The first ACK to one of our 2xx, to the INVITE or to a re-INVITE, with the session description
    /// in its body.
    Acked { dialog: DialogKey, body: Option<Bytes> },
    /// 64·T1 went by without an ACK to our 2xx: BYE is sent, [`Event::Ended`] follows.
    AckMissing { dialog: DialogKey },
    /// The first 1xx (100 too) came on our INVITE: the peer is reachable.
    Trying { dialog: DialogKey },
    /// A 1xx above 100 on our INVITE.
    Progress { dialog: DialogKey, status: u16, message: Message },
    /// The first 2xx on our INVITE. The owner must `ack`, then may `bye`.
    Answered { dialog: DialogKey, message: Message },
    /// A 2xx crossed our CANCEL: the endpoint sends ACK and BYE, [`Event::Ended`] follows.
    Crossed { dialog: DialogKey },
    /// A final answer that is no 2xx (ACK is sent), 408 when nobody answered (timer B), 503 when
    /// the transport failed, 487 after `cancel`. `message` is theirs, if one came. Terminal.
    Rejected { dialog: DialogKey, status: u16, message: Option<Message> },
    /// A re-INVITE or UPDATE: the owner must `respond`. The endpoint sends a re-INVITE's 2xx until
    /// its ACK comes. If they CANCEL it, `respond` is refused as [`Misuse::Gone`](crate::Misuse).
    Reinvited { dialog: DialogKey, request: RequestKey, message: Message },
    /// The outcome of our re-INVITE (ACK is sent): a 2xx, or the status that refused it. After
    /// 491 the owner may try again; after 408 or 481 he should `bye` (RFC 3261 §12.2.1.2).
    Reanswered { dialog: DialogKey, result: Result<Message, u16> },
    /// INFO, OPTIONS, PRACK, REFER, MESSAGE, … in a dialog: the owner must `respond`.
    InDialog { dialog: DialogKey, request: RequestKey, message: Message },
    /// REGISTER or OPTIONS out of a dialog: the owner must `respond`.
    Request { request: RequestKey, flow: Flow, message: Message },
    /// The outcome of `request` or `request_within`. The client key is dead.
    Response { client: ClientKey, dialog: Option<DialogKey>, result: Result<Message, Timeout> },
    /// The dialog is gone. `reason` is the Reason header of their BYE. Terminal.
    Ended { dialog: DialogKey, by: EndedBy, reason: Option<String> },
    /// A request waits for its target's addresses: the owner must call `resolved`.
    Resolve { id: ResolveId, target: Target },
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum EndedBy {
    /// Their BYE came, 200 is sent.
    Remote,
    /// Our BYE was answered, or timed out.
    Local,
}

/// What waits for addresses.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub enum ResolveId {
    Dialog(DialogKey),
    Client(ClientKey),
}

/// Why a request has no final response (RFC 3261 §8.1.3.1).
#[derive(Copy, Clone, Eq, PartialEq, Debug, Serialize, Deserialize)]
pub enum Timeout {
    /// Timer B or F fired: as a 408.
    NoResponse,
    /// The transport failed, or the target has no address: as a 503.
    Unreachable,
}

impl Timeout {
    pub const fn status(self) -> u16 {
        match self {
            Self::NoResponse => 408,
            Self::Unreachable => 503,
        }
    }
}
