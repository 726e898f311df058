//! What is wrong or odd about a price file.
//!
//! Owns which findings mean that a model stays without its price. Refuses to judge whether a price
//! is high: only amounts that no provider has ever charged are named.

use super::fields::Fields;
use super::rate::{Unit, rate_key};
use super::table::{HEADER, PER_UNIT, Row, Table};
use super::{PriceError, decimal};
use crate::nearest::nearest;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Dollars per token no provider charges: sixteen times the dearest list price known, 600 dollars a
/// million. Above it, somebody wrote the price of a million or a thousand tokens.
const SUSPICIOUS_USD: &str = "0.01";

/// Fields with a meaning that are no rate.
const FIELDS: [&str; 18] = [
    "litellm_provider",
    "mode",
    "max_tokens",
    "max_input_tokens",
    "max_output_tokens",
    "deprecation_date",
    "source",
    "metadata",
    "search_context_cost_per_query",
    "file_search_cost_per_1k_calls",
    "code_interpreter_cost_per_session",
    "supported_regions",
    "supported_endpoints",
    "supported_modalities",
    "supported_output_modalities",
    "output_vector_size",
    "tool_use_system_prompt_tokens",
    "provider_specific_entry",
];

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The row is not used.
    Dropped,
    /// It is used, and is hardly what was meant.
    Suspicious,
    /// A field is not known and is ignored.
    Ignored,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Key of the row.
    pub model: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and the way out.
    pub finding: String,
}

/// Everything worth saying about a price file, the worst first.
///
/// # Errors
/// When it is no JSON object.
pub fn check(json: &str) -> Result<Vec<Finding>, PriceError> {
    let table = Table::parse(json)?;
    let mut found = Vec::new();
    let mut say = |model: &str, severity, finding: String| {
        found.push(Finding { model: model.to_owned(), severity, finding });
    };
    for (model, why) in &table.dropped {
        say(model, Severity::Dropped, format!("not used: {why}"));
    }
    for (model, row) in &table.rows {
        for finding in suspicious(row) {
            say(model, Severity::Suspicious, finding);
        }
    }
    let entries: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
    for (model, raw) in &entries {
        let Ok(fields) = serde_json::from_str::<Fields<'_>>(raw.get()) else { continue };
        if model == HEADER {
            continue;
        }
        for (key, _) in fields.iter().filter(|(key, _)| !is_known(key)) {
            let near = nearest(key, Unit::keys()).filter(|near| *near != key);
            let tip = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            say(model, Severity::Ignored, format!("field {key} is not known and ignored{tip}"));
        }
    }
    found.sort_by_key(|finding| finding.severity);
    Ok(found)
}

fn is_known(key: &str) -> bool {
    rate_key(key).is_some()
        || FIELDS.contains(&key)
        || key.starts_with("supports_")
        || PER_UNIT.iter().any(|end| key.ends_with(end))
}

fn suspicious(row: &Row) -> Vec<String> {
    let mut out = Vec::new();
    let limit = decimal::rate(SUSPICIOUS_USD);
    for rate in row.rates().filter(|rate| limit.is_some_and(|limit| rate.units > limit)) {
        out.push(format!(
            "{} is {} dollars a token; rates are per token, not per thousand or million",
            rate.key(),
            decimal::show(rate.units)
        ));
    }
    let base = |unit| row.base(unit);
    if let (Some(read), Some(input)) = (base(Unit::CacheRead), base(Unit::Input))
        && read > input
    {
        out.push("reading from the cache costs more than plain input".to_owned());
    }
    if let (Some(input), Some(output)) = (base(Unit::Input), base(Unit::Output))
        && input > 0
        && output == 0
        && row.mode.as_deref() != Some("embedding")
    {
        out.push("output is free while input is not".to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_rows_odd_rates_and_unknown_fields_are_named_worst_first() {
        let found = check(
            r#"{"sample_spec": {"anything": 1},
            "fine": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "mode": "chat",
                "supports_vision": true, "input_cost_per_token_above_200k_tokens_flex": 1e-6},
            "half": {"input_cost_per_token": 1e-6},
            "per-million": {"input_cost_per_token": 3, "output_cost_per_token": 15},
            "cache": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
                "cache_read_input_token_cost": 2e-6},
            "typo": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
                "cache_read_input_token_costs": 2e-7}}"#,
        )
        .unwrap();
        let short: Vec<(&str, Severity)> =
            found.iter().map(|f| (f.model.as_str(), f.severity)).collect();
        assert_eq!(
            short,
            [
                ("half", Severity::Dropped),
                ("cache", Severity::Suspicious),
                ("per-million", Severity::Suspicious),
                ("per-million", Severity::Suspicious),
                ("typo", Severity::Ignored),
            ]
        );
        assert!(found[2].finding.starts_with("input_cost_per_token is 3 dollars a token"));
        assert!(found[4].finding.ends_with("did you mean cache_read_input_token_cost?"));
        assert!(check("[]").is_err());
    }

    #[test]
    fn the_shipped_table_has_no_finding_but_unusual_cache_rates() {
        let found = check(super::super::EMBEDDED).unwrap();
        let odd: Vec<&Finding> =
            found.iter().filter(|f| f.severity != Severity::Suspicious).collect();
        assert!(odd.is_empty(), "{odd:?}");
        assert!(found.iter().all(|f| !f.finding.contains("a token;")), "{found:?}");
    }
}
