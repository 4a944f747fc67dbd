//! Emergency numbers: the dated list, where calls to them go out, and how they ended.
//!
//! The list serves both sides: a secretary may dial its numbers at any time, and no caller may be sent
//! to one.

use std::collections::BTreeSet;

use acd::{Date, PromptId};
use serde::{Deserialize, Serialize};

use crate::config::TrunkId;
use crate::number::{E164, Written};

/// Arcep's decision 2002-1179 as amended. 2016-0172 added 116117 and 2017-1251 added 116111; the decision
/// of 1 December 2022 kept 119, and 116111 only until 30 June 2023. Of the day after:
const KNOWN_AS_OF: &str = "2023-07-01";
const KNOWN: [&str; 12] =
    ["15", "17", "18", "112", "114", "115", "116000", "116117", "119", "191", "196", "197"];
/// What a phone asks for by the name of the service (RFC 5031 §4.2), and who answers that in France. Any
/// other of `sos` is 112's; where the list has not got that, 15's.
const SERVICES: [(&str, &str); 5] =
    [("ambulance", "15"), ("physician", "15"), ("police", "17"), ("fire", "18"), ("marine", "196")];
const ANY_SERVICE: [&str; 2] = ["112", "15"];
/// Country codes of the French plan: `+33 116117` is 116117.
const CODES: [&str; 6] = ["33", "262", "590", "594", "596", "508"];

/// What people dial in an emergency. A secretary may; no plan may, since the centre that answers must be
/// that of the caller's place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmergencyNumbers {
    /// The day that the list is of.
    pub as_of: Date,
    pub numbers: BTreeSet<String>,
}

impl Default for EmergencyNumbers {
    fn default() -> Self {
        let as_of = Date::read(KNOWN_AS_OF).expect("invariant: KNOWN_AS_OF is a day");
        Self { as_of, numbers: KNOWN.map(str::to_owned).into() }
    }
}

impl EmergencyNumbers {
    /// The short number that this one is a long way to write of.
    pub fn find(&self, number: E164) -> Option<&str> {
        self.of_international(&number.to_string()[1..])
    }

    /// The one that somebody writes or dials: bare or with its country, with or without separators. A
    /// country's code counts only after `+` or `00`: 3315 is a short number of its own.
    pub fn read(&self, text: &str) -> Option<&str> {
        match Written::read(text).ok()? {
            Written::International(digits) => {
                self.of_international(&digits).or_else(|| self.numbered(&digits))
            }
            Written::Other(digits) => self.numbered(&digits),
        }
    }

    /// The one of an emergency service's URN (RFC 5031), `urn:service:sos.fire`. A service whose number is not
    /// of the list is anybody's who answers.
    pub fn of_service(&self, urn: &str) -> Option<&str> {
        let urn = urn.to_ascii_lowercase();
        let service = urn.strip_prefix("urn:service:sos")?;
        if !service.is_empty() && !service.starts_with('.') {
            return None;
        }
        let kind = service.split('.').nth(1).unwrap_or_default();
        let its_own = SERVICES.iter().find(|(name, _)| *name == kind);
        let of_any = || ANY_SERVICE.iter().find_map(|short| self.numbered(short));
        its_own.and_then(|(_, short)| self.numbered(short)).or_else(of_any)
    }

    fn of_international(&self, digits: &str) -> Option<&str> {
        CODES.iter().find_map(|code| self.numbered(digits.strip_prefix(code)?))
    }

    fn numbered(&self, short: &str) -> Option<&str> {
        self.numbers.get(short).map(String::as_str)
    }
}

/// How secretaries' emergency calls are treated.
#[derive(Clone, Debug, Default)]
pub struct Emergency {
    pub numbers: EmergencyNumbers,
    /// Told to who dialled and cannot be put through. `None`: beeps.
    pub prompt: Option<PromptId>,
    /// Only a trunk on this machine is called: of builds that tests are made with.
    pub is_guarded: bool,
}

/// Where secretaries work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    pub name: String,
    /// By which their emergency calls go out: its operator finds the centre of that place.
    pub trunk: TrunkId,
    /// What is presented there, and called back.
    pub number: E164,
}

/// How an emergency call ended, or why it never began.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub enum EmergencyOutcome {
    Answered,
    /// Whoever dialled hung up before an answer.
    Abandoned,
    /// The operator says busy.
    Busy,
    /// He says nothing, or that his network fails.
    Unreachable,
    /// He refuses it otherwise.
    Refused,
    /// What was offered or answered is no voice that both sides have.
    NoCodec,
    /// Of a phone that is at no site, or at one without a trunk.
    NoSite,
    /// The site's trunk takes no calls of ours.
    NoTrunk,
    /// The trunk is of another IP version than the phone, or than the voice.
    OtherFamily,
    /// A build for tests calls nobody outside.
    Guarded,
    /// No room was left at all: no pair of ports, no place in a table.
    Full,
    /// We stopped.
    Stopped,
}

impl EmergencyOutcome {
    pub const ALL: [Self; 12] = [
        Self::Answered,
        Self::Abandoned,
        Self::Busy,
        Self::Unreachable,
        Self::Refused,
        Self::NoCodec,
        Self::NoSite,
        Self::NoTrunk,
        Self::OtherFamily,
        Self::Guarded,
        Self::Full,
        Self::Stopped,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Abandoned => "abandoned",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::NoCodec => "no_codec",
            Self::NoSite => "no_site",
            Self::NoTrunk => "no_trunk",
            Self::OtherFamily => "other_family",
            Self::Guarded => "guarded",
            Self::Full => "full",
            Self::Stopped => "stopped",
        }
    }

    /// Of an operator's final answer that is no 2xx.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            486 | 600 => Self::Busy,
            408 | 480 | 500..=599 => Self::Unreachable,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emergency_number_is_one_number_however_it_is_written() {
        let known = EmergencyNumbers::default();
        for (text, number) in [
            ("15", "15"),
            ("1 5", "15"),
            ("+33112", "112"),
            ("+112", "112"),
            ("0033112", "112"),
            ("+262 15", "15"),
            ("116 117", "116117"),
            ("116-000", "116000"),
        ] {
            assert_eq!(known.read(text), Some(number), "{text}");
        }
        for text in ["", "3315", "33112", "0112", "1112", "+4415", "*15", "015", "0612345678", "16"]
        {
            assert_eq!(known.read(text), None, "{text}");
        }
        assert_eq!(known.find(E164::read("+33116117").unwrap()), Some("116117"));
        assert_eq!(known.find(E164::read("+33199001234").unwrap()), None);
    }

    #[test]
    fn an_emergency_service_is_the_number_that_answers_for_it() {
        let mut known = EmergencyNumbers::default();
        for (urn, number) in [
            ("urn:service:sos", "112"),
            ("URN:Service:SOS", "112"),
            ("urn:service:sos.ambulance", "15"),
            ("urn:service:sos.physician", "15"),
            ("urn:service:sos.police.municipal", "17"),
            ("urn:service:sos.fire", "18"),
            ("urn:service:sos.marine", "196"),
            ("urn:service:sos.mountain", "112"),
        ] {
            assert_eq!(known.of_service(urn), Some(number), "{urn}");
        }
        for urn in ["urn:service:counseling", "urn:service:sosfire", "urn:nena:service:sos", "sos"]
        {
            assert_eq!(known.of_service(urn), None, "{urn}");
        }
        known.numbers.remove("18");
        assert_eq!(known.of_service("urn:service:sos.fire"), Some("112"), "who answers for all");
        known.numbers.remove("112");
        assert_eq!(known.of_service("urn:service:sos.mountain"), Some("15"), "better than nobody");
    }
}
