//! A trunk of few words: sends an INVITE and reads what comes back.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

pub(crate) struct Peer {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, server: "127.0.0.1:9".parse().unwrap() }
    }

    pub(crate) fn calls(mut self, server: SocketAddr) -> Self {
        self.server = server;
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).unwrap();
    }

    /// An INVITE with an offer of PCMA; `id` makes its Call-ID, tag and branch.
    pub(crate) fn invite(&self, number: &str, id: &str) {
        let at = self.address();
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
        self.send(
            format!(
                "{}Contact: <sip:{at}>\r\nContent-Type: application/sdp\r\n\
                 Content-Length: {}\r\n\r\n{sdp}",
                self.head("INVITE", number, id),
                sdp.len()
            )
            .as_bytes(),
        );
    }

    /// The ACK to a refusal (RFC 3261 §17.1.1.3).
    pub(crate) fn acknowledge(&self, number: &str, id: &str, refusal: &str) {
        let to = refusal.lines().find(|line| line.starts_with("To:")).unwrap();
        let head = self.head("ACK", number, id);
        let own = head.lines().find(|line| line.starts_with("To:")).unwrap();
        self.send(format!("{}Content-Length: 0\r\n\r\n", head.replace(own, to)).as_bytes());
    }

    /// A request within this call, whose 200 is given.
    pub(crate) fn within(&self, number: &str, id: &str, method: &str, cseq: u32, answer: &str) {
        let to = answer.lines().find(|line| line.starts_with("To:")).unwrap();
        let head = self.head(method, number, id);
        let own = head.lines().find(|line| line.starts_with("To:")).unwrap();
        let head = head
            .replace(own, to)
            .replace("CSeq: 1 ", &format!("CSeq: {cseq} "))
            .replace("z9hG4bK", &format!("z9hG4bK{cseq}"));
        self.send(format!("{head}Content-Length: 0\r\n\r\n").as_bytes());
    }

    pub(crate) fn options(&self, id: &str) {
        self.send(
            format!("{}Content-Length: 0\r\n\r\n", self.head("OPTIONS", "ping", id)).as_bytes(),
        );
    }

    fn head(&self, method: &str, number: &str, id: &str) -> String {
        let (at, server) = (self.address(), self.server);
        format!(
            "{method} sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{id};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+33639980001@127.0.0.1>;tag=t{id}\r\n\
             To: <sip:{number}@{server}>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n"
        )
    }

    /// The next message, as text.
    pub(crate) fn receive(&self) -> String {
        let mut buffer = [0; 65_535];
        let length = self.socket.recv(&mut buffer).expect("an answer within ten seconds");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// What this call is answered first, beside 100.
    pub(crate) fn first_answer(&self, id: &str) -> String {
        loop {
            let message = self.receive();
            let is_trying = message.starts_with("SIP/2.0 100 ");
            if !is_trying && message.contains(&format!("Call-ID: {id}\r\n")) {
                return message;
            }
        }
    }

    /// Calls until a call is refused: the server has heard that it shall end.
    pub(crate) fn call_until_refused(&self, number: &str) {
        for attempt in 0..100 {
            let id = format!("late{attempt}");
            self.invite(number, &id);
            let answer = self.first_answer(&id);
            if answer.starts_with("SIP/2.0 503 ") {
                self.acknowledge(number, &id, &answer);
                return;
            }
        }
        panic!("it never refused");
    }

    /// The next message of this status for this call; others are passed over.
    pub(crate) fn wait_for(&self, status: u16, id: &str) -> String {
        loop {
            let message = self.receive();
            let is_it = message.starts_with(&format!("SIP/2.0 {status} "));
            if is_it && message.contains(&format!("Call-ID: {id}\r\n")) {
                return message;
            }
        }
    }

    /// The final answer to this call; others are passed over.
    pub(crate) fn final_of(&self, id: &str) -> String {
        loop {
            let message = self.receive();
            let is_final = !message.starts_with("SIP/2.0 1");
            if is_final && message.contains(&format!("Call-ID: {id}\r\n")) {
                return message;
            }
        }
    }
}
