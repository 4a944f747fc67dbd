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
    let Some(ahead) = ahead.checked_sub(free) else { return Some(Duration::ZERO) };
    let agents = running.len() + free;
    if agents == 0 {
        return None;
    }
    let paces = running.iter().map(|&elapsed| pace(figures, elapsed));
    let pace = paces.sum::<u128>() + free as u128 * pace_of_free(figures);
    let wait = ONE / pace + departures(figures, ahead, agents);
    Some(Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX)))
}

/// The pace of a departure each microsecond. No residual reaches it: no pace is zero.
const ONE: u128 = 1 << 64;

fn pace(figures: &Figures, elapsed: Duration) -> u128 {
    ONE / u128::from(figures.residuals.of(micros(elapsed)))
}

fn pace_of_free(figures: &Figures) -> u128 {
    ONE / u128::from(figures.residuals.mean)
}

/// How long so many departures after the first one take, in microseconds.
fn departures(figures: &Figures, count: usize, agents: usize) -> u128 {
    u128::from(figures.residuals.mean) * count as u128 / agents as u128
}

/// How many departures after the first one take longer than that, at least.
pub(crate) fn too_many(figures: &Figures, longest: Duration, agents: usize) -> usize {
    let longer = longest.as_micros().saturating_add(1).saturating_mul(agents as u128);
    let count = longer.div_ceil(u128::from(figures.residuals.mean));
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Whether the first departure of these, and `ahead` more of all the `agents`, are expected to come within
/// `longest`. It looks at no more of the running calls than it must to know.
pub(crate) fn departs_within(
    figures: &Figures,
    longest: Duration,
    running: impl Iterator<Item = Duration>,
    free: usize,
    (ahead, agents): (usize, usize),
) -> bool {
    let Some(left) = longest.as_micros().checked_sub(departures(figures, ahead, agents)) else {
        return false;
    };
    // ONE / pace <= left, without a division for each.
    let needed = ONE / (left + 1);
    let mut pace_until_now = free as u128 * pace_of_free(figures);
    let mut running = running.map(|elapsed| pace(figures, elapsed));
    pace_until_now > needed
        || running.any(|pace| {
            pace_until_now += pace;
            pace_until_now > needed
        })
}
