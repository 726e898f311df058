//! The online detector at work: every hour that is over is handed to a course for each metric, and the
//! rules `regression_*` hear what lasts. No second check is waited for: its false alarms are counted in
//! weeks already.

use super::propose::MIN_SAMPLES;
use super::{RegressionError, Regressions, rule_metric};
use crate::logic::baseline::points_of;
use crate::logic::regression::Metric;
use crate::logic::rollup::Filter;
use crate::logic::score::Evaluator;
use crate::logic::sequential::{Course, Direction, POINTS_PER_WEEK, WatchSettings};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::history::{Wanted, collect, of_record};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Learned from at the first start: four of each hour of the week.
const FIRST: i64 = 28 * UnixMicros::DAY;
/// Who evaluated most of a week is who judges.
const LATELY: i64 = 7 * UnixMicros::DAY;
/// An hour is looked at so long after its end: exporters flush in seconds, evaluators take minutes.
const SETTLED: i64 = 10 * UnixMicros::MINUTE;
/// Looked whether an hour is over: late by a minute at most.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is watched, and how closely.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The budget of false alarms as people read it; nothing where the detector is off.
    pub budget: Option<String>,
    /// Each metric.
    pub courses: Vec<Course>,
}

impl Regressions {
    /// Looks at every hour that is over by now and has not been looked at. Blocks on the store.
    ///
    /// # Errors
    /// The store refuses; nothing was looked at then.
    pub fn look(&self) -> Result<(), RegressionError> {
        let Some(weeks) = self.weeks else { return Ok(()) };
        let mut courses = self.courses(weeks)?;
        let end = (self.now().0 - SETTLED).div_euclid(UnixMicros::HOUR) * UnixMicros::HOUR;
        let first = UnixMicros(end - FIRST);
        let next = |c: &Course| c.next.unwrap_or(first).max(first);
        if courses.values().all(|c| next(c).0 >= end) {
            self.tell_online(courses.values());
            return Ok(());
        }
        let reader = self.reader()?;
        let judge = of_record(&reader, &wanted(lately(end), None))?;
        if let Some(judge) = &judge
            && let Some(course) = courses.remove(&Metric::Quality)
        {
            courses.insert(Metric::Quality, course.judged_by(&judge.to_string(), weeks));
        }
        let from = courses.values().map(next).min().unwrap_or(first);
        let hours = wanted(Window { from, to: UnixMicros(end) }, judge);
        let points = collect(&reader, &hours)?.0.points().to_vec();
        // Before its first request an application is not unusual.
        let begin = points.iter().map(|p| p.at).min().unwrap_or(UnixMicros(end));
        for (metric, course) in &mut courses {
            let mut hour = course.next.map_or(begin, |next| next.max(first));
            while hour.0 < end {
                let point = points.iter().find(|p| p.at == hour);
                let value =
                    point.and_then(|p| points_of(*metric, std::slice::from_ref(p)).values.pop());
                if course.observe(hour, value) {
                    tracing::warn!(metric = metric.series(), hour = %hour.to_rfc3339(), "it has begun to be different");
                }
                hour = UnixMicros(hour.0 + UnixMicros::HOUR);
            }
        }
        let kept: Vec<(&str, &Course)> = courses.iter().map(|(m, c)| (m.series(), c)).collect();
        self.store.keep_watched(&kept)?;
        self.tell_online(courses.values());
        Ok(())
    }

    /// What the online detector knows.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn watched(&self) -> Result<Watched, RegressionError> {
        let Some(weeks) = self.weeks else {
            return Ok(Watched { budget: None, courses: Vec::new() });
        };
        let courses = self.courses(weeks)?.into_values().collect();
        Ok(Watched { budget: Some(budget(weeks)), courses })
    }

    /// Looks on until told to stop.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let this = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || this.look()).await {
                Ok(Ok(())) => {}
                // The store opens after the server starts, and may be away: the hours stay.
                Ok(Err(error)) => {
                    tracing::debug!(%error, "hours were not looked at; again in a minute")
                }
                Err(error) => tracing::error!(%error, "looking at hours broke off"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The courses as kept; one made for another budget is learned anew.
    fn courses(&self, weeks: f64) -> Result<BTreeMap<Metric, Course>, RegressionError> {
        let kept: Vec<Course> = self.store.watched()?;
        let mut courses: BTreeMap<Metric, Course> =
            Metric::ALL.into_iter().map(|m| (m, Course::new(m, weeks))).collect();
        for course in kept.into_iter().filter(|c| c.is_for(weeks)) {
            courses.insert(course.metric, course);
        }
        Ok(courses)
    }

    /// Tells the rules of regressions that last, and how far a metric is from its week before where none
    /// does.
    fn tell_online<'a>(&self, courses: impl Iterator<Item = &'a Course>) {
        for course in courses.filter(|c| !c.is_learning()) {
            let sign = course.metric.adverse();
            let lasts = course.regressed();
            if let Some(by) = lasts.map_or_else(|| course.effect(), |heard| heard.effect) {
                self.facts.tell_online(rule_metric(course.metric), (lasts.is_some(), sign * by));
            }
        }
    }
}

/// The last days before a moment, which say who judges now.
const fn lately(end: i64) -> Window {
    Window { from: UnixMicros(end - LATELY), to: UnixMicros(end) }
}

fn wanted(window: Window, evaluator: Option<Evaluator>) -> Wanted {
    Wanted {
        window,
        bucket_minutes: 60,
        min_samples: MIN_SAMPLES,
        filter: Filter::default(),
        left_out: Vec::new(),
        evaluator,
    }
}

/// The budget as people read it.
fn budget(weeks: f64) -> String {
    let whole = WatchSettings::weeks(weeks, POINTS_PER_WEEK, Direction::Up);
    whole.sentence(POINTS_PER_WEEK).replace(" per metric", " over all metrics")
}
