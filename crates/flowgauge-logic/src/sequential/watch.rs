//! The online detector: says, as points arrive, that a metric has begun to be different.
//!
//! Owns one Shiryaev–Roberts e-detector (Shin, Ramdas, Rinaldo 2024): `M ← (1 + M) · L`, alarm at `M ≥ N`, which without
//! change gives at most one alarm in N points on average. L is the e-value of a bet that the newest point ranks high (or
//! low) among those remembered: seasons are taken out by phase medians, autocorrelation by differencing with φ, and only
//! the rank is used, so that skew and outliers do not matter. Refuses a history shorter than its warm-up, and refuses to
//! remember more than a fixed number of points.

use crate::change_point::scores::normal_quantile;
use crate::change_point::season;
use serde::{Deserialize, Serialize};

/// Points learnt before anything is said: an extreme rank among fewer is not extreme.
pub(super) const WARM_UP: usize = 60;
/// Points remembered without a season, and cycles with one.
const MEMORY: usize = 512;
const CYCLES: usize = 8;
/// Rises of the scores that are bet on, in standard deviations, with equal stakes.
const BETS: [f64; 3] = [0.5, 1.0, 2.0];
/// Season and autocorrelation are estimated again after this many points: each costs a pass over the memory.
const REVIEW: u64 = 32;
/// Most autocorrelation taken out.
const PHI_MAX: f64 = 0.95;
/// Values further than this many deviations (by MAD) from the median do not pull φ.
const CLIP: f64 = 3.0;

/// What counts as different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Larger values.
    Up,
    /// Smaller values.
    Down,
    /// Either.
    Both,
}

/// What is watched for, and the budget of false alarms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WatchSettings {
    /// Points between false alarms, on average, at least.
    pub run_length: f64,
    /// Which changes matter.
    pub direction: Direction,
    /// Points per season; `None` finds out.
    pub period: Option<usize>,
}

impl WatchSettings {
    /// A budget of one false alarm in so many weeks.
    #[must_use]
    pub fn weeks(weeks: f64, points_per_week: f64, direction: Direction) -> Self {
        Self { run_length: (weeks * points_per_week).max(1.0), direction, period: None }
    }

    /// The budget as people read it.
    #[must_use]
    pub fn sentence(&self, points_per_week: f64) -> String {
        let weeks = self.run_length / points_per_week;
        if weeks >= 1.5 {
            format!("at most one false alarm per metric per {weeks:.0} weeks")
        } else if weeks >= 0.95 {
            "at most one false alarm per metric per week".to_owned()
        } else {
            format!("at most {:.1} false alarms per metric per week", weeks.recip())
        }
    }
}

/// An alarm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The detector's value; at least the run length.
    pub evidence: f64,
    /// Whether the metric rose.
    pub rose: bool,
}

/// The detector of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    settings: WatchSettings,
    recent: Vec<f64>,
    seen: u64,
    period: usize,
    phi: f64,
    up: [f64; BETS.len()],
    down: [f64; BETS.len()],
}

impl Watch {
    /// A detector that has seen nothing.
    #[must_use]
    pub fn new(settings: WatchSettings) -> Self {
        let none = [0.0; BETS.len()];
        Self { settings, recent: Vec::new(), seen: 0, period: 1, phi: 0.0, up: none, down: none }
    }

    /// What it watches for.
    #[must_use]
    pub const fn settings(&self) -> &WatchSettings {
        &self.settings
    }

    /// Takes the next point. After an alarm the detector learns anew: what was different is what is usual now.
    ///
    /// A missing point (not finite) is passed over.
    pub fn observe(&mut self, value: f64) -> Option<Alarm> {
        self.remember(value);
        if !value.is_finite() || self.recent.len() <= WARM_UP.max(2 * self.period) {
            return None;
        }
        let score = self.newest_score()?;
        let (up, down) = (grow(&mut self.up, score), grow(&mut self.down, -score));
        let evidence = match self.settings.direction {
            Direction::Up => up,
            Direction::Down => down,
            Direction::Both => f64::midpoint(up, down),
        };
        if evidence < self.settings.run_length {
            return None;
        }
        let rose = match self.settings.direction {
            Direction::Up => true,
            Direction::Down => false,
            Direction::Both => up >= down,
        };
        *self = Self::new(self.settings);
        Some(Alarm { evidence, rose })
    }

    fn remember(&mut self, value: f64) {
        self.recent.push(value);
        self.seen += 1;
        let due = self.seen.is_multiple_of(REVIEW) || self.recent.len() == WARM_UP;
        if self.recent.len() >= WARM_UP && due {
            self.period = season::period(&self.recent, self.settings.period);
            self.phi = cautious_phi(&self.flat());
        }
        let given = self.settings.period.unwrap_or(1);
        let most = MEMORY.max(CYCLES * self.period.max(given));
        if self.recent.len() > most {
            self.recent.remove(0);
        }
    }

    /// What is remembered, without season and missing points.
    fn flat(&self) -> Vec<f64> {
        let finite = || self.recent.iter().enumerate().filter(|(_, v)| v.is_finite());
        let values: Vec<f64> = finite().map(|(_, v)| *v).collect();
        if self.period <= 1 {
            return values;
        }
        let phases: Vec<usize> = finite().map(|(t, _)| t % self.period).collect();
        season::remove(&values, &phases, &vec![0.0; values.len()], self.period)
    }

    /// The normal score of the newest point among those remembered.
    fn newest_score(&self) -> Option<f64> {
        let flat = self.flat();
        let [.., before, last] = flat.as_slice() else { return None };
        let newest = last - self.phi * before;
        let (mut rank, mut count) = (0.0, 0.0);
        for pair in flat.windows(2) {
            let fresh = pair[1] - self.phi * pair[0];
            count += 1.0;
            rank += match fresh.total_cmp(&newest) {
                std::cmp::Ordering::Less => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Greater => 0.0,
            };
        }
        Some(normal_quantile(rank / count))
    }
}

/// One step of the detectors; their average is the evidence.
fn grow(detectors: &mut [f64; BETS.len()], score: f64) -> f64 {
    for (m, bet) in detectors.iter_mut().zip(BETS) {
        // Where nothing changed, mid-rank scores spread a little less than a normal variable: the e-value errs low.
        *m = (1.0 + *m) * (bet * score - bet * bet / 2.0).exp();
    }
    detectors.iter().sum::<f64>() / BETS.len() as f64
}

/// Lag-one autocorrelation, taken one standard error high: what is left in makes alarms come early, what is taken out
/// in excess only makes them come late.
fn cautious_phi(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let mut off: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    off.sort_unstable_by(f64::total_cmp);
    // 1.4826 makes the MAD that of a normal deviation.
    let limit = CLIP * 1.4826 * off.get(off.len() / 2).copied().unwrap_or(0.0);
    let clipped: Vec<f64> = values.iter().map(|v| (v - middle).clamp(-limit, limit)).collect();
    let mean = clipped.iter().sum::<f64>() / clipped.len().max(1) as f64;
    let below: f64 = clipped.iter().map(|c| (c - mean).powi(2)).sum();
    let above: f64 = clipped.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    if below <= 0.0 {
        return 0.0;
    }
    let n = clipped.len() as f64;
    let phi = above / below;
    // Bias (1 + 3φ) / n: Kendall 1954.
    (phi + (1.0 + 3.0 * phi) / n + n.sqrt().recip()).clamp(0.0, PHI_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_reads_as_a_sentence() {
        let hourly = 168.0;
        let watch = WatchSettings::weeks(4.0, hourly, Direction::Up);
        assert_eq!(watch.sentence(hourly), "at most one false alarm per metric per 4 weeks");
        let often = WatchSettings::weeks(0.5, hourly, Direction::Up);
        assert_eq!(often.sentence(hourly), "at most 2.0 false alarms per metric per week");
    }

    #[test]
    fn a_constant_metric_never_alarms_and_a_step_out_of_it_does() {
        let mut watch = Watch::new(WatchSettings::weeks(4.0, 168.0, Direction::Up));
        for _ in 0..300 {
            assert_eq!(watch.observe(5.0), None);
        }
        let late = (0..40).position(|i| watch.observe(8.0 + f64::from(i % 2)).is_some());
        assert!(late.is_some_and(|l| l < 20), "{late:?}");
    }

    #[test]
    fn a_detector_written_down_and_read_back_goes_on_alike() {
        let mut watch = Watch::new(WatchSettings::weeks(1.0, 24.0, Direction::Both));
        let wave = |i: u32| f64::from(i * 7919 % 101);
        for i in 0..90 {
            watch.observe(wave(i));
        }
        let text = serde_json::to_string(&watch).unwrap();
        let mut again: Watch = serde_json::from_str(&text).unwrap();
        for i in 90..200 {
            assert_eq!(watch.observe(wave(i)), again.observe(wave(i)));
        }
    }
}
