//! A trunk and a phone of few words: they send what is asked for and read what comes back.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// What became of a registration.
pub(crate) struct Registered {
    pub(crate) answer: String,
    pub(crate) is_stale: bool,
    /// To be used once more.
    pub(crate) authorization: Option<String>,
}

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

    /// An INVITE that can be no call, for this header of its own.
    pub(crate) fn invite_in_vain(&self, number: &str, id: &str, header: &str) {
        let head = self.head("INVITE", number, id).replace("Max-Forwards: 70", header);
        let at = self.address();
        self.send(format!("{head}Contact: <sip:{at}>\r\nContent-Length: 0\r\n\r\n").as_bytes());
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

    /// Registers as `user`, whose password is `secret` in the realm of [`crate::running::text`]; the
    /// final status and whether a challenge said `stale=true`.
    pub(crate) fn register(
        &self,
        user: &str,
        cseq: u32,
        authorization: Option<&str>,
    ) -> Registered {
        let first = self.send_register(user, cseq, authorization);
        let challenge = sip::Message::read(first.clone().into_bytes().into()).unwrap();
        if challenge.status() != Some(401) {
            return Registered { answer: first, is_stale: false, authorization: None };
        }
        let credentials = sip::Credentials {
            username: user.to_owned(),
            password: "secret".to_owned(),
            realm: None,
        };
        let uri = "sip:pbx.example.fr";
        let (_, value) = credentials
            .answer(&challenge, &sip::Method::Register, uri, 1, u64::from(cseq))
            .unwrap();
        Registered {
            answer: self.send_register(user, cseq + 1, Some(&value)),
            is_stale: first.contains("stale=true"),
            authorization: Some(value),
        }
    }

    fn send_register(&self, user: &str, cseq: u32, authorization: Option<&str>) -> String {
        let at = self.address();
        let authorization =
            authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
        self.send(
            format!(
                "REGISTER sip:pbx.example.fr SIP/2.0\r\n\
                 Via: SIP/2.0/UDP {at};branch=z9hG4bKr{cseq};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:{user}@pbx.example.fr>;tag=r{user}\r\nTo: <sip:{user}@pbx.example.fr>\r\n\
                 Call-ID: register-{at}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{at}>\r\n\
                 {authorization}Content-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        );
        loop {
            let answer = self.receive();
            if answer.contains("REGISTER\r\n") && answer.starts_with("SIP/2.0 ") {
                return answer;
            }
        }
    }

    /// The next INVITE that rings here.
    pub(crate) fn rung(&self) -> String {
        self.asked("INVITE")
    }

    /// The next request of this method; what else comes is passed over.
    pub(crate) fn asked(&self, method: &str) -> String {
        loop {
            let message = self.receive();
            if message.starts_with(&format!("{method} ")) {
                return message;
            }
        }
    }

    /// Answers a request that came; `body` is a session description or nothing.
    pub(crate) fn reply(&self, request: &str, status: u16, body: &str) {
        let header = |name: &str| {
            request.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
        };
        let tag = if header("To:").contains(";tag=") { "" } else { ";tag=phone" };
        let content = match body.is_empty() {
            true => String::new(),
            false => "Content-Type: application/sdp\r\n".to_owned(),
        };
        let text = format!(
            "SIP/2.0 {status} Reply\r\n{}\r\n{}\r\n{}{tag}\r\n{}\r\n{}\r\n\
             Contact: <sip:phone@{}>\r\n{content}Content-Length: {}\r\n\r\n{body}",
            header("Via:"),
            header("From:"),
            header("To:"),
            header("Call-ID:"),
            header("CSeq:"),
            self.address(),
            body.len()
        );
        self.send(text.as_bytes());
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
        let length = loop {
            match self.socket.recv(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                received => break received.expect("an answer within ten seconds"),
            }
        };
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
