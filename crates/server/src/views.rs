//! A [`Status`] for people: what the commands of the same names print.

use std::fmt::Write as _;

use call::EmergencyOutcome;

use crate::records::OrderRow;
use crate::status::{AgentStatus, Status, TeamStatus};
use crate::table::Side::{Left, Right};
use crate::table::Table;

/// The whole in a page: what is up, what went wrong.
pub fn status(status: &Status) -> String {
    let mut text = String::new();
    let listen: Vec<String> = status.listen.iter().map(ToString::to_string).collect();
    let state = match status.draining {
        true => "DRAINING: new calls are refused",
        false => "takes calls",
    };
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<14}{value}");
    };
    line(
        "monoligne",
        format!(
            "{} {state}, up {}, on {}",
            status.version,
            span(status.uptime_s * 1_000),
            listen.join(", ")
        ),
    );
    let stage = |stage: &str| status.calls.iter().filter(|call| call.stage == stage).count();
    line(
        "calls",
        format!(
            "{} live: {} waiting, {} offered, {} forwarded, {} bridged, {} announced",
            status.calls.len(),
            stage("waiting") + stage("returned") + stage("pressed"),
            stage("offered"),
            stage("forwarding") + stage("connected"),
            stage("bridged"),
            stage("announced"),
        ),
    );
    let ended = status.ledger.dispositions.iter().filter(|(_, count)| **count > 0);
    let ended: Vec<String> =
        ended.map(|(disposition, count)| format!("{count} {}", disposition.as_str())).collect();
    let ended = if ended.is_empty() { "none over".to_owned() } else { ended.join(", ") };
    line("since start", format!("{} offered: {ended}", status.ledger.offered));
    if let Some(longest) = status.queue.iter().map(|waiting| waiting.waited_ms).max() {
        line("longest wait", span(longest));
    }
    line("secretaries", people(&status.agents));
    for team in &status.teams {
        line(if team.name == status.teams[0].name { "teams" } else { "" }, self::team(team));
    }
    line("phones", format!("{} registered", status.registrations.len()));
    line(
        "voice ports",
        format!(
            "{} of {} pairs in use, {} spare",
            status.ports_in_use, status.ports, status.ports_spare
        ),
    );
    line(
        "messages",
        format!(
            "{} in, {} out, {} malformed, {} of strangers, {} dropped",
            status.traffic.received,
            status.traffic.sent,
            status.traffic.malformed,
            status.ledger.strangers,
            status.inbox_dropped
        ),
    );
    let latency = &status.latency;
    line(
        "latency",
        format!(
            "p50 {} µs, p99 {} µs, p99.9 {} µs, max {} µs",
            latency.p50_us, latency.p99_us, latency.p999_us, latency.max_us
        ),
    );
    let records = &status.records;
    let failing = if records.is_failing { ", THE DISK FAILS" } else { "" };
    line(
        "records",
        format!(
            "{} written, {} held, {} lost{failing}",
            records.written, records.held, records.lost
        ),
    );
    let reloads = &status.reloads;
    let last = match reloads.last_refused_ms > reloads.last_done_ms {
        true => ", THE LAST ONE REFUSED: see the log",
        false => "",
    };
    line("reloads", format!("{} done, {} refused{last}", reloads.done, reloads.refused));
    for practice in status.practices.iter().filter(|it| it.overridden.is_some()) {
        let said = practice.overridden.as_deref().unwrap_or_default();
        line("override", format!("{}: {said}", practice.name));
    }
    for agent in &status.agents {
        if let Some(number) = &agent.emergency {
            line("emergency", format!("{} is in a call to {number}", agent.user));
        }
    }
    let failed = failed_emergencies(status);
    if !failed.is_empty() {
        line("EMERGENCY", format!("CALLS NOT PUT THROUGH: {failed}; see the log"));
    }
    let violations = status.ledger.single_line_violations;
    if violations > 0 {
        line(
            "SINGLE LINE",
            format!("VIOLATED {violations} TIMES: a bug of monoligne, tell its makers"),
        );
    }
    text.trim_end().to_owned()
}

/// `2 no_site, 1 busy`.
fn failed_emergencies(status: &Status) -> String {
    let is_failure = |outcome: &EmergencyOutcome| {
        !matches!(outcome, EmergencyOutcome::Answered | EmergencyOutcome::Abandoned)
    };
    let failed = status.ledger.emergencies.iter().filter(|(outcome, _)| is_failure(outcome));
    let failed: Vec<String> =
        failed.map(|(outcome, count)| format!("{count} {}", outcome.as_str())).collect();
    failed.join(", ")
}

/// `pool: 3 there, 1 free, 2 waiting, expected wait 0:40; 92 % answered (96 % with one more, 71 % with
/// one less)`.
fn team(team: &TeamStatus) -> String {
    let mut text = format!("{}: {} there, {} free", team.name, team.there, team.free);
    let _ = write!(text, ", {} waiting", team.waiting);
    match team.expected_wait_ms {
        Some(wait) => {
            let _ = write!(text, ", expected wait {}", span(wait));
        }
        None => text.push_str(", nobody to answer"),
    }
    if let Some(rate) = team.answer_rate {
        let _ = write!(text, "; {} will be answered", percent(rate));
        let others =
            [("one more", team.answer_rate_one_more), ("one less", team.answer_rate_one_less)];
        let others: Vec<String> = others
            .iter()
            .filter_map(|(whom, rate)| Some(format!("{} with {whom}", percent((*rate)?))))
            .collect();
        let _ = write!(text, " ({})", others.join(", "));
    }
    text
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `2 available, 1 talking`, in the order of [`AGENT_STATES`](crate::status::AGENT_STATES).
fn people(agents: &[AgentStatus]) -> String {
    let of = |state: &str| agents.iter().filter(|agent| agent.state == state).count();
    let states = crate::status::AGENT_STATES.map(|state| (state, of(state)));
    let there: Vec<String> = states
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    if there.is_empty() { "none".to_owned() } else { there.join(", ") }
}

pub fn agents(status: &Status) -> String {
    let mut table = Table::new([
        ("USER", Left),
        ("NAME", Left),
        ("STATE", Left),
        ("PHONE", Left),
        ("MISSES", Right),
        ("TEAMS", Left),
    ]);
    for agent in &status.agents {
        table.row([
            agent.user.clone(),
            agent.name.clone(),
            state(agent),
            phone(status, agent).to_owned(),
            agent.misses.to_string(),
            agent.teams.join(", "),
        ]);
    }
    table.or("no secretaries are configured")
}

fn phone(status: &Status, agent: &AgentStatus) -> &'static str {
    let is_registered = status.registrations.iter().any(|phone| phone.user == agent.user);
    match (is_registered, agent.is_reachable) {
        (true, true) => "registered",
        (true, false) => "does not answer",
        (false, _) => "none",
    }
}

/// `paused (repas)`, `wrap-up, 0:04 left`, `talking, then pause`, `busy, in an emergency call (15)`.
fn state(agent: &AgentStatus) -> String {
    let mut text = match (&agent.emergency, agent.state.as_str()) {
        (Some(_), "available") => "busy".to_owned(),
        (Some(_) | None, state) => state.to_owned(),
    };
    if let Some(reason) = &agent.reason {
        let _ = write!(text, " ({reason})");
    }
    if let Some(left) = agent.left_ms {
        let _ = write!(text, ", {} left", span(left));
    }
    if let Some(then) = &agent.then {
        let _ = write!(text, ", then {then}");
    }
    if let Some(number) = &agent.emergency {
        let _ = write!(text, ", in an emergency call ({number})");
    }
    text
}

pub fn calls(status: &Status) -> String {
    let mut table = Table::new([
        ("CALL", Left),
        ("STAGE", Left),
        ("SINCE", Right),
        ("TALKING", Right),
        ("CLASS", Left),
        ("AGENT", Left),
        ("CALLER", Left),
        ("PRACTICE", Left),
        ("TRUNK", Left),
    ]);
    for call in &status.calls {
        table.row([
            call.call.clone(),
            call.stage.clone(),
            span(call.since_arrival_ms),
            call.talking_ms.map_or_else(dash, span),
            call.urgency.clone(),
            call.agent.clone().unwrap_or_else(dash),
            call.caller.clone(),
            call.practice.clone(),
            call.trunk.clone(),
        ]);
    }
    table.or("no calls")
}

pub fn queue(status: &Status) -> String {
    let mut table = Table::new([
        ("#", Right),
        ("CALL", Left),
        ("CLASS", Left),
        ("WAITED", Right),
        ("DEADLINE", Right),
        ("STEP", Right),
        ("TEAM", Left),
        ("CIRCLE", Left),
        ("CALLER", Left),
        ("PRACTICE", Left),
    ]);
    for waiting in &status.queue {
        let left = waiting.deadline_in_ms;
        let deadline = match left < 0 {
            true => format!("{} late", span(left.unsigned_abs())),
            false => format!("in {}", span(left.unsigned_abs())),
        };
        table.row([
            waiting.place.to_string(),
            waiting.call.clone(),
            waiting.urgency.clone(),
            span(waiting.waited_ms),
            deadline,
            waiting.step.to_string(),
            waiting.team.clone(),
            waiting.circle.clone(),
            waiting.caller.clone(),
            waiting.practice.clone(),
        ]);
    }
    table.or("nobody waits")
}

pub fn registrations(status: &Status) -> String {
    let mut table = Table::new([
        ("USER", Left),
        ("CONTACT", Left),
        ("FROM", Left),
        ("EXPIRES", Right),
        ("ANSWERS", Left),
        ("PHONE", Left),
    ]);
    for phone in &status.registrations {
        table.row([
            phone.user.clone(),
            phone.contact.clone(),
            format!("{} {}", phone.transport.to_lowercase(), phone.source),
            format!("in {}", span(phone.expires_in_s * 1_000)),
            if phone.is_reachable { "yes" } else { "no" }.to_owned(),
            phone.user_agent.clone().unwrap_or_else(dash),
        ]);
    }
    table.or("no phone is registered")
}

pub fn trunks(status: &Status) -> String {
    let mut table =
        Table::new([("TRUNK", Left), ("CALLS", Right), ("TRANSPORT", Left), ("SOURCES", Left)]);
    for trunk in &status.trunks {
        table.row([
            trunk.name.clone(),
            trunk.calls.to_string(),
            trunk.transports.join(", ").to_lowercase(),
            trunk.sources.join(", "),
        ]);
    }
    table.or("no trunks are configured")
}

pub fn practices(status: &Status) -> String {
    let mut table = Table::new([
        ("KEY", Left),
        ("PRACTICE", Left),
        ("NOW", Left),
        ("CALLS", Right),
        ("WAITING", Right),
        ("NUMBERS", Right),
        ("LABEL", Left),
        ("OVERRIDE", Left),
        ("COMMENT", Left),
    ]);
    for practice in &status.practices {
        table.row([
            practice.key.clone(),
            practice.name.clone(),
            practice.situation.clone(),
            practice.calls.to_string(),
            practice.waiting.to_string(),
            practice.numbers.to_string(),
            practice.label.clone(),
            practice.overridden.clone().unwrap_or_else(dash),
            practice.comment.clone(),
        ]);
    }
    table.or("no practices are configured")
}

/// On the clock of mainland France.
pub fn orders(orders: &[OrderRow]) -> String {
    let mut table = Table::new([
        ("WHEN", Left),
        ("WHO", Left),
        ("OF", Left),
        ("WHOM", Left),
        ("ORDER", Left),
        ("OUTCOME", Left),
    ]);
    for order in orders {
        table.row([
            acd::TimeZone::PARIS.wall(order.ordered_ms).replace('T', " "),
            order.user.clone().unwrap_or_else(|| format!("uid {}", order.uid)),
            order.kind.clone(),
            order.whom.clone(),
            order.what.clone(),
            order.outcome.clone(),
        ]);
    }
    table.or("nothing was ordered")
}

fn dash() -> String {
    "–".to_owned()
}

/// `0:07`, `12:30`, `3:02:05`, `2 d 03:00:00`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{seconds:02}"),
        (0, hours) => format!("{hours}:{minutes:02}:{seconds:02}"),
        (days, hours) => format!("{days} d {hours:02}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_an_emergency_call_is_busy_whatever_her_state() {
        let shown = |state_word: &str| {
            state(&AgentStatus {
                user: "101".to_owned(),
                name: "Alice".to_owned(),
                teams: Vec::new(),
                state: state_word.to_owned(),
                reason: None,
                left_ms: None,
                then: None,
                emergency: Some("15".to_owned()),
                is_reachable: true,
                misses: 0,
            })
        };
        assert_eq!(shown("available"), "busy, in an emergency call (15)");
        assert_eq!(shown("talking"), "talking, in an emergency call (15)");
    }

    #[test]
    fn spans_are_written_as_clocks_show_them() {
        let written = [7_400, 750_000, 10_925_000, 183_600_000].map(span);
        assert_eq!(written, ["0:07", "12:30", "3:02:05", "2 d 03:00:00"]);
    }
}
