//! Hold and resume, from either leg (RFC 3264 §8.4, RFC 6337 §3.1): what is answered, and what the relay
//! is told.

#![expect(clippy::unwrap_used, reason = "what a test asks for is there, or it has failed")]

use std::sync::Arc;
use std::time::Duration;

use call::{
    Config, Disposition, Input, MediaEvent, MediaLeg, MediaSource, Playing, Prompt, PromptId, Stage,
};
use sip::sdp::{Direction, Offer};
use sip::{HeaderName, Message, Method};

use crate::bench::{Bench, PHONE, config, sdp};

const MUSIC: Playing = Playing::Prompt { prompt: PromptId(7), repeat: true };

fn with_music() -> Arc<Config> {
    config(&["101"], |config| {
        let prompt = Prompt { name: "attente".to_string(), duration: Duration::from_secs(30) };
        config.prompts.insert(PromptId(7), prompt);
        config.hold = Some(PromptId(7));
    })
}

fn his(direction: &str) -> String {
    sdp("198.51.100.1", 4000, "8 101") + &format!("a={direction}\r\n")
}

fn hers(direction: &str) -> String {
    sdp("203.0.113.7", 4000, "8 101") + &format!("a={direction}\r\n")
}

/// A conversation that is up, our INVITE to her, and his To.
fn talking(config: Arc<Config>) -> (Bench, Message, String) {
    let mut bench = Bench::new(config);
    bench.register(PHONE, "101");
    bench.invite("a", "", &his("sendrecv"));
    let invite = bench.ours(&Method::Invite).unwrap();
    bench.phone_replies(&invite, 200, &hers("sendrecv"));
    let is_answer = |message: &&Message| message.status() == Some(200);
    let answer = bench.sent.iter().map(|(_, message)| message).find(is_answer).unwrap();
    let to = answer.text(HeaderName::To).unwrap().to_string();
    bench.within("a", &to, "ACK", 1, "");
    (bench, invite, to)
}

fn answered(bench: &Bench) -> Direction {
    let answer = &bench.sent.last().unwrap().1;
    assert_eq!(answer.status(), Some(200));
    Offer::read(answer.body()).unwrap().audio().unwrap().direction
}

/// Peer, what plays, receives, watch.
fn heard(leg: &MediaLeg) -> (bool, Option<Playing>, bool, bool) {
    (leg.peer.is_some(), leg.play.map(|play| play.what), leg.receives, leg.watch)
}

fn legs(bench: &Bench) -> [(bool, Option<Playing>, bool, bool); 2] {
    [MediaSource::Fixed, MediaSource::Latch].map(|source| heard(&bench.leg(source).2))
}

const TALKS: (bool, Option<Playing>, bool, bool) = (true, None, true, true);
const HOLDS: (bool, Option<Playing>, bool, bool) = (false, None, false, false);
const HEARS_MUSIC: (bool, Option<Playing>, bool, bool) = (false, Some(MUSIC), true, true);

#[test]
fn whichever_way_she_holds_the_caller_hears_music_and_nothing_of_her_room() {
    for (method, said, direction) in [
        ("INVITE", hers("sendonly"), Direction::RecvOnly),
        ("INVITE", hers("inactive"), Direction::Inactive),
        ("INVITE", sdp("0.0.0.0", 4000, "8 101"), Direction::RecvOnly),
        ("UPDATE", hers("sendonly"), Direction::RecvOnly),
    ] {
        let (mut bench, invite, _) = talking(with_music());
        bench.phone_within(&invite, method, 1, &said);
        assert_eq!(answered(&bench), direction, "{method} {said}");
        assert_eq!(legs(&bench), [HEARS_MUSIC, HOLDS]);
        if method == "INVITE" {
            bench.phone_within(&invite, "ACK", 1, "");
        }
        bench.phone_within(&invite, method, 2, &hers("sendrecv"));
        assert_eq!(answered(&bench), Direction::SendRecv);
        assert_eq!(legs(&bench), [TALKS, TALKS]);
    }
}

#[test]
fn a_caller_who_holds_leaves_his_secretary_with_the_music() {
    let (mut bench, _, to) = talking(with_music());
    bench.within("a", &to, "INVITE", 2, &his("sendonly"));
    assert_eq!(answered(&bench), Direction::RecvOnly);
    assert_eq!(legs(&bench), [HOLDS, HEARS_MUSIC]);
    bench.within("a", &to, "ACK", 2, "");
    bench.within("a", &to, "UPDATE", 3, &his("sendrecv"));
    assert_eq!(legs(&bench), [TALKS, TALKS]);
}

#[test]
fn two_who_hold_each_other_hear_nothing_until_both_are_back() {
    let (mut bench, invite, to) = talking(with_music());
    bench.within("a", &to, "UPDATE", 2, &his("sendonly"));
    bench.phone_within(&invite, "UPDATE", 1, &hers("inactive"));
    assert_eq!(legs(&bench), [HOLDS, HOLDS]);
    bench.within("a", &to, "UPDATE", 3, &his("sendrecv"));
    assert_eq!(legs(&bench), [HEARS_MUSIC, HOLDS]);
    bench.phone_within(&invite, "UPDATE", 2, &hers("sendrecv"));
    assert_eq!(legs(&bench), [TALKS, TALKS]);
}

#[test]
fn without_music_who_is_held_hears_silence() {
    let (mut bench, invite, _) = talking(config(&["101"], |_| ()));
    bench.phone_within(&invite, "INVITE", 1, &hers("sendonly"));
    assert_eq!(legs(&bench), [(false, None, true, true), HOLDS]);
}

#[test]
fn a_side_that_only_listens_does_not_hold() {
    let (mut bench, invite, _) = talking(with_music());
    bench.phone_within(&invite, "INVITE", 1, &hers("recvonly"));
    assert_eq!(answered(&bench), Direction::SendOnly);
    assert_eq!(legs(&bench), [TALKS, TALKS]);
}

#[test]
fn a_late_offer_while_she_holds_lets_her_resume() {
    let (mut bench, invite, _) = talking(with_music());
    bench.phone_within(&invite, "UPDATE", 1, &hers("inactive"));
    bench.phone_within(&invite, "INVITE", 2, "");
    assert_eq!(answered(&bench), Direction::SendRecv, "our offer is the whole of it");
    assert_eq!(legs(&bench), [HEARS_MUSIC, HOLDS], "until her answer");
    bench.phone_within(&invite, "ACK", 2, &hers("sendrecv"));
    assert_eq!(legs(&bench), [TALKS, TALKS]);
}

#[test]
fn offers_that_cross_ours_are_glare() {
    let (mut bench, invite, _) = talking(with_music());
    bench.phone_within(&invite, "INVITE", 1, "");
    bench.phone_within(&invite, "UPDATE", 2, &hers("sendonly"));
    assert_eq!(bench.lines(), ["491 UPDATE"]);
    bench.phone_within(&invite, "INVITE", 3, &hers("sendonly"));
    assert_eq!(bench.lines(), ["100 INVITE", "491 INVITE"]);
    bench.phone_within(&invite, "ACK", 1, &hers("sendrecv"));
    assert_eq!(legs(&bench), [TALKS, TALKS]);
}

#[test]
fn a_caller_on_hold_whose_secretary_is_lost_hears_ringing_once_he_is_back() {
    let (mut bench, invite, to) = talking(with_music());
    bench.within("a", &to, "UPDATE", 2, &his("sendonly"));
    // She hangs up before a packet of hers came.
    bench.phone_within(&invite, "BYE", 1, "");
    assert_eq!(heard(&bench.leg(MediaSource::Fixed).2), HOLDS);
    bench.within("a", &to, "UPDATE", 3, &his("sendrecv"));
    let leg = bench.leg(MediaSource::Fixed).2;
    assert_eq!(heard(&leg), (false, Some(Playing::RingTone), true, true));
}

#[test]
fn a_leg_that_holds_is_asked_now_and_then_and_lost_if_it_does_not_answer() {
    let (mut bench, invite, to) = talking(with_music());
    bench.within("a", &to, "UPDATE", 2, &his("inactive"));
    bench.sent.clear();
    bench.run_for(Duration::from_secs(29));
    assert!(bench.lines().is_empty());
    bench.run_for(Duration::from_secs(1));
    assert_eq!(bench.lines(), ["OPTIONS"]);
    let options = bench.ours(&Method::Options).unwrap();
    bench.answers(&options, 200);
    bench.run_for(Duration::from_secs(29));
    assert!(bench.lines().is_empty());
    bench.run_for(Duration::from_secs(5));
    assert_eq!(bench.records.len(), 1, "no answer within 3 s");
    assert_eq!(bench.records[0].disposition, Disposition::Answered);
    drop(invite);
}

#[test]
fn fax_is_refused_and_the_call_stays() {
    let (mut bench, _, to) = talking(with_music());
    let fax = "v=0\r\no=- 1 2 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
               m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n";
    bench.within("a", &to, "INVITE", 2, fax);
    assert_eq!(bench.status(), Some(488));
    bench.within("a", &to, "ACK", 2, "");
    assert_eq!(legs(&bench), [TALKS, TALKS]);
    assert_eq!(bench.engine.live_calls().count(), 1);
}

#[test]
fn video_that_is_added_gets_port_0() {
    let (mut bench, invite, _) = talking(with_music());
    let video = hers("sendrecv") + "m=video 4004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    bench.phone_within(&invite, "INVITE", 1, &video);
    assert_eq!(answered(&bench), Direction::SendRecv);
    let answer = bench.sent.last().unwrap().1.clone();
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(text.contains("m=video 0 RTP/AVP 96"), "{text}");
    assert_eq!(legs(&bench), [TALKS, TALKS]);
}

#[test]
fn an_update_with_an_offer_while_his_first_has_no_answer_comes_too_early() {
    let mut bench = Bench::with(&["101"]);
    bench.invite("a", "", &his("sendrecv"));
    let ringing = bench.sent.last().unwrap().1.clone();
    let to = ringing.text(HeaderName::To).unwrap().to_string();
    bench.within("a", &to, "UPDATE", 2, &his("sendonly"));
    assert_eq!(bench.lines(), ["500 UPDATE"]);
    assert!(bench.sent.last().unwrap().1.text(HeaderName::RetryAfter).is_some());
}

#[test]
fn a_caller_who_is_being_asked_is_asked_on_when_the_next_secretary_takes_him() {
    let (mut bench, invite, _) = talking(with_music());
    // She hangs up before a packet of hers came, and is rung again after 5 s.
    bench.phone_within(&invite, "BYE", 1, "");
    bench.run_for(Duration::from_secs(4));
    let (port, owner, _) = bench.leg(MediaSource::Fixed);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.run_for(Duration::from_secs(1));
    let invite = bench.ours(&Method::Invite).expect("she is rung again");
    bench.phone_replies(&invite, 200, &hers("sendrecv"));
    assert_eq!(legs(&bench), [TALKS, TALKS]);
    bench.run_for(Duration::from_secs(3));
    assert_eq!(bench.records.len(), 1, "no answer to OPTIONS: lost");
}

#[test]
fn a_caller_whose_secretarys_phone_never_confirms_its_new_offer_waits_for_the_next() {
    let (mut bench, invite, _) = talking(with_music());
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.input(Input::Media(MediaEvent::Heard { port, owner }));
    bench.run_for(Duration::from_secs(6));
    bench.phone_within(&invite, "INVITE", 1, &hers("sendrecv"));
    bench.run_for(Duration::from_secs(33));
    let bye = bench.ours(&Method::Bye).expect("her leg is ended (RFC 3261 §13.3.1.4)");
    bench.answers(&bye, 200);
    let stages: Vec<Stage> = bench.engine.live_calls().map(|call| call.stage).collect();
    assert!(matches!(stages[..], [Stage::Returned { .. }]), "{stages:?}");
    assert!(bench.records.is_empty());
}

#[test]
fn a_leg_is_not_lost_by_a_question_from_before_it_was_last_heard() {
    let (mut bench, _, _) = talking(with_music());
    let (port, owner, _) = bench.leg(MediaSource::Fixed);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.run_for(Duration::from_secs(2));
    bench.input(Input::Media(MediaEvent::Heard { port, owner }));
    bench.run_for(Duration::from_secs(29));
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    let options = bench.ours(&Method::Options).unwrap();
    // The first one has its time-out after 32 s.
    bench.run_for(Duration::from_secs(2));
    assert_eq!(bench.engine.live_calls().count(), 1);
    bench.answers(&options, 200);
    bench.run_for(Duration::from_secs(5));
    assert_eq!(bench.engine.live_calls().count(), 1);
}
