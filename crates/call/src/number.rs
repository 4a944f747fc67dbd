//! Telephone numbers in E.164, and how people write them; `numbering` has the French plan and what
//! trunks write.

use std::fmt;

use acd::LineId;
use serde::{Deserialize, Serialize};

use crate::numbering;

/// A number of ITU-T E.164, at most 15 digits, country code first.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct E164(u64);

#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NumberError {
    #[error(
        "not a telephone number: only digits, a leading + and the separators space . - ( ) are allowed"
    )]
    NotANumber,
    #[error("a national number has 10 digits and starts with 0 (write other numbers as +CC…)")]
    NotNational,
    #[error("an E.164 number has 7 to 15 digits after the +")]
    Length,
}

/// What somebody wrote, without its separators: only digits are left.
pub(crate) enum Written {
    /// After a `+`, or after a `00`.
    International(String),
    Other(String),
}

impl Written {
    pub(crate) fn read(text: &str) -> Result<Self, NumberError> {
        let mut digits = String::with_capacity(text.len());
        let mut international = false;
        for (index, c) in text.trim().chars().enumerate() {
            match c {
                '+' if index == 0 => international = true,
                '0'..='9' => digits.push(c),
                ' ' | '.' | '-' | '(' | ')' | '\u{a0}' | '\u{202f}' => {}
                _ => return Err(NumberError::NotANumber),
            }
        }
        Ok(match (international, digits.strip_prefix("00")) {
            (true, _) => Self::International(digits),
            (false, Some(rest)) => Self::International(rest.to_owned()),
            (false, None) => Self::Other(digits),
        })
    }
}

impl E164 {
    /// The number as the scheduler knows it.
    pub fn line(self) -> LineId {
        LineId(self.0)
    }

    /// The number of a line that [`Self::line`] gave.
    pub fn of_line(line: LineId) -> Self {
        Self(line.0)
    }

    /// Reads what people write: `+33…`, `+33 (0)…`, `0033…` or a French national `0X XX XX XX XX`,
    /// overseas too.
    pub fn read(text: &str) -> Result<Self, NumberError> {
        match Written::read(text)? {
            Written::International(digits) => Self::from_digits(&digits),
            Written::Other(digits) => numbering::national(&digits).ok_or(NumberError::NotNational),
        }
    }

    /// Of the digits after the `+`. However a number of the French plan was written, it is one number.
    pub(crate) fn from_digits(digits: &str) -> Result<Self, NumberError> {
        if !(7..=15).contains(&digits.len()) || digits.starts_with('0') {
            return Err(NumberError::Length);
        }
        let number = match numbering::canonical(digits) {
            Some((code, rest)) => format!("{code}{rest}").parse(),
            None => digits.parse(),
        };
        number.map(E164).map_err(|_| NumberError::NotANumber)
    }

    /// Too short to be somebody's: a short code, bare or behind its country's code. Such a number may
    /// reach an emergency centre. Least digits of the countries whose plan is ours to know, code included.
    pub(crate) fn is_short(self) -> bool {
        self.0.to_string().len() < self.french_plan().unwrap_or(7)
    }

    /// Somebody's in France, overseas too.
    pub fn is_french(self) -> bool {
        self.french_plan().is_some() && !self.is_short()
    }

    /// The least digits of the French plan that it is of.
    fn french_plan(self) -> Option<usize> {
        const PLANS: [(&str, usize); 9] = [
            ("33", 11),
            ("262", 12),
            ("508", 9),
            ("590", 12),
            ("594", 12),
            ("596", 12),
            ("681", 9),
            ("687", 9),
            ("689", 11),
        ];
        let text = self.0.to_string();
        PLANS.iter().find(|(code, _)| text.starts_with(code)).map(|plan| plan.1)
    }

    /// As people in France read it: `06 12 34 56 78`, overseas `0262 12 34 56` and `+687 25 12 34`, and
    /// others as they are: `+44…`.
    pub fn spoken(self) -> String {
        let text = self.0.to_string();
        match numbering::dialled(&text) {
            Some(national) if text.starts_with("33") => pairs(&national),
            Some(national) => format!("{} {}", &national[..4], pairs(&national[4..])),
            None => match ["681", "687", "689"].into_iter().find(|code| text.starts_with(code)) {
                Some(code) => format!("+{code} {}", pairs(&text[code.len()..])),
                None => format!("+{text}"),
            },
        }
    }

    /// All but the last two digits hidden: what a log may show.
    pub fn redacted(self) -> String {
        format!("…{:02}", self.0 % 100)
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// Debug output reaches logs: it is redacted.
impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164({})", self.redacted())
    }
}

/// Digits two by two.
fn pairs(digits: &str) -> String {
    let pairs: Vec<&str> =
        (0..digits.len()).step_by(2).map(|at| &digits[at..digits.len().min(at + 2)]).collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_international_and_plus_forms_are_one_number() {
        let number = E164::read("+33123456789").unwrap();
        assert_eq!(E164::read("01 23 45 67 89").unwrap(), number);
        assert_eq!(E164::read("0033123456789").unwrap(), number);
        assert_eq!(E164::read("+33 (0)1.23.45.67.89").unwrap(), number);
        assert_eq!(number.to_string(), "+33123456789");
        assert_eq!(number.spoken(), "01 23 45 67 89");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(E164::read("jean"), Err(NumberError::NotANumber));
        assert_eq!(E164::read("123"), Err(NumberError::NotNational));
        assert_eq!(E164::read("33123456789"), Err(NumberError::NotNational));
        assert_eq!(E164::read("00 12 34"), Err(NumberError::Length));
        assert_eq!(E164::read("+0123456789"), Err(NumberError::Length));
        assert_eq!(E164::read("+1234567890123456"), Err(NumberError::Length));
    }

    #[test]
    fn numbers_are_spoken_as_people_write_them() {
        let spoken = |text| E164::read(text).unwrap().spoken();
        assert_eq!(spoken("+33612345678"), "06 12 34 56 78");
        assert_eq!(spoken("+262262123456"), "0262 12 34 56");
        assert_eq!(spoken("+596696123456"), "0696 12 34 56");
        assert_eq!(spoken("+508411234"), "0508 41 12 34");
        assert_eq!(spoken("+508708411234"), "0708 41 12 34");
        assert_eq!(spoken("+687251234"), "+687 25 12 34");
        assert_eq!(spoken("+68940123456"), "+689 40 12 34 56");
        assert_eq!(spoken("+442079460958"), "+442079460958");
        assert_eq!(spoken("+3370012345678"), "+3370012345678", "a machine's long number");
    }

    #[test]
    fn short_codes_are_known_with_their_country_or_without() {
        let is_short = |text: &str| E164(text.parse().unwrap()).is_short();
        for code in ["15", "112", "116117", "3315", "33112", "33116000", "262116117", "68715"] {
            assert!(is_short(code), "{code}");
        }
        let is_french = |text: &str| E164(text.parse().unwrap()).is_french();
        assert!(is_french("33199001234") && is_french("262262123456") && is_french("687251234"));
        assert!(!is_french("442079460958") && !is_french("33112"));
        for number in ["33612345678", "262262123456", "508411234", "687251234", "442079460958"] {
            assert!(!is_short(number), "{number}");
        }
    }

    #[test]
    fn debug_output_shows_two_digits_only() {
        let shown = format!("{:?}", E164::read("0612345678").unwrap());
        assert_eq!(shown, "E164(…78)");
    }
}
