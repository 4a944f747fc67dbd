//! What is allowed and hardly meant, in plans and hours: told with its line, its key and a remedy.

use std::fs;
use std::path::Path;

use server::config::Warning;

use crate::folder::Folder;

/// Two secretaries in a team whose phones ring for 15 s; callers may be unanswered as long as by default.
fn main(keys: &str) -> String {
    format!(
        r#"
[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
[trunks.op]
sources = ["192.0.2.0/24"]
outbound = {{ to = "192.0.2.7" }}
[teams.pool]
[teams.alone]
[teams.both]
ring = 2
[agents.101]
teams = ["pool", "alone", "both"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[agents.102]
teams = ["pool", "both"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[practices.other]
name = "Other"
numbers = ["01 99 00 00 01"]
plan = ["busy"]
[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
{keys}
"#
    )
}

fn warnings(name: &str, text: &str) -> Vec<Warning> {
    let folder = Folder::new(&format!("warnings-{name}")).with("monoligne.toml", text);
    fs::create_dir(folder.0.join("prompts")).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/prompts");
    for prompt in ["closed.wav", "leave.wav"] {
        fs::copy(shipped.join(prompt), folder.0.join("prompts").join(prompt)).unwrap();
    }
    folder.load().unwrap_or_else(|mistakes| panic!("{mistakes}")).warnings
}

/// The key of a warning, a part of its fault and of its remedy.
type Expected = (&'static str, &'static str, &'static str);

/// The practice's keys, and the warning if there is one.
const TABLE: &[(&str, Option<Expected>)] = &[
    // Steps that begin too late.
    (
        "plan = [\n{ queue = \"pool\", for = \"50 s\" },\n{ ring = \"desk\", for = \"35 s\" },\n\
         { queue = \"alone\" },\n\"busy\",\n]\n[phones.desk]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"",
        Some(("plan[2]", "last 85s together", "shorten the `for`")),
    ),
    (
        "plan = [{ queue = \"pool\", for = \"90 s\" }, { call = \"06 39 98 00 12\" }, \"busy\"]",
        Some(("plan[1]", "more than 85s (`max_unanswered`)", "remove this one")),
    ),
    (
        "plan = [{ queue = \"pool\", for = \"3 min\" }, { practice = \"other\" }]",
        Some(("plan[1]", "last 180s", "shorten")),
    ),
    ("plan = [{ queue = \"pool\", for = \"3 min\" }, { announce = \"closed\" }]", None),
    ("plan = [{ queue = \"pool\", for = \"84 s\" }, { queue = \"alone\" }, \"busy\"]", None),
    (
        "plan = [{ queue = \"pool\" }, { call = \"06 39 98 00 12\" }, \"busy\"]\nwait_max = \"2 min\"",
        Some(("plan[1]", "last 120s together", "shorten the `for`")),
    ),
    (
        "plan = [{ queue = \"pool\" }, { call = \"06 39 98 00 12\" }, \"busy\"]\nwait_max = \"1 min\"",
        None,
    ),
    // Who presses has been answered: no trunk's patience counts.
    (
        "plan = [{ queue = \"pool\", for = \"2 min\" }, { announce = \"closed\", urgent_key = \"1\" }, \
         { queue = \"alone\" }, { announce = \"leave\" }]",
        None,
    ),
    // Nor does he hear busy, be it written or the end of the plan.
    (
        "plan = [{ announce = \"closed\", urgent_key = \"1\" }, { queue = \"alone\" }]",
        Some(("plan[1]", "he is hung up on", "end with a text")),
    ),
    (
        "plan = [{ announce = \"closed\", urgent_key = \"1\" }, { queue = \"alone\", for = \"2 min\" }, \
         \"busy\"]",
        Some(("plan[2]", "he is hung up on", "end with a text")),
    ),
    (
        "plan = [{ announce = \"closed\", urgent_key = \"1\" }, { queue = \"alone\", for = \"2 min\" }, \
         { announce = \"leave\" }]",
        None,
    ),
    // Steps that are over when one phone has rung.
    (
        "plan = [{ queue = \"pool\", for = \"3 rings\" }, \"busy\"]",
        Some(("plan[0].for", "nobody else is asked", "`ring_for`")),
    ),
    ("plan = [{ queue = \"pool\", for = \"16 s\" }, \"busy\"]", None),
    ("plan = [{ queue = \"alone\", for = \"10 s\" }, \"busy\"]", None),
    ("plan = [{ queue = \"both\", for = \"10 s\" }, \"busy\"]", None),
    // Words that nobody hears.
    (
        "plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-20:00\"\n\
         closed = [{ announce = \"closed\", answer = false }]",
        Some(("closed[0].answer", "must be heard", "leave `answer` out")),
    ),
    (
        "plan = [\"busy\"]\nleave = [{ from = 2026-08-03, to = 2026-08-21, \
         plan = [{ announce = \"leave\", answer = false }] }]",
        Some(("leave[0].plan[0].answer", "must be heard", "leave `answer` out")),
    ),
    ("plan = [{ announce = \"closed\", answer = false }]", None),
    // Days that no rule of the hours asks for.
    (
        "plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-19:00 \\\"PH\\\"\"\nholidays_added = [\"2026-05-15\"]",
        Some(("holidays_added", "no rule of `hours` names PH", "add `; PH off`")),
    ),
    (
        "plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-19:00\"\nholidays_removed = [\"2027-05-17\"]",
        Some(("holidays_removed", "no rule of `hours` names PH", "PH off")),
    ),
    (
        "plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-19:00\"\nholidays = \"alsace-moselle\"",
        Some(("holidays", "no rule of `hours` names PH", "PH off")),
    ),
    (
        "plan = [\"busy\"]\nholidays_added = [\"2026-05-15\"]",
        Some(("holidays_added", "without `hours` it is open at any time", "`hours = ")),
    ),
    ("plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-19:00\"", None),
    ("plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-19:00\"\nholidays = \"none\"", None),
    ("plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-19:00\"\nholidays_added = []", None),
    (
        "plan = [\"busy\"]\nhours = \"Mo-Fr,PH 08:00-19:00\"\nholidays = \"la-reunion\"\n\
         holidays_added = [\"2026-05-15\"]\nholidays_removed = [\"2027-12-20\"]",
        None,
    ),
    // Hours round the clock.
    (
        "plan = [\"busy\"]\nhours = \"Mo 08:00-08:00; PH off\"",
        Some(("hours", "`08:00-08:00` is open for 24 hours", "24/7")),
    ),
    ("plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-12:00,12:00-18:00 \\\"08:00-08:00\\\"\"", None),
];

#[test]
fn every_warning_has_its_line_its_key_and_a_remedy() {
    for (index, (keys, expected)) in TABLE.iter().enumerate() {
        let text = main(keys);
        let told = warnings(&index.to_string(), &text);
        let shown = || told.iter().map(|it| format!("{it}\n")).collect::<String>();
        assert_eq!(told.len(), usize::from(expected.is_some()), "{keys}:\n{}", shown());
        let (Some((key, fault, remedy)), [found]) = (expected, &told[..]) else { continue };
        let Warning(found) = found;
        assert_eq!(found.key, format!("practices.martin.{key}"));
        assert!(found.fault.contains(fault), "{keys}: {fault:?} is not in\n{}", shown());
        assert!(found.remedy.contains(remedy), "{keys}: {remedy:?} is not in\n{}", shown());
        let line = text.lines().nth(found.line - 1).unwrap_or_default();
        assert!(!found.value.is_empty(), "{keys}");
        assert!(line.contains(found.value.split(['…', '\n']).next().unwrap()), "{keys}: {line}");
    }
}

#[test]
fn the_trunks_that_bring_a_practices_calls_say_how_long_they_wait() {
    let keys = "plan = [{ queue = \"pool\", for = \"2 min\" }, { queue = \"alone\" }, \"busy\"]";
    let patient = |dids: &str| {
        let trunk = format!(
            "[trunks.patient]\nsources = [\"198.51.100.1\"]\nmax_unanswered = \"3 min\"\n{dids}\n\
             [trunks.op]\ndids = [\"01 99 00 *\"]"
        );
        main(keys).replace("[trunks.op]", &trunk)
    };
    assert_eq!(warnings("patient", &patient("dids = [\"01 99 00 12 34\"]")), []);
    let told = warnings("elsewhere", &patient("dids = [\"0262 00 *\"]"));
    assert_eq!((told.len(), told[0].0.key.as_str()), (1, "practices.martin.plan[1]"));
}

#[test]
fn hours_that_end_when_they_begin_are_open_for_a_day_as_the_warning_says() {
    let zone = acd::TimeZone::PARIS;
    let hours = acd::Hours::new("Mo 08:00-08:00", zone, acd::Holidays::default()).unwrap();
    let is_open = |at: &str| hours.is_open(zone.unix_ms(at).unwrap());
    let open = ["2026-01-05T08:00", "2026-01-05T23:00", "2026-01-06T07:59"].map(is_open);
    let closed = ["2026-01-05T07:59", "2026-01-06T08:00"].map(is_open);
    assert_eq!((open, closed), ([true; 3], [false; 2]));
}

/// A trunk brings a range, practices share a number of it and write lines of their own.
fn shared(dids: &str, call: &str) -> String {
    let keys = format!(
        "urgent_numbers = [\"04 65 71 00 01\"]\nplan = [{{ call = \"{call}\" }}, \"busy\"]\n\
         [unidentified]\nname = \"Unknown\"\nnumbers = [\"09 72 10 10 10\"]\nplan = [\"busy\"]"
    );
    main(&keys).replace("outbound", &format!("{dids}\noutbound"))
}

#[test]
fn a_line_of_a_practices_own_may_be_one_that_trunks_bring() {
    let told = warnings("line", &shared("", "04 65 71 00 01"));
    assert_eq!((told.len(), told[0].0.key.as_str()), (1, "practices.martin.plan[0].call"));
    assert!(told[0].0.remedy.contains("`dids` of all trunks"), "{}", told[0]);
    let known = shared("dids = [\"09 72 10 10 *\", \"01 99 00 *\"]", "04 65 71 00 01");
    assert_eq!(warnings("known-line", &known), []);
    let brought =
        shared("dids = [\"09 72 10 10 *\", \"04 65 *\", \"01 99 00 *\"]", "04 65 71 00 01");
    let folder = Folder::new("warnings-brought").with("monoligne.toml", &brought);
    assert!(folder.mistakes()[0].fault.contains("a number of ours"));
}

#[test]
fn numbers_without_any_trunk_are_warned_of_with_a_remedy() {
    let with = main("plan = [\"busy\"]");
    let trunk = with.find("[trunks.op]").unwrap()..with.find("[teams.pool]").unwrap();
    let mut without = with.clone();
    without.replace_range(trunk, "");
    assert!(warnings("with-trunk", &with).is_empty());
    let found = warnings("no-trunk", &without);
    let [Warning(found)] = &found[..] else { panic!("{found:?}") };
    assert!(found.fault.contains("there is no trunk"), "{found:?}");
    assert!(found.remedy.contains("[trunks.NAME]"), "{found:?}");
}
