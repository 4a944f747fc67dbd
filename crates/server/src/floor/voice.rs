//! One party's RTP: a tone out every 20 ms, an ear for what comes in.
//!
//! Sockets here are polled on the floor's tick and not awaited: a voice sends every 20 ms anyway,
//! so it reads what came since. It hears whoever sends to its port: a stray voice shall be heard.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use sip::Instant;

use super::PACKET_TIME;
use super::tone::{Ear, Heard, PACKET_SAMPLES, Tone};

/// RTP header and a packet of G.711.
const PACKET_BYTES: usize = 12 + PACKET_SAMPLES;
/// After a stall, at most so many packets are sent at once; the rest is skipped.
const CATCH_UP_MAX: u64 = 5;
/// Packets read from one socket a tick: 20 ms bring one, a stall some.
const READ_MAX: usize = 64;

pub(super) struct Voice {
    socket: UdpSocket,
    payload: [u8; PACKET_SAMPLES],
    ssrc: u32,
    speaking: Option<Speaking>,
    ear: Ear,
}

struct Speaking {
    to: SocketAddr,
    payload_type: u8,
    since: Instant,
    packets: u64,
}

impl Voice {
    pub(super) fn bind(ip: IpAddr, tone: Tone, ssrc: u32) -> io::Result<Self> {
        let socket = bind(ip)?;
        Ok(Self { socket, payload: tone.packet(), ssrc, speaking: None, ear: Ear::default() })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Begins to speak, or goes on to another address.
    pub(super) fn speak_to(&mut self, now: Instant, to: SocketAddr, payload_type: u8) {
        match &mut self.speaking {
            Some(speaking) => (speaking.to, speaking.payload_type) = (to, payload_type),
            None => {
                self.speaking = Some(Speaking { to, payload_type, since: now, packets: 0 });
                self.handle_tick(now);
            }
        }
    }

    /// Sends what is due and hears what came.
    pub(super) fn handle_tick(&mut self, now: Instant) {
        self.listen();
        let Some(speaking) = &mut self.speaking else { return };
        let elapsed = now.saturating_duration_since(speaking.since).as_micros();
        let due = u64::try_from(elapsed / PACKET_TIME.as_micros()).unwrap_or(u64::MAX) + 1;
        speaking.packets = speaking.packets.max(due.saturating_sub(CATCH_UP_MAX));
        while speaking.packets < due {
            let packet = packet(&self.payload, self.ssrc, speaking.payload_type, speaking.packets);
            // Lost as the network loses: what arrived is what the other ear judges.
            let _lost = self.socket.send_to(&packet, speaking.to);
            speaking.packets += 1;
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 2_048];
        for _ in 0..READ_MAX {
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { return };
            if let Ok(packet) = RtpReader::new(&buffer[..length]) {
                self.ear.listen(packet.payload());
            }
        }
    }

    pub(super) fn hang_up(mut self) -> Heard {
        self.listen();
        self.ear.heard()
    }
}

/// The first packet of a silence, out of a shared socket: see [`super::Sound::Token`].
pub(super) fn send_token(socket: &UdpSocket, to: SocketAddr, payload_type: u8, ssrc: u32) {
    let packet = packet(&[0xd5; PACKET_SAMPLES], ssrc, payload_type, 0);
    // Lost as the network loses.
    let _lost = socket.send_to(&packet, to);
}

/// A non-blocking socket on any port.
pub(super) fn bind(ip: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn packet(payload: &[u8], ssrc: u32, payload_type: u8, number: u64) -> [u8; PACKET_BYTES] {
    let (sequence, timestamp) =
        (number as u16, (number as u32).wrapping_mul(PACKET_SAMPLES as u32));
    let mut bytes = [0; PACKET_BYTES];
    RtpPacketBuilder::new()
        .payload_type(payload_type & 0x7f)
        .marked(number == 0)
        .sequence(Seq::from(sequence))
        .timestamp(timestamp)
        .ssrc(ssrc)
        .payload(payload)
        .build_into(&mut bytes)
        .expect("the buffer fits and the payload type has 7 bits");
    bytes
}
