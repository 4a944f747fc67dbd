//! Practices, teams, agents, phones and trunks with all that they may say: what arrives, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use acd::{
    AgentId, AtClosing, CallerRule, Circle, Forward, Insistence, Plan, PracticeId, Queue, Repeated,
    SiteId, SkillId, Step, Strategy, Target, TeamId, Way, Widening,
};
use call::{E164, ForwardedBy, Outbound, PhoneId, TrunkId, Urgency};
use server::config::Loaded;
use sip::Transport;

use crate::folder::Folder;

/// One file with everything.
const ALL: &str = r#"
[server]
realm = "pbx.example.fr"

[[listen]]
address = "127.0.0.1:5060"

[emergency_numbers]
as_of = "2026-01-31"
numbers = ["15", 17, "18", "112", "116 117"]

[trunks.op]
sources = ["192.0.2.0/24"]
dids = ["01 99 00 12 00 to 01 99 00 12 99", "0262 00 *", "03 53 01 00 00"]

[trunks.op.outbound]
to = "192.0.2.7:5070"
transport = "tcp"
forwarded_by = "history-info"

[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
urgent_numbers = ["01 99 00 12 15"]
hours = "Mo-Fr 08:00-20:00"
closed = [{ practice = "garde" }]
away = ["busy"]
at_closing = "move"
sites = ["paris", "reunion"]
own = ["102", "101"]
skill = "pediatrics"
wrap_up = "20 s"
waiting_max = 5
wait_max = "4 min"
affinity = "0 s"
redial_within = "2 min"
greeting = "Cabinet du docteur Martin, bonjour"
instructions = """
Rendez-vous : agenda.
Urgences : le 15.
"""
plan = [
    { ring = "accueil", for = "4 rings" },
    { queue = "pool", for = "1 min", nobody = "5 s", unless_waiting = 5, unless_expected = "3 min", unless_none_free = true },
    { call = "06 39 98 00 12" },
    "busy",
]

[[practices.martin.callers]]
name = "colleagues"
numbers = ["01 99 00 77 01", "01 99 00 77 02"]
urgency = "priority"
through = true

[[practices.martin.callers]]
name = "nuisances"
numbers = ["01 99 00 66 66"]
blocked = true

[[practices.martin.callers]]
name = "laboratory"
numbers = ["01 99 00 77 03"]
plan = [{ call = "06 39 98 00 13", for = "20 s" }]

[practices.martin.repeated]
calls = 3
within = "1 h"
then = "rise"

[practices.martin.forward]
trunk = "op"
number = "01 99 00 12 34"
no_key = ["06 39 98 00 12"]
allowed = ["06 39 98 00 14"]

[[practices.martin.practitioners]]
name = "Dr Martin"
number = "06 39 98 00 12"
disturb = "for an emergency"

[practices.garde]
name = "Garde"
numbers = ["0262 00 12 34"]
plan = [{ queue = "pool" }, "busy"]
repeated = { calls = 5, within = "10 min", then = ["busy"] }

[teams.pool]
strategy = "fewest-calls"
ring = 2
widen = [{ to = "own" }, { to = "skilled", after = "20 s" }, { to = "everyone", after = "40 s" }]
reserve = 1
ageing = "2 min"
pool = "north"

[agents.101]
teams = ["pool"]
site = "paris"
skills = { pediatrics = 2 }
position = 7
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"

[agents.102]
teams = ["pool"]
site = "reunion"
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"

[sites.reunion]
trunk = "op"
number = "0262 00 12 34"

[phones.accueil]
name = "Reception"
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
"#;

fn load(name: &str, text: &str) -> Loaded {
    let folder = Folder::new(name).with("monoligne.toml", text);
    folder.load().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn number(text: &str) -> E164 {
    E164::read(text).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn line(text: &str, ring_s: u64) -> Step {
    let target = Target::Line(number(text).line());
    Step::Forward(Forward { target, ring_for: seconds(ring_s) })
}

const POOL: TeamId = TeamId(1);
// By name.
const GARDE: PracticeId = PracticeId(1);
const MARTIN: PracticeId = PracticeId(2);
const PARIS: SiteId = SiteId(1);
const REUNION: SiteId = SiteId(2);
const PEDIATRICS: SkillId = SkillId(1);

#[test]
fn everything_that_a_practice_says_of_its_callers_arrives() {
    let loaded = load("all-practice", ALL);
    let practice = &loaded.engine.floor.practices[&MARTIN];
    let queue = Queue {
        until: Some(seconds(60)),
        nobody: Some(seconds(5)),
        unless_waiting: Some(5),
        unless_expected: Some(seconds(180)),
        unless_none_free: true,
        ..Queue::of(POOL)
    };
    let reception = Forward { target: Target::Phone(PhoneId(1)), ring_for: seconds(20) };
    let steps = [Step::Forward(reception), Step::Queue(queue), line("0639980012", 25), Step::Busy];
    assert_eq!(practice.open.steps, steps);
    assert_eq!(practice.closed.steps, [Step::Practice(GARDE)]);
    assert_eq!(practice.away.steps, [Step::Busy]);
    assert_eq!(practice.at_closing, AtClosing::Move);
    assert_eq!(practice.sites, Some(BTreeSet::from([PARIS, REUNION])));
    assert_eq!(practice.own, [AgentId(2), AgentId(1)], "in the order that is written");
    assert_eq!(practice.skill, Some(PEDIATRICS));
    assert_eq!(practice.wrap_up, Some(seconds(20)));
    assert_eq!((practice.waiting_max, practice.wait_max), (Some(5), Some(seconds(240))));
    assert_eq!((practice.affinity_for, practice.redial_within), (seconds(0), seconds(120)));
    let repeated = Repeated { calls: 3, within: seconds(3_600), then: Insistence::Rise };
    assert_eq!(practice.repeated, Some(repeated));
    let garde = loaded.engine.floor.practices[&GARDE].repeated.as_ref().unwrap();
    assert_eq!(garde.then, Insistence::Limit(Plan { steps: vec![Step::Busy] }));
    let through = CallerRule { urgency: Some(Urgency::Priority), way: Way::Through };
    let plan = |step| CallerRule { urgency: None, way: Way::Plan(Plan { steps: vec![step] }) };
    let rules = [
        ("01 99 00 66 66", plan(Step::Busy)),
        ("01 99 00 77 01", through.clone()),
        ("01 99 00 77 02", through),
        ("01 99 00 77 03", plan(line("0639980013", 20))),
    ];
    let rules = rules.map(|(text, rule)| (number(text).line(), rule));
    assert_eq!(practice.callers, BTreeMap::from(rules));
}

#[test]
fn what_a_practice_leaves_out_has_its_default() {
    let practice = &load("defaults", ALL).engine.floor.practices[&GARDE].clone();
    assert_eq!((practice.affinity_for, practice.redial_within), (seconds(86_400), seconds(300)));
    assert_eq!(practice.at_closing, AtClosing::ServeOn);
    assert_eq!((&practice.sites, practice.own.len(), practice.skill), (&None, 0, None));
    assert_eq!((practice.waiting_max, practice.wait_max, practice.wrap_up), (None, None, None));
    assert!(practice.away.steps.is_empty(), "without the prompt `leave` it is busy");
}

#[test]
fn who_answers_and_how_a_practice_is_reached_arrives() {
    let Loaded { engine, pools, skills, sites, .. } = load("all-others", ALL);
    let own = [("0262001234", GARDE), ("0199001215", MARTIN), ("0199001234", MARTIN)];
    let own = own.map(|(text, practice)| (number(text), practice));
    assert_eq!(engine.numbers, BTreeMap::from(own));
    let urgent = BTreeMap::from([(number("0199001215"), Urgency::Urgent)]);
    assert_eq!(engine.urgent_numbers, urgent);
    let trunk = &engine.trunks[&TrunkId(1)];
    let outbound = Outbound {
        transport: Transport::Tcp,
        to: "192.0.2.7:5070".parse().unwrap(),
        forwarded_by: ForwardedBy::HistoryInfo,
    };
    assert_eq!(trunk.outbound, Some(outbound));
    let practice = &engine.practices[&MARTIN];
    let forwarding = call::Forwarding {
        trunk: Some(TrunkId(1)),
        number: Some(number("0199001234")),
        no_key: BTreeSet::from([number("0639980012")]),
        allowed: BTreeSet::from([number("0639980014")]),
        accept: None,
    };
    assert_eq!(practice.forwarding, forwarding);
    assert_eq!(practice.greeting.as_deref(), Some("Cabinet du docteur Martin, bonjour"));
    assert_eq!(practice.instructions.as_deref(), Some("Rendez-vous : agenda.\nUrgences : le 15."));
    let practitioner = call::Practitioner {
        name: "Dr Martin".to_owned(),
        number: Some(number("0639980012")),
        disturb: Some("for an emergency".to_owned()),
        ..call::Practitioner::default()
    };
    assert_eq!(practice.practitioners, [practitioner]);
    let list = |text| practice.lists.get(&number(text)).map(|name| name.to_string());
    assert_eq!(list("0199007702").as_deref(), Some("colleagues"));
    assert_eq!(list("0199006666").as_deref(), Some("nuisances"));
    assert_eq!(list("0199001234"), None);

    let team = &engine.floor.teams[&POOL];
    assert_eq!(team.strategy, Strategy::FewestCalls);
    assert_eq!((team.ring, team.reserve, team.ageing), (2, 1, Some(seconds(120))));
    let circles = [(Circle::Own, 0), (Circle::Skilled, 20), (Circle::Everyone, 40)];
    let circles = circles.map(|(circle, after)| Widening { after: seconds(after), circle });
    assert_eq!(team.circles, circles);
    assert_eq!(pools, BTreeMap::from([(POOL, "north".to_owned())]));
    let agent = &engine.floor.agents[&AgentId(1)];
    assert_eq!((agent.site, agent.position), (PARIS, 7));
    assert_eq!(agent.skills, BTreeMap::from([(PEDIATRICS, 2)]));
    assert_eq!(skills, BTreeMap::from([(PEDIATRICS, "pediatrics".to_owned())]));
    assert_eq!(sites[&REUNION], "reunion");
    let phone = &engine.phones[&PhoneId(1)];
    assert_eq!((phone.user.as_str(), phone.name.as_str()), ("accueil", "Reception"));
    assert!(phone.account.ha1_md5.is_some());

    let emergency = &engine.emergency.numbers;
    assert_eq!(emergency.as_of.to_string(), "2026-01-31");
    let listed: Vec<&str> = emergency.numbers.iter().map(String::as_str).collect();
    assert_eq!(listed, ["112", "116117", "15", "17", "18"]);
    assert_eq!(emergency.find(number("+33116117")), Some("116117"));
    assert_eq!(emergency.find(number("0199001234")), None);
    let site =
        call::Site { name: "reunion".to_owned(), trunk: TrunkId(1), number: number("0262001234") };
    assert_eq!(engine.sites, BTreeMap::from([(REUNION, site)]));
    assert!(engine.emergency.is_guarded, "tests call nobody outside");
}

#[test]
fn skills_and_sites_keep_their_ids_over_reloads() {
    let folder = Folder::new("all-again").with("monoligne.toml", ALL);
    let first = folder.load().unwrap();
    let text =
        ALL.replace("skills = { pediatrics = 2 }", "skills = { cardiology = 1, pediatrics = 2 }");
    let text = text.replace("\"reunion\"", "\"nancy\"").replace("sites.reunion", "sites.nancy");
    let folder = folder.with("monoligne.toml", &text);
    let second = server::config::load_again(&folder.0, first.ids).unwrap();
    let named = |names: &BTreeMap<SiteId, String>| -> Vec<(u16, String)> {
        names.iter().map(|(id, name)| (id.0, name.clone())).collect()
    };
    assert_eq!(second.skills[&PEDIATRICS], "pediatrics");
    assert_eq!(second.skills[&SkillId(2)], "cardiology");
    assert_eq!(named(&second.sites), [(1, "paris".to_owned()), (3, "nancy".to_owned())]);
}

/// What of `ALL` is replaced, what by, and what must be said: key, fault, remedy.
const TABLE: &[(&str, &str, &str, &str, &str)] = &[
    // Names of what is not there.
    (
        "{ ring = \"accueil\"",
        "{ ring = \"acceuil\"",
        "practices.martin.plan[0].ring",
        "no phone \"acceuil\"",
        "\"accueil\"?",
    ),
    (
        "{ practice = \"garde\" }",
        "{ practice = \"gard\" }",
        "practices.martin.closed[0].practice",
        "no practice \"gard\"",
        "\"garde\"?",
    ),
    (
        "own = [\"102\", \"101\"]",
        "own = [\"102\", \"nobody\"]",
        "practices.martin.own[1]",
        "no agent \"nobody\"",
        "the agents are: 101, 102",
    ),
    (
        "skill = \"pediatrics\"",
        "skill = \"pediatric\"",
        "practices.martin.skill",
        "nobody has the skill \"pediatric\"",
        "\"pediatrics\"?",
    ),
    (
        "sites = [\"paris\", \"reunion\"]",
        "sites = [\"pariss\", \"reunion\"]",
        "practices.martin.sites[0]",
        "nobody works at the site \"pariss\"",
        "\"paris\"?",
    ),
    (
        "trunk = \"op\"",
        "trunk = \"pp\"",
        "practices.martin.forward.trunk",
        "no trunk \"pp\"",
        "\"op\"?",
    ),
    (
        "{ queue = \"pool\" }, ",
        "{ queue = \"pole\" }, ",
        "practices.garde.plan[0].queue",
        "no team",
        "pool",
    ),
    // Unknown keys.
    ("wait_max = ", "waits_max = ", "practices.martin.waits_max", "unknown key", "`wait_max`?"),
    ("ageing = ", "aging = ", "teams.pool.aging", "unknown key", "`ageing`?"),
    (
        "through = true",
        "trough = true",
        "practices.martin.callers[0].trough",
        "unknown",
        "`through`?",
    ),
    (
        "then = \"rise\"",
        "then = \"rise\"\nthan = 3",
        "practices.martin.repeated.than",
        "unknown",
        "`then`?",
    ),
    ("no_key = [", "nokey = [", "practices.martin.forward.nokey", "unknown key", "`no_key`?"),
    (
        "disturb = ",
        "distrub = ",
        "practices.martin.practitioners[0].distrub",
        "unknown",
        "`disturb`?",
    ),
    (
        "to = \"192.0.2.7:5070\"",
        "to = \"192.0.2.7:5070\"\ntransports = \"tcp\"",
        "trunks.op.outbound.transports",
        "unknown key",
        "`transport`?",
    ),
    (
        "unless_waiting = 5",
        "unless_wating = 5",
        "practices.martin.plan[1].unless_wating",
        "unknown",
        "`unless_waiting`?",
    ),
    (
        "{ call = \"06 39 98 00 12\" }",
        "{ call = \"06 39 98 00 12\" }, { forward = \"06 39 98 00 15\" }",
        "practices.martin.plan[3].forward",
        "unknown",
        "call = ",
    ),
    ("name = \"Reception\"", "nom = \"Reception\"", "phones.accueil.nom", "unknown key", "`name`?"),
    (
        "as_of = ",
        "asof = \"2026-01-01\"\nas_of = ",
        "emergency_numbers.asof",
        "unknown",
        "`as_of`?",
    ),
    (
        "[sites.reunion]",
        "[sites.reunio]",
        "sites.reunio",
        "nobody works at the site",
        "\"reunion\"?",
    ),
    (
        "trunk = \"op\"\nnumber = \"0262",
        "trunk = \"opp\"\nnumber = \"0262",
        "sites.reunion.trunk",
        "there is no trunk",
        "\"op\"?",
    ),
    (
        "[sites.reunion]\ntrunk = \"op\"",
        "[trunks.silent]\nsources = [\"198.51.100.0/24\"]\ndids = [\"09 87 65 43 21\"]\n\
         [sites.reunion]\ntrunk = \"silent\"",
        "sites.reunion.trunk",
        "takes no calls of ours",
        "[outbound]",
    ),
    (
        "trunk = \"op\"\nnumber = \"0262",
        "number = \"0262",
        "sites.reunion.trunk",
        "missing",
        "NAME",
    ),
    (
        "number = \"0262 00 12 34\"\n\n[phones",
        "\n[phones",
        "sites.reunion.number",
        "missing",
        "what is presented",
    ),
    (
        "number = \"0262 00 12 34\"\n\n[phones",
        "number = \"+44 20 7946 0958\"\n\n[phones",
        "sites.reunion.number",
        "no French number",
        "site abroad",
    ),
    (
        "number = \"0262 00 12 34\"\n\n[phones",
        "number = \"0262 00 12 34\"\nnumer = 1\n\n[phones",
        "sites.reunion.numer",
        "unknown key",
        "`number`?",
    ),
    ("position = 7", "positon = 7", "agents.101.positon", "unknown key", "`position`?"),
    // Words.
    (
        "at_closing = \"move\"",
        "at_closing = \"stop\"",
        "practices.martin.at_closing",
        "unknown word",
        "serve, move",
    ),
    (
        "strategy = \"fewest-calls\"",
        "strategy = \"random\"",
        "teams.pool.strategy",
        "unknown word",
        "longest-idle, round-robin",
    ),
    (
        "then = \"rise\"",
        "then = \"up\"",
        "practices.martin.repeated.then",
        "neither \"rise\" nor",
        "\"rise\"",
    ),
    (
        "forwarded_by = \"history-info\"",
        "forwarded_by = \"pai\"",
        "trunks.op.outbound.forwarded_by",
        "unknown word",
        "diversion, history-info",
    ),
    (
        "{ to = \"own\" }",
        "{ to = \"owned\" }",
        "teams.pool.widen[0].to",
        "unknown word",
        "\"own\"?",
    ),
    (
        "pediatrics = 2",
        "pediatrics = 12",
        "agents.101.skills.pediatrics",
        "no level",
        "1 (knows it) to 9",
    ),
    (
        "pediatrics = 2",
        "pediatrics = \"well\"",
        "agents.101.skills.pediatrics",
        "no level",
        "1 (knows it) to 9",
    ),
    (
        "skills = { pediatrics = 2 }",
        "skills = [\"pediatrics\"]",
        "agents.101.skills",
        "an array where a table",
        "agents",
    ),
    (
        "17, \"18\"",
        "17, \"eighteen\", \"18\"",
        "emergency_numbers.numbers[2]",
        "not a short number",
        "\"15\"",
    ),
    (
        "greeting = \"Cabinet du docteur Martin, bonjour\"",
        "greeting = \"Cabinet\\nMartin\"",
        "practices.martin.greeting",
        "several lines",
        "one line",
    ),
    // Numbers.
    (
        "urgent_numbers = [\"01 99 00 12 15\"]",
        "urgent_numbers = [\"01 99 00 12 34\"]",
        "practices.martin.urgent_numbers[0]",
        "there already",
        "urgent or not",
    ),
    (
        "numbers = [\"0262 00 12 34\"]",
        "numbers = [\"0262 00 12 34\", \"+262 262 00 12 34\"]",
        "practices.garde.numbers[1]",
        "there already",
        "leads to one practice",
    ),
    (
        "numbers = [\"0262 00 12 34\"]",
        "numbers = [\"0262 10 12 34\"]",
        "practices.garde.numbers[0]",
        "no trunk brings this number",
        "`dids`",
    ),
    (
        "urgent_numbers = [\"01 99 00 12 15\"]",
        "urgent_numbers = [\"01 99 00 13 00\"]",
        "practices.martin.urgent_numbers[0]",
        "no trunk brings this number",
        "`dids`",
    ),
    ("\"0262 00 *\"", "\"0262 00 *\", \"*\"", "trunks.op.dids[2]", "no beginning", "01 99 00 *"),
    (
        "00 to 01 99 00 12 99",
        "00 to 01 99 00 11 99",
        "trunks.op.dids[0]",
        "not after the first",
        "to 01 99",
    ),
    ("\"03 53 01 00 00\"", "\"03 53 01\"", "trunks.op.dids[2]", "10 digits", "01 99 00 12 34"),
    // Plans.
    (
        "{ ring = \"accueil\", for = \"4 rings\" }",
        "{ ring = \"accueil\", for = \"0 s\" }",
        "practices.martin.plan[0].for",
        "below one second",
        "15 s",
    ),
    (
        "{ ring = \"accueil\", for = \"4 rings\" }",
        "{ ring = \"accueil\", nobody = \"4 s\" }",
        "practices.martin.plan[0].nobody",
        "in which a caller waits",
        "two steps",
    ),
    (
        "{ practice = \"garde\" }",
        "{ practice = \"garde\", for = \"1 min\" }",
        "practices.martin.closed[0].for",
        "waits or a phone rings",
        "two steps",
    ),
    (
        "{ practice = \"garde\" }",
        "{ practice = \"garde\" }, \"busy\"",
        "practices.martin.closed[1]",
        "never reached: the practice before it",
        "remove it",
    ),
    (
        "plan = [{ queue = \"pool\" }, \"busy\"]",
        "plan = [{ queue = \"pool\", nobody = \"never\" }, { ring = \"accueil\" }]",
        "practices.garde.plan[1]",
        "never reached: the step before it has no end",
        "`for`",
    ),
    (
        "unless_waiting = 5",
        "unless_waiting = 0",
        "practices.martin.plan[1].unless_waiting",
        "never entered",
        "1 or more",
    ),
    (
        "unless_expected = \"3 min\"",
        "unless_expected = 0",
        "practices.martin.plan[1].unless_expected",
        "has to wait at all",
        "unless_none_free",
    ),
    (
        "unless_none_free = true",
        "unless_none_free = \"yes\"",
        "practices.martin.plan[1].unless_none_free",
        "yes or no",
        "true or false",
    ),
    (
        "closed = [{ practice = \"garde\" }]",
        "closed = [{ for = 3 }]",
        "practices.martin.closed[0]",
        "no step",
        "{ ring = ",
    ),
    ("away = [\"busy\"]", "away = []", "practices.martin.away", "no step", "announce"),
    (
        "{ queue = \"pool\" }, \"busy\"",
        "{ practice = \"garde\" }",
        "practices.garde.plan[0].practice",
        "a loop: garde (open) → garde",
        "end its callers",
    ),
    // Emergency numbers.
    (
        "{ call = \"06 39 98 00 12\" }",
        "{ call = \"15\" }, { call = \"06 39 98 00 12\" }",
        "practices.martin.plan[2].call",
        "15 is an emergency number",
        "dials it himself",
    ),
    (
        "{ call = \"06 39 98 00 12\" }",
        "{ call = \"+33 116 117\" }, { call = \"06 39 98 00 12\" }",
        "practices.martin.plan[2].call",
        "116117 is an emergency number",
        "dials it himself",
    ),
    (
        "allowed = [",
        "allowed = [112, ",
        "practices.martin.forward.allowed[0]",
        "112 is an emergency number",
        "dials it himself",
    ),
    (
        "plan = [{ call = \"06 39 98 00 13\", for = \"20 s\" }]",
        "plan = [{ call = \"18\", for = \"20 s\" }]",
        "practices.martin.callers[2].plan[0].call",
        "18 is an emergency number",
        "dials it himself",
    ),
    (
        "allowed = [",
        "allowed = [\"3949\", ",
        "practices.martin.forward.allowed[0]",
        "10 digits",
        "+33",
    ),
    (
        "numbers = [\"15\", 17",
        "numbers = [17",
        "emergency_numbers.numbers",
        "15 is not among them",
        "add it",
    ),
    (
        "as_of = \"2026-01-31\"",
        "",
        "emergency_numbers.as_of",
        "missing",
        "the day that the list is of",
    ),
    // Numbers of ours.
    (
        "{ call = \"06 39 98 00 12\" }",
        "{ call = \"01 99 00 12 15\" }, { call = \"06 39 98 00 12\" }",
        "practices.martin.plan[2].call",
        "the call would come back to us",
        "its callers are here already",
    ),
    (
        "{ call = \"06 39 98 00 12\" }",
        "{ call = \"0262 00 12 34\" }, { call = \"06 39 98 00 12\" }",
        "practices.martin.plan[2].call",
        "the call would come back to us",
        "write { practice = \"garde\" }",
    ),
    (
        "{ call = \"06 39 98 00 12\" }",
        "{ call = \"03 53 01 00 00\" }, { call = \"06 39 98 00 12\" }",
        "practices.martin.plan[2].call",
        "the call would come back to us",
        "somebody outside",
    ),
    (
        "allowed = [",
        "allowed = [\"0262 00 12 34\", ",
        "practices.martin.forward.allowed[0]",
        "the call would come back to us",
        "write { practice = \"garde\" } in a plan",
    ),
    (
        "dids = [\"01 99 00 12 00",
        "numbers = [\"01 99 00 12 34\"]\ndids = [\"01 99 00 12 00",
        "trunks.op.numbers",
        "a list where a table belongs",
        "write `dids = [",
    ),
    (
        "numbers = [\"0262 00 12 34\"]",
        "numbers = [\"0262 00 12 34\"]\nlines = [\"0262 00 12 35\"]",
        "practices.garde.lines",
        "unknown key",
        "write `numbers = [",
    ),
    // Going outside.
    (
        "no_key = [\"06 39 98 00 12\"]",
        "no_key = [\"06 39 98 00 99\"]",
        "practices.martin.forward.no_key[0]",
        "no plan of this practice calls it",
        "remove it",
    ),
    (
        "number = \"01 99 00 12 34\"",
        "number = \"0262 00 12 34\"",
        "practices.martin.forward.number",
        "none of this practice's numbers",
        "`numbers`",
    ),
    ("to = \"192.0.2.7:5070\"", "", "trunks.op.outbound.to", "missing", "192.0.2.7"),
    (
        "to = \"192.0.2.7:5070\"",
        "to = \"0.0.0.0:5060\"",
        "trunks.op.outbound.to",
        "no address",
        "192.0.2.7",
    ),
    // Lists of callers.
    (
        "numbers = [\"01 99 00 66 66\"]",
        "numbers = [\"+33 1 99 00 77 01\"]",
        "practices.martin.callers[1].numbers[0]",
        "on a list already, in ",
        "remove one",
    ),
    (
        "numbers = [\"01 99 00 66 66\"]",
        "",
        "practices.martin.callers[1].numbers",
        "whose calls",
        "numbers = [",
    ),
    ("name = \"nuisances\"", "", "practices.martin.callers[1].name", "missing", "name = "),
    (
        "blocked = true",
        "blocked = true\nthrough = true",
        "practices.martin.callers[1]",
        "more than one",
        "keep one",
    ),
    (
        "blocked = true",
        "blocked = true\nurgency = \"urgent\"",
        "practices.martin.callers[1].urgency",
        "never used",
        "remove it",
    ),
    ("blocked = true", "", "practices.martin.callers[1]", "changes nothing", "blocked = true"),
    // Repeated calls.
    (
        "calls = 3",
        "calls = 21",
        "practices.martin.repeated.calls",
        "only the last 20",
        "from 2 to 20",
    ),
    (
        "calls = 3",
        "calls = 1",
        "practices.martin.repeated.calls",
        "first call would count",
        "from 2 to 20",
    ),
    ("calls = 3", "", "practices.martin.repeated.calls", "missing", "calls = 3"),
    ("within = \"1 h\"", "within = 0", "practices.martin.repeated.within", "zero", "1 h"),
    ("then = [\"busy\"]", "then = []", "practices.garde.repeated.then", "no step", "announce"),
    // Limits.
    (
        "waiting_max = 5",
        "waiting_max = 0",
        "practices.martin.waiting_max",
        "hear busy",
        "1 or more",
    ),
    (
        "wait_max = \"4 min\"",
        "wait_max = 0",
        "practices.martin.wait_max",
        "below one second",
        "5 min",
    ),
    (
        "affinity = \"0 s\"",
        "affinity = \"9 days\"",
        "practices.martin.affinity",
        "not a duration",
        "at most 7 days",
    ),
    // Teams.
    (
        "{ to = \"skilled\", after = \"20 s\" }, { to = \"everyone\", after = \"40 s\" }",
        "{ to = \"skilled\", after = \"40 s\" }, { to = \"everyone\", after = \"40 s\" }",
        "teams.pool.widen[2].after",
        "not later",
        "longer",
    ),
    (
        "{ to = \"skilled\", after = \"20 s\" }, { to = \"everyone\", after = \"40 s\" }",
        "{ to = \"everyone\", after = \"20 s\" }, { to = \"skilled\", after = \"40 s\" }",
        "teams.pool.widen[2].to",
        "not wider",
        "\"everyone\"",
    ),
    (
        "{ to = \"own\" }",
        "{ to = \"own\", after = \"5 s\" }",
        "teams.pool.widen[0].after",
        "nobody could be rung",
        "leave `after` out",
    ),
    ("widen = [{ to = \"own\" }, ", "widen = []\n#", "teams.pool.widen", "no circle", "everyone"),
    ("ring = 2", "ring = 0", "teams.pool.ring", "nobody would ever be rung", "write 1"),
    ("reserve = 1", "reserve = 2", "teams.pool.reserve", "(2) or more", "smaller"),
    ("ageing = \"2 min\"", "ageing = 0", "teams.pool.ageing", "urgent at once", "2 min"),
    (
        "[agents.101]\nteams = [\"pool\"]",
        "[teams.south]\n[agents.101]\nteams = [\"pool\", \"south\"]",
        "agents.101.teams[1]",
        "of the pool that has no name, but her team \"pool\" is of the pool \"north\"",
        "one pool",
    ),
    // Phones.
    (
        "[phones.accueil]\n",
        "[phones.101]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n[phones.accueil]\n",
        "phones.101",
        "an agent has this user",
        "a name of its own",
    ),
    (
        "name = \"Reception\"\nha1 = ",
        "name = \"Reception\"\npassword = ",
        "phones.accueil.password",
        "unknown key",
        "monoligne ha1",
    ),
    // Who may answer.
    (
        "sites = [\"paris\", \"reunion\"]\nown = [\"102\", \"101\"]",
        "sites = [\"paris\"]\nown = [\"102\", \"101\"]",
        "practices.martin.own[0]",
        "where this practice allows nobody",
        "`sites`",
    ),
];

#[test]
fn every_mistake_has_its_line_its_key_and_a_remedy() {
    let mut wrong = Vec::new();
    for (index, (from, to, key, fault, remedy)) in TABLE.iter().enumerate() {
        let text = ALL.replacen(from, to, 1);
        let begin = 1 + ALL[..ALL.find(from).unwrap()].matches('\n').count();
        let lines = begin..=begin + to.matches('\n').count();
        let folder = Folder::new(&format!("rules-{index}")).with("monoligne.toml", &text);
        let Err(mistakes) = folder.load() else {
            wrong.push(format!("{to:?}: accepted"));
            continue;
        };
        let told = mistakes.to_string();
        let Some(found) = mistakes.iter().find(|mistake| mistake.key == *key) else {
            wrong.push(format!("{to:?}: nothing about {key}, but\n{told}"));
            continue;
        };
        // What is missing is told at its table's line, which is above.
        let is_at_its_line = match to.is_empty() || found.value.is_empty() {
            true => found.line > 0 && found.line <= *lines.end(),
            false => lines.contains(&found.line),
        };
        if !found.fault.contains(fault) || !found.remedy.contains(remedy) || !is_at_its_line {
            wrong.push(format!("{to:?}: {fault:?}, {remedy:?}, {lines:?} are not in\n{told}"));
        }
        if mistakes.iter().count() > 1 {
            wrong.push(format!("{to:?}: more than one\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_calls_go_out_by_what_is_listened_for() {
    let text = ALL.replace("5060\"\n\n[emerg", "5060\"\ntransports = [\"udp\"]\n\n[emerg");
    let mistakes = Folder::new("rules-udp").with("monoligne.toml", &text).mistakes();
    assert_eq!((mistakes.len(), mistakes[0].key.as_str()), (1, "trunks.op.outbound.transport"));
    assert!(mistakes[0].fault.contains("no [[listen]] speaks it"), "{}", mistakes[0]);
}

#[test]
fn lines_of_practices_that_share_a_number_are_no_operators_numbers() {
    let shared = |number: &str| {
        let text = ALL.replace("[\"0262 00 12 34\"]", "[\"04 65 71 12 34\"]");
        format!(
            "{text}\n[unidentified]\nname = \"Unknown\"\nnumbers = [\"{number}\"]\n\
             plan = [{{ queue = \"pool\" }}]\n"
        )
    };
    let engine = load("rules-shared", &shared("01 99 00 12 99")).engine;
    assert!(engine.numbers.contains_key(&number("04 65 71 12 34")));
    let mistakes =
        Folder::new("rules-far").with("monoligne.toml", &shared("05 36 49 00 00")).mistakes();
    assert_eq!((mistakes.len(), mistakes[0].key.as_str()), (1, "unidentified.numbers[0]"));
}
