//! What a test wants of the server, and the configuration that says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::scene::{PRACTICE, SERVER, TRUNK};
use crate::softphone::Softphone;
use crate::sound::{self, Tone};

/// The file's name.
pub(crate) const CONFIG: &str = "monoligne.toml";

/// One trunk, one practice, one team. The times are short, so that tests are.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the secretaries have.
    pub softphone: Softphone,
    pub agents: Vec<&'static str>,
    /// How long a phone rings before the next one.
    pub ring_for: Duration,
    pub wrap_up: Duration,
    /// Before a secretary who did not take a caller is offered one again.
    pub retry_after: Duration,
    /// Port pairs of the relay; a conversation needs two.
    pub port_pairs: u16,
    /// Callers who may wait, and calls that may be up.
    pub waiting_max: u32,
    pub calls_max: u32,
    /// The keys of the practice that say what becomes of its callers.
    pub plan: String,
    /// More keys of each agent, of the team and of the trunk.
    pub agent: String,
    pub team: String,
    pub trunk: String,
    /// Phones that register and are no secretary's.
    pub receptions: Vec<&'static str>,
    /// What can be played: each prompt's name, the tone that it is, and how long.
    pub prompts: Vec<(&'static str, Tone, Duration)>,
    /// More of the configuration, from the header of a table on.
    pub more: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            softphone: Softphone::BARESIP_UDP,
            agents: vec!["anna", "bea"],
            ring_for: Duration::from_secs(20),
            wrap_up: Duration::from_millis(300),
            retry_after: Duration::from_secs(30),
            port_pairs: 20,
            waiting_max: 1_000,
            calls_max: 1_000,
            plan: "plan = [{ queue = \"floor\" }]".to_owned(),
            agent: String::new(),
            team: String::new(),
            trunk: String::new(),
            receptions: Vec::new(),
            prompts: Vec::new(),
            more: String::new(),
        }
    }
}

/// The password of a phone that should get in.
pub(crate) fn password(user: &str) -> String {
    format!("pw-{user}")
}

impl Setup {
    /// Writes the configuration, the secrets in files beside it; gives the main file.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let ms = |wait: Duration| format!("\"{} ms\"", wait.as_millis());
        let (ports, retry) = (16_384, ms(self.retry_after));
        let mut toml = format!(
            "[server]\n\
             realm = \"monoligne.test\"\n\
             data = {data:?}\n\
             control = {control:?}\n\
             drain_timeout = \"2 s\"\n\
             [[listen]]\n\
             address = \"{SERVER}\"\n\
             [media]\n\
             address = \"{media}\"\n\
             ports = \"{ports}-{last}\"\n\
             threads = 1\n\
             [limits]\n\
             waiting_max = {waiting_max}\n\
             calls_max = {calls_max}\n\
             [trunks.operator]\n\
             sources = [\"{TRUNK}\"]\n\
             transports = [\"udp\", \"tcp\"]\n\
             {trunk}\n\
             [practices.martin]\n\
             name = \"Cabinet Martin\"\n\
             label = \"Dr Martin\"\n\
             numbers = [\"{PRACTICE}\"]\n\
             answer_within = \"20 s\"\n\
             {plan}\n\
             [teams.floor]\n\
             ring_for = {ring_for}\n\
             wrap_up = {wrap_up}\n\
             retry_after = {{ no_answer = {retry}, declined = {retry}, busy = {retry}, \
             unreachable = {retry}, dropped = {retry} }}\n\
             {team}\n",
            data = folder.join("data"),
            control = socket_in(folder),
            media = SERVER.ip(),
            last = ports + 2 * self.port_pairs - 1,
            ring_for = ms(self.ring_for),
            wrap_up = ms(self.wrap_up),
            waiting_max = self.waiting_max,
            calls_max = self.calls_max,
            plan = self.plan,
            team = self.team,
            trunk = self.trunk,
        );
        for user in &self.agents {
            let secret = secret_of(user, folder)?;
            toml.push_str(&format!(
                "[agents.{user}]\nname = \"{user}\"\nteams = [\"floor\"]\nsecret_file = {secret:?}\n{}\n",
                self.agent
            ));
        }
        for user in &self.receptions {
            let secret = secret_of(user, folder)?;
            toml.push_str(&format!("[phones.{user}]\nsecret_file = {secret:?}\n"));
        }
        for (name, tone, length) in &self.prompts {
            let prompts = folder.join("prompts");
            fs::create_dir_all(&prompts)?;
            sound::write_wav(&prompts.join(format!("{name}.wav")), &tone.samples(*length))?;
        }
        toml.push_str(&self.more);
        let file = folder.join(CONFIG);
        fs::write(&file, toml)?;
        Ok(file)
    }
}

/// A file with her password that nobody else may read: another is refused.
fn secret_of(user: &str, folder: &Path) -> Result<PathBuf> {
    let secret = folder.join(format!("{user}.secret"));
    fs::write(&secret, password(user))?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    Ok(secret)
}

/// Where the server's control socket is.
pub(crate) fn socket_in(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Where the server writes its records.
pub(crate) fn records_in(folder: &Path) -> PathBuf {
    folder.join("data").join("records.sqlite")
}
