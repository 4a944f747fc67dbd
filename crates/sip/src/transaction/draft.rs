//! A request of ours before and after it is sent: what its next attempt, its CANCEL and its ACK
//! are made of.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Branch;
use crate::write::RequestWriter;
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
            writer = writer.header("Contact", &contact(user, &self.flow));
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
            .header("Via", &via(&self.hop(), self.branch))
            .header("Max-Forwards", "70");
        for route in &self.routes {
            writer = writer.header("Route", route);
        }
        writer
            .header("From", &self.from)
            .header("To", to)
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{} {}", self.cseq, method.as_str()))
    }
}

fn via(flow: &Flow, branch: Branch) -> String {
    format!("SIP/2.0/{} {};rport;branch={branch}", flow.transport.via(), flow.local)
}

/// Our Contact on this flow.
pub(crate) fn contact(user: &str, flow: &Flow) -> String {
    let at = if user.is_empty() { "" } else { "@" };
    match flow.transport {
        Transport::Udp => format!("<sip:{user}{at}{}>", flow.local),
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
            let transport = flow.transport.uri_param();
            format!("<sip:{user}{at}{};transport={transport}>", flow.local)
        }
    }
}
