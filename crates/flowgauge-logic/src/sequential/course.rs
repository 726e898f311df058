//! A metric watched hour by hour: what the online detector heard, by how much the metric differs from
//! its own week before, and whether that still is so.
//!
//! Only an adverse alarm of at least the minimum effect counts as a regression; others are kept for
//! people to see. Pure: hours are handed in, in order, each once.

use super::watch::{Alarm, Direction, Watch, WatchSettings};
use crate::call::Text;
use crate::regression::Metric;
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Hourly points of a week.
pub const POINTS_PER_WEEK: f64 = 168.0;
/// Hours of a day: a metric is compared with the same hours.
const DAY: usize = 24;
/// Hours before an alarm that say what was usual.
const USUAL: usize = 168;
/// Newest hours whose median difference is the effect: one strange hour decides nothing.
const NEWEST: usize = 6;
/// Hours remembered: the usual ones, and as many after an alarm.
const REMEMBERED: usize = 2 * USUAL;
/// After so long the other level is what is usual now.
const LASTS: i64 = 7 * UnixMicros::DAY;
/// An alarm comes before most of the newest hours are different: whether it is large enough shows
/// within a day.
const SHOWS: i64 = UnixMicros::DAY;
/// Alarms kept for people.
const KEPT: usize = 50;
/// A regression is over when less than this part of the minimum effect is left.
const OVER: f64 = 0.5;

/// A metric and its detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Which metric.
    pub metric: Metric,
    /// Whose evaluations it is made of, where it is of quality: those of another are another course.
    pub evaluator: Option<Text>,
    /// First moment of the hour that comes next; nothing before the first.
    pub next: Option<UnixMicros>,
    /// Hours with a value so far.
    pub seen: u64,
    watch: Watch,
    recent: VecDeque<Option<f64>>,
    /// Alarms, the latest last.
    pub heard: Vec<Heard>,
}

/// An alarm, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// First moment of the hour that raised it.
    pub hour: UnixMicros,
    /// What the detector had, and needed.
    pub evidence: f64,
    /// The run length it was set to.
    pub needed: f64,
    /// Whether the metric rose.
    pub rose: bool,
    /// Adverse change against the same hours of the week before, relative; as of the last hour.
    pub effect: Option<f64>,
    /// What became of it.
    pub stage: Stage,
    /// The usual value of each hour of the day, from midnight UTC.
    usual: [Option<f64>; DAY],
}

/// What became of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is not known yet whether the change is large enough to matter.
    Heard,
    /// A regression that lasts.
    Lasts,
    /// It was too small, is over, or is what is usual by now.
    Over,
}

/// The direction in which a metric gets worse.
#[must_use]
const fn adverse(metric: Metric) -> Direction {
    match metric {
        Metric::Quality => Direction::Down,
        Metric::Latency | Metric::Tokens | Metric::Cost => Direction::Up,
    }
}

impl Course {
    /// A metric nothing is known of. One false alarm in `weeks`, over all metrics together.
    #[must_use]
    pub fn new(metric: Metric, weeks: f64) -> Self {
        let metrics = f64::from(u32::try_from(Metric::ALL.len()).unwrap_or(1));
        let settings = WatchSettings::weeks(weeks * metrics, POINTS_PER_WEEK, adverse(metric));
        let (recent, heard) = (VecDeque::new(), Vec::new());
        let (watch, evaluator) = (Watch::new(settings), None);
        Self { metric, evaluator, next: None, seen: 0, watch, recent, heard }
    }

    /// The course of this evaluator: itself, or one that is learned anew. A judge who is stricter than the
    /// one before is no fall of quality.
    #[must_use]
    pub fn judged_by(self, evaluator: &str, weeks: f64) -> Self {
        if self.evaluator.as_deref() == Some(evaluator) {
            return self;
        }
        Self { evaluator: Some(Text::from(evaluator)), ..Self::new(self.metric, weeks) }
    }

    /// Whether it was made for this budget.
    #[must_use]
    pub fn is_for(&self, weeks: f64) -> bool {
        self.watch.settings() == Self::new(self.metric, weeks).watch.settings()
    }

    /// Takes the next hour; whether it raised an alarm.
    pub fn observe(&mut self, hour: UnixMicros, value: Option<f64>) -> bool {
        self.next = Some(UnixMicros(hour.0 + UnixMicros::HOUR));
        let value = value.filter(|v| v.is_finite());
        self.seen += u64::from(value.is_some());
        self.recent.push_back(value);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        let needed = self.watch.settings().run_length;
        let alarm = self.watch.observe(value.unwrap_or(f64::NAN));
        for at in 0..self.heard.len() {
            self.review(at, hour);
        }
        if let Some(Alarm { evidence, rose }) = alarm {
            let usual = self.usual(hour);
            self.heard.push(Heard {
                hour,
                evidence,
                needed,
                rose,
                effect: None,
                stage: Stage::Heard,
                usual,
            });
            self.review(self.heard.len() - 1, hour);
            if self.heard.len() > KEPT {
                self.heard.remove(0);
            }
        }
        alarm.is_some()
    }

    /// The regression that lasts: the largest, where there are several.
    #[must_use]
    pub fn regressed(&self) -> Option<&Heard> {
        let lasting = self.heard.iter().filter(|heard| heard.stage == Stage::Lasts);
        lasting.max_by(|a, b| a.effect.unwrap_or(0.0).total_cmp(&b.effect.unwrap_or(0.0)))
    }

    /// Adverse change of the last hours against the same hours of the week before, alarm or not.
    #[must_use]
    pub fn effect(&self) -> Option<f64> {
        let last = UnixMicros(self.next?.0 - UnixMicros::HOUR);
        effect(self.metric, &self.newest(last), &self.usual(last))
    }

    /// Whether anything could be heard yet.
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.seen <= super::watch::WARM_UP as u64
    }

    /// Whether what an alarm was raised for matters, and still does.
    fn review(&mut self, at: usize, hour: UnixMicros) {
        let enough = self.metric.min_effect();
        let newest = self.newest(hour);
        let metric = self.metric;
        let Some(heard) = self.heard.get_mut(at).filter(|h| h.stage != Stage::Over) else { return };
        let age = hour.0 - heard.hour.0;
        let effect = effect(metric, &newest, &heard.usual);
        heard.effect = effect.or(heard.effect);
        heard.stage = match (heard.stage, effect) {
            (Stage::Heard, Some(effect)) if effect >= enough => Stage::Lasts,
            (Stage::Heard, _) if age >= SHOWS => Stage::Over,
            (Stage::Lasts, Some(effect)) if effect < OVER * enough => Stage::Over,
            (Stage::Lasts, _) if age >= LASTS => Stage::Over,
            (stage, _) => stage,
        };
    }

    /// The newest known hours: hour of the day and value.
    fn newest(&self, hour: UnixMicros) -> Vec<(usize, f64)> {
        let known = self.recent.iter().rev().enumerate();
        let known = known.filter_map(|(ago, v)| Some((phase(hour, ago), (*v)?)));
        known.take(NEWEST).collect()
    }

    /// The median of each hour of the day over the week before an hour.
    fn usual(&self, hour: UnixMicros) -> [Option<f64>; DAY] {
        let mut days: [Vec<f64>; DAY] = Default::default();
        let all: Vec<f64> =
            self.recent.iter().rev().skip(1).take(USUAL).flatten().copied().collect();
        for (ago, value) in self.recent.iter().rev().enumerate().skip(1).take(USUAL) {
            if let (Some(v), Some(of)) = (value, days.get_mut(phase(hour, ago))) {
                of.push(*v);
            }
        }
        // An hour nobody called at in that week is as usual as the whole week.
        let whole = crate::quantile::exact(&mut all.clone(), 0.5);
        days.map(|mut values| crate::quantile::exact(&mut values, 0.5).or(whole))
    }
}

/// Adverse change of the newest hours against the usual ones: their median.
fn effect(metric: Metric, newest: &[(usize, f64)], usual: &[Option<f64>; DAY]) -> Option<f64> {
    let one = |(phase, value): &(usize, f64)| {
        let usual = usual.get(*phase).copied().flatten()?;
        (usual.abs() > f64::EPSILON).then(|| metric.adverse() * (value / usual - 1.0))
    };
    let mut effects: Vec<f64> = newest.iter().filter_map(one).collect();
    crate::quantile::exact(&mut effects, 0.5)
}

/// The hour of the day so many hours before another.
fn phase(hour: UnixMicros, ago: usize) -> usize {
    let hours = hour.0.div_euclid(UnixMicros::HOUR) - i64::try_from(ago).unwrap_or(0);
    usize::try_from(hours.rem_euclid(24)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_763_000_000_000_000 / UnixMicros::HOUR;

    fn hour(n: i64) -> UnixMicros {
        UnixMicros((START + n) * UnixMicros::HOUR)
    }

    /// A value with noise of about 3 % and a habit of the day of 20 %.
    fn value(n: i64) -> f64 {
        let (n, phase) = (i32::try_from(n).unwrap(), i32::try_from((START + n) % 24).unwrap());
        let noise = f64::from((n * 7_919).rem_euclid(101) - 50) / 50.0 * 0.05;
        let day = (f64::from(phase) / 24.0 * std::f64::consts::TAU).sin() * 0.2;
        1_000.0 * (1.0 + noise + day)
    }

    fn run(metric: Metric, hours: i64, times: impl Fn(i64) -> f64) -> (Course, Vec<i64>) {
        let mut course = Course::new(metric, 4.0);
        let mut alarms = Vec::new();
        for n in 0..hours {
            if course.observe(hour(n), Some(value(n) * times(n))) {
                alarms.push(n);
            }
        }
        (course, alarms)
    }

    #[test]
    fn a_metric_that_got_worse_is_heard_within_a_day_and_by_how_much() {
        let (course, alarms) = run(Metric::Latency, 420, |n| if n >= 400 { 1.3 } else { 1.0 });
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        assert!((400..420).contains(&alarms[0]), "{alarms:?}");
        let heard = course.regressed().unwrap();
        assert!(heard.rose && heard.evidence >= heard.needed);
        assert!((heard.effect.unwrap() - 0.3).abs() < 0.06, "{heard:?}");
        assert_eq!(course.next, Some(hour(420)));
    }

    #[test]
    fn a_metric_that_came_back_is_regressed_no_longer() {
        let bad = |n| if (400..440).contains(&n) { 1.3 } else { 1.0 };
        let (course, _) = run(Metric::Latency, 460, bad);
        assert_eq!(course.heard.len(), 1);
        assert_eq!(course.regressed(), None);
        assert!(course.heard[0].effect.unwrap() < 0.05);
    }

    #[test]
    fn an_improvement_and_a_small_change_are_no_regression() {
        let (better, _) = run(Metric::Latency, 460, |n| if n >= 400 { 0.6 } else { 1.0 });
        assert_eq!(better.regressed(), None);
        let (quality, _) = run(Metric::Quality, 460, |n| if n >= 400 { 1.2 } else { 1.0 });
        assert_eq!(quality.regressed(), None);
        let (small, alarms) = run(Metric::Latency, 520, |n| if n >= 400 { 1.07 } else { 1.0 });
        assert!(!alarms.is_empty(), "it is heard");
        assert_eq!(small.regressed(), None, "and too small to matter");
        let (worse, _) = run(Metric::Quality, 430, |n| if n >= 400 { 0.8 } else { 1.0 });
        assert!(!worse.regressed().unwrap().rose);
    }

    #[test]
    fn another_judge_begins_another_course() {
        let (course, _) = run(Metric::Quality, 100, |_| 1.0);
        let judged = course.judged_by("judge:a 1", 4.0);
        assert_eq!((judged.seen, judged.evaluator.as_deref()), (0, Some("judge:a 1")));
        let mut same = judged.judged_by("judge:a 1", 4.0);
        same.observe(hour(0), Some(80.0));
        let same = same.judged_by("judge:a 1", 4.0);
        assert_eq!(same.seen, 1, "the same judge goes on");
        assert_eq!(same.judged_by("judge:a 2", 4.0).seen, 0, "a new version is another judge");
    }

    #[test]
    fn hours_without_a_value_are_passed_over_and_a_course_read_back_goes_on_alike() {
        let mut course = Course::new(Metric::Tokens, 4.0);
        for n in 0..300 {
            course.observe(hour(n), (n % 24 > 5).then(|| value(n)));
        }
        assert!(!course.is_learning() && course.heard.is_empty(), "{:?}", course.heard);
        let bytes = rmp_serde::to_vec_named(&course).unwrap();
        let mut again: Course = rmp_serde::from_slice(&bytes).unwrap();
        for n in 300..340 {
            let v = Some(value(n) * 1.5);
            assert_eq!(course.observe(hour(n), v), again.observe(hour(n), v));
        }
        assert_eq!(again.heard, course.heard);
        assert!(course.regressed().is_some());
        assert!(course.is_for(4.0) && !course.is_for(5.0));
    }
}
