//! Plans: the steps that a caller goes through, in each situation of a practice.

use std::time::Duration;

use acd::{Forward, Plan, PracticeId, Queue, Step, Target, TeamId};
use call::{E164, PromptId};

use super::fields::{List, Located, Place};
use super::file::{Nobody, QueueFile, StepFile};
use super::mistake::Mistakes;
use super::names::{Names, PHONE, PRACTICE, TEAM};
use super::numbers::Numbers;
use super::outside::{comes_back, outside};
use crate::prompts::Prompts;

/// What a plan without a `closed` or a leave without a `plan` plays.
pub(super) const CLOSED: &str = "closed";
pub(super) const LEAVE: &str = "leave";
/// The situation of a leave that an override declares.
pub(super) const AWAY: &str = "away";

/// Who waits for a team that nobody is in goes on after this, where there is something better than
/// busy to go on to.
const NOBODY: Duration = Duration::from_secs(10);

/// What plans may name.
pub(super) struct Known<'k> {
    pub(super) names: &'k Names,
    pub(super) prompts: &'k Prompts,
    pub(super) emergency: &'k call::EmergencyNumbers,
    pub(super) numbers: &'k Numbers,
}

/// What plans say of others, to be looked at once all are read.
#[derive(Default)]
pub(super) struct Links<'t> {
    pub(super) hands: Vec<Hand<'t>>,
    pub(super) queues: Vec<Waits<'t>>,
    pub(super) sent: Vec<Sent<'t>>,
}

/// A practice's plan hands its callers on to another practice.
pub(super) struct Hand<'t> {
    pub(super) from: PracticeId,
    pub(super) situation: &'static str,
    pub(super) to: PracticeId,
    pub(super) place: Place<'t>,
}

/// Callers of a practice wait for a team.
pub(super) struct Waits<'t> {
    pub(super) practice: PracticeId,
    pub(super) team: TeamId,
    pub(super) place: Place<'t>,
    /// The step's `for`.
    pub(super) until: Option<(Duration, Place<'t>)>,
}

/// Callers of a practice, and who is handed on to it, are sent outside by the trunk that they came on.
pub(super) struct Sent<'t> {
    pub(super) practice: PracticeId,
    /// The first number that they are sent to.
    pub(super) place: Place<'t>,
}

/// Reads the plans of one practice.
pub(super) struct Planner<'k, 't> {
    pub(super) practice: PracticeId,
    /// When it is read.
    pub(super) now_ms: i64,
    /// It limits how long its callers wait altogether.
    pub(super) wait_max: Option<Duration>,
    /// The longest that a trunk of its lets a caller be unanswered; `None`: it has no trunk.
    pub(super) unanswered_max: Option<Duration>,
    pub(super) known: &'k Known<'k>,
    pub(super) links: &'k mut Links<'t>,
    /// The numbers outside that its plans call.
    pub(super) called: Vec<Located<'t, E164>>,
}

/// Why the steps after one are never reached, or only by some.
#[derive(Copy, Clone, Eq, PartialEq)]
enum End {
    /// Nothing comes after it.
    Over { fault: &'static str, remedy: &'static str },
    /// A text with a key: who presses it goes on.
    Pressed,
    /// A queue without an end: a caller leaves it for a step that answers or ends him, and, where the
    /// practice limits all waiting, for one that is no queue.
    Endless,
}

impl<'t> Planner<'_, 't> {
    /// A plan for when the practice serves nobody.
    pub(super) fn last_plan(
        &mut self,
        situation: &'static str,
        steps: &List<'t, StepFile>,
        mistakes: &mut Mistakes,
    ) -> Plan {
        if !steps.is_tried {
            mistakes.push(steps.place.missing(
                "no step: what shall its callers hear?",
                format!("write [{{ announce = {CLOSED:?} }}], or leave the key out"),
            ));
        }
        self.plan(situation, &steps.items, mistakes)
    }

    /// The plan of who wrote none: a text that the project ships.
    pub(super) fn text_plan(&self, name: &str, place: &Place<'_>, mistakes: &mut Mistakes) -> Plan {
        self.shipped_plan(name).unwrap_or_else(|| {
            mistakes.push(place.missing(
                format!("missing, and there is no prompt {name:?} to play instead"),
                format!(
                    "write [{{ announce = \"PROMPT\" }}] or [\"busy\"], or put the file \
                     prompts/{name}.wav beside monoligne.toml"
                ),
            ));
            Plan::default()
        })
    }

    pub(super) fn shipped_plan(&self, name: &str) -> Option<Plan> {
        let prompt = self.known.prompts.find(name).ok()?;
        Some(Plan { steps: vec![Step::Announce { prompt, answer: true, urgent_key: None }] })
    }

    pub(super) fn plan(
        &mut self,
        situation: &'static str,
        steps: &[Located<'t, StepFile>],
        mistakes: &mut Mistakes,
    ) -> Plan {
        let mut plan = Plan::default();
        let mut end = None;
        for (index, step) in steps.iter().enumerate() {
            if let Some(end) = end {
                self.never_reached(end, step, mistakes);
            }
            if let (Some(StepFile::Queue(before)), StepFile::Queue(queue)) =
                (index.checked_sub(1).map(|before| &steps[before].value), &step.value)
                && before.team == queue.team
            {
                mistakes.push(step.place.within("queue").mistake(
                    "the team that he comes from: nobody else would be asked",
                    "make one step of the two, with the sum of their `for`",
                ));
            }
            let (made, ends) = self.step(situation, step, steps.get(index + 1), mistakes);
            plan.steps.extend(made);
            end = match (end, ends) {
                (Some(End::Over { .. }), _) | (_, None) => end,
                (_, Some(_)) => ends,
            };
        }
        self.too_late(steps, mistakes);
        hung_up_on(steps, mistakes);
        unheard(situation, steps, mistakes);
        plan
    }

    /// Once the trunk's time is over, a caller goes on to the step that ends his call, whatever stands
    /// before it.
    fn too_late(&self, steps: &[Located<'_, StepFile>], mistakes: &mut Mistakes) {
        let Some(max) = self.unanswered_max else { return };
        let mut spent = Duration::ZERO;
        // In queues, of which `wait_max` is the sum.
        let mut left = self.wait_max;
        for step in steps {
            let (is_last, lasts) = match &step.value {
                StepFile::Queue(queue) => {
                    let lasts = queue.until.into_iter().chain(left).min().unwrap_or_default();
                    left = left.map(|left| left.saturating_sub(lasts));
                    (false, lasts)
                }
                StepFile::Ring { ring_for, .. } | StepFile::Call { ring_for, .. } => {
                    (false, *ring_for)
                }
                StepFile::Practice { .. } => (false, Duration::ZERO),
                // Who presses has been answered: no trunk gives him up.
                StepFile::Announce { urgent_key: Some(_), .. } => return,
                StepFile::Announce { .. } | StepFile::Busy => (true, Duration::ZERO),
            };
            if spent >= max && !is_last {
                return mistakes.warn(step.place.mistake(
                    format!(
                        "the steps before it last {spent:?} together, and no operator's trunk lets a \
                         caller be unanswered for more than {max:?} (`max_unanswered`): nobody comes \
                         here but who has left one of them early"
                    ),
                    "shorten the `for` of the steps before it, or remove this one",
                ));
            }
            spent += lasts;
        }
    }

    fn never_reached(&self, end: End, step: &Located<'_, StepFile>, mistakes: &mut Mistakes) {
        let (fault, remedy) = match (end, &step.value) {
            (End::Over { fault, remedy }, _) => (fault, remedy),
            (End::Pressed, _) | (End::Endless, StepFile::Announce { .. } | StepFile::Busy) => {
                return;
            }
            (
                End::Endless,
                StepFile::Ring { .. } | StepFile::Call { .. } | StepFile::Practice { .. },
            ) if self.wait_max.is_some() => return,
            (
                End::Endless,
                StepFile::Queue(_)
                | StepFile::Ring { .. }
                | StepFile::Call { .. }
                | StepFile::Practice { .. },
            ) => (
                "never reached: the step before it has no end",
                "give the step before a `for`, or remove this one",
            ),
        };
        mistakes.push(step.place.mistake(fault, remedy));
    }

    /// What it is, unless it names what is not there, and what that means for those after it.
    fn step(
        &mut self,
        situation: &'static str,
        step: &Located<'t, StepFile>,
        next: Option<&Located<'_, StepFile>>,
        mistakes: &mut Mistakes,
    ) -> (Option<Step>, Option<End>) {
        const ENDED: End = End::Over {
            fault: "never reached: the step before it ends the call",
            remedy: "write it before that step, or remove it",
        };
        const HANDED: End = End::Over {
            fault: "never reached: the practice before it goes on with its own plan",
            remedy: "write it before that step, or remove it; that practice's plan says what comes then",
        };
        match &step.value {
            StepFile::Busy => (Some(Step::Busy), Some(ENDED)),
            &StepFile::Announce { ref prompt, answer, urgent_key } => {
                let prompt = self.prompt(prompt, step, mistakes);
                let made = prompt.map(|prompt| Step::Announce { prompt, answer, urgent_key });
                let end = match urgent_key {
                    Some(_) => {
                        pressed(answer, next.map(|next| &next.value), step, mistakes);
                        End::Pressed
                    }
                    None => ENDED,
                };
                (made, Some(end))
            }
            StepFile::Practice { practice } => {
                let place = step.place.within("practice");
                let to = PRACTICE.find_at(practice, &place, &self.known.names.practices, mistakes);
                let from = self.practice;
                self.links.hands.extend(to.map(|to| Hand { from, situation, to, place }));
                (to.map(Step::Practice), Some(HANDED))
            }
            StepFile::Ring { phone, ring_for } => {
                rings(*ring_for, step, mistakes);
                let place = step.place.within("ring");
                let phone = PHONE.find_at(phone, &place, &self.known.names.phones, mistakes);
                (phone.map(|phone| forward(Target::Phone(phone), *ring_for)), None)
            }
            StepFile::Call { number, ring_for } => {
                rings(*ring_for, step, mistakes);
                let place = step.place.within("call");
                let number = outside(self.known.emergency, number, &place, mistakes);
                if let Some(number) = number {
                    comes_back(number, self.known, self.practice, &place, mistakes);
                }
                self.called.extend(number.map(|value| Located { value, place }));
                (number.map(|number| forward(Target::Line(number.line()), *ring_for)), None)
            }
            StepFile::Queue(queue) => {
                let nobody = patience(queue, next, step, mistakes);
                conditions(queue, step, mistakes);
                let place = step.place.within("queue");
                let team = TEAM.find_at(&queue.team, &place, &self.known.names.teams, mistakes);
                let practice = self.practice;
                let until = queue.until.map(|until| (until, step.place.within("for")));
                self.links.queues.extend(team.map(|team| Waits { practice, team, place, until }));
                let made = team.map(|team| {
                    Step::Queue(Queue {
                        team,
                        until: queue.until,
                        nobody,
                        unless_waiting: queue.unless_waiting,
                        unless_expected: queue.unless_expected,
                        unless_none_free: queue.unless_none_free,
                    })
                });
                let is_endless =
                    queue.until.is_none() && nobody.is_none() && !is_conditional(queue);
                (made, is_endless.then_some(End::Endless))
            }
        }
    }

    fn prompt(
        &self,
        name: &str,
        step: &Located<'_, StepFile>,
        mistakes: &mut Mistakes,
    ) -> Option<PromptId> {
        match self.known.prompts.find(name) {
            Ok(prompt) => Some(prompt),
            Err(remedy) => {
                let place = step.place.within("announce");
                mistakes.push(place.mistake(format!("there is no prompt {name:?}"), remedy));
                None
            }
        }
    }
}

fn forward(target: Target, ring_for: Duration) -> Step {
    Step::Forward(Forward { target, ring_for })
}

/// What closed hours and leave end with must be heard: what to do in an emergency.
fn unheard(situation: &str, steps: &[Located<'_, StepFile>], mistakes: &mut Mistakes) {
    let Some(step) = steps.last() else { return };
    let is_muted = matches!(step.value, StepFile::Announce { answer: false, .. });
    if is_muted && [CLOSED, LEAVE, AWAY].contains(&situation) {
        mistakes.warn(step.place.within("answer").mistake(
            "these words must be heard, and many networks mute what comes before the answer",
            "leave `answer` out: the call is answered, and the caller hears them",
        ));
    }
}

/// Who rings elsewhere needs the time to be answered there.
fn rings(ring_for: Duration, step: &Located<'_, StepFile>, mistakes: &mut Mistakes) {
    if ring_for < Duration::from_secs(1) {
        mistakes.push(step.place.within("for").mistake(
            "below one second: nobody could answer in time",
            "write 3 rings or more: \"15 s\"",
        ));
    }
}

/// A key that nobody could press, or that leads nowhere.
fn pressed(
    answer: bool,
    next: Option<&StepFile>,
    step: &Located<'_, StepFile>,
    mistakes: &mut Mistakes,
) {
    if !answer {
        mistakes.push(step.place.within("urgent_key").mistake(
            "the call is not answered for this text: networks carry no key before the answer",
            "remove `answer = false`, or the key",
        ));
    }
    let fault = match next {
        None => "no step after it: who presses the key would be hung up on",
        // The call is answered for the text.
        Some(StepFile::Busy) => {
            "busy cannot be heard any more: who presses the key would be hung up on"
        }
        Some(
            StepFile::Queue(_)
            | StepFile::Ring { .. }
            | StepFile::Call { .. }
            | StepFile::Practice { .. }
            | StepFile::Announce { .. },
        ) => return,
    };
    mistakes.push(step.place.within("urgent_key").mistake(
        fault,
        "write what he goes on with after this step, a queue, a call or another text: { queue = \"TEAM\" }",
    ));
}

/// Who presses a key is answered: a plan that ends in busy for him, written or not, ends in silence. Where
/// nothing but busy is behind the text, that is a mistake.
fn hung_up_on(steps: &[Located<'_, StepFile>], mistakes: &mut Mistakes) {
    let is_keyed = |step: &Located<'_, StepFile>| {
        matches!(step.value, StepFile::Announce { urgent_key: Some(_), .. })
    };
    let [before @ .., last] = steps else { return };
    let is_told = match (&last.value, before.last()) {
        (StepFile::Announce { .. } | StepFile::Practice { .. }, _) => true,
        (StepFile::Busy, Some(text)) => is_keyed(text),
        (
            StepFile::Queue(_) | StepFile::Ring { .. } | StepFile::Call { .. } | StepFile::Busy,
            _,
        ) => false,
    };
    if before.iter().any(is_keyed) && !is_told {
        mistakes.warn(last.place.mistake(
            "who comes here has pressed the key of a text and is answered: after it he is hung up on, and \
             hears no busy",
            "end with a text that tells him what to do: { announce = \"overflow\" }",
        ));
    }
}

fn is_conditional(queue: &QueueFile) -> bool {
    queue.unless_waiting.is_some() || queue.unless_expected.is_some() || queue.unless_none_free
}

/// Ends and conditions under which nobody could ever wait here.
fn conditions(queue: &QueueFile, step: &Located<'_, StepFile>, mistakes: &mut Mistakes) {
    if queue.until.is_some_and(|until| until.is_zero()) {
        mistakes.push(step.place.mistake(
            "`for` is zero: nobody could answer in this step",
            "remove the step, or give it time",
        ));
    }
    if queue.unless_waiting == Some(0) {
        mistakes.push(step.place.within("unless_waiting").mistake(
            "never entered: so many always wait",
            "write 1 or more, or `unless_none_free = true` for those who would have to wait",
        ));
    }
    if queue.unless_expected.is_some_and(|expected| expected.is_zero()) {
        mistakes.push(step.place.within("unless_expected").mistake(
            "entered by nobody who has to wait at all",
            "write `unless_none_free = true` if that is meant, or a time like \"3 min\"",
        ));
    }
}

/// How long he waits for a team that nobody is in. By default not long, but a phone that rings is
/// better than busy: somebody may come.
fn patience(
    queue: &QueueFile,
    next: Option<&Located<'_, StepFile>>,
    step: &Located<'_, StepFile>,
    mistakes: &mut Mistakes,
) -> Option<Duration> {
    let until = queue.until;
    match queue.nobody {
        Some(Nobody::For(nobody)) => {
            if until.is_some_and(|until| until <= nobody) {
                mistakes.push(step.place.within("nobody").mistake(
                    "not below `for`: the step is over before",
                    "make it shorter, or remove it",
                ));
            }
            Some(nobody)
        }
        Some(Nobody::Never) => None,
        None => match next.map(|next| &next.value) {
            Some(
                StepFile::Queue(_)
                | StepFile::Ring { .. }
                | StepFile::Call { .. }
                | StepFile::Practice { .. }
                | StepFile::Announce { .. },
            ) => Some(NOBODY).filter(|&nobody| until.is_none_or(|until| nobody < until)),
            Some(StepFile::Busy) | None => None,
        },
    }
}
