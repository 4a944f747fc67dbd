//! What ids are called, for logs, records and displays.
//!
//! A reload takes things out of the configuration while calls of theirs are up: names stay for the
//! process's life, as their ids do (`config/ids.rs`).

use std::collections::BTreeMap;

use call::{AgentId, PhoneId, PracticeId, PromptId, TeamId, TrunkId, User};

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    trunks: BTreeMap<TrunkId, String>,
    practices: BTreeMap<PracticeId, String>,
    teams: BTreeMap<TeamId, String>,
    agents: BTreeMap<AgentId, Registrant>,
    phones: BTreeMap<PhoneId, Registrant>,
    prompts: BTreeMap<PromptId, String>,
    pauses: BTreeMap<u16, String>,
}

/// Who has a phone.
#[derive(Clone, Debug)]
struct Registrant {
    user: String,
    name: String,
}

impl Names {
    /// Those of this configuration too; the same id has its latest name.
    pub(crate) fn with(mut self, config: &call::Config) -> Self {
        self.trunks.extend(config.trunks.iter().map(|(id, it)| (*id, it.name.clone())));
        self.practices.extend(config.practices.iter().map(|(id, it)| (*id, it.name.clone())));
        self.teams.extend(config.teams.iter().map(|(id, name)| (*id, name.clone())));
        self.prompts.extend(config.prompts.iter().map(|(id, it)| (*id, it.name.clone())));
        self.pauses.extend(config.pause_reasons.iter().map(|(id, name)| (*id, name.clone())));
        let of = |user: &str, name: &str| Registrant { user: user.into(), name: name.into() };
        self.agents.extend(config.agents.iter().map(|(id, it)| (*id, of(&it.user, &it.name))));
        self.phones.extend(config.phones.iter().map(|(id, it)| (*id, of(&it.user, &it.name))));
        self
    }

    pub(crate) fn trunk(&self, id: TrunkId) -> &str {
        self.trunks.get(&id).map_or("?", String::as_str)
    }

    pub(crate) fn practice(&self, id: PracticeId) -> &str {
        self.practices.get(&id).map_or("?", String::as_str)
    }

    /// `?` where nobody named it: the engine itself knows numbers only.
    pub(crate) fn team(&self, id: TeamId) -> &str {
        self.teams.get(&id).map_or("?", String::as_str)
    }

    pub(crate) fn prompt(&self, id: PromptId) -> &str {
        self.prompts.get(&id).map_or("?", String::as_str)
    }

    pub(crate) fn user(&self, id: AgentId) -> &str {
        self.agents.get(&id).map_or("?", |agent| &agent.user)
    }

    pub(crate) fn agent(&self, id: AgentId) -> &str {
        self.agents.get(&id).map_or("?", |agent| &agent.name)
    }

    /// Of a phone that is no secretary's.
    pub(crate) fn phone(&self, id: PhoneId) -> &str {
        self.phones.get(&id).map_or("?", |phone| &phone.name)
    }

    pub(crate) fn phone_user(&self, id: PhoneId) -> &str {
        self.phones.get(&id).map_or("?", |phone| &phone.user)
    }

    pub(crate) fn dialler(&self, user: User) -> &str {
        match user {
            User::Agent(agent) => self.user(agent),
            User::Phone(phone) => self.phone(phone),
        }
    }

    /// `None`: a pause for no reason in particular.
    pub(crate) fn pause(&self, reason: u16) -> Option<&str> {
        self.pauses.get(&reason).map(String::as_str)
    }
}
