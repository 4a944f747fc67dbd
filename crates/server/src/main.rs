//! The command `monoligne`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use server::config::{self, Mistakes};
use server::control::{self, AgentOrder, AskError, Command as Control, Reply};
use server::{Status, views};

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
    Check(CheckArgs),
    /// Show the running server in a page: calls, secretaries, counters.
    Status(ShowArgs),
    /// Show every secretary: state, phone, misses, teams.
    Agents(ShowArgs),
    /// Show every call that is up.
    Calls(ShowArgs),
    /// Show who waits, in the order in which they will be offered.
    Queue(ShowArgs),
    /// Show every registered phone.
    Registrations(ShowArgs),
    /// Show the operators' links and their calls.
    Trunks(ShowArgs),
    /// Show the customers and their callers.
    Practices(ShowArgs),
    /// Change a secretary's state, as she could from her phone.
    Agent(AgentArgs),
    /// Let the running server read its configuration again, whole or not at all.
    ///
    /// Prints what changed. Calls, registrations and states are not touched. Exit code 1: it was
    /// refused, and the running configuration stays.
    Reload(AskArgs),
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
    #[arg(long, global = true, value_name = "PATH", default_value = "config")]
    config: PathBuf,
}

#[derive(Args)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// One JSON list of mistakes, empty where there are none, instead of text.
    #[arg(long)]
    json: bool,
}

/// How to find the running server.
#[derive(Args)]
struct AskArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The control socket; without it, the one that the configuration names.
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
}

#[derive(Args)]
struct ShowArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// JSON instead of a table, on one line.
    #[arg(long)]
    json: bool,
    /// Show it again every SECS seconds until Ctrl-C.
    #[arg(long, value_name = "SECS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    watch: Option<u64>,
    /// Show callers' numbers whole: who called which doctor is health data.
    #[arg(long)]
    numbers: bool,
}

#[derive(Args)]
struct AgentArgs {
    /// The secretary's user: the name of her table or file.
    user: String,
    #[command(subcommand)]
    order: Order,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Subcommand)]
enum Order {
    /// No calls from the end of the one she is in.
    Pause {
        /// One of `pause_reasons` in [calls].
        #[arg(long)]
        reason: Option<String>,
    },
    /// End a pause, or not responding.
    Resume,
    /// End the time after a call early.
    EndWrapUp,
    /// Let her take calls.
    LogIn,
    /// No calls, from the end of the one she is in.
    LogOut,
}

impl From<Order> for AgentOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Pause { reason } => Self::Pause { reason },
            Order::Resume => Self::Resume,
            Order::EndWrapUp => Self::EndWrapUp,
            Order::LogIn => Self::LogIn,
            Order::LogOut => Self::LogOut,
        }
    }
}

/// What a command shows of the server.
#[derive(Copy, Clone)]
enum View {
    Status,
    Agents,
    Calls,
    Queue,
    Registrations,
    Trunks,
    Practices,
}

impl View {
    fn text(self, status: &Status) -> String {
        match self {
            Self::Status => views::status(status),
            Self::Agents => views::agents(status),
            Self::Calls => views::calls(status),
            Self::Queue => views::queue(status),
            Self::Registrations => views::registrations(status),
            Self::Trunks => views::trunks(status),
            Self::Practices => views::practices(status),
        }
    }

    fn json(self, status: &Status) -> serde_json::Result<String> {
        match self {
            Self::Status => serde_json::to_string(status),
            Self::Agents => serde_json::to_string(&status.agents),
            Self::Calls => serde_json::to_string(&status.calls),
            Self::Queue => serde_json::to_string(&status.queue),
            Self::Registrations => serde_json::to_string(&status.registrations),
            Self::Trunks => serde_json::to_string(&status.trunks),
            Self::Practices => serde_json::to_string(&status.practices),
        }
    }
}

/// Messages are read on one thread and dropped on another, some dozen allocations each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => server::serve::run(&args.config),
        Command::Demo(options) => Ok(server::demo::run(&options)),
        Command::Check(args) => check(&args),
        Command::Status(args) => show(View::Status, &args),
        Command::Agents(args) => show(View::Agents, &args),
        Command::Calls(args) => show(View::Calls, &args),
        Command::Queue(args) => show(View::Queue, &args),
        Command::Registrations(args) => show(View::Registrations, &args),
        Command::Trunks(args) => show(View::Trunks, &args),
        Command::Practices(args) => show(View::Practices, &args),
        Command::Agent(args) => agent(args),
        Command::Reload(args) => reload(&args),
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

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let loaded = config::load(&args.config.config);
    if args.json {
        let empty = Mistakes::default();
        let mistakes = loaded.as_ref().err().unwrap_or(&empty);
        let list: Vec<_> = mistakes.iter().collect();
        say(&serde_json::to_string(&list)?)?;
        return Ok(ExitCode::from(if mistakes.is_empty() { 0 } else { 2 }));
    }
    let loaded = loaded?;
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

/// Once, or until somebody has seen enough.
fn show(view: View, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let socket = socket(&args.ask)?;
    let is_page = std::io::stdout().is_terminal() && !args.json;
    loop {
        let reply = ask(&socket, &Control::Status { numbers: args.numbers })?;
        let Reply::Status(status) = reply else { anyhow::bail!("an answer to another question") };
        let text = if args.json { view.json(&status)? } else { view.text(&status) };
        match args.watch {
            // From the upper left corner, what was there before erased: no flicker.
            Some(_) if is_page => say(&format!("\x1b[H\x1b[2J{text}"))?,
            Some(_) if !args.json => say(&format!("{text}\n"))?,
            Some(_) | None => say(&text)?,
        };
        let Some(seconds) = args.watch else { return Ok(ExitCode::SUCCESS) };
        std::thread::park_timeout(Duration::from_secs(seconds));
    }
}

fn agent(args: AgentArgs) -> anyhow::Result<ExitCode> {
    let socket = socket(&args.ask)?;
    let command = AgentOrder::from(args.order).of(args.user);
    match ask(&socket, &command)? {
        Reply::Done(told) => say(&told),
        Reply::Status(_) | Reply::Reloaded(_) | Reply::Error(_) => {
            anyhow::bail!("an answer to another question")
        }
    }
}

fn reload(args: &AskArgs) -> anyhow::Result<ExitCode> {
    // The running server knows its socket; files that are wrong must not keep us from asking it.
    let socket = socket(args)?;
    match ask(&socket, &Control::Reload)? {
        Reply::Reloaded(changes) if changes.is_empty() => say("nothing changed"),
        Reply::Reloaded(changes) => say(&changes.join("\n")),
        Reply::Status(_) | Reply::Done(_) | Reply::Error(_) => {
            anyhow::bail!("an answer to another question")
        }
    }
}

fn ask(socket: &Path, command: &Control) -> anyhow::Result<Reply> {
    match control::ask(socket, command) {
        // The server's own words need no preface.
        Err(AskError::Refused(told)) => anyhow::bail!("{told}"),
        reply => reply.with_context(|| format!("cannot ask {}", socket.display())),
    }
}

fn socket(args: &AskArgs) -> anyhow::Result<PathBuf> {
    match &args.socket {
        Some(socket) => Ok(socket.clone()),
        None => Ok(config::control_socket(&args.config.config)?),
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
