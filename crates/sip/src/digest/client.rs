//! Answering a challenge.

use super::fields::escape;
use super::{Algorithm, AuthFields, Credentials, Proof, hex};
use crate::header::HeaderName;
use crate::message::{Message, Method};

/// A challenge that we can answer.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub algorithm: Algorithm,
    /// `qop=auth` is on offer.
    pub has_qop_auth: bool,
    pub opaque: Option<String>,
    /// The nonce had expired; the credentials were right.
    pub stale: bool,
    /// The header that carries the answer.
    proxy: bool,
}

impl Challenge {
    /// The challenges of a 401 or 407 that we can answer, in the peer's order of preference
    /// (RFC 8760 §2.4).
    pub fn all(response: &Message) -> impl Iterator<Item = Self> {
        let www = response.headers(HeaderName::WwwAuthenticate).map(|value| (false, value));
        let proxy = response.headers(HeaderName::ProxyAuthenticate).map(|value| (true, value));
        www.chain(proxy).filter_map(|(proxy, value)| Self::read(value, proxy))
    }

    fn read(value: &[u8], proxy: bool) -> Option<Self> {
        let fields = AuthFields::read(value)?;
        let qop = fields.get("qop");
        let has_qop_auth = qop
            .as_deref()
            .is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some_and(|qop| !qop.is_empty()) && !has_qop_auth {
            return None;
        }
        Some(Self {
            realm: fields.get("realm")?.into_owned(),
            nonce: fields.get("nonce")?.into_owned(),
            algorithm: Algorithm::from_name(fields.get("algorithm").as_deref())?,
            has_qop_auth,
            opaque: fields.get("opaque").map(|opaque| opaque.into_owned()),
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            proxy,
        })
    }
}

impl Credentials {
    /// The header (name, value) that answers a 401 or 407. `None` if none of its challenges is for
    /// our realm, or in an algorithm that we speak. `nc` counts the requests under this nonce from
    /// 1; `cnonce` is the caller's randomness.
    pub fn answer(
        &self,
        response: &Message,
        method: &Method,
        request_uri: &str,
        nc: u32,
        cnonce: u64,
    ) -> Option<(&'static str, String)> {
        let challenge = Challenge::all(response).find(|challenge| self.is_for(challenge))?;
        Some(self.answer_challenge(&challenge, method, request_uri, nc, cnonce))
    }

    /// As [`Credentials::answer`], for a challenge that was kept.
    pub fn answer_challenge(
        &self,
        challenge: &Challenge,
        method: &Method,
        request_uri: &str,
        nc: u32,
        cnonce: u64,
    ) -> (&'static str, String) {
        let algorithm = challenge.algorithm;
        let ha1 = algorithm.hash(&[&self.username, &challenge.realm, &self.password]);
        let (nc, cnonce) = (format!("{nc:08x}"), hex(&cnonce.to_be_bytes()));
        let quality = challenge.has_qop_auth.then_some((nc.as_str(), cnonce.as_str()));
        let proof = Proof { nonce: &challenge.nonce, quality, method, uri: request_uri };
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\", \
             algorithm={}",
            escape(&self.username),
            escape(&challenge.realm),
            escape(&challenge.nonce),
            escape(request_uri),
            proof.response(algorithm, &ha1),
            algorithm.as_str(),
        );
        if challenge.has_qop_auth {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &challenge.opaque {
            value.push_str(&format!(", opaque=\"{}\"", escape(opaque)));
        }
        (if challenge.proxy { "Proxy-Authorization" } else { "Authorization" }, value)
    }

    fn is_for(&self, challenge: &Challenge) -> bool {
        self.realm.as_ref().is_none_or(|realm| *realm == challenge.realm)
    }
}
