//! Secretaries' phones: one process each, told what to do over its control port.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::control::{Control, Event};
use crate::process::Process;
use crate::scratch::Scratch;
use crate::softphone::{Desk, Softphone};
use crate::sound::{Heard, Tone, read_wav, write_wav};
use crate::wait::{pause, wait_until};

/// Longer than any test: the end of the microphone's file would hang up.
pub(crate) const MICROPHONE: Duration = Duration::from_secs(60);
/// Until a phone has shown its list of calls.
const LIST: Duration = Duration::from_secs(5);
/// Until a phone has left.
const LEAVE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Phone {
    process: Process,
    control: Control,
    events: Vec<Event>,
    /// Events before this one have been waited for.
    seen: usize,
    recordings: PathBuf,
    server: SocketAddr,
    pub softphone: Softphone,
    pub user: String,
    /// Where it has SIP. Its other ports are at a distance that keeps phones apart.
    pub address: SocketAddr,
    pub tone: Tone,
}

impl Phone {
    /// Starts a phone that listens for SIP at `address` and speaks `tone`; it registers at once.
    pub fn start(
        scratch: &Scratch,
        softphone: Softphone,
        address: SocketAddr,
        server: SocketAddr,
        user: &str,
        password: &str,
        tone: Tone,
    ) -> Result<Self> {
        let folder = scratch.path().join(format!("phone-{user}"));
        let recordings = folder.join("heard");
        fs::create_dir_all(&recordings)?;
        let microphone = folder.join("microphone.wav");
        write_wav(&microphone, &tone.samples(MICROPHONE))?;
        let desk = Desk {
            user,
            password,
            server,
            address,
            control: SocketAddr::new(address.ip(), address.port() + 1_000),
            rtp: first_rtp_port(address),
            folder: &folder,
            microphone: &microphone,
            recordings: &recordings,
        };
        let (program, arguments) = softphone.command(&desk)?;
        let log = folder.join("log");
        let process = Process::start("the phone", &program, &arguments, &folder, &log)?;
        let control =
            Control::connect(desk.control).with_context(|| process.output().unwrap_or_default())?;
        let account = softphone.account(&desk);
        let mut phone = Self {
            process,
            control,
            events: Vec::new(),
            seen: 0,
            softphone,
            server,
            user: user.to_owned(),
            address,
            tone,
            recordings,
        };
        if let Some(account) = account {
            phone.command("uanew", &account)?;
        }
        Ok(phone)
    }

    /// Waits for the next event of this kind; earlier ones of other kinds are passed over.
    pub fn wait_for(&mut self, kind: &str, limit: Duration) -> Result<Event> {
        let what = format!("{kind} at {}'s phone", self.user);
        let found = wait_until(&what, limit, || {
            self.listen()?;
            Ok(self.events[self.seen..].iter().position(|event| event.kind == kind))
        });
        let found = found.with_context(|| format!("its events: {:?}", self.events))?;
        self.seen += found + 1;
        Ok(self.events[self.seen - 1].clone())
    }

    /// Lets a conversation go on for a while; it must not end meanwhile.
    pub fn listen_for(&mut self, length: Duration) -> Result<()> {
        pause(length);
        let ended = self.count("CALL_CLOSED")?;
        let begun = self.count("CALL_ESTABLISHED")?;
        ensure!(begun == ended + 1, "{} has {begun} calls begun, {ended} ended", self.user);
        Ok(())
    }

    /// How often this happened so far, waited for or not.
    pub fn count(&mut self, kind: &str) -> Result<usize> {
        self.listen()?;
        Ok(self.events.iter().filter(|event| event.kind == kind).count())
    }

    pub fn accept(&mut self) -> Result<()> {
        self.command("accept", "")
    }

    /// Ends the call, or declines it while it rings.
    pub fn hang_up(&mut self) -> Result<()> {
        self.command("hangup", "")
    }

    /// Asks for the other side to be put on hold, or taken back; [`Scene`](crate::Scene) knows when
    /// that is done.
    pub(crate) fn hold(&mut self) -> Result<()> {
        self.command("hold", "")
    }

    pub(crate) fn resume(&mut self) -> Result<()> {
        self.command("resume", "")
    }

    /// Presses a key in a conversation (RFC 4733). Only pjsua2 has keys.
    pub fn press(&mut self, key: &str) -> Result<()> {
        self.command("press", key)
    }

    /// How the last call stands in its list of calls: `missed`, `answered elsewhere`, `completed` …
    /// Only linphonec shows its list.
    pub fn last_in_list(&mut self) -> Result<String> {
        self.command("list", "")?;
        Ok(self.wait_for("LISTED", LIST)?.name)
    }

    /// Dials a number or a star code at the server.
    pub fn dial(&mut self, number: &str) -> Result<()> {
        let dialled = self.softphone.dialled(number, self.server);
        self.command("dial", &dialled)
    }

    /// Leaves as a phone does that is switched off: its registration goes too.
    pub fn switch_off(mut self) -> Result<()> {
        let status = self.process.terminate(LEAVE)?;
        ensure!(status.success(), "the phone ended with {status}\n{}", self.log()?);
        Ok(())
    }

    /// Vanishes as a phone does whose battery is empty: in the middle of whatever it did.
    pub fn vanish(self) {
        drop(self); // its process is killed
    }

    /// Whether it listens for voice there.
    pub fn is_ear(&self, address: SocketAddr) -> bool {
        let first = first_rtp_port(self.address);
        address.ip() == self.address.ip() && (first..first + 100).contains(&address.port())
    }

    /// What was heard, one recording a conversation, the oldest first.
    pub fn heard(&self) -> Result<Vec<Heard>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.recordings)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with("-dec.wav") {
                files.push(path);
            }
        }
        files.sort(); // by name, which is the time to the second
        files.iter().map(|path| read_wav(path)).collect()
    }

    pub fn log(&self) -> Result<String> {
        self.process.output()
    }

    fn command(&mut self, command: &str, params: &str) -> Result<()> {
        self.control.command(command, params)
    }

    /// Takes in what the phone has said.
    fn listen(&mut self) -> Result<()> {
        let events = self.control.events();
        let said = events.with_context(|| {
            format!("{}'s phone\n{}", self.user, self.process.output().unwrap_or_default())
        })?;
        self.events.extend(said);
        Ok(())
    }
}

fn first_rtp_port(sip: SocketAddr) -> u16 {
    20_000 + (sip.port() % 100) * 100
}
