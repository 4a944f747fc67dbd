//! A text with a key: who presses it is urgent, and his plan goes on.

use std::time::Duration;

use acd::{CallerId, ClassBy, Step, TeamId, Urgency};
use call::{
    CallerCommand, Disposition, Engine, Input, MediaEvent, MediaSource, Notice, Play, Playing,
    Stage, ToneCodec,
};
use sip::Method;

use crate::announcements::{
    CLOSED, LENGTH, PCMA, bench_for, caller, only_record, setup_for, to_of_the_answer,
};
use crate::bench::{Bench, PHONE, TRUNK, sdp};

const TEXT: Step = Step::Announce { prompt: CLOSED, answer: true, urgent_key: Some('1') };

/// At night the text, then the team for 30 s, then busy.
fn night_plan() -> Vec<Step> {
    vec![TEXT, Step::queue(TeamId(1), Some(Duration::from_secs(30)))]
}

fn night() -> Bench {
    bench_for(night_plan(), |_| ())
}

/// Call `id` up to his ACK, when the text begins; his `To`.
fn listens(bench: &mut Bench, id: &str) -> String {
    bench.invite(id, "", &sdp("198.51.100.9", 6000, PCMA));
    let to = to_of_the_answer(bench);
    bench.within(id, &to, "ACK", 1, "");
    to
}

fn presses(bench: &mut Bench, digit: char) {
    let (port, owner, _) = caller(bench);
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Digit { port, owner, digit }));
}

/// The same by INFO; what it is answered with.
fn informs(bench: &mut Bench, to: &str, cseq: u32, media_type: &str, body: &str) -> Option<u16> {
    let head = format!(
        "INFO sip:+33199001234@192.0.2.1:5060 SIP/2.0
         Via: SIP/2.0/UDP {TRUNK};rport;branch=z9hG4bKinfo{cseq}
         From: <sip:+33639980001@operator.example>;tag=froma
         To: {to}
         Call-ID: a
         CSeq: {cseq} INFO
         Contact: <sip:{TRUNK}>"
    );
    bench.receive_typed(TRUNK, &head, media_type, body);
    let is_info = |message: &&sip::Message| message.method() == Method::Info;
    bench.sent.iter().map(|(_, message)| message).find(is_info).and_then(sip::Message::status)
}

fn stage(bench: &Bench) -> Stage {
    bench.engine.live_calls().next().expect("he is here").stage
}

fn ring_tone() -> Option<Play> {
    Some(Play { what: Playing::RingTone, payload_type: 8, codec: ToneCodec::Pcma })
}

fn urgency(bench: &Bench) -> Option<Urgency> {
    bench.engine.scheduler().caller(CallerId(1)).map(|view| view.waiting.urgency)
}

#[test]
fn who_presses_the_key_hears_ring_tone_and_is_served_as_urgent_on_the_line_that_he_has() {
    let mut bench = night();
    bench.register(PHONE, "101");
    listens(&mut bench, "a");
    assert_eq!(caller(&bench).2.keys, [101]);
    bench.run_for(Duration::from_secs(5));
    presses(&mut bench, '7');
    assert!(matches!(stage(&bench), Stage::Announced { .. }), "another key is a slip");
    presses(&mut bench, '1');
    assert_eq!(urgency(&bench), Some(Urgency::Urgent));
    let leg = caller(&bench).2;
    assert_eq!((leg.play, leg.keys), (ring_tone(), Vec::new()));
    assert!(bench.notices.iter().any(|notice| matches!(notice, Notice::Pressed { .. })));
    let invite = bench.ours(&Method::Invite).expect("her phone is rung");
    bench.phone_replies(&invite, 180, "");
    bench.run_for(Duration::from_secs(3));
    bench.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
    assert!(!bench.lines().iter().any(|line| line == "200 INVITE"), "answered once");
    assert!(caller(&bench).2.peer.is_some(), "they talk");
    bench.run_for(Duration::from_secs(60));
    bench.phone_within(&invite, "BYE", 2, "");
    let bye = bench.ours(&Method::Bye).expect("he is hung up on");
    bench.answers(&bye, 200);
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Answered, 200));
    let after = |at: sip::Instant| at.saturating_duration_since(record.arrived_at).as_secs();
    assert_eq!(record.answered_at.map(after), Some(0));
    assert_eq!(record.pressed_at.map(after), Some(5));
    assert_eq!(after(record.waited_until()), 8, "until he was with a human");
}

#[test]
fn the_key_may_come_by_info_and_other_infos_are_refused() {
    let mut bench = night();
    let to = listens(&mut bench, "a");
    assert_eq!(informs(&mut bench, &to, 2, "text/plain", "1"), Some(405));
    let relay = "application/dtmf-relay";
    assert_eq!(informs(&mut bench, &to, 3, relay, "Signal=2\r\nDuration=160\r\n"), Some(200));
    assert!(matches!(stage(&bench), Stage::Announced { .. }));
    assert_eq!(informs(&mut bench, &to, 4, relay, "Signal=1\r\nDuration=160\r\n"), Some(200));
    assert!(matches!(stage(&bench), Stage::Pressed { .. }));
    assert_eq!(informs(&mut bench, &to, 5, relay, "Signal=1\r\nDuration=160\r\n"), Some(405));
    assert!(matches!(stage(&bench), Stage::Pressed { .. }), "once is enough");
}

#[test]
fn an_info_to_a_text_without_a_key_is_refused() {
    let text = Step::Announce { prompt: CLOSED, answer: true, urgent_key: None };
    let mut bench = bench_for(vec![text], |_| ());
    let to = listens(&mut bench, "a");
    assert_eq!(caller(&bench).2.keys, []);
    assert_eq!(informs(&mut bench, &to, 2, "application/dtmf", "1"), Some(405));
}

#[test]
fn who_does_not_press_is_ended_after_the_text_and_his_key_comes_too_late() {
    let mut bench = night();
    listens(&mut bench, "a");
    let (port, owner, _) = caller(&bench);
    bench.run_for(LENGTH);
    assert!(bench.engine.scheduler().is_told(CallerId(1)));
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    bench.run_for(Duration::from_millis(4_900));
    assert!(bench.engine.scheduler().is_told(CallerId(1)), "he presses when the words are over");
    bench.run_for(Duration::from_millis(200));
    assert!(!bench.engine.scheduler().is_told(CallerId(1)), "nobody is kept for a late key");
    presses(&mut bench, '1');
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.pressed_at), (Disposition::Closed, None));
    assert_eq!(record.waited_until(), record.answered_at.unwrap());
}

#[test]
fn who_hangs_up_in_the_instant_of_his_key_leaves_nothing_behind() {
    for presses_first in [true, false] {
        let mut bench = night();
        bench.register(PHONE, "101");
        let to = listens(&mut bench, "a");
        if presses_first {
            presses(&mut bench, '1');
        }
        bench.within("a", &to, "BYE", 2, "");
        if !presses_first {
            presses(&mut bench, '1');
        }
        assert!(!bench.engine.scheduler().is_told(CallerId(1)));
        assert_eq!(bench.engine.scheduler().callers().count(), 0);
        let expected = if presses_first { Disposition::Abandoned } else { Disposition::Closed };
        let record = only_record(&bench);
        assert_eq!((record.disposition, record.status), (expected, 200));
    }
}

#[test]
fn who_pressed_and_gives_up_has_waited_until_then() {
    let mut bench = night();
    let to = listens(&mut bench, "a");
    bench.run_for(Duration::from_secs(4));
    presses(&mut bench, '1');
    bench.run_for(Duration::from_secs(6));
    bench.within("a", &to, "BYE", 2, "");
    let record = only_record(&bench);
    assert_eq!(record.disposition, Disposition::Abandoned);
    assert_eq!(record.waited_until(), record.ended_at);
}

#[test]
fn who_pressed_in_vain_is_hung_up_on_at_the_end_of_the_plan_and_not_before() {
    let mut bench = night();
    listens(&mut bench, "a");
    bench.run_for(LENGTH - Duration::from_secs(1));
    presses(&mut bench, '1');
    bench.run_for(Duration::from_secs(29));
    assert!(bench.records.is_empty(), "the text's end is not his");
    bench.run_for(Duration::from_secs(1));
    assert!(bench.lines().contains(&"BYE".to_string()), "{:?}", bench.lines());
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 200));
}

#[test]
fn a_second_text_after_the_key_is_heard_on_the_same_line() {
    let last = Step::Announce { prompt: CLOSED, answer: true, urgent_key: None };
    let mut bench = bench_for(vec![TEXT, last], |_| ());
    listens(&mut bench, "a");
    presses(&mut bench, '1');
    assert!(matches!(stage(&bench), Stage::Announced { answered_at: Some(_), .. }));
    assert_eq!(bench.engine.ports_spare(), 49, "nobody will be rung for him any more");
    let (port, owner, leg) = caller(&bench);
    assert!(matches!(leg.play, Some(Play { what: Playing::Prompt { .. }, .. })));
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert!(bench.records.is_empty(), "that was the first one, whose end his key overtook");
    bench.run_for(LENGTH);
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.prompt), (Disposition::Closed, Some(CLOSED)));
}

#[test]
fn a_pair_is_kept_for_whom_a_key_may_bring() {
    let mut bench = night();
    bench.register(PHONE, "101");
    listens(&mut bench, "a");
    assert_eq!(bench.engine.ports_spare(), 48);
    presses(&mut bench, '1');
    assert!(bench.ours(&Method::Invite).is_some());
    assert_eq!((bench.engine.ports_in_use(), bench.engine.ports_spare()), (2, 48));
}

#[test]
fn who_cannot_hear_the_text_is_busy_and_not_kept() {
    let mut bench = night();
    bench.invite("a", "", &sdp("198.51.100.9", 6000, "9"));
    assert_eq!(bench.status(), Some(486));
    assert!(!bench.engine.scheduler().is_told(CallerId(1)));
}

#[test]
fn who_has_not_acknowledged_the_answer_hears_nothing_that_he_could_press_for() {
    let mut bench = night();
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    presses(&mut bench, '1');
    assert!(matches!(stage(&bench), Stage::Announced { .. }));
    bench.run_for(Duration::from_secs(40));
    assert!(!bench.engine.scheduler().is_told(CallerId(1)));
    assert_eq!(only_record(&bench).disposition, Disposition::CallerFailed);
}

#[test]
fn a_caller_without_an_offer_may_press_under_our_number_or_his() {
    let mut bench = night();
    bench.invite("a", "", "");
    let to = to_of_the_answer(&bench);
    let his = sdp("198.51.100.9", 6000, "8 96").replace("rtpmap:101", "rtpmap:96");
    bench.within("a", &to, "ACK", 1, &his);
    assert_eq!(caller(&bench).2.keys, [101, 96]);
}

#[test]
fn a_key_works_after_a_restart_within_the_text() {
    let mut bench = night();
    listens(&mut bench, "a");
    let snapshot = bench.engine.snapshot();
    bench.engine =
        Engine::restore(setup_for(night_plan(), |_| ()), &snapshot).expect("it is read again");
    presses(&mut bench, '1');
    assert!(matches!(stage(&bench), Stage::Pressed { .. }));
}

#[test]
fn a_secretary_who_vanishes_gives_who_pressed_back_as_anybody() {
    let mut bench = night();
    bench.register(PHONE, "101");
    listens(&mut bench, "a");
    presses(&mut bench, '1');
    let invite = bench.ours(&Method::Invite).expect("her phone is rung");
    bench.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.run_for(Duration::from_secs(3));
    assert!(matches!(stage(&bench), Stage::Returned { .. }));
    assert_eq!(caller(&bench).2.play, ring_tone());
}

#[test]
fn a_stop_ends_who_waits_behind_a_key() {
    let mut bench = night();
    listens(&mut bench, "a");
    presses(&mut bench, '1');
    bench.input(Input::HangUpAll);
    assert!(bench.ours(&Method::Bye).is_some());
    assert_eq!(only_record(&bench).disposition, Disposition::Lost);
}

#[test]
fn a_record_tells_the_class_and_what_gave_it_and_so_does_a_notice() {
    let mut bench = night();
    let to = listens(&mut bench, "a");
    presses(&mut bench, '1');
    let view = bench.engine.live_calls().next().expect("he is here");
    assert_eq!(view.class, (Urgency::Urgent, ClassBy::Key));
    bench.within("a", &to, "BYE", 2, "");
    let to = listens(&mut bench, "b");
    bench.within("b", &to, "BYE", 3, "");
    bench.invite("c", "", "v=0");
    let classes: Vec<_> = bench.records.iter().map(|record| record.class).collect();
    let (key, nothing) = (ClassBy::Key, ClassBy::Nothing);
    let expected = [Some((Urgency::Urgent, key)), Some((Urgency::Normal, nothing)), None];
    assert_eq!(classes, expected, "the last one was refused at the door");
    let told = bench.notices.iter().filter_map(|notice| {
        let Notice::Class { urgency, by, .. } = notice else { return None };
        Some((*urgency, *by))
    });
    assert_eq!(told.collect::<Vec<_>>(), [(Urgency::Urgent, key)]);
}

#[test]
fn an_operator_who_makes_a_caller_urgent_is_in_the_record() {
    let mut bench = night();
    listens(&mut bench, "a");
    presses(&mut bench, '1');
    let call = bench.engine.live_calls().next().expect("he is here").call;
    let command = CallerCommand::Rank { urgency: Urgency::Vital, first: false };
    bench.input(Input::Caller { call, command });
    bench.input(Input::HangUpAll);
    let record = only_record(&bench);
    assert_eq!(record.class, Some((Urgency::Vital, ClassBy::Operator)));
}
