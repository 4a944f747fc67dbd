use std::net::SocketAddr;
use std::time::Duration;

use super::*;

const SDP: &str = "192.0.2.1:4000";
const SDP_RTCP: &str = "192.0.2.1:4001";
const NAT: &str = "198.51.100.7";
const STRANGER: &str = "203.0.113.66:4000";
const SILENCE: Duration = Duration::from_secs(5);

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A leg behind a NAT.
fn latching() -> Leg {
    let remote = Some(Remote { rtp: address(SDP), rtcp: address(SDP_RTCP) });
    let signalling = Some(NAT.parse().unwrap());
    Leg { remote, source: Source::Latch, signalling, watch: true, ..Leg::default() }
}

/// A trunk's leg.
fn fixed() -> Leg {
    Leg { source: Source::Fixed, signalling: None, ..latching() }
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 8];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0xd5; 160]);
    bytes
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 201, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes
}

fn on_rtp(session: &mut Session, now: u64, from: &str, mut bytes: Vec<u8>) -> Verdict {
    session.handle_packet(at(now), Port::Rtp, address(from), &mut bytes)
}

fn on_rtcp(session: &mut Session, now: u64, from: &str, mut bytes: Vec<u8>) -> Verdict {
    session.handle_packet(at(now), Port::Rtcp, address(from), &mut bytes)
}

#[test]
fn packets_for_an_unlearnt_leg_go_to_its_sdp() {
    let session = Session::new(at(0), &latching());
    assert_eq!(session.rtp_destination(), Some(address(SDP)));
    assert_eq!(session.rtcp_destination(), Some((Port::Rtcp, address(SDP_RTCP))));
}

#[test]
fn a_leg_without_sdp_is_sent_nothing() {
    let session = Session::new(at(0), &Leg { remote: None, ..latching() });
    assert_eq!(session.rtp_destination(), None);
    assert_eq!(session.rtcp_destination(), None);
}

#[test]
fn the_null_address_of_an_old_hold_and_port_0_are_sent_nothing() {
    for remote in ["0.0.0.0:4000", "192.0.2.1:0"] {
        let remote = Some(Remote { rtp: address(remote), rtcp: address(remote) });
        let session = Session::new(at(0), &Leg { remote, ..latching() });
        assert_eq!(session.rtp_destination(), None);
    }
}

#[test]
fn a_leg_on_hold_is_sent_no_rtp_while_its_rtcp_goes_on() {
    let muxed = Some(Remote { rtp: address(SDP), rtcp: address(SDP) });
    let cases = [(latching().remote, (Port::Rtcp, SDP_RTCP)), (muxed, (Port::Rtp, SDP))];
    for (remote, (port, rtcp)) in cases {
        let leg = Leg { remote, ..latching() };
        let mut session = Session::new(at(0), &leg);
        on_rtp(&mut session, 0, SDP, rtp(1, 1));
        session.set(at(10), &Leg { receives: false, ..leg.clone() });
        assert_eq!(session.rtp_destination(), None);
        assert_eq!(session.rtcp_destination(), Some((port, address(rtcp))));
        assert_eq!(on_rtp(&mut session, 20, SDP, rtp(1, 2)), Verdict::Rtp, "it may still speak");
        session.set(at(30), &leg);
        assert_eq!(session.rtp_destination(), Some(address(SDP)), "what was learnt is kept");
    }
}

#[test]
fn a_latching_leg_is_learnt_at_its_nat_and_nobody_else_gets_in() {
    let mut session = Session::new(at(0), &latching());
    assert_eq!(on_rtp(&mut session, 0, STRANGER, rtp(9, 1)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 1, "198.51.100.7:61000", rtp(1, 1)), Verdict::Rtp);
    assert_eq!(session.rtp_destination(), Some(address("198.51.100.7:61000")));
    assert_eq!(on_rtp(&mut session, 20, "198.51.100.7:61001", rtp(1, 2)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 21, STRANGER, rtp(1, 2)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 22, "198.51.100.7:61000", rtp(1, 2)), Verdict::Rtp);
    let stats = session.stats();
    assert_eq!((stats.rtp_in, stats.rejected, stats.bytes), (2, 3, 344));
}

#[test]
fn a_fixed_leg_takes_any_port_of_its_sdp_and_then_that_one_alone() {
    let mut session = Session::new(at(0), &Leg { signalling: latching().signalling, ..fixed() });
    assert_eq!(on_rtp(&mut session, 0, "198.51.100.7:4000", rtp(1, 1)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 1, "192.0.2.1:5000", rtp(1, 1)), Verdict::Rtp);
    assert_eq!(on_rtp(&mut session, 2, "192.0.2.1:5002", rtp(1, 2)), Verdict::Reject);
    assert_eq!(session.rtp_destination(), Some(address("192.0.2.1:5000")));
}

#[test]
fn the_very_address_of_the_sdp_wins_over_a_learnt_port() {
    let mut session = Session::new(at(0), &fixed());
    assert_eq!(on_rtp(&mut session, 0, "192.0.2.1:5000", rtp(7, 1)), Verdict::Rtp);
    assert_eq!(on_rtp(&mut session, 1, SDP, rtp(1, 1)), Verdict::Rtp);
    assert_eq!(on_rtp(&mut session, 2, "192.0.2.1:5000", rtp(7, 2)), Verdict::Reject);
    assert_eq!(session.rtp_destination(), Some(address(SDP)));
}

#[test]
fn the_ssrc_may_change_at_the_learnt_address() {
    let mut session = Session::new(at(0), &latching());
    assert_eq!(on_rtp(&mut session, 0, SDP, rtp(1, 100)), Verdict::Rtp);
    assert_eq!(on_rtp(&mut session, 20, SDP, rtp(2, 9_000)), Verdict::Rtp);
    assert_eq!(session.stats().lost, 0);
}

#[test]
fn the_same_stream_may_move_once_its_old_address_is_silent_for_two_seconds() {
    let new = "203.0.113.9:7000";
    let mut session = Session::new(at(0), &latching());
    on_rtp(&mut session, 0, "198.51.100.7:61000", rtp(1, 100));
    on_rtp(&mut session, 20, "198.51.100.7:61000", rtp(1, 101));
    assert_eq!(on_rtp(&mut session, 2_019, new, rtp(1, 200)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 2_020, new, rtp(2, 200)), Verdict::Reject, "another SSRC");
    assert_eq!(on_rtp(&mut session, 2_020, new, rtp(1, 99)), Verdict::Reject, "an old number");
    assert_eq!(on_rtp(&mut session, 2_020, new, rtp(1, 40_000)), Verdict::Reject, "a far number");
    assert_eq!(on_rtp(&mut session, 2_020, new, rtp(1, 201)), Verdict::Rtp);
    assert_eq!(session.rtp_destination(), Some(address(new)));
    assert_eq!(on_rtp(&mut session, 2_040, "198.51.100.7:61000", rtp(1, 202)), Verdict::Reject);
}

#[test]
fn a_fixed_leg_never_leaves_its_ip_address() {
    let mut session = Session::new(at(0), &fixed());
    on_rtp(&mut session, 0, SDP, rtp(1, 100));
    on_rtp(&mut session, 20, SDP, rtp(1, 101));
    assert_eq!(on_rtp(&mut session, 9_000, STRANGER, rtp(1, 102)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 9_000, "192.0.2.1:5000", rtp(1, 102)), Verdict::Rtp);
}

#[test]
fn one_late_packet_of_somebody_else_does_not_deafen_a_leg() {
    let mut session = Session::new(at(0), &latching());
    on_rtp(&mut session, 0, "198.51.100.7:50000", rtp(9, 1));
    assert_eq!(on_rtp(&mut session, 20, "198.51.100.7:61000", rtp(1, 1)), Verdict::Reject);
    assert_eq!(on_rtp(&mut session, 2_000, "198.51.100.7:61000", rtp(1, 99)), Verdict::Rtp);
}

#[test]
fn another_sdp_moves_the_leg_and_late_packets_do_not_hold_it_back() {
    let mut session = Session::new(at(0), &latching());
    on_rtp(&mut session, 0, "198.51.100.7:61000", rtp(1, 1));
    on_rtp(&mut session, 20, "198.51.100.7:61000", rtp(1, 2));
    let moved = Remote { rtp: address("192.0.2.1:4100"), rtcp: address("192.0.2.1:4101") };
    session.set(at(30), &Leg { remote: Some(moved), ..latching() });
    assert_eq!(session.rtp_destination(), Some(moved.rtp));
    assert_eq!(on_rtp(&mut session, 40, "198.51.100.7:61000", rtp(1, 3)), Verdict::Rtp, "late");
    assert_eq!(on_rtp(&mut session, 60, "198.51.100.7:62000", rtp(2, 1)), Verdict::Rtp);
    assert_eq!(on_rtp(&mut session, 61, "198.51.100.7:61000", rtp(1, 4)), Verdict::Reject);
    assert_eq!(session.rtp_destination(), Some(address("198.51.100.7:62000")));
}

#[test]
fn setting_the_same_leg_again_changes_nothing() {
    let mut session = Session::new(at(0), &latching());
    on_rtp(&mut session, 0, "198.51.100.7:61000", rtp(1, 1));
    let (before, stats) = (session.rtp_destination(), session.stats());
    session.set(at(10), &latching());
    assert_eq!((session.rtp_destination(), session.stats()), (before, stats));
    assert_eq!(on_rtp(&mut session, 20, "198.51.100.7:61001", rtp(1, 2)), Verdict::Reject);
}

#[test]
fn rtcp_is_accepted_from_its_own_port_of_the_leg() {
    let mut session = Session::new(at(0), &latching());
    assert_eq!(on_rtcp(&mut session, 0, STRANGER, rtcp(1)), Verdict::Reject);
    assert_eq!(on_rtcp(&mut session, 0, "198.51.100.7:61003", rtcp(1)), Verdict::Rtcp);
    let learnt = Some((Port::Rtcp, address("198.51.100.7:61003")));
    assert_eq!(session.rtcp_destination(), learnt);
    assert_eq!(on_rtcp(&mut session, 1, "198.51.100.7:61005", rtcp(1)), Verdict::Reject);
    assert_eq!(session.stats().rtcp_in, 1);
}

#[test]
fn rtcp_for_a_leg_behind_a_nat_waits_until_its_port_is_known() {
    let mut session = Session::new(at(0), &latching());
    on_rtp(&mut session, 0, "198.51.100.7:61000", rtp(1, 1));
    assert_eq!(session.rtcp_destination(), None);
}

#[test]
fn rtcp_on_the_rtp_port_is_told_apart_and_answered_there() {
    let mut session = Session::new(at(0), &latching());
    assert_eq!(on_rtp(&mut session, 0, STRANGER, rtcp(1)), Verdict::Reject);
    on_rtp(&mut session, 0, SDP, rtp(1, 1));
    assert_eq!(session.rtcp_destination(), Some((Port::Rtcp, address(SDP_RTCP))));
    assert_eq!(on_rtp(&mut session, 1, SDP, rtcp(1)), Verdict::Rtcp);
    assert_eq!(session.rtcp_destination(), Some((Port::Rtp, address(SDP))));
}

#[test]
fn what_is_neither_rtp_nor_rtcp_is_rejected() {
    let mut session = Session::new(at(0), &latching());
    let mut cut_csrc = rtp(1, 1);
    cut_csrc[0] = 0x8f;
    cut_csrc.truncate(40);
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
    let mut rtcp_type = rtp(1, 1);
    rtcp_type[1] = 72;
    let bad = [vec![], vec![0x80], vec![0x80; 11], vec![0x40; 172], cut_csrc, stun, rtcp_type];
    for bytes in bad {
        let shown = format!("{bytes:x?}");
        assert_eq!(on_rtp(&mut session, 0, SDP, bytes), Verdict::Reject, "{shown}");
    }
    assert_eq!(on_rtcp(&mut session, 0, SDP_RTCP, rtp(1, 1)), Verdict::Reject, "RTP on RTCP");
    assert_eq!(session.stats().rejected, 8);
}

#[test]
fn payload_types_are_rewritten_in_place_and_the_marker_stays() {
    let leg = Leg { payload_map: vec![(8, 0), (101, 96)], ..latching() };
    let mut session = Session::new(at(0), &leg);
    for (here, there) in [(8, 0), (0x80 | 101, 0x80 | 96), (9, 9)] {
        let mut bytes = rtp(1, 1);
        bytes[1] = here;
        session.handle_packet(at(0), Port::Rtp, address(SDP), &mut bytes);
        assert_eq!(bytes[1], there);
    }
}

#[test]
fn gaps_are_counted_as_lost_over_wraps_and_streams() {
    let mut session = Session::new(at(0), &latching());
    for (ssrc, sequence) in [(1, 65_534), (1, 65_535), (1, 2), (1, 0), (2, 500), (2, 503)] {
        assert_eq!(on_rtp(&mut session, 0, SDP, rtp(ssrc, sequence)), Verdict::Rtp);
    }
    assert_eq!(session.stats().lost, 1 + 2, "number 1 of the first, 501 and 502 of the second");
}

#[test]
fn a_sender_that_restarts_its_numbers_has_lost_nothing() {
    let mut session = Session::new(at(0), &latching());
    for sequence in [10, 11, 30_000, 30_001, 30_002] {
        on_rtp(&mut session, 0, SDP, rtp(1, sequence));
    }
    assert_eq!(session.stats().lost, 0);
}

#[test]
fn jitter_is_nought_for_an_even_stream_and_rises_with_an_uneven_one() {
    let mut session = Session::new(at(0), &latching());
    for number in 0..200 {
        on_rtp(&mut session, u64::from(number) * 20, SDP, rtp(1, number));
    }
    assert_eq!(session.stats().jitter_max, Duration::ZERO);
    for number in 200..400 {
        let late = u64::from(number % 2) * 10;
        on_rtp(&mut session, u64::from(number) * 20 + late, SDP, rtp(1, number));
    }
    let jitter = session.stats().jitter_max;
    assert!((9..=10).contains(&jitter.as_millis()), "10 ms each time, measured {jitter:?}");
}

#[test]
fn silence_is_told_once_and_hearing_after_it_again() {
    let mut session = Session::new(at(0), &latching());
    let reports = |session: &mut Session, now| session.poll_report(at(now), SILENCE);
    assert_eq!(reports(&mut session, 4_999), None);
    on_rtp(&mut session, 4_999, SDP, rtp(1, 1));
    assert_eq!(reports(&mut session, 4_999), Some(Report::Heard));
    on_rtcp(&mut session, 9_000, SDP_RTCP, rtcp(1));
    assert_eq!(reports(&mut session, 13_999), None, "RTCP is a sign of life");
    on_rtp(&mut session, 13_999, STRANGER, rtp(1, 1));
    assert_eq!(reports(&mut session, 14_000), Some(Report::Silent), "a stranger's is none");
    assert_eq!(reports(&mut session, 60_000), None);
    on_rtp(&mut session, 60_000, SDP, rtp(1, 2));
    assert_eq!(reports(&mut session, 60_000), Some(Report::Heard));
    assert_eq!(reports(&mut session, 65_000), Some(Report::Silent));
}

#[test]
fn a_leg_that_never_speaks_is_silent_from_its_setting() {
    let mut session = Session::new(at(1_000), &latching());
    assert_eq!(session.poll_report(at(5_999), SILENCE), None);
    assert_eq!(session.poll_report(at(6_000), SILENCE), Some(Report::Silent));
}

#[test]
fn watching_begins_when_it_is_asked_for() {
    let mut session = Session::new(at(0), &Leg { watch: false, ..latching() });
    assert_eq!(session.poll_report(at(60_000), SILENCE), None);
    session.set(at(60_000), &latching());
    assert_eq!(session.poll_report(at(64_999), SILENCE), None);
    assert_eq!(session.poll_report(at(65_000), SILENCE), Some(Report::Silent));
}

#[test]
fn no_bytes_from_anywhere_panic_or_get_a_stranger_in() {
    let mut session = Session::new(at(0), &latching());
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    for now in 0..100_000 {
        let mut bytes: Vec<u8> = (0..next() % 40).map(|_| next() as u8).collect();
        if let Some(first) = bytes.first_mut().filter(|_| now % 2 == 0) {
            *first = 0x80;
        }
        let from = if now % 3 == 0 { STRANGER } else { SDP };
        let port = if now % 5 == 0 { Port::Rtcp } else { Port::Rtp };
        let verdict = session.handle_packet(at(now), port, address(from), &mut bytes);
        assert!(from == SDP || verdict == Verdict::Reject);
    }
    assert!(session.stats().rtp_in > 0 && session.stats().rtcp_in > 0);
}
