//! Orders to the relay, and what a silent leg means.
//!
//! Silence is not death (mute, DTX, hold): a leg from which neither RTP nor RTCP comes is asked by
//! OPTIONS within its dialog, and is lost only if it does not answer.

use std::time::Duration;

use acd::{CallerId, OfferId};
use rand_core::RngCore;
use sip::sdp::Codec;
use sip::{ClientKey, Instant, Message, Method, Timeout};

use super::Engine;
use crate::action::Action;
use crate::calls::{AgentLegState, LegPort, Stage};
use crate::media::{
    MediaEvent, MediaLeg, MediaOrder, MediaSource, Owner, Play, Playing, Port, ToneCodec,
};
use crate::timers::{Role, Timer};

/// A leg that stays silent but answers is asked again after this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

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

    /// A secretary's leg gives its pair back to its call.
    pub(super) fn disown(&mut self, caller: CallerId, media: LegPort) {
        self.release_media(media);
        if let Some(call) = self.state.calls.get(&caller) {
            self.state.ports.return_second(call.leg.media.port, media.port);
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
        let (peer, payload_map, play) = match call.stage {
            Stage::Waiting => (None, Vec::new(), None),
            Stage::Bridged { offer, .. } => {
                let her = self.state.agent_legs.get(&offer).and_then(|leg| match &leg.state {
                    AgentLegState::Talking { speech, .. } => Some(speech),
                    AgentLegState::Offered { .. }
                    | AgentLegState::Answered(_)
                    | AgentLegState::Closing => None,
                });
                let map = her.map(|speech| {
                    payload_map(
                        (leg.frozen.as_ref().map(|it| it.payload_type), leg.telephone_event),
                        (Some(speech.format.payload_type), speech.telephone_event),
                    )
                });
                (her.map(|speech| speech.media.port), map.unwrap_or_default(), None)
            }
            Stage::Returned { .. } => {
                let format = leg.frozen.as_ref();
                (None, Vec::new(), format.and_then(|format| play(Playing::RingTone, format)))
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
                receives: true,
                watch: call.stage != Stage::Waiting,
            },
        };
        self.actions.push_back(Action::Media(order));
    }

    /// The same for the secretary's pair.
    pub(super) fn order_agent_media(&mut self, offer: OfferId) {
        let Some(leg) = self.state.agent_legs.get(&offer) else {
            return;
        };
        let Some(call) = self.state.calls.get(&offer.caller) else {
            return;
        };
        let (media, remote, peer, payload_map) = match &leg.state {
            AgentLegState::Offered { media, .. } => (*media, None, None, Vec::new()),
            AgentLegState::Answered(speech) => (speech.media, speech.remote, None, Vec::new()),
            AgentLegState::Talking { speech, .. } => {
                let his = &call.leg;
                let map = payload_map(
                    (Some(speech.format.payload_type), speech.telephone_event),
                    (his.frozen.as_ref().map(|it| it.payload_type), his.telephone_event),
                );
                (speech.media, speech.remote, Some(his.media.port), map)
            }
            AgentLegState::Closing => return,
        };
        let order = MediaOrder::Set {
            port: media.port,
            owner: media.owner,
            leg: MediaLeg {
                remote,
                source: MediaSource::Latch,
                signalling: leg.flow.remote.ip(),
                peer,
                payload_map,
                play: None,
                receives: true,
                watch: peer.is_some(),
            },
        };
        self.actions.push_back(Action::Media(order));
    }

    pub(super) fn handle_media(&mut self, now: Instant, event: MediaEvent) {
        match event {
            MediaEvent::Heard { owner, .. } => {
                let Some(&role) = self.state.owners.get(&owner) else {
                    return;
                };
                self.stop_asking(role);
                if let Role::Agent(offer) = role
                    && let Some(leg) = self.state.agent_legs.get_mut(&offer)
                {
                    leg.heard = true;
                }
            }
            MediaEvent::Silent { owner, .. } => {
                if let Some(&role) = self.state.owners.get(&owner) {
                    self.inquire(now, role);
                }
            }
            // What has an end is played to nobody yet, and a released port has no owner left.
            MediaEvent::Played { .. } | MediaEvent::Released { .. } => {}
            MediaEvent::Failed { port, error, .. } => {
                tracing::error!(port, error, "the relay cannot serve a port");
            }
        }
    }

    /// Asks a leg in conversation whether it is alive.
    pub(super) fn inquire(&mut self, now: Instant, role: Role) {
        let dialog = match role {
            Role::Caller(caller) => self.state.calls.get(&caller).map(|call| call.leg.dialog),
            Role::Agent(offer) => self.state.agent_legs.get(&offer).and_then(|leg| {
                matches!(leg.state, AgentLegState::Talking { .. }).then_some(leg.dialog)
            }),
        };
        let Some(dialog) = dialog else { return };
        match self.state.endpoint.request_within(now, dialog, Method::Options, &[], None) {
            Ok(client) => {
                self.state.inquiries.insert(client, role);
                self.state.timers.stop(Timer::AskAgain(role));
                self.state.timers.set(Timer::Inquiry(role), now + self.config.inquiry_timeout);
            }
            Err(misuse) => tracing::debug!(%misuse, "a silent leg could not be asked"),
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
                self.state.timers.set(Timer::AskAgain(role), now + ASK_AGAIN_AFTER);
            }
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

/// Which payload types of one side have another number on the other.
fn payload_map(from: (Option<u8>, Option<u8>), to: (Option<u8>, Option<u8>)) -> Vec<(u8, u8)> {
    [(from.0, to.0), (from.1, to.1)]
        .into_iter()
        .filter_map(|(from, to)| Some((from?, to?)))
        .filter(|(from, to)| from != to)
        .collect()
}

/// What is played, in a leg's format; nothing where that would need an encoder.
fn play(what: Playing, format: &sip::sdp::Format) -> Option<Play> {
    let codec = match format.codec {
        Codec::Pcma => ToneCodec::Pcma,
        Codec::Pcmu => ToneCodec::Pcmu,
        Codec::G722 | Codec::Opus => return None,
    };
    Some(Play { what, payload_type: format.payload_type, codec })
}
