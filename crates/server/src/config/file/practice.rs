//! What the files say of a practice: its numbers, rules, plans, and whom it treats otherwise.

use std::time::Duration;

use acd::{AtClosing, Date, Territory, TimeZone};
use call::{E164, Urgency};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Named, a_second, add};
use crate::config::fields::{Fields, List, Located, Place};
use crate::config::value::{Destination, Key, Line, Link, Text};

/// Five rings.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);
const AFFINITY: Duration = Duration::from_secs(24 * 3_600);
const REDIAL_WITHIN: Duration = Duration::from_secs(5 * 60);
const FORWARD_FOR: Duration = Duration::from_secs(25);

pub(in crate::config) struct PracticeFile<'t> {
    /// Its numbers are those that all practices share: `[unidentified]`.
    pub(in crate::config) is_unidentified: bool,
    pub(in crate::config) name: String,
    pub(in crate::config) label: Option<String>,
    pub(in crate::config) numbers: List<'t, E164>,
    pub(in crate::config) urgent_numbers: List<'t, E164>,
    pub(in crate::config) answer_within: Duration,
    pub(in crate::config) urgency: Urgency,
    pub(in crate::config) plan: List<'t, StepFile>,
    pub(in crate::config) hours: Option<Located<'t, String>>,
    pub(in crate::config) time_zone: TimeZone,
    /// `None`: those of France.
    pub(in crate::config) holidays: Option<Located<'t, Territory>>,
    pub(in crate::config) holidays_added: List<'t, Date>,
    pub(in crate::config) holidays_removed: List<'t, Date>,
    pub(in crate::config) closed: Option<List<'t, StepFile>>,
    pub(in crate::config) away: Option<List<'t, StepFile>>,
    pub(in crate::config) at_closing: AtClosing,
    pub(in crate::config) leave: Vec<LeaveFile<'t>>,
    /// `None`: anywhere.
    pub(in crate::config) sites: Option<List<'t, String>>,
    pub(in crate::config) own: List<'t, String>,
    pub(in crate::config) skill: Option<Located<'t, String>>,
    pub(in crate::config) wrap_up: Option<Duration>,
    pub(in crate::config) waiting_max: Option<usize>,
    pub(in crate::config) wait_max: Option<Duration>,
    pub(in crate::config) affinity: Duration,
    pub(in crate::config) redial_within: Duration,
    pub(in crate::config) callers: Vec<CallersFile<'t>>,
    pub(in crate::config) repeated: Option<RepeatedFile<'t>>,
    pub(in crate::config) forward: ForwardFile<'t>,
    pub(in crate::config) greeting: Option<String>,
    pub(in crate::config) instructions: Option<String>,
    pub(in crate::config) identity: Option<String>,
    pub(in crate::config) practitioners: Vec<PractitionerFile<'t>>,
    pub(in crate::config) links: Vec<call::Link>,
}

impl<'t> PracticeFile<'t> {
    /// All that lead to it: its own, the urgent ones, those of its practitioners.
    pub(in crate::config) fn all_numbers(&self) -> impl Iterator<Item = &Located<'t, E164>> {
        let of_practitioners = self.practitioners.iter().map(|it| &it.numbers);
        let lists = [&self.numbers, &self.urgent_numbers].into_iter().chain(of_practitioners);
        lists.flat_map(|list| &list.items)
    }
}

/// Somebody of the practice, perhaps with numbers of his own and what holds for who calls those.
pub(in crate::config) struct PractitionerFile<'t> {
    pub(in crate::config) name: Located<'t, String>,
    pub(in crate::config) number: Option<E164>,
    pub(in crate::config) disturb: Option<String>,
    pub(in crate::config) instructions: Option<String>,
    pub(in crate::config) numbers: List<'t, E164>,
    pub(in crate::config) callers: Vec<CallersFile<'t>>,
    pub(in crate::config) leave: Vec<LeaveFile<'t>>,
    pub(in crate::config) place: Place<'t>,
}

pub(in crate::config) enum StepFile {
    Queue(QueueFile),
    /// A phone of the configuration.
    Ring {
        phone: String,
        ring_for: Duration,
    },
    /// A number outside.
    Call {
        number: Destination,
        ring_for: Duration,
    },
    Practice {
        practice: String,
    },
    Announce {
        prompt: String,
        answer: bool,
        /// Who presses it is urgent, and goes on with the next step.
        urgent_key: Option<char>,
    },
    Busy,
}

pub(in crate::config) struct QueueFile {
    pub(in crate::config) team: String,
    pub(in crate::config) until: Option<Duration>,
    pub(in crate::config) nobody: Option<Nobody>,
    pub(in crate::config) unless_waiting: Option<usize>,
    pub(in crate::config) unless_expected: Option<Duration>,
    pub(in crate::config) unless_none_free: bool,
}

/// How long a caller waits for a team that nobody is in.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(in crate::config) enum Nobody {
    For(Duration),
    /// He waits for somebody to come.
    Never,
}

pub(in crate::config) struct LeaveFile<'t> {
    pub(in crate::config) from: Located<'t, Moment>,
    pub(in crate::config) to: Located<'t, Moment>,
    /// The list, and whether it is written at all.
    pub(in crate::config) plan: Option<List<'t, StepFile>>,
    pub(in crate::config) place: Place<'t>,
}

/// A day, or a day and a time, as written.
pub(in crate::config) struct Moment(pub(in crate::config) String);

pub(in crate::config) struct CallersFile<'t> {
    pub(in crate::config) name: String,
    pub(in crate::config) numbers: List<'t, E164>,
    pub(in crate::config) urgency: Option<Urgency>,
    pub(in crate::config) is_through: bool,
    pub(in crate::config) is_blocked: bool,
    pub(in crate::config) plan: Option<List<'t, StepFile>>,
    /// Some key of how they are treated is there, though perhaps wrong.
    pub(in crate::config) is_tried: bool,
    pub(in crate::config) place: Place<'t>,
}

pub(in crate::config) struct RepeatedFile<'t> {
    pub(in crate::config) calls: Option<Located<'t, u32>>,
    pub(in crate::config) within: Option<Located<'t, Duration>>,
    pub(in crate::config) then: Option<ThenFile<'t>>,
}

pub(in crate::config) enum ThenFile<'t> {
    Rise,
    Plan(List<'t, StepFile>),
}

/// A word where a plan may stand too.
pub(in crate::config) struct Rise;

pub(in crate::config) struct ForwardFile<'t> {
    pub(in crate::config) trunk: Option<Located<'t, String>>,
    pub(in crate::config) number: Option<Located<'t, E164>>,
    pub(in crate::config) no_key: List<'t, Destination>,
    pub(in crate::config) allowed: List<'t, Destination>,
}

/// `[unidentified]` is a practice like others; only its numbers are everybody's.
pub(super) fn unidentified<'t>(
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

pub(super) fn practice<'t>(fields: &mut Fields<'t, '_, '_>) -> PracticeFile<'t> {
    PracticeFile {
        is_unidentified: false,
        name: fields
            .required("name", "\"Cabinet du Dr Martin\"")
            .map_or_else(String::new, |name| name.value),
        label: fields.take("label").map(|located| located.value),
        numbers: fields.list("numbers"),
        urgent_numbers: fields.list("urgent_numbers"),
        answer_within: fields.or("answer_within", ANSWER_WITHIN),
        urgency: fields.or("urgency", Urgency::Normal),
        plan: fields.list_of("plan", step),
        hours: fields.take("hours"),
        time_zone: fields.or("time_zone", TimeZone::PARIS),
        holidays: fields.take("holidays"),
        holidays_added: fields.list("holidays_added"),
        holidays_removed: fields.list("holidays_removed"),
        closed: steps(fields, "closed"),
        away: steps(fields, "away"),
        at_closing: fields.or("at_closing", AtClosing::ServeOn),
        leave: leave(fields),
        sites: fields.has("sites").then(|| fields.list("sites")),
        own: fields.list("own"),
        skill: fields.take("skill"),
        wrap_up: fields.take("wrap_up").map(|located| located.value),
        waiting_max: at_least_one(fields),
        wait_max: a_wait(fields),
        affinity: fields.or("affinity", AFFINITY),
        redial_within: fields.or("redial_within", REDIAL_WITHIN),
        callers: callers(fields),
        repeated: repeated(fields),
        forward: super::section(fields, "forward", forward),
        greeting: fields.take("greeting").map(|Located { value: Line(line), .. }| line),
        instructions: fields.take("instructions").map(|Located { value: Text(text), .. }| text),
        identity: fields.take("identity").map(|Located { value: Text(text), .. }| text),
        practitioners: practitioners(fields),
        links: links(fields),
    }
}

fn at_least_one(fields: &mut Fields<'_, '_, '_>) -> Option<usize> {
    let max = fields.take::<usize>("waiting_max")?;
    if max.value == 0 {
        let fault = "none: all of its callers but the urgent would hear busy";
        fields.mistakes.push(max.place.mistake(fault, "write 1 or more, or leave the key out"));
    }
    Some(max.value)
}

fn a_wait(fields: &mut Fields<'_, '_, '_>) -> Option<Duration> {
    let max = fields.take::<Duration>("wait_max")?;
    let wrong = a_second(
        "below one second: nobody could answer in time",
        "write what a caller may wait altogether, like \"5 min\", or leave the key out",
    );
    if let Some((fault, remedy)) = wrong(&max.value) {
        fields.mistakes.push(max.place.mistake(fault, remedy));
    }
    Some(max.value)
}

fn steps<'t>(fields: &mut Fields<'t, '_, '_>, key: &'static str) -> Option<List<'t, StepFile>> {
    fields.has(key).then(|| fields.list_of(key, step))
}

/// `[[leave]]`.
fn leave<'t>(fields: &mut Fields<'t, '_, '_>) -> Vec<LeaveFile<'t>> {
    let mut all = Vec::new();
    fields.tables("leave", "leave", |fields, place| {
        let from = fields.required("from", "\"2026-08-03\"");
        let to = fields.required("to", "\"2026-08-21\", its last day");
        let plan = steps(fields, "plan");
        if let (Some(from), Some(to)) = (from, to) {
            all.push(LeaveFile { from, to, plan, place });
        }
    });
    all
}

/// `[[callers]]`.
fn callers<'t>(fields: &mut Fields<'t, '_, '_>) -> Vec<CallersFile<'t>> {
    let mut all = Vec::new();
    fields.tables("callers", "callers", |fields, place| {
        let ways = ["urgency", "through", "blocked", "plan"];
        let name = fields.required::<String>("name", "\"confrères\"");
        all.push(CallersFile {
            name: name.map_or_else(String::new, |name| name.value),
            numbers: fields.list("numbers"),
            urgency: fields.take("urgency").map(|located| located.value),
            is_through: fields.or("through", false),
            is_blocked: fields.or("blocked", false),
            plan: steps(fields, "plan"),
            is_tried: ways.iter().any(|key| fields.has(key)),
            place,
        });
    });
    all
}

/// `[repeated]`.
fn repeated<'t>(fields: &mut Fields<'t, '_, '_>) -> Option<RepeatedFile<'t>> {
    let (values, place) = fields.table("repeated")?;
    let mut fields = Fields::new("repeated", values, place, fields.mistakes);
    Some(RepeatedFile {
        calls: fields.required("calls", "3"),
        within: fields.required("within", "\"1 h\""),
        then: match fields.is_list("then") {
            true => Some(ThenFile::Plan(fields.list_of("then", step))),
            false => fields.required("then", "\"rise\"").map(|_: Located<'_, Rise>| ThenFile::Rise),
        },
    })
}

/// `[forward]`.
fn forward<'t>(fields: &mut Fields<'t, '_, '_>) -> ForwardFile<'t> {
    ForwardFile {
        trunk: fields.take("trunk"),
        number: fields.take("number"),
        no_key: fields.list("no_key"),
        allowed: fields.list("allowed"),
    }
}

/// `[[practitioners]]`.
fn practitioners<'t>(fields: &mut Fields<'t, '_, '_>) -> Vec<PractitionerFile<'t>> {
    let mut all = Vec::new();
    fields.tables("practitioners", "practitioners", |fields, place| {
        let number = fields.take("number").map(|located| located.value);
        let disturb = fields.take("disturb").map(|Located { value: Line(line), .. }| line);
        let text = fields.take("instructions").map(|Located { value: Text(text), .. }| text);
        let numbers = fields.list("numbers");
        let (callers, leave) = (callers(fields), leave(fields));
        for key in ["callers", "leave"] {
            if fields.has(key) && !numbers.is_tried {
                let mistake = fields.place_of(key).missing(
                    "never used: no number is this practitioner's own",
                    "write `numbers = [\"01 23 45 67 89\"]`, those that lead to this practitioner, or move \
                     it to the practice: then it holds for all of its callers",
                );
                fields.mistakes.push(mistake);
            }
        }
        if let Some(name) = fields.required("name", "\"Dr Martin\"") {
            all.push(PractitionerFile {
                name,
                number,
                disturb,
                instructions: text,
                numbers,
                callers,
                leave,
                place,
            });
        }
    });
    all
}

/// `[[links]]`.
fn links(fields: &mut Fields<'_, '_, '_>) -> Vec<call::Link> {
    let mut all = Vec::new();
    fields.tables("links", "links", |fields, _| {
        let name = fields.required("name", "\"agenda\"");
        let url = fields.required("url", "\"https://agenda.example.fr/martin\"");
        if let (Some(name), Some(url)) = (name, url) {
            let (Located { value: Line(name), .. }, Located { value: Link(url), .. }) = (name, url);
            all.push(call::Link { name, url });
        }
    });
    all
}

/// What a step is told by, and the keys that it may have beside that.
const KINDS: [(&str, &[&str]); 5] = [
    ("queue", &["for", "nobody", "unless_waiting", "unless_expected", "unless_none_free"]),
    ("ring", &["for"]),
    ("call", &["for"]),
    ("practice", &[]),
    ("announce", &["answer", "urgent_key"]),
];
const STEPS: &str = "write { queue = \"TEAM\", for = \"3 min\" }, { ring = \"PHONE\", for = \"20 s\" }, \
                     { call = \"01 23 45 67 89\", for = \"25 s\" }, { practice = \"NAME\" }, \
                     { announce = \"PROMPT\" } or \"busy\"";

/// One step: a table with the key of its kind, or `"busy"`.
fn step<'t, 'd>(
    fields: &mut Fields<'t, 'd, '_>,
    value: &'d Spanned<DeValue<'d>>,
    place: Place<'t>,
) -> Option<StepFile> {
    match (value.get_ref().as_str(), value.get_ref().as_table()) {
        (Some("busy"), _) => Some(StepFile::Busy),
        (_, Some(values)) => step_table(fields, values, &place),
        (_, None) => {
            fields.mistakes.push(place.mistake("no step that is known", STEPS));
            None
        }
    }
}

fn step_table<'t>(
    fields: &mut Fields<'t, '_, '_>,
    values: &DeTable<'_>,
    place: &Place<'t>,
) -> Option<StepFile> {
    let mut fields = Fields::new("plan", values, place.clone(), fields.mistakes);
    let kinds: Vec<&(&str, &[&str])> = KINDS.iter().filter(|(kind, _)| fields.has(kind)).collect();
    let Some((kind, keys)) = kinds.first() else {
        // An unknown key is told already, and is most likely what was meant.
        if values.iter().all(|(key, _)| fields.knows(key.get_ref())) {
            fields.mistakes.push(place.mistake("no step that is known", STEPS));
        }
        return None;
    };
    refuse(&mut fields, place, kind, keys);
    let ring_for = |fields: &mut Fields<'_, '_, '_>| fields.or("for", FORWARD_FOR);
    match *kind {
        "queue" => Some(StepFile::Queue(QueueFile {
            until: fields.take("for").map(|located| located.value),
            nobody: fields.take("nobody").map(|located| located.value),
            unless_waiting: fields.take("unless_waiting").map(|located| located.value),
            unless_expected: fields.take("unless_expected").map(|located| located.value),
            unless_none_free: fields.or("unless_none_free", false),
            team: fields.take::<String>("queue")?.value,
        })),
        "ring" => Some(StepFile::Ring {
            ring_for: ring_for(&mut fields),
            phone: fields.take::<String>("ring")?.value,
        }),
        "call" => Some(StepFile::Call {
            ring_for: ring_for(&mut fields),
            number: fields.take::<Destination>("call")?.value,
        }),
        "practice" => {
            Some(StepFile::Practice { practice: fields.take::<String>("practice")?.value })
        }
        "announce" => {
            // One that cannot be read is told, and leads on all the same.
            let unread = fields.has("urgent_key").then_some('1');
            let urgent_key = fields.take::<Key>("urgent_key").map(|located| located.value.0);
            Some(StepFile::Announce {
                answer: fields.or("answer", true),
                urgent_key: urgent_key.or(unread),
                prompt: fields.take::<String>("announce")?.value,
            })
        }
        other => unreachable!("invariant: {other} is one of KINDS"),
    }
}

/// Keys of another kind of step.
fn refuse<'t>(fields: &mut Fields<'t, '_, '_>, place: &Place<'t>, kind: &str, keys: &[&str]) {
    let others =
        KINDS.iter().flat_map(|(other, keys)| [*other].into_iter().chain(keys.iter().copied()));
    let mut told = Vec::new();
    for key in others.filter(|key| *key != kind && !keys.contains(key)) {
        if !fields.has(key) || told.contains(&key) {
            continue;
        }
        told.push(key);
        fields.mistakes.push(place.within(key).missing(
            format!("a key {}", owner(key)),
            format!("remove it, or make two steps: {{ {kind} = … }}, then one of its own; {STEPS}"),
        ));
    }
}

/// What sort of step a key belongs to.
fn owner(key: &str) -> &'static str {
    match key {
        "answer" | "urgent_key" | "announce" => "of a step that announces",
        "for" => "of a step in which a caller waits or a phone rings",
        "ring" | "call" => "of a step that rings somebody else",
        "practice" => "of a step that hands on to another practice",
        _ => "of a step in which a caller waits",
    }
}
