//! Keep, undo one, undo all: what the comparisons advise, with the reasons (catalogue C51).
//!
//! Refuses an advice where nobody is held out.

use crate::logic::control::evidence::{Finding, Metric, Report, Verdict};
use crate::logic::control::guardrail::Reason;
use crate::logic::control::rollout::Mechanism;
use serde::{Deserialize, Serialize};

/// Quality points whose loss asks for a rollback at once: 10 % of a good answer's 80 points (catalogue C51).
const AT_ONCE: f64 = 8.0;

/// What weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Focus {
    /// Quality, errors and latency, as the guardrail weighs them.
    #[default]
    All,
    /// Quality above latency and cost: a certain loss counts however small, slowness does not.
    Quality,
}

/// What is advised.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Nobody is held out, or too few are yet: nothing can be said.
    NoControlGroup,
    /// Nothing is to be undone.
    Keep,
    /// Some are to be undone.
    Partial,
    /// All are.
    Full,
}

/// Why a mechanism should be undone, if it should.
#[must_use]
pub fn against(mechanism: Mechanism, report: &Report, focus: Focus) -> Option<(Finding, String)> {
    let quality = report.findings.iter().find(|f| f.metric == Metric::Quality);
    // The interval holds at any time, so what it excludes is certain.
    let lost = |f: &&Finding| f.effect.is_some_and(|e| e.high < 0.0);
    let large = |f: &&Finding| f.effect.is_some_and(|e| e.estimate <= -AT_ONCE);
    let found = match focus {
        Focus::All => report.harm().or_else(|| quality.filter(lost).filter(large)),
        Focus::Quality => quality
            .filter(|f| lost(f) || f.verdict == Verdict::Regressed)
            .or_else(|| report.harm().filter(|f| f.metric == Metric::Errors)),
    }?;
    let sentence = Reason::HoldOut(*found).sentence(mechanism, report.alpha);
    let sentence = sentence.strip_suffix(": undone").map_or(sentence.clone(), str::to_owned);
    Some((*found, sentence))
}

/// Whether anything can be said: some metric has an interval.
#[must_use]
pub fn is_compared(report: &Report) -> bool {
    report.findings.iter().any(|f| f.effect.is_some()) || report.tokens_saved.is_some()
}

/// Of `acting` mechanisms with a comparison, `against` of which something speaks.
#[must_use]
pub const fn advise(acting: usize, against: usize) -> Advice {
    match (acting, against) {
        (0, _) => Advice::NoControlGroup,
        (_, 0) => Advice::Keep,
        (all, some) if all == some && all > 1 => Advice::Full,
        (_, _) => Advice::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::control::evidence::Span;

    fn report(estimate: f64, half: f64, verdict: Verdict) -> Report {
        let effect = Some(Span { estimate, low: estimate - half, high: estimate + half });
        let finding = Finding {
            metric: Metric::Quality,
            verdict,
            effect,
            e_value: 1.0,
            untouched: 60,
            touched: 900,
        };
        Report {
            alpha: 0.05,
            findings: vec![finding],
            quality_share: None,
            tokens_saved: None,
            cost_saved: None,
            latency_saved: None,
            p95: [None, None],
        }
    }

    #[test]
    fn a_drop_of_more_than_ten_percent_speaks_against_it_and_a_small_certain_one_only_with_focus() {
        let speaks = |estimate, half, focus| {
            let report = report(estimate, half, Verdict::Inconclusive);
            against(Mechanism::ContextPruning, &report, focus).map(|(_, why)| why)
        };
        assert_eq!(
            speaks(-9.0, 5.0, Focus::All).unwrap(),
            "context pruning cost 9.0 quality points (95 % interval 4.0 to 14.0, 60 held out, 900 touched)"
        );
        assert_eq!(speaks(-9.0, 10.0, Focus::All), None, "it may be chance");
        assert_eq!(speaks(-2.0, 1.0, Focus::All), None);
        assert!(speaks(-2.0, 1.0, Focus::Quality).is_some());
    }

    #[test]
    fn all_of_several_is_full_one_alone_is_partial_and_none_compared_is_no_advice() {
        assert_eq!(advise(0, 0), Advice::NoControlGroup);
        assert_eq!(advise(4, 0), Advice::Keep);
        assert_eq!(advise(4, 1), Advice::Partial);
        assert_eq!(advise(1, 1), Advice::Partial);
        assert_eq!(advise(4, 4), Advice::Full);
    }
}
