//! Secretaries' phones: one `baresip` process each, told what to do over its control port.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::str;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::sound::{Heard, Tone, read_wav, write_wav};
use crate::wait::{pause, wait_until};

/// Longer than any test: the end of the microphone's file would hang up.
const MICROPHONE: Duration = Duration::from_secs(60);
/// Until a phone has started, registered or left.
const CONTROL: Duration = Duration::from_secs(5);

/// What a phone said about itself.
#[derive(Clone, Debug)]
pub struct Event {
    /// `REGISTER_OK`, `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED` …
    pub kind: String,
    pub peer: String,
    /// Of the other side, as it is shown.
    pub name: String,
}

#[derive(Debug)]
pub struct Phone {
    process: Process,
    control: TcpStream,
    unread: Vec<u8>,
    events: Vec<Event>,
    /// Events before this one have been waited for.
    seen: usize,
    recordings: PathBuf,
    pub user: String,
    /// Where it has SIP. Its other ports are at a distance that keeps phones apart.
    pub address: SocketAddr,
    pub tone: Tone,
}

impl Phone {
    /// Starts a phone that listens for SIP at `address` and speaks `tone`; it registers at once.
    pub fn start(
        scratch: &Scratch,
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
        let control = SocketAddr::new(address.ip(), address.port() + 1_000);
        let rtp = 20_000 + (address.port() % 100) * 100;
        let config = format!(
            "poll_method epoll\n\
             sip_listen {address}\n\
             call_local_timeout 120\n\
             call_max_calls 4\n\
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
            microphone = microphone.display(),
            ip = address.ip(),
            last = rtp + 99,
            recordings = recordings.display(),
        );
        fs::write(folder.join("config"), config)?;
        fs::write(folder.join("accounts"), "")?;
        fs::write(folder.join("contacts"), "")?;
        let arguments = ["-f".to_owned(), folder.display().to_string(), "-s".to_owned()];
        let log = folder.join("log");
        let process = Process::start("baresip", Path::new("baresip"), &arguments, &folder, &log)?;
        let control =
            wait_until(
                "the phone's control port",
                CONTROL,
                || Ok(TcpStream::connect(control).ok()),
            )
            .with_context(|| process.output().unwrap_or_default())?;
        control.set_read_timeout(Some(Duration::from_millis(5)))?;
        let (unread, events) = (Vec::new(), Vec::new());
        let (user, seen) = (user.to_owned(), 0);
        let mut phone =
            Self { process, control, unread, events, seen, recordings, user, address, tone };
        // The account comes by the control port, so that none of its events is missed.
        phone.command(
            "uanew",
            &format!(
                "<sip:{}@{server};transport=udp>;auth_user={};auth_pass={password};regint=600\
                 ;answermode=manual;audio_codecs=PCMA/8000/1,PCMU/8000/1",
                phone.user, phone.user
            ),
        )?;
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

    /// Ends the call, or declines it while it rings (baresip sends 486).
    pub fn hang_up(&mut self) -> Result<()> {
        self.command("hangup", "")
    }

    /// Leaves as a phone does that is switched off: its registration goes too.
    pub fn switch_off(mut self) -> Result<()> {
        let status = self.process.terminate(CONTROL)?;
        ensure!(status.success(), "baresip ended with {status}");
        Ok(())
    }

    /// Vanishes as a phone does whose battery is empty: in the middle of whatever it did.
    pub fn vanish(self) {
        drop(self); // its process is killed
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
        let text = json!({ "command": command, "params": params, "token": "kit" }).to_string();
        write!(self.control, "{}:{text},", text.len())?;
        Ok(())
    }

    /// Takes in what the phone has said: netstrings of JSON.
    fn listen(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.control.read(&mut buffer) {
                Ok(0) => anyhow::bail!("{}'s phone is gone\n{}", self.user, self.log()?),
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        while let Some((text, rest)) = netstring(&self.unread)? {
            let value: Value = serde_json::from_slice(text)?;
            let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            if value["event"] == true {
                let (kind, peer) = (field("type"), field("peeruri"));
                self.events.push(Event { kind, peer, name: field("peerdisplayname") });
            }
            self.unread.drain(..rest);
        }
        Ok(())
    }
}

/// The first complete netstring `LENGTH:TEXT,` and the length of it all.
fn netstring(bytes: &[u8]) -> Result<Option<(&[u8], usize)>> {
    let Some(colon) = bytes.iter().position(|&b| b == b':') else {
        return Ok(None);
    };
    let length: usize = str::from_utf8(&bytes[..colon])?.parse()?;
    let end = colon + 1 + length;
    Ok((bytes.len() > end).then(|| (&bytes[colon + 1..end], end + 1)))
}
