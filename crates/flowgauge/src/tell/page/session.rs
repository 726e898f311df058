//! `/api/v1/session`: a browser exchanges a key for a cookie, asks who it is, and logs out.
//!
//! A change asked for with the cookie must carry the session's token in a header of its own: a form of another site can
//! send the cookie's owner here, but set no header. Refuses keys in addresses, and any place but the cookie for the secret.

use super::ask::Params;
use super::guard::{self, Shown};
use super::{App, Problem};
use crate::serve::keys::Scope;
use crate::serve::keys::sessions::{self, Begun, LIFE};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::header::{COOKIE, ORIGIN, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Name of the cookie.
const COOKIE_NAME: &str = "flowgauge_session";
/// Header that carries the token against forged requests.
const TOKEN_HEADER: &str = "x-flowgauge-csrf";

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionView {
    /// Whether a key is demanded of this caller and none in force came.
    pub required: bool,
    /// How they showed who they are: `session`, `key`, or `open` where no key is demanded of them.
    pub by: Option<String>,
    /// What people call the key.
    pub name: Option<String>,
    /// Public id of the key.
    pub key_id: Option<String>,
    /// What they may do.
    pub scope: Option<Scope>,
    /// The same with every scope it includes, least first.
    pub may: Vec<Scope>,
    /// When the session ends.
    pub ends: Option<String>,
    /// What changes asked for with the session must carry as `x-flowgauge-csrf`.
    pub csrf: Option<String>,
}

/// A key to log in with.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// The key itself.
    key: String,
}

impl SessionView {
    fn of(scope: Option<Scope>, by: Option<&str>) -> Self {
        let scopes = Scope::ALL.into_iter().filter(|s| scope.is_some_and(|most| *s <= most));
        Self {
            required: scope.is_none(),
            by: by.map(str::to_owned),
            name: None,
            key_id: None,
            scope,
            // A viewer's key includes no sending.
            may: scopes
                .filter(|s| *s != Scope::Gateway || scope.is_some_and(Scope::may_send))
                .collect(),
            ends: None,
            csrf: None,
        }
    }

    fn shown(shown: &Shown<'_>) -> Self {
        let by = if shown.session.is_some() { "session" } else { "key" };
        Self {
            name: Some(shown.holder.name.to_string()),
            key_id: Some(shown.holder.id.to_string()),
            ends: shown.session.map(|s| s.ends.to_rfc3339()),
            csrf: shown.session.map(|s| sessions::csrf(s.secret)),
            ..Self::of(Some(shown.holder.scope), Some(by))
        }
    }
}

/// Who asks, by which way, and what they may do.
#[utoipa::path(get, path = "/api/v1/session", tag = "keys", responses((status = 200, body = SessionView)))]
pub(super) async fn show(
    State(app): State<App>,
    peer: ConnectInfo<SocketAddr>,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<SessionView>, Problem> {
    params.only(&[], &[])?;
    if let Some(scope) = guard::unnamed_scope(&app, Some(peer.0.ip())) {
        return Ok(Json(SessionView::of(Some(scope), Some("open"))));
    }
    Ok(Json(match guard::shown(&app, &headers) {
        Ok(shown) => SessionView::shown(&shown),
        Err(_) => SessionView::of(None, None),
    }))
}

/// Logs in: exchanges a key for a cookie that scripts cannot read, good for 12 hours while the key is in force.
#[utoipa::path(post, path = "/api/v1/session", tag = "keys", request_body = Login,
    responses((status = 200, body = SessionView, description = "Logged in; the cookie is set"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "The key is not in force"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The key may not read")))]
pub(super) async fn begin(
    State(app): State<App>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    params.only(&[], &[])?;
    // The parser's own words would repeat what was sent, and that may be a key.
    let Ok(Login { key }) = serde_json::from_slice(&body) else {
        return Err(Problem::field("body", "", "write {\"key\": \"fg_…\"}"));
    };
    let Some(holder) = app.keys.holder(key.trim()) else {
        tracing::info!("a login with a key that is not in force was refused");
        let detail = "this key is not known, has expired or was revoked";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    };
    if holder.scope < Scope::Viewer {
        let detail = format!("key {} has scope gateway; the page needs viewer", holder.id);
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    if let Some(before) = cookie(&headers) {
        app.sessions.end(before);
    }
    let begun = app.sessions.begin(&holder, app.clock.now());
    let Begun { secret, ends } =
        begun.map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    tracing::info!(key_id = %holder.id, "a browser logged in");
    let session = Some(guard::Session { secret: &secret, ends });
    let view = SessionView::shown(&Shown { holder, session });
    let set = set_cookie(&secret, LIFE.0 / 1_000_000, is_encrypted(&headers));
    Ok((AppendHeaders([(SET_COOKIE, set)]), Json(view)).into_response())
}

/// Logs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "keys",
    responses((status = 204, description = "Logged out; the cookie is gone"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "Without the session's token")))]
pub(super) async fn end(
    State(app): State<App>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    params.only(&[], &[])?;
    if let Some(secret) = cookie(&headers)
        && app.sessions.find(secret, app.clock.now()).is_some()
    {
        check_token(secret, &headers)?;
        app.sessions.end(secret);
    }
    let set = set_cookie("", 0, is_encrypted(&headers));
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, set)])).into_response())
}

/// Refuses a change that carries the cookie without its token.
pub(super) fn check_token(secret: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let mut tokens = headers.get_all(TOKEN_HEADER).iter();
    match (tokens.next(), tokens.next()) {
        (Some(token), None) if sessions::is_csrf(secret, token.as_bytes()) => Ok(()),
        _ => {
            let detail = format!(
                "a change asked for with a session needs its token as {TOKEN_HEADER}; GET /api/v1/session tells it"
            );
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
    }
}

/// The secret of the session a browser sends. Nothing where two differ: which of them counts would depend on who reads first.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value);
    let first = ours.next()?;
    ours.all(|other| other == first).then_some(first)
}

fn set_cookie(secret: &str, seconds: u64, encrypted: bool) -> String {
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether the browser came by TLS, which ends before us: it names its origin itself, a proxy the protocol.
fn is_encrypted(headers: &HeaderMap) -> bool {
    let says = |name: &str, start: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().starts_with(start))
    };
    says(ORIGIN.as_str(), "https://") || says("x-forwarded-proto", "https")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in cookies {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn a_session_is_read_from_among_other_cookies_and_two_different_ones_are_none() {
        assert_eq!(cookie(&headers(&["a=b; flowgauge_session=x; c=d"])), Some("x"));
        assert_eq!(cookie(&headers(&["a=b", "flowgauge_session=x"])), Some("x"));
        assert_eq!(cookie(&headers(&["flowgauge_session=x; flowgauge_session=x"])), Some("x"));
        for none in
            [&["flowgauge_session=x; flowgauge_session=y"][..], &["xflowgauge_session=x"], &[]]
        {
            assert_eq!(cookie(&headers(none)), None, "{none:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_encrypted_ways_only_where_the_browser_came_by_one() {
        assert!(!set_cookie("x", 1, is_encrypted(&HeaderMap::new())).contains("Secure"));
        for (name, value) in
            [("origin", "https://flowgauge.example"), ("x-forwarded-proto", "https")]
        {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert!(set_cookie("x", 1, is_encrypted(&headers)).ends_with("; Secure"), "{name}");
        }
    }
}
