//! The engine's half of the media pool: which port pairs are free, and which leg has which.
//!
//! A call takes its caller's pair when it arrives and the right to a second one for the leg of whom we
//! ring, in the same shard: an admitted call cannot fail later for want of a port. Where several phones
//! ring for it at once, each more has a pair only if one is spare. Freed pairs go to the end of the line, so that a pair rests as long as the pool allows before its next call; one whose caller
//! has not heard of the end yet rests until he has.
//!
//! An emergency call goes before all of this: where nothing is spare it takes a pair that a call may still
//! ask for, which then has none until one is free.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::media::{Pool, Port};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ports {
    address: Option<IpAddr>,
    shards: Vec<Shard>,
    shard_of: BTreeMap<Port, usize>,
    /// How many pairs a call has besides its first, where it has any.
    beside: BTreeMap<Port, usize>,
    in_use: usize,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Shard {
    free: VecDeque<Port>,
    /// Calls that have their first pair and may ask for a second.
    reserved: usize,
}

impl Ports {
    /// Takes over what the relay has bound, from a random place on: an outsider cannot tell the next
    /// port. Legs that are up keep theirs.
    pub(crate) fn announce(&mut self, pool: Pool, random: u64) {
        if self.address.is_some() {
            return; // A relay that comes back has the same pairs, and knows who holds them.
        }
        self.address = Some(pool.address);
        for (index, ports) in pool.shards.into_iter().enumerate() {
            self.shard_of.extend(ports.iter().map(|&port| (port, index)));
            let mut free = VecDeque::from(ports);
            if !free.is_empty() {
                let start = usize::try_from(random % free.len() as u64).unwrap_or(0);
                free.rotate_left(start);
            }
            self.shards.push(Shard { free, reserved: 0 });
        }
    }

    /// The address that our SDP names.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(crate) fn in_use(&self) -> usize {
        self.in_use
    }

    /// Neither held nor promised to a call that has not asked yet.
    pub(crate) fn spare(&self) -> usize {
        self.shards.iter().map(Shard::spare).sum()
    }

    /// A pair for a caller, with the right to a second one. `None`: the pool is spent.
    pub(crate) fn admit(&mut self) -> Option<Port> {
        let shard = self.shards.iter_mut().max_by_key(|shard| shard.spare())?;
        if shard.spare() < 2 {
            return None;
        }
        shard.reserved += 1;
        self.in_use += 1;
        shard.free.pop_front()
    }

    /// Whether the call that holds `first` could take a pair beside it. Its first such pair is kept for
    /// it, unless an emergency call has taken that.
    pub(crate) fn has_beside(&self, first: Port) -> bool {
        let shard = &self.shards[self.shard_of[&first]];
        let is_kept = !self.beside.contains_key(&first);
        if is_kept { !shard.free.is_empty() } else { shard.spare() > 0 }
    }

    /// The call that holds `first` takes a pair beside it. `None`: see [`Self::has_beside`].
    pub(crate) fn take_beside(&mut self, first: Port) -> Option<Port> {
        if !self.has_beside(first) {
            return None;
        }
        let has_one = self.beside.contains_key(&first);
        let shard = self.shard_mut(first);
        let port = shard.free.pop_front()?;
        shard.reserved -= usize::from(!has_one);
        *self.beside.entry(first).or_default() += 1;
        self.in_use += 1;
        Some(port)
    }

    /// The call that holds `first` gives such a pair back. It may always have one.
    pub(crate) fn return_beside(&mut self, first: Port, beside: Port) {
        let left = self.beside.get(&first).copied().unwrap_or_default().saturating_sub(1);
        let is_last = left == 0;
        if is_last {
            self.beside.remove(&first);
        } else {
            self.beside.insert(first, left);
        }
        let shard = self.shard_mut(first);
        shard.free.push_back(beside);
        shard.reserved += usize::from(is_last);
        self.in_use -= 1;
    }

    /// The call is over, all others of its pairs returned before.
    pub(crate) fn leave(&mut self, first: Port) {
        debug_assert!(!self.beside.contains_key(&first), "a call ends after its legs");
        let shard = self.shard_mut(first);
        shard.free.push_back(first);
        shard.reserved -= 1;
        self.in_use -= 1;
    }

    /// One pair for a leg that has no peer. It takes none that a call may still ask for.
    pub(crate) fn take_single(&mut self) -> Option<(Port, IpAddr)> {
        let address = self.address?;
        let shard = self.shards.iter_mut().max_by_key(|shard| shard.spare())?;
        if shard.spare() == 0 {
            return None;
        }
        self.in_use += 1;
        shard.free.pop_front().map(|port| (port, address))
    }

    /// One pair for an emergency call, in the shard of its other one; what calls may still ask for is
    /// taken last. `None`: every pair is held.
    pub(crate) fn take_urgent(&mut self, other: Option<Port>) -> Option<(Port, IpAddr)> {
        let address = self.address?;
        let shard = match other {
            Some(other) => self.shard_mut(other),
            None => self.shards.iter_mut().max_by_key(|it| (it.spare(), it.free.len()))?,
        };
        let port = shard.free.pop_front()?;
        self.in_use += 1;
        Some((port, address))
    }

    /// The call that holds `first` has no second pair and will never ask for one: its own is a single
    /// one from here on.
    pub(crate) fn renounce_second(&mut self, first: Port) {
        self.shard_mut(first).reserved -= 1;
    }

    pub(crate) fn return_single(&mut self, port: Port) {
        self.shard_mut(port).free.push_back(port);
        self.in_use -= 1;
    }

    /// The pair that was given back last is kept from use until [`Self::wake`]: somebody may still
    /// send to it.
    pub(crate) fn rest(&mut self, port: Port) {
        let given_back = self.shard_mut(port).free.pop_back();
        debug_assert_eq!(given_back, Some(port), "a pair rests as it is given back");
    }

    pub(crate) fn wake(&mut self, port: Port) {
        self.shard_mut(port).free.push_back(port);
    }

    fn shard_mut(&mut self, port: Port) -> &mut Shard {
        let index = self.shard_of[&port];
        &mut self.shards[index]
    }
}

impl Shard {
    fn spare(&self) -> usize {
        self.free.len().saturating_sub(self.reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(shards: Vec<Vec<Port>>) -> Ports {
        let mut ports = Ports::default();
        ports.announce(Pool { address: [127, 0, 0, 1].into(), shards }, 7);
        ports
    }

    #[test]
    fn an_admitted_call_always_gets_its_second_pair() {
        let mut ports = ports(vec![vec![10, 12, 14, 16, 18]]);
        let first = ports.admit().unwrap();
        let other = ports.admit().unwrap();
        assert_eq!(ports.admit(), None, "one pair is left, a call needs two");
        let second = ports.take_beside(first).unwrap();
        let third = ports.take_beside(other).unwrap();
        assert_eq!(ports.in_use(), 4);
        ports.return_beside(first, second);
        ports.leave(first);
        ports.return_beside(other, third);
        ports.leave(other);
        assert_eq!(ports.in_use(), 0);
    }

    #[test]
    fn a_phone_more_has_a_pair_only_if_no_other_call_may_ask_for_it() {
        let mut ports = ports(vec![vec![10, 12, 14, 16, 18]]);
        let first = ports.admit().unwrap();
        let other = ports.admit().unwrap();
        let second = ports.take_beside(first).unwrap();
        let third = ports.take_beside(first).unwrap();
        assert_eq!(ports.take_beside(first), None, "the last pair is the other call's");
        let others = ports.take_beside(other).unwrap();
        ports.return_beside(first, second);
        ports.return_beside(first, third);
        assert_eq!(ports.spare(), 1, "of two that are free the call may ask for one again");
        ports.leave(first);
        ports.return_beside(other, others);
        ports.leave(other);
        assert_eq!((ports.in_use(), ports.spare()), (0, 5));
    }

    #[test]
    fn a_leg_without_a_peer_takes_no_pair_that_a_call_may_ask_for() {
        let mut ports = ports(vec![vec![10, 12, 14]]);
        let first = ports.admit().unwrap();
        let (single, _) = ports.take_single().unwrap();
        assert_eq!(ports.take_single(), None, "the last pair is the call's");
        let second = ports.take_beside(first).unwrap();
        ports.return_beside(first, second);
        ports.leave(first);
        ports.return_single(single);
        assert_eq!(ports.in_use(), 0);
    }

    #[test]
    fn an_emergency_call_takes_what_is_kept_for_a_call_until_nothing_is_left() {
        let mut ports = ports(vec![vec![10, 12, 14], vec![20, 22]]);
        let first = ports.admit().unwrap();
        let other = ports.admit().unwrap();
        let (urgent, _) = ports.take_urgent(None).unwrap();
        let (beside, _) = ports.take_urgent(Some(urgent)).unwrap();
        assert_eq!(urgent / 10, beside / 10, "both are of one shard");
        assert_eq!((ports.take_beside(first), ports.spare()), (None, 0));
        assert!(ports.take_beside(other).is_some(), "another shard kept its promise");
        assert_eq!(ports.take_urgent(None), None);
        ports.return_single(urgent);
        assert!(ports.take_beside(first).is_some(), "it has one again");
        ports.return_single(beside);
        assert_eq!(ports.in_use(), 4);
    }

    #[test]
    fn a_call_that_wants_no_second_pair_leaves_it_to_another() {
        let mut ports = ports(vec![vec![10, 12, 14]]);
        let first = ports.admit().unwrap();
        assert_eq!(ports.admit(), None);
        ports.renounce_second(first);
        let other = ports.admit().unwrap();
        ports.return_single(first);
        ports.leave(other);
        assert_eq!(ports.in_use(), 0);
        assert!(ports.admit().is_some());
    }

    #[test]
    fn both_pairs_of_a_call_are_of_one_shard() {
        let mut ports = ports(vec![vec![10, 12, 14], vec![20, 22, 24, 26]]);
        let first = ports.admit().unwrap();
        let second = ports.take_beside(first).unwrap();
        assert_eq!(first / 10, second / 10);
    }

    #[test]
    fn the_pair_that_rested_longest_is_next() {
        let mut ports = ports(vec![vec![10, 12, 14]]);
        let first = ports.admit().unwrap();
        ports.leave(first);
        let next = ports.admit().unwrap();
        assert_ne!(first, next);
    }
}
