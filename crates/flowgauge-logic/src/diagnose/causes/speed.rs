//! An upstream that answers more slowly, or flowgauge that does: calls alike, not other calls.
//!
//! The test counts calls beyond the reference's 95th percentile; the effect is that percentile as it
//! would be with the reference's mix.

use super::super::cells::{Cells, Figure, weighed_quantile};
use super::super::facts::{EFFECT, Facts, named, only, percent};
use super::super::finding::{Cause, Evidence, Finding, Severity, relative, whole};
use super::super::split::Split;
use super::super::test_of_difference::{ALPHA, Difference, LEAST, Moments, benjamini_hochberg};
use super::cache::upstream;
use super::sizes::Sizes;
use crate::call::Text;
use crate::kpi::Unit;
use crate::quantile::Histogram;

/// flowgauge is blamed where its own time makes up this much of the rise.
const OWN_PART: f64 = 0.5;
/// Percentile whose exceedances are counted: the one that users' alerts are about (alert R1).
const HIGH: f64 = 0.95;

/// How a set of calls became slower.
#[derive(Debug, Clone, PartialEq)]
pub struct Slower {
    /// 95th percentile before, µs.
    pub before: f64,
    /// The same now, with the mix of before.
    pub now: f64,
    /// Relative change of the percentile or of the mean, whichever is larger.
    pub effect: f64,
    /// Calls now.
    pub n: u64,
    /// Of the share of calls beyond the percentile.
    pub test: Difference,
}

/// Compares the latency of calls alike; nothing where there are too few.
#[must_use]
pub fn slower(figure: Figure, before: &Cells, now: &Cells) -> Option<Slower> {
    let pair = |key| {
        let b = figure.dist(before.get(key)?)?;
        let n = figure.dist(now.get(key)?)?;
        (b.count() > 0 && n.count() > 0).then_some((b, n))
    };
    let pairs: Vec<_> = before.keys_with(now).into_iter().filter_map(pair).collect();
    let sum = |side: fn(&_) -> u64| pairs.iter().map(side).sum::<u64>();
    let (n0, n1) = (sum(|(b, _): &(&crate::rollup::Dist, _)| b.count()), sum(|(_, n)| n.count()));
    if n0 < LEAST || n1 < LEAST {
        return None;
    }
    let weighed = |after: bool| -> Option<f64> {
        let part = |(b, n): &(&crate::rollup::Dist, &crate::rollup::Dist)| {
            (
                whole(b.count()) / whole(n0),
                if after { n.histogram.clone() } else { b.histogram.clone() },
            )
        };
        let parts: Vec<(f64, Histogram)> = pairs.iter().map(part).collect();
        let lent: Vec<(f64, &Histogram)> = parts.iter().map(|(w, h)| (*w, h)).collect();
        weighed_quantile(&lent, HIGH)
    };
    let (high, high_now) = (weighed(false)?, weighed(true)?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentile of u64s"
    )]
    let limit = high as u64;
    let (mut difference, mut variance) = (0.0, 0.0);
    for (b, n) in &pairs {
        let share = whole(b.count()) / whole(n0);
        let side = |h: &Histogram| Moments::of_share(h.count_above(limit), h.count());
        let (Some(mb), Some(mn)) = (side(&b.histogram), side(&n.histogram)) else { continue };
        difference += share * (mn.mean - mb.mean);
        // One more of either kind (Agresti and Coull 1998): a share of 0 is not known to be 0.
        let unsure = |m: &Moments| {
            let p = (m.mean * m.n + 1.0) / (m.n + 2.0);
            p * (1.0 - p) / m.n
        };
        variance += share * share * (unsure(&mb) + unsure(&mn));
    }
    let test = Difference::normal(difference, variance.sqrt())?;
    let mean = Split::of(figure, before, now).and_then(|s| s.relative(s.within)).unwrap_or(0.0);
    let effect = relative(high_now, high)?.max(mean);
    Some(Slower { before: high, now: high_now, effect, n: n1, test })
}

/// The upstream, one model of it, or flowgauge; nothing where growth of prompts or answers explains it.
#[must_use]
pub fn look(facts: &Facts, sizes: &Sizes) -> Option<Finding> {
    let (before, now) = (upstream(&facts.before.cells), upstream(&facts.now.cells));
    let models = models(&before, &now);
    let ps = benjamini_hochberg(&models.iter().map(|(_, s)| s.test.p).collect::<Vec<_>>());
    let claims = |s: &Slower, p: f64| p <= ALPHA && s.effect >= EFFECT && s.test.difference > 0.0;
    let compared = models.len();
    let mut slow: Vec<(Text, Slower)> = Vec::new();
    for ((model, mut slower), p) in models.into_iter().zip(ps) {
        slower.test.p = p;
        if claims(&slower, p) {
            slow.push((model, slower));
        }
    }
    slow.sort_by(|a, b| b.1.effect.total_cmp(&a.1.effect));
    let (model, worst) = slow.first()?;
    // Where one is slow and others are not, only its calls are looked at.
    let all = slow.len() == compared;
    let pick = |c: &Cells| c.only(|k| all || slow.iter().any(|(m, _)| *m == k.model));
    let (before, now) = (pick(&before), pick(&now));
    let phases = Phases::of(&before, &now);
    if phases.explained_by(sizes) {
        return None;
    }
    let own = phases.own_part();
    let ms = |us: f64| us / 1_000.0;
    let mut evidence = worst.evidence();
    evidence.extend(phases.evidence());
    let who = match (own >= OWN_PART, all) {
        (true, _) => "flowgauge itself takes longer".to_owned(),
        (false, true) => "The upstream answers more slowly".to_owned(),
        (false, false) => format!("{} answers more slowly, other models do not", named(model)),
    };
    Some(Finding {
        cause: if own >= OWN_PART { Cause::GatewaySlow } else { Cause::UpstreamSlow },
        severity: Severity::Warning,
        sentence: format!(
            "{who}: 95 % of requests took {:.0} ms before and {:.0} ms now ({}), for the same kinds of requests.",
            ms(worst.before),
            ms(worst.now),
            percent(worst.now / worst.before - 1.0)
        ),
        evidence,
        next: match all {
            true => "flowgauge metrics distribution --metric ttft --last 24h".to_owned(),
            false => format!(
                "flowgauge metrics distribution --metric ttft --last 24h{}",
                only("model", model)
            ),
        },
        strength: (1.0 + worst.effect).ln(),
    })
}

fn models(before: &Cells, now: &Cells) -> Vec<(Text, Slower)> {
    let mut names: Vec<Text> = now.iter().map(|(k, _)| k.model.clone()).collect();
    names.sort();
    names.dedup();
    let of = |name: &Text| {
        let only = |c: &Cells| c.only(|k| k.model == *name);
        slower(Figure::Latency, &only(before), &only(now)).map(|s| (name.clone(), s))
    };
    names.iter().filter_map(of).collect()
}

impl Slower {
    fn evidence(&self) -> Vec<Evidence> {
        let usual = 1.0 - HIGH;
        let share = (Some(100.0 * (usual + self.test.difference)), Some(100.0 * usual));
        let what = format!("requests above {:.0} ms, like for like", self.before / 1e3);
        let high = (Some(self.now / 1e3), Some(self.before / 1e3));
        vec![
            Evidence::change(what, Unit::Percent, share, self.n)
                .tested(self.test.p, self.test.relative_to(usual)),
            Evidence::change("p95 latency, like for like", Unit::Ms, high, self.n),
        ]
    }
}

/// Where the time goes, like for like.
struct Phases {
    latency: Option<Split>,
    ttft: Option<Split>,
    tpot: Option<Split>,
    overhead: Option<Split>,
}

impl Phases {
    fn of(before: &Cells, now: &Cells) -> Self {
        let split = |f| Split::of(f, before, now);
        Self {
            latency: split(Figure::Latency),
            ttft: split(Figure::Ttft),
            tpot: split(Figure::Tpot),
            overhead: split(Figure::Overhead),
        }
    }

    fn rise(split: Option<&Split>) -> Option<f64> {
        split.and_then(|s| s.relative(s.within))
    }

    /// Longer answers take longer at the same pace, longer prompts until their first token.
    fn explained_by(&self, sizes: &Sizes) -> bool {
        let (prompts, answers) = sizes.growth();
        let first = Self::rise(self.ttft.as_ref());
        let pace = Self::rise(self.tpot.as_ref());
        let all = Self::rise(self.latency.as_ref()).unwrap_or(0.0);
        let calm = |rise: Option<f64>, growth: f64| rise.is_some_and(|r| r < EFFECT.max(growth));
        match (first, pace) {
            (None, None) => all <= answers.max(prompts),
            _ => {
                (prompts > 0.0 || answers > 0.0)
                    && calm(first.or(Some(0.0)), prompts)
                    && calm(pace.or(Some(0.0)), 0.0)
            }
        }
    }

    fn own_part(&self) -> f64 {
        match (&self.overhead, &self.latency) {
            (Some(own), Some(all)) if all.within > 0.0 => own.within / all.within,
            _ => 0.0,
        }
    }

    fn evidence(&self) -> Vec<Evidence> {
        let parts = [
            (&self.ttft, "mean time to first token"),
            (&self.tpot, "mean time per output token"),
            (&self.overhead, "flowgauge's own time"),
        ];
        let one = |(split, what): (&Option<Split>, &str)| {
            let s = split.as_ref()?;
            let both = (Some((s.before + s.within) / 1e3), Some(s.before / 1e3));
            Some(Evidence::change(format!("{what}, like for like"), Unit::Ms, both, s.n))
        };
        parts.into_iter().filter_map(one).collect()
    }
}
