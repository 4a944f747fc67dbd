//! A whole dialog between two endpoints in memory, both sides together: INVITE, 100, 180, 200, ACK, BYE,
//! 200, with many others up and the transactions of the 32 s before it lingering. And a REGISTER with
//! digest through the registrar.

use std::time::Duration;

use benches::{Allocations, CountingAllocator, Figures, allocations, number};
use bytes::Bytes;
use hdrhistogram::Histogram;
use sip::{
    Account, Algorithm, Credentials, DialogKey, Endpoint, Event, Flow, Identity, Instant, Invite,
    Message, Method, RegisterReply, Registrar, RegistrarRules, RegistrarSetup, Request, Target,
    Transport,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const UP: [usize; 3] = [10, 1_000, 10_000];
/// Between two dialogs.
const GAP: Duration = Duration::from_millis(1);
const WARM_UP: usize = 33_000;
const MEASURED: usize = 10_000;
const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
/// Messages of one dialog.
const MESSAGES: f64 = 7.0;

fn main() -> std::io::Result<()> {
    let mut figures = Figures::of("transactions");
    for up in UP {
        let mut pair = Pair::new();
        for _ in 0..up {
            pair.call();
        }
        for _ in 0..WARM_UP {
            pair.round();
        }
        let mut times = histogram();
        let mut taken = Allocations::default();
        for _ in 0..MEASURED {
            let (nanos, round) = timed(|| pair.round());
            times.saturating_record(nanos);
            taken.count += round.count;
        }
        let case = format!("{} dialogs up", number(up as f64));
        figures.tell(&case, "time a message", times.mean() / MESSAGES / 1e3, "us");
        figures.tell_latency(&case, "time a dialog, both sides", &times);
        let allocations = taken.count as f64 / MEASURED as f64;
        figures.tell(&case, "allocations a dialog, both sides", allocations, "");
    }
    register(&mut figures);
    figures.keep()
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("constant bounds")
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn timed<T>(work: impl FnOnce() -> T) -> (u64, Allocations) {
    let begin = std::time::Instant::now();
    let (_, taken) = allocations(work);
    (u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX), taken)
}

fn flow(local: u8, remote: u8) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: ([192, 0, 2, local], 5060).into(),
        remote: ([192, 0, 2, remote], 5060).into(),
        connection: 0,
    }
}

fn endpoint(seed: u8) -> Endpoint {
    let limits = sip::Limits { dialogs_max: 50_000, ..sip::Limits::default() };
    Endpoint::new(sip::Setup { seed: [seed; 32], user_agent: "bench".to_owned(), limits })
}

/// Who calls and who is called.
struct Pair {
    now: Instant,
    caller: Endpoint,
    called: Endpoint,
    up: std::collections::VecDeque<DialogKey>,
    answered: usize,
}

impl Pair {
    fn new() -> Self {
        Self {
            now: Instant::from_micros(1),
            caller: endpoint(1),
            called: endpoint(2),
            up: std::collections::VecDeque::new(),
            answered: 0,
        }
    }

    /// The oldest dialog ends and another begins.
    fn round(&mut self) {
        let oldest = self.up.pop_front().expect("some are up");
        self.caller.bye(self.now, oldest, None).expect("it is up");
        self.run();
        self.call();
    }

    fn call(&mut self) {
        self.now += GAP;
        self.caller.handle_timeout(self.now);
        self.called.handle_timeout(self.now);
        let identity =
            |user: &str| Identity { display: None, uri: format!("sip:{user}@192.0.2.2") };
        let invite = Invite {
            target: Target::Flow(flow(1, 2)),
            request_uri: "sip:called@192.0.2.2".to_owned(),
            from: identity("caller"),
            to: identity("called"),
            contact_user: "caller".to_owned(),
            headers: Vec::new(),
            sdp: Some(Bytes::from_static(SDP)),
            credentials: None,
        };
        let dialog = self.caller.invite(self.now, invite).expect("there is room");
        let before = self.answered;
        self.run();
        assert_eq!(self.answered, before + 1, "it was answered");
        self.up.push_back(dialog);
    }

    fn run(&mut self) {
        let now = self.now;
        loop {
            while let Some(event) = self.called.poll_event() {
                if let Event::Invited { dialog, .. } = event {
                    self.called.progress(now, dialog, 180, &[], None).expect("it is invited");
                    let answer = Bytes::from_static(SDP);
                    self.called.answer(now, dialog, &[], answer).expect("it is invited");
                }
            }
            while let Some(event) = self.caller.poll_event() {
                if let Event::Answered { dialog, .. } = event {
                    self.answered += 1;
                    self.caller.ack(now, dialog, None).expect("it was answered");
                }
            }
            let moved = carry(now, &mut self.caller, &mut self.called, flow(2, 1))
                + carry(now, &mut self.called, &mut self.caller, flow(1, 2));
            if moved == 0 {
                return;
            }
        }
    }
}

fn carry(now: Instant, from: &mut Endpoint, to: &mut Endpoint, flow: Flow) -> usize {
    let mut moved = 0;
    while let Some(transmit) = from.poll_transmit() {
        let message = Message::read(transmit.bytes).expect("what we write can be read");
        to.handle_message(now, flow, message);
        moved += 1;
    }
    moved
}

/// 1,000 phones refresh their registration, each with the nonce that it has.
fn register(figures: &mut Figures) {
    const PHONES: usize = 1_000;
    const ROUNDS: usize = 10;
    let rules = RegistrarRules {
        expires_default: Duration::from_secs(300),
        expires_min: Duration::from_secs(60),
        expires_max: Duration::from_secs(3_600),
        bindings_max: 8,
        aors_max: PHONES,
        algorithms: vec![Algorithm::Md5],
    };
    let mut registrar = Registrar::new(RegistrarSetup {
        realm: "bench.example".to_owned(),
        rules,
        nonce_key: [3; 32],
        nonce_epoch: 1,
    });
    let accounts: Vec<Account> = (0..PHONES)
        .map(|phone| Account::new(&format!("p{phone}"), "bench.example", "secret"))
        .collect();
    let mut phones = endpoint(4);
    let mut times = histogram();
    let (mut taken, mut accepted) = (Allocations::default(), 0);
    let mut now = Instant::from_micros(1);
    for round in 0..=ROUNDS {
        for (phone, account) in accounts.iter().enumerate() {
            now += GAP;
            phones.handle_timeout(now);
            phones.request(now, request(phone)).expect("there is room");
            // A challenge, then the answer to it.
            while let Some(transmit) = phones.poll_transmit() {
                let message = Message::read(transmit.bytes).expect("a REGISTER");
                let flow = Flow { local: flow(1, 2).local, ..flow(1, 2) };
                let mut reply = None;
                let (nanos, spent) = timed(|| {
                    reply = Some(
                        registrar.handle_register(now, flow, &message, &|_| Some(account.clone())),
                    );
                    while registrar.poll_event().is_some() {}
                });
                let RegisterReply { status, headers, .. } = reply.expect("just set");
                if status == 200 && round > 0 {
                    times.saturating_record(nanos);
                    taken.count += spent.count;
                    accepted += 1;
                }
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let answer = sip::response_to(&message, status, Some("tag"), &flow, &headers, None);
                let answer = Message::read(answer).expect("an answer");
                phones.handle_message(now, transmit.flow, answer);
            }
            while phones.poll_event().is_some() {}
        }
    }
    assert_eq!(accepted, PHONES * ROUNDS, "all were accepted");
    let case = "REGISTER with digest";
    figures.tell_latency(case, "time", &times);
    figures.tell(case, "allocations", taken.count as f64 / accepted as f64, "");
}

fn request(phone: usize) -> Request {
    let user = format!("p{phone}");
    let identity = Identity { display: None, uri: format!("sip:{user}@bench.example") };
    Request {
        target: Target::Flow(flow(2, 1)),
        method: Method::Register,
        request_uri: "sip:bench.example".to_owned(),
        from: identity.clone(),
        to: identity,
        headers: vec![("Expires".to_owned(), "300".to_owned())],
        body: None,
        credentials: Some(Credentials {
            username: user.clone(),
            password: "secret".to_owned(),
            realm: None,
        }),
        contact_user: Some(user),
    }
}
