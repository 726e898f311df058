//! What an optimisation brought and what it cost: those it touched against those held out.
//!
//! Owns the comparison of one mechanism's arms (tokens, cost, latency, quality, errors), at any time and as often as
//! one likes, and the three ways to say "tokens saved" (`reduction`). Refuses a verdict where an arm is too small, and
//! takes no money for a float where it adds: means are statistics, sums stay integers elsewhere.

mod cluster;
mod mean;
mod reduction;

#[cfg(test)]
mod tests;

pub use cluster::Clusters;
pub use mean::{Compared, Span};
pub use reduction::{Counterfactual, Group, baseline_reduction};

use super::rollout::Arm;
use crate::quantile::Histogram;
use crate::sequential::{PairedBetting, e_bh, histogram_interval};
use crate::unit::{Micros, NanoUsd};
use mean::Means;
use serde::{Deserialize, Serialize};

/// Smallest harms that count: quality 5 % of a good answer's 80 points, latency 10 %, errors one in a hundred
/// (catalogue S38; errors: the shipped warning is 2 %).
const QUALITY_POINTS: f64 = 4.0;
const LATENCY_SHARE: f64 = 0.1;
const ERROR_SHARE: f64 = 0.01;
/// Effects for which the intervals are tightest, as shares of the untouched mean: what tokens and cost are hoped to
/// fall by (K8b).
const HOPED_SHARE: f64 = 0.2;

/// What one call (or one conversation, see [`Clusters`]) brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Billed tokens.
    pub tokens: Option<f64>,
    /// Cost, nano-dollars.
    pub cost: Option<f64>,
    /// Latency, µs.
    pub latency: Option<f64>,
    /// Quality, 0 to 100.
    pub quality: Option<f64>,
    /// Share of failed calls; of one call 0 or 1. A sample without it is no call of its own: a score that comes later
    /// than the call it is about.
    pub failed: Option<f64>,
}

impl Sample {
    /// Of one call. A failed one has no latency, tokens or quality to compare.
    #[must_use]
    pub fn of_call(
        tokens: Option<u64>,
        cost: Option<NanoUsd>,
        latency: Option<Micros>,
        quality: Option<f64>,
        failed: bool,
    ) -> Self {
        let ok = !failed;
        Self {
            tokens: tokens.filter(|_| ok).map(|t| t as f64),
            cost: cost.filter(|_| ok).map(|c| c.0 as f64),
            latency: latency.filter(|_| ok).map(|l| l.0 as f64),
            quality: quality.filter(|q| ok && (0.0..=100.0).contains(q)),
            failed: Some(f64::from(u8::from(failed))),
        }
    }

    /// A score that came later than its call.
    #[must_use]
    pub fn of_score(quality: f64) -> Self {
        let quality = Some(quality).filter(|q| (0.0..=100.0).contains(q));
        Self { quality, ..Self::default() }
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Score of answers.
    Quality,
    /// Share of failed calls.
    Errors,
    /// Time to the last byte.
    Latency,
}

/// What is known of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Worse, by more than counts, and not by chance.
    Regressed,
    /// Not worse by as much as counts.
    Fine,
    /// Neither is certain.
    Inconclusive,
}

/// One metric's comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is compared.
    pub metric: Metric,
    /// What is known.
    pub verdict: Verdict,
    /// Touched minus untouched, in the metric's unit: points, a share, a share of the untouched latency.
    pub effect: Option<Span>,
    /// Evidence against "no difference"; 1 is none.
    pub e_value: f64,
    /// Untouched samples.
    pub untouched: u64,
    /// Touched samples.
    pub touched: u64,
}

/// Everything known of one mechanism.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Chance that any harm is said where there is none.
    pub alpha: f64,
    /// Quality, errors, latency.
    pub findings: Vec<Finding>,
    /// Quality of the touched as a share of the untouched, less one: -0.02 is 2 % lost.
    #[serde(default)]
    pub quality_share: Option<Span>,
    /// Share of tokens saved by comparison with the untouched: method (b), the only causal one.
    pub tokens_saved: Option<Span>,
    /// Share of cost saved, likewise.
    pub cost_saved: Option<Span>,
    /// Share of mean latency saved, likewise.
    pub latency_saved: Option<Span>,
    /// Untouched and touched p95 latency, µs, each with its interval, where the samples reach it.
    pub p95: [Option<(u64, u64)>; 2],
}

impl Report {
    /// The harm that is certain, if any: the metric with the strongest evidence.
    #[must_use]
    pub fn harm(&self) -> Option<&Finding> {
        let regressed = self.findings.iter().filter(|f| f.verdict == Verdict::Regressed);
        regressed.max_by(|a, b| a.e_value.total_cmp(&b.e_value))
    }
}

/// The arms of one mechanism. Its size is fixed; it can be written down and read back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    tokens: Means,
    cost: Means,
    latency: Means,
    /// Logarithms: latency is skewed, and what counts of it is a share.
    log_latency: Means,
    quality: Means,
    failed: Means,
    errors: PairedBetting,
    p95: [Histogram; 2],
}

impl Evidence {
    /// Takes a sample of an arm.
    pub fn observe(&mut self, arm: Arm, sample: &Sample) {
        let touched = arm == Arm::Treated;
        let each = [
            (&mut self.tokens, sample.tokens),
            (&mut self.cost, sample.cost),
            (&mut self.latency, sample.latency),
            (&mut self.log_latency, sample.latency.map(|l| l.max(1.0).ln())),
            (&mut self.quality, sample.quality),
            (&mut self.failed, sample.failed),
        ];
        for (means, value) in each {
            if let Some(value) = value {
                means.observe(touched, value);
            }
        }
        if let Some(failed) = sample.failed {
            if touched {
                self.errors.large(failed);
            } else {
                self.errors.small(failed);
            }
        }
        if let (Some(latency), Some(slot)) =
            (sample.latency, self.p95.get_mut(usize::from(touched)))
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "µs, not negative"
            )]
            slot.record(latency.max(0.0) as u64);
        }
    }

    /// Untouched and touched units: conversations, or calls of nobody known.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        self.failed.counts()
    }

    /// Another evaluator judges from now on: what the one before said is compared with nobody else's word.
    pub fn forget_quality(&mut self) {
        self.quality = Means::default();
    }

    /// Quality of the touched is at most this, at any time with certainty 1 − `alpha`.
    #[must_use]
    pub fn quality_at_most(&self, alpha: f64) -> Option<f64> {
        self.quality.touched_at_most(QUALITY_POINTS, alpha)
    }

    /// What is known now. `alpha` is the chance that any harm is said over the whole life of the comparison where
    /// there is none: the metrics share it (e-BH, Wang and Ramdas 2022).
    #[must_use]
    pub fn report(&self, alpha: f64) -> Report {
        let quality = self.quality.difference(QUALITY_POINTS, alpha);
        let latency = self.log_latency.difference(LATENCY_SHARE.ln_1p(), alpha);
        let errors = self.failed.difference(ERROR_SHARE, alpha);
        // Few errors are no bell curve: what is said of them is bet on, exactly.
        let harm_of_errors = self.errors.bets().below();
        let e_values = [
            quality.map_or(1.0, |q| q.e_value),
            harm_of_errors,
            latency.map_or(1.0, |l| l.e_value),
        ];
        let rejected = e_bh(&e_values, alpha);
        let of_share = |c: Compared| Span {
            estimate: c.span.estimate.exp_m1(),
            low: c.span.low.exp_m1(),
            high: c.span.high.exp_m1(),
        };
        let raw = [
            (Metric::Quality, quality.map(|q| q.span), QUALITY_POINTS, -1.0, &self.quality),
            (Metric::Errors, errors.map(|e| e.span), ERROR_SHARE, 1.0, &self.failed),
            (Metric::Latency, latency.map(of_share), LATENCY_SHARE, 1.0, &self.latency),
        ];
        let findings = raw.into_iter().zip(e_values).enumerate().map(
            |(i, ((metric, effect, least, worse, means), e_value))| {
                let (untouched, touched) = means.counts();
                let verdict = verdict(effect, least, worse, rejected.contains(&i));
                Finding { metric, verdict, effect, e_value, untouched, touched }
            },
        );
        let findings = findings.collect();
        let interval = |h: &Histogram| {
            let (low, high) = histogram_interval(h, 0.95, alpha);
            low.zip(high)
        };
        let [untouched, touched] = &self.p95;
        Report {
            alpha,
            findings,
            quality_share: self.quality.relative(QUALITY_POINTS, alpha),
            tokens_saved: self.tokens.saved(HOPED_SHARE, alpha),
            cost_saved: self.cost.saved(HOPED_SHARE, alpha),
            latency_saved: self.latency.saved(HOPED_SHARE, alpha),
            p95: [interval(untouched), interval(touched)],
        }
    }
}

/// Harm is certain where chance is excluded and the estimate is at least as large as counts, in the bad direction.
fn verdict(effect: Option<Span>, least: f64, worse: f64, rejected: bool) -> Verdict {
    let Some(effect) = effect else { return Verdict::Inconclusive };
    let harm = effect.estimate * worse;
    let most = (effect.low * worse).max(effect.high * worse);
    if rejected && harm >= least {
        Verdict::Regressed
    } else if most < least {
        Verdict::Fine
    } else {
        Verdict::Inconclusive
    }
}
