//! How long the pretend provider takes, and the incident that makes it slower.
//!
//! Drawing is pure; waiting is the only thing here that touches time.

use crate::demo::dice::{Dice, micros};
use crate::demo::workload::Complexity;
use crate::logic::unit::Micros;
use crate::serve::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Added to every answer, evenly spread: "+ 0–100 ms" of the catalogue (E.6), µs.
const EXTRA_US: u64 = 100_000;

/// Spread of the latencies: 95 % of answers lie within a factor of 1.6 of the median.
const SIGMA: f64 = 0.25;

/// Share of an answer's time before its first token: 300 to 700 ms, as FlowReader reported.
const FIRST_TOKEN_SHARE: f64 = 0.36;

/// Time of one embedding.
const EMBEDDING: Micros = Micros::from_millis(60);

/// Latency of the incident's intent against before.
pub(crate) const SLOWER: f64 = 1.4;

/// How long answers take. Cheap to clone; clones share the incident.
#[derive(Debug, Clone)]
pub struct Pace {
    clock: Clock,
    speed: f64,
    slow_intent: &'static str,
    slow: Arc<AtomicBool>,
}

/// Times of one answer, from the request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// To the first token.
    pub first_token: Micros,
    /// To the end.
    pub whole: Micros,
}

impl Timing {
    /// Times of an answer; `slower` is the factor of an incident, 1 without one.
    #[must_use]
    pub fn draw(complexity: Complexity, slower: f64, dice: &mut Dice) -> Self {
        let base = complexity.latency().as_millis_f64() * 1_000.0;
        let extra = Micros(dice.below(EXTRA_US)).as_millis_f64() * 1_000.0;
        let whole = (dice.around(base, SIGMA) + extra) * slower;
        let share = dice.around(FIRST_TOKEN_SHARE, 0.15).min(0.9);
        Self { first_token: micros(whole * share), whole: micros(whole) }
    }

    /// When chunk `i` of `0..=last` is due.
    #[must_use]
    pub fn of_chunk(&self, i: usize, last: usize) -> Micros {
        let (i, last) = (u64::try_from(i).unwrap_or(u64::MAX), u64::try_from(last).unwrap_or(1));
        let rest = self.whole.saturating_sub(self.first_token).0;
        Micros(self.first_token.0 + rest.saturating_mul(i) / last.max(1))
    }

    fn scaled(self, speed: f64) -> Self {
        let scale = |t: Micros| micros(t.as_millis_f64() * 1_000.0 / speed);
        Self { first_token: scale(self.first_token), whole: scale(self.whole) }
    }
}

impl Pace {
    /// `speed` 1 is life-like, 10 ten times as fast. `slow_intent` is the one the incident hits.
    #[must_use]
    pub fn new(clock: Clock, speed: f64, slow_intent: &'static str) -> Self {
        Self { clock, speed, slow_intent, slow: Arc::default() }
    }

    /// Begins or ends the incident.
    pub fn set_slow(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }

    /// Times of the next answer.
    #[must_use]
    pub fn draw(&self, complexity: Complexity, intent: &str, dice: &mut Dice) -> Timing {
        let hit = intent == self.slow_intent && self.slow.load(Ordering::Relaxed);
        Timing::draw(complexity, if hit { SLOWER } else { 1.0 }, dice).scaled(self.speed)
    }

    /// Time of one embedding.
    #[must_use]
    pub fn embedding(&self) -> Micros {
        micros(EMBEDDING.as_millis_f64() * 1_000.0 / self.speed)
    }

    /// The present, for [`Pace::wait_until`].
    #[must_use]
    pub fn now(&self) -> Micros {
        self.clock.monotonic()
    }

    /// Lets time pass.
    pub async fn wait(&self, how_long: Micros) {
        tokio::time::sleep(std::time::Duration::from_micros(how_long.0)).await;
    }

    /// Lets time pass until a moment. Late chunks catch up, so that the runtime's millisecond ticks
    /// do not add up over an answer of a hundred chunks.
    pub async fn wait_until(&self, due_us: u64) {
        let left = Micros(due_us).saturating_sub(self.clock.monotonic());
        if left.0 > 0 {
            self.wait(left).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_answers_take_no_longer_than_the_catalogue_says() {
        for complexity in [Complexity::Simple, Complexity::Medium, Complexity::Complex] {
            let mut dice = Dice::new(9);
            let mut all: Vec<u64> =
                (0..2_001).map(|_| Timing::draw(complexity, 1.0, &mut dice).whole.0).collect();
            all.sort_unstable();
            let wanted = complexity.latency().0 + EXTRA_US / 2;
            assert!(all[1_000].abs_diff(wanted) < wanted / 20, "{complexity:?}: {}", all[1_000]);
        }
    }

    #[test]
    fn the_incident_slows_its_intent_and_no_other() {
        let pace = Pace::new(Clock::real(), 1.0, "enhance");
        let draw = |intent| pace.draw(Complexity::Medium, intent, &mut Dice::new(10)).whole.0;
        let before = draw("enhance");
        pace.set_slow(true);
        assert!(draw("enhance").abs_diff(before * 14 / 10) < 10);
        assert_eq!(draw("explain"), before);
        pace.set_slow(false);
        assert_eq!(draw("enhance"), before);
    }

    #[test]
    fn chunks_run_from_the_first_token_to_the_end() {
        let t = Timing { first_token: Micros(100), whole: Micros(500) };
        assert_eq!(t.of_chunk(0, 4), Micros(100));
        assert_eq!(t.of_chunk(2, 4), Micros(300));
        assert_eq!(t.of_chunk(4, 4), Micros(500));
        assert_eq!(t.of_chunk(0, 0), Micros(100));
    }
}
