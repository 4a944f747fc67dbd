//! Star codes: what a secretary orders by dialling.

use std::time::Duration;

use anyhow::Result;
use kit::{Phone, Scene, Setup, Softphone, Then};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(3_500);
const SOON: Duration = Duration::from_secs(10);

#[test]
fn star_codes_dialled_from_baresip_change_her_state() -> Result<()> {
    star_codes("codes-baresip", Softphone::BARESIP_UDP)
}

#[test]
fn star_codes_dialled_from_pjsua2_change_her_state() -> Result<()> {
    star_codes("codes-pjsua2", Softphone::PJSUA2_UDP)
}

/// She pauses, resumes with a caller waiting, and ends a wrap-up that would be long.
fn star_codes(name: &str, softphone: Softphone) -> Result<()> {
    let wrap_up = Duration::from_secs(300);
    let mut scene = Scene::open(name, Setup { softphone, wrap_up, ..Setup::default() })?;
    let mut anna = scene.phone("anna")?;
    dial(&mut anna, "*31")?;
    scene.wait_for_state("anna", "paused")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0, "she pauses");

    dial(&mut anna, "*30")?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;
    let talks = anna.heard()?.len();
    scene.check_voices(&caller, &anna, talks - 1)?; // before it, the tones that confirm

    scene.wait_for_state("anna", "wrap-up")?;
    let told = scene.server().tell("agents")?.to_string();
    assert!(told.contains("\"anna\"") && told.contains("\"wrap-up\""), "{told}");
    dial(&mut anna, "*32")?;
    scene.wait_for_state("anna", "available")?;
    let mut next = scene.call(Then::GiveUpAfter(SECOND))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    next.finish(SOON)?;

    let records = scene.close()?; // the codes have no record, and were no calls at her phone
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    assert_eq!(records.offers_of(1)?, [("anna", "withdrawn")]);
    Ok(())
}

/// Dials a code and hears it out: answered, confirmed by a tone, hung up by us.
fn dial(phone: &mut Phone, code: &str) -> Result<()> {
    phone.dial(code)?;
    phone.wait_for("CALL_ESTABLISHED", SOON)?;
    phone.wait_for("CALL_CLOSED", SOON)?;
    Ok(())
}
