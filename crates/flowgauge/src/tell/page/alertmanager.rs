//! `/api/v2`: Alertmanager's API, so that `amtool`, karma and Prometheus work against flowgauge.
//!
//! Owns the shapes and words of that API; what they show is the desk's. An error is a JSON string with
//! the status its clients know, and a parameter nobody knows is left alone, as Alertmanager does.

pub(super) mod alerts;
pub(super) mod silences;
pub(super) mod status;

use super::Problem;
use super::ask::Params;
use crate::judge::desk::matching::{LabelMap, Matching, matcher};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// The receiver of alerts that are shown and sent nowhere.
pub(super) const SHOWN_ONLY: &str = "flowgauge";

/// An error as Alertmanager's clients read it.
#[derive(Debug)]
pub(super) struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(detail: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, detail.into())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Their clients know 200, 400, 404 and 500 only.
        let status = match problem.status() {
            StatusCode::NOT_FOUND => StatusCode::NOT_FOUND,
            status if status.is_client_error() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, problem.detail().to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

/// The matchers of the repeated `filter`.
fn filter(params: &Params) -> Result<Matching, Refusal> {
    let mut matchers = Vec::new();
    for text in params.many("filter")? {
        // Several may stand in braces, separated by commas.
        let inner = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}'));
        for one in parts(inner.unwrap_or(text)) {
            let wrong = |e: crate::judge::desk::matching::BadMatcher| {
                Refusal::bad(format!("bad matcher format: {one}: {e}"))
            };
            matchers.push(matcher(one).map_err(wrong)?);
        }
    }
    Matching::new(&matchers).map_err(|e| Refusal::bad(e.detail))
}

/// Splits at commas outside quotes.
fn parts(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let separator = |c: char| {
        let ends = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    text.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// A flag that is on unless it is switched off.
fn unless_off(params: &Params, name: &str) -> Result<bool, Refusal> {
    match params.one(name)? {
        None => Ok(true),
        Some(_) => Ok(params.flag(name)?),
    }
}

/// Alertmanager's name of a label set: FNV-1a over names and values in order, each ended by 0xff.
fn fingerprint(labels: &LabelMap) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    let hash = labels.iter().fold(OFFSET, |hash, (name, value)| {
        let bytes = name.as_bytes().iter().chain(&[0xff]).chain(value.as_bytes()).chain(&[0xff]);
        bytes.fold(hash, add)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_split_at_commas_outside_quotes() {
        assert_eq!(parts(r#"a="x,y", b=~"\",",c=d"#), [r#"a="x,y""#, r#"b=~"\",""#, "c=d"]);
        assert_eq!(parts(""), Vec::<&str>::new());
    }

    /// Values of prometheus/common, model/signature_test.go (`LabelsToSignature`, which hashes as
    /// `LabelSet.Fingerprint` does).
    #[test]
    fn fingerprints_are_alertmanagers() {
        assert_eq!(
            fingerprint(&LabelMap::new()),
            format!("{:016x}", 14_695_981_039_346_656_037_u64)
        );
        let named = LabelMap::from([
            ("name".to_owned(), "garland, briggs".to_owned()),
            ("fear".to_owned(), "love is not enough".to_owned()),
        ]);
        assert_eq!(fingerprint(&named), format!("{:016x}", 5_799_056_148_416_392_346_u64));
    }
}
