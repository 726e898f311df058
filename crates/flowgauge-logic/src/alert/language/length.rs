//! Lengths of time in conditions: `5 minutes`, `1h30m`, `90m`. Fixed lengths only, exact to the
//! microsecond; months do not exist here.

use super::Fault;
use super::cursor::{Cursor, did_you_mean};
use super::lexer::Kind;
use super::print::print_duration;
use crate::unit::Micros;
use std::ops::Range;

/// Longest length: far beyond what is kept, and far below where sums overflow.
pub(super) const LONGEST: Micros = Micros(10 * 366 * 24 * 3_600_000_000);

/// Symbols are case-sensitive (`M` is a million), words are not.
const SYMBOLS: &[(&str, u64)] = &[
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

const WORDS: &[(&str, u64)] = &[
    ("sec", 1_000_000),
    ("second", 1_000_000),
    ("seconds", 1_000_000),
    ("min", 60_000_000),
    ("minute", 60_000_000),
    ("minutes", 60_000_000),
    ("hour", 3_600_000_000),
    ("hours", 3_600_000_000),
    ("day", 86_400_000_000),
    ("days", 86_400_000_000),
    ("week", 604_800_000_000),
    ("weeks", 604_800_000_000),
];

/// What is accepted, for messages.
const UNITS: &str = "there are ms, s, m or minutes, h or hours, d or days, w or weeks";

/// What one unit is worth, in µs.
fn worth(unit: &str) -> Option<u64> {
    let symbol = SYMBOLS.iter().find(|(s, _)| *s == unit);
    let found = symbol.or_else(|| WORDS.iter().find(|(w, _)| w.eq_ignore_ascii_case(unit)));
    found.map(|(_, worth)| *worth)
}

/// Reads a length where one is needed: `what` names it in messages, e.g. "a length of time after `for`".
pub(super) fn length(cursor: &mut Cursor<'_>, what: &str) -> Result<Micros, Fault> {
    if cursor.ahead(0).kind != Kind::Number {
        return Err(cursor.expected(&format!("{what}, e.g. 5m")));
    }
    let start = cursor.span().start;
    let mut sum: u64 = 0;
    loop {
        let part = part(cursor)?;
        let span = start..cursor.end();
        sum = sum
            .checked_add(part)
            .filter(|s| *s <= LONGEST.0)
            .ok_or_else(|| too_long(cursor, span))?;
        if cursor.ahead(0).kind != Kind::Number {
            return Ok(Micros(sum));
        }
    }
}

fn too_long(cursor: &Cursor<'_>, span: Range<usize>) -> Fault {
    let text = cursor.slice(span.clone());
    Fault::new(span, format!("\"{text}\" is too long"))
        .hint(format!("at most {} are possible", print_duration(LONGEST)))
}

fn part(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let (number, from) = (cursor.text_ahead(0), cursor.span());
    cursor.step();
    if cursor.ahead(0).kind != Kind::Word {
        return Err(Fault::new(from, format!("\"{number}\" has no unit of time"))
            .hint(format!("write for example {number}s or {number}m")));
    }
    let unit = cursor.text_ahead(0);
    let Some(worth) = worth(unit) else {
        return Err(Fault::new(cursor.span(), format!("\"{unit}\" is no unit of time"))
            .hint(unit_hint(number, unit)));
    };
    cursor.step();
    let span = from.start..cursor.end();
    exact(number, worth)
        .ok_or_else(|| too_long(cursor, span.clone()))?
        .map_err(|()| Fault::new(span, format!("\"{number}{unit}\" is finer than a microsecond")))
}

fn unit_hint(number: &str, unit: &str) -> String {
    if unit == "M" {
        return format!("M is a million; write {number}m for minutes");
    }
    let lower = unit.to_ascii_lowercase();
    if worth(&lower).is_some() {
        return format!("symbols of units are lower case: write {number}{lower}");
    }
    if matches!(lower.as_str(), "mo" | "month" | "months" | "y" | "year" | "years") {
        return "a month has no fixed length; write days, e.g. 30d".to_owned();
    }
    let near = did_you_mean(unit, WORDS.iter().chain(SYMBOLS).map(|(w, _)| *w));
    near.unwrap_or_else(|| UNITS.to_owned())
}

/// Digits times a unit, without a float in between; the inner error is a remainder.
fn exact(number: &str, worth: u64) -> Option<Result<u64, ()>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(worth)?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Some(Ok(whole));
    }
    // The longest unit has 12 digits of microseconds; a longer fraction leaves a remainder for sure.
    let Some(scale) = u32::try_from(fraction.len()).ok().filter(|d| *d <= 12) else {
        return Some(Err(()));
    };
    let scale = 10_u128.pow(scale);
    let parts = fraction.parse::<u128>().ok()? * u128::from(worth);
    if parts % scale != 0 {
        return Some(Err(()));
    }
    whole.checked_add(u64::try_from(parts / scale).ok()?).map(Ok)
}

/// Reads a text that is a length and nothing else.
pub(super) fn whole(text: &str) -> Result<Micros, Fault> {
    let mut cursor = Cursor::new(text)?;
    if cursor.is_end() {
        return Err(
            Fault::new(0..text.len(), "a length of time is missing").hint("write for example 5m")
        );
    }
    let length = length(&mut cursor, "a length of time")?;
    if cursor.is_end() {
        return Ok(length);
    }
    let fault = Fault::new(cursor.span(), format!("unexpected `{}`", cursor.text_ahead(0)));
    Err(fault.hint("write only a length of time, e.g. 5m or 1h30m"))
}
