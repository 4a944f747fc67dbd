//! What a seed means: the floor with its practices, teams and secretaries, the network's mood, and
//! what every caller and every phone is going to do.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, Limits, PracticeId, RetryAfter, SiteId, SkillId, Team, TeamId, Urgency};
use call::{
    AgentCommand, CallerCommand, Config, E164, ForwardedBy, Forwarding, Network, Outbound, PhoneId,
    Pool, Prompt, PromptId, RegistrarLimits, Source, Trunk, TrunkId,
};
use sip::sdp::Codec;
use sip::{Algorithm, Instant, Transport};

use crate::caller::{Acking, Flaw, Forwarded, Offering, Script};
use crate::dice::Dice;
use crate::hold::Holding;
use crate::network::Profile;
use crate::phone::{Account, EMERGENCIES, Habit, Temper};
use crate::plans::{self, Saying};
use crate::wire;

pub(crate) const REALM: &str = "monoligne.test";
const HOLD_MUSIC: PromptId = PromptId(1_000);
const RELAY: [u8; 4] = [198, 51, 100, 2];

/// Which limit is so small that it will be met.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Tight {
    Nothing,
    Calls,
    Queue,
    Ports,
}

#[derive(Debug)]
pub struct Scene {
    pub config: Arc<Config>,
    pub pool: Pool,
    pub tight: Tight,
    pub profile: Profile,
    /// Each with the index of its trunk.
    pub callers: Vec<(usize, Script)>,
    pub phones: Vec<PhoneScript>,
    pub commands: Vec<(Instant, AgentId, AgentCommand)>,
    /// Each with the number of the call that it is for, among those that are up then.
    pub caller_commands: Vec<(Instant, u64, CallerCommand)>,
    pub overrides: Vec<Saying>,
    /// What the wall clock is told to be, and when; first of all at the start.
    pub clock: Vec<(Instant, i64)>,
    /// Noise from nowhere.
    pub noise: Vec<(Instant, Noise)>,
    pub reloads: Vec<(Instant, Reload)>,
    /// Takes no new calls from then on, or (`true`) ends all that are up.
    pub drains: Vec<(Instant, bool)>,
    /// The process is another one from then on; before the first call alone.
    pub restarts: Vec<Instant>,
    /// Snapshots and new engines, one in so many steps; 0: never.
    pub restore_permille: u64,
}

#[derive(Clone, Debug)]
pub struct PhoneScript {
    pub temper: Temper,
    pub account: Account,
    pub registers: Instant,
    pub unregisters: Option<Instant>,
    /// Codes, emergency numbers, and numbers that are none.
    pub dials: Vec<(Instant, &'static str)>,
    pub habits: Vec<Habit>,
    /// Switched off and on again without a word.
    pub off: Vec<(Instant, Instant)>,
}

/// How a new configuration differs from the first one.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Reload {
    AsItWas,
    WithoutAgent(AgentId),
    WithoutPractice(PracticeId),
    OtherTeam {
        agent: AgentId,
        team: TeamId,
    },
    OtherRules {
        team: TeamId,
        ring_for: Duration,
        wrap_up: Duration,
    },
    /// The same texts, each by another id.
    OtherTexts,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Noise {
    /// Bytes that are no SIP, or SIP that is broken, from a trunk.
    Garbage(u8),
    /// A request of nobody's.
    Stranger(u8),
}

const CODECS: [Offering; 4] = [
    Offering::Codecs {
        types: "8 0 101",
        maps: "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n",
    },
    Offering::Codecs { types: "0", maps: "a=rtpmap:0 PCMU/8000\r\n" },
    Offering::Codecs {
        types: "9 8 96",
        maps: "a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n",
    },
    Offering::Codecs {
        types: "18 98 8 101",
        maps: "a=rtpmap:18 G729/8000\r\na=rtpmap:98 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n\
               a=rtpmap:101 telephone-event/8000\r\n",
    },
];
const NOTHING_COMMON: Offering =
    Offering::Codecs { types: "18 4", maps: "a=rtpmap:18 G729/8000\r\na=rtpmap:4 G723/8000\r\n" };

impl Scene {
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let dice = &mut dice;
        let tight = match dice.weighted(&[70, 10, 10, 10]) {
            0 => Tight::Nothing,
            1 => Tight::Calls,
            2 => Tight::Queue,
            _ => Tight::Ports,
        };
        let agents = dice.between(3, 8);
        let calls = dice.between(50, 60);
        let sizes = plans::Sizes {
            teams: dice.between(2, 3),
            practices: dice.between(3, 6),
            agents,
            callers: calls,
            desks: dice.below(3),
        };
        let config = Arc::new(config(dice, tight, sizes));
        let practices = sizes.practices;
        let trunks: Vec<Duration> =
            config.trunks.values().map(|trunk| trunk.max_unanswered).collect();
        // From a quiet hour to a Monday morning.
        let every = 24_000 / agents * dice.between(50, 160) / 100;
        let mut at = 6_000;
        let callers = (0..calls)
            .map(|_| {
                at += dice.below(2 * every);
                let trunk = dice.below(trunks.len() as u64) as usize;
                (trunk, script(dice, at, practices, trunks[trunk]))
            })
            .collect();
        let day = at + 60_000;
        let phones = phones(dice, sizes, day);
        Self {
            pool: pool(dice, tight),
            tight,
            profile: Profile::draw(dice),
            callers,
            phones,
            commands: commands(dice, agents, day),
            caller_commands: caller_commands(dice, sizes, day),
            overrides: plans::overrides(dice, sizes, day),
            clock: plans::clock(dice),
            noise: noise(dice, day),
            reloads: reloads(dice, &config, day),
            drains: drains(dice, day),
            restarts: Vec::new(),
            restore_permille: 4,
            config,
        }
    }
}

/// The address of a trunk or of a phone.
pub(crate) fn trunk_address(trunk: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::from([192, 0, 2, 10 + trunk as u8]), 5060)
}

pub(crate) fn phone_address(phone: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::from([10, 0, 0, 1 + phone as u8]), 5062)
}

pub(crate) fn user(agent: u64) -> String {
    format!("agent{agent}")
}

pub(crate) fn password(agent: u64) -> String {
    format!("secret-{agent}")
}

/// Of a reception's phone.
pub(crate) fn desk(phone: u64) -> String {
    format!("desk{phone}")
}

pub(crate) fn did(practice: u64) -> String {
    format!("+3314000000{practice}")
}

/// A practice's own line, which it forwards to [`SHARED`].
pub(crate) fn line(practice: u64) -> String {
    format!("+3315500000{practice}")
}

/// A number of ours that all practices forward to; the last of them takes who names none.
pub(crate) const SHARED: &str = "+33149999999";
const NOBODYS: &str = "+33199999999";

/// For whom a caller is, by what his trunk tells.
pub(crate) fn practice_of(script: &Script, practices: usize) -> Option<PracticeId> {
    let practices = practices as u64;
    let whose = |number: &dyn Fn(u64) -> String, called: &str| {
        (0..practices).find(|&practice| number(practice) == called)
    };
    let practice = match &script.forwarded {
        _ if script.number != SHARED => whose(&did, &script.number),
        Forwarded::Diversion(called) | Forwarded::History(called) => whose(&line, called),
        Forwarded::Not => practices.checked_sub(1),
    };
    practice.map(|practice| PracticeId(practice as u32))
}

fn seconds(dice: &mut Dice, low: u64, high: u64) -> Duration {
    Duration::from_millis(dice.between(low * 1_000, high * 1_000))
}

fn config(dice: &mut Dice, tight: Tight, sizes: plans::Sizes) -> Config {
    let plans::Sizes { teams, practices, agents, callers: _, desks } = sizes;
    let team = |dice: &mut Dice| TeamId(dice.below(teams) as u32);
    let mut floor = acd::Setup::default();
    for id in 0..teams {
        floor.teams.insert(TeamId(id as u32), team_rules(dice));
    }
    for id in 0..agents {
        let mut of: Vec<TeamId> = vec![TeamId((id % teams) as u32)];
        if dice.percent(50) {
            of.push(team(dice));
        }
        let agent = acd::Agent {
            teams: of,
            wrap_up: dice.percent(20).then(|| seconds(dice, 0, 4)),
            site: SiteId(dice.below(plans::SITES) as u16),
            skills: (0..dice.below(3))
                .map(|_| (SkillId(dice.below(plans::SKILLS) as u16), dice.below(3) as u8))
                .collect(),
            position: dice.below(3) as u32,
        };
        floor.agents.insert(AgentId(id as u32), agent);
    }
    for id in 0..practices {
        let practice = plans::practice(dice, sizes);
        floor.practices.insert(PracticeId(id as u32), practice);
    }
    floor.limits = Limits { waiting_max: if tight == Tight::Queue { 3 } else { 40 } };
    let calls_max = if tight == Tight::Calls { dice.between(3, 6) as usize } else { 200 };
    let trunks = (0..dice.between(1, 2)).map(|_| seconds(dice, 30, 170)).collect();
    let mut config = config_around(floor, agents, trunks, calls_max);
    if dice.percent(60) {
        add_hold_music(&mut config);
    }
    add_forwarding(dice, &mut config);
    add_sites(dice, &mut config);
    add_numbers_of_their_own(dice, sizes, &mut config);
    config.phones = (0..desks).map(|id| (PhoneId(id as u32), desk_phone(id))).collect();
    config.registrar.algorithms = match dice.weighted(&[60, 20, 20]) {
        0 => vec![Algorithm::Md5],
        1 => vec![Algorithm::Sha256, Algorithm::Md5],
        _ => vec![Algorithm::Sha256],
    };
    config
}

pub(crate) fn add_hold_music(config: &mut Config) {
    let music = Prompt { name: "hold".to_owned(), duration: Duration::from_secs(20) };
    config.prompts.insert(HOLD_MUSIC, music);
    config.hold = Some(HOLD_MUSIC);
}

/// Most operators take calls of ours, and each practice says how they are to be made.
fn add_forwarding(dice: &mut Dice, config: &mut Config) {
    for (id, trunk) in &mut config.trunks {
        trunk.outbound = dice.percent(90).then(|| Outbound {
            transport: Transport::Udp,
            to: trunk_address(id.0 as usize),
            forwarded_by: dice.pick(&[
                ForwardedBy::Diversion,
                ForwardedBy::HistoryInfo,
                ForwardedBy::Nothing,
            ]),
        });
    }
    let trunks = config.trunks.len() as u64;
    for (id, practice) in &mut config.practices {
        let number = E164::read(&line(u64::from(id.0))).expect("a number");
        practice.forwarding = Forwarding {
            trunk: dice.percent(30).then(|| TrunkId(dice.below(trunks) as u32)),
            number: dice.percent(50).then_some(number),
            no_key: [E164::of_line(acd::LineId(plans::NO_KEY))].into(),
            allowed: plans::OUTSIDE.map(|line| E164::of_line(acd::LineId(line))).into(),
            accept: dice.percent(50).then(|| PromptId(dice.below(3) as u32)),
        };
    }
}

/// Most sites have a way out for emergency calls.
fn add_sites(dice: &mut Dice, config: &mut Config) {
    let trunks = config.trunks.len() as u64;
    for id in 0..plans::SITES {
        let trunk = TrunkId(dice.below(trunks) as u32);
        if dice.percent(85) {
            let number = E164::read(&format!("+3318000000{id}")).expect("a number");
            let site = call::Site { name: format!("site{id}"), trunk, number };
            config.sites.insert(SiteId(id as u16), site);
        }
    }
    config.emergency.prompt = dice.percent(50).then(|| PromptId(dice.below(3) as u32));
}

/// Some numbers are urgent, and some are one person's of the practice.
fn add_numbers_of_their_own(dice: &mut Dice, sizes: plans::Sizes, config: &mut Config) {
    let mut floor = (*config.floor).clone();
    for (id, practice) in &mut config.practices {
        let numbers = [did(u64::from(id.0)), line(u64::from(id.0))];
        let number = |dice: &mut Dice| {
            E164::read(&numbers[dice.below(2) as usize]).expect("a number of the practice")
        };
        if dice.percent(12) {
            let urgency = dice.pick(&[Urgency::Vital, Urgency::Urgent, Urgency::Urgent]);
            config.urgent_numbers.insert(number(dice), urgency);
        }
        if dice.percent(20) {
            let person = call::Practitioner {
                name: "Dr".to_owned(),
                number: None,
                disturb: None,
                instructions: None,
                numbers: [number(dice)].into(),
            };
            practice.practitioners.push(person);
            if let Some(known) = floor.practices.get_mut(id) {
                known
                    .practitioners
                    .insert(acd::PractitionerId(0), plans::practitioner(dice, sizes));
            }
        }
    }
    config.floor = Arc::new(floor);
}

fn desk_phone(id: u64) -> call::Phone {
    let user = desk(id);
    let (md5, sha256) = wire::ha1(&user, REALM, &password(id));
    let account = sip::Account { ha1_md5: Some(md5), ha1_sha256: Some(sha256) };
    call::Phone { name: user.clone(), user, account }
}

/// The engine's side of a floor: its practices' numbers, its agents' accounts, trunks that wait for so
/// long each.
pub(crate) fn config_around(
    floor: acd::Setup,
    agents: u64,
    trunks: Vec<Duration>,
    calls_max: usize,
) -> Config {
    let practices = floor.practices.len() as u64;
    Config {
        realm: REALM.to_owned(),
        urgent_numbers: BTreeMap::new(),
        phones: BTreeMap::new(),
        sites: BTreeMap::new(),
        emergency: call::Emergency::default(),
        locals: Vec::new(),
        trunks: (0..).zip(trunks).map(|(id, limit)| trunk(id, limit)).collect(),
        practices: (0..practices)
            .map(|id| {
                let label = format!("Dr {id}");
                (
                    PracticeId(id as u32),
                    call::Practice {
                        key: label.clone(),
                        name: label.clone(),
                        label,
                        ..call::Practice::default()
                    },
                )
            })
            .collect(),
        agents: (0..agents)
            .map(|id| {
                let (md5, sha256) = wire::ha1(&user(id), REALM, &password(id));
                let account = sip::Account { ha1_md5: Some(md5), ha1_sha256: Some(sha256) };
                let agent = call::Agent { user: user(id), name: user(id), account };
                (AgentId(id as u32), agent)
            })
            .collect(),
        numbers: (0..practices)
            .flat_map(|id| [did(id), line(id)].map(|number| (number, PracticeId(id as u32))))
            .map(|(number, id)| (E164::read(&number).expect("a number"), id))
            .collect(),
        shared: (practices.checked_sub(1))
            .map(|last| (E164::read(SHARED).expect("a number"), PracticeId(last as u32)))
            .into_iter()
            .collect(),
        floor: Arc::new(floor),
        prompts: plans::prompts(),
        hold: None,
        codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus],
        ring_refresh: Duration::from_secs(55),
        unreachable_after: Duration::from_secs(2),
        inquiry_timeout: Duration::from_secs(3),
        pause_reasons: BTreeMap::new(),
        teams: BTreeMap::new(),
        registrar: RegistrarLimits {
            expires_default: Duration::from_secs(300),
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3600),
            bindings_max: 4,
            ..RegistrarLimits::default()
        },
        limits: call::Limits { calls_max, transactions_max: 5_000, dialogs_max: 1_000 },
    }
}

fn team_rules(dice: &mut Dice) -> Team {
    Team {
        ring_for: seconds(dice, 5, 15),
        wrap_up: if dice.percent(20) { Duration::ZERO } else { seconds(dice, 1, 8) },
        retry_after: RetryAfter {
            no_answer: seconds(dice, 1, 10),
            declined: seconds(dice, 1, 10),
            busy: seconds(dice, 1, 10),
            unreachable: seconds(dice, 1, 20),
            dropped: if dice.percent(20) { Duration::ZERO } else { seconds(dice, 1, 10) },
        },
        misses_max: dice.pick(&[0, 0, 0, 3]),
        ..plans::choices(dice)
    }
}

fn trunk(id: u32, max_unanswered: Duration) -> (TrunkId, Trunk) {
    let address = trunk_address(id as usize);
    let trunk = Trunk {
        name: format!("trunk{id}"),
        sources: vec![Source {
            network: Network { address: address.ip(), prefix: 32 },
            port: None,
        }],
        transports: vec![Transport::Udp],
        max_unanswered,
        rang_before: Duration::from_secs(25),
        numbers: call::Numbering::default(),
        outbound: None,
    };
    (TrunkId(id), trunk)
}

fn pool(dice: &mut Dice, tight: Tight) -> Pool {
    let pairs = if tight == Tight::Ports { dice.between(3, 7) } else { 120 } as u16;
    let shard = |first: u16| (0..pairs).map(|pair| first + 2 * pair).collect();
    Pool { address: IpAddr::from(RELAY), shards: vec![shard(40_000), shard(41_000)] }
}

fn script(dice: &mut Dice, at: u64, practices: u64, max_unanswered: Duration) -> Script {
    let millis = |dice: &mut Dice, low, high| Duration::from_millis(dice.between(low, high));
    let mut script = Script {
        arrives: Instant::from_millis(at),
        number: did(dice.below(practices)),
        forwarded: Forwarded::Not,
        offer: dice.pick(&[CODECS[0], CODECS[0], CODECS[1], CODECS[2], CODECS[3]]),
        flaw: None,
        patience: dice.percent(20).then(|| millis(dice, 200, 60_000)),
        leaves_when_rung: None,
        cancels_across: false,
        talks: dice.percent(60).then(|| millis(dice, 200, 40_000)),
        ack: Acking::Normal,
        mute: dice.percent(4),
        vanishes: None,
        reinvites: None,
        holds: None,
        pings: dice.percent(10),
        max_unanswered,
    };
    if dice.percent(20) {
        script.number = SHARED.to_owned();
        let line = line(dice.below(practices));
        script.forwarded = match dice.below(3) {
            0 => Forwarded::Not,
            1 => Forwarded::Diversion(line),
            _ => Forwarded::History(line),
        };
    }
    if dice.percent(10) {
        script.holds = Some(Holding::draw(dice));
    }
    match dice.weighted(&[58, 5, 3, 5, 7, 5, 4, 2, 3, 6, 2]) {
        0 => {}
        1 => (script.number, script.forwarded) = (NOBODYS.to_owned(), Forwarded::Not),
        2 => script.offer = NOTHING_COMMON,
        3 => script.offer = Offering::Late,
        4 => script.leaves_when_rung = Some(millis(dice, 0, 4_000)),
        5 => script.cancels_across = true,
        6 => script.ack = Acking::After(dice.between(1, 3) as u8),
        7 => script.ack = Acking::Never,
        8 => script.vanishes = Some(millis(dice, 500, 15_000)),
        9 => script.reinvites = Some(millis(dice, 500, 6_000)),
        _ => script.flaw = Some(dice.pick(&Flaw::ALL)),
    }
    script
}

fn phones(dice: &mut Dice, sizes: plans::Sizes, day: u64) -> Vec<PhoneScript> {
    let users = (0..sizes.agents).map(|id| (id, user(id)));
    let desks = (0..sizes.desks).map(|id| (id, desk(id)));
    let mut phones: Vec<PhoneScript> = users
        .chain(desks)
        .map(|(id, user)| {
            let is_desk = user == desk(id);
            let temper = match dice.weighted(&[30, 15, 10, 4, 10, 31]) {
                0 => Temper::Prompt,
                1 => Temper::Slow,
                2 => Temper::Declining,
                3 => Temper::Absent,
                4 => Temper::Vanishing,
                _ => Temper::Mixed,
            };
            let late = if dice.percent(15) { dice.below(day / 2) } else { dice.below(3_000) };
            PhoneScript {
                temper,
                account: Account {
                    user,
                    password: password(id),
                    realm: REALM.to_owned(),
                    expires: dice.pick(&[60, 120, 300, 3600]) as u32,
                },
                registers: Instant::from_millis(100 + late),
                unregisters: dice
                    .percent(20)
                    .then(|| Instant::from_millis(dice.between(5_000, day))),
                habits: Vec::new(),
                off: switched_off(dice, temper, day),
                dials: if is_desk { Vec::new() } else { dials(dice, day) },
            }
        })
        .collect();
    if dice.percent(30) {
        let mut intruder = phones[0].clone();
        intruder.temper = Temper::Impostor;
        intruder.account.password = "guessed".to_owned();
        intruder.registers = Instant::from_millis(dice.between(1_000, day));
        (intruder.unregisters, intruder.dials) = (None, Vec::new());
        phones.push(intruder);
    }
    phones
}

fn switched_off(dice: &mut Dice, temper: Temper, day: u64) -> Vec<(Instant, Instant)> {
    if temper == Temper::Absent || !dice.percent(20) {
        return Vec::new();
    }
    let off = dice.between(5_000, day);
    let on = off + dice.between(3_000, 70_000);
    vec![(Instant::from_millis(off), Instant::from_millis(on))]
}

/// Pauses come in pairs, mostly.
fn dials(dice: &mut Dice, day: u64) -> Vec<(Instant, &'static str)> {
    let mut dials = Vec::new();
    for _ in 0..dice.below(4) {
        let at = dice.between(5_000, day);
        let number = dice.pick(&[
            "*31",
            "*31",
            "%2A31",
            "*30",
            "*32",
            "*33",
            "*33",
            "*33",
            "+33140000000",
            "*99",
        ]);
        dials.push((Instant::from_millis(at), number));
        if number.ends_with("31") {
            let back = at + dice.between(2_000, 40_000);
            dials.push((Instant::from_millis(back), "*30"));
        }
    }
    if dice.percent(25) {
        let at = Instant::from_millis(dice.between(5_000, day));
        dials.push((at, EMERGENCIES[dice.below(EMERGENCIES.len() as u64) as usize]));
    }
    dials
}

fn commands(dice: &mut Dice, agents: u64, day: u64) -> Vec<(Instant, AgentId, AgentCommand)> {
    let mut commands = Vec::new();
    for _ in 0..dice.below(7) {
        let agent = AgentId(dice.below(agents) as u32);
        let at = dice.between(3_000, day);
        let back = at + dice.between(2_000, 45_000);
        let (first, second) = match dice.below(5) {
            0 | 1 => (AgentCommand::Pause { reason: dice.below(9) as u16 }, AgentCommand::Resume),
            2 | 3 => (AgentCommand::LogOut, AgentCommand::LogIn),
            _ => (AgentCommand::EndWrapUp, AgentCommand::Resume),
        };
        commands.push((Instant::from_millis(at), agent, first));
        commands.push((Instant::from_millis(back), agent, second));
    }
    commands
}

fn caller_commands(
    dice: &mut Dice,
    sizes: plans::Sizes,
    day: u64,
) -> Vec<(Instant, u64, CallerCommand)> {
    (0..dice.below(20))
        .map(|_| {
            let command = match dice.below(12) {
                8..12 => CallerCommand::Redirect { to: plans::forward(dice, sizes) },
                0 => CallerCommand::Release,
                1..=3 => CallerCommand::Move { team: TeamId(dice.below(sizes.teams) as u32) },
                _ => CallerCommand::Rank {
                    urgency: dice.pick(&[
                        Urgency::Vital,
                        Urgency::Urgent,
                        Urgency::Priority,
                        Urgency::Normal,
                    ]),
                    first: dice.percent(30),
                },
            };
            (Instant::from_millis(dice.between(6_000, day)), dice.below(1_000), command)
        })
        .collect()
}

fn reloads(dice: &mut Dice, config: &Config, day: u64) -> Vec<(Instant, Reload)> {
    let mut reloads = Vec::new();
    let [agents, teams, practices] =
        [config.agents.len(), config.floor.teams.len(), config.practices.len()];
    for _ in 0..dice.below(6).saturating_sub(3) {
        let at = dice.between(8_000, day);
        let agent = AgentId(dice.below(agents as u64) as u32);
        let team = TeamId(dice.below(teams as u64) as u32);
        reloads.push((
            Instant::from_millis(at),
            match dice.below(6) {
                0 => Reload::AsItWas,
                4 => Reload::OtherTexts,
                1 => Reload::WithoutAgent(agent),
                // The last one takes what names nobody: it stays.
                2 => Reload::WithoutPractice(PracticeId(dice.below(practices as u64 - 1) as u32)),
                3 => Reload::OtherTeam { agent, team },
                _ => Reload::OtherRules {
                    team,
                    ring_for: seconds(dice, 5, 15),
                    wrap_up: seconds(dice, 0, 8),
                },
            },
        ));
        let back = at + dice.between(5_000, 60_000);
        reloads.push((Instant::from_millis(back), Reload::AsItWas));
    }
    reloads
}

fn drains(dice: &mut Dice, day: u64) -> Vec<(Instant, bool)> {
    if !dice.percent(8) {
        return Vec::new();
    }
    let at = dice.between(day / 2, day);
    let mut drains = vec![(Instant::from_millis(at), false)];
    if dice.percent(50) {
        drains.push((Instant::from_millis(at + dice.between(500, 30_000)), true));
    }
    drains
}

fn noise(dice: &mut Dice, day: u64) -> Vec<(Instant, Noise)> {
    (0..dice.below(8))
        .map(|_| {
            let kind = dice.below(256) as u8;
            let noise = if dice.percent(60) { Noise::Garbage(kind) } else { Noise::Stranger(kind) };
            (Instant::from_millis(dice.below(day)), noise)
        })
        .collect()
}
