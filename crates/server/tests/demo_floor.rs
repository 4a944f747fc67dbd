//! The floor around the whole server: a thousand phones on two sockets, and one that vanishes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use server::floor::{
    CallEnd, CallPlan, Floor, Happening, Hearing, Manner, PhoneCall, PhoneEnd, PhoneRef,
    PhoneSetup, PhonesSetup, PlacedCall, Sound, Tone, TrunkSetup, Violation,
};
use server::{Server, ServerSettings};

const PHONES: u32 = 1_000;
const CALLS: usize = 300;
const REALM: &str = "floor.invalid";
const OPERATOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const AT_MOST: Duration = Duration::from_secs(60);

fn folder(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("monoligne-floor-{name}-{}", std::process::id()))
}

fn user(n: u32) -> String {
    format!("agent{n}")
}

fn config(phones: u32) -> call::Config {
    let practice = call::PracticeId(1);
    let team = call::TeamId(1);
    let agents = (0..phones).map(|n| {
        let account = sip::Account {
            ha1_md5: Some(sip::ha1_md5(&user(n), REALM, "secret")),
            ha1_sha256: None,
        };
        (call::AgentId(n), call::Agent { user: user(n), name: user(n), account })
    });
    let rest = Duration::from_secs(1);
    let rules = acd::Setup {
        practices: BTreeMap::from([(
            practice,
            acd::Practice::without_hours(
                Duration::from_secs(20),
                acd::Urgency::Normal,
                acd::Plan { steps: vec![acd::Step::queue(team, None)] },
            ),
        )]),
        teams: BTreeMap::from([(
            team,
            acd::Team {
                ring_for: Duration::from_secs(15),
                wrap_up: Duration::ZERO,
                retry_after: acd::RetryAfter {
                    no_answer: rest,
                    declined: rest,
                    busy: rest,
                    unreachable: rest,
                    dropped: rest,
                },
                misses_max: 0,
                ..acd::Team::default()
            },
        )]),
        agents: (0..phones)
            .map(|n| {
                (
                    call::AgentId(n),
                    acd::Agent { teams: vec![team], wrap_up: None, ..acd::Agent::default() },
                )
            })
            .collect(),
        limits: acd::Limits::default(),
    };
    call::Config {
        realm: REALM.to_owned(),
        urgent_numbers: BTreeMap::new(),
        phones: BTreeMap::new(),
        sites: BTreeMap::new(),
        emergency: call::Emergency::default(),
        locals: Vec::new(),
        trunks: BTreeMap::from([(
            call::TrunkId(1),
            call::Trunk {
                name: "operator".to_owned(),
                sources: vec![call::Source {
                    network: call::Network { address: OPERATOR, prefix: 32 },
                    port: None,
                }],
                transports: vec![sip::Transport::Udp],
                max_unanswered: Duration::from_secs(170),
                rang_before: Duration::from_secs(25),
                numbers: call::Numbering::default(),
                outbound: None,
            },
        )]),
        practices: BTreeMap::from([(
            practice,
            call::Practice {
                key: "practice".to_owned(),
                name: "Practice".to_owned(),
                label: "Practice".to_owned(),
                ..call::Practice::default()
            },
        )]),
        agents: agents.collect(),
        numbers: BTreeMap::from([(
            call::E164::read("0199001001").expect("a French number"),
            practice,
        )]),
        shared: BTreeMap::new(),
        floor: Arc::new(rules),
        prompts: BTreeMap::new(),
        hold: None,
        codecs: vec![sip::sdp::Codec::Pcma],
        ring_refresh: Duration::from_secs(55),
        unreachable_after: Duration::from_secs(2),
        inquiry_timeout: Duration::from_secs(3),
        pause_reasons: BTreeMap::new(),
        teams: BTreeMap::new(),
        registrar: call::RegistrarLimits::default(),
        limits: call::Limits::default(),
    }
}

fn phones(server: &Server, numbers: std::ops::Range<u32>, sound: Sound) -> PhonesSetup {
    let phone = |n| PhoneSetup {
        user: user(n),
        password: "secret".to_owned(),
        expires: Duration::from_secs(300),
        sound,
        first: Vec::new(),
        usual: Manner::answer(Duration::from_millis(50), None),
    };
    PhonesSetup {
        server: server.local_addr(),
        realm: REALM.to_owned(),
        phones: numbers.map(phone).collect(),
    }
}

/// Patient, and leaves it to the secretary to hang up.
fn caller(n: usize, sound: Sound) -> CallPlan {
    CallPlan {
        to: "+33199001001".to_owned(),
        from: format!("+33639980{n:03}"),
        withheld: false,
        diverted_from: None,
        patience: None,
        talk: None,
        sound,
    }
}

#[derive(Default)]
struct Told {
    calls: Vec<PlacedCall>,
    phone_calls: Vec<PhoneCall>,
    /// Phones that answered, in order.
    answered: Vec<PhoneRef>,
    violations: Vec<Violation>,
}

impl Told {
    fn listen(&mut self, floor: &mut Floor) {
        while let Some(happening) = floor.poll_happening() {
            match happening {
                Happening::CallEnded(call) => self.calls.push(*call),
                Happening::Violation(violation) => self.violations.push(violation),
                Happening::RegisterFailed { status, .. } => panic!("register failed: {status}"),
                Happening::PhoneEnded(call) => self.phone_calls.push(*call),
                Happening::PhoneAnswered { phone, .. } => self.answered.push(phone),
                Happening::Registered { .. }
                | Happening::Unregistered { .. }
                | Happening::PhoneRings { .. }
                | Happening::CallRings { .. }
                | Happening::CallAnswered { .. } => {}
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_phones_register_and_share_three_hundred_calls() {
    let folder = folder("size");
    let settings = ServerSettings::loopback(folder.join("records.sqlite"), 30_000..=32_399);
    let server = Server::start(settings, config(PHONES)).unwrap();
    let mut floor = Floor::new(1);
    let mut told = Told::default();
    let mut all = Vec::new();
    for (host, numbers) in [(11, 0..PHONES / 2), (12, PHONES / 2..PHONES)] {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        all.extend(floor.add_phones(address, phones(&server, numbers, Sound::Token)).unwrap());
    }
    let setup = TrunkSetup { server: server.local_addr(), domain: "operator.invalid".to_owned() };
    let trunk = floor.add_trunk(OPERATOR, setup).unwrap();

    for phone in &all {
        floor.register(*phone);
    }
    let registered = floor.run_until(AT_MOST, |floor| {
        told.listen(floor);
        floor.registered() == all.len()
    });
    assert!(registered.await, "only {} phones registered", floor.registered());

    for n in 0..CALLS {
        let talk = Some(Duration::from_millis(300));
        let plan = CallPlan { withheld: n % 10 == 0, talk, ..caller(n, Sound::Token) };
        floor.place(trunk, plan);
        floor.run_for(Duration::from_millis(1)).await;
    }
    let ended = floor.run_until(AT_MOST, |floor| {
        told.listen(floor);
        told.calls.len() == CALLS
    });
    assert!(ended.await, "only {} calls ended", told.calls.len());
    // The last phone's BYE is still to be answered.
    let is_quiet = |floor: &mut Floor| floor.endpoint_counts().iter().all(|line| line.dialogs == 0);
    assert!(floor.run_until(AT_MOST, is_quiet).await);
    assert_eq!(told.violations, []);
    let odd: Vec<_> = told.calls.iter().filter(|call| call.end != CallEnd::HungUp).collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert_eq!(floor.unsent(), 0);

    let report = server.shutdown(Duration::from_secs(2));
    assert_eq!(report.ledger.dispositions.get(&call::Disposition::Answered), Some(&(CALLS as u64)));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_vanished_secretarys_caller_waits_at_the_head_and_is_served_by_another() {
    let folder = folder("vanish");
    let settings = ServerSettings::loopback(folder.join("records.sqlite"), 29_900..=29_999);
    let server = Server::start(settings, config(2)).unwrap();
    let mut floor = Floor::new(2);
    let mut told = Told::default();
    let (his, hers) = (Tone::nth(5), Tone::nth(50));
    for n in 0..2 {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 21));
        let setup = phones(&server, n..n + 1, Sound::Voice(hers));
        let phone = floor.add_phones(address, setup).unwrap()[0];
        floor.register(phone);
    }
    let setup = TrunkSetup { server: server.local_addr(), domain: "operator.invalid".to_owned() };
    let trunk = floor.add_trunk(OPERATOR, setup).unwrap();
    assert!(floor.run_until(AT_MOST, |floor| floor.registered() == 2).await);

    let call = floor.place(trunk, caller(1, Sound::Voice(his)));
    let answered = floor.run_until(AT_MOST, |floor| {
        told.listen(floor);
        told.answered.len() == 1
    });
    assert!(answered.await);
    floor.run_for(Duration::from_secs(1)).await;
    floor.cut(told.answered[0].line);
    // 5 s of silence, 3 s for an answer to OPTIONS, and the other phone's 50 ms.
    let served_again = floor.run_until(Duration::from_secs(12), |floor| {
        told.listen(floor);
        told.answered.len() == 2
    });
    assert!(served_again.await, "{:?}", server.status());
    floor.run_for(Duration::from_secs(1)).await;
    floor.hang_up(call);
    let ended = floor.run_until(AT_MOST, |floor| {
        told.listen(floor);
        told.calls.len() == 1 && told.phone_calls.len() == 2
    });
    assert!(ended.await);
    assert_ne!(told.answered[0], told.answered[1]);
    assert_eq!(told.calls[0].end, CallEnd::HungUp);
    let ends: Vec<_> = told.phone_calls.iter().map(|call| call.end).collect();
    assert_eq!(ends, [PhoneEnd::Cut, PhoneEnd::Released]);
    assert_eq!(told.phone_calls[1].heard.judge(his), Hearing::Right);
    assert_eq!(told.violations, []);

    let records = server.records_path().to_owned();
    server.shutdown(Duration::ZERO);
    let offers = server::records::Reader::open(&records).unwrap().offers().unwrap();
    let outcomes: Vec<_> = offers.iter().map(|offer| offer.outcome.as_str()).collect();
    assert_eq!(outcomes, ["vanished", "served"]);
    std::fs::remove_dir_all(folder).unwrap();
}
