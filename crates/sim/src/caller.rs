//! A caller behind an operator's trunk: a small UAC of its own, which watches what it is told.

mod watching;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::{HeaderName, Instant, Message, Method};

use crate::failure::Check;
use crate::hold::{Hold, Holding, Offers};
use crate::stage::{Actor, Alarm, Mark, Speaker, Stage, T1, T1_64, Voice, doubled};
use crate::tally::Happening;
use crate::wire::{self, Described, ENGINE, Head};
use crate::witness::Witness;

/// What a caller is going to do.
#[derive(Clone, Debug)]
pub struct Script {
    pub arrives: Instant,
    /// Dialled, in E.164 with its plus.
    pub number: String,
    /// How his INVITE names the line that it was forwarded from.
    pub forwarded: Forwarded,
    pub offer: Offering,
    /// What is wrong with his INVITE, so that it is refused before it makes a call.
    pub flaw: Option<Flaw>,
    /// Gives up after this, if nobody answered.
    pub patience: Option<Duration>,
    /// Gives up this long after a phone began to ring for him.
    pub leaves_when_rung: Option<Duration>,
    /// Sends CANCEL just when our 200 is on its way.
    pub cancels_across: bool,
    /// Hangs up after this long a talk; else the secretary does.
    pub talks: Option<Duration>,
    pub ack: Acking,
    /// Says nothing, but is there.
    pub mute: bool,
    /// Dies without a word this long after the answer.
    pub vanishes: Option<Duration>,
    /// Sends a re-INVITE this long after the answer.
    pub reinvites: Option<Duration>,
    /// Puts the conversation on hold for a while.
    pub holds: Option<Holding>,
    /// Sends OPTIONS out of a dialog ahead of the call, as trunks do to see whether we live.
    pub pings: bool,
    /// How long the trunk lets him wait.
    pub max_unanswered: Duration,
}

/// What a trunk tells of the line that was called before it came to us; in E.164 with its plus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Forwarded {
    /// Nothing.
    Not,
    /// In `Diversion`, as a national number.
    Diversion(String),
    /// In `History-Info`, before the number dialled.
    History(String),
}

impl Forwarded {
    fn header(&self, dialled: &str) -> String {
        match self {
            Self::Not => String::new(),
            Self::Diversion(line) => {
                let national = line.replacen("+33", "0", 1);
                format!("Diversion: <sip:{national}@operator.example>;reason=unconditional\r\n")
            }
            Self::History(line) => format!(
                "History-Info: <sip:{line}@operator.example?Privacy=none>;index=1,\r\n \
                 <sip:{dialled}@{ENGINE};cause=302>;index=1.1;mp=1\r\n"
            ),
        }
    }
}

/// What his SDP offers.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Offering {
    Codecs {
        types: &'static str,
        maps: &'static str,
    },
    /// No SDP in the INVITE.
    Late,
}

/// Why an INVITE cannot become a call.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// It requires an extension that nobody has.
    Extension,
    /// Max-Forwards is spent.
    Hops,
    NoContact,
    /// A header that cannot be read.
    Malformed,
}

impl Flaw {
    pub const ALL: [Self; 4] = [Self::Extension, Self::Hops, Self::NoContact, Self::Malformed];

    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Extension => 420,
            Self::Hops => 483,
            Self::NoContact | Self::Malformed => 400,
        }
    }

    fn put_into(self, invite: &Bytes) -> Bytes {
        let (sound, flawed) = match self {
            Self::Extension => ("Supported: 100rel", "Require: teleportation"),
            Self::Hops => ("Max-Forwards: 70", "Max-Forwards: 0"),
            Self::NoContact => ("\r\nContact:", "\r\nX-Contact:"),
            Self::Malformed => ("\r\nMax-Forwards: 70", "\r\nMax-Forwards: seventy"),
        };
        Bytes::from(String::from_utf8_lossy(invite).replacen(sound, flawed, 1))
    }
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Acking {
    Normal,
    /// Only the n-th 200 is confirmed.
    After(u8),
    Never,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum CallerAlarm {
    Arrive,
    InviteAgain(Duration),
    NoResponse,
    NoFinal,
    GiveUp,
    CancelAgain(Duration),
    CancelUnanswered,
    HangUp,
    ByeAgain(Duration),
    ByeUnanswered,
    Vanish,
    Reinvite,
    ReinviteAgain(Duration),
    Hold,
    Resume,
    /// Says something.
    Speak,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum State {
    Unborn,
    Calling,
    Proceeding,
    Talking,
    /// Sent BYE.
    Leaving,
    Done,
    /// Died: hears and says nothing.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Caller {
    pub index: u16,
    pub script: Script,
    address: SocketAddr,
    media: SocketAddr,
    state: State,
    from: String,
    to: String,
    uri: String,
    call_id: String,
    branch: String,
    invite: Bytes,
    wants_to_leave: bool,
    cancel: Option<Bytes>,
    cancel_done: bool,
    /// The remote tag, from the answer.
    answer: Option<Answer>,
    bye: Option<Bytes>,
    bye_done: bool,
    reinvite: Option<(Bytes, u32)>,
    pub(crate) offers: Offers,
    relay_port: u16,
    cseq: u32,
    /// The final answer that reached him.
    pub saw: Option<u16>,
    pub sent_bye: bool,
    pub got_bye: bool,
    /// The engine has asked whether he is there; 3 s of bad luck make him lost.
    pub was_asked: bool,
    answers_seen: u8,
    witness: Witness,
    last_ring: Option<Instant>,
    rings: u32,
    answers_sent: u32,
    last_answer: Instant,
    ack_arrived: bool,
}

#[derive(Debug)]
struct Answer {
    to: String,
    contact: String,
    ack: Bytes,
}

impl Caller {
    pub(crate) fn new(index: u16, script: Script, address: SocketAddr) -> Self {
        let media = SocketAddr::new(address.ip(), 30_000 + 2 * index);
        let number = &script.number;
        Self {
            index,
            address,
            media,
            state: State::Unborn,
            from: format!("<sip:{}@{}>;tag=c{index}", number_of(index), address.ip()),
            to: format!("<sip:{number}@{ENGINE}>"),
            uri: format!("sip:{number}@{ENGINE}"),
            call_id: format!("c{index}-{}", address.ip()),
            branch: format!("z9hG4bKc{index}-1"),
            script,
            invite: Bytes::new(),
            wants_to_leave: false,
            cancel: None,
            cancel_done: false,
            answer: None,
            bye: None,
            bye_done: false,
            reinvite: None,
            offers: Offers::default(),
            relay_port: 0,
            cseq: 1,
            saw: None,
            sent_bye: false,
            got_bye: false,
            was_asked: false,
            answers_seen: 0,
            witness: Witness::default(),
            last_ring: None,
            rings: 0,
            answers_sent: 0,
            last_answer: Instant::ZERO,
            ack_arrived: false,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done | State::Gone)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The final answer that left for him.
    pub(crate) fn was_sent(&self) -> Option<u16> {
        self.witness.final_status()
    }

    /// Media comes from him.
    pub(crate) fn speaks(&self) -> bool {
        self.state == State::Talking && !self.script.mute
    }

    pub(crate) fn alarm(&mut self, stage: &mut Stage<'_>, alarm: CallerAlarm) {
        match alarm {
            CallerAlarm::Arrive => self.arrive(stage),
            CallerAlarm::InviteAgain(interval) => {
                if self.state == State::Calling {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, self.invite.clone());
                    self.after(stage, interval * 2, CallerAlarm::InviteAgain(interval * 2));
                }
            }
            CallerAlarm::NoResponse => {
                if self.state == State::Calling {
                    stage.fail(Check::Unanswered, format!("INVITE of caller {}", self.index));
                }
            }
            CallerAlarm::NoFinal => {
                if matches!(self.state, State::Calling | State::Proceeding) {
                    stage.fail(
                        Check::Unanswered,
                        format!("no final answer for caller {}", self.index),
                    );
                }
            }
            CallerAlarm::GiveUp => {
                if matches!(self.state, State::Calling | State::Proceeding) {
                    self.wants_to_leave = true;
                    self.cancel(stage);
                }
            }
            CallerAlarm::CancelAgain(interval) => {
                if !self.cancel_done
                    && let Some(cancel) = self.cancel.clone()
                    && !self.is_done()
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, cancel);
                    let next = doubled(interval);
                    self.after(stage, next, CallerAlarm::CancelAgain(next));
                }
            }
            CallerAlarm::CancelUnanswered => {
                if !self.cancel_done && !self.is_done() {
                    stage.fail(Check::Unanswered, format!("CANCEL of caller {}", self.index));
                }
            }
            CallerAlarm::HangUp => {
                if self.state == State::Talking {
                    self.hang_up(stage);
                }
            }
            CallerAlarm::ByeAgain(interval) => {
                if !self.bye_done
                    && self.state == State::Leaving
                    && let Some(bye) = self.bye.clone()
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, bye);
                    let next = doubled(interval);
                    self.after(stage, next, CallerAlarm::ByeAgain(next));
                }
            }
            CallerAlarm::ByeUnanswered => {
                if !self.bye_done && self.state == State::Leaving {
                    stage.fail(Check::Unanswered, format!("BYE of caller {}", self.index));
                }
            }
            CallerAlarm::Vanish => {
                if self.state == State::Talking {
                    self.state = State::Gone;
                    stage.note(Happening::CallerVanished);
                    stage.out.fell_silent.push(self.media);
                }
            }
            CallerAlarm::Reinvite => {
                if self.reinvite(stage, None) {
                    stage.note(Happening::Reinvite);
                }
            }
            CallerAlarm::Hold => {
                if let Some(holding) = self.script.holds
                    && self.reinvite(stage, Some(holding.how))
                {
                    stage.note(Happening::CallerHeld);
                    self.after(stage, holding.lasts, CallerAlarm::Resume);
                }
            }
            CallerAlarm::Resume => {
                if self.reinvite(stage, None) {
                    stage.note(Happening::CallerResumed);
                } else if self.state == State::Talking {
                    let soon = stage.millis(500, 2_000);
                    self.after(stage, soon, CallerAlarm::Resume);
                }
            }
            CallerAlarm::Speak => self.speak(stage),
            CallerAlarm::ReinviteAgain(interval) => {
                if let Some((reinvite, _)) = self.reinvite.clone()
                    && self.state == State::Talking
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, reinvite);
                    self.after(stage, interval * 2, CallerAlarm::ReinviteAgain(interval * 2));
                }
            }
        }
    }

    fn arrive(&mut self, stage: &mut Stage<'_>) {
        stage.note(Happening::Call);
        if self.script.pings {
            stage.note(Happening::TrunkOptions);
            let branch = format!("z9hG4bKc{}-0", self.index);
            let head = Head {
                method: "OPTIONS",
                uri: &format!("sip:{ENGINE}"),
                to: &format!("<sip:{ENGINE}>"),
                branch: &branch,
                cseq: 1,
                call_id: &format!("o{}-ping", self.index),
                ..self.head()
            };
            let ping = wire::request(&head, "", None);
            self.send(stage, ping);
        }
        let sdp = match self.script.offer {
            Offering::Codecs { types, maps } => Some(wire::sdp(self.media, 7, 1, types, maps)),
            Offering::Late => {
                stage.note(Happening::LateOffer);
                None
            }
        };
        let contact = self.contact();
        let forwarded = self.script.forwarded.header(&self.script.number);
        let headers = format!("{contact}{forwarded}Supported: 100rel\r\nUser-Agent: trunk\r\n");
        let invite = wire::request(&self.head(), &headers, sdp.as_deref());
        self.invite = match self.script.flaw {
            Some(flaw) => flaw.put_into(&invite),
            None => invite,
        };
        self.state = State::Calling;
        self.send(stage, self.invite.clone());
        self.after(stage, T1, CallerAlarm::InviteAgain(T1));
        self.after(stage, T1_64, CallerAlarm::NoResponse);
        let at_most = self.script.max_unanswered + Duration::from_secs(45);
        self.after(stage, at_most, CallerAlarm::NoFinal);
        if let Some(patience) = self.script.patience {
            self.after(stage, patience, CallerAlarm::GiveUp);
        }
    }

    /// A phone rings for him.
    pub(crate) fn rung(&mut self, stage: &mut Stage<'_>) {
        if let Some(delay) = self.script.leaves_when_rung {
            self.after(stage, delay, CallerAlarm::GiveUp);
        }
    }

    fn cancel(&mut self, stage: &mut Stage<'_>) {
        // Not before a provisional response (RFC 3261 §9.1).
        if self.cancel.is_some() || self.state == State::Calling || self.saw.is_some() {
            return;
        }
        let cancel = wire::request(&Head { method: "CANCEL", ..self.head() }, "", None);
        self.cancel = Some(cancel.clone());
        self.send(stage, cancel);
        self.after(stage, T1, CallerAlarm::CancelAgain(T1));
        self.after(stage, T1_64, CallerAlarm::CancelUnanswered);
    }

    fn hang_up(&mut self, stage: &mut Stage<'_>) {
        self.state = State::Leaving;
        self.sent_bye = true;
        self.cseq += 1;
        let branch = format!("z9hG4bKc{}-b{}", self.index, self.cseq);
        let bye = self.in_dialog("BYE", &branch, self.cseq, None);
        self.bye = Some(bye.clone());
        self.send(stage, bye);
        self.after(stage, T1, CallerAlarm::ByeAgain(T1));
        self.after(stage, T1_64, CallerAlarm::ByeUnanswered);
        stage.out.fell_silent.push(self.media);
    }

    /// Offers anew, if that is possible at this moment.
    fn reinvite(&mut self, stage: &mut Stage<'_>, hold: Option<Hold>) -> bool {
        let Offering::Codecs { types, maps } = self.script.offer else { return false };
        if self.state != State::Talking || !self.ack_arrived || !self.offers.is_idle() {
            return false;
        }
        self.cseq += 1;
        let sdp = self.offers.offer(self.cseq, hold, self.media, types, maps);
        let branch = format!("z9hG4bKc{}-r{}", self.index, self.cseq);
        let reinvite = self.in_dialog("INVITE", &branch, self.cseq, Some(&sdp));
        self.reinvite = Some((reinvite.clone(), self.cseq));
        self.send(stage, reinvite);
        self.after(stage, T1, CallerAlarm::ReinviteAgain(T1));
        true
    }

    /// While he talks he does so every now and then, on hold too: his microphone is open.
    fn speak(&mut self, stage: &mut Stage<'_>) {
        if !self.speaks() {
            return;
        }
        let (from, port, caller) = (self.media, self.relay_port, self.index);
        let voice = Voice { from, port, caller, by: Speaker::Caller };
        stage.out.voices.push((stage.now, voice));
        let pause = stage.millis(900, 1_500);
        self.after(stage, pause, CallerAlarm::Speak);
    }

    /// The engine knows that he has the answer, and he is there.
    pub(crate) fn is_joined(&self) -> bool {
        self.state == State::Talking && self.ack_arrived
    }

    pub(crate) fn receive(&mut self, stage: &mut Stage<'_>, message: &Message) {
        if self.state == State::Gone {
            return;
        }
        if message.is_request() {
            return self.requested(stage, message);
        }
        let status = message.status().unwrap_or(0);
        let method = message.method_ref();
        if *method == Method::Invite {
            let number = message.cseq().map_or(0, |cseq| cseq.number);
            if number == 1 {
                self.invite_answered(stage, message, status);
            } else {
                self.reinvite_answered(stage, status, number);
            }
        } else if *method == Method::Cancel {
            self.cancel_done = true;
        } else if *method == Method::Bye {
            self.bye_done = true;
            self.state = State::Done;
        }
    }

    fn invite_answered(&mut self, stage: &mut Stage<'_>, message: &Message, status: u16) {
        if status < 200 {
            if self.state == State::Calling {
                self.state = State::Proceeding;
                if self.wants_to_leave {
                    self.cancel(stage);
                }
            }
            return;
        }
        if status >= 300 {
            let to = text(message, HeaderName::To);
            let ack = wire::request(&Head { method: "ACK", to: &to, ..self.head() }, "", None);
            self.send(stage, ack);
            if self.saw.is_none() {
                self.saw = Some(status);
                self.state = State::Done;
            }
            return;
        }
        self.answers_seen = self.answers_seen.saturating_add(1);
        if self.saw.is_none() {
            self.saw = Some(status);
            self.picked_up(stage, message);
        }
        let confirms = match self.script.ack {
            Acking::Normal => true,
            Acking::After(count) => self.answers_seen > count,
            Acking::Never => false,
        };
        if confirms && let Some(answer) = &self.answer {
            let ack = answer.ack.clone();
            stage.out.packets.push((Actor::Caller(self.index), ack, Mark::Ack));
            if self.script.ack != Acking::Normal && self.answers_seen > 1 {
                stage.note(Happening::AckSentLate);
            }
            if self.cancel.is_some() && self.state == State::Talking {
                self.hang_up(stage);
            }
        }
    }

    fn picked_up(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let Some(described) = Described::read(message.body()) else {
            return stage.fail(Check::Readable, format!("answer to caller {}", self.index));
        };
        let sdp = match self.script.offer {
            Offering::Codecs { types, .. } => {
                let offered: Vec<&str> = types.split(' ').collect();
                let known =
                    described.types.iter().all(|it| offered.contains(&it.to_string().as_str()));
                if !known || described.types.is_empty() {
                    let detail = format!("caller {} offered {types}", self.index);
                    return stage.fail(Check::Readable, detail);
                }
                None
            }
            Offering::Late => {
                let chosen = described.types.first().copied().unwrap_or(8);
                let map = described.map_of(chosen);
                Some(wire::sdp(self.media, 7, 1, &chosen.to_string(), &map))
            }
        };
        let contact = message.contacts().next().and_then(Result::ok).map(|it| it.uri.to_owned());
        let Some(contact) = contact else {
            return stage.fail(Check::Readable, "a 200 without Contact");
        };
        let to = text(message, HeaderName::To);
        let branch = format!("z9hG4bKc{}-a", self.index);
        let head = Head { method: "ACK", uri: &contact, to: &to, branch: &branch, ..self.head() };
        let ack = wire::request(&head, "", sdp.as_deref());
        self.answer = Some(Answer { to, contact, ack });
        self.state = State::Talking;
        if self.cancel.is_some() {
            return;
        }
        if self.script.ack != Acking::Never {
            if let Some(talks) = self.script.talks {
                self.after(stage, talks, CallerAlarm::HangUp);
            }
            self.after(stage, Duration::from_secs(150), CallerAlarm::HangUp);
        }
        if let Some(delay) = self.script.vanishes {
            self.after(stage, delay, CallerAlarm::Vanish);
        }
        if let Some(delay) = self.script.reinvites {
            self.after(stage, delay, CallerAlarm::Reinvite);
        }
        if let Some(holding) = self.script.holds {
            self.after(stage, holding.after, CallerAlarm::Hold);
        }
        if !self.script.mute {
            self.relay_port = described.address.port();
            self.after(stage, Duration::from_millis(30), CallerAlarm::Speak);
        }
    }

    fn reinvite_answered(&mut self, stage: &mut Stage<'_>, status: u16, number: u32) {
        if status < 200 {
            return;
        }
        self.reinvite = None;
        let offered = self.offers.comes(number);
        // Too early, or both at once (RFC 3261 §14.1): again in a while.
        if matches!(status, 491 | 500) && offered.is_some() {
            let soon = stage.millis(2_100, 4_000);
            let again = match offered.flatten() {
                Some(_) => CallerAlarm::Hold,
                None => CallerAlarm::Resume,
            };
            self.after(stage, soon, again);
        }
        if status >= 300 {
            let branch = format!("z9hG4bKc{}-r{number}", self.index);
            let ack = self.in_dialog("ACK", &branch, number, None);
            return self.send(stage, ack);
        }
        let branch = format!("z9hG4bKc{}-ra{number}", self.index);
        let ack = self.in_dialog("ACK", &branch, number, None);
        self.send(stage, ack);
    }

    fn requested(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let in_dialog =
            self.answer.is_some() && matches!(self.state, State::Talking | State::Leaving);
        let method = message.method_ref();
        if *method == Method::Bye {
            self.got_bye = true;
            let status = if in_dialog || self.saw == Some(200) { 200 } else { 481 };
            self.respond(stage, message, status, Mark::ByeDone { call: 0 });
            if self.state == State::Talking {
                self.state = State::Done;
                stage.out.fell_silent.push(self.media);
            }
            if self.script.ack == Acking::Never && !self.ack_arrived {
                stage.note(Happening::AckNeverSent);
            }
        } else if *method == Method::Options {
            let status = if in_dialog { 200 } else { 481 };
            self.respond(stage, message, status, Mark::Nothing);
            if in_dialog && self.script.mute {
                stage.note(Happening::MuteSurvived);
            }
        } else {
            stage.fail(Check::Readable, format!("caller {} is sent {message:?}", self.index));
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            method: "INVITE",
            uri: &self.uri,
            via: self.address,
            branch: &self.branch,
            from: &self.from,
            to: &self.to,
            call_id: &self.call_id,
            cseq: 1,
        }
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:c{}@{}>\r\n", self.index, self.address)
    }

    fn in_dialog(&self, method: &str, branch: &str, cseq: u32, sdp: Option<&str>) -> Bytes {
        let (uri, to) = match &self.answer {
            Some(answer) => (answer.contact.as_str(), answer.to.as_str()),
            None => (self.uri.as_str(), self.to.as_str()),
        };
        let headers = if method == "INVITE" { self.contact() } else { String::new() };
        wire::request(&Head { method, uri, branch, to, cseq, ..self.head() }, &headers, sdp)
    }

    fn respond(&self, stage: &mut Stage<'_>, request: &Message, status: u16, mark: Mark) {
        let response = wire::response(request, status, None, "", None);
        stage.out.packets.push((Actor::Caller(self.index), response, mark));
    }

    fn send(&self, stage: &mut Stage<'_>, bytes: Bytes) {
        stage.out.packets.push((Actor::Caller(self.index), bytes, Mark::Nothing));
    }

    fn after(&self, stage: &mut Stage<'_>, delay: Duration, alarm: CallerAlarm) {
        stage.after(delay, Alarm::Caller(self.index, alarm));
    }
}

/// The telephone number of a caller, in E.164.
pub(crate) fn number_of(index: u16) -> String {
    format!("+336000{index:05}")
}

fn text(message: &Message, name: HeaderName) -> String {
    message.text(name).unwrap_or_default().to_owned()
}
