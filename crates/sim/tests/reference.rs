//! The scheduler against its plain twin, on inputs that no phone would send as well as on those it would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentEvent, AgentId, CallerId, Decision, Holidays, Hours, Input, Instant, Lasting,
    Leave, Limits, Miss, OfferId, Period, Plan, Practice, PracticeId, PromptId, Queue, RetryAfter,
    Scheduler, Setup, Step, Team, TeamId, TimeZone, Urgency,
};
use sim::Dice;
use sim::reference::{Reference, agree};

fn setup(dice: &mut Dice) -> Arc<Setup> {
    // Coarse times, so that many things fall due at once.
    let seconds = |dice: &mut Dice, low, high| Duration::from_secs(dice.between(low, high));
    let teams = dice.between(1, 3);
    let team = |dice: &mut Dice| TeamId(dice.below(teams) as u32);
    let mut made = Setup::default();
    for id in 0..teams {
        made.teams.insert(
            TeamId(id as u32),
            Team {
                ring_for: seconds(dice, 1, 8),
                wrap_up: seconds(dice, 0, 5),
                retry_after: RetryAfter {
                    no_answer: seconds(dice, 0, 5),
                    declined: seconds(dice, 0, 5),
                    busy: seconds(dice, 0, 5),
                    unreachable: seconds(dice, 0, 5),
                    dropped: seconds(dice, 0, 5),
                },
                misses_max: dice.below(4) as u32,
                ..acd::Team::default()
            },
        );
    }
    for id in 0..dice.between(1, 6) {
        let teams = (0..dice.between(1, 3)).map(|_| team(dice)).collect();
        let wrap_up = dice.percent(30).then(|| seconds(dice, 0, 4));
        made.agents.insert(AgentId(id as u32), Agent { teams, wrap_up, ..Agent::default() });
    }
    for id in 0..dice.between(1, 5) {
        made.practices.insert(
            PracticeId(id as u32),
            Practice {
                answer_within: seconds(dice, 5, 60),
                urgency: dice.pick(&[Urgency::Vital, Urgency::Normal, Urgency::Normal]),
                hours: hours(dice),
                leave: (0..dice.below(3)).filter_map(|_| leave(dice, teams)).collect(),
                open: plan(dice, teams),
                closed: plan(dice, teams),
                ..Practice::default()
            },
        );
    }
    made.limits = Limits { waiting_max: dice.pick(&[2, 5, 50]) };
    Arc::new(made)
}

fn plan(dice: &mut Dice, teams: u64) -> Plan {
    let seconds = |dice: &mut Dice, low, high| Duration::from_secs(dice.between(low, high));
    let mut steps: Vec<Step> = (0..dice.below(4))
        .map(|_| match dice.weighted(&[80, 10, 10]) {
            0 => Step::Queue(Queue {
                until: dice.percent(70).then(|| seconds(dice, 1, 20)),
                nobody: dice.percent(50).then(|| seconds(dice, 0, 9)),
                ..Queue::of(TeamId(dice.below(teams) as u32))
            }),
            1 => announce(dice),
            _ => Step::Busy,
        })
        .collect();
    match dice.below(4) {
        0 | 1 => steps.push(Step::Busy),
        2 => steps.push(announce(dice)),
        _ => {}
    }
    Plan { steps }
}

fn announce(dice: &mut Dice) -> Step {
    Step::Announce { prompt: PromptId(dice.below(3) as u32), answer: dice.percent(80) }
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

/// Some hours around one of the moments that [`EDGES`] lists.
fn leave(dice: &mut Dice, teams: u64) -> Option<Leave> {
    let edge = dice.pick(&EDGES);
    let from = edge - 60_000 * dice.below(200) as i64;
    let period = Period::try_from((from, edge + 60_000 * dice.below(200) as i64)).ok()?;
    Some(Leave { period, plan: plan(dice, teams) })
}

/// Where practices open or close: a Monday's morning and evening, a holiday's midnight, both changes
/// of clock in Paris (2026).
const EDGES: [i64; 6] = [
    1_767_596_400_000, // Monday, 5 January, 8:00
    1_767_639_600_000, // the same day, 20:00
    1_779_660_000_000, // Whit Monday, 25 May, 0:00
    1_779_746_400_000, // the day after, 0:00
    1_774_746_000_000, // 29 March, 2:00, then 3:00
    1_792_890_000_000, // 25 October, 3:00, then 2:00
];

fn clock(dice: &mut Dice) -> Input {
    // Within seconds of an edge, or an hour.
    let around = dice.pick(&[20_000, 3_600_000]);
    let unix_ms = dice.pick(&EDGES) - around + dice.below(2 * around as u64) as i64;
    Input::Clock { unix_ms }
}

struct Pair {
    scheduler: Scheduler,
    reference: Reference,
    offers: Vec<(OfferId, AgentId)>,
    callers: u64,
}

impl Pair {
    fn random_input(&mut self, dice: &mut Dice, now: Instant) -> Input {
        let caller = CallerId(self.callers.saturating_sub(dice.below(12)));
        let agent = AgentId(dice.below(6) as u32);
        let offer = match self.offers.len() as u64 {
            0 => (OfferId { caller, generation: 1 }, agent),
            n => self.offers[(n - 1 - dice.below(n.min(6))) as usize],
        };
        match dice.weighted(&[30, 6, 22, 10, 14, 4, 24, 30, 1, 3]) {
            0 => {
                if dice.percent(95) {
                    self.callers += 1;
                }
                Input::Enter {
                    caller: CallerId(self.callers),
                    practice: PracticeId(dice.below(5) as u32),
                    line: None,
                    urgency: dice.percent(10).then_some(Urgency::Urgent),
                    leave_by: dice.percent(60).then(|| now + Duration::from_secs(dice.below(30))),
                }
            }
            1 => Input::Leave { caller },
            2 => Input::Answered { offer: offer.0 },
            3 => {
                let miss =
                    dice.pick(&[Miss::Declined, Miss::Busy, Miss::Unreachable, Miss::Dropped]);
                Input::Missed { offer: offer.0, miss }
            }
            4 => Input::Ended { caller },
            5 => Input::Returned { caller },
            6 => Input::Cleared { agent: offer.1, offer: offer.0 },
            7 => {
                let event = dice.pick(&[
                    AgentEvent::Reachable,
                    AgentEvent::Reachable,
                    AgentEvent::LogIn,
                    AgentEvent::LogIn,
                    AgentEvent::Unreachable,
                    AgentEvent::LogOut,
                    AgentEvent::Pause { reason: 1 },
                    AgentEvent::Pause { reason: 2 },
                    AgentEvent::Resume,
                    AgentEvent::Resume,
                    AgentEvent::EndWrapUp,
                    AgentEvent::LineTaken,
                    AgentEvent::LineClear,
                    AgentEvent::LineClear,
                    AgentEvent::Stand { as_before: Lasting::Paused { reason: 1 }, misses: 1 },
                    AgentEvent::Stand { as_before: Lasting::Available, misses: 1 },
                    AgentEvent::Stand { as_before: Lasting::NotResponding, misses: 2 },
                ]);
                Input::Agent { agent, event }
            }
            8 => Input::Configure(setup(dice)),
            _ => clock(dice),
        }
    }

    fn decided(&mut self) -> Vec<Decision> {
        std::iter::from_fn(|| self.scheduler.poll_decision()).collect()
    }

    fn step(&mut self, now: Instant, input: Option<Input>) -> Result<(), String> {
        let before: BTreeMap<_, _> = self.reference.states().collect();
        let (expected, refused, got_refused) = match &input {
            Some(input) => {
                let got = self.scheduler.handle(now, input.clone());
                let (expected, refused) = self.reference.handle(now, input);
                (expected, refused, got.is_err())
            }
            None => {
                self.scheduler.handle_timeout(now);
                (self.reference.handle_timeout(now), false, false)
            }
        };
        let got = self.decided();
        if refused != got_refused {
            return Err(format!("{input:?}: refused {got_refused}, must be {refused}"));
        }
        agree(&self.reference, &before, &got, &expected).map_err(|why| {
            format!("at {now:?} {input:?}: {why}\n  got      {got:?}\n  expected {expected:?}")
        })?;
        for decision in got {
            if let Decision::Offer { offer, agent, .. } = decision {
                self.offers.push((offer, agent));
            }
        }
        let waiting: Vec<_> = self.scheduler.waiting().map(|waiting| waiting.caller).collect();
        if waiting != self.reference.waiting() {
            return Err(format!("waiting {waiting:?}, must be {:?}", self.reference.waiting()));
        }
        Ok(())
    }
}

#[test]
fn the_scheduler_decides_as_its_plain_twin_on_any_input() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed, 0);
        let setup = setup(&mut dice);
        let mut pair = Pair {
            scheduler: Scheduler::new(Arc::clone(&setup)),
            reference: Reference::new(setup),
            offers: Vec::new(),
            callers: 0,
        };
        let mut now = Instant::ZERO;
        for step in 0..400 {
            let due = pair.reference.next_due();
            let scheduled = pair.scheduler.poll_timeout().map(|(at, _)| at);
            assert_eq!(scheduled, due, "seed {seed} step {step}: what is due next");
            let input = if dice.percent(35) {
                // On time, or late.
                now = due.unwrap_or(now).max(now);
                if dice.percent(15) {
                    now = now + Duration::from_secs(dice.below(6));
                }
                None
            } else {
                if dice.percent(40) {
                    now = now + Duration::from_secs(dice.below(3));
                }
                Some(pair.random_input(&mut dice, now))
            };
            if let Err(why) = pair.step(now, input) {
                panic!("seed {seed} step {step}: {why}");
            }
        }
    }
}
