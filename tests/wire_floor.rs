//! A whole floor at work: many secretaries, hundreds of calls.

use std::time::Duration;

use anyhow::Result;
use kit::{SERVER, Scene, Setup, TRUNK, Tone};

const TALK: Duration = Duration::from_millis(1_000);
/// Twenty secretaries, at 20 calls in two seconds.
const FLOOR: [&str; 20] = [
    "s01", "s02", "s03", "s04", "s05", "s06", "s07", "s08", "s09", "s10", "s11", "s12", "s13",
    "s14", "s15", "s16", "s17", "s18", "s19", "s20",
];
const CALLS: usize = 300;

#[test]
fn three_hundred_calls_through_twenty_secretaries_are_all_served_and_leave_nothing() -> Result<()> {
    let setup = Setup {
        agents: FLOOR.to_vec(),
        wrap_up: Duration::from_millis(100),
        port_pairs: 400,
        ..Setup::default()
    };
    let mut scene = Scene::open("floor", setup)?;
    let floor = scene.floor(&FLOOR)?;
    let mut crowd = scene.crowd(CALLS, 10, TALK)?;
    crowd.finish(Duration::from_secs(120))?;
    scene.wait_for_ports()?;

    let tap = scene.tap();
    let none = Duration::ZERO;
    tap.heard_where(|d| d.to.ip() == TRUNK).check("the callers", floor.tone, none)?;
    let to_phones =
        tap.heard_where(|d| d.to.ip() == SERVER.ip() && (20_000..30_000).contains(&d.to.port()));
    to_phones.check("the secretaries", Tone(400), none)?;

    let status = scene.server().status()?;
    assert_eq!((status.ledger.offered, status.calls.len()), (CALLS as u64, 0));
    let records = scene.close()?; // one record a call, one offer an INVITE, no phone in two calls
    assert!(records.calls.iter().all(|call| call.disposition == "answered"));
    let served = records.offers.iter().filter(|offer| offer.outcome == "served").count();
    assert_eq!(served, CALLS);
    let mut busiest: Vec<usize> = FLOOR
        .iter()
        .map(|user| records.offers.iter().filter(|offer| offer.agent == *user).count())
        .collect();
    busiest.sort();
    assert!(busiest[0] > 0, "calls a secretary: {busiest:?}");
    Ok(())
}
