//! `GET /api/v1/reports/{kind}`: a report as a file, made from what is stored at this moment.

pub mod forecast;
pub mod send;
pub mod shelf;

use super::ask::Params;
use super::{App, Problem};
use crate::logic::report::{cost, monthly};
use crate::query::report::{self, Format, ReportError, Sources, Wanted};
use crate::tell::reporter;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;

/// Says how many requests a report is about.
pub const REQUESTS: &str = "x-flowgauge-requests";
/// Says which period that is, as it stands in file names.
pub const PERIOD: &str = "x-flowgauge-period";
/// Names of the kinds there are, for people.
const KINDS: &str = "there are daily, weekly, monthly, cost, recommendations, executive, comprehensive and documentation";

/// A report.
#[utoipa::path(get, path = "/api/v1/reports/{kind}", tag = "reports",
    params(("kind" = String, Path, description = "daily, weekly, monthly, cost, recommendations, executive, comprehensive or documentation"),
        ("period" = Option<String>, Query,
            description = "2026-11-23, 2026-11-16_2026-11-22, 2026-10 or current; the last complete one unless given"),
        ("format" = Option<String>, Query, description = "json (unless given), csv, md, txt, html or pdf"),
        ("include" = Option<String>, Query,
            description = "Of trends, costs, forecasts (monthly), savings, roi (cost), with commas; all unless given"),
        ("one_off_usd" = Option<f64>, Query, description = "What the optimisations cost to make"),
        ("yearly_rate" = Option<f64>, Query, description = "Rate of discount, 0 to 1")),
    responses((status = 200, body = String, content_type = "application/json", description = "The file"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn report(
    State(app): State<App>,
    Path(kind): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let names = ["period", "format", "include", "one_off_usd", "yearly_rate"];
    params.only(&[], &names)?;
    let kind = report::kind_of(&kind).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, KINDS))?;
    let word = params.one("format")?.unwrap_or("json");
    let format = Format::of_word(word).ok_or_else(|| {
        Problem::field("query.format", word, "there are json, csv, md, txt, html and pdf")
    })?;
    let wanted = wanted(&params)?;
    let (now, zone) = (app.clock.now(), app.facts.zone);
    let config = Arc::clone(&app.config);
    let (bytes, requests, period) = app
        .ask(move |reader| {
            let (dir, setup) = (&config.data_dir, reporter::setup(&config));
            let made =
                report::make(Sources { reader, dir, zone, now, setup: &setup }, kind, &wanted);
            Ok(made.and_then(|m| Ok((report::render(&m.document, format)?, m.requests, m.period))))
        })
        .await?
        .map_err(refused)?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.mime()));
    headers.insert(REQUESTS, HeaderValue::from(requests));
    if let Ok(period) = HeaderValue::from_str(&period.to_string()) {
        headers.insert(PERIOD, period);
    }
    Ok(response)
}

fn refused(error: ReportError) -> Problem {
    match error {
        ReportError::Asked(detail) => Problem::field("query.period", "", detail),
        other => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, other.to_string()),
    }
}

fn wanted(params: &Params) -> Result<Wanted, Problem> {
    let mut wanted = Wanted {
        period: params.one("period")?.map(str::to_owned),
        one_off_usd: number(params, "one_off_usd")?,
        ..Wanted::default()
    };
    if let Some(rate) = number(params, "yearly_rate")? {
        wanted.yearly_rate = rate;
    }
    let Some(list) = params.one("include")? else { return Ok(wanted) };
    let mut month = monthly::Include { trends: false, costs: false, forecasts: false };
    let mut money = cost::Include { savings: false, roi: false };
    for word in list.split(',').map(str::trim) {
        let place = match word {
            "trends" => &mut month.trends,
            "costs" => &mut month.costs,
            "forecasts" => &mut month.forecasts,
            "savings" => &mut money.savings,
            "roi" => &mut money.roi,
            other => {
                let told = "there are trends, costs, forecasts, savings and roi";
                return Err(Problem::field("query.include", other, told));
            }
        };
        *place = true;
    }
    (wanted.month, wanted.cost) = (month, money);
    Ok(wanted)
}

fn number(params: &Params, name: &'static str) -> Result<Option<f64>, Problem> {
    let Some(text) = params.one(name)? else { return Ok(None) };
    let read = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    read.map(Some).ok_or_else(|| {
        Problem::field(&format!("query.{name}"), text, "give a number that is not negative")
    })
}
