//! One comparison: what is tested, the verdict, and whether it is worth an alert.

use super::adjust::adjusted;
use super::clock::{self, Cycle, Timed};
use super::metric::Metric;
use super::moments::{mean, variance};
use super::settings::{Adjustment, Method, Points, Settings};
use super::tested::Tested;
use super::{bias, block, calibration, student};
use crate::unit::UnixMicros;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// Fewest effective points a side; below, the dependence of points leaves nothing to compare.
const MIN_EFFECTIVE: f64 = 5.0;

/// What is said where numbers run out of digits.
const TOO_FAR: &str = "the values are too far apart to compare";

/// What is known about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is worse than the minimum.
    Regressed,
    /// The whole interval is better than that.
    Fine,
    /// The interval spans it; `mde` says what could have been seen.
    Inconclusive,
    /// Nothing can be said; `reason` says why.
    InsufficientData,
}

/// Where the current mean lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above the baseline's.
    Increase,
    /// Below it.
    Decrease,
}

/// A comparison of two periods. Every number is finite or `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Two-sided, unadjusted.
    pub p_value: Option<f64>,
    /// Whether `q_value` is below the level. Says nothing about direction.
    pub significant: bool,
    /// Of the means; a tie counts as the better side.
    pub direction: Option<Direction>,
    /// (current − baseline) / baseline of the means.
    pub magnitude: Option<f64>,
    /// What is known.
    pub verdict: Verdict,
    /// Whether the verdict is `regressed`.
    pub regression: bool,
    /// Whether the whole interval is better by more than the minimum.
    pub improvement: bool,
    /// Why there is no verdict.
    pub reason: Option<String>,
    /// How it was tested.
    pub method: Method,
    /// What the method assumes or allows for, where that may mislead.
    pub caveat: Option<String>,
    /// Whether the level was measured for such points; nothing where nothing was tested.
    pub calibrated: Option<bool>,
    /// Why it was not.
    pub uncalibrated: Option<String>,
    /// Of the interval.
    pub confidence: f64,
    /// Adverse relative change; positive is worse.
    pub effect: Option<f64>,
    /// Lower bound of the effect.
    pub ci_low: Option<f64>,
    /// Upper bound of the effect.
    pub ci_high: Option<f64>,
    /// What the interval must exceed.
    pub delta_min: Option<f64>,
    /// What the effect must reach for an alert.
    pub min_effect: f64,
    /// The effect that would be significant four times out of five.
    pub mde: Option<f64>,
    /// Baseline points used.
    pub n_baseline: usize,
    /// Current points used.
    pub n_current: usize,
    /// Independent points the smaller side is worth.
    pub n_eff: Option<f64>,
    /// p after adjustment.
    pub q_value: Option<f64>,
    /// How p was adjusted.
    pub adjustment: Adjustment,
    /// The part of the change that comes from a changed mix of traffic.
    pub mix_effect: Option<f64>,
}

/// Compares one metric; its q-value is that of a family of one.
#[must_use]
pub fn compare(metric: Metric, base: &Points, current: &Points, settings: &Settings) -> Comparison {
    let mut alone = [single(metric, base, current, settings)];
    adjust(&mut alone, settings);
    let [only] = alone;
    only
}

/// Compares several metrics and corrects for their number.
#[must_use]
pub fn compare_all(
    series: &[(Metric, Points, Points)],
    settings: &Settings,
) -> Vec<(Metric, Comparison)> {
    let mut found: Vec<Comparison> = series
        .iter()
        .map(|(metric, base, current)| single(*metric, base, current, settings))
        .collect();
    adjust(&mut found, settings);
    series.iter().map(|(metric, ..)| *metric).zip(found).collect()
}

impl Comparison {
    /// Whether one run is worth an alert, if the next run says the same: regressed, by enough, and significant.
    #[must_use]
    pub fn alerts(&self) -> bool {
        self.regression && self.significant && self.effect.is_some_and(|e| e >= self.min_effect)
    }

    fn begun(metric: Metric, settings: &Settings) -> Self {
        Self {
            p_value: None,
            significant: false,
            direction: None,
            magnitude: None,
            verdict: Verdict::InsufficientData,
            regression: false,
            improvement: false,
            reason: None,
            method: settings.method,
            caveat: caveat(settings.method),
            calibrated: None,
            uncalibrated: None,
            confidence: settings.confidence,
            effect: None,
            ci_low: None,
            ci_high: None,
            delta_min: None,
            min_effect: metric.min_effect(),
            mde: None,
            n_baseline: 0,
            n_current: 0,
            n_eff: None,
            q_value: None,
            adjustment: settings.adjustment,
            mix_effect: None,
        }
    }
}

fn caveat(method: Method) -> Option<String> {
    let text = match method {
        Method::MovingBlockBootstrap => return None,
        Method::Student => {
            "assumes independent points of equal variance; hourly points make it find changes that are none"
        }
        Method::Welch => {
            "assumes independent points; hourly points make it find changes that are none"
        }
    };
    Some(text.to_owned())
}

/// Several comparisons as one object: the guide's three keys always, others where compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Report(pub Vec<(Metric, Comparison)>);

impl Report {
    /// What is said where nothing could be read: every key, and why.
    #[must_use]
    pub fn undecided(reason: &str, settings: &Settings) -> Self {
        let guide = [Metric::Latency, Metric::Tokens, Metric::Quality];
        Self(
            guide
                .map(|metric| {
                    let begun = Comparison::begun(metric, settings);
                    (metric, Comparison { reason: Some(reason.to_owned()), ..begun })
                })
                .to_vec(),
        )
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (metric, comparison) in &self.0 {
            map.serialize_entry(metric.key(), comparison)?;
        }
        map.end()
    }
}

fn single(metric: Metric, base: &Points, current: &Points, settings: &Settings) -> Comparison {
    let mut found = Comparison::begun(metric, settings);
    let least = settings.min_samples.unwrap_or(metric.min_samples());
    let (base, current) = (Kept::of(base, least), Kept::of(current, least));
    found.n_baseline = base.values.len();
    found.n_current = current.values.len();
    describe(metric, &base, &current, &mut found);
    if let Some(reason) = lacking(&base, &current, settings) {
        found.reason = Some(reason);
        return found;
    }
    let unlike = match (metric.is_quantile(), &base.counts, &current.counts) {
        (true, Some(before), Some(after)) => bias::allowance(before, after),
        _ => 0.0,
    };
    let scale = largest(&base.values, &current.values);
    let Some((tested, effective, phi)) = test(&base, &current, scale, settings, &mut found.caveat)
    else {
        found.reason = Some(TOO_FAR.to_owned());
        return found;
    };
    found.uncalibrated = calibration::doubt(settings, (found.n_baseline, found.n_current), phi);
    found.calibrated = Some(found.uncalibrated.is_none());
    judge(metric, &tested, effective, unlike, scale, settings, &mut found);
    found
}

/// The points that count.
#[derive(Debug)]
struct Kept {
    values: Vec<f64>,
    counts: Option<Vec<u64>>,
    times: Option<Vec<UnixMicros>>,
    step: Option<i64>,
    dropped: usize,
}

impl Kept {
    fn of(points: &Points, least: u64) -> Self {
        let enough = |at: usize| {
            let count = points.counts.as_ref().and_then(|counts| counts.get(at));
            count.is_none_or(|n| *n >= least)
        };
        let kept: Vec<usize> = (0..points.values.len())
            .filter(|at| enough(*at) && points.values.get(*at).is_some_and(|v| v.is_finite()))
            .collect();
        let values = kept.iter().filter_map(|at| points.values.get(*at).copied()).collect();
        let counts = points.counts.as_ref().map(|counts| {
            kept.iter().map(|at| counts.get(*at).copied().unwrap_or(least)).collect()
        });
        let times = points
            .times
            .as_ref()
            .and_then(|times| kept.iter().map(|at| times.get(*at).copied()).collect());
        let dropped = points.values.len() - kept.len();
        Self { values, counts, times, step: points.step, dropped }
    }
}

/// Direction and magnitude, which need no test.
fn describe(metric: Metric, base: &Kept, current: &Kept, found: &mut Comparison) {
    let scale = largest(&base.values, &current.values);
    let means = mean(&scaled(&base.values, scale)).zip(mean(&scaled(&current.values, scale)));
    let Some((before, after)) = means else { return };
    let tie_is_increase = metric == Metric::Quality;
    let up = after > before || (tie_is_increase && after >= before);
    found.direction = Some(if up { Direction::Increase } else { Direction::Decrease });
    found.magnitude = Some((after - before) / before).filter(|m| m.is_finite());
    found.delta_min = metric.delta_min(before * scale);
}

/// Why nothing can be compared, if so.
fn lacking(base: &Kept, current: &Kept, settings: &Settings) -> Option<String> {
    let least = settings.min_points.max(2);
    for (name, side) in [("baseline", base), ("current period", current)] {
        let n = side.values.len();
        if n < least {
            let dropped = match side.dropped {
                0 => String::new(),
                dropped => format!(" ({dropped} more rest on too few requests)"),
            };
            let points = if n == 1 { "point" } else { "points" };
            return Some(format!("the {name} has {n} {points}{dropped}; {least} are needed"));
        }
    }
    let still = |side: &Kept| variance(&scaled(&side.values, largest(&side.values, &[])));
    if still(base).is_none_or(|v| v <= 0.0) && still(current).is_none_or(|v| v <= 0.0) {
        return Some("neither side varies, so chance cannot be measured".to_owned());
    }
    let before = mean(&scaled(&base.values, largest(&base.values, &[]))).unwrap_or(0.0);
    (before <= 0.0)
        .then(|| "the baseline's mean is not above 0, so no relative change exists".to_owned())
}

/// The largest absolute value, by which sums are kept from overflowing; 1 where all are 0.
fn largest(base: &[f64], current: &[f64]) -> f64 {
    let most = base.iter().chain(current).fold(0.0_f64, |most, v| most.max(v.abs()));
    if most > 0.0 { most } else { 1.0 }
}

fn scaled(values: &[f64], scale: f64) -> Vec<f64> {
    values.iter().map(|v| v / scale).collect()
}

/// What the method found, the effective size of the smaller side, and how far neighbours depend on each other.
fn test(
    base: &Kept,
    current: &Kept,
    scale: f64,
    settings: &Settings,
    caveat: &mut Option<String>,
) -> Option<(Tested, f64, f64)> {
    let (before, after) = (scaled(&base.values, scale), scaled(&current.values, scale));
    let size = before.len().min(after.len()) as f64;
    match settings.method {
        Method::MovingBlockBootstrap => {
            let base = Timed { values: &before, times: base.times.as_deref(), step: base.step };
            let current =
                Timed { values: &after, times: current.times.as_deref(), step: current.step };
            let ready = clock::ready(base, current, settings.min_points.max(2));
            *caveat = hidden(ready.cycle, before.len().min(after.len()));
            block::tested(&ready, settings.alpha())
        }
        Method::Student => Some((student::student_parts(&before, &after)?, size, 0.0)),
        Method::Welch => Some((student::welch_parts(&before, &after)?, size, 0.0)),
    }
}

/// What is said of a cycle that may hide in short series.
fn hidden(cycle: Cycle, shorter: usize) -> Option<String> {
    let Cycle::Hidden { points, clock } = cycle else { return None };
    let text = if clock {
        "the periods hold other hours of the week, so the interval allows for a usual day or week cycle between them"
    } else {
        "nothing says when the points were, so the interval allows for part of a usual day or week cycle; give timestamps, \
         or start and step, or at least step"
    };
    ((shorter as f64) < points).then(|| text.to_owned())
}

fn judge(
    metric: Metric,
    tested: &Tested,
    effective: f64,
    unlike: f64,
    scale: f64,
    settings: &Settings,
    found: &mut Comparison,
) {
    let alpha = settings.alpha();
    let sign = metric.adverse();
    found.n_eff = Some(effective);
    let Some(p_value) = tested.p_value(unlike) else {
        found.reason = Some(TOO_FAR.to_owned());
        return;
    };
    found.p_value = Some(p_value);
    found.effect =
        Some(sign * (tested.current - tested.base) / tested.base).filter(|e| e.is_finite());
    found.mde = tested.detectable(alpha);
    found.delta_min = metric.delta_min(tested.base * scale);
    if unlike > 0.0 {
        let text = format!(
            "the windows rest on unlike numbers of requests; a difference of {:.1} % is allowed for that",
            unlike * 100.0
        );
        let both = found.caveat.take().map_or(text.clone(), |other| format!("{other}; {text}"));
        found.caveat = Some(both);
    }
    let interval = tested.interval(alpha, unlike);
    let (Some((low, high)), Some(least)) = (interval, found.delta_min) else {
        found.verdict = Verdict::Inconclusive;
        return;
    };
    let (low, high) = if sign > 0.0 { (low, high) } else { (-high, -low) };
    found.ci_low = Some(low);
    found.ci_high = Some(high);
    if settings.method == Method::MovingBlockBootstrap && effective < MIN_EFFECTIVE {
        found.reason = Some(format!(
            "the points of a side depend on each other so much that they are worth {effective:.1} independent ones; \
             {MIN_EFFECTIVE} are needed"
        ));
        return;
    }
    found.improvement = high < -least;
    found.verdict = match () {
        () if low > least => Verdict::Regressed,
        () if high < least => Verdict::Fine,
        () => Verdict::Inconclusive,
    };
    found.regression = found.verdict == Verdict::Regressed;
}

/// q-values of those that were decided, and what is significant by them.
fn adjust(found: &mut [Comparison], settings: &Settings) {
    let known: Vec<f64> = found.iter().filter_map(|c| c.p_value).collect();
    let mut adjusted = adjusted(&known, settings.adjustment).into_iter();
    for comparison in found {
        if comparison.p_value.is_some() {
            comparison.q_value = adjusted.next();
        }
        let decided = comparison.verdict != Verdict::InsufficientData;
        let small = comparison.q_value.is_some_and(|q| q < settings.alpha());
        comparison.significant = decided && small;
    }
}
