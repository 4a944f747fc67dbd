//! The day in virtual time: the scheduler, and around it callers and secretaries who do what the day's
//! data says of them.
//!
//! What is drawn depends on the seed, the call and what is drawn alone: in two configurations a caller has
//! the same patience and the same talk, and his n-th offer is missed or not alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use acd::{
    AgentEvent, AgentId, CallerId, Decision, Input, Instant, Miss, OfferId, PracticeId, Scheduler,
    Situation, TeamId,
};

use super::day::{self, Day, PICKUP_MS, PastCall, PastEnd, TALK_MS};
use super::figures::{AgentFigures, Tally};
use crate::explain::millis;

pub(super) struct Outcome {
    pub(super) all: Tally,
    pub(super) practices: BTreeMap<String, Tally>,
    pub(super) teams: BTreeMap<String, Tally>,
    pub(super) agents: BTreeMap<String, AgentFigures>,
    pub(super) assumed: Vec<String>,
}

/// Before the first call, so that who is there from the first call on is there.
const LEAD_MS: i64 = 60_000;

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
enum Event {
    LogIn(AgentId),
    Arrive(usize),
    Answer(OfferId),
    Miss(OfferId),
    TalkEnd(CallerId),
    GiveUp(CallerId),
    LogOut(AgentId),
}

struct Floor<'d> {
    config: &'d call::Config,
    day: &'d Day,
    dice: Dice,
    scheduler: Scheduler,
    /// The civil time of the instant zero.
    start_ms: i64,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, Event)>>,
    /// Who is here and not answered, or talking.
    live: BTreeMap<CallerId, Live>,
    /// Offers that ring, with how they will end.
    rings: BTreeMap<OfferId, (AgentId, Option<Miss>)>,
    outcome: Outcome,
    strangers: usize,
    forwarded: usize,
}

struct Live {
    call: usize,
    practice: PracticeId,
    situation: Situation,
    team: Option<TeamId>,
    /// With whom he talks.
    talks: Option<(OfferId, AgentId)>,
}

pub(super) fn run(config: &call::Config, day: &Day, all_day: bool, seed: u64) -> Outcome {
    let first = day.calls.first().map_or(0, |call| call.arrived_ms);
    let mut floor = Floor {
        config,
        day,
        dice: Dice(seed),
        scheduler: Scheduler::new(Arc::clone(&config.floor)),
        start_ms: first - LEAD_MS,
        now: Instant::ZERO,
        events: BinaryHeap::new(),
        live: BTreeMap::new(),
        rings: BTreeMap::new(),
        outcome: Outcome {
            all: Tally::default(),
            practices: BTreeMap::new(),
            teams: BTreeMap::new(),
            agents: BTreeMap::new(),
            assumed: Vec::new(),
        },
        strangers: 0,
        forwarded: 0,
    };
    floor.input(Input::Clock { unix_ms: floor.start_ms });
    floor.people(all_day);
    for (index, call) in day.calls.iter().enumerate() {
        floor.plan(call.arrived_ms, Event::Arrive(index));
    }
    floor.play();
    floor.end()
}

impl Floor<'_> {
    fn people(&mut self, all_day: bool) {
        let day = self.day;
        let everybody = all_day || day.shifts.is_empty();
        if everybody {
            for &agent in self.config.agents.keys() {
                self.plan(self.start_ms, Event::LogIn(agent));
            }
            let why = if all_day { "as asked" } else { "no call names one" };
            self.assume(format!("all secretaries are logged in all day: {why}"));
            return;
        }
        let mut unknown = std::collections::BTreeSet::new();
        let mut there = std::collections::BTreeSet::new();
        for shift in &day.shifts {
            let is_she =
                |agent: &call::Agent| agent.user == shift.agent || agent.name == shift.agent;
            let found = self.config.agents.iter().find(|(_, agent)| is_she(agent));
            let Some((&agent, _)) = found else {
                unknown.insert(shift.agent.as_str());
                continue;
            };
            there.insert(agent);
            self.plan(shift.from_ms, Event::LogIn(agent));
            self.plan(shift.to_ms, Event::LogOut(agent));
        }
        let away = self.config.agents.len() - there.len();
        self.assume("secretaries are logged in from their first to their last call".to_owned());
        if away > 0 {
            self.assume(format!("{away} secretaries who had no call that day stay away"));
        }
        if !unknown.is_empty() {
            let names: Vec<&str> = unknown.into_iter().collect();
            let names = names.join(", ");
            self.assume(format!("left out, for they are not configured: {names}"));
        }
    }

    fn assume(&mut self, text: String) {
        self.outcome.assumed.push(text);
    }

    /// An event at that civil time.
    fn plan(&mut self, unix_ms: i64, event: Event) {
        let after = u64::try_from(unix_ms - self.start_ms).unwrap_or(0);
        self.events.push(Reverse((Instant::from_millis(after), event)));
    }

    fn later(&mut self, after_ms: u64, event: Event) {
        let at = self.now + std::time::Duration::from_millis(after_ms);
        self.events.push(Reverse((at, event)));
    }

    /// Until nobody is here and nobody comes.
    fn play(&mut self) {
        loop {
            let due = self.scheduler.poll_timeout().map(|(at, _)| at);
            let next = self.events.peek().map(|Reverse((at, _))| *at);
            match (due, next) {
                (Some(due), Some(next)) if due < next => self.turn(due),
                // Boundaries of hours go on for ever.
                (Some(due), None) if !self.live.is_empty() => self.turn(due),
                (_, Some(_)) => {
                    let Some(Reverse((at, event))) = self.events.pop() else { return };
                    self.now = self.now.max(at);
                    self.happens(event);
                }
                (Some(_) | None, None) => return,
            }
        }
    }

    fn turn(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.scheduler.handle_timeout(self.now);
        self.carry_out();
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::LogIn(agent) => {
                for event in [AgentEvent::Reachable, AgentEvent::LogIn] {
                    self.input(Input::Agent { agent, event });
                }
            }
            Event::LogOut(agent) => {
                self.input(Input::Agent { agent, event: AgentEvent::LogOut });
            }
            Event::Arrive(index) => self.arrives(index),
            Event::Answer(offer) => {
                if self.rings.contains_key(&offer) {
                    self.input(Input::Answered { offer });
                }
            }
            Event::Miss(offer) => {
                if let Some((agent, Some(miss))) = self.rings.remove(&offer) {
                    self.agent(agent).missed += 1;
                    self.input(Input::Missed { offer, miss });
                    self.input(Input::Cleared { agent, offer });
                }
            }
            Event::TalkEnd(caller) => {
                let talks = self.live.remove(&caller).and_then(|live| live.talks);
                self.input(Input::Ended { caller });
                if let Some((offer, agent)) = talks {
                    self.input(Input::Cleared { agent, offer });
                }
            }
            Event::GiveUp(caller) => self.gives_up(caller),
        }
    }

    fn arrives(&mut self, index: usize) {
        let call = &self.day.calls[index];
        let Some((practice, number)) = day::practice(self.config, call) else {
            self.strangers += 1;
            return;
        };
        let caller = CallerId(index as u64 + 1);
        let urgency = number.and_then(|number| self.config.urgent_numbers.get(&number)).copied();
        let by_name = |name: &String| self.config.trunks.values().find(|it| it.name == *name);
        let trunk = call.trunk.as_ref().and_then(by_name);
        let trunk = trunk.or_else(|| self.config.trunks.values().next());
        let leave_by = trunk.map(|trunk| self.now + trunk.max_unanswered);
        let line = call.caller.map(|number| number.line());
        self.scheduler.handle_timeout(self.now);
        self.carry_out();
        let known = self.config.practices.get(&practice);
        let called = number.and_then(|number| known?.practitioner(number));
        let practitioner = called.map(|(id, _)| id);
        let outset = self.scheduler.outset(practice, practitioner, line, urgency);
        let situation = outset.map(|it| it.situation);
        let live = Live {
            call: index,
            practice,
            situation: situation.unwrap_or(Situation::Open),
            team: None,
            talks: None,
        };
        self.live.insert(caller, live);
        if let Some(patience) = self.patience_ms(index) {
            self.later(patience, Event::GiveUp(caller));
        }
        let enter = Input::Enter { caller, practice, practitioner, line, urgency, leave_by };
        match self.scheduler.handle(self.now, enter) {
            Ok(()) => self.carry_out(),
            // Too many wait: he hears busy.
            Err(_) => self.is_ended(caller),
        }
    }

    fn gives_up(&mut self, caller: CallerId) {
        let Some(live) = self.live.get(&caller).filter(|live| live.talks.is_none()) else { return };
        let waited = self.waited_ms(live.call);
        self.note_team(caller);
        self.count(caller, |tally| tally.abandoned(waited));
        self.live.remove(&caller);
        self.input(Input::Leave { caller });
    }

    fn input(&mut self, input: Input) {
        // What a late event of somebody who is gone refuses changes nothing.
        let _refused = self.scheduler.handle(self.now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(decision) = self.scheduler.poll_decision() {
            match decision {
                Decision::Offer { offer, agent, .. } => self.rings(offer, agent),
                Decision::Withdraw { offer, agent, why } => {
                    if self.rings.remove(&offer).is_some() && why == acd::Withdrawal::Expired {
                        self.agent(agent).missed += 1;
                    }
                    let _refused = self.scheduler.handle(self.now, Input::Cleared { agent, offer });
                }
                Decision::Serve { offer, agent } => self.serve(offer, agent),
                Decision::Forward { .. } => self.forwarded += 1,
                Decision::Plan { caller, situation, .. } => {
                    if let Some(live) = self.live.get_mut(&caller) {
                        live.situation = situation;
                    }
                }
                Decision::Announce { caller, urgent_key, .. } => {
                    self.is_ended(caller);
                    // Nobody knows who would have pressed: he hears the text, and that is all.
                    if urgent_key.is_some() {
                        let _gone = self.scheduler.handle(self.now, Input::Leave { caller });
                    }
                }
                Decision::Busy { caller } => self.is_ended(caller),
                Decision::Refuse { .. }
                | Decision::Recall { .. }
                | Decision::Connect { .. }
                | Decision::Class { .. }
                | Decision::Overflow { .. }
                | Decision::State { .. }
                | Decision::Situation { .. }
                | Decision::OverrideOver { .. } => {}
            }
        }
    }

    fn rings(&mut self, offer: OfferId, agent: AgentId) {
        self.note_team(offer.caller);
        self.agent(agent).rung += 1;
        let draw = self.dice.draw(offer.caller.0, 1_000 + u64::from(offer.generation));
        let misses = self.day.misses;
        let after = self.pickup_ms(offer);
        let miss = if draw < misses.no_answer {
            // The scheduler gives her up by itself.
            self.rings.insert(offer, (agent, None));
            return;
        } else if draw < misses.no_answer + misses.declined {
            Some(Miss::Declined)
        } else if draw < misses.no_answer + misses.declined + misses.unreachable {
            Some(Miss::Unreachable)
        } else {
            None
        };
        self.rings.insert(offer, (agent, miss));
        let event = if miss.is_some() { Event::Miss(offer) } else { Event::Answer(offer) };
        self.later(after, event);
    }

    fn serve(&mut self, offer: OfferId, agent: AgentId) {
        self.rings.remove(&offer);
        let caller = offer.caller;
        self.note_team(caller);
        let Some(live) = self.live.get_mut(&caller) else { return };
        live.talks = Some((offer, agent));
        let (index, practice) = (live.call, live.practice);
        let waited = self.waited_ms(index);
        let floor = self.config.floor.practices.get(&practice);
        let promise = floor.map_or(0, |floor| millis(floor.answer_within));
        self.count(caller, |tally| tally.answered(waited, promise));
        let talk = self.talk_ms(index);
        let figures = self.agent(agent);
        figures.answered += 1;
        figures.talk_ms += talk;
        self.later(talk, Event::TalkEnd(caller));
    }

    /// His plan has come to its end.
    fn is_ended(&mut self, caller: CallerId) {
        let situation = self.live.get(&caller).map(|live| live.situation);
        match situation {
            Some(Situation::Closed | Situation::Leave) => self.count(caller, Tally::closed),
            Some(Situation::Open | Situation::Redirected | Situation::Listed) => {
                self.count(caller, Tally::ended);
            }
            None => {}
        }
        self.live.remove(&caller);
    }

    fn note_team(&mut self, caller: CallerId) {
        let team = self.scheduler.caller(caller).and_then(|view| view.waiting.team);
        if let (Some(live), Some(team)) = (self.live.get_mut(&caller), team) {
            live.team = Some(team);
        }
    }

    fn count(&mut self, caller: CallerId, note: impl Fn(&mut Tally)) {
        let Some(live) = self.live.get(&caller) else { return };
        note(&mut self.outcome.all);
        if let Some(practice) = self.config.practices.get(&live.practice) {
            note(self.outcome.practices.entry(practice.name.clone()).or_default());
        }
        if let Some(team) = live.team.and_then(|team| self.config.teams.get(&team)) {
            note(self.outcome.teams.entry(team.clone()).or_default());
        }
    }

    fn agent(&mut self, agent: AgentId) -> &mut AgentFigures {
        let user = self.config.agents.get(&agent).map_or("?", |agent| agent.user.as_str());
        self.outcome.agents.entry(user.to_owned()).or_default()
    }

    fn waited_ms(&self, index: usize) -> u64 {
        let now_ms = self.start_ms.saturating_add_unsigned(self.now.as_micros() / 1_000);
        u64::try_from(now_ms - self.day.calls[index].arrived_ms).unwrap_or(0)
    }

    /// `None`: without end.
    fn patience_ms(&self, index: usize) -> Option<u64> {
        let call: &PastCall = &self.day.calls[index];
        match call.end {
            PastEnd::Abandoned => Some(call.wait_ms),
            PastEnd::Answered | PastEnd::Closed | PastEnd::Otherwise => {
                let mean = self.day.patience_mean_ms?;
                let draw = 1.0 - self.dice.draw(index as u64 + 1, 0);
                Some(call.wait_ms + (-mean * draw.ln()) as u64)
            }
        }
    }

    fn talk_ms(&self, index: usize) -> u64 {
        let drawn = || self.dice.pick(&self.day.talks_ms, index as u64 + 1, 1).unwrap_or(TALK_MS);
        self.day.calls[index].talk_ms.unwrap_or_else(drawn)
    }

    fn pickup_ms(&self, offer: OfferId) -> u64 {
        let what = 1_000_000 + u64::from(offer.generation);
        self.dice.pick(&self.day.pickups_ms, offer.caller.0, what).unwrap_or(PICKUP_MS)
    }

    fn end(mut self) -> Outcome {
        if self.strangers > 0 {
            let count = self.strangers;
            self.assume(format!("{count} calls to numbers that are not configured are left out"));
        }
        if self.forwarded > 0 {
            let count = self.forwarded;
            self.assume(format!(
                "nobody takes a call at numbers and receptions that plans forward to ({count} times): \
                 the plan goes on"
            ));
        }
        self.outcome
    }
}

/// Draws that depend on nothing but the seed, whose they are and what for.
#[derive(Copy, Clone)]
struct Dice(u64);

impl Dice {
    /// From 0 up to, but without, 1.
    fn draw(self, whose: u64, what: u64) -> f64 {
        let mixed = mix(mix(mix(self.0) ^ whose) ^ what);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn pick(self, among: &[u64], whose: u64, what: u64) -> Option<u64> {
        let at = self.draw(whose, what) * among.len() as f64;
        among.get(at as usize).copied()
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_depend_on_nothing_else() {
        let dice = Dice(7);
        let draws: Vec<f64> = (0..10_000).map(|whose| dice.draw(whose, 3)).collect();
        assert_eq!(draws, (0..10_000).map(|whose| dice.draw(whose, 3)).collect::<Vec<_>>());
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let mean = draws.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(dice.pick(&[], 1, 1), None);
    }
}
