//! The answer to a request with a fault, from what of it can be read.
//!
//! What is well-formed is copied (RFC 3261 §8.2.6.2). For the rest stands something that is: a client
//! finds its transaction by Via and by CSeq's method alone (§17.1.3), and an answer that is no SIP
//! itself would help nobody.

use bytes::Bytes;

use super::{put_body, put_header, put_ours, put_status_line, put_to, stateless_tag};
use crate::header::{CSeq, HeaderName, NameAddr, Via};
use crate::limits::VIAS_MAX;
use crate::message::{MalformedReason, Message, Method};

/// For an address or an identity that is missing or unreadable.
const UNKNOWN_ADDRESS: &str = "<sip:unknown@unknown.invalid>";
const UNKNOWN_CALL: &str = "unknown";

/// `None` for what must not be answered, and where no Via tells whose request it was.
pub(crate) fn refusal(request: &Message, reason: MalformedReason) -> Option<Bytes> {
    let status = reason.status();
    if !request.is_request() || *request.method_ref() == Method::Ack || status == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(1_024);
    put_status_line(&mut out, status);
    put_vias(&mut out, request)?;
    match request.header(HeaderName::From) {
        Some(from) if is_whole(from) => put_header(&mut out, b"From", from),
        from => put_ours(&mut out, "From", &address_in(from)),
    }
    let tag = stateless_tag(request);
    match request.header(HeaderName::To) {
        Some(to) if is_whole(to) => put_to(&mut out, request, Some(&tag)),
        to => put_ours(&mut out, "To", &format!("{};tag={tag}", address_in(to))),
    }
    put_call_id(&mut out, request);
    match request.header(HeaderName::CSeq) {
        Some(cseq) if CSeq::read(cseq).is_ok() => put_header(&mut out, b"CSeq", cseq),
        Some(_) | None => put_ours(&mut out, "CSeq", &format!("0 {}", request.method_ref())),
    }
    put_ours(&mut out, "Warning", &format!("399 monoligne \"{reason}\""));
    put_body(&mut out, None);
    Some(Bytes::from(out))
}

/// Those up to the first unreadable one: beyond, nobody could be reached through it.
fn put_vias(out: &mut Vec<u8>, request: &Message) -> Option<()> {
    let mut vias = request.values(HeaderName::Via).take(VIAS_MAX);
    let top = vias.next()?;
    match Via::read(top) {
        Ok(_) => put_header(out, b"Via", top),
        Err(_) => put_ours(out, "Via", &bare_via(top)?),
    }
    for via in vias.take_while(|via| Via::read(via).is_ok()) {
        put_header(out, b"Via", via);
    }
    Some(())
}

/// A Via of our version, without its parameters but the branch.
fn bare_via(value: &[u8]) -> Option<String> {
    let value = String::from_utf8_lossy(value);
    let (sent_by, params) = value.split_once(';').unwrap_or((&value, ""));
    let (_, sent_by) = sent_by.split_once('/').and_then(|(_, rest)| rest.split_once('/'))?;
    let mut via = format!("SIP/2.0/{}", sent_by.trim());
    Via::read(via.as_bytes()).ok()?;
    let branch = params.split([';', ',']).find_map(|param| param.trim().strip_prefix("branch="));
    let branch = branch.filter(|it| !it.is_empty() && it.bytes().all(crate::message::is_token));
    if let Some(branch) = branch {
        via.push_str(";branch=");
        via.push_str(branch);
    }
    Some(via)
}

/// An address that can be read, without a tag or with one that says something.
fn is_whole(value: &[u8]) -> bool {
    NameAddr::read(value).is_ok_and(|address| address.params.get("tag") != Some(""))
}

/// What stands between `<>`, if that is a URI.
fn address_in(value: Option<&[u8]>) -> String {
    let value = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let inside = value.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let address = match inside {
        Some((uri, _)) => format!("<{}>", uri.trim()),
        None => format!("<{}>", value.split(';').next().unwrap_or_default().trim()),
    };
    let is_address = NameAddr::read(address.as_bytes()).is_ok();
    if is_address { address } else { UNKNOWN_ADDRESS.to_string() }
}

fn put_call_id(out: &mut Vec<u8>, request: &Message) {
    if let Ok(call_id) = request.call_id() {
        return put_header(out, b"Call-ID", call_id.as_bytes());
    }
    let value = String::from_utf8_lossy(request.header(HeaderName::CallId).unwrap_or_default());
    let word = value.split_whitespace().next();
    let word = word.filter(|word| word.bytes().all(|byte| byte.is_ascii_graphic()));
    let word = word.unwrap_or(UNKNOWN_CALL);
    put_ours(out, "Call-ID", word);
}
