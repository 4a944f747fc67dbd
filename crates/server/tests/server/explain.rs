//! `monoligne explain`: what would happen to a call, from files and from a running server.

use serde_json::Value;

use crate::folder::Folder;
use crate::operation::{Scene, command, refused, told};
use crate::peer::Peer;
use crate::ports::ports;
use crate::running::text;

fn explained(folder: &Folder, words: &[&str]) -> Value {
    let words = [&["explain", "--json"], words].concat();
    serde_json::from_str(&told(&folder.0, &words)).unwrap()
}

/// A practice with hours, a leave, and a step that nobody waits in for long.
fn sample(name: &str) -> Folder {
    let practice = "\
name = \"Mme Petit\"
numbers = [\"01 99 00 56 78\"]
answer_within = \"3 rings\"
hours = 'Mo-Fr 08:00-19:00; PH off \"jour férié\"'
plan = [{ queue = \"pool\", for = \"40 s\" }, \"busy\"]
closed = [\"busy\"]
[[leave]]
from = \"2026-12-24\"
to = \"2027-01-03\"
plan = [\"busy\"]
";
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let shared = "[unidentified]\nname = \"Nobody's\"\nnumbers = [\"01 99 00 99 99\"]\n\
                  plan = [{ queue = \"pool\" }]\n";
    Folder::new(name)
        .with("monoligne.toml", &format!("{text}{shared}"))
        .with("practices/petit.toml", practice)
}

#[test]
fn each_part_of_a_decision_is_told_with_the_line_that_says_so() {
    let folder = sample("explain-parts");
    let call = ["--did", "0199005678", "--from", "0639980001", "--at", "2026-11-26T08:30"];
    let told_whole = explained(&folder, &call);
    assert_eq!(told_whole["at"], "2026-11-26T08:30:00");
    assert_eq!(told_whole["practice"]["by"], "own");
    assert_eq!(told_whole["practice"]["place"], "practices/petit.toml:2");
    assert_eq!(told_whole["situation"]["situation"], "open");
    assert_eq!(told_whole["situation"]["place"], "practices/petit.toml:4");
    assert_eq!(told_whole["situation"]["until"], "Thu 2026-11-26 19:00");
    assert_eq!(told_whole["promise"]["answer_within_ms"], 15_000);
    assert_eq!(told_whole["plan"][0]["place"], "practices/petit.toml:5");
    assert_eq!(told_whole["who"][0]["circles"][0]["agents"][0]["user"], "101");
    let course = told_whole["course"].as_array().unwrap().iter();
    let course: Vec<(u64, &str)> = course
        .map(|event| (event["after_ms"].as_u64().unwrap(), event["kind"].as_str().unwrap()))
        .collect();
    // She lets it ring for 15 s and rests for 30 s: his wait is over before she would be rung again.
    assert_eq!(course, [(0, "waits"), (0, "rings"), (15_000, "unanswered"), (40_000, "busy")],);

    let page = told(&folder.0, &[&["explain"], &call[..]].concat());
    for words in [
        "06 39 98 00 01 calls 01 99 00 56 78 on Thu 2026-11-26 08:30 (Europe/Paris)",
        "01 99 00 56 78 is its number  (practices/petit.toml:2)",
        "open, until Thu 2026-11-26 19:00: by its hours, `Mo-Fr 08:00-19:00`  (practices/petit.toml:4)",
        "1. wait for the team pool for 40 s  (practices/petit.toml:5)",
        "at once, until 0:40: its `for` is over, then step 2",
        "2. hear busy, the end  (practices/petit.toml:5)",
        "from 0:40 on at the latest",
        "  0:15     101 does not answer",
        "  0:40     hears busy, the call ends",
    ] {
        assert!(page.contains(words), "{words:?} is not in\n{page}");
    }
}

#[test]
fn leave_holidays_forwarded_shared_and_unknown_numbers_are_told_apart() {
    let folder = sample("explain-apart");
    let at = |did: &str, more: &[&str]| explained(&folder, &[&["--did", did], more].concat());
    let leave = at("0199005678", &["--at", "2026-12-28T10:00"]);
    assert_eq!(leave["situation"]["situation"], "leave");
    assert_eq!(leave["situation"]["place"], "practices/petit.toml:8");
    assert_eq!(leave["situation"]["until"], "Mon 2027-01-04 00:00");
    let holiday = at("0199005678", &["--at", "2026-11-11T10:00"]);
    let held = &holiday["situation"];
    assert_eq!((&held["situation"], &held["comment"]), (&"closed".into(), &"jour férié".into()));
    assert_eq!(held["rule"], "PH off \"jour férié\"");
    assert_eq!((&held["holiday"], &held["key"]), (&"Armistice 1918".into(), &"hours".into()));
    assert_eq!(held["place"], "practices/petit.toml:4");
    let page = told(&folder.0, &["explain", "--did", "0199005678", "--at", "2026-11-11T10:00"]);
    let words =
        "by its hours, `PH off \"jour férié\"` (PH: Armistice 1918)  (practices/petit.toml:4)";
    assert!(page.contains(words), "{page}");
    let forwarded = at("0199009999", &["--diversion", "0199005678"]);
    assert_eq!(forwarded["practice"]["by"], "forwarded");
    assert_eq!(forwarded["practice"]["name"], "Mme Petit");
    let shared = at("0199009999", &["--diversion", "0612345678"]);
    assert_eq!(shared["practice"]["by"], "shared");
    assert_eq!(shared["practice"]["name"], "Nobody's");
    let unknown = at("0199000000", &[]);
    assert_eq!(unknown["refused"], "404: 01 99 00 00 00 is no number of ours");
    for (words, why) in [
        (["--did", "12"], "a national number has 10 digits"),
        (["--did", "0199-JEAN"], "not a telephone number"),
    ] {
        let told = refused(&folder.0, &[&["explain"][..], &words].concat());
        assert!(told.contains(why), "{told}");
    }
    let told = refused(&folder.0, &["explain", "--did", "0199005678", "--at", "tomorrow"]);
    assert!(told.contains("is no moment"), "{told}");
}

#[test]
fn a_running_server_is_asked_for_its_true_states() {
    let scene = Scene::new("explain-live", &ports(40));
    let _serving = scene.start();
    let ask = || -> Value {
        let words = ["explain", "--live", "--json", "--did", "0199001234"];
        serde_json::from_str(&told(scene.config(), &words)).unwrap()
    };
    let state = |told: &Value| told["who"][0]["circles"][0]["agents"][0]["state"].clone();
    let alone = ask();
    assert_eq!((&alone["live"], state(&alone)), (&true.into(), "logged out".into()));
    assert_eq!(
        alone["course"].as_array().unwrap().iter().filter(|it| it["kind"] == "rings").count(),
        0
    );
    scene.phone.register("101", 1, None);
    let free = ask();
    assert_eq!(state(&free), "");
    assert_eq!(free["course"][1]["what"], "rings 101");
    scene.trunk.invite("0199001234", "one");
    scene.phone.rung();
    assert_eq!(state(&ask()), "offered");
    // Nobody was called for it, and nobody entered a queue.
    assert_eq!(scene.json("calls").as_array().unwrap().len(), 1);
    assert_eq!(scene.json("status")["ledger"]["offered"], 1);
    told(scene.config(), &["override", "Dr Martin", "leave", "--for", "1h"]);
    let over = ask();
    assert!(over["situation"]["why"].as_str().unwrap().contains("an override: on leave until"));
    // What was ordered is written behind.
    let by = || ask()["situation"]["place"].as_str().map(str::to_owned);
    let by = (0..200).find_map(|_| by()).expect("the order is recorded");
    assert!(by.starts_with("ordered by "), "{by}");
    let both =
        command(scene.config(), &["explain", "--live", "--at", "08:30", "--did", "0199001234"]);
    assert_eq!(both.status.code(), Some(2), "now and then at once");
}

/// A practice whose plan goes through conditions, and at night to another practice.
fn with_conditions(name: &str) -> Folder {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let more = r#"
[teams.far]
[agents.201]
teams = ["far"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
"#;
    let petit = r#"name = "Mme Petit"
numbers = ["01 99 00 56 78"]
hours = "Mo-Fr 08:00-19:00; PH off"
wait_max = "80 s"
plan = [
    { queue = "pool", for = "40 s", unless_waiting = 2, unless_expected = "1 min", nobody = "0 s" },
    { queue = "far", for = "30 s", unless_none_free = true },
    { queue = "pool", for = "60 s" },
    { practice = "garde" },
]
closed = [
    { practice = "garde" },
]

[[callers]]
name = "confrères"
numbers = [
    "01 99 00 77 01",
]
plan = [
    "busy",
]
"#;
    let garde = r#"name = "Garde"
numbers = ["01 99 00 40 00"]
hours = "Mo-Su 20:00-08:00"
plan = [
    { queue = "far", for = "20 s" },
    "busy",
]
closed = ["busy"]
"#;
    Folder::new(name)
        .with("monoligne.toml", &format!("{text}{more}"))
        .with("practices/petit.toml", petit)
        .with("practices/garde.toml", garde)
}

#[test]
fn the_whole_plan_is_told_with_conditions_times_and_the_practice_that_it_goes_on_with() {
    let folder = with_conditions("explain-whole");
    let day = explained(&folder, &["--did", "0199005678", "--at", "2026-11-26T10:00"]);
    let plan = day["plan"].as_array().unwrap();
    let stages: Vec<_> = plan
        .iter()
        .map(|step| {
            let practice = step["practice"].as_str().unwrap();
            let by = step["ends_by"].as_str().unwrap_or_default();
            let number = step["step"].as_u64().unwrap();
            (practice, number, step["begins_ms"].as_u64(), step["ends_ms"].as_u64(), by)
        })
        .collect();
    assert_eq!(
        stages,
        [
            ("petit", 1, Some(0), Some(40_000), "for"),
            ("petit", 2, Some(40_000), Some(70_000), "for"),
            ("petit", 3, Some(70_000), Some(80_000), "wait_max"),
            ("petit", 4, Some(80_000), None, ""),
            // All that he may wait in queues is over; Garde is closed by day.
            ("garde", 1, Some(80_000), None, ""),
        ]
    );
    assert_eq!(plan[0]["entry"]["lets_in"], true);
    assert_eq!(
        plan[0]["entry"]["why"],
        serde_json::json!([
            "nobody waits ahead of him (unless_waiting = 2)",
            "no longer wait than 1 min is expected (unless_expected)"
        ])
    );
    let places: Vec<&str> = plan.iter().map(|step| step["place"].as_str().unwrap()).collect();
    let petit = |line: usize| format!("practices/petit.toml:{line}");
    assert_eq!(places[..4], [petit(6), petit(7), petit(8), petit(9)]);
    assert_eq!(places[4], "practices/garde.toml:8");
    let there = &plan[3]["goes_on"];
    assert_eq!(
        (&there["situation"], &there["place"]),
        (&"closed".into(), &"practices/garde.toml:3".into())
    );
    assert_eq!(there["rule"], "Mo-Su 20:00-08:00");
    // Who was rung in vain rests: nobody of the other team has been rung, so it takes him.
    let kinds: Vec<(u64, &str)> = day["course"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["after_ms"].as_u64().unwrap(), event["kind"].as_str().unwrap()))
        .filter(|(_, kind)| ["waits", "spent", "handed_on", "passed", "busy"].contains(kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (0, "waits"),
            (40_000, "waits"),
            (70_000, "waits"),
            (80_000, "spent"),
            (80_000, "handed_on"),
            (80_000, "busy")
        ]
    );

    let night = explained(&folder, &["--did", "0199005678", "--at", "2026-11-26T21:00"]);
    let plan = night["plan"].as_array().unwrap();
    let garde: Vec<&Value> = plan.iter().filter(|step| step["practice"] == "garde").collect();
    assert_eq!(garde[0]["place"], "practices/garde.toml:5");
    assert_eq!(garde[1]["begins_ms"], 20_000);
    assert_eq!(
        (&plan[0]["place"], &plan[0]["goes_on"]["situation"]),
        (&petit(12).into(), &"open".into())
    );
    assert_eq!(night["who"][0]["practice"], "garde");
    assert_eq!(night["who"][0]["circles"][0]["agents"][0]["user"], "201");

    let call = ["--did", "0199005678", "--from", "0199007701", "--at", "2026-11-26T10:00"];
    let listed = explained(&folder, &call);
    let held = &listed["situation"];
    assert_eq!((&held["situation"], &held["place"]), (&"listed".into(), &petit(20).into()));
    assert_eq!(held["why"], "he is on the list \"confrères\": he is blocked");
    assert_eq!(listed["plan"][0]["place"], petit(21));
    assert_eq!(listed["class"]["place"], Value::Null, "the practice says nothing of its class");
    let page = told(&folder.0, &[&["explain"], &call[..]].concat());
    assert!(page.contains("he is on the list \"confrères\""), "{page}");
}

#[test]
fn conditions_are_told_by_the_true_states_of_the_running_server() {
    let scene = Scene::new("explain-full", &ports(40));
    scene.rewrite(
        "plan = [{ queue = \"pool\" }]",
        "plan = [{ queue = \"pool\", for = \"60 s\", unless_waiting = 1 }, \"busy\"]",
    );
    let _serving = scene.start();
    let ask = || -> Value {
        let words = ["explain", "--live", "--json", "--did", "0199001234"];
        serde_json::from_str(&told(scene.config(), &words)).unwrap()
    };
    let first = ask();
    assert_eq!(first["plan"][0]["entry"]["lets_in"], true);
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(180, "one");
    let full = ask();
    assert_eq!(full["plan"][0]["entry"]["lets_in"], false);
    assert_eq!(full["plan"][0]["entry"]["why"][0], "1 wait ahead of him");
    // The plan to its end is told all the same.
    assert_eq!(full["plan"][1]["begins_ms"], 60_000);
    assert_eq!(full["course"][0]["what"], "step 1: passed over: 1 wait ahead of him");
    let page = told(scene.config(), &["explain", "--live", "--did", "0199001234"]);
    assert!(page.contains("now he would be passed on: 1 wait ahead of him"), "{page}");
}

#[test]
fn a_call_comes_by_the_trunk_that_says_it_brings_its_number() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let second = "[practices.petit]\nname = \"Mme Petit\"\nnumbers = [\"01 99 00 56 78\"]\n\
                  plan = [{ queue = \"pool\", for = \"40 s\" }, \"busy\"]\n\
                  [trunks.patient]\nsources = [\"203.0.113.9\"]\nmax_unanswered = \"110 s\"\n\
                  dids = [\"01 99 00 12 34\"]\n\
                  [trunks.short]\nsources = [\"203.0.113.10\"]\nmax_unanswered = \"60 s\"\n\
                  rang_before = \"0 s\"\ndids = [\"01 99 00 56 *\"]\n";
    let folder = Folder::new("explain-trunk").with("monoligne.toml", &(text + second));
    let promise = |did: &str, more: &[&str]| {
        let words = [&["--did", did, "--from", "0639980001"], more].concat();
        explained(&folder, &words)["promise"].take()
    };
    let martin = promise("0199001234", &[]);
    assert_eq!(
        (&martin["trunk"], &martin["max_unanswered_ms"]),
        (&"patient".into(), &110_000.into())
    );
    assert_eq!(martin["rang_before_ms"], 25_000);
    let petit = promise("0199005678", &[]);
    assert_eq!((&petit["trunk"], &petit["max_unanswered_ms"]), (&"short".into(), &60_000.into()));
    let named = promise("0199005678", &["--trunk", "op"]);
    assert_eq!((&named["trunk"], &named["max_unanswered_ms"]), (&"op".into(), &85_000.into()));
    let nobodys = promise("0199009999", &[]);
    assert_eq!(nobodys, Value::Null, "a number of nobody's promises nothing");

    let page = |did: &str| told(&folder.0, &["explain", "--did", did, "--from", "0639980001"]);
    let shown = page("0199001234");
    let words = "unanswered for at most 1 min 50 s (patient; 25 s less if the practice's phone rang before)";
    assert!(shown.contains(words), "{shown}");
    let shown = page("0199005678");
    assert!(shown.contains("unanswered for at most 1 min (short)"), "{shown}");
}

#[test]
fn a_line_that_is_forwarded_to_a_shared_number_comes_by_the_trunk_that_brings_that() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let text = text.replace("[trunks.op]\n", "[trunks.op]\ndids = [\"01 99 00 12 34\"]\n");
    let more = "[trunks.shared]\nsources = [\"203.0.113.9\"]\nmax_unanswered = \"110 s\"\n\
                dids = [\"01 99 00 99 99\"]\n\
                [unidentified]\nname = \"Nobody's\"\nnumbers = [\"01 99 00 99 99\"]\n\
                plan = [{ queue = \"pool\" }]\n\
                [practices.petit]\nname = \"Mme Petit\"\nnumbers = [\"01 55 00 56 78\"]\n\
                plan = [{ queue = \"pool\" }]\n";
    let folder = Folder::new("explain-shared").with("monoligne.toml", &(text + more));
    let trunk = |did: &str| {
        explained(&folder, &["--did", did, "--from", "0639980001"])["promise"]["trunk"].take()
    };
    assert_eq!(trunk("0155005678"), "shared");
    assert_eq!(trunk("0199001234"), "op");
}

#[test]
fn who_comes_to_a_step_behind_a_key_is_urgent_there() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let text = text.replace(
        "[teams.pool]\n",
        "[teams.pool]\nwiden = [{ to = \"own\" }, { to = \"everyone\", after = \"20 s\" }]\n",
    );
    let keyed = "plan = [{ announce = \"closed\", urgent_key = \"1\" }, { queue = \"pool\" }, \
                 { announce = \"closed\" }]\nown = [\"101\"]";
    let plain = "plan = [{ queue = \"pool\" }]\nown = [\"101\"]";
    let circles = |name: &str, plan: &str| {
        let text = text.replace("plan = [{ queue = \"pool\" }]", plan);
        let folder = Folder::new(name).with("monoligne.toml", &text);
        std::fs::create_dir(folder.0.join("prompts")).unwrap();
        let prompt = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/prompts");
        std::fs::copy(prompt.join("closed.wav"), folder.0.join("prompts/closed.wav")).unwrap();
        let told = explained(&folder, &["--did", "0199001234", "--from", "0639980001"]);
        told["who"][0]["circles"].as_array().unwrap().len()
    };
    assert_eq!(circles("explain-unkeyed", plain), 2, "first her own secretaries");
    assert_eq!(circles("explain-keyed", keyed), 1, "nobody in particular: it is urgent");
}
