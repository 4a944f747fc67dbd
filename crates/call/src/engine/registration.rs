//! REGISTER, and what it says of the secretaries and of the phones that are nobody's.

use acd::{AgentEvent, AgentId, Target};
use sip::{DialogKey, Flow, Instant, Message, RegisterReply, RegistrarEvent, RequestKey};

use super::Engine;
use crate::action::{Action, Notice};
use crate::calls::{Callee, RungLeg};
use crate::standing::{Standing, User, Whose};

impl Engine {
    /// A REGISTER from anybody. Whoever does not prove to be a user is refused without a trace of it
    /// in any table, so that strangers cannot fill what trunks need; who guesses meets silence.
    pub(super) fn handle_register(&mut self, now: Instant, flow: Flow, message: Message) {
        let claimed = self.state.registrar.claimed_user(&message);
        if let Some(user) = &claimed
            && self.state.throttle.is_spent(now, flow.remote.ip(), user)
            && self.state.registrar.is_registered_flow(&flow) != Some(user.as_str())
        {
            self.state.ledger.throttled += 1;
            return;
        }
        let account = |user: &str| {
            Some(match *self.users.get(user)? {
                User::Agent(agent) => self.config.agents.get(&agent)?.account.clone(),
                User::Phone(phone) => self.config.phones.get(&phone)?.account.clone(),
            })
        };
        let reply = self.state.registrar.handle_register(now, flow, &message, &account);
        if reply.is_guess {
            let name = claimed.unwrap_or_default();
            self.state.throttle.failed(now, flow.remote.ip(), &name);
        }
        if reply.is_guess || !matches!(reply.status, 200 | 401) {
            self.notice(Notice::RegisterRefused { flow, status: reply.status });
        }
        if let Some(user) = &reply.user {
            self.phone_registers(now, user, &flow);
            self.conversation_follows(user, &flow);
            // The answer is kept for the phone's retransmissions, which would look like replays.
            self.registering = Some(reply);
            self.state.endpoint.handle_message(now, flow, message);
        } else {
            self.refuse_register(flow, &message, &reply);
        }
    }

    /// An unknown source may be forged: it draws no more upon its victim than it sent itself.
    fn refuse_register(&mut self, flow: Flow, message: &Message, reply: &RegisterReply) {
        let headers = headers_of(reply);
        let endpoint = &mut self.state.endpoint;
        if self.state.registrar.is_registered_flow(&flow).is_some() {
            endpoint.refuse_statelessly(flow, message, reply.status, &headers);
        } else if !endpoint.refuse_stranger(flow, message, reply.status, &headers) {
            self.state.ledger.amplifying += 1;
        }
    }

    /// The endpoint took the REGISTER that was just proven.
    pub(super) fn answer_register(&mut self, now: Instant, request: RequestKey) {
        if let Some(reply) = self.registering.take() {
            self.respond(now, request, reply.status, &headers_of(&reply));
        }
    }

    /// What was sent could not be delivered, or a connection is gone. A phone that is known by its
    /// connection is where nobody reaches it: it registers again on a new one. Calls go on: their
    /// voice does not depend on it.
    pub(super) fn flow_failed(&mut self, now: Instant, flow: &Flow) {
        if flow.transport.is_reliable() && flow.connection != 0 {
            self.state.registrar.remove_flow(now, flow);
        }
        self.state.endpoint.handle_transport_error(now, flow);
    }

    /// Her phone is back on a new connection: if the old one is gone, so does her conversation go on.
    /// What was there when she was rung, under another Contact, is another phone of hers.
    fn conversation_follows(&mut self, user: &str, flow: &Flow) {
        let legs: Vec<&RungLeg> = match self.users.get(user) {
            Some(User::Agent(agent)) => {
                let offer = self.state.lines.get(agent);
                offer.and_then(|offer| self.state.rung_legs.get(offer)).into_iter().collect()
            }
            Some(&User::Phone(phone)) => {
                let is_its = |leg: &&RungLeg| leg.who == Callee::Target(Target::Phone(phone));
                self.target_legs_up().filter(is_its).collect()
            }
            None => return,
        };
        let is_there = |leg: &&RungLeg| {
            self.state.registrar.bindings(user).any(|it| {
                let may_be = it.contact_uri == leg.contact_uri || it.registered_at > leg.offered_at;
                it.flow == *flow && may_be
            })
        };
        let rung = legs.into_iter().filter(is_there).map(|leg| leg.dialog);
        // It dialled an emergency number before this connection was.
        let is_back = |since: Instant| {
            let mut bindings = self.state.registrar.bindings(user);
            bindings.any(|it| it.flow == *flow && it.registered_at >= since)
        };
        let user = self.users.get(user).copied();
        let dialling = user.into_iter().flat_map(|user| self.emergencies_of(user));
        let dialling = dialling.filter(|(_, since)| is_back(*since)).map(|(dialog, _)| dialog);
        let dialogs: Vec<DialogKey> = rung.chain(dialling).collect();
        for dialog in dialogs {
            if let Err(misuse) = self.state.endpoint.follow(dialog, *flow) {
                tracing::debug!(%misuse, "that leg is no dialog yet");
            }
        }
    }

    pub(super) fn handle_registrar_event(&mut self, now: Instant, event: RegistrarEvent) {
        match event {
            RegistrarEvent::Registered { aor } => {
                let flow = self.state.registrar.bindings(&aor).next().map(|binding| binding.flow);
                match self.users.get(&aor) {
                    Some(&User::Agent(agent)) => {
                        self.inform(now, acd::Input::Agent { agent, event: AgentEvent::LogIn });
                        self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Reachable });
                        if let Some(flow) = flow {
                            self.notice(Notice::Registered { agent, flow });
                        }
                    }
                    Some(&User::Phone(phone)) => {
                        if let Some(flow) = flow {
                            self.notice(Notice::PhoneRegistered { phone, flow });
                        }
                    }
                    None => {}
                }
            }
            RegistrarEvent::Unregistered { aor } | RegistrarEvent::Expired { aor } => {
                match self.users.get(&aor) {
                    Some(&User::Agent(agent)) => {
                        let event = AgentEvent::Unreachable;
                        self.inform(now, acd::Input::Agent { agent, event });
                        self.notice(Notice::Unregistered { agent });
                    }
                    Some(&User::Phone(phone)) => self.notice(Notice::PhoneUnregistered { phone }),
                    None => {}
                }
            }
        }
    }

    /// A secretary or a phone as she or it was when an earlier life ended. Her phones come first: a phone
    /// that is there would end *not responding*.
    pub(super) fn stand(&mut self, now: Instant, standing: Standing) {
        let Standing { whose, bindings } = standing;
        let Some(name) = self.name_of(whose.user()).map(str::to_owned) else { return };
        self.state.registrar.restore(now, &name, bindings);
        match whose {
            Whose::Agent { agent, state, misses } => {
                if self.state.registrar.bindings(&name).next().is_some() {
                    self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Reachable });
                }
                self.watch_phones(now, &name);
                let event = AgentEvent::Stand { as_before: state, misses };
                self.inform(now, acd::Input::Agent { agent, event });
            }
            Whose::Phone(_) => self.watch_phones(now, &name),
        }
    }

    /// Tells what changed of what lasts.
    pub(super) fn remember(&mut self) {
        while let Some(aor) = self.state.registrar.poll_changed() {
            if let Some(user) = self.users.get(&aor) {
                self.state.standings.doubt(*user);
            }
        }
        while let Some(user) = self.state.standings.next_doubted() {
            // Who was removed from the configuration is not waited for.
            let Some(standing) = self.standing(user) else { continue };
            if self.state.standings.tell(&standing) {
                self.actions.push_back(Action::Remember(Box::new(standing)));
            }
        }
    }

    /// What is registered under; `None`: it is nobody's, or somebody else's.
    pub(super) fn name_of(&self, user: User) -> Option<&str> {
        let name = match user {
            User::Agent(agent) => &self.config.agents.get(&agent)?.user,
            User::Phone(phone) => &self.config.phones.get(&phone)?.user,
        };
        (self.users.get(name) == Some(&user)).then_some(name)
    }

    pub(super) fn agent_of(&self, user: &str) -> Option<AgentId> {
        match *self.users.get(user)? {
            User::Agent(agent) => Some(agent),
            User::Phone(_) => None,
        }
    }
}

fn headers_of(reply: &RegisterReply) -> Vec<(&str, &str)> {
    reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
