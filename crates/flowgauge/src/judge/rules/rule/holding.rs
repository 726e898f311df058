//! Keys of a rule about what is unknown, and about when an episode ends.

use super::super::fields::{Fields, word};
use crate::config::problem::Problem;
use crate::config::read::Findings;
use crate::logic::alert::condition::Condition;
use crate::logic::alert::language;
use crate::logic::alert::rule::{Clear, MAX_HOLD, Policy, Rule, Semantics};
use crate::logic::unit::Micros;

pub(super) fn length(text: &str) -> Result<Micros, String> {
    language::duration(text).map_err(|fault| fault.to_string())
}

/// Keys about what is unknown, and about when an episode ends.
pub(super) fn holding(f: &mut Findings, fields: Fields<'_>, rule: &mut Rule) {
    rule.keep = fields.parsed(f, "keep", None, |t| length(t).map(Some));
    if rule.semantics == Semantics::Prometheus {
        rule.keep.get_or_insert(Micros(0));
        as_prometheus(f, fields, rule);
    }
    rule.max_hold = fields.parsed(f, "max_hold", MAX_HOLD, length);
    rule.min_samples = fields.parsed(f, "min_samples", None, |t| count(t).map(Some));
    rule.confidence = fields.parsed(f, "confidence", None, |t| confidence(t).map(Some));
    if let (Some(_), Some(second)) = (fields.get("on_no_data"), fields.get("no_data")) {
        let problem = Problem::new(second.place.clone(), "`no_data` is `on_no_data`, given twice");
        f.add(problem.hint("leave one of them out"));
    }
    for key in ["on_no_data", "no_data"] {
        rule.on_no_data = fields.parsed(f, key, rule.on_no_data, policy);
    }
    rule.on_error = fields.parsed(f, "on_error", Policy::Hold, policy);
}

/// What Prometheus does not know is refused rather than left out in silence.
fn as_prometheus(f: &mut Findings, fields: Fields<'_>, rule: &Rule) {
    let mut refuse = |key: &str, why: &str, hint: &str| {
        if let Some(node) = fields.get(key) {
            f.add(Problem::new(node.place.clone(), why.to_owned()).hint(hint.to_owned()));
        }
    };
    for key in ["on_no_data", "no_data", "on_error", "max_hold", "min_samples", "confidence"] {
        let why = format!("`{key}` means nothing with `semantics: prometheus`");
        refuse(key, &why, "leave it out, or leave the semantics out");
    }
    if rule.clear != Clear::Same {
        let why = "with `semantics: prometheus` an alert ends when its condition does";
        refuse("clear", why, "leave `clear` out");
    }
    if matches!(&rule.condition, Condition::When { hold, .. } if hold.tolerance.is_some()) {
        let why = "`(k of n)` means nothing with `semantics: prometheus`";
        let key = if fields.get("for").is_some() { "for" } else { "condition" };
        refuse(key, why, "write the time alone: for 5m");
    }
}

fn policy(text: &str) -> Result<Policy, String> {
    let words = [
        ("hold", Policy::Hold),
        ("ok", Policy::Ok),
        ("fire", Policy::Fire),
        ("alert", Policy::Fire),
    ];
    word(text, "policy", &words)
}

fn count(text: &str) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|n| *n > 0);
    number.ok_or_else(|| format!("{text:?} is no number of samples above zero"))
}

fn confidence(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|n| n / 100.0),
        None => text.parse::<f64>().ok(),
    };
    let number = number.filter(|n| (0.5..1.0).contains(n));
    number.ok_or_else(|| format!("{text:?} is no confidence; write for example 95%"))
}
