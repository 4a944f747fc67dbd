//! One INVITE, one disposition, one record: also those that never become a call.

use std::time::Duration;

use bytes::Bytes;
use call::{Disposition, Input, Notice};
use sip::sdp::Offer;
use sip::{HeaderName, Method};

use crate::bench::{Bench, PHONE, STRANGER, TRUNK, config, flow, invite_head, sdp};
use crate::offer;

/// As often as a trunk that hears nothing would send it.
fn receive_thrice(bench: &mut Bench, head: &str, body: &str) {
    for _ in 0..3 {
        bench.receive(TRUNK, head, body);
    }
}

fn ends(bench: &Bench) -> Vec<(Disposition, u16)> {
    assert_eq!(bench.engine.ledger().ledger_imbalances, 0);
    let live = bench.engine.live_calls().count() as u64;
    assert_eq!(bench.engine.ledger().offered, bench.records.len() as u64 + live);
    bench.records.iter().map(|record| (record.disposition, record.status)).collect()
}

#[test]
fn an_invite_that_the_endpoint_refuses_has_one_record_and_its_true_status() {
    let cases = [
        ("Require: 100rel", (Disposition::Unsupported, 420)),
        ("Max-Forwards: 0", (Disposition::Looped, 483)),
    ];
    for (header, expected) in cases {
        let mut bench = Bench::with(&["101"]);
        receive_thrice(&mut bench, &invite_head("a", &format!("\n{header}")), &offer());
        assert_eq!(bench.status(), Some(expected.1), "{header}");
        assert_eq!(ends(&bench), [expected], "{header}");
        let record = &bench.records[0];
        assert_eq!(record.practice, Some(acd::PracticeId(1)), "{header}");
        assert!(record.dialled.is_some() && record.answered_at.is_none(), "{header}");
    }
    let mut bench = Bench::with(&["101"]);
    let head = invite_head("a", "").replace("Contact", "X-Contact");
    receive_thrice(&mut bench, &head, &offer());
    assert_eq!(ends(&bench), [(Disposition::BadRequest, 400)]);
}

#[test]
fn an_invite_that_cannot_be_read_has_its_record_with_what_could_be_read() {
    let scheme = invite_head("a", "").replacen("sip:", "nobody:", 1);
    let version = invite_head("a", "").replacen("SIP/2.0", "SIP/7.0", 1);
    let cases = [
        (invite_head("a", "\nMax-Forwards: 300"), (Disposition::BadRequest, 400)),
        (scheme, (Disposition::Unsupported, 416)),
        (version, (Disposition::Unsupported, 505)),
    ];
    for (head, expected) in cases {
        let mut bench = Bench::with(&["101"]);
        receive_thrice(&mut bench, &head, &offer());
        assert_eq!(bench.status(), Some(expected.1), "{head}");
        assert_eq!(ends(&bench), [expected], "{head}");
        let is_known = |notice: &Notice| {
            matches!(notice, Notice::Arrived { caller, .. }
            if matches!(caller, call::CallerNumber::Known(_)))
        };
        assert!(bench.notices.iter().any(is_known), "{head}");
    }
}

#[test]
fn what_is_no_new_call_of_a_trunk_is_not_in_the_ledger() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let head = |via: &str| invite_head("a", "\nRequire: foo").replace(TRUNK, via);
    bench.receive(PHONE, &head(PHONE), &offer());
    assert_eq!(bench.status(), Some(420));
    bench.receive(STRANGER, &head(STRANGER), &offer());
    assert_eq!(bench.status(), None);
    let reinvite = head(TRUNK).replace("192.0.2.1>", "192.0.2.1>;tag=0123456789abcdef");
    bench.receive(TRUNK, &reinvite, &offer());
    assert_eq!(bench.status(), Some(481));
    let broken = reinvite.replace("CSeq: 1", "CSeq: x");
    bench.receive(TRUNK, &broken, &offer());
    assert_eq!(bench.status(), Some(400));
    bench.receive(TRUNK, &head(TRUNK).replace("INVITE", "OPTIONS"), "");
    assert_eq!(bench.status(), Some(420));
    assert_eq!(ends(&bench), []);
}

#[test]
fn a_call_that_came_on_two_paths_is_one_call() {
    let mut bench = Bench::with(&["101"]);
    bench.invite("a", "", &offer());
    bench.receive(TRUNK, &invite_head("a", "").replace("z9hG4bKinvitea", "z9hG4bKb"), &offer());
    assert_eq!(bench.status(), Some(482));
    assert_eq!(bench.engine.ledger().offered, 1);
    assert_eq!(ends(&bench), []);
}

#[test]
fn a_full_endpoint_refuses_with_503_and_keeps_the_record() {
    let limits = |config: &mut call::Config| config.limits.dialogs_max = 1;
    let mut bench = Bench::new(config(&["101"], limits));
    // The first is let in; some more find room to be refused in due form, and stay unacknowledged.
    for id in 0..200 {
        bench.invite(&id.to_string(), "", &offer());
    }
    assert!(ends(&bench).iter().all(|(disposition, _)| *disposition == Disposition::Full));
    let limits = |config: &mut call::Config| config.limits.transactions_max = 1;
    let mut bench = Bench::new(config(&["101"], limits));
    for id in 0..200 {
        bench.invite(&id.to_string(), "", &offer());
    }
    let ends = ends(&bench);
    assert_eq!(ends.last(), Some(&(Disposition::Full, 503)));
    assert!(ends.contains(&(Disposition::Full, 486)));
}

#[test]
fn a_description_among_other_parts_is_a_call_like_any_other() {
    let mut bench = Bench::with(&["101"]);
    bench.register(PHONE, "101");
    let body = format!(
        "--b\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b\r\nContent-Type: application/isup\r\n\
         Content-Disposition: signal;handling=optional\r\n\r\n\u{1}\r\n--b--\r\n",
        offer()
    );
    bench.invite_typed("a", "", "multipart/mixed;boundary=b", &body);
    assert_eq!(bench.lines(), ["100 INVITE", "180 INVITE", "INVITE"]);
    let invite = bench.ours(&Method::Invite).unwrap();
    let answer = sdp("203.0.113.7", 4000, "8 101");
    let answer = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{answer}\r\n--b--\r\n");
    bench.phone_replies_typed(&invite, 200, "multipart/mixed;boundary=b", &answer);
    assert!(bench.lines().contains(&"200 INVITE".to_string()), "{:?}", bench.lines());
}

#[test]
fn a_body_that_we_do_not_read_is_415_and_says_what_we_do() {
    let mut bench = Bench::with(&["101"]);
    bench.invite_typed("a", "", "application/unknown", "<audio/>");
    let (_, answer) = bench.sent.last().unwrap();
    assert_eq!(answer.status(), Some(415));
    assert_eq!(answer.text(HeaderName::Accept), Some(sip::ACCEPT));
    bench.invite_typed("b", "", "multipart/mixed", "--b\r\n\r\n");
    bench.invite("c", "", &"a=x\r\n".repeat(4_000));
    let expected = [
        (Disposition::Unsupported, 415),
        (Disposition::BadRequest, 400),
        (Disposition::BadRequest, 413),
    ];
    assert_eq!(ends(&bench), expected);
}

#[test]
fn a_call_with_video_is_answered_without_and_one_with_fax_alone_is_488() {
    let mut bench = Bench::with(&["101"]);
    let to = bench
        .talk("a", &format!("{}m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", offer()));
    let answer = bench.sent.iter().map(|(_, message)| message).find(|it| it.status() == Some(200));
    let answer = String::from_utf8(answer.unwrap().body().to_vec()).unwrap();
    assert!(answer.contains("m=video 0 RTP/AVP 96"), "{answer}");
    assert!(Offer::read(answer.as_bytes()).unwrap().audio().is_some());
    bench.within("a", &to, "ACK", 1, "");
    let fax = offer().replace("m=audio 4000 RTP/AVP 8 101", "m=image 4000 udptl t38");
    bench.within("a", &to, "INVITE", 2, &fax);
    assert_eq!(bench.status(), Some(488), "the call goes on as voice");
    bench.within("a", &to, "ACK", 2, "");
    assert_eq!(bench.engine.live_calls().count(), 1);
    bench.invite("b", "", &fax);
    assert_eq!(bench.status(), Some(488));
    assert_eq!(ends(&bench), [(Disposition::NoCodec, 488)]);
}

#[test]
fn options_tell_what_we_can_and_whether_a_call_would_be_taken() {
    let mut bench = Bench::with(&["101"]);
    let ask = |bench: &mut Bench, id: &str| {
        let head = invite_head(id, "").replace("INVITE", "OPTIONS");
        bench.receive(TRUNK, &head, "");
        bench.sent.last().unwrap().1.clone()
    };
    let answer = ask(&mut bench, "a");
    assert_eq!(answer.status(), Some(200));
    assert_eq!(answer.text(HeaderName::Accept), Some(sip::ACCEPT));
    assert_eq!(answer.text(HeaderName::Supported), Some(""));
    assert!(answer.text(HeaderName::Allow).unwrap().contains("INVITE"));
    bench.input(Input::Drain);
    assert_eq!(ask(&mut bench, "b").status(), Some(503));
}

#[test]
fn who_waits_when_we_stop_is_lost_and_who_comes_then_is_not() {
    let mut bench = Bench::with(&["101"]);
    bench.invite("a", "", &offer());
    bench.input(Input::Drain);
    bench.invite("b", "", &offer());
    bench.input(Input::HangUpAll);
    assert_eq!(ends(&bench), [(Disposition::Draining, 503), (Disposition::Lost, 503)]);
}

#[test]
fn who_is_answered_loses_his_secretary_and_meets_no_other_is_lost() {
    let mut bench = Bench::with(&["101"]);
    let to = bench.talk("a", &offer());
    bench.within("a", &to, "ACK", 1, "");
    let bye = {
        let invite = bench.rung.clone().expect("her phone was rung");
        let text = |name| invite.text(name).unwrap().to_string();
        format!(
            "BYE sip:monoligne@192.0.2.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {PHONE};rport;branch=z9hG4bKhers
             From: {};tag=phone
             To: {}
             Call-ID: {}
             CSeq: 1 BYE",
            text(HeaderName::To),
            text(HeaderName::From),
            text(HeaderName::CallId)
        )
    };
    bench.receive(PHONE, &bye, "");
    assert_eq!(bench.status(), Some(200));
    bench.input(Input::HangUpAll);
    assert_eq!(ends(&bench), [(Disposition::Lost, 200)]);
}

#[test]
fn noise_of_a_trunk_is_counted_and_nothing_more() {
    let mut bench = Bench::with(&["101"]);
    bench.receive_bytes(TRUNK, Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
    assert_eq!((bench.sent.len(), bench.engine.ledger().malformed), (0, 1));
    bench.input(Input::FlowFailed { flow: flow(TRUNK) });
    bench.run_for(Duration::from_secs(1));
    assert_eq!(ends(&bench), []);
}
