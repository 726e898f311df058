//! How numbers are written for people (alerting 11): in the unit of the condition, rounded as far as
//! the eye needs it.

use super::super::condition::Written;
use super::super::metric::Metric;

/// From here on thousands are separated: `9999`, but `12,345`.
const SEPARATED: f64 = 10_000.0;

/// A value in base units as a number without its unit, in the unit written; in that of the metric
/// where none is written.
#[must_use]
pub fn shown(metric: Metric, base: f64, unit: Written) -> String {
    if !base.is_finite() {
        return super::UNKNOWN.to_owned();
    }
    let unit = unit_of(metric, unit);
    let number = in_unit(base, unit);
    match unit {
        Written::Dollar | Written::Usd => money(number),
        _ => trimmed(number, decimals(metric, unit, number)),
    }
}

/// The same with its unit: `2612ms`, `$12.50`, `4.2/5`.
#[must_use]
pub fn shown_with_unit(metric: Metric, base: f64, unit: Written) -> String {
    with_unit(&shown(metric, base, unit), unit_of(metric, unit))
}

/// A number and its unit.
pub(super) fn with_unit(number: &str, unit: Written) -> String {
    if number == super::UNKNOWN {
        return number.to_owned();
    }
    match (unit, number.strip_prefix('-')) {
        (Written::Dollar, Some(number)) => format!("-${number}"),
        (Written::Dollar, None) => format!("${number}"),
        (Written::Usd | Written::Cents | Written::Tokens, _) => format!("{number} {}", unit.sign()),
        _ => format!("{number}{}", unit.sign()),
    }
}

/// The unit written, or that of the metric.
pub(super) const fn unit_of(metric: Metric, written: Written) -> Written {
    match written {
        Written::Bare => metric.display(),
        unit => unit,
    }
}

/// A base value as a number of units.
pub(super) fn in_unit(base: f64, unit: Written) -> f64 {
    // 0.07 / 0.01 is 7.000000000000001; the product is not.
    if unit == Written::Percent { base * 100.0 } else { base / unit.base() }
}

/// How many decimals at most. Milliseconds and tokens are whole; percent has one.
fn decimals(metric: Metric, unit: Written, number: f64) -> usize {
    match unit {
        Written::Micros | Written::Millis | Written::Tokens | Written::Bytes => 0,
        Written::Bare => usize::from(!metric.is_integer()),
        Written::PerMinute if number.abs() >= 10.0 => 0,
        Written::Percent
        | Written::PerMinute
        | Written::KiloBytes
        | Written::MegaBytes
        | Written::KibiBytes
        | Written::MebiBytes => 1,
        _ => 2,
    }
}

/// Two decimals, four below one dollar: a request costs less than a cent.
fn money(dollars: f64) -> String {
    // What rounds up to a dollar is one.
    if dollars.abs() < 0.999_95 {
        format!("{dollars:.4}")
    } else {
        separated(&format!("{dollars:.2}"))
    }
}

/// At most so many decimals, without zeros at the end.
pub(super) fn trimmed(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text.as_str()
    };
    if text == "-0" { "0".to_owned() } else { separated(text) }
}

/// Commas between thousands, from ten thousand on.
fn separated(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if digits.parse::<f64>().is_ok_and(|n| n < SEPARATED) {
        return text.to_owned();
    }
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}
