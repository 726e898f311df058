//! Answers that became worse, by the same evaluator in the same version, for the same intents.

use super::super::facts::{Facts, Grade, QUALITY_EFFECT, named, only, percent};
use super::super::finding::{Cause, Evidence, Finding, Interval, Severity, whole};
use super::super::test_of_difference::{ALPHA, Difference, benjamini_hochberg, welch};
use super::sizes::Sizes;
use crate::kpi::{Kpi, Unit};

/// One pair of comparable evaluations.
#[derive(Debug, Clone, PartialEq)]
pub struct Drop {
    /// Before.
    pub before: Grade,
    /// Now.
    pub now: Grade,
    /// Means before and now.
    pub means: (f64, f64),
    /// The test, its probability corrected for how many pairs there are.
    pub test: Difference,
    /// Fall relative to before; positive is worse.
    pub fall: f64,
}

impl Drop {
    /// Interval of the fall.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let i = self.test.relative_to(self.means.0)?;
        Some(Interval { low: -i.high, high: -i.low })
    }

    /// As evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let what = format!("quality of {} by {}", named(&self.now.intent), self.now.evaluator);
        let (before, now) = self.means;
        Evidence::change(what, Unit::Count, (Some(now), Some(before)), self.now.n)
            .tested(self.test.p, self.test.relative_to(before))
    }
}

/// Every comparable pair, the deepest fall first.
#[must_use]
pub fn pairs(facts: &Facts) -> Vec<Drop> {
    let one = |(before, now): (&Grade, &Grade)| {
        let (b, n) = (before.moments()?, now.moments()?);
        let test = welch(&b, &n)?;
        let fall = (b.mean > 0.0).then(|| 1.0 - n.mean / b.mean)?;
        Some(Drop { before: before.clone(), now: now.clone(), means: (b.mean, n.mean), test, fall })
    };
    let mut drops: Vec<Drop> = facts.graded().into_iter().filter_map(one).collect();
    let adjusted = benjamini_hochberg(&drops.iter().map(|d| d.test.p).collect::<Vec<_>>());
    drops.iter_mut().zip(adjusted).for_each(|(d, p)| d.test.p = p);
    drops.sort_by(|a, b| b.fall.total_cmp(&a.fall));
    drops
}

/// The falls that count, as one finding; where prompts of the same intent were cut, that is the cause.
#[must_use]
pub fn look(facts: &Facts, sizes: &Sizes) -> Option<Finding> {
    let falls: Vec<Drop> = pairs(facts)
        .into_iter()
        .filter(|d| d.test.p <= ALPHA && d.fall >= QUALITY_EFFECT)
        .collect();
    let worst = falls.first()?;
    let mut evidence: Vec<Evidence> = falls.iter().take(5).map(Drop::evidence).collect();
    let cut = falls.iter().find_map(|d| Some((d, sizes.cut(&d.now.intent)?)));
    let critical = Kpi::find("quality_score").and_then(|k| k.critical);
    let severity = match critical {
        Some(limit) if worst.means.1 < limit => Severity::Critical,
        _ => Severity::Warning,
    };
    let mut strength = (worst.means.0 / worst.means.1.max(1.0)).ln();
    let words = |d: &Drop| {
        format!(
            "{} answers fell from {:.1} to {:.1} points ({})",
            named(&d.now.intent),
            d.means.0,
            d.means.1,
            percent(-d.fall)
        )
    };
    let (cause, sentence) = match cut {
        Some((drop, (share, tokens))) => {
            evidence.insert(1.min(evidence.len()), tokens);
            strength += share;
            let text = format!(
                "Prompts lost what answers need: {} while their prompts shrank by {:.0} %. Fewer tokens are no gain here.",
                words(drop),
                100.0 * share
            );
            (Cause::PromptCut, text)
        }
        None => (
            Cause::QualityDrop,
            format!("Answers became worse: {}, by the same evaluator.", words(worst)),
        ),
    };
    let next = format!(
        "flowgauge quality scores --kind evaluation --since 24h; flowgauge requests list --since 24h{}",
        only("intent", &worst.now.intent)
    );
    Some(Finding { cause, severity, sentence, evidence, next, strength })
}

/// Words about evaluators or versions that stand on one side only.
#[must_use]
pub fn breaks(facts: &Facts) -> Vec<String> {
    let stands = |grades: &[Grade], g: &Grade| {
        grades.iter().any(|o| (&o.evaluator, &o.version) == (&g.evaluator, &g.version))
    };
    let mut words = Vec::new();
    for now in &facts.now.grades {
        let older = |b: &&Grade| b.evaluator == now.evaluator && b.version != now.version;
        if let Some(before) = facts.before.grades.iter().find(older)
            && !stands(&facts.before.grades, now)
        {
            words.push(format!(
                "{} changed from version {} to {}: scores before and after are not compared.",
                now.evaluator,
                named(&before.version),
                named(&now.version)
            ));
        }
    }
    words.sort();
    words.dedup();
    words
}

/// Mean quality over intents, weighed by the evaluations now; nothing without comparable pairs.
#[must_use]
pub fn overall(drops: &[Drop]) -> Option<(f64, f64, Difference)> {
    let all: f64 = drops.iter().map(|d| whole(d.now.n)).sum();
    let weigh = |value: &dyn Fn(&Drop) -> f64| -> f64 {
        drops.iter().map(|d| whole(d.now.n) / all * value(d)).sum()
    };
    let variance: f64 = drops.iter().map(|d| (whole(d.now.n) / all * d.test.error).powi(2)).sum();
    let (before, now) = (weigh(&|d| d.means.0), weigh(&|d| d.means.1));
    Some((before, now, Difference::normal(now - before, variance.sqrt())?))
}
