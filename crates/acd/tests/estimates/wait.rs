//! The expected wait of one caller.

use std::collections::VecDeque;
use std::time::Duration;

use acd::{Figures, expected_wait};

use crate::dice::Dice;

const DEFAULT: Duration = Figures::HANDLING_DEFAULT;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn measured(handlings: &[u64]) -> Figures {
    let mut figures = Figures::default();
    for &handling in handlings {
        figures.handled(seconds(handling));
    }
    figures
}

#[test]
fn who_finds_somebody_free_does_not_wait() {
    let figures = measured(&[100]);
    assert_eq!(expected_wait(&figures, &[], 1, 0), Some(Duration::ZERO));
    assert_eq!(expected_wait(&figures, &[seconds(5)], 3, 2), Some(Duration::ZERO));
}

#[test]
fn where_nobody_works_there_is_nothing_to_expect() {
    assert_eq!(expected_wait(&measured(&[100]), &[], 0, 0), None);
    assert_eq!(expected_wait(&Figures::default(), &[], 0, 7), None);
}

#[test]
fn until_something_was_measured_a_default_is_taken() {
    let figures = Figures::default();
    assert_eq!(expected_wait(&figures, &[seconds(100)], 0, 0), Some(DEFAULT));
    assert_eq!(expected_wait(&figures, &[seconds(9_999)], 0, 2), Some(DEFAULT * 3));
}

#[test]
fn of_one_running_call_it_is_what_longer_calls_lasted_longer() {
    let figures = measured(&[120, 60, 180]);
    assert_eq!(expected_wait(&figures, &[seconds(0)], 0, 0), Some(seconds(120)));
    assert_eq!(expected_wait(&figures, &[seconds(100)], 0, 0), Some(seconds(50)));
    assert_eq!(expected_wait(&figures, &[seconds(120)], 0, 0), Some(seconds(60)));
}

#[test]
fn a_call_longer_than_all_measured_has_half_a_mean_call_left() {
    let figures = measured(&[120, 60, 180]);
    assert_eq!(expected_wait(&figures, &[seconds(180)], 0, 0), Some(seconds(60)));
    assert_eq!(expected_wait(&figures, &[Duration::MAX], 0, 0), Some(seconds(60)));
}

#[test]
fn of_five_calls_alike_the_first_ends_five_times_as_soon() {
    let figures = measured(&[100]);
    assert_eq!(expected_wait(&figures, &[seconds(0); 5], 0, 0), Some(seconds(20)));
}

#[test]
fn a_call_about_to_end_counts_for_most() {
    let figures = measured(&[100]);
    let running = [seconds(90), seconds(0)];
    // 1 / (1/10 + 1/100)
    assert_eq!(expected_wait(&figures, &running, 0, 0), Some(Duration::from_micros(9_090_909)));
}

#[test]
fn each_caller_ahead_costs_a_mean_call_shared_by_all() {
    let figures = measured(&[100]);
    let wait = |ahead| expected_wait(&figures, &[seconds(0); 4], 0, ahead);
    assert_eq!(wait(1), Some(seconds(50)));
    assert_eq!(wait(2), Some(seconds(75)));
    assert_eq!(wait(40), Some(seconds(1_025)));
}

#[test]
fn the_free_take_those_ahead_and_are_busy_then() {
    let figures = measured(&[100]);
    let with_free = expected_wait(&figures, &[seconds(50)], 2, 3);
    let all_busy = expected_wait(&figures, &[seconds(50), seconds(0), seconds(0)], 0, 1);
    assert_eq!(with_free, all_busy);
}

#[test]
fn one_more_who_works_shortens_it_and_one_more_ahead_lengthens_it() {
    let mut dice = Dice(3);
    let mut figures = Figures::default();
    for _ in 0..100 {
        figures.handled(Duration::from_secs_f64(dice.stages(150.0, 2)));
        let mut running = Vec::new();
        let mut before = [Duration::MAX; 30];
        for _ in 0..12 {
            running.push(Duration::from_secs_f64(dice.exponential(200.0)));
            let waits: [Duration; 30] = std::array::from_fn(|ahead| {
                expected_wait(&figures, &running, 0, ahead).expect("somebody works there")
            });
            assert!(waits.is_sorted());
            assert!(waits.iter().zip(&before).all(|(wait, before)| wait <= before));
            before = waits;
        }
    }
}

#[test]
fn no_time_is_too_short_or_too_long() {
    let mut figures = Figures::default();
    figures.handled(Duration::ZERO);
    let wait = expected_wait(&figures, &[Duration::ZERO; 3], 0, 5);
    assert!(wait.is_some_and(|wait| wait <= Duration::from_micros(10)));
    for _ in 0..200 {
        figures.handled(Duration::MAX);
    }
    let wait = expected_wait(&figures, &[Duration::ZERO], 0, usize::MAX - 1);
    assert_eq!(wait, Some(Duration::from_micros(u64::MAX)));
    let wait = expected_wait(&figures, &[Duration::MAX; 1_000], 0, 0);
    assert!(wait.is_some());
}

/// What came of the estimates in a simulated queue, all in seconds. Errors are estimate less wait.
struct Errors {
    wait_mean: f64,
    mean: f64,
    absolute_mean: f64,
    /// If each were told the mean wait of all instead.
    absolute_mean_of_constant: f64,
}

/// Callers come at random and are served in order by the agent who is free first; nobody gives up.
/// Who has to wait gets an estimate, from what could be seen at that moment.
fn estimate(seed: u64, agents: usize, busy: f64, stages: u32) -> Errors {
    struct Call {
        start: f64,
        end: f64,
    }
    const HANDLING: f64 = 150.0;
    let mut dice = Dice(seed);
    let mut figures = Figures::default();
    let mut free_at = vec![0.0_f64; agents];
    let mut calls: VecDeque<Call> = VecDeque::new();
    let mut told = Vec::new();
    let mut now = 0.0;
    for _ in 0..20_000 {
        now += dice.exponential(HANDLING / (busy * agents as f64));
        calls.retain(|call| {
            if call.end <= now {
                figures.handled(Duration::from_secs_f64(call.end - call.start));
            }
            call.end > now
        });
        let running: Vec<Duration> = calls
            .iter()
            .filter(|call| call.start <= now)
            .map(|call| Duration::from_secs_f64(now - call.start))
            .collect();
        let ahead = calls.len() - running.len();
        let estimate = expected_wait(&figures, &running, agents - running.len(), ahead);
        let estimate = estimate.expect("somebody works there").as_secs_f64();

        let agent = (0..agents).min_by(|&a, &b| free_at[a].total_cmp(&free_at[b]));
        let agent = agent.expect("there are agents");
        let start = now.max(free_at[agent]);
        let end = start + dice.stages(HANDLING, stages);
        free_at[agent] = end;
        calls.push_back(Call { start, end });
        assert_eq!(estimate > 0.0, start > now, "only who has to wait is told so");
        if start > now {
            told.push((estimate, start - now));
        }
    }
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        told.iter().map(|&(estimate, wait)| of(estimate, wait)).sum::<f64>() / told.len() as f64
    };
    let wait_mean = mean(&|_, wait| wait);
    Errors {
        wait_mean,
        mean: mean(&|estimate, wait| estimate - wait),
        absolute_mean: mean(&|estimate, wait| (estimate - wait).abs()),
        absolute_mean_of_constant: mean(&|_, wait| (wait_mean - wait).abs()),
    }
}

/// Handling times from quite random to rather alike, teams from one to thirty, busy for 70 % and
/// 90 % of their time. On average an estimate errs by less than a tenth of the mean wait, one way or
/// the other; a single one by less than two thirds of what the mean wait would err, told to
/// everybody.
#[test]
fn in_a_simulated_queue_it_is_right_on_average_and_better_than_the_average() {
    for (seed, agents) in (1..).zip([1, 2, 3, 5, 10, 30]) {
        for (busy, stages) in [0.7, 0.9].into_iter().flat_map(|busy| [1, 2, 4].map(|s| (busy, s))) {
            let errors = estimate(seed, agents, busy, stages);
            let of_wait = errors.mean / errors.wait_mean;
            let of_constant = errors.absolute_mean / errors.absolute_mean_of_constant;
            let team = format!("{agents} agents, {busy}, {stages}: {of_wait:.3} {of_constant:.3}");
            assert!(of_wait.abs() < 0.1, "{team}");
            assert!(of_constant < 2.0 / 3.0, "{team}");
        }
    }
}
