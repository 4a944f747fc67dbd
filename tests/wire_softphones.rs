//! What every softphone must be able to live through, whatever its stack and its transport: the same
//! cases with baresip and pjsua2 over UDP and TCP, and with linphonec over TCP.

use std::time::Duration;

use anyhow::Result;
use kit::{Scene, Setup, Softphone, Then};

const SECOND: Duration = Duration::from_secs(1);
/// Long enough to be judged once every jitter buffer has settled.
const TALK: Duration = Duration::from_millis(3_500);
/// For anything that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// Makes a test of each case for each softphone.
macro_rules! with_each_softphone {
    ($($case:ident)*) => {
        with_each_softphone! { @of baresip_udp BARESIP_UDP $($case)* }
        with_each_softphone! { @of baresip_tcp BARESIP_TCP $($case)* }
        with_each_softphone! { @of pjsua2_udp PJSUA2_UDP $($case)* }
        with_each_softphone! { @of pjsua2_tcp PJSUA2_TCP $($case)* }
        with_each_softphone! { @of linphonec_tcp LINPHONEC_TCP $($case)* }
    };
    (@of $module:ident $softphone:ident $($case:ident)*) => {
        mod $module {
            use anyhow::Result;
            use kit::Softphone;

            $(
                #[test]
                fn $case() -> Result<()> {
                    super::$case(stringify!($module), Softphone::$softphone)
                }
            )*
        }
    };
}

with_each_softphone! {
    the_secretary_hangs_up
    the_caller_hangs_up
    a_caller_waits_ringing_and_is_then_served
    two_callers_and_one_secretary_are_served_strictly_one_at_a_time
    a_caller_whom_one_secretary_declines_goes_to_the_other_and_hears_nothing_of_it
    a_caller_whose_secretary_lets_it_ring_goes_to_the_other
    a_caller_who_gives_up_stops_her_phone_and_she_may_be_offered_the_next
}

fn the_secretary_hangs_up(name: &str, softphone: Softphone) -> Result<()> {
    let mut scene = open(name, softphone)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Stay)?;

    let ringing = anna.wait_for("CALL_INCOMING", SOON)?;
    assert_eq!(ringing.name, "Dr Martin · 06 12 34 56 00", "the practice first");
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(TALK)?;
    anna.hang_up()?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "agent"));
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    let call = records.of(0)?;
    let talk = call.talk_ms.unwrap_or_default();
    assert!((2_500..5_000).contains(&talk), "talked for {talk} ms");
    assert_eq!((call.status, call.practice.as_deref()), (200, Some("Cabinet Martin")));
    Ok(())
}

fn the_caller_hangs_up(name: &str, softphone: Softphone) -> Result<()> {
    let mut scene = open(name, softphone)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;

    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    Ok(())
}

fn a_caller_waits_ringing_and_is_then_served(name: &str, softphone: Softphone) -> Result<()> {
    let mut scene = open(name, softphone)?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    assert!(caller.is_on()?, "he hears ringing and waits");

    let mut anna = scene.phone_on("anna")?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    Ok(())
}

fn two_callers_and_one_secretary_are_served_strictly_one_at_a_time(
    name: &str,
    softphone: Softphone,
) -> Result<()> {
    let mut scene = open(name, softphone)?;
    let mut anna = scene.phone("anna")?;
    let mut first = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    let mut second = scene.call(Then::Stay)?;
    scene.wait_for_stage("waiting", 1)?;

    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    first.finish(SOON)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 1, "her phone rang during a conversation");
    assert!(second.is_on()?, "the second caller still waits");

    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_ESTABLISHED", SOON)?;
    anna.listen_for(TALK)?;
    anna.hang_up()?;
    second.finish(SOON)?;

    scene.check_voices(&first, &anna, 0)?;
    scene.check_voices(&second, &anna, 1)?;
    let records = scene.close()?; // its witness counts the calls at her phone, too
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.end_of(1)?, ("answered", "agent"));
    let (one, two) = (records.of(0)?, records.of(1)?);
    assert!(two.answered_ms > Some(one.ended_ms), "the second was answered after the first ended");
    Ok(())
}

fn a_caller_whom_one_secretary_declines_goes_to_the_other_and_hears_nothing_of_it(
    name: &str,
    softphone: Softphone,
) -> Result<()> {
    let mut scene = open(name, softphone)?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.hang_up()?;
    bea.wait_for("CALL_INCOMING", SOON)?;
    bea.accept()?;
    bea.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &bea, 0)?;
    assert!(anna.heard()?.is_empty());
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.offers_of(0)?, [("anna", softphone.decline_outcome()), ("bea", "served")]);
    Ok(())
}

fn a_caller_whose_secretary_lets_it_ring_goes_to_the_other(
    name: &str,
    softphone: Softphone,
) -> Result<()> {
    let setup = Setup { ring_for: 2 * SECOND, softphone, ..Setup::default() };
    let mut scene = Scene::open(name, setup)?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    bea.wait_for("CALL_INCOMING", SOON)?;
    bea.accept()?;
    bea.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &bea, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.offers_of(0)?, [("anna", "no_answer"), ("bea", "served")]);
    Ok(())
}

fn a_caller_who_gives_up_stops_her_phone_and_she_may_be_offered_the_next(
    name: &str,
    softphone: Softphone,
) -> Result<()> {
    let mut scene = open(name, softphone)?;
    let mut anna = scene.phone("anna")?;
    let mut impatient = scene.call(Then::GiveUpAfter(2 * SECOND))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    impatient.finish(SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?;

    let mut next = scene.call(Then::HangUpAfter(TALK))?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    next.finish(SOON)?;

    scene.check_voices(&next, &anna, 0)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("abandoned", "caller"));
    assert_eq!(records.offers_of(0)?, [("anna", "withdrawn")]);
    assert_eq!(records.end_of(1)?, ("answered", "caller"));
    Ok(())
}

fn open(name: &str, softphone: Softphone) -> Result<Scene> {
    Scene::open(name, Setup { softphone, ..Setup::default() })
}
