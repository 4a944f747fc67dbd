//! `monoligne diff`: which decisions change.

use std::process::Output;

use crate::folder::Folder;
use crate::peer::Peer;
use crate::ports::ports;
use crate::running::text;
use crate::serve::monoligne;

const PETIT: &str = "\
[practices.petit]
name = \"Mme Petit\"
numbers = [\"01 99 00 56 78\"]
hours = \"Mo-Fr 08:00-19:00\"
plan = [{ queue = \"pool\", for = \"40 s\" }, \"busy\"]
closed = [\"busy\"]
";

/// Where keys change that decide nothing there.
const NO_DECISION: &str = "no decision seen to change (asked: one number of each practice, all \
                           secretaries free, nobody waiting)";

fn diff(old: &Folder, new: &Folder, words: &[&str]) -> Output {
    let mut command = monoligne();
    command.arg("diff").arg(&old.0).arg(&new.0);
    command.args(["--at", "2026-11-26T08:30"]).args(words).output().unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| line.trim_start().to_owned()).collect()
}

#[test]
fn only_what_a_caller_would_notice_is_told_and_the_exit_code_says_whether() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT;
    let old = Folder::new("diff-old").with("monoligne.toml", &text);
    // Other lines, the same meaning: a comment, a number written otherwise, a default written out.
    let same = text.replace("01 99 00 56 78", "+33 1 99 00 56 78");
    let same = format!("# a comment\n{same}[calls]\nring_refresh = \"50 s\"\n");
    let same = Folder::new("diff-same").with("monoligne.toml", &same);
    let output = diff(&old, &same, &[]);
    let nothing = vec!["no decision changes".to_owned(), "no key changes".to_owned()];
    assert_eq!((output.status.code(), lines(&output)), (Some(0), nothing));
    // The same decisions by other words, and a key that decides nothing of a call.
    let words = text.replace("Mo-Fr 08:00-19:00", "Mo,Tu,We,Th,Fr 08:00-19:00");
    let words = format!("{words}[calls]\nring_refresh = \"40 s\"\n[log]\nlevel = \"warn\"\n");
    let words = Folder::new("diff-words").with("monoligne.toml", &words);
    let output = diff(&old, &words, &[]);
    assert_eq!(
        (output.status.code(), lines(&output)),
        (
            Some(1),
            [
                NO_DECISION,
                "keys that change:",
                "~ [calls]: ring_refresh 50 s → 40 s",
                "~ [log]: level info → warn (needs a restart)",
                "~ practice Mme Petit: hours `Mo-Fr 08:00-19:00` → `Mo,Tu,We,Th,Fr 08:00-19:00`",
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );

    let changed = text
        .replace("Mo-Fr 08:00-19:00", "Mo-Fr 08:00-18:00")
        .replace("for = \"40 s\"", "for = \"50 s\"")
        .replace("name = \"Dr Martin\"", "name = \"Dr Martin\"\nanswer_within = \"10 s\"");
    let changed = Folder::new("diff-changed").with("monoligne.toml", &changed);
    let output = diff(&old, &changed, &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = lines(&output);
    for line in [
        "Dr Martin: answer_within 25 s → 10 s",
        "Mme Petit, Thu 2026-11-26 18:00 to 19:00 and 9 times more: situation open → closed",
        "~ practice Dr Martin: answer_within 25 s → 10 s",
        "~ practice Mme Petit: hours `Mo-Fr 08:00-19:00` → `Mo-Fr 08:00-18:00`",
    ] {
        assert!(told.iter().any(|it| it == line), "{line:?} is not in\n{told:#?}");
    }
    let plan =
        told.iter().find(|it| it.contains("plan step 1: wait for the team pool for 40 s → "));
    assert!(
        plan.is_some_and(|it| it.starts_with("Mme Petit, Thu 2026-11-26 08:30 to 18:00 and 10 ")),
        "{told:#?}"
    );

    let json = diff(&old, &changed, &["--json"]);
    let changes: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(changes["decisions"][0]["practice"], "Dr Martin");
    let keys = changes["keys"].as_array().unwrap();
    let hours = keys.iter().find(|it| it["key"] == "hours").unwrap();
    assert_eq!((&hours["id"], &hours["old"]), (&"petit".into(), &"`Mo-Fr 08:00-19:00`".into()));
    let wrong = Folder::new("diff-wrong").with("monoligne.toml", &text.replace("plan", "plam"));
    assert_eq!(diff(&old, &wrong, &[]).status.code(), Some(2));
}

#[test]
fn practices_numbers_and_secretaries_that_come_and_go_are_told() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT;
    let old = Folder::new("diff-here").with("monoligne.toml", &text);
    let more = "[agents.102]\nteams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let other = text.replace("practices.petit", "practices.grand");
    let other = other.replace("Mme Petit", "Mme Grand") + more;
    let new = Folder::new("diff-gone").with("monoligne.toml", &other);
    let told = lines(&diff(&old, &new, &[]));
    for line in [
        "Mme Petit: 01 99 00 56 78 leads to Mme Grand",
        "Mme Grand: a new practice",
        "Mme Petit: is gone",
        "Dr Martin: who may have him: + 102",
        "+ practice Mme Grand",
        "+ agent 102",
        "- practice Mme Petit",
    ] {
        assert!(told.iter().any(|it| it == line), "{line:?} is not in\n{told:#?}");
    }
}

#[test]
fn practices_of_one_name_are_told_apart_and_a_renamed_one_stays_itself() {
    let both = PETIT.replace("petit]", "grand]").replace("56 78", "56 79");
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT + &both;
    let old = Folder::new("diff-namesakes").with("monoligne.toml", &text);
    let at = text.find("[practices.grand]").unwrap();
    let longer = text[at..].replace("40 s", "50 s");
    let new = format!("{}{longer}", &text[..at]);
    let new = Folder::new("diff-namesakes-new").with("monoligne.toml", &new);
    let told = lines(&diff(&old, &new, &[]));
    let plan = told.iter().find(|it| it.contains(": plan step 1: ")).unwrap();
    assert!(plan.starts_with("Mme Petit (grand), "), "{told:#?}");
    assert!(told.iter().any(|it| it.starts_with("~ practice Mme Petit (grand): plan step 1: ")));
    assert!(!told.iter().any(|it| it.contains("(petit)")), "{told:#?}");

    let renamed = text.replacen("Mme Petit", "Mme Petit, Lyon", 1);
    let renamed = Folder::new("diff-renamed").with("monoligne.toml", &renamed);
    let output = diff(&old, &renamed, &[]);
    let told = lines(&output);
    assert_eq!((output.status.code(), told[0].as_str()), (Some(1), NO_DECISION));
    assert!(told.iter().any(|it| it.ends_with(": name Mme Petit → Mme Petit, Lyon")), "{told:#?}");
}

#[test]
fn callers_of_a_list_are_told_together() {
    let list = "[[practices.petit.callers]]\nname = \"x\"\n\
                numbers = [\"01 99 00 77 01\", \"01 99 00 77 02\", \"01 99 00 77 03\"]\n";
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT + list;
    let old = Folder::new("diff-list").with("monoligne.toml", &format!("{text}blocked = true\n"));
    let new = format!("{text}urgency = \"urgent\"\nthrough = true\n");
    let new = Folder::new("diff-list-new").with("monoligne.toml", &new);
    let told = lines(&diff(&old, &new, &[]));
    let who = "Mme Petit, caller 01 99 00 77 01 and 2 more: ";
    let of_list: Vec<&String> = told.iter().filter(|it| it.starts_with(who)).collect();
    assert!(of_list.iter().any(|it| it.ends_with("class normal → urgent")), "{told:#?}");
    assert!(told.iter().any(|it| it.ends_with("callers \"x\" blocked → urgency urgent, through")));
}

#[test]
fn a_practice_is_asked_by_a_number_that_is_none_of_its_peoples() {
    let house = "\
[practices.house]
name = \"Les Tilleuls\"
numbers = [\"01 99 00 56 79\"]
plan = [{ queue = \"pool\", for = \"40 s\" }, \"busy\"]
[[practices.house.practitioners]]
name = \"Dr Aubert\"
numbers = [\"01 99 00 56 70\"]
[[practices.house.practitioners.leave]]
from = \"2026-01-01\"
to = \"2027-12-31\"
plan = [\"busy\"]
";
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + house;
    let old = Folder::new("diff-house-old").with("monoligne.toml", &text);
    let new = text.replace("for = \"40 s\"", "for = \"50 s\"");
    let new = Folder::new("diff-house-new").with("monoligne.toml", &new);
    let told = lines(&diff(&old, &new, &[]));
    assert!(!told.contains(&NO_DECISION.to_owned()), "{told:?}");
}

#[test]
fn the_patience_of_the_trunk_that_brings_a_number_is_its_callers() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT;
    let text = text.replace("[trunks.op]\n", "[trunks.op]\ndids = [\"01 99 00 12 34\"]\n");
    let trunk = "[trunks.second]\nsources = [\"203.0.113.9\"]\nmax_unanswered = \"110 s\"\n\
                 dids = [\"01 99 00 56 78\"]\n";
    let old = Folder::new("diff-trunk-old").with("monoligne.toml", &format!("{text}{trunk}"));
    let less = trunk.replace("110 s", "30 s");
    let new = Folder::new("diff-trunk-new").with("monoligne.toml", &format!("{text}{less}"));
    let output = diff(&old, &new, &[]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = lines(&output);
    let course =
        told.iter().find(|it| it.contains(": course")).unwrap_or_else(|| panic!("{told:#?}"));
    assert!(course.starts_with("Mme Petit"), "{told:#?}");
    assert!(!told.iter().any(|it| it.starts_with("Dr Martin")), "{told:#?}");
}

#[test]
fn what_shows_only_when_some_are_busy_is_not_said_to_change_nothing() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20));
    let more = "[agents.102]\nteams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let old = Folder::new("diff-busy-old").with("monoligne.toml", &format!("{text}{more}"));
    let reserve = text.replace("[teams.pool]\n", "[teams.pool]\nreserve = 1\n");
    let new = Folder::new("diff-busy-new").with("monoligne.toml", &format!("{reserve}{more}"));
    let told = lines(&diff(&old, &new, &[]));
    assert!(told.iter().any(|it| it.contains("reserve")), "{told:#?}");
    assert!(!told.iter().any(|it| it == "no decision changes"), "{told:#?}");
}
