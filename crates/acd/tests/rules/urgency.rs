//! Classes: who has them, who rises, and what they do.

use acd::{
    CallerId, CallerRule, ClassBy, Decision, Input, Insistence, LineId, Repeated, Situation,
    Urgency, Way,
};

use crate::floor::*;

fn class(floor: &Floor, caller: u64) -> Urgency {
    floor.scheduler.caller(CallerId(caller)).expect("he waits").waiting.urgency
}

#[test]
fn an_urgent_caller_overtakes_and_interrupts_nobody() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.enters(2, DOCTOR);
    let urgent = Some(Urgency::Urgent);
    assert_eq!(floor.input(enter(3, DOCTOR, urgent, None)), [], "Anna talks");
    assert_eq!(floor.waiting(), [3, 2]);
    floor.ends(1);
    floor.clears(ANNA, 1, 1);
    assert_eq!(floor.until(20), [offered(3, 1, ANNA, DOCTOR, at(35))]);
}

#[test]
fn who_waits_long_rises_class_by_class_up_to_urgent() {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").ageing = Some(seconds(60));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    let classes = [(69, Urgency::Normal), (70, Urgency::Priority), (130, Urgency::Urgent)];
    for (s, expected) in classes {
        floor.until(s);
        assert_eq!(class(&floor, 1), expected, "at {s} s");
    }
    floor.until(1_000);
    assert_eq!(class(&floor, 1), Urgency::Urgent, "vital is for who is");
    assert_eq!(floor.next_timer(), None);
}

#[test]
fn an_aged_caller_goes_before_an_urgent_one_who_came_later() {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").ageing = Some(seconds(60));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    floor.until(140);
    floor.input(enter(2, DOCTOR, Some(Urgency::Urgent), None));
    floor.input(enter(3, DOCTOR, Some(Urgency::Vital), None));
    assert_eq!(floor.waiting(), [3, 1, 2]);
}

fn with_rule(rule: CallerRule) -> acd::Setup {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").callers.insert(LineId(7), rule);
    setup
}

#[test]
fn a_caller_on_a_list_has_its_class_for_this_practice_alone() {
    let rule = CallerRule { urgency: Some(Urgency::Priority), way: Way::Usual };
    let mut floor = Floor::with_setup(with_rule(rule), &[]);
    floor.calls(1, DOCTOR, 7);
    floor.calls(2, DOCTOR, 8);
    floor.calls(3, CLINIC, 7);
    let classes = [1, 2, 3].map(|caller| class(&floor, caller));
    assert_eq!(classes, [Urgency::Priority, Urgency::Normal, Urgency::Normal]);
}

#[test]
fn the_more_urgent_of_what_his_list_and_the_dialled_number_say_counts() {
    let rule = CallerRule { urgency: Some(Urgency::Priority), way: Way::Usual };
    let mut floor = Floor::with_setup(with_rule(rule), &[]);
    floor.input(entering(1, DOCTOR, Some(7), Some(Urgency::Vital)));
    assert_eq!(class(&floor, 1), Urgency::Vital);
}

#[test]
fn a_blocked_caller_is_busy_whatever_the_hours_say() {
    let busy = acd::Plan { steps: vec![acd::Step::Busy] };
    let rule = CallerRule { urgency: None, way: Way::Plan(busy) };
    let mut floor = Floor::with_setup(with_rule(rule), &[ANNA]);
    let caller = CallerId(1);
    assert_eq!(floor.calls(1, DOCTOR, 7), [Decision::Busy { caller }]);
}

#[test]
fn who_is_always_let_through_is_not_stopped_by_hours_or_limits() {
    let mut setup = with_rule(CallerRule { urgency: None, way: Way::Through });
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.waiting_max = Some(0);
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.is_told("2026-01-05T22:00:00+01:00");
    assert_eq!(floor.calls(1, DOCTOR, 7), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    let view = floor.scheduler.caller(CallerId(1)).unwrap();
    assert_eq!(view.situation, Situation::Listed);
}

fn repeated(then: Insistence) -> acd::Setup {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").repeated =
        Some(Repeated { calls: 3, within: seconds(3_600), then });
    setup
}

#[test]
fn the_third_call_in_an_hour_rises_by_one_class() {
    let mut floor = Floor::with_setup(repeated(Insistence::Rise), &[]);
    for (caller, expected) in [(1, Urgency::Normal), (2, Urgency::Normal), (3, Urgency::Priority)] {
        floor.calls(caller, DOCTOR, 7);
        assert_eq!(class(&floor, caller), expected, "call {caller}");
        floor.leaves(caller);
        floor.until(10 + caller * 60);
    }
    floor.calls(4, DOCTOR, 8);
    assert_eq!(class(&floor, 4), Urgency::Normal, "somebody else");
    floor.until(4_000);
    floor.calls(5, DOCTOR, 7);
    assert_eq!(class(&floor, 5), Urgency::Normal, "the hour is over");
}

#[test]
fn a_practice_may_limit_who_calls_again_and_again() {
    let plan = acd::Plan { steps: vec![announce(4)] };
    let mut floor = Floor::with_setup(repeated(Insistence::Limit(plan)), &[]);
    for caller in [1, 2] {
        floor.calls(caller, DOCTOR, 7);
        floor.leaves(caller);
    }
    assert_eq!(floor.calls(3, DOCTOR, 7), [announced(3, 0, 4)]);
}

#[test]
fn who_withholds_his_number_is_never_counted() {
    let mut floor = Floor::with_setup(repeated(Insistence::Rise), &[]);
    for caller in 1..=4 {
        floor.enters(caller, DOCTOR);
        assert_eq!(class(&floor, caller), Urgency::Normal);
    }
}

#[test]
fn who_hung_up_and_calls_again_has_his_place_back() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").redial_within = seconds(300);
    let mut floor = Floor::with_setup(setup, &[]);
    floor.calls(1, DOCTOR, 7);
    floor.until(20);
    floor.calls(2, DOCTOR, 8);
    floor.leaves(1);
    floor.until(60);
    floor.calls(3, DOCTOR, 7);
    assert_eq!(floor.waiting(), [3, 2]);
    let view = floor.scheduler.caller(CallerId(3)).unwrap().waiting;
    assert_eq!((view.arrival, view.deadline), (at(10), at(40)));
    floor.leaves(3);
    floor.until(361);
    floor.calls(4, DOCTOR, 7);
    assert_eq!(floor.waiting(), [2, 4], "five minutes are over");
}

#[test]
fn who_calls_again_has_the_head_room_of_the_class_that_he_had_reached() {
    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    (doctor.redial_within, doctor.waiting_max) = (seconds(300), Some(1));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.calls(1, DOCTOR, 7);
    let (caller, urgency) = (CallerId(1), Urgency::Urgent);
    floor.input(Input::Rank { caller, urgency, first: false });
    floor.leaves(1);
    floor.calls(2, DOCTOR, 8);
    floor.calls(3, DOCTOR, 7);
    assert_eq!(floor.waiting(), [3, 2]);
}

#[test]
fn who_heard_busy_after_waiting_and_calls_again_has_his_place_back() {
    let mut setup = setup();
    let doctor = acd::Practice {
        redial_within: seconds(300),
        ..practice(30, &[queue(TEAM, Some(20)), acd::Step::Busy])
    };
    setup.practices.insert(DOCTOR, doctor);
    let mut floor = Floor::with_setup(setup, &[]);
    floor.calls(1, DOCTOR, 7);
    floor.until(20);
    floor.calls(2, DOCTOR, 8);
    assert_eq!(floor.until(30), [Decision::Busy { caller: CallerId(1) }]);
    floor.until(35);
    floor.calls(3, DOCTOR, 7);
    assert_eq!(floor.waiting(), [3, 2]);
    let view = floor.scheduler.caller(CallerId(3)).unwrap().waiting;
    assert_eq!((view.arrival, view.deadline), (at(10), at(40)));
}

#[test]
fn who_is_turned_away_before_any_queue_had_no_place_to_have_back() {
    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    doctor.redial_within = seconds(300);
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.closed.steps = vec![acd::Step::Busy];
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T07:59:50+01:00");
    floor.calls(1, DOCTOR, 7);
    floor.until(20);
    floor.calls(2, DOCTOR, 7);
    let view = floor.scheduler.caller(CallerId(2)).unwrap().waiting;
    assert_eq!(view.arrival, at(20), "it was closed");
}

#[test]
fn who_was_answered_begins_anew() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").redial_within = seconds(300);
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.calls(1, DOCTOR, 7);
    floor.talks(ANNA, 1, 1);
    floor.until(15);
    floor.calls(2, DOCTOR, 7);
    let view = floor.scheduler.caller(CallerId(2)).unwrap().waiting;
    assert_eq!(view.arrival, at(15));
}

#[test]
fn one_practices_flood_leaves_room_for_the_others_and_for_its_urgent_callers() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").waiting_max = Some(2);
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    let refused = floor.try_input(enter(3, DOCTOR, None, None));
    assert_eq!(refused, Err(acd::Refusal::PracticeFull));
    floor.enters(4, CLINIC);
    floor.input(enter(5, DOCTOR, Some(Urgency::Urgent), None));
    assert_eq!(floor.waiting(), [5, 4, 1, 2]);
}

#[test]
fn who_is_vital_or_urgent_is_never_limited_however_often_he_calls() {
    let busy = || Insistence::Limit(acd::Plan { steps: vec![acd::Step::Busy] });
    let rule = CallerRule { urgency: Some(Urgency::Vital), way: Way::Usual };
    let mut listed = repeated(busy());
    listed.practices.get_mut(&DOCTOR).expect("the doctor").callers.insert(LineId(7), rule);
    let mut urgent = repeated(busy());
    urgent.practices.get_mut(&DOCTOR).expect("the doctor").urgency = Urgency::Urgent;
    let cases = [(listed, None), (urgent, None), (repeated(busy()), Some(Urgency::Urgent))];
    for (setup, dialled) in cases {
        let mut floor = Floor::with_setup(setup, &[]);
        for caller in 1..=4 {
            floor.input(entering(caller, DOCTOR, Some(7), dialled));
            assert_eq!(floor.waiting(), [caller], "call {caller}");
            floor.leaves(caller);
        }
    }
}

#[test]
fn who_is_handed_on_fills_no_other_practices_room() {
    let mut setup = setup();
    let steps = [queue(TEAM, Some(5)), acd::Step::Practice(CLINIC)];
    setup.practices.insert(DOCTOR, practice(30, &steps));
    for (practice, max) in [(DOCTOR, 2), (CLINIC, 1)] {
        setup.practices.get_mut(&practice).expect("it is there").waiting_max = Some(max);
    }
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.until(15);
    let refused = floor.try_input(enter(3, DOCTOR, None, None));
    assert_eq!(refused, Err(acd::Refusal::PracticeFull), "they are the doctor's still");
    assert_eq!(floor.enters(4, CLINIC), []);
    let refused = floor.try_input(enter(5, CLINIC, None, None));
    assert_eq!(refused, Err(acd::Refusal::PracticeFull));
    floor.leaves(1);
    assert_eq!(floor.enters(6, DOCTOR), []);
}

/// How many of this class are let in, at most so many.
fn let_in(floor: &mut Floor, practice: acd::PracticeId, class: Option<Urgency>, most: u64) -> u64 {
    let known = floor.waiting().into_iter().max().unwrap_or(0);
    let enters = |n: &u64| floor.try_input(enter(known + n, practice, class, None)).is_ok();
    (1..=most).take_while(enters).count() as u64
}

#[test]
fn urgent_callers_have_head_room_and_vital_ones_more_and_neither_has_all() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("the doctor").waiting_max = Some(8);
    let mut floor = Floor::with_setup(setup.clone(), &[]);
    let classes = [None, Some(Urgency::Urgent), Some(Urgency::Vital)];
    assert_eq!(classes.map(|class| let_in(&mut floor, DOCTOR, class, 50)), [8, 6, 6]);
    setup.practices.get_mut(&DOCTOR).expect("the doctor").waiting_max = None;
    setup.limits.waiting_max = 8;
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(classes.map(|class| let_in(&mut floor, DOCTOR, class, 50)), [8, 6, 6]);
    assert_eq!(let_in(&mut floor, CLINIC, Some(Urgency::Vital), 1), 0, "bounded in all");
}

/// What is told of classes when this happens.
fn told(floor: &mut Floor, input: Input) -> Vec<(u64, Urgency, ClassBy)> {
    floor.scheduler.handle(floor.now, input).expect("accepted");
    classes(floor)
}

fn classes(floor: &mut Floor) -> Vec<(u64, Urgency, ClassBy)> {
    let decisions = std::iter::from_fn(|| floor.scheduler.poll_decision());
    let class = |decision| {
        let Decision::Class { caller, urgency, by } = decision else { return None };
        Some((caller.0, urgency, by))
    };
    decisions.filter_map(class).collect()
}

#[test]
fn who_enters_with_a_class_of_his_own_is_told_of_with_what_gave_it_to_him() {
    let mut setup = with_rule(CallerRule { urgency: Some(Urgency::Priority), way: Way::Usual });
    setup.practices.get_mut(&CLINIC).expect("it is in the setup").urgency = Urgency::Urgent;
    let mut floor = Floor::with_setup(setup, &[]);
    let mut enters = |caller, practice, line, urgency| {
        told(&mut floor, entering(caller, practice, line, urgency))
    };
    let (priority, urgent) = (Urgency::Priority, Urgency::Urgent);
    assert_eq!(enters(1, DOCTOR, None, None), [], "he is as all are");
    assert_eq!(enters(2, CLINIC, None, None), [(2, urgent, ClassBy::Practice)]);
    assert_eq!(enters(3, DOCTOR, Some(7), None), [(3, priority, ClassBy::List)]);
    assert_eq!(enters(4, DOCTOR, Some(7), Some(urgent)), [(4, urgent, ClassBy::Number)]);
    assert_eq!(enters(5, DOCTOR, Some(7), Some(priority)), [(5, priority, ClassBy::Number)]);
    let normal = Some(Urgency::Normal);
    assert_eq!(enters(6, DOCTOR, Some(7), normal), [(6, priority, ClassBy::List)]);
    let by = |caller| floor.scheduler.caller(CallerId(caller)).expect("he waits").class_by;
    assert_eq!((by(1), by(4)), (ClassBy::Nothing, ClassBy::Number));
}

#[test]
fn who_calls_again_and_again_or_waits_long_is_told_of_as_he_rises() {
    let mut setup = repeated(Insistence::Rise);
    setup.teams.get_mut(&TEAM).expect("it is in the setup").ageing = Some(seconds(60));
    setup.practices.get_mut(&DOCTOR).expect("the doctor").redial_within = seconds(60);
    let mut floor = Floor::with_setup(setup, &[]);
    for caller in [1, 2] {
        assert_eq!(told(&mut floor, entering(caller, DOCTOR, Some(7), None)), []);
        floor.leaves(caller);
    }
    let risen = told(&mut floor, entering(3, DOCTOR, Some(7), None));
    assert_eq!(risen, [(3, Urgency::Priority, ClassBy::Repetition)]);
    floor.scheduler.handle_timeout(at(70));
    floor.now = at(70);
    assert_eq!(classes(&mut floor), [(3, Urgency::Urgent, ClassBy::Ageing)]);
    floor.leaves(3);
    let again = told(&mut floor, entering(4, DOCTOR, Some(7), None));
    assert_eq!(again, [(4, Urgency::Urgent, ClassBy::Ageing)], "he has the class he had reached");
}

#[test]
fn an_operators_word_on_a_class_is_told_even_where_the_class_stays() {
    let mut floor = Floor::with_setup(setup(), &[]);
    floor.input(enter(1, DOCTOR, Some(Urgency::Urgent), None));
    let rank = |urgency| Input::Rank { caller: CallerId(1), urgency, first: false };
    let urgent = (1, Urgency::Urgent, ClassBy::Operator);
    assert_eq!(told(&mut floor, rank(Urgency::Urgent)), [urgent]);
    assert_eq!(told(&mut floor, rank(Urgency::Urgent)), [], "he said so already");
    let normal = (1, Urgency::Normal, ClassBy::Operator);
    assert_eq!(told(&mut floor, rank(Urgency::Normal)), [normal]);
}

#[test]
fn a_secretary_makes_the_caller_with_whom_she_talks_urgent_and_so_he_waits_should_he_lose_her() {
    let mut floor = Floor::with(&[ANNA]);
    let urgent = |agent| Input::Agent { agent, event: acd::AgentEvent::CallerIsUrgent };
    floor.input(enter(1, DOCTOR, None, None));
    assert_eq!(told(&mut floor, urgent(ANNA)), [], "he only rings");
    floor.answers(1, 1);
    floor.input(enter(2, DOCTOR, Some(Urgency::Urgent), None));
    floor.input(enter(3, DOCTOR, None, None));
    assert_eq!(told(&mut floor, urgent(BEA)), [], "she talks with nobody");
    let raised = (1, Urgency::Urgent, ClassBy::Secretary);
    assert_eq!(told(&mut floor, urgent(ANNA)), [raised]);
    assert_eq!(told(&mut floor, urgent(ANNA)), [], "he is already");
    floor.input(Input::Returned { caller: CallerId(1) });
    assert_eq!(floor.waiting(), [1, 2, 3], "at the head of the urgent ones");

    let mut floor = Floor::with(&[ANNA]);
    floor.input(enter(1, DOCTOR, Some(Urgency::Vital), None));
    floor.answers(1, 1);
    assert_eq!(told(&mut floor, urgent(ANNA)), [], "nobody becomes less than he is");
}

#[test]
fn the_key_of_a_text_is_told_where_it_makes_him_more_urgent() {
    let (prompt, urgent_key) = (acd::PromptId(4), Some('1'));
    let text = acd::Step::Announce { prompt, answer: true, urgent_key };
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, &[text, queue(TEAM, None)]));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    let pressed = |caller| Input::Pressed { caller: CallerId(caller) };
    assert_eq!(told(&mut floor, pressed(1)), [(1, Urgency::Urgent, ClassBy::Key)]);
    floor.input(enter(2, DOCTOR, Some(Urgency::Urgent), None));
    assert_eq!(told(&mut floor, pressed(2)), [], "his number said so before");
}
