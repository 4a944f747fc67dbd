//! Who comes back into a queue from a call, or comes into another team's.

use acd::{CallerId, Circle, Input, Miss, Urgency, Widening};

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
