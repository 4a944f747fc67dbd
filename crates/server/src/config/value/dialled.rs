//! Numbers that are more or less than one telephone number: a short one, a destination, an operator's range.

use std::fmt;

use call::{E164, NumberError};
use toml::de::DeValue;

use super::{Fault, FromValue, fault, text};

/// Where callers may be sent outside: a number, or what is too short to be one. Which numbers may be
/// called is the matter of the list of emergency numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::config) enum Destination {
    Number(E164),
    /// Digits: `15`, `116117`.
    Short(String),
}

impl FromValue for Destination {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        if let Ok(Short(digits)) = Short::from_value(value) {
            return Ok(Self::Short(digits));
        }
        E164::from_value(value).map(Self::Number)
    }
}

/// A number of two to six digits, which no country code makes longer; in quotes or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::config) struct Short(pub(in crate::config) String);

impl FromValue for Short {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let written = match value {
            DeValue::Integer(number) => number.as_str(),
            DeValue::String(text) => text,
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "",
        };
        let digits: String =
            written.chars().filter(|c| !" .-\u{a0}\u{202f}".contains(*c)).collect();
        if !(2..=6).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return fault(
                "not a short number",
                "write its two to six digits, like \"15\" or \"116117\"",
            );
        }
        Ok(Self(digits))
    }
}

/// A key of a telephone; a digit in quotes or not.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(in crate::config) struct Key(pub(in crate::config) char);

impl FromValue for Key {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let written = match value {
            DeValue::Integer(number) => number.as_str(),
            DeValue::String(text) => text.trim(),
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "",
        };
        let mut characters = written.chars();
        match (characters.next(), characters.next()) {
            (Some(key @ ('0'..='9' | '*' | '#')), None) => Ok(Self(key)),
            _ => fault("not a key of a telephone", "write one of 0 to 9, * or #, like \"1\""),
        }
    }
}

/// Numbers of an operator's: one, those from one to another, or all that begin alike.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Dids {
    One(E164),
    Range(E164, E164),
    /// Digits as dialled in France, or after a `+`.
    Prefix(String),
}

impl Dids {
    pub fn contain(&self, number: E164) -> bool {
        match self {
            Self::One(one) => *one == number,
            Self::Range(first, last) => (*first..=*last).contains(&number),
            Self::Prefix(prefix) if prefix.starts_with('+') => {
                number.to_string().starts_with(prefix.as_str())
            }
            Self::Prefix(prefix) => number.spoken().replace(' ', "").starts_with(prefix.as_str()),
        }
    }
}

impl fmt::Display for Dids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => f.write_str(&one.spoken()),
            Self::Range(first, last) => write!(f, "{} to {}", first.spoken(), last.spoken()),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl FromValue for Dids {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const REMEDY: &str = "write a number \"01 99 00 12 34\", the first and the last of a range \
                              \"01 99 00 12 00 to 01 99 00 12 99\", or how they begin \"01 99 00 *\"";
        let text = text(value, "\"01 99 00 12 34\"")?;
        let wrong =
            |error: NumberError| Fault { fault: error.to_string(), remedy: REMEDY.to_owned() };
        if let Some((first, last)) = text.split_once(" to ") {
            let (first, last) =
                (E164::read(first).map_err(wrong)?, E164::read(last).map_err(wrong)?);
            let is_range = first < last && first.to_string().len() == last.to_string().len();
            return match is_range {
                true => Ok(Self::Range(first, last)),
                false => {
                    fault("the last number is not after the first, of the same length", REMEDY)
                }
            };
        }
        if let Some(prefix) = text.strip_suffix('*') {
            let prefix: String =
                prefix.chars().filter(|c| !" .-()\u{a0}\u{202f}".contains(*c)).collect();
            let digits = prefix.strip_prefix('+').unwrap_or(&prefix);
            let is_number = (2..=15).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.starts_with('0') != prefix.starts_with('+');
            return match is_number {
                true => Ok(Self::Prefix(prefix)),
                false => fault("no beginning of a number", REMEDY),
            };
        }
        E164::read(text).map(Self::One).map_err(wrong)
    }
}
