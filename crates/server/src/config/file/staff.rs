//! What the files say of who answers: teams, secretaries, and phones that are nobody's own.

use std::time::Duration;

use acd::{Circle, Strategy};
use call::E164;

use super::{a_second, section};
use crate::config::fields::{Fields, List, Located, Place};
use crate::config::value::Level;

pub(in crate::config) struct TeamFile<'t> {
    pub(in crate::config) team: acd::Team,
    /// `None`: the one that all teams are of.
    pub(in crate::config) pool: Option<String>,
    pub(in crate::config) ring: Option<Located<'t, usize>>,
    pub(in crate::config) reserve: Option<Located<'t, usize>>,
    pub(in crate::config) widen: Option<WidenFile<'t>>,
}

pub(in crate::config) struct WidenFile<'t> {
    pub(in crate::config) circles: Vec<(acd::Widening, Place<'t>)>,
    pub(in crate::config) place: Place<'t>,
    /// Elements, the bad ones too; `None`: it is no list.
    pub(in crate::config) count: Option<usize>,
}

pub(in crate::config) struct AgentFile<'t> {
    pub(in crate::config) name: Option<String>,
    pub(in crate::config) teams: List<'t, String>,
    pub(in crate::config) secret: SecretFile<'t>,
    pub(in crate::config) wrap_up: Option<Duration>,
    pub(in crate::config) site: Option<String>,
    pub(in crate::config) skills: Vec<(String, u8)>,
    pub(in crate::config) position: u32,
}

pub(in crate::config) struct PhoneFile<'t> {
    pub(in crate::config) name: Option<String>,
    pub(in crate::config) secret: SecretFile<'t>,
}

/// Where secretaries work, and how their emergency calls go out.
pub(in crate::config) struct SiteFile<'t> {
    pub(in crate::config) trunk: Option<Located<'t, String>>,
    pub(in crate::config) number: Option<Located<'t, E164>>,
}

pub(in crate::config) struct SecretFile<'t> {
    pub(in crate::config) ha1: Option<[u8; 16]>,
    pub(in crate::config) ha1_sha256: Option<[u8; 32]>,
    pub(in crate::config) file: Option<Located<'t, String>>,
    /// A key is there, though perhaps wrong: not to be told as missing too.
    pub(in crate::config) is_tried: bool,
}

pub(super) fn team<'t>(fields: &mut Fields<'t, '_, '_>) -> TeamFile<'t> {
    let ring = fields.take("ring");
    let reserve = fields.take("reserve");
    let widen = widen(fields);
    let circles = widen.iter().flat_map(|widen| widen.circles.iter().map(|(circle, _)| *circle));
    let team = acd::Team {
        ring_for: fields.or_unless(
            "ring_for",
            Duration::from_secs(15),
            a_second(
                "below one second: no phone could be answered in time",
                "write 3 rings or more: \"15 s\"",
            ),
        ),
        wrap_up: fields.or("wrap_up", Duration::from_secs(10)),
        retry_after: section(fields, "retry_after", retry_after),
        misses_max: fields.or("misses_max", 3),
        strategy: fields.or("strategy", Strategy::LongestIdle),
        ring: ring.as_ref().map_or(1, |ring: &Located<'_, usize>| ring.value),
        circles: circles.collect(),
        reserve: reserve.as_ref().map_or(0, |reserve: &Located<'_, usize>| reserve.value),
        ageing: ageing(fields),
    };
    let pool = fields.take("pool").map(|located| located.value);
    TeamFile { team, pool, ring, reserve, widen }
}

fn ageing(fields: &mut Fields<'_, '_, '_>) -> Option<Duration> {
    let ageing = fields.take::<Duration>("ageing")?;
    let wrong = a_second(
        "below one second: every caller would be urgent at once",
        "write how long a caller waits until he rises by one class, like \"2 min\"; without the key \
         he never does",
    );
    if let Some((fault, remedy)) = wrong(&ageing.value) {
        fields.mistakes.push(ageing.place.mistake(fault, remedy));
    }
    Some(ageing.value)
}

/// `widen = [{ to = "own" }, { to = "everyone", after = "40 s" }]`.
fn widen<'t>(fields: &mut Fields<'t, '_, '_>) -> Option<WidenFile<'t>> {
    fields.has("widen").then(|| {
        let place = fields.place_of("widen");
        let mut circles = Vec::new();
        let count = fields.tables("widen", "widen", |fields, place| {
            let after = fields.or("after", Duration::ZERO);
            if let Some(Located { value: circle, .. }) =
                fields.required::<Circle>("to", "\"everyone\"")
            {
                circles.push((acd::Widening { after, circle }, place));
            }
        });
        WidenFile { circles, place, count }
    })
}

fn retry_after(fields: &mut Fields<'_, '_, '_>) -> acd::RetryAfter {
    let mut after = |key, default| {
        let Some(after) = fields.take::<Duration>(key) else { return Duration::from_secs(default) };
        if after.value < Duration::from_secs(1) {
            fields.mistakes.push(after.place.mistake(
                "below one second: a phone that refuses at once would be rung again and again",
                format!("write {default} s, or 1 s at least"),
            ));
        }
        after.value
    };
    acd::RetryAfter {
        no_answer: after("no_answer", 30),
        declined: after("declined", 30),
        busy: after("busy", 10),
        unreachable: after("unreachable", 10),
        dropped: after("dropped", 5),
    }
}

pub(super) fn agent<'t>(fields: &mut Fields<'t, '_, '_>) -> AgentFile<'t> {
    let skills = fields.entries::<Level>("skills");
    AgentFile {
        name: fields.take("name").map(|located| located.value),
        teams: fields.list("teams"),
        secret: secret(fields),
        wrap_up: fields.take("wrap_up").map(|located| located.value),
        site: fields.take("site").map(|located| located.value),
        skills: skills
            .into_iter()
            .map(|(name, level)| (name, level.map_or(1, |Level(level)| level)))
            .collect(),
        position: fields.or("position", 0),
    }
}

pub(super) fn phone<'t>(fields: &mut Fields<'t, '_, '_>) -> PhoneFile<'t> {
    PhoneFile { name: fields.take("name").map(|located| located.value), secret: secret(fields) }
}

pub(super) fn site<'t>(fields: &mut Fields<'t, '_, '_>) -> SiteFile<'t> {
    SiteFile {
        trunk: fields.required("trunk", "\"NAME\", the trunk by which emergency calls leave"),
        number: fields.required("number", "\"01 23 45 67 89\", what is presented there"),
    }
}

fn secret<'t>(fields: &mut Fields<'t, '_, '_>) -> SecretFile<'t> {
    let keys = ["ha1", "ha1_sha256", "secret_file", "password", "secret"];
    SecretFile {
        is_tried: keys.iter().any(|key| fields.has(key)),
        ha1: fields.take("ha1").map(|located| located.value),
        ha1_sha256: fields.take("ha1_sha256").map(|located| located.value),
        file: fields.take("secret_file"),
    }
}
