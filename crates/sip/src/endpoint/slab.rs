//! Tables whose keys die with their entries: a slab index and a generation.
//!
//! A key that outlived its entry finds nothing, never the entry that took its place. Free slots
//! are reused last-in first-out, so that a run is the same to the byte.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Index and generation, as every key of a [`Slab`] holds them.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub(crate) struct Slot {
    index: u32,
    generation: u32,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

pub(crate) trait Key:
    Copy + Eq + Ord + Hash + fmt::Debug + Serialize + DeserializeOwned
{
    fn new(slot: Slot) -> Self;
    fn slot(self) -> Slot;
}

/// Declares a key newtype over [`Slot`].
macro_rules! key {
    ($(#[$meta:meta])* $vis:vis struct $name:ident;) => {
        $(#[$meta])*
        #[derive(
            Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug,
            serde::Serialize, serde::Deserialize,
        )]
        $vis struct $name($crate::endpoint::slab::Slot);

        impl $crate::endpoint::slab::Key for $name {
            fn new(slot: $crate::endpoint::slab::Slot) -> Self {
                Self(slot)
            }
            fn slot(self) -> $crate::endpoint::slab::Slot {
                self.0
            }
        }
    };
}
pub(crate) use key;

#[derive(Debug, Serialize, Deserialize)]
struct Entry<V> {
    generation: u32,
    /// Boxed: a table of thousands that grows moves few bytes.
    value: Option<Box<V>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slab<K, V> {
    entries: Vec<Entry<V>>,
    free: Vec<u32>,
    max: usize,
    key: PhantomData<K>,
}

impl<K: Key, V> Slab<K, V> {
    pub(crate) fn new(max: usize) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), max, key: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// What is beyond a smaller maximum stays until it ends by itself.
    pub(crate) fn limit_to(&mut self, max: usize) {
        self.max = max;
    }

    /// Full or not: the caller asks [`Slab::is_full`] where refusing makes sense. `value` learns its
    /// own key.
    pub(crate) fn insert_with(&mut self, value: impl FnOnce(K) -> V) -> K {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.entries.push(Entry { generation: 0, value: None });
                u32::try_from(self.entries.len() - 1).expect("caps are far below 2^32")
            }
        };
        let entry = &mut self.entries[index as usize];
        let key = K::new(Slot { index, generation: entry.generation });
        entry.value = Some(Box::new(value(key)));
        key
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        let slot = key.slot();
        let entry = self.entries.get(slot.index as usize)?;
        if entry.generation == slot.generation { entry.value.as_deref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let slot = key.slot();
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation == slot.generation { entry.value.as_deref_mut() } else { None }
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let slot = key.slot();
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot.index);
        Some(*value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.entries.iter_mut().zip(0u32..).filter_map(|(entry, index)| {
            let value = entry.value.as_deref_mut()?;
            Some((K::new(Slot { index, generation: entry.generation }), value))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries.iter().zip(0u32..).filter_map(|(entry, index)| {
            let value = entry.value.as_deref()?;
            Some((K::new(Slot { index, generation: entry.generation }), value))
        })
    }
}
