//! What a caller hears when there is nobody for him: the closed practice's text, that of overflow, and
//! that of nobody being there; and the key that takes him on. Prompts are tones, so that an ear can judge
//! them.

use std::time::Duration;

use anyhow::Result;
use kit::{Caller, Scene, Setup, Then, Tone};

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(10);
const PROMPT: Tone = Tone(620);
const LENGTH: Duration = Duration::from_secs(3);
/// Closed but for a minute a year: hours that never open are refused.
const CLOSED: &str = "hours = \"Jan 01 00:00-00:01\"\n\
                      plan = [{ queue = \"floor\" }]\n\
                      closed = [{ announce = \"text\" }]";

/// A practice with this plan and a prompt of this length.
fn setup(plan: &str, length: Duration) -> Setup {
    let (plan, prompts) = (plan.to_owned(), vec![("text", PROMPT, length)]);
    Setup { plan, prompts, ..Setup::default() }
}

/// He heard the prompt from its beginning to its end, and nothing else.
fn check_whole(scene: &Scene, caller: &Caller) -> Result<()> {
    let heard = scene.tap().heard_at(caller.ear);
    heard.check("the caller", PROMPT, Duration::ZERO)?;
    let missing = LENGTH.saturating_sub(heard.length());
    assert!(missing < Duration::from_millis(100), "he heard {:?}", heard.length());
    // Once, and a silence at its end; not faster than it is spoken.
    assert!(heard.length() < LENGTH + SECOND, "he heard {:?}", heard.length());
    let packets = scene.tap().select(|d| d.to == caller.ear);
    let span = packets.last().zip(packets.first()).map(|(last, first)| last.at - first.at);
    assert!(span.is_some_and(|span| span > LENGTH.mul_f64(0.9)), "it came within {span:?}");
    Ok(())
}

#[test]
fn who_calls_a_closed_practice_hears_its_text_whole_and_rings_nobody() -> Result<()> {
    let mut scene = Scene::open("closed", setup(CLOSED, LENGTH))?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Stay)?;
    caller.finish(SOON)?;

    check_whole(&scene, &caller)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("closed", "us"));
    assert!(records.offers_of(0)?.is_empty());
    Ok(())
}

#[test]
fn a_text_is_cut_when_the_caller_hangs_up() -> Result<()> {
    let mut scene = Scene::open("closed-cut", setup(CLOSED, 60 * SECOND))?;
    let mut caller = scene.call(Then::HangUpAfter(2 * SECOND))?;
    caller.finish(SOON)?;

    let end = scene.tap().elapsed();
    scene.wait_for_ports()?;
    scene.let_talk(SECOND);
    scene.tap().heard_at(caller.ear).check("the caller", PROMPT, Duration::ZERO)?;
    let after = scene.tap().heard_where(|d| d.to == caller.ear && d.at > end);
    assert!(after.length() < Duration::from_millis(100), "{:?} after the end", after.length());
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("closed", "caller"));
    Ok(())
}

#[test]
fn who_has_waited_too_long_hears_the_text_of_overflow() -> Result<()> {
    let plan = "plan = [{ queue = \"floor\", for = \"2 s\" }, { announce = \"text\" }]";
    let mut scene = Scene::open("overflow", setup(plan, LENGTH))?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?; // she lets it ring
    caller.finish(SOON)?;

    check_whole(&scene, &caller)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("announced", "us"));
    assert_eq!(records.offers_of(0)?, [("anna", "withdrawn")]);
    Ok(())
}

#[test]
fn where_nobody_is_logged_in_the_caller_hears_so_and_does_not_wait() -> Result<()> {
    let plan = "plan = [{ queue = \"floor\", for = \"60 s\", nobody = \"1 s\" }, \
                { announce = \"text\" }]";
    let mut scene = Scene::open("nobody", setup(plan, LENGTH))?;
    let mut caller = scene.call(Then::Stay)?;
    caller.finish(2 * SOON)?;

    check_whole(&scene, &caller)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("announced", "us"));
    assert!(records.offers_of(0)?.is_empty());
    Ok(())
}

#[test]
fn who_presses_the_key_of_a_closed_practices_text_is_urgent_and_talks_with_the_night_team()
-> Result<()> {
    let plan = "hours = \"Jan 01 00:00-00:01\"\nplan = [\"busy\"]\n\
                closed = [{ announce = \"text\", urgent_key = \"1\" }, { queue = \"floor\" }]";
    let mut scene = Scene::open("urgent-key", setup(plan, 60 * SECOND))?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::PressAfter(2 * SECOND))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    scene.let_ring(2 * SECOND);
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    let answered = scene.tap().elapsed();
    scene.let_talk(2 * SECOND);
    anna.hang_up()?;
    caller.finish(SOON)?;

    let infos = scene.tap().select(|d| d.start_line().is_some_and(|it| it.starts_with("INFO ")));
    let pressed = infos.first().expect("he pressed").at;
    let heard =
        |from, to| scene.tap().heard_where(|d| d.to == caller.ear && (from..to).contains(&d.at));
    heard(Duration::ZERO, pressed).check("the caller", PROMPT, Duration::ZERO)?;
    heard(pressed + SECOND / 2, Duration::MAX).check_without("the caller", PROMPT)?;
    heard(answered, Duration::MAX).check("the caller", anna.tone, SECOND / 2)?;
    let answers = scene.tap().select(|d| {
        d.status() == Some(200) && d.header("CSeq").is_some_and(|cseq| cseq.contains("INVITE"))
    });
    let answers = answers.iter().filter(|answer| answer.to.ip() == kit::TRUNK).count();
    assert_eq!(answers, 1, "his call was answered for the text, and stays so");
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    Ok(())
}
