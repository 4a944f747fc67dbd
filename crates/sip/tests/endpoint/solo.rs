//! One endpoint against hand-written messages.

use std::time::Duration;

use bytes::Bytes;
use sip::{Endpoint, Event, Flow, Instant, Limits, Message, Setup, Transmit, response_to};

use crate::pair::Side;

pub(crate) struct Solo {
    pub(crate) endpoint: Endpoint,
    pub(crate) now: Instant,
    pub(crate) flow: Flow,
}

impl Solo {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let user_agent = "test".to_string();
        Self {
            endpoint: Endpoint::new(Setup { seed: [7; 32], user_agent, limits }),
            now: Instant::from_secs(1),
            flow: Flow {
                transport: sip::Transport::Udp,
                local: Side::Caller.address(),
                remote: Side::Callee.address(),
                connection: 0,
            },
        }
    }

    /// Takes in a message whose lines are as in the text, without indentation.
    pub(crate) fn receive(&mut self, text: &str) {
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let bytes = format!("{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
        self.receive_bytes(Bytes::from(bytes));
    }

    pub(crate) fn receive_bytes(&mut self, bytes: Bytes) {
        let message = Message::read(bytes).expect("tests write what can be read");
        self.endpoint.handle_message(self.now, self.flow, message);
    }

    /// A request from the peer: `line` is the rest after the usual headers.
    pub(crate) fn request(&mut self, method: &str, cseq: u32, branch: &str, to: &str, rest: &str) {
        self.receive(&format!(
            "{method} sip:us@192.0.2.1 SIP/2.0
             Via: SIP/2.0/UDP 192.0.2.2:5070;rport;branch={branch}
             Max-Forwards: 70
             From: <sip:peer@192.0.2.2>;tag=peer
             To: <sip:us@192.0.2.1>{to}
             Call-ID: call
             CSeq: {cseq} {method}
             Contact: <sip:peer@192.0.2.2:5070>
             {rest}"
        ));
    }

    /// The peer answers a request of ours.
    pub(crate) fn reply(
        &mut self,
        request: &Message,
        status: u16,
        tag: &str,
        headers: &[(&str, &str)],
    ) {
        let flow = Flow { local: self.flow.remote, remote: self.flow.local, ..self.flow };
        let bytes = response_to(request, status, Some(tag), &flow, headers, None);
        self.receive_bytes(bytes);
    }

    pub(crate) fn transmits(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.endpoint.poll_transmit()).collect()
    }

    pub(crate) fn sent(&mut self) -> Vec<Message> {
        let read = |transmit: Transmit| Message::read(transmit.bytes).expect("readable");
        self.transmits().into_iter().map(read).collect()
    }

    /// `INVITE`, `200 BYE`, …
    pub(crate) fn lines(&mut self) -> Vec<String> {
        self.sent().iter().map(line).collect()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = at;
            self.endpoint.handle_timeout(at);
        }
        self.now = until;
    }
}

pub(crate) fn line(message: &Message) -> String {
    match message.status() {
        Some(status) => format!("{status} {}", message.method()),
        None => message.method().to_string(),
    }
}
