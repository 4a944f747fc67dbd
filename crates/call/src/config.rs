//! What the engine is told about its world: trunks, practices, agents, limits.
//!
//! Made by the server out of TOML; values here cannot be wrong in themselves, and the ids of
//! [`acd::Setup`] refer to each other. A reload hands over a new value; ids of what stays are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, PhoneId, PracticeId, PractitionerId, PromptId, SiteId, TeamId, Urgency};
use serde::{Deserialize, Serialize};
use sip::sdp::Codec;
use sip::{Account, Algorithm, Flow, Transport};

use crate::emergency::{Emergency, Site};
use crate::number::E164;
use crate::numbering::Numbering;

#[derive(Clone, Debug)]
pub struct Config {
    /// The digest realm, and the host of our own URIs.
    pub realm: String,
    pub trunks: BTreeMap<TrunkId, Trunk>,
    pub practices: BTreeMap<PracticeId, Practice>,
    /// The names of the scheduler's teams, for displays.
    pub teams: BTreeMap<TeamId, String>,
    pub agents: BTreeMap<AgentId, Agent>,
    /// Each number of a practice: one of ours that its calls are forwarded to, or a line of its own, which
    /// a forwarded call names.
    pub numbers: BTreeMap<E164, PracticeId>,
    /// Numbers of ours that several practices forward to, and who takes a call there that names none of
    /// them.
    pub shared: BTreeMap<E164, PracticeId>,
    /// Numbers of a practice whose callers are urgent, whatever else is said of them.
    pub urgent_numbers: BTreeMap<E164, Urgency>,
    /// Phones that are no secretary's: the reception of a practice.
    pub phones: BTreeMap<PhoneId, Phone>,
    /// Those whose emergency calls have a way out.
    pub sites: BTreeMap<SiteId, Site>,
    pub emergency: Emergency,
    /// What we listen on, as peers see it. Empty: whatever a message came to.
    pub locals: Vec<(Transport, SocketAddr)>,
    /// The scheduler's part: plans, teams, rules.
    pub floor: Arc<acd::Setup>,
    /// What can be played. The audio itself is the relay's.
    pub prompts: BTreeMap<PromptId, Prompt>,
    /// Played, again and again, to a leg that the other has put on hold. `None`: silence.
    pub hold: Option<PromptId>,
    /// The codecs that may be passed through, for late offers in this order.
    pub codecs: Vec<Codec>,
    /// A waiting caller's 180 is repeated after this (RFC 3261 §13.3.1.1 wants one a minute).
    pub ring_refresh: Duration,
    /// A phone that sent no 1xx by then is unreachable.
    pub unreachable_after: Duration,
    /// A silent leg that has not answered our OPTIONS by then is lost.
    pub inquiry_timeout: Duration,
    /// What a pause may be for, by the number of [`acd::AgentState::Paused`]; 0 is none in particular.
    pub pause_reasons: BTreeMap<u16, String>,
    pub registrar: RegistrarLimits,
    pub limits: Limits,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct TrunkId(pub u32);

/// An operator's link, known by where its packets come from.
#[derive(Clone, Debug)]
pub struct Trunk {
    pub name: String,
    pub sources: Vec<Source>,
    /// UDP, TCP or both.
    pub transports: Vec<Transport>,
    /// How long a call of this trunk may stay unanswered before its network gives up.
    pub max_unanswered: Duration,
    /// How much of that is spent when a call says that another phone, the practice's own, rang before
    /// and nobody answered: the network's clock began there.
    pub rang_before: Duration,
    /// How it writes numbers.
    pub numbers: Numbering,
    /// Where and how it takes calls of ours; `None`: it takes none.
    pub outbound: Option<Outbound>,
}

/// How an operator wants the calls that we send him.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outbound {
    pub transport: Transport,
    pub to: SocketAddr,
    /// How the numbers of a forwarded call are told.
    pub forwarded_by: ForwardedBy,
}

/// Where a forwarded call names the practice that forwards it, so that the operator lets the caller's own
/// number pass.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum ForwardedBy {
    /// RFC 5806.
    #[default]
    Diversion,
    /// RFC 7044.
    HistoryInfo,
    /// Nowhere: the practice's number is shown, and the caller's stays with us.
    Nothing,
}

/// Where an operator's packets come from.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Source {
    pub network: Network,
    /// `None`: any port. One where phones share the operator's address (a trunk on this host). A TCP
    /// connection comes from any port, whatever is written here.
    pub port: Option<u16>,
}

impl Source {
    pub fn contains(&self, transport: Transport, remote: SocketAddr) -> bool {
        let is_port = |port| transport.is_reliable() || port == remote.port();
        self.network.contains(remote.ip()) && self.port.is_none_or(is_port)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Network { address, prefix } = self.network;
        let is_host = prefix == if address.is_ipv4() { 32 } else { 128 };
        match self.port {
            Some(port) => write!(f, "{}", SocketAddr::new(address, port)),
            None if is_host => write!(f, "{address}"),
            None => write!(f, "{address}/{prefix}"),
        }
    }
}

/// An IP network: an address and the number of its leading bits that count.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        fn same(a: u128, b: u128, width: u8, prefix: u8) -> bool {
            let host_bits = u32::from(width.saturating_sub(prefix));
            (a ^ b).checked_shr(host_bits).unwrap_or(0) == 0
        }
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                same(u128::from(a.to_bits()), u128::from(b.to_bits()), 32, self.prefix)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128, self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Trunk {
    /// Whether a packet on this flow is the operator's.
    pub fn is_source_of(&self, flow: &Flow) -> bool {
        self.transports.contains(&flow.transport)
            && self.sources.iter().any(|source| source.contains(flow.transport, flow.remote))
    }
}

#[derive(Clone, Debug, Default)]
pub struct Practice {
    /// What the configuration calls it, the name of its table or file: no other practice has it, and it
    /// stays when the practice is renamed.
    pub key: String,
    /// For people; several practices may have the same.
    pub name: String,
    /// What the secretary's phone shows first, and how she answers: `Dr Martin`.
    pub label: String,
    /// How its callers are sent elsewhere.
    pub forwarding: Forwarding,
    /// The words that the secretary answers with.
    pub greeting: Option<String>,
    /// What she should know, in lines: how to answer, what to do for whom.
    pub instructions: Option<String>,
    /// What she asks a caller before anything is disclosed to him.
    pub identity: Option<String>,
    /// Whom she may reach for it; their places here are their ids in the scheduler's setup.
    pub practitioners: Vec<Practitioner>,
    /// What she opens for it: its agenda, its directory.
    pub links: Vec<Link>,
    /// Its lists of callers, by number: what the list is called that this caller is on.
    pub lists: BTreeMap<E164, Arc<str>>,
}

/// Somebody of a practice whom a secretary may have to reach.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Practitioner {
    pub name: String,
    /// Where.
    pub number: Option<E164>,
    /// When she may be disturbed, in words.
    pub disturb: Option<String>,
    /// What the secretary should know of her, in lines.
    pub instructions: Option<String>,
    /// The practice's numbers that are hers: who calls them meets what her
    /// [`acd::Practitioner`] says before what the practice does.
    pub numbers: BTreeSet<E164>,
}

impl Practice {
    /// Whose of its people a number of the practice is.
    pub fn practitioner(&self, number: E164) -> Option<(PractitionerId, &Practitioner)> {
        let all = (0..).map(PractitionerId).zip(&self.practitioners);
        all.into_iter().find(|(_, practitioner)| practitioner.numbers.contains(&number))
    }

    /// How the secretary answers who dialled that number: `Les Tilleuls · Dr Aubert`.
    pub fn label_for(&self, number: E164) -> String {
        match self.practitioner(number) {
            Some((_, practitioner)) => format!("{} · {}", self.label, practitioner.name),
            None => self.label.clone(),
        }
    }
}

/// A page that a secretary opens for a practice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    pub name: String,
    pub url: String,
}

/// How a practice's callers are sent to numbers outside. Which ones is said by its plans.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Forwarding {
    /// `None`: by the trunk that the caller came on.
    pub trunk: Option<TrunkId>,
    /// Its number that forwarded calls name; `None`: the one that the caller dialled.
    pub number: Option<E164>,
    /// Where whoever answers need not press 1: no voicemail box can answer there.
    pub no_key: BTreeSet<E164>,
    /// What overrides may redirect to, besides the numbers in its plans.
    pub allowed: BTreeSet<E164>,
    /// Played again and again to who answers and is to press 1. `None`: beeps.
    pub accept: Option<PromptId>,
}

/// A phone that registers and is no secretary's.
#[derive(Clone, Debug)]
pub struct Phone {
    /// The user part of its address-of-record, and its digest user name.
    pub user: String,
    pub name: String,
    pub account: Account,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    pub name: String,
    pub duration: Duration,
}

#[derive(Clone, Debug)]
pub struct Agent {
    /// The user part of her address-of-record, and her digest user name.
    pub user: String,
    pub name: String,
    pub account: Account,
}

/// What a phone may ask of the registrar (RFC 3261 §10.3), and how it is challenged.
#[derive(Clone, Debug)]
pub struct RegistrarLimits {
    /// Digest algorithms offered, the preferred one first (RFC 8760 §2.4). Many phones know MD5 only
    /// and stumble over a second one.
    pub algorithms: Vec<Algorithm>,
    pub expires_default: Duration,
    pub expires_min: Duration,
    pub expires_max: Duration,
    pub bindings_max: usize,
    /// How often a phone on UDP is asked by OPTIONS whether it is there; zero: never.
    pub options_interval: Duration,
}

impl Default for RegistrarLimits {
    fn default() -> Self {
        Self {
            expires_default: Duration::from_secs(300),
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3600),
            bindings_max: 8,
            options_interval: Duration::from_secs(20),
            algorithms: vec![Algorithm::Md5],
        }
    }
}

/// How much the engine holds at most; beyond, a new call is answered 486 with Q.850 cause 17.
#[derive(Copy, Clone, Debug)]
pub struct Limits {
    pub calls_max: usize,
    pub transactions_max: usize,
    pub dialogs_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_max: 10_000, transactions_max: 200_000, dialogs_max: 40_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunks_connection_is_known_by_its_network_whatever_its_port() {
        let network = Network { address: "192.0.2.7".parse().unwrap(), prefix: 32 };
        let trunk = |transports| Trunk {
            name: "op".to_owned(),
            sources: vec![Source { network, port: Some(5060) }],
            transports,
            max_unanswered: Duration::from_secs(60),
            rang_before: Duration::from_secs(25),
            numbers: Numbering::default(),
            outbound: None,
        };
        let flow = |transport, remote: &str| Flow {
            transport,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: 0,
        };
        let both = trunk(vec![Transport::Udp, Transport::Tcp]);
        assert!(both.is_source_of(&flow(Transport::Udp, "192.0.2.7:5060")));
        assert!(!both.is_source_of(&flow(Transport::Udp, "192.0.2.7:40000")));
        assert!(both.is_source_of(&flow(Transport::Tcp, "192.0.2.7:40000")));
        assert!(!both.is_source_of(&flow(Transport::Tcp, "192.0.2.8:5060")));
        assert!(!trunk(vec![Transport::Udp]).is_source_of(&flow(Transport::Tcp, "192.0.2.7:5060")));
    }

    #[test]
    fn a_network_contains_what_shares_its_leading_bits() {
        let network = Network { address: "192.0.2.0".parse().unwrap(), prefix: 24 };
        assert!(network.contains("192.0.2.200".parse().unwrap()));
        assert!(network.contains("::ffff:192.0.2.7".parse().unwrap()));
        assert!(!network.contains("192.0.3.1".parse().unwrap()));
        let all = Network { address: "0.0.0.0".parse().unwrap(), prefix: 0 };
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
    }
}
