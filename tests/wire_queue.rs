//! Who is rung for whom among several: phones that ring together, the order of those who wait, and
//! the time after a call.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use kit::{Phone, Plan, SERVER, Scene, Setup, Softphone, TRUNK, Then, caller_number};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(3_500);
const SOON: Duration = Duration::from_secs(10);
/// A second practice's number.
const DURAND: &str = "+33140000002";

/// Answers what rings and hears it out; who was shown.
fn takes(phone: &mut Phone) -> Result<String> {
    let shown = phone.wait_for("CALL_INCOMING", SOON)?.name;
    phone.accept()?;
    phone.wait_for("CALL_CLOSED", SOON)?;
    Ok(shown)
}

#[test]
fn of_two_phones_that_ring_one_has_the_caller_and_the_other_shows_no_missed_call() -> Result<()> {
    let team = "ring = 2".to_owned();
    let mut scene = Scene::open("ring-two", Setup { team, ..Setup::default() })?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.other_phone_on(Softphone::LINPHONEC_UDP, "bea")?;
    scene.wait_for_state("bea", "available")?;
    // She can tell the two apart: this one was missed.
    let mut gives_up = scene.call(Then::GiveUpAfter(SECOND))?;
    for phone in [&mut anna, &mut bea] {
        phone.wait_for("CALL_INCOMING", SOON)?;
        phone.wait_for("CALL_CLOSED", SOON)?;
    }
    gives_up.finish(SOON)?;
    assert_eq!(bea.last_in_list()?, "missed");
    scene.wait_for_state("anna", "available")?;
    scene.wait_for_state("bea", "available")?;

    let begun = scene.tap().elapsed();
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    bea.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    bea.wait_for("CALL_CLOSED", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;
    assert_eq!(bea.last_in_list()?, "answered elsewhere");
    scene.check_voices(&caller, &anna, 0)?;

    let sent = |to: &Phone, method: &str| {
        let is_it = |line: &str| line.starts_with(&format!("{method} "));
        scene.tap().select(|d| {
            d.at > begun
                && d.to == to.address
                && d.from == SERVER
                && d.start_line().is_some_and(is_it)
        })
    };
    let cancels = sent(&bea, "CANCEL");
    let reason = cancels.first().and_then(|cancel| cancel.header("Reason")).unwrap_or_default();
    assert!(reason.starts_with("SIP;cause=200"), "{reason:?}"); // RFC 3326
    assert!(sent(&anna, "CANCEL").is_empty());
    let answers = scene.tap().select(|d| {
        d.to.ip() == TRUNK
            && d.status() == Some(200)
            && d.header("CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"))
    });
    let tags: BTreeSet<_> = answers.iter().filter_map(|answer| answer.header("To")).collect();
    assert_eq!(tags.len(), 1, "he is answered once");
    scene.wait_for_ports()?;
    let records = scene.close()?;
    let mut offers = records.offers_of(1)?;
    offers.sort_unstable();
    assert_eq!(offers, [("anna", "served"), ("bea", "withdrawn")]);
    Ok(())
}

#[test]
fn a_caller_who_has_waited_long_goes_before_one_of_a_higher_class_who_has_not() -> Result<()> {
    let mut setup = Setup { team: "ageing = \"2 s\"".to_owned(), ..Setup::default() };
    setup.more = format!(
        "[[practices.martin.callers]]\nname = \"colleagues\"\nnumbers = [{:?}]\n\
         urgency = \"priority\"\n",
        caller_number(1),
    );
    let mut scene = Scene::open("ageing", setup)?;
    let mut usual = scene.call(Then::HangUpAfter(SECOND))?;
    scene.wait_for_stage("waiting", 1)?;
    assert_eq!(scene.server().status()?.queue[0].urgency, "normal");
    kit::wait_until("him to rise", SOON, || {
        Ok((scene.server().status()?.queue[0].urgency == "priority").then_some(()))
    })?;
    let mut colleague = scene.call(Then::HangUpAfter(SECOND))?;
    scene.wait_for_stage("waiting", 2)?;
    let mut anna = scene.phone_on("anna")?;
    assert_eq!(takes(&mut anna)?, "Dr Martin · 06 12 34 56 00");
    usual.finish(SOON)?;
    assert_eq!(takes(&mut anna)?, "Dr Martin · 06 12 34 56 01");
    colleague.finish(SOON)?;
    scene.close()?;
    Ok(())
}

#[test]
fn the_practice_that_pays_for_less_waiting_is_served_first_though_its_caller_came_later()
-> Result<()> {
    let more = format!(
        "[practices.durand]\nname = \"Cabinet Durand\"\nlabel = \"Dr Durand\"\n\
         numbers = [\"{DURAND}\"]\nanswer_within = \"5 s\"\nplan = [{{ queue = \"floor\" }}]\n"
    );
    let setup = Setup { more, ..Setup::default() }; // Dr Martin's callers: within 20 s
    let mut scene = Scene::open("promises", setup)?;
    let mut first = scene.call(Then::HangUpAfter(SECOND))?;
    scene.wait_for_stage("waiting", 1)?;
    let plan = Plan::new(DURAND, &caller_number(1), Then::HangUpAfter(SECOND));
    let mut second = scene.place(TRUNK, &plan)?;
    scene.wait_for_stage("waiting", 2)?;
    let mut anna = scene.phone_on("anna")?;
    assert_eq!(takes(&mut anna)?, "Dr Durand · 06 12 34 56 01");
    second.finish(SOON)?;
    assert_eq!(takes(&mut anna)?, "Dr Martin · 06 12 34 56 00");
    first.finish(SOON)?;
    scene.close()?;
    Ok(())
}

#[test]
fn a_prolonged_wrap_up_keeps_callers_away_until_it_is_over_or_she_dials_32() -> Result<()> {
    let wrap_up = 3 * SECOND;
    let mut scene = Scene::open("prolong", Setup { wrap_up, ..Setup::default() })?;
    let mut anna = scene.phone("anna")?;
    let mut first = scene.call(Then::HangUpAfter(SECOND))?;
    takes(&mut anna)?;
    first.finish(SOON)?;
    let prolonged = |scene: &Scene, by: &str| {
        scene.wait_for_state("anna", "wrap-up")?;
        scene.server().order(&["agent", "anna", "prolong", by])
    };
    let told = prolonged(&scene, "60 s")?;
    assert!(told.contains("wrap-up"), "{told}");
    let mut second = scene.call(Then::HangUpAfter(SECOND))?;
    scene.let_ring(wrap_up + SECOND);
    scene.wait_for_state("anna", "wrap-up")?;
    assert_eq!(anna.count("CALL_INCOMING")?, 1, "hers was over a second ago, but for the order");
    anna.dial("*32")?;
    takes(&mut anna)?;
    second.finish(SOON)?;

    prolonged(&scene, "2 s")?;
    let mut third = scene.call(Then::HangUpAfter(SECOND))?;
    takes(&mut anna)?;
    third.finish(SOON)?;
    let rung = scene.tap().select(|d| d.to == anna.address && d.is_first_invite());
    let rung = rung.last().expect("she was rung").at;
    let byes = scene.tap().select(|d| {
        let is_his = d.from.ip() == TRUNK && d.at < rung;
        is_his && d.start_line().is_some_and(|line| line.starts_with("BYE "))
    });
    let waited = rung - byes.last().expect("the second one hung up").at;
    assert!(waited > wrap_up + SECOND, "{waited:?}");
    scene.close()?;
    Ok(())
}
