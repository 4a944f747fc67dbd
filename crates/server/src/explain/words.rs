//! An explanation for people.

use std::fmt::Write as _;
use std::time::Duration;

use acd::{Entry, PracticeId, Queue, Step, Target, Unsuited};

use super::{CircleOf, Explanation, Held, Suited, Who};
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

/// A practice by its name, with its key where several are called so.
pub(crate) fn practice(config: &call::Config, id: PracticeId) -> String {
    let Some(practice) = config.practices.get(&id) else { return "?".to_owned() };
    let namesakes = config.practices.values().filter(|it| it.name == practice.name).count();
    titled(&practice.name, &practice.key, namesakes > 1)
}

pub(crate) fn titled(name: &str, key: &str, has_namesakes: bool) -> String {
    if has_namesakes { format!("{name} ({key})") } else { name.to_owned() }
}

/// A step of a plan.
pub(crate) fn step(config: &call::Config, step: &Step) -> String {
    step_with(config, step, |target| place(config, target))
}

/// The same, with the places outside as `target` tells them.
pub(crate) fn step_with(
    config: &call::Config,
    step: &Step,
    target: impl Fn(Target) -> String,
) -> String {
    match step {
        Step::Queue(queue) => self::queue(config, queue),
        Step::Forward(forward) => {
            let to = target(forward.target);
            format!("ring {to} for {}", duration(forward.ring_for))
        }
        Step::Practice(practice) => {
            format!("go on with the plan of {}", self::practice(config, *practice))
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
    let conditions = conditions(queue);
    if !conditions.is_empty() {
        let _ = write!(text, "; passed over when {}", conditions.join(" or when "));
    }
    text
}

/// When a queue is passed over.
pub(super) fn conditions(queue: &Queue) -> Vec<String> {
    let waiting = queue.unless_waiting.map(|max| format!("{max} wait ahead of him"));
    let expected = queue
        .unless_expected
        .map(|longest| format!("a longer wait than {} is expected", duration(longest)));
    let free = queue.unless_none_free.then(|| "nobody who may have him is free".to_owned());
    [waiting, expected, free].into_iter().flatten().collect()
}

/// Those of its conditions that keep him out.
pub(super) fn refusing(queue: &Queue, entry: &Entry) -> Vec<String> {
    let waiting = queue.unless_waiting.filter(|max| entry.ahead >= *max);
    let waiting = waiting.map(|_| format!("{} wait ahead of him", entry.ahead));
    let expected = queue.unless_expected.filter(|_| !entry.is_within_expected);
    let longer = |longest| format!("a longer wait than {} is expected", duration(longest));
    let expected = expected.map(longer);
    let free = (queue.unless_none_free && !entry.somebody_is_free)
        .then(|| "nobody who may have him is free".to_owned());
    [waiting, expected, free].into_iter().flatten().collect()
}

/// What its conditions see when they let him in, and whether he waits for anybody.
pub(super) fn seen(queue: &Queue, entry: &Entry) -> Vec<String> {
    let waiting = queue.unless_waiting.map(|max| match entry.ahead {
        0 => format!("nobody waits ahead of him (unless_waiting = {max})"),
        ahead => format!("only {ahead} wait ahead of him (unless_waiting = {max})"),
    });
    let expected = queue.unless_expected.map(|longest| {
        let longest = duration(longest);
        format!("no longer wait than {longest} is expected (unless_expected)")
    });
    let free = queue
        .unless_none_free
        .then(|| "somebody who may have him is free (unless_none_free)".to_owned());
    let there = match (entry.somebody_is_there, queue.nobody) {
        (true, _) => None,
        (false, Some(nobody)) => {
            Some(format!("nobody is there, so he goes on after {}", duration(nobody)))
        }
        (false, None) => Some("nobody is there, and he waits for somebody to come".to_owned()),
    };
    [waiting, expected, free, there].into_iter().flatten().collect()
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
        page.line("situation", &self::held(held), held.place.as_deref());
    }
    if let Some(promise) = &told.promise {
        let mut what = format!("an answer within {}", of_ms(promise.answer_within_ms));
        if let Some(wait_max) = promise.wait_max_ms {
            let _ = write!(what, "; at most {} in queues", of_ms(wait_max));
        }
        if let Some(unanswered) = promise.max_unanswered_ms {
            let trunk = &promise.trunk;
            let _ = write!(what, "; unanswered for at most {} ({trunk}", of_ms(unanswered));
            if let Some(before) = promise.rang_before_ms.filter(|&before| before > 0) {
                let _ =
                    write!(what, "; {} less if the practice's phone rang before", of_ms(before));
            }
            what.push(')');
        }
        page.line("promise", &what, promise.place.as_deref());
    }
    let supposing = match told.live {
        true => "as things stand in the running server",
        false => "that all secretaries are logged in and free, and nobody else waits",
    };
    page.line(if told.live { "now" } else { "supposing" }, supposing, None);
    plan(&mut page, told);
    for who in &told.who {
        self::who(&mut page, who, told);
    }
    page.line("course", "if nobody picks up and nothing else happens:", None);
    for event in &told.course {
        page.line(&format!("  {}", span(event.after_ms)), &event.what, None);
    }
    page.0.trim_end().to_owned()
}

/// What holds, until when, why.
fn held(held: &Held) -> String {
    // A rule that is told has its comment with it.
    let comment = match held.comment.is_empty() || held.why.contains(&held.comment) {
        true => String::new(),
        false => format!(", \"{}\"", held.comment),
    };
    let until = held.until.as_ref();
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    format!("{}{until}{comment}: {}", held.situation, held.why)
}

/// Each step, what it would do with him now, and when he is in it.
fn plan(page: &mut Page, told: &Explanation) {
    let mut title = "plan";
    for (at, step) in told.plan.iter().enumerate() {
        let what = format!("{}. {}", step.step, step.what);
        // A plan that is not written is the default one.
        let key = step.key.as_deref().and_then(|key| key.split('[').next());
        let default = key.map(|key| format!("by default: no `{key}` is written"));
        let place = step.place.as_ref().or(default.as_ref());
        page.line(std::mem::take(&mut title), &what, place.map(String::as_str));
        if let Some(entry) = &step.entry {
            let why = entry.why.join(", ");
            let what = match (entry.lets_in, why.is_empty()) {
                (true, true) => String::new(),
                (true, false) => format!("   now he would be let in: {why}"),
                (false, _) => format!("   now he would be passed on: {why}"),
            };
            page.line_if("", &what, None);
        }
        page.line_if("", &times(told, at), None);
        if let Some(held) = &step.goes_on {
            let what = format!("   there it is {}", self::held(held));
            page.line("", &what, held.place.as_deref());
        }
    }
}

/// `   from 0:40 to 2:00 at the latest (for), then step 3`
fn times(told: &Explanation, at: usize) -> String {
    let step = &told.plan[at];
    let Some(begins) = step.begins_ms else {
        return "   only if he leaves a step before it sooner".to_owned();
    };
    let from = match begins {
        0 => "at once".to_owned(),
        begins => format!("from {} on at the latest", span(begins)),
    };
    let (Some(ends), Some(by)) = (step.ends_ms, &step.ends_by) else {
        let is_queue = step.entry.is_some();
        return format!("   {from}{}", if is_queue { ", without end" } else { "" });
    };
    let mut next = told.plan[at + 1..].iter().filter(|next| next.begins_ms.is_some());
    let then = match next.next() {
        Some(next) if next.practice == step.practice => format!(", then step {}", next.step),
        Some(_) | None => String::new(),
    };
    let by = match by.as_str() {
        "for" => "its `for` is over",
        "wait_max" => "he may wait no longer (wait_max)",
        _ => "his operator waits no longer (max_unanswered)",
    };
    format!("   {from}, until {}: {by}{then}", span(ends))
}

fn of_ms(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

fn who(page: &mut Page, who: &Who, told: &Explanation) {
    let own = told.practice.as_ref().map(|found| found.key.as_str());
    let team = match own == Some(who.practice.as_str()) {
        true => who.team.clone(),
        false => format!("{} (for {})", who.team, who.practice),
    };
    for (index, circle) in who.circles.iter().enumerate() {
        let title = if index == 0 { "who" } else { "" };
        page.line(title, &format!("{team}, {}", self::circle(circle, told.live)), None);
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

fn circle(circle: &CircleOf, is_live: bool) -> String {
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
    format!("{whom}{after}: {agents}")
}

struct Page(String);

impl Page {
    fn line(&mut self, title: &str, what: &str, place: Option<&str>) {
        let _ = match place {
            Some(place) => writeln!(self.0, "{title:<MARGIN$}{what}  ({place})"),
            None => writeln!(self.0, "{title:<MARGIN$}{what}"),
        };
    }

    /// Nothing to say: no line.
    fn line_if(&mut self, title: &str, what: &str, place: Option<&str>) {
        if !what.is_empty() {
            self.line(title, what, place);
        }
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
