//! Numbers as people and scripts read them: no exponent, no grouping, no trailing zeros.

use crate::logic::kpi::Unit;

/// Digits that mean something in a measured figure; percentiles are good to three.
const SIGNIFICANT: i32 = 6;
/// Money is kept in billionths of a dollar.
const MONEY_DECIMALS: usize = 9;

/// A bare number of a unit.
pub(crate) fn bare(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => format!("{:.0}", value),
        Unit::Usd => trimmed(format!("{value:.MONEY_DECIMALS$}")),
        Unit::Ms | Unit::Percent | Unit::Tokens | Unit::PerMinute | Unit::Rating => {
            significant(value)
        }
    }
}

/// A number with its unit, for tables.
pub(crate) fn with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Usd => format!("${}", bare(value, unit)),
        Unit::Percent => format!("{} %", significant((value * 100.0).round() / 100.0)),
        Unit::Ms => format!("{} ms", significant((value * 10.0).round() / 10.0)),
        Unit::Tokens | Unit::PerMinute | Unit::Count | Unit::Rating => {
            format!("{} {}", bare(value, unit), unit.sign()).trim_end().to_owned()
        }
    }
}

/// Microseconds as milliseconds.
pub(crate) fn micros(us: u64) -> String {
    let ms = crate::logic::unit::Micros(us).as_millis_f64();
    with_unit(ms, Unit::Ms)
}

fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let magnitude = value.abs().max(f64::MIN_POSITIVE).log10().floor();
    #[expect(clippy::cast_possible_truncation, reason = "a decimal exponent is small")]
    let decimals = (SIGNIFICANT - 1 - magnitude as i32).clamp(0, 12);
    let decimals = usize::try_from(decimals).unwrap_or_default();
    trimmed(format!("{value:.decimals$}"))
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    let cut = text.trim_end_matches('0').trim_end_matches('.');
    if cut == "-0" { "0".to_owned() } else { cut.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_kept_and_zeros_are_not() {
        assert_eq!(bare(812.0, Unit::Ms), "812");
        assert_eq!(bare(812.345_678, Unit::Ms), "812.346");
        assert_eq!(bare(0.001_234_567, Unit::Percent), "0.00123457");
        assert_eq!(bare(63_012_345.0, Unit::Tokens), "63012345");
        assert_eq!(bare(0.0, Unit::Ms), "0");
    }

    #[test]
    fn counts_are_whole_and_money_keeps_its_billionths() {
        assert_eq!(bare(3.0, Unit::Count), "3");
        assert_eq!(bare(0.054_399, Unit::Usd), "0.054399");
        assert_eq!(bare(61.2, Unit::Usd), "61.2");
        assert_eq!(bare(0.000_000_001, Unit::Usd), "0.000000001");
        assert_eq!(bare(0.0, Unit::Usd), "0");
    }

    #[test]
    fn tables_show_the_unit() {
        assert_eq!(with_unit(812.34, Unit::Ms), "812.3 ms");
        assert_eq!(with_unit(31.256, Unit::Percent), "31.26 %");
        assert_eq!(with_unit(1.25, Unit::Usd), "$1.25");
        assert_eq!(with_unit(12.0, Unit::Count), "12");
        assert_eq!(micros(1_500), "1.5 ms");
    }
}
