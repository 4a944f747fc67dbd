//! Conversations between a real trunk client and real softphones, judged by ear both ways, and the
//! records of each.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use kit::{
    Caller, Namespace, PRACTICE, Phone, Plan, SERVER, Scene, Scratch, Server, Setup, Softphone,
    TRUNK, Tap, Then, Tone, Transport, caller_number,
};

const SECOND: Duration = Duration::from_secs(1);
/// Long enough to be judged: the first second is not.
const TALK: Duration = Duration::from_secs(3);
/// For anything that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn two_conversations_at_once_do_not_mix_and_swapped_ears_are_noticed() -> Result<()> {
    let mut scene = Scene::open("swapped", Setup::default())?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    let mut first = scene.call(Then::Stay)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    let mut second = scene.call(Then::Stay)?;
    bea.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    bea.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    bea.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(TALK)?;
    anna.hang_up()?;
    bea.hang_up()?;
    first.finish(SOON)?;
    second.finish(SOON)?;

    scene.check_voices(&first, &anna, 0)?;
    scene.check_voices(&second, &bea, 0)?;
    // The control: the same check must fail for every wrong pair of ears.
    let (to_anna, to_bea) = (&anna.heard()?[0], &bea.heard()?[0]);
    assert!(to_anna.check("anna", second.tone, SECOND).is_err(), "anna hears the other caller");
    assert!(to_bea.check("bea", first.tone, SECOND).is_err(), "bea hears the other caller");
    let (to_first, to_second) = (scene.tap().heard_at(first.ear), scene.tap().heard_at(second.ear));
    assert!(to_first.check("he", bea.tone, SECOND).is_err(), "he hears the other secretary");
    assert!(to_second.check("he", anna.tone, SECOND).is_err(), "he hears the other secretary");
    assert!(to_first.check("he", first.tone, SECOND).is_err(), "he hears himself");
    assert!(scene.check_voices(&first, &bea, 0).is_err());
    assert!(scene.check_voices(&second, &anna, 0).is_err());
    scene.close()?;
    Ok(())
}

#[test]
fn a_trunk_over_tcp_talks_to_a_phone_over_tcp() -> Result<()> {
    let softphone = Softphone::BARESIP_TCP;
    let mut scene = Scene::open("tcp", Setup { softphone, ..Setup::default() })?;
    let mut anna = scene.phone("anna")?;
    let plan = Plan::new(PRACTICE, &caller_number(0), Then::Stay).over(Transport::Tcp);
    let mut caller = scene.place(TRUNK, &plan)?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(TALK)?;
    anna.hang_up()?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let by_udp = scene.tap().select(|d| d.transport == Transport::Udp && d.start_line().is_some());
    assert!(by_udp.is_empty(), "{}", scene.tap().ladder());
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    Ok(())
}

#[test]
fn the_sample_configuration_takes_a_call_as_the_readme_says() -> Result<()> {
    let network = Namespace::enter()?;
    let scratch = Scratch::new("sample")?;
    let config = scratch.path().join("config");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
    let copied = Command::new("cp").args(["-r", sample]).arg(&config).status()?;
    assert!(copied.success());
    let tap = Tap::open(&network)?;
    let server = Server::start(&scratch, &config, config.join("data/monoligne.sock"))?;

    let (desk, trunk) = ("127.0.0.1:5070".parse()?, "127.0.0.1:5080".parse()?);
    let mut alice = Phone::start(
        &scratch,
        Softphone::BARESIP_UDP,
        desk,
        SERVER,
        "101",
        "secret-101",
        Tone(900),
    )?;
    alice.wait_for("REGISTER_OK", SOON)?;
    let plan = Plan::new("0199001234", "0612345678", Then::HangUpAfter(TALK));
    let mut caller = Caller::place(&scratch, trunk, SERVER, Tone(400), &plan)?;
    assert_eq!(alice.wait_for("CALL_INCOMING", SOON)?.name, "Dr Martin · 06 12 34 56 78");
    alice.accept()?;
    alice.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    alice.heard()?[0].check("alice", caller.tone, SECOND)?;
    tap.heard_at(caller.ear).check("the caller", alice.tone, SECOND)?;
    server.stop()?;
    scratch.remove()
}

#[test]
fn a_call_forwarded_to_a_shared_number_rings_for_its_practice_and_another_as_unidentified()
-> Result<()> {
    const SHARED: &str = "+33140000099";
    let unidentified = format!(
        "[unidentified]\n\
         name = \"Calls without a practice\"\n\
         label = \"Which practice?\"\n\
         numbers = [\"{SHARED}\"]\n\
         plan = [{{ queue = \"floor\" }}]\n"
    );
    let setup = Setup { agents: vec!["anna"], more: unidentified, ..Setup::default() };
    let mut scene = Scene::open("shared", setup)?;
    let mut anna = scene.phone("anna")?;
    let plan = |caller| Plan::new(SHARED, &caller_number(caller), Then::HangUpAfter(TALK));
    let plans = [plan(0).forwarded_from(PRACTICE), plan(1)];
    let mut shown = Vec::new();
    for plan in &plans {
        let mut caller = scene.place(TRUNK, plan)?;
        shown.push(anna.wait_for("CALL_INCOMING", SOON)?.name);
        anna.accept()?;
        anna.wait_for("CALL_CLOSED", SOON)?;
        caller.finish(SOON)?;
        scene.wait_for_state("anna", "available")?;
    }
    assert!(!shown[0].starts_with("Which practice?"), "{shown:?}");
    assert!(shown[1].starts_with("Which practice?"), "{shown:?}");
    let records = scene.close()?;
    let practice = |caller| records.of(caller).map(|row| row.practice.clone());
    assert_ne!(practice(0)?.as_deref(), Some("Calls without a practice"));
    assert_eq!(practice(1)?.as_deref(), Some("Calls without a practice"));
    Ok(())
}
