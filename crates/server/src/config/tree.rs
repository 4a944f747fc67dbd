//! The files: reading them, finding lines, and where each part may be.

use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::mistake::{Mistake, Mistakes, nearest};
use super::regular::{self, Unreadable};
use super::strays::strays;
use crate::limits::CONFIG_FILE_BYTES_MAX;
use crate::prompts;

pub(super) const MAIN: &str = "monoligne.toml";
const NO_MAIN: &str =
    "name an existing file or folder with --config (config/ in the project is a sample)";
const NO_ITEM: &str = "it is a link that leads nowhere: mend it, or remove it";
/// The parts that may have a folder: one file an item, its name without `.toml` is the item's.
pub(super) const PARTS: [&str; 6] = ["trunks", "practices", "teams", "agents", "phones", "sites"];

/// What else is read beside the main file.
const OTHER_FOLDERS: [&str; 1] = [prompts::FOLDER];

pub(super) struct Tree {
    pub(super) main: Source,
    pub(super) items: Vec<Item>,
}

/// A file of a part's folder.
pub(super) struct Item {
    pub(super) part: &'static str,
    pub(super) name: String,
    pub(super) source: Source,
}

pub(super) struct Source {
    pub(super) path: PathBuf,
    text: String,
}

impl Tree {
    /// `None`: the main file cannot be read.
    pub(super) fn read(path: &Path, mistakes: &mut Mistakes) -> Option<Self> {
        let main = if path.is_dir() { path.join(MAIN) } else { path.to_owned() };
        let is_usual = main.file_name().is_some_and(|name| name == MAIN);
        let folder = main.parent().map(Path::to_owned).unwrap_or_default();
        let main = Source::read(main, NO_MAIN, mistakes)?;
        let mut items = Vec::new();
        misspelt(&folder, mistakes);
        // Beside a file of another name there may be anything, other configurations too.
        if is_usual {
            strays(&folder, mistakes);
        }
        for part in PARTS {
            for path in toml_files(&folder.join(part), mistakes) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if let Some(source) = Source::read(path, NO_ITEM, mistakes) {
                    items.push(Item { part, name, source });
                }
            }
        }
        Some(Self { main, items })
    }

    /// What relative paths in the configuration start from.
    pub(super) fn folder(&self) -> &Path {
        self.main.path.parent().unwrap_or(Path::new(""))
    }
}

/// By name, so that ids do not depend on the file system's order. No folder: none.
fn toml_files(folder: &Path, mistakes: &mut Mistakes) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let remedy = if error.kind() == ErrorKind::NotADirectory {
                "put a folder in its place, with one file an item"
            } else {
                "make it readable for monoligne's user"
            };
            mistakes.about_file(folder, format!("the folder cannot be read: {error}"), remedy);
            return Vec::new();
        }
    };
    // Hidden ones are an editor's.
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.retain(|path| {
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let (fault, remedy) = match path.is_dir() {
            true => (
                "not read: a folder within a part's folder",
                "put its files beside it, or move it elsewhere",
            ),
            false => (
                "not read: its name does not end in .toml",
                "name it NAME.toml, or move it out of this folder",
            ),
        };
        if !is_toml {
            mistakes.about_file(path, fault.to_owned(), remedy);
        }
        is_toml
    });
    files
}

/// Folders beside the main file that look like a part's, and would be passed over in silence.
fn misspelt(folder: &Path, mistakes: &mut Mistakes) {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A folder that cannot be listed can still be entered: its parts are read all the same.
    let Ok(entries) = std::fs::read_dir(here) else { return };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for path in folders {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(part) = folder_meant(&name).filter(|part| *part != name) {
            mistakes.about_file(
                &path,
                "not read: no part of a configuration has this name".to_owned(),
                &format!("rename the folder to {part}, or move it elsewhere"),
            );
        }
    }
}

/// The folder that is read and has this name, or one like it.
pub(super) fn folder_meant(name: &str) -> Option<&'static str> {
    nearest(name, PARTS.into_iter().chain(OTHER_FOLDERS))
}

/// `missing`: that of a file that is not there.
fn remedy(unreadable: &Unreadable, missing: &'static str) -> &'static str {
    let known = [
        (ErrorKind::NotFound, missing),
        (ErrorKind::PermissionDenied, "make it readable for monoligne's user"),
        (ErrorKind::InvalidData, "save it as UTF-8"),
    ];
    match unreadable {
        Unreadable::NoFile(_) => "put a file in its place",
        Unreadable::TooLarge(_) => "cut it into several: one file an item, in its part's folder",
        Unreadable::Failed(error) => {
            let known = known.into_iter().find(|(kind, _)| *kind == error.kind());
            known.map_or("look at the disk it is on", |(_, remedy)| remedy)
        }
    }
}

impl Source {
    /// `missing`: the remedy where there is no such file.
    fn read(path: PathBuf, missing: &'static str, mistakes: &mut Mistakes) -> Option<Self> {
        let text = regular::read(&path, CONFIG_FILE_BYTES_MAX).and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| Error::new(ErrorKind::InvalidData, error.utf8_error()).into())
        });
        match text {
            Ok(text) => Some(Self { path, text }),
            Err(error) => {
                let fault = format!("the file cannot be read: {error}");
                mistakes.about_file(&path, fault, remedy(&error, missing));
                None
            }
        }
    }

    /// The document, as far as it can be read; syntax errors become mistakes.
    pub(super) fn parse(&self, mistakes: &mut Mistakes) -> Spanned<DeTable<'_>> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let at = error.span().unwrap_or_default();
            mistakes.push(Mistake {
                file: self.path.clone(),
                line: self.line(&at),
                key: String::new(),
                value: String::new(),
                fault: error.message().to_owned(),
                remedy: format!("put the TOML right: `{}`", self.line_text(&at)),
            });
        }
        table
    }

    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// What is written there, on one line and not too long.
    pub(super) fn written(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    fn line_text(&self, span: &Range<usize>) -> &str {
        self.text.lines().nth(self.line(span) - 1).unwrap_or_default().trim()
    }
}
