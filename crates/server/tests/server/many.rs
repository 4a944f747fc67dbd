//! A thousand practices, read and right; and how long that took.

use std::collections::BTreeSet;
use std::time::Instant;

use acd::{
    AgentId, Date, Forward, Leave, Period, Queue, Situation, Step, Target, TimeZone, Urgency, Way,
};
use call::{E164, PracticeId};
use server::config;
use server::diff::Difference;

use crate::folder::Folder;

#[expect(unreachable_pub, reason = "the benches use it too")]
#[path = "../../../../benches/src/practices.rs"]
mod practices;

use practices::{
    AGENTS_A_TEAM, CALLERS, PLACES, PRACTICES_A_TEAM, caller, hours, number, urgent_number,
};

const PRACTICES: usize = 1_000;
/// Thu 2026-11-26 08:30 in Paris.
const NOW_MS: i64 = 1_795_678_200_000;

#[test]
#[expect(clippy::disallowed_methods, reason = "the time is told, and nothing depends on it")]
fn a_thousand_practices_are_read_and_each_is_as_it_was_written() {
    let folder = Folder::new("many");
    practices::write(&folder.0, PRACTICES).unwrap();
    let began = Instant::now();
    let loaded = folder.load().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    println!("{PRACTICES} practices in {:?}", began.elapsed());

    let engine = &loaded.engine;
    let teams = PRACTICES / PRACTICES_A_TEAM;
    assert_eq!(engine.practices.len(), PRACTICES);
    assert_eq!(engine.numbers.len(), 2 * PRACTICES);
    assert_eq!(engine.urgent_numbers.len(), PRACTICES);
    assert_eq!((engine.agents.len(), engine.phones.len()), (teams * AGENTS_A_TEAM, teams));
    let read = |text: String| E164::read(&text).unwrap();
    let id_of = |practice: usize| engine.numbers[&read(number(practice))];
    let user = |id: &AgentId| engine.agents[id].user.clone();
    for practice in 0..PRACTICES {
        let id = id_of(practice);
        assert_eq!(engine.numbers[&read(urgent_number(practice))], id);
        assert_eq!(engine.urgent_numbers[&read(urgent_number(practice))], Urgency::Urgent);
        assert_eq!(engine.practices[&id].label, format!("Dr {practice}"));
        let floor = &engine.floor.practices[&id];
        let (zone, holidays) = PLACES[practice % PLACES.len()];
        let zone = TimeZone::read(zone).unwrap();
        assert_eq!((floor.hours.text(), floor.hours.zone()), (hours(practice).as_str(), zone));
        let holiday = |day: &str| floor.hours.holidays().contains(Date::read(day).unwrap());
        assert_eq!(holiday("2027-12-26"), holidays == "alsace-moselle", "{practice}");
        assert_eq!(holiday("2027-12-20"), holidays == "la-reunion", "{practice}");
        assert!(holiday("2027-05-07"));
        let periods: Vec<Period> = floor.leave.iter().map(|Leave { period, .. }| *period).collect();
        let first = Period::read("2027-08-02", "2027-08-20", zone).unwrap();
        let second = Period::read("2027-12-24T12:00", "2027-12-31T12:00", zone).unwrap();
        assert_eq!(periods, [first, second]);

        let team = practice / PRACTICES_A_TEAM;
        let own = (team * AGENTS_A_TEAM + practice % AGENTS_A_TEAM).to_string();
        assert_eq!(floor.own.iter().map(user).collect::<Vec<_>>(), [own]);
        let [
            Step::Forward(Forward { target: Target::Phone(phone), .. }),
            Step::Queue(Queue { team: queue, unless_waiting: Some(5), .. }),
            Step::Forward(Forward { target: Target::Line(line), .. }),
            Step::Busy,
        ] = floor.open.steps[..]
        else {
            panic!("{practice}: {:?}", floor.open);
        };
        assert_eq!(engine.phones[&phone].user, format!("accueil-{team}"));
        assert_eq!(engine.teams[&queue], format!("team-{team}"));
        assert_eq!(line, read("0639980012".to_owned()).line());
        let night = team * PRACTICES_A_TEAM;
        let closed = if practice == night { Step::Busy } else { Step::Practice(id_of(night)) };
        assert_eq!(floor.closed.steps, [closed]);

        assert_eq!(floor.callers.len(), CALLERS);
        for index in 0..CALLERS {
            let rule = &floor.callers[&read(caller(practice, index)).line()];
            let is_through = rule.way == Way::Through && rule.urgency == Some(Urgency::Priority);
            assert_eq!(is_through, index < CALLERS / 2, "{practice}, {index}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time is told, and nothing depends on it")]
fn a_thousand_practices_are_compared_and_only_those_that_differ_are_told() {
    let old = Folder::new("many-old");
    practices::write(&old.0, PRACTICES).unwrap();
    let new = Folder::new("many-new");
    practices::write(&new.0, PRACTICES).unwrap();
    let path = new.0.join("practices/practice-777.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("for = \"50 s\"", "for = \"40 s\"");
    std::fs::write(path, text).unwrap();
    let compared = |new: &Folder| {
        let before = old.load().unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let after = config::load_again(&new.0, before.ids.clone());
        let after = after.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let began = Instant::now();
        let at = Some("2026-11-26T10:00");
        let told = Difference::between(&before, &after, at, NOW_MS).unwrap();
        println!("{PRACTICES} practices compared in {:?}", began.elapsed());
        told
    };
    assert_eq!(compared(&old), Difference::default());
    let told = compared(&new);
    assert!(told.decisions.iter().all(|change| change.key == "practice-777"));
    assert!(told.decisions.iter().any(|change| change.what.starts_with("plan step 2: ")));
    let keys: Vec<(&str, &str)> =
        told.keys.iter().map(|change| (change.id.as_str(), change.key.as_str())).collect();
    assert_eq!(keys, [("practice-777", "plan")]);
    // Everybody is concerned.
    let path = new.0.join("trunks/op.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("max_unanswered = \"90 s\"\n{text}")).unwrap();
    let told = compared(&new);
    let concerned: BTreeSet<&str> = told.decisions.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(concerned.len(), PRACTICES);
}

#[test]
fn what_is_wrong_with_one_of_a_thousand_is_told_alone_and_with_its_file() {
    let folder = Folder::new("many-wrong");
    practices::write(&folder.0, PRACTICES).unwrap();
    let path = folder.0.join("practices/practice-777.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("wait_max", "wait_mx").replace(&number(777), &number(776));
    std::fs::write(&path, text).unwrap();
    let mistakes = folder.mistakes();
    let keys: Vec<(&str, usize)> =
        mistakes.iter().map(|mistake| (mistake.key.as_str(), mistake.line)).collect();
    assert_eq!(
        keys,
        [("practices.practice-777.numbers[0]", 4), ("practices.practice-777.wait_mx", 15)]
    );
    assert!(mistakes.iter().all(|mistake| mistake.file == path));
    assert!(mistakes[0].fault.contains("practice-776.toml:4"), "{}", mistakes[0]);
}

/// Practices are numbered in the order of their files' names.
#[test]
fn a_night_practice_is_closed_when_its_hours_say_so() {
    let folder = Folder::new("many-few");
    practices::write(&folder.0, 2).unwrap();
    let engine = folder.load().unwrap().engine;
    let practice = &engine.floor.practices[&PracticeId(1)];
    // Wednesday 6 January 2027, 03:00 and 10:00 in Paris.
    let [night, morning] = [1_799_200_800_000, 1_799_226_000_000];
    assert_eq!(practice.situation(Some(night)), Situation::Closed);
    assert_eq!(practice.situation(Some(morning)), Situation::Open);
}
