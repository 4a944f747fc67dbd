//! Whatever happens in whatever order, to an engine with every kind of plan: callers, phones that answer
//! anything, operators, reloads, overrides, restarts from a snapshot. After each event the books are even
//! and each call that is live waits in the queue as well; at the end nothing is left.
//!
//! `MONOLIGNE_SEED` and `MONOLIGNE_SEEDS`: from which seed on, and how many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acd::{
    AgentId, AtClosing, Circle, Forward, Hours, Insistence, Override, Overriding, PhoneId,
    PracticeId, PromptId, Queue, Repeated, Step, Target, TeamId, Urgency, Widening,
};
use call::{
    AgentCommand, CallerCommand, Config, E164, Engine, ForwardedBy, Input, MediaEvent, MediaOrder,
    Outbound, Phone, Practice, Prompt, Stage, TrunkId,
};
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};
use sip::{Account, HeaderName, Message, Method, Transport};

use crate::bench::{Bench, REALM, TRUNK, config, flow, invite_head, sdp};
use crate::offer;

const SEEDS: u64 = 200;
const EVENTS: usize = 400;
const OPERATOR: &str = "198.51.100.2:5080";
const DESK: &str = "203.0.113.20:5060";
const PHONES: [(&str, &str); 4] = [
    ("203.0.113.7:5060", "101"),
    ("203.0.113.8:5060", "102"),
    ("203.0.113.9:5060", "103"),
    (DESK, "reception"),
];
const START_UNIX_MS: i64 = 1_767_653_980_000;
const ONE: PracticeId = PracticeId(1);
const TWO: PracticeId = PracticeId(2);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A number outside that may be a voicemail box.
fn outside() -> Target {
    Target::Line(E164::read("+33639980099").expect("it is there").line())
}

/// One where no box can be.
fn person() -> E164 {
    E164::read("+33639980098").expect("it is there")
}

/// The configuration, and five others with something missing.
#[derive(Copy, Clone, Eq, PartialEq)]
enum World {
    Whole,
    WithoutAgent,
    WithoutPractice,
    WithoutTeam,
    WithoutOperator,
    WithoutPhone,
}

const WORLDS: [World; 6] = [
    World::Whole,
    World::WithoutAgent,
    World::WithoutPractice,
    World::WithoutTeam,
    World::WithoutOperator,
    World::WithoutPhone,
];

impl World {
    fn config(self) -> Arc<Config> {
        config(&["101", "102", "103"], |config| {
            furnish(config);
            plan(config);
            self.take_away(config);
        })
    }

    fn take_away(self, config: &mut Config) {
        let floor = Arc::make_mut(&mut config.floor);
        match self {
            Self::Whole => {}
            Self::WithoutAgent => {
                floor.agents.remove(&AgentId(1));
                config.agents.remove(&AgentId(1));
            }
            Self::WithoutPractice => {
                floor.practices.remove(&TWO);
                config.practices.remove(&TWO);
                config.numbers.retain(|_, practice| *practice != TWO);
            }
            Self::WithoutTeam => {
                floor.teams.remove(&TeamId(2));
                for agent in floor.agents.values_mut() {
                    agent.teams.retain(|team| *team != TeamId(2));
                }
            }
            Self::WithoutOperator => {
                config.trunks.get_mut(&TrunkId(1)).expect("it is there").outbound = None;
                config.registrar.options_interval = Duration::ZERO;
            }
            Self::WithoutPhone => config.phones.clear(),
        }
    }
}

/// What the call engine knows beside the plans.
fn furnish(config: &mut Config) {
    let account = Account::new("reception", REALM, "secret");
    let desk = Phone { user: "reception".to_owned(), name: "Accueil".to_owned(), account };
    config.phones.insert(PhoneId(1), desk);
    for (prompt, name, length) in [(1, "late", 4), (9, "accept", 6)] {
        let prompt_text = Prompt { name: name.to_owned(), duration: seconds(length) };
        config.prompts.insert(PromptId(prompt), prompt_text);
    }
    let trunk = config.trunks.get_mut(&TrunkId(1)).expect("it is there");
    trunk.max_unanswered = seconds(60);
    trunk.outbound = Some(Outbound {
        transport: Transport::Udp,
        to: OPERATOR.parse().expect("it is there"),
        forwarded_by: ForwardedBy::Diversion,
    });
    config.registrar.options_interval = seconds(20);
    config.numbers.insert(E164::read("01 99 00 56 78").expect("it is there"), TWO);
    config.practices.insert(TWO, Practice { label: "Dr Deux".to_owned(), ..Practice::default() });
    for practice in config.practices.values_mut() {
        practice.forwarding.accept = Some(PromptId(9));
        practice.forwarding.no_key.insert(person());
    }
}

/// Two teams, two practices that hand over to each other, every kind of step.
fn plan(config: &mut Config) {
    let floor = Arc::make_mut(&mut config.floor);
    let team = floor.teams.get_mut(&TeamId(1)).expect("it is there");
    (team.ring, team.misses_max, team.ring_for, team.ageing) =
        (2, 3, seconds(12), Some(seconds(7)));
    team.circles = vec![
        Widening { after: seconds(0), circle: Circle::Own },
        Widening { after: seconds(4), circle: Circle::Everyone },
    ];
    let second =
        acd::Team { ring: 1, reserve: 1, wrap_up: seconds(0), circles: Vec::new(), ..team.clone() };
    floor.teams.insert(TeamId(2), second);
    floor.agents.get_mut(&AgentId(2)).expect("it is there").teams = vec![TeamId(1), TeamId(2)];
    floor.agents.get_mut(&AgentId(3)).expect("it is there").teams = vec![TeamId(2)];
    let to = |target, ring_for| Step::Forward(Forward { target, ring_for: seconds(ring_for) });
    let text = |answer| Step::Announce { prompt: PromptId(1), answer, urgent_key: None };
    let (prompt, urgent_key) = (PromptId(1), Some('1'));
    let keyed = || Step::Announce { prompt, answer: true, urgent_key };
    let wait = |team, until| {
        let (until, nobody) = (Some(seconds(until)), Some(seconds(3)));
        Step::Queue(Queue { until, nobody, ..Queue::of(TeamId(team)) })
    };
    // Steps that are over as soon as they begin.
    let nobodys_phone = || to(Target::Phone(PhoneId(2)), 5);
    let at_once = |team| {
        let nobody = Some(Duration::ZERO);
        Step::Queue(Queue { nobody, ..Queue::of(TeamId(team)) })
    };
    let one = floor.practices.get_mut(&ONE).expect("it is there");
    one.own = vec![AgentId(1)];
    one.redial_within = seconds(100);
    one.affinity_for = seconds(100);
    one.waiting_max = Some(6);
    one.wait_max = Some(seconds(50));
    one.repeated = Some(Repeated { calls: 4, within: seconds(60), then: Insistence::Rise });
    one.hours = Hours::always();
    one.at_closing = AtClosing::Move;
    one.open.steps = vec![
        to(Target::Phone(PhoneId(1)), 5),
        wait(1, 15),
        nobodys_phone(),
        at_once(1),
        to(outside(), 10),
        Step::Practice(TWO),
        keyed(),
        wait(1, 12),
        to(outside(), 7),
        text(true),
    ];
    one.closed.steps = vec![
        to(Target::Line(person().line()), 8),
        keyed(),
        wait(2, 9),
        to(Target::Phone(PhoneId(1)), 5),
        text(false),
    ];
    one.away.steps = vec![Step::Practice(TWO)];
    let mut two = one.clone();
    two.own = Vec::new();
    two.open.steps = vec![
        Step::Queue(Queue { unless_none_free: true, ..Queue::of(TeamId(2)) }),
        to(outside(), 6),
        Step::queue(TeamId(2), Some(seconds(9))),
        nobodys_phone(),
        at_once(2),
        Step::Practice(ONE),
    ];
    floor.practices.insert(TWO, two);
}

struct Storm {
    bench: Bench,
    random: ChaCha12Rng,
    config: Arc<Config>,
    /// What we rang, and where.
    rung: Vec<(String, Message)>,
    /// The `To` that each caller was given.
    known: BTreeMap<String, String>,
    invited: BTreeMap<String, String>,
    cseq: u32,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let config = World::Whole.config();
        let mut bench = Bench::new(Arc::clone(&config));
        for (phone, user) in PHONES {
            bench.register(phone, user);
        }
        bench.input(Input::Clock { unix_ms: START_UNIX_MS });
        Self {
            bench,
            random: ChaCha12Rng::seed_from_u64(seed),
            config,
            rung: Vec::new(),
            known: BTreeMap::new(),
            invited: BTreeMap::new(),
            cseq: 10,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.next_u32() as usize % end
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// One of the last of them, if there is any.
    fn recent<T: Clone>(&mut self, all: &[T], last: usize) -> Option<T> {
        let recent = &all[all.len().saturating_sub(last)..];
        (!recent.is_empty()).then(|| self.one_of(recent))
    }

    fn event(&mut self) {
        self.cseq += 1;
        match self.below(30) {
            0..=3 => self.somebody_calls(),
            4 => self.somebody_cancels(),
            5..=13 => self.a_phone_replies(),
            14 => self.a_phone_speaks(),
            15..=16 => self.a_caller_speaks(),
            17..=19 => self.the_relay_speaks(),
            20 => self.an_operator_acts(),
            21 => self.a_secretary_acts(),
            22 => self.it_is_configured(),
            23 => self.a_practice_overrides(),
            24 => self.it_is_restored(),
            25 => self.a_phone_registers(),
            26 => self.a_flow_fails(),
            27 => self.a_phone_dials(),
            28 => self.it_sleeps(),
            _ => {
                let ms = self.below(6_000) as u64;
                self.bench.run_for(Duration::from_millis(ms));
            }
        }
        self.look_around();
    }

    fn somebody_calls(&mut self) {
        let id = format!("c{}", self.invited.len());
        let privacy = if self.below(6) == 0 { "\nPrivacy: id" } else { "" };
        let number = format!("3363998000{}", self.below(5));
        let mut head = invite_head(&id, privacy).replace("33639980001", &number);
        if self.below(3) == 0 {
            head = head.replace("33199001234", "33199005678");
        }
        let body = if self.below(5) == 0 { String::new() } else { offer() };
        self.bench.receive(TRUNK, &head, &body);
        self.invited.insert(id, head);
    }

    fn somebody_cancels(&mut self) {
        let invited: Vec<String> = self.invited.values().cloned().collect();
        if let Some(head) = self.recent(&invited, usize::MAX) {
            self.bench.receive(TRUNK, &head.replace("INVITE", "CANCEL"), "");
        }
    }

    fn a_phone_replies(&mut self) {
        let rung = self.rung.clone();
        let Some((from, invite)) = self.recent(&rung, 8) else { return };
        let status = match self.below(15) {
            0 => 100,
            1..=2 => 180,
            3 => self.one_of(&[486, 603, 487, 503, 404]),
            _ => 200,
        };
        self.bench.sent.push((flow(&from), invite.clone()));
        let is_described = status == 200 && self.below(8) != 0;
        let body = if is_described { sdp("203.0.113.7", 4000, "8 101") } else { String::new() };
        self.bench.phone_replies(&invite, status, &body);
    }

    fn a_phone_speaks(&mut self) {
        let rung = self.rung.clone();
        let Some((from, invite)) = self.recent(&rung, 8) else { return };
        let method = self.one_of(&["BYE", "INFO", "INVITE", "UPDATE"]);
        let text = |name| invite.text(name).expect("it is there").to_string();
        let cseq = self.cseq;
        let head = format!(
            "{method} sip:monoligne@192.0.2.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {from};rport;branch=z9hG4bKstorm{method}{cseq}
             From: {};tag=phone
             To: {}
             Call-ID: {}
             CSeq: {cseq} {method}
             Contact: <sip:phone@{from}>",
            text(HeaderName::To),
            text(HeaderName::From),
            text(HeaderName::CallId),
        );
        match method {
            "INFO" => self.bench.receive_typed(&from, &head, "application/dtmf", "1"),
            "BYE" => self.bench.receive(&from, &head, ""),
            _ => {
                let address = self.one_of(&["0.0.0.0", "203.0.113.7"]);
                let is_late = self.below(3) == 0;
                let body = if is_late { String::new() } else { sdp(address, 4000, "8 101") };
                self.bench.receive(&from, &head, &body)
            }
        };
    }

    fn a_caller_speaks(&mut self) {
        let ids: Vec<String> = self.known.keys().cloned().collect();
        let Some(id) = self.recent(&ids, usize::MAX) else { return };
        let to = self.known[&id].clone();
        let method = self.one_of(&["BYE", "ACK", "ACK", "ACK", "INVITE"]);
        let is_described = method == "INVITE" || (method == "ACK" && self.below(2) == 0);
        let body = if is_described { offer() } else { String::new() };
        let cseq = if method == "ACK" { 1 } else { self.cseq };
        self.bench.within(&id, &to, method, cseq, &body);
    }

    fn the_relay_speaks(&mut self) {
        let orders = self.bench.orders.clone();
        let Some(MediaOrder::Set { port, owner, leg }) = self.recent(&orders, 12) else { return };
        let event = match self.below(6) {
            // Only of a leg that is watched.
            0 if !leg.watch => return,
            0 => MediaEvent::Silent { port, owner },
            1 => MediaEvent::Heard { port, owner },
            2 => MediaEvent::Played { port, owner },
            _ => MediaEvent::Digit { port, owner, digit: '1' },
        };
        self.bench.input(Input::Media(event));
    }

    fn an_operator_acts(&mut self) {
        let calls: Vec<_> = self.bench.engine.live_calls().map(|call| call.call).collect();
        let Some(call) = self.recent(&calls, usize::MAX) else { return };
        let to = |target, ring_for| CallerCommand::Redirect {
            to: Forward { target, ring_for: seconds(ring_for) },
        };
        let command = match self.below(5) {
            0 => CallerCommand::Rank { urgency: Urgency::Vital, first: self.below(2) == 0 },
            1 => CallerCommand::Move { team: TeamId(self.one_of(&[1, 2])) },
            2 => to(Target::Phone(PhoneId(1)), 4),
            3 => to(outside(), 9),
            _ => CallerCommand::Release,
        };
        self.bench.input(Input::Caller { call, command });
    }

    fn a_secretary_acts(&mut self) {
        let agent = AgentId(self.one_of(&[1, 2, 3]));
        let command = match self.below(6) {
            0 => AgentCommand::LogOut,
            1 => AgentCommand::Pause { reason: 1 },
            2 | 3 => AgentCommand::Resume,
            4 => AgentCommand::EndWrapUp,
            _ => AgentCommand::LogIn,
        };
        self.bench.input(Input::Agent { agent, command });
    }

    fn it_is_configured(&mut self) {
        if self.below(3) == 0 {
            self.config = self.one_of(&WORLDS).config();
            self.bench.input(Input::Configure(Arc::clone(&self.config)));
        }
    }

    fn a_practice_overrides(&mut self) {
        if self.below(4) != 0 {
            return;
        }
        let what = match self.below(4) {
            0 => Overriding::Open,
            1 => Overriding::Closed,
            2 => Overriding::Leave,
            _ => Overriding::Redirect(Forward {
                target: Target::Phone(PhoneId(1)),
                ring_for: seconds(6),
            }),
        };
        let until_unix_ms = START_UNIX_MS + self.below(400_000) as i64;
        let with = (self.below(3) != 0).then_some(Override { what, until_unix_ms });
        let practice = self.one_of(&[ONE, TWO]);
        self.bench.input(Input::Override { practice, with });
    }

    fn it_is_restored(&mut self) {
        let snapshot = self.bench.engine.snapshot();
        let restored = Engine::restore(Arc::clone(&self.config), &snapshot).expect("it is there");
        assert!(restored.snapshot() == snapshot, "a restored engine is the same");
        self.bench.engine = restored;
    }

    fn a_phone_registers(&mut self) {
        let (phone, user) = self.one_of(&PHONES);
        self.bench.register_as(phone, user, user, "secret");
    }

    fn a_flow_fails(&mut self) {
        let remote = self.one_of(&[PHONES[0].0, DESK, OPERATOR]);
        self.bench.input(Input::FlowFailed { flow: flow(remote) });
    }

    fn a_phone_dials(&mut self) {
        let (phone, user) = self.one_of(&PHONES[..3]);
        let code = self.one_of(&["*30", "*31", "*32", "*33"]);
        self.bench.dials(phone, user, code, &offer());
    }

    /// It is not woken for some seconds; now and then the process is to end.
    fn it_sleeps(&mut self) {
        let ms = self.below(9_000) as u64;
        self.bench.skip(Duration::from_millis(ms));
        if self.below(12) == 0 {
            self.bench.input(Input::HangUpAll);
        }
    }

    fn look_around(&mut self) {
        for (flow, message) in &self.bench.sent {
            if message.method() != Method::Invite {
                continue;
            }
            let is_known = self.rung.iter().any(|(_, invite)| invite == message);
            if message.is_request() && !is_known {
                self.rung.push((flow.remote.to_string(), message.clone()));
            }
            let [id, to] = [HeaderName::CallId, HeaderName::To].map(|name| message.text(name));
            if message.status().is_some_and(|status| status >= 180)
                && let (Some(id), Some(to)) = (id, to)
                && id.starts_with('c')
            {
                self.known.insert(id.to_string(), to.to_string());
            }
        }
        self.is_even();
    }

    fn is_even(&self) {
        let engine = &self.bench.engine;
        engine.scheduler().check_invariants();
        let ledger = engine.ledger();
        assert_eq!((ledger.ledger_imbalances, ledger.single_line_violations), (0, 0));
        let calls: Vec<_> = engine.live_calls().collect();
        let with_port = engine.code_legs().filter(|leg| leg.port.is_some()).count();
        let held = calls.iter().map(|call| call.ports.len()).sum::<usize>() + with_port;
        assert_eq!(held, engine.ports_in_use(), "each pair that is in use is some leg's");
        for call in &calls {
            let is_queued = engine.scheduler().caller(call.caller).is_some();
            let is_told = matches!(call.stage, Stage::Announced { .. });
            assert_eq!(is_queued, !is_told, "who is not told the end is in the queue: {call:?}");
            let may_press = matches!(call.stage, Stage::Announced { urgent_key: Some(_), .. });
            let is_kept = engine.scheduler().is_told(call.caller);
            assert!(may_press || !is_kept, "{call:?} is kept for a key that it has not");
        }
        let live: BTreeSet<_> = calls.iter().map(|call| call.caller).collect();
        let queued = engine.scheduler().callers().map(|caller| caller.waiting.caller);
        assert!(queued.into_iter().all(|caller| live.contains(&caller)), "who is queued is there");
    }

    fn ends(mut self) {
        self.bench.input(Input::HangUpAll);
        self.bench.run_for(seconds(400));
        let engine = &self.bench.engine;
        let legs = engine.agent_legs().count() + engine.target_legs().count();
        assert_eq!((engine.live_calls().count(), legs, engine.code_legs().count()), (0, 0, 0));
        assert_eq!(engine.endpoint_counts().dialogs, 0);
        let is_told = |&call: &u64| engine.scheduler().is_told(acd::CallerId(call));
        assert_eq!((0..=EVENTS as u64).find(is_told), None, "kept for a key after his call");
        assert_eq!((engine.ports_in_use(), engine.ports_spare()), (0, 50));
        assert_eq!(engine.ledger().offered, self.bench.records.len() as u64);
    }
}

#[test]
fn whatever_happens_every_call_ends_once_and_nothing_is_left_of_it() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>());
    let first = number("MONOLIGNE_SEED").map_or(0, |it| it.expect("a seed is a number"));
    let seeds = number("MONOLIGNE_SEEDS").map_or(SEEDS, |it| it.expect("a count is a number"));
    for seed in first..first + seeds {
        let run = std::panic::catch_unwind(|| {
            let mut storm = Storm::new(seed);
            for _ in 0..EVENTS {
                storm.event();
            }
            storm.ends();
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
