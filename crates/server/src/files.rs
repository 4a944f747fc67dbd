//! Whether the files of a configuration have changed, for `watch` in [reload] and `serve --watch`.
//!
//! Looked at once a second, and not asked of the system: editors replace files, folders come and go, and
//! network file systems tell nothing. A change counts when a second look finds all as the first one did,
//! so that several files which are written together are read together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Folders deeper than the configuration's own are somebody else's.
const DEPTH_MAX: usize = 2;
/// Files that are looked at. Beyond: further ones are not watched.
const FILES_MAX: usize = 20_000;

/// What tells that a file is another one than before.
type Looks = BTreeMap<PathBuf, (SystemTime, u64)>;

pub(crate) struct Files {
    config: PathBuf,
    /// As when it was read last.
    read: Looks,
    /// As of the last look, if that was news.
    seen: Option<Looks>,
}

impl Files {
    /// Those that are there count as read.
    pub(crate) fn new(config: &Path) -> Self {
        Self { config: config.to_owned(), read: look(config), seen: None }
    }

    /// None counts as read: what changed while nobody looked is news.
    pub(crate) fn unread(config: &Path) -> Self {
        Self { config: config.to_owned(), read: Looks::new(), seen: None }
    }

    /// Another look: whether they are to be read again. Whether they are right is not its matter.
    pub(crate) fn have_changed(&mut self) -> bool {
        let now = look(&self.config);
        if now == self.read {
            self.seen = None;
            return false;
        }
        if self.seen.as_ref() == Some(&now) {
            self.read = now;
            self.seen = None;
            return true;
        }
        self.seen = Some(now);
        false
    }
}

/// The TOML files and the prompts.
fn look(config: &Path) -> Looks {
    let mut looks = Looks::new();
    let mut folders = Vec::new();
    if config.is_dir() {
        folders.push((config.to_owned(), 1));
    } else {
        note(config, &mut looks);
        // The one file has its prompts and its parts beside it.
        let beside = config.parent().unwrap_or(Path::new("")).to_owned();
        let beside = if beside.as_os_str().is_empty() { PathBuf::from(".") } else { beside };
        folders.push((beside, 1));
    }
    while let Some((folder, depth)) = folders.pop() {
        // A folder that cannot be read now may be later: then its files are news.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| entry.ok()).map(|entry| entry.path()) {
            let is_ours = path.extension().is_some_and(|it| it == "toml" || it == "wav");
            if is_ours && looks.len() < FILES_MAX {
                note(&path, &mut looks);
            } else if depth < DEPTH_MAX && path.is_dir() {
                folders.push((path, depth + 1));
            }
        }
    }
    looks
}

fn note(path: &Path, looks: &mut Looks) {
    if let Ok(meta) = std::fs::metadata(path) {
        let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        looks.insert(path.to_owned(), (modified, meta.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_counts_once_it_rests_and_only_once() {
        let folder = std::env::temp_dir().join(format!("monoligne-files-{}", std::process::id()));
        fs::create_dir_all(folder.join("practices")).unwrap();
        fs::write(folder.join("monoligne.toml"), "a").unwrap();
        let mut files = Files::new(&folder);
        assert!(!files.have_changed());
        fs::write(folder.join("practices/b.toml"), "b").unwrap();
        assert!(!files.have_changed(), "it may still be being written");
        fs::write(folder.join("practices/b.toml"), "bb").unwrap();
        assert!(!files.have_changed());
        assert!(files.have_changed());
        assert!(!files.have_changed());
        fs::write(folder.join("practices/.b.swp"), "an editor's").unwrap();
        assert!(!files.have_changed() && !files.have_changed());
        fs::remove_file(folder.join("practices/b.toml")).unwrap();
        assert!(!files.have_changed() && files.have_changed());
        fs::remove_dir_all(folder).unwrap();
    }
}
