//! The live calls and their legs.
//!
//! A [`Call`] is all that a caller lives through. Its caller leg is one dialog with one To-tag and one
//! session description; its [`AgentLeg`]s come one after the other, and one may outlive the call until
//! her phone has let go of it.

use acd::{AgentId, CallerId, OfferId, PracticeId, PromptId, Situation};
use serde::{Deserialize, Serialize};
use sip::sdp::{Audio, Direction, Format, LocalSession, Offer};
use sip::{DialogKey, Flow, Instant};

use crate::config::TrunkId;
use crate::media::{MediaRemote, Owner, Port};
use crate::number::E164;
use crate::record::{CallRef, CallerNumber, Disposition, OfferRecord};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) reference: CallRef,
    pub(crate) trunk: TrunkId,
    pub(crate) dialled: E164,
    pub(crate) practice: PracticeId,
    /// As his practice was called when he came: a call outlives its practice's configuration.
    pub(crate) label: String,
    /// Of his practice when he arrived; it chose his plan.
    pub(crate) situation: Situation,
    pub(crate) caller: CallerNumber,
    pub(crate) arrived_at: Instant,
    pub(crate) leg: CallerLeg,
    pub(crate) stage: Stage,
    /// Offers that are over.
    pub(crate) offers: Vec<OfferRecord>,
}

/// Where a call is. A call that has ended is not kept.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// Unanswered; his phone rings. Offered or not is the scheduler's business.
    Waiting,
    /// A secretary has him.
    Bridged { offer: OfferId, agent: AgentId, answered_at: Instant },
    /// Answered once, his secretary is gone: he waits again and hears ring tone from us.
    Returned { agent: AgentId, answered_at: Instant },
    /// His plan ends with this text, and the call with it. `None`: he hears it as early media.
    Announced { prompt: PromptId, answered_at: Option<Instant> },
}

impl Call {
    /// The word for a call whose plan came to its end: a practice that is closed or on leave meant to
    /// serve nobody, whichever way its plan ends.
    pub(crate) fn ended_by_plan(&self, while_open: Disposition) -> Disposition {
        match self.situation {
            Situation::Open | Situation::Redirected | Situation::Listed => while_open,
            Situation::Closed | Situation::Leave => Disposition::Closed,
        }
    }
}

impl Stage {
    pub(crate) fn answered_at(self) -> Option<Instant> {
        match self {
            Self::Waiting => None,
            Self::Bridged { answered_at, .. } | Self::Returned { answered_at, .. } => {
                Some(answered_at)
            }
            Self::Announced { answered_at, .. } => answered_at,
        }
    }

    pub(crate) fn agent(self) -> Option<AgentId> {
        match self {
            Self::Waiting | Self::Announced { .. } => None,
            Self::Bridged { agent, .. } | Self::Returned { agent, .. } => Some(agent),
        }
    }

    pub(crate) fn prompt(self) -> Option<PromptId> {
        match self {
            Self::Announced { prompt, .. } => Some(prompt),
            Self::Waiting | Self::Bridged { .. } | Self::Returned { .. } => None,
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

/// One side of a conversation, his or hers: what a new offer changes of it.
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

/// A secretary's leg: one offer, from the INVITE until her phone has let go.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AgentLeg {
    pub(crate) agent: AgentId,
    pub(crate) dialog: DialogKey,
    pub(crate) flow: Flow,
    /// The Contact that was rung there.
    pub(crate) contact_uri: String,
    pub(crate) offered_at: Instant,
    pub(crate) ringing_at: Option<Instant>,
    /// A packet of hers came. It may overtake her 200.
    pub(crate) heard: bool,
    pub(crate) state: AgentLegState,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AgentLegState {
    /// Her phone is asked, and perhaps rings.
    Offered { media: LegPort, session: LocalSession },
    /// She picked up; the scheduler is asked whether the caller is hers.
    Answered(Speech),
    /// She has the caller.
    Talking { speech: Speech, answered_at: Instant },
    /// Taken back or hung up: only her phone's last word is awaited.
    Closing,
}

/// A secretary's side once her phone has answered our offer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Speech {
    pub(crate) media: LegPort,
    pub(crate) session: LocalSession,
    /// The format she chose, with her payload type.
    pub(crate) format: Format,
    pub(crate) telephone_event: Option<u8>,
    pub(crate) remote: Option<MediaRemote>,
    /// As she said last; without `recv` she has us on hold.
    pub(crate) direction: Direction,
    /// An offer of ours went out in a 2xx to her re-INVITE: its answer comes in the ACK.
    pub(crate) awaits_answer: bool,
}

impl AgentLeg {
    pub(crate) fn media(&self) -> Option<LegPort> {
        match &self.state {
            AgentLegState::Offered { media, .. } => Some(*media),
            AgentLegState::Answered(speech) | AgentLegState::Talking { speech, .. } => {
                Some(speech.media)
            }
            AgentLegState::Closing => None,
        }
    }

    pub(crate) fn answered_at(&self) -> Option<Instant> {
        match &self.state {
            AgentLegState::Talking { answered_at, .. } => Some(*answered_at),
            AgentLegState::Offered { .. } | AgentLegState::Answered(_) | AgentLegState::Closing => {
                None
            }
        }
    }
}

/// The scheduler knows a caller by his call's sequence number.
pub(crate) fn caller_id(reference: CallRef) -> CallerId {
    CallerId(reference.sequence)
}
