//! The figures for Prometheus, read as it reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use server::{Server, config};

use crate::folder::Folder;
use crate::operation::{SDP, text};
use crate::peer::Peer;
use crate::ports::ports;

struct Floor {
    server: Server,
    peer: Peer,
    _folder: Folder,
}

fn floor(name: &str, ports: &str) -> Floor {
    let peer = Peer::new();
    let listen = "127.0.0.1:5060".parse().unwrap();
    let folder = Folder::new(name).with("monoligne.toml", &text(&peer, listen, ports));
    let loaded = config::load(&folder.0).unwrap();
    let ports = loaded.settings.media.ports.clone();
    let records = folder.0.join("data/records.sqlite");
    let mut settings = server::ServerSettings::loopback(records, ports);
    settings.metrics = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(settings, loaded.engine).unwrap();
    let peer = peer.calls(server.local_addr());
    Floor { server, peer, _folder: folder }
}

/// Status and body.
fn get(at: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, body.to_owned())
}

/// A page by its rules: each sample belongs to a family that was told before with HELP and TYPE, by the
/// suffixes that its type allows; histograms grow to their count; nothing twice; EOF at the end.
struct Page(BTreeMap<String, f64>);

impl Page {
    fn read(text: &str) -> Self {
        let (mut types, mut helped) = (BTreeMap::new(), BTreeSet::new());
        let mut samples = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line == "# EOF" {
                assert!(lines.peek().is_none(), "after the end");
                Self::check_histograms(&types, &samples);
                return Self(samples);
            }
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(!help.is_empty() && helped.insert(name), "{line}");
                }
                ["#", "TYPE", name, kind] => {
                    assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
                }
                ["#", "UNIT", name, unit] => assert!(name.ends_with(unit), "{line}"),
                _ => {
                    let (key, value) = line.rsplit_once(' ').unwrap();
                    let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
                    let name = key.split('{').next().unwrap();
                    assert!(Self::is_told(&types, &helped, name), "no HELP and TYPE for {line}");
                    assert!(samples.insert(key.to_owned(), value).is_none(), "twice: {line}");
                }
            }
        }
        panic!("no end");
    }

    fn is_told(types: &BTreeMap<String, String>, helped: &BTreeSet<&str>, name: &str) -> bool {
        let suffixes = |kind: &str| match kind {
            "counter" => vec!["_total"],
            "gauge" => vec![""],
            "info" => vec!["_info"],
            "histogram" => vec!["_bucket", "_sum", "_count"],
            other => panic!("{name}: {other}"),
        };
        types.iter().any(|(family, kind)| {
            let is_its = suffixes(kind).iter().any(|suffix| name == format!("{family}{suffix}"));
            is_its && helped.contains(family.as_str()) && family.starts_with("monoligne_")
        })
    }

    fn check_histograms(types: &BTreeMap<String, String>, samples: &BTreeMap<String, f64>) {
        for family in types.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
            let mut buckets: Vec<(f64, f64)> = samples
                .iter()
                .filter_map(|(key, count)| {
                    let bound = key.strip_prefix(&format!("{family}_bucket{{le=\""))?;
                    let bound = bound.strip_suffix("\"}")?.replace("+Inf", "inf");
                    Some((bound.parse().unwrap(), *count))
                })
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{family}: {buckets:?}");
            let (bound, count) = buckets.last().unwrap();
            assert_eq!((*bound, *count), (f64::INFINITY, samples[&format!("{family}_count")]));
        }
    }

    fn of(&self, key: &str) -> f64 {
        let near = || self.0.keys().cloned().collect::<Vec<_>>().join("\n");
        *self.0.get(key).unwrap_or_else(|| panic!("no {key} in\n{}", near()))
    }
}

#[test]
fn the_figures_of_a_call_are_scraped_as_they_are() {
    let Floor { server, peer, _folder } = floor("metrics", &ports(40));
    let at = server.metrics_addr().unwrap();
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");
    peer.invite("0199009999", "two");
    let refusal = peer.wait_for(404, "two");
    peer.acknowledge("0199009999", "two", &refusal);

    let (status, text) = get(at, "/metrics");
    assert_eq!(status, 200);
    let page = Page::read(&text);
    for (key, value) in [
        ("monoligne_calls_offered_total", 2.0),
        ("monoligne_calls_total{disposition=\"unknown_number\"}", 1.0),
        ("monoligne_calls_total{disposition=\"answered\"}", 0.0),
        ("monoligne_calls_lost_total", 0.0),
        ("monoligne_ledger_imbalances_total", 0.0),
        ("monoligne_single_line_violations_total", 0.0),
        ("monoligne_calls_live", 1.0),
        ("monoligne_calls_in_stage{stage=\"waiting\"}", 1.0),
        ("monoligne_callers_waiting{team=\"pool\"}", 1.0),
        ("monoligne_agents{state=\"logged out\"}", 1.0),
        ("monoligne_registrations", 0.0),
        ("monoligne_media_port_pairs_in_use", 1.0),
        // The waiting caller's second pair is kept for him.
        ("monoligne_media_port_pairs_spare", 18.0),
        ("monoligne_media_port_pairs", 20.0),
        ("monoligne_draining", 0.0),
        ("monoligne_records_failing", 0.0),
        ("monoligne_reloads_total{result=\"refused\"}", 0.0),
        ("monoligne_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(page.of(key), value, "{key}");
    }
    // The ACK may still be on its way.
    assert!(page.of("monoligne_engine_message_seconds_count") >= 2.0);
    assert!(page.of("monoligne_engine_batch_seconds_sum") > 0.0);
    assert!(page.of("monoligne_relay_packets_received_total") >= 0.0);
    // Who called whom is nobody's business here.
    for secret in ["39980001", "0199001234", "99001234", "\"101\"", "Martin"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    server.shutdown(Duration::ZERO);
}

#[test]
fn an_answered_call_is_timed_once_it_is_over() {
    let Floor { server, peer, _folder } = floor("timed", &ports(40));
    let at = server.metrics_addr().unwrap();
    let timings = ["setup", "first_offer", "handover"];
    let count = |page: &Page, it| page.of(&format!("monoligne_call_{it}_seconds_count"));
    let phone = Peer::new().calls(server.local_addr());
    phone.register("101", 1, None);
    peer.invite("0199001234", "one");
    let invite = phone.rung();
    phone.reply(&invite, 200, SDP);
    let answer = peer.wait_for(200, "one");
    peer.within("0199001234", "one", "ACK", 1, &answer);
    let page = Page::read(&get(at, "/metrics").1);
    assert_eq!(page.of("monoligne_calls_in_stage{stage=\"bridged\"}"), 1.0);
    assert_eq!(timings.map(|it| count(&page, it)), [0.0; 3]);

    peer.within("0199001234", "one", "BYE", 2, &answer);
    phone.reply(&phone.asked("BYE"), 200, "");
    // Her phone's answer may still be on its way.
    let mut pages = (0..1_000).map(|_| Page::read(&get(at, "/metrics").1));
    let page = pages.find(|page| count(page, "setup") > 0.0).expect("a call that is over is timed");
    assert_eq!(timings.map(|it| count(&page, it)), [1.0; 3]);
    assert_eq!(page.of("monoligne_calls_total{disposition=\"answered\"}"), 1.0);
    server.shutdown(Duration::ZERO);
}

#[test]
fn health_and_readiness_are_told_and_end_with_the_server() {
    let Floor { server, peer, _folder } = floor("health", &ports(40));
    let at = server.metrics_addr().unwrap();
    assert_eq!(get(at, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(at, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(get(at, "/nowhere").0, 404);
    peer.invite("0199001234", "one");
    peer.wait_for(180, "one");
    let ending = std::thread::spawn(move || server.shutdown(Duration::from_secs(5)));
    peer.call_until_refused("0199001234");
    let (status, text) = get(at, "/readyz");
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("draining"), "{text}");
    let end = peer.final_of("one");
    peer.acknowledge("0199001234", "one", &end);
    assert!(!ending.join().unwrap().panicked);
    assert!(TcpStream::connect(at).is_err(), "nobody listens any more");
}

#[test]
fn who_connects_for_figures_and_asks_nothing_takes_a_bounded_number_of_places() {
    let floor = floor("metrics-idle", &ports(20));
    let at = floor.server.metrics_addr().unwrap();
    let mut closed = 0;
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(at).unwrap()).collect();
    for mut stream in idle.iter().skip(64) {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        closed += usize::from(matches!(stream.read(&mut [0]), Ok(0)));
    }
    assert_eq!(closed, 36);
    drop(idle);
    for _ in 0..200 {
        // Their places are free once the server has seen them leave.
        let Ok(mut stream) = TcpStream::connect(at) else { continue };
        let asked = write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        if asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ") {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("no place became free");
}
