//! What must hold between any two steps, whatever happened (DESIGN.md, "Invariants").

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use acd::{
    AgentId, AgentState, AgentView, CallerId, CallerStage, CallerView, Circle, Decision, Team,
    TeamId, Urgency, Waiting,
};
use call::{Config, Engine, SchedulerEntry, SchedulerKind, Stage};
use sip::Instant;

use crate::failure::{Check, Failure};
use crate::reference::{Reference, agree};
use crate::relay::Relay;

pub(crate) struct Invariants {
    config: Arc<Config>,
    reference: Reference,
    /// Where the reference left each agent after the last exchange.
    states: BTreeMap<AgentId, AgentState>,
    /// Who waited, and who was free, at the end of the last exchange.
    waited: Vec<Waiting>,
    were_free: Vec<AgentId>,
}

impl Invariants {
    pub(crate) fn new(config: &Arc<Config>) -> Self {
        let reference = Reference::new(Arc::clone(&config.floor));
        let states = reference.states().collect();
        Self {
            config: Arc::clone(config),
            reference,
            states,
            waited: Vec::new(),
            were_free: Vec::new(),
        }
    }

    pub(crate) fn configure(&mut self, config: &Arc<Config>) {
        self.config = Arc::clone(config);
    }

    pub(crate) fn check(
        &mut self,
        now: Instant,
        engine: &Engine,
        relay: &Relay,
        log: &[SchedulerEntry],
    ) -> Result<(), Failure> {
        for entry in log {
            self.check_exchange(entry)?;
        }
        if !log.is_empty() {
            self.check_order(now, engine, log)?;
            self.waited.clear();
            self.waited.extend(engine.scheduler().waiting());
            self.were_free = free(engine);
            self.check_work_conservation(now, engine)?;
            self.check_single_line(engine)?;
        }
        let live = self.check_stages(engine)?;
        self.check_ledger(engine, &live)?;
        self.check_ports(engine, relay, &live)?;
        self.check_caps(engine, &live)
    }

    /// The scheduler against its plain twin.
    fn check_exchange(&mut self, entry: &SchedulerEntry) -> Result<(), Failure> {
        let (expected, refused) = match &entry.kind {
            SchedulerKind::Input(input) => {
                let (expected, taken) = self.reference.handle(entry.now, input);
                (expected, taken.is_err())
            }
            SchedulerKind::Timeout => (self.reference.handle_timeout(entry.now), false),
        };
        if refused != entry.refused {
            let detail = format!("{:?}: refused: {}", entry.kind, entry.refused);
            return Err(Failure::new(Check::Reference, detail));
        }
        agree(&self.reference, &self.states, &entry.decisions, &expected).map_err(|why| {
            let detail = format!(
                "{:?}: {why}; decided {:?}, must be {expected:?}",
                entry.kind, entry.decisions
            );
            Failure::new(Check::Reference, detail)
        })?;
        self.states.clear();
        self.states.extend(self.reference.states());
        Ok(())
    }

    /// Whoever waited all the time and stands before one that was just offered could not have had
    /// her. (Who came back in the same exchange may have come after her: timers run ahead of inputs.)
    fn check_order(
        &self,
        now: Instant,
        engine: &Engine,
        log: &[SchedulerEntry],
    ) -> Result<(), Failure> {
        let [SchedulerEntry { decisions, .. }] = log else { return Ok(()) };
        for decision in decisions {
            let Decision::Offer { offer, agent, .. } = decision else { continue };
            let Some(offered) = engine.scheduler().caller(offer.caller) else { continue };
            // At least: who came free in this exchange may have come after the offer.
            let mut free_then = free(engine);
            free_then.retain(|id| self.were_free.contains(id));
            free_then.push(*agent);
            let ahead = engine.scheduler().waiting().find(|waiting| {
                order(waiting) < order(&offered.waiting)
                    && self.waited.contains(waiting)
                    && !decisions.iter().any(|it| takes_back(it, waiting.caller))
                    && self.takes(engine, *agent, waiting)
                    // Who is there may have changed within the exchange: as many as may be are kept.
                    && self.is_beyond_reserve(*agent, waiting, &free_then, None)
                    && !self.is_moving_on(now, engine, waiting)
            });
            if let Some(ahead) = ahead {
                let detail = format!("{offer:?} to {agent:?} while {ahead:?} waits");
                return Err(Failure::new(Check::Order, detail));
            }
        }
        Ok(())
    }

    fn check_work_conservation(&self, now: Instant, engine: &Engine) -> Result<(), Failure> {
        let scheduler = engine.scheduler();
        if scheduler.waiting().next().is_none() {
            return Ok(());
        }
        for agent in scheduler.agents().filter(|agent| agent.free) {
            let waiting = scheduler.waiting().find(|waiting| {
                self.takes(engine, agent.agent, waiting)
                    && self.is_beyond_reserve(agent.agent, waiting, &free(engine), Some(engine))
                    && !self.is_moving_on(now, engine, waiting)
            });
            if let Some(waiting) = waiting {
                let detail = format!("{waiting:?} waits while {agent:?} is free");
                return Err(Failure::new(Check::WorkConservation, detail));
            }
        }
        Ok(())
    }

    /// Whether she may have him: of his team, where his practice allows, and in his circle.
    fn takes(&self, engine: &Engine, agent: AgentId, waiting: &Waiting) -> bool {
        let floor = &self.config.floor;
        let (Some(her), Some(team)) = (floor.agents.get(&agent), waiting.team) else {
            return false;
        };
        if !her.teams.contains(&team) {
            return false;
        }
        let Some(caller) = engine.scheduler().caller(waiting.caller) else { return false };
        let Some(practice) = floor.practices.get(&caller.acting) else { return true };
        let knows = |skill| her.skills.contains_key(&skill);
        let is_in_circle = match waiting.circle {
            Circle::Own => practice.own.contains(&agent),
            Circle::Skilled => practice.skill.is_some_and(knows),
            Circle::Everyone => true,
        };
        is_in_circle && practice.sites.as_ref().is_none_or(|sites| sites.contains(&her.site))
    }

    /// Whether each of her teams has more free than it keeps for who is more urgent: all but one of those
    /// who are `there` at most.
    fn is_beyond_reserve(
        &self,
        agent: AgentId,
        waiting: &Waiting,
        free: &[AgentId],
        there: Option<&Engine>,
    ) -> bool {
        let floor = &self.config.floor;
        let is_of = |id: &AgentId, team: &TeamId| {
            floor.agents.get(id).is_some_and(|her| her.teams.contains(team))
        };
        let mut hers = floor.teams.iter().filter(|(team, _)| is_of(&agent, team));
        let spares = |(team, rules): (&TeamId, &Team)| {
            let others = there.map_or(usize::MAX, |engine| {
                let all = engine.scheduler().agents().filter(|it| is_of(&it.agent, team));
                all.filter(is_there).count().saturating_sub(1)
            });
            let kept = rules.reserve.min(others);
            kept == 0 || free.iter().filter(|id| is_of(id, team)).count() > kept
        };
        waiting.urgency <= Urgency::Urgent || hers.all(spares)
    }

    /// His time in this step, or in all queues, is over at this very instant.
    fn is_moving_on(&self, now: Instant, engine: &Engine, waiting: &Waiting) -> bool {
        let Some(caller) = engine.scheduler().caller(waiting.caller) else { return true };
        // Nor is he offered for whom no phone can be rung.
        if caller.lacks_room {
            return true;
        }
        let ends = [caller.leave_by, caller.step_end, caller.wait_max];
        ends.into_iter().flatten().any(|end| end.as_micros() <= now.as_micros())
    }

    fn check_single_line(&self, engine: &Engine) -> Result<(), Failure> {
        let mut busy: Vec<AgentId> = engine.agent_legs().map(|leg| leg.agent).collect();
        busy.sort_unstable();
        if let Some(pair) = busy.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Failure::new(Check::SingleLine, format!("{:?} has two legs", pair[0])));
        }
        if engine.ledger().single_line_violations > 0 {
            return Err(Failure::new(Check::SingleLine, "the engine counts a violation"));
        }
        Ok(())
    }

    /// The engine and the scheduler tell the same of each caller.
    fn check_stages(&self, engine: &Engine) -> Result<Live, Failure> {
        let scheduler = engine.scheduler();
        let mut live = Live::default();
        for call in engine.live_calls() {
            live.calls += 1;
            live.ports += call.ports.len();
            if let Stage::Announced { urgent_key, .. } = call.stage {
                live.told += 1;
                if urgent_key.is_none() && scheduler.is_told(call.caller) {
                    let detail = format!("{} is kept for a key that it has not", call.call);
                    return Err(Failure::new(Check::OneStage, detail));
                }
                if scheduler.caller(call.caller).is_some() {
                    let detail = format!("{} hears a text and waits besides", call.call);
                    return Err(Failure::new(Check::OneStage, detail));
                }
                continue;
            }
            let Some(caller) = scheduler.caller(call.caller) else {
                let detail = format!("{} is up, the scheduler does not know it", call.call);
                return Err(Failure::new(Check::OneStage, detail));
            };
            let same = match (call.stage, caller.stage) {
                (Stage::Bridged { agent, .. }, CallerStage::Served { agent: hers, .. }) => {
                    agent == hers
                }
                (Stage::Connected { offer, .. }, CallerStage::Connected { offer: same, .. }) => {
                    offer == same
                }
                (
                    Stage::Waiting | Stage::Returned { .. } | Stage::Pressed { .. },
                    CallerStage::Waiting
                    | CallerStage::Offered { .. }
                    | CallerStage::Forwarded { .. },
                ) => true,
                (Stage::Announced { .. }, _) => unreachable!("told apart above"),
                (
                    Stage::Bridged { .. },
                    CallerStage::Waiting
                    | CallerStage::Offered { .. }
                    | CallerStage::Forwarded { .. }
                    | CallerStage::Connected { .. },
                )
                | (
                    Stage::Connected { .. },
                    CallerStage::Waiting
                    | CallerStage::Offered { .. }
                    | CallerStage::Forwarded { .. }
                    | CallerStage::Served { .. },
                )
                | (
                    Stage::Waiting | Stage::Returned { .. } | Stage::Pressed { .. },
                    CallerStage::Served { .. } | CallerStage::Connected { .. },
                ) => false,
            };
            if !same {
                let detail = format!("{}: {:?} and {:?}", call.call, call.stage, caller.stage);
                return Err(Failure::new(Check::OneStage, detail));
            }
            self.check_legs(engine, &caller)?;
        }
        live.ports += engine.code_legs().filter(|leg| leg.port.is_some()).count();
        live.ports += engine.emergencies().map(|call| call.ports.len()).sum::<usize>();
        let known = callers(engine);
        if known + live.told != live.calls {
            let detail = format!("{live:?}, the scheduler knows {known} callers");
            return Err(Failure::new(Check::OneStage, detail));
        }
        Ok(live)
    }

    /// Whoever is rung for him, or has him, has a leg of ours.
    fn check_legs(&self, engine: &Engine, caller: &CallerView) -> Result<(), Failure> {
        for (offer, agent) in engine.scheduler().offers(caller.waiting.caller) {
            if !engine.agent_legs().any(|leg| leg.offer == offer && leg.agent == agent) {
                let detail = format!("{offer:?} is out, {agent:?} has no leg");
                return Err(Failure::new(Check::OneStage, detail));
            }
        }
        match caller.stage {
            CallerStage::Forwarded { offer, target, .. }
            | CallerStage::Connected { offer, target } => {
                let mut legs = engine.target_legs();
                if legs.any(|it| it.offer == offer && it.target == target && !it.closing) {
                    return Ok(());
                }
                let detail = format!("{offer:?} is out, {target:?} has no leg");
                Err(Failure::new(Check::OneStage, detail))
            }
            CallerStage::Waiting | CallerStage::Offered { .. } | CallerStage::Served { .. } => {
                Ok(())
            }
        }
    }

    fn check_ledger(&self, engine: &Engine, live: &Live) -> Result<(), Failure> {
        let ledger = engine.ledger();
        let ended = ledger.ended();
        if ledger.offered != ended + live.calls as u64 || ledger.ledger_imbalances > 0 {
            let detail = format!("{} offered, {ended} ended, {live:?}", ledger.offered);
            return Err(Failure::new(Check::Ledger, detail));
        }
        Ok(())
    }

    fn check_ports(&self, engine: &Engine, relay: &Relay, live: &Live) -> Result<(), Failure> {
        let (engines, relays) = (engine.ports_in_use(), relay.in_use());
        if engines != relays || engines != live.ports {
            let detail = format!("engine {engines}, relay {relays}, {live:?}");
            return Err(Failure::new(Check::PortsInUse, detail));
        }
        relay.check_peers()
    }

    fn check_caps(&self, engine: &Engine, live: &Live) -> Result<(), Failure> {
        let limits = &self.config.limits;
        let counts = engine.endpoint_counts();
        let transactions = counts.client_transactions.max(counts.server_transactions);
        // Vital callers have head-room twice. Who came back from a conversation always fits; they are at
        // most one an agent.
        let waiting = engine.scheduler().counts().waiting;
        let waiting_max = self.config.floor.limits.waiting_max;
        let waiting_max = waiting_max + 2 * (waiting_max / 4 + 4) + self.config.agents.len();
        if live.calls > limits.calls_max
            || counts.dialogs > limits.dialogs_max
            || transactions > limits.transactions_max
            || waiting > waiting_max
        {
            let detail = format!("{live:?}, {waiting} waiting, {counts:?}");
            return Err(Failure::new(Check::Caps, detail));
        }
        Ok(())
    }

    /// 64·T1 after the last call and some more: every table is empty.
    pub(crate) fn check_drained(&self, engine: &Engine, relay: &Relay) -> Result<(), Failure> {
        let counts = engine.endpoint_counts();
        let left = [
            ("calls", engine.live_calls().count()),
            ("agent legs", engine.agent_legs().count()),
            ("target legs", engine.target_legs().count()),
            ("code legs", engine.code_legs().count()),
            ("emergency calls", engine.emergencies().count()),
            ("ports", engine.ports_in_use()),
            ("relay's ports", relay.in_use()),
            ("dialogs", counts.dialogs),
            ("client transactions", counts.client_transactions),
            ("server transactions", counts.server_transactions),
            ("requests", counts.requests),
            ("callers", callers(engine)),
        ];
        match left.into_iter().find(|(_, count)| *count > 0) {
            Some((what, count)) => {
                Err(Failure::new(Check::Drained, format!("{count} {what} are left: {counts:?}")))
            }
            None => Ok(()),
        }
    }
}

fn order(waiting: &Waiting) -> (Urgency, Reverse<u64>, acd::Instant, acd::Instant, u64) {
    let &Waiting { urgency, put_first, deadline, arrival, sequence, .. } = waiting;
    (urgency, Reverse(put_first), deadline, arrival, sequence)
}

/// Logged in, and answering a phone that can be reached.
fn is_there(agent: &AgentView) -> bool {
    agent.reachable && !matches!(agent.state, AgentState::LoggedOut | AgentState::NotResponding)
}

fn free(engine: &Engine) -> Vec<AgentId> {
    engine.scheduler().agents().filter(|agent| agent.free).map(|agent| agent.agent).collect()
}

fn takes_back(decision: &Decision, caller: CallerId) -> bool {
    matches!(decision, Decision::Withdraw { offer, .. } if offer.caller == caller)
}

/// What is up between two steps.
#[derive(Debug, Default)]
struct Live {
    calls: usize,
    /// Of these, who hear the text that ends them.
    told: usize,
    ports: usize,
}

fn callers(engine: &Engine) -> usize {
    let counts = engine.scheduler().counts();
    counts.waiting + counts.offered + counts.forwarded + counts.served
}
