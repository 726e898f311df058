//! One price table: rows of rates, read from LiteLLM's JSON schema.
//!
//! Owns which keys are rates, tiers and service variants, and which rows are unusable. Refuses rows
//! without base rates: a half-priced model under-reports. Unknown keys are ignored.

use super::decimal;
use crate::call::Text;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};

/// What a rate is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Uncached text input.
    Input,
    /// Audio input.
    InputAudio,
    /// Image input.
    InputImage,
    /// Read from the prompt cache.
    CacheRead,
    /// Written to the prompt cache for 5 minutes.
    CacheWrite5m,
    /// Written to the prompt cache for 1 hour.
    CacheWrite1h,
    /// Output.
    Output,
    /// Audio output.
    OutputAudio,
    /// Reasoning output.
    Reasoning,
}

/// Key of each unit in the table.
const UNITS: [(&str, Unit); 9] = [
    ("input_cost_per_token", Unit::Input),
    ("input_cost_per_audio_token", Unit::InputAudio),
    ("input_cost_per_image_token", Unit::InputImage),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("cache_creation_input_token_cost", Unit::CacheWrite5m),
    ("cache_creation_input_token_cost_above_1hr", Unit::CacheWrite1h),
    ("output_cost_per_token", Unit::Output),
    ("output_cost_per_audio_token", Unit::OutputAudio),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
];

/// Service tier a rate holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The ordinary one.
    Standard,
    /// Deferred batches.
    Batch,
    /// Paid priority.
    Priority,
    /// Cheaper and slower.
    Flex,
}

/// Key suffix of each service tier.
const SERVICES: [(&str, Service); 3] =
    [("_batches", Service::Batch), ("_priority", Service::Priority), ("_flex", Service::Flex)];

impl Service {
    /// The tier an answer names.
    #[must_use]
    pub fn named(tier: Option<&str>) -> Self {
        match tier {
            Some("batch") => Self::Batch,
            Some("priority") => Self::Priority,
            Some("flex") => Self::Flex,
            _ => Self::Standard,
        }
    }
}

/// One rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    unit: Unit,
    service: Service,
    /// Holds for calls with more input tokens than this.
    above: u64,
    /// In 10^-24 dollar.
    units: i128,
}

/// A model's prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    rates: Vec<Rate>,
    /// Price of one web search, where it does not depend on something we do not see.
    pub(super) web_search: Option<i128>,
    /// `litellm_provider` of the row.
    pub provider: Option<Text>,
    /// `chat`, `embedding`, …
    pub mode: Option<Text>,
    /// Longest answer, for reservations.
    pub max_output_tokens: Option<u64>,
    /// Where the figures were published.
    pub source: Option<Text>,
    /// It is priced per image, second or character: a cost from tokens would be wrong.
    pub per_unit_only: bool,
}

impl Row {
    /// The rate of `unit` for a call with `input` tokens, and whether another tier's stood in.
    pub(super) fn rate(&self, unit: Unit, service: Service, input: u64) -> Option<(i128, bool)> {
        let best = |service: Service| {
            let fits = |r: &&Rate| r.unit == unit && r.service == service && input > r.above;
            let base = |r: &&Rate| r.unit == unit && r.service == service && r.above == 0;
            let rates = self.rates.iter();
            let passed = rates.clone().filter(fits).max_by_key(|r| r.above);
            passed.or_else(|| rates.clone().find(base)).map(|r| r.units)
        };
        if let Some(units) = best(service) {
            return Some((units, false));
        }
        best(Service::Standard).map(|units| (units, service != Service::Standard))
    }

    /// The base rate in dollars per million tokens, as decimal text.
    #[must_use]
    pub fn usd_per_million(&self, unit: Unit) -> Option<String> {
        let (units, _) = self.rate(unit, Service::Standard, 0)?;
        units.checked_mul(1_000_000).map(decimal::show)
    }

    /// Whether two rows charge the same.
    fn same_rates(&self, other: &Self) -> bool {
        let within = |a: &Self, b: &Self| a.rates.iter().all(|r| b.rates.contains(r));
        self.per_unit_only == other.per_unit_only
            && self.web_search == other.web_search
            && within(self, other)
            && within(other, self)
    }
}

/// A parsed table.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub rows: BTreeMap<String, Row>,
    /// Bare names on whose rates all providers agree, and the row each stands for.
    pub aliases: HashMap<String, String>,
    /// Rows that could not be used, and why.
    pub dropped: Vec<(String, &'static str)>,
    /// Date in the header entry.
    pub date: Option<Text>,
}

#[derive(Deserialize)]
struct Header {
    date: Option<Text>,
}

type Fields<'a> = HashMap<std::borrow::Cow<'a, str>, &'a RawValue>;

impl Table {
    /// Reads a table; a row that cannot be used is dropped and listed, never half used.
    pub(super) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let entries: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
        let mut table = Self::default();
        for (name, raw) in entries {
            if name == "sample_spec" {
                table.date = serde_json::from_str::<Header>(raw.get()).ok().and_then(|h| h.date);
                continue;
            }
            let row = match serde_json::from_str::<Fields<'_>>(raw.get()) {
                Ok(fields) => read_row(&fields),
                Err(_) => Err("not a JSON object"),
            };
            match row {
                Ok(row) => drop(table.rows.insert(name, row)),
                Err(why) => table.dropped.push((name, why)),
            }
        }
        table.aliases = aliases(&table.rows);
        Ok(table)
    }

    /// The row of a name, or of an unambiguous bare name.
    pub(super) fn get(&self, name: &str) -> Option<(&str, &Row)> {
        let found = self.rows.get_key_value(name);
        let found = found.or_else(|| self.rows.get_key_value(self.aliases.get(name)?));
        found.map(|(key, row)| (key.as_str(), row))
    }
}

/// Bare names of `provider/model` keys; region-nested keys do not vote.
fn aliases(rows: &BTreeMap<String, Row>) -> HashMap<String, String> {
    let mut votes: HashMap<&str, (&String, &Row, bool)> = HashMap::new();
    for (key, row) in rows {
        let Some((_, bare)) = key.split_once('/') else { continue };
        if bare.contains('/') {
            continue;
        }
        let vote = votes.entry(bare).or_insert((key, row, true));
        vote.2 &= vote.1.same_rates(row);
    }
    let agreed = votes.into_iter().filter(|(_, (_, _, agree))| *agree);
    agreed.map(|(bare, (key, _, _))| (bare.to_owned(), key.clone())).collect()
}

fn read_row(fields: &Fields<'_>) -> Result<Row, &'static str> {
    let mut row = Row {
        provider: text(fields, "litellm_provider"),
        mode: text(fields, "mode"),
        source: text(fields, "source"),
        max_output_tokens: ["max_output_tokens", "max_tokens"]
            .iter()
            .find_map(|key| fields.get(*key)?.get().parse().ok()),
        web_search: fields.get("search_context_cost_per_query").and_then(|raw| one_price(raw)),
        ..Row::default()
    };
    for (key, raw) in fields {
        let Some((unit, service, above)) = rate_key(key) else { continue };
        if raw.get() == "null" {
            continue;
        }
        let units = decimal::rate(raw.get()).ok_or("a rate is no exact, positive decimal")?;
        row.rates.push(Rate { unit, service, above, units });
    }
    let has = |unit| {
        row.rates.iter().any(|r| r.unit == unit && r.service == Service::Standard && r.above == 0)
    };
    let embedding = row.mode.as_deref() == Some("embedding");
    if has(Unit::Input) && (embedding || has(Unit::Output)) {
        return Ok(row);
    }
    let per_unit = ["_per_pixel", "_per_image", "_per_second", "_per_character", "_per_query"];
    if fields.keys().any(|key| per_unit.iter().any(|suffix| key.ends_with(suffix))) {
        row.per_unit_only = true;
        return Ok(row);
    }
    Err("no base rate for input or output")
}

fn text(fields: &Fields<'_>, key: &str) -> Option<Text> {
    serde_json::from_str(fields.get(key)?.get()).ok()
}

/// The price of a query where it is the same for every context size.
fn one_price(raw: &RawValue) -> Option<i128> {
    let sizes: HashMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut prices = sizes.values().map(|v| decimal::rate(v.get()));
    let first = prices.next()??;
    prices.all(|p| p == Some(first)).then_some(first)
}

/// Takes a key apart: unit, `_above_<N>k_tokens`, service suffix.
fn rate_key(key: &str) -> Option<(Unit, Service, u64)> {
    let suffix = SERVICES.iter().find_map(|(s, service)| Some((key.strip_suffix(s)?, *service)));
    let (key, service) = suffix.unwrap_or((key, Service::Standard));
    let unit = |name: &str| UNITS.iter().find(|(key, _)| *key == name).map(|(_, unit)| *unit);
    if let Some(unit) = unit(key) {
        return Some((unit, service, 0));
    }
    let (name, tier) = key.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
    let thousands: u64 = tier.parse().ok()?;
    Some((unit(name)?, service, thousands.checked_mul(1000)?))
}
