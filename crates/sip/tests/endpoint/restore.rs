//! A serialised endpoint goes on to the byte.

use bytes::Bytes;
use sip::{Endpoint, Event};

use crate::pair::{Pair, SDP};

fn restored(endpoint: &Endpoint) -> Endpoint {
    let bytes = postcard::to_stdvec(endpoint).unwrap();
    let restored: Endpoint = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(postcard::to_stdvec(&restored).unwrap(), bytes);
    restored
}

/// A call with lost packets, a CANCEL and a re-INVITE; `restore` in every step.
fn run(restore: bool) -> Vec<(sip::Instant, Bytes)> {
    let mut pair = Pair::new();
    pair.weather.loss = 150;
    let first = pair.invite();
    let mut answered = Vec::new();
    let mut steps = 0;
    loop {
        if restore {
            pair.caller = restored(&pair.caller);
            pair.callee = restored(&pair.callee);
        }
        if !pair.step_until(sip::Instant::MAX) {
            break;
        }
        steps += 1;
        let now = pair.now;
        for event in pair.callee_events.split_off(0) {
            match event {
                Event::Invited { dialog, .. } => {
                    pair.callee.progress(now, dialog, 180, &[], None).unwrap();
                    pair.callee.answer(now, dialog, &[], Bytes::from_static(SDP)).unwrap();
                }
                Event::Reinvited { request, .. } => {
                    let _ = pair.callee.respond(now, request, 200, &[], None);
                }
                _ => {}
            }
        }
        for event in pair.caller_events.split_off(0) {
            match event {
                Event::Answered { dialog, .. } => {
                    pair.caller.ack(now, dialog, None).unwrap();
                    pair.caller.reinvite(now, dialog, Bytes::from_static(SDP)).unwrap();
                    answered.push(dialog);
                }
                Event::Reanswered { dialog, .. } => pair.caller.bye(now, dialog, None).unwrap(),
                _ => {}
            }
        }
        assert!(steps < 1_000);
    }
    assert_eq!(answered, [first]);
    pair.assert_empty();
    pair.sent.iter().map(|sent| (sent.at, sent.message.bytes().clone())).collect()
}

#[test]
fn a_restored_endpoint_goes_on_to_the_byte() {
    let straight = run(false);
    assert!(straight.len() > 10);
    assert_eq!(straight, run(true));
}
