//! Credentials that are wrong in one way each: a clear answer, and the right ones are taken after it.

use sip::{Credentials, HeaderName, Message, Method};

use crate::bench::{Bench, PHONE, REALM};

/// The 401 that the bench got last, as a phone would have misread it.
fn challenge(bench: &Bench, misread: impl Fn(String) -> String) -> Message {
    let (_, challenge) = bench.sent.last().expect("an answer");
    let text = String::from_utf8(challenge.bytes().to_vec()).expect("we write text");
    Message::read(misread(text).into()).expect("still a challenge")
}

/// A REGISTER with credentials for that challenge; its `Authorization`.
fn answer(bench: &mut Bench, challenge: &Message, user: &str) -> String {
    let realm = None;
    let credentials = Credentials { username: user.into(), password: "secret".into(), realm };
    let uri = format!("sip:{REALM}");
    let answer = credentials.answer(challenge, &Method::Register, &uri, 1, 5);
    let (name, value) = answer.expect("a challenge that can be answered");
    let line = format!("\n{name}: {value}");
    register(bench, &line);
    line
}

fn register(bench: &mut Bench, authorization: &str) {
    let head = bench.register_head(PHONE, "101", "101", authorization);
    bench.receive(PHONE, &head, "");
}

/// Status, and whether the new challenge says that only the nonce was wrong.
fn answered(bench: &Bench) -> (Option<u16>, bool) {
    let (_, answer) = bench.sent.last().expect("an answer");
    let challenge = answer.text(HeaderName::WwwAuthenticate).unwrap_or_default();
    (answer.status(), challenge.contains("stale=true"))
}

fn replace_nonce(text: String) -> String {
    let (before, rest) = text.split_once("nonce=\"").expect("it has a nonce");
    let (_, after) = rest.split_once('"').expect("it ends");
    format!("{before}nonce=\"0123456789abcdef\"{after}")
}

#[test]
fn wrong_credentials_get_a_new_challenge_that_says_what_was_wrong() {
    type Misread = fn(String) -> String;
    let as_is: Misread = |text| text;
    let other_realm: Misread = |text| text.replace(REALM, "elsewhere.example");
    let no_quality: Misread = |text| text.replace(", qop=\"auth\"", "");
    let cases: [(&str, Misread, &str, bool); 4] = [
        ("a nonce that is not ours", replace_nonce, "101", true),
        ("another realm", other_realm, "101", false),
        ("nobody", as_is, "999", false),
        ("no qop", no_quality, "101", false),
    ];
    for (what, misread, user, is_stale) in cases {
        let mut bench = Bench::with(&["101"]);
        register(&mut bench, "");
        assert_eq!(answered(&bench), (Some(401), false));
        let misread = challenge(&bench, misread);
        answer(&mut bench, &misread, user);
        assert_eq!(answered(&bench), (Some(401), is_stale), "{what}");
        let again = challenge(&bench, as_is);
        answer(&mut bench, &again, "101");
        assert_eq!(answered(&bench).0, Some(200), "{what}");
    }
}

#[test]
fn a_count_that_was_used_is_stale_and_changes_nothing() {
    let mut bench = Bench::with(&["101"]);
    register(&mut bench, "");
    let asked = challenge(&bench, |text| text);
    let line = answer(&mut bench, &asked, "101");
    assert_eq!(answered(&bench).0, Some(200));
    let before = bench.engine.bindings(acd::AgentId(1)).count();
    register(&mut bench, &line);
    assert_eq!(answered(&bench), (Some(401), true));
    assert_eq!(bench.engine.bindings(acd::AgentId(1)).count(), before);
    let again = challenge(&bench, |text| text);
    answer(&mut bench, &again, "101");
    assert_eq!(answered(&bench).0, Some(200));
}

#[test]
fn credentials_that_cannot_be_read_are_no_guess() {
    let mut bench = Bench::with(&["101"]);
    for _ in 0..20 {
        register(&mut bench, "\nAuthorization: Novel secret=\"x\"");
        assert_eq!(answered(&bench), (Some(401), false));
        let half = format!("\nAuthorization: Digest username=\"101\", realm=\"{REALM}\"");
        register(&mut bench, &half);
        assert_eq!(answered(&bench), (Some(401), false));
    }
    assert_eq!(bench.engine.ledger().throttled, 0);
}
