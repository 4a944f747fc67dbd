//! An emergency centre behind an operator: one `sipp` process that takes one call of ours.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::sound::{Tone, linear_to_alaw};
use crate::trunk::VOICE;

/// What becomes of the call.
#[derive(Copy, Clone, Debug)]
pub enum Reached {
    /// It rings, is answered, and lasts until the other side hangs up.
    Answers,
    /// The operator refuses it with this status.
    Refuses(u16),
}

#[derive(Debug)]
pub struct Centre {
    process: Process,
    /// Where it listens for audio.
    pub ear: SocketAddr,
    pub tone: Tone,
    errors: PathBuf,
}

impl Centre {
    pub fn open(
        scratch: &Scratch,
        address: SocketAddr,
        tone: Tone,
        reached: Reached,
    ) -> Result<Self> {
        let file = |end: &str| scratch.path().join(format!("centre.{end}"));
        let voice: Vec<u8> = tone.samples(VOICE).into_iter().map(linear_to_alaw).collect();
        fs::write(file("al"), voice)?;
        let scenario = match reached {
            Reached::Answers => include_str!("../scenarios/centre_answers.xml")
                .replace("@VOICE@", &file("al").display().to_string()),
            Reached::Refuses(status) => include_str!("../scenarios/centre_refuses.xml")
                .replace("@STATUS@", &status.to_string()),
        };
        fs::write(file("xml"), scenario)?;
        let ear = SocketAddr::new(address.ip(), 40_000);
        let (ip, text) = (address.ip().to_string(), |path: PathBuf| path.display().to_string());
        let pairs = [
            ("-sf", text(file("xml"))),
            ("-i", ip.clone()),
            ("-p", address.port().to_string()),
            ("-mi", ip),
            ("-mp", ear.port().to_string()),
            ("-m", "1".to_owned()),
            ("-error_file", text(file("errors"))),
        ];
        let mut arguments = vec!["-nostdin".to_owned(), "-trace_err".to_owned()];
        arguments.extend(pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        let process =
            Process::start("sipp", Path::new("sipp"), &arguments, scratch.path(), &file("log"))?;
        Ok(Self { process, ear, tone, errors: file("errors") })
    }

    /// Waits until the call is over as it should be.
    pub fn finish(&mut self, limit: Duration) -> Result<()> {
        let trouble = || fs::read_to_string(&self.errors).unwrap_or_default();
        let status = self.process.wait(limit).with_context(trouble)?;
        ensure!(status.success(), "the centre's call failed: {status}\n{}", trouble());
        Ok(())
    }
}
