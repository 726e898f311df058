//! KPIs: all of a window, one, the catalogue, and series over time or by dimension.

use super::ask::{COMMON, Params};
use super::{App, Problem};
use crate::logic::duration;
use crate::logic::kpi::{CATALOGUE, Kpi};
use crate::logic::unit::UnixMicros;
use crate::query::{self, KpiValue, Snapshot, Table};
use crate::store::{Reader, RollupQuery, Step};
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

/// Window of KPIs unless asked otherwise.
pub(super) const USUAL: &str = "1h";
/// KPIs of one series question.
const MAX_COLUMNS: usize = 32;
/// Dimensions grouped by at once: groups multiply.
const MAX_DIMS: usize = 4;
/// Steps of one series: a chart shows no more, and each is a group per series.
const MAX_STEPS: i64 = 3_000;
/// KPIs of a series unless asked otherwise.
const USUAL_COLUMNS: &str =
    "request_count,error_rate,p50_latency,p95_latency,total_tokens,total_cost";

/// KPIs of a window, in catalogue order.
#[utoipa::path(get, path = "/api/v1/kpis", tag = "kpis",
    params(("kpi" = Option<Vec<String>>, Query, description = "Names, repeatable or with commas; all unless given. What only others need is not read"),
        ("since" = Option<String>, Query, description = "Length of the window up to now, e.g. 1h"),
        ("from" = Option<String>, Query, description = "RFC 3339 or microseconds"),
        ("to" = Option<String>, Query, description = "RFC 3339 or microseconds"),
        ("day" = Option<String>, Query, description = "Calendar day in the configured zone"),
        ("where" = Option<Vec<String>>, Query, description = "dimension=value, repeatable"),
        ("later_from" = Option<String>, Query, description = "Start of a later window: `changes` tells by how many percent KPIs changed up to it, with 95 % intervals"),
        ("later_to" = Option<String>, Query, description = "End of that window")),
    responses((status = 200, body = serde_json::Value, description = "Window, KPIs, gaps; changes where a later window is named"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn all(State(app): State<App>, params: Params) -> Result<Json<Snapshot>, Problem> {
    params.only(COMMON, &["kpi", "later_from", "later_to"])?;
    let zone = app.facts.zone;
    let window = params.window(USUAL, app.clock.now(), zone)?;
    let filter = params.filter()?;
    let mut kpis = named(&params.words("kpi")?)?;
    if kpis.is_empty() {
        kpis = CATALOGUE.iter().collect();
    }
    let later = params.later(app.clock.now())?;
    let asked = move |reader: &Reader| {
        let mut told = query::snapshot_of(reader, &kpis, window, &filter, zone)?;
        if let Some(later) = later {
            told.changes = query::changes::changes(reader, &kpis, &filter, later, window)?;
        }
        Ok(told)
    };
    Ok(Json(app.ask(asked).await?))
}

/// One KPI of a window.
#[utoipa::path(get, path = "/api/v1/kpis/{name}", tag = "kpis",
    params(("name" = String, Path, description = "Name in the catalogue"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = serde_json::Value, description = "Value, or why there is none"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<KpiValue>, Problem> {
    params.only(COMMON, &[])?;
    let kpi = find("path.name", &name, StatusCode::NOT_FOUND)?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let filter = params.filter()?;
    Ok(Json(app.ask(move |reader| query::one(reader, kpi, window, &filter)).await?))
}

/// The catalogue: every KPI with meaning, unit, target and limits.
#[utoipa::path(get, path = "/api/v1/catalogue", tag = "kpis",
    responses((status = 200, body = Vec<serde_json::Value>, description = "In catalogue order")))]
pub(super) async fn catalogue(params: Params) -> Result<Json<&'static [Kpi]>, Problem> {
    params.only(&[], &[])?;
    Ok(Json(CATALOGUE))
}

/// KPIs per step of time, per value of dimensions, or both.
#[utoipa::path(get, path = "/api/v1/series", tag = "kpis",
    params(("kpi" = Option<Vec<String>>, Query, description = "Names, repeatable or with commas"),
        ("by" = Option<Vec<String>>, Query, description = "Dimensions, repeatable or with commas"),
        ("step" = Option<String>, Query, description = "Length of a step in whole minutes, e.g. 5min; `auto` suits the window; none cuts no time"),
        ("since" = Option<String>, Query), ("from" = Option<String>, Query),
        ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = serde_json::Value, description = "One row per group"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn series(State(app): State<App>, params: Params) -> Result<Json<Table>, Problem> {
    params.only(COMMON, &["kpi", "by", "step"])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?.whole_minutes();
    let mut names = params.words("kpi")?;
    if names.is_empty() {
        names = USUAL_COLUMNS.split(',').collect();
    }
    let kpis = named(&names)?;
    let group_by = params.dims()?;
    for (place, count, most) in
        [("query.kpi", kpis.len(), MAX_COLUMNS), ("query.by", group_by.len(), MAX_DIMS)]
    {
        if count > most {
            return Err(Problem::field(place, &count.to_string(), format!("at most {most}")));
        }
    }
    let minutes = (window.to.0 - window.from.0) / UnixMicros::MINUTE;
    let step = step(params.one("step")?, minutes)?;
    let question = RollupQuery { window, filter: params.filter()?, group_by, step };
    Ok(Json(app.ask(move |reader| query::table(reader, &kpis, &question)).await?))
}

fn named(names: &[&str]) -> Result<Vec<&'static Kpi>, Problem> {
    names.iter().map(|name| find("query.kpi", name, StatusCode::BAD_REQUEST)).collect()
}

fn find(place: &str, name: &str, status: StatusCode) -> Result<&'static Kpi, Problem> {
    Kpi::find(name).ok_or_else(|| {
        let hint = Kpi::nearest(name).map(|n| format!("did you mean {n}? ")).unwrap_or_default();
        let detail = format!("no such KPI; {hint}GET /api/v1/catalogue lists all");
        Problem::field(place, name, detail).with_status(status)
    })
}

/// Lengths of a step that people read easily, minutes.
const STEPS: [u32; 10] = [1, 2, 5, 10, 15, 30, 60, 180, 360, 1_440];
/// Steps that `auto` aims at: as many points as a small chart can show apart.
const AUTO_STEPS: i64 = 120;

pub(super) fn step(text: Option<&str>, window_minutes: i64) -> Result<Step, Problem> {
    let wrong = |text: &str, detail: &str| Err(Problem::field("query.step", text, detail));
    let (minutes, text) = match text {
        None | Some("none") => return Ok(Step::Whole),
        Some("auto") => {
            let fits = |m: &&u32| window_minutes / i64::from(**m) <= AUTO_STEPS;
            (STEPS.iter().find(fits).copied().unwrap_or(1_440), "auto")
        }
        Some(text) => {
            let length = duration::parse(text).ok().and_then(duration::Span::as_micros);
            let minute = UnixMicros::MINUTE.unsigned_abs();
            match length {
                Some(d) if d.0 > 0 && d.0 % minute == 0 => {
                    (u32::try_from(d.0 / minute).unwrap_or(u32::MAX), text)
                }
                _ => return wrong(text, "write whole minutes, e.g. 5min or 1h, or auto"),
            }
        }
    };
    if window_minutes / i64::from(minutes) > MAX_STEPS {
        return wrong(text, "more than 3000 steps; choose a longer step or a shorter window");
    }
    Ok(Step::Minutes(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_whole_minutes_or_suits_the_window() {
        assert_eq!(step(None, 60).unwrap(), Step::Whole);
        assert_eq!(step(Some("1h"), 60).unwrap(), Step::Minutes(60));
        assert_eq!(step(Some("auto"), 60).unwrap(), Step::Minutes(1));
        assert_eq!(step(Some("auto"), 24 * 60).unwrap(), Step::Minutes(15));
        for wrong in ["90s", "0min", "soon"] {
            assert!(step(Some(wrong), 60).is_err(), "{wrong}");
        }
        assert!(step(Some("1min"), 3_001).is_err());
    }
}
