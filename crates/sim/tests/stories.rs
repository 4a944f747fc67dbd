//! What the floor does in one situation each: exact runs in virtual time, with every check of the
//! simulated world on and the engine restored again and again.

use std::time::Duration;

use acd::{Step, TeamId, Urgency};
use call::{AgentCommand, AgentId, Disposition, OfferOutcome, Party, PracticeId};
use sim::story::{Story, answers, does};
use sim::{Acking, Does, Flaw, Forwarded, Habit, Happening, Hold, Holding, Offering, Reload};

const TEAM: TeamId = TeamId(0);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn at(seconds: f64) -> sip::Instant {
    sip::Instant::ZERO + self::seconds(seconds)
}

fn queue(until: Option<f64>) -> Step {
    Step::queue(TEAM, until.map(seconds))
}

#[test]
fn two_callers_and_one_secretary_are_served_strictly_one_at_a_time() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let first = story.caller(5.0, 20.0);
    let second = story.caller(6.0, 10.0);
    let played = story.play();
    let (first, second) = (played.record(first), played.record(second));
    assert_eq!(first.disposition, Disposition::Answered);
    assert_eq!(second.disposition, Disposition::Answered);
    assert!(second.offers[0].offered_at >= first.ended_at, "her phone rings once she is free");
    assert!(second.answered_at.unwrap() > first.ended_at);
    assert_eq!(played.outcomes().tally.of(Happening::HeardBothWays), 2);
}

#[test]
fn secretaries_stand_as_they_did_when_the_engine_starts_anew() {
    let mut story = Story::new();
    let paused = story.secretary(0.1, &[answers()]);
    let available = story.secretary(1.0, &[answers()]);
    story.commands(2.0, paused, AgentCommand::Pause { reason: 1 });
    story.restarts(3.0);
    let first = story.caller(5.0, 30.0);
    let second = story.caller(7.0, 3.0);
    story.commands(12.0, paused, AgentCommand::Resume);
    let played = story.play();
    assert_eq!(played.rings(), [(available, first), (paused, second)]);
    assert_eq!(played.record(second).offers[0].offered_at, at(12.0), "he waited for her");
}

#[test]
fn longest_idle_secretary_rings_first() {
    let mut story = Story::new();
    let late = story.secretary(2.0, &[answers()]);
    let early = story.secretary(0.1, &[answers()]);
    let first = story.caller(5.0, 3.0);
    let second = story.caller(20.0, 3.0);
    let third = story.caller(40.0, 3.0);
    let played = story.play();
    let rings = played.rings();
    assert_eq!(rings, [(early, first), (late, second), (early, third)]);
}

#[test]
fn caller_who_gives_up_while_a_phone_rings_is_cancelled_there() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[does(Does::LetsRing), answers()]);
    let hasty = story.caller(5.0, 9.0);
    story.script(hasty).leaves_when_rung = Some(seconds(2.0));
    let next = story.caller(6.0, 5.0);
    let played = story.play();
    let record = played.record(hasty);
    assert_eq!((record.disposition, record.status), (Disposition::Abandoned, 487));
    assert_eq!(record.offers.len(), 1);
    assert_eq!(record.offers[0].outcome, OfferOutcome::Withdrawn);
    // Her phone was let off, and rings for the next one at once: she has missed nothing.
    let served = played.record(next);
    assert_eq!(served.agent, Some(agent));
    assert!(served.offers[0].offered_at < record.ended_at + seconds(0.1));
}

#[test]
fn caller_who_gives_up_while_waiting_disturbs_nobody() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let talking = story.caller(5.0, 30.0);
    let waiting = story.caller(7.0, 9.0);
    story.script(waiting).patience = Some(seconds(10.0));
    let played = story.play();
    let record = played.record(waiting);
    assert_eq!((record.disposition, record.status), (Disposition::Abandoned, 487));
    assert!(record.offers.is_empty());
    assert_eq!(record.released_by, Party::Caller);
    assert_eq!(played.record(talking).disposition, Disposition::Answered);
}

#[test]
fn missed_offer_gives_the_caller_back_at_his_place() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[does(Does::LetsRing), answers()]);
    let first = story.caller(5.0, 4.0);
    let second = story.caller(8.0, 4.0);
    let played = story.play();
    assert_eq!(played.rings(), [(agent, first), (agent, first), (agent, second)]);
    let record = played.record(first);
    assert_eq!(record.offers[0].outcome, OfferOutcome::NoAnswer);
    let rang_for = record.offers[0].ended_at.saturating_duration_since(record.offers[0].offered_at);
    assert_eq!(rang_for, seconds(10.0));
    let rested = record.offers[1].offered_at.saturating_duration_since(record.offers[0].ended_at);
    assert_eq!(rested, seconds(3.0));
}

#[test]
fn secretary_who_declines_rests_while_the_next_one_rings() {
    let mut story = Story::new();
    let busy = story.secretary(0.1, &[does(Does::Declines(486)), answers()]);
    let other = story.secretary(1.0, &[answers()]);
    let caller = story.caller(5.0, 4.0);
    let played = story.play();
    assert_eq!(played.rings(), [(busy, caller), (other, caller)]);
    let record = played.record(caller);
    assert_eq!(record.offers[0].outcome, OfferOutcome::Busy);
    assert_eq!(record.agent, Some(other));
}

#[test]
fn phone_that_does_not_react_is_given_up_after_two_seconds() {
    let mut story = Story::new();
    let off = story.secretary(0.1, &[does(Does::Nothing)]);
    let other = story.secretary(1.0, &[answers()]);
    let caller = story.caller(5.0, 4.0);
    let played = story.play();
    assert_eq!(played.rings(), [(off, caller), (other, caller)]);
    let record = played.record(caller);
    assert_eq!(record.offers[0].outcome, OfferOutcome::Unreachable);
    let tried = record.offers[0].ended_at.saturating_duration_since(record.offers[0].offered_at);
    assert_eq!(tried, seconds(2.0));
}

#[test]
fn answer_that_cannot_be_used_leaves_the_caller_unanswered_at_his_place() {
    let mut story = Story::new();
    let broken = story.secretary(0.1, &[does(Does::AnswersBadly)]);
    let other = story.secretary(1.0, &[answers()]);
    let caller = story.caller(5.0, 4.0);
    let played = story.play();
    let record = played.record(caller);
    let outcomes: Vec<_> = record.offers.iter().map(|offer| (offer.agent, offer.outcome)).collect();
    assert_eq!(outcomes, [(broken, OfferOutcome::Dropped), (other, OfferOutcome::Served)]);
    assert!(record.answered_at.unwrap() > record.offers[0].ended_at);
}

#[test]
fn secretary_who_vanishes_gives_her_caller_back_to_the_head() {
    let mut story = Story::new();
    let vanishing = Habit { dies: Some(seconds(4.0)), ..answers() };
    let gone = story.secretary(0.1, &[vanishing]);
    let other = story.secretary(1.0, &[Habit { hangs_up: Some(seconds(20.0)), ..answers() }]);
    let lost = story.caller(5.0, 60.0);
    let _with_the_other = story.caller(6.0, 60.0);
    let waiting = story.caller(7.0, 5.0);
    let played = story.play();
    let record = played.record(lost);
    assert_eq!(record.offers[0].agent, gone);
    assert_eq!(record.offers[0].outcome, OfferOutcome::Vanished);
    assert_eq!(record.offers[1].agent, other);
    assert!(record.offers[1].offered_at < played.record(waiting).offers[0].offered_at);
    // Silence for 5 s, and 3 s for an answer to OPTIONS.
    let talked = record.offers[0].answered_at.unwrap();
    let noticed = record.offers[0].ended_at.saturating_duration_since(talked);
    assert!((seconds(11.9)..seconds(12.2)).contains(&noticed), "{noticed:?}");
    assert_eq!(played.outcomes().tally.of(Happening::ServedAgain), 1);
}

#[test]
fn secretary_who_hangs_up_before_a_word_has_not_served_her_caller() {
    let mut story = Story::new();
    let by_mistake = Habit { hangs_up: Some(seconds(0.5)), mute: true, ..answers() };
    let agent = story.secretary(0.1, &[by_mistake, answers()]);
    let caller = story.caller(5.0, 30.0);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!(record.offers[0].outcome, OfferOutcome::Vanished);
    assert_eq!((record.offers[1].agent, record.offers[1].outcome), (agent, OfferOutcome::Served));
    assert_eq!(record.disposition, Disposition::Answered);
}

#[test]
fn silent_phone_that_answers_our_question_keeps_its_call() {
    let mut story = Story::new();
    story.secretary(0.1, &[Habit { mute: true, ..answers() }]);
    let caller = story.caller(5.0, 40.0);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!(record.offers.len(), 1);
    assert_eq!(record.disposition, Disposition::Answered);
    assert!(played.outcomes().tally.of(Happening::MuteSurvived) >= 3);
}

#[test]
fn urgent_caller_overtakes_but_never_interrupts() {
    let mut story = Story::new();
    let urgent_practice = story.practice(Urgency::Urgent, vec![queue(None)]);
    story.secretary(0.1, &[answers()]);
    let talking = story.caller(5.0, 20.0);
    let waiting = story.caller(6.0, 5.0);
    let urgent = story.caller(15.0, 5.0);
    story.calls_practice(urgent, urgent_practice);
    let played = story.play();
    let order: Vec<usize> = played.rings().into_iter().map(|(_, caller)| caller).collect();
    assert_eq!(order, [talking, urgent, waiting]);
    assert!(played.record(urgent).answered_at.unwrap() > played.record(talking).ended_at);
}

#[test]
fn plan_that_is_over_ends_in_busy() {
    let mut story = Story::new();
    let short = story.practice(Urgency::Normal, vec![queue(Some(20.0)), Step::Busy]);
    let caller = story.caller(5.0, 5.0);
    story.calls_practice(caller, short);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.status), (Disposition::Busy, 486));
    let waited = record.ended_at.saturating_duration_since(record.arrived_at);
    assert_eq!(waited, seconds(20.0));
    assert_eq!(record.released_by, Party::Us);
}

#[test]
fn caller_waits_as_long_as_his_trunk_allows_and_hears_ringing_all_the_time() {
    let mut story = Story::new();
    let caller = story.caller(5.0, 5.0);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.status), (Disposition::Busy, 486));
    let waited = record.ended_at.saturating_duration_since(record.arrived_at);
    assert_eq!(waited, seconds(150.0));
    assert_eq!(played.outcomes().tally.of(Happening::RingRefreshed), 1);
}

#[test]
fn full_queue_is_busy_and_says_so_at_once() {
    let mut story = Story::new();
    story.waiting_max(1);
    let waiting = story.caller(5.0, 5.0);
    story.script(waiting).patience = Some(seconds(30.0));
    let refused = story.caller(8.0, 5.0);
    let played = story.play();
    let record = played.record(refused);
    assert_eq!((record.disposition, record.status), (Disposition::Full, 486));
    assert_eq!(record.ended_at, record.arrived_at);
}

#[test]
fn invite_that_can_be_no_call_is_refused_with_its_own_status_and_recorded_once() {
    let expected = [
        (Flaw::Extension, Disposition::Unsupported, 420),
        (Flaw::Hops, Disposition::Looped, 483),
        (Flaw::NoContact, Disposition::BadRequest, 400),
        (Flaw::Malformed, Disposition::BadRequest, 400),
    ];
    for (flaw, disposition, status) in expected {
        let mut story = Story::new();
        let caller = story.caller(5.0, 5.0);
        story.script(caller).flaw = Some(flaw);
        let played = story.play();
        let record = played.record(caller);
        assert_eq!((record.disposition, record.status), (disposition, status));
    }
}

#[test]
fn number_that_nobody_has_is_404_and_a_codec_that_nobody_has_488() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let nowhere = story.caller(5.0, 5.0);
    story.script(nowhere).number = "+33199999999".to_owned();
    let deaf = story.caller(6.0, 5.0);
    story.script(deaf).offer = Offering::Codecs { types: "18", maps: "a=rtpmap:18 G729/8000\r\n" };
    let played = story.play();
    let (nowhere, deaf) = (played.record(nowhere), played.record(deaf));
    assert_eq!((nowhere.disposition, nowhere.status), (Disposition::UnknownNumber, 404));
    assert_eq!((deaf.disposition, deaf.status), (Disposition::NoCodec, 488));
    assert!(played.rings().is_empty());
}

#[test]
fn invite_without_an_offer_is_answered_with_ours() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let caller = story.caller(5.0, 5.0);
    story.script(caller).offer = Offering::Late;
    let played = story.play();
    assert_eq!(played.record(caller).disposition, Disposition::Answered);
    assert_eq!(played.outcomes().tally.of(Happening::HeardBothWays), 1);
}

#[test]
fn cancel_that_crosses_our_answer_ends_the_call_as_an_answered_one() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let caller = story.caller(5.0, 5.0);
    story.script(caller).cancels_across = true;
    let played = story.play();
    let record = played.record(caller);
    assert_eq!((record.disposition, record.status), (Disposition::Answered, 200));
    assert_eq!(record.released_by, Party::Caller);
}

#[test]
fn her_answer_that_crosses_our_cancel_is_confirmed_and_ended() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[does(Does::AnswersAcross), answers()]);
    let gone = story.caller(5.0, 5.0);
    story.script(gone).leaves_when_rung = Some(seconds(3.0));
    let next = story.caller(6.0, 5.0);
    let played = story.play();
    let record = played.record(gone);
    assert_eq!((record.disposition, record.status), (Disposition::Abandoned, 487));
    assert_eq!(played.record(next).agent, Some(agent), "her line is clear again");
}

#[test]
fn answer_that_is_never_confirmed_frees_the_secretary_after_64_t1() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let deaf = story.caller(5.0, 5.0);
    story.script(deaf).ack = Acking::Never;
    let next = story.caller(10.0, 5.0);
    let played = story.play();
    let record = played.record(deaf);
    assert_eq!(record.disposition, Disposition::CallerFailed);
    let held = record.ended_at.saturating_duration_since(record.answered_at.unwrap());
    assert_eq!(held, seconds(32.0));
    assert_eq!(played.record(next).disposition, Disposition::Answered);
}

#[test]
fn paused_secretary_is_not_rung_and_takes_the_next_call_when_she_is_back() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[answers()]);
    story.commands(3.0, agent, AgentCommand::Pause { reason: 1 });
    story.commands(25.0, agent, AgentCommand::Resume);
    let caller = story.caller(5.0, 5.0);
    let played = story.play();
    let record = played.record(caller);
    let waited = record.offers[0].offered_at.saturating_duration_since(record.arrived_at);
    assert!((seconds(19.9)..=seconds(20.0)).contains(&waited), "{waited:?}");
}

#[test]
fn secretary_who_logs_out_while_her_phone_rings_is_let_off() {
    let mut story = Story::new();
    let leaving: AgentId = story.secretary(0.1, &[does(Does::LetsRing)]);
    let other = story.secretary(1.0, &[answers()]);
    story.commands(7.0, leaving, AgentCommand::LogOut);
    let caller = story.caller(5.0, 5.0);
    let played = story.play();
    assert_eq!(played.rings(), [(leaving, caller), (other, caller)]);
    let record = played.record(caller);
    assert_eq!(record.offers[0].outcome, OfferOutcome::Withdrawn);
    let rang = record.offers[1].offered_at.saturating_duration_since(record.arrived_at);
    assert!((seconds(1.9)..seconds(2.1)).contains(&rang), "{rang:?}");
}

#[test]
fn wrap_up_keeps_her_free_of_calls_for_its_time() {
    let mut story = Story::new();
    story.team().wrap_up = seconds(7.0);
    story.secretary(0.1, &[answers()]);
    let first = story.caller(5.0, 4.0);
    let second = story.caller(6.0, 4.0);
    let played = story.play();
    let ended = played.record(first).ended_at;
    let offered = played.record(second).offers[0].offered_at;
    assert_eq!(offered.saturating_duration_since(ended), seconds(7.0));
}

#[test]
fn a_shared_number_leads_to_the_practice_whose_line_was_forwarded_or_to_the_unidentified() {
    let mut story = Story::new();
    let petit = story.practice(Urgency::Normal, vec![queue(None)]);
    let unidentified = story.practice(Urgency::Normal, vec![queue(None)]);
    story.secretary(0.1, &[answers()]);
    let martin = PracticeId(0);
    let diverted = story.caller(5.0, 2.0);
    story.calls_shared(diverted, Forwarded::Diversion, martin);
    let told = story.caller(10.0, 2.0);
    story.calls_shared(told, Forwarded::History, petit);
    let unknown = story.caller(15.0, 2.0);
    story.calls_shared(unknown, |_| Forwarded::Not, martin);
    let played = story.play();
    let practice = |caller| played.record(caller).practice;
    assert_eq!([diverted, told, unknown].map(practice), [martin, petit, unidentified].map(Some));
    assert_eq!(played.record(unknown).disposition, Disposition::Answered);
}

#[test]
fn code_dialled_between_calls_pauses_her_and_another_brings_her_back() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[answers()]);
    story.dials(3.0, agent, "*31");
    story.dials(25.0, agent, "*30");
    let caller = story.caller(5.0, 5.0);
    let played = story.play();
    let record = played.record(caller);
    let waited = record.offers[0].offered_at.saturating_duration_since(record.arrived_at);
    // Her phone is rung once it has let go of the code: never a busy phone.
    assert!((seconds(20.0)..=seconds(21.5)).contains(&waited), "{waited:?}");
    assert_eq!(record.offers[0].outcome, OfferOutcome::Served);
    assert_eq!(played.outcomes().tally.of(Happening::CodeChanges), 2);
    assert_eq!(played.outcomes().records.len(), 1, "a code is no call");
}

#[test]
fn pause_dialled_during_a_call_leaves_the_call_alone_and_keeps_the_next_away() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[answers()]);
    story.dials(8.0, agent, "*31");
    story.dials(40.0, agent, "*30");
    let first = story.caller(5.0, 10.0);
    let second = story.caller(9.0, 5.0);
    let played = story.play();
    let (first, second) = (played.record(first), played.record(second));
    assert_eq!(first.offers.len(), 1);
    let talked = first.ended_at.saturating_duration_since(first.answered_at.unwrap());
    assert!((seconds(9.9)..seconds(10.2)).contains(&talked), "{talked:?}");
    let offered = second.offers[0].offered_at.saturating_duration_since(second.arrived_at);
    assert!((seconds(31.0)..seconds(32.5)).contains(&offered), "{offered:?}");
    assert_eq!(played.outcomes().tally.of(Happening::CodeDuringCall), 1);
}

#[test]
fn wrap_up_ended_by_a_code_brings_the_next_caller() {
    let mut story = Story::new();
    story.team().wrap_up = seconds(60.0);
    let agent = story.secretary(0.1, &[answers()]);
    let first = story.caller(5.0, 4.0);
    let second = story.caller(6.0, 4.0);
    story.dials(15.0, agent, "*32");
    let played = story.play();
    assert_eq!(played.record(first).agent, Some(agent));
    let second = played.record(second);
    let offered = second.offers[0].offered_at.saturating_duration_since(second.arrived_at);
    assert!((seconds(9.0)..seconds(10.5)).contains(&offered), "{offered:?}");
}

#[test]
fn secretary_who_misses_too_often_stops_responding_until_she_dials_herself_back() {
    let mut story = Story::new();
    story.team().misses_max = 2;
    let lets_ring = does(Does::LetsRing);
    let agent = story.secretary(0.1, &[lets_ring, lets_ring, answers()]);
    story.dials(60.0, agent, "*30");
    let caller = story.caller(5.0, 5.0);
    let played = story.play();
    let record = played.record(caller);
    let outcomes: Vec<_> = record.offers.iter().map(|offer| offer.outcome).collect();
    let missed = OfferOutcome::NoAnswer;
    assert_eq!(outcomes, [missed, missed, OfferOutcome::Served]);
    let back = record.offers[2].offered_at.saturating_duration_since(record.arrived_at);
    assert!((seconds(55.0)..seconds(56.5)).contains(&back), "{back:?}");
}

#[test]
fn number_that_a_phone_dials_and_nobody_has_is_refused() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[answers()]);
    story.dials(2.0, agent, "*99");
    let caller = story.caller(5.0, 5.0);
    let played = story.play();
    assert_eq!(played.record(caller).agent, Some(agent));
    assert_eq!(played.outcomes().tally.of(Happening::PhoneCallRefused), 1);
}

fn holding(after: f64, lasts: f64, how: Hold) -> Option<Holding> {
    Some(Holding { after: seconds(after), lasts: seconds(lasts), how })
}

#[test]
fn caller_on_hold_hears_nobody_until_his_secretary_is_back() {
    for how in [Hold::SendOnly, Hold::Inactive, Hold::NullAddress] {
        let mut story = Story::new();
        let holds = Habit { holds: holding(3.0, 40.0, how), ..answers() };
        story.secretary(0.1, &[holds]);
        let caller = story.caller(5.0, 60.0);
        let played = story.play();
        let record = played.record(caller);
        assert_eq!((record.disposition, record.offers.len()), (Disposition::Answered, 1));
        let tally = &played.outcomes().tally;
        assert_eq!((tally.of(Happening::PhoneHeld), tally.of(Happening::PhoneResumed)), (1, 1));
        // Both spoke about once a second, for 40 s into the void and for some 15 s after.
        assert!(tally.of(Happening::SilentOnHold) > 50, "{how:?}");
        assert_eq!(tally.of(Happening::HeardBothWays), 1);
    }
}

#[test]
fn secretary_on_hold_hears_her_caller_again_when_he_is_back() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let caller = story.caller(5.0, 30.0);
    story.script(caller).holds = holding(3.0, 10.0, Hold::SendOnly);
    let played = story.play();
    assert_eq!(played.record(caller).disposition, Disposition::Answered);
    let tally = &played.outcomes().tally;
    assert_eq!((tally.of(Happening::CallerHeld), tally.of(Happening::CallerResumed)), (1, 1));
    assert!(tally.of(Happening::SilentOnHold) > 10);
    assert!(tally.of(Happening::HeardAfterHold) > 10);
}

#[test]
fn two_who_hold_each_other_talk_again_when_both_are_back() {
    let mut story = Story::new();
    let holds = Habit { holds: holding(3.0, 10.0, Hold::Inactive), ..answers() };
    story.secretary(0.1, &[holds]);
    let caller = story.caller(5.0, 40.0);
    story.script(caller).holds = holding(5.0, 15.0, Hold::SendOnly);
    let played = story.play();
    assert_eq!(played.record(caller).disposition, Disposition::Answered);
    assert!(played.outcomes().tally.of(Happening::HeardAfterHold) > 10);
}

#[test]
fn caller_who_dies_on_hold_is_found_and_frees_his_secretary() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let gone = story.caller(5.0, 140.0);
    story.script(gone).holds = holding(3.0, 120.0, Hold::Inactive);
    story.script(gone).vanishes = Some(seconds(10.0));
    let next = story.caller(8.0, 5.0);
    let played = story.play();
    let record = played.record(gone);
    // Asked every 30 s of hold, 3 s for an answer.
    let held = record.ended_at.saturating_duration_since(record.answered_at.unwrap());
    assert!((seconds(36.0)..seconds(36.3)).contains(&held), "{held:?}");
    assert_eq!(played.record(next).disposition, Disposition::Answered);
}

#[test]
fn phone_that_was_switched_off_is_not_rung_and_is_again_once_it_answers() {
    let mut story = Story::new();
    let agent = story.secretary(0.1, &[answers()]);
    story.phone(agent).off.push((at(10.0), at(70.0)));
    let caller = story.caller(40.0, 5.0);
    let played = story.play();
    let record = played.record(caller);
    assert_eq!(record.offers.len(), 1, "nobody rings a dead phone");
    assert_eq!(record.offers[0].outcome, OfferOutcome::Served);
    assert!(record.offers[0].offered_at >= at(70.0));
    let tally = &played.outcomes().tally;
    assert_eq!((tally.of(Happening::FoundDead), tally.of(Happening::FoundAlive)), (1, 1));
}

#[test]
fn secretary_who_is_removed_while_she_talks_ends_her_call_in_peace_and_gets_no_other() {
    let mut story = Story::new();
    let removed = story.secretary(0.1, &[answers()]);
    let other = story.secretary(1.0, &[answers()]);
    let talking = story.caller(5.0, 30.0);
    story.reloads(15.0, Reload::WithoutAgent(removed));
    let meanwhile = story.caller(20.0, 5.0);
    let later = story.caller(45.0, 5.0);
    let played = story.play();
    let rings = played.rings();
    assert_eq!(rings, [(removed, talking), (other, meanwhile), (other, later)]);
    let record = played.record(talking);
    let talked = record.ended_at.saturating_duration_since(record.answered_at.unwrap());
    assert!((seconds(29.9)..seconds(30.2)).contains(&talked), "{talked:?}");
}

#[test]
fn caller_whose_practice_is_removed_is_served_all_the_same_and_the_next_is_unknown() {
    let mut story = Story::new();
    let _unidentified = story.practice(Urgency::Normal, vec![queue(None)]);
    story.secretary(20.0, &[answers()]);
    let waiting = story.caller(5.0, 5.0);
    story.reloads(10.0, Reload::WithoutPractice(PracticeId(0)));
    let next = story.caller(12.0, 5.0);
    let played = story.play();
    assert_eq!(played.record(waiting).disposition, Disposition::Answered);
    let next = played.record(next);
    assert_eq!((next.disposition, next.status), (Disposition::UnknownNumber, 404));
}

#[test]
fn while_we_drain_new_callers_are_refused_and_those_inside_are_served() {
    let mut story = Story::new();
    story.secretary(0.1, &[answers()]);
    let talking = story.caller(5.0, 20.0);
    let waiting = story.caller(6.0, 5.0);
    story.drains(10.0);
    let refused = story.caller(12.0, 5.0);
    let played = story.play();
    assert_eq!(played.record(talking).disposition, Disposition::Answered);
    assert_eq!(played.record(waiting).disposition, Disposition::Answered);
    let refused = played.record(refused);
    assert_eq!((refused.disposition, refused.status), (Disposition::Draining, 503));
}
