//! `prices INPUT --date DATE --from WHERE`: a filtered, dated copy of a LiteLLM price list.
//!
//! Owns which rows and fields are shipped. Refuses to change a rate: numbers are copied as text.
//! A row without base rates is left out, and so is one that charges nothing: in the list that
//! means "not known" far more often than "free", and an unknown price must stay visible.

use anyhow::{Context as _, Result, bail};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The shipped table, below the repository's root.
const SHIPPED: &str = "crates/flowgauge-logic/data/prices.json";
/// Rates of the demo's pretend models, which no list has.
const DEMO: &str = "crates/flowgauge-logic/data/demo-prices.json";

/// Kinds of model whose calls are seen by gateway and spans.
const MODES: [&str; 5] = ["chat", "completion", "responses", "embedding", "rerank"];

/// Beginnings of `litellm_provider`: hosts that are called often through the gateway or appear in
/// telemetry. More would double the file for models nobody meets.
const PROVIDERS: [&str; 17] = [
    "openai",
    "text-completion-openai",
    "azure",
    "anthropic",
    "bedrock",
    "vertex_ai",
    "gemini",
    "mistral",
    "codestral",
    "cohere",
    "deepseek",
    "xai",
    "groq",
    "together_ai",
    "fireworks_ai",
    "openrouter",
    "cerebras",
];

/// Fields that the reader knows, besides every rate.
const FIELDS: [&str; 7] = [
    "litellm_provider",
    "mode",
    "max_input_tokens",
    "max_output_tokens",
    "max_tokens",
    "deprecation_date",
    "source",
];

/// Parts of a rate's name; other prices (per pixel, per video second) price nothing we count.
const RATES: [&str; 4] =
    ["_cost_per_token", "_token_cost", "_cost_per_reasoning_token", "search_context_cost"];
/// Names that are rates of tokens of one kind.
const KIND_RATES: [&str; 4] = [
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
    "input_cost_per_image_token",
    "output_cost_per_image_token",
];
/// Rates under other names that would read as one of ours.
const NOT_OURS: [&str; 6] = [
    "audio_token_cost",
    "image_token_cost",
    "_per_audio_token",
    "dbu",
    "cache_hit",
    "batch_requests",
];

type Row = BTreeMap<String, Box<RawValue>>;

/// Writes the shipped table; answers how many rows it has.
///
/// # Errors
/// Where the list cannot be read, an argument is missing, or next to nothing was left.
pub(crate) fn build(root: &Path, args: &[String]) -> Result<usize> {
    let usage = "usage: cargo xtask prices INPUT --date YYYY-MM-DD --from \"NAME VERSION\"";
    let [input, rest @ ..] = args else { bail!(usage) };
    let option = |name: &str| {
        let at = rest.iter().position(|arg| arg == name).context(usage)?;
        rest.get(at + 1).context(usage)
    };
    let (date, from) = (option("--date")?, option("--from")?);
    let text = fs::read_to_string(input).with_context(|| format!("read {input}"))?;
    let list: BTreeMap<String, Row> =
        serde_json::from_str(&text).context("the list is no table")?;
    let mut kept: BTreeMap<String, Row> = list
        .into_iter()
        .filter_map(|(name, row)| Some((name.clone(), keep(&name, row)?)))
        .collect();
    if kept.len() < 100 {
        bail!("only {} rows were left; the list has another shape", kept.len());
    }
    let demo = fs::read_to_string(root.join(DEMO)).with_context(|| format!("read {DEMO}"))?;
    kept.extend(serde_json::from_str::<BTreeMap<String, Row>>(&demo)?);
    fs::write(root.join(SHIPPED), render(&kept, date, from)?)?;
    Ok(kept.len())
}

/// The fields of a row that are shipped; nothing where the row is not.
fn keep(name: &str, mut row: Row) -> Option<Row> {
    let word =
        |row: &Row, key: &str| -> Option<String> { serde_json::from_str(row.get(key)?.get()).ok() };
    let provider = word(&row, "litellm_provider")?;
    let mode = word(&row, "mode")?;
    let wanted = MODES.contains(&mode.as_str())
        && PROVIDERS.iter().any(|p| provider.starts_with(p))
        && !name.contains('*')
        && name != "sample_spec";
    if !wanted {
        return None;
    }
    let amount = |row: &Row, key: &str| -> Option<f64> { row.get(key)?.get().parse().ok() };
    let (input, output) =
        (amount(&row, "input_cost_per_token"), amount(&row, "output_cost_per_token"));
    let charges = input.unwrap_or(0.0) + output.unwrap_or(0.0) > 0.0;
    let whole = input.is_some() && (output.is_some() || mode == "embedding");
    if charges && whole {
        row.retain(|key, _| is_shipped(key));
        return Some(row);
    }
    // Priced by the query: no token rate may make it look free.
    amount(&row, "input_cost_per_query").filter(|each| *each > 0.0)?;
    row.retain(|key, _| key == "input_cost_per_query" || FIELDS.contains(&key.as_str()));
    Some(row)
}

fn is_shipped(key: &str) -> bool {
    let plain = key.strip_suffix("_priority").unwrap_or(key);
    if FIELDS.contains(&key) || KIND_RATES.contains(&plain) {
        return true;
    }
    !NOT_OURS.iter().any(|part| key.contains(part)) && RATES.iter().any(|part| key.contains(part))
}

/// One row a line, names in order: a new list shows as the lines that changed.
fn render(rows: &BTreeMap<String, Row>, date: &str, from: &str) -> Result<String> {
    let header = serde_json::json!({
        "date": date,
        "source": from,
        "license": "MIT, Copyright (c) 2023 Berri AI; see THIRD-PARTY-DATA.md",
        "notes": "US dollars per token. List prices without discounts of any contract. An operator's own file with the same keys wins. A key that is absent is unknown and never free. Written by `cargo xtask prices`.",
    });
    let mut out = String::from("{\n");
    write!(out, "\"sample_spec\":{header}")?;
    for (name, row) in rows {
        write!(out, ",\n{}:{{", serde_json::to_string(name)?)?;
        for (at, (key, value)) in row.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let value: serde_json::Value = match value.get() {
                number if number.parse::<f64>().is_ok() => {
                    write!(out, "{comma}\"{key}\":{number}")?;
                    continue;
                }
                other => serde_json::from_str(other)?,
            };
            write!(out, "{comma}\"{key}\":{value}")?;
        }
        out.push('}');
    }
    out.push_str("\n}\n");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        serde_json::from_str(json).expect("row")
    }

    #[test]
    fn rates_are_copied_as_text_and_other_fields_are_left_out() {
        let kept = keep(
            "m",
            row(r#"{"mode":"chat","litellm_provider":"openai","input_cost_per_token":2.50e-06,
                "output_cost_per_token":1e-05,"supports_vision":true,"cache_read_input_audio_token_cost":1,
                "input_cost_per_token_above_200k_tokens":5e-06,"input_cost_per_pixel":1}"#),
        )
        .expect("kept");
        let table = BTreeMap::from([("m".to_owned(), kept)]);
        let text = render(&table, "2026-01-01", "a list").expect("text");
        assert!(
            text.ends_with(
                ",\n\"m\":{\"input_cost_per_token\":2.50e-06,\"input_cost_per_token_above_200k_tokens\":5e-06,\
                 \"litellm_provider\":\"openai\",\"mode\":\"chat\",\"output_cost_per_token\":1e-05}\n}\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn rows_that_charge_nothing_or_only_half_are_left_out() {
        for json in [
            r#"{"mode":"chat","litellm_provider":"openai","input_cost_per_token":0.0,"output_cost_per_token":0.0}"#,
            r#"{"mode":"chat","litellm_provider":"openai","input_cost_per_token":1e-6}"#,
            r#"{"mode":"image_generation","litellm_provider":"openai","input_cost_per_token":1e-6,"output_cost_per_token":1e-6}"#,
            r#"{"mode":"chat","litellm_provider":"elsewhere","input_cost_per_token":1e-6,"output_cost_per_token":1e-6}"#,
        ] {
            assert!(keep("m", row(json)).is_none(), "{json}");
        }
    }

    #[test]
    fn a_row_priced_by_the_query_ships_no_token_rate() {
        let kept = keep(
            "r",
            row(r#"{"mode":"rerank","litellm_provider":"cohere","input_cost_per_query":0.002,
                "input_cost_per_token":0.0,"output_cost_per_token":0.0}"#),
        )
        .expect("kept");
        let keys: Vec<&str> = kept.keys().map(String::as_str).collect();
        assert_eq!(keys, ["input_cost_per_query", "litellm_provider", "mode"]);
    }
}
