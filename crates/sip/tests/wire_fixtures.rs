//! Every file of sip-fixtures/ against the expectation beside it, rsip as a second opinion, and
//! what must hold for any mutation of them.

#![expect(clippy::unwrap_used, reason = "what a test stands on fails it loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use sip::{HeaderName, Message, Splice};

/// `NAME.toml` beside `NAME.sip`: either `ok` or `refused`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    #[expect(dead_code, reason = "for the reader")]
    note: String,
    /// `RFC 4475 3.1.2.4`: the cases of other documents that this is one of.
    #[serde(default)]
    covers: Vec<String>,
    /// What an endpoint makes of what is `ok`, coming from a trunk: `invited` or `asked` for its
    /// owner's, the status of what it refuses itself, or `nothing`.
    endpoint: Option<String>,
    /// The first answer above 100 of an engine that has the number called: `call` looks at it.
    #[expect(dead_code, reason = "for another crate's test")]
    engine: Option<u16>,
    ok: Option<Parsed>,
    refused: Option<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parsed {
    method: String,
    status: Option<u16>,
    reason: Option<String>,
    request_user: Option<String>,
    request_host: Option<String>,
    request_port: Option<u16>,
    from_user: Option<String>,
    from_display: Option<String>,
    from_tag: Option<String>,
    to_user: Option<String>,
    /// Empty: there must be none.
    to_tag: Option<String>,
    cseq: Option<u32>,
    vias: Option<usize>,
    via_transport: Option<String>,
    via_host: Option<String>,
    via_port: Option<u16>,
    branch: Option<String>,
    max_forwards: Option<u8>,
    expires: Option<u32>,
    contacts: Option<Vec<String>>,
    contact_expires: Option<u32>,
    routes: Option<Vec<String>>,
    body: Option<usize>,
    #[serde(default)]
    values: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    status: u16,
    reason: String,
    answered: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sip-fixtures")
}

fn fixtures() -> Vec<(String, Bytes)> {
    let mut found: Vec<(String, Bytes)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sip"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, Bytes::from(std::fs::read(&path).unwrap()))
        })
        .collect();
    found.sort();
    found
}

fn expectation(name: &str) -> Expectation {
    let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{name}.toml: {error}"))
}

#[test]
fn each_fixture_reads_as_expected() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 40);
    for (name, bytes) in fixtures {
        let expected = expectation(&name);
        match (Message::read(bytes), expected.ok, expected.refused) {
            (Ok(message), Some(ok), None) => check(&name, &message, &ok),
            (Err(malformed), None, Some(refused)) => {
                assert_eq!(malformed.reason.to_string(), refused.reason, "{name}");
                assert_eq!(malformed.status, refused.status, "{name}");
                assert_eq!(malformed.answer.is_some(), refused.answered, "{name}");
                if let Some(answer) = malformed.answer {
                    let answer =
                        Message::read(answer).unwrap_or_else(|e| panic!("{name}: the answer: {e}"));
                    assert_eq!(answer.status(), Some(refused.status), "{name}");
                }
            }
            (read, ..) => panic!("{name}: {read:?} is not what {name}.toml says"),
        }
    }
}

#[test]
fn each_readable_fixture_ends_as_expected_at_an_endpoint() {
    let mut wrong = Vec::new();
    for (name, bytes) in fixtures() {
        let Ok(message) = Message::read(bytes) else { continue };
        let found = end_at_an_endpoint(message);
        if Some(&found) != expectation(&name).endpoint.as_ref() {
            wrong.push(format!("{name}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn end_at_an_endpoint(message: Message) -> String {
    let limits = sip::Limits::default();
    let setup = sip::Setup { seed: [5; 32], user_agent: "test".to_string(), limits };
    let mut endpoint = sip::Endpoint::new(setup);
    endpoint.handle_message(sip::Instant::from_secs(1), flow(), message);
    let mut end = "nothing".to_string();
    while let Some(transmit) = endpoint.poll_transmit() {
        let answer = Message::read(transmit.bytes).expect("what we answer can be read");
        end = answer.status().unwrap().to_string();
    }
    while let Some(event) = endpoint.poll_event() {
        if matches!(event, sip::Event::Invited { .. }) {
            end = "invited".to_string();
        } else if matches!(event, sip::Event::Request { .. }) {
            end = "asked".to_string();
        }
    }
    end
}

fn flow() -> sip::Flow {
    sip::Flow {
        transport: sip::Transport::Udp,
        local: "203.0.113.5:5060".parse().unwrap(),
        remote: "192.0.2.20:5060".parse().unwrap(),
        connection: 0,
    }
}

/// How many cases each section of the RFCs has: 3.1.1.1 to 3.1.1.13, and so on.
const CASES: [(&str, u8); 6] = [
    ("RFC 4475 3.1.1", 13),
    ("RFC 4475 3.1.2", 19),
    ("RFC 4475 3.2", 1),
    ("RFC 4475 3.3", 15),
    ("RFC 4475 3.4", 1),
    ("RFC 5118 4", 10),
];

#[test]
fn each_case_of_the_torture_documents_has_a_fixture_of_ours() {
    let cases: BTreeSet<String> = CASES
        .iter()
        .flat_map(|(section, count)| (1..=*count).map(move |case| format!("{section}.{case}")))
        .collect();
    let covered: BTreeSet<String> =
        fixtures().iter().flat_map(|(name, _)| expectation(name).covers).collect();
    assert_eq!(covered, cases);
}

fn same<T: PartialEq + std::fmt::Debug>(name: &str, what: &str, expected: Option<T>, found: T) {
    if let Some(expected) = expected {
        assert_eq!(found, expected, "{name}: {what}");
    }
}

fn check(name: &str, message: &Message, ok: &Parsed) {
    assert_eq!(message.method().as_str(), ok.method, "{name}");
    assert_eq!(message.status(), ok.status, "{name}");
    assert_eq!(message.is_request(), ok.status.is_none(), "{name}");
    same(name, "reason", ok.reason.as_deref().map(Some), message.reason());
    if message.is_request() {
        let uri = message.uri().unwrap();
        let user = uri.user_decoded().unwrap_or_default().into_owned();
        same(name, "request_user", ok.request_user.clone(), user);
        same(name, "request_host", ok.request_host.as_deref(), uri.host);
        same(name, "request_port", ok.request_port.map(Some), uri.port);
    }
    let (from, to) = (message.from().unwrap(), message.to().unwrap());
    same(name, "from_user", ok.from_user.clone(), from.user().unwrap_or_default().into_owned());
    same(name, "from_display", ok.from_display.clone().map(Some), from.display_name());
    same(name, "from_tag", ok.from_tag.as_deref().map(Some), from.tag());
    same(name, "to_user", ok.to_user.clone(), to.user().unwrap_or_default().into_owned());
    same(name, "to_tag", ok.to_tag.as_deref(), to.tag().unwrap_or_default());
    same(name, "cseq", ok.cseq, message.cseq().unwrap().number);
    same(name, "vias", ok.vias, message.vias().count());
    let via = message.top_via().unwrap();
    same(name, "via_transport", ok.via_transport.as_deref(), via.transport);
    same(name, "via_host", ok.via_host.as_deref(), via.host);
    same(name, "via_port", ok.via_port.map(Some), via.port);
    same(name, "branch", ok.branch.as_deref().map(Some), via.branch());
    same(name, "max_forwards", ok.max_forwards.map(Some), message.max_forwards().unwrap());
    same(name, "expires", ok.expires.map(Some), message.expires().unwrap());
    let contacts: Vec<_> = message.contacts().collect();
    let uri = |contact: &Result<sip::NameAddr<'_>, _>| match contact {
        Ok(contact) => contact.uri.to_string(),
        Err(error) => format!("({error})"),
    };
    same(name, "contacts", ok.contacts.clone(), contacts.iter().map(uri).collect());
    let first = contacts.first().and_then(|contact| contact.as_ref().ok());
    let expires = first.and_then(|contact| contact.expires());
    same(name, "contact_expires", ok.contact_expires.map(Some), expires);
    let routes = message.record_routes().map(|route| route.unwrap().uri.to_string()).collect();
    same(name, "routes", ok.routes.clone(), routes);
    same(name, "body", ok.body, message.body().len());
    for (header, expected) in &ok.values {
        let found: Vec<_> = message
            .values(HeaderName::read(header.as_bytes()))
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect();
        assert_eq!(&found, expected, "{name}: {header}");
    }
}

#[test]
fn what_an_untouched_splice_writes_reads_the_same() {
    for (name, bytes) in fixtures() {
        let Ok(message) = Message::read(bytes) else { continue };
        let again = Message::read(Splice::new(&message).finish()).unwrap();
        let fields = |message: &Message| -> Vec<(Vec<u8>, Vec<u8>)> {
            message.all().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
        };
        assert_eq!(fields(&again), fields(&message), "{name}");
        assert_eq!(again.body(), message.body(), "{name}");
        assert_eq!(again.request_uri(), message.request_uri(), "{name}");
        assert_eq!(again.status(), message.status(), "{name}");
    }
}

#[test]
fn a_message_survives_its_own_serialisation() {
    for (name, bytes) in fixtures() {
        let Ok(message) = Message::read(bytes) else { continue };
        let stored = postcard::to_stdvec(&message).unwrap();
        let again: Message = postcard::from_bytes(&stored).unwrap();
        assert_eq!(again, message, "{name}");
    }
}

/// Where rsip reads a valid fixture otherwise than we do. A line that goes away here is a
/// divergence that rsip has mended.
const RSIP_DIVERGES: &[(&str, &str)] = &[
    ("phone-100-without-space", "refused"),
    ("phone-register-foreign-schemes", "a header is not found or not read"),
    ("phone-register-ipv6", "refused"),
    ("phone-register-ipv6-port-inside", "refused"),
    ("phone-register-ipv6-port-outside", "refused"),
    ("torture-escaped-nul", "read otherwise"),
    ("torture-escapes", "read otherwise"),
    ("torture-folds-everywhere", "refused"),
    ("torture-method-of-every-character", "refused"),
    ("torture-percent-in-names", "refused"),
    ("torture-spaces-inside-angles", "a header is not found or not read"),
    ("torture-two-requests", "read otherwise"),
    ("trunk-bare-lf", "refused"),
    ("trunk-body-longer-than-said", "read otherwise"),
    ("trunk-compact-forms", "a header is not found or not read"),
    ("trunk-crlf-before-start-line", "refused"),
    ("trunk-escaped-user", "a header is not found or not read"),
    ("trunk-folded-headers", "refused"),
    ("trunk-history-info", "refused"),
    ("trunk-ipv4-mapped", "a header is not found or not read"),
    ("trunk-ipv6", "refused"),
    ("trunk-ipv6-three-colons", "refused"),
    ("trunk-ipv6-two-colons", "refused"),
    ("trunk-latin1-display", "refused"),
    ("trunk-received-with-brackets", "a header is not found or not read"),
    ("trunk-received-without-brackets", "a header is not found or not read"),
    ("trunk-shared-did-overseas", "refused"),
    ("trunk-tel-everywhere", "refused"),
    ("trunk-tel-uri", "refused"),
    ("trunk-unknown-method", "refused"),
    ("trunk-vias-of-both-families", "a header is not found or not read"),
];

/// What both say: method or status, Call-ID, CSeq, the addresses' users, Via's branch.
#[test]
fn rsip_agrees_but_for_the_pinned_divergences() {
    let mut diverging = Vec::new();
    for (name, bytes) in fixtures() {
        let Ok(message) = Message::read(bytes.clone()) else { continue };
        let ours = summary(&message);
        let what = match rsip::SipMessage::try_from(&bytes[..]) {
            Err(_) => "refused",
            Ok(theirs) => match rsip_summary(&theirs) {
                None => "a header is not found or not read",
                Some(theirs) if theirs != ours => "read otherwise",
                Some(_) => continue,
            },
        };
        diverging.push((name, what));
    }
    let diverging: Vec<_> = diverging.iter().map(|(name, what)| (name.as_str(), *what)).collect();
    assert_eq!(diverging, RSIP_DIVERGES);
}

type Summary = (String, String, u32, Vec<String>, String, usize);

fn summary(message: &Message) -> Summary {
    let kind = match message.status() {
        Some(status) => status.to_string(),
        None => message.method().to_string(),
    };
    let user = |user: Option<std::borrow::Cow<'_, str>>| user.unwrap_or_default().into_owned();
    (
        kind,
        message.call_id().unwrap().to_string(),
        message.cseq().unwrap().number,
        vec![user(message.from().unwrap().user()), user(message.to().unwrap().user())],
        message.top_via().unwrap().branch().unwrap_or_default().to_string(),
        message.body().len(),
    )
}

fn rsip_summary(message: &rsip::SipMessage) -> Option<Summary> {
    use rsip::headers::{ToTypedHeader, UntypedHeader};
    use rsip::message::HeadersExt;
    let kind = match message {
        rsip::SipMessage::Request(request) => request.method.to_string(),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    let user = |uri: &rsip::Uri| uri.auth.as_ref().map(|a| a.user.clone()).unwrap_or_default();
    let (from, to) =
        (message.from_header().ok()?.typed().ok()?, message.to_header().ok()?.typed().ok()?);
    let via = message.via_header().ok()?.typed().ok()?;
    Some((
        kind,
        message.call_id_header().ok()?.value().to_string(),
        message.cseq_header().ok()?.typed().ok()?.seq,
        vec![user(&from.uri), user(&to.uri)],
        via.branch().map(ToString::to_string).unwrap_or_default(),
        message.body().len(),
    ))
}

/// Touches every view: none may panic, whatever the bytes.
fn look_at_all(bytes: Bytes) {
    let message = match Message::read(bytes) {
        Ok(message) => message,
        Err(malformed) => {
            if let Some(answer) = malformed.answer {
                let answer = Message::read(answer).expect("what we answer can be read");
                assert_eq!(answer.status(), Some(malformed.status));
            }
            return;
        }
    };
    assert_eq!(Message::read(message.bytes().clone()).expect("read before"), message);
    let _ = (message.top_via().is_ok(), message.from().is_ok(), message.to().is_ok());
    for contact in message.contacts().flatten() {
        let _ = (contact.display_name(), contact.user(), contact.expires(), contact.tag());
    }
    let _ = (message.routes().count(), message.record_routes().count(), message.rack());
    let _ = (message.expires(), message.rseq(), message.content_type(), message.uri());
    let _ = sip::sdp::Offer::read(message.body());
    let _ = sip::session_description(&message);
    end_at_an_endpoint(message.clone());
    let flow = sip::Flow {
        transport: sip::Transport::Udp,
        local: "203.0.113.5:5060".parse().unwrap(),
        remote: "192.0.2.20:5060".parse().unwrap(),
        connection: 0,
    };
    if message.is_request() {
        let answer = sip::response_to(&message, 486, Some("tag"), &flow, &[], None);
        let answer = Message::read(answer).expect("the answer to a message that was read");
        assert_eq!(answer.status(), Some(486));
        assert_eq!(answer.call_id(), message.call_id());
        assert_eq!(answer.cseq(), message.cseq());
        assert_eq!(answer.vias().count(), message.vias().count());
    }
    if message.all().count() + 3 > sip::limits::HEADERS_MAX {
        return;
    }
    let spliced = Splice::new(&message).replace(HeaderName::Subject, "x").body("text/plain", b"y");
    let again = Message::read(spliced.finish()).expect("a spliced message");
    assert_eq!(again.body(), b"y");
    assert_eq!(again.header(HeaderName::Subject), Some(&b"x"[..]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_fixture_panics(
        pick in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>(), 0_usize..40), 1..12),
    ) {
        let fixtures = fixtures_once();
        let mut bytes = pick.get(fixtures).1.to_vec();
        for (at, edit, byte, length) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, b"\r\n ;,<>\"%[]:=@"[usize::from(byte) % 14]),
                2 => { bytes.drain(at..end); }
                _ => { let part = bytes[at..end].to_vec(); bytes.splice(at..at, part); }
            }
        }
        look_at_all(Bytes::from(bytes));
    }

    #[test]
    fn no_noise_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        look_at_all(Bytes::from(bytes.clone()));
        let mut headers = b"INVITE sip:a@b SIP/2.0\r\nVia: ".to_vec();
        headers.extend(bytes);
        look_at_all(Bytes::from(headers));
    }
}

fn fixtures_once() -> &'static [(String, Bytes)] {
    static FIXTURES: std::sync::OnceLock<Vec<(String, Bytes)>> = std::sync::OnceLock::new();
    FIXTURES.get_or_init(fixtures)
}
