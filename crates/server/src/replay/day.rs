//! What happened: a day's calls, and what can be learnt of the people in them.

use std::collections::BTreeMap;
use std::path::Path;

use acd::{Period, TimeZone};
use anyhow::Context as _;
use call::E164;

use super::figures::RungFigures;
use super::receptions::{self, Receptions};
use crate::records::{CallRow, ForwardRow, OfferRow, Reader};

#[derive(Clone, Debug)]
pub(super) struct PastCall {
    pub(super) arrived_ms: i64,
    pub(super) did: Option<E164>,
    /// As it was called.
    pub(super) practice: Option<String>,
    pub(super) trunk: Option<String>,
    /// `None`: withheld, or no telephone number.
    pub(super) caller: Option<E164>,
    /// Until he was answered, gave up or was ended.
    pub(super) wait_ms: u64,
    pub(super) talk_ms: Option<u64>,
    pub(super) end: PastEnd,
    pub(super) agent: Option<String>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum PastEnd {
    /// By a secretary.
    Answered,
    /// By somebody where he was forwarded to.
    Forwarded,
    /// He gave up: his wait is his patience.
    Abandoned,
    /// Closed hours or leave.
    Closed,
    /// By a list of callers, or as one who calls too often, he was ended at once.
    Blocked,
    /// Nobody had the number.
    Unknown,
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
    /// Who takes callers that are forwarded.
    pub(super) receptions: Receptions,
    /// Who was rung, by her user or name; empty: not known.
    pub(super) rung: BTreeMap<String, RungFigures>,
    offers: usize,
    /// What is to be said of how it was read.
    pub(super) remarks: Vec<String>,
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

/// Whom a list ends is told so within this.
const AT_ONCE_MS: u64 = 1_000;

impl Day {
    /// `day`: as 2026-11-26; `None`: that of the last call.
    pub(super) fn of_records(
        path: &Path,
        day: Option<&str>,
        zone: TimeZone,
    ) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read the records {}", path.display());
        anyhow::ensure!(path.is_file(), "{}: there is no such file", cannot());
        let reader = Reader::open(path).with_context(cannot)?;
        let moment = match day {
            Some(day) => zone.unix_ms(day).with_context(|| format!("--day {day}"))?,
            None => reader
                .last_arrival()
                .with_context(cannot)?
                .context("there is no call in the records: nothing to run")?,
        };
        let day = zone.wall(moment)[..10].to_owned();
        let (from, until): (i64, i64) = Period::read(&day, &day, zone).with_context(cannot)?.into();
        let rows = reader.calls_of(from..until).with_context(cannot)?;
        anyhow::ensure!(
            !rows.is_empty(),
            "there is no call of {day} in the records: name another --day"
        );
        let offers = reader.offers_of(from..until).with_context(cannot)?;
        let forwards = reader.forwards_of(from..until).with_context(cannot)?;
        let mut talks: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &forwards {
            if let Some(talk_ms) = receptions::talk_ms(row) {
                *talks.entry(&row.call).or_default() += talk_ms;
            }
        }
        let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
        let mut calls = Vec::with_capacity(rows.len());
        for row in &rows {
            match past_call(row, talks.get(row.call.as_str()).copied()) {
                Some(call) => calls.push(call),
                None => *left_out.entry(&row.disposition).or_default() += 1,
            }
        }
        let mut of_day = Self::of(calls, &offers, &forwards, zone);
        if !left_out.is_empty() {
            of_day.remarks.push(format!(
                "{} calls were refused before any practice could have had them and are left out ({})",
                left_out.values().sum::<usize>(),
                counted(&left_out)
            ));
        }
        Ok(of_day)
    }

    pub(super) fn of(
        mut calls: Vec<PastCall>,
        offers: &[OfferRow],
        forwards: &[ForwardRow],
        zone: TimeZone,
    ) -> Self {
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
            shifts: shifts(&calls, offers, zone),
            patience_mean_ms: (gave_up > 0).then(|| waited as f64 / gave_up as f64),
            talks_ms,
            pickups_ms,
            misses: Misses {
                no_answer: share(OfferKind::NoAnswer),
                declined: share(OfferKind::Declined),
                unreachable: share(OfferKind::Unreachable),
            },
            receptions: Receptions::of(forwards),
            rung: rung(offers),
            offers: past.len(),
            remarks: Vec::new(),
            calls,
        }
    }

    /// What was made of the day's data.
    pub(super) fn assumed(&self) -> Vec<String> {
        let seconds = |ms: f64| format!("{:.0} s", ms / 1_000.0);
        let mut all = self.remarks.clone();
        let nameless = self.calls.iter().filter(|call| call.caller.is_none()).count();
        if nameless > 0 {
            all.push(format!(
                "{nameless} callers show no telephone number: no list of callers and no rule for who \
                 calls again knows them"
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

/// What there is how often, for a remark.
pub(super) fn counted<K: std::fmt::Display>(of: &BTreeMap<K, usize>) -> String {
    let words: Vec<String> = of.iter().map(|(word, count)| format!("{word}: {count}")).collect();
    words.join(", ")
}

/// `None`: no practice could have got it. `forwarded_ms`: how long he talked where he was forwarded to.
fn past_call(row: &CallRow, forwarded_ms: Option<u64>) -> Option<PastCall> {
    let wait_ms = u64::try_from(row.wait_ms).unwrap_or(0);
    let is_listed = row.situation.as_deref() == Some("listed") && wait_ms < AT_ONCE_MS;
    let end = match row.disposition.as_str() {
        "answered" => PastEnd::Answered,
        "forwarded" => PastEnd::Forwarded,
        "abandoned" => PastEnd::Abandoned,
        "closed" => PastEnd::Closed,
        "unknown_number" => PastEnd::Unknown,
        "no_codec" | "draining" | "bad_request" | "unsupported" | "looped" => return None,
        "busy" | "announced" if is_listed => PastEnd::Blocked,
        _ => PastEnd::Otherwise,
    };
    let talked = |ms: Option<i64>| ms.and_then(|ms| u64::try_from(ms).ok());
    let talk_ms = match end {
        PastEnd::Answered => talked(row.talk_ms),
        PastEnd::Forwarded => forwarded_ms,
        PastEnd::Abandoned
        | PastEnd::Closed
        | PastEnd::Blocked
        | PastEnd::Unknown
        | PastEnd::Otherwise => None,
    };
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
        wait_ms,
        talk_ms,
        end,
        agent: row.agent.clone().filter(|_| end == PastEnd::Answered),
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

/// Who was rung how often, and what became of it.
fn rung(offers: &[OfferRow]) -> BTreeMap<String, RungFigures> {
    let mut all: BTreeMap<String, RungFigures> = BTreeMap::new();
    for offer in offers {
        let hers = all.entry(offer.agent.clone()).or_default();
        hers.rung += 1;
        let Some(PastOffer { kind, .. }) = past_offer(offer) else { continue };
        match (kind, offer.answered_ms) {
            (OfferKind::Answered, Some(answered_ms)) => {
                hers.answered += 1;
                hers.talk_ms += u64::try_from(offer.ended_ms - answered_ms).unwrap_or(0);
            }
            (OfferKind::Answered, None) => hers.answered += 1,
            (OfferKind::NoAnswer | OfferKind::Declined | OfferKind::Unreachable, _) => {
                hers.missed += 1;
            }
        }
    }
    all
}
