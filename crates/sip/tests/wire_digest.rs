//! The verifier and the client against each other, and what an attacker might try.

#![expect(clippy::unwrap_used, reason = "what a test stands on fails it loudly")]

use std::time::Duration;

use bytes::Bytes;
use sip::{
    Account, Algorithm, Challenge, Credentials, Denied, Instant, Message, Method, Verifier,
    VerifierSetup,
};

const REALM: &str = "standard.example";
const NOW: Instant = Instant::from_secs(1_000);

fn verifier_of(epoch: u64) -> Verifier {
    let algorithms = vec![Algorithm::Sha256, Algorithm::Md5];
    Verifier::new(VerifierSetup { realm: REALM.to_string(), key: [7; 32], epoch, algorithms })
}

fn accounts(user: &str) -> Option<Account> {
    (user == "anne").then(|| Account::new("anne", REALM, "secret"))
}

fn anne(password: &str) -> Credentials {
    Credentials { username: "anne".into(), password: password.into(), realm: None }
}

fn request(authorization: Option<&str>) -> Message {
    let authorization =
        authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    Message::read(Bytes::from(format!(
        "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
         From: <sip:anne@{REALM}>;tag=f\r\nTo: <sip:anne@{REALM}>\r\nCall-ID: c\r\n\
         CSeq: 1 REGISTER\r\n{authorization}\r\n"
    )))
    .unwrap()
}

fn challenge(challenges: &[String]) -> Message {
    let fields: String =
        challenges.iter().map(|value| format!("WWW-Authenticate: {value}\r\n")).collect();
    Message::read(Bytes::from(format!(
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
         From: <sip:anne@{REALM}>;tag=f\r\nTo: <sip:anne@{REALM}>;tag=t\r\nCall-ID: c\r\n\
         CSeq: 1 REGISTER\r\n{fields}\r\n"
    )))
    .unwrap()
}

fn answer(credentials: &Credentials, response: &Message, nc: u32) -> String {
    let uri = format!("sip:{REALM}");
    let (name, value) = credentials.answer(response, &Method::Register, &uri, nc, 99).unwrap();
    assert_eq!(name, "Authorization");
    value
}

#[test]
fn the_right_password_is_accepted_under_either_hash() {
    let mut verifier = verifier_of(0);
    let challenges = verifier.challenges(NOW, false);
    assert_eq!(challenges.len(), 2);
    for (one, algorithm) in challenges.iter().zip(["SHA-256", "MD5"]) {
        // Each phone answers the one that it understands.
        let response = challenge(std::slice::from_ref(one));
        let value = answer(&anne("secret"), &response, if algorithm == "MD5" { 2 } else { 1 });
        assert!(value.contains(&format!("algorithm={algorithm}")), "{value}");
        let verified = verifier.verify(NOW, &request(Some(&value)), &accounts);
        assert_eq!(verified.as_deref(), Ok("anne"));
    }
}

#[test]
fn the_client_takes_the_first_challenge_that_it_can_answer() {
    let unknown =
        format!("Digest realm=\"{REALM}\", nonce=\"x\", algorithm=AKAv2-MD5, qop=\"auth\"");
    let integrity = format!("Digest realm=\"{REALM}\", nonce=\"x\", qop=\"auth-int\"");
    let old = format!("Digest realm=\"{REALM}\", nonce=\"old\", opaque=\"o\\\"p\", stale=TRUE");
    let response = challenge(&["Basic realm=\"x\"".into(), unknown, integrity, old]);
    let all: Vec<Challenge> = Challenge::all(&response).collect();
    assert_eq!(all.len(), 1);
    assert!(all[0].stale);
    assert_eq!(all[0].opaque.as_deref(), Some("o\"p"));
    let value = answer(&anne("secret"), &response, 1);
    assert!(!value.contains("qop") && value.contains("opaque=\"o\\\"p\""), "{value}");
    let elsewhere = Credentials { realm: Some("other".into()), ..anne("secret") };
    assert_eq!(elsewhere.answer(&response, &Method::Register, "sip:x", 1, 1), None);
}

#[test]
fn wrong_and_unknown_are_told_alike() {
    let mut verifier = verifier_of(0);
    let response = challenge(&verifier.challenges(NOW, false));
    let wrong = answer(&anne("guess"), &response, 1);
    let unknown = answer(&Credentials { username: "zoe".into(), ..anne("secret") }, &response, 1);
    assert_eq!(verifier.verify(NOW, &request(None), &accounts), Err(Denied::NoCredentials));
    assert_eq!(verifier.verify(NOW, &request(Some(&wrong)), &accounts), Err(Denied::Wrong));
    assert_eq!(verifier.verify(NOW, &request(Some(&unknown)), &accounts), Err(Denied::Wrong));
    // What an unknown user is checked against is no password.
    let guess = Credentials { username: "zoe".into(), ..anne("no such user") };
    let value = answer(&guess, &response, 1);
    assert_eq!(verifier.verify(NOW, &request(Some(&value)), &accounts), Err(Denied::Wrong));
}

#[test]
fn a_replay_is_refused_and_a_jump_forward_is_not() {
    let mut verifier = verifier_of(0);
    let response = challenge(&verifier.challenges(NOW, false));
    for (nc, expected) in [
        (1, Ok("anne".to_string())),
        (1, Err(Denied::Replayed)),
        (9, Ok("anne".to_string())),
        (3, Ok("anne".to_string())),
        (3, Err(Denied::Replayed)),
        (0, Err(Denied::Replayed)),
        (1_000_000, Ok("anne".to_string())),
        (9, Err(Denied::Replayed)),
    ] {
        let value = answer(&anne("secret"), &response, nc);
        assert_eq!(verifier.verify(NOW, &request(Some(&value)), &accounts), expected, "nc {nc}");
    }
    assert!(Denied::Replayed.is_stale());
}

#[test]
fn an_old_nonce_is_stale_only_for_who_knows_the_password() {
    let mut verifier = verifier_of(0);
    let response = challenge(&verifier.challenges(NOW, false));
    let later = NOW + Duration::from_secs(sip::limits::NONCE_LIFE_SECS + 1);
    let right = answer(&anne("secret"), &response, 1);
    let wrong = answer(&anne("guess"), &response, 1);
    assert_eq!(verifier.verify(later, &request(Some(&right)), &accounts), Err(Denied::Stale));
    assert_eq!(verifier.verify(later, &request(Some(&wrong)), &accounts), Err(Denied::Wrong));
    let again = verifier.challenges(later, true);
    assert!(again.iter().all(|value| value.ends_with(", stale=true")), "{again:?}");
    let value = answer(&anne("secret"), &challenge(&again), 1);
    assert_eq!(verifier.verify(later, &request(Some(&value)), &accounts).as_deref(), Ok("anne"));
}

#[test]
fn a_restart_that_lost_state_costs_one_stale_and_a_restored_one_nothing() {
    let mut before = verifier_of(1);
    let response = challenge(&before.challenges(NOW, false));
    let value = answer(&anne("secret"), &response, 1);
    let stored = postcard::to_stdvec(&before).unwrap();
    let mut restored: Verifier = postcard::from_bytes(&stored).unwrap();
    assert_eq!(restored.verify(NOW, &request(Some(&value)), &accounts).as_deref(), Ok("anne"));
    let mut lost = verifier_of(2);
    assert_eq!(lost.verify(NOW, &request(Some(&value)), &accounts), Err(Denied::Stale));
}

#[test]
fn a_nonce_cannot_be_made_up_or_brought_from_the_future() {
    let mut verifier = verifier_of(0);
    let response = challenge(&verifier.challenges(NOW, false));
    let nonce = Challenge::all(&response).next().unwrap().nonce;
    let last = if nonce.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &nonce[..nonce.len() - 1]);
    for nonce in [forged.as_str(), "", "é", &"0".repeat(56)] {
        let made_up =
            challenge(&[format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\"")]);
        let value = answer(&anne("secret"), &made_up, 1);
        assert_eq!(verifier.verify(NOW, &request(Some(&value)), &accounts), Err(Denied::Stale));
    }
    let early = NOW - Duration::from_secs(1);
    let value = answer(&anne("secret"), &response, 1);
    assert_eq!(verifier.verify(early, &request(Some(&value)), &accounts), Err(Denied::Stale));
}

#[test]
fn two_phones_that_ask_at_once_get_two_nonces() {
    let mut verifier = verifier_of(0);
    assert_ne!(verifier.challenges(NOW, false), verifier.challenges(NOW, false));
}

#[test]
fn credentials_for_another_request_are_refused() {
    let mut verifier = verifier_of(0);
    let response = challenge(&verifier.challenges(NOW, false));
    let (_, value) =
        anne("secret").answer(&response, &Method::Register, "sip:elsewhere.example", 1, 1).unwrap();
    assert_eq!(verifier.verify(NOW, &request(Some(&value)), &accounts), Err(Denied::Wrong));
    let value = answer(&anne("secret"), &response, 1).replace("qop=auth, ", "");
    assert_eq!(verifier.verify(NOW, &request(Some(&value)), &accounts), Err(Denied::Malformed));
}
