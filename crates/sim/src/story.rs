//! Scenes told by hand: a few secretaries and callers, each doing what the test says, on a clean
//! network with the engine restored again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acd::{AgentId, Limits, Plan, PracticeId, RetryAfter, Step, Team, TeamId, Urgency};
use call::{AgentCommand, CallRecord, CallerNumber, E164};
use sip::Instant;

use crate::caller::{self, Acking, Forwarded, Offering, Script};
use crate::network::Profile;
use crate::phone::{Account, Does, Habit, Temper};
use crate::scene::{self, PhoneScript, Reload, Scene, Tight};
use crate::world::{Options, Outcomes};

const TEAM: TeamId = TeamId(0);
/// With nobody in it.
const EMPTY_TEAM: TeamId = TeamId(7);

/// Tell it, then [`Self::play`] it.
pub struct Story {
    floor: acd::Setup,
    phones: Vec<PhoneScript>,
    callers: Vec<Script>,
    commands: Vec<(Instant, AgentId, AgentCommand)>,
    reloads: Vec<(Instant, Reload)>,
    drains: Vec<(Instant, bool)>,
    restarts: Vec<Instant>,
    clock: Vec<(Instant, i64)>,
    max_unanswered: Duration,
}

/// A story that was played without any check failing.
pub struct Played(Outcomes);

impl Default for Story {
    fn default() -> Self {
        Self::new()
    }
}

impl Story {
    /// One team: rings 10 s, no wrap-up, 3 s of rest after whatever was missed. And one that nobody is in.
    pub fn new() -> Self {
        let rest = Duration::from_secs(3);
        let team = Team {
            ring_for: Duration::from_secs(10),
            wrap_up: Duration::ZERO,
            retry_after: RetryAfter {
                no_answer: rest,
                declined: rest,
                busy: rest,
                unreachable: rest,
                dropped: rest,
            },
            misses_max: 0,
            ..Team::default()
        };
        let mut floor = acd::Setup { limits: Limits { waiting_max: 40 }, ..Default::default() };
        floor.teams.insert(EMPTY_TEAM, team.clone());
        floor.teams.insert(TEAM, team);
        let mut this = Self {
            floor,
            phones: Vec::new(),
            callers: Vec::new(),
            commands: Vec::new(),
            reloads: Vec::new(),
            drains: Vec::new(),
            restarts: Vec::new(),
            clock: Vec::new(),
            max_unanswered: Duration::from_secs(150),
        };
        this.practice(Urgency::Normal, vec![Step::queue(TEAM, None)]);
        this
    }

    pub fn team(&mut self) -> &mut Team {
        self.floor.teams.get_mut(&TEAM).expect("the one team")
    }

    pub fn waiting_max(&mut self, waiting_max: usize) {
        self.floor.limits.waiting_max = waiting_max;
    }

    /// Another practice; the first one is there from the start.
    pub fn practice(&mut self, urgency: Urgency, steps: Vec<Step>) -> PracticeId {
        let id = PracticeId(u32::try_from(self.floor.practices.len()).unwrap_or(u32::MAX));
        let answer_within = Duration::from_secs(20);
        let practice = acd::Practice::without_hours(answer_within, urgency, Plan { steps });
        self.floor.practices.insert(id, practice);
        id
    }

    /// The rules of a practice, to be changed.
    pub fn rules(&mut self, practice: PracticeId) -> &mut acd::Practice {
        self.floor.practices.get_mut(&practice).expect("it was told of")
    }

    /// At that second the wall clock shows this time, in Unix milliseconds.
    pub fn clock(&mut self, seconds: f64, unix_ms: i64) {
        self.clock.push((at(seconds), unix_ms));
    }

    /// A secretary whose phone registers after so many seconds and does this with each call, the last
    /// for all that follow.
    pub fn secretary(&mut self, registers: f64, habits: &[Habit]) -> AgentId {
        let id = self.phones.len() as u64;
        let agent = AgentId(u32::try_from(id).unwrap_or(u32::MAX));
        self.floor.agents.insert(
            agent,
            acd::Agent { teams: vec![TEAM], wrap_up: None, ..acd::Agent::default() },
        );
        self.phones.push(PhoneScript {
            temper: Temper::Prompt,
            account: Account {
                user: scene::user(id),
                password: scene::password(id),
                realm: scene::REALM.to_owned(),
                expires: 3600,
            },
            registers: at(registers),
            unregisters: None,
            dials: Vec::new(),
            habits: habits.to_vec(),
            off: Vec::new(),
        });
        agent
    }

    /// What she, or her supervisor, tells the engine.
    pub fn commands(&mut self, seconds: f64, agent: AgentId, command: AgentCommand) {
        self.commands.push((at(seconds), agent, command));
    }

    /// A new configuration comes.
    pub fn reloads(&mut self, seconds: f64, reload: Reload) {
        self.reloads.push((at(seconds), reload));
    }

    /// No new calls are taken from then on.
    pub fn drains(&mut self, seconds: f64) {
        self.drains.push((at(seconds), false));
    }

    /// Another engine takes over, which knows what was remembered and nothing else; before the first
    /// call alone.
    pub fn restarts(&mut self, seconds: f64) {
        self.restarts.push(at(seconds));
    }

    /// What she dials on her phone.
    pub fn dials(&mut self, seconds: f64, agent: AgentId, number: &'static str) {
        self.phones[agent.0 as usize].dials.push((at(seconds), number));
    }

    /// What her phone does besides.
    pub fn phone(&mut self, agent: AgentId) -> &mut PhoneScript {
        &mut self.phones[agent.0 as usize]
    }

    /// A caller of the first practice who hangs up after talking for so long; see [`Self::script`].
    pub fn caller(&mut self, arrives: f64, talks: f64) -> usize {
        self.callers.push(Script {
            arrives: at(arrives),
            number: "+33140000000".to_owned(),
            forwarded: Forwarded::Not,
            offer: Offering::Codecs {
                types: "8 101",
                maps: "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n",
            },
            flaw: None,
            patience: None,
            leaves_when_rung: None,
            cancels_across: false,
            talks: Some(Duration::from_secs_f64(talks)),
            ack: Acking::Normal,
            mute: false,
            vanishes: None,
            reinvites: None,
            holds: None,
            pings: false,
            max_unanswered: self.max_unanswered,
        });
        self.callers.len() - 1
    }

    /// What a caller does otherwise than most.
    pub fn script(&mut self, caller: usize) -> &mut Script {
        &mut self.callers[caller]
    }

    pub fn calls_practice(&mut self, caller: usize, practice: PracticeId) {
        self.callers[caller].number = format!("+3314000000{}", practice.0);
    }

    /// The caller comes by the number that all practices share, and his trunk names the line of a practice
    /// that he called, or none.
    pub fn calls_shared(
        &mut self,
        caller: usize,
        forwarded: impl FnOnce(String) -> Forwarded,
        line: PracticeId,
    ) {
        self.callers[caller].number = scene::SHARED.to_owned();
        self.callers[caller].forwarded = forwarded(scene::line(u64::from(line.0)));
    }

    /// Plays it, and panics if any check of the world fails.
    pub fn play(self) -> Played {
        let mut scene = Scene::draw(1);
        let agents = self.phones.len() as u64;
        let trunks = vec![self.max_unanswered];
        let mut config = scene::config_around(self.floor, agents, trunks, 200);
        scene::add_hold_music(&mut config);
        scene.config = Arc::new(config);
        scene.tight = Tight::Nothing;
        scene.profile = Profile::CLEAN;
        scene.callers = self.callers.into_iter().map(|script| (0, script)).collect();
        scene.phones = self.phones;
        scene.commands = self.commands;
        (scene.caller_commands, scene.overrides) = (Vec::new(), Vec::new());
        scene.clock = self.clock;
        scene.noise = Vec::new();
        scene.reloads = self.reloads;
        scene.drains = self.drains;
        scene.restarts = self.restarts;
        scene.restore_permille = 100;
        let played = crate::play(1, scene, Options { trace: true, restore: true });
        if let Some((at, failure)) = &played.failure {
            panic!("{}\nat {at}: {failure}", played.trace.join("\n"));
        }
        Played(played)
    }
}

impl Played {
    /// What was written down of a caller.
    pub fn record(&self, caller: usize) -> &CallRecord {
        let index = u16::try_from(caller).expect("few callers");
        let number = E164::read(&caller::number_of(index)).expect("a number");
        let records = self.0.records.iter();
        let mut his = records.filter(|record| record.caller == CallerNumber::Known(number));
        his.next().expect("each call is written down")
    }

    /// Whose phone was rung, in order of time, and for whom.
    pub fn rings(&self) -> Vec<(AgentId, usize)> {
        let mut rings: BTreeMap<(Instant, AgentId), usize> = BTreeMap::new();
        for caller in 0..self.0.records.len() {
            for offer in &self.record(caller).offers {
                rings.insert((offer.offered_at, offer.agent), caller);
            }
        }
        rings.into_iter().map(|((_, agent), caller)| (agent, caller)).collect()
    }

    pub fn outcomes(&self) -> &Outcomes {
        &self.0
    }
}

/// Answers after a second, and leaves hanging up to the caller.
pub fn answers() -> Habit {
    Habit {
        does: Does::Answers,
        after: Duration::from_secs(1),
        hangs_up: None,
        dies: None,
        mute: false,
        holds: None,
    }
}

/// Does this after a second.
pub fn does(does: Does) -> Habit {
    Habit { does, ..answers() }
}

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}
