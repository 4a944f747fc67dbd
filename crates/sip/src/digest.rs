//! Digest authentication (RFC 7616, RFC 8760): MD5 and SHA-256, `qop=auth`.
//!
//! As a server, [`Verifier`] hands out nonces that it does not store: a keyed hash of the epoch
//! and the time. As a client, [`Credentials::answer`] answers a challenge.

use serde::{Deserialize, Serialize};

/// Who may register, as hashes: no password is kept.
#[derive(Clone, Eq, PartialEq, Default, Serialize, Deserialize)]
pub struct Account {
    /// MD5 of `user:realm:password`.
    pub ha1_md5: Option<[u8; 16]>,
    /// SHA-256 of `user:realm:password`.
    pub ha1_sha256: Option<[u8; 32]>,
}

/// What we show to a peer that asks.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    pub username: String,
    pub password: String,
    /// Answer only this realm; any if `None`.
    pub realm: Option<String>,
}
