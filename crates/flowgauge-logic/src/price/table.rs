//! One price table: rows of rates, read from LiteLLM's JSON schema.
//!
//! Owns which rows are unusable. Refuses rows without base rates: a half-priced model under-reports.
//! Unknown keys are ignored.

use super::decimal;
use super::fields::Fields;
use super::pattern::{self, Pattern};
use super::rate::{Service, Unit, key_of, rate_key};
use crate::call::Text;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};

/// One rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What is charged.
    pub unit: Unit,
    /// For which tier.
    pub service: Service,
    /// Holds for calls with more input tokens than this.
    pub above: u64,
    /// In 10^-24 dollar.
    pub units: i128,
}

impl Rate {
    /// Its key in the table.
    #[must_use]
    pub fn key(&self) -> String {
        key_of(self.unit, self.service, self.above)
    }

    /// In dollars per million tokens, as exact decimal text; nothing where that leaves the range.
    #[must_use]
    pub fn usd_per_million(&self) -> Option<String> {
        self.units.checked_mul(1_000_000).map(decimal::show)
    }
}

/// A model's prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    rates: Vec<Rate>,
    /// Price of one web search, where it does not depend on something we do not see.
    pub(super) web_search: Option<i128>,
    /// Price of one search of stored files.
    pub(super) file_search: Option<i128>,
    /// Price of one session of a code interpreter.
    pub(super) code_session: Option<i128>,
    /// `litellm_provider` of the row.
    pub provider: Option<Text>,
    /// `chat`, `embedding`, …
    pub mode: Option<Text>,
    /// Longest prompt the model takes, where the list says.
    pub max_input_tokens: Option<u64>,
    /// Longest answer, for reservations.
    pub max_output_tokens: Option<u64>,
    /// Day after which the provider no longer serves the model.
    pub deprecation_date: Option<Text>,
    /// Where the figures were published.
    pub source: Option<Text>,
    /// It is priced per image, second or character: a cost from tokens would be wrong.
    pub per_unit_only: bool,
}

impl Row {
    /// The rate of `unit` for a call with `input` tokens, and whether another tier's stood in.
    pub(super) fn rate(&self, unit: Unit, service: Service, input: u64) -> Option<(Rate, bool)> {
        let best = |service: Service| {
            let fits = |r: &&Rate| r.unit == unit && r.service == service && input > r.above;
            let base = |r: &&Rate| r.unit == unit && r.service == service && r.above == 0;
            let rates = self.rates.iter();
            let passed = rates.clone().filter(fits).max_by_key(|r| r.above);
            passed.or_else(|| rates.clone().find(base)).copied()
        };
        let standard = best(Service::Standard);
        if service == Service::Standard {
            return standard.map(|rate| (rate, false));
        }
        let Some(own) = best(service) else { return standard.map(|rate| (rate, true)) };
        // A tier that names no price for long calls, while the standard one does, is not all told.
        Some((own, standard.is_some_and(|standard| standard.above > own.above)))
    }

    /// The base rate, if the row has it itself, in 10^-24 dollar.
    pub(super) fn base(&self, unit: Unit) -> Option<i128> {
        let base = |r: &&Rate| r.unit == unit && r.service == Service::Standard && r.above == 0;
        self.rates.iter().find(base).map(|r| r.units)
    }

    /// Every rate, in the order of keys.
    pub fn rates(&self) -> impl Iterator<Item = &Rate> {
        self.rates.iter()
    }

    /// Price of one web search in dollars, where it is known.
    #[must_use]
    pub fn usd_per_web_search(&self) -> Option<String> {
        self.web_search.map(decimal::show)
    }

    /// The same of one search of stored files.
    #[must_use]
    pub fn usd_per_file_search(&self) -> Option<String> {
        self.file_search.map(decimal::show)
    }

    /// The same of one session of a code interpreter.
    #[must_use]
    pub fn usd_per_code_session(&self) -> Option<String> {
        self.code_session.map(decimal::show)
    }

    /// The base rate in dollars per million tokens, as decimal text.
    #[must_use]
    pub fn usd_per_million(&self, unit: Unit) -> Option<String> {
        self.rate(unit, Service::Standard, 0)?.0.usd_per_million()
    }

    /// Whether two rows charge the same.
    fn same_rates(&self, other: &Self) -> bool {
        let within = |a: &Self, b: &Self| a.rates.iter().all(|r| b.rates.contains(r));
        self.per_unit_only == other.per_unit_only
            && self.web_search == other.web_search
            && self.file_search == other.file_search
            && self.code_session == other.code_session
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
    /// Rows under a pattern, in the order of keys.
    pub patterns: Vec<Pattern>,
    /// What the header entry says.
    pub header: Header,
}

/// The entry `sample_spec`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Header {
    pub date: Option<Text>,
    pub source: Option<Text>,
}

/// Name of the entry that documents the table and prices nothing.
pub(super) const HEADER: &str = "sample_spec";

/// Ends of prices for things that are no tokens.
pub(super) const PER_UNIT: [&str; 5] =
    ["_per_pixel", "_per_image", "_per_second", "_per_character", "_per_query"];

impl Table {
    /// Reads a table; a row that cannot be used is dropped and listed, never half used.
    pub(super) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let entries: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
        let mut table = Self::default();
        for (name, raw) in entries {
            if name == HEADER {
                table.header = serde_json::from_str(raw.get()).unwrap_or_default();
                continue;
            }
            match entry(&name, raw) {
                Ok((row, pattern)) => {
                    table.patterns.extend(pattern);
                    table.rows.insert(name, row);
                }
                Err(why) => table.dropped.push((name, why)),
            }
        }
        table.aliases = aliases(&table.rows);
        Ok(table)
    }

    /// The row of the first pattern that matches a name.
    pub(super) fn matching(&self, name: &str) -> Option<(&str, &Row)> {
        pattern::first_match(&self.patterns, &self.rows, name)
    }

    /// The row of a name, or of an unambiguous bare name.
    pub(super) fn get(&self, name: &str) -> Option<(&str, &Row)> {
        let found = self.rows.get_key_value(name);
        let found = found.or_else(|| self.rows.get_key_value(self.aliases.get(name)?));
        found.map(|(key, row)| (key.as_str(), row))
    }
}

fn entry(name: &str, raw: &RawValue) -> Result<(Row, Option<Pattern>), &'static str> {
    let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(|_| "not a JSON object")?;
    let pattern = pattern::compile(name).transpose()?;
    Ok((read_row(&fields)?, pattern))
}

/// Bare names of `provider/model` keys; region-nested keys do not vote.
fn aliases(rows: &BTreeMap<String, Row>) -> HashMap<String, String> {
    let mut votes: HashMap<&str, (&String, &Row, bool)> = HashMap::new();
    for (key, row) in rows {
        let Some((_, bare)) = key.split_once('/') else { continue };
        if bare.contains('/') || key.starts_with(pattern::PREFIX) {
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
        deprecation_date: text(fields, "deprecation_date"),
        max_input_tokens: fields.get("max_input_tokens").and_then(|text| text.parse().ok()),
        max_output_tokens: ["max_output_tokens", "max_tokens"]
            .iter()
            .find_map(|key| fields.get(key)?.parse().ok()),
        web_search: fields.get("search_context_cost_per_query").and_then(one_price),
        file_search: fields.get("file_search_cost_per_1k_calls").and_then(thousandth),
        code_session: fields.get("code_interpreter_cost_per_session").and_then(decimal::rate),
        ..Row::default()
    };
    for (key, value) in fields.iter() {
        let Some((unit, service, above)) = rate_key(key) else { continue };
        if value == "null" {
            continue;
        }
        let units = decimal::rate(value).ok_or("a rate is no exact, positive decimal")?;
        row.rates.push(Rate { unit, service, above, units });
    }
    row.rates.sort_unstable_by_key(|r| (r.unit, r.above, r.service));
    let embedding = row.mode.as_deref() == Some("embedding");
    let (input, output) = (row.base(Unit::Input), row.base(Unit::Output));
    let whole = input.is_some() && (embedding || output.is_some());
    // Lists write 0 per token for models that are charged by something else.
    let per_unit = fields.iter().any(|(key, value)| is_per_unit(key, value));
    let charges = [input, output].iter().flatten().any(|units| *units > 0);
    if whole && (charges || !per_unit) {
        return Ok(row);
    }
    if per_unit {
        row.per_unit_only = true;
        return Ok(row);
    }
    Err("no base rate for input or output")
}

/// Whether a field is a price, other than nothing, of something that is no token.
fn is_per_unit(key: &str, value: &str) -> bool {
    PER_UNIT.iter().any(|end| key.ends_with(end)) && decimal::rate(value) != Some(0)
}

fn text(fields: &Fields<'_>, key: &str) -> Option<Text> {
    serde_json::from_str(fields.get(key)?).ok()
}

/// The price of one, from that of a thousand; nothing where it is not exact.
fn thousandth(value: &str) -> Option<i128> {
    let units = decimal::rate(value)?;
    (units % 1_000 == 0).then_some(units / 1_000)
}

/// The price of a query where it is the same for every context size.
fn one_price(value: &str) -> Option<i128> {
    let sizes: HashMap<String, &RawValue> = serde_json::from_str(value).ok()?;
    let mut prices = sizes.values().map(|v| decimal::rate(v.get()));
    let first = prices.next()??;
    prices.all(|p| p == Some(first)).then_some(first)
}
