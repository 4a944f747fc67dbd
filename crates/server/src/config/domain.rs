//! File structs to the engine's configuration: ids, references, and what must not contradict.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, PracticeId, TeamId};
use call::{E164, PromptId, TrunkId};
use sip::Transport;
use sip::sdp::Codec;

use super::Loaded;
use super::fields::{List, Located, Place};
use super::file::{File, ListenFile, Named, PracticeFile, TrunkFile};
use super::mistake::Mistakes;
use super::plans::{self, Known};
use super::secret;
use super::tree::Tree;
use crate::prompts::Prompts;
use crate::settings::{Listen, ListenTransports, MediaSettings, ServerSettings};

/// Phones choose by themselves.
const LISTEN_TRANSPORTS: [Transport; 2] = [Transport::Udp, Transport::Tcp];
/// The prompt that asks for the key 1, where there is one of this name.
const ACCEPT: &str = "accept";
/// What nearly all operators speak without TLS.
const TRUNK_TRANSPORTS: [Transport; 1] = [Transport::Udp];

/// `None` only with a mistake.
pub(super) fn load(tree: &Tree, mut file: File<'_>, mistakes: &mut Mistakes) -> Option<Loaded> {
    let realm = realm(&file, mistakes);
    let listen = listen(&file, mistakes);
    let media = media(&file, &listen, mistakes);
    let (codecs, times) = (codecs(&file, mistakes), times(&file, mistakes));
    let pause_reasons = pause_reasons(&mut file, mistakes);
    let numbers_of_prompts = &mut file.ids.prompts;
    let prompts =
        Prompts::load(tree.folder(), |name| PromptId(numbers_of_prompts.of(name)), mistakes);
    let hold = file.calls.hold_music.as_ref().and_then(|name| prompt(name, &prompts, mistakes));
    let teams = ids(&file.teams, TeamId);
    let trunks = trunks(&file, mistakes);
    let numbers = numbers(&file.practices, mistakes);
    let plans =
        plans::practices(&file.practices, &Known { teams: &teams, prompts: &prompts }, mistakes);
    let agents = agents(tree, &file, &teams, realm.as_deref(), mistakes);
    nobody(&file, &teams, &agents, mistakes);

    let data = tree.folder().join(&file.server.data);
    let control = control_socket(tree, &file);
    let settings = ServerSettings {
        node: file.server.node,
        listen,
        connections: file.limits.2,
        media: media?,
        prompts: prompts.clone(),
        records: data.join("records.sqlite"),
        control: Some(control),
        metrics: file.metrics,
        drain_timeout: file.server.drain_timeout,
    };
    let floor = acd::Setup {
        practices: plans,
        teams: numbered(&file.teams, TeamId, |team| team.item.clone()),
        agents: agents.iter().map(|(id, agent)| (*id, agent.floor.clone())).collect(),
        limits: file.limits.1,
    };
    let engine = call::Config {
        urgent_numbers: BTreeMap::new(),
        phones: BTreeMap::new(),
        realm: realm?,
        trunks,
        practices: numbered(&file.practices, PracticeId, |practice| call::Practice {
            name: practice.item.name.clone(),
            label: practice.item.label.clone().unwrap_or_else(|| practice.item.name.clone()),
            forwarding: call::Forwarding {
                accept: prompts.named(ACCEPT),
                ..call::Forwarding::default()
            },
        }),
        agents: agents.into_iter().map(|(id, agent)| (id, agent.call)).collect(),
        numbers: numbers.own,
        shared: numbers.shared,
        floor: Arc::new(floor),
        prompts: prompts.described(),
        hold,
        codecs,
        ring_refresh: times.ring_refresh,
        unreachable_after: times.unreachable_after,
        inquiry_timeout: times.inquiry_timeout,
        pause_reasons,
        teams: numbered(&file.teams, TeamId, |team| team.name.clone()),
        registrar: file.registrar.clone(),
        limits: file.limits.0,
    };
    let path = tree.main.path.clone();
    Some(Loaded { settings, engine, log: file.log, path, ids: file.ids })
}

pub(super) fn control_socket(tree: &Tree, file: &File<'_>) -> PathBuf {
    match &file.server.control {
        Some(path) => tree.folder().join(path),
        None => tree.folder().join(&file.server.data).join("monoligne.sock"),
    }
}

fn numbered<'t, T, I: Ord, U>(
    items: &[Named<'t, T>],
    id: impl Fn(u32) -> I,
    of: impl Fn(&Named<'t, T>) -> U,
) -> BTreeMap<I, U> {
    items.iter().map(|item| (id(item.id), of(item))).collect()
}

fn ids<T, I: Ord + Copy>(items: &[Named<'_, T>], id: impl Fn(u32) -> I) -> BTreeMap<String, I> {
    items.iter().map(|item| (item.name.clone(), id(item.id))).collect()
}

/// It becomes the host of our URIs and a quoted string in challenges.
fn realm(file: &File<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let realm = file.server.realm.as_ref()?;
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if !realm.value.chars().all(is_host) {
        mistakes.push(realm.place.mistake(
            "only letters, digits, dots and hyphens: it is the host of our SIP addresses",
            "write a domain name, like \"pbx.example.fr\"",
        ));
        return None;
    }
    Some(realm.value.clone())
}

fn listen(file: &File<'_>, mistakes: &mut Mistakes) -> Vec<Listen> {
    if file.listen.is_empty() && !file.listen_is_tried {
        mistakes.push(file.place.within("listen").missing(
            "no address to listen on",
            "write [[listen]] and below it `address = \"192.0.2.1:5060\"`",
        ));
    }
    let mut known: Vec<&ListenFile<'_>> = Vec::new();
    for listen in &file.listen {
        let ListenFile { address, advertise, transports } = listen;
        if let Some(other) = known.iter().find(|other| other.address.value == address.value) {
            let fault = format!("listened on already: {}", other.address.place.shown());
            mistakes.push(address.place.mistake(fault, "remove one of them"));
        }
        if address.value.ip().is_unspecified() && advertise.is_none() {
            mistakes.push(address.place.mistake(
                "every address of the machine, and peers must be told one",
                "add `advertise = \"ADDRESS:PORT\"` below it, or listen on one address",
            ));
        }
        if let Some(advertise) = advertise.as_ref().filter(|at| at.value.ip().is_unspecified()) {
            mistakes.push(advertise.place.mistake(
                "nobody can send to this address",
                "write the address that trunks and phones send to",
            ));
        }
        no_transport(transports, mistakes);
        known.push(listen);
    }
    let all = file.listen.iter();
    all.map(|listen| Listen {
        address: listen.address.value,
        advertise: listen.advertise.as_ref().map(|advertise| advertise.value),
        transports: listen_transports(listen),
    })
    .collect()
}

/// Both by default: phones choose by themselves.
fn listen_transports(listen: &ListenFile<'_>) -> ListenTransports {
    let all: Vec<Transport> = transports_of(&listen.transports, &LISTEN_TRANSPORTS).collect();
    match (all.contains(&Transport::Udp), all.contains(&Transport::Tcp)) {
        (true, false) => ListenTransports::Udp,
        (false, true) => ListenTransports::Tcp,
        (true, true) | (false, false) => ListenTransports::Both,
    }
}

/// What is written, or else what is there by itself.
fn transports_of<'l>(
    written: &'l Option<List<'_, Transport>>,
    default: &'l [Transport],
) -> impl Iterator<Item = Transport> + 'l {
    let written = written.as_ref().map(|list| list.items.iter().map(|item| item.value));
    let default = if written.is_some() { &[] } else { default };
    written.into_iter().flatten().chain(default.iter().copied())
}

fn no_transport(written: &Option<List<'_, Transport>>, mistakes: &mut Mistakes) {
    if let Some(list) = written.as_ref().filter(|list| !list.is_tried) {
        mistakes.push(list.place.mistake(
            "no transport: nothing could be heard",
            "write `transports = [\"udp\", \"tcp\"]`, or leave the key out",
        ));
    }
}

fn media(file: &File<'_>, listen: &[Listen], mistakes: &mut Mistakes) -> Option<MediaSettings> {
    let media = &file.media;
    let first = listen.first();
    let address = media.address.as_ref().map(|at| at.value);
    let address: IpAddr = address.or_else(|| first.map(|listen| listen.address.ip()))?;
    let signalling = first.and_then(|listen| listen.advertise).map(|at| at.ip());
    let advertise = media.advertise.as_ref().map(|at| at.value).or(signalling);
    if address.is_unspecified() && advertise.is_none() {
        mistakes.push(media.place.within("advertise").missing(
            "missing: peers must be told where to send voice",
            "write `advertise = \"ADDRESS\"` in [media]",
        ));
    }
    let ports = media.ports.as_ref().map_or(16_384..=17_383, |ports| ports.value.clone());
    // RTP on an even port, RTCP on the odd one after it.
    let first_pair = u32::from(*ports.start()).next_multiple_of(2);
    if (u32::from(*ports.end()) + 1).saturating_sub(first_pair) < 4 {
        let place = media.ports.as_ref().map_or(&media.place, |ports| &ports.place);
        mistakes.push(place.mistake(
            "less than two pairs of an even port and the odd one after it: no call could have voice",
            "write four ports a call, beginning with an even one: \"16384-16583\"",
        ));
    }
    let clash = file.listen.iter().find(|listen| ports.contains(&listen.address.value.port()));
    if let Some(clash) = clash {
        let place = media.ports.as_ref().map_or(&media.place, |ports| &ports.place);
        mistakes.push(place.mistake(
            format!("port {} of [[listen]] is among them", clash.address.value.port()),
            "choose a range without it",
        ));
    }
    let threads = media.threads.as_ref();
    if let Some(threads) = threads.filter(|threads| !(1..=256).contains(&threads.value)) {
        mistakes.push(threads.place.mistake("not from 1 to 256", "write 1, or one a core"));
    }
    Some(MediaSettings { address, advertise, ports, threads: threads.map_or(1, |t| t.value) })
}

fn codecs(file: &File<'_>, mistakes: &mut Mistakes) -> Vec<Codec> {
    let Some(codecs) = &file.calls.codecs else {
        return vec![Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    };
    let mut known = Vec::new();
    for codec in &codecs.items {
        if known.contains(&codec.value) {
            mistakes.push(codec.place.mistake("named twice", "remove one of them"));
        } else {
            known.push(codec.value);
        }
    }
    if !codecs.is_tried {
        mistakes.push(codecs.place.missing(
            "no codec: every call would be refused",
            "write `codecs = [\"PCMA\", \"PCMU\"]`, or leave the key out",
        ));
    }
    known
}

/// The prompt that somebody means. `None` with a mistake.
fn prompt(
    name: &Located<'_, String>,
    prompts: &Prompts,
    mistakes: &mut Mistakes,
) -> Option<PromptId> {
    match prompts.find(&name.value) {
        Ok(id) => Some(id),
        Err(remedy) => {
            mistakes.push(name.place.mistake("no prompt has this name", remedy));
            None
        }
    }
}

struct Times {
    ring_refresh: Duration,
    unreachable_after: Duration,
    inquiry_timeout: Duration,
}

fn times(file: &File<'_>, mistakes: &mut Mistakes) -> Times {
    let mut within =
        |time: &Option<Located<'_, Duration>>, default, min, max| match time {
            None => Duration::from_secs(default),
            Some(time) => {
                let (min, max) = (Duration::from_millis(min), Duration::from_millis(max));
                if time.value < min || time.value > max {
                    mistakes.push(time.place.mistake(
                        "out of range",
                        format!("write something from {min:?} to {max:?}"),
                    ));
                }
                time.value
            }
        };
    Times {
        ring_refresh: within(&file.calls.ring_refresh, 50, 1_000, 60_000),
        unreachable_after: within(&file.calls.unreachable_after, 2, 100, 32_000),
        inquiry_timeout: within(&file.calls.inquiry_timeout, 3, 500, 32_000),
    }
}

/// By their numbers in the states of secretaries, which a reload leaves alone.
fn pause_reasons(file: &mut File<'_>, mistakes: &mut Mistakes) -> BTreeMap<u16, String> {
    let mut known = BTreeMap::new();
    for reason in &file.calls.pause_reasons.items {
        let number = u16::try_from(file.ids.pauses.of(&reason.value)).unwrap_or(u16::MAX);
        if known.insert(number, reason.value.clone()).is_some() {
            mistakes.push(reason.place.mistake("named twice", "remove one of them"));
        }
    }
    known
}

fn trunks(file: &File<'_>, mistakes: &mut Mistakes) -> BTreeMap<TrunkId, call::Trunk> {
    let mut known: Vec<(&Named<'_, TrunkFile<'_>>, &Located<'_, call::Source>)> = Vec::new();
    for trunk in &file.trunks {
        if !trunk.item.sources.is_tried {
            mistakes.push(trunk.item.sources.place.missing(
                "missing: a trunk is known by where its packets come from",
                "write `sources = [\"192.0.2.0/24\"]`, the operator's addresses",
            ));
        }
        over_tcp(trunk, &file.listen, mistakes);
        for source in &trunk.item.sources.items {
            let clash = known.iter().find(|(other, theirs)| {
                other.name != trunk.name
                    && overlap((&other.item, &theirs.value), (&trunk.item, &source.value))
            });
            if let Some((other, theirs)) = clash {
                let fault = format!(
                    "packets from there would be those of the trunk {} too ({})",
                    other.name,
                    theirs.place.shown()
                );
                mistakes.push(source.place.mistake(fault, "give each trunk its own addresses"));
            }
            known.push((trunk, source));
        }
    }
    numbered(&file.trunks, TrunkId, |trunk| call::Trunk {
        name: trunk.item.name.clone().unwrap_or_else(|| trunk.name.clone()),
        sources: trunk.item.sources.items.iter().map(|source| source.value).collect(),
        transports: trunk_transports(&trunk.item),
        max_unanswered: trunk.item.max_unanswered,
        numbers: trunk.item.numbers.clone(),
        outbound: None,
    })
}

/// A packet could be both trunks'.
fn overlap(a: (&TrunkFile<'_>, &call::Source), b: (&TrunkFile<'_>, &call::Source)) -> bool {
    let (a_transports, b_transports) = (trunk_transports(a.0), trunk_transports(b.0));
    let (a, b) = (a.1, b.1);
    let shared = a.network.contains(b.network.address) || b.network.contains(a.network.address);
    let same_port = a.port.is_none() || b.port.is_none() || a.port == b.port;
    let is_shared = |transport: &Transport| {
        b_transports.contains(transport) && (same_port || transport.is_reliable())
    };
    shared && a_transports.iter().any(is_shared)
}

fn trunk_transports(trunk: &TrunkFile<'_>) -> Vec<Transport> {
    transports_of(&trunk.transports, &TRUNK_TRANSPORTS).collect()
}

/// A trunk over TCP is known by its network alone, and must be listened for.
fn over_tcp(trunk: &Named<'_, TrunkFile<'_>>, listen: &[ListenFile<'_>], mistakes: &mut Mistakes) {
    no_transport(&trunk.item.transports, mistakes);
    let transports = trunk_transports(&trunk.item);
    let Some(written) = &trunk.item.transports else { return };
    let Some(tcp) = written.items.iter().find(|item| item.value == Transport::Tcp) else { return };
    if !listen.iter().any(|listen| listen_transports(listen).has_tcp()) {
        mistakes.push(tcp.place.mistake(
            "no [[listen]] takes TCP",
            "add \"tcp\" to the `transports` of a [[listen]], or remove it here",
        ));
    }
    let with_port = trunk.item.sources.items.iter().find(|source| source.value.port.is_some());
    if let Some(source) = with_port.filter(|_| transports == [Transport::Tcp]) {
        mistakes.push(
            source.place.mistake("a TCP connection comes from any port", "write the address alone"),
        );
    }
}

struct Numbers {
    /// Of one practice each.
    own: BTreeMap<E164, PracticeId>,
    shared: BTreeMap<E164, PracticeId>,
}

fn numbers(practices: &[Named<'_, PracticeFile<'_>>], mistakes: &mut Mistakes) -> Numbers {
    let mut known: BTreeMap<E164, (&PracticeFile<'_>, &Place<'_>)> = BTreeMap::new();
    let mut all = Numbers { own: BTreeMap::new(), shared: BTreeMap::new() };
    for Named { id, item: practice, .. } in practices {
        let id = PracticeId(*id);
        if !practice.numbers.is_tried {
            let (fault, remedy) = match practice.is_unidentified {
                true => (
                    "missing: which number do the practices share?",
                    "write `numbers = [\"01 23 45 67 89\"]`, or remove [unidentified]",
                ),
                false => (
                    "missing: nobody could call this practice",
                    "write `numbers = [\"01 23 45 67 89\"]`: those its calls are forwarded to, or its \
                     own lines where these are shared",
                ),
            };
            mistakes.push(practice.numbers.place.missing(fault, remedy));
        }
        for number in &practice.numbers.items {
            if let Some((other, place)) = known.get(&number.value) {
                let remedy = match other.is_unidentified == practice.is_unidentified {
                    true => "a number leads to one practice: remove one of them",
                    false => "a number that practices share is none's own: remove one of them",
                };
                let fault = format!("this number is there already, in {}", place.shown());
                mistakes.push(number.place.mistake(fault, remedy));
                continue;
            }
            known.insert(number.value, (practice, &number.place));
            match practice.is_unidentified {
                true => all.shared.insert(number.value, id),
                false => all.own.insert(number.value, id),
            };
        }
    }
    all
}

struct Agent {
    floor: acd::Agent,
    call: call::Agent,
}

fn agents(
    tree: &Tree,
    file: &File<'_>,
    teams: &BTreeMap<String, TeamId>,
    realm: Option<&str>,
    mistakes: &mut Mistakes,
) -> BTreeMap<AgentId, Agent> {
    let mut all = BTreeMap::new();
    for agent in &file.agents {
        let id = AgentId(agent.id);
        user(&agent.name, &agent.place, mistakes);
        if !agent.item.teams.is_tried {
            mistakes.push(
                agent
                    .item
                    .teams
                    .place
                    .missing("missing: whose callers does she take?", "write `teams = [\"TEAM\"]`"),
            );
        }
        let mut hers = Vec::new();
        for team in &agent.item.teams.items {
            match teams.get(&team.value) {
                Some(id) if hers.contains(id) => {
                    mistakes.push(team.place.mistake("named twice", "remove one of them"));
                }
                Some(id) => hers.push(*id),
                None => mistakes.push(team.place.mistake(
                    format!("there is no team {:?}", team.value),
                    plans::known_team(&team.value, teams),
                )),
            }
        }
        let folder: PathBuf = agent.place.source.path.parent().unwrap_or(Path::new("")).to_owned();
        let folder =
            if agent.place.source.path == tree.main.path { tree.folder() } else { &folder };
        let account = secret::account(agent, folder, realm, &file.registrar.algorithms, mistakes);
        all.insert(
            id,
            Agent {
                floor: acd::Agent {
                    teams: hers,
                    wrap_up: agent.item.wrap_up,
                    ..acd::Agent::default()
                },
                call: call::Agent {
                    user: agent.name.clone(),
                    name: agent.item.name.clone().unwrap_or_else(|| agent.name.clone()),
                    account,
                },
            },
        );
    }
    all
}

/// RFC 3261 §25.1 user, without what would need escapes.
fn user(name: &str, place: &Place<'_>, mistakes: &mut Mistakes) {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_fine) {
        mistakes.push(place.missing(
            format!("{name:?} cannot be the user of a SIP address"),
            "name it with letters, digits, dots, hyphens or underscores",
        ));
    }
}

/// Teams that callers are sent to, and nobody answers in.
fn nobody(
    file: &File<'_>,
    teams: &BTreeMap<String, TeamId>,
    agents: &BTreeMap<AgentId, Agent>,
    mistakes: &mut Mistakes,
) {
    for team in &file.teams {
        let id = teams.get(&team.name);
        let somebody = agents.values().any(|agent| agent.floor.teams.iter().any(|t| Some(t) == id));
        if !somebody {
            mistakes.push(team.place.missing(
                "a team with nobody in it: its callers would wait for ever",
                format!("write `teams = [{:?}]` for an agent, or remove the team", team.name),
            ));
        }
    }
}
