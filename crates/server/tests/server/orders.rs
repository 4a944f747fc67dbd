//! An operator's orders: on who waits, on a practice's hours, on a wrap-up.

use std::time::Duration;

use crate::operation::{SDP, Scene, refused, told};
use crate::ports::ports;
use crate::serve::Serving;

const TWO_TEAMS: &str = "[agents.102]\nteams = [\"night\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n\
                         [teams.night]\n[teams.pool]\n";

/// The calls that wait, first to be offered first.
fn queue(scene: &Scene) -> Vec<String> {
    let queue = scene.json("queue");
    let calls = queue.as_array().unwrap().iter();
    calls.map(|waiting| waiting["call"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_waits_is_ranked_moved_and_released_and_nobody_else_is_touched() {
    let scene = Scene::new("order-calls", &ports(40));
    scene.rewrite("[teams.pool]\n", TWO_TEAMS);
    let serving = scene.start();
    for call in ["one", "two", "three"] {
        scene.trunk.invite("0199001234", call);
        scene.trunk.wait_for(180, call);
    }
    let [one, two, three] = &queue(&scene)[..] else { panic!("three wait") };
    let order =
        |call: &str, words: &[&str]| told(scene.config(), &[&["call", call], words].concat());
    let refuse =
        |call: &str, words: &[&str]| refused(scene.config(), &[&["call", call], words].concat());

    assert_eq!(order(three, &["--first"]), format!("{three}: normal, waits for pool, place 1\n"));
    assert_eq!(queue(&scene), [three.as_str(), one, two]);
    let urgent = order(two, &["--urgency", "urgent"]);
    assert_eq!(urgent, format!("{two}: urgent, waits for pool, place 1\n"));
    assert_eq!(queue(&scene), [two.as_str(), three, one]);
    assert_eq!(scene.json("queue")[0]["urgency"], "urgent");
    let moved = order(one, &["--team", "night"]);
    assert!(moved.contains("waits for night, place 3, but nobody is there who may"), "{moved}");
    assert_eq!(scene.json("queue")[2]["team"], "night");

    assert!(refuse(one, &["--urgency", "normal"]).contains("is normal already"));
    assert!(refuse(one, &["--team", "nigth"]).contains("did you mean \"night\"?"));
    assert!(refuse("1-1-99", &["--first"]).contains("no call \"1-1-99\" is up"));
    assert!(refuse(one, &["--to", "15"]).contains("15 is an emergency number"));
    let nowhere = refuse(one, &["--to", "06 39 98 00 99"]);
    assert!(nowhere.contains("allows nothing to be forwarded"), "{nowhere}");

    assert!(order(three, &["--release"]).contains("released, he hears busy"));
    scene.trunk.wait_for(486, "three");
    scene.phone.register("101", 1, None);
    scene.phone.reply(&scene.phone.rung(), 200, SDP);
    scene.trunk.wait_for(200, "two");
    assert!(refuse(two, &["--first"]).contains("is in a conversation: only who waits"));
    assert_eq!(queue(&scene), [one.as_str()], "he still waits for the night");

    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    let orders: Vec<&str> =
        log.lines().filter(|line| line.contains("an operator's order")).collect();
    assert_eq!(orders.len(), 10, "{orders:#?}");
    let uid = format!(
        "uid={}",
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
    );
    assert!(orders.iter().all(|line| line.contains(&uid)), "{orders:#?}");
    assert!(orders[1].contains(two.as_str()) && orders[1].contains("urgency"), "{}", orders[1]);
    assert!(orders[3].contains("refused"), "{}", orders[3]);
    assert!(!log.contains("39 98 00 99") && !log.contains("39980099"), "{log}");
}

#[test]
fn an_override_holds_against_the_hours_outlives_a_kill_and_is_cleared() {
    let scene = Scene::new("order-override", &ports(40));
    let hours = "name = \"Dr Martin\"\nhours = \"24/7\"\nclosed = [\"busy\"]\n";
    scene.rewrite("name = \"Dr Martin\"\n", hours);
    let serving = scene.start();
    let order = |words: &[&str]| told(scene.config(), &[&["override"], words].concat());
    let shown = order(&["dr martin", "close", "--for", "2h"]);
    assert!(shown.starts_with("Dr Martin: closed until "), "{shown}");
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(486, "one");
    let practice = &scene.json("practices")[0];
    assert_eq!(practice["situation"], "closed");
    assert!(practice["override"].as_str().unwrap().starts_with("closed until "), "{practice}");
    assert!(told(scene.config(), &["status"]).contains("override      Dr Martin: closed until"));

    // The writer has it within a moment; a kill forgets at most that.
    std::thread::park_timeout(Duration::from_millis(500));
    serving.signal("KILL");
    serving.wait();
    let serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "closed");
    scene.trunk.invite("0199001234", "two");
    scene.trunk.wait_for(486, "two");

    let shown = order(&["01 99 00 12 34", "--clear"]);
    assert_eq!(shown, "Dr Martin: no override, open by its hours and leave\n");
    scene.trunk.invite("0199001234", "three");
    scene.trunk.wait_for(180, "three");
    std::thread::park_timeout(Duration::from_millis(500));
    serving.signal("KILL");
    serving.wait();
    let _serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "open", "what was cleared stays so");
    assert_eq!(scene.json("practices")[0]["override"], serde_json::Value::Null);
}

#[test]
fn an_override_outlives_a_new_name_and_waits_for_a_practice_that_is_gone() {
    let scene = Scene::new("order-key", &ports(20));
    let serving = scene.start();
    let order = |words: &[&str]| told(scene.config(), &[&["override"], words].concat());
    assert!(order(&["martin", "close", "--for", "2h"]).starts_with("Dr Martin: closed until "));
    let ended = |serving: Serving| {
        serving.signal("TERM");
        serving.wait().1
    };
    ended(serving);
    scene.rewrite("name = \"Dr Martin\"\n", "name = \"Cabinet des Lilas\"\n");
    let serving = scene.start();
    let practice = &scene.json("practices")[0];
    assert_eq!(practice["key"], "martin");
    assert_eq!(
        (&practice["name"], &practice["situation"]),
        (&"Cabinet des Lilas".into(), &"closed".into())
    );
    ended(serving);

    scene.rewrite("[practices.martin]", "[practices.lilas]");
    let serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "open");
    let log = ended(serving);
    let told = log.lines().find(|line| line.contains("an override does not hold")).expect(&log);
    assert!(told.contains("WARN") && told.contains("martin"), "{told}");

    scene.rewrite("[practices.martin]", "[practices.martin]");
    let _serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "closed");
}

#[test]
fn of_two_practices_of_one_name_the_key_says_which_is_meant() {
    let scene = Scene::new("order-two", &ports(20));
    scene.rewrite(
        "[practices.martin]",
        "[practices.lyon]\nname = \"Dr Martin\"\nnumbers = [\"0199009999\"]\nplan = [\"busy\"]\n\
         [practices.martin]",
    );
    let _serving = scene.start();
    let why = refused(scene.config(), &["override", "Dr Martin", "close", "--for", "2h"]);
    assert!(why.contains("by its key, lyon or martin"), "{why}");
    told(scene.config(), &["override", "lyon", "close", "--for", "2h"]);
    let practices = scene.json("practices");
    let is_said = |at: usize| (practices[at]["key"].clone(), practices[at]["override"].is_null());
    assert_eq!((is_said(0), is_said(1)), (("lyon".into(), false), ("martin".into(), true)));
}

#[test]
fn an_override_that_cannot_be_is_refused_with_what_could() {
    let scene = Scene::new("order-refused", &ports(20));
    let _serving = scene.start();
    let refuse = |words: &[&str]| refused(scene.config(), &[&["override"], words].concat());
    for (words, why) in [
        (&["Dr Matrin", "close", "--for", "2h"][..], "did you mean \"Dr Martin\"?"),
        (&["Dr Martin", "close", "--until", "2020-01-01"], "is past"),
        (&["Dr Martin", "close", "--until", "soon"], "is no time: write \"18:00\""),
        (&["Dr Martin", "open", "--for", "900 d"], "more than a year away"),
        (&["Dr Martin", "redirect", "112", "--for", "2h"], "112 is an emergency number"),
        (&["Dr Martin", "redirect", "06 39 98 00 99", "--for", "2h"], "`allowed` in [forward]"),
        (&["Dr Martin", "--clear"], "there is no override to clear"),
        (&["Dr Martin"], "say one thing: close, leave, open or redirect NUMBER, or --clear"),
    ] {
        let told = refuse(words);
        assert!(told.contains(why), "{words:?}: {told}");
    }
    assert_eq!(scene.json("practices")[0]["situation"], "open");
}

#[test]
fn a_wrap_up_is_prolonged_by_order() {
    let scene = Scene::new("order-prolong", &ports(40));
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nwrap_up = \"20 min\"\n");
    let _serving = scene.start();
    scene.phone.register("101", 1, None);
    let none = refused(scene.config(), &["agent", "101", "prolong", "5 min"]);
    assert!(none.contains("there is no wrap-up to prolong"), "{none}");
    scene.trunk.invite("0199001234", "one");
    let invite = scene.phone.rung();
    scene.phone.reply(&invite, 200, SDP);
    let answer = scene.trunk.wait_for(200, "one");
    scene.trunk.within("0199001234", "one", "ACK", 1, &answer);
    scene.trunk.within("0199001234", "one", "BYE", 2, &answer);
    scene.phone.reply(&scene.phone.asked("BYE"), 200, "");
    scene.until_she_is("wrap-up");
    let shown = told(scene.config(), &["agent", "101", "prolong", "5 min"]);
    let left = scene.json("agents")[0]["left_ms"].as_u64().unwrap();
    assert!(shown.starts_with("101 (101): wrap-up, 24:") || shown.contains("25:00"), "{shown}");
    assert!((1_440_000..=1_500_000).contains(&left), "{left}");
}

#[test]
fn a_team_shows_who_is_there_and_what_to_expect() {
    let scene = Scene::new("order-teams", &ports(40));
    let _serving = scene.start();
    let empty = told(scene.config(), &["status"]);
    assert!(empty.contains("pool: 0 there, 0 free, 0 waiting, nobody to answer"), "{empty}");
    scene.phone.register("101", 1, None);
    let team = |scene: &Scene| scene.json("status")["teams"][0].clone();
    assert_eq!((&team(&scene)["free"], &team(&scene)["expected_wait_ms"]), (&1.into(), &0.into()));
    for call in ["one", "two"] {
        scene.trunk.invite("0199001234", call);
        scene.trunk.wait_for(if call == "one" { 100 } else { 180 }, call);
    }
    let busy = team(&scene);
    assert_eq!((&busy["free"], &busy["waiting"]), (&0.into(), &1.into()));
    assert!(busy["expected_wait_ms"].as_u64().unwrap() > 60_000, "{busy}");
    let queue = told(scene.config(), &["queue"]);
    assert!(queue.contains("CIRCLE") && queue.contains("everyone"), "{queue}");
}

/// Waits until so many reloads are counted.
pub(crate) fn until_reloads(scene: &Scene, counter: &str, count: u64) {
    for _ in 0..400 {
        if scene.json("status")["reloads"][counter] == count {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("{counter} never is {count}");
}

#[test]
fn a_reload_switches_the_watching_of_files_on_and_off() {
    let scene = Scene::new("order-watch-key", &ports(20));
    let mut serving = scene.start();
    let on = "[reload]\nwatch = true\n[teams.pool]\n";
    scene.rewrite("[teams.pool]\n", on);
    assert!(told(scene.config(), &["reload"]).contains("~ [reload]: watch false → true"));
    // What changed before anybody looked is read too.
    until_reloads(&scene, "done", 2);
    scene.rewrite("[teams.pool]\n", "[reload]\nwatch = false\n[teams.pool]\n");
    until_reloads(&scene, "done", 3);
    serving.until_logged("files are watched");
    serving.until_logged("files are not watched any longer");
}

#[test]
fn watched_files_are_read_again_when_they_rest_and_a_wrong_one_changes_nothing() {
    let scene = Scene::new("order-watch", &ports(20));
    let serving = Serving::start_with(scene.config(), &["--watch"]);
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nwrap_up = \"20 s\"\n");
    until_reloads(&scene, "done", 1);
    scene.rewrite("[teams.pool]\n", "[teams.pool]\nwrap_pu = \"30 s\"\n");
    until_reloads(&scene, "refused", 1);
    serving.signal("TERM");
    let (code, log) = serving.wait();
    assert_eq!(code, Some(0), "{log}");
    for words in ["its files have changed", "wrap_up 10 s → 20 s", "did you mean `wrap_up`?"] {
        assert!(log.contains(words), "{words:?} is not in\n{log}");
    }
}

/// Callers may be sent to two numbers outside, and a reception's phone.
const FORWARDS: &str = "plan = [{ ring = \"accueil\" }, { queue = \"pool\" }]\n\
    [practices.martin.forward]\ntrunk = \"out\"\nallowed = [\"06 39 98 00 20\"]\n\
    [phones.accueil]\nha1 = \"281833cdcaca5bb8a453f6fc1c461593\"\n\
    [trunks.out]\nsources = [\"192.0.2.1\"]\noutbound = { to = \"192.0.2.1\" }\n[teams.pool]\n";
const PLAIN: &str = "plan = [{ queue = \"pool\" }]\n[teams.pool]\n";

#[test]
fn a_redirection_that_a_reload_allows_no_longer_ends_with_it_for_good() {
    let scene = Scene::new("order-revoked", &ports(20));
    scene.rewrite(PLAIN, FORWARDS);
    let serving = scene.start();
    let redirect = ["override", "martin", "redirect", "06 39 98 00 20", "--for", "2h"];
    told(scene.config(), &redirect);
    assert_eq!(scene.json("practices")[0]["situation"], "redirected");
    scene.rewrite(PLAIN, &FORWARDS.replace("06 39 98 00 20", "06 39 98 00 21"));
    let changes = told(scene.config(), &["reload"]);
    let ended = "! practice Dr Martin: its override (redirected to …20 until ";
    assert!(changes.contains(ended) && changes.contains("is ended, for it may not"), "{changes}");
    let practice = &scene.json("practices")[0];
    assert_eq!((&practice["situation"], &practice["override"]), (&"open".into(), &().into()));

    // Nor is it there again when it may be: not after a restart either.
    scene.rewrite(PLAIN, FORWARDS);
    told(scene.config(), &["reload"]);
    serving.signal("TERM");
    let log = serving.wait().1;
    let line = log.lines().find(|line| line.contains(ended)).expect(&log);
    assert!(line.contains("WARN"), "{line}");
    let serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "open");

    // What a restart finds not allowed is forgotten as well.
    told(scene.config(), &redirect);
    serving.signal("TERM");
    serving.wait();
    scene.rewrite(PLAIN, PLAIN);
    let serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "open");
    serving.signal("TERM");
    assert!(serving.wait().1.contains("its redirection is not allowed any more"));
    scene.rewrite(PLAIN, FORWARDS);
    let _serving = scene.start();
    assert_eq!(scene.json("practices")[0]["situation"], "open");
}

#[test]
fn a_redirection_to_a_phone_that_is_not_there_says_what_becomes_of_callers() {
    let scene = Scene::new("order-silent", &ports(20));
    scene.rewrite(PLAIN, FORWARDS);
    let _serving = scene.start();
    let redirect = ["override", "martin", "redirect", "accueil", "--for", "2h"];
    let silent = told(scene.config(), &redirect);
    let nobody = ", but no phone of it can be reached: its callers go on with the plan that holds \
                  beneath\n";
    assert!(silent.starts_with("Dr Martin: redirected to accueil until "), "{silent}");
    assert!(silent.ends_with(nobody), "{silent}");
    let registered = scene.phone.register("accueil", 1, None);
    assert!(registered.answer.starts_with("SIP/2.0 200 "), "{}", registered.answer);
    let shown = told(scene.config(), &redirect);
    assert!(!shown.contains("no phone"), "{shown}");
}

#[test]
fn a_reload_tells_what_goes_with_who_is_removed() {
    let scene = Scene::new("order-gone", &ports(40));
    let all = FORWARDS.replace("[{ ring = \"accueil\" }, ", "[");
    let both = "[practices.petit]\nname = \"Mme Petit\"\nnumbers = [\"01 99 00 56 78\"]\n\
                plan = [\"busy\"]\n[agents.102]\nteams = [\"pool\"]\n\
                ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n[teams.pool]\n";
    scene.rewrite(PLAIN, &all.replace("[teams.pool]\n", both));
    let serving = scene.start();
    told(scene.config(), &["override", "petit", "close", "--for", "2h"]);
    scene.phone.register("accueil", 1, None);
    scene.phone.register("101", 3, None);
    scene.trunk.invite("0199001234", "one");
    scene.phone.reply(&scene.phone.rung(), 200, SDP);
    scene.trunk.wait_for(200, "one");

    let text = std::fs::read_to_string(scene.config().join("monoligne.toml")).unwrap();
    let text =
        text.replace("[practices.petit]", "[practices.grand]").replace("Mme Petit", "Mme Grand");
    let text =
        text.replace("[phones.accueil]", "[phones.bureau]").replace("[agents.101]", "[agents.103]");
    std::fs::write(scene.config().join("monoligne.toml"), text).unwrap();
    let changes = told(scene.config(), &["reload"]);
    for line in [
        "! practice Mme Petit: there is none such any more: its override (closed until ",
        "! agent 101 (101): removed, and is in a conversation, which goes on to its end",
        "! phone accueil (accueil): removed, its registration is forgotten",
    ] {
        assert!(changes.lines().any(|told| told.starts_with(line)), "{line:?}: {changes}");
    }
    assert_eq!(scene.json("calls")[0]["stage"], "bridged");
    assert_eq!(told(scene.config(), &["reload"]), "nothing changed\n", "told once");
    serving.signal("TERM");
    let log = serving.wait().1;
    assert_eq!(
        log.lines().filter(|line| line.contains("WARN") && line.contains("! ")).count(),
        3,
        "{log}"
    );
}

#[test]
fn nobody_is_moved_to_a_team_that_may_never_have_him() {
    let scene = Scene::new("order-sites", &ports(40));
    let sites = "plan = [{ queue = \"pool\" }]\nsites = [\"paris\"]\n[teams.night]\n\
                 [agents.102]\nteams = [\"night\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n\
                 [teams.pool]\n[agents.101]\nsite = \"paris\"\n";
    scene.rewrite(&format!("{PLAIN}[agents.101]\n"), sites);
    let _serving = scene.start();
    scene.trunk.invite("0199001234", "one");
    scene.trunk.wait_for(180, "one");
    let [one] = &queue(&scene)[..] else { panic!("he waits") };
    let elsewhere = refused(scene.config(), &["call", one, "--team", "night"]);
    assert!(elsewhere.contains("nobody of night may have callers of Dr Martin"), "{elsewhere}");
    assert_eq!(scene.json("queue")[0]["team"], "pool");
    let absent = told(scene.config(), &["call", one, "--team", "pool"]);
    assert!(absent.contains("but nobody is there who may have him"), "{absent}");
}

#[test]
fn every_order_is_recorded_with_who_gave_it_even_where_the_log_says_little() {
    let scene = Scene::new("order-kept", &ports(20));
    scene.rewrite(
        PLAIN,
        &FORWARDS.replace("[teams.pool]\n", "[log]\nlevel = \"warn\"\n[teams.pool]\n"),
    );
    let serving = scene.start();
    assert_eq!(told(scene.config(), &["orders"]), "nothing was ordered\n");
    told(scene.config(), &["agent", "101", "log-in"]);
    told(
        scene.config(),
        &["override", "01 99 00 12 34", "redirect", "06 39 98 00 20", "--for", "2h"],
    );
    refused(
        scene.config(),
        &["override", "Dr Martin", "redirect", "06 39 98 00 99", "--for", "2h"],
    );
    refused(scene.config(), &["call", "1-1-99", "--urgency", "vital"]);
    told(scene.config(), &["reload"]);
    let orders = loop {
        let orders = scene.json("orders");
        if orders.as_array().unwrap().len() == 5 {
            break orders;
        }
    };
    let shown = |at: usize| {
        ["kind", "whom", "what", "outcome"].map(|key| orders[at][key].as_str().unwrap().to_owned())
    };
    assert_eq!(shown(0), ["agent", "101", "log-in", "done"]);
    assert_eq!(shown(1), ["override", "martin", "redirect to …20 for 7200 s", "done"]);
    assert_eq!(shown(2), ["override", "martin", "redirect to …99 for 7200 s", "refused"]);
    assert_eq!(shown(3), ["call", "1-1-99", "urgency \"vital\"", "refused"]);
    assert_eq!(shown(4), ["reload", "configuration", "reload", "done"]);
    let command = orders[1]["command"].as_str().unwrap();
    let command: serde_json::Value = serde_json::from_str(command).unwrap();
    assert_eq!(command["order"]["redirect"]["to"], "…20");
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    assert!(orders.as_array().unwrap().iter().all(|order| order["uid"] == uid), "{orders}");
    assert!(!orders.to_string().contains("39 98 00") && !orders.to_string().contains("399800"));

    // They outlive the process, and an older time is chosen by hand.
    serving.signal("KILL");
    serving.wait();
    let _serving = scene.start();
    let page = told(scene.config(), &["orders", "--since", "1 h"]);
    let last = page.lines().last().unwrap();
    assert!(
        page.starts_with("WHEN") && last.contains("reload") && last.ends_with("done"),
        "{page}"
    );
}

#[test]
fn who_cannot_be_identified_is_a_practice_to_orders_too() {
    let scene = Scene::new("order-shared", &ports(20));
    let shared = "[unidentified]\nname = \"Cabinets\"\nnumbers = [\"01 99 00 99 00\"]\n\
                  plan = [\"busy\"]\n[teams.pool]\n";
    scene.rewrite("[teams.pool]\n", shared);
    let _serving = scene.start();
    let practices = scene.json("practices");
    let found = practices.as_array().unwrap().iter().find(|it| it["key"] == "unidentified");
    assert_eq!(found.unwrap()["numbers"], 1);
    for name in ["[unidentified]", "unidentified", "Cabinets", "01 99 00 99 00"] {
        let closed = told(scene.config(), &["override", name, "close", "--for", "2h"]);
        assert!(closed.starts_with("Cabinets: closed until "), "{name}: {closed}");
        told(scene.config(), &["override", name, "--clear"]);
    }
}
