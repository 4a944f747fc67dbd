use std::collections::VecDeque;
use std::time::Duration;

use call::Input;
use rustix::event::{PollFd, PollFlags, poll};
use sip::{Flow, Transmit, Transport};

use super::*;
use crate::inbox::{Item, Outlet, inbox};
use crate::settings::{ConnectionSettings, Listen, ListenTransports};
use crate::transport::{Sockets, TrafficStatus, bind};

const OPTIONS: &[u8] =
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKa\r\n\
From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\
Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

struct Edge {
    sockets: Sockets,
    outlet: Outlet,
    local: SocketAddr,
    peer: UdpSocket,
    _runtime: tokio::runtime::Runtime,
}

fn edge(advertise: Option<SocketAddr>) -> Edge {
    let address = "127.0.0.1:0".parse().unwrap();
    let listen = [Listen { address, advertise, transports: ListenTransports::Both }];
    let bound = bind(&listen).unwrap();
    let real = bound[0].address;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (inbox, outlet) = inbox();
    let local = bound[0].local;
    let sockets = {
        let _entered = runtime.enter();
        Sockets::serve(bound, ConnectionSettings::default(), 1, Clock::start(), &inbox).unwrap()
    };
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(real).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    Edge { sockets, outlet, local, peer, _runtime: runtime }
}

impl Edge {
    fn input(&self) -> Input {
        let mut items = VecDeque::new();
        self.outlet.take(1, Duration::from_secs(10), &mut items);
        match items.pop_front().expect("an input") {
            Item::Input { input, .. } => input,
            Item::MediaReady
            | Item::Status { .. }
            | Item::Order { .. }
            | Item::Audit { .. }
            | Item::Copy { .. }
            | Item::Configure { .. }
            | Item::Idle(_)
            | Item::Stop { .. } => panic!("not an input"),
        }
    }
}

fn await_readable(socket: &UdpSocket) {
    let mut ready = [PollFd::new(socket, PollFlags::IN)];
    let patience = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
    assert_eq!(poll(&mut ready, Some(&patience)).unwrap(), 1);
}

#[test]
fn a_datagram_arrives_read_with_its_flow() {
    let edge = edge(None);
    edge.peer.send(OPTIONS).unwrap();
    let Input::Message { flow, message } = edge.input() else { panic!("not a message") };
    assert_eq!(flow.remote, edge.peer.local_addr().unwrap());
    assert_eq!((flow.local, flow.transport, flow.connection), (edge.local, Transport::Udp, 0));
    assert_eq!(message.bytes().as_ref(), OPTIONS);
}

#[test]
fn the_advertised_address_is_the_local_one() {
    let advertise: SocketAddr = "203.0.113.5:5060".parse().unwrap();
    let edge = edge(Some(advertise));
    assert_eq!(edge.local, advertise);
    edge.peer.send(OPTIONS).unwrap();
    let Input::Message { flow, .. } = edge.input() else { panic!("not a message") };
    assert_eq!(flow.local, advertise);
    let bytes = Bytes::from_static(b"answer");
    edge.sockets.transmit(&Transmit { flow, bytes }).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(edge.peer.recv(&mut buffer).unwrap(), 6);
}

#[test]
fn garbage_is_told_and_counted_and_keep_alives_are_swallowed() {
    let edge = edge(None);
    edge.peer.send(b"\r\n\r\n").unwrap();
    edge.peer.send(b"INVITE garbage").unwrap();
    edge.peer.send(&[0xff; 1400]).unwrap();
    edge.peer.send(OPTIONS).unwrap();
    assert!(matches!(edge.input(), Input::Malformed { .. }));
    assert!(matches!(edge.input(), Input::Malformed { .. }));
    assert!(matches!(edge.input(), Input::Message { .. }));
    assert_eq!(
        edge.sockets.traffic(),
        TrafficStatus { received: 4, malformed: 2, keep_alives: 1, ..TrafficStatus::default() }
    );
}

#[test]
fn an_error_is_no_datagram() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = super::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = socket.local_addr().unwrap();
    let (inbox, _outlet) = inbox();
    let mut reading = Reading {
        socket: socket.try_clone().unwrap(),
        local,
        clock: Clock::start(),
        inbox,
        traffic: Arc::default(),
        buffer: vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice(),
        items: Vec::new(),
    };
    peer.send_to(OPTIONS, local).unwrap();
    await_readable(&socket);
    // A socket that is connected hears that nobody is there.
    socket.connect(closed).unwrap();
    socket.send(b"x").unwrap();
    assert_eq!(reading.read_batch(), 1);
    socket.send(b"x").unwrap();
    await_readable(&socket);
    assert_eq!(reading.read_batch(), 0);
    assert_eq!(reading.items.len(), 1);
}

#[test]
fn a_flow_of_no_socket_of_ours_is_an_error() {
    let edge = edge(None);
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: edge.peer.local_addr().unwrap(),
        connection: 0,
    };
    let transmit = Transmit { flow, bytes: Bytes::from_static(b"x") };
    assert!(edge.sockets.transmit(&transmit).is_err());
}

#[test]
fn a_taken_port_is_refused_with_a_remedy() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listen = Listen { address, advertise: None, transports: ListenTransports::Both };
    let Err(error) = bind(&[listen]) else { panic!("bound twice") };
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("ss -lunp"), "{text}");
}
