//! What happened, counted: a simulator that never meets a case does not test it.

use std::fmt;

macro_rules! happenings {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Something worth having happened.
        #[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
        pub enum Happening { $($(#[$doc])* $name,)* }

        impl Happening {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

happenings! {
    Call = "calls placed",
    Answered = "answered",
    HeardBothWays = "heard both ways",
    Abandoned = "abandoned",
    PlanOver = "plan over",
    /// A text began, answered or as early media.
    Announced = "announced",
    HeardText = "a text heard to its end",
    PressedKey = "pressed the key of a text",
    /// Whoever pressed was taken by a human.
    ServedUrgently = "pressed a key and was served",
    LeftText = "hung up on a text",
    EarlyText = "a text as early media",
    /// Its text had another id since a reload.
    FormerText = "a text that a reload had taken away",
    UrgentNumber = "dialled an urgent number",
    Practitioner = "dialled the number of one of the practice's people",
    ClosedDoor = "closed or on leave",
    UnknownNumber = "unknown number",
    /// Came by a shared number, with the line that was called.
    Forwarded = "forwarded to a shared number",
    Unidentified = "named no practice at a shared number",
    NoCodec = "no common codec",
    /// Refused because as many calls as may live do.
    TableFull = "table full",
    QueueFull = "queue full",
    PortsFull = "ports full",
    FlawedInvite = "flawed INVITE",
    LateOffer = "late offer",
    GaveUpWaiting = "gave up waiting",
    GaveUpRinging = "gave up while a phone rang",
    /// His CANCEL left before our 200 came.
    CancelCrossedAnswer = "CANCEL crossed the caller's 200",
    /// Her 200 left before our CANCEL came.
    AnswerCrossedCancel = "her 200 crossed our CANCEL",
    /// She picked up when the caller was already gone or taken back.
    AnswerRefused = "stale answer confirmed and ended",
    /// The other phones that rang for him are let off.
    QuickerPhone = "two phones rang, one was quicker",
    Decline = "declined",
    BusyPhone = "phone busy",
    Miss = "missed (no answer)",
    Unreachable = "unreachable",
    Withdrawn = "withdrawn",
    DropBeforeConfirm = "dropped before confirm",
    ByeBeforeMedia = "BYE before media",
    Vanish = "vanished mid-call",
    Returned = "returned to the head",
    ServedAgain = "returned and served again",
    CallerVanished = "caller vanished",
    ByeGlare = "BYE glare",
    AskedWhenSilent = "asked when silent",
    MuteSurvived = "mute leg survived",
    AckNeverSent = "ACK never sent",
    AckSentLate = "ACK only on a repeated 200",
    Lost = "packets lost",
    Duplicated = "packets duplicated",
    Reordered = "packets reordered",
    RetransmittedByEngine = "retransmissions by the engine",
    RetransmittedByPeer = "retransmissions by peers",
    Garbage = "garbage",
    Stranger = "strangers",
    WrongPassword = "wrong password",
    PhoneCallRefused = "phone's own call refused",
    TrunkOptions = "OPTIONS of a trunk",
    Reinvite = "re-INVITE of a caller",
    CallerHeld = "caller holds",
    PhoneHeld = "phone holds",
    CallerResumed = "caller resumes",
    PhoneResumed = "phone resumes",
    /// A voice that was stopped.
    SilentOnHold = "voice stopped on hold",
    HeardAfterHold = "heard again after hold",
    CodeDialled = "code dialled",
    CodeChanges = "code changes her state",
    CodeChangesNothing = "code changes nothing",
    CodeDuringCall = "code dialled during a call",
    MadeUrgent = "code makes her caller urgent",
    /// Her phone hung up on our tone.
    CodeCutShort = "code cut short",
    EmergencyDialled = "emergency number dialled",
    EmergencyDuringCall = "emergency number dialled during a call",
    EmergencyWhileDraining = "emergency number dialled while draining",
    EmergencyAnswered = "emergency call answered",
    /// The phone hung up before the centre answered.
    EmergencyAbandoned = "emergency call abandoned",
    /// No site, no trunk, or a centre that cannot be had: she is told.
    EmergencyFailed = "emergency call failed",
    PhoneAsked = "phone asked whether it is there",
    FoundDead = "phone found dead",
    FoundAlive = "phone found alive again",
    Registered = "registered",
    Refreshed = "registration refreshed",
    Unregistered = "unregistered",
    CameBack = "came back after vanishing",
    Paused = "paused",
    Resumed = "resumed",
    LoggedOut = "logged out",
    LoggedIn = "logged in",
    Overflowed = "overflowed",
    Forwarding = "forwarding begun",
    ReceptionAnswered = "reception answered",
    /// Who answered outside pressed 1.
    KeyTaken = "forward answered with the key",
    KeyInInfo = "key by INFO",
    OtherKey = "another key than 1",
    NoKeyTaken = "forward answered where no key is wanted",
    /// Something answered outside, and pressed nothing in time.
    BoxWithdrawn = "voicemail withdrawn",
    HungUpAsked = "hung up on the question",
    LineAnswerCrossed = "outside's 200 crossed our CANCEL",
    ForwardUnanswered = "forward rang in vain",
    ForwardBusy = "forward busy",
    ForwardDeclined = "forward declined",
    ForwardUnreachable = "forward unreachable",
    ForwardDropped = "forward dropped before the caller",
    ForwardWithdrawn = "forward withdrawn",
    LoopRefused = "echo of a forward refused",
    LineVanished = "outside vanished mid-call",
    HeardOutside = "heard outside",
    RedirectedByOperator = "redirected by an operator",
    RedirectedByOverride = "redirected by an override",
    Ranked = "ranked by an operator",
    Moved = "moved by an operator",
    Released = "released by an operator",
    Overridden = "override said or taken back",
    /// Another practice's plan, or the plan of another situation.
    TakenOver = "taken over by another plan",
    Boundary = "opened, closed or changed otherwise",
    Widened = "circle widened",
    Aged = "aged into a higher class",
    WaitMax = "waited as long as his practice allows",
    RingRefreshed = "180 refreshed",
    Offer = "offers",
    Reloaded = "reloaded",
    /// She is no longer configured, or not yet.
    Unknown = "phone of a removed secretary",
    Drained = "drained",
    HungUpAll = "hung up on all",
    RefusedDraining = "refused while draining",
    Restored = "restored",
}

/// How often each thing happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tally(Vec<u64>);

impl Default for Tally {
    fn default() -> Self {
        Self(vec![0; Happening::ALL.len()])
    }
}

impl Tally {
    pub fn note(&mut self, what: Happening) {
        self.add(what, 1);
    }

    pub fn add(&mut self, what: Happening, count: u64) {
        self.0[what as usize] += count;
    }

    pub fn of(&self, what: Happening) -> u64 {
        self.0[what as usize]
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// What never happened.
    pub fn zeros(&self) -> impl Iterator<Item = Happening> {
        Happening::ALL.iter().copied().filter(|&what| self.of(what) == 0)
    }

    /// As one line, to be read again by [`Self::read`].
    pub fn line(&self) -> String {
        self.0.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
    }

    pub fn read(line: &str) -> Option<Self> {
        let counts: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        (counts.len() == Happening::ALL.len()).then_some(Self(counts))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &what in Happening::ALL {
            writeln!(f, "{:>10}  {}", self.of(what), what.name())?;
        }
        Ok(())
    }
}
