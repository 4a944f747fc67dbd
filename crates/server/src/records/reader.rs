//! Reading the records, beside a running server or after it.

use std::ops::Range;
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

/// Any arrival.
const EVER: Range<i64> = i64::MIN..i64::MAX;
/// Of calls that arrived within a period, by the index of arrivals.
const OFFERS: &str = "
    SELECT call, number, offers.agent, offered_ms, ringing_ms, offers.answered_ms, offers.ended_ms, outcome
    FROM calls CROSS JOIN offers USING (call) WHERE arrived_ms >= ?1 AND arrived_ms < ?2
    ORDER BY offered_ms, call, number";
/// Likewise.
const FORWARDS: &str = "
    SELECT call, number, kind, target, offered_ms, ringing_ms, picked_up_ms, forwards.answered_ms,
           forwards.ended_ms, outcome
    FROM calls CROSS JOIN forwards USING (call) WHERE arrived_ms >= ?1 AND arrived_ms < ?2
    ORDER BY offered_ms, call, number";

impl Reader {
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self { connection })
    }

    /// All calls by arrival.
    pub fn calls(&self) -> rusqlite::Result<Vec<CallRow>> {
        self.calls_of(EVER)
    }

    /// Those that arrived within this period (milliseconds since 1970), likewise; no others are read.
    pub fn calls_of(&self, arrived_ms: Range<i64>) -> rusqlite::Result<Vec<CallRow>> {
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
             FROM calls WHERE arrived_ms >= ?1 AND arrived_ms < ?2
             ORDER BY arrived_ms, epoch, sequence",
        ))?;
        statement.query_map([arrived_ms.start, arrived_ms.end], call_row)?.collect()
    }

    /// When the last of all calls arrived. `None`: there is none.
    pub fn last_arrival(&self) -> rusqlite::Result<Option<i64>> {
        self.connection.query_row("SELECT max(arrived_ms) FROM calls", [], |row| row.get(0))
    }

    /// All offers, by call and number.
    pub fn offers(&self) -> rusqlite::Result<Vec<OfferRow>> {
        self.offers_of(EVER)
    }

    /// Those of calls that arrived within this period, likewise.
    pub fn offers_of(&self, arrived_ms: Range<i64>) -> rusqlite::Result<Vec<OfferRow>> {
        let mut statement = self.connection.prepare(OFFERS)?;
        statement.query_map([arrived_ms.start, arrived_ms.end], offer_row)?.collect()
    }

    /// All forwardings, by call and number.
    pub fn forwards(&self) -> rusqlite::Result<Vec<ForwardRow>> {
        self.forwards_of(EVER)
    }

    /// Those of calls that arrived within this period, likewise.
    pub fn forwards_of(&self, arrived_ms: Range<i64>) -> rusqlite::Result<Vec<ForwardRow>> {
        if self.version()? < 4 {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare(FORWARDS)?;
        statement.query_map([arrived_ms.start, arrived_ms.end], forward_row)?.collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Reading;
    use crate::records::schema;

    #[test]
    fn a_day_is_read_by_the_index_of_arrivals_with_its_offers_and_forwardings_alone() {
        let folder = std::env::temp_dir().join(format!("monoligne-reader-{}", std::process::id()));
        let file = folder.join("records.sqlite");
        let reading = Reading { now: sip::Instant::ZERO, wall: std::time::SystemTime::UNIX_EPOCH };
        let (connection, _) = schema::open(&file, reading).unwrap();
        for (call, arrived_ms) in
            [("1-1-1", 999), ("1-1-2", 1_000), ("1-1-3", 1_999), ("1-1-4", 2_000)]
        {
            let of_call = format!(
                "INSERT INTO calls (call, node, epoch, sequence, trunk_id, trunk, caller_kind,
                     arrived_at, arrived_ms, ended_at, ended_ms, wait_ms, disposition, status, released_by)
                 VALUES ('{call}', 1, 1, 1, 1, 'op', 'withheld', '', {arrived_ms}, '', 9, 1,
                     'abandoned', 487, 'caller');
                 INSERT INTO offers (call, number, agent_id, agent, offered_at, offered_ms, ended_at,
                     ended_ms, outcome)
                 VALUES ('{call}', 1, 7, 'Alice', '', 5, '', 9, 'withdrawn');
                 INSERT INTO forwards (call, number, kind, target, offered_at, offered_ms, ended_at,
                     ended_ms, outcome)
                 VALUES ('{call}', 1, 'phone', 'Accueil', '', 5, '', 9, 'no_answer');"
            );
            connection.execute_batch(&of_call).unwrap();
        }
        let reader = Reader::open(&file).unwrap();
        let ids = |ids: Vec<String>| ids.join(" ");
        let calls = reader.calls_of(1_000..2_000).unwrap();
        assert_eq!(ids(calls.into_iter().map(|it| it.call).collect()), "1-1-2 1-1-3");
        let offers = reader.offers_of(1_000..2_000).unwrap();
        assert_eq!(ids(offers.into_iter().map(|it| it.call).collect()), "1-1-2 1-1-3");
        let forwards = reader.forwards_of(1_000..2_000).unwrap();
        assert_eq!(ids(forwards.into_iter().map(|it| it.call).collect()), "1-1-2 1-1-3");
        assert_eq!(reader.last_arrival().unwrap(), Some(2_000));
        assert_eq!((reader.calls().unwrap().len(), reader.offers().unwrap().len()), (4, 4));
        for sql in [OFFERS, FORWARDS, "SELECT max(arrived_ms) FROM calls"] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let wanted = statement.parameter_count();
            let bounds = &[1_000_i64, 2_000][..wanted];
            let plan: Vec<String> = statement
                .query_map(rusqlite::params_from_iter(bounds), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(plan[0].starts_with("SEARCH calls USING"), "{plan:?}");
            assert!(plan[0].contains("INDEX calls_arrived"), "{plan:?}");
            assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{plan:?}");
        }
        drop((reader, connection));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
