//! An operator's trunk: callers that wait, give up, talk and hang up.

use std::collections::{BTreeMap, BTreeSet};

use sip::sdp::Offer;
use sip::{DialogKey, EndedBy, Event, Identity, Instant, Invite, Message};

use super::line::{Media, Ua};
use super::party::{CallEnd, CallPlan, CallRef, Happening, PlacedCall, TrunkSetup, Violation};
use super::timers::Timers;

pub(super) struct Trunk {
    pub(super) ua: Ua,
    setup: TrunkSetup,
    calls: BTreeMap<u64, Caller>,
    by_dialog: BTreeMap<DialogKey, u64>,
    voices: BTreeSet<u64>,
    timers: Timers<CallTimer>,
    placed: u64,
}

struct Caller {
    plan: CallPlan,
    dialog: DialogKey,
    media: Media,
    stage: Stage,
    placed_at: Instant,
    ringing_at: Option<Instant>,
    answered_at: Option<Instant>,
}

#[derive(Copy, Clone)]
enum Stage {
    Calling,
    Talking,
    /// CANCEL or BYE is out: this is how it will have ended.
    Leaving(CallEnd),
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum CallTimer {
    Patience(u64),
    Talk(u64),
}

impl Trunk {
    pub(super) fn new(ua: Ua, setup: TrunkSetup) -> Self {
        Self {
            ua,
            setup,
            calls: BTreeMap::new(),
            by_dialog: BTreeMap::new(),
            voices: BTreeSet::new(),
            timers: Timers::new(),
            placed: 0,
        }
    }

    pub(super) fn live_calls(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn has_voices(&self) -> bool {
        !self.voices.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn place(&mut self, now: Instant, plan: CallPlan) -> CallRef {
        let index = self.placed;
        self.placed += 1;
        let call = CallRef { line: self.ua.line, index };
        let placed = self.ua.media(plan.sound).ok().and_then(|mut media| {
            let invite = self.invite(&plan, media.offer());
            let dialog = self.ua.endpoint.invite(now, invite).ok()?;
            Some((media, dialog))
        });
        let Some((media, dialog)) = placed else {
            self.tell_failed(now, call, plan);
            return call;
        };
        if let Some(patience) = plan.patience {
            self.timers.set(now + patience, CallTimer::Patience(index));
        }
        self.by_dialog.insert(dialog, index);
        let caller = Caller {
            plan,
            dialog,
            media,
            stage: Stage::Calling,
            placed_at: now,
            ringing_at: None,
            answered_at: None,
        };
        self.calls.insert(index, caller);
        call
    }

    fn invite(&self, plan: &CallPlan, sdp: bytes::Bytes) -> Invite {
        let own = format!("sip:{}@{}", plan.from, self.setup.domain);
        let uri = format!("sip:{}@{}", plan.to, self.setup.server);
        let mut headers = vec![("P-Asserted-Identity".to_owned(), format!("<{own}>"))];
        if plan.withheld {
            headers.push(("Privacy".to_owned(), "id".to_owned()));
        }
        if let Some(number) = &plan.diverted_from {
            let value = format!("<sip:{number}@{}>;reason=unconditional", self.setup.domain);
            headers.push(("Diversion".to_owned(), value));
        }
        let from = if plan.withheld {
            Identity {
                display: Some("Anonymous".to_owned()),
                uri: "sip:anonymous@anonymous.invalid".to_owned(),
            }
        } else {
            Identity { display: None, uri: own }
        };
        Invite {
            target: self.ua.target(),
            request_uri: uri.clone(),
            from,
            to: Identity { display: None, uri },
            contact_user: "trunk".to_owned(),
            headers,
            sdp: Some(sdp),
            credentials: None,
        }
    }

    fn tell_failed(&mut self, now: Instant, call: CallRef, plan: CallPlan) {
        self.ua.tell(Happening::CallEnded(Box::new(PlacedCall {
            call,
            plan,
            placed_at: now,
            ringing_at: None,
            answered_at: None,
            ended_at: now,
            end: CallEnd::Failed,
            heard: super::Heard::default(),
        })));
    }

    pub(super) fn hang_up(&mut self, now: Instant, index: u64) {
        let Some(caller) = self.calls.get_mut(&index) else { return };
        match caller.stage {
            Stage::Calling => {
                caller.stage = Stage::Leaving(CallEnd::GaveUp);
                // The final answer may be on its way in the same batch: then it decides.
                let _late = self.ua.endpoint.cancel(now, caller.dialog, None);
            }
            Stage::Talking => {
                caller.stage = Stage::Leaving(CallEnd::HungUp);
                self.ua.bye(now, caller.dialog);
            }
            Stage::Leaving(_) => {}
        }
    }

    pub(super) fn hang_up_all(&mut self, now: Instant) {
        let live: Vec<u64> = self.calls.keys().copied().collect();
        for index in live {
            self.hang_up(now, index);
        }
    }

    pub(super) fn cut(&mut self, now: Instant) {
        let live: Vec<u64> = self.calls.keys().copied().collect();
        for index in live {
            self.end(now, index, CallEnd::Failed);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            let (index, is_meant) = match timer {
                CallTimer::Patience(index) => {
                    (index, self.calls.get(&index).is_some_and(|c| c.answered_at.is_none()))
                }
                CallTimer::Talk(index) => (index, true),
            };
            if is_meant {
                self.hang_up(now, index);
            }
        }
    }

    pub(super) fn handle_voices(&mut self, now: Instant) {
        for index in &self.voices {
            let caller = self.calls.get_mut(index);
            if let Some(voice) = caller.and_then(|caller| caller.media.voice()) {
                voice.handle_tick(now);
            }
        }
    }

    pub(super) fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Progress { dialog, .. } => self.handle_progress(now, dialog),
            Event::Answered { dialog, message } => self.handle_answered(now, dialog, &message),
            Event::Crossed { dialog } => {
                if let Some(caller) = self.caller(dialog) {
                    caller.stage = Stage::Leaving(CallEnd::Crossed);
                }
            }
            Event::Rejected { dialog, status, .. } => {
                let Some(index) = self.by_dialog.get(&dialog).copied() else { return };
                let end = match self.calls.get(&index).map(|caller| caller.stage) {
                    Some(Stage::Leaving(end)) if status == 487 => end,
                    Some(Stage::Leaving(_) | Stage::Calling | Stage::Talking) | None => {
                        CallEnd::Refused(status)
                    }
                };
                self.end(now, index, end);
            }
            Event::Ended { dialog, by, .. } => {
                let Some(index) = self.by_dialog.get(&dialog).copied() else { return };
                let end = match (self.calls.get(&index).map(|caller| caller.stage), by) {
                    (Some(Stage::Leaving(end)), _) => end,
                    (_, EndedBy::Remote) => CallEnd::Released,
                    (_, EndedBy::Local) => CallEnd::HungUp,
                };
                self.end(now, index, end);
            }
            Event::Reinvited { dialog, request, message } => {
                let index = self.by_dialog.get(&dialog).copied();
                if let Some(caller) = index.and_then(|index| self.calls.get_mut(&index)) {
                    self.ua.answer_offer(now, request, &message, &mut caller.media);
                }
            }
            Event::InDialog { request, message, .. } | Event::Request { request, message, .. } => {
                self.ua.answer_request(now, request, &message);
            }
            Event::Invited { dialog, invite, .. } => {
                let user = invite.uri().ok().and_then(|uri| uri.user_decoded());
                let user = user.unwrap_or_default().into_owned();
                self.ua.violation(Violation::Misrouted { line: self.ua.line, at: now, user });
                // A CANCEL in the same batch has answered it already.
                let _gone = self.ua.endpoint.reject(now, dialog, 404, &[]);
            }
            // 100 says nothing to a caller; the rest answers what a trunk never sends, or is
            // followed by an end.
            Event::Trying { .. }
            | Event::Cancelled { .. }
            | Event::Acked { .. }
            | Event::AckMissing { .. }
            | Event::Refused { .. }
            | Event::Reanswered { .. }
            | Event::Response { .. }
            | Event::Resolve { .. } => {}
        }
    }

    fn caller(&mut self, dialog: DialogKey) -> Option<&mut Caller> {
        let index = self.by_dialog.get(&dialog)?;
        self.calls.get_mut(index)
    }

    fn handle_progress(&mut self, now: Instant, dialog: DialogKey) {
        let Some(index) = self.by_dialog.get(&dialog).copied() else { return };
        let Some(caller) = self.calls.get_mut(&index) else { return };
        if caller.ringing_at.is_none() {
            caller.ringing_at = Some(now);
            let call = CallRef { line: self.ua.line, index };
            self.ua.tell(Happening::CallRings { call, at: now });
        }
    }

    fn handle_answered(&mut self, now: Instant, dialog: DialogKey, message: &Message) {
        let Some(index) = self.by_dialog.get(&dialog).copied() else { return };
        let Some(caller) = self.calls.get_mut(&index) else { return };
        // The endpoint has just told that the dialog waits for it.
        let _gone = self.ua.endpoint.ack(now, dialog, None);
        let remote = Offer::read(message.body()).ok();
        let speaks = remote.is_some_and(|remote| self.ua.speak(now, &mut caller.media, &remote));
        if !speaks {
            caller.stage = Stage::Leaving(CallEnd::Failed);
            self.ua.violation(Violation::BadSession { line: self.ua.line, at: now });
            return self.ua.bye(now, dialog);
        }
        caller.answered_at = Some(now);
        caller.stage = Stage::Talking;
        if let Some(talk) = caller.plan.talk {
            self.timers.set(now + talk, CallTimer::Talk(index));
        }
        if caller.media.voice().is_some() {
            self.voices.insert(index);
        }
        let call = CallRef { line: self.ua.line, index };
        self.ua.tell(Happening::CallAnswered { call, at: now });
    }

    fn end(&mut self, now: Instant, index: u64, end: CallEnd) {
        let Some(caller) = self.calls.remove(&index) else { return };
        self.by_dialog.remove(&caller.dialog);
        self.voices.remove(&index);
        self.ua.tell(Happening::CallEnded(Box::new(PlacedCall {
            call: CallRef { line: self.ua.line, index },
            plan: caller.plan,
            placed_at: caller.placed_at,
            ringing_at: caller.ringing_at,
            answered_at: caller.answered_at,
            ended_at: now,
            end,
            heard: caller.media.hang_up(),
        })));
    }
}
