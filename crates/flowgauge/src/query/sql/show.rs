//! Cells as text and JSON. Numbers that JSON cannot hold exactly are texts there.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat};
use flowgauge_sql::wire::{Cell, Kind};
use serde_json::Value;

/// Largest whole number that every reader of JSON keeps exactly: 2^53.
const EXACT: u64 = 1 << 53;

/// Name of a type, as Postgres has it.
#[must_use]
pub const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int2 => "smallint",
        Kind::Int4 => "integer",
        Kind::Int8 => "bigint",
        Kind::Float4 => "real",
        Kind::Float8 => "double precision",
        Kind::Decimal => "numeric",
        Kind::Text => "text",
        Kind::Char => "char",
        Kind::Oid => "oid",
        Kind::Date => "date",
        Kind::Timestamp => "timestamp without time zone",
        Kind::TimestampTz => "timestamp with time zone",
        Kind::Time => "time without time zone",
        Kind::Interval => "interval",
        Kind::Bytes => "bytea",
        Kind::TextList => "text[]",
    }
}

/// A cell as text; nothing where it is NULL.
#[must_use]
pub fn text(cell: &Cell) -> Option<String> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Bool(b) => b.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Float(f) => f.to_string(),
        Cell::Decimal(t) | Cell::Text(t) => t.clone(),
        Cell::Date(days) => date(*days),
        Cell::Time(us) => moment(*us),
        Cell::Clock(us) => clock(*us),
        Cell::Interval(months, days, us) => interval(*months, *days, *us),
        Cell::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("\\x{digits}")
        }
        Cell::List(items) => {
            let items = items.iter().map(|i| i.as_deref().unwrap_or("NULL"));
            format!("{{{}}}", items.collect::<Vec<_>>().join(","))
        }
    })
}

/// A cell as JSON.
#[must_use]
pub fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(b) => Value::Bool(*b),
        Cell::Int(n) if n.unsigned_abs() <= EXACT => Value::from(*n),
        // No NaN and no infinity in JSON.
        Cell::Float(f) => serde_json::Number::from_f64(*f).map_or(Value::Null, Value::Number),
        Cell::List(items) => {
            items.iter().map(|i| i.clone().map_or(Value::Null, Value::String)).collect()
        }
        other => text(other).map_or(Value::Null, Value::String),
    }
}

fn moment(us: i64) -> String {
    DateTime::from_timestamp_micros(us)
        .map_or_else(|| us.to_string(), |t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn date(days: i32) -> String {
    let epoch = NaiveDate::default();
    let by = Days::new(u64::from(days.unsigned_abs()));
    let date = if days < 0 { epoch.checked_sub_days(by) } else { epoch.checked_add_days(by) };
    date.map_or_else(|| days.to_string(), |d| d.to_string())
}

fn clock(us: i64) -> String {
    let seconds = u32::try_from(us.div_euclid(1_000_000)).ok();
    let nanos = u32::try_from(us.rem_euclid(1_000_000) * 1_000).ok();
    let time =
        seconds.zip(nanos).and_then(|(s, n)| NaiveTime::from_num_seconds_from_midnight_opt(s, n));
    time.map_or_else(|| us.to_string(), |t| t.to_string())
}

fn interval(months: i32, days: i32, us: i64) -> String {
    let mut parts = Vec::new();
    for (n, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if n != 0 {
            parts.push(format!("{n} {unit}{}", if n.abs() == 1 { "" } else { "s" }));
        }
    }
    if us != 0 || parts.is_empty() {
        let sign = if us < 0 { "-" } else { "" };
        let (seconds, part) = (us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let fraction = if part == 0 { String::new() } else { format!(".{part:06}") };
        parts.push(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_read_as_postgres_writes_them() {
        assert_eq!(text(&Cell::Date(20_000)).as_deref(), Some("2024-10-04"));
        assert_eq!(text(&Cell::Date(-1)).as_deref(), Some("1969-12-31"));
        assert_eq!(text(&Cell::Time(1_500_000)).as_deref(), Some("1970-01-01T00:00:01.500Z"));
        assert_eq!(
            text(&Cell::Interval(14, 3, 3_723_000_001)).as_deref(),
            Some("1 year 2 mons 3 days 01:02:03.000001")
        );
        assert_eq!(text(&Cell::Interval(0, 0, 0)).as_deref(), Some("00:00:00"));
        assert_eq!(text(&Cell::Bytes(vec![0, 255].into())).as_deref(), Some("\\x00ff"));
        assert_eq!(text(&Cell::Null), None);
    }

    #[test]
    fn json_holds_no_number_that_it_would_bend() {
        assert_eq!(json(&Cell::Int(i64::MAX)), Value::from("9223372036854775807"));
        assert_eq!(json(&Cell::Int(7)), Value::from(7));
        assert_eq!(json(&Cell::Float(f64::NAN)), Value::Null);
        assert_eq!(json(&Cell::Decimal("0.000000001".to_owned())), Value::from("0.000000001"));
    }
}
