//! What the files say: one struct a table, defaults filled in, references not yet followed.

mod practice;
mod staff;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use acd::Date;
use call::{Country, E164, ForwardedBy, Limits, Numbering, RegistrarLimits, Source};
use sip::Transport;
use sip::sdp::Codec;
use toml::de::DeTable;

pub(super) use practice::{
    CallersFile, LeaveFile, Moment, Nobody, PracticeFile, PractitionerFile, QueueFile,
    RepeatedFile, Rise, StepFile, ThenFile,
};
pub(super) use staff::{AgentFile, PhoneFile, SecretFile, SiteFile, TeamFile, WidenFile};

use super::fields::{DIDS, Fields, List, Located, Place};
use super::ids::{Ids, Numbers};
use super::mistake::Mistakes;
use super::tree::Tree;
use super::value::{Dids, Prefix, Short};
use crate::limits::MAX_UNANSWERED;
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
    /// Whether the files are read again whenever they change.
    pub(super) watch: bool,
    pub(super) registrar: RegistrarLimits,
    pub(super) limits: (Limits, acd::Limits, ConnectionSettings),
    pub(super) trunks: Vec<Named<'t, TrunkFile<'t>>>,
    pub(super) practices: Vec<Named<'t, PracticeFile<'t>>>,
    pub(super) teams: Vec<Named<'t, TeamFile<'t>>>,
    pub(super) agents: Vec<Named<'t, AgentFile<'t>>>,
    pub(super) phones: Vec<Named<'t, PhoneFile<'t>>>,
    pub(super) sites: Vec<Named<'t, SiteFile<'t>>>,
    pub(super) emergency: EmergencyFile<'t>,
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
    pub(super) rang_before: Duration,
    pub(super) numbers: Numbering,
    /// Which numbers its calls come to; `None`: nobody says.
    pub(super) dids: Option<List<'t, Dids>>,
    pub(super) outbound: Option<OutboundFile<'t>>,
}

impl TrunkFile<'_> {
    /// Whether calls for that practice may come by it.
    pub(super) fn may_bring(&self, practice: &PracticeFile<'_>) -> bool {
        let Some(dids) = &self.dids else { return true };
        let contain = |number| dids.items.iter().any(|dids| dids.value.contain(number));
        practice.all_numbers().any(|number| contain(number.value))
    }
}

/// How our calls go out by a trunk.
pub(super) struct OutboundFile<'t> {
    pub(super) to: Option<Located<'t, SocketAddr>>,
    pub(super) transport: Transport,
    pub(super) forwarded_by: ForwardedBy,
    pub(super) place: Place<'t>,
}

/// The numbers that only people may dial, and of what day the list is.
pub(super) struct EmergencyFile<'t> {
    pub(super) as_of: Option<Date>,
    /// `None`: those that are known here.
    pub(super) numbers: Option<List<'t, Short>>,
    pub(super) place: Place<'t>,
}

impl<'t> File<'t> {
    /// The trunks that calls for that practice may come by. Where practices share a number, one of its own
    /// that no trunk says it brings may be a line of theirs: its calls are forwarded to the shared number.
    pub(super) fn trunks_of<'f>(
        &'f self,
        practice: &'f PracticeFile<'t>,
    ) -> impl Iterator<Item = &'f Named<'t, TrunkFile<'t>>> {
        let is_said = |number: E164| {
            let said = self.trunks.iter().filter_map(|trunk| trunk.item.dids.as_ref());
            said.flat_map(|dids| &dids.items).any(|dids| dids.value.contain(number))
        };
        let has_line = practice.all_numbers().any(|number| !is_said(number.value));
        let shared = self.practices.iter().map(|it| &it.item).find(|it| it.is_unidentified);
        let shared = shared.filter(|_| has_line);
        self.trunks.iter().filter(move |trunk| {
            trunk.item.may_bring(practice) || shared.is_some_and(|it| trunk.item.may_bring(it))
        })
    }

    pub(super) fn read(tree: &'t Tree, ids: Ids, mistakes: &mut Mistakes) -> Self {
        let document = tree.main.parse(mistakes);
        let place = Place { source: &tree.main, span: 0..0, key: String::new() };
        let root = document.get_ref();
        let mut main = Fields::new("", root, place.clone(), mistakes);
        let mut practices = part(&mut main, "practices", practice::practice);
        practice::unidentified(&mut main, &mut practices);
        let mut file = File {
            server: section(&mut main, "server", server),
            listen_is_tried: main.has("listen"),
            listen: listen(&mut main),
            media: section(&mut main, "media", media),
            log: section(&mut main, "log", log),
            metrics: section(&mut main, "metrics", metrics),
            calls: section(&mut main, "calls", calls),
            watch: section(&mut main, "reload", |fields| fields.or("watch", false)),
            registrar: section(&mut main, "registrar", registrar),
            limits: section(&mut main, "limits", limits),
            trunks: part(&mut main, "trunks", trunk),
            practices,
            teams: part(&mut main, "teams", staff::team),
            agents: part(&mut main, "agents", staff::agent),
            phones: part(&mut main, "phones", staff::phone),
            sites: part(&mut main, "sites", staff::site),
            emergency: section(&mut main, "emergency_numbers", emergency),
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
        each(&mut self.phones, &mut self.ids.phones);
        // Sites have theirs by the agents who name them (names.rs).
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
                "practices" => add(&mut self.practices, name, place, fields, practice::practice),
                "teams" => add(&mut self.teams, name, place, fields, staff::team),
                "agents" => add(&mut self.agents, name, place, fields, staff::agent),
                "phones" => add(&mut self.phones, name, place, fields, staff::phone),
                "sites" => add(&mut self.sites, name, place, fields, staff::site),
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
    // The same word for a practice's.
    let is_list = fields.is_list("numbers");
    if is_list {
        let fault = "a list where a table belongs";
        let mistake = fields.place_of("numbers").mistake(fault, DIDS);
        fields.mistakes.push(mistake);
    }
    TrunkFile {
        name: fields.take("name").map(|located| located.value),
        sources: fields.list("sources"),
        transports: fields.has("transports").then(|| fields.list("transports")),
        max_unanswered: fields.or_unless(
            "max_unanswered",
            MAX_UNANSWERED,
            a_second(
                "below one second: every call would be refused",
                "write what the operator allows, like \"85 s\"",
            ),
        ),
        rang_before: fields.or("rang_before", Duration::from_secs(25)),
        numbers: match is_list {
            true => Numbering::default(),
            false => section(fields, "numbers", numbering),
        },
        dids: fields.has("dids").then(|| fields.list("dids")),
        outbound: outbound(fields),
    }
}

fn outbound<'t>(fields: &mut Fields<'t, '_, '_>) -> Option<OutboundFile<'t>> {
    let (values, place) = fields.table("outbound")?;
    let mut fields = Fields::new("outbound", values, place.clone(), fields.mistakes);
    Some(OutboundFile {
        to: fields.required("to", "\"192.0.2.7:5060\""),
        transport: fields.or("transport", Transport::Udp),
        forwarded_by: fields.or("forwarded_by", ForwardedBy::default()),
        place,
    })
}

/// `[emergency_numbers]`.
fn emergency<'t>(fields: &mut Fields<'t, '_, '_>) -> EmergencyFile<'t> {
    let numbers = fields.has("numbers").then(|| fields.list("numbers"));
    let as_of = match numbers {
        Some(_) => fields.required("as_of", "\"2026-01-31\", the day that the list is of"),
        None => fields.take("as_of"),
    };
    EmergencyFile { as_of: as_of.map(|day| day.value), numbers, place: fields.place.clone() }
}

fn numbering(fields: &mut Fields<'_, '_, '_>) -> Numbering {
    Numbering {
        country: fields.or("country", Country::default()),
        strip: fields.take::<Prefix>("strip").map_or_else(String::new, |strip| strip.value.0),
    }
}
