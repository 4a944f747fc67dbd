//! The control port of a softphone: baresip's module `ctrl_tcp`, or a script that speaks like it.
//! Netstrings of JSON: commands in, events out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::str;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::wait::wait_until;

/// Until a softphone has started.
const START: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Control {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What a phone said about itself, in baresip's words.
#[derive(Clone, Debug)]
pub struct Event {
    /// `REGISTER_OK`, `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED` …
    pub kind: String,
    pub peer: String,
    /// Of the other side, as it is shown.
    pub name: String,
}

impl Control {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            wait_until("the phone's control port", START, || Ok(TcpStream::connect(address).ok()))?;
        stream.set_read_timeout(Some(Duration::from_millis(5)))?;
        Ok(Self { stream, unread: Vec::new() })
    }

    pub(crate) fn command(&mut self, command: &str, params: &str) -> Result<()> {
        let text = json!({ "command": command, "params": params, "token": "kit" }).to_string();
        write!(self.stream, "{}:{text},", text.len()).context("the phone is gone")
    }

    /// What was said since.
    pub(crate) fn events(&mut self) -> Result<Vec<Event>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the phone is gone"),
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let mut events = Vec::new();
        while let Some((text, rest)) = netstring(&self.unread)? {
            let value: Value = serde_json::from_slice(text)?;
            let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            if value["event"] == true {
                let (kind, peer) = (field("type"), field("peeruri"));
                events.push(Event { kind, peer, name: field("peerdisplayname") });
            }
            self.unread.drain(..rest);
        }
        Ok(events)
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
