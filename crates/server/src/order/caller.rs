//! What an operator orders of a caller who waits.

use acd::{CallerStage, Urgency};
use call::{CallView, CallerCommand, Engine, Stage};

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
        Stage::Waiting | Stage::Returned { .. } => {}
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
        CallOrder::Move { team } => CallerCommand::Move { team: self::team(config, team)? },
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

fn team(config: &call::Config, name: &str) -> Result<call::TeamId, String> {
    if let Some((team, _)) = config.teams.iter().find(|(_, known)| *known == name) {
        return Ok(*team);
    }
    let names: Vec<&str> = config.teams.values().map(String::as_str).collect();
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => format!("there is no team {name:?}: did you mean {near:?}?"),
        None => format!("there is no team {name:?}: the teams are {}", names.join(", ")),
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
            CallerCommand::Release => format!("{call}: released, he hears busy"),
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
            format!("{call}: {class}, waits for {team}{place}")
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
