//! What the relay plays: ringing, beeps and prompts, to one leg and to many.

use std::sync::Arc;
use std::time::Duration;

use media::{Audio, Event, Leg, Order, Play, Playing, Remote, ToneCodec};

use crate::kit::{self, Phone, Rig, goertzel, leg, pcma_to_linear, rtcp, rtp};

/// What is sent after a prompt's last frame.
const TAIL: usize = 10;

fn play(what: Playing) -> Option<Play> {
    Some(Play { what, payload_type: 8, codec: ToneCodec::Pcma })
}

/// A steady tone of so many frames.
fn prompt(frames: usize, repeat: bool) -> Option<Play> {
    let audio = Arc::new(Audio::new(&vec![4_000; frames * 160]));
    play(Playing::Prompt { prompt: 3, audio, repeat })
}

fn hearing(phone: &Phone, play: Option<Play>) -> Leg {
    Leg { play, ..leg(phone, None) }
}

fn played(rig: &mut Rig, port: u16, owner: u64) {
    rig.find(|event| (*event == Event::Played { port, owner }).then_some(()));
}

/// Whether the payload is silence.
fn is_silent(packet: &[u8]) -> bool {
    packet[12..].iter().all(|&code| code == 0xd5)
}

#[test]
fn the_ringing_tone_is_heard_until_the_legs_are_joined() {
    let mut rig = Rig::start(8);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.ports();
    rig.set(a, 1, hearing(&caller, play(Playing::RingTone)));
    let packets: Vec<Vec<u8>> = (0..25).map(|_| caller.receive().0).collect();
    for (number, pair) in packets.windows(2).enumerate() {
        let (one, two) = (kit::header(&pair[0]), kit::header(&pair[1]));
        assert_eq!(two.sequence, one.sequence.wrapping_add(1));
        assert_eq!(two.timestamp, one.timestamp.wrapping_add(160));
        assert_eq!((one.ssrc, one.payload_type), (two.ssrc, 8));
        assert_eq!((one.marker, two.marker), (number == 0, false));
    }
    let samples: Vec<f64> =
        packets.iter().flat_map(|packet| &packet[12..]).map(|&byte| pcma_to_linear(byte)).collect();
    let power = samples.iter().map(|sample| sample * sample).sum::<f64>();
    assert!(goertzel(&samples, 440.0) > 0.95 * power, "nearly all of it is 440 Hz");
    assert!(goertzel(&samples, 425.0) < 0.01 * power, "and not another country's tone");

    rig.set(b, 2, leg(&agent, Some(a)));
    rig.set(a, 1, leg(&caller, Some(b)));
    rig.settle();
    agent.send(b, &rtp(2, 1));
    let first = (0..50).map(|_| caller.receive().0).find(|packet| *packet == rtp(2, 1));
    assert!(first.is_some());
    assert!(caller.has_nothing(), "the tone has stopped");
    assert!(rig.release(a, 1).rtp_out >= 26);
}

#[test]
fn a_prompt_is_sent_whole_and_told_and_the_same_order_does_not_begin_it_again() {
    let mut rig = Rig::start(17);
    let caller = rig.phone();
    let [a, _] = rig.ports();
    let wish = hearing(&caller, prompt(25, false));
    rig.set(a, 1, wish.clone());
    let first = caller.receive().0;
    assert!(kit::header(&first).marker && !is_silent(&first));
    rig.set(a, 1, wish.clone()); // while it plays
    played(&mut rig, a, 1);
    let rest: Vec<bool> = (1..25 + TAIL).map(|_| is_silent(&caller.receive().0)).collect();
    let expected: Vec<bool> = (1..25 + TAIL).map(|number| number >= 25).collect();
    assert_eq!(rest, expected);
    rig.set(a, 1, wish); // after its end
    rig.settle();
    assert_eq!(rig.relay.wait_event(Duration::from_millis(100)), None, "told once");
    assert_eq!(rig.release(a, 1).rtp_out, 25 + TAIL as u64);
    assert!(caller.has_nothing());
}

#[test]
fn all_that_plays_keeps_one_beat_and_what_repeats_goes_on() {
    let mut rig = Rig::start(18);
    let (one, two) = (rig.phone(), rig.phone());
    let [a, b] = rig.ports();
    rig.set(a, 1, hearing(&one, prompt(7, true)));
    rig.set(b, 2, hearing(&two, prompt(50, false)));
    played(&mut rig, b, 2);
    let hold_music = rig.release(a, 1).rtp_out;
    assert_eq!(rig.release(b, 2).rtp_out, 60);
    // The test may have been slow to release it; the relay was not slow to send.
    assert!(hold_music >= 60, "as many frames in the same time: {hold_music}");
    assert!((0..60).all(|_| !is_silent(&one.receive().0)), "over its end without a gap");
}

#[test]
fn a_release_or_another_order_cuts_at_once_and_nothing_is_told_of_it() {
    let mut rig = Rig::start(19);
    let caller = rig.phone();
    let [a, _] = rig.ports();
    rig.set(a, 1, hearing(&caller, prompt(500, false)));
    let before = kit::header(&caller.receive().0);
    rig.set(a, 1, hearing(&caller, play(Playing::Confirmed)));
    played(&mut rig, a, 1);
    let beeps = 33 + TAIL as u64; // 0.65 s
    let heard: Vec<Vec<u8>> = (0..beeps).map(|_| caller.receive().0).collect();
    assert!(heard.iter().all(|packet| kit::header(packet).ssrc == before.ssrc));
    rig.set(a, 1, hearing(&caller, prompt(500, false)));
    let sent = rig.release(a, 1).rtp_out;
    assert!((1 + beeps..500).contains(&sent), "nothing near a thousand: {sent}");
    rig.settle();
    caller.drain();
    assert_eq!(rig.relay.wait_event(Duration::from_millis(60)), None);
    assert!(caller.has_nothing());
}

#[test]
fn while_it_plays_the_peer_is_not_heard_and_afterwards_it_is() {
    let mut rig = Rig::start(20);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    rig.set(a, 1, Leg { play: prompt(25, true), ..leg(&caller, Some(b)) });
    rig.settle();
    agent.send(b, &rtp(2, 1));
    agent.send_rtcp(b + 1, &rtcp(2));
    assert_eq!(caller.receive_rtcp().0, rtcp(2));
    assert!((0..25).all(|_| caller.receive().0 != rtp(2, 1)));
    caller.send(a, &rtp(1, 1));
    assert_eq!(agent.receive().0, rtp(1, 1), "the other way is open");
    rig.set(a, 1, leg(&caller, Some(b)));
    rig.settle();
    caller.drain();
    agent.send(b, &rtp(2, 2));
    assert_eq!(caller.receive().0, rtp(2, 2));
}

#[test]
fn a_leg_on_hold_gets_rtcp_alone_and_what_plays_to_it_goes_on_unheard() {
    let mut rig = Rig::start(21);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    rig.set(b, 2, Leg { receives: false, ..leg(&agent, Some(a)) });
    rig.settle();
    caller.send(a, &rtp(1, 1));
    caller.send_rtcp(a + 1, &rtcp(1));
    assert_eq!(agent.receive_rtcp().0, rtcp(1));
    rig.set(b, 2, Leg { receives: false, play: prompt(5, false), ..leg(&agent, Some(a)) });
    played(&mut rig, b, 2);
    assert!(agent.has_nothing());
    agent.send(b, &rtp(2, 1));
    assert_eq!(caller.receive().0, rtp(2, 1), "it may speak");
    rig.set(b, 2, leg(&agent, Some(a)));
    rig.settle();
    caller.send(a, &rtp(1, 2));
    assert_eq!(agent.receive().0, rtp(1, 2));
    assert_eq!(rig.release(b, 2).rtp_out, 1);
}

#[test]
fn five_hundred_callers_hear_one_announcement() {
    const CALLERS: usize = 500;
    const FRAMES: u64 = 50;
    let mut rig = Rig::with(22, |config| config.ports = 24_000..=24_999);
    let phone = rig.phone();
    let ports = rig.relay.shards()[0].clone();
    assert_eq!(ports.len(), CALLERS);
    let announcement = prompt(FRAMES as usize, false);
    let nobody_reads = Remote { rtp: phone.remote().rtp, rtcp: phone.remote().rtcp };
    let cpu_before = kit::relay_cpu();
    for &port in &ports {
        let remote = Some(nobody_reads);
        rig.set(port, 1, Leg { remote, play: announcement.clone(), ..Leg::default() });
    }
    for &port in &ports {
        played(&mut rig, port, 1);
    }
    let cpu = kit::relay_cpu() - cpu_before;
    let sent = FRAMES + TAIL as u64;
    for &port in &ports {
        rig.order(Order::Release { port, owner: 1 });
        assert_eq!(rig.released(port, 1).rtp_out, sent);
    }
    let counters = rig.relay.counters();
    assert_eq!((counters.packets_out, counters.send_failed), (sent * CALLERS as u64, 0));
    println!(
        "{CALLERS} callers, {} frames each: relay CPU {cpu:?} (all relay threads of this process), \
         {:.1} µs a packet",
        sent,
        cpu.as_secs_f64() * 1e6 / counters.packets_out as f64,
    );
}
