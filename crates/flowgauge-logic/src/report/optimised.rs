//! What an optimisation did in a period, from its comparison with those held out: what it saved, what it did to
//! quality, what to do with it, and whether that is a recommendation.
//!
//! Refuses to read evidence and to decide a rollback: `control::evidence` compares, the guardrail acts.

use super::document::{Action, How};
use super::facts::{Advice, Switch};
use super::figure::{Interval, Meaning, Quantity, Shift, nano_usd};
use super::number;
use super::recommendations::Recommendation;
use crate::control::evidence::{Metric, Report, Span, Verdict};
use crate::control::rollout::Mechanism;
use crate::known::{Known, Reason};
use crate::unit::NanoUsd;

/// What the calls that a mechanism touched came to in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touched {
    /// How many there were.
    pub requests: u64,
    /// Billed tokens.
    pub tokens: u64,
    /// Their cost.
    pub cost: Known<NanoUsd>,
    /// Their mean latency, ms.
    pub ms: Known<f64>,
    /// Input tokens taken off, call by call (method a).
    pub taken_off: Known<i64>,
    /// Cost avoided, call by call (method a).
    pub avoided: Known<NanoUsd>,
}

/// A mechanism, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Which.
    pub mechanism: Mechanism,
    /// How it stands, e.g. `on`, `canary 10 %`.
    pub state: &'a str,
    /// Whether it acts.
    pub acts: bool,
    /// Share of calls it is let, 0–1: what is left decides whether it can be widened.
    pub share: f64,
    /// Its comparison with those held out.
    pub report: Option<&'a Report>,
    /// What it touched in the period.
    pub touched: Touched,
}

impl Trial<'_> {
    /// As a row of a report.
    #[must_use]
    pub fn switch(&self) -> Switch {
        let (advice, reason) = self.advice();
        let (tokens, money) = (self.tokens_saved(), self.money_saved());
        Switch {
            name: words(self.mechanism).to_owned(),
            state: self.state.to_owned(),
            tokens_saved: tokens.0,
            money_saved: money.0,
            ms_saved: self.ms_saved(),
            quality: self.quality(),
            advice,
            reason: match money.1.or(tokens.1) {
                Some(method) => format!("{reason}; savings {method}"),
                None => reason,
            },
        }
    }

    fn span(&self, of: fn(&Report) -> Option<Span>) -> Option<Span> {
        self.report.and_then(of).filter(|s| {
            // A share of one would mean that nothing is left to reckon from.
            s.estimate.is_finite() && s.estimate < 1.0
        })
    }

    /// By comparison where there is one, else call by call; and which it is.
    fn tokens_saved(&self) -> (Known<i64>, Option<&'static str>) {
        #[expect(clippy::cast_precision_loss, reason = "tokens stay far below 2^53")]
        let by_comparison = self.span(|r| r.tokens_saved).map(|s| {
            let saved = self.touched.tokens as f64 * without(s.estimate);
            #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
            let whole = saved.round() as i64;
            whole
        });
        match by_comparison {
            Some(saved) if self.touched.requests > 0 => (Known::Value(saved), Some(COMPARED)),
            _ => (self.touched.taken_off, self.touched.taken_off.value().map(|_| CALL_BY_CALL)),
        }
    }

    fn money_saved(&self) -> (Known<NanoUsd>, Option<&'static str>) {
        match (self.span(|r| r.cost_saved), self.touched.cost) {
            (Some(s), Known::Value(cost)) => {
                let saved = nano_usd(cost.as_usd_f64() * without(s.estimate));
                (Known::Value(saved), Some(COMPARED))
            }
            _ => (self.touched.avoided, self.touched.avoided.value().map(|_| CALL_BY_CALL)),
        }
    }

    fn ms_saved(&self) -> Known<f64> {
        match (self.span(|r| r.latency_saved), self.touched.ms) {
            (Some(s), Known::Value(ms)) => Known::Value(ms * without(s.estimate)),
            (None, Known::Value(_)) => Known::Unknown(Reason::TooFew),
            (_, Known::Unknown(r)) => Known::Unknown(r),
        }
    }

    /// Touched minus held out, in points, with an interval that holds whenever it is looked at.
    fn quality(&self) -> Shift {
        let Some(report) = self.report else { return Shift::unknown(Reason::NotConfigured) };
        let found = report.findings.iter().find(|f| f.metric == Metric::Quality);
        let Some((effect, verdict)) = found.and_then(|f| Some((f.effect?, f.verdict))) else {
            return Shift::unknown(Reason::TooFew);
        };
        let meaning = match verdict {
            Verdict::Regressed => Meaning::Worse,
            _ if effect.low > 0.0 => Meaning::Better,
            _ if effect.high < 0.0 => Meaning::Worse,
            _ => Meaning::NotSignificant,
        };
        let level = 1.0 - report.alpha;
        let points = Quantity::Points;
        super::facts::tested(
            points(effect.estimate),
            points(effect.low),
            points(effect.high),
            level,
            meaning,
        )
    }

    /// What to do with it, and why.
    #[must_use]
    pub fn advice(&self) -> (Advice, String) {
        let Some(report) = self.report else {
            return (Advice::Wait, "it never acted beside a hold-out".to_owned());
        };
        if let Some(harm) = report.harm() {
            return (Advice::Pause, harmed(harm.metric, harm.effect));
        }
        if !self.acts {
            return (Advice::Keep, "it is off".to_owned());
        }
        let spans = [report.tokens_saved, report.cost_saved, report.latency_saved];
        if spans.iter().all(Option::is_none) {
            return (Advice::Wait, "too few calls were touched or held out yet".to_owned());
        }
        if report.cost_saved.is_some_and(|s| s.high < 0.0) {
            return (Advice::Pause, "it costs more than it saves".to_owned());
        }
        let Some(saved) = spans.iter().flatten().find(|s| s.low > 0.0) else {
            return (Advice::Wait, "no saving is certain yet".to_owned());
        };
        let saves = format!("at least {} is saved", number::text(Quantity::Share(saved.low)));
        let quality = report.findings.iter().find(|f| f.metric == Metric::Quality);
        match quality.map(|f| f.verdict) {
            Some(Verdict::Fine) if self.share < 1.0 => {
                (Advice::Widen, format!("{saves}, and quality is not worse"))
            }
            Some(Verdict::Fine) => (Advice::Keep, format!("{saves}, and quality is not worse")),
            _ if quality.and_then(|f| f.effect).is_none() => {
                (Advice::Keep, format!("{saves}; quality is not measured"))
            }
            _ => (Advice::Keep, format!("{saves}; what it does to quality is not certain yet")),
        }
    }

    /// The recommendation it gives, or why it gives none. `months` is how many months the period lasts.
    ///
    /// # Errors
    /// Says what is missing, a sentence.
    pub fn recommendation(&self, months: f64) -> Result<Recommendation, String> {
        let name = words(self.mechanism);
        let (advice, reason) = self.advice();
        let (what, saves, action, risk) = match advice {
            Advice::Widen => {
                let per_month = self.money_saved().0.map(|m| {
                    let more = (1.0 - self.share) / self.share.max(f64::EPSILON);
                    nano_usd(m.as_usd_f64() * more / months.max(f64::EPSILON))
                });
                let what = format!("Widen {name} to everyone but its hold-out");
                let command = format!(
                    "flowgauge opt rollout {} --percent 100 --reason 'evidence of the report'",
                    self.mechanism.word()
                );
                let risk = "What holds for those it touched so far may not hold for the others; the guardrail watches.";
                (what, per_month, command, risk)
            }
            Advice::Pause => {
                let what = format!("Take {name} off until somebody has looked");
                let command = format!(
                    "flowgauge opt rollback --only {} --reason 'evidence of the report'",
                    self.mechanism.word()
                );
                let lost = self.money_saved().0.map(|m| {
                    NanoUsd(nano_usd(m.as_usd_f64() / months.max(f64::EPSILON)).0.saturating_neg())
                });
                (what, lost, command, "Its savings end.")
            }
            Advice::Keep | Advice::Wait => {
                return Err(format!("{}: {reason}.", capital(name)));
            }
        };
        let metric = if self.span(|r| r.cost_saved).is_some() { "cost" } else { "tokens" };
        let n = self.touched.requests;
        Ok(Recommendation {
            what,
            evidence: format!("{}.", capital(&reason)),
            n,
            method: "comparison with those held out, valid at any time".to_owned(),
            effect: self.effect(),
            metric: format!("{metric} per touched request"),
            saves,
            risk: risk.to_owned(),
            action: Action {
                what: "Do it (flowgauge opt restore undoes it)".to_owned(),
                why: None,
                how: How::Command(action),
            },
        })
    }

    /// What it saves, as a change of cost or else of tokens.
    fn effect(&self) -> Shift {
        let level = self.report.map_or(0.0, |r| 1.0 - r.alpha);
        let span = self.span(|r| r.cost_saved).or_else(|| self.span(|r| r.tokens_saved));
        let Some(s) = span else { return Shift::unknown(Reason::TooFew) };
        let meaning = match () {
            () if s.low > 0.0 => Meaning::Better,
            () if s.high < 0.0 => Meaning::Worse,
            () => Meaning::NotSignificant,
        };
        let share = Quantity::Share;
        let interval = Interval { low: share(-s.high), high: share(-s.low), level };
        Shift { by: Known::Value(share(-s.estimate)), interval: Some(interval), meaning }
    }
}

/// How savings by comparison are named beside a figure, and those from each call's own record.
const COMPARED: &str = "by comparison with those held out";
const CALL_BY_CALL: &str = "call by call";

/// What a saved share of what there would have been is as a share of what there was.
fn without(saved: f64) -> f64 {
    saved / (1.0 - saved)
}

/// What people call a mechanism.
#[must_use]
pub const fn words(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::ContextPruning => "context pruning",
        Mechanism::ResponseCaching => "response caching",
        Mechanism::PromptOptimization => "prompt optimisation",
        Mechanism::ModelSelection => "model selection",
    }
}

fn harmed(metric: Metric, effect: Option<Span>) -> String {
    let (what, quantity): (_, fn(f64) -> Quantity) = match metric {
        Metric::Quality => ("quality", Quantity::Points),
        Metric::Errors => ("errors", |v| Quantity::Points(v * 100.0)),
        Metric::Latency => ("latency", Quantity::Share),
    };
    let by = effect.map(|e| format!(" ({})", number::signed(quantity(e.estimate))));
    format!("{what} is worse than of those held out{}", by.unwrap_or_default())
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::evidence::Finding;

    fn touched() -> Touched {
        Touched {
            requests: 1_000,
            tokens: 800_000,
            cost: Known::Value(NanoUsd(8_000_000_000)),
            ms: Known::Value(800.0),
            taken_off: Known::Value(150_000),
            avoided: Known::Value(NanoUsd(1_500_000_000)),
        }
    }

    fn span(estimate: f64) -> Option<Span> {
        Some(Span { estimate, low: estimate - 0.05, high: estimate + 0.05 })
    }

    fn report(verdict: Verdict) -> Report {
        let effect = Some(Span { estimate: -0.4, low: -1.0, high: 0.2 });
        let (e_value, untouched, touched) = (1.0, 200, 900);
        let quality =
            Finding { metric: Metric::Quality, verdict, effect, e_value, untouched, touched };
        Report {
            alpha: 0.05,
            findings: vec![quality],
            quality_share: None,
            tokens_saved: span(0.2),
            cost_saved: span(0.2),
            latency_saved: span(0.2),
            p95: [None, None],
        }
    }

    fn trial(report: Option<&Report>) -> Trial<'_> {
        let mechanism = Mechanism::ContextPruning;
        Trial {
            mechanism,
            state: "canary 50 %",
            acts: true,
            share: 0.5,
            report,
            touched: touched(),
        }
    }

    #[test]
    fn a_fifth_saved_of_what_there_would_have_been_is_a_quarter_of_what_there_was() {
        let report = report(Verdict::Fine);
        let switch = trial(Some(&report)).switch();
        assert_eq!(switch.tokens_saved, Known::Value(200_000));
        assert_eq!(switch.money_saved, Known::Value(NanoUsd(2_000_000_000)));
        assert_eq!(switch.ms_saved.value().map(f64::round), Some(200.0));
        assert_eq!(switch.advice, Advice::Widen);
        assert!(switch.reason.contains("held out"), "{}", switch.reason);
        assert_eq!(switch.quality.meaning, Meaning::NotSignificant);
    }

    #[test]
    fn without_a_hold_out_savings_are_told_call_by_call_and_nothing_is_recommended() {
        let switch = trial(None).switch();
        assert_eq!(switch.tokens_saved, Known::Value(150_000));
        assert_eq!(switch.advice, Advice::Wait);
        assert!(switch.reason.ends_with("savings call by call"), "{}", switch.reason);
        let none = trial(None).recommendation(1.0).unwrap_err();
        assert!(none.starts_with("Context pruning: it never acted"), "{none}");
    }

    #[test]
    fn widening_a_half_saves_as_much_again_and_harm_is_to_be_paused() {
        let fine = report(Verdict::Fine);
        let wide = trial(Some(&fine)).recommendation(1.0).unwrap();
        assert_eq!(wide.saves, Known::Value(NanoUsd(2_000_000_000)));
        assert!(wide.what.starts_with("Widen context pruning"));
        let bad = report(Verdict::Regressed);
        let off = trial(Some(&bad)).recommendation(1.0).unwrap();
        assert!(off.what.starts_with("Take context pruning off"));
        assert_eq!(off.saves, Known::Value(NanoUsd(-2_000_000_000)));
    }
}
