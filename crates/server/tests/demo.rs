//! A short Monday morning through the whole server: sockets, engine, relay, records.

use server::demo::{Options, play_unseen};

#[test]
fn a_short_morning_ends_without_a_violation() {
    let audit = play_unseen(&Options { seconds: 12, seed: 3, plain: true }).unwrap();
    assert_eq!(audit.faults, Vec::<String>::new(), "{audit}");
    assert_eq!(audit.offered, audit.planned, "{audit}");
    assert_eq!(audit.right_both_ways, audit.answered, "{audit}");
    assert_eq!(audit.records, audit.offered, "{audit}");
    assert_eq!((audit.declined, audit.gave_up_ringing), (1, 1), "{audit}");
    assert!(audit.not_answered >= 1, "{audit}");
    assert!(audit.hung_up_by_caller > 0 && audit.hung_up_by_secretary > 0, "{audit}");
}
