//! The command `monoligne`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use server::config::{self, Mistakes};
use server::control::{self, Command as Control, Reply};

/// Answers the phone lines of medical practices with a shared pool of secretaries: one call at a
/// time each, and no call lost.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take calls: from trunks to the phones of secretaries, until SIGTERM or Ctrl-C.
    ///
    /// The first signal drains: new calls are refused, live ones may go on for `drain_timeout`. The
    /// second hangs up what is left, within 3 s and with its records. The third aborts: records may be
    /// lost. Exit code 2: the configuration is wrong.
    Serve(ConfigArgs),
    /// Play a day in miniature over real sockets on loopback, and check it.
    Demo(server::demo::Options),
    /// Check a configuration and print every mistake; changes nothing.
    ///
    /// Exit code 2: it is wrong.
    Check(ConfigArgs),
    /// Show calls, secretaries and counters of the running server.
    Status(StatusArgs),
    /// Print the digest of a password for `ha1` in the configuration.
    ///
    /// The password is read from the standard input, one line.
    Ha1 {
        /// The secretary's user: the name of her table or file.
        user: String,
        /// `realm` of [server].
        realm: String,
    },
}

#[derive(Args)]
struct ConfigArgs {
    /// The configuration: a folder with `monoligne.toml`, or one file.
    #[arg(long, value_name = "PATH", default_value = "config")]
    config: PathBuf,
}

#[derive(Args)]
struct StatusArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The control socket; without it, the one that the configuration names.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => server::serve::run(&args.config),
        Command::Demo(options) => Ok(server::demo::run(&options)),
        Command::Check(args) => check(&args.config),
        Command::Status(args) => status(&args),
        Command::Ha1 { user, realm } => ha1(&user, &realm),
    };
    outcome.unwrap_or_else(|error| {
        let (line, code) = match error.downcast_ref::<Mistakes>() {
            Some(mistakes) => (format!("the configuration is refused:\n{mistakes}"), 2),
            None => (format!("{error:#}"), 1),
        };
        // A closed stderr leaves nobody to tell; the exit code says it still.
        let _ = writeln!(std::io::stderr(), "monoligne: {line}");
        ExitCode::from(code)
    })
}

fn check(path: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(path)?;
    let engine = &loaded.engine;
    say(&format!(
        "{}: fine ({} trunks, {} practices, {} numbers, {} teams, {} secretaries)",
        loaded.path.display(),
        engine.trunks.len(),
        engine.practices.len(),
        engine.numbers.len(),
        engine.floor.teams.len(),
        engine.agents.len(),
    ))
}

fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => config::load(&args.config.config)?
            .settings
            .control
            .context("the configuration names no control socket; give --socket")?,
    };
    let reply = control::ask(&socket, &Control::Status)
        .with_context(|| format!("cannot ask {}", socket.display()))?;
    let Reply::Status(status) = reply else { anyhow::bail!("an answer to another question") };
    if args.json {
        say(&serde_json::to_string(&status)?)
    } else {
        say(status.to_string().trim_end())
    }
}

fn ha1(user: &str, realm: &str) -> anyhow::Result<ExitCode> {
    let stdin = std::io::stdin();
    let mut line = String::new();
    let silent = stdin.is_terminal().then(Silent::make).flatten();
    if stdin.is_terminal() {
        write!(std::io::stderr(), "Password of {user} in {realm}: ")?;
    }
    std::io::BufRead::read_line(&mut stdin.lock(), &mut line)
        .context("cannot read the password")?;
    if silent.is_some() {
        writeln!(std::io::stderr())?;
    }
    drop(silent);
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "the password is empty: type it, or pipe it in");
    say(&format!(
        "ha1 = \"{}\"\nha1_sha256 = \"{}\"",
        hex(&sip::ha1_md5(user, realm, password)),
        hex(&sip::ha1_sha256(user, realm, password)),
    ))
}

/// The terminal of stdin without echo; as before when dropped.
struct Silent(Termios);

impl Silent {
    /// `None`: the terminal does not let us, and shows what is typed.
    fn make() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent).ok()?;
        Some(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _gone = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line on stdout; a closed pipe (`| head`) is an error like any other.
fn say(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
