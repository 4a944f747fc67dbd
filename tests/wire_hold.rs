//! Hold and resume, from either side, judged by ear.

use std::time::Duration;

use anyhow::Result;
use kit::{Scene, Setup, Softphone, Then, Tone};

const TALK: Duration = Duration::from_millis(3_500);
const SOON: Duration = Duration::from_secs(10);
/// Packets on their way when a side was put on hold or taken back.
const ON_THEIR_WAY: Duration = Duration::from_millis(500);

#[test]
fn a_secretary_with_baresip_holds_her_caller_and_takes_him_back() -> Result<()> {
    she_holds("hold-baresip", Softphone::BARESIP_UDP)
}

#[test]
fn a_secretary_with_pjsua2_holds_her_caller_and_takes_him_back() -> Result<()> {
    she_holds("hold-pjsua2", Softphone::PJSUA2_UDP)
}

#[test]
fn a_secretary_with_linphonec_holds_her_caller_and_takes_him_back() -> Result<()> {
    she_holds("hold-linphonec", Softphone::LINPHONEC_UDP)
}

fn she_holds(name: &str, softphone: Softphone) -> Result<()> {
    let mut scene = Scene::open(name, Setup { softphone, ..Setup::default() })?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    let talking = scene.tap().elapsed();
    scene.let_talk(TALK);

    scene.hold(&mut anna)?;
    let held = scene.tap().elapsed();
    scene.let_talk(TALK);
    assert!(caller.is_on()?, "silence on hold is not the end of a call");
    let resuming = scene.tap().elapsed();
    scene.resume(&mut anna)?;
    let resumed = scene.tap().elapsed();
    scene.let_talk(TALK);
    anna.hang_up()?;
    caller.finish(SOON)?;

    let skip = anna.softphone.settles_in();
    let his = |from: Duration, until: Duration| {
        scene.tap().heard_where(|d| d.to == caller.ear && (from..until).contains(&d.at))
    };
    his(talking, held).check("the caller", anna.tone, skip)?;
    if softphone.holds_in_silence() {
        his(held + ON_THEIR_WAY, resuming).check_without("the caller on hold", anna.tone)?;
    }
    his(resumed + ON_THEIR_WAY, Duration::MAX).check("the caller, back", anna.tone, skip)?;
    let hers = scene.tap().heard_where(|d| anna.is_ear(d.to) && d.at > resumed + ON_THEIR_WAY);
    hers.check("anna, back", caller.tone, skip)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    Ok(())
}

#[test]
fn a_caller_on_hold_hears_the_hold_music_until_she_takes_him_back() -> Result<()> {
    const MUSIC: Tone = Tone(620);
    let setup = Setup {
        prompts: vec![("hold", MUSIC, Duration::from_secs(1))],
        more: "[calls]\nhold_music = \"hold\"\n".to_owned(),
        ..Setup::default()
    };
    let mut scene = Scene::open("hold-music", setup)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    scene.hold(&mut anna)?;
    let held = scene.tap().elapsed();
    scene.let_talk(TALK);
    let resuming = scene.tap().elapsed();
    scene.resume(&mut anna)?;
    let resumed = scene.tap().elapsed();
    scene.let_talk(TALK);
    anna.hang_up()?;
    caller.finish(SOON)?;

    let his = |from: Duration, until: Duration| {
        scene.tap().heard_where(|d| d.to == caller.ear && (from..until).contains(&d.at))
    };
    let music = his(held + ON_THEIR_WAY, resuming);
    music.check("the caller on hold", MUSIC, Duration::ZERO)?; // over its end without a gap
    his(resumed + ON_THEIR_WAY, Duration::MAX).check_without("the caller, back", MUSIC)?;
    let skip = anna.softphone.settles_in();
    his(resumed + ON_THEIR_WAY, Duration::MAX).check("the caller, back", anna.tone, skip)?;
    let hers = scene.tap().heard_where(|d| anna.is_ear(d.to) && d.at > held + ON_THEIR_WAY);
    hers.check_without("anna", MUSIC)?;
    scene.close()?;
    Ok(())
}

#[test]
fn a_caller_holds_the_secretary_and_takes_her_back() -> Result<()> {
    let mut scene = Scene::open("hold-caller", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Hold(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", 2 * SOON)?;
    caller.finish(SOON)?;

    // From our agreement to hold to the caller's next INVITE.
    let agreed = scene.tap().select(|d| {
        d.to.ip() == caller.ear.ip()
            && d.status() == Some(200)
            && d.header("CSeq") == Some("2 INVITE")
    });
    let back = scene
        .tap()
        .select(|d| d.from.ip() == caller.ear.ip() && d.header("CSeq") == Some("3 INVITE"));
    let (held, resumed) = (agreed[0].at + ON_THEIR_WAY, back[0].at);
    let answer = String::from_utf8_lossy(&agreed[0].payload);
    assert!(answer.contains("a=recvonly") || answer.contains("a=inactive"), "{answer}");
    let his = |from: Duration, until: Duration| {
        scene.tap().heard_where(|d| d.to == caller.ear && (from..until).contains(&d.at))
    };
    let hers = |from: Duration, until: Duration| {
        scene.tap().heard_where(|d| anna.is_ear(d.to) && (from..until).contains(&d.at))
    };
    let skip = anna.softphone.settles_in();
    assert_eq!(his(held, resumed).0.len(), 0, "he wants nothing (RFC 3264 §5.1)");
    hers(held, resumed).check_without("anna on hold", caller.tone)?;
    his(resumed + ON_THEIR_WAY, Duration::MAX).check("the caller, back", anna.tone, skip)?;
    hers(resumed + ON_THEIR_WAY, Duration::MAX).check("anna, back", caller.tone, skip)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    Ok(())
}
