use bytes::Bytes;

use super::*;
use crate::numbering::Country;

fn invite(uri: &str, headers: &str) -> Message {
    let has = |name: &str| headers.lines().any(|line| line.starts_with(name));
    let mut text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK1\r\nCall-ID: 1\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:192.0.2.20>\r\n"
    );
    for (name, value) in
        [("From", "<sip:+33639980001@op.example>;tag=a"), ("To", "<sip:nobody@op.example>")]
    {
        if !has(name) {
            text += &format!("{name}: {value}\r\n");
        }
    }
    for line in headers.lines().filter(|line| !line.trim().is_empty()) {
        // A line that begins with two spaces and no name is a fold.
        text += line.strip_prefix("        ").unwrap_or(line);
        text += "\r\n";
    }
    Message::read(Bytes::from(text + "\r\n")).expect("tests write what can be read")
}

fn number(text: &str) -> E164 {
    E164::read(text).unwrap()
}

/// Practices 1 and 2 with a DID and an office line each; a shared DID, 0199009999, of practice 9.
fn named(uri: &str, headers: &str) -> Result<u32, Option<E164>> {
    named_on(&Numbering::default(), uri, headers)
}

fn named_on(numbering: &Numbering, uri: &str, headers: &str) -> Result<u32, Option<E164>> {
    let numbers = [
        ("0199001111", 1),
        ("0142000001", 1),
        ("0199002222", 2),
        ("0262120002", 2),
        ("+687 25 00 03", 3),
    ];
    let numbers = numbers.map(|(text, id)| (number(text), PracticeId(id))).into();
    let shared = [(number("0199009999"), PracticeId(9))].into();
    practice(&invite(uri, headers), numbering, &numbers, &shared).map(|(_, practice)| practice.0)
}

const SHARED: &str = "sip:+33199009999@192.0.2.1";

#[test]
fn a_dedicated_did_wins_over_whatever_was_forwarded() {
    let diverted = "Diversion: <sip:+33199002222@op.example>;reason=unconditional";
    assert_eq!(named("sip:0199001111@192.0.2.1", diverted), Ok(1));
}

#[test]
fn the_latest_diversion_wins() {
    let diverted =
        "Diversion: <sip:+33612345678@op>;reason=no-answer, <sip:+33142000001@op>;reason=user-busy
Diversion: <tel:+33199002222>;reason=unconditional";
    assert_eq!(named(SHARED, diverted), Ok(1));
}

#[test]
fn the_highest_index_of_a_history_is_the_latest_wherever_it_stands() {
    let ordered = "History-Info: <sip:+33199002222@op>;index=1, <sip:+33142000001@op>;index=1.2,
 <sip:+33199009999@op;cause=302>;index=1.10;mp=1.2";
    assert_eq!(named(SHARED, ordered), Ok(1));
    let reversed = "History-Info: <sip:+33199009999@op;cause=302>;index=1.10;mp=1.2
History-Info: <sip:+33142000001@op>;index=1.2
History-Info: <sip:+33199002222@op>;index=1.1.3";
    assert_eq!(named(SHARED, reversed), Ok(1));
    let without = "History-Info: <sip:+33142000001@op>
History-Info: <sip:+33199002222@op>;index=1.1
History-Info: <sip:+33199009999@op>;index=1.2";
    assert_eq!(named(SHARED, without), Ok(2), "as they stand where an index is missing");
}

#[test]
fn escaped_headers_and_parameters_of_a_history_entry_are_no_part_of_its_number() {
    let history = "History-Info: \"Cabinet, annexe\" <sip:+33142000001@op;user=phone?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1;foo=\"a,b\",
 <sip:+33199009999@op;user=phone;cause=302?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1";
    assert_eq!(named(SHARED, history), Ok(1));
    let tel = "History-Info: <tel:0142000001;phone-context=+33>;index=1;np=1";
    assert_eq!(named(SHARED, tel), Ok(1));
}

#[test]
fn a_diversion_is_asked_before_a_history() {
    let both = "History-Info: <sip:+33199002222@op>;index=1
Diversion: <sip:+33142000001@op>;reason=unconditional";
    assert_eq!(named(SHARED, both), Ok(1));
    let elsewhere = "History-Info: <sip:+33199002222@op>;index=1
Diversion: <sip:+33612345678@op>;reason=unconditional";
    assert_eq!(named(SHARED, elsewhere), Ok(2), "a mobile of nobody's decides nothing");
}

#[test]
fn the_to_is_asked_last() {
    let to = "To: <sip:+33142000001@op.example>";
    assert_eq!(named(SHARED, to), Ok(1));
    let both = "To: <sip:+33142000001@op.example>
Diversion: <sip:+33199002222@op>";
    assert_eq!(named(SHARED, both), Ok(2));
}

#[test]
fn a_shared_number_that_names_no_practice_is_for_the_unidentified() {
    assert_eq!(named(SHARED, ""), Ok(9));
    assert_eq!(named("sip:0199009999@192.0.2.1", "Diversion: <sip:+33612345678@op>"), Ok(9));
    assert_eq!(named("sip:pbx@192.0.2.1", "To: <sip:+33199009999@op>"), Ok(9), "dialled or not");
    assert_eq!(named(SHARED, "Diversion: <sip:anonymous@anonymous.invalid>;privacy=full"), Ok(9));
    assert_eq!(named(SHARED, "Diversion: not an address\nHistory-Info: <broken"), Ok(9));
}

#[test]
fn only_what_is_not_ours_at_all_is_refused() {
    let dialled = Some(number("0155667788"));
    assert_eq!(named("sip:+33155667788@192.0.2.1", ""), Err(dialled));
    assert_eq!(named("sip:pbx@192.0.2.1", ""), Err(None));
}

#[test]
fn numbers_are_found_however_the_trunk_writes_them() {
    for uri in [
        "sip:0199001111@192.0.2.1",
        "sip:199001111@192.0.2.1",
        "sip:33199001111@192.0.2.1;user=phone",
        "sip:0033199001111@192.0.2.1",
        "sip:%2B33199001111@192.0.2.1",
        "sip:0199001111;phone-context=+33@192.0.2.1;user=phone",
        "sip:+33199001111;npdi@192.0.2.1",
        "tel:+33-1-99-00-11-11",
        "tel:0199001111;phone-context=op.example",
    ] {
        assert_eq!(named(uri, ""), Ok(1), "{uri}");
    }
    assert_eq!(named("sip:0262120002@192.0.2.1", ""), Ok(2));
    assert_eq!(named("sip:+262262120002@192.0.2.1", ""), Ok(2));
}

#[test]
fn a_trunk_overseas_has_its_own_local_numbers() {
    let caledonia = Numbering { country: Country::NewCaledonia, strip: String::new() };
    assert_eq!(named_on(&caledonia, "sip:250003@192.0.2.1", ""), Ok(3));
    assert_eq!(named("sip:250003@192.0.2.1", ""), Err(None));
}

#[test]
fn of_endless_forwardings_the_latest_are_looked_at() {
    let of_nobody = |index: usize| format!("<sip:+3361200{index:04}@op>;index=1.{index}");
    let mut entries: Vec<String> = (1..=200).map(of_nobody).collect();
    entries[199] = "<sip:+33142000001@op>;index=1.200".to_owned();
    entries[0] = "<sip:+33199002222@op>;index=1.1".to_owned();
    assert_eq!(named(SHARED, &format!("History-Info: {}", entries.join(","))), Ok(1));
    entries[199] = of_nobody(200);
    assert_eq!(named(SHARED, &format!("History-Info: {}", entries.join(","))), Ok(9));
    entries.reverse();
    assert_eq!(named(SHARED, &format!("Diversion: {}", entries.join(","))), Ok(9));
}

fn who(headers: &str) -> CallerNumber {
    caller(&invite(SHARED, headers), &Numbering::default())
}

fn known(text: &str) -> CallerNumber {
    CallerNumber::Known(number(text))
}

#[test]
fn the_network_knows_better_than_the_from() {
    assert_eq!(who(""), known("+33639980001"));
    let asserted =
        "P-Asserted-Identity: \"Jean\" <sip:+33612345678@op;user=phone>, <tel:+33612345678>";
    assert_eq!(who(asserted), known("0612345678"));
    let no_number = "P-Asserted-Identity: <sip:jean@op>\nP-Asserted-Identity: tel:0692123456;phone-context=+262";
    assert_eq!(who(no_number), known("0692123456"));
    let old = "Remote-Party-ID: \"Jean\" <sip:0612345678@op>;party=calling;screen=yes;privacy=off";
    assert_eq!(who(old), known("0612345678"));
    let called = "Remote-Party-ID: <sip:0199001111@op>;party=called;privacy=full";
    assert_eq!(who(called), known("+33639980001"));
}

#[test]
fn who_asks_for_privacy_is_withheld() {
    for wish in
        ["id", "user", "header", "ID", "critical;id", "session; user", "none, id", "critical"]
    {
        let headers = format!("P-Asserted-Identity: <tel:+33612345678>\nPrivacy: {wish}");
        assert_eq!(who(&headers), CallerNumber::Withheld, "{wish}");
    }
    let full = "Remote-Party-ID: <sip:0612345678@op>;party=calling;privacy=full";
    assert_eq!(who(full), CallerNumber::Withheld);
    for wish in ["none", "session", "history"] {
        let headers = format!("P-Asserted-Identity: <tel:+33612345678>\nPrivacy: {wish}");
        assert_eq!(who(&headers), known("0612345678"), "{wish}");
    }
}

#[test]
fn who_looks_anonymous_is_withheld_unless_he_says_he_is_not() {
    for from in [
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a",
        "<sip:Anonymous@op.example>;tag=a",
        "anonymous <sip:+33639980001@op.example>;tag=a",
        "<sip:c8oqz84zk7z@anonymous.invalid>;tag=a",
        "<sip:unavailable@unknown.invalid>;tag=a",
        "<sip:192.0.2.20>;tag=a",
    ] {
        assert_eq!(who(&format!("From: {from}")), CallerNumber::Withheld, "{from}");
    }
    let shows = "From: <sip:anonymous@anonymous.invalid>;tag=a\nPrivacy: none
P-Asserted-Identity: <tel:+33612345678>";
    assert_eq!(who(shows), known("0612345678"));
}

#[test]
fn who_has_no_number_is_shown_by_his_user() {
    let from = "From: \"Poste 12\" <sip:poste%2012@pbx.example>;tag=a";
    assert_eq!(who(from), CallerNumber::Other("poste 12".to_owned()));
}
