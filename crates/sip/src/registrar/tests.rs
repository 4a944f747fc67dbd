//! The registrar, fed with whole REGISTERs.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{Credentials, Method, Transport};

const NOW: Instant = Instant::from_secs(1_000);

fn flow(port: u16) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([198, 51, 100, 7], port).into(),
        connection: 0,
    }
}

fn account(name: &str) -> Option<Account> {
    matches!(name, "ann" | "bea").then(|| Account::new(name, "realm", "secret"))
}

struct Phone {
    registrar: Registrar,
    call_id: &'static str,
    cseq: u32,
    flow: Flow,
    now: Instant,
}

impl Phone {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: fn(&mut RegistrarSetup)) -> Self {
        let mut setup = RegistrarSetup::new("realm", [3; 32]);
        change(&mut setup);
        let registrar = Registrar::new(setup);
        Self { registrar, call_id: "phone", cseq: 0, flow: flow(40_000), now: NOW }
    }

    /// One REGISTER without credentials.
    fn send(&mut self, user: &str, headers: &str, authorization: Option<&str>) -> RegisterReply {
        self.cseq += 1;
        self.send_numbered(self.cseq, user, headers, authorization)
    }

    fn send_numbered(
        &mut self,
        cseq: u32,
        user: &str,
        headers: &str,
        authorization: Option<&str>,
    ) -> RegisterReply {
        let authorization =
            authorization.map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
        let text = format!(
            "REGISTER sip:realm SIP/2.0\r\n\
             Via: SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK{cseq}\r\n\
             From: <sip:{user}@realm>;tag=a\r\nTo: <sip:{user}@realm>\r\n\
             Call-ID: {}\r\nCSeq: {cseq} REGISTER\r\n{authorization}{headers}\
             Content-Length: 0\r\n\r\n",
            self.call_id
        );
        let message = Message::read(Bytes::from(text)).unwrap();
        self.registrar.handle_register(self.now, self.flow, &message, &account)
    }

    /// Answers the challenge as `username`.
    fn register_as(&mut self, username: &str, user: &str, headers: &str) -> RegisterReply {
        let challenge = self.send(user, headers, None);
        assert_eq!(challenge.status, 401);
        let authorization = answer(username, "secret", &challenge);
        self.send(user, headers, Some(&authorization))
    }

    fn register(&mut self, headers: &str) -> RegisterReply {
        self.register_as("ann", "ann", headers)
    }

    fn contacts(&self) -> Vec<String> {
        self.registrar.bindings("ann").map(|binding| binding.contact_uri.clone()).collect()
    }

    fn events(&mut self) -> Vec<RegistrarEvent> {
        std::iter::from_fn(|| self.registrar.poll_event()).collect()
    }
}

fn answer(username: &str, password: &str, challenge: &RegisterReply) -> String {
    let headers: String =
        challenge.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!("SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\n{headers}\r\n");
    let credentials =
        Credentials { username: username.to_string(), password: password.to_string(), realm: None };
    // A response without Via is fine for reading its challenge.
    let text = text.replace(
        "CSeq",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:a@b>\r\n\
         Call-ID: x\r\nCSeq",
    );
    let response = Message::read(Bytes::from(text)).unwrap();
    credentials.answer(&response, &Method::Register, "sip:realm", 1, 7).unwrap().1
}

fn aor(name: &str) -> String {
    name.to_string()
}

#[test]
fn a_phone_is_bound_to_where_its_packets_come_from() {
    let mut phone = Phone::new();
    let reply = phone.register("Contact: <sip:ann@10.0.0.5:5060>;expires=300\r\n");
    assert_eq!(reply.status, 200);
    let contact = "<sip:ann@10.0.0.5:5060>;expires=300".to_string();
    assert_eq!(reply.headers, [("Contact".to_string(), contact)]);
    let binding = phone.registrar.bindings("ann").next().unwrap();
    assert_eq!(binding.contact_uri, "sip:ann@10.0.0.5:5060");
    assert_eq!(binding.flow, flow(40_000));
    assert_eq!(phone.registrar.is_registered_flow(&flow(40_000)), Some("ann"));
    assert_eq!(phone.registrar.is_registered_flow(&flow(40_001)), None);
    assert_eq!(phone.events(), [RegistrarEvent::Registered { aor: aor("ann") }]);
}

#[test]
fn a_refresh_from_another_port_moves_the_binding() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@10.0.0.5>\r\n");
    phone.events();
    phone.flow = flow(41_000);
    phone.now = NOW + Duration::from_secs(60);
    phone.register("Contact: <sip:ann@10.0.0.5>\r\n");
    let bindings: Vec<_> = phone.registrar.bindings("ann").collect();
    assert_eq!(bindings.len(), 1);
    assert_eq!((bindings[0].flow, bindings[0].registered_at), (flow(41_000), NOW));
    assert_eq!(phone.registrar.is_registered_flow(&flow(40_000)), None);
    assert!(phone.events().is_empty());
}

#[test]
fn known_and_unknown_users_and_wrong_passwords_get_the_same_401() {
    let shape = |reply: RegisterReply| {
        let headers: Vec<_> = reply
            .headers
            .into_iter()
            .map(|(name, value)| {
                // The nonce differs by time only in length-preserving digits.
                let parts = value.split('"').map(str::to_string).collect::<Vec<_>>();
                (name, value.len(), parts[0].clone(), parts[1].clone(), parts.len())
            })
            .collect();
        (reply.status, headers)
    };
    let mut phone = Phone::new();
    let contact = "Contact: <sip:x@10.0.0.5>\r\n";
    let known = phone.send("ann", contact, None);
    let unknown = phone.send("nobody", contact, None);
    let wrong = answer("ann", "guess", &known);
    let wrong = phone.send("ann", contact, Some(&wrong));
    let stranger = answer("nobody", "guess", &unknown);
    let stranger = phone.send("nobody", contact, Some(&stranger));
    let known = shape(known);
    assert_eq!(known.0, 401);
    for other in [unknown, wrong, stranger] {
        assert_eq!(shape(other), known);
    }
}

#[test]
fn a_user_may_register_only_her_own_name() {
    let mut phone = Phone::new();
    let reply = phone.register_as("bea", "ann", "Contact: <sip:bea@10.0.0.5>\r\n");
    assert_eq!((reply.status, reply.is_guess, reply.user), (401, true, None));
    assert!(phone.contacts().is_empty());
}

#[test]
fn a_binding_ends_when_it_is_not_refreshed() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@10.0.0.5>\r\nExpires: 120\r\n");
    phone.register("Contact: <sip:ann@10.0.0.6>;expires=60\r\n");
    phone.events();
    let first = phone.registrar.poll_timeout();
    assert_eq!(first, Some(NOW + Duration::from_secs(60)));
    phone.registrar.handle_timeout(NOW + Duration::from_secs(60));
    assert_eq!(phone.contacts(), ["sip:ann@10.0.0.5"]);
    assert!(phone.events().is_empty());
    phone.registrar.handle_timeout(NOW + Duration::from_secs(120));
    assert_eq!(phone.events(), [RegistrarEvent::Expired { aor: aor("ann") }]);
    assert_eq!(phone.registrar.poll_timeout(), None);
    assert_eq!(phone.registrar.is_registered_flow(&flow(40_000)), None);
}

#[test]
fn expires_zero_removes_one_contact_and_a_star_removes_all() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>, <sip:ann@b>, <sip:ann@c>\r\n");
    phone.register("Contact: <sip:ann@b>;expires=0\r\n");
    assert_eq!(phone.contacts(), ["sip:ann@a", "sip:ann@c"]);
    phone.events();
    assert_eq!(phone.register("Contact: *\r\n").status, 400);
    assert_eq!(phone.register("Contact: *\r\nExpires: 60\r\n").status, 400);
    assert_eq!(phone.register("Contact: *, <sip:ann@a>\r\nExpires: 0\r\n").status, 400);
    let reply = phone.register("Contact: *\r\nExpires: 0\r\n");
    assert_eq!((reply.status, reply.headers.len()), (200, 0));
    assert!(phone.contacts().is_empty());
    assert_eq!(phone.events(), [RegistrarEvent::Unregistered { aor: aor("ann") }]);
}

#[test]
fn a_lifetime_too_short_is_423_and_one_too_long_is_cut() {
    let mut phone = Phone::new();
    let reply = phone.register("Contact: <sip:ann@a>;expires=5\r\n");
    assert_eq!(reply.status, 423);
    assert_eq!(reply.headers, [("Min-Expires".to_string(), "60".to_string())]);
    phone.register("Contact: <sip:ann@a>;expires=4294967295\r\n");
    assert_eq!(phone.registrar.poll_timeout(), Some(NOW + Duration::from_secs(86_400)));
}

#[test]
fn a_register_without_contact_lists_the_bindings() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>\r\n");
    phone.now = NOW + Duration::from_secs(600);
    let reply = phone.register("");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers[0].1, "<sip:ann@a>;expires=3000");
}

#[test]
fn a_register_that_is_overtaken_by_a_newer_one_changes_nothing() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>;expires=600\r\n");
    let challenge = phone.send("ann", "", None);
    let authorization = answer("ann", "secret", &challenge);
    let late = phone.send_numbered(1, "ann", "Contact: *\r\nExpires: 0\r\n", Some(&authorization));
    assert_eq!(late.status, 500);
    assert_eq!(phone.contacts(), ["sip:ann@a"]);
    // Another Call-ID is another phone, or this one after a reboot: no order between them.
    phone.call_id = "rebooted";
    phone.cseq = 0;
    assert_eq!(phone.register("Contact: <sip:ann@a>;expires=0\r\n").status, 200);
    assert!(phone.contacts().is_empty());
}

#[test]
fn an_update_is_taken_whole_or_not_at_all() {
    let mut phone = Phone::new();
    let reply = phone.register("Contact: <sip:ann@a>, <sip:ann@b>;expires=5\r\n");
    assert_eq!(reply.status, 423);
    assert!(phone.contacts().is_empty());
}

#[test]
fn bindings_and_aors_are_capped() {
    let mut phone = Phone::with(|setup| {
        setup.rules.bindings_max = 2;
        setup.rules.aors_max = 1;
    });
    for (minute, host) in ["a", "b", "c"].into_iter().enumerate() {
        phone.now = NOW + Duration::from_secs(60 * minute as u64);
        phone.register(&format!("Contact: <sip:ann@{host}>\r\n"));
    }
    // The newest first; the oldest made room.
    assert_eq!(phone.contacts(), ["sip:ann@c", "sip:ann@b"]);
    let reply = phone.register("Contact: <sip:ann@d>, <sip:ann@e>, <sip:ann@f>\r\n");
    assert_eq!(reply.status, 403);
    let reply = phone.register_as("bea", "bea", "Contact: <sip:bea@a>\r\n");
    assert_eq!(reply.status, 503);
}

#[test]
fn a_dead_flow_takes_its_bindings_with_it() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>\r\n");
    phone.flow = flow(41_000);
    phone.register("Contact: <sip:ann@b>\r\n");
    phone.register_as("bea", "bea", "Contact: <sip:bea@b>\r\n");
    phone.events();
    phone.registrar.remove_flow(NOW, &flow(41_000));
    assert_eq!(phone.contacts(), ["sip:ann@a"]);
    assert_eq!(phone.events(), [RegistrarEvent::Unregistered { aor: aor("bea") }]);
    assert_eq!(phone.registrar.is_registered_flow(&flow(41_000)), None);
}

#[test]
fn a_contact_that_is_no_sip_uri_is_400() {
    let mut phone = Phone::new();
    assert_eq!(phone.register("Contact: <mailto:ann@a>\r\n").status, 400);
    assert_eq!(phone.register("Contact: <sip:ann@a>\r\nExpires: soon\r\n").status, 400);
}

#[test]
fn a_restored_registrar_goes_on() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>\r\n");
    let challenge = phone.send("ann", "", None);
    let bytes = postcard::to_stdvec(&phone.registrar).unwrap();
    phone.registrar = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(postcard::to_stdvec(&phone.registrar).unwrap(), bytes);
    // The nonce from before is still good.
    let authorization = answer("ann", "secret", &challenge);
    assert_eq!(phone.send("ann", "", Some(&authorization)).headers.len(), 1);
    assert_eq!(phone.registrar.is_registered_flow(&flow(40_000)), Some("ann"));
}

#[test]
fn what_an_earlier_life_knew_is_put_back_in_silence() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>;expires=60\r\n");
    phone.flow = flow(41_000);
    phone.register("Contact: <sip:ann@b>;expires=600\r\n");
    let kept: Vec<_> = phone.registrar.bindings("ann").cloned().collect();
    let mut next = Phone::new();
    next.now = NOW + Duration::from_secs(60);
    next.registrar.restore(next.now, "ann", kept);
    assert_eq!(next.contacts(), ["sip:ann@b"], "the other one is over");
    assert_eq!(next.registrar.is_registered_flow(&flow(41_000)), Some("ann"));
    assert!(next.events().is_empty());
    // A refresh goes on with the phone's own Call-ID and CSeq.
    (next.flow, next.cseq) = (flow(41_000), phone.cseq);
    assert_eq!(next.register("Contact: <sip:ann@b>\r\n").status, 200);
    assert!(next.events().is_empty());
    next.registrar.remove("ann");
    assert!(next.contacts().is_empty() && next.events().is_empty());
}

#[test]
fn other_rules_hold_from_the_next_register_on() {
    let mut phone = Phone::new();
    phone.register("Contact: <sip:ann@a>;expires=60\r\n");
    phone.registrar.configure(RegistrarRules {
        expires_min: Duration::from_secs(120),
        algorithms: vec![Algorithm::Sha256],
        ..RegistrarRules::default()
    });
    assert_eq!(phone.contacts(), ["sip:ann@a"]);
    let challenge = phone.send("ann", "", None);
    assert!(challenge.headers[0].1.contains("algorithm=SHA-256"), "{challenge:?}");
    assert_eq!(phone.register("Contact: <sip:ann@a>;expires=60\r\n").status, 423);
}
