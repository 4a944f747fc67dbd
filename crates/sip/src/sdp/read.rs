//! Reading what devices send.
//!
//! [`smooth`] rewrites what sdp-types refuses and devices do: LF or CR alone as line ends, lines
//! that are none, repeated session lines, text that is no UTF-8, runs of spaces, versions that
//! overflow. Lines that we have no use for (`i u e p b r z k`) go at once.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Connection, Media, Session};

use super::{Audio, Codec, Direction, Format, Line, Offer, SdpError};
use crate::limits::{SDP_BYTES_MAX, SDP_FORMATS_MAX, SDP_MEDIA_MAX};

pub(super) fn read(body: &[u8]) -> Result<Offer, SdpError> {
    if body.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLarge);
    }
    let session = Session::parse(smooth(body).as_bytes())
        .map_err(|error| SdpError::Malformed(error.to_string()))?;
    if session.medias.len() > SDP_MEDIA_MAX {
        return Err(SdpError::TooManyMedia);
    }
    let audio = session
        .medias
        .iter()
        .enumerate()
        .find_map(|(index, media)| Some((index, read_audio(&session, media)?)));
    let lines = session.medias.iter().map(line).collect();
    Ok(Offer { lines, audio, origin: (session.origin.sess_id, session.origin.sess_version) })
}

fn line(media: &Media) -> Line {
    Line { media: media.media.clone(), protocol: media.proto.clone(), formats: media.fmt.clone() }
}

/// The body as sdp-types reads it.
fn smooth(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::with_capacity(text.len() + 16);
    let mut seen = Vec::new();
    let mut in_media = false;
    for line in text.split(['\r', '\n', '\0']) {
        let line = line.trim();
        let (Some(key), Some(value)) = (line.chars().next(), line.get(1..)) else { continue };
        let Some(value) = value.trim_start().strip_prefix('=') else { continue };
        let is_session_once = !in_media && matches!(key, 'v' | 'o' | 's' | 'c');
        if !matches!(key, 'v' | 'o' | 's' | 'c' | 't' | 'm' | 'a')
            || (is_session_once && seen.contains(&key))
            || (in_media && matches!(key, 'v' | 'o' | 's' | 't'))
        {
            continue;
        }
        seen.push(key);
        in_media |= key == 'm';
        out.push(key);
        out.push('=');
        match key {
            'o' => smooth_origin(&mut out, value),
            'v' => out.push('0'),
            't' => out.push_str("0 0"),
            's' | 'a' => out.push_str(value.trim_start()),
            _ => put_words(&mut out, value.split_whitespace()),
        }
        out.push_str("\r\n");
    }
    if seen.contains(&'v') || seen.is_empty() { out } else { format!("v=0\r\n{out}") }
}

fn put_words<'a>(out: &mut String, words: impl Iterator<Item = &'a str>) {
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// Six words; a user name with spaces or none at all does not shift them, and a version that is no
/// 64-bit number counts as 0.
fn smooth_origin(out: &mut String, value: &str) {
    let mut last = value.split_whitespace().rev();
    let (address, kind, network) = (last.next(), last.next(), last.next());
    let (version, id) = (last.next(), last.next());
    let (Some(id), Some(version), Some(network), Some(kind), Some(address)) =
        (id, version, network, kind, address)
    else {
        return out.push_str("- 0 0 IN IP4 0.0.0.0");
    };
    let version = if version.parse::<u64>().is_ok() { version } else { "0" };
    put_words(out, ["-", id, version, network, kind, address].into_iter());
}

fn read_audio(session: &Session, media: &Media) -> Option<Audio> {
    let is_plain = ["RTP/AVP", "RTP/AVPF"].iter().any(|p| media.proto.eq_ignore_ascii_case(p));
    if media.media != "audio" || media.port == 0 || !is_plain {
        return None;
    }
    let connection = media.connections.first().or(session.connection.as_ref());
    let ip = connection.and_then(address)?;
    let rtp = SocketAddr::new(ip, media.port);
    let mut direction = direction(session, media);
    if ip.is_unspecified() {
        direction = direction.and(Direction::SendOnly);
    }
    let (formats, telephone_event) = formats(media);
    let ptime = value(media, "ptime").and_then(|value| value.split('.').next()?.parse().ok());
    Some(Audio { rtp, rtcp: rtcp(media, rtp), formats, telephone_event, direction, ptime })
}

/// An IP address; `/ttl` of multicast is dropped. A host name is no address for the relay.
fn address(connection: &Connection) -> Option<IpAddr> {
    connection.connection_address.split('/').next()?.trim_matches(['[', ']']).parse().ok()
}

fn direction(session: &Session, media: &Media) -> Direction {
    let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let said = |attributes: &[sdp_types::Attribute]| {
        attributes.iter().rev().find_map(|attribute| {
            all.into_iter().find(|way| attribute.attribute.eq_ignore_ascii_case(way.as_str()))
        })
    };
    said(&media.attributes).or_else(|| said(&session.attributes)).unwrap_or(Direction::SendRecv)
}

/// `a=rtcp:port [IN IP4 address]` (RFC 3605), else the next port.
fn rtcp(media: &Media, rtp: SocketAddr) -> SocketAddr {
    let next = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
    let Some(said) = value(media, "rtcp") else { return next };
    let mut words = said.split_whitespace();
    let Some(port) = words.next().and_then(|port| port.parse().ok()).filter(|port| *port != 0)
    else {
        return next;
    };
    let ip = words.nth(2).and_then(|ip| ip.parse().ok()).unwrap_or(rtp.ip());
    SocketAddr::new(ip, port)
}

fn formats(media: &Media) -> (Vec<Format>, Option<u8>) {
    let mut formats: Vec<Format> = Vec::new();
    let mut event = None;
    for word in media.fmt.split_whitespace().take(SDP_FORMATS_MAX) {
        let Ok(payload_type @ 0..=127) = word.parse::<u8>() else { continue };
        if formats.iter().any(|format| format.payload_type == payload_type) {
            continue;
        }
        let rtpmap = numbered(media, "rtpmap", payload_type);
        let codec = match rtpmap {
            Some(rtpmap) if is_telephone_event(rtpmap) => {
                event = event.or(Some(payload_type));
                continue;
            }
            Some(rtpmap) => Codec::ALL.into_iter().find(|codec| is_codec(*codec, rtpmap)),
            None => Codec::ALL.into_iter().find(|c| c.static_payload_type() == Some(payload_type)),
        };
        if let Some(codec) = codec {
            let fmtp = numbered(media, "fmtp", payload_type).map(str::to_string);
            formats.push(Format { payload_type, codec, fmtp });
        }
    }
    (formats, event)
}

fn is_telephone_event(rtpmap: &str) -> bool {
    rtpmap.trim().eq_ignore_ascii_case("telephone-event/8000")
}

/// `/1` at the end says mono, as nothing does.
fn is_codec(codec: Codec, rtpmap: &str) -> bool {
    let rtpmap = rtpmap.trim();
    let mono = rtpmap.strip_suffix("/1").unwrap_or(rtpmap);
    codec.rtpmap().eq_ignore_ascii_case(mono)
}

fn value<'a>(media: &'a Media, name: &str) -> Option<&'a str> {
    let mut attributes = media.attributes.iter();
    attributes
        .find(|attribute| attribute.attribute.eq_ignore_ascii_case(name))
        .and_then(|attribute| attribute.value.as_deref())
        .map(str::trim)
}

/// The value of `a=name:NUMBER value` for this payload type.
fn numbered<'a>(media: &'a Media, name: &str, payload_type: u8) -> Option<&'a str> {
    media.attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case(name)).find_map(|a| {
        let (number, value) = a.value.as_deref()?.trim().split_once(char::is_whitespace)?;
        (number.parse() == Ok(payload_type)).then_some(value.trim())
    })
}
