//! Emergency calls: what a phone of ours dials that goes out before every rule, limit or shedding.
//!
//! ```text
//!              ┌─ Ringing ─▶ Early ─┐
//!   Dialled ───┤     └──────────────┴─▶ Talking ──▶ Closing
//!              └─ or what of these fails ─▶ Told ─────┘
//! ```
//!
//! It leaves by the trunk of the secretary's declared site, with that site's number: the operator finds
//! the centre of her place by it. By another trunk it would reach another place's centre, so it never
//! does. What cannot be put through is answered all the same: she hears that it failed, and an alarm is
//! raised. It is no [`Call`](crate::calls::Call), and no bound of calls holds for it, nor draining. Its
//! own bounds are the last ones: a pair of ports that nobody holds at all (`ports`), a place in the
//! endpoint's tables, which have an eighth more than calls may fill, and [`EMERGENCIES_MAX`].
//!
//! Her line is taken meanwhile as by a code: who rings at her phone goes to somebody else, and nobody is
//! offered to her until it has let go. A phone that is no secretary's is at no site.

use std::time::Duration;

use acd::{AgentEvent, AgentId, Miss};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sip::sdp::{Codec, Direction, Format, LocalSession};
use sip::{DialogKey, Flow, HeaderName, Identity, Instant, Invite, Message};

use super::admission::Refused;
use super::conversation::answer_to;
use super::forwarding::{TRUNK_PATIENCE, uri_at};
use super::media::{Ear, Hears, play};
use super::offer::Described;
use super::{Engine, User};
use crate::action::{Action, Notice};
use crate::calls::{CallerLeg, LegPort, RungLeg, Speech};
use crate::config::TrunkId;
use crate::emergency::{EmergencyOutcome, Site};
use crate::media::{MediaLeg, MediaOrder, MediaSource, Playing};
use crate::number::E164;
use crate::record::OfferOutcome;
use crate::timers::{Role, Timer};

/// Emergency calls of one user that may be up at once, those included whose BYE the phone does not answer:
/// more than a phone has lines. Beyond: 486, and the alarm.
pub(super) const EMERGENCIES_MAX: usize = 4;
/// How long beeps tell that it failed, where no text does.
const BEEPS_FOR: Duration = Duration::from_secs(10);
/// How much longer than its text the telling may be.
const GRACE: Duration = Duration::from_secs(5);
/// An operator who rings for longer than anybody waits does so for a phone that is gone: nothing but her
/// hang-up ends it sooner, for a phone may be there whatever it answers to OPTIONS.
const RINGS_MAX: Duration = Duration::from_secs(30 * 60);

const NO_ROOM: &str = "Q.850;cause=17;text=\"User busy\"";
const NO_WAY: &str = "Q.850;cause=38;text=\"Network out of order\"";

/// A phone that dialled an emergency number, until it has let go. Its dialog is the key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EmergencyCall {
    pub(crate) user: User,
    pub(crate) number: String,
    dialled_at: Instant,
    pub(crate) leg: CallerLeg,
    pub(crate) state: EmergencyState,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum EmergencyState {
    /// Taken in; within the same input the operator is asked.
    Dialled,
    /// The operator is asked, and perhaps rings.
    Ringing {
        centre: Centre,
        media: LegPort,
        session: LocalSession,
    },
    /// The same, and lets hear something of his before an answer.
    Early {
        centre: Centre,
        speech: Speech,
    },
    Talking {
        centre: Centre,
        speech: Speech,
    },
    /// It failed, and this is heard once the answer is confirmed.
    Told {
        what: Playing,
    },
    /// Hung up: only that phone's last word is awaited.
    Closing,
}

/// The operator's side.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Centre {
    dialog: DialogKey,
    flow: Flow,
}

/// Where it leaves, and what is shown there.
struct Exit {
    trunk: TrunkId,
    flow: Flow,
    number: E164,
}

impl EmergencyCall {
    fn centre(&self) -> Option<Centre> {
        match &self.state {
            EmergencyState::Ringing { centre, .. }
            | EmergencyState::Early { centre, .. }
            | EmergencyState::Talking { centre, .. } => Some(*centre),
            EmergencyState::Dialled | EmergencyState::Told { .. } | EmergencyState::Closing => None,
        }
    }

    /// The operator's side, once it is heard.
    fn speech(&self) -> Option<&Speech> {
        match &self.state {
            EmergencyState::Early { speech, .. } | EmergencyState::Talking { speech, .. } => {
                Some(speech)
            }
            EmergencyState::Dialled
            | EmergencyState::Ringing { .. }
            | EmergencyState::Told { .. }
            | EmergencyState::Closing => None,
        }
    }

    pub(super) fn speech_mut(&mut self) -> Option<&mut Speech> {
        match &mut self.state {
            EmergencyState::Early { speech, .. } | EmergencyState::Talking { speech, .. } => {
                Some(speech)
            }
            EmergencyState::Dialled
            | EmergencyState::Ringing { .. }
            | EmergencyState::Told { .. }
            | EmergencyState::Closing => None,
        }
    }

    fn centre_media(&self) -> Option<LegPort> {
        match &self.state {
            EmergencyState::Ringing { media, .. } => Some(*media),
            EmergencyState::Early { speech, .. } | EmergencyState::Talking { speech, .. } => {
                Some(speech.media)
            }
            EmergencyState::Dialled | EmergencyState::Told { .. } | EmergencyState::Closing => None,
        }
    }

    pub(super) fn is_talking(&self) -> bool {
        matches!(self.state, EmergencyState::Talking { .. })
    }

    pub(super) fn is_told(&self) -> bool {
        matches!(self.state, EmergencyState::Told { .. })
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, EmergencyState::Closing)
    }

    /// The pairs that it holds.
    pub(super) fn pairs(&self) -> impl Iterator<Item = LegPort> {
        let hers = (!self.is_closing()).then_some(self.leg.media);
        hers.into_iter().chain(self.centre_media())
    }
}

impl Engine {
    /// The number of the list that a phone dialled, as digits or as a service (RFC 5031).
    pub(super) fn emergency_number(&self, invite: &Message, dialled: &str) -> Option<String> {
        let numbers = &self.config.emergency.numbers;
        let of_service = || numbers.of_service(invite.uri().ok()?.text);
        numbers.read(dialled).or_else(of_service).map(str::to_owned)
    }

    /// An INVITE of a phone to an emergency number.
    pub(super) fn dial_emergency(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        flow: Flow,
        invite: &Message,
        number: String,
    ) {
        // A phone is in one place: of several users on it, whose call it is matters less than its going out.
        let dialler = self.dialler(&flow, invite).or_else(|| self.first_user_on(&flow));
        let Some(user) = dialler else {
            tracing::error!(number, "an emergency number was dialled by nobody's phone");
            return self.reject(now, dialog, 403, None);
        };
        let exit = self.exit(user, &flow);
        let trunk = exit.as_ref().ok().map(|exit| exit.trunk);
        self.notice(Notice::EmergencyDialled { user, number: number.clone(), trunk });
        let leg = match self.dialling_leg(user, dialog, flow, invite) {
            Ok(leg) => leg,
            Err((why, status, reason)) => {
                self.reject(now, dialog, status, Some(reason));
                return self.raise_alarm(user, number, why);
            }
        };
        if let User::Agent(agent) = user {
            self.inform(now, acd::Input::Agent { agent, event: AgentEvent::LineTaken });
            self.leave_offer(now, agent);
        }
        self.phone_lives(now, &flow);
        let state = EmergencyState::Dialled;
        let call = EmergencyCall { user, number, dialled_at: now, leg, state };
        self.state.emergencies.insert(dialog, call);
        self.state.dialogs.insert(dialog, Role::Emergency(dialog));
        if let Err(why) = exit.and_then(|exit| self.ask_centre(now, dialog, exit)) {
            self.emergency_fails(now, dialog, why);
        }
    }

    /// Her phone is in use: who rings there goes to somebody else, at his place.
    fn leave_offer(&mut self, now: Instant, agent: AgentId) {
        let Some(&offer) = self.state.lines.get(&agent) else { return };
        if self.state.rung_legs.get(&offer).is_some_and(RungLeg::rings) {
            self.call_off(now, offer, None);
            self.close_offer(now, offer, OfferOutcome::Withdrawn);
            self.inform(now, acd::Input::Missed { offer, miss: Miss::Busy });
        }
    }

    fn first_user_on(&self, flow: &Flow) -> Option<User> {
        self.state.registrar.aors_on(flow).find_map(|name| self.users.get(name).copied())
    }

    fn site_of(&self, user: User) -> Option<&Site> {
        let User::Agent(agent) = user else { return None };
        self.config.sites.get(&self.config.floor.agents.get(&agent)?.site)
    }

    /// The trunk of the site, and no other one.
    fn exit(&self, user: User, hers: &Flow) -> Result<Exit, EmergencyOutcome> {
        let site = self.site_of(user).ok_or(EmergencyOutcome::NoSite)?;
        let trunk = self.config.trunks.get(&site.trunk);
        let outbound = trunk.and_then(|trunk| trunk.outbound.as_ref());
        let outbound = outbound.ok_or(EmergencyOutcome::NoTrunk)?;
        if self.config.emergency.is_guarded && !outbound.to.ip().is_loopback() {
            return Err(EmergencyOutcome::Guarded);
        }
        let flow = self.flow_to(outbound, hers.local).ok_or(EmergencyOutcome::OtherFamily)?;
        Ok(Exit { trunk: site.trunk, flow, number: site.number })
    }

    /// Her side, with a pair of ports. The error has the status and the reason that her phone gets.
    fn dialling_leg(
        &mut self,
        user: User,
        dialog: DialogKey,
        flow: Flow,
        invite: &Message,
    ) -> Result<CallerLeg, (EmergencyOutcome, u16, &'static str)> {
        let up = self.state.emergencies.values().filter(|call| call.user == user).count();
        if up >= EMERGENCIES_MAX {
            return Err((EmergencyOutcome::Full, 486, NO_ROOM));
        }
        let talk = self.talk(invite).map_err(|refused| {
            let Refused { status, reason, .. } = refused;
            (EmergencyOutcome::NoCodec, status, reason)
        })?;
        let taken = self.state.ports.take_urgent(None);
        let (port, address) = taken.ok_or((EmergencyOutcome::Full, 486, NO_ROOM))?;
        Ok(CallerLeg {
            dialog,
            flow,
            media: self.own(port, Role::Emergency(dialog)),
            session: LocalSession::new(self.random_session_id(), (address, port).into()),
            offer: talk.offer,
            formats: talk.formats,
            telephone_event: talk.telephone_event,
            frozen: None,
            remote: talk.remote,
            direction: talk.direction,
            is_confirmed: false,
            awaits_answer: false,
        })
    }

    /// The INVITE to the operator: the short code as it is, the site's number, nothing hidden.
    fn ask_centre(
        &mut self,
        now: Instant,
        key: DialogKey,
        exit: Exit,
    ) -> Result<(), EmergencyOutcome> {
        let call = &self.state.emergencies[&key];
        let (formats, event) = (call.leg.formats.clone(), call.leg.telephone_event);
        let request_uri = uri_at(&call.number, exit.flow.remote);
        let other = Some(call.leg.media.port);
        let taken = self.state.ports.take_urgent(other);
        let (port, address) = taken.ok_or(EmergencyOutcome::Full)?;
        let media = self.own(port, Role::Centre(key));
        let mut session = LocalSession::new(self.random_session_id(), (address, port).into());
        let sdp = session.offer(&formats, event, Direction::SendRecv);
        let ours = format!("sip:{}@{}", exit.number, self.config.realm);
        let invite = Invite {
            target: sip::Target::Flow(exit.flow),
            to: Identity { display: None, uri: request_uri.clone() },
            request_uri,
            headers: vec![(HeaderName::PAssertedIdentity.as_str().to_owned(), format!("<{ours}>"))],
            from: Identity { display: None, uri: ours },
            contact_user: "monoligne".to_owned(),
            sdp: Some(sdp),
            credentials: None,
        };
        let dialog = match self.state.endpoint.invite(now, invite) {
            Ok(dialog) => dialog,
            Err(full) => {
                tracing::error!(%full, "no room for an emergency call");
                self.return_pair(media);
                return Err(EmergencyOutcome::Full);
            }
        };
        let centre = Centre { dialog, flow: exit.flow };
        self.state.dialogs.insert(dialog, Role::Centre(key));
        self.set_emergency(key, EmergencyState::Ringing { centre, media, session });
        self.state.timers.set(Timer::CentreSilent(key), now + TRUNK_PATIENCE);
        self.order_emergency_media(key);
        Ok(())
    }

    /// Whose emergency call a dialog with an operator is.
    pub(super) fn centre_of(&self, dialog: DialogKey) -> Option<DialogKey> {
        match self.state.dialogs.get(&dialog)? {
            Role::Centre(key) => Some(*key),
            Role::Caller(_) | Role::Rung(_) | Role::Code(_) | Role::Emergency(_) => None,
        }
    }

    /// The operator is at it, and may ring.
    pub(super) fn centre_is_heard(&mut self, now: Instant, key: DialogKey) {
        let call = self.state.emergencies.get(&key);
        if let Some(call) = call.filter(|call| call.centre().is_some() && !call.is_talking()) {
            let last = (call.dialled_at + RINGS_MAX).max(now);
            self.state.timers.set(Timer::CentreSilent(key), last);
        }
    }

    /// A 1xx of the operator. What he lets hear is heard at once, where she made an offer that this can be
    /// the answer to.
    pub(super) fn centre_progresses(
        &mut self,
        now: Instant,
        key: DialogKey,
        status: u16,
        message: &Message,
    ) {
        self.centre_is_heard(now, key);
        let described = self.centre_describes(key, message);
        let Some(call) = self.state.emergencies.get_mut(&key) else { return };
        let is_asked = call.leg.offer.is_some();
        let (status, sdp) = match described.filter(|_| is_asked) {
            Some(described) => (183, call.hear(described, false)),
            None if status == 180 => (180, None),
            // Nothing that she could hear, or should.
            None => return,
        };
        let said = self.state.endpoint.progress(now, key, status, &[], sdp.as_deref());
        if let Err(misuse) = said {
            tracing::debug!(%misuse, status, "a provisional answer came too late");
        }
        self.order_emergency_media(key);
    }

    fn centre_describes(&self, key: DialogKey, message: &Message) -> Option<Described> {
        self.describe(message, &self.state.emergencies.get(&key)?.leg.formats)
    }

    /// The centre picked up: it is confirmed, then she is answered, and the relay joins them.
    pub(super) fn centre_answered(
        &mut self,
        now: Instant,
        key: DialogKey,
        centre: DialogKey,
        message: &Message,
    ) {
        self.state.timers.stop(Timer::CentreSilent(key));
        let described = self.centre_describes(key, message);
        let call = self.state.emergencies.get_mut(&key);
        let Some(call) = call.filter(|call| call.centre().is_some_and(|it| it.dialog == centre))
        else {
            return self.let_go(now, centre);
        };
        // Some repeat no description that stood in their 183.
        let sdp = match described {
            Some(described) => call.hear(described, true),
            None => call.hear_on(),
        };
        let Some(sdp) = sdp else {
            self.let_go(now, centre);
            return self.emergency_fails(now, key, EmergencyOutcome::NoCodec);
        };
        call.leg.awaits_answer = call.leg.offer.is_none();
        let (user, number) = (call.user, call.number.clone());
        if let Err(misuse) = self.state.endpoint.ack(now, centre, None) {
            tracing::warn!(%misuse, "an answer could not be confirmed");
        }
        self.count_emergency(EmergencyOutcome::Answered);
        self.notice(Notice::EmergencyAnswered { user, number });
        if let Err(misuse) = self.state.endpoint.answer(now, key, &[], sdp) {
            tracing::error!(%misuse, "who dialled an emergency number could not be answered");
            self.dialler_left(now, key);
            return self.emergency_leg_is_gone(now, key);
        }
        for role in [Role::Emergency(key), Role::Centre(key)] {
            self.ask_held(now, role);
        }
        self.order_emergency_media(key);
    }

    /// A final answer that is no 2xx, a time-out, or the end of what we cancelled.
    pub(super) fn centre_rejects(
        &mut self,
        now: Instant,
        key: DialogKey,
        centre: DialogKey,
        status: u16,
    ) {
        self.state.dialogs.remove(&centre);
        let call = self.state.emergencies.get(&key);
        if call.and_then(EmergencyCall::centre).is_some_and(|it| it.dialog == centre) {
            tracing::warn!(status, "an operator did not take an emergency call");
            self.emergency_fails(now, key, EmergencyOutcome::of_status(status));
        }
    }

    /// The operator has said nothing in time, or rings without end.
    pub(super) fn centre_is_silent(&mut self, now: Instant, key: DialogKey) {
        if let Some(centre) = self.state.emergencies.get(&key).and_then(EmergencyCall::centre) {
            self.cancel(now, centre.dialog, None);
            self.emergency_fails(now, key, EmergencyOutcome::Unreachable);
        }
    }

    /// It cannot be put through: an alarm, and she is told.
    fn emergency_fails(&mut self, now: Instant, key: DialogKey, why: EmergencyOutcome) {
        self.close_centre(key);
        let what = match self.config.emergency.prompt {
            Some(prompt) => Playing::Prompt { prompt, repeat: false },
            None => Playing::Refused,
        };
        let Some(call) = self.state.emergencies.get_mut(&key) else { return };
        call.state = EmergencyState::Told { what };
        let (user, number) = (call.user, call.number.clone());
        let sdp = call.tell();
        self.raise_alarm(user, number, why);
        let Some(sdp) = sdp else {
            // Nothing of ours can be heard there: her phone shows a failure, and most make a tone of it.
            self.reject(now, key, 503, Some(NO_WAY));
            return self.emergency_leg_is_gone(now, key);
        };
        self.order_emergency_media(key);
        if let Err(misuse) = self.state.endpoint.answer(now, key, &[], sdp) {
            tracing::warn!(%misuse, "who dialled an emergency number could not be told");
            self.emergency_leg_is_gone(now, key);
        }
    }

    fn raise_alarm(&mut self, user: User, number: String, why: EmergencyOutcome) {
        self.count_emergency(why);
        self.notice(Notice::EmergencyFailed { user, number, why });
    }

    fn count_emergency(&mut self, outcome: EmergencyOutcome) {
        *self.state.ledger.emergencies.entry(outcome).or_default() += 1;
    }

    /// Her ACK: she listens.
    pub(super) fn emergency_acked(&mut self, now: Instant, key: DialogKey, body: Option<Bytes>) {
        let Some(call) = self.state.emergencies.get_mut(&key) else { return };
        let is_first = !std::mem::replace(&mut call.leg.is_confirmed, true);
        let is_told = call.is_told();
        let is_described = self.side_acked(now, Role::Emergency(key), body);
        match (is_first, is_described) {
            (true, false) => {
                self.hang_up(now, key);
                self.dialler_left(now, key);
            }
            (true, true) if is_told => {
                self.state.timers.set(Timer::EmergencyTold(key), now + self.telling(key));
                self.order_emergency_media(key);
            }
            (true, true) | (false, _) => {}
        }
    }

    fn telling(&self, key: DialogKey) -> Duration {
        match self.state.emergencies.get(&key).map(|call| &call.state) {
            Some(EmergencyState::Told { what: Playing::Prompt { prompt, .. } }) => {
                let text = self.prompt(*prompt).map(|it| it.duration);
                text.unwrap_or_default() + GRACE
            }
            Some(_) | None => BEEPS_FOR,
        }
    }

    /// What is told has been played whole: a text ends the call, beeps begin again.
    pub(super) fn emergency_played(&mut self, now: Instant, key: DialogKey) {
        match self.state.emergencies.get(&key).map(|call| &call.state) {
            Some(EmergencyState::Told { what: Playing::Prompt { .. } }) => {
                self.emergency_is_told(now, key);
            }
            Some(EmergencyState::Told { .. }) => {
                self.order_dialler_media(key, true);
                self.order_dialler_media(key, false);
            }
            Some(_) | None => {}
        }
    }

    /// BYE waits for the ACK, should that be missing (RFC 3261 §15).
    pub(super) fn emergency_is_told(&mut self, now: Instant, key: DialogKey) {
        if self.state.emergencies.get(&key).is_some_and(EmergencyCall::is_told) {
            self.close_emergency(key);
            self.hang_up(now, key);
        }
    }

    /// She hung up, or is lost: so is the centre let go.
    pub(super) fn dialler_left(&mut self, now: Instant, key: DialogKey) {
        let Some(call) = self.state.emergencies.get(&key) else { return };
        let (user, number) = (call.user, call.number.clone());
        if let Some(centre) = call.centre() {
            let answered = call.is_talking();
            if answered {
                self.hang_up(now, centre.dialog);
            } else {
                self.cancel(now, centre.dialog, None);
                self.count_emergency(EmergencyOutcome::Abandoned);
            }
            self.notice(Notice::EmergencyEnded { user, number, answered });
        }
        self.close_emergency(key);
    }

    /// The centre hung up, or is lost.
    pub(super) fn centre_left(&mut self, now: Instant, key: DialogKey, centre: DialogKey) {
        let Some(call) = self.state.emergencies.get(&key) else { return };
        if call.centre().is_none_or(|it| it.dialog != centre) {
            return;
        }
        if !call.is_talking() {
            return self.emergency_fails(now, key, EmergencyOutcome::Refused);
        }
        let (user, number) = (call.user, call.number.clone());
        self.notice(Notice::EmergencyEnded { user, number, answered: true });
        self.close_emergency(key);
        self.hang_up(now, key);
    }

    /// A leg that was silent and did not answer our OPTIONS either.
    pub(super) fn emergency_is_lost(&mut self, now: Instant, key: DialogKey, role: Role) {
        let Some(call) = self.state.emergencies.get(&key).filter(|call| call.is_talking()) else {
            return;
        };
        let flow = call.leg.flow;
        match (role, call.centre()) {
            (Role::Centre(_), Some(centre)) => {
                self.hang_up(now, centre.dialog);
                self.centre_left(now, key, centre.dialog);
            }
            (Role::Caller(_) | Role::Rung(_) | Role::Code(_) | Role::Emergency(_), _)
            | (Role::Centre(_), None) => {
                self.hang_up(now, key);
                self.dialler_left(now, key);
                self.doubt_phone(now, flow);
            }
        }
    }

    /// The process ends.
    pub(super) fn end_emergencies(&mut self, now: Instant) {
        let keys: Vec<DialogKey> = self.state.emergencies.keys().copied().collect();
        for key in keys {
            let Some(call) = self.state.emergencies.get(&key) else { continue };
            let (user, number) = (call.user, call.number.clone());
            match (&call.state, call.centre()) {
                (EmergencyState::Talking { .. }, Some(centre)) => {
                    self.hang_up(now, centre.dialog);
                    self.centre_left(now, key, centre.dialog);
                }
                (_, Some(centre)) => {
                    self.cancel(now, centre.dialog, None);
                    self.raise_alarm(user, number, EmergencyOutcome::Stopped);
                    self.reject(now, key, 503, Some(NO_WAY));
                    self.emergency_leg_is_gone(now, key);
                }
                (_, None) => self.emergency_is_told(now, key),
            }
        }
    }

    /// Her phone has let go of it; with the last one her line is clear.
    pub(super) fn emergency_leg_is_gone(&mut self, now: Instant, key: DialogKey) {
        self.close_emergency(key);
        self.state.dialogs.remove(&key);
        let Some(call) = self.state.emergencies.remove(&key) else { return };
        if let User::Agent(agent) = call.user {
            self.clear_line(now, agent);
        }
    }

    /// Gives all pairs back.
    fn close_emergency(&mut self, key: DialogKey) {
        self.close_centre(key);
        self.state.timers.stop(Timer::EmergencyTold(key));
        self.stop_asking(Role::Emergency(key));
        let Some(call) = self.state.emergencies.get_mut(&key) else { return };
        if !call.is_closing() {
            call.state = EmergencyState::Closing;
            let media = call.leg.media;
            self.return_pair(media);
        }
    }

    /// The operator's side is over, whatever becomes of hers.
    fn close_centre(&mut self, key: DialogKey) {
        self.state.timers.stop(Timer::CentreSilent(key));
        self.stop_asking(Role::Centre(key));
        let Some(call) = self.state.emergencies.get_mut(&key) else { return };
        if let Some(media) = call.centre_media() {
            call.state = EmergencyState::Dialled;
            self.return_pair(media);
        }
    }

    fn return_pair(&mut self, media: LegPort) {
        self.release_media(media);
        self.state.ports.return_single(media.port);
    }

    fn set_emergency(&mut self, key: DialogKey, state: EmergencyState) {
        let call = self.state.emergencies.get_mut(&key);
        call.expect("the caller found it").state = state;
    }

    /// The dialogs of a user's emergency calls, for when that phone is back on another connection.
    pub(super) fn emergencies_of(&self, user: User) -> impl Iterator<Item = (DialogKey, Instant)> {
        let calls = self.state.emergencies.iter().filter(move |(_, call)| call.user == user);
        calls.map(|(key, call)| (*key, call.dialled_at))
    }

    pub(super) fn emergency_dialog(&self, role: Role) -> Option<DialogKey> {
        match role {
            Role::Emergency(key) => {
                self.state.emergencies.get(&key).filter(|call| call.is_talking()).map(|_| key)
            }
            Role::Centre(key) => {
                let call = self.state.emergencies.get(&key).filter(|call| call.is_talking())?;
                call.centre().map(|centre| centre.dialog)
            }
            Role::Caller(_) | Role::Rung(_) | Role::Code(_) => None,
        }
    }

    /// As that side said last.
    pub(super) fn emergency_direction(&self, role: Role) -> Option<Direction> {
        match role {
            Role::Emergency(key) => Some(self.state.emergencies.get(&key)?.leg.direction),
            Role::Centre(key) => Some(self.state.emergencies.get(&key)?.speech()?.direction),
            Role::Caller(_) | Role::Rung(_) | Role::Code(_) => None,
        }
    }

    /// Both pairs, as the call stands.
    pub(super) fn order_emergency_media(&mut self, key: DialogKey) {
        self.order_dialler_media(key, false);
        let Some(call) = self.state.emergencies.get(&key) else { return };
        let (Some(centre), Some(media)) = (call.centre(), call.centre_media()) else { return };
        let speech = call.speech();
        let hears = speech.map_or_else(Hears::default, |speech| {
            Ear::of_callee(speech).hears(Ear::of_caller(&call.leg), self.config.hold)
        });
        let receives = speech.is_none_or(|speech| speech.direction.receives());
        let leg = MediaLeg {
            remote: speech.and_then(|speech| speech.remote),
            source: MediaSource::Fixed,
            signalling: centre.flow.remote.ip(),
            peer: hears.peer,
            payload_map: hears.payload_map,
            play: hears.play,
            receives,
            watch: call.is_talking() && receives,
            keys: Vec::new(),
        };
        let order = MediaOrder::Set { port: media.port, owner: media.owner, leg };
        self.actions.push_back(Action::Media(order));
    }

    /// `pauses`: what is played to her stops, so that it may begin again.
    fn order_dialler_media(&mut self, key: DialogKey, pauses: bool) {
        let Some(call) = self.state.emergencies.get(&key) else { return };
        let leg = &call.leg;
        let receives = leg.direction.receives();
        let hears = match &call.state {
            EmergencyState::Closing => return,
            EmergencyState::Dialled | EmergencyState::Ringing { .. } => Hears::default(),
            EmergencyState::Early { speech, .. } | EmergencyState::Talking { speech, .. } => {
                Ear::of_caller(leg).hears(Ear::of_callee(speech), self.config.hold)
            }
            EmergencyState::Told { what } => {
                let format = leg.frozen.as_ref();
                let format = format.filter(|_| leg.is_confirmed && receives && !pauses);
                let play = format.and_then(|format| play(*what, format));
                Hears { play, ..Hears::default() }
            }
        };
        let wish = MediaLeg {
            remote: leg.remote,
            source: MediaSource::Latch,
            signalling: leg.flow.remote.ip(),
            peer: hears.peer,
            payload_map: hears.payload_map,
            play: hears.play,
            receives,
            watch: call.is_talking() && receives,
            keys: Vec::new(),
        };
        let order = MediaOrder::Set { port: leg.media.port, owner: leg.media.owner, leg: wish };
        self.actions.push_back(Action::Media(order));
    }
}

impl EmergencyCall {
    /// What the operator says of himself, before his answer or with it (`talks`); our answer to her.
    /// `None`: he is asked nothing.
    fn hear(&mut self, described: Described, talks: bool) -> Option<Bytes> {
        let Described { format, telephone_event, remote, direction } = described;
        let (centre, media, session) =
            match std::mem::replace(&mut self.state, EmergencyState::Closing) {
                EmergencyState::Ringing { centre, media, session } => (centre, media, session),
                EmergencyState::Early { centre, speech } => (centre, speech.media, speech.session),
                state @ (EmergencyState::Dialled
                | EmergencyState::Talking { .. }
                | EmergencyState::Told { .. }
                | EmergencyState::Closing) => {
                    self.state = state;
                    return None;
                }
            };
        let codec = format.codec;
        let awaits_answer = false;
        let speech =
            Speech { media, session, format, telephone_event, remote, direction, awaits_answer };
        self.state = match talks {
            true => EmergencyState::Talking { centre, speech },
            false => EmergencyState::Early { centre, speech },
        };
        let hers = self.leg.formats.iter().find(|format| format.codec == codec).cloned();
        self.answer(hers.expect("invariant: his format was chosen among hers"))
    }

    /// He answers, and says of himself what he said before.
    fn hear_on(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.state, EmergencyState::Closing) {
            EmergencyState::Early { centre, speech } => {
                self.state = EmergencyState::Talking { centre, speech };
                self.answer(self.leg.frozen.clone()?)
            }
            state @ (EmergencyState::Dialled
            | EmergencyState::Ringing { .. }
            | EmergencyState::Talking { .. }
            | EmergencyState::Told { .. }
            | EmergencyState::Closing) => {
                self.state = state;
                None
            }
        }
    }

    /// Texts and tones are in G.711. `None`: she has none of it.
    fn tell(&mut self) -> Option<Bytes> {
        let is_g711 = |format: &&Format| matches!(format.codec, Codec::Pcma | Codec::Pcmu);
        let format = self.leg.formats.iter().find(is_g711)?.clone();
        self.leg.awaits_answer = self.leg.offer.is_none();
        self.answer(format)
    }

    fn answer(&mut self, format: Format) -> Option<Bytes> {
        let sdp = answer_to(&mut self.leg, &format);
        self.leg.frozen = Some(format);
        Some(sdp)
    }
}
