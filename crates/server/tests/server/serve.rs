//! The real binary: refusals with their exit code, the drain, the control socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use server::records::Reader;

use crate::folder::Folder;
use crate::peer::Peer;
use crate::ports::{free, ports};
use crate::running::text;

pub(crate) fn monoligne() -> Command {
    Command::new(env!("CARGO_BIN_EXE_monoligne"))
}

fn run(subcommand: &str, config: &Path) -> Output {
    monoligne().arg(subcommand).arg("--config").arg(config).output().unwrap()
}

/// A running `monoligne serve`; ended when dropped.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    /// What was read of it so far.
    log: String,
}

impl Serving {
    /// Returns once it takes calls.
    pub(crate) fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// The same with further words on its command line.
    pub(crate) fn start_with(config: &Path, words: &[&str]) -> Self {
        let mut child = monoligne()
            .arg("serve")
            .args(words)
            .arg("--config")
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(line.contains("takes calls"), "{line:?}");
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err, log: String::new() }
    }

    /// Returns once a line of the log has these words.
    pub(crate) fn until_logged(&mut self, words: &str) {
        loop {
            let read = self.log.len();
            assert_ne!(self.err.read_line(&mut self.log).unwrap(), 0, "{words:?}: {}", self.log);
            if self.log[read..].contains(words) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end: exit code and the log.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        self.err.read_to_string(&mut self.log).unwrap();
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.log))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_line_and_exit_code_2() {
    let text = text(&Peer::new(), "127.0.0.1:5060", &ports(40)).replace("numbers", "nubmers");
    let line = 1 + text.lines().position(|line| line.starts_with("nubmers")).unwrap();
    let folder = Folder::new("refused").with("monoligne.toml", &text);
    for subcommand in ["serve", "check"] {
        let output = run(subcommand, &folder.0);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        let place = format!("monoligne.toml:{line}: practices.martin.nubmers = ");
        assert!(told.contains(&place) && told.contains("did you mean `numbers`?"), "{told}");
    }
    assert!(!folder.0.join("data").exists(), "nothing was written");
}

#[test]
fn a_good_configuration_is_told_so() {
    let folder = Folder::new("fine")
        .with("monoligne.toml", &text(&Peer::new(), "127.0.0.1:5060", &ports(40)));
    let output = run("check", &folder.0);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("fine (1 trunks, 1 practices, 1 numbers"), "{told}");
}

#[test]
fn a_taken_port_is_told_with_its_remedy() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let folder =
        Folder::new("taken").with("monoligne.toml", &text(&Peer::new(), &listen, &ports(40)));
    let output = run("serve", &folder.0);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&listen) && told.contains("another program has this port"), "{told}");
}

#[test]
fn sigterm_drains_hangs_up_what_is_left_and_keeps_the_records() {
    let (peer, listen) = (Peer::new(), free());
    let folder =
        Folder::new("drain").with("monoligne.toml", &text(&peer, &listen.to_string(), &ports(40)));
    let serving = Serving::start(&folder.0);
    let peer = peer.calls(listen);
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");

    serving.signal("TERM");
    peer.call_until_refused("0199001234");
    // The one that waits is let wait for the second of `drain_timeout`, and is then told.
    let end = peer.final_of("one");
    peer.acknowledge("0199001234", "one", &end);
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    assert!(!log.contains("39980001"), "a whole number is in the log:\n{log}");
    let calls = Reader::open(&folder.0.join("data/records.sqlite")).unwrap().calls().unwrap();
    assert!(calls.iter().any(|call| call.disposition == "draining" && call.status == 503));
    assert_eq!(calls[0].caller.as_deref(), Some("+33639980001"));
    assert!(!folder.0.join("data/monoligne.sock").exists(), "the socket is left behind");
}

#[test]
fn without_calls_sigint_ends_at_once() {
    let (peer, listen) = (Peer::new(), free());
    let folder =
        Folder::new("sigint").with("monoligne.toml", &text(&peer, &listen.to_string(), &ports(40)));
    let serving = Serving::start(&folder.0);
    serving.signal("INT");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_second_signal_hangs_up_what_is_left_and_keeps_its_record() {
    let (peer, listen) = (Peer::new(), free());
    let text = text(&peer, &listen.to_string(), &ports(40)).replace("\"1 s\"", "\"1 h\"");
    let folder = Folder::new("second").with("monoligne.toml", &text);
    let serving = Serving::start(&folder.0);
    let peer = peer.calls(listen);
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");
    serving.signal("TERM");
    peer.call_until_refused("0199001234");
    serving.signal("INT");
    let end = peer.final_of("one");
    peer.acknowledge("0199001234", "one", &end);
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    let calls = Reader::open(&folder.0.join("data/records.sqlite")).unwrap().calls().unwrap();
    assert!(calls.iter().any(|call| (&*call.disposition, call.status) == ("draining", 503)));
    assert!(calls.iter().any(|call| call.wait_ms > 0 && call.status == 503), "{calls:?}");
}

#[test]
fn a_third_signal_aborts_what_does_not_end() {
    let (peer, listen) = (Peer::new(), free());
    let text = text(&peer, &listen.to_string(), &ports(40)).replace("\"1 s\"", "\"1 h\"");
    let folder = Folder::new("third").with("monoligne.toml", &text);
    let serving = Serving::start(&folder.0);
    let peer = peer.calls(listen);
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");
    serving.signal("TERM");
    peer.call_until_refused("0199001234");
    // Somebody else's lock: the records cannot be written, which is tried for seconds.
    let other = rusqlite::Connection::open(folder.0.join("data/records.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    serving.signal("TERM");
    peer.final_of("one");
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("aborted"), "{log}");
}

#[test]
fn status_is_told_over_the_control_socket() {
    let (peer, listen) = (Peer::new(), free());
    let folder =
        Folder::new("status").with("monoligne.toml", &text(&peer, &listen.to_string(), &ports(40)));
    assert!(!run("status", &folder.0).status.success(), "nobody is there yet");
    let mut serving = Serving::start(&folder.0);
    let peer = peer.calls(listen);
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");

    let shown = String::from_utf8(run("status", &folder.0).stdout).unwrap();
    assert!(shown.contains("1 live") && shown.contains("waiting"), "{shown}");
    let json = monoligne().args(["status", "--json", "--config"]).arg(&folder.0).output().unwrap();
    let status: server::Status = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((status.calls.len(), status.ledger.offered, status.ports_in_use), (1, 1, 1));

    let second = run("serve", &folder.0);
    assert_eq!(second.status.code(), Some(1), "a second server beside the first");
    let mut rest = String::new();
    while !rest.contains("Ctrl-C") {
        assert!(serving.out.read_line(&mut rest).unwrap() > 0, "{rest}");
    }
    assert!(rest.contains("user      101") && rest.contains("sipp -sn uac -aa"), "{rest}");
}

#[test]
fn ha1_prints_the_digests_of_a_password_from_stdin() {
    let mut child = monoligne()
        .args(["ha1", "101", "monoligne.local"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"secret-101\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\nha1_sha256 = \"2ccf"));
}
