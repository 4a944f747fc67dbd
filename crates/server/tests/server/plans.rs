//! What becomes of a practice's callers, as its file says it: plans, hours, leave, and their mistakes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acd::{Period, Plan, Practice, PracticeId, PromptId, Queue, Step, TeamId, TimeZone};

use crate::folder::Folder;

// By name.
const NIGHT: TeamId = TeamId(1);
const POOL: TeamId = TeamId(2);
const CLOSED: PromptId = PromptId(1);
const LEAVE: PromptId = PromptId(2);

fn main(practice: &str) -> String {
    format!(
        r#"
[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
[trunks.op]
sources = ["192.0.2.0/24"]
[teams.pool]
[teams.night]
[agents.101]
teams = ["pool", "night"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
{practice}
"#
    )
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/prompts")
}

/// A practice with these keys, beside the prompts `closed` and `leave`.
fn folder(name: &str, practice: &str) -> Folder {
    let folder = Folder::new(name).with("monoligne.toml", &main(practice));
    let prompts = folder.0.join("prompts");
    fs::create_dir(&prompts).unwrap();
    for prompt in ["closed.wav", "leave.wav"] {
        fs::copy(shipped().join(prompt), prompts.join(prompt)).unwrap();
    }
    folder
}

fn practice(name: &str, keys: &str) -> Practice {
    let loaded = folder(name, keys).load().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    loaded.engine.floor.practices[&PracticeId(1)].clone()
}

fn steps(plan: &Plan) -> &[Step] {
    &plan.steps
}

fn queue(team: TeamId, until_s: u64, nobody_s: Option<u64>) -> Step {
    let seconds = Duration::from_secs;
    Step::Queue(Queue {
        until: Some(seconds(until_s)),
        nobody: nobody_s.map(seconds),
        ..Queue::of(team)
    })
}

fn announce(prompt: PromptId) -> Step {
    Step::Announce { prompt, answer: true, urgent_key: None }
}

#[test]
fn a_practice_without_hours_is_open_at_any_time() {
    let practice = practice("always", "plan = [{ queue = \"pool\" }]");
    assert_eq!(practice.hours.text(), "24/7");
    assert!(practice.leave.is_empty());
    let queue = Step::queue(POOL, None);
    assert_eq!(steps(&practice.open), [queue]);
}

#[test]
fn hours_alone_close_with_the_shipped_text() {
    let keys = "plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-20:00; PH off\"";
    let practice = practice("closed", keys);
    assert_eq!(practice.hours.zone(), TimeZone::PARIS);
    assert_eq!(steps(&practice.closed), [announce(CLOSED)]);
}

#[test]
fn everything_that_a_practice_may_say_arrives() {
    let keys = r#"
plan = [{ queue = "pool", for = "2 min", nobody = "0 s" }, { announce = "leave", answer = false }]
hours = "Mo-Sa 07:30-18:00; PH off"
time_zone = "Indian/Reunion"
holidays = "la-reunion"
holidays_added = ["2026-05-15", 2026-05-16]
holidays_removed = [2026-12-20]
closed = [{ queue = "night", for = 30 }, { announce = "closed" }]
leave = [
    { from = 2026-08-03, to = "2026-08-21" },
    { from = 2026-09-01T14:00:00, to = "2026-09-01T18:00", plan = ["busy"] },
]
"#;
    let practice = practice("all", keys);
    let early = Step::Announce { prompt: LEAVE, answer: false, urgent_key: None };
    assert_eq!(steps(&practice.open), [queue(POOL, 120, Some(0)), early]);
    assert_eq!(steps(&practice.closed), [queue(NIGHT, 30, Some(10)), announce(CLOSED)]);
    let reunion = TimeZone::read("Indian/Reunion").unwrap();
    assert_eq!(practice.hours.zone(), reunion);
    let holidays = practice.hours.holidays();
    let contains = |day| holidays.contains(acd::Date::read(day).unwrap());
    assert!(contains("2026-05-15") && contains("2026-05-16") && contains("2027-12-20"));
    assert!(!contains("2026-12-20"));
    let periods: Vec<Period> = practice.leave.iter().map(|leave| leave.period).collect();
    let read = |from, to| Period::read(from, to, reunion).unwrap();
    assert_eq!(
        periods,
        [read("2026-08-03", "2026-08-21"), read("2026-09-01T14:00", "2026-09-01T18:00")]
    );
    assert_eq!(steps(&practice.leave[0].plan), [announce(LEAVE)]);
    assert_eq!(steps(&practice.leave[1].plan), [Step::Busy]);
}

#[test]
fn the_steps_after_a_text_with_a_key_are_reached_by_who_presses() {
    let keys = r##"
plan = [
    { queue = "pool", nobody = "never" },
    { announce = "leave", urgent_key = 1 },
    { queue = "night", for = 30 },
    { announce = "closed", urgent_key = "#" },
    { announce = "leave" },
]
"##;
    let practice = practice("key", keys);
    let keyed = |prompt, key| Step::Announce { prompt, answer: true, urgent_key: Some(key) };
    let expected = [
        Step::queue(POOL, None),
        keyed(LEAVE, '1'),
        queue(NIGHT, 30, Some(10)),
        keyed(CLOSED, '#'),
        announce(LEAVE),
    ];
    assert_eq!(steps(&practice.open), expected);
}

#[test]
fn an_empty_team_is_left_after_ten_seconds_but_not_for_busy() {
    let nobody = |steps: &str| {
        let practice = practice("nobody", &format!("plan = [{steps}]"));
        practice.open.steps.iter().find_map(|step| match step {
            Step::Queue(Queue { nobody, .. }) => Some(nobody.map(|nobody| nobody.as_secs())),
            Step::Forward(_) | Step::Practice(_) | Step::Announce { .. } | Step::Busy => None,
        })
    };
    let pool = "{ queue = \"pool\", for = \"1 min\" }";
    assert_eq!(nobody(&format!("{pool}, {{ announce = \"closed\" }}")), Some(Some(10)));
    assert_eq!(nobody(&format!("{pool}, {{ queue = \"night\" }}")), Some(Some(10)));
    assert_eq!(nobody(&format!("{pool}, \"busy\"")), Some(None));
    assert_eq!(nobody(pool), Some(None));
    let never = "{ queue = \"pool\", nobody = \"never\" }, { announce = \"closed\" }";
    assert_eq!(nobody(never), Some(None));
    let short = "{ queue = \"pool\", for = \"8 s\" }, { announce = \"closed\" }";
    assert_eq!(nobody(short), Some(None), "its end comes first");
}

#[test]
fn a_queue_that_only_an_empty_team_ends_may_be_followed_by_another() {
    let practice = practice("chain", "plan = [{ queue = \"pool\" }, { queue = \"night\" }]");
    assert_eq!(practice.open.steps.len(), 2);
}

/// The practice's keys, and what must be said: key, fault, remedy.
const TABLE: &[(&str, &str, &str, &str)] = &[
    (
        "plan = [\"busy\"]\nhours = \"Mo-Fr 8h-20h\"",
        "hours",
        "from its character 7 on (`8h-20h`)",
        "Mo-Fr 08:00-20:00",
    ),
    ("plan = [\"busy\"]\nhours = \"lundi 08:00\"", "hours", "character 1", "Mo Tu We"),
    ("plan = [\"busy\"]\nhours = \"off\"", "hours", "never open", "[[leave]]"),
    ("plan = [\"busy\"]\nhours = \"2019 Mo-Fr\"", "hours", "never open", "[[leave]]"),
    ("plan = [\"busy\"]\nhours = \"Mo sunrise-18:00\"", "hours", "`sunrise`", "time itself"),
    ("plan = [\"busy\"]\nhours = \"SH off\"", "hours", "school holidays", "the dates"),
    ("plan = [\"busy\"]\nhours = \"Mo unknown\"", "hours", "neither open", "open or off"),
    ("plan = [\"busy\"]\nhours = 8", "hours", "where text", "in quotes"),
    (
        "plan = [\"busy\"]\ntime_zone = \"Europe/Pari\"",
        "time_zone",
        "no time zone",
        "\"Europe/Paris\"?",
    ),
    ("plan = [\"busy\"]\nholidays = \"reunion\"", "holidays", "unknown word", "la-reunion"),
    (
        "plan = [\"busy\"]\nholidays_added = [\"15/05/2026\"]",
        "holidays_added[0]",
        "no date",
        "2026-05-15",
    ),
    (
        "plan = [\"busy\"]\nholidays_removed = [\"2026-05-26\"]",
        "holidays_removed[0]",
        "no public holiday",
        "the day that is meant",
    ),
    ("plan = [\"busy\"]\nclosed = [\"busy\"]", "closed", "never used", "hours = "),
    ("plan = [\"busy\"]\nhours = \"Mo-Fr\"\nclosed = []", "closed", "no step", "announce"),
    ("plan = []", "plan", "missing", "plan = ["),
    ("plan = [{ announce = \"closd\" }]", "plan[0].announce", "no prompt \"closd\"", "\"closed\"?"),
    ("plan = [{ announce = \"closed\", answer = 1 }]", "plan[0].answer", "yes or no", "true"),
    (
        "plan = [{ announce = \"closed\", for = 9 }]",
        "plan[0].for",
        "in which a caller waits",
        "two steps",
    ),
    (
        "plan = [{ queue = \"pool\", answer = true }]",
        "plan[0].answer",
        "that announces",
        "two steps",
    ),
    ("plan = [{ announce = \"closed\" }, \"busy\"]", "plan[1]", "ends the call", "remove it"),
    (
        "plan = [{ announce = \"closed\", urgent_key = \"A\" }, { queue = \"pool\" }]",
        "plan[0].urgent_key",
        "not a key",
        "0 to 9",
    ),
    (
        "plan = [{ announce = \"closed\", urgent_key = \"1\", answer = false }, { queue = \"pool\" }]",
        "plan[0].urgent_key",
        "not answered",
        "`answer = false`",
    ),
    (
        "plan = [{ announce = \"closed\", urgent_key = \"1\" }]",
        "plan[0].urgent_key",
        "would be hung up on",
        "{ queue = ",
    ),
    (
        "plan = [{ announce = \"closed\", urgent_key = \"1\" }, \"busy\"]",
        "plan[0].urgent_key",
        "busy cannot be heard any more: who presses the key would be hung up on",
        "a queue, a call or another text",
    ),
    (
        "plan = [{ queue = \"pool\", urgent_key = \"1\" }]",
        "plan[0].urgent_key",
        "that announces",
        "two steps",
    ),
    (
        "plan = [{ queue = \"pool\", nobody = \"never\" }, { queue = \"night\" }]",
        "plan[1]",
        "never reached",
        "`for`",
    ),
    (
        "plan = [{ queue = \"pool\", for = 9 }, { queue = \"pool\", for = 9 }]",
        "plan[1].queue",
        "that he comes from",
        "one step",
    ),
    (
        "plan = [{ queue = \"pool\", for = 9, nobody = 9 }]",
        "plan[0].nobody",
        "not below `for`",
        "shorter",
    ),
    (
        "plan = [{ queue = \"pool\", nobody = \"soon\" }]",
        "plan[0].nobody",
        "not a duration",
        "\"never\"",
    ),
    ("plan = [{ queue = \"pool\", prompt = \"x\" }]", "plan[0].prompt", "unknown", "announce = "),
    (
        "plan = [\"busy\"]\nleave = [{ from = \"2026-08-21\", to = \"2026-08-03\" }]",
        "leave[0].to",
        "ends before it starts",
        "its last day",
    ),
    (
        "plan = [\"busy\"]\nleave = [{ from = \"3 août\", to = \"2026-08-03\" }]",
        "leave[0].from",
        "no date",
        "2026-08-03T14:00",
    ),
    (
        "plan = [\"busy\"]\nleave = [{ from = \"2026-08-03\", to = \"demain\" }]",
        "leave[0].to",
        "no date",
        "2026-08-03T14:00",
    ),
    (
        "plan = [\"busy\"]\nleave = [{ from = \"2026-08-03\" }]",
        "leave[0].to",
        "missing",
        "last day",
    ),
    (
        "plan = [\"busy\"]\nleave = [{ from = \"2026-08-03\", to = \"2026-08-04\", pln = 1 }]",
        "leave[0].pln",
        "unknown key",
        "`plan`?",
    ),
    (
        "plan = [\"busy\"]\nleave = [{ from = \"2026-08-03\", to = \"2026-08-04\", plan = [] }]",
        "leave[0].plan",
        "no step",
        "announce",
    ),
];

#[test]
fn every_mistake_has_its_key_and_a_remedy() {
    for (index, (keys, key, fault, remedy)) in TABLE.iter().enumerate() {
        let folder = folder(&format!("plan-{index}"), keys);
        let mistakes = folder.mistakes();
        let shown = || mistakes.iter().map(|m| format!("{m}\n")).collect::<String>();
        let key = format!("practices.martin.{key}");
        let Some(found) = mistakes.iter().find(|mistake| mistake.key == key) else {
            panic!("{keys:?}: nothing about {key}, but\n{}", shown());
        };
        assert!(found.fault.contains(fault), "{keys:?}: {fault:?} is not in\n{}", shown());
        assert!(found.remedy.contains(remedy), "{keys:?}: {remedy:?} is not in\n{}", shown());
        assert_eq!(mistakes.len(), 1, "{keys:?}:\n{}", shown());
        assert!(found.line > 0, "{keys:?}");
    }
}

#[test]
fn a_text_that_is_not_there_is_missed_only_where_it_is_needed() {
    let load =
        |name: &str, keys: &str| Folder::new(name).with("monoligne.toml", &main(keys)).load();
    let hours = "plan = [\"busy\"]\nhours = \"Mo-Fr 08:00-20:00\"";
    let shown = load("no-text", hours).unwrap_err().to_string();
    assert!(shown.contains("practices.martin.closed") && shown.contains("closed.wav"), "{shown}");
    let own = format!("{hours}\nclosed = [\"busy\"]");
    assert!(load("own-end", &own).is_ok());
    let away = "plan = [\"busy\"]\nleave = [{ from = 2026-08-03, to = 2026-08-04 }]";
    let shown = load("no-leave", away).unwrap_err().to_string();
    assert!(shown.contains("leave[0].plan") && shown.contains("leave.wav"), "{shown}");
}
