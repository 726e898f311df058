//! Proposing a baseline: from the last weeks, without the bad times in them, or from a file.

use super::{RegressionError, Regressions};
use crate::logic::alert::episode::Episode;
use crate::logic::alert::rule::Severity;
use crate::logic::baseline::{Baseline, Cell, LeftOut, Origin, Point, Status};
use crate::logic::call::Text;
use crate::logic::regression::{Input, Metric};
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::{Window, local_date};
use crate::query::history::{Wanted, collect};
use crate::store::alerts::EpisodeQuery;
use chrono::Datelike;

/// Requests a point needs: below, an hour says nothing of a percentile.
pub(super) const MIN_SAMPLES: u64 = 20;

/// Most episodes of a window that are left out one by one.
const MAX_EPISODES: usize = 10_000;

/// Rules whose alerts mean that the application itself was not as usual. Budgets and daily sums may be
/// exceeded for weeks in which every request is as it should be.
const JUDGED: [&str; 9] = [
    "latency",
    "ttft",
    "tpot",
    "error_rate",
    "availability",
    "quality",
    "tokens_per_request",
    "cost_per_request",
    "burn_rate",
];

/// What to propose.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its name; year and week of its last day unless given.
    pub name: Option<String>,
    /// Whole days to learn from.
    pub days: u32,
    /// Minutes of a point.
    pub bucket_minutes: u32,
    /// Which calls.
    pub filter: Filter,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Regressions {
    /// Builds a candidate from the last days, without stretches in which an alert was open.
    ///
    /// # Errors
    /// Too little data, the name is taken, or the store refuses.
    pub fn propose(&self, wanted: &Proposal) -> Result<(Baseline, Status), RegressionError> {
        let window = self.last(wanted.days, wanted.bucket_minutes);
        let reader = self.reader()?;
        let history = Wanted {
            window,
            bucket_minutes: wanted.bucket_minutes,
            min_samples: MIN_SAMPLES,
            filter: wanted.filter.clone(),
            left_out: self.bad_times(window)?,
            evaluator: None,
        };
        let (builder, evaluator) = collect(&reader, &history)?;
        let name = Text::from(wanted.name.clone().unwrap_or_else(|| self.week_of(window.to)));
        let made = (self.now(), Text::from(&*wanted.by));
        let baseline = builder
            .finish(name, window, made, evaluator)
            .map_err(|e| RegressionError::TooLittle(e.to_string()))?;
        self.keep(baseline, "proposed", &wanted.by, &wanted.why)
    }

    /// Keeps the three lists of the guide as a candidate.
    ///
    /// # Errors
    /// The name is taken, or the store refuses.
    pub fn import(
        &self,
        (name, file): (&str, &str),
        period: &Input,
        by: &str,
    ) -> Result<(Baseline, Status), RegressionError> {
        let now = self.now();
        let points = points(period);
        if points.is_empty() {
            return Err(RegressionError::TooLittle("the file has no values".to_owned()));
        }
        let baseline = Baseline {
            name: Text::from(name),
            window: Window { from: now, to: now },
            made: now,
            made_by: Text::from(by),
            origin: Origin::Imported { file: Text::from(file) },
            evaluator: None,
            bucket_minutes: 60,
            whole: Cell { points, ..Cell::default() },
            cells: Vec::new(),
            left_out: Vec::new(),
        };
        self.keep(baseline, "imported", by, file)
    }

    fn keep(
        &self,
        baseline: Baseline,
        what: &'static str,
        by: &str,
        why: &str,
    ) -> Result<(Baseline, Status), RegressionError> {
        if !self.store.add(&baseline, &self.event(&baseline.name, what, by, why))? {
            return Err(RegressionError::Taken(baseline.name.to_string()));
        }
        Ok((baseline, Status::default()))
    }

    /// The last whole days, up to the last whole point.
    pub(super) fn last(&self, days: u32, bucket_minutes: u32) -> Window {
        let bucket = i64::from(bucket_minutes.max(1)) * UnixMicros::MINUTE;
        let to = UnixMicros(self.now().0.div_euclid(bucket) * bucket);
        Window::last(i64::from(days) * UnixMicros::DAY, to)
    }

    /// Stretches of a window in which an alert of the application was open.
    pub(super) fn bad_times(&self, window: Window) -> Result<Vec<LeftOut>, RegressionError> {
        let query = EpisodeQuery { to: Some(window.to), limit: MAX_EPISODES, ..Default::default() };
        let rules = self.alerts.load()?.rules;
        let judged = |episode: &Episode| {
            let rule = rules.iter().find(|rule| rule.name == episode.rule);
            // Of a rule that is gone nothing is known: what it told of is left out.
            rule.is_none_or(|rule| JUDGED.iter().any(|word| rule.text.contains(word)))
        };
        let episodes = self.alerts.episodes(&query)?;
        let bad = episodes.into_iter().filter(|e| e.severity != Severity::Info && judged(e));
        let stretch = |episode: Episode| {
            let to = episode.ended.map_or(window.to, |(at, _)| at);
            let bad = Window { from: episode.first_true, to };
            let touches = bad.to > window.from && bad.from < window.to;
            let why = Text::from(format!("alert {}", episode.rule));
            touches.then_some(LeftOut { window: bad, why })
        };
        Ok(bad.filter_map(stretch).collect())
    }

    /// Alerts of the application that are open now.
    pub(super) fn open_alerts(&self) -> Result<Vec<String>, RegressionError> {
        let now = self.now();
        let moment = Window { from: now, to: UnixMicros(now.0.saturating_add(1)) };
        let open = self.bad_times(moment)?.into_iter();
        Ok(open.map(|l| l.why.trim_start_matches("alert ").to_owned()).collect())
    }

    fn week_of(&self, at: UnixMicros) -> String {
        let last = UnixMicros(at.0.saturating_sub(1));
        match local_date(last, self.zone) {
            Some(day) => format!("{}-w{:02}", day.iso_week().year(), day.iso_week().week()),
            None => last.to_rfc3339(),
        }
    }
}

/// Lists of a file as points: values of the same place are of the same stretch.
fn points(period: &Input) -> Vec<Point> {
    let of = |metric| period.points(metric);
    let (latency, tokens) = (of(Metric::Latency), of(Metric::Tokens));
    let (cost, quality) = (of(Metric::Cost), of(Metric::Quality));
    let longest = [&latency, &tokens, &cost, &quality].map(|p| p.values.len()).into_iter().max();
    let count = |points: &crate::logic::regression::Points, at: usize| {
        let known = points.counts.as_ref().and_then(|counts| counts.get(at).copied());
        // Without counts nothing is known of them; what the file says counts as enough.
        known.unwrap_or(u64::MAX)
    };
    let point = |at: usize| Point {
        at: UnixMicros(i64::try_from(at).unwrap_or(i64::MAX)),
        requests: count(&latency, at),
        latency_p95: latency.values.get(at).copied(),
        tokens: tokens.values.get(at).copied(),
        cost: cost.values.get(at).copied(),
        quality: quality.values.get(at).copied(),
        scored: count(&quality, at),
    };
    (0..longest.unwrap_or(0)).map(point).collect()
}
