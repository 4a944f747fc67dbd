use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use call::{CallRef, CallerNumber, Disposition, E164, OfferOutcome, OfferRecord, Party, TrunkId};
use rusqlite::Connection;

use super::*;
use crate::control::Audited;
use crate::limits::{RECORDS_BATCH_MAX, RECORDS_HELD_MAX};

/// A file of its own, removed at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("monoligne-records-{name}-{}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&folder);
        Self(folder.join("deeper/records.sqlite"))
    }

    fn folder(&self) -> &Path {
        self.0.parent().and_then(Path::parent).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(self.folder());
    }
}

/// Version 9 has them.
const WITHOUT_CLASSES: &str =
    "ALTER TABLE calls DROP COLUMN urgency; ALTER TABLE calls DROP COLUMN urgency_by;";

fn reading() -> Reading {
    Reading {
        now: sip::Instant::from_millis(60_000),
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

fn entry(sequence: u64) -> CallEntry {
    let at = sip::Instant::from_millis;
    let offer = OfferRecord {
        agent: call::AgentId(7),
        offered_at: at(41_000),
        ringing_at: Some(at(41_200)),
        answered_at: Some(at(45_000)),
        ended_at: at(60_000),
        outcome: OfferOutcome::Served,
    };
    let missed = OfferRecord {
        ringing_at: None,
        answered_at: None,
        outcome: OfferOutcome::Unreachable,
        ..offer.clone()
    };
    let record = CallRecord {
        call: CallRef { node: 1, epoch: 0xabc, sequence },
        trunk: TrunkId(1),
        dialled: Some(E164::read("01 99 00 12 34").unwrap()),
        practice: Some(call::PracticeId(3)),
        situation: Some(call::Situation::Open),
        class: Some((call::Urgency::Urgent, call::ClassBy::Key)),
        caller: CallerNumber::Known(E164::read("06 39 98 00 01").unwrap()),
        arrived_at: at(40_000),
        answered_at: Some(at(45_000)),
        ended_at: at(60_000),
        disposition: Disposition::Answered,
        status: 200,
        released_by: Party::Agent,
        prompt: None,
        agent: Some(call::AgentId(7)),
        target: None,
        pressed_at: None,
        offers: vec![missed, offer],
        forwards: Vec::new(),
    };
    let names = Arc::new(Names::default().with(&config()));
    CallEntry { record: Box::new(record), reading: reading(), names }
}

fn config() -> call::Config {
    call::Config {
        urgent_numbers: BTreeMap::new(),
        sites: BTreeMap::new(),
        emergency: call::Emergency::default(),
        locals: Vec::new(),
        phones: [(
            call::PhoneId(2),
            call::Phone {
                user: "accueil".to_owned(),
                name: "Accueil".to_owned(),
                account: sip::Account { ha1_md5: None, ha1_sha256: None },
            },
        )]
        .into(),
        realm: "pbx.example.fr".to_owned(),
        trunks: [(
            TrunkId(1),
            call::Trunk {
                name: "operator".to_owned(),
                sources: Vec::new(),
                transports: vec![sip::Transport::Udp],
                max_unanswered: Duration::from_secs(60),
                rang_before: Duration::from_secs(25),
                numbers: call::Numbering::default(),
                outbound: None,
            },
        )]
        .into(),
        practices: [(
            call::PracticeId(3),
            call::Practice {
                key: "martin".to_owned(),
                name: "Dr Martin".to_owned(),
                label: "Dr Martin".to_owned(),
                ..call::Practice::default()
            },
        )]
        .into(),
        agents: [(
            call::AgentId(7),
            call::Agent {
                user: "107".to_owned(),
                name: "Alice".to_owned(),
                account: sip::Account { ha1_md5: None, ha1_sha256: None },
            },
        )]
        .into(),
        numbers: [].into(),
        shared: [].into(),
        floor: Arc::default(),
        prompts: [].into(),
        hold: None,
        codecs: Vec::new(),
        ring_refresh: Duration::from_secs(50),
        unreachable_after: Duration::from_secs(2),
        inquiry_timeout: Duration::from_secs(3),
        pause_reasons: BTreeMap::new(),
        teams: BTreeMap::new(),
        registrar: call::RegistrarLimits::default(),
        limits: call::Limits::default(),
    }
}

#[test]
fn a_call_and_its_offers_are_kept_with_civil_times_and_names() {
    let file = File::new("kept");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Call(entry(1)));
    drop(records);
    assert_eq!(writer.finish(), RecordsStatus { written: 1, ..RecordsStatus::default() });

    let reader = Reader::open(&file.0).unwrap();
    let calls = reader.calls().unwrap();
    let expected = CallRow {
        call: "1-abc-1".to_owned(),
        trunk: "operator".to_owned(),
        dialled: Some("+33199001234".to_owned()),
        practice: Some("Dr Martin".to_owned()),
        caller_kind: "known".to_owned(),
        caller: Some("+33639980001".to_owned()),
        arrived_at: "2027-01-15T07:59:40.000Z".to_owned(),
        arrived_ms: 1_799_999_980_000,
        answered_ms: Some(1_799_999_985_000),
        ended_ms: 1_800_000_000_000,
        wait_ms: 5_000,
        talk_ms: Some(15_000),
        disposition: "answered".to_owned(),
        status: 200,
        released_by: "agent".to_owned(),
        agent: Some("Alice".to_owned()),
        situation: Some("open".to_owned()),
        urgency: Some("urgent".to_owned()),
        urgency_by: Some("key".to_owned()),
        prompt: None,
    };
    assert_eq!(calls, [expected]);
    let offers = reader.offers().unwrap();
    let outcomes: Vec<_> = offers.iter().map(|o| (o.number, o.outcome.as_str())).collect();
    assert_eq!(outcomes, [(1, "unreachable"), (2, "served")]);
    assert_eq!(offers[1].ringing_ms, Some(1_799_999_981_200));
}

#[test]
fn where_a_caller_was_forwarded_to_and_what_came_of_it_is_kept() {
    let file = File::new("forwards");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    let at = sip::Instant::from_millis;
    let mut forwarded = entry(1);
    let box_at = call::Target::Line(E164::read("06 39 98 00 99").unwrap().line());
    let first = call::ForwardRecord {
        target: box_at,
        offered_at: at(40_000),
        ringing_at: Some(at(40_500)),
        picked_up_at: Some(at(44_000)),
        answered_at: None,
        ended_at: at(50_000),
        outcome: OfferOutcome::NoKey,
    };
    let second = call::ForwardRecord {
        target: call::Target::Phone(call::PhoneId(2)),
        offered_at: at(50_000),
        ringing_at: None,
        answered_at: Some(at(52_000)),
        ended_at: at(60_000),
        outcome: OfferOutcome::Served,
        ..first.clone()
    };
    forwarded.record.disposition = Disposition::Forwarded;
    forwarded.record.released_by = Party::Target;
    forwarded.record.agent = None;
    forwarded.record.offers.clear();
    forwarded.record.forwards = vec![first, second];
    records.keep(Entry::Call(forwarded));
    drop(records);
    writer.finish();
    let reader = Reader::open(&file.0).unwrap();
    let call = &reader.calls().unwrap()[0];
    assert_eq!((&call.disposition[..], &call.released_by[..]), ("forwarded", "target"));
    assert_eq!(call.talk_ms, None, "no secretary talked");
    let rows = reader.forwards().unwrap();
    let told: Vec<_> = rows.iter().map(|it| (it.number, &it.kind[..], &it.target[..])).collect();
    assert_eq!(told, [(1, "line", "+33639980099"), (2, "phone", "Accueil")]);
    let outcomes: Vec<_> = rows.iter().map(|it| (&it.outcome[..], it.answered_ms)).collect();
    assert_eq!(outcomes, [("no_key", None), ("served", Some(1_799_999_992_000))]);
    assert_eq!(rows[0].picked_up_ms, Some(1_799_999_984_000));
}

#[test]
fn a_file_of_the_third_version_gets_its_forwardings_and_keeps_the_rest() {
    let file = File::new("third");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Call(entry(1)));
    drop(records);
    writer.finish();
    let older = Connection::open(&file.0).unwrap();
    older.execute_batch(WITHOUT_CLASSES).unwrap();
    older
        .execute_batch(
            "DROP TABLE forwards; DROP TABLE overrides; DROP TABLE orders; PRAGMA user_version = 3",
        )
        .unwrap();
    let before = Reader::open(&file.0).unwrap();
    assert!(before.calls().unwrap().len() == 1 && before.forwards().unwrap().is_empty());
    drop((before, older));
    drop(schema::open(&file.0, reading()).unwrap());
    let after = Reader::open(&file.0).unwrap();
    assert_eq!((after.calls().unwrap().len(), after.offers().unwrap().len()), (1, 2));
    assert!(after.forwards().unwrap().is_empty());
}

#[test]
fn talking_is_the_time_with_secretaries_without_the_wait_between_them() {
    let file = File::new("talk");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    let mut twice = entry(1);
    let served = twice.record.offers[1].clone();
    let at = sip::Instant::from_millis;
    // Ten seconds with the first, whose phone vanished; three with the second.
    let vanished =
        OfferRecord { outcome: OfferOutcome::Vanished, ended_at: at(55_000), ..served.clone() };
    let second = OfferRecord { answered_at: Some(at(57_000)), ..served };
    twice.record.offers = vec![vanished, second];
    records.keep(Entry::Call(twice));
    drop(records);
    writer.finish();
    assert_eq!(Reader::open(&file.0).unwrap().calls().unwrap()[0].talk_ms, Some(13_000));
}

#[test]
fn what_is_made_is_for_owner_and_group_only_and_what_is_there_keeps_its_mode() {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = File::new("modes");
    std::fs::create_dir(file.folder()).unwrap();
    std::fs::set_permissions(file.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (connection, _) = schema::open(&file.0, reading()).unwrap();
    assert_eq!((mode(file.folder()), mode(file.0.parent().unwrap())), (0o755, 0o750));
    assert_eq!(mode(&file.0), 0o640);
    assert_eq!(mode(&file.0.with_extension("sqlite-wal")), 0o640);
    assert_eq!(mode(&file.0.with_extension("sqlite-shm")), 0o640);
    drop(connection);
}

#[test]
fn a_file_that_holds_no_records_is_to_be_moved_away() {
    let file = File::new("foreign");
    std::fs::create_dir_all(file.0.parent().unwrap()).unwrap();
    std::fs::write(&file.0, "these are no records\n".repeat(100)).unwrap();
    let refused = schema::open(&file.0, reading()).unwrap_err();
    assert!(refused.to_string().contains("move it"), "{refused}");
}

#[test]
fn more_than_a_batch_is_written_in_several_and_nothing_is_lost() {
    let file = File::new("batches");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    let count = 3 * RECORDS_BATCH_MAX as u64 + 7;
    for sequence in 0..count {
        records.keep(Entry::Call(entry(sequence)));
    }
    drop(records);
    let status = writer.finish();
    assert_eq!(Reader::open(&file.0).unwrap().count().unwrap() + status.lost, count);
    assert_eq!(status.lost, 0);
}

#[test]
fn while_the_disk_fails_records_wait_in_memory_and_are_written_when_it_is_back() {
    let file = File::new("failing");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    // Somebody else's write lock: every transaction of ours fails.
    let other = Connection::open(&file.0).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for sequence in 0..5 {
        records.keep(Entry::Call(entry(sequence)));
    }
    wait_until(|| records.status().is_failing && records.status().held == 5);
    assert_eq!(records.status().written, 0);

    other.execute_batch("ROLLBACK").unwrap();
    wait_until(|| records.status().written == 5);
    assert_eq!(records.status(), RecordsStatus { written: 5, ..RecordsStatus::default() });
    drop(records);
    writer.finish();
    assert_eq!(Reader::open(&file.0).unwrap().count().unwrap(), 5);
}

#[test]
fn a_full_disk_keeps_ten_thousand_records_and_counts_what_is_beyond() {
    let file = File::new("full");
    let (connection, _) = schema::open(&file.0, reading()).unwrap();
    connection.pragma_update(None, "max_page_count", 12).unwrap();
    let counters = Arc::new(Counters::default());
    let (sender, entries) = std::sync::mpsc::sync_channel(8);
    let mut state = writer::State::new(connection, entries, Arc::clone(&counters));
    let records = Records { sender, counters: Arc::clone(&counters) };
    let mut kept = 0;
    while counters.status().lost == 0 {
        records.keep(Entry::Call(entry(kept)));
        kept += 1;
        if kept % 4 == 0 {
            state.turn();
        }
    }
    let status = counters.status();
    assert!(status.is_failing);
    assert!(status.held as usize >= RECORDS_HELD_MAX, "{status:?}");

    // There is room again: all that was held is written, in batches.
    state.allow_pages(1 << 30);
    state.turn();
    state.turn();
    let status = counters.status();
    assert_eq!((status.held, status.lost, status.written), (0, 1, kept - 1));
    assert_eq!(Reader::open(&file.0).unwrap().count().unwrap(), kept - 1);
}

#[test]
fn a_full_disk_keeps_no_server_from_ending_and_each_lost_record_is_counted() {
    let file = File::new("full-end");
    let (connection, _) = schema::open(&file.0, reading()).unwrap();
    connection.pragma_update(None, "max_page_count", 12).unwrap();
    let counters = Arc::new(Counters::default());
    let (sender, entries) = std::sync::mpsc::sync_channel(8);
    let mut state = writer::State::new(connection, entries, Arc::clone(&counters));
    let records = Records { sender, counters: Arc::clone(&counters) };
    let mut kept = 0;
    while counters.status().lost == 0 {
        records.keep(Entry::Call(entry(kept)));
        kept += 1;
        if kept % 4 == 0 {
            state.turn();
        }
    }
    let thread = std::thread::spawn(|| state.run());
    drop(records);
    let status = Writer { thread, counters, _lock: schema::lock(&file.0).unwrap() }.finish();
    assert_eq!(status.lost + status.written, kept, "{status:?}");
}

#[test]
fn a_second_server_on_the_same_records_is_refused_and_the_first_keeps_them() {
    let file = File::new("twice");
    let first = Writer::start(&file.0, reading()).unwrap();
    let second = Writer::start(&file.0, reading());
    assert!(matches!(second, Err(OpenError::InUse)));
    drop(first.records);
    first.writer.finish();
    assert!(Writer::start(&file.0, reading()).is_ok());
}

#[test]
fn records_that_another_program_has_locked_are_told_with_a_remedy() {
    let file = File::new("locked");
    drop(schema::open(&file.0, reading()).unwrap());
    let other = Connection::open(&file.0).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(schema::open(&file.0, reading()), Err(OpenError::Locked)));
}

#[test]
fn each_life_gets_a_larger_epoch_even_if_the_clock_goes_back() {
    let file = File::new("epoch");
    let epoch = |at: Reading| schema::open(&file.0, at).unwrap().1;
    let first = epoch(reading());
    let earlier = Reading { wall: SystemTime::UNIX_EPOCH, ..reading() };
    assert_eq!(first, 1_800_000_000);
    assert_eq!(epoch(earlier), first + 1);
    assert_eq!(epoch(reading()), first + 2);
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let file = File::new("newer");
    drop(schema::open(&file.0, reading()).unwrap());
    let other = Connection::open(&file.0).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    let refused = schema::open(&file.0, reading()).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99 }), "{refused}");
}

#[test]
fn a_text_that_a_caller_heard_is_kept_by_its_name() {
    let file = File::new("text");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    let mut closed = entry(1);
    closed.record.disposition = Disposition::Closed;
    closed.record.situation = Some(call::Situation::Leave);
    closed.record.prompt = Some(call::PromptId(4));
    closed.record.agent = None;
    closed.record.offers.clear();
    let mut config = config();
    let prompt = call::Prompt { name: "conges".to_owned(), duration: Duration::from_secs(9) };
    config.prompts.insert(call::PromptId(4), prompt);
    closed.names = Arc::new(Names::default().with(&config));
    records.keep(Entry::Call(closed));
    drop(records);
    writer.finish();
    let call = Reader::open(&file.0).unwrap().calls().unwrap().remove(0);
    assert_eq!(call.situation.as_deref(), Some("leave"));
    assert_eq!(call.prompt.as_deref(), Some("conges"));
    assert_eq!((call.disposition.as_str(), call.talk_ms), ("closed", None));
}

#[test]
fn a_file_of_the_first_version_is_read_as_it_is_and_carried_over_by_the_server() {
    let file = File::new("older");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Call(entry(1)));
    drop(records);
    writer.finish();
    let older = Connection::open(&file.0).unwrap();
    let downgrade = "ALTER TABLE calls DROP COLUMN situation; ALTER TABLE calls DROP COLUMN prompt;
         DROP TABLE phones; DROP TABLE secretaries; DROP TABLE overrides; DROP TABLE forwards;
         DROP TABLE orders; PRAGMA application_id = 0";
    older.execute_batch(WITHOUT_CLASSES).unwrap();
    older.execute_batch(downgrade).unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
    drop(older);
    let before = Reader::open(&file.0).unwrap().calls().unwrap();
    assert_eq!((before.len(), &before[0].situation), (1, &None));

    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Call(entry(2)));
    drop(records);
    assert_eq!(writer.finish().written, 1);
    let after = Reader::open(&file.0).unwrap().calls().unwrap();
    let situations: Vec<_> = after.iter().map(|call| call.situation.as_deref()).collect();
    assert_eq!(situations, [None, Some("open")]);
}

fn hers(state: call::Lasting) -> call::Whose {
    call::Whose::Agent { agent: call::AgentId(7), state, misses: 1 }
}

fn standing() -> call::Standing {
    call::Standing {
        whose: hers(call::Lasting::Paused { reason: 2 }),
        bindings: vec![sip::Binding {
            contact_uri: "sip:107@192.0.2.7:5060".to_owned(),
            flow: sip::Flow {
                transport: sip::Transport::Udp,
                local: ([192, 0, 2, 1], 5060).into(),
                remote: ([192, 0, 2, 7], 5060).into(),
                connection: 0,
            },
            expires_at: sip::Instant::from_millis(160_000),
            registered_at: sip::Instant::from_millis(1_000),
            call_id: "phone".to_owned(),
            cseq: 7,
            user_agent: Some("baresip".to_owned()),
        }],
    }
}

fn paused(reason: &str, number: u16) -> call::Config {
    call::Config { pause_reasons: [(number, reason.to_owned())].into(), ..config() }
}

#[test]
fn what_lasts_of_a_secretary_is_given_back_in_the_words_of_the_next_life() {
    let file = File::new("standing");
    let Opened { writer, records, kept, .. } = Writer::start(&file.0, reading()).unwrap();
    assert_eq!(kept, []);
    let names = Names::default().with(&paused("repas", 2));
    let mut tcp = standing();
    tcp.bindings[0].flow.transport = sip::Transport::Tcp;
    tcp.bindings[0].flow.connection = 7;
    let first = call::Standing { bindings: Vec::new(), ..standing() };
    for standing in [first, standing()] {
        records.keep(Entry::Standing(Kept::of(&standing, &reading(), &names)));
    }
    drop(records);
    assert_eq!(writer.finish(), RecordsStatus::default(), "these are no records of calls");

    // Ten seconds later, with a clock of its own and other numbers.
    let later = Reading {
        now: sip::Instant::from_millis(5),
        wall: reading().wall + Duration::from_secs(10),
    };
    let Opened { kept, .. } = Writer::start(&file.0, later).unwrap();
    let back = kept[0].standing(&paused("Repas", 1), &later).unwrap();
    assert_eq!(back.whose, hers(call::Lasting::Paused { reason: 0 }), "that reason is gone");
    let back = kept[0].standing(&paused("repas", 1), &later).unwrap();
    assert_eq!(back.whose, hers(call::Lasting::Paused { reason: 1 }));
    let [binding] = &back.bindings[..] else { panic!("{back:?}") };
    assert_eq!(binding.expires_at, sip::Instant::from_millis(90_005));
    assert_eq!(binding.flow, standing().bindings[0].flow);
    assert_eq!((binding.call_id.as_str(), binding.cseq), ("phone", 7));
    // What would not reach her: a binding that is over, the connection that is gone, nobody.
    let much_later = Reading { wall: later.wall + Duration::from_secs(100), ..later };
    assert!(kept[0].standing(&config(), &much_later).unwrap().bindings.is_empty());
    let tcp = Kept::of(&tcp, &reading(), &names);
    let flow = tcp.standing(&config(), &later).unwrap().bindings[0].flow;
    assert_eq!((flow.transport, flow.connection), (sip::Transport::Tcp, 0));
    let nobody = call::Config { agents: BTreeMap::new(), ..config() };
    assert_eq!(kept[0].standing(&nobody, &later), None);
}

#[test]
fn a_receptions_phone_is_kept_without_a_state_and_a_name_that_changes_hands_leaves_none() {
    let file = File::new("reception");
    let phone = call::Whose::Phone(call::PhoneId(2));
    let reception = call::Standing { whose: phone, ..standing() };
    let names = Names::default().with(&config());
    let keep = |standings: &[&call::Standing]| {
        let Opened { writer, records, kept, .. } = Writer::start(&file.0, reading()).unwrap();
        for standing in standings {
            records.keep(Entry::Standing(Kept::of(standing, &reading(), &names)));
        }
        drop(records);
        writer.finish();
        kept
    };
    keep(&[&standing(), &reception]);
    let kept = keep(&[&call::Standing { bindings: Vec::new(), ..reception.clone() }]);
    assert_eq!(kept.iter().map(|it| it.user.as_str()).collect::<Vec<_>>(), ["107", "accueil"]);
    let back = kept[1].standing(&config(), &reading()).unwrap();
    assert_eq!((back.whose, back.bindings.len()), (phone, 1));
    assert_eq!(back.bindings[0].flow, reception.bindings[0].flow);
    let kept = keep(&[]);
    assert_eq!(kept.len(), 1, "of a phone that is away there is nothing to keep");

    // The secretary's name becomes a phone's.
    let mut other = config();
    other.phones.get_mut(&call::PhoneId(2)).unwrap().user = "107".to_owned();
    let taken = Kept::of(&reception, &reading(), &Names::default().with(&other));
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Standing(taken));
    drop(records);
    writer.finish();
    let kept = keep(&[]);
    other.agents.clear();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].standing(&other, &reading()).unwrap().whose, phone);
}

#[test]
fn a_file_of_the_sixth_version_keeps_the_secretaries_phones() {
    let file = File::new("sixth");
    let names = Names::default().with(&config());
    let start = || Writer::start(&file.0, reading()).unwrap();
    let Opened { writer, records, .. } = start();
    records.keep(Entry::Standing(Kept::of(&standing(), &reading(), &names)));
    drop(records);
    writer.finish();
    let older = Connection::open(&file.0).unwrap();
    older.execute_batch(WITHOUT_CLASSES).unwrap();
    older
        .execute_batch(
            "ALTER TABLE phones RENAME TO newer;
             CREATE TABLE phones (
                 user TEXT NOT NULL REFERENCES secretaries (user) ON DELETE CASCADE,
                 place INTEGER NOT NULL, contact TEXT NOT NULL, transport TEXT NOT NULL,
                 local TEXT NOT NULL, remote TEXT NOT NULL, registered_ms INTEGER NOT NULL,
                 expires_ms INTEGER NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL,
                 user_agent TEXT, PRIMARY KEY (user, place)) STRICT, WITHOUT ROWID;
             INSERT INTO phones SELECT * FROM newer;
             DROP TABLE newer;
             DROP TABLE orders;
             PRAGMA user_version = 6",
        )
        .unwrap();
    drop(older);
    let Opened { writer, records, kept, .. } = start();
    assert_eq!(kept[0].standing(&config(), &reading()).unwrap().bindings.len(), 1);
    let reception = call::Standing { whose: call::Whose::Phone(call::PhoneId(2)), ..standing() };
    records.keep(Entry::Standing(Kept::of(&reception, &reading(), &names)));
    drop(records);
    writer.finish();
    assert_eq!(start().kept.len(), 2, "a phone needs no secretary any more");
}

#[test]
fn the_database_of_another_program_is_refused_and_left_as_it_is() {
    let tables = ["CREATE TABLE customers (name TEXT)", "PRAGMA user_version = 1"];
    for (index, sql) in tables.into_iter().enumerate() {
        let file = File::new(&format!("anothers-{index}"));
        std::fs::create_dir_all(file.0.parent().unwrap()).unwrap();
        let other = Connection::open(&file.0).unwrap();
        other.execute_batch(sql).unwrap();
        other.execute_batch("PRAGMA application_id = 7").unwrap();
        drop(other);
        let before = std::fs::read(&file.0).unwrap();
        let refused = schema::open(&file.0, reading()).unwrap_err();
        assert!(matches!(refused, OpenError::Foreign), "{refused}");
        assert_eq!(std::fs::read(&file.0).unwrap(), before);
    }
}

/// Waits for another thread: polls, at most ten seconds.
fn wait_until(mut condition: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("it never happened");
}

#[test]
fn what_a_practice_says_against_its_hours_is_kept_until_it_is_over_or_taken_back() {
    let file = File::new("override");
    let Opened { writer, records, overrides, .. } = Writer::start(&file.0, reading()).unwrap();
    assert_eq!(overrides, []);
    let line = E164::read("01 99 00 12 34").unwrap().line();
    let to = call::Forward { target: call::Target::Line(line), ring_for: Duration::from_secs(20) };
    let until_unix_ms = reading().epoch_ms(reading().now) + 60_000;
    let redirect = call::Override { what: call::Overriding::Redirect(to), until_unix_ms };
    let closed = call::Override { what: call::Overriding::Closed, until_unix_ms };
    let practice = call::PracticeId(3);
    for over in [Some(closed), None, Some(redirect)] {
        let kept = KeptOverride::of(practice, over, &reading(), &config()).unwrap();
        records.keep(Entry::Override(kept));
    }
    drop(records);
    assert_eq!(writer.finish(), RecordsStatus::default(), "these are no records of calls");

    let later = |seconds| Reading {
        now: sip::Instant::from_millis(5),
        wall: reading().wall + Duration::from_secs(seconds),
    };
    let Opened { overrides, .. } = Writer::start(&file.0, later(59)).unwrap();
    assert_eq!(overrides[0].restored(&config(), &later(59)), Ok((practice, redirect)));
    assert_eq!(overrides[0].restored(&config(), &later(60)), Err(Unclaimed::Over));
    let mut other = config();
    other.practices.clear();
    assert_eq!(overrides[0].restored(&other, &later(1)), Err(Unclaimed::Nobody));
    let renamed = renamed("Cabinet des Lilas", "Cabinet des Lilas");
    assert_eq!(overrides[0].restored(&renamed, &later(59)), Ok((practice, redirect)));

    let Opened { writer, records, .. } = Writer::start(&file.0, later(2)).unwrap();
    let taken_back = KeptOverride::of(practice, None, &later(2), &config()).unwrap();
    records.keep(Entry::Override(taken_back));
    drop(records);
    writer.finish();
    assert_eq!(Writer::start(&file.0, later(3)).unwrap().overrides, []);
}

/// With a second practice beside the one that is there, called so.
fn renamed(first: &str, second: &str) -> call::Config {
    let mut config = config();
    config.practices.get_mut(&call::PracticeId(3)).unwrap().name = first.to_owned();
    let other = call::Practice {
        key: "martin-lyon".to_owned(),
        name: second.to_owned(),
        ..call::Practice::default()
    };
    config.practices.insert(call::PracticeId(4), other);
    config
}

#[test]
fn what_the_fifth_version_kept_by_a_name_goes_to_the_only_practice_that_has_it() {
    let file = File::new("fifth");
    drop(schema::open(&file.0, reading()).unwrap());
    let older = Connection::open(&file.0).unwrap();
    older.execute_batch(WITHOUT_CLASSES).unwrap();
    let until_ms = reading().epoch_ms(reading().now) + 60_000;
    older
        .execute_batch(&format!(
            "DROP TABLE overrides;
             CREATE TABLE overrides (practice TEXT PRIMARY KEY, what TEXT NOT NULL, target TEXT,
                 ring_for_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, said_at TEXT NOT NULL)
                 STRICT;
             INSERT INTO overrides VALUES
                 ('Dr Martin', 'redirect', '+33199001234', 20000, {until_ms}, '2026-11-26'),
                 ('Dr Blanc', 'closed', NULL, 0, {until_ms}, '2026-11-26');
             DROP TABLE orders;
             PRAGMA user_version = 5"
        ))
        .unwrap();
    drop(older);
    let Opened { writer, records, overrides, .. } = Writer::start(&file.0, reading()).unwrap();
    let restored = |kept: &KeptOverride, config: &call::Config| kept.restored(config, &reading());
    let kept: Vec<&str> = overrides.iter().map(KeptOverride::practice).collect();
    assert_eq!(kept, ["Dr Blanc", "Dr Martin"]);
    assert_eq!(restored(&overrides[0], &config()), Err(Unclaimed::Nobody));
    let keys = ["martin", "martin-lyon"].map(str::to_owned).to_vec();
    let both = renamed("Dr Martin", "Dr Martin");
    assert_eq!(restored(&overrides[1], &both), Err(Unclaimed::Several(keys)), "no guess");
    let (practice, over) = restored(&overrides[1], &config()).unwrap();
    let line = E164::read("01 99 00 12 34").unwrap().line();
    let to = call::Forward { target: call::Target::Line(line), ring_for: Duration::from_secs(20) };
    let expected = call::Override { what: call::Overriding::Redirect(to), until_unix_ms: until_ms };
    assert_eq!((practice, over), (call::PracticeId(3), expected));

    // The engine tells what it took up, and that is kept by the key alone; what is nobody's stays.
    let kept = KeptOverride::of(practice, Some(over), &reading(), &config()).unwrap();
    records.keep(Entry::Override(kept));
    drop(records);
    writer.finish();
    let Opened { overrides, .. } = Writer::start(&file.0, reading()).unwrap();
    let kept: Vec<&str> = overrides.iter().map(KeptOverride::practice).collect();
    assert_eq!(kept, ["Dr Blanc", "martin"]);
    assert_eq!(restored(&overrides[1], &both), Ok((practice, over)));
}

fn order(whom: &str, at_ms: i64) -> Entry {
    let order = Audited {
        kind: "agent",
        whom: whom.to_owned(),
        what: "pause".to_owned(),
        command: "{}".to_owned(),
    };
    Entry::Order(KeptOrder { at_ms, by: Orderer::Peer(0), order, is_done: at_ms > 1_000 })
}

#[test]
fn a_file_of_the_seventh_version_takes_up_orders_and_tells_the_latest_since_then() {
    let file = File::new("seventh");
    drop(schema::open(&file.0, reading()).unwrap());
    let older = Connection::open(&file.0).unwrap();
    older.execute_batch(WITHOUT_CLASSES).unwrap();
    older.execute_batch("DROP TABLE orders; PRAGMA user_version = 7").unwrap();
    drop(older);
    let before = Reader::open(&file.0).unwrap().orders(0, 10).unwrap();
    assert_eq!(before, [], "not opened by a server of this version yet");

    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    for (whom, at_ms) in [("101", 1_000), ("102", 2_000), ("103", 3_000)] {
        records.keep(order(whom, at_ms));
    }
    drop(records);
    assert_eq!(writer.finish(), RecordsStatus::default(), "these are no records of calls");
    let read = |since, at_most| Reader::open(&file.0).unwrap().orders(since, at_most).unwrap();
    let whom = |since, at_most| -> Vec<String> {
        read(since, at_most).into_iter().map(|row| row.whom).collect()
    };
    assert_eq!(whom(2_000, 10), ["102", "103"]);
    assert_eq!(whom(0, 2), ["102", "103"], "the latest");
    let first = &read(0, 10)[0];
    assert_eq!((first.ordered_at.as_str(), first.uid), ("1970-01-01T00:00:01.000Z", 0));
    assert_eq!((first.user.as_deref(), first.outcome.as_str()), (Some("root"), "refused"));
    assert_eq!(read(0, 10)[2].outcome, "done");
}

#[test]
fn a_file_of_the_eighth_version_takes_up_classes_and_who_gave_them() {
    let file = File::new("eighth");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Call(entry(1)));
    drop(records);
    writer.finish();
    let older = Connection::open(&file.0).unwrap();
    older.execute_batch(WITHOUT_CLASSES).unwrap();
    older.pragma_update(None, "user_version", 8).unwrap();
    drop(older);
    let classes = || -> Vec<(Option<String>, Option<String>)> {
        let calls = Reader::open(&file.0).unwrap().calls().unwrap();
        calls.into_iter().map(|call| (call.urgency, call.urgency_by)).collect()
    };
    assert_eq!(classes(), [(None, None)], "not opened by a server of this version yet");

    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    records.keep(Entry::Call(entry(2)));
    let mut normal = entry(3);
    normal.record.class = Some((call::Urgency::Normal, call::ClassBy::Nothing));
    records.keep(Entry::Call(normal));
    drop(records);
    assert_eq!(writer.finish().written, 2);
    let of = |urgency: &str, by: &str| (Some(urgency.to_owned()), Some(by.to_owned()));
    assert_eq!(classes(), [(None, None), of("urgent", "key"), of("normal", "none")]);
}

#[test]
fn who_pressed_a_key_has_waited_until_a_human_had_him() {
    let file = File::new("pressed");
    let Opened { writer, records, .. } = Writer::start(&file.0, reading()).unwrap();
    let mut pressed = entry(1);
    pressed.record.answered_at = Some(sip::Instant::from_millis(40_100));
    pressed.record.pressed_at = Some(sip::Instant::from_millis(43_000));
    records.keep(Entry::Call(pressed));
    drop(records);
    writer.finish();
    let calls = Reader::open(&file.0).unwrap().calls().unwrap();
    let answered = calls[0].answered_ms.map(|ms| ms - calls[0].arrived_ms);
    assert_eq!((answered, calls[0].wait_ms), (Some(100), 5_000));
}
