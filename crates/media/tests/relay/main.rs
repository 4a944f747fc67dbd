//! The relay over real loopback sockets. Each test has a loopback network of its own.

mod kit;
mod playing;

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use kit::{Phone, Rig, key, leg, rtcp, rtp};
use media::{Config, Event, Leg, Order, Remote, Source, StartError};

#[test]
fn two_legs_hear_each_other_and_their_rtcp() {
    let mut rig = Rig::start(1);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    for number in 0..50 {
        caller.send(a, &rtp(1, number));
        assert_eq!(agent.receive(), (rtp(1, number), rig.at(b)));
        agent.send(b, &rtp(2, number));
        assert_eq!(caller.receive(), (rtp(2, number), rig.at(a)));
    }
    caller.send_rtcp(a + 1, &rtcp(1));
    assert_eq!(agent.receive_rtcp(), (rtcp(1), rig.at(b + 1)));
    agent.send_rtcp(b + 1, &rtcp(2));
    assert_eq!(caller.receive_rtcp(), (rtcp(2), rig.at(a + 1)));

    let stats = rig.release(a, 1);
    let figures = (stats.rtp_in, stats.rtp_out, stats.bytes, stats.bytes_out, stats.lost);
    assert_eq!(figures, (50, 50, 50 * 172, 50 * 172, 0));
    assert_eq!((stats.rtcp_in, stats.rtcp_out, stats.rejected), (1, 1, 0));
}

#[test]
fn rtcp_on_the_rtp_port_reaches_the_peers_rtcp_port_and_comes_back_muxed() {
    let mut rig = Rig::start(2);
    let (muxed, plain) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&muxed, &plain);
    muxed.send(a, &rtp(1, 1));
    assert_eq!(plain.receive().0, rtp(1, 1));
    muxed.send(a, &rtcp(1));
    assert_eq!(plain.receive_rtcp(), (rtcp(1), rig.at(b + 1)));
    plain.send_rtcp(b + 1, &rtcp(2));
    assert_eq!(muxed.receive(), (rtcp(2), rig.at(a)));
}

#[test]
fn payload_types_are_rewritten_on_the_way() {
    let mut rig = Rig::start(3);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.ports();
    rig.set(a, 1, Leg { payload_map: vec![(8, 96)], ..leg(&caller, Some(b)) });
    rig.set(b, 2, Leg { payload_map: vec![(96, 8)], ..leg(&agent, Some(a)) });
    rig.settle();
    caller.send(a, &rtp(1, 1));
    assert_eq!(agent.receive().0[1], 96);
    let mut answer = rtp(2, 1);
    answer[1] = 0x80 | 96;
    agent.send(b, &answer);
    assert_eq!(caller.receive().0[1], 0x80 | 8);
}

#[test]
fn a_phone_behind_a_nat_is_learnt_and_strangers_get_nothing_in_or_out() {
    let mut rig = Rig::start(4);
    let (caller, phone, stranger) = (rig.phone(), rig.phone(), rig.phone());
    let [a, b] = rig.ports();
    let private =
        Remote { rtp: "192.0.2.9:4000".parse().unwrap(), rtcp: "192.0.2.9:4001".parse().unwrap() };
    rig.set(a, 1, leg(&caller, Some(b)));
    let latching =
        Leg { remote: Some(private), signalling: Some(phone.ip()), ..leg(&phone, Some(a)) };
    rig.set(b, 2, latching);
    rig.settle();

    stranger.send(b, &rtp(9, 1)); // first, before anything is learnt
    phone.send(b, &rtp(2, 1));
    assert_eq!(caller.receive().0, rtp(2, 1));
    for number in 2..40 {
        stranger.send(b, &rtp(2, number));
        stranger.send(a, &rtp(1, number));
        stranger.send_rtcp(b + 1, &rtcp(2));
        stranger.send_rtcp(a + 1, &rtcp(1));
        phone.other.send_to(&rtp(2, number), rig.at(b)).unwrap(); // the right host, another port
    }
    phone.send(b, &rtp(2, 2));
    assert_eq!(caller.receive().0, rtp(2, 2), "nothing of the spray before it");
    caller.send(a, &rtp(1, 1));
    assert_eq!(phone.receive().0, rtp(1, 1));
    caller.send(a, &rtp(1, 2));
    assert_eq!(phone.receive().0, rtp(1, 2));
    assert!(stranger.has_nothing() && caller.has_nothing() && phone.has_nothing());
    assert!(rig.release(b, 2).rejected > 0);
    assert!(rig.release(a, 1).rejected > 0);
}

#[test]
fn eight_strangers_at_a_thousand_packets_a_second_redirect_nothing_and_cost_no_packet() {
    let mut rig = Rig::start(16);
    let (caller, agent) = (rig.phone(), rig.phone());
    let strangers: Vec<Phone> = (0..8).map(|_| rig.phone()).collect();
    let [a, b] = rig.bridge(&caller, &agent);
    let (mut to_caller, mut to_agent) = (0, 0);
    kit::every(Duration::from_millis(20), 50, |frame| {
        caller.send(a, &rtp(1, frame));
        agent.send(b, &rtp(2, frame));
        for (number, stranger) in (0..20).zip(strangers.iter().cycle()) {
            stranger.send([a, b][number % 2], &rtp(1, frame + 1));
        }
        to_caller += caller.drain();
        to_agent += agent.drain();
    });
    kit::until(Duration::from_secs(10), || {
        to_caller += caller.drain();
        to_agent += agent.drain();
        to_caller >= 50 && to_agent >= 50
    });
    let stats = [rig.release(a, 1), rig.release(b, 2)];
    assert_eq!((to_caller + caller.drain(), to_agent + agent.drain()), (50, 50));
    assert!(stats.iter().all(|stats| (stats.rtp_in, stats.rejected) == (50, 500)), "{stats:?}");
    assert!(strangers.iter().all(Phone::has_nothing));
}

#[test]
fn a_leg_without_peer_is_heard_once_and_forwards_nothing() {
    let mut rig = Rig::start(5);
    let caller = rig.phone();
    let [a, _] = rig.ports();
    rig.set(a, 1, leg(&caller, None));
    rig.settle();
    caller.send(a, &rtp(1, 1));
    caller.send(a, &rtp(1, 2));
    assert_eq!(rig.event(), Event::Heard { port: a, owner: 1 });
    let stats = rig.release(a, 1);
    assert_eq!((stats.rtp_in, stats.rtp_out), (2, 0));
    assert!(caller.has_nothing());
    assert_eq!(rig.relay.counters().consumed, 2);
}

#[test]
fn setting_a_leg_again_changes_nothing_and_another_owner_takes_over() {
    let mut rig = Rig::start(6);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    caller.send(a, &rtp(1, 1));
    assert_eq!(agent.receive().0, rtp(1, 1));
    rig.set(a, 1, leg(&caller, Some(b)));
    rig.settle();
    caller.send(a, &rtp(1, 2));
    assert_eq!(agent.receive().0, rtp(1, 2));
    rig.set(a, 7, leg(&caller, None));
    let stats = rig.released(a, 1);
    assert_eq!(stats.rtp_in, 2, "one leg over both orders");
    rig.order(Order::Release { port: a, owner: 1 }); // stale: not the owner any more
    rig.settle();
    caller.send(a, &rtp(1, 3));
    assert_eq!(rig.release(a, 7).rtp_in, 1);
}

#[test]
fn a_port_that_is_used_again_leaks_nothing_of_the_call_before() {
    let mut rig = Rig::start(7);
    let (caller, agent, next) = (rig.phone(), rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    caller.send(a, &rtp(1, 1));
    assert_eq!(agent.receive().0, rtp(1, 1));

    // The caller's leg still names port b when another call gets it.
    rig.release(b, 2);
    rig.set(b, 3, leg(&next, None));
    rig.settle();
    caller.send(a, &rtp(1, 2));
    // Then it is released, and packets of the old caller go on while a new call takes the port.
    rig.release(a, 1);
    for number in 3..100 {
        caller.send(a, &rtp(1, number));
    }
    rig.set(a, 4, leg(&agent, Some(b)));
    rig.settle();
    for number in 100..200 {
        caller.send(a, &rtp(1, number));
    }
    agent.send(a, &rtp(4, 1));
    assert_eq!(next.receive().0, rtp(4, 1), "the first that the new call hears is its own");
    let stats = rig.release(a, 4);
    assert_eq!(stats.rtp_in, 1);
    assert!(next.has_nothing());
}

#[test]
fn silence_is_told_once_and_ends_with_a_packet() {
    let mut rig = Rig::with(9, |config| config.silence = Duration::from_millis(100));
    let caller = rig.phone();
    let [a, _] = rig.ports();
    rig.set(a, 1, Leg { watch: true, ..leg(&caller, None) });
    assert_eq!(rig.event(), Event::Silent { port: a, owner: 1 });
    assert_eq!(rig.relay.wait_event(Duration::from_millis(300)), None, "once a silence");
    caller.send(a, &rtp(1, 1));
    assert_eq!(rig.event(), Event::Heard { port: a, owner: 1 });
    assert_eq!(rig.event(), Event::Silent { port: a, owner: 1 });
}

#[test]
fn keys_are_told_once_a_press_where_they_are_asked_for_and_cross_all_the_same() {
    let mut rig = Rig::start(31);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    caller.send(a, &key(1, 1, 800, 1));
    assert_eq!(agent.receive().0, key(1, 1, 800, 1));
    rig.set(a, 1, Leg { keys: vec![101], ..leg(&caller, Some(b)) });
    rig.settle();
    for sequence in 2..=4 {
        caller.send(a, &key(1, sequence, 8_000, 1));
    }
    caller.send(a, &key(1, 5, 16_000, 10));
    let stranger = rig.phone();
    stranger.send(a, &key(2, 6, 24_000, 2));
    for _ in 2..=5 {
        agent.receive();
    }
    let mut pressed = Vec::new();
    rig.order(Order::Release { port: a, owner: 1 });
    rig.find(|event| match event {
        Event::Digit { port, owner: 1, digit } if *port == a => {
            pressed.push(*digit);
            None
        }
        Event::Released { owner, .. } => (*owner == 1).then_some(()),
        Event::Digit { .. }
        | Event::Heard { .. }
        | Event::Silent { .. }
        | Event::Played { .. }
        | Event::Failed { .. } => None,
    });
    assert_eq!(pressed, ['1', '*'], "neither before it was asked for, nor of a stranger");
}

#[test]
fn sends_that_fail_end_nothing() {
    let mut rig = Rig::start(10);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.ports();
    // Port 9 of the loopback has no listener (ICMP comes back); 240/4 cannot be routed.
    for nowhere in ["127.77.10.99:9", "240.0.0.1:4000"] {
        let remote = Some(Remote { rtp: nowhere.parse().unwrap(), rtcp: nowhere.parse().unwrap() });
        rig.set(a, 1, leg(&caller, Some(b)));
        rig.set(b, 2, Leg { remote, ..leg(&agent, Some(a)) });
        rig.settle();
        for number in 0..20 {
            caller.send(a, &rtp(1, number));
        }
        rig.settle();
    }
    rig.set(b, 2, leg(&agent, Some(a)));
    rig.settle();
    caller.send(a, &rtp(1, 20));
    let heard = (0..21).map(|_| agent.receive().0).find(|packet| *packet == rtp(1, 20));
    assert!(heard.is_some() && rig.relay.is_whole());
}

#[test]
fn orders_that_cannot_be_done_fail_and_leave_the_state_before() {
    let mut rig = Rig::with(11, |config| config.threads = 2);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    let other_shard = rig.relay.shards()[1][0];
    let v6 = "[2001:db8::1]:4000".parse().unwrap();
    let group = "239.0.0.1:4000".parse().unwrap();
    let remote = |rtp| Some(Remote { rtp, rtcp: rtp });
    let wrong = [
        (a, Leg { peer: Some(other_shard), ..leg(&caller, None) }),
        (a, Leg { remote: remote(v6), ..leg(&caller, None) }),
        (a, Leg { remote: remote(group), ..leg(&caller, None) }),
        (a, Leg { payload_map: vec![(8, 128)], ..leg(&caller, None) }),
        (3, leg(&caller, None)),
    ];
    for (port, leg) in wrong {
        rig.set(port, 1, leg);
        let event = rig.event();
        assert!(matches!(event, Event::Failed { port: failed, owner: 1, .. } if failed == port));
    }
    caller.send(a, &rtp(1, 1));
    assert_eq!(agent.receive(), (rtp(1, 1), rig.at(b)));
}

#[test]
fn a_full_ring_gives_the_order_back_and_has_room_once_events_are_read() {
    let mut rig = Rig::start(12);
    let [a, _] = rig.ports();
    let mut given = 0;
    let refused = loop {
        let order = Order::Set { port: a, owner: given, leg: Leg::default() };
        match rig.relay.order(order) {
            Ok(()) => given += 1,
            Err(full) => break *full.0,
        }
        assert!(given < 100_000, "neither ring is unbounded");
    };
    assert_eq!(refused.owner(), given);
    for owner in 0..given - 1 {
        rig.released(a, owner); // none is lost
    }
    assert!(rig.relay.order(refused).is_ok());
    rig.released(a, given - 1);
}

#[test]
fn ports_that_others_hold_are_left_out_and_too_few_are_an_error() {
    let address = IpAddr::from([127, 77, 13, 1]);
    let rtp_taken = UdpSocket::bind((address, 24_002)).unwrap();
    let rtcp_taken = UdpSocket::bind((address, 24_005)).unwrap();
    let relay = media::start(Config::new(address, 24_000..=24_009)).unwrap();
    assert_eq!(relay.shards(), [[24_000, 24_006, 24_008]]);
    relay.shutdown();
    let error = media::start(Config::new(address, 24_000..=24_005)).unwrap_err();
    assert!(matches!(error, StartError::TooFewPorts { bound: 1, .. }));
    drop((rtp_taken, rtcp_taken));

    let error = media::start(Config::new([192, 0, 2, 1].into(), 24_000..=24_009)).unwrap_err();
    assert!(matches!(error, StartError::Address { .. }));
}

#[test]
fn shutdown_ends_the_threads_and_frees_the_ports() {
    let mut rig = Rig::with(14, |config| config.threads = 3);
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, _] = rig.bridge(&caller, &agent);
    assert_eq!(rig.relay.shards().len(), 3);
    assert!(rig.relay.is_whole());
    let at = rig.at(a);
    rig.relay.shutdown();
    UdpSocket::bind(at).expect("the thread that held the port has ended");
}

#[test]
fn a_relay_over_ipv6_is_the_same() {
    let config = Config::new("::1".parse().unwrap(), 24_000..=24_007);
    let Ok(relay) = media::start(config) else {
        println!("no IPv6 here");
        return;
    };
    let mut rig = Rig::of(relay, "::1".parse().unwrap(), "::1".parse().unwrap());
    let (caller, agent) = (rig.phone(), rig.phone());
    let [a, b] = rig.bridge(&caller, &agent);
    caller.send(a, &rtp(1, 1));
    assert_eq!(agent.receive(), (rtp(1, 1), rig.at(b)));
    agent.send(b, &rtp(2, 1));
    assert_eq!(caller.receive(), (rtp(2, 1), rig.at(a)));
}

#[test]
fn two_hundred_calls_lose_nothing() {
    const CALLS: usize = 200;
    const FRAMES: u16 = 150;
    let mut rig = Rig::with(15, |config| config.ports = 24_000..=25_599);
    let phones: Vec<[Phone; 2]> = (0..CALLS).map(|_| [rig.phone(), rig.phone()]).collect();
    let shard = rig.relay.shards()[0].clone();
    for (number, [caller, agent]) in phones.iter().enumerate() {
        let (a, b) = (shard[number * 2], shard[number * 2 + 1]);
        rig.set(a, 1, Leg { source: Source::Fixed, ..leg(caller, Some(b)) });
        rig.set(b, 2, leg(agent, Some(a)));
    }
    rig.settle();
    let cpu_before = kit::relay_cpu();
    let mut received = 0;
    kit::every(Duration::from_millis(20), FRAMES, |frame| {
        for (number, [caller, agent]) in phones.iter().enumerate() {
            caller.send(shard[number * 2], &rtp(1, frame));
            agent.send(shard[number * 2 + 1], &rtp(2, frame));
        }
        received += phones.iter().flatten().map(Phone::drain).sum::<usize>();
    });
    let cpu = kit::relay_cpu() - cpu_before;
    let sent = CALLS * 2 * usize::from(FRAMES);
    kit::until(Duration::from_secs(10), || {
        received += phones.iter().flatten().map(Phone::drain).sum::<usize>();
        received >= sent
    });
    let lost: u64 = (0..CALLS * 2)
        .map(|leg| {
            let owner = 1 + leg as u64 % 2;
            rig.release(shard[leg], owner).lost
        })
        .sum();
    let counters = rig.relay.counters();
    println!(
        "{CALLS} calls, 3 s: {sent} packets, relay CPU {cpu:?} (all relay threads of this process), \
         {} wake-ups, {:.1} µs a packet",
        counters.wakeups,
        cpu.as_secs_f64() * 1e6 / sent as f64,
    );
    assert_eq!((received, lost, counters.send_failed), (sent, 0, 0));
}
