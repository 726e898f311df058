//! What the worker does with what comes back, crashes included.

use super::ways::{Outcome, Sent};
use super::{Channels, Deliver, Heart, Limits, Standing, Way};
use crate::config::Secret;
use crate::config::alerts::{Channel, ChannelKind};
use crate::judge::engine::Proof;
use crate::logic::alert::episode::{EndReason, Episode};
use crate::logic::alert::notice::{Kind, Message, Notice};
use crate::logic::alert::rule::Severity;
use crate::logic::alert::sample::Evidence;
use crate::logic::call::Text;
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::{Clock, Hand};
use crate::store::{AlertChanges, AlertStore, Delivery};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const T0: UnixMicros = UnixMicros(1_700_000_000_000_000);
const SECOND: u64 = 1_000_000;

/// Answers as written, "delivered" after that, and remembers what it was given.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<BTreeMap<Text, VecDeque<Outcome>>>,
    hangs: Mutex<Vec<Text>>,
    sent: Mutex<Vec<(Text, Notice)>>,
    beats: Mutex<u32>,
    repeated: Mutex<Vec<Kind>>,
}

impl Way for Script {
    async fn send(&self, channel: &Channel, notice: &Notice) -> Sent {
        self.sent.lock().push((channel.name.clone(), notice.clone()));
        if self.hangs.lock().contains(&channel.name) {
            std::future::pending::<()>().await;
        }
        let mut answers = self.answers.lock();
        let outcome = answers.get_mut(&channel.name).and_then(VecDeque::pop_front);
        Sent { outcome: outcome.unwrap_or(Outcome::Delivered), answer: "answer".to_owned() }
    }

    async fn forward(&self, _urls: &[String], messages: &[Message]) -> Sent {
        self.repeated.lock().extend(messages.iter().map(|message| message.kind));
        Sent { outcome: Outcome::Delivered, answer: String::new() }
    }

    async fn beat(&self, _url: &str, _body: &serde_json::Value) -> Sent {
        *self.beats.lock() += 1;
        Sent { outcome: Outcome::Delivered, answer: String::new() }
    }
}

struct Rig {
    _dir: TempDir,
    store: Arc<AlertStore>,
    script: Arc<Script>,
    deliver: Deliver<Script>,
    clock: Clock,
    hand: Hand,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(AlertStore::open(dir.path()).unwrap());
        let script = Arc::new(Script::default());
        let (clock, hand) = Clock::frozen(T0);
        let deliver =
            Deliver::new(Arc::clone(&store), Arc::clone(&script), channels(), clock.clone());
        Self { _dir: dir, store, script, deliver, clock, hand }
    }

    /// As after `kill -9`: what was on its way is gone, what is on disk is there.
    fn crash(&mut self) {
        let (store, script) = (Arc::clone(&self.store), Arc::clone(&self.script));
        self.deliver = Deliver::new(store, script, channels(), self.clock.clone());
    }

    fn answers(&self, channel: &str, outcomes: Vec<Outcome>) {
        self.script.answers.lock().insert(channel.into(), outcomes.into());
    }

    fn plan(&self, notices: Vec<Notice>) {
        self.store.commit(&AlertChanges { outbox: notices, ..AlertChanges::default() }).unwrap();
    }

    /// Sends what is due and waits until it has come to something.
    async fn pass(&mut self, seconds: u64) {
        self.hand.advance(Micros(seconds * SECOND));
        loop {
            self.deliver.look().await;
            if self.deliver.on_their_way() == 0 {
                return;
            }
            while self.deliver.on_their_way() > 0 {
                self.deliver.next_landing().await;
            }
        }
    }

    /// Channel, kind and key of what was sent since the last time.
    fn sent(&self) -> Vec<(String, Kind, String)> {
        let sent = std::mem::take(&mut *self.script.sent.lock());
        let line = |(channel, n): (Text, Notice)| (channel.to_string(), n.message.kind, n.key());
        sent.into_iter().map(line).collect()
    }

    /// States of all rows of an episode.
    fn states(&self, n: u8) -> Vec<(String, Delivery)> {
        let rows = self.store.outbox_of(id(n)).unwrap();
        rows.into_iter().map(|row| (row.notice.channel.to_string(), row.state)).collect()
    }
}

fn channels() -> Channels {
    let channel = |name: &str, kind: ChannelKind, fallback: &[&str]| Channel {
        name: name.into(),
        kind,
        fallback: fallback.iter().map(|name| Text::from(*name)).collect(),
        per_second: None,
    };
    let slack = |url: Option<&str>| ChannelKind::Slack {
        webhook: url.map(Secret::new),
        legacy: false,
        channel: None,
        username: None,
        icon_emoji: None,
    };
    let peers = ChannelKind::Alertmanager { urls: vec!["https://am.example.org".to_owned()] };
    let hook = || ChannelKind::Webhook {
        url: "https://example.org".to_owned(),
        secrets: Vec::new(),
        allow_internal: false,
    };
    Channels::new(
        &[
            channel("slack", slack(Some("https://hooks.example.org")), &["hook"]),
            channel("alone", slack(Some("https://hooks.example.org")), &[]),
            channel("nowhere", slack(None), &["hook"]),
            channel("hook", hook(), &["slack"]),
            channel("peers", peers, &[]),
        ],
        None,
    )
}

fn id(n: u8) -> CallId {
    CallId::new(T0, [n; 10])
}

fn notice(n: u8, sequence: u32, kind: Kind, channel: &str) -> Notice {
    Notice {
        episode: id(n),
        sequence,
        channel: channel.into(),
        group: format!("rule-{n}").into(),
        due: T0,
        expires: UnixMicros(T0.0 + UnixMicros::HOUR),
        message: message(kind),
    }
}

fn message(kind: Kind) -> Message {
    Message {
        kind,
        application: "FlowReader".into(),
        environment: "prod".into(),
        rule: "p95_latency_critical".into(),
        severity: Severity::Critical,
        text: "P95 latency critically high: 2612ms".to_owned(),
        value: "2612ms".to_owned(),
        threshold: "2500ms".to_owned(),
        now: None,
        figures: None,
        metric: "p95_latency".into(),
        condition: "p95_latency > 2500ms for 5m".to_owned(),
        labels: Vec::new(),
        annotations: BTreeMap::new(),
        started: T0,
        at: T0,
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

fn key(n: u8, sequence: u32) -> String {
    format!("{}.{sequence}", id(n))
}

fn line(channel: &str, kind: Kind, key: String) -> (String, Kind, String) {
    (channel.to_owned(), kind, key)
}

fn refused() -> Outcome {
    Outcome::Refused { hint: "reconnect the channel".to_owned() }
}

#[tokio::test]
async fn a_message_is_sent_once_and_kept_as_delivered() {
    let mut rig = Rig::new();
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack"), notice(1, 0, Kind::Fired, "hook")]);
    rig.pass(0).await;
    rig.pass(60).await;
    let sent = rig.sent();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(rig.store.waiting().unwrap().is_empty());
    let done = |name: &str| (name.to_owned(), Delivery::Delivered);
    assert_eq!(rig.states(1), [done("slack"), done("hook")]);
    let counts = rig.deliver.board().counts();
    assert!(counts.iter().all(|(_, c)| c.delivered == 1), "{counts:?}");
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it_and_nothing_is_lost() {
    let mut rig = Rig::new();
    let wait = Outcome::Later { after: Some(Micros(30 * SECOND)) };
    rig.answers("hook", vec![wait, Outcome::Later { after: None }]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "hook")]);
    rig.pass(0).await;
    rig.plan(vec![notice(2, 0, Kind::Fired, "hook")]);
    rig.pass(29).await;
    assert_eq!(rig.sent().len(), 1, "the whole channel waits");
    rig.pass(1).await;
    rig.pass(300).await;
    let mut keys: Vec<String> = rig.sent().into_iter().map(|(_, _, key)| key).collect();
    assert_eq!(keys.len(), 3, "one of them was answered 503");
    keys.sort();
    keys.dedup();
    assert_eq!(keys, [key(1, 0), key(2, 0)]);
    assert!(rig.store.waiting().unwrap().is_empty());
}

#[tokio::test]
async fn what_fired_and_ended_untold_is_told_as_both() {
    let mut rig = Rig::new();
    rig.answers("slack", vec![Outcome::Later { after: Some(Micros(30 * SECOND)) }]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack")]);
    rig.pass(0).await;
    rig.plan(vec![notice(1, 1, Kind::Resolved, "slack")]);
    rig.pass(40).await;
    let kinds: Vec<Kind> = rig.sent().into_iter().map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Fired, Kind::FiredAndResolved]);
    let of = |state| ("slack".to_owned(), state);
    assert_eq!(rig.states(1), [of(Delivery::Merged), of(Delivery::Delivered)]);
}

#[tokio::test]
async fn a_channel_that_hangs_delays_no_other() {
    let mut rig = Rig::new();
    rig.script.hangs.lock().push("slack".into());
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack"), notice(1, 0, Kind::Fired, "hook")]);
    rig.deliver.look().await;
    assert_eq!(rig.deliver.on_their_way(), 2);
    rig.deliver.next_landing().await;
    let of = |name: &str, state| (name.to_owned(), state);
    assert_eq!(rig.states(1), [of("slack", Delivery::Sending), of("hook", Delivery::Delivered)]);
    rig.plan(vec![notice(2, 0, Kind::Fired, "hook")]);
    rig.deliver.look().await;
    rig.deliver.next_landing().await;
    assert_eq!(rig.states(2), [of("hook", Delivery::Delivered)]);
}

#[tokio::test]
async fn a_crash_inside_a_send_repeats_the_same_message_once_with_the_same_key() {
    let mut rig = Rig::new();
    rig.script.hangs.lock().push("slack".into());
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack"), notice(1, 1, Kind::Resolved, "slack")]);
    rig.deliver.look().await;
    tokio::task::yield_now().await;
    let first = rig.sent();
    rig.crash();
    rig.script.hangs.lock().clear();
    rig.pass(10).await;
    rig.pass(300).await;
    let again = rig.script.sent.lock().clone();
    assert_eq!(again.len(), 1);
    assert!(again[0].1.message.text.ends_with("(sent again: the first time no answer came)"));
    assert_eq!(rig.sent(), [line("slack", Kind::FiredAndResolved, key(1, 1))]);
    assert!(first.is_empty() || first == [line("slack", Kind::FiredAndResolved, key(1, 1))]);
    let of = |state| ("slack".to_owned(), state);
    assert_eq!(rig.states(1), [of(Delivery::Merged), of(Delivery::Delivered)]);
}

#[tokio::test]
async fn slack_is_asked_twice_at_most_when_no_answer_comes() {
    let mut rig = Rig::new();
    rig.answers("alone", vec![Outcome::Ambiguous; 5]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "alone")]);
    for _ in 0..5 {
        rig.pass(300).await;
    }
    assert_eq!(rig.sent().len(), 2);
    assert_eq!(rig.states(1), [("alone".to_owned(), Delivery::Dead)]);
    let dead = rig.store.dead(9).unwrap().remove(0);
    let answer = dead.answer.unwrap();
    assert_eq!(answer, "no answer twice; it may have been delivered: answer");
}

#[tokio::test]
async fn a_refusal_is_told_through_the_fallback_and_the_channel_is_tried_now_and_then() {
    let mut rig = Rig::new();
    rig.answers("slack", vec![refused()]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack")]);
    rig.pass(0).await;
    let told = [line("slack", Kind::Fired, key(1, 0)), line("hook", Kind::Fired, key(1, 0))];
    assert_eq!(rig.sent(), told);
    let broken = rig.deliver.board().broken();
    assert_eq!(
        (broken[0].0.as_str(), broken[0].1.why.as_str()),
        ("slack", "answer (reconnect the channel)")
    );

    // While it is left alone, others are told at once.
    rig.plan(vec![notice(2, 0, Kind::Fired, "slack")]);
    rig.pass(30).await;
    assert_eq!(rig.sent(), [line("hook", Kind::Fired, key(2, 0))]);
    // The trial after a minute gets through.
    rig.plan(vec![notice(3, 0, Kind::Fired, "slack")]);
    rig.pass(30).await;
    assert_eq!(rig.sent(), [line("slack", Kind::Fired, key(3, 0))]);
    assert!(rig.deliver.board().broken().is_empty());
}

#[tokio::test]
async fn without_a_fallback_messages_wait_for_the_trial() {
    let mut rig = Rig::new();
    rig.answers("alone", vec![refused()]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "alone")]);
    rig.pass(0).await;
    rig.plan(vec![notice(2, 0, Kind::Fired, "alone")]);
    rig.pass(59).await;
    assert_eq!(rig.sent().len(), 1);
    rig.pass(1).await;
    assert_eq!(rig.sent(), [line("alone", Kind::Fired, key(2, 0))]);
    // The dead letter waits for a person.
    let seq = rig.store.dead(9).unwrap()[0].seq;
    assert!(rig.store.retry_dead(seq, rig.clock.now()).unwrap().is_some());
    rig.pass(1).await;
    assert_eq!(rig.sent(), [line("alone", Kind::Fired, key(1, 0))]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_used_again_by_hand_only() {
    let mut rig = Rig::new();
    rig.answers("alone", vec![Outcome::Gone]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "alone")]);
    rig.pass(0).await;
    assert_eq!(rig.sent().len(), 1);
    rig.plan(vec![notice(3, 0, Kind::Fired, "alone")]);
    rig.pass(1_000).await;
    assert!(rig.sent().is_empty());
    rig.deliver.board().try_again(&"alone".into());
    rig.pass(1).await;
    assert_eq!(rig.sent(), [line("alone", Kind::Fired, key(3, 0))]);
}

#[tokio::test]
async fn a_channel_without_an_address_is_recorded_so_and_its_fallback_told() {
    let mut rig = Rig::new();
    rig.plan(vec![notice(1, 0, Kind::Fired, "nowhere"), notice(2, 0, Kind::Fired, "unheard")]);
    rig.pass(0).await;
    assert_eq!(rig.sent(), [line("hook", Kind::Fired, key(1, 0))]);
    assert_eq!(rig.states(1)[0].1, Delivery::NoRoute);
    let answer = rig.store.outbox_of(id(2)).unwrap().remove(0).answer;
    assert_eq!(answer.as_deref(), Some("there is no channel unheard"));
}

#[tokio::test]
async fn what_was_not_delivered_in_time_is_told_elsewhere_with_time_of_its_own() {
    let mut rig = Rig::new();
    rig.answers("slack", vec![Outcome::Later { after: Some(Micros(2 * 3_600 * SECOND)) }]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack")]);
    rig.pass(0).await;
    rig.pass(3_600).await;
    let told = [line("slack", Kind::Fired, key(1, 0)), line("hook", Kind::Fired, key(1, 0))];
    assert_eq!(rig.sent(), told);
    let of = |name: &str, state| (name.to_owned(), state);
    assert_eq!(rig.states(1), [of("slack", Delivery::Dead), of("hook", Delivery::Delivered)]);
}

#[tokio::test]
async fn two_channels_that_are_each_others_fallback_do_not_tell_in_a_circle() {
    let mut rig = Rig::new();
    rig.answers("slack", vec![refused(), refused()]);
    rig.answers("hook", vec![refused(), refused()]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "slack")]);
    for _ in 0..4 {
        rig.pass(1).await;
    }
    assert_eq!(rig.sent().len(), 2);
    let of = |name: &str| (name.to_owned(), Delivery::Dead);
    assert_eq!(rig.states(1), [of("slack"), of("hook")]);
}

#[tokio::test]
async fn a_mail_some_recipients_refused_counts_as_delivered_and_says_to_whom_not() {
    let mut rig = Rig::new();
    let partly = Outcome::PartlyRefused { recipients: vec!["b@example.org".to_owned()] };
    rig.answers("hook", vec![partly]);
    rig.plan(vec![notice(1, 0, Kind::Fired, "hook")]);
    rig.pass(0).await;
    let row = rig.store.outbox_of(id(1)).unwrap().remove(0);
    assert_eq!(row.state, Delivery::Delivered);
    assert_eq!(row.answer.as_deref(), Some("refused for b@example.org: answer"));
}

#[tokio::test]
async fn the_worker_is_woken_by_its_bell_and_ends_when_told() {
    let rig = Rig::new();
    let (bell, board) = (rig.deliver.bell(), rig.deliver.board());
    let stop = CancellationToken::new();
    let task = tokio::spawn(rig.deliver.run(stop.clone()));
    rig.store
        .commit(&AlertChanges {
            outbox: vec![notice(1, 0, Kind::Fired, "hook")],
            ..AlertChanges::default()
        })
        .unwrap();
    bell.notify_one();
    while !rig.store.waiting().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.script.sent.lock().len(), 1);
    assert_eq!(board.looked(), Some(T0));
}

#[tokio::test]
async fn the_heart_beats_while_every_stage_is_proved_and_not_after() {
    let mut rig = Rig::new();
    rig.pass(0).await;
    let (proved, proof) = watch::channel(Proof { ticked: Some(T0), committed: Some(T0) });
    let heart = Heart {
        url: "https://example.org".to_owned(),
        every: Micros(60 * SECOND),
        limits: Limits::of(Micros(10 * SECOND)),
        environment: "prod".to_owned(),
        ways: Arc::clone(&rig.script),
        proof,
        board: rig.deliver.board(),
        clock: rig.clock.clone(),
    };
    heart.beat().await.unwrap();
    rig.hand.advance(Micros(31 * SECOND));
    assert_eq!(heart.beat().await, Err("evaluation has stalled".to_owned()));
    let now = Some(rig.clock.now());
    proved.send(Proof { ticked: now, committed: now }).unwrap();
    assert_eq!(heart.beat().await, Err("outbox has stalled".to_owned()));
    rig.pass(0).await;
    heart.beat().await.unwrap();
    assert_eq!(*rig.script.beats.lock(), 2);
}

#[tokio::test]
async fn alertmanagers_are_told_again_how_alerts_stand_but_nothing_they_never_had() {
    let mut rig = Rig::new();
    rig.answers("peers", vec![Outcome::Delivered, Outcome::Later { after: None }]);
    let changes = AlertChanges {
        episodes: vec![episode(1), episode(2)],
        outbox: vec![notice(1, 0, Kind::Fired, "peers"), notice(1, 0, Kind::Fired, "hook")],
        ..AlertChanges::default()
    };
    rig.store.commit(&changes).unwrap();
    let standing = Standing {
        store: Arc::clone(&rig.store),
        ways: Arc::clone(&rig.script),
        board: rig.deliver.board(),
        clock: rig.clock.clone(),
    };
    standing.repeat().await;
    assert!(rig.script.repeated.lock().is_empty());
    rig.pass(0).await;
    standing.repeat().await;
    standing.repeat().await;
    assert_eq!(*rig.script.repeated.lock(), [Kind::Fired, Kind::Fired]);
}

#[tokio::test]
async fn an_alert_that_fires_again_is_not_ended_by_a_repeat_of_its_last_end() {
    let mut rig = Rig::new();
    rig.answers("peers", vec![Outcome::Delivered, Outcome::Delivered, Outcome::Delivered]);
    let over = Episode { ended: Some((T0, EndReason::Recovered)), ..episode(1) };
    let changes = AlertChanges {
        episodes: vec![over, episode(2)],
        outbox: vec![notice(1, 1, Kind::Resolved, "peers"), notice(2, 0, Kind::Fired, "peers")],
        ..AlertChanges::default()
    };
    rig.store.commit(&changes).unwrap();
    rig.pass(0).await;
    let standing = Standing {
        store: Arc::clone(&rig.store),
        ways: Arc::clone(&rig.script),
        board: rig.deliver.board(),
        clock: rig.clock.clone(),
    };
    standing.repeat().await;
    assert_eq!(*rig.script.repeated.lock(), [Kind::Fired]);
}

fn episode(n: u8) -> Episode {
    Episode {
        id: id(n),
        rule: "p95_latency_critical".into(),
        labels: Vec::new(),
        severity: Severity::Critical,
        first_true: T0,
        fired: T0,
        ended: None,
        peak: None,
        last_violation: Evidence::default(),
        last_violation_at: T0,
        violations: 1,
        late: false,
        acked: None,
        sequence: 1,
        told: None,
        actions: Vec::new(),
    }
}
