//! The INVITEs of sip-fixtures/ from a trunk: what the caller hears first, and that each has one record
//! or is a live call.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::bench::{Bench, PHONE, TRUNK};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sip-fixtures");
    let entries = std::fs::read_dir(folder).expect("the fixtures are in the tree");
    let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "sip")).collect();
    paths.sort();
    paths
}

/// `engine = STATUS` of the expectation beside it.
fn expected(path: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(path.with_extension("toml"));
    let text = text.expect("every fixture has its expectation beside it");
    text.lines().find_map(|line| line.strip_prefix("engine = ")?.parse().ok())
}

#[test]
fn each_invite_of_the_fixtures_is_answered_as_expected_and_accounted_for() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for path in fixtures() {
        let mut bench = Bench::with(&["101"]);
        bench.receive_bytes(TRUNK, Bytes::from(std::fs::read(&path).unwrap()));
        let ledger = bench.engine.ledger();
        assert_eq!(ledger.offered, ledger.ended() + bench.engine.live_calls().count() as u64);
        assert_eq!(ledger.ended(), bench.records.len() as u64);
        let Some(expected) = expected(&path) else { continue };
        seen += 1;
        let accounted = bench.engine.ledger().offered;
        let statuses = bench.sent.iter().filter_map(|(_, message)| message.status());
        let found = statuses.filter(|&status| status > 100).collect::<Vec<_>>();
        let record = bench.records.first().map(|record| record.status);
        let is_call = expected == 180;
        if found != [expected] || accounted != 1 || record != (!is_call).then_some(expected) {
            wrong.push(format!("{}: {found:?}, {accounted} offered, {record:?}", path.display()));
        }
    }
    assert!(seen > 20 && wrong.is_empty(), "{seen} seen: {wrong:#?}");
}

/// The bench reads every answer; the engine checks its ledger after each input.
#[test]
fn whatever_a_trunk_or_a_phone_sends_the_ledger_stays_even_and_answers_can_be_read() {
    let messages: Vec<Vec<u8>> =
        fixtures().into_iter().map(|path| std::fs::read(path).expect("it was listed")).collect();
    for seed in 0..8 {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut below = |limit: usize| random.next_u32() as usize % limit;
        let mut bench = Bench::with(&["101", "102"]);
        bench.register(PHONE, "101");
        for _ in 0..500 {
            let mut bytes = messages[below(messages.len())].clone();
            for _ in 0..below(4) {
                let at = below(bytes.len());
                match below(3) {
                    0 => bytes[at] = below(256) as u8,
                    1 => bytes.insert(at, b"\r\n ;,<>\"%[]:=@"[below(14)]),
                    _ => bytes.truncate(at.max(40)),
                }
            }
            let from = if below(4) == 0 { PHONE } else { TRUNK };
            bench.receive_bytes(from, Bytes::from(bytes));
            if below(50) == 0 {
                bench.run_for(Duration::from_secs(below(40) as u64));
            }
        }
        bench.run_for(Duration::from_secs(300));
        let ledger = bench.engine.ledger();
        assert!(ledger.offered > 50 && ledger.ledger_imbalances == 0, "{ledger:?}");
        assert_eq!(ledger.offered, bench.records.len() as u64, "all have ended");
        assert_eq!(bench.engine.live_calls().count(), 0);
    }
}
