//! One socket with its endpoint: a group of phones, or a trunk.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use bytes::Bytes;
use sip::sdp::{Audio, Codec, Direction, LocalSession, Offer, common};
use sip::{
    DialogKey, Endpoint, Flow, Instant, Limits, Message, Method, RequestKey, Setup, Target,
    Transport,
};

use super::Clock;
use super::party::{Happening, PhoneState, PhonesSetup, Sound, TrunkSetup, Violation};
use super::phones::Phones;
use super::tone::Heard;
use super::trunk::Trunk;
use super::voice::{self, Voice};

/// Datagrams of one socket before others have their turn.
const READ_MAX: usize = 256;
/// Bursts of thousands of calls a second wait here while the floor does something else.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Thousands of calls a second whose transactions linger for 32 s (RFC 6026 timers L and M).
const TRANSACTIONS_MAX: usize = 1_000_000;
const DIALOGS_MAX: usize = 200_000;

pub(super) struct Line {
    socket: UdpSocket,
    role: Role,
    /// Neither hears nor speaks: see [`super::Floor::cut`].
    is_cut: bool,
    pub(super) unsent: u64,
}

enum Role {
    Phones(Phones),
    Trunk(Trunk),
}

impl Line {
    pub(super) fn phones(
        line: u16,
        seed: [u8; 32],
        bind: IpAddr,
        setup: PhonesSetup,
    ) -> io::Result<Self> {
        let (socket, ua) = open(line, seed, bind, setup.server, "monoligne-floor-phone")?;
        Ok(Self::new(socket, Role::Phones(Phones::new(ua, setup))))
    }

    pub(super) fn trunk(
        line: u16,
        seed: [u8; 32],
        bind: IpAddr,
        setup: TrunkSetup,
    ) -> io::Result<Self> {
        let (socket, ua) = open(line, seed, bind, setup.server, "monoligne-floor-trunk")?;
        Ok(Self::new(socket, Role::Trunk(Trunk::new(ua, setup))))
    }

    fn new(socket: UdpSocket, role: Role) -> Self {
        Self { socket, role, is_cut: false, unsent: 0 }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.ua().flow.local
    }

    fn ua(&self) -> &Ua {
        match &self.role {
            Role::Phones(phones) => &phones.ua,
            Role::Trunk(trunk) => &trunk.ua,
        }
    }

    fn ua_mut(&mut self) -> &mut Ua {
        match &mut self.role {
            Role::Phones(phones) => &mut phones.ua,
            Role::Trunk(trunk) => &mut trunk.ua,
        }
    }

    /// Runs `command` if this is a line of phones.
    pub(super) fn with_phones(&mut self, command: impl FnOnce(&mut Phones)) {
        match &mut self.role {
            Role::Phones(phones) => command(phones),
            Role::Trunk(_) => debug_assert!(false, "a phone's line is not a trunk"),
        }
    }

    /// Runs `command`; a line that is no trunk is the caller's mistake.
    pub(super) fn with_trunk<T>(&mut self, command: impl FnOnce(&mut Trunk) -> T) -> T {
        match &mut self.role {
            Role::Trunk(trunk) => command(trunk),
            Role::Phones(_) => panic!("calls are placed on a trunk, not on a line of phones"),
        }
    }

    pub(super) fn cut(&mut self, now: Instant) {
        self.is_cut = true;
        match &mut self.role {
            Role::Phones(phones) => phones.cut(now),
            Role::Trunk(trunk) => trunk.cut(now),
        }
        self.ua_mut().restart();
    }

    pub(super) fn mend(&mut self) {
        self.is_cut = false;
    }

    pub(super) fn hang_up_all(&mut self, now: Instant) {
        match &mut self.role {
            Role::Trunk(trunk) => trunk.hang_up_all(now),
            Role::Phones(_) => {}
        }
    }

    pub(super) fn phone_state(&self, index: u32) -> PhoneState {
        match &self.role {
            Role::Phones(phones) => phones.state(index),
            Role::Trunk(_) => PhoneState::Unregistered,
        }
    }

    pub(super) fn live_calls(&self) -> usize {
        match &self.role {
            Role::Trunk(trunk) => trunk.live_calls(),
            Role::Phones(_) => 0,
        }
    }

    pub(super) fn registered(&self) -> usize {
        match &self.role {
            Role::Phones(phones) => phones.registered(),
            Role::Trunk(_) => 0,
        }
    }

    pub(super) fn endpoint_counts(&self) -> sip::Counts {
        self.ua().endpoint.counts()
    }

    pub(super) fn has_voices(&self) -> bool {
        match &self.role {
            Role::Phones(phones) => phones.has_voices(),
            Role::Trunk(trunk) => trunk.has_voices(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let party = match &self.role {
            Role::Phones(phones) => phones.poll_timeout(),
            Role::Trunk(trunk) => trunk.poll_timeout(),
        };
        let endpoint = self.ua().endpoint.poll_timeout().map(|(at, _)| at);
        party.into_iter().chain(endpoint).min()
    }

    /// Each datagram has its own time, and is answered before the next one is read: what is measured
    /// here is not the length of our own batch.
    pub(super) fn handle_readable(&mut self, clock: Clock, buffer: &mut [u8]) {
        for _ in 0..READ_MAX {
            // WouldBlock, or an ICMP error of an earlier send: nothing to read either way.
            let Ok((length, from)) = self.socket.recv_from(buffer) else { return };
            if self.is_cut {
                continue;
            }
            let now = clock.now();
            let bytes = Bytes::copy_from_slice(&buffer[..length]);
            let ua = self.ua_mut();
            match Message::read(bytes) {
                Ok(message) => {
                    let flow = Flow { remote: from, ..ua.flow };
                    ua.endpoint.handle_message(now, flow, message);
                }
                Err(_) => ua.violation(Violation::Unreadable { line: ua.line, at: now }),
            }
            self.handle_events(now);
            self.flush();
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let ua = self.ua_mut();
        if ua.endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
            ua.endpoint.handle_timeout(now);
        }
        match &mut self.role {
            Role::Phones(phones) => phones.handle_timeout(now),
            Role::Trunk(trunk) => trunk.handle_timeout(now),
        }
        self.handle_events(now);
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.ua_mut().endpoint.poll_event() {
            match &mut self.role {
                Role::Phones(phones) => phones.handle_event(now, event),
                Role::Trunk(trunk) => trunk.handle_event(now, event),
            }
        }
    }

    pub(super) fn handle_voices(&mut self, now: Instant) {
        if self.is_cut {
            return;
        }
        match &mut self.role {
            Role::Phones(phones) => phones.handle_voices(now),
            Role::Trunk(trunk) => trunk.handle_voices(now),
        }
    }

    /// Sends what the endpoint has to say.
    pub(super) fn flush(&mut self) {
        while let Some(transmit) = self.ua_mut().endpoint.poll_transmit() {
            if self.is_cut {
                continue;
            }
            if self.socket.send_to(&transmit.bytes, transmit.flow.remote).is_err() {
                self.unsent += 1;
            }
        }
    }

    pub(super) fn take_happenings(&mut self, into: &mut VecDeque<Happening>) {
        into.append(&mut self.ua_mut().happenings);
    }
}

/// What phones and trunks have in common: an endpoint, and sessions of one codec.
pub(super) struct Ua {
    pub(super) line: u16,
    pub(super) endpoint: Endpoint,
    /// From here to the server.
    pub(super) flow: Flow,
    pub(super) happenings: VecDeque<Happening>,
    setup: Setup,
    /// Announced by those who have no voice of their own.
    shared_rtp: UdpSocket,
    shared_rtp_address: SocketAddr,
    sessions: u64,
}

fn open(
    line: u16,
    seed: [u8; 32],
    bind: IpAddr,
    server: SocketAddr,
    user_agent: &str,
) -> io::Result<(UdpSocket, Ua)> {
    let socket = UdpSocket::bind((bind, 0))?;
    let options = socket2::SockRef::from(&socket);
    options.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    options.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    let local = socket.local_addr()?;
    let shared_rtp = voice::bind(bind)?;
    let limits = Limits {
        dialogs_max: DIALOGS_MAX,
        client_transactions_max: TRANSACTIONS_MAX,
        server_transactions_max: TRANSACTIONS_MAX,
        ..Limits::default()
    };
    let setup = Setup { seed, user_agent: user_agent.to_owned(), limits };
    let ua = Ua {
        line,
        endpoint: Endpoint::new(setup.clone()),
        flow: Flow { transport: Transport::Udp, local, remote: server, connection: 0 },
        happenings: VecDeque::new(),
        setup,
        shared_rtp_address: shared_rtp.local_addr()?,
        shared_rtp,
        sessions: 0,
    };
    Ok((socket, ua))
}

impl Ua {
    pub(super) fn target(&self) -> Target {
        Target::Flow(self.flow)
    }

    pub(super) fn tell(&mut self, happening: Happening) {
        self.happenings.push_back(happening);
    }

    pub(super) fn violation(&mut self, violation: Violation) {
        self.tell(Happening::Violation(violation));
    }

    /// All transactions and dialogs are forgotten, as by a reboot.
    fn restart(&mut self) {
        self.setup.seed[16] = self.setup.seed[16].wrapping_add(1);
        self.endpoint = Endpoint::new(self.setup.clone());
    }

    /// A party's side of the media, not yet speaking.
    pub(super) fn media(&mut self, sound: Sound) -> io::Result<Media> {
        self.sessions += 1;
        let number = (u64::from(self.line) << 32) + self.sessions;
        let ssrc = (number as u32) ^ (u32::from(self.line) << 24);
        let (address, mouth) = match sound {
            Sound::Off => (self.shared_rtp_address, Mouth::Closed),
            Sound::Token => (self.shared_rtp_address, Mouth::Token),
            Sound::Voice(tone) => {
                let voice = Voice::bind(self.flow.local.ip(), tone, ssrc)?;
                (voice.address()?, Mouth::Voice(Box::new(voice)))
            }
        };
        Ok(Media { session: LocalSession::new(number, address), mouth, ssrc })
    }

    /// Speaks to whom the description names. False if it names nobody who understands A-law.
    pub(super) fn speak(&self, now: Instant, media: &mut Media, remote: &Offer) -> bool {
        let Some(audio) = remote.audio() else { return false };
        let Some(format) = common(audio, &[Codec::Pcma]).into_iter().next() else { return false };
        match &mut media.mouth {
            Mouth::Closed | Mouth::Spoken => {}
            Mouth::Token => {
                voice::send_token(&self.shared_rtp, audio.rtp, format.payload_type, media.ssrc);
                media.mouth = Mouth::Spoken;
            }
            Mouth::Voice(voice) => voice.speak_to(now, audio.rtp, format.payload_type),
        }
        true
    }

    /// A re-INVITE or UPDATE: its offer is answered, the voice follows it.
    pub(super) fn answer_offer(
        &mut self,
        now: Instant,
        request: RequestKey,
        message: &Message,
        media: &mut Media,
    ) {
        if message.body().is_empty() {
            return self.respond(now, request, 200, None);
        }
        let remote = Offer::read(message.body()).ok();
        let answer = remote.as_ref().and_then(|remote| media.answer(remote));
        match (remote, answer) {
            (Some(remote), Some(answer)) => {
                self.speak(now, media, &remote);
                self.respond(now, request, 200, Some(("application/sdp", &answer)));
            }
            _ => self.respond(now, request, 488, None),
        }
    }

    /// OPTIONS is how a server asks whether a leg lives; other methods are not for us.
    pub(super) fn answer_request(&mut self, now: Instant, request: RequestKey, message: &Message) {
        let status = if message.method() == Method::Options { 200 } else { 501 };
        self.respond(now, request, status, None);
    }

    fn respond(
        &mut self,
        now: Instant,
        request: RequestKey,
        status: u16,
        body: Option<(&str, &[u8])>,
    ) {
        // The dialog may have gone with its request.
        let _gone = self.endpoint.respond(now, request, status, &[], body);
    }

    pub(super) fn bye(&mut self, now: Instant, dialog: DialogKey) {
        // A BYE that crosses theirs finds the dialog gone.
        let _gone = self.endpoint.bye(now, dialog, None);
    }
}

/// A party's session description and voice.
pub(super) struct Media {
    session: LocalSession,
    mouth: Mouth,
    ssrc: u32,
}

enum Mouth {
    Closed,
    Token,
    Spoken,
    Voice(Box<Voice>),
}

impl Media {
    pub(super) fn offer(&mut self) -> Bytes {
        self.session.offer(&[Codec::Pcma.format()], Some(101), Direction::SendRecv)
    }

    /// `None` if the offer has no A-law.
    pub(super) fn answer(&mut self, offer: &Offer) -> Option<Bytes> {
        let audio: &Audio = offer.audio()?;
        let chosen = common(audio, &[Codec::Pcma]).into_iter().next()?;
        Some(self.session.answer(offer, &chosen, audio.telephone_event, Direction::SendRecv))
    }

    pub(super) fn voice(&mut self) -> Option<&mut Voice> {
        match &mut self.mouth {
            Mouth::Voice(voice) => Some(voice),
            Mouth::Closed | Mouth::Token | Mouth::Spoken => None,
        }
    }

    pub(super) fn hang_up(self) -> Heard {
        match self.mouth {
            Mouth::Voice(voice) => voice.hang_up(),
            Mouth::Closed | Mouth::Token | Mouth::Spoken => Heard::default(),
        }
    }
}
