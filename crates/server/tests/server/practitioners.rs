//! People of a practice who have numbers, lists and leave of their own: what arrives, and what is wrong.

use std::collections::BTreeSet;

use acd::{Leave, Period, Plan, PracticeId, PractitionerId, Step, TimeZone, Urgency, Way};
use call::E164;
use server::explain::{self, Explanation, Question};

use crate::folder::Folder;

const HOUSE: &str = r#"
[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
[trunks.op]
sources = ["192.0.2.0/24"]
dids = ["01 99 00 20 *"]
outbound = { to = "192.0.2.7" }
[teams.pool]
[agents.101]
teams = ["pool"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[practices.house]
name = "Maison des Tilleuls"
label = "Les Tilleuls"
numbers = ["01 99 00 20 00"]
time_zone = "Indian/Reunion"
plan = [{ queue = "pool" }]
forward = { number = "01 99 00 20 01", no_key = ["06 39 98 00 13"] }
[[practices.house.callers]]
name = "colleagues"
numbers = ["01 99 00 77 01"]
urgency = "priority"
[[practices.house.practitioners]]
name = "Dr Aubert"
number = "06 39 98 00 20"
instructions = """
Pas de nouveau patient.
Urgences : le 15.
"""
numbers = ["01 99 00 20 01", "01 99 00 20 02"]
[[practices.house.practitioners.callers]]
name = "nuisances"
numbers = ["01 99 00 77 01"]
blocked = true
[[practices.house.practitioners.callers]]
name = "laboratory"
numbers = ["01 99 00 77 03"]
plan = [{ call = "06 39 98 00 13" }]
[[practices.house.practitioners.leave]]
from = "2026-08-03"
to = "2026-08-21"
plan = ["busy"]
[[practices.house.practitioners]]
name = "Mme Lenoir"
[[practices.house.practitioners]]
name = "Dr Klein"
numbers = ["01 99 00 20 03"]
"#;

fn number(text: &str) -> E164 {
    E164::read(text).unwrap()
}

#[test]
fn a_practitioners_numbers_lists_leave_and_instructions_arrive() {
    let folder = Folder::new("practitioners").with("monoligne.toml", HOUSE);
    let engine = folder.load().unwrap_or_else(|mistakes| panic!("{mistakes}")).engine;
    let (id, practice) = engine.practices.first_key_value().unwrap();
    let numbers = ["00", "01", "02", "03"].map(|last| number(&format!("01 99 00 20 {last}")));
    assert!(numbers.iter().all(|number| engine.numbers[number] == PracticeId(1)));
    let whose = numbers.map(|number| practice.practitioner(number).map(|(id, _)| id));
    let (aubert, klein) = (PractitionerId(0), PractitionerId(2));
    assert_eq!(whose, [None, Some(aubert), Some(aubert), Some(klein)]);
    let labels = [numbers[0], numbers[2]].map(|number| practice.label_for(number));
    assert_eq!(labels, ["Les Tilleuls", "Les Tilleuls · Dr Aubert"]);
    let known = &practice.practitioners[0];
    assert_eq!(known.instructions.as_deref(), Some("Pas de nouveau patient.\nUrgences : le 15."));
    assert_eq!(known.numbers, BTreeSet::from([numbers[1], numbers[2]]));
    assert!(practice.forwarding.no_key.contains(&number("06 39 98 00 13")), "a plan calls it");

    let rules = &engine.floor.practices[id];
    let his: Vec<PractitionerId> = rules.practitioners.keys().copied().collect();
    assert_eq!(his, [aubert, klein], "who has no number has no rule");
    let listed = number("01 99 00 77 01").line();
    let rule = rules.rule_for(Some(aubert), listed).unwrap();
    assert_eq!(rule.way, Way::Plan(Plan { steps: vec![Step::Busy] }));
    for other in [None, Some(klein)] {
        assert_eq!(rules.rule_for(other, listed).unwrap().urgency, Some(Urgency::Priority));
    }
    let zone = TimeZone::read("Indian/Reunion").unwrap();
    let period = Period::read("2026-08-03", "2026-08-21", zone).unwrap();
    let leave = Leave { period, plan: Plan { steps: vec![Step::Busy] } };
    assert_eq!(rules.practitioners[&aubert].leave, [leave]);
}

fn explained(did: &str, from: &str, at: &str) -> Explanation {
    let folder = Folder::new(&format!("practitioners-{}", did.replace(' ', "")));
    let loaded = folder.with("monoligne.toml", HOUSE).load().unwrap();
    let question = Question {
        did: did.to_owned(),
        from: from.to_owned(),
        at: Some(at.to_owned()),
        ..Question::default()
    };
    explain::of(&loaded, &question, 1_767_596_400_000).unwrap()
}

#[test]
fn an_explanation_says_whose_rule_or_leave_holds() {
    let (listed, other) = ("01 99 00 77 01", "06 39 98 00 99");
    let told = explained("01 99 00 20 01", listed, "2026-07-01T10:00");
    assert_eq!(told.practice.unwrap().label, "Les Tilleuls · Dr Aubert");
    let held = told.situation.unwrap();
    assert_eq!(held.situation, "listed");
    assert_eq!(held.why, "he is blocked by Dr Aubert");

    let told = explained("01 99 00 20 03", listed, "2026-07-01T10:00");
    assert_eq!(told.class.unwrap().why, "the practice's rule for this caller");
    assert_eq!(told.situation.unwrap().situation, "open");

    let told = explained("01 99 00 20 02", other, "2026-08-10T10:00");
    let held = told.situation.unwrap();
    assert_eq!(held.situation, "leave");
    assert!(held.why.starts_with("Dr Aubert, whom he called, is away from "), "{}", held.why);
    let told = explained("01 99 00 20 00", other, "2026-08-10T10:00");
    assert_eq!(told.situation.unwrap().situation, "open", "the house is not");
}

/// What of `HOUSE` is replaced, what by, and what must be said: key, fault, remedy.
const TABLE: &[(&str, &str, &str, &str, &str)] = &[
    (
        "numbers = [\"01 99 00 20 03\"]",
        "numbers = [\"01 99 00 20 02\"]",
        "practitioners[2].numbers[0]",
        "this number is there already",
        "one practitioner's or none's",
    ),
    (
        "numbers = [\"01 99 00 20 03\"]",
        "numbers = [\"01 99 00 20 00\"]",
        "practitioners[2].numbers[0]",
        "this number is there already",
        "one practitioner's or none's",
    ),
    (
        "numbers = [\"01 99 00 20 03\"]",
        "numbers = [\"01 99 00 30 03\"]",
        "practitioners[2].numbers[0]",
        "no trunk brings this number",
        "`dids`",
    ),
    (
        "numbers = [\"01 99 00 20 03\"]",
        "numbers = [\"0199\"]",
        "practitioners[2].numbers[0]",
        "10 digits",
        "+33",
    ),
    (
        "numbers = [\"01 99 00 20 03\"]",
        "callers = [{ name = \"x\", numbers = [\"01 99 00 77 01\"], blocked = true }]",
        "practitioners[2].callers",
        "no number is this practitioner's own",
        "move it to the practice",
    ),
    (
        "name = \"Mme Lenoir\"",
        "name = \"Mme Lenoir\"\nleave = [{ from = \"2026-08-03\", to = \"2026-08-04\", plan = [\"busy\"] }]",
        "practitioners[1].leave",
        "no number is this practitioner's own",
        "`numbers = [",
    ),
    (
        "numbers = [\"01 99 00 77 03\"]",
        "numbers = [\"01 99 00 77 01\"]",
        "practitioners[0].callers[1].numbers[0]",
        "on a list already",
        "remove one",
    ),
    (
        "blocked = true",
        "blocked = true\nthrough = true",
        "practitioners[0].callers[0]",
        "more than one",
        "keep one",
    ),
    (
        "{ call = \"06 39 98 00 13\" }",
        "{ call = \"15\" }, { call = \"06 39 98 00 13\" }",
        "practitioners[0].callers[1].plan[0].call",
        "15 is an emergency number",
        "dials it himself",
    ),
    (
        "to = \"2026-08-21\"",
        "to = \"2026-08-01\"",
        "practitioners[0].leave[0].to",
        "ends before it starts",
        "its last day",
    ),
    (
        "plan = [\"busy\"]",
        "",
        "practitioners[0].leave[0].plan",
        "no prompt \"leave\"",
        "prompts/leave.wav",
    ),
    (
        "plan = [\"busy\"]",
        "plan = [{ practice = \"house\" }]",
        "practitioners[0].leave[0].plan[0].practice",
        "a loop: house (leave) → house",
        "end its callers",
    ),
    (
        "instructions = \"\"\"\n",
        "instructions = 3\nnumber = \"\"\"\n",
        "practitioners[0].instructions",
        "an integer where text",
        "in quotes",
    ),
    (
        "name = \"Dr Klein\"",
        "name = \"Dr Klein\"\nlabel = \"Klein\"",
        "practitioners[2].label",
        "unknown key",
        "the keys here are",
    ),
];

#[test]
fn every_mistake_has_its_line_its_key_and_a_remedy() {
    for (index, (from, to, key, fault, remedy)) in TABLE.iter().enumerate() {
        assert!(HOUSE.contains(from), "{from}");
        let text = HOUSE.replacen(from, to, 1);
        let folder = Folder::new(&format!("practitioners-{index}")).with("monoligne.toml", &text);
        let mistakes = folder.mistakes();
        let shown = || mistakes.iter().map(|it| format!("{it}\n")).collect::<String>();
        let key = format!("practices.house.{key}");
        let Some(found) = mistakes.iter().find(|mistake| mistake.key == key) else {
            panic!("{to}: nothing about {key}, but\n{}", shown());
        };
        assert!(found.line > 0, "{}", shown());
        assert!(found.fault.contains(fault), "{fault:?} is not in\n{}", shown());
        assert!(found.remedy.contains(remedy), "{remedy:?} is not in\n{}", shown());
    }
}

#[test]
fn two_of_one_name_are_a_warning_and_numbers_of_its_people_are_a_practices_numbers() {
    let text = HOUSE.replace("Mme Lenoir", "Dr Klein").replace("[\"01 99 00 20 00\"]", "[]");
    let folder = Folder::new("practitioners-namesakes").with("monoligne.toml", &text);
    let loaded = folder.load().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert_eq!(warning.0.key, "practices.house.practitioners[2].name");
}
