//! Phones and trunks of the floor, face to face: no server between them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const AT_MOST: Duration = Duration::from_secs(10);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn voice(n: usize) -> Sound {
    Sound::Voice(Tone::nth(n))
}

/// One phone whose calls come straight from the trunk.
struct Direct {
    floor: Floor,
    trunk: u16,
    phone: PhoneRef,
    calls: Vec<PlacedCall>,
    phone_calls: Vec<PhoneCall>,
    violations: Vec<Violation>,
}

impl Direct {
    fn new(seed: u64, usual: Manner) -> Self {
        let mut floor = Floor::new(seed);
        let nobody = std::net::SocketAddr::from((LOOPBACK, 9));
        let setup = PhonesSetup {
            server: nobody,
            realm: "floor.invalid".to_owned(),
            phones: vec![PhoneSetup {
                user: "nadia".to_owned(),
                password: "secret".to_owned(),
                expires: Duration::from_secs(300),
                sound: voice(20),
                first: Vec::new(),
                usual,
            }],
        };
        let phone = floor.add_phones(LOOPBACK, setup).unwrap()[0];
        let server = floor.address(phone.line);
        let setup = TrunkSetup { server, domain: "operator.invalid".to_owned() };
        let trunk = floor.add_trunk(LOOPBACK, setup).unwrap();
        let (calls, phone_calls, violations) = (Vec::new(), Vec::new(), Vec::new());
        Self { floor, trunk, phone, calls, phone_calls, violations }
    }

    fn place(&mut self, from: &str, patience: Option<Duration>, talk: Option<Duration>) {
        let plan = CallPlan {
            to: "nadia".to_owned(),
            from: from.to_owned(),
            withheld: false,
            diverted_from: None,
            patience,
            talk,
            sound: voice(3),
        };
        self.floor.place(self.trunk, plan);
    }

    /// Until this many accounts of calls, by callers and by the phone, are there.
    async fn run_until(&mut self, calls: usize, phone_calls: usize) {
        let Self { floor, calls: ended, phone_calls: phone_ended, violations, .. } = self;
        let done = floor
            .run_until(AT_MOST, |floor| {
                while let Some(happening) = floor.poll_happening() {
                    match happening {
                        Happening::CallEnded(call) => ended.push(*call),
                        Happening::PhoneEnded(call) => phone_ended.push(*call),
                        Happening::Violation(violation) => violations.push(violation),
                        Happening::Registered { .. }
                        | Happening::Unregistered { .. }
                        | Happening::RegisterFailed { .. }
                        | Happening::PhoneRings { .. }
                        | Happening::PhoneAnswered { .. }
                        | Happening::CallRings { .. }
                        | Happening::CallAnswered { .. } => {}
                    }
                }
                ended.len() >= calls && phone_ended.len() >= phone_calls
            })
            .await;
        assert!(done, "calls {ended:?}, phone {phone_ended:?}");
    }
}

#[tokio::test]
async fn caller_and_secretary_hear_each_other_and_the_caller_hangs_up() {
    let mut direct = Direct::new(1, Manner::answer(ms(30), None));
    direct.place("+33639980001", None, Some(ms(1_300)));
    direct.run_until(1, 1).await;
    let pairing = Pairing::of(&direct.calls, &direct.phone_calls);
    assert_eq!((pairing.conversations.len(), pairing.right_both_ways()), (1, 1), "{pairing:?}");
    assert_eq!(direct.calls[0].end, CallEnd::HungUp);
    assert_eq!(direct.phone_calls[0].end, PhoneEnd::Released);
    assert!(direct.calls[0].heard.packets > 50);
    assert_eq!(direct.violations, []);
}

#[tokio::test]
async fn a_swapped_voice_is_found_by_both_ears() {
    let mut direct = Direct::new(2, Manner::answer(ms(0), Some(ms(600))));
    direct.place("+33639980001", None, None);
    direct.run_until(1, 1).await;
    assert_eq!(direct.calls[0].end, CallEnd::Released);
    assert_eq!(direct.phone_calls[0].end, PhoneEnd::HungUp);
    direct.calls[0].plan.sound = voice(4);
    direct.phone_calls[0].sound = voice(21);
    let pairing = Pairing::of(&direct.calls, &direct.phone_calls);
    assert_eq!((pairing.conversations.len(), pairing.right_both_ways()), (1, 0));
    let wrong = &pairing.conversations[0];
    assert_eq!(wrong.phone_hears, Some(Hearing::Wrong(Some(Tone::nth(3)))));
    assert_eq!(wrong.caller_hears, Some(Hearing::Wrong(Some(Tone::nth(20)))));
}

#[tokio::test]
async fn a_second_invite_during_a_call_is_a_violation() {
    let mut direct = Direct::new(3, Manner::answer(ms(0), Some(ms(400))));
    direct.place("+33639980001", None, None);
    direct.floor.run_for(ms(100)).await;
    direct.place("+33639980002", None, None);
    direct.run_until(2, 1).await;
    assert!(
        matches!(&direct.violations[..], [Violation::SecondInvite { during, caller, .. }]
            if during == "+33639980001" && caller == "+33639980002"),
        "{:?}",
        direct.violations
    );
    assert!(direct.calls.iter().any(|call| call.end == CallEnd::Refused(486)));
}

#[tokio::test]
async fn a_caller_gives_up_while_the_phone_rings() {
    let mut direct = Direct::new(4, Manner::let_ring());
    direct.place("+33639980001", Some(ms(200)), None);
    direct.run_until(1, 1).await;
    assert_eq!(direct.calls[0].end, CallEnd::GaveUp);
    assert!(direct.calls[0].ringing_at.is_some());
    assert_eq!(direct.phone_calls[0].end, PhoneEnd::Cancelled);
    assert_eq!(direct.floor.phone_state(direct.phone), PhoneState::Unregistered);
}

#[tokio::test]
async fn a_phone_declines() {
    let mut direct = Direct::new(5, Manner::decline(ms(50), 603));
    direct.place("+33639980001", None, None);
    direct.run_until(1, 1).await;
    assert_eq!(direct.calls[0].end, CallEnd::Refused(603));
    assert_eq!(direct.phone_calls[0].end, PhoneEnd::Declined(603));
}

#[tokio::test]
async fn a_phone_without_power_is_silent() {
    let mut direct = Direct::new(6, Manner::answer(ms(0), None));
    direct.place("+33639980001", None, None);
    direct.floor.run_for(ms(300)).await;
    direct.floor.cut(direct.phone.line);
    direct.run_until(0, 1).await;
    assert_eq!(direct.phone_calls[0].end, PhoneEnd::Cut);
    assert_eq!(direct.floor.live_calls(), 1);
}
