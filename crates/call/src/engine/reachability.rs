//! Whether a secretary's phone can be reached.
//!
//! A binding says that a phone was there once. One on UDP is asked by OPTIONS every now and then, spread
//! over the interval, since nothing else tells that it was switched off or that its NAT forgot it; a
//! connection is its own proof, and its flow is asked only after it was found dead, or while the
//! connection is yet to be opened (after a restart). Whatever the final
//! answer, it proves life; so does a REGISTER, and any answer to an INVITE of ours. A phone with a leg of
//! ours up is not asked: that leg has its own inquiry, which one that rings or is hung up has not.

use std::time::Duration;

use acd::{AgentEvent, AgentId, AgentState};
use rand_core::RngCore;
use sip::{ClientKey, Flow, Identity, Instant, Message, Method, Request, Target, Timeout};

use super::Engine;
use super::emergency::EmergencyCall;
use crate::calls::RungLeg;
use crate::timers::Timer;

/// A phone that has not answered OPTIONS by then is taken for dead; its answer may still come. With the
/// interval's default of 20 s, *available* means heard within 24 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// A dead phone is asked again this long after the last question ended, which is itself sent again for
/// 32 s (RFC 3261 §17.1.2.2); one in a call is looked at again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Engine {
    /// The phones of a user who has just registered are asked from now on.
    pub(super) fn watch_phones(&mut self, now: Instant, user: &str) {
        let flows: Vec<Flow> = self.state.registrar.bindings(user).map(|it| it.flow).collect();
        for flow in flows {
            let is_watched = self.state.watched_flows.contains_key(&flow);
            if !is_watched && self.is_worth_asking(&flow) {
                self.state.watched_flows.insert(flow, None);
                let first = self.spread(self.config.registrar.options_interval);
                self.state.timers.set(Timer::AskPhone(flow), now + first);
            }
        }
    }

    /// Whether phones are asked at all may be another matter from here on. If they are not, nothing could
    /// bring back one that was found dead, perhaps because it answers no OPTIONS.
    pub(super) fn reconsider_phones(&mut self, now: Instant) {
        if self.config.registrar.options_interval.is_zero() {
            for flow in self.state.dead_flows.clone() {
                self.phone_lives(now, &flow);
            }
        } else {
            for user in self.users.keys().cloned().collect::<Vec<_>>() {
                self.watch_phones(now, &user);
            }
        }
    }

    /// Between a quarter of it and all of it, so that phones that came together are asked apart.
    fn spread(&mut self, interval: Duration) -> Duration {
        let quarter = interval / 4;
        let share = f64::from(self.state.random.next_u32()) / f64::from(u32::MAX);
        quarter + (interval - quarter).mul_f64(share)
    }

    fn is_worth_asking(&self, flow: &Flow) -> bool {
        let is_connected = flow.transport.is_reliable() && flow.connection != 0;
        let is_proven = is_connected && !self.state.dead_flows.contains(flow);
        !self.config.registrar.options_interval.is_zero()
            && !is_proven
            && self.state.registrar.is_registered_flow(flow).is_some()
    }

    /// Time to ask the phone behind this flow.
    pub(super) fn ask_phone(&mut self, now: Instant, flow: Flow) {
        let Some(request) = self.question_for(flow).filter(|_| self.is_worth_asking(&flow)) else {
            self.state.watched_flows.remove(&flow);
            return;
        };
        if self.has_leg_on(&flow) {
            return self.state.timers.set(Timer::AskPhone(flow), now + AGAIN_AFTER);
        }
        match self.state.endpoint.request(now, request) {
            Ok(client) => {
                self.state.watched_flows.insert(flow, Some(client));
                self.state.asked_flows.insert(client, flow);
                self.state.timers.set(Timer::PhoneSilent(flow), now + PATIENCE);
            }
            Err(full) => {
                tracing::debug!(%full, "a phone could not be asked");
                self.state.timers.set(Timer::AskPhone(flow), now + AGAIN_AFTER);
            }
        }
    }

    fn question_for(&self, flow: Flow) -> Option<Request> {
        let user = self.state.registrar.is_registered_flow(&flow)?;
        let binding = self.state.registrar.bindings(user).find(|it| it.flow == flow)?;
        let realm = &self.config.realm;
        let identity = |user: &str| Identity { display: None, uri: format!("sip:{user}@{realm}") };
        Some(Request {
            target: Target::Flow(flow),
            method: Method::Options,
            request_uri: binding.contact_uri.clone(),
            from: identity("monoligne"),
            to: identity(user),
            headers: vec![("Accept".to_owned(), "application/sdp".to_owned())],
            body: None,
            credentials: None,
            contact_user: Some("monoligne".to_owned()),
        })
    }

    /// One of the phones that share this flow has a leg up on it.
    fn has_leg_on(&self, flow: &Flow) -> bool {
        let agents = self.agents_on(flow);
        let offers = agents.iter().filter_map(|agent| self.state.lines.get(agent));
        let legs = offers.filter_map(|offer| self.state.rung_legs.get(offer));
        let is_up = |leg: &RungLeg| leg.flow == *flow && leg.media().is_some();
        let talks = |call: &EmergencyCall| call.leg.flow == *flow && call.is_talking();
        let calls_out = self.state.emergencies.values().any(talks);
        calls_out || legs.chain(self.target_legs_up()).any(is_up)
    }

    /// The outcome of a request of ours, if it was such a question.
    pub(super) fn phone_replied(
        &mut self,
        now: Instant,
        client: ClientKey,
        result: &Result<Message, Timeout>,
    ) {
        let Some(flow) = self.state.asked_flows.remove(&client) else { return };
        self.state.watched_flows.insert(flow, None);
        let next = match result {
            Ok(_) => {
                self.phone_lives(now, &flow);
                self.config.registrar.options_interval
            }
            Err(Timeout::NoResponse | Timeout::Unreachable) => {
                self.phone_is_dead(now, flow);
                AGAIN_AFTER
            }
        };
        self.state.timers.set(Timer::AskPhone(flow), now + next);
    }

    /// Something came from there that only a living phone sends. A question that is out was asked before
    /// that, and proves nothing any more: it is asked anew in its time.
    pub(super) fn phone_lives(&mut self, now: Instant, flow: &Flow) {
        self.state.dead_flows.remove(flow);
        self.state.timers.stop(Timer::PhoneSilent(*flow));
        let question = self.state.watched_flows.get_mut(flow).and_then(Option::take);
        if let Some(client) = question {
            self.state.asked_flows.remove(&client);
            let later = now + self.config.registrar.options_interval;
            self.state.timers.set(Timer::AskPhone(*flow), later);
        }
        for agent in self.agents_on(flow) {
            if self.state.scheduler.agent(agent).is_some_and(|view| !view.reachable) {
                self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Reachable });
            }
        }
    }

    /// Nothing comes from there. Another phone of hers may still be rung; without one she is
    /// unreachable.
    pub(super) fn phone_is_dead(&mut self, now: Instant, flow: Flow) {
        self.flow_is_dead(flow);
        for agent in self.agents_on(&flow) {
            let user = self.config.agents.get(&agent).map_or("", |agent| agent.user.as_str());
            let dead = &self.state.dead_flows;
            let has_another =
                self.state.registrar.bindings(user).any(|binding| !dead.contains(&binding.flow));
            let view = self.state.scheduler.agent(agent);
            if !has_another && view.is_some_and(|view| view.reachable) {
                self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Unreachable });
            }
        }
    }

    /// Remembers it until it is heard again. Flows that nobody has any longer are looked for when there
    /// must be some: when more are dead than are registered.
    fn flow_is_dead(&mut self, flow: Flow) {
        let (registrar, dead) = (&self.state.registrar, &mut self.state.dead_flows);
        if dead.insert(flow) && dead.len() > registrar.flows_len() {
            dead.retain(|flow| registrar.is_registered_flow(flow).is_some());
        }
    }

    /// An INVITE met silence there: the phone is asked at once, unless a question is out already.
    pub(super) fn doubt_phone(&mut self, now: Instant, flow: Flow) {
        self.flow_is_dead(flow);
        let is_asked = self.state.watched_flows.get(&flow).is_some_and(Option::is_some);
        if !is_asked && self.is_worth_asking(&flow) {
            self.state.watched_flows.insert(flow, None);
            self.state.timers.set(Timer::AskPhone(flow), now);
        }
    }

    /// A REGISTER was proven to be a user's: her phone lives, and she is there herself if it was
    /// thought dead before.
    pub(super) fn phone_registers(&mut self, now: Instant, user: &str, flow: &Flow) {
        let agent = self.agent_of(user);
        let view = agent.and_then(|agent| self.state.scheduler.agent(agent));
        if let Some(view) = view
            && view.state == AgentState::NotResponding
            && !view.reachable
        {
            let event = AgentEvent::LogIn;
            self.inform(now, acd::Input::Agent { agent: view.agent, event });
        }
        self.phone_lives(now, flow);
        self.watch_phones(now, user);
    }

    /// Whose phones share this flow.
    pub(super) fn agents_on(&self, flow: &Flow) -> Vec<AgentId> {
        let users = self.state.registrar.aors_on(flow);
        users.filter_map(|user| self.agent_of(user)).collect()
    }
}
