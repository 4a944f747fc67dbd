//! Erlang-A and, without impatience, Erlang-C.

use std::time::Duration;

use acd::{ErlangA, erlang_a};

use crate::dice::Dice;

const MINUTE: Duration = Duration::from_secs(60);

fn close(got: f64, wanted: f64, tolerance: f64) {
    assert!((got - wanted).abs() <= tolerance, "{got} is not {wanted} within {tolerance}");
}

/// Of erlangs, with a handling time of a minute.
fn at(load: f64, patience: Option<f64>, agents: usize) -> ErlangA {
    erlang_a(load / 60.0, MINUTE, patience.map(Duration::from_secs_f64), agents)
}

/// The birth-and-death process itself, state by state: the probability of each number of callers
/// in the system. Weights by their logarithm, until they matter no more.
fn states(load: f64, patience: Option<f64>, agents: usize) -> Vec<f64> {
    let (arrivals, handling) = (load / 60.0, 1.0 / 60.0);
    let impatience = patience.map_or(0.0, f64::recip);
    let mut logs = vec![0.0_f64];
    let mut greatest = 0.0_f64;
    loop {
        let callers = logs.len();
        let waiting = callers.saturating_sub(agents) as f64;
        let leave = callers.min(agents) as f64 * handling + waiting * impatience;
        let log = logs[callers - 1] + (arrivals / leave).ln();
        greatest = greatest.max(log);
        if log < greatest - 60.0 && callers > agents {
            break;
        }
        logs.push(log);
    }
    let sum: f64 = logs.iter().map(|log| (log - greatest).exp()).sum();
    logs.iter().map(|log| (log - greatest).exp() / sum).collect()
}

/// Who is answered within `target`, from the states alone: follows a caller who finds `n` before
/// him, by small steps of time (Runge-Kutta of the fourth order), until he is answered or gives up.
fn followed(load: f64, patience: f64, agents: usize, target: f64) -> f64 {
    let states = states(load, Some(patience), agents);
    let (departures, impatience) = (agents as f64 / 60.0, 1.0 / patience);
    let mut ahead = states[agents..].to_vec();
    let mut answered: f64 = states[..agents].iter().sum();
    let change = |ahead: &[f64]| -> Vec<f64> {
        let gone = |n: usize| departures + n as f64 * impatience;
        (0..ahead.len())
            .map(|n| {
                let nearer = ahead.get(n + 1).map_or(0.0, |share| share * gone(n + 1));
                nearer - ahead[n] * (gone(n) + impatience)
            })
            .collect()
    };
    let moved = |from: &[f64], by: &[f64], step: f64| -> Vec<f64> {
        from.iter().zip(by).map(|(share, change)| share + change * step).collect()
    };
    let fastest = departures + (ahead.len() + 1) as f64 * impatience;
    let steps = (target * fastest * 10.0).ceil();
    let step = target / steps;
    for _ in 0..steps as u64 {
        let k1 = change(&ahead);
        let second = moved(&ahead, &k1, step / 2.0);
        let k2 = change(&second);
        let third = moved(&ahead, &k2, step / 2.0);
        let k3 = change(&third);
        let fourth = moved(&ahead, &k3, step);
        let k4 = change(&fourth);
        let head = ahead[0] + 2.0 * second[0] + 2.0 * third[0] + fourth[0];
        answered += departures * step / 6.0 * head;
        for (n, share) in ahead.iter_mut().enumerate() {
            *share += step / 6.0 * (k1[n] + 2.0 * k2[n] + 2.0 * k3[n] + k4[n]);
        }
    }
    answered
}

/// What a simulated team did: the shares answered, delayed, answered within a target; the mean wait.
struct Played {
    answered: f64,
    delayed: f64,
    within: f64,
    wait_mean: f64,
}

/// Callers in the order in which they come; each would be answered when the agent is free who is
/// free first, unless he gives up before.
fn play(seed: u64, load: f64, patience: f64, agents: usize, target: f64) -> Played {
    const CALLERS: u32 = 1_000_000;
    let mut dice = Dice(seed);
    let mut free_at = vec![0.0_f64; agents];
    let (mut now, mut answered, mut delayed, mut within, mut waited) = (0.0, 0, 0, 0, 0.0);
    for _ in 0..CALLERS {
        now += dice.exponential(60.0 / load);
        let agent = (0..agents).min_by(|&a, &b| free_at[a].total_cmp(&free_at[b]));
        let agent = agent.expect("there are agents");
        let offered = (free_at[agent] - now).max(0.0);
        let patience = dice.exponential(patience);
        waited += offered.min(patience);
        delayed += u32::from(offered > 0.0);
        if offered <= patience {
            answered += 1;
            within += u32::from(offered <= target);
            free_at[agent] = now + offered + dice.exponential(60.0);
        }
    }
    let share = |count| f64::from(count) / f64::from(CALLERS);
    Played {
        answered: share(answered),
        delayed: share(delayed),
        within: share(within),
        wait_mean: waited / f64::from(CALLERS),
    }
}

/// Erlangs, patience and agents, from a quiet team to one that is overrun.
const TEAMS: [(f64, f64, usize); 9] = [
    (0.1, 30.0, 1),
    (0.9, 120.0, 1),
    (3.0, 60.0, 1),
    (3.2, 90.0, 4),
    (8.0, 20.0, 6),
    (20.0, 300.0, 22),
    (48.0, 120.0, 50),
    (300.0, 45.0, 280),
    (700.0, 200.0, 1000),
];

/// A much copied example (360 calls of 240 s in half an hour, 55 agents): 23.9 % wait, 8.2 s on
/// average, 84.6 % are answered in 15 s.
#[test]
fn without_impatience_it_is_erlang_c_as_published() {
    let team = erlang_a(0.2, Duration::from_secs(240), None, 55);
    close(team.delayed, 0.239, 0.0005);
    close(team.wait_mean.as_secs_f64(), 8.2, 0.05);
    close(team.within(Duration::from_secs(15)), 0.846, 0.0005);
    close(team.occupancy, 0.873, 0.0005);
}

/// Mandelbaum and Zeltyn, "The Palm/Erlang-A queue", 2005, section 2: 48 calls a minute of one
/// minute, 50 agents, patience of two minutes or without end.
#[test]
fn a_few_who_give_up_shorten_the_wait_as_published() {
    let patient = at(48.0, None, 50);
    close(patient.wait_mean.as_secs_f64(), 20.8, 0.05);
    close(patient.within(Duration::from_secs_f64(58.1)), 0.9, 0.0005);
    close(patient.occupancy, 0.96, 0.0005);

    let impatient = at(48.0, Some(120.0), 50);
    close(1.0 - impatient.answered, 0.031, 0.0005);
    close(impatient.wait_mean.as_secs_f64(), 3.7, 0.05);
    close(impatient.occupancy, 0.93, 0.0005);
}

#[test]
fn without_impatience_it_is_the_closed_form() {
    for (load, agents, delayed) in [
        (0.3, 1, 0.3),
        (0.99, 1, 0.99),
        (1.0, 2, 1.0 / 3.0),
        (2.0, 3, 4.0 / 9.0),
        (3.0, 4, 27.0 / 53.0),
    ] {
        let team = at(load, None, agents);
        let spare: f64 = (agents as f64 - load) / 60.0;
        close(team.answered, 1.0, 0.0);
        close(team.delayed, delayed, 1e-9);
        close(team.wait_mean.as_secs_f64() * spare / delayed, 1.0, 1e-6);
        for target in [0.0, 7.0, 200.0] {
            let within = 1.0 - delayed * (-spare * target).exp();
            close(team.within(Duration::from_secs_f64(target)), within, 1e-9);
        }
    }
}

#[test]
fn without_patience_it_is_erlang_b() {
    for (load, agents, blocked) in [(1.0, 1, 0.5), (1.0, 2, 0.2), (5.0, 10, 0.018_385)] {
        let team = at(load, Some(0.0), agents);
        close(team.answered, 1.0 - blocked, 1e-6);
        close(team.delayed, blocked, 1e-6);
        assert!(team.wait_mean < Duration::from_micros(1));
        close(team.within(MINUTE), team.answered, 1e-6);
    }
}

/// Then all leave at the same rate, served or not: the number of callers is Poisson's.
#[test]
fn with_patience_as_long_as_a_call_the_callers_are_poissons() {
    for (load, agents) in [(0.5_f64, 1), (4.0, 3), (9.0, 12)] {
        let mut share = (-load).exp();
        let (mut below, mut busy) = (0.0, 0.0);
        for callers in 0..agents {
            below += share;
            busy += share * callers as f64;
            share *= load / (callers + 1) as f64;
        }
        busy += (1.0 - below) * agents as f64;
        let team = at(load, Some(60.0), agents);
        close(team.delayed, 1.0 - below, 1e-9);
        close(team.answered, busy / load, 1e-9);
    }
}

#[test]
fn the_more_patience_the_nearer_to_erlang_c() {
    let endless = at(48.0, None, 50);
    let mut before = 0.0;
    for patience in [1.0, 60.0, 3_600.0, 86_400.0, 3e7] {
        let team = at(48.0, Some(patience), 50);
        assert!(team.answered > before && team.wait_mean < endless.wait_mean);
        before = team.answered;
    }
    let year = at(48.0, Some(3e7), 50);
    close(year.delayed, endless.delayed, 1e-4);
    close(year.wait_mean.as_secs_f64() / endless.wait_mean.as_secs_f64(), 1.0, 1e-4);
    close(year.within(MINUTE), endless.within(MINUTE), 1e-4);
}

#[test]
fn an_overrun_team_without_impatience_has_no_end_of_waiting() {
    for (load, agents, answered) in [(4.0, 4, 1.0), (10.0, 4, 0.4)] {
        let team = at(load, None, agents);
        assert_eq!(team.wait_mean, Duration::MAX);
        close(team.answered, answered, 1e-12);
        close(team.delayed, 1.0, 0.0);
        close(team.within(MINUTE), 0.0, 0.0);
    }
    // As the limit of more and more patience: then all wait until six of ten have given up.
    let team = at(10.0, Some(3e7), 4);
    close(team.answered, 0.4, 1e-6);
    close(team.wait_mean.as_secs_f64(), 0.6 * 3e7, 10.0);
}

#[test]
fn without_agents_nobody_is_answered() {
    let team = at(3.0, Some(90.0), 0);
    assert_eq!((team.answered, team.delayed, team.occupancy), (0.0, 1.0, 0.0));
    assert_eq!(team.wait_mean, Duration::from_secs(90));
    assert_eq!(team.within(Duration::MAX), 0.0);
    assert_eq!(at(3.0, None, 0).wait_mean, Duration::MAX);
}

#[test]
fn without_callers_the_first_would_be_answered_at_once() {
    let team = at(0.0, Some(90.0), 2);
    assert_eq!((team.answered, team.delayed, team.occupancy), (1.0, 0.0, 0.0));
    assert_eq!(team.within(Duration::ZERO), 1.0);
}

#[test]
fn one_more_agent_is_never_worse() {
    for load in [0.2, 3.0, 25.0, 190.0] {
        for patience in [Some(1.0), Some(45.0), Some(600.0), None] {
            let mut before = at(load, patience, 0);
            for agents in 1..=220 {
                let team = at(load, patience, agents);
                assert!(team.answered >= before.answered - 1e-9, "{load} {patience:?} {agents}");
                assert!(team.delayed <= before.delayed + 1e-9, "{load} {patience:?} {agents}");
                let (wait, longest) =
                    (team.wait_mean.as_secs_f64(), before.wait_mean.as_secs_f64());
                assert!(
                    wait <= longest * (1.0 + 1e-8),
                    "{wait} {longest} {load} {patience:?} {agents}"
                );
                assert!(team.within(MINUTE / 3) >= before.within(MINUTE / 3) - 1e-9);
                before = team;
            }
        }
    }
}

/// The integral and the sum over the states of the process share no step but the rates. Of the
/// seeded teams some are far too small and some far too large.
#[test]
fn it_agrees_with_the_sum_over_all_states() {
    let mut dice = Dice(17);
    let mut between = |low: f64, high: f64| low * (high / low).powf(dice.share());
    let drawn: Vec<_> = (0..1_000)
        .map(|_| (between(0.05, 150.0), between(0.1, 3_000.0), between(1.0, 200.0) as usize))
        .collect();
    for (load, patience, agents) in TEAMS.into_iter().chain(drawn) {
        let states = states(load, Some(patience), agents);
        let queue: f64 = (0..)
            .zip(states.iter().skip(agents))
            .map(|(waiting, share)| f64::from(waiting) * share)
            .sum();
        let busy: f64 = (0..)
            .zip(&states)
            .map(|(callers, share)| f64::from(callers).min(agents as f64) * share)
            .sum();
        let team = at(load, Some(patience), agents);
        close(team.delayed, states.iter().skip(agents).sum(), 1e-8);
        close(team.answered, busy / load, 1e-8);
        close(team.occupancy, busy / agents as f64, 1e-8);
        let wait_mean = queue / (load / 60.0);
        close(team.wait_mean.as_secs_f64(), wait_mean, 1e-8 * wait_mean + 2e-9);
    }
}

#[test]
fn the_share_within_a_target_agrees_with_following_each_caller() {
    for (load, patience, agents) in TEAMS {
        for target in [2.0, 20.0, 90.0] {
            let got = at(load, Some(patience), agents).within(Duration::from_secs_f64(target));
            close(got, followed(load, patience, agents, target), 1e-6);
        }
    }
}

#[test]
fn the_share_within_a_target_grows_from_the_undelayed_to_the_answered() {
    for (load, patience, agents) in TEAMS {
        let team = at(load, Some(patience), agents);
        let mut before = team.within(Duration::ZERO);
        close(before, 1.0 - team.delayed, 1e-9);
        for second in 1..600 {
            let within = team.within(Duration::from_secs(second));
            assert!(within >= before - 1e-9 && within <= team.answered);
            before = within;
        }
        close(team.within(Duration::MAX), team.answered, 1e-8);
    }
}

/// A million callers: shares within a percentage point, the mean wait within 4 %. Such simulations
/// differ among each other by nearly as much: callers who come soon after each other share a wait.
#[test]
fn it_agrees_with_a_simulated_team() {
    for (seed, (load, patience, agents)) in (1..).zip(&TEAMS[1..7]) {
        let played = play(seed, *load, *patience, *agents, 20.0);
        let team = at(*load, Some(*patience), *agents);
        close(team.answered, played.answered, 0.01);
        close(team.delayed, played.delayed, 0.01);
        close(team.within(Duration::from_secs(20)), played.within, 0.01);
        close(played.wait_mean / team.wait_mean.as_secs_f64(), 1.0, 0.04);
    }
}

#[test]
fn whatever_the_rates_the_shares_are_shares() {
    let times = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(1),
        MINUTE,
        Duration::from_secs(86_400),
        Duration::MAX,
    ];
    for arrivals in [0.0, 1e-12, 0.01, 5.0, 1e6] {
        for (handling, patience) in times.iter().flat_map(|&h| times.map(|p| (h, p))) {
            for agents in [0, 1, 7, 1_000] {
                for patience in [Some(patience), None] {
                    let team = erlang_a(arrivals, handling, patience, agents);
                    let mut shares = vec![team.answered, team.delayed, team.occupancy];
                    shares.extend(times.map(|target| team.within(target)));
                    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{team:?}");
                    assert!(shares[3..].is_sorted_by(|a, b| *a <= b + 1e-8), "{shares:?} {team:?}");
                }
            }
        }
    }
}
