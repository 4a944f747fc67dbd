//! The records' thread: gather, write in one transaction, hold while the disk fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use call::{
    CallRecord, CallerNumber, E164, ForwardRecord, OfferOutcome, OfferRecord, Situation, Target,
};
use rusqlite::{Connection, params};
use tracing::{error, warn};

use super::{CallEntry, Counters, Entry, orders, overrides, standing};
use crate::clock::{Reading, iso};
use crate::limits::{NEWS_GATHER, RECORDS_BATCH_MAX, RECORDS_HELD_MAX, RECORDS_RETRY};
use crate::status::urgency_word;

/// Tries to get rid of what is held when the server ends.
const LAST_TRIES: u32 = 5;

pub(super) struct State {
    connection: Connection,
    entries: Receiver<Entry>,
    counters: Arc<Counters>,
    /// Not on the disk yet, in order.
    held: VecDeque<Entry>,
    /// The last transaction failed.
    is_failing: bool,
}

impl State {
    pub(super) fn new(
        connection: Connection,
        entries: Receiver<Entry>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { connection, entries, counters, held: VecDeque::new(), is_failing: false }
    }

    pub(super) fn run(mut self) {
        let mut is_open = true;
        while is_open {
            is_open = self.gather();
            self.write_held();
        }
        for _ in 0..LAST_TRIES {
            self.take_waiting();
            if self.held.is_empty() {
                return;
            }
            std::thread::park_timeout(RECORDS_RETRY);
            self.write_held();
        }
        self.held.extend(self.entries.try_iter());
        let lost = calls(self.held.iter());
        if lost > 0 {
            self.counters.lost.fetch_add(lost, Ordering::Relaxed);
            error!(lost, "records lost: the disk failed until the end");
        }
    }

    /// Waits for one record and takes what else is there. `false`: no more will come.
    fn gather(&mut self) -> bool {
        let first = if self.held.len() >= RECORDS_HELD_MAX {
            std::thread::park_timeout(RECORDS_RETRY);
            if self.counters.is_ending.load(Ordering::Relaxed) {
                return false;
            }
            None
        } else if self.is_failing {
            match self.entries.recv_timeout(RECORDS_RETRY) {
                Ok(entry) => Some(entry),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        } else {
            match self.entries.recv() {
                Ok(entry) => Some(entry),
                Err(_) => return false,
            }
        };
        self.held.extend(first);
        // One transaction for what comes about the same time.
        std::thread::park_timeout(NEWS_GATHER);
        self.take_waiting();
        true
    }

    fn take_waiting(&mut self) {
        // What does not fit stays in the channel, whose end knows what to do when it is full.
        while self.held.len() < RECORDS_HELD_MAX {
            let Ok(entry) = self.entries.try_recv() else { break };
            self.held.push_back(entry);
        }
    }

    /// One turn without waiting.
    #[cfg(test)]
    pub(super) fn turn(&mut self) {
        self.take_waiting();
        self.write_held();
    }

    #[cfg(test)]
    pub(super) fn allow_pages(&self, pages: u32) {
        self.connection.pragma_update(None, "max_page_count", pages).expect("a pragma");
    }

    fn write_held(&mut self) {
        while !self.held.is_empty() {
            let batch = self.held.len().min(RECORDS_BATCH_MAX);
            match write(&mut self.connection, self.held.iter().take(batch)) {
                Ok(()) => {
                    let calls = calls(self.held.iter().take(batch));
                    self.held.drain(..batch);
                    self.counters.written.fetch_add(calls, Ordering::Relaxed);
                    if std::mem::take(&mut self.is_failing) {
                        warn!(held = self.held.len(), "records are written again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        let held = self.held.len();
                        warn!(%error, held, "records cannot be written: kept in memory");
                    }
                    break;
                }
            }
        }
        self.counters.held.store(calls(self.held.iter()), Ordering::Relaxed);
        self.counters.failing.store(self.is_failing.into(), Ordering::Relaxed);
    }
}

/// How many of them are records of calls: what is counted.
fn calls<'a>(entries: impl Iterator<Item = &'a Entry>) -> u64 {
    entries.filter(|entry| matches!(entry, Entry::Call(_))).count() as u64
}

/// All of the batch, or nothing.
fn write<'a>(
    connection: &mut Connection,
    entries: impl Iterator<Item = &'a Entry>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for entry in entries {
        match entry {
            Entry::Call(entry) => {
                write_call(&transaction, entry)?;
                for (offer, number) in entry.record.offers.iter().zip(1_u32..) {
                    write_offer(&transaction, entry, number, offer)?;
                }
                for (forward, number) in entry.record.forwards.iter().zip(1_u32..) {
                    write_forward(&transaction, entry, number, forward)?;
                }
            }
            Entry::Standing(kept) => standing::write(&transaction, kept)?,
            Entry::Override(kept) => overrides::write(&transaction, kept)?,
            Entry::Order(kept) => orders::write(&transaction, kept)?,
        }
    }
    transaction.commit()
}

fn write_call(connection: &Connection, entry: &CallEntry) -> rusqlite::Result<()> {
    let CallEntry { record, reading, names } = entry;
    let CallRecord { call, trunk, practice, agent, .. } = &**record;
    let (caller_kind, caller) = match &record.caller {
        CallerNumber::Known(number) => ("known", Some(number.to_string())),
        CallerNumber::Withheld => ("withheld", None),
        CallerNumber::Other(text) => ("other", Some(text.clone())),
    };
    let (arrived_at, arrived_ms) = civil(reading, record.arrived_at);
    let (answered_at, answered_ms) = record.answered_at.map(|at| civil(reading, at)).unzip();
    let (ended_at, ended_ms) = civil(reading, record.ended_at);
    let talk_ms = agent.map(|_| record.offers.iter().filter_map(talk).sum::<i64>());
    let mut statement = connection.prepare_cached(
        "INSERT INTO calls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
         ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)",
    )?;
    statement.execute(params![
        call.to_string(),
        call.node,
        call.epoch,
        call.sequence.cast_signed(),
        trunk.0,
        names.trunk(*trunk),
        record.dialled.map(|number| number.to_string()),
        practice.map(|practice| practice.0),
        practice.map(|id| names.practice(id)),
        caller_kind,
        caller,
        arrived_at,
        arrived_ms,
        answered_at,
        answered_ms,
        ended_at,
        ended_ms,
        millis(record.waited_until(), record.arrived_at),
        talk_ms,
        record.disposition.as_str(),
        record.status,
        record.released_by.as_str(),
        agent.map(|agent| agent.0),
        agent.map(|id| names.agent(id)),
        record.situation.map(Situation::as_str),
        record.prompt.map(|id| names.prompt(id)),
        record.class.map(|(urgency, _)| urgency_word(urgency)),
        record.class.map(|(_, by)| by.as_str()),
    ])?;
    Ok(())
}

/// The conversation that an offer became.
fn talk(offer: &OfferRecord) -> Option<i64> {
    match offer.outcome {
        OfferOutcome::Served | OfferOutcome::Vanished => {
            offer.answered_at.map(|at| millis(offer.ended_at, at))
        }
        OfferOutcome::Declined
        | OfferOutcome::Busy
        | OfferOutcome::NoAnswer
        | OfferOutcome::NoKey
        | OfferOutcome::Looped
        | OfferOutcome::Unreachable
        | OfferOutcome::Dropped
        | OfferOutcome::Withdrawn => None,
    }
}

fn write_offer(
    connection: &Connection,
    entry: &CallEntry,
    number: u32,
    offer: &OfferRecord,
) -> rusqlite::Result<()> {
    let CallEntry { record, reading, names } = entry;
    let (offered_at, offered_ms) = civil(reading, offer.offered_at);
    let (ringing_at, ringing_ms) = offer.ringing_at.map(|at| civil(reading, at)).unzip();
    let (answered_at, answered_ms) = offer.answered_at.map(|at| civil(reading, at)).unzip();
    let (ended_at, ended_ms) = civil(reading, offer.ended_at);
    let mut statement = connection.prepare_cached(
        "INSERT INTO offers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    statement.execute(params![
        record.call.to_string(),
        number,
        offer.agent.0,
        names.agent(offer.agent),
        offered_at,
        offered_ms,
        ringing_at,
        ringing_ms,
        answered_at,
        answered_ms,
        ended_at,
        ended_ms,
        offer.outcome.as_str(),
    ])?;
    Ok(())
}

fn write_forward(
    connection: &Connection,
    entry: &CallEntry,
    number: u32,
    forward: &ForwardRecord,
) -> rusqlite::Result<()> {
    let CallEntry { record, reading, names } = entry;
    let (kind, target) = match forward.target {
        Target::Phone(phone) => ("phone", names.phone(phone).to_owned()),
        Target::Line(line) => ("line", E164::of_line(line).to_string()),
    };
    let (offered_at, offered_ms) = civil(reading, forward.offered_at);
    let (ringing_at, ringing_ms) = forward.ringing_at.map(|at| civil(reading, at)).unzip();
    let (picked_up_at, picked_up_ms) = forward.picked_up_at.map(|at| civil(reading, at)).unzip();
    let (answered_at, answered_ms) = forward.answered_at.map(|at| civil(reading, at)).unzip();
    let (ended_at, ended_ms) = civil(reading, forward.ended_at);
    let mut statement = connection.prepare_cached(
        "INSERT INTO forwards VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    statement.execute(params![
        record.call.to_string(),
        number,
        kind,
        target,
        offered_at,
        offered_ms,
        ringing_at,
        ringing_ms,
        picked_up_at,
        picked_up_ms,
        answered_at,
        answered_ms,
        ended_at,
        ended_ms,
        forward.outcome.as_str(),
    ])?;
    Ok(())
}

fn civil(reading: &Reading, at: sip::Instant) -> (String, i64) {
    let ms = reading.epoch_ms(at);
    (iso(ms), ms)
}

fn millis(later: sip::Instant, earlier: sip::Instant) -> i64 {
    i64::try_from(later.saturating_duration_since(earlier).as_millis()).unwrap_or(i64::MAX)
}
