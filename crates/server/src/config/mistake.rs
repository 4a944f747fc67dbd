//! A mistake in the configuration, told so that it can be put right without a manual.

use std::fmt;
use std::path::{Path, PathBuf};

use super::warning::Warning;

#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Mistake {
    pub file: PathBuf,
    /// From 1; 0 where it is about the file as a whole.
    pub line: usize,
    /// The whole path of the key: `practices.dr-martin.numbers[1]`.
    pub key: String,
    /// As written; empty for a missing key, `…` for a secret.
    pub value: String,
    pub fault: String,
    pub remedy: String,
}

impl Mistake {
    fn about_file(file: &Path, fault: String, remedy: String) -> Self {
        let (key, value) = (String::new(), String::new());
        Self { file: file.to_owned(), line: 0, key, value, fault, remedy }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        f.write_str(": ")?;
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => {}
            (false, true) => write!(f, "{}: ", self.key)?,
            (false, false) => write!(f, "{} = {}: ", self.key, self.value)?,
        }
        write!(f, "{}", self.fault)?;
        if !self.remedy.is_empty() {
            write!(f, "\n    remedy: {}", self.remedy)?;
        }
        Ok(())
    }
}

/// All that is wrong, by file and line; besides, what only looks so, and what was right once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mistakes(Vec<Mistake>, Vec<Warning>, Vec<Warning>);

impl Mistakes {
    pub(super) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// A mistake about a file as a whole.
    pub(crate) fn about_file(&mut self, file: &Path, fault: String, remedy: &str) {
        self.push(Mistake::about_file(file, fault, remedy.to_owned()));
    }

    pub(super) fn warn_about_file(&mut self, file: &Path, fault: String, remedy: String) {
        self.warn(Mistake::about_file(file, fault, remedy));
    }

    /// Refuses nothing.
    pub(super) fn warn(&mut self, warning: Mistake) {
        self.1.push(Warning(warning));
    }

    /// Refuses nothing either; told to who asks alone, since only time has passed.
    pub(super) fn over(&mut self, warning: Mistake) {
        self.2.push(Warning(warning));
    }

    pub fn warnings(&self) -> &[Warning] {
        &self.1
    }

    pub fn all_over(&self) -> &[Warning] {
        &self.2
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    pub(super) fn sorted(mut self) -> Self {
        let order =
            |a: &Mistake, b: &Mistake| (&a.file, a.line, &a.key).cmp(&(&b.file, b.line, &b.key));
        self.0.sort_by(order);
        self.1.sort_by(|a, b| order(&a.0, &b.0));
        self.2.sort_by(|a, b| order(&a.0, &b.0));
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "{mistake}")?;
        }
        match self.0.len() {
            1 => write!(f, "1 mistake"),
            count => write!(f, "{count} mistakes"),
        }
    }
}

impl std::error::Error for Mistakes {}

/// The candidate that somebody most likely meant: at most two letters away, or a third of them.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, remove, replace) between two words, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_one_with_fewest_edits() {
        assert_eq!(nearest("nubmers", ["name", "numbers", "label"]), Some("numbers"));
        assert_eq!(nearest("listn", ["listen", "realm"]), Some("listen"));
        assert_eq!(nearest("colour", ["listen", "realm"]), None);
        assert_eq!(distance("abc", ""), 3);
    }
}
