//! The answers at one tick: memory where it reaches, else the store. Each is worked out once.

use super::long::Long;
use super::minutes::Minutes;
use super::{Recent, book, usual};
use crate::logic::alert::facts::{
    Baseline, BaselineAsk, BudgetFacts, BudgetPeriod, CallSums, Facts, Gauge, Groups, Labels,
    Mechanism, RatingSums, ScoreSums, Selection, Shown, Slower, Timing,
};
use crate::logic::alert::metric::Metric;
use crate::logic::known::{Known, Reason};
use crate::logic::rollup::Rollup;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use chrono_tz::Tz;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Windows up to this are answered from memory, exactly (alerting 6.2).
pub(super) const SHORT: Micros = Micros::from_millis(30 * 60 * 1_000);
/// Users with a call so long before the tick are there now (catalogue K24).
const USERS_US: i64 = 5 * UnixMicros::MINUTE;

/// What is known at one tick.
#[derive(Debug)]
pub struct AtTick<'a> {
    recent: &'a Recent,
    tick: UnixMicros,
    long: &'a Long,
    calls: Cache<CallSums>,
    scores: Cache<ScoreSums>,
    ratings: Cache<RatingSums>,
}

type Answer<T> = Result<Groups<T>, String>;
/// Looked up by selection first, so that no question has to be copied to be looked up.
type Cache<T> = Mutex<HashMap<Selection, HashMap<(i64, i64), Answer<T>>>>;

impl<'a> AtTick<'a> {
    pub(super) fn new(recent: &'a Recent, tick: UnixMicros, long: &'a Long) -> Self {
        Self {
            recent,
            tick,
            long,
            calls: Mutex::default(),
            scores: Mutex::default(),
            ratings: Mutex::default(),
        }
    }

    /// The tick.
    #[must_use]
    pub const fn tick(&self) -> UnixMicros {
        self.tick
    }

    pub(super) const fn long(&self) -> &Long {
        self.long
    }

    pub(super) const fn zone(&self) -> Tz {
        self.recent.options().zone
    }

    /// Rollups of a window of the past: nothing is in flight there.
    pub(super) fn past(
        &self,
        of: &Selection,
        window: Window,
    ) -> Result<Vec<(Labels, Rollup)>, String> {
        if self.long.has_rows() {
            return self.long.rollups(of, window);
        }
        self.long.remembered(&self.recent.state.lock(), of, window)
    }

    /// The first day of the last so many microseconds that has data; its first moment.
    pub(super) fn first_data(
        &self,
        at: UnixMicros,
        within_us: i64,
    ) -> Result<Option<UnixMicros>, String> {
        if self.long.has_rows() {
            return self.long.first_data(Window::last(within_us, at));
        }
        let state = self.recent.state.lock();
        let first = state.minutes.as_ref().and_then(Minutes::first);
        Ok(first.map(|first| first.max(UnixMicros(at.0.saturating_sub(within_us)))))
    }

    fn count(&self, of: &Selection, window: Window) -> Answer<CallSums> {
        let short = window.to.since(window.from) <= SHORT;
        let mut state = self.recent.state.lock();
        if short {
            state.watch_also(of);
        }
        if short && let Some(answer) = state.read(of, window, self.tick) {
            return answer;
        }
        let now = Window { from: self.tick, to: self.tick };
        if self.long.has_rows() || state.minutes.is_some() {
            // Memory knows what is in flight, whatever the window.
            let open = if window.to == self.tick { state.read_some(of, now, now.to) } else { None };
            let layout = state.layout(of);
            let rollups = match &state.minutes {
                Some(_) if !self.long.has_rows() => self.long.remembered(&state, of, window)?,
                _ => {
                    drop(state);
                    self.long.rollups(of, window)?
                }
            };
            let about = |rollup: Rollup| {
                let slower = |timing| about(&rollup, timing, layout.of(timing));
                let [latency, ttft, tpot] = super::tally::TIMINGS.map(slower);
                CallSums {
                    rollup: Arc::new(rollup),
                    latency,
                    ttft,
                    tpot,
                    in_flight: 0,
                    shown: Shown::default(),
                }
            };
            let groups = rollups.into_iter().map(|(l, rollup)| (l, about(rollup))).collect();
            return Ok(Arc::new(join(groups, open)));
        }
        // Nothing else is there: what memory has is all there is.
        match state.read_some(of, window, self.tick) {
            Some(groups) => Ok(groups),
            None => Err("this selection is not watched".to_owned()),
        }
    }
}

/// Counts above thresholds as histograms know them: of successes alone.
fn about(rollup: &Rollup, timing: Timing, thresholds: &[u64]) -> Slower {
    let values = book::dist(rollup, timing);
    let counts = values.histogram.counts_above(thresholds);
    let above = thresholds.iter().copied().zip(counts).collect();
    Slower { n: values.count(), above, undecided: Vec::new(), exact: values.count() == 0 }
}

/// Adds calls in flight to answers of the store.
fn join(
    mut groups: Vec<(Labels, CallSums)>,
    open: Option<Groups<CallSums>>,
) -> Vec<(Labels, CallSums)> {
    for (labels, open) in open.iter().flat_map(|groups| groups.iter()) {
        match groups.iter_mut().find(|(l, _)| l == labels) {
            Some((_, sums)) => {
                sums.in_flight = open.in_flight;
                for (into, from) in [
                    (&mut sums.latency, &open.latency),
                    (&mut sums.ttft, &open.ttft),
                    (&mut sums.tpot, &open.tpot),
                ] {
                    add(into, from);
                }
            }
            None => groups.push((labels.clone(), open.clone())),
        }
    }
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    groups
}

fn add(into: &mut Slower, from: &Slower) {
    into.n += from.n;
    into.undecided.resize(into.above.len(), 0);
    for ((_, count), (_, more)) in into.above.iter_mut().zip(&from.above) {
        *count += more;
    }
    for (count, more) in into.undecided.iter_mut().zip(&from.undecided) {
        *count += more;
    }
}

/// The answer kept for a question, or a new one, which is kept.
fn kept<T>(
    cache: &Cache<T>,
    of: &Selection,
    window: Window,
    make: impl FnOnce() -> Answer<T>,
) -> Answer<T> {
    let key = (window.from.0, window.to.0);
    if let Some(answer) = cache.lock().get(of).and_then(|windows| windows.get(&key)) {
        return answer.clone();
    }
    let answer = make();
    cache.lock().entry(of.clone()).or_default().insert(key, answer.clone());
    answer
}

impl Facts for AtTick<'_> {
    fn calls(&self, of: &Selection, window: Window) -> Answer<CallSums> {
        kept(&self.calls, of, window, || self.count(of, window))
    }

    fn scores(&self, of: &Selection, window: Window) -> Answer<ScoreSums> {
        kept(&self.scores, of, window, || self.long.scores(self.recent, of, window))
    }

    fn ratings(&self, of: &Selection, window: Window) -> Answer<RatingSums> {
        kept(&self.ratings, of, window, || self.long.ratings(self.recent, of, window))
    }

    fn gauge(&self, gauge: Gauge) -> Known<f64> {
        #[expect(clippy::cast_precision_loss, reason = "calls in flight stay far below 2^53")]
        let in_flight = || self.recent.state.lock().in_flight(self.tick) as f64;
        match gauge {
            Gauge::InFlight => Known::Value(in_flight()),
            Gauge::ConcurrentUsers => {
                let window = Window::last(USERS_US, self.tick);
                let users = self.calls(&Selection::default(), window).ok();
                let users =
                    users.and_then(|g| g.first().map(|(_, sums)| sums.rollup.users.count()));
                Known::from_option(users, Reason::NoData)
            }
            Gauge::CacheBytes | Gauge::CacheCapacity | Gauge::TtlEffectiveness => {
                Known::from_option(self.long.measured(gauge), Reason::SwitchedOff)
            }
        }
    }

    fn budget(&self, name: Option<&str>, period: BudgetPeriod) -> Option<BudgetFacts> {
        self.long.budget(name, period, self.tick)
    }

    fn baseline(&self, of: &BaselineAsk<'_>) -> Result<Known<Baseline>, String> {
        usual::baseline(self, of)
    }

    fn is_off(&self, mechanism: Mechanism) -> bool {
        self.long.is_off(mechanism).unwrap_or_else(|| match mechanism {
            // Nobody says so: it is on where calls show that a cache was asked.
            Mechanism::ResponseCaching => !self.recent.state.lock().cache_asked,
            Mechanism::TokenSaving => false,
        })
    }

    fn cache_cleared(&self) -> Option<UnixMicros> {
        self.long.cleared()
    }

    fn regression(&self, metric: Metric) -> Known<(bool, f64)> {
        self.long.regression(metric)
    }
}
