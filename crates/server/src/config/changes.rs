//! What a new configuration changes, in an operator's words; and what no running server can change.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use acd::{AtClosing, Circle, SiteId, Strategy};
use call::{AgentId, E164, ForwardedBy, Outbound, PracticeId, TeamId, Urgency};

use super::Loaded;

/// Everything that is configured, by kind and name; what of it, in words.
type Facts = BTreeMap<(&'static str, String), Vec<Fact>>;

struct Fact {
    name: &'static str,
    /// Compared.
    value: String,
    /// `None`: a secret, or too long.
    shown: Option<String>,
}

/// `+ practice X`, `- agent 103`, `~ team Y: wrap_up 5 s → 10 s`: a line each, in this order of kinds.
pub(crate) fn between(old: &Loaded, new: &Loaded) -> Vec<String> {
    let (old, new) = (facts(old), facts(new));
    let mut lines = Vec::new();
    for (kind, name) in new.keys().filter(|key| !old.contains_key(key)) {
        lines.push(format!("+ {kind} {name}"));
    }
    for ((kind, name), facts) in &new {
        let Some(before) = old.get(&(*kind, name.clone())) else { continue };
        let changes: Vec<String> =
            before.iter().zip(facts).filter_map(|(before, after)| before.to(after)).collect();
        if !changes.is_empty() {
            let space = if name.is_empty() { "" } else { " " };
            lines.push(format!("~ {kind}{space}{name}: {}", changes.join(", ")));
        }
    }
    for (kind, name) in old.keys().filter(|key| !new.contains_key(key)) {
        lines.push(format!("- {kind} {name}"));
    }
    lines
}

/// What differs and needs another process: sockets, files, identities.
pub(crate) fn needing_restart(old: &Loaded, new: &Loaded) -> Vec<String> {
    let fixed = |loaded: &Loaded| {
        let settings = &loaded.settings;
        let media = &settings.media;
        [
            ("[server] realm", loaded.engine.realm.clone()),
            ("[server] node", settings.node.to_string()),
            ("[server] data", settings.records.display().to_string()),
            ("[server] control", shown(settings.control.as_ref().map(|path| path.display()))),
            ("[[listen]]", listed(settings.listen.iter().map(|it| it.to_string()))),
            ("[limits] of connections", format!("{:?}", settings.connections)),
            ("[media] address", media.address.to_string()),
            ("[media] advertise", shown(media.advertise)),
            ("[media] ports", format!("{}-{}", media.ports.start(), media.ports.end())),
            ("[media] threads", media.threads.to_string()),
            ("[metrics] listen", shown(settings.metrics)),
            ("[log]", format!("{}, {:?}", loaded.log.level, loaded.log.format)),
        ]
    };
    fixed(old)
        .into_iter()
        .zip(fixed(new))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((what, before), (_, after))| format!("{what}: {before} → {after}"))
        .collect()
}

impl Fact {
    fn shown(name: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        Self { name, shown: Some(value.clone()), value }
    }

    fn hidden(name: &'static str, value: impl fmt::Debug) -> Self {
        Self { name, value: format!("{value:?}"), shown: None }
    }

    fn to(&self, after: &Self) -> Option<String> {
        (self.value != after.value).then(|| match (&self.shown, &after.shown) {
            (Some(before), Some(after)) => format!("{} {before} → {after}", self.name),
            (None, _) | (_, None) => format!("{} changed", self.name),
        })
    }
}

fn facts(loaded: &Loaded) -> Facts {
    let (engine, floor) = (&loaded.engine, &loaded.engine.floor);
    let mut facts = Facts::new();
    for (id, trunk) in &engine.trunks {
        let sources = listed(trunk.sources.iter().map(|source| source.to_string()));
        let facts_of = vec![
            Fact::shown("sources", sources),
            Fact::shown(
                "transports",
                listed(trunk.transports.iter().map(|it| it.uri_param().to_owned())),
            ),
            Fact::shown("max_unanswered", seconds(trunk.max_unanswered)),
            Fact::shown("rang_before", seconds(trunk.rang_before)),
            Fact::hidden("numbers", &trunk.numbers),
            Fact::hidden("dids", loaded.dids.get(id)),
            Fact::shown("outbound", shown(trunk.outbound.as_ref().map(outbound))),
        ];
        facts.insert(("trunk", trunk.name.clone()), facts_of);
    }
    let numbers = numbers_of(loaded);
    for (id, practice) in &engine.practices {
        let numbers = numbers.get(id).map_or(&[][..], Vec::as_slice);
        let facts_of = practice_facts(loaded, *id, practice, numbers);
        facts.insert(("practice", practice.name.clone()), facts_of);
    }
    for (id, team) in &floor.teams {
        facts.insert(("team", team_name(loaded, *id).to_owned()), team_facts(loaded, *id, team));
    }
    for phone in engine.phones.values() {
        let facts_of = vec![
            Fact::shown("name", &phone.name),
            Fact::hidden("secret", (phone.account.ha1_md5, phone.account.ha1_sha256)),
        ];
        facts.insert(("phone", phone.user.clone()), facts_of);
    }
    for (id, agent) in &engine.agents {
        facts.insert(("agent", agent.user.clone()), agent_facts(loaded, *id, agent));
    }
    let pauses = listed(engine.pause_reasons.values().cloned());
    let calls = vec![
        Fact::shown("ring_refresh", seconds(engine.ring_refresh)),
        Fact::shown("unreachable_after", seconds(engine.unreachable_after)),
        Fact::shown("inquiry_timeout", seconds(engine.inquiry_timeout)),
        Fact::shown("pause_reasons", pauses),
        Fact::hidden("codecs", &engine.codecs),
        Fact::hidden("hold_music", engine.hold),
    ];
    facts.insert(("[calls]", String::new()), calls);
    let registrar = &engine.registrar;
    let registrar = vec![
        Fact::shown("expires_default", seconds(registrar.expires_default)),
        Fact::shown("expires_min", seconds(registrar.expires_min)),
        Fact::shown("expires_max", seconds(registrar.expires_max)),
        Fact::shown("bindings_max", registrar.bindings_max),
        Fact::shown("options_interval", seconds(registrar.options_interval)),
        Fact::hidden("algorithms", &registrar.algorithms),
    ];
    facts.insert(("[registrar]", String::new()), registrar);
    for (id, prompt) in &engine.prompts {
        let facts_of = vec![
            Fact::shown("length", seconds(prompt.duration)),
            Fact::hidden("audio", loaded.settings.prompts.fingerprint(*id)),
        ];
        facts.insert(("prompt", prompt.name.clone()), facts_of);
    }
    let limits = vec![
        Fact::shown("calls_max", engine.limits.calls_max),
        Fact::shown("waiting_max", floor.limits.waiting_max),
        Fact::shown("transactions_max", engine.limits.transactions_max),
        Fact::shown("dialogs_max", engine.limits.dialogs_max),
    ];
    facts.insert(("[limits]", String::new()), limits);
    for site in engine.sites.values() {
        let trunk = engine.trunks.get(&site.trunk);
        let facts_of = vec![
            Fact::shown("trunk", shown(trunk.map(|trunk| &trunk.name))),
            redacted("number", std::iter::once(site.number)),
        ];
        facts.insert(("site", site.name.clone()), facts_of);
    }
    let emergency = &engine.emergency.numbers;
    let emergency = vec![
        Fact::shown("as_of", emergency.as_of),
        Fact::shown("numbers", listed(emergency.numbers.iter().cloned())),
    ];
    facts.insert(("[emergency_numbers]", String::new()), emergency);
    let drain = seconds(loaded.settings.drain_timeout);
    let watch = Fact::shown("watch", loaded.settings.watch);
    facts.insert(("[reload]", String::new()), vec![watch]);
    facts.insert(("[server]", String::new()), vec![Fact::shown("drain_timeout", drain)]);
    facts
}

/// A number of a practice, and whether it is an urgent one.
type Own = (E164, bool);

fn numbers_of(loaded: &Loaded) -> BTreeMap<PracticeId, Vec<Own>> {
    let engine = &loaded.engine;
    let mut all: BTreeMap<PracticeId, Vec<Own>> = BTreeMap::new();
    for (number, practice) in engine.numbers.iter().chain(&engine.shared) {
        let is_urgent = engine.urgent_numbers.contains_key(number);
        all.entry(*practice).or_default().push((*number, is_urgent));
    }
    all
}

/// By their last digits: this goes to the log too.
fn redacted(name: &'static str, numbers: impl Iterator<Item = E164> + Clone) -> Fact {
    Fact {
        name,
        value: listed(numbers.clone().map(|number| number.to_string())),
        shown: Some(listed(numbers.map(E164::redacted))),
    }
}

fn practice_facts(
    loaded: &Loaded,
    id: PracticeId,
    practice: &call::Practice,
    numbers: &[Own],
) -> Vec<Fact> {
    let of = |urgent: bool| {
        numbers.iter().filter(move |(_, is_urgent)| *is_urgent == urgent).map(|(number, _)| *number)
    };
    let mut facts = vec![
        Fact::shown("label", &practice.label),
        redacted("numbers", of(false)),
        redacted("urgent_numbers", of(true)),
    ];
    if let Some(floor) = loaded.engine.floor.practices.get(&id) {
        facts.extend(floor_facts(loaded, floor));
        facts.push(Fact::hidden("lists of callers", (&floor.callers, &practice.lists)));
    }
    facts.extend(forward_facts(loaded, &practice.forwarding));
    facts.push(Fact::hidden("greeting", &practice.greeting));
    facts.push(Fact::hidden("instructions", &practice.instructions));
    facts.push(Fact::hidden("identity", &practice.identity));
    facts.push(Fact::hidden("links", &practice.links));
    let practitioners = practice.practitioners.iter().map(|it| {
        let numbers: Vec<String> = it.numbers.iter().map(|number| number.to_string()).collect();
        (&it.name, plain(it.number), &it.disturb, &it.instructions, numbers)
    });
    let rules = loaded.engine.floor.practices.get(&id).map(|floor| &floor.practitioners);
    facts.push(Fact::hidden("practitioners", (practitioners.collect::<Vec<_>>(), rules)));
    facts
}

/// What the scheduler knows of a practice but for its lists.
fn floor_facts(loaded: &Loaded, practice: &acd::Practice) -> Vec<Fact> {
    let agent = |id: &AgentId| loaded.engine.agents.get(id).map_or("?", |agent| &agent.user);
    let skill = practice.skill.and_then(|skill| loaded.skills.get(&skill));
    let sites = practice.sites.as_ref().map(|sites| {
        listed(sites.iter().map(|site| site_name(loaded, *site).unwrap_or("?").to_owned()))
    });
    vec![
        Fact::shown("answer_within", seconds(practice.answer_within)),
        Fact::shown("urgency", urgency(practice.urgency)),
        Fact::hidden("hours", &practice.hours),
        Fact::hidden("leave", &practice.leave),
        Fact::hidden("plan", &practice.open),
        Fact::hidden("plan of closed hours", &practice.closed),
        Fact::hidden("plan when away", &practice.away),
        Fact::shown("at_closing", at_closing(practice.at_closing)),
        Fact::shown("own", listed(practice.own.iter().map(|id| agent(id).to_owned()))),
        Fact::shown("skill", shown(skill)),
        Fact::shown("sites", sites.unwrap_or_else(|| "anywhere".to_owned())),
        Fact::shown("wrap_up", practice.wrap_up.map_or("the team's".to_owned(), seconds)),
        Fact::shown("waiting_max", shown(practice.waiting_max)),
        Fact::shown("wait_max", shown(practice.wait_max.map(seconds))),
        Fact::shown("affinity", seconds(practice.affinity_for)),
        Fact::shown("redial_within", seconds(practice.redial_within)),
        Fact::hidden("repeated", &practice.repeated),
    ]
}

fn forward_facts(loaded: &Loaded, forwarding: &call::Forwarding) -> Vec<Fact> {
    let trunk = forwarding.trunk.and_then(|trunk| loaded.engine.trunks.get(&trunk));
    let trunk = trunk.map_or("the caller's".to_owned(), |trunk| trunk.name.clone());
    vec![
        Fact::shown("forward.trunk", trunk),
        redacted("forward.number", forwarding.number.into_iter()),
        redacted("forward.no_key", forwarding.no_key.iter().copied()),
        redacted("forward.allowed", forwarding.allowed.iter().copied()),
    ]
}

fn team_facts(loaded: &Loaded, id: TeamId, team: &acd::Team) -> Vec<Fact> {
    let circles = team.circles.iter().map(|widening| {
        let circle = match widening.circle {
            Circle::Own => "own",
            Circle::Skilled => "skilled",
            Circle::Everyone => "everyone",
        };
        format!("{circle} after {}", seconds(widening.after))
    });
    let strategy = match team.strategy {
        Strategy::LongestIdle => "longest-idle",
        Strategy::RoundRobin => "round-robin",
        Strategy::FewestCalls => "fewest-calls",
        Strategy::Fixed => "fixed",
    };
    vec![
        Fact::shown("ring_for", seconds(team.ring_for)),
        Fact::shown("wrap_up", seconds(team.wrap_up)),
        Fact::shown("misses_max", team.misses_max),
        Fact::hidden("retry_after", team.retry_after),
        Fact::shown("strategy", strategy),
        Fact::shown("ring", team.ring),
        Fact::shown("widen", listed(circles)),
        Fact::shown("reserve", team.reserve),
        Fact::shown("ageing", shown(team.ageing.map(seconds))),
        Fact::shown("pool", shown(loaded.pools.get(&id))),
    ]
}

fn agent_facts(loaded: &Loaded, id: AgentId, agent: &call::Agent) -> Vec<Fact> {
    let floor = loaded.engine.floor.agents.get(&id).cloned().unwrap_or_default();
    let teams = listed(floor.teams.iter().map(|team| team_name(loaded, *team).to_owned()));
    let skills = floor.skills.iter().map(|(skill, level)| {
        format!("{} {level}", loaded.skills.get(skill).map_or("?", String::as_str))
    });
    vec![
        Fact::shown("name", &agent.name),
        Fact::shown("teams", teams),
        Fact::shown("wrap_up", floor.wrap_up.map_or("the team's".to_owned(), seconds)),
        Fact::hidden("secret", (agent.account.ha1_md5, agent.account.ha1_sha256)),
        Fact::shown("site", shown(site_name(loaded, floor.site))),
        Fact::shown("skills", listed(skills)),
        Fact::shown("position", floor.position),
    ]
}

/// `None`: she says none.
fn site_name(loaded: &Loaded, id: SiteId) -> Option<&str> {
    loaded.sites.get(&id).map(String::as_str)
}

fn outbound(outbound: &Outbound) -> String {
    let Outbound { transport, to, forwarded_by } = outbound;
    let forwarded_by = match forwarded_by {
        ForwardedBy::Diversion => "diversion",
        ForwardedBy::HistoryInfo => "history-info",
        ForwardedBy::Nothing => "nothing",
    };
    format!("{} {to}, forwarded_by {forwarded_by}", transport.uri_param())
}

fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Normal => "normal",
        Urgency::Priority => "priority",
        Urgency::Urgent => "urgent",
        Urgency::Vital => "vital",
    }
}

fn at_closing(at_closing: AtClosing) -> &'static str {
    match at_closing {
        AtClosing::ServeOn => "serve",
        AtClosing::Move => "move",
    }
}

/// Whole, to be compared: `Debug` hides all but the last digits.
fn plain(number: Option<E164>) -> Option<String> {
    number.map(|number| number.to_string())
}

fn team_name(loaded: &Loaded, id: TeamId) -> &str {
    loaded.engine.teams.get(&id).map_or("?", String::as_str)
}

fn seconds(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}

fn shown(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() { "none".to_owned() } else { items.join(" + ") }
}

#[cfg(test)]
mod tests;
