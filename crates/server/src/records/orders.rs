//! What was ordered, one row each: when, who, of whom, what, and whether it was done.
//!
//! Of numbers two digits are shown, as in the log. Who is the user of the connection, as the system knows
//! him; a name is looked up in `/etc/passwd`, and is none where the system keeps its users elsewhere. A
//! reload by SIGHUP or by the watching of files has one of these two words for a name, and the server's
//! own user id.

use std::fmt;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::clock::iso;
use crate::control::Audited;

/// Who has something done.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Orderer {
    /// At the control socket, by the user id that the system knows.
    Peer(u32),
    /// Whoever sent the signal: the system does not say.
    Hangup,
    /// The files have changed, and are watched.
    Watch,
}

impl Orderer {
    /// Of somebody at the control socket.
    pub(crate) fn uid(self) -> Option<u32> {
        match self {
            Self::Peer(uid) => Some(uid),
            Self::Hangup | Self::Watch => None,
        }
    }

    /// Of nobody in particular.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Peer(_) => None,
            Self::Hangup => Some("SIGHUP"),
            Self::Watch => Some("watch"),
        }
    }
}

impl fmt::Display for Orderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(uid) => write!(f, "user {uid}"),
            Self::Hangup | Self::Watch => f.write_str(self.word().unwrap_or_default()),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct KeptOrder {
    pub(crate) at_ms: i64,
    pub(crate) by: Orderer,
    pub(crate) order: Audited,
    pub(crate) is_done: bool,
}

/// One order, as kept.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OrderRow {
    /// ISO 8601, UTC.
    pub ordered_at: String,
    pub ordered_ms: i64,
    /// The server's own where `user` is `SIGHUP` or `watch`.
    pub uid: u32,
    pub user: Option<String>,
    /// `agent`, `call`, `override` or `reload`.
    pub kind: String,
    /// A secretary's user, a call, the key of a practice; what was named where there is none such.
    pub whom: String,
    pub what: String,
    /// As the control socket takes it.
    pub command: String,
    /// `done` or `refused`.
    pub outcome: String,
}

pub(super) fn write(connection: &Connection, kept: &KeptOrder) -> rusqlite::Result<()> {
    let KeptOrder { at_ms, by, order, is_done } = kept;
    let uid = by.uid().unwrap_or_else(|| rustix::process::getuid().as_raw());
    let user = by.word().map_or_else(|| user(uid), |word| Some(word.to_owned()));
    connection
        .prepare_cached(
            "INSERT INTO orders (ordered_at, ordered_ms, uid, user, kind, whom, what, command, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            iso(*at_ms),
            at_ms,
            uid,
            user,
            order.kind,
            order.whom,
            order.what,
            order.command,
            if *is_done { "done" } else { "refused" },
        ])?;
    Ok(())
}

/// The latest of those since then, in order.
pub(super) fn read(
    connection: &Connection,
    since_ms: i64,
    at_most: usize,
) -> rusqlite::Result<Vec<OrderRow>> {
    let mut statement = connection.prepare(
        "SELECT ordered_at, ordered_ms, uid, user, kind, whom, what, command, outcome FROM orders
         WHERE ordered_ms >= ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    let mut rows: Vec<OrderRow> =
        statement.query_map([since_ms, at_most], row)?.collect::<rusqlite::Result<_>>()?;
    rows.reverse();
    Ok(rows)
}

fn row(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
    Ok(OrderRow {
        ordered_at: row.get(0)?,
        ordered_ms: row.get(1)?,
        uid: row.get(2)?,
        user: row.get(3)?,
        kind: row.get(4)?,
        whom: row.get(5)?,
        what: row.get(6)?,
        command: row.get(7)?,
        outcome: row.get(8)?,
    })
}

fn user(uid: u32) -> Option<String> {
    // Without the file the number says it.
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}
