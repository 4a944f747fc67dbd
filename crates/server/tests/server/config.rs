//! Mistakes in a configuration, as an operator sees them; and the sample that the project ships.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use call::{E164, PracticeId, Urgency};
use server::config::{self, KEYS, Loaded};

use crate::folder::{Folder, MAIN};

/// The line of `MAIN` that is replaced, what by, and what must be said: key, fault, remedy.
const TABLE: &[(&str, &str, &str, &str, &str)] = &[
    (
        "realm = ",
        r#"relm = "pbx.example.fr""#,
        "server.relm",
        "unknown key",
        "did you mean `realm`?",
    ),
    ("realm = ", "", "server.realm", "missing", "write `realm = "),
    ("realm = ", r#"realm = "a b""#, "server.realm", "only letters", "domain name"),
    ("realm = ", "realm = 5", "server.realm", "an integer where text", "in quotes"),
    (
        "[server]",
        "calls.hold_music = \"hold\"\n[server]",
        "calls.hold_music",
        "no prompt has this name",
        "prompts/hold.wav",
    ),
    (
        "address = ",
        r#"address = "localhost""#,
        "listen[0].address",
        "not an address",
        "192.0.2.1:5060",
    ),
    (
        "address = ",
        r#"address = "0.0.0.0:5060""#,
        "listen[0].address",
        "every address",
        "advertise",
    ),
    ("sources = ", "", "trunks.op.sources", "missing", "sources = ["),
    ("sources = ", "sources = []", "trunks.op.sources", "missing", "sources = ["),
    ("sources = ", r#"sources = "192.0.2.1""#, "trunks.op.sources", "where a list", "sources = ["),
    ("sources = ", r#"sources = ["192.0.2.0/33"]"#, "trunks.op.sources[0]", "0 to 32", "network"),
    (
        "sources = ",
        r#"sources = ["sip.op.fr"]"#,
        "trunks.op.sources[0]",
        "not a network",
        "192.0.2.7",
    ),
    (
        "sources = ",
        "sources = [\"192.0.2.7:5060\"]\ntransports = [\"tcp\"]",
        "trunks.op.sources[0]",
        "comes from any port",
        "address alone",
    ),
    (
        "sources = ",
        "sources = [\"192.0.2.7\"]\ntransports = []",
        "trunks.op.transports",
        "no transport",
        "transports = [",
    ),
    (
        "sources = ",
        "sources = [\"192.0.2.7\"]\ntransport = \"tcp\"",
        "trunks.op.transport",
        "unknown key",
        "transports = [",
    ),
    (
        "sources = ",
        "sources = [\"192.0.2.7\"]\ntransports = [\"tls\"]",
        "trunks.op.transports[0]",
        "unknown word",
        "\"tcp\"",
    ),
    ("", "[limits]\nconnections_max = 0", "limits.connections_max", "nobody could", "1 or more"),
    ("name = ", "", "practices.martin.name", "missing", "Martin"),
    ("name = ", "name = \"a\\r\\nb\"", "practices.martin.name", "control character", "one line"),
    ("numbers = ", "", "practices.martin.numbers", "nobody could call", "numbers = ["),
    ("numbers = ", r#"numbers = ["0123"]"#, "practices.martin.numbers[0]", "10 digits", "+33"),
    (
        "numbers = ",
        r#"numbers = ["01 99 00 12 34", "+33199001234"]"#,
        "practices.martin.numbers[1]",
        "there already, in ",
        "remove one",
    ),
    (
        "numbers = ",
        r#"numbers = ["1234567890"]"#,
        "practices.martin.numbers[0]",
        "10 digits",
        "+33",
    ),
    (
        "numbers = ",
        r#"numbers = ["+33 12"]"#,
        "practices.martin.numbers[0]",
        "7 to 15 digits",
        "+33",
    ),
    (
        "[practices.martin]",
        "[trunks.op.numbers]\ncountry = \"ER\"\n[practices.martin]",
        "trunks.op.numbers.country",
        "unknown word",
        "FR, RE",
    ),
    (
        "[practices.martin]",
        "[trunks.op.numbers]\nstrip = \"+33\"\n[practices.martin]",
        "trunks.op.numbers.strip",
        "no prefix",
        "like \"9\"",
    ),
    (
        "[practices.martin]",
        "[unidentified]\nnumbers = [\"01 99 00 12 34\"]\n[practices.martin]",
        "unidentified.numbers[0]",
        "there already, in ",
        "none's own",
    ),
    ("", "[unidentified]", "unidentified.numbers", "which number", "remove [unidentified]"),
    ("", "[unidentified]", "unidentified.plan", "missing", "plan = ["),
    ("", "[include]", "include", "unknown key", "read by themselves"),
    ("[trunks.op]", "[trunks]", "trunks.sources", "an array where a table", "[trunks.NAME]"),
    (
        "[practices.martin]",
        "[[practices]]",
        "practices",
        "an array where a table",
        "[practices.NAME] for each",
    ),
    (
        "[practices.martin]",
        "[trunks.op.numbers]\nstrip = 9\n[practices.martin]",
        "trunks.op.numbers.strip",
        "an integer where text",
        "like \"9\"",
    ),
    ("", "[unidentifed]", "unidentifed", "unknown key", "`unidentified`?"),
    ("plan = ", "", "practices.martin.plan", "missing", "plan = ["),
    ("plan = ", r#"plan = ["bsy"]"#, "practices.martin.plan[0]", "no step", "\"busy\""),
    (
        "plan = ",
        r#"plan = [{ queue = "pol" }]"#,
        "practices.martin.plan[0].queue",
        "no team",
        "\"pool\"?",
    ),
    (
        "plan = ",
        r#"plan = [{ queue = "pool", for = "soon" }]"#,
        "practices.martin.plan[0].for",
        "not a duration",
        "5 rings",
    ),
    (
        "plan = ",
        r#"plan = [{ queue = "pool", until = 3 }]"#,
        "practices.martin.plan[0].until",
        "unknown key",
        "for = ",
    ),
    (
        "plan = ",
        r#"plan = ["busy", { queue = "pool" }]"#,
        "practices.martin.plan[1]",
        "ends the call",
        "before that step",
    ),
    (
        "[teams.pool]",
        "[teams.pool]\nring_for = \"0 s\"",
        "teams.pool.ring_for",
        "below one second",
        "15 s",
    ),
    ("[teams.pool]", "[teams.pool]\n[teams.idle]", "teams.idle", "nobody in it", "\"idle\""),
    (
        "[teams.pool]",
        "[teams.pool]\nretry_after.declind = 3",
        "teams.pool.retry_after.declind",
        "unknown key",
        "`declined`?",
    ),
    ("teams = ", "", "agents.101.teams", "missing", "teams = ["),
    ("teams = ", r#"teams = ["pool", "por"]"#, "agents.101.teams[1]", "no team", "pool"),
    ("ha1 = ", "", "agents.101.ha1", "missing", "monoligne ha1 101 pbx.example.fr"),
    ("ha1 = ", r#"ha1 = "12""#, "agents.101.ha1", "32 hexadecimal", "monoligne ha1"),
    ("ha1 = ", r#"password = "hello""#, "agents.101.password", "unknown key", "monoligne ha1 USER"),
    (
        "ha1 = ",
        r#"secret_file = "nowhere""#,
        "agents.101.secret_file",
        "cannot be read",
        "password",
    ),
    ("[agents.101]", "[agents.\"1 0\"]", "agents.1 0", "cannot be the user", "letters"),
    ("", "[registrar]\nexpires_min = 900", "registrar.expires_min", "not in this order", "60 s"),
    ("", "[registrar]\nbindings_max = 0", "registrar.bindings_max", "nobody", "1 or more"),
    ("", "[registrar]\noptions_interval = 1", "registrar.options_interval", "ahead", "5 s"),
    ("", "[limits]\ndialogs_max = 0", "limits.dialogs_max", "refused", "1 or more"),
    ("", "[limits]\ntransactions_max = 0", "limits.transactions_max", "refused", "1 or more"),
    ("", "[calls]\nring_refresh = \"2 min\"", "calls.ring_refresh", "out of range", "60s"),
    ("", "[calls]\ncodecs = [\"G729\"]", "calls.codecs[0]", "unknown word", "G722"),
    ("", "[media]\nports = \"5000-5100\"", "media.ports", "port 5060 of [[listen]]", "without it"),
    ("", "[media]\nports = \"9-2\"", "media.ports", "below 1024", "16384"),
    ("", "[media]\nports = \"20001-20004\"", "media.ports", "less than two pairs", "four ports"),
    ("", "[limits]\ncalls_max = 0", "limits.calls_max", "hear busy", "1 or more"),
    ("", "[limits]\nwaiting_max = 0", "limits.waiting_max", "hear busy", "1 or more"),
    ("", "[log]\nlevel = \"inof\"", "log.level", "no level", "\"info\""),
    (
        "[teams.pool]",
        "[teams.pool]\nretry_after.declined = 0",
        "teams.pool.retry_after.declined",
        "again and again",
        "1 s at least",
    ),
    ("", "[registrar]\nalgorithms = []", "registrar.algorithms", "none", "MD5"),
    ("", "[calls]\ncodecs = []", "calls.codecs", "no codec", "PCMA"),
    ("", "[log]\nformat = \"xml\"", "log.format", "unknown word", "text, json"),
    ("", "[servr]", "servr", "unknown key", "`server`?"),
];

#[test]
fn every_mistake_names_file_line_key_and_remedy() {
    for (index, (line, instead, key, fault, remedy)) in TABLE.iter().enumerate() {
        let wanted = if line.is_empty() {
            MAIN.lines().count() + 1 + instead.contains('\n') as usize
        } else {
            1 + MAIN.lines().position(|text| text.starts_with(line)).unwrap()
        };
        let text: String = if line.is_empty() {
            format!("{MAIN}{instead}\n")
        } else {
            MAIN.lines()
                .map(|text| if text.starts_with(line) { instead } else { text })
                .flat_map(|text| [text, "\n"])
                .collect()
        };
        let folder = Folder::new(&format!("table-{index}")).with("monoligne.toml", &text);
        let mistakes = folder.mistakes();
        let shown = || mistakes.iter().map(|m| format!("{m}\n")).collect::<String>();
        let Some(found) = mistakes.iter().find(|mistake| mistake.key == *key) else {
            panic!("{instead:?}: nothing about {key}, but\n{}", shown());
        };
        assert!(found.fault.contains(fault), "{instead:?}: {fault:?} is not in\n{}", shown());
        assert!(found.remedy.contains(remedy), "{instead:?}: {remedy:?} is not in\n{}", shown());
        assert_eq!(found.file, folder.0.join("monoligne.toml"));
        // What is missing is told at its table's line, which is above.
        let is_near = if instead.is_empty() {
            found.line > 0 && found.line < wanted
        } else {
            (wanted..wanted + 2).contains(&found.line) || fault.contains("this order")
        };
        assert!(is_near, "{instead:?}: line {} and not {wanted}\n{}", found.line, shown());
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = MAIN
        .replace("realm", "relm")
        .replace("01 99 00 12 34", "12")
        .replace("ha1 =", "password =")
        .replace("\"192.0.2.0/24\"", "7");
    let folder = Folder::new("all").with("monoligne.toml", &text);
    let keys: Vec<String> = folder.mistakes().into_iter().map(|mistake| mistake.key).collect();
    assert_eq!(
        keys,
        [
            "server.realm",
            "server.relm",
            "trunks.op.sources[0]",
            "practices.martin.numbers[0]",
            "agents.101.password",
        ]
    );
}

#[test]
fn a_secret_is_never_shown_in_a_mistake() {
    let text = MAIN.replace("ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"", "password = \"hunter2\"");
    let folder = Folder::new("hidden").with("monoligne.toml", &text);
    let shown = folder.load().unwrap_err().to_string();
    assert!(shown.contains("agents.101.password") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let folder =
        Folder::new("broken").with("monoligne.toml", &MAIN.replace("[teams.pool]", "[teams"));
    let mistakes = folder.mistakes();
    let line = 1 + MAIN.lines().position(|text| text == "[teams.pool]").unwrap();
    assert!(mistakes.iter().any(|mistake| mistake.line == line), "{mistakes:#?}");
}

#[test]
fn a_missing_configuration_is_told_with_its_path() {
    let mistakes = config::load(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(mistakes.contains("/nowhere/at/all") && mistakes.contains("--config"), "{mistakes}");
}

#[test]
fn one_file_and_a_folder_tree_say_the_same() {
    let one = Folder::new("one").with("monoligne.toml", MAIN);
    let tree = Folder::new("tree")
        .with("monoligne.toml", &MAIN[..MAIN.find("[trunks.op]").unwrap()])
        .with("trunks/op.toml", "sources = [\"192.0.2.0/24\"]")
        .with(
            "practices/martin.toml",
            "name = \"Dr Martin\"\nnumbers = [\"0199001234\"]\n\
             plan = [{ queue = \"pool\", for = 180 }, \"busy\"]",
        )
        .with("teams/pool.toml", "")
        .with("agents/101.toml", "teams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"");
    let (one, tree) = (one.load().unwrap().engine, tree.load().unwrap().engine);
    assert_eq!(format!("{one:?}"), format!("{tree:?}"));
}

#[test]
fn what_would_be_passed_over_in_silence_is_a_mistake() {
    let folder = Folder::new("silence")
        .with("monoligne.toml", MAIN)
        .with("agent/102.toml", "")
        .with("data/records.sqlite", "")
        .with("teams/.pool.toml.swp", "")
        .with("teams/night.tml", "");
    let mistakes = folder.mistakes();
    let told: Vec<_> = mistakes.iter().map(|m| (m.file.clone(), m.remedy.as_str())).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, folder.0.join("agent"));
    assert!(told[0].1.contains("to agents"), "{told:?}");
    assert_eq!(told[1].0, folder.0.join("teams/night.tml"));
}

#[test]
fn a_mistake_is_told_once() {
    for (line, instead) in [
        ("127.0.0.1:5060", "127.0.0.1:99999"),
        ("01 99 00 12 34", "01 99 00 12"),
        ("queue = \"pool\"", "queue = 3"),
        ("ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"", "ha1 = \"a7\""),
        (
            "[teams.pool]",
            "[unidentified]\nname = \"x\"\nnumbers = [\"1\"]\nplan = [\"busy\"]\n[teams.pool]",
        ),
    ] {
        let folder = Folder::new("once").with("monoligne.toml", &MAIN.replace(line, instead));
        let mistakes = folder.mistakes();
        assert_eq!(mistakes.len(), 1, "{instead}: {mistakes:#?}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_told_as_such() {
    let folder = Folder::new("link").with("monoligne.toml", MAIN).with("teams/.keep", "");
    std::os::unix::fs::symlink("/nowhere", folder.0.join("teams/night.toml")).unwrap();
    let mistakes = folder.mistakes();
    assert_eq!((mistakes.len(), mistakes[0].line), (1, 0));
    assert!(mistakes[0].remedy.contains("leads nowhere"), "{}", mistakes[0]);
}

#[test]
fn a_file_in_another_encoding_is_told_with_its_remedy() {
    let folder = Folder::new("latin").with("monoligne.toml", "");
    fs::write(folder.0.join("monoligne.toml"), b"# Dr Andr\xe9").unwrap();
    let mistakes = folder.mistakes();
    assert!(mistakes[0].remedy.contains("UTF-8"), "{}", mistakes[0]);
}

#[test]
fn one_name_in_the_main_file_and_in_the_folder_is_a_mistake() {
    let folder = Folder::new("twice")
        .with("monoligne.toml", MAIN)
        .with("teams/pool.toml", "ring_for = \"20 s\"");
    let mistakes = folder.mistakes();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].key, "teams.pool");
    assert!(mistakes[0].file.ends_with("teams/pool.toml"));
    assert!(mistakes[0].fault.contains("monoligne.toml:16"), "{}", mistakes[0]);
}

#[test]
fn a_number_of_two_practices_names_both_places() {
    let folder = Folder::new("number").with("monoligne.toml", MAIN).with(
        "practices/petit.toml",
        "name = \"Petit\"\nnumbers = [\"0033 1 99 00 12 34\"]\nplan = [\"busy\"]\n",
    );
    let mistakes = folder.mistakes();
    assert_eq!((mistakes.len(), mistakes[0].line), (1, 2));
    assert!(mistakes[0].fault.contains("monoligne.toml:13"), "{}", mistakes[0]);
}

#[test]
fn shared_numbers_belong_to_no_practice_and_have_a_plan_of_their_own() {
    let text = format!(
        "{MAIN}\n[unidentified]\nname = \"Unknown\"\nnumbers = [\"01 99 00 99 99\", \"0262 00 99 99\"]\n\
         plan = [{{ queue = \"pool\" }}]\n"
    );
    let engine = Folder::new("shared").with("monoligne.toml", &text).load().unwrap().engine;
    let unidentified = PracticeId(2);
    let number = |text| E164::read(text).unwrap();
    let shared: Vec<_> = engine.shared.into_iter().collect();
    assert_eq!(
        shared,
        [("0199009999", unidentified), ("+262262009999", unidentified)]
            .map(|(text, id)| (number(text), id))
    );
    assert_eq!(
        engine.numbers.into_iter().collect::<Vec<_>>(),
        [(number("0199001234"), PracticeId(1))]
    );
    assert_eq!(engine.practices[&unidentified].label, "Unknown");
    assert!(engine.floor.practices.contains_key(&unidentified));
}

#[test]
fn a_trunk_has_its_own_rules_for_numbers() {
    let rules = "[trunks.op.numbers]\ncountry = \"NC\"\nstrip = \"9\"\n[practices.martin]";
    let text = MAIN.replace("[practices.martin]", rules);
    let engine = Folder::new("rules").with("monoligne.toml", &text).load().unwrap().engine;
    let trunk = &engine.trunks[&call::TrunkId(1)];
    assert_eq!(trunk.numbers.read("9251234").unwrap().to_string(), "+687251234");
}

#[test]
fn two_trunks_may_not_share_a_source() {
    let folder = Folder::new("sources")
        .with("monoligne.toml", MAIN)
        .with("trunks/second.toml", "sources = [\"192.0.2.7:5080\"]");
    let mistakes = folder.mistakes();
    assert_eq!(mistakes[0].key, "trunks.second.sources[0]");
    assert!(mistakes[0].fault.contains("trunk op"), "{}", mistakes[0]);
}

#[test]
fn a_password_file_makes_both_digests_and_must_not_be_everybodys() {
    let text =
        MAIN.replace("ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"", "secret_file = \"secrets/101\"");
    let folder =
        Folder::new("secret").with("monoligne.toml", &text).with("secrets/101", "secret-101\n");
    let secret = folder.0.join("secrets/101");

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let mistakes = folder.mistakes();
    assert!(mistakes[0].remedy.starts_with("chmod 640"), "{}", mistakes[0]);

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let loaded = folder.load().unwrap();
    let account = &loaded.engine.agents.values().next().unwrap().account;
    assert_eq!(account.ha1_md5, Some(sip::ha1_md5("101", "pbx.example.fr", "secret-101")));
    assert_eq!(account.ha1_sha256, Some(sip::ha1_sha256("101", "pbx.example.fr", "secret-101")));
}

#[test]
fn values_arrive_in_the_engines_types() {
    let text = MAIN
        .replace(
            "[teams.pool]",
            "[teams.pool]\nring_for = \"4 rings\"\nretry_after.busy = \"1 min\"",
        )
        .replace("name = \"Dr", "urgency = \"urgent\"\nanswer_within = 15\nname = \"Dr");
    let loaded = Folder::new("values").with("monoligne.toml", &text).load().unwrap();
    let floor = &loaded.engine.floor;
    let (team, practice) =
        (floor.teams.values().next().unwrap(), floor.practices.values().next().unwrap());
    assert_eq!(team.ring_for, Duration::from_secs(20));
    assert_eq!(team.retry_after.busy, Duration::from_secs(60));
    assert_eq!(practice.urgency, Urgency::Urgent);
    assert_eq!(practice.answer_within, Duration::from_secs(15));
    let number = E164::read("+33199001234").unwrap();
    assert_eq!(loaded.engine.numbers.get(&number), Some(&PracticeId(1)));
}

#[test]
fn the_sample_loads() {
    let loaded = config::load(&sample()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let engine = &loaded.engine;
    assert_eq!(
        (
            engine.practices.len(),
            engine.floor.teams.len(),
            engine.agents.len(),
            engine.phones.len(),
            engine.trunks.len()
        ),
        (9, 3, 4, 1, 1)
    );
    let agents = engine.agents.values().map(|agent| (&agent.user, &agent.account));
    let phones = engine.phones.values().map(|phone| (&phone.user, &phone.account));
    for (user, account) in agents.chain(phones) {
        let digest = sip::ha1_md5(user, &engine.realm, &format!("secret-{user}"));
        assert_eq!(account.ha1_md5, Some(digest), "{user}");
    }
}

/// The sample in a folder of a test's own, each file of it passed through `change`.
fn changed_sample(name: &str, change: impl Fn(&Path, String) -> String) -> Folder {
    let mut folder = Folder::new(name);
    for path in sample_files() {
        let text = change(&path, fs::read_to_string(sample().join(&path)).unwrap());
        folder = folder.with(path.to_str().unwrap(), &text);
    }
    fs::create_dir_all(folder.0.join("prompts")).unwrap();
    for entry in fs::read_dir(sample().join("prompts")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wav") {
            fs::copy(&path, folder.0.join("prompts").join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// The sample's TOML files, from its folder.
fn sample_files() -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![sample()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path.strip_prefix(sample()).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_whole_sample_works_as_one_file_too() {
    let tree = config::load(&sample()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let mut one = String::new();
    for path in sample_files() {
        let text = fs::read_to_string(sample().join(&path)).unwrap();
        let Some(part) = path.parent().and_then(Path::to_str).filter(|part| !part.is_empty())
        else {
            one.insert_str(0, &text);
            continue;
        };
        let item = format!("{part}.{}", path.file_stem().unwrap().to_str().unwrap());
        one.push_str(&format!("\n[{item}]\n"));
        for line in text.lines() {
            let inner = line.trim_start_matches('[');
            let line = match line.len() - inner.len() {
                0 => line.to_owned(),
                depth => format!("{}{item}.{inner}", "[".repeat(depth)),
            };
            one.push_str(&format!("{line}\n"));
        }
    }
    let folder = changed_sample("sample-one", |_, _| String::new());
    for part in ["trunks", "practices", "teams", "agents", "phones", "sites"] {
        fs::remove_dir_all(folder.0.join(part)).unwrap();
    }
    let folder = folder.with("monoligne.toml", &one);
    let one = config::load_again(&folder.0, tree.ids.clone());
    let one = one.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(format!("{:?}", one.engine), format!("{:?}", tree.engine));
    assert_eq!(one.engine.floor, tree.engine.floor);
}

/// What the items' files show behind `#` as the default is the default.
#[test]
fn the_commented_defaults_of_the_samples_items_are_the_real_ones() {
    let keys = [
        "answer_within",
        "urgency",
        "affinity",
        "redial_within",
        "at_closing",
        "away",
        "plan",
        "time_zone",
        "holidays",
        "ring_for",
        "misses_max",
        "no_answer",
        "declined",
        "busy",
        "unreachable",
        "dropped",
        "strategy",
        "ring",
        "reserve",
        "position",
        "transports",
        "max_unanswered",
        "rang_before",
        "transport",
        "forwarded_by",
        "as_of",
        "numbers",
    ];
    let uncomment = |line: &str| {
        let key = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
        let is_default = key.is_some_and(|(key, _)| keys.contains(&key));
        if is_default { line[2..].to_owned() } else { line.to_owned() }
    };
    let written: Vec<String> = sample_files()
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(sample().join(path)).unwrap();
            text.lines()
                .filter(|line| uncomment(line) != **line)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    for key in keys {
        let is_there = written.iter().any(|line| line.starts_with(&format!("# {key} = ")));
        assert!(is_there, "the sample shows no default of {key}");
    }
    let spelled = changed_sample("sample-spelled", |_, text| {
        text.lines().map(uncomment).flat_map(|line| [line, "\n".to_owned()]).collect()
    });
    let plain = config::load(&sample()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let spelled = spelled.load().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(format!("{:?}", plain.engine), format!("{:?}", spelled.engine));
    assert_eq!(plain.engine.floor, spelled.engine.floor);
}

#[test]
fn the_shipped_prompts_are_clear_and_their_texts_stand_in_the_script() {
    let prompts = sample().join("prompts");
    let script = fs::read_to_string(prompts.join("make.sh")).unwrap().replace("\\\n", "");
    let made: BTreeMap<&str, &str> = script
        .lines()
        .filter_map(|line| line.strip_prefix("speak ").or(line.strip_prefix("melody ")))
        .map(|made| made.split_once(' ').unwrap_or((made, "")))
        .collect();
    let loaded = config::load(&sample()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let there: BTreeSet<&str> =
        loaded.engine.prompts.values().map(|prompt| prompt.name.as_str()).collect();
    assert_eq!(there, made.keys().copied().collect());
    assert!(loaded.engine.hold.is_some());
    for prompt in loaded.engine.prompts.values() {
        let name = prompt.name.as_str();
        assert!((5..=20).contains(&prompt.duration.as_secs()), "{name}: {:?}", prompt.duration);
        let file = hound::WavReader::open(prompts.join(format!("{name}.wav"))).unwrap();
        let (spec, rate) = (file.spec(), file.spec().sample_rate);
        assert_eq!((spec.channels, rate, spec.bits_per_sample), (1, 8_000, 16), "{name}");
        let samples: Vec<i16> = file.into_samples().map(Result::unwrap).collect();
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((3_000..24_000).contains(&peak), "{name}: {peak}");
        let text = made[name];
        // No caller hears these.
        let is_complete = text.is_empty()
            || ["accept", "emergency"].contains(&name)
            || text.contains("composez le quinze");
        assert!(is_complete, "{name}: {text}");
        assert!(!text.contains("message"), "{name} offers what there is not: {text}");
    }
}

#[test]
fn a_prompt_keeps_its_id_over_reloads_even_while_it_is_gone() {
    let folder = Folder::new("prompts").with("monoligne.toml", MAIN);
    let prompts = folder.0.join("prompts");
    fs::create_dir(&prompts).unwrap();
    let put = |name: &str| {
        fs::copy(sample().join("prompts/closed.wav"), prompts.join(name)).unwrap();
    };
    let names = |loaded: &Loaded| -> Vec<(u32, String)> {
        loaded.engine.prompts.iter().map(|(id, prompt)| (id.0, prompt.name.clone())).collect()
    };
    put("closed.wav");
    put("leave.wav");
    let first = folder.load().unwrap();
    fs::remove_file(prompts.join("closed.wav")).unwrap();
    put("apology.wav");
    let second = config::load_again(&folder.0, first.ids.clone()).unwrap();
    put("closed.wav");
    let third = config::load_again(&folder.0, second.ids.clone()).unwrap();
    let named = |pairs: &[(u32, &str)]| -> Vec<(u32, String)> {
        pairs.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
    };
    assert_eq!(names(&first), named(&[(1, "closed"), (2, "leave")]));
    assert_eq!(names(&second), named(&[(2, "leave"), (3, "apology")]));
    assert_eq!(names(&third), named(&[(1, "closed"), (2, "leave"), (3, "apology")]));
}

#[test]
fn the_sample_documents_every_key() {
    // Where each table is documented.
    let part = |table: &str| match table {
        "practices" | "plan" | "leave" | "callers" | "repeated" | "forward" | "practitioners"
        | "links" => "practices",
        "teams" | "retry_after" | "widen" => "teams",
        "trunks" | "numbers" | "outbound" => "trunks",
        "agents" => "agents",
        "phones" => "phones",
        "sites" => "sites",
        _ => "",
    };
    let texts = |part: &str| -> String {
        let files = sample_files().into_iter();
        let files = files.filter(|path| path.parent() == Some(Path::new(part)));
        files.map(|path| fs::read_to_string(sample().join(path)).unwrap()).collect()
    };
    for (table, keys) in KEYS.iter().filter(|(table, _)| !table.is_empty()) {
        let text = texts(part(table));
        for key in *keys {
            let is_there = text.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = "))
                    || line == format!("[{key}]")
                    || line == format!("[[{key}]]")
            }) || text.contains(&format!("{{ {key} = "))
                || text.contains(&format!(", {key} = "));
            assert!(is_there, "config/ says nothing of `{key}` of [{table}]");
        }
    }
}

/// The commented defaults of the sample are the real ones: with them written out, the engine's
/// configuration is the same.
#[test]
fn the_samples_commented_defaults_are_the_real_ones() {
    let keys = ["node", "data", "control", "drain_timeout", "threads", "format", "level", "watch"];
    let later = ["codecs", "ring_refresh", "unreachable_after", "inquiry_timeout", "algorithms"];
    let text = fs::read_to_string(sample().join("monoligne.toml")).unwrap();
    // The folder of this test has no prompts.
    let text = text.replace("\nhold_music = ", "\n# ");
    let is_default = |line: &str| {
        let key = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")).map(|(k, _)| k);
        key.is_some_and(|key| {
            keys.contains(&key)
                || later.contains(&key)
                || key.starts_with("expires_")
                || key.ends_with("s_max")
        })
    };
    let written: String = text
        .lines()
        .map(|line| if is_default(line) { &line[2..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(written.matches("\nexpires_").count() == 3, "{written}");
    let parts = "[trunks.op]\nsources = [\"192.0.2.0/24\"]\n[teams.cabinet]\n\
                 [agents.101]\nteams = [\"cabinet\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let plain = Folder::new("plain").with("monoligne.toml", &format!("{text}\n{parts}"));
    let spelled = Folder::new("spelled").with("monoligne.toml", &format!("{written}\n{parts}"));
    let (plain, spelled) = (plain.load().unwrap(), spelled.load().unwrap());
    assert_eq!(format!("{:?}", plain.engine), format!("{:?}", spelled.engine));
    assert_eq!(plain.settings.drain_timeout, spelled.settings.drain_timeout);
    assert_eq!(plain.settings.node, spelled.settings.node);
    assert_eq!(plain.settings.watch, spelled.settings.watch);
    assert_eq!(plain.log, spelled.log);
    let relative = |loaded: &Loaded| {
        let folder = loaded.path.parent().unwrap().to_owned();
        let relative = |path: &Path| path.strip_prefix(&folder).unwrap().to_owned();
        let control = loaded.settings.control.as_deref().map(relative);
        (relative(&loaded.settings.records), control)
    };
    assert_eq!(relative(&plain), relative(&spelled));
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

#[test]
fn a_value_out_of_its_range_is_told_with_its_own_line() {
    let folder = Folder::new("config-range")
        .with("monoligne.toml", "[registrar]\n\nexpires_min = 900\nbindings_max = 0\n")
        .with("teams/pool.toml", "# Some words.\n\nring_for = 0\n")
        .with("trunks/op.toml", "sources = [\"192.0.2.7\"]\nmax_unanswered = 0\n");
    let told = config::load(&folder.0).unwrap_err().to_string();
    for place in [
        "monoligne.toml:3: registrar.expires_min = 900: ",
        "monoligne.toml:4: registrar.bindings_max = 0: ",
        "teams/pool.toml:3: teams.pool.ring_for = 0: ",
        "trunks/op.toml:2: trunks.op.max_unanswered = 0: ",
    ] {
        assert!(told.contains(place), "{place} in {told}");
    }
}
