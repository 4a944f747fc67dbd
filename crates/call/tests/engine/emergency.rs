//! Emergency numbers: they go out before every rule, by the trunk of her site and no other, and who
//! cannot be put through hears so.

use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, AgentState, PhoneId, PromptId, SiteId};
use call::{
    AgentCommand, Config, E164, EmergencyOutcome, Engine, ForwardedBy, Input, MediaEvent, MediaLeg,
    MediaOrder, MediaSource, Network, Notice, Outbound, Owner, Phone, Playing, Pool, Port, Prompt,
    Site, Source, Stage, Trunk, TrunkId, User,
};
use sip::{Account, HeaderName, Message, Method, Transport};

use crate::bench::{Bench, PHONE, REALM, config, sdp};
use crate::offer;

/// Where the operators of Paris and of Lyon take our calls.
const PARIS: &str = "198.51.100.2:5080";
const LYON: &str = "198.51.100.3:5080";
const OTHER_PHONE: &str = "203.0.113.8:5060";
const DESK: &str = "203.0.113.20:5060";
const ANNA: AgentId = AgentId(1);
const TEXT: PromptId = PromptId(7);
const LONG: Duration = Duration::from_secs(120);

/// 101 works in Paris, 102 in Lyon, others nowhere that has a trunk.
fn setup(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    config(&["101", "102", "103"], |config| {
        for (id, site, to, number) in
            [(1, 1, PARIS, "01 99 00 12 34"), (2, 2, LYON, "04 65 71 12 34")]
        {
            trunk_of(config, id, to);
            let site = (SiteId(site), named(site, TrunkId(id), number));
            config.sites.insert(site.0, site.1);
        }
        let floor = Arc::make_mut(&mut config.floor);
        for (agent, site) in [(1, 1), (2, 2), (3, 9)] {
            floor.agents.get_mut(&AgentId(agent)).expect("she is there").site = SiteId(site);
        }
        change(config);
    })
}

fn named(site: u16, trunk: TrunkId, number: &str) -> Site {
    let number = E164::read(number).expect("tests write numbers");
    Site { name: format!("site {site}"), trunk, number }
}

fn trunk_of(config: &mut Config, id: u32, to: &str) {
    let mut trunk: Trunk = config.trunks[&TrunkId(1)].clone();
    let to: std::net::SocketAddr = to.parse().expect("an address");
    if id != 1 {
        let network = Network { address: to.ip(), prefix: 32 };
        trunk.sources = vec![Source { network, port: None }];
    }
    let forwarded_by = ForwardedBy::Diversion;
    trunk.outbound = Some(Outbound { transport: Transport::Udp, to, forwarded_by });
    config.trunks.insert(TrunkId(id), trunk);
}

fn bench() -> Bench {
    let mut bench = Bench::new(setup(|_| ()));
    bench.register(PHONE, "101");
    bench
}

fn voice() -> String {
    sdp("203.0.113.7", 4000, "9 8 101")
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

/// What was sent there last: statuses and methods.
fn sent_to(bench: &Bench, address: &str) -> Vec<String> {
    let line = |message: &Message| match message.status() {
        Some(status) => format!("{status} {}", message.method().as_str()),
        None => message.method().as_str().to_string(),
    };
    let sent = bench.sent.iter().filter(|(flow, _)| flow.remote.to_string() == address);
    sent.map(|(_, message)| line(message)).collect()
}

fn text(message: &Message, name: HeaderName) -> String {
    message.text(name).unwrap_or_default().to_string()
}

/// She dials; our INVITE to her operator.
fn dial(bench: &mut Bench, number: &str) -> Message {
    bench.dials(PHONE, "101", number, &voice());
    invite_to(bench, PARIS).expect("it goes out by the trunk of her site")
}

/// The same up to the conversation; our INVITE there, and our answer to her.
fn talk(bench: &mut Bench) -> (Message, Message) {
    let invite = dial(bench, "15");
    bench.phone_replies(&invite, 180, "");
    assert_eq!(sent_to(bench, PHONE), ["180 INVITE"]);
    bench.phone_replies(&invite, 200, &theirs());
    let answer = answer(bench);
    bench.dialler_sends(PHONE, "ACK", 1, &answer);
    (invite, answer)
}

fn answer(bench: &Bench) -> Message {
    let is_answer = |message: &&Message| message.status() == Some(200);
    let mut sent = bench.sent.iter().rev().map(|(_, message)| message);
    sent.find(is_answer).expect("she is answered").clone()
}

/// What the operator sends within our leg to him.
fn operator_sends(bench: &mut Bench, invite: &Message, method: &str, cseq: u32, body: &str) {
    let head = format!(
        "{method} sip:monoligne@192.0.2.1:5060 SIP/2.0
         Via: SIP/2.0/UDP {PARIS};rport;branch=z9hG4bKcentre{method}{cseq}
         From: {};tag=phone
         To: {}
         Call-ID: {}
         CSeq: {cseq} {method}
         Contact: <sip:{PARIS}>",
        text(invite, HeaderName::To),
        text(invite, HeaderName::From),
        text(invite, HeaderName::CallId),
    );
    bench.receive(PARIS, &head, body);
}

fn state(bench: &Bench, agent: AgentId) -> AgentState {
    bench.engine.scheduler().agent(agent).expect("she is there").state
}

/// May she be offered a caller?
fn is_free(bench: &Bench) -> bool {
    bench.engine.scheduler().agent(ANNA).expect("she is there").free
}

fn failed(bench: &Bench) -> Vec<EmergencyOutcome> {
    let why = |notice: &Notice| {
        let Notice::EmergencyFailed { why, .. } = notice else { return None };
        Some(*why)
    };
    bench.notices.iter().filter_map(why).collect()
}

fn counted(bench: &Bench) -> Vec<(EmergencyOutcome, u64)> {
    bench.engine.ledger().emergencies.iter().map(|(outcome, count)| (*outcome, *count)).collect()
}

/// What her phone plays to her, once the failure is answered and confirmed.
fn told(bench: &mut Bench) -> Option<Playing> {
    let answer = answer(bench);
    bench.dialler_sends(PHONE, "ACK", 1, &answer);
    bench.leg(MediaSource::Latch).2.play.map(|play| play.what)
}

/// Nothing of any emergency call is left: no pair, no dialog, no leg.
fn over(bench: &mut Bench) {
    bench.run_for(LONG);
    let engine = &bench.engine;
    assert_eq!(engine.emergencies().count(), 0);
    assert_eq!((engine.ports_in_use(), engine.ports_spare()), (0, 50));
    assert_eq!(engine.endpoint_counts().dialogs, 0);
    let ledger = engine.ledger();
    assert_eq!((ledger.ledger_imbalances, ledger.single_line_violations), (0, 0));
}

#[test]
fn the_short_code_goes_to_the_trunk_of_her_site_with_its_number_and_nothing_hidden() {
    let mut bench = bench();
    let invite = dial(&mut bench, "15");
    let uri = invite.uri().expect("it has one");
    assert_eq!(uri.user_decoded().as_deref(), Some("15"));
    assert!(text(&invite, HeaderName::From).starts_with("<sip:+33199001234@"));
    assert_eq!(text(&invite, HeaderName::PAssertedIdentity), format!("<sip:+33199001234@{REALM}>"));
    for hidden in [HeaderName::Privacy, HeaderName::Diversion, HeaderName::HistoryInfo] {
        assert_eq!(invite.text(hidden), None);
    }
    let offer = sip::sdp::Offer::read(invite.body()).expect("our offer");
    let codecs: Vec<_> = offer.audio().expect("voice").formats.iter().map(|it| it.codec).collect();
    assert_eq!(codecs, [sip::sdp::Codec::G722, sip::sdp::Codec::Pcma], "what her phone can");
    let user = User::Agent(ANNA);
    let trunk = Some(TrunkId(1));
    let told = Notice::EmergencyDialled { user, number: "15".to_string(), trunk };
    assert!(bench.notices.contains(&told));
    let ledger = bench.engine.ledger();
    assert_eq!((ledger.offered, bench.records.len()), (0, 0), "it is no call of a trunk");
}

#[test]
fn an_emergency_number_is_known_however_her_phone_writes_it() {
    for (written, number) in [
        ("15", "15"),
        ("112", "112"),
        ("116117", "116117"),
        ("+33112", "112"),
        ("0033112", "112"),
        ("%2B33112", "112"),
        ("116%20117", "116117"),
        ("15;phone-context=+33", "15"),
    ] {
        let mut bench = bench();
        let invite = dial(&mut bench, written);
        let uri = invite.uri().expect("it has one");
        assert_eq!(uri.user_decoded().as_deref(), Some(number), "{written}");
    }
    for (uri, number) in
        [("tel:112", "112"), ("urn:service:sos", "112"), ("urn:service:sos.fire", "18")]
    {
        let mut bench = bench();
        let head = format!(
            "INVITE {uri} SIP/2.0
             Via: SIP/2.0/UDP {PHONE};rport;branch=z9hG4bKuri
             From: <sip:101@{REALM}>;tag=uri
             To: <{uri}>
             Call-ID: uri
             CSeq: 1 INVITE
             Contact: <sip:101@{PHONE}>"
        );
        bench.receive(PHONE, &head, &voice());
        let invite = invite_to(&bench, PARIS).expect(uri);
        let to = invite.uri().expect("it has one");
        assert_eq!(to.user_decoded().as_deref(), Some(number), "{uri}");
    }
    let mut bench = bench();
    bench.dials(PHONE, "101", "3315", &voice());
    assert_eq!(bench.status(), Some(404), "another short number");
}

#[test]
fn each_secretary_reaches_the_centre_of_her_own_site() {
    let mut bench = bench();
    bench.register(OTHER_PHONE, "102");
    bench.dials(OTHER_PHONE, "102", "18", &voice());
    let invite = invite_to(&bench, LYON).expect("by the trunk of Lyon");
    assert!(text(&invite, HeaderName::From).contains("+33465711234"));
    assert_eq!(invite_to(&bench, PARIS), None);
}

#[test]
fn both_hear_each_other_once_the_centre_answers_and_each_may_hang_up() {
    for her_side in [true, false] {
        let mut bench = bench();
        let (invite, answer) = talk(&mut bench);
        let (hers, _, hers_leg) = bench.leg(MediaSource::Latch);
        let (centres, _, centres_leg) = bench.leg(MediaSource::Fixed);
        assert_eq!((hers_leg.peer, centres_leg.peer), (Some(centres), Some(hers)));
        assert_eq!(centres_leg.remote.expect("it is known").rtp.port(), 6000);
        assert!(hers_leg.watch && centres_leg.watch);
        let offer = sip::sdp::Offer::read(answer.body()).expect("our answer");
        let formats = &offer.audio().expect("voice").formats;
        assert_eq!(formats[0].codec, sip::sdp::Codec::Pcma, "the one that the centre chose");
        bench.sent.clear();
        if her_side {
            bench.dialler_sends(PHONE, "BYE", 2, &answer);
            assert_eq!(sent_to(&bench, PARIS), ["BYE"]);
        } else {
            operator_sends(&mut bench, &invite, "BYE", 2, "");
            assert_eq!(sent_to(&bench, PHONE), ["BYE"]);
            assert!(!is_free(&bench), "until her phone has let go");
        }
        let bye = bench.ours(&Method::Bye).expect("the other side is let go");
        bench.answers(&bye, 200);
        assert!(is_free(&bench));
        assert_eq!(counted(&bench), [(EmergencyOutcome::Answered, 1)]);
        let user = User::Agent(ANNA);
        let ended = Notice::EmergencyEnded { user, number: "15".to_string(), answered: true };
        assert!(bench.notices.contains(&ended));
        over(&mut bench);
    }
}

#[test]
fn what_the_operator_lets_hear_before_an_answer_is_heard() {
    let mut bench = bench();
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 183, &theirs());
    let progress = bench.sent.last().expect("she is told").1.clone();
    assert_eq!(progress.status(), Some(183));
    assert!(!progress.body().is_empty(), "with a description");
    let (hers, _, leg) = bench.leg(MediaSource::Latch);
    let (centres, _, theirs_leg) = bench.leg(MediaSource::Fixed);
    assert_eq!((leg.peer, theirs_leg.peer), (Some(centres), Some(hers)));
    bench.phone_replies(&invite, 200, "");
    assert_eq!(sent_to(&bench, PARIS), ["ACK"], "the description stood in the 183");
    assert_eq!(answer(&bench).body(), progress.body());
}

#[test]
fn her_hang_up_before_an_answer_is_the_operators_cancel() {
    let mut bench = bench();
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 180, "");
    let id = bench.cseq;
    let head = format!(
        "CANCEL sip:15@{REALM} SIP/2.0
         Via: SIP/2.0/UDP {PHONE};rport;branch=z9hG4bKdial{id}
         From: <sip:101@{REALM}>;tag=dial{id}
         To: <sip:15@{REALM}>
         Call-ID: dial{id}
         CSeq: 1 CANCEL"
    );
    bench.receive(PHONE, &head, "");
    assert_eq!(sent_to(&bench, PARIS), ["CANCEL"]);
    assert!(is_free(&bench));
    assert_eq!(counted(&bench), [(EmergencyOutcome::Abandoned, 1)]);
    bench.phone_replies(&invite, 487, "");
    over(&mut bench);
    assert_eq!(failed(&bench), [], "no alarm: she changed her mind");
}

#[test]
fn she_is_let_through_in_whatever_state_she_is() {
    type Prepare = fn(&mut Bench);
    let order = |bench: &mut Bench, command| bench.input(Input::Agent { agent: ANNA, command });
    let paused = move |bench: &mut Bench| order(bench, AgentCommand::Pause { reason: 3 });
    let logged_out = move |bench: &mut Bench| order(bench, AgentCommand::LogOut);
    let draining: Prepare = |bench| bench.input(Input::Drain);
    let wrapping_up: Prepare = |bench| {
        let to = bench.talk("w", &offer());
        bench.within("w", &to, "ACK", 1, "");
        bench.within("w", &to, "BYE", 2, "");
        assert!(matches!(state(bench, ANNA), AgentState::WrapUp { .. }));
    };
    let not_responding: Prepare = |bench| {
        bench.invite("m", "", &offer());
        let rung = invite_to(bench, PHONE).expect("her phone rings");
        bench.phone_replies(&rung, 180, "");
        bench.run_for(Duration::from_secs(21));
        assert_eq!(state(bench, ANNA), AgentState::NotResponding);
    };
    let cases: [&dyn Fn(&mut Bench); 5] =
        [&paused, &logged_out, &draining, &wrapping_up, &not_responding];
    for prepare in cases {
        let mut bench = Bench::new(setup(|config| {
            let teams = &mut Arc::make_mut(&mut config.floor).teams;
            teams.values_mut().for_each(|team| team.misses_max = 1);
        }));
        bench.register(PHONE, "101");
        prepare(&mut bench);
        let before = state(&bench, ANNA);
        dial(&mut bench, "15");
        assert!(!is_free(&bench));
        assert_eq!(state(&bench, ANNA), before, "it is no state of the scheduler's");
    }
}

#[test]
fn a_caller_who_rings_at_her_phone_goes_to_somebody_else() {
    let mut bench = bench();
    bench.invite("a", "", &offer());
    let offered = invite_to(&bench, PHONE).expect("her phone rings");
    bench.phone_replies(&offered, 180, "");
    bench.register(OTHER_PHONE, "102");
    dial(&mut bench, "15");
    assert!(sent_to(&bench, PHONE).contains(&"CANCEL".to_string()), "{:?}", bench.lines());
    assert!(invite_to(&bench, OTHER_PHONE).is_some(), "the other secretary has him");
    assert!(!is_free(&bench));
    bench.phone_replies(&offered, 200, &voice());
    assert!(bench.engine.live_calls().all(|call| call.stage == Stage::Waiting), "too late");
}

#[test]
fn on_a_call_she_dials_beside_it_and_is_busy_after_both() {
    let mut bench = Bench::new(setup(|_| ()));
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let patient = bench.rung.clone().expect("her phone was rung");
    bench.phone_within(&patient, "INVITE", 2, &(voice() + "a=sendonly\r\n"));
    bench.phone_within(&patient, "ACK", 2, "");
    let (_, answer) = talk(&mut bench);
    assert!(matches!(state(&bench, ANNA), AgentState::Talking(_)), "her patient is on hold");
    bench.within("a", &to, "BYE", 2, "");
    let bye = bench.ours(&Method::Bye).expect("her leg with the patient ends");
    bench.answers(&bye, 200);
    bench.run_for(Duration::from_secs(6));
    assert_eq!(state(&bench, ANNA), AgentState::Available, "her wrap-up is over");
    assert!(!is_free(&bench), "she is in an emergency call");
    bench.invite("b", "", &offer());
    assert_eq!(invite_to(&bench, PHONE), None);
    bench.dialler_sends(PHONE, "BYE", 2, &answer);
    assert!(invite_to(&bench, PHONE).is_some(), "the next caller is hers");
}

#[test]
fn who_is_removed_in_it_and_written_back_before_its_end_is_offered_nobody_meanwhile() {
    let without = setup(|config| {
        config.agents.remove(&ANNA);
        Arc::make_mut(&mut config.floor).agents.remove(&ANNA);
    });
    let mut bench = bench();
    let (_, answer) = talk(&mut bench);
    bench.input(Input::Configure(without));
    bench.input(Input::Configure(setup(|_| ())));
    bench.register(PHONE, "101");
    bench.invite("a", "", &offer());
    assert_eq!(invite_to(&bench, PHONE), None, "she is in an emergency call");
    bench.dialler_sends(PHONE, "BYE", 2, &answer);
    assert!(invite_to(&bench, PHONE).is_some(), "he is hers now");
}

#[test]
fn a_code_that_ends_beside_it_does_not_free_her_line() {
    let mut bench = bench();
    let (_, emergency) = talk(&mut bench);
    bench.dials(PHONE, "101", "*32", &voice());
    let code = answer(&bench);
    bench.dialler_sends(PHONE, "ACK", 1, &code);
    bench.dialler_sends(PHONE, "BYE", 2, &code);
    assert!(!is_free(&bench), "the emergency call is up");
    bench.dialler_sends(PHONE, "BYE", 2, &emergency);
    assert!(is_free(&bench));
}

#[test]
fn no_limit_of_calls_or_tables_holds_it_back() {
    let mut bench = Bench::new(setup(|config| {
        config.limits.calls_max = 25;
        config.limits.dialogs_max = 25;
    }));
    bench.register(PHONE, "103");
    bench.register(PHONE, "101");
    bench.input(Input::Agent { agent: AgentId(3), command: AgentCommand::LogOut });
    bench.input(Input::Agent { agent: ANNA, command: AgentCommand::LogOut });
    for call in 0..25 {
        bench.invite(&format!("call{call}"), "", &offer());
    }
    assert_eq!(bench.engine.ports_spare(), 0, "all pairs are held or promised");
    bench.invite("more", "", &offer());
    assert_eq!(bench.status(), Some(486));
    dial(&mut bench, "15");
    assert_eq!(failed(&bench), []);
    // Two pairs of those promised are gone: no call dies of it, and the next offer finds one.
    bench.input(Input::Agent { agent: AgentId(3), command: AgentCommand::LogIn });
    assert_eq!(bench.engine.live_calls().count(), 25);
}

#[test]
fn where_every_pair_is_held_she_hears_busy_and_an_alarm_is_raised() {
    let mut bench = Bench::new(setup(|_| ()));
    let shards = vec![vec![20_000, 20_002, 20_004, 20_006]];
    let pool = Pool { address: [192, 0, 2, 1].into(), shards };
    bench.engine = Engine::new(setup(|_| ()), bench_setup());
    bench.input(Input::Ports(pool));
    bench.register(PHONE, "101");
    dial(&mut bench, "15");
    dial(&mut bench, "15");
    bench.dials(PHONE, "101", "15", &voice());
    assert_eq!(bench.lines(), ["100 INVITE", "486 INVITE"]);
    assert_eq!(failed(&bench), [EmergencyOutcome::Full]);
    bench.invite("a", "", &offer());
    assert_eq!(bench.status(), Some(486), "nor is there one for a caller");
}

#[test]
fn with_one_pair_left_she_hears_that_it_failed() {
    let mut bench = Bench::new(setup(|_| ()));
    bench.engine = Engine::new(setup(|_| ()), bench_setup());
    let pool = Pool { address: [192, 0, 2, 1].into(), shards: vec![vec![20_000]] };
    bench.input(Input::Ports(pool));
    bench.register(PHONE, "101");
    bench.dials(PHONE, "101", "15", &voice());
    assert_eq!(failed(&bench), [EmergencyOutcome::Full]);
    assert_eq!(told(&mut bench), Some(Playing::Refused));
}

fn bench_setup() -> call::Setup {
    call::Setup { node: 1, epoch: 1, seed: [3; 32], user_agent: "monoligne".to_string() }
}

#[test]
fn more_emergency_calls_than_a_phone_has_lines_are_busy_and_raise_an_alarm() {
    let mut bench = bench();
    for _ in 0..4 {
        dial(&mut bench, "15");
    }
    assert_eq!(failed(&bench), []);
    bench.dials(PHONE, "101", "15", &voice());
    assert_eq!(bench.status(), Some(486));
    assert_eq!(failed(&bench), [EmergencyOutcome::Full]);
}

#[test]
fn what_the_operator_does_not_take_is_told_to_her_and_raises_an_alarm() {
    for (status, why) in [
        (486, EmergencyOutcome::Busy),
        (503, EmergencyOutcome::Unreachable),
        (480, EmergencyOutcome::Unreachable),
        (404, EmergencyOutcome::Refused),
    ] {
        let mut bench = bench();
        bench.register(OTHER_PHONE, "102");
        let invite = dial(&mut bench, "15");
        bench.phone_replies(&invite, status, "");
        assert_eq!(failed(&bench), [why], "{status}");
        assert_eq!(told(&mut bench), Some(Playing::Refused), "beeps, where no text is there");
        assert_eq!(invite_to(&bench, LYON), None, "another trunk reaches the wrong centre");
        assert_eq!(counted(&bench), [(why, 1)]);
        assert!(!is_free(&bench), "she listens");
        over(&mut bench);
        assert!(is_free(&bench));
    }
}

#[test]
fn an_operator_who_says_nothing_is_not_waited_for_and_his_late_answer_is_ended() {
    let mut bench = bench();
    let invite = dial(&mut bench, "15");
    bench.run_for(Duration::from_secs(5));
    assert_eq!(failed(&bench), [EmergencyOutcome::Unreachable]);
    assert_eq!(answer(&bench).status(), Some(200), "she hears it");
    bench.phone_replies(&invite, 200, &theirs());
    assert_eq!(sent_to(&bench, PARIS), ["ACK", "BYE"]);
    over(&mut bench);
    assert_eq!(counted(&bench), [(EmergencyOutcome::Unreachable, 1)]);
}

#[test]
fn an_operator_who_rings_is_waited_for_as_long_as_she_likes() {
    let mut bench = bench();
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 180, "");
    bench.run_for(Duration::from_secs(600));
    assert_eq!(failed(&bench), []);
    bench.phone_replies(&invite, 200, &theirs());
    assert_eq!(answer(&bench).status(), Some(200));
}

fn asking() -> Bench {
    let mut bench = Bench::new(setup(|config| {
        config.registrar.options_interval = Duration::from_secs(20);
    }));
    bench.register(PHONE, "101");
    bench
}

fn is_reachable(bench: &Bench) -> bool {
    bench.engine.scheduler().agent(ANNA).expect("she is there").reachable
}

#[test]
fn no_operator_rings_for_ever_for_a_phone_that_is_gone() {
    let mut bench = asking();
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 180, "");
    bench.run_for(Duration::from_secs(20));
    assert!(
        sent_to(&bench, PHONE).contains(&"OPTIONS".to_string()),
        "a ringing leg proves nothing"
    );
    bench.run_for(Duration::from_secs(600));
    assert!(!is_reachable(&bench));
    assert_eq!(sent_to(&bench, PARIS), Vec::<String>::new(), "some phones answer no OPTIONS");
    bench.run_for(Duration::from_secs(1_200));
    assert_eq!(sent_to(&bench, PARIS).first().map(String::as_str), Some("CANCEL"));
    assert_eq!(failed(&bench), [EmergencyOutcome::Unreachable]);
    bench.phone_replies(&invite, 487, "");
    over(&mut bench);
}

#[test]
fn a_phone_that_is_heard_while_it_rings_is_waited_for() {
    let mut bench = asking();
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 180, "");
    for _ in 0..200 {
        bench.sent.clear();
        bench.run_for(Duration::from_secs(1));
        if let Some(options) = bench.ours(&Method::Options) {
            bench.answers(&options, 200);
        }
    }
    assert_eq!(bench.engine.emergencies().count(), 1);
    assert!(is_reachable(&bench));
}

#[test]
fn a_phone_that_does_not_take_our_hang_up_is_asked_before_it_is_rung_again() {
    let mut bench = asking();
    let (invite, _) = talk(&mut bench);
    operator_sends(&mut bench, &invite, "BYE", 1, "");
    assert!(is_reachable(&bench));
    bench.run_for(Duration::from_secs(31));
    assert!(!is_reachable(&bench), "long before our BYE is given up");
    assert_eq!(bench.engine.emergencies().count(), 1);
}

#[test]
fn the_text_is_heard_whole_and_then_hung_up() {
    let mut bench = Bench::new(setup(|config| {
        config.emergency.prompt = Some(TEXT);
        let duration = Duration::from_secs(8);
        config.prompts.insert(TEXT, Prompt { name: "emergency".to_string(), duration });
    }));
    bench.register(PHONE, "101");
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 503, "");
    let playing = bench.leg(MediaSource::Latch).2.play;
    assert_eq!(playing, None, "before her ACK nobody listens");
    let prompt = Playing::Prompt { prompt: TEXT, repeat: false };
    assert_eq!(told(&mut bench), Some(prompt));
    bench.run_for(Duration::from_secs(12));
    assert_eq!(bench.ours(&Method::Bye), None, "it may be longer than its time");
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.sent.clear();
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert_eq!(sent_to(&bench, PHONE), ["BYE"]);
    over(&mut bench);
}

/// Orders for her leg, of a play and of none.
fn plays(bench: &Bench, wanted: (Port, Owner)) -> Vec<bool> {
    let of = |order: &MediaOrder| match order {
        MediaOrder::Set { port, owner, leg: MediaLeg { play, .. } } => {
            ((*port, *owner) == wanted).then_some(play.is_some())
        }
        MediaOrder::Release { .. } => None,
    };
    bench.orders.iter().filter_map(of).collect()
}

#[test]
fn beeps_begin_again_until_she_has_heard_enough() {
    let mut bench = Bench::new(setup(|config| config.sites.clear()));
    bench.register(PHONE, "101");
    bench.dials(PHONE, "101", "15", &voice());
    assert_eq!(told(&mut bench), Some(Playing::Refused));
    let (port, owner, _) = bench.leg(MediaSource::Latch);
    bench.orders.clear();
    bench.input(Input::Media(MediaEvent::Played { port, owner }));
    assert_eq!(plays(&bench, (port, owner)), [false, true]);
    bench.sent.clear();
    bench.run_for(Duration::from_secs(11));
    assert_eq!(sent_to(&bench, PHONE)[0], "BYE");
    over(&mut bench);
}

#[test]
fn without_a_way_out_she_is_told_at_once_and_nobody_is_called() {
    type Change = fn(&mut Config);
    let cases: [(Change, EmergencyOutcome); 5] = [
        (|config| config.sites.clear(), EmergencyOutcome::NoSite),
        (
            |config| {
                let agents = &mut Arc::make_mut(&mut config.floor).agents;
                agents.get_mut(&ANNA).expect("she is there").site = SiteId::default();
            },
            EmergencyOutcome::NoSite,
        ),
        (
            |config| {
                config.trunks.get_mut(&TrunkId(1)).expect("it is there").outbound = None;
            },
            EmergencyOutcome::NoTrunk,
        ),
        (|config| trunk_of(config, 1, "[2001:db8::2]:5060"), EmergencyOutcome::OtherFamily),
        (|config| config.emergency.is_guarded = true, EmergencyOutcome::Guarded),
    ];
    for (change, why) in cases {
        let mut bench = Bench::new(setup(change));
        bench.register(PHONE, "101");
        bench.dials(PHONE, "101", "15", &voice());
        assert_eq!(bench.lines(), ["100 INVITE", "200 INVITE"], "{why:?}");
        assert_eq!(failed(&bench), [why]);
        assert_eq!(told(&mut bench), Some(Playing::Refused));
        assert_eq!(invite_to(&bench, LYON), None);
        over(&mut bench);
    }
}

#[test]
fn the_guard_lets_a_trunk_on_this_machine_through() {
    let mut bench = Bench::new(setup(|config| {
        config.emergency.is_guarded = true;
        trunk_of(config, 1, "127.0.0.1:5080");
    }));
    bench.register(PHONE, "101");
    bench.dials(PHONE, "101", "15", &voice());
    assert!(invite_to(&bench, "127.0.0.1:5080").is_some());
}

#[test]
fn it_leaves_from_the_address_of_ours_that_speaks_the_trunks_transport() {
    let locals = ["192.0.2.9:5062", "[2001:db8::1]:5060"];
    let mut bench = Bench::new(setup(|config| {
        let all = locals.iter().map(|it| (Transport::Udp, it.parse().expect("an address")));
        config.locals = all.collect();
    }));
    bench.register(PHONE, "101");
    dial(&mut bench, "15");
    let from = bench.sent.iter().find(|(flow, _)| flow.remote.to_string() == PARIS);
    let from = from.map(|(flow, _)| flow.local.to_string());
    assert_eq!(from.as_deref(), Some(locals[0]), "her phone came to another one");
}

#[test]
fn a_receptions_phone_is_at_no_site_and_hears_so() {
    let mut bench = Bench::new(setup(|config| {
        let account = Account::new("reception", REALM, "secret");
        let (user, name) = ("reception".to_string(), "Accueil".to_string());
        config.phones.insert(PhoneId(1), Phone { user, name, account });
    }));
    bench.register(DESK, "reception");
    bench.dials(DESK, "reception", "112", &voice());
    assert_eq!(sent_to(&bench, DESK), ["100 INVITE", "200 INVITE"]);
    assert_eq!(failed(&bench), [EmergencyOutcome::NoSite]);
    let user = User::Phone(PhoneId(1));
    let trunk = None;
    let told = Notice::EmergencyDialled { user, number: "112".to_string(), trunk };
    assert!(bench.notices.contains(&told));
}

#[test]
fn a_phone_that_carries_no_voice_that_we_do_is_refused_with_an_alarm() {
    let mut bench = bench();
    bench.dials(PHONE, "101", "15", &sdp("203.0.113.7", 4000, "18"));
    assert_eq!(bench.status(), Some(488));
    assert_eq!(failed(&bench), [EmergencyOutcome::NoCodec]);
    over(&mut bench);
}

#[test]
fn an_invite_without_an_offer_gets_ours_and_its_ack_joins_them() {
    let mut bench = bench();
    bench.dials(PHONE, "101", "15", "");
    let invite = invite_to(&bench, PARIS).expect("it goes out");
    bench.phone_replies(&invite, 183, &theirs());
    assert_eq!(sent_to(&bench, PHONE), [""; 0], "no offer of hers that this could answer");
    bench.phone_replies(&invite, 200, &theirs());
    let answer = answer(&bench);
    assert!(!answer.body().is_empty(), "our offer");
    bench.dialler_sends(PHONE, "ACK", 1, &answer);
    assert_eq!(sent_to(&bench, PARIS), ["BYE"], "an ACK without an answer: no voice ever");
    over(&mut bench);
}

#[test]
fn silence_alone_cuts_nobody_and_a_dead_leg_ends_the_other() {
    for source in [MediaSource::Latch, MediaSource::Fixed] {
        let mut bench = bench();
        let (_, _) = talk(&mut bench);
        let (port, owner, _) = bench.leg(source);
        bench.sent.clear();
        bench.input(Input::Media(MediaEvent::Silent { port, owner }));
        let asked = bench.ours(&Method::Options).expect("it is asked");
        bench.answers(&asked, 200);
        bench.run_for(Duration::from_secs(9));
        assert_eq!(bench.engine.emergencies().count(), 1, "it lives");
        assert_eq!(bench.ours(&Method::Bye), None);
        bench.run_for(Duration::from_secs(10));
        let there = [PHONE, PARIS].map(|peer| sent_to(&bench, peer).contains(&"BYE".to_string()));
        assert_eq!(there, [true, true], "{source:?} was asked again, and did not answer");
        over(&mut bench);
    }
}

#[test]
fn she_may_hold_the_centre_and_take_it_back() {
    let mut bench = bench();
    let (_, answer) = talk(&mut bench);
    let held = voice().replace("c=IN", "a=sendonly\r\nc=IN");
    let text = |name| text(&answer, name);
    let (from, to, id) = (text(HeaderName::From), text(HeaderName::To), text(HeaderName::CallId));
    for (cseq, body, receives) in [(2, held, false), (3, voice(), true)] {
        let head = format!(
            "INVITE sip:192.0.2.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {PHONE};rport;branch=z9hG4bKre{cseq}
             From: {from}
             To: {to}
             Call-ID: {id}
             CSeq: {cseq} INVITE
             Contact: <sip:101@{PHONE}>"
        );
        bench.receive(PHONE, &head, &body);
        assert_eq!(bench.status(), Some(200));
        bench.dialler_sends(PHONE, "ACK", cseq, &answer);
        assert_eq!(bench.leg(MediaSource::Latch).2.receives, receives);
        assert_eq!(bench.leg(MediaSource::Fixed).2.peer.is_some(), receives);
    }
}

#[test]
fn an_emergency_call_goes_on_in_a_restored_engine() {
    let config = setup(|_| ());
    let mut bench = Bench::new(Arc::clone(&config));
    bench.register(PHONE, "101");
    let invite = dial(&mut bench, "15");
    let restore = |bench: &mut Bench| {
        let snapshot = bench.engine.snapshot();
        let engine = Engine::restore(Arc::clone(&config), &snapshot);
        bench.engine = engine.expect("a snapshot can be read");
    };
    restore(&mut bench);
    bench.phone_replies(&invite, 200, &theirs());
    let answer = answer(&bench);
    restore(&mut bench);
    bench.dialler_sends(PHONE, "ACK", 1, &answer);
    restore(&mut bench);
    bench.dialler_sends(PHONE, "BYE", 2, &answer);
    assert_eq!(sent_to(&bench, PARIS), ["BYE"]);
    over(&mut bench);
}

#[test]
fn emergency_calls_end_when_everybody_is_hung_up_on() {
    let mut bench = bench();
    let _ = talk(&mut bench);
    bench.sent.clear();
    bench.input(Input::HangUpAll);
    assert_eq!(
        (sent_to(&bench, PARIS), sent_to(&bench, PHONE)),
        (vec!["BYE".into()], vec!["BYE".into()])
    );
    over(&mut bench);
    let invite = dial(&mut bench, "15");
    bench.phone_replies(&invite, 180, "");
    bench.sent.clear();
    bench.input(Input::HangUpAll);
    assert_eq!(sent_to(&bench, PHONE), ["503 INVITE"]);
    assert_eq!(failed(&bench), [EmergencyOutcome::Stopped]);
    bench.phone_replies(&invite, 487, "");
    over(&mut bench);
}
