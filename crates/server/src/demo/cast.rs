//! Who plays: practices, secretaries, the operator, and the server's configuration for them.
//!
//! Numbers are of the ranges that the French regulator keeps for fiction; nobody has them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use acd::{AgentId, PracticeId, TeamId, Urgency};
use call::{E164, Network, Source, TrunkId};
use sip::sdp::Codec;
use sip::{Account, Transport};

use crate::floor::{Manner, PhoneSetup, PhonesSetup, Sound, Tone, TrunkSetup};
use crate::{Server, ServerSettings, StartError};

const REALM: &str = "demo.invalid";
/// The operator has an address of his own: it is how the server knows him.
pub(super) const OPERATOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const TEAM: TeamId = TeamId(1);
const RING_FOR: Duration = Duration::from_secs(4);
const WRAP_UP: Duration = Duration::from_millis(800);
/// RTP and RTCP ports of the relay: below the range out of which systems give ports.
const PORTS: u16 = 200;
const PORTS_FROM: u16 = 20_000;
const PORT_RANGES: u16 = 50;

pub(super) struct Practice {
    pub(super) label: &'static str,
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) answer_within: Duration,
    pub(super) urgency: Urgency,
}

pub(super) struct Secretary {
    pub(super) name: &'static str,
    pub(super) user: &'static str,
    password: &'static str,
    /// How she reacts to her first call, if otherwise than by answering.
    first: Option<Manner>,
    /// How long she lets it ring, and talks when the caller does not hang up.
    answers_after: Duration,
    talks: Duration,
}

pub(super) struct Cast {
    pub(super) practices: Vec<Practice>,
    pub(super) secretaries: Vec<Secretary>,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Cast {
    pub(super) fn new() -> Self {
        let practice = |label, name, number, answer_within, urgency| Practice {
            label,
            name,
            number,
            answer_within: Duration::from_secs(answer_within),
            urgency,
        };
        let secretary = |name, user, password, first, answers_after, talks| Secretary {
            name,
            user,
            password,
            first,
            answers_after: ms(answers_after),
            talks: ms(talks),
        };
        let declines = Some(Manner::decline(ms(700), 603));
        let lets_ring = Some(Manner::let_ring());
        Self {
            practices: vec![
                practice(
                    "Dr Aubert",
                    "Cabinet du Dr Aubert",
                    "01 99 00 10 01",
                    20,
                    Urgency::Normal,
                ),
                practice(
                    "Cardio Lemaire",
                    "Cardiologie Lemaire",
                    "04 65 71 20 02",
                    10,
                    Urgency::Normal,
                ),
                practice(
                    "Pédiatrie Lilas",
                    "Pédiatrie des Lilas",
                    "05 36 49 30 03",
                    5,
                    Urgency::Urgent,
                ),
            ],
            secretaries: vec![
                secretary("Nadia", "nadia", "saule-7-pivert", None, 900, 3_600),
                secretary("Sophie", "sophie", "tilleul-4-merle", None, 1_100, 4_000),
                secretary("Karim", "karim", "hetre-9-loriot", declines, 1_000, 3_800),
                secretary("Élodie", "elodie", "orme-2-huppe", lets_ring, 1_300, 4_200),
            ],
        }
    }

    /// Where a range of ports is taken (by another demo), the next one is tried.
    pub(super) fn start_server(&self, records: &Path) -> Result<Server, StartError> {
        let mut tries = 0..PORT_RANGES;
        loop {
            let settings = ServerSettings::loopback(records.to_owned(), ports());
            match Server::start(settings, self.config()) {
                Err(StartError::Relay(_)) if tries.next().is_some() => {}
                started => return started,
            }
        }
    }

    fn config(&self) -> call::Config {
        let trunk = call::Trunk {
            name: "Opérateur".to_owned(),
            sources: vec![Source {
                network: Network { address: OPERATOR, prefix: 32 },
                port: None,
            }],
            transports: vec![Transport::Udp],
            max_unanswered: Duration::from_secs(170),
            rang_before: Duration::from_secs(25),
            numbers: call::Numbering::default(),
            outbound: None,
        };
        call::Config {
            urgent_numbers: BTreeMap::new(),
            phones: BTreeMap::new(),
            sites: BTreeMap::new(),
            emergency: call::Emergency::default(),
            locals: Vec::new(),
            realm: REALM.to_owned(),
            trunks: BTreeMap::from([(TrunkId(1), trunk)]),
            practices: self.numbered_practices().map(|(id, each)| (id, each.config())).collect(),
            agents: self.numbered_secretaries().map(|(id, each)| (id, each.config())).collect(),
            numbers: self.numbered_practices().map(|(id, each)| (each.e164(), id)).collect(),
            shared: BTreeMap::new(),
            floor: Arc::new(self.rules()),
            prompts: BTreeMap::new(),
            hold: None,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            ring_refresh: Duration::from_secs(55),
            unreachable_after: Duration::from_secs(2),
            inquiry_timeout: Duration::from_secs(3),
            pause_reasons: BTreeMap::new(),
            teams: BTreeMap::new(),
            registrar: call::RegistrarLimits::default(),
            limits: call::Limits::default(),
        }
    }

    fn rules(&self) -> acd::Setup {
        let team = acd::Team {
            ring_for: RING_FOR,
            wrap_up: WRAP_UP,
            retry_after: acd::RetryAfter {
                no_answer: ms(3_000),
                declined: ms(3_000),
                busy: ms(3_000),
                unreachable: ms(10_000),
                dropped: ms(3_000),
            },
            misses_max: 0,
            ..acd::Team::default()
        };
        let queue = acd::Step::queue(TEAM, None);
        let practice = |each: &Practice| {
            let plan = acd::Plan { steps: vec![queue] };
            acd::Practice::without_hours(each.answer_within, each.urgency, plan)
        };
        let agent = acd::Agent { teams: vec![TEAM], wrap_up: None, ..acd::Agent::default() };
        acd::Setup {
            practices: self.numbered_practices().map(|(id, each)| (id, practice(each))).collect(),
            teams: BTreeMap::from([(TEAM, team)]),
            agents: self.numbered_secretaries().map(|(id, _)| (id, agent.clone())).collect(),
            limits: acd::Limits::default(),
        }
    }

    fn numbered_practices(&self) -> impl Iterator<Item = (PracticeId, &Practice)> {
        (1..).map(PracticeId).zip(&self.practices)
    }

    fn numbered_secretaries(&self) -> impl Iterator<Item = (AgentId, &Secretary)> {
        (1..).map(AgentId).zip(&self.secretaries)
    }

    /// One socket a secretary, each on an address of its own.
    pub(super) fn phones(&self, server: &Server) -> Vec<(IpAddr, PhonesSetup)> {
        let tones = (0..Tone::COUNT).rev().map(Tone::nth);
        let each = self.secretaries.iter().zip(tones).zip(11..).map(|((secretary, tone), host)| {
            let setup = PhonesSetup {
                server: server.local_addr(),
                realm: REALM.to_owned(),
                phones: vec![secretary.phone(tone)],
            };
            (IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), setup)
        });
        each.collect()
    }

    pub(super) fn trunk(&self, server: &Server) -> TrunkSetup {
        TrunkSetup { server: server.local_addr(), domain: "operateur.invalid".to_owned() }
    }
}

impl Practice {
    pub(super) fn e164(&self) -> E164 {
        E164::read(self.number).expect("invariant: the cast's numbers are French numbers")
    }

    fn config(&self) -> call::Practice {
        call::Practice {
            key: self.name.to_owned(),
            name: self.name.to_owned(),
            label: self.label.to_owned(),
            ..call::Practice::default()
        }
    }
}

impl Secretary {
    fn config(&self) -> call::Agent {
        let account = Account {
            ha1_md5: Some(sip::ha1_md5(self.user, REALM, self.password)),
            ha1_sha256: Some(sip::ha1_sha256(self.user, REALM, self.password)),
        };
        call::Agent { user: self.user.to_owned(), name: self.name.to_owned(), account }
    }

    fn phone(&self, tone: Tone) -> PhoneSetup {
        PhoneSetup {
            user: self.user.to_owned(),
            password: self.password.to_owned(),
            expires: Duration::from_secs(120),
            sound: Sound::Voice(tone),
            first: self.first.into_iter().collect(),
            usual: Manner::answer(self.answers_after, Some(self.talks)),
        }
    }
}

/// Another range for each demo of a process and, mostly, of a machine; those that are taken are
/// skipped by the relay.
fn ports() -> std::ops::RangeInclusive<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_process = (std::process::id() % u32::from(PORT_RANGES)) as u16;
    let range = (of_process + NEXT.fetch_add(1, Ordering::Relaxed)) % PORT_RANGES;
    let from = PORTS_FROM + range * PORTS;
    from..=from + PORTS - 1
}
