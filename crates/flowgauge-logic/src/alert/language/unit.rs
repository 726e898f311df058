//! Numbers with units, and which unit measures what. Owns spelling of units; refuses to judge whether
//! a unit fits a metric.

use super::super::condition::{Quantity, Written};
use super::super::metric::Dimension;
use super::Fault;
use super::cursor::{Cursor, did_you_mean};
use super::lexer::Kind;
use std::ops::Range;

/// Symbols, case-sensitive: `m` is minutes, `M` is 10⁶.
const SYMBOLS: &[(&str, Written)] = &[
    ("us", Written::Micros),
    ("ms", Written::Millis),
    ("s", Written::Seconds),
    ("m", Written::Minutes),
    ("h", Written::Hours),
    ("tokens", Written::Tokens),
    ("k", Written::Kilo),
    ("K", Written::Kilo),
    ("M", Written::Mega),
    ("G", Written::Giga),
    ("USD", Written::Usd),
    ("cents", Written::Cents),
    ("rpm", Written::PerMinute),
    ("rps", Written::PerSecond),
    ("B", Written::Bytes),
    ("KB", Written::KiloBytes),
    ("MB", Written::MegaBytes),
    ("GB", Written::GigaBytes),
    ("KiB", Written::KibiBytes),
    ("MiB", Written::MebiBytes),
    ("GiB", Written::GibiBytes),
];

/// Words, in any case.
const WORDS: &[(&str, Written)] = &[
    ("sec", Written::Seconds),
    ("second", Written::Seconds),
    ("seconds", Written::Seconds),
    ("min", Written::Minutes),
    ("minute", Written::Minutes),
    ("minutes", Written::Minutes),
    ("hour", Written::Hours),
    ("hours", Written::Hours),
    ("token", Written::Tokens),
    ("tokens", Written::Tokens),
    ("cent", Written::Cents),
    ("cents", Written::Cents),
];

/// Words that may stand behind a number without being its unit.
const FOLLOWING: &[&str] = &["and", "or", "for", "with", "over", "of", "vs"];

impl Written {
    /// What it measures; nothing for a bare number, and thousands count.
    #[must_use]
    pub const fn dimension(self) -> Option<Dimension> {
        Some(match self {
            Self::Bare => return None,
            Self::Micros | Self::Millis | Self::Seconds | Self::Minutes | Self::Hours => {
                Dimension::Time
            }
            Self::Percent => Dimension::Ratio,
            Self::Tokens | Self::Kilo | Self::Mega | Self::Giga => Dimension::Count,
            Self::Dollar | Self::Usd | Self::Cents => Dimension::Money,
            Self::PerMinute | Self::PerSecond => Dimension::Rate,
            Self::Bytes
            | Self::KiloBytes
            | Self::MegaBytes
            | Self::GigaBytes
            | Self::KibiBytes
            | Self::MebiBytes
            | Self::GibiBytes => Dimension::Size,
            Self::OfFive => Dimension::Rating,
        })
    }

    /// The sign as it is written, `$` in front of the number and all others behind.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Bare => "",
            Self::Micros => "us",
            Self::Millis => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
            Self::Percent => "%",
            Self::Tokens => "tokens",
            Self::Kilo => "k",
            Self::Mega => "M",
            Self::Giga => "G",
            Self::Dollar => "$",
            Self::Usd => "USD",
            Self::Cents => "cents",
            Self::PerMinute => "rpm",
            Self::PerSecond => "rps",
            Self::Bytes => "B",
            Self::KiloBytes => "KB",
            Self::MegaBytes => "MB",
            Self::GigaBytes => "GB",
            Self::KibiBytes => "KiB",
            Self::MebiBytes => "MiB",
            Self::GibiBytes => "GiB",
            Self::OfFive => "/5",
        }
    }
}

fn named(word: &str) -> Option<Written> {
    let symbol = SYMBOLS.iter().find(|(s, _)| *s == word);
    symbol.or_else(|| WORDS.iter().find(|(w, _)| w.eq_ignore_ascii_case(word))).map(|(_, u)| *u)
}

/// Whether a quantity begins here.
pub(super) fn begins(cursor: &Cursor<'_>) -> bool {
    cursor.ahead(0).kind == Kind::Number || cursor.is_sign("$") || cursor.is_sign("-")
}

/// Reads `[-][$]number[unit]`.
pub(super) fn quantity(cursor: &mut Cursor<'_>) -> Result<Quantity, Fault> {
    let start = cursor.span().start;
    let minus = cursor.take_sign("-");
    let dollar = cursor.take_sign("$");
    let number = cursor.need_number("a number")?;
    let number = if minus { -number } else { number };
    let unit = unit(cursor)?;
    if !dollar {
        return Ok(Quantity { number, unit });
    }
    let number = match unit {
        Written::Bare | Written::Usd => number,
        Written::Kilo | Written::Mega | Written::Giga => number * unit.base(),
        _ => {
            let span = start..cursor.end();
            let message = format!("`{}` has two units", cursor.slice(span.clone()));
            return Err(
                Fault::new(span, message).hint("write either $ in front or the unit behind")
            );
        }
    };
    Ok(Quantity { number, unit: Written::Dollar })
}

fn unit(cursor: &mut Cursor<'_>) -> Result<Written, Fault> {
    if cursor.take_sign("%") {
        return Ok(Written::Percent);
    }
    if cursor.is_sign("/") {
        return of_five(cursor);
    }
    if cursor.ahead(0).kind != Kind::Word || is_guard(cursor) {
        return Ok(Written::Bare);
    }
    let (word, span) = (cursor.text_ahead(0), cursor.span());
    if let Some(unit) = named(word) {
        cursor.step();
        // `5M tokens` is 5M: the unit behind says nothing more.
        if matches!(unit, Written::Kilo | Written::Mega | Written::Giga) {
            let _ = cursor.take_word("tokens");
        }
        return Ok(unit);
    }
    if FOLLOWING.iter().any(|w| w.eq_ignore_ascii_case(word)) {
        return Ok(Written::Bare);
    }
    Err(unknown(word, span))
}

/// `min 200 samples` behind a bare number is no number of minutes.
fn is_guard(cursor: &Cursor<'_>) -> bool {
    cursor.is_word("min") && cursor.ahead(1).kind == Kind::Number
}

fn of_five(cursor: &mut Cursor<'_>) -> Result<Written, Fault> {
    let start = cursor.span().start;
    cursor.step();
    if cursor.ahead(0).kind == Kind::Number && cursor.text_ahead(0) == "5" {
        cursor.step();
        return Ok(Written::OfFive);
    }
    let span = start..cursor.span().end;
    let message = format!("`{}` is no unit", cursor.slice(span.clone()));
    Err(Fault::new(span, message).hint("ratings are from 1 to 5: write for example 4/5"))
}

fn unknown(word: &str, span: Range<usize>) -> Fault {
    let fault = Fault::new(span, format!("\"{word}\" is no unit"));
    if let Some((symbol, _)) = SYMBOLS.iter().find(|(s, _)| s.eq_ignore_ascii_case(word)) {
        return fault.hint(format!("symbols of units are case-sensitive: write {symbol}"));
    }
    let other = match word.to_ascii_lowercase().as_str() {
        "percent" | "pct" => Some("write %"),
        "dollar" | "dollars" | "eur" | "gbp" => Some("write $ in front or USD behind"),
        "millisecond" | "milliseconds" | "msec" => Some("write ms"),
        "bytes" | "byte" => Some("write B"),
        "requests" | "calls" | "users" => Some("leave it out: the metric says what is counted"),
        "point" | "points" | "stars" => Some("leave it out, or write /5 behind a rating"),
        _ => None,
    };
    let near = || did_you_mean(word, SYMBOLS.iter().chain(WORDS).map(|(w, _)| *w));
    fault.maybe(other.map(str::to_owned).or_else(near).or_else(|| {
        Some(
            "there are us, ms, s, %, tokens, k, M, G, $, USD, cents, rpm, rps, B to GiB, /5"
                .to_owned(),
        )
    }))
}
