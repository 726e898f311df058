//! What alerting keeps survives crashes, once and whole.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::sample::at;
use flowgauge_logic::alert::episode::{Ack, EndReason, Episode, EpisodeId};
use flowgauge_logic::alert::instance::{Instance, InstanceKey, State};
use flowgauge_logic::alert::notice::{Kind, Message, Notice};
use flowgauge_logic::alert::rule::Severity;
use flowgauge_logic::alert::sample::Evidence;
use flowgauge_logic::alert::silence::{Silence, SilenceMatcher};
use flowgauge_logic::call::Text;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::{Micros, UnixMicros};
use flowgauge_logic::window::Window;
use flowgauge_store::{
    AlertChanges, AlertStore, Attempted, Delivery, EpisodeQuery, Joined, Noise, OutboxRow,
    SavedAlerts, Transition, TransitionQuery,
};
use std::path::Path;
use tempfile::TempDir;

mod crashes;

fn seconds(s: i64) -> UnixMicros {
    at(s * 1_000_000)
}

fn open(dir: &TempDir) -> AlertStore {
    AlertStore::open(dir.path()).unwrap()
}

fn key(rule: &str, model: &str) -> InstanceKey {
    InstanceKey { rule: rule.into(), labels: vec![("model".into(), model.into())] }
}

fn instance(state: State, value: f64) -> Instance {
    Instance {
        state,
        since: seconds(1),
        evaluated: seconds(2),
        unknown: None,
        failed: None,
        recent: 0b101,
        episode: None,
        evidence: Evidence { value: Some(value), n: 412, ..Evidence::default() },
        held_since: None,
        raised: false,
    }
}

fn id(n: u8) -> EpisodeId {
    CallId::new(seconds(i64::from(n)), [n; 10])
}

fn episode(n: u8) -> Episode {
    Episode {
        id: id(n),
        rule: "p95_latency_critical".into(),
        labels: vec![("model".into(), "large".into())],
        severity: Severity::Critical,
        first_true: seconds(0),
        fired: seconds(i64::from(n)),
        ended: None,
        peak: Some(0.1 + 0.2),
        last_violation: Evidence { value: Some(2_612_000.0), ..Evidence::default() },
        last_violation_at: seconds(i64::from(n)),
        violations: 31,
        late: false,
        acked: None,
        sequence: 1,
        told: None,
        actions: Vec::new(),
    }
}

fn notice(n: u8, sequence: u32, channel: &str) -> Notice {
    Notice {
        episode: id(n),
        sequence,
        channel: channel.into(),
        group: "p95_latency_critical".into(),
        due: seconds(10),
        expires: seconds(100),
        message: message("P95 latency critically high: 2612ms"),
    }
}

fn message(text: &str) -> Message {
    Message {
        kind: Kind::Fired,
        application: "FlowReader".into(),
        environment: "prod".into(),
        rule: "p95_latency_critical".into(),
        severity: Severity::Critical,
        text: text.to_owned(),
        value: "2612ms".to_owned(),
        threshold: "2500ms".to_owned(),
        now: None,
        figures: None,
        metric: "p95_latency".into(),
        condition: "p95_latency > 2500ms for 5m".to_owned(),
        labels: Vec::new(),
        annotations: [(Text::from("summary"), "slow".to_owned())].into(),
        started: seconds(10),
        at: seconds(10),
        ended: None,
        n: 412,
        exceed: Some(24),
        sentence: None,
        runbook: None,
        recommended: Vec::new(),
        episode_url: None,
        ack_url: None,
        dashboard_url: "https://flowreader.app/admin/performance".to_owned(),
        late: false,
        items: Vec::new(),
        fingerprint: "9f2c".into(),
    }
}

fn ack(by: &str) -> Ack {
    Ack { at: seconds(20), by: by.into(), note: Some("on it".to_owned()) }
}

fn silence(id: &str, until: i64, updated: i64) -> Silence {
    Silence {
        id: id.to_owned(),
        matchers: vec![SilenceMatcher {
            name: "alertname".to_owned(),
            value: "p95.*".to_owned(),
            is_regex: true,
            is_equal: true,
        }],
        starts: seconds(0),
        ends: seconds(until),
        created_by: "ana".to_owned(),
        comment: "deploy".to_owned(),
        updated: seconds(updated),
    }
}

fn told(notices: Vec<Notice>) -> AlertChanges {
    AlertChanges { outbox: notices, ..AlertChanges::default() }
}

fn came(state: Delivery, answer: &str) -> Attempted {
    Attempted { state, next: seconds(60), answer: answer.to_owned(), unsure: false }
}

fn states(rows: &[OutboxRow]) -> Vec<(Delivery, u32)> {
    rows.iter().map(|r| (r.state, r.attempts)).collect()
}

#[test]
fn a_tick_comes_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let pending = instance(State::Pending { elapsed: Micros(5) }, 0.1 + 0.2);
    let mut firing = instance(State::Firing, f64::MIN_POSITIVE);
    firing.episode = Some(id(3));
    let transition = Transition {
        at: seconds(9),
        key: key("a", "large"),
        from: "pending".into(),
        to: "firing".into(),
        episode: Some(id(3)),
        why: "true for 5m".to_owned(),
    };
    let changes = AlertChanges {
        tick: Some(seconds(9)),
        instances: vec![
            (key("a", "large"), Some(firing.clone())),
            (key("a", "small"), Some(pending.clone())),
            (key("b", "x"), Some(pending.clone())),
            (key("b", "x"), None),
        ],
        episodes: vec![episode(3)],
        transitions: vec![transition.clone()],
        outbox: vec![notice(3, 0, "slack")],
        rules: Some(Vec::new()),
        runs: vec![
            ("daily_summary".into(), seconds(1), true),
            ("daily_summary".into(), seconds(5), false),
        ],
    };
    open(&dir).commit(&changes).unwrap();
    let store = open(&dir);
    let saved = SavedAlerts {
        tick: Some(seconds(9)),
        instances: vec![(key("a", "large"), firing), (key("a", "small"), pending)],
        open: vec![episode(3)],
        rules: Vec::new(),
        runs: vec![("daily_summary".into(), seconds(5))],
    };
    assert_eq!(store.load().unwrap(), saved);
    assert_eq!(store.transitions(&TransitionQuery::default()).unwrap(), [transition]);
    let waiting = store.waiting().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0].notice, waiting[0].next), (&notice(3, 0, "slack"), seconds(10)));
    assert!(store.damaged().is_empty());
}

#[test]
fn one_step_is_told_to_one_channel_once_however_often_it_is_planned() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut changed = notice(1, 0, "slack");
    changed.message.text = "again, after a crash".to_owned();
    store.commit(&told(vec![notice(1, 0, "slack"), notice(1, 0, "email")])).unwrap();
    store.commit(&told(vec![changed, notice(1, 1, "slack")])).unwrap();
    let waiting = store.waiting().unwrap();
    let rows: Vec<_> =
        waiting.iter().map(|r| (r.notice.sequence, r.notice.channel.as_str())).collect();
    assert_eq!(rows, [(0, "slack"), (0, "email"), (1, "slack")]);
    assert_eq!(waiting[0].notice, notice(1, 0, "slack"));
    // Delivered is no reason to tell it again either.
    store.attempted(&[waiting[0].seq], &came(Delivery::Delivered, "ok"), seconds(11)).unwrap();
    store.commit(&told(vec![notice(1, 0, "slack")])).unwrap();
    assert_eq!(store.waiting().unwrap().len(), 2);
}

#[test]
fn a_row_being_sent_when_the_process_dies_waits_again_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit(&told(vec![notice(1, 0, "slack")])).unwrap();
    let seq = store.waiting().unwrap()[0].seq;
    store.lease(&[seq], seconds(12)).unwrap();
    drop(store);
    let waiting = open(&dir).waiting().unwrap();
    assert_eq!(states(&waiting), [(Delivery::Sending, 0)]);
    assert_eq!((waiting[0].seq, waiting[0].sent), (seq, Some(seconds(12))));
    assert_eq!(waiting[0].notice.key(), format!("{}.0", id(1)));
}

#[test]
fn a_failed_attempt_waits_and_a_refused_one_is_a_dead_letter_told_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit(&told(vec![notice(1, 0, "slack")])).unwrap();
    let seq = store.waiting().unwrap()[0].seq;
    store.attempted(&[seq], &came(Delivery::Queued, "503"), seconds(12)).unwrap();
    let row = store.waiting().unwrap().remove(0);
    assert_eq!((row.attempts, row.next, row.answer.as_deref()), (1, seconds(60), Some("503")));
    let fallback = [notice(1, 0, "email")];
    store
        .settle(&[(&[seq], &came(Delivery::Dead, "no_service"))], seconds(61), &fallback, &[])
        .unwrap();
    assert_eq!(states(&store.dead(9).unwrap()), [(Delivery::Dead, 2)]);
    assert_eq!(store.waiting().unwrap()[0].notice.channel, "email");
    assert_eq!(
        states(&store.outbox_of(id(1)).unwrap()),
        [(Delivery::Dead, 2), (Delivery::Queued, 0)]
    );

    assert!(store.retry_dead(seq, seconds(200)).unwrap().is_some());
    assert_eq!(store.retry_dead(seq, seconds(200)).unwrap(), None, "it waits already");
    let again = store.waiting().unwrap().remove(0);
    assert_eq!((again.seq, again.attempts, again.next), (seq, 0, seconds(200)));
    assert_eq!(again.notice.expires, seconds(290), "as much time as at first");
}

#[test]
fn several_rows_sent_as_one_message_are_that_message_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit(&told(vec![notice(1, 0, "slack"), notice(1, 1, "slack")])).unwrap();
    let rows: Vec<i64> = store.waiting().unwrap().iter().map(|r| r.seq).collect();
    let message = Message { kind: Kind::FiredAndResolved, ..message("fired and resolved") };
    let both = Joined {
        notice: Notice { message, ..notice(1, 1, "slack") },
        rows: rows.clone(),
        merged: rows[..1].to_vec(),
    };
    store.lease_joined(&both, seconds(12)).unwrap();
    drop(store);
    let store = open(&dir);
    let waiting = store.waiting().unwrap();
    assert_eq!(states(&waiting), [(Delivery::Sending, 0), (Delivery::Sending, 0)]);
    assert_eq!(waiting[0].joined.as_deref(), Some(&both));
    assert_eq!((&waiting[1].joined, &waiting[0].notice), (&None, &notice(1, 0, "slack")));

    let unsure = Attempted { unsure: true, ..came(Delivery::Queued, "no answer") };
    store.attempted(&rows, &unsure, seconds(20)).unwrap();
    assert_eq!(store.waiting().unwrap()[0].joined.as_deref(), Some(&both), "still nobody knows");
    let (delivered, merged) = (came(Delivery::Delivered, "ok"), came(Delivery::Merged, "told"));
    store
        .settle(&[(&rows[1..], &delivered), (&rows[..1], &merged)], seconds(30), &[], &[])
        .unwrap();
    let all = store.outbox_of(id(1)).unwrap();
    assert_eq!(states(&all), [(Delivery::Merged, 1), (Delivery::Delivered, 2)]);
    assert!(all.iter().all(|row| row.joined.is_none() && !row.unsure));
}

#[test]
fn channels_tell_what_they_took_last_what_failed_and_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let notices = vec![
        notice(1, 0, "slack"),
        notice(1, 1, "slack"),
        notice(1, 0, "email"),
        notice(1, 0, "pagerduty"),
    ];
    store.commit(&told(notices)).unwrap();
    let rows: Vec<i64> = store.waiting().unwrap().iter().map(|r| r.seq).collect();
    store.attempted(&rows[..1], &came(Delivery::Delivered, "ok"), seconds(11)).unwrap();
    store.attempted(&rows[1..2], &came(Delivery::Queued, "429"), seconds(12)).unwrap();
    store.attempted(&rows[2..3], &came(Delivery::NoRoute, "no address"), seconds(13)).unwrap();
    let channels = store.channels().unwrap();
    let of = |name: &str| channels.iter().find(|c| c.channel == name).unwrap();
    let slack = of("slack");
    assert_eq!((slack.delivered, slack.queued, slack.dead), (Some(seconds(11)), 1, 0));
    assert_eq!(slack.failed, Some((seconds(12), "429".to_owned())));
    assert_eq!(slack.oldest, Some(seconds(10)));
    let email = of("email");
    assert_eq!((email.queued, email.no_route, email.delivered), (0, 1, None));
    assert_eq!(states(&store.dead(9).unwrap()), [(Delivery::NoRoute, 0)], "nothing was tried");
    let pagerduty = of("pagerduty");
    assert_eq!((pagerduty.queued, &pagerduty.failed), (1, &None));
}

#[test]
fn the_last_step_told_to_a_channel_stands_for_its_episode_until_it_is_long_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut over = episode(2);
    over.ended = Some((seconds(50), EndReason::Recovered));
    let changes = AlertChanges {
        episodes: vec![episode(1), over, episode(3)],
        outbox: vec![
            notice(1, 0, "am"),
            notice(1, 1, "am"),
            notice(1, 2, "slack"),
            notice(2, 0, "am"),
            notice(3, 0, "am"),
        ],
        ..AlertChanges::default()
    };
    store.commit(&changes).unwrap();
    let rows: Vec<i64> = store.waiting().unwrap().iter().map(|r| r.seq).collect();
    // Episode 3 was never told to it.
    store.attempted(&rows[..4], &came(Delivery::Delivered, "ok"), seconds(60)).unwrap();
    let told = |since| -> Vec<String> {
        let rows = store.told_last(&"am".into(), seconds(since)).unwrap();
        rows.iter().map(|row| row.notice.key()).collect()
    };
    assert_eq!(told(50), [format!("{}.1", id(1)), format!("{}.0", id(2))]);
    assert_eq!(told(51), [format!("{}.1", id(1))]);
}

#[test]
fn an_acknowledgement_is_not_undone_by_an_older_copy_of_the_episode() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit(&AlertChanges { episodes: vec![episode(1)], ..Default::default() }).unwrap();
    let acked = store.acknowledge(id(1), &ack("ana")).unwrap().unwrap();
    assert_eq!(acked.acked, Some(ack("ana")));
    let again = store.acknowledge(id(1), &ack("bo")).unwrap().unwrap();
    assert_eq!(again.acked, Some(ack("ana")), "the first stays");
    assert_eq!(store.acknowledge(id(9), &ack("ana")).unwrap(), None);
    assert_eq!(store.acks().unwrap(), [(id(1), ack("ana"))]);
    // The engine writes the copy it had before.
    store.commit(&AlertChanges { episodes: vec![episode(1)], ..Default::default() }).unwrap();
    drop(store);
    assert_eq!(open(&dir).load().unwrap().open[0].acked, Some(ack("ana")));
}

#[test]
fn a_silence_is_changed_ended_and_never_returns() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.put_silence(&silence("s", 100, 1)).unwrap();
    store.put_silence(&silence("s", 200, 2)).unwrap();
    assert!(store.put_silence(&silence("s", 300, 1)).is_err(), "older than what is stored");
    assert_eq!(open(&dir).silences().unwrap(), [silence("s", 200, 2)]);
    assert!(store.expire_silence("s", seconds(50)).unwrap());
    assert!(!store.expire_silence("s", seconds(51)).unwrap());
    assert!(!store.expire_silence("other", seconds(51)).unwrap());
    let refused = store.put_silence(&silence("s", 900, 60)).unwrap_err().to_string();
    assert_eq!(refused, "storing a silence: s is over or was changed since; make a new one");
    let ended = Silence { ends: seconds(50), updated: seconds(50), ..silence("s", 0, 0) };
    assert_eq!(open(&dir).silences().unwrap(), [ended]);
}

#[test]
fn a_silence_taken_back_before_it_begins_covers_no_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let coming = Silence { starts: seconds(80), ..silence("s", 100, 1) };
    store.put_silence(&coming).unwrap();
    assert!(store.expire_silence("s", seconds(50)).unwrap());
    let left = store.silences().unwrap().remove(0);
    assert_eq!((left.starts, left.ends), (seconds(50), seconds(50)));
}

#[test]
fn episodes_are_found_by_rule_time_and_whether_they_are_over_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut episodes: Vec<Episode> = (1..=6).map(episode).collect();
    for over in [0, 2] {
        episodes[over].ended = Some((seconds(50), EndReason::Recovered));
    }
    episodes[5].rule = "error_rate_critical".into();
    store.commit(&AlertChanges { episodes, ..Default::default() }).unwrap();
    let found = |query: &EpisodeQuery| -> Vec<i64> {
        let list = store.episodes(query).unwrap();
        list.iter().map(|e| (e.fired.0 - at(0).0) / 1_000_000).collect()
    };
    let all = EpisodeQuery::default();
    assert_eq!(found(&all), [6, 5, 4, 3, 2, 1]);
    assert_eq!(found(&EpisodeQuery { open: Some(true), ..all.clone() }), [6, 5, 4, 2]);
    assert_eq!(found(&EpisodeQuery { open: Some(false), ..all.clone() }), [3, 1]);
    let of_rule = EpisodeQuery { rule: Some("error_rate_critical".into()), ..all.clone() };
    assert_eq!(found(&of_rule), [6]);
    let between = EpisodeQuery { from: Some(seconds(2)), to: Some(seconds(5)), ..all.clone() };
    assert_eq!(found(&between), [4, 3, 2]);
    let page = EpisodeQuery { limit: 2, after: Some(id(5)), ..all };
    assert_eq!(found(&page), [4, 3]);
    assert_eq!(store.episode(id(4)).unwrap(), Some(episode(4)));
    assert_eq!(store.episode(id(99)).unwrap(), None);
}

#[test]
fn noise_counts_who_was_needed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut episodes: Vec<Episode> = (1..=4).map(episode).collect();
    for over in &mut episodes[..3] {
        over.ended = Some((seconds(50), EndReason::Recovered));
    }
    episodes[1].actions = vec!["rollback(response_caching)".into()];
    store.commit(&AlertChanges { episodes, ..Default::default() }).unwrap();
    store.acknowledge(id(3), &ack("ana")).unwrap();
    let noise = store.noise(Window { from: seconds(0), to: seconds(50) }).unwrap();
    assert_eq!(noise, Noise { fired: 4, acked: 1, acted: 1, resolved_alone: 1 });
    let none = store.noise(Window { from: seconds(50), to: seconds(60) }).unwrap();
    assert_eq!(none, Noise::default());
}

#[test]
fn forgetting_keeps_what_is_open_what_waits_and_the_last_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut over = episode(1);
    over.ended = Some((seconds(50), EndReason::Recovered));
    let line = |n: u8| Transition {
        at: seconds(9),
        key: key("a", "large"),
        from: "pending".into(),
        to: "firing".into(),
        episode: Some(id(n)),
        why: String::new(),
    };
    let changes = AlertChanges {
        episodes: vec![over, episode(2)],
        transitions: vec![line(1), line(2)],
        outbox: vec![notice(1, 0, "slack"), notice(1, 1, "slack"), notice(2, 0, "slack")],
        runs: vec![("d".into(), seconds(1), true), ("d".into(), seconds(2), true)],
        ..AlertChanges::default()
    };
    store.commit(&changes).unwrap();
    store.put_silence(&silence("s", 60, 1)).unwrap();
    let rows: Vec<i64> = store.waiting().unwrap().iter().map(|r| r.seq).collect();
    store.attempted(&[rows[0], rows[2]], &came(Delivery::Delivered, "ok"), seconds(11)).unwrap();
    // The episode, its line, its delivered row, the silence, the first run.
    assert_eq!(store.forget(seconds(1_000)).unwrap(), 5);
    let left = store.load().unwrap();
    assert_eq!((left.open, left.runs), (vec![episode(2)], vec![("d".into(), seconds(2))]));
    assert_eq!(store.transitions(&TransitionQuery::default()).unwrap(), [line(2)]);
    assert_eq!(states(&store.outbox_of(id(1)).unwrap()), [(Delivery::Queued, 0)]);
    assert_eq!(states(&store.outbox_of(id(2)).unwrap()), [(Delivery::Delivered, 1)]);
    assert_eq!(store.forget(seconds(1_000)).unwrap(), 0);
}

#[test]
fn a_damaged_row_is_named_and_not_used_and_the_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let changes = AlertChanges {
        episodes: vec![episode(1), episode(2)],
        outbox: vec![notice(1, 0, "slack"), notice(2, 0, "slack")],
        ..AlertChanges::default()
    };
    store.commit(&changes).unwrap();
    flip(dir.path(), "alert_outbox", "seq = 1");
    flip(dir.path(), "alert_episodes", &format!("id = x'{}'", id(2)));
    assert_eq!(store.waiting().unwrap()[0].notice.episode, id(2));
    assert_eq!(store.load().unwrap().open, [episode(1)]);
    let named: Vec<_> = store.damaged().into_iter().map(|(row, _)| row).collect();
    assert_eq!(named, [format!("episode {}", id(2)), "row 1 of the outbox".to_owned()]);
}

/// Damages the last byte of a row's content.
fn flip(dir: &Path, table: &str, which: &str) {
    let db = rusqlite::Connection::open(dir.join("state.db")).unwrap();
    let sql = format!(
        "UPDATE {table} SET body = CAST(substr(body, 1, length(body) - 1) || x'ff' AS BLOB) WHERE {which}"
    );
    assert_eq!(db.execute(&sql, []).unwrap(), 1);
}

#[test]
fn a_reader_sees_what_was_committed_and_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    assert!(AlertStore::open_reader(dir.path()).unwrap().is_none());
    drop(flowgauge_store::State::open(dir.path()).unwrap());
    assert!(AlertStore::open_reader(dir.path()).unwrap().is_none(), "older than alerting");
    let store = open(&dir);
    let reader = AlertStore::open_reader(dir.path()).unwrap().unwrap();
    store.commit(&AlertChanges { episodes: vec![episode(1)], ..Default::default() }).unwrap();
    assert_eq!(reader.episode(id(1)).unwrap(), Some(episode(1)));
    assert!(reader.commit(&AlertChanges::default()).is_err());
    assert!(reader.put_silence(&silence("s", 100, 1)).is_err());
}

#[test]
fn what_ways_remember_is_kept_with_what_came_of_the_message_and_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = AlertStore::open(dir.path()).unwrap();
    let note = |key: &str, text: Option<&str>| (key.to_owned(), text.map(str::to_owned));
    let notes = [note("a thread", Some("1.1")), note("b letter", Some("{}")), note("c", None)];
    store.settle(&[], seconds(1), &[], &notes).unwrap();
    store.settle(&[], seconds(2), &[], &[note("b letter", None)]).unwrap();
    drop(store);
    let store = AlertStore::open(dir.path()).unwrap();
    assert_eq!(store.way_notes(10).unwrap(), [("a thread".to_owned(), "1.1".to_owned())]);
    assert_eq!(store.way_notes(0).unwrap(), []);
}
