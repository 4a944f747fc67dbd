//! The same seed gives the same run: in another process, and with the engine swapped for a restored
//! one on the way.

use std::process::Command;

use sim::Options;

fn in_a_process_of_its_own(seed: u64) -> String {
    let seed = seed.to_string();
    let run = Command::new(env!("CARGO_BIN_EXE_sim")).args(["--seed", &seed, "--trace"]).output();
    let run = run.expect("the command starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("a trace is text")
}

#[test]
fn two_processes_play_the_same_run_to_the_byte() {
    for seed in [3, 1_000_003] {
        let first = in_a_process_of_its_own(seed);
        assert!(first.lines().count() > 1_000, "a trace of a whole day");
        assert_eq!(first, in_a_process_of_its_own(seed));
    }
}

#[test]
fn a_run_in_which_the_engine_is_restored_again_and_again_is_the_same_run() {
    let mut swaps = 0;
    for seed in 0..12 {
        let restored = sim::run(seed, Options { restore: true, ..Options::default() });
        let untouched = sim::run(seed, Options { restore: false, ..Options::default() });
        assert_eq!(restored.failure, None);
        assert_eq!(restored.digest, untouched.digest, "seed {seed}");
        assert_eq!(restored.records, untouched.records, "seed {seed}");
        assert_eq!(untouched.tally.of(sim::Happening::Restored), 0);
        swaps += restored.tally.of(sim::Happening::Restored);
    }
    assert!(swaps > 12, "{swaps} swaps");
}

#[test]
fn a_broken_seed_fails_the_command() {
    let wrong = Command::new(env!("CARGO_BIN_EXE_sim")).args(["--seeds", "9..9"]).output().unwrap();
    assert!(!wrong.status.success(), "an empty range is refused");
}

#[test]
fn an_interrupted_range_goes_on_where_it_stopped() {
    let file = std::env::temp_dir().join(format!("sim-progress-{}.txt", std::process::id()));
    let play = || {
        let file = file.to_str().unwrap();
        Command::new(env!("CARGO_BIN_EXE_sim"))
            .args(["--seeds", "0..20", "--resume", file])
            .output()
    };
    let whole = play().unwrap();
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    // The progress is complete: nothing is played again, and the counts are the same.
    let again = play().unwrap();
    assert_eq!(whole.stdout, again.stdout);
    assert!(again.stderr.is_empty(), "nothing was left to play");
    std::fs::remove_file(&file).unwrap();
}
