//! `/prometheus/api/v1/rules` and `…/alerts`: our rules in Prometheus' shape, so that Grafana lists
//! them. Refuses to answer queries.

use super::App;
use crate::judge::desk::matching::{LabelMap, by_name};
use crate::judge::seen::{Seen, SeenInstance, SeenRule};
use crate::logic::alert::condition::Condition;
use crate::logic::alert::instance::State as Stands;
use crate::logic::alert::silence::alert_labels;
use crate::logic::unit::{Micros, UnixMicros};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

/// The one group our rules are shown in.
const GROUP: &str = "flowgauge";

/// Prometheus' envelope.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct Envelope {
    status: &'static str,
    data: Value,
}

/// Rules with their alerts, as one group.
#[utoipa::path(get, path = "/prometheus/api/v1/rules", tag = "prometheus",
    responses((status = 200, body = Envelope)))]
pub(super) async fn rules(State(app): State<App>) -> Json<Envelope> {
    let seen = app.desk.seen();
    let last = seen.at.map(UnixMicros::to_rfc3339);
    let rules: Vec<Value> = seen.rules.iter().map(|r| rule(&seen, r, last.as_deref())).collect();
    let took: u64 = seen.rules.iter().map(|r| r.took_ns).sum();
    let group = json!({
        "name": GROUP, "file": GROUP, "interval": seconds(app.config.alerts.tick), "limit": 0, "rules": rules,
        "evaluationTime": nanos(took), "lastEvaluation": last,
    });
    Json(Envelope { status: "success", data: json!({ "groups": [group] }) })
}

/// Alerts that fire or are pending.
#[utoipa::path(get, path = "/prometheus/api/v1/alerts", tag = "prometheus",
    responses((status = 200, body = Envelope)))]
pub(super) async fn alerts(State(app): State<App>) -> Json<Envelope> {
    let seen = app.desk.seen();
    let all: Vec<Value> = seen.rules.iter().flat_map(|rule| alerts_of(&seen, rule)).collect();
    Json(Envelope { status: "success", data: json!({ "alerts": all }) })
}

fn rule(seen: &Seen, rule: &SeenRule, last: Option<&str>) -> Value {
    let alerts = alerts_of(seen, rule);
    let firing = alerts.iter().any(|a| a["state"] == "firing");
    let state = match (firing, alerts.is_empty()) {
        (true, _) => "firing",
        (false, false) => "pending",
        (false, true) => "inactive",
    };
    let failed = rule.instances.iter().find_map(|i| i.instance.failed.as_ref());
    let health = match (failed, rule.instances.is_empty()) {
        (Some(_), _) => "err",
        (None, true) => "unknown",
        (None, false) => "ok",
    };
    let hold = match &rule.rule.condition {
        Condition::When { hold, .. } => hold.length,
        Condition::Schedule(_) => Micros(0),
    };
    let mut labels: LabelMap =
        rule.rule.labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    labels.insert("severity".to_owned(), rule.rule.severity.word().to_owned());
    json!({
        "type": "alerting", "name": rule.rule.name, "query": rule.rule.text, "state": state,
        "duration": seconds(hold), "keepFiringFor": rule.rule.keep.map_or(0.0, seconds),
        "labels": labels, "annotations": rule.rule.annotations, "alerts": alerts,
        "health": health, "lastError": failed.map(|(why, _)| why),
        "evaluationTime": nanos(rule.took_ns), "lastEvaluation": last,
    })
}

fn alerts_of(seen: &Seen, rule: &SeenRule) -> Vec<Value> {
    rule.instances.iter().filter_map(|instance| alert(seen, rule, instance)).collect()
}

fn alert(seen: &Seen, rule: &SeenRule, instance: &SeenInstance) -> Option<Value> {
    let now = &instance.instance;
    let state = match now.state {
        Stands::Pending { .. } => "pending",
        Stands::Firing | Stands::Recovering { .. } => "firing",
        Stands::Unknown | Stands::Inactive => return None,
    };
    let rule = &rule.rule;
    let labels = by_name(&alert_labels(rule, &instance.key.labels));
    let open = now.episode.and_then(|id| seen.open.iter().find(|e| e.id == id));
    let since = open.map_or(now.since, |episode| episode.first_true);
    Some(json!({
        "labels": labels, "annotations": rule.annotations, "state": state,
        "activeAt": since.to_rfc3339(), "value": now.evidence.value.map_or("NaN".to_owned(), number),
    }))
}

/// A number as Prometheus writes it: `2.612e+06`.
fn number(value: f64) -> String {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(('+', power), |p| ('-', p));
            format!("{digits}e{sign}{power:0>2}")
        }
        None => text,
    }
}

fn seconds(length: Micros) -> f64 {
    length.as_millis_f64() / 1_000.0
}

fn nanos(ns: u64) -> f64 {
    seconds(Micros(ns / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        for (value, text) in
            [(2_612_000.0, "2.612e+06"), (0.05, "5e-02"), (0.0, "0e+00"), (-1.5e120, "-1.5e+120")]
        {
            assert_eq!(number(value), text);
        }
    }
}
