//! What the live page shows.

use acd::Urgency;
use sip::Instant;

use super::screen::Size;
use super::stage::{Live, Stage, spoken};
use crate::floor::PhoneState;

/// Waiting callers that are shown one by one, where there is room.
const WAITING_SHOWN: usize = 8;

/// The page's lines, for 80 columns. Few rows show fewer waiting callers and events.
pub(super) fn page(stage: &Stage, size: Size) -> Vec<String> {
    // Headings, empty lines, the table of practices, that of secretaries, and the last row.
    let fixed = 10 + stage.cast.practices.len() + stage.phones.len();
    let spare = size.rows.saturating_sub(fixed);
    let callers = spare.div_ceil(2).min(WAITING_SHOWN);
    let events = spare - callers;
    let now = stage.floor.now();
    let mut lines = vec![headline(stage, now), String::new()];
    practices(stage, &mut lines);
    waiting(stage, now, callers, &mut lines);
    secretaries(stage, now, &mut lines);
    lines.push(heading("Last events"));
    let passed_over = stage.events.len().saturating_sub(events);
    lines.extend(stage.events.iter().skip(passed_over).cloned());
    lines
}

fn headline(stage: &Stage, now: Instant) -> String {
    let elapsed = now.saturating_duration_since(stage.opened_at).as_secs();
    let length = stage.length.as_secs();
    format!(
        "\x1b[1mmonoligne\x1b[0m  a Monday morning, 8 o'clock, in {length} s: {elapsed:>3} s   \
         \x1b[2mCtrl-C ends it\x1b[0m"
    )
}

fn practices(stage: &Stage, lines: &mut Vec<String>) {
    let columns = "within   calls  answered   waiting   gave up";
    lines.push(heading(&format!("{:<34} {columns}", "Practices")));
    for (index, practice) in stage.cast.practices.iter().enumerate() {
        let tally = &stage.tallies[index];
        let waiting = stage.live.values().filter(|live| live.practice == index && is_waiting(live));
        lines.push(format!(
            "  {:<17} {:<14} {:>4} s{} {:>5}  {:>8}  {:>8}  {:>8}",
            practice.label,
            practice.number,
            practice.answer_within.as_secs(),
            if practice.urgency == Urgency::Urgent { " !" } else { "  " },
            tally.calls,
            tally.answered,
            waiting.count(),
            tally.gave_up,
        ));
    }
    lines.push(String::new());
}

fn waiting(stage: &Stage, now: Instant, shown: usize, lines: &mut Vec<String>) {
    let mut waiting: Vec<&Live> = stage.live.values().filter(|live| is_waiting(live)).collect();
    // The order in which they will be served.
    waiting.sort_by_key(|live| {
        let practice = &stage.cast.practices[live.practice];
        (practice.urgency, live.placed_at + practice.answer_within, live.placed_at)
    });
    lines.push(heading(&format!("Waiting callers: {}", waiting.len())));
    for live in waiting.iter().take(shown) {
        let waited = now.saturating_duration_since(live.placed_at);
        let bar = "▪".repeat(usize::try_from(waited.as_secs()).unwrap_or(0).min(30));
        let practice = &stage.cast.practices[live.practice];
        let colour = if waited > practice.answer_within { "31" } else { "36" };
        let (number, label, seconds) = (&live.number, practice.label, waited.as_secs_f64());
        lines.push(format!("  {number}  {label:<17} {seconds:>5.1} s  \x1b[{colour}m{bar}\x1b[0m"));
    }
    lines.extend((waiting.len()..shown).map(|_| String::new()));
    lines.push(String::new());
}

fn secretaries(stage: &Stage, now: Instant, lines: &mut Vec<String>) {
    let status = stage.server.status().ok();
    lines.push(heading("Secretaries"));
    for (phone, secretary) in stage.phones.iter().zip(&stage.cast.secretaries) {
        let agents = status.iter().flat_map(|status| &status.agents);
        let agent = agents.into_iter().find(|agent| agent.user == secretary.user);
        let (state, with) = match stage.floor.phone_state(*phone) {
            PhoneState::Ringing { caller, since } => ("rings", Some((caller, since))),
            PhoneState::Talking { caller, since } => ("talks", Some((caller, since))),
            PhoneState::Idle => (agent.map_or("idle", |agent| agent.state.as_str()), None),
            PhoneState::Unregistered => ("not registered", None),
        };
        let with = with.map_or_else(String::new, |(caller, since)| {
            let seconds = now.saturating_duration_since(since).as_secs_f64();
            let number = spoken(&caller);
            let live = stage.live.values().find(|live| live.number == number);
            let label = live.map_or("", |live| stage.cast.practices[live.practice].label);
            format!("{number}  {label:<17} {seconds:>5.1} s")
        });
        lines.push(format!("  {:<10} {:<16} {with}", secretary.name, paint(state)));
    }
    lines.push(String::new());
}

fn is_waiting(live: &Live) -> bool {
    live.answered_at.is_none()
}

fn heading(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}

/// The word in the width of the column, coloured.
fn paint(state: &str) -> String {
    let colour = match state {
        "talks" => "32",
        "rings" => "33",
        "not registered" => "31",
        _ => "2",
    };
    format!("\x1b[{colour}m{state:<16}\x1b[0m")
}
