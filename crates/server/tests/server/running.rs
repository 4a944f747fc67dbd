//! The library's server with the real engine, over real sockets.

use std::path::Path;
use std::time::Duration;

use call::{Disposition, Notice};
use server::config;
use server::records::Reader;
use server::{Server, ServerSettings};

use crate::folder::Folder;
use crate::peer::Peer;
use crate::ports::ports;

/// A server whose only trunk is this peer, and whose only secretary has no phone.
pub(crate) fn text(peer: &Peer, listen: &str, ports: &str) -> String {
    format!(
        r#"
[server]
realm = "pbx.example.fr"
drain_timeout = "1 s"
[[listen]]
address = "{listen}"
[media]
ports = "{ports}"
[trunks.op]
sources = ["{}"]
[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
plan = [{{ queue = "pool" }}]
[teams.pool]
[agents.101]
teams = ["pool"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
"#,
        peer.address()
    )
}

struct Floor {
    server: Server,
    peer: Peer,
    _folder: Folder,
}

fn floor(name: &str, ports: &str) -> Floor {
    let peer = Peer::new();
    // Port 0 is for tests alone: the file must name one.
    let folder = Folder::new(name).with("monoligne.toml", &text(&peer, "127.0.0.1:5060", ports));
    let loaded = config::load(&folder.0).unwrap();
    let ports = loaded.settings.media.ports.clone();
    let settings = ServerSettings::loopback(folder.0.join("data/records.sqlite"), ports);
    let server = Server::start(settings, loaded.engine).unwrap();
    let peer = peer.calls(server.local_addr());
    Floor { server, peer, _folder: folder }
}

fn calls(path: &Path) -> Vec<server::records::CallRow> {
    Reader::open(path).unwrap().calls().unwrap()
}

#[test]
fn a_call_is_told_counted_and_recorded() {
    let Floor { mut server, peer, _folder } = floor("told", &ports(40));
    let mut notices = server.notices();
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");
    let told = notices.blocking_recv().unwrap();
    assert!(matches!(told.notice, Notice::Arrived { .. }), "{told:?}");
    let status = server.status().unwrap();
    assert_eq!((status.ledger.offered, status.calls.len()), (1, 1));
    assert_eq!(status.calls[0].stage, "waiting");
    assert_eq!(status.calls[0].practice, "Dr Martin");
    assert_eq!(status.agents[0].state, "logged out");

    peer.invite("0199009999", "two");
    let refusal = peer.wait_for(404, "two");
    peer.acknowledge("0199009999", "two", &refusal);
    assert_eq!(server.ledger().unwrap().dispositions[&Disposition::UnknownNumber], 1);

    let path = server.records_path().to_owned();
    let report = server.shutdown(Duration::ZERO);
    assert_eq!((report.hung_up, report.panicked), (1, false));
    assert_eq!(report.records.written, 2);
    let calls = calls(&path);
    assert_eq!(calls[0].practice.as_deref(), Some("Dr Martin"));
    assert_eq!(calls[0].caller.as_deref(), Some("+33639980001"));
    assert_eq!(calls[1].disposition, "unknown_number");
}

#[test]
fn invites_that_can_be_no_calls_are_answered_each_time_and_recorded_once() {
    let Floor { server, peer, _folder } = floor("vain", &ports(40));
    let vain = [
        ("Require: teleportation", 420, "unsupported"),
        ("Max-Forwards: 0", 483, "looped"),
        ("Max-Forwards: seventy", 400, "bad_request"),
    ];
    for (header, status, word) in vain {
        for _ in 0..2 {
            peer.invite_in_vain("0199001234", word, header);
            peer.wait_for(status, word);
        }
    }
    let path = server.records_path().to_owned();
    let report = server.shutdown(Duration::ZERO);
    assert_eq!((report.ledger.offered, report.ledger.ledger_imbalances), (3, 0));
    let ends: Vec<_> =
        calls(&path).into_iter().map(|call| (call.disposition.to_string(), call.status)).collect();
    assert_eq!(ends, vain.map(|(_, status, word)| (word.to_string(), status)));
}

#[test]
fn garbage_is_counted_and_harms_nobody() {
    let Floor { server, peer, _folder } = floor("garbage", &ports(40));
    let mut noise = Noise(7);
    let mut sent = 0;
    let good = format!(
        "INVITE sip:0199001234@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKx\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
        server.local_addr(),
        peer.address()
    );
    let stranger = Peer::new().calls(server.local_addr());
    for round in 0..2_000 {
        // Pure noise, and messages with bytes knocked over; from the trunk and from a stranger.
        let mut bytes = good.clone().into_bytes();
        if round % 4 == 0 {
            bytes = (0..noise.below(300) + 5).map(|_| noise.below(256) as u8).collect();
        }
        for _ in 0..1 + noise.below(6) {
            let at = noise.below(bytes.len());
            bytes[at] = noise.below(256) as u8;
        }
        if round % 3 == 0 { &stranger } else { &peer }.send(&bytes);
        sent += 1;
        // Not faster than it reads: loopback would drop, and this is no test of that.
        if round % 50 == 0 {
            let id = format!("ping{round}");
            peer.options(&id);
            peer.wait_for(200, &id);
            sent += 1;
        }
    }
    peer.options("last");
    peer.wait_for(200, "last");
    let status = server.status().unwrap();
    assert_eq!(status.traffic.received + status.inbox_dropped, sent + 1);
    assert!(status.traffic.malformed > 500, "{:?}", status.traffic);
    assert_eq!(status.ledger.malformed, status.traffic.malformed);
    let report = server.shutdown(Duration::ZERO);
    assert!(!report.panicked);
    let ended: u64 = report.ledger.dispositions.values().sum();
    assert_eq!(ended, report.ledger.offered);
}

#[test]
fn a_dropped_server_leaves_its_port_and_its_records_in_order() {
    let Floor { server, peer, _folder } = floor("dropped", &ports(40));
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");
    let (address, path) = (server.local_addr(), server.records_path().to_owned());
    drop(server);
    assert_eq!(calls(&path).len(), 1);
    std::net::UdpSocket::bind(address).expect("the port is free again");
}

/// A small generator: the same noise in each run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
