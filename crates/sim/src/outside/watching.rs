//! What the numbers outside make of what the engine sends to them, as it is sent and as it arrives.

use sip::{Message, Method};

use super::{Does, ECHO, Line, Outside, State, Whose};
use crate::failure::{Check, Failure};
use crate::plans::{EMERGENCY, OUTSIDE};
use crate::stage::{Mark, Speaker, Stage, Voice};
use crate::tally::Happening;
use crate::wire::Described;
use crate::witness::Witness;

impl Outside {
    /// Whether that is for one of these calls, or the first word of another.
    pub(crate) fn is_for(&self, message: &Message) -> bool {
        let is_new = message.is_request() && message.method() == Method::Invite;
        let is_echo = message.call_id().is_ok_and(|it| it.starts_with(ECHO));
        is_new || is_echo || self.find(message).is_some()
    }

    /// It is of a call that is, or was, there.
    pub(crate) fn knows(&self, message: &Message) -> bool {
        self.find(message).is_some()
    }

    /// Looks at what leaves the engine. `whose`: call a new one is.
    pub(crate) fn watch(
        &mut self,
        stage: &mut Stage<'_>,
        trunk: u16,
        message: &Message,
        whose: Option<Whose>,
    ) {
        let watched = self.watched(stage, trunk, message, whose);
        stage.check(watched);
    }

    fn watched(
        &mut self,
        stage: &mut Stage<'_>,
        trunk: u16,
        message: &Message,
        whose: Option<Whose>,
    ) -> Result<(), Failure> {
        if message.call_id().is_ok_and(|it| it.starts_with(ECHO)) {
            return watch_echo(stage, message);
        }
        let at = match self.find(message) {
            Some(at) => at,
            None => self.appears(trunk, message, whose)?,
        };
        let line = &mut self.lines[at as usize];
        if !message.is_request() {
            line.witness.over |= message.method() == Method::Bye;
            return Ok(());
        }
        if !line.witness.request(message, stage.branches)? {
            return Ok(());
        }
        let method = message.method_ref();
        if *method == Method::Invite {
            line.witness.description(message.body())?;
            if let Some(caller) = line.caller() {
                stage.truth.callers[usize::from(caller)].rung += 1;
            }
        } else if *method == Method::Options {
            stage.note(Happening::AskedWhenSilent);
        } else if *method == Method::Cancel {
            return self.watch_cancel(stage, at);
        } else if *method == Method::Bye && line.state == State::Talking && stage.dice.percent(8) {
            stage.note(Happening::ByeGlare);
            self.hang_up(stage, at);
        }
        Ok(())
    }

    fn appears(
        &mut self,
        trunk: u16,
        invite: &Message,
        whose: Option<Whose>,
    ) -> Result<u32, Failure> {
        let shown = |what: String| Err(Failure::new(Check::Shown, what));
        let uri = String::from_utf8_lossy(invite.request_uri().unwrap_or_default()).into_owned();
        let Some(whose) = whose else { return shown(format!("{uri} is dialled for nobody")) };
        let (prefix, numbers) = match whose {
            Whose::Caller(_) => ("sip:+", &OUTSIDE[..]),
            Whose::Phone(_) => ("sip:", &EMERGENCY[..]),
        };
        let dialled = uri.strip_prefix(prefix).and_then(|rest| rest.split('@').next());
        let number = dialled.and_then(|digits| digits.parse().ok());
        let Some(number) = number.filter(|number| numbers.contains(number)) else {
            return shown(format!("{uri} is dialled for {whose:?}"));
        };
        let Some(described) = Described::read(invite.body()) else {
            return Err(Failure::new(Check::Readable, "an INVITE without a session description"));
        };
        self.lines.push(Line {
            invite: invite.clone(),
            trunk,
            number,
            whose,
            relay_port: described.address.port(),
            does: Does::Nothing,
            state: State::Underway,
            takes: false,
            mute: false,
            hangs_up: None,
            dies: None,
            response: None,
            final_status: None,
            confirmed: false,
            cseq: 0,
            info: None,
            bye: None,
            bye_done: true,
            witness: Witness::default(),
        });
        Ok(u32::try_from(self.lines.len() - 1).unwrap_or(u32::MAX))
    }

    /// RFC 3261 §9.1: after a provisional response, and before a final one.
    fn watch_cancel(&mut self, stage: &mut Stage<'_>, at: u32) -> Result<(), Failure> {
        let line = &self.lines[at as usize];
        if !line.witness.provisional_arrived || line.witness.final_arrived {
            let detail = format!("CANCEL of outside {at}: {:?}", line.final_status);
            return Err(Failure::new(Check::CancelRules, detail));
        }
        if line.does == Does::AnswersAcross && line.state == State::Ringing {
            stage.note(Happening::LineAnswerCrossed);
            self.pick_up(stage, at);
        }
        Ok(())
    }

    /// One of its packets has reached the engine.
    pub(crate) fn arrived(&mut self, stage: &mut Stage<'_>, mark: Mark) {
        match mark {
            Mark::Provisional { call } => {
                self.lines[call as usize].witness.provisional_arrived = true;
            }
            Mark::Final { call } => {
                self.lines[call as usize].witness.provisional_arrived = true;
                self.lines[call as usize].witness.final_arrived = true;
            }
            Mark::ByeDone { call } => self.lines[call as usize].witness.over = true,
            Mark::Key { call, key } => {
                if key == '1' && !self.lines[call as usize].takes {
                    stage.note(Happening::KeyInInfo);
                    self.takes(stage, call);
                }
            }
            Mark::Ack | Mark::DialOver { .. } | Mark::Emergency { .. } | Mark::Nothing => {}
        }
    }

    /// A voice reaches this ear: a caller's, once he was taken.
    pub(crate) fn hear(&self, stage: &mut Stage<'_>, at: u32, voice: &Voice) {
        let line = &self.lines[at as usize];
        if Some(voice.caller) != line.caller() || voice.by != Speaker::Caller || !line.takes {
            let detail = format!("outside {at}, takes: {}, hears {voice:?}", line.takes);
            return stage.fail(Check::WrongEar, detail);
        }
        stage.note(Happening::HeardOutside);
    }
}

fn watch_echo(stage: &mut Stage<'_>, message: &Message) -> Result<(), Failure> {
    match message.status() {
        Some(100) => Ok(()),
        Some(486) => {
            stage.note(Happening::LoopRefused);
            Ok(())
        }
        Some(_) | None => {
            let detail = format!("an echo of a forwarded call is told {message:?}");
            Err(Failure::new(Check::WrongStatus, detail))
        }
    }
}
