//! The day in virtual time: the scheduler, and around it callers, secretaries and receptions who do what
//! the day's data says of them.
//!
//! What is drawn depends on the seed, the call and what is drawn alone: in two configurations a caller has
//! the same patience and the same talk, and his n-th offer is missed or not alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentEvent, AgentId, CallerId, Decision, Input, Instant, Miss, OfferId, PracticeId, Scheduler,
    Situation, Step, Target, TeamId,
};
use call::E164;

use super::day::{Day, PICKUP_MS, PastCall, PastEnd, TALK_MS};
use super::dice::Dice;
use super::directory::{Directory, Remarks};
use super::figures::{RungFigures, Tally};
use super::receptions::{Kind, Taken, Taking};
use super::{Suppositions, Tallies};
use crate::explain::millis;
use crate::limits::MAX_UNANSWERED;

pub(super) struct Outcome {
    pub(super) all: Tally,
    pub(super) practices: Tallies,
    pub(super) teams: Tallies,
    /// By user.
    pub(super) agents: BTreeMap<String, RungFigures>,
    /// By the name of a phone or the number of a line.
    pub(super) targets: BTreeMap<String, RungFigures>,
    pub(super) assumed: Vec<String>,
}

/// How long after the day's last event somebody may still wait: no network lets him for so long.
const LAST_WAIT: Duration = Duration::from_secs(24 * 3_600);
/// Before the first call, so that who is there from the first call on is there.
const LEAD_MS: i64 = 60_000;

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
enum Event {
    LogIn(AgentId),
    Arrive(usize),
    Answer(OfferId),
    Miss(OfferId),
    PickUp(OfferId),
    Take(OfferId),
    Refuse(OfferId),
    TalkEnd(CallerId),
    GiveUp(CallerId),
    LogOut(AgentId),
}

struct Floor<'d> {
    config: &'d call::Config,
    directory: Directory<'d>,
    day: &'d Day,
    suppositions: Suppositions,
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
    /// Forwardings that ring: where, and how long whoever picks up is asked.
    forwards: BTreeMap<OfferId, (String, Duration)>,
    outcome: Outcome,
    remarks: Remarks,
    /// Forwardings to targets that the day tells of, and to others.
    known_forwards: usize,
    other_forwards: usize,
    /// Calls whose trunk is not configured.
    other_trunks: usize,
    /// Callers who heard a text with a key.
    keys: usize,
}

struct Live {
    call: usize,
    practice: PracticeId,
    /// Of his practice when he arrived, and of the plan that he follows: perhaps another practice's.
    situation: Situation,
    followed: Situation,
    team: Option<TeamId>,
    /// He met a plan of his own that ends him at once.
    is_blocked: bool,
    stage: Stage,
}

enum Stage {
    /// For somebody to answer.
    Waits,
    Talks(OfferId, AgentId),
    /// Where he was forwarded to.
    TalksThere,
}

pub(super) fn run(config: &call::Config, day: &Day, suppositions: Suppositions) -> Outcome {
    let first = day.calls.first().map_or(0, |call| call.arrived_ms);
    let mut floor = Floor {
        config,
        directory: Directory::of(config),
        day,
        suppositions,
        dice: Dice(suppositions.seed),
        scheduler: Scheduler::new(Arc::clone(&config.floor)),
        start_ms: first - LEAD_MS,
        now: Instant::ZERO,
        events: BinaryHeap::new(),
        live: BTreeMap::new(),
        rings: BTreeMap::new(),
        forwards: BTreeMap::new(),
        outcome: Outcome {
            all: Tally::default(),
            practices: BTreeMap::new(),
            teams: BTreeMap::new(),
            agents: BTreeMap::new(),
            targets: BTreeMap::new(),
            assumed: Vec::new(),
        },
        remarks: Remarks::default(),
        known_forwards: 0,
        other_forwards: 0,
        other_trunks: 0,
        keys: 0,
    };
    floor.input(Input::Clock { unix_ms: floor.start_ms });
    floor.people();
    for (index, call) in day.calls.iter().enumerate() {
        floor.plan(call.arrived_ms, Event::Arrive(index));
    }
    floor.play();
    floor.end()
}

impl Floor<'_> {
    fn people(&mut self) {
        let day = self.day;
        if self.suppositions.all_day || day.shifts.is_empty() {
            for &agent in self.config.agents.keys() {
                self.plan(self.start_ms, Event::LogIn(agent));
            }
            let why = if self.suppositions.all_day { "as asked" } else { "no call names one" };
            self.assume(format!("all secretaries are logged in all day: {why}"));
            return;
        }
        let (mut unknown, mut several) = (BTreeSet::new(), BTreeSet::new());
        let mut there = BTreeSet::new();
        for shift in &day.shifts {
            let agents = self.directory.secretaries(&shift.agent);
            match agents.len() {
                0 => _ = unknown.insert(shift.agent.as_str()),
                1 => {}
                2.. => _ = several.insert(shift.agent.as_str()),
            }
            for agent in agents {
                there.insert(agent);
                self.plan(shift.from_ms, Event::LogIn(agent));
                self.plan(shift.to_ms, Event::LogOut(agent));
            }
        }
        let away = self.config.agents.len() - there.len();
        self.assume("secretaries are logged in from their first to their last call".to_owned());
        if away > 0 {
            self.assume(format!("{away} secretaries who had no call that day stay away"));
        }
        let names = |of: BTreeSet<&str>| of.into_iter().collect::<Vec<_>>().join(", ");
        if !unknown.is_empty() {
            self.assume(format!("left out, for they are not configured: {}", names(unknown)));
        }
        if !several.is_empty() {
            self.assume(format!(
                "several secretaries have one name, and all of them are there for hers: {}",
                names(several)
            ));
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
        let at = self.now + Duration::from_millis(after_ms);
        self.events.push(Reverse((at, event)));
    }

    /// Until nobody is here and nobody comes.
    fn play(&mut self) {
        let mut until = self.now;
        loop {
            let due = self.scheduler.poll_timeout().map(|(at, _)| at);
            let next = self.events.peek().map(|Reverse((at, _))| *at);
            match (due, next) {
                (Some(due), Some(next)) if due < next => self.turn(due),
                // Boundaries of hours go on for ever.
                (Some(due), None) if !self.live.is_empty() && due <= until => self.turn(due),
                (_, Some(_)) => {
                    let Some(Reverse((at, event))) = self.events.pop() else { return };
                    self.now = self.now.max(at);
                    until = self.now + LAST_WAIT;
                    self.happens(event);
                }
                (Some(_) | None, None) => return self.leave_all(),
            }
        }
    }

    /// Who waits yet when nothing happens any more has not been answered.
    fn leave_all(&mut self) {
        let left: Vec<CallerId> = self.live.keys().copied().collect();
        for caller in left {
            self.gives_up(caller);
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
            Event::PickUp(offer) => {
                if let Some((_, asked)) = self.forwards.get(&offer) {
                    let asked_ms = millis(*asked);
                    // Whoever says in time that he is a human is not too late.
                    let asked_for = Duration::from_millis(asked_ms + 1);
                    self.input(Input::PickedUp { offer, asked_for });
                    self.later(asked_ms, Event::Take(offer));
                }
            }
            Event::Take(offer) => {
                if self.forwards.contains_key(&offer) {
                    self.input(Input::Answered { offer });
                }
            }
            Event::Refuse(offer) => {
                if let Some((target, _)) = self.forwards.remove(&offer) {
                    self.outcome.targets.entry(target).or_default().missed += 1;
                    self.input(Input::Missed { offer, miss: Miss::Declined });
                }
            }
            Event::TalkEnd(caller) => {
                let live = self.live.remove(&caller);
                self.input(Input::Ended { caller });
                if let Some(Stage::Talks(offer, agent)) = live.map(|live| live.stage) {
                    self.input(Input::Cleared { agent, offer });
                }
            }
            Event::GiveUp(caller) => self.gives_up(caller),
        }
    }

    fn arrives(&mut self, index: usize) {
        let call = &self.day.calls[index];
        let whose = self.directory.whose(call);
        self.remarks.note(call, whose);
        let Some((practice, number)) = whose.practice() else {
            self.outcome.all.unknown();
            return;
        };
        let caller = CallerId(index as u64 + 1);
        let urgency = number.and_then(|number| self.config.urgent_numbers.get(&number)).copied();
        let by_name = |name: &String| self.config.trunks.values().find(|it| it.name == *name);
        let trunk = call.trunk.as_ref().and_then(by_name);
        self.other_trunks += usize::from(trunk.is_none());
        let trunk = trunk.or_else(|| self.config.trunks.values().next());
        let patience = trunk.map_or(MAX_UNANSWERED, |trunk| trunk.max_unanswered);
        let leave_by = Some(self.now + patience);
        let line = call.caller.map(E164::line);
        self.scheduler.handle_timeout(self.now);
        self.carry_out();
        let known = self.config.practices.get(&practice);
        let called = number.and_then(|number| known?.practitioner(number));
        let practitioner = called.map(|(id, _)| id);
        let outset = self.scheduler.outset(practice, practitioner, line, urgency);
        let is_last = |step: &Step| step.is_last();
        let is_blocked = outset.as_ref().is_some_and(|outset| {
            outset.situation == Situation::Listed && outset.plan.steps.iter().all(is_last)
        });
        let situation = outset.map_or(Situation::Open, |outset| outset.situation);
        let live = Live {
            call: index,
            practice,
            situation,
            followed: situation,
            team: None,
            is_blocked,
            stage: Stage::Waits,
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
        let waits = |live: &&Live| matches!(live.stage, Stage::Waits);
        let Some(live) = self.live.get(&caller).filter(waits) else { return };
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
                Decision::Forward { offer, target, .. } => self.forwards(offer, target),
                Decision::Recall { offer, why } => {
                    if let Some((target, _)) = self.forwards.remove(&offer)
                        && why == acd::Withdrawal::Expired
                    {
                        self.outcome.targets.entry(target).or_default().missed += 1;
                    }
                }
                Decision::Connect { offer } => self.connect(offer),
                Decision::Plan { caller, situation, .. } => {
                    if let Some(live) = self.live.get_mut(&caller) {
                        live.followed = situation;
                    }
                }
                Decision::Announce { caller, urgent_key, .. } => {
                    self.is_ended(caller);
                    // Nobody knows who would have pressed: he hears the text, and that is all.
                    if urgent_key.is_some() {
                        self.keys += 1;
                        let _gone = self.scheduler.handle(self.now, Input::Leave { caller });
                    }
                }
                Decision::Busy { caller } => self.is_ended(caller),
                Decision::Refuse { .. }
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

    fn forwards(&mut self, offer: OfferId, target: Target) {
        let (name, kind) = match target {
            Target::Phone(phone) => {
                let phone = self.config.phones.get(&phone);
                (phone.map_or_else(|| "?".to_owned(), |phone| phone.name.clone()), Kind::Phone)
            }
            Target::Line(line) => (E164::of_line(line).to_string(), Kind::Line),
        };
        self.outcome.targets.entry(name.clone()).or_default().rung += 1;
        let draw = |what: u64| {
            self.dice.draw(offer.caller.0, 2_000_000 + 2 * u64::from(offer.generation) + what)
        };
        let (end, when) = (draw(0), draw(1));
        let taking = match self.day.receptions.draw(&name, kind, end, when) {
            Some(taking) => {
                self.known_forwards += 1;
                taking
            }
            None => {
                self.other_forwards += 1;
                self.supposed(offer, end)
            }
        };
        let (asked_ms, event) = match taking {
            Taking::Taken(Taken { rang_ms, asked_ms: 0 }) => {
                (0, Some((rang_ms, Event::Take(offer))))
            }
            Taking::Taken(Taken { rang_ms, asked_ms }) => {
                (asked_ms, Some((rang_ms, Event::PickUp(offer))))
            }
            Taking::Refused { after_ms } => (0, Some((after_ms, Event::Refuse(offer)))),
            // The scheduler gives it up by itself.
            Taking::Silent => (0, None),
        };
        self.forwards.insert(offer, (name, Duration::from_millis(asked_ms)));
        if let Some((after_ms, event)) = event {
            self.later(after_ms, event);
        }
    }

    /// Where the day tells nothing of who takes callers.
    fn supposed(&self, offer: OfferId, end: f64) -> Taking {
        let misses = self.day.misses;
        let missed = misses.no_answer + misses.declined + misses.unreachable;
        let taken = self
            .suppositions
            .forwards_answered
            .map_or(1.0 - missed, |percent| f64::from(percent) / 100.0);
        match end < taken {
            true => Taking::Taken(Taken { rang_ms: self.pickup_ms(offer), asked_ms: 0 }),
            false => Taking::Silent,
        }
    }

    fn connect(&mut self, offer: OfferId) {
        let day = self.day;
        let talks_ms = &day.receptions.talks_ms;
        if let Some(talk) = self.answered(offer.caller, Stage::TalksThere, talks_ms)
            && let Some((target, _)) = self.forwards.remove(&offer)
        {
            self.count(offer.caller, Tally::forwarded);
            let figures = self.outcome.targets.entry(target).or_default();
            figures.answered += 1;
            figures.talk_ms += talk;
        }
    }

    fn serve(&mut self, offer: OfferId, agent: AgentId) {
        self.rings.remove(&offer);
        self.note_team(offer.caller);
        if let Some(talk) = self.answered(offer.caller, Stage::Talks(offer, agent), &[]) {
            let figures = self.agent(agent);
            figures.answered += 1;
            figures.talk_ms += talk;
        }
    }

    /// For how long he talks, if he is still there. `talks_ms`: of those who talked there.
    fn answered(&mut self, caller: CallerId, stage: Stage, talks_ms: &[u64]) -> Option<u64> {
        let live = self.live.get_mut(&caller)?;
        live.stage = stage;
        let (index, practice) = (live.call, live.practice);
        let waited = self.waited_ms(index);
        let floor = self.config.floor.practices.get(&practice);
        let promise = floor.map_or(0, |floor| millis(floor.answer_within));
        self.count(caller, |tally| tally.answered(waited, promise));
        let talk = self.talk_ms(index, talks_ms);
        self.later(talk, Event::TalkEnd(caller));
        Some(talk)
    }

    /// His plan has come to its end.
    fn is_ended(&mut self, caller: CallerId) {
        let Some(live) = self.live.get(&caller) else { return };
        let note = match (live.situation, live.is_blocked) {
            (Situation::Listed, true) => Tally::blocked,
            // Who came to an open practice was to be served, whoever took him over.
            _ if live.situation.serves_nobody() && live.followed.serves_nobody() => Tally::closed,
            _ => Tally::ended,
        };
        self.count(caller, note);
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
            note(super::tally(&mut self.outcome.practices, &practice.key, &practice.name));
        }
        if let Some(team) = live.team.and_then(|team| self.config.teams.get(&team)) {
            note(super::tally(&mut self.outcome.teams, team, team));
        }
    }

    fn agent(&mut self, agent: AgentId) -> &mut RungFigures {
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
            PastEnd::Answered
            | PastEnd::Forwarded
            | PastEnd::Closed
            | PastEnd::Blocked
            | PastEnd::Unknown
            | PastEnd::Otherwise => {
                let mean = self.day.patience_mean_ms?;
                let draw = 1.0 - self.dice.draw(index as u64 + 1, 0);
                Some(call.wait_ms + (-mean * draw.ln()) as u64)
            }
        }
    }

    /// His own; else as one of these; else as anybody's.
    fn talk_ms(&self, index: usize, there_ms: &[u64]) -> u64 {
        let pick = |among: &[u64]| self.dice.pick(among, index as u64 + 1, 1);
        let drawn = || pick(there_ms).or_else(|| pick(&self.day.talks_ms)).unwrap_or(TALK_MS);
        self.day.calls[index].talk_ms.unwrap_or_else(drawn)
    }

    fn pickup_ms(&self, offer: OfferId) -> u64 {
        let what = 1_000_000 + u64::from(offer.generation);
        self.dice.pick(&self.day.pickups_ms, offer.caller.0, what).unwrap_or(PICKUP_MS)
    }

    fn end(mut self) -> Outcome {
        let mut assumed = self.remarks.told();
        if self.known_forwards > 0 {
            assumed.push(format!(
                "{} times a caller was forwarded where the day's records tell who takes callers: they \
                 are taken as often and as soon as that day, drawn; a voicemail box takes nobody",
                self.known_forwards
            ));
        }
        if self.other_forwards > 0 {
            let as_what = match self.suppositions.forwards_answered {
                Some(percent) => format!("{percent} % are taken there, as asked"),
                None => "they are taken there as often and as soon as a secretary answers \
                         (--forwards-answered PERCENT supposes otherwise)"
                    .to_owned(),
            };
            assumed.push(format!(
                "{} times a caller was forwarded where nothing is known of who takes callers: {as_what}",
                self.other_forwards
            ));
        }
        if self.keys > 0 {
            assumed.push(format!(
                "{} times a caller heard a text with a key: nobody presses keys, he hears it and is \
                 counted as one whose plan ended",
                self.keys
            ));
        }
        if self.config.trunks.values().any(|trunk| !trunk.rang_before.is_zero()) {
            assumed.push(
                "that a practice's own phone rang before is not known of a call: nothing is taken off \
                 its network's patience for it (rang_before)"
                    .to_owned(),
            );
        }
        match (self.config.trunks.values().next(), self.other_trunks) {
            (_, 0) => {}
            (Some(trunk), calls) => assumed.push(format!(
                "{calls} calls name no trunk of the configuration: their network gives up as that of \
                 {} does, after {} s",
                trunk.name,
                trunk.max_unanswered.as_secs()
            )),
            (None, _) => assumed.push(format!(
                "the configuration has no trunk: the calls' networks give up after {} s",
                MAX_UNANSWERED.as_secs()
            )),
        }
        self.outcome.assumed.extend(assumed);
        self.outcome
    }
}
