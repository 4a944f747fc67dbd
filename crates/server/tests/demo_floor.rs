//! The floor at size, around the whole server: a thousand phones on two sockets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use server::floor::{
    CallEnd, CallPlan, Floor, Happening, Manner, PhoneSetup, PhonesSetup, PlacedCall, Sound,
    TrunkSetup, Violation,
};
use server::{Server, ServerSettings};

const PHONES: u32 = 1_000;
const CALLS: usize = 300;
const REALM: &str = "floor.invalid";
const OPERATOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const AT_MOST: Duration = Duration::from_secs(60);

fn user(n: u32) -> String {
    format!("agent{n}")
}

fn config() -> call::Config {
    let practice = call::PracticeId(1);
    let team = call::TeamId(1);
    let agents = (0..PHONES).map(|n| {
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
            acd::Practice {
                answer_within: Duration::from_secs(20),
                urgency: acd::Urgency::Normal,
                plan: acd::Plan { steps: vec![acd::Step::Queue { team, until: None }] },
            },
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
            },
        )]),
        agents: (0..PHONES)
            .map(|n| (call::AgentId(n), acd::Agent { teams: vec![team], wrap_up: None }))
            .collect(),
        limits: acd::Limits::default(),
    };
    call::Config {
        realm: REALM.to_owned(),
        trunks: BTreeMap::from([(
            call::TrunkId(1),
            call::Trunk {
                name: "operator".to_owned(),
                sources: vec![call::Source {
                    network: call::Network { address: OPERATOR, prefix: 32 },
                    port: None,
                }],
                transport: sip::Transport::Udp,
                max_unanswered: Duration::from_secs(170),
            },
        )]),
        practices: BTreeMap::from([(
            practice,
            call::Practice { name: "Practice".to_owned(), label: "Practice".to_owned() },
        )]),
        agents: agents.collect(),
        numbers: BTreeMap::from([(call::E164::read("0199001001").unwrap(), practice)]),
        floor: Arc::new(rules),
        codecs: vec![sip::sdp::Codec::Pcma],
        ring_refresh: Duration::from_secs(55),
        unreachable_after: Duration::from_secs(2),
        inquiry_timeout: Duration::from_secs(3),
        registrar: call::RegistrarLimits::default(),
        limits: call::Limits::default(),
    }
}

fn phones(server: &Server, numbers: std::ops::Range<u32>) -> PhonesSetup {
    let phone = |n| PhoneSetup {
        user: user(n),
        password: "secret".to_owned(),
        expires: Duration::from_secs(300),
        sound: Sound::Token,
        first: Vec::new(),
        usual: Manner::answer(Duration::from_millis(50), None),
    };
    PhonesSetup {
        server: server.local_addr(),
        realm: REALM.to_owned(),
        phones: numbers.map(phone).collect(),
    }
}

#[derive(Default)]
struct Told {
    calls: Vec<PlacedCall>,
    violations: Vec<Violation>,
}

impl Told {
    fn listen(&mut self, floor: &mut Floor) {
        while let Some(happening) = floor.poll_happening() {
            match happening {
                Happening::CallEnded(call) => self.calls.push(*call),
                Happening::Violation(violation) => self.violations.push(violation),
                Happening::RegisterFailed { status, .. } => panic!("register failed: {status}"),
                Happening::Registered { .. }
                | Happening::Unregistered { .. }
                | Happening::PhoneRings { .. }
                | Happening::PhoneAnswered { .. }
                | Happening::PhoneEnded(_)
                | Happening::CallRings { .. }
                | Happening::CallAnswered { .. } => {}
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_phones_register_and_share_three_hundred_calls() {
    let folder = std::env::temp_dir().join(format!("monoligne-floor-{}", std::process::id()));
    let settings = ServerSettings::loopback(folder.join("records.sqlite"), 30_000..=32_399);
    let server = Server::start(settings, config()).unwrap();
    let mut floor = Floor::new(1);
    let mut told = Told::default();
    let mut all = Vec::new();
    for (host, numbers) in [(11, 0..PHONES / 2), (12, PHONES / 2..PHONES)] {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        all.extend(floor.add_phones(address, phones(&server, numbers)).unwrap());
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
        floor.place(
            trunk,
            CallPlan {
                to: "+33199001001".to_owned(),
                from: format!("+33639980{n:03}"),
                withheld: n % 10 == 0,
                diverted_from: None,
                patience: None,
                talk: Some(Duration::from_millis(300)),
                sound: Sound::Token,
            },
        );
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
