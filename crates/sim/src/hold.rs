//! Hold as the peers do it: a new offer in the dialog, later another that takes it back.

use std::net::SocketAddr;
use std::time::Duration;

use sip::Instant;

use crate::dice::Dice;
use crate::wire;

/// What a peer does to a conversation.
#[derive(Copy, Clone, Debug)]
pub struct Holding {
    /// From its beginning.
    pub after: Duration,
    pub lasts: Duration,
    pub how: Hold,
}

/// How its offer says so.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Hold {
    SendOnly,
    Inactive,
    /// RFC 2543's way: the address of nobody.
    NullAddress,
}

impl Holding {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            after: Duration::from_millis(dice.between(300, 8_000)),
            lasts: Duration::from_millis(dice.between(300, 40_000)),
            how: dice.pick(&[Hold::SendOnly, Hold::Inactive, Hold::NullAddress]),
        }
    }
}

impl Hold {
    /// The direction that must answer it (RFC 3264 §6.1).
    const fn answer(self) -> &'static str {
        match self {
            Self::SendOnly | Self::NullAddress => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// The offers of one peer in one dialog, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// Of its last session description; the first has 1.
    version: u64,
    pending: Option<Offered>,
    /// As the engine has confirmed: it holds since then.
    pub held_since: Option<Instant>,
}

#[derive(Copy, Clone, Debug)]
struct Offered {
    cseq: u32,
    hold: Option<Hold>,
    /// The engine's answer has left.
    answered: bool,
}

impl Offers {
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// The session description that holds, or does not.
    pub(crate) fn offer(
        &mut self,
        cseq: u32,
        hold: Option<Hold>,
        media: SocketAddr,
        types: &str,
        maps: &str,
    ) -> String {
        self.version = self.version.max(1) + 1;
        self.pending = Some(Offered { cseq, hold, answered: false });
        let sdp = wire::sdp(media, 7, self.version, types, maps);
        match hold {
            None => sdp,
            Some(Hold::SendOnly) => sdp.replace("a=sendrecv", "a=sendonly"),
            Some(Hold::Inactive) => sdp.replace("a=sendrecv", "a=inactive"),
            Some(Hold::NullAddress) => {
                sdp.replace(&format!("c=IN IP4 {}", media.ip()), "c=IN IP4 0.0.0.0")
            }
        }
    }

    /// The engine's 200 leaves: from here on it holds, or talks. What the answer's direction must be.
    pub(crate) fn leaves(&mut self, now: Instant, cseq: u32) -> Option<(&'static str, bool)> {
        let offered = self.pending.as_mut().filter(|it| it.cseq == cseq)?;
        if !std::mem::replace(&mut offered.answered, true) {
            self.held_since = offered.hold.and(self.held_since.or(Some(now)));
        }
        Some((offered.hold.map_or("sendrecv", Hold::answer), offered.hold.is_some()))
    }

    /// Its final answer has come. What was offered, if this is news.
    pub(crate) fn comes(&mut self, cseq: u32) -> Option<Option<Hold>> {
        let offered = self.pending.take_if(|it| it.cseq == cseq)?;
        Some(offered.hold)
    }

    /// It held once, and has taken that back.
    pub(crate) fn has_held(&self) -> bool {
        self.version > 2 && self.held_since.is_none()
    }

    /// The conversation is over as the peer sees it.
    pub(crate) fn end(&mut self) {
        self.pending = None;
        self.held_since = None;
    }
}
