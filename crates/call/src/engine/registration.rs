//! REGISTER, and what it says of the secretaries.

use acd::{AgentEvent, AgentId};
use sip::{Flow, HeaderName, Instant, Message, RegisterReply, RegistrarEvent, RequestKey, Uri};

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
        let account = |user: &str| {
            let agent = self.users.get(user).and_then(|id| self.config.agents.get(id))?;
            Some(agent.account.clone())
        };
        let reply = self.state.registrar.handle_register(now, flow, message, &account);
        let headers: Vec<(&str, &str)> =
            reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.respond(now, request, reply.status, &headers);
        let is_wrong_password = is_wrong_password(message, &reply);
        if is_wrong_password {
            self.state.throttle.failed(now, flow.remote.ip(), &claimed_name(message));
        }
        if reply.status == 200 {
            self.phone_is_alive(now, &flow);
        } else if is_wrong_password || reply.status != 401 {
            self.notice(Notice::RegisterRefused { flow, status: reply.status });
        }
    }

    /// Whether a REGISTER meets silence: its source guessed too often at this name.
    pub(super) fn is_throttled(&self, now: Instant, flow: &Flow, message: &Message) -> bool {
        self.state.throttle.is_spent(now, flow.remote.ip(), &claimed_name(message))
    }

    /// A REGISTER that was accepted shows a living phone, whatever was thought of it.
    fn phone_is_alive(&mut self, now: Instant, flow: &Flow) {
        let user = self.state.registrar.is_registered_flow(flow).map(str::to_owned);
        if let Some(agent) = user.and_then(|user| self.agent_of(&user)) {
            self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Reachable });
        }
    }

    pub(super) fn handle_registrar_event(&mut self, now: Instant, event: RegistrarEvent) {
        match event {
            RegistrarEvent::Registered { aor } => {
                let Some(agent) = self.agent_of(&aor) else {
                    return;
                };
                self.inform(now, acd::Input::Agent { agent, event: AgentEvent::LogIn });
                self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Reachable });
                let flow = self.state.registrar.bindings(&aor).next().map(|binding| binding.flow);
                if let Some(flow) = flow {
                    self.notice(Notice::Registered { agent, flow });
                }
            }
            RegistrarEvent::Unregistered { aor } | RegistrarEvent::Expired { aor } => {
                let Some(agent) = self.agent_of(&aor) else {
                    return;
                };
                self.inform(now, acd::Input::Agent { agent, event: AgentEvent::Unreachable });
                self.notice(Notice::Unregistered { agent });
            }
        }
    }

    fn agent_of(&self, user: &str) -> Option<AgentId> {
        self.users.get(user).copied()
    }
}

/// The name that a REGISTER is for; nobody has the empty one.
fn claimed_name(message: &Message) -> String {
    let to = message.to().ok().and_then(|to| Uri::read_str(to.uri).ok());
    to.and_then(|uri| uri.user_decoded().map(|user| user.into_owned())).unwrap_or_default()
}

/// Credentials came and were refused; neither the first challenge nor a nonce that grew old.
fn is_wrong_password(message: &Message, reply: &RegisterReply) -> bool {
    let is_stale = reply.headers.iter().any(|(_, value)| value.contains("stale=true"));
    reply.status == 401 && message.header(HeaderName::Authorization).is_some() && !is_stale
}
