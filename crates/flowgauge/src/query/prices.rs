//! Prices as people and programs are shown them, and the models that have none.
//!
//! Refuses floats: amounts are decimal text, exactly as they are multiplied.

use crate::logic::call::Text;
use crate::logic::price::{PriceBook, PriceRef, TableName};
use crate::logic::rollup::{Dim, Filter, Spreads};
use crate::logic::window::Window;
use crate::store::{Reader, RollupQuery, Step, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PriceView {
    /// Key of the row.
    pub row: String,
    /// `shipped` or `operator`.
    pub table: String,
    /// How the name asked for led here.
    pub matched: String,
    /// Who charges it.
    #[schema(value_type = Option<String>)]
    pub provider: Option<Text>,
    /// `chat`, `embedding`, …
    #[schema(value_type = Option<String>)]
    pub mode: Option<Text>,
    /// US dollars per million tokens, by the key of the rate.
    pub usd_per_million: BTreeMap<String, String>,
    /// US dollars of one web search, where it has one price.
    pub usd_per_web_search: Option<String>,
    /// US dollars of one search of stored files; `null` where unknown.
    #[serde(default)]
    pub usd_per_file_search: Option<String>,
    /// US dollars of one session of a code interpreter; `null` where unknown.
    #[serde(default)]
    pub usd_per_code_session: Option<String>,
    /// It is priced by query, image or second: its calls have no cost.
    pub not_by_token: bool,
    /// Longest prompt the model takes, where the list says.
    #[serde(default)]
    pub max_input_tokens: Option<u64>,
    /// Longest answer.
    pub max_output_tokens: Option<u64>,
    /// Day after which it is no longer served.
    #[schema(value_type = Option<String>)]
    pub deprecation_date: Option<Text>,
    /// Where the figures were published.
    #[schema(value_type = Option<String>)]
    pub source: Option<Text>,
}

/// What a table says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TableView {
    /// `shipped` or `operator`.
    pub table: String,
    /// Its day.
    pub date: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Rows that are not used, and why.
    pub dropped: BTreeMap<String, String>,
}

/// A model whose calls have usage and no cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Unpriced {
    /// The model, as calls name it.
    #[schema(value_type = String)]
    pub model: Text,
    /// Calls without a cost.
    pub calls: u64,
}

/// Prices in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PriceList {
    /// Date and hash of both tables.
    pub version: String,
    /// The operator's table first: it is asked first.
    pub tables: Vec<TableView>,
    /// Rows, by key.
    pub items: Vec<PriceView>,
    /// Models without a price in the window, most calls first.
    pub unpriced: Vec<Unpriced>,
}

/// The price of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PriceAnswer {
    /// Date and hash of both tables.
    pub version: String,
    /// The model asked for.
    pub model: String,
    /// Its row.
    #[serde(flatten)]
    pub price: PriceView,
}

impl From<PriceRef<'_>> for PriceView {
    fn from(found: PriceRef<'_>) -> Self {
        let row = found.row;
        let rates = row.rates().filter_map(|rate| Some((rate.key(), rate.usd_per_million()?)));
        Self {
            row: found.name.to_owned(),
            table: found.table.word().to_owned(),
            matched: found.matched.words().to_owned(),
            provider: row.provider.clone(),
            mode: row.mode.clone(),
            usd_per_million: rates.collect(),
            usd_per_web_search: row.usd_per_web_search(),
            usd_per_file_search: row.usd_per_file_search(),
            usd_per_code_session: row.usd_per_code_session(),
            not_by_token: row.per_unit_only,
            max_input_tokens: row.max_input_tokens,
            max_output_tokens: row.max_output_tokens,
            deprecation_date: row.deprecation_date.clone(),
            source: row.source.clone(),
        }
    }
}

/// Rows whose key contains `part` and whose provider begins with `provider`.
#[must_use]
pub fn list(
    book: &PriceBook,
    part: Option<&str>,
    provider: Option<&str>,
    unpriced: Vec<Unpriced>,
) -> PriceList {
    let wanted = |found: &PriceRef<'_>| {
        part.is_none_or(|part| found.name.contains(part))
            && provider
                .is_none_or(|p| found.row.provider.as_ref().is_some_and(|own| own.starts_with(p)))
    };
    let mut items: Vec<PriceView> = book.rows().filter(wanted).map(PriceView::from).collect();
    items.sort_by(|a, b| a.row.cmp(&b.row));
    let tables = [TableName::Operator, TableName::Shipped].map(|table| table_view(book, table));
    let version = book.version().to_owned();
    PriceList { version, tables: tables.into_iter().flatten().collect(), items, unpriced }
}

/// A table with its own account; nothing where it is empty.
fn table_view(book: &PriceBook, table: TableName) -> Option<TableView> {
    let (date, source) = book.header(table);
    let rows = book.rows().filter(|found| found.table == table).count();
    let dropped: BTreeMap<String, String> = book
        .dropped()
        .filter(|(of, ..)| *of == table)
        .map(|(_, name, why)| (name.to_owned(), why.to_owned()))
        .collect();
    (rows > 0 || !dropped.is_empty()).then(|| TableView {
        table: table.word().to_owned(),
        date: date.map(str::to_owned),
        source: source.map(str::to_owned),
        rows: u64::try_from(rows).unwrap_or(u64::MAX),
        dropped,
    })
}

/// The price of a model.
#[must_use]
pub fn one(book: &PriceBook, model: &str, provider: Option<&str>) -> Option<PriceAnswer> {
    Some(answer(book, model, book.lookup(provider, model)?))
}

/// A row as the answer about a model.
#[must_use]
pub fn answer(book: &PriceBook, model: &str, found: PriceRef<'_>) -> PriceAnswer {
    PriceAnswer {
        version: book.version().to_owned(),
        model: model.to_owned(),
        price: PriceView::from(found),
    }
}

/// The rates of every model in words, to see later which of them changed.
#[must_use]
pub fn seen(book: &PriceBook) -> BTreeMap<String, String> {
    let words = |found: PriceRef<'_>| {
        let view = PriceView::from(found);
        let rate = |(key, usd): (&String, &String)| {
            format!("{} ${usd}", key.replace("_cost_per_token", ""))
        };
        let rates: Vec<String> = view.usd_per_million.iter().map(rate).collect();
        (found.name.to_owned(), rates.join(", "))
    };
    book.rows().map(words).collect()
}

/// What to do about a model without a price.
#[must_use]
pub fn way_out(model: &str) -> String {
    format!(
        "no price for model {model}; give one with `flowgauge prices set {model} --input USD --output USD` (per million tokens)"
    )
}

/// Models whose calls of a window have usage and no cost, most calls first.
///
/// # Errors
/// When the store cannot be read.
pub fn unpriced(reader: &Reader, window: Window) -> Result<Vec<Unpriced>, StoreError> {
    let query = RollupQuery {
        window: window.whole_minutes(),
        filter: Filter::default(),
        group_by: vec![Dim::Model],
        step: Step::Whole,
    };
    let mut found: Vec<Unpriced> = Vec::new();
    for group in reader.rollups_of(&query, Spreads::NONE)? {
        let calls = group.rollup.unpriced;
        if let Some(model) = group.key.into_iter().next().filter(|_| calls > 0) {
            found.push(Unpriced { model, calls });
        }
    }
    found.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.model.cmp(&b.model)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_says_rates_table_version_and_how_it_was_found() {
        let own = r#"{"half": {"input_cost_per_token": 1e-6},
            "mine": {"input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5}}"#;
        let book = PriceBook::embedded().with_override(own).unwrap();
        let answer = one(&book, "openai/mine-2030-01-02", None).unwrap();
        assert_eq!((answer.price.row.as_str(), answer.price.table.as_str()), ("mine", "operator"));
        assert_eq!(answer.price.matched, "by its name without date");
        assert_eq!(answer.price.usd_per_million["input_cost_per_token"], "3");
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<PriceAnswer>(&text).unwrap(), answer);
        let all = list(&book, Some("mine"), None, Vec::new());
        assert_eq!(all.tables[0].dropped["half"], "no base rate for input or output");
        assert!(all.items.iter().any(|item| item.row == "mine"));
        assert!(all.items.iter().all(|item| item.row.contains("mine")));
        assert!(list(&book, None, Some("anthropic"), Vec::new()).items.len() > 5);
    }
}
