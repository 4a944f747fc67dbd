//! Values as people write them: durations, numbers, addresses, words.

mod dialled;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use acd::{AtClosing, Circle, Date, Strategy, Territory, TimeZone};
use call::{Country, E164, ForwardedBy, Network, Source, Urgency};
use sip::sdp::Codec;
use sip::{Algorithm, Transport};
use toml::de::DeValue;

pub use dialled::Dids;
pub(super) use dialled::{Destination, Key, Short};

use super::file::{Moment, Nobody, Rise};
use super::mistake::nearest;
use crate::log::LogFormat;

/// How long a French network rings once.
const RING: Duration = Duration::from_secs(5);
/// Longer is a slip of the pen.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is wrong with a value.
pub(super) struct Fault {
    pub(super) fault: String,
    pub(super) remedy: String,
}

pub(super) trait FromValue: Sized {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault>;
}

fn fault<T>(fault: impl Into<String>, remedy: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { fault: fault.into(), remedy: remedy.into() })
}

fn text<'v>(value: &'v DeValue<'_>, example: &str) -> Result<&'v str, Fault> {
    match value.as_str() {
        Some(text) => Ok(text.trim()),
        None => fault(
            format!("{} where text belongs", a_thing(value)),
            format!("write it in quotes, like {example}"),
        ),
    }
}

/// `a string`, `an integer`.
pub(super) fn a_thing(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, Fault> {
    let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    let text = text(value, &format!("{:?}", words[0].0))?;
    match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        Some((_, meaning)) => Ok(*meaning),
        None => fault(
            "unknown word",
            match nearest(text, all()) {
                Some(near) => format!("did you mean {near:?}? Known: {}", all().join(", ")),
                None => format!("known: {}", all().join(", ")),
            },
        ),
    }
}

fn integer<T: TryFrom<u64>>(value: &DeValue<'_>, max: u64) -> Result<T, Fault> {
    let read = value.as_integer().and_then(|number| {
        u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
    });
    match read.filter(|number| *number <= max).and_then(|number| T::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => fault("not a whole number that fits here", format!("write one from 0 to {max}")),
    }
}

impl FromValue for u16 {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        integer(value, u16::MAX.into())
    }
}

impl FromValue for u32 {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        integer(value, u32::MAX.into())
    }
}

impl FromValue for usize {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        integer(value, 10_000_000)
    }
}

/// Something to read, on one line: it may reach a SIP header.
impl FromValue for String {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = text(value, "\"Dr Martin\"")?;
        if text.is_empty() {
            return fault("empty", "write something, or leave the key out");
        }
        if text.chars().any(char::is_control) {
            return fault("a control character in it", "write it on one line, without tabs");
        }
        if text.len() > 256 {
            return fault("longer than 256 octets", "shorten it");
        }
        Ok(text.to_owned())
    }
}

impl FromValue for Duration {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const REMEDY: &str = "write \"15 s\", \"500 ms\", \"2 min\", \"1 h\", \"5 rings\" (25 s), \
                              or seconds as a number; at most 7 days";
        let written = match value {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::String(text) => text.trim().to_owned(),
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                return fault("not a duration", REMEDY);
            }
        };
        match duration(&written) {
            Some(duration) if duration <= DURATION_MAX => Ok(duration),
            _ => fault("not a duration", REMEDY),
        }
    }
}

fn duration(written: &str) -> Option<Duration> {
    let digits = written
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(written.len());
    let (number, unit) = written.split_at(digits);
    let unit = match unit.trim() {
        "" | "s" | "sec" | "second" | "seconds" => Duration::from_secs(1),
        "ms" => Duration::from_millis(1),
        "min" | "minute" | "minutes" => Duration::from_secs(60),
        "h" | "hour" | "hours" => Duration::from_secs(3600),
        "ring" | "rings" => RING,
        _ => return None,
    };
    let number: f64 = number.replace('_', "").parse().ok()?;
    Duration::try_from_secs_f64(number * unit.as_secs_f64()).ok()
}

impl FromValue for E164 {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = text(value, "\"01 23 45 67 89\"")?;
        E164::read(text).or_else(|error| {
            fault(error.to_string(), "write \"01 23 45 67 89\" or \"+33 1 23 45 67 89\"")
        })
    }
}

/// Octets of a text of several lines.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Octets of a line that a person reads.
const LINE_BYTES_MAX: usize = 1_000;

/// A line for a person to read; it reaches no header.
pub(super) struct Line(pub(super) String);

impl FromValue for Line {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = readable(value, LINE_BYTES_MAX)?;
        if text.contains('\n') {
            return fault("several lines", "write it on one line");
        }
        Ok(Self(text))
    }
}

/// Lines for a person to read.
pub(super) struct Text(pub(super) String);

impl FromValue for Text {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        readable(value, TEXT_BYTES_MAX).map(Self)
    }
}

/// The address of a page, which a click may open: no other scheme, so that none runs anything.
pub(super) struct Link(pub(super) String);

impl FromValue for Link {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const REMEDY: &str = "write \"https://agenda.example.fr/martin\"";
        let text = text(value, "\"https://agenda.example.fr/martin\"")?;
        let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_page = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if !is_page || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return fault("no address of a page", REMEDY);
        }
        match text.len() {
            0..=LINE_BYTES_MAX => Ok(Self(text.to_owned())),
            _ => fault(format!("longer than {LINE_BYTES_MAX} octets"), "shorten it"),
        }
    }
}

fn readable(value: &DeValue<'_>, bytes_max: usize) -> Result<String, Fault> {
    let text = text(value, "\"Bonjour, cabinet du Dr Martin\"")?.replace("\r\n", "\n");
    if text.is_empty() {
        return fault("empty", "write something, or leave the key out");
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return fault("a control character in it", "write it without tabs and the like");
    }
    if text.len() > bytes_max {
        return fault(format!("longer than {bytes_max} octets"), "shorten it");
    }
    Ok(text)
}

/// How well somebody knows something.
pub(super) struct Level(pub(super) u8);

impl FromValue for Level {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        match integer::<u8>(value, 9) {
            Ok(level) if level > 0 => Ok(Self(level)),
            Ok(_) | Err(_) => fault(
                "no level",
                "write one from 1 (knows it) to 9 (knows it best), without quotes",
            ),
        }
    }
}

impl FromValue for Rise {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        match value.as_str() {
            Some("rise") => Ok(Self),
            Some(_) | None => fault(
                "neither \"rise\" nor a plan",
                "write \"rise\" for one class higher, or a plan: [{ announce = \"PROMPT\" }]",
            ),
        }
    }
}

impl FromValue for AtClosing {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(value, &[("serve", AtClosing::ServeOn), ("move", AtClosing::Move)])
    }
}

impl FromValue for Strategy {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(
            value,
            &[
                ("longest-idle", Strategy::LongestIdle),
                ("round-robin", Strategy::RoundRobin),
                ("fewest-calls", Strategy::FewestCalls),
                ("fixed", Strategy::Fixed),
            ],
        )
    }
}

impl FromValue for Circle {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(
            value,
            &[("own", Circle::Own), ("skilled", Circle::Skilled), ("everyone", Circle::Everyone)],
        )
    }
}

impl FromValue for ForwardedBy {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(
            value,
            &[
                ("diversion", ForwardedBy::Diversion),
                ("history-info", ForwardedBy::HistoryInfo),
                ("nothing", ForwardedBy::Nothing),
            ],
        )
    }
}

/// What an operator puts before numbers.
pub(super) struct Prefix(pub(super) String);

impl FromValue for Prefix {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const PREFIX_MAX: usize = 8;
        let text = text(value, "\"9\"")?;
        let is_dialled = text.chars().all(|c| c.is_ascii_digit() || "*#".contains(c));
        if !is_dialled || !(1..=PREFIX_MAX).contains(&text.len()) {
            return fault(
                "no prefix: only digits, * and #, at most eight",
                "write what the operator puts before every number, like \"9\", or leave the key out",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromValue for bool {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        match value.as_bool() {
            Some(value) => Ok(value),
            None => fault(
                format!("{} where yes or no belongs", a_thing(value)),
                "write true or false, without quotes",
            ),
        }
    }
}

/// A duration, or `"never"`.
impl FromValue for Nobody {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        match value.as_str().map(str::trim) {
            Some("never") => Ok(Self::Never),
            Some(_) | None => Duration::from_value(value).map(Self::For).or_else(|_| {
                fault("not a duration", "write \"10 s\", \"0 s\" for at once, or \"never\"")
            }),
        }
    }
}

/// A day: TOML's own, or in quotes.
impl FromValue for Date {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let Moment(written) = Moment::from_value(value)?;
        Self::read(&written)
            .or_else(|error| fault(error.to_string(), "write a day: \"2026-05-15\""))
    }
}

/// What of it can be is the matter of [`acd::Period`].
impl FromValue for Moment {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        match value {
            DeValue::String(text) => Ok(Self(text.trim().to_owned())),
            // `2026-08-03T14:00:00` is how TOML writes a local time.
            DeValue::Datetime(moment) => {
                let text = moment.to_string();
                Ok(Self(text.strip_suffix(":00").unwrap_or(&text).to_owned()))
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => fault(
                format!("{} where a day belongs", a_thing(value)),
                "write a day, \"2026-08-03\", or a day and a time, \"2026-08-03T14:00\"",
            ),
        }
    }
}

impl FromValue for TimeZone {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = text(value, "\"Europe/Paris\"")?;
        Self::read(text).or_else(|_| {
            fault(
                "no time zone",
                match nearest(text, Self::names()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "write one of the IANA database, like \"Europe/Paris\", \
                             \"Indian/Reunion\" or \"America/Martinique\""
                        .to_owned(),
                },
            )
        })
    }
}

impl FromValue for Territory {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let all: Vec<(&str, Self)> =
            Self::names().filter_map(|name| Some((name, Self::read(name)?))).collect();
        word(value, &all)
    }
}

/// The code of ISO 3166-1.
impl FromValue for Country {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const ALL: [(&str, Country); 12] = [
            ("FR", Country::France),
            ("RE", Country::France),
            ("YT", Country::France),
            ("GP", Country::France),
            ("MF", Country::France),
            ("BL", Country::France),
            ("MQ", Country::France),
            ("GF", Country::France),
            ("PM", Country::SaintPierre),
            ("NC", Country::NewCaledonia),
            ("PF", Country::Polynesia),
            ("WF", Country::Wallis),
        ];
        word(value, &ALL)
    }
}

impl FromValue for IpAddr {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = text(value, "\"192.0.2.1\"")?;
        text.parse()
            .or_else(|_| fault("not an IP address", "write \"192.0.2.1\" or \"2001:db8::1\""))
    }
}

impl FromValue for SocketAddr {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = text(value, "\"192.0.2.1:5060\"")?;
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, 5060));
        }
        text.parse().or_else(|_| {
            fault(
                "not an address and a port",
                "write \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"; host names are not resolved",
            )
        })
    }
}

/// `192.0.2.0/24`, `192.0.2.7`, `192.0.2.7:5080` or `[2001:db8::1]:5080`.
impl FromValue for Source {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const REMEDY: &str = "write a network \"192.0.2.0/24\", an address \"192.0.2.7\", or an \
                              address and a port \"192.0.2.7:5080\"";
        let text = text(value, "\"192.0.2.0/24\"")?;
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { network: host(address.ip()), port: Some(address.port()) });
        }
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return fault("not a network", REMEDY);
        };
        let Some(prefix) = prefix else {
            return Ok(Self { network: host(address), port: None });
        };
        match prefix.parse().ok().filter(|prefix| *prefix <= host(address).prefix) {
            Some(prefix) => Ok(Self { network: Network { address, prefix }, port: None }),
            None => {
                fault(format!("a prefix is a number from 0 to {}", host(address).prefix), REMEDY)
            }
        }
    }
}

fn host(address: IpAddr) -> Network {
    Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
}

/// `16384-16583`.
impl FromValue for RangeInclusive<u16> {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        const REMEDY: &str = "write the first and the last port: \"16384-16583\"";
        let text = text(value, "\"16384-16583\"")?;
        let read = |end: &str| end.trim().parse::<u16>().ok();
        match text.split_once('-').map(|(first, last)| (read(first), read(last))) {
            Some((Some(first), Some(last))) if first >= 1024 && first < last => Ok(first..=last),
            Some((Some(first), Some(_))) if first < 1024 => {
                fault("ports below 1024 belong to the system", REMEDY)
            }
            Some((Some(_), Some(_))) => fault("the last port is not after the first", REMEDY),
            _ => fault("not a range of ports", REMEDY),
        }
    }
}

impl FromValue for Transport {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(value, &[("udp", Transport::Udp), ("tcp", Transport::Tcp)])
    }
}

impl FromValue for Codec {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(
            value,
            &[
                ("PCMA", Codec::Pcma),
                ("PCMU", Codec::Pcmu),
                ("G722", Codec::G722),
                ("opus", Codec::Opus),
            ],
        )
    }
}

impl FromValue for Algorithm {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(value, &[("MD5", Algorithm::Md5), ("SHA-256", Algorithm::Sha256)])
    }
}

impl FromValue for Urgency {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(
            value,
            &[
                ("normal", Urgency::Normal),
                ("priority", Urgency::Priority),
                ("urgent", Urgency::Urgent),
                ("vital", Urgency::Vital),
            ],
        )
    }
}

impl FromValue for LogFormat {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        word(value, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
    }
}

/// A digest in hexadecimal.
impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &DeValue<'_>) -> Result<Self, Fault> {
        let text = value.as_str().unwrap_or_default().trim();
        match hex(text) {
            Some(digest) => Ok(digest),
            None => fault(
                format!("not {} hexadecimal digits", 2 * N),
                "write what `monoligne ha1 USER REALM` prints",
            ),
        }
    }
}

pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(read("15 s"), Some(15_000));
        assert_eq!(read("15"), Some(15_000));
        assert_eq!(read("1.5"), Some(1_500));
        assert_eq!(read("5 rings"), Some(25_000));
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("2 min"), Some(120_000));
        assert_eq!(read("1 h"), Some(3_600_000));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-3 s"), None);
        assert_eq!(read("3 days"), None);
    }
}
