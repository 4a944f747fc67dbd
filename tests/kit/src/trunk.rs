//! Callers: one `sipp` process a call, or one for a crowd, at the trunk's address, with SIP and RTP of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::softphone::Transport;
use crate::sound::{Tone, linear_to_alaw};

const INVITE: &str = include_str!("../scenarios/invite.xml");
const ACKNOWLEDGE: &str = include_str!("../scenarios/acknowledge.xml");
/// Whole periods of every tone, so that it can be repeated without a click.
pub(crate) const VOICE: Duration = Duration::from_secs(4);

/// What a caller does once he rings.
#[derive(Copy, Clone, Debug)]
pub enum Then {
    /// Talks for so long, then hangs up.
    HangUpAfter(Duration),
    /// Talks until the other side hangs up.
    Stay,
    /// Talks for so long, holds for as long, talks again for as long, then hangs up.
    Hold(Duration),
    /// Presses 1 so long after he was answered, then talks until the other side hangs up.
    PressAfter(Duration),
    /// Gives up so long after the first 180.
    GiveUpAfter(Duration),
    /// Is refused with this status.
    Refused(u16),
    /// Hears nothing at all for so long; his INVITE is retransmitted meanwhile.
    Ignored(Duration),
}

impl Then {
    fn scenario(self) -> &'static str {
        match self {
            Self::HangUpAfter(_) => include_str!("../scenarios/hang_up.xml"),
            Self::Stay => include_str!("../scenarios/stay.xml"),
            Self::Hold(_) => include_str!("../scenarios/hold.xml"),
            Self::PressAfter(_) => include_str!("../scenarios/press.xml"),
            Self::GiveUpAfter(_) => include_str!("../scenarios/give_up.xml"),
            Self::Refused(_) => include_str!("../scenarios/refused.xml"),
            Self::Ignored(_) => include_str!("../scenarios/ignored.xml"),
        }
    }
}

/// What a caller says of his media.
#[derive(Copy, Clone, Debug)]
pub enum Wish {
    /// One codec only: RTP payload type and `rtpmap` name.
    Audio(u8, &'static str),
    /// PCMA, and video after it.
    Video,
    /// A fax (T.38) and nothing else.
    Fax,
    /// Nothing: the INVITE has no SDP, and the ACK answers our offer (RFC 3261 §14.2).
    LateOffer,
}

const PCMA: Wish = Wish::Audio(8, "PCMA/8000");

impl Wish {
    /// The end of the INVITE, and that of the ACK.
    fn bodies(self) -> (String, String) {
        let nothing = "Content-Length: 0\n\n".to_owned();
        match self {
            Self::Audio(..) | Self::Video | Self::Fax => (self.body(1, "sendrecv"), nothing),
            Self::LateOffer => (nothing, PCMA.body(1, "sendrecv")),
        }
    }

    fn body(self, version: u32, direction: &str) -> String {
        let audio = |payload_type: u8, name: &str| {
            format!(
                "m=audio [rtpstream_audio_port] RTP/AVP {payload_type} 101\n\
                 a=rtpmap:{payload_type} {name}\n\
                 a=rtpmap:101 telephone-event/8000\n\
                 a=fmtp:101 0-16\n\
                 a=ptime:20\n\
                 a={direction}\n"
            )
        };
        let streams = match self {
            Self::Audio(payload_type, name) => audio(payload_type, name),
            Self::Video => {
                audio(8, "PCMA/8000") + "m=video 30900 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
            }
            Self::Fax => "m=image 30900 udptl t38\na=T38FaxVersion:0\n".to_owned(),
            Self::LateOffer => audio(8, "PCMA/8000"),
        };
        format!(
            "Content-Type: application/sdp\n\
             Content-Length: [len]\n\
             \n\
             v=0\n\
             o=trunk [pid] {version} IN IP4 [local_ip]\n\
             s=-\n\
             c=IN IP4 [media_ip]\n\
             t=0 0\n\
             {streams}"
        )
    }
}

/// One call to place.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The dialled number, and the caller's.
    pub number: String,
    pub caller: String,
    pub wish: Wish,
    pub transport: Transport,
    pub then: Then,
    /// The line that was called and is forwarded to `number` (RFC 5806).
    pub forwarded_from: Option<String>,
    /// Places the call once for each of these numbers, so many a second.
    crowd: Option<(Vec<String>, usize)>,
}

impl Plan {
    pub fn new(number: &str, caller: &str, then: Then) -> Self {
        let (number, caller) = (number.to_owned(), caller.to_owned());
        Self {
            number,
            caller,
            wish: PCMA,
            transport: Transport::Udp,
            then,
            forwarded_from: None,
            crowd: None,
        }
    }

    pub fn wishing(mut self, wish: Wish) -> Self {
        self.wish = wish;
        self
    }

    pub fn forwarded_from(mut self, line: &str) -> Self {
        self.forwarded_from = Some(line.to_owned());
        self
    }

    pub fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The same call by each of these callers.
    pub(crate) fn by_each_of(mut self, callers: Vec<String>, a_second: usize) -> Self {
        self.caller = "[field0]".to_owned(); // of sipp's file of numbers
        self.crowd = Some((callers, a_second));
        self
    }

    fn scenario(&self, voice: &Path) -> String {
        let (after, status) = match self.then {
            Then::HangUpAfter(wait)
            | Then::Hold(wait)
            | Then::PressAfter(wait)
            | Then::GiveUpAfter(wait)
            | Then::Ignored(wait) => (wait, 0),
            Then::Refused(status) => (Duration::ZERO, status),
            Then::Stay => (Duration::ZERO, 0),
        };
        let (offer, answer) = self.wish.bodies();
        let forwarded = self.forwarded_from.as_ref().map_or_else(String::new, |line| {
            format!("Diversion: <sip:{line}@[local_ip]>;reason=unconditional\n")
        });
        let template = self.then.scenario();
        template
            .replace("@INVITE@", INVITE)
            .replace("@ACKNOWLEDGE@", ACKNOWLEDGE)
            .replace("@NUMBER@", &self.number)
            .replace("@CALLER@", &self.caller)
            .replace("@FORWARDED@", &forwarded)
            .replace("@OFFER@", &offer)
            .replace("@ANSWER@", &answer)
            .replace("@HOLD@", &self.wish.body(2, "sendonly"))
            .replace("@RESUME@", &self.wish.body(3, "sendrecv"))
            .replace("@VOICE@", &voice.display().to_string())
            .replace("@AFTER_MS@", &after.as_millis().to_string())
            .replace("@STATUS@", &status.to_string())
    }
}

/// A call on its way.
#[derive(Debug)]
pub struct Caller {
    process: Process,
    /// Where his phone listens for audio.
    pub ear: SocketAddr,
    pub tone: Tone,
    errors: PathBuf,
}

impl Caller {
    /// Places a call from `source` to `server`. His voice has a port that goes with the source's.
    pub fn place(
        scratch: &Scratch,
        source: SocketAddr,
        server: SocketAddr,
        tone: Tone,
        plan: &Plan,
    ) -> Result<Self> {
        let file = |end: &str| scratch.path().join(format!("caller-{}.{end}", source.port()));
        let samples = tone.samples(VOICE);
        let voice: Vec<u8> = samples.into_iter().map(linear_to_alaw).collect();
        fs::write(file("al"), voice)?;
        fs::write(file("xml"), plan.scenario(&file("al")))?;
        let ear = SocketAddr::new(source.ip(), 30_000 + (source.port() % 1_000) * 10);
        let text = |path: PathBuf| path.display().to_string();
        let mut arguments = vec![
            server.to_string(),
            "-sf".into(),
            text(file("xml")),
            "-i".into(),
            source.ip().to_string(),
            "-p".into(),
            source.port().to_string(),
            "-mi".into(),
            source.ip().to_string(),
            "-mp".into(),
            ear.port().to_string(),
            "-nostdin".into(),
            "-trace_err".into(),
            "-error_file".into(),
            text(file("errors")),
        ];
        let (count, rate) = match &plan.crowd {
            Some((callers, rate)) => {
                fs::write(file("csv"), format!("SEQUENTIAL\n{}\n", callers.join("\n")))?;
                arguments.extend(["-inf".into(), text(file("csv"))]);
                (callers.len(), *rate)
            }
            None => (1, 1),
        };
        if plan.transport == Transport::Tcp {
            arguments.extend(["-t".into(), "t1".into(), "-bind_local".into()]);
        }
        for (name, value) in [("-m", count), ("-r", rate)] {
            arguments.extend([name.into(), value.to_string()]);
        }
        let process =
            Process::start("sipp", Path::new("sipp"), &arguments, scratch.path(), &file("log"))?;
        Ok(Self { process, ear, tone, errors: file("errors") })
    }

    /// Whether his part is still being played.
    pub fn is_on(&mut self) -> Result<bool> {
        Ok(self.process.exited()?.is_none())
    }

    /// Waits until he has done what he planned; anything else that happened to him is an error.
    pub fn finish(&mut self, limit: Duration) -> Result<()> {
        let status = self.process.wait(limit).with_context(|| self.trouble())?;
        ensure!(status.success(), "the caller's plan failed: {status}\n{}", self.trouble());
        Ok(())
    }

    fn trouble(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}
