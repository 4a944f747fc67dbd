//! Erlang-A: the queue M/M/c+M, where callers come at random, talk for an exponential time with
//! one of `c` agents, and give up after an exponential patience; its steady state.
//!
//! All of it comes from one function: the density, over `x` > 0, of the time that a caller would
//! have to wait if he had the patience for it,
//!
//! ```text
//! v(x) = λ·π(c-1)·exp(φ(x)),   φ(x) = λ·H(x) - c·μ·x,   H(x) = (1 - exp(-θ·x)) / θ
//! ```
//!
//! with arrivals λ, handling 1/μ, patience 1/θ and the probability π(c-1) that all agents but one
//! are busy (Baccelli and Hebuterne, 1981, for any patience; Zeltyn and Mandelbaum, "Call centers
//! with impatient customers", 2005). H(x) = x when nobody gives up, which is Erlang-C. φ is concave: it is measured from its peak, so that nothing
//! overflows, and integrated over where exp(φ) matters, so that the work has a bound whatever the
//! rates are. π(c-1) comes from Erlang's recursion for B, which is a probability at each step.

use std::time::Duration;

/// Where φ is further below its peak, nothing of the integrals is left.
const DEPTH: f64 = 45.0;
/// Of an integral, for each unit of its length, where the integrand is at most 1.
const TOLERANCE: f64 = 1e-12;
const PIECES: u32 = 32;
const HALVINGS_MAX: u32 = 60;
/// Below this the first eight terms of the series give all digits.
const SERIES: f64 = 0.05;
/// Times are taken into these bounds: zero would divide, and a year is for ever.
const SECONDS: (f64, f64) = (1e-6, 366.0 * 86_400.0);

/// What to expect of a team if it went on like this. For displays: floating point, which may
/// differ from machine to machine, is never state and never decides.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct ErlangA {
    /// The share of the callers who are answered, 0 to 1; the others give up.
    pub answered: f64,
    /// The share who find nobody free, 0 to 1.
    pub delayed: f64,
    /// Of all callers, the answered and those who give up. [`Duration::MAX`] when it has no end:
    /// nobody gives up, and as much or more comes in than the agents can do.
    pub wait_mean: Duration,
    /// The share of their time that the agents are busy, 0 to 1; 0 without agents.
    pub occupancy: f64,
    /// `None` when nobody is answered within any time.
    wait: Option<Wait>,
}

impl ErlangA {
    /// The share of the callers who are answered within `target`, of all who call: those who find
    /// somebody free, and the integral of v(x)·exp(-θ·x) up to `target`, for who would wait `x`
    /// is still there with probability exp(-θ·x).
    pub fn within(&self, target: Duration) -> f64 {
        let Some(wait) = self.wait else { return 0.0 };
        (1.0 - self.delayed + wait.answered_within(target.as_secs_f64())).min(self.answered)
    }
}

/// `arrivals_per_second` is finite and not negative. A `patience_mean` of `None` is without end:
/// the result is Erlang-C, which has no steady state when the load (arrivals times handling, in
/// erlangs) reaches the number of agents. Then the queue grows for ever: nobody is answered within
/// any time, and [`answered`](ErlangA::answered) is the share that the agents can keep up with.
/// Times below a microsecond count as one, times above a year as a year.
pub fn erlang_a(
    arrivals_per_second: f64,
    handling_mean: Duration,
    patience_mean: Option<Duration>,
    agents: usize,
) -> ErlangA {
    debug_assert!(arrivals_per_second.is_finite() && arrivals_per_second >= 0.0);
    if agents == 0 {
        return unanswered(patience_mean);
    }
    let handling = seconds(handling_mean);
    let load = arrivals_per_second * handling;
    let capacity = agents as f64 / handling;
    let impatience = patience_mean.map_or(0.0, |mean| seconds(mean).recip());
    if impatience == 0.0 && arrivals_per_second >= capacity {
        return overrun((agents as f64 / load).min(1.0));
    }
    let wait = Wait::new(arrivals_per_second, capacity, impatience, blocked(load, agents - 1));
    let mean = wait.mean();
    let answered = (1.0 - impatience * mean).clamp(0.0, 1.0);
    ErlangA {
        answered,
        delayed: wait.delayed,
        wait_mean: Duration::try_from_secs_f64(mean).unwrap_or(Duration::MAX),
        occupancy: (load * answered / agents as f64).min(1.0),
        wait: Some(wait),
    }
}

fn unanswered(patience_mean: Option<Duration>) -> ErlangA {
    ErlangA {
        answered: 0.0,
        delayed: 1.0,
        wait_mean: patience_mean.unwrap_or(Duration::MAX),
        occupancy: 0.0,
        wait: None,
    }
}

fn overrun(answered: f64) -> ErlangA {
    ErlangA { answered, delayed: 1.0, wait_mean: Duration::MAX, occupancy: 1.0, wait: None }
}

/// Erlang-B: the probability that all of so many agents are busy when nobody waits.
fn blocked(load: f64, agents: usize) -> f64 {
    (1..=agents).fold(1.0, |blocked, agent| load * blocked / (agent as f64 + load * blocked))
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64().clamp(SECONDS.0, SECONDS.1)
}

/// The density v, seen from the peak of φ.
#[derive(Copy, Clone, PartialEq, Debug)]
struct Wait {
    phi: Phi,
    /// The range in which φ is within [`DEPTH`] of its peak.
    from: f64,
    to: f64,
    /// v at the peak.
    height: f64,
    /// The integral of v.
    delayed: f64,
}

impl Wait {
    /// `blocked`: Erlang-B with one agent less.
    fn new(arrivals: f64, capacity: f64, impatience: f64, blocked: f64) -> Self {
        let overload = arrivals / capacity;
        let (peak, rise) = if overload > 1.0 {
            let log = overload.ln();
            (log / impatience, (overload - 1.0 - log) * capacity / impatience)
        } else {
            (0.0, 0.0)
        };
        let phi = Phi { capacity, impatience, peak, inflow: arrivals.min(capacity) };
        // The slopes of φ are within these two rates: a shorter range cannot be deep enough.
        let to = phi.reach(DEPTH / capacity, f64::INFINITY);
        let from = if peak > 0.0 { phi.reach(-DEPTH / arrivals, peak) } else { 0.0 };
        let area = phi.integral(from, to, |_| 1.0);
        // The weight of who waits over that of who does not, both less by the factor exp(φ(peak)).
        let weight = arrivals * blocked * area;
        let delayed = weight / ((-rise).exp() + weight);
        Self { phi, from, to, height: delayed / area, delayed }
    }

    /// E[min(wait, patience)]: of who would have to wait `x`, the mean is H(x).
    fn mean(&self) -> f64 {
        let held = |y: f64| {
            let x = self.phi.peak + y;
            x * damping(self.phi.impatience * x)
        };
        let longest = held(self.to);
        self.height * longest * self.phi.integral(self.from, self.to, |y| held(y) / longest)
    }

    fn answered_within(&self, target: f64) -> f64 {
        let to = self.to.min(target - self.phi.peak);
        if to <= self.from {
            return 0.0;
        }
        let still_there = |y: f64| (-self.phi.impatience * (self.phi.peak + y)).exp();
        self.height * self.phi.integral(self.from, to, still_there)
    }
}

/// Times in seconds, rates by the second.
#[derive(Copy, Clone, PartialEq, Debug)]
struct Phi {
    /// c·μ
    capacity: f64,
    /// θ
    impatience: f64,
    /// Where φ is greatest: 0, or where so many have given up that the agents keep up.
    peak: f64,
    /// λ·exp(-θ·peak): the slope of φ at the peak is this less the capacity, never above 0.
    inflow: f64,
}

impl Phi {
    /// φ(peak + y) - φ(peak): never above 0, and without a difference of great numbers.
    fn fall(&self, y: f64) -> f64 {
        let slope = self.inflow - self.capacity;
        slope * y + self.inflow * y * damping_less_one(self.impatience * y)
    }

    /// Doubles the step until φ has fallen by [`DEPTH`] or `bound` is reached.
    fn reach(&self, step: f64, bound: f64) -> f64 {
        let mut y = step;
        while y.abs() < bound && self.fall(y) > -DEPTH {
            y *= 2.0;
        }
        y.clamp(-bound, bound)
    }

    /// Of exp(φ - φ(peak)) times `weight`, which is at most 1.
    fn integral(&self, from: f64, to: f64, weight: impl Fn(f64) -> f64) -> f64 {
        let density = |y: f64| self.fall(y).exp() * weight(y);
        let peak = 0.0_f64.clamp(from, to);
        simpson(&density, from, peak) + simpson(&density, peak, to)
    }
}

/// (1 - exp(-z)) / z, which is 1 at 0: H(x) / x for z = θ·x.
fn damping(z: f64) -> f64 {
    if z.abs() > SERIES { -(-z).exp_m1() / z } else { 1.0 + damping_less_one(z) }
}

/// By its series where the difference would lose digits.
fn damping_less_one(z: f64) -> f64 {
    if z.abs() > SERIES {
        return damping(z) - 1.0;
    }
    (2..=9).rev().fold(0.0, |rest, n| -z / f64::from(n) * (1.0 + rest))
}

/// Simpson's rule, halving each piece until its two halves agree with it. As φ is concave, at least
/// a 45th part of the range where it falls by [`DEPTH`] matters, and the range here is at most twice
/// as long: with so many pieces none can look empty that is not.
fn simpson(f: &impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    let width = (to - from) / f64::from(PIECES);
    (0..PIECES)
        .map(|piece| {
            let (from, to) = (from + f64::from(piece) * width, from + f64::from(piece + 1) * width);
            halves(f, from, to, [f(from), f((from + to) / 2.0), f(to)], HALVINGS_MAX)
        })
        .sum()
}

fn halves(f: &impl Fn(f64) -> f64, from: f64, to: f64, at: [f64; 3], left: u32) -> f64 {
    let [first, middle, last] = at;
    let width = to - from;
    let centre = from + width / 2.0;
    let (before, after) = (f(from + width / 4.0), f(to - width / 4.0));
    let whole = width / 6.0 * (first + 4.0 * middle + last);
    let halved = width / 12.0 * (first + 4.0 * before + 2.0 * middle + 4.0 * after + last);
    let error = (halved - whole) / 15.0;
    if left == 0 || error.abs() <= TOLERANCE * width || error.is_nan() {
        return halved + error;
    }
    halves(f, from, centre, [first, before, middle], left - 1)
        + halves(f, centre, to, [middle, after, last], left - 1)
}
