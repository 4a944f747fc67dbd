//! What happens to who waits when a practice opens, closes, or says otherwise for a while.

use acd::{
    AtClosing, Decision, Forward, Input, LineId, Override, Overriding, Plan, PracticeId, Queue,
    Reason, Refusal, Situation, Step, Target, Withdrawal,
};

use crate::floor::*;

fn with_hours(change: impl FnOnce(&mut acd::Practice)) -> acd::Setup {
    let mut setup = setup();
    let mut doctor = practice(30, &[queue(TEAM, None)]);
    doctor.hours = hours("Mo-Fr 08:00-19:00");
    doctor.closed = Plan { steps: vec![queue(OTHER_TEAM, None)] };
    doctor.away = Plan { steps: vec![announce(5)] };
    change(&mut doctor);
    setup.practices.insert(DOCTOR, doctor);
    setup
}

fn plan(caller: u64, situation: Situation) -> Decision {
    Decision::Plan { caller: acd::CallerId(caller), practice: DOCTOR, situation }
}

fn turned(situation: Situation) -> Decision {
    Decision::Situation { practice: DOCTOR, situation }
}

#[test]
fn opening_time_is_a_timer_and_takes_back_who_waits_for_the_night_team() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[ANNA, CLEO]);
    floor.is_told("2026-01-05T07:59:30+01:00");
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, CLEO, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [], "Cleo is alone at night");
    floor.answers(1, 1);
    let opening = Reason::Boundary { practice: DOCTOR };
    assert_eq!(floor.next_timer(), Some((at(40), opening)));
    assert_eq!(
        floor.until(40),
        [turned(Situation::Open), plan(2, Situation::Open), offered(2, 1, ANNA, DOCTOR, at(55)),],
        "who talks is left alone"
    );
    let waiting = floor.scheduler.caller(acd::CallerId(2)).unwrap().waiting;
    assert_eq!((waiting.arrival, waiting.deadline), (at(10), at(40)), "his clock runs on");
}

#[test]
fn of_two_who_are_moved_at_once_only_one_enters_a_queue_with_one_free_secretary() {
    let setup = with_hours(|doctor| {
        let only_free = Queue { unless_none_free: true, ..Queue::of(TEAM) };
        doctor.open = Plan { steps: vec![Step::Queue(only_free), announce(3)] };
    });
    let mut floor = Floor::with_setup(setup, &[ANNA]);
    floor.is_told("2026-01-05T07:59:50+01:00");
    floor.enters(1, DOCTOR);
    floor.input(enter(2, DOCTOR, Some(acd::Urgency::Priority), None));
    assert_eq!(
        floor.until(20),
        [
            turned(Situation::Open),
            plan(2, Situation::Open),
            plan(1, Situation::Open),
            offered(2, 1, ANNA, DOCTOR, at(35)),
            announced(1, 1, 3),
        ],
        "the more urgent one first"
    );
}

#[test]
fn who_waits_at_closing_time_is_served_on() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(20), [turned(Situation::Closed)]);
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DOCTOR, at(35))]);
}

#[test]
fn a_practice_may_want_who_waits_at_closing_time_moved_to_its_closed_plan() {
    let setup = with_hours(|doctor| doctor.at_closing = AtClosing::Move);
    let mut floor = Floor::with_setup(setup, &[ANNA, CLEO]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    floor.enters(1, DOCTOR);
    assert_eq!(
        floor.until(20),
        [
            turned(Situation::Closed),
            withdrawn(1, 1, ANNA, Withdrawal::Overflowed),
            plan(1, Situation::Closed),
            offered(1, 2, CLEO, DOCTOR, at(35)),
        ]
    );
}

#[test]
fn a_clock_that_is_set_past_a_boundary_moves_as_time_would() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T07:00:00+01:00");
    floor.enters(1, DOCTOR);
    let unix_ms = unix_ms("2026-01-05T09:00:00+01:00");
    assert_eq!(
        floor.input(Input::Clock { unix_ms }),
        [turned(Situation::Open), plan(1, Situation::Open)]
    );
}

fn over(what: Overriding, until: &str) -> Input {
    let with = Some(Override { what, until_unix_ms: unix_ms(until) });
    Input::Override { practice: DOCTOR, with }
}

#[test]
fn an_override_closes_until_its_end_and_ends_by_itself() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[ANNA]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    let closed = over(Overriding::Closed, "2026-01-05T10:01:00+01:00");
    assert_eq!(floor.input(closed), [turned(Situation::Closed)]);
    assert_eq!(floor.enters(1, DOCTOR), [], "for the night team");
    assert_eq!(
        floor.until(70),
        [
            Decision::OverrideOver { practice: DOCTOR },
            turned(Situation::Open),
            plan(1, Situation::Open),
            offered(1, 1, ANNA, DOCTOR, at(85)),
        ]
    );
    assert_eq!(floor.scheduler.overrides().count(), 0);
}

#[test]
fn an_override_that_says_what_holds_anyway_takes_no_step_from_anybody() {
    let to = Forward { target: Target::Line(LineId(33_600_000_000)), ring_for: seconds(60) };
    let setup = with_hours(|doctor| {
        doctor.at_closing = AtClosing::Move;
        doctor.closed = Plan { steps: vec![Step::Forward(to)] };
    });
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T20:00:00+01:00");
    let offer = offer_id(1, 1);
    let rings = [Decision::Forward { offer, target: to.target, deadline: at(70) }];
    assert_eq!(floor.enters(1, DOCTOR), rings, "the doctor on call");
    assert_eq!(floor.input(over(Overriding::Closed, "2026-01-05T20:00:20+01:00")), []);
    assert_eq!(floor.until(60), [Decision::OverrideOver { practice: DOCTOR }], "he rings on");
}

#[test]
fn an_override_declares_leave_or_redirects_or_opens() {
    let to = Forward { target: Target::Line(LineId(33_600_000_000)), ring_for: seconds(25) };
    let cases = [
        (Overriding::Leave, Situation::Leave),
        (Overriding::Redirect(to), Situation::Redirected),
        (Overriding::Open, Situation::Open),
    ];
    for (what, situation) in cases {
        let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
        floor.is_told("2026-01-05T22:00:00+01:00");
        floor.input(over(what, "2026-01-06T06:00:00+01:00"));
        assert_eq!(floor.scheduler.situation(DOCTOR), Some(situation));
        let decisions = floor.enters(1, DOCTOR);
        match what {
            Overriding::Leave => assert_eq!(decisions, [announced(1, 0, 5)]),
            Overriding::Redirect(to) => assert_eq!(
                decisions,
                [Decision::Forward { offer: offer_id(1, 1), target: to.target, deadline: at(35) }]
            ),
            Overriding::Open => assert_eq!(floor.waiting(), [1]),
            Overriding::Closed => unreachable!("not among the cases"),
        }
    }
}

#[test]
fn an_override_that_is_cleared_or_replaced_counts_no_more() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T12:00:00+01:00"));
    floor.input(over(Overriding::Leave, "2026-01-05T11:00:00+01:00"));
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Leave));
    let none = Input::Override { practice: DOCTOR, with: None };
    assert_eq!(floor.input(none), [turned(Situation::Open)]);
}

#[test]
fn an_override_without_a_time_of_day_or_of_the_past_is_refused() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    let closed = || over(Overriding::Closed, "2026-01-05T09:00:00+01:00");
    assert_eq!(floor.try_input(closed()), Err(Refusal::OverrideIsOver));
    floor.is_told("2026-01-05T10:00:00+01:00");
    assert_eq!(floor.try_input(closed()), Err(Refusal::OverrideIsOver));
    let stranger = Input::Override { practice: PracticeId(99), with: None };
    assert_eq!(floor.try_input(stranger), Err(Refusal::UnknownPractice));
}

#[test]
fn a_redirected_practice_whose_target_answers_nobody_goes_on_with_the_plan_that_holds_beneath() {
    let to = Forward { target: Target::Line(LineId(33_600_000_000)), ring_for: seconds(25) };
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[ANNA, CLEO]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    floor.input(over(Overriding::Redirect(to), "2026-01-05T22:00:00+01:00"));
    floor.enters(1, DOCTOR);
    let overflowed = |caller| Decision::Overflow { caller: acd::CallerId(caller), step: 1 };
    assert_eq!(
        floor.misses(1, 1, acd::Miss::Unreachable),
        [overflowed(1), offered(1, 2, ANNA, DOCTOR, at(25))]
    );
    assert_eq!(floor.until(20), [], "it closes beneath, and is redirected still");
    floor.enters(2, DOCTOR);
    assert_eq!(
        floor.misses(2, 1, acd::Miss::Busy),
        [overflowed(2), offered(2, 2, CLEO, DOCTOR, at(35))]
    );
}

#[test]
fn an_override_outlives_a_setup_that_forgets_its_practice_for_a_while() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T12:00:00+01:00"));
    let mut without = with_hours(|_| {});
    without.practices.remove(&DOCTOR);
    assert_eq!(floor.configures(without), []);
    assert_eq!(floor.scheduler.overrides().count(), 1);
    floor.configures(with_hours(|_| {}));
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Closed));
}

#[test]
fn an_override_of_a_practice_that_is_gone_is_over_at_its_time() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T10:01:00+01:00"));
    let mut without = with_hours(|_| {});
    without.practices.remove(&DOCTOR);
    floor.configures(without);
    assert_eq!(floor.until(69), []);
    assert_eq!(floor.until(70), [Decision::OverrideOver { practice: DOCTOR }]);
    assert_eq!(floor.scheduler.overrides().count(), 0);
}

#[test]
fn an_override_of_a_practice_that_is_gone_can_be_taken_back() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T12:00:00+01:00"));
    let mut without = with_hours(|_| {});
    without.practices.remove(&DOCTOR);
    floor.configures(without);
    assert_eq!(floor.input(Input::Override { practice: DOCTOR, with: None }), []);
    assert_eq!((floor.scheduler.overrides().count(), floor.next_timer()), (0, None));
    let again = Input::Override { practice: DOCTOR, with: None };
    assert_eq!(floor.try_input(again), Err(Refusal::UnknownPractice), "there is none any more");
    floor.configures(with_hours(|_| {}));
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Open));
}

/// Hours that a new setup brings while the practice is redirected, until 10:01: 70 s.
fn redirected_while_hours_change(before: &str, after: &str) -> (Floor, Vec<Decision>) {
    let with = |text: &str| {
        with_hours(|doctor| {
            doctor.at_closing = AtClosing::Move;
            doctor.hours = hours(text);
        })
    };
    let mut floor = Floor::with_setup(with(before), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    let to = Forward { target: Target::Line(LineId(33_600_000_000)), ring_for: seconds(20) };
    floor.input(over(Overriding::Redirect(to), "2026-01-05T10:01:00+01:00"));
    floor.enters(1, DOCTOR);
    floor.until(40);
    assert_eq!(floor.waiting(), [1], "nobody took him there");
    assert_eq!(floor.configures(with(after)), [], "it is redirected still");
    let at_its_end = floor.until(70);
    (floor, at_its_end)
}

#[test]
fn hours_that_change_beneath_a_redirection_move_who_waits_at_its_end() {
    let is_over = Decision::OverrideOver { practice: DOCTOR };
    let (floor, decided) = redirected_while_hours_change("24/7", "off");
    assert_eq!(decided, [is_over, turned(Situation::Closed), plan(1, Situation::Closed)]);
    assert_eq!(floor.scheduler.waiting().next().unwrap().team, Some(OTHER_TEAM));
    let (floor, decided) = redirected_while_hours_change("off", "24/7");
    assert_eq!(decided, [is_over, turned(Situation::Open), plan(1, Situation::Open)]);
    assert_eq!(floor.scheduler.waiting().next().unwrap().team, Some(TEAM));
}

#[test]
fn a_clock_that_is_wrong_for_a_minute_ends_no_override() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T20:00:00+01:00"));
    floor.is_told("2027-01-05T10:00:00+01:00");
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Open), "by that clock");
    floor.until(70);
    floor.is_told("2026-01-05T10:01:00+01:00");
    assert_eq!(floor.scheduler.situation(DOCTOR), Some(Situation::Closed));
    assert_eq!(floor.until(600), []);
    assert_eq!(floor.scheduler.overrides().count(), 1);
}

#[test]
fn an_override_that_a_clock_jumped_past_is_over_once_that_clock_has_stood_for_a_while() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T12:00:00+01:00"));
    floor.is_told("2026-01-05T13:00:00+01:00");
    let ends = Reason::OverrideEnd { practice: DOCTOR };
    assert_eq!(floor.next_timer(), Some((at(310), ends)));
    assert_eq!(floor.until(310), [Decision::OverrideOver { practice: DOCTOR }]);
}

#[test]
fn a_clock_that_is_set_by_less_than_an_hour_ends_what_is_over() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[]);
    floor.is_told("2026-01-05T10:00:00+01:00");
    floor.input(over(Overriding::Closed, "2026-01-05T10:30:00+01:00"));
    let unix_ms = unix_ms("2026-01-05T10:40:00+01:00");
    assert_eq!(
        floor.input(Input::Clock { unix_ms }),
        [Decision::OverrideOver { practice: DOCTOR }, turned(Situation::Open)]
    );
}

#[test]
fn whom_an_operator_redirected_or_moved_no_boundary_takes_back() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[ANNA]);
    floor.is_told("2026-01-05T07:59:50+01:00");
    floor.enters(1, DOCTOR);
    floor.enters(2, DOCTOR);
    let target = Target::Line(LineId(33_600_000_000));
    let to = Forward { target, ring_for: seconds(25) };
    floor.input(Input::Redirect { caller: acd::CallerId(1), to });
    floor.input(Input::Move { caller: acd::CallerId(2), team: OTHER_TEAM });
    assert_eq!(floor.until(20), [turned(Situation::Open)]);
    let recalled = Decision::Recall { offer: offer_id(1, 1), why: Withdrawal::Expired };
    assert_eq!(
        floor.until(35),
        [recalled, plan(1, Situation::Open), offered(1, 2, ANNA, DOCTOR, at(50))],
        "nobody took him there: he is served as everybody"
    );
    assert_eq!(floor.waiting(), [2]);
}

#[test]
fn a_new_setup_that_opens_a_practice_takes_back_who_waits_as_opening_time_does() {
    let mut floor = Floor::with_setup(with_hours(|_| {}), &[ANNA]);
    floor.is_told("2026-01-05T07:50:00+01:00");
    floor.enters(1, DOCTOR);
    let earlier = with_hours(|doctor| doctor.hours = hours("Mo-Fr 07:00-19:00"));
    assert_eq!(
        floor.configures(earlier),
        [turned(Situation::Open), plan(1, Situation::Open), offered(1, 1, ANNA, DOCTOR, at(25))]
    );
}

/// The doctor and the clinic close at 19:00, and who waits for the doctor is handed to the clinic then.
fn closing_together(change: impl FnOnce(&mut acd::Practice)) -> acd::Setup {
    let mut setup = with_hours(|doctor| {
        doctor.at_closing = AtClosing::Move;
        doctor.closed = Plan { steps: vec![Step::Practice(CLINIC)] };
    });
    let mut clinic = practice(15, &[queue(TEAM, None)]);
    clinic.hours = hours("Mo-Fr 08:00-19:00");
    change(&mut clinic);
    setup.practices.insert(CLINIC, clinic);
    setup
}

/// What both say as they close, and that the doctor's caller is handed on.
fn closed_together() -> Vec<Decision> {
    let situation = Situation::Closed;
    vec![
        turned(situation),
        Decision::Situation { practice: CLINIC, situation },
        plan(1, situation),
        Decision::Plan { caller: acd::CallerId(1), practice: CLINIC, situation },
    ]
}

#[test]
fn of_two_practices_that_close_at_once_one_hands_its_callers_the_others_closed_plan() {
    let mut floor = Floor::with_setup(closing_together(|_| {}), &[]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    floor.enters(1, DOCTOR);
    let mut expected = closed_together();
    expected.push(announced(1, 0, 9));
    assert_eq!(floor.until(20), expected);
}

#[test]
fn however_late_a_step_ends_he_is_handed_the_plan_that_holds_then() {
    let mut setup = closing_together(|_| {});
    let steps = [queue(TEAM, Some(9)), Step::Practice(CLINIC)];
    setup.practices.insert(DENTIST, practice(30, &steps));
    let mut floor = Floor::with_setup(setup, &[]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    floor.enters(1, DENTIST);
    floor.now = at(21);
    let situation = Situation::Closed;
    assert_eq!(
        floor.input(Input::Agent { agent: ANNA, event: acd::AgentEvent::Reachable }),
        [
            turned(situation),
            Decision::Situation { practice: CLINIC, situation },
            Decision::Plan { caller: acd::CallerId(1), practice: CLINIC, situation },
            announced(1, 0, 9),
        ]
    );
}

#[test]
fn who_is_handed_to_a_practice_that_closes_with_his_own_is_moved_but_once() {
    let to = Forward { target: Target::Line(LineId(1)), ring_for: seconds(20) };
    let setup = || {
        closing_together(|clinic| {
            clinic.at_closing = AtClosing::Move;
            clinic.closed = Plan { steps: vec![Step::Forward(to)] };
        })
    };
    let forwarded = |deadline| {
        let mut expected = closed_together();
        expected.push(Decision::Forward { offer: offer_id(1, 1), target: to.target, deadline });
        expected
    };
    let mut floor = Floor::with_setup(setup(), &[]);
    floor.is_told("2026-01-05T18:59:50+01:00");
    floor.enters(1, DOCTOR);
    assert_eq!(floor.until(20), forwarded(at(40)));
    let mut floor = Floor::with_setup(setup(), &[]);
    floor.is_told("2026-01-05T18:00:00+01:00");
    floor.enters(1, DOCTOR);
    let unix_ms = unix_ms("2026-01-05T20:00:00+01:00");
    assert_eq!(floor.input(Input::Clock { unix_ms }), forwarded(at(30)), "the clock is set");
}
