//! Session descriptions of trunks and phones, and what we say to them.

#![expect(clippy::unwrap_used, reason = "what a test stands on fails it loudly")]

use sip::sdp::{Codec, Direction, Format, LocalSession, Offer, SdpError, common};

const TRUNK: &str = "v=0\r\no=- 1730000000 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.21\r\n\
    t=0 0\r\nm=audio 20480 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

fn read(text: &str) -> Offer {
    Offer::read(text.as_bytes()).unwrap()
}

fn codecs(offer: &Offer) -> Vec<(u8, Codec)> {
    let formats = &offer.audio().unwrap().formats;
    formats.iter().map(|format| (format.payload_type, format.codec)).collect()
}

fn local() -> LocalSession {
    LocalSession::new(42, "203.0.113.5:30000".parse().unwrap())
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {text}"))
}

#[test]
fn a_trunks_offer_is_read_whole() {
    let offer = read(TRUNK);
    let audio = offer.audio().unwrap();
    assert_eq!(audio.rtp, "192.0.2.21:20480".parse().unwrap());
    assert_eq!(audio.rtcp, "192.0.2.21:20481".parse().unwrap());
    assert_eq!(codecs(&offer), [(8, Codec::Pcma), (0, Codec::Pcmu)]);
    assert_eq!(audio.telephone_event, Some(101));
    assert_eq!(audio.ptime, Some(20));
    assert_eq!(audio.direction, Direction::SendRecv);
    assert_eq!(offer.origin(), ("1730000000", 1));
}

#[test]
fn quirks_of_devices_are_read_like_the_clean_form() {
    let clean = read(TRUNK);
    let quirks = [
        ("LF only", TRUNK.replace("\r\n", "\n")),
        ("CR only", TRUNK.replace("\r\n", "\r")),
        ("no s=", TRUNK.replace("s=-\r\n", "")),
        ("empty s=", TRUNK.replace("s=-", "s=")),
        ("no t=", TRUNK.replace("t=0 0\r\n", "")),
        ("no v=", TRUNK.replace("v=0\r\n", "")),
        ("no last line end", TRUNK.trim_end().to_string()),
        ("a NUL at the end", format!("{TRUNK}\0")),
        ("an empty line inside", TRUNK.replace("s=-\r\n", "s=-\r\n\r\n")),
        ("a line that is none", TRUNK.replace("s=-\r\n", "s=-\r\ngarbage\r\n")),
        ("two s=", TRUNK.replace("s=-\r\n", "s=-\r\ns=again\r\n")),
        (
            "order of lines",
            TRUNK.replace("s=-\r\nc=IN IP4 192.0.2.21\r\n", "c=IN IP4 192.0.2.21\r\ns=-\r\n"),
        ),
        ("spaces", TRUNK.replace("m=audio 20480 RTP/AVP 8", "m=audio  20480 RTP/AVP  8 ")),
        ("space after =", TRUNK.replace("c=IN", "c= IN").replace("a=rtpmap:8 ", "a= rtpmap:8  ")),
        ("case of rtpmap", TRUNK.replace("PCMA/8000", "pcma/8000/1")),
        ("user name with a space", TRUNK.replace("o=- ", "o=Mon Poste ")),
        ("b= without a number", TRUNK.replace("t=0 0", "b=AS:none\r\nt=0 0")),
        ("k= and z=", TRUNK.replace("t=0 0", "t=0 0\r\nz=bad\r\nk=prompt")),
        ("t= that overflows", TRUNK.replace("t=0 0", "t=-1 99999999999999999999999")),
        (
            "static types without rtpmap",
            TRUNK.replace("a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n", ""),
        ),
        (
            "c= in the media",
            TRUNK
                .replace("c=IN IP4 192.0.2.21\r\n", "")
                .replace("a=ptime", "c=IN IP4 192.0.2.21\r\na=ptime"),
        ),
        ("i= in Latin-1 is dropped", TRUNK.replace("t=0", "i=x\r\nt=0")),
    ];
    for (quirk, text) in quirks {
        let offer = Offer::read(text.as_bytes()).unwrap_or_else(|error| panic!("{quirk}: {error}"));
        assert_eq!(offer.audio(), clean.audio(), "{quirk}");
    }
    let mut latin1 = TRUNK.as_bytes().to_vec();
    let at = TRUNK.find("s=-").unwrap() + 2;
    latin1[at] = 0xe9;
    assert_eq!(Offer::read(&latin1).unwrap().audio(), clean.audio());
}

#[test]
fn what_sdp_types_refuses_by_itself_is_pinned() {
    let refused = |text: String| sdp_types::Session::parse(text.as_bytes()).is_err();
    let quirks = [
        ("CR only", TRUNK.replace("\r\n", "\r"), true),
        ("no v=", TRUNK.replace("v=0\r\n", ""), true),
        ("a line that is none", TRUNK.replace("s=-\r\n", "s=-\r\ngarbage\r\n"), true),
        ("two s=", TRUNK.replace("s=-\r\n", "s=-\r\ns=again\r\n"), true),
        ("spaces in m=", TRUNK.replace("m=audio 20480", "m=audio  20480"), true),
        ("b= without a number", TRUNK.replace("t=0 0", "b=AS:none\r\nt=0 0"), true),
        ("user name with a space", TRUNK.replace("o=- ", "o=Mon Poste "), true),
        ("t= that overflows", TRUNK.replace("t=0 0", "t=-1 0"), true),
        ("LF only", TRUNK.replace("\r\n", "\n"), false),
        ("no s=", TRUNK.replace("s=-\r\n", ""), false),
        ("no t=", TRUNK.replace("t=0 0\r\n", ""), false),
    ];
    for (quirk, text, expected) in quirks {
        assert_eq!(refused(text), expected, "{quirk}");
    }
}

/// Both read the same out of what both can read.
#[test]
fn sdp_types_agrees_about_what_is_well_formed() {
    let ipv6 = TRUNK.replace("IP4 192.0.2.21", "IP6 2001:db8::21");
    let texts = [
        TRUNK.to_string(),
        ipv6,
        TRUNK.replace("\r\n", "\n"),
        TRUNK.replace("s=-\r\n", ""),
        TRUNK.replace("t=0 0\r\n", ""),
        TRUNK.replace("20480 RTP/AVP", "20480/2 RTP/AVPF"),
        format!("{TRUNK}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"),
        format!("m=audio 9 RTP/AVP 8\r\n{TRUNK}"),
        TRUNK.replace("m=audio 20480", "m=audio x"),
        TRUNK.replace("m=audio 20480", "m=audio 65536"),
        TRUNK.replace("20480 RTP/AVP 8", "20480/x RTP/AVP 8"),
        TRUNK.replace("c=IN IP4 192.0.2.21", "c=IN IP4"),
        TRUNK.replace("c=IN IP4 192.0.2.21", "c=IN IP4 192.0.2.21 more"),
        "v=0\r\nm=audio\r\n".to_string(),
        String::new(),
    ];
    for text in texts {
        let ours = Offer::read(text.as_bytes());
        let Ok(theirs) = sdp_types::Session::parse(text.as_bytes()) else {
            // It wants `v=` first, which devices forget.
            assert!(ours.is_err() || text.starts_with("m="), "{text}");
            continue;
        };
        let ours = ours.unwrap();
        assert_eq!(ours.origin(), (theirs.origin.sess_id.as_str(), theirs.origin.sess_version));
        let (audio, media) = (ours.audio().unwrap(), &theirs.medias[0]);
        let connection = theirs.connection.as_ref().unwrap();
        assert_eq!(audio.rtp.ip().to_string(), connection.connection_address);
        assert_eq!(audio.rtp.port(), media.port);
        let answer = local().answer(&ours, &audio.formats[0], None, Direction::SendRecv);
        let answer = sdp_types::Session::parse(&answer).unwrap();
        assert_eq!(answer.medias.len(), theirs.medias.len());
        assert_eq!(answer.medias[0].proto, media.proto);
        assert!(answer.medias.iter().skip(1).zip(&theirs.medias[1..]).all(|(ours, theirs)| {
            ours.port == 0 && ours.media == theirs.media && ours.fmt == theirs.fmt
        }));
    }
}

#[test]
fn hold_shows_in_each_of_its_forms() {
    let direction = |text: &str| read(text).audio().unwrap().direction;
    assert_eq!(direction(&TRUNK.replace("sendrecv", "sendonly")), Direction::SendOnly);
    assert_eq!(direction(&TRUNK.replace("sendrecv", "inactive")), Direction::Inactive);
    assert_eq!(direction(&TRUNK.replace("IP4 192.0.2.21", "IP4 0.0.0.0")), Direction::SendOnly);
    let session = TRUNK.replace("a=sendrecv\r\n", "").replace("t=0 0", "t=0 0\r\na=inactive");
    assert_eq!(direction(&session), Direction::Inactive);
    assert_eq!(Direction::SendOnly.answer(), Direction::RecvOnly);
    assert_eq!(Direction::Inactive.answer(), Direction::Inactive);
}

#[test]
fn rtcp_goes_where_a_rtcp_says() {
    let rtcp = |attribute: &str| {
        read(&TRUNK.replace("a=ptime:20", attribute)).audio().unwrap().rtcp.to_string()
    };
    assert_eq!(rtcp("a=rtcp:53020"), "192.0.2.21:53020");
    assert_eq!(rtcp("a=rtcp:53020 IN IP4 198.51.100.9"), "198.51.100.9:53020");
    assert_eq!(rtcp("a=rtcp:nonsense"), "192.0.2.21:20481");
}

#[test]
fn formats_come_in_the_offerers_order_under_his_numbers() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 96 9 97 0 8 8 98 200\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 useinbandfec=1; stereo=0\r\na=rtpmap:97 speex/16000\r\na=rtpmap:0 PCMA/8000\r\n\
        a=rtpmap:98 telephone-event/48000\r\n";
    let offer = read(text);
    let expected = [(96, Codec::Opus), (9, Codec::G722), (0, Codec::Pcma), (8, Codec::Pcma)];
    assert_eq!(codecs(&offer), expected);
    let audio = offer.audio().unwrap();
    assert_eq!(audio.formats[0].fmtp.as_deref(), Some("useinbandfec=1; stereo=0"));
    assert_eq!(audio.telephone_event, None);
    let both: Vec<u8> =
        common(audio, &[Codec::Pcma, Codec::Opus]).iter().map(|f| f.payload_type).collect();
    assert_eq!(both, [96, 0, 8]);
}

#[test]
fn an_answer_has_as_many_lines_and_rejects_with_port_zero() {
    let offer = format!(
        "{}m=video 5000 RTP/AVP 31 96\r\na=rtpmap:96 H264/90000\r\nm=audio 5002 RTP/SAVP 8\r\n",
        TRUNK.replace("m=audio", "m=image 6000 udptl t38\r\nm=audio")
    );
    let offer = read(&offer);
    let chosen = &offer.audio().unwrap().formats[0];
    let answer = local().answer(&offer, chosen, Some(101), Direction::SendRecv);
    let text = String::from_utf8(answer.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=image 0 udptl t38",
            "m=audio 30000 RTP/AVP 8 101",
            "m=video 0 RTP/AVP 31 96",
            "m=audio 0 RTP/SAVP 8"
        ]
    );
    assert_eq!(line(&text, "a=rtcp:"), "a=rtcp:30001");
    assert_eq!(line(&text, "o="), "o=- 42 1 IN IP4 203.0.113.5");
    let ours = Offer::read(&answer).unwrap();
    assert_eq!(ours.audio().unwrap().rtp, "203.0.113.5:30000".parse().unwrap());
    assert_eq!(ours.audio().unwrap().rtcp, "203.0.113.5:30001".parse().unwrap());
    assert_eq!(ours.audio().unwrap().telephone_event, Some(101));
}

#[test]
fn an_answer_is_narrowed_to_what_the_offer_allows() {
    let offer = read(&TRUNK.replace("sendrecv", "sendonly"));
    let chosen = Codec::Pcma.format();
    let answer = local().answer(&offer, &chosen, None, Direction::SendRecv);
    assert_eq!(Offer::read(&answer).unwrap().audio().unwrap().direction, Direction::RecvOnly);
}

#[test]
fn the_version_steps_by_one_a_change_and_only_then() {
    let mut session = local();
    let version = |bytes: &[u8]| Offer::read(bytes).unwrap().origin().1;
    let (pcma, pcmu) = (Codec::Pcma.format(), Codec::Pcmu.format());
    let both = [pcma.clone(), pcmu];
    assert_eq!(version(&session.offer(&both, Some(101), Direction::SendRecv)), 1);
    assert_eq!(version(&session.offer(&both, Some(101), Direction::SendRecv)), 1);
    assert_eq!(version(&session.offer(&both, Some(101), Direction::SendOnly)), 2);
    let stored = postcard::to_stdvec(&session).unwrap();
    let mut session: LocalSession = postcard::from_bytes(&stored).unwrap();
    assert_eq!(version(&session.offer(&both[..1], Some(101), Direction::SendRecv)), 3);
    assert_eq!(version(&session.answer(&read(TRUNK), &pcma, Some(101), Direction::SendRecv)), 3);
    assert_eq!(session.version(), 3);
}

#[test]
fn an_offer_after_an_answer_keeps_every_line() {
    let mut session = local();
    let offer = read(&format!("{TRUNK}m=video 5000 RTP/AVP 31\r\n"));
    session.answer(&offer, &Codec::Pcma.format(), None, Direction::SendRecv);
    let ours = session.offer(&[Codec::Pcmu.format()], None, Direction::SendRecv);
    let text = String::from_utf8(ours.to_vec()).unwrap();
    assert!(text.contains("m=audio 30000 RTP/AVP 0\r\n"), "{text}");
    assert!(text.contains("m=video 0 RTP/AVP 31\r\n"), "{text}");
}

#[test]
fn without_usable_audio_there_is_none_and_every_line_is_rejected() {
    for text in [
        TRUNK.replace("20480", "0"),
        TRUNK.replace("RTP/AVP", "RTP/SAVP"),
        TRUNK.replace("192.0.2.21", "media.example"),
        TRUNK.replace("m=audio", "m=video"),
    ] {
        let offer = read(&text);
        assert_eq!(offer.audio(), None, "{text}");
        let answer = local().answer(&offer, &Codec::Pcma.format(), None, Direction::SendRecv);
        assert!(Offer::read(&answer).unwrap().audio().is_none());
    }
}

#[test]
fn too_much_is_refused() {
    let many = format!("{TRUNK}{}", "m=audio 5000 RTP/AVP 8\r\n".repeat(16));
    assert_eq!(Offer::read(many.as_bytes()), Err(SdpError::TooManyMedia));
    assert_eq!(Offer::read(&[b'a'; 20_000]), Err(SdpError::TooLarge));
}

#[test]
fn a_value_cannot_add_a_line() {
    let fmtp = Some("x\r\na=inactive".to_string());
    let format = Format { payload_type: 8, codec: Codec::Pcma, fmtp };
    let offer = local().offer(&[format], None, Direction::SendRecv);
    assert_eq!(Offer::read(&offer).unwrap().audio().unwrap().direction, Direction::SendRecv);
}
