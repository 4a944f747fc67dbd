//! Identities. The owner of the scheduler hands them out; here they are only compared.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Copy,
            Clone,
            Eq,
            PartialEq,
            Ord,
            PartialOrd,
            Hash,
            Debug,
            Default,
            Serialize,
            Deserialize,
        )]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A customer: numbers, plan, target.
    PracticeId(u32)
);
id!(
    /// Somebody of a practice who has numbers of his own there: one of that practice's, in one setup.
    PractitionerId(u16)
);
id!(
    /// Secretaries who share callers.
    TeamId(u32)
);
id!(
    /// A secretary as the scheduler sees her.
    AgentId(u32)
);
id!(
    /// A recorded text that may be played to a caller; what it says is not the scheduler's matter.
    PromptId(u32)
);
id!(
    /// Something that a secretary knows and a practice wants: a specialty, a language.
    SkillId(u16)
);
id!(
    /// Where a secretary works.
    SiteId(u16)
);
id!(
    /// A phone of a practice: its own reception, at which no secretary sits.
    PhoneId(u32)
);
id!(
    /// One caller, from entering to leaving. Never used twice: a second life would make the
    /// offers of the first one current again.
    CallerId(u64)
);

/// A telephone number, as its owner numbers it: of who calls, or where a caller may be sent.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default, Serialize, Deserialize)]
pub struct LineId(pub u64);

/// Debug output reaches logs: all but the last two digits are hidden.
impl fmt::Debug for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineId(…{:02})", self.0 % 100)
    }
}

/// Where a caller may be sent who is not given to a secretary.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    Phone(PhoneId),
    Line(LineId),
}

/// The owner of a reservation: nothing but this offer can release it, so that a late answer, miss
/// or timer of an earlier offer never touches a later one.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Serialize, Deserialize)]
pub struct OfferId {
    pub caller: CallerId,
    /// Counts this caller's offers and forwardings, from 1.
    pub generation: u32,
}
