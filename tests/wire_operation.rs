//! What an operator does to a running server: another configuration, right or wrong, and a restart.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use kit::{Plan, Scene, Setup, TRUNK, Then, caller_number};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(2_500);
const SOON: Duration = Duration::from_secs(10);

/// A practice that is not there at the start.
const DURAND: &str = "+33140000002";

fn with_durand() -> Setup {
    let more = format!(
        "[practices.durand]\n\
         name = \"Cabinet Durand\"\n\
         label = \"Dr Durand\"\n\
         numbers = [\"{DURAND}\"]\n\
         answer_within = \"20 s\"\n\
         plan = [{{ queue = \"floor\" }}]\n"
    );
    Setup { more, ..Setup::default() }
}

#[test]
fn a_call_survives_a_reload_and_a_new_practices_number_works_at_once() -> Result<()> {
    let mut scene = Scene::open("reload", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    let mut first = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(SECOND)?;

    assert!(scene.reload(&with_durand())?);
    let plan = Plan::new(DURAND, &caller_number(1), Then::HangUpAfter(TALK));
    let mut second = scene.place(TRUNK, &plan)?;
    let ringing = bea.wait_for("CALL_INCOMING", SOON)?;
    assert_eq!(ringing.name, "Dr Durand · 06 12 34 56 01");
    bea.accept()?;
    bea.wait_for("CALL_CLOSED", SOON)?;
    second.finish(SOON)?;
    anna.listen_for(SECOND)?;
    anna.hang_up()?;
    first.finish(SOON)?;

    scene.check_voices(&first, &anna, 0)?;
    scene.check_voices(&second, &bea, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    assert_eq!(records.end_of(1)?, ("answered", "caller"));
    assert_eq!(records.of(1)?.practice.as_deref(), Some("Cabinet Durand"));
    Ok(())
}

#[test]
fn a_wrong_configuration_is_refused_whole_and_no_call_hears_of_it() -> Result<()> {
    let mut scene = Scene::open("reload-wrong", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut first = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(SECOND)?;

    let mut wrong = with_durand();
    wrong.more.push_str("lable = \"Dr Durand\"\n");
    assert!(!scene.reload(&wrong)?);
    let plan = Plan::new(DURAND, &caller_number(1), Then::Refused(404));
    scene.place(TRUNK, &plan)?.finish(SOON)?;
    anna.listen_for(TALK)?;
    anna.hang_up()?;
    first.finish(SOON)?;
    scene.check_voices(&first, &anna, 0)?;
    scene.wait_for_state("anna", "available")?;

    let log = scene.server().log()?;
    assert!(log.contains("practices.durand.lable"), "{log}");
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    assert_eq!(records.end_of(1)?, ("unknown_number", "us"));
    Ok(())
}

#[test]
fn a_reload_touches_neither_who_talks_nor_who_waits_and_says_what_changed_or_is_wrong() -> Result<()>
{
    let mut scene = Scene::open("reload-waiting", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut first = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    let mut second = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    anna.listen_for(SECOND)?;
    let (before, from) = (standing(&scene)?, scene.tap().elapsed());

    let mut wrong = with_durand();
    wrong.more.push_str("lable = \"Dr Durand\"\n");
    let file = wrong.write(scene.scratch().path())?;
    let refused = scene.server().order(&["reload"]).expect_err("it is wrong").to_string();
    let text = fs::read_to_string(file)?;
    let line = 1 + text.lines().position(|line| line.starts_with("lable")).expect("it is there");
    let mistake = format!("monoligne.toml:{line}: practices.durand.lable = \"Dr Durand\"");
    assert!(refused.contains(&mistake), "{refused}");
    assert_eq!(scene.server().status()?.practices.len(), 1, "nothing of it counts");
    assert!(scene.reload(&with_durand())?);
    assert_eq!(scene.server().status()?.practices.len(), 2);
    for told in [mistake.as_str(), "the running configuration stays", "+ practice Cabinet Durand"] {
        kit::wait_until(&format!("{told:?} in the log"), SOON, || {
            Ok(scene.server().log()?.contains(told).then_some(()))
        })?;
    }

    assert_eq!(standing(&scene)?, before);
    anna.listen_for(SECOND)?;
    let heard = scene
        .tap()
        .select(|d| d.at > from && d.header("CSeq").is_some_and(|cseq| !cseq.ends_with("OPTIONS")));
    assert!(heard.is_empty(), "{}", scene.tap().ladder());
    anna.hang_up()?;
    first.finish(SOON)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    second.finish(SOON)?;
    scene.check_voices(&first, &anna, 0)?;
    scene.check_voices(&second, &anna, 1)?;
    scene.close()?;
    Ok(())
}

/// Each call that is up with its stage and its secretary, and who waits at which place.
fn standing(scene: &Scene) -> Result<Vec<String>> {
    let status = scene.server().status()?;
    let calls = status.calls.iter().map(|it| format!("{} {} {:?}", it.call, it.stage, it.agent));
    let queue = status.queue.iter().map(|it| format!("{} {} {}", it.call, it.place, it.step));
    Ok(calls.chain(queue).collect())
}

#[test]
fn a_restart_keeps_registrations_and_pauses() -> Result<()> {
    let mut scene = Scene::open("restart", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    anna.dial("*31")?;
    scene.wait_for_state("anna", "paused")?;
    anna.wait_for("CALL_CLOSED", SOON)?;

    scene.restart()?;
    let restarted = scene.tap().elapsed();
    scene.wait_for_state("anna", "paused")?;
    scene.wait_for_state("bea", "available")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    bea.wait_for("CALL_INCOMING", SOON)?;
    bea.accept()?;
    bea.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &bea, 0)?;
    let registers = scene.tap().select(|d| {
        d.at > restarted && d.header("CSeq").is_some_and(|cseq| cseq.ends_with("REGISTER"))
    });
    assert!(registers.is_empty(), "{}", scene.tap().ladder());
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let records = scene.close()?;
    assert_eq!(records.offers_of(0)?, [("bea", "served")]);
    Ok(())
}
