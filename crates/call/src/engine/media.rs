//! Orders to the relay, and what a silent leg means.
//!
//! Silence is not death (mute, DTX, hold): a leg from which neither RTP nor RTCP comes is asked by
//! OPTIONS within its dialog, and is lost only if it does not answer.

use std::time::Duration;

use acd::{CallerId, OfferId, PromptId};
use rand_core::RngCore;
use sip::sdp::{Codec, Direction, Format};
use sip::{ClientKey, Instant, Message, Method, Misuse, Timeout};

use super::Engine;
use super::admission::TELEPHONE_EVENT;
use crate::action::Action;
use crate::calls::{CallerLeg, LegPort, RungLegState, Speech, Stage};
use crate::media::{
    MediaEvent, MediaLeg, MediaOrder, MediaSource, Owner, Play, Playing, Port, ToneCodec,
};
use crate::timers::{Role, Timer};

/// A leg that stays silent but answers is asked again after this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// A leg on hold is asked this often.
const ASK_HELD_AFTER: Duration = Duration::from_secs(30);

impl Engine {
    /// A new use of a port pair.
    pub(super) fn own(&mut self, port: Port, role: Role) -> LegPort {
        self.state.owners_made += 1;
        let owner = Owner(self.state.owners_made);
        self.state.owners.insert(owner, role);
        LegPort { port, owner }
    }

    pub(super) fn release_media(&mut self, media: LegPort) {
        self.state.owners.remove(&media.owner);
        let LegPort { port, owner } = media;
        self.actions.push_back(Action::Media(MediaOrder::Release { port, owner }));
    }

    /// The leg of whom we rang gives its pair back to its call.
    pub(super) fn disown(&mut self, caller: CallerId, media: LegPort) {
        self.release_media(media);
        if let Some(call) = self.state.calls.get(&caller) {
            self.state.ports.return_beside(call.leg.media.port, media.port);
        }
    }

    pub(super) fn random_session_id(&mut self) -> u64 {
        // RFC 4566 §5.2 wants a number; some phones read it as a signed 64-bit one.
        self.state.random.next_u64() >> 2
    }

    /// Tells the relay how the caller's pair is to look, as the call stands.
    pub(super) fn order_caller_media(&mut self, caller: CallerId) {
        let Some(call) = self.state.calls.get(&caller) else {
            return;
        };
        let leg = &call.leg;
        let Hears { peer, payload_map, play } = match call.stage {
            Stage::Waiting => Hears::default(),
            Stage::Announced { prompt, .. } => {
                let begins = self.state.timers.is_set(Timer::TextEnd(caller));
                let what = Playing::Prompt { prompt, repeat: false };
                let format = leg.frozen.as_ref().filter(|_| begins);
                let play = format.and_then(|format| play(what, format));
                Hears { play, ..Hears::default() }
            }
            Stage::Bridged { offer, .. } | Stage::Connected { offer, .. } => {
                match self.speech(offer) {
                    Some(speech) => {
                        Ear::of_caller(leg).hears(Ear::of_callee(speech), self.config.hold)
                    }
                    None => Hears::default(),
                }
            }
            Stage::Returned { .. } | Stage::Pressed { .. } => {
                let format = leg.frozen.as_ref().filter(|_| leg.direction.receives());
                let play = format.and_then(|format| play(Playing::RingTone, format));
                Hears { play, ..Hears::default() }
            }
        };
        let order = MediaOrder::Set {
            port: leg.media.port,
            owner: leg.media.owner,
            leg: MediaLeg {
                remote: leg.remote,
                source: MediaSource::Fixed,
                signalling: leg.flow.remote.ip(),
                peer,
                payload_map,
                play,
                receives: leg.direction.receives(),
                // Who listens to a text may be as silent as he likes: it has an end.
                watch: matches!(
                    call.stage,
                    Stage::Bridged { .. }
                        | Stage::Connected { .. }
                        | Stage::Returned { .. }
                        | Stage::Pressed { .. }
                ) && leg.direction.receives(),
                keys: match call.stage {
                    Stage::Announced { urgent_key: Some(_), .. } => key_types(leg),
                    Stage::Announced { urgent_key: None, .. }
                    | Stage::Waiting
                    | Stage::Bridged { .. }
                    | Stage::Connected { .. }
                    | Stage::Returned { .. }
                    | Stage::Pressed { .. } => Vec::new(),
                },
            },
        };
        self.actions.push_back(Action::Media(order));
    }

    /// The same for the pair of whom we rang.
    pub(super) fn order_rung_media(&mut self, offer: OfferId) {
        if let Some(order) = self.rung_order(offer) {
            self.actions.push_back(Action::Media(order));
        }
    }

    /// The same again for who is asked for a key.
    pub(super) fn order_asked_media(&mut self, offer: OfferId) {
        let state = self.state.rung_legs.get(&offer).map(|leg| &leg.state);
        if let Some(RungLegState::Asked { .. }) = state {
            self.order_rung_media(offer);
        }
    }

    /// He has heard the beeps and pressed nothing: they begin again, as what is the same would not.
    fn ask_again(&mut self, offer: OfferId) {
        let state = self.state.rung_legs.get(&offer).map(|leg| &leg.state);
        if let Some(RungLegState::Asked { .. }) = state
            && let Some(order) = self.rung_order(offer)
        {
            if let MediaOrder::Set { port, owner, leg } = &order {
                let (port, owner) = (*port, *owner);
                let leg = MediaLeg { play: None, ..leg.clone() };
                self.actions.push_back(Action::Media(MediaOrder::Set { port, owner, leg }));
            }
            self.actions.push_back(Action::Media(order));
        }
    }

    fn rung_order(&self, offer: OfferId) -> Option<MediaOrder> {
        let leg = self.state.rung_legs.get(&offer)?;
        let call = self.state.calls.get(&offer.caller)?;
        let (media, speech, keys) = match &leg.state {
            RungLegState::Offered { media, .. } => (*media, None, Vec::new()),
            RungLegState::Answered(speech) | RungLegState::Talking { speech, .. } => {
                (speech.media, Some(speech), Vec::new())
            }
            RungLegState::Asked { speech, keys } => (speech.media, Some(speech), keys.clone()),
            RungLegState::Closing => return None,
        };
        let is_talking = matches!(leg.state, RungLegState::Talking { .. });
        let receives = speech
            .filter(|_| is_talking || !keys.is_empty())
            .is_none_or(|speech| speech.direction.receives());
        let Hears { peer, payload_map, play } = match speech {
            Some(speech) if is_talking => {
                Ear::of_callee(speech).hears(Ear::of_caller(&call.leg), self.config.hold)
            }
            Some(speech) if !keys.is_empty() && receives => {
                Hears { play: play(self.question(call), &speech.format), ..Hears::default() }
            }
            Some(_) | None => Hears::default(),
        };
        Some(MediaOrder::Set {
            port: media.port,
            owner: media.owner,
            leg: MediaLeg {
                remote: speech.and_then(|speech| speech.remote),
                source: if leg.who.is_registered() {
                    MediaSource::Latch
                } else {
                    MediaSource::Fixed
                },
                signalling: leg.flow.remote.ip(),
                peer,
                payload_map,
                play,
                receives,
                watch: is_talking && receives,
                keys,
            },
        })
    }

    /// The other side of a conversation that is up, or who is asked whether it shall be.
    fn speech(&self, offer: OfferId) -> Option<&Speech> {
        self.state.rung_legs.get(&offer)?.speech()
    }

    /// Whether a leg has us on hold: it wants no packets, and need not send any.
    pub(super) fn holds(&self, role: Role) -> bool {
        let direction = match role {
            Role::Caller(caller) => self.state.calls.get(&caller).map(|call| call.leg.direction),
            Role::Rung(offer) => self.speech(offer).map(|speech| speech.direction),
            Role::Emergency(_) | Role::Centre(_) => self.emergency_direction(role),
            Role::Code(_) => None,
        };
        direction.is_some_and(|direction| !direction.receives())
    }

    /// A leg that holds is not watched, yet it may die: it is asked now and then.
    pub(super) fn ask_held(&mut self, now: Instant, role: Role) {
        let timers = &self.state.timers;
        let is_asked = timers.is_set(Timer::Inquiry(role)) || timers.is_set(Timer::AskAgain(role));
        if self.holds(role) && !is_asked {
            self.state.timers.set(Timer::AskAgain(role), now + ASK_HELD_AFTER);
        }
    }

    pub(super) fn handle_media(&mut self, now: Instant, event: MediaEvent) {
        match event {
            MediaEvent::Heard { owner, .. } => {
                let Some(&role) = self.state.owners.get(&owner) else {
                    return;
                };
                self.stop_asking(role);
                self.ask_held(now, role);
                if let Role::Rung(offer) = role
                    && let Some(leg) = self.state.rung_legs.get_mut(&offer)
                {
                    leg.heard = true;
                }
            }
            MediaEvent::Silent { owner, .. } => {
                if let Some(&role) = self.state.owners.get(&owner) {
                    self.inquire(now, role);
                }
            }
            MediaEvent::Played { owner, .. } => match self.state.owners.get(&owner) {
                Some(&Role::Caller(caller)) => self.text_is_played(now, caller),
                Some(&Role::Code(dialog)) => self.end_code(now, dialog),
                Some(&Role::Emergency(dialog)) => self.emergency_played(now, dialog),
                Some(&Role::Rung(offer)) => self.ask_again(offer),
                Some(Role::Centre(_)) | None => {}
            },
            MediaEvent::Digit { owner, digit, .. } => {
                if let Some(&role) = self.state.owners.get(&owner) {
                    self.key_pressed(now, role, digit);
                }
            }
            // A released port has no owner left.
            MediaEvent::Released { .. } => {}
            MediaEvent::Failed { port, error, .. } => {
                tracing::error!(port, error, "the relay cannot serve a port");
            }
        }
    }

    /// Asks a leg in conversation whether it is alive.
    pub(super) fn inquire(&mut self, now: Instant, role: Role) {
        let dialog = match role {
            Role::Caller(caller) => self.state.calls.get(&caller).map(|call| call.leg.dialog),
            Role::Rung(offer) => self.state.rung_legs.get(&offer).and_then(|leg| {
                matches!(leg.state, RungLegState::Talking { .. }).then_some(leg.dialog)
            }),
            Role::Emergency(_) | Role::Centre(_) => self.emergency_dialog(role),
            Role::Code(_) => None,
        };
        let Some(dialog) = dialog else { return };
        match self.state.endpoint.request_within(now, dialog, Method::Options, &[], None) {
            Ok(client) => {
                self.state.inquiries.insert(client, role);
                self.state.timers.stop(Timer::AskAgain(role));
                self.state.timers.set(Timer::Inquiry(role), now + self.config.inquiry_timeout);
            }
            Err(misuse) => {
                tracing::debug!(%misuse, "a silent leg could not be asked");
                // Its silence is told once: nothing else would bring us back to it.
                if let Misuse::Full(_) = misuse {
                    self.state.timers.set(Timer::AskAgain(role), now + ASK_AGAIN_AFTER);
                }
            }
        }
    }

    pub(super) fn inquiry_answered(
        &mut self,
        now: Instant,
        client: ClientKey,
        result: Result<Message, Timeout>,
    ) {
        let Some(role) = self.state.inquiries.remove(&client) else {
            return;
        };
        let is_asked = self.state.timers.is_set(Timer::Inquiry(role));
        let dialog_is_known = match &result {
            Ok(message) => !matches!(message.status(), Some(408 | 481)),
            Err(Timeout::NoResponse | Timeout::Unreachable) => false,
        };
        match (is_asked, dialog_is_known) {
            (true, true) => {
                self.state.timers.stop(Timer::Inquiry(role));
                let after = if self.holds(role) { ASK_HELD_AFTER } else { ASK_AGAIN_AFTER };
                self.state.timers.set(Timer::AskAgain(role), now + after);
            }
            // Of a question from before it was last heard: a newer one is out, and decides.
            (true, false) if self.state.inquiries.values().any(|asked| *asked == role) => {}
            (true, false) => self.leg_is_lost(now, role),
            (false, _) => {}
        }
    }

    /// The leg has ended, or speaks.
    pub(super) fn stop_asking(&mut self, role: Role) {
        self.state.timers.stop(Timer::Inquiry(role));
        self.state.timers.stop(Timer::AskAgain(role));
    }
}

/// Under which payload types a caller's keys come: our number (RFC 3264 §5.1), and his own, which some send.
fn key_types(leg: &CallerLeg) -> Vec<u8> {
    let ours = leg.offer.is_none().then_some(TELEPHONE_EVENT);
    let theirs = leg.telephone_event.filter(|&theirs| ours != Some(theirs));
    ours.into_iter().chain(theirs).collect()
}

/// What a leg hears: the other one, something that we play, or nothing.
#[derive(Default)]
pub(super) struct Hears {
    pub(super) peer: Option<Port>,
    pub(super) payload_map: Vec<(u8, u8)>,
    pub(super) play: Option<Play>,
}

/// One of two legs that talk with each other.
#[derive(Copy, Clone)]
pub(super) struct Ear<'a> {
    port: Port,
    format: Option<&'a Format>,
    telephone_event: Option<u8>,
    direction: Direction,
}

impl<'a> Ear<'a> {
    pub(super) fn of_caller(leg: &'a CallerLeg) -> Self {
        Self {
            port: leg.media.port,
            format: leg.frozen.as_ref(),
            telephone_event: leg.telephone_event,
            direction: leg.direction,
        }
    }

    pub(super) fn of_callee(speech: &'a Speech) -> Self {
        Self {
            port: speech.media.port,
            format: Some(&speech.format),
            telephone_event: speech.telephone_event,
            direction: speech.direction,
        }
    }

    /// While one of them holds, nothing crosses either way, be its microphone open or not; the one who
    /// is held hears the hold music.
    pub(super) fn hears(self, other: Self, hold: Option<PromptId>) -> Hears {
        if self.direction.receives() && other.direction.receives() {
            let number = |ear: Self| (ear.format.map(|it| it.payload_type), ear.telephone_event);
            let payload_map = payload_map(number(self), number(other));
            return Hears { peer: Some(other.port), payload_map, play: None };
        }
        let music = hold.map(|prompt| Playing::Prompt { prompt, repeat: true });
        let format = self.format.filter(|_| self.direction.receives());
        let play = music.zip(format).and_then(|(music, format)| play(music, format));
        Hears { play, ..Hears::default() }
    }
}

/// Which payload types of one side have another number on the other.
fn payload_map(from: (Option<u8>, Option<u8>), to: (Option<u8>, Option<u8>)) -> Vec<(u8, u8)> {
    [(from.0, to.0), (from.1, to.1)]
        .into_iter()
        .filter_map(|(from, to)| Some((from?, to?)))
        .filter(|(from, to)| from != to)
        .collect()
}

/// What is played, in a leg's format; nothing where that would need an encoder.
pub(super) fn play(what: Playing, format: &Format) -> Option<Play> {
    let codec = match format.codec {
        Codec::Pcma => ToneCodec::Pcma,
        Codec::Pcmu => ToneCodec::Pcmu,
        Codec::G722 | Codec::Opus => return None,
    };
    Some(Play { what, payload_type: format.payload_type, codec })
}
