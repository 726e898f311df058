//! Service level objectives: `slos: [{name, sli: {good | bad | spend}, objective, period}]`.

use super::fields::{Fields, known_keys};
use crate::config::problem::{Place, Problem};
use crate::config::read::Findings;
use crate::config::tree::{Node, Value};
use crate::logic::alert::condition::{Bound, Cmp, Condition, Expr, Operand, Predicate, Series};
use crate::logic::alert::facts::Timing;
use crate::logic::alert::language::{self, Context};
use crate::logic::alert::metric::Metric;
use crate::logic::alert::rule::{Sli, Slo, SloPeriod};
use crate::logic::call::Text;
use crate::logic::unit::Micros;

/// Longest rolling period: beyond a year the budget of an error says nothing.
const MAX_DAYS: u32 = 366;
/// Words for a timing, and the metric under whose name the language reads it.
const TIMINGS: &[(&str, &str)] = &[
    ("latency", "p95_latency"),
    ("duration", "p95_latency"),
    ("ttft", "ttft_p95"),
    ("tpot", "tpot_p95"),
    ("score", "quality_score"),
];
/// What a good call can be, for hints.
const EXAMPLES: &str =
    "write for example good: availability, good: ttft < 800ms, good: score >= 80%";

/// Reads a file's objectives, behind those of the files before.
pub(super) fn slos(f: &mut Findings, node: Option<&Node>, all: &mut Vec<Slo>) {
    let Some(node) = node else { return };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Null => &[],
        Value::Text(_) | Value::Map(_) => {
            f.add(Problem::new(node.place.clone(), "`slos` is a list"));
            &[]
        }
    };
    for item in items {
        let Some((slo, place)) = slo(f, item) else { continue };
        if all.iter().any(|other| other.name == slo.name) {
            f.add(Problem::new(place, format!("there is an objective {:?} already", slo.name)));
            continue;
        }
        all.push(slo);
    }
}

fn slo(f: &mut Findings, node: &Node) -> Option<(Slo, Place)> {
    let Value::Map(entries) = &node.value else {
        f.add(Problem::new(node.place.clone(), "an objective is a section"));
        return None;
    };
    known_keys(f, entries, &["name", "sli", "objective", "period"], "the objective");
    let fields = Fields { own: node, defaults: None };
    let Some((name, place)) = fields.text(f, "name").filter(|(name, _)| super::is_name(name))
    else {
        f.add(Problem::new(node.place.clone(), "an objective needs a `name`"));
        return None;
    };
    let sli = sli(f, node, fields.get("sli"))?;
    let spends = matches!(sli, Sli::Spend { .. });
    let objective = match fields.text(f, "objective") {
        // Spending is held against its budget as it is: no share of it is allowed for.
        None if spends => 0.0,
        Some((_, place)) if spends => {
            let problem = Problem::new(place.clone(), "spending has no objective");
            f.add(problem.hint("its budget is the objective; leave the key out"));
            0.0
        }
        None => {
            let problem = Problem::new(node.place.clone(), "`objective` is missing here");
            f.add(problem.hint("write for example objective: 99.9%"));
            return None;
        }
        Some(_) => fields.parsed(f, "objective", None, |t| share(t).map(Some))?,
    };
    let period = fields.parsed(f, "period", SloPeriod::Rolling(30), period);
    Some((Slo { name: Text::from(name), sli, objective, period }, place.clone()))
}

fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|n| n / 100.0),
        None => text.parse::<f64>().ok(),
    };
    let number = number.filter(|n| *n > 0.0 && *n < 1.0);
    number.ok_or_else(|| format!("{text:?} is no objective; write for example 99.9%"))
}

fn period(text: &str) -> Result<SloPeriod, String> {
    if text == "month" {
        return Ok(SloPeriod::Month);
    }
    let days = text.strip_suffix('d').and_then(|n| n.trim().parse::<u32>().ok());
    let days = days.filter(|n| (1..=MAX_DAYS).contains(n)).map(SloPeriod::Rolling);
    days.ok_or_else(|| format!("{text:?} is no period; write 28d, 30d or month"))
}

fn sli(f: &mut Findings, slo: &Node, node: Option<&Node>) -> Option<Sli> {
    let found = node.map(|n| &n.value);
    let Some(Value::Map(entries)) = found else {
        let place = node.map_or(&slo.place, |n| &n.place);
        f.add(Problem::new(place.clone(), "`sli` says what is good").hint(EXAMPLES));
        return None;
    };
    known_keys(f, entries, &["good", "bad", "spend"], "`sli`");
    let [entry] = entries.as_slice() else {
        let why = "`sli` has exactly one of `good`, `bad` and `spend`";
        f.add(Problem::new(slo.place.clone(), why).hint(EXAMPLES));
        return None;
    };
    let Value::Text(text) = &entry.node.value else {
        f.add(Problem::new(entry.node.place.clone(), format!("`{}` is a text", entry.key)));
        return None;
    };
    let read = match entry.key.as_str() {
        "spend" => {
            Ok(Sli::Spend { budget: Some(text.trim()).filter(|t| *t != "budget").map(Text::from) })
        }
        "bad" => calls(text, Metric::ErrorRate),
        _ => good(text),
    };
    match read {
        Ok(sli) => Some(sli),
        Err(why) => {
            f.add(Problem::new(entry.node.place.clone(), why).hint(EXAMPLES));
            None
        }
    }
}

/// `availability{…}` or, told by what is bad, `error_rate{…}`.
fn calls(text: &str, wanted: Metric) -> Result<Sli, String> {
    let (series, _, _) = comparison(&format!("{text} > 50%"))?;
    if series.metric != wanted {
        return Err(format!("{text:?} is not `{}`", wanted.word()));
    }
    Ok(Sli::Availability { selector: series.selector })
}

fn good(text: &str) -> Result<Sli, String> {
    if !text.contains(['<', '>']) || text.trim_end().ends_with('}') {
        return calls(text, Metric::Availability);
    }
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let metric = TIMINGS.iter().find(|(word, _)| *word == head).map_or(head, |(_, metric)| *metric);
    let (series, cmp, limit) = comparison(&format!("{metric}{rest}"))?;
    let selector = series.selector;
    let timing = match metric {
        "p95_latency" => Some(Timing::Latency),
        "ttft_p95" => Some(Timing::Ttft),
        "tpot_p95" => Some(Timing::Tpot),
        _ => None,
    };
    match (timing, series.metric, cmp) {
        (Some(timing), _, Cmp::Below | Cmp::AtMost) => {
            Ok(Sli::Faster { selector, timing, limit: micros(limit) })
        }
        (None, Metric::QualityScore, Cmp::AtLeast | Cmp::Above) => {
            Ok(Sli::Quality { selector, at_least: limit })
        }
        _ => Err(format!("{text:?} does not say what is good")),
    }
}

fn micros(limit: f64) -> Micros {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the language refuses negative times; one beyond 2^64 µs saturates"
    )]
    let whole = limit.round() as u64;
    Micros(whole)
}

/// One comparison with a quantity, taken apart.
fn comparison(text: &str) -> Result<(Series, Cmp, f64), String> {
    let condition = language::read(text, &Context::default())
        .map_err(|faults| faults.first().map_or_else(String::new, ToString::to_string))?;
    let Condition::When { expr: Expr::Is(Predicate::Compare(comparison)), hold } = condition else {
        return Err(format!("{text:?} is no comparison"));
    };
    match (comparison.operand, comparison.bound) {
        (Operand::Of(series), Bound::Quantity(limit)) if hold.is_none() => {
            Ok((series, comparison.cmp, limit.base()))
        }
        _ => Err(format!("{text:?} is no comparison with an amount")),
    }
}
