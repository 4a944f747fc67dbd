//! Hours, leave and texts, each situation told as a story: exact runs in virtual time, with every check
//! of the simulated world on and the engine restored again and again.

use std::time::Duration;

use acd::{
    Holidays, Hours, Leave, Period, Plan, PromptId, Queue, Situation, Step, TeamId, TimeZone,
    Urgency,
};
use call::{CallRecord, Disposition, Party};
use sim::story::{Story, answers};
use sim::{Happening, Offering};

const TEAM: TeamId = TeamId(0);
/// Somebody else's team, with nobody in it.
const OTHER: TeamId = TeamId(7);
/// The story's prompts are of 2, 9 and 25 seconds.
const SHORT: PromptId = PromptId(0);
const LONG: PromptId = PromptId(2);
/// A Monday, 5 January 2026, at 20:00 in Paris: closing time.
const CLOSING: i64 = 1_767_639_600_000;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn queue(team: TeamId, until: Option<f64>, nobody: Option<f64>) -> Step {
    Step::Queue(Queue { until: until.map(seconds), nobody: nobody.map(seconds), ..Queue::of(team) })
}

fn says(prompt: PromptId) -> Step {
    Step::Announce { prompt, answer: true, urgent_key: None }
}

/// One secretary; a practice that closes a minute after the start and then says something long.
fn evening() -> (Story, usize) {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    story.clock(0.0, CLOSING - 60_000);
    let open = vec![queue(TEAM, None, None)];
    let practice = story.practice(Urgency::Normal, open);
    let rules = story.rules(practice);
    rules.hours = Hours::new("Mo-Fr 08:00-20:00; PH off", TimeZone::PARIS, Holidays::default())
        .expect("hours");
    rules.closed = Plan { steps: vec![says(LONG)] };
    let caller = story.caller(70.0, 40.0);
    story.calls_practice(caller, practice);
    (story, caller)
}

fn lasted(record: &CallRecord) -> Duration {
    record.ended_at.saturating_duration_since(record.arrived_at)
}

fn waited(record: &CallRecord) -> Duration {
    let answered = record.answered_at.expect("he was answered");
    answered.saturating_duration_since(record.arrived_at)
}

#[test]
fn the_caller_of_a_closed_practice_hears_its_text_to_the_end_and_no_phone_rings() {
    let (story, caller) = evening();
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 200));
    assert_eq!((record.situation, record.prompt), (Some(Situation::Closed), Some(LONG)));
    assert_eq!(record.released_by, Party::Us);
    assert!(record.offers.is_empty());
    let heard = lasted(record);
    assert!((seconds(25.0)..seconds(26.0)).contains(&heard), "{heard:?}");
    assert_eq!(played.outcomes().tally.of(Happening::HeardText), 1);
}

#[test]
fn who_called_a_minute_before_closing_time_is_served() {
    let (mut story, caller) = evening();
    story.script(caller).arrives = sip::Instant::from_millis(59_000);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!(
        (record.disposition, record.situation),
        (Disposition::Answered, Some(Situation::Open))
    );
}

#[test]
fn a_hang_up_cuts_the_text_at_once() {
    let (mut story, caller) = evening();
    story.script(caller).talks = Some(seconds(4.0));
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.released_by), (Disposition::Closed, Party::Caller));
    let heard = lasted(record);
    assert!((seconds(4.0)..seconds(5.0)).contains(&heard), "{heard:?}");
    assert_eq!(played.outcomes().tally.of(Happening::LeftText), 1);
}

#[test]
fn leave_speaks_before_the_hours_do() {
    let (mut story, caller) = evening();
    let practice = call::PracticeId(1);
    let period = Period::read("2026-01-05", "2026-01-09", TimeZone::PARIS).expect("a period");
    story.rules(practice).leave = vec![Leave { period, plan: Plan { steps: vec![says(SHORT)] } }];
    story.script(caller).arrives = sip::Instant::from_millis(5_000);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.situation, record.prompt), (Some(Situation::Leave), Some(SHORT)));
    assert_eq!(record.disposition, Disposition::Closed);
}

#[test]
fn who_waited_too_long_hears_so_and_his_call_is_no_closed_door() {
    let mut story = Story::new();
    let plan = vec![queue(TEAM, Some(20.0), None), says(SHORT)];
    let practice = story.practice(Urgency::Normal, plan);
    let caller = story.caller(5.0, 40.0);
    story.calls_practice(caller, practice);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.status), (Disposition::Announced, 200));
    assert_eq!(waited(record), seconds(20.0));
}

#[test]
fn a_team_without_anybody_is_left_at_once_or_after_its_limit() {
    let mut story = Story::new();
    let secretary = story.secretary(0.1, &[answers()]);
    let at_once = vec![queue(OTHER, None, Some(0.0)), queue(TEAM, None, None)];
    let at_once = story.practice(Urgency::Normal, at_once);
    let later = vec![queue(OTHER, Some(60.0), Some(8.0)), says(SHORT)];
    let later = story.practice(Urgency::Normal, later);
    let first = story.caller(5.0, 3.0);
    story.calls_practice(first, at_once);
    let second = story.caller(20.0, 40.0);
    story.calls_practice(second, later);
    let played = story.play();
    let record = played.record(first);
    assert_eq!((record.disposition, record.agent), (Disposition::Answered, Some(secretary)));
    assert_eq!(record.offers[0].offered_at, record.arrived_at);
    let record = played.record(second);
    assert_eq!(record.disposition, Disposition::Announced);
    assert_eq!(waited(record), seconds(8.0));
}

#[test]
fn a_secretary_who_logs_out_leaves_her_waiting_caller_to_the_next_step() {
    let mut story = Story::new();
    let secretary = story.secretary(0.1, &[answers()]);
    let plan = vec![queue(TEAM, None, Some(8.0)), says(SHORT)];
    let practice = story.practice(Urgency::Normal, plan);
    story.commands(2.0, secretary, call::AgentCommand::Pause { reason: 1 });
    story.commands(30.0, secretary, call::AgentCommand::LogOut);
    let caller = story.caller(5.0, 40.0);
    story.calls_practice(caller, practice);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!(record.disposition, Disposition::Announced);
    // A pause is somebody: it counts from when she went. His INVITE was a moment on its way.
    let waited = waited(record);
    assert!((seconds(32.9)..=seconds(33.0)).contains(&waited), "{waited:?}");
}

#[test]
fn an_unanswered_text_costs_him_nothing_and_ends_with_a_refusal() {
    let (mut story, caller) = evening();
    let steps = vec![Step::Announce { prompt: SHORT, answer: false, urgent_key: None }];
    story.rules(call::PracticeId(1)).closed = Plan { steps };
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.status), (Disposition::Closed, 480));
    assert_eq!((record.answered_at, lasted(record)), (None, seconds(2.0)));
    assert_eq!(played.outcomes().tally.of(Happening::EarlyText), 1);
}

#[test]
fn a_caller_who_made_no_offer_hears_the_text_all_the_same() {
    let (mut story, caller) = evening();
    story.script(caller).offer = Offering::Late;
    let played = story.play();
    assert_eq!(played.record(caller).disposition, Disposition::Closed);
    assert_eq!(played.outcomes().tally.of(Happening::HeardText), 1);
}

#[test]
fn a_clock_that_is_set_opens_and_closes_from_then_on() {
    let (mut story, caller) = evening();
    story.clock(65.0, CLOSING - 600_000);
    let played = story.play();
    assert_eq!(played.record(caller).disposition, Disposition::Answered);
}

#[test]
fn a_patience_that_is_over_leads_past_every_queue_to_the_text() {
    let mut story = Story::new();
    let plan = vec![queue(TEAM, Some(100.0), None), queue(OTHER, None, None), says(SHORT)];
    let practice = story.practice(Urgency::Normal, plan);
    let caller = story.caller(5.0, 40.0);
    story.calls_practice(caller, practice);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!(record.disposition, Disposition::Announced);
    assert_eq!(waited(record), seconds(150.0), "as long as his trunk allows");
}
