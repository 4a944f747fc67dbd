//! Configurations that change while calls are up, a process that is about to end, and one after it.

use std::sync::Arc;

use call::{Config, Engine, Input, Setup};

use super::{What, World};
use crate::failure::Failure;
use crate::invariants::Invariants;
use crate::phone::PhoneAlarm;
use crate::plans;
use crate::scene::{self, Reload};
use crate::stage::Alarm;
use crate::tally::Happening;

impl World {
    /// A new configuration: the first one with this difference.
    pub(super) fn reload(&mut self, reload: Reload) -> Result<(), Failure> {
        if self.closing_since.is_some() {
            return Ok(());
        }
        self.tally.note(Happening::Reloaded);
        let mut config = (*self.first_config).clone();
        let mut floor = (*config.floor).clone();
        match reload {
            Reload::AsItWas => {}
            Reload::WithoutAgent(agent) => {
                config.agents.remove(&agent);
                floor.agents.remove(&agent);
            }
            Reload::WithoutPractice(practice) => {
                config.practices.remove(&practice);
                config.numbers.retain(|_, whose| *whose != practice);
                floor.practices.remove(&practice);
                self.truth.has_lost_practices = true;
            }
            Reload::OtherTeam { agent, team } => {
                if let Some(agent) = floor.agents.get_mut(&agent) {
                    agent.teams = vec![team];
                }
            }
            Reload::OtherRules { team, ring_for, wrap_up } => {
                if let Some(team) = floor.teams.get_mut(&team) {
                    (team.ring_for, team.wrap_up) = (ring_for, wrap_up);
                }
            }
            Reload::OtherTexts => {
                floor.practices.values_mut().for_each(plans::rename_texts);
                config.prompts = config
                    .prompts
                    .into_iter()
                    .map(|(id, text)| (plans::renamed(id), text))
                    .collect();
                for id in [&mut config.hold, &mut config.emergency.prompt] {
                    *id = id.map(plans::renamed);
                }
                for practice in config.practices.values_mut() {
                    practice.forwarding.accept = practice.forwarding.accept.map(plans::renamed);
                }
            }
        }
        config.floor = Arc::new(floor);
        self.configure(config)
    }

    pub(super) fn configure(&mut self, config: Config) -> Result<(), Failure> {
        for agent in Arc::clone(&self.first_config).agents.keys() {
            let was_known = self.scene.config.agents.contains_key(agent);
            let is_known = config.agents.contains_key(agent);
            if was_known != is_known {
                self.remembered.remove(&call::User::Agent(*agent));
                self.acquaint(&scene::user(u64::from(agent.0)), is_known);
            }
        }
        self.scene.config = Arc::new(config);
        self.invariants.configure(&self.scene.config);
        self.input(Input::Configure(Arc::clone(&self.scene.config)))
    }

    /// A user is gone, or is back and registers anew.
    fn acquaint(&mut self, user: &str, is_known: bool) {
        let (now, mut back) = (self.now, Vec::new());
        for phone in self.phones.iter_mut().filter(|phone| phone.is_of(user)) {
            if phone.acquaint(now, is_known) {
                back.push(phone.index);
            }
        }
        for index in back {
            let at = self.now + std::time::Duration::from_secs(3);
            self.push(at, What::Alarm(Alarm::Phone(index, PhoneAlarm::Register)));
        }
    }

    pub(super) fn drain(&mut self, hangs_up: bool) -> Result<(), Failure> {
        self.tally.note(if hangs_up { Happening::HungUpAll } else { Happening::Drained });
        self.truth.is_draining = true;
        self.truth.is_hung_up |= hangs_up;
        self.input(if hangs_up { Input::HangUpAll } else { Input::Drain })
    }

    /// Another life, which is told the last word of the one before.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        assert_eq!(self.engine.ledger().offered, 0, "the ledger of a life knows its calls alone");
        let seed = self.restore_dice.bytes32();
        let setup = Setup { node: 1, epoch: 2, seed, user_agent: "monoligne".to_owned() };
        self.engine = Engine::new(Arc::clone(&self.scene.config), setup);
        self.engine.log_scheduler(true);
        self.invariants = Invariants::new(&self.scene.config);
        // One by one: after each input what is remembered is checked against what the engine knows.
        let remembered = std::mem::take(&mut self.remembered);
        self.input(Input::Ports(self.scene.pool.clone()))?;
        for (user, standing) in remembered {
            self.remembered.insert(user, standing.clone());
            self.input(Input::Standing(standing))?;
        }
        Ok(())
    }
}
