//! The live calls and their legs.
//!
//! A [`Call`] is all that a caller lives through. Its caller leg is one dialog with one To-tag and one
//! session description; its [`RungLeg`]s come one after the other, or several at once, and one may outlive
//! the call until its phone has let go of it.

use acd::{
    AgentId, CallerId, ClassBy, LineId, OfferId, PracticeId, PromptId, Situation, Target, Urgency,
};
use serde::{Deserialize, Serialize};
use sip::sdp::{Audio, Direction, Format, LocalSession, Offer};
use sip::{DialogKey, Flow, Instant};

use crate::config::TrunkId;
use crate::media::{MediaRemote, Owner, Port};
use crate::number::E164;
use crate::record::{CallRef, CallerNumber, Disposition, ForwardRecord, OfferRecord};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) reference: CallRef,
    pub(crate) trunk: TrunkId,
    pub(crate) dialled: E164,
    pub(crate) practice: PracticeId,
    /// Whose plan he follows: another practice may have taken him over.
    pub(crate) acting: PracticeId,
    /// As his practice was called when he came: a call outlives its practice's configuration.
    pub(crate) label: String,
    /// Of his practice when he arrived; it chose his plan.
    pub(crate) situation: Situation,
    /// Of the plan that he follows: another's, or that of his practice since it closed or opened.
    pub(crate) followed: Situation,
    pub(crate) caller: CallerNumber,
    /// His class, and what gave it to him.
    pub(crate) class: (Urgency, ClassBy),
    pub(crate) arrived_at: Instant,
    /// His network gives him up then, if he is unanswered.
    pub(crate) leave_by: Instant,
    pub(crate) leg: CallerLeg,
    pub(crate) stage: Stage,
    /// When he first pressed the key of a text.
    pub(crate) pressed_at: Option<Instant>,
    /// Offers that are over.
    pub(crate) offers: Vec<OfferRecord>,
    /// Forwardings that are over.
    pub(crate) forwards: Vec<ForwardRecord>,
}

/// Where a call is. A call that has ended is not kept.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// Unanswered; his phone rings. Offered or not is the scheduler's business.
    Waiting,
    /// A secretary has him.
    Bridged { offer: OfferId, agent: AgentId, answered_at: Instant },
    /// A human has him where he was forwarded to.
    Connected { offer: OfferId, target: Target, answered_at: Instant },
    /// Answered once, whoever had him is gone: he waits again and hears ring tone from us.
    Returned { from: Callee, answered_at: Instant },
    /// His plan ends with this text, and the call with it, unless he presses this key. `None` of
    /// `answered_at`: he hears it as early media.
    Announced { prompt: PromptId, answered_at: Option<Instant>, urgent_key: Option<char> },
    /// He pressed the key of such a text: he waits, answered, and hears ring tone from us.
    Pressed { answered_at: Instant },
}

impl Call {
    /// The word for a call whose plan came to its end: a practice that is closed or on leave meant to
    /// serve nobody, whichever way its plan ends. One that was open when he came meant to serve him,
    /// whoever took him over; and so does an open one that takes over a closed one's caller.
    pub(crate) fn ended_by_plan(&self, while_open: Disposition) -> Disposition {
        match self.situation.serves_nobody() && self.followed.serves_nobody() {
            true => Disposition::Closed,
            false => while_open,
        }
    }
}

impl Stage {
    pub(crate) fn answered_at(self) -> Option<Instant> {
        match self {
            Self::Waiting => None,
            Self::Bridged { answered_at, .. }
            | Self::Connected { answered_at, .. }
            | Self::Returned { answered_at, .. }
            | Self::Pressed { answered_at } => Some(answered_at),
            Self::Announced { answered_at, .. } => answered_at,
        }
    }

    pub(crate) fn agent(self) -> Option<AgentId> {
        match self {
            Self::Bridged { agent, .. } | Self::Returned { from: Callee::Agent(agent), .. } => {
                Some(agent)
            }
            Self::Waiting
            | Self::Connected { .. }
            | Self::Returned { from: Callee::Target(_), .. }
            | Self::Announced { .. }
            | Self::Pressed { .. } => None,
        }
    }

    pub(crate) fn target(self) -> Option<Target> {
        match self {
            Self::Connected { target, .. }
            | Self::Returned { from: Callee::Target(target), .. } => Some(target),
            Self::Waiting
            | Self::Bridged { .. }
            | Self::Returned { from: Callee::Agent(_), .. }
            | Self::Announced { .. }
            | Self::Pressed { .. } => None,
        }
    }

    /// The leg that he talks with.
    pub(crate) fn bridged(self) -> Option<OfferId> {
        match self {
            Self::Bridged { offer, .. } | Self::Connected { offer, .. } => Some(offer),
            Self::Waiting
            | Self::Returned { .. }
            | Self::Announced { .. }
            | Self::Pressed { .. } => None,
        }
    }

    /// The word for who was answered and waited again in vain. A secretary's caller waits without an end:
    /// that it came to one is ours. Who was forwarded has had his plan.
    pub(crate) fn returned_in_vain(self) -> Disposition {
        match self {
            Self::Returned { from: Callee::Target(_), .. } => Disposition::Forwarded,
            Self::Returned { from: Callee::Agent(_), .. }
            | Self::Waiting
            | Self::Bridged { .. }
            | Self::Connected { .. }
            | Self::Announced { .. }
            | Self::Pressed { .. } => Disposition::Lost,
        }
    }

    /// The word for a conversation that is over.
    pub(crate) fn talked(self) -> Disposition {
        match self {
            Self::Connected { .. } | Self::Returned { from: Callee::Target(_), .. } => {
                Disposition::Forwarded
            }
            Self::Waiting
            | Self::Bridged { .. }
            | Self::Returned { from: Callee::Agent(_), .. }
            | Self::Announced { .. }
            | Self::Pressed { .. } => Disposition::Answered,
        }
    }

    /// The call ends here: nobody will be rung for him any more.
    pub(crate) fn is_last(self) -> bool {
        match self {
            Self::Announced { urgent_key, .. } => urgent_key.is_none(),
            Self::Waiting
            | Self::Bridged { .. }
            | Self::Connected { .. }
            | Self::Returned { .. }
            | Self::Pressed { .. } => false,
        }
    }

    pub(crate) fn prompt(self) -> Option<PromptId> {
        match self {
            Self::Announced { prompt, .. } => Some(prompt),
            Self::Waiting
            | Self::Bridged { .. }
            | Self::Connected { .. }
            | Self::Returned { .. }
            | Self::Pressed { .. } => None,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CallerLeg {
    pub(crate) dialog: DialogKey,
    pub(crate) flow: Flow,
    pub(crate) media: LegPort,
    /// Our side of the session description with him.
    pub(crate) session: LocalSession,
    /// His INVITE's offer; `None`: he wants ours (a late offer, RFC 3261 §13.2.1).
    pub(crate) offer: Option<Offer>,
    /// What he can, of what we carry; his order, his payload types.
    pub(crate) formats: Vec<Format>,
    pub(crate) telephone_event: Option<u8>,
    /// The one format that an SDP of ours has promised him.
    pub(crate) frozen: Option<Format>,
    pub(crate) remote: Option<MediaRemote>,
    /// As he said last; without `recv` he has us on hold.
    pub(crate) direction: Direction,
    /// The ACK to his 200 came.
    pub(crate) is_confirmed: bool,
    /// An offer of ours went out in a 2xx: its answer comes in the ACK.
    pub(crate) awaits_answer: bool,
}

/// One side of a conversation, the caller's or the other: what a new offer changes of it.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) session: &'a mut LocalSession,
    pub(crate) format: &'a mut Format,
    pub(crate) telephone_event: &'a mut Option<u8>,
    pub(crate) remote: &'a mut Option<MediaRemote>,
    pub(crate) direction: &'a mut Direction,
    pub(crate) awaits_answer: &'a mut bool,
}

impl Side<'_> {
    /// What the peer says of itself, its codec being the one that both legs share. `None`: it is not
    /// among what the peer says, and nothing changes.
    pub(crate) fn take(&mut self, audio: &Audio) -> Option<()> {
        let chosen = audio.formats.iter().find(|it| it.codec == self.format.codec)?;
        self.format.clone_from(chosen);
        *self.telephone_event = audio.telephone_event;
        *self.remote = MediaRemote::of(audio);
        *self.direction = audio.direction;
        Some(())
    }
}

impl CallerLeg {
    /// `None` before an SDP of ours has promised him a format.
    pub(crate) fn side(&mut self) -> Option<Side<'_>> {
        Some(Side {
            session: &mut self.session,
            format: self.frozen.as_mut()?,
            telephone_event: &mut self.telephone_event,
            remote: &mut self.remote,
            direction: &mut self.direction,
            awaits_answer: &mut self.awaits_answer,
        })
    }
}

impl Speech {
    pub(crate) fn side(&mut self) -> Side<'_> {
        Side {
            session: &mut self.session,
            format: &mut self.format,
            telephone_event: &mut self.telephone_event,
            remote: &mut self.remote,
            direction: &mut self.direction,
            awaits_answer: &mut self.awaits_answer,
        }
    }
}

/// A leg's port pair and this use of it.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct LegPort {
    pub(crate) port: Port,
    pub(crate) owner: Owner,
}

/// Whom a leg of ours rings.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Callee {
    Agent(AgentId),
    /// Where the caller is forwarded to.
    Target(Target),
}

/// The leg of whom we ring: one offer or forwarding, from the INVITE until that phone has let go.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RungLeg {
    pub(crate) who: Callee,
    pub(crate) dialog: DialogKey,
    pub(crate) flow: Flow,
    /// The Request-URI: of a phone, the Contact that was rung there.
    pub(crate) contact_uri: String,
    /// The number that we showed there as the caller's. `None`: we hid it.
    pub(crate) shown: Option<E164>,
    pub(crate) offered_at: Instant,
    pub(crate) ringing_at: Option<Instant>,
    /// Its 200 came and could be used.
    pub(crate) picked_up_at: Option<Instant>,
    /// A packet of that phone's came. It may overtake its 200.
    pub(crate) heard: bool,
    pub(crate) state: RungLegState,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RungLegState {
    /// The phone is asked, and perhaps rings. `asks`: whoever answers there is to press 1, offered under
    /// this payload type.
    Offered { media: LegPort, session: LocalSession, asks: Option<u8> },
    /// Picked up and confirmed: he hears that a caller waits, and is to press 1. It may be a voicemail box.
    /// His keys come under one of these payload types.
    Asked { speech: Speech, keys: Vec<u8> },
    /// Picked up, to be confirmed; the scheduler is asked whether the caller is for this leg.
    Answered(Speech),
    /// The caller is here.
    Talking { speech: Speech, answered_at: Instant },
    /// Taken back or hung up: only that phone's last word is awaited.
    Closing,
}

/// The side of whom we rang once that phone has answered our offer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Speech {
    pub(crate) media: LegPort,
    pub(crate) session: LocalSession,
    /// The format that was chosen there, with its payload type.
    pub(crate) format: Format,
    pub(crate) telephone_event: Option<u8>,
    pub(crate) remote: Option<MediaRemote>,
    /// As that side said last; without `recv` it has us on hold.
    pub(crate) direction: Direction,
    /// An offer of ours went out in a 2xx to its re-INVITE: its answer comes in the ACK.
    pub(crate) awaits_answer: bool,
}

impl RungLeg {
    /// The number outside that it rings.
    pub(crate) fn line(&self) -> Option<LineId> {
        match self.who {
            Callee::Target(Target::Line(line)) => Some(line),
            Callee::Agent(_) | Callee::Target(Target::Phone(_)) => None,
        }
    }

    /// A call of this number looks like the one that we sent there, should it come back.
    pub(crate) fn shows(&self, caller: &CallerNumber) -> bool {
        match (self.shown, caller) {
            (Some(shown), CallerNumber::Known(number)) => shown == *number,
            (None, CallerNumber::Withheld) => true,
            (Some(_), CallerNumber::Withheld | CallerNumber::Other(_))
            | (None, CallerNumber::Known(_) | CallerNumber::Other(_)) => false,
        }
    }

    pub(crate) fn media(&self) -> Option<LegPort> {
        match &self.state {
            RungLegState::Offered { media, .. } => Some(*media),
            RungLegState::Answered(speech)
            | RungLegState::Asked { speech, .. }
            | RungLegState::Talking { speech, .. } => Some(speech.media),
            RungLegState::Closing => None,
        }
    }

    pub(crate) fn answered_at(&self) -> Option<Instant> {
        match &self.state {
            RungLegState::Talking { answered_at, .. } => Some(*answered_at),
            RungLegState::Offered { .. }
            | RungLegState::Asked { .. }
            | RungLegState::Answered(_)
            | RungLegState::Closing => None,
        }
    }

    /// Nobody has the caller yet, and nobody has let go.
    pub(crate) fn rings(&self) -> bool {
        match self.state {
            RungLegState::Offered { .. }
            | RungLegState::Asked { .. }
            | RungLegState::Answered(_) => true,
            RungLegState::Talking { .. } | RungLegState::Closing => false,
        }
    }

    pub(crate) fn speech(&self) -> Option<&Speech> {
        match &self.state {
            RungLegState::Talking { speech, .. } | RungLegState::Asked { speech, .. } => {
                Some(speech)
            }
            RungLegState::Offered { .. } | RungLegState::Answered(_) | RungLegState::Closing => {
                None
            }
        }
    }

    pub(crate) fn speech_mut(&mut self) -> Option<&mut Speech> {
        match &mut self.state {
            RungLegState::Talking { speech, .. } | RungLegState::Asked { speech, .. } => {
                Some(speech)
            }
            RungLegState::Offered { .. } | RungLegState::Answered(_) | RungLegState::Closing => {
                None
            }
        }
    }
}

/// The scheduler knows a caller by his call's sequence number.
pub(crate) fn caller_id(reference: CallRef) -> CallerId {
    CallerId(reference.sequence)
}
