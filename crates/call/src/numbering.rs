//! How numbers are written on a trunk, and the French numbering plan behind it.
//!
//! Mainland France and its overseas départements share one national plan of ten digits, `0` and nine
//! more, whose numbers lie under several country codes: those nine digits alone tell which one.
//! New Caledonia, French Polynesia and Wallis and Futuna have plans of their own, without a `0`.
//!
//! The tables follow Arcep's decision 2018-0881 as changed by 2022-1583 (the national plan, version of
//! 1 September 2022), and, where that opens finer ranges than four digits (0708, 0709), those in use by
//! the metadata 9.0.43 of libphonenumber. Overseas ranges of 08 and 09 are left out: they are split
//! finer still and change, so such a number is what its country code says, and +33 where it has none.

use crate::number::{E164, NumberError, Written};

/// Whose plan a trunk writes its national numbers in.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Country {
    /// The mainland, and Réunion, Mayotte, Guadeloupe, Saint-Martin, Saint-Barthélemy, Martinique and
    /// Guiana: ten digits.
    #[default]
    France,
    /// Saint Pierre and Miquelon: the same, and its own numbers in six digits.
    SaintPierre,
    /// Six digits.
    NewCaledonia,
    /// Eight digits.
    Polynesia,
    /// Six digits.
    Wallis,
}

/// A trunk's own rules: how its operator writes what is no international number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Numbering {
    pub country: Country,
    /// Digits that the operator puts before every number; empty: none.
    pub strip: String,
}

/// The first of the nine digits after the `0`, and the country code that such numbers lie under. The
/// longest that fits decides; +33 where none does.
const OVERSEAS: &[(&str, &str)] = &[
    // Réunion and Mayotte.
    ("262", "262"),
    ("263", "262"),
    ("269", "262"),
    ("639", "262"),
    ("692", "262"),
    ("693", "262"),
    ("7092", "262"),
    ("70935", "262"),
    ("70936", "262"),
    ("70937", "262"),
    // 06 39 98 is for works of fiction, and on the mainland.
    ("63998", "33"),
    // Guadeloupe, Saint-Martin, Saint-Barthélemy.
    ("590", "590"),
    ("690", "590"),
    ("691", "590"),
    ("7090", "590"),
    // Guiana.
    ("594", "594"),
    ("694", "594"),
    ("70930", "594"),
    ("70931", "594"),
    ("70932", "594"),
    ("70933", "594"),
    // Martinique.
    ("596", "596"),
    ("696", "596"),
    ("697", "596"),
    ("7091", "596"),
    // Saint Pierre and Miquelon.
    ("508", "508"),
    ("7084", "508"),
    ("7085", "508"),
];
/// The codes whose numbers the national plan holds.
const OF_THE_PLAN: [&str; 6] = ["33", "262", "590", "594", "596", "508"];

impl Country {
    /// The country that a `phone-context` names (RFC 3966 §5.1.5): `+33`, `+687`.
    fn of_context(context: &str) -> Option<Self> {
        let code = context.strip_prefix('+')?;
        match code {
            "33" | "262" | "590" | "594" | "596" => Some(Self::France),
            "508" => Some(Self::SaintPierre),
            "687" => Some(Self::NewCaledonia),
            "689" => Some(Self::Polynesia),
            "681" => Some(Self::Wallis),
            _ => None,
        }
    }

    /// Its code and the digits of a number of its own, where they are no ten of the national plan.
    fn local(self) -> Option<(&'static str, usize)> {
        match self {
            Self::France => None,
            Self::SaintPierre => Some(("508", 6)),
            Self::NewCaledonia => Some(("687", 6)),
            Self::Polynesia => Some(("689", 8)),
            Self::Wallis => Some(("681", 6)),
        }
    }

    fn is_of_the_plan(self) -> bool {
        match self {
            Self::France | Self::SaintPierre => true,
            Self::NewCaledonia | Self::Polynesia | Self::Wallis => false,
        }
    }
}

impl Numbering {
    /// Reads `+33…`, `00…`, a national number with or without its `0`, a local one where the country has
    /// such, and an international one whose `+` was left out.
    pub fn read(&self, text: &str) -> Result<E164, NumberError> {
        self.read_in(self.country, text)
    }

    /// Reads the number of a `tel:` URI or of a SIP URI's user part (RFC 3966): `context` is its
    /// `phone-context`, the plan that a number without `+` is of. One of a plan that is not known is no
    /// number; a domain name there means the trunk's own plan.
    pub(crate) fn read_subscriber(
        &self,
        text: &str,
        context: Option<&str>,
    ) -> Result<E164, NumberError> {
        match context {
            Some(context) if context.starts_with('+') && !text.starts_with('+') => {
                let country = Country::of_context(context).ok_or(NumberError::NotNational)?;
                self.read_in(country, text)
            }
            Some(_) | None => self.read(text),
        }
    }

    /// Where a number makes sense with and without its first digits, they are the operator's.
    fn read_in(&self, country: Country, text: &str) -> Result<E164, NumberError> {
        let stripped = text.trim().strip_prefix(self.strip.as_str());
        match stripped.map(|rest| read(country, rest)) {
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) | None => read(country, text),
        }
    }
}

fn read(country: Country, text: &str) -> Result<E164, NumberError> {
    let digits = match Written::read(text)? {
        Written::International(digits) => return E164::from_digits(&digits),
        Written::Other(digits) => digits,
    };
    if let Some((code, length)) = country.local() {
        let is_whole = digits.len() == code.len() + length && digits.starts_with(code);
        if digits.len() == length {
            return E164::from_digits(&format!("{code}{digits}"));
        } else if is_whole {
            return E164::from_digits(&digits);
        }
    }
    if country.is_of_the_plan() {
        if let Some(number) = national(&digits) {
            return Ok(number);
        }
        // The `0` left out.
        if digits.len() == 9 && !digits.starts_with('0') {
            return E164::from_digits(&format!("33{digits}"));
        }
    }
    // So long that no national number is taken for one.
    let is_long = digits.len() >= 11 && !digits.starts_with('0');
    if is_long { E164::from_digits(&digits) } else { Err(NumberError::NotNational) }
}

/// Ten digits of the national plan: `0`, which is written in no international number, and nine more.
pub(crate) fn national(digits: &str) -> Option<E164> {
    let rest = digits.strip_prefix('0').filter(|rest| rest.len() == 9 && !rest.starts_with('0'))?;
    E164::from_digits(&format!("33{rest}")).ok()
}

/// The one way to write a number of the plan, of those that are met: under +33 though it is overseas,
/// with the `0` after the country code, with 508 once more. Code and rest.
pub(crate) fn canonical(digits: &str) -> Option<(&'static str, &str)> {
    let (code, rest) = of_the_plan(digits)?;
    let nine = match (rest.len(), rest.strip_prefix('0')) {
        (10, Some(nine)) => nine,
        (9, None) => rest,
        (6, None) if code == "508" => return Some((code, rest)),
        _ => return None,
    };
    let true_code = match code {
        "33" => code_of(nine),
        other => other,
    };
    match nine.strip_prefix("508") {
        Some(six) if true_code == "508" => Some((true_code, six)),
        _ => Some((true_code, nine)),
    }
}

/// The ten digits that are dialled in France, for a number of the plan.
pub(crate) fn dialled(digits: &str) -> Option<String> {
    let (code, rest) = of_the_plan(digits)?;
    match rest.len() {
        9 => Some(format!("0{rest}")),
        6 if code == "508" => Some(format!("0508{rest}")),
        _ => None,
    }
}

fn of_the_plan(digits: &str) -> Option<(&'static str, &str)> {
    OF_THE_PLAN.into_iter().find_map(|code| Some((code, digits.strip_prefix(code)?)))
}

fn code_of(nine: &str) -> &'static str {
    let fitting = OVERSEAS.iter().filter(|(first, _)| nine.starts_with(first));
    fitting.max_by_key(|(first, _)| first.len()).map_or("33", |(_, code)| code)
}

#[cfg(test)]
mod tests;
