//! What a secretary dials on her phone: codes for her state. Emergency numbers go before all else
//! (`emergency`).
//!
//! | code | she |
//! | --- | --- |
//! | `*31` | pauses, after her current call if there is one |
//! | `*30` | takes calls again: after a pause, *not responding*, or a log-out |
//! | `*32` | ends her wrap-up |
//! | `*33` | makes the caller with whom she talks urgent |
//!
//! Such an INVITE is no [`Call`](crate::calls::Call) and no offer. It is answered, a short tone tells
//! whether the code changed anything, and we hang up. Her state changes as the code is taken, but her
//! line counts as occupied until her phone has let go: whom a resume would bring her is offered then.
//!
//! What cannot be done is refused whole, and no state changes: a phone without G.711 (488; we make tones
//! in no other codec), no port or no room (486), a number that is no code (404). A phone that is no
//! secretary's has no state to change: 403, whatever else it dials.

use std::time::Duration;

use acd::{AgentEvent, AgentId, AgentState, CallerId};
use serde::{Deserialize, Serialize};
use sip::sdp::{Codec, Direction, Format, LocalSession, Offer};
use sip::{DialogKey, Flow, Instant, Message, Uri};

use super::media::play;
use super::{Engine, User};
use crate::action::{Action, AgentCommand, Notice};
use crate::calls::LegPort;
use crate::media::{MediaLeg, MediaOrder, MediaRemote, MediaSource, Play, Playing};
use crate::timers::{Role, Timer};

/// The tone lasts about a second; a relay that does not tell its end is not waited for longer.
const TONE_MAX: Duration = Duration::from_secs(3);
/// Codes of one secretary that may be up at once: the last one, and those whose BYE her phone does not
/// answer. Beyond: 486.
const CODES_MAX: usize = 4;
/// The reason of a pause that was dialled: the code says none.
const UNTOLD: u16 = 0;

const NO_NUMBER: &str = "Q.850;cause=1;text=\"Unallocated number\"";
const NO_CODEC: &str = "Q.850;cause=88;text=\"Incompatible destination\"";
const NO_DIALLING: &str = "Q.850;cause=21;text=\"Call rejected\"";
const NO_ROOM: &str = "Q.850;cause=17;text=\"User busy\"";

#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum StarCode {
    Pause,
    Resume,
    EndWrapUp,
    CallerIsUrgent,
}

impl StarCode {
    const ALL: [Self; 4] = [Self::Pause, Self::Resume, Self::EndWrapUp, Self::CallerIsUrgent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "*31",
            Self::Resume => "*30",
            Self::EndWrapUp => "*32",
            Self::CallerIsUrgent => "*33",
        }
    }

    fn of(dialled: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == dialled)
    }
}

/// A phone that dialled a code, until it has let go.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CodeLeg {
    pub(crate) agent: AgentId,
    pub(crate) flow: Flow,
    pub(crate) state: CodeLegState,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CodeLegState {
    /// Answered. The tone begins with the ACK: before, nobody listens.
    Open { media: LegPort, remote: Option<MediaRemote>, receives: bool, tone: Option<Play> },
    /// Hung up: only her phone's last word is awaited.
    Closing,
}

/// What of her phone's wishes we can meet.
struct Listener {
    offer: Offer,
    format: Format,
    remote: Option<MediaRemote>,
    receives: bool,
}

impl Engine {
    /// An INVITE of a phone.
    pub(super) fn phone_dials(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        flow: Flow,
        invite: &Message,
    ) {
        let dialled = dialled(invite).unwrap_or_default();
        if let Some(number) = self.emergency_number(invite, &dialled) {
            return self.dial_emergency(now, dialog, flow, invite, number);
        }
        let dialler = self.dialler(&flow, invite);
        if let Some(User::Phone(_)) = dialler {
            return self.reject(now, dialog, 403, Some(NO_DIALLING));
        }
        let Some(code) = StarCode::of(&dialled) else {
            return self.reject(now, dialog, 404, Some(NO_NUMBER));
        };
        let Some(User::Agent(agent)) = dialler else {
            return self.reject(now, dialog, 403, None);
        };
        let legs = self.state.codes.values().filter(|leg| leg.agent == agent).count();
        if legs >= CODES_MAX || self.is_endpoint_full() {
            return self.reject(now, dialog, 486, Some(NO_ROOM));
        }
        let Some(listener) = self.listener(invite) else {
            return self.reject(now, dialog, 488, Some(NO_CODEC));
        };
        let Some((port, address)) = self.state.ports.take_single() else {
            return self.reject(now, dialog, 486, Some(NO_ROOM));
        };
        let media = self.own(port, Role::Code(dialog));
        let mut session = LocalSession::new(self.random_session_id(), (address, port).into());
        let Listener { offer, format, remote, receives } = listener;
        let sdp = session.answer(&offer, &format, None, Direction::SendRecv);
        let changed = self.take_code(now, agent, code);
        let what = if changed { Playing::Confirmed } else { Playing::Refused };
        let tone = play(what, &format).filter(|_| receives);
        let state = CodeLegState::Open { media, remote, receives, tone };
        self.state.codes.insert(dialog, CodeLeg { agent, flow, state });
        self.state.dialogs.insert(dialog, Role::Code(dialog));
        self.state.timers.set(Timer::CodeEnds(dialog), now + TONE_MAX);
        self.order_code_media(dialog, false);
        let call = self.talks_with(agent).and_then(|caller| self.state.calls.get(&caller));
        let call = call.map(|call| call.reference);
        self.notice(Notice::Dialled { agent, call, code, changed });
        if let Err(misuse) = self.state.endpoint.answer(now, dialog, &[], sdp) {
            tracing::warn!(agent = agent.0, %misuse, "a code could not be answered");
            self.code_leg_is_gone(now, dialog);
        }
    }

    /// The state changes, and her line is taken before: no caller may meet a phone in use. Whether
    /// anything changed.
    fn take_code(&mut self, now: Instant, agent: AgentId, code: StarCode) -> bool {
        let told = |engine: &Self| {
            let scheduler = &engine.state.scheduler;
            let view = scheduler.agent(agent)?;
            let with = engine.talks_with(agent).and_then(|caller| scheduler.caller(caller));
            Some((view.state, view.pending, with.map(|caller| caller.waiting.urgency)))
        };
        let before = told(self);
        self.inform(now, acd::Input::Agent { agent, event: AgentEvent::LineTaken });
        let command = match code {
            StarCode::Pause => AgentCommand::Pause { reason: UNTOLD },
            StarCode::Resume => AgentCommand::Resume,
            StarCode::EndWrapUp => AgentCommand::EndWrapUp,
            StarCode::CallerIsUrgent => {
                self.inform(now, acd::Input::Agent { agent, event: AgentEvent::CallerIsUrgent });
                return told(self) != before;
            }
        };
        self.handle_agent_command(now, agent, command);
        told(self) != before
    }

    fn talks_with(&self, agent: AgentId) -> Option<CallerId> {
        match self.state.scheduler.agent(agent)?.state {
            AgentState::Talking(caller) => Some(caller),
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::Offered(_)
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => None,
        }
    }

    /// Whose phone this is. Where several share a flow, From decides.
    pub(super) fn dialler(&self, flow: &Flow, invite: &Message) -> Option<User> {
        let from = invite.from().ok()?;
        let uri = Uri::read_str(from.uri).ok()?;
        let user = uri.user_decoded();
        let names: Vec<&str> = self.state.registrar.aors_on(flow).collect();
        let name = match names[..] {
            [name] => name,
            _ => names.into_iter().find(|name| Some(*name) == user.as_deref())?,
        };
        self.users.get(name).copied()
    }

    fn listener(&self, invite: &Message) -> Option<Listener> {
        let offer = Offer::read(sip::session_description(invite).ok()??).ok()?;
        let audio = offer.audio().filter(|audio| self.can_reach(audio))?;
        let is_g711 = |format: &&Format| matches!(format.codec, Codec::Pcma | Codec::Pcmu);
        let format = audio.formats.iter().find(is_g711)?.clone();
        let (remote, receives) = (MediaRemote::of(audio), audio.direction.receives());
        Some(Listener { offer, format, remote, receives })
    }

    /// The ACK came: she listens, at a phone that is there whatever it answers to OPTIONS.
    pub(super) fn code_acked(&mut self, now: Instant, dialog: DialogKey) {
        if let Some(flow) = self.state.codes.get(&dialog).map(|leg| leg.flow) {
            self.phone_lives(now, &flow);
        }
        self.state.timers.set(Timer::CodeEnds(dialog), now + TONE_MAX);
        self.order_code_media(dialog, true);
    }

    fn order_code_media(&mut self, dialog: DialogKey, plays: bool) {
        let Some(leg) = self.state.codes.get(&dialog) else { return };
        let CodeLegState::Open { media, remote, receives, tone } = &leg.state else { return };
        let order = MediaOrder::Set {
            port: media.port,
            owner: media.owner,
            leg: MediaLeg {
                remote: *remote,
                source: MediaSource::Latch,
                signalling: leg.flow.remote.ip(),
                peer: None,
                payload_map: Vec::new(),
                play: tone.filter(|_| plays),
                receives: *receives,
                watch: false,
                keys: Vec::new(),
            },
        };
        self.actions.push_back(Action::Media(order));
    }

    /// The tone is over, or lasts too long. BYE waits for the ACK, should that be missing (RFC 3261
    /// §15).
    pub(super) fn end_code(&mut self, now: Instant, dialog: DialogKey) {
        if self.close_code(dialog) {
            self.hang_up(now, dialog);
        }
    }

    pub(super) fn end_codes(&mut self, now: Instant) {
        let dialogs: Vec<DialogKey> = self.state.codes.keys().copied().collect();
        for dialog in dialogs {
            self.end_code(now, dialog);
        }
    }

    /// Gives its port back; `false` if that was done.
    fn close_code(&mut self, dialog: DialogKey) -> bool {
        self.state.timers.stop(Timer::CodeEnds(dialog));
        let Some(leg) = self.state.codes.get_mut(&dialog) else { return false };
        match std::mem::replace(&mut leg.state, CodeLegState::Closing) {
            CodeLegState::Open { media, .. } => {
                self.release_media(media);
                self.state.ports.return_single(media.port);
                true
            }
            CodeLegState::Closing => false,
        }
    }

    /// Her phone has let go of it; with the last one her line is clear.
    pub(super) fn code_leg_is_gone(&mut self, now: Instant, dialog: DialogKey) {
        self.close_code(dialog);
        self.state.dialogs.remove(&dialog);
        let Some(leg) = self.state.codes.remove(&dialog) else { return };
        self.clear_line(now, leg.agent);
    }

    /// Something that she dialled is over: her line is clear unless something else is up.
    pub(super) fn clear_line(&mut self, now: Instant, agent: AgentId) {
        let calls_out = self.state.emergencies.values().any(|it| it.user == User::Agent(agent));
        if !calls_out && !self.state.codes.values().any(|leg| leg.agent == agent) {
            self.inform(now, acd::Input::Agent { agent, event: AgentEvent::LineClear });
        }
    }
}

/// What an INVITE dials: as a SIP user, escaped or not, or as `tel:`.
fn dialled(invite: &Message) -> Option<String> {
    let uri = invite.uri().ok()?;
    let user = uri.user_decoded()?;
    // A telephone-subscriber in a SIP URI has its own parameters (RFC 3261 §19.1.6).
    user.split(';').next().map(str::to_owned)
}
