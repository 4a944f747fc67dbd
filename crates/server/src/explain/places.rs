//! Where the files say it: `practices/cabinet-petit.toml:18`.
//!
//! Whether they are right is the configuration's matter (`config`): here a file that cannot be read, or a
//! key that is not there, has no place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use call::E164;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Of practices, by their keys: the names of their tables or files.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<String, OfPractice>);

#[derive(Debug, Default)]
struct OfPractice {
    /// By paths like `hours`, `plan[0]`, `leave[1].plan[0]` and `callers[0].numbers[2]`.
    lines: BTreeMap<String, String>,
    /// Its own, and the path of each.
    numbers: BTreeMap<E164, String>,
    /// Whom lists of callers name, its own or those of one of its people (`callers`,
    /// `practitioners[0].callers`), and the path of his list: `callers[1]`.
    callers: BTreeMap<(String, E164), String>,
}

struct Source<'s> {
    shown: String,
    text: &'s str,
}

impl Places {
    /// Of the folder or the one file, of the practices of these keys.
    pub fn read(config: &Path, practices: &BTreeSet<&str>) -> Self {
        let mut places = Self::default();
        let (folder, main) = match config.is_dir() {
            true => (config, config.join("monoligne.toml")),
            false => (config.parent().unwrap_or(Path::new("")), config.to_owned()),
        };
        let shown = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        if let Ok(text) = fs::read_to_string(&main)
            && let Ok(table) = DeTable::parse(&text)
        {
            let source = Source { shown: shown(&main), text: &text };
            let table = table.get_ref();
            let within = table.get("practices").and_then(|it| it.get_ref().as_table());
            for &key in practices {
                let own = within.and_then(|it| it.get(key));
                let shared = table.get(key).filter(|_| key == "unidentified");
                places.add(key, &source, own.or(shared).and_then(|it| it.get_ref().as_table()));
            }
        }
        for &key in practices {
            let path = folder.join("practices").join(format!("{key}.toml"));
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let Ok(table) = DeTable::parse(&text) else { continue };
            let source = Source { shown: shown(&path), text: &text };
            places.add(key, &source, Some(table.get_ref()));
        }
        places
    }

    fn add(&mut self, practice: &str, source: &Source<'_>, table: Option<&DeTable<'_>>) {
        let Some(table) = table else { return };
        let mut places = OfPractice::default();
        for (key, value) in table {
            places.walk(source, key.get_ref(), key.span().start, value);
        }
        self.0.insert(practice.to_owned(), places);
    }

    /// Of this path; where it is not written, of what it would stand in.
    pub fn key(&self, practice: &str, path: &str) -> Option<String> {
        let lines = &self.0.get(practice)?.lines;
        let mut path = path;
        loop {
            if let Some(line) = lines.get(path) {
                return Some(line.clone());
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    pub fn has(&self, practice: &str, path: &str) -> bool {
        self.0.get(practice).is_some_and(|practice| practice.lines.contains_key(path))
    }

    /// The path of a number of its own: `numbers[0]`, `urgent_numbers[1]`.
    pub fn number(&self, practice: &str, number: E164) -> Option<&str> {
        self.0.get(practice)?.numbers.get(&number).map(String::as_str)
    }

    /// The path of the one of these lists (`callers`, `practitioners[0].callers`) that this caller is on.
    pub fn caller(&self, practice: &str, lists: &str, number: E164) -> Option<&str> {
        self.0.get(practice)?.callers.get(&(lists.to_owned(), number)).map(String::as_str)
    }
}

impl OfPractice {
    /// Notes what is written at this path, and all that is in it.
    fn walk(&mut self, source: &Source<'_>, path: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        self.lines.insert(path.to_owned(), source.place(at));
        if let Some(text) = value.get_ref().as_str() {
            self.note_number(path, text);
        }
        for (key, inner) in value.get_ref().as_table().into_iter().flatten() {
            self.walk(source, &format!("{path}.{}", key.get_ref()), key.span().start, inner);
        }
        for (index, inner) in value.get_ref().as_array().into_iter().flatten().enumerate() {
            self.walk(source, &format!("{path}[{index}]"), begin(inner), inner);
        }
    }

    fn note_number(&mut self, path: &str, text: &str) {
        let Ok(number) = E164::read(text) else { return };
        let of_list = path.split_once(".numbers[").map(|(list, _)| list);
        let lists =
            of_list.and_then(|list| Some((list, list.strip_suffix(']')?.rsplit_once('[')?.0)));
        match lists {
            Some((list, lists)) if lists.ends_with("callers") => {
                let whom = (lists.to_owned(), number);
                self.callers.entry(whom).or_insert_with(|| list.to_owned());
            }
            Some((_, "practitioners")) => {
                self.numbers.entry(number).or_insert_with(|| path.to_owned());
            }
            Some(_) | None => {
                if path.starts_with("numbers[") || path.starts_with("urgent_numbers[") {
                    self.numbers.entry(number).or_insert_with(|| path.to_owned());
                }
            }
        }
    }
}

impl Source<'_> {
    fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or_default();
        format!("{}:{}", self.shown, before.matches('\n').count() + 1)
    }
}

/// An element of `[[leave]]` begins where its first key does.
fn begin(element: &Spanned<DeValue<'_>>) -> usize {
    let keys = element.get_ref().as_table().into_iter().flatten();
    let first = keys.map(|(key, _)| key.span().start).min();
    first.unwrap_or(element.span().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_numbers_steps_and_leave_are_found_in_files_and_tables() {
        let folder = std::env::temp_dir().join(format!("monoligne-places-{}", std::process::id()));
        fs::create_dir_all(folder.join("practices")).unwrap();
        let main = "[practices.a]\nname = \"A\"\nnumbers = [\n  \"01 99 00 12 34\",\n]\n";
        let other = "name = \"A\"\nplan = [\n  { queue = \"x\" },\n  \"busy\",\n]\n\n\
                     [[leave]]\nfrom = \"x\"\n[[leave]]\nfrom = \"y\"\nplan = [\"busy\"]\n\
                     [[callers]]\nname = \"x\"\nnumbers = [\"06 39 98 00 01\"]\nblocked = true\n";
        fs::write(folder.join("monoligne.toml"), main).unwrap();
        fs::write(folder.join("practices/b.toml"), other).unwrap();
        let places = Places::read(&folder, &["a", "b"].into());
        let number = |text| E164::read(text).unwrap();
        assert_eq!(places.number("a", number("+33199001234")), Some("numbers[0]"));
        let line = |practice, path| places.key(practice, path);
        assert_eq!(line("a", "numbers[0]").as_deref(), Some("monoligne.toml:4"));
        assert_eq!(line("b", "name").as_deref(), Some("practices/b.toml:1"));
        assert_eq!(line("b", "plan[1]").as_deref(), Some("practices/b.toml:4"));
        assert_eq!(line("b", "leave[1]").as_deref(), Some("practices/b.toml:10"));
        // Not written there: where it would stand.
        assert_eq!(line("b", "leave[0].plan[0]").as_deref(), Some("practices/b.toml:8"));
        assert_eq!(places.caller("b", "callers", number("0639980001")), Some("callers[0]"));
        assert_eq!(line("b", "callers[0].blocked").as_deref(), Some("practices/b.toml:15"));
        assert_eq!(line("b", "closed[0]"), None);
        assert_eq!(line("c", "name"), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
