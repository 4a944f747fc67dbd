//! A short Monday morning through the whole server: sockets, engine, relay, records.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use server::demo::{Options, play_unseen};

#[test]
fn a_short_morning_ends_without_a_violation() {
    let audit = play_unseen(&Options { seconds: 12, seed: 3, plain: true }).unwrap();
    assert_eq!(audit.faults, Vec::<String>::new(), "{audit}");
    assert_eq!(audit.offered, audit.planned, "{audit}");
    assert_eq!(audit.right_both_ways, audit.answered, "{audit}");
    assert_eq!(audit.records, audit.offered, "{audit}");
    assert_eq!((audit.declined, audit.gave_up_ringing), (1, 1), "{audit}");
    assert!(audit.not_answered >= 1, "{audit}");
    assert!(audit.hung_up_by_caller > 0 && audit.hung_up_by_secretary > 0, "{audit}");
}

#[test]
fn ctrl_c_ends_the_morning_cleanly() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_monoligne"))
        .args(["demo", "--plain", "--seconds", "40"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(" answers ") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended before anybody answered");
    }
    // The shell's own `kill`: a minimal system has no other.
    let kill = format!("kill -INT {}", demo.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(demo.wait().unwrap().success(), "{rest}");
    assert!(rest.contains("interrupted") && rest.contains("no violation"), "{rest}");
}
