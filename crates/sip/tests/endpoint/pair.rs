//! Two endpoints, a network between them, one clock. `step` drives both and jumps to whatever
//! comes next: a packet or a timer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};
use sip::{
    Credentials, DialogKey, Endpoint, Event, Flow, Identity, Instant, Invite, Limits, Message,
    Method, Setup, Target, Transport,
};

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Side {
    Caller,
    Callee,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    pub(crate) fn address(self) -> SocketAddr {
        match self {
            Self::Caller => "192.0.2.1:5060".parse().unwrap(),
            Self::Callee => "192.0.2.2:5070".parse().unwrap(),
        }
    }
}

/// In per mille.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u32,
    pub(crate) duplicates: u32,
    /// A packet is delayed by up to this much more than the latency.
    pub(crate) jitter: Duration,
}

/// A packet as it was sent, whether it arrives or not.
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) from: Side,
    pub(crate) message: Message,
}

/// What is under way.
enum Crossing {
    /// Bytes, and the flow that their receiver sees them on.
    Bytes(Side, Flow, Bytes),
    /// The refusal of a connection that this side wanted.
    Refused(Side, Flow),
}

pub(crate) struct Pair {
    pub(crate) caller: Endpoint,
    pub(crate) callee: Endpoint,
    pub(crate) now: Instant,
    pub(crate) latency: Duration,
    pub(crate) weather: Weather,
    pub(crate) transport: Transport,
    pub(crate) sent: Vec<Sent>,
    pub(crate) caller_events: Vec<Event>,
    pub(crate) callee_events: Vec<Event>,
    /// Messages that a test wants lost.
    pub(crate) drop: fn(&Sent, usize) -> bool,
    /// Whether TCP is taken where a large request wants it.
    pub(crate) takes_tcp: bool,
    random: ChaCha12Rng,
    network: BTreeMap<(Instant, u64), Crossing>,
    sequence: u64,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(0, Limits::default(), Transport::Udp)
    }

    pub(crate) fn tcp() -> Self {
        Self::with(0, Limits::default(), Transport::Tcp)
    }

    pub(crate) fn with(seed: u64, limits: Limits, transport: Transport) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut endpoint = || {
            let mut seed = [0; 32];
            random.fill_bytes(&mut seed);
            Endpoint::new(Setup { seed, user_agent: "test".to_string(), limits: limits.clone() })
        };
        Self {
            caller: endpoint(),
            callee: endpoint(),
            now: Instant::from_secs(1),
            latency: Duration::from_millis(10),
            weather: Weather::default(),
            transport,
            sent: Vec::new(),
            caller_events: Vec::new(),
            callee_events: Vec::new(),
            drop: |_, _| false,
            takes_tcp: true,
            random,
            network: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn endpoint(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }

    pub(crate) fn flow(&self, side: Side) -> Flow {
        Flow {
            transport: self.transport,
            local: side.address(),
            remote: side.other().address(),
            connection: u64::from(self.transport.is_reliable()),
        }
    }

    /// Puts what both want to send on the network, and their events into the lists.
    pub(crate) fn drain(&mut self) {
        for side in [Side::Caller, Side::Callee] {
            while let Some(transmit) = self.endpoint(side).poll_transmit() {
                let own = self.flow(side);
                let is_moved =
                    transmit.flow.transport == Transport::Tcp && self.transport == Transport::Udp;
                let tcp = Flow { transport: Transport::Tcp, ..own };
                match is_moved {
                    false => assert_eq!(transmit.flow, own, "all stays on the flow"),
                    true => assert_eq!(Flow { connection: 0, ..transmit.flow }, tcp),
                }
                if is_moved && !self.takes_tcp {
                    self.sequence += 1;
                    let refused = Crossing::Refused(side, transmit.flow);
                    self.network.insert((self.now + self.latency, self.sequence), refused);
                    continue;
                }
                let message = Message::read(transmit.bytes).expect("we write what we can read");
                self.put(side, is_moved, message);
            }
            while let Some(event) = self.endpoint(side).poll_event() {
                match side {
                    Side::Caller => self.caller_events.push(event),
                    Side::Callee => self.callee_events.push(event),
                }
            }
        }
    }

    fn put(&mut self, from: Side, is_moved: bool, message: Message) {
        let sent = Sent { at: self.now, from, message };
        let is_lost = (self.drop)(&sent, self.sent.len()) || self.chance(self.weather.loss);
        let copies = if is_lost { 0 } else { 1 + u32::from(self.chance(self.weather.duplicates)) };
        for _ in 0..copies {
            let jitter = self.weather.jitter.as_micros() as u64;
            let extra = if jitter == 0 { 0 } else { self.random.next_u64() % jitter };
            let at = self.now + self.latency + Duration::from_micros(extra);
            self.sequence += 1;
            let bytes = sent.message.bytes().clone();
            let to = from.other();
            let mut flow = self.flow(to);
            if is_moved {
                flow = Flow { transport: Transport::Tcp, connection: 9, ..flow };
            }
            self.network.insert((at, self.sequence), Crossing::Bytes(to, flow, bytes));
        }
        self.sent.push(sent);
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.random.next_u32() % 1000 < per_mille
    }

    pub(crate) fn random(&mut self, below: u32) -> u32 {
        self.random.next_u32() % below
    }

    /// When the next thing happens.
    pub(crate) fn next(&self) -> Option<Instant> {
        let packet = self.network.keys().next().map(|&(at, _)| at);
        let timers = [self.caller.poll_timeout(), self.callee.poll_timeout()];
        timers.into_iter().flatten().map(|(at, _)| at).chain(packet).min()
    }

    /// Does the next thing if it happens by `until`.
    pub(crate) fn step_until(&mut self, until: Instant) -> bool {
        self.drain();
        let Some(at) = self.next().filter(|at| *at <= until) else { return false };
        self.now = self.now.max(at);
        while let Some(entry) = self.network.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (crossing, now) = (entry.remove(), self.now);
            match crossing {
                Crossing::Bytes(to, flow, bytes) => {
                    let message = Message::read(bytes).expect("we wrote it");
                    self.endpoint(to).handle_message(now, flow, message);
                }
                Crossing::Refused(side, flow) => {
                    self.endpoint(side).handle_transport_error(now, &flow);
                }
            }
        }
        let now = self.now;
        self.caller.handle_timeout(now);
        self.callee.handle_timeout(now);
        self.drain();
        true
    }

    /// Lets this much time pass.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step_until(until) {}
        self.now = until;
    }

    /// Until packets have crossed a few times and no timer is due.
    pub(crate) fn settle(&mut self) {
        self.run_for(self.latency * 10);
    }

    /// Until neither side waits for anything.
    pub(crate) fn run_out(&mut self) {
        while self.step_until(Instant::MAX) {}
    }

    /// Lines `caller: INVITE`, `callee: 200 INVITE`, in order of sending.
    pub(crate) fn ladder(&self) -> Vec<String> {
        self.sent.iter().map(line).collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.ladder().iter().filter(|line| *line == what).count()
    }

    pub(crate) fn invite(&mut self) -> DialogKey {
        let invite = invite(self.flow(Side::Caller));
        let now = self.now;
        let dialog = self.caller.invite(now, invite).expect("room");
        self.drain();
        dialog
    }

    /// An INVITE that has reached the callee.
    pub(crate) fn ringing(&mut self) -> (DialogKey, DialogKey) {
        let ours = self.invite();
        self.settle();
        let theirs = self.invited();
        let now = self.now;
        self.callee.progress(now, theirs, 180, &[], None).unwrap();
        self.settle();
        (ours, theirs)
    }

    /// A confirmed dialog, its ACK heard.
    pub(crate) fn talking(&mut self) -> (DialogKey, DialogKey) {
        let (ours, theirs) = self.ringing();
        let now = self.now;
        self.callee.answer(now, theirs, &[], Bytes::from_static(SDP)).unwrap();
        self.settle();
        let now = self.now;
        self.caller.ack(now, ours, None).unwrap();
        self.settle();
        (ours, theirs)
    }

    /// The dialog of the callee's last Invited.
    pub(crate) fn invited(&self) -> DialogKey {
        let dialogs = self.callee_events.iter().rev().find_map(|event| match event {
            Event::Invited { dialog, .. } => Some(*dialog),
            _ => None,
        });
        dialogs.expect("an Invited event")
    }

    /// Neither side holds anything.
    pub(crate) fn assert_empty(&self) {
        for (name, endpoint) in [("caller", &self.caller), ("callee", &self.callee)] {
            let counts = endpoint.counts();
            let sizes = [
                counts.dialogs,
                counts.client_transactions,
                counts.server_transactions,
                counts.requests,
                counts.timers,
            ];
            assert_eq!(sizes, [0; 5], "{name} still holds something: {counts:?}");
        }
    }
}

pub(crate) const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
m=audio 4000 RTP/AVP 8\r\n";

pub(crate) fn invite(flow: Flow) -> Invite {
    Invite {
        target: Target::Flow(flow),
        request_uri: "sip:0123456789@192.0.2.2:5070".to_string(),
        from: Identity { display: Some("Ann".to_string()), uri: "sip:ann@192.0.2.1".to_string() },
        to: Identity { display: None, uri: "sip:0123456789@192.0.2.2".to_string() },
        contact_user: "ann".to_string(),
        headers: vec![("Subject".to_string(), "test".to_string())],
        sdp: Some(Bytes::from_static(SDP)),
        credentials: None::<Credentials>,
    }
}

fn line(sent: &Sent) -> String {
    let from = match sent.from {
        Side::Caller => "caller",
        Side::Callee => "callee",
    };
    let method = sent.message.method();
    match sent.message.status() {
        Some(status) => format!("{from}: {status} {method}"),
        None => format!("{from}: {method}"),
    }
}

/// The variant's name, for comparing lists of events.
pub(crate) fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_string()
}

pub(crate) fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(name).collect()
}

/// The first packet of that method or status.
pub(crate) fn is(sent: &Sent, method: &Method, status: Option<u16>) -> bool {
    sent.message.method() == *method && sent.message.status() == status
}
