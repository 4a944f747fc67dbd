//! What an operator orders: read, checked against what is, and told back. Here of a secretary's state;
//! `caller` of who waits, `practice` of hours and leave, `redirection` where callers may be sent, `removal`
//! what a new configuration ends of it.

pub(crate) mod caller;
pub(crate) mod practice;
pub(crate) mod redirection;
pub(crate) mod removal;

use acd::AgentView;
use call::{AgentCommand, AgentId, AgentState};

use crate::config::nearest;
use crate::control::AgentOrder;
use crate::names::Names;
use crate::status::state_word;
use crate::views::span;

/// Whom and what it means; else why it means nothing.
pub(crate) fn read(
    config: &call::Config,
    user: &str,
    order: &AgentOrder,
) -> Result<(AgentId, AgentCommand), String> {
    let Some((agent, _)) = config.agents.iter().find(|(_, agent)| agent.user == user) else {
        let users = config.agents.values().map(|agent| agent.user.as_str());
        return Err(match nearest(user, users) {
            Some(near) => format!("there is no secretary {user:?}: did you mean {near:?}?"),
            None => format!("there is no secretary {user:?}: `monoligne agents` shows them all"),
        });
    };
    let command = match order {
        AgentOrder::LogIn => AgentCommand::LogIn,
        AgentOrder::LogOut => AgentCommand::LogOut,
        AgentOrder::Pause { reason: None } => AgentCommand::Pause { reason: 0 },
        AgentOrder::Pause { reason: Some(reason) } => {
            AgentCommand::Pause { reason: pause(config, reason)? }
        }
        AgentOrder::Resume => AgentCommand::Resume,
        AgentOrder::EndWrapUp => AgentCommand::EndWrapUp,
        AgentOrder::Prolong { by } => AgentCommand::ProlongWrapUp { by: *by },
    };
    Ok((*agent, command))
}

fn pause(config: &call::Config, reason: &str) -> Result<u16, String> {
    let reasons = &config.pause_reasons;
    if let Some((number, _)) = reasons.iter().find(|(_, name)| name.eq_ignore_ascii_case(reason)) {
        return Ok(*number);
    }
    let names: Vec<&str> = reasons.values().map(String::as_str).collect();
    Err(match nearest(reason, names.iter().copied()) {
        Some(near) => format!("no reason {reason:?} is configured: did you mean {near:?}?"),
        None if names.is_empty() => format!(
            "no reason {reason:?} is configured: write `pause_reasons = [{reason:?}]` in [calls] \
             and reload, or leave --reason out"
        ),
        None => format!("no reason {reason:?} is configured: there are {}", names.join(", ")),
    })
}

/// Refuses what would change nothing: an operator must not believe that it did.
pub(crate) fn check(
    user: &str,
    command: AgentCommand,
    before: Option<&AgentView>,
) -> Result<(), String> {
    let Some(view) = before else { return Err(format!("{user} has just been removed")) };
    let is = |what: &str| Err(format!("{user} is {}: {what}", state_word(&view.state)));
    let has_left = view.state == AgentState::LoggedOut;
    let logs_out = view.pending == Some(acd::Pending::LogOut);
    let is_paused = matches!(view.state, AgentState::Paused { .. });
    let is_unheard = view.state == AgentState::NotResponding;
    let wraps_up = matches!(view.state, AgentState::WrapUp { .. });
    match command {
        AgentCommand::LogIn if has_left || logs_out || is_unheard => Ok(()),
        AgentCommand::LogIn if is_paused => is("she is logged in; `resume` ends her pause"),
        AgentCommand::LogIn => is("she is logged in already"),
        AgentCommand::LogOut if has_left => is("there is nothing to log out of"),
        AgentCommand::LogOut if logs_out => {
            is("she logs out after it already; `log-in` takes that back")
        }
        AgentCommand::LogOut => Ok(()),
        AgentCommand::Pause { .. } | AgentCommand::Resume if has_left => is("log her in first"),
        AgentCommand::Pause { .. } if logs_out => {
            is("she logs out after it; `log-in` takes that back")
        }
        AgentCommand::Pause { reason } if view.state == (AgentState::Paused { reason }) => {
            is("for that reason already")
        }
        AgentCommand::Pause { reason } if view.pending == Some(acd::Pending::Pause { reason }) => {
            is("she pauses after it already; `resume` takes that back")
        }
        AgentCommand::Pause { .. } => Ok(()),
        AgentCommand::Resume if view.pending.is_some() || is_paused || is_unheard => Ok(()),
        AgentCommand::Resume => is("there is no pause to end"),
        AgentCommand::EndWrapUp | AgentCommand::ProlongWrapUp { .. } if wraps_up => Ok(()),
        AgentCommand::EndWrapUp => is("there is no wrap-up to end"),
        AgentCommand::ProlongWrapUp { .. } => is("there is no wrap-up to prolong"),
    }
}

/// How she stands after it.
pub(crate) fn told(
    names: &Names,
    now: sip::Instant,
    agent: AgentId,
    after: Option<&AgentView>,
) -> String {
    let who = format!("{} ({})", names.user(agent), names.agent(agent));
    let Some(view) = after else { return format!("{who} is gone") };
    let state = state_word(&view.state);
    let reason = match view.state {
        AgentState::Paused { reason } => {
            names.pause(reason).map_or_else(String::new, |reason| format!(" ({reason})"))
        }
        AgentState::WrapUp { until } => {
            let now = acd::Instant::from_micros(now.as_micros());
            let left = until.saturating_duration_since(now).as_millis();
            format!(", {} left", span(u64::try_from(left).unwrap_or(u64::MAX)))
        }
        AgentState::LoggedOut
        | AgentState::Available
        | AgentState::Offered(_)
        | AgentState::Talking(_)
        | AgentState::Resting { .. }
        | AgentState::NotResponding => String::new(),
    };
    let then = match view.pending {
        Some(acd::Pending::LogOut) => ", and logs out after it",
        Some(acd::Pending::Pause { .. }) => ", and pauses after it",
        None if view.state == AgentState::Available && !view.reachable => {
            ", but no phone of hers can be reached: she gets no calls"
        }
        None => "",
    };
    format!("{who}: {state}{reason}{then}")
}
