//! What days have met: each rule that decides something must have decided it.

use std::collections::BTreeMap;

use acd::{
    Bound, CallerStage, Circle, ClassBy, Decision, Reason, Refusal, Scheduler, Situation,
    Withdrawal,
};

/// How often each thing was seen.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<&'static str, u64>);

const ALL: [&str; 54] = [
    "offer",
    "serve",
    "stale answer",
    "overflow",
    "announce",
    "pressed",
    "class by practice",
    "class by list",
    "class by number",
    "class by repetition",
    "class by key",
    "class by ageing",
    "class by secretary",
    "class by operator",
    "busy",
    "forward",
    "recalled: he left",
    "recalled: nobody took him",
    "recalled: must not wait or moved",
    "connect",
    "plan open",
    "plan closed",
    "plan leave",
    "plan redirected",
    "situation",
    "override over",
    "withdrawn: he left",
    "withdrawn: expired",
    "withdrawn: logged out",
    "withdrawn: overflowed",
    "withdrawn: won",
    "withdrawn: for who waits",
    "several phones ring",
    "listed",
    "taken over by another practice",
    "who is kept for urgent callers",
    "an own circle",
    "a skilled circle",
    "boundary",
    "override end",
    "offer deadline",
    "leave by",
    "wait max",
    "step end",
    "nobody",
    "widen",
    "age",
    "rest end",
    "wrap-up end",
    "full",
    "practice full",
    "unknown",
    "not possible",
    "override is over",
];

impl Seen {
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        ALL.into_iter().filter(|what| !self.0.contains_key(what)).collect()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    pub(crate) fn add(&mut self, what: &'static str) {
        debug_assert!(ALL.contains(&what), "{what} is in no list");
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn note(&mut self, decision: &Decision, scheduler: &Scheduler) {
        let what = match *decision {
            Decision::Offer { offer, .. } => {
                if scheduler.offers(offer.caller).count() > 1 {
                    self.add("several phones ring");
                }
                "offer"
            }
            Decision::Serve { .. } => "serve",
            Decision::Refuse { .. } => "stale answer",
            Decision::Class { by, .. } => match by {
                ClassBy::Practice => "class by practice",
                ClassBy::List => "class by list",
                ClassBy::Number => "class by number",
                ClassBy::Repetition => "class by repetition",
                ClassBy::Key => "class by key",
                ClassBy::Ageing => "class by ageing",
                ClassBy::Secretary => "class by secretary",
                ClassBy::Operator => "class by operator",
                ClassBy::Nothing => unreachable!("nothing is told of who has no class of his own"),
            },
            Decision::Overflow { .. } => "overflow",
            Decision::Announce { .. } => "announce",
            Decision::Busy { .. } => "busy",
            Decision::Forward { .. } => "forward",
            Decision::Connect { .. } => "connect",
            Decision::Recall { why, .. } => match why {
                Withdrawal::CallerLeft => "recalled: he left",
                Withdrawal::Expired => "recalled: nobody took him",
                Withdrawal::Overflowed | Withdrawal::LoggedOut | Withdrawal::Won => {
                    "recalled: must not wait or moved"
                }
            },
            Decision::Withdraw { offer, why, .. } => match why {
                Withdrawal::CallerLeft => "withdrawn: he left",
                Withdrawal::Expired => "withdrawn: expired",
                Withdrawal::LoggedOut => "withdrawn: logged out",
                Withdrawal::Overflowed => "withdrawn: overflowed",
                Withdrawal::Won if scheduler.offers(offer.caller).next().is_some() => {
                    "withdrawn: for who waits"
                }
                Withdrawal::Won => "withdrawn: won",
            },
            Decision::Plan { situation, .. } => match situation {
                Situation::Open => "plan open",
                Situation::Closed => "plan closed",
                Situation::Leave => "plan leave",
                Situation::Redirected => "plan redirected",
                Situation::Listed => return,
            },
            Decision::Situation { .. } => "situation",
            Decision::OverrideOver { .. } => "override over",
            Decision::State { .. } => return,
        };
        self.add(what);
    }

    pub(crate) fn timer(&mut self, reason: Reason) {
        self.add(match reason {
            Reason::Boundary { .. } => "boundary",
            Reason::OverrideEnd { .. } => "override end",
            Reason::OfferDeadline { .. } => "offer deadline",
            Reason::WaitEnd { bound: Bound::LeaveBy, .. } => "leave by",
            Reason::WaitEnd { bound: Bound::WaitMax, .. } => "wait max",
            Reason::WaitEnd { bound: Bound::StepEnd, .. } => "step end",
            Reason::WaitEnd { bound: Bound::Nobody, .. } => "nobody",
            Reason::Widen { .. } => "widen",
            Reason::Age { .. } => "age",
            Reason::RestEnd { .. } => "rest end",
            Reason::WrapUpEnd { .. } => "wrap-up end",
        });
    }

    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.add(match refusal {
            Refusal::Full => "full",
            Refusal::PracticeFull => "practice full",
            Refusal::UnknownPractice
            | Refusal::UnknownTeam
            | Refusal::UnknownAgent
            | Refusal::UnknownCaller => "unknown",
            Refusal::AlreadyHere | Refusal::NotServed | Refusal::NotWaiting => "not possible",
            Refusal::OverrideIsOver => "override is over",
        });
    }

    pub(crate) fn look(&mut self, scheduler: &Scheduler) {
        let setup = scheduler.setup();
        for caller in scheduler.callers() {
            if caller.situation == Situation::Listed {
                self.add("listed");
            }
            if caller.acting != caller.waiting.practice {
                self.add("taken over by another practice");
            }
            match caller.waiting.circle {
                Circle::Own => self.add("an own circle"),
                Circle::Skilled => self.add("a skilled circle"),
                Circle::Everyone => {
                    let team = caller.waiting.team;
                    let keeps = team.and_then(|team| setup.teams.get(&team)).is_some_and(|team| {
                        team.reserve > 0 && caller.stage == CallerStage::Waiting
                    });
                    let is_free = |agent: acd::AgentView| {
                        agent.free
                            && setup.agents.get(&agent.agent).is_some_and(|her| {
                                team.is_some_and(|team| her.teams.contains(&team))
                            })
                    };
                    if keeps && scheduler.agents().any(is_free) {
                        self.add("who is kept for urgent callers");
                    }
                }
            }
        }
    }
}
