//! Callers who are sent to somebody else than a secretary.

use acd::{
    AgentEvent, Decision, Forward, Input, LineId, Miss, PhoneId, PracticeId, Situation, Step,
    Target, Withdrawal,
};

use crate::floor::*;

const RECEPTION: Target = Target::Phone(PhoneId(1));
const ON_CALL: Target = Target::Line(LineId(33_612_345_678));

fn forward(target: Target, s: u64) -> Step {
    Step::Forward(Forward { target, ring_for: seconds(s) })
}

fn forwarded(caller: u64, generation: u32, target: Target, until_s: u64) -> Decision {
    Decision::Forward { offer: offer_id(caller, generation), target, deadline: at(until_s) }
}

fn recalled(caller: u64, generation: u32, why: Withdrawal) -> Decision {
    Decision::Recall { offer: offer_id(caller, generation), why }
}

fn overflowed(caller: u64, step: usize) -> Decision {
    Decision::Overflow { caller: acd::CallerId(caller), step }
}

/// The reception rings for 20 s, then `TEAM` for a minute, then the doctor on call, then a text.
fn reception_first() -> Floor {
    let mut setup = setup();
    let steps = [forward(RECEPTION, 20), queue(TEAM, Some(60)), forward(ON_CALL, 25), announce(1)];
    setup.practices.insert(DOCTOR, practice(30, &steps));
    Floor::with_setup(setup, &[ANNA])
}

#[test]
fn the_reception_rings_first_and_the_team_takes_the_overflow() {
    let mut floor = reception_first();
    assert_eq!(floor.enters(1, DOCTOR), [forwarded(1, 1, RECEPTION, 30)]);
    assert_eq!(floor.waiting(), [0; 0], "no secretary is asked meanwhile");
    assert_eq!(
        floor.until(30),
        [
            recalled(1, 1, Withdrawal::Expired),
            overflowed(1, 1),
            offered(1, 2, ANNA, DOCTOR, at(45))
        ]
    );
}

#[test]
fn a_reception_that_is_busy_or_cannot_be_reached_is_passed_over_at_once() {
    for miss in [Miss::Busy, Miss::Unreachable, Miss::Declined] {
        let mut floor = reception_first();
        floor.enters(1, DOCTOR);
        assert_eq!(
            floor.misses(1, 1, miss),
            [overflowed(1, 1), offered(1, 2, ANNA, DOCTOR, at(25))],
            "{miss:?}"
        );
    }
}

#[test]
fn who_is_taken_at_the_reception_is_connected_and_nobody_moves_him_on() {
    let mut floor = reception_first();
    floor.enters(1, DOCTOR);
    assert_eq!(floor.answers(1, 1), [Decision::Connect { offer: offer_id(1, 1) }]);
    assert_eq!(floor.until(500), []);
    assert_eq!(floor.scheduler.counts().served, 1);
    assert_eq!(floor.answers(1, 1), [Decision::Refuse { offer: offer_id(1, 1) }], "only once");
    assert_eq!(floor.ends(1), []);
    assert!(floor.scheduler.caller(acd::CallerId(1)).is_none());
}

#[test]
fn who_takes_him_and_drops_him_before_he_was_answered_is_passed_over() {
    let mut floor = reception_first();
    floor.enters(1, DOCTOR);
    floor.answers(1, 1);
    assert_eq!(
        floor.misses(1, 1, Miss::Dropped),
        [overflowed(1, 1), offered(1, 2, ANNA, DOCTOR, at(25))]
    );
}

#[test]
fn who_picks_up_at_the_end_of_the_ringing_is_given_the_time_to_press_the_key() {
    let mut floor = reception_first();
    floor.enters(1, DOCTOR);
    floor.until(28);
    let picks_up = Input::PickedUp { offer: offer_id(1, 1), asked_for: seconds(12) };
    assert_eq!(floor.input(picks_up.clone()), []);
    assert_eq!(floor.until(39), []);
    assert_eq!(
        floor.until(40),
        [
            recalled(1, 1, Withdrawal::Expired),
            overflowed(1, 1),
            offered(1, 2, ANNA, DOCTOR, at(55))
        ]
    );
    assert_eq!(floor.input(picks_up), [], "too late");
}

#[test]
fn who_picks_up_early_is_not_asked_longer_than_it_rings() {
    let mut floor = reception_first();
    floor.enters(1, DOCTOR);
    floor.until(12);
    floor.input(Input::PickedUp { offer: offer_id(1, 1), asked_for: seconds(12) });
    assert_eq!(floor.until(29), []);
    assert_eq!(floor.until(30)[0], recalled(1, 1, Withdrawal::Expired));
}

#[test]
fn who_picks_up_does_not_outlast_the_patience_of_the_callers_network() {
    let mut floor = reception_first();
    floor.input(enter(1, DOCTOR, None, Some(at(35))));
    floor.until(28);
    floor.input(Input::PickedUp { offer: offer_id(1, 1), asked_for: seconds(12) });
    assert_eq!(floor.until(34), []);
    assert_eq!(floor.until(35), [recalled(1, 1, Withdrawal::Overflowed), announced(1, 3, 1)]);
}

#[test]
fn a_stale_answer_of_an_earlier_forwarding_connects_nobody() {
    let mut floor = reception_first();
    floor.enters(1, DOCTOR);
    floor.misses(1, 1, Miss::Busy);
    assert_eq!(floor.answers(1, 1), [Decision::Refuse { offer: offer_id(1, 1) }]);
    assert_eq!(floor.misses(1, 1, Miss::Busy), []);
}

#[test]
fn a_caller_who_hangs_up_lets_off_whom_he_was_forwarded_to() {
    let mut floor = reception_first();
    floor.enters(1, DOCTOR);
    assert_eq!(floor.leaves(1), [recalled(1, 1, Withdrawal::CallerLeft)]);
}

#[test]
fn before_his_network_gives_up_he_hears_the_text_instead_of_being_forwarded_on() {
    let mut floor = reception_first();
    assert_eq!(
        floor.input(enter(1, DOCTOR, None, Some(at(25)))),
        [forwarded(1, 1, RECEPTION, 25)],
        "no longer than his patience"
    );
    assert_eq!(
        floor.until(25),
        [recalled(1, 1, Withdrawal::Overflowed), announced(1, 3, 1)],
        "neither the team nor the doctor: he would be cut"
    );
}

#[test]
fn past_its_queues_a_plan_may_forward_when_only_the_practices_patience_is_over() {
    let mut setup = setup();
    let steps = [queue(TEAM, None), queue(OTHER_TEAM, None), forward(ON_CALL, 25), Step::Busy];
    let mut doctor = practice(30, &steps);
    doctor.wait_max = Some(seconds(40));
    setup.practices.insert(DOCTOR, doctor);
    let mut floor = Floor::with_setup(setup, &[]);
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(50), [overflowed(1, 2), forwarded(1, 1, ON_CALL, 75)]);
}

/// He may wait 40 s in queues, and the doctor on call is rung for 25 s between them.
fn patient(steps: &[Step], here: &[acd::AgentId]) -> Floor {
    let mut setup = setup();
    let mut doctor = practice(30, steps);
    doctor.wait_max = Some(seconds(40));
    setup.practices.insert(DOCTOR, doctor);
    Floor::with_setup(setup, here)
}

#[test]
fn what_rings_elsewhere_is_no_waiting_in_a_queue() {
    let steps = [forward(ON_CALL, 45), queue(TEAM, None), forward(ON_CALL, 25), Step::Busy];
    let mut floor = patient(&steps, &[ANNA]);
    floor.enters(1, DOCTOR);
    assert_eq!(
        floor.until(55),
        [
            recalled(1, 1, Withdrawal::Expired),
            overflowed(1, 1),
            offered(1, 2, ANNA, DOCTOR, at(70)),
        ]
    );
    floor.agent(ANNA, AgentEvent::LogOut);
    let moved_on = [overflowed(1, 2), forwarded(1, 3, ON_CALL, 120)];
    assert_eq!(floor.until(95), moved_on, "the whole of his time was left at 55");
}

#[test]
fn whose_time_in_queues_is_spent_passes_over_those_to_come_at_once() {
    let steps = [queue(TEAM, None), forward(ON_CALL, 25), queue(OTHER_TEAM, None), Step::Busy];
    let mut floor = patient(&steps, &[]);
    floor.enters(1, DOCTOR);
    floor.until(50);
    let busy = Decision::Busy { caller: acd::CallerId(1) };
    assert_eq!(floor.until(75), [recalled(1, 1, Withdrawal::Expired), busy]);
}

#[test]
fn whom_an_operator_moves_may_wait_there_as_long_as_anybody() {
    let steps = [queue(TEAM, None), forward(ON_CALL, 25), Step::Busy];
    let mut floor = patient(&steps, &[]);
    floor.enters(1, DOCTOR);
    floor.until(60);
    let caller = acd::CallerId(1);
    let moved = floor.input(Input::Move { caller, team: OTHER_TEAM });
    assert_eq!(moved, [recalled(1, 1, Withdrawal::Overflowed)]);
    assert_eq!(floor.until(99), []);
    assert_eq!(floor.until(100), [Decision::Busy { caller }]);
}

#[test]
fn another_practice_takes_a_caller_over_with_its_own_plan_and_situation() {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, &[Step::Practice(CLINIC)]));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    let caller = acd::CallerId(1);
    let (practice, situation) = (CLINIC, Situation::Open);
    assert_eq!(
        floor.enters(1, DOCTOR),
        [Decision::Plan { caller, practice, situation }, offered(1, 1, ANNA, CLINIC, at(25)),],
        "she answers in the name of who took him over"
    );
    let view = floor.scheduler.caller(caller).unwrap();
    assert_eq!((view.waiting.practice, view.acting), (DOCTOR, CLINIC));
    assert_eq!(view.waiting.deadline, at(40), "the promise is his own practice's");
}

#[test]
fn practices_that_hand_a_caller_round_and_round_end_him_with_busy() {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, &[Step::Practice(CLINIC)]));
    setup.practices.insert(CLINIC, practice(30, &[Step::Practice(DOCTOR)]));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    let decisions = floor.enters(1, DOCTOR);
    assert_eq!(decisions.last(), Some(&Decision::Busy { caller: acd::CallerId(1) }));
    assert_eq!(decisions.len(), usize::from(acd::HOPS_MAX) + 1);
}

#[test]
fn a_practice_that_is_gone_takes_nobody_over() {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, &[Step::Practice(PracticeId(99))]));
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    assert_eq!(floor.enters(1, DOCTOR), [Decision::Busy { caller: acd::CallerId(1) }]);
}

#[test]
fn a_practice_that_is_gone_is_passed_over_and_his_plan_goes_on() {
    let mut setup = setup();
    let steps = [queue(OTHER_TEAM, Some(5)), Step::Practice(CLINIC), queue(TEAM, None)];
    setup.practices.insert(DOCTOR, practice(30, &steps));
    let mut floor = Floor::with_setup(setup.clone(), &[ANNA]);
    floor.enters(1, DOCTOR);
    setup.practices.remove(&CLINIC);
    floor.configures(setup);
    assert_eq!(floor.until(15), [overflowed(1, 2), offered(1, 1, ANNA, DOCTOR, at(30))]);
}

#[test]
fn who_was_handed_on_too_often_has_the_rest_of_the_plan_that_he_follows() {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, &[Step::Practice(CLINIC), queue(TEAM, None)]));
    setup.practices.insert(CLINIC, practice(30, &[Step::Practice(DOCTOR)]));
    setup.practices.get_mut(&DOCTOR).expect("the doctor").waiting_max = Some(0);
    let mut floor = Floor::with_setup(setup.clone(), &[ANNA]);
    let refused = floor.try_input(enter(1, DOCTOR, None, None));
    assert_eq!(refused, Err(acd::Refusal::PracticeFull), "he would wait in the end");
    setup.practices.get_mut(&DOCTOR).expect("the doctor").waiting_max = None;
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    let decisions = floor.enters(1, DOCTOR);
    assert_eq!(decisions.last(), Some(&offered(1, 1, ANNA, DOCTOR, at(25))));
}

/// What a caller hears whose network gives him up at 40 s, with plans of the doctor and of the clinic.
fn given_up(doctor: &[Step], clinic: &[Step]) -> Vec<Decision> {
    let mut setup = setup();
    setup.practices.insert(DOCTOR, practice(30, doctor));
    setup.practices.insert(CLINIC, practice(30, clinic));
    setup.practices.insert(DENTIST, practice(30, &[queue(OTHER_TEAM, None), announce(3)]));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.input(enter(1, DOCTOR, None, Some(at(40))));
    floor.until(40)
}

fn handed_on(practice: PracticeId) -> Decision {
    Decision::Plan { caller: acd::CallerId(1), practice, situation: Situation::Open }
}

#[test]
fn before_his_network_gives_up_he_hears_the_text_of_the_practice_that_takes_him_over() {
    let to_clinic = [queue(TEAM, None), Step::Practice(CLINIC)];
    let clinic = [queue(OTHER_TEAM, None), forward(ON_CALL, 25), announce(2)];
    assert_eq!(given_up(&to_clinic, &clinic), [handed_on(CLINIC), announced(1, 2, 2)]);
    let through = [Step::Practice(DENTIST), Step::Busy];
    let twice = [handed_on(CLINIC), handed_on(DENTIST), announced(1, 1, 3)];
    assert_eq!(given_up(&to_clinic, &through), twice);
}

#[test]
fn before_his_network_gives_up_a_practice_without_a_text_is_passed_over() {
    let doctor = [queue(TEAM, None), Step::Practice(CLINIC), announce(1)];
    let clinic = [queue(OTHER_TEAM, None), forward(ON_CALL, 25)];
    assert_eq!(given_up(&doctor, &clinic), [announced(1, 2, 1)]);
    assert_eq!(given_up(&doctor, &[Step::Busy, announce(2)]), [announced(1, 2, 1)]);
    let busy = [Decision::Busy { caller: acd::CallerId(1) }];
    assert_eq!(given_up(&doctor[..2], &clinic), busy);
    assert_eq!(given_up(&doctor[..2], &[Step::Practice(DOCTOR)]), busy, "round and round");
}
