//! `/api/v1/clients`: which kinds of clients sent calls since start, for whoever connects an application.

use super::ask::Params;
use super::{App, Problem};
use crate::receive::clients::Client;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

/// Kinds of clients that sent calls.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ClientList {
    /// Since when they are counted: the start of flowgauge, RFC 3339. Nothing of it is stored.
    since: String,
    /// Those that came, callers of the gateway first.
    clients: Vec<ClientView>,
}

/// A kind of client.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ClientView {
    /// Its name for programs, e.g. `openai_python`.
    family: &'static str,
    /// Its name for people.
    title: &'static str,
    /// How its calls came: `gateway` or `otlp`.
    door: &'static str,
    /// Version of the last that said one; `null` where none did.
    version: Option<String>,
    /// Calls since start.
    calls: u64,
    /// When the last came, RFC 3339.
    last_seen: String,
}

/// Which kinds of clients sent calls since start, by what they say in `User-Agent`. Programs that say the same are one:
/// LangChain and LiteLLM for Python call by OpenAI's SDK.
#[utoipa::path(get, path = "/api/v1/clients", tag = "health",
    responses((status = 200, body = ClientList),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    params: Params,
) -> Result<Json<ClientList>, Problem> {
    params.only(&[], &[])?;
    let seen = app.traffic.clients().into_iter().chain(app.ingest.clients());
    Ok(Json(ClientList { since: app.started.to_rfc3339(), clients: seen.map(view).collect() }))
}

fn view(client: Client) -> ClientView {
    let Client { family, version, calls, last } = client;
    ClientView {
        family: family.name(),
        title: family.title(),
        door: if family.is_otlp() { "otlp" } else { "gateway" },
        version: version.map(|v| v.to_string()),
        calls,
        last_seen: last.to_rfc3339(),
    }
}
