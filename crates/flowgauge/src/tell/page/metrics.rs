//! `GET /metrics`: KPIs of the last five minutes and flowgauge's own counters, for Prometheus.
//!
//! Base units, as Prometheus wants them: seconds, ratios. What is unknown is absent, never 0.

mod alerting;
mod cache;
mod quality;

use super::ask::Params;
use super::{App, Problem, Shared};
use crate::logic::kpi::Unit;
use crate::logic::rollup::Filter;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::{self, KpiValue};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use std::fmt::Write as _;

/// Window of the gauges: long enough for a percentile, short enough to follow.
const WINDOW_US: i64 = 5 * UnixMicros::MINUTE;
/// Version 0.0.4 of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "process",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    params.only(&[], &[])?;
    let window = Window::last(WINDOW_US, app.clock.now());
    let zone = app.facts.zone;
    let snapshot =
        app.ask(move |reader| query::snapshot(reader, window, &Filter::default(), zone)).await;
    let mut text = Text::default();
    // Own counters are told even while the store cannot be read: then they matter most.
    text.gauge(
        "store_readable",
        "1 while the store can be read.",
        f64::from(u8::from(snapshot.is_ok())),
    );
    for kpi in snapshot.map(|s| s.kpis).unwrap_or_default() {
        text.kpi(&kpi);
    }
    own(&app, &mut text);
    quality::quality(&app, &mut text);
    cache::cache(&app, &mut text);
    alerting::alerting(&app, &mut text).await;
    Ok(([(header::CONTENT_TYPE, TEXT)], text.0).into_response())
}

fn own(app: &Shared, text: &mut Text) {
    let stats = app.recorder.stats();
    for (name, help, value) in [
        ("record_received", "Rows handed to the writer.", stats.received),
        ("record_stored", "Rows made durable.", stats.stored),
        ("record_duplicates", "Rows known already.", stats.duplicates),
        ("record_lost", "Rows lost, each of them shown in a gap.", stats.lost),
        ("record_refused", "Rows refused; their senders keep them.", stats.refused),
        ("record_interrupted", "Calls in flight when the last process died.", stats.interrupted),
        ("record_commits", "Commits.", stats.commits),
    ] {
        text.counter(name, help, value);
    }
    for counter in app.traffic.counters() {
        text.counter(counter.name, counter.help, counter.value);
    }
    let degraded = f64::from(u8::from(stats.degraded.is_some()));
    let uptime = app.clock.monotonic().saturating_sub(app.started_mono).as_millis_f64() / 1_000.0;
    text.gauge("record_queued_rows", "Rows waiting for a commit.", count(stats.queued));
    text.gauge("record_degraded", "1 while the store takes no rows.", degraded);
    text.gauge("in_flight_requests", "Requests in flight.", count(app.traffic.in_flight()));
    text.gauge("uptime_seconds", "Time since start.", uptime);
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

/// Text being written. Names are ours and help texts are escaped, so a line cannot be broken.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn kpi(&mut self, kpi: &KpiValue) {
        let Some(value) = kpi.value else { return };
        let base = kpi.name.trim_end_matches("_count");
        let (unit, scale) = match kpi.unit {
            Unit::Ms => ("_seconds", 1e-3),
            Unit::Percent => ("_ratio", 1e-2),
            Unit::Tokens => ("_tokens", 1.0),
            Unit::Usd => ("_usd", 1.0),
            Unit::PerMinute => ("_requests_per_second", 1.0 / 60.0),
            Unit::Count => ("_5m", 1.0),
            Unit::Rating => ("_rating", 1.0),
        };
        let base = base.trim_end_matches(unit);
        let help = format!("{} Last 5 minutes.", kpi.meaning);
        self.gauge(&format!("{base}{unit}"), &help, value * scale);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.line(format_args!("flowgauge_{name} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(&format!("{name}_total"), help, "counter");
        self.line(format_args!("flowgauge_{name}_total {value}"));
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP flowgauge_{name} {help}"));
        self.line(format_args!("# TYPE flowgauge_{name} {kind}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::known::Known;
    use crate::logic::kpi::{CATALOGUE, Context, Kpi, Measured};
    use crate::logic::rollup::Rollup;
    use std::collections::BTreeSet;

    #[test]
    fn unknown_is_absent_and_known_has_base_units() {
        let mut text = Text::default();
        let empty = Rollup::default();
        let latency = Kpi::find("p95_latency").unwrap();
        text.kpi(&KpiValue::of(latency, &empty, Context { minutes: 5.0 }));
        assert_eq!(text.0, "");
        text.kpi(&KpiValue::shown(latency, Measured { value: Known::Value(1500.0), n: 30 }));
        assert!(text.0.ends_with("\nflowgauge_p95_latency_seconds 1.5\n"), "{}", text.0);
    }

    #[test]
    fn every_kpi_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for kpi in CATALOGUE {
            let mut text = Text::default();
            text.kpi(&KpiValue::shown(kpi, Measured { value: Known::Value(1.0), n: 1 }));
            let name = text.0.lines().nth(1).unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} twice");
        }
    }
}
