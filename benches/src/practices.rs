//! A large installation, written out: a folder tree with as many practices as are wanted, each with hours,
//! holidays, leave, plans and lists of callers of its own, and those who answer them.
//!
//! The configuration's tests check what becomes of it, the bench `config` how long that takes.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// Practices that share a team, and what is beside them.
pub const PRACTICES_A_TEAM: usize = 50;
pub const AGENTS_A_TEAM: usize = 10;
/// Numbers on a practice's lists of callers.
pub const CALLERS: usize = 40;

/// Places, with their clock and their holidays.
pub const PLACES: [(&str, &str); 5] = [
    ("Europe/Paris", "france"),
    ("Europe/Paris", "alsace-moselle"),
    ("Indian/Reunion", "la-reunion"),
    ("America/Martinique", "martinique"),
    ("America/Cayenne", "guyane"),
];

/// Its hours: as many differ as practices in a village do.
pub fn hours(practice: usize) -> String {
    let (opens, closes) = (7 + practice % 3, 17 + practice / 3 % 4);
    let noon = 15 * (practice / 12 % 4);
    format!(
        "Mo-Fr {opens:02}:00-12:{noon:02},13:30-{closes}:{noon:02}; Sa {opens:02}:30-12:00; PH off \"jour férié\""
    )
}

/// The ten digits of its line, and of the `index`th caller on its lists.
pub fn number(practice: usize) -> String {
    format!("0199{practice:06}")
}

pub fn urgent_number(practice: usize) -> String {
    format!("0365{practice:06}")
}

pub fn caller(practice: usize, index: usize) -> String {
    format!("06{:08}", practice * CALLERS + index)
}

/// Writes them all below a folder that is there.
pub fn write(folder: &Path, practices: usize) -> io::Result<()> {
    let teams = practices.div_ceil(PRACTICES_A_TEAM);
    for part in ["trunks", "practices", "teams", "agents", "phones"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::write(folder.join("monoligne.toml"), MAIN)?;
    fs::write(folder.join("trunks/op.toml"), TRUNK)?;
    for team in 0..teams {
        fs::write(folder.join(format!("teams/team-{team}.toml")), TEAM)?;
        let phone = format!("name = \"Accueil {team}\"\nha1 = \"{HA1}\"\n");
        fs::write(folder.join(format!("phones/accueil-{team}.toml")), phone)?;
    }
    for agent in 0..teams * AGENTS_A_TEAM {
        let (team, site) = (agent / AGENTS_A_TEAM, ["paris", "lyon", "saint-denis"][agent % 3]);
        let text = format!(
            "name = \"Agent {agent}\"\nteams = [\"team-{team}\"]\nsite = \"{site}\"\n\
             skills = {{ pediatrics = {} }}\nposition = {agent}\nha1 = \"{HA1}\"\n",
            1 + agent % 9
        );
        fs::write(folder.join(format!("agents/{agent}.toml")), text)?;
    }
    for practice in 0..practices {
        let path = folder.join(format!("practices/practice-{practice}.toml"));
        fs::write(path, text(practice))?;
    }
    Ok(())
}

fn text(practice: usize) -> String {
    let team = practice / PRACTICES_A_TEAM;
    let (zone, holidays) = PLACES[practice % PLACES.len()];
    let own = team * AGENTS_A_TEAM + practice % AGENTS_A_TEAM;
    // The last of each team takes over for the others.
    let night = team * PRACTICES_A_TEAM;
    let closed = match practice == night {
        true => "[\"busy\"]".to_owned(),
        false => format!("[{{ practice = \"practice-{night}\" }}]"),
    };
    let mut text = format!(
        r#"# A practice among many.
name = "Cabinet {practice}"
label = "Dr {practice}"
numbers = ["{}"]
urgent_numbers = ["{}"]
answer_within = "{} rings"
hours = '{}'
time_zone = "{zone}"
holidays = "{holidays}"
holidays_added = ["2027-05-07"]
own = ["{own}"]
skill = "pediatrics"
sites = ["paris", "lyon", "saint-denis"]
waiting_max = 20
wait_max = "5 min"
greeting = "Cabinet {practice}, bonjour"
instructions = """
Rendez-vous : agenda.
Urgences : raccrocher et composer le 15.
"""
plan = [
    {{ ring = "accueil-{team}", for = "4 rings" }},
    {{ queue = "team-{team}", for = "50 s", unless_waiting = 5 }},
    {{ call = "06 39 98 00 12", for = "25 s" }},
    "busy",
]
closed = {closed}
away = ["busy"]
leave = [
    {{ from = 2027-08-02, to = 2027-08-20, plan = ["busy"] }},
    {{ from = "2027-12-24T12:00", to = "2027-12-31T12:00", plan = ["busy"] }},
]
repeated = {{ calls = 3, within = "1 h", then = "rise" }}
"#,
        number(practice),
        urgent_number(practice),
        3 + practice % 4,
        hours(practice),
    );
    for (list, way) in
        ["urgency = \"priority\"\nthrough = true", "blocked = true"].iter().enumerate()
    {
        let half = CALLERS / 2;
        let numbers: Vec<String> = (list * half..(list + 1) * half)
            .map(|index| format!("\"{}\"", caller(practice, index)))
            .collect();
        writeln!(
            text,
            "\n[[callers]]\nname = \"list {list}\"\nnumbers = [{}]\n{way}",
            numbers.join(", ")
        )
        .expect("a string takes all");
    }
    text
}

const HA1: &str = "a71afc718d6fb4c315d504a5e85f5d6a";

const MAIN: &str = r#"[server]
realm = "pbx.example.fr"
[[listen]]
address = "127.0.0.1:5060"
"#;

const TRUNK: &str = r#"sources = ["192.0.2.0/24"]
dids = ["0199 *", "0365 *"]
[outbound]
to = "192.0.2.7"
"#;

const TEAM: &str = r#"strategy = "longest-idle"
widen = [{ to = "own" }, { to = "skilled", after = "15 s" }, { to = "everyone", after = "30 s" }]
ageing = "3 min"
"#;
