//! A secretary's phone: a small UA of its own with one line. It registers with digest, rings, answers
//! as its temper says, and holds it against the engine when it is rung while it is busy.

mod dialling;
mod registering;
mod watching;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::{HeaderName, Instant, Message, Method};

use crate::failure::Check;
use crate::hold::{Hold, Holding, Offers};
use crate::stage::{Actor, Alarm, Mark, Speaker, Stage, T1, T1_64, Voice, doubled};
use crate::tally::Happening;
use crate::transcript::Digest;
use crate::wire::{self, Described, Head};
use crate::witness::Witness;

use dialling::Dial;
pub(crate) use dialling::EMERGENCIES;

/// How her phone is wont to behave.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Temper {
    Prompt,
    Slow,
    /// Refuses now and then.
    Declining,
    /// Registers, then is switched off.
    Absent,
    /// Dies in conversations.
    Vanishing,
    /// Of everything a little.
    Mixed,
    /// Has not the password of the user it claims to be.
    Impostor,
}

/// What a phone does with one call, where a story says so.
#[derive(Copy, Clone, Debug)]
pub struct Habit {
    pub does: Does,
    /// From her phone's first ring.
    pub after: Duration,
    pub hangs_up: Option<Duration>,
    /// Is switched off without a word.
    pub dies: Option<Duration>,
    /// Says nothing.
    pub mute: bool,
    /// Puts the conversation on hold for a while.
    pub holds: Option<Holding>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Does {
    Answers,
    /// With a session description that fits nothing.
    AnswersBadly,
    Declines(u16),
    LetsRing,
    /// Picks up just when our CANCEL is on its way.
    AnswersAcross,
    /// Does not react at all.
    Nothing,
}

/// Who she is.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: String,
    pub password: String,
    pub realm: String,
    pub expires: u32,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum PhoneAlarm {
    Register,
    Refresh {
        cseq: u32,
    },
    RegisterAgain {
        cseq: u32,
        interval: Duration,
    },
    RegisterUnanswered {
        cseq: u32,
    },
    Unregister,
    SwitchOff,
    SwitchOn,
    /// Places a call herself.
    Dial {
        number: &'static str,
    },
    DialAgain {
        dial: u32,
        interval: Duration,
    },
    DialEnds {
        dial: u32,
    },
    /// Hangs up on our tone, or after an emergency call.
    CutShort {
        dial: u32,
    },
    /// Does not wait for an emergency centre any longer.
    GiveUp {
        dial: u32,
    },
    Hold {
        call: u32,
    },
    Resume {
        call: u32,
    },
    ReinviteAgain {
        call: u32,
        interval: Duration,
    },
    /// Says something.
    Speak {
        call: u32,
    },
    Ring {
        call: u32,
    },
    Act {
        call: u32,
    },
    FinalAgain {
        call: u32,
        interval: Duration,
    },
    FinalUnconfirmed {
        call: u32,
    },
    HangUp {
        call: u32,
    },
    ByeAgain {
        call: u32,
        interval: Duration,
    },
    ByeUnanswered {
        call: u32,
    },
    Die {
        call: u32,
    },
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum State {
    Ringing,
    /// 200 sent, no ACK yet.
    Answered,
    Talking,
    /// BYE sent: the line is clear as she sees it.
    Leaving,
    Over,
}

/// Whether the engine has heard of her.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Unknown {
    No,
    /// She was removed.
    Yes,
    /// She is back; what was answered before may still be on its way.
    Until(Instant),
}

#[derive(Debug)]
struct PhoneCall {
    key: u64,
    invite: Message,
    state: State,
    then: Does,
    hangs_up: Option<Duration>,
    mute: bool,
    dies: Option<Duration>,
    caller: u16,
    tag: String,
    relay_port: u16,
    media: SocketAddr,
    /// The last response to the INVITE, for when it comes again.
    response: Option<Bytes>,
    final_status: Option<u16>,
    confirmed: bool,
    bye: Option<Bytes>,
    bye_done: bool,
    /// Of her last request in the dialog.
    cseq: u32,
    holds: Option<Holding>,
    offers: Offers,
    reinvite: Option<Bytes>,
    /// What her answer said: payload types and their lines.
    formats: (String, String),
    witness: Witness,
}

#[derive(Debug)]
pub(crate) struct Phone {
    pub index: u16,
    pub temper: Temper,
    account: Account,
    address: SocketAddr,
    alive: bool,
    off_since: Option<Instant>,
    unknown: Unknown,
    wants_registration: bool,
    registration: Registration,
    calls: Vec<PhoneCall>,
    dials: Vec<Dial>,
    /// The calls that were on it when it was switched off: what still comes of them is unknown to it.
    witness_only: Vec<(u64, Witness)>,
    /// INVITEs that were under way when it was switched on again. It lets them go: only their last
    /// copy might reach it, just ahead of Timer B, and no peer could then tell whether it rings.
    ghosts: Vec<u64>,
    /// One a call, the last for all that follow; none: as her temper says.
    habits: Vec<Habit>,
}

#[derive(Debug, Default)]
struct Registration {
    cseq: u32,
    call: u32,
    /// What was sent last and has no answer.
    pending: Option<Bytes>,
    branch: String,
    expires: u32,
    with_credentials: bool,
    count: u32,
    was_off: bool,
    seen_once: bool,
}

impl Phone {
    pub(crate) fn new(
        index: u16,
        temper: Temper,
        account: Account,
        address: SocketAddr,
        habits: Vec<Habit>,
    ) -> Self {
        Self {
            index,
            temper,
            account,
            address,
            alive: true,
            off_since: None,
            unknown: Unknown::No,
            wants_registration: false,
            registration: Registration::default(),
            calls: Vec::new(),
            dials: Vec::new(),
            witness_only: Vec::new(),
            ghosts: Vec::new(),
            habits,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn is_of(&self, user: &str) -> bool {
        self.account.user == user
    }

    /// A reception's: callers are forwarded to it, several at once perhaps.
    fn is_desk(&self) -> bool {
        self.account.user.starts_with("desk")
    }

    /// The configuration has her no more, or again. Whether she wants to register then.
    pub(crate) fn acquaint(&mut self, now: Instant, is_known: bool) -> bool {
        self.unknown = if is_known { Unknown::Until(now + 2 * T1_64) } else { Unknown::Yes };
        is_known && self.alive && self.wants_registration
    }

    fn is_unknown(&self, now: Instant) -> bool {
        match self.unknown {
            Unknown::No => false,
            Unknown::Yes => true,
            Unknown::Until(then) => now < then,
        }
    }

    /// Media comes from this call of hers.
    pub(crate) fn speaks(&self, port: u16) -> bool {
        self.alive
            && self.call_at(port).is_some_and(|call| call.state == State::Talking && !call.mute)
    }

    pub(crate) fn alarm(&mut self, stage: &mut Stage<'_>, alarm: PhoneAlarm) {
        if !self.alive && alarm != PhoneAlarm::SwitchOn {
            return;
        }
        match alarm {
            PhoneAlarm::SwitchOn => self.switch_on(stage),
            PhoneAlarm::SwitchOff => self.switch_off(stage),
            PhoneAlarm::Register => {
                if !stage.closing {
                    self.wants_registration = true;
                    self.register(stage, self.account.expires, None);
                }
            }
            PhoneAlarm::Refresh { cseq } => {
                if cseq == self.registration.cseq && !stage.closing && self.wants_registration {
                    stage.note(Happening::Refreshed);
                    self.register(stage, self.account.expires, None);
                }
            }
            PhoneAlarm::RegisterAgain { cseq, interval } => {
                if cseq == self.registration.cseq
                    && let Some(bytes) = self.registration.pending.clone()
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, bytes, Mark::Nothing);
                    let interval = doubled(interval);
                    self.after(stage, interval, PhoneAlarm::RegisterAgain { cseq, interval });
                }
            }
            PhoneAlarm::RegisterUnanswered { cseq } => {
                let is_pending = self.registration.pending.is_some();
                if cseq != self.registration.cseq || !is_pending {
                    return;
                }
                if !self.is_unknown(stage.now) {
                    return stage
                        .fail(Check::Unanswered, format!("REGISTER of phone {}", self.index));
                }
                // Nobody knows her at the moment: another try, as phones do.
                self.registration.pending = None;
                self.after(stage, T1_64, PhoneAlarm::Register);
            }
            PhoneAlarm::Unregister => {
                if self.wants_registration && !stage.closing {
                    self.wants_registration = false;
                    self.register(stage, 0, None);
                    let pause = stage.millis(15_000, 50_000);
                    self.after(stage, pause, PhoneAlarm::Register);
                }
            }
            PhoneAlarm::Dial { number } => self.dial(stage, number),
            PhoneAlarm::DialAgain { dial, interval } => self.dial_again(stage, dial, interval),
            PhoneAlarm::DialEnds { dial } => self.dial_ends(stage, dial),
            PhoneAlarm::CutShort { dial } => self.cut_short(stage, dial),
            PhoneAlarm::GiveUp { dial } => self.give_up(stage, dial),
            PhoneAlarm::Hold { call } => {
                if let Some(holding) = self.calls[call as usize].holds
                    && self.reinvite(stage, call, Some(holding.how))
                {
                    stage.note(Happening::PhoneHeld);
                    self.after(stage, holding.lasts, PhoneAlarm::Resume { call });
                }
            }
            PhoneAlarm::Resume { call } => {
                if self.reinvite(stage, call, None) {
                    stage.note(Happening::PhoneResumed);
                } else if self.calls[call as usize].state == State::Talking {
                    let soon = stage.millis(500, 2_000);
                    self.after(stage, soon, PhoneAlarm::Resume { call });
                }
            }
            PhoneAlarm::ReinviteAgain { call, interval } => {
                let it = &self.calls[call as usize];
                if it.state == State::Talking
                    && let Some(bytes) = it.reinvite.clone()
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, bytes, Mark::Nothing);
                    let interval = interval * 2;
                    self.after(stage, interval, PhoneAlarm::ReinviteAgain { call, interval });
                }
            }
            PhoneAlarm::Speak { call } => self.speak(stage, call),
            PhoneAlarm::Ring { call } => {
                let it = &self.calls[call as usize];
                if it.state == State::Ringing && it.final_status.is_none() {
                    self.reply(stage, call, 180, None);
                }
            }
            PhoneAlarm::Act { call } => self.act(stage, call),
            PhoneAlarm::FinalAgain { call, interval } => {
                let it = &self.calls[call as usize];
                if !it.confirmed
                    && matches!(it.state, State::Answered | State::Over)
                    && let Some(bytes) = it.response.clone()
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, bytes, Mark::Final { call });
                    let interval = doubled(interval);
                    self.after(stage, interval, PhoneAlarm::FinalAgain { call, interval });
                }
            }
            PhoneAlarm::FinalUnconfirmed { call } => {
                let it = &self.calls[call as usize];
                if !it.confirmed {
                    let detail = format!("{:?} of phone {}", it.final_status, self.index);
                    stage.fail(Check::AnswerUnconfirmed, detail);
                }
            }
            PhoneAlarm::HangUp { call } => self.hang_up(stage, call),
            PhoneAlarm::ByeAgain { call, interval } => {
                let it = &self.calls[call as usize];
                if !it.bye_done
                    && let Some(bytes) = it.bye.clone()
                {
                    stage.note(Happening::RetransmittedByPeer);
                    self.send(stage, bytes, Mark::Nothing);
                    let interval = doubled(interval);
                    self.after(stage, interval, PhoneAlarm::ByeAgain { call, interval });
                }
            }
            PhoneAlarm::ByeUnanswered { call } => {
                let is_known = !self.is_unknown(stage.now);
                if !self.calls[call as usize].bye_done && is_known {
                    stage.fail(Check::Unanswered, format!("BYE of phone {}", self.index));
                }
            }
            PhoneAlarm::Die { call } => {
                if self.calls[call as usize].state == State::Talking {
                    stage.note(Happening::Vanish);
                    self.switch_off(stage);
                    let pause = stage.millis(50_000, 90_000);
                    self.after(stage, pause, PhoneAlarm::SwitchOn);
                }
            }
        }
    }

    fn switch_off(&mut self, stage: &mut Stage<'_>) {
        self.alive = false;
        self.off_since = Some(stage.now);
        self.dials.iter_mut().for_each(Dial::forget);
        self.registration.was_off = true;
        self.registration.pending = None;
        for call in &mut self.calls {
            if call.state == State::Talking {
                stage.out.fell_silent.push(call.media);
            }
            call.state = State::Over;
            call.confirmed = true;
            call.bye_done = true;
            call.offers.end();
            call.reinvite = None;
        }
    }

    /// Remembers nothing.
    fn switch_on(&mut self, stage: &mut Stage<'_>) {
        if self.alive {
            return;
        }
        self.alive = true;
        self.off_since = None;
        for call in &mut self.calls {
            self.witness_only.push((call.key, std::mem::take(&mut call.witness)));
            call.key = 0;
        }
        self.ghosts.extend(self.witness_only.iter().map(|(key, _)| *key));
        self.registration.call += 1;
        self.alarm(stage, PhoneAlarm::Register);
    }

    pub(crate) fn receive(&mut self, stage: &mut Stage<'_>, message: &Message) {
        if !self.alive {
            return;
        }
        if message.is_request() {
            return self.requested(stage, message);
        }
        let method = message.method_ref();
        if *method == Method::Register {
            self.register_answered(stage, message);
        } else if self.dial_answered(stage, message) {
        } else if *method == Method::Invite {
            self.reinvite_answered(stage, message);
        } else if *method == Method::Bye
            && let Some(call) = self.find(message)
        {
            self.calls[call as usize].bye_done = true;
            self.calls[call as usize].state = State::Over;
        }
    }

    fn requested(&mut self, stage: &mut Stage<'_>, message: &Message) {
        if self.dial_requested(stage, message) {
            return;
        }
        let found = self.find(message);
        match (message.method(), found) {
            (Method::Invite, None) => {
                let key = Digest::of(message.call_id().unwrap_or_default().as_bytes());
                if !self.ghosts.contains(&key) {
                    self.invited(stage, message);
                }
            }
            (Method::Invite, Some(call)) => {
                if let Some(bytes) = self.calls[call as usize].response.clone() {
                    stage.note(Happening::RetransmittedByPeer);
                    let mark = self.mark(call);
                    self.send(stage, bytes, mark);
                }
            }
            (Method::Ack, Some(call)) => self.acked(stage, call),
            (Method::Ack, None) => {}
            (Method::Cancel, Some(call)) => {
                self.respond(stage, message, 200, Mark::Nothing);
                if self.calls[call as usize].state == State::Ringing {
                    self.finish(stage, call, 487, None);
                }
            }
            (Method::Bye, Some(call)) => {
                self.respond(stage, message, 200, Mark::ByeDone { call });
                self.bye_came(stage, call);
            }
            (Method::Options, Some(call)) if self.calls[call as usize].state == State::Talking => {
                if self.calls[call as usize].mute {
                    stage.note(Happening::MuteSurvived);
                }
                self.respond(stage, message, 200, Mark::Nothing);
            }
            // Whether it is there: any answer says so.
            (Method::Options, None) if message.to().is_ok_and(|to| to.tag().is_none()) => {
                let status = stage.dice.pick(&[200, 200, 405, 481]) as u16;
                self.respond(stage, message, status, Mark::Nothing);
            }
            (Method::Cancel | Method::Bye | Method::Options, _) => {
                self.respond(stage, message, 481, Mark::Nothing);
            }
            (_, _) => {
                stage.fail(Check::Readable, format!("phone {} is sent {message:?}", self.index))
            }
        }
    }

    fn invited(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let on_the_line = self.calls.iter().find(|call| call.is_on_the_line());
        let is_busy = on_the_line.is_some() || self.dials.iter().any(Dial::is_on_the_line);
        if let Some(busy) = on_the_line.filter(|_| !self.is_desk()) {
            let detail = format!(
                "phone {} is rung while {:?} with caller {}",
                self.index, busy.state, busy.caller
            );
            return stage.fail(Check::PhoneRungTwice, detail);
        }
        let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let Some(described) = Described::read(message.body()) else {
            return stage.fail(Check::Readable, "an INVITE without a session description");
        };
        let caller = caller_shown(message);
        let media_port = 20_000 + 2 * (self.calls.len() % 5_000) as u16;
        let mut call = PhoneCall {
            key: Digest::of(message.call_id().unwrap_or_default().as_bytes()),
            invite: message.clone(),
            state: State::Ringing,
            then: Does::Nothing,
            hangs_up: None,
            mute: false,
            dies: None,
            caller: caller.unwrap_or(0),
            tag: format!("p{}-{index}", self.index),
            relay_port: described.address.port(),
            media: SocketAddr::new(self.address.ip(), media_port),
            response: None,
            final_status: None,
            confirmed: false,
            bye: None,
            bye_done: true,
            cseq: 0,
            holds: None,
            offers: Offers::default(),
            reinvite: None,
            formats: (String::new(), String::new()),
            witness: Witness::default(),
        };
        // What was seen of it when it left the engine.
        if let Some(at) = self.witness_only.iter().position(|(key, _)| *key == call.key) {
            call.witness = self.witness_only.swap_remove(at).1;
        }
        let (mut act_after, trying) = self.decide(stage, &mut call);
        if is_busy && call.then != Does::Nothing {
            // One line: another caller is there already, or the INVITE and her code have crossed.
            call.then = Does::Declines(486);
            act_after = Duration::ZERO;
        }
        // A phone that says no 100 rings within 200 ms (RFC 3261 §17.2.1).
        let ring_after = stage.millis(20, if trying { 900 } else { 200 });
        let is_dead = call.then == Does::Nothing;
        self.calls.push(call);
        if let Some(caller) = caller {
            stage.out.rung.push(caller);
        }
        if is_dead {
            // Not a phone at all for this once: it never knew of the call.
            let call = &mut self.calls[index as usize];
            call.state = State::Over;
            call.confirmed = true;
            return;
        }
        if trying {
            self.reply(stage, index, 100, None);
        }
        self.after(stage, ring_after, PhoneAlarm::Ring { call: index });
        self.after(stage, ring_after + act_after, PhoneAlarm::Act { call: index });
    }

    /// What she will do with it, when, and whether her phone says 100 first.
    fn decide(&self, stage: &mut Stage<'_>, call: &mut PhoneCall) -> (Duration, bool) {
        if let Some(habit) = self.habits.get(self.calls.len()).or(self.habits.last()) {
            call.then = habit.does;
            (call.hangs_up, call.dies, call.mute) = (habit.hangs_up, habit.dies, habit.mute);
            call.holds = habit.holds;
            return (habit.after, true);
        }
        let dice = &mut *stage.dice;
        //            answer badly decline ring across dead
        let weights: [u64; 6] = match self.temper {
            Temper::Prompt => [95, 1, 1, 1, 2, 0],
            Temper::Slow => [60, 2, 3, 25, 8, 2],
            Temper::Declining => [50, 2, 38, 5, 5, 0],
            Temper::Absent => [0, 0, 0, 0, 0, 1],
            Temper::Vanishing => [85, 2, 5, 3, 5, 0],
            Temper::Mixed | Temper::Impostor => [62, 6, 10, 10, 10, 2],
        };
        call.then = match dice.weighted(&weights) {
            0 => Does::Answers,
            1 => Does::AnswersBadly,
            2 => Does::Declines(dice.pick(&[486, 486, 603, 603, 480])),
            3 => Does::LetsRing,
            4 => Does::AnswersAcross,
            _ => Does::Nothing,
        };
        let is_slow = self.temper == Temper::Slow;
        let (fastest, slowest) = if is_slow { (3_000, 14_000) } else { (300, 5_000) };
        call.mute = dice.percent(6);
        match dice.weighted(&[62, 22, 8, 8]) {
            0 => call.hangs_up = Some(Duration::from_millis(dice.between(2_500, 30_000))),
            1 => {}
            2 => {
                // Puts the receiver down again before a word was said.
                call.mute = true;
                call.hangs_up = Some(Duration::from_millis(dice.between(0, 1_500)));
            }
            _ => call.mute = dice.percent(50),
        }
        let dies = if self.temper == Temper::Vanishing { 25 } else { 2 };
        if dice.percent(10) {
            call.holds = Some(Holding::draw(dice));
        }
        if dice.percent(dies) {
            call.dies = Some(Duration::from_millis(dice.between(100, 15_000)));
        }
        (Duration::from_millis(dice.between(fastest, slowest)), dice.percent(60))
    }

    fn act(&mut self, stage: &mut Stage<'_>, call: u32) {
        let it = &self.calls[call as usize];
        if it.state != State::Ringing {
            return;
        }
        match it.then {
            Does::Answers => self.pick_up(stage, call),
            Does::AnswersBadly => {
                stage.note(Happening::DropBeforeConfirm);
                let body = match stage.dice.below(3) {
                    0 => None,
                    1 => Some("this is no session description\r\n".to_owned()),
                    _ => Some(wire::sdp(it.media, 9, 1, "97", "a=rtpmap:97 iLBC/8000\r\n")),
                };
                self.finish(stage, call, 200, body.as_deref());
            }
            Does::Declines(status) => self.finish(stage, call, status, None),
            Does::LetsRing | Does::AnswersAcross | Does::Nothing => {}
        }
    }

    fn pick_up(&mut self, stage: &mut Stage<'_>, call: u32) {
        let it = &self.calls[call as usize];
        let Some(offer) = Described::read(it.invite.body()) else { return };
        let events = |map: &String| map.contains("telephone-event");
        let is_event = |kind: u8| {
            offer
                .maps
                .iter()
                .any(|map| map.starts_with(&format!("a=rtpmap:{kind} ")) && events(map))
        };
        let Some(&chosen) = offer.types.iter().find(|&&kind| !is_event(kind)) else { return };
        let mut types = chosen.to_string();
        let mut maps = offer.map_of(chosen);
        if let Some(&event) = offer.types.iter().find(|&&kind| is_event(kind)) {
            types = format!("{types} {event}");
            maps.push_str(&offer.map_of(event));
        }
        let sdp = wire::sdp(it.media, 7, 1, &types, &maps);
        self.calls[call as usize].formats = (types, maps);
        let it = &self.calls[call as usize];
        stage.truth.callers[usize::from(it.caller)].takers.insert(self.index);
        self.finish(stage, call, 200, Some(&sdp));
    }

    /// Sends a final response, again and again until it is confirmed.
    fn finish(&mut self, stage: &mut Stage<'_>, call: u32, status: u16, sdp: Option<&str>) {
        let it = &mut self.calls[call as usize];
        it.final_status = Some(status);
        it.state = if status == 200 { State::Answered } else { State::Over };
        self.reply(stage, call, status, sdp);
        self.after(stage, T1, PhoneAlarm::FinalAgain { call, interval: T1 });
        self.after(stage, T1_64, PhoneAlarm::FinalUnconfirmed { call });
    }

    fn acked(&mut self, stage: &mut Stage<'_>, call: u32) {
        let it = &mut self.calls[call as usize];
        it.confirmed = true;
        if it.state != State::Answered {
            return;
        }
        it.state = State::Talking;
        let (mute, hangs_up, dies, holds) = (it.mute, it.hangs_up, it.dies, it.holds);
        if !mute {
            self.after(stage, Duration::from_millis(20), PhoneAlarm::Speak { call });
        }
        if let Some(holding) = holds {
            self.after(stage, holding.after, PhoneAlarm::Hold { call });
        }
        if let Some(delay) = hangs_up {
            self.after(stage, delay, PhoneAlarm::HangUp { call });
        }
        if let Some(delay) = dies {
            self.after(stage, delay, PhoneAlarm::Die { call });
        }
    }

    fn hang_up(&mut self, stage: &mut Stage<'_>, call: u32) {
        let it = &mut self.calls[call as usize];
        if it.state != State::Talking {
            return;
        }
        if it.mute && it.hangs_up.is_some_and(|after| after < Duration::from_millis(1_501)) {
            stage.note(Happening::ByeBeforeMedia);
        }
        it.state = State::Leaving;
        it.bye_done = false;
        it.offers.end();
        it.reinvite = None;
        it.cseq += 1;
        stage.truth.callers[usize::from(it.caller)].agent_left = true;
        stage.out.fell_silent.push(it.media);
        let branch = format!("z9hG4bKp{}-b{call}", self.index);
        let Some(bye) = self.in_dialog(call, "BYE", &branch, None) else {
            return stage.fail(Check::Readable, "an INVITE without Contact");
        };
        let it = &mut self.calls[call as usize];
        it.bye = Some(bye.clone());
        self.send(stage, bye, Mark::Nothing);
        self.after(stage, T1, PhoneAlarm::ByeAgain { call, interval: T1 });
        self.after(stage, T1_64, PhoneAlarm::ByeUnanswered { call });
    }

    /// A request of hers in the dialog, under the call's last number.
    fn in_dialog(&self, call: u32, method: &str, branch: &str, sdp: Option<&str>) -> Option<Bytes> {
        let it = &self.calls[call as usize];
        let from = it.invite.text(HeaderName::From).unwrap_or_default();
        let to = it.invite.text(HeaderName::To).unwrap_or_default();
        let uri = it.invite.contacts().next().and_then(Result::ok)?.uri;
        let head = Head {
            method,
            uri,
            via: self.address,
            branch,
            from: &format!("{to};tag={}", it.tag),
            to: from,
            call_id: it.invite.call_id().unwrap_or_default(),
            cseq: it.cseq,
        };
        let contact = format!("Contact: {}\r\n", self.contact());
        Some(wire::request(&head, if method == "INVITE" { &contact } else { "" }, sdp))
    }

    /// Offers anew, if that is possible at this moment.
    fn reinvite(&mut self, stage: &mut Stage<'_>, call: u32, hold: Option<Hold>) -> bool {
        let it = &mut self.calls[call as usize];
        if it.state != State::Talking || !it.offers.is_idle() {
            return false;
        }
        it.cseq += 1;
        let (types, maps) = &it.formats;
        let sdp = it.offers.offer(it.cseq, hold, it.media, types, maps);
        let branch = format!("z9hG4bKp{}-r{call}-{}", self.index, it.cseq);
        let Some(reinvite) = self.in_dialog(call, "INVITE", &branch, Some(&sdp)) else {
            return false;
        };
        self.calls[call as usize].reinvite = Some(reinvite.clone());
        self.send(stage, reinvite, Mark::Nothing);
        self.after(stage, T1, PhoneAlarm::ReinviteAgain { call, interval: T1 });
        true
    }

    fn reinvite_answered(&mut self, stage: &mut Stage<'_>, message: &Message) {
        let status = message.status().unwrap_or(0);
        let Some(call) = self.find(message).filter(|_| status >= 200) else { return };
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        let it = &mut self.calls[call as usize];
        // What she said last is still hers to confirm.
        if number != it.cseq || it.state != State::Talking {
            return;
        }
        it.reinvite = None;
        let offered = it.offers.comes(number);
        if matches!(status, 491 | 500) && offered.is_some() {
            let soon = stage.millis(2_100, 4_000);
            let again = match offered.flatten() {
                Some(_) => PhoneAlarm::Hold { call },
                None => PhoneAlarm::Resume { call },
            };
            self.after(stage, soon, again);
        }
        let suffix = if status == 200 { "a" } else { "" };
        let branch = format!("z9hG4bKp{}-r{call}-{number}{suffix}", self.index);
        if let Some(ack) = self.in_dialog(call, "ACK", &branch, None) {
            self.send(stage, ack, Mark::Nothing);
        }
    }

    /// While she talks she does so every now and then, on hold too: her microphone is open.
    fn speak(&mut self, stage: &mut Stage<'_>, call: u32) {
        let it = &self.calls[call as usize];
        if it.state != State::Talking || it.mute {
            return;
        }
        let voice = Voice {
            from: it.media,
            port: it.relay_port,
            caller: it.caller,
            by: Speaker::Phone(self.index),
        };
        stage.out.voices.push((stage.now, voice));
        let pause = stage.millis(900, 1_500);
        self.after(stage, pause, PhoneAlarm::Speak { call });
    }

    /// Whether the conversation on this media port goes on, and since when she holds it.
    pub(crate) fn conversation(&self, port: u16) -> Option<(u16, Option<Instant>)> {
        let call = self.call_at(port).filter(|call| self.alive && call.state == State::Talking)?;
        Some((call.caller, call.offers.held_since))
    }

    /// The media port of her conversation with this caller.
    pub(crate) fn port_with(&self, caller: u16) -> Option<u16> {
        let mut calls = self.calls.iter().filter(|call| call.state == State::Talking);
        calls.find(|call| call.caller == caller).map(|call| call.media.port())
    }

    fn bye_came(&mut self, stage: &mut Stage<'_>, call: u32) {
        let it = &mut self.calls[call as usize];
        match it.state {
            State::Talking | State::Answered => {
                stage.out.fell_silent.push(it.media);
                it.state = State::Over;
                it.offers.end();
                it.reinvite = None;
            }
            // Both hung up. If she has unregistered meanwhile, she is a stranger in a dialog that is
            // forgotten, and may hear nothing to hers.
            State::Leaving => it.bye_done = true,
            State::Over => {}
            State::Ringing => stage.fail(Check::CancelRules, "BYE for a ringing phone"),
        }
    }

    fn call_at(&self, port: u16) -> Option<&PhoneCall> {
        self.calls.iter().find(|call| call.media.port() == port)
    }

    fn find(&self, message: &Message) -> Option<u32> {
        let key = Digest::of(message.call_id().ok()?.as_bytes());
        let at = self.calls.iter().position(|call| call.key == key)?;
        u32::try_from(at).ok()
    }

    fn reply(&mut self, stage: &mut Stage<'_>, call: u32, status: u16, sdp: Option<&str>) {
        let it = &self.calls[call as usize];
        let tag = (status > 100).then_some(it.tag.as_str());
        let contact = match status {
            180 | 200 => format!("Contact: {}\r\n", self.contact()),
            _ => String::new(),
        };
        let bytes = wire::response(&it.invite, status, tag, &contact, sdp);
        self.calls[call as usize].response = Some(bytes.clone());
        let mark = self.mark(call);
        self.send(stage, bytes, mark);
    }

    fn mark(&self, call: u32) -> Mark {
        match self.calls[call as usize].final_status {
            Some(_) => Mark::Final { call },
            None => Mark::Provisional { call },
        }
    }

    fn respond(&self, stage: &mut Stage<'_>, request: &Message, status: u16, mark: Mark) {
        let bytes = wire::response(request, status, Some("late"), "", None);
        self.send(stage, bytes, mark);
    }

    fn send(&self, stage: &mut Stage<'_>, bytes: Bytes, mark: Mark) {
        stage.out.packets.push((Actor::Phone(self.index), bytes, mark));
    }

    fn after(&self, stage: &mut Stage<'_>, delay: Duration, alarm: PhoneAlarm) {
        stage.after(delay, Alarm::Phone(self.index, alarm));
    }

    fn contact_uri(&self) -> String {
        format!("sip:{}@{}", self.account.user, self.address)
    }

    fn contact(&self) -> String {
        format!("<{}>", self.contact_uri())
    }
}

impl PhoneCall {
    fn is_on_the_line(&self) -> bool {
        matches!(self.state, State::Ringing | State::Answered | State::Talking)
    }
}

/// Which of our callers the number in From is.
fn caller_shown(message: &Message) -> Option<u16> {
    let from = message.from().ok()?;
    let user = from.uri.strip_prefix("sip:+336000")?;
    user.get(..5)?.parse().ok()
}

/// When the first alarm of a phone goes.
pub(crate) fn first_alarms(temper: Temper, at: Instant) -> [Option<(Instant, PhoneAlarm)>; 2] {
    let off =
        (temper == Temper::Absent).then(|| (at + Duration::from_secs(4), PhoneAlarm::SwitchOff));
    [Some((at, PhoneAlarm::Register)), off]
}
