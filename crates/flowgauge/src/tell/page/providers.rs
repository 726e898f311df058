//! `/api/v1/providers`: where requests go, and where keys for it come from.
//!
//! Refuses to know a key: a reference is told and whether it still gives the key in use, never what it gives.

use super::ask::Params;
use super::{App, Problem};
use crate::config::secret::{Secret, Standing};
use crate::config::{AppDialect, Config};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

/// Where requests go.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ProviderList {
    /// Providers and applications, as configured.
    providers: Vec<ProviderView>,
    /// Models that failed five times in a row in the last half minute: model selection asks others.
    resting_models: Vec<String>,
}

/// A provider or an application behind the gateway.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ProviderView {
    /// Its name, as in the dimensions `provider` and `service`.
    name: String,
    /// `provider` or `application`.
    kind: &'static str,
    /// Address that requests go to.
    base_url: String,
    /// What is spoken: `by_path` (that of the request's path), `openai`, `flowreader`, or `opaque` (measured unread).
    protocol: &'static str,
    /// Paths that go to it, of an application.
    prefix: Option<String>,
    /// Where its key comes from.
    key: KeyView,
}

/// Where a key comes from.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct KeyView {
    /// `configured`, or `caller`: each caller's own is passed on.
    from: &'static str,
    /// `env:NAME` or `file:PATH`.
    reference: Option<String>,
    /// `in_use`; `changed`: it gives another, which counts from the next start on; `missing`: it gives none.
    /// `null` where callers bring their own.
    state: Option<&'static str>,
    /// Why it gives none.
    why: Option<String>,
}

/// Where requests go, and whether keys for it are there. Keys themselves are never told.
#[utoipa::path(get, path = "/api/v1/providers", tag = "config",
    responses((status = 200, body = ProviderList),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ProviderList>, Problem> {
    params.only(&[], &[])?;
    let config = app.config.clone();
    let resting = app.control.health.resting(app.clock.now());
    let looked = tokio::task::spawn_blocking(move || providers(&config)).await;
    let providers = looked.map_err(|_| {
        let detail = "the question ended without an answer; see the log";
        Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    let resting_models = resting.iter().map(ToString::to_string).collect();
    Ok(Json(ProviderList { providers, resting_models }))
}

/// Looks into the files that keys were read from.
fn providers(config: &Config) -> Vec<ProviderView> {
    let providers = config.gateway.providers.iter().map(|provider| ProviderView {
        name: provider.name.clone(),
        kind: "provider",
        base_url: provider.base_url.clone(),
        protocol: "by_path",
        prefix: None,
        key: key(provider.api_key.as_ref()),
    });
    let apps = config.apps.iter().map(|app| ProviderView {
        name: app.name.clone(),
        kind: "application",
        base_url: app.upstream.clone(),
        protocol: match app.dialect {
            AppDialect::OpenAi => "openai",
            AppDialect::FlowReader => "flowreader",
            AppDialect::Opaque => "opaque",
        },
        prefix: Some(app.prefix.clone()),
        key: key(None),
    });
    providers.chain(apps).collect()
}

fn key(secret: Option<&Secret>) -> KeyView {
    let Some(secret) = secret else {
        return KeyView { from: "caller", reference: None, state: None, why: None };
    };
    let (state, why) = match secret.standing() {
        Standing::InUse => ("in_use", None),
        Standing::Changed => ("changed", None),
        Standing::Missing(why) => ("missing", Some(why)),
    };
    let reference = secret.reference().map(str::to_owned);
    KeyView { from: "configured", reference, state: Some(state), why }
}
