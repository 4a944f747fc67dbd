//! Who comes back into a queue from a call, or comes into another team's.

use acd::{
    CallerId, Circle, Decision, Forward, Input, LineId, Miss, Step, Target, Urgency, Widening,
};

use crate::floor::*;

#[test]
fn who_came_back_and_is_moved_stays_anybodys() {
    let mut setup = setup();
    let own = Widening { after: seconds(0), circle: Circle::Own };
    let team = setup.teams.get_mut(&OTHER_TEAM).unwrap();
    team.circles = vec![own];
    setup.practices.get_mut(&DOCTOR).unwrap().own = vec![BEA];
    setup.agents.get_mut(&BEA).unwrap().teams.push(OTHER_TEAM);
    let mut floor = Floor::with_setup(setup, &[ANNA, CLEO]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.returns(1);
    let moves = Input::Move { caller: CallerId(1), team: OTHER_TEAM };
    // Bea, whose caller he would be, is not at work.
    assert_eq!(floor.input(moves), [offered(1, 2, CLEO, DOCTOR, at(25))]);
}

#[test]
fn who_is_dropped_has_the_circle_that_was_due_while_she_had_him() {
    let mut setup = setup();
    let circle = |after_s, circle| Widening { after: seconds(after_s), circle };
    setup.teams.get_mut(&TEAM).unwrap().circles =
        vec![circle(0, Circle::Own), circle(5, Circle::Everyone)];
    setup.practices.get_mut(&DOCTOR).unwrap().own = vec![ANNA];
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.until(16);
    assert_eq!(floor.misses(1, 1, Miss::Dropped), [offered(1, 2, BEA, DOCTOR, at(31))]);
}

#[test]
fn who_is_moved_has_the_class_that_the_new_team_gives_for_his_wait() {
    let mut setup = setup();
    setup.teams.get_mut(&OTHER_TEAM).unwrap().ageing = Some(seconds(5));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    floor.until(17);
    floor.input(Input::Move { caller: CallerId(1), team: OTHER_TEAM });
    let waiting = floor.scheduler.waiting().next().unwrap();
    assert_eq!(waiting.urgency, Urgency::Priority);
    assert_eq!(floor.next_timer().map(|(due, _)| due), Some(at(20)), "and rises again");
}

/// Anna had him and vanished; nobody else is there.
fn returned(steps: &[Step], wait_max_s: Option<u64>) -> Floor {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, steps));
    setup.practices.get_mut(&DOCTOR).expect("the doctor").wait_max = wait_max_s.map(seconds);
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.until(100);
    floor.returns(1);
    floor.agent(ANNA, acd::AgentEvent::LogOut);
    floor
}

#[test]
fn who_came_back_waits_as_long_as_his_practice_or_his_step_says_else_ten_minutes() {
    let cases = [
        ([queue(TEAM, Some(20)), announce(3)], Some(40), 140),
        ([queue(TEAM, Some(20)), announce(3)], None, 120),
        ([queue(TEAM, None), announce(3)], None, 700),
    ];
    for (steps, wait_max_s, end_s) in cases {
        let mut floor = returned(&steps, wait_max_s);
        assert_eq!(floor.until(end_s - 1), []);
        assert_eq!(floor.until(end_s), [announced(1, 1, 3)]);
    }
}

#[test]
fn who_came_back_goes_through_the_later_queues_as_anybodys_and_is_forwarded_nowhere() {
    let to = Forward { target: Target::Line(LineId(1)), ring_for: seconds(9) };
    let steps = [queue(TEAM, Some(20)), Step::Forward(to), queue(OTHER_TEAM, None)];
    let mut floor = returned(&steps, None);
    let caller = CallerId(1);
    assert_eq!(floor.until(120), [Decision::Overflow { caller, step: 2 }]);
    assert_eq!(floor.until(719), []);
    assert_eq!(floor.until(720), [Decision::Busy { caller }]);
}

#[test]
fn who_came_back_into_a_team_that_is_gone_does_not_wait_for_ever() {
    let mut floor = returned(&[queue(TEAM, None)], None);
    let mut smaller = setup();
    smaller.teams.remove(&TEAM);
    floor.configures(smaller);
    assert_eq!(floor.until(700), [Decision::Busy { caller: CallerId(1) }]);
}
