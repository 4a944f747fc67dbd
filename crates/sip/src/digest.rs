//! Digest authentication (RFC 7616, RFC 8760): MD5 and SHA-256, `qop=auth`.
//!
//! As a server, [`Verifier`] hands out nonces that it does not store: a keyed hash of the time and
//! a serial number. As a client, [`Credentials::answer`] answers a challenge.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::message::Method;

mod client;
mod fields;
mod nonce;
mod verifier;

#[cfg(test)]
mod tests;

pub use client::Challenge;
pub(crate) use fields::AuthFields;
pub use verifier::{Denied, Verifier, VerifierSetup};

/// Who may register, as hashes: no password is kept.
#[derive(Clone, Eq, PartialEq, Default, Serialize, Deserialize)]
pub struct Account {
    /// MD5 of `user:realm:password`.
    pub ha1_md5: Option<[u8; 16]>,
    /// SHA-256 of `user:realm:password`.
    pub ha1_sha256: Option<[u8; 32]>,
}

impl Account {
    /// Both hashes.
    pub fn new(username: &str, realm: &str, password: &str) -> Self {
        Self {
            ha1_md5: Some(ha1_md5(username, realm, password)),
            ha1_sha256: Some(ha1_sha256(username, realm, password)),
        }
    }
}

/// What we show to a peer that asks.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    pub username: String,
    pub password: String,
    /// Answer only this realm; any if `None`.
    pub realm: Option<String>,
}

/// A hash that a challenge names.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// `None` for one that we do not speak; MD5 where none is named (RFC 7616 §3.3).
    pub fn from_name(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self::Md5) };
        [Self::Md5, Self::Sha256].into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    /// Lower-case hexadecimal, as RFC 7616 joins it.
    fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

/// `user:realm:password` under MD5.
pub fn ha1_md5(username: &str, realm: &str, password: &str) -> [u8; 16] {
    Md5::digest(format!("{username}:{realm}:{password}")).into()
}

/// `user:realm:password` under SHA-256.
pub fn ha1_sha256(username: &str, realm: &str, password: &str) -> [u8; 32] {
    Sha256::digest(format!("{username}:{realm}:{password}")).into()
}

/// What goes into a response beside the secret.
struct Proof<'a> {
    nonce: &'a str,
    /// `nc`, `cnonce`; `None` without `qop` (RFC 2069).
    quality: Option<(&'a str, &'a str)>,
    method: &'a Method,
    uri: &'a str,
}

impl Proof<'_> {
    /// RFC 7616 §3.4.1.
    fn response(&self, algorithm: Algorithm, ha1: &str) -> String {
        let ha2 = algorithm.hash(&[self.method.as_str(), self.uri]);
        match self.quality {
            Some((nc, cnonce)) => algorithm.hash(&[ha1, self.nonce, nc, cnonce, "auth", &ha2]),
            None => algorithm.hash(&[ha1, self.nonce, &ha2]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Takes as long wherever the first difference is.
fn is_equal_constant_time(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let difference = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

/// Whose credentials, never which.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.username)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}
