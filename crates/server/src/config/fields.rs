//! One table's keys: known ones are taken with their type, unknown ones are refused.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Mistakes, nearest};
use super::tree::{PARTS, Source};
use super::value::{Fault, FromValue, a_thing};

/// Every key that a configuration may have, by table. `config/` documents each (a test holds it).
pub const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "server",
            "listen",
            "media",
            "log",
            "metrics",
            "calls",
            "registrar",
            "reload",
            "limits",
            "trunks",
            "unidentified",
            "practices",
            "teams",
            "agents",
            "phones",
            "sites",
            "emergency_numbers",
        ],
    ),
    ("server", &["realm", "node", "data", "control", "drain_timeout"]),
    ("listen", &["address", "advertise", "transports"]),
    ("media", &["address", "advertise", "ports", "threads"]),
    ("log", &["format", "level"]),
    ("metrics", &["listen"]),
    (
        "calls",
        &[
            "codecs",
            "ring_refresh",
            "unreachable_after",
            "inquiry_timeout",
            "hold_music",
            "pause_reasons",
        ],
    ),
    (
        "registrar",
        &[
            "algorithms",
            "expires_default",
            "expires_min",
            "expires_max",
            "bindings_max",
            "options_interval",
        ],
    ),
    ("reload", &["watch"]),
    ("emergency_numbers", &["as_of", "numbers"]),
    ("sites", &["trunk", "number"]),
    (
        "trunks",
        &[
            "name",
            "sources",
            "transports",
            "max_unanswered",
            "rang_before",
            "numbers",
            "dids",
            "outbound",
        ],
    ),
    ("outbound", &["to", "transport", "forwarded_by"]),
    ("numbers", &["country", "strip"]),
    (
        "limits",
        &[
            "calls_max",
            "waiting_max",
            "transactions_max",
            "dialogs_max",
            "connections_max",
            "connections_per_source_max",
        ],
    ),
    (
        "practices",
        &[
            "name",
            "label",
            "numbers",
            "answer_within",
            "urgency",
            "plan",
            "hours",
            "time_zone",
            "holidays",
            "holidays_added",
            "holidays_removed",
            "closed",
            "away",
            "at_closing",
            "leave",
            "urgent_numbers",
            "sites",
            "own",
            "skill",
            "wrap_up",
            "waiting_max",
            "wait_max",
            "affinity",
            "redial_within",
            "callers",
            "repeated",
            "forward",
            "greeting",
            "instructions",
            "identity",
            "practitioners",
            "links",
        ],
    ),
    (
        "plan",
        &[
            "queue",
            "for",
            "nobody",
            "unless_waiting",
            "unless_expected",
            "unless_none_free",
            "ring",
            "call",
            "practice",
            "announce",
            "answer",
            "urgent_key",
        ],
    ),
    ("leave", &["from", "to", "plan"]),
    ("callers", &["name", "numbers", "urgency", "through", "blocked", "plan"]),
    ("repeated", &["calls", "within", "then"]),
    ("forward", &["trunk", "number", "no_key", "allowed"]),
    (
        "practitioners",
        &["name", "number", "disturb", "instructions", "numbers", "callers", "leave"],
    ),
    ("links", &["name", "url"]),
    (
        "teams",
        &[
            "ring_for",
            "wrap_up",
            "retry_after",
            "misses_max",
            "strategy",
            "ring",
            "widen",
            "reserve",
            "ageing",
            "pool",
        ],
    ),
    ("widen", &["to", "after"]),
    ("retry_after", &["no_answer", "declined", "busy", "unreachable", "dropped"]),
    (
        "agents",
        &[
            "name",
            "teams",
            "ha1",
            "ha1_sha256",
            "secret_file",
            "wrap_up",
            "site",
            "skills",
            "position",
        ],
    ),
    ("phones", &["name", "ha1", "ha1_sha256", "secret_file"]),
];

const INCLUDE: &str = "remove it: the files in trunks/, practices/, teams/, agents/ and phones/ beside this \
                       one are read by themselves, each as one item";
const PASSWORD: &str = "a password in clear does not belong here: write `ha1 = \"…\"` with what `monoligne ha1 \
                        USER REALM` prints, or put the password into a file of its own and write \
                        `secret_file = \"PATH\"`";
const SECRET: &str = "write `ha1` with what `monoligne ha1 USER REALM` prints, or `secret_file`";

const LINES: &str = "write `numbers = [\"01 23 45 67 89\"]`: those its calls are forwarded to, or its own \
                     lines where these are shared";
pub(super) const DIDS: &str = "write `dids = [\"01 23 45 67 89\", \"01 23 45 68 *\"]`: the numbers that it \
                               brings; below [numbers] stands how it writes them";

/// What people write, and what is meant instead.
const HINTS: &[(&str, &str, &str)] = &[
    ("", "include", INCLUDE),
    ("", "includes", INCLUDE),
    ("", "import", INCLUDE),
    ("agents", "password", PASSWORD),
    ("agents", "secret", SECRET),
    ("phones", "password", PASSWORD),
    ("phones", "secret", SECRET),
    (
        "phones",
        "user",
        "remove it: the name of the table or file is its user, as in phones/accueil.toml",
    ),
    (
        "agents",
        "skill",
        "write `skills = { pediatrics = 1 }`: what she knows, and how well (1 to 9)",
    ),
    ("agents", "sites", "write `site = \"NAME\"`: she works at one"),
    (
        "agents",
        "user",
        "remove it: the name of the table or file is her user, as in agents/101.toml",
    ),
    ("trunks", "did", DIDS),
    ("trunks", "number", DIDS),
    ("trunks", "lines", DIDS),
    ("sites", "numbers", "write `number = \"01 23 45 67 89\"`: one, that its trunk lets pass"),
    (
        "forward",
        "numbers",
        "write `number = \"01 23 45 67 89\"`: one of the practice's, or `allowed = […]`",
    ),
    (
        "emergency_numbers",
        "number",
        "write `numbers = [\"15\", \"17\", \"18\", \"112\"]`, the whole list",
    ),
    ("trunks", "transport", "write `transports = [\"udp\"]`, or [\"udp\", \"tcp\"] for both"),
    ("practices", "number", "write `numbers = [\"01 23 45 67 89\"]`"),
    ("practices", "line", LINES),
    ("practices", "lines", LINES),
    ("practices", "did", LINES),
    ("practices", "dids", LINES),
    ("practices", "queue", "write `plan = [{ queue = \"TEAM\", for = \"3 min\" }, \"busy\"]`"),
    ("practices", "team", "write `plan = [{ queue = \"TEAM\", for = \"3 min\" }, \"busy\"]`"),
    ("practices", "practitioner", "write [[practitioners]] for each, and `name` below it"),
    ("practices", "opening_hours", "write `hours = \"Mo-Fr 08:00-20:00; Sa 08:00-12:00; PH off\"`"),
    ("practices", "site", "write `sites = [\"NAME\"]`: where its secretaries may work"),
    ("practices", "skills", "write `skill = \"NAME\"`: what its secretaries should know"),
    ("practices", "secretaries", "write `own = [\"USER\"]`: its own secretaries"),
    ("practices", "secretary", "write `own = [\"USER\"]`: its own secretaries"),
    ("practices", "open", "write `plan = […]`: its plan while it is open"),
    (
        "plan",
        "forward",
        "write `call = \"01 23 45 67 89\"` for a number, `ring = \"PHONE\"` for a phone",
    ),
    ("plan", "number", "write `call = \"01 23 45 67 89\"`: the number that is called"),
    ("plan", "phone", "write `ring = \"NAME\"`: the phone that rings"),
    ("plan", "team", "write `queue = \"NAME\"`: the team that he waits for"),
    ("callers", "number", "write `numbers = [\"01 23 45 67 89\"]`"),
    ("widen", "own", "write `to = \"own\"`"),
    ("widen", "skilled", "write `to = \"skilled\"`"),
    ("widen", "everyone", "write `to = \"everyone\"`"),
    ("plan", "prompt", "write `announce = \"NAME\"`: the prompt that a caller hears"),
    ("plan", "until", "write `for = \"3 min\"`: how long a caller waits in this step"),
];

/// Where something is written.
#[derive(Clone)]
pub(super) struct Place<'t> {
    pub(super) source: &'t Source,
    pub(super) span: Range<usize>,
    pub(super) key: String,
}

/// A value and where it is written.
#[derive(Clone)]
pub(super) struct Located<'t, T> {
    pub(super) value: T,
    pub(super) place: Place<'t>,
}

/// A list, as far as its elements are good.
pub(super) struct List<'t, T> {
    pub(super) items: Vec<Located<'t, T>>,
    /// The list, or the table where it is missing.
    pub(super) place: Place<'t>,
    /// Something is written, though perhaps wrong: not to be told as missing too.
    pub(super) is_tried: bool,
    /// Elements, the bad ones too.
    count: usize,
}

impl<T> List<'_, T> {
    /// All of its elements are good.
    pub(super) fn is_whole(&self) -> bool {
        self.items.len() == self.count
    }
}

impl<'t> Place<'t> {
    pub(super) fn line(&self) -> usize {
        self.source.line(&self.span)
    }

    pub(super) fn mistake(&self, fault: impl Into<String>, remedy: impl Into<String>) -> Mistake {
        let secret = ["ha1", "ha1_sha256", "password", "secret"];
        let last = self.key.rsplit('.').next().unwrap_or_default();
        let value =
            if secret.contains(&last) { "…".to_owned() } else { self.source.written(&self.span) };
        Mistake { value, ..self.missing(fault, remedy) }
    }

    /// A mistake about what is not there.
    pub(super) fn missing(&self, fault: impl Into<String>, remedy: impl Into<String>) -> Mistake {
        Mistake {
            file: self.source.path.clone(),
            line: self.line(),
            key: self.key.clone(),
            value: String::new(),
            fault: fault.into(),
            remedy: remedy.into(),
        }
    }

    /// `FILE:LINE`, for mistakes that two places make together.
    pub(super) fn shown(&self) -> String {
        format!("{}:{}", self.source.path.display(), self.line())
    }

    pub(super) fn within(&self, key: &str) -> Self {
        Self { key: join(&self.key, key), ..self.clone() }
    }
}

/// Reads one table.
pub(super) struct Fields<'t, 'd, 'm> {
    table: &'static str,
    values: &'d DeTable<'d>,
    pub(super) place: Place<'t>,
    pub(super) mistakes: &'m mut Mistakes,
}

impl<'t, 'd, 'm> Fields<'t, 'd, 'm> {
    /// `table` names the entry of [`KEYS`]; keys that are not in it are mistakes.
    pub(super) fn new(
        table: &'static str,
        values: &'d DeTable<'d>,
        place: Place<'t>,
        mistakes: &'m mut Mistakes,
    ) -> Self {
        let known = known(table);
        for (key, value) in values {
            let key_name = key.get_ref().as_ref();
            if known.contains(&key_name) {
                continue;
            }
            let at =
                Place { source: place.source, span: value.span(), key: join(&place.key, key_name) };
            let hint = HINTS.iter().find(|(of, hinted, _)| *of == table && *hinted == key_name);
            let remedy = match (hint, nearest(key_name, known.iter().copied())) {
                (Some((_, _, remedy)), _) => (*remedy).to_owned(),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!("the keys here are: {}", known.join(", ")),
            };
            // The line is the key's: a value may begin further down. A table's value is its header, which
            // says nothing more.
            let line = place.source.line(&key.span());
            let mistake = match value.get_ref().is_table() {
                true => at.missing("unknown key", remedy),
                false => at.mistake("unknown key", remedy),
            };
            mistakes.push(Mistake { line, ..mistake });
        }
        Self { table, values, place, mistakes }
    }

    /// `None` when missing or wrong; only the latter is a mistake.
    pub(super) fn take<T: FromValue>(&mut self, key: &'static str) -> Option<Located<'t, T>> {
        let value = self.raw(key)?;
        let place = self.at(key, value.span());
        self.convert(value, place)
    }

    pub(super) fn required<T: FromValue>(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Located<'t, T>> {
        if self.raw(key).is_none() {
            let place = self.place.within(key);
            self.mistakes.push(place.missing("missing", format!("write `{key} = {example}`")));
        }
        self.take(key)
    }

    pub(super) fn or<T: FromValue>(&mut self, key: &'static str, default: T) -> T {
        self.take(key).map_or(default, |located| located.value)
    }

    /// The same, where what reads well may still be wrong: `wrong` gives the fault and the remedy.
    pub(super) fn or_unless<T: FromValue>(
        &mut self,
        key: &'static str,
        default: T,
        wrong: impl FnOnce(&T) -> Option<(String, String)>,
    ) -> T {
        let Some(located) = self.take::<T>(key) else { return default };
        if let Some((fault, remedy)) = wrong(&located.value) {
            self.mistakes.push(located.place.mistake(fault, remedy));
        }
        located.value
    }

    /// Every good element.
    pub(super) fn list<T: FromValue>(&mut self, key: &'static str) -> List<'t, T> {
        self.list_of(key, |fields, value, place| {
            fields.convert(value, place).map(|located| located.value)
        })
    }

    /// Every element that `read` makes something of; it tells what is wrong with the others.
    pub(super) fn list_of<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Self, &'d Spanned<DeValue<'d>>, Place<'t>) -> Option<T>,
    ) -> List<'t, T> {
        let place = self.place_of(key);
        let mut list = List { items: Vec::new(), place, is_tried: false, count: 0 };
        if self.raw(key).is_some() {
            let elements = self.elements(key);
            list.is_tried = elements.as_ref().is_none_or(|elements| !elements.is_empty());
            let elements = elements.unwrap_or_default();
            list.count = elements.len();
            for (value, place) in elements {
                let value = read(self, value, place.clone());
                list.items.extend(value.map(|value| Located { value, place }));
            }
        }
        list
    }

    /// The elements of a list, unread.
    pub(super) fn elements(
        &mut self,
        key: &'static str,
    ) -> Option<Vec<(&'d Spanned<DeValue<'d>>, Place<'t>)>> {
        let value = self.raw(key)?;
        let Some(array) = value.get_ref().as_array() else {
            let place = self.at(key, value.span());
            let fault = format!("{} where a list belongs", a_thing(value.get_ref()));
            let remedy = format!("write `{key} = [{}]`", self.place.source.written(&value.span()));
            self.mistakes.push(place.mistake(fault, remedy));
            return None;
        };
        let elements = array.iter().enumerate();
        Some(
            elements
                .map(|(index, value)| (value, self.at(&format!("{key}[{index}]"), value.span())))
                .collect(),
        )
    }

    /// A table inside.
    pub(super) fn table(&mut self, key: &'static str) -> Option<(&'d DeTable<'d>, Place<'t>)> {
        let value = self.raw(key)?;
        let place = self.at(key, value.span());
        self.as_table(value, place)
    }

    pub(super) fn as_table(
        &mut self,
        value: &'d Spanned<DeValue<'d>>,
        place: Place<'t>,
    ) -> Option<(&'d DeTable<'d>, Place<'t>)> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let fault = format!("{} where a table belongs", a_thing(value.get_ref()));
            let remedy = match place.key.split_once('.') {
                Some((part, key)) if PARTS.contains(&part) && known(part).contains(&key) => {
                    format!(
                        "write it below [{part}.NAME]: each of the {part} has a name of its own"
                    )
                }
                None if PARTS.contains(&place.key.as_str()) => {
                    format!("write [{}.NAME] for each, and its keys below", place.key)
                }
                Some(_) | None => format!("write [{}] and its keys below", place.key),
            };
            self.mistakes.push(place.mistake(fault, remedy));
        }
        table.map(|table| (table, place))
    }

    /// Each table of a list (`[[leave]]`), by the keys of `table`; how many elements there are, unless it
    /// is no list.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        table: &'static str,
        mut read: impl FnMut(&mut Fields<'t, 'd, '_>, Place<'t>),
    ) -> Option<usize> {
        let elements = self.elements(key)?;
        let count = elements.len();
        for (value, place) in elements {
            let Some((values, place)) = self.as_table(value, place) else { continue };
            read(&mut Fields::new(table, values, place.clone(), self.mistakes), place);
        }
        Some(count)
    }

    /// A table whose keys are names of the writer's own; `None` for a value that is wrong, since others may
    /// mean the name.
    pub(super) fn entries<T: FromValue>(&mut self, key: &'static str) -> Vec<(String, Option<T>)> {
        let Some((values, place)) = self.table(key) else {
            let names = self.values.get(key).and_then(|value| value.get_ref().as_array());
            let names = names.into_iter().flatten().filter_map(|name| name.get_ref().as_str());
            return names.map(|name| (name.to_owned(), None)).collect();
        };
        let mut all = Vec::new();
        for (name, value) in values {
            let name = name.get_ref().as_ref();
            let place = Place { span: value.span(), key: join(&place.key, name), ..place.clone() };
            all.push((name.to_owned(), self.convert(value, place).map(|it| it.value)));
        }
        all
    }

    pub(super) fn is_list(&self, key: &'static str) -> bool {
        self.raw(key).is_some_and(|value| value.get_ref().is_array())
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        known(self.table).contains(&key)
    }

    /// Where a key is written, or the table where it is missing.
    pub(super) fn place_of(&self, key: &'static str) -> Place<'t> {
        match self.raw(key) {
            Some(value) => self.at(key, value.span()),
            None => self.place.within(key),
        }
    }

    /// Whether it is written at all, rightly or wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    fn raw(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        debug_assert!(known(self.table).contains(&key), "invariant: {key} is in KEYS");
        self.values.get(key)
    }

    fn at(&self, key: &str, span: Range<usize>) -> Place<'t> {
        Place { source: self.place.source, span, key: join(&self.place.key, key) }
    }

    fn convert<T: FromValue>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        place: Place<'t>,
    ) -> Option<Located<'t, T>> {
        match T::from_value(value.get_ref()) {
            Ok(value) => Some(Located { value, place }),
            Err(Fault { fault, remedy }) => {
                self.mistakes.push(place.mistake(fault, remedy));
                None
            }
        }
    }
}

fn known(table: &str) -> &'static [&'static str] {
    KEYS.iter().find(|(name, _)| *name == table).map(|(_, keys)| *keys).unwrap_or_default()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
