//! One practice whole, as `monoligne practices NAME` shows it.

use crate::operation::{Scene, refused, told};
use crate::ports::ports;

const PEOPLE: &str = "name = \"Dr Martin\"\npractitioners = [{ name = \"Dr Aubert\", \
    numbers = [\"01 99 00 12 77\"], \
    instructions = \"Pas de nouveau patient.\\nCertificats : non.\", \
    leave = [{ from = \"2020-01-01\", to = \"2020-01-02\", plan = [\"busy\"] }, \
    { from = \"2099-01-01\", to = \"2099-01-02\", plan = [\"busy\"] }] }]\n";

const KEYS: &str = "name = \"Dr Martin\"\nlabel = \"Martin\"\nhours = \"24/7\"\nclosed = [\"busy\"]\n\
    greeting = \"Bonjour\"\nidentity = \"Nom ?\\nDate de naissance ?\"\ninstructions = \"Agenda.\"\n\
    practitioners = [{ name = \"Dr Martin\", number = \"06 39 98 00 12\", disturb = \"jamais\" }]\n\
    links = [{ name = \"agenda\", url = \"https://agenda.example.fr/martin\" }]\n\
    leave = [{ from = \"2020-01-01\", to = \"2020-01-02\", plan = [\"busy\"] }]\n";

#[test]
fn a_practice_is_shown_whole_to_people_and_to_programs() {
    let scene = Scene::new("card", &ports(20));
    scene.rewrite("name = \"Dr Martin\"\n", KEYS);
    let _serving = scene.start();
    told(scene.config(), &["override", "martin", "close", "--for", "2h"]);
    let text = told(scene.config(), &["practices", "martin"]);
    for line in [
        "practice       Dr Martin (martin), shown as Martin",
        "now            closed until ",
        "override       closed until ",
        "hours          24/7 (Europe/Paris)",
        "numbers        01 99 00 12 34",
        "plan, open     1. wait for the team pool",
        "plan, closed   1. hear busy, the end",
        "greeting       Bonjour",
        "identity       Nom ?",
        "               Date de naissance ?",
        "instructions   Agenda.",
        "practitioners  Dr Martin, 06 39 98 00 12: jamais",
        "links          agenda: https://agenda.example.fr/martin",
    ] {
        assert!(text.lines().any(|shown| shown.starts_with(line)), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("2020"), "a leave that is over is no news:\n{text}");

    let json = told(scene.config(), &["practices", "0199001234", "--json"]);
    let card: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&card["key"], &card["situation"]), (&"martin".into(), &"closed".into()));
    assert_eq!(card["identity"], "Nom ?\nDate de naissance ?");
    assert_eq!(card["practitioners"][0]["disturb"], "jamais");
    assert_eq!(card["links"][0]["url"], "https://agenda.example.fr/martin");
    assert_eq!(card["plans"][0]["when"], "open");
    let why = refused(scene.config(), &["practices", "Dr Matrin"]);
    assert!(why.contains("did you mean \"Dr Martin\"?"), "{why}");
}

#[test]
fn a_practitioners_numbers_leave_and_instructions_are_on_the_card() {
    let scene = Scene::new("card-people", &ports(20));
    scene.rewrite("name = \"Dr Martin\"\n", PEOPLE);
    let _serving = scene.start();
    let text = told(scene.config(), &["practices", "martin"]);
    for line in [
        "practitioners  Dr Aubert",
        "                 away Thu 2099-01-01 00:00 to Sat 2099-01-03 00:00",
        "                 Pas de nouveau patient.",
        "                 Certificats : non.",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains("01 99 00 12 77, Dr Aubert"), "{text}");
    assert!(!text.contains("2020"), "a leave that is over is no news:\n{text}");

    let json = told(scene.config(), &["practices", "martin", "--json"]);
    let card: serde_json::Value = serde_json::from_str(&json).unwrap();
    let person = &card["practitioners"][0];
    assert_eq!(person["instructions"], "Pas de nouveau patient.\nCertificats : non.");
    assert_eq!(person["leave"].as_array().unwrap().len(), 1);
    assert_eq!(card["numbers"][1]["practitioner"], "Dr Aubert");
}
