//! What came of a message: kept on disk, counted, and what follows from it.

use super::{DISK_PAUSE, Deliver, Flight, has_key, shortened};
use crate::config::alerts::Channel;
use crate::logic::alert::queue::{self, After, Ended, Tried};
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use crate::store::{Attempted, Delivery, Joined, StoreError};
use crate::tell::deliver::Way;
use crate::tell::deliver::ways::{Outcome, Sent};
use tokio::task::{Id, JoinError, JoinSet};

/// A pause without end: the channel is used again when it is changed, or by hand.
const FOR_GOOD: UnixMicros = UnixMicros(i64::MAX);

/// The next message to arrive, or not. Without one on its way it never ends.
pub(super) async fn ended(flights: &mut JoinSet<Sent>) -> (Id, Sent) {
    match flights.join_next_with_id().await {
        Some(Ok(ended)) => ended,
        Some(Err(error)) => (error.id(), broken(&error)),
        None => std::future::pending().await,
    }
}

impl<W: Way> Deliver<W> {
    /// Keeps what came of a message. It is told again, and only then, where that could not be kept.
    pub(super) async fn land(&mut self, id: Id, sent: Sent) {
        let Some(flight) = self.aboard.remove(&id) else { return };
        if let Err(error) = self.keep(&flight, sent).await {
            tracing::error!(%error, "what came of a message was not kept; it is sent again");
            let until = self.clock.now().after(Micros(DISK_PAUSE.as_secs() * 1_000_000));
            if let Some(lane) = self.lanes.get_mut(&flight.channel.name) {
                lane.pause(until);
            }
        }
        for seq in &flight.joined.rows {
            self.flying.remove(seq);
        }
    }

    async fn keep(&mut self, flight: &Flight, sent: Sent) -> Result<(), StoreError> {
        let now = self.clock.now();
        let name = flight.channel.name.clone();
        let (ended, answer) = self.meaning(&flight.channel, sent);
        let gone = ended == Ended::Gone;
        let tried = Tried {
            ended,
            attempts: flight.attempts.saturating_add(1),
            unsure: flight.unsure,
            expires: flight.joined.notice.expires,
        };
        let after = queue::after(&tried, now, (self.chance)());
        let came = |state, next, unsure, answer: &str| Attempted {
            state,
            next,
            unsure,
            answer: shortened(answer),
        };
        let Joined { rows, merged, .. } = flight.joined.clone();
        let (came, tell) = match after {
            After::Delivered => {
                self.works(&name);
                let said: Vec<i64> =
                    rows.iter().copied().filter(|seq| !merged.contains(seq)).collect();
                let delivered = came(Delivery::Delivered, now, false, &answer);
                let told = came(Delivery::Merged, now, false, "told with a later row");
                (vec![(said, delivered), (merged, told)], Vec::new())
            }
            After::Again { at, pause, unsure } => {
                if pause && let Some(lane) = self.lanes.get_mut(&name) {
                    lane.pause(at);
                }
                (vec![(rows, came(Delivery::Queued, at, unsure, &answer))], Vec::new())
            }
            After::Dead { breaker, why } => {
                let dead = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                self.board.count(&name, |counts| counts.dead += dead);
                tracing::error!(channel = %name, rows = dead, why, answer, "messages are dead letters");
                if breaker {
                    self.trip(&name, &answer, gone, now);
                }
                let tell = self.instead(&flight.own, now);
                let answer = format!("{why}: {answer}");
                (vec![(rows, came(Delivery::Dead, now, false, &answer))], tell)
            }
        };
        let notes = self.ways.notes();
        let to_keep = notes.clone();
        let kept = self
            .on_disk(move |store| {
                let came: Vec<(&[i64], &Attempted)> =
                    came.iter().map(|(rows, came)| (rows.as_slice(), came)).collect();
                store.settle(&came, now, &tell, &to_keep)
            })
            .await;
        if kept.is_err() {
            self.ways.unkept(&notes);
        }
        kept
    }

    /// What an outcome means to the queue, and what is kept of it for people.
    fn meaning(&self, channel: &Channel, sent: Sent) -> (Ended, String) {
        let Sent { outcome, answer } = sent;
        let name = &channel.name;
        match outcome {
            Outcome::Delivered => {
                self.board.count(name, |counts| counts.delivered += 1);
                (Ended::Delivered, answer)
            }
            Outcome::PartlyRefused { recipients } => {
                self.board.count(name, |counts| {
                    counts.delivered += 1;
                    counts.partly += 1;
                });
                let without = recipients.join(", ");
                tracing::warn!(channel = %name, without, answer, "some recipients were refused");
                (Ended::Delivered, format!("refused for {without}: {answer}"))
            }
            Outcome::Later { after } => {
                self.board.count(name, |counts| counts.later += 1);
                (Ended::Later { after }, answer)
            }
            Outcome::Ambiguous => {
                self.board.count(name, |counts| counts.ambiguous += 1);
                (Ended::Ambiguous { has_key: has_key(&channel.kind) }, answer)
            }
            Outcome::Refused { hint } => (Ended::Refused, format!("{answer} ({hint})")),
            Outcome::Gone => (Ended::Gone, answer),
        }
    }

    fn works(&mut self, channel: &Text) {
        let was_broken = self.board.breakers.lock().remove(channel).is_some();
        if was_broken && let Some(lane) = self.lanes.get_mut(channel) {
            lane.resume();
        }
    }

    fn trip(&mut self, channel: &Text, why: &str, gone: bool, now: UnixMicros) {
        let mut breakers = self.board.breakers.lock();
        let breaker = breakers.entry(channel.clone()).or_default();
        breaker.trip(why.to_owned(), gone, now);
        let until = breaker.shut(now).map(|open| open.trial.unwrap_or(FOR_GOOD));
        if let (Some(until), Some(lane)) = (until, self.lanes.get_mut(channel)) {
            lane.pause(until);
        }
    }
}

/// A send that broke off inside flowgauge may have arrived.
fn broken(error: &JoinError) -> Sent {
    tracing::error!(%error, "a send broke off");
    Sent { outcome: Outcome::Ambiguous, answer: "flowgauge broke off; see its log".to_owned() }
}
