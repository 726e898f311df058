//! The alerting rule of Prometheus, reproduced: states, and when which alert is sent (alerting 18).
//!
//! Source: prometheus/prometheus `rules/alerting.go` (`Eval`, `needsSending`, `sendAlerts`) and
//! `rules/manager.go` (`SendAlerts`), described here in our own words. For differential tests and
//! migration; flowgauge's own rules use [`super::step`]. Refuses restoring: Prometheus reads that from
//! its own series.

use super::facts::Labels;
use crate::unit::{Micros, UnixMicros};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// A resolved alert is kept and sent again for so long (`resolvedRetention`).
const RESOLVED_RETENTION: Micros = Micros::from_millis(15 * 60_000);
/// An alert is sent again after so long (`--rules.alert.resend-delay`).
pub const RESEND_DELAY: Micros = Micros::from_millis(60_000);
/// What is sent is valid for so many evaluations or resends, whichever are longer: two may fail.
const VALID_FOR: u64 = 4;

/// A rule as Prometheus sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Between two evaluations.
    pub interval: Micros,
    /// `for`.
    pub hold: Micros,
    /// `keep_firing_for`.
    pub keep_firing_for: Micros,
    /// Between two sends of one alert.
    pub resend_delay: Micros,
    /// More alerts than this fail the rule; 0 = no limit.
    pub limit: usize,
}

/// State of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// Resolved, and still remembered.
    Inactive,
    /// Active for less than `for`.
    Pending,
    /// Active for long enough.
    Firing,
}

impl AlertState {
    /// Prometheus' word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its state.
    pub state: AlertState,
    /// Value of the last evaluation that had it.
    pub value: f64,
    /// First evaluation of this run that had it.
    pub active_at: UnixMicros,
    /// When it began to fire.
    pub fired_at: Option<UnixMicros>,
    /// When it was resolved.
    pub resolved_at: Option<UnixMicros>,
    /// When it was sent last.
    pub last_sent_at: Option<UnixMicros>,
    /// First evaluation without it while `keep_firing_for` holds it.
    pub keep_firing_since: Option<UnixMicros>,
}

/// An alert as it is sent to Alertmanager.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The label set.
    pub labels: Labels,
    /// `startsAt`: when it began to fire.
    pub starts_at: Option<UnixMicros>,
    /// `endsAt`: when it was resolved, else until when this message holds.
    pub ends_at: UnixMicros,
    /// Whether it says that the alert is over.
    pub resolved: bool,
    /// The value.
    pub value: f64,
}

/// The alerts of one rule, by label set.
pub type Alerts = BTreeMap<Labels, Alert>;

/// Why an evaluation failed. State stays as it is and nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Two samples end up with one label set.
    #[error("two series have the same labels after the rule's were added")]
    SameLabels,
    /// More alerts than `limit`: all of them are dropped.
    #[error("{count} alerts, more than the limit of {limit}")]
    Limit {
        /// How many.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// One evaluation: `vector` holds the series for which the expression is true, labels complete.
///
/// # Errors
/// Two series with one label set, with nothing changed; more alerts than the limit, with all alerts
/// dropped.
pub fn evaluate(
    group: &Group,
    alerts: &mut Alerts,
    vector: &[(Labels, f64)],
    ts: UnixMicros,
) -> Result<(), EvalError> {
    let present: BTreeSet<&Labels> = vector.iter().map(|(labels, _)| labels).collect();
    if present.len() < vector.len() {
        return Err(EvalError::SameLabels);
    }
    for (labels, value) in vector {
        match alerts.get_mut(labels).filter(|alert| alert.state != AlertState::Inactive) {
            Some(alert) => alert.value = *value,
            None => {
                alerts.insert(labels.clone(), begun(*value, ts));
            }
        }
    }
    alerts.retain(|labels, alert| {
        if present.contains(labels) {
            return true;
        }
        stays_without_data(group, alert, ts)
    });
    let mut active = 0;
    for alert in alerts.values_mut().filter(|alert| alert.state != AlertState::Inactive) {
        active += 1;
        let held = ts.since(alert.active_at) >= group.hold;
        if alert.state == AlertState::Pending && held {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(ts);
        } else if alert.state == AlertState::Firing && !held {
            // `for` was raised by a reload.
            alert.state = AlertState::Pending;
        }
    }
    for (_, alert) in alerts.iter_mut().filter(|(labels, _)| present.contains(labels)) {
        alert.keep_firing_since = None;
    }
    if group.limit > 0 && active > group.limit {
        alerts.clear();
        return Err(EvalError::Limit { count: active, limit: group.limit });
    }
    Ok(())
}

const fn begun(value: f64, ts: UnixMicros) -> Alert {
    Alert {
        state: AlertState::Pending,
        value,
        active_at: ts,
        fired_at: None,
        resolved_at: None,
        last_sent_at: None,
        keep_firing_since: None,
    }
}

/// What becomes of an alert that is not in the vector; false = forgotten.
fn stays_without_data(group: &Group, alert: &mut Alert, ts: UnixMicros) -> bool {
    match alert.state {
        AlertState::Pending => false,
        AlertState::Inactive => {
            alert.resolved_at.is_none_or(|at| ts.since(at) <= RESOLVED_RETENTION)
        }
        AlertState::Firing => {
            if group.keep_firing_for.0 > 0 {
                let since = *alert.keep_firing_since.get_or_insert(ts);
                if ts.since(since) < group.keep_firing_for {
                    return true;
                }
            }
            alert.state = AlertState::Inactive;
            alert.resolved_at = Some(ts);
            true
        }
    }
}

/// What is sent after a successful evaluation.
pub fn send(group: &Group, alerts: &mut Alerts, ts: UnixMicros) -> Vec<Sent> {
    let lasts = Micros(group.interval.max(group.resend_delay).0.saturating_mul(VALID_FOR));
    let mut sent = Vec::new();
    for (labels, alert) in alerts.iter_mut().filter(|(_, alert)| is_due(group, alert, ts)) {
        alert.last_sent_at = Some(ts);
        sent.push(Sent {
            labels: labels.clone(),
            starts_at: alert.fired_at,
            ends_at: alert.resolved_at.unwrap_or(ts.after(lasts)),
            resolved: alert.resolved_at.is_some(),
            value: alert.value,
        });
    }
    sent
}

fn is_due(group: &Group, alert: &Alert, ts: UnixMicros) -> bool {
    if alert.state == AlertState::Pending {
        return false;
    }
    let Some(last) = alert.last_sent_at else { return true };
    alert.resolved_at.is_some_and(|resolved| resolved > last) || last.after(group.resend_delay) < ts
}
