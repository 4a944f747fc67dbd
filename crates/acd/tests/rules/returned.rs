//! Who was answered and waits again: he is anybody's, whatever is done to him.

use acd::{CallerId, Circle, Input, Widening};

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
