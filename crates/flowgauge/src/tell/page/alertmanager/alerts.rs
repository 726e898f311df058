//! `/api/v2/alerts` and `/api/v2/alerts/groups`: open episodes and alerts that others posted.

use super::super::alerts::{at_desk, message};
use super::super::ask::Params;
use super::super::{App, Shared};
use super::status::Receiver;
use super::{Refusal, SHOWN_ONLY, filter, fingerprint, unless_off};
use crate::judge::desk::matching::{LabelMap, Matching, by_name, is_label};
use crate::judge::desk::{Posted, PostedAlert};
use crate::judge::seen::{SeenInstance, SeenRule};
use crate::logic::alert::episode::Episode;
use crate::logic::alert::facts::Labels;
use crate::logic::alert::silence::{Covering, alert_labels, covering, readable};
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use chrono::{DateTime, Datelike as _};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A firing alert is said to end so much later unless it is said again: Prometheus' own rhythm, four
/// times a minute.
const ENDS_AFTER: i64 = 4 * UnixMicros::MINUTE;
/// Most alerts of one post; Prometheus sends 64 at once.
const MAX_POSTED: usize = 5_000;
/// Longest label or annotation, characters.
const MAX_TEXT: usize = 8_000;

/// An alert as shown.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct GettableAlert {
    annotations: LabelMap,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<Receiver>,
    starts_at: String,
    status: AlertStatus,
    updated_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    labels: LabelMap,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

/// Alerts of one receiver that are told together.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(in super::super) struct AlertGroup {
    labels: LabelMap,
    receiver: Receiver,
    alerts: Vec<GettableAlert>,
}

/// An alert as posted.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PostableAlert {
    labels: LabelMap,
    #[serde(default)]
    annotations: Option<LabelMap>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// An alert with the labels that make its group.
struct Grouped {
    alert: GettableAlert,
    group: LabelMap,
}

/// What a question leaves out.
struct Wanted {
    matching: Matching,
    active: bool,
    silenced: bool,
    inhibited: bool,
    receiver: Option<Regex>,
}

impl Wanted {
    fn of(params: &Params) -> Result<Self, Refusal> {
        let receiver = match params.one("receiver")? {
            Some(text) => Some(
                Regex::new(&format!("^(?:{text})$"))
                    .map_err(|e| Refusal::bad(format!("failed to parse receiver param: {e}")))?,
            ),
            None => None,
        };
        Ok(Self {
            matching: filter(params)?,
            active: unless_off(params, "active")?,
            silenced: unless_off(params, "silenced")?,
            inhibited: unless_off(params, "inhibited")?,
            receiver,
        })
    }

    fn takes(&self, alert: &GettableAlert) -> bool {
        (self.active || alert.status.state != "active")
            && (self.silenced || alert.status.silenced_by.is_empty())
            && (self.inhibited || alert.status.inhibited_by.is_empty())
            && alert.receivers.iter().any(|r| self.takes_receiver(&r.name))
            && self.matching.covers(&alert.labels)
    }

    fn takes_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|regex| regex.is_match(name))
    }
}

/// Alerts that fire, by fingerprint.
#[utoipa::path(get, path = "/api/v2/alerts", tag = "alertmanager",
    params(("active" = Option<bool>, Query), ("silenced" = Option<bool>, Query),
        ("inhibited" = Option<bool>, Query), ("unprocessed" = Option<bool>, Query),
        ("filter" = Option<Vec<String>>, Query, description = "Matchers of labels"),
        ("receiver" = Option<String>, Query, description = "Regular expression of receivers")),
    responses((status = 200, body = Vec<GettableAlert>), (status = 400, body = String)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<GettableAlert>>, Refusal> {
    let wanted = Wanted::of(&params)?;
    let mut alerts: Vec<GettableAlert> =
        firing(&app).into_iter().map(|grouped| grouped.alert).filter(|a| wanted.takes(a)).collect();
    alerts.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Ok(Json(alerts))
}

/// Alerts that fire, by receiver and group.
#[utoipa::path(get, path = "/api/v2/alerts/groups", tag = "alertmanager",
    params(("active" = Option<bool>, Query), ("silenced" = Option<bool>, Query),
        ("inhibited" = Option<bool>, Query), ("muted" = Option<bool>, Query),
        ("filter" = Option<Vec<String>>, Query, description = "Matchers of labels"),
        ("receiver" = Option<String>, Query, description = "Regular expression of receivers")),
    responses((status = 200, body = Vec<AlertGroup>), (status = 400, body = String)))]
pub(in super::super) async fn groups(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<AlertGroup>>, Refusal> {
    let wanted = Wanted::of(&params)?;
    let mut groups: BTreeMap<(LabelMap, String), Vec<GettableAlert>> = BTreeMap::new();
    for Grouped { alert, group } in firing(&app) {
        if !wanted.takes(&alert) {
            continue;
        }
        for Receiver { name } in alert.receivers.iter().filter(|r| wanted.takes_receiver(&r.name)) {
            groups.entry((group.clone(), name.clone())).or_default().push(alert.clone());
        }
    }
    let group =
        |((labels, name), alerts)| AlertGroup { labels, receiver: Receiver { name }, alerts };
    Ok(Json(groups.into_iter().map(group).collect()))
}

/// Takes alerts of others: shown until they end. One without an end is over five minutes after it
/// was posted last.
#[utoipa::path(post, path = "/api/v2/alerts", tag = "alertmanager",
    request_body = Vec<PostableAlert>,
    responses((status = 200, description = "Taken"), (status = 400, body = String),
        (status = 500, body = String)))]
pub(in super::super) async fn post(State(app): State<App>, body: Bytes) -> Result<(), Refusal> {
    let posted: Vec<PostableAlert> =
        serde_json::from_slice(&body).map_err(|e| Refusal::bad(format!("parsing alerts: {e}")))?;
    if posted.len() > MAX_POSTED {
        let detail = format!("{} alerts; post at most {MAX_POSTED} at once", posted.len());
        return Err(Refusal::bad(detail));
    }
    let now = app.clock.now();
    let (mut taken, mut wrong) = (Vec::new(), Vec::new());
    for alert in posted {
        match read(alert, now) {
            Ok(alert) => taken.push(alert),
            Err(detail) => wrong.push(detail),
        }
    }
    let stored = at_desk(&app, move |desk| desk.post(taken)).await;
    let refused = stored.map_err(|_| {
        let detail = "the alerts could not be stored; post them again".to_owned();
        Refusal(http::StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    if refused > 0 {
        tracing::warn!(refused, "posted alerts found no room");
        let detail = format!("{refused} alerts found no room; there are too many");
        return Err(Refusal(http::StatusCode::INTERNAL_SERVER_ERROR, detail));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::bad(wrong.join("; "))) }
}

fn read(alert: PostableAlert, now: UnixMicros) -> Result<PostedAlert, String> {
    let PostableAlert { mut labels, annotations, starts_at, ends_at, generator_url } = alert;
    labels.retain(|_, value| !value.is_empty());
    let annotations = annotations.unwrap_or_default();
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    if let Some(name) = labels.keys().chain(annotations.keys()).find(|name| !is_label(name)) {
        return Err(format!("invalid label name {name:?}"));
    }
    if labels.values().chain(annotations.values()).any(|v| v.chars().count() > MAX_TEXT) {
        return Err(format!("a value is longer than {MAX_TEXT} characters"));
    }
    let (starts, ends) = (moment(starts_at.as_deref())?, moment(ends_at.as_deref())?);
    let starts = starts.or(ends).unwrap_or(now);
    if ends.is_some_and(|ends| ends < starts) {
        return Err("start time must be before end time".to_owned());
    }
    Ok(PostedAlert {
        labels,
        annotations,
        starts,
        ends,
        generator: generator_url.unwrap_or_default(),
    })
}

/// A moment; clients written in Go send year 1 where they mean none.
fn moment(text: Option<&str>) -> Result<Option<UnixMicros>, String> {
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
    let time = DateTime::parse_from_rfc3339(text).map_err(|e| format!("{text:?}: {e}"))?;
    let real = time.year() > 1;
    Ok(real.then(|| UnixMicros(time.timestamp_micros())))
}

/// Everything that fires now.
fn firing(app: &Shared) -> Vec<Grouped> {
    let now = app.clock.now();
    let silences = readable(&app.desk.silences());
    let seen = app.desk.seen();
    let base = app.desk.base();
    let mut all = Vec::new();
    for rule in &seen.rules {
        for instance in rule.instances.iter().filter(|i| i.instance.state.is_open()) {
            let id = instance.instance.episode;
            let episode = id.and_then(|id| seen.open.iter().find(|e| e.id == id));
            let mut grouped = own(rule, instance, episode.map(|e| &**e), now);
            if let (Some(base), Some(id)) = (&base, id) {
                grouped.alert.generator_url = format!("{base}/alerts/{id}");
            }
            all.push(grouped);
        }
    }
    all.extend(app.desk.posted().iter().map(|posted| others(posted, &app.config.alerts.posted_to)));
    for grouped in &mut all {
        suppress(&mut grouped.alert, &silences, now);
    }
    all
}

/// Silences made a moment ago count at once, not at the next tick.
fn suppress(alert: &mut GettableAlert, silences: &[Covering], now: UnixMicros) {
    let labels: Labels =
        alert.labels.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect();
    alert.status.silenced_by = covering(silences, &labels, now);
    if !(alert.status.silenced_by.is_empty() && alert.status.inhibited_by.is_empty()) {
        alert.status.state = "suppressed";
    }
}

fn own(
    rule: &SeenRule,
    seen: &SeenInstance,
    episode: Option<&Episode>,
    now: UnixMicros,
) -> Grouped {
    let SeenRule { rule, .. } = rule;
    let labels = by_name(&alert_labels(rule, &seen.key.labels));
    let starts = episode.map_or(seen.instance.since, |e| e.fired);
    let mut group = LabelMap::new();
    for name in &rule.group_by {
        let name = if name == "alert" { "alertname" } else { name.as_str() };
        if let Some(value) = labels.get(name) {
            group.insert(name.to_owned(), value.clone());
        }
    }
    let mut annotations: LabelMap =
        rule.annotations.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    // A recovering one is told by what it last violated with.
    let evidence = episode.map_or(&seen.instance.evidence, |e| &e.last_violation);
    let text = message(rule, &seen.key.labels, evidence, now, episode);
    annotations.entry("summary".to_owned()).or_insert(text);
    annotations.entry("condition".to_owned()).or_insert_with(|| rule.text.clone());
    if let Some(runbook) = &rule.runbook {
        annotations.entry("runbook".to_owned()).or_insert_with(|| runbook.clone());
    }
    let mut receivers: Vec<Receiver> =
        rule.channels.iter().map(|name| Receiver { name: name.to_string() }).collect();
    if receivers.is_empty() {
        receivers.push(Receiver { name: SHOWN_ONLY.to_owned() });
    }
    let inhibited_by = seen.inhibited_by.clone();
    let alert = GettableAlert {
        annotations,
        ends_at: UnixMicros(now.0.saturating_add(ENDS_AFTER)).to_rfc3339(),
        fingerprint: fingerprint(&labels),
        receivers,
        starts_at: starts.to_rfc3339(),
        status: AlertStatus { inhibited_by, ..active() },
        updated_at: seen.instance.evaluated.to_rfc3339(),
        generator_url: String::new(),
        labels,
    };
    Grouped { alert, group }
}

fn others(posted: &Posted, told: &[Text]) -> Grouped {
    let labels = posted.alert.labels.clone();
    let group = labels.iter().filter(|(name, _)| *name == "alertname");
    let group = group.map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut receivers: Vec<Receiver> =
        told.iter().map(|name| Receiver { name: name.to_string() }).collect();
    if receivers.is_empty() {
        receivers.push(Receiver { name: SHOWN_ONLY.to_owned() });
    }
    let alert = GettableAlert {
        annotations: posted.alert.annotations.clone(),
        ends_at: posted.ends.to_rfc3339(),
        fingerprint: fingerprint(&labels),
        receivers,
        starts_at: posted.alert.starts.to_rfc3339(),
        status: active(),
        updated_at: posted.updated.to_rfc3339(),
        generator_url: posted.alert.generator.clone(),
        labels,
    };
    Grouped { alert, group }
}

const fn active() -> AlertStatus {
    AlertStatus {
        state: "active",
        silenced_by: Vec::new(),
        inhibited_by: Vec::new(),
        muted_by: Vec::new(),
    }
}
