//! Everything that monoligne can do to the world, and everything the world can tell it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentId, AgentState, ClassBy, Forward, Override, PhoneId, PracticeId, PromptId, Situation,
    Target, TeamId, Urgency,
};
use sip::{Flow, Malformed, Message, Transmit};

use crate::config::{Config, TrunkId};
use crate::emergency::EmergencyOutcome;
use crate::engine::StarCode;
use crate::media::{MediaEvent, MediaOrder, Pool};
use crate::record::{CallRecord, CallRef, CallerNumber, Disposition, OfferOutcome};
use crate::standing::{Standing, User};

/// One input of the engine. `now` comes beside it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every input is a message, and it moves once")]
pub enum Input {
    /// A message that the edge has read.
    Message {
        flow: Flow,
        message: Message,
    },
    /// A message that could not be read: counted, and answered where the sender is known.
    Malformed {
        flow: Flow,
        malformed: Malformed,
    },
    /// What was sent on this flow could not be delivered, or the connection broke.
    FlowFailed {
        flow: Flow,
    },
    /// The relay has bound its ports. Until then calls are refused as full.
    Ports(Pool),
    Media(MediaEvent),
    Agent {
        agent: AgentId,
        command: AgentCommand,
    },
    /// An operator's hand on a caller who waits. Who is gone meanwhile is nobody.
    Caller {
        call: CallRef,
        command: CallerCommand,
    },
    /// What a practice says against its hours and leave; `None`: nothing any more.
    Override {
        practice: PracticeId,
        with: Option<Override>,
    },
    /// What an earlier life of this node remembered of a secretary or a phone, before its first message.
    /// Bindings that are over are left out; who is not configured is nobody.
    Standing(Standing),
    /// The civil time of `now`: at the start, and when the wall clock is set. Before the first one
    /// every practice counts as open.
    Clock {
        unix_ms: i64,
    },
    /// A new configuration, already checked. Live calls and states are not touched.
    Configure(Arc<Config>),
    /// Take no new calls; those that are up go on. See [`crate::Engine::is_drained`].
    Drain,
    /// End every call that is left, politely.
    HangUpAll,
}

/// What an operator may tell a secretary's state.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum AgentCommand {
    LogIn,
    LogOut,
    Pause {
        reason: u16,
    },
    Resume,
    EndWrapUp,
    /// Her wrap-up lasts this much longer.
    ProlongWrapUp {
        by: Duration,
    },
}

/// What an operator may do with a caller who waits.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum CallerCommand {
    /// He is of this class; `first`: at its head.
    Rank { urgency: Urgency, first: bool },
    /// He waits for this team.
    Move { team: TeamId },
    /// He is forwarded there.
    Redirect { to: Forward },
    /// He hears busy.
    Release,
}

/// One thing for the server to do, in the order given.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send these bytes on this flow. A failure comes back as [`Input::FlowFailed`].
    Transmit(Transmit),
    /// Hand this to the relay.
    Media(MediaOrder),
    /// Keep this for ever: a call has ended. Exactly one a call.
    Record(Box<CallRecord>),
    /// Keep this of her, or of it, in place of what was kept before, and give it back at the next start by
    /// [`Input::Standing`].
    Remember(Box<Standing>),
    /// Keep this of the practice in place of what was kept before (`None`: nothing), and give it back at
    /// the next start by [`Input::Override`], after the clock.
    RememberOverride { practice: PracticeId, over: Option<Override> },
    /// Show or log this; nothing depends on it.
    Notice(Notice),
}

/// Milestones, for logs and live displays.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// An INVITE of a trunk came.
    Arrived {
        call: CallRef,
        trunk: TrunkId,
        practice: Option<PracticeId>,
        caller: CallerNumber,
    },
    /// A secretary's phone is being rung for this caller.
    Offered {
        call: CallRef,
        agent: AgentId,
    },
    /// Her phone rings (18x).
    Ringing {
        call: CallRef,
        agent: AgentId,
    },
    /// The offer ended otherwise than by a conversation.
    OfferEnded {
        call: CallRef,
        agent: AgentId,
        outcome: OfferOutcome,
    },
    /// The caller got his 200 and hears her.
    Answered {
        call: CallRef,
        agent: AgentId,
    },
    /// He is being forwarded there.
    Forwarding {
        call: CallRef,
        target: Target,
    },
    /// It rings there (18x).
    TargetRings {
        call: CallRef,
        target: Target,
    },
    /// Something answered there, and is asked to press 1.
    TargetAsked {
        call: CallRef,
        target: Target,
    },
    /// The forwarding ended otherwise than by a conversation.
    ForwardEnded {
        call: CallRef,
        target: Target,
        outcome: OfferOutcome,
    },
    /// The caller got his 200 and hears whoever answered there.
    Connected {
        call: CallRef,
        target: Target,
    },
    /// His secretary vanished: he waits again, at the head.
    Returned {
        call: CallRef,
    },
    /// He is of this class from here on.
    Class {
        call: CallRef,
        urgency: Urgency,
        by: ClassBy,
    },
    /// A step of his plan ended without an answer: this one begins.
    Overflowed {
        call: CallRef,
        step: usize,
    },
    /// He follows the plan of this practice from here on.
    TakenOver {
        call: CallRef,
        practice: PracticeId,
        situation: Situation,
    },
    /// A practice opened, closed or changed otherwise.
    Situation {
        practice: PracticeId,
        situation: Situation,
    },
    /// It says this against its hours and leave; `None`: nothing any more.
    Overridden {
        practice: PracticeId,
        over: Option<Override>,
    },
    /// His plan ends with this text.
    Announced {
        call: CallRef,
        prompt: PromptId,
    },
    /// He pressed the key of that text: his plan goes on.
    Pressed {
        call: CallRef,
    },
    Ended {
        call: CallRef,
        disposition: Disposition,
    },
    Agent {
        agent: AgentId,
        state: AgentState,
    },
    /// A phone registered (from this flow) or is gone.
    Registered {
        agent: AgentId,
        flow: Flow,
    },
    Unregistered {
        agent: AgentId,
    },
    /// A phone that is no secretary's registered (from this flow) or is gone.
    PhoneRegistered {
        phone: PhoneId,
        flow: Flow,
    },
    PhoneUnregistered {
        phone: PhoneId,
    },
    /// She dialled a code on her phone; whether it changed anything.
    Dialled {
        agent: AgentId,
        /// In which she is meanwhile.
        call: Option<CallRef>,
        code: StarCode,
        changed: bool,
    },
    /// An emergency number was dialled; by which trunk it goes out, if it can.
    EmergencyDialled {
        user: User,
        number: String,
        trunk: Option<TrunkId>,
    },
    EmergencyAnswered {
        user: User,
        number: String,
    },
    /// Somebody hung up, or was lost.
    EmergencyEnded {
        user: User,
        number: String,
        answered: bool,
    },
    /// It could not be put through. An alarm: a person must look.
    EmergencyFailed {
        user: User,
        number: String,
        why: EmergencyOutcome,
    },
    /// A REGISTER was refused; the name is not told on purpose.
    RegisterRefused {
        flow: Flow,
        status: u16,
    },
}

/// Counters since the start, and what is live now. `offered = Σ dispositions + live` always.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    /// INVITEs of trunks out of a dialog, those included that were refused before they made a call.
    /// A copy, and one that came on two paths (482), is the same INVITE.
    pub offered: u64,
    pub dispositions: BTreeMap<Disposition, u64>,
    /// Inputs after which the sum was not even: stays 0.
    pub ledger_imbalances: u64,
    /// A secretary found in two calls: stays 0.
    pub single_line_violations: u64,
    /// Requests of strangers, dropped in silence.
    pub strangers: u64,
    pub malformed: u64,
    /// REGISTERs of sources that guessed passwords, dropped in silence.
    pub throttled: u64,
    /// REGISTERs of unknown sources so short that any answer would be worth more than they cost,
    /// dropped in silence.
    pub amplifying: u64,
    /// Emergency calls of secretaries. They are none of the INVITEs offered.
    pub emergencies: BTreeMap<EmergencyOutcome, u64>,
}

impl Ledger {
    /// Calls that have their disposition.
    pub fn ended(&self) -> u64 {
        self.dispositions.values().sum()
    }
}
