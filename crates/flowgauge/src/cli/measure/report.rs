//! What a run of probes amounts to. Unknown stays `null`: no quality is made up, no cost guessed.

use crate::logic::quantile;
use serde_json::{Value, json};

/// One probe.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Probe {
    pub(super) id: Option<String>,
    pub(super) ok: bool,
    pub(super) latency_ms: f64,
    pub(super) ttft_ms: Option<f64>,
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) cost_nanos: Option<i64>,
    /// Whether the response cache answered; nothing where it was not asked.
    pub(super) cache_hit: Option<bool>,
}

/// The sums.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    samples: usize,
    errors: usize,
    latency: Vec<f64>,
    ttft: Vec<f64>,
    input: Vec<f64>,
    output: Vec<f64>,
    total: Vec<f64>,
    cost_usd: Vec<f64>,
    cache: Vec<f64>,
}

impl Report {
    /// Of the probes that succeeded; the others are counted as errors.
    pub(super) fn of(probes: &[Probe]) -> Self {
        let good: Vec<&Probe> = probes.iter().filter(|p| p.ok).collect();
        let count = |n: Option<u64>| n.map(number);
        Self {
            samples: probes.len(),
            errors: probes.len() - good.len(),
            latency: good.iter().map(|p| p.latency_ms).collect(),
            ttft: good.iter().filter_map(|p| p.ttft_ms).collect(),
            input: good.iter().filter_map(|p| count(p.input)).collect(),
            output: good.iter().filter_map(|p| count(p.output)).collect(),
            total: good.iter().filter_map(|p| Some(number(p.input?) + number(p.output?))).collect(),
            cost_usd: good
                .iter()
                .filter_map(|p| Some(crate::logic::unit::NanoUsd(p.cost_nanos?).as_usd_f64()))
                .collect(),
            cache: good
                .iter()
                .filter_map(|p| p.cache_hit.map(|h| f64::from(u8::from(h))))
                .collect(),
        }
    }

    /// Probes that succeeded.
    pub(super) fn succeeded(&self) -> usize {
        self.samples - self.errors
    }

    /// The object the guide's scripts read with jq, and the same under `metrics`.
    pub(super) fn json(&self) -> Value {
        let flat = json!({
            "latency": spread(&self.latency),
            "ttft": spread(&self.ttft),
            "tokens": {
                "total": mean(&self.total),
                "input": mean(&self.input),
                "output": mean(&self.output),
                "sum": sum(&self.total),
            },
            "cost": {"perRequest": mean(&self.cost_usd), "total": sum(&self.cost_usd)},
            "quality": {"score": null},
            "cache": {"hitRate": mean(&self.cache)},
            "errors": self.errors,
            "samples": self.samples,
        });
        let mut out = flat.clone();
        if let Some(object) = out.as_object_mut() {
            object.insert("metrics".to_owned(), flat);
        }
        out
    }

    /// The same as rows: `latency.p95`, `812`.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let Value::Object(top) = self.json() else { return rows };
        for (name, value) in top.iter().filter(|(name, _)| *name != "metrics") {
            match value {
                Value::Object(inner) => {
                    rows.extend(inner.iter().map(|(k, v)| vec![format!("{name}.{k}"), plain(v)]));
                }
                other => rows.push(vec![name.clone(), plain(other)]),
            }
        }
        rows
    }
}

fn plain(value: &Value) -> String {
    if value.is_null() { "n/a".to_owned() } else { value.to_string() }
}

#[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^53")]
fn number(n: u64) -> f64 {
    n as f64
}

fn sum(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| rounded(values.iter().sum()))
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|n| *n > 0)?;
    Some(rounded(values.iter().sum::<f64>() / f64::from(count)))
}

/// To a billionth, so that binary fractions do not show.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn spread(values: &[f64]) -> Value {
    let mut sorted = values.to_vec();
    let mut at = |q: f64| quantile::exact(&mut sorted, q).map(rounded);
    json!({
        "p50": at(0.50), "p95": at(0.95), "p99": at(0.99),
        "mean": mean(values), "min": at(0.0), "max": at(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(latency_ms: f64, ok: bool) -> Probe {
        Probe { ok, latency_ms, input: Some(30), output: Some(12), ..Probe::default() }
    }

    #[test]
    fn figures_cover_successes_and_the_alias_repeats_them() {
        let report = Report::of(&[probe(100.0, true), probe(300.0, true), probe(9.0, false)]);
        let json = report.json();
        assert_eq!(json["latency"]["mean"], 200.0);
        assert_eq!(json["latency"]["max"], 300.0);
        assert_eq!(
            (&json["tokens"]["total"], &json["tokens"]["sum"]),
            (&42.0.into(), &84.0.into())
        );
        assert_eq!((&json["errors"], &json["samples"]), (&1.into(), &3.into()));
        assert_eq!(json["metrics"]["latency"], json["latency"]);
        assert_eq!(report.succeeded(), 2);
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let json = Report::of(&[probe(1.0, false)]).json();
        for figure in [
            "/latency/p95",
            "/ttft/p50",
            "/tokens/total",
            "/cost/total",
            "/quality/score",
            "/cache/hitRate",
        ] {
            assert_eq!(json.pointer(figure), Some(&Value::Null), "{figure}");
        }
    }
}
