//! What a new configuration changes, in an operator's words; and what no running server can change.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use call::{AgentId, PracticeId, TeamId};

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
    for trunk in engine.trunks.values() {
        let sources = listed(trunk.sources.iter().map(|source| source.to_string()));
        let facts_of = vec![
            Fact::shown("sources", sources),
            Fact::shown(
                "transports",
                listed(trunk.transports.iter().map(|it| it.uri_param().to_owned())),
            ),
            Fact::shown("max_unanswered", seconds(trunk.max_unanswered)),
            Fact::hidden("numbers", &trunk.numbers),
        ];
        facts.insert(("trunk", trunk.name.clone()), facts_of);
    }
    for (id, practice) in &engine.practices {
        facts.insert(("practice", practice.name.clone()), practice_facts(loaded, *id, practice));
    }
    for (id, team) in &floor.teams {
        let facts_of = vec![
            Fact::shown("ring_for", seconds(team.ring_for)),
            Fact::shown("wrap_up", seconds(team.wrap_up)),
            Fact::shown("misses_max", team.misses_max),
            Fact::hidden("retry_after", team.retry_after),
        ];
        facts.insert(("team", team_name(loaded, *id).to_owned()), facts_of);
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
    let drain = seconds(loaded.settings.drain_timeout);
    facts.insert(("[server]", String::new()), vec![Fact::shown("drain_timeout", drain)]);
    facts
}

fn practice_facts(loaded: &Loaded, id: PracticeId, practice: &call::Practice) -> Vec<Fact> {
    let engine = &loaded.engine;
    let numbers = || {
        let all = engine.numbers.iter().filter(|(_, whose)| **whose == id);
        all.map(|(number, _)| *number)
    };
    let numbers = Fact {
        name: "numbers",
        value: listed(numbers().map(|number| number.to_string())),
        // By their last digits: this goes to the log too.
        shown: Some(listed(numbers().map(|number| number.redacted()))),
    };
    let mut facts = vec![Fact::shown("label", &practice.label), numbers];
    if let Some(floor) = engine.floor.practices.get(&id) {
        facts.push(Fact::shown("answer_within", seconds(floor.answer_within)));
        facts.push(Fact::hidden("urgency", floor.urgency));
        facts.push(Fact::hidden("hours", &floor.hours));
        facts.push(Fact::hidden("leave", &floor.leave));
        facts.push(Fact::hidden("plan", &floor.open));
        facts.push(Fact::hidden("plan of closed hours", &floor.closed));
    }
    facts
}

fn agent_facts(loaded: &Loaded, id: AgentId, agent: &call::Agent) -> Vec<Fact> {
    let floor = loaded.engine.floor.agents.get(&id).cloned().unwrap_or_default();
    let teams = listed(floor.teams.iter().map(|team| team_name(loaded, *team).to_owned()));
    vec![
        Fact::shown("name", &agent.name),
        Fact::shown("teams", teams),
        Fact::shown("wrap_up", floor.wrap_up.map_or("the team's".to_owned(), seconds)),
        Fact::hidden("secret", (agent.account.ha1_md5, agent.account.ha1_sha256)),
    ]
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
