//! What was changed of a stored call, in words.
//!
//! Owns the words for old costs and for what another witness told. Refuses to say what the call is
//! now: the row does.

use super::Fact;
use crate::logic::call::Text;
use crate::logic::unit::NanoUsd;
use crate::store::{AmendmentRow, Why};
use serde::{Deserialize, Serialize};

/// One change of a stored call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AmendmentView {
    /// When, RFC 3339.
    pub at: String,
    /// `repriced`, `merged` or `context`.
    pub why: String,
    /// By whom.
    #[schema(value_type = String)]
    pub by: Text,
    /// The cost before, nano-dollars; `null` where there was none, or it did not change.
    #[schema(value_type = Option<i64>)]
    pub cost_before_nanos: Option<NanoUsd>,
    /// Version of the prices it was of.
    #[schema(value_type = Option<String>)]
    pub price_version_before: Option<Text>,
}

impl From<&AmendmentRow> for AmendmentView {
    fn from(row: &AmendmentRow) -> Self {
        let why = match row.why {
            Why::Merged => "merged",
            Why::Context => "context",
            Why::Repriced => "repriced",
        };
        let before = row.before.as_ref();
        Self {
            at: row.at.to_rfc3339(),
            why: why.to_owned(),
            by: row.by.clone(),
            cost_before_nanos: before.and_then(|cost| cost.nanos),
            price_version_before: before.and_then(|cost| cost.price_version.clone()),
        }
    }
}

/// The same as a line among the others.
pub(super) fn fact(row: &AmendmentRow) -> Fact {
    let at = row.at.to_rfc3339();
    let (field, value, why) = match row.why {
        Why::Repriced => {
            let before = row.before.as_ref();
            let nanos = before.and_then(|cost| cost.nanos);
            let version = before.and_then(|cost| cost.price_version.as_deref());
            let was =
                nanos.map_or_else(|| "unknown".to_owned(), |n| format!("${}", n.to_decimal()));
            let version = version.unwrap_or("of no record");
            let why = format!("cost was {was} at version {version} until {at}");
            ("amended cost_nanos", nanos.map(|n| n.0.to_string()), why)
        }
        Why::Merged => (
            "amended merged_into",
            None,
            format!("since {at} another row counts in its place, or it counts again"),
        ),
        Why::Context => {
            let why =
                format!("context that it did not have was taken from the other witness at {at}");
            ("amended context", None, why)
        }
    };
    Fact { field: field.to_owned(), value, source: row.by.to_string(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::Cost;
    use crate::logic::id::CallId;
    use crate::logic::unit::UnixMicros;

    fn row(why: Why, before: Option<Cost>) -> AmendmentRow {
        let call = CallId::new(UnixMicros(0), [0; 10]);
        AmendmentRow { call, at: UnixMicros(1_777_982_400_000_000), why, by: "ours".into(), before }
    }

    #[test]
    fn an_old_cost_is_told_with_its_version_and_its_end() {
        let old = Cost {
            nanos: Some(NanoUsd(54_000)),
            price_version: Some("2026-01-01+0".into()),
            ..Cost::default()
        };
        let told = fact(&row(Why::Repriced, Some(old)));
        assert_eq!((told.value.as_deref(), told.source.as_str()), (Some("54000"), "ours"));
        assert!(told.why.starts_with("cost was $0.000054"), "{}", told.why);
        assert!(
            told.why.contains("at version 2026-01-01+0 until 2026-05-05T12:00:00"),
            "{}",
            told.why
        );
        let none = fact(&row(Why::Repriced, Some(Cost::default())));
        assert!(none.why.starts_with("cost was unknown at version of no record"), "{}", none.why);
    }

    #[test]
    fn what_another_witness_told_is_said_without_a_cost() {
        let told = AmendmentView::from(&row(Why::Context, None));
        assert_eq!((told.why.as_str(), told.cost_before_nanos), ("context", None));
        assert_eq!(fact(&row(Why::Merged, None)).field, "amended merged_into");
    }
}
