//! Secretaries' softphones: they register, ring, answer, decline or let it ring, and hang up.
//!
//! Each watches its own line: an INVITE while it rings or talks is a violation, whatever the
//! server believes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sip::sdp::Offer;
use sip::{
    ClientKey, Credentials, DialogKey, Event, Identity, Instant, Message, Method, Request, Timeout,
};

use super::line::{Media, Ua};
use super::party::{
    Happening, Manner, PhoneCall, PhoneEnd, PhoneRef, PhoneSetup, PhoneState, PhonesSetup,
    Reaction, Sound, Violation,
};
use super::timers::Timers;

/// Until a refused or unanswered REGISTER is tried again.
const REGISTER_RETRY: Duration = Duration::from_secs(5);

/// From the ACK to the one packet of [`Sound::Token`]: whoever speaks on is heard later as well.
const TOKEN_AFTER: Duration = Duration::from_millis(100);

pub(super) struct Phones {
    pub(super) ua: Ua,
    realm: String,
    phones: Vec<Phone>,
    by_user: BTreeMap<String, u32>,
    by_dialog: BTreeMap<DialogKey, u32>,
    by_request: BTreeMap<ClientKey, u32>,
    voices: BTreeSet<u32>,
    timers: Timers<PhoneTimer>,
}

struct Phone {
    setup: PhoneSetup,
    registration: Registration,
    /// INVITEs it has reacted to.
    rung: usize,
    call: Option<Call>,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Registration {
    Off,
    /// The first REGISTER is out, or is to be tried again.
    Asking,
    On,
    /// `Expires: 0` is out.
    Leaving,
}

struct Call {
    dialog: DialogKey,
    caller: String,
    offer: Offer,
    manner: Manner,
    media: Media,
    invited_at: Instant,
    answered_at: Option<Instant>,
    confirmed_at: Option<Instant>,
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum PhoneTimer {
    Register(u32),
    Ring(DialogKey),
    React(DialogKey),
    Speak(DialogKey),
    HangUp(DialogKey),
}

impl Phones {
    pub(super) fn new(ua: Ua, setup: PhonesSetup) -> Self {
        let users = setup.phones.iter().map(|phone| phone.user.clone());
        let by_user = users.zip(0..).collect();
        let phones = setup.phones.into_iter().map(|setup| Phone {
            setup,
            registration: Registration::Off,
            rung: 0,
            call: None,
        });
        Self {
            ua,
            realm: setup.realm,
            phones: phones.collect(),
            by_user,
            by_dialog: BTreeMap::new(),
            by_request: BTreeMap::new(),
            voices: BTreeSet::new(),
            timers: Timers::new(),
        }
    }

    pub(super) fn registered(&self) -> usize {
        self.phones.iter().filter(|phone| phone.registration == Registration::On).count()
    }

    pub(super) fn has_voices(&self) -> bool {
        !self.voices.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn state(&self, index: u32) -> PhoneState {
        let phone = &self.phones[index as usize];
        match (&phone.call, phone.registration) {
            (Some(call), _) => {
                let caller = call.caller.clone();
                match call.answered_at {
                    Some(since) => PhoneState::Talking { caller, since },
                    None => PhoneState::Ringing { caller, since: call.invited_at },
                }
            }
            (None, Registration::On) => PhoneState::Idle,
            (None, Registration::Off | Registration::Asking | Registration::Leaving) => {
                PhoneState::Unregistered
            }
        }
    }

    fn phone_ref(&self, index: u32) -> PhoneRef {
        PhoneRef { line: self.ua.line, index }
    }

    // Registration

    pub(super) fn register(&mut self, now: Instant, index: u32) {
        let phone = &mut self.phones[index as usize];
        if phone.registration != Registration::On {
            phone.registration = Registration::Asking;
        }
        let expires = phone.setup.expires;
        self.send_register(now, index, expires);
    }

    pub(super) fn unregister(&mut self, now: Instant, index: u32) {
        self.phones[index as usize].registration = Registration::Leaving;
        // An earlier REGISTER's answer is not this one's.
        self.by_request.retain(|_, phone| *phone != index);
        self.send_register(now, index, Duration::ZERO);
    }

    fn send_register(&mut self, now: Instant, index: u32, expires: Duration) {
        let PhoneSetup { user, password, .. } = &self.phones[index as usize].setup;
        let identity = Identity { display: None, uri: format!("sip:{user}@{}", self.realm) };
        let request = Request {
            target: self.ua.target(),
            method: Method::Register,
            request_uri: format!("sip:{}", self.realm),
            from: identity.clone(),
            to: identity,
            headers: vec![("Expires".to_owned(), expires.as_secs().to_string())],
            body: None,
            credentials: Some(Credentials {
                username: user.clone(),
                password: password.clone(),
                realm: None,
            }),
            contact_user: Some(user.clone()),
        };
        match self.ua.endpoint.request(now, request) {
            Ok(client) => {
                self.by_request.insert(client, index);
            }
            Err(_) => self.timers.set(now + REGISTER_RETRY, PhoneTimer::Register(index)),
        }
    }

    fn handle_response(
        &mut self,
        now: Instant,
        client: ClientKey,
        result: Result<Message, Timeout>,
    ) {
        let Some(index) = self.by_request.remove(&client) else { return };
        let phone = self.phone_ref(index);
        let status = match &result {
            Ok(message) => message.status().unwrap_or(500),
            Err(timeout) => timeout.status(),
        };
        let is_ok = (200..300).contains(&status);
        let state = &mut self.phones[index as usize];
        match state.registration {
            Registration::Off => {}
            Registration::Leaving => {
                state.registration = Registration::Off;
                self.ua.tell(Happening::Unregistered { phone, at: now });
            }
            Registration::Asking | Registration::On if is_ok => {
                let granted = result.ok().and_then(|message| granted(&message));
                let granted = granted.unwrap_or(state.setup.expires);
                self.timers.set(now + granted / 2, PhoneTimer::Register(index));
                if state.registration == Registration::Asking {
                    state.registration = Registration::On;
                    self.ua.tell(Happening::Registered { phone, at: now });
                }
            }
            Registration::Asking | Registration::On => {
                state.registration = Registration::Asking;
                self.timers.set(now + REGISTER_RETRY, PhoneTimer::Register(index));
                self.ua.tell(Happening::RegisterFailed { phone, at: now, status });
            }
        }
    }

    // Time

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                PhoneTimer::Register(index) => match self.phones[index as usize].registration {
                    Registration::Asking | Registration::On => self.register(now, index),
                    Registration::Off | Registration::Leaving => {}
                },
                PhoneTimer::Ring(dialog) => {
                    if self.call(dialog).is_some_and(|call| call.answered_at.is_none()) {
                        self.ring(now, dialog);
                    }
                }
                PhoneTimer::React(dialog) => {
                    if self.call(dialog).is_some_and(|call| call.answered_at.is_none()) {
                        self.react(now, dialog);
                    }
                }
                PhoneTimer::Speak(dialog) => self.speak(now, dialog),
                PhoneTimer::HangUp(dialog) => {
                    if let Some(index) = self.by_dialog.get(&dialog).copied() {
                        self.hang_up(now, index);
                    }
                }
            }
        }
    }

    pub(super) fn handle_voices(&mut self, now: Instant) {
        for index in &self.voices {
            let call = self.phones[*index as usize].call.as_mut();
            if let Some(voice) = call.and_then(|call| call.media.voice()) {
                voice.handle_tick(now);
            }
        }
    }

    fn call(&mut self, dialog: DialogKey) -> Option<&mut Call> {
        let index = *self.by_dialog.get(&dialog)?;
        self.phones[index as usize].call.as_mut()
    }

    // Calls

    pub(super) fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Invited { dialog, invite, .. } => self.handle_invited(now, dialog, &invite),
            Event::Cancelled { dialog, .. } => self.end(now, dialog, PhoneEnd::Cancelled),
            Event::Ended { dialog, .. } => self.end(now, dialog, PhoneEnd::Released),
            Event::Acked { dialog, .. } => self.handle_acked(now, dialog),
            Event::AckMissing { dialog } => {
                if let Some(index) = self.by_dialog.get(&dialog).copied() {
                    let phone = self.phone_ref(index);
                    self.ua.violation(Violation::NoAck { phone, at: now });
                }
            }
            Event::Reinvited { dialog, request, message } => {
                let index = self.by_dialog.get(&dialog).copied();
                let call = index.and_then(|index| self.phones[index as usize].call.as_mut());
                if let Some(call) = call {
                    self.ua.answer_offer(now, request, &message, &mut call.media);
                }
            }
            Event::InDialog { request, message, .. } | Event::Request { request, message, .. } => {
                self.ua.answer_request(now, request, &message);
            }
            Event::Response { client, result, .. } => self.handle_response(now, client, result),
            // Of INVITEs that a phone never sends, or never hears of; its targets are flows.
            Event::Refused { .. }
            | Event::Trying { .. }
            | Event::Progress { .. }
            | Event::Answered { .. }
            | Event::Crossed { .. }
            | Event::Rejected { .. }
            | Event::Reanswered { .. }
            | Event::Resolve { .. } => {}
        }
    }

    fn handle_invited(&mut self, now: Instant, dialog: DialogKey, invite: &Message) {
        let user = invite.uri().ok().and_then(|uri| uri.user_decoded()).unwrap_or_default();
        let Some(index) = self.by_user.get(user.as_ref()).copied() else {
            let user = user.into_owned();
            self.ua.violation(Violation::Misrouted { line: self.ua.line, at: now, user });
            return self.reject(now, dialog, 404);
        };
        let phone_ref = self.phone_ref(index);
        let (caller, shown) = caller_of(invite);
        let phone = &mut self.phones[index as usize];
        if let Some(call) = &phone.call {
            let during = call.caller.clone();
            let at = now;
            let second = Violation::SecondInvite { phone: phone_ref, at, during, caller };
            self.ua.violation(second);
            return self.reject(now, dialog, 486);
        }
        let manner = phone.setup.first.get(phone.rung).copied().unwrap_or(phone.setup.usual);
        phone.rung += 1;
        let sound = phone.setup.sound;
        let offer = Offer::read(invite.body()).ok().filter(|offer| offer.audio().is_some());
        let (Some(offer), Ok(media)) = (offer, self.ua.media(sound)) else {
            self.ua.violation(Violation::BadSession { line: self.ua.line, at: now });
            return self.reject(now, dialog, 488);
        };
        self.by_dialog.insert(dialog, index);
        let happening =
            Happening::PhoneRings { phone: phone_ref, at: now, caller: caller.clone(), shown };
        self.ua.tell(happening);
        self.phones[index as usize].call = Some(Call {
            dialog,
            caller,
            offer,
            manner,
            media,
            invited_at: now,
            answered_at: None,
            confirmed_at: None,
        });
        self.begin(now, dialog, manner);
    }

    fn begin(&mut self, now: Instant, dialog: DialogKey, manner: Manner) {
        match manner.ring_after {
            Some(Duration::ZERO) => self.ring(now, dialog),
            Some(after) => self.timers.set(now + after, PhoneTimer::Ring(dialog)),
            None => {}
        }
        match manner.reaction {
            Reaction::Answer { after: Duration::ZERO, .. } => self.react(now, dialog),
            Reaction::Answer { after, .. } | Reaction::Decline { after, .. } => {
                self.timers.set(now + after, PhoneTimer::React(dialog));
            }
            Reaction::LetRing => {}
        }
    }

    fn ring(&mut self, now: Instant, dialog: DialogKey) {
        // A CANCEL in the same batch has ended it: its event follows.
        let _gone = self.ua.endpoint.progress(now, dialog, 180, &[], None);
    }

    fn reject(&mut self, now: Instant, dialog: DialogKey, status: u16) {
        // As above.
        let _gone = self.ua.endpoint.reject(now, dialog, status, &[]);
    }

    fn react(&mut self, now: Instant, dialog: DialogKey) {
        let Some(index) = self.by_dialog.get(&dialog).copied() else { return };
        let phone = self.phone_ref(index);
        let Some(call) = self.phones[index as usize].call.as_mut() else { return };
        match call.manner.reaction {
            Reaction::Answer { .. } => {
                let Some(answer) = call.media.answer(&call.offer) else {
                    self.ua.violation(Violation::BadSession { line: self.ua.line, at: now });
                    self.reject(now, dialog, 488);
                    return self.end(now, dialog, PhoneEnd::Incompatible);
                };
                if self.ua.endpoint.answer(now, dialog, &[], answer).is_err() {
                    // Cancelled in the same batch: its event follows.
                    return;
                }
                call.answered_at = Some(now);
                let caller = call.caller.clone();
                if self.phones[index as usize].setup.sound != Sound::Token {
                    self.speak(now, dialog);
                }
                self.ua.tell(Happening::PhoneAnswered { phone, at: now, caller });
            }
            Reaction::Decline { status, .. } => {
                self.reject(now, dialog, status);
                self.end(now, dialog, PhoneEnd::Declined(status));
            }
            Reaction::LetRing => {}
        }
    }

    fn handle_acked(&mut self, now: Instant, dialog: DialogKey) {
        let Some(call) = self.call(dialog) else { return };
        if call.confirmed_at.is_some() {
            return;
        }
        call.confirmed_at = Some(now);
        let talk = match call.manner.reaction {
            Reaction::Answer { talk, .. } => talk,
            Reaction::Decline { .. } | Reaction::LetRing => None,
        };
        if let Some(talk) = talk {
            self.timers.set(now + talk, PhoneTimer::HangUp(dialog));
        }
        if self.phones[self.by_dialog[&dialog] as usize].setup.sound == Sound::Token {
            self.timers.set(now + TOKEN_AFTER, PhoneTimer::Speak(dialog));
        }
    }

    /// Begins to speak, if she has not yet.
    fn speak(&mut self, now: Instant, dialog: DialogKey) {
        let Some(index) = self.by_dialog.get(&dialog).copied() else { return };
        let Some(call) = self.phones[index as usize].call.as_mut() else { return };
        self.ua.speak(now, &mut call.media, &call.offer);
        if call.media.voice().is_some() {
            self.voices.insert(index);
        }
    }

    /// She presses the red button: a talk ends, a ringing is declined.
    pub(super) fn hang_up(&mut self, now: Instant, index: u32) {
        let Some(call) = &self.phones[index as usize].call else { return };
        let dialog = call.dialog;
        if call.answered_at.is_some() {
            self.ua.bye(now, dialog);
            self.end(now, dialog, PhoneEnd::HungUp);
        } else {
            self.reject(now, dialog, 603);
            self.end(now, dialog, PhoneEnd::Declined(603));
        }
    }

    /// Calls and registrations are forgotten without a word.
    pub(super) fn cut(&mut self, now: Instant) {
        let dialogs: Vec<DialogKey> = self.by_dialog.keys().copied().collect();
        for dialog in dialogs {
            self.end(now, dialog, PhoneEnd::Cut);
        }
        self.by_request.clear();
        for phone in &mut self.phones {
            phone.registration = Registration::Off;
        }
    }

    fn end(&mut self, now: Instant, dialog: DialogKey, end: PhoneEnd) {
        // Unknown: refused at once, or ended by herself before the dialog was gone.
        let Some(index) = self.by_dialog.remove(&dialog) else { return };
        self.voices.remove(&index);
        let phone = self.phone_ref(index);
        let state = &mut self.phones[index as usize];
        let Some(call) = state.call.take() else { return };
        self.ua.tell(Happening::PhoneEnded(Box::new(PhoneCall {
            phone,
            sound: state.setup.sound,
            caller: call.caller,
            invited_at: call.invited_at,
            answered_at: call.answered_at,
            confirmed_at: call.confirmed_at,
            ended_at: now,
            end,
            heard: call.media.hang_up(),
        })));
    }
}

/// Seconds that the registrar granted: of our Contact, else of the response (RFC 3261 §10.3).
fn granted(message: &Message) -> Option<Duration> {
    let contact = message
        .contacts()
        .filter_map(Result::ok)
        .find_map(|contact| contact.params.get("expires").and_then(|value| value.parse().ok()));
    let seconds = contact.or_else(|| message.expires().ok().flatten())?;
    Some(Duration::from_secs(u64::from(seconds)))
}

/// User part and display name of From.
fn caller_of(invite: &Message) -> (String, Option<String>) {
    let Ok(from) = invite.from() else { return (String::new(), None) };
    let shown = from.display.map(unquoted);
    let uri = sip::Uri::read_str(from.uri).ok();
    let user = uri.and_then(|uri| uri.user_decoded()).unwrap_or_default().into_owned();
    (user, shown)
}

/// The text of a display name: quotes and backslashes removed (RFC 3261 §25.1).
fn unquoted(display: &[u8]) -> String {
    let text = String::from_utf8_lossy(display);
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.into_owned();
    };
    let mut is_escaped = false;
    inner
        .chars()
        .filter(|c| {
            is_escaped = *c == '\\' && !is_escaped;
            !is_escaped
        })
        .collect()
}
