//! Whether a practice is open: what each caller's entrance asks, and what a reload reads.

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
    figures.keep()
}

fn evaluate(criterion: &mut Criterion) {
    let paris = TimeZone::read("Europe/Paris").expect("a zone");
    let hours = |text| Hours::new(text, paris, Holidays::default()).expect("hours");
    // Wednesday, 14 October 2026, 10:00 in Paris, and the hours after it.
    let begin_ms = 1_791_964_800_000;
    let moments: Vec<i64> = (0..168).map(|hour| begin_ms + hour * 3_600_000).collect();
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
        let period = Period::read(from, to, paris).expect("days");
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
