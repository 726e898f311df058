//! What went wrong with a request, as RFC 9457 problem+json: place, value and the way out.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// Longest value repeated in an error: enough to recognise it.
const MAX_VALUE: usize = 200;

/// Everything is as it is asked to be.
pub const UNCHANGED: &str = "unchanged";

/// An error answer.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: String,
    /// HTTP status.
    status: u16,
    /// What is wrong and the way out.
    detail: String,
    /// What kind it is, for programs, where the status alone does not say it: `unchanged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field>,
    /// When to come back, seconds.
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// A field that is wrong.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct Field {
    /// Where it stands, e.g. `query.since`.
    place: String,
    /// What stands there.
    value: String,
    /// What would be accepted.
    detail: String,
}

impl Problem {
    /// A problem of a status.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: None,
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// A wrong value in a place of the request.
    #[must_use]
    pub fn field(place: &str, value: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let shown: String = value.chars().take(MAX_VALUE).collect();
        let mut problem =
            Self::new(StatusCode::BAD_REQUEST, format!("{place} {shown:?}: {detail}"));
        problem.errors.push(Field { place: place.to_owned(), value: shown, detail });
        problem
    }

    /// The same, with another wrong value named.
    #[must_use]
    pub fn also(mut self, place: &str, value: &str, detail: impl Into<String>) -> Self {
        let shown = value.chars().take(MAX_VALUE).collect();
        self.errors.push(Field { place: place.to_owned(), value: shown, detail: detail.into() });
        self
    }

    /// The same, with a word for programs.
    #[must_use]
    pub const fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Come back later.
    #[must_use]
    pub fn later(detail: impl Into<String>, retry_after_s: u32) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.retry_after_s = Some(retry_after_s);
        problem
    }

    /// The same under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status.as_u16();
        self.title = status.canonical_reason().unwrap_or("Error").to_owned();
        self
    }

    /// What is wrong and the way out.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            let bearer = HeaderValue::from_static("Bearer realm=\"flowgauge\"");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
