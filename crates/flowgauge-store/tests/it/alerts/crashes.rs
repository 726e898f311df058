//! Whatever is done in whatever order: a copy taken at any moment, also in the middle of a write,
//! holds every change that had returned, once, and of the next one all or nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Five episodes over three channels: repeats are common, which is the point.
const EPISODES: u8 = 5;
const CHANNELS: [&str; 3] = ["slack", "email", "pagerduty"];

#[derive(Debug, Clone)]
enum Act {
    Tick { n: u8, ends: bool },
    Lease(prop::sample::Index),
    Attempt(prop::sample::Index, Delivery),
    LeaseAll,
    Ack(u8),
    Silence(u8),
    Expire(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let outcome = prop_oneof![
        Just(Delivery::Queued),
        Just(Delivery::Delivered),
        Just(Delivery::Dead),
        Just(Delivery::NoRoute),
    ];
    prop_oneof![
        5 => (any::<u8>(), any::<bool>()).prop_map(|(n, ends)| Act::Tick { n, ends }),
        2 => any::<prop::sample::Index>().prop_map(Act::Lease),
        3 => (any::<prop::sample::Index>(), outcome).prop_map(|(i, d)| Act::Attempt(i, d)),
        1 => Just(Act::LeaseAll),
        1 => (0..EPISODES).prop_map(Act::Ack),
        1 => (0..3u8).prop_map(Act::Silence),
        1 => (0..3u8).prop_map(Act::Expire),
    ]
}

/// What must be there, kept in the plainest way.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    tick: Option<UnixMicros>,
    instances: BTreeMap<InstanceKey, Instance>,
    episodes: BTreeMap<EpisodeId, Episode>,
    transitions: Vec<Transition>,
    outbox: Vec<OutboxRow>,
    silences: BTreeMap<String, Silence>,
}

impl Model {
    /// What a store holds, asked through its interface.
    fn of(store: &AlertStore) -> Self {
        let saved = store.load().unwrap();
        let all = EpisodeQuery { limit: usize::MAX, ..EpisodeQuery::default() };
        let lines = TransitionQuery { limit: usize::MAX, ..TransitionQuery::default() };
        let mut transitions = store.transitions(&lines).unwrap();
        transitions.reverse();
        let mut outbox: Vec<OutboxRow> =
            (0..EPISODES).flat_map(|n| store.outbox_of(id(n)).unwrap()).collect();
        outbox.sort_by_key(|row| row.seq);
        Self {
            tick: saved.tick,
            instances: saved.instances.into_iter().collect(),
            episodes: store.episodes(&all).unwrap().into_iter().map(|e| (e.id, e)).collect(),
            transitions,
            outbox,
            silences: store.silences().unwrap().into_iter().map(|s| (s.id.clone(), s)).collect(),
        }
    }

    fn waiting(&self) -> Vec<usize> {
        let waits = |row: &OutboxRow| matches!(row.state, Delivery::Queued | Delivery::Sending);
        self.outbox.iter().enumerate().filter(|(_, r)| waits(r)).map(|(i, _)| i).collect()
    }

    /// Does it to both.
    fn act(&mut self, store: &AlertStore, step: i64, act: &Act) {
        let now = seconds(step);
        let waiting = self.waiting();
        match act {
            Act::Tick { n, ends } => self.tick(store, now, *n, *ends),
            Act::Lease(_) | Act::Attempt(..) | Act::LeaseAll if waiting.is_empty() => {}
            Act::Lease(which) => {
                let row = &mut self.outbox[waiting[which.index(waiting.len())]];
                (row.state, row.sent) = (Delivery::Sending, Some(now));
                store.lease(&[row.seq], now).unwrap();
            }
            Act::Attempt(which, state) => {
                let row = &mut self.outbox[waiting[which.index(waiting.len())]];
                row.state = *state;
                row.next = seconds(60);
                row.answer = Some("answer".to_owned());
                row.joined = None;
                if *state != Delivery::NoRoute {
                    (row.attempts, row.sent) = (row.attempts + 1, Some(now));
                }
                store.attempted(&[row.seq], &came(*state, "answer"), now).unwrap();
            }
            Act::LeaseAll => {
                let rows: Vec<i64> = waiting.iter().map(|i| self.outbox[*i].seq).collect();
                let notice = notice(0, 7, "slack");
                let joined = Joined { notice, merged: rows[1..].to_vec(), rows };
                store.lease_joined(&joined, now).unwrap();
                for (place, i) in waiting.iter().enumerate() {
                    let row = &mut self.outbox[*i];
                    (row.state, row.sent) = (Delivery::Sending, Some(now));
                    row.joined = (place == 0).then(|| Box::new(joined.clone()));
                }
            }
            Act::Ack(n) => {
                let given = Ack { at: now, ..ack("ana") };
                let seen = store.acknowledge(id(*n), &given).unwrap();
                if let Some(episode) = self.episodes.get_mut(&id(*n)) {
                    episode.acked.get_or_insert(given);
                }
                assert_eq!(seen.as_ref(), self.episodes.get(&id(*n)));
            }
            Act::Silence(n) => {
                let name = format!("s{n}");
                let given = silence(&name, step + 5, step);
                let over = self.silences.get(&name).is_some_and(|s| s.ends <= now);
                assert_eq!(store.put_silence(&given).is_err(), over);
                if !over {
                    self.silences.insert(name, given);
                }
            }
            Act::Expire(n) => {
                let name = format!("s{n}");
                let running = self.silences.get_mut(&name).filter(|s| s.ends > now);
                assert_eq!(store.expire_silence(&name, now).unwrap(), running.is_some());
                if let Some(silence) = running {
                    (silence.ends, silence.updated) = (now, now);
                }
            }
        }
    }

    fn tick(&mut self, store: &AlertStore, now: UnixMicros, n: u8, ends: bool) {
        let which = n % EPISODES;
        let mut one = episode(which);
        one.violations = u64::from(n);
        one.ended = ends.then_some((now, EndReason::Recovered));
        let line = Transition {
            at: now,
            key: key("r", "m"),
            from: "pending".into(),
            to: "firing".into(),
            episode: Some(one.id),
            why: format!("{n}"),
        };
        let place = key(["r", "s"][usize::from(n % 2)], "m");
        let kept = (!n.is_multiple_of(3)).then(|| instance(State::Firing, f64::from(n).sqrt()));
        let notices: Vec<Notice> = CHANNELS
            .iter()
            .take(usize::from(n % 4))
            .map(|channel| notice(which, u32::from(n % 3), channel))
            .collect();
        let changes = AlertChanges {
            tick: Some(now),
            instances: vec![(place.clone(), kept.clone())],
            episodes: vec![one.clone()],
            transitions: vec![line.clone()],
            outbox: notices.clone(),
            ..AlertChanges::default()
        };
        store.commit(&changes).unwrap();

        self.tick = Some(now);
        match kept {
            Some(instance) => drop(self.instances.insert(place, instance)),
            None => drop(self.instances.remove(&place)),
        }
        one.acked = self.episodes.get(&one.id).and_then(|e| e.acked.clone());
        self.episodes.insert(one.id, one);
        self.transitions.push(line);
        let seqs: Vec<OutboxRow> = store.waiting().unwrap();
        for notice in notices {
            let same = |row: &OutboxRow| {
                row.notice.key() == notice.key() && row.notice.channel == notice.channel
            };
            if self.outbox.iter().any(same) {
                continue;
            }
            let row = seqs.iter().find(|row| same(row)).unwrap();
            assert!(self.outbox.iter().all(|older| older.seq < row.seq), "order is kept");
            self.outbox.push(OutboxRow {
                seq: row.seq,
                next: notice.due,
                notice,
                state: Delivery::Queued,
                attempts: 0,
                sent: None,
                answer: None,
                unsure: false,
                joined: None,
            });
        }
    }
}

/// The files as a crash leaves them: the log cut off, and then whatever the disk had there before.
fn copy(from: &Path, cut: Option<usize>, junk: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(from.join("state.db"), dir.path().join("state.db")).unwrap();
    let mut log = std::fs::read(from.join("state.db-wal")).unwrap();
    log.truncate(cut.unwrap_or(log.len()));
    log.extend_from_slice(junk);
    std::fs::write(dir.path().join("state.db-wal"), log).unwrap();
    dir
}

fn log_length(dir: &Path) -> usize {
    std::fs::read(dir.join("state.db-wal")).unwrap().len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_after_any_change_loses_and_doubles_nothing(acts in prop::collection::vec(act(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let mut model = Model::default();
        for (step, act) in (1i64..).zip(&acts) {
            model.act(&store, step, act);
            prop_assert_eq!(&Model::of(&store), &model);
            if step % 5 == 0 {
                let crashed = open(&copy(dir.path(), None, &[]));
                prop_assert_eq!(&Model::of(&crashed), &model);
            }
        }
    }

    #[test]
    fn a_crash_inside_a_write_leaves_all_of_it_or_nothing(
        acts in prop::collection::vec(act(), 1..12),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..5000)), 6),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let mut model = Model::default();
        // How long the log was when a change had returned, and what must be there from then on.
        let mut returned = vec![(log_length(dir.path()), model.clone())];
        for (step, act) in (1i64..).zip(&acts) {
            model.act(&store, step, act);
            returned.push((log_length(dir.path()), model.clone()));
        }
        let (first, last) = (returned[0].0, log_length(dir.path()));
        for (cut, junk) in cuts {
            let cut = first + cut.index(last - first + 1);
            let (_, expected) = returned.iter().rfind(|(length, _)| *length <= cut).unwrap();
            let crashed = open(&copy(dir.path(), Some(cut), &junk));
            prop_assert_eq!(&Model::of(&crashed), expected);
            // And it goes on from there.
            crashed.commit(&told(vec![notice(0, 9, "slack")])).unwrap();
            let rows = crashed.outbox_of(id(0)).unwrap();
            prop_assert_eq!(rows.iter().filter(|r| r.notice.sequence == 9).count(), 1);
        }
    }
}
