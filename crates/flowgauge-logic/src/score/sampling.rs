//! Which calls are scored online: a share of each intent, by the call's own id.
//!
//! Owns the decision and the chance it was taken with, whose inverse is the weight of the score
//! (Horvitz and Thompson 1952). Refuses a clock and a random number: the same id and the same past
//! give the same decision.
//!
//! A chance depends on what was seen before alone, never on the call it is about, so that weighing by
//! its inverse stays right while chances move.

use crate::call::Text;
use crate::fingerprint::fingerprint;
use crate::id::CallId;
use crate::unit::UnixMicros;
use std::collections::HashMap;

/// Intents told apart: as many as a rollup keeps series of for people to read; those beyond share one
/// entry, which only matters where a least number an hour is wanted.
const MOST_INTENTS: usize = 1_000;
/// Where intents beyond [`MOST_INTENTS`] are counted.
const OTHER: &str = "(other)";
/// 2^-53: the distance of two neighbouring doubles below 1.
const STEP: f64 = 1.0 / 9_007_199_254_740_992.0;

/// A chance above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Chance(f64);

impl Chance {
    /// Certainty.
    pub const ONE: Self = Self(1.0);

    /// From a number above 0 and at most 1.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value <= 1.0).then_some(Self(value))
    }

    /// As a number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }

    /// How many calls one that was taken stands for.
    #[must_use]
    pub fn weight(self) -> f64 {
        1.0 / self.0
    }

    /// That both of two independent things happen; never below the smallest normal number.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self((self.0 * other.0).max(f64::MIN_POSITIVE))
    }
}

/// What is to be taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Share of calls of every intent that is not named, 0 to 1.
    pub default: f64,
    /// Share of calls of an intent, 0 to 1.
    pub by_intent: Vec<(Text, f64)>,
    /// So many an hour are wanted of each intent that is sampled at all, whatever its share; 0 for none.
    pub min_per_hour: u32,
    /// So many a minute are taken at most, of all together; 0 for no limit.
    pub max_per_minute: u32,
}

impl Plan {
    /// The share of an intent.
    #[must_use]
    pub fn rate(&self, intent: &str) -> f64 {
        let named = self.by_intent.iter().find(|(name, _)| name == intent);
        named.map_or(self.default, |(_, rate)| *rate)
    }

    /// Whether any call can be taken.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.default > 0.0 || self.by_intent.iter().any(|(_, rate)| *rate > 0.0)
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// It is scored, and was chosen with this chance.
    Taken(Chance),
    /// It is not.
    Passed,
    /// It would be, but the minute has had all it may have.
    OverCap,
}

/// Decides call by call.
#[derive(Debug)]
pub struct Sampler {
    plan: Plan,
    minute: Minute,
    intents: HashMap<Text, Hour>,
}

/// What was wanted and taken of all intents lately.
#[derive(Debug, Default)]
struct Minute {
    number: i64,
    /// Sum of chances before the cap, in the minute before.
    wanted_before: f64,
    /// The same in this one.
    wanted: f64,
    taken: u32,
}

/// What was seen and taken of one intent lately.
#[derive(Debug, Default, Clone, Copy)]
struct Hour {
    number: i64,
    seen_before: u32,
    seen: u32,
    taken: u32,
}

impl Sampler {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, minute: Minute::default(), intents: HashMap::new() }
    }

    /// The plan it follows.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a call is scored. Every call must be shown, for chances follow from how many there are.
    pub fn decide(&mut self, intent: &str, id: CallId, now: UnixMicros) -> Decision {
        self.decide_times(1.0, intent, id, now)
    }

    /// The same with shares so many times as large, at most all; what is not sampled stays so, and the minute has its
    /// most all the same.
    pub fn decide_times(
        &mut self,
        times: f64,
        intent: &str,
        id: CallId,
        now: UnixMicros,
    ) -> Decision {
        let rate = (self.plan.rate(intent) * times).min(1.0);
        if rate <= 0.0 {
            return Decision::Passed;
        }
        let min = self.plan.min_per_hour;
        let hour = Hour::of(&mut self.intents, intent, now);
        let wanted = hour.wanted(rate, min);
        hour.seen = hour.seen.saturating_add(1);
        self.minute.turn(now);
        let scaled = wanted * self.minute.factor(self.plan.max_per_minute);
        self.minute.wanted += wanted;
        let Some(chance) = Chance::new(scaled.min(1.0)) else { return Decision::Passed };
        if unit(id, "sample") >= chance.0 {
            return Decision::Passed;
        }
        let cap = self.plan.max_per_minute;
        if cap > 0 && self.minute.taken >= cap {
            return Decision::OverCap;
        }
        self.minute.taken += 1;
        hour.taken = hour.taken.saturating_add(1);
        Decision::Taken(chance)
    }
}

impl Hour {
    /// The entry of an intent, turned to the hour of `now`.
    fn of<'a>(all: &'a mut HashMap<Text, Self>, intent: &str, now: UnixMicros) -> &'a mut Self {
        let known = all.contains_key(intent);
        let name = if known || all.len() < MOST_INTENTS { intent } else { OTHER };
        let entry = all.entry(Text::from(name)).or_default();
        let number = now.0.div_euclid(UnixMicros::HOUR);
        if entry.number != number {
            let follows = entry.number + 1 == number;
            let seen_before = if follows { entry.seen } else { 0 };
            *entry = Self { number, seen_before, seen: 0, taken: 0 };
        }
        entry
    }

    /// The chance that keeps the share, and the least number where that is more. How many calls an hour
    /// will have is guessed from the one before; without one the first calls of it are taken.
    fn wanted(&self, rate: f64, min: u32) -> f64 {
        if min == 0 || self.taken >= min {
            return rate;
        }
        let floor = match self.seen_before {
            0 => 1.0,
            before => f64::from(min) / f64::from(before),
        };
        rate.max(floor).min(1.0)
    }
}

impl Minute {
    fn turn(&mut self, now: UnixMicros) {
        let number = now.0.div_euclid(UnixMicros::MINUTE);
        if self.number == number {
            return;
        }
        let follows = self.number + 1 == number;
        let wanted_before = if follows { self.wanted } else { 0.0 };
        *self = Self { number, wanted_before, wanted: 0.0, taken: 0 };
    }

    /// What is left of every chance so that a minute like the last, or this one as it is by now, stays
    /// within the cap.
    fn factor(&self, cap: u32) -> f64 {
        let wanted = self.wanted_before.max(self.wanted);
        if cap == 0 || wanted <= f64::from(cap) { 1.0 } else { f64::from(cap) / wanted }
    }
}

/// A second, independent decision about a call that was taken: whether this share of them is meant.
#[must_use]
pub fn also(id: CallId, share: f64, purpose: &str) -> Option<Chance> {
    let chance = Chance::new(share.min(1.0))?;
    (unit(id, purpose) < chance.0).then_some(chance)
}

/// An id as a number from 0 to below 1, even over ids, another for each purpose.
fn unit(id: CallId, purpose: &str) -> f64 {
    let bits = fingerprint(&[purpose.as_bytes(), &id.0]) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let whole = bits as f64;
    whole * STEP
}

#[cfg(test)]
mod tests;
