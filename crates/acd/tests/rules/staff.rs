//! Nobody there: who waits for a team without anybody moves on.

use acd::{AgentEvent, Bound, CallerId, Decision, Miss, Reason, Setup, Step};

use crate::floor::*;

const LATE: u32 = 7;

/// The doctor's callers wait for `TEAM`, five seconds without anybody at most, then hear a text.
fn setup_of(steps: &[Step]) -> Setup {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, steps));
    setup
}

fn five_seconds() -> Setup {
    setup_of(&[queue_unless_nobody(TEAM, Some(60), 5), announce(LATE)])
}

#[test]
fn a_caller_moves_on_after_so_long_without_anybody() {
    let mut floor = Floor::with_setup(five_seconds(), &[]);
    floor.enters(1, DOCTOR);
    let nobody = Reason::WaitEnd { caller: CallerId(1), bound: Bound::Nobody };
    assert_eq!(floor.next_timer(), Some((at(15), nobody)));
    assert_eq!(floor.until(15), [announced(1, 1, LATE)]);
}

#[test]
fn without_patience_for_an_empty_team_he_moves_on_at_once() {
    let plan = [queue_unless_nobody(TEAM, None, 0), queue(OTHER_TEAM, None)];
    let mut floor = Floor::with_setup(setup_of(&plan), &[CLEO]);
    assert_eq!(floor.enters(1, DOCTOR), []);
    let overflow = Decision::Overflow { caller: CallerId(1), step: 1 };
    assert_eq!(floor.until(10), [overflow, offered(1, 1, CLEO, DOCTOR, at(25))]);
}

#[test]
fn somebody_who_talks_pauses_or_wraps_up_is_there() {
    let mut floor = Floor::with_setup(five_seconds(), &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    floor.talks(ANNA, 1, 1);
    floor.agent(ANNA, AgentEvent::Pause { reason: 1 });
    assert_eq!(floor.until(69), []);
    assert_eq!(floor.until(70), [announced(2, 1, LATE)], "only the step's own end moves him");
}

#[test]
fn the_time_counts_from_when_the_last_one_went() {
    let mut floor = Floor::with_setup(five_seconds(), &[ANNA, BEA]);
    floor.agent(ANNA, AgentEvent::Pause { reason: 1 });
    floor.agent(BEA, AgentEvent::Pause { reason: 1 });
    floor.enters(1, DOCTOR);
    floor.until(20);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.until(30);
    floor.agent(BEA, AgentEvent::Unreachable);
    assert_eq!(floor.until(34), []);
    assert_eq!(floor.until(35), [announced(1, 1, LATE)]);
}

#[test]
fn somebody_who_comes_in_time_stops_it_and_it_counts_anew() {
    let mut floor = Floor::with_setup(five_seconds(), &[]);
    floor.enters(1, DOCTOR);
    floor.until(14);
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DOCTOR, at(29))]);
    assert_eq!(floor.until(28), []);
    assert_eq!(floor.agent(ANNA, AgentEvent::Unreachable).len(), 1);
    assert_eq!(floor.until(32), []);
    assert_eq!(floor.until(33), [announced(1, 1, LATE)]);
}

#[test]
fn who_enters_long_after_the_last_one_went_waits_his_own_time() {
    let mut floor = Floor::with_setup(five_seconds(), &[ANNA]);
    floor.agent(ANNA, AgentEvent::LogOut);
    floor.until(100);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(104), []);
    assert_eq!(floor.until(105), [announced(1, 1, LATE)]);
}

#[test]
fn a_secretary_who_does_not_respond_is_not_there() {
    let mut setup = five_seconds();
    setup.teams.get_mut(&TEAM).expect("the team").misses_max = 1;
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.misses(1, 1, Miss::Unreachable), []);
    assert_eq!(floor.until(14), []);
    assert_eq!(floor.until(15), [announced(1, 1, LATE)]);
}

#[test]
fn a_phone_that_is_there_without_anybody_logged_in_is_nobody() {
    let mut floor = Floor::with_setup(five_seconds(), &[]);
    floor.agent(ANNA, AgentEvent::Reachable);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(15), [announced(1, 1, LATE)]);
}

#[test]
fn somebody_of_another_team_does_not_count() {
    let mut floor = Floor::with_setup(five_seconds(), &[CLEO]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(15), [announced(1, 1, LATE)]);
}

#[test]
fn the_next_step_has_its_own_count() {
    let plan = [queue_unless_nobody(TEAM, None, 5), queue_unless_nobody(OTHER_TEAM, None, 7)];
    let mut floor = Floor::with_setup(setup_of(&plan), &[]);
    floor.enters(1, DOCTOR);
    let moved = Decision::Overflow { caller: CallerId(1), step: 1 };
    assert_eq!(floor.until(15), [moved]);
    assert_eq!(floor.until(22), [Decision::Busy { caller: CallerId(1) }]);
}

#[test]
fn a_returned_caller_moves_on_too_after_so_long_without_anybody_counted_from_his_return() {
    let mut floor = Floor::with_setup(five_seconds(), &[ANNA]);
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    floor.until(30);
    floor.returns(1);
    floor.agent(ANNA, AgentEvent::Unreachable);
    assert_eq!(floor.until(34), []);
    assert_eq!(floor.until(35), [announced(1, 1, LATE)]);
}

#[test]
fn a_new_setup_that_leaves_a_team_without_anybody_starts_the_count() {
    let mut floor = Floor::with_setup(five_seconds(), &[ANNA]);
    floor.agent(ANNA, AgentEvent::Pause { reason: 1 });
    floor.enters(1, DOCTOR);
    floor.until(20);
    let mut narrower = five_seconds();
    narrower.agents.get_mut(&ANNA).expect("Anna").teams = vec![OTHER_TEAM];
    floor.configures(narrower);
    assert_eq!(floor.until(24), []);
    floor.configures(five_seconds());
    assert_eq!(floor.until(40), []);
    let mut smaller = five_seconds();
    smaller.agents.remove(&ANNA);
    floor.configures(smaller);
    assert_eq!(floor.until(44), []);
    assert_eq!(floor.until(45), [announced(1, 1, LATE)]);
}

/// The doctor's secretaries must work at the second site; the clinic's may work anywhere.
fn only_at_the_second_site() -> Setup {
    let mut setup = five_seconds();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("the doctor");
    doctor.sites = Some([acd::SiteId(2)].into());
    let steps = [queue_unless_nobody(TEAM, Some(60), 5), announce(LATE)];
    setup.practices.insert(CLINIC, practice(30, &steps));
    setup.agents.get_mut(&BEA).expect("Bea").site = acd::SiteId(2);
    setup
}

#[test]
fn who_may_not_have_him_is_nobody_to_him() {
    let mut floor = Floor::with_setup(only_at_the_second_site(), &[ANNA]);
    floor.agent(ANNA, AgentEvent::Pause { reason: 1 });
    floor.enters(1, DOCTOR);
    floor.enters(2, CLINIC);
    assert_eq!(floor.until(15), [announced(1, 1, LATE)], "Anna works elsewhere");
    floor.enters(3, DOCTOR);
    floor.until(18);
    floor.starts(BEA);
    floor.agent(BEA, AgentEvent::Pause { reason: 1 });
    assert_eq!(floor.waiting(), [3], "Bea, who came, has the other one");
    assert_eq!(floor.until(30), []);
    floor.agent(BEA, AgentEvent::Unreachable);
    floor.until(34);
    assert_eq!(floor.until(35).last(), Some(&announced(3, 1, LATE)), "Anna is there still");
}

#[test]
fn a_new_setup_that_allows_nobody_who_is_there_starts_the_count() {
    let mut anywhere = only_at_the_second_site();
    anywhere.practices.get_mut(&DOCTOR).expect("the doctor").sites = None;
    let mut floor = Floor::with_setup(anywhere.clone(), &[ANNA]);
    floor.agent(ANNA, AgentEvent::Pause { reason: 1 });
    floor.enters(1, DOCTOR);
    floor.until(20);
    floor.configures(only_at_the_second_site());
    floor.until(24);
    floor.configures(anywhere);
    floor.until(30);
    floor.configures(only_at_the_second_site());
    assert_eq!(floor.until(34), []);
    assert_eq!(floor.until(35), [announced(1, 1, LATE)]);
}
