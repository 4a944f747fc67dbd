//! `monoligne replay`: past calls through a configuration.

use std::fmt::Write as _;
use std::fs;

use rusqlite::Connection;
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

/// With `--nocapture` it prints what it took: a build of the profile `ci` asserts much besides.
#[expect(clippy::print_stdout, reason = "a test that measures tells what it measured")]
fn is_quick_and_small(what: &str, report: &Value) {
    let figure = |key: &str| report[key].as_u64().unwrap();
    let (took_ms, peak_bytes) = (figure("took_ms"), figure("peak_bytes"));
    println!("{what}: {took_ms} ms, {} MB at most", peak_bytes / 1_000_000);
    assert!(took_ms < 60_000, "{what}: {took_ms} ms");
    assert!(peak_bytes < 500_000_000, "{what}: {peak_bytes} octets");
}

/// Offered, closed, blocked and of nobody: each call once.
fn all_of(figures: &Value) -> u64 {
    let counts = ["offered", "closed", "blocked", "unknown"];
    let ends = ["answered", "abandoned", "ended"];
    let sum = |keys: &[&str]| keys.iter().map(|key| figures[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&ends), sum(&["offered"]), "{figures}");
    sum(&counts)
}

#[test]
fn ten_thousand_calls_of_a_day_are_replayed_in_seconds_and_each_is_counted_once() {
    let few = day("replay-few", 36, 10_000);
    let report = replayed(&few, &[]);
    assert_eq!(report["calls"], 10_000);
    let count = |of: &Value, key: &str| of[key].as_u64().unwrap();
    assert_eq!((all_of(&report["recorded"]), all_of(&report["replayed"])), (10_000, 10_000));
    let answered: u64 = report["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| count(&it["replayed"], "answered"))
        .sum();
    assert_eq!(answered, count(&report["replayed"], "answered"));
    is_quick_and_small("10,000 calls of a CSV file", &report);

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
    assert_eq!((&report["calls"], &report["recorded"]["answered"]), (&2.into(), &1.into()));
    assert_eq!(report["replayed"]["answered"], 1, "{report}");
    assert_eq!((all_of(&report["recorded"]), all_of(&report["replayed"])), (2, 2));
    assert_eq!(report["agents"][0]["who"], "101");
    assert_eq!(report["agents"][0]["recorded"]["rung"], 1);
    let assumed = report["assumed"].to_string();
    for words in [
        "1 calls are of nobody in the configuration and only counted as such (01 99 00 99 99: 1)",
        "from their first to their last call",
        "of the 1 that",
    ] {
        assert!(assumed.contains(words), "{words:?} is not in {assumed}");
    }
    let other_day = ["replay", "--records", records.to_str().unwrap(), "--day", "2020-01-01"];
    assert!(refused(scene.config(), &other_day).contains("there is no call of 2020-01-01"));
}

/// The day of the records that are made up here, and one more for each of `after`.
fn arrived_ms(after: i64, second: i64) -> i64 {
    // 2026-11-26T00:00 on the clock of France.
    1_795_647_600_000 + after * 86_400_000 + second * 1_000
}

/// Records as a server makes them, without a call.
fn records(scene: &Scene) -> Connection {
    let serving = scene.start();
    serving.signal("TERM");
    assert_eq!(serving.wait().0, Some(0));
    Connection::open(scene.config().join("data/records.sqlite")).unwrap()
}

/// A call to Dr Martin's number, and what it was.
fn record(
    records: &Connection,
    call: &str,
    arrived_ms: i64,
    disposition: &str,
    more: [Option<i64>; 2],
) {
    let [wait_ms, talk_ms] = more;
    let caller = format!("+33639{:06}", arrived_ms / 1_000 % 1_000_000);
    records
        .prepare_cached(
            "INSERT INTO calls (call, node, epoch, sequence, trunk_id, trunk, dialled, practice, caller_kind,
                 caller, arrived_at, arrived_ms, ended_at, ended_ms, wait_ms, talk_ms, disposition, status,
                 released_by, agent, situation)
             VALUES (?1, 1, 1, 1, 1, 'op', '+33199001234', 'Dr Martin', 'known', ?2, '', ?3, '', ?3, ?4,
                 ?5, ?6, 200, 'caller', iif(?6 = 'answered', '101', NULL), 'open')",
        )
        .unwrap()
        .execute((call, caller, arrived_ms, wait_ms, talk_ms, disposition))
        .unwrap();
}

fn of_records(scene: &Scene, words: &[&str]) -> Value {
    let records = scene.config().join("data/records.sqlite");
    let words = [&["replay", "--json", "--records", records.to_str().unwrap()], words].concat();
    serde_json::from_str(&told(scene.config(), &words)).unwrap()
}

#[test]
fn ten_thousand_calls_of_one_day_of_the_records_are_replayed_and_other_days_are_not_read() {
    let scene = Scene::new("replay-many", &ports(20));
    let records = records(&scene);
    records.execute_batch("BEGIN").unwrap();
    for day in -4..=0 {
        for call in 0..10_000 {
            let (name, at) = (format!("1-{}-{call}", day + 5), arrived_ms(day, 28_800 + 4 * call));
            match call % 10 {
                0 => record(&records, &name, at, "abandoned", [Some(20_000), None]),
                _ => record(&records, &name, at, "answered", [Some(9_000), Some(100_000)]),
            }
            records
                .prepare_cached(
                    "INSERT INTO offers (call, number, agent_id, agent, offered_at, offered_ms, answered_ms,
                         ended_at, ended_ms, outcome)
                     VALUES (?1, 1, 1, '101', '', ?2, ?2 + 4000, '', ?2 + 104000, 'served')",
                )
                .unwrap()
                .execute((&name, at + 5_000))
                .unwrap();
        }
    }
    records.execute_batch("COMMIT").unwrap();
    let report = of_records(&scene, &[]);
    assert_eq!(report["calls"], 10_000);
    assert_eq!(report["agents"][0]["recorded"]["rung"], 10_000, "of that day alone");
    assert_eq!((all_of(&report["recorded"]), all_of(&report["replayed"])), (10_000, 10_000));
    is_quick_and_small("10,000 calls of 50,000 records", &report);
    let another = of_records(&scene, &["--day", "2026-11-24"]);
    assert_eq!(
        (&another["calls"], &another["recorded"]["answered"]),
        (&10_000.into(), &9_000.into())
    );
}

/// Callers go to a reception first.
const RECEPTION: &str = "plan = [{ ring = \"accueil\", for = \"20 s\" }, { queue = \"pool\" }]\n\
    [phones.accueil]\nname = \"Accueil\"\nha1 = \"281833cdcaca5bb8a453f6fc1c461593\"\n";

#[test]
fn who_is_taken_where_he_is_forwarded_to_is_answered_in_the_past_and_in_the_replay() {
    let scene = Scene::new("replay-reception", &ports(20));
    scene.rewrite("plan = [{ queue = \"pool\" }]\n", RECEPTION);
    let records = records(&scene);
    for call in 0..40 {
        let (name, at) = (format!("1-1-{call}"), arrived_ms(0, 28_800 + 300 * call));
        let is_taken = call % 4 != 0;
        match is_taken {
            true => record(&records, &name, at, "forwarded", [Some(22_000), None]),
            false => record(&records, &name, at, "abandoned", [Some(40_000), None]),
        }
        // Something answers within the 20 s, and is asked whether it is a human.
        let (picked_up, answered, ended, outcome) = match is_taken {
            true => (Some(at + 19_000), Some(at + 22_000), at + 82_000, "served"),
            false => (None, None, at + 20_000, "no_answer"),
        };
        records
            .execute(
                "INSERT INTO forwards (call, number, kind, target, offered_at, offered_ms, picked_up_ms,
                     answered_ms, ended_at, ended_ms, outcome)
                 VALUES (?1, 1, 'phone', 'Accueil', '', ?2, ?3, ?4, '', ?5, ?6)",
                (&name, at, picked_up, answered, ended, outcome),
            )
            .unwrap();
    }
    let report = of_records(&scene, &[]);
    let counts = |of: &str, keys: [&str; 3]| keys.map(|key| report[of][key].as_u64().unwrap());
    let keys = ["answered", "forwarded", "abandoned"];
    assert_eq!(counts("recorded", keys), [30, 30, 10]);
    assert_eq!(report["recorded"]["answer_rate"], 0.75);
    let [answered, forwarded, _] = counts("replayed", keys);
    assert!((22..=38).contains(&forwarded), "{report}");
    // Of the others some have the patience for a secretary.
    assert_eq!(
        answered,
        forwarded + report["agents"][0]["replayed"]["answered"].as_u64().unwrap_or(0)
    );
    assert_eq!(report["replayed"]["wait_p50_ms"], 22_000, "as long as it took that day");
    let target = &report["targets"][0];
    assert_eq!((&target["who"], &target["recorded"]["answered"]), (&"Accueil".into(), &30.into()));
    assert_eq!(target["replayed"]["answered"], forwarded);
    assert!(
        report["assumed"].to_string().contains("where the day's records tell who takes callers")
    );

    // Another target, of which nothing is known: what is supposed of it is said, and may be chosen.
    let text = fs::read_to_string(scene.config().join("monoligne.toml")).unwrap();
    let outside = "{ call = \"06 39 98 00 20\", for = \"20 s\" }";
    let allowed = "[practices.martin.forward]\ntrunk = \"out\"\nallowed = [\"06 39 98 00 20\"]\n\
                   [trunks.out]\nsources = [\"192.0.2.1\"]\noutbound = { to = \"192.0.2.1\" }\n";
    let text = text
        .replace("{ ring = \"accueil\", for = \"20 s\" }", outside)
        .replace("[phones.accueil]", &format!("{allowed}[phones.accueil]"));
    let other = Folder::new("replay-outside").with("monoligne.toml", &text);
    let compared = |words: &[&str]| {
        let other = ["--compare", other.0.to_str().unwrap()];
        of_records(&scene, &[&other, words].concat())
    };
    let (usual, none) = (compared(&[]), compared(&["--forwards-answered", "0"]));
    assert_eq!(
        (usual["compared"]["forwarded"].as_u64(), &none["compared"]["forwarded"]),
        (Some(40), &0.into())
    );
    assert_eq!(usual["targets"][0]["who"], "Accueil");
    assert_eq!(usual["targets"][1]["who"], "…20", "of a number two digits are shown");
    for (report, words) in
        [(&usual, "as often and as soon as a secretary answers"), (&none, "0 % are taken")]
    {
        let assumed = report["assumed"].to_string();
        assert!(
            assumed.contains(words) && assumed.contains("in the other configuration"),
            "{assumed}"
        );
    }
}

#[test]
fn every_call_is_counted_in_each_column_whoever_it_is_of() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let lyon = "[practices.lyon]\nname = \"Dr Martin\"\nnumbers = [\"01 99 00 99 99\"]\nplan = [\"busy\"]\n";
    let both = text.replace("[teams.pool]", &format!("{lyon}[teams.pool]")).replace(
        "plan = [{ queue = \"pool\" }]\n",
        "plan = [{ queue = \"pool\" }]\n[[practices.martin.callers]]\nname = \"banned\"\n\
         numbers = [\"06 39 98 00 66\"]\nblocked = true\n[unidentified]\nname = \"Cabinets\"\n\
         numbers = [\"01 99 00 99 00\"]\nplan = [{ queue = \"pool\" }]\n",
    );
    let csv = "arrived,did,caller,wait_s,talk_s,outcome\n\
               2026-11-26T08:30,01 99 00 12 34,06 39 98 00 01,9,60,\n\
               2026-11-26T08:40,01 99 00 12 34,,9,60,\n\
               2026-11-26T08:50,01 99 00 12 34,06 39 98 00 66,0,,blocked\n\
               2026-11-26T09:00,01 99 00 99 99,06 39 98 00 02,0,,busy\n\
               2026-11-26T09:10,lyon,06 39 98 00 03,0,,busy\n\
               2026-11-26T09:20,Dr Martin,06 39 98 00 04,9,60,\n\
               2026-11-26T09:30,01 99 00 99 00,06 39 98 00 05,9,60,\n\
               2026-11-26T09:40,Dr Nobody,06 39 98 00 06,9,60,\n\
               2026-11-26T09:50,01 99 00 55 55,06 39 98 00 07,0,,unknown\n";
    let folder = Folder::new("replay-each").with("monoligne.toml", &both).with("day.csv", csv);
    let other = Folder::new("replay-fewer").with("monoligne.toml", &text);
    let report = replayed(&folder, &["--compare", other.0.to_str().unwrap()]);
    let counts = |of: &str| {
        assert_eq!(all_of(&report[of]), 9, "{of}: {}", report[of]);
        ["answered", "ended", "blocked", "unknown"].map(|key| report[of][key].as_u64().unwrap())
    };
    assert_eq!(counts("recorded"), [3, 2, 1, 3]);
    assert_eq!(counts("replayed"), [3, 2, 1, 3]);
    // Neither the list nor the shared number is there, and only one Dr Martin.
    assert_eq!(counts("compared"), [4, 0, 0, 5], "{report}");
    let practices = report["practices"].as_array().unwrap();
    let of = |key: &str| practices.iter().find(|it| it["key"] == key).unwrap();
    let offered = |key: &str| of(key)["replayed"]["offered"].as_u64().unwrap();
    assert_eq!((offered("martin"), offered("lyon"), offered("unidentified")), (2, 2, 1));
    assert_eq!(
        (&of("martin")["name"], &of("lyon")["name"]),
        (&"Dr Martin".into(), &"Dr Martin".into())
    );
    assert!(of("lyon")["compared"].is_null());
    let assumed = report["assumed"].to_string();
    for words in [
        "1 callers show no telephone number",
        "2 calls are of nobody in the configuration",
        "only counted as such (01 99 00 55 55: 1, Dr Nobody: 1)",
        "1 calls are counted as nobody's, for several practices",
        "are called so (Dr Martin: 1)",
        "1 calls at a shared number named no practice",
        "these outcomes are of calls that were ended while they waited (busy: 2)",
        "(in the other configuration)",
    ] {
        assert!(assumed.contains(words), "{words:?} is not in {assumed}");
    }
    let csv = folder.0.join("day.csv");
    let page = told(&folder.0, &["replay", "--details", "--csv", csv.to_str().unwrap()]);
    assert!(page.contains("Dr Martin (lyon)") && page.contains("Dr Martin (martin)"), "{page}");
}

#[test]
fn who_called_an_open_practice_is_offered_though_it_handed_him_on_to_a_closed_one() {
    let garde = "[practices.garde]\nname = \"Garde\"\nnumbers = [\"01 99 00 99 99\"]\n\
                 plan = [\"busy\"]\nhours = \"20:00-24:00\"\nclosed = [\"busy\"]\n[teams.pool]";
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20))
        .replace("[{ queue = \"pool\" }]", "[{ practice = \"garde\" }]")
        .replace("[teams.pool]", garde);
    let csv = "arrived,did,caller,wait_s,talk_s,outcome\n\
               2026-11-26T08:30,01 99 00 12 34,06 39 98 00 01,9,60,\n\
               2026-11-26T08:40,01 99 00 99 99,06 39 98 00 02,9,60,\n";
    let folder = Folder::new("replay-handed").with("monoligne.toml", &text).with("day.csv", csv);
    let report = replayed(&folder, &[]);
    assert_eq!(all_of(&report["replayed"]), 2);
    let counts = ["ended", "closed"].map(|key| report["replayed"][key].as_u64().unwrap());
    assert_eq!(counts, [1, 1], "{report}");
}

#[test]
fn without_a_trunk_the_day_ends_and_who_waits_at_its_end_is_counted() {
    let with = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let trunk = with.find("[trunks.op]").unwrap()..with.find("[practices.martin]").unwrap();
    let mut always = with.clone();
    always.replace_range(trunk, "");
    let hours = "name = \"Dr Martin\"\nhours = \"Mo-Fr 08:00-20:00\"\nclosed = [\"busy\"]\n";
    let sometimes = always.replace("name = \"Dr Martin\"\n", hours);
    // The second comes when the only secretary is gone.
    let csv = "arrived,did,caller,wait_s,talk_s,outcome,agent\n\
               2026-11-26T08:30,01 99 00 12 34,06 39 98 00 01,9,60,answered,101\n\
               2026-11-26T09:40,01 99 00 12 34,06 39 98 00 02,9,,busy,\n";
    for (name, text) in [("always", always), ("sometimes", sometimes)] {
        let name = format!("replay-no-trunk-{name}");
        let folder = Folder::new(&name).with("monoligne.toml", &text).with("day.csv", csv);
        let report = replayed(&folder, &[]);
        assert_eq!(all_of(&report["replayed"]), 2, "{report}");
        let assumed = report["assumed"].to_string();
        assert!(assumed.contains("no trunk: the calls' networks give up after 85 s"), "{assumed}");
    }
}

#[test]
fn that_nobody_presses_a_key_and_that_no_phone_rang_before_is_told() {
    let keyed = "[{ announce = \"closed\", urgent_key = 1 }, { queue = \"pool\" }]";
    let text =
        text(&Peer::new(), "127.0.0.1:5060", &ports(20)).replace("[{ queue = \"pool\" }]", keyed);
    let csv = "arrived,did,caller,wait_s,talk_s,outcome\n\
               2026-11-26T08:30,01 99 00 12 34,06 39 98 00 01,9,60,\n";
    let folder = Folder::new("replay-keys").with("monoligne.toml", &text).with("day.csv", csv);
    let prompts = folder.0.join("prompts");
    fs::create_dir(&prompts).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/prompts/closed.wav");
    fs::copy(shipped, prompts.join("closed.wav")).unwrap();
    let report = replayed(&folder, &[]);
    assert_eq!(report["replayed"]["ended"], 1, "{report}");
    let assumed = report["assumed"].to_string();
    for words in ["1 times a caller heard a text with a key: nobody presses", "rang before"] {
        assert!(assumed.contains(words), "{words:?} is not in {assumed}");
    }
}
