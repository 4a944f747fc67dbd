//! Who has the configuration read again, and what happens while its files do not answer.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::operation::{Scene, told};
use crate::orders::until_reloads;
use crate::ports::ports;
use crate::serve::{Serving, monoligne};

const AGENT: &str = "teams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";

/// A file that does not open for as long as this lives, as on a disk that does not answer: another process
/// holds a lease on it (`F_SETLEASE` is 1024, `F_WRLCK` 1), for the kernel's 45 s at most.
struct SilentFile {
    path: PathBuf,
    holder: Child,
}

impl SilentFile {
    fn new(config: &Path) -> Self {
        let path = config.join("agents/102.toml");
        fs::create_dir_all(config.join("agents")).unwrap();
        fs::write(&path, AGENT).unwrap();
        let hold = "$SIG{IO} = 'IGNORE'; $| = 1; open(F, '+<', $ARGV[0]) or die; \
                    fcntl(F, 1024, 1) or die qq(no lease: $!); print qq(held\n); <STDIN>;";
        let mut holder = Command::new("perl");
        holder.args(["-e", hold]).arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        Self { path, holder }
    }
}

impl Drop for SilentFile {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ended = self.holder.wait();
    }
}

/// Waits until so many orders are recorded: who, what, outcome.
fn orders(scene: &Scene, count: usize) -> Vec<[String; 3]> {
    loop {
        let orders = scene.json("orders");
        let rows = orders.as_array().unwrap();
        let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        if rows.len() >= count {
            return rows
                .iter()
                .map(|row| [word(row, "user"), word(row, "what"), word(row, "outcome")])
                .collect();
        }
    }
}

#[test]
fn a_reload_by_signal_or_by_watching_is_recorded_as_such_done_or_refused() {
    let scene = Scene::new("reload-orders", &ports(20));
    let serving = Serving::start_with(scene.config(), &["--watch"]);
    serving.signal("HUP");
    assert_eq!(orders(&scene, 1), [["SIGHUP", "reload", "done"]]);
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nwrap_pu = \"30 s\"\n");
    until_reloads(&scene, "refused", 1);
    assert_eq!(orders(&scene, 2)[1], ["watch", "reload", "refused"]);
    serving.signal("HUP");
    assert_eq!(orders(&scene, 3)[2], ["SIGHUP", "reload", "refused"]);
    let page = told(scene.config(), &["orders"]);
    let line = page.lines().find(|line| line.contains("watch")).expect(&page);
    assert!(line.contains("configuration") && line.ends_with("refused"), "{line}");
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
    let all = scene.json("orders");
    assert!(all.as_array().unwrap().iter().all(|order| order["uid"] == uid), "{all}");
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.lines().any(|line| line.contains("by=SIGHUP") && line.contains("an order")),
        "{log}"
    );
}

#[test]
fn while_files_do_not_answer_a_call_is_taken_others_are_told_and_sigterm_ends_it() {
    let scene = Scene::new("reload-hangs", &ports(20));
    let mut serving = scene.start();
    let silent = SilentFile::new(scene.config());
    serving.signal("HUP");
    serving.until_logged("reading the configuration again");
    serving.signal("HUP");
    serving.until_logged("it is read once more after that");
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(180, "one");
    // The configuration would tell the socket, but does not answer either.
    let socket = scene.config().join("data/monoligne.sock");
    let ask =
        |command: &str| monoligne().args([command, "--socket"]).arg(&socket).output().unwrap();
    let refused = ask("reload");
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("another reload is still reading the files"), "{told}");
    let status = String::from_utf8(ask("status").stdout).unwrap();
    assert!(status.contains("1 live"), "{status}");

    serving.signal("TERM");
    let end = scene.trunk.final_of("one");
    scene.trunk.acknowledge("0199001234", "one", &end);
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    drop(silent);
}

#[test]
fn what_was_asked_for_while_one_was_under_way_is_done_once_after_it() {
    let scene = Scene::new("reload-again", &ports(20));
    let mut serving = scene.start();
    let silent = SilentFile::new(scene.config());
    serving.signal("HUP");
    serving.until_logged("reading the configuration again");
    for _ in 0..3 {
        serving.signal("HUP");
        serving.until_logged("it is read once more after that");
    }
    // The reader waits for the silent one; who comes next finds a file that answers.
    fs::remove_file(&silent.path).unwrap();
    fs::write(&silent.path, format!("name = \"Zoé\"\n{AGENT}")).unwrap();
    drop(silent);
    until_reloads(&scene, "done", 2);
    assert_eq!(orders(&scene, 2), [["SIGHUP", "reload", "done"], ["SIGHUP", "reload", "done"]]);
    assert_eq!(scene.json("agents")[1]["name"], "Zoé");
    serving.until_logged("agent 102");
    drop(serving);
}

/// Half a second of a tone: 16 bit, 8 kHz, one channel.
fn short_wave() -> Vec<u8> {
    const SAMPLES: u32 = 4_000;
    let mut wave = b"RIFF".to_vec();
    wave.extend((36 + 2 * SAMPLES).to_le_bytes());
    wave.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wave.extend((2 * SAMPLES).to_le_bytes());
    let samples = [4_000_i16, -4_000].into_iter().cycle().take(SAMPLES as usize);
    wave.extend(samples.flat_map(i16::to_le_bytes));
    wave
}

#[test]
fn who_waits_while_his_text_is_renamed_hears_it_under_its_old_name() {
    let scene = Scene::new("reload-prompt", &ports(20));
    let prompts = scene.config().join("prompts");
    let plan = |prompt: &str| {
        let steps = format!("{{ queue = \"pool\", for = \"3 s\" }}, {{ announce = \"{prompt}\" }}");
        scene.rewrite("{ queue = \"pool\" }", &steps);
    };
    fs::create_dir(&prompts).unwrap();
    fs::write(prompts.join("overflow.wav"), short_wave()).unwrap();
    plan("overflow");
    let serving = scene.start();
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(180, "one");
    fs::rename(prompts.join("overflow.wav"), prompts.join("full.wav")).unwrap();
    plan("full");
    let changes = told(scene.config(), &["reload"]);
    assert!(changes.contains("overflow") && changes.contains("full"), "{changes}");
    let answer = scene.trunk.final_of("one");
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    scene.trunk.within("0199001234", "one", "ACK", 1, &answer);
    let bye = scene.trunk.asked("BYE");
    scene.trunk.reply(&bye, 200, "");
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}
