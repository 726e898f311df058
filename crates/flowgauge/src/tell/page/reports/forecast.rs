//! `GET /api/v1/forecast`: what the month will cost, as the reports say it, without making one.

use super::super::ask::Params;
use super::super::{App, Problem};
use crate::logic::known::{Known, Reason};
use crate::logic::report::facts::Forecast;
use crate::logic::schedule::{Every, Period};
use crate::logic::unit::NanoUsd;
use crate::query::report::{self, Sources};
use crate::tell::reporter;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the present month will cost at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ForecastView {
    /// The month.
    pub month: String,
    /// Exact decimal dollars; `null` where it is unknown.
    pub cost_usd: Option<String>,
    /// Why it is.
    #[schema(value_type = Option<String>)]
    pub unknown: Option<Reason>,
    /// It lies above this with the confidence `level` says for both ends.
    pub low_usd: Option<String>,
    /// And below this.
    pub high_usd: Option<String>,
    /// Confidence of the interval, 0–1.
    pub level: f64,
    /// How it was made.
    pub method: String,
    /// Days behind it.
    pub days: u64,
    /// The month's budget of everything, where one is set.
    pub budget_usd: Option<String>,
}

/// What the month will cost, up to the last complete day and for the days to come.
#[utoipa::path(get, path = "/api/v1/forecast", tag = "reports", responses((status = 200, body = ForecastView)))]
pub(in crate::tell::page) async fn forecast(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ForecastView>, Problem> {
    params.only(&[], &[])?;
    let (now, zone) = (app.clock.now(), app.facts.zone);
    let none =
        || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the clock is out of the calendar");
    let day = Period::complete_before(now, Every::Day, zone).ok_or_else(none)?;
    let month = day.last().format("%Y-%m").to_string();
    let config = Arc::clone(&app.config);
    let asked = app.ask(move |reader| {
        let (dir, setup) = (&config.data_dir, reporter::setup(&config));
        report::forecast(Sources { reader, dir, zone, now, setup: &setup }, day)
    });
    let (told, budget) = asked.await?;
    Ok(Json(view(month, told, budget)))
}

fn view(month: String, told: Forecast, budget: Option<NanoUsd>) -> ForecastView {
    let (cost_usd, unknown) = match told.cost {
        Known::Value(cost) => (Some(cost.to_decimal()), None),
        Known::Unknown(reason) => (None, Some(reason)),
    };
    let (low_usd, high_usd) = told.interval.map(|(l, h)| (l.to_decimal(), h.to_decimal())).unzip();
    let budget_usd = budget.map(NanoUsd::to_decimal);
    let Forecast { level, method, days, .. } = told;
    ForecastView { month, cost_usd, unknown, low_usd, high_usd, level, method, days, budget_usd }
}
