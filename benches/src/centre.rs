//! A call centre to be measured: two practices and their secretaries, all else by default.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

pub const REALM: &str = "load.invalid";
/// The operator has an address of his own: it is how the server knows him.
pub const OPERATOR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Of the numbers that the French regulator keeps for fiction.
pub const BUSY_NUMBER: &str = "0199001234";
pub const QUEUE_NUMBER: &str = "0199005678";

/// Who is there to take calls.
#[derive(Copy, Clone, Debug)]
pub struct Staff {
    /// Of the practice whose callers find a free secretary.
    pub busy: usize,
    /// Of the one whose callers always wait.
    pub queue: usize,
}

impl Staff {
    /// Users of the phones, and their team.
    pub fn users(self) -> impl Iterator<Item = (String, &'static str)> {
        let busy = (0..self.busy).map(|index| (format!("b{index}"), "busy"));
        busy.chain((0..self.queue).map(|index| (format!("q{index}"), "queue")))
    }

    /// The text of `monoligne.toml`; nobody has time after a call.
    pub fn configuration(self, address: SocketAddr, ports: RangeInclusive<u16>) -> String {
        let (first, last) = (ports.start(), ports.end());
        let mut text = format!(
            "[server]\nrealm = \"{REALM}\"\n\n[[listen]]\naddress = \"{address}\"\n\n\
             [media]\nports = \"{first}-{last}\"\n\n\
             [trunks.operator]\nsources = [\"{OPERATOR}\"]\nmax_unanswered = \"120 s\"\n\n"
        );
        for (team, number) in [("busy", BUSY_NUMBER), ("queue", QUEUE_NUMBER)] {
            write!(
                text,
                "[teams.{team}]\nwrap_up = \"0 s\"\n\n\
                 [practices.{team}]\nname = \"{team}\"\nnumbers = [\"{number}\"]\n\
                 plan = [{{ queue = \"{team}\", for = \"100 s\" }}, \"busy\"]\n\n"
            )
            .expect("a String takes all");
        }
        for (user, team) in self.users() {
            let ha1: String = sip::ha1_md5(&user, REALM, &password(&user))
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            writeln!(text, "[agents.{user}]\nteams = [\"{team}\"]\nha1 = \"{ha1}\"\n")
                .expect("a String takes all");
        }
        text
    }
}

pub fn password(user: &str) -> String {
    format!("secret-{user}")
}
