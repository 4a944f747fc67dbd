//! Every message of RFC 4475 and RFC 5118, if the folder named by `MONOLIGNE_CORPUS` is there: what
//! reading gives, and what leaves an endpoint that gets it from a trunk.

#![expect(clippy::unwrap_used, reason = "what a test stands on fails it loudly")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sip::{Endpoint, Event, Flow, HeaderName, Instant, Limits, Message, Method, Setup, Transport};

/// What reading gives.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Outcome {
    /// (method, From's user, body's length)
    Read(&'static str, &'static str, usize),
    /// Status of the answer.
    Answered(u16),
    /// Refused without a word: a response, or no SIP.
    Dropped,
}

/// What the endpoint makes of it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum End {
    /// A call for its owner.
    Invited,
    /// Another request for its owner.
    Asked,
    /// Refused by the endpoint or the reader.
    Status(u16),
    Nothing,
}

use End::{Asked, Invited, Nothing, Status};
use Outcome::{Answered, Dropped, Read};

/// File, section, what reading gives, what the endpoint makes of it.
type Row = (&'static str, &'static str, Outcome, End);

const LONG_USER: &str = "amazinglylongcallernameamazinglylongcallernameamazinglylongcallername\
    amazinglylongcallernameamazinglylongcallername";

const RFC_4475: &[Row] = &[
    ("wsinv", "3.1.1.1", Read("INVITE", "jdrosen", 150), Status(481)), // its To has a tag
    (
        "intmeth",
        "3.1.1.2",
        Read("!interesting-Method0123456789_*+`.%indeed'~", "mundane", 0),
        Status(501),
    ),
    ("esc01", "3.1.1.3", Read("INVITE", "I have spaces", 150), Invited),
    ("escnull", "3.1.1.4", Read("REGISTER", "null-\0-null", 0), Asked), // a NUL in a user part is one octet of it
    ("esc02", "3.1.1.5", Read("RE%47IST%45R", "resource", 0), Status(501)),
    ("lwsdisp", "3.1.1.6", Read("OPTIONS", "caller", 0), Asked),
    ("longreq", "3.1.1.7", Read("INVITE", LONG_USER, 150), Invited),
    ("dblreq", "3.1.1.8", Read("REGISTER", "j.user", 0), Asked),
    ("semiuri", "3.1.1.9", Read("OPTIONS", "caller", 0), Asked),
    ("transports", "3.1.1.10", Read("OPTIONS", "caller", 0), Asked),
    ("mpart01", "3.1.1.11", Read("MESSAGE", "fluffy", 553), Status(405)), // messages are not taken
    ("unreason", "3.1.1.12", Read("INVITE", "user", 154), Nothing),
    ("noreason", "3.1.1.13", Read("INVITE", "user", 0), Nothing),
    ("badinv01", "3.1.2.1", Answered(400), Status(400)),
    ("clerr", "3.1.2.2", Answered(400), Status(400)),
    ("ncl", "3.1.2.3", Answered(400), Status(400)),
    ("scalar02", "3.1.2.4", Answered(400), Status(400)),
    ("scalarlg", "3.1.2.5", Dropped, Nothing),
    ("quotbal", "3.1.2.6", Answered(400), Status(400)),
    ("ltgtruri", "3.1.2.7", Answered(400), Status(400)),
    ("lwsruri", "3.1.2.8", Answered(400), Status(400)),
    ("lwsstart", "3.1.2.9", Answered(400), Status(400)),
    ("trws", "3.1.2.10", Answered(400), Status(400)),
    ("escruri", "3.1.2.11", Answered(400), Status(400)),
    ("baddate", "3.1.2.12", Read("INVITE", "caller", 150), Invited), // nothing depends on Date
    ("regbadct", "3.1.2.13", Read("REGISTER", "user", 0), Asked), // its Contact is an error: the registrar says 400
    ("badaspec", "3.1.2.14", Read("OPTIONS", "a.g.bell", 0), Asked), // spaces inside <> are tolerated
    ("baddn", "3.1.2.15", Read("OPTIONS", "a.g.bell", 0), Asked), // what is meant is plain, so it is let pass
    ("badvers", "3.1.2.16", Answered(505), Status(505)),
    ("mismatch01", "3.1.2.17", Answered(400), Status(400)),
    ("mismatch02", "3.1.2.18", Answered(400), Status(400)), // 400 or 501, as one likes
    ("bigcode", "3.1.2.19", Dropped, Nothing),
    ("badbranch", "3.2.1", Read("OPTIONS", "caller", 0), Asked), // as of an RFC 2543 client
    ("insuf", "3.3.1", Answered(400), Status(400)),
    ("unkscm", "3.3.2", Answered(416), Status(416)),
    ("novelsc", "3.3.3", Answered(416), Status(416)),
    ("unksm2", "3.3.4", Read("REGISTER", "", 0), Asked), // From's scheme is unknown, which harms nobody
    ("bext01", "3.3.5", Read("OPTIONS", "caller", 0), Status(420)),
    ("invut", "3.3.6", Read("INVITE", "caller", 40), Invited), // 415 is the engine's
    ("regaut01", "3.3.7", Read("REGISTER", "j.user", 0), Asked), // the registrar's: 401 in a scheme of ours
    ("multi01", "3.3.8", Answered(400), Status(400)),
    ("mcl01", "3.3.9", Answered(400), Status(400)),
    ("bcast", "3.3.10", Read("INVITE", "user", 154), Nothing), // a response to nothing of ours
    ("zeromf", "3.3.11", Read("OPTIONS", "caller", 0), Asked), // it goes no further than us
    ("cparam01", "3.3.12", Read("REGISTER", "watson", 0), Asked),
    ("cparam02", "3.3.13", Read("REGISTER", "watson", 0), Asked),
    ("regescrt", "3.3.14", Read("REGISTER", "user", 0), Asked),
    ("sdp01", "3.3.15", Read("INVITE", "caller", 150), Invited), // what the caller accepts is not asked
    ("inv2543", "3.4.1", Read("INVITE", "+13035551111", 105), Status(400)), // without Contact a dialog would have no target
    ("test", "none", Dropped, Nothing), // no section cites it; its start line has no version
];

const RFC_5118: &[Row] = &[
    ("ipv6-good", "4.1", Read("REGISTER", "user", 0), Asked),
    ("ipv6-bad", "4.2", Answered(400), Status(400)),
    ("port-ambiguous", "4.3", Read("REGISTER", "user", 0), Asked),
    ("port-unambiguous", "4.4", Read("REGISTER", "user", 0), Asked),
    ("via-received-param-with-delim", "4.5", Read("BYE", "user", 0), Status(481)),
    ("via-received-param-no-delim", "4.5", Read("OPTIONS", "user", 0), Asked),
    // Two files are shorter than their Content-Length says: see MENDED.
    ("ipv6-in-sdp", "4.6", Answered(400), Status(400)),
    ("mult-ip-in-header", "4.7", Read("BYE", "user", 0), Status(481)),
    ("mult-ip-in-sdp", "4.8", Answered(400), Status(400)),
    ("ipv4-mapped-ipv6", "4.9", Read("INVITE", "user", 236), Invited),
    ("ipv6-bug-abnf-3-colons", "4.10", Read("OPTIONS", "user", 0), Asked),
    ("ipv6-correct-abnf-2-colons", "4.10", Read("OPTIONS", "user", 0), Asked),
];

/// With CRs at the ends of their lines, as the RFC has them, and the length that they then have.
const MENDED: &[Row] = &[
    ("ipv6-in-sdp", "4.6", Read("INVITE", "user", 251), Invited),
    ("mult-ip-in-sdp", "4.8", Read("INVITE", "user", 189), Invited),
];

/// `None`, said so, where there is none and none has to be.
#[expect(clippy::explicit_write, reason = "the test harness keeps what `eprintln!` says to itself")]
fn corpus() -> Option<PathBuf> {
    let corpus = std::env::var_os("MONOLIGNE_CORPUS").map(PathBuf::from);
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(corpus.is_some() || !is_ci, "under CI, MONOLIGNE_CORPUS names the public corpora");
    if corpus.is_none() {
        writeln!(std::io::stderr(), "skipped: MONOLIGNE_CORPUS names no folder").unwrap();
    }
    corpus
}

fn path(folder: &Path, name: &str) -> PathBuf {
    let extension = if folder.ends_with("rfc4475") { ".dat" } else { "" };
    folder.join(format!("{name}{extension}"))
}

#[test]
fn each_file_has_its_expectation_and_each_expectation_its_file() {
    let Some(corpus) = corpus() else { return };
    for (folder, table) in [("rfc4475", RFC_4475), ("rfc5118", RFC_5118)] {
        let folder = corpus.join(folder);
        let files: BTreeSet<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let expected: BTreeSet<PathBuf> =
            table.iter().map(|(name, ..)| path(&folder, name)).collect();
        assert_eq!(files, expected);
        assert_eq!(table.len(), expected.len(), "each once");
    }
}

#[test]
fn the_torture_messages_are_read_or_answered() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for (folder, table) in [("rfc4475", RFC_4475), ("rfc5118", RFC_5118)] {
        let folder = corpus.join(folder);
        for row in table {
            let bytes = std::fs::read(path(&folder, row.0)).unwrap();
            wrong.extend(differences(row, Bytes::from(bytes)));
        }
    }
    for row in MENDED {
        let text = std::fs::read_to_string(corpus.join("rfc5118").join(row.0)).unwrap();
        let lines: Vec<_> =
            text.lines().filter(|line| !line.starts_with("Content-Length")).collect();
        let (head, body) = lines.split_at(lines.iter().position(|line| line.is_empty()).unwrap());
        let body = format!("{}\r\n", body.join("\r\n"));
        let length = body.len() - 2;
        let whole = format!("{}\r\nContent-Length: {length}\r\n{body}", head.join("\r\n"));
        wrong.extend(differences(row, Bytes::from(whole)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn differences((name, section, expected, end): &Row, bytes: Bytes) -> Vec<String> {
    let found = read(bytes.clone());
    let mut wrong = Vec::new();
    if found.as_ref() != Ok(expected) {
        wrong.push(format!("{name} ({section}) is read as {found:?}"));
    }
    let found = ends(bytes);
    if found != [*end] {
        wrong.push(format!("{name} ({section}) ends as {found:?}"));
    }
    wrong
}

fn read(bytes: Bytes) -> Result<Outcome, String> {
    let message = match Message::read(bytes) {
        Ok(message) => message,
        Err(malformed) if malformed.answer.is_some() => return Ok(Answered(malformed.status)),
        Err(_) => return Ok(Dropped),
    };
    assert!(message.header(HeaderName::Via).is_some());
    let from = message.from().map_err(|error| error.to_string())?;
    // Leaked, so that the table can be a constant.
    let leak = |text: &str| -> &'static str { Box::leak(text.to_string().into_boxed_str()) };
    let user = leak(&from.user().unwrap_or_default());
    Ok(Read(leak(message.method().as_str()), user, message.body().len()))
}

/// What an endpoint does with it, each answer read again. One thing, if all is right.
fn ends(bytes: Bytes) -> Vec<End> {
    let limits = Limits::default();
    let mut endpoint = Endpoint::new(Setup { seed: [9; 32], user_agent: "test".into(), limits });
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "198.51.100.1:5060".parse().unwrap(),
        connection: 0,
    };
    let now = Instant::from_secs(1);
    let is_call = match Message::read(bytes) {
        Ok(message) => {
            let is_new = message.to().unwrap().tag().is_none();
            let is_call = is_new && message.method() == Method::Invite;
            endpoint.handle_message(now, flow, message);
            is_call
        }
        Err(malformed) => {
            let is_call = malformed.invite.is_some();
            endpoint.handle_malformed(now, flow, malformed);
            is_call
        }
    };
    let mut ends = Vec::new();
    let mut told = Vec::new();
    while let Some(event) = endpoint.poll_event() {
        if let Event::Refused { status, .. } = event {
            told.push(status);
        } else {
            let is_call = matches!(event, Event::Invited { .. });
            assert!(is_call || matches!(event, Event::Request { .. }), "{event:?}");
            ends.push(if is_call { Invited } else { Asked });
        }
    }
    while let Some(transmit) = endpoint.poll_transmit() {
        let answer = Message::read(transmit.bytes).expect("what we answer can be read");
        let status = answer.status().unwrap();
        if status == 100 {
            continue;
        }
        ends.push(Status(status));
        assert!(answer.to().unwrap().tag().is_some(), "RFC 3261 §8.2.6.2");
        assert_eq!(told, if is_call { vec![status] } else { Vec::new() });
        // The endpoint's 501 has it as well; the reader's, for a name too long, has not.
        assert!(status != 405 || answer.header(HeaderName::Allow).is_some());
        assert_eq!(answer.header(HeaderName::Unsupported).is_some(), status == 420);
    }
    if ends.is_empty() { vec![Nothing] } else { ends }
}
