//! Order, pace, joining and giving up, on rows as the store would hand them over.

use super::*;
use crate::alert::notice::{Kind, Message};
use crate::alert::rule::Severity;
use crate::id::CallId;
use crate::unit::Micros;
use proptest::prelude::*;
use std::collections::{BTreeMap as Map, BTreeSet};

const NOW: UnixMicros = UnixMicros(1_736_154_000_000_000);
const SECOND: i64 = 1_000_000;

fn at(seconds: i64) -> UnixMicros {
    UnixMicros(NOW.0 + seconds * SECOND)
}

fn message(kind: Kind, severity: Severity) -> Message {
    Message {
        kind,
        application: Text::const_new("FlowReader"),
        environment: Text::const_new("prod"),
        rule: Text::const_new("r"),
        severity,
        text: format!("{kind:?}"),
        value: "1".to_owned(),
        threshold: "0".to_owned(),
        now: None,
        figures: None,
        metric: Text::default(),
        condition: String::new(),
        labels: Vec::new(),
        annotations: Map::new(),
        started: NOW,
        at: NOW,
        ended: None,
        n: 0,
        exceed: None,
        sentence: None,
        runbook: None,
        recommended: Vec::new(),
        episode_url: None,
        ack_url: None,
        dashboard_url: String::new(),
        late: false,
        items: Vec::new(),
        fingerprint: Text::default(),
    }
}

/// A row as it waits.
#[derive(Debug, Clone)]
struct Waiting {
    seq: i64,
    notice: Notice,
    attempts: u32,
    next: UnixMicros,
    sending: bool,
    unsure: bool,
}

impl Waiting {
    fn view(&self) -> Row<'_> {
        Row {
            seq: self.seq,
            notice: &self.notice,
            attempts: self.attempts,
            next: self.next,
            sending: self.sending,
            unsure: self.unsure,
        }
    }
}

fn row(seq: i64, episode: u8, kind: Kind, channel: &str, group: &str) -> Waiting {
    let notice = Notice {
        episode: CallId::new(NOW, [episode; 10]),
        sequence: u32::try_from(seq).unwrap(),
        channel: Text::new(channel),
        group: Text::new(group),
        due: NOW,
        expires: at(3_600),
        message: message(kind, Severity::Critical),
    };
    Waiting { seq, notice, attempts: 0, next: NOW, sending: false, unsure: false }
}

fn lanes() -> Lanes {
    ["slack", "pagerduty", "email"]
        .iter()
        .map(|kind| (Text::new(kind), Lane::of(kind, None)))
        .collect()
}

fn choose_with(rows: &[Waiting], lanes: &mut Lanes, now: UnixMicros) -> Next {
    let rows: Vec<Row<'_>> = rows.iter().map(Waiting::view).collect();
    next(&rows, lanes, now)
}

fn choose(rows: &[Waiting]) -> Next {
    choose_with(rows, &mut lanes(), NOW)
}

/// Kind, rows and merged rows of every batch.
fn brief(next: &Next) -> Vec<(Kind, Vec<i64>, Vec<i64>)> {
    let brief = |b: &Batch| (b.notice.message.kind, b.rows.clone(), b.merged.clone());
    next.batches.iter().map(brief).collect()
}

#[test]
fn groups_go_out_in_order_and_one_channel_does_not_wait_for_another() {
    let rows = [
        row(3, 3, Kind::Fired, "slack", "b"),
        row(1, 1, Kind::Fired, "slack", "a"),
        row(2, 1, Kind::Fired, "pagerduty", "a"),
    ];
    let next = choose(&rows);
    let sent: Vec<_> = next.batches.iter().map(|b| (b.channel.as_str(), b.rows[0])).collect();
    assert_eq!(sent, [("pagerduty", 2), ("slack", 1), ("slack", 3)]);
}

#[test]
fn a_failed_row_holds_back_its_group_but_no_other() {
    let mut rows = [
        row(1, 1, Kind::Fired, "slack", "a"),
        row(2, 2, Kind::Fired, "slack", "a"),
        row(3, 3, Kind::Fired, "slack", "b"),
    ];
    rows[0].attempts = 1;
    rows[0].next = at(7);
    let next = choose(&rows);
    assert_eq!(brief(&next), [(Kind::Fired, vec![3], vec![])]);
    assert_eq!(next.wake, Some(at(7)));
    rows[0].sending = true;
    assert_eq!(brief(&choose(&rows)), [(Kind::Fired, vec![3], vec![])]);
}

#[test]
fn what_is_not_due_waits_unless_a_later_row_of_its_group_takes_it_along() {
    let mut rows = vec![row(1, 1, Kind::Fired, "slack", "a")];
    rows[0].notice.due = at(15);
    let next = choose(&rows);
    assert_eq!((next.batches.len(), next.wake), (0, Some(at(15))));
    rows.push(row(2, 2, Kind::Fired, "slack", "a"));
    assert_eq!(brief(&choose(&rows)), [(Kind::Fired, vec![1, 2], vec![])]);
}

#[test]
fn fired_and_resolved_undelivered_are_one_message_under_the_key_of_the_end() {
    for channel in ["slack", "pagerduty"] {
        let rows = [
            row(1, 1, Kind::Fired, channel, "a"),
            row(2, 1, Kind::Repeat, channel, "a"),
            row(3, 1, Kind::Resolved, channel, "a"),
        ];
        let next = choose(&rows);
        assert_eq!(brief(&next), [(Kind::FiredAndResolved, vec![1, 2, 3], vec![1, 2])]);
        assert_eq!(next.batches[0].notice.key(), rows[2].notice.key());
    }
}

#[test]
fn a_beginning_that_was_not_delivered_is_told_with_the_newest_figures() {
    let mut rows = [row(1, 1, Kind::Fired, "slack", "a"), row(2, 1, Kind::Repeat, "slack", "a")];
    rows[1].notice.message.value = "9".to_owned();
    let next = choose(&rows);
    assert_eq!(brief(&next), [(Kind::Fired, vec![1, 2], vec![2])]);
    assert_eq!(next.batches[0].notice.key(), rows[0].notice.key());
    assert_eq!(next.batches[0].notice.message.value, "9");
}

#[test]
fn repeats_are_superseded_by_the_end() {
    let rows = [row(1, 1, Kind::Repeat, "slack", "a"), row(2, 1, Kind::Resolved, "slack", "a")];
    assert_eq!(brief(&choose(&rows)), [(Kind::Resolved, vec![1, 2], vec![1])]);
}

#[test]
fn an_acknowledgement_follows_its_beginning() {
    let rows =
        [row(1, 1, Kind::Fired, "pagerduty", "a"), row(2, 1, Kind::Acknowledged, "pagerduty", "a")];
    assert_eq!(brief(&choose(&rows)), [(Kind::Fired, vec![1], vec![])]);
    assert_eq!(brief(&choose(&rows[1..])), [(Kind::Acknowledged, vec![2], vec![])]);
}

#[test]
fn what_may_have_been_delivered_is_sent_again_alone_and_what_follows_waits() {
    for channel in ["slack", "pagerduty"] {
        let mut rows = [
            row(1, 1, Kind::Fired, channel, "a"),
            row(2, 1, Kind::Resolved, channel, "a"),
            row(3, 2, Kind::Fired, channel, "a"),
        ];
        rows[0].unsure = true;
        let next = choose(&rows);
        assert_eq!(brief(&next), [(Kind::Fired, vec![1], vec![])]);
        assert!(next.batches[0].unsure);
        assert_eq!(next.batches[0].notice, rows[0].notice);
    }
}

#[test]
fn instances_of_a_group_are_one_message_where_the_receiver_reads_and_one_each_where_it_counts() {
    let mut rows: Vec<Waiting> =
        (1..4).map(|n| row(i64::from(n), n, Kind::Fired, "slack", "a")).collect();
    rows[0].notice.message.severity = Severity::Warning;
    let next = choose(&rows);
    let message = &next.batches[0].notice.message;
    assert_eq!(brief(&next), [(Kind::Fired, vec![1, 2, 3], vec![])]);
    assert_eq!((message.severity, message.items.len()), (Severity::Critical, 3));
    rows.iter_mut().for_each(|w| w.notice.channel = Text::const_new("pagerduty"));
    assert_eq!(brief(&choose(&rows)), [(Kind::Fired, vec![1], vec![])]);
}

#[test]
fn more_than_twenty_instances_a_minute_become_a_digest() {
    let many = |n: u8| -> Vec<Waiting> {
        (1..=n).map(|n| row(i64::from(n), n, Kind::Fired, "slack", &format!("g{n}"))).collect()
    };
    let mut own = lanes();
    own.insert(Text::const_new("slack"), Lane::of("slack", Some(1_000.0)));
    assert_eq!(choose_with(&many(20), &mut own, NOW).batches.len(), 3, "the burst, no digest");
    let next = choose(&many(21));
    let [digest] = next.batches.as_slice() else { panic!("one digest") };
    assert_eq!((digest.rows.len(), digest.notice.message.kind), (21, Kind::Digest));
    assert_eq!(digest.notice.message.text, "21 alerts: 21 critical");
    assert_eq!(digest.notice.key(), choose(&many(21)).batches[0].notice.key());
    assert_ne!(digest.notice.key(), choose(&many(22)).batches[0].notice.key());

    let mut own = lanes();
    choose_with(&many(21), &mut own, NOW);
    let two = [row(90, 90, Kind::Fired, "slack", "x"), row(91, 91, Kind::Resolved, "slack", "y")];
    let next = choose_with(&two, &mut own, at(5));
    assert_eq!(brief(&next)[0].0, Kind::Digest, "the storm goes on");
    assert_eq!(next.batches[0].notice.message.text, "2 alerts: 1 critical, 1 resolved");
    assert_eq!(choose_with(&two, &mut own, at(70)).batches.len(), 2, "the minute is over");
    let pages: Vec<Waiting> = (1..=30)
        .map(|n| row(i64::from(n), n, Kind::Fired, "pagerduty", &format!("g{n}")))
        .collect();
    assert!(choose(&pages).batches.iter().all(|b| b.rows.len() == 1));
}

#[test]
fn a_channel_is_not_sent_more_than_its_bucket_holds() {
    let rows: Vec<Waiting> =
        (1..=10).map(|n| row(i64::from(n), n, Kind::Fired, "slack", &format!("g{n}"))).collect();
    let mut own = lanes();
    let next = choose_with(&rows, &mut own, NOW);
    assert_eq!(next.batches.iter().map(|b| b.rows[0]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(next.wake, Some(at(1)));
    assert_eq!(choose_with(&rows[3..], &mut own, NOW).batches.len(), 0);
    assert_eq!(choose_with(&rows[3..], &mut own, at(1)).batches.len(), 1);
}

#[test]
fn a_pause_that_the_receiver_asked_for_stops_the_whole_channel() {
    let rows = [row(1, 1, Kind::Fired, "slack", "a"), row(2, 1, Kind::Fired, "email", "a")];
    let mut own = lanes();
    let slack = own.get_mut("slack").unwrap();
    slack.pause(at(30));
    slack.pause(at(10));
    let next = choose_with(&rows, &mut own, NOW);
    assert_eq!(next.batches.len(), 1);
    assert_eq!((next.batches[0].channel.as_str(), next.wake), ("email", Some(at(30))));
    own.get_mut("slack").unwrap().resume();
    assert_eq!(choose_with(&rows[..1], &mut own, NOW).batches.len(), 1);
}

#[test]
fn what_is_too_old_expires_but_not_while_it_is_being_sent() {
    let mut rows = [row(1, 1, Kind::Fired, "slack", "a"), row(2, 2, Kind::Fired, "slack", "b")];
    rows[1].sending = true;
    let next = choose_with(&rows, &mut lanes(), at(3_600));
    assert_eq!((next.expired, next.batches.len()), (vec![1], 0));
}

fn tried(ended: Ended, attempts: u32) -> Tried {
    Tried { ended, attempts, unsure: false, expires: at(3_600) }
}

#[test]
fn pauses_double_from_a_second_to_five_minutes_with_full_jitter() {
    let later = Ended::Later { after: None };
    let longest = |attempts| {
        let most = |random| match after(&tried(later.clone(), attempts), NOW, random) {
            After::Again { at, pause: false, unsure: false } => at.since(NOW).0,
            other => panic!("{other:?}"),
        };
        (0..400_000_000).step_by(500_000).map(most).max().unwrap() / 1_000_000
    };
    let seconds = [1, 2, 5, 9, 10, 64].map(longest);
    assert_eq!(seconds, [1, 2, 16, 256, 300, 300]);
}

#[test]
fn what_the_receiver_asks_for_is_kept_and_pauses_its_channel() {
    let asked = Ended::Later { after: Some(Micros::from_millis(30_000)) };
    let next = after(&tried(asked, 1), NOW, 7);
    assert_eq!(next, After::Again { at: at(30), pause: true, unsure: false });
    let too_long = Ended::Later { after: Some(Micros::from_millis(3_600_000)) };
    assert!(matches!(after(&tried(too_long, 1), NOW, 0), After::Dead { breaker: false, .. }));
}

#[test]
fn a_refusal_is_final_and_an_unanswered_message_is_repeated_once_without_a_key() {
    assert!(matches!(after(&tried(Ended::Refused, 1), NOW, 0), After::Dead { breaker: true, .. }));
    assert!(matches!(after(&tried(Ended::Gone, 1), NOW, 0), After::Dead { breaker: true, .. }));
    assert_eq!(after(&tried(Ended::Delivered, 9), NOW, 0), After::Delivered);
    let again = |has_key, unsure| {
        let tried = Tried { unsure, ..tried(Ended::Ambiguous { has_key }, 2) };
        after(&tried, NOW, 0)
    };
    assert!(matches!(again(false, false), After::Again { unsure: true, .. }));
    assert!(matches!(again(false, true), After::Dead { breaker: false, .. }));
    assert!(matches!(again(true, true), After::Again { unsure: true, .. }));
}

#[test]
fn a_fallback_says_the_same_under_the_same_step() {
    let row = row(1, 1, Kind::Fired, "slack", "a");
    let to = [Text::const_new("slack"), Text::const_new("email")];
    let copies = fallback(&row.notice, &to, at(9));
    let [copy] = copies.as_slice() else { panic!("not to itself") };
    assert_eq!((copy.key(), copy.channel.as_str(), copy.due), (row.notice.key(), "email", at(9)));
    assert_eq!(copy.message.annotations["instead_of"], "slack");
    let further = fallback(copy, &[Text::const_new("pagerduty")], at(9));
    assert_eq!(further[0].message.annotations["instead_of"], "slack");
}

fn any_rows() -> impl Strategy<Value = Vec<Waiting>> {
    let channel = prop_oneof![Just("slack"), Just("pagerduty"), Just("email")];
    let one = (channel, 0usize..3, 0u8..4, 0usize..5, 0i64..20, any::<bool>());
    proptest::collection::vec(one, 0..40).prop_map(|rows| {
        let kinds =
            [Kind::Fired, Kind::Repeat, Kind::Escalated, Kind::Acknowledged, Kind::Resolved];
        let row = |(seq, (channel, group, episode, kind, due, unsure))| {
            // An episode lies in one group.
            let episode = episode * 3 + u8::try_from(group).unwrap();
            let group = ["a", "b", "c"][group];
            let mut row = row(seq, episode, kinds[kind], channel, group);
            row.notice.due = at(due);
            row.unsure = unsure && seq % 7 == 0;
            row
        };
        (0i64..).zip(rows).map(row).collect()
    })
}

proptest! {
    /// A worker that delivers everything it is handed tells every row once, in order, and stops.
    #[test]
    fn every_row_is_told_exactly_once_and_in_order(mut rows in any_rows()) {
        let mut own = lanes();
        let mut told: BTreeSet<i64> = BTreeSet::new();
        let mut now = NOW;
        for _ in 0..200 {
            let next = choose_with(&rows, &mut own, now);
            prop_assert!(next.expired.is_empty());
            for batch in &next.batches {
                prop_assert!(!batch.rows.is_empty());
                prop_assert!(batch.merged.iter().all(|seq| batch.rows.contains(seq)));
                prop_assert!(batch.merged.len() < batch.rows.len());
                for seq in &batch.rows {
                    prop_assert!(told.insert(*seq), "row {} twice", seq);
                }
            }
            for batch in &next.batches {
                // Within an episode nothing is overtaken but by what says it too.
                let first = rows.iter().find(|w| w.seq == batch.rows[0]).unwrap();
                let episode = first.notice.episode;
                let overtaken = rows.iter().any(|w| {
                    w.notice.episode == episode
                        && w.notice.channel == batch.channel
                        && w.notice.group == first.notice.group
                        && w.seq < batch.rows[0]
                        && !told.contains(&w.seq)
                });
                prop_assert!(!overtaken);
            }
            rows.retain(|w| !told.contains(&w.seq));
            if rows.is_empty() {
                return Ok(());
            }
            now = next.wake.map_or(at(60), |wake| wake.max(UnixMicros(now.0 + SECOND)));
        }
        prop_assert!(false, "{} rows were never told", rows.len());
    }
}
