//! What can be seen of the engine from outside, for displays and for the simulator's invariants.

use acd::{
    AgentId, CallerId, ClassBy, Decision, OfferId, PhoneId, PracticeId, Scheduler, Target, Urgency,
};
use sip::{Counts, Flow, Instant};

use super::Engine;
use super::dialling::CodeLegState;
use super::emergency::EmergencyState;
use crate::action::Ledger;
use crate::calls::{Callee, RungLegState, Stage};
use crate::config::TrunkId;
use crate::media::Port;
use crate::record::{CallRef, CallerNumber};
use crate::standing::{Standing, User, Whose};

/// One live call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallView {
    pub call: CallRef,
    pub caller: CallerId,
    pub stage: Stage,
    pub trunk: TrunkId,
    pub practice: PracticeId,
    /// His class, and what gave it to him.
    pub class: (Urgency, ClassBy),
    /// His number, which is nobody's business by itself.
    pub number: CallerNumber,
    pub arrived_at: Instant,
    /// The pairs that it holds: the caller's, then those of whom we ring for him.
    pub ports: Vec<Port>,
}

/// One secretary's leg, until her phone has let go of it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct AgentLegView {
    pub agent: AgentId,
    pub offer: OfferId,
    pub closing: bool,
}

/// The leg of whom a caller is forwarded to, until that phone has let go of it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct TargetLegView {
    pub target: Target,
    pub offer: OfferId,
    pub closing: bool,
}

/// A phone that dialled a code, until it has let go.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct CodeLegView {
    pub agent: AgentId,
    /// The pair that it holds, until we hang up.
    pub port: Option<Port>,
}

/// An emergency call, until the phone that dialled it has let go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmergencyView {
    pub user: User,
    pub number: String,
    pub stage: EmergencyStage,
    /// The pairs that it holds.
    pub ports: Vec<Port>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum EmergencyStage {
    Ringing,
    Talking,
    /// It could not be put through, and that is heard.
    Told,
    /// Hung up: the phone's last word is awaited.
    Closing,
}

/// One exchange with the scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerEntry {
    pub now: acd::Instant,
    pub kind: SchedulerKind,
    pub decisions: Vec<Decision>,
    pub refused: bool,
}

#[derive(Clone, Debug)]
pub enum SchedulerKind {
    Input(acd::Input),
    Timeout,
}

impl Engine {
    pub fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.state.scheduler
    }

    pub fn endpoint_counts(&self) -> Counts {
        self.state.endpoint.counts()
    }

    /// Port pairs that legs hold.
    pub fn ports_in_use(&self) -> usize {
        self.state.ports.in_use()
    }

    /// Port pairs that new calls may take, two each.
    pub fn ports_spare(&self) -> usize {
        self.state.ports.spare()
    }

    /// She was last found unreachable there, and nothing came from it since.
    pub fn is_dead(&self, flow: &Flow) -> bool {
        self.state.dead_flows.contains(flow)
    }

    /// The phones of a secretary, the one that would ring first.
    pub fn bindings(&self, agent: AgentId) -> impl Iterator<Item = &sip::Binding> {
        let user = self.config.agents.get(&agent).map_or("", |agent| agent.user.as_str());
        self.state.registrar.bindings(user)
    }

    /// The same of a phone that is no secretary's.
    pub fn phone_bindings(&self, phone: PhoneId) -> impl Iterator<Item = &sip::Binding> {
        let user = self.config.phones.get(&phone).map_or("", |phone| phone.user.as_str());
        self.state.registrar.bindings(user)
    }

    /// What lasts of who is configured.
    pub fn standing(&self, user: User) -> Option<Standing> {
        let name = self.name_of(user)?;
        let whose = match user {
            User::Agent(agent) => {
                let view = self.state.scheduler.agent(agent)?;
                Whose::Agent { agent, state: view.lasting(), misses: view.misses }
            }
            User::Phone(phone) => Whose::Phone(phone),
        };
        let bindings = self.state.registrar.bindings(name).cloned().collect();
        Some(Standing { whose, bindings })
    }

    pub fn live_calls(&self) -> impl Iterator<Item = CallView> {
        self.state.calls.iter().map(|(&caller, call)| {
            let second = self
                .state
                .rung_legs
                .range(offers_of(caller))
                .filter_map(|(_, leg)| leg.media().map(|media| media.port));
            CallView {
                call: call.reference,
                caller,
                stage: call.stage,
                trunk: call.trunk,
                practice: call.practice,
                class: call.class,
                number: call.caller.clone(),
                arrived_at: call.arrived_at,
                ports: std::iter::once(call.leg.media.port).chain(second).collect(),
            }
        })
    }

    pub fn agent_legs(&self) -> impl Iterator<Item = AgentLegView> {
        self.state.rung_legs.iter().filter_map(|(&offer, leg)| match leg.who {
            Callee::Agent(agent) => {
                let closing = matches!(leg.state, RungLegState::Closing);
                Some(AgentLegView { agent, offer, closing })
            }
            Callee::Target(_) => None,
        })
    }

    pub fn target_legs(&self) -> impl Iterator<Item = TargetLegView> {
        self.state.rung_legs.iter().filter_map(|(&offer, leg)| match leg.who {
            Callee::Target(target) => {
                let closing = matches!(leg.state, RungLegState::Closing);
                Some(TargetLegView { target, offer, closing })
            }
            Callee::Agent(_) => None,
        })
    }

    pub fn code_legs(&self) -> impl Iterator<Item = CodeLegView> {
        self.state.codes.values().map(|leg| CodeLegView {
            agent: leg.agent,
            port: match &leg.state {
                CodeLegState::Open { media, .. } => Some(media.port),
                CodeLegState::Closing => None,
            },
        })
    }

    pub fn emergencies(&self) -> impl Iterator<Item = EmergencyView> {
        self.state.emergencies.values().map(|call| EmergencyView {
            user: call.user,
            number: call.number.clone(),
            stage: match &call.state {
                EmergencyState::Dialled
                | EmergencyState::Ringing { .. }
                | EmergencyState::Early { .. } => EmergencyStage::Ringing,
                EmergencyState::Talking { .. } => EmergencyStage::Talking,
                EmergencyState::Told { .. } => EmergencyStage::Told,
                EmergencyState::Closing => EmergencyStage::Closing,
            },
            ports: call.pairs().map(|media| media.port).collect(),
        })
    }

    /// Keeps each exchange with the scheduler until [`Self::take_scheduler_log`].
    pub fn log_scheduler(&mut self, wanted: bool) {
        self.scheduler_log = wanted.then(Vec::new);
    }

    pub fn take_scheduler_log(&mut self) -> Vec<SchedulerEntry> {
        self.scheduler_log.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

fn offers_of(caller: CallerId) -> std::ops::RangeInclusive<OfferId> {
    OfferId { caller, generation: 0 }..=OfferId { caller, generation: u32::MAX }
}
