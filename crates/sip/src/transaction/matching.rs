//! What tells transactions apart (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2).

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

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

/// Makes identities out of what a peer wrote: a keyed hash of 128 bits, whose key is the endpoint's
/// secret, so that nobody outside can make two of them meet.
#[derive(Copy, Clone, Serialize, Deserialize)]
pub(crate) struct Fingerprints {
    key: [u64; 2],
}

/// The key is nobody's business.
impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints")
    }
}

impl Fingerprints {
    pub(crate) fn new(key: [u64; 2]) -> Self {
        Self { key }
    }

    fn of(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        for part in parts {
            hasher.write_usize(part.len()); // "a", "bc" is not "ab", "c"
            hasher.write(part);
        }
        hasher.finish128().as_u128()
    }

    /// `None` if a header that it needs is unreadable.
    pub(crate) fn server(&self, request: &Message) -> Option<ServerId> {
        let via = request.top_via().ok()?;
        // The cookie alone says nothing: all requests of such a client have it (RFC 4475 §3.2.1).
        let is_identity = |branch: &&str| branch.starts_with(COOKIE) && branch.len() > COOKIE.len();
        let host = match via.host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(via.host.to_ascii_lowercase()),
            false => Cow::Borrowed(via.host),
        };
        let port = via.port.unwrap_or_default().to_be_bytes();
        let origin = match via.branch().filter(is_identity) {
            Some(branch) => self.of(&[branch.as_bytes(), host.as_bytes(), &port]),
            // An RFC 2543 client: what §17.2.3 names instead. It sends ACK and CANCEL under the
            // INVITE's own top Via.
            None => self.of(&[
                request.request_uri()?,
                request.from_tag().unwrap_or_default().as_bytes(),
                request.call_id().ok()?.as_bytes(),
                &request.cseq().ok()?.number.to_be_bytes(),
                request.header(HeaderName::Via)?,
                host.as_bytes(),
                &port,
            ]),
        };
        Some(ServerId { origin, method: ServerMethod::of(request.method_ref()) })
    }

    /// `None` for requests in a dialog, and for those without what it needs.
    pub(crate) fn merge(&self, request: &Message) -> Option<MergeId> {
        if request.to_tag().is_some() {
            return None;
        }
        let number = request.cseq().ok()?.number.to_be_bytes();
        Some(MergeId(self.of(&[
            request.from_tag().unwrap_or_default().as_bytes(),
            request.call_id().ok()?.as_bytes(),
            &number,
            request.method_ref().as_str().as_bytes(),
        ])))
    }
}

/// The identity of a server transaction: branch and sent-by.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct ServerId {
    origin: u128,
    method: ServerMethod,
}

impl ServerId {
    /// The INVITE that a CANCEL with this identity is meant for (§9.2).
    pub(crate) fn into_invite(self) -> Self {
        Self { origin: self.origin, method: ServerMethod::Invite }
    }
}

/// What two copies of one request have in common though they came on two paths (§8.2.2.2).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Serialize, Deserialize)]
pub(crate) struct MergeId(u128);
