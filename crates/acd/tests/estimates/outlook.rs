//! One secretary more or less.

use std::time::Duration;

use acd::{Figures, Instant, Outlook, erlang_a};

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

/// Two calls a minute for an hour.
fn busy_hour() -> Figures {
    let mut figures = Figures::default();
    for second in (0..3_600).step_by(30) {
        figures.arrived(at(second));
    }
    figures
}

#[test]
fn until_the_arrivals_are_known_there_is_no_outlook() {
    let mut figures = Figures::default();
    assert_eq!(Outlook::at(at(0), &figures, 3), None);
    figures.arrived(at(0));
    assert_eq!(Outlook::at(at(59), &figures, 3), None);
    assert!(Outlook::at(at(60), &figures, 3).is_some());
}

#[test]
fn it_is_what_was_measured_for_one_agent_more_and_one_less() {
    let mut figures = busy_hour();
    figures.handled(Duration::from_secs(140));
    figures.left(Duration::from_secs(90), false);
    let outlook = Outlook::at(at(3_600), &figures, 5).expect("the arrivals are known");
    let with = |agents| {
        let (handling, patience) = (Duration::from_secs(140), Duration::from_secs(90));
        erlang_a(1.0 / 30.0, handling, Some(patience), agents)
    };
    assert_eq!(outlook, Outlook { now: with(5), one_more: with(6), one_less: Some(with(4)) });
    assert!(with(4).answered < with(5).answered && with(5).answered < with(6).answered);
}

#[test]
fn what_was_not_measured_has_a_default() {
    let outlook = Outlook::at(at(3_600), &busy_hour(), 5).expect("the arrivals are known");
    assert_eq!(outlook.one_more, erlang_a(1.0 / 30.0, Figures::HANDLING_DEFAULT, None, 6));
    // Five erlangs, and nobody is expected to give up.
    assert_eq!(outlook.now.wait_mean, Duration::MAX);
}

#[test]
fn an_empty_team_has_nobody_to_spare() {
    let outlook = Outlook::at(at(3_600), &busy_hour(), 0).expect("the arrivals are known");
    assert_eq!((outlook.now.answered, outlook.one_less), (0.0, None));
    assert!(outlook.one_more.answered > 0.0);
}
