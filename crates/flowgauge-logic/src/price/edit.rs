//! Changing one row of the operator's table.
//!
//! Owns what of the file stays: every other row as it is written, and every field of the row that is
//! not set. Refuses amounts that are no exact decimal, and a result that could not be used.

use super::decimal;
use super::rate::Unit;
use super::table::{HEADER, Table};
use super::{PriceError, pattern};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Longest name of a model taken; providers' names are far shorter.
const MAX_NAME: usize = 256;

/// New rates of a model, in dollars per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRates {
    rates: Vec<(Unit, i128)>,
}

/// A row was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// An amount is no exact decimal, or negative.
    #[error(
        "{amount:?} is no price; write US dollars per million tokens as a plain decimal, e.g. 0.15"
    )]
    NoAmount {
        /// As written.
        amount: String,
    },
    /// The name cannot stand in a table.
    #[error("{name:?} is no name of a model; write 1 to {MAX_NAME} printable characters")]
    NoName {
        /// As written.
        name: String,
    },
    /// The row would price nothing.
    #[error("the row of {name:?} would be left out: {why}; give both --input and --output")]
    Unusable {
        /// The model.
        name: String,
        /// What is missing.
        why: &'static str,
    },
    /// The file as it is cannot be read.
    #[error(transparent)]
    File(#[from] PriceError),
}

impl NewRates {
    /// With the rate of one unit more.
    ///
    /// # Errors
    /// When the amount is no exact decimal that can be divided by a million.
    pub fn with(mut self, unit: Unit, usd_per_million: &str) -> Result<Self, SetError> {
        let million = 10i128.pow(6);
        let units = decimal::rate(usd_per_million).filter(|units| units % million == 0);
        let shown = usd_per_million.trim_matches('"');
        let amount = || SetError::NoAmount { amount: shown.to_owned() };
        self.rates.push((unit, units.ok_or_else(amount)? / million));
        Ok(self)
    }
}

type Rows = BTreeMap<String, Box<RawValue>>;

/// The file with the rates of one model set. `today` becomes the day of the table.
///
/// # Errors
/// When the file is no table, the name is none, or the row would still lack a base rate.
pub fn set(
    file: Option<&str>,
    model: &str,
    new: &NewRates,
    today: &str,
) -> Result<String, SetError> {
    let printable =
        !model.is_empty() && model.len() <= MAX_NAME && !model.contains(char::is_control);
    if !printable || model == HEADER {
        return Err(SetError::NoName { name: model.to_owned() });
    }
    let mut rows: Rows = serde_json::from_str(file.unwrap_or("{}")).map_err(PriceError::from)?;
    let mut row = fields(rows.get(model).map(AsRef::as_ref))?;
    for (unit, units) in &new.rates {
        row.insert(unit.key().to_owned(), raw(&decimal::show(*units))?);
    }
    rows.insert(model.to_owned(), object(&row)?);
    let mut header = fields(rows.get(HEADER).map(AsRef::as_ref))?;
    header.insert("date".to_owned(), raw(&format!("{today:?}"))?);
    rows.insert(HEADER.to_owned(), object(&header)?);
    let text = render(&rows)?;
    let table = Table::parse(&text).map_err(PriceError::from)?;
    match table.dropped.iter().find(|(name, _)| name == model) {
        Some((name, why)) => Err(SetError::Unusable { name: name.clone(), why }),
        None => Ok(text),
    }
}

fn fields(row: Option<&RawValue>) -> Result<Rows, PriceError> {
    Ok(serde_json::from_str(row.map_or("{}", RawValue::get))?)
}

fn raw(text: &str) -> Result<Box<RawValue>, PriceError> {
    Ok(RawValue::from_string(text.to_owned())?)
}

fn object(row: &Rows) -> Result<Box<RawValue>, PriceError> {
    Ok(serde_json::value::to_raw_value(row)?)
}

/// One row a line, the header first, patterns last.
fn render(rows: &Rows) -> Result<String, PriceError> {
    let mut names: Vec<&String> = rows.keys().collect();
    names.sort_by_key(|name| (*name != HEADER, name.starts_with(pattern::PREFIX), *name));
    let mut out = String::from("{\n");
    for (at, name) in names.iter().enumerate() {
        let Some(row) = rows.get(*name) else { continue };
        let name = serde_json::to_string(name)?;
        let comma = if at + 1 == names.len() { "" } else { "," };
        // Writing to memory cannot fail.
        let _ = writeln!(out, "  {name}: {}{comma}", row.get());
    }
    out.push_str("}\n");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::PriceBook;

    fn rates(input: &str, output: &str) -> NewRates {
        let new = NewRates::default().with(Unit::Input, input).unwrap();
        new.with(Unit::Output, output).unwrap()
    }

    #[test]
    fn a_row_is_set_exactly_and_everything_else_stays() {
        let file = r#"{"sample_spec": {"note": "ours"}, "other": {"input_cost_per_token": 1.50e-06,
            "output_cost_per_token": 2e-06, "strange": [1, {"a": null}]},
            "mine": {"input_cost_per_token": 9, "output_cost_per_token": 9, "kept": true}}"#;
        let text = set(Some(file), "mine", &rates("3", "0.15"), "2030-01-02").unwrap();
        for part in [
            "1.50e-06",
            r#""strange": [1, {"a": null}]"#,
            r#""note":"ours""#,
            r#""kept":true"#,
            r#""date":"2030-01-02""#,
            r#""input_cost_per_token":0.000003"#,
            r#""output_cost_per_token":0.00000015"#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let book = PriceBook::embedded().with_override(&text).unwrap();
        let row = book.lookup(None, "mine").unwrap().row;
        assert_eq!(row.usd_per_million(Unit::Output).as_deref(), Some("0.15"));
        assert!(book.version().starts_with("2030-01-02+"));
    }

    #[test]
    fn a_file_is_begun_where_there_is_none() {
        let text = set(None, "mine", &rates("3", "15"), "2030-01-02").unwrap();
        assert!(PriceBook::embedded().with_override(&text).unwrap().lookup(None, "mine").is_some());
    }

    #[test]
    fn what_would_not_be_used_is_refused_with_the_way_out() {
        let half = NewRates::default().with(Unit::Input, "3").unwrap();
        let said = set(None, "mine", &half, "2030-01-02").unwrap_err().to_string();
        assert!(said.contains("--input and --output"), "{said}");
        for amount in ["-1", "cheap", "", "1e-20", "$3"] {
            let said = NewRates::default().with(Unit::Input, amount).unwrap_err().to_string();
            assert!(said.contains("per million"), "{said}");
        }
        for name in ["", "sample_spec", "a\nb"] {
            assert!(set(None, name, &rates("1", "1"), "2030-01-02").is_err(), "{name:?}");
        }
        assert!(set(Some("[]"), "mine", &rates("1", "1"), "2030-01-02").is_err());
    }
}
