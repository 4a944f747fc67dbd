//! What the configuration says of everything but practices.

use std::collections::BTreeSet;
use std::path::Path;

use acd::{Circle, SiteId, Strategy, TeamId};
use call::{AgentId, Country, ForwardedBy, TrunkId};
use sip::Account;
use sip::sdp::Codec;

use super::practice::practices;
use super::{Digits, Fact, Facts, Item, Items};
use crate::config::Loaded;
use crate::explain::duration;
use crate::log::LogFormat;

pub(super) fn items(loaded: &Loaded, digits: Digits) -> Items {
    let mut items = Items::new();
    main_file(loaded, &mut items);
    for &id in loaded.engine.trunks.keys() {
        let (key, item) = trunk(loaded, id);
        items.insert(("trunk", key), item);
    }
    practices(loaded, digits, &mut items);
    for (&id, team) in &loaded.engine.floor.teams {
        let name = team_name(loaded, id).to_owned();
        items.insert(("team", name.clone()), item(name, team_facts(loaded, id, team)));
    }
    for phone in loaded.engine.phones.values() {
        let mut facts = facts([("name", Fact::one(&phone.name))]);
        secrets(&phone.account, &mut facts);
        items.insert(("phone", phone.user.clone()), item(phone.user.clone(), facts));
    }
    for (&id, agent) in &loaded.engine.agents {
        let facts = agent_facts(loaded, id, agent);
        items.insert(("agent", agent.user.clone()), item(agent.user.clone(), facts));
    }
    for site in loaded.engine.sites.values() {
        let trunk = loaded.engine.trunks.get(&site.trunk);
        let facts = facts([
            ("trunk", Fact::option(trunk.map(|trunk| &trunk.name))),
            ("number", Fact::numbers([site.number], digits)),
        ]);
        items.insert(("site", site.name.clone()), item(site.name.clone(), facts));
    }
    for (id, prompt) in &loaded.engine.prompts {
        let audio = loaded.settings.prompts.fingerprint(*id);
        let facts = facts([
            ("length", Fact::one(duration(prompt.duration))),
            ("audio", Fact::Secret(audio.to_string())),
        ]);
        items.insert(("prompt", prompt.name.clone()), item(prompt.name.clone(), facts));
    }
    items
}

pub(super) fn facts<const N: usize>(facts: [(&str, Fact); N]) -> Facts {
    facts.into_iter().map(|(key, fact)| (key.to_owned(), fact)).collect()
}

pub(super) fn item(name: String, facts: Facts) -> Item {
    Item { name, facts, fixed: BTreeSet::new() }
}

/// The tables of the main file.
fn main_file(loaded: &Loaded, items: &mut Items) {
    let (engine, settings) = (&loaded.engine, &loaded.settings);
    let (media, registrar, limits) = (&settings.media, &engine.registrar, &engine.limits);
    let mut table = |name: &'static str, fixed: &[&'static str], facts: Facts| {
        let fixed = fixed.iter().copied().collect();
        items.insert((name, String::new()), Item { name: String::new(), facts, fixed });
    };
    // Two folders with the same files are the same.
    let folder = loaded.path.parent().unwrap_or(Path::new(""));
    let within = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let control = settings.control.as_deref().map(within);
    let server = facts([
        ("realm", Fact::one(&engine.realm)),
        ("node", Fact::one(settings.node)),
        ("data", Fact::one(within(settings.records.parent().unwrap_or(&settings.records)))),
        ("control", Fact::option(control)),
        ("drain_timeout", Fact::one(duration(settings.drain_timeout))),
    ]);
    table("[server]", &["realm", "node", "data", "control"], server);
    let listen = settings.listen.iter().map(|listen| listen.to_string());
    table("[[listen]]", &["address"], facts([("address", Fact::list(listen))]));
    let ports = format!("{}-{}", media.ports.start(), media.ports.end());
    let media = facts([
        ("address", Fact::one(media.address)),
        ("advertise", Fact::option(media.advertise)),
        ("ports", Fact::one(ports)),
        ("threads", Fact::one(media.threads)),
    ]);
    table("[media]", &["address", "advertise", "ports", "threads"], media);
    let format = match loaded.log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    let log = facts([("format", Fact::one(format)), ("level", Fact::one(&loaded.log.level))]);
    table("[log]", &["format", "level"], log);
    table("[metrics]", &["listen"], facts([("listen", Fact::option(settings.metrics))]));
    let hold = engine.hold.and_then(|hold| engine.prompts.get(&hold));
    let calls = facts([
        ("codecs", Fact::list(engine.codecs.iter().map(|codec| codec_name(*codec)))),
        ("ring_refresh", Fact::one(duration(engine.ring_refresh))),
        ("unreachable_after", Fact::one(duration(engine.unreachable_after))),
        ("inquiry_timeout", Fact::one(duration(engine.inquiry_timeout))),
        ("pause_reasons", Fact::list(engine.pause_reasons.values().cloned())),
        ("hold_music", Fact::option(hold.map(|hold| &hold.name))),
    ]);
    table("[calls]", &[], calls);
    let algorithms = registrar.algorithms.iter().map(|it| it.as_str().to_owned());
    let registrar = facts([
        ("algorithms", Fact::list(algorithms)),
        ("expires_default", Fact::one(duration(registrar.expires_default))),
        ("expires_min", Fact::one(duration(registrar.expires_min))),
        ("expires_max", Fact::one(duration(registrar.expires_max))),
        ("bindings_max", Fact::one(registrar.bindings_max)),
        ("options_interval", Fact::one(duration(registrar.options_interval))),
    ]);
    table("[registrar]", &[], registrar);
    table("[reload]", &[], facts([("watch", Fact::one(settings.watch))]));
    let limits = facts([
        ("calls_max", Fact::one(limits.calls_max)),
        ("waiting_max", Fact::one(engine.floor.limits.waiting_max)),
        ("transactions_max", Fact::one(limits.transactions_max)),
        ("dialogs_max", Fact::one(limits.dialogs_max)),
        ("connections_max", Fact::one(settings.connections.max)),
        ("connections_per_source_max", Fact::one(settings.connections.per_source_max)),
    ]);
    table("[limits]", &["connections_max", "connections_per_source_max"], limits);
    let emergency = &engine.emergency.numbers;
    let numbers = emergency.numbers.iter().cloned();
    let emergency =
        facts([("as_of", Fact::one(emergency.as_of)), ("numbers", Fact::list(numbers))]);
    table("[emergency_numbers]", &[], emergency);
}

fn trunk(loaded: &Loaded, id: TrunkId) -> (String, Item) {
    let trunk = &loaded.engine.trunks[&id];
    let key = loaded.ids.trunks.name(id.0).to_owned();
    let transports = trunk.transports.iter().map(|it| it.uri_param().to_owned());
    let outbound = trunk.outbound.as_ref();
    let forwarded_by = outbound.map(|outbound| match outbound.forwarded_by {
        ForwardedBy::Diversion => "diversion",
        ForwardedBy::HistoryInfo => "history-info",
        ForwardedBy::Nothing => "nothing",
    });
    let strip = Some(&trunk.numbers.strip).filter(|strip| !strip.is_empty());
    let dids = match loaded.dids.get(&id) {
        Some(dids) => Fact::list(dids.iter().map(ToString::to_string)),
        None => Fact::list(["any".to_owned()]),
    };
    let facts = facts([
        ("name", Fact::one(&trunk.name)),
        ("sources", Fact::list(trunk.sources.iter().map(|source| source.to_string()))),
        ("transports", Fact::list(transports)),
        ("max_unanswered", Fact::one(duration(trunk.max_unanswered))),
        ("rang_before", Fact::one(duration(trunk.rang_before))),
        ("numbers.country", Fact::one(country(trunk.numbers.country))),
        ("numbers.strip", Fact::option(strip)),
        ("dids", dids),
        ("outbound.to", Fact::option(outbound.map(|outbound| outbound.to))),
        ("outbound.transport", Fact::option(outbound.map(|it| it.transport.uri_param()))),
        ("outbound.forwarded_by", Fact::option(forwarded_by)),
    ]);
    (key, item(trunk.name.clone(), facts))
}

/// One of those that mean it.
fn country(country: Country) -> &'static str {
    match country {
        Country::France => "FR",
        Country::SaintPierre => "PM",
        Country::NewCaledonia => "NC",
        Country::Polynesia => "PF",
        Country::Wallis => "WF",
    }
}

fn codec_name(codec: Codec) -> String {
    codec.rtpmap().split('/').next().unwrap_or_default().to_owned()
}

fn team_facts(loaded: &Loaded, id: TeamId, team: &acd::Team) -> Facts {
    let circles = team.circles.iter().map(|widening| {
        let circle = match widening.circle {
            Circle::Own => "own",
            Circle::Skilled => "skilled",
            Circle::Everyone => "everyone",
        };
        format!("{circle} after {}", duration(widening.after))
    });
    let strategy = match team.strategy {
        Strategy::LongestIdle => "longest-idle",
        Strategy::RoundRobin => "round-robin",
        Strategy::FewestCalls => "fewest-calls",
        Strategy::Fixed => "fixed",
    };
    let retry = team.retry_after;
    facts([
        ("ring_for", Fact::one(duration(team.ring_for))),
        ("wrap_up", Fact::one(duration(team.wrap_up))),
        ("misses_max", Fact::one(team.misses_max)),
        ("retry_after.no_answer", Fact::one(duration(retry.no_answer))),
        ("retry_after.declined", Fact::one(duration(retry.declined))),
        ("retry_after.busy", Fact::one(duration(retry.busy))),
        ("retry_after.unreachable", Fact::one(duration(retry.unreachable))),
        ("retry_after.dropped", Fact::one(duration(retry.dropped))),
        ("strategy", Fact::one(strategy)),
        ("ring", Fact::one(team.ring)),
        ("widen", Fact::list(circles)),
        ("reserve", Fact::one(team.reserve)),
        ("ageing", Fact::option(team.ageing.map(duration))),
        ("pool", Fact::option(loaded.pools.get(&id))),
    ])
}

fn agent_facts(loaded: &Loaded, id: AgentId, agent: &call::Agent) -> Facts {
    let floor = loaded.engine.floor.agents.get(&id).cloned().unwrap_or_default();
    let teams = floor.teams.iter().map(|team| team_name(loaded, *team).to_owned());
    let skills = floor.skills.iter().map(|(skill, level)| {
        format!("{} {level}", loaded.skills.get(skill).map_or("?", String::as_str))
    });
    let wrap_up = floor.wrap_up.map_or_else(|| "the team's".to_owned(), duration);
    let mut facts = facts([
        ("name", Fact::one(&agent.name)),
        ("teams", Fact::list(teams)),
        ("wrap_up", Fact::one(wrap_up)),
        ("site", Fact::option(site_name(loaded, floor.site))),
        ("skills", Fact::list(skills)),
        ("position", Fact::one(floor.position)),
    ]);
    secrets(&agent.account, &mut facts);
    facts
}

/// A password in a `secret_file` makes both digests.
fn secrets(account: &Account, facts: &mut Facts) {
    let secret = |digest: &dyn std::fmt::Debug| Fact::Secret(format!("{digest:?}"));
    facts.insert("ha1".to_owned(), secret(&account.ha1_md5));
    facts.insert("ha1_sha256".to_owned(), secret(&account.ha1_sha256));
}

/// `None`: she says none.
pub(super) fn site_name(loaded: &Loaded, id: SiteId) -> Option<&str> {
    loaded.sites.get(&id).map(String::as_str)
}

fn team_name(loaded: &Loaded, id: TeamId) -> &str {
    loaded.engine.teams.get(&id).map_or("?", String::as_str)
}
