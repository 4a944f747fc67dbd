//! Reading what devices send, in place.
//!
//! What they get wrong is passed over: LF or CR alone as line ends, lines that are none, repeated session
//! lines, text that is no UTF-8, runs of spaces, user names with spaces, versions that overflow, `v=`, `s=`
//! or `t=` that is missing. Only a description without any line, and an `m=`, `c=` or `o=` line that does
//! not say what it must, is refused.

use std::net::{IpAddr, SocketAddr};

use super::{Audio, Codec, Direction, Format, Line, Offer, SdpError};
use crate::limits::{SDP_BYTES_MAX, SDP_FORMATS_MAX, SDP_MEDIA_MAX};

/// What stands before the first `m=` line, or from one to the next.
#[derive(Default)]
struct Section<'a> {
    /// The address of the first `c=` line.
    connection: Option<&'a str>,
    /// `a=` lines: name and, after the colon, value.
    attributes: Vec<(&'a str, Option<&'a str>)>,
}

/// An `m=` line and what belongs to it.
struct Media<'a> {
    media: &'a str,
    port: u16,
    protocol: &'a str,
    /// The words after the protocol.
    formats: &'a str,
    section: Section<'a>,
}

pub(super) fn read(body: &[u8]) -> Result<Offer, SdpError> {
    if body.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLarge);
    }
    let text = String::from_utf8_lossy(body);
    let mut session = Section::default();
    let mut medias: Vec<Media<'_>> = Vec::new();
    let mut origin = None;
    let mut is_empty = true;
    for (key, value) in lines(&text) {
        is_empty = false;
        let section = medias.last_mut().map_or(&mut session, |media| &mut media.section);
        match key {
            b'm' => medias.push(media(value)?),
            b'a' => section.attributes.push(attribute(value)),
            b'c' if section.connection.is_none() => section.connection = Some(connection(value)?),
            b'o' if medias.is_empty() && origin.is_none() => origin = Some(self::origin(value)),
            _ => {}
        }
    }
    if is_empty {
        return Err(SdpError::Malformed("not one line".to_string()));
    }
    if medias.len() > SDP_MEDIA_MAX {
        return Err(SdpError::TooManyMedia);
    }
    let audio = medias
        .iter()
        .enumerate()
        .find_map(|(index, media)| Some((index, read_audio(&session, media)?)));
    let lines = medias.iter().map(Media::line).collect();
    Ok(Offer { lines, audio, origin: origin.unwrap_or_else(|| ("0".to_string(), 0)) })
}

/// Key and value of each line that is one, white space round both and round the `=` taken off.
fn lines(text: &str) -> impl Iterator<Item = (u8, &str)> {
    text.split(['\r', '\n', '\0']).filter_map(|line| {
        let line = line.trim();
        let (key, value) = line.split_at_checked(1)?;
        let value = value.trim_start().strip_prefix('=')?.trim_start();
        let key = key.as_bytes()[0];
        matches!(key, b'v' | b'o' | b's' | b'c' | b't' | b'm' | b'a').then_some((key, value))
    })
}

fn malformed(what: &str, line: &str) -> SdpError {
    SdpError::Malformed(format!("{what}: {line:?}"))
}

/// `<media> <port>[/<number of ports>] <protocol> <format> …`.
fn media(line: &str) -> Result<Media<'_>, SdpError> {
    let refuse = || malformed("an m= line without media, port, protocol and format", line);
    let (media, rest) = word(line).ok_or_else(refuse)?;
    let (ports, rest) = word(rest).ok_or_else(refuse)?;
    let (protocol, formats) = word(rest).ok_or_else(refuse)?;
    let (port, count) = match ports.split_once('/') {
        Some((port, count)) => (port, Some(count)),
        None => (ports, None),
    };
    let port = port.parse().map_err(|_| refuse())?;
    let has_count = count.is_none_or(|count| count.parse::<u16>().is_ok());
    if formats.is_empty() || !has_count {
        return Err(refuse());
    }
    Ok(Media { media, port, protocol, formats, section: Section::default() })
}

/// `<network> <kind> <address>`: the address.
fn connection(line: &str) -> Result<&str, SdpError> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some(_), Some(address), None) => Ok(address),
        _ => Err(malformed("a c= line without network, kind and address", line)),
    }
}

/// Session id and version. A user name with spaces or none at all does not shift them, and a version that
/// is no 64-bit number counts as 0. What has fewer than five words counts as no origin.
fn origin(line: &str) -> (String, u64) {
    let mut last = line.split_whitespace().rev().skip(3);
    let (Some(version), Some(id)) = (last.next(), last.next()) else {
        return ("0".to_string(), 0);
    };
    (id.to_string(), version.parse().unwrap_or(0))
}

fn attribute(line: &str) -> (&str, Option<&str>) {
    match line.split_once(':') {
        Some((name, value)) => (name, Some(value.trim())),
        None => (line, None),
    }
}

/// The first word, and what follows it without the white space between.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

impl Media<'_> {
    fn line(&self) -> Line {
        let mut formats = String::with_capacity(self.formats.len());
        for word in self.formats.split_whitespace() {
            if !formats.is_empty() {
                formats.push(' ');
            }
            formats.push_str(word);
        }
        Line { media: self.media.to_string(), protocol: self.protocol.to_string(), formats }
    }
}

fn read_audio(session: &Section<'_>, media: &Media<'_>) -> Option<Audio> {
    let is_plain = ["RTP/AVP", "RTP/AVPF"].iter().any(|p| media.protocol.eq_ignore_ascii_case(p));
    if media.media != "audio" || media.port == 0 || !is_plain {
        return None;
    }
    let ip = media.section.connection.or(session.connection).and_then(address)?;
    let rtp = SocketAddr::new(ip, media.port);
    let mut direction = direction(session, &media.section);
    if ip.is_unspecified() {
        direction = direction.and(Direction::SendOnly);
    }
    let (formats, telephone_event) = formats(media);
    let said = value(&media.section, "ptime");
    let ptime = said.and_then(|value| value.split('.').next()?.parse().ok());
    Some(Audio { rtp, rtcp: rtcp(&media.section, rtp), formats, telephone_event, direction, ptime })
}

/// An IP address; `/ttl` of multicast is dropped. A host name is no address for the relay.
fn address(connection: &str) -> Option<IpAddr> {
    connection.split('/').next()?.trim_matches(['[', ']']).parse().ok()
}

fn direction(session: &Section<'_>, media: &Section<'_>) -> Direction {
    let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let said = |section: &Section<'_>| {
        section.attributes.iter().rev().find_map(|(name, _)| {
            all.into_iter().find(|way| name.eq_ignore_ascii_case(way.as_str()))
        })
    };
    said(media).or_else(|| said(session)).unwrap_or(Direction::SendRecv)
}

/// `a=rtcp:port [IN IP4 address]` (RFC 3605), else the next port.
fn rtcp(media: &Section<'_>, rtp: SocketAddr) -> SocketAddr {
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

fn formats(media: &Media<'_>) -> (Vec<Format>, Option<u8>) {
    let mut formats: Vec<Format> = Vec::new();
    let mut event = None;
    for word in media.formats.split_whitespace().take(SDP_FORMATS_MAX) {
        let Ok(payload_type @ 0..=127) = word.parse::<u8>() else { continue };
        if formats.iter().any(|format| format.payload_type == payload_type) {
            continue;
        }
        let rtpmap = numbered(&media.section, "rtpmap", payload_type);
        let codec = match rtpmap {
            Some(rtpmap) if is_telephone_event(rtpmap) => {
                event = event.or(Some(payload_type));
                continue;
            }
            Some(rtpmap) => Codec::ALL.into_iter().find(|codec| is_codec(*codec, rtpmap)),
            None => Codec::ALL.into_iter().find(|c| c.static_payload_type() == Some(payload_type)),
        };
        if let Some(codec) = codec {
            let fmtp = numbered(&media.section, "fmtp", payload_type).map(str::to_string);
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

fn value<'a>(section: &Section<'a>, name: &str) -> Option<&'a str> {
    let mut attributes = section.attributes.iter();
    attributes.find(|(found, _)| found.eq_ignore_ascii_case(name)).and_then(|(_, value)| *value)
}

/// The value of `a=name:NUMBER value` for this payload type.
fn numbered<'a>(section: &Section<'a>, name: &str, payload_type: u8) -> Option<&'a str> {
    let named = section.attributes.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.filter_map(|(_, value)| *value).find_map(|value| {
        let (number, value) = value.split_once(char::is_whitespace)?;
        (number.parse() == Ok(payload_type)).then_some(value.trim())
    })
}
