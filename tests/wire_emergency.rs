//! Emergency numbers that secretaries dial: the centre of their own site, by its trunk, with its number; and
//! what they hear where it cannot be reached. The centre is `sipp` on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kit::{CENTRE, Centre, Phone, Reached, Scene, Setup, Softphone, Then, Tone};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(3_500);
const SOON: Duration = Duration::from_secs(10);
const TEXT: Tone = Tone(620);
const LENGTH: Duration = Duration::from_secs(3);
const METRICS: &str = "127.0.0.1:9464";
/// The number of the site, at the operator.
const SITE: &str = "+33140000099";

fn setup(softphone: Softphone) -> Setup {
    let more = format!(
        "[trunks.operator.outbound]\nto = \"{CENTRE}\"\n\
         [sites.paris]\ntrunk = \"operator\"\nnumber = \"{SITE}\"\n\
         [metrics]\nlisten = \"{METRICS}\"\n"
    );
    let prompts = vec![("emergency", TEXT, LENGTH)];
    Setup { softphone, agent: "site = \"paris\"".to_owned(), prompts, more, ..Setup::default() }
}

#[test]
fn a_secretary_who_dials_15_on_baresip_talks_with_the_centre_of_her_site() -> Result<()> {
    reaches_the_centre("emergency-baresip", Softphone::BARESIP_UDP)
}

#[test]
fn a_secretary_who_dials_15_on_pjsua2_talks_with_the_centre_of_her_site() -> Result<()> {
    reaches_the_centre("emergency-pjsua2", Softphone::PJSUA2_UDP)
}

fn reaches_the_centre(name: &str, softphone: Softphone) -> Result<()> {
    let mut scene = Scene::open(name, setup(softphone))?;
    let mut anna = scene.phone("anna")?;
    let mut centre = scene.centre(Reached::Answers)?;
    anna.dial("15")?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    let told = scene.server().tell("agents")?.to_string();
    assert!(told.contains("\"emergency\":\"15\""), "{told}");
    let mut caller = scene.call(Then::GiveUpAfter(TALK))?;
    caller.finish(SOON)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0, "nobody is offered to her meanwhile");
    anna.hang_up()?;
    centre.finish(SOON)?;

    check_voices(&scene, &centre, &anna, 0)?;
    check_presented(&scene)?;
    scene.wait_for_ports()?;
    assert!(figure("answered")? == 1 && figure("unreachable")? == 0);
    let records = scene.close()?;
    assert_eq!(records.calls.len(), 1, "it is no call of the records: {records:?}");
    Ok(())
}

fn check_voices(scene: &Scene, centre: &Centre, anna: &Phone, nth: usize) -> Result<()> {
    let skip = anna.softphone.settles_in();
    let heard = anna.heard()?;
    let hers = heard.get(nth).with_context(|| format!("she had {} talks", heard.len()))?;
    hers.check("anna", centre.tone, skip)?;
    scene.tap().heard_at(centre.ear).check("the centre", anna.tone, skip)
}

/// The short code as it is, the site's number, nothing hidden.
fn check_presented(scene: &Scene) -> Result<()> {
    let invites = scene.tap().select(|d| d.to == CENTRE && d.is_first_invite());
    let invite = invites.first().context("nothing reached the centre")?;
    let line = invite.start_line().unwrap_or_default();
    assert!(line.starts_with("INVITE sip:15@"), "{line}");
    for name in ["From", "P-Asserted-Identity"] {
        let value = invite.header(name).unwrap_or_default();
        assert!(value.contains(SITE), "{name}: {value}");
    }
    for name in ["Privacy", "Diversion"] {
        assert_eq!(invite.header(name), None);
    }
    Ok(())
}

#[test]
fn on_a_call_she_dials_15_beside_it_and_goes_back_to_her_patient() -> Result<()> {
    let mut scene = Scene::open("emergency-beside", setup(Softphone::PJSUA2_UDP))?;
    let mut anna = scene.phone("anna")?;
    let mut centre = scene.centre(Reached::Answers)?;
    let mut patient = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    scene.hold(&mut anna)?;
    anna.dial("15")?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    scene.let_talk(TALK);
    anna.hang_up()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    centre.finish(SOON)?;
    scene.tap().heard_at(centre.ear).check("the centre", anna.tone, 2 * SECOND)?;

    assert!(patient.is_on()?, "he was held meanwhile");
    scene.resume(&mut anna)?;
    scene.let_talk(SECOND);
    anna.hang_up()?;
    patient.finish(SOON)?;
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    Ok(())
}

#[test]
fn at_a_site_without_a_trunk_she_hears_the_text_and_an_alarm_is_raised() -> Result<()> {
    let mut setup = setup(Softphone::BARESIP_UDP);
    setup.agent = "site = \"abroad\"".to_owned();
    setup.more = format!("[metrics]\nlisten = \"{METRICS}\"\n");
    let scene = Scene::open("emergency-abroad", setup)?;
    fails(scene, "no_site")
}

#[test]
fn where_the_operator_fails_she_hears_the_text_and_an_alarm_is_raised() -> Result<()> {
    let scene = Scene::open("emergency-fails", setup(Softphone::BARESIP_UDP))?;
    let mut operator = scene.centre(Reached::Refuses(503))?;
    fails(scene, "unreachable")?;
    operator.finish(SOON)
}

fn fails(mut scene: Scene, why: &str) -> Result<()> {
    let mut anna = scene.phone("anna")?;
    anna.dial("112")?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?; // we hang up after the last word
    let heard = anna.heard()?;
    heard[0].check("anna", TEXT, SECOND)?;
    assert!(heard[0].length() > LENGTH.mul_f64(0.9), "whole: {:?}", heard[0].length());
    scene.wait_for_ports()?;
    assert_eq!(figure(why)?, 1);
    scene.close_after_alarm(&format!("why=\"{why}\""))?;
    Ok(())
}

/// `monoligne_emergency_calls_total` of this outcome.
fn figure(outcome: &str) -> Result<u64> {
    let mut stream = TcpStream::connect(METRICS)?;
    let host = "Host: monoligne.test\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("GET /metrics HTTP/1.1\r\n{host}").as_bytes())?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    let name = format!("monoligne_emergency_calls_total{{outcome=\"{outcome}\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&name));
    Ok(value.with_context(|| format!("no {name} in\n{page}"))?.parse()?)
}
