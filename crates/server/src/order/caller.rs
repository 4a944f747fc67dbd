//! What an operator orders of a caller who waits.

use acd::{AgentState, CallerStage, Circle, Unsuited, Urgency};
use call::{AgentId, CallView, CallerCommand, Engine, PracticeId, Stage, TeamId};

use super::redirection;
use crate::config::nearest;
use crate::control::CallOrder;
use crate::names::Names;
use crate::status::urgency_word;

/// Whom and what it means; else why it cannot be.
pub(crate) fn read(
    engine: &Engine,
    config: &call::Config,
    call: &str,
    order: &CallOrder,
) -> Result<(CallView, CallerCommand), String> {
    let known = engine.live_calls().find(|view| view.call.to_string() == call);
    let Some(view) = known else {
        return Err(format!("no call {call:?} is up: `monoligne calls` shows them all"));
    };
    let refused = |why: &str| Err(format!("{call} {why}: only who waits can be moved"));
    match view.stage {
        Stage::Waiting | Stage::Returned { .. } | Stage::Pressed { .. } => {}
        Stage::Bridged { .. } | Stage::Connected { .. } => return refused("is in a conversation"),
        Stage::Announced { .. } => return refused("hears the text that ends his plan"),
    }
    let Some(waiting) = engine.scheduler().caller(view.caller) else {
        return refused("is about to end");
    };
    match waiting.stage {
        CallerStage::Waiting | CallerStage::Offered { .. } | CallerStage::Forwarded { .. } => {}
        CallerStage::Served { .. } | CallerStage::Connected { .. } => {
            return refused("is being answered");
        }
    }
    let command = match order {
        CallOrder::Rank { urgency, first } => {
            let before = waiting.waiting.urgency;
            let urgency = urgency.as_deref().map_or(Ok(before), self::urgency)?;
            if urgency == before && !first {
                return Err(format!("{call} is {} already", urgency_word(urgency)));
            }
            CallerCommand::Rank { urgency, first: *first }
        }
        CallOrder::Move { team } => {
            let team = self::team(config, team)?;
            somebody_may_have(config, waiting.acting, team)?;
            CallerCommand::Move { team }
        }
        CallOrder::Redirect { to } => {
            if matches!(view.stage, Stage::Returned { .. }) {
                return Err(format!(
                    "{call} has been answered and waits for a secretary: he cannot be forwarded"
                ));
            }
            let to = redirection::read(config, waiting.acting, to)?;
            CallerCommand::Redirect { to }
        }
        CallOrder::Release => CallerCommand::Release,
    };
    Ok((view, command))
}

fn urgency(word: &str) -> Result<Urgency, String> {
    let all = [Urgency::Vital, Urgency::Urgent, Urgency::Priority, Urgency::Normal];
    let known = all.into_iter().find(|it| urgency_word(*it) == word);
    known.ok_or_else(|| format!("no such class {word:?}: vital, urgent, priority or normal"))
}

fn team(config: &call::Config, name: &str) -> Result<TeamId, String> {
    if let Some((team, _)) = config.teams.iter().find(|(_, known)| *known == name) {
        return Ok(*team);
    }
    let names: Vec<&str> = config.teams.values().map(String::as_str).collect();
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => format!("there is no team {name:?}: did you mean {near:?}?"),
        None => format!("there is no team {name:?}: the teams are {}", names.join(", ")),
    })
}

/// Whom of the team he may have: the circles widen to all of it.
fn suited(
    config: &call::Config,
    practice: PracticeId,
    team: TeamId,
) -> impl Iterator<Item = AgentId> {
    let all = acd::verdicts(&config.floor, practice, team, Circle::Everyone);
    all.into_iter().filter(|verdict| verdict.unsuited.is_none()).map(|verdict| verdict.agent)
}

/// Who would wait for nobody, ever, is not moved.
fn somebody_may_have(
    config: &call::Config,
    practice: PracticeId,
    team: TeamId,
) -> Result<(), String> {
    if suited(config, practice, team).next().is_some() {
        return Ok(());
    }
    let name = config.teams.get(&team).map_or("?", String::as_str);
    let of_team = acd::verdicts(&config.floor, practice, team, Circle::Everyone);
    let is_of_sites = of_team.iter().any(|verdict| verdict.unsuited == Some(Unsuited::Site));
    Err(match is_of_sites {
        true => {
            let practice = config.practices.get(&practice).map_or("?", |it| it.name.as_str());
            format!(
                "nobody of {name} may have callers of {practice}: all work where it wants none of its \
                 callers answered (`sites` of its file); choose another team"
            )
        }
        false => format!("nobody is in the team {name}: choose another one"),
    })
}

/// Somebody who may have him is logged in with a phone that rings, busy or not.
fn is_somebody_there(
    engine: &Engine,
    config: &call::Config,
    practice: PracticeId,
    team: TeamId,
) -> bool {
    suited(config, practice, team).filter_map(|agent| engine.scheduler().agent(agent)).any(|view| {
        let is_in = !matches!(view.state, AgentState::LoggedOut | AgentState::NotResponding);
        is_in && view.reachable
    })
}

/// How he stands after it.
pub(crate) fn told(
    engine: &Engine,
    config: &call::Config,
    names: &Names,
    view: &CallView,
    command: &CallerCommand,
) -> String {
    let call = view.call;
    let scheduler = engine.scheduler();
    let Some(caller) = scheduler.caller(view.caller) else {
        return match command {
            CallerCommand::Release => match view.stage {
                Stage::Returned { .. } | Stage::Pressed { .. } => {
                    format!("{call}: released, he is hung up on")
                }
                Stage::Waiting
                | Stage::Bridged { .. }
                | Stage::Connected { .. }
                | Stage::Announced { .. } => format!("{call}: released, he hears busy"),
            },
            CallerCommand::Rank { .. }
            | CallerCommand::Move { .. }
            | CallerCommand::Redirect { .. } => format!("{call}: his plan is over"),
        };
    };
    let class = urgency_word(caller.waiting.urgency);
    let team = caller.waiting.team.map_or("?", |team| names.team(team));
    match caller.stage {
        CallerStage::Waiting => {
            let place = scheduler.waiting().position(|it| it.caller == view.caller);
            let place = place.map_or_else(String::new, |place| format!(", place {}", place + 1));
            let nobody = nobody(engine, config, caller.acting, command);
            format!("{call}: {class}, waits for {team}{place}{nobody}")
        }
        CallerStage::Offered { agent, .. } => {
            format!("{call}: {class}, rings {} ({})", names.user(agent), names.agent(agent))
        }
        CallerStage::Forwarded { target, .. } => {
            format!("{call}: {class}, forwarded to {}", redirection::place(config, target))
        }
        CallerStage::Served { .. } | CallerStage::Connected { .. } => {
            format!("{call}: is being answered")
        }
    }
}

/// Why he waits on although the order was carried out; mostly empty.
fn nobody(
    engine: &Engine,
    config: &call::Config,
    practice: PracticeId,
    command: &CallerCommand,
) -> String {
    match command {
        CallerCommand::Move { team } if !is_somebody_there(engine, config, practice, *team) => {
            ", but nobody is there who may have him".to_owned()
        }
        CallerCommand::Redirect { to } if !redirection::is_reachable(engine, to.target) => {
            let place = redirection::place(config, to.target);
            format!(": no phone of {place} can be reached, so his plan goes on")
        }
        CallerCommand::Move { .. }
        | CallerCommand::Redirect { .. }
        | CallerCommand::Rank { .. }
        | CallerCommand::Release => String::new(),
    }
}
