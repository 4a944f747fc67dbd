//! Every message of RFC 4475 and RFC 5118, if the folder named by `MONOLIGNE_CORPUS` is there.

use std::path::PathBuf;

use bytes::Bytes;
use sip::{HeaderName, Message};

/// What reading gives.
enum Outcome {
    /// (method, From's user, body's length)
    Read(&'static str, &'static str, usize),
    /// Status of the answer.
    Answered(u16),
    /// Refused without a word: a response, or no SIP.
    Dropped,
}

use Outcome::{Answered, Dropped, Read};

const LONG_USER: &str = "amazinglylongcallernameamazinglylongcallernameamazinglylongcallername\
    amazinglylongcallernameamazinglylongcallername";

const RFC_4475: &[(&str, Outcome)] = &[
    ("badaspec", Read("OPTIONS", "a.g.bell", 0)), // spaces inside <> are tolerated
    ("badbranch", Read("OPTIONS", "caller", 0)),  // the transaction layer's matter
    ("baddate", Read("INVITE", "caller", 150)),
    ("baddn", Read("OPTIONS", "a.g.bell", 0)), // as the RFC allows: what is meant is plain
    ("badinv01", Answered(400)),
    ("badvers", Answered(505)),
    ("bcast", Read("INVITE", "user", 154)),
    ("bext01", Read("OPTIONS", "caller", 0)), // 420 is the endpoint's
    ("bigcode", Dropped),
    ("clerr", Answered(400)),
    ("cparam01", Read("REGISTER", "watson", 0)),
    ("cparam02", Read("REGISTER", "watson", 0)),
    ("dblreq", Read("REGISTER", "j.user", 0)),
    ("esc01", Read("INVITE", "I have spaces", 150)),
    ("esc02", Read("RE%47IST%45R", "resource", 0)),
    ("escnull", Read("REGISTER", "null-\0-null", 0)),
    ("escruri", Answered(400)),
    ("insuf", Answered(400)),
    ("intmeth", Read("!interesting-Method0123456789_*+`.%indeed'~", "mundane", 0)),
    ("inv2543", Read("INVITE", "+13035551111", 105)),
    ("invut", Read("INVITE", "caller", 40)), // 415 is the engine's
    ("longreq", Read("INVITE", LONG_USER, 150)),
    ("ltgtruri", Answered(400)),
    ("lwsdisp", Read("OPTIONS", "caller", 0)),
    ("lwsruri", Answered(400)),
    ("lwsstart", Answered(400)),
    ("mcl01", Answered(400)),
    ("mismatch01", Answered(400)),
    ("mismatch02", Answered(400)),
    ("mpart01", Read("MESSAGE", "fluffy", 553)),
    ("multi01", Answered(400)),
    ("ncl", Answered(400)),
    ("noreason", Read("INVITE", "user", 0)),
    ("novelsc", Answered(416)),
    ("quotbal", Answered(400)),
    ("regaut01", Read("REGISTER", "j.user", 0)),
    ("regbadct", Read("REGISTER", "user", 0)), // its Contact is an error, so the registrar says 400
    ("regescrt", Read("REGISTER", "user", 0)),
    ("scalar02", Answered(400)),
    ("scalarlg", Dropped),
    ("sdp01", Read("INVITE", "caller", 150)),
    ("semiuri", Read("OPTIONS", "caller", 0)),
    ("test", Dropped), // no section of the RFC cites it; its start line has no version
    ("transports", Read("OPTIONS", "caller", 0)),
    ("trws", Answered(400)),
    ("unkscm", Answered(416)),
    ("unksm2", Read("REGISTER", "", 0)), // From's scheme is unknown, which harms nobody
    ("unreason", Read("INVITE", "user", 154)),
    ("wsinv", Read("INVITE", "jdrosen", 150)),
    ("zeromf", Read("OPTIONS", "caller", 0)),
];

const RFC_5118: &[(&str, Outcome)] = &[
    ("ipv4-mapped-ipv6", Read("INVITE", "user", 236)),
    ("ipv6-bad", Answered(400)),
    ("ipv6-bug-abnf-3-colons", Read("OPTIONS", "user", 0)),
    ("ipv6-correct-abnf-2-colons", Read("OPTIONS", "user", 0)),
    ("ipv6-good", Read("REGISTER", "user", 0)),
    // Two files have lost the CRs that their Content-Length counts.
    ("ipv6-in-sdp", Answered(400)),
    ("mult-ip-in-header", Read("BYE", "user", 0)),
    ("mult-ip-in-sdp", Answered(400)),
    ("port-ambiguous", Read("REGISTER", "user", 0)),
    ("port-unambiguous", Read("REGISTER", "user", 0)),
    ("via-received-param-no-delim", Read("OPTIONS", "user", 0)),
    ("via-received-param-with-delim", Read("BYE", "user", 0)),
];

#[test]
fn the_torture_messages_are_read_or_answered() {
    let Some(corpus) = std::env::var_os("MONOLIGNE_CORPUS").map(PathBuf::from) else {
        println!("skipped: MONOLIGNE_CORPUS names no folder");
        return;
    };
    let mut wrong = Vec::new();
    for (folder, table) in [("rfc4475", RFC_4475), ("rfc5118", RFC_5118)] {
        let entries = std::fs::read_dir(corpus.join(folder)).unwrap();
        assert_eq!(entries.count(), table.len(), "every file of {folder} is in the table");
        for (name, expected) in table {
            let extension = if folder == "rfc4475" { ".dat" } else { "" };
            let path = corpus.join(folder).join(format!("{name}{extension}"));
            let read = Message::read(Bytes::from(std::fs::read(path).unwrap()));
            if let Err(found) = compare(read, expected) {
                wrong.push(format!("{name}: {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn compare(read: Result<Message, sip::Malformed>, expected: &Outcome) -> Result<(), String> {
    match (read, expected) {
        (Ok(message), Read(method, user, body)) => {
            let from = message.from().map_err(|error| error.to_string())?;
            let found = from.user().unwrap_or_default().into_owned();
            let is_same = message.method().as_str() == *method
                && found == *user
                && message.body().len() == *body;
            let via = message.header(HeaderName::Via).is_some();
            if is_same && via {
                return Ok(());
            }
            Err(format!("{} {found:?} {}", message.method(), message.body().len()))
        }
        (Err(malformed), Answered(status)) => match malformed.answer {
            Some(_) if malformed.status == *status => Ok(()),
            _ => Err(format!("{malformed:?}")),
        },
        (Err(malformed), Dropped) if malformed.answer.is_none() => Ok(()),
        (Ok(message), Answered(_) | Dropped) => Err(format!("{message:?}")),
        (Err(malformed), Read(..) | Dropped) => Err(malformed.to_string()),
    }
}
