//! Exact decimal money: text in, integers of 10^-24 dollar, nano-dollars out.
//!
//! Owns parsing of JSON numbers without a float between, and the one rounding a price goes through.
//! Refuses to round a rate: one with more than 24 decimals is not taken.

use crate::unit::NanoUsd;

/// Decimals kept. Published rates that went through a float carry up to 17 digits after the seventh
/// zero, which is 24; and 2^53 tokens at 10 $ per thousand still fit into `i128`.
pub const SCALE: u32 = 24;

/// From 10^-24 to 10^-9 dollar.
const PER_NANO: i128 = 10i128.pow(SCALE - 9);

/// Longest text of a number believed; longer is no price.
const MAX_CHARS: usize = 64;

/// A parsed number: units of 10^-24, and whether no digit was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// In units of 10^-24.
    pub units: i128,
    /// No non-zero digit was beyond the last decimal.
    pub exact: bool,
}

/// Parses a JSON number, or a string that holds one, with or without exponent.
#[must_use]
pub fn parse(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    if text.is_empty() || text.len() > MAX_CHARS {
        return None;
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || (fraction.is_empty() && mantissa.contains('.')) {
        return None;
    }
    let mut units: i128 = 0;
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = i128::from(digit.to_digit(10)?);
        units = units.checked_mul(10)?.checked_add(digit)?;
    }
    let decimals = i32::try_from(fraction.len()).ok()?;
    let shift = i32::try_from(SCALE).ok()?.checked_add(exponent)?.checked_sub(decimals)?;
    let (units, exact) = shifted(units, shift)?;
    Some(Decimal { units: if negative { -units } else { units }, exact })
}

/// `units × 10^shift`, and whether that lost nothing.
fn shifted(units: i128, shift: i32) -> Option<(i128, bool)> {
    if units == 0 {
        return Some((0, true));
    }
    if shift >= 0 {
        let factor = 10i128.checked_pow(shift.unsigned_abs())?;
        return Some((units.checked_mul(factor)?, true));
    }
    match 10i128.checked_pow(shift.unsigned_abs()) {
        Some(divisor) => Some((units / divisor, units % divisor == 0)),
        None => Some((0, false)),
    }
}

/// A rate: exact and not negative.
#[must_use]
pub fn rate(text: &str) -> Option<i128> {
    parse(text).filter(|d| d.exact && d.units >= 0).map(|d| d.units)
}

/// An amount somebody reports, rounded to nano-dollars; a negative one is no cost.
#[must_use]
pub fn nano_usd(text: &str) -> Option<NanoUsd> {
    let units = parse(text)?.units;
    (units >= 0).then(|| round(units).0)
}

/// Rounds to nano-dollars, half to even; says whether the amount had to be cut to the range of money.
#[must_use]
pub fn round(units: i128) -> (NanoUsd, bool) {
    let (whole, rest) = (units.div_euclid(PER_NANO), units.rem_euclid(PER_NANO));
    let up = match (rest * 2).cmp(&PER_NANO) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => whole % 2 != 0,
    };
    let nanos = whole + i128::from(up);
    match i64::try_from(nanos) {
        Ok(nanos) => (NanoUsd(nanos), false),
        Err(_) => (NanoUsd(if nanos < 0 { i64::MIN } else { i64::MAX }), true),
    }
}

/// Exact decimal text of units, without trailing zeros.
#[must_use]
pub fn show(units: i128) -> String {
    let one = 10u128.pow(SCALE);
    let sign = if units < 0 { "-" } else { "" };
    let (whole, rest) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{rest:024}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exponents_and_plain_decimals_are_the_same_number() {
        for text in ["0.00000015", "1.5e-07", "1.5E-7", "15e-8", "\"0.00000015\"", "150e-9"] {
            assert_eq!(rate(text), Some(150_000_000_000_000_000), "{text}");
        }
        assert_eq!(rate("2.4999999999999998e-07"), Some(249_999_999_999_999_980));
        assert_eq!(show(150_000_000_000_000_000), "0.00000015");
    }

    #[test]
    fn what_is_no_exact_rate_is_refused() {
        for text in ["", "-1", "-", ".5", "5.", "1e", "1e99", "NaN", "null", "1e-25", "0x1", "1 2"]
        {
            assert_eq!(rate(text), None, "{text}");
        }
        assert_eq!(rate("0e-99999"), Some(0));
    }

    #[test]
    fn halves_round_to_the_even_nano_dollar() {
        assert_eq!(nano_usd("0.0000000005"), Some(NanoUsd(0)));
        assert_eq!(nano_usd("0.0000000015"), Some(NanoUsd(2)));
        assert_eq!(nano_usd("0.0000000025"), Some(NanoUsd(2)));
        assert_eq!(nano_usd("0.00000000250001"), Some(NanoUsd(3)));
        assert_eq!(nano_usd("99999999999"), Some(NanoUsd(i64::MAX)));
        assert_eq!(nano_usd("-0.1"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn shown_decimals_parse_back(units in 0i128..10i128.pow(36)) {
            prop_assert_eq!(rate(&show(units)), Some(units));
        }
    }
}
