//! Why a caller has his class: told with each decision on it, so that it can be written down.

use serde::{Deserialize, Serialize};

use crate::caller::Urgency;
use crate::decision::Decision;
use crate::id::CallerId;
use crate::scheduler::Scheduler;

/// What gave a caller his class, the last word of several.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum ClassBy {
    /// Nothing did: he is normal, as all are.
    #[default]
    Nothing,
    /// All callers of his practice have it.
    Practice,
    /// The practice's list that he is on.
    List,
    /// The number that he dialled.
    Number,
    /// He called again and again.
    Repetition,
    /// The key of a text that he pressed.
    Key,
    /// He has waited so long.
    Ageing,
    /// The secretary who talks with him.
    Secretary,
    Operator,
}

impl ClassBy {
    /// The word in records and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Practice => "practice",
            Self::List => "list",
            Self::Number => "number",
            Self::Repetition => "repetition",
            Self::Key => "key",
            Self::Ageing => "ageing",
            Self::Secretary => "secretary",
            Self::Operator => "operator",
        }
    }
}

impl Scheduler {
    /// He is in no index.
    pub(crate) fn set_class(&mut self, id: CallerId, urgency: Urgency, by: ClassBy) {
        let caller = self.caller_mut(id);
        let before = (caller.place.urgency, caller.class_by);
        (caller.place.urgency, caller.class_by) = (urgency, by);
        if before != (urgency, by) {
            self.decide(Decision::Class { caller: id, urgency, by });
        }
    }
}
