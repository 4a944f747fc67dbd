//! Calls to a number that is one person's of a practice.

use std::collections::BTreeSet;
use std::sync::Arc;

use acd::{CallerRule, Plan, PracticeId, PractitionerId, Situation, Step, Way};
use call::{Disposition, E164, Practitioner};
use sip::{HeaderName, Method};

use crate::bench::{Bench, PHONE, TRUNK, config, invite_head};
use crate::offer;

const HOUSE: PracticeId = PracticeId(1);
const OF_AUBERT: &str = "+33199002001";
const OF_LENOIR: &str = "+33199002002";

fn number(text: &str) -> E164 {
    E164::read(text).expect("tests write numbers")
}

/// Dr Aubert blocks the caller of the bench; Mme Lenoir says nothing of him.
fn house() -> Bench {
    Bench::new(config(&["101"], |config| {
        let practice = config.practices.get_mut(&HOUSE).expect("it is configured");
        practice.label = "Les Tilleuls".to_owned();
        for (name, own) in [("Dr Aubert", OF_AUBERT), ("Mme Lenoir", OF_LENOIR)] {
            practice.practitioners.push(Practitioner {
                name: name.to_owned(),
                numbers: BTreeSet::from([number(own)]),
                ..Practitioner::default()
            });
            config.numbers.insert(number(own), HOUSE);
        }
        let floor = Arc::make_mut(&mut config.floor);
        let rules = floor.practices.get_mut(&HOUSE).expect("it is configured");
        let blocked = Way::Plan(Plan { steps: vec![Step::Busy] });
        let rule = CallerRule { urgency: None, way: blocked };
        let callers = [(number("+33639980001").line(), rule)].into();
        let aubert = acd::Practitioner { callers, ..acd::Practitioner::default() };
        rules.practitioners.insert(PractitionerId(0), aubert);
        rules.practitioners.insert(PractitionerId(1), acd::Practitioner::default());
    }))
}

fn invite(bench: &mut Bench, id: &str, dialled: &str) {
    let head = invite_head(id, "").replace("+33199001234", dialled);
    bench.receive(TRUNK, &head, &offer());
}

#[test]
fn who_is_blocked_by_one_practitioner_is_served_for_the_other() {
    let mut bench = house();
    bench.register(PHONE, "101");
    invite(&mut bench, "a", OF_AUBERT);
    assert_eq!(bench.status(), Some(486));
    let record = &bench.records[0];
    assert_eq!(record.disposition, Disposition::Busy);
    assert_eq!((record.situation, record.practice), (Some(Situation::Listed), Some(HOUSE)));
    assert_eq!(record.dialled, Some(number(OF_AUBERT)), "whom he called");

    invite(&mut bench, "b", OF_LENOIR);
    let rung = bench.ours(&Method::Invite).expect("her phone rings");
    assert_eq!(rung.text(HeaderName::Subject), Some("Les Tilleuls · Mme Lenoir"));
    let shown = rung.from().unwrap().display_name();
    assert_eq!(shown.as_deref(), Some("Les Tilleuls · Mme Lenoir · 06 39 98 00 01"));
}

#[test]
fn who_calls_the_house_itself_is_announced_without_anybodys_name() {
    let mut bench = house();
    bench.register(PHONE, "101");
    bench.invite("a", "", &offer());
    let rung = bench.ours(&Method::Invite).expect("her phone rings");
    assert_eq!(rung.text(HeaderName::Subject), Some("Les Tilleuls"));
}

#[test]
fn a_forwarded_line_of_a_practitioners_own_is_known_like_a_dialled_one() {
    let mut bench = house();
    bench.register(PHONE, "101");
    let head = invite_head("a", &format!("\nDiversion: <sip:{OF_AUBERT}@op>"));
    bench.receive(TRUNK, &head.replace("+33199001234", "+33199009999"), &offer());
    assert_eq!(bench.status(), Some(486));
}
