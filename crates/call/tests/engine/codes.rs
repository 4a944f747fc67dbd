//! What secretaries dial: `*31`, `*30`, `*32`, and numbers that are no code.

#![expect(clippy::unwrap_used, reason = "what a test asks for is there, or it has failed")]

use std::time::Duration;

use acd::{AgentId, AgentState};
use call::{AgentCommand, Input, MediaEvent, MediaOrder, MediaSource, Notice, Playing, StarCode};
use sip::{HeaderName, Message, Method};

use crate::bench::{Bench, PHONE, config, sdp};

const ANNA: AgentId = AgentId(1);
const BEA: AgentId = AgentId(2);

fn voice() -> String {
    sdp("203.0.113.7", 4000, "9 8 101")
}

fn state(bench: &Bench, agent: AgentId) -> AgentState {
    bench.engine.scheduler().agent(agent).unwrap().state
}

fn is_dialling(bench: &Bench, agent: AgentId) -> bool {
    bench.engine.scheduler().agent(agent).unwrap().dialling
}

/// Dials and confirms the answer; what plays then, and our answer.
fn dial(bench: &mut Bench, user: &str) -> (Option<Playing>, Message) {
    bench.dials(PHONE, "101", user, &voice());
    assert_eq!(bench.lines(), ["100 INVITE", "200 INVITE"]);
    let answer = bench.sent.last().unwrap().1.clone();
    bench.dialler_sends(PHONE, "ACK", 1, &answer);
    let leg = bench.leg(MediaSource::Latch).2;
    (leg.play.map(|play| play.what), answer)
}

/// The relay has played the tone; her phone answers our BYE.
fn tone_ends(bench: &mut Bench) {
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert_eq!(bench.lines(), ["BYE"]);
    let bye = bench.ours(&Method::Bye).unwrap();
    bench.answers(&bye, 200);
}

#[test]
fn star_31_pauses_her_and_she_hears_that_it_did() {
    for user in ["*31", "%2A31", "*31;phone-context=practice"] {
        let mut bench = Bench::with(&["101"]);
        bench.register(PHONE, "101");
        let (tone, answer) = dial(&mut bench, user);
        assert_eq!(tone, Some(Playing::Confirmed), "{user}");
        assert_eq!(state(&bench, ANNA), AgentState::Paused { reason: 0 });
        let offer = sip::sdp::Offer::read(answer.body()).unwrap();
        let codecs: Vec<_> = offer.audio().unwrap().formats.iter().map(|it| it.codec).collect();
        assert_eq!(codecs, [sip::sdp::Codec::Pcma], "the tone is made in G.711 only");
        let told =
            Notice::Dialled { agent: ANNA, call: None, code: StarCode::Pause, changed: true };
        assert!(bench.notices.contains(&told));
        tone_ends(&mut bench);
        assert!(!is_dialling(&bench, ANNA));
        assert_eq!(bench.engine.ports_in_use(), 0);
        assert_eq!(bench.engine.endpoint_counts().dialogs, 0);
        assert_eq!((bench.records.len(), bench.engine.ledger().offered), (0, 0), "it is no call");
    }
}

#[test]
fn a_code_that_changes_nothing_is_told_by_another_tone() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    for user in ["*30", "*32"] {
        let (tone, _) = dial(&mut bench, user);
        assert_eq!(tone, Some(Playing::Refused), "{user}");
        tone_ends(&mut bench);
    }
    assert_eq!(state(&bench, ANNA), AgentState::Available);
}

#[test]
fn star_30_brings_her_back_and_her_phone_is_rung_once_it_is_free() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.input(Input::Agent { agent: ANNA, command: AgentCommand::Pause { reason: 3 } });
    bench.invite("a", "", &sdp("198.51.100.1", 4000, "8"));
    let (tone, _) = dial(&mut bench, "*30");
    assert_eq!(tone, Some(Playing::Confirmed));
    assert_eq!(state(&bench, ANNA), AgentState::Available);
    assert!(bench.ours(&Method::Invite).is_none(), "her phone is in use");
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    let bye = bench.ours(&Method::Bye).unwrap();
    assert!(bench.ours(&Method::Invite).is_none(), "she has not let go");
    bench.answers(&bye, 200);
    assert!(bench.ours(&Method::Invite).is_some());
}

#[test]
fn star_30_logs_in_again_who_was_logged_out_and_a_refresh_does_not() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.input(Input::Agent { agent: ANNA, command: AgentCommand::LogOut });
    bench.register(PHONE, "101");
    assert_eq!(state(&bench, ANNA), AgentState::LoggedOut);
    dial(&mut bench, "*30");
    assert_eq!(state(&bench, ANNA), AgentState::Available);
}

#[test]
fn star_32_ends_her_wrap_up() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8"));
    bench.within("a", &to, "ACK", 1, "");
    bench.within("a", &to, "BYE", 2, "");
    assert!(matches!(state(&bench, ANNA), AgentState::WrapUp { .. }));
    let (tone, _) = dial(&mut bench, "*32");
    assert_eq!(tone, Some(Playing::Confirmed));
    assert_eq!(state(&bench, ANNA), AgentState::Available);
}

#[test]
fn a_pause_dialled_during_a_call_is_effective_after_it() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8"));
    bench.within("a", &to, "ACK", 1, "");
    let (tone, _) = dial(&mut bench, "*31");
    assert_eq!(tone, Some(Playing::Confirmed));
    assert!(matches!(state(&bench, ANNA), AgentState::Talking(_)), "the call goes on");
    tone_ends(&mut bench);
    bench.within("a", &to, "BYE", 2, "");
    bench.run_for(Duration::from_secs(6));
    assert_eq!(state(&bench, ANNA), AgentState::Paused { reason: 0 });
}

#[test]
fn star_33_makes_the_caller_with_whom_she_talks_urgent() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &sdp("198.51.100.1", 4000, "8"));
    bench.within("a", &to, "ACK", 1, "");
    let (tone, _) = dial(&mut bench, "*33");
    assert_eq!(tone, Some(Playing::Confirmed));
    tone_ends(&mut bench);
    let told = bench.notices.iter().filter_map(|notice| {
        let Notice::Class { urgency, by, .. } = notice else { return None };
        Some((*urgency, *by))
    });
    let urgent = (acd::Urgency::Urgent, acd::ClassBy::Secretary);
    assert_eq!(told.collect::<Vec<_>>(), [urgent]);
    let call = bench.engine.live_calls().next().map(|view| view.call);
    let code = StarCode::CallerIsUrgent;
    let audited = Notice::Dialled { agent: ANNA, call, code, changed: true };
    assert!(call.is_some() && bench.notices.contains(&audited), "who did it, to which call");
    let (tone, _) = dial(&mut bench, "*33");
    assert_eq!(tone, Some(Playing::Refused), "he is already");
    tone_ends(&mut bench);
    bench.within("a", &to, "BYE", 2, "");
    assert_eq!(bench.records[0].class, Some(urgent));
}

#[test]
fn star_33_is_refused_to_who_talks_with_nobody() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let (tone, _) = dial(&mut bench, "*33");
    assert_eq!(tone, Some(Playing::Refused));
    tone_ends(&mut bench);
    assert_eq!(state(&bench, ANNA), AgentState::Available);
}

#[test]
fn a_pause_outlives_the_registration() {
    let mut bench = Bench::new(config(&["101"], |config| {
        config.registrar.expires_default = Duration::from_secs(60);
    }));
    bench.register(PHONE, "101");
    dial(&mut bench, "*31");
    tone_ends(&mut bench);
    bench.run_for(Duration::from_secs(61));
    assert!(!bench.engine.scheduler().agent(ANNA).unwrap().reachable);
    bench.register(PHONE, "101");
    assert_eq!(state(&bench, ANNA), AgentState::Paused { reason: 0 });
}

#[test]
fn a_number_that_is_no_code_is_unknown() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    for user in ["0612345678", "*99", "31", "102"] {
        bench.dials(PHONE, "101", user, &voice());
        assert_eq!(bench.lines(), ["100 INVITE", "404 INVITE"], "{user}");
        let reason = bench.sent.last().unwrap().1.text(HeaderName::Reason).map(str::to_string);
        assert!(reason.is_some_and(|reason| reason.contains("cause=1;")));
    }
    assert!(!is_dialling(&bench, ANNA));
}

#[test]
fn a_code_without_g711_or_without_an_offer_changes_nothing() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    for body in [sdp("203.0.113.7", 4000, "9 101"), String::new()] {
        bench.dials(PHONE, "101", "*31", &body);
        assert_eq!(bench.status(), Some(488));
        assert_eq!(state(&bench, ANNA), AgentState::Available);
        assert!(!is_dialling(&bench, ANNA));
    }
}

#[test]
fn a_code_takes_no_port_that_a_call_may_need() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.input(Input::Agent { agent: ANNA, command: AgentCommand::Pause { reason: 0 } });
    for call in 0..25 {
        bench.invite(&format!("call{call}"), "", &sdp("198.51.100.1", 4000, "8"));
    }
    bench.dials(PHONE, "101", "*30", &voice());
    assert_eq!(bench.status(), Some(486));
    assert_eq!(state(&bench, ANNA), AgentState::Paused { reason: 0 }, "nothing half done");
}

#[test]
fn of_phones_that_share_a_flow_from_says_whose_code_it_is() {
    let mut bench = Bench::with(&["101", "102"]);
    bench.register(PHONE, "101");
    bench.register(PHONE, "102");
    bench.dials(PHONE, "102", "*31", &voice());
    assert_eq!(bench.status(), Some(200));
    assert_eq!(state(&bench, ANNA), AgentState::Available);
    assert_eq!(state(&bench, BEA), AgentState::Paused { reason: 0 });
    bench.dials(PHONE, "somebody", "*31", &voice());
    assert_eq!(bench.status(), Some(403));
}

#[test]
fn a_tone_whose_end_is_not_told_is_hung_up_all_the_same() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    dial(&mut bench, "*31");
    bench.sent.clear();
    bench.run_for(Duration::from_millis(3_100));
    assert_eq!(bench.lines(), ["BYE"]);
    assert_eq!(bench.engine.ports_in_use(), 0);
}

#[test]
fn a_phone_that_hangs_up_on_the_tone_is_free_at_once() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let (_, answer) = dial(&mut bench, "*31");
    bench.dialler_sends(PHONE, "BYE", 2, &answer);
    assert_eq!(bench.lines(), ["200 BYE"]);
    assert!(!is_dialling(&bench, ANNA));
    let released = bench.orders.iter().filter(|it| matches!(it, MediaOrder::Release { .. }));
    assert_eq!(released.count(), 1);
}

#[test]
fn a_phone_that_never_confirms_its_code_is_given_up_after_64_t1() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    bench.dials(PHONE, "101", "*31", &voice());
    bench.run_for(Duration::from_secs(70));
    assert!(!is_dialling(&bench, ANNA));
    assert_eq!(bench.engine.endpoint_counts().dialogs, 0);
}

#[test]
fn codes_end_when_everybody_is_hung_up_on() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    dial(&mut bench, "*31");
    bench.sent.clear();
    bench.input(Input::HangUpAll);
    assert_eq!(bench.lines(), ["BYE"]);
}

#[test]
fn who_dials_a_code_is_reachable_whatever_her_phone_answers_to_options() {
    let mut bench = Bench::new(config(&["101"], |config| {
        config.registrar.options_interval = Duration::from_secs(20);
    }));
    bench.register(PHONE, "101");
    bench.run_for(Duration::from_secs(25));
    let is_reachable = |bench: &Bench| bench.engine.scheduler().agent(ANNA).unwrap().reachable;
    assert!(!is_reachable(&bench));
    dial(&mut bench, "*30");
    assert!(is_reachable(&bench));
}
