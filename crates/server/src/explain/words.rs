//! An explanation for people.

use std::fmt::Write as _;
use std::time::Duration;

use acd::{Queue, Step, Unsuited};

use super::{CircleOf, Explanation, Suited, Who};
use crate::order::redirection::place;
use crate::views::span;

/// `25 s`, `1 min 30 s`, `2 h`, `400 ms`.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if !ms.is_multiple_of(1_000) {
        return format!("{ms} ms");
    }
    let seconds = ms / 1_000;
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

pub(super) fn person(user: &str, name: &str) -> String {
    if user == name { user.to_owned() } else { format!("{user} ({name})") }
}

pub(super) fn unsuited(why: Unsuited) -> &'static str {
    match why {
        Unsuited::Team => "not of the team",
        Unsuited::Site => "works where the practice wants nobody to",
        Unsuited::NotOwn => "not the practice's own",
        Unsuited::NotSkilled => "has not the practice's skill",
    }
}

/// A step of a plan.
pub(crate) fn step(config: &call::Config, step: &Step) -> String {
    match step {
        Step::Queue(queue) => self::queue(config, queue),
        Step::Forward(forward) => {
            let to = place(config, forward.target);
            format!("ring {to} for {}", duration(forward.ring_for))
        }
        Step::Practice(practice) => {
            let name = config.practices.get(practice).map_or("?", |it| &it.name);
            format!("go on with the plan of {name}")
        }
        Step::Announce { prompt, answer, urgent_key } => {
            let name = config.prompts.get(prompt).map_or("?", |it| &it.name);
            let how = if *answer { "answered for it" } else { "not answered" };
            format!("hear \"{name}\" ({how}), the end{}", unless_pressed(*urgent_key))
        }
        Step::Busy => "hear busy, the end".to_owned(),
    }
}

/// What the key of a text changes.
pub(super) fn unless_pressed(key: Option<char>) -> String {
    key.map_or_else(String::new, |key| {
        format!(", unless he presses {key}: he is urgent then, and goes on with the next step")
    })
}

fn queue(config: &call::Config, queue: &Queue) -> String {
    let team = config.teams.get(&queue.team).map_or("?", String::as_str);
    let mut text = format!("wait for the team {team}");
    let _ = match queue.until {
        Some(until) => write!(text, " for {}", duration(until)),
        None => write!(text, " without end"),
    };
    if let Some(nobody) = queue.nobody {
        let _ = match nobody.is_zero() {
            true => write!(text, ", not while nobody is there"),
            false => write!(text, ", no longer than {} without anybody there", duration(nobody)),
        };
    }
    if let Some(waiting) = queue.unless_waiting {
        let _ = write!(text, "; passed over when {waiting} wait already");
    }
    if let Some(expected) = queue.unless_expected {
        let _ = write!(
            text,
            "; passed over when a longer wait than {} is expected",
            duration(expected)
        );
    }
    if queue.unless_none_free {
        text.push_str("; passed over when nobody who may have him is free");
    }
    text
}

/// How wide the names of the parts are.
const MARGIN: usize = 11;

/// The whole.
pub(super) fn text(told: &Explanation) -> String {
    let mut page = Page(String::new());
    let at = format!("{} {} {}", told.weekday, &told.at[..10], &told.at[11..16]);
    let _ = writeln!(
        page.0,
        "{} calls {} on {at} ({})\n",
        if told.from == "withheld" { "A withheld number" } else { &told.from },
        told.did,
        told.zone
    );
    if let Some(refused) = &told.refused {
        page.line("refused", refused, None);
        return page.0.trim_end().to_owned();
    }
    if let Some(practice) = &told.practice {
        let by = match practice.by.as_str() {
            "own" => format!("{} is its number", practice.number),
            "forwarded" => format!("the call was forwarded from {}", practice.number),
            _ => format!("{} is shared, and the call names no practice", practice.number),
        };
        page.line("practice", &format!("{}: {by}", practice.name), practice.place.as_deref());
    }
    if let Some(class) = &told.class {
        let what = format!("{}: {}", class.urgency, class.why);
        page.line("class", &what, class.place.as_deref());
    }
    if let Some(held) = &told.situation {
        let comment = match held.comment.is_empty() {
            true => String::new(),
            false => format!(", \"{}\"", held.comment),
        };
        let until = held.until.as_ref();
        let until = until.map_or_else(String::new, |until| format!(", until {until}"));
        let what = format!("{}{until}{comment}: {}", held.situation, held.why);
        page.line("situation", &what, held.place.as_deref());
    }
    if let Some(promise) = &told.promise {
        let ms = |ms| duration(Duration::from_millis(ms));
        let mut what = format!("an answer within {}", ms(promise.answer_within_ms));
        if let Some(wait_max) = promise.wait_max_ms {
            let _ = write!(what, "; at most {} in queues", ms(wait_max));
        }
        if let Some(unanswered) = promise.max_unanswered_ms {
            let trunk = &promise.trunk;
            let _ = write!(what, "; unanswered for at most {} ({trunk})", ms(unanswered));
        }
        page.line("promise", &what, None);
    }
    let place = told.plan.first().and_then(|step| step.place.as_deref());
    for (step, title) in told.plan.iter().zip(std::iter::once("plan").chain(std::iter::repeat("")))
    {
        let place = if title.is_empty() { None } else { place };
        page.line(title, &format!("{}. {}", step.step, step.what), place);
    }
    if told.plan.is_empty() {
        page.line("plan", "no step: busy", None);
    }
    for who in &told.who {
        self::who(&mut page, who, told.live);
    }
    let supposed = match told.live {
        true => "as things stand, if nobody picks up and nothing else happens:",
        false => "if all are logged in and free, nobody else waits and nobody picks up:",
    };
    page.line("course", supposed, None);
    for event in &told.course {
        page.line(&format!("  {}", span(event.after_ms)), &event.what, None);
    }
    page.0.trim_end().to_owned()
}

fn who(page: &mut Page, who: &Who, is_live: bool) {
    for (index, circle) in who.circles.iter().enumerate() {
        let title = if index == 0 { "who" } else { "" };
        page.line(title, &self::circle(who, circle, is_live), None);
    }
    if who.reserve > 0 {
        let what = format!("the last {} free are for urgent callers", who.reserve);
        page.line("", &what, None);
    }
    // Who is of other teams is no news, unless nobody is of this one.
    let strangers = who.unsuited.iter().filter(|it| it.why == unsuited(Unsuited::Team)).count();
    for other in who.unsuited.iter().filter(|it| it.why != unsuited(Unsuited::Team)) {
        page.line("", &format!("not {}: {}", person(&other.user, &other.name), other.why), None);
    }
    if strangers > 0 {
        let names: Vec<&str> = who
            .unsuited
            .iter()
            .filter(|it| it.why == unsuited(Unsuited::Team))
            .map(|it| it.user.as_str())
            .collect();
        let names = listed(&names);
        page.line("", &format!("not {names}: {}", unsuited(Unsuited::Team)), None);
    }
}

/// Of many, the first ones.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0..=SHOWN => names.join(", "),
        more => format!("{} and {} more", names[..SHOWN].join(", "), more - SHOWN),
    }
}

fn circle(who: &Who, circle: &CircleOf, is_live: bool) -> String {
    let whom = match circle.circle.as_str() {
        "own" => "the practice's own",
        "skilled" => "who has its skill",
        _ => "everyone",
    };
    let after = match circle.after_ms {
        0 => String::new(),
        ms => format!(" from {} on", duration(Duration::from_millis(ms))),
    };
    let agent = |agent: &Suited| {
        let mut text = person(&agent.user, &agent.name);
        let mut notes = Vec::new();
        if agent.own {
            notes.push("own".to_owned());
        }
        if agent.level > 0 {
            notes.push(format!("level {}", agent.level));
        }
        match agent.state.as_deref() {
            Some("") if is_live => notes.push("free".to_owned()),
            Some(state) => notes.push(state.to_owned()),
            None => {}
        }
        if !notes.is_empty() {
            let _ = write!(text, " [{}]", notes.join(", "));
        }
        text
    };
    let agents: Vec<String> = circle.agents.iter().map(agent).collect();
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    let agents = if agents.is_empty() { "nobody".to_owned() } else { listed(&agents) };
    format!("{}, {whom}{after}: {agents}", who.team)
}

struct Page(String);

impl Page {
    fn line(&mut self, title: &str, what: &str, place: Option<&str>) {
        let _ = match place {
            Some(place) => writeln!(self.0, "{title:<MARGIN$}{what}  ({place})"),
            None => writeln!(self.0, "{title:<MARGIN$}{what}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_the_units_that_people_say() {
        let said =
            [0, 25_000, 90_000, 7_200_000, 400].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(said, ["0 s", "25 s", "1 min 30 s", "2 h", "400 ms"]);
    }
}
