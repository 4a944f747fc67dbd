//! The relay's place in the driver: orders out, events in, in the words of either crate.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use call::{
    MediaEvent, MediaLeg, MediaOrder, MediaSource, MediaStats, Owner, Play, Playing, Pool,
    PromptId, ToneCodec,
};
use tracing::error;

use crate::inbox::Inbox;
use crate::limits::NEWS_GATHER;
use crate::prompts::Prompts;
use crate::server::StartError;
use crate::settings::MediaSettings;
use crate::watch::Watch;

pub(crate) struct Media {
    relay: media::Relay,
    /// Before the driver runs there is none.
    watch: Option<Watch>,
    pool: Pool,
    /// Those that are configured, and former ones.
    prompts: Prompts,
    /// How many of them are configured.
    configured: usize,
    /// Orders that a full ring refused, in their order.
    waiting: Waiting,
}

/// First in, first out: a leg's order may name another's port, so that time is the only safe order.
/// When twice the pool's ports wait, only the latest of each port stays, since an order states the
/// whole wish: that leaves at most one a port.
struct Waiting {
    orders: VecDeque<media::Order>,
    orders_max: usize,
}

impl Waiting {
    fn of(pool: &Pool) -> Self {
        let ports: usize = pool.shards.iter().map(Vec::len).sum();
        Self { orders: VecDeque::new(), orders_max: (2 * ports).max(1) }
    }

    fn push(&mut self, order: media::Order) {
        if self.orders.len() >= self.orders_max {
            self.merge();
        }
        self.orders.push_back(order);
    }

    fn merge(&mut self) {
        let mut later = BTreeSet::new();
        let mut merged = VecDeque::with_capacity(self.orders_max);
        while let Some(order) = self.orders.pop_back() {
            if later.insert(order.port()) {
                merged.push_front(order);
            }
        }
        self.orders = merged;
    }
}

impl Media {
    pub(crate) fn start(settings: &MediaSettings, prompts: Prompts) -> Result<Self, StartError> {
        let mut config = media::Config::new(settings.address, settings.ports.clone());
        config.threads = settings.threads;
        let relay = media::start(config)?;
        let pool = Pool {
            address: settings.advertise.unwrap_or(settings.address),
            shards: relay.shards().to_vec(),
        };
        let waiting = Waiting::of(&pool);
        let configured = prompts.len();
        Ok(Self { relay, watch: None, pool, prompts, configured, waiting })
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Wakes the driver when events wait, but not more often than nobody minds.
    pub(crate) fn watch(&mut self, inbox: Inbox) -> Result<(), StartError> {
        let system = |source| StartError::System { what: "watch the relay", source };
        let readable = self.relay.event_fd().try_clone_to_owned().map_err(system)?;
        let watch = Watch::start("media-news", readable, move || {
            let is_alive = inbox.media_ready();
            std::thread::park_timeout(NEWS_GATHER);
            is_alive
        });
        self.watch = Some(watch.map_err(system)?);
        Ok(())
    }

    /// Other audio for prompts that begin from here on. What is gone is kept until it is forgotten.
    pub(crate) fn set_prompts(&mut self, prompts: Prompts) {
        self.configured = prompts.len();
        self.prompts = prompts.with_those_of(std::mem::take(&mut self.prompts));
    }

    /// Of the prompts that are gone, those that nobody may have to hear any longer.
    pub(crate) fn forget_prompts(&mut self, is_needed: impl Fn(PromptId) -> bool) {
        if self.configured < self.prompts.len() {
            self.prompts.keep(is_needed);
        }
    }

    pub(crate) fn order(&mut self, order: MediaOrder) {
        let order = translate(&self.prompts, order);
        if self.waiting.orders.is_empty() {
            if let Err(media::Full(order)) = self.relay.order(order) {
                self.waiting.push(*order);
            }
        } else {
            self.waiting.push(order);
        }
    }

    /// Gives waiting orders again. `true`: some still wait.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some(order) = self.waiting.orders.pop_front() {
            if let Err(media::Full(order)) = self.relay.order(order) {
                self.waiting.orders.push_front(*order);
                return true;
            }
        }
        false
    }

    pub(crate) fn poll_event(&mut self) -> Option<MediaEvent> {
        self.relay.poll_event().map(event)
    }

    pub(crate) fn counters(&self) -> media::Counters {
        self.relay.counters()
    }

    pub(crate) fn shutdown(self) {
        drop(self.watch);
        self.relay.shutdown();
    }
}

fn translate(prompts: &Prompts, order: MediaOrder) -> media::Order {
    match order {
        MediaOrder::Set { port, owner: Owner(owner), leg: wish } => {
            media::Order::Set { port, owner, leg: leg(prompts, wish) }
        }
        MediaOrder::Release { port, owner: Owner(owner) } => media::Order::Release { port, owner },
    }
}

fn leg(prompts: &Prompts, wish: MediaLeg) -> media::Leg {
    media::Leg {
        remote: wish.remote.map(|remote| media::Remote { rtp: remote.rtp, rtcp: remote.rtcp }),
        source: match wish.source {
            MediaSource::Fixed => media::Source::Fixed,
            MediaSource::Latch => media::Source::Latch,
        },
        signalling: Some(wish.signalling),
        peer: wish.peer,
        payload_map: wish.payload_map,
        play: wish.play.map(|wish| play(prompts, wish)),
        receives: wish.receives,
        watch: wish.watch,
        keys: wish.keys,
    }
}

fn play(prompts: &Prompts, wish: Play) -> media::Play {
    media::Play {
        what: match wish.what {
            Playing::RingTone => media::Playing::RingTone,
            Playing::Confirmed => media::Playing::Confirmed,
            Playing::Refused => media::Playing::Refused,
            Playing::Prompt { prompt, repeat } => {
                let audio = prompts.audio(prompt).map_or_else(
                    || {
                        // Silence that ends at once: whoever waits for the end does not hang.
                        error!(%prompt, "a prompt is to be played that is not loaded");
                        Arc::new(media::Audio::new(&[]))
                    },
                    Arc::clone,
                );
                media::Playing::Prompt { prompt: prompt.0, audio, repeat }
            }
        },
        payload_type: wish.payload_type,
        codec: match wish.codec {
            ToneCodec::Pcma => media::ToneCodec::Pcma,
            ToneCodec::Pcmu => media::ToneCodec::Pcmu,
        },
    }
}

fn event(event: media::Event) -> MediaEvent {
    match event {
        media::Event::Heard { port, owner } => MediaEvent::Heard { port, owner: Owner(owner) },
        media::Event::Silent { port, owner } => MediaEvent::Silent { port, owner: Owner(owner) },
        media::Event::Played { port, owner } => MediaEvent::Played { port, owner: Owner(owner) },
        media::Event::Digit { port, owner, digit } => {
            MediaEvent::Digit { port, owner: Owner(owner), digit }
        }
        media::Event::Released { port, owner, stats } => MediaEvent::Released {
            port,
            owner: Owner(owner),
            stats: MediaStats {
                packets_in: stats.rtp_in,
                packets_out: stats.rtp_out,
                packets_rejected: stats.rejected,
                packets_lost: stats.lost,
            },
        },
        media::Event::Failed { port, owner, error } => {
            MediaEvent::Failed { port, owner: Owner(owner), error }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(prompts: &Prompts, what: Playing) -> media::Play {
        let wish = MediaLeg {
            remote: None,
            source: MediaSource::Fixed,
            signalling: [192, 0, 2, 1].into(),
            peer: None,
            payload_map: Vec::new(),
            play: Some(Play { what, payload_type: 8, codec: ToneCodec::Pcma }),
            receives: true,
            watch: false,
            keys: Vec::new(),
        };
        leg(prompts, wish).play.unwrap()
    }

    #[test]
    fn a_prompts_audio_is_shared_and_one_that_is_not_loaded_ends_at_once() {
        let audio = Arc::new(media::Audio::new(&[1_000; 800]));
        let prompts = Prompts::of([(PromptId(3), "closed", Arc::clone(&audio))]);
        for repeat in [false, true] {
            let known = Playing::Prompt { prompt: PromptId(3), repeat };
            let media::Playing::Prompt { prompt: 3, audio: shared, repeat: repeats } =
                played(&prompts, known).what
            else {
                panic!("another play");
            };
            assert!(Arc::ptr_eq(&audio, &shared) && repeats == repeat);
        }
        let unknown = Playing::Prompt { prompt: PromptId(4), repeat: false };
        let silence = Arc::new(media::Audio::new(&[]));
        let silence = media::Playing::Prompt { prompt: 4, audio: silence, repeat: false };
        assert_eq!(played(&prompts, unknown).what, silence);
    }

    #[test]
    fn waiting_orders_keep_their_order_and_merge_by_port_when_they_are_too_many() {
        let release = |port, owner| media::Order::Release { port, owner };
        let mut waiting = Waiting { orders: VecDeque::new(), orders_max: 4 };
        for order in [release(8, 1), release(2, 2), release(8, 3), release(4, 4)] {
            waiting.push(order);
        }
        let first: Vec<u16> = waiting.orders.iter().map(media::Order::port).collect();
        assert_eq!(first, [8, 2, 8, 4]);
        waiting.push(release(2, 5));
        assert_eq!(waiting.orders, [release(2, 2), release(8, 3), release(4, 4), release(2, 5)]);
    }
}
