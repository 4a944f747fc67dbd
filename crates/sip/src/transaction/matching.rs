//! What tells transactions apart (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2).

use serde::{Deserialize, Serialize};

use crate::write::put_hex;
use crate::{HeaderName, Message, Method};

/// The start of every RFC 3261 branch (§8.1.1.7).
const COOKIE: &str = "z9hG4bK";

/// The branch of a request of ours: the cookie and 128 random bits.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct Branch(pub(crate) u128);

impl Branch {
    /// Of the top Via of a response; `None` if we never wrote it.
    pub(crate) fn of_response(response: &Message) -> Option<Self> {
        let digits = response.top_via().ok()?.branch()?.strip_prefix(COOKIE)?;
        if digits.len() != 32 {
            return None;
        }
        u128::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl Branch {
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(COOKIE.as_bytes());
        put_hex(out, self.0, 32);
    }
}

/// The method as far as it tells server transactions apart: an ACK is its INVITE's.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) enum ServerMethod {
    Invite,
    Other(Method),
}

impl ServerMethod {
    fn of(method: &Method) -> Self {
        match method {
            Method::Invite | Method::Ack => Self::Invite,
            other @ (Method::Bye
            | Method::Cancel
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
            | Method::Other(_)) => Self::Other(other.clone()),
        }
    }
}

/// The identity of a server transaction.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct ServerId {
    /// Branch and sent-by; for RFC 2543 clients what §17.2.3 names instead.
    origin: String,
    method: ServerMethod,
}

impl ServerId {
    /// `None` if a header that it needs is unreadable.
    pub(crate) fn of(request: &Message) -> Option<Self> {
        let via = request.top_via().ok()?;
        let mut origin = String::with_capacity(64);
        // The cookie alone says nothing: all requests of such a client have it (RFC 4475 §3.2.1).
        let is_identity = |branch: &&str| branch.starts_with(COOKIE) && branch.len() > COOKIE.len();
        match via.branch().filter(is_identity) {
            Some(branch) => origin.push_str(branch),
            None => {
                let cseq = request.cseq().ok()?;
                origin.push_str(&String::from_utf8_lossy(request.request_uri()?));
                origin.push(' ');
                origin.push_str(request.from().ok()?.tag().unwrap_or_default());
                origin.push(' ');
                origin.push_str(request.call_id().ok()?);
                origin.push_str(&format!(" {} ", cseq.number));
                // An RFC 2543 client sends ACK and CANCEL under the INVITE's own top Via.
                origin.push_str(&String::from_utf8_lossy(request.header(HeaderName::Via)?));
            }
        }
        origin.push(' ');
        origin.push_str(&via.host.to_ascii_lowercase());
        origin.push_str(&format!(":{}", via.port.unwrap_or_default()));
        Some(Self { origin, method: ServerMethod::of(request.method_ref()) })
    }

    /// The INVITE that a CANCEL with this identity is meant for (§9.2).
    pub(crate) fn into_invite(self) -> Self {
        Self { origin: self.origin, method: ServerMethod::Invite }
    }
}

/// What two copies of one request have in common though they came on two paths (§8.2.2.2).
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct MergeId {
    from_tag: String,
    call_id: String,
    cseq: u32,
    method: ServerMethod,
}

impl MergeId {
    /// `None` for requests in a dialog, and for those without what it needs.
    pub(crate) fn of(request: &Message) -> Option<Self> {
        if request.to().ok()?.tag().is_some() {
            return None;
        }
        Some(Self {
            from_tag: request.from().ok()?.tag().unwrap_or_default().to_string(),
            call_id: request.call_id().ok()?.to_string(),
            cseq: request.cseq().ok()?.number,
            method: ServerMethod::of(request.method_ref()),
        })
    }
}
