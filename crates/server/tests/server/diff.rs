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

fn diff(old: &Folder, new: &Folder, words: &[&str]) -> Output {
    let mut command = monoligne();
    command.arg("diff").arg(&old.0).arg(&new.0);
    command.args(["--at", "2026-11-26T08:30"]).args(words).output().unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn only_what_a_caller_would_notice_is_told_and_the_exit_code_says_whether() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT;
    let old = Folder::new("diff-old").with("monoligne.toml", &text);
    // Other lines, the same decisions: an alias of the hours, a comment, a name of a secretary's.
    let same =
        text.replace("Mo-Fr 08:00-19:00", "Mo,Tu,We,Th,Fr 08:00-19:00 # x").replace(" # x", "");
    let same = format!("# a comment\n{same}[calls]\nring_refresh = \"40 s\"\n");
    let same = Folder::new("diff-same").with("monoligne.toml", &same);
    let output = diff(&old, &same, &[]);
    assert_eq!(
        (output.status.code(), lines(&output)),
        (Some(0), vec!["no decision changes".into()])
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
        "Mme Petit, Thu 2026-11-26 18:00 and 9 times more: situation open → closed",
    ] {
        assert!(told.iter().any(|it| it == line), "{line:?} is not in\n{told:#?}");
    }
    let plan = told.iter().find(|it| it.contains("for 40 s | hear busy, the end] → [wait"));
    assert!(
        plan.is_some_and(|it| it.starts_with("Mme Petit, Thu 2026-11-26 08:30 and ")),
        "{told:#?}"
    );

    let json = diff(&old, &changed, &["--json"]);
    let changes: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(changes[0]["practice"], "Dr Martin");
    let wrong = Folder::new("diff-wrong").with("monoligne.toml", &text.replace("plan", "plam"));
    assert_eq!(diff(&old, &wrong, &[]).status.code(), Some(2));
}

#[test]
fn practices_numbers_and_secretaries_that_come_and_go_are_told() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(20)) + PETIT;
    let old = Folder::new("diff-here").with("monoligne.toml", &text);
    let more = "[agents.102]\nteams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let other = text.replace("Mme Petit", "Mme Grand") + more;
    let new = Folder::new("diff-gone").with("monoligne.toml", &other);
    let told = lines(&diff(&old, &new, &[]));
    for line in [
        "Mme Petit: 01 99 00 56 78 leads to Mme Grand",
        "Mme Grand: a new practice",
        "Mme Petit: is gone",
        "Dr Martin: who may have him: + 102",
    ] {
        assert!(told.iter().any(|it| it == line), "{line:?} is not in\n{told:#?}");
    }
}
