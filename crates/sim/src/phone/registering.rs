//! REGISTER with digest.

use std::time::Duration;

use sip::{HeaderName, Message};

use super::{Account, Phone, PhoneAlarm, Temper};
use crate::failure::Check;
use crate::stage::{Mark, Stage, T1, T1_64};
use crate::tally::Happening;
use crate::wire::{self, Head};

impl Phone {
    pub(super) fn register(
        &mut self,
        stage: &mut Stage<'_>,
        expires: u32,
        authorization: Option<String>,
    ) {
        let registration = &mut self.registration;
        registration.cseq += 1;
        registration.expires = expires;
        registration.with_credentials = authorization.is_some();
        registration.branch = format!("z9hG4bKp{}-g{}", self.index, registration.cseq);
        let address = self.address;
        let user = &self.account.user;
        let aor = format!("<sip:{user}@{}>", self.account.realm);
        let headers = format!(
            "Contact: {}\r\nExpires: {expires}\r\n{}",
            self.contact(),
            authorization.unwrap_or_default()
        );
        let bytes = wire::request(
            &Head {
                method: "REGISTER",
                uri: &format!("sip:{}", self.account.realm),
                via: address,
                branch: &self.registration.branch,
                from: &format!("{aor};tag=r{}", self.index),
                to: &aor,
                call_id: &format!("r{}-{}", self.index, self.registration.call),
                cseq: self.registration.cseq,
            },
            &headers,
            None,
        );
        let cseq = self.registration.cseq;
        self.registration.pending = Some(bytes.clone());
        self.send(stage, bytes, Mark::Nothing);
        self.after(stage, T1, PhoneAlarm::RegisterAgain { cseq, interval: T1 });
        self.after(stage, T1_64, PhoneAlarm::RegisterUnanswered { cseq });
    }

    pub(super) fn register_answered(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let status = message.status().unwrap_or(0);
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        if status < 200 || number != self.registration.cseq || self.registration.pending.is_none() {
            return;
        }
        self.registration.pending = None;
        if status == 200 {
            if self.temper == Temper::Impostor {
                return stage.fail(Check::Intruder, "an impostor is registered");
            }
            return self.registered(stage);
        }
        let challenge = (status == 401).then(|| challenge_of(message)).flatten();
        let is_stale = challenge.as_deref().is_some_and(|it| it.contains("stale=true"));
        if self.registration.with_credentials && !is_stale {
            if self.temper != Temper::Impostor && status == 401 && self.is_unknown(stage.now) {
                stage.note(Happening::Unknown);
                return self.after(stage, Duration::from_secs(12), PhoneAlarm::Register);
            }
            if self.temper != Temper::Impostor {
                let detail = format!("phone {} gets {status} with the right password", self.index);
                return stage.fail(Check::WrongStatus, detail);
            }
            if status != 401 && status != 403 {
                stage.fail(Check::WrongStatus, format!("an impostor gets {status}"));
            }
            stage.note(Happening::WrongPassword);
            return;
        }
        let Some(challenge) = challenge else {
            let detail = format!("phone {} gets {status} to its first REGISTER", self.index);
            return stage.fail(Check::WrongStatus, detail);
        };
        self.registration.count += 1;
        let uri = format!("sip:{}", self.account.realm);
        let Account { user, password, .. } = &self.account;
        let authorization = wire::authorization(&challenge, user, password, &uri, 1);
        if authorization.is_none() {
            return stage.fail(Check::Readable, format!("challenge {challenge}"));
        }
        self.register(stage, self.registration.expires, authorization);
    }

    fn registered(&mut self, stage: &mut Stage<'_>) {
        if self.registration.expires == 0 {
            return stage.note(Happening::Unregistered);
        }
        if !std::mem::replace(&mut self.registration.seen_once, true) {
            stage.note(Happening::Registered);
        }
        if std::mem::take(&mut self.registration.was_off) {
            stage.note(Happening::CameBack);
        }
        let refresh = Duration::from_secs(u64::from(self.registration.expires) * 4 / 5);
        self.after(stage, refresh, PhoneAlarm::Refresh { cseq: self.registration.cseq });
    }
}

/// The challenge to answer: MD5 or SHA-256, whichever is named last (phones differ).
fn challenge_of(message: &Message) -> Option<String> {
    let all = message.headers(HeaderName::WwwAuthenticate);
    all.last().map(|value| String::from_utf8_lossy(value).into_owned())
}
