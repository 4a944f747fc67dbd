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
        "open, until Thu 2026-11-26 19:00: by its hours",
        "1. wait for the team pool for 40 s  (practices/petit.toml:5)",
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
    let both =
        command(scene.config(), &["explain", "--live", "--at", "08:30", "--did", "0199001234"]);
    assert_eq!(both.status.code(), Some(2), "now and then at once");
}
