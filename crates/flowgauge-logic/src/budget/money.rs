//! Amounts and rates as people write them, read exactly.
//!
//! Refuses to round: an amount finer than a nano-dollar is not taken.

use crate::price::decimal;
use crate::unit::NanoUsd;

/// From 10^-24 to 10^-9 dollar.
const PER_NANO: i128 = 1_000_000_000_000_000;
/// Tokens of a published rate.
const MILLION: i128 = 1_000_000;

/// Reads `25 USD` or `25`.
///
/// # Errors
/// With the text and what would be accepted.
pub fn parse_money(text: &str) -> Result<NanoUsd, String> {
    let why = || format!("{text:?} is no amount of money; write for example 25 USD");
    let units = decimal::rate(without(text, "USD")).ok_or_else(why)?;
    if units % PER_NANO != 0 {
        return Err(format!("{text:?} is finer than a nano-dollar (9 decimals)"));
    }
    i64::try_from(units / PER_NANO).map(NanoUsd).map_err(|_| why())
}

/// Reads `10 USD/M` or `10`, dollars per million tokens, as 10^-24 dollar a token.
///
/// # Errors
/// With the text and what would be accepted.
pub fn parse_per_million(text: &str) -> Result<i128, String> {
    let why = || format!("{text:?} is no rate; write for example 10 USD/M (per million tokens)");
    let number = without(without(text, "/M"), "USD");
    let units = decimal::rate(number).filter(|u| *u > 0).ok_or_else(why)?;
    if units % MILLION != 0 {
        return Err(format!("{text:?} has more decimals than a rate can hold"));
    }
    Ok(units / MILLION)
}

fn without<'a>(text: &'a str, unit: &str) -> &'a str {
    let text = text.trim();
    text.strip_suffix(unit).unwrap_or(text).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_to_the_nano_dollar_and_no_further() {
        assert_eq!(parse_money("25 USD"), Ok(NanoUsd(25_000_000_000)));
        assert_eq!(parse_money("0.000000001"), Ok(NanoUsd(1)));
        assert_eq!(parse_money("1e2USD"), Ok(NanoUsd(100_000_000_000)));
        for wrong in ["", "USD", "25 EUR", "-1 USD", "0.0000000001", "99999999999 USD", "25 USD/M"]
        {
            assert!(parse_money(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_are_per_million_tokens() {
        assert_eq!(parse_per_million("10 USD/M"), parse_per_million("10"));
        assert_eq!(parse_per_million("0.15 USD/M"), Ok(150_000_000_000_000_000));
        for wrong in ["", "0", "10 USD/k", "-3"] {
            assert!(parse_per_million(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = (parse_money(&text), parse_per_million(&text));
        }

        #[test]
        fn what_is_shown_is_read_back(nanos in 0i64..i64::MAX) {
            prop_assert_eq!(parse_money(&NanoUsd(nanos).to_decimal()), Ok(NanoUsd(nanos)));
        }
    }
}
