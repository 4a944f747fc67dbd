//! Plans that lead nowhere: practices that hand callers round, queues that nobody may answer, calls that no
//! trunk takes.

use server::config::Mistake;

use crate::folder::Folder;

const STAFF: &str = r#"
[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
[trunks.op]
sources = ["192.0.2.0/24"]
[teams.pool]
[teams.far]
[agents.101]
teams = ["pool"]
site = "paris"
skills = { cardiology = 1 }
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[agents.102]
teams = ["far"]
site = "reunion"
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
"#;

/// Practices with these keys, by name, beside [`STAFF`] with `more`.
fn folder(name: &str, more: &str, practices: &[(&str, &str)]) -> Folder {
    let practices = practices.iter().zip(10..).map(|((name, keys), number)| {
        format!(
            "[practices.{name}]\nname = \"{name}\"\nnumbers = [\"01 99 00 00 {number}\"]\n{keys}\n"
        )
    });
    let text = format!("{STAFF}{more}\n{}", practices.collect::<String>());
    Folder::new(&format!("reach-{name}")).with("monoligne.toml", &text)
}

fn mistakes(name: &str, more: &str, practices: &[(&str, &str)]) -> Vec<Mistake> {
    folder(name, more, practices).mistakes()
}

/// Key and fault of the only one.
fn only(name: &str, more: &str, practices: &[(&str, &str)]) -> (String, String) {
    let mistakes = mistakes(name, more, practices);
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert!(mistakes[0].line > 0 && !mistakes[0].remedy.is_empty());
    (mistakes[0].key.clone(), mistakes[0].fault.clone())
}

#[test]
fn a_loop_of_practices_is_named_as_a_whole_over_their_situations() {
    let hours = "hours = \"Mo-Fr 08:00-18:00\"\n";
    let hand = |to: &str| format!("[{{ practice = \"{to}\" }}]");
    let plan = |to: &str| format!("plan = {}\n", hand(to));
    let queue = "plan = [{ queue = \"pool\" }]\n";
    let a = format!("{hours}{queue}closed = {}", hand("b"));
    let b = format!("{queue}away = {}", hand("c"));
    let d = format!("{queue}repeated = {{ calls = 3, within = \"1 h\", then = {} }}", hand("a"));
    let c = format!(
        "{queue}callers = [{{ name = \"x\", numbers = [\"01 99 00 77 01\"], plan = {} }}]",
        hand("d")
    );
    let all = [("a", a.as_str()), ("b", &b), ("c", &c), ("d", &d)];
    let (key, fault) = only("loop", "", &all);
    assert_eq!(key, "practices.a.closed[0].practice");
    assert_eq!(fault, "a loop: a (closed) → b (away) → c (listed) → d (repeated) → a");

    let [b, c] = ["c", "b"].map(plan);
    let both = [("a", plan("b")), ("b", b), ("c", c)];
    let both: Vec<(&str, &str)> = both.iter().map(|(name, keys)| (*name, keys.as_str())).collect();
    let (key, fault) = only("loop-beside", "", &both);
    assert_eq!(key, "practices.b.plan[0].practice", "a only leads to it");
    assert_eq!(fault, "a loop: b (open) → c (open) → b");
}

#[test]
fn each_way_round_is_told_and_a_way_that_ends_is_none() {
    let queue = "plan = [{ queue = \"pool\", for = 30 }, { practice = \"c\" }]";
    let end = "plan = [{ queue = \"pool\" }]";
    assert!(folder("tree", "", &[("a", queue), ("b", queue), ("c", end)]).load().is_ok());
    let both = "hours = \"24/7\"\nplan = [{ practice = \"b\" }]\nclosed = [{ practice = \"b\" }]";
    let back = "plan = [{ practice = \"a\" }]";
    let mistakes = mistakes("two-ways", "", &[("a", both), ("b", back)]);
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["practices.a.plan[0].practice", "practices.a.closed[0].practice"]);
}

#[test]
fn who_is_handed_on_too_often_would_hear_busy() {
    const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let plans = |hands: usize| -> Vec<String> {
        let hand = |to: &str| format!("plan = [{{ practice = \"{to}\" }}]");
        let plans = NAMES[1..=hands].iter().map(|to| hand(to));
        plans.chain(["plan = [{ queue = \"pool\" }]".to_owned()]).collect()
    };
    let chain = |plans: &[String]| -> Folder {
        let all: Vec<(&str, &str)> =
            NAMES.into_iter().zip(plans.iter().map(String::as_str)).collect();
        folder(&format!("chain-{}", all.len()), "", &all)
    };
    assert!(chain(&plans(8)).load().is_ok());
    let mistakes = chain(&plans(9)).mistakes();
    assert_eq!((mistakes.len(), mistakes[0].key.as_str()), (1, "practices.a.plan[0].practice"));
    assert!(mistakes[0].fault.contains("8 times more"), "{}", mistakes[0]);
}

#[test]
fn a_queue_at_whose_widest_circle_nobody_may_answer_is_a_mistake() {
    let plan = "plan = [{ queue = \"pool\" }]";
    let to_far = "plan = [{ queue = \"far\" }]";
    let (key, fault) = only("sites", "", &[("a", &format!("{plan}\nsites = [\"reunion\"]"))]);
    assert_eq!(key, "practices.a.plan[0].queue");
    assert!(fault.contains("nobody of the team \"pool\" works where"), "{fault}");

    let skilled = "[teams.narrow]\nwiden = [{ to = \"own\" }, { to = \"skilled\", after = 20 }]\n\
                   [agents.103]\nteams = [\"narrow\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let narrow = "plan = [{ queue = \"narrow\" }]\nskill = \"cardiology\"";
    let (key, fault) = only("skill", skilled, &[("a", narrow)]);
    assert_eq!(key, "practices.a.plan[0].queue");
    assert!(fault.contains("nobody of the team \"narrow\" may ever"), "{fault}");
    // A circle that the practice has nothing for is passed over.
    assert!(folder("passed", skilled, &[("a", "plan = [{ queue = \"narrow\" }]")]).load().is_ok());
    let wide =
        skilled.replace(", after = 20 }]", ", after = 20 }, { to = \"everyone\", after = 40 }]");
    assert!(folder("wide", &wide, &[("a", narrow)]).load().is_ok());
    assert!(
        folder("there", "", &[("a", &format!("{to_far}\nsites = [\"reunion\"]"))]).load().is_ok()
    );
    // Nobody is asked of a site that has no name.
    let nowhere = "[teams.night]\n[agents.104]\nteams = [\"night\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";
    let night = "plan = [{ queue = \"night\" }]\nsites = [\"paris\"]";
    assert_eq!(only("nowhere", nowhere, &[("a", night)]).0, "practices.a.plan[0].queue");
}

#[test]
fn own_secretaries_must_be_where_its_callers_wait() {
    let keys = "plan = [{ queue = \"pool\" }]\nown = [\"101\", \"102\"]";
    let (key, fault) = only("own", "", &[("a", keys)]);
    assert_eq!(key, "practices.a.own[1]");
    assert!(fault.contains("of no team that this practice's plans name"), "{fault}");
}

#[test]
fn a_number_outside_needs_a_trunk_that_takes_our_calls() {
    let plan = "plan = [{ call = \"06 39 98 00 12\" }, \"busy\"]";
    let (key, fault) = only("no-outbound", "", &[("a", plan)]);
    assert_eq!(key, "practices.a.plan[0].call");
    assert!(fault.contains("no trunk has [outbound]"), "{fault}");

    let second =
        "[trunks.out]\nsources = [\"198.51.100.1\"]\noutbound = { to = \"198.51.100.1\" }\n";
    let (key, fault) = only("one-outbound", second, &[("a", plan)]);
    assert_eq!(key, "practices.a.plan[0].call");
    assert!(fault.contains("who comes by the trunk \"op\""), "{fault}");
    let by = |trunk: &str| format!("{plan}\nforward = {{ trunk = \"{trunk}\" }}");
    assert!(folder("by-out", second, &[("a", &by("out"))]).load().is_ok());
    let (key, fault) = only("by-op", second, &[("a", &by("op"))]);
    assert_eq!(key, "practices.a.forward.trunk");
    assert!(fault.contains("takes no calls of ours"), "{fault}");
    // Who can only come by the trunk that has it needs no name.
    let dids =
        format!("{second}dids = [\"01 99 00 00 *\"]\n").replace("outbound =", "#\noutbound =");
    let apart = format!("{dids}[trunks.op2]\nsources = [\"198.51.100.9\"]\ndids = [\"0262 *\"]\n");
    let apart = folder("apart", &apart, &[("a", plan)]);
    let text = std::fs::read_to_string(apart.0.join("monoligne.toml")).unwrap();
    let text = text.replace("[\"192.0.2.0/24\"]", "[\"192.0.2.0/24\"]\ndids = [\"0590 *\"]");
    assert!(apart.with("monoligne.toml", &text).load().is_ok());
}

/// [`STAFF`]'s trunk brings these numbers and takes no calls; a second one brings those and does.
fn two_trunks(folder: Folder, dids: &str, second: &str) -> Folder {
    let text = std::fs::read_to_string(folder.0.join("monoligne.toml")).unwrap();
    let text = text.replace(
        "[teams.pool]",
        &format!(
            "dids = [{dids}]\n[trunks.out]\nsources = [\"198.51.100.1\"]\ndids = [{second}]\n\
             outbound = {{ to = \"198.51.100.1\" }}\n[teams.pool]"
        ),
    );
    folder.with("monoligne.toml", &text)
}

#[test]
fn who_is_handed_on_is_sent_outside_by_the_trunk_that_he_came_on() {
    let call = "plan = [{ call = \"06 39 98 00 12\" }, \"busy\"]";
    let hand = |to: &str| {
        format!("hours = \"24/7\"\nplan = [\"busy\"]\nclosed = [{{ practice = \"{to}\" }}]")
    };
    let handed = |name: &str, keys: &str| {
        // The last one brings its own calls by the trunk that takes ours, the others by the one that does not.
        let (a, b) = (hand("b"), hand("garde"));
        let folder = folder(name, "", &[("a", &a), ("b", &b), ("garde", keys)]);
        let op = "\"01 99 00 00 10\", \"01 99 00 00 11\"";
        two_trunks(folder, op, "\"01 99 00 00 12\"")
    };
    let mistakes = handed("handed", call).mistakes();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert_eq!(mistakes[0].key, "practices.garde.plan[0].call");
    let fault =
        "who comes by the trunk \"op\", handed on by the practice \"b\", could not be sent there";
    assert!(mistakes[0].fault.contains(fault), "{}", mistakes[0]);
    assert!(mistakes[0].remedy.contains("`trunk = \"out\"` in [forward]"), "{}", mistakes[0]);
    assert!(mistakes[0].line > 0);
    let named = format!("{call}\nforward = {{ trunk = \"out\" }}");
    assert!(handed("handed-named", &named).load().is_ok());

    // Over a practice whose own callers come by the right trunk.
    let (a, b) = (hand("b"), hand("garde"));
    let far = folder("handed-far", "", &[("a", &a), ("b", &b), ("garde", call)]);
    let far = two_trunks(far, "\"01 99 00 00 10\"", "\"01 99 00 00 11\", \"01 99 00 00 12\"");
    let mistakes = far.mistakes();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert!(mistakes[0].fault.contains("handed on by the practice \"a\""), "{}", mistakes[0]);
}

#[test]
fn callers_of_a_practices_own_line_come_by_the_trunk_of_the_shared_number() {
    let call = "plan = [{ call = \"06 39 98 00 12\" }, \"busy\"]";
    let shared =
        "[unidentified]\nname = \"Unknown\"\nnumbers = [\"01 99 00 99 99\"]\nplan = [\"busy\"]\n";
    let line =
        |name: &str, op: &str, out: &str| two_trunks(folder(name, shared, &[("a", call)]), op, out);
    let mistakes = line("line", "\"01 99 00 99 99\"", "\"0262 *\"").mistakes();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert_eq!(mistakes[0].key, "practices.a.plan[0].call");
    let fault = "who comes by the trunk \"op\" could not be sent there";
    assert!(mistakes[0].fault.contains(fault), "{}", mistakes[0]);
    // The shared number comes by the trunk that takes our calls; or the practice's number is no line.
    assert!(line("line-out", "\"0262 *\"", "\"01 99 00 99 99\"").load().is_ok());
    assert!(line("no-line", "\"01 99 00 99 99\"", "\"01 99 00 00 *\"").load().is_ok());
}

#[test]
fn an_override_may_go_nowhere_that_a_plan_may_not() {
    let keys = "plan = [\"busy\"]\nforward = { allowed = [\"06 39 98 00 12\"] }";
    assert_eq!(only("allowed", "", &[("a", keys)]).0, "practices.a.forward.allowed[0]");
}

#[test]
fn waiting_as_long_as_the_practice_allows_leads_on_to_a_phone() {
    let outbound = "outbound = { to = \"192.0.2.7\" }\n";
    let keys = "plan = [{ queue = \"pool\", nobody = \"never\" }, { call = \"06 39 98 00 12\" }]";
    let replace = |name: &str, keys: &str| {
        let folder = folder(name, "", &[("a", keys)]);
        let path = folder.0.join("monoligne.toml");
        let text = std::fs::read_to_string(path).unwrap();
        folder.with(
            "monoligne.toml",
            &text.replace("[teams.pool]", &format!("{outbound}[teams.pool]")),
        )
    };
    let told = replace("endless", keys).mistakes();
    assert_eq!((told.len(), told[0].key.as_str()), (1, "practices.a.plan[1]"));
    assert!(replace("limited", &format!("{keys}\nwait_max = \"2 min\"")).load().is_ok());
}
