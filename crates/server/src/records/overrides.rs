//! What practices say against their hours and leave, one row each: written whole whenever it changed,
//! given back at the next start.
//!
//! By names and civil time: ids and instants are of one life.

use std::time::Duration;

use call::{E164, Forward, Override, Overriding, PracticeId, Target};
use rusqlite::{Connection, Row, params};

use crate::clock::{Reading, iso};

/// Of one practice, as kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeptOverride {
    practice: String,
    /// `None`: nothing any more.
    over: Option<Said>,
    at_ms: i64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Said {
    what: &'static str,
    /// Of a redirection: a number, `+33…`, or the user of a phone.
    target: Option<String>,
    ring_for_ms: i64,
    until_ms: i64,
}

const OPEN: &str = "open";
const CLOSED: &str = "closed";
const LEAVE: &str = "leave";
const REDIRECT: &str = "redirect";

impl KeptOverride {
    pub(crate) fn of(
        practice: PracticeId,
        over: Option<Override>,
        reading: &Reading,
        config: &call::Config,
    ) -> Option<Self> {
        let practice = config.practices.get(&practice)?.name.clone();
        let over = over.map(|Override { what, until_unix_ms: until_ms }| match what {
            Overriding::Open => Said::of(OPEN, until_ms),
            Overriding::Closed => Said::of(CLOSED, until_ms),
            Overriding::Leave => Said::of(LEAVE, until_ms),
            Overriding::Redirect(Forward { target, ring_for }) => Said {
                target: Some(match target {
                    Target::Line(line) => E164::of_line(line).to_string(),
                    Target::Phone(phone) => {
                        config.phones.get(&phone).map_or_else(String::new, |it| it.user.clone())
                    }
                }),
                ring_for_ms: i64::try_from(ring_for.as_millis()).unwrap_or(i64::MAX),
                ..Said::of(REDIRECT, until_ms)
            },
        });
        Some(Self { practice, over, at_ms: reading.epoch_ms(reading.now) })
    }

    /// In the words of this life; `None`: the practice or the phone is not configured any more, or it
    /// is over.
    pub(crate) fn restored(
        &self,
        config: &call::Config,
        reading: &Reading,
    ) -> Option<(PracticeId, Override)> {
        let said = self.over.as_ref()?;
        let practices = &mut config.practices.iter();
        let practice = practices.find(|(_, practice)| practice.name == self.practice)?.0;
        let what = match said.what {
            OPEN => Overriding::Open,
            CLOSED => Overriding::Closed,
            LEAVE => Overriding::Leave,
            _ => Overriding::Redirect(said.redirection(config)?),
        };
        let is_over = said.until_ms <= reading.epoch_ms(reading.now);
        (!is_over).then_some((*practice, Override { what, until_unix_ms: said.until_ms }))
    }

    pub(crate) fn practice(&self) -> &str {
        &self.practice
    }
}

impl Said {
    fn of(what: &'static str, until_ms: i64) -> Self {
        Self { what, target: None, ring_for_ms: 0, until_ms }
    }

    fn redirection(&self, config: &call::Config) -> Option<Forward> {
        let text = self.target.as_deref()?;
        let target = match text.starts_with('+') {
            true => Target::Line(E164::read(text).ok()?.line()),
            false => {
                let phone = config.phones.iter().find(|(_, phone)| phone.user == text)?.0;
                Target::Phone(*phone)
            }
        };
        let ring_for = Duration::from_millis(u64::try_from(self.ring_for_ms).unwrap_or(0));
        Some(Forward { target, ring_for })
    }
}

pub(super) fn write(connection: &Connection, kept: &KeptOverride) -> rusqlite::Result<()> {
    let Some(said) = &kept.over else {
        connection
            .prepare_cached("DELETE FROM overrides WHERE practice = ?1")?
            .execute([&kept.practice])?;
        return Ok(());
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO overrides VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            kept.practice,
            said.what,
            said.target,
            said.ring_for_ms,
            said.until_ms,
            iso(kept.at_ms)
        ])?;
    Ok(())
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<KeptOverride>> {
    connection
        .prepare(
            "SELECT practice, what, target, ring_for_ms, until_ms FROM overrides ORDER BY practice",
        )?
        .query_map([], kept)?
        // A word of nobody's says nothing: the hours hold.
        .filter_map(Result::transpose)
        .collect()
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Option<KeptOverride>> {
    let what: String = row.get(1)?;
    let known = [OPEN, CLOSED, LEAVE, REDIRECT].into_iter().find(|known| *known == what);
    let Some(what) = known else { return Ok(None) };
    let said = Said { what, target: row.get(2)?, ring_for_ms: row.get(3)?, until_ms: row.get(4)? };
    Ok(Some(KeptOverride { practice: row.get(0)?, over: Some(said), at_ms: 0 }))
}
