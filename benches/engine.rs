//! A whole call through the engine in memory: from the operator's INVITE to the record.
//!
//! What is timed is what the server's threads do for a call but for the system calls: reading each
//! message, the engine, and taking its actions. The peers are endpoints of ours whose time does not
//! count. Time is virtual, a thousand calls a second, and each run begins when the transactions of the
//! 32 s before it linger, as they do on a busy system.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use benches::centre::{BUSY_NUMBER, OPERATOR, REALM, Staff, password};
use benches::{Allocations, Bar, CountingAllocator, Figures, allocations};
use bytes::Bytes;
use call::{Action, Engine, Input, Pool};
use clap::Parser;
use hdrhistogram::Histogram;
use sip::sdp::{Codec, Direction, LocalSession, Offer, common};
use sip::{
    Credentials, DialogKey, Endpoint, Event, Flow, Identity, Instant, Invite, Message, Method,
    Request, Target, Transmit, Transport,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const PHONES: usize = 1_200;
const HELD: [usize; 3] = [1, 100, 1_000];
/// Between two calls.
const GAP: Duration = Duration::from_millis(1);

/// Plays whole calls through the engine in memory and measures what they cost.
#[derive(Parser)]
#[command(about, long_about = None)]
struct Args {
    /// Calls before any is measured: by default as many as fill the 32 s in which transactions linger.
    #[arg(long, default_value_t = 34_000)]
    warm_up: usize,
    /// Calls that are measured.
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// Of cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut figures = Figures::of("engine");
    let folder = std::env::temp_dir().join(format!("monoligne-engine-{}", std::process::id()));
    std::fs::create_dir(&folder).context("make a scratch folder")?;
    let result = measure(&args, &folder, &mut figures);
    std::fs::remove_dir_all(&folder).context("remove the scratch folder")?;
    result?;
    figures.keep()?;
    Ok(())
}

fn measure(args: &Args, folder: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let staff = Staff { busy: PHONES, queue: 1 };
    let config = staff.configuration("127.0.0.1:5060".parse()?, 10_000..=19_999);
    std::fs::write(folder.join("monoligne.toml"), config).context("write the configuration")?;
    for held in HELD {
        let mut world = World::new(folder, staff)?;
        for _ in 0..held {
            world.call()?;
        }
        for _ in 0..args.warm_up {
            world.hang_up_first();
            world.call()?;
        }
        let mut times = Histogram::<u64>::new_with_bounds(100, 10_000_000_000, 3)?;
        let (mut spent, mut taken) = (0, Allocations::default());
        for _ in 0..args.calls {
            world.spent = Spent::default();
            world.hang_up_first();
            world.call()?;
            times.saturating_record(world.spent.nanos);
            spent += world.spent.nanos;
            taken.count += world.spent.allocations.count;
            taken.bytes += world.spent.allocations.bytes;
        }
        let calls = args.calls as f64;
        let case = format!("{held} calls held");
        let rate = calls * 1e9 / spent as f64;
        figures.judge(&case, "calls/s", rate, "calls/s", Bar::AtLeast(10_000.0));
        figures.tell(&case, "time a call", spent as f64 / calls / 1e3, "us");
        figures.tell_latency(&case, "time a call", &times);
        figures.tell(&case, "allocations a call", taken.count as f64 / calls, "");
        figures.tell(&case, "allocated a call", taken.bytes as f64 / calls / 1e3, "kB");
    }
    Ok(())
}

/// What the engine's side took.
#[derive(Default)]
struct Spent {
    nanos: u64,
    allocations: Allocations,
}

struct World {
    now: Instant,
    engine: Engine,
    trunk: Peer,
    phones: Peer,
    /// Calls that are up, the oldest first: the caller's dialog.
    held: VecDeque<DialogKey>,
    answered: usize,
    recorded: usize,
    registered: usize,
    placed: u64,
    spent: Spent,
}

/// One side outside.
struct Peer {
    endpoint: Endpoint,
    session: LocalSession,
}

impl Peer {
    fn new(number: u64) -> anyhow::Result<Self> {
        let mut seed = [0; 32];
        seed[0] = u8::try_from(number)?;
        let limits = sip::Limits {
            dialogs_max: 100_000,
            client_transactions_max: 1_000_000,
            server_transactions_max: 1_000_000,
            ..sip::Limits::default()
        };
        let setup = sip::Setup { seed, user_agent: "peer".to_owned(), limits };
        let session = LocalSession::new(number, ([127, 0, 0, 1], 40_000).into());
        Ok(Self { endpoint: Endpoint::new(setup), session })
    }
}

/// From outside to the engine.
fn flow(remote: IpAddr, port: u16) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: (remote, port).into(),
        remote: ([127, 0, 0, 1], 5060).into(),
        connection: 0,
    }
}

/// As the other end sees it.
fn reversed(flow: Flow) -> Flow {
    Flow { local: flow.remote, remote: flow.local, ..flow }
}

impl World {
    fn new(folder: &Path, staff: Staff) -> anyhow::Result<Self> {
        let loaded = server::config::load(folder)?;
        let setup =
            call::Setup { node: 1, epoch: 1, seed: [7; 32], user_agent: "monoligne".to_owned() };
        let mut world = Self {
            now: Instant::from_micros(1_000_000),
            engine: Engine::new(loaded.engine.into(), setup),
            trunk: Peer::new(1)?,
            phones: Peer::new(2)?,
            held: VecDeque::new(),
            answered: 0,
            recorded: 0,
            registered: 0,
            placed: 0,
            spent: Spent::default(),
        };
        world.input(Input::Clock { unix_ms: 1_790_000_000_000 });
        let ports = (10_000..20_000).step_by(2).collect();
        world.input(Input::Ports(Pool { address: "127.0.0.1".parse()?, shards: vec![ports] }));
        for ((user, _), port) in staff.users().zip(20_000..) {
            world.register(&user, port)?;
        }
        ensure!(
            world.registered == staff.busy + staff.queue,
            "{} phones registered",
            world.registered
        );
        Ok(world)
    }

    fn register(&mut self, user: &str, port: u16) -> anyhow::Result<()> {
        let identity = Identity { display: None, uri: format!("sip:{user}@{REALM}") };
        let request = Request {
            target: Target::Flow(flow(Ipv4Addr::LOCALHOST.into(), port)),
            method: Method::Register,
            request_uri: format!("sip:{REALM}"),
            from: identity.clone(),
            to: identity,
            headers: vec![("Expires".to_owned(), "3600".to_owned())],
            body: None,
            credentials: Some(Credentials {
                username: user.to_owned(),
                password: password(user),
                realm: None,
            }),
            contact_user: Some(user.to_owned()),
        };
        self.phones.endpoint.request(self.now, request)?;
        self.run();
        Ok(())
    }

    /// A caller calls, a secretary answers, both talk.
    fn call(&mut self) -> anyhow::Result<()> {
        self.now += GAP;
        self.time();
        self.placed += 1;
        let own = format!("sip:06399{:05}@operateur.example", self.placed % 100_000);
        let uri = format!("sip:{BUSY_NUMBER}@127.0.0.1:5060");
        let invite = Invite {
            target: Target::Flow(flow(OPERATOR.into(), 5060)),
            request_uri: uri.clone(),
            from: Identity { display: None, uri: own.clone() },
            to: Identity { display: None, uri },
            contact_user: "trunk".to_owned(),
            headers: vec![("P-Asserted-Identity".to_owned(), format!("<{own}>"))],
            sdp: Some(self.trunk.session.offer(
                &[Codec::Pcma.format()],
                Some(101),
                Direction::SendRecv,
            )),
            credentials: None,
        };
        let dialog = self.trunk.endpoint.invite(self.now, invite)?;
        let before = self.answered;
        self.run();
        ensure!(self.answered == before + 1, "a call was not answered");
        self.held.push_back(dialog);
        Ok(())
    }

    fn hang_up_first(&mut self) {
        if let Some(dialog) = self.held.pop_front() {
            self.trunk.endpoint.bye(self.now, dialog, None).expect("the call is up");
            self.run();
        }
    }

    /// What is due everywhere.
    fn time(&mut self) {
        let now = self.now;
        self.trunk.endpoint.handle_timeout(now);
        self.phones.endpoint.handle_timeout(now);
        if self.engine.poll_timeout().is_some_and(|(at, _)| at <= now) {
            let sent = self.timed(|engine| {
                engine.handle_timeout(now);
            });
            self.deliver(sent);
        }
        self.run();
    }

    fn input(&mut self, input: Input) {
        let now = self.now;
        let sent = self.timed(|engine| engine.handle(now, input));
        self.deliver(sent);
    }

    /// The engine's own work, and what it sent.
    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    fn timed(&mut self, work: impl FnOnce(&mut Engine)) -> Vec<Transmit> {
        let (engine, recorded) = (&mut self.engine, &mut self.recorded);
        let mut sent = Vec::with_capacity(8);
        let begin = std::time::Instant::now();
        let ((), taken) = allocations(|| {
            work(engine);
            while let Some(action) = engine.poll_action() {
                match action {
                    Action::Transmit(transmit) => sent.push(transmit),
                    Action::Record(_) => *recorded += 1,
                    Action::Media(_)
                    | Action::Remember(_)
                    | Action::RememberOverride { .. }
                    | Action::Notice(_) => {}
                }
            }
        });
        self.spent.nanos += u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.spent.allocations.count += taken.count;
        self.spent.allocations.bytes += taken.bytes;
        sent
    }

    /// To the peers.
    fn deliver(&mut self, sent: Vec<Transmit>) {
        for transmit in sent {
            let is_trunk = transmit.flow.remote.ip() == IpAddr::V4(OPERATOR);
            let peer = if is_trunk { &mut self.trunk } else { &mut self.phones };
            let message = Message::read(transmit.bytes).expect("what we send can be read");
            peer.endpoint.handle_message(self.now, reversed(transmit.flow), message);
        }
    }

    /// Lets everybody speak until all are silent.
    fn run(&mut self) {
        loop {
            self.phones_react();
            self.trunk_reacts();
            let mut is_quiet = true;
            while let Some(transmit) = self.trunk.endpoint.poll_transmit() {
                is_quiet = false;
                self.receive(reversed(transmit.flow), transmit.bytes);
            }
            while let Some(transmit) = self.phones.endpoint.poll_transmit() {
                is_quiet = false;
                self.receive(reversed(transmit.flow), transmit.bytes);
            }
            if is_quiet {
                return;
            }
        }
    }

    fn receive(&mut self, flow: Flow, bytes: Bytes) {
        let now = self.now;
        let sent = self.timed(|engine| {
            let message = Message::read(bytes).expect("what a peer sends can be read");
            engine.handle(now, Input::Message { flow, message });
        });
        self.deliver(sent);
    }

    fn phones_react(&mut self) {
        let now = self.now;
        while let Some(event) = self.phones.endpoint.poll_event() {
            if let Event::Invited { dialog, invite, .. } = event {
                let offer = Offer::read(invite.body()).expect("our offer can be read");
                let audio = offer.audio().expect("audio is offered");
                let chosen = common(audio, &[Codec::Pcma]).into_iter().next().expect("A-law");
                let events = audio.telephone_event;
                let answer =
                    self.phones.session.answer(&offer, &chosen, events, Direction::SendRecv);
                let endpoint = &mut self.phones.endpoint;
                endpoint.progress(now, dialog, 180, &[], None).expect("it is invited");
                endpoint.answer(now, dialog, &[], answer).expect("it is invited");
            } else if let Event::Request { request, .. } = event {
                // OPTIONS: it lives.
                self.phones.endpoint.respond(now, request, 200, &[], None).expect("it is asked");
            } else if let Event::Response { result: Ok(message), .. } = event {
                self.registered += usize::from(message.status() == Some(200));
            }
        }
    }

    fn trunk_reacts(&mut self) {
        while let Some(event) = self.trunk.endpoint.poll_event() {
            if let Event::Answered { dialog, .. } = event {
                self.answered += 1;
                self.trunk.endpoint.ack(self.now, dialog, None).expect("it was answered");
            }
        }
    }
}
