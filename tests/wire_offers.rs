//! Who is rung, and what happens to the caller when nobody takes him.

use std::time::Duration;

use anyhow::Result;
use kit::{Scene, Setup, Then, Tone};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(2_500);
const SOON: Duration = Duration::from_secs(10);
/// What a caller of France hears while a phone rings: 440 Hz, 1.5 s of every 5 s.
const FRENCH_RINGING: Tone = Tone(440);

#[test]
fn a_caller_who_gives_up_while_waiting_is_recorded_and_offered_to_nobody() -> Result<()> {
    let mut scene = Scene::open("gives-up-waiting", Setup::default())?;
    let mut caller = scene.call(Then::GiveUpAfter(SECOND))?;
    scene.wait_for_stage("waiting", 1)?;
    caller.finish(SOON)?;

    let mut anna = scene.phone("anna")?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("abandoned", "caller"));
    assert!(records.offers_of(0)?.is_empty());
    assert_eq!(records.of(0)?.status, 487);
    Ok(())
}

#[test]
fn of_two_free_secretaries_the_longest_idle_rings() -> Result<()> {
    let mut scene = Scene::open("longest-idle", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    for (index, expected) in ["anna", "bea", "anna"].into_iter().enumerate() {
        let mut caller = scene.call(Then::HangUpAfter(TALK))?;
        let (rung, other) = match expected {
            "anna" => (&mut anna, &mut bea),
            _ => (&mut bea, &mut anna),
        };
        let before = other.count("CALL_INCOMING")?;
        rung.wait_for("CALL_INCOMING", SOON)?;
        rung.accept()?;
        rung.wait_for("CALL_CLOSED", SOON)?;
        caller.finish(SOON)?;
        assert_eq!(other.count("CALL_INCOMING")?, before, "call {index} rang at the other's, too");
        scene.check_voices(&caller, rung, index / 2)?;
        scene.wait_for_state(expected, "available")?;
    }
    let records = scene.close()?;
    for (index, expected) in ["anna", "bea", "anna"].into_iter().enumerate() {
        assert_eq!(records.offers_of(index as u16)?, [(expected, "served")]);
    }
    Ok(())
}

#[test]
fn a_secretary_who_declines_is_offered_the_same_caller_again_after_her_delay() -> Result<()> {
    let setup = Setup { retry_after: SECOND, ..Setup::default() };
    let mut scene = Scene::open("declines-alone", setup)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.hang_up()?;
    scene.wait_for_state("anna", "resting")?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let records = scene.close()?;
    assert_eq!(records.offers_of(0)?, [("anna", "busy"), ("anna", "served")]);
    let [declined, served] = &records.offers[..] else { panic!("{:?}", records.offers) };
    let rest = served.offered_ms - declined.ended_ms;
    assert!((900..2_000).contains(&rest), "offered again after {rest} ms");
    Ok(())
}

#[test]
fn a_secretary_who_is_not_registered_is_passed_over() -> Result<()> {
    let mut scene = Scene::open("not-registered", Setup::default())?;
    let mut bea = scene.phone("bea")?; // anna has no phone
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    bea.wait_for("CALL_INCOMING", SOON)?;
    bea.accept()?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &bea, 0)?;
    let records = scene.close()?;
    assert_eq!(records.offers_of(0)?, [("bea", "served")]);
    Ok(())
}

#[test]
fn a_secretary_whose_phone_was_switched_off_is_offered_nobody() -> Result<()> {
    let mut scene = Scene::open("switched-off", Setup::default())?;
    let anna = scene.phone("anna")?;
    anna.switch_off()?;
    scene.wait_for_unreachable("anna")?;
    let mut caller = scene.call(Then::GiveUpAfter(SECOND))?;
    caller.finish(SOON)?;

    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("abandoned", "caller"));
    assert!(records.offers_of(0)?.is_empty());
    Ok(())
}

#[test]
fn a_caller_whose_secretary_vanishes_hears_ringing_and_is_served_by_the_other() -> Result<()> {
    let mut scene = Scene::open("vanishes", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    let mut caller = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(TALK)?;
    anna.vanish();

    bea.wait_for("CALL_INCOMING", 2 * SOON)?;
    let until_then = scene.tap().heard_at(caller.ear).length();
    scene.let_ring(3 * SECOND);
    let ringing = scene.tap().heard_at(caller.ear);
    ringing.check("the caller", FRENCH_RINGING, until_then)?;
    bea.accept()?;
    bea.wait_for("CALL_ESTABLISHED", SOON)?;
    bea.listen_for(TALK)?;
    bea.hang_up()?;
    caller.finish(SOON)?;

    let heard = scene.tap().heard_at(caller.ear);
    heard.check("the caller", bea.tone, ringing.length() + SECOND)?;
    bea.heard()?[0].check("bea", caller.tone, SECOND)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    assert_eq!(records.offers_of(0)?, [("anna", "vanished"), ("bea", "served")]);
    Ok(())
}
