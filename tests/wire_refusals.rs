//! What the server refuses, and that it goes on serving.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use kit::{
    PRACTICE, Phone, Plan, SERVER, STRANGER, Scene, Scratch, Setup, TRUNK, Tap, Then, Wish,
    caller_number, refused_config,
};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(2_500);
const SOON: Duration = Duration::from_secs(10);

/// A call from ringing to its end, as the proof that the server still serves.
fn converse(scene: &mut Scene, phone: &mut Phone) -> Result<()> {
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    phone.wait_for("CALL_INCOMING", SOON)?;
    phone.accept()?;
    phone.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;
    scene.check_voices(&caller, phone, 0)
}

/// Whether the server sent anything to this test's stranger.
fn is_answered(tap: &Tap) -> bool {
    !tap.select(|datagram| datagram.to.ip() == STRANGER && datagram.from == SERVER).is_empty()
}

#[test]
fn an_unknown_source_hears_nothing_and_is_counted() -> Result<()> {
    let mut scene = Scene::open("unknown-source", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new(PRACTICE, "+33699999999", Then::Ignored(2 * SECOND));
    scene.place(STRANGER, &plan)?.finish(SOON)?;

    assert!(!is_answered(scene.tap()), "{}", scene.tap().ladder());
    assert!(scene.server().status()?.ledger.strangers > 0);
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    scene.close()?;
    Ok(())
}

#[test]
fn an_unknown_number_is_404_and_recorded() -> Result<()> {
    let mut scene = Scene::open("unknown-number", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new("+33140999999", &caller_number(0), Then::Refused(404));
    scene.place(TRUNK, &plan)?.finish(SOON)?;

    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("unknown_number", "us"));
    assert_eq!(records.of(0)?.dialled.as_deref(), Some("+33140999999"));
    Ok(())
}

#[test]
fn a_caller_without_a_common_codec_is_488() -> Result<()> {
    let mut scene = Scene::open("no-codec", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new(PRACTICE, &caller_number(0), Then::Refused(488));
    scene.place(TRUNK, &plan.wishing(Wish::Audio(18, "G729/8000")))?.finish(SOON)?;

    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("no_codec", "us"));
    Ok(())
}

#[test]
fn a_caller_for_whom_there_are_no_ports_is_486_and_the_one_before_him_goes_on() -> Result<()> {
    let mut scene = Scene::open("no-ports", Setup { port_pairs: 2, ..Setup::default() })?;
    let mut anna = scene.phone("anna")?;
    let mut first = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    let mut second = scene.call(Then::Refused(486))?;
    second.finish(SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    first.finish(SOON)?;

    scene.check_voices(&first, &anna, 0)?;
    let refusal = scene.tap().select(|d| d.to.ip() == TRUNK && d.status() == Some(486));
    assert!(refusal[0].header("Reason").is_some_and(|reason| reason.contains("cause=17")));
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.end_of(1)?, ("full", "us"));
    Ok(())
}

#[test]
fn a_fax_is_488_and_recorded() -> Result<()> {
    let mut scene = Scene::open("fax", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new(PRACTICE, &caller_number(0), Then::Refused(488)).wishing(Wish::Fax);
    scene.place(TRUNK, &plan)?.finish(SOON)?;

    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("no_codec", "us"));
    Ok(())
}

#[test]
fn a_caller_with_video_too_is_served_by_voice_alone() -> Result<()> {
    let mut scene = Scene::open("video", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new(PRACTICE, &caller_number(0), Then::HangUpAfter(TALK));
    let mut caller = scene.place(TRUNK, &plan.wishing(Wish::Video))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let answers = scene.tap().select(|d| {
        d.to.ip() == TRUNK && d.status() == Some(200) && d.header("CSeq") == Some("1 INVITE")
    });
    let answer = String::from_utf8_lossy(&answers[0].payload);
    assert!(answer.contains("\r\nm=video 0 "), "refused in its place: {answer}"); // RFC 3264 §6
    let offers = scene.tap().select(|d| d.to == anna.address && d.is_first_invite());
    let offer = String::from_utf8_lossy(&offers[0].payload);
    assert!(!offer.contains("m=video"), "not shown to her: {offer}");
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    Ok(())
}

#[test]
fn a_caller_without_sdp_gets_our_offer_and_talks() -> Result<()> {
    let mut scene = Scene::open("late-offer", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new(PRACTICE, &caller_number(0), Then::HangUpAfter(TALK));
    let mut caller = scene.place(TRUNK, &plan.wishing(Wish::LateOffer))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    Ok(())
}

#[test]
fn a_caller_for_whom_the_queue_is_full_is_486_and_the_one_who_waits_is_served() -> Result<()> {
    one_call_fits("queue-full", Setup { waiting_max: 1, ..Setup::default() })
}

#[test]
fn a_caller_for_whom_the_table_is_full_is_486_and_the_one_who_waits_is_served() -> Result<()> {
    one_call_fits("table-full", Setup { calls_max: 1, ..Setup::default() })
}

/// The first caller waits, the second is refused; then the first is served, and a third.
fn one_call_fits(name: &str, setup: Setup) -> Result<()> {
    let mut scene = Scene::open(name, setup)?;
    let mut first = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    scene.call(Then::Refused(486))?.finish(SOON)?;
    let mut anna = scene.phone_on("anna")?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    first.finish(SOON)?;
    scene.check_voices(&first, &anna, 0)?;
    scene.wait_for_state("anna", "available")?;
    let mut third = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    third.finish(SOON)?;

    scene.check_voices(&third, &anna, 1)?;
    let refusal = scene.tap().select(|d| d.to.ip() == TRUNK && d.status() == Some(486));
    assert!(refusal[0].header("Reason").is_some_and(|reason| reason.contains("cause=17")));
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.end_of(1)?, ("full", "us"));
    assert_eq!(records.end_of(2)?, ("answered", "caller"));
    Ok(())
}

#[test]
fn a_wrong_password_is_401_again_and_never_registered() -> Result<()> {
    let mut scene = Scene::open("wrong-password", Setup::default())?;
    let wrong = scene.phone_with_password("anna", "guessed")?;
    let unknown = scene.phone_with_password("nobody", "guessed")?;
    for phone in [&wrong, &unknown] {
        kit::wait_until("the second 401", SOON, || {
            let refusals = scene.tap().select(|d| d.to == phone.address && d.status() == Some(401));
            Ok((refusals.len() >= 2).then_some(()))
        })?;
    }
    let accepted = scene.tap().select(|d| d.from == SERVER && d.status() == Some(200));
    assert!(accepted.is_empty(), "{}", scene.tap().ladder());
    assert!(scene.server().status()?.agents.iter().all(|agent| !agent.is_reachable));

    let mut caller = scene.call(Then::GiveUpAfter(SECOND))?;
    caller.finish(SOON)?;
    let records = scene.close()?;
    assert!(records.offers_of(0)?.is_empty());
    Ok(())
}

#[test]
fn garbage_is_counted_and_the_service_goes_on() -> Result<()> {
    let mut scene = Scene::open("garbage", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let long = [b'A'; 60_000];
    let garbage: [&[u8]; 9] = [
        b"\0",
        b"\xff\xfe\xfd\xfc",
        b"INVITE",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"SIP/2.0 999 \r\nVia: SIP/2.0/UDP 127.0.0.2\r\n\r\n",
        b"REGISTER sip:monoligne.test SIP/2.0\r\nVia: \r\nTo: <sip:\xff\r\n\r\n",
        &long,
    ];
    scene.throw(STRANGER, &garbage)?;
    scene.throw(TRUNK, &garbage)?;
    converse(&mut scene, &mut anna)?;

    let ledger = scene.server().status()?.ledger;
    let counted = ledger.malformed + ledger.strangers;
    assert!(counted >= 2 * garbage.len() as u64 - 2, "only {counted} counted: {ledger:?}");
    assert!(!is_answered(scene.tap()), "{}", scene.tap().ladder());
    scene.close()?;
    Ok(())
}

#[test]
fn a_wrong_configuration_is_refused_with_file_and_line() -> Result<()> {
    let scratch = Scratch::new("wrong-config")?;
    let config = Setup::default().write(scratch.path())?;
    let wrong = fs::read_to_string(&config)?.replace("label = ", "lable = ");
    fs::write(&config, &wrong)?;
    let line = 1 + wrong.lines().position(|line| line.starts_with("lable")).expect("it is there");
    let said = refused_config(&scratch, &config)?;
    assert!(said.contains(&format!("monoligne.toml:{line}:")), "{said}");
    assert!(said.contains("practices.martin.lable") && said.contains("label"), "{said}");
    scratch.remove()
}
