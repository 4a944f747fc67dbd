//! What an operator does with a running server: looks, orders, reloads, restarts.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::folder::Folder;
use crate::peer::Peer;
use crate::ports::{free, ports};
use crate::running;
use crate::serve::{Serving, monoligne};

/// As [`running::text`], with the password `secret` for 101 and two reasons to pause.
pub(crate) fn text(trunk: &Peer, listen: SocketAddr, ports: &str) -> String {
    let ha1 = sip::ha1_md5("101", "pbx.example.fr", "secret");
    let ha1: String = ha1.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = running::text(trunk, &listen.to_string(), ports);
    text.replace("a71afc718d6fb4c315d504a5e85f5d6a", &ha1)
        + "[calls]\npause_reasons = [\"repas\", \"formation\"]\n"
}

pub(crate) fn command(config: &Path, words: &[&str]) -> Output {
    monoligne().args(words).arg("--config").arg(config).output().unwrap()
}

/// What it says on stdout when all went well.
pub(crate) fn told(config: &Path, words: &[&str]) -> String {
    let output = command(config, words);
    let (out, err) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    assert!(output.status.success(), "{words:?}: {}", err.unwrap());
    out.unwrap()
}

/// What it says on stderr when it was refused.
pub(crate) fn refused(config: &Path, words: &[&str]) -> String {
    let output = command(config, words);
    assert_eq!(output.status.code(), Some(1), "{words:?} was accepted");
    String::from_utf8(output.stderr).unwrap()
}

pub(crate) struct Scene {
    folder: Folder,
    pub(crate) trunk: Peer,
    pub(crate) phone: Peer,
    text: String,
}

impl Scene {
    pub(crate) fn new(name: &str, ports: &str) -> Self {
        let (trunk, phone, listen) = (Peer::new(), Peer::new(), free());
        let text = text(&trunk, listen, ports);
        let folder = Folder::new(name).with("monoligne.toml", &text);
        Self { folder, trunk: trunk.calls(listen), phone: phone.calls(listen), text }
    }

    pub(crate) fn config(&self) -> &Path {
        &self.folder.0
    }

    pub(crate) fn start(&self) -> Serving {
        Serving::start(self.config())
    }

    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from}");
        fs::write(self.config().join("monoligne.toml"), self.text.replace(from, to)).unwrap();
    }

    pub(crate) fn json(&self, view: &str) -> Value {
        serde_json::from_str(&told(self.config(), &[view, "--json"])).unwrap()
    }

    /// Waits until 101 is in this state: what makes her so may still be on its way.
    pub(crate) fn until_she_is(&self, state: &str) {
        for _ in 0..1_000 {
            if self.json("agents")[0]["state"] == state {
                return;
            }
        }
        panic!("she never is {state}: {}", self.json("agents"));
    }
}

pub(crate) const SDP: &str = "\
    v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

#[test]
fn a_restart_costs_no_registration_and_one_stale_nonce() {
    let scene = Scene::new("restart", &ports(40));
    let serving = scene.start();
    let registered = scene.phone.register("101", 1, None);
    assert!(registered.answer.starts_with("SIP/2.0 200 "), "{}", registered.answer);
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");

    let serving = scene.start();
    let phones = scene.json("registrations");
    assert_eq!(phones[0]["user"], "101");
    assert_eq!(phones[0]["source"], scene.phone.address().to_string());
    // A call reaches her phone, which has sent nothing since.
    scene.trunk.invite("0199001234", "one");
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 180, "");
    scene.phone.reply(&invite, 200, SDP);
    scene.trunk.wait_for(200, "one");
    // Its old nonce costs one stale=true, that no user is asked for.
    let again = scene.phone.register("101", 3, registered.authorization.as_deref());
    assert!(again.is_stale && again.answer.starts_with("SIP/2.0 200 "), "{}", again.answer);
    drop(serving);
}

#[test]
fn a_restart_leaves_the_receptions_phone_where_it_rings_at_once() {
    let scene = Scene::new("reception", &ports(40));
    let reception = "plan = [{ ring = \"accueil\" }]\n[phones.accueil]\nha1 = \"281833cdcaca5bb8a453f6fc1c461593\"\n";
    scene.rewrite("plan = [{ queue = \"pool\" }]\n", reception);
    let serving = scene.start();
    let registered = scene.phone.register("accueil", 1, None);
    assert!(registered.answer.starts_with("SIP/2.0 200 "), "{}", registered.answer);
    assert_eq!(scene.json("registrations")[0]["user"], "accueil");
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");

    let _serving = scene.start();
    let phones = scene.json("registrations");
    assert_eq!(phones[0]["source"], scene.phone.address().to_string(), "{phones}");
    scene.trunk.invite("0199001234", "one");
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 200, SDP);
    scene.trunk.wait_for(200, "one");
}

#[test]
fn a_pause_outlives_a_restart_and_a_kill() {
    let scene = Scene::new("pause", &ports(40));
    let serving = scene.start();
    scene.phone.register("101", 1, None);
    let shown = told(scene.config(), &["agent", "101", "pause", "--reason", "repas"]);
    assert_eq!(shown, "101 (101): paused (repas)\n");
    // The writer has it within a moment; a kill forgets at most that.
    std::thread::park_timeout(std::time::Duration::from_millis(500));
    serving.signal("KILL");
    serving.wait();
    let serving = scene.start();
    let agents = scene.json("agents");
    assert_eq!((&agents[0]["state"], &agents[0]["reason"]), (&"paused".into(), &"repas".into()));
    assert_eq!(agents[0]["is_reachable"], true);
    assert_eq!(told(scene.config(), &["agent", "101", "resume"]), "101 (101): available\n");
    drop(serving);
}

#[test]
fn orders_are_told_back_and_what_would_change_nothing_is_refused() {
    let scene = Scene::new("orders", &ports(40));
    let _serving = scene.start();
    let order = |words: &[&str]| told(scene.config(), &[&["agent", "101"], words].concat());
    let refuse =
        |user: &str, words: &[&str]| refused(scene.config(), &[&["agent", user], words].concat());
    for words in ["pause", "resume"] {
        assert!(refuse("101", &[words]).contains("101 is logged out: log her in first"));
    }
    assert!(order(&["log-in"]).contains("available, but no phone of hers can be reached"));
    assert!(refuse("101", &["end-wrap-up"]).contains("there is no wrap-up to end"));
    assert!(refuse("1001", &["pause"]).contains("did you mean \"101\"?"));
    let unknown = refuse("101", &["pause", "--reason", "repos"]);
    assert!(unknown.contains("did you mean \"repas\"?"), "{unknown}");
    assert!(refuse("101", &["log-in"]).contains("101 is available: she is logged in already"));
    assert!(refuse("101", &["resume"]).contains("101 is available: there is no pause to end"));
    assert!(order(&["pause"]).contains("101 (101): paused"));
    assert!(refuse("101", &["pause"]).contains("101 is paused: for that reason already"));
    assert!(refuse("101", &["log-in"]).contains("`resume` ends her pause"));
    assert!(order(&["pause", "--reason", "repas"]).contains("101 (101): paused (repas)"));
    assert!(order(&["log-out"]).contains("101 (101): logged out"));
    assert!(refuse("101", &["log-out"]).contains("101 is logged out: there is nothing to log out"));
}

#[test]
fn an_order_for_after_her_call_is_taken_once_and_can_be_taken_back() {
    let scene = Scene::new("orders-pending", &ports(40));
    let _serving = scene.start();
    scene.phone.register("101", 1, None);
    scene.trunk.invite("0199001234", "one");
    scene.phone.reply(&scene.phone.rung(), 200, SDP);
    let answer = scene.trunk.wait_for(200, "one");
    scene.trunk.within("0199001234", "one", "ACK", 1, &answer);
    scene.until_she_is("talking");
    let order = |words: &[&str]| told(scene.config(), &[&["agent", "101"], words].concat());
    let refuse = |words: &[&str]| refused(scene.config(), &[&["agent", "101"], words].concat());
    assert!(refuse(&["resume"]).contains("101 is talking: there is no pause to end"));
    assert!(order(&["pause"]).contains("talking, and pauses after it"));
    assert!(refuse(&["pause"]).contains("101 is talking: she pauses after it already"));
    assert!(order(&["pause", "--reason", "repas"]).contains("talking, and pauses after it"));
    assert_eq!(order(&["resume"]), "101 (101): talking\n", "taken back");
    assert!(order(&["log-out"]).contains("talking, and logs out after it"));
    assert!(refuse(&["log-out"]).contains("101 is talking: she logs out after it already"));
    assert!(refuse(&["pause"]).contains("`log-in` takes that back"));
    assert_eq!(order(&["log-in"]), "101 (101): talking\n", "taken back");
}

#[test]
fn a_wrap_up_ends_by_order() {
    let scene = Scene::new("wrap-up", &ports(40));
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nwrap_up = \"1 h\"\n");
    let _serving = scene.start();
    scene.phone.register("101", 1, None);
    scene.trunk.invite("0199001234", "one");
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 200, SDP);
    let answer = scene.trunk.wait_for(200, "one");
    scene.trunk.within("0199001234", "one", "ACK", 1, &answer);
    scene.trunk.within("0199001234", "one", "BYE", 2, &answer);
    scene.phone.reply(&scene.phone.asked("BYE"), 200, "");
    scene.until_she_is("wrap-up");
    // Who calls meanwhile waits for her, and rings as soon as it is over.
    scene.trunk.invite("0199001234", "two");
    scene.trunk.wait_for(180, "two");
    assert_eq!(scene.json("calls")[0]["stage"], "waiting");
    let shown = told(scene.config(), &["agent", "101", "end-wrap-up"]);
    assert_eq!(shown, "101 (101): offered\n");
    scene.phone.reply(&scene.phone.rung(), 200, SDP);
    scene.trunk.wait_for(200, "two");
}

#[test]
fn who_does_not_respond_is_rung_again_after_resume() {
    let scene = Scene::new("resume", &ports(40));
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nring_for = \"1 s\"\nmisses_max = 1\n");
    let _serving = scene.start();
    scene.phone.register("101", 1, None);
    scene.trunk.invite("0199001234", "one");
    let missed = scene.phone.rung();
    scene.phone.reply(&missed, 180, "");
    scene.phone.reply(&scene.phone.asked("CANCEL"), 200, "");
    scene.phone.reply(&missed, 487, "");
    scene.phone.asked("ACK");
    scene.until_she_is("not responding");
    assert_eq!(scene.json("calls")[0]["stage"], "waiting");
    let shown = told(scene.config(), &["agent", "101", "resume"]);
    assert_eq!(shown, "101 (101): offered\n");
    scene.phone.reply(&scene.phone.rung(), 200, SDP);
    scene.trunk.wait_for(200, "one");
}

#[test]
fn every_view_is_a_table_or_json_and_hides_numbers_unless_asked() {
    let scene = Scene::new("views", &ports(40));
    let _serving = scene.start();
    scene.phone.register("101", 1, None);
    scene.trunk.invite("0199001234", "one");
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 180, "");
    scene.trunk.invite("0199001234", "two");
    scene.trunk.wait_for(180, "two");

    for (view, words) in [
        ("status", &["takes calls", "2 live: 1 waiting, 1 offered", "1 offered"][..]),
        ("agents", &["USER", "offered", "registered", "pool"]),
        ("calls", &["waiting", "offered", "101", "Dr Martin"]),
        ("queue", &["CLASS", "normal", "pool", "in 0:2"]),
        ("registrations", &["sip:101@127.0.0.1", "udp 127.0.0.1", "yes"]),
        ("trunks", &["op", "udp", "127.0.0.1:"]),
        ("practices", &["Dr Martin", "open", "WAITING"]),
    ] {
        let shown = told(scene.config(), &[view]);
        for word in words {
            assert!(shown.contains(word), "{view}: {word:?} is not in\n{shown}");
        }
        assert!(!shown.contains("39 98 00 01") && !shown.contains('\u{1b}'), "{view}:\n{shown}");
        assert!(scene.json(view).is_array() || view == "status");
    }
    let whole = told(scene.config(), &["queue", "--numbers"]);
    assert!(whole.contains("06 39 98 00 01"), "{whole}");
    assert_eq!(scene.json("queue")[0]["caller"], "…01");
}

#[test]
fn a_reload_changes_what_it_names_and_leaves_calls_alone() {
    let scene = Scene::new("reload", &ports(40));
    let serving = scene.start();
    scene.phone.register("101", 1, None);
    scene.trunk.invite("0199001234", "one");
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 180, "");
    scene.phone.reply(&invite, 200, SDP);
    scene.trunk.wait_for(200, "one");

    assert_eq!(told(scene.config(), &["reload"]), "nothing changed\n");
    let more = "[teams.pool]\nwrap_up = \"20 s\"\n[practices.petit]\nname = \"Mme Petit\"\n\
                numbers = [\"01 99 00 56 78\"]\nplan = [\"busy\"]\n\
                hours = '24/7 \"à toute heure\"'\nclosed = [\"busy\"]\n";
    scene.rewrite("[teams.pool]\n", more);
    let changes = told(scene.config(), &["reload"]);
    assert_eq!(changes, "+ practice Mme Petit\n~ team pool: wrap_up 10 s → 20 s\n");
    scene.trunk.invite("0199005678", "two");
    scene.trunk.wait_for(486, "two");
    let practices = scene.json("practices");
    let petit = practices.as_array().unwrap().iter().find(|it| it["name"] == "Mme Petit");
    assert_eq!(petit.unwrap()["situation"], "open");
    assert_eq!(petit.unwrap()["comment"], "à toute heure");
    let status = scene.json("status");
    assert_eq!(status["calls"][0]["stage"], "bridged");
    assert_eq!(status["registrations"].as_array().unwrap().len(), 1);
    assert_eq!(status["reloads"]["done"], 2);

    // A signal does the same; what became of it is in the log.
    scene.rewrite("[teams.pool]", "[teams.pool]");
    serving.signal("HUP");
    for _ in 0..100 {
        if scene.json("status")["reloads"]["done"] == 3 {
            break;
        }
    }
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("- practice Mme Petit"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_wrong_reload_is_refused_whole_with_every_mistake() {
    let scene = Scene::new("wrong", &ports(40));
    let _serving = scene.start();
    scene.rewrite("name = \"Dr Martin\"", "nam = \"Dr Martin\"\nlabel = 5");
    let told_back = refused(scene.config(), &["reload"]);
    for word in ["did you mean `name`?", "practices.martin.label", "3 mistakes"] {
        assert!(told_back.contains(word), "{word} is not in\n{told_back}");
    }
    let status = scene.json("status");
    assert_eq!((&status["reloads"]["refused"], &status["reloads"]["done"]), (&1.into(), &0.into()));
    assert_eq!(status["practices"][0]["name"], "Dr Martin");
    let page = told(scene.config(), &["status"]);
    assert!(page.contains("THE LAST ONE REFUSED"), "{page}");
}

#[test]
fn what_needs_a_restart_refuses_the_reload_and_says_so() {
    let all = ports(40);
    let (first, _) = all.split_once('-').unwrap();
    let fewer = format!("{first}-{}", first.parse::<u16>().unwrap() + 19);
    let scene = Scene::new("fixed", &all);
    let _serving = scene.start();
    let text = scene.text.replace(&all, &fewer).replace("Dr Martin", "Dr Martinet");
    fs::write(scene.config().join("monoligne.toml"), text).unwrap();
    let told_back = refused(scene.config(), &["reload"]);
    assert!(told_back.contains("needs a restart"), "{told_back}");
    assert!(told_back.contains(&format!("[media] ports: {all} → {fewer}")), "{told_back}");
    assert_eq!(scene.json("practices")[0]["name"], "Dr Martin", "nothing of it was taken");
}

#[test]
fn a_removed_secretary_is_gone_and_comes_back_as_herself() {
    let scene = Scene::new("removed", &ports(40));
    let more = "[agents.102]\nteams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let both = format!("{}{more}", scene.text);
    fs::write(scene.config().join("monoligne.toml"), &both).unwrap();
    let _serving = scene.start();
    scene.phone.register("101", 1, None);
    let i = scene.text.find("[agents.101]").unwrap();
    let j = scene.text.find("[calls]").unwrap();
    let without = format!("{}{}{more}", &scene.text[..i], &scene.text[j..]);
    fs::write(scene.config().join("monoligne.toml"), without).unwrap();
    assert_eq!(told(scene.config(), &["reload"]), "- agent 101\n");
    assert_eq!(scene.json("registrations"), Value::Array(Vec::new()));
    assert_eq!(scene.json("agents").as_array().unwrap().len(), 1);
    fs::write(scene.config().join("monoligne.toml"), both).unwrap();
    assert_eq!(told(scene.config(), &["reload"]), "+ agent 101\n");
    let registered = scene.phone.register("101", 3, None);
    assert!(registered.answer.starts_with("SIP/2.0 200 "), "{}", registered.answer);
}

#[test]
fn two_hundred_reloads_leave_the_memory_as_it_is() {
    let scene = Scene::new("memory", &ports(40));
    let serving = scene.start();
    let resident = || {
        let statm = fs::read_to_string(format!("/proc/{}/statm", serving.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
    };
    let socket = scene.config().join("data/monoligne.sock");
    let reload = |count: u32| {
        for round in 0..count {
            let wrap_up = format!("[teams.pool]\nwrap_up = {}", 10 + round % 2);
            scene.rewrite("[teams.pool]", &wrap_up);
            let reply = server::control::ask(&socket, &server::control::Command::Reload).unwrap();
            assert!(matches!(reply, server::control::Reply::Reloaded(_)), "{reply:?}");
        }
    };
    reload(50);
    // What leaks grows each time; an allocator that takes one more arena does so once.
    let grown = [(); 3].map(|()| {
        let before = resident();
        reload(50);
        resident().saturating_sub(before)
    });
    assert!(grown.iter().min() < Some(&100_000), "{grown:?} octets more after 50 reloads each");
    let status = scene.json("status");
    assert_eq!(
        (&status["reloads"]["done"], &status["reloads"]["refused"]),
        (&200.into(), &0.into())
    );
}

#[test]
fn who_waits_while_the_server_drains_can_still_be_answered() {
    let scene = Scene::new("draining", &ports(40));
    scene.rewrite("\"1 s\"", "\"30 s\"");
    let serving = scene.start();
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(180, "one");
    serving.signal("TERM");
    scene.trunk.call_until_refused("0199001234");
    assert!(told(scene.config(), &["status"]).contains("DRAINING"));
    scene.phone.register("101", 1, None);
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 180, "");
    scene.phone.reply(&invite, 200, SDP);
    scene.trunk.wait_for(200, "one");
    assert_eq!(scene.json("calls")[0]["stage"], "bridged");
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_watch_that_is_no_terminal_prints_one_after_another() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    let scene = Scene::new("watch", &ports(40));
    let _serving = scene.start();
    let mut child = monoligne()
        .args(["agents", "--json", "--watch", "1", "--config"])
        .arg(scene.config())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(lines[0], lines[1]);
    assert!(lines[0].starts_with("[{\"user\":\"101\""), "{lines:?}");
}

#[test]
fn check_tells_its_mistakes_as_json_too() {
    let scene = Scene::new("check-json", &ports(40));
    assert_eq!(told(scene.config(), &["check", "--json"]), "[]\n");
    scene.rewrite("name = \"Dr Martin\"", "nam = \"Dr Martin\"");
    let output = command(scene.config(), &["check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let mistakes: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<_> = mistakes.as_array().unwrap().iter().map(|it| it["key"].clone()).collect();
    assert_eq!(keys, ["practices.martin.name", "practices.martin.nam"]);
    assert!(mistakes[1]["remedy"].as_str().unwrap().contains("`name`"));
    assert_eq!(mistakes[1]["level"], "mistake");
}

#[test]
fn what_is_hardly_meant_is_a_warning_to_check_and_in_the_log_and_refuses_nothing() {
    let scene = Scene::new("check-warns", &ports(40));
    let odd = "[practices.lyon]\nname = \"Dr Martin\"\nnumbers = [\"0199009999\"]\nplan = [\"busy\"]\n\
               hours = \"Fr 22:00-02:00; Sa 10:00-12:00; PH off\"\nclosed = [\"busy\"]\n\
               holidays_added = [\"2020-05-22\", \"2020-07-13\"]\n\
               leave = [{ from = 2020-08-03, to = 2020-08-21, plan = [\"busy\"] }, { from = 2020-08-24, \
               to = 9998-08-24, plan = [\"busy\"] }]\n[practices.martin]\n";
    scene.rewrite("[practices.martin]\n", odd);
    let shown = told(scene.config(), &["check"]);
    let (night, name) = ("practices.lyon.hours", "practices.martin.name");
    let warnings: Vec<&str> = shown.lines().filter(|it| it.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 4, "{shown}");
    assert!(warnings[0].contains(night) && warnings[3].contains(name), "{shown}");
    let days = "practices.lyon.holidays_added";
    assert!(
        warnings[1].contains(days) && warnings[1].contains("all of these days are over"),
        "{shown}"
    );
    let over = "practices.lyon.leave[0].to = 2020-08-21: this leave is over";
    assert!(warnings[2].contains(over), "{shown}");
    assert!(shown.contains("`Fr 22:00-02:00, Sa 10:00-12:00`"), "{shown}");
    assert!(shown.trim_end().ends_with("4 warnings"), "{shown}");
    let list: Value = serde_json::from_str(&told(scene.config(), &["check", "--json"])).unwrap();
    assert_eq!((&list[0]["level"], &list[0]["key"]), (&"warning".into(), &night.into()));
    assert!(list[0]["line"].as_u64().unwrap() > 0);
    assert_eq!(list.as_array().unwrap().len(), 4);

    let serving = scene.start();
    scene.rewrite("[practices.martin]\n", &odd.replace("Dr Martin", "Dr Martin, Lyon"));
    told(scene.config(), &["reload"]);
    serving.signal("TERM");
    let log = serving.wait().1;
    let logged = |key| log.lines().filter(|it| it.contains("WARN") && it.contains(key)).count();
    assert_eq!((logged(night), logged(name)), (2, 1), "at the start and at the reload:\n{log}");
    assert_eq!(
        logged("leave[0]") + logged("holidays_added"),
        0,
        "it was right once: told to who asks alone:\n{log}"
    );
}

#[test]
fn the_sample_gives_no_warning_and_the_program_says_its_name() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let list: Value = serde_json::from_str(&told(&sample, &["check", "--json"])).unwrap();
    // Its days pass.
    let is_over = |it: &&Value| {
        let fault = it["fault"].as_str().unwrap();
        fault.contains("this leave is over") || fault.contains("all of these days are over")
    };
    let mut others = list.as_array().unwrap().iter().filter(|it| !is_over(it));
    assert_eq!(others.next(), None);
    let version = monoligne().arg("--version").output().unwrap();
    assert!(version.stdout.starts_with(b"monoligne "), "{version:?}");
}

#[test]
fn a_file_in_the_control_sockets_place_is_told_and_left_as_it_is() {
    let scene = Scene::new("operation-control", &ports(20));
    let precious = scene.config().join("precious");
    fs::write(&precious, "precious").unwrap();
    let control = format!("[server]\ncontrol = {precious:?}\n");
    scene.rewrite("[server]\n", &control);
    let told = refused(scene.config(), &["serve"]);
    assert!(told.contains("something else than a socket"), "{told}");
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
}

#[test]
fn a_log_that_nobody_reads_stops_no_call() {
    let scene = Scene::new("operation-log", &ports(20));
    scene.rewrite("[calls]\n", "[log]\nlevel = \"trace\"\n[calls]\n");
    // Its stderr is a pipe, which holds 64 kB.
    let serving = scene.start();
    for _ in 0..50 {
        for _ in 0..40 {
            scene.trunk.send(b"INVITE sip:somebody SIP/2.0\r\n\r\n");
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(180, "one");
    assert_eq!(scene.json("calls").as_array().unwrap().len(), 1);
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.len() > 64 * 1024 && log.contains("stopped"), "{log}");
}
