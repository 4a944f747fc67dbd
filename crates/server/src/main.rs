//! The command `monoligne`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use server::config::{self, Mistakes, Remark};
use server::control::{
    self, AgentOrder, AskError, CallOrder, Command as Control, OverrideOrder, Reply, Until,
};
use server::explain::Question;
use server::{Status, views};

/// Answers the phone lines of medical practices with a shared pool of secretaries: one call at a
/// time each, and no call lost.
#[derive(Parser)]
#[command(name = "monoligne", version, arg_required_else_help = true)]
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
    Serve(ServeArgs),
    /// Play a day in miniature over real sockets on loopback, and check it.
    Demo(server::demo::Options),
    /// Check a configuration and print every mistake; changes nothing.
    ///
    /// What is allowed and hardly meant is printed as a warning. Exit code 2: it is wrong; warnings change
    /// nothing of it.
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
    /// Show the customers and their callers; with the name of one, all that is known of it.
    ///
    /// [unidentified] is one of them, by the key `unidentified`; its numbers are those that practices share.
    ///
    /// Of one: what holds and until when, override, hours, leave, numbers, plans in words, and its card:
    /// greeting, identity, instructions, practitioners, links. --json prints one object of the same.
    Practices(PracticesArgs),
    /// Change a secretary's state, as she could from her phone.
    Agent(AgentArgs),
    /// Do something with a caller who waits: his class, his place, his team, somewhere else, or the end.
    ///
    /// `monoligne queue` shows who waits. His clock runs on, and conversations are never touched. Who gave
    /// the order is recorded.
    Call(CallArgs),
    /// Say for a practice that it is closed, on leave, open or elsewhere, until a given time.
    ///
    /// It holds before hours and leave, ends by itself, and outlasts a restart. Who said it is recorded.
    /// [unidentified] can say it as well, by its key `unidentified`: for callers of whom it is not known
    /// which practice they mean.
    Override(OverrideArgs),
    /// Show what was ordered of the running server, by whom, and whether it was done.
    ///
    /// Of secretaries (`agent`), callers (`call`), practices (`override`) and the configuration (`reload`).
    /// The records keep it; of numbers two digits are shown. At most the last 10,000.
    Orders(OrdersArgs),
    /// Tell step by step what would happen to a call, and which line of the configuration says so.
    ///
    /// From the files alone, as if all secretaries were logged in and free and nobody else waited; with
    /// --live from the true states of the running server. Each step of the plan, those of practices that it
    /// goes on with included: whether its conditions would let him in now, and when he comes to it at the
    /// latest; then what happens if nobody picks up. --json prints one object, whose keys stay: did, from, at
    /// (on the clock of `zone`), weekday, zone, live, refused, practice {key, name, label, number, by, place},
    /// class {urgency, why, place, key}, situation {situation, why, comment, until, place, key, rule,
    /// holiday}, promise {answer_within_ms, trunk, max_unanswered_ms, rang_before_ms, wait_max_ms, place}, plan
    /// [{practice, step, what, place, key, begins_ms, ends_ms, ends_by, entry {lets_in, why}, goes_on (as
    /// situation)}], who [{practice, team, circles [{circle, after_ms, agents [{user, name, own, level, state}]}], unsuited
    /// [{user, name, why}], reserve}] and course [{after_ms, kind, what}].
    Explain(ExplainArgs),
    /// Tell which decisions differ between two configurations, and which keys: not which lines.
    ///
    /// Each practice is asked about at each time within two weeks at which what holds changes in either
    /// configuration, for a caller who is on no list and one of each list. Then each key that means something
    /// else is told, from what to what; of secrets only that they changed. --json prints
    /// one object: decisions [{key, practice, caller, more, from, until, times, stretches, what}] and keys
    /// [{kind, id, name, key, old, new, what, restart}]. Exit code 0: nothing differs, 1: something does, 2:
    /// a configuration is wrong.
    Diff(server::diff::Options),
    /// Run a past day's calls through a configuration, in virtual time, and tell how it would have gone.
    #[command(long_about = server::replay::ABOUT)]
    Replay(server::replay::Options),
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
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read the configuration again whenever its files change, as `monoligne reload` does: whole or not
    /// at all, once they have not changed for a second. Files that `secret_file` names elsewhere are not
    /// watched. `--watch=false`: never. Default: as `watch` in [reload] says.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    watch: Option<bool>,
}

#[derive(Args)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// One JSON list of mistakes and warnings (`level`), empty where there are none, instead of text.
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
struct PracticesArgs {
    /// Of this one alone: its key (the name of its table or file), its name, its label or one of its
    /// numbers.
    practice: Option<String>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Args)]
struct OrdersArgs {
    /// How far back: "90 s", "45 min", "2h", "3 d".
    #[arg(long, value_name = "TIME", default_value = "7 d")]
    since: Span,
    /// One JSON list instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ask: AskArgs,
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
    /// End a pause, or not responding. Who is logged out is to be logged in instead.
    Resume,
    /// End the time after a call early.
    EndWrapUp,
    /// Let the time after a call go on for longer.
    Prolong {
        /// By how much: "90 s", "5 min".
        by: Span,
    },
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
            Order::Prolong { by } => Self::Prolong { by: by.0 },
            Order::LogIn => Self::LogIn,
            Order::LogOut => Self::LogOut,
        }
    }
}

#[derive(Args)]
#[group(id = "what", required = true, multiple = true)]
struct CallOrderArgs {
    /// Make him "normal", "priority", "urgent" or "vital".
    #[arg(long, value_name = "CLASS", value_parser = ["normal", "priority", "urgent", "vital"])]
    urgency: Option<String>,
    /// Put him at the head of his class, before whoever was put there earlier. `--urgency` alone gives him
    /// the place of his practice's promise again.
    #[arg(long)]
    first: bool,
    /// Let him wait for this team, without an end.
    #[arg(long, value_name = "TEAM", conflicts_with_all = ["urgency", "first"])]
    team: Option<String>,
    /// Forward him to a number that a plan of the practice names or its `allowed` has. Nobody there: his
    /// plan goes on where it was.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["urgency", "first", "team"])]
    to: Option<String>,
    /// End the call: he hears busy.
    #[arg(long, conflicts_with_all = ["urgency", "first", "team", "to"])]
    release: bool,
}

#[derive(Args)]
struct CallArgs {
    /// As `monoligne queue` shows it.
    call: String,
    #[command(flatten)]
    order: CallOrderArgs,
    #[command(flatten)]
    ask: AskArgs,
}

impl CallOrderArgs {
    fn order(self) -> CallOrder {
        match self {
            Self { team: Some(team), .. } => CallOrder::Move { team },
            Self { to: Some(to), .. } => CallOrder::Redirect { to },
            Self { release: true, .. } => CallOrder::Release,
            Self { urgency, first, .. } => CallOrder::Rank { urgency, first },
        }
    }
}

#[derive(Args)]
struct OverrideArgs {
    /// Its key (the name of its table or file), its name, its label or one of its numbers.
    practice: String,
    /// End the override that holds.
    #[arg(long)]
    clear: bool,
    #[command(subcommand)]
    what: Option<Overriding>,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Subcommand)]
enum Overriding {
    /// Its callers follow the plan of closed hours.
    Close(UntilArgs),
    /// Its callers follow the plan for a leave.
    Leave(UntilArgs),
    /// Its callers follow the plan of opening hours.
    Open(UntilArgs),
    /// Its callers are forwarded there, and follow the plan that holds beneath when nobody takes them.
    Redirect {
        /// One that a plan of the practice names, or its `allowed` in [forward] has.
        number: String,
        #[command(flatten)]
        until: UntilArgs,
    },
    /// End the override that holds.
    Clear,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct UntilArgs {
    /// On the practice's clock: "18:00" (the next one), "2026-11-26T18:00", or "2026-11-26", to the end of
    /// that day.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// From now on: "45 min", "2h", "3 d".
    #[arg(long = "for", value_name = "TIME")]
    lasting: Option<Span>,
}

impl UntilArgs {
    fn until(self) -> Until {
        match (self.until, self.lasting) {
            (Some(text), _) => Until::At(text),
            (None, Some(Span(span))) => Until::ForS(span.as_secs()),
            (None, None) => Until::ForS(0),
        }
    }
}

impl OverrideArgs {
    fn order(what: Option<Overriding>) -> OverrideOrder {
        match what {
            Some(Overriding::Close(until)) => OverrideOrder::Close { until: until.until() },
            Some(Overriding::Leave(until)) => OverrideOrder::Leave { until: until.until() },
            Some(Overriding::Open(until)) => OverrideOrder::Open { until: until.until() },
            Some(Overriding::Redirect { number, until }) => {
                OverrideOrder::Redirect { to: number, until: until.until() }
            }
            Some(Overriding::Clear) | None => OverrideOrder::Clear,
        }
    }
}

/// A time as people write it.
#[derive(Copy, Clone)]
struct Span(Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no time: write \"90 s\", \"45 min\", \"2h\" or \"3 d\"");
        let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = text[..at].parse().map_err(|_| wrong())?;
        let unit = match text[at..].trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let seconds = count.checked_mul(unit).filter(|&seconds| seconds > 0).ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

#[derive(Args)]
struct ExplainArgs {
    /// The number dialled.
    #[arg(long, value_name = "NUMBER")]
    did: String,
    /// Who calls: a number, or "withheld".
    #[arg(long, value_name = "NUMBER", default_value = "withheld")]
    from: String,
    /// A number that the call was forwarded from, the latest first; may be given several times.
    #[arg(long, value_name = "NUMBER")]
    diversion: Vec<String>,
    /// When, on the practice's clock: "2026-11-26T08:30", or "08:30" for today. Default: now.
    #[arg(long, value_name = "TIME", conflicts_with = "live")]
    at: Option<String>,
    /// The trunk that it comes by. Default: the one that says it brings the number (`dids`), of several the
    /// one whose network waits least.
    #[arg(long, value_name = "NAME")]
    trunk: Option<String>,
    /// By the true states of the running server, now.
    #[arg(long)]
    live: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ask: AskArgs,
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

const OTHER_ANSWER: &str = "an answer to another question";

/// Messages are read on one thread and dropped on another, some dozen allocations each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => server::serve::run(&args.config.config, args.watch),
        Command::Demo(options) => Ok(server::demo::run(&options)),
        Command::Check(args) => check(&args),
        Command::Status(args) => show(View::Status, &args),
        Command::Agents(args) => show(View::Agents, &args),
        Command::Calls(args) => show(View::Calls, &args),
        Command::Queue(args) => show(View::Queue, &args),
        Command::Registrations(args) => show(View::Registrations, &args),
        Command::Trunks(args) => show(View::Trunks, &args),
        Command::Practices(PracticesArgs { practice: None, show: args }) => {
            show(View::Practices, &args)
        }
        Command::Practices(PracticesArgs { practice: Some(practice), show }) => {
            show_one(&practice, &show)
        }
        Command::Agent(args) => agent(args),
        Command::Call(args) => call(args),
        Command::Override(args) => override_practice(args),
        Command::Orders(args) => orders(&args),
        Command::Explain(args) => explain(args),
        Command::Diff(options) => diff(&options),
        Command::Replay(options) => server::replay::run(&options).and_then(|text| say(&text)),
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
    let (warnings, over) = match &loaded {
        Ok(loaded) => (loaded.warnings.as_slice(), loaded.over.as_slice()),
        Err(mistakes) => (mistakes.warnings(), mistakes.all_over()),
    };
    let mut warnings = [warnings, over].concat();
    warnings.sort_by(|a, b| (&a.0.file, a.0.line).cmp(&(&b.0.file, b.0.line)));
    if args.json {
        let empty = Mistakes::default();
        let mistakes = loaded.as_ref().err().unwrap_or(&empty);
        say(&serde_json::to_string(&Remark::all(mistakes, &warnings))?)?;
        return Ok(ExitCode::from(if mistakes.is_empty() { 0 } else { 2 }));
    }
    let loaded = loaded?;
    for warning in &warnings {
        say(&warning.to_string())?;
    }
    let engine = &loaded.engine;
    say(&format!(
        "{}: fine ({} trunks, {} practices, {} numbers, {} teams, {} secretaries){}",
        loaded.path.display(),
        engine.trunks.len(),
        engine.practices.len(),
        engine.numbers.len(),
        engine.floor.teams.len(),
        engine.agents.len(),
        match warnings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            count => format!(", {count} warnings"),
        },
    ))
}

fn show(view: View, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    repeat(args, |socket| match ask(socket, &Control::Status { numbers: args.numbers })? {
        Reply::Status(status) if args.json => Ok(view.json(&status)?),
        Reply::Status(status) => Ok(view.text(&status)),
        Reply::Done(_)
        | Reply::Explained(_)
        | Reply::Practice(_)
        | Reply::Reloaded(_)
        | Reply::Orders(_)
        | Reply::Error(_) => anyhow::bail!(OTHER_ANSWER),
    })
}

fn show_one(practice: &str, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let question = Control::Practice { practice: practice.to_owned() };
    repeat(args, |socket| match ask(socket, &question)? {
        Reply::Practice(card) if args.json => Ok(serde_json::to_string(&card)?),
        Reply::Practice(card) => Ok(card.text()),
        Reply::Status(_)
        | Reply::Done(_)
        | Reply::Explained(_)
        | Reply::Reloaded(_)
        | Reply::Orders(_)
        | Reply::Error(_) => anyhow::bail!(OTHER_ANSWER),
    })
}

/// Once, or until somebody has seen enough.
fn repeat(
    args: &ShowArgs,
    text: impl Fn(&Path) -> anyhow::Result<String>,
) -> anyhow::Result<ExitCode> {
    let socket = socket(&args.ask)?;
    let is_page = std::io::stdout().is_terminal() && !args.json;
    loop {
        let text = text(&socket)?;
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
    order(&args.ask, &AgentOrder::from(args.order).of(args.user))
}

fn call(args: CallArgs) -> anyhow::Result<ExitCode> {
    order(&args.ask, &Control::Call { call: args.call, order: args.order.order() })
}

fn override_practice(args: OverrideArgs) -> anyhow::Result<ExitCode> {
    let OverrideArgs { practice, clear, what, ask } = args;
    anyhow::ensure!(
        clear != what.is_some(),
        "say one thing: close, leave, open or redirect NUMBER, or --clear"
    );
    order(&ask, &Control::Override { practice, order: OverrideArgs::order(what) })
}

fn orders(args: &OrdersArgs) -> anyhow::Result<ExitCode> {
    let back = i64::try_from(args.since.0.as_millis()).unwrap_or(i64::MAX);
    let since_ms = now_ms().saturating_sub(back);
    match ask(&socket(&args.ask)?, &Control::Orders { since_ms })? {
        Reply::Orders(orders) if args.json => say(&serde_json::to_string(&orders)?),
        Reply::Orders(orders) => say(&views::orders(&orders)),
        Reply::Status(_)
        | Reply::Done(_)
        | Reply::Explained(_)
        | Reply::Practice(_)
        | Reply::Reloaded(_)
        | Reply::Error(_) => anyhow::bail!(OTHER_ANSWER),
    }
}

/// Gives an order to the running server and says what became of it.
fn order(args: &AskArgs, command: &Control) -> anyhow::Result<ExitCode> {
    match ask(&socket(args)?, command)? {
        Reply::Done(told) => say(&told),
        Reply::Status(_)
        | Reply::Explained(_)
        | Reply::Practice(_)
        | Reply::Reloaded(_)
        | Reply::Orders(_)
        | Reply::Error(_) => {
            anyhow::bail!(OTHER_ANSWER)
        }
    }
}

fn explain(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let ExplainArgs { did, from, diversion, at, trunk, live, json, ask: asked } = args;
    let mut question = Question { did, from, diversion, at, trunk, likely_trunk: None };
    let mut explanation = if live {
        // The files know what trunks say they bring; the server answers without them too.
        if let Ok(loaded) = config::load(&asked.config.config) {
            question = question.with_likely_trunk(&loaded);
        }
        match ask(&socket(&asked)?, &Control::Explain(question))? {
            Reply::Explained(explanation) => *explanation,
            Reply::Status(_)
            | Reply::Done(_)
            | Reply::Practice(_)
            | Reply::Reloaded(_)
            | Reply::Orders(_)
            | Reply::Error(_) => {
                anyhow::bail!(OTHER_ANSWER)
            }
        }
    } else {
        let loaded = config::load(&asked.config.config)?;
        server::explain::of(&loaded, &question, now_ms()).map_err(anyhow::Error::msg)?
    };
    explanation.locate(&asked.config.config);
    match json {
        true => say(&serde_json::to_string(&explanation)?),
        false => say(&explanation.text()),
    }
}

fn now_ms() -> i64 {
    let reading = server::Clock::start().read();
    reading.epoch_ms(reading.now)
}

fn diff(options: &server::diff::Options) -> anyhow::Result<ExitCode> {
    // Like `diff` itself: 1 says that something differs, so whatever is wrong has another code.
    match server::diff::run(options, now_ms()) {
        Ok((text, differs)) => {
            say(&text)?;
            Ok(ExitCode::from(u8::from(differs)))
        }
        Err(error) => {
            let line = match error.downcast_ref::<Mistakes>() {
                Some(mistakes) => format!("the configuration is refused:\n{mistakes}"),
                None => format!("{error:#}"),
            };
            writeln!(std::io::stderr(), "monoligne: {line}")?;
            Ok(ExitCode::from(2))
        }
    }
}

fn reload(args: &AskArgs) -> anyhow::Result<ExitCode> {
    // The running server knows its socket; files that are wrong must not keep us from asking it.
    let socket = socket(args)?;
    match ask(&socket, &Control::Reload)? {
        Reply::Reloaded(changes) if changes.is_empty() => say("nothing changed"),
        Reply::Reloaded(changes) => say(&changes.join("\n")),
        Reply::Status(_)
        | Reply::Done(_)
        | Reply::Explained(_)
        | Reply::Practice(_)
        | Reply::Orders(_)
        | Reply::Error(_) => {
            anyhow::bail!(OTHER_ANSWER)
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
