//! Dialog state (RFC 3261 §12): what requests of both sides in one dialog are made of and
//! measured against.
//!
//! As the UAC of its INVITE we stay on the flow that the peer was last heard on: phones behind NAT
//! name a Contact that only they can reach. As the UAS (our peer is an operator's network) the first
//! route, else the Contact, says where the next request goes (§12.2.1.1), where it is an address.

use serde::{Deserialize, Serialize};

use crate::transaction::{Branch, Draft};
use crate::{Flow, HeaderName, Message, Method, NameAddr, Uri};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dialog {
    call_id: String,
    /// From of our requests, tag included.
    local: String,
    /// To of our requests, tag included.
    remote: String,
    /// Empty for RFC 2543 peers.
    remote_tag: String,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    remote_target: String,
    routes: Vec<String>,
    contact_user: String,
    /// Where the peer was last heard.
    flow: Flow,
    /// Whether requests go where the routes and the target say.
    is_routed: bool,
    /// The flow's connection is gone, and the peer has not been heard since.
    is_lost: bool,
}

impl Dialog {
    /// As the UAS of `invite` (§12.1.1). `None` if the INVITE names no Contact or lacks a header.
    pub(crate) fn of_invite(
        invite: &Message,
        local_tag: &str,
        contact_user: String,
        flow: Flow,
    ) -> Option<Self> {
        let from = invite.from().ok()?;
        let remote_tag = from.tag().unwrap_or_default().to_string();
        Some(Self {
            call_id: invite.call_id().ok()?.to_string(),
            local: with_tag(invite.to().ok()?.uri, local_tag),
            remote: with_tag(from.uri, &remote_tag),
            remote_tag,
            local_cseq: 0,
            remote_cseq: Some(invite.cseq().ok()?.number),
            remote_target: contact_of(invite)?,
            routes: routes_of(invite),
            contact_user,
            flow,
            is_routed: true,
            is_lost: false,
        })
    }

    /// As the UAC of the INVITE `draft`, by a response that has a To-tag (§12.1.2). A response
    /// without a Contact leaves the INVITE's Request-URI as the target.
    pub(crate) fn of_response(draft: &Draft, response: &Message) -> Self {
        let to = response.to().ok();
        let remote_tag = to.and_then(|to| to.tag()).unwrap_or_default().to_string();
        let remote_uri = to.map_or(draft.request_uri.as_str(), |to| to.uri);
        let mut routes = routes_of(response);
        routes.reverse();
        if routes.is_empty() {
            routes.clone_from(&draft.routes);
        }
        Self {
            call_id: draft.call_id.clone(),
            local: draft.from.clone(),
            remote: with_tag(remote_uri, &remote_tag),
            remote_tag,
            local_cseq: draft.cseq,
            remote_cseq: None,
            remote_target: contact_of(response).unwrap_or_else(|| draft.request_uri.clone()),
            routes,
            contact_user: draft.contact_user.clone().unwrap_or_default(),
            flow: draft.flow,
            is_routed: false,
            is_lost: false,
        }
    }

    pub(crate) fn is_remote_tag(&self, tag: &str) -> bool {
        self.remote_tag == tag
    }

    pub(crate) fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }

    /// A request of theirs is in order (§12.2.2): its number is taken, and where it came from.
    pub(crate) fn take_remote_cseq(&mut self, number: u32, flow: Flow) -> bool {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        self.move_to(flow);
        true
    }

    /// The peer is heard there.
    pub(crate) fn move_to(&mut self, flow: Flow) {
        self.flow = flow;
        self.is_lost = false;
    }

    /// The connection is gone: the next request opens another, to where the target says.
    pub(crate) fn lose(&mut self, flow: &Flow) {
        if self.flow == *flow {
            self.flow.connection = 0;
            self.is_lost = true;
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// A re-INVITE or UPDATE, or the 2xx to one, may move the peer (§12.2).
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = contact_of(message) {
            self.remote_target = target;
        }
    }

    /// The next request of ours: its CSeq is one more than the last (§12.2.1.1).
    pub(crate) fn next(&mut self, method: Method, branch: Branch, user_agent: &str) -> Draft {
        let cseq = self.take_cseq();
        self.draft(method, cseq, branch, user_agent)
    }

    /// The ACK to the 2xx of the INVITE with that number (§13.2.2.4).
    pub(crate) fn ack(&self, cseq: u32, branch: Branch, user_agent: &str) -> Draft {
        Draft { contact_user: None, ..self.draft(Method::Ack, cseq, branch, user_agent) }
    }

    /// The number of the next request of ours.
    pub(crate) fn take_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    fn draft(&self, method: Method, cseq: u32, branch: Branch, user_agent: &str) -> Draft {
        let (request_uri, routes) = self.request_uri_and_routes();
        let has_contact = matches!(method, Method::Invite | Method::Update);
        let flow = self.next_hop();
        Draft {
            method,
            request_uri,
            from: self.local.clone(),
            to: self.remote.clone(),
            call_id: self.call_id.clone(),
            cseq,
            routes,
            contact_user: has_contact.then(|| self.contact_user.clone()),
            authorization: Vec::new(),
            user_agent: user_agent.to_string(),
            headers: Vec::new(),
            body: None,
            branch,
            flow,
            is_moved: false,
        }
    }

    /// A connection is kept while it is there; a name would have to be resolved, and the peer is where
    /// it was.
    fn next_hop(&self) -> Flow {
        let is_routed = match self.flow.transport.is_reliable() {
            true => self.is_lost,
            false => self.is_routed,
        };
        if !is_routed {
            return self.flow;
        }
        let route = self.routes.first().and_then(|route| NameAddr::read(route.as_bytes()).ok());
        let hop = route.map_or(self.remote_target.as_str(), |route| route.uri);
        match Uri::read_str(hop).ok().and_then(|uri| uri.address()) {
            Some(remote) if remote.is_ipv4() == self.flow.remote.is_ipv4() => {
                Flow { remote, ..self.flow }
            }
            Some(_) | None => self.flow,
        }
    }

    /// A first route without `lr` is a strict router: it goes into the Request-URI, the target to
    /// the end (§12.2.1.1).
    fn request_uri_and_routes(&self) -> (String, Vec<String>) {
        let strict = self.routes.first().and_then(|route| {
            let route = NameAddr::read(route.as_bytes()).ok()?;
            let uri = Uri::read_str(route.uri).ok()?;
            (!uri.params.has("lr")).then(|| route.uri.to_string())
        });
        match strict {
            None => (self.remote_target.clone(), self.routes.clone()),
            Some(uri) => {
                let mut routes = self.routes[1..].to_vec();
                routes.push(format!("<{}>", self.remote_target));
                (uri, routes)
            }
        }
    }
}

pub(crate) fn with_tag(uri: &str, tag: &str) -> String {
    if tag.is_empty() { format!("<{uri}>") } else { format!("<{uri}>;tag={tag}") }
}

/// The first Contact's URI.
pub(crate) fn contact_of(message: &Message) -> Option<String> {
    let contact = message.contacts().next()?.ok()?;
    (contact.uri != "*").then(|| contact.uri.to_string())
}

fn routes_of(message: &Message) -> Vec<String> {
    let routes = message.values(HeaderName::RecordRoute);
    routes.map(|route| String::from_utf8_lossy(route).into_owned()).collect()
}
