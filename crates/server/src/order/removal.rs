//! What goes with what a new configuration has no longer, or ends because it allows it no longer: told to
//! who reloads, before it holds. Of numbers two digits are shown: it is logged too.

use acd::AgentState;
use call::{E164, Engine, Override, Overriding, PracticeId, Target};

use super::practice::{shown, zone};
use super::redirection;

#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// Their overrides are to be ended.
    pub(crate) ended: Vec<PracticeId>,
    /// A line each.
    pub(crate) told: Vec<String>,
}

/// Of an engine that has the old configuration still.
pub(crate) fn of(engine: &Engine, old: &call::Config, new: &call::Config) -> Removal {
    let mut removal = Removal::default();
    for (practice, over) in engine.scheduler().overrides() {
        removal.consider(old, new, practice, &over);
    }
    removal.told.extend(secretaries(engine, old, new));
    removal.told.extend(phones(engine, old, new));
    removal
}

impl Removal {
    fn consider(
        &mut self,
        old: &call::Config,
        new: &call::Config,
        practice: PracticeId,
        over: &Override,
    ) {
        let said = said(old, practice, over);
        let Some(known) = new.practices.get(&practice) else {
            // Of one that was gone before it was told then.
            self.told.extend(old.practices.get(&practice).map(|gone| {
                format!(
                    "! practice {}: there is none such any more: its override ({said}) has no effect",
                    gone.name
                )
            }));
            return;
        };
        if !still_holds(new, practice, over) {
            self.ended.push(practice);
            self.told.push(format!(
                "! practice {}: its override ({said}) is ended, for it may not be redirected there any \
                 more: hours and leave hold",
                known.name
            ));
        }
    }
}

/// Whether the configuration still allows what the practice said.
pub(crate) fn still_holds(config: &call::Config, practice: PracticeId, over: &Override) -> bool {
    match &over.what {
        Overriding::Open | Overriding::Closed | Overriding::Leave => true,
        Overriding::Redirect(to) => redirection::still_holds(config, practice, to),
    }
}

fn said(config: &call::Config, practice: PracticeId, over: &Override) -> String {
    let what = match over.what {
        Overriding::Open => "open".to_owned(),
        Overriding::Closed => "closed".to_owned(),
        Overriding::Leave => "on leave".to_owned(),
        Overriding::Redirect(to) => match to.target {
            Target::Line(line) => format!("redirected to {}", E164::of_line(line).redacted()),
            phone @ Target::Phone(_) => {
                format!("redirected to {}", redirection::place(config, phone))
            }
        },
    };
    format!("{what} until {}", shown(zone(config, practice), over.until_unix_ms))
}

fn secretaries(engine: &Engine, old: &call::Config, new: &call::Config) -> Vec<String> {
    let gone = engine.scheduler().agents().filter(|view| !new.agents.contains_key(&view.agent));
    let told = gone.filter_map(|view| {
        let (user, name) = old.agents.get(&view.agent).map(|it| (&it.user, &it.name))?;
        let what = match view.state {
            AgentState::Talking(_) => {
                "is in a conversation, which goes on to its end; she gets no other"
            }
            AgentState::Offered(_) => "was being rung: her caller waits on at his place",
            AgentState::LoggedOut
            | AgentState::Available
            | AgentState::WrapUp { .. }
            | AgentState::Resting { .. }
            | AgentState::Paused { .. }
            | AgentState::NotResponding => return None,
        };
        Some(format!("! agent {user} ({name}): removed, and {what}"))
    });
    told.collect()
}

/// Those that are no secretary's, and registered.
fn phones(engine: &Engine, old: &call::Config, new: &call::Config) -> Vec<String> {
    let gone = old.phones.iter().filter(|(id, _)| !new.phones.contains_key(id));
    let registered = gone.filter(|(id, _)| engine.phone_bindings(**id).next().is_some());
    let told = registered.map(|(_, phone)| {
        format!("! phone {} ({}): removed, its registration is forgotten", phone.user, phone.name)
    });
    told.collect()
}
