//! What a caller would notice of two explanations that differ.

use crate::explain::{self, Explanation};

/// What a caller would notice, each in a few words.
pub(super) fn compared(before: &Explanation, after: &Explanation) -> Vec<String> {
    let mut changes = Vec::new();
    let mut note = |what: &str, before: String, after: String| {
        if before.is_empty() && !after.is_empty() {
            changes.push(format!("{what}: {after}"));
        } else if before != after {
            changes.push(format!("{what} {before} → {after}"));
        }
    };
    let situation = |it: &Explanation| {
        it.situation.as_ref().map_or_else(String::new, |held| held.situation.clone())
    };
    let class = |it: &Explanation| {
        it.class.as_ref().map_or_else(String::new, |class| class.urgency.clone())
    };
    let promise = |it: &Explanation| {
        let within = it.promise.as_ref().map(|promise| promise.answer_within_ms);
        within.map_or_else(String::new, |ms| format!("{} s", ms / 1_000))
    };
    note("situation", situation(before), situation(after));
    note("class", class(before), class(after));
    note("answer_within", promise(before), promise(after));
    let same_plan =
        before.plan.iter().map(|step| &step.what).eq(after.plan.iter().map(|it| &it.what));
    if situation(before) == situation(after) && before.plan.len() == after.plan.len() {
        for (old, new) in before.plan.iter().zip(&after.plan) {
            note(&format!("plan step {}:", old.step), old.what.clone(), new.what.clone());
        }
    } else if situation(before) == situation(after) {
        note("plan", plan(before), plan(after));
    }
    if same_plan {
        for (old, new) in before.who.iter().zip(&after.who) {
            for (old, new) in old.circles.iter().zip(&new.circles) {
                note("who may have him", String::new(), who(old, new));
            }
            note("when the circle widens", widens(old), widens(new));
        }
        if before.who == after.who {
            let (before, after) = course(before, after);
            note("course", before, after);
        }
    }
    changes
}

fn plan(told: &Explanation) -> String {
    let steps: Vec<&str> = told.plan.iter().map(|step| step.what.as_str()).collect();
    format!("[{}]", steps.join(" | "))
}

/// `+ 102 103, - 101`; empty: the same in the same order.
fn who(before: &explain::CircleOf, after: &explain::CircleOf) -> String {
    let users = |circle: &explain::CircleOf| -> Vec<String> {
        circle.agents.iter().map(|agent| agent.user.clone()).collect()
    };
    let (before, after) = (users(before), users(after));
    let without = |these: &[String], those: &[String], sign: &str| {
        let users: Vec<&str> =
            these.iter().filter(|it| !those.contains(it)).map(String::as_str).collect();
        (!users.is_empty()).then(|| format!("{sign} {}", users.join(" ")))
    };
    let changes = [without(&after, &before, "+"), without(&before, &after, "-")];
    let changes: Vec<String> = changes.into_iter().flatten().collect();
    match changes.is_empty() {
        true if before != after => format!("in another order, {}", after.join(" ")),
        true => String::new(),
        false => changes.join(", "),
    }
}

/// `own, everyone from 30 s on`.
fn widens(who: &explain::Who) -> String {
    let circles = who.circles.iter().map(|circle| match circle.after_ms {
        0 => circle.circle.clone(),
        ms => format!("{} from {} s on", circle.circle, ms / 1_000),
    });
    circles.collect::<Vec<_>>().join(", ")
}

/// Of both what comes first where they part.
fn course(before: &Explanation, after: &Explanation) -> (String, String) {
    const SHOWN: usize = 2;
    let events = before.course.iter().zip(&after.course);
    let same = events.take_while(|(before, after)| before == after).count();
    let shown = |told: &Explanation| {
        let events = &told.course[same..];
        let shown = events.iter().take(SHOWN);
        let shown =
            shown.map(|event| format!("{} {}", crate::views::span(event.after_ms), event.what));
        let more = if events.len() > SHOWN { ", …" } else { "" };
        format!("[{}{more}]", shown.collect::<Vec<_>>().join(", "))
    };
    (shown(before), shown(after))
}
