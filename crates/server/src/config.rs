//! Configuration: TOML files to values that cannot be wrong.
//!
//! [`load`] takes a folder (`monoligne.toml` and, beside it, `practices/*.toml`, `teams/*.toml`,
//! `trunks/*.toml`, `agents/*.toml`, `phones/*.toml`, and `prompts/*.wav`) or the one file. It gives *all* the
//! mistakes at once, each with file, line, key, value and remedy, which is why the tables are read by hand from `toml`'s
//! spanned document: serde's `deny_unknown_fields` stops at the first. Every file is a regular one of a bounded
//! size (`regular`), and what nobody reads is a warning (`strays`).
//!
//! ```text
//!   tree (files, spans) ──▶ fields (keys, types) ──▶ file (structs) ──▶ domain (ids, references)
//!                                        names, numbers, plans, practices, staff, outside, reach ◀──┘
//! ```

mod changes;
mod domain;
mod fields;
mod file;
mod ids;
mod mistake;
mod names;
mod numbers;
mod outside;
mod plans;
mod practices;
mod reach;
mod regular;
mod secret;
mod staff;
mod strays;
mod tree;
mod value;
mod warning;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use call::TeamId;

pub use changes::KeyChange;
pub(crate) use changes::{Digits, between as changes, needing_restart};
pub use fields::KEYS;
pub use ids::Ids;
pub(crate) use mistake::nearest;
pub use mistake::{Mistake, Mistakes};
pub(crate) use regular::{Unreadable, read as read_regular};
pub use value::Dids;
pub use warning::{Remark, Warning};

use crate::log::LogSettings;
use crate::settings::ServerSettings;

/// A configuration without a mistake.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: ServerSettings,
    pub engine: call::Config,
    pub log: LogSettings,
    /// The main file.
    pub path: PathBuf,
    /// The numbers that trunks say they bring.
    pub dids: BTreeMap<call::TrunkId, Vec<Dids>>,
    /// Of the teams that are of one with a name; the others are of the one pool that has none.
    pub pools: BTreeMap<TeamId, String>,
    pub skills: BTreeMap<acd::SkillId, String>,
    pub sites: BTreeMap<acd::SiteId, String>,
    /// What is hardly meant so.
    pub warnings: Vec<Warning>,
    /// What was right once and does nothing any more: only who checks the files wants to know.
    pub over: Vec<Warning>,
    /// For the next reading.
    pub ids: Ids,
}

impl Loaded {
    /// The trunk that a call to this number comes by: one of those that say they bring it, else of those that
    /// do not say what they bring, else of all. Of several the one whose network waits least. A number that no
    /// trunk says it brings may be a line that its practice forwards to a shared one: then one that brings
    /// that.
    pub fn trunk_of(&self, number: call::E164) -> Option<call::TrunkId> {
        let lists = |dids: &[Dids], number| dids.iter().any(|dids| dids.contain(number));
        let is_listed = self.dids.values().any(|dids| lists(dids, number));
        let shared = self.engine.shared.keys().filter(|_| !is_listed);
        let forwards_to: Vec<call::E164> = std::iter::once(number).chain(shared.copied()).collect();
        let says = |id: &call::TrunkId| match self.dids.get(id) {
            Some(dids) if forwards_to.iter().any(|&number| lists(dids, number)) => 0,
            None => 1,
            Some(_) => 2,
        };
        let by_patience =
            |(id, trunk): &(&call::TrunkId, &call::Trunk)| (says(id), trunk.max_unanswered, **id);
        self.engine.trunks.iter().min_by_key(by_patience).map(|(id, _)| *id)
    }
}

/// Reads and checks everything; opens no socket and writes nothing.
pub fn load(path: &Path) -> Result<Loaded, Mistakes> {
    load_again(path, Ids::default())
}

/// The same with the ids of an earlier reading.
pub fn load_again(path: &Path, ids: Ids) -> Result<Loaded, Mistakes> {
    let mut mistakes = Mistakes::default();
    let tree = tree::Tree::read(path, &mut mistakes);
    let loaded = tree.as_ref().and_then(|tree| {
        domain::load(tree, file::File::read(tree, ids, &mut mistakes), &mut mistakes)
    });
    let mistakes = mistakes.sorted();
    match loaded {
        Some(loaded) if mistakes.is_empty() => {
            let (warnings, over) = (mistakes.warnings().to_vec(), mistakes.all_over().to_vec());
            Ok(Loaded { warnings, over, ..loaded })
        }
        Some(_) | None => Err(mistakes),
    }
}

/// Where the running server of this configuration is asked. What else is wrong in it does not matter:
/// a server may run on while its files are being written.
pub fn control_socket(path: &Path) -> Result<PathBuf, Mistakes> {
    let mut mistakes = Mistakes::default();
    let tree = tree::Tree::read(path, &mut mistakes);
    match &tree {
        Some(tree) => {
            let file = file::File::read(tree, Ids::default(), &mut Mistakes::default());
            Ok(domain::control_socket(tree, &file))
        }
        None => Err(mistakes.sorted()),
    }
}
