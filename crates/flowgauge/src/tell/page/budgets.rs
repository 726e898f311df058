//! `/api/v1/budgets`: what budgets have spent, and giving back what a crash left set aside.

use super::ask::Params;
use super::{App, Problem};
use crate::query::budgets::BudgetView;
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Released {
    /// The budget.
    budget: String,
    /// How much was given back.
    released_usd: String,
}

/// Every budget with its accounts of the current period.
#[utoipa::path(get, path = "/api/v1/budgets", tag = "budgets",
    params(("budget" = Option<String>, Query, description = "Only this one")),
    responses((status = 200, body = Vec<BudgetView>, description = "In the order of the configuration"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<Vec<BudgetView>>, Problem> {
    params.only(&["budget"], &[])?;
    let wanted = params.one("budget")?;
    let now = app.clock.now();
    let shown = app.budgets.shown();
    let meant = shown.iter().filter(|s| wanted.is_none_or(|name| s.budget.name == name));
    Ok(Json(meant.map(|s| BudgetView::of(s, now)).collect()))
}

/// Gives back what is set aside for calls whose end a crash hid. Do it once the provider's bill shows
/// that they were not charged.
#[utoipa::path(post, path = "/api/v1/budgets/{name}/release", tag = "budgets",
    params(("name" = String, Path, description = "Of the budget"),
        ("subject" = Option<String>, Query, description = "Only this account")),
    responses((status = 200, body = Released, description = "How much it was"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn release(
    State(app): State<App>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Released>, Problem> {
    params.only(&["subject"], &[])?;
    let given = app.budgets.release(&name, params.one("subject")?).ok_or_else(|| {
        Problem::field("path.name", &name, "no such budget; GET /api/v1/budgets lists all")
            .with_status(StatusCode::NOT_FOUND)
    })?;
    Ok(Json(Released { budget: name, released_usd: given.to_decimal() }))
}
