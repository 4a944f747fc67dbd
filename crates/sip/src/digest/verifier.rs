//! Checking a request's credentials.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fields::escape;
use super::nonce::{Nonces, Unusable};
use super::{Account, Algorithm, AuthFields, Proof, hex, is_equal_constant_time};
use crate::header::HeaderName;
use crate::message::Message;
use crate::time::Instant;
use crate::uri::Uri;

/// What a verifier is told.
#[derive(Clone, Debug)]
pub struct VerifierSetup {
    pub realm: String,
    /// Secret of the node.
    pub key: [u8; 32],
    /// Changes with each start that lost state.
    pub epoch: u64,
    /// In order of preference; one challenge each.
    pub algorithms: Vec<Algorithm>,
}

/// Challenges, and checks what comes back. Its state is the `nc` windows of live nonces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verifier {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonces: Nonces,
}

/// Why a request is not authenticated. Each is answered with a new challenge.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
pub enum Denied {
    #[error("no credentials for this realm")]
    NoCredentials,
    #[error("credentials that cannot be read")]
    Malformed,
    #[error("wrong user or password")]
    Wrong,
    /// The password was right: the next challenge says `stale=true`, so that no user is asked.
    #[error("the nonce is too old")]
    Stale,
    /// As stale, because an honest client that lost count recovers the same way.
    #[error("the nonce count was used before")]
    Replayed,
}

impl Denied {
    pub const fn is_stale(self) -> bool {
        matches!(self, Self::Stale | Self::Replayed)
    }
}

impl Verifier {
    pub fn new(setup: VerifierSetup) -> Self {
        let nonces = Nonces::new(&setup.key, setup.epoch);
        Self { realm: setup.realm, algorithms: setup.algorithms, nonces }
    }

    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Other algorithms in the challenges from here on; nonces that are out stay good.
    pub fn offer(&mut self, algorithms: Vec<Algorithm>) {
        self.algorithms = algorithms;
    }

    /// Values for WWW-Authenticate, one an algorithm, best first (RFC 8760 §2.3).
    pub fn challenges(&mut self, now: Instant, stale: bool) -> Vec<String> {
        let nonce = self.nonces.make(now);
        let stale = if stale { ", stale=true" } else { "" };
        let realm = escape(&self.realm);
        let challenge = |algorithm: &Algorithm| {
            let algorithm = algorithm.as_str();
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, \
                 qop=\"auth\"{stale}"
            )
        };
        self.algorithms.iter().map(challenge).collect()
    }

    /// The user that the request's credentials for our realm speak of, proven or not.
    pub fn claimed_user(&self, request: &Message) -> Option<String> {
        self.fields_of(request)?.get("username").map(|user| user.into_owned())
    }

    fn fields_of<'m>(&self, request: &'m Message) -> Option<AuthFields<'m>> {
        request
            .headers(HeaderName::Authorization)
            .filter_map(AuthFields::read)
            .find(|fields| fields.get("realm").is_some_and(|realm| realm == self.realm))
    }

    /// The user that the request proves to be.
    ///
    /// An unknown user costs the same work as a known one with a wrong password, and gets the
    /// same answer.
    pub fn verify(
        &mut self,
        now: Instant,
        request: &Message,
        accounts: &dyn Fn(&str) -> Option<Account>,
    ) -> Result<String, Denied> {
        let fields = self.fields_of(request).ok_or(Denied::NoCredentials)?;
        let get = |name| fields.get(name).ok_or(Denied::Malformed);
        let (username, nonce, uri) = (get("username")?, get("nonce")?, get("uri")?);
        let (nc, cnonce, response) = (get("nc")?, get("cnonce")?, get("response")?);
        let algorithm = Algorithm::from_name(fields.get("algorithm").as_deref())
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or(Denied::Malformed)?;
        let count = read_count(&nc).ok_or(Denied::Malformed)?;
        if !get("qop")?.eq_ignore_ascii_case("auth") {
            return Err(Denied::Malformed);
        }

        let ha1 = ha1(accounts(&username).as_ref(), algorithm);
        let method = request.method_ref();
        let proof = Proof { nonce: &nonce, quality: Some((&nc, &cnonce)), method, uri: &uri };
        let secret = ha1.as_deref().unwrap_or("no such user");
        let expected = proof.response(algorithm, secret);
        let is_right =
            is_equal_constant_time(expected.as_bytes(), response.to_ascii_lowercase().as_bytes());
        if !is_right || ha1.is_none() || !is_same_resource(request, &uri) {
            return Err(Denied::Wrong);
        }
        let id = self.nonces.identify(now, &nonce).map_err(Denied::from)?;
        self.nonces.use_once(now, id, count).map_err(Denied::from)?;
        Ok(username.into_owned())
    }
}

impl From<Unusable> for Denied {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Stale => Self::Stale,
            Unusable::Replayed => Self::Replayed,
        }
    }
}

fn ha1(account: Option<&Account>, algorithm: Algorithm) -> Option<String> {
    let account = account?;
    match algorithm {
        Algorithm::Md5 => account.ha1_md5.map(|hash| hex(&hash)),
        Algorithm::Sha256 => account.ha1_sha256.map(|hash| hex(&hash)),
    }
}

/// Eight hexadecimal digits (RFC 7616 §3.4); some phones write fewer.
fn read_count(nc: &str) -> Option<u32> {
    let is_hex = (1..=8).contains(&nc.len()) && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(nc, 16).ok()).flatten()
}

/// The digest's `uri` names what is asked for (RFC 7616 §3.4.6): user and host. Ports and
/// parameters differ where a proxy stands between.
fn is_same_resource(request: &Message, uri: &str) -> bool {
    match (request.uri(), Uri::read_str(uri)) {
        (Ok(asked), Ok(proven)) => {
            asked.user == proven.user && asked.host.eq_ignore_ascii_case(proven.host)
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}
