//! Promtool's test files, as far as they are about our metrics: `input_series` become requests that
//! give a metric the values of the series, `alert_rule_test` what is expected to fire.
//!
//! A value is in the unit the metric is shown in: milliseconds, per cent, tokens, dollars, requests a
//! minute. It says how the metric stood up to its moment, as a scraped sample does.

use super::draw::Spread;
use super::file::{Exp, Expect};
use super::parts::{items, labels, length, place, required, section};
use super::requests::{self, Stream};
use crate::config::problem::Problem;
use crate::config::read::Findings;
use crate::config::tree::Node;
use crate::judge::rules::fields::Fields;
use crate::logic::alert::condition::Written;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::metric::Metric;
use crate::logic::call::{CacheOutcome, Text};
use crate::logic::nearest::nearest;
use crate::logic::unit::Micros;

/// Promtool's interval, and that of a group, where nothing is said.
pub(super) const INTERVAL: Micros = Micros::from_millis(60_000);
/// A value is about the time before it, a minute at most: as long as the shortest window.
const ABOUT: Micros = Micros::from_millis(60_000);
/// Requests behind one value: more than any metric asks for (300 for a 99th percentile), and 0.25 %
/// for ratios.
const BEHIND: u64 = 400;
/// Values of one series: a month of minutes.
const MAX_VALUES: usize = 50_000;

/// The series of a test as requests.
pub(super) fn series(f: &mut Findings, fields: Fields<'_>) -> Vec<Stream> {
    let interval = fields.parsed(f, "interval", INTERVAL, length);
    let mut nodes = items(f, fields, "input_series");
    nodes.extend(items(f, fields, "series"));
    nodes.into_iter().flat_map(|node| one(f, node, interval)).collect()
}

fn one(f: &mut Findings, node: &Node, interval: Micros) -> Vec<Stream> {
    section(f, node, &["series", "values"], "a series");
    let fields = Fields { own: node, defaults: None };
    let named = required(f, fields, "series", name);
    let values = required(f, fields, "values", values);
    let (Some((metric, labels)), Some(values)) = (named, values) else { return Vec::new() };
    if interval.0 == 0 {
        f.add(Problem::new(place(fields), "`interval` is 0"));
        return Vec::new();
    }
    let mut streams = Vec::new();
    for (n, value) in (0_u64..).zip(values) {
        let Some(value) = value else { continue };
        let at = Micros(n.saturating_mul(interval.0));
        match behind(metric, value, at, interval) {
            Ok(mut behind) => {
                behind.iter_mut().for_each(|stream| stream.labels.clone_from(&labels));
                streams.extend(behind);
            }
            Err(why) => {
                f.add(Problem::new(place(fields), why));
                break;
            }
        }
    }
    streams
}

/// `p95_latency{model="gpt-5"}`.
fn name(text: &str) -> Result<(Metric, Labels), String> {
    let (word, rest) = text.split_once('{').unwrap_or((text, "}"));
    let metric = Metric::from_word(word.trim()).ok_or_else(|| {
        match nearest(word.trim(), Metric::ALL.iter().map(|m| m.word())) {
            Some(near) => format!("{word:?} is no metric; did you mean {near}?"),
            None => format!("{word:?} is no metric"),
        }
    })?;
    let inner = rest.trim().strip_suffix('}').ok_or_else(|| format!("{text:?} lacks its `}}`"))?;
    let mut labels = Labels::new();
    for part in inner.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let value = value.ok_or_else(|| format!("{part:?} is no label; write model=\"gpt-5\""))?;
        labels.push((Text::from(name.trim()), value.into()));
    }
    labels.sort();
    requests::check_labels(&labels)?;
    Ok((metric, labels))
}

/// Promtool's notation: `1 2.5 _ stale 1+2x3 5x3 _x4`.
fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut all = Vec::new();
    for part in text.split_whitespace() {
        run(part, &mut all)?;
        if all.len() > MAX_VALUES {
            return Err(format!("a series has at most {MAX_VALUES} values"));
        }
    }
    Ok(all)
}

fn run(part: &str, all: &mut Vec<Option<f64>>) -> Result<(), String> {
    let wrong =
        || format!("{part:?} is none of promtool's values; write for example 1+2x5, 3x4, _x2");
    let (first, times) = match part.rsplit_once('x') {
        Some((first, times)) => {
            let times: usize = times.parse().map_err(|_| wrong())?;
            (first, Some(times.min(MAX_VALUES)))
        }
        None => (part, None),
    };
    if matches!(first, "_" | "stale") {
        let count = times.unwrap_or(1);
        all.extend(std::iter::repeat_n(None, count));
        return Ok(());
    }
    // The sign of the step, not that of the value or of an exponent.
    let bytes = first.as_bytes();
    let signs = first.char_indices().skip(1).filter(|(at, c)| {
        let before = at.checked_sub(1).and_then(|b| bytes.get(b));
        matches!(c, '+' | '-') && !matches!(before, Some(b'e' | b'E'))
    });
    let sign = signs.map(|(at, _)| at).next().filter(|_| times.is_some());
    let (value, step) = match sign.and_then(|at| first.split_at_checked(at)) {
        Some((value, step)) => (value, step.parse::<f64>().map_err(|_| wrong())?),
        None => (first, 0.0),
    };
    let value = value.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(wrong)?;
    let mut next = value;
    for _ in 0..=times.unwrap_or(0) {
        all.push(Some(next));
        next += step;
    }
    Ok(())
}

/// Requests that make a metric stand at a value at a moment.
fn behind(metric: Metric, shown: f64, at: Micros, interval: Micros) -> Result<Vec<Stream>, String> {
    let about = interval.min(ABOUT);
    // Counted from `ABOUT` before the beginning, so that the first value has a past.
    let from = Micros(at.0.saturating_add(ABOUT.0).saturating_sub(about.0).saturating_add(1));
    let every = Micros((about.0 / BEHIND).max(1));
    let length = Micros(about.0.saturating_sub(1));
    let plain = Stream { from, every, length, lead: ABOUT, ..Stream::plain() };
    let value = base(metric, shown);
    let time = || Spread::Const(micros(value));
    let share = value.clamp(0.0, 1.0);
    let parts = |yes: Stream, no: Stream| Ok(split(yes, no, share));
    let cached = |outcome| Stream { cache: Some(outcome), ..plain.clone() };
    match metric {
        Metric::P50Latency | Metric::P95Latency | Metric::P99Latency | Metric::MeanLatency => {
            Ok(vec![Stream { latency: time(), ..plain }])
        }
        Metric::TtftP95 => Ok(vec![Stream { ttft: Some(time()), latency: time(), ..plain }]),
        Metric::ErrorRate => parts(Stream { errors: 1.0, ..plain.clone() }, plain.clone()),
        Metric::Availability => parts(plain.clone(), Stream { errors: 1.0, ..plain.clone() }),
        Metric::CacheHitRate => parts(cached(CacheOutcome::HitExact), cached(CacheOutcome::Miss)),
        Metric::CacheMissRate => parts(cached(CacheOutcome::Miss), cached(CacheOutcome::HitExact)),
        Metric::QualityScore => Ok(vec![Stream { quality: Some(share), ..plain }]),
        Metric::TokensPerRequest => Ok(vec![Stream { tokens: Some((rounded(value), 0)), ..plain }]),
        Metric::CostPerRequest => Ok(vec![Stream { cost: Some(requests::nanos(shown)), ..plain }]),
        Metric::Throughput if value < 1.0 => Ok(Vec::new()),
        Metric::Throughput => {
            let every = micros((60_000_000.0 / value).max(1.0));
            Ok(vec![Stream { every, ..plain }])
        }
        other => Err(format!(
            "{} cannot be given as a series; write requests under `streams:`",
            other.word()
        )),
    }
}

/// Two kinds of requests, one at a share of all, evenly mixed by their rates.
fn split(yes: Stream, no: Stream, share: f64) -> Vec<Stream> {
    let total = yes.length.0.div_ceil(yes.every.0.max(1));
    let part = |stream: Stream, share: f64| {
        let count = whole(total, share);
        let every = Micros(stream.length.0.div_ceil(count.max(1)));
        (count > 0).then_some(Stream { every: every.max(Micros(1)), ..stream })
    };
    [part(yes, share), part(no, 1.0 - share)].into_iter().flatten().collect()
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of requests")]
fn whole(total: u64, share: f64) -> u64 {
    rounded(total as f64 * share)
}

/// From the unit a metric is shown in to the evaluator's.
fn base(metric: Metric, shown: f64) -> f64 {
    match metric.display() {
        Written::Millis => shown * 1_000.0,
        Written::Percent => shown / 100.0,
        _ => shown,
    }
}

fn micros(value: f64) -> Micros {
    Micros(rounded(value))
}

fn rounded(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits"
    )]
    let whole = value.clamp(0.0, 1e15).round() as u64;
    whole
}

/// What is expected to fire.
pub(super) fn expected(f: &mut Findings, fields: Fields<'_>) -> Vec<Expect> {
    items(f, fields, "alert_rule_test")
        .into_iter()
        .filter_map(|node| expectation(f, node))
        .collect()
}

fn expectation(f: &mut Findings, node: &Node) -> Option<Expect> {
    section(f, node, &["eval_time", "alertname", "exp_alerts"], "an alert test");
    let fields = Fields { own: node, defaults: None };
    let at = required(f, fields, "eval_time", length);
    let alert = required(f, fields, "alertname", |text| Ok(Text::from(text)));
    let exp = |f: &mut Findings, node: &Node| {
        section(f, node, &["exp_labels", "exp_annotations"], "an expected alert");
        let fields = Fields { own: node, defaults: None };
        Exp {
            labels: labels(f, fields.get("exp_labels"), "exp_labels"),
            annotations: labels(f, fields.get("exp_annotations"), "exp_annotations"),
        }
    };
    let firing = items(f, fields, "exp_alerts").into_iter().map(|node| exp(f, node)).collect();
    Some(Expect {
        place: node.place.clone(),
        at: at?,
        alert: alert?,
        labels: Labels::new(),
        state: None,
        silenced: None,
        inhibited: None,
        acked: None,
        firing: Some(firing),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_promtool_documents() {
        // prometheus/prometheus: docs/configuration/unit_testing_rules.md, "Series notation".
        let of = |text| values(text).unwrap();
        let some = |all: &[f64]| all.iter().map(|v| Some(*v)).collect::<Vec<_>>();
        assert_eq!(of("-2+4x3"), some(&[-2.0, 2.0, 6.0, 10.0]));
        assert_eq!(of("1-2x4"), some(&[1.0, -1.0, -3.0, -5.0, -7.0]));
        assert_eq!(of("1x4"), some(&[1.0, 1.0, 1.0, 1.0, 1.0]));
        assert_eq!(of("1 _x3 stale"), vec![Some(1.0), None, None, None, None]);
        assert_eq!(of("1e-3+1x1"), some(&[0.001, 1.001]));
        assert!(values("fast").is_err() && values("1x").is_err());
    }

    #[test]
    fn a_series_is_a_metric_of_ours_with_labels_requests_can_have() {
        let (metric, labels) = name("p95_latency{model=\"gpt-5\", tenant=\"a\"}").unwrap();
        assert_eq!((metric, labels.len()), (Metric::P95Latency, 2));
        assert!(name("p95_latncy").unwrap_err().contains("p95_latency"));
        assert!(name("p95_latency{colour=\"red\"}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z_x+{}=\", .-]{0,16}") {
            let _values = values(&text);
            let _name = name(&text);
        }
    }
}
