//! Whose a past call is in a configuration, and who a secretary of the past is there.
//!
//! By the number dialled. By the practice's key, name or label only where that number leads nowhere: two
//! practices may have one name, and then nobody knows which was meant.

use std::collections::{BTreeMap, BTreeSet};

use call::{AgentId, E164, PracticeId};

use super::day::PastCall;

/// How many practices or numbers a remark names.
const NAMED_MAX: usize = 5;

pub(super) struct Directory<'c> {
    config: &'c call::Config,
    keys: BTreeMap<&'c str, PracticeId>,
    /// Names and labels.
    names: BTreeMap<&'c str, BTreeSet<PracticeId>>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    /// Of this practice, and by this number of its.
    Dialled(PracticeId, E164),
    /// At a number that several practices forward to: he named none of them.
    Unidentified(PracticeId, E164),
    /// By what the practice is called: his number is not configured, or not known.
    Named(PracticeId),
    /// Several are called so.
    Several,
    Nobody,
}

impl Whose {
    /// With the number that led there.
    pub(super) fn practice(self) -> Option<(PracticeId, Option<E164>)> {
        match self {
            Self::Dialled(practice, number) | Self::Unidentified(practice, number) => {
                Some((practice, Some(number)))
            }
            Self::Named(practice) => Some((practice, None)),
            Self::Several | Self::Nobody => None,
        }
    }
}

impl<'c> Directory<'c> {
    pub(super) fn of(config: &'c call::Config) -> Self {
        let mut names: BTreeMap<&str, BTreeSet<PracticeId>> = BTreeMap::new();
        for (id, practice) in &config.practices {
            for name in [&practice.name, &practice.label] {
                names.entry(name).or_default().insert(*id);
            }
        }
        let keys = config.practices.iter().map(|(id, it)| (it.key.as_str(), *id)).collect();
        Self { config, keys, names }
    }

    pub(super) fn whose(&self, call: &PastCall) -> Whose {
        if let Some(number) = call.did {
            if let Some(practice) = self.config.numbers.get(&number) {
                return Whose::Dialled(*practice, number);
            }
            if let Some(practice) = self.config.shared.get(&number) {
                return Whose::Unidentified(*practice, number);
            }
        }
        let Some(name) = call.practice.as_deref() else { return Whose::Nobody };
        if let Some(practice) = self.keys.get(name) {
            return Whose::Named(*practice);
        }
        let found = self.names.get(name).into_iter().flatten().collect::<Vec<_>>();
        match found[..] {
            [] => Whose::Nobody,
            [practice] => Whose::Named(*practice),
            [_, _, ..] => Whose::Several,
        }
    }

    /// Who has this user; else all who have this name.
    pub(super) fn secretaries(&self, named: &str) -> Vec<AgentId> {
        let has = |is_she: fn(&call::Agent, &str) -> bool| -> Vec<AgentId> {
            let all = self.config.agents.iter().filter(|(_, agent)| is_she(agent, named));
            all.map(|(id, _)| *id).collect()
        };
        let by_user = has(|agent, named| agent.user == named);
        if by_user.is_empty() { has(|agent, named| agent.name == named) } else { by_user }
    }
}

/// What is to be said of how calls found their practices.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    unidentified: usize,
    named: usize,
    several: BTreeMap<String, usize>,
    nobody: BTreeMap<String, usize>,
}

impl Remarks {
    pub(super) fn note(&mut self, call: &PastCall, whose: Whose) {
        let called = || {
            let number = || call.did.map(E164::spoken);
            call.practice.clone().or_else(number).unwrap_or_else(|| "no number".to_owned())
        };
        match whose {
            Whose::Dialled(..) => {}
            Whose::Unidentified(..) => self.unidentified += 1,
            Whose::Named(_) => self.named += 1,
            Whose::Several => *self.several.entry(called()).or_default() += 1,
            Whose::Nobody => *self.nobody.entry(called()).or_default() += 1,
        }
    }

    pub(super) fn told(&self) -> Vec<String> {
        let mut all = Vec::new();
        let sum = |of: &BTreeMap<String, usize>| of.values().sum::<usize>();
        if !self.nobody.is_empty() {
            all.push(format!(
                "{} calls are of nobody in the configuration and only counted as such ({}): write their \
                 numbers to a practice's `numbers` to have them run",
                sum(&self.nobody),
                named(&self.nobody)
            ));
        }
        if !self.several.is_empty() {
            all.push(format!(
                "{} calls are counted as nobody's, for several practices of the configuration are called \
                 so ({}): name them by a number or their key",
                sum(&self.several),
                named(&self.several)
            ));
        }
        if self.named > 0 {
            all.push(format!(
                "{} calls went by what their practice is called: the number dialled is not configured, \
                 or not known",
                self.named
            ));
        }
        if self.unidentified > 0 {
            all.push(format!(
                "{} calls at a shared number named no practice: [unidentified] has them",
                self.unidentified
            ));
        }
        all
    }
}

/// Those with the most calls first.
fn named(of: &BTreeMap<String, usize>) -> String {
    let mut all: Vec<(&String, &usize)> = of.iter().collect();
    all.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let beyond = all.len().saturating_sub(NAMED_MAX);
    let mut words: Vec<String> =
        all.iter().take(NAMED_MAX).map(|(name, count)| format!("{name}: {count}")).collect();
    if beyond > 0 {
        words.push(format!("and {beyond} more"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::day::PastEnd;
    use super::*;

    fn call(did: Option<&str>, practice: Option<&str>) -> PastCall {
        PastCall {
            arrived_ms: 0,
            did: did.map(|number| E164::read(number).unwrap()),
            practice: practice.map(str::to_owned),
            trunk: None,
            caller: None,
            wait_ms: 0,
            talk_ms: None,
            end: PastEnd::Otherwise,
            agent: None,
        }
    }

    #[test]
    fn the_number_says_whose_it_is_and_a_name_only_where_one_practice_has_it() {
        let mut config = crate::config_of_nobody();
        for (id, key, name) in [(1, "lyon", "Dr Martin"), (2, "paris", "Dr Martin"), (3, "b", "B")]
        {
            let practice = call::Practice {
                key: key.to_owned(),
                name: name.to_owned(),
                label: name.to_owned(),
                ..call::Practice::default()
            };
            config.practices.insert(PracticeId(id), practice);
        }
        let number = |text: &str| E164::read(text).unwrap();
        config.numbers.insert(number("0199001234"), PracticeId(2));
        config.shared.insert(number("0199009900"), PracticeId(3));
        let directory = Directory::of(&config);
        let mut remarks = Remarks::default();
        let mut whose = |did, practice| {
            let call = call(did, practice);
            let whose = directory.whose(&call);
            remarks.note(&call, whose);
            whose
        };
        let dialled = Whose::Dialled(PracticeId(2), number("0199001234"));
        assert_eq!(whose(Some("0199001234"), Some("B")), dialled, "whatever it is called");
        let shared = Whose::Unidentified(PracticeId(3), number("0199009900"));
        assert_eq!(whose(Some("0199009900"), None), shared);
        assert_eq!(whose(Some("0199005678"), Some("Dr Martin")), Whose::Several);
        assert_eq!(whose(None, Some("lyon")), Whose::Named(PracticeId(1)));
        assert_eq!(whose(Some("0199005678"), Some("B")), Whose::Named(PracticeId(3)));
        assert_eq!(whose(Some("0199005678"), Some("Dr Roux")), Whose::Nobody);
        assert_eq!(whose(Some("0199005678"), None), Whose::Nobody);
        let told = remarks.told().join("\n");
        for words in [
            "2 calls are of nobody in the configuration and only counted as such (01 99 00 56 78: 1, \
             Dr Roux: 1)",
            "1 calls are counted as nobody's, for several practices of the configuration are called so \
             (Dr Martin: 1)",
            "2 calls went by what",
            "1 calls at a shared number",
        ] {
            assert!(told.contains(words), "{words:?} is not in\n{told}");
        }
    }
}
