//! What a seed means for the practices: their hours, leave and plans, and what time it is.

use std::collections::BTreeMap;
use std::time::Duration;

use acd::{
    AgentId, AtClosing, CallerRule, Circle, Forward, Holidays, Hours, Leave, LineId, Override,
    Overriding, Period, PhoneId, Plan, Practice, PracticeId, Practitioner, PromptId, Queue, SiteId,
    SkillId, Step, Strategy, Target, Team, TeamId, TimeZone, Urgency, Way, Widening,
};
use call::{E164, Prompt};
use sip::Instant;

use crate::caller::number_of;
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

/// The same texts by other ids, as a reload has them that finds other files.
pub(crate) fn renamed(prompt: PromptId) -> PromptId {
    PromptId(prompt.0 + 100)
}

/// Each text of the practice by its other id.
pub(crate) fn rename_texts(practice: &mut Practice) {
    for step in practice.plans_mut().flat_map(|plan| &mut plan.steps) {
        if let Step::Announce { prompt, .. } = step {
            *prompt = renamed(*prompt);
        }
    }
}

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

/// What there is of everything that practices name.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Sizes {
    pub teams: u64,
    pub practices: u64,
    pub agents: u64,
    pub callers: u64,
    /// Phones of receptions.
    pub desks: u64,
}

pub(crate) const SKILLS: u64 = 2;
pub(crate) const SITES: u64 = 2;

pub(crate) fn practice(dice: &mut Dice, sizes: Sizes) -> Practice {
    let open = open(dice, sizes);
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
        practice.closed = last_plan(dice, sizes);
    }
    if dice.percent(10) {
        practice.leave.extend(leave(dice, sizes));
    }
    practice.away = last_plan(dice, sizes);
    practice.at_closing = dice.pick(&[AtClosing::ServeOn, AtClosing::Move]);
    practice.own = (0..dice.below(3)).map(|_| AgentId(dice.below(sizes.agents) as u32)).collect();
    practice.skill = dice.percent(40).then(|| SkillId(dice.below(SKILLS) as u16));
    if dice.percent(12) {
        practice.sites = Some([SiteId(dice.below(SITES) as u16)].into());
    }
    practice.wrap_up = dice.percent(20).then(|| seconds(dice, 0, 5));
    practice.waiting_max = dice.percent(12).then(|| dice.between(1, 4) as usize);
    practice.wait_max = dice.percent(20).then(|| seconds(dice, 10, 80));
    practice.callers = (0..dice.below(8)).map(|_| rule(dice, sizes)).collect();
    practice
}

/// One of a practice's people, with callers and leave of her own.
pub(crate) fn practitioner(dice: &mut Dice, sizes: Sizes) -> Practitioner {
    let callers = (0..dice.below(8)).map(|_| rule(dice, sizes)).collect();
    let leave = if dice.percent(50) { leave(dice, sizes) } else { None };
    Practitioner { callers, leave: leave.into_iter().collect() }
}

/// What a practice wants of one of the callers to come.
fn rule(dice: &mut Dice, sizes: Sizes) -> (LineId, CallerRule) {
    let number = number_of(dice.below(sizes.callers) as u16);
    let line = E164::read(&number).expect("a number").line();
    let urgency = dice.percent(50).then(|| dice.pick(&[Urgency::Urgent, Urgency::Priority]));
    let way = match dice.below(4) {
        0 | 1 => Way::Usual,
        2 => Way::Through,
        _ => Way::Plan(last_plan(dice, sizes)),
    };
    (line, CallerRule { urgency, way })
}

/// Whom of a team callers are given, in what order, how many at once, and for whom the last ones are kept.
pub(crate) fn choices(dice: &mut Dice) -> Team {
    let mut circles = Vec::new();
    if dice.percent(40) {
        let mut after = Duration::ZERO;
        for circle in [Circle::Own, Circle::Skilled, Circle::Everyone] {
            if circle == Circle::Everyone || dice.percent(70) {
                circles.push(Widening { after, circle });
                after += seconds(dice, 1, 15);
            }
        }
    }
    Team {
        strategy: dice.pick(&[
            Strategy::LongestIdle,
            Strategy::RoundRobin,
            Strategy::FewestCalls,
            Strategy::Fixed,
        ]),
        ring: dice.pick(&[0, 1, 1, 2, 2, 3]),
        circles,
        reserve: usize::from(dice.percent(15)),
        ageing: dice.percent(30).then(|| seconds(dice, 5, 40)),
        ..Team::default()
    }
}

/// What a practice says against its hours, and for how long; `None`: what it said is over.
#[derive(Copy, Clone, Debug)]
pub struct Saying {
    pub at: Instant,
    pub practice: PracticeId,
    pub with: Option<(Overriding, Duration)>,
}

/// What practices say against their hours: it holds for some seconds or minutes.
pub(crate) fn overrides(dice: &mut Dice, sizes: Sizes, day: u64) -> Vec<Saying> {
    (0..dice.below(6))
        .map(|_| {
            let at = Instant::from_millis(dice.between(3_000, day));
            let practice = PracticeId(dice.below(sizes.practices) as u32);
            let redirect = Overriding::Redirect(forward(dice, sizes));
            let what =
                dice.pick(&[Overriding::Open, Overriding::Closed, Overriding::Leave, redirect]);
            let with = dice.percent(85).then(|| (what, seconds(dice, 2, 90)));
            Saying { at, practice, with }
        })
        .collect()
}

/// One that holds for so long from that time of day on.
pub(crate) fn overriding(what: Overriding, unix_ms: i64, lasts: Duration) -> Override {
    let lasts = i64::try_from(lasts.as_millis()).expect("some minutes");
    Override { what, until_unix_ms: unix_ms + lasts }
}

fn open(dice: &mut Dice, sizes: Sizes) -> Plan {
    let teams = sizes.teams;
    let mut steps = Vec::new();
    if dice.percent(12) {
        steps.push(Step::Forward(forward(dice, sizes)));
    }
    for _ in 0..if dice.percent(60) { 2 } else { 1 } {
        steps.push(Step::Queue(Queue {
            until: dice.percent(55).then(|| seconds(dice, 10, 60)),
            nobody: dice.percent(40).then(|| seconds(dice, 0, 15)),
            unless_waiting: dice.percent(8).then(|| dice.between(1, 5) as usize),
            unless_expected: dice.percent(8).then(|| seconds(dice, 5, 90)),
            unless_none_free: dice.percent(6),
            ..Queue::of(TeamId(dice.below(teams) as u32))
        }));
        if dice.percent(15) {
            steps.push(Step::Forward(forward(dice, sizes)));
        }
    }
    match dice.below(6) {
        0 | 1 => steps.push(Step::Busy),
        2 => steps.push(text(dice)),
        3 => steps.push(Step::Practice(PracticeId(dice.below(sizes.practices) as u32))),
        _ => {}
    }
    Plan { steps }
}

/// Of a practice that is closed or away: mostly a text, some have a night team or a doctor on call.
fn last_plan(dice: &mut Dice, sizes: Sizes) -> Plan {
    let mut steps = Vec::new();
    if dice.percent(15) {
        steps.push(Step::Forward(forward(dice, sizes)));
    }
    if dice.percent(25) {
        steps.push(Step::Queue(Queue {
            until: Some(seconds(dice, 3, 30)),
            nobody: Some(seconds(dice, 0, 9)),
            ..Queue::of(TeamId(dice.below(sizes.teams) as u32))
        }));
        if dice.percent(30) {
            steps.push(Step::Forward(forward(dice, sizes)));
        }
    }
    if dice.percent(20) {
        let prompt = PromptId(dice.below(TEXT_S.len() as u64) as u32);
        steps.push(Step::Announce { prompt, answer: true, urgent_key: Some(URGENT_KEY) });
        let team = TeamId(dice.below(sizes.teams) as u32);
        steps.push(Step::queue(team, Some(seconds(dice, 3, 60))));
        if dice.percent(30) {
            steps.push(Step::Forward(forward(dice, sizes)));
        }
    }
    steps.push(if dice.percent(85) { text(dice) } else { Step::Busy });
    Plan { steps }
}

/// Of the texts that have one.
const URGENT_KEY: char = '1';

/// Where callers may be sent to outside. Whoever answers the last one is a human.
pub(crate) const OUTSIDE: [u64; 4] =
    [33_160_000_000, 33_160_000_001, 33_160_000_002, 33_160_000_003];

/// Where no voicemail box can be.
pub(crate) const NO_KEY: u64 = OUTSIDE[3];

/// What secretaries dial in an emergency. A plan that names one is a mistake: no caller is sent there.
pub(crate) const EMERGENCY: [u64; 2] = [15, 112];

/// To a reception, to a number outside, and by mistake to neither.
pub(crate) fn forward(dice: &mut Dice, sizes: Sizes) -> Forward {
    let target = match dice.below(20) {
        // It is not always there.
        0..8 => Target::Phone(PhoneId(dice.below(sizes.desks + 1) as u32)),
        8..19 => Target::Line(LineId(dice.pick(&OUTSIDE))),
        _ => Target::Line(LineId(EMERGENCY[0])),
    };
    Forward { target, ring_for: seconds(dice, 4, 35) }
}

fn text(dice: &mut Dice) -> Step {
    let prompt = PromptId(dice.below(TEXT_S.len() as u64) as u32);
    Step::Announce { prompt, answer: dice.percent(70), urgent_key: None }
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

fn leave(dice: &mut Dice, sizes: Sizes) -> Option<Leave> {
    let edge = dice.pick(&EDGES);
    let from = edge - 60_000 * dice.below(20) as i64;
    let period = Period::try_from((from, edge + 60_000 * dice.below(20) as i64)).ok()?;
    Some(Leave { period, plan: last_plan(dice, sizes) })
}

fn seconds(dice: &mut Dice, low: u64, high: u64) -> Duration {
    Duration::from_millis(dice.between(low * 1_000, high * 1_000))
}
