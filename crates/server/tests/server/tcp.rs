//! SIP over TCP: framing, limits, a phone's life on its connection, and large requests.

use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use server::config;
use server::{ConnectionSettings, Server, ServerSettings, Status};

use crate::folder::Folder;
use crate::peer::Peer;
use crate::ports::ports;
use crate::running::text;
use crate::stream::{Stream, body, header};

struct Floor {
    server: Server,
    /// The trunk, over UDP.
    trunk: Peer,
    /// Where the server listens.
    at: SocketAddr,
    _folder: Folder,
}

fn floor(name: &str, ports: &str) -> Floor {
    floor_with(name, ports, |_| (), |text| text)
}

fn floor_with(
    name: &str,
    ports: &str,
    limit: impl FnOnce(&mut ConnectionSettings),
    change: impl FnOnce(String) -> String,
) -> Floor {
    let trunk = Peer::new();
    let text = change(text(&trunk, "127.0.0.1:5060", ports));
    let folder = Folder::new(name).with("monoligne.toml", &text);
    let loaded = config::load(&folder.0).unwrap();
    let ports = loaded.settings.media.ports.clone();
    let mut settings = ServerSettings::loopback(folder.0.join("data/records.sqlite"), ports);
    limit(&mut settings.connections);
    let server = Server::start(settings, loaded.engine).unwrap();
    let at = server.local_addr();
    Floor { server, trunk: trunk.calls(at), at, _folder: folder }
}

impl Floor {
    fn status(&self) -> Status {
        self.server.status().unwrap()
    }

    /// Asks until it is so.
    fn until(&self, what: &str, mut is_so: impl FnMut(&Status) -> bool) -> Status {
        for _ in 0..2_000 {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("never {what}: {:?}", self.status());
    }

    fn is_reachable(&self) -> bool {
        self.status().agents[0].is_reachable
    }
}

/// A request out of a dialog; `id` makes its Call-ID, tag and branch.
fn request(method: &str, id: &str, stream: &Stream, lines: &str) -> String {
    let at = stream.address();
    format!(
        "{method} sip:pbx.example.fr SIP/2.0\r\nVia: SIP/2.0/TCP {at};branch=z9hG4bK{id};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:101@pbx.example.fr>;tag=t{id}\r\n\
         To: <sip:101@pbx.example.fr>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n{lines}\
         Content-Length: 0\r\n\r\n"
    )
}

/// A REGISTER that asks to be challenged: whoever sends it gets an answer.
fn hello(id: &str, stream: &Stream) -> String {
    request("REGISTER", id, stream, "")
}

/// Registers 101 with a Contact of this transport; the connection is hers from then on.
fn register(stream: &mut Stream, id: &str, contact: &str) {
    let lines = format!("Contact: <{contact}>\r\n");
    stream.send(&request("REGISTER", id, stream, &lines));
    let challenge = stream.receive();
    let authorization = authorization(&challenge);
    let next = request("REGISTER", id, stream, &format!("{lines}{authorization}"));
    stream.send(&next.replace("CSeq: 1 ", "CSeq: 2 ").replace("z9hG4bK", "z9hG4bKa"));
    let answer = stream.receive();
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
}

fn authorization(challenge: &str) -> String {
    let message = sip::Message::read(bytes::Bytes::from(challenge.to_owned())).unwrap();
    let credentials = sip::Credentials {
        username: "101".to_owned(),
        password: "secret-101".to_owned(),
        realm: None,
    };
    let uri = "sip:pbx.example.fr";
    let answer = credentials.answer(&message, &sip::Method::Register, uri, 1, 7);
    let (name, value) = answer.expect("a challenge");
    format!("{name}: {value}\r\n")
}

fn register_with_realm(text: String) -> String {
    // secret-101 in the realm pbx.example.fr.
    let ha1 = sip::ha1_md5("101", "pbx.example.fr", "secret-101");
    let hex: String = ha1.iter().map(|byte| format!("{byte:02x}")).collect();
    text.replace("a71afc718d6fb4c315d504a5e85f5d6a", &hex)
}

fn reply(to: &str, status: &str, lines: &str, body: &str) -> String {
    let vias: String = to
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("Via: "))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let tag = if header(to, "To").contains("tag=") { "" } else { ";tag=phone" };
    format!(
        "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        header(to, "From"),
        header(to, "To"),
        header(to, "Call-ID"),
        header(to, "CSeq"),
        body.len()
    )
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// Answers this INVITE from there.
fn answer(stream: &Stream, invite: &str, contact: &str) {
    let lines = format!("Contact: <{contact}>\r\nContent-Type: application/sdp\r\n");
    stream.send(&reply(invite, "200 OK", &lines, SDP));
}

#[test]
fn messages_are_read_however_the_stream_is_cut() {
    let floor = floor("tcp-cut", &ports(40));
    let mut stream = Stream::connect(floor.at);
    for octet in hello("slowly", &stream).chars() {
        stream.send(&octet.to_string());
    }
    stream.wait_for("Call-ID: slowly\r\n");
    let both = format!("{}\r\n{}", hello("first", &stream), hello("second", &stream));
    stream.send(&both);
    stream.wait_for("Call-ID: first\r\n");
    let second = stream.wait_for("Call-ID: second\r\n");
    assert!(second.starts_with("SIP/2.0 401 "), "{second}");
    assert!(header(&second, "Via").starts_with("SIP/2.0/TCP "), "{second}");
    let status = floor.status();
    assert_eq!((status.traffic.received, status.traffic.malformed), (3, 0));
    assert!(status.listen[0].udp && status.listen[0].tcp, "{:?}", status.listen);
}

#[test]
fn a_ping_is_answered_and_does_not_count_as_a_message() {
    use std::io::Read as _;
    let floor = floor("tcp-ping", &ports(40));
    let mut stream = Stream::connect(floor.at);
    stream.send("\r\n\r\n");
    let mut pong = [0; 2];
    stream.socket().read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.send(&hello("after", &stream));
    stream.wait_for("Call-ID: after\r\n");
    assert_eq!(floor.status().traffic.keep_alives, 1);
}

#[test]
fn who_takes_too_long_or_speaks_something_else_is_closed() {
    let limit = |it: &mut ConnectionSettings| it.message_within = Duration::from_millis(300);
    let floor = floor_with("tcp-slow", &ports(40), limit, |text| text);
    let mut silent = Stream::connect(floor.at);
    let mut half = Stream::connect(floor.at);
    half.send("REGISTER sip:pbx.example.fr SIP/2.0\r\nVia");
    let mut later = Stream::connect(floor.at);
    later.send(&hello("first", &later));
    later.wait_for("Call-ID: first\r\n");
    later.send("REGISTER");
    let mut noise = Stream::connect(floor.at);
    noise.send("\x16\x03\x01\x02 hello");
    let mut web = Stream::connect(floor.at);
    web.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for stream in [&mut silent, &mut half, &mut later, &mut noise, &mut web] {
        assert!(stream.is_closed());
    }
    let status = floor.until("closed", |status| status.traffic.connections.open == 0);
    let connections = status.traffic.connections;
    assert_eq!((connections.slow, connections.broken), (3, 2), "{connections:?}");
}

#[test]
fn a_message_whose_end_is_unknown_is_answered_and_ends_the_connection() {
    let change = |text: String| {
        register_with_realm(text).replace("[trunks.op]", "[trunks.op]\ntransports = [\"tcp\"]")
    };
    let take_port = |text: String| {
        let at = text.find("sources = [\"127.0.0.1:").unwrap() + "sources = [\"127.0.0.1".len();
        let end = at + text[at..].find('"').unwrap();
        format!("{}{}", &text[..at], &text[end..])
    };
    let floor = floor_with("tcp-end", &ports(40), |_| (), |text| take_port(change(text)));
    for lines in ["", "Content-Length: -1\r\n", "Content-Length: 0\r\nl: 0\r\n"] {
        let mut trunk = Stream::connect(floor.at);
        let good = request("OPTIONS", "end", &trunk, "");
        trunk.send(&good.replace("Content-Length: 0\r\n", lines));
        let refusal = trunk.receive();
        assert!(refusal.starts_with("SIP/2.0 400 "), "{refusal}");
        assert!(trunk.is_closed());
    }
    // A trunk's OPTIONS over TCP is answered, also one whose sender has ended its half.
    let mut trunk = Stream::connect(floor.at);
    trunk.send(&request("OPTIONS", "whole", &trunk, ""));
    trunk.socket().shutdown(Shutdown::Write).unwrap();
    let answer = trunk.receive();
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert!(trunk.is_closed());
}

#[test]
fn idle_connections_are_bounded_and_make_room_for_honest_ones() {
    let limit = |it: &mut ConnectionSettings| (it.max, it.per_source_max) = (200, 100);
    let floor = floor_with("tcp-idle", &ports(40), limit, register_with_realm);
    let mut phone = Stream::connect(floor.at);
    register(&mut phone, "phone", "sip:101@127.0.0.1:5070;transport=tcp");
    let mut idle = Vec::new();
    for number in 0..500_u16 {
        let last = 2 + u8::try_from(number % 5).unwrap();
        idle.push(Stream::connect_from([127, 0, 0, last], floor.at));
    }
    for source in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 9]] {
        let mut honest = Stream::connect_from(source, floor.at);
        honest.send(&hello("honest", &honest));
        honest.wait_for("Call-ID: honest\r\n");
    }
    let connections = floor.status().traffic.connections;
    assert!(connections.open <= 200, "{connections:?}");
    assert!(connections.displaced >= 300 && connections.refused == 0, "{connections:?}");
    // Hers is still the one that she registered on.
    phone.send(&hello("again", &phone));
    phone.wait_for("Call-ID: again\r\n");
    assert!(floor.is_reachable());
}

#[test]
fn a_peer_that_does_not_read_is_closed_and_harms_nobody() {
    let floor = floor_with("tcp-deaf", &ports(40), |_| (), register_with_realm);
    let deaf = Stream::connect(floor.at);
    // Many answers that nobody reads; its own system takes a few hundred kilobytes.
    let lines = format!("Subject: {}\r\n", "x".repeat(7_000));
    deaf.socket().set_nonblocking(true).unwrap();
    let text = request("REGISTER", "deaf", &deaf, &lines).repeat(4);
    let mut sent = 0;
    floor.until("closed", |status| {
        use std::io::Write as _;
        for _ in 0..50 {
            let rest = &text.as_bytes()[sent % text.len()..];
            sent += deaf.socket().write(rest).unwrap_or(0);
        }
        status.traffic.connections.overflowed > 0
    });
    let mut honest = Stream::connect(floor.at);
    honest.send(&hello("honest", &honest));
    honest.wait_for("Call-ID: honest\r\n");
}

#[test]
fn a_peer_that_reads_keeps_its_connection_however_much_comes_at_once() {
    let floor = floor_with("tcp-burst", &ports(20), |_| (), register_with_realm);
    let mut phone = Stream::connect(floor.at);
    let contact = format!("sip:101@{};transport=tcp", phone.address());
    register(&mut phone, "p1", &contact);
    let all: String = (0..400).map(|i| request("OPTIONS", &format!("o{i}"), &phone, "")).collect();
    phone.send(&all);
    for i in 0..400 {
        let answer = phone.receive();
        assert!(answer.starts_with("SIP/2.0 200 "), "{i}: {answer}");
    }
    assert_eq!(floor.status().traffic.connections.overflowed, 0);
}

#[test]
fn a_connection_that_nobody_needs_is_closed_and_a_registered_one_is_kept() {
    let limit = |it: &mut ConnectionSettings| it.idle = Duration::from_millis(200);
    let floor = floor_with("tcp-needed", &ports(40), limit, register_with_realm);
    let mut phone = Stream::connect(floor.at);
    register(&mut phone, "phone", "sip:101@127.0.0.1:5070;transport=tcp");
    let mut other = Stream::connect(floor.at);
    other.send(&hello("other", &other));
    other.wait_for("Call-ID: other\r\n");
    assert!(other.is_closed());
    assert_eq!(floor.status().traffic.connections.idle, 1);
    // It was asked about more than once by then.
    std::thread::park_timeout(Duration::from_millis(500));
    phone.send(&hello("again", &phone));
    phone.wait_for("Call-ID: again\r\n");
}

#[test]
fn a_phone_lives_on_its_connection_and_comes_back_on_another() {
    let floor = floor_with("tcp-life", &ports(40), |_| (), register_with_realm);
    let contact = "sip:101@127.0.0.1:5070;transport=tcp";
    let mut phone = Stream::connect(floor.at);
    register(&mut phone, "one", contact);
    assert!(floor.is_reachable());

    // A call: rung, answered and ended on her connection.
    floor.trunk.invite("0199001234", "call");
    let invite = phone.wait_for("INVITE sip:101@127.0.0.1:5070;transport=tcp SIP/2.0\r\n");
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP "), "{invite}");
    assert!(header(&invite, "Contact").contains(";transport=tcp"), "{invite}");
    phone.send(&reply(&invite, "180 Ringing", "", ""));
    answer(&phone, &invite, contact);
    phone.wait_for("ACK sip:101@127.0.0.1:5070;transport=tcp SIP/2.0\r\n");
    floor.trunk.wait_for(200, "call");
    assert_eq!(floor.status().calls[0].stage, "bridged");

    // Her connection is cut while she talks: nobody can ring her, and the call goes on.
    drop(phone);
    floor.until("unreachable", |status| !status.agents[0].is_reachable);
    assert_eq!(floor.status().calls[0].stage, "bridged");
    let mut phone = Stream::connect(floor.at);
    register(&mut phone, "two", contact);
    assert!(floor.is_reachable());

    // She hangs up from her new connection.
    let bye = format!(
        "BYE sip:monoligne@{} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5070;branch=z9hG4bKbye\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=phone\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 7 BYE\r\n\
         Content-Length: 0\r\n\r\n",
        floor.at,
        header(&invite, "To"),
        header(&invite, "From"),
        header(&invite, "Call-ID"),
    );
    phone.send(&bye);
    let done = phone.wait_for("CSeq: 7 BYE\r\n");
    assert!(done.starts_with("SIP/2.0 200 "), "{done}");
    floor.until("over", |status| status.calls.is_empty());
}

#[test]
fn the_end_of_a_call_reaches_a_phone_on_its_new_connection() {
    let floor = floor_with("tcp-moved", &ports(40), |_| (), register_with_realm);
    let contact = "sip:101@127.0.0.1:5070;transport=tcp";
    let mut phone = Stream::connect(floor.at);
    register(&mut phone, "one", contact);
    floor.trunk.invite("0199001234", "call");
    let invite = phone.wait_for("INVITE sip:101");
    answer(&phone, &invite, contact);
    phone.wait_for("ACK sip:101");
    let answered = floor.trunk.wait_for(200, "call");
    floor.trunk.within("0199001234", "call", "ACK", 1, &answered);
    drop(phone);
    floor.until("unreachable", |status| !status.agents[0].is_reachable);
    let mut phone = Stream::connect(floor.at);
    register(&mut phone, "two", contact);
    floor.trunk.within("0199001234", "call", "BYE", 2, &answered);
    let bye = phone.wait_for("BYE sip:101");
    phone.send(&reply(&bye, "200 OK", "", ""));
    let report = floor.server.shutdown(Duration::from_secs(5));
    assert_eq!((report.hung_up, report.panicked), (0, false));
}

/// A UDP phone, and whether TCP is taken on its port.
struct Datagrams {
    socket: UdpSocket,
    listener: Option<TcpListener>,
    server: SocketAddr,
}

impl Datagrams {
    fn new(server: SocketAddr, takes_tcp: bool) -> Self {
        loop {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let at = socket.local_addr().unwrap();
            match TcpListener::bind(at) {
                Ok(listener) => {
                    return Self { socket, listener: takes_tcp.then_some(listener), server };
                }
                Err(_) => continue,
            }
        }
    }

    /// Its length makes our INVITE larger than a datagram may safely be.
    fn contact(&self) -> String {
        format!("sip:101@{};line={}", self.socket.local_addr().unwrap(), "x".repeat(700))
    }

    fn receive(&self) -> String {
        let mut buffer = [0; 65_535];
        let length = loop {
            match self.socket.recv(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                received => break received.expect("a datagram within ten seconds"),
            }
        };
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    fn register(&self) {
        let at = self.socket.local_addr().unwrap();
        let head = |cseq: u32, authorization: &str| {
            format!(
                "REGISTER sip:pbx.example.fr SIP/2.0\r\n\
                 Via: SIP/2.0/UDP {at};branch=z9hG4bKudp{cseq};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:101@pbx.example.fr>;tag=udp\r\nTo: <sip:101@pbx.example.fr>\r\n\
                 Call-ID: udp\r\nCSeq: {cseq} REGISTER\r\nContact: <{}>\r\n{authorization}\
                 Content-Length: 0\r\n\r\n",
                self.contact()
            )
        };
        self.send(&head(1, ""));
        let challenge = self.receive();
        self.send(&head(2, &authorization(&challenge)));
        assert!(self.receive().starts_with("SIP/2.0 200 "));
    }
}

#[test]
fn a_large_invite_goes_by_tcp_to_a_phone_that_takes_it() {
    let floor = floor_with("tcp-large", &ports(40), |_| (), register_with_realm);
    let phone = Datagrams::new(floor.at, true);
    phone.register();
    floor.trunk.invite("0199001234", "call");
    let mut stream = Stream::accept(phone.listener.as_ref().unwrap());
    let invite = stream.wait_for("INVITE sip:101@");
    assert!(invite.len() > 1_300, "{}", invite.len());
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP "), "{invite}");
    answer(&stream, &invite, &phone.contact());
    let ack = phone.receive();
    assert!(ack.starts_with("ACK "), "what is small goes by UDP again: {ack}");
    floor.trunk.wait_for(200, "call");
}

#[test]
fn a_large_invite_falls_back_to_udp_where_tcp_is_refused() {
    let floor = floor_with("tcp-back", &ports(40), |_| (), register_with_realm);
    let phone = Datagrams::new(floor.at, false);
    phone.register();
    floor.trunk.invite("0199001234", "call");
    let invite = phone.receive();
    assert!(invite.starts_with("INVITE ") && invite.len() > 1_300, "{invite}");
    assert!(header(&invite, "Via").starts_with("SIP/2.0/UDP "), "{invite}");
    phone.send(&reply(&invite, "180 Ringing", "", ""));
    let connections = floor.until("ringing", |status| status.calls[0].stage == "offered");
    assert_eq!(connections.traffic.connections.unreached, 1);
    assert_eq!(body(&invite).matches("m=audio").count(), 1);
}
