//! REGISTER, and what it says of the secretaries.

use acd::{AgentEvent, AgentId};
use sip::{Flow, Instant, Message, RegistrarEvent, RequestKey};

use super::Engine;
use crate::action::Notice;

impl Engine {
    pub(super) fn handle_register(
        &mut self,
        now: Instant,
        request: RequestKey,
        flow: Flow,
        message: &Message,
    ) {
        let config = &self.config;
        let account = |user: &str| {
            config
                .agents
                .values()
                .find(|agent| agent.user == user)
                .map(|agent| agent.account.clone())
        };
        let reply = self
            .state
            .registrar
            .handle_register(now, flow, message, &account);
        let headers: Vec<(&str, &str)> = reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.respond(now, request, reply.status, &headers);
        if reply.status == 200 {
            self.phone_is_alive(now, &flow);
        } else if reply.status != 401 {
            self.notice(Notice::RegisterRefused {
                flow,
                status: reply.status,
            });
        }
    }

    /// A REGISTER that was accepted shows a living phone, whatever was thought of it.
    fn phone_is_alive(&mut self, now: Instant, flow: &Flow) {
        let user = self
            .state
            .registrar
            .is_registered_flow(flow)
            .map(str::to_owned);
        if let Some(agent) = user.and_then(|user| self.agent_of(&user)) {
            self.inform(
                now,
                acd::Input::Agent {
                    agent,
                    event: AgentEvent::Reachable,
                },
            );
        }
    }

    pub(super) fn handle_registrar_event(&mut self, now: Instant, event: RegistrarEvent) {
        match event {
            RegistrarEvent::Registered { aor } => {
                let Some(agent) = self.agent_of(&aor) else {
                    return;
                };
                self.inform(
                    now,
                    acd::Input::Agent {
                        agent,
                        event: AgentEvent::LogIn,
                    },
                );
                self.inform(
                    now,
                    acd::Input::Agent {
                        agent,
                        event: AgentEvent::Reachable,
                    },
                );
                let flow = self
                    .state
                    .registrar
                    .bindings(&aor)
                    .next()
                    .map(|binding| binding.flow);
                if let Some(flow) = flow {
                    self.notice(Notice::Registered { agent, flow });
                }
            }
            RegistrarEvent::Unregistered { aor } | RegistrarEvent::Expired { aor } => {
                let Some(agent) = self.agent_of(&aor) else {
                    return;
                };
                self.inform(
                    now,
                    acd::Input::Agent {
                        agent,
                        event: AgentEvent::Unreachable,
                    },
                );
                self.notice(Notice::Unregistered { agent });
            }
        }
    }

    fn agent_of(&self, user: &str) -> Option<AgentId> {
        self.config
            .agents
            .iter()
            .find(|(_, agent)| agent.user == user)
            .map(|(&id, _)| id)
    }
}
