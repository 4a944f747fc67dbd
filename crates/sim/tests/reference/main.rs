//! The scheduler against its plain twin, on inputs that no phone would send as well as on those it would.

mod days;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentEvent, AgentId, AgentState, AgentView, CallerId, CallerStage, Decision, Input, Instant,
    Lasting, LineId, Miss, OfferId, Override, Overriding, PracticeId, PractitionerId, Scheduler,
    Setup, TeamId, Urgency,
};
use sim::Dice;
use sim::reference::{Reference, agree};

use days::{AGENTS, EDGES, LINES, PRACTICES, TEAMS, Taste};
use seen::Seen;

const DAYS: u64 = 2_000;
const STEPS: u64 = 300;

/// Both schedulers on one day.
struct Pair {
    scheduler: Scheduler,
    reference: Reference,
    setup: Arc<Setup>,
    taste: Taste,
    offers: Vec<(OfferId, AgentId)>,
    callers: u64,
    seen: Seen,
}

impl Pair {
    fn new(dice: &mut Dice) -> Self {
        let taste = Taste::draw(dice);
        let setup = days::setup(dice, &taste);
        Self {
            scheduler: Scheduler::new(Arc::clone(&setup)),
            reference: Reference::new(Arc::clone(&setup)),
            setup,
            taste,
            offers: Vec::new(),
            callers: 0,
            seen: Seen::default(),
        }
    }

    fn random_input(&mut self, dice: &mut Dice, now: Instant) -> Input {
        if self.taste.calm
            && dice.percent(50)
            && let Some(input) = self.as_it_should_be(dice)
        {
            return input;
        }
        let caller = self.some_caller(dice);
        let agent = AgentId(dice.below(AGENTS) as u32);
        let (offer, whose) = self.some_offer(dice, caller, agent);
        match dice.weighted(&[30, 6, 24, 10, 14, 4, 24, 30, 3, 3, 3, 3, 2, 4, 3, 6, 1]) {
            0 => self.enter(dice, now),
            1 => Input::Leave { caller },
            2 => Input::Answered { offer },
            3 => {
                let miss = dice.pick(&[
                    Miss::Declined,
                    Miss::Busy,
                    Miss::Unreachable,
                    Miss::Dropped,
                    Miss::NoRoom,
                ]);
                Input::Missed { offer, miss }
            }
            4 => Input::Ended { caller: self.some_served(dice).unwrap_or(caller) },
            5 => Input::Returned { caller: self.some_served(dice).unwrap_or(caller) },
            6 => Input::Cleared { agent: whose, offer },
            7 => Input::Agent { agent, event: agent_event(dice) },
            8 => Input::Rank { caller, urgency: urgency(dice), first: dice.percent(30) },
            9 => Input::Move { caller, team: TeamId(dice.below(TEAMS) as u32) },
            10 => Input::Redirect { caller, to: days::forward(dice) },
            11 => self.set_override(dice),
            12 => clock(dice),
            13 => Input::PickedUp { offer, asked_for: days::seconds(dice, 0, 20) },
            14 => Input::Room { caller },
            15 => self.key(dice, caller),
            _ => {
                self.setup = self.another_setup(dice);
                Input::Configure(Arc::clone(&self.setup))
            }
        }
    }

    /// What somebody well-behaved does next: many are free then, and calls come to their end.
    fn as_it_should_be(&self, dice: &mut Dice) -> Option<Input> {
        let mut inputs = Vec::new();
        for AgentView { agent, state, reachable, line_busy, dialling, .. } in
            self.reference.agents()
        {
            let event = |event| Input::Agent { agent, event };
            match state {
                AgentState::Offered(offer) => inputs.push(Input::Answered { offer }),
                AgentState::Talking(caller) => inputs.push(Input::Ended { caller }),
                AgentState::WrapUp { .. } => inputs.push(event(AgentEvent::EndWrapUp)),
                AgentState::LoggedOut | AgentState::Paused { .. } | AgentState::NotResponding => {
                    inputs.push(event(AgentEvent::Resume));
                }
                AgentState::Available | AgentState::Resting { .. } => {}
            }
            if !reachable {
                inputs.push(event(AgentEvent::Reachable));
            }
            if dialling {
                inputs.push(event(AgentEvent::LineClear));
            }
            let is_in_use = matches!(state, AgentState::Offered(_) | AgentState::Talking(_));
            let is_idle = line_busy.filter(|_| !is_in_use);
            inputs.extend(is_idle.map(|offer| Input::Cleared { agent, offer }));
        }
        let at = dice.below(inputs.len() as u64) as usize;
        (!inputs.is_empty()).then(|| inputs.swap_remove(at))
    }

    /// Who hears a text with a key presses it, or hangs up; now and then somebody presses who hears none.
    fn key(&self, dice: &mut Dice, another: CallerId) -> Input {
        let listening = self.reference.listening();
        let hears = !listening.is_empty() && dice.percent(95);
        let caller = if hears { dice.pick(&listening) } else { another };
        match dice.percent(80) {
            true => Input::Pressed { caller },
            false => Input::Leave { caller },
        }
    }

    fn enter(&mut self, dice: &mut Dice, now: Instant) -> Input {
        if dice.percent(95) {
            self.callers += 1;
        }
        Input::Enter {
            caller: CallerId(self.callers),
            practice: PracticeId(dice.below(PRACTICES) as u32),
            practitioner: dice.percent(40).then(|| PractitionerId(dice.below(3) as u16)),
            line: dice.percent(75).then(|| LineId(dice.below(LINES))),
            urgency: dice.percent(15).then(|| urgency(dice)),
            leave_by: dice.percent(50).then(|| now + days::seconds(dice, 0, 30)),
        }
    }

    /// Until a moment that is near.
    fn set_override(&self, dice: &mut Dice) -> Input {
        let now = self.scheduler.unix_ms().unwrap_or(EDGES[0]);
        let what = match dice.below(4) {
            0 => Overriding::Open,
            1 => Overriding::Closed,
            2 => Overriding::Leave,
            _ => Overriding::Redirect(days::forward(dice)),
        };
        let until_unix_ms = now + 1_000 * (dice.below(30) as i64 - 1);
        let with = dice.percent(80).then_some(Override { what, until_unix_ms });
        Input::Override { practice: PracticeId(dice.below(PRACTICES) as u32), with }
    }

    /// All new, or a part of the one before.
    fn another_setup(&self, dice: &mut Dice) -> Arc<Setup> {
        let new = days::setup(dice, &self.taste);
        let mut setup = (*self.setup).clone();
        let new = (*new).clone();
        match dice.below(4) {
            0 => setup = new,
            1 => setup.teams = new.teams,
            2 => setup.agents = new.agents,
            _ => setup.practices = new.practices,
        }
        Arc::new(setup)
    }

    fn some_caller(&self, dice: &mut Dice) -> CallerId {
        let known: Vec<CallerId> =
            self.reference.callers().iter().map(|caller| caller.waiting.caller).collect();
        if known.is_empty() || dice.percent(10) {
            return CallerId(self.callers.saturating_sub(dice.below(12)));
        }
        dice.pick(&known)
    }

    fn some_served(&self, dice: &mut Dice) -> Option<CallerId> {
        let callers = self.reference.callers();
        let served = callers.iter().filter(|caller| match caller.stage {
            CallerStage::Served { .. } | CallerStage::Connected { .. } => true,
            CallerStage::Waiting | CallerStage::Offered { .. } | CallerStage::Forwarded { .. } => {
                false
            }
        });
        let served: Vec<CallerId> = served.map(|caller| caller.waiting.caller).collect();
        (!served.is_empty() && dice.percent(80)).then(|| dice.pick(&served))
    }

    /// Mostly a late one: of an agent, or a forwarding.
    fn some_offer(&self, dice: &mut Dice, caller: CallerId, agent: AgentId) -> (OfferId, AgentId) {
        match self.offers.len() as u64 {
            0 => (OfferId { caller, generation: 1 }, agent),
            n => self.offers[(n - 1 - dice.below(n.min(6))) as usize],
        }
    }

    /// Puts the one or the time to both.
    fn step(&mut self, now: Instant, input: Option<Input>) -> Result<(), String> {
        let before: BTreeMap<_, _> = self.reference.states().collect();
        if let Some((_, reason)) = self.scheduler.poll_timeout().filter(|(at, _)| *at <= now) {
            self.seen.timer(reason);
        }
        let (expected, taken, got_taken) = match &input {
            Some(input) => {
                let got = self.scheduler.handle(now, input.clone());
                let (expected, taken) = self.reference.handle(now, input);
                (expected, taken, got)
            }
            None => {
                self.scheduler.handle_timeout(now);
                (self.reference.handle_timeout(now), Ok(()), Ok(()))
            }
        };
        let got: Vec<Decision> = std::iter::from_fn(|| self.scheduler.poll_decision()).collect();
        let told = || format!("at {now:?} {input:?}");
        same("the answer", &got_taken, &taken).map_err(|why| format!("{}: {why}", told()))?;
        agree(&self.reference, &before, &got, &expected).map_err(|why| {
            format!("{}: {why}\n  got      {got:?}\n  expected {expected:?}", told())
        })?;
        for decision in &got {
            self.seen.note(decision, &self.scheduler);
            self.offers.extend(match *decision {
                Decision::Offer { offer, agent, .. } => Some((offer, agent)),
                Decision::Forward { offer, .. } => Some((offer, AgentId(0))),
                Decision::Withdraw { .. }
                | Decision::Serve { .. }
                | Decision::Refuse { .. }
                | Decision::Recall { .. }
                | Decision::Connect { .. }
                | Decision::Plan { .. }
                | Decision::Class { .. }
                | Decision::Overflow { .. }
                | Decision::Announce { .. }
                | Decision::Busy { .. }
                | Decision::State { .. }
                | Decision::Situation { .. }
                | Decision::OverrideOver { .. } => None,
            });
        }
        match got_taken {
            Ok(()) if matches!(input, Some(Input::Pressed { .. })) => self.seen.add("pressed"),
            Ok(()) => {}
            Err(refusal) => self.seen.refused(refusal),
        }
        self.seen.look(&self.scheduler);
        self.compare().map_err(|why| format!("{}: {why}\n  decided {got:?}", told()))
    }

    /// All that both can be asked.
    fn compare(&self) -> Result<(), String> {
        let (got, must) = (&self.scheduler, &self.reference);
        same("what is due next", &got.poll_timeout(), &must.next_due())?;
        same("who waits", &got.waiting().collect::<Vec<_>>(), &must.waiting())?;
        same("the agents", &got.agents().collect::<Vec<_>>(), &must.agents())?;
        let callers: Vec<_> = got.callers().collect();
        same("the callers", &callers, &must.callers())?;
        for caller in callers {
            let caller = caller.waiting.caller;
            let offers: Vec<_> = got.offers(caller).collect();
            same("who rings for a caller", &offers, &must.offers(caller))?;
        }
        same("the overrides", &got.overrides().collect::<Vec<_>>(), &must.overrides())?;
        let told = |caller: &u64| got.is_told(CallerId(*caller));
        let told: Vec<_> = (0..=self.callers).filter(told).map(CallerId).collect();
        same("who hears a text with a key", &told, &must.listening())?;
        for practice in self.setup.practices.keys() {
            let (got, must) = (got.situation(*practice), must.situation(*practice));
            same("what holds", &got, &must)?;
        }
        got.check_invariants();
        Ok(())
    }

    /// As a process does that ends and begins again.
    fn restore(&mut self) {
        let bytes = postcard::to_allocvec(&self.scheduler).expect("it serialises");
        let state: Scheduler = postcard::from_bytes(&bytes).expect("it is read again");
        let restored = Scheduler::restore(Arc::clone(&self.setup), state);
        assert_eq!(restored, self.scheduler, "a restored scheduler is another one");
        self.scheduler = restored;
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, must: &T) -> Result<(), String> {
    if got == must {
        return Ok(());
    }
    Err(format!("{what}:\n  got     {got:?}\n  must be {must:?}"))
}

fn urgency(dice: &mut Dice) -> Urgency {
    dice.pick(&[Urgency::Vital, Urgency::Urgent, Urgency::Priority, Urgency::Normal])
}

fn agent_event(dice: &mut Dice) -> AgentEvent {
    dice.pick(&[
        AgentEvent::Reachable,
        AgentEvent::Reachable,
        AgentEvent::Reachable,
        AgentEvent::LogIn,
        AgentEvent::LogIn,
        AgentEvent::LogIn,
        AgentEvent::Unreachable,
        AgentEvent::LogOut,
        AgentEvent::Pause { reason: 1 },
        AgentEvent::Pause { reason: 2 },
        AgentEvent::Resume,
        AgentEvent::Resume,
        AgentEvent::EndWrapUp,
        AgentEvent::ProlongWrapUp { by: Duration::from_secs(3) },
        AgentEvent::ProlongWrapUp { by: Duration::from_secs(3_600) },
        AgentEvent::CallerIsUrgent,
        AgentEvent::LineTaken,
        AgentEvent::LineClear,
        AgentEvent::LineClear,
        AgentEvent::Stand { as_before: Lasting::Paused { reason: 1 }, misses: 1 },
        AgentEvent::Stand { as_before: Lasting::Available, misses: 1 },
        AgentEvent::Stand { as_before: Lasting::NotResponding, misses: 2 },
    ])
}

fn clock(dice: &mut Dice) -> Input {
    // Within seconds of an edge, or an hour.
    let around = dice.pick(&[20_000, 20_000, 3_600_000]);
    let unix_ms = dice.pick(&EDGES) - around + dice.below(2 * around as u64) as i64;
    Input::Clock { unix_ms }
}

/// One day, and what was seen of it; where and how the two differ.
fn play(seed: u64) -> Result<Seen, String> {
    let mut dice = Dice::new(seed, 0);
    let mut pair = Pair::new(&mut dice);
    let mut now = Instant::ZERO;
    if dice.percent(85) {
        pair.step(now, Some(clock(&mut dice)))?;
    }
    if dice.percent(70) {
        for agent in pair.setup.agents.keys().copied().collect::<Vec<_>>() {
            for event in [AgentEvent::Reachable, AgentEvent::LogIn] {
                pair.step(now, Some(Input::Agent { agent, event }))?;
            }
        }
    }
    for step in 0..STEPS {
        let due = pair.reference.next_due().map(|(at, _)| at);
        let input = if dice.percent(30) {
            // On time, or late.
            now = due.filter(|&at| at < now + Duration::from_secs(600)).unwrap_or(now).max(now);
            if dice.percent(15) {
                now = now + days::seconds(&mut dice, 0, 6);
            }
            None
        } else {
            if dice.percent(40) {
                now = now + days::seconds(&mut dice, 0, 3);
            }
            Some(pair.random_input(&mut dice, now))
        };
        pair.step(now, input).map_err(|why| format!("step {step}: {why}"))?;
        if dice.percent(2) {
            pair.restore();
        }
    }
    Ok(pair.seen)
}

#[test]
fn the_scheduler_decides_as_its_plain_twin_on_any_input() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("MONOLIGNE_SEED").unwrap_or(0);
    let days = number("MONOLIGNE_DAYS").unwrap_or(DAYS);
    let mut seen = Seen::default();
    for seed in first..first + days {
        match play(seed) {
            Ok(day) => seen.merge(day),
            Err(why) => panic!("seed {seed}: {why}"),
        }
    }
    // A comparison that never meets a rule does not test it.
    assert_eq!(seen.missing(), Vec::<&str>::new(), "never happened in {days} days");
}
