//! One test's world: its network, the server under test, callers, phones, and the end of it all.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use server::records::{CallRow, ForwardRow, OfferRow, Reader};

use crate::centre::{Centre, Reached};
use crate::floor::Floor;
use crate::namespace::Namespace;
use crate::phone::Phone;
use crate::scratch::Scratch;
use crate::server_under_test::Server;
use crate::setup::{CONFIG, Setup, password, records_in, socket_in};
use crate::softphone::Softphone;
use crate::sound::Tone;
use crate::tap::Tap;
use crate::trunk::{Caller, Plan, Then};
use crate::wait::{pause, wait_until};

/// Where the server under test listens.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060);
/// Where the operator's calls come from.
pub const TRUNK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Where the operator takes calls of ours, and an emergency centre answers.
pub const CENTRE: SocketAddr = SocketAddr::new(TRUNK, 5060);
/// Nobody the server knows.
pub const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 99));
/// The practice's number, as the trunk dials it.
pub const PRACTICE: &str = "+33140000001";

/// Phones are at ports 5070, 5080 … of the server's address, because baresip sends its voice from
/// whatever address the route has. They speak 900, 1250 … Hz, callers 400, 550 … Hz.
const PHONE_FIRST: u16 = 5070;
const CALLER_FIRST: u16 = 6000;

#[derive(Debug)]
pub struct Scene {
    server: Option<Server>,
    tap: Tap,
    scratch: Option<Scratch>,
    softphone: Softphone,
    /// The users of all phones that were switched on; one may have had two.
    phones: Vec<String>,
    callers: u16,
    /// Caller of each call that the server must have a record of, and the number that led to whom it
    /// was for.
    placed: Vec<(String, String)>,
    _network: Namespace,
}

/// What the server wrote down, read after its end.
#[derive(Debug)]
pub struct Records {
    pub calls: Vec<CallRow>,
    pub offers: Vec<OfferRow>,
    pub forwards: Vec<ForwardRow>,
}

impl Scene {
    /// A network of its own, and the server running in it.
    pub fn open(name: &str, setup: Setup) -> Result<Self> {
        let network = Namespace::enter()?;
        let scratch = Scratch::new(name)?;
        let tap = Tap::open(&network)?;
        let (softphone, phones) = (setup.softphone, Vec::new());
        let config = setup.write(scratch.path())?;
        let server = Some(Server::start(&scratch, &config, socket_in(scratch.path()))?);
        let (scratch, placed) = (Some(scratch), Vec::new());
        Ok(Self { server, tap, scratch, softphone, phones, callers: 0, placed, _network: network })
    }

    /// Ends the server as an update does, and starts it again at once.
    pub fn restart(&mut self) -> Result<()> {
        self.server.take().expect("only `close` takes the server for good").stop()?;
        let config = self.scratch().path().join(CONFIG);
        let socket = socket_in(self.scratch().path());
        self.server = Some(Server::start(self.scratch(), &config, socket)?);
        Ok(())
    }

    /// Writes another configuration and has it read; whether it was taken.
    pub fn reload(&self, setup: &Setup) -> Result<bool> {
        setup.write(self.scratch().path())?;
        self.server().reload()
    }

    /// Switches a secretary's phone on, which registers at once.
    pub fn phone_on(&mut self, user: &str) -> Result<Phone> {
        self.phone_with_password(user, &password(user))
    }

    /// The same, and waits until she may be offered callers: for when nobody waits.
    pub fn phone(&mut self, user: &str) -> Result<Phone> {
        let phone = self.phone_on(user)?;
        self.wait_for_state(user, "available").with_context(|| {
            format!("{}\n{}", phone.log().unwrap_or_default(), self.tap.ladder())
        })?;
        Ok(phone)
    }

    /// Switches a phone of another make on.
    pub fn other_phone_on(&mut self, softphone: Softphone, user: &str) -> Result<Phone> {
        self.start_phone(softphone, user, &password(user))
    }

    /// Switches a phone on that may be refused.
    pub fn phone_with_password(&mut self, user: &str, password: &str) -> Result<Phone> {
        self.start_phone(self.softphone, user, password)
    }

    fn start_phone(&mut self, softphone: Softphone, user: &str, password: &str) -> Result<Phone> {
        let index = u16::try_from(self.phones.len()).expect("a test has few phones");
        self.phones.push(user.to_owned());
        let address = phone_address(index);
        let tone = Tone(900 + 350 * u32::from(index));
        Phone::start(self.scratch(), softphone, address, SERVER, user, password, tone)
    }

    /// Switches everybody's phone on, in one process that answers by itself, and waits until all may
    /// be offered callers.
    pub fn floor(&mut self, users: &[&str]) -> Result<Floor> {
        let accounts: Vec<_> =
            users.iter().map(|user| ((*user).to_owned(), password(user))).collect();
        self.phones.extend(users.iter().map(|user| (*user).to_owned()));
        let floor = Floor::start(self.scratch(), phone_address(0), SERVER, &accounts, Tone(900))?;
        for user in users {
            self.wait_for_state(user, "available")?;
        }
        Ok(floor)
    }

    /// Places many calls from the operator's trunk, so many a second, each of so long a talk.
    pub fn crowd(&mut self, callers: usize, a_second: usize, talk: Duration) -> Result<Caller> {
        let numbers: Vec<String> = (0..callers).map(|n| format!("+33613{n:06}")).collect();
        self.placed.extend(numbers.iter().map(|n| (n.clone(), PRACTICE.to_owned())));
        let plan = Plan::new(PRACTICE, "", Then::HangUpAfter(talk)).by_each_of(numbers, a_second);
        let source = SocketAddr::new(TRUNK, CALLER_FIRST + self.callers);
        self.callers += 1;
        Caller::place(self.scratch(), source, SERVER, Tone(400), &plan)
    }

    /// Waits until the relay has every port back.
    pub fn wait_for_ports(&self) -> Result<()> {
        wait_until("all ports to be free", Duration::from_secs(10), || {
            Ok((self.server().status()?.ports_in_use == 0).then_some(()))
        })
    }

    /// Places a call from the operator's trunk.
    pub fn call(&mut self, then: Then) -> Result<Caller> {
        let plan = Plan::new(PRACTICE, &caller_number(self.callers), then);
        self.place(TRUNK, &plan)
    }

    /// Places any call, from anywhere.
    pub fn place(&mut self, source: IpAddr, plan: &Plan) -> Result<Caller> {
        let index = self.callers;
        self.callers += 1;
        if source == TRUNK {
            let number = plan.forwarded_from.as_ref().unwrap_or(&plan.number);
            self.placed.push((plan.caller.clone(), number.clone()));
        }
        let tone = Tone(400 + 150 * u32::from(index));
        let source = SocketAddr::new(source, CALLER_FIRST + index);
        Caller::place(self.scratch(), source, SERVER, tone, plan)
    }

    /// Waits until the server says this of a secretary.
    pub fn wait_for_state(&self, user: &str, state: &str) -> Result<()> {
        let mut last = String::new();
        wait_until(&format!("{user} to be {state}"), Duration::from_secs(10), || {
            let status = self.server().status()?;
            let agent = status.agents.iter().find(|agent| agent.user == user);
            last = agent.map_or("unknown", |agent| &agent.state).to_owned();
            Ok((last == state).then_some(()))
        })
        .with_context(|| format!("{user} is {last}"))
    }

    /// Waits until a secretary has no registered phone any more.
    pub fn wait_for_unreachable(&self, user: &str) -> Result<()> {
        wait_until(&format!("{user} to be unreachable"), Duration::from_secs(10), || {
            let agents = self.server().status()?.agents;
            Ok(agents.iter().any(|a| a.user == user && !a.is_reachable).then_some(()))
        })
    }

    /// Waits until so many callers are waiting, ringing or talking.
    pub fn wait_for_stage(&self, stage: &str, count: usize) -> Result<()> {
        wait_until(&format!("{count} calls {stage}"), Duration::from_secs(10), || {
            let calls = self.server().status()?.calls;
            Ok((calls.iter().filter(|call| call.stage == stage).count() == count).then_some(()))
        })
    }

    /// Has her put the caller on hold; the server has agreed when this returns.
    pub fn hold(&self, phone: &mut Phone) -> Result<()> {
        self.renegotiate(phone, Phone::hold)
    }

    /// Has her take the caller back.
    pub fn resume(&self, phone: &mut Phone) -> Result<()> {
        self.renegotiate(phone, Phone::resume)
    }

    fn renegotiate(&self, phone: &mut Phone, ask: fn(&mut Phone) -> Result<()>) -> Result<()> {
        let before = self.tap.answers_to(&phone.user, "INVITE", 200).len();
        ask(phone)?;
        wait_until("the answer to her re-INVITE", Duration::from_secs(10), || {
            Ok((self.tap.answers_to(&phone.user, "INVITE", 200).len() > before).then_some(()))
        })
    }

    /// Lets a phone ring, or a caller wait, for a while.
    pub fn let_ring(&self, length: Duration) {
        pause(length);
    }

    /// Lets them talk, or be silent, for a while.
    pub fn let_talk(&self, length: Duration) {
        pause(length);
    }

    /// Checks a conversation by ear: she heard his tone and he heard hers, once both have settled.
    /// `nth` counts her conversations from 0.
    pub fn check_voices(&self, caller: &Caller, phone: &Phone, nth: usize) -> Result<()> {
        let hers = phone.heard()?;
        let heard = hers.get(nth).with_context(|| format!("she had {} talks", hers.len()))?;
        let skip = phone.softphone.settles_in();
        heard.check(&phone.user, caller.tone, skip)?;
        self.tap.heard_at(caller.ear).check("the caller", phone.tone, skip)
    }

    /// The operator takes one call of ours from here on.
    pub fn centre(&self, reached: Reached) -> Result<Centre> {
        Centre::open(self.scratch(), CENTRE, Tone(500), reached)
    }

    /// Throws these bytes at the server from an address.
    pub fn throw(&self, source: IpAddr, datagrams: &[&[u8]]) -> Result<()> {
        let socket = UdpSocket::bind((source, 0))?;
        for datagram in datagrams {
            socket.send_to(datagram, SERVER)?;
        }
        Ok(())
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("only `close` takes the server")
    }

    pub fn scratch(&self) -> &Scratch {
        self.scratch.as_ref().expect("only `close` takes the scratch")
    }

    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Stops the server, and checks what holds of every test: it ended well and logged no error, no
    /// phone was ever in two calls, and its records are the calls that were placed.
    pub fn close(self) -> Result<Records> {
        self.close_with(None)
    }

    /// The same of a test that raises an alarm: errors with these words, and no other ones.
    pub fn close_after_alarm(self, alarm: &str) -> Result<Records> {
        self.close_with(Some(alarm))
    }

    fn close_with(mut self, alarm: Option<&str>) -> Result<Records> {
        let status = self.server().status()?;
        ensure!(status.ledger.single_line_violations == 0, "single-line violations");
        ensure!(status.ledger.ledger_imbalances == 0, "offered is not what ended and what is live");
        let ended: u64 = status.ledger.dispositions.values().sum();
        let live = status.calls.len() as u64;
        ensure!(status.ledger.offered == ended + live, "{:?}, {live} live", status.ledger);
        let is_lost = status.ledger.dispositions.keys().any(|how| how.as_str() == "lost");
        ensure!(!is_lost, "a call was lost: {:?}", status.ledger);
        self.server.take().expect("only `close` takes the server").stop_after(alarm)?;
        for user in &self.phones {
            let most = self.tap.most_calls_at(user);
            ensure!(most <= 1, "{user}'s phone was in {most} calls\n{}", self.tap.ladder());
        }
        let reader = Reader::open(&records_in(self.scratch().path()))?;
        let records = Records {
            calls: reader.calls()?,
            offers: reader.offers()?,
            forwards: reader.forwards()?,
        };
        self.check_records(&records)
            .with_context(|| format!("{records:#?}\n{}", self.tap.ladder()))?;
        self.scratch.take().expect("only `close` takes the scratch").remove()?;
        Ok(records)
    }

    /// One record a call placed, with the status that the trunk saw, and one offer an INVITE that
    /// the phones saw.
    fn check_records(&self, records: &Records) -> Result<()> {
        ensure!(records.calls.len() == self.placed.len(), "{} calls placed", self.placed.len());
        for (caller, number) in &self.placed {
            let status = self.tap.final_status(TRUNK, caller);
            let calls = self.placed.iter().filter(|(other, _)| other == caller).count();
            let rows: Vec<&CallRow> = records.from(caller).collect();
            ensure!(rows.len() == calls, "{} records of {caller}", rows.len());
            for row in rows {
                ensure!(row.dialled.as_ref() == Some(number), "{caller} dialled {number}");
                ensure!(Some(row.status) == status, "{caller} was answered {status:?}");
            }
        }
        let rung: usize = self.phones.iter().map(|user| self.tap.calls_at(user)).sum();
        let phones = records.forwards.iter().filter(|forward| forward.kind == "phone").count();
        let told = records.offers.len() + phones;
        ensure!(told == rung, "the phones were rung {rung} times");
        Ok(())
    }
}

impl Drop for Scene {
    /// A scene that was not closed is a failed test: its signalling is kept beside the logs.
    fn drop(&mut self) {
        if let Some(scratch) = &self.scratch {
            // The test has failed already; a second error would hide the first.
            let _ = fs::write(scratch.path().join("ladder.txt"), self.tap.ladder());
            let _ = fs::write(scratch.path().join("sip.txt"), self.tap.transcript());
        }
    }
}

impl Records {
    /// The call of the nth caller of the test, from 0.
    pub fn of(&self, caller: u16) -> Result<&CallRow> {
        let number = caller_number(caller);
        let mut rows = self.from(&number);
        let row = rows.next().with_context(|| format!("no record of {number}"))?;
        ensure!(rows.next().is_none(), "two records of {number}");
        Ok(row)
    }

    fn from(&self, number: &str) -> impl Iterator<Item = &CallRow> {
        self.calls.iter().filter(move |row| row.caller.as_deref() == Some(number))
    }

    /// Where a call was forwarded to, `phone` or `line`, and what came of each.
    pub fn forwards_of(&self, caller: u16) -> Result<Vec<(&str, &str)>> {
        let call = &self.of(caller)?.call;
        let forwards = self.forwards.iter().filter(|forward| forward.call == *call);
        Ok(forwards.map(|it| (it.kind.as_str(), it.outcome.as_str())).collect())
    }

    /// How it ended: disposition and who released it.
    pub fn end_of(&self, caller: u16) -> Result<(&str, &str)> {
        let row = self.of(caller)?;
        Ok((&row.disposition, &row.released_by))
    }

    /// The offers of a call: to whom, and what came of each.
    pub fn offers_of(&self, caller: u16) -> Result<Vec<(&str, &str)>> {
        let call = &self.of(caller)?.call;
        let offers = self.offers.iter().filter(|offer| offer.call == *call);
        Ok(offers.map(|offer| (offer.agent.as_str(), offer.outcome.as_str())).collect())
    }
}

/// The nth caller's number.
pub fn caller_number(index: u16) -> String {
    format!("+336123456{index:02}")
}

fn phone_address(index: u16) -> SocketAddr {
    SocketAddr::new(SERVER.ip(), PHONE_FIRST + 10 * index)
}
