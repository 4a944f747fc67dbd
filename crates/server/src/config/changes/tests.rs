use std::path::PathBuf;

use super::*;
use crate::config;

const ALL: &str = r#"
[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
[trunks.op]
sources = ["192.0.2.0/24"]
dids = ["01 99 00 *"]
[trunks.op.outbound]
to = "192.0.2.7"
[sites.paris]
trunk = "op"
number = "01 99 00 12 34"
[teams.pool]
[agents.101]
teams = ["pool"]
site = "paris"
skills = { pediatrics = 1 }
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[agents.102]
teams = ["pool"]
site = "lyon"
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[phones.accueil]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
urgent_numbers = ["01 99 00 12 15"]
skill = "pediatrics"
plan = [{ call = "06 39 98 00 12" }, { ring = "accueil" }, { queue = "pool" }]
"#;

/// What is replaced in `ALL`, what by, and the line that tells it.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "[\"01 99 00 12 15\"]",
        "[\"01 99 00 12 16\"]",
        "~ practice Dr Martin: urgent_numbers …15 → …16",
    ),
    ("skill =", "sites = [\"paris\"]\nskill =", "~ practice Dr Martin: sites anywhere → paris"),
    ("skill =", "own = [\"102\"]\nskill =", "~ practice Dr Martin: own none → 102"),
    ("skill = \"pediatrics\"", "", "~ practice Dr Martin: skill pediatrics → none"),
    ("skill =", "urgency = \"vital\"\nskill =", "~ practice Dr Martin: urgency normal → vital"),
    ("skill =", "wrap_up = 5\nskill =", "~ practice Dr Martin: wrap_up the team's → 5 s"),
    ("skill =", "waiting_max = 9\nskill =", "~ practice Dr Martin: waiting_max none → 9"),
    ("skill =", "wait_max = 90\nskill =", "~ practice Dr Martin: wait_max none → 90 s"),
    ("skill =", "affinity = 0\nskill =", "~ practice Dr Martin: affinity 86400 s → 0 s"),
    ("skill =", "redial_within = 0\nskill =", "~ practice Dr Martin: redial_within 300 s → 0 s"),
    ("skill =", "at_closing = \"move\"\nskill =", "~ practice Dr Martin: at_closing serve → move"),
    ("skill =", "away = [\"busy\"]\nskill =", "~ practice Dr Martin: plan when away changed"),
    ("06 39 98 00 12", "06 39 98 00 13", "~ practice Dr Martin: plan changed"),
    (
        "{ ring = \"accueil\" }",
        "{ ring = \"accueil\", for = 9 }",
        "~ practice Dr Martin: plan changed",
    ),
    ("skill =", "greeting = \"Bonjour\"\nskill =", "~ practice Dr Martin: greeting changed"),
    ("skill =", "instructions = \"x\"\nskill =", "~ practice Dr Martin: instructions changed"),
    ("skill =", "identity = \"x\"\nskill =", "~ practice Dr Martin: identity changed"),
    (
        "skill =",
        "links = [{ name = \"agenda\", url = \"https://x.example/\" }]\nskill =",
        "~ practice Dr Martin: links changed",
    ),
    (
        "skill =",
        "practitioners = [{ name = \"x\" }]\nskill =",
        "~ practice Dr Martin: practitioners changed",
    ),
    (
        "skill =",
        "callers = [{ name = \"x\", numbers = [\"01 99 00 77 01\"], blocked = true }]\nskill =",
        "~ practice Dr Martin: lists of callers changed",
    ),
    (
        "skill =",
        "repeated = { calls = 3, within = 60, then = \"rise\" }\nskill =",
        "~ practice Dr Martin: repeated changed",
    ),
    (
        "skill =",
        "forward = { trunk = \"op\", number = \"01 99 00 12 34\", allowed = [\"06 39 98 00 15\"] }\nskill =",
        "~ practice Dr Martin: forward.trunk the caller's → op, forward.number none → …34, \
         forward.allowed none → …15",
    ),
    (
        "skill =",
        "forward = { no_key = [\"06 39 98 00 12\"] }\nskill =",
        "~ practice Dr Martin: forward.no_key none → …12",
    ),
    (
        "[teams.pool]",
        "[teams.pool]\nstrategy = \"fixed\"",
        "~ team pool: strategy longest-idle → fixed",
    ),
    ("[teams.pool]", "[teams.pool]\nring = 2", "~ team pool: ring 1 → 2"),
    ("[teams.pool]", "[teams.pool]\nreserve = 1", "~ team pool: reserve 0 → 1"),
    ("[teams.pool]", "[teams.pool]\nageing = 60", "~ team pool: ageing none → 60 s"),
    ("[teams.pool]", "[teams.pool]\npool = \"north\"", "~ team pool: pool none → north"),
    (
        "[teams.pool]",
        "[teams.pool]\nwiden = [{ to = \"own\" }, { to = \"everyone\", after = 40 }]",
        "~ team pool: widen none → own after 0 s + everyone after 40 s",
    ),
    ("site = \"lyon\"", "site = \"paris\"", "~ agent 102: site lyon → paris"),
    ("pediatrics = 1", "pediatrics = 3", "~ agent 101: skills pediatrics 1 → pediatrics 3"),
    ("site = \"lyon\"", "site = \"lyon\"\nposition = 2", "~ agent 102: position 0 → 2"),
    (
        "[phones.accueil]",
        "[phones.accueil]\nname = \"Door\"",
        "~ phone accueil: name accueil → Door",
    ),
    (
        "[phones.accueil]",
        "[phones.door]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n[phones.accueil]",
        "+ phone door",
    ),
    (
        "number = \"01 99 00 12 34\"",
        "number = \"01 99 00 12 35\"",
        "~ site paris: number …34 → …35",
    ),
    (
        "[sites.paris]",
        "[sites.lyon]\ntrunk = \"op\"\nnumber = \"04 65 71 12 34\"\n[sites.paris]",
        "+ site lyon",
    ),
    ("[\"01 99 00 *\"]", "[\"01 99 *\"]", "~ trunk op: dids changed"),
    (
        "to = \"192.0.2.7\"",
        "to = \"192.0.2.8\"\nforwarded_by = \"nothing\"",
        "~ trunk op: outbound udp 192.0.2.7:5060, forwarded_by diversion → udp 192.0.2.8:5060, \
         forwarded_by nothing",
    ),
    ("[trunks.op]", "[reload]\nwatch = true\n[trunks.op]", "~ [reload]: watch false → true"),
    (
        "[trunks.op]",
        "[emergency_numbers]\nas_of = 2026-01-31\nnumbers = [15, 17, 18, 112]\n[trunks.op]",
        "~ [emergency_numbers]: as_of 2023-07-01 → 2026-01-31, numbers 112 + 114 + 115 + 116000 + 116117 + \
         119 + 15 + 17 + 18 + 191 + 196 + 197 → 112 + 15 + 17 + 18",
    ),
];

#[test]
fn every_key_that_changes_is_named() {
    let load = |name: &str, text: &str, ids| {
        let folder = format!("monoligne-changes-{name}-{}", std::process::id());
        let path: PathBuf = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("monoligne.toml"), text).unwrap();
        let loaded = config::load_again(&path, ids).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        std::fs::remove_dir_all(&path).unwrap();
        loaded
    };
    let old = load("old", ALL, config::Ids::default());
    assert!(between(&old, &load("same", ALL, old.ids.clone())).is_empty());
    for (index, (from, to, line)) in TABLE.iter().enumerate() {
        assert!(ALL.contains(from), "{from}");
        let new = load(&index.to_string(), &ALL.replacen(from, to, 1), old.ids.clone());
        assert_eq!(between(&old, &new), [*line], "{to:?}");
    }
}
