//! Calls through loss, duplicates and reordering, over many seeds: every call ends at both sides
//! and nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use sip::{DialogKey, Event, Instant, Limits, Method, Transport};

use crate::pair::{Pair, SDP, Side, Weather};

/// What was told of one dialog, by its owner's side.
#[derive(Default)]
struct Told {
    acked: u32,
    answered: u32,
    terminal: u32,
}

struct World {
    pair: Pair,
    /// Commands to come.
    agenda: BTreeMap<(Instant, u64), (Side, DialogKey, Command)>,
    sequence: u64,
    told: BTreeMap<(u8, DialogKey), Told>,
}

#[derive(Copy, Clone)]
enum Command {
    Cancel,
    Answer,
    Reject,
    Bye,
    Reinvite,
}

impl World {
    fn plan(&mut self, side: Side, dialog: DialogKey, within_ms: u32, command: Command) {
        let delay = Duration::from_millis(u64::from(self.pair.random(within_ms)));
        self.sequence += 1;
        self.agenda.insert((self.pair.now + delay, self.sequence), (side, dialog, command));
    }

    fn told(&mut self, side: Side, dialog: DialogKey) -> &mut Told {
        self.told.entry((side as u8, dialog)).or_default()
    }

    fn act(&mut self, side: Side, dialog: DialogKey, command: Command) {
        let now = self.pair.now;
        let endpoint = self.pair.endpoint(side);
        if !endpoint.is_open(dialog) {
            return;
        }
        let sdp = Bytes::from_static(SDP);
        // Refused where it comes too late: the race is the point.
        let _ = match command {
            Command::Cancel => endpoint.cancel(now, dialog, None),
            Command::Answer => endpoint.answer(now, dialog, &[], sdp),
            Command::Reject => {
                let result = endpoint.reject(now, dialog, 486, &[]);
                if result.is_ok() {
                    self.told(side, dialog).terminal += 1;
                }
                result
            }
            Command::Bye => endpoint.bye(now, dialog, None),
            Command::Reinvite => endpoint.reinvite(now, dialog, sdp),
        };
    }

    fn hear(&mut self, side: Side, event: Event) {
        let now = self.pair.now;
        match event {
            Event::Invited { dialog, .. } => {
                self.pair.callee.progress(now, dialog, 180, &[], None).unwrap();
                let command =
                    if self.pair.random(4) == 0 { Command::Reject } else { Command::Answer };
                self.plan(side, dialog, 8_000, command);
            }
            Event::Answered { dialog, .. } => {
                self.told(side, dialog).answered += 1;
                match self.pair.random(16) {
                    // Vanished: its peer must end the call.
                    0 => return,
                    // Hangs up without `ack`.
                    1 => {}
                    _ => self.pair.caller.ack(now, dialog, None).unwrap(),
                }
                self.plan_talk(side, dialog);
            }
            Event::Acked { dialog, .. } => {
                self.told(side, dialog).acked += 1;
                self.plan_talk(side, dialog);
            }
            Event::Reinvited { request, .. } => {
                let status = if self.pair.random(3) == 0 { 488 } else { 200 };
                // Gone if they gave it up meanwhile.
                let _ = self.pair.endpoint(side).respond(now, request, status, &[], None);
            }
            Event::Cancelled { dialog, .. }
            | Event::Rejected { dialog, .. }
            | Event::Ended { dialog, .. } => self.told(side, dialog).terminal += 1,
            Event::AckMissing { .. }
            | Event::Trying { .. }
            | Event::Progress { .. }
            | Event::Crossed { .. }
            | Event::Reanswered { .. }
            | Event::InDialog { .. }
            | Event::Request { .. }
            | Event::Response { .. }
            | Event::Refused { .. }
            | Event::Resolve { .. } => {}
        }
    }

    fn plan_talk(&mut self, side: Side, dialog: DialogKey) {
        self.plan(side, dialog, 4_000, Command::Reinvite);
        self.plan(side, dialog, 10_000, Command::Bye);
    }

    fn run(&mut self, until: Instant) {
        loop {
            let next = self.agenda.keys().next().map(|&(at, _)| at);
            if !self.pair.step_until(next.unwrap_or(until).min(until)) {
                let Some(at) = next.filter(|at| *at <= until) else { break };
                self.pair.now = self.pair.now.max(at);
                let (_, (side, dialog, command)) = self.agenda.pop_first().unwrap();
                self.act(side, dialog, command);
                self.pair.drain();
            }
            for event in std::mem::take(&mut self.pair.caller_events) {
                self.hear(Side::Caller, event);
            }
            for event in std::mem::take(&mut self.pair.callee_events) {
                self.hear(Side::Callee, event);
            }
        }
    }
}

/// Gives the callee's missing ACKs, the crossings and the strays of both.
fn run_seed(seed: u64) -> [u64; 3] {
    let transport = if seed % 8 == 7 { Transport::Tcp } else { Transport::Udp };
    let mut pair = Pair::with(seed, Limits::default(), transport);
    if transport == Transport::Udp {
        pair.weather = Weather {
            loss: 50 + u32::try_from(seed % 4).unwrap() * 50,
            duplicates: 100,
            jitter: Duration::from_millis(if seed.is_multiple_of(2) { 30 } else { 700 }),
        };
    }
    let mut world = World { pair, agenda: BTreeMap::new(), sequence: 0, told: BTreeMap::new() };
    for _ in 0..12 {
        let dialog = world.pair.invite();
        world.told(Side::Caller, dialog);
        if world.pair.random(3) == 0 {
            world.plan(Side::Caller, dialog, 9_000, Command::Cancel);
        }
        let pause = Duration::from_millis(u64::from(world.pair.random(900)));
        let until = world.pair.now + pause;
        world.run(until);
        world.pair.now = until;
    }
    // The agenda ends by 11 + 8 + 4 + 10 s or so; an ACK and then a BYE may both go missing, and
    // a late fork's transaction lives for another 64·T1.
    let until = world.pair.now + Duration::from_secs(60 + 4 * 32);
    world.run(until);
    world.pair.assert_empty();
    for ((side, dialog), told) in &world.told {
        let who = format!("seed {seed}, side {side}, {dialog:?}");
        assert_eq!(told.terminal, 1, "{who}: one terminal event");
        assert!(told.answered <= 1, "{who}: answered once");
    }
    let (caller, callee) = (world.pair.caller.counts(), world.pair.callee.counts());
    assert_eq!(caller.unusable + callee.unusable, 0);
    assert_wire(&world.pair, seed);
    [
        caller.acks_missing + callee.acks_missing,
        caller.crossed + callee.crossed,
        caller.stray_responses + callee.stray_responses + caller.stray_acks + callee.stray_acks,
    ]
}

/// Each ACK to a 2xx answers one that was sent; each dialog has at most one BYE a side, its
/// retransmissions apart; CSeq never goes back.
fn assert_wire(pair: &Pair, seed: u64) {
    let mut byes: BTreeSet<(u8, String, String)> = BTreeSet::new();
    let mut branches: BTreeMap<String, Bytes> = BTreeMap::new();
    let mut cseqs: BTreeMap<(u8, String, String), u32> = BTreeMap::new();
    let mut accepted: BTreeSet<(String, u32)> = BTreeSet::new();
    for sent in &pair.sent {
        let message = &sent.message;
        let call_id = message.call_id().unwrap().to_string();
        let cseq = message.cseq().unwrap();
        let side = sent.from as u8;
        let to = message.to().unwrap().tag().unwrap_or_default().to_string();
        if let Some(status) = message.status() {
            if (200..300).contains(&status) && cseq.method == Method::Invite {
                accepted.insert((call_id, cseq.number));
            }
            continue;
        }
        let branch = message.top_via().unwrap().branch().unwrap().to_string();
        let is_new = match message.method() {
            // They share their INVITE's branch.
            Method::Cancel => false,
            Method::Ack => {
                let is_own_branch = !branches.contains_key(&branch);
                if is_own_branch {
                    let key = (call_id.clone(), cseq.number);
                    assert!(accepted.contains(&key), "seed {seed}: ACK without 2xx");
                }
                false
            }
            _ => match branches.insert(branch, message.bytes().clone()) {
                None => true,
                Some(first) => {
                    assert_eq!(first, message.bytes(), "seed {seed}: another request on a branch");
                    false
                }
            },
        };
        if !is_new {
            continue;
        }
        let last = cseqs.entry((side, call_id.clone(), to.clone())).or_default();
        assert!(cseq.number > *last, "seed {seed}: CSeq went back");
        *last = cseq.number;
        if message.method() == Method::Bye {
            assert!(byes.insert((side, call_id, to)), "seed {seed}: a second BYE");
        }
    }
}

#[test]
fn calls_through_bad_weather_end_at_both_sides_and_leave_nothing() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    let mut seen = [0; 3];
    for seed in 0..seeds {
        for (seen, of_seed) in seen.iter_mut().zip(run_seed(seed)) {
            *seen += of_seed;
        }
    }
    assert!(seen.iter().all(|&seen| seen > 0), "every race happened: {seen:?}");
}

#[test]
fn mangled_messages_in_the_middle_of_calls_never_panic_and_leave_nothing() {
    for seed in 0..60 {
        let mut pair = Pair::with(seed, Limits::default(), Transport::Udp);
        let (ours, theirs) = pair.talking();
        let now = pair.now;
        pair.caller.reinvite(now, ours, Bytes::from_static(SDP)).unwrap();
        pair.settle();
        let ringing = pair.invite();
        pair.settle();
        let now = pair.now;
        let invited = pair.invited();
        pair.caller.cancel(now, ringing, None).unwrap();
        pair.callee.bye(now, theirs, None).unwrap();
        pair.drain();
        let recorded: Vec<_> =
            pair.sent.iter().map(|sent| (sent.from, sent.message.bytes().clone())).collect();
        for round in 0..400 {
            let (from, bytes) = &recorded[pair.random(recorded.len() as u32) as usize];
            let mut bytes = bytes.to_vec();
            for _ in 0..=pair.random(4) {
                let at = pair.random(bytes.len() as u32) as usize;
                match pair.random(4) {
                    0 => bytes[at] = pair.random(256) as u8,
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"0;,<>:\r\n "[pair.random(9) as usize]),
                    _ => bytes[at] ^= 1,
                }
            }
            // To either side: a request of ours may come back to us.
            let to = if round % 3 == 0 { *from } else { from.other() };
            let (now, flow) = (pair.now, pair.flow(to));
            if let Ok(message) = sip::Message::read(Bytes::from(bytes)) {
                pair.endpoint(to).handle_message(now, flow, message);
            }
            refuse_all(pair.endpoint(to), now);
        }
        let now = pair.now;
        // A mangled CANCEL or BYE may have ended it.
        let _ = pair.callee.reject(now, invited, 486, &[]);
        for (side, dialog) in [(Side::Caller, ours), (Side::Callee, theirs)] {
            let (mut now, endpoint) = (pair.now, pair.endpoint(side));
            if endpoint.is_open(dialog) {
                endpoint.bye(now, dialog, None).unwrap();
            }
            // A 2xx without ACK, then its BYE, each for 64·T1.
            let until = now + Duration::from_secs(100);
            while let Some((at, _)) = endpoint.poll_timeout().filter(|(at, _)| *at <= until) {
                now = at;
                endpoint.handle_timeout(now);
                refuse_all(endpoint, now);
            }
            let counts = endpoint.counts();
            let left = [
                counts.dialogs,
                counts.client_transactions,
                counts.server_transactions,
                counts.requests,
                counts.timers,
            ];
            assert_eq!(left, [0; 5], "seed {seed}: {counts:?}");
        }
    }
}

/// An owner that wants no calls; nothing is sent.
fn refuse_all(endpoint: &mut sip::Endpoint, now: Instant) {
    while endpoint.poll_transmit().is_some() {}
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::Invited { dialog, .. } => endpoint.reject(now, dialog, 486, &[]).unwrap(),
            Event::Answered { dialog, .. } => endpoint.bye(now, dialog, None).unwrap(),
            Event::Reinvited { request, .. }
            | Event::InDialog { request, .. }
            | Event::Request { request, .. } => {
                endpoint.respond(now, request, 488, &[], None).unwrap();
            }
            _ => {}
        }
    }
}
