//! Reading the records, beside a running server or after it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use serde::{Deserialize, Serialize};

use super::orders::OrderRow;

pub struct Reader {
    connection: Connection,
}

/// One call, as kept.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    pub call: String,
    pub trunk: String,
    pub dialled: Option<String>,
    pub practice: Option<String>,
    /// `known`, `withheld` or `other`.
    pub caller_kind: String,
    pub caller: Option<String>,
    pub arrived_at: String,
    pub arrived_ms: i64,
    pub answered_ms: Option<i64>,
    pub ended_ms: i64,
    /// Until answered, by a text as well, else until ended; of who pressed the key of a text until a human
    /// had him.
    pub wait_ms: i64,
    /// With secretaries, all of them; not what he waited in between when one vanished.
    pub talk_ms: Option<i64>,
    pub disposition: String,
    pub status: u16,
    pub released_by: String,
    pub agent: Option<String>,
    /// `open`, `closed` or `leave`; of calls that reached a practice.
    pub situation: Option<String>,
    /// The text that the plan ended with.
    pub prompt: Option<String>,
    /// `vital`, `urgent`, `priority` or `normal`; of calls that reached a practice.
    pub urgency: Option<String>,
    /// What gave him that class: `practice`, `list`, `number`, `repetition`, `key`, `ageing`, `operator`, or
    /// `none`.
    pub urgency_by: Option<String>,
}

/// One offer of a call to a secretary.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OfferRow {
    pub call: String,
    /// From 1.
    pub number: u32,
    pub agent: String,
    pub offered_ms: i64,
    pub ringing_ms: Option<i64>,
    pub answered_ms: Option<i64>,
    pub ended_ms: i64,
    pub outcome: String,
}

/// One forwarding of a call to somebody else than a secretary.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ForwardRow {
    pub call: String,
    /// From 1.
    pub number: u32,
    /// `phone` or `line`.
    pub kind: String,
    /// The name of a phone, the number of a line.
    pub target: String,
    pub offered_ms: i64,
    pub ringing_ms: Option<i64>,
    /// Somebody or something answered there.
    pub picked_up_ms: Option<i64>,
    /// A human took the caller.
    pub answered_ms: Option<i64>,
    pub ended_ms: i64,
    pub outcome: String,
}

impl Reader {
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self { connection })
    }

    /// All calls by arrival.
    pub fn calls(&self) -> rusqlite::Result<Vec<CallRow>> {
        // A file that no server of this version has opened yet lacks the last ones.
        let last = match self.version()? {
            ..2 => "NULL, NULL, NULL, NULL",
            2..9 => "situation, prompt, NULL, NULL",
            9.. => "situation, prompt, urgency, urgency_by",
        };
        let mut statement = self.connection.prepare(&format!(
            "SELECT call, trunk, dialled, practice, caller_kind, caller, arrived_at, arrived_ms,
                    answered_ms, ended_ms, wait_ms, talk_ms, disposition, status, released_by,
                    agent, {last}
             FROM calls ORDER BY arrived_ms, epoch, sequence",
        ))?;
        statement.query_map([], call_row)?.collect()
    }

    /// All offers, by call and number.
    pub fn offers(&self) -> rusqlite::Result<Vec<OfferRow>> {
        let mut statement = self.connection.prepare(
            "SELECT call, number, agent, offered_ms, ringing_ms, answered_ms, ended_ms, outcome
             FROM offers ORDER BY offered_ms, call, number",
        )?;
        statement.query_map([], offer_row)?.collect()
    }

    /// All forwardings, by call and number.
    pub fn forwards(&self) -> rusqlite::Result<Vec<ForwardRow>> {
        if self.version()? < 4 {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare(
            "SELECT call, number, kind, target, offered_ms, ringing_ms, picked_up_ms, answered_ms,
                    ended_ms, outcome
             FROM forwards ORDER BY offered_ms, call, number",
        )?;
        statement.query_map([], forward_row)?.collect()
    }

    /// The latest of what operators ordered since then, in order.
    pub fn orders(&self, since_ms: i64, at_most: usize) -> rusqlite::Result<Vec<OrderRow>> {
        match self.version()? {
            0..8 => Ok(Vec::new()),
            _ => super::orders::read(&self.connection, since_ms, at_most),
        }
    }

    fn version(&self) -> rusqlite::Result<u32> {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0))
    }

    pub fn count(&self) -> rusqlite::Result<u64> {
        self.connection.query_row("SELECT count(*) FROM calls", [], |row| {
            row.get::<_, i64>(0).map(i64::cast_unsigned)
        })
    }
}

fn call_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    Ok(CallRow {
        call: row.get(0)?,
        trunk: row.get(1)?,
        dialled: row.get(2)?,
        practice: row.get(3)?,
        caller_kind: row.get(4)?,
        caller: row.get(5)?,
        arrived_at: row.get(6)?,
        arrived_ms: row.get(7)?,
        answered_ms: row.get(8)?,
        ended_ms: row.get(9)?,
        wait_ms: row.get(10)?,
        talk_ms: row.get(11)?,
        disposition: row.get(12)?,
        status: row.get(13)?,
        released_by: row.get(14)?,
        agent: row.get(15)?,
        situation: row.get(16)?,
        prompt: row.get(17)?,
        urgency: row.get(18)?,
        urgency_by: row.get(19)?,
    })
}

fn forward_row(row: &Row<'_>) -> rusqlite::Result<ForwardRow> {
    Ok(ForwardRow {
        call: row.get(0)?,
        number: row.get(1)?,
        kind: row.get(2)?,
        target: row.get(3)?,
        offered_ms: row.get(4)?,
        ringing_ms: row.get(5)?,
        picked_up_ms: row.get(6)?,
        answered_ms: row.get(7)?,
        ended_ms: row.get(8)?,
        outcome: row.get(9)?,
    })
}

fn offer_row(row: &Row<'_>) -> rusqlite::Result<OfferRow> {
    Ok(OfferRow {
        call: row.get(0)?,
        number: row.get(1)?,
        agent: row.get(2)?,
        offered_ms: row.get(3)?,
        ringing_ms: row.get(4)?,
        answered_ms: row.get(5)?,
        ended_ms: row.get(6)?,
        outcome: row.get(7)?,
    })
}
