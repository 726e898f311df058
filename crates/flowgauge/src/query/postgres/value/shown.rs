//! Cells as text, the way Postgres writes them with `DateStyle` ISO, `IntervalStyle` postgres, UTC.

use crate::query::sql::show;
use crate::query::sql::wire::{Cell, Kind};
use bytes::BytesMut;
use chrono::DateTime;
use std::fmt::Write as _;

/// A cell that is not NULL.
pub(in super::super) fn write(cell: &Cell, kind: Kind, to: &mut BytesMut) {
    to.extend_from_slice(text(cell, kind).as_bytes());
}

/// The same as a text; empty where it is NULL.
pub(in super::super) fn text(cell: &Cell, kind: Kind) -> String {
    match cell {
        Cell::Bool(b) => if *b { "t" } else { "f" }.to_owned(),
        Cell::Float(f) if kind == Kind::Float4 => single(*f),
        Cell::Float(f) => double(*f),
        Cell::Time(us) => moment(*us, kind != Kind::Timestamp),
        Cell::List(items) => list(items),
        other => show::text(other).unwrap_or_default(),
    }
}

/// The shortest text that gives the same number.
#[expect(clippy::cast_possible_truncation, reason = "a single that was widened to travel")]
fn single(value: f64) -> String {
    let single = value as f32;
    number(value, &format!("{single}"), &format!("{single:e}"))
}

fn double(value: f64) -> String {
    number(value, &format!("{value}"), &format!("{value:e}"))
}

/// Plain from 10⁻⁴ to below 10¹⁵, as Postgres; with an exponent of two digits outside.
fn number(value: f64, plain: &str, exponent: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-4..1e15).contains(&size) {
        return plain.to_owned();
    }
    match exponent.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(("+", power), |p| ("-", p));
            format!("{digits}e{sign}{power:0>2}")
        }
        None => exponent.to_owned(),
    }
}

fn moment(us: i64, with_zone: bool) -> String {
    let Some(time) = DateTime::from_timestamp_micros(us) else { return us.to_string() };
    let mut out = time.format("%Y-%m-%d %H:%M:%S").to_string();
    let part = us.rem_euclid(1_000_000);
    if part != 0 {
        // Writing to a String cannot fail.
        let _ = write!(out, ".{part:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
    if with_zone {
        out.push_str("+00");
    }
    out
}

fn list(items: &[Option<String>]) -> String {
    let mut out = String::from("{");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            None => out.push_str("NULL"),
            Some(text) if plain(text) => out.push_str(text),
            Some(text) => {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                let _ = write!(out, "\"{escaped}\"");
            }
        }
    }
    out.push('}');
    out
}

/// Whether an item of a list needs no quotes.
fn plain(text: &str) -> bool {
    let marks = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_whitespace();
    !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair was given by Postgres 15: `SELECT 1e300::float8`, `'{"a b",NULL,"null",""}'::text[]`, …
    #[test]
    fn values_read_as_postgres_writes_them() {
        let float = |f| text(&Cell::Float(f), Kind::Float8);
        assert_eq!(float(1e300), "1e+300");
        assert_eq!(float(1e-7), "1e-07");
        assert_eq!(float(1_234.5), "1234.5");
        assert_eq!(float(1e15), "1e+15");
        assert_eq!(float(0.0001), "0.0001");
        assert_eq!(float(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(float(f64::NAN), "NaN");
        assert_eq!(float(0.0), "0");
        assert_eq!(text(&Cell::Float(f64::from(0.1f32)), Kind::Float4), "0.1");
        assert_eq!(text(&Cell::Time(1_500_000), Kind::TimestampTz), "1970-01-01 00:00:01.5+00");
        assert_eq!(text(&Cell::Time(-1), Kind::Timestamp), "1969-12-31 23:59:59.999999");
        assert_eq!(text(&Cell::Bool(true), Kind::Bool), "t");
        let items = ["a b", "", "null", "x\"y", "plain"].map(|t| Some(t.to_owned()));
        let items = [items.to_vec(), vec![None]].concat();
        let shown = r#"{"a b","","null","x\"y",plain,NULL}"#;
        assert_eq!(text(&Cell::List(items), Kind::TextList), shown);
    }
}
