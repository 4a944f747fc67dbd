//! What is measured of a team's queue: whoever comes counts once, and so does each wait.

use acd::{CallerId, Forward, Input, LineId, Miss, Step, Target, TeamId};

use crate::floor::*;

/// In `TEAM`, elsewhere, and in `TEAM` again.
fn round_trip() -> acd::Setup {
    let mut setup = setup();
    let desk = Forward { target: Target::Line(LineId(7)), ring_for: seconds(20) };
    let steps = [queue(TEAM, Some(20)), Step::Forward(desk), queue(TEAM, None)];
    setup.practices.insert(DOCTOR, practice(30, &steps));
    setup
}

fn moves(caller: u64, team: TeamId) -> Input {
    Input::Move { caller: CallerId(caller), team }
}

fn arrivals(floor: &Floor, team: TeamId) -> Option<u32> {
    floor.scheduler.figures(team)?.arrivals_per_hour(floor.now)
}

fn patience_s(floor: &Floor, team: TeamId) -> Option<u64> {
    Some(floor.scheduler.figures(team)?.patience_mean()?.as_secs())
}

#[test]
fn who_comes_back_to_a_team_in_one_call_is_one_arrival_of_it() {
    let mut floor = Floor::with_setup(round_trip(), &[]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.until(60);
    assert_eq!(floor.waiting(), [1, 2], "in the third step");
    floor.input(moves(2, OTHER_TEAM));
    floor.input(moves(2, TEAM));
    floor.until(130);
    // The first one opens the time that is measured: one more came in two minutes.
    assert_eq!(arrivals(&floor, TEAM), Some(30));
}

#[test]
fn whom_an_operator_moves_to_a_team_is_an_arrival_of_it() {
    let mut floor = Floor::with_setup(round_trip(), &[]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.input(moves(1, OTHER_TEAM));
    floor.input(moves(2, OTHER_TEAM));
    floor.until(130);
    assert_eq!(arrivals(&floor, OTHER_TEAM), Some(30));
}

#[test]
fn who_is_moved_or_redirected_or_taken_along_by_opening_hours_has_waited_patiently_until_then() {
    let mut floor = Floor::with_setup(round_trip(), &[]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.until(15);
    floor.input(moves(1, OTHER_TEAM));
    let to = Forward { target: Target::Line(LineId(8)), ring_for: seconds(60) };
    floor.input(Input::Redirect { caller: CallerId(2), to });
    floor.until(25);
    floor.leaves(1);
    floor.leaves(2);
    assert_eq!(patience_s(&floor, OTHER_TEAM), Some(10), "he gave up there");
    assert_eq!(patience_s(&floor, TEAM), None, "nobody gave up here");
    floor.enters(3, DOCTOR);
    floor.until(35);
    floor.leaves(3);
    assert_eq!(patience_s(&floor, TEAM), Some(20), "twice 5 s and 10 s, and one who gave up");

    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.closed.steps = vec![queue(OTHER_TEAM, None)];
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T07:59:40+01:00");
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.leaves(2);
    floor.until(40);
    floor.leaves(1);
    assert_eq!(patience_s(&floor, OTHER_TEAM), Some(20), "until the practice opened");
}

#[test]
fn the_wait_before_a_call_that_broke_at_once_is_noted_once() {
    let mut floor = Floor::with(&[ANNA]);
    floor.enters(1, DOCTOR);
    floor.until(15);
    floor.answers(1, 1);
    floor.until(20);
    floor.misses(1, 1, Miss::Dropped);
    floor.until(22);
    floor.leaves(1);
    assert_eq!(patience_s(&floor, TEAM), Some(7), "5 s, and 2 s more");
}
