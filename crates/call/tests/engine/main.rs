//! The engine against messages written by hand: doors, re-negotiation, full tables.

mod announcements;
mod bench;
mod codes;
mod connection;
mod credentials;
mod emergency;
mod endings;
mod fixtures;
mod forwarding;
mod hold;
mod lasting;
mod ledger;
mod ports;
mod practitioners;
mod reachability;
mod routing;
mod storm;
mod urgent_key;
mod words;

use std::time::Duration;

use acd::AgentId;
use call::{CallerNumber, Disposition, Input, MediaEvent, MediaSource, Notice};
use sip::Method;

use bench::{Bench, PHONE, REALM, STRANGER, TRUNK, config, sdp};

fn offer() -> String {
    sdp("198.51.100.1", 4000, "8 101")
}

#[test]
fn guesses_are_counted_by_the_name_whose_password_is_tried() {
    let mut bench = Bench::with(&["101"]);
    for guess in 0..10 {
        let to = format!("somebody-{guess}");
        assert_eq!(bench.register_as(STRANGER, &to, "101", "guess"), Some(401));
    }
    assert_eq!(bench.register_as(STRANGER, "another", "101", "guess"), None);
    assert_eq!(bench.register_as(STRANGER, "101", "101", "secret"), None, "a right one neither");
    assert_eq!(bench.engine.ledger().throttled, 2);
}

#[test]
fn a_right_password_for_a_foreign_name_is_told_from_a_wrong_one_by_nothing() {
    let mut bench = Bench::with(&["101"]);
    assert_eq!(bench.register_as(STRANGER, "102", "101", "secret"), Some(401));
    assert_eq!(bench.register_as(STRANGER, "102", "101", "guess"), Some(401));
}

#[test]
fn a_registered_phone_stays_heard_while_another_guesses_from_its_address() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    for _ in 0..20 {
        bench.register_as("203.0.113.7:7777", "101", "101", "old password");
    }
    bench.register(PHONE, "101");
}

#[test]
fn strangers_registers_leave_no_trace_and_are_answered_where_they_came_from() {
    let mut bench = Bench::new(config(&["101"], |config| config.limits.transactions_max = 50));
    for cseq in 1..=200 {
        let head = format!(
            "REGISTER sip:{REALM} SIP/2.0
             Via: SIP/2.0/UDP 192.0.2.99:53;branch=z9hG4bK{cseq}
             From: <sip:z@z>;tag=z
             To: <sip:z@z>
             Call-ID: z
             CSeq: {cseq} REGISTER
             Contact: <sip:z@192.0.2.99:53>
             User-Agent: as long as those of phones, which say what they are and what they can"
        );
        bench.receive(STRANGER, &head, "");
        assert_eq!(bench.lines(), ["401 REGISTER"]);
        assert_eq!(bench.sent[0].0.remote, STRANGER.parse().unwrap());
    }
    assert_eq!(bench.engine.endpoint_counts().server_transactions, 0);
    bench.invite("a", "", &offer());
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE"]);
}

#[test]
fn no_answer_to_a_stranger_is_half_as_long_again_as_his_register() {
    let both = vec![sip::Algorithm::Sha256, sip::Algorithm::Md5];
    let mut bench =
        Bench::new(config(&["101"], |config| config.registrar.algorithms.clone_from(&both)));
    let mut challenges = [0; 3];
    for padding in 0..500 {
        let head = format!(
            "REGISTER sip:z SIP/2.0
             Via: SIP/2.0/UDP z;rport;branch=z9hG4bK{padding}
             From: <sip:z@z>;tag=z
             To: <sip:z@z>
             Call-ID: z
             CSeq: 1 REGISTER
             User-Agent: {}",
            "x".repeat(padding)
        );
        let sent = bench.receive(STRANGER, &head, "");
        match &bench.sent[..] {
            [] => challenges[0] += 1,
            [(_, answer)] => {
                assert!(2 * answer.bytes().len() <= 3 * sent);
                challenges[answer.headers(sip::HeaderName::WwwAuthenticate).count()] += 1;
            }
            more => panic!("{more:?}"),
        }
    }
    assert!(challenges.iter().all(|&count| count > 0), "none, one, both: {challenges:?}");
    assert_eq!(bench.engine.ledger().amplifying, challenges[0]);
}

#[test]
fn a_call_that_the_tables_have_no_room_for_hears_busy_and_has_its_record() {
    let mut bench = Bench::new(config(&["101"], |config| config.limits.dialogs_max = 1));
    bench.invite("a", "", &offer());
    bench.invite("b", "", &offer());
    assert_eq!(bench.lines(), ["100 INVITE", "486 INVITE"]);
    assert_eq!(bench.records.len(), 1);
    assert_eq!(bench.records[0].disposition, Disposition::Full);
    assert_eq!(bench.engine.ledger().offered, 2);
}

#[test]
fn hold_by_a_null_address_after_a_late_offer_keeps_the_call() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", "");
    bench.within("a", &to, "ACK", 1, &offer());
    assert_eq!(bench.leg(MediaSource::Fixed).2.remote.unwrap().rtp.port(), 4000);
    bench.run_for(Duration::from_secs(20));
    bench.within("a", &to, "INVITE", 2, &sdp("0.0.0.0", 4000, "8 101"));
    assert_eq!(bench.status(), Some(200));
    bench.within("a", &to, "ACK", 2, "");
    assert_eq!(bench.engine.live_calls().count(), 1);
    assert_eq!(bench.leg(MediaSource::Fixed).2.remote, None);
}

#[test]
fn a_late_offer_whose_answer_never_comes_ends_as_the_callers_failure() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", "");
    bench.within("a", &to, "ACK", 1, "");
    assert_eq!(bench.lines(), ["BYE", "BYE"]);
    assert_eq!(bench.records[0].disposition, Disposition::CallerFailed);
}

#[test]
fn a_late_offer_names_what_every_network_knows() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.invite("a", "", "");
    let invite = bench.ours(&Method::Invite).unwrap();
    let offer = sip::sdp::Offer::read(invite.body()).unwrap();
    let codecs: Vec<_> = offer.audio().unwrap().formats.iter().map(|it| it.codec).collect();
    assert_eq!(codecs, [sip::sdp::Codec::Pcma, sip::sdp::Codec::Pcmu]);
}

#[test]
fn the_answer_in_the_ack_of_an_empty_reinvite_moves_the_callers_voice() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    bench.within("a", &to, "INVITE", 2, "");
    let answer = bench.sent.last().unwrap().1.clone();
    assert_eq!(answer.status(), Some(200));
    assert!(!answer.body().is_empty(), "our offer");
    bench.within("a", &to, "ACK", 2, &sdp("198.51.100.50", 6000, "8 101"));
    let remote = bench.leg(MediaSource::Fixed).2.remote.unwrap();
    assert_eq!(remote.rtp, "198.51.100.50:6000".parse().unwrap());
}

#[test]
fn another_number_for_events_is_told_to_both_sides_of_the_relay() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let renumbered = offer().replace("101", "96");
    bench.within("a", &to, "INVITE", 2, &renumbered);
    assert_eq!(bench.leg(MediaSource::Fixed).2.payload_map, [(96, 101)]);
    assert_eq!(bench.leg(MediaSource::Latch).2.payload_map, [(101, 96)]);
}

#[test]
fn a_missing_ack_to_a_reinvite_does_not_unmake_the_conversation() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    bench.run_for(Duration::from_secs(600));
    bench.within("a", &to, "INVITE", 2, &offer());
    bench.run_for(Duration::from_secs(70));
    assert_eq!(bench.records[0].disposition, Disposition::Answered);
}

#[test]
fn voice_that_the_relay_cannot_reach_is_no_common_codec() {
    for address in ["2001:db8::1", "239.1.2.3"] {
        let mut bench = Bench::with(&["101"]);
        bench.invite("a", "", &sdp(address, 4000, "8 101"));
        assert_eq!(bench.status(), Some(488), "{address}");
        assert_eq!(bench.records[0].disposition, Disposition::NoCodec);
    }
}

#[test]
fn a_caller_who_hides_in_his_from_stays_hidden() {
    let mut bench = Bench::with(&["101"]);
    let head = format!(
        "INVITE sip:0199001234@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP {TRUNK};rport;branch=z9hG4bKa
         From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a
         To: <sip:0199001234@192.0.2.1>
         Call-ID: a
         CSeq: 1 INVITE
         P-Asserted-Identity: <sip:+33639980001@operator.example>
         Contact: <sip:{TRUNK}>"
    );
    bench.receive(TRUNK, &head, &offer());
    let is_withheld =
        |notice: &Notice| matches!(notice, Notice::Arrived { caller: CallerNumber::Withheld, .. });
    assert!(bench.notices.iter().any(is_withheld));
}

#[test]
fn of_two_secretaries_on_one_flow_the_one_who_registers_is_alive_again() {
    let mut bench = Bench::with(&["101", "102"]);
    bench.register(PHONE, "101");
    bench.register(PHONE, "102");
    bench.invite("a", "", &offer());
    let invite = bench.ours(&Method::Invite).unwrap();
    bench.phone_replies(&invite, 486, "");
    let invite = bench.ours(&Method::Invite).expect("102 is next");
    bench.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.run_for(Duration::from_secs(4));
    let is_reachable = |bench: &Bench| {
        let agent = bench.engine.scheduler().agent(AgentId(2));
        agent.unwrap().reachable
    };
    assert!(!is_reachable(&bench), "no answer to OPTIONS: lost");
    bench.register(PHONE, "102");
    assert!(is_reachable(&bench));
}

#[test]
fn a_dead_phone_is_rung_after_the_living_one_of_the_same_secretary() {
    let living = "203.0.113.8:5060";
    let mut bench = Bench::with(&["101"]);
    bench.register(living, "101");
    bench.run_for(Duration::from_secs(1));
    bench.register(PHONE, "101");
    bench.invite("a", "", &offer());
    let rung = |bench: &Bench| {
        let invite = bench
            .sent
            .iter()
            .rev()
            .find(|(_, it)| it.is_request() && it.method() == Method::Invite);
        invite.map(|(flow, _)| flow.remote.to_string())
    };
    assert_eq!(rung(&bench).as_deref(), Some(PHONE), "the newest first");
    bench.sent.clear();
    // Two seconds without a 1xx; her line is clear when the INVITE has timed out.
    bench.run_for(Duration::from_secs(40));
    assert_eq!(rung(&bench).as_deref(), Some(living));
}

#[test]
fn an_update_without_sdp_refreshes_a_call_that_still_rings() {
    let mut bench = Bench::with(&["101"]);
    bench.invite("a", "", &offer());
    let ringing = bench.sent.last().unwrap().1.clone();
    let to = ringing.text(sip::HeaderName::To).unwrap().to_string();
    bench.within("a", &to, "UPDATE", 2, "");
    assert_eq!(bench.lines(), ["200 UPDATE"]);
}
