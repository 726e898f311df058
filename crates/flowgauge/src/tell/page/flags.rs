//! `/ofrep/v1`: the switches for applications outside the gateway, in OpenFeature's remote evaluation protocol.
//!
//! Owns reading its bodies and writing its answers. Refuses to decide: what a flag says is `logic::control::flag`'s,
//! from the same state and the same draw as the gateway's.

use super::App;
use super::ask::Params;
use crate::control::Snapshot;
use crate::logic::call::Text;
use crate::logic::control::flag::{Answer, Flag, Target};
use crate::logic::control::rollout::{Mode, Subject};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Largest body read: a context is a handful of short attributes.
const MAX_BODY: usize = 64 << 10;
/// Longest value of an attribute that is looked at; a route or a user's name is shorter.
const MAX_ATTRIBUTE: usize = 1_024;
/// How often a polling client may ask: a rollback is seen within two seconds.
const POLL_MS: u64 = 1_000;

/// An evaluation that failed, as the protocol says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlagFailure {
    /// The flag asked for, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `PARSE_ERROR`, `INVALID_CONTEXT`, `TARGETING_KEY_MISSING` or `FLAG_NOT_FOUND`.
    pub error_code: String,
    /// What is wrong and the way out.
    pub error_details: String,
}

/// An evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlagEvaluation {
    /// The flag.
    pub key: String,
    /// Whether the mechanism shall act.
    pub value: bool,
    /// `STATIC`, `TARGETING_MATCH`, `SPLIT` or `DISABLED`.
    pub reason: String,
    /// `on` or `off`.
    pub variant: String,
    /// Generation of the state, who decided, how far the mechanism is let, the user's arm.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

/// What is asked: for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlagRequest {
    /// `targetingKey`: the user, or with `"targetingKind": "session"` a session. `routeKey` and `intent` where rollouts
    /// have exceptions. Other attributes are not looked at.
    #[schema(value_type = Object)]
    pub context: Option<Map<String, Value>>,
}

/// One switch.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags/{key}", tag = "flags", request_body = FlagRequest,
    params(("key" = String, Path, description = "`optimization.` and a mechanism, or `optimization.all`")),
    responses((status = 200, body = FlagEvaluation), (status = 400, body = FlagFailure),
        (status = 404, body = FlagFailure)))]
pub(super) async fn one(
    State(app): State<App>,
    Path(key): Path<String>,
    body: Bytes,
) -> Result<Json<FlagEvaluation>, Refused> {
    let Some(flag) = Flag::from_key(&key) else {
        let known = Flag::ALL.map(Flag::key).join(", ");
        let details = format!("no such flag; there are {known}");
        return Err(Refused::new("FLAG_NOT_FOUND", details).of(&key).at(StatusCode::NOT_FOUND));
    };
    let asked = Asked::read(&app, &body).map_err(|refused| refused.of(&key))?;
    let now = app.control.desk.live().get();
    evaluate(&now, flag, &asked)
        .map(Json)
        .map_err(|failure| Refused(StatusCode::BAD_REQUEST, failure))
}

/// All switches; 304 while none of them changed.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags", tag = "flags", request_body = FlagRequest,
    responses((status = 200, body = Object, description = "`flags`: an evaluation or a failure for each"),
        (status = 304, description = "As the caller has it"), (status = 400, body = FlagFailure)))]
pub(super) async fn all(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked = Asked::read(&app, &body)?;
    let now = app.control.desk.live().get();
    let flags: Vec<Value> = Flag::ALL.into_iter().map(|flag| bulk(&now, flag, &asked)).collect();
    let metadata = json!({ "generation": now.generation });
    Ok(tagged(&headers, &json!({ "flags": flags, "metadata": metadata })))
}

/// What this provider can do, and how often it may be polled.
#[utoipa::path(get, path = "/ofrep/v1/configuration", tag = "flags",
    responses((status = 200, body = Object), (status = 304, description = "As the caller has it")))]
pub(super) async fn configuration(
    params: Params,
    headers: HeaderMap,
) -> Result<Response, super::Problem> {
    params.only(&[], &[])?;
    let capabilities = json!({
        "cacheInvalidation": { "polling": { "enabled": true, "minPollingIntervalMs": POLL_MS } },
        "flagEvaluation": { "supportedTypes": ["boolean"] },
    });
    Ok(tagged(&headers, &json!({ "name": "flowgauge", "capabilities": capabilities })))
}

/// A refusal in the protocol's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(StatusCode, FlagFailure);

impl Refused {
    fn new(code: &str, details: impl Into<String>) -> Self {
        let failure =
            FlagFailure { key: None, error_code: code.to_owned(), error_details: details.into() };
        Self(StatusCode::BAD_REQUEST, failure)
    }

    fn of(mut self, key: &str) -> Self {
        self.1.key = Some(key.chars().take(MAX_ATTRIBUTE).collect());
        self
    }

    const fn at(mut self, status: StatusCode) -> Self {
        self.0 = status;
        self
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

/// For whom is asked; names of users and sessions as the hashes the gateway draws by.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    named: Option<Text>,
    session: bool,
    route: Option<String>,
    intent: Option<String>,
}

impl Asked {
    fn read(app: &App, body: &[u8]) -> Result<Self, Refused> {
        let context = context(body)?;
        let named = attribute(&context, "targetingKey")?;
        let session = match attribute(&context, "targetingKind")?.as_deref() {
            None | Some("user") => false,
            Some("session") => true,
            Some(other) => {
                let details = format!("context.targetingKind {other:?}: write user or session");
                return Err(Refused::new("INVALID_CONTEXT", details));
            }
        };
        Ok(Self {
            named: named.map(|name| app.hasher.hash(&name)),
            session,
            route: attribute(&context, "routeKey")?,
            intent: attribute(&context, "intent")?,
        })
    }

    fn target(&self) -> Target<'_> {
        let subject = self.named.as_deref().map(|name| match self.session {
            true => Subject::Session(name),
            false => Subject::User(name),
        });
        Target { route: self.route.as_deref(), intent: self.intent.as_deref(), subject }
    }
}

/// The context of a body; none where none is sent.
fn context(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    if body.len() > MAX_BODY {
        let details = format!("the body has {} bytes; at most {MAX_BODY} are read", body.len());
        return Err(Refused::new("PARSE_ERROR", details).at(StatusCode::PAYLOAD_TOO_LARGE));
    }
    if body.is_empty() {
        return Ok(Map::new());
    }
    let parsed: Value = serde_json::from_slice(body)
        .map_err(|e| Refused::new("PARSE_ERROR", format!("the body is no JSON: {e}")))?;
    let Value::Object(mut members) = parsed else {
        return Err(Refused::new("PARSE_ERROR", "the body is no JSON object"));
    };
    match members.remove("context") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(context)) => Ok(context),
        Some(_) => Err(Refused::new("INVALID_CONTEXT", "context is no JSON object")),
    }
}

/// A text of the context; an empty one names nobody.
fn attribute(context: &Map<String, Value>, name: &str) -> Result<Option<String>, Refused> {
    match context.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_ATTRIBUTE => {
            Ok(Some(text.clone()).filter(|t| !t.is_empty()))
        }
        Some(_) => {
            let details = format!("context.{name} is a text of at most {MAX_ATTRIBUTE} bytes");
            Err(Refused::new("INVALID_CONTEXT", details))
        }
    }
}

fn evaluate(now: &Snapshot, flag: Flag, asked: &Asked) -> Result<FlagEvaluation, FlagFailure> {
    match flag.answer(|mechanism| now.force(mechanism), &asked.target()) {
        Ok(answer) => Ok(evaluation(flag, &answer, now.generation)),
        Err(nobody) => Err(FlagFailure {
            key: Some(flag.key().to_owned()),
            error_code: "TARGETING_KEY_MISSING".to_owned(),
            error_details: nobody.to_string(),
        }),
    }
}

fn bulk(now: &Snapshot, flag: Flag, asked: &Asked) -> Value {
    let written = match evaluate(now, flag, asked) {
        Ok(evaluation) => serde_json::to_value(evaluation),
        Err(failure) => serde_json::to_value(failure),
    };
    // Both are texts and flat maps, which are always JSON.
    written.unwrap_or_default()
}

fn evaluation(flag: Flag, answer: &Answer, generation: u64) -> FlagEvaluation {
    let mut metadata = Map::new();
    metadata.insert("generation".to_owned(), json!(generation));
    metadata.insert("source".to_owned(), word(&answer.source));
    if let Some(mode) = answer.mode {
        metadata.insert("mode".to_owned(), mode_word(mode).into());
    }
    if let Some(arm) = answer.arm {
        metadata.insert("arm".to_owned(), word(&arm));
    }
    let reason = word(&answer.reason);
    FlagEvaluation {
        key: flag.key().to_owned(),
        value: answer.value,
        reason: reason.as_str().unwrap_or_default().to_owned(),
        variant: if answer.value { "on" } else { "off" }.to_owned(),
        metadata,
    }
}

/// The word an enum of words is written as.
fn word(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Shadow => "shadow",
        Mode::Canary(_) => "canary",
        Mode::On => "on",
    }
}

/// A JSON answer with a tag over its bytes, or 304 where the caller has it.
fn tagged(headers: &HeaderMap, answer: &Value) -> Response {
    let body = answer.to_string();
    let tag = format!("\"{:016x}\"", crate::logic::fingerprint::fingerprint(&[body.as_bytes()]));
    let has = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|v| matches!(v.trim().trim_start_matches("W/"), t if t == tag || t == "*"));
    let mut response = if has {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], body).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
