//! What must never happen, by name.

use std::fmt;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One thing that is checked, at each step or at a run's end.
        #[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
        pub enum Check { $($(#[$doc])* $name,)* }

        impl Check {
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

checks! {
    /// A secretary is in at most one call: as the engine sees it.
    SingleLine = "single-line",
    /// The same as her phone sees it.
    PhoneRungTwice = "phone-rung-twice",
    /// A caller is in exactly one stage, the same for engine and scheduler.
    OneStage = "one-stage",
    /// No waiting caller beside a free secretary of his team.
    WorkConservation = "work-conservation",
    /// Nobody is offered before one ahead of him who could have been.
    Order = "order",
    /// The scheduler decides as its plain twin.
    Reference = "reference",
    /// Offered = dispositions + live.
    Ledger = "ledger",
    OneRecord = "one-record",
    RecordAgrees = "record-agrees",
    /// Ports in use = ports that the relay holds = those of live legs.
    PortsInUse = "ports-in-use",
    PortOwner = "port-owner",
    PortPeers = "port-peers",
    /// What is played is configured.
    Prompts = "prompts",
    Caps = "caps",
    /// What was told to remember of a secretary is what she is.
    Remembered = "remembered",
    /// `poll_timeout` moves on after `handle_timeout`.
    TimersAdvance = "timers-advance",
    RunEnds = "run-ends",
    CSeq = "cseq",
    Branch = "branch",
    Tags = "tags",
    /// Sent again means the same bytes.
    SameBytesAgain = "same-bytes-again",
    SdpVersion = "sdp-version",
    /// No request in a dialog that is over.
    AfterTheEnd = "after-the-end",
    Readable = "readable",
    Echo = "response-echoes-request",
    /// 180 at least once a minute.
    RingRefresh = "ring-refresh",
    AnsweredBeforeHer = "caller-answered-before-her",
    AnswerRepeated = "answer-repeated-until-ack",
    OneFinal = "one-final-answer",
    Unanswered = "request-unanswered",
    AnswerUnconfirmed = "answer-unconfirmed",
    /// A text begins by the scheduler's decision and ends with its last word, or with his hang-up.
    Text = "text-heard-whole",
    CancelRules = "cancel-rules",
    WrongEar = "wrong-ear",
    /// Nothing of a conversation is heard while one of the two holds.
    HeardOnHold = "heard-on-hold",
    /// Who talks is heard at the other end.
    VoiceCrosses = "voice-crosses",
    /// An offer is answered in the direction that mirrors it.
    Direction = "direction",
    /// A code that a phone dials is answered, told and hung up, and changes her state.
    Code = "code",
    /// Who dials an emergency number is put through by the trunk of her site, with its number, or told.
    Emergency = "emergency",
    /// Nobody is rung whose phone has been dead for longer than it may go unnoticed.
    DeadPhoneRung = "dead-phone-rung",
    /// What a phone is shown.
    Shown = "shown-to-her",
    Intruder = "intruder",
    Snapshot = "snapshot",
    Lost = "lost",
    Drained = "drained",
    WrongStatus = "wrong-status",
    Panic = "panic",
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    pub check: Check,
    pub detail: String,
}

impl Failure {
    pub fn new(check: Check, detail: impl Into<String>) -> Self {
        Self { check, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check.name(), self.detail)
    }
}
