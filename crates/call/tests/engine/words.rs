//! What is written down of a call, and what a phone shows of it.

use std::sync::Arc;
use std::time::Duration;

use acd::{
    CallerRule, Hours, Override, Overriding, Plan, PracticeId, Queue, Situation, Step, TeamId, Way,
};
use call::{CallerCommand, Disposition, E164, Input, Party};
use sip::HeaderName;

use crate::bench::{Bench, PHONE, config};
use crate::offer;

const PRACTICE: PracticeId = PracticeId(1);

#[test]
fn a_blocked_caller_is_written_down_as_listed_whatever_holds_for_his_practice() {
    for is_closed in [false, true] {
        let mut bench = Bench::new(config(&["101"], |config| {
            let plan = Plan { steps: vec![Step::Busy] };
            let rule = CallerRule { urgency: None, way: Way::Plan(plan) };
            let number = E164::read("+33639980001").unwrap();
            let floor = Arc::make_mut(&mut config.floor);
            let practice = floor.practices.get_mut(&PRACTICE).unwrap();
            practice.callers.insert(number.line(), rule);
            practice.hours = Hours::always();
        }));
        bench.input(Input::Clock { unix_ms: 1_000_000_000_000 });
        let over = Override { what: Overriding::Closed, until_unix_ms: 1_000_100_000_000 };
        let with = is_closed.then_some(over);
        bench.input(Input::Override { practice: PRACTICE, with });
        bench.register(PHONE, "101");
        bench.invite("a", "", &offer());
        let record = &bench.records[0];
        let expected = (Some(Situation::Listed), Disposition::Busy);
        assert_eq!((record.situation, record.disposition), expected);
    }
}

#[test]
fn a_caller_who_came_back_and_whom_an_operator_lets_go_is_not_lost() {
    let mut bench = Bench::with(&["101"]);
    let his = bench.talk("a", &offer());
    bench.within("a", &his, "ACK", 1, "");
    // At once, and without a packet of hers.
    let invite = bench.rung.clone().unwrap();
    bench.phone_within(&invite, "BYE", 2, "");
    let call = bench.engine.live_calls().next().unwrap().call;
    bench.input(Input::Caller { call, command: CallerCommand::Release });
    let record = &bench.records[0];
    assert_eq!((record.disposition, record.released_by), (Disposition::Answered, Party::Us));
    assert!(record.answered_at.is_some());
}

#[test]
fn a_practice_that_takes_its_caller_back_is_shown_as_itself() {
    let other = PracticeId(2);
    let mut bench = Bench::new(config(&["101"], |config| {
        let theirs = call::Practice { label: "Dr Bernard".to_owned(), ..call::Practice::default() };
        config.practices.insert(other, theirs);
        let floor = Arc::make_mut(&mut config.floor);
        // A queue that nobody takes calls of, then the other practice; that one sends him back.
        let nobody = TeamId(2);
        floor.teams.insert(nobody, acd::Team::default());
        let second = Duration::from_secs(1);
        let skip = Queue { unless_none_free: true, ..Queue::of(TeamId(1)) };
        let practice = floor.practices.get_mut(&PRACTICE).unwrap();
        practice.open.steps =
            vec![Step::Queue(skip), Step::queue(nobody, Some(second)), Step::Practice(other)];
        let mut back = practice.clone();
        back.open.steps = vec![Step::queue(nobody, Some(second)), Step::Practice(PRACTICE)];
        floor.practices.insert(other, back);
    }));
    bench.invite("a", "", &offer());
    bench.run_for(Duration::from_millis(1_500));
    bench.register(PHONE, "101");
    bench.sent.clear();
    bench.run_for(Duration::from_secs(1));
    let invite = bench.ours(&sip::Method::Invite).expect("she is rung for his own practice");
    let subject = invite.text(HeaderName::Subject).unwrap_or_default().to_string();
    assert_eq!(subject, "Dr Martin");
}

#[test]
fn an_open_practice_that_hands_on_to_a_closed_one_has_not_been_closed_to_its_caller() {
    let other = PracticeId(2);
    // Both ways: his own practice's situation, the other's, and the word for the end.
    let cases = [
        (false, true, Situation::Open, Disposition::Busy),
        (true, false, Situation::Closed, Disposition::Busy),
        (true, true, Situation::Closed, Disposition::Closed),
    ];
    for (is_closed, is_other_closed, situation, disposition) in cases {
        let mut bench = Bench::new(config(&["101"], |config| {
            config.practices.insert(other, call::Practice::default());
            let floor = Arc::make_mut(&mut config.floor);
            let practice = floor.practices.get_mut(&PRACTICE).unwrap();
            practice.hours = Hours::always();
            let mut second = practice.clone();
            practice.open.steps = vec![Step::Practice(other)];
            practice.closed.steps = vec![Step::Practice(other)];
            second.open.steps = vec![Step::Busy];
            second.closed.steps = vec![Step::Busy];
            floor.practices.insert(other, second);
        }));
        bench.input(Input::Clock { unix_ms: 1_000_000_000_000 });
        for (practice, is_closed) in [(PRACTICE, is_closed), (other, is_other_closed)] {
            let over = Override { what: Overriding::Closed, until_unix_ms: 1_000_100_000_000 };
            bench.input(Input::Override { practice, with: is_closed.then_some(over) });
        }
        bench.invite("a", "", &offer());
        let record = &bench.records[0];
        assert_eq!((record.situation, record.disposition), (Some(situation), disposition));
        assert_eq!(record.practice, Some(PRACTICE));
    }
}
