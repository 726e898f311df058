//! The API's own description, made from the routes that are really served.

use super::{App, Problem, declared};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// The description as JSON.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "openapi",
    responses((status = 200, body = serde_json::Value, description = "OpenAPI 3.1")))]
pub(super) async fn json(State(app): State<App>) -> Response {
    axum::Json(declared(&app).openapi()).into_response()
}

/// The description as YAML.
#[utoipa::path(get, path = "/api/v1/openapi.yaml", tag = "openapi",
    responses((status = 200, body = String, content_type = "application/yaml", description = "OpenAPI 3.1")))]
pub(super) async fn yaml(State(app): State<App>) -> Result<Response, Problem> {
    let text = serde_saphyr::to_string(declared(&app).openapi())
        .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/yaml")], text).into_response())
}
