//! What a seed means for the practices: their hours, leave and plans, and what time it is.

use std::collections::BTreeMap;
use std::time::Duration;

use acd::{
    Holidays, Hours, Leave, Period, Plan, Practice, PromptId, Queue, Step, TeamId, TimeZone,
    Urgency,
};
use call::Prompt;
use sip::Instant;

use crate::dice::Dice;

/// Moments at which practices with these hours open or close (2026): a Monday's morning and
/// evening, the midnights around Whit Monday, both changes of clock in Paris.
const EDGES: [i64; 6] = [
    1_767_596_400_000, // Monday, 5 January, 8:00
    1_767_639_600_000, // the same day, 20:00
    1_779_660_000_000, // Whit Monday, 25 May, 0:00
    1_779_746_400_000, // the day after, 0:00
    1_774_746_000_000, // 29 March, 2:00, then 3:00
    1_792_890_000_000, // 25 October, 3:00, then 2:00
];

/// Long enough to be hung up on, short enough to be heard to the end.
const TEXT_S: [u64; 3] = [2, 9, 25];

pub(crate) fn prompts() -> BTreeMap<PromptId, Prompt> {
    (0..)
        .zip(TEXT_S)
        .map(|(id, seconds)| {
            let duration = Duration::from_secs(seconds);
            (PromptId(id), Prompt { name: format!("text{id}"), duration })
        })
        .collect()
}

/// When the day begins, and somebody who sets the clock perhaps.
pub(crate) fn clock(dice: &mut Dice) -> Vec<(Instant, i64)> {
    // The morning's edge is met by most, so that most callers find somebody.
    let edge = if dice.percent(40) { EDGES[0] } else { dice.pick(&EDGES) };
    let mut clock = vec![(Instant::ZERO, edge - 1_000 * dice.below(1_200) as i64)];
    if dice.percent(15) {
        let at = Instant::from_millis(dice.between(20_000, 200_000));
        clock.push((at, dice.pick(&EDGES) + 1_000 * dice.below(1_200) as i64));
    }
    clock
}

pub(crate) fn practice(dice: &mut Dice, teams: u64) -> Practice {
    let open = open(dice, teams);
    let answer_within = seconds(dice, 5, 60);
    let urgency = dice.pick(&[
        Urgency::Vital,
        Urgency::Urgent,
        Urgency::Normal,
        Urgency::Normal,
        Urgency::Normal,
    ]);
    let mut practice = Practice::without_hours(answer_within, urgency, open);
    if dice.percent(25) {
        practice.hours = hours(dice);
        practice.closed = last_plan(dice, teams);
    }
    if dice.percent(10) {
        practice.leave.extend(leave(dice, teams));
    }
    practice
}

fn open(dice: &mut Dice, teams: u64) -> Plan {
    let mut steps = Vec::new();
    for _ in 0..if dice.percent(60) { 2 } else { 1 } {
        steps.push(Step::Queue(Queue {
            until: dice.percent(55).then(|| seconds(dice, 10, 60)),
            nobody: dice.percent(40).then(|| seconds(dice, 0, 15)),
            ..Queue::of(TeamId(dice.below(teams) as u32))
        }));
    }
    match dice.below(5) {
        0 | 1 => steps.push(Step::Busy),
        2 => steps.push(text(dice)),
        _ => {}
    }
    Plan { steps }
}

/// Of a practice that is closed or away: mostly a text, some have a night team.
fn last_plan(dice: &mut Dice, teams: u64) -> Plan {
    let mut steps = Vec::new();
    if dice.percent(25) {
        steps.push(Step::Queue(Queue {
            until: Some(seconds(dice, 3, 30)),
            nobody: Some(seconds(dice, 0, 9)),
            ..Queue::of(TeamId(dice.below(teams) as u32))
        }));
    }
    steps.push(if dice.percent(85) { text(dice) } else { Step::Busy });
    Plan { steps }
}

fn text(dice: &mut Dice) -> Step {
    let prompt = PromptId(dice.below(TEXT_S.len() as u64) as u32);
    Step::Announce { prompt, answer: dice.percent(70) }
}

fn hours(dice: &mut Dice) -> Hours {
    let zone = TimeZone::read(dice.pick(&["Europe/Paris", "Indian/Reunion"])).expect("a zone");
    let text = dice.pick(&[
        "24/7; PH off",
        "Mo-Fr 08:00-12:00,13:30-19:00; PH off",
        "Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off",
        "Su 02:15-02:45",
    ]);
    Hours::new(text, zone, Holidays::default()).expect("hours")
}

fn leave(dice: &mut Dice, teams: u64) -> Option<Leave> {
    let edge = dice.pick(&EDGES);
    let from = edge - 60_000 * dice.below(20) as i64;
    let period = Period::try_from((from, edge + 60_000 * dice.below(20) as i64)).ok()?;
    Some(Leave { period, plan: last_plan(dice, teams) })
}

fn seconds(dice: &mut Dice, low: u64, high: u64) -> Duration {
    Duration::from_millis(dice.between(low * 1_000, high * 1_000))
}
