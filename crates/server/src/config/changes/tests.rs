use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::*;
use crate::config::{self, KEYS};

const ALL: &str = r#"
[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
[trunks.op]
sources = ["192.0.2.0/24"]
dids = ["01 99 00 *"]
[trunks.op.outbound]
to = "192.0.2.7"
[sites.paris]
trunk = "op"
number = "01 99 00 12 34"
[teams.pool]
[agents.101]
teams = ["pool"]
site = "paris"
skills = { pediatrics = 1 }
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[agents.102]
teams = ["pool"]
site = "lyon"
secret_file = "102.secret"
[phones.accueil]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[practices.night]
name = "Night"
numbers = ["01 99 00 12 30"]
plan = ["busy"]
[practices.martin]
name = "Dr Martin"
numbers = ["01 99 00 12 34"]
urgent_numbers = ["01 99 00 12 15"]
skill = "pediatrics"
hours = "Mo-Fr 08:00-19:00"
closed = ["busy"]
plan = [{ call = "06 39 98 00 12" }, { ring = "accueil" }, { queue = "pool", for = 60 }, { announce = "overflow" }]
[[practices.martin.leave]]
from = "2027-08-02"
to = "2027-08-20"
plan = ["busy"]
[[practices.martin.callers]]
name = "confrères"
numbers = ["01 99 00 77 01"]
urgency = "priority"
[practices.martin.repeated]
calls = 3
within = 60
then = "rise"
[[practices.martin.practitioners]]
name = "Dr Martin"
number = "06 39 98 00 12"
[[practices.martin.links]]
name = "agenda"
url = "https://x.example/"
"#;

/// The key of [`KEYS`], what is replaced in [`ALL`], what by, and what tells it in the end.
const TABLE: &[(&str, &str, &str, &str)] = &[
    (
        "server.realm",
        "pbx.example",
        "sip.example",
        "~ [server]: realm pbx.example.fr → sip.example.fr",
    ),
    ("server.node", "[server]", "[server]\nnode = 2", "~ [server]: node 1 → 2"),
    ("server.data", "[server]", "[server]\ndata = \"x\"", "~ [server]: data data → x"),
    (
        "server.control",
        "[server]",
        "[server]\ncontrol = \"x.sock\"",
        "~ [server]: control data/monoligne.sock → x.sock",
    ),
    (
        "server.drain_timeout",
        "[server]",
        "[server]\ndrain_timeout = 60",
        "~ [server]: drain_timeout 30 s → 1 min",
    ),
    (
        "listen.address",
        "127.0.0.1:5060",
        "127.0.0.1:5070",
        "~ [[listen]]: address 127.0.0.1:5060 (udp, tcp) → 127.0.0.1:5070 (udp, tcp)",
    ),
    (
        "listen.advertise",
        "[[listen]]",
        "[[listen]]\nadvertise = \"192.0.2.1:5060\"",
        "127.0.0.1:5060 as 192.0.2.1:5060 (udp, tcp)",
    ),
    ("listen.transports", "[[listen]]", "[[listen]]\ntransports = [\"udp\"]", " (udp)"),
    (
        "media.address",
        "[[listen]]",
        "[media]\naddress = \"127.0.0.2\"\n[[listen]]",
        "~ [media]: address 127.0.0.1 → 127.0.0.2",
    ),
    (
        "media.advertise",
        "[[listen]]",
        "[media]\nadvertise = \"192.0.2.1\"\n[[listen]]",
        "~ [media]: advertise none → 192.0.2.1",
    ),
    (
        "media.ports",
        "[[listen]]",
        "[media]\nports = \"20000-20099\"\n[[listen]]",
        "~ [media]: ports 16384-17383 → 20000-20099",
    ),
    ("media.threads", "[[listen]]", "[media]\nthreads = 2\n[[listen]]", "~ [media]: threads 1 → 2"),
    (
        "log.format",
        "[[listen]]",
        "[log]\nformat = \"json\"\n[[listen]]",
        "~ [log]: format text → json",
    ),
    (
        "log.level",
        "[[listen]]",
        "[log]\nlevel = \"debug\"\n[[listen]]",
        "~ [log]: level info → debug",
    ),
    (
        "metrics.listen",
        "[[listen]]",
        "[metrics]\nlisten = \"127.0.0.1:9464\"\n[[listen]]",
        "~ [metrics]: listen none → 127.0.0.1:9464",
    ),
    (
        "calls.codecs",
        "[[listen]]",
        "[calls]\ncodecs = [\"PCMA\"]\n[[listen]]",
        "~ [calls]: codecs PCMA + PCMU + G722 + opus → PCMA",
    ),
    (
        "calls.ring_refresh",
        "[[listen]]",
        "[calls]\nring_refresh = 40\n[[listen]]",
        "~ [calls]: ring_refresh 50 s → 40 s",
    ),
    (
        "calls.unreachable_after",
        "[[listen]]",
        "[calls]\nunreachable_after = 3\n[[listen]]",
        "~ [calls]: unreachable_after 2 s → 3 s",
    ),
    (
        "calls.inquiry_timeout",
        "[[listen]]",
        "[calls]\ninquiry_timeout = 4\n[[listen]]",
        "~ [calls]: inquiry_timeout 3 s → 4 s",
    ),
    (
        "calls.hold_music",
        "[[listen]]",
        "[calls]\nhold_music = \"hold\"\n[[listen]]",
        "~ [calls]: hold_music none → hold",
    ),
    (
        "calls.pause_reasons",
        "[[listen]]",
        "[calls]\npause_reasons = [\"repas\"]\n[[listen]]",
        "~ [calls]: pause_reasons none → repas",
    ),
    (
        "registrar.algorithms",
        "[[listen]]",
        "[registrar]\nalgorithms = [\"MD5\", \"SHA-256\"]\n[[listen]]",
        "~ [registrar]: algorithms MD5 → MD5 + SHA-256",
    ),
    (
        "registrar.expires_default",
        "[[listen]]",
        "[registrar]\nexpires_default = 400\n[[listen]]",
        "~ [registrar]: expires_default 5 min → 6 min 40 s",
    ),
    (
        "registrar.expires_min",
        "[[listen]]",
        "[registrar]\nexpires_min = 90\n[[listen]]",
        "~ [registrar]: expires_min 1 min → 1 min 30 s",
    ),
    (
        "registrar.expires_max",
        "[[listen]]",
        "[registrar]\nexpires_max = 7200\n[[listen]]",
        "~ [registrar]: expires_max 1 h → 2 h",
    ),
    (
        "registrar.bindings_max",
        "[[listen]]",
        "[registrar]\nbindings_max = 2\n[[listen]]",
        "~ [registrar]: bindings_max 8 → 2",
    ),
    (
        "registrar.options_interval",
        "[[listen]]",
        "[registrar]\noptions_interval = 30\n[[listen]]",
        "~ [registrar]: options_interval 20 s → 30 s",
    ),
    (
        "reload.watch",
        "[[listen]]",
        "[reload]\nwatch = true\n[[listen]]",
        "~ [reload]: watch false → true",
    ),
    (
        "emergency_numbers.as_of",
        "[[listen]]",
        "[emergency_numbers]\nas_of = 2026-01-31\n[[listen]]",
        "~ [emergency_numbers]: as_of 2023-07-01 → 2026-01-31",
    ),
    (
        "emergency_numbers.numbers",
        "[[listen]]",
        "[emergency_numbers]\nas_of = 2023-07-01\nnumbers = [15, 17, 18, 112]\n[[listen]]",
        "~ [emergency_numbers]: numbers - 114 - 115 - 116000 - 116117 - 119 - 191 - 196 - 197",
    ),
    (
        "limits.calls_max",
        "[[listen]]",
        "[limits]\ncalls_max = 9\n[[listen]]",
        "~ [limits]: calls_max 10000 → 9",
    ),
    (
        "limits.waiting_max",
        "[[listen]]",
        "[limits]\nwaiting_max = 9\n[[listen]]",
        "~ [limits]: waiting_max 10000 → 9",
    ),
    (
        "limits.transactions_max",
        "[[listen]]",
        "[limits]\ntransactions_max = 9\n[[listen]]",
        "~ [limits]: transactions_max 200000 → 9",
    ),
    (
        "limits.dialogs_max",
        "[[listen]]",
        "[limits]\ndialogs_max = 9\n[[listen]]",
        "~ [limits]: dialogs_max 40000 → 9",
    ),
    (
        "limits.connections_max",
        "[[listen]]",
        "[limits]\nconnections_max = 9\n[[listen]]",
        "~ [limits]: connections_max 2000 → 9",
    ),
    (
        "limits.connections_per_source_max",
        "[[listen]]",
        "[limits]\nconnections_per_source_max = 9\n[[listen]]",
        "~ [limits]: connections_per_source_max 250 → 9",
    ),
    ("sites.trunk", "trunk = \"op\"", "trunk = \"op2\"", "~ site paris: trunk op → op2"),
    ("sites.number", "er = \"01 99 00 12 34\"", "er = \"01 99 00 12 35\"", "number …34 → …35"),
    ("trunks.name", "[trunks.op]", "[trunks.op]\nname = \"Op\"", "~ trunk Op: name op → Op"),
    (
        "trunks.sources",
        "192.0.2.0/24",
        "192.0.2.0/25",
        "~ trunk op: sources 192.0.2.0/24 → 192.0.2.0/25",
    ),
    (
        "trunks.transports",
        "[trunks.op]",
        "[trunks.op]\ntransports = [\"udp\", \"tcp\"]",
        "~ trunk op: transports udp → udp + tcp",
    ),
    (
        "trunks.max_unanswered",
        "[trunks.op]",
        "[trunks.op]\nmax_unanswered = 90",
        "~ trunk op: max_unanswered 1 min 25 s → 1 min 30 s",
    ),
    (
        "trunks.rang_before",
        "[trunks.op]",
        "[trunks.op]\nrang_before = 9",
        "~ trunk op: rang_before 25 s → 9 s",
    ),
    (
        "numbers.country",
        "[trunks.op]",
        "[trunks.op]\nnumbers = { country = \"NC\" }",
        "~ trunk op: numbers.country FR → NC",
    ),
    (
        "numbers.strip",
        "[trunks.op]",
        "[trunks.op]\nnumbers = { strip = \"9\" }",
        "~ trunk op: numbers.strip none → 9",
    ),
    (
        "trunks.numbers",
        "[trunks.op]",
        "[trunks.op]\nnumbers = { country = \"PF\" }",
        "~ trunk op: numbers.country FR → PF",
    ),
    (
        "trunks.outbound",
        "to = \"192.0.2.7\"",
        "to = \"192.0.2.9\"",
        "~ trunk op: outbound.to 192.0.2.7:5060 → 192.0.2.9:5060",
    ),
    ("trunks.dids", "[\"01 99 00 *\"]", "[\"01 99 *\"]", "~ trunk op: dids"),
    (
        "outbound.to",
        "to = \"192.0.2.7\"",
        "to = \"192.0.2.8\"",
        "~ trunk op: outbound.to 192.0.2.7:5060 → 192.0.2.8:5060",
    ),
    (
        "outbound.transport",
        "to = \"192.0.2.7\"",
        "to = \"192.0.2.7\"\ntransport = \"tcp\"",
        "~ trunk op: outbound.transport udp → tcp",
    ),
    (
        "outbound.forwarded_by",
        "to = \"192.0.2.7\"",
        "to = \"192.0.2.7\"\nforwarded_by = \"nothing\"",
        "~ trunk op: outbound.forwarded_by diversion → nothing",
    ),
    ("practices.name", "= \"Dr Martin\"\nnumbers", "= \"Dr M\"\nnumbers", "name Dr Martin → Dr M"),
    (
        "practices.label",
        "skill =",
        "label = \"Dr M\"\nskill =",
        "~ practice Dr Martin: label Dr Martin → Dr M",
    ),
    (
        "practices.numbers",
        "s = [\"01 99 00 12 34\"]",
        "s = [\"01 99 00 12 35\", \"01 99 00 12 36\"]",
        "~ practice Dr Martin: numbers …34 → …35 + …36",
    ),
    (
        "practices.answer_within",
        "skill =",
        "answer_within = 15\nskill =",
        "~ practice Dr Martin: answer_within 25 s → 15 s",
    ),
    (
        "practices.urgency",
        "skill =",
        "urgency = \"vital\"\nskill =",
        "~ practice Dr Martin: urgency normal → vital",
    ),
    (
        "practices.plan",
        "plan = [\"busy\"]\n[practices.martin]",
        "plan = [{ queue = \"pool\" }]\n[practices.martin]",
        "~ practice Night: plan step 1: hear busy, the end → wait for the team pool without end",
    ),
    (
        "practices.hours",
        "19:00\"",
        "18:00\"",
        "~ practice Dr Martin: hours `Mo-Fr 08:00-19:00` → `Mo-Fr 08:00-18:00`",
    ),
    (
        "practices.time_zone",
        "name = \"Night\"",
        "name = \"Night\"\ntime_zone = \"Indian/Reunion\"",
        "~ practice Night: time_zone Europe/Paris → Indian/Reunion",
    ),
    (
        "practices.holidays",
        "skill =",
        "holidays = \"la-reunion\"\nskill =",
        "~ practice Dr Martin: holidays france → la-reunion",
    ),
    (
        "practices.holidays_added",
        "skill =",
        "holidays_added = [\"2027-05-07\"]\nskill =",
        "~ practice Dr Martin: holidays_added none → 2027-05-07",
    ),
    (
        "practices.holidays_removed",
        "skill =",
        "holidays_removed = [\"2027-05-17\"]\nskill =",
        "~ practice Dr Martin: holidays_removed none → 2027-05-17",
    ),
    (
        "practices.closed",
        "closed = [\"busy\"]",
        "closed = [{ announce = \"closed\" }]",
        "~ practice Dr Martin: closed step 1: hear busy, the end → hear \"closed\" (answered for it), the end",
    ),
    (
        "practices.away",
        "skill =",
        "away = [\"busy\"]\nskill =",
        "~ practice Dr Martin: away step 1: hear \"leave\" (answered for it), the end → hear busy, the end",
    ),
    (
        "practices.at_closing",
        "skill =",
        "at_closing = \"move\"\nskill =",
        "~ practice Dr Martin: at_closing serve → move",
    ),
    (
        "practices.leave",
        "[[practices.martin.leave]]",
        "[[practices.martin.leave]]\nfrom = \"2027-12-24\"\nto = \"2027-12-24\"\nplan = [\"busy\"]\n\
         [[practices.martin.leave]]",
        "Fri 2027-12-24 00:00 to Sat 2027-12-25 00:00: [hear busy, the end] + Mon 2027-08-02 00:00 to Sat \
         2027-08-21 00:00: [hear busy, the end]",
    ),
    (
        "practices.urgent_numbers",
        "[\"01 99 00 12 15\"]",
        "[\"01 99 00 12 16\"]",
        "~ practice Dr Martin: urgent_numbers …15 → …16",
    ),
    (
        "practices.sites",
        "skill =",
        "sites = [\"paris\"]\nskill =",
        "~ practice Dr Martin: sites anywhere → paris",
    ),
    (
        "practices.own",
        "skill =",
        "own = [\"102\"]\nskill =",
        "~ practice Dr Martin: own none → 102",
    ),
    (
        "practices.skill",
        "skill = \"pediatrics\"",
        "",
        "~ practice Dr Martin: skill pediatrics → none",
    ),
    (
        "practices.wrap_up",
        "skill =",
        "wrap_up = 5\nskill =",
        "~ practice Dr Martin: wrap_up the team's → 5 s",
    ),
    (
        "practices.waiting_max",
        "skill =",
        "waiting_max = 9\nskill =",
        "~ practice Dr Martin: waiting_max none → 9",
    ),
    (
        "practices.wait_max",
        "skill =",
        "wait_max = 90\nskill =",
        "~ practice Dr Martin: wait_max none → 1 min 30 s",
    ),
    (
        "practices.affinity",
        "skill =",
        "affinity = 0\nskill =",
        "~ practice Dr Martin: affinity 24 h → 0 s",
    ),
    (
        "practices.redial_within",
        "skill =",
        "redial_within = 0\nskill =",
        "~ practice Dr Martin: redial_within 5 min → 0 s",
    ),
    (
        "practices.callers",
        "[practices.martin.repeated]",
        "[[practices.martin.callers]]\nname = \"x\"\nnumbers = [\"01 99 00 77 02\"]\nblocked = true\n\
         [practices.martin.repeated]",
        "~ practice Dr Martin: callers \"x\" none → blocked\n\
         ~ practice Dr Martin: callers \"x\" numbers none → …02",
    ),
    (
        "practices.repeated",
        "[practices.martin.repeated]\ncalls = 3\nwithin = 60\nthen = \"rise\"\n",
        "",
        "~ practice Dr Martin: repeated from call 3 within 1 min on: rise → none",
    ),
    (
        "practices.forward",
        "skill =",
        "forward = { allowed = [\"06 39 98 00 15\", \"06 39 98 00 16\"] }\nskill =",
        "~ practice Dr Martin: forward.allowed none → …15 + …16",
    ),
    (
        "practices.greeting",
        "skill =",
        "greeting = \"Bonjour\"\nskill =",
        "~ practice Dr Martin: greeting changed",
    ),
    (
        "practices.instructions",
        "skill =",
        "instructions = \"a\\nb\"\nskill =",
        "~ practice Dr Martin: instructions changed",
    ),
    (
        "practices.identity",
        "skill =",
        "identity = \"x\"\nskill =",
        "~ practice Dr Martin: identity changed",
    ),
    (
        "practices.practitioners",
        "[[practices.martin.practitioners]]",
        "[[practices.martin.practitioners]]\nname = \"Dr X\"\n[[practices.martin.practitioners]]",
        "~ practice Dr Martin: practitioners Dr Martin …12 → Dr X + Dr Martin …12",
    ),
    (
        "practices.links",
        "[[practices.martin.links]]\nname = \"agenda\"\nurl = \"https://x.example/\"\n",
        "",
        "~ practice Dr Martin: links changed",
    ),
    (
        "plan.queue",
        "queue = \"pool\"",
        "queue = \"far\"",
        "~ practice Dr Martin: plan step 3: wait for the team pool for 1 min, no longer than 10 s without \
         anybody there → wait for the team far for 1 min, no longer than 10 s without anybody there",
    ),
    (
        "plan.for",
        "for = 60",
        "for = 50",
        "pool for 50 s, no longer than 10 s without anybody there",
    ),
    (
        "plan.nobody",
        "for = 60",
        "for = 60, nobody = \"never\"",
        "→ wait for the team pool for 1 min",
    ),
    (
        "plan.unless_waiting",
        "for = 60",
        "for = 60, unless_waiting = 3",
        "; passed over when 3 wait ahead of him",
    ),
    (
        "plan.unless_expected",
        "for = 60",
        "for = 60, unless_expected = 90",
        "; passed over when a longer wait than 1 min 30 s is expected",
    ),
    (
        "plan.unless_none_free",
        "for = 60",
        "for = 60, unless_none_free = true",
        "; passed over when nobody who may have him is free",
    ),
    (
        "plan.ring",
        "ring = \"accueil\"",
        "ring = \"door\"",
        "~ practice Dr Martin: plan step 2: ring accueil for 25 s → ring door for 25 s",
    ),
    (
        "plan.call",
        "call = \"06 39 98 00 12\"",
        "call = \"06 39 98 00 13\"",
        "~ practice Dr Martin: plan step 1: ring …12 for 25 s → ring …13 for 25 s",
    ),
    (
        "plan.call",
        "call = \"06 39 98 00 12\"",
        "call = \"06 39 98 01 12\"",
        "~ practice Dr Martin: plan step 1:",
    ),
    (
        "plan.practice",
        "closed = [\"busy\"]",
        "closed = [{ practice = \"night\" }]",
        "~ practice Dr Martin: closed step 1: hear busy, the end → go on with the plan of Night",
    ),
    (
        "plan.announce",
        "announce = \"overflow\"",
        "announce = \"closed\"",
        "~ practice Dr Martin: plan step 4: hear \"overflow\" (answered for it), the end → hear \"closed\" \
         (answered for it), the end",
    ),
    (
        "plan.urgent_key",
        "{ announce = \"overflow\" }]",
        "{ announce = \"overflow\", urgent_key = \"1\" }, { ring = \"accueil\" }]",
        "the end, unless he presses 1: he is urgent then, and goes on with the next step",
    ),
    (
        "plan.answer",
        "announce = \"overflow\"",
        "announce = \"overflow\", answer = false",
        "(answered for it), the end → hear \"overflow\" (not answered), the end",
    ),
    (
        "leave.from",
        "2027-08-02",
        "2027-08-03",
        "leave Mon 2027-08-02 00:00 to Sat 2027-08-21 00:00",
    ),
    ("leave.to", "2027-08-20", "2027-08-21", "Mon 2027-08-02 00:00 to Sun 2027-08-22 00:00"),
    (
        "leave.plan",
        "2027-08-20\"\nplan = [\"busy\"]",
        "2027-08-20\"\nplan = [{ announce = \"leave\" }]",
        "→ Mon 2027-08-02 00:00 to Sat 2027-08-21 00:00: [hear \"leave\" (answered for it), the end]",
    ),
    (
        "callers.name",
        "name = \"confrères\"",
        "name = \"médecins\"",
        "~ practice Dr Martin: callers \"confrères\" urgency priority → none\n\
         ~ practice Dr Martin: callers \"confrères\" numbers …01 → none\n\
         ~ practice Dr Martin: callers \"médecins\" none → urgency priority\n\
         ~ practice Dr Martin: callers \"médecins\" numbers none → …01",
    ),
    (
        "callers.numbers",
        "[\"01 99 00 77 01\"]",
        "[\"01 99 00 77 01\", \"01 99 00 77 02\"]",
        "~ practice Dr Martin: callers \"confrères\" numbers + …02",
    ),
    (
        "callers.urgency",
        "urgency = \"priority\"",
        "urgency = \"urgent\"",
        "~ practice Dr Martin: callers \"confrères\" urgency priority → urgency urgent",
    ),
    (
        "callers.through",
        "urgency = \"priority\"",
        "urgency = \"priority\"\nthrough = true",
        "~ practice Dr Martin: callers \"confrères\" urgency priority → urgency priority, through",
    ),
    (
        "callers.blocked",
        "urgency = \"priority\"",
        "blocked = true",
        "~ practice Dr Martin: callers \"confrères\" urgency priority → blocked",
    ),
    (
        "callers.plan",
        "urgency = \"priority\"",
        "plan = [{ announce = \"closed\" }]",
        "→ [hear \"closed\" (answered for it), the end]",
    ),
    (
        "repeated.calls",
        "calls = 3",
        "calls = 4",
        "repeated from call 3 within 1 min on: rise → from call 4 within 1 min on: rise",
    ),
    ("repeated.within", "within = 60", "within = 90", "→ from call 3 within 1 min 30 s on: rise"),
    (
        "repeated.then",
        "then = \"rise\"",
        "then = [\"busy\"]",
        "→ from call 3 within 1 min on: [hear busy, the end]",
    ),
    (
        "forward.trunk",
        "skill =",
        "forward = { trunk = \"op\" }\nskill =",
        "~ practice Dr Martin: forward.trunk the caller's → op",
    ),
    (
        "forward.number",
        "skill =",
        "forward = { number = \"01 99 00 12 34\" }\nskill =",
        "~ practice Dr Martin: forward.number none → …34",
    ),
    (
        "forward.no_key",
        "skill =",
        "forward = { no_key = [\"06 39 98 00 12\"] }\nskill =",
        "~ practice Dr Martin: forward.no_key none → …12",
    ),
    (
        "forward.allowed",
        "skill =",
        "forward = { allowed = [\"06 39 98 00 15\"] }\nskill =",
        "~ practice Dr Martin: forward.allowed none → …15",
    ),
    (
        "practitioners.name",
        "name = \"Dr Martin\"\nnumber =",
        "name = \"Dr M\"\nnumber =",
        "~ practice Dr Martin: practitioners Dr Martin …12 → Dr M …12",
    ),
    (
        "practitioners.number",
        "number = \"06 39 98 00 12\"",
        "number = \"06 39 98 01 12\"",
        "~ practice Dr Martin: practitioners changed (Dr Martin …12)",
    ),
    (
        "practitioners.disturb",
        "number = \"06 39 98 00 12\"",
        "number = \"06 39 98 00 12\"\ndisturb = \"jamais\"",
        "~ practice Dr Martin: practitioners changed (Dr Martin …12)",
    ),
    (
        "practitioners.instructions",
        "number = \"06 39 98 00 12\"",
        "number = \"06 39 98 00 12\"\ninstructions = \"avant midi\"",
        "~ practice Dr Martin: practitioners changed (Dr Martin …12)",
    ),
    (
        "practitioners.numbers",
        "number = \"06 39 98 00 12\"",
        "number = \"06 39 98 00 12\"\nnumbers = [\"01 99 00 12 36\"]",
        "~ practice Dr Martin: practitioners Dr Martin …12 → Dr Martin …12 …36",
    ),
    (
        "practitioners.callers",
        "number = \"06 39 98 00 12\"",
        "number = \"06 39 98 00 12\"\nnumbers = [\"01 99 00 12 36\"]\n\
         callers = [{ name = \"x\", numbers = [\"06 39 98 00 77\"], blocked = true }]",
        "→ Dr Martin …12 …36 with 1 callers listed",
    ),
    (
        "practitioners.leave",
        "number = \"06 39 98 00 12\"",
        "number = \"06 39 98 00 12\"\nnumbers = [\"01 99 00 12 36\"]\n\
         leave = [{ from = \"2027-09-01\", to = \"2027-09-05\", plan = [\"busy\"] }]",
        "→ Dr Martin …12 …36 with 1 times of leave",
    ),
    ("links.name", "\"agenda\"", "\"fichier\"", "~ practice Dr Martin: links changed"),
    (
        "links.url",
        "https://x.example/",
        "https://y.example/",
        "~ practice Dr Martin: links changed",
    ),
    (
        "teams.ring_for",
        "[teams.pool]",
        "[teams.pool]\nring_for = 20",
        "~ team pool: ring_for 15 s → 20 s",
    ),
    (
        "teams.wrap_up",
        "[teams.pool]",
        "[teams.pool]\nwrap_up = 20",
        "~ team pool: wrap_up 10 s → 20 s",
    ),
    (
        "teams.misses_max",
        "[teams.pool]",
        "[teams.pool]\nmisses_max = 5",
        "~ team pool: misses_max 3 → 5",
    ),
    (
        "teams.retry_after",
        "[teams.pool]",
        "[teams.pool]\nretry_after = { busy = 31 }",
        "~ team pool: retry_after.busy",
    ),
    (
        "teams.strategy",
        "[teams.pool]",
        "[teams.pool]\nstrategy = \"fixed\"",
        "~ team pool: strategy longest-idle → fixed",
    ),
    ("teams.ring", "[teams.pool]", "[teams.pool]\nring = 2", "~ team pool: ring 1 → 2"),
    ("teams.reserve", "[teams.pool]", "[teams.pool]\nreserve = 1", "~ team pool: reserve 0 → 1"),
    (
        "teams.ageing",
        "[teams.pool]",
        "[teams.pool]\nageing = 60",
        "~ team pool: ageing none → 1 min",
    ),
    (
        "teams.pool",
        "[teams.pool]",
        "[teams.pool]\npool = \"north\"",
        "~ team pool: pool none → north",
    ),
    (
        "teams.widen",
        "[teams.pool]",
        "[teams.pool]\nwiden = [{ to = \"everyone\" }]",
        "~ team pool: widen none → everyone after 0 s",
    ),
    (
        "widen.to",
        "[teams.pool]",
        "[teams.pool]\nwiden = [{ to = \"own\" }, { to = \"everyone\", after = 40 }]",
        "~ team pool: widen none → own after 0 s + everyone after 40 s",
    ),
    (
        "widen.after",
        "[teams.pool]",
        "[teams.pool]\nwiden = [{ to = \"own\" }, { to = \"everyone\", after = 50 }]",
        "~ team pool: widen none → own after 0 s + everyone after 50 s",
    ),
    (
        "retry_after.no_answer",
        "[teams.pool]",
        "[teams.pool]\nretry_after = { no_answer = 31 }",
        "~ team pool: retry_after.no_answer",
    ),
    (
        "retry_after.declined",
        "[teams.pool]",
        "[teams.pool]\nretry_after = { declined = 31 }",
        "~ team pool: retry_after.declined",
    ),
    (
        "retry_after.busy",
        "[teams.pool]",
        "[teams.pool]\nretry_after = { busy = 31 }",
        "~ team pool: retry_after.busy",
    ),
    (
        "retry_after.unreachable",
        "[teams.pool]",
        "[teams.pool]\nretry_after = { unreachable = 31 }",
        "~ team pool: retry_after.unreachable",
    ),
    (
        "retry_after.dropped",
        "[teams.pool]",
        "[teams.pool]\nretry_after = { dropped = 31 }",
        "~ team pool: retry_after.dropped",
    ),
    ("agents.name", "site = \"lyon\"", "site = \"lyon\"\nname = \"Zoé\"", "name 102 → Zoé"),
    (
        "agents.teams",
        "teams = [\"pool\"]\nsite = \"lyon\"",
        "teams = [\"pool\", \"far\"]\nsite = \"lyon\"",
        "~ agent 102: teams pool → pool + far",
    ),
    (
        "agents.ha1",
        "pediatrics = 1 }\nha1 = \"a",
        "pediatrics = 1 }\nha1 = \"b",
        "~ agent 101: ha1 changed",
    ),
    (
        "agents.ha1_sha256",
        "pediatrics = 1 }",
        "pediatrics = 1 }\nha1_sha256 = \"a71afc718d6fb4c315d504a5e85f5d6aa71afc718d6fb4c315d504a5e85f5d6a\"",
        "~ agent 101: ha1_sha256 changed",
    ),
    (
        "agents.secret_file",
        "102.secret",
        "other.secret",
        "~ agent 102: ha1 changed\n~ agent 102: ha1_sha256 changed",
    ),
    (
        "agents.wrap_up",
        "site = \"lyon\"",
        "site = \"lyon\"\nwrap_up = 5",
        "~ agent 102: wrap_up the team's → 5 s",
    ),
    ("agents.site", "site = \"lyon\"", "site = \"paris\"", "~ agent 102: site lyon → paris"),
    (
        "agents.skills",
        "pediatrics = 1",
        "pediatrics = 3",
        "~ agent 101: skills pediatrics 1 → pediatrics 3",
    ),
    (
        "agents.position",
        "site = \"lyon\"",
        "site = \"lyon\"\nposition = 2",
        "~ agent 102: position 0 → 2",
    ),
    (
        "phones.name",
        "[phones.accueil]",
        "[phones.accueil]\nname = \"Door\"",
        "~ phone accueil: name accueil → Door",
    ),
    (
        "phones.ha1",
        "[phones.accueil]\nha1 = \"a",
        "[phones.accueil]\nha1 = \"b",
        "~ phone accueil: ha1 changed",
    ),
    (
        "phones.ha1_sha256",
        "[phones.accueil]",
        "[phones.accueil]\nha1_sha256 = \"a71afc718d6fb4c315d504a5e85f5d6aa71afc718d6fb4c315d504a5e85f5d6a\"",
        "~ phone accueil: ha1_sha256 changed",
    ),
    (
        "phones.secret_file",
        "[phones.accueil]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"",
        "[phones.accueil]\nsecret_file = \"other.secret\"",
        "~ phone accueil: ha1 changed\n~ phone accueil: ha1_sha256 changed",
    ),
    (
        ".unidentified",
        "[teams.pool]",
        "[unidentified]\nname = \"X\"\nnumbers = [\"01 99 00 99 99\"]\nplan = [\"busy\"]\n[teams.pool]",
        "+ practice X",
    ),
    (
        ".teams",
        "[sites.paris]",
        "[teams.new]\n[agents.110]\nteams = [\"new\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n\
         [sites.paris]",
        "+ team new",
    ),
    (
        ".phones",
        "[phones.accueil]",
        "[phones.gate]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n[phones.accueil]",
        "+ phone gate",
    ),
    (
        ".sites",
        "[sites.paris]",
        "[sites.lyon]\ntrunk = \"op\"\nnumber = \"04 65 71 12 34\"\n[sites.paris]",
        "+ site lyon",
    ),
    (
        ".trunks",
        "[sites.paris]",
        "[trunks.op3]\nsources = [\"203.0.113.1\"]\ndids = [\"03 *\"]\n[sites.paris]",
        "+ trunk op3",
    ),
    (
        ".agents",
        "[sites.paris]",
        "[agents.109]\nteams = [\"pool\"]\nha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"\n[sites.paris]",
        "+ agent 109",
    ),
    (
        ".practices",
        "[sites.paris]",
        "[practices.new]\nname = \"Night\"\nnumbers = [\"01 99 00 12 31\"]\nplan = [\"busy\"]\n\
         [sites.paris]",
        "+ practice Night (new)",
    ),
];

/// Tables that are told by their own keys.
const BY_THEIR_KEYS: [&str; 10] = [
    "server",
    "listen",
    "media",
    "log",
    "metrics",
    "calls",
    "registrar",
    "reload",
    "limits",
    "emergency_numbers",
];

/// What [`TABLE`] may name besides.
const BESIDE: &str = r#"
[teams.far]
[agents.103]
teams = ["far"]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[phones.door]
ha1 = "a71afc718d6fb4c315d504a5e85f5d6a"
[trunks.op2]
sources = ["198.51.100.0/24"]
dids = ["02 *"]
[trunks.op2.outbound]
to = "198.51.100.7"
"#;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("monoligne-changes-{name}-{}", std::process::id());
        let path = env::temp_dir().join(folder);
        fs::create_dir_all(path.join("prompts")).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/prompts");
        for prompt in ["closed", "leave", "overflow", "hold"] {
            let file = format!("{prompt}.wav");
            fs::copy(sample.join(&file), path.join("prompts").join(&file)).unwrap();
        }
        for (file, password) in [("102.secret", "one"), ("other.secret", "two")] {
            fs::write(path.join(file), password).unwrap();
            fs::set_permissions(path.join(file), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self(path)
    }

    fn load(&self, text: &str, ids: config::Ids) -> Loaded {
        fs::write(self.0.join("monoligne.toml"), format!("{text}{BESIDE}")).unwrap();
        config::load_again(&self.0, ids).unwrap_or_else(|mistakes| panic!("{mistakes} in\n{text}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_key_of_the_table_of_keys_is_told_when_it_changes() {
    let folder = Folder::new("keys");
    let old = folder.load(ALL, config::Ids::default());
    let again = folder.load(ALL, old.ids.clone());
    assert_eq!(between(&old, &again, Digits::Last), []);
    let mut wrong = Vec::new();
    for (key, from, to, told) in TABLE {
        assert!(ALL.contains(from), "{key}: {from:?} is not there");
        let new = folder.load(&ALL.replacen(from, to, 1), old.ids.clone());
        let changes = between(&old, &new, Digits::Last);
        let lines: Vec<String> = changes.into_iter().map(|change| change.what).collect();
        let lines = lines.join("\n");
        if !lines.contains(told) {
            wrong.push(format!("{key}: {told:?} is not in\n{lines}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tried: BTreeSet<&str> = TABLE.iter().map(|(key, ..)| *key).collect();
    for (table, keys) in KEYS {
        let is_told = |key: &str| table.is_empty() && BY_THEIR_KEYS.contains(&key);
        for key in keys.iter().filter(|key| !is_told(key)) {
            let path = format!("{table}.{key}");
            assert!(tried.contains(path.as_str()), "{path}: no line tells its change");
        }
    }
}

#[test]
fn numbers_are_whole_for_the_command_and_hidden_for_the_log_and_a_renamed_item_is_the_same() {
    let folder = Folder::new("digits");
    let old = folder.load(ALL, config::Ids::default());
    let text = ALL.replace("name = \"Night\"", "name = \"Dr Martin\"");
    let text = text.replace("01 99 00 12 30", "01 99 00 12 33");
    let new = folder.load(&text, old.ids.clone());
    let lines = |digits| {
        let changes = between(&old, &new, digits).into_iter();
        changes.map(|change| change.what).collect::<Vec<_>>()
    };
    let name = "~ practice Dr Martin (night): name Night → Dr Martin";
    let label = "~ practice Dr Martin (night): label Night → Dr Martin";
    let whole = "~ practice Dr Martin (night): numbers 01 99 00 12 30 → 01 99 00 12 33";
    assert_eq!(lines(Digits::All), [label, name, whole]);
    let hidden = "~ practice Dr Martin (night): numbers …30 → …33";
    assert_eq!(lines(Digits::Last), [label, name, hidden]);
}

#[test]
fn long_lists_tell_only_what_came_and_went_and_order_is_told_where_it_counts() {
    let shown = |values: &[&str]| -> Vec<Shown> {
        values.iter().map(|it| Shown((*it).to_owned(), (*it).to_owned())).collect()
    };
    let many = shown(&["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(list(&many, &shown(&["a", "b", "c", "d", "e", "f", "x"]), true), "- g + x");
    assert_eq!(list(&shown(&["a", "b"]), &shown(&["b", "a"]), true), "in another order: b + a");
    assert_eq!(list(&shown(&["a"]), &shown(&["a", "b"]), true), "a → a + b");
    assert_eq!(list(&shown(&["a"]), &shown(&["a", "b"]), false), "+ b");
    let lines = lines("a\nb\nc", "a\nx\nc");
    assert_eq!(lines, "- \"b\" + \"x\"");
}
