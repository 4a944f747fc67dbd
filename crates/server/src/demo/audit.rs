//! The end of the morning: three accounts that must agree, and the figures.
//!
//! The floor says what callers and phones lived; the engine's ledger what it did; the records what
//! will be known tomorrow. None is derived from another.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use call::Disposition;
use hdrhistogram::Histogram;

use crate::driver::Report;
use crate::floor::{
    CallEnd, Conversation, Hearing, Pairing, PhoneCall, PhoneEnd, PlacedCall, Violation,
};
use crate::records::CallRow;

/// What the floor has seen.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// Calls of the script.
    pub(super) planned: usize,
    pub(super) placed: usize,
    pub(super) calls: Vec<PlacedCall>,
    pub(super) phone_calls: Vec<PhoneCall>,
    pub(super) violations: Vec<Violation>,
    pub(super) unregistered: usize,
    /// Calls that the floor could not end.
    pub(super) without_end: usize,
    /// `None`: the server did not say.
    pub(super) ports_in_use: Option<usize>,
    pub(super) ports: usize,
    pub(super) is_interrupted: bool,
}

/// The figures, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    pub is_interrupted: bool,
    pub planned: usize,
    pub offered: usize,
    pub answered: usize,
    pub gave_up_waiting: usize,
    pub gave_up_ringing: usize,
    pub waits: Waits,
    pub declined: usize,
    /// Phones that rang until the server took the call back.
    pub not_answered: usize,
    pub hung_up_by_caller: usize,
    pub hung_up_by_secretary: usize,
    pub single_line_violations: u64,
    pub lost: u64,
    pub conversations: usize,
    /// Conversations in which each heard the other, and nobody else.
    pub right_both_ways: usize,
    pub records: usize,
    pub ports_in_use: Option<usize>,
    pub ports: usize,
    /// From a datagram's arrival to the sending of what it led to.
    pub latency_p99_us: u64,
    /// What must not be. Empty: all is well.
    pub faults: Vec<String>,
}

/// How long the answered callers waited.
#[derive(Copy, Clone, Debug, Default)]
pub struct Waits {
    pub p50: Duration,
    pub p95: Duration,
    pub max: Duration,
}

impl Audit {
    pub(super) fn of(accounts: &Accounts, report: &Report, rows: &[CallRow]) -> Self {
        let pairing = Pairing::of(&accounts.calls, &accounts.phone_calls);
        let ends = |end: CallEnd| accounts.calls.iter().filter(|call| call.end == end).count();
        let gave_up = ends(CallEnd::GaveUp) + ends(CallEnd::Crossed);
        let ringing = gave_up_ringing(accounts);
        let phone = |is: fn(&PhoneEnd) -> bool| {
            accounts.phone_calls.iter().filter(|call| is(&call.end)).count()
        };
        let cancelled = phone(|end| *end == PhoneEnd::Cancelled);
        let lost = report.ledger.dispositions.get(&Disposition::Lost).copied().unwrap_or(0);
        let second_invites = accounts
            .violations
            .iter()
            .filter(|violation| matches!(violation, Violation::SecondInvite { .. }))
            .count();
        let mut audit = Self {
            is_interrupted: accounts.is_interrupted,
            planned: accounts.planned,
            offered: accounts.placed,
            answered: accounts.calls.iter().filter(|call| call.answered_at.is_some()).count(),
            gave_up_waiting: gave_up.saturating_sub(ringing),
            gave_up_ringing: ringing,
            waits: Waits::of(&accounts.calls),
            declined: phone(|end| matches!(end, PhoneEnd::Declined(_))),
            not_answered: cancelled.saturating_sub(ringing),
            hung_up_by_caller: ends(CallEnd::HungUp),
            hung_up_by_secretary: ends(CallEnd::Released),
            single_line_violations: second_invites as u64 + report.ledger.single_line_violations,
            lost: lost + accounts.without_end as u64,
            conversations: pairing.conversations.len(),
            right_both_ways: pairing.right_both_ways(),
            records: rows.len(),
            ports_in_use: accounts.ports_in_use,
            ports: accounts.ports,
            latency_p99_us: report.latency.p99_us,
            faults: Vec::new(),
        };
        audit.check_floor(accounts, &pairing);
        audit.check_ledger(report, ends(CallEnd::Crossed) as u64);
        audit.check_records(accounts, rows);
        audit
    }

    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, is_fault: bool, text: impl FnOnce() -> String) {
        if is_fault {
            self.faults.push(text());
        }
    }

    fn check_floor(&mut self, accounts: &Accounts, pairing: &Pairing<'_>) {
        for violation in &accounts.violations {
            self.faults.push(format!("on the floor: {violation:?}"));
        }
        for call in &accounts.calls {
            let unexpected = matches!(call.end, CallEnd::Refused(_) | CallEnd::Failed);
            self.fault(unexpected, || format!("{} ended as {:?}", call.plan.from, call.end));
        }
        let left = accounts.without_end;
        self.fault(left > 0, || format!("{left} calls without an end"));
        for wrong in pairing.wrong() {
            self.faults.push(misheard(wrong));
        }
        for call in &pairing.calls_alone {
            self.faults.push(format!("{} was answered by no phone", call.plan.from));
        }
        // A phone that answered too late is acknowledged and released: it must hear nobody.
        for phone in &pairing.phones_alone {
            let heard = phone.heard.seconds.iter().find_map(|second| second.loudest);
            self.fault(heard.is_some(), || {
                format!("a phone without a caller heard {:?}", heard.map(|tone| tone.hz()))
            });
        }
        match self.ports_in_use {
            Some(0) => {}
            Some(left) => self.faults.push(format!("{left} ports have not come back")),
            None => self.faults.push("the server did not tell its ports".to_owned()),
        }
    }

    fn check_ledger(&mut self, report: &Report, crossed: u64) {
        let ledger = &report.ledger;
        let ended: u64 = ledger.dispositions.values().sum();
        let answered = ledger.dispositions.get(&Disposition::Answered).copied().unwrap_or(0);
        self.fault(report.panicked, || "the engine has panicked".to_owned());
        let violations = ledger.single_line_violations;
        self.fault(violations > 0, || format!("the engine saw {violations} agents in two calls"));
        let lost = self.lost;
        self.fault(lost > 0, || format!("{lost} calls were lost"));
        let offered = self.offered as u64;
        self.fault(ledger.offered != offered || ended != offered, || {
            format!("{offered} calls placed, {} taken, {ended} ended", ledger.offered)
        });
        // A CANCEL that crossed a 200: he never knew that he was answered.
        let heard = self.answered as u64;
        self.fault(!(heard..=heard + crossed).contains(&answered), || {
            format!("{heard} callers were answered, the ledger says {answered}")
        });
    }

    fn check_records(&mut self, accounts: &Accounts, rows: &[CallRow]) {
        let mut by_caller: BTreeMap<&str, Vec<&CallRow>> = BTreeMap::new();
        for row in rows {
            by_caller.entry(row.caller.as_deref().unwrap_or_default()).or_default().push(row);
        }
        for call in &accounts.calls {
            let is_answered = call.answered_at.is_some();
            let expected = match call.end {
                CallEnd::Crossed => &[Disposition::Answered, Disposition::Abandoned][..],
                CallEnd::HungUp
                | CallEnd::Released
                | CallEnd::GaveUp
                | CallEnd::Refused(_)
                | CallEnd::Failed => {
                    if is_answered {
                        &[Disposition::Answered]
                    } else {
                        &[Disposition::Abandoned]
                    }
                }
            };
            let expected: Vec<&str> = expected.iter().map(|each| each.as_str()).collect();
            let found = by_caller.remove(call.plan.from.as_str()).unwrap_or_default();
            let found: Vec<&str> = found.iter().map(|row| row.disposition.as_str()).collect();
            let is_told = matches!(found[..], [disposition] if expected.contains(&disposition));
            self.fault(!is_told, || {
                format!(
                    "{}: one of {expected:?} expected on record, found {found:?}",
                    call.plan.from
                )
            });
        }
        for caller in by_caller.into_keys() {
            self.faults.push(format!("a record of {caller}, who never called"));
        }
    }

    fn answer_rate(&self) -> f64 {
        100.0 * self.answered as f64 / self.offered.max(1) as f64
    }
}

/// Callers who gave up and whose secretary's phone rang until then.
fn gave_up_ringing(accounts: &Accounts) -> usize {
    let gave_up = accounts.calls.iter().filter(|call| call.end == CallEnd::GaveUp);
    gave_up
        .filter(|call| {
            accounts.phone_calls.iter().any(|phone| {
                phone.end == PhoneEnd::Cancelled
                    && phone.caller == call.plan.from
                    && phone.ended_at + Duration::from_secs(1) >= call.ended_at
            })
        })
        .count()
}

fn misheard(wrong: &Conversation<'_>) -> String {
    let ear = |hearing: Option<Hearing>| match hearing {
        Some(Hearing::Right) => "the other".to_owned(),
        Some(Hearing::Wrong(Some(tone))) => format!("a stranger of {} Hz", tone.hz()),
        Some(Hearing::Wrong(None)) => "a noise".to_owned(),
        Some(Hearing::Nothing) | None => "nothing".to_owned(),
    };
    let (caller, phone) = (ear(wrong.caller_hears), ear(wrong.phone_hears));
    format!("{} heard {caller}, his secretary heard {phone}", wrong.call.plan.from)
}

impl Waits {
    fn of(calls: &[PlacedCall]) -> Self {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000, 3)
            .expect("invariant: the bounds are constants that the histogram allows");
        for call in calls.iter().filter(|call| call.answered_at.is_some()) {
            histogram.saturating_record(u64::try_from(call.wait().as_millis()).unwrap_or(u64::MAX));
        }
        let at = |quantile| Duration::from_millis(histogram.value_at_quantile(quantile));
        Self { p50: at(0.5), p95: at(0.95), max: Duration::from_millis(histogram.max()) }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
        let mut row = |name: &str, value: String| writeln!(f, "  {name:<42} {value}");
        let gave_up = self.gave_up_waiting + self.gave_up_ringing;
        row("calls offered", self.offered.to_string())?;
        row("answered", format!("{} ({:.1} %)", self.answered, self.answer_rate()))?;
        row(
            "abandoned",
            format!(
                "{gave_up} ({} waiting, {} while a phone rang)",
                self.gave_up_waiting, self.gave_up_ringing
            ),
        )?;
        let Waits { p50, p95, max } = self.waits;
        row(
            "waits p50, p95, longest",
            format!("{}, {}, {}", seconds(p50), seconds(p95), seconds(max)),
        )?;
        row("offers declined, not answered", format!("{}, {}", self.declined, self.not_answered))?;
        row(
            "hung up by callers, by secretaries",
            format!("{}, {}", self.hung_up_by_caller, self.hung_up_by_secretary),
        )?;
        row("single-line violations", self.single_line_violations.to_string())?;
        row("lost", self.lost.to_string())?;
        row(
            "voices heard by the right ear, both ways",
            format!("{}/{}", self.right_both_ways, self.answered),
        )?;
        row("records on disk, calls", format!("{}/{}", self.records, self.offered))?;
        let back = self.ports_in_use.map_or(0, |left| self.ports.saturating_sub(left));
        row("ports back", format!("{back}/{}", self.ports))?;
        row("signalling p99", format!("{} µs", self.latency_p99_us))?;
        if self.is_interrupted {
            row("interrupted", format!("{} of {} calls placed", self.offered, self.planned))?;
        }
        for fault in &self.faults {
            writeln!(f, "  FAULT: {fault}")?;
        }
        writeln!(
            f,
            "{}",
            if self.is_clean() { "  no violation" } else { "  VIOLATIONS: see above" }
        )
    }
}

#[cfg(test)]
mod tests;
