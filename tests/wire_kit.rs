//! The kit against itself: a caller and a phone without any server between them, so that a later
//! failure is known not to be the kit's.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use kit::{Caller, Namespace, Phone, Plan, Scratch, Softphone, Tap, Then, Tone};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_caller_and_a_phone_hear_each_other_without_a_server() -> Result<()> {
    let network = Namespace::enter()?;
    let scratch = Scratch::new("kit")?;
    let tap = Tap::open(&network)?;
    let trunk = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 6000));
    let desk = SocketAddr::from((Ipv4Addr::LOCALHOST, 5070));
    let mut phone =
        Phone::start(&scratch, Softphone::BARESIP_UDP, desk, desk, "101", "pw-101", Tone(700))?;
    let plan = Plan::new("101", "+33612345678", Then::HangUpAfter(SECOND * 3));
    let mut caller = Caller::place(&scratch, trunk, desk, Tone(440), &plan)?;

    phone.wait_for("CALL_INCOMING", SECOND * 5)?;
    phone.accept()?;
    phone.wait_for("CALL_ESTABLISHED", SECOND * 5)?;
    phone.wait_for("CALL_CLOSED", SECOND * 10)?;
    caller.finish(SECOND * 5)?;

    let heard = phone.heard()?;
    assert_eq!(heard.len(), 1);
    heard[0].check("the secretary", Tone(440), SECOND)?;
    tap.heard_at(caller.ear).check("the caller", Tone(700), SECOND)?;
    scratch.remove()
}
