//! Bindings by AOR, found again by flow and by expiry.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Binding;
use crate::{Flow, Instant};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Table {
    /// Never an empty list.
    bindings: BTreeMap<String, Vec<Binding>>,
    by_flow: BTreeSet<(Flow, String)>,
    /// The earliest expiry of each AOR.
    by_expiry: BTreeSet<(Instant, String)>,
    /// AORs whose bindings are not those that somebody was told of last.
    changed: BTreeSet<String>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn bindings(&self, aor: &str) -> &[Binding] {
        self.bindings.get(aor).map_or(&[], Vec::as_slice)
    }

    pub(super) fn replace(&mut self, aor: &str, next: Vec<Binding>) {
        if let Some(old) = self.bindings.remove(aor) {
            for binding in &old {
                self.by_flow.remove(&(binding.flow, aor.to_string()));
            }
            if let Some(expiry) = earliest(&old) {
                self.by_expiry.remove(&(expiry, aor.to_string()));
            }
        }
        self.changed.insert(aor.to_string());
        let Some(expiry) = earliest(&next) else { return };
        self.by_flow.extend(next.iter().map(|binding| (binding.flow, aor.to_string())));
        self.by_expiry.insert((expiry, aor.to_string()));
        self.bindings.insert(aor.to_string(), next);
    }

    pub(super) fn take_changed(&mut self) -> Option<String> {
        self.changed.pop_first()
    }

    pub(super) fn aor_on(&self, flow: &Flow) -> Option<&str> {
        let (found, aor) = self.by_flow.range((*flow, String::new())..).next()?;
        (found == flow).then_some(aor)
    }

    pub(super) fn aors_on(&self, flow: &Flow) -> impl Iterator<Item = &str> {
        let flow = *flow;
        let from = self.by_flow.range((flow, String::new())..);
        from.take_while(move |(found, _)| *found == flow).map(|(_, aor)| aor.as_str())
    }

    pub(super) fn flows_len(&self) -> usize {
        self.by_flow.len()
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// An AOR with a binding that is over at `now`.
    pub(super) fn expired(&self, now: Instant) -> Option<String> {
        let (at, aor) = self.by_expiry.first()?;
        (*at <= now).then(|| aor.clone())
    }
}

fn earliest(bindings: &[Binding]) -> Option<Instant> {
    bindings.iter().map(|binding| binding.expires_at).min()
}
