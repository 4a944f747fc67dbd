//! A whole floor: many secretaries' accounts in one `baresip` process, which answers by itself.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::control::Control;
use crate::phone::MICROPHONE;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::softphone::{Desk, Softphone};
use crate::sound::{Tone, write_wav};
use crate::wait::wait_until;

/// Until one account is registered.
const REGISTER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Floor {
    _process: Process,
    _control: Control,
    /// What all of them speak.
    pub tone: Tone,
}

impl Floor {
    /// Starts the process and registers the accounts, given as user and password.
    pub(crate) fn start(
        scratch: &Scratch,
        address: SocketAddr,
        server: SocketAddr,
        accounts: &[(String, String)],
        tone: Tone,
    ) -> Result<Self> {
        let folder = scratch.path().join("floor");
        let recordings = folder.join("heard");
        fs::create_dir_all(&recordings)?;
        let microphone = folder.join("microphone.wav");
        write_wav(&microphone, &tone.samples(MICROPHONE))?;
        let mut desk = Desk {
            user: "",
            password: "",
            server,
            address,
            control: SocketAddr::new(address.ip(), address.port() + 1_000),
            rtp: 20_000,
            folder: &folder,
            microphone: &microphone,
            recordings: &recordings,
        };
        let softphone = Softphone::BARESIP_UDP;
        let (program, arguments) = softphone.command(&desk)?;
        let process = Process::start("floor", &program, &arguments, &folder, &folder.join("log"))?;
        let mut control =
            Control::connect(desk.control).with_context(|| process.output().unwrap_or_default())?;
        for (user, password) in accounts {
            (desk.user, desk.password) = (user, password);
            let account = softphone.account(&desk).expect("baresip has accounts");
            let account = account.replace("answermode=manual", "answermode=auto");
            control.command("uanew", &account)?;
            // One after the other: baresip loses commands that arrive together.
            wait_until(&format!("{user} to register"), REGISTER, || {
                let events = control.events()?;
                Ok(events.iter().any(|event| event.kind == "REGISTER_OK").then_some(()))
            })?;
        }
        Ok(Self { _process: process, _control: control, tone })
    }
}
