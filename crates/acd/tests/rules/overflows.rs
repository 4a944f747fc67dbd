//! Conditions under which a caller does not enter a queue.

use acd::{AgentEvent, Decision, Input, Miss, Queue, Step, Urgency};

use crate::floor::*;

fn overflow_plan(queue: Queue) -> acd::Setup {
    let mut setup = setup();
    let steps = [Step::Queue(queue), self::queue(OTHER_TEAM, None)];
    setup.practices.insert(DOCTOR, practice(30, &steps));
    setup
}

fn overflowed(caller: u64) -> Decision {
    Decision::Overflow { caller: acd::CallerId(caller), step: 1 }
}

#[test]
fn a_queue_that_is_long_enough_is_passed_over() {
    let setup = overflow_plan(Queue { unless_waiting: Some(2), ..Queue::of(TEAM) });
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(floor.enters(1, DOCTOR), []);
    assert_eq!(floor.enters(2, CLINIC), []);
    assert_eq!(floor.enters(3, DOCTOR), [overflowed(3)], "two wait, whoever they are for");
}

#[test]
fn who_overtakes_those_who_wait_is_not_sent_away_by_them() {
    let setup = overflow_plan(Queue { unless_waiting: Some(1), ..Queue::of(TEAM) });
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(floor.enters(1, DOCTOR), []);
    assert_eq!(
        floor.input(enter(2, DOCTOR, Some(Urgency::Urgent), None)),
        [],
        "he is ahead of the other"
    );
    assert_eq!(
        floor.input(enter(3, DOCTOR, Some(Urgency::Urgent), None)),
        [overflowed(3)],
        "one is ahead of him"
    );
    assert_eq!(floor.enters(4, DOCTOR), [overflowed(4)]);
}

#[test]
fn who_waits_and_is_offered_to_nobody_for_want_of_room_makes_the_queue_long_all_the_same() {
    let setup = overflow_plan(Queue { unless_waiting: Some(1), ..Queue::of(TEAM) });
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    assert_eq!(floor.misses(1, 1, Miss::NoRoom), [], "he is offered to nobody");
    floor.clears(ANNA, 1, 1);
    assert_eq!(floor.enters(2, DOCTOR), [overflowed(2)], "one is ahead of him");
    let room = Input::Room { caller: acd::CallerId(1) };
    assert_eq!(floor.input(room), [offered(1, 2, ANNA, DOCTOR, at(25))], "he has kept his place");
}

#[test]
fn only_when_they_are_full_means_that_nobody_is_free() {
    let setup = overflow_plan(Queue { unless_none_free: true, ..Queue::of(TEAM) });
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [overflowed(2)]);
}

#[test]
fn who_must_be_expected_to_wait_too_long_goes_on_at_once() {
    let setup = overflow_plan(Queue { unless_expected: Some(seconds(60)), ..Queue::of(TEAM) });
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    // Calls of 20 s and a wrap-up of 10 s: nobody waits longer than that for Anna.
    for caller in 1..=5 {
        floor.enters(caller, DOCTOR);
        floor.answers(caller, 1);
        floor.until(30 * caller);
        floor.ends(caller);
        floor.clears(ANNA, caller, 1);
        floor.until(30 * caller + 10);
    }
    floor.enters(6, DOCTOR);
    floor.answers(6, 1);
    assert_eq!(floor.enters(7, DOCTOR), [], "one call ahead: about half a minute");
    assert_eq!(floor.enters(8, DOCTOR), [], "two");
    let overflowing = floor.enters(9, DOCTOR);
    assert_eq!(overflowing, [overflowed(9)], "three: {:?}", floor.scheduler.expected_wait(TEAM));
}

#[test]
fn who_may_be_given_to_few_expects_to_wait_for_one_of_those() {
    let mut setup = overflow_plan(Queue { unless_expected: Some(seconds(60)), ..Queue::of(TEAM) });
    setup.practices.get_mut(&DOCTOR).expect("the doctor").sites = Some([acd::SiteId(2)].into());
    setup.agents.get_mut(&BEA).expect("Bea").site = acd::SiteId(2);
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [overflowed(2)], "Anna is free, and may not have him");
    floor.agent(BEA, AgentEvent::Unreachable);
    assert_eq!(floor.enters(3, DOCTOR), [], "nobody works who may have him: `nobody` is for that");
}

#[test]
fn nobody_at_all_is_no_expectation() {
    let setup = overflow_plan(Queue { unless_expected: Some(seconds(1)), ..Queue::of(TEAM) });
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(floor.enters(1, DOCTOR), [], "`nobody` is for that");
}

#[test]
fn a_plan_whose_queues_are_all_passed_over_ends_with_what_comes_after() {
    let mut setup = setup();
    let free = |team| Step::Queue(Queue { unless_none_free: true, ..Queue::of(team) });
    let steps = [free(TEAM), free(OTHER_TEAM), announce(3)];
    setup.practices.insert(DOCTOR, practice(30, &steps));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.agent(ANNA, AgentEvent::LineTaken);
    assert_eq!(floor.enters(1, DOCTOR), [announced(1, 2, 3)]);
}

#[test]
fn who_only_passes_queues_over_and_hears_a_text_waits_for_nobody_and_is_let_in_always() {
    let mut setup = setup();
    setup.limits.waiting_max = 1;
    let full = Step::Queue(Queue { unless_waiting: Some(1), ..Queue::of(TEAM) });
    setup.practices.insert(DOCTOR, practice(30, &[full, announce(3)]));
    setup.practices.insert(CLINIC, practice(30, &[Step::Practice(DOCTOR)]));
    let spent = acd::Practice {
        wait_max: Some(seconds(0)),
        ..practice(30, &[queue(OTHER_TEAM, None), announce(4)])
    };
    setup.practices.insert(DENTIST, spent);
    let mut floor = Floor::with_setup(setup, &[]);
    assert_eq!(floor.enters(1, DOCTOR), []);
    assert_eq!(floor.enters(2, DOCTOR), [announced(2, 1, 3)], "there is no room for him to wait");
    assert_eq!(
        floor.enters(3, CLINIC).last(),
        Some(&announced(3, 1, 3)),
        "nor by another practice"
    );
    assert_eq!(floor.enters(4, DENTIST), [announced(4, 1, 4)], "who may not wait at all");
    assert_eq!(floor.waiting(), [1]);
}
