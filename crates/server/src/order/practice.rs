//! What an operator says for a practice against its hours and leave.

use acd::TimeZone;
use call::{Engine, Override, Overriding, PracticeId};

use super::redirection;
use crate::config::nearest;
use crate::control::{OverrideOrder, Until};

/// How long an override may last: what lasts longer belongs into the practice's file.
const OVERRIDE_DAYS_MAX: i64 = 366;
const DAY_MS: i64 = 24 * 3_600_000;

/// Whose and what it means; else why it cannot be. `now_ms` is civil time.
pub(crate) fn read(
    config: &call::Config,
    now_ms: i64,
    practice: &str,
    order: &OverrideOrder,
) -> Result<(PracticeId, Option<Override>), String> {
    let practice = find(config, practice)?;
    let zone = zone(config, practice);
    let (what, until) = match order {
        OverrideOrder::Clear => return Ok((practice, None)),
        OverrideOrder::Close { until } => (Overriding::Closed, until),
        OverrideOrder::Leave { until } => (Overriding::Leave, until),
        OverrideOrder::Open { until } => (Overriding::Open, until),
        OverrideOrder::Redirect { to, until } => {
            (Overriding::Redirect(redirection::read(config, practice, to)?), until)
        }
    };
    let until_unix_ms = moment(zone, now_ms, until)?;
    if until_unix_ms <= now_ms {
        return Err(format!("{} is past: name a time to come", shown(zone, until_unix_ms)));
    }
    if until_unix_ms - now_ms > OVERRIDE_DAYS_MAX * DAY_MS {
        return Err(format!(
            "{} is more than a year away: what lasts so long belongs into the practice's file",
            shown(zone, until_unix_ms)
        ));
    }
    Ok((practice, Some(Override { what, until_unix_ms })))
}

/// By its key, its name, its label or one of its numbers. A key is one practice's alone, hence goes first;
/// who writes `[unidentified]` as the file does means its key.
pub(crate) fn find(config: &call::Config, text: &str) -> Result<PracticeId, String> {
    let all = &config.practices;
    let text = if text == "[unidentified]" { "unidentified" } else { text };
    if let Some((practice, _)) = all.iter().find(|(_, it)| it.key == text) {
        return Ok(*practice);
    }
    let wanted = text.to_lowercase();
    let by_number = call::E164::read(text)
        .ok()
        .and_then(|number| config.numbers.get(&number).or_else(|| config.shared.get(&number)));
    let is_it = |id: &PracticeId, it: &call::Practice| {
        let mut names = [&it.key, &it.name, &it.label].into_iter();
        by_number == Some(id) || names.any(|name| name.to_lowercase() == wanted)
    };
    let found: Vec<PracticeId> =
        all.iter().filter(|(id, it)| is_it(id, it)).map(|(id, _)| *id).collect();
    match found[..] {
        [practice] => Ok(practice),
        [] => {
            let names = all.values().flat_map(|it| [&it.key, &it.name, &it.label]);
            Err(match nearest(text, names.map(String::as_str)) {
                Some(near) => format!("there is no practice {text:?}: did you mean {near:?}?"),
                None => format!(
                    "there is no practice {text:?}: `monoligne practices` shows them all; name one by \
                     its key, its name, its label or one of its numbers"
                ),
            })
        }
        [_, _, ..] => {
            let keys = found.iter().filter_map(|id| all.get(id)).map(|it| it.key.as_str());
            let keys: Vec<&str> = keys.collect();
            Err(format!(
                "several practices are called {text:?}: name the one that is meant by its key, {}",
                keys.join(" or ")
            ))
        }
    }
}

pub(super) fn zone(config: &call::Config, practice: PracticeId) -> TimeZone {
    config.floor.practices.get(&practice).map(|it| it.hours.zone()).unwrap_or_default()
}

/// A day counts to its end; a time alone is the next one that the practice's clock shows.
fn moment(zone: TimeZone, now_ms: i64, until: &Until) -> Result<i64, String> {
    let text = match until {
        Until::ForS(seconds) => {
            let ms = i64::try_from(*seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
            return Ok(now_ms.saturating_add(ms));
        }
        Until::At(text) => text.trim(),
    };
    let wrong = || {
        format!(
            "{text:?} is no time: write \"18:00\", \"2026-11-26T18:00\" or, to the end of a day, \
             \"2026-11-26\""
        )
    };
    if text.len() == 5 && text.as_bytes()[2] == b':' {
        let at = |ms: i64| zone.unix_ms(&format!("{}T{text}", &zone.wall(ms)[..10]));
        let today = at(now_ms).map_err(|_| wrong())?;
        return match today > now_ms {
            true => Ok(today),
            false => at(now_ms + DAY_MS).map_err(|_| wrong()),
        };
    }
    let moment = zone.unix_ms(text).map_err(|_| wrong())?;
    match text.len() {
        // Of a day: the first moment of the one after. Not longer than 25 hours later.
        10 => zone.unix_ms(&zone.wall(moment + DAY_MS + DAY_MS / 12)[..10]).map_err(|_| wrong()),
        _ => Ok(moment),
    }
}

/// `Thu 2026-11-26 18:00`.
pub(crate) fn shown(zone: TimeZone, unix_ms: i64) -> String {
    let wall = zone.wall(unix_ms);
    format!("{} {} {}", zone.weekday(unix_ms), &wall[..10], &wall[11..16])
}

/// `closed until Thu 2026-11-26 18:00`.
pub(crate) fn said(config: &call::Config, practice: PracticeId, over: &Override) -> String {
    let until = shown(zone(config, practice), over.until_unix_ms);
    let what = match over.what {
        Overriding::Open => "open".to_owned(),
        Overriding::Closed => "closed".to_owned(),
        Overriding::Leave => "on leave".to_owned(),
        Overriding::Redirect(to) => {
            format!("redirected to {}", redirection::place(config, to.target))
        }
    };
    format!("{what} until {until}")
}

/// How it stands after the order.
pub(crate) fn told(
    engine: &Engine,
    config: &call::Config,
    practice: PracticeId,
    over: Option<&Override>,
) -> String {
    let name = config.practices.get(&practice).map_or("?", |it| it.name.as_str());
    match over {
        Some(over) => {
            let nobody = match over.what {
                Overriding::Redirect(to) if !redirection::is_reachable(engine, to.target) => {
                    ", but no phone of it can be reached: its callers go on with the plan that holds beneath"
                }
                Overriding::Redirect(_)
                | Overriding::Open
                | Overriding::Closed
                | Overriding::Leave => "",
            };
            format!("{name}: {}{nobody}", said(config, practice, over))
        }
        None => {
            let situation = engine.scheduler().situation(practice);
            let situation = situation.map_or("?", call::Situation::as_str);
            format!("{name}: no override, {situation} by its hours and leave")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thu 2026-11-26 08:30 in Paris.
    const NOW: i64 = 1_795_678_200_000;

    fn until(text: &str) -> Result<String, String> {
        let zone = TimeZone::PARIS;
        moment(zone, NOW, &Until::At(text.to_owned())).map(|ms| shown(zone, ms))
    }

    #[test]
    fn times_are_the_practices_own_and_days_count_to_their_end() {
        assert_eq!(shown(TimeZone::PARIS, NOW), "Thu 2026-11-26 08:30");
        assert_eq!(until("18:00").unwrap(), "Thu 2026-11-26 18:00");
        assert_eq!(until("08:00").unwrap(), "Fri 2026-11-27 08:00", "the next one");
        assert_eq!(until("2026-11-30T12:15").unwrap(), "Mon 2026-11-30 12:15");
        assert_eq!(until("2026-11-30").unwrap(), "Tue 2026-12-01 00:00");
        assert_eq!(until("2026-10-25").unwrap(), "Mon 2026-10-26 00:00", "a day of 25 hours");
        assert_eq!(until("2026-03-29").unwrap(), "Mon 2026-03-30 00:00", "a day of 23 hours");
        let two_hours = moment(TimeZone::PARIS, NOW, &Until::ForS(7_200)).unwrap();
        assert_eq!(shown(TimeZone::PARIS, two_hours), "Thu 2026-11-26 10:30");
        for wrong in ["tonight", "25:00", "2026-13-01", "", "é:00"] {
            assert!(until(wrong).unwrap_err().contains("is no time"), "{wrong}");
        }
    }

    #[test]
    fn a_practice_is_found_by_its_key_and_a_name_that_two_have_is_refused_with_both_keys() {
        let mut config = crate::config_of_nobody();
        let both = [(1, "martin-paris", "Dr Martin"), (2, "martin-lyon", "Dr Martin")];
        // The key of one is what another is called: identities go before names.
        for (id, key, name) in both.into_iter().chain([(3, "blanc", "martin-lyon")]) {
            let (key, name) = (key.to_owned(), name.to_owned());
            let practice = call::Practice { key, name, ..call::Practice::default() };
            config.practices.insert(PracticeId(id), practice);
        }
        let number = call::E164::read("01 99 00 12 34").unwrap();
        config.numbers.insert(number, PracticeId(3));
        let found = ["martin-paris", "martin-lyon", "Blanc", "0199001234"];
        assert_eq!(
            found.map(|text| find(&config, text)),
            [1, 2, 3, 3].map(|id| Ok(PracticeId(id)))
        );
        let refused = find(&config, "dr martin").unwrap_err();
        assert!(refused.ends_with("by its key, martin-paris or martin-lyon"), "{refused}");
        let near = find(&config, "martin-pari").unwrap_err();
        assert!(near.contains("did you mean \"martin-paris\"?"), "{near}");
    }

    #[test]
    fn what_is_past_or_lasts_for_years_is_refused() {
        let mut config = crate::config_of_nobody();
        let practice = call::Practice { name: "Dr Martin".into(), ..call::Practice::default() };
        config.practices.insert(PracticeId(1), practice);
        let read = |text: &str| {
            let order = OverrideOrder::Close { until: Until::At(text.to_owned()) };
            read(&config, NOW, "dr martin", &order)
        };
        assert!(read("2026-11-25").unwrap_err().contains("is past"));
        assert!(read("2028-01-01").unwrap_err().contains("more than a year"));
        assert!(read("2027-11-01").is_ok());
        let unknown = self::read(&config, NOW, "Dr Matrin", &OverrideOrder::Clear).unwrap_err();
        assert!(unknown.contains("did you mean \"Dr Martin\"?"), "{unknown}");
    }
}
