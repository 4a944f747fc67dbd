//! Watches what the engine sends in one dialog, as it is sent: ahead of the network, so that no loss
//! hides anything.

use std::collections::BTreeSet;

use sip::{HeaderName, Message, Method};

use crate::failure::{Check, Failure};
use crate::transcript::Digest;
use crate::wire::Described;

/// One dialog, from the engine's peer.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    engine_tag: Option<u64>,
    sent: Vec<Sent>,
    last_cseq: u32,
    /// Its BYE, or ours, is completed.
    pub over: bool,
    /// A response to its INVITE has reached it.
    pub provisional_arrived: bool,
    pub final_arrived: bool,
    description: Option<(Described, u64)>,
    final_answer: Option<(u16, u64)>,
}

#[derive(Debug)]
struct Sent {
    branch: u64,
    method: Method,
    cseq: u32,
    digest: u64,
}

impl Witness {
    /// A request of the engine. Whether it is new, or sent again.
    pub(crate) fn request(
        &mut self,
        message: &Message,
        branches: &mut BTreeSet<u64>,
    ) -> Result<bool, Failure> {
        let digest = Digest::of(message.bytes());
        let via = message.top_via().map_err(|error| unreadable(message, &error))?;
        let branch = via.branch().unwrap_or_default();
        if !branch.starts_with("z9hG4bK") {
            return Err(Failure::new(Check::Branch, format!("{message:?} has branch {branch:?}")));
        }
        let branch = Digest::of(branch.as_bytes());
        let cseq = message.cseq().map_err(|error| unreadable(message, &error))?.number;
        let method = message.method();
        if let Some(sent) =
            self.sent.iter().find(|sent| sent.branch == branch && sent.method == method)
        {
            if sent.digest != digest {
                return Err(Failure::new(Check::SameBytesAgain, format!("{message:?} differs")));
            }
            return Ok(false);
        }
        if self.over && method != Method::Ack {
            return Err(Failure::new(
                Check::AfterTheEnd,
                format!("{message:?} in an ended dialog"),
            ));
        }
        self.check_engine_tag(message, HeaderName::From)?;
        let shares_the_invites = method == Method::Cancel
            || method == Method::Ack && self.sent.iter().any(|sent| sent.branch == branch);
        if shares_the_invites {
            let invite = self.sent.iter().any(|sent| {
                sent.branch == branch && sent.method == Method::Invite && sent.cseq == cseq
            });
            if !invite {
                let detail = format!("{message:?} matches no INVITE's branch and number");
                return Err(Failure::new(Check::Branch, detail));
            }
        } else {
            if !branches.insert(branch) {
                return Err(Failure::new(Check::Branch, format!("{message:?} reuses a branch")));
            }
            let wrong = if method == Method::Ack {
                !self.sent.iter().any(|sent| sent.method == Method::Invite && sent.cseq == cseq)
            } else {
                cseq <= self.last_cseq
            };
            if wrong {
                let detail = format!("{message:?} has CSeq {cseq} after {}", self.last_cseq);
                return Err(Failure::new(Check::CSeq, detail));
            }
            self.last_cseq = self.last_cseq.max(cseq);
        }
        self.sent.push(Sent { branch, method, cseq, digest });
        Ok(true)
    }

    /// A response of the engine to our INVITE. Whether it is the first final one.
    pub(crate) fn invite_response(&mut self, message: &Message) -> Result<bool, Failure> {
        let status = message.status().unwrap_or(0);
        if status == 100 {
            return Ok(false);
        }
        self.check_engine_tag(message, HeaderName::To)?;
        if status < 200 {
            if self.final_answer.is_some() {
                return Err(Failure::new(
                    Check::OneFinal,
                    format!("{status} after a final answer"),
                ));
            }
            return Ok(false);
        }
        let digest = Digest::of(message.bytes());
        match self.final_answer {
            None => {
                self.final_answer = Some((status, digest));
                Ok(true)
            }
            Some((first, _)) if first != status => {
                Err(Failure::new(Check::OneFinal, format!("{first}, then {status}")))
            }
            Some((_, before)) if before != digest => {
                Err(Failure::new(Check::SameBytesAgain, format!("{message:?} differs")))
            }
            Some(_) => Ok(false),
        }
    }

    /// The final answer that was sent to our INVITE.
    pub(crate) fn final_status(&self) -> Option<u16> {
        self.final_answer.map(|(status, _)| status)
    }

    /// A session description of the engine: the version steps by one a change (RFC 3264 §8).
    pub(crate) fn description(&mut self, body: &[u8]) -> Result<Described, Failure> {
        let Some(described) = Described::read(body) else {
            return Err(Failure::new(Check::SdpVersion, "its session description cannot be read"));
        };
        let digest = Digest::of(body);
        if let Some((before, old)) = &self.description {
            let step = described.version.wrapping_sub(before.version);
            let right = before.session == described.session && step == u64::from(*old != digest);
            if !right {
                let detail = format!(
                    "o= {}/{} after {}/{}",
                    described.session, described.version, before.session, before.version
                );
                return Err(Failure::new(Check::SdpVersion, detail));
            }
        }
        self.description = Some((described.clone(), digest));
        Ok(described)
    }

    fn check_engine_tag(&mut self, message: &Message, name: HeaderName) -> Result<(), Failure> {
        let address = if name == HeaderName::To { message.to() } else { message.from() };
        let tag = address.map_err(|error| unreadable(message, &error))?.tag().map(str::as_bytes);
        let Some(tag) = tag.map(Digest::of) else {
            return Err(Failure::new(Check::Tags, format!("{message:?} has no tag of its own")));
        };
        match self.engine_tag {
            None => self.engine_tag = Some(tag),
            Some(before) if before == tag => {}
            Some(_) => {
                return Err(Failure::new(Check::Tags, format!("{message:?} has a second tag")));
            }
        }
        Ok(())
    }
}

/// A response must repeat the request's Via, From, Call-ID and CSeq (RFC 3261 §8.2.6.2).
pub(crate) fn check_echo(
    message: &Message,
    branch: &str,
    from: &str,
    cseq: u32,
) -> Result<(), Failure> {
    let via = message.top_via().map_err(|error| unreadable(message, &error))?;
    let number = message.cseq().map_err(|error| unreadable(message, &error))?.number;
    let same_from = message.header(HeaderName::From) == Some(from.as_bytes());
    if via.branch() != Some(branch) || number != cseq || !same_from {
        let detail = format!("{message:?} with branch {:?} and CSeq {number}", via.branch());
        return Err(Failure::new(Check::Echo, detail));
    }
    Ok(())
}

fn unreadable(message: &Message, error: &sip::HeaderError) -> Failure {
    Failure::new(Check::Readable, format!("{message:?}: {error}"))
}
