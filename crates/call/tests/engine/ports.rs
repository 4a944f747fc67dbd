//! Which port pairs a new call may get.

use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, AgentState, PracticeId, Step, TeamId};
use call::E164;
use sip::Method;

use crate::bench::{Bench, TRUNK, config, invite_head, sdp};
use crate::offer;

/// Who hangs up earlier without a packet has not served her caller.
const SERVED: Duration = Duration::from_secs(6);

#[test]
fn a_pair_is_not_used_again_before_its_caller_has_heard_of_the_end() {
    let mut bench = Bench::with(&["101"]);
    let all = bench.engine.ports_spare();
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    let invite = bench.rung.clone().expect("it is there");
    // His ACK is lost, so that our BYE must wait for it: he may go on talking.
    bench.run_for(SERVED);
    bench.phone_within(&invite, "BYE", 2, "");
    assert_eq!(bench.engine.ports_in_use(), 0);
    assert_eq!(bench.engine.ports_spare(), all - 1);
    bench.within("a", &to, "ACK", 1, "");
    assert_eq!(bench.engine.ports_spare(), all - 1);
    let bye = bench.ours(&Method::Bye).expect("it is there");
    bench.answers(&bye, 200);
    assert_eq!(bench.engine.ports_spare(), all);
}

#[test]
fn a_caller_who_never_hears_of_the_end_keeps_his_pair_for_as_long_as_our_bye_lives() {
    let mut bench = Bench::with(&["101"]);
    let all = bench.engine.ports_spare();
    bench.talk("a", &sdp("198.51.100.1", 4000, "8 101"));
    let invite = bench.rung.clone().expect("it is there");
    bench.run_for(SERVED);
    bench.phone_within(&invite, "BYE", 2, "");
    assert_eq!(bench.engine.ports_spare(), all - 1);
    bench.run_for(Duration::from_secs(70));
    assert_eq!(bench.engine.ports_spare(), all);
}

/// Five secretaries of whom two are rung at once, and a practice without anybody whose 24 callers hold
/// all other pairs but the two of the next call.
fn with_two_pairs_left(phones: &[String]) -> Bench {
    let users = ["101", "102", "103", "104", "105"];
    let (practice, other, nobody) = (PracticeId(1), PracticeId(2), TeamId(2));
    let mut bench = Bench::new(config(&users, |config| {
        config.numbers.insert(E164::read("01 99 00 56 78").expect("it is there"), other);
        config.practices.insert(other, call::Practice::default());
        let floor = Arc::make_mut(&mut config.floor);
        floor.teams.get_mut(&TeamId(1)).expect("it is there").ring = 2;
        floor.teams.insert(nobody, acd::Team::default());
        let mut theirs = floor.practices[&practice].clone();
        theirs.open.steps = vec![Step::queue(nobody, None)];
        floor.practices.insert(other, theirs);
    }));
    for (phone, user) in phones.iter().zip(users) {
        bench.register(phone, user);
    }
    for call in 0..24 {
        bench.receive(TRUNK, &to_nobody(call), &offer());
    }
    assert_eq!(bench.engine.ports_spare(), 2);
    bench
}

fn to_nobody(call: u32) -> String {
    invite_head(&format!("w{call}"), "").replace("33199001234", "33199005678")
}

fn rung(bench: &Bench) -> Vec<u32> {
    let is_offered = |id: &u32| {
        let view = bench.engine.scheduler().agent(AgentId(*id)).expect("it is there");
        matches!(view.state, AgentState::Offered(_))
    };
    (1..=5).filter(is_offered).collect()
}

#[test]
fn nobody_rests_for_want_of_ports_of_ours_and_a_second_phone_rings_once_there_is_one() {
    let phones: Vec<String> = (7..12).map(|host| format!("203.0.113.{host}:5060")).collect();
    let mut bench = with_two_pairs_left(&phones);
    bench.invite("x", "", &offer());
    assert_eq!(rung(&bench), [1]);
    for id in 2..=5 {
        let view = bench.engine.scheduler().agent(AgentId(id)).expect("it is there");
        assert_eq!((view.state, view.misses, view.free), (AgentState::Available, 0, true));
    }
    // One second of nothing: he is not tried again and again.
    let before = bench.notices.len();
    bench.run_for(Duration::from_secs(1));
    assert_eq!(bench.notices.len(), before);
    bench.receive(TRUNK, &to_nobody(0).replace("INVITE", "CANCEL"), "");
    assert_eq!(rung(&bench), [1, 2]);
    assert_eq!(bench.engine.scheduler().agent(AgentId(2)).expect("it is there").misses, 0);
}

#[test]
fn who_could_ring_no_second_phone_is_offered_again_when_the_first_declines() {
    let phones: Vec<String> = (7..12).map(|host| format!("203.0.113.{host}:5060")).collect();
    let mut bench = with_two_pairs_left(&phones);
    bench.invite("x", "", &offer());
    let invite = bench.ours(&Method::Invite).expect("it is there");
    bench.phone_replies(&invite, 603, "");
    assert_eq!(rung(&bench), [2]);
}
