//! Where a figure will stand (alerting 10.2): what a period has come to, and what its remaining
//! days usually add; other metrics go on as they went.

use super::compare::{Compare, Decided, beyond};
use super::read::{Maybe, Reader, is_off};
use super::refer::has_past;
use super::span::{Back, Span, last, period};
use super::tick::Tick;
use super::truth::Truth;
use crate::alert::metric::Metric;
use crate::alert::sample::{Evidence, Why};
use crate::budget::Period;
use crate::unit::{Micros, UnixMicros};
use crate::window::{Window, local_date};
use chrono::{Datelike, Days, NaiveDate};

/// Days that make the profile: four of each weekday.
const PROFILE_DAYS: u64 = 28;

/// A forecast, ready to be decided.
#[derive(Debug, Clone)]
pub(super) struct Forecast {
    /// Of what, and against which bound.
    pub compare: Compare,
    /// How far ahead; the end of the period where unset.
    pub ahead: Option<Micros>,
}

impl Forecast {
    pub(super) fn decide(&self, tick: &Tick<'_>) -> Result<Decided, String> {
        let c = &self.compare;
        if is_off(tick, c.reader.series.metric, c.mechanism) {
            return Ok(Decided::unknown(Why::Disabled));
        }
        let found = c.reader.look(tick, tick.at)?;
        let mut evidence = Evidence {
            n: found.n,
            window_us: found.window.to.since(found.window.from).0,
            ..Evidence::default()
        };
        let unknown = |why, evidence| Ok(Decided { truth: Truth::Unknown(why), evidence });
        let threshold = match c.limit.resolve(tick, &c.reader, &found)? {
            Ok(threshold) => threshold,
            Err(why) => return unknown(why, evidence),
        };
        evidence.threshold = Some(threshold.value);
        evidence.reference = threshold.reference;
        if let Some(why) = c.reader.gap(&found) {
            return unknown(why, evidence);
        }
        let value = match self.value(tick)? {
            Ok(value) => value,
            Err(why) => return unknown(why, evidence),
        };
        evidence.value = Some(value);
        Ok(Decided { truth: Truth::of(beyond(c.cmp, value, threshold.value)), evidence })
    }

    fn value(&self, tick: &Tick<'_>) -> Maybe<f64> {
        match self.running(tick) {
            Some(running) => self.to_date_and_rest(tick, running),
            None => self.onwards(tick),
        }
    }

    /// The whole period a sum runs in.
    fn running(&self, tick: &Tick<'_>) -> Option<Window> {
        match self.compare.reader.span {
            Span::Period(of) => Some(period(of, tick.at, tick)),
            Span::Today => Some(Period::Day.containing(tick.at, tick.zone)),
            _ => None,
        }
    }

    /// To date, and for what remains the mean of its weekday.
    fn to_date_and_rest(&self, tick: &Tick<'_>, running: Window) -> Maybe<f64> {
        let reader = &self.compare.reader;
        let so_far = reader.look_in(tick, Window { to: tick.at, ..running }, 0)?;
        let so_far = match reader.value(tick, &so_far)? {
            Ok(value) => value,
            Err(why) => return Ok(Err(why)),
        };
        let end = self.ahead.map_or(running.to, |d| tick.at.after(d).min(running.to));
        let Some(today) = local_date(tick.at, tick.zone) else { return Ok(Err(Why::NoData)) };
        let Some(profile) = Profile::learn(reader, tick, today)? else {
            return Ok(Err(Why::WarmingUp));
        };
        let mut total = so_far;
        for date in today.iter_days() {
            let Some(day) = Window::day(date, tick.zone) else { break };
            if day.from >= end {
                break;
            }
            let rest = Window { from: day.from.max(tick.at), to: day.to.min(end) };
            total += profile.of(date) * rest.minutes() / day.minutes().max(1.0);
        }
        Ok(Ok(total))
    }

    /// As it went over the last so much time, so it goes on.
    fn onwards(&self, tick: &Tick<'_>) -> Maybe<f64> {
        let reader = &self.compare.reader;
        let word = reader.series.metric.word();
        let Some(ahead) = self.ahead else {
            return Err(format!("forecast({word}) has no period to end with; write how far ahead"));
        };
        if !has_past(reader.span) {
            return Err(format!("forecast({word}) needs a past, and only its present is known"));
        }
        let now = reader.look(tick, tick.at)?;
        let past = reader.look_over(tick, Back::By(ahead).from(tick.at, tick.zone), now.step)?;
        let (now, past) = (reader.value(tick, &now)?, reader.value(tick, &past)?);
        Ok(now.and_then(|now| past.map(|past| now + (now - past))))
    }
}

/// What each weekday usually comes to.
struct Profile {
    weekdays: [Option<f64>; 7],
    overall: f64,
}

impl Profile {
    /// From the last complete days; nothing where there is none. A day without calls after the first
    /// with some came to nothing; days before that are not known.
    fn learn(reader: &Reader, tick: &Tick<'_>, today: NaiveDate) -> Result<Option<Self>, String> {
        let mut days: [(f64, f64); 7] = [(0.0, 0.0); 7];
        let mut begun = false;
        for back in (1..=PROFILE_DAYS).rev() {
            let Some(date) = today.checked_sub_days(Days::new(back)) else { continue };
            let Some(day) = Window::day(date, tick.zone) else { continue };
            let found = reader.look_in(tick, day, 0)?;
            begun |= found.n > 0;
            if !begun {
                continue;
            }
            // Of a day with calls whose value is not known nobody knows what it came to.
            let value = match reader.value(tick, &found)? {
                Ok(value) => value,
                Err(_) if found.calls().is_some_and(|c| c.rollup.requests() > 0) => continue,
                Err(_) => 0.0,
            };
            if let Some((sum, n)) = days.get_mut(weekday(date)) {
                *sum += value;
                *n += 1.0;
            }
        }
        let (sum, n) = days.iter().fold((0.0, 0.0), |(s, n), (sum, days)| (s + sum, n + days));
        let weekdays = days.map(|(sum, n)| (n > 0.0).then(|| sum / n));
        Ok((n > 0.0).then(|| Self { weekdays, overall: sum / n }))
    }

    fn of(&self, date: NaiveDate) -> f64 {
        self.weekdays.get(weekday(date)).copied().flatten().unwrap_or(self.overall)
    }
}

fn weekday(date: NaiveDate) -> usize {
    usize::try_from(date.weekday().num_days_from_monday()).unwrap_or(0)
}

/// Whether no data came, for `no data for 10m from …` and `absent(…)`.
#[derive(Debug, Clone)]
pub(super) struct Missing {
    /// From what.
    pub reader: Reader,
    /// For how long; the series' own window where unset.
    pub length: Option<Micros>,
}

impl Missing {
    pub(super) fn decide(&self, tick: &Tick<'_>) -> Result<Decided, String> {
        let metric = self.reader.series.metric;
        if is_off(tick, metric, Metric::mechanism(metric)) {
            return Ok(Decided::unknown(Why::Disabled));
        }
        let found = match self.length {
            Some(length) => self.reader.look_in(tick, last(length, tick.at), 0)?,
            None => self.reader.look_over(tick, tick.at, 0)?,
        };
        let evidence = Evidence {
            n: found.n,
            window_us: found.window.to.since(found.window.from).0,
            ..Evidence::default()
        };
        let truth = match found.missing {
            Why::Disabled | Why::NotConfigured if found.n == 0 => Truth::Unknown(found.missing),
            _ => Truth::of(found.n == 0),
        };
        Ok(Decided { truth, evidence })
    }

    /// The moment and window in which its label sets are looked for: one that has vanished must
    /// have been there before.
    pub(super) fn seen_in(&self, at: UnixMicros) -> Option<Window> {
        self.length.map(|length| last(Micros(length.0.saturating_mul(2)), at))
    }
}
