//! The softphones we know: what each is told before it starts.
//!
//! baresip is driven over the control port it has. The two others get the same one from the scripts of
//! `clients/`, so that one driver ([`Phone`](crate::Phone)) serves all.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result};

/// A softphone, and what it registers over.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Softphone {
    pub client: Client,
    pub transport: Transport,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Client {
    Baresip,
    Pjsua2,
    Linphonec,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// A secretary's account, and where everything of her phone is.
#[derive(Clone, Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) server: SocketAddr,
    /// Where it has SIP.
    pub(crate) address: SocketAddr,
    /// Where it is told what to do.
    pub(crate) control: SocketAddr,
    /// The first of its hundred ports of voice.
    pub(crate) rtp: u16,
    pub(crate) folder: &'a Path,
    /// What it speaks, and the folder of what it hears.
    pub(crate) microphone: &'a Path,
    pub(crate) recordings: &'a Path,
}

impl Softphone {
    pub const BARESIP_UDP: Self = Self::new(Client::Baresip, Transport::Udp);
    pub const BARESIP_TCP: Self = Self::new(Client::Baresip, Transport::Tcp);
    pub const PJSUA2_UDP: Self = Self::new(Client::Pjsua2, Transport::Udp);
    pub const PJSUA2_TCP: Self = Self::new(Client::Pjsua2, Transport::Tcp);
    pub const LINPHONEC_UDP: Self = Self::new(Client::Linphonec, Transport::Udp);
    pub const LINPHONEC_TCP: Self = Self::new(Client::Linphonec, Transport::Tcp);

    const fn new(client: Client, transport: Transport) -> Self {
        Self { client, transport }
    }

    /// What an offer is recorded as that she declined: baresip and pjsua2 answer 486, linphonec 603.
    pub fn decline_outcome(self) -> &'static str {
        match self.client {
            Client::Baresip | Client::Pjsua2 => "busy",
            Client::Linphonec => "declined",
        }
    }

    /// Whether who is on hold hears nothing of the phone. linphonec plays him music, out of the file that
    /// is its microphone.
    pub fn holds_in_silence(self) -> bool {
        match self.client {
            Client::Baresip | Client::Pjsua2 => true,
            Client::Linphonec => false,
        }
    }

    /// How long its voice and its ear need until they are judged: jitter buffers fill.
    pub fn settles_in(self) -> Duration {
        match self.client {
            Client::Baresip => Duration::from_secs(1),
            Client::Pjsua2 | Client::Linphonec => Duration::from_millis(1_500),
        }
    }

    /// Program and arguments; writes the files that they name.
    pub(crate) fn command(self, desk: &Desk<'_>) -> Result<(PathBuf, Vec<String>)> {
        match self.client {
            Client::Baresip => {
                fs::write(desk.folder.join("config"), baresip_config(desk))?;
                fs::write(desk.folder.join("accounts"), "")?;
                fs::write(desk.folder.join("contacts"), "")?;
                let arguments = ["-f".to_owned(), desk.folder.display().to_string(), "-s".into()];
                Ok(("baresip".into(), arguments.into()))
            }
            Client::Pjsua2 => {
                let python = env::var_os("MONOLIGNE_PJSUA2").context(
                    "MONOLIGNE_PJSUA2 is not set: a Python that has pjsua2 (see tests/run)",
                )?;
                Ok((python.into(), self.script(desk, "pjsua2_phone.py")))
            }
            Client::Linphonec => Ok(("python3".into(), self.script(desk, "linphonec_phone.py"))),
        }
    }

    /// The account as baresip wants it. It comes by the control port, so that none of its events is
    /// missed; the scripts wait for their driver instead.
    pub(crate) fn account(self, desk: &Desk<'_>) -> Option<String> {
        let Desk { user, password, server, .. } = desk;
        match self.client {
            Client::Baresip => Some(format!(
                "<sip:{user}@{server};transport={transport}>;auth_user={user};auth_pass={password}\
                 ;regint=600;answermode=manual;audio_codecs=PCMA/8000/1,PCMU/8000/1",
                transport = self.transport.name(),
            )),
            Client::Pjsua2 | Client::Linphonec => None,
        }
    }

    /// What its command `dial` wants.
    pub(crate) fn dialled(self, number: &str, server: SocketAddr) -> String {
        match self.client {
            Client::Baresip => {
                format!("sip:{number}@{server};transport={}", self.transport.name())
            }
            Client::Pjsua2 | Client::Linphonec => number.to_owned(),
        }
    }

    fn script(self, desk: &Desk<'_>, name: &str) -> Vec<String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name);
        let text = |path: &Path| path.display().to_string();
        let options = [
            ("--user", desk.user.to_owned()),
            ("--password", desk.password.to_owned()),
            ("--server", desk.server.to_string()),
            ("--transport", self.transport.name().to_owned()),
            ("--listen", desk.address.to_string()),
            ("--rtp", desk.rtp.to_string()),
            ("--control", desk.control.to_string()),
            ("--play", text(desk.microphone)),
            ("--heard", text(desk.recordings)),
        ];
        let mut arguments = vec![text(&script)];
        arguments.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        arguments
    }
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

pub(crate) fn baresip_config(desk: &Desk<'_>) -> String {
    format!(
        "poll_method epoll\n\
         sip_listen {address}\n\
         call_local_timeout 120\n\
         call_max_calls 40\n\
         audio_source aufile,{microphone}\n\
         audio_player aubridge,nil\n\
         audio_alert aubridge,nil\n\
         ausrc_srate 8000\n\
         auplay_srate 8000\n\
         ausrc_channels 1\n\
         auplay_channels 1\n\
         audio_txmode poll\n\
         audio_buffer 20-160\n\
         rtp_ports {rtp}-{last}\n\
         net_interface {ip}\n\
         module_path /usr/lib/baresip/modules\n\
         module g711.so\n\
         module aufile.so\n\
         module aubridge.so\n\
         module sndfile.so\n\
         module_tmp account.so\n\
         module_app menu.so\n\
         module_app ctrl_tcp.so\n\
         ctrl_tcp_listen {control}\n\
         snd_path {recordings}\n",
        address = desk.address,
        microphone = desk.microphone.display(),
        rtp = desk.rtp,
        last = desk.rtp + 99,
        ip = desk.address.ip(),
        control = desk.control,
        recordings = desk.recordings.display(),
    )
}
