//! An audit that finds nothing is worth what it would have found.

use std::time::Duration;

use sip::Instant;

use super::*;
use crate::floor::{CallPlan, CallRef, Ear, Heard, PhoneRef, Sound, Tone};

const CALLER: &str = "+33639980012";

fn heard(tone: Tone) -> Heard {
    let mut ear = Ear::default();
    for _ in 0..100 {
        ear.listen(&tone.packet());
    }
    ear.heard()
}

/// One call of two seconds, as it should be.
fn accounts() -> Accounts {
    let (his, hers) = (Tone::nth(3), Tone::nth(60));
    let at = Instant::from_millis;
    let plan = CallPlan {
        to: "+33199001001".to_owned(),
        from: CALLER.to_owned(),
        withheld: false,
        diverted_from: None,
        patience: None,
        talk: Some(Duration::from_secs(2)),
        sound: Sound::Voice(his),
    };
    let call = PlacedCall {
        call: CallRef { line: 4, index: 0 },
        plan,
        placed_at: at(0),
        ringing_at: Some(at(1)),
        answered_at: Some(at(1_000)),
        ended_at: at(3_000),
        end: CallEnd::HungUp,
        heard: heard(hers),
    };
    let phone_call = PhoneCall {
        phone: PhoneRef { line: 0, index: 0 },
        sound: Sound::Voice(hers),
        caller: CALLER.to_owned(),
        invited_at: at(2),
        answered_at: Some(at(998)),
        confirmed_at: Some(at(999)),
        ended_at: at(3_001),
        end: PhoneEnd::Released,
        heard: heard(his),
    };
    Accounts {
        planned: 1,
        placed: 1,
        calls: vec![call],
        phone_calls: vec![phone_call],
        ports_in_use: Some(0),
        ports: 100,
        ..Accounts::default()
    }
}

fn report() -> Report {
    let mut report = Report::default();
    report.ledger.offered = 1;
    report.ledger.dispositions.insert(Disposition::Answered, 1);
    report
}

fn rows() -> Vec<CallRow> {
    vec![CallRow {
        call: "1-1-1".to_owned(),
        trunk: "Opérateur".to_owned(),
        dialled: Some("+33199001001".to_owned()),
        practice: Some("Cabinet du Dr Aubert".to_owned()),
        caller_kind: "known".to_owned(),
        caller: Some(CALLER.to_owned()),
        arrived_at: "2026-01-05T07:00:00.000Z".to_owned(),
        arrived_ms: 0,
        answered_ms: Some(1_000),
        ended_ms: 3_000,
        wait_ms: 1_000,
        talk_ms: Some(2_000),
        situation: Some("open".to_owned()),
        prompt: None,
        urgency: Some("normal".to_owned()),
        urgency_by: Some("none".to_owned()),
        disposition: "answered".to_owned(),
        status: 200,
        released_by: "caller".to_owned(),
        agent: Some("nadia".to_owned()),
    }]
}

fn faults(accounts: &Accounts, report: &Report, rows: &[CallRow]) -> usize {
    let audit = Audit::of(accounts, report, rows);
    assert_eq!(audit.is_clean(), audit.faults.is_empty());
    audit.faults.len()
}

#[test]
fn a_call_that_all_tell_alike_is_clean() {
    let audit = Audit::of(&accounts(), &report(), &rows());
    assert_eq!(audit.faults, Vec::<String>::new());
    assert_eq!((audit.offered, audit.answered, audit.right_both_ways), (1, 1, 1));
    assert_eq!((audit.hung_up_by_caller, audit.hung_up_by_secretary), (1, 0));
}

#[test]
fn a_swapped_voice_is_a_fault() {
    let mut swapped = accounts();
    swapped.phone_calls[0].heard = heard(Tone::nth(4));
    let audit = Audit::of(&swapped, &report(), &rows());
    assert_eq!((audit.right_both_ways, audit.faults.len()), (0, 1));
    assert!(audit.faults[0].contains("a stranger of 500 Hz"), "{audit}");
    swapped.phone_calls[0].heard = Heard::default();
    assert_eq!(faults(&swapped, &report(), &rows()), 1);
}

#[test]
fn a_second_invite_is_a_fault_and_breaks_single_line() {
    let mut accounts = accounts();
    accounts.violations.push(Violation::SecondInvite {
        phone: PhoneRef { line: 0, index: 0 },
        at: Instant::from_millis(2_000),
        during: CALLER.to_owned(),
        caller: "+33639980049".to_owned(),
    });
    let audit = Audit::of(&accounts, &report(), &rows());
    assert_eq!((audit.single_line_violations, audit.faults.len()), (1, 1));
}

#[test]
fn missing_double_strange_and_wrong_records_are_faults() {
    assert_eq!(faults(&accounts(), &report(), &[]), 1);
    assert_eq!(faults(&accounts(), &report(), &[rows(), rows()].concat()), 1);
    let mut strange = rows();
    strange[0].caller = Some("+33639980049".to_owned());
    assert_eq!(faults(&accounts(), &report(), &strange), 2);
    let mut wrong = rows();
    wrong[0].disposition = "abandoned".to_owned();
    assert_eq!(faults(&accounts(), &report(), &wrong), 1);
}

#[test]
fn ports_that_stay_out_calls_without_an_end_and_a_panic_are_faults() {
    let with = |change: fn(&mut Accounts, &mut Report)| {
        let (mut accounts, mut report) = (accounts(), report());
        change(&mut accounts, &mut report);
        faults(&accounts, &report, &rows())
    };
    assert_eq!(with(|accounts, _| accounts.ports_in_use = Some(2)), 1);
    assert_eq!(with(|accounts, _| accounts.ports_in_use = None), 1);
    assert_eq!(with(|_, report| report.panicked = true), 1);
    assert_eq!(with(|_, report| report.ledger.single_line_violations = 1), 1);
    assert_eq!(with(|accounts, _| accounts.calls[0].end = CallEnd::Refused(486)), 1);
    // It is lost, and its record has no call.
    assert!(with(|accounts, _| accounts.without_end = 1) >= 1);
    assert!(with(|_, report| report.ledger.offered = 2) >= 1);
}
