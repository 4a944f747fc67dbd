//! Where the files say it: `practices/cabinet-petit.toml:18`.
//!
//! Whether they are right is the configuration's matter (`config`): here a file that cannot be read, or a
//! key that is not there, has no place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use call::E164;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Of all practices, by their names.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<String, OfPractice>);

#[derive(Debug, Default)]
struct OfPractice {
    keys: BTreeMap<String, String>,
    numbers: BTreeMap<E164, String>,
    /// Numbers that stand elsewhere than in `numbers`: in rules for callers.
    callers: BTreeMap<E164, String>,
    leave: Vec<String>,
}

struct Source<'s> {
    shown: String,
    text: &'s str,
}

impl Places {
    /// Of the folder or the one file.
    pub fn read(config: &Path) -> Self {
        let mut places = Self::default();
        let (folder, main) = match config.is_dir() {
            true => (config, config.join("monoligne.toml")),
            false => (config.parent().unwrap_or(Path::new("")), config.to_owned()),
        };
        let shown = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        if let Ok(text) = fs::read_to_string(&main) {
            let source = Source { shown: shown(&main), text: &text };
            if let Ok(table) = DeTable::parse(&text) {
                let table = table.get_ref();
                let practices = table.get("practices").and_then(|it| it.get_ref().as_table());
                for (_, value) in practices.into_iter().flat_map(|it| it.iter()) {
                    places.add(&source, value.get_ref().as_table());
                }
                places
                    .add(&source, table.get("unidentified").and_then(|it| it.get_ref().as_table()));
            }
        }
        let Ok(files) = fs::read_dir(folder.join("practices")) else { return places };
        for path in files.filter_map(|file| file.ok()).map(|file| file.path()) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let Ok(table) = DeTable::parse(&text) else { continue };
            let source = Source { shown: shown(&path), text: &text };
            places.add(&source, Some(table.get_ref()));
        }
        places
    }

    fn add(&mut self, source: &Source<'_>, table: Option<&DeTable<'_>>) {
        let Some(table) = table else { return };
        let Some(name) = table.get("name").and_then(|name| name.get_ref().as_str()) else { return };
        let mut places = OfPractice::default();
        for (key, value) in table.iter() {
            let key_place = source.place(key.span().start);
            places.keys.insert(key.get_ref().to_string(), key_place);
            match key.get_ref().as_ref() {
                "numbers" => source.numbers(value, &mut places.numbers),
                "leave" => {
                    let entries = value.get_ref().as_array();
                    let entries = entries.into_iter().flat_map(|it| it.iter());
                    places.leave.extend(entries.map(|entry| source.first_key(entry)));
                }
                _ => source.numbers(value, &mut places.callers),
            }
        }
        self.0.insert(name.to_owned(), places);
    }

    pub fn key(&self, practice: &str, key: &str) -> Option<String> {
        self.0.get(practice)?.keys.get(key).cloned()
    }

    pub fn number(&self, practice: &str, number: E164) -> Option<String> {
        self.0.get(practice)?.numbers.get(&number).cloned()
    }

    pub fn caller(&self, practice: &str, number: E164) -> Option<String> {
        self.0.get(practice)?.callers.get(&number).cloned()
    }

    /// From 0.
    pub fn leave(&self, practice: &str, index: usize) -> Option<String> {
        self.0.get(practice)?.leave.get(index).cloned()
    }
}

impl Source<'_> {
    fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or_default();
        format!("{}:{}", self.shown, before.matches('\n').count() + 1)
    }

    /// An element of `[[leave]]` begins where its first key does.
    fn first_key(&self, entry: &Spanned<DeValue<'_>>) -> String {
        let keys = entry.get_ref().as_table().into_iter().flat_map(|it| it.iter());
        let first = keys.map(|(key, _)| key.span().start).min();
        self.place(first.unwrap_or(entry.span().start))
    }

    /// All strings in there that are numbers, and keys as well.
    fn numbers(&self, value: &Spanned<DeValue<'_>>, into: &mut BTreeMap<E164, String>) {
        let mut add = |text: &str, at: usize| {
            if let Ok(number) = E164::read(text) {
                into.entry(number).or_insert_with(|| self.place(at));
            }
        };
        if let Some(text) = value.get_ref().as_str() {
            add(text, value.span().start);
        }
        for (key, _) in value.get_ref().as_table().into_iter().flat_map(|it| it.iter()) {
            add(key.get_ref(), key.span().start);
        }
        let of_table = value.get_ref().as_table().into_iter().flat_map(|it| it.iter());
        let of_array = value.get_ref().as_array().into_iter().flat_map(|it| it.iter());
        for inner in of_table.map(|(_, inner)| inner).chain(of_array) {
            self.numbers(inner, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_numbers_and_leave_are_found_in_files_and_tables() {
        let folder = std::env::temp_dir().join(format!("monoligne-places-{}", std::process::id()));
        fs::create_dir_all(folder.join("practices")).unwrap();
        let main = "[practices.a]\nname = \"A\"\nnumbers = [\n  \"01 99 00 12 34\",\n]\n";
        let other = "name = \"B\"\n\n[[leave]]\nfrom = \"x\"\n[[leave]]\nfrom = \"y\"\n\
                     [callers]\n\"06 39 98 00 01\" = \"urgent\"\n";
        fs::write(folder.join("monoligne.toml"), main).unwrap();
        fs::write(folder.join("practices/b.toml"), other).unwrap();
        let places = Places::read(&folder);
        let number = |text| E164::read(text).unwrap();
        let found = places.number("A", number("+33199001234"));
        assert_eq!(found.as_deref(), Some("monoligne.toml:4"));
        assert_eq!(places.key("B", "name").as_deref(), Some("practices/b.toml:1"));
        assert_eq!(places.leave("B", 1).as_deref(), Some("practices/b.toml:6"));
        let caller = places.caller("B", number("0639980001"));
        assert_eq!(caller.as_deref(), Some("practices/b.toml:8"));
        assert_eq!(places.key("C", "name"), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
