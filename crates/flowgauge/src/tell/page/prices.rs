//! Prices: all, one model's, a new one, and the operator's file read again.

use super::ask::{COMMON, Params};
use super::{App, Problem};
use crate::control::Kind;
use crate::logic::price::Unit;
use crate::logic::price::edit::{NewRates, SetError};
use crate::query::prices::{self, PriceAnswer, PriceList};
use crate::query::reprice::{self, Preview};
use crate::serve::prices::{Prices, PricesError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Window in which models without a price are looked for unless asked otherwise.
const USUAL: &str = "30d";

/// New rates of a model, US dollars per million tokens, as decimal text or number. A rate that is
/// left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewPrice {
    /// Name of the model, or `re:` and a regular expression.
    pub model: String,
    /// Plain input.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<RawValue>>,
    /// Output.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
    /// Input read from the provider's cache.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Box<RawValue>>,
    /// Input written to it for 5 minutes, or for as long as it keeps.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Box<RawValue>>,
    /// Input written to it for 1 hour.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Box<RawValue>>,
    /// Reasoning, where it is not charged as output.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Box<RawValue>>,
}

impl NewPrice {
    /// As rates.
    ///
    /// # Errors
    /// When an amount is no exact decimal.
    pub fn rates(&self) -> Result<NewRates, SetError> {
        let mut rates = NewRates::default();
        for (unit, amount) in [
            (Unit::Input, &self.input),
            (Unit::Output, &self.output),
            (Unit::CacheRead, &self.cache_read),
            (Unit::CacheWrite5m, &self.cache_write),
            (Unit::CacheWrite1h, &self.cache_write_1h),
            (Unit::Reasoning, &self.reasoning),
        ] {
            if let Some(amount) = amount.as_ref().filter(|amount| amount.get() != "null") {
                rates = rates.with(unit, amount.get())?;
            }
        }
        Ok(rates)
    }
}

/// The prices in force.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InForce {
    /// Date and hash of both tables.
    pub version: String,
    /// The operator's file.
    pub file: String,
}

/// Prices in force, and models that have none.
#[utoipa::path(get, path = "/api/v1/prices", tag = "prices",
    params(("model" = Option<String>, Query, description = "Part of the row's key"),
        ("provider" = Option<String>, Query, description = "Beginning of the provider's name"),
        ("since" = Option<String>, Query, description = "Window of the models without a price, 30d unless given"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query), ("day" = Option<String>, Query)),
    responses((status = 200, body = PriceList),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<PriceList>, Problem> {
    params.only(COMMON, &["model", "provider"])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let unpriced = app.ask(move |reader| prices::unpriced(reader, window)).await?;
    let (model, provider) = (params.one("model")?, params.one("provider")?);
    Ok(Json(prices::list(&app.prices.book(), model, provider, unpriced)))
}

/// The price of one model: its rates, and the row they come from.
#[utoipa::path(get, path = "/api/v1/prices/{model}", tag = "prices",
    params(("model" = String, Path, description = "Name of a model without a slash; for others see lookup"),
        ("provider" = Option<String>, Query, description = "Who serves it")),
    responses((status = 200, body = PriceAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(app): State<App>,
    Path(model): Path<String>,
    params: Params,
) -> Result<Json<PriceAnswer>, Problem> {
    params.only(&[], &["provider"])?;
    found(&app, "path.model", &model, params.one("provider")?)
}

/// The same for a name with slashes, which no path can hold.
#[utoipa::path(get, path = "/api/v1/prices/lookup", tag = "prices",
    params(("model" = String, Query, description = "Name of the model as calls have it"),
        ("provider" = Option<String>, Query, description = "Who serves it")),
    responses((status = 200, body = PriceAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn lookup(
    State(app): State<App>,
    params: Params,
) -> Result<Json<PriceAnswer>, Problem> {
    params.only(&[], &["model", "provider"])?;
    let model = params.one("model")?;
    let model = model.ok_or_else(|| Problem::field("query.model", "", "name a model"))?;
    found(&app, "query.model", model, params.one("provider")?)
}

fn found(
    app: &App,
    place: &str,
    model: &str,
    provider: Option<&str>,
) -> Result<Json<PriceAnswer>, Problem> {
    let found = prices::one(&app.prices.book(), model, provider);
    found.map(Json).ok_or_else(|| {
        let detail = prices::way_out(model);
        Problem::field(place, model, detail).with_status(StatusCode::NOT_FOUND)
    })
}

/// Sets a model's rates in the operator's file; in force for the next call.
#[utoipa::path(put, path = "/api/v1/prices", tag = "prices", request_body = NewPrice,
    responses((status = 200, body = PriceAnswer),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set(
    State(app): State<App>,
    params: Params,
    body: Bytes,
) -> Result<Json<PriceAnswer>, Problem> {
    params.only(&[], &[])?;
    let wanted: NewPrice = serde_json::from_slice(&body).map_err(|e| {
        let shape = r#"{"model": "ours", "input": "3", "output": "15"}"#;
        Problem::field("body", "", format!("{e}; write {shape}"))
    })?;
    let rates = wanted.rates().map_err(|e| Problem::field("body", "", e.to_string()))?;
    let today = app.clock.now().to_rfc3339().chars().take(10).collect::<String>();
    let model = wanted.model.clone();
    let book = on_disk(&app, move |prices| prices.set(&wanted.model, &rates, &today)).await?;
    tracing::info!(model = %model, version = book.version(), "set a price");
    chronicle(&app, "api").await;
    let key = book.rows().find(|found| found.name == model);
    key.map(|found| Json(prices::answer(&book, &model, found))).ok_or_else(|| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the price was set and is not found")
    })
}

/// What stored calls would cost at the prices in force. Changes nothing.
#[utoipa::path(get, path = "/api/v1/prices/preview", tag = "prices",
    params(("since" = Option<String>, Query, description = "30d unless given"),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query), ("day" = Option<String>, Query),
        ("where" = Option<Vec<String>>, Query)),
    responses((status = 200, body = Preview),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn preview(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Preview>, Problem> {
    params.only(COMMON, &[])?;
    let window = params.window(USUAL, app.clock.now(), app.facts.zone)?;
    let (filter, book) = (params.filter()?, app.prices.book());
    Ok(Json(app.ask(move |reader| reprice::preview(reader, window, &filter, &book)).await?))
}

/// Reads the operator's file again.
#[utoipa::path(post, path = "/api/v1/prices/reload", tag = "prices",
    responses((status = 200, body = InForce),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn reload(
    State(app): State<App>,
    params: Params,
) -> Result<Json<InForce>, Problem> {
    params.only(&[], &[])?;
    let book = on_disk(&app, Prices::reload).await?;
    tracing::info!(version = book.version(), "read the prices again");
    chronicle(&app, "reload").await;
    let file = app.prices.path().display().to_string();
    Ok(Json(InForce { version: book.version().to_owned(), file }))
}

/// Writes down which prices changed.
async fn chronicle(app: &App, by: &'static str) {
    let (control, book) = (Arc::clone(&app.control), app.prices.book());
    let write = move || control.chronicle.saw(Kind::Prices, &prices::seen(&book), by);
    if let Err(error) = tokio::task::spawn_blocking(write).await {
        tracing::warn!(%error, "a change of prices is missing in the history");
    }
}

async fn on_disk<T, F>(app: &App, action: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&Prices) -> Result<T, PricesError> + Send + 'static,
{
    let prices = Arc::clone(&app.prices);
    match tokio::task::spawn_blocking(move || action(&prices)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(e @ PricesError::Io { .. })) => {
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
        }
        Ok(Err(e)) => Err(Problem::new(StatusCode::BAD_REQUEST, e.to_string())),
        Err(e) => {
            let detail = format!("the change ended without an answer: {e}");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        }
    }
}
