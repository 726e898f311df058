//! What the optimisations did to the demo's calls: sent in batches, each scored before the next, then compared.
//!
//! Asks flowgauge as anybody would. Refuses to measure anything itself, and to wait for scores that have stopped coming.

use super::DemoError;
use super::caller::Caller;
use super::drive::{self, Readers, Tally};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Calls sent before their scores are waited for: an eighth of the samples that may wait (4,096), so that none is
/// dropped even where a call makes several, and many enough that waiting for the last few is a small part.
const BATCH: u64 = 500;
/// Between two questions about the scores of a batch: a hundredth of what the batch takes.
const SCORES_EVERY: Duration = Duration::from_millis(50);
/// Answers in a row that say nothing waits before a batch is scored: the end of an answer may reach its reader a moment
/// before it reaches the scorers.
const SCORED: u32 = 2;
/// Between two questions about the evidence.
const EVIDENCE_EVERY: Duration = Duration::from_millis(500);
/// Answers in a row that say the same before all is compared: evidence is looked at every ten seconds.
const COMPARED: u32 = 24;
/// Longest time in which nothing is scored while something waits. A score takes milliseconds; a disk that pauses, seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends so many calls and has all of them scored; the evidence, when nothing more comes.
pub(super) async fn proved(
    addr: SocketAddr,
    seed: u64,
    calls: u64,
    tally: &Arc<Tally>,
) -> Result<Value, DemoError> {
    let url = format!("http://{addr}/api/chat/stream");
    let asker = Asker { caller: Caller::default(), addr };
    let mut readers = Readers::new(seed);
    for batch in batches(calls) {
        drive::all(&url, (&mut readers, seed), batch, tally).await;
        asker.scored().await?;
    }
    asker.tell(calls, tally).await?;
    asker.compared().await
}

/// Numbers of the calls, batch by batch.
fn batches(calls: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    let starts = (0..calls).step_by(usize::try_from(BATCH).unwrap_or(usize::MAX));
    starts.map(move |first| first..calls.min(first + BATCH))
}

/// Who asks.
struct Asker {
    caller: Caller,
    addr: SocketAddr,
}

impl Asker {
    /// Waits until no call waits for its score.
    async fn scored(&self) -> Result<(), DemoError> {
        let mut looks = Looks::new(SCORED, SCORES_EVERY);
        let mut ticks = tokio::time::interval(SCORES_EVERY);
        loop {
            ticks.tick().await;
            let status = self.get("quality/status").await?;
            if looks.settled(waits(&status), Value::Null, &status)? {
                return Ok(());
            }
        }
    }

    /// The evidence, when nothing more comes.
    async fn compared(&self) -> Result<Value, DemoError> {
        let mut looks = Looks::new(COMPARED, EVIDENCE_EVERY);
        let mut ticks = tokio::time::interval(EVIDENCE_EVERY);
        loop {
            ticks.tick().await;
            let status = self.get("quality/status").await?;
            let told = self.get("control/evidence").await?;
            if looks.settled(waits(&status), counts(&told), &status)? {
                return Ok(told);
            }
        }
    }

    /// Says how many calls got a score.
    async fn tell(&self, calls: u64, tally: &Tally) -> Result<(), DemoError> {
        let status = self.get("quality/status").await?;
        let [scored, lost, failed] = [
            sum(&status, &["scored"]),
            sum(&status, &["dropped", "over_cap", "too_large"]),
            tally.failed.load(Ordering::Relaxed),
        ];
        eprintln!(
            "  {calls} requests sent, {failed} failed; {scored} answers scored, {lost} not for want of room"
        );
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Value, DemoError> {
        let url = format!("http://{}/api/v1/{path}", self.addr);
        let answer = self.caller.get(&url).await;
        let (status, body) = answer.map_err(|e| DemoError::Ask(e.to_string()))?;
        if !status.is_success() {
            return Err(DemoError::Ask(format!("{url} answered {status}")));
        }
        serde_json::from_slice(&body).map_err(|e| DemoError::Ask(e.to_string()))
    }
}

/// Looks at something that is to settle, and how long it has not moved.
struct Looks {
    enough: u32,
    most_still: u128,
    before: (Value, Value),
    same: u32,
    still: u128,
}

impl Looks {
    /// Settled after `enough` looks, one `every` so often, that say the same.
    fn new(enough: u32, every: Duration) -> Self {
        let most_still = PATIENCE.as_millis() / every.as_millis().max(1);
        Self { enough, most_still, before: (Value::Null, Value::Null), same: 0, still: 0 }
    }

    /// Takes one more look; whether nothing waits any more and `now` has stayed the same.
    ///
    /// # Errors
    /// When something waits and nothing has been scored for longer than anybody should wait.
    fn settled(&mut self, waiting: u64, now: Value, status: &Value) -> Result<bool, DemoError> {
        let after = (now, status["intents"].clone());
        let moved = self.before != after;
        let told_same = self.before.0 == after.0;
        self.still = if moved || waiting == 0 { 0 } else { self.still + 1 };
        self.same = if waiting == 0 && told_same { self.same + 1 } else { 0 };
        self.before = after;
        if self.still >= self.most_still {
            return Err(DemoError::Unscored { waiting, seconds: PATIENCE.as_secs() });
        }
        Ok(self.same >= self.enough)
    }
}

/// Calls that wait for a score, one being scored included. What is not told waits: else a run would end unscored and not say so.
fn waits(status: &Value) -> u64 {
    let told = |name: &str| status[name].as_u64();
    told("waiting").unwrap_or(1).max(u64::from(told("held_bytes").is_none_or(|held| held > 0)))
}

/// A sum of counts over all intents.
fn sum(status: &Value, names: &[&str]) -> u64 {
    let intents = status["intents"].as_array().map_or(&[][..], Vec::as_slice);
    let each = intents.iter().flat_map(|intent| names.iter().map(|name| &intent["counts"][*name]));
    each.filter_map(Value::as_u64).sum()
}

/// What rises while calls and scores still come.
fn counts(told: &Value) -> Value {
    let of = |m: &Value| {
        let scored: Vec<Value> = ["untouched", "touched"]
            .iter()
            .map(|arm| m["findings"][0][*arm].clone())
            .chain([m["calls"].clone()])
            .collect();
        Value::from(scored)
    };
    told["mechanisms"].as_array().map_or(Value::Null, |all| all.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(waiting: u64, scored: u64) -> Value {
        json!({"waiting": waiting, "held_bytes": 9 * waiting, "intents": [{"counts": {"scored": scored, "dropped": 1}}]})
    }

    fn look(looks: &mut Looks, waiting: u64, scored: u64) -> Result<bool, DemoError> {
        let status = status(waiting, scored);
        looks.settled(waits(&status), Value::Null, &status)
    }

    #[test]
    fn batches_hold_every_call_once() {
        let all: Vec<_> = batches(1_201).collect();
        assert_eq!(all, [0..500, 500..1_000, 1_000..1_201]);
        assert_eq!(batches(0).count(), 0);
    }

    #[test]
    fn a_batch_is_scored_once_nothing_waits_twice_in_a_row() {
        let mut looks = Looks::new(SCORED, SCORES_EVERY);
        let told: Vec<bool> = [(3, 1), (0, 4), (1, 4), (0, 5), (0, 5)]
            .into_iter()
            .map(|(waiting, scored)| look(&mut looks, waiting, scored).unwrap())
            .collect();
        assert_eq!(told, [false, false, false, false, true]);
    }

    #[test]
    fn slow_scores_are_waited_for_and_those_that_stopped_are_an_error() {
        let mut looks = Looks::new(SCORED, SCORES_EVERY);
        for scored in 0..10_000 {
            assert!(!look(&mut looks, 20_000 - scored, scored).unwrap());
        }
        let stuck = (0..=1_200).find_map(|_| look(&mut looks, 10_000, 10_000).err());
        let told = stuck.unwrap().to_string();
        assert!(told.contains("10000 calls wait") && told.contains("60 s"), "{told}");
    }

    #[test]
    fn one_call_that_is_being_scored_waits_too() {
        assert_eq!(waits(&json!({"waiting": 0, "held_bytes": 700})), 1);
        assert_eq!(waits(&json!({})), 1, "what is not told is not done");
        assert_eq!(waits(&json!({"waiting": 0, "held_bytes": 0})), 0);
        assert_eq!(sum(&status(0, 5), &["scored", "dropped"]), 6);
    }
}
