//! The INVITEs of sip-fixtures/ from a trunk: what the caller hears first, and that each has one record
//! or is a live call.

use std::path::Path;

use bytes::Bytes;

use crate::bench::{Bench, TRUNK};

/// `engine = STATUS` of the expectation beside it.
fn expected(path: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(path.with_extension("toml"));
    let text = text.expect("every fixture has its expectation beside it");
    text.lines().find_map(|line| line.strip_prefix("engine = ")?.parse().ok())
}

#[test]
fn each_invite_of_the_fixtures_is_answered_as_expected_and_accounted_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sip-fixtures");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "sip") {
            continue;
        }
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
