//! The tables, and opening the file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

use crate::clock::Reading;

/// `PRAGMA user_version` of files that this program reads and writes.
const VERSION: u32 = 9;
/// `PRAGMA application_id`: whose file it is, `mono`.
const APPLICATION: u32 = u32::from_be_bytes(*b"mono");

const TABLES: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- One row a call. `*_at` is civil time (ISO 8601, UTC), `*_ms` the same in milliseconds since 1970.
CREATE TABLE calls (
    call         TEXT PRIMARY KEY,         -- node-epoch-sequence
    node         INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,
    trunk_id     INTEGER NOT NULL,
    trunk        TEXT NOT NULL,
    dialled      TEXT,                     -- +E.164
    practice_id  INTEGER,
    practice     TEXT,
    caller_kind  TEXT NOT NULL,            -- known, withheld, other
    caller       TEXT,                     -- +E.164 of a known one, text of another
    arrived_at   TEXT NOT NULL,
    arrived_ms   INTEGER NOT NULL,
    answered_at  TEXT,
    answered_ms  INTEGER,
    ended_at     TEXT NOT NULL,
    ended_ms     INTEGER NOT NULL,
    wait_ms      INTEGER NOT NULL,         -- until answered, by a human if he pressed a key, else until ended
    talk_ms      INTEGER,                  -- with secretaries, all of them; NULL: with none
    disposition  TEXT NOT NULL,
    status       INTEGER NOT NULL,         -- the final SIP status that the caller got
    released_by  TEXT NOT NULL,            -- caller, agent, target, us
    agent_id     INTEGER,
    agent        TEXT,
    situation    TEXT,                     -- of the practice at arrival: open, closed, leave
    prompt       TEXT,                     -- the text that the plan ended with
    urgency      TEXT,                     -- in the end: vital, urgent, priority, normal
    urgency_by   TEXT                      -- what gave it to him: practice, list, number, repetition, key,
                                           -- ageing, secretary, operator; none: he was as all are
) STRICT;
CREATE INDEX calls_arrived ON calls (arrived_ms);
CREATE INDEX calls_practice ON calls (practice_id, arrived_ms);

-- One row an offer of a call to a secretary, in order.
CREATE TABLE offers (
    call         TEXT NOT NULL REFERENCES calls (call) ON DELETE CASCADE,
    number       INTEGER NOT NULL,         -- from 1
    agent_id     INTEGER NOT NULL,
    agent        TEXT NOT NULL,
    offered_at   TEXT NOT NULL,
    offered_ms   INTEGER NOT NULL,
    ringing_at   TEXT,
    ringing_ms   INTEGER,
    answered_at  TEXT,
    answered_ms  INTEGER,
    ended_at     TEXT NOT NULL,
    ended_ms     INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    PRIMARY KEY (call, number)
) STRICT, WITHOUT ROWID;
";

/// From a file of version 1.
const SITUATIONS: &str = "
ALTER TABLE calls ADD COLUMN situation TEXT;
ALTER TABLE calls ADD COLUMN prompt TEXT;
";

/// From a file of version 1 to 8.
const CLASSES: &str = "
ALTER TABLE calls ADD COLUMN urgency TEXT;
ALTER TABLE calls ADD COLUMN urgency_by TEXT;
";

/// Since version 3: what lasts of the secretaries (`standing`).
const SECRETARIES: &str = "
CREATE TABLE secretaries (
    user         TEXT PRIMARY KEY,
    state        TEXT NOT NULL,            -- logged_out, available, paused, not_responding
    reason       TEXT,                     -- of a pause
    misses       INTEGER NOT NULL,
    changed_at   TEXT NOT NULL             -- civil time (ISO 8601, UTC)
) STRICT;
";

/// Since version 3 those of secretaries, since version 7 those that are no secretary's too.
const PHONES: &str = "
-- One row a registered phone, of each user the one that rings first at place 1.
CREATE TABLE phones (
    user          TEXT NOT NULL,           -- no secretary's: a reception's
    place         INTEGER NOT NULL,
    contact       TEXT NOT NULL,
    transport     TEXT NOT NULL,
    local         TEXT NOT NULL,
    remote        TEXT NOT NULL,
    registered_ms INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,
    call_id       TEXT NOT NULL,
    cseq          INTEGER NOT NULL,
    user_agent    TEXT,
    PRIMARY KEY (user, place)
) STRICT, WITHOUT ROWID;
";

/// From a file of version 3 to 6, around the table of that day.
const PHONES_OF_SECRETARIES: (&str, &str) = (
    "ALTER TABLE phones RENAME TO phones_of_secretaries;",
    "INSERT INTO phones SELECT * FROM phones_of_secretaries; DROP TABLE phones_of_secretaries;",
);

/// Since version 4: where callers were forwarded to.
const FORWARDS: &str = "
-- One row a forwarding of a call to somebody else than a secretary, in order.
CREATE TABLE forwards (
    call         TEXT NOT NULL REFERENCES calls (call) ON DELETE CASCADE,
    number       INTEGER NOT NULL,         -- from 1
    kind         TEXT NOT NULL,            -- phone, line
    target       TEXT NOT NULL,            -- the name of a phone, +E.164 of a line
    offered_at   TEXT NOT NULL,
    offered_ms   INTEGER NOT NULL,
    ringing_at   TEXT,
    ringing_ms   INTEGER,
    picked_up_at TEXT,                     -- somebody or something answered there
    picked_up_ms INTEGER,
    answered_at  TEXT,                     -- a human took the caller
    answered_ms  INTEGER,
    ended_at     TEXT NOT NULL,
    ended_ms     INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    PRIMARY KEY (call, number)
) STRICT, WITHOUT ROWID;
";

/// Since version 5: what practices say against their hours and leave (`overrides`).
const OVERRIDES: &str = "
CREATE TABLE overrides (
    practice     TEXT NOT NULL,            -- its key: the name of its table or file
    is_name      INTEGER NOT NULL,         -- 1: version 5 kept it by the practice's name instead
    what         TEXT NOT NULL,            -- open, closed, leave, redirect
    target       TEXT,                     -- of a redirect: +E.164, or the user of a phone
    ring_for_ms  INTEGER NOT NULL,
    until_ms     INTEGER NOT NULL,
    said_at      TEXT NOT NULL,            -- civil time (ISO 8601, UTC)
    PRIMARY KEY (practice, is_name)
) STRICT, WITHOUT ROWID;
";

/// From a file of version 5, which knew names only. Whose they are is found out with the configuration.
const OVERRIDES_BY_NAME: (&str, &str) = (
    "ALTER TABLE overrides RENAME TO overrides_by_name;",
    "INSERT INTO overrides SELECT practice, 1, what, target, ring_for_ms, until_ms, said_at
     FROM overrides_by_name;
     DROP TABLE overrides_by_name;",
);

/// Since version 8: what was ordered, and by whom.
const ORDERS: &str = "
CREATE TABLE orders (
    number       INTEGER PRIMARY KEY,
    ordered_at   TEXT NOT NULL,            -- civil time (ISO 8601, UTC)
    ordered_ms   INTEGER NOT NULL,
    uid          INTEGER NOT NULL,         -- of the control socket's peer, else the server's own
    user         TEXT,                     -- its name then; SIGHUP, watch: of a reload
    kind         TEXT NOT NULL,            -- agent, call, override, reload
    whom         TEXT NOT NULL,            -- a secretary's user, a call (of `calls`), a practice's key
    what         TEXT NOT NULL,            -- in words
    command      TEXT NOT NULL,            -- the same as JSON; of numbers two digits are shown
    outcome      TEXT NOT NULL             -- done, refused
) STRICT;
CREATE INDEX orders_ordered ON orders (ordered_ms);
";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("its folder cannot be made; make the one above writable for monoligne's user")]
    Folder(#[source] io::Error),
    #[error("it cannot be made; make its folder writable for monoligne's user")]
    File(#[source] io::Error),
    #[error("it is no file of records, or a damaged one; move it and its -wal and -shm away")]
    Foreign,
    #[error("another monoligne has it: stop that one, or change `data`")]
    InUse,
    #[error("another program has locked it (`fuser` names it): let that one end, and start again")]
    Locked,
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    #[error("made by a newer monoligne (version {found}, known is {VERSION}): start that one")]
    Newer { found: u32 },
    #[error("the writer's thread cannot be started")]
    Thread(#[source] io::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        let is_locked = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        );
        if is_locked {
            return Self::Locked;
        }
        // Unknown: tables of another program, ours cannot be made beside them or lack something.
        let is_foreign = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
        );
        if is_foreign { Self::Foreign } else { Self::Sqlite(error) }
    }
}

/// Holds the file for this process, until dropped. The lock is on a file beside it: closing a second
/// handle of the file itself would take SQLite's own locks away.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    if let Some(folder) = path.parent() {
        crate::folder::make(folder).map_err(OpenError::Folder)?;
    }
    let beside = path.with_extension("lock");
    crate::folder::make_file(&beside).map_err(OpenError::File)?;
    let file = File::options().write(true).open(&beside).map_err(OpenError::File)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(OpenError::File(error)),
    }
}

/// Opens or makes the file, and takes the next epoch out of it.
pub(super) fn open(path: &Path, at: Reading) -> Result<(Connection, u32), OpenError> {
    if let Some(folder) = path.parent() {
        crate::folder::make(folder).map_err(OpenError::Folder)?;
    }
    // SQLite gives its -wal and -shm the mode of the file itself.
    crate::folder::make_file(path).map_err(OpenError::File)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_millis(500))?;
    let found = version(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // One fsync a transaction, that is a batch.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction()?;
    if found < 1 {
        transaction.execute_batch(TABLES)?;
    }
    if found == 1 {
        transaction.execute_batch(SITUATIONS)?;
    }
    if found < 3 {
        transaction.execute_batch(SECRETARIES)?;
    }
    if found < 7 {
        let (before, after) = if found < 3 { ("", "") } else { PHONES_OF_SECRETARIES };
        transaction.execute_batch(before)?;
        transaction.execute_batch(PHONES)?;
        transaction.execute_batch(after)?;
    }
    if found < 4 {
        transaction.execute_batch(FORWARDS)?;
    }
    if found < 6 {
        let (before, after) = if found == 5 { OVERRIDES_BY_NAME } else { ("", "") };
        transaction.execute_batch(before)?;
        transaction.execute_batch(OVERRIDES)?;
        transaction.execute_batch(after)?;
    }
    if found < 8 {
        transaction.execute_batch(ORDERS)?;
    }
    if (1..9).contains(&found) {
        transaction.execute_batch(CLASSES)?;
    }
    if found < VERSION {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    let epoch = next_epoch(&transaction, at)?;
    transaction.commit()?;
    Ok((connection, epoch))
}

/// The version of our file, 0 for an empty one. Anybody else's is refused before a byte of it is
/// changed: even a pragma may write.
fn version(connection: &Connection) -> Result<u32, OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let has = |table: &str| -> rusqlite::Result<bool> {
        connection
            .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name LIKE ?1")?
            .exists([table])
    };
    let is_ours = match found {
        0 => application == 0 && !has("%")?,
        // The first versions did not say whose they are.
        1 | 2 => application == 0 && has("calls")? && has("offers")? && has("meta")?,
        _ => u32::try_from(application) == Ok(APPLICATION),
    };
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    match (is_ours, found) {
        (false, _) => Err(OpenError::Foreign),
        (true, found) if found > VERSION => Err(OpenError::Newer { found }),
        (true, found) => Ok(found),
    }
}

/// Seconds since 1970, or one more than the last epoch where the clock went back.
fn next_epoch(connection: &Connection, at: Reading) -> rusqlite::Result<u32> {
    let last: Option<u32> = connection
        .query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0))
        .optional()?;
    let seconds = at.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let epoch = u32::try_from(seconds)
        .unwrap_or(u32::MAX)
        .max(last.map_or(1, |last| last.saturating_add(1)));
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('epoch', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [epoch],
    )?;
    Ok(epoch)
}
