//! Nonces that need no store, and the windows of those in use.
//!
//! A nonce says when it was made and by which serial number, under an HMAC of the node's key: so
//! two phones that ask in the same microsecond get two, and nobody else can make one. Only for a
//! nonce that has proven itself once is a window of `nc` values kept.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{hex, is_equal_constant_time};
use crate::limits::{NONCE_LIFE_SECS, NONCE_WINDOWS_MAX};
use crate::time::Instant;

/// What identifies a nonce: its time, then its serial number.
pub(super) type NonceId = (Instant, u32);

/// Why a nonce, or a count under it, is not accepted.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Unusable {
    /// Not ours, or too old.
    Stale,
    /// Its `nc` was seen, or is too far behind to tell.
    Replayed,
}

/// Makes and judges nonces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Nonces {
    key: [u8; 32],
    serial: u32,
    windows: BTreeMap<NonceId, Window>,
    /// The youngest whose window was dropped for want of room: up to here an unknown nonce may
    /// have been used before.
    forgotten: Option<NonceId>,
}

impl Nonces {
    /// `epoch` counts the starts that lost state: nonces from before are not ours any more.
    pub(super) fn new(key: &[u8; 32], epoch: u64) -> Self {
        let key = hmac(key, &epoch.to_be_bytes());
        Self { key, serial: 0, windows: BTreeMap::new(), forgotten: None }
    }

    pub(super) fn make(&mut self, now: Instant) -> String {
        self.serial = self.serial.wrapping_add(1);
        self.text((now, self.serial))
    }

    /// The identity of a nonce that is ours and alive.
    pub(super) fn identify(&self, now: Instant, nonce: &str) -> Result<NonceId, Unusable> {
        let id = read_id(nonce).ok_or(Unusable::Stale)?;
        let is_ours = is_equal_constant_time(self.text(id).as_bytes(), nonce.as_bytes());
        let life = Duration::from_secs(NONCE_LIFE_SECS);
        let is_alive = id.0 <= now && now.saturating_duration_since(id.0) <= life;
        let is_forgotten =
            self.forgotten.is_some_and(|last| id <= last) && !self.windows.contains_key(&id);
        if is_ours && is_alive && !is_forgotten { Ok(id) } else { Err(Unusable::Stale) }
    }

    /// Counts a proven use. Each `nc` is accepted once (RFC 7616 §5.5).
    pub(super) fn use_once(&mut self, now: Instant, id: NonceId, nc: u32) -> Result<(), Unusable> {
        let dead = now - Duration::from_secs(NONCE_LIFE_SECS);
        self.windows = self.windows.split_off(&(dead, 0));
        if !self.windows.contains_key(&id) && self.windows.len() >= NONCE_WINDOWS_MAX {
            self.forgotten = self.windows.pop_first().map(|(oldest, _)| oldest).max(self.forgotten);
        }
        let window = self.windows.entry(id).or_default();
        if window.accept(nc) { Ok(()) } else { Err(Unusable::Replayed) }
    }

    fn text(&self, (time, serial): NonceId) -> String {
        let mut said = [0; 12];
        said[..8].copy_from_slice(&time.as_micros().to_be_bytes());
        said[8..].copy_from_slice(&serial.to_be_bytes());
        hex(&said) + &hex(&hmac(&self.key, &said)[..16])
    }
}

fn read_id(nonce: &str) -> Option<NonceId> {
    if nonce.len() != 56 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let time = u64::from_str_radix(&nonce[..16], 16).ok()?;
    let serial = u32::from_str_radix(&nonce[16..24], 16).ok()?;
    Some((Instant::from_micros(time), serial))
}

/// The `nc` values seen: the highest, and which of the 64 up to it (bit 0 is the highest).
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Window {
    fn accept(&mut self, nc: u32) -> bool {
        if nc == 0 {
            return false;
        }
        if nc > self.highest {
            let step = nc - self.highest;
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = nc;
            return true;
        }
        let bit = 1_u64.checked_shl(self.highest - nc).unwrap_or(0);
        let is_new = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

/// RFC 2104 over SHA-256.
fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_accepted_once_in_any_order_within_the_window() {
        let mut window = Window::default();
        for (nc, accepted) in [
            (0, false),
            (1, true),
            (1, false),
            (3, true),
            (2, true),
            (2, false),
            (66, true),
            (3, false),
            (4, true),
            (2, false),
            (u32::MAX, true),
            (66, false),
            (u32::MAX, false),
        ] {
            assert_eq!(window.accept(nc), accepted, "nc {nc}");
        }
    }

    #[test]
    fn the_hmac_is_that_of_rfc_4231_case_1_with_its_key_padded() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let mac = hex(&hmac(&key, b"Hi There"));
        assert_eq!(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_refuses_what_it_cannot_know() {
        let mut nonces = Nonces::new(&[7; 32], 0);
        let now = Instant::from_secs(1_000);
        let first = nonces.make(now);
        let id = nonces.identify(now, &first).unwrap();
        assert_eq!(nonces.use_once(now, id, 1), Ok(()));
        for _ in 0..NONCE_WINDOWS_MAX {
            let next = nonces.make(now);
            let id = nonces.identify(now, &next).unwrap();
            assert_eq!(nonces.use_once(now, id, 1), Ok(()));
        }
        assert_eq!(nonces.windows.len(), NONCE_WINDOWS_MAX);
        assert_eq!(nonces.identify(now, &first), Err(Unusable::Stale));
    }
}
