//! What a datagram is, by its first bytes.
//!
//! Only what the relay needs: RTP and RTCP are told apart as RFC 5761 §4 says, the fields of the
//! fixed RTP header (RFC 3550 §5.1) are read, nothing is copied. Padding is not judged: an
//! encrypted packet hides it.

/// The port of a pair that a packet uses.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Port {
    Rtp,
    Rtcp,
}

/// A datagram that could be read.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Packet {
    Rtp(Header),
    Rtcp { ssrc: u32 },
}

/// The fixed part of an RTP header.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

/// `None`: neither RTP nor RTCP, or RTP where only RTCP belongs.
pub(crate) fn read(port: Port, bytes: &[u8]) -> Option<Packet> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    if first >> 6 != 2 {
        return None;
    }
    // RFC 5761 §4: RTCP packet types 192 to 223 are the RTP payload types 64 to 95 with a marker,
    // which RTP must not use.
    if (192..=223).contains(&second) {
        return Some(Packet::Rtcp { ssrc: word(bytes, 4)? });
    }
    let payload_type = second & 0x7f;
    let csrc_bytes = usize::from(first & 0x0f) * 4;
    if port == Port::Rtcp || (64..=95).contains(&payload_type) || bytes.len() < 12 + csrc_bytes {
        return None;
    }
    Some(Packet::Rtp(Header {
        payload_type,
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: word(bytes, 4)?,
        ssrc: word(bytes, 8)?,
    }))
}

/// What an RTP packet carries, behind its CSRCs and its extension (RFC 3550 §5.3.1).
pub(crate) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let first = *bytes.first()?;
    let mut start = 12 + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let length = bytes.get(start + 2..start + 4)?;
        start += 4 + usize::from(u16::from_be_bytes([length[0], length[1]])) * 4;
    }
    bytes.get(start..)
}

/// Replaces the payload type, keeps the marker.
pub(crate) fn set_payload_type(bytes: &mut [u8], payload_type: u8) {
    if let Some(second) = bytes.get_mut(1) {
        *second = (*second & 0x80) | (payload_type & 0x7f);
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(word.try_into().expect("a slice of four bytes")))
}
