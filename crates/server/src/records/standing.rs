//! What lasts of those who register, written whole whenever it changed and read at the next start: a row
//! for each phone, and one for each secretary's state. A phone of nobody who has a state is a reception's.
//!
//! Times are civil here: the next life counts its own instants.

use std::time::Duration;

use call::{Lasting, Standing, Whose};
use rusqlite::{Connection, Row, params};
use sip::{Binding, Flow, Transport};

use crate::clock::{Reading, iso};
use crate::names::Names;

/// One user's, as kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Kept {
    pub(crate) user: String,
    /// Of a secretary.
    hers: Option<Hers>,
    at_ms: i64,
    phones: Vec<Phone>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Hers {
    state: &'static str,
    /// The reason of a pause, by name: numbers are of one life.
    reason: Option<String>,
    misses: u32,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Phone {
    contact: String,
    transport: String,
    local: String,
    remote: String,
    registered_ms: i64,
    expires_ms: i64,
    call_id: String,
    cseq: u32,
    user_agent: Option<String>,
}

const LOGGED_OUT: &str = "logged_out";
const AVAILABLE: &str = "available";
const PAUSED: &str = "paused";
const NOT_RESPONDING: &str = "not_responding";

impl Kept {
    pub(crate) fn of(standing: &Standing, reading: &Reading, names: &Names) -> Self {
        let (user, hers) = match standing.whose {
            Whose::Agent { agent, state, misses } => {
                (names.user(agent), Some(Hers::of(state, misses, names)))
            }
            Whose::Phone(phone) => (names.phone_user(phone), None),
        };
        let phone = |binding: &Binding| Phone {
            contact: binding.contact_uri.clone(),
            transport: binding.flow.transport.via().to_owned(),
            local: binding.flow.local.to_string(),
            remote: binding.flow.remote.to_string(),
            registered_ms: reading.epoch_ms(binding.registered_at),
            expires_ms: reading.epoch_ms(binding.expires_at),
            call_id: binding.call_id.clone(),
            cseq: binding.cseq,
            user_agent: binding.user_agent.clone(),
        };
        Self {
            user: user.to_owned(),
            hers,
            at_ms: reading.epoch_ms(reading.now),
            phones: standing.bindings.iter().map(phone).collect(),
        }
    }

    /// In the words of this life. Of the phones only those whose time is not over. A connection is gone
    /// with the life that held it: the registrar says whether such a phone may be reached by another.
    pub(crate) fn standing(&self, config: &call::Config, reading: &Reading) -> Option<Standing> {
        let whose = match &self.hers {
            Some(hers) => {
                let agent = config.agents.iter().find(|(_, agent)| agent.user == self.user)?.0;
                Whose::Agent { agent: *agent, state: hers.lasting(config), misses: hers.misses }
            }
            None => {
                let phone = config.phones.iter().find(|(_, phone)| phone.user == self.user)?.0;
                Whose::Phone(*phone)
            }
        };
        let binding = |phone: &Phone| phone.binding(reading, config.registrar.expires_max);
        Some(Standing { whose, bindings: self.phones.iter().filter_map(binding).collect() })
    }
}

impl Hers {
    fn of(state: Lasting, misses: u32, names: &Names) -> Self {
        let (state, reason) = match state {
            Lasting::LoggedOut => (LOGGED_OUT, None),
            Lasting::Available => (AVAILABLE, None),
            Lasting::Paused { reason } => (PAUSED, names.pause(reason).map(str::to_owned)),
            Lasting::NotResponding => (NOT_RESPONDING, None),
        };
        Self { state, reason, misses }
    }

    fn lasting(&self, config: &call::Config) -> Lasting {
        let reason = |name: &String| {
            let known = config.pause_reasons.iter().find(|(_, reason)| *reason == name);
            known.map_or(0, |(number, _)| *number)
        };
        match self.state {
            LOGGED_OUT => Lasting::LoggedOut,
            PAUSED => Lasting::Paused { reason: self.reason.as_ref().map_or(0, reason) },
            NOT_RESPONDING => Lasting::NotResponding,
            _ => Lasting::Available,
        }
    }
}

impl Phone {
    fn binding(&self, reading: &Reading, expires_max: Duration) -> Option<Binding> {
        let transport = match Transport::from_name(&self.transport)? {
            known @ (Transport::Udp | Transport::Tcp) => known,
            Transport::Tls | Transport::Ws | Transport::Wss => return None,
        };
        let left_ms = self.expires_ms.saturating_sub(reading.epoch_ms(reading.now));
        // A wall clock that was set back must not make it live for ever.
        let left = Duration::from_millis(u64::try_from(left_ms).ok()?).min(expires_max);
        Some(Binding {
            contact_uri: self.contact.clone(),
            flow: Flow {
                transport,
                local: self.local.parse().ok()?,
                remote: self.remote.parse().ok()?,
                connection: 0,
            },
            expires_at: reading.now + left,
            // Before this life began, hence older than whatever comes.
            registered_at: sip::Instant::from_micros(0),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            user_agent: self.user_agent.clone(),
        })
    }
}

pub(super) fn write(connection: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    match &kept.hers {
        Some(Hers { state, reason, misses }) => connection
            .prepare_cached("INSERT OR REPLACE INTO secretaries VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![kept.user, state, reason, misses, iso(kept.at_ms)])?,
        None => connection
            .prepare_cached("DELETE FROM secretaries WHERE user = ?1")?
            .execute([&kept.user])?,
    };
    connection.prepare_cached("DELETE FROM phones WHERE user = ?1")?.execute([&kept.user])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO phones VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for (phone, place) in kept.phones.iter().zip(1_u32..) {
        insert.execute(params![
            kept.user,
            place,
            phone.contact,
            phone.transport,
            phone.local,
            phone.remote,
            phone.registered_ms,
            phone.expires_ms,
            phone.call_id,
            phone.cseq,
            phone.user_agent,
        ])?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut all: Vec<Kept> = connection
        .prepare(
            "SELECT user, state, reason, misses FROM secretaries
             UNION SELECT user, NULL, NULL, 0 FROM phones
                   WHERE user NOT IN (SELECT user FROM secretaries)
             ORDER BY user",
        )?
        .query_map([], user)?
        .collect::<Result<_, _>>()?;
    let mut phones = connection.prepare(
        "SELECT contact, transport, local, remote, registered_ms, expires_ms, call_id, cseq,
                user_agent
         FROM phones WHERE user = ?1 ORDER BY place",
    )?;
    for kept in &mut all {
        kept.phones = phones.query_map([&kept.user], phone)?.collect::<Result<_, _>>()?;
    }
    Ok(all)
}

fn user(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let state: Option<String> = row.get(1)?;
    let (reason, misses) = (row.get(2)?, row.get(3)?);
    let hers = state.map(|state| {
        let known = [LOGGED_OUT, AVAILABLE, PAUSED, NOT_RESPONDING];
        // A word of nobody's counts as the one that takes calls.
        let state = known.into_iter().find(|known| *known == state).unwrap_or(AVAILABLE);
        Hers { state, reason, misses }
    });
    Ok(Kept { user: row.get(0)?, hers, at_ms: 0, phones: Vec::new() })
}

fn phone(row: &Row<'_>) -> rusqlite::Result<Phone> {
    Ok(Phone {
        contact: row.get(0)?,
        transport: row.get(1)?,
        local: row.get(2)?,
        remote: row.get(3)?,
        registered_ms: row.get(4)?,
        expires_ms: row.get(5)?,
        call_id: row.get(6)?,
        cseq: row.get(7)?,
        user_agent: row.get(8)?,
    })
}
