//! Who hears a text with a key: what the key brings him, and that nothing else touches him.

use acd::{
    AgentEvent, CallerId, Decision, Forward, Input, LineId, PromptId, Refusal, Scheduler, Step,
    Target, Urgency,
};

use crate::floor::*;

const TEXT: Step = Step::Announce { prompt: PromptId(4), answer: true, urgent_key: Some('1') };

fn told(caller: u64, step: usize) -> Decision {
    let (caller, prompt) = (CallerId(caller), PromptId(4));
    Decision::Announce { caller, step, prompt, answer: true, urgent_key: Some('1') }
}

fn pressed(caller: u64) -> Input {
    Input::Pressed { caller: CallerId(caller) }
}

/// The doctor's plan for any time.
fn setup_with(steps: &[Step]) -> acd::Setup {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, steps));
    setup
}

/// The text, then a queue for so long, then busy.
fn night(agents: &[acd::AgentId]) -> Floor {
    Floor::with_setup(setup_with(&[TEXT, queue(OTHER_TEAM, Some(40)), Step::Busy]), agents)
}

fn urgency(floor: &Floor, caller: u64) -> Urgency {
    floor.scheduler.caller(CallerId(caller)).expect("he waits").waiting.urgency
}

#[test]
fn who_presses_the_key_of_a_text_is_urgent_and_goes_on_with_the_step_after_it() {
    let mut floor = night(&[]);
    assert_eq!(floor.input(enter(1, DOCTOR, None, Some(at(30)))), [told(1, 0)]);
    assert!(floor.scheduler.is_told(CallerId(1)));
    assert_eq!(floor.next_timer(), None, "nothing cuts a text short");
    floor.until(25);
    let moved = Decision::Overflow { caller: CallerId(1), step: 1 };
    assert_eq!(floor.input(pressed(1)), [moved]);
    assert_eq!(urgency(&floor, 1), Urgency::Urgent);
    assert!(!floor.scheduler.is_told(CallerId(1)));
    let waiting = floor.scheduler.waiting().next().expect("he waits");
    assert_eq!((waiting.arrival, waiting.deadline), (at(10), at(40)), "his place is his first one");
    assert_eq!(floor.until(64), [], "his network has no say any more");
    assert_eq!(floor.until(65), [Decision::Busy { caller: CallerId(1) }]);
}

#[test]
fn who_pressed_overtakes_who_waits_and_is_offered_at_once() {
    let mut floor = night(&[CLEO]);
    floor.agent(CLEO, AgentEvent::Pause { reason: 0 });
    floor.enters(1, DENTIST);
    floor.until(35);
    floor.enters(2, DOCTOR);
    floor.input(pressed(2));
    assert_eq!(floor.waiting(), [2, 1]);
    let decisions = floor.agent(CLEO, AgentEvent::Resume);
    assert_eq!(decisions, [offered(2, 1, CLEO, DOCTOR, at(50))]);
}

#[test]
fn a_vital_caller_who_presses_stays_vital() {
    let mut floor = night(&[]);
    floor.input(enter(1, DOCTOR, Some(Urgency::Vital), None));
    floor.input(pressed(1));
    assert_eq!(urgency(&floor, 1), Urgency::Vital);
}

#[test]
fn a_key_that_is_pressed_twice_or_after_the_end_is_refused() {
    let mut floor = night(&[]);
    floor.enters(1, DOCTOR);
    floor.input(pressed(1));
    assert_eq!(floor.try_input(pressed(1)), Err(Refusal::UnknownCaller));
    floor.enters(2, DOCTOR);
    floor.leaves(2);
    assert_eq!(floor.try_input(pressed(2)), Err(Refusal::UnknownCaller));
    assert_eq!(floor.try_input(Input::Leave { caller: CallerId(2) }), Err(Refusal::UnknownCaller));
    let mut without = Floor::with_setup(setup_with(&[announce(4)]), &[]);
    without.enters(1, DOCTOR);
    assert_eq!(without.try_input(pressed(1)), Err(Refusal::UnknownCaller), "it has no key");
}

#[test]
fn who_hears_a_text_with_a_key_cannot_enter_again_or_be_moved() {
    let mut floor = night(&[]);
    floor.enters(1, DOCTOR);
    let again = enter(1, DOCTOR, None, None);
    assert_eq!(floor.try_input(again), Err(Refusal::AlreadyHere));
    let moves = Input::Move { caller: CallerId(1), team: TEAM };
    assert_eq!(floor.try_input(moves), Err(Refusal::UnknownCaller));
}

#[test]
fn who_pressed_is_sent_to_the_doctor_on_call_after_the_queue() {
    let doctor = Forward { target: Target::Line(LineId(33_612_345_678)), ring_for: seconds(20) };
    let steps = [TEXT, queue_unless_nobody(OTHER_TEAM, None, 5), Step::Forward(doctor), Step::Busy];
    let mut floor = Floor::with_setup(setup_with(&steps), &[]);
    floor.enters(1, DOCTOR);
    floor.input(pressed(1));
    let (target, offer) = (doctor.target, offer_id(1, 1));
    assert_eq!(
        floor.until(15),
        [
            Decision::Overflow { caller: CallerId(1), step: 2 },
            Decision::Forward { offer, target, deadline: at(35) }
        ]
    );
}

#[test]
fn a_queue_without_an_end_has_one_for_who_pressed() {
    let mut floor = Floor::with_setup(setup_with(&[TEXT, queue(TEAM, None), announce(5)]), &[]);
    floor.enters(1, DOCTOR);
    floor.until(20);
    floor.input(pressed(1));
    assert_eq!(floor.until(619), []);
    assert_eq!(floor.until(620), [announced(1, 2, 5)]);
}

#[test]
fn who_presses_finds_room_where_as_many_wait_as_may() {
    let mut setup = setup_with(&[TEXT, queue(TEAM, None)]);
    setup.practices.get_mut(&DOCTOR).expect("the doctor").waiting_max = Some(0);
    setup.limits.waiting_max = 0;
    let mut floor = Floor::with_setup(setup, &[]);
    for caller in 1..20 {
        floor.enters(caller, DOCTOR);
        floor.input(pressed(caller));
    }
    assert_eq!(floor.waiting().len(), 19);
}

#[test]
fn whoever_presses_after_his_practice_has_opened_is_served_as_everybody_but_urgent() {
    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.closed.steps = vec![TEXT, queue(OTHER_TEAM, None)];
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.is_told("2026-01-05T07:59:50+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [told(1, 0)]);
    floor.until(25);
    let decisions = floor.input(pressed(1));
    assert!(matches!(decisions[0], Decision::Plan { .. }), "{decisions:?}");
    assert_eq!(decisions[1], offered(1, 1, ANNA, DOCTOR, at(40)));
    assert_eq!(urgency(&floor, 1), Urgency::Urgent);
}

#[test]
fn whoever_presses_after_his_practice_has_closed_has_what_the_key_promised() {
    let mut setup = setup_with(&[TEXT, queue(OTHER_TEAM, None)]);
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.at_closing = acd::AtClosing::Move;
    doctor.closed.steps = vec![announce(3)];
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [told(1, 0)]);
    floor.until(25);
    let moved = Decision::Overflow { caller: CallerId(1), step: 1 };
    assert_eq!(floor.input(pressed(1)), [moved], "and not the text of closed hours");
}

#[test]
fn who_had_been_with_a_secretary_before_the_text_is_sent_to_the_doctor_on_call() {
    let doctor = Forward { target: Target::Line(LineId(33_612_345_678)), ring_for: seconds(20) };
    let steps = [queue(TEAM, Some(20)), TEXT, Step::Forward(doctor), Step::Busy];
    let mut floor = Floor::with_setup(setup_with(&steps), &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.agent(ANNA, AgentEvent::Unreachable);
    floor.returns(1);
    assert_eq!(floor.until(30).last(), Some(&told(1, 1)));
    let decisions = floor.input(pressed(1));
    assert!(matches!(decisions.last(), Some(Decision::Forward { .. })), "{decisions:?}");
}

#[test]
fn who_hears_a_text_with_a_key_is_in_a_snapshot() {
    let mut floor = night(&[]);
    floor.enters(1, DOCTOR);
    let bytes = postcard::to_stdvec(&floor.scheduler).expect("it can be written");
    let state: Scheduler = postcard::from_bytes(&bytes).expect("it can be read");
    floor.scheduler = Scheduler::restore(floor.scheduler.setup().clone(), state);
    floor.input(pressed(1));
    assert_eq!(urgency(&floor, 1), Urgency::Urgent);
}
