//! `monoligne demo`: a small Monday morning, 8 o'clock, over real sockets on loopback.
//!
//! The real [`Server`](crate::Server) with a configuration made here, and a
//! [`Floor`](crate::floor::Floor) around it: one operator's trunk, four secretaries' phones, a wall
//! of callers. It is shown live, and then audited: the callers' and phones' accounts, the engine's
//! ledger and the records on the disk must tell the same story. Any violation, and any call that is
//! unaccounted for, makes it exit with 1.

mod audit;
mod cast;
mod screen;
mod script;
mod stage;
mod view;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

pub use audit::{Audit, Waits};

use screen::{Screen, Size};
use stage::Stage;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How long the morning lasts, from 12 to 300 s; the calls are scaled to it.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(12..=300), value_name = "N")]
    pub seconds: u64,
    /// Who calls when, and how long they talk.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Plain lines instead of a live screen (as when stdout is no terminal).
    #[arg(long)]
    pub plain: bool,
}

/// Plays the demo on this terminal. Fails on any violation.
#[expect(clippy::print_stderr, reason = "the demo speaks to its terminal")]
pub fn run(options: &Options) -> ExitCode {
    let is_live = !options.plain && is_terminal() && Size::of_terminal().holds_a_page();
    let screen = if is_live { Screen::live() } else { Screen::plain() };
    match play(options, screen) {
        Ok(audit) => {
            // A closed pipe wants no figures; the exit code still tells.
            let _closed = write!(std::io::stdout(), "{audit}");
            if audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("monoligne demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One that understands where to put a page.
fn is_terminal() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_dumb
}

/// Plays the demo without a terminal, for tests.
pub fn play_unseen(options: &Options) -> anyhow::Result<Audit> {
    play(options, Screen::none())
}

fn play(options: &Options, screen: Screen) -> anyhow::Result<Audit> {
    let folder = Folder::make()?;
    let cast = cast::Cast::new();
    let server = cast.start_server(&folder.0.join("records.sqlite")).context("start the server")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the floor's runtime")?;
    runtime.block_on(async { Stage::set(cast, server, options, screen)?.play().await })
}

/// A folder of one's own that goes when the demo ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let parent = std::env::temp_dir();
        for number in 0..1_000 {
            let path = parent.join(format!("monoligne-demo-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("make {}", path.display()));
                }
            }
        }
        anyhow::bail!("{} is full of folders of earlier demos", parent.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // In the system's temporary folder: it is cleaned up there if not here.
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}
