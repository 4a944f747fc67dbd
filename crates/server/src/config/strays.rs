//! TOML files where nothing reads them: whoever put one there believes that it holds.

use std::path::{Path, PathBuf};

use super::mistake::{Mistakes, nearest};
use super::tree::{MAIN, PARTS, folder_meant};
use crate::limits::{STRAYS_DEPTH_MAX, STRAYS_LOOKED_AT_MAX};

/// Beside the main file, and in folders that are no part's. One warning a file beside it, one a folder.
pub(super) fn strays(folder: &Path, mistakes: &mut Mistakes) {
    let mut looked_at = 0;
    let mut ahead = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = ahead.pop() {
        let (files, folders) = listed(&folder, &mut looked_at);
        let strays: Vec<PathBuf> = files
            .into_iter()
            .filter(|path| path.extension().is_some_and(|it| it == "toml"))
            .filter(|path| depth > 0 || path.file_name().is_some_and(|name| name != MAIN))
            .collect();
        match depth {
            0 => strays.iter().for_each(|path| beside(path, mistakes)),
            _ => within(&folder, &strays, mistakes),
        }
        // A part's own folder is read, and one whose name is nearly right is told as such.
        let is_told = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let meant = folder_meant(&name);
            depth == 0 && meant.is_some_and(|meant| PARTS.contains(&meant) || meant != name)
        };
        if depth < STRAYS_DEPTH_MAX {
            let folders = folders.into_iter().filter(|path| !is_told(path)).rev();
            ahead.extend(folders.map(|path| (path, depth + 1)));
        }
    }
}

/// Files and folders, by name; hidden ones are no configuration, and links to folders may lead round.
fn listed(folder: &Path, looked_at: &mut usize) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(here).into_iter().flatten().filter_map(|entry| entry.ok());
    let room = STRAYS_LOOKED_AT_MAX.saturating_sub(*looked_at);
    let mut entries: Vec<_> = entries
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .take(room)
        .map(|entry| (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir())))
        .collect();
    *looked_at += entries.len();
    entries.sort();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, is_dir)| *is_dir);
    let paths = |all: Vec<(PathBuf, bool)>| all.into_iter().map(|(path, _)| path).collect();
    (paths(files), paths(folders))
}

fn beside(path: &Path, mistakes: &mut Mistakes) {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let into = match nearest(&name, PARTS) {
        Some(part) => format!("write its items into {part}/, one file each, or into {MAIN}"),
        None => format!("move it into the folder of its part ({}), or elsewhere", folders()),
    };
    let fault = format!("not read: beside {MAIN} only the folders of the parts are");
    mistakes.warn_about_file(path, fault, into);
}

fn within(folder: &Path, strays: &[PathBuf], mistakes: &mut Mistakes) {
    let Some(first) = strays.first() else { return };
    let name = first.file_name().unwrap_or_default().to_string_lossy();
    let fault = match strays.len() {
        1 => format!("{name} in it is not read"),
        count => format!("{count} files in it are not read ({name}, …)"),
    };
    let remedy = format!("move them into the folder of their part ({}), or elsewhere", folders());
    mistakes.warn_about_file(folder, fault, remedy);
}

fn folders() -> String {
    PARTS.map(|part| format!("{part}/")).join(", ")
}
