//! A caller's own end at the very instant at which his plan comes to its end.

use std::sync::Arc;
use std::time::Duration;

use acd::{Forward, PhoneId, PracticeId, Queue, Step, Target, TeamId};
use call::{CallerCommand, Config, Disposition, Input};

use crate::bench::{Bench, PHONE, config};
use crate::offer;

const AT_THE_END: Duration = Duration::from_secs(20);
const TEAM: TeamId = TeamId(1);

fn steps(config: &mut Config, steps: Vec<Step>) {
    let floor = Arc::make_mut(&mut config.floor);
    floor.practices.get_mut(&PracticeId(1)).expect("it is there").open.steps = steps;
}

/// A phone that is not registered: it fails at once.
fn nobodys_phone() -> Step {
    let target = Target::Phone(PhoneId(1));
    Step::Forward(Forward { target, ring_for: Duration::from_secs(10) })
}

/// At 20 s his first step ends; each of the others is over as soon as it begins. The engine slept until
/// then, with a message in its inbox.
fn at_the_end_of_the_plan() -> Bench {
    let nobody = Queue { nobody: Some(Duration::ZERO), ..Queue::of(TEAM) };
    let plan =
        vec![Step::queue(TEAM, Some(AT_THE_END)), nobodys_phone(), Step::Queue(nobody), Step::Busy];
    let mut bench = Bench::new(config(&["101"], |config| steps(config, plan)));
    bench.invite("a", "", &offer());
    bench.skip(AT_THE_END);
    bench
}

fn with_spent_patience() -> Bench {
    let mut bench = Bench::new(config(&["101"], |config| {
        let wait = || Step::queue(TEAM, Some(Duration::from_secs(30)));
        let plan = vec![Step::queue(TEAM, None), nobodys_phone(), wait(), nobodys_phone(), wait()];
        steps(config, plan);
        let floor = Arc::make_mut(&mut config.floor);
        floor.practices.get_mut(&PracticeId(1)).expect("it is there").wait_max = Some(AT_THE_END);
    }));
    bench.invite("a", "", &offer());
    bench.skip(AT_THE_END);
    bench
}

fn is_over(bench: &Bench) -> Vec<Disposition> {
    assert_eq!(bench.engine.live_calls().count(), 0);
    assert_eq!(bench.engine.ports_in_use(), 0);
    bench.records.iter().map(|record| record.disposition).collect()
}

#[test]
fn a_cancel_at_the_instant_at_which_the_plan_ends_finds_the_call_over() {
    for mut bench in [at_the_end_of_the_plan(), with_spent_patience()] {
        bench.cancel("a");
        assert_eq!(is_over(&bench), [Disposition::Busy]);
    }
}

#[test]
fn the_end_of_the_process_at_the_instant_at_which_the_plan_ends_is_no_second_end() {
    for mut bench in [at_the_end_of_the_plan(), with_spent_patience()] {
        bench.input(Input::HangUpAll);
        assert_eq!(is_over(&bench), [Disposition::Busy]);
    }
}

#[test]
fn a_release_at_the_instant_at_which_the_plan_ends_is_no_second_end() {
    for mut bench in [at_the_end_of_the_plan(), with_spent_patience()] {
        let call = bench.engine.live_calls().next().expect("it is there").call;
        bench.input(Input::Caller { call, command: CallerCommand::Release });
        assert_eq!(is_over(&bench), [Disposition::Busy]);
    }
}

/// All that is due runs in one wake-up, as the driver relies on before it takes its inbox.
#[test]
fn a_plan_whose_last_steps_are_over_at_once_ends_in_one_wake_up() {
    for mut bench in [at_the_end_of_the_plan(), with_spent_patience()] {
        bench.run_due();
        assert_eq!(is_over(&bench), [Disposition::Busy]);
    }
}

/// One who was let in beside him leaves; what that sets free may end him in the same breath.
#[test]
fn the_end_of_the_process_ends_each_caller_once_whatever_an_earlier_end_brings_about() {
    let mut bench = Bench::new(config(&["101"], |config| {
        let nobody = Queue { nobody: Some(Duration::ZERO), ..Queue::of(TEAM) };
        steps(config, vec![Step::Queue(nobody), nobodys_phone(), Step::Busy]);
        let floor = Arc::make_mut(&mut config.floor);
        floor.teams.get_mut(&TEAM).expect("it is there").wrap_up = Duration::ZERO;
    }));
    bench.register(PHONE, "101");
    for id in ["a", "b", "c"] {
        bench.invite(id, "", &offer());
    }
    bench.input(Input::HangUpAll);
    assert_eq!(is_over(&bench).len(), 3);
}
