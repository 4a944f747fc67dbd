//! What the files say: one struct a table, defaults filled in, references not yet followed.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use acd::{Date, Territory, TimeZone};
use call::{Country, E164, Limits, Numbering, RegistrarLimits, Source, Urgency};
use sip::Transport;
use sip::sdp::Codec;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fields::{Fields, List, Located, Place};
use super::ids::{Ids, Numbers};
use super::mistake::Mistakes;
use super::tree::Tree;
use super::value::Prefix;
use crate::log::{LEVELS, LogFormat, LogSettings, is_level};
use crate::settings::ConnectionSettings;

pub(super) struct File<'t> {
    /// The main file, for what is missing in it.
    pub(super) place: Place<'t>,
    pub(super) server: ServerFile<'t>,
    pub(super) listen: Vec<ListenFile<'t>>,
    /// Some is written, though perhaps wrong: not to be told as missing too.
    pub(super) listen_is_tried: bool,
    pub(super) media: MediaFile<'t>,
    pub(super) log: LogSettings,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) calls: CallsFile<'t>,
    pub(super) registrar: RegistrarLimits,
    pub(super) limits: (Limits, acd::Limits, ConnectionSettings),
    pub(super) trunks: Vec<Named<'t, TrunkFile<'t>>>,
    pub(super) practices: Vec<Named<'t, PracticeFile<'t>>>,
    pub(super) teams: Vec<Named<'t, acd::Team>>,
    pub(super) agents: Vec<Named<'t, AgentFile<'t>>>,
    /// With those of this reading.
    pub(super) ids: Ids,
}

/// An item of a part, by the name of its table or file.
pub(super) struct Named<'t, T> {
    pub(super) name: String,
    /// 0 until everything is read.
    pub(super) id: u32,
    pub(super) place: Place<'t>,
    pub(super) item: T,
}

pub(super) struct ServerFile<'t> {
    pub(super) realm: Option<Located<'t, String>>,
    pub(super) node: u16,
    pub(super) data: String,
    pub(super) control: Option<String>,
    pub(super) drain_timeout: Duration,
}

pub(super) struct ListenFile<'t> {
    pub(super) address: Located<'t, SocketAddr>,
    pub(super) advertise: Option<Located<'t, SocketAddr>>,
    pub(super) transports: Option<List<'t, Transport>>,
}

pub(super) struct MediaFile<'t> {
    pub(super) address: Option<Located<'t, IpAddr>>,
    pub(super) advertise: Option<Located<'t, IpAddr>>,
    pub(super) ports: Option<Located<'t, RangeInclusive<u16>>>,
    pub(super) threads: Option<Located<'t, usize>>,
    pub(super) place: Place<'t>,
}

pub(super) struct CallsFile<'t> {
    pub(super) codecs: Option<List<'t, Codec>>,
    pub(super) ring_refresh: Option<Located<'t, Duration>>,
    pub(super) unreachable_after: Option<Located<'t, Duration>>,
    pub(super) inquiry_timeout: Option<Located<'t, Duration>>,
    pub(super) pause_reasons: List<'t, String>,
    pub(super) hold_music: Option<Located<'t, String>>,
}

pub(super) struct TrunkFile<'t> {
    pub(super) name: Option<String>,
    pub(super) sources: List<'t, Source>,
    pub(super) transports: Option<List<'t, Transport>>,
    pub(super) max_unanswered: Duration,
    pub(super) numbers: Numbering,
}

pub(super) struct PracticeFile<'t> {
    /// Its numbers are those that all practices share: `[unidentified]`.
    pub(super) is_unidentified: bool,
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) numbers: List<'t, E164>,
    pub(super) answer_within: Duration,
    pub(super) urgency: Urgency,
    pub(super) plan: List<'t, StepFile>,
    pub(super) hours: Option<Located<'t, String>>,
    pub(super) time_zone: TimeZone,
    pub(super) holidays: Territory,
    pub(super) holidays_added: List<'t, Date>,
    pub(super) holidays_removed: List<'t, Date>,
    pub(super) closed: Option<List<'t, StepFile>>,
    pub(super) leave: Vec<LeaveFile<'t>>,
}

pub(super) enum StepFile {
    Queue { team: String, until: Option<Duration>, nobody: Option<Nobody> },
    Announce { prompt: String, answer: bool },
    Busy,
}

/// How long a caller waits for a team that nobody is in.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Nobody {
    For(Duration),
    /// He waits for somebody to come.
    Never,
}

pub(super) struct LeaveFile<'t> {
    pub(super) from: Located<'t, Moment>,
    pub(super) to: Located<'t, Moment>,
    /// The list, and whether it is written at all.
    pub(super) plan: Option<List<'t, StepFile>>,
    pub(super) place: Place<'t>,
}

/// A day, or a day and a time, as written.
pub(super) struct Moment(pub(super) String);

pub(super) struct AgentFile<'t> {
    pub(super) name: Option<String>,
    pub(super) teams: List<'t, String>,
    pub(super) secret: SecretFile<'t>,
    pub(super) wrap_up: Option<Duration>,
}

pub(super) struct SecretFile<'t> {
    pub(super) ha1: Option<[u8; 16]>,
    pub(super) ha1_sha256: Option<[u8; 32]>,
    pub(super) file: Option<Located<'t, String>>,
    /// A key is there, though perhaps wrong: not to be told as missing too.
    pub(super) is_tried: bool,
}

impl<'t> File<'t> {
    pub(super) fn read(tree: &'t Tree, ids: Ids, mistakes: &mut Mistakes) -> Self {
        let document = tree.main.parse(mistakes);
        let place = Place { source: &tree.main, span: 0..0, key: String::new() };
        let root = document.get_ref();
        let mut main = Fields::new("", root, place.clone(), mistakes);
        let mut practices = part(&mut main, "practices", practice);
        unidentified(&mut main, &mut practices);
        let mut file = File {
            server: section(&mut main, "server", server),
            listen_is_tried: main.has("listen"),
            listen: listen(&mut main),
            media: section(&mut main, "media", media),
            log: section(&mut main, "log", log),
            metrics: section(&mut main, "metrics", metrics),
            calls: section(&mut main, "calls", calls),
            registrar: section(&mut main, "registrar", registrar),
            limits: section(&mut main, "limits", limits),
            trunks: part(&mut main, "trunks", trunk),
            practices,
            teams: part(&mut main, "teams", team),
            agents: part(&mut main, "agents", agent),
            ids,
            place,
        };
        file.read_items(tree, mistakes);
        file.number();
        file
    }

    fn number(&mut self) {
        fn each<T>(items: &mut [Named<'_, T>], numbers: &mut Numbers) {
            for item in items {
                item.id = numbers.of(&item.name);
            }
        }
        each(&mut self.trunks, &mut self.ids.trunks);
        each(&mut self.practices, &mut self.ids.practices);
        each(&mut self.teams, &mut self.ids.teams);
        each(&mut self.agents, &mut self.ids.agents);
    }

    /// The files of the parts' folders, each one item.
    fn read_items(&mut self, tree: &'t Tree, mistakes: &mut Mistakes) {
        for item in &tree.items {
            let document = item.source.parse(mistakes);
            let key = format!("{}.{}", item.part, item.name);
            let place = Place { source: &item.source, span: 0..0, key };
            let name = item.name.clone();
            let fields = Fields::new(item.part, document.get_ref(), place.clone(), mistakes);
            match item.part {
                "trunks" => add(&mut self.trunks, name, place, fields, trunk),
                "practices" => add(&mut self.practices, name, place, fields, practice),
                "teams" => add(&mut self.teams, name, place, fields, team),
                "agents" => add(&mut self.agents, name, place, fields, agent),
                other => unreachable!("invariant: {other} is one of tree::PARTS"),
            }
        }
    }
}

/// Reads one table inside another; a missing one reads as empty, for its defaults.
fn section<'t, T>(
    outer: &mut Fields<'t, '_, '_>,
    key: &'static str,
    read: impl FnOnce(&mut Fields<'t, '_, '_>) -> T,
) -> T {
    match outer.table(key) {
        Some((values, place)) => read(&mut Fields::new(key, values, place, outer.mistakes)),
        None => {
            let (empty, place) = (DeTable::new(), outer.place.within(key));
            read(&mut Fields::new(key, &empty, place, outer.mistakes))
        }
    }
}

/// `[trunks.NAME]` and the like.
fn part<'t, T>(
    main: &mut Fields<'t, '_, '_>,
    part: &'static str,
    read: impl Fn(&mut Fields<'t, '_, '_>) -> T,
) -> Vec<Named<'t, T>> {
    let mut all = Vec::new();
    let Some((items, place)) = main.table(part) else { return all };
    for (name, value) in items {
        let place = Place {
            source: place.source,
            span: value.span(),
            key: format!("{part}.{}", name.get_ref()),
        };
        let Some((values, place)) = main.as_table(value, place) else { continue };
        let place = Place { span: name.span(), ..place };
        let fields = Fields::new(part, values, place.clone(), main.mistakes);
        add(&mut all, name.get_ref().to_string(), place, fields, &read);
    }
    all
}

fn add<'t, T>(
    all: &mut Vec<Named<'t, T>>,
    name: String,
    place: Place<'t>,
    mut fields: Fields<'t, '_, '_>,
    read: impl Fn(&mut Fields<'t, '_, '_>) -> T,
) {
    let item = read(&mut fields);
    if let Some(other) = all.iter().find(|other| other.name == name) {
        fields.mistakes.push(place.missing(
            format!("there is one of this name already, in {}", other.place.shown()),
            "give one of them another name, or remove it",
        ));
        return;
    }
    all.push(Named { name, id: 0, place, item });
}

fn server<'t>(fields: &mut Fields<'t, '_, '_>) -> ServerFile<'t> {
    ServerFile {
        realm: fields.required("realm", "\"pbx.example.fr\""),
        node: fields.or("node", 1),
        data: fields.or("data", "data".to_owned()),
        control: fields.take("control").map(|located| located.value),
        drain_timeout: fields.or("drain_timeout", Duration::from_secs(30)),
    }
}

fn listen<'t>(main: &mut Fields<'t, '_, '_>) -> Vec<ListenFile<'t>> {
    let Some(tables) = main.elements("listen") else { return Vec::new() };
    let mut all = Vec::new();
    for (value, place) in tables {
        let Some((values, place)) = main.as_table(value, place) else { continue };
        let mut fields = Fields::new("listen", values, place, main.mistakes);
        let advertise = fields.take("advertise");
        let transports = fields.has("transports").then(|| fields.list("transports"));
        if let Some(address) = fields.required("address", "\"192.0.2.1:5060\"") {
            all.push(ListenFile { address, advertise, transports });
        }
    }
    all
}

fn media<'t>(fields: &mut Fields<'t, '_, '_>) -> MediaFile<'t> {
    MediaFile {
        address: fields.take("address"),
        advertise: fields.take("advertise"),
        ports: fields.take("ports"),
        threads: fields.take("threads"),
        place: fields.place.clone(),
    }
}

fn log(fields: &mut Fields<'_, '_, '_>) -> LogSettings {
    let level = fields.take::<String>("level");
    if let Some(level) = &level
        && !is_level(&level.value)
    {
        fields.mistakes.push(level.place.mistake("no level of logging", format!("write {LEVELS}")));
    }
    LogSettings {
        format: fields.or("format", LogFormat::Text),
        level: level.map_or_else(|| "info".to_owned(), |level| level.value),
    }
}

fn calls<'t>(fields: &mut Fields<'t, '_, '_>) -> CallsFile<'t> {
    CallsFile {
        codecs: fields.has("codecs").then(|| fields.list("codecs")),
        ring_refresh: fields.take("ring_refresh"),
        unreachable_after: fields.take("unreachable_after"),
        inquiry_timeout: fields.take("inquiry_timeout"),
        pause_reasons: fields.list("pause_reasons"),
        hold_music: fields.take("hold_music"),
    }
}

fn registrar(fields: &mut Fields<'_, '_, '_>) -> RegistrarLimits {
    let default = RegistrarLimits::default();
    let algorithms = fields.list("algorithms");
    if fields.has("algorithms") && !algorithms.is_tried {
        let remedy = "write `algorithms = [\"MD5\"]`, or leave the key out";
        fields.mistakes.push(algorithms.place.mistake("none: no phone could register", remedy));
    }
    let (expires_min, expires_default, expires_max) = expiries(fields, &default);
    RegistrarLimits {
        algorithms: match algorithms.items.is_empty() {
            true => default.algorithms,
            false => algorithms.items.into_iter().map(|algorithm| algorithm.value).collect(),
        },
        expires_default,
        expires_min,
        expires_max,
        bindings_max: fields.or_unless("bindings_max", default.bindings_max, |max| {
            let fault = "0 phones a secretary: nobody could register";
            (*max == 0).then(|| (fault.to_owned(), "write 1 or more".to_owned()))
        }),
        options_interval: fields.or_unless(
            "options_interval",
            default.options_interval,
            |interval| {
                let is_short = !interval.is_zero() && *interval < Duration::from_secs(5);
                is_short.then(|| {
                    (
                        "a question would follow before the one ahead is answered".to_owned(),
                        "write 5 s or more, or \"0 s\" for never".to_owned(),
                    )
                })
            },
        ),
    }
}

/// What takes less than a second of its own is no time for people.
fn a_second(
    fault: &'static str,
    remedy: &'static str,
) -> impl FnOnce(&Duration) -> Option<(String, String)> {
    move |duration| {
        let is_short = *duration < Duration::from_secs(1);
        is_short.then(|| (fault.to_owned(), remedy.to_owned()))
    }
}

/// Least, default and most.
fn expiries(
    fields: &mut Fields<'_, '_, '_>,
    default: &RegistrarLimits,
) -> (Duration, Duration, Duration) {
    let all = [
        ("expires_default", default.expires_default),
        ("expires_min", default.expires_min),
        ("expires_max", default.expires_max),
    ];
    let written = all.map(|(key, _)| fields.take::<Duration>(key));
    let values = [0, 1, 2].map(|at| written[at].as_ref().map_or(all[at].1, |it| it.value));
    let [default, min, max] = values;
    let is_ordered = !min.is_zero() && min <= default && default <= max;
    if let (false, Some(wrong)) = (is_ordered, written.iter().flatten().next()) {
        fields.mistakes.push(wrong.place.mistake(
            format!(
                "expires_min {min:?}, expires_default {default:?} and expires_max {max:?} are not in \
                 this order"
            ),
            "make them grow: 60 s, 300 s, 3600 s",
        ));
    }
    (min, default, max)
}

fn metrics(fields: &mut Fields<'_, '_, '_>) -> Option<SocketAddr> {
    fields.take("listen").map(|located| located.value)
}

fn limits(fields: &mut Fields<'_, '_, '_>) -> (Limits, acd::Limits, ConnectionSettings) {
    let default = Limits::default();
    let mut at_least_one = |key, default, fault| {
        let Some(max) = fields.take::<usize>(key) else { return default };
        if max.value == 0 {
            let remedy = format!("write 1 or more, or leave the key out ({default})");
            fields.mistakes.push(max.place.mistake(fault, remedy));
        }
        max.value
    };
    let busy = "none: every caller would hear busy";
    let calls_max = at_least_one("calls_max", default.calls_max, busy);
    let waiting_max = at_least_one("waiting_max", acd::Limits::default().waiting_max, busy);
    let refused = "none: every call would be refused";
    let transactions_max = at_least_one("transactions_max", default.transactions_max, refused);
    let dialogs_max = at_least_one("dialogs_max", default.dialogs_max, refused);
    let (closed, own) = ("none: nobody could connect", ConnectionSettings::default());
    let connections = ConnectionSettings {
        max: at_least_one("connections_max", own.max, closed),
        per_source_max: at_least_one("connections_per_source_max", own.per_source_max, closed),
        ..own
    };
    let limits = Limits { calls_max, transactions_max, dialogs_max };
    (limits, acd::Limits { waiting_max }, connections)
}

fn trunk<'t>(fields: &mut Fields<'t, '_, '_>) -> TrunkFile<'t> {
    TrunkFile {
        name: fields.take("name").map(|located| located.value),
        sources: fields.list("sources"),
        transports: fields.has("transports").then(|| fields.list("transports")),
        max_unanswered: fields.or_unless(
            "max_unanswered",
            Duration::from_secs(120),
            a_second(
                "below one second: every call would be refused",
                "write what the operator allows, like \"120 s\"",
            ),
        ),
        numbers: section(fields, "numbers", numbering),
    }
}

fn numbering(fields: &mut Fields<'_, '_, '_>) -> Numbering {
    Numbering {
        country: fields.or("country", Country::default()),
        strip: fields.take::<Prefix>("strip").map_or_else(String::new, |strip| strip.value.0),
    }
}

/// `[unidentified]` is a practice like others; only its numbers are everybody's.
fn unidentified<'t>(
    main: &mut Fields<'t, '_, '_>,
    practices: &mut Vec<Named<'t, PracticeFile<'t>>>,
) {
    let Some((values, place)) = main.table("unidentified") else { return };
    let fields = Fields::new("practices", values, place.clone(), main.mistakes);
    add(practices, "unidentified".to_owned(), place, fields, |fields| PracticeFile {
        is_unidentified: true,
        ..practice(fields)
    });
}

fn practice<'t>(fields: &mut Fields<'t, '_, '_>) -> PracticeFile<'t> {
    PracticeFile {
        is_unidentified: false,
        name: fields
            .required("name", "\"Cabinet du Dr Martin\"")
            .map_or_else(String::new, |name| name.value),
        label: fields.take("label").map(|located| located.value),
        numbers: fields.list("numbers"),
        answer_within: fields.or("answer_within", Duration::from_secs(25)),
        urgency: fields.or("urgency", Urgency::Normal),
        plan: fields.list_of("plan", step),
        hours: fields.take("hours"),
        time_zone: fields.or("time_zone", TimeZone::PARIS),
        holidays: fields.or("holidays", Territory::France),
        holidays_added: fields.list("holidays_added"),
        holidays_removed: fields.list("holidays_removed"),
        closed: fields.has("closed").then(|| fields.list_of("closed", step)),
        leave: leave(fields),
    }
}

/// `[[leave]]`.
fn leave<'t>(fields: &mut Fields<'t, '_, '_>) -> Vec<LeaveFile<'t>> {
    let mut all = Vec::new();
    for (value, place) in fields.elements("leave").unwrap_or_default() {
        let Some((values, place)) = fields.as_table(value, place) else { continue };
        let mut fields = Fields::new("leave", values, place.clone(), fields.mistakes);
        let from = fields.required("from", "\"2026-08-03\"");
        let to = fields.required("to", "\"2026-08-21\", its last day");
        let plan = fields.has("plan").then(|| fields.list_of("plan", step));
        if let (Some(from), Some(to)) = (from, to) {
            all.push(LeaveFile { from, to, plan, place });
        }
    }
    all
}

/// `{ queue = "TEAM", for = "3 min" }`, `{ announce = "PROMPT" }` or `"busy"`.
fn step<'t, 'd>(
    fields: &mut Fields<'t, 'd, '_>,
    value: &'d Spanned<DeValue<'d>>,
    place: Place<'t>,
) -> Option<StepFile> {
    const REMEDY: &str =
        "write { queue = \"TEAM\", for = \"3 min\" }, { announce = \"PROMPT\" } or \"busy\"";
    match (value.get_ref().as_str(), value.get_ref().as_table()) {
        (Some("busy"), _) => Some(StepFile::Busy),
        (_, Some(values)) => {
            let mut fields = Fields::new("plan", values, place.clone(), fields.mistakes);
            match fields.has("announce") {
                true => announce(&mut fields, &place),
                false => queue(&mut fields, &place),
            }
        }
        (_, None) => {
            fields.mistakes.push(place.mistake("no step that is known", REMEDY));
            None
        }
    }
}

fn queue<'t>(fields: &mut Fields<'t, '_, '_>, place: &Place<'t>) -> Option<StepFile> {
    refuse(fields, place, &["answer"], "of a step that announces");
    let until = fields.take("for").map(|located| located.value);
    let nobody = fields.take("nobody").map(|located| located.value);
    let team = fields.required("queue", "\"TEAM\"")?.value;
    Some(StepFile::Queue { team, until, nobody })
}

fn announce<'t>(fields: &mut Fields<'t, '_, '_>, place: &Place<'t>) -> Option<StepFile> {
    refuse(fields, place, &["queue", "for", "nobody"], "of a step in which a caller waits");
    let answer = fields.or("answer", true);
    let prompt = fields.take::<String>("announce")?.value;
    Some(StepFile::Announce { prompt, answer })
}

/// Keys of the other kind of step.
fn refuse<'t>(fields: &mut Fields<'t, '_, '_>, place: &Place<'t>, keys: &[&str], of: &str) {
    for key in keys.iter().copied() {
        if !fields.has(key) {
            continue;
        }
        let remedy = "remove it, or make two steps: { queue = \"TEAM\", for = \"3 min\" }, then \
                      { announce = \"PROMPT\" }";
        fields.mistakes.push(place.within(key).missing(format!("a key {of}"), remedy));
    }
}

fn team(fields: &mut Fields<'_, '_, '_>) -> acd::Team {
    acd::Team {
        ring_for: fields.or_unless(
            "ring_for",
            Duration::from_secs(15),
            a_second(
                "below one second: no phone could be answered in time",
                "write 3 rings or more: \"15 s\"",
            ),
        ),
        wrap_up: fields.or("wrap_up", Duration::from_secs(10)),
        retry_after: section(fields, "retry_after", retry_after),
        misses_max: fields.or("misses_max", 3),
        ..acd::Team::default()
    }
}

fn retry_after(fields: &mut Fields<'_, '_, '_>) -> acd::RetryAfter {
    let mut after = |key, default| {
        let Some(after) = fields.take::<Duration>(key) else { return Duration::from_secs(default) };
        if after.value < Duration::from_secs(1) {
            fields.mistakes.push(after.place.mistake(
                "below one second: a phone that refuses at once would be rung again and again",
                format!("write {default} s, or 1 s at least"),
            ));
        }
        after.value
    };
    acd::RetryAfter {
        no_answer: after("no_answer", 30),
        declined: after("declined", 30),
        busy: after("busy", 10),
        unreachable: after("unreachable", 10),
        dropped: after("dropped", 5),
    }
}

fn agent<'t>(fields: &mut Fields<'t, '_, '_>) -> AgentFile<'t> {
    let is_tried = ["ha1", "ha1_sha256", "secret_file", "password", "secret"]
        .iter()
        .any(|key| fields.has(key));
    AgentFile {
        name: fields.take("name").map(|located| located.value),
        teams: fields.list("teams"),
        secret: SecretFile {
            ha1: fields.take("ha1").map(|located| located.value),
            ha1_sha256: fields.take("ha1_sha256").map(|located| located.value),
            file: fields.take("secret_file"),
            is_tried,
        },
        wrap_up: fields.take("wrap_up").map(|located| located.value),
    }
}
