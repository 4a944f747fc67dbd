//! Whom a caller may be given, and who of them comes first.

use acd::{AgentId, Circle, SiteId, SkillId, Strategy, Widening};

use crate::floor::*;

const PEDIATRICS: SkillId = SkillId(1);
const PARIS: SiteId = SiteId(1);
const TUNIS: SiteId = SiteId(2);

/// `TEAM` widens: own at once, who has the skill after 10 s, everyone after 20 s.
fn widening() -> acd::Setup {
    let mut setup = setup();
    let circle = |after_s, circle| Widening { after: seconds(after_s), circle };
    setup.teams.get_mut(&TEAM).expect("it is in the setup").circles =
        vec![circle(0, Circle::Own), circle(10, Circle::Skilled), circle(20, Circle::Everyone)];
    setup
}

fn knows(setup: &mut acd::Setup, agent: AgentId, level: u8) {
    setup.agents.get_mut(&agent).expect("it is in the setup").skills.insert(PEDIATRICS, level);
}

#[test]
fn a_circle_widens_from_the_practices_own_to_its_skill_to_everyone_and_place_and_clock_stay() {
    let mut setup = widening();
    knows(&mut setup, BEA, 1);
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    (doctor.own, doctor.skill) = (vec![CLEO], Some(PEDIATRICS));
    setup.agents.get_mut(&CLEO).expect("it is in the setup").teams.push(TEAM);
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA, CLEO]);
    floor.agent(CLEO, acd::AgentEvent::Pause { reason: 1 });
    assert_eq!(floor.enters(1, DOCTOR), [], "only Cleo is the practice's own");
    assert_eq!(floor.enters(2, DOCTOR), []);
    let before = floor.scheduler.waiting().next().unwrap();
    assert_eq!(before.circle, Circle::Own);
    assert_eq!(
        floor.until(20),
        [offered(1, 1, BEA, DOCTOR, at(35))],
        "after 10 s who has the skill"
    );
    assert_eq!(floor.until(29), []);
    assert_eq!(floor.until(30), [offered(2, 1, ANNA, DOCTOR, at(45))], "after 20 s everyone");
    let after = floor.scheduler.caller(acd::CallerId(1)).unwrap().waiting;
    assert_eq!((after.deadline, after.arrival), (before.deadline, before.arrival));
}

#[test]
fn a_circle_that_the_practice_has_not_counts_as_the_next_one_at_once() {
    let mut setup = widening();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").skill = Some(PEDIATRICS);
    knows(&mut setup, BEA, 1);
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))], "no own: the skill");
    assert_eq!(floor.enters(2, CLINIC), [offered(2, 1, ANNA, CLINIC, at(25))], "neither: everyone");
}

/// Bea knows the doctor's subject, Cleo, who pauses, is his own; Anna is neither.
fn own_pauses() -> acd::Setup {
    let mut setup = widening();
    knows(&mut setup, BEA, 1);
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    (doctor.own, doctor.skill) = (vec![CLEO], Some(PEDIATRICS));
    setup.agents.get_mut(&CLEO).expect("it is in the setup").teams.push(TEAM);
    setup
}

#[test]
fn who_is_urgent_or_vital_begins_with_the_widest_circle() {
    for urgency in [acd::Urgency::Urgent, acd::Urgency::Vital] {
        let mut floor = Floor::with_setup(own_pauses(), &[ANNA, CLEO]);
        floor.agent(CLEO, acd::AgentEvent::Pause { reason: 1 });
        let enters = enter(1, DOCTOR, Some(urgency), None);
        assert_eq!(floor.input(enters), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    }
}

#[test]
fn who_rises_to_urgent_in_a_narrow_circle_has_the_widest_at_once() {
    let at_work = || {
        let mut setup = own_pauses();
        let team = setup.teams.get_mut(&TEAM).expect("it is in the setup");
        team.ageing = Some(seconds(4));
        let mut floor = Floor::with_setup(setup, &[ANNA, CLEO]);
        floor.agent(CLEO, acd::AgentEvent::Pause { reason: 1 });
        assert_eq!(floor.enters(1, DOCTOR), [], "he waits for Cleo");
        floor
    };
    let mut floor = at_work();
    let (caller, urgency) = (acd::CallerId(1), acd::Urgency::Urgent);
    let ranked = floor.input(acd::Input::Rank { caller, urgency, first: false });
    assert_eq!(ranked, [offered(1, 1, ANNA, DOCTOR, at(25))], "by an operator");
    let mut floor = at_work();
    assert_eq!(floor.until(17), [], "he is of the class before");
    assert_eq!(floor.until(18), [offered(1, 1, ANNA, DOCTOR, at(33))], "by ageing");
    let mut floor = at_work();
    let priority = acd::Urgency::Priority;
    floor.input(acd::Input::Rank { caller, urgency: priority, first: true });
    assert_eq!(floor.scheduler.waiting().next().unwrap().circle, Circle::Own);
}

#[test]
fn a_circle_of_which_nobody_is_there_is_passed_over_when_he_comes() {
    let mut floor = Floor::with_setup(own_pauses(), &[BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))], "Cleo is not there");
    assert_eq!(floor.enters(2, DOCTOR), [], "Bea is busy, but there");
    let circle = |floor: &Floor| floor.scheduler.waiting().next().unwrap().circle;
    assert_eq!(circle(&floor), Circle::Skilled);
    floor.starts(ANNA);
    assert_eq!(floor.until(24), [], "Anna must wait her time");
    floor.answers(1, 1);
    assert_eq!(floor.until(30), [offered(2, 1, ANNA, DOCTOR, at(45))]);

    let mut floor = Floor::with_setup(own_pauses(), &[]);
    floor.enters(1, DOCTOR);
    assert_eq!(circle(&floor), Circle::Everyone, "nobody is there at all");
    assert_eq!(floor.starts(ANNA), [offered(1, 1, ANNA, DOCTOR, at(25))], "whoever comes first");
}

#[test]
fn a_new_setup_narrows_nobodys_circle() {
    let mut floor = Floor::with_setup(own_pauses(), &[]);
    floor.enters(1, DOCTOR);
    let as_before = acd::Lasting::Paused { reason: 1 };
    floor.agent(CLEO, acd::AgentEvent::Reachable);
    floor.agent(CLEO, acd::AgentEvent::Stand { as_before, misses: 0 });
    floor.configures(own_pauses());
    assert_eq!(floor.scheduler.waiting().next().unwrap().circle, Circle::Everyone);
}

#[test]
fn a_secretary_at_a_site_that_the_practice_does_not_allow_never_has_its_callers() {
    let mut setup = setup();
    setup.agents.get_mut(&ANNA).expect("it is in the setup").site = TUNIS;
    setup.agents.get_mut(&BEA).expect("it is in the setup").site = PARIS;
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").sites = Some([PARIS].into());
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [], "Anna is free, in Tunis");
    assert_eq!(floor.enters(3, CLINIC), [offered(3, 1, ANNA, CLINIC, at(25))]);
}

#[test]
fn who_knows_the_practices_subject_better_is_offered_before_who_has_been_idle_longer() {
    let mut setup = setup();
    knows(&mut setup, BEA, 2);
    knows(&mut setup, ANNA, 1);
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").skill = Some(PEDIATRICS);
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, ANNA, DOCTOR, at(25))]);
}

#[test]
fn the_practices_own_secretary_goes_before_others_who_are_free_and_nobody_waits_for_her() {
    let mut setup = setup();
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").own = vec![BEA];
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, ANNA, DOCTOR, at(25))], "she is taken");
}

#[test]
fn who_spoke_with_him_last_goes_before_all_others_who_are_free() {
    let mut setup = setup();
    let doctor = setup.practices.get_mut(&DOCTOR).expect("it is in the setup");
    (doctor.affinity_for, doctor.own) = (seconds(600), vec![ANNA]);
    let mut floor = Floor::with_setup(setup, &[BEA]);
    floor.calls(1, DOCTOR, 7);
    floor.talks(BEA, 1, 1);
    floor.starts(ANNA);
    floor.until(60);
    assert_eq!(floor.calls(2, DOCTOR, 8), [offered(2, 1, ANNA, DOCTOR, at(75))], "a stranger");
    floor.leaves(2);
    floor.clears(ANNA, 2, 1);
    assert_eq!(floor.calls(3, DOCTOR, 7), [offered(3, 1, BEA, DOCTOR, at(75))], "hers");
    assert_eq!(floor.calls(4, DOCTOR, 7), [offered(4, 1, ANNA, DOCTOR, at(75))], "no wait for her");
}

#[test]
fn an_affinity_is_of_one_practice_and_ends() {
    let mut setup = setup();
    for practice in [DOCTOR, CLINIC] {
        setup.practices.get_mut(&practice).expect("it is in the setup").affinity_for = seconds(600);
    }
    let mut floor = Floor::with_setup(setup, &[BEA]);
    floor.calls(1, DOCTOR, 7);
    floor.talks(BEA, 1, 1);
    floor.until(15);
    floor.starts(ANNA);
    floor.until(30);
    let to = |decisions: Vec<acd::Decision>| match decisions[..] {
        [acd::Decision::Offer { agent, .. }] => agent,
        _ => panic!("{decisions:?}"),
    };
    // Anna has been idle since 15 s, Bea since 20 s.
    assert_eq!(to(floor.calls(2, CLINIC, 7)), ANNA);
    floor.leaves(2);
    floor.clears(ANNA, 2, 1);
    floor.until(31);
    floor.agent(BEA, acd::AgentEvent::LogOut);
    floor.agent(BEA, acd::AgentEvent::LogIn);
    floor.until(10 + 601);
    assert_eq!(to(floor.calls(3, DOCTOR, 7)), ANNA, "ten minutes are over");
}

fn with_strategy(strategy: Strategy) -> acd::Setup {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").strategy = strategy;
    setup.teams.get_mut(&TEAM).expect("it is in the setup").wrap_up = seconds(0);
    setup
}

#[test]
fn round_robin_offers_to_whose_last_offer_is_the_longest_ago() {
    let mut floor = Floor::with_setup(with_strategy(Strategy::RoundRobin), &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    floor.leaves(1);
    floor.clears(ANNA, 1, 1);
    // Anna has been idle longer: she took no call.
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, BEA, DOCTOR, at(25))]);
}

#[test]
fn fewest_calls_offers_to_who_has_served_the_fewest_since_she_logged_in() {
    let mut floor = Floor::with_setup(with_strategy(Strategy::FewestCalls), &[ANNA, BEA]);
    floor.enters(1, DOCTOR);
    floor.talks(ANNA, 1, 1);
    floor.enters(2, DOCTOR);
    floor.talks(BEA, 2, 1);
    floor.until(20);
    floor.enters(3, DOCTOR);
    floor.talks(ANNA, 3, 1);
    floor.until(30);
    assert_eq!(floor.enters(4, DOCTOR), [offered(4, 1, BEA, DOCTOR, at(45))]);
    floor.leaves(4);
    floor.clears(BEA, 4, 1);
    floor.agent(ANNA, acd::AgentEvent::LogOut);
    floor.agent(ANNA, acd::AgentEvent::LogIn);
    assert_eq!(floor.enters(5, DOCTOR), [offered(5, 1, ANNA, DOCTOR, at(45))], "counted anew");
}

#[test]
fn a_fixed_order_offers_by_position() {
    let mut setup = with_strategy(Strategy::Fixed);
    setup.agents.get_mut(&ANNA).expect("it is in the setup").position = 2;
    setup.agents.get_mut(&BEA).expect("it is in the setup").position = 1;
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, BEA, DOCTOR, at(25))]);
    floor.talks(BEA, 1, 1);
    assert_eq!(floor.enters(2, DOCTOR), [offered(2, 1, BEA, DOCTOR, at(25))]);
}

/// Anna is the first by the strategy, Bea, who has served one, the second; three are of another team.
fn anna_before_bea(strategy: Strategy) -> Floor {
    let mut setup = with_strategy(strategy);
    setup.agents.get_mut(&BEA).expect("it is in the setup").position = 2;
    let others = [CLEO, AgentId(4), AgentId(5)];
    setup.agents.extend(others.map(|other| (other, agent(&[OTHER_TEAM]))));
    setup.practices.insert(CLINIC, practice(15, &[queue(OTHER_TEAM, None)]));
    let mut floor = Floor::with_setup(setup, &[BEA]);
    floor.enters(9, DOCTOR);
    floor.talks(BEA, 9, 1);
    floor.starts(ANNA);
    for other in others {
        floor.starts(other);
    }
    floor
}

#[test]
fn whose_caller_went_while_she_rang_goes_behind_the_others_for_a_round_whatever_the_strategy() {
    for strategy in [Strategy::FewestCalls, Strategy::Fixed] {
        let mut floor = anna_before_bea(strategy);
        assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
        floor.leaves(1);
        floor.clears(ANNA, 1, 1);
        let second = floor.enters(2, DOCTOR);
        assert_eq!(
            second,
            [offered(2, 1, BEA, DOCTOR, at(25))],
            "Anna may be absent: {strategy:?}"
        );
        floor.talks(BEA, 2, 1);
        for caller in 3..6 {
            assert_eq!(floor.enters(caller, CLINIC).len(), 1);
        }
        let last = floor.enters(7, DOCTOR);
        assert_eq!(last, [offered(7, 1, ANNA, DOCTOR, at(25))], "a round is over: {strategy:?}");
    }
}

#[test]
fn who_answers_the_next_one_has_her_place_again_at_once() {
    for strategy in [Strategy::FewestCalls, Strategy::Fixed] {
        let mut floor = anna_before_bea(strategy);
        floor.enters(1, DOCTOR);
        floor.agent(BEA, acd::AgentEvent::Pause { reason: 1 });
        floor.leaves(1);
        floor.clears(ANNA, 1, 1);
        floor.enters(2, DOCTOR);
        floor.talks(ANNA, 2, 1);
        floor.until(20);
        floor.agent(BEA, acd::AgentEvent::Resume);
        assert_eq!(floor.enters(3, DOCTOR), [offered(3, 1, ANNA, DOCTOR, at(35))], "{strategy:?}");
    }
}

#[test]
fn the_last_free_secretaries_are_kept_for_urgent_callers() {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").reserve = 1;
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    assert_eq!(floor.enters(1, DOCTOR), [offered(1, 1, ANNA, DOCTOR, at(25))]);
    assert_eq!(floor.enters(2, DOCTOR), [], "Bea is the last one");
    let urgent = Some(acd::Urgency::Urgent);
    assert_eq!(floor.input(enter(3, DOCTOR, urgent, None)), [offered(3, 1, BEA, DOCTOR, at(25))]);
}

#[test]
fn one_more_who_is_free_lets_a_waiting_caller_have_another_whom_the_reserve_kept() {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").reserve = 1;
    setup.agents.get_mut(&BEA).expect("it is in the setup").site = TUNIS;
    setup.practices.get_mut(&DOCTOR).expect("it is in the setup").sites = Some([SiteId(0)].into());
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    floor.agent(BEA, acd::AgentEvent::Pause { reason: 0 });
    assert_eq!(floor.enters(1, DOCTOR), [], "Anna is the last one");
    assert_eq!(
        floor.agent(BEA, acd::AgentEvent::Resume),
        [offered(1, 1, ANNA, DOCTOR, at(25))],
        "Bea, who may not have him, is the last one now"
    );
}

#[test]
fn whoever_is_the_last_one_there_is_kept_from_nobody() {
    let mut setup = setup();
    setup.teams.get_mut(&TEAM).expect("it is in the setup").reserve = 1;
    let mut floor = Floor::with_setup(setup, &[ANNA, BEA]);
    floor.agent(BEA, acd::AgentEvent::Pause { reason: 0 });
    assert_eq!(floor.enters(1, DOCTOR), [], "Bea comes back, and Anna is kept");
    assert_eq!(
        floor.agent(BEA, acd::AgentEvent::LogOut),
        [offered(1, 1, ANNA, DOCTOR, at(25))],
        "Anna is alone now: else nobody would be answered"
    );
}

#[test]
fn a_caller_of_another_team_does_not_take_the_last_free_secretary_whom_hers_keeps() {
    let mut setup = setup();
    setup.teams.get_mut(&OTHER_TEAM).expect("it is in the setup").reserve = 1;
    setup.agents.get_mut(&ANNA).expect("it is in the setup").teams.push(OTHER_TEAM);
    let mut floor = Floor::with_setup(setup, &[ANNA, CLEO]);
    floor.agent(CLEO, acd::AgentEvent::Pause { reason: 0 });
    assert_eq!(floor.enters(1, DOCTOR), [], "Anna is the last one of the other team");
    assert_eq!(floor.starts(BEA), [offered(1, 1, BEA, DOCTOR, at(25))], "Bea is kept by nobody");
    assert_eq!(floor.enters(2, CLINIC), []);
    assert_eq!(
        floor.agent(CLEO, acd::AgentEvent::Resume),
        [offered(2, 1, ANNA, CLINIC, at(25))],
        "Cleo, who may not have him, is the last one now"
    );
    floor.leaves(2);
    floor.clears(ANNA, 2, 1);
    floor.agent(CLEO, acd::AgentEvent::Pause { reason: 0 });
    let urgent = Some(acd::Urgency::Urgent);
    assert_eq!(floor.input(enter(3, DOCTOR, urgent, None)), [offered(3, 1, ANNA, DOCTOR, at(25))]);
}
