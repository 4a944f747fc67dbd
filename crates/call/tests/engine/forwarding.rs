//! Callers who are sent to somebody else than a secretary: the practice's reception, a number outside.

use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, Forward, PracticeId, PromptId, Step, TeamId};
use call::{
    AgentState, CallerCommand, Config, Disposition, E164, Engine, ForwardedBy, Input, MediaEvent,
    MediaLeg, MediaOrder, MediaSource, Notice, OfferOutcome, Outbound, Owner, Party, Phone,
    PhoneId, Playing, Port, Prompt, Stage, Target, Trunk, TrunkId,
};
use sip::{Account, HeaderName, Message, Method, Transport};

use crate::bench::{Bench, PHONE, REALM, TRUNK, config, invite_head, sdp};
use crate::offer;

/// Where the operator takes our calls.
const OUT: &str = "198.51.100.2:5080";
const DESK: &str = "203.0.113.20:5060";
const RECEPTION: PhoneId = PhoneId(1);
const PRACTICE: PracticeId = PracticeId(1);
const ACCEPT: PromptId = PromptId(9);
const RINGS: Duration = Duration::from_secs(15);
/// After the last BYE and the last copy of anything.
const LONG: Duration = Duration::from_secs(120);

fn number(text: &str) -> E164 {
    E164::read(text).expect("tests write numbers")
}

fn doctor() -> Target {
    Target::Line(number("06 39 98 00 99").line())
}

fn to(target: Target) -> Step {
    Step::Forward(Forward { target, ring_for: RINGS })
}

fn queue() -> Step {
    Step::queue(TeamId(1), None)
}

fn setup(users: &[&str], steps: &[Step], change: impl FnOnce(&mut Config)) -> Arc<Config> {
    config(users, |config| {
        let account = Account::new("reception", REALM, "secret");
        let (user, name) = ("reception".to_string(), "Accueil".to_string());
        config.phones.insert(RECEPTION, Phone { user, name, account });
        config.prompts.insert(
            ACCEPT,
            Prompt { name: "accept".to_string(), duration: Duration::from_secs(6) },
        );
        trunk(config).outbound = Some(Outbound {
            transport: Transport::Udp,
            to: OUT.parse().expect("an address"),
            forwarded_by: ForwardedBy::Diversion,
        });
        forwarding(config).accept = Some(ACCEPT);
        let floor = Arc::make_mut(&mut config.floor);
        floor.practices.get_mut(&PRACTICE).expect("it is there").open.steps = steps.to_vec();
        change(config);
    })
}

fn trunk(config: &mut Config) -> &mut Trunk {
    config.trunks.get_mut(&TrunkId(1)).expect("it is there")
}

fn forwarding(config: &mut Config) -> &mut call::Forwarding {
    &mut config.practices.get_mut(&PRACTICE).expect("it is there").forwarding
}

/// A caller who is forwarded to the doctor's mobile, then a queue with 101 in it; our INVITE there.
fn to_the_doctor(change: impl FnOnce(&mut Config)) -> (Bench, Message) {
    let mut bench = Bench::new(setup(&["101"], &[to(doctor()), queue()], change));
    bench.register(PHONE, "101");
    bench.invite("a", "", &offer());
    let invite = invite_to(&bench, OUT).expect("the operator gets the call");
    (bench, invite)
}

/// The same, and something has answered there.
fn asked_at_the_doctors() -> (Bench, Message) {
    let (mut bench, invite) = to_the_doctor(|_| ());
    bench.phone_replies(&invite, 180, "");
    bench.phone_replies(&invite, 200, &theirs());
    (bench, invite)
}

fn theirs() -> String {
    sdp("198.51.100.2", 6000, "8 101")
}

/// Our INVITE that went there.
fn invite_to(bench: &Bench, address: &str) -> Option<Message> {
    let is_it = |message: &Message| message.is_request() && message.method() == Method::Invite;
    let mut sent = bench.sent.iter().rev();
    let found = sent.find(|(flow, it)| is_it(it) && flow.remote.to_string() == address);
    found.map(|(_, message)| message.clone())
}

fn text(message: &Message, name: HeaderName) -> String {
    message.text(name).unwrap_or_default().to_string()
}

/// What whom we rang sends within that leg.
fn sends(
    bench: &mut Bench,
    from: &str,
    invite: &Message,
    method: &str,
    cseq: u32,
    body: (&str, &str),
) {
    let (to, from_) = (text(invite, HeaderName::From), text(invite, HeaderName::To));
    let head = format!(
        "{method} sip:monoligne@192.0.2.1:5060 SIP/2.0
         Via: SIP/2.0/UDP {from};rport;branch=z9hG4bKthere{method}{cseq}
         From: {from_};tag=phone
         To: {to}
         Call-ID: {}
         CSeq: {cseq} {method}
         Contact: <sip:{from}>",
        text(invite, HeaderName::CallId),
    );
    bench.receive_typed(from, &head, body.0, body.1);
}

fn bye(bench: &mut Bench, from: &str, invite: &Message) {
    sends(bench, from, invite, "BYE", 2, ("", ""));
}

/// The last order for a leg that is asked for a key.
fn asked(bench: &Bench) -> (Port, Owner, MediaLeg) {
    let found = bench.orders.iter().rev().find_map(|order| match order {
        MediaOrder::Set { port, owner, leg } if !leg.keys.is_empty() => {
            Some((*port, *owner, leg.clone()))
        }
        MediaOrder::Set { .. } | MediaOrder::Release { .. } => None,
    });
    found.expect("somebody is asked")
}

/// The last order for this pair.
fn pair(bench: &Bench, wanted: Port) -> MediaLeg {
    let found = bench.orders.iter().rev().find_map(|order| match order {
        MediaOrder::Set { port, leg, .. } if *port == wanted => Some(leg.clone()),
        MediaOrder::Set { .. } | MediaOrder::Release { .. } => None,
    });
    found.expect("it is ordered")
}

fn press(bench: &mut Bench, digit: char) {
    let (port, owner, _) = asked(bench);
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Digit { port, owner, digit }));
}

/// Statuses that the caller got last.
fn to_the_caller(bench: &Bench) -> Vec<u16> {
    let is_his = |(flow, _): &&(sip::Flow, Message)| flow.remote.to_string() == TRUNK;
    bench.sent.iter().filter(is_his).filter_map(|(_, message)| message.status()).collect()
}

fn stage(bench: &Bench) -> Option<Stage> {
    bench.engine.live_calls().next().map(|call| call.stage)
}

fn outcomes(bench: &Bench) -> Vec<OfferOutcome> {
    let record = bench.records.last().expect("the call is over");
    record.forwards.iter().map(|forward| forward.outcome).collect()
}

/// All calls have ended so, and nothing of them is left: no leg, no pair, no dialog.
fn over(bench: &mut Bench, disposition: Disposition, party: Party) {
    bench.run_for(LONG);
    let engine = &bench.engine;
    assert_eq!(engine.live_calls().count(), 0);
    assert_eq!((engine.target_legs().count(), engine.agent_legs().count()), (0, 0));
    assert_eq!((engine.ports_in_use(), engine.ports_spare()), (0, 50));
    assert_eq!(engine.endpoint_counts().dialogs, 0);
    let ledger = engine.ledger();
    assert_eq!((ledger.ledger_imbalances, ledger.single_line_violations), (0, 0));
    assert_eq!(ledger.offered, bench.records.len() as u64);
    let record = bench.records.last().expect("it is written down");
    assert_eq!((record.disposition, record.released_by), (disposition, party));
}

#[test]
fn the_reception_is_rung_first_and_the_secretaries_take_what_it_leaves() {
    let steps = [to(Target::Phone(RECEPTION)), queue()];
    let mut bench = Bench::new(setup(&["101"], &steps, |_| ()));
    bench.register(PHONE, "101");
    bench.register(DESK, "reception");
    bench.invite("a", "", &offer());
    let invite = invite_to(&bench, DESK).expect("the reception is rung");
    assert_eq!(invite_to(&bench, PHONE), None, "and she is not yet");
    assert!(text(&invite, HeaderName::From).starts_with("\"Dr Martin · 06 39 98 00 01\""));
    bench.phone_replies(&invite, 180, "");
    bench.sent.clear();
    bench.run_for(RINGS);
    assert!(bench.ours(&Method::Cancel).is_some());
    let hers = invite_to(&bench, PHONE).expect("the overflow is hers");
    assert_eq!(to_the_caller(&bench), [], "he rings on");
    bench.phone_replies(&invite, 487, "");
    bench.phone_replies(&hers, 200, &sdp("203.0.113.7", 4000, "8 101"));
    assert_eq!(to_the_caller(&bench), [200]);
    bench.run_for(Duration::from_secs(6));
    bench.phone_within(&hers, "BYE", 2, "");
    over(&mut bench, Disposition::Answered, Party::Agent);
    assert_eq!(outcomes(&bench), [OfferOutcome::NoAnswer]);
    let forward = &bench.records[0].forwards[0];
    assert_eq!((forward.target, forward.picked_up_at), (Target::Phone(RECEPTION), None));
    assert!(forward.ringing_at.is_some() && bench.records[0].target.is_none());
    assert_eq!(bench.records[0].offers[0].outcome, OfferOutcome::Served);
}

#[test]
fn who_answers_at_the_reception_has_the_caller_at_once() {
    let steps = [to(Target::Phone(RECEPTION)), queue()];
    let mut bench = Bench::new(setup(&["101"], &steps, |_| ()));
    bench.register(DESK, "reception");
    bench.invite("a", "", &offer());
    let invite = invite_to(&bench, DESK).expect("the reception is rung");
    bench.phone_replies(&invite, 200, &sdp("203.0.113.20", 4000, "8 101"));
    assert_eq!(to_the_caller(&bench), [200]);
    assert!(bench.ours(&Method::Ack).is_some());
    let (port, _, leg) = bench.leg(MediaSource::Latch);
    assert!(leg.keys.is_empty() && leg.play.is_none() && leg.watch);
    let peer = leg.peer.expect("they are joined");
    assert_eq!(pair(&bench, peer).peer, Some(port));
    assert!(
        matches!(stage(&bench), Some(Stage::Connected { target, .. }) if target == Target::Phone(RECEPTION))
    );
    bye(&mut bench, DESK, &invite);
    over(&mut bench, Disposition::Forwarded, Party::Target);
    let record = &bench.records[0];
    assert_eq!((record.target, record.agent), (Some(Target::Phone(RECEPTION)), None));
    assert!(record.answered_at.is_some() && record.forwards[0].answered_at == record.answered_at);
    assert_eq!(outcomes(&bench), [OfferOutcome::Served]);
}

#[test]
fn who_cannot_be_reached_leaves_the_caller_to_the_next_step_at_once() {
    let cases = [
        (486, OfferOutcome::Busy),
        (603, OfferOutcome::Declined),
        (404, OfferOutcome::Unreachable),
        (503, OfferOutcome::Unreachable),
    ];
    for (status, outcome) in cases {
        let (mut bench, invite) = to_the_doctor(|_| ());
        bench.phone_replies(&invite, status, "");
        assert!(invite_to(&bench, PHONE).is_some(), "{status}: she is rung");
        assert_eq!(to_the_caller(&bench), [], "{status}: he rings on");
        bench.cancel("a");
        over(&mut bench, Disposition::Abandoned, Party::Caller);
        assert_eq!(outcomes(&bench), [outcome], "{status}");
    }
}

#[test]
fn an_operator_who_says_nothing_is_given_up_and_one_who_takes_his_time_is_not() {
    let (mut bench, _) = to_the_doctor(|_| ());
    bench.sent.clear();
    bench.run_for(Duration::from_secs(5));
    assert!(invite_to(&bench, PHONE).is_some(), "no 1xx: the next step");
    bench.cancel("a");
    over(&mut bench, Disposition::Abandoned, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Unreachable]);

    let (mut bench, invite) = to_the_doctor(|_| ());
    bench.phone_replies(&invite, 100, "");
    bench.sent.clear();
    bench.run_for(Duration::from_secs(14));
    assert_eq!(invite_to(&bench, PHONE), None, "it may take long to ring abroad");
    bench.run_for(Duration::from_secs(2));
    assert!(invite_to(&bench, PHONE).is_some(), "but not beyond the plan's time");
}

#[test]
fn a_reception_that_is_not_registered_leaves_the_caller_to_the_next_step() {
    let steps = [to(Target::Phone(RECEPTION)), queue()];
    let mut bench = Bench::new(setup(&["101"], &steps, |_| ()));
    bench.register(PHONE, "101");
    bench.invite("a", "", &offer());
    assert!(invite_to(&bench, PHONE).is_some());
    bench.cancel("a");
    over(&mut bench, Disposition::Abandoned, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Unreachable]);
}

#[test]
fn only_the_key_1_connects_who_answered_outside_and_the_caller_rings_until_then() {
    let (mut bench, invite) = asked_at_the_doctors();
    assert_eq!(bench.lines(), ["ACK"], "confirmed, and not a word to the caller");
    let (port, _, leg) = asked(&bench);
    let question = Playing::Prompt { prompt: ACCEPT, repeat: true };
    assert_eq!(leg.play.map(|play| (play.what, play.payload_type)), Some((question, 8)));
    assert_eq!((leg.peer, leg.source, &leg.keys[..]), (None, MediaSource::Fixed, &[101][..]));
    for slip in ['2', '*', '0'] {
        press(&mut bench, slip);
        assert_eq!((stage(&bench), bench.lines().len()), (Some(Stage::Waiting), 0), "{slip}");
    }
    bench.run_for(Duration::from_secs(5));
    press(&mut bench, '1');
    assert_eq!(bench.lines(), ["200 INVITE"], "the ACK went long ago");
    let his = text(&bench.sent[0].1, HeaderName::To);
    bench.within("a", &his, "ACK", 1, "");
    let leg = pair(&bench, port);
    assert!(leg.play.is_none() && leg.keys.is_empty(), "the question is over");
    let peer = leg.peer.expect("they are joined");
    assert_eq!(pair(&bench, peer).peer, Some(port));
    let orders = bench.orders.len();
    let owner = bench.orders.iter().rev().find_map(|order| match order {
        MediaOrder::Set { port: it, owner, .. } if *it == port => Some(*owner),
        MediaOrder::Set { .. } | MediaOrder::Release { .. } => None,
    });
    let owner = owner.expect("it has one");
    bench.input(Input::Media(MediaEvent::Digit { port, owner, digit: '1' }));
    assert_eq!(bench.orders.len(), orders, "pressed once more it changes nothing");
    bench.run_for(Duration::from_secs(600));
    assert!(matches!(stage(&bench), Some(Stage::Connected { .. })), "no deadline any more");
    bye(&mut bench, OUT, &invite);
    over(&mut bench, Disposition::Forwarded, Party::Target);
    let forward = &bench.records[0].forwards[0];
    assert!(forward.picked_up_at < forward.answered_at && forward.outcome == OfferOutcome::Served);
}

#[test]
fn the_key_may_come_by_info_in_either_form() {
    let relay = ("application/dtmf-relay", "Signal= 1\r\nDuration=160\r\n");
    for body in [relay, ("application/dtmf", "1")] {
        let (mut bench, invite) = asked_at_the_doctors();
        let other = (body.0, &body.1.replacen('1', "5", 1)[..]);
        sends(&mut bench, OUT, &invite, "INFO", 2, other);
        assert_eq!(bench.lines(), ["200 INFO"]);
        assert_eq!(stage(&bench), Some(Stage::Waiting));
        sends(&mut bench, OUT, &invite, "INFO", 3, body);
        assert_eq!(bench.lines(), ["200 INFO", "200 INVITE"]);
        assert!(matches!(stage(&bench), Some(Stage::Connected { .. })));
        sends(&mut bench, OUT, &invite, "INFO", 4, body);
        assert_eq!(bench.status(), Some(405), "nobody asks any more");
    }
}

#[test]
fn a_voicemail_box_swallows_nobody() {
    let (mut bench, _) = asked_at_the_doctors();
    let mut heard = to_the_caller(&bench);
    bench.sent.clear();
    bench.run_for(RINGS);
    assert!(bench.ours(&Method::Bye).is_some(), "the box is hung up on");
    let hers = invite_to(&bench, PHONE).expect("the next step");
    heard.extend(to_the_caller(&bench));
    assert_eq!(heard, [], "he was not answered for a box");
    bench.phone_replies(&hers, 200, &sdp("203.0.113.7", 4000, "8 101"));
    assert_eq!(to_the_caller(&bench), [200]);
    bench.run_for(Duration::from_secs(6));
    bench.phone_within(&hers, "BYE", 2, "");
    over(&mut bench, Disposition::Answered, Party::Agent);
    assert_eq!(outcomes(&bench), [OfferOutcome::NoKey]);
}

#[test]
fn who_picks_up_late_has_the_time_to_hear_the_question_and_to_press() {
    let (mut bench, invite) = to_the_doctor(|_| ());
    bench.phone_replies(&invite, 180, "");
    bench.run_for(RINGS - Duration::from_secs(2));
    bench.phone_replies(&invite, 200, &theirs());
    bench.run_for(Duration::from_millis(11_900));
    assert_eq!(bench.ours(&Method::Bye), None, "six seconds of question, six to press");
    press(&mut bench, '1');
    assert!(matches!(stage(&bench), Some(Stage::Connected { .. })));

    let (mut bench, invite) = to_the_doctor(|config| forwarding(config).accept = None);
    bench.phone_replies(&invite, 180, "");
    bench.run_for(RINGS - Duration::from_secs(2));
    bench.phone_replies(&invite, 200, &theirs());
    bench.run_for(Duration::from_secs(12));
    assert!(bench.ours(&Method::Bye).is_some(), "and no longer");
    assert!(invite_to(&bench, PHONE).is_some(), "the next step");
}

#[test]
fn who_hangs_up_instead_of_pressing_has_declined() {
    let (mut bench, invite) = asked_at_the_doctors();
    bye(&mut bench, OUT, &invite);
    assert!(invite_to(&bench, PHONE).is_some(), "the next step");
    bench.cancel("a");
    over(&mut bench, Disposition::Abandoned, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Declined]);
}

#[test]
fn where_no_box_can_be_no_key_is_asked_for() {
    let (mut bench, invite) = to_the_doctor(|config| {
        forwarding(config).no_key.insert(number("06 39 98 00 99"));
    });
    bench.phone_replies(&invite, 200, &theirs());
    assert_eq!(to_the_caller(&bench), [200]);
    assert!(matches!(stage(&bench), Some(Stage::Connected { .. })));
}

#[test]
fn without_a_prompt_beeps_ask_for_the_key_again_and_again() {
    let (mut bench, invite) = to_the_doctor(|config| forwarding(config).accept = None);
    bench.phone_replies(&invite, 200, &theirs());
    let (port, owner, leg) = asked(&bench);
    assert_eq!(leg.play.map(|play| play.what), Some(Playing::Confirmed));
    let before = bench.orders.len();
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    let played = bench.orders[before..].iter().map(|order| match order {
        MediaOrder::Set { leg, .. } => leg.play.map(|play| play.what),
        MediaOrder::Release { .. } => panic!("{order:?}"),
    });
    assert_eq!(played.collect::<Vec<_>>(), [None, Some(Playing::Confirmed)]);
}

#[test]
fn a_caller_without_keys_or_with_their_number_taken_still_lets_the_doctor_press_one() {
    let none = sdp("198.51.100.1", 4000, "8").replace("a=rtpmap:101 telephone-event/8000\r\n", "");
    let opus = sdp("198.51.100.1", 4000, "8 101").replace("telephone-event/8000", "opus/48000/2");
    for (body, expected) in [(none, 101), (opus, 96)] {
        let mut bench = Bench::new(setup(&[], &[to(doctor())], |_| ()));
        bench.invite("a", "", &body);
        let invite = invite_to(&bench, OUT).expect("the operator gets the call");
        let offered = sip::sdp::Offer::read(invite.body()).expect("an offer");
        let audio = offered.audio().expect("with audio");
        assert_eq!(audio.telephone_event, Some(expected));
        let codecs: Vec<_> = audio.formats.iter().map(|format| format.codec).collect();
        assert_eq!(codecs, [sip::sdp::Codec::Pcma], "only what the question can be played in");
        bench.phone_replies(&invite, 200, &theirs());
        let mut keys = asked(&bench).2.keys;
        keys.sort_unstable();
        keys.dedup();
        assert!(keys.contains(&expected) && keys.contains(&101), "{keys:?}");
        press(&mut bench, '1');
        assert_eq!(to_the_caller(&bench), [200]);
    }
}

#[test]
fn a_caller_who_hangs_up_takes_back_whatever_rings_for_him() {
    let enough = |bench: &mut Bench| bench.cancel("a");
    // Nothing has come from there yet: CANCEL waits for a 1xx (RFC 3261 §9.1).
    let (mut bench, invite) = to_the_doctor(|_| ());
    enough(&mut bench);
    bench.phone_replies(&invite, 100, "");
    assert_eq!(bench.lines(), ["CANCEL"]);
    bench.phone_replies(&invite, 487, "");
    over(&mut bench, Disposition::Abandoned, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Withdrawn]);

    let (mut bench, invite) = to_the_doctor(|_| ());
    bench.phone_replies(&invite, 180, "");
    enough(&mut bench);
    assert!(bench.ours(&Method::Cancel).is_some());
    // Somebody picks up in that very moment.
    bench.phone_replies(&invite, 200, &theirs());
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    over(&mut bench, Disposition::Abandoned, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Withdrawn]);

    let (mut bench, _) = asked_at_the_doctors();
    enough(&mut bench);
    assert!(bench.ours(&Method::Bye).is_some(), "who is asked is let go");
    over(&mut bench, Disposition::Abandoned, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Withdrawn]);

    let (mut bench, _) = asked_at_the_doctors();
    press(&mut bench, '1');
    let answer = bench.sent.last().expect("he is answered").1.clone();
    let his = text(&answer, HeaderName::To);
    bench.within("a", &his, "ACK", 1, "");
    bench.within("a", &his, "BYE", 2, "");
    assert!(bench.ours(&Method::Bye).is_some(), "the doctor is hung up on");
    over(&mut bench, Disposition::Forwarded, Party::Caller);
    assert_eq!(outcomes(&bench), [OfferOutcome::Served]);
}

#[test]
fn whoever_picks_up_when_the_next_step_has_begun_is_let_go() {
    let (mut bench, invite) = to_the_doctor(|_| ());
    bench.phone_replies(&invite, 180, "");
    bench.run_for(RINGS);
    bench.phone_replies(&invite, 200, &theirs());
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    assert_eq!(stage(&bench), Some(Stage::Waiting));
    bench.cancel("a");
    over(&mut bench, Disposition::Abandoned, Party::Caller);
}

/// The line of whom he talks with is dead: its silence is asked about, and not answered.
fn dies(bench: &mut Bench, port: Port) {
    let owner = bench.orders.iter().rev().find_map(|order| match order {
        MediaOrder::Set { port: it, owner, .. } if *it == port => Some(*owner),
        MediaOrder::Set { .. } | MediaOrder::Release { .. } => None,
    });
    let owner = owner.expect("it is ordered");
    bench.input(Input::Media(MediaEvent::Silent { port, owner }));
    assert!(bench.ours(&Method::Options).is_some(), "silence is asked about");
    bench.sent.clear();
    bench.run_for(Duration::from_secs(4));
}

#[test]
fn a_caller_whose_doctors_line_dies_in_the_conversation_goes_on_with_his_plan() {
    let (mut bench, _) = asked_at_the_doctors();
    let port = asked(&bench).0;
    press(&mut bench, '1');
    let answer = bench.sent.last().expect("he is answered").1.clone();
    bench.within("a", &text(&answer, HeaderName::To), "ACK", 1, "");
    let from_him = |bench: &Bench| {
        bench.orders.iter().rev().find_map(|order| match order {
            MediaOrder::Set { leg, .. } if leg.source == MediaSource::Fixed => leg.play,
            MediaOrder::Set { .. } | MediaOrder::Release { .. } => None,
        })
    };
    dies(&mut bench, port);
    assert!(matches!(stage(&bench), Some(Stage::Returned { .. })), "{:?}", stage(&bench));
    assert_eq!(from_him(&bench).map(|play| play.what), Some(Playing::RingTone));
    let invite = invite_to(&bench, PHONE).expect("the next step: she is rung");
    bench.phone_replies(&invite, 180, "");
    // However long his network would have waited for an answer.
    bench.run_for(Duration::from_secs(15));
    bench.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
    assert_eq!(to_the_caller(&bench), [0_u16; 0], "he has had his answer");
    assert!(matches!(stage(&bench), Some(Stage::Bridged { .. })));
    bench.run_for(Duration::from_secs(100));
    bench.phone_within(&invite, "BYE", 2, "");
    over(&mut bench, Disposition::Answered, Party::Agent);
    assert_eq!(outcomes(&bench), [OfferOutcome::Vanished]);
}

#[test]
fn who_had_the_doctor_and_has_nobody_left_hears_the_end_of_his_plan() {
    for end in [Step::Busy, Step::Announce { prompt: ACCEPT, answer: false, urgent_key: None }] {
        let mut bench = Bench::new(setup(&["101"], &[to(doctor()), end], |_| ()));
        bench.invite("a", "", &offer());
        let invite = invite_to(&bench, OUT).expect("the operator gets the call");
        bench.phone_replies(&invite, 200, &theirs());
        let port = asked(&bench).0;
        press(&mut bench, '1');
        let answer = bench.sent.iter().find(|(_, it)| it.status() == Some(200));
        let his = text(&answer.expect("he is answered").1, HeaderName::To);
        bench.within("a", &his, "ACK", 1, "");
        dies(&mut bench, port);
        match end {
            Step::Announce { .. } => {
                assert!(matches!(
                    stage(&bench),
                    Some(Stage::Announced { answered_at: Some(_), .. })
                ));
                over(&mut bench, Disposition::Announced, Party::Us);
            }
            Step::Busy | Step::Queue(_) | Step::Forward(_) | Step::Practice(_) => {
                over(&mut bench, Disposition::Forwarded, Party::Us);
            }
        }
        let record = bench.records.last().expect("it is over");
        assert!(record.answered_at.is_some() && record.status == 200);
        assert!(!bench.engine.ledger().dispositions.contains_key(&Disposition::Lost));
    }
}

#[test]
fn each_operator_is_told_who_calls_and_who_forwards_in_his_way() {
    let shows = |forwarded_by| {
        let (_, invite) = to_the_doctor(|config| {
            trunk(config).outbound.as_mut().expect("set up").forwarded_by = forwarded_by;
            forwarding(config).number = Some(number("01 40 50 60 70"));
        });
        assert_eq!(invite.uri().expect("it has one").host, "198.51.100.2");
        assert!(text(&invite, HeaderName::To).starts_with("<sip:+33639980099@198.51.100.2:5080>"));
        let names = [
            HeaderName::From,
            HeaderName::PAssertedIdentity,
            HeaderName::Privacy,
            HeaderName::Diversion,
            HeaderName::HistoryInfo,
        ];
        names.map(|name| text(&invite, name).split(";tag").next().unwrap_or_default().to_string())
    };
    let caller = "<sip:+33639980001@practices.example>";
    let practice = "<sip:+33140506070@practices.example>";
    let diversion = format!("{practice};reason=unconditional;counter=1");
    assert_eq!(shows(ForwardedBy::Diversion), [caller, caller, "", &diversion, ""]);
    let history = format!(
        "{practice};index=1, <sip:+33639980099@198.51.100.2:5080;cause=302>;index=1.1;mp=1"
    );
    assert_eq!(shows(ForwardedBy::HistoryInfo), [caller, caller, "", "", &history]);
    assert_eq!(shows(ForwardedBy::Nothing), [practice, practice, "", "", ""]);
}

#[test]
fn the_number_that_forwards_is_the_dialled_one_unless_the_practice_has_another() {
    let (_, invite) = to_the_doctor(|_| ());
    let diversion = text(&invite, HeaderName::Diversion);
    assert!(diversion.starts_with("<sip:+33199001234@practices.example>"), "{diversion}");
}

#[test]
fn a_caller_who_hides_his_number_stays_hidden_where_he_is_forwarded() {
    for forwarded_by in [ForwardedBy::Diversion, ForwardedBy::HistoryInfo, ForwardedBy::Nothing] {
        let mut bench = Bench::new(setup(&[], &[to(doctor())], |config| {
            trunk(config).outbound.as_mut().expect("set up").forwarded_by = forwarded_by;
        }));
        bench.invite("a", "\nPrivacy: id", &offer());
        let invite = invite_to(&bench, OUT).expect("the operator gets the call");
        let shown = String::from_utf8(invite.bytes().to_vec()).expect("text");
        assert!(!shown.contains("639980001"), "{shown}");
        let privacy = text(&invite, HeaderName::Privacy);
        let from = text(&invite, HeaderName::From);
        if forwarded_by == ForwardedBy::Nothing {
            assert!(privacy.is_empty() && from.starts_with("<sip:+33199001234@"), "{from}");
        } else {
            assert_eq!(privacy, "id");
            assert!(from.contains("sip:anonymous@anonymous.invalid"), "{from}");
        }
    }
}

#[test]
fn the_practices_own_trunk_is_taken_before_the_callers() {
    let (_, invite) = to_the_doctor(|_| ());
    assert!(invite.uri().is_ok());
    let setup = setup(&[], &[to(doctor())], |config| {
        let mut other = config.trunks[&TrunkId(1)].clone();
        other.sources.clear();
        other.outbound.as_mut().expect("set up").to = "198.51.100.9:5060".parse().expect("one");
        config.trunks.insert(TrunkId(2), other);
        forwarding(config).trunk = Some(TrunkId(2));
    });
    let mut bench = Bench::new(setup);
    bench.invite("a", "", &offer());
    let invite = invite_to(&bench, "198.51.100.9:5060").expect("by the other operator");
    assert!(text(&invite, HeaderName::To).starts_with("<sip:+33639980099@198.51.100.9>"));
}

#[test]
fn what_cannot_be_dialled_is_not_and_the_next_step_begins() {
    let silent = setup(&["101"], &[to(doctor()), queue()], |config| trunk(config).outbound = None);
    let short = |digits| {
        let line = Target::Line(call::LineId(digits));
        setup(&["101"], &[to(line), queue()], |_| ())
    };
    for setup in [silent, short(15), short(112), short(3_315), short(33_116_117)] {
        let mut bench = Bench::new(setup);
        bench.register(PHONE, "101");
        bench.invite("a", "", &offer());
        assert_eq!(invite_to(&bench, OUT), None);
        assert!(invite_to(&bench, PHONE).is_some());
        bench.cancel("a");
        over(&mut bench, Disposition::Abandoned, Party::Caller);
        assert_eq!(outcomes(&bench), [OfferOutcome::Unreachable]);
    }
}

#[test]
fn a_forwarded_call_that_comes_back_is_refused_and_its_forwarding_has_failed() {
    for is_asked in [false, true] {
        let (mut bench, invite) = to_the_doctor(|_| ());
        bench.phone_replies(&invite, 180, "");
        if is_asked {
            bench.phone_replies(&invite, 200, &theirs());
        }
        bench.invite("echo", "\nDiversion: <sip:+33639980099@op>;reason=no-answer", &offer());
        assert_eq!(to_the_caller(&bench), [100, 486]);
        let ended = if is_asked { Method::Bye } else { Method::Cancel };
        assert!(bench.ours(&ended).is_some());
        assert!(invite_to(&bench, PHONE).is_some(), "the next step of the first one");
        assert_eq!(bench.records[0].disposition, Disposition::Looped);
        assert_eq!(bench.records[0].status, 486);
        bench.phone_replies(&invite, 487, "");
        bench.cancel("a");
        over(&mut bench, Disposition::Abandoned, Party::Caller);
        assert_eq!(outcomes(&bench), [OfferOutcome::Looped]);
    }
}

#[test]
fn an_echo_of_who_hides_is_known_by_the_line_it_comes_from_and_no_other_call_is_an_echo() {
    let mut bench = Bench::new(setup(&["101"], &[to(doctor()), queue()], |_| ()));
    bench.invite("a", "\nPrivacy: id", &offer());
    let invite = invite_to(&bench, OUT).expect("the operator gets the call");
    bench.phone_replies(&invite, 180, "");
    bench.invite("b", "\nPrivacy: id", &offer());
    assert_eq!(to_the_caller(&bench), [100, 180], "another who hides");
    let other = invite_head("c", "").replace("33639980001", "33639980002");
    bench.receive(TRUNK, &other, &offer());
    assert_eq!(to_the_caller(&bench), [100, 180], "another number");
    let diversion = "\nPrivacy: id\nDiversion: <sip:+33639980099@op>;reason=no-answer";
    bench.invite("echo", diversion, &offer());
    assert_eq!(to_the_caller(&bench), [100, 486]);

    let (mut bench, _) = asked_at_the_doctors();
    press(&mut bench, '1');
    bench.invite("b", "", &offer());
    assert_eq!(to_the_caller(&bench), [100, 180], "they talk: he calls from a second line");
}

/// The main number of a hospital, say.
#[test]
fn two_callers_behind_one_switchboard_both_keep_their_calls_while_the_reception_rings() {
    let steps = [to(Target::Phone(RECEPTION)), queue()];
    let mut bench = Bench::new(setup(&["101"], &steps, |_| ()));
    bench.register(DESK, "reception");
    bench.invite("a", "", &offer());
    let first = invite_to(&bench, DESK).expect("the reception is rung");
    bench.phone_replies(&first, 180, "");
    bench.invite("b", "", &offer());
    assert_eq!(to_the_caller(&bench), [100, 180]);
    assert!(invite_to(&bench, DESK).is_some(), "the reception has a second call");
    assert_eq!(bench.engine.live_calls().count(), 2);
    assert!(bench.records.is_empty() && bench.ours(&Method::Cancel).is_none());
}

#[test]
fn who_may_be_an_echo_keeps_his_call_and_is_not_sent_there_again_while_it_rings() {
    for hides in ["", "\nPrivacy: id"] {
        let mut bench = Bench::new(setup(&["101"], &[to(doctor()), queue()], |_| ()));
        bench.register(PHONE, "101");
        bench.invite("a", hides, &offer());
        let invite = invite_to(&bench, OUT).expect("the operator gets the call");
        bench.phone_replies(&invite, 180, "");
        bench.invite("b", hides, &offer());
        assert_eq!(to_the_caller(&bench), [100, 180]);
        assert_eq!(invite_to(&bench, OUT), None, "no second round");
        assert!(invite_to(&bench, PHONE).is_some(), "his next step");
        assert!(bench.records.is_empty() && bench.ours(&Method::Cancel).is_none());
        bench.cancel("b");
        assert_eq!(outcomes(&bench), [OfferOutcome::Busy]);
        // It rings no more: the next of that number is sent there.
        bench.phone_replies(&invite, 486, "");
        bench.invite("c", hides, &offer());
        assert!(invite_to(&bench, OUT).is_some());
    }
}

/// The doctor's mobile is forwarded to us for all who call it.
#[test]
fn another_who_comes_by_the_number_that_rings_is_no_echo() {
    let (mut bench, invite) = to_the_doctor(|_| ());
    bench.phone_replies(&invite, 180, "");
    let diversion = "\nDiversion: <sip:+33639980099@op>;reason=no-answer";
    let other = invite_head("b", diversion).replace("33639980001", "33639980002");
    bench.receive(TRUNK, &other, &offer());
    assert_eq!(to_the_caller(&bench), [100, 180]);
    assert!(bench.records.is_empty());
}

#[test]
fn of_several_phones_the_first_answer_wins_and_the_others_show_no_missed_call() {
    let others = ["203.0.113.8:5060", "203.0.113.9:5060"];
    let users = ["101", "102", "103"];
    let mut bench = Bench::new(setup(&users, &[queue()], |config| {
        Arc::make_mut(&mut config.floor).teams.get_mut(&TeamId(1)).expect("it is there").ring = 3;
    }));
    let phones = [PHONE, others[0], others[1]];
    for (phone, user) in phones.iter().zip(users) {
        bench.register(phone, user);
    }
    bench.invite("a", "", &offer());
    let rung = phones.map(|phone| invite_to(&bench, phone).expect("all are rung"));
    assert_eq!(bench.engine.ports_in_use(), 4);
    for invite in &rung {
        bench.phone_replies(invite, 180, "");
    }
    bench.phone_replies(&rung[1], 200, &sdp("203.0.113.8", 4000, "8 101"));
    assert_eq!(to_the_caller(&bench), [200]);
    let cancels: Vec<_> =
        bench.sent.iter().filter(|(_, it)| it.method() == Method::Cancel).cloned().collect();
    assert_eq!(cancels.len(), 2);
    for (flow, cancel) in cancels {
        assert_ne!(flow.remote.to_string(), phones[1]);
        let reason = text(&cancel, HeaderName::Reason);
        assert_eq!(reason, "SIP;cause=200;text=\"Call completed elsewhere\"");
    }
    // One of them picks up in that very moment.
    bench.phone_replies(&rung[0], 200, &sdp("203.0.113.7", 4000, "8 101"));
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    bench.phone_replies(&rung[2], 487, "");
    assert_eq!(bench.engine.ports_in_use(), 2);
    bench.run_for(Duration::from_secs(6));
    bench.phone_within(&rung[1], "BYE", 2, "");
    over(&mut bench, Disposition::Answered, Party::Agent);
    let offers = &bench.records[0].offers;
    let served = offers.iter().filter(|it| it.outcome == OfferOutcome::Served).count();
    assert_eq!((served, offers.len(), bench.records[0].agent), (1, 3, Some(AgentId(2))));
}

#[test]
fn a_phone_more_is_not_rung_with_the_ports_of_another_call() {
    let users = ["101", "102"];
    // The other practice has nobody: its callers wait, each with the right to a second pair.
    let (other, nobody) = (PracticeId(2), TeamId(2));
    let setup = setup(&users, &[queue()], |config| {
        config.numbers.insert(number("01 99 00 56 78"), other);
        config.practices.insert(other, call::Practice::default());
        let floor = Arc::make_mut(&mut config.floor);
        floor.teams.get_mut(&TeamId(1)).expect("it is there").ring = 2;
        floor.teams.insert(nobody, acd::Team::default());
        let mut practice = floor.practices[&PRACTICE].clone();
        practice.open.steps = vec![Step::queue(nobody, None)];
        floor.practices.insert(other, practice);
    });
    let mut bench = Bench::new(setup);
    for call in 0..24 {
        let head = invite_head(&format!("w{call}"), "").replace("33199001234", "33199005678");
        bench.receive(TRUNK, &head, &offer());
        assert_eq!(bench.status(), Some(180));
    }
    let phones = [PHONE, "203.0.113.8:5060"];
    for (phone, user) in phones.iter().zip(users) {
        bench.register(phone, user);
    }
    assert_eq!(bench.engine.ports_spare(), 2);
    bench.invite("last", "", &offer());
    let rung = |bench: &Bench| phones.map(|phone| invite_to(bench, phone).is_some());
    assert_eq!(rung(&bench), [true, false]);
    let ended = |notice: &Notice| {
        let Notice::OfferEnded { outcome, .. } = notice else { return None };
        Some(*outcome)
    };
    let ended: Vec<OfferOutcome> = bench.notices.iter().filter_map(ended).collect();
    assert_eq!(ended, [OfferOutcome::Withdrawn], "she is not to blame");
    assert_eq!((bench.engine.ports_in_use(), bench.engine.ports_spare()), (26, 0));
    let first = invite_to(&bench, PHONE).expect("seen above");
    bench.phone_replies(&first, 180, "");
    // Somebody gives up: two pairs are spare, and she is rung at once.
    let head = invite_head("w3", "").replace("33199001234", "33199005678");
    bench.receive(TRUNK, &head.replace("INVITE", "CANCEL"), "");
    assert_eq!(bench.engine.agent_legs().filter(|leg| !leg.closing).count(), 2);
    bench.input(Input::HangUpAll);
    bench.run_for(LONG);
    assert_eq!((bench.engine.ports_in_use(), bench.engine.ports_spare()), (0, 50));
}

#[test]
fn a_reception_is_no_secretary_it_has_no_state_and_dials_nothing() {
    let mut bench = Bench::new(setup(&["101"], &[queue()], |_| ()));
    bench.register(DESK, "reception");
    let is_there = |notice: &Notice| matches!(notice, Notice::PhoneRegistered { phone: RECEPTION, flow } if flow.remote.to_string() == DESK);
    assert!(bench.notices.iter().any(is_there));
    assert_eq!(bench.engine.phone_bindings(RECEPTION).count(), 1);
    assert_eq!(bench.engine.scheduler().agent(AgentId(1)).unwrap().state, AgentState::LoggedOut);
    for dialled in ["*31", "*30", "0199001234"] {
        bench.dials(DESK, "reception", dialled, &offer());
        assert_eq!(bench.status(), Some(403), "{dialled}");
    }
    // Beside a secretary's phone behind one connection.
    bench.register(DESK, "101");
    bench.dials(DESK, "reception", "*31", &offer());
    assert_eq!(bench.status(), Some(403));
    bench.dials(DESK, "101", "*31", &offer());
    assert_eq!(bench.status(), Some(200));
    assert_eq!(bench.register_as(PHONE, "101", "reception", "secret"), Some(401), "not as her");
}

#[test]
fn a_name_that_changes_hands_takes_no_phone_with_it() {
    let mut bench = Bench::new(setup(&["101"], &[queue()], |_| ()));
    bench.register(DESK, "reception");
    bench.input(Input::Configure(config(&["101", "reception"], |_| ())));
    let hers = |bench: &Bench| bench.engine.scheduler().agent(AgentId(2)).unwrap().reachable;
    assert!(!hers(&bench) && bench.engine.bindings(AgentId(2)).count() == 0);
    bench.register(DESK, "reception");
    assert!(hers(&bench), "she registers herself");
}

#[test]
fn an_operators_hand_forwards_a_caller_who_waits_the_same_way() {
    let mut bench = Bench::new(setup(&["101"], &[queue()], |_| ()));
    bench.invite("a", "", &offer());
    let call = bench.engine.live_calls().next().expect("he waits").call;
    let to = Forward { target: doctor(), ring_for: RINGS };
    bench.sent.clear();
    bench.input(Input::Caller { call, command: CallerCommand::Redirect { to } });
    let invite = invite_to(&bench, OUT).expect("the operator gets the call");
    bench.phone_replies(&invite, 200, &theirs());
    press(&mut bench, '1');
    assert_eq!(to_the_caller(&bench), [200]);
    bye(&mut bench, OUT, &invite);
    over(&mut bench, Disposition::Forwarded, Party::Target);
}

#[test]
fn a_forwarding_goes_on_where_a_snapshot_was_taken_at_every_step_of_it() {
    let setup = setup(&["101"], &[to(doctor()), queue()], |_| ());
    let mut bench = Bench::new(Arc::clone(&setup));
    let reborn = |bench: &mut Bench| {
        let snapshot = bench.engine.snapshot();
        bench.engine = Engine::restore(Arc::clone(&setup), &snapshot).expect("our own snapshot");
        assert_eq!(bench.engine.snapshot(), snapshot, "to the byte");
    };
    bench.invite("a", "", &offer());
    let invite = invite_to(&bench, OUT).expect("the operator gets the call");
    reborn(&mut bench);
    bench.phone_replies(&invite, 180, "");
    reborn(&mut bench);
    bench.phone_replies(&invite, 200, &theirs());
    reborn(&mut bench);
    press(&mut bench, '1');
    assert_eq!(to_the_caller(&bench), [200]);
    reborn(&mut bench);
    bye(&mut bench, OUT, &invite);
    reborn(&mut bench);
    over(&mut bench, Disposition::Forwarded, Party::Target);
}

#[test]
fn who_is_asked_may_change_his_description_meanwhile() {
    let (mut bench, invite) = asked_at_the_doctors();
    let moved = ("application/sdp", &sdp("198.51.100.3", 7000, "8 101")[..]);
    sends(&mut bench, OUT, &invite, "INVITE", 2, moved);
    assert_eq!(bench.status(), Some(200));
    let (_, _, leg) = asked(&bench);
    assert_eq!(leg.remote.expect("he has one").rtp, "198.51.100.3:7000".parse().unwrap());
    assert!(leg.play.is_some() && leg.peer.is_none());
    sends(&mut bench, OUT, &invite, "ACK", 2, ("", ""));
    press(&mut bench, '1');
    assert_eq!(to_the_caller(&bench), [200]);
}

#[test]
fn the_end_of_the_process_lets_go_of_who_rings_is_asked_or_talks() {
    let (mut ringing, invite) = to_the_doctor(|_| ());
    ringing.phone_replies(&invite, 180, "");
    let (mut asked, _) = asked_at_the_doctors();
    let (mut talking, _) = asked_at_the_doctors();
    press(&mut talking, '1');
    let cases = [
        (&mut ringing, Method::Cancel, Disposition::Lost),
        (&mut asked, Method::Bye, Disposition::Lost),
        (&mut talking, Method::Bye, Disposition::Forwarded),
    ];
    for (bench, ended, disposition) in cases {
        bench.sent.clear();
        bench.input(Input::HangUpAll);
        assert!(bench.ours(&ended).is_some(), "{disposition:?}");
        over(bench, disposition, Party::Us);
    }
}

#[test]
fn no_number_that_we_forward_to_can_be_read_in_what_is_logged() {
    let (mut bench, invite) = asked_at_the_doctors();
    press(&mut bench, '1');
    bye(&mut bench, OUT, &invite);
    let told = format!("{:?} {:?}", bench.notices, bench.records);
    assert!(told.contains("LineId(…99)") && !told.contains("639980099"), "{told}");
}
