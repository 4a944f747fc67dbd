//! An engine on the test bench: one trunk, some phones, messages written by hand, virtual time.

#![expect(clippy::unwrap_used, reason = "what a test writes can be read, or the test has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, PracticeId, TeamId, Urgency};
use bytes::Bytes;
use call::{
    Action, CallRecord, Config, E164, Engine, Input, Limits, MediaLeg, MediaOrder, MediaSource,
    Network, Notice, Owner, Pool, Port, RegistrarLimits, Setup, Source, Standing, Trunk, TrunkId,
};
use sip::{Account, Flow, HeaderName, Instant, Message, Method, Transport};

pub(crate) const REALM: &str = "practices.example";
pub(crate) const TRUNK: &str = "198.51.100.1:5060";
pub(crate) const PHONE: &str = "203.0.113.7:5060";
pub(crate) const STRANGER: &str = "192.0.2.99:4444";
const TEAM: TeamId = TeamId(1);

pub(crate) struct Bench {
    pub(crate) engine: Engine,
    now: Instant,
    pub(crate) sent: Vec<(Flow, Message)>,
    pub(crate) orders: Vec<MediaOrder>,
    pub(crate) records: Vec<CallRecord>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) remembered: Vec<Standing>,
    /// Our INVITE of the last [`Self::talk`].
    pub(crate) rung: Option<Message>,
    pub(crate) cseq: u32,
    /// Of those that are not on UDP.
    connections: BTreeMap<String, u64>,
}

/// Secretaries 1, 2, … with these names, all with the password `secret`.
pub(crate) fn config(users: &[&str], change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let seconds = Duration::from_secs;
    let mut floor = acd::Setup::default();
    let retry_after = acd::RetryAfter {
        no_answer: seconds(5),
        declined: seconds(5),
        busy: seconds(5),
        unreachable: seconds(5),
        dropped: seconds(5),
    };
    let team = acd::Team {
        ring_for: seconds(20),
        wrap_up: seconds(5),
        retry_after,
        misses_max: 0,
        ..acd::Team::default()
    };
    floor.teams.insert(TEAM, team);
    let plan = acd::Plan { steps: vec![acd::Step::queue(TEAM, None)] };
    let practice = acd::Practice::without_hours(seconds(15), Urgency::Normal, plan);
    floor.practices.insert(PracticeId(1), practice);
    let mut agents = BTreeMap::new();
    for (id, user) in (1..).map(AgentId).zip(users) {
        floor
            .agents
            .insert(id, acd::Agent { teams: vec![TEAM], wrap_up: None, ..acd::Agent::default() });
        let account = Account::new(user, REALM, "secret");
        let agent = call::Agent { user: (*user).to_string(), name: (*user).to_string(), account };
        agents.insert(id, agent);
    }
    let network = Network { address: "198.51.100.1".parse().unwrap(), prefix: 32 };
    let trunk = Trunk {
        name: "operator".to_string(),
        sources: vec![Source { network, port: None }],
        transports: vec![Transport::Udp],
        max_unanswered: seconds(85),
        rang_before: Duration::from_secs(25),
        numbers: call::Numbering::default(),
        outbound: None,
    };
    let practice = call::Practice {
        key: "martin".to_string(),
        name: "martin".to_string(),
        label: "Dr Martin".to_string(),
        ..call::Practice::default()
    };
    let mut config = Config {
        urgent_numbers: BTreeMap::new(),
        phones: BTreeMap::new(),
        realm: REALM.to_string(),
        trunks: BTreeMap::from([(TrunkId(1), trunk)]),
        practices: BTreeMap::from([(PracticeId(1), practice)]),
        agents,
        numbers: BTreeMap::from([(E164::read("0199001234").unwrap(), PracticeId(1))]),
        shared: BTreeMap::new(),
        sites: BTreeMap::new(),
        emergency: call::Emergency::default(),
        locals: Vec::new(),
        floor: Arc::new(floor),
        prompts: BTreeMap::new(),
        hold: None,
        codecs: sip::sdp::Codec::ALL.to_vec(),
        ring_refresh: seconds(50),
        unreachable_after: seconds(2),
        inquiry_timeout: seconds(3),
        pause_reasons: BTreeMap::new(),
        teams: BTreeMap::new(),
        // Tests that are about it ask their phones; all others see no OPTIONS that they did not cause.
        registrar: RegistrarLimits {
            options_interval: Duration::ZERO,
            ..RegistrarLimits::default()
        },
        limits: Limits::default(),
    };
    change(&mut config);
    Arc::new(config)
}

pub(crate) fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: 0,
    }
}

/// An audio description; `formats` are payload types, 101 being events.
pub(crate) fn sdp(address: &str, port: u16, formats: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}

impl Bench {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        let setup = Setup { node: 1, epoch: 1, seed: [3; 32], user_agent: "monoligne".to_string() };
        let mut bench = Self {
            engine: Engine::new(config, setup),
            now: Instant::from_micros(1_000_000),
            sent: Vec::new(),
            orders: Vec::new(),
            records: Vec::new(),
            notices: Vec::new(),
            remembered: Vec::new(),
            rung: None,
            cseq: 0,
            connections: BTreeMap::new(),
        };
        let ports = (0..50).map(|pair| 20_000 + pair * 2).collect();
        bench.input(Input::Ports(Pool {
            address: "192.0.2.1".parse().unwrap(),
            shards: vec![ports],
        }));
        bench
    }

    pub(crate) fn with(users: &[&str]) -> Self {
        Self::new(config(users, |_| ()))
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Transmit(transmit) => {
                    let message = Message::read(transmit.bytes).expect("what we send can be read");
                    self.sent.push((transmit.flow, message));
                }
                Action::Media(order) => self.orders.push(order),
                Action::Record(record) => self.records.push(*record),
                Action::Remember(standing) => self.remembered.push(*standing),
                Action::RememberOverride { .. } => {}
                Action::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    /// Time in which the engine was not woken.
    pub(crate) fn skip(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// One wake-up.
    pub(crate) fn run_due(&mut self) {
        self.engine.handle_timeout(self.now);
        self.drain();
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((at, _)) = self.engine.poll_timeout().filter(|&(at, _)| at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Takes in a message; what was sent before is forgotten. Its size.
    pub(crate) fn receive(&mut self, from: &str, head: &str, body: &str) -> usize {
        let media_type = if body.is_empty() { "" } else { "application/sdp" };
        self.receive_typed(from, head, media_type, body)
    }

    pub(crate) fn receive_typed(
        &mut self,
        from: &str,
        head: &str,
        media_type: &str,
        body: &str,
    ) -> usize {
        let mut text: String = head.lines().map(|line| format!("{}\r\n", line.trim())).collect();
        if !media_type.is_empty() {
            text += &format!("Content-Type: {media_type}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let size = text.len();
        self.receive_bytes(from, Bytes::from(text));
        size
    }

    pub(crate) fn receive_bytes(&mut self, from: &str, bytes: Bytes) {
        self.sent.clear();
        let flow = self.flow(from);
        self.input(match Message::read(bytes) {
            Ok(message) => Input::Message { flow, message },
            Err(malformed) => Input::Malformed { flow, malformed },
        });
    }

    /// From that address: over UDP, unless it [`connects`](Self::connects).
    pub(crate) fn flow(&self, from: &str) -> Flow {
        match self.connections.get(from) {
            None => flow(from),
            Some(&connection) => Flow { transport: Transport::Tcp, connection, ..flow(from) },
        }
    }

    /// What comes from there comes on this TCP connection from here on.
    pub(crate) fn connects(&mut self, from: &str, connection: u64) {
        self.connections.insert(from.to_string(), connection);
    }

    /// The connection of that address breaks.
    pub(crate) fn breaks(&mut self, from: &str) {
        let flow = self.flow(from);
        self.sent.clear();
        self.input(Input::FlowFailed { flow });
    }

    /// Statuses and methods of what was sent last.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(_, message): &(Flow, Message)| match message.status() {
            Some(status) => format!("{status} {}", message.method().as_str()),
            None => message.method().as_str().to_string(),
        };
        self.sent.iter().map(line).collect()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.sent.last().and_then(|(_, message)| message.status())
    }

    pub(crate) fn register_head(
        &mut self,
        flow: &str,
        to: &str,
        user: &str,
        authorization: &str,
    ) -> String {
        self.cseq += 1;
        let cseq = self.cseq;
        format!(
            "REGISTER sip:{REALM} SIP/2.0
             Via: SIP/2.0/UDP {flow};rport;branch=z9hG4bKregister{cseq}
             From: <sip:{to}@{REALM}>;tag=register
             To: <sip:{to}@{REALM}>
             Call-ID: register-{user}-{flow}
             CSeq: {cseq} REGISTER
             Contact: <sip:{user}@{flow}>{authorization}"
        )
    }

    /// Registers `to` from `from` with the credentials of `user`; the last status, if any came.
    pub(crate) fn register_as(
        &mut self,
        from: &str,
        to: &str,
        user: &str,
        password: &str,
    ) -> Option<u16> {
        let head = self.register_head(from, to, user, "");
        self.receive(from, &head, "");
        let challenge = self.sent.last()?.1.clone();
        let credentials = sip::Credentials {
            username: user.to_string(),
            password: password.to_string(),
            realm: None,
        };
        let uri = format!("sip:{REALM}");
        let (name, value) = credentials.answer(&challenge, &Method::Register, &uri, 1, 5)?;
        let head = self.register_head(from, to, user, &format!("\n{name}: {value}"));
        self.receive(from, &head, "");
        self.status()
    }

    pub(crate) fn register(&mut self, from: &str, user: &str) {
        assert_eq!(self.register_as(from, user, user, "secret"), Some(200));
    }

    /// The trunk's INVITE of call `id`.
    pub(crate) fn invite(&mut self, id: &str, headers: &str, body: &str) {
        let head = invite_head(id, headers);
        self.receive(TRUNK, &head, body);
    }

    /// The trunk's INVITE of call `id` with another body than a session description.
    pub(crate) fn invite_typed(&mut self, id: &str, headers: &str, media_type: &str, body: &str) {
        let head = invite_head(id, headers);
        self.receive_typed(TRUNK, &head, media_type, body);
    }

    /// What the trunk sends within call `id`, whose `To` is given.
    pub(crate) fn within(&mut self, id: &str, to: &str, method: &str, cseq: u32, body: &str) {
        let head = format!(
            "{method} sip:+33199001234@192.0.2.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {TRUNK};rport;branch=z9hG4bK{method}{cseq}
             From: <sip:+33639980001@operator.example>;tag=from{id}
             To: {to}
             Call-ID: {id}
             CSeq: {cseq} {method}
             Contact: <sip:{TRUNK}>"
        );
        self.receive(TRUNK, &head, body);
    }

    /// The trunk takes the INVITE of call `id` back (RFC 3261 §9.1: its branch, its To).
    pub(crate) fn cancel(&mut self, id: &str) {
        let head = invite_head(id, "").replace("INVITE", "CANCEL");
        self.receive(TRUNK, &head, "");
    }

    /// The last request of that method that we sent.
    pub(crate) fn ours(&self, method: &Method) -> Option<Message> {
        let is_ours = |message: &&Message| message.is_request() && message.method() == *method;
        self.sent.iter().rev().map(|(_, message)| message).find(is_ours).cloned()
    }

    /// A phone's response to our INVITE.
    pub(crate) fn phone_replies(&mut self, invite: &Message, status: u16, body: &str) {
        let media_type = if body.is_empty() { "" } else { "application/sdp" };
        self.phone_replies_typed(invite, status, media_type, body);
    }

    pub(crate) fn phone_replies_typed(
        &mut self,
        invite: &Message,
        status: u16,
        media_type: &str,
        body: &str,
    ) {
        let text = |name| invite.text(name).expect("our INVITE has it").to_string();
        let head = format!(
            "SIP/2.0 {status} Reply
             Via: {}
             From: {}
             To: {};tag=phone
             Call-ID: {}
             CSeq: {}
             Contact: <sip:phone@{PHONE}>",
            text(HeaderName::Via),
            text(HeaderName::From),
            text(HeaderName::To),
            text(HeaderName::CallId),
            text(HeaderName::CSeq),
        );
        let from = self.sent.iter().rev().find(|(_, sent)| sent == invite);
        let from = from.map_or_else(|| PHONE.to_string(), |(flow, _)| flow.remote.to_string());
        self.receive_typed(&from, &head, media_type, body);
    }

    /// A request of ours that is no INVITE, answered from where it went to.
    pub(crate) fn answers(&mut self, request: &Message, status: u16) {
        self.phone_replies(request, status, "");
    }

    /// What a phone sends within the leg that our `invite` opened.
    pub(crate) fn phone_within(&mut self, invite: &Message, method: &str, cseq: u32, body: &str) {
        let text = |name| invite.text(name).expect("our INVITE has it").to_string();
        let head = format!(
            "{method} sip:monoligne@192.0.2.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {PHONE};rport;branch=z9hG4bKphone{method}{cseq}
             From: {};tag=phone
             To: {}
             Call-ID: {}
             CSeq: {cseq} {method}
             Contact: <sip:phone@{PHONE}>",
            text(HeaderName::To),
            text(HeaderName::From),
            text(HeaderName::CallId),
        );
        self.receive(PHONE, &head, body);
    }

    /// A phone dials; `user` is what it puts before the `@`.
    pub(crate) fn dials(&mut self, from: &str, as_whom: &str, user: &str, body: &str) {
        self.cseq += 1;
        let id = self.cseq;
        let head = format!(
            "INVITE sip:{user}@{REALM} SIP/2.0
             Via: SIP/2.0/UDP {from};rport;branch=z9hG4bKdial{id}
             From: <sip:{as_whom}@{REALM}>;tag=dial{id}
             To: <sip:{user}@{REALM}>
             Call-ID: dial{id}
             CSeq: 1 INVITE
             Contact: <sip:{as_whom}@{from}>"
        );
        self.receive(from, &head, body);
    }

    /// What the phone that dialled last sends within that leg.
    pub(crate) fn dialler_sends(&mut self, from: &str, method: &str, cseq: u32, answer: &Message) {
        let text = |name| answer.text(name).expect("our answer has it").to_string();
        let head = format!(
            "{method} sip:192.0.2.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {from};rport;branch=z9hG4bKof{}{method}{cseq}
             From: {}
             To: {}
             Call-ID: {}
             CSeq: {cseq} {method}",
            text(HeaderName::CallId),
            text(HeaderName::From),
            text(HeaderName::To),
            text(HeaderName::CallId),
        );
        self.receive(from, &head, "");
    }

    /// Call `id` with 101, up to the 200 that the caller got; his `To`.
    pub(crate) fn talk(&mut self, id: &str, offer: &str) -> String {
        self.register(PHONE, "101");
        self.invite(id, "", offer);
        let invite = self.ours(&Method::Invite).expect("her phone is rung");
        self.rung = Some(invite.clone());
        self.phone_replies(&invite, 180, "");
        self.phone_replies(&invite, 200, &sdp("203.0.113.7", 4000, "8 101"));
        let is_answer = |message: &&Message| message.status() == Some(200);
        let answer = self.sent.iter().map(|(_, message)| message).find(is_answer);
        let answer = answer.expect("the caller is answered");
        answer.text(HeaderName::To).expect("it has a To").to_string()
    }

    /// The last order for a leg of that kind.
    pub(crate) fn leg(&self, source: MediaSource) -> (Port, Owner, MediaLeg) {
        let found = self.orders.iter().rev().find_map(|order| match order {
            MediaOrder::Set { port, owner, leg } if leg.source == source => {
                Some((*port, *owner, leg.clone()))
            }
            MediaOrder::Set { .. } | MediaOrder::Release { .. } => None,
        });
        found.expect("such a leg was ordered")
    }
}

pub(crate) fn invite_head(id: &str, headers: &str) -> String {
    format!(
        "INVITE sip:+33199001234@192.0.2.1 SIP/2.0
         Via: SIP/2.0/UDP {TRUNK};rport;branch=z9hG4bKinvite{id}
         From: <sip:+33639980001@operator.example>;tag=from{id}
         To: <sip:+33199001234@192.0.2.1>
         Call-ID: {id}
         CSeq: 1 INVITE
         Contact: <sip:{TRUNK}>{headers}"
    )
}
