//! What a practice's plan does with real phones: its own reception first, circles that widen, who is
//! offered before whom, numbers outside, lists of callers, orders of operators, and the time that an
//! operator gives.

use std::time::Duration;

use anyhow::{Context as _, Result};
use kit::{Caller, Delivery, Phone, Plan, Scene, Setup, Softphone, Then, Tone, caller_number};

const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_millis(3_500);
const SOON: Duration = Duration::from_secs(10);
const PROMPT: Tone = Tone(620);
const LENGTH: Duration = Duration::from_secs(3);
/// Of the practice too: who dials it is urgent.
const URGENT: &str = "+33140000009";
/// A doctor's mobile, outside.
const MOBILE: &str = "+33612345678";
/// Where the operator takes our calls, so that the mobile rings there. A phone of the tests.
const OUTSIDE: &str = "[trunks.operator.outbound]\nto = \"127.0.0.1:5070\"";

fn plan(steps: &str) -> Setup {
    Setup { plan: format!("plan = [{steps}]"), ..Setup::default() }
}

fn with_text(setup: Setup) -> Setup {
    Setup { prompts: vec![("text", PROMPT, LENGTH)], ..setup }
}

/// He heard the text, and nothing else.
fn check_text(scene: &Scene, caller: &Caller) -> Result<()> {
    scene.tap().heard_at(caller.ear).check("the caller", PROMPT, Duration::ZERO)
}

/// Closed but for a minute a year: hours that never open are refused.
const CLOSED: &str = "hours = \"Jan 01 00:00-00:01\"";

/// A team whose only secretary has no phone on.
const AWAY: &str = "\n[teams.away]\n[agents.clara]\nteams = [\"away\"]\n\
                    ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n";

/// A second practice with this plan, and the team that is away.
fn with_durand(mut setup: Setup, steps: &str) -> Setup {
    setup.more.push_str(&format!(
        "\n[practices.durand]\nname = \"Cabinet Durand\"\nlabel = \"Dr Durand\"\n\
         numbers = [\"+33140000002\"]\nanswer_within = \"20 s\"\nplan = [{steps}]\n{AWAY}"
    ));
    setup
}

/// A 200 to an INVITE.
fn is_answer(delivery: &Delivery) -> bool {
    delivery.status() == Some(200)
        && delivery.header("CSeq").is_some_and(|cseq| cseq.contains("INVITE"))
}

/// Answers what rings and hears it out; who was shown.
fn takes(phone: &mut Phone) -> Result<String> {
    let shown = phone.wait_for("CALL_INCOMING", SOON)?.name;
    phone.accept()?;
    phone.wait_for("CALL_CLOSED", SOON)?;
    Ok(shown)
}

#[test]
fn the_practices_reception_rings_first_and_the_secretaries_take_the_overflow() -> Result<()> {
    let steps = "{ ring = \"desk\", for = \"2 s\" }, { queue = \"floor\" }";
    let setup = Setup { receptions: vec!["desk"], ..plan(steps) };
    let mut scene = Scene::open("reception", setup)?;
    let mut desk = scene.phone_on("desk")?;
    desk.wait_for("REGISTER_OK", SOON)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    desk.wait_for("CALL_INCOMING", SOON)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0, "the reception is asked first");
    desk.wait_for("CALL_CLOSED", SOON)?; // it lets it ring
    takes(&mut anna)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &anna, 0)?;
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.forwards_of(0)?, [("phone", "no_answer")]);
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    Ok(())
}

#[test]
fn who_is_taken_at_the_reception_talks_with_it_and_no_secretary_is_rung() -> Result<()> {
    let steps = "{ ring = \"desk\", for = \"20 s\" }, { queue = \"floor\" }";
    let setup = Setup { receptions: vec!["desk"], ..plan(steps) };
    let mut scene = Scene::open("reception-takes", setup)?;
    let mut desk = scene.phone_on("desk")?;
    desk.wait_for("REGISTER_OK", SOON)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    takes(&mut desk)?;
    caller.finish(SOON)?;

    scene.check_voices(&caller, &desk, 0)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("forwarded", "caller"));
    Ok(())
}

#[test]
fn a_reception_that_declines_is_passed_over_at_once() -> Result<()> {
    let steps = "{ ring = \"desk\", for = \"60 s\" }, { queue = \"floor\" }";
    let setup = Setup { receptions: vec!["desk"], ..plan(steps) };
    let mut scene = Scene::open("reception-busy", setup)?;
    let mut desk = scene.phone_on("desk")?;
    desk.wait_for("REGISTER_OK", SOON)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    desk.wait_for("CALL_INCOMING", SOON)?;
    desk.hang_up()?;
    takes(&mut anna)?;
    caller.finish(SOON)?;
    let records = scene.close()?;
    assert_eq!(records.offers_of(0)?, [("anna", "served")]);
    Ok(())
}

#[test]
fn an_urgent_caller_overtakes_who_waits() -> Result<()> {
    let mut setup = plan("{ queue = \"floor\" }");
    setup.plan.push_str(&format!("\nurgent_numbers = [\"{URGENT}\"]"));
    let mut scene = Scene::open("urgent", setup)?;
    let mut usual = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    let urgent = Plan::new(URGENT, &caller_number(1), Then::HangUpAfter(TALK));
    let mut urgent = scene.place(kit::TRUNK, &urgent)?;
    scene.wait_for_stage("waiting", 2)?;
    let mut anna = scene.phone_on("anna")?;
    takes(&mut anna)?;
    urgent.finish(SOON)?;
    takes(&mut anna)?;
    usual.finish(SOON)?;

    scene.check_voices(&urgent, &anna, 0)?;
    scene.check_voices(&usual, &anna, 1)?;
    scene.close()?;
    Ok(())
}

#[test]
fn a_caller_rings_first_at_who_spoke_with_him_last() -> Result<()> {
    let mut setup = plan("{ queue = \"floor\" }");
    setup.plan.push_str("\naffinity = \"1 h\"");
    let mut scene = Scene::open("affinity", setup)?;
    let mut anna = scene.phone("anna")?;
    let his = caller_number(7);
    let call = || Plan::new(kit::PRACTICE, &his, Then::HangUpAfter(TALK));
    let mut first = scene.place(kit::TRUNK, &call())?;
    takes(&mut anna)?;
    first.finish(SOON)?;
    let mut bea = scene.phone("bea")?;
    scene.wait_for_state("anna", "available")?;
    // Bea came after Anna's wrap-up began; somebody else makes Anna the one who has rested less.
    let mut second = scene.place(kit::TRUNK, &call())?;
    takes(&mut anna)?;
    second.finish(SOON)?;
    scene.wait_for_state("anna", "available")?;
    let mut third = scene.place(kit::TRUNK, &call())?;
    takes(&mut anna)?;
    third.finish(SOON)?;
    assert_eq!(bea.count("CALL_INCOMING")?, 0, "she has been idle for longer");
    let stranger = Plan::new(kit::PRACTICE, &caller_number(8), Then::HangUpAfter(TALK));
    scene.wait_for_state("anna", "available")?;
    let mut stranger = scene.place(kit::TRUNK, &stranger)?;
    takes(&mut bea)?;
    stranger.finish(SOON)?;
    scene.close()?;
    Ok(())
}

#[test]
fn others_are_rung_only_when_the_practices_own_secretary_has_not_come_in_time() -> Result<()> {
    let mut setup = plan("{ queue = \"floor\" }");
    setup.plan.push_str("\nown = [\"bea\"]");
    setup.team = "widen = [{ to = \"own\" }, { to = \"everyone\", after = \"3 s\" }]".to_owned();
    let mut scene = Scene::open("widening", setup)?;
    let mut anna = scene.phone("anna")?;
    let mut bea = scene.phone("bea")?;
    bea.dial("*31")?;
    scene.wait_for_state("bea", "paused")?;
    bea.wait_for("CALL_CLOSED", SOON)?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    scene.let_ring(SECOND);
    assert_eq!(anna.count("CALL_INCOMING")?, 0, "she is not the practice's own, who pauses");
    takes(&mut anna)?;
    caller.finish(SOON)?;
    let calls = scene.tap().select(|d| d.from.ip() == kit::TRUNK && d.is_first_invite());
    let answers = scene.tap().select(|d| d.to.ip() == kit::TRUNK && is_answer(d));
    let (call, answer) = (calls.first(), answers.first());
    let waited = call.zip(answer).and_then(|(call, answer)| answer.at.checked_sub(call.at));
    assert!(waited.is_some_and(|waited| waited > 3 * SECOND), "{waited:?}");
    scene.close()?;
    Ok(())
}

/// The doctor's mobile is a phone of ours that plays the operator's side: it is rung by no offer.
fn outside(steps: &str) -> Setup {
    let mut setup = with_text(plan(steps));
    setup.softphone = Softphone::PJSUA2_UDP;
    setup.more = OUTSIDE.to_owned();
    setup.receptions = vec!["mobile"];
    setup
}

/// Whoever answers outside hears the question for a while, and takes the caller.
fn answers_and_presses_1(scene: &Scene, mobile: &mut Phone) -> Result<()> {
    mobile.wait_for("CALL_INCOMING", SOON)?;
    mobile.accept()?;
    mobile.wait_for("CALL_ESTABLISHED", SOON)?;
    scene.let_ring(SECOND);
    mobile.press("1")
}

#[test]
fn a_doctor_outside_has_the_caller_once_he_presses_1() -> Result<()> {
    let steps = format!("{{ call = \"{MOBILE}\", for = \"20 s\" }}, \"busy\"");
    let mut scene = Scene::open("mobile", outside(&steps))?;
    let mut mobile = scene.phone_on("mobile")?;
    mobile.wait_for("REGISTER_OK", SOON)?;
    let mut caller = scene.call(Then::HangUpAfter(TALK))?;
    mobile.wait_for("CALL_INCOMING", SOON)?;
    mobile.accept()?;
    mobile.wait_for("CALL_ESTABLISHED", SOON)?;
    scene.let_ring(2 * SECOND);
    let answered = |scene: &Scene| scene.tap().select(|d| d.to.ip() == kit::TRUNK && is_answer(d));
    assert!(answered(&scene).is_empty(), "nobody human has answered yet");
    mobile.press("1")?;
    mobile.wait_for("CALL_CLOSED", SOON)?;
    caller.finish(SOON)?;
    assert_eq!(answered(&scene).len(), 1);
    scene.tap().heard_at(caller.ear).check("the caller", mobile.tone, SECOND)?;
    let invites = scene.tap().select(|d| {
        d.start_line().is_some_and(|line| line.starts_with(&format!("INVITE sip:{MOBILE}@")))
    });
    let invite = invites.first().expect("the mobile was called");
    assert!(invite.header("Diversion").is_some_and(|value| value.contains(kit::PRACTICE)));
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("forwarded", "caller"));
    Ok(())
}

#[test]
fn a_voicemail_box_outside_never_has_the_caller() -> Result<()> {
    let steps = format!("{{ call = \"{MOBILE}\", for = \"4 s\" }}, {{ announce = \"text\" }}");
    let mut scene = Scene::open("voicemail", outside(&steps))?;
    let mut mobile = scene.phone_on("mobile")?;
    mobile.wait_for("REGISTER_OK", SOON)?;
    let mut caller = scene.call(Then::Stay)?;
    mobile.wait_for("CALL_INCOMING", SOON)?;
    mobile.accept()?; // as a box does; it presses nothing
    mobile.wait_for("CALL_CLOSED", 2 * SOON)?; // it has the time to hear the question
    caller.finish(2 * SOON)?;

    check_text(&scene, &caller)?;
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("announced", "us"));
    Ok(())
}

#[test]
fn an_order_of_an_operator_closes_a_practice_for_a_while_and_takes_it_back() -> Result<()> {
    let mut setup = with_text(plan("{ queue = \"floor\" }"));
    setup.plan.push_str("\nhours = \"24/7\"\nclosed = [{ announce = \"text\" }]");
    let mut scene = Scene::open("override", setup)?;
    let mut anna = scene.phone("anna")?;
    scene.server().order(&["override", "Dr Martin", "close", "--for", "2h"])?;
    let mut told = scene.call(Then::Stay)?;
    told.finish(SOON)?;
    check_text(&scene, &told)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0);

    // It outlives the server.
    scene.restart()?;
    let mut told = scene.call(Then::Stay)?;
    told.finish(SOON)?;
    check_text(&scene, &told)?;

    scene.server().order(&["override", "Dr Martin", "--clear"])?;
    scene.wait_for_state("anna", "available")?;
    let mut served = scene.call(Then::HangUpAfter(TALK))?;
    takes(&mut anna)?;
    served.finish(SOON)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("closed", "us"));
    assert_eq!(records.end_of(1)?, ("closed", "us"));
    assert_eq!(records.end_of(2)?, ("answered", "caller"));
    Ok(())
}

#[test]
fn a_practice_on_leave_says_so_whatever_its_hours() -> Result<()> {
    let mut setup = with_text(plan("{ queue = \"floor\" }"));
    let leave = "[[practices.martin.leave]]\nfrom = \"2020-01-01\"\nto = \"2099-12-31\"\n\
                 plan = [{ announce = \"text\" }]";
    setup.more = leave.to_owned();
    let mut scene = Scene::open("leave", setup)?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::Stay)?;
    caller.finish(SOON)?;
    check_text(&scene, &caller)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("closed", "us"));
    Ok(())
}

#[test]
fn before_the_operator_gives_him_up_a_caller_is_answered_by_the_text() -> Result<()> {
    let mut setup = with_text(plan("{ queue = \"floor\" }, { announce = \"text\" }"));
    setup.plan = setup.plan.replace("\"floor\" }", "\"floor\", nobody = \"never\" }");
    setup.trunk = "max_unanswered = \"4 s\"".to_owned();
    let mut scene = Scene::open("max-unanswered", setup)?;
    let mut caller = scene.call(Then::Stay)?;
    scene.wait_for_stage("waiting", 1)?;
    caller.finish(2 * SOON)?;
    check_text(&scene, &caller)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("announced", "us"));
    Ok(())
}

/// The call at this place of the queue, from 1, as `monoligne queue` shows it.
fn queued(scene: &Scene, place: usize) -> Result<String> {
    let queue = scene.server().status()?.queue;
    let waiting = queue.get(place - 1).with_context(|| format!("{} wait", queue.len()))?;
    Ok(waiting.call.clone())
}

#[test]
fn an_operator_lets_one_who_waits_overtake_and_releases_another_with_busy() -> Result<()> {
    let mut scene = Scene::open("operator-rank", plan("{ queue = \"floor\" }"))?;
    let mut first = scene.call(Then::HangUpAfter(SECOND))?;
    scene.wait_for_stage("waiting", 1)?;
    let mut released = scene.call(Then::Refused(486))?;
    scene.wait_for_stage("waiting", 2)?;
    let mut overtaking = scene.call(Then::HangUpAfter(SECOND))?;
    scene.wait_for_stage("waiting", 3)?;

    let order = |arguments: &[&str]| {
        let call = queued(&scene, 3)?;
        scene.server().order(&[&["call", call.as_str()], arguments].concat())
    };
    let told = order(&["--urgency", "urgent"])?;
    assert!(told.contains("urgent, waits for floor, place 1"), "{told}");
    order(&["--release"])?; // the one before him is the last by that
    released.finish(SOON)?;
    kit::wait_until("both orders in the log", SOON, || {
        Ok((scene.server().log()?.matches("an operator's order").count() == 2).then_some(()))
    })?;

    let mut anna = scene.phone_on("anna")?;
    assert_eq!(takes(&mut anna)?, "Dr Martin · 06 12 34 56 02");
    overtaking.finish(SOON)?;
    assert_eq!(takes(&mut anna)?, "Dr Martin · 06 12 34 56 00");
    first.finish(SOON)?;
    let records = scene.close()?;
    assert_eq!(records.end_of(1)?, ("busy", "us"));
    Ok(())
}

#[test]
fn an_operator_moves_one_who_waits_to_another_team_and_another_to_a_number_outside() -> Result<()> {
    let mut setup = outside("{ queue = \"away\", nobody = \"never\" }");
    let allowed = format!("\n[practices.martin.forward]\nallowed = [\"{MOBILE}\"]\n{AWAY}");
    setup.more.push_str(&allowed);
    let mut scene = Scene::open("operator-move", setup)?;
    let mut mobile = scene.phone_on("mobile")?;
    mobile.wait_for("REGISTER_OK", SOON)?;
    let mut anna = scene.phone("anna")?;
    let mut moved = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 1)?;
    let mut redirected = scene.call(Then::HangUpAfter(TALK))?;
    scene.wait_for_stage("waiting", 2)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0, "they wait for another team");

    let [call, other] = [queued(&scene, 1)?, queued(&scene, 2)?];
    scene.server().order(&["call", &call, "--team", "floor"])?;
    anna.wait_for("CALL_INCOMING", SOON)?;
    anna.accept()?;
    scene.server().order(&["call", &other, "--to", MOBILE])?;
    answers_and_presses_1(&scene, &mut mobile)?;
    mobile.wait_for("CALL_CLOSED", SOON)?;
    anna.wait_for("CALL_CLOSED", SOON)?;
    moved.finish(SOON)?;
    redirected.finish(SOON)?;

    scene.check_voices(&moved, &anna, 0)?;
    scene.tap().heard_at(redirected.ear).check("the caller", mobile.tone, SECOND)?;
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    assert_eq!(records.end_of(1)?, ("forwarded", "caller"));
    assert_eq!(records.forwards_of(1)?, [("line", "served")]);
    Ok(())
}

#[test]
fn callers_of_a_closed_practice_have_the_doctor_on_call_or_else_another_practices_team()
-> Result<()> {
    let mut setup = with_durand(outside("{ queue = \"away\" }"), "{ queue = \"floor\" }");
    setup.plan.push_str(&format!(
        "\n{CLOSED}\nclosed = [{{ call = \"{MOBILE}\", for = \"20 s\" }}, {{ practice = \"durand\" }}]"
    ));
    let mut scene = Scene::open("on-call", setup)?;
    let mut mobile = scene.phone_on("mobile")?;
    mobile.wait_for("REGISTER_OK", SOON)?;
    let mut anna = scene.phone("anna")?;
    let mut first = scene.call(Then::HangUpAfter(TALK))?;
    answers_and_presses_1(&scene, &mut mobile)?;
    mobile.wait_for("CALL_CLOSED", SOON)?;
    first.finish(SOON)?;
    scene.tap().heard_at(first.ear).check("the caller", mobile.tone, SECOND)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0, "the doctor has him");

    let mut second = scene.call(Then::HangUpAfter(TALK))?;
    mobile.wait_for("CALL_INCOMING", SOON)?;
    mobile.hang_up()?;
    assert_eq!(takes(&mut anna)?, "Dr Durand · 06 12 34 56 01", "in whose name she answers");
    second.finish(SOON)?;
    scene.check_voices(&second, &anna, 0)?;
    scene.wait_for_ports()?;
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("forwarded", "caller"));
    assert_eq!(records.end_of(1)?, ("answered", "caller"));
    assert_eq!(records.forwards_of(1)?, [("line", "busy")]);
    assert_eq!(records.of(1)?.practice.as_deref(), Some("Cabinet Martin"), "it is his caller");
    Ok(())
}

#[test]
fn who_has_waited_too_long_overflows_to_another_practices_team() -> Result<()> {
    let steps =
        "{ queue = \"away\", for = \"3 s\", nobody = \"never\" }, { practice = \"durand\" }";
    let mut scene = Scene::open("overflow", with_durand(plan(steps), "{ queue = \"floor\" }"))?;
    let mut anna = scene.phone("anna")?;
    let mut caller = scene.call(Then::HangUpAfter(SECOND))?;
    assert_eq!(takes(&mut anna)?, "Dr Durand · 06 12 34 56 00");
    caller.finish(SOON)?;
    let invites = scene.tap().select(|d| d.is_first_invite());
    let his = invites.iter().find(|d| d.from.ip() == kit::TRUNK).expect("he called").at;
    let hers = invites.iter().find(|d| d.to == anna.address).expect("she was rung").at;
    assert!(hers - his > 2 * SECOND, "{:?}", hers - his);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("answered", "caller"));
    Ok(())
}

#[test]
fn at_night_a_blocked_number_hears_busy_and_who_always_gets_through_has_a_secretary() -> Result<()>
{
    let mut setup = with_text(plan("{ queue = \"floor\" }"));
    setup.plan.push_str(&format!("\n{CLOSED}\nclosed = [{{ announce = \"text\" }}]"));
    setup.more = format!(
        "[[practices.martin.callers]]\nname = \"nuisance\"\nnumbers = [{:?}]\nblocked = true\n\
         [[practices.martin.callers]]\nname = \"colleagues\"\nnumbers = [{:?}]\nthrough = true\n",
        caller_number(0),
        caller_number(1),
    );
    let mut scene = Scene::open("caller-lists", setup)?;
    let mut anna = scene.phone("anna")?;
    scene.call(Then::Refused(486))?.finish(SOON)?;
    assert_eq!(anna.count("CALL_INCOMING")?, 0);
    let mut colleague = scene.call(Then::HangUpAfter(TALK))?;
    takes(&mut anna)?;
    colleague.finish(SOON)?;
    scene.check_voices(&colleague, &anna, 0)?;
    scene.wait_for_state("anna", "available")?;
    let mut anybody = scene.call(Then::Stay)?;
    anybody.finish(SOON)?;
    check_text(&scene, &anybody)?;

    assert_eq!(anna.count("CALL_INCOMING")?, 1);
    let records = scene.close()?;
    assert_eq!(records.end_of(0)?, ("busy", "us")); // his list says so, whatever the hours
    assert_eq!(records.of(0)?.status, 486);
    assert_eq!(records.end_of(1)?, ("answered", "caller"));
    assert_eq!(records.end_of(2)?, ("closed", "us"));
    Ok(())
}
