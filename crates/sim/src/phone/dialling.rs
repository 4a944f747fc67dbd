//! What she dials on her phone: codes for her state, emergency numbers, and numbers that are none.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::{HeaderName, Message, Method};

use super::{Phone, PhoneAlarm, State};
use crate::failure::{Check, Failure};
use crate::stage::{Mark, Stage, T1, T1_64, doubled};
use crate::tally::Happening;
use crate::wire::{self, ENGINE, Head};
use crate::witness::Witness;

/// No code may keep her phone for longer than a lost BYE makes it.
const CODE_MAX: Duration = Duration::from_secs(45);

/// How [`plans::EMERGENCY`](crate::plans::EMERGENCY) are dialled.
pub(crate) const EMERGENCIES: [&str; 4] = ["15", "112", "+33112", "003315"];

/// One call that a phone places.
#[derive(Debug)]
pub(super) struct Dial {
    number: &'static str,
    uri: String,
    from: String,
    to: String,
    contact: String,
    call_id: String,
    branch: String,
    invite: Bytes,
    cancel: Option<Bytes>,
    bye: Option<Bytes>,
    state: DialState,
    /// She has hung up; nothing can be cancelled before the first answer.
    gives_up: bool,
    /// One of its INVITEs has reached the engine.
    has_arrived: bool,
    /// As the engine knows it her phone is in use.
    pub(super) open: bool,
    witness: Witness,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum DialState {
    Calling,
    Proceeding,
    /// CANCEL sent.
    Cancelling,
    Listening,
    /// BYE sent.
    Leaving,
    Over,
}

impl Dial {
    pub(super) fn is_on_the_line(&self) -> bool {
        matches!(
            self.state,
            DialState::Calling
                | DialState::Proceeding
                | DialState::Cancelling
                | DialState::Listening
        )
    }

    /// The phone was switched off.
    pub(super) fn forget(&mut self) {
        self.state = DialState::Over;
        self.open = false;
    }

    fn is_code(&self) -> bool {
        ["*31", "%2A31", "*30", "*32", "*33"].contains(&self.number)
    }

    fn is_emergency(&self) -> bool {
        EMERGENCIES.contains(&self.number)
    }
}

impl Phone {
    pub(super) fn dial(&mut self, stage: &mut Stage<'_>, number: &'static str) {
        let is_there = self.wants_registration && self.registration.seen_once;
        if !is_there || stage.closing || self.dials.iter().any(Dial::is_on_the_line) {
            return;
        }
        let index = u32::try_from(self.dials.len()).unwrap_or(u32::MAX);
        let user = &self.account.user;
        let mut dial = Dial {
            number,
            uri: format!("sip:{number}@{ENGINE}"),
            from: format!("<sip:{user}@{ENGINE}>;tag=x{}-{index}", self.index),
            to: format!("<sip:{number}@{ENGINE}>"),
            contact: String::new(),
            call_id: format!("x{}-{index}", self.index),
            branch: format!("z9hG4bKp{}-x{index}", self.index),
            invite: Bytes::new(),
            cancel: None,
            bye: None,
            state: DialState::Calling,
            gives_up: false,
            has_arrived: false,
            open: false,
            witness: Witness::default(),
        };
        let media = SocketAddr::new(self.address.ip(), 19_000 + 2 * (index % 500) as u16);
        let sdp = wire::sdp(media, 9, 1, "9 8 0", "a=rtpmap:9 G722/8000\r\n");
        let contact = format!("Contact: {}\r\n", self.contact());
        dial.invite = wire::request(&self.dial_head(&dial, "INVITE", 1), &contact, Some(&sdp));
        if dial.is_code() {
            stage.note(Happening::CodeDialled);
            if self.calls.iter().any(|call| call.state == State::Talking) {
                stage.note(Happening::CodeDuringCall);
            }
        }
        if dial.is_emergency() {
            if self.calls.iter().any(|call| call.state == State::Talking) {
                stage.note(Happening::EmergencyDuringCall);
            }
            let patience = stage.millis(2_000, 25_000);
            self.after(stage, patience, PhoneAlarm::GiveUp { dial: index });
        }
        let invite = dial.invite.clone();
        self.dials.push(dial);
        let mark = self.dial_mark(index);
        self.send(stage, invite, mark);
        self.after(stage, T1, PhoneAlarm::DialAgain { dial: index, interval: T1 });
    }

    pub(super) fn dial_again(&mut self, stage: &mut Stage<'_>, dial: u32, interval: Duration) {
        let it = &self.dials[dial as usize];
        let (bytes, interval) = match it.state {
            // Timer A doubles without end; after Timer B the engine is taken to be silent on purpose.
            DialState::Calling if interval < T1_64 => (it.invite.clone(), interval * 2),
            DialState::Leaving => (it.bye.clone().unwrap_or_default(), doubled(interval)),
            DialState::Cancelling if let Some(cancel) = it.cancel.clone() => {
                (cancel, doubled(interval))
            }
            DialState::Calling
            | DialState::Proceeding
            | DialState::Cancelling
            | DialState::Listening
            | DialState::Over => return,
        };
        stage.note(Happening::RetransmittedByPeer);
        let mark = self.dial_mark(dial);
        self.send(stage, bytes, mark);
        self.after(stage, interval, PhoneAlarm::DialAgain { dial, interval });
    }

    pub(super) fn dial_ends(&mut self, stage: &mut Stage<'_>, dial: u32) {
        if self.dials[dial as usize].state == DialState::Listening {
            let detail = format!("phone {} still listens to its code", self.index);
            stage.fail(Check::Code, detail);
        }
    }

    pub(super) fn cut_short(&mut self, stage: &mut Stage<'_>, dial: u32) {
        let it = &self.dials[dial as usize];
        if it.state != DialState::Listening {
            return;
        }
        if it.is_code() {
            stage.note(Happening::CodeCutShort);
        }
        let head = self.dial_head(it, "BYE", 2);
        let branch = format!("{}-b", it.branch);
        let bye = wire::request(&Head { branch: &branch, uri: &it.contact, ..head }, "", None);
        let it = &mut self.dials[dial as usize];
        it.state = DialState::Leaving;
        it.bye = Some(bye.clone());
        self.send(stage, bye, Mark::DialOver { dial });
        self.after(stage, T1, PhoneAlarm::DialAgain { dial, interval: T1 });
    }

    pub(super) fn give_up(&mut self, stage: &mut Stage<'_>, dial: u32) {
        match self.dials[dial as usize].state {
            DialState::Calling => self.dials[dial as usize].gives_up = true,
            DialState::Proceeding => self.cancel(stage, dial),
            DialState::Cancelling | DialState::Listening | DialState::Leaving | DialState::Over => {
            }
        }
    }

    fn cancel(&mut self, stage: &mut Stage<'_>, dial: u32) {
        stage.note(Happening::EmergencyAbandoned);
        let head = self.dial_head(&self.dials[dial as usize], "CANCEL", 1);
        let cancel = wire::request(&head, "", None);
        let it = &mut self.dials[dial as usize];
        (it.state, it.gives_up) = (DialState::Cancelling, true);
        it.cancel = Some(cancel.clone());
        self.send(stage, cancel, Mark::Nothing);
        self.after(stage, T1, PhoneAlarm::DialAgain { dial, interval: T1 });
    }

    /// A response to one of these calls. `false`: to another.
    pub(super) fn dial_answered(&mut self, stage: &mut Stage<'_>, message: &Message) -> bool {
        let Some(dial) = self.find_dial(message) else { return false };
        let status = message.status().unwrap_or(0);
        let it = &mut self.dials[dial as usize];
        if message.method() == Method::Bye {
            it.state = DialState::Over;
            return true;
        }
        if message.method() == Method::Cancel {
            it.cancel = None;
            return true;
        }
        match (status, it.state) {
            (..200, DialState::Calling) => {
                it.state = DialState::Proceeding;
                if it.gives_up {
                    self.cancel(stage, dial);
                }
            }
            (200, DialState::Calling | DialState::Proceeding | DialState::Cancelling) => {
                let contact = message.contacts().next().and_then(Result::ok);
                it.contact = contact.map(|it| it.uri.to_owned()).unwrap_or_default();
                message.text(HeaderName::To).unwrap_or_default().clone_into(&mut it.to);
                it.state = DialState::Listening;
                let (is_emergency, gives_up) = (it.is_emergency(), it.gives_up);
                self.confirm(stage, dial, true);
                if is_emergency {
                    let talks = if gives_up { Duration::ZERO } else { stage.millis(500, 15_000) };
                    self.after(stage, talks, PhoneAlarm::CutShort { dial });
                    return true;
                }
                self.after(stage, CODE_MAX, PhoneAlarm::DialEnds { dial });
                if stage.dice.percent(15) {
                    let soon = stage.millis(50, 900);
                    self.after(stage, soon, PhoneAlarm::CutShort { dial });
                }
            }
            (200, _) => self.confirm(stage, dial, true),
            (300.., state) => {
                let is_open = match state {
                    DialState::Calling | DialState::Proceeding | DialState::Cancelling => true,
                    DialState::Listening | DialState::Leaving | DialState::Over => false,
                };
                if is_open {
                    it.state = DialState::Over;
                    message.text(HeaderName::To).unwrap_or_default().clone_into(&mut it.to);
                    if !it.is_code() && !it.is_emergency() {
                        stage.note(Happening::PhoneCallRefused);
                    }
                }
                self.confirm(stage, dial, false);
            }
            _ => {}
        }
        true
    }

    fn confirm(&self, stage: &mut Stage<'_>, dial: u32, is_success: bool) {
        let it = &self.dials[dial as usize];
        let head = self.dial_head(it, "ACK", 1);
        let branch = format!("{}-a", it.branch);
        let ack = if is_success {
            wire::request(&Head { branch: &branch, uri: &it.contact, ..head }, "", None)
        } else {
            wire::request(&head, "", None)
        };
        self.send(stage, ack, Mark::Nothing);
    }

    /// A request in one of these calls. `false`: in another.
    pub(super) fn dial_requested(&mut self, stage: &mut Stage<'_>, message: &Message) -> bool {
        let Some(dial) = self.find_dial(message) else { return false };
        let it = &mut self.dials[dial as usize];
        if message.method() == Method::Bye {
            it.state = DialState::Over;
            self.respond(stage, message, 200, Mark::DialOver { dial });
        } else if message.method() == Method::Options && it.is_emergency() {
            let status = if it.state == DialState::Listening { 200 } else { 481 };
            self.respond(stage, message, status, Mark::Nothing);
        } else {
            stage.fail(Check::Readable, format!("phone {} is sent {message:?}", self.index));
        }
        true
    }

    /// What leaves the engine in one of these calls. `None`: it is of another.
    pub(super) fn watch_dial(
        &mut self,
        stage: &mut Stage<'_>,
        message: &Message,
    ) -> Option<Result<(), Failure>> {
        let dial = self.find_dial(message)?;
        let it = &mut self.dials[dial as usize];
        if message.is_request() {
            return Some(it.witness.request(message, stage.branches).map(|_| ()));
        }
        if message.method() != Method::Invite {
            return Some(Ok(()));
        }
        // Her line is taken from the first word on.
        if it.is_emergency() && message.status().is_some_and(|status| status < 200) {
            it.open = it.state != DialState::Over;
        }
        Some(match it.witness.invite_response(message) {
            Ok(true) => it.finally(message),
            Ok(false) => Ok(()),
            Err(failure) => Err(failure),
        })
    }

    /// One of its packets has reached the engine, and ends this call there.
    pub(super) fn dial_over(&mut self, dial: u32) {
        self.dials[dial as usize].open = false;
    }

    fn dial_mark(&self, dial: u32) -> Mark {
        let it = &self.dials[dial as usize];
        match it.state {
            DialState::Leaving => Mark::DialOver { dial },
            DialState::Calling if it.is_emergency() => Mark::Emergency { dial },
            DialState::Calling
            | DialState::Proceeding
            | DialState::Cancelling
            | DialState::Listening
            | DialState::Over => Mark::Nothing,
        }
    }

    /// Whether this is the first INVITE of that call that reaches the engine.
    pub(crate) fn emergency_arrives(&mut self, dial: u32) -> bool {
        !std::mem::replace(&mut self.dials[dial as usize].has_arrived, true)
    }

    fn find_dial(&self, message: &Message) -> Option<u32> {
        let call_id = message.call_id().ok()?;
        let at = self.dials.iter().position(|dial| dial.call_id == call_id)?;
        u32::try_from(at).ok()
    }

    fn dial_head<'a>(&self, dial: &'a Dial, method: &'a str, cseq: u32) -> Head<'a> {
        Head {
            method,
            uri: &dial.uri,
            via: self.address,
            branch: &dial.branch,
            from: &dial.from,
            to: &dial.to,
            call_id: &dial.call_id,
            cseq,
        }
    }
}

impl Dial {
    /// A code or an emergency number is taken, or there is no room for it; nothing else is carried.
    fn finally(&mut self, message: &Message) -> Result<(), Failure> {
        let status = message.status().unwrap_or(0);
        let fits = if self.is_code() {
            [200, 486, 503].contains(&status)
        } else if self.is_emergency() {
            // 403: she is not known at that moment.
            [200, 403, 486, 503].contains(&status) || status == 487 && self.gives_up
        } else {
            status == 404
        };
        if !fits {
            let detail = format!("{} gets {status}", self.number);
            return Err(Failure::new(Check::WrongStatus, detail));
        }
        // A phone that was switched off meanwhile knows nothing of it.
        self.open = status == 200 && self.state != DialState::Over;
        if status == 200 {
            let described = self.witness.description(message.body())?;
            if self.is_code() && described.types != [8] {
                let detail = format!("{} is answered in {:?}", self.number, described.types);
                return Err(Failure::new(Check::Code, detail));
            }
        }
        Ok(())
    }
}
