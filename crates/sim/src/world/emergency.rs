//! Emergency numbers that phones dial: whoever is known is put through by the trunk of her site, with its
//! number, whatever else goes on; or she is told that it failed, for a reason that is one.

use bytes::Bytes;
use call::{EmergencyOutcome, Site, TrunkId, User};
use sip::{Flow, HeaderName, Message};

use super::World;
use crate::failure::{Check, Failure};
use crate::outside::Whose;
use crate::scene::Tight;
use crate::tally::Happening;

impl World {
    /// The INVITE reaches the engine: of a phone that is bound, it is taken.
    pub(super) fn emergency_arrives(
        &mut self,
        phone: u16,
        dial: u32,
        flow: Flow,
        bytes: Bytes,
    ) -> Result<(), Failure> {
        let is_first = self.phones[usize::from(phone)].emergency_arrives(dial);
        let mut agents = self.scene.config.agents.iter();
        let her = agents.find(|(_, agent)| self.phones[usize::from(phone)].is_of(&agent.user));
        let user = her.map(|(&id, _)| id);
        let is_bound = user.is_some_and(|agent| {
            self.engine.bindings(agent).any(|it| it.flow.remote == flow.remote)
        });
        let before = self.emergencies;
        self.receive(flow, bytes)?;
        if is_first && is_bound && self.emergencies == before {
            let detail = format!("phone {phone} dials in vain");
            return Err(Failure::new(Check::Emergency, detail));
        }
        Ok(())
    }

    fn site_of(&self, user: User) -> Option<&Site> {
        let User::Agent(agent) = user else { return None };
        let config = &self.scene.config;
        config.sites.get(&config.floor.agents.get(&agent)?.site)
    }

    fn knows(&self, user: User) -> bool {
        match user {
            User::Agent(agent) => self.scene.config.floor.agents.contains_key(&agent),
            User::Phone(phone) => self.scene.config.phones.contains_key(&phone),
        }
    }

    /// The trunk by which it must leave.
    fn way_out(&self, user: User) -> Option<TrunkId> {
        let trunk = self.site_of(user)?.trunk;
        self.scene.config.trunks.get(&trunk)?.outbound.as_ref().map(|_| trunk)
    }

    pub(super) fn emergency_dialled(
        &mut self,
        user: User,
        trunk: Option<TrunkId>,
    ) -> Result<(), Failure> {
        self.emergencies += 1;
        self.tally.note(Happening::EmergencyDialled);
        if self.truth.is_draining {
            self.tally.note(Happening::EmergencyWhileDraining);
        }
        let expected = self.way_out(user);
        if trunk != expected {
            let detail = format!("{user:?} goes out by {trunk:?}, must by {expected:?}");
            return Err(Failure::new(Check::Emergency, detail));
        }
        Ok(())
    }

    /// By whom it leaves and what it shows there.
    pub(super) fn check_exit(
        &self,
        user: User,
        trunk: u16,
        invite: &Message,
    ) -> Result<Whose, Failure> {
        let number = self.site_of(user).map(|site| site.number.to_string()).unwrap_or_default();
        let shown = invite.from().ok().and_then(|from| from.user().map(|user| user.to_string()));
        let asserted = invite.text(HeaderName::PAssertedIdentity).unwrap_or_default();
        let phone = self.phones.iter().find(|phone| match user {
            User::Agent(agent) => {
                self.scene.config.agents.get(&agent).is_some_and(|it| phone.is_of(&it.user))
            }
            User::Phone(_) => false,
        });
        let is_right = self.way_out(user) == Some(TrunkId(u32::from(trunk)))
            && shown.as_deref() == Some(number.as_str())
            && asserted.contains(&number);
        match phone.filter(|_| is_right) {
            Some(phone) => Ok(Whose::Phone(phone.index)),
            None => {
                let detail = format!("{user:?} leaves by trunk {trunk} as {shown:?}, {asserted}");
                Err(Failure::new(Check::Emergency, detail))
            }
        }
    }

    pub(super) fn emergency_failed(
        &mut self,
        user: User,
        why: EmergencyOutcome,
    ) -> Result<(), Failure> {
        use EmergencyOutcome as E;
        self.tally.note(Happening::EmergencyFailed);
        let is_right = match why {
            E::NoSite => self.site_of(user).is_none(),
            E::NoTrunk => self.site_of(user).is_some() && self.way_out(user).is_none(),
            // What went out while she was known may fail when she is not.
            E::Busy | E::Unreachable | E::Refused | E::NoCodec => {
                self.way_out(user).is_some() || !self.knows(user)
            }
            E::Full => self.scene.tight == Tight::Ports,
            E::Stopped => self.truth.is_hung_up,
            E::Answered | E::Abandoned | E::OtherFamily | E::Guarded => false,
        };
        match is_right {
            true => Ok(()),
            false => Err(Failure::new(Check::Emergency, format!("{user:?} fails: {why:?}"))),
        }
    }
}
