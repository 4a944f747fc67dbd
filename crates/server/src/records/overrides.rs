//! What practices say against their hours and leave, one row each: written whole whenever it changed,
//! given back at the next start.
//!
//! By keys of the configuration and civil time: ids and instants are of one life, and what a practice is
//! called may change. Older programs wrote the name: such a row is taken up by the only practice that has
//! it, and is by its key from then on. Rows of nobody stay: who is gone may be written again.
//! Who said it is in `orders`, by the same key.

use std::time::Duration;

use call::{E164, Forward, Override, Overriding, PracticeId, Target};
use rusqlite::{Connection, Row, params};

use crate::clock::{Reading, iso};

/// Of one practice, as kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeptOverride {
    whose: Whose,
    /// Under this name an older program may have kept it, which this replaces. `None`: somebody else has
    /// it too.
    name: Option<String>,
    /// `None`: nothing any more.
    over: Option<Said>,
    at_ms: i64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Whose {
    Name(String),
    Key(String),
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Said {
    what: &'static str,
    /// Of a redirection: a number, `+33…`, or the user of a phone.
    target: Option<String>,
    ring_for_ms: i64,
    until_ms: i64,
}

/// Why what is kept does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unclaimed {
    #[error("it is over")]
    Over,
    #[error("there is no such practice any more: it is kept until there is one again")]
    Nobody,
    #[error(
        "several practices have this name: say it again for the one that is meant, by its key, {}",
        .0.join(" or ")
    )]
    Several(Vec<String>),
    #[error("where it leads is not configured any more: say it again")]
    Nowhere,
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
        let call::Practice { key, name, .. } = config.practices.get(&practice)?;
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
        Some(Self {
            whose: Whose::Key(key.clone()),
            name: (named(config, name).count() == 1).then(|| name.clone()),
            over,
            at_ms: reading.epoch_ms(reading.now),
        })
    }

    /// In the words of this life.
    pub(crate) fn restored(
        &self,
        config: &call::Config,
        reading: &Reading,
    ) -> Result<(PracticeId, Override), Unclaimed> {
        let said = self.over.as_ref().ok_or(Unclaimed::Over)?;
        if said.until_ms <= reading.epoch_ms(reading.now) {
            return Err(Unclaimed::Over);
        }
        let practice = self.whose.find(config)?;
        let what = match said.what {
            OPEN => Overriding::Open,
            CLOSED => Overriding::Closed,
            LEAVE => Overriding::Leave,
            _ => Overriding::Redirect(said.redirection(config).ok_or(Unclaimed::Nowhere)?),
        };
        Ok((practice, Override { what, until_unix_ms: said.until_ms }))
    }

    /// Its key, or the name that it had.
    pub(crate) fn practice(&self) -> &str {
        match &self.whose {
            Whose::Name(text) | Whose::Key(text) => text,
        }
    }
}

impl Whose {
    fn find(&self, config: &call::Config) -> Result<PracticeId, Unclaimed> {
        match self {
            Self::Key(key) => {
                let found = config.practices.iter().find(|(_, it)| it.key == *key);
                found.map(|(id, _)| *id).ok_or(Unclaimed::Nobody)
            }
            Self::Name(name) => match &named(config, name).collect::<Vec<_>>()[..] {
                [(practice, _)] => Ok(*practice),
                [] => Err(Unclaimed::Nobody),
                several => {
                    let keys = several.iter().map(|(_, key)| (*key).to_owned());
                    Err(Unclaimed::Several(keys.collect()))
                }
            },
        }
    }
}

/// Who is called so, with their keys.
fn named<'c>(config: &'c call::Config, name: &str) -> impl Iterator<Item = (PracticeId, &'c str)> {
    let all = config.practices.iter().filter(move |(_, it)| it.name == name);
    all.map(|(id, it)| (*id, it.key.as_str()))
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
    if let Some(name) = &kept.name {
        connection
            .prepare_cached("DELETE FROM overrides WHERE practice = ?1 AND is_name = 1")?
            .execute([name])?;
    }
    let (practice, is_name) = match &kept.whose {
        Whose::Key(key) => (key, false),
        Whose::Name(name) => (name, true),
    };
    let Some(said) = &kept.over else {
        connection
            .prepare_cached("DELETE FROM overrides WHERE practice = ?1 AND is_name = ?2")?
            .execute(params![practice, is_name])?;
        return Ok(());
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO overrides VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            practice,
            is_name,
            said.what,
            said.target,
            said.ring_for_ms,
            said.until_ms,
            iso(kept.at_ms)
        ])?;
    Ok(())
}

/// Those by a name first: what is kept by the key was said later.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<KeptOverride>> {
    connection
        .prepare(
            "SELECT practice, is_name, what, target, ring_for_ms, until_ms FROM overrides
             ORDER BY is_name DESC, practice",
        )?
        .query_map([], kept)?
        // A word of nobody's says nothing: the hours hold.
        .filter_map(Result::transpose)
        .collect()
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Option<KeptOverride>> {
    let what: String = row.get(2)?;
    let known = [OPEN, CLOSED, LEAVE, REDIRECT].into_iter().find(|known| *known == what);
    let Some(what) = known else { return Ok(None) };
    let said = Said { what, target: row.get(3)?, ring_for_ms: row.get(4)?, until_ms: row.get(5)? };
    let whose = match row.get(1)? {
        true => Whose::Name(row.get(0)?),
        false => Whose::Key(row.get(0)?),
    };
    Ok(Some(KeptOverride { whose, name: None, over: Some(said), at_ms: 0 }))
}
