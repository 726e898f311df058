//! Answers made by flowgauge itself, in the language of the family, and how each is recorded.

use crate::logic::call::{ErrorClass, Outcome, Protocol, Status, Text};
use crate::logic::id::CallId;
use crate::logic::wire;
use crate::receive::Body;
use crate::record::ledger::Denied;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};

/// Our id of a call.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-flowgauge-request-id");
/// What the response cache said.
pub(super) const CACHE: HeaderName = HeaderName::from_static("x-flowgauge-cache");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Tells OpenAI's SDKs not to repeat a request that cannot succeed.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An answer instead of an upstream's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: Text,
    retry: Option<bool>,
    outcome: (Status, ErrorClass),
}

impl Refusal {
    /// A fault of flowgauge.
    pub(super) const PANIC: Self = Self::fixed(
        StatusCode::INTERNAL_SERVER_ERROR,
        "api_error",
        "gateway_error",
        "flowgauge failed on this request; its log holds the place",
        None,
        (Status::Error, ErrorClass::Gateway),
    );
    /// No flowgauge key, or a bad one.
    pub(super) const KEY: Self = Self::fixed(
        StatusCode::UNAUTHORIZED,
        "authentication_error",
        "invalid_api_key",
        "flowgauge wants a valid key of its own in x-flowgauge-key or as the API key",
        Some(false),
        (Status::Refused, ErrorClass::Client4xx),
    );
    /// A path that could be read as another.
    pub(super) const PATH: Self = Self::fixed(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "invalid_path",
        "the path must not contain . or .. segments",
        Some(false),
        (Status::Refused, ErrorClass::Client4xx),
    );
    /// The body did not arrive.
    pub(super) const SLOW_BODY: Self = Self::fixed(
        StatusCode::REQUEST_TIMEOUT,
        "invalid_request_error",
        "request_timeout",
        "the request body stopped arriving",
        None,
        (Status::Refused, ErrorClass::Client4xx),
    );
    /// The body broke off.
    pub(super) const BROKEN_BODY: Self = Self::fixed(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "invalid_body",
        "the request body could not be read to its end",
        Some(false),
        (Status::Cancelled, ErrorClass::None),
    );
    /// No connection, or it broke before a head came.
    pub(super) const UNREACHABLE: Self = Self::fixed(
        StatusCode::BAD_GATEWAY,
        "upstream_error",
        "upstream_unreachable",
        "the upstream could not be reached or closed the connection before answering",
        None,
        (Status::Error, ErrorClass::Unreachable),
    );
    /// No head in time.
    pub(super) const TIMEOUT: Self = Self::fixed(
        StatusCode::GATEWAY_TIMEOUT,
        "upstream_error",
        "upstream_timeout",
        "the upstream did not begin to answer in time",
        None,
        (Status::Error, ErrorClass::Timeout),
    );

    /// A body over the limit.
    pub(super) fn too_large(limit: u64) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            kind: "invalid_request_error",
            code: "request_too_large",
            message: Text::from(format!("the request body is larger than {limit} bytes")),
            retry: Some(false),
            outcome: (Status::Refused, ErrorClass::OwnLimit),
        }
    }

    /// A budget has no room, or wants a price.
    pub(super) fn denied(why: &Denied) -> Self {
        let (status, kind, code, message) = match why {
            Denied::Spent { budget, subject, committed, limit, resets_at } => (
                StatusCode::TOO_MANY_REQUESTS,
                "insufficient_quota",
                "budget_exceeded",
                format!(
                    "the budget `{budget}` of {subject} has no room for this call: {} of {} USD \
                     are spent or set aside; it begins anew at {resets_at}",
                    committed.to_decimal(),
                    limit.to_decimal()
                ),
            ),
            Denied::Unpriced { budget, model } => {
                let model = model.as_deref().unwrap_or("(none)");
                let message = format!(
                    "the budget `{budget}` refuses models without a price, and `{model}` has none; \
                     the operator can give it one: flowgauge prices set {model}"
                );
                (StatusCode::FORBIDDEN, "invalid_request_error", "unpriced_model", message)
            }
        };
        let outcome = (Status::Refused, ErrorClass::OwnLimit);
        Self { status, kind, code, message: Text::from(message), retry: Some(false), outcome }
    }

    const fn fixed(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: &'static str,
        retry: Option<bool>,
        outcome: (Status, ErrorClass),
    ) -> Self {
        let message = Text::const_new(message);
        Self { status, kind, code, message, retry, outcome }
    }

    /// How the call's row ends.
    pub(super) fn record(&self, outcome: &mut Outcome) {
        (outcome.status, outcome.class) = self.outcome;
        outcome.http_status = Some(self.status.as_u16());
        outcome.error_type = Some(Text::const_new(self.code));
    }

    /// The answer.
    pub(super) fn answer(&self, family: Protocol, id: CallId) -> Response<Body> {
        let text = wire::error_body(family, self.kind, self.code, &self.message);
        let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(retry) = self.retry {
            let word = if retry { "true" } else { "false" };
            fields.insert(SHOULD_RETRY, HeaderValue::from_static(word));
        }
        if let Some(id) = id_value(id) {
            fields.insert(REQUEST_ID, id.clone());
            fields.insert(X_REQUEST_ID, id);
        }
        response
    }
}

/// An id as a header value.
pub(super) fn id_value(id: CallId) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(Bytes::from(id.to_string())).ok()
}
