//! A plan that ends with a text, message by message.

use std::sync::Arc;
use std::time::Duration;

use acd::{Holidays, Hours, PracticeId, PromptId, Situation, Step, TeamId, TimeZone};
use call::{
    CallRecord, Config, Disposition, Engine, Input, MediaEvent, MediaLeg, MediaOrder, MediaSource,
    Owner, Party, Play, Playing, Port, Prompt, Stage, ToneCodec,
};
use sip::{HeaderName, Message, Method};

use crate::bench::{Bench, PHONE, config, sdp};

pub(crate) const CLOSED: PromptId = PromptId(1);
pub(crate) const LENGTH: Duration = Duration::from_secs(12);
/// Monday, 5 January 2026, 22:00 in Paris.
const EVENING: i64 = 1_767_646_800_000;
const MORNING: i64 = EVENING - 12 * 3_600_000;
pub(crate) const PCMA: &str = "8 101";

/// Open on weekdays from 8 to 20; at night this step.
fn bench_with(last: Step) -> Bench {
    bench_for(vec![last], |_| ())
}

/// The same with several steps at night, and whatever else is to be different.
pub(crate) fn bench_for(closed: Vec<Step>, change: impl FnOnce(&mut Config)) -> Bench {
    let mut bench = Bench::new(setup_for(closed, change));
    bench.input(Input::Clock { unix_ms: EVENING });
    bench
}

pub(crate) fn setup_for(closed: Vec<Step>, change: impl FnOnce(&mut Config)) -> Arc<Config> {
    config(&["101"], |config| {
        let prompt = Prompt { name: "closed".to_string(), duration: LENGTH };
        config.prompts.insert(CLOSED, prompt);
        let floor = Arc::make_mut(&mut config.floor);
        let practice = floor.practices.get_mut(&PracticeId(1)).expect("it is there");
        let hours = Hours::new("Mo-Fr 08:00-20:00", TimeZone::PARIS, Holidays::default());
        practice.hours = hours.expect("hours");
        practice.closed.steps = closed;
        practice.open.steps = vec![
            Step::queue(TeamId(1), Some(Duration::from_secs(20))),
            Step::Announce { prompt: CLOSED, answer: true, urgent_key: None },
        ];
        change(config);
    })
}

fn closed(answer: bool) -> Bench {
    bench_with(Step::Announce { prompt: CLOSED, answer, urgent_key: None })
}

pub(crate) fn caller(bench: &Bench) -> (Port, Owner, MediaLeg) {
    bench.leg(MediaSource::Fixed)
}

fn text(payload_type: u8, codec: ToneCodec) -> Option<Play> {
    let what = Playing::Prompt { prompt: CLOSED, repeat: false };
    Some(Play { what, payload_type, codec })
}

pub(crate) fn to_of_the_answer(bench: &Bench) -> String {
    let is_answer = |status| matches!(status, Some(183 | 200));
    let mut sent = bench.sent.iter().map(|(_, message)| message);
    let answer = sent.rfind(|message| is_answer(message.status())).expect("he is answered");
    answer.text(HeaderName::To).expect("it has a To").to_string()
}

pub(crate) fn only_record(bench: &Bench) -> &CallRecord {
    assert_eq!(bench.records.len(), 1, "{:?}", bench.records);
    assert_eq!(bench.engine.ports_in_use(), 0);
    &bench.records[0]
}

#[test]
fn a_closed_practice_answers_speaks_after_the_ack_and_hangs_up_after_the_last_word() {
    let mut bench = closed(true);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE", "200 INVITE"]);
    assert_eq!(caller(&bench).2.play, None, "nobody listens before his ACK");
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    let (port, owner, leg) = caller(&bench);
    assert_eq!(leg.play, text(8, ToneCodec::Pcma));
    bench.run_for(LENGTH);
    assert!(bench.records.is_empty(), "the relay's word is waited for");
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert!(bench.ours(&Method::Bye).is_some());
    assert!(matches!(bench.orders.last(), Some(MediaOrder::Release { .. })));
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 200));
    assert_eq!((record.situation, record.prompt), (Some(Situation::Closed), Some(CLOSED)));
    assert_eq!((record.released_by, record.agent), (Party::Us, None));
    assert!(record.answered_at.is_some());
}

#[test]
fn a_relay_that_never_tells_the_end_holds_nobody_and_cuts_nobody_short() {
    let mut bench = closed(true);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    bench.run_for(Duration::from_secs(2));
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    bench.run_for(LENGTH + Duration::from_secs(4));
    assert!(bench.ours(&Method::Bye).is_none());
    bench.run_for(Duration::from_secs(1));
    assert!(bench.ours(&Method::Bye).is_some());
    assert_eq!(only_record(&bench).disposition, Disposition::Closed);
}

#[test]
fn a_caller_who_hangs_up_on_a_text_leaves_nothing_behind() {
    let mut bench = closed(true);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    bench.run_for(Duration::from_secs(3));
    bench.within("a", &to, "BYE", 2, "");
    assert_eq!(bench.lines(), ["200 BYE"]);
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.released_by), (Disposition::Closed, Party::Caller));
    bench.run_for(Duration::from_secs(60));
    assert_eq!(bench.records.len(), 1);
}

#[test]
fn an_unanswered_text_is_early_media_and_ends_with_a_refusal() {
    let mut bench = closed(false);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, "0 101"));
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE", "183 INVITE"]);
    let early = bench.sent.iter().find(|(_, message)| message.status() == Some(183)).unwrap();
    assert!(!early.1.body().is_empty(), "his answer, so that he hears it");
    let (port, owner, leg) = caller(&bench);
    assert_eq!(leg.play, text(0, ToneCodec::Pcmu));
    bench.run_for(LENGTH);
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    let refusal = &bench.sent.last().unwrap().1;
    assert_eq!(refusal.status(), Some(480));
    let reason = refusal.text(HeaderName::Reason).unwrap();
    assert!(reason.starts_with("Q.850;cause=31"), "{reason}");
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 480));
    assert_eq!(record.answered_at, None);
}

#[test]
fn who_cancels_an_unanswered_text_gets_his_487_and_heard_the_end_of_the_plan() {
    let mut bench = closed(false);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    bench.cancel("a");
    assert!(bench.lines().contains(&"487 INVITE".to_string()), "{:?}", bench.lines());
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 487));
    assert_eq!(record.released_by, Party::Caller);
}

#[test]
fn who_makes_no_offer_is_answered_with_ours_and_hears_the_text_once_he_told_his_address() {
    let mut bench = closed(false);
    bench.invite("a", "", "");
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE", "200 INVITE"]);
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, &sdp("198.51.100.9", 6000, PCMA));
    let (port, owner, leg) = caller(&bench);
    assert_eq!(leg.play, text(8, ToneCodec::Pcma));
    assert_eq!(leg.remote.unwrap().rtp.port(), 6000);
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert_eq!(only_record(&bench).disposition, Disposition::Closed);
}

#[test]
fn who_has_no_g711_hears_busy() {
    let mut bench = closed(true);
    let only_g722 = sdp("198.51.100.9", 6000, "9");
    bench.invite("a", "", &only_g722);
    assert_eq!(bench.status(), Some(486));
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.prompt), (Disposition::Closed, None));
}

#[test]
fn a_closed_plan_that_ends_in_busy_is_closed_too() {
    let mut bench = bench_with(Step::Busy);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    assert_eq!(bench.status(), Some(486));
    assert_eq!(only_record(&bench).disposition, Disposition::Closed);
}

#[test]
fn who_waited_too_long_hears_a_text_and_it_is_no_closed_door() {
    let mut bench = closed(true);
    bench.input(Input::Clock { unix_ms: MORNING });
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE"]);
    bench.run_for(Duration::from_secs(20));
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    let (port, owner, _) = caller(&bench);
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    let record = only_record(&bench);
    assert_eq!(record.disposition, Disposition::Announced);
    assert_eq!(record.situation, Some(Situation::Open));
}

#[test]
fn without_an_ack_there_was_nobody_to_speak_to() {
    let mut bench = closed(true);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    bench.run_for(Duration::from_secs(40));
    assert_eq!(only_record(&bench).disposition, Disposition::CallerFailed);
}

#[test]
fn the_second_pair_is_free_while_a_text_is_heard() {
    let mut bench = closed(true);
    for n in 0..49 {
        let id = format!("a{n}");
        bench.invite(&id, "", &sdp("198.51.100.9", 6000, PCMA));
        assert!(bench.lines().contains(&"200 INVITE".to_string()), "call {n}");
    }
    assert_eq!(bench.engine.ports_in_use(), 49, "fifty pairs, and a new call wants two");
}

#[test]
fn a_stop_ends_a_text_politely() {
    let mut bench = closed(true);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    bench.sent.clear();
    bench.input(Input::HangUpAll);
    assert!(bench.ours(&Method::Bye).is_some());
    assert_eq!(only_record(&bench).disposition, Disposition::Closed);
}

#[test]
fn an_early_text_is_heard_though_the_first_183_is_lost() {
    let mut bench = closed(false);
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    bench.run_for(Duration::from_secs(1));
    let is_early = |message: &&Message| message.status() == Some(183);
    let said: Vec<_> = bench.sent.iter().map(|(_, it)| it).filter(is_early).collect();
    assert_eq!(said.len(), 2);
    assert!(!said[0].body().is_empty() && said[0].body() == said[1].body());
}

/// His network gives him up after so many seconds: 4 before the text is over.
const EXPIRES: &str = "\nExpires: 8";

#[test]
fn who_would_be_cut_off_within_an_unanswered_text_is_answered_in_time_and_hears_it_on() {
    let mut bench = closed(false);
    bench.invite("a", EXPIRES, &sdp("198.51.100.9", 6000, PCMA));
    let is_early = |(_, message): &&(_, Message)| message.status() == Some(183);
    let early = bench.sent.iter().find(is_early).unwrap().1.clone();
    bench.run_for(Duration::from_millis(7_999));
    let orders = bench.orders.len();
    bench.sent.clear();
    bench.run_for(Duration::from_millis(1));
    assert_eq!(bench.lines(), ["200 INVITE"]);
    assert_eq!(bench.sent[0].1.body(), early.body(), "one description, early and final");
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    let again = bench.orders[orders..].iter().all(|order| match order {
        MediaOrder::Set { leg, .. } => leg.play == text(8, ToneCodec::Pcma),
        MediaOrder::Release { .. } => false,
    });
    assert!(again, "what he hears goes on: {:?}", &bench.orders[orders..]);
    let (port, owner, _) = caller(&bench);
    bench.run_for(Duration::from_secs(4));
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert!(bench.ours(&Method::Bye).is_some());
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 200));
    let waited = record.answered_at.map(|at| at.saturating_duration_since(record.arrived_at));
    assert_eq!(waited, Some(Duration::from_secs(8)));
}

#[test]
fn a_text_that_ends_before_his_network_gives_him_up_stays_unanswered() {
    let mut bench = closed(false);
    bench.invite("a", "\nExpires: 13", &sdp("198.51.100.9", 6000, PCMA));
    let (port, owner, _) = caller(&bench);
    bench.run_for(LENGTH);
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    bench.run_for(Duration::from_secs(60));
    assert!(!bench.lines().contains(&"200 INVITE".to_string()), "{:?}", bench.lines());
    assert_eq!(only_record(&bench).status, 480);
}

#[test]
fn who_is_answered_within_a_text_and_never_acknowledges_it_is_not_kept() {
    let mut bench = closed(false);
    bench.invite("a", EXPIRES, &sdp("198.51.100.9", 6000, PCMA));
    bench.run_for(Duration::from_secs(60));
    assert_eq!(only_record(&bench).status, 200);
}

#[test]
fn who_comes_to_an_unanswered_text_when_his_networks_patience_is_over_is_answered_at_once() {
    let mut bench = bench_for(
        vec![
            Step::queue(TeamId(1), None),
            Step::Announce { prompt: CLOSED, answer: false, urgent_key: None },
        ],
        |_| (),
    );
    bench.register(PHONE, "101");
    bench.invite("a", EXPIRES, &sdp("198.51.100.9", 6000, PCMA));
    bench.run_for(Duration::from_secs(8));
    assert!(bench.lines().contains(&"200 INVITE".to_string()), "{:?}", bench.lines());
    assert!(!bench.lines().contains(&"183 INVITE".to_string()), "{:?}", bench.lines());
}

/// A caller whose secretary vanished, and whom nobody takes up again within 20 s.
fn given_back() -> Bench {
    let mut bench = bench_with(Step::Busy);
    bench.input(Input::Clock { unix_ms: MORNING });
    let to = bench.talk("a", &sdp("198.51.100.9", 6000, PCMA));
    bench.within("a", &to, "ACK", 1, "");
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    bench.run_for(Duration::from_secs(3));
    assert!(is_returned(&bench));
    bench.sent.clear();
    bench
}

fn is_returned(bench: &Bench) -> bool {
    bench.engine.live_calls().all(|call| matches!(call.stage, Stage::Returned { .. }))
}

#[test]
fn whom_nobody_takes_up_again_hears_the_text_on_the_line_that_he_has() {
    let mut bench = given_back();
    bench.run_for(Duration::from_secs(21));
    assert!(!is_returned(&bench));
    assert_eq!(caller(&bench).2.play, text(8, ToneCodec::Pcma));
    assert!(!bench.lines().iter().any(|line| line.starts_with("200 INVITE")), "answered once");
    bench.run_for(LENGTH + Duration::from_secs(6));
    let record = only_record(&bench);
    assert_eq!((record.disposition, record.status), (Disposition::Announced, 200));
    assert!(bench.lines().contains(&"BYE".to_string()), "{:?}", bench.lines());
}

#[test]
fn a_text_for_who_came_back_is_not_cut_by_a_question_that_his_silence_raised() {
    let mut bench = given_back();
    bench.run_for(Duration::from_secs(18));
    let (port, owner, _) = caller(&bench);
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    assert!(bench.ours(&Method::Options).is_some());
    bench.sent.clear();
    bench.run_for(Duration::from_secs(4));
    assert!(!is_returned(&bench), "the text has begun, and nothing came from him");
    assert!(bench.records.is_empty(), "he listens");
    bench.run_for(LENGTH + Duration::from_secs(6));
    assert_eq!(only_record(&bench).disposition, Disposition::Announced);
}

/// The same with the text under another name, as after a reload that renamed its file.
fn renamed() -> Arc<Config> {
    const RENAMED: PromptId = PromptId(2);
    let last = Step::Announce { prompt: RENAMED, answer: true, urgent_key: None };
    setup_for(vec![last], |config| {
        let prompt = config.prompts.remove(&CLOSED).expect("it is there");
        config.prompts.insert(RENAMED, prompt);
        let floor = Arc::make_mut(&mut config.floor);
        let practice = floor.practices.get_mut(&PracticeId(1)).expect("it is there");
        practice.open.steps = vec![Step::queue(TeamId(1), Some(Duration::from_secs(20))), last];
    })
}

#[test]
fn who_waits_while_a_reload_takes_his_text_away_hears_it_whole_and_then_it_is_forgotten() {
    let last = Step::Announce { prompt: CLOSED, answer: true, urgent_key: None };
    let mut bench = Bench::new(setup_for(vec![last], |_| ()));
    bench.input(Input::Clock { unix_ms: MORNING });
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    bench.run_for(Duration::from_secs(5));
    bench.input(Input::Configure(renamed()));
    bench.run_for(Duration::from_secs(5));
    // A second reload makes him no stranger, nor does a restart from a snapshot.
    bench.input(Input::Configure(renamed()));
    let snapshot = bench.engine.snapshot();
    bench.engine = Engine::restore(renamed(), &snapshot).expect("it was just made");
    bench.run_for(Duration::from_secs(10));
    assert_eq!(bench.status(), Some(200), "{:?}", bench.lines());
    let to = to_of_the_answer(&bench);
    bench.within("a", &to, "ACK", 1, "");
    assert_eq!(caller(&bench).2.play, text(8, ToneCodec::Pcma));
    bench.run_for(LENGTH);
    assert!(bench.records.is_empty() && bench.engine.needs_prompt(CLOSED));
    bench.run_for(Duration::from_secs(5));
    assert_eq!(only_record(&bench).prompt, Some(CLOSED));
    assert!(!bench.engine.needs_prompt(CLOSED), "nobody is left who came before");
}

#[test]
fn a_text_that_is_gone_is_kept_for_nobody_who_came_after_it() {
    let last = Step::Announce { prompt: CLOSED, answer: true, urgent_key: None };
    let mut bench = Bench::new(setup_for(vec![last], |_| ()));
    bench.input(Input::Clock { unix_ms: MORNING });
    bench.input(Input::Configure(renamed()));
    assert!(!bench.engine.needs_prompt(CLOSED), "nobody was here");
    bench.input(Input::Configure(setup_for(vec![last], |_| ())));
    bench.invite("a", "", &sdp("198.51.100.9", 6000, PCMA));
    bench.input(Input::Configure(renamed()));
    bench.invite("b", "", &sdp("198.51.100.9", 6000, PCMA));
    assert!(bench.engine.needs_prompt(CLOSED));
    bench.cancel("a");
    assert!(!bench.engine.needs_prompt(CLOSED), "who is here yet came later");
}
