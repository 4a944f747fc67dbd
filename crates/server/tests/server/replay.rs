//! `monoligne replay`: past calls through a configuration.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::folder::Folder;
use crate::operation::{SDP, Scene, command, refused, told};
use crate::peer::Peer;
use crate::ports::ports;
use crate::running::text;

/// So many secretaries, and this many calls from 8 to 19 h.
fn day(name: &str, secretaries: usize, calls: u64) -> Folder {
    let mut text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    for user in 200..200 + secretaries {
        let _ = write!(
            text,
            "[agents.{user}]\nteams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n"
        );
    }
    let mut csv = "arrived,did,caller,wait_s,talk_s,outcome\n".to_owned();
    let mut state = 7_u64;
    let mut below = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    for call in 0..calls {
        let second = 8 * 3_600 + call * 39_600 / calls;
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        let caller = 639_980_000 + below(10_000);
        let wait = below(40);
        let end = match below(10) {
            0 => ",abandoned".to_owned(),
            _ => format!("{},answered", 60 + below(180)),
        };
        let _ = writeln!(
            csv,
            "2026-11-26T{h:02}:{m:02}:{s:02},01 99 00 12 34,+33{caller},{wait},{end}"
        );
    }
    Folder::new(name).with("monoligne.toml", &text).with("day.csv", &csv)
}

fn replayed(folder: &Folder, words: &[&str]) -> Value {
    let csv = folder.0.join("day.csv");
    let words = [&["replay", "--json", "--csv", csv.to_str().unwrap()], words].concat();
    serde_json::from_str(&told(&folder.0, &words)).unwrap()
}

#[test]
fn ten_thousand_calls_of_a_day_are_replayed_in_seconds_and_each_is_counted_once() {
    let few = day("replay-few", 36, 10_000);
    let report = replayed(&few, &[]);
    assert_eq!(report["calls"], 10_000);
    let count = |of: &Value, key: &str| of[key].as_u64().unwrap();
    for figures in [&report["recorded"], &report["replayed"]] {
        let ends = ["answered", "abandoned", "ended"].map(|key| count(figures, key));
        assert_eq!(ends.iter().sum::<u64>(), count(figures, "offered"), "{figures}");
        assert_eq!(count(figures, "offered") + count(figures, "closed"), 10_000);
    }
    let answered: u64 = report["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| count(&it["replayed"], "answered"))
        .sum();
    assert_eq!(answered, count(&report["replayed"], "answered"));
    assert!(count(&report, "took_ms") < 60_000, "{} ms", report["took_ms"]);
    assert!(count(&report, "peak_bytes") < 500_000_000, "{}", report["peak_bytes"]);

    // More secretaries answer more callers, sooner; who had patience is the same.
    let more = day("replay-more", 50, 1);
    let report = replayed(&few, &["--compare", more.0.to_str().unwrap()]);
    let rate = |of: &str| report[of]["answer_rate"].as_f64().unwrap();
    assert!(rate("compared") > rate("replayed") + 0.01, "{report}");
    assert!(count(&report["compared"], "wait_p90_ms") < count(&report["replayed"], "wait_p90_ms"));
    assert!(rate("compared") > 0.98, "{}", rate("compared"));
}

#[test]
fn the_same_seed_gives_the_same_day_and_everything_supposed_is_told() {
    let folder = day("replay-seed", 4, 600);
    let figures = |words: &[&str]| replayed(&folder, words)["replayed"].clone();
    assert_eq!(figures(&[]), figures(&["--seed", "1"]));
    assert_ne!(figures(&[]), figures(&["--seed", "2"]));
    let csv = folder.0.join("day.csv");
    let page = told(&folder.0, &["replay", "--details", "--csv", csv.to_str().unwrap()]);
    for words in [
        "answer rate",
        "wait, 95 % within",
        "PRACTICE",
        "Dr Martin",
        "THEN RATE",
        "SECRETARY",
        "supposed:",
        "all secretaries are logged in all day: no call names one",
        "every phone that rings is answered",
        "600 calls in ",
    ] {
        assert!(page.contains(words), "{words:?} is not in\n{page}");
    }
}

#[test]
fn a_wrong_line_is_told_with_its_number_and_a_remedy() {
    let folder = day("replay-wrong", 1, 3);
    let csv = folder.0.join("day.csv");
    let text = fs::read_to_string(&csv).unwrap() + "2026-11-26T20:00,0199001234,,soon,,\n";
    fs::write(&csv, text).unwrap();
    let told = refused(&folder.0, &["replay", "--csv", csv.to_str().unwrap()]);
    assert!(told.contains("day.csv:5: wait_s: \"soon\" is no number of seconds"), "{told}");
    let none = command(&folder.0, &["replay"]);
    assert_eq!(none.status.code(), Some(2), "no calls are named");
    let absent = refused(&folder.0, &["replay", "--records", "/nowhere.sqlite"]);
    assert!(absent.contains("there is no such file"), "{absent}");
}

#[test]
fn the_records_of_a_server_are_a_day_with_its_shifts_and_misses() {
    let scene = Scene::new("replay-records", &ports(40));
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nwrap_up = \"0 s\"\n");
    let serving = scene.start();
    scene.phone.register("101", 1, None);
    // One conversation, and one call to a number that nobody has.
    scene.trunk.invite("0199001234", "one");
    scene.phone.reply(&scene.phone.rung(), 200, SDP);
    let answer = scene.trunk.wait_for(200, "one");
    scene.trunk.within("0199001234", "one", "ACK", 1, &answer);
    scene.trunk.within("0199001234", "one", "BYE", 2, &answer);
    scene.phone.reply(&scene.phone.asked("BYE"), 200, "");
    scene.trunk.invite("0199009999", "two");
    let refusal = scene.trunk.wait_for(404, "two");
    scene.trunk.acknowledge("0199009999", "two", &refusal);
    serving.signal("TERM");
    assert_eq!(serving.wait().0, Some(0));
    let records = scene.config().join("data/records.sqlite");
    let words = ["replay", "--json", "--records", records.to_str().unwrap()];
    let report: Value = serde_json::from_str(&told(scene.config(), &words)).unwrap();
    assert_eq!((&report["calls"], &report["recorded"]["answered"]), (&1.into(), &1.into()));
    assert_eq!(report["replayed"]["answered"], 1, "{report}");
    assert_eq!(report["agents"][0]["user"], "101");
    let assumed = report["assumed"].to_string();
    for words in
        ["1 calls that no practice", "from their first to their last call", "of the 1 that"]
    {
        assert!(assumed.contains(words), "{words:?} is not in {assumed}");
    }
    let other_day = ["replay", "--records", records.to_str().unwrap(), "--day", "2020-01-01"];
    assert!(refused(scene.config(), &other_day).contains("there is no call of 2020-01-01"));
}
