//! What the actors share: the clock, chance, the way to the network, and what is known to be true.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::Instant;

use crate::caller::CallerAlarm;
use crate::dice::Dice;
use crate::failure::{Check, Failure};
use crate::outside::LineAlarm;
use crate::phone::PhoneAlarm;
use crate::tally::{Happening, Tally};

pub(crate) const T1: Duration = Duration::from_millis(500);
pub(crate) const T2: Duration = Duration::from_secs(4);
pub(crate) const T1_64: Duration = Duration::from_secs(32);

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Actor {
    Caller(u16),
    Phone(u16),
    /// The far side of that trunk.
    Outside(u16),
}

/// What a packet means to who watches its arrival at the engine.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Mark {
    Nothing,
    Provisional {
        call: u32,
    },
    Final {
        call: u32,
    },
    Ack,
    ByeDone {
        call: u32,
    },
    /// The key, in an INFO.
    Key {
        call: u32,
        key: char,
    },
    /// Ends a call that the phone has placed.
    DialOver {
        dial: u32,
    },
    /// The INVITE to an emergency number.
    Emergency {
        dial: u32,
    },
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Alarm {
    Caller(u16, CallerAlarm),
    Phone(u16, PhoneAlarm),
    /// Of one call there.
    Outside(u32, LineAlarm),
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Speaker {
    Caller,
    Phone(u16),
    /// In that call to a number outside.
    Outside(u32),
}

/// A packet with a voice in it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Voice {
    pub from: SocketAddr,
    /// The relay's port.
    pub port: u16,
    pub caller: u16,
    /// In the conversation with this caller.
    pub by: Speaker,
}

/// What an actor wants to happen.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub packets: Vec<(Actor, Bytes, Mark)>,
    pub alarms: Vec<(Instant, Alarm)>,
    pub voices: Vec<(Instant, Voice)>,
    /// Keys that are pressed in calls to numbers outside, and which.
    pub keys: Vec<(u32, char)>,
    /// Calls to numbers outside that come back to us.
    pub echoes: Vec<u32>,
    /// Phones that rang for a caller just now.
    pub rung: Vec<u16>,
    /// Media addresses from which nothing comes any more.
    pub fell_silent: Vec<SocketAddr>,
    pub failure: Option<Failure>,
}

/// What really happened, from the peers' sides.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub callers: Vec<CallerTruth>,
    /// Some practice was gone for a while.
    pub has_lost_practices: bool,
    /// No new calls are taken.
    pub is_draining: bool,
    /// All that was up has been ended.
    pub is_hung_up: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CallerTruth {
    /// Whose phones have answered for him, with something to talk on.
    pub takers: BTreeSet<u16>,
    /// Numbers outside at which a human has said that he takes him.
    pub lines: BTreeSet<u64>,
    /// A secretary, or whom he was forwarded to, has hung up on him.
    pub agent_left: bool,
    /// INVITEs that were sent for him, to phones and outside.
    pub rung: u32,
    pub heard_agent: bool,
    pub heard_caller: bool,
    /// The scheduler ended his plan with a text, and the engine began with it.
    pub is_told: bool,
    /// The relay has played it to its last word.
    pub heard_text: bool,
    /// He pressed the key of a text, and went on with his plan.
    pub has_pressed: bool,
    /// Another plan took him over, last that of this situation.
    pub taken_over: Option<call::Situation>,
}

/// Given to an actor whenever it acts.
pub(crate) struct Stage<'a> {
    pub now: Instant,
    pub dice: &'a mut Dice,
    pub tally: &'a mut Tally,
    pub out: &'a mut Outbox,
    pub truth: &'a mut Truth,
    pub branches: &'a mut BTreeSet<u64>,
    /// The day is over: nobody registers again.
    pub closing: bool,
}

impl Stage<'_> {
    pub(crate) fn after(&mut self, delay: Duration, alarm: Alarm) {
        self.out.alarms.push((self.now + delay, alarm));
    }

    pub(crate) fn note(&mut self, what: Happening) {
        self.tally.note(what);
    }

    pub(crate) fn fail(&mut self, check: Check, detail: impl Into<String>) {
        self.failed(Failure::new(check, detail));
    }

    pub(crate) fn failed(&mut self, failure: Failure) {
        self.out.failure.get_or_insert(failure);
    }

    /// `None` after noting the failure.
    pub(crate) fn check<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.failed(failure)).ok()
    }

    pub(crate) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.dice.between(low, high))
    }
}

/// The next interval of something that is sent again (RFC 3261 §17.1.2.2).
pub(crate) fn doubled(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}
