//! File structs to the engine's configuration: ids, references, and what must not contradict.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acd::TeamId;
use call::{PromptId, TrunkId};
use sip::Transport;
use sip::sdp::Codec;

use super::Loaded;
use super::fields::{List, Located};
use super::file::{File, ListenFile, Named, TrunkFile};
use super::mistake::Mistakes;
use super::names::Names;
use super::numbers::numbers;
use super::outside::{by_their_own_trunk, emergency, sites};
use super::plans::{Known, Links};
use super::practices::practices;
use super::reach::reach;
use super::staff::staff;
use super::tree::Tree;
use crate::prompts::Prompts;
use crate::settings::{Listen, ListenTransports, MediaSettings, ServerSettings};

/// Phones choose by themselves.
const LISTEN_TRANSPORTS: [Transport; 2] = [Transport::Udp, Transport::Tcp];
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
    let names = Names::of(&mut file);
    let emergency = emergency(&file.emergency, &prompts, mistakes);
    let trunks = trunks(&file, mistakes);
    let numbers = numbers(&file.practices, &file.trunks, mistakes);
    if trunks.is_empty() && file.trunks.is_empty() && !numbers.own.is_empty() {
        let fault =
            "practices have numbers, and there is no trunk: nobody can call them".to_owned();
        let remedy = "write where the operator's calls come from: `[trunks.NAME]` with \
                      `sources = [\"ADDRESS\"]`";
        mistakes.warn_about_file(&tree.main.path, fault, remedy.to_owned());
    }
    let mut links = Links::default();
    let known = Known {
        names: &names,
        prompts: &prompts,
        emergency: &emergency.numbers,
        numbers: &numbers,
    };
    let practices = practices(&file, &known, &mut links, mistakes);
    let sites = sites(&file, &names, mistakes);
    let staff = staff(tree, &file, &names, realm.as_deref(), mistakes);
    let floor = acd::Setup {
        practices: practices.floor,
        teams: numbered(&file.teams, TeamId, |team| team.item.team.clone()),
        agents: staff.agents.iter().map(|(id, agent)| (*id, agent.floor.clone())).collect(),
        limits: file.limits.1,
    };
    by_their_own_trunk(&file, &links, &names, mistakes);
    reach(&file, &links, &names, &floor, mistakes);

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
        watch: file.watch,
    };
    let engine = call::Config {
        urgent_numbers: numbers.urgent,
        phones: staff.phones,
        sites,
        emergency,
        locals: locals(&settings.listen),
        realm: realm?,
        trunks,
        practices: practices.call,
        agents: staff.agents.into_iter().map(|(id, agent)| (id, agent.call)).collect(),
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
    let pools =
        file.teams.iter().filter_map(|team| Some((TeamId(team.id), team.item.pool.clone()?)));
    let dids = file.trunks.iter().filter_map(|trunk| {
        let dids = trunk.item.dids.as_ref()?.items.iter();
        Some((TrunkId(trunk.id), dids.map(|dids| dids.value.clone()).collect()))
    });
    Some(Loaded {
        dids: dids.collect(),
        settings,
        engine,
        log: file.log,
        path,
        pools: pools.collect(),
        skills: names.skills.into_iter().map(|(name, id)| (id, name)).collect(),
        sites: names.sites.into_iter().map(|(name, id)| (id, name)).collect(),
        warnings: Vec::new(),
        over: Vec::new(),
        ids: file.ids,
    })
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

/// Our addresses as peers see them. One that is known only when it is bound leaves all unknown.
fn locals(listen: &[Listen]) -> Vec<(Transport, SocketAddr)> {
    let seen = |listen: &Listen| match listen.advertise {
        Some(advertise) if advertise.port() == 0 => {
            SocketAddr::new(advertise.ip(), listen.address.port())
        }
        Some(advertise) => advertise,
        None => listen.address,
    };
    if listen.iter().any(|listen| seen(listen).port() == 0) {
        return Vec::new();
    }
    let of = |listen: &Listen| {
        let udp = listen.transports.has_udp().then_some((Transport::Udp, seen(listen)));
        let tcp = listen.transports.has_tcp().then_some((Transport::Tcp, seen(listen)));
        udp.into_iter().chain(tcp)
    };
    listen.iter().flat_map(of).collect()
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
        unheard(trunk, &file.listen, mistakes);
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
        rang_before: trunk.item.rang_before,
        numbers: trunk.item.numbers.clone(),
        outbound: trunk.item.outbound.as_ref().and_then(|outbound| {
            Some(call::Outbound {
                transport: outbound.transport,
                to: outbound.to.as_ref()?.value,
                forwarded_by: outbound.forwarded_by,
            })
        }),
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

/// Our calls go out by what we listen on, to somewhere.
fn unheard(trunk: &Named<'_, TrunkFile<'_>>, listen: &[ListenFile<'_>], mistakes: &mut Mistakes) {
    let Some(outbound) = &trunk.item.outbound else { return };
    let has = |listen: &ListenFile<'_>| match outbound.transport {
        Transport::Udp => listen_transports(listen).has_udp(),
        // The configuration knows no other word.
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
            listen_transports(listen).has_tcp()
        }
    };
    if !listen.is_empty() && !listen.iter().any(has) {
        mistakes.push(outbound.place.within("transport").missing(
            "no [[listen]] speaks it: no call of ours could go out",
            "add it to the `transports` of a [[listen]], or write the other one here",
        ));
    }
    if let Some(to) = &outbound.to
        && (to.value.ip().is_unspecified() || to.value.port() == 0)
    {
        let remedy = "write the address that the operator takes calls at: \"192.0.2.7:5060\"";
        mistakes.push(to.place.mistake("no address that a call can be sent to", remedy));
    }
}
