//! The world outside: an operator, phones that answer at once, and what they live through.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::centre::{BUSY_NUMBER, OPERATOR, QUEUE_NUMBER, REALM, Staff, password};
use anyhow::ensure;
use hdrhistogram::Histogram;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use server::floor::{
    CallEnd, CallPlan, Floor, Happening, Manner, PhoneEnd, PhoneRef, PhoneSetup, PhonesSetup,
    Sound, TrunkSetup,
};
use sip::Instant;

/// Phones behind one socket.
const PHONES_A_LINE: usize = 10;
/// Phones that register at once.
const REGISTERING: usize = 100;
/// Nobody talks for less.
pub const TALK: Duration = Duration::from_secs(1);
/// A caller who waits for so long fails the test.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer times count as this.
const LONGEST_NS: u64 = 100_000_000_000;

/// What the callers dial.
#[derive(Copy, Clone, Eq, PartialEq)]
pub enum Dialled {
    /// The practices' numbers: who answers is the server's choice.
    Practices,
    /// One phone after the other, by their users: through a proxy that chooses nothing.
    Phones,
}

pub struct World {
    floor: Floor,
    dialled: Dialled,
    trunk: u16,
    phones: usize,
    random: ChaCha8Rng,
    /// When a secretary said BYE and was not rung since.
    hung_up_at: BTreeMap<PhoneRef, Instant>,
    seen: Seen,
    /// All calls that were ever placed.
    pub placed: usize,
    /// Those that came to a conversation.
    pub served: usize,
    /// Of callers who gave up in the moment of being answered: the record may say either.
    pub crossed: usize,
}

/// What was seen in one part of the test.
pub struct Seen {
    /// From INVITE to 200, in nanoseconds, as the operator sees it.
    pub setup: Histogram<u64>,
    /// From a secretary's BYE to her next INVITE, in nanoseconds, as her phone sees it.
    pub handover: Histogram<u64>,
    pub placed: usize,
    pub ended: usize,
    /// What went wrong, and how often.
    pub failures: BTreeMap<String, usize>,
    /// How late a call was placed, at most: the world has no more time than one core gives.
    pub latest: Duration,
}

impl Seen {
    fn new() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1_000, LONGEST_NS, 3).expect("constant bounds");
        Self {
            setup: histogram(),
            handover: histogram(),
            placed: 0,
            ended: 0,
            failures: BTreeMap::new(),
            latest: Duration::ZERO,
        }
    }

    pub fn failed(&self) -> usize {
        self.failures.values().sum()
    }

    fn fail(&mut self, how: String) {
        *self.failures.entry(how).or_default() += 1;
    }

    pub fn setup_ms(&self, quantile: f64) -> f64 {
        self.setup.value_at_quantile(quantile) as f64 / 1e6
    }
}

impl World {
    /// Everybody is there; nobody has registered yet. To be made within a tokio runtime.
    pub fn new(
        server: SocketAddr,
        staff: Staff,
        dialled: Dialled,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut floor = Floor::new(seed);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let users: Vec<(String, &str)> = staff.users().collect();
        for line in users.chunks(PHONES_A_LINE) {
            let phones = line.iter().map(|(user, team)| {
                // The busy line's callers hang up themselves, those who wait in line let her do it:
                // each after her own time, so that they do not all hang up together.
                let longer = TALK.mul_f64(f64::from(random.next_u32()) / f64::from(u32::MAX));
                let talk = (*team == "queue").then_some(TALK + longer);
                PhoneSetup {
                    user: user.clone(),
                    password: password(user),
                    expires: Duration::from_secs(600),
                    sound: Sound::Token,
                    first: Vec::new(),
                    usual: Manner::answer(Duration::ZERO, talk),
                }
            });
            let setup = PhonesSetup { server, realm: REALM.to_owned(), phones: phones.collect() };
            floor.add_phones(IpAddr::V4(Ipv4Addr::LOCALHOST), setup)?;
        }
        let setup = TrunkSetup { server, domain: "operateur.example".to_owned() };
        let trunk = floor.add_trunk(IpAddr::V4(OPERATOR), setup)?;
        Ok(Self {
            floor,
            dialled,
            trunk,
            phones: users.len(),
            random,
            hung_up_at: BTreeMap::new(),
            seen: Seen::new(),
            placed: 0,
            served: 0,
            crossed: 0,
        })
    }

    /// Registers all phones, some hundred at a time, as an office does after a power cut.
    pub async fn register(&mut self) -> anyhow::Result<()> {
        let all: Vec<PhoneRef> = (0..self.phones)
            .map(|index| PhoneRef {
                line: u16::try_from(index / PHONES_A_LINE).expect("a few lines"),
                index: u32::try_from(index % PHONES_A_LINE).expect("below a line's"),
            })
            .collect();
        for (index, some) in all.chunks(REGISTERING).enumerate() {
            for phone in some {
                self.floor.register(*phone);
            }
            let expected = index * REGISTERING + some.len();
            let at_most = Duration::from_secs(10);
            let done = self.floor.run_until(at_most, |floor| floor.registered() == expected).await;
            let registered = self.floor.registered();
            ensure!(done, "only {registered} of {expected} phones could register");
        }
        self.take_happenings();
        self.take_seen();
        Ok(())
    }

    /// What was seen since the last time.
    pub fn take_seen(&mut self) -> Seen {
        self.hung_up_at.clear();
        std::mem::replace(&mut self.seen, Seen::new())
    }

    pub fn live_calls(&self) -> usize {
        self.floor.live_calls()
    }

    /// Callers come at random, so many a second, for so long.
    pub async fn offer(&mut self, calls_a_second: f64, duration: Duration) {
        self.offer_talking(calls_a_second, duration, TALK).await;
    }

    /// The same, talking for so long.
    pub async fn offer_talking(&mut self, calls_a_second: f64, duration: Duration, talk: Duration) {
        let begin = self.floor.now();
        let until = begin + duration;
        let mut next = begin;
        while next < until {
            let now = self.floor.now();
            if next > now {
                let left = next.saturating_duration_since(now);
                // The clock of the runtime is no finer than a millisecond.
                let _elapsed = tokio::time::timeout(left, self.floor.step()).await;
            } else {
                let late = now.saturating_duration_since(next);
                self.seen.latest = self.seen.latest.max(late);
                self.place(BUSY_NUMBER, Some(talk));
                next += self.gap(calls_a_second);
            }
            self.take_happenings();
        }
    }

    /// So many callers wait at all times, for so long; then they give up.
    pub async fn queue(&mut self, waiting: usize, secretaries: usize, duration: Duration) {
        let until = self.floor.now() + duration;
        while self.floor.now() < until {
            while self.floor.live_calls() < waiting + secretaries {
                self.place(QUEUE_NUMBER, None);
            }
            self.floor.step().await;
            self.take_happenings();
        }
    }

    /// Nobody new comes, until all calls have ended.
    pub async fn rest(&mut self, at_most: Duration) {
        let until = self.floor.now() + at_most;
        while self.floor.live_calls() > 0 && self.floor.now() < until {
            let _elapsed = tokio::time::timeout(Duration::from_millis(10), self.floor.step()).await;
            self.take_happenings();
        }
        // The last BYEs are answered.
        self.floor.run_for(Duration::from_millis(200)).await;
        self.take_happenings();
    }

    /// Nobody new comes for so long.
    pub async fn pause(&mut self, duration: Duration) {
        self.floor.run_for(duration).await;
        self.take_happenings();
    }

    /// Everybody hangs up.
    pub async fn hang_up_all(&mut self) {
        self.floor.hang_up_all();
        self.rest(Duration::from_secs(40)).await;
    }

    fn place(&mut self, number: &str, talk: Option<Duration>) {
        let from = format!("06399{:05}", self.placed % 100_000);
        let to = match self.dialled {
            Dialled::Practices => number.to_owned(),
            Dialled::Phones => format!("b{}", self.placed % self.phones),
        };
        let plan = CallPlan {
            to,
            from,
            withheld: false,
            diverted_from: None,
            patience: Some(PATIENCE),
            talk,
            sound: Sound::Token,
        };
        self.floor.place(self.trunk, plan);
        self.placed += 1;
        self.seen.placed += 1;
    }

    /// Between two arrivals of a Poisson process.
    fn gap(&mut self, calls_a_second: f64) -> Duration {
        let uniform = (f64::from(self.random.next_u32()) + 1.0) / 4_294_967_297.0;
        Duration::from_secs_f64(-uniform.ln() / calls_a_second)
    }

    fn take_happenings(&mut self) {
        while let Some(happening) = self.floor.poll_happening() {
            match happening {
                Happening::PhoneRings { phone, at, .. } => {
                    if let Some(since) = self.hung_up_at.remove(&phone) {
                        record(&mut self.seen.handover, at.saturating_duration_since(since));
                    }
                }
                Happening::PhoneEnded(call) => match call.end {
                    PhoneEnd::HungUp => {
                        self.hung_up_at.insert(call.phone, call.ended_at);
                    }
                    PhoneEnd::Released => {}
                    PhoneEnd::Cancelled
                    | PhoneEnd::Declined(_)
                    | PhoneEnd::Incompatible
                    | PhoneEnd::Cut => self.seen.fail(format!("a phone's call: {:?}", call.end)),
                },
                Happening::CallEnded(call) => {
                    self.seen.ended += 1;
                    if call.answered_at.is_some() {
                        self.served += 1;
                        record(&mut self.seen.setup, call.wait());
                    }
                    self.crossed += usize::from(call.end == CallEnd::Crossed);
                    match call.end {
                        CallEnd::HungUp | CallEnd::Released => {}
                        CallEnd::GaveUp
                        | CallEnd::Crossed
                        | CallEnd::Refused(_)
                        | CallEnd::Failed => self.seen.fail(format!("a call: {:?}", call.end)),
                    }
                }
                Happening::Violation(violation) => {
                    let what = format!("{violation:?}");
                    let kind = what.split([' ', '{']).next().unwrap_or_default();
                    self.seen.fail(format!("a violation: {kind}"));
                }
                Happening::RegisterFailed { status, .. } => {
                    self.seen.fail(format!("a registration: {status}"));
                }
                Happening::Registered { .. }
                | Happening::Unregistered { .. }
                | Happening::PhoneAnswered { .. }
                | Happening::CallRings { .. }
                | Happening::CallAnswered { .. } => {}
            }
        }
    }
}

fn record(histogram: &mut Histogram<u64>, duration: Duration) {
    histogram.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}
