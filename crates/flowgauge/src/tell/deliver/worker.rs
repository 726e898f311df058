//! The one task that sends: looks at the outbox, leases, sends, keeps what came of it.
//!
//! Sends run beside each other, so that a channel which hangs delays no other. Nothing is sent that
//! could not be leased on disk first, and nothing is forgotten because its outcome could not be kept:
//! such a row counts as maybe delivered and is sent again with the same key (decision D25).

mod landing;

use super::Way;
use super::board::{Board, Channels};
use super::outbox::Waiting;
use super::ways::{Outcome, Sent};
use crate::config::alerts::{Channel, ChannelKind};
use crate::logic::alert::notice::Notice;
use crate::logic::alert::queue::{self, Lane, Lanes};
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use crate::store::{AlertStore, Attempted, Delivery, Joined, OutboxRow, StoreError};
use landing::ended;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// Looked at least so often, bell or not: the heartbeat wants to see that the worker lives.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// After a fault of the disk: long enough not to fill the log, short against every horizon.
const DISK_PAUSE: Duration = Duration::from_secs(5);
/// A way limits each exchange by itself; this ends one that does not, several recipients included.
const SEND_LIMIT: Duration = Duration::from_secs(90);
/// When flowgauge stops, what is on its way may end, so that it is not sent again after the start.
const GRACE: Duration = Duration::from_secs(3);
/// What came back is kept up to so many characters: enough for an error of any receiver.
const MAX_ANSWER: usize = 500;

/// Delivers what is in the outbox.
#[derive(Debug)]
pub struct Deliver<W> {
    store: Arc<AlertStore>,
    ways: Arc<W>,
    clock: Clock,
    board: Arc<Board>,
    /// Those the lanes were made for.
    known: Arc<Channels>,
    lanes: Lanes,
    flights: JoinSet<Sent>,
    aboard: HashMap<Id, Flight>,
    flying: BTreeSet<i64>,
    /// Where pauses between attempts come from.
    chance: fn() -> u64,
}

/// A message on its way.
#[derive(Debug)]
struct Flight {
    channel: Arc<Channel>,
    /// As sent, and the rows it speaks for.
    joined: Joined,
    /// Each row's own notice, for other channels.
    own: Vec<Notice>,
    attempts: u32,
    unsure: bool,
}

impl<W: Way> Deliver<W> {
    /// A worker over an outbox; nothing is sent before [`Deliver::run`].
    #[must_use]
    pub fn new(store: Arc<AlertStore>, ways: Arc<W>, channels: Channels, clock: Clock) -> Self {
        Self {
            store,
            ways,
            clock,
            board: Arc::new(Board::new(channels)),
            known: Arc::default(),
            lanes: Lanes::new(),
            flights: JoinSet::new(),
            aboard: HashMap::new(),
            flying: BTreeSet::new(),
            chance: || getrandom::u64().unwrap_or_default(),
        }
    }

    /// With pauses that are the same every time, for rehearsals.
    pub(super) fn with_chance(mut self, chance: fn() -> u64) -> Self {
        self.chance = chance;
        self
    }

    /// Rung when something was put into the outbox.
    #[must_use]
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.board.bell)
    }

    /// What it shares with the rest.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Delivers until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let bell = self.bell();
        loop {
            let pause = self.look().await;
            tokio::select! {
                () = stop.cancelled() => break,
                (id, sent) = ended(&mut self.flights) => self.land(id, sent).await,
                () = bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let landing = async {
            while self.on_their_way() > 0 {
                self.next_landing().await;
            }
        };
        if tokio::time::timeout(GRACE, landing).await.is_err() {
            tracing::warn!("messages were on their way at the end; they are sent again at start");
        }
    }

    /// Sends what is to be sent now. When to look again, if nothing else happens before.
    pub(super) async fn look(&mut self) -> Duration {
        match self.try_look().await {
            Ok(wake) => {
                let now = self.clock.now();
                self.board.look(now);
                let wake = wake.map_or(LOOK_EVERY, |at| Duration::from_micros(at.since(now).0));
                wake.min(LOOK_EVERY)
            }
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be worked on; trying again");
                DISK_PAUSE
            }
        }
    }

    async fn try_look(&mut self) -> Result<Option<UnixMicros>, StoreError> {
        self.follow_channels();
        let rows = loop {
            let rows = self.on_disk(AlertStore::waiting).await?;
            let (left, told_elsewhere) = self.without_way(rows).await?;
            // Rows for fallbacks are in the outbox now; a channel gets each step once, so this ends.
            if !told_elsewhere {
                break left;
            }
        };
        let now = self.clock.now();
        let (mut next, flights) = {
            let rows: Vec<&OutboxRow> = rows.iter().collect();
            let waiting = Waiting::new(&rows, &self.flying);
            let mut next = queue::next(&waiting.view(), &mut self.lanes, now);
            let batches = std::mem::take(&mut next.batches);
            let flights: Vec<Flight> =
                batches.into_iter().filter_map(|batch| self.flight(&waiting, batch)).collect();
            next.expired = next.expired.iter().flat_map(|s| waiting.with_carried(*s)).collect();
            (next, flights)
        };
        let expired = rows.iter().filter(|row| next.expired.contains(&row.seq)).collect();
        if self.give_up(expired, "not delivered in time").await? {
            next.wake = Some(now);
        }
        for flight in flights {
            self.launch(flight).await?;
        }
        Ok(next.wake)
    }

    fn flight(&self, waiting: &Waiting<'_>, batch: queue::Batch) -> Option<Flight> {
        let channel = Arc::clone(self.known.open(&batch.channel)?);
        let (attempts, unsure) = (batch.attempts, batch.unsure);
        let joined = waiting.joined(batch);
        let own = waiting.notices(&joined.rows);
        Some(Flight { channel, joined, own, attempts, unsure })
    }

    /// Takes over channels that were changed; those start afresh.
    fn follow_channels(&mut self) {
        let channels = self.board.channels.load_full();
        let mut breakers = self.board.breakers.lock();
        if !Arc::ptr_eq(&channels, &self.known) {
            self.lanes.retain(|name, _| channels.get(name) == self.known.get(name));
            breakers.retain(|name, _| self.lanes.contains_key(name));
            for (name, route) in channels.iter() {
                let Channel { kind, per_second, .. } = &*route.channel;
                let lane = || Lane::of(kind.word(), *per_second);
                self.lanes.entry(name.clone()).or_insert_with(lane);
            }
            self.known = channels;
        }
        for name in self.board.again.lock().drain(..) {
            breakers.remove(&name);
            if let Some(lane) = self.lanes.get_mut(&name) {
                lane.resume();
            }
        }
    }

    /// Puts aside rows whose channel has no address, and those of a channel that is left alone while
    /// another can be told in its place. The other rows, and whether others are to be told.
    async fn without_way(
        &self,
        rows: Vec<OutboxRow>,
    ) -> Result<(Vec<OutboxRow>, bool), StoreError> {
        let now = self.clock.now();
        let (mut left, mut no_route, mut shut) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let name = &row.notice.channel;
            if self.flying.contains(&row.seq) {
                left.push(row);
            } else if self.known.open(name).is_none() {
                no_route.push(row);
            } else if row.notice.due <= now && self.is_shut(name, now) && self.others(name, now) {
                shut.push(row);
            } else {
                left.push(row);
            }
        }
        let mut told = false;
        for row in no_route {
            let name = &row.notice.channel;
            let why = match self.known.get(name) {
                Some(_) => format!("the channel {name} has no address"),
                None => format!("there is no channel {name}"),
            };
            self.board.count(name, |counts| counts.no_route += 1);
            told |= self.end(vec![&row], Delivery::NoRoute, why).await?;
        }
        told |= self.give_up(shut.iter().collect(), "the channel refuses").await?;
        Ok((left, told))
    }

    fn is_shut(&self, channel: &Text, now: UnixMicros) -> bool {
        let breakers = self.board.breakers.lock();
        breakers.get(channel).is_some_and(|breaker| breaker.shut(now).is_some())
    }

    /// Whether another channel can be told in the place of this one now.
    fn others(&self, channel: &Text, now: UnixMicros) -> bool {
        let usable = |name: &Text| {
            name != channel && self.known.open(name).is_some() && !self.is_shut(name, now)
        };
        self.known.get(channel).is_some_and(|route| route.channel.fallback.iter().any(usable))
    }

    async fn give_up(&self, rows: Vec<&OutboxRow>, why: &str) -> Result<bool, StoreError> {
        let mut told = false;
        let mut channels: BTreeMap<&Text, Vec<&OutboxRow>> = BTreeMap::new();
        for row in rows {
            channels.entry(&row.notice.channel).or_default().push(row);
        }
        for (name, rows) in channels {
            let dead = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            self.board.count(name, |counts| counts.dead += dead);
            tracing::error!(channel = %name, rows = dead, why, "messages are dead letters");
            let answers = rows.iter().rev().find_map(|row| row.answer.as_deref());
            let why = answers.map_or_else(|| why.to_owned(), |last| format!("{why}: {last}"));
            told |= self.end(rows, Delivery::Dead, why).await?;
        }
        Ok(told)
    }

    /// Ends rows of one channel without an attempt; whether its fallback is to be told.
    async fn end(
        &self,
        rows: Vec<&OutboxRow>,
        state: Delivery,
        why: String,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let own: Vec<Notice> = rows.iter().map(|row| row.notice.clone()).collect();
        let tell = self.instead(&own, now);
        let came = Attempted { state, next: now, answer: shortened(&why), unsure: false };
        let told = !tell.is_empty();
        self.on_disk(move |store| store.settle(&[(&seqs, &came)], now, &tell, &[])).await?;
        Ok(told)
    }

    /// The same for the fallback of their channel, with as much time as they had at first.
    fn instead(&self, own: &[Notice], now: UnixMicros) -> Vec<Notice> {
        let mut tell = Vec::new();
        for notice in own {
            let Some(route) = self.known.get(&notice.channel) else { continue };
            let horizon = notice.expires.since(notice.due);
            for mut other in queue::fallback(notice, &route.channel.fallback, now) {
                other.expires = other.expires.max(now.after(horizon));
                tell.push(other);
            }
            if !route.channel.fallback.is_empty() {
                self.board.count(&notice.channel, |counts| counts.instead += 1);
            }
        }
        tell
    }

    async fn launch(&mut self, flight: Flight) -> Result<(), StoreError> {
        let (now, joined) = (self.clock.now(), flight.joined.clone());
        self.on_disk(move |store| match joined.rows.as_slice() {
            [_] => store.lease(&joined.rows, now),
            _ => store.lease_joined(&joined, now),
        })
        .await?;
        self.flying.extend(&flight.joined.rows);
        let mut notice = flight.joined.notice.clone();
        if flight.unsure && !has_key(&flight.channel.kind) {
            notice.message.text.push_str(" (sent again: the first time no answer came)");
        }
        let (ways, channel) = (Arc::clone(&self.ways), Arc::clone(&flight.channel));
        let send = async move {
            tokio::time::timeout(SEND_LIMIT, ways.send(&channel, &notice)).await.unwrap_or(Sent {
                outcome: Outcome::Ambiguous,
                answer: format!("no end within {} s", SEND_LIMIT.as_secs()),
            })
        };
        let id = self.flights.spawn(send).id();
        self.aboard.insert(id, flight);
        Ok(())
    }

    /// Messages that were sent and have not come to anything yet.
    pub(super) fn on_their_way(&self) -> usize {
        self.aboard.len()
    }

    /// Waits for one of them.
    pub(super) async fn next_landing(&mut self) {
        let (id, sent) = ended(&mut self.flights).await;
        self.land(id, sent).await;
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AlertStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(done) => done,
            Err(error) => Err(StoreError::io("working on the outbox")(error)),
        }
    }
}

/// Whether a receiver recognises a repeat. Slack has nothing to recognise it by (alerting 14.2).
const fn has_key(kind: &ChannelKind) -> bool {
    !matches!(kind, ChannelKind::Slack { .. } | ChannelKind::SlackBot { .. })
}

fn shortened(answer: &str) -> String {
    answer.chars().take(MAX_ANSWER).collect()
}
