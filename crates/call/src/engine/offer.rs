//! The scheduler's decisions, and the secretary's leg from the INVITE until she has the caller.

use acd::{AgentId, CallerId, Decision, Miss, OfferId, Withdrawal};
use sip::sdp::{Direction, Format, LocalSession, Offer};
use sip::{DialogKey, HeaderName, Identity, Instant, Invite, Message, Target};

use super::Engine;
use crate::action::Notice;
use crate::calls::{AgentLeg, AgentLegState, Speech, Stage};
use crate::media::MediaRemote;
use crate::record::{CallerNumber, Disposition, OfferOutcome, OfferRecord};
use crate::timers::{Role, Timer};

impl Engine {
    pub(super) fn carry_out(&mut self, now: Instant, decision: Decision) {
        match decision {
            Decision::Offer { offer, agent, practice: _, deadline: _ } => {
                self.ring(now, offer, agent);
            }
            Decision::Withdraw { offer, agent: _, why } => {
                let outcome = match why {
                    Withdrawal::Expired => OfferOutcome::NoAnswer,
                    Withdrawal::CallerLeft
                    | Withdrawal::LoggedOut
                    | Withdrawal::Overflowed
                    | Withdrawal::Won => OfferOutcome::Withdrawn,
                };
                self.withdraw(now, offer, outcome);
            }
            Decision::Serve { offer, agent } => self.serve(now, offer, agent),
            Decision::Refuse { offer } => self.refuse_answer(now, offer),
            Decision::Forward { offer, target: _, deadline: _ } => {
                self.inform(now, acd::Input::Missed { offer, miss: Miss::Unreachable });
            }
            Decision::Recall { .. } | Decision::Connect { .. } => {}
            Decision::Plan { caller, practice, situation } => {
                self.take_over(caller, practice, situation);
            }
            Decision::Situation { practice, situation } => {
                self.notice(Notice::Situation { practice, situation });
            }
            Decision::OverrideOver { practice } => self.override_is_over(practice),
            Decision::Overflow { caller, step } => {
                if let Some(call) = self.state.calls.get(&caller) {
                    let call = call.reference;
                    self.notice(Notice::Overflowed { call, step });
                }
            }
            Decision::Announce { caller, step: _, prompt, answer } => {
                self.announce(now, caller, prompt, answer);
            }
            Decision::Busy { caller } => self.plan_is_over(now, caller),
            Decision::State { agent, state } => self.notice(Notice::Agent { agent, state }),
        }
    }

    /// Puts the caller to her: an INVITE with our own complete offer to her newest phone, the
    /// practice first on its display.
    fn ring(&mut self, now: Instant, offer: OfferId, agent: AgentId) {
        let Some(call) = self.state.calls.get_mut(&offer.caller) else {
            return self.line_is_clear(now, agent, offer);
        };
        if let Some(&other) = self.state.lines.get(&agent) {
            debug_assert!(false, "{agent:?} is offered {offer:?} while {other:?} holds her line");
            self.state.ledger.single_line_violations += 1;
        }
        let reference = call.reference;
        let user = self.config.agents.get(&agent).map(|agent| agent.user.clone());
        let user = user.unwrap_or_default();
        let dead = &self.state.dead_flows;
        let mut bindings = self.state.registrar.bindings(&user);
        let newest = bindings.next();
        let living = newest.into_iter().chain(bindings).find(|it| !dead.contains(&it.flow));
        let Some(binding) = living.or_else(|| self.state.registrar.bindings(&user).next()) else {
            return self.offer_came_to_nothing(now, offer, agent, now, OfferOutcome::Unreachable);
        };
        let flow = binding.flow;
        let request_uri = binding.contact_uri.clone();
        let first = call.leg.media.port;
        let formats = match &call.leg.frozen {
            Some(format) => vec![format.clone()],
            None => call.leg.formats.clone(),
        };
        let telephone_event = call.leg.telephone_event;
        let port = self.state.ports.take_second(first);
        let address = self.state.ports.address().expect("an announced pool has an address");
        let media = self.own(port, Role::Agent(offer));
        let mut session = LocalSession::new(self.random_session_id(), (address, port).into());
        let sdp = session.offer(&formats, telephone_event, Direction::SendRecv);
        let contact_uri = request_uri.clone();
        let invite = Invite {
            target: Target::Flow(flow),
            request_uri,
            from: self.shown_caller(offer.caller),
            to: Identity { display: None, uri: format!("sip:{user}@{}", self.config.realm) },
            contact_user: "monoligne".to_owned(),
            headers: self.offer_headers(offer.caller),
            sdp: Some(sdp),
            credentials: None,
        };
        match self.state.endpoint.invite(now, invite) {
            Ok(dialog) => {
                let state = AgentLegState::Offered { media, session };
                let leg = AgentLeg {
                    agent,
                    dialog,
                    flow,
                    contact_uri,
                    offered_at: now,
                    ringing_at: None,
                    heard: false,
                    state,
                };
                self.state.agent_legs.insert(offer, leg);
                self.state.lines.insert(agent, offer);
                self.state.dialogs.insert(dialog, Role::Agent(offer));
                self.order_agent_media(offer);
                let patience = self.config.unreachable_after;
                self.state.timers.set(Timer::Unreachable(offer), now + patience);
                self.notice(Notice::Offered { call: reference, agent });
            }
            Err(full) => {
                tracing::warn!(call = %reference, %full, "no room for a secretary's leg");
                self.disown(offer.caller, media);
                self.offer_came_to_nothing(now, offer, agent, now, OfferOutcome::Unreachable);
            }
        }
    }

    /// `Dr Martin · 06 12 34 56 78`, and the number for the phone's own list.
    fn shown_caller(&self, caller: CallerId) -> Identity {
        let call = &self.state.calls[&caller];
        let display = format!("{} · {}", call.label, call.caller.spoken());
        Identity { display: Some(display), uri: self.caller_uri(&call.caller) }
    }

    fn caller_uri(&self, caller: &CallerNumber) -> String {
        match caller {
            CallerNumber::Known(number) => format!("sip:{number}@{}", self.config.realm),
            CallerNumber::Withheld | CallerNumber::Other(_) => {
                "sip:anonymous@anonymous.invalid".to_owned()
            }
        }
    }

    fn offer_headers(&self, caller: CallerId) -> Vec<(String, String)> {
        let call = &self.state.calls[&caller];
        let mut headers = vec![(HeaderName::Subject.as_str().to_owned(), call.label.clone())];
        if let CallerNumber::Known(_) = call.caller {
            headers.push((
                HeaderName::PAssertedIdentity.as_str().to_owned(),
                format!("<{}>", self.caller_uri(&call.caller)),
            ));
        }
        headers
    }

    /// An answer of whatever kind: her phone lives.
    pub(super) fn phone_is_heard(&mut self, now: Instant, dialog: DialogKey) {
        if let Some((_, offer)) = self.agent_leg(dialog) {
            self.state.timers.stop(Timer::Unreachable(offer));
            let flow = self.state.agent_legs[&offer].flow;
            self.phone_lives(now, &flow);
        }
    }

    pub(super) fn phone_rings(&mut self, now: Instant, dialog: DialogKey) {
        let Some((_, offer)) = self.agent_leg(dialog) else {
            return;
        };
        let leg = self.state.agent_legs.get_mut(&offer).expect("agent_leg found it");
        if leg.ringing_at.is_none() && matches!(leg.state, AgentLegState::Offered { .. }) {
            leg.ringing_at = Some(now);
            let agent = leg.agent;
            if let Some(call) = self.state.calls.get(&offer.caller) {
                let call = call.reference;
                self.notice(Notice::Ringing { call, agent });
            }
        }
    }

    /// No 1xx in time: the phone is off, the network between is broken. Her line is not clear before
    /// the INVITE's fate is known.
    pub(super) fn phone_is_unreachable(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.agent_legs.get(&offer) else {
            return;
        };
        if !matches!(leg.state, AgentLegState::Offered { .. }) {
            return;
        }
        let (dialog, agent, flow) = (leg.dialog, leg.agent, leg.flow);
        self.cancel(now, dialog);
        self.close_offer(now, offer, OfferOutcome::Unreachable);
        self.doubt_phone(now, flow);
        let miss = Miss::Unreachable;
        self.inform(now, acd::Input::Missed { offer, miss });
        tracing::debug!(agent = agent.0, "no 1xx from her phone");
    }

    /// Her phone picked up: a request to the scheduler, once her session description can be used.
    pub(super) fn phone_answered(&mut self, now: Instant, dialog: DialogKey, message: &Message) {
        let Some((_, offer)) = self.agent_leg(dialog) else {
            return self.let_go(now, dialog);
        };
        self.state.timers.stop(Timer::Unreachable(offer));
        let state = &self.state.agent_legs[&offer].state;
        if !matches!(state, AgentLegState::Offered { .. }) {
            return self.let_go(now, dialog);
        }
        let Some(described) = self.describe(message, offer.caller) else {
            self.let_go(now, dialog);
            self.close_offer(now, offer, OfferOutcome::Dropped);
            return self.inform(now, acd::Input::Missed { offer, miss: Miss::Dropped });
        };
        let leg = self.state.agent_legs.get_mut(&offer).expect("agent_leg found it");
        let state = std::mem::replace(&mut leg.state, AgentLegState::Closing);
        if let AgentLegState::Offered { media, session } = state {
            let Described { format, telephone_event, remote, direction } = described;
            leg.state = AgentLegState::Answered(Speech {
                media,
                session,
                format,
                telephone_event,
                remote,
                direction,
                awaits_answer: false,
            });
        }
        self.inform(now, acd::Input::Answered { offer });
    }

    /// Her 200 crossed our CANCEL: the scheduler judges it like any answer (and refuses it); the
    /// endpoint has confirmed and ended that leg itself.
    pub(super) fn answer_crossed(&mut self, now: Instant, dialog: DialogKey) {
        if let Some((_, offer)) = self.agent_leg(dialog) {
            self.inform(now, acd::Input::Answered { offer });
        }
    }

    /// The scheduler refused her answer: the caller is no longer hers.
    fn refuse_answer(&mut self, now: Instant, offer: OfferId) {
        let Some(leg) = self.state.agent_legs.get(&offer) else {
            return;
        };
        if let AgentLegState::Answered(_) = leg.state {
            let dialog = leg.dialog;
            self.let_go(now, dialog);
            self.close_offer(now, offer, OfferOutcome::Withdrawn);
        }
    }

    fn withdraw(&mut self, now: Instant, offer: OfferId, outcome: OfferOutcome) {
        let Some(leg) = self.state.agent_legs.get(&offer) else {
            return;
        };
        let dialog = leg.dialog;
        match leg.state {
            AgentLegState::Offered { .. } => self.cancel(now, dialog),
            AgentLegState::Answered(_) => self.let_go(now, dialog),
            AgentLegState::Talking { .. } | AgentLegState::Closing => return,
        }
        self.close_offer(now, offer, outcome);
    }

    /// A final answer that is no 2xx, a time-out, or the end of what we cancelled.
    pub(super) fn phone_rejected(&mut self, now: Instant, dialog: DialogKey, status: u16) {
        let Some((agent, offer)) = self.agent_leg(dialog) else {
            self.state.dialogs.remove(&dialog);
            return;
        };
        let was_offered = matches!(
            self.state.agent_legs.get(&offer).map(|leg| &leg.state),
            Some(AgentLegState::Offered { .. } | AgentLegState::Answered(_))
        );
        if was_offered {
            let (outcome, miss) = match status {
                486 | 600 => (OfferOutcome::Busy, Miss::Busy),
                408 | 430 | 503 => (OfferOutcome::Unreachable, Miss::Unreachable),
                _ => (OfferOutcome::Declined, Miss::Declined),
            };
            let flow = self.state.agent_legs[&offer].flow;
            self.close_offer(now, offer, outcome);
            if outcome == OfferOutcome::Unreachable {
                self.doubt_phone(now, flow);
            }
            self.inform(now, acd::Input::Missed { offer, miss });
        }
        self.leg_is_gone(now, dialog, agent, offer);
    }

    /// Ends an offer that brought no conversation: it is written down, and its ports are free. Her
    /// dialog goes on to its own end.
    pub(super) fn close_offer(&mut self, now: Instant, offer: OfferId, outcome: OfferOutcome) {
        let Some(leg) = self.state.agent_legs.get_mut(&offer) else {
            return;
        };
        let record = OfferRecord {
            agent: leg.agent,
            offered_at: leg.offered_at,
            ringing_at: leg.ringing_at,
            answered_at: leg.answered_at(),
            ended_at: now,
            outcome,
        };
        let media = leg.media();
        leg.state = AgentLegState::Closing;
        self.state.timers.stop(Timer::Unreachable(offer));
        self.stop_asking(Role::Agent(offer));
        if let Some(media) = media {
            self.disown(offer.caller, media);
        }
        self.write_offer(offer, record);
    }

    fn write_offer(&mut self, offer: OfferId, record: OfferRecord) {
        let Some(call) = self.state.calls.get_mut(&offer.caller) else {
            return;
        };
        let reference = call.reference;
        let (agent, outcome) = (record.agent, record.outcome);
        call.offers.push(record);
        if outcome != OfferOutcome::Served {
            self.notice(Notice::OfferEnded { call: reference, agent, outcome });
        }
    }

    /// An offer that never got as far as an INVITE.
    fn offer_came_to_nothing(
        &mut self,
        now: Instant,
        offer: OfferId,
        agent: AgentId,
        offered_at: Instant,
        outcome: OfferOutcome,
    ) {
        self.write_offer(
            offer,
            OfferRecord {
                agent,
                offered_at,
                ringing_at: None,
                answered_at: None,
                ended_at: now,
                outcome,
            },
        );
        self.inform(now, acd::Input::Missed { offer, miss: Miss::Unreachable });
        self.line_is_clear(now, agent, offer);
    }

    /// Her phone has let go of this leg.
    pub(super) fn leg_is_gone(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        agent: AgentId,
        offer: OfferId,
    ) {
        self.state.dialogs.remove(&dialog);
        self.state.agent_legs.remove(&offer);
        if self.state.lines.get(&agent) == Some(&offer) {
            self.state.lines.remove(&agent);
        }
        self.line_is_clear(now, agent, offer);
    }

    fn line_is_clear(&mut self, now: Instant, agent: AgentId, offer: OfferId) {
        self.inform(now, acd::Input::Cleared { agent, offer });
    }

    /// The secretary and offer of an agent leg's dialog.
    pub(super) fn agent_leg(&self, dialog: DialogKey) -> Option<(AgentId, OfferId)> {
        let &Role::Agent(offer) = self.state.dialogs.get(&dialog)? else {
            return None;
        };
        let leg = self.state.agent_legs.get(&offer)?;
        Some((leg.agent, offer))
    }

    fn cancel(&mut self, now: Instant, dialog: DialogKey) {
        if let Err(misuse) = self.state.endpoint.cancel(now, dialog, None) {
            tracing::debug!(%misuse, "a CANCEL came too late");
        }
    }

    /// Confirms a 2xx that nobody wants, and ends its dialog.
    fn let_go(&mut self, now: Instant, dialog: DialogKey) {
        if let Err(misuse) = self.state.endpoint.ack(now, dialog, None) {
            tracing::debug!(%misuse, "an ACK was not wanted");
        }
        self.hang_up(now, dialog);
    }

    /// The caller's plan is over, or his network's patience.
    pub(super) fn plan_is_over(&mut self, now: Instant, caller: CallerId) {
        let Some(call) = self.state.calls.get(&caller) else {
            return;
        };
        match call.stage {
            Stage::Waiting => self.end_as_busy(now, caller),
            Stage::Bridged { .. } => self.end_by_us(now, caller, Disposition::Answered),
            // His secretary vanished, and nobody took him up again.
            Stage::Returned { .. } => self.end_by_us(now, caller, Disposition::Lost),
            // The scheduler has forgotten him.
            Stage::Announced { .. } => {}
        }
    }

    /// `None`: her answer cannot be used.
    fn describe(&self, message: &Message, caller: CallerId) -> Option<Described> {
        let call = self.state.calls.get(&caller)?;
        let answer = Offer::read(sip::session_description(message).ok()??).ok()?;
        let audio = answer.audio().filter(|audio| self.can_reach(audio))?;
        let wanted = |codec| match &call.leg.frozen {
            Some(frozen) => frozen.codec == codec,
            None => call.leg.formats.iter().any(|format| format.codec == codec),
        };
        let format = audio.formats.iter().find(|format| wanted(format.codec))?.clone();
        Some(Described {
            format,
            telephone_event: audio.telephone_event,
            remote: MediaRemote::of(audio),
            direction: audio.direction,
        })
    }
}

/// What her answer says.
struct Described {
    format: Format,
    telephone_event: Option<u8>,
    remote: Option<MediaRemote>,
    direction: Direction,
}
