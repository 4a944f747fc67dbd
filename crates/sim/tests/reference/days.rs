//! What a seed means for a day: its teams, agents, practices and their plans.
//!
//! Times are coarse, so that many things fall due at once; names are few, so that they meet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentId, AtClosing, CallerRule, Circle, Forward, Holidays, Hours, Insistence, Leave,
    Limits, LineId, Period, PhoneId, Plan, Practice, PracticeId, Practitioner, PractitionerId,
    PromptId, Queue, Repeated, RetryAfter, Setup, SiteId, SkillId, Step, Strategy, Target, Team,
    TeamId, TimeZone, Urgency, Way, Widening,
};
use sim::Dice;

pub(crate) const AGENTS: u64 = 6;
pub(crate) const PRACTICES: u64 = 5;
pub(crate) const TEAMS: u64 = 3;
pub(crate) const LINES: u64 = 4;
const SKILLS: u64 = 2;
const SITES: u64 = 2;

/// Where practices open or close: a Monday's morning and evening, a holiday's midnight, both changes
/// of clock in Paris (2026).
pub(crate) const EDGES: [i64; 6] = [
    1_767_596_400_000, // Monday, 5 January, 8:00
    1_767_639_600_000, // the same day, 20:00
    1_779_660_000_000, // Whit Monday, 25 May, 0:00
    1_779_746_400_000, // the day after, 0:00
    1_774_746_000_000, // 29 March, 2:00, then 3:00
    1_792_890_000_000, // 25 October, 3:00, then 2:00
];

/// How much of everything a day has: some are as simple as a scheduler's days can be.
pub(crate) struct Taste {
    teams: u64,
    circles: bool,
    several_phones: bool,
    reserve: bool,
    ageing: bool,
    forwards: bool,
    conditions: bool,
    memory: bool,
    rules: bool,
    /// Secretaries and phones do what they should, mostly.
    pub(crate) calm: bool,
}

impl Taste {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            teams: dice.between(1, TEAMS),
            circles: dice.percent(50),
            several_phones: dice.percent(35),
            reserve: dice.percent(35),
            ageing: dice.percent(35),
            forwards: dice.percent(50),
            conditions: dice.percent(50),
            memory: dice.percent(50),
            rules: dice.percent(50),
            calm: dice.percent(60),
        }
    }
}

pub(crate) fn setup(dice: &mut Dice, taste: &Taste) -> Arc<Setup> {
    let mut made = Setup::default();
    for id in 0..taste.teams {
        // A team may be gone that agents and plans still name.
        if dice.percent(96) {
            made.teams.insert(TeamId(id as u32), team(dice, taste));
        }
    }
    for id in 0..dice.between(1, AGENTS) {
        made.agents.insert(AgentId(id as u32), agent(dice, taste));
    }
    for id in 0..dice.between(1, PRACTICES) {
        made.practices.insert(PracticeId(id as u32), practice(dice, taste));
    }
    made.limits = Limits { waiting_max: dice.pick(&[2, 5, 50]) };
    Arc::new(made)
}

fn team(dice: &mut Dice, taste: &Taste) -> Team {
    Team {
        ring_for: seconds(dice, 0, 8),
        wrap_up: seconds(dice, 0, 5),
        retry_after: RetryAfter {
            no_answer: seconds(dice, 0, 5),
            declined: seconds(dice, 0, 5),
            busy: seconds(dice, 0, 5),
            unreachable: seconds(dice, 0, 5),
            dropped: seconds(dice, 0, 5),
        },
        misses_max: dice.below(4) as u32,
        strategy: dice.pick(&[
            Strategy::LongestIdle,
            Strategy::RoundRobin,
            Strategy::FewestCalls,
            Strategy::Fixed,
        ]),
        ring: if taste.several_phones { dice.below(4) as usize } else { 1 },
        circles: if taste.circles { circles(dice) } else { Vec::new() },
        reserve: if taste.reserve { dice.below(3) as usize } else { 0 },
        ageing: (taste.ageing && dice.percent(70)).then(|| seconds(dice, 0, 12)),
    }
}

/// Mostly from narrow to wide.
fn circles(dice: &mut Dice) -> Vec<Widening> {
    let mut circles = Vec::new();
    let mut after = Duration::ZERO;
    for circle in [Circle::Own, Circle::Skilled, Circle::Everyone] {
        if dice.percent(75) {
            circles.push(Widening { after, circle });
            after += seconds(dice, 0, 6);
        }
    }
    if dice.percent(5) {
        circles.reverse();
    }
    circles
}

fn agent(dice: &mut Dice, taste: &Taste) -> Agent {
    let teams = (0..dice.between(1, 3)).map(|_| a_team(dice, taste)).collect();
    let skills = (0..dice.below(SKILLS + 1))
        .map(|_| (SkillId(dice.below(SKILLS) as u16), dice.below(3) as u8))
        .collect();
    Agent {
        teams,
        wrap_up: dice.percent(30).then(|| seconds(dice, 0, 4)),
        site: SiteId(dice.below(SITES) as u16),
        skills,
        position: dice.below(3) as u32,
    }
}

fn practice(dice: &mut Dice, taste: &Taste) -> Practice {
    let times =
        |dice: &mut Dice, wanted| if wanted { seconds(dice, 0, 60) } else { Duration::ZERO };
    Practice {
        answer_within: seconds(dice, 5, 60),
        urgency: dice.pick(&[
            Urgency::Vital,
            Urgency::Urgent,
            Urgency::Priority,
            Urgency::Normal,
            Urgency::Normal,
            Urgency::Normal,
        ]),
        hours: hours(dice),
        leave: (0..dice.below(3)).filter_map(|_| leave(dice, taste)).collect(),
        open: plan(dice, taste),
        closed: plan(dice, taste),
        away: plan(dice, taste),
        at_closing: dice.pick(&[AtClosing::ServeOn, AtClosing::Move]),
        own: (0..dice.below(3)).map(|_| AgentId(dice.below(AGENTS) as u32)).collect(),
        skill: dice.percent(50).then(|| SkillId(dice.below(SKILLS) as u16)),
        sites: dice.percent(25).then(|| {
            let sites = 0..dice.below(SITES + 1);
            sites.map(|_| SiteId(dice.below(SITES) as u16)).collect::<BTreeSet<_>>()
        }),
        wrap_up: dice.percent(20).then(|| seconds(dice, 0, 4)),
        waiting_max: dice.percent(20).then(|| dice.below(4) as usize),
        wait_max: dice.percent(25).then(|| seconds(dice, 0, 30)),
        callers: if taste.rules { rules(dice, taste) } else { BTreeMap::new() },
        practitioners: if taste.rules { practitioners(dice, taste) } else { BTreeMap::new() },
        repeated: (taste.rules && dice.percent(50)).then(|| Repeated {
            calls: dice.below(4) as u32,
            within: seconds(dice, 0, 60),
            then: if dice.percent(60) {
                Insistence::Rise
            } else {
                Insistence::Limit(plan(dice, taste))
            },
        }),
        affinity_for: times(dice, taste.memory),
        redial_within: times(dice, taste.memory),
    }
}

/// One that is called may be nobody's.
fn practitioners(dice: &mut Dice, taste: &Taste) -> BTreeMap<PractitionerId, Practitioner> {
    let one = |dice: &mut Dice| Practitioner {
        callers: rules(dice, taste),
        leave: (0..dice.below(3)).filter_map(|_| leave(dice, taste)).collect(),
    };
    (0..dice.below(3)).map(|id| (PractitionerId(id as u16), one(dice))).collect()
}

fn rules(dice: &mut Dice, taste: &Taste) -> BTreeMap<LineId, CallerRule> {
    let rule = |dice: &mut Dice| CallerRule {
        urgency: dice
            .percent(40)
            .then(|| dice.pick(&[Urgency::Vital, Urgency::Urgent, Urgency::Priority])),
        way: match dice.below(3) {
            0 => Way::Usual,
            1 => Way::Through,
            _ => Way::Plan(plan(dice, taste)),
        },
    };
    (0..dice.below(3)).map(|_| (LineId(dice.below(LINES)), rule(dice))).collect()
}

pub(crate) fn plan(dice: &mut Dice, taste: &Taste) -> Plan {
    let forwards = if taste.forwards { 15 } else { 0 };
    let mut steps: Vec<Step> = (0..dice.below(4))
        .map(|_| match dice.weighted(&[80, 8, 6, forwards, forwards]) {
            0 => Step::Queue(queue(dice, taste)),
            1 => announce(dice),
            2 => Step::Busy,
            3 => Step::Forward(forward(dice)),
            _ => Step::Practice(PracticeId(dice.below(PRACTICES) as u32)),
        })
        .collect();
    match dice.below(4) {
        0 | 1 => steps.push(Step::Busy),
        2 => steps.push(announce(dice)),
        _ => {}
    }
    Plan { steps }
}

fn queue(dice: &mut Dice, taste: &Taste) -> Queue {
    let condition = |dice: &mut Dice| taste.conditions && dice.percent(20);
    Queue {
        until: dice.percent(60).then(|| seconds(dice, 0, 20)),
        nobody: dice.percent(50).then(|| seconds(dice, 0, 9)),
        unless_waiting: condition(dice).then(|| dice.below(4) as usize),
        unless_expected: condition(dice).then(|| seconds(dice, 0, 30)),
        unless_none_free: condition(dice),
        ..Queue::of(a_team(dice, taste))
    }
}

pub(crate) fn forward(dice: &mut Dice) -> Forward {
    let target = if dice.percent(50) {
        Target::Phone(PhoneId(dice.below(3) as u32))
    } else {
        Target::Line(LineId(dice.below(LINES)))
    };
    Forward { target, ring_for: seconds(dice, 0, 9) }
}

fn announce(dice: &mut Dice) -> Step {
    Step::Announce {
        prompt: PromptId(dice.below(3) as u32),
        answer: dice.percent(80),
        urgent_key: dice.percent(40).then_some('1'),
    }
}

fn hours(dice: &mut Dice) -> Hours {
    let zone = TimeZone::read(dice.pick(&["Europe/Paris", "Indian/Reunion"])).expect("a zone");
    let text = dice.pick(&[
        "24/7",
        "24/7; PH off",
        "Mo-Fr 08:00-12:00,13:30-19:00; PH off",
        "Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off",
        "Su 02:15-02:45",
        "off",
    ]);
    Hours::new(text, zone, Holidays::default()).expect("hours")
}

/// Some minutes or hours around one of the moments that [`EDGES`] lists.
fn leave(dice: &mut Dice, taste: &Taste) -> Option<Leave> {
    let edge = dice.pick(&EDGES);
    let unit = dice.pick(&[1_000, 60_000]);
    let from = edge - unit * dice.below(200) as i64;
    let period = Period::try_from((from, edge + unit * dice.below(200) as i64)).ok()?;
    Some(Leave { period, plan: plan(dice, taste) })
}

fn a_team(dice: &mut Dice, taste: &Taste) -> TeamId {
    TeamId(dice.below(taste.teams) as u32)
}

pub(crate) fn seconds(dice: &mut Dice, low: u64, high: u64) -> Duration {
    Duration::from_secs(dice.between(low, high))
}
