//! What happened: a day's calls, and what can be learnt of the people in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use acd::TimeZone;
use anyhow::Context as _;
use call::{E164, PracticeId};

use super::figures::Tally;
use crate::records::{CallRow, OfferRow, Reader};

#[derive(Clone, Debug)]
pub(super) struct PastCall {
    pub(super) arrived_ms: i64,
    pub(super) did: Option<E164>,
    /// By name, where no number is known, or leads nowhere.
    pub(super) practice: Option<String>,
    pub(super) trunk: Option<String>,
    pub(super) caller: Option<E164>,
    /// Until he was answered, gave up or was ended.
    pub(super) wait_ms: u64,
    pub(super) talk_ms: Option<u64>,
    pub(super) end: PastEnd,
    pub(super) agent: Option<String>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum PastEnd {
    Answered,
    /// He gave up: his wait is his patience.
    Abandoned,
    /// Closed hours or leave.
    Closed,
    /// Busy, a text: he would have waited longer.
    Otherwise,
}

/// What became of one offer.
#[derive(Copy, Clone, Debug)]
struct PastOffer {
    kind: OfferKind,
    /// Until she answered or it ended.
    after_ms: u64,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum OfferKind {
    Answered,
    NoAnswer,
    Declined,
    Unreachable,
}

/// When a secretary was there, of one day.
#[derive(Clone, Debug)]
pub(super) struct Shift {
    /// Her user or her name.
    pub(super) agent: String,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

#[derive(Debug)]
pub(super) struct Day {
    /// By arrival.
    pub(super) calls: Vec<PastCall>,
    /// Empty: nobody is named.
    pub(super) shifts: Vec<Shift>,
    /// Of callers; `None`: nobody gave up.
    pub(super) patience_mean_ms: Option<f64>,
    /// Of the answered, the shortest first.
    pub(super) talks_ms: Vec<u64>,
    /// How long phones rang until they were answered, likewise; empty: not known.
    pub(super) pickups_ms: Vec<u64>,
    /// Of the offers, how many were not answered, were declined, and found no phone; 0 to 1.
    pub(super) misses: Misses,
    offers: usize,
    /// Calls that no secretary could have got: they are left out.
    left_out: usize,
}

#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Misses {
    pub(super) no_answer: f64,
    pub(super) declined: f64,
    pub(super) unreachable: f64,
}

/// What a phone takes to be answered, where nothing is known of it.
pub(super) const PICKUP_MS: u64 = 4_000;
/// What a conversation lasts, where none is known.
pub(super) const TALK_MS: u64 = 150_000;

impl Day {
    pub(super) fn of_records(
        path: &Path,
        day: Option<&str>,
        zone: TimeZone,
    ) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read the records {}", path.display());
        anyhow::ensure!(path.is_file(), "{}: there is no such file", cannot());
        let reader = Reader::open(path).with_context(cannot)?;
        let rows = reader.calls().with_context(cannot)?;
        let offers = reader.offers().with_context(cannot)?;
        let date = |ms: i64| zone.wall(ms)[..10].to_owned();
        let day = match day {
            Some(day) => date(zone.unix_ms(day).with_context(|| format!("--day {day}"))?),
            None => date(rows.last().context("there is no call in the records")?.arrived_ms),
        };
        let rows: Vec<CallRow> =
            rows.into_iter().filter(|row| date(row.arrived_ms) == day).collect();
        anyhow::ensure!(!rows.is_empty(), "there is no call of {day} in the records");
        let known: BTreeSet<&str> = rows.iter().map(|row| row.call.as_str()).collect();
        let offers: Vec<OfferRow> =
            offers.into_iter().filter(|offer| known.contains(offer.call.as_str())).collect();
        let calls: Vec<PastCall> = rows.iter().filter_map(past_call).collect();
        let left_out = rows.len() - calls.len();
        Ok(Self { left_out, ..Self::of(calls, offers, zone) })
    }

    pub(super) fn of(mut calls: Vec<PastCall>, offers: Vec<OfferRow>, zone: TimeZone) -> Self {
        calls.sort_by_key(|call| call.arrived_ms);
        let waited: u64 = calls.iter().map(|call| call.wait_ms).sum();
        let gave_up = calls.iter().filter(|call| call.end == PastEnd::Abandoned).count();
        let mut talks_ms: Vec<u64> = calls.iter().filter_map(|call| call.talk_ms).collect();
        talks_ms.sort_unstable();
        let past: Vec<PastOffer> = offers.iter().filter_map(past_offer).collect();
        let of_kind = |kind| past.iter().filter(move |offer| offer.kind == kind);
        let mut pickups_ms: Vec<u64> =
            of_kind(OfferKind::Answered).map(|offer| offer.after_ms).collect();
        pickups_ms.sort_unstable();
        let share = |kind| of_kind(kind).count() as f64 / past.len().max(1) as f64;
        Self {
            shifts: shifts(&calls, &offers, zone),
            patience_mean_ms: (gave_up > 0).then(|| waited as f64 / gave_up as f64),
            talks_ms,
            pickups_ms,
            misses: Misses {
                no_answer: share(OfferKind::NoAnswer),
                declined: share(OfferKind::Declined),
                unreachable: share(OfferKind::Unreachable),
            },
            offers: past.len(),
            left_out: 0,
            calls,
        }
    }

    /// As the day has it, by the promises of this configuration.
    pub(super) fn tally(&self, config: &call::Config) -> Tally {
        let mut tally = Tally::default();
        for call in &self.calls {
            let practice = practice(config, call);
            let floor = practice.and_then(|(id, _)| config.floor.practices.get(&id));
            let promise = floor.map(|floor| crate::explain::millis(floor.answer_within));
            match call.end {
                PastEnd::Answered => tally.answered(call.wait_ms, promise.unwrap_or(0)),
                PastEnd::Abandoned => tally.abandoned(call.wait_ms),
                PastEnd::Closed => tally.closed(),
                PastEnd::Otherwise => tally.ended(),
            }
        }
        tally
    }

    /// What was made of the day's data.
    pub(super) fn assumed(&self) -> Vec<String> {
        let seconds = |ms: f64| format!("{:.0} s", ms / 1_000.0);
        let mut all = Vec::new();
        if self.left_out > 0 {
            all.push(format!(
                "{} calls that no practice could have got (unknown numbers, refused messages) are \
                 left out",
                self.left_out
            ));
        }
        all.push(match self.patience_mean_ms {
            Some(mean) => format!(
                "who gave up has the patience that he had; the others a while more than they \
                 needed, drawn exponentially with a mean of {}",
                seconds(mean)
            ),
            None => "nobody gave up in it: all callers wait for as long as the plans let \
                     them"
                .to_owned(),
        });
        all.push(match self.talks_ms.is_empty() {
            true => format!("conversations last {}: none is known", seconds(TALK_MS as f64)),
            false => "who was answered talks as long as he did; the others as long as somebody \
                      else of that day, drawn"
                .to_owned(),
        });
        all.push(match self.pickups_ms.is_empty() {
            true => format!("phones ring {} until they are answered", seconds(PICKUP_MS as f64)),
            false => "phones ring until they are answered as long as they did, drawn".to_owned(),
        });
        let Misses { no_answer, declined, unreachable } = self.misses;
        all.push(match self.offers {
            0 => "every phone that rings is answered: nothing is known of misses".to_owned(),
            offers => format!(
                "of the phones that ring {:.1} % are not answered, {:.1} % decline and {:.1} % are not \
                 there, as of the {offers} that rang",
                no_answer * 100.0,
                declined * 100.0,
                unreachable * 100.0
            ),
        });
        all.push("wrap-up times are the configuration's".to_owned());
        all
    }
}

/// `None`: no practice could have got it.
fn past_call(row: &CallRow) -> Option<PastCall> {
    let end = match row.disposition.as_str() {
        "answered" => PastEnd::Answered,
        "abandoned" => PastEnd::Abandoned,
        "closed" => PastEnd::Closed,
        "unknown_number" | "no_codec" | "draining" | "bad_request" | "unsupported" | "looped" => {
            return None;
        }
        _ => PastEnd::Otherwise,
    };
    let talk_ms = row.talk_ms.and_then(|ms| u64::try_from(ms).ok());
    Some(PastCall {
        arrived_ms: row.arrived_ms,
        did: row.dialled.as_deref().and_then(|number| E164::read(number).ok()),
        practice: row.practice.clone(),
        trunk: Some(row.trunk.clone()),
        caller: row
            .caller
            .as_deref()
            .filter(|_| row.caller_kind == "known")
            .and_then(|number| E164::read(number).ok()),
        wait_ms: u64::try_from(row.wait_ms).unwrap_or(0),
        talk_ms: talk_ms.filter(|_| end == PastEnd::Answered),
        end,
        agent: row.agent.clone(),
    })
}

/// `None`: taken back, whoever's doing that was.
fn past_offer(row: &OfferRow) -> Option<PastOffer> {
    let kind = match row.outcome.as_str() {
        "served" | "vanished" => OfferKind::Answered,
        "no_answer" | "dropped" => OfferKind::NoAnswer,
        "declined" | "busy" => OfferKind::Declined,
        "unreachable" => OfferKind::Unreachable,
        _ => return None,
    };
    let ended = row.answered_ms.unwrap_or(row.ended_ms);
    Some(PastOffer { kind, after_ms: u64::try_from(ended - row.offered_ms).unwrap_or(0) })
}

/// From each one's first to her last call, day by day.
fn shifts(calls: &[PastCall], offers: &[OfferRow], zone: TimeZone) -> Vec<Shift> {
    let mut spans: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
    let mut note = |agent: &str, from: i64, to: i64| {
        let day = zone.wall(from)[..10].to_owned();
        let span = spans.entry((agent.to_owned(), day)).or_insert((from, to));
        *span = (span.0.min(from), span.1.max(to));
    };
    for offer in offers {
        note(&offer.agent, offer.offered_ms, offer.ended_ms);
    }
    for call in calls {
        if let Some(agent) = &call.agent {
            let answered = call.arrived_ms.saturating_add_unsigned(call.wait_ms);
            let ended = answered.saturating_add_unsigned(call.talk_ms.unwrap_or(0));
            note(agent, call.arrived_ms, ended);
        }
    }
    let spans = spans.into_iter();
    spans.map(|((agent, _), (from_ms, to_ms))| Shift { agent, from_ms, to_ms }).collect()
}

/// Whose call it is in this configuration, and the number that led there.
pub(super) fn practice(
    config: &call::Config,
    call: &PastCall,
) -> Option<(PracticeId, Option<E164>)> {
    let by_number = call.did.and_then(|number| {
        let id = config.numbers.get(&number).or_else(|| config.shared.get(&number))?;
        Some((*id, Some(number)))
    });
    let by_name = || {
        let name = call.practice.as_deref()?;
        let mut all = config.practices.iter();
        let found = all.find(|(_, practice)| practice.name == name || practice.label == name)?;
        Some((*found.0, None))
    };
    by_number.or_else(by_name)
}
