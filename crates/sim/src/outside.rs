//! The far side of the trunks: numbers outside that calls are forwarded to. A small UA of its own, at
//! the operators' addresses: a human who presses 1 or not, a voicemail box, a network that says no.

mod watching;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::{HeaderName, Message, Method};

use crate::failure::Check;
use crate::plans::NO_KEY;
use crate::scene::trunk_address;
use crate::stage::{Actor, Alarm, Mark, Speaker, Stage, T1, T1_64, Voice, doubled};
use crate::tally::Happening;
use crate::wire::{self, Described, Head};
use crate::witness::Witness;

/// Call-IDs of calls that come back to us begin with it.
pub(crate) const ECHO: &str = "echo-";

/// Whose call goes there.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Whose {
    /// A caller's, who is forwarded.
    Caller(u16),
    /// An emergency call of that phone.
    Phone(u16),
}

/// What becomes of one call there.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Does {
    /// Answers, and takes the caller where a key is wanted by it.
    Takes(Key),
    /// Answers and presses nothing: a voicemail box, or somebody who does not understand.
    PressesNothing,
    Refuses(u16),
    LetsRing,
    /// Its 200 leaves just when our CANCEL is on its way.
    AnswersAcross,
    /// With a session description that fits nothing.
    AnswersBadly,
    /// Forwards it back to us.
    Echoes,
    /// The operator says nothing at all.
    Nothing,
}

/// How a key comes to us.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Key {
    /// RFC 4733: the relay hears it.
    Media,
    Info,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum LineAlarm {
    Ring,
    Act,
    FinalAgain(Duration),
    FinalUnconfirmed,
    Press(char),
    InfoAgain(Duration),
    InfoUnanswered,
    Speak,
    HangUp,
    ByeAgain(Duration),
    ByeUnanswered,
    Die,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum State {
    /// Sent to it, and not there yet.
    Underway,
    Ringing,
    /// 200 sent, no ACK yet.
    Answered,
    Talking,
    /// BYE sent.
    Leaving,
    Over,
    /// Hears and says nothing.
    Deaf,
}

#[derive(Debug)]
struct Line {
    invite: Message,
    trunk: u16,
    /// The number that was dialled, and whose call it is.
    number: u64,
    whose: Whose,
    relay_port: u16,
    does: Does,
    state: State,
    /// A human has said that he takes the caller.
    takes: bool,
    mute: bool,
    hangs_up: Option<Duration>,
    dies: Option<Duration>,
    response: Option<Bytes>,
    final_status: Option<u16>,
    confirmed: bool,
    cseq: u32,
    info: Option<(Bytes, char)>,
    bye: Option<Bytes>,
    bye_done: bool,
    witness: Witness,
}

#[derive(Debug, Default)]
pub(crate) struct Outside {
    lines: Vec<Line>,
}

impl Outside {
    pub(crate) fn alarm(&mut self, stage: &mut Stage<'_>, at: u32, alarm: LineAlarm) {
        let line = &self.lines[at as usize];
        let state = line.state;
        if state == State::Deaf {
            return;
        }
        match alarm {
            LineAlarm::Ring => {
                if state == State::Ringing && line.final_status.is_none() {
                    self.ring(stage, at);
                }
            }
            LineAlarm::Act => {
                if state == State::Ringing {
                    self.act(stage, at);
                }
            }
            LineAlarm::FinalAgain(interval) => {
                if !line.confirmed && matches!(state, State::Answered | State::Over) {
                    self.again(stage, at, line.response.clone(), Mark::Final { call: at });
                    let interval = doubled(interval);
                    stage.after(interval, Alarm::Outside(at, LineAlarm::FinalAgain(interval)));
                }
            }
            LineAlarm::FinalUnconfirmed => {
                if !line.confirmed {
                    let detail = format!("{:?} of outside {at}", line.final_status);
                    stage.fail(Check::AnswerUnconfirmed, detail);
                }
            }
            LineAlarm::Press(key) => {
                if state == State::Talking {
                    self.press(stage, at, key);
                }
            }
            LineAlarm::InfoAgain(interval) => {
                if let Some((info, key)) = line.info.clone() {
                    self.again(stage, at, Some(info), Mark::Key { call: at, key });
                    let interval = doubled(interval);
                    stage.after(interval, Alarm::Outside(at, LineAlarm::InfoAgain(interval)));
                }
            }
            LineAlarm::InfoUnanswered => {
                if line.info.is_some() {
                    stage.fail(Check::Unanswered, format!("INFO of outside {at}"));
                }
            }
            LineAlarm::Speak => self.speak(stage, at),
            LineAlarm::HangUp => {
                if state == State::Talking {
                    self.hang_up(stage, at);
                }
            }
            LineAlarm::ByeAgain(interval) => {
                if !line.bye_done {
                    self.again(stage, at, line.bye.clone(), Mark::Nothing);
                    let interval = doubled(interval);
                    stage.after(interval, Alarm::Outside(at, LineAlarm::ByeAgain(interval)));
                }
            }
            LineAlarm::ByeUnanswered => {
                if !line.bye_done {
                    stage.fail(Check::Unanswered, format!("BYE of outside {at}"));
                }
            }
            LineAlarm::Die => {
                if state == State::Talking {
                    stage.note(Happening::LineVanished);
                    stage.out.fell_silent.push(media(at, line.trunk));
                    self.go_deaf(at);
                }
            }
        }
    }

    fn go_deaf(&mut self, at: u32) {
        let line = &mut self.lines[at as usize];
        line.state = State::Deaf;
        (line.confirmed, line.bye_done, line.info) = (true, true, None);
    }

    pub(crate) fn receive(&mut self, stage: &mut Stage<'_>, trunk: u16, message: &Message) {
        let Some(at) = self.find(message) else { return self.echo_answered(stage, trunk, message) };
        let line = &mut self.lines[at as usize];
        if line.state == State::Deaf {
            return;
        }
        if message.is_request() {
            return self.requested(stage, at, message);
        }
        let method = message.method_ref();
        if *method == Method::Bye {
            line.bye_done = true;
            line.state = State::Over;
        } else if *method == Method::Info
            && message.cseq().is_ok_and(|cseq| cseq.number == line.cseq)
        {
            line.info = None;
        }
    }

    fn requested(&mut self, stage: &mut Stage<'_>, at: u32, message: &Message) {
        let line = &mut self.lines[at as usize];
        match (message.method(), line.state) {
            (Method::Invite, State::Underway) => self.invited(stage, at),
            (Method::Invite, _) => {
                let mark = self.mark(at);
                self.again(stage, at, self.lines[at as usize].response.clone(), mark);
            }
            (Method::Ack, _) => self.acked(stage, at),
            (Method::Cancel, _) => {
                self.respond(stage, at, message, 200, Mark::Nothing);
                if self.lines[at as usize].state == State::Ringing {
                    self.finish(stage, at, 487, None);
                }
            }
            (Method::Bye, _) => {
                if matches!(line.state, State::Answered | State::Talking) {
                    line.state = State::Over;
                    line.info = None;
                    stage.out.fell_silent.push(media(at, line.trunk));
                }
                line.bye_done = true;
                self.respond(stage, at, message, 200, Mark::ByeDone { call: at });
            }
            (Method::Options, _) => {
                let status = if line.state == State::Talking { 200 } else { 481 };
                self.respond(stage, at, message, status, Mark::Nothing);
            }
            (_, _) => stage.fail(Check::Readable, format!("outside {at} is sent {message:?}")),
        }
    }

    fn invited(&mut self, stage: &mut Stage<'_>, at: u32) {
        let act_after = self.decide(stage, at);
        let line = &mut self.lines[at as usize];
        stage.out.rung.extend(line.caller());
        if line.does == Does::Nothing {
            return self.go_deaf(at);
        }
        line.state = State::Ringing;
        let ring_after = match stage.dice.percent(80) {
            true => {
                self.reply(stage, at, 100, None);
                stage.millis(100, 2_500)
            }
            false => stage.millis(20, 200),
        };
        stage.after(ring_after, Alarm::Outside(at, LineAlarm::Ring));
        stage.after(ring_after + act_after, Alarm::Outside(at, LineAlarm::Act));
    }

    /// What it will do, and how long after the first ring.
    fn decide(&mut self, stage: &mut Stage<'_>, at: u32) -> Duration {
        let line = &mut self.lines[at as usize];
        let dice = &mut *stage.dice;
        // A centre wants no key, and what is said there crosses as in any call.
        let (weights, is_centre) = match line.whose {
            Whose::Caller(_) => ([34, 12, 14, 10, 10, 4, 8, 4], false),
            Whose::Phone(_) => ([0, 56, 12, 14, 6, 6, 0, 6], true),
        };
        line.does = match dice.weighted(&weights) {
            0 => Does::Takes(if dice.percent(65) { Key::Media } else { Key::Info }),
            1 => Does::PressesNothing,
            2 => Does::Refuses(dice.pick(&[404, 480, 486, 486, 503, 603]) as u16),
            3 => Does::LetsRing,
            4 => Does::AnswersAcross,
            5 => Does::AnswersBadly,
            6 => Does::Echoes,
            _ => Does::Nothing,
        };
        line.mute = dice.percent(10) || is_centre;
        line.hangs_up =
            dice.percent(60).then(|| Duration::from_millis(dice.between(1_000, 30_000)));
        line.dies = dice.percent(8).then(|| Duration::from_millis(dice.between(100, 15_000)));
        match line.does {
            Does::LetsRing | Does::AnswersAcross if is_centre => Duration::from_secs(20),
            Does::Takes(_)
            | Does::PressesNothing
            | Does::Refuses(_)
            | Does::LetsRing
            | Does::AnswersAcross
            | Does::AnswersBadly
            | Does::Echoes
            | Does::Nothing => Duration::from_millis(dice.between(300, 9_000)),
        }
    }

    fn ring(&mut self, stage: &mut Stage<'_>, at: u32) {
        let line = &self.lines[at as usize];
        // An operator's announcement, perhaps: it is no answer.
        if stage.dice.percent(30) {
            let sdp = wire::sdp(media(at, line.trunk), 5, 1, "8", "a=rtpmap:8 PCMA/8000\r\n");
            self.reply(stage, at, 183, Some(&sdp));
        } else {
            self.reply(stage, at, 180, None);
        }
    }

    fn act(&mut self, stage: &mut Stage<'_>, at: u32) {
        let line = &self.lines[at as usize];
        match line.does {
            Does::Takes(_) | Does::PressesNothing => self.pick_up(stage, at),
            Does::AnswersBadly => {
                let map = "a=rtpmap:97 iLBC/8000\r\n";
                let sdp = wire::sdp(media(at, line.trunk), 9, 1, "97", map);
                self.finish(stage, at, 200, Some(&sdp));
            }
            Does::Refuses(status) => self.finish(stage, at, status, None),
            Does::Echoes => stage.out.echoes.push(at),
            Does::LetsRing | Does::AnswersAcross | Does::Nothing => {
                // An operator does not let a centre ring for ever; callers have an end of their own.
                if let Whose::Phone(_) = line.whose {
                    self.finish(stage, at, 480, None);
                }
            }
        }
    }

    fn pick_up(&mut self, stage: &mut Stage<'_>, at: u32) {
        let line = &self.lines[at as usize];
        let Some(offer) = Described::read(line.invite.body()) else { return };
        let is_event = |kind: &u8| offer.map_of(*kind).contains("telephone-event");
        let Some(&chosen) = offer.types.iter().find(|kind| !is_event(kind)) else { return };
        let mut types = chosen.to_string();
        let mut maps = offer.map_of(chosen);
        if let Some(&event) = offer.types.iter().find(|kind| is_event(kind)) {
            types = format!("{types} {event}");
            maps.push_str(&offer.map_of(event));
        }
        let sdp = wire::sdp(media(at, line.trunk), 7, 1, &types, &maps);
        if line.number == NO_KEY {
            self.takes(stage, at);
        }
        self.finish(stage, at, 200, Some(&sdp));
    }

    /// From here on the caller may be answered, be it that its BYE is under way behind the key.
    fn takes(&mut self, stage: &mut Stage<'_>, at: u32) {
        let line = &mut self.lines[at as usize];
        line.takes = true;
        if let Some(caller) = line.caller() {
            let truth = &mut stage.truth.callers[usize::from(caller)];
            truth.lines.insert(line.number);
            truth.agent_left |= line.state == State::Leaving;
        }
    }

    fn finish(&mut self, stage: &mut Stage<'_>, at: u32, status: u16, sdp: Option<&str>) {
        let line = &mut self.lines[at as usize];
        line.final_status = Some(status);
        line.state = if status == 200 { State::Answered } else { State::Over };
        self.reply(stage, at, status, sdp);
        stage.after(T1, Alarm::Outside(at, LineAlarm::FinalAgain(T1)));
        stage.after(T1_64, Alarm::Outside(at, LineAlarm::FinalUnconfirmed));
    }

    fn acked(&mut self, stage: &mut Stage<'_>, at: u32) {
        let line = &mut self.lines[at as usize];
        line.confirmed = true;
        if line.state != State::Answered {
            return;
        }
        line.state = State::Talking;
        let (does, takes, hangs_up, dies) = (line.does, line.takes, line.hangs_up, line.dies);
        if !line.mute {
            stage.after(Duration::from_millis(30), Alarm::Outside(at, LineAlarm::Speak));
        }
        match does {
            Does::Takes(_) if !takes => {
                // He hears what it is about; some hit another key first.
                let mut after = stage.millis(500, 6_000);
                if stage.dice.percent(20) {
                    stage.after(after, Alarm::Outside(at, LineAlarm::Press('5')));
                    after += stage.millis(800, 2_000);
                }
                stage.after(after, Alarm::Outside(at, LineAlarm::Press('1')));
            }
            Does::Takes(_)
            | Does::PressesNothing
            | Does::AnswersAcross
            | Does::AnswersBadly
            | Does::Refuses(_)
            | Does::LetsRing
            | Does::Echoes
            | Does::Nothing => {}
        }
        let wants_key = matches!(does, Does::Takes(_)) && !takes;
        if let Some(delay) = hangs_up.filter(|_| !wants_key) {
            stage.after(delay, Alarm::Outside(at, LineAlarm::HangUp));
        }
        if let Some(delay) = dies {
            stage.after(delay, Alarm::Outside(at, LineAlarm::Die));
        }
    }

    fn press(&mut self, stage: &mut Stage<'_>, at: u32, key: char) {
        if key != '1' {
            stage.note(Happening::OtherKey);
        } else if let Some(delay) = self.lines[at as usize].hangs_up {
            stage.after(delay, Alarm::Outside(at, LineAlarm::HangUp));
        }
        match self.lines[at as usize].does {
            Does::Takes(Key::Info) => self.send_info(stage, at, key),
            Does::Takes(Key::Media)
            | Does::PressesNothing
            | Does::Refuses(_)
            | Does::LetsRing
            | Does::AnswersAcross
            | Does::AnswersBadly
            | Does::Echoes
            | Does::Nothing => stage.out.keys.push((at, key)),
        }
    }

    fn send_info(&mut self, stage: &mut Stage<'_>, at: u32, key: char) {
        let branch = format!("z9hG4bKl{at}-i{key}");
        let body = match stage.dice.percent(50) {
            true => ("application/dtmf-relay", format!("Signal={key}\r\nDuration=160\r\n")),
            false => ("application/dtmf", key.to_string()),
        };
        let Some(info) = self.in_dialog(at, "INFO", &branch, Some((body.0, &body.1))) else {
            return stage.fail(Check::Readable, "an INVITE without Contact");
        };
        self.lines[at as usize].info = Some((info.clone(), key));
        self.send(stage, at, info, Mark::Key { call: at, key });
        stage.after(T1, Alarm::Outside(at, LineAlarm::InfoAgain(T1)));
        stage.after(T1_64, Alarm::Outside(at, LineAlarm::InfoUnanswered));
    }

    fn hang_up(&mut self, stage: &mut Stage<'_>, at: u32) {
        let branch = format!("z9hG4bKl{at}-b");
        let Some(bye) = self.in_dialog(at, "BYE", &branch, None) else {
            return stage.fail(Check::Readable, "an INVITE without Contact");
        };
        let line = &mut self.lines[at as usize];
        line.state = State::Leaving;
        line.bye = Some(bye.clone());
        (line.bye_done, line.info) = (false, None);
        if let Some(caller) = line.caller() {
            stage.truth.callers[usize::from(caller)].agent_left |= line.takes;
        }
        stage.out.fell_silent.push(media(at, line.trunk));
        self.send(stage, at, bye, Mark::Nothing);
        stage.after(T1, Alarm::Outside(at, LineAlarm::ByeAgain(T1)));
        stage.after(T1_64, Alarm::Outside(at, LineAlarm::ByeUnanswered));
    }

    /// Says something now and then, from its answer on: a box talks to nobody.
    fn speak(&mut self, stage: &mut Stage<'_>, at: u32) {
        let line = &self.lines[at as usize];
        let (State::Talking, Some(caller)) = (line.state, line.caller()) else { return };
        let by = Speaker::Outside(at);
        let (from, port) = (media(at, line.trunk), line.relay_port);
        stage.out.voices.push((stage.now, Voice { from, port, caller, by }));
        let pause = stage.millis(900, 1_500);
        stage.after(pause, Alarm::Outside(at, LineAlarm::Speak));
    }

    fn in_dialog(
        &mut self,
        at: u32,
        method: &str,
        branch: &str,
        body: Option<(&str, &str)>,
    ) -> Option<Bytes> {
        let line = &mut self.lines[at as usize];
        line.cseq += 1;
        let head = Head {
            method,
            uri: line.invite.contacts().next().and_then(Result::ok)?.uri,
            via: trunk_address(usize::from(line.trunk)),
            branch,
            from: &format!("{};tag=l{at}", line.invite.text(HeaderName::To).unwrap_or_default()),
            to: line.invite.text(HeaderName::From).unwrap_or_default(),
            call_id: line.invite.call_id().unwrap_or_default(),
            cseq: line.cseq,
        };
        Some(wire::request_with(&head, "", body))
    }

    /// The copies of an echo's refusal are confirmed each.
    fn echo_answered(&self, stage: &mut Stage<'_>, trunk: u16, message: &Message) {
        if message.is_request() || message.status().is_none_or(|status| status < 200) {
            return;
        }
        let text = |name| message.text(name).unwrap_or_default();
        let branch = message.top_via().ok().and_then(|via| via.branch()).unwrap_or_default();
        let head = Head {
            method: "ACK",
            uri: &format!("sip:{}", wire::ENGINE),
            via: trunk_address(usize::from(trunk)),
            branch,
            from: text(HeaderName::From),
            to: text(HeaderName::To),
            call_id: message.call_id().unwrap_or_default(),
            cseq: 1,
        };
        let ack = wire::request(&head, "", None);
        stage.out.packets.push((Actor::Outside(trunk), ack, Mark::Nothing));
    }

    fn find(&self, message: &Message) -> Option<u32> {
        let call_id = message.call_id().ok()?;
        let at = self.lines.iter().position(|line| line.invite.call_id().ok() == Some(call_id))?;
        u32::try_from(at).ok()
    }

    fn reply(&mut self, stage: &mut Stage<'_>, at: u32, status: u16, sdp: Option<&str>) {
        let line = &mut self.lines[at as usize];
        let tag = format!("l{at}");
        let address = trunk_address(usize::from(line.trunk));
        let contact = match status {
            180 | 183 | 200 => format!("Contact: <sip:{}@{address}>\r\n", line.number),
            _ => String::new(),
        };
        let tag = (status > 100).then_some(tag.as_str());
        let bytes = wire::response(&line.invite, status, tag, &contact, sdp);
        line.response = Some(bytes.clone());
        let mark = self.mark(at);
        self.send(stage, at, bytes, mark);
    }

    fn mark(&self, at: u32) -> Mark {
        match self.lines[at as usize].final_status {
            Some(_) => Mark::Final { call: at },
            None => Mark::Provisional { call: at },
        }
    }

    fn respond(&self, stage: &mut Stage<'_>, at: u32, request: &Message, status: u16, mark: Mark) {
        let bytes = wire::response(request, status, Some("late"), "", None);
        self.send(stage, at, bytes, mark);
    }

    fn again(&self, stage: &mut Stage<'_>, at: u32, bytes: Option<Bytes>, mark: Mark) {
        if let Some(bytes) = bytes {
            stage.note(Happening::RetransmittedByPeer);
            self.send(stage, at, bytes, mark);
        }
    }

    fn send(&self, stage: &mut Stage<'_>, at: u32, bytes: Bytes, mark: Mark) {
        let trunk = self.lines[at as usize].trunk;
        stage.out.packets.push((Actor::Outside(trunk), bytes, mark));
    }

    /// Media comes from this call.
    pub(crate) fn speaks(&self, at: u32) -> bool {
        let line = &self.lines[at as usize];
        line.state == State::Talking && !line.mute
    }

    /// Which call has its ear there.
    pub(crate) fn at_ear(&self, ear: SocketAddr) -> Option<u32> {
        let at = u32::from(ear.port().checked_sub(MEDIA)?) / 2;
        let line = self.lines.get(at as usize)?;
        (media(at, line.trunk) == ear).then_some(at)
    }

    /// Whether a human there has this caller.
    pub(crate) fn converses(&self, caller: u16) -> bool {
        let talks = |line: &&Line| line.state == State::Talking && line.takes;
        self.lines.iter().filter(talks).any(|line| line.caller() == Some(caller))
    }

    /// The relay's port of that call, and where its packets come from.
    pub(crate) fn port(&self, at: u32) -> (u16, SocketAddr) {
        let line = &self.lines[at as usize];
        (line.relay_port, media(at, line.trunk))
    }

    /// The relay has heard a key of it.
    pub(crate) fn pressed(&mut self, stage: &mut Stage<'_>, at: u32, key: char) {
        if key == '1' {
            self.takes(stage, at);
        }
    }

    /// Our side of its voice.
    pub(crate) fn relay_port(&self, at: u32) -> u16 {
        self.lines[at as usize].relay_port
    }

    /// Of a caller's call: whose, at which number, by which trunk, and the number that it shows.
    pub(crate) fn story(&self, at: u32) -> Option<(u16, u64, u16, String)> {
        let line = &self.lines[at as usize];
        let shown = line.invite.from().ok().and_then(|from| from.user().map(Into::into))?;
        Some((line.caller()?, line.number, line.trunk, shown))
    }
}

impl Line {
    fn caller(&self) -> Option<u16> {
        match self.whose {
            Whose::Caller(caller) => Some(caller),
            Whose::Phone(_) => None,
        }
    }
}

/// Below those of callers and phones.
const MEDIA: u16 = 10_000;

fn media(at: u32, trunk: u16) -> SocketAddr {
    let port = MEDIA + 2 * u16::try_from(at % 4_000).unwrap_or(0);
    SocketAddr::new(trunk_address(usize::from(trunk)).ip(), port)
}
