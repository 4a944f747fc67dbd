//! What is told of who may have a caller is what the scheduler does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use acd::{
    Agent, AgentEvent, AgentId, CallerId, Circle, Decision, Input, Instant, Plan, Practice,
    PracticeId, Queue, Scheduler, Setup, SiteId, SkillId, Step, Team, TeamId, Unsuited, Urgency,
    Widening, circles, verdicts,
};

const PRACTICE: PracticeId = PracticeId(1);
const TEAM: TeamId = TeamId(1);

fn agent(site: u16, level: Option<u8>) -> Agent {
    Agent {
        teams: vec![TEAM],
        site: SiteId(site),
        skills: level.map(|level| (SkillId(1), level)).into_iter().collect(),
        ..Agent::default()
    }
}

fn setup() -> Setup {
    let widening = |seconds, circle| Widening { after: Duration::from_secs(seconds), circle };
    let team = Team {
        ring_for: Duration::from_secs(100),
        circles: vec![
            widening(0, Circle::Own),
            widening(10, Circle::Skilled),
            widening(30, Circle::Everyone),
        ],
        ..Team::default()
    };
    let practice = Practice {
        own: vec![AgentId(4)],
        skill: Some(SkillId(1)),
        sites: Some(BTreeSet::from([SiteId(1)])),
        open: Plan { steps: vec![Step::Queue(Queue::of(TEAM))] },
        ..Practice::default()
    };
    let agents = [
        (1, agent(1, None)),
        (2, agent(1, Some(1))),
        (3, agent(1, Some(9))),
        (4, agent(1, Some(1))),
        (5, agent(2, Some(9))),
        (6, Agent { site: SiteId(1), ..Agent::default() }),
    ];
    Setup {
        practices: [(PRACTICE, practice)].into(),
        teams: [(TEAM, team)].into(),
        agents: agents.map(|(id, agent)| (AgentId(id), agent)).into(),
        ..Setup::default()
    }
}

fn suited(circle: Circle) -> Vec<u32> {
    let verdicts = verdicts(&setup(), PRACTICE, TEAM, circle);
    verdicts.iter().filter(|it| it.unsuited.is_none()).map(|it| it.agent.0).collect()
}

#[test]
fn each_circle_names_who_may_have_him_and_why_the_others_may_not() {
    assert_eq!(suited(Circle::Own), [4]);
    assert_eq!(suited(Circle::Skilled), [4, 3, 2]);
    assert_eq!(suited(Circle::Everyone), [4, 3, 2, 1]);
    let why = |circle| -> Vec<_> {
        let verdicts = verdicts(&setup(), PRACTICE, TEAM, circle);
        verdicts.iter().filter_map(|it| Some((it.agent.0, it.unsuited?))).collect()
    };
    assert_eq!(
        why(Circle::Own),
        [
            (1, Unsuited::NotOwn),
            (2, Unsuited::NotOwn),
            (3, Unsuited::NotOwn),
            (5, Unsuited::Site),
            (6, Unsuited::Team)
        ]
    );
    assert_eq!(
        why(Circle::Skilled),
        [(1, Unsuited::NotSkilled), (5, Unsuited::Site), (6, Unsuited::Team)]
    );
}

#[test]
fn the_circles_are_told_with_their_times_and_without_those_that_a_practice_lacks() {
    let told = |setup: &Setup| -> Vec<_> {
        circles(setup, PRACTICE, TEAM).iter().map(|it| (it.after.as_secs(), it.circle)).collect()
    };
    let mut setup = setup();
    assert_eq!(told(&setup), [(0, Circle::Own), (10, Circle::Skilled), (30, Circle::Everyone)]);
    setup.practices.get_mut(&PRACTICE).expect("it is there").own.clear();
    assert_eq!(told(&setup), [(0, Circle::Skilled), (30, Circle::Everyone)]);
    setup.teams.get_mut(&TEAM).expect("it is there").circles.clear();
    assert_eq!(told(&setup), [(0, Circle::Everyone)]);
}

#[test]
fn the_told_order_is_the_order_of_the_offers() {
    let setup = Arc::new(setup());
    let mut scheduler = Scheduler::new(Arc::clone(&setup));
    let mut order = Vec::new();
    for &agent in setup.agents.keys() {
        for event in [AgentEvent::Reachable, AgentEvent::LogIn] {
            scheduler.handle(Instant::ZERO, Input::Agent { agent, event }).expect("she is known");
        }
    }
    // Each one takes the next: offers stay out meanwhile.
    for caller in 1..=4 {
        let enter = Input::Enter {
            caller: CallerId(caller),
            practice: PRACTICE,
            practitioner: None,
            line: None,
            urgency: None,
            leave_by: None,
        };
        scheduler.handle(Instant::ZERO, enter).expect("there is room");
    }
    scheduler.handle_timeout(Instant::from_millis(40_000));
    while let Some(decision) = scheduler.poll_decision() {
        if let Decision::Offer { agent, .. } = decision {
            order.push(agent.0);
        }
    }
    assert_eq!(order, suited(Circle::Everyone));
}

#[test]
fn an_outset_is_what_who_enters_gets() {
    let scheduler = Scheduler::new(Arc::new(setup()));
    let outset = scheduler.outset(PRACTICE, None, None, Some(Urgency::Vital)).expect("it is known");
    assert_eq!((outset.urgency, outset.plan.steps.len()), (Urgency::Vital, 1));
    assert!(scheduler.outset(PracticeId(9), None, None, None).is_none());
}

#[test]
fn a_wall_clock_is_shown_and_read_over_both_changes() {
    let paris = acd::TimeZone::PARIS;
    let at = paris.unix_ms("2026-11-26T08:30").expect("a moment");
    assert_eq!((paris.wall(at), paris.weekday(at)), ("2026-11-26T08:30:00".into(), "Thu".into()));
    let skipped = paris.unix_ms("2026-03-29T02:30").expect("a moment");
    assert_eq!(paris.wall(skipped), "2026-03-29T03:00:00");
    let twice = paris.unix_ms("2026-10-25T02:30").expect("a moment");
    assert_eq!(paris.wall(twice + 3_600_000), "2026-10-25T02:30:00");
    assert!(paris.unix_ms("tomorrow").is_err());
}
