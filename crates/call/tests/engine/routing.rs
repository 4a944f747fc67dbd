//! Whose call an operator's INVITE is, from the message to the record: shared numbers, forwardings, who
//! calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use acd::PracticeId;
use bytes::Bytes;
use call::{CallerNumber, Country, Disposition, E164, Notice, Numbering};

use crate::bench::{Bench, PHONE, TRUNK, config, sdp};
use crate::offer;

const MARTIN: PracticeId = PracticeId(1);
const PETIT: PracticeId = PracticeId(2);
const UNIDENTIFIED: PracticeId = PracticeId(3);

fn number(text: &str) -> E164 {
    E164::read(text).expect("tests write numbers")
}

/// Dr Martin is called on a line of his own in Paris, Mme Petit on one in Réunion; both forward to numbers
/// of ours that they share.
fn shared(numbering: Numbering) -> Bench {
    let config = config(&["101"], |config| {
        let floor = Arc::make_mut(&mut config.floor);
        for (id, name) in [(PETIT, "Mme Petit"), (UNIDENTIFIED, "Cabinet inconnu")] {
            floor.practices.insert(id, floor.practices[&MARTIN].clone());
            let (name, label) = (name.to_string(), name.to_string());
            config
                .practices
                .insert(id, call::Practice { name, label, ..call::Practice::default() });
        }
        config.numbers =
            BTreeMap::from([(number("01 40 50 60 70"), MARTIN), (number("0262 12 00 02"), PETIT)]);
        config.shared =
            ["09 72 10 10 10", "0262 97 00 00"].map(|text| (number(text), UNIDENTIFIED)).into();
        for trunk in config.trunks.values_mut() {
            trunk.numbers = numbering.clone();
        }
    });
    Bench::new(config)
}

fn fixture(name: &str) -> Bytes {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sip-fixtures");
    std::fs::read(folder.join(format!("trunk-{name}.sip"))).expect("a fixture").into()
}

/// Whose call it is, and who calls.
fn arrived(bench: &Bench) -> (Option<PracticeId>, CallerNumber) {
    let arrived = bench.notices.iter().rev().find_map(|notice| {
        let Notice::Arrived { practice, caller, .. } = notice else { return None };
        Some((*practice, caller.clone()))
    });
    arrived.expect("a call arrived")
}

#[test]
fn operators_invites_find_their_practice_and_their_caller() {
    let known = |text| CallerNumber::Known(number(text));
    let jean = known("06 12 34 56 78");
    for (name, practice, caller) in [
        ("diversion-chain", MARTIN, jean.clone()),
        ("international-diversion", MARTIN, jean.clone()),
        ("history-info", MARTIN, known("06 98 76 54 32")),
        ("history-forks", MARTIN, known("06 98 76 54 32")),
        ("shared-did-overseas", PETIT, known("0692 12 34 56")),
        ("remote-party", UNIDENTIFIED, jean.clone()),
        ("national-number", UNIDENTIFIED, jean.clone()),
        ("tel-uri", UNIDENTIFIED, jean.clone()),
        ("user-with-parameters", UNIDENTIFIED, jean.clone()),
        ("escaped-user", UNIDENTIFIED, jean.clone()),
        ("compact-forms", UNIDENTIFIED, jean),
        ("anonymous", UNIDENTIFIED, CallerNumber::Withheld),
    ] {
        let mut bench = shared(Numbering::default());
        bench.receive_bytes(TRUNK, fixture(name));
        assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE"], "{name}");
        assert_eq!(arrived(&bench), (Some(practice), caller), "{name}");
    }
}

#[test]
fn a_call_to_a_shared_number_that_names_nobody_rings_as_unidentified() {
    let mut bench = shared(Numbering::default());
    bench.register(PHONE, "101");
    bench.receive_bytes(TRUNK, fixture("national-number"));
    let invite = bench.ours(&sip::Method::Invite).expect("her phone rings");
    let from = invite.from().unwrap().display_name();
    assert_eq!(from.as_deref(), Some("Cabinet inconnu · 06 12 34 56 78"));
}

#[test]
fn only_a_number_that_is_not_ours_is_404() {
    let mut bench = shared(Numbering::default());
    bench.invite(
        "a",
        "\nDiversion: <sip:+33155667788@op.example>",
        &sdp("198.51.100.1", 4000, "8"),
    );
    assert_eq!(bench.status(), Some(404));
    assert_eq!(bench.records[0].disposition, Disposition::UnknownNumber);
    assert_eq!(bench.records[0].dialled, Some(number("01 99 00 12 34")), "what was dialled");
    assert_eq!(bench.records[0].practice, None);
}

#[test]
fn the_number_that_decided_is_in_the_record() {
    let mut bench = shared(Numbering { country: Country::France, strip: "0".to_string() });
    bench.receive_bytes(TRUNK, fixture("shared-did-overseas"));
    bench.run_for(Duration::from_secs(100));
    assert_eq!(bench.records[0].dialled, Some(number("0262 12 00 02")));
    assert_eq!(bench.records[0].practice, Some(PETIT));
}

#[test]
fn a_call_that_rang_elsewhere_before_is_let_wait_for_so_much_less() {
    let limit = Duration::from_secs(85);
    let spent = Duration::from_secs(25);
    let cases = [
        ("", limit),
        ("\nDiversion: <sip:+33199001234@op>;reason=unconditional", limit),
        ("\nDiversion: <sip:+33199001234@op>;reason=no-answer;counter=1", limit - spent),
        ("\nDiversion: <sip:+33199001234@op>;reason=No-Answer", limit - spent),
        ("\nHistory-Info: <sip:+33199001234@op>;index=1", limit),
        (
            "\nHistory-Info: <sip:+33199001234@op>;index=1, <sip:+33199001234@us;cause=408>;index=1.1",
            limit - spent,
        ),
        (
            "\nExpires: 30\nDiversion: <sip:+33199001234@op>;reason=no-answer",
            Duration::from_secs(30),
        ),
    ];
    for (headers, expected) in cases {
        let mut bench = Bench::with(&["101"]);
        bench.invite("a", headers, &offer());
        bench.run_for(expected - Duration::from_millis(1));
        assert_eq!(bench.engine.live_calls().count(), 1, "{headers}");
        bench.run_for(Duration::from_millis(1));
        assert_eq!(bench.engine.live_calls().count(), 0, "{headers}");
    }
}
