//! Whether a practice is open, and when that changes next: what each caller's entrance asks, and what a
//! reload and a clock that is set ask of all practices.

use std::hint::black_box;
use std::time::Duration;

use acd::{Holidays, Hours, Leave, Period, Plan, Practice, TimeZone, Urgency};
use benches::{Figures, median_ns};
use criterion::Criterion;

/// A practice with closed noons, a Saturday and holidays off.
const TYPICAL: &str = "Mo-Fr 08:00-12:30,14:00-19:00; Sa 08:00-12:00; PH off \"jour férié\"";
const ALWAYS: &str = "24/7";
/// Each week differs, and a summer.
const INTRICATE: &str = "Mo-Th 08:00-20:00; Fr 08:00-18:00; week 1-53/2 Sa 09:00-12:00; \
    Jul 14-Aug 16 Mo-Fr 09:00-12:00; Dec 24 08:00-12:00; PH off; PH Mo[1] 10:00-12:00";
/// Each day is looked at until it closes: the rules know dates.
const RARELY_CLOSED: &str = "24/7; Dec 24 off";
/// Wednesday, 14 October 2026, 10:00 in Paris.
const BEGIN_MS: i64 = 1_791_964_800_000;
/// Practices of one installation.
const PRACTICES: usize = 1_000;

fn main() -> std::io::Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    evaluate(&mut criterion);
    criterion.final_summary();

    let mut figures = Figures::of("hours");
    let cases = [
        ("typical hours", "typical"),
        ("intricate hours", "intricate"),
        ("24/7", "always"),
        ("typical hours and leave", "situation"),
        ("typical hours, the crate opening-hours alone", "opening-hours"),
    ];
    for (case, function) in cases {
        if let Some(nanos) = median_ns("hours", function) {
            figures.tell(case, "is it open?", nanos / 1e3, "us");
        }
    }
    if let Some(nanos) = median_ns("hours", "read 1,000") {
        figures.tell("1,000 practices", "reading all", nanos / 1e6, "ms");
    }
    next_changes(&mut figures);
    figures.keep()
}

/// The next change of all practices, each asked at its own hour of a week; beside it a look at each minute
/// until it differs, for at most two years. Of practices that seldom change, few are looked at so, and the
/// rest is reckoned.
fn next_changes(figures: &mut Figures) {
    let cases = [
        ("1,000 practices, typical and intricate", &[TYPICAL, INTRICATE][..], PRACTICES),
        ("1,000 practices, 24/7", &[ALWAYS], 2),
        ("1,000 practices, closed on one day a year", &[RARELY_CLOSED], 10),
    ];
    for (case, texts, looked_at) in cases {
        let texts = texts.iter().cycle().take(PRACTICES);
        let practices: Vec<(Hours, i64)> = texts
            .zip(0..)
            .map(|(text, hour)| (hours(text), BEGIN_MS + hour % 168 * 3_600_000))
            .collect();
        let mut times: Vec<f64> = (0..9).map(|_| millis(&practices, Hours::next_change)).collect();
        times.sort_by(f64::total_cmp);
        figures.tell(case, "next change of all", times[times.len() / 2], "ms");
        let share = PRACTICES as f64 / looked_at as f64;
        let time = millis(&practices[..looked_at], each_minute) * share;
        figures.tell(case, "a look at each minute", time, "ms");
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn millis(practices: &[(Hours, i64)], next: impl Fn(&Hours, i64) -> Option<i64>) -> f64 {
    let begin = std::time::Instant::now();
    for (hours, unix_ms) in practices {
        black_box(next(hours, black_box(*unix_ms)));
    }
    begin.elapsed().as_secs_f64() * 1e3
}

fn each_minute(hours: &Hours, unix_ms: i64) -> Option<i64> {
    let is_open = hours.is_open(unix_ms);
    let first = (unix_ms.div_euclid(60_000) + 1) * 60_000;
    let minutes = (first..).step_by(60_000).take(2 * 366 * 24 * 60);
    minutes.into_iter().find(|&minute| hours.is_open(minute) != is_open)
}

fn hours(text: &str) -> Hours {
    Hours::new(text, TimeZone::PARIS, Holidays::default()).expect("hours")
}

fn evaluate(criterion: &mut Criterion) {
    let moments: Vec<i64> = (0..168).map(|hour| BEGIN_MS + hour * 3_600_000).collect();
    let mut group = criterion.benchmark_group("hours");
    for (name, text) in [("typical", TYPICAL), ("intricate", INTRICATE), ("always", ALWAYS)] {
        let hours = hours(text);
        let mut moments = moments.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| hours.is_open(black_box(*moments.next().expect("endless"))));
        });
    }
    let mut practice =
        Practice::without_hours(Duration::from_secs(15), Urgency::Normal, Plan::default());
    practice.hours = hours(TYPICAL);
    for (from, to) in [("2026-08-01", "2026-08-16"), ("2026-12-24", "2027-01-03")] {
        let period = Period::read(from, to, TimeZone::PARIS).expect("days");
        practice.leave.push(Leave { period, plan: Plan::default() });
    }
    let mut of_practice = moments.iter().cycle();
    group.bench_function("situation", |bencher| {
        bencher.iter(|| practice.situation(Some(*of_practice.next().expect("endless"))));
    });

    let bare: opening_hours::OpeningHours = TYPICAL.parse().expect("hours");
    let mut of_bare = moments.iter().cycle();
    group.bench_function("opening-hours", |bencher| {
        bencher.iter(|| {
            let unix_ms = *of_bare.next().expect("endless");
            let moment = chrono::DateTime::from_timestamp_millis(unix_ms).expect("in range");
            bare.is_open(black_box(moment.naive_utc()))
        });
    });
    group.bench_function("read 1,000", |bencher| {
        bencher.iter(|| (0..PRACTICES).map(|_| hours(black_box(TYPICAL))).collect::<Vec<_>>());
    });
    group.finish();
}
