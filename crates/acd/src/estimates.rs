//! What to expect of a team's queue: how long the next callers wait, and how many are answered.
//!
//! Owns no call: [`Figures`] is told what happens and remembers a bounded part of it.
//! [`expected_wait`] is integer arithmetic over it, since decisions depend on it; [`erlang_a`] and
//! [`Outlook`] are floating point, for displays alone.

mod erlang;
mod figures;

use std::time::Duration;

pub use erlang::{ErlangA, erlang_a};
pub use figures::Figures;
use figures::micros;

use crate::time::Instant;

/// The answer rate to expect in a team if it went on as it did lately.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Outlook {
    pub now: ErlangA,
    /// With one secretary more.
    pub one_more: ErlangA,
    /// With one less; `None` when there is none to spare.
    pub one_less: Option<ErlangA>,
}

impl Outlook {
    /// `agents`: who works in the team, busy or free. `None` until the arrivals are known; without
    /// a measured handling time [`Figures::HANDLING_DEFAULT`] is taken, and while nobody has given
    /// up nobody is expected to.
    pub fn at(now: Instant, figures: &Figures, agents: usize) -> Option<Self> {
        let arrivals = figures.arrivals_per_second(now)?;
        let handling = figures.handling_mean().unwrap_or(Figures::HANDLING_DEFAULT);
        let with = |agents| erlang_a(arrivals, handling, figures.patience_mean(), agents);
        Some(Self {
            now: with(agents),
            one_more: with(agents + 1),
            one_less: agents.checked_sub(1).map(with),
        })
    }
}

/// How long a caller waits who has `ahead` others before him, while the `running` calls of the team
/// have been going on for so long and `free` agents have nothing to do. Zero when one of these is
/// for him, `None` when nobody works there. A call runs from its answer to the end of its wrap-up,
/// as in [`Figures::handled`]; an agent whose phone rings has one that has just begun.
///
/// Else he is answered at departure number `ahead` + 1, less the callers whom the free ones take at
/// once. The first departure is the least order statistic of the running calls' residuals, and not
/// the least of their means: of five calls that may each end at any moment, one ends five times as
/// soon. Its mean is 1 / Σ 1/residual, as if each residual were exponential with its own mean; for
/// one call alone that is the mean itself, whatever the distribution. As each departure starts a
/// new call, the later ones come at the pace of the team: one mean handling time over the number of
/// agents apart.
///
/// Nobody ahead is expected to give up: the estimate is rather too long than too short.
pub fn expected_wait(
    figures: &Figures,
    running: &[Duration],
    free: usize,
    ahead: usize,
) -> Option<Duration> {
    /// The pace of a departure each microsecond. No residual reaches it: no pace is zero.
    const ONE: u128 = 1 << 64;

    let Some(ahead) = ahead.checked_sub(free) else { return Some(Duration::ZERO) };
    let agents = running.len() + free;
    if agents == 0 {
        return None;
    }
    let residuals = Residuals::new(figures);
    let mean = u128::from(residuals.mean);
    let paces = running.iter().map(|&elapsed| ONE / u128::from(residuals.of(micros(elapsed))));
    let pace = paces.sum::<u128>() + free as u128 * (ONE / mean);
    let wait = ONE / pace + mean * ahead as u128 / agents as u128;
    Some(Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX)))
}

/// How much longer a call goes on, by those that were measured. All in microseconds.
struct Residuals {
    /// Handling times, the shortest first.
    sorted: Vec<u64>,
    /// At each index, the sum of `sorted` from there on.
    sums: Vec<u128>,
    /// Not zero.
    mean: u64,
}

impl Residuals {
    fn new(figures: &Figures) -> Self {
        let sorted = figures.handlings_sorted();
        let mut sum = 0;
        let mut sums: Vec<u128> = sorted
            .iter()
            .rev()
            .map(|&handling| {
                sum += u128::from(handling);
                sum
            })
            .collect();
        sums.reverse();
        let mean = figures.handling_mean_micros().unwrap_or(micros(Figures::HANDLING_DEFAULT));
        Self { sorted, sums, mean: mean.max(1) }
    }

    /// How much longer than `elapsed` the longer ones lasted, on average. When none was longer,
    /// half the mean: it is an odd call, but not a new one. The mean when none was measured at all.
    /// Not zero.
    fn of(&self, elapsed: u64) -> u64 {
        let shorter = self.sorted.partition_point(|&handling| handling <= elapsed);
        let longer = (self.sorted.len() - shorter) as u128;
        let residual = match self.sums.get(shorter) {
            Some(sum) => {
                u64::try_from(sum / longer).expect("a mean is no more than the largest") - elapsed
            }
            None if self.sorted.is_empty() => self.mean,
            None => self.mean / 2,
        };
        residual.max(1)
    }
}
