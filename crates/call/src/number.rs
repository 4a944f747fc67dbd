//! Telephone numbers in E.164, as French trunks write them.

use std::fmt;

use serde::{Deserialize, Serialize};

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

impl E164 {
    /// Reads `+33…`, `0033…` or a French national `0X XX XX XX XX`.
    pub fn read(text: &str) -> Result<Self, NumberError> {
        let mut digits = String::with_capacity(text.len());
        let mut international = false;
        for (index, c) in text.trim().chars().enumerate() {
            match c {
                '+' if index == 0 => international = true,
                '0'..='9' => digits.push(c),
                ' ' | '.' | '-' | '(' | ')' | '\u{a0}' => {}
                _ => return Err(NumberError::NotANumber),
            }
        }
        if international {
            return Self::from_digits(&digits);
        }
        match digits.strip_prefix("00") {
            Some(rest) => Self::from_digits(rest),
            None => match digits.strip_prefix('0') {
                Some(rest) if rest.len() == 9 => Self::from_digits(&format!("33{rest}")),
                _ => Err(NumberError::NotNational),
            },
        }
    }

    /// Reads the international form of trunks that leave the `+` out: `33123456789`. At least eleven
    /// digits, so that no short or national number is taken for one.
    pub fn read_bare(text: &str) -> Result<Self, NumberError> {
        let is_long = text.len() >= 11 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_long { Self::from_digits(text) } else { Err(NumberError::NotANumber) }
    }

    fn from_digits(digits: &str) -> Result<Self, NumberError> {
        if !(7..=15).contains(&digits.len()) || digits.starts_with('0') {
            return Err(NumberError::Length);
        }
        digits.parse().map(E164).map_err(|_| NumberError::NotANumber)
    }

    /// As people in France read it: `06 12 34 56 78`, or `+44 …` as it is.
    pub fn spoken(self) -> String {
        let text = self.0.to_string();
        match text.strip_prefix("33") {
            Some(rest) if rest.len() == 9 => {
                let national = format!("0{rest}");
                let pairs: Vec<&str> =
                    (0..5).map(|pair| &national[pair * 2..pair * 2 + 2]).collect();
                pairs.join(" ")
            }
            _ => format!("+{text}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_international_and_plus_forms_are_one_number() {
        let number = E164::read("+33123456789").unwrap();
        assert_eq!(E164::read("01 23 45 67 89").unwrap(), number);
        assert_eq!(E164::read("0033123456789").unwrap(), number);
        assert_eq!(E164::read_bare("33123456789").unwrap(), number);
        assert!(E164::read_bare("0123456789").is_err());
        assert_eq!(number.to_string(), "+33123456789");
        assert_eq!(number.spoken(), "01 23 45 67 89");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(E164::read("jean"), Err(NumberError::NotANumber));
        assert_eq!(E164::read("123"), Err(NumberError::NotNational));
        assert_eq!(E164::read("+0123456789"), Err(NumberError::Length));
        assert_eq!(E164::read("+1234567890123456"), Err(NumberError::Length));
    }

    #[test]
    fn debug_output_shows_two_digits_only() {
        let shown = format!("{:?}", E164::read("0612345678").unwrap());
        assert_eq!(shown, "E164(…78)");
    }
}
