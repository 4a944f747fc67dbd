//! A request of ours before and after it is sent: what its next attempt, its CANCEL and its ACK
//! are made of.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Branch;
use crate::write::{RequestWriter, one_line, put_address, put_number};
use crate::{Flow, HeaderName, Message, Method, Transport};

/// Methods that we understand, in Allow of our INVITEs and responses.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) method: Method,
    pub(crate) request_uri: String,
    /// Header values, tags included.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    /// Route values, in order.
    pub(crate) routes: Vec<String>,
    pub(crate) contact_user: Option<String>,
    /// Authorization and Proxy-Authorization.
    pub(crate) authorization: Vec<(String, String)>,
    pub(crate) user_agent: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Media type and content.
    pub(crate) body: Option<(String, Bytes)>,
    /// Of the top Via.
    pub(crate) branch: Branch,
    pub(crate) flow: Flow,
    /// Too large for a datagram: it goes over TCP to where the flow's datagrams go (§18.1.1). The
    /// dialog, and our Contact, stay with the flow.
    pub(crate) is_moved: bool,
}

impl Draft {
    /// What it is sent on.
    pub(crate) fn hop(&self) -> Flow {
        if self.is_moved {
            Flow { transport: Transport::Tcp, connection: 0, ..self.flow }
        } else {
            self.flow
        }
    }

    pub(crate) fn write(&self) -> Bytes {
        let mut writer = self.head(&self.method, &self.to);
        if let Some(user) = &self.contact_user {
            writer = writer
                .put(HeaderName::Contact, |out| put_contact(out, &one_line(user), &self.flow));
        }
        for (name, value) in &self.authorization {
            writer = writer.header(name, value);
        }
        if matches!(self.method, Method::Invite | Method::Update | Method::Options) {
            writer = writer.header("Allow", ALLOW);
        }
        if !self.user_agent.is_empty() {
            writer = writer.header("User-Agent", &self.user_agent);
        }
        for (name, value) in &self.headers {
            writer = writer.header(name, value);
        }
        writer.finish(self.body.as_ref().map(|(media, body)| (media.as_str(), body.as_ref())))
    }

    /// The CANCEL of this INVITE: same branch, To without a new tag (§9.1).
    pub(crate) fn cancel(&self, reason: Option<&str>) -> Bytes {
        let writer = self.head(&Method::Cancel, &self.to);
        reason.into_iter().fold(writer, |w, reason| w.header("Reason", reason)).finish(None)
    }

    /// The ACK to a refusing response: same branch, the response's To (§17.1.1.3).
    pub(crate) fn refusal_ack(&self, response: &Message) -> Bytes {
        let to = response.text(HeaderName::To).unwrap_or(&self.to);
        self.head(&Method::Ack, to).finish(None)
    }

    /// What every request has (§8.1.1).
    fn head(&self, method: &Method, to: &str) -> RequestWriter {
        let mut writer = RequestWriter::new(method, &self.request_uri)
            .put(HeaderName::Via, |out| put_via(out, &self.hop(), self.branch))
            .header("Max-Forwards", "70");
        for route in &self.routes {
            writer = writer.header("Route", route);
        }
        writer.header("From", &self.from).header("To", to).header("Call-ID", &self.call_id).put(
            HeaderName::CSeq,
            |out| {
                put_number(out, self.cseq.into());
                out.push(b' ');
                out.extend_from_slice(method.as_str().as_bytes());
            },
        )
    }
}

fn put_via(out: &mut Vec<u8>, flow: &Flow, branch: Branch) {
    out.extend_from_slice(b"SIP/2.0/");
    out.extend_from_slice(flow.transport.via().as_bytes());
    out.push(b' ');
    put_address(out, flow.local);
    out.extend_from_slice(b";rport;branch=");
    branch.put(out);
}

/// Our Contact on this flow. The user part is of one line.
pub(crate) fn put_contact(out: &mut Vec<u8>, user: &str, flow: &Flow) {
    out.extend_from_slice(b"<sip:");
    if !user.is_empty() {
        out.extend_from_slice(user.as_bytes());
        out.push(b'@');
    }
    put_address(out, flow.local);
    match flow.transport {
        Transport::Udp => {}
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
            out.extend_from_slice(b";transport=");
            out.extend_from_slice(flow.transport.uri_param().as_bytes());
        }
    }
    out.push(b'>');
}
