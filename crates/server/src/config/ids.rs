//! The ids of what is configured: by name, and the same in each reading of one process's life.
//!
//! A name keeps its id even while it is gone from the files: who is removed in the middle of a call
//! and written again must be herself, and an id in a record must not become somebody else's.

use std::collections::BTreeMap;

/// All names of this life. Empty for its first reading; ids count from 1 in the order of the files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ids {
    pub(super) trunks: Numbers,
    pub(super) practices: Numbers,
    pub(super) teams: Numbers,
    pub(super) agents: Numbers,
    pub(super) phones: Numbers,
    pub(super) skills: Numbers,
    pub(super) sites: Numbers,
    pub(super) pauses: Numbers,
    pub(super) prompts: Numbers,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Numbers(BTreeMap<String, u32>);

impl Numbers {
    /// The name of a number that it gave; a number that it did not give has none.
    pub(super) fn name(&self, number: u32) -> &str {
        let known = self.0.iter().find(|(_, known)| **known == number);
        known.map_or("?", |(name, _)| name)
    }

    /// Its number, from before or new.
    pub(super) fn of(&mut self, name: &str) -> u32 {
        if let Some(known) = self.0.get(name) {
            return *known;
        }
        // Nothing is ever taken out: as many as there are, are given away.
        let next = u32::try_from(self.0.len()).map_or(u32::MAX, |count| count + 1);
        self.0.insert(name.to_owned(), next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_a_number_its_name() {
        let mut numbers = Numbers::default();
        assert_eq!((numbers.of("b"), numbers.of("a")), (1, 2));
        assert_eq!((numbers.of("c"), numbers.of("a"), numbers.of("b")), (3, 2, 1));
    }
}
