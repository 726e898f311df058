//! Numbers as reports write them: the one place, for every format. No locale, no exponent, no unit left out.
//!
//! What is rounded is rounded so that it does not lie: a share that is not zero is not `0 %`, one below the whole is
//! not `100 %`. The exact value is in JSON and CSV.

use super::figure::{Figure, Interval, Meaning, Quantity, Shift, Target};
use crate::known::{Known, Reason};
use crate::unit::{Micros, NanoUsd};

/// What stands where nothing was measured; never a zero.
pub const NOT_MEASURED: &str = "not measured";
/// What stands where nothing belongs.
pub const NOTHING: &str = "–";
/// Fewest digits shown of a small number; the third would be noise in a report.
const DIGITS: usize = 2;
/// Characters that have room beside a chart.
const SHORT: usize = 9;
/// Most decimals; money has no more, and smaller shares need more requests than a month has.
const MOST_DECIMALS: usize = 9;

/// A value with its unit.
#[must_use]
pub fn text(quantity: Quantity) -> String {
    let number = quantity.number();
    if !number.is_finite() {
        return NOT_MEASURED.to_owned();
    }
    let (sign, size) = (if number < 0.0 { "\u{2212}" } else { "" }, number.abs());
    let written = match quantity {
        Quantity::Ms(_) => format!("{} ms", thrifty(size, 100.0)),
        Quantity::Lasting(d) => lasting(d),
        Quantity::Tokens(_) => tokens(size),
        Quantity::Usd(m) => money(m),
        Quantity::Share(_) => format!("{} %", percent(hundredfold(size))),
        Quantity::Quality(_) => format!("{} %", rounded(size, 1)),
        Quantity::Points(_) => format!("{} pt", tenths(size)),
        Quantity::Count(n) => count(n),
        Quantity::Rating(_) => format!("{size:.1} / 5"),
        Quantity::PerMinute(_) => format!("{}/min", thrifty(size, 100.0)),
        Quantity::Bytes(n) => bytes(n),
        Quantity::Times(_) => format!("{}×", thrifty(size, 10.0)),
        Quantity::Months(_) => {
            let months = rounded(size, 1);
            format!("{months} {}", if months == "1" { "month" } else { "months" })
        }
    };
    // What rounds to nothing has no sign.
    let zero = !written.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if zero { written } else { format!("{sign}{written}") }
}

/// The same where there is little room: what is long is told in larger units.
#[must_use]
pub fn short(quantity: Quantity) -> String {
    let full = text(quantity);
    if full.chars().count() <= SHORT {
        return full;
    }
    let number = quantity.number();
    let sign = if number < 0.0 { "\u{2212}" } else { "" };
    let (size, unit) = thousands(number.abs());
    let size = thrifty(size, 100.0);
    match quantity {
        Quantity::Ms(ms) if ms >= 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "`as` saturates, and it is not negative"
            )]
            let micros = (ms * 1e3).round() as u64;
            lasting(Micros(micros))
        }
        Quantity::Usd(_) => format!("{sign}${size}{unit}"),
        Quantity::Tokens(_) | Quantity::Count(_) => format!("{sign}{size}{unit}"),
        Quantity::PerMinute(_) => format!("{sign}{size}{unit}/min"),
        _ => full,
    }
}

/// A size in thousands, millions and so on, and the letter of these.
fn thousands(size: f64) -> (f64, &'static str) {
    let steps = [(1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    let step = steps.into_iter().find(|(step, _)| size >= *step);
    step.map_or((size, ""), |(step, letter)| (size / step, letter))
}

/// A value, or that it was not measured and why.
#[must_use]
pub fn known(value: Known<Quantity>) -> String {
    match value {
        Known::Value(q) => text(q),
        Known::Unknown(r) => unknown(r),
    }
}

/// That something was not measured, and why where the reason says more.
#[must_use]
pub fn unknown(reason: Reason) -> String {
    match reason {
        Reason::NotConfigured => NOT_MEASURED.to_owned(),
        r => format!("{NOT_MEASURED} ({})", r.words()),
    }
}

/// A figure with the number of samples behind it.
#[must_use]
pub fn figure(figure: &Figure) -> String {
    noted(figure, None)
}

/// A figure with the number of samples behind it and what else must be known about it.
#[must_use]
pub fn noted(figure: &Figure, note: Option<&str>) -> String {
    let mut text = known(figure.value());
    let mut notes = Vec::new();
    if let Known::Value(_) = figure.value() {
        if let Some(n) = figure.n() {
            notes.push(format!("n {}", count(n)));
        }
        if let Some(i) = figure.interval() {
            notes.push(interval(&i));
        }
    }
    notes.extend(note.map(ToOwned::to_owned));
    if !notes.is_empty() {
        text.push_str(&format!(" ({})", notes.join("; ")));
    }
    text
}

/// An interval of values: `80 % interval $1,590…$1,800`.
#[must_use]
pub fn interval(interval: &Interval) -> String {
    let level = percent(interval.level * 100.0);
    format!("{level} % interval {}…{}", text(interval.low), text(interval.high))
}

/// A change with its sign: `+24 %`, `−0.4 pt`.
#[must_use]
pub fn signed(quantity: Quantity) -> String {
    let written = match quantity {
        Quantity::Share(v) if v.is_finite() => {
            let size = tenths(hundredfold(v.abs()));
            format!("{}{size} %", if v < 0.0 && size != "0" { "\u{2212}" } else { "" })
        }
        q => text(q),
    };
    let positive = quantity.number() > 0.0 && written.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if positive { format!("+{written}") } else { written }
}

/// A change, what it means, and how sure it is.
#[must_use]
pub fn shift(shift: &Shift) -> String {
    let Known::Value(by) = shift.by else { return known(shift.by) };
    let arrow = if by.number() < 0.0 { '▼' } else { '▲' };
    let meaning = match shift.meaning {
        Meaning::Worse => format!(" {arrow} worse"),
        Meaning::Better => format!(" {arrow} better"),
        Meaning::NotSignificant | Meaning::Untested => String::new(),
    };
    let chance = shift.meaning == Meaning::NotSignificant;
    let mut notes: Vec<_> = chance.then(|| "not significant".to_owned()).into_iter().collect();
    notes.extend(shift.interval.filter(Interval::is_finite).as_ref().map(confidence));
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    format!("{}{meaning}{notes}", signed(by))
}

/// The confidence interval of a change: `95 % CI +17…+31 %`.
#[must_use]
pub fn confidence(interval: &Interval) -> String {
    let (low, high) = (signed(interval.low), signed(interval.high));
    // The unit stands once where both ends have the same.
    let unit = match interval.high {
        Quantity::Share(_) => " %",
        Quantity::Points(_) => " pt",
        _ => "",
    };
    let low = low.strip_suffix(unit).unwrap_or(&low);
    format!("{} % CI {low}…{high}", percent(interval.level * 100.0))
}

/// What a figure should be: `< 1,500 ms`, `≤ +15 % week on week`.
#[must_use]
pub fn target(target: &Target) -> String {
    let relative = target.note.is_some() && matches!(target.limit, Quantity::Share(_));
    let limit = if relative { signed(target.limit) } else { text(target.limit) };
    let note = target.note.as_ref().map_or_else(String::new, |n| format!(" {n}"));
    format!("{} {limit}{note}", target.side.sign())
}

/// How many, with commas.
#[must_use]
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// The number alone for scripts: no grouping, no sign of a unit, exact money.
#[must_use]
pub fn bare(quantity: Quantity) -> String {
    match quantity {
        Quantity::Usd(m) => trimmed(&m.to_decimal()),
        Quantity::Count(n) | Quantity::Bytes(n) => n.to_string(),
        q => plain(q.number()),
    }
}

/// The shortest digits that mean this number, never with an exponent.
#[must_use]
pub fn plain(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    let text = number.to_string();
    if text == "-0" { "0".to_owned() } else { text }
}

/// Dollars: two digits that mean something below one, cents up to a thousand, then whole.
fn money(money: NanoUsd) -> String {
    let nanos = money.0.unsigned_abs();
    let one = 1_000_000_000_u64;
    let decimals = if nanos >= 1_000 * one {
        0
    } else if nanos >= one || nanos == 0 {
        2
    } else {
        // Leading zeros behind the point, and two digits.
        let lead = MOST_DECIMALS - nanos.to_string().len();
        (lead + DIGITS).min(MOST_DECIMALS)
    };
    let step = 10_u64.pow(u32::try_from(MOST_DECIMALS - decimals).unwrap_or(0));
    // Half away from zero, as money is rounded.
    let rounded = (nanos + step / 2) / step;
    let scale = 10_u64.pow(u32::try_from(decimals).unwrap_or(0));
    let whole = grouped(&(rounded / scale).to_string());
    let cents = rounded % scale;
    if decimals == 0 || nanos == 0 {
        return format!("${whole}");
    }
    let mut fraction = format!("{cents:0decimals$}");
    while fraction.len() > 2 && fraction.ends_with('0') {
        fraction.pop();
    }
    format!("${whole}.{fraction}")
}

/// Tokens: whole from a hundred on, millions with one decimal.
fn tokens(size: f64) -> String {
    if size >= 999_950_000.0 {
        format!("{} G", grouped(&format!("{:.1}", size / 1e9)))
    } else if size >= 999_999.5 {
        format!("{:.1} M", size / 1e6)
    } else {
        thrifty(size, 100.0)
    }
}

/// A share as a percentage; the greatest number there is where it would be more.
fn hundredfold(share: f64) -> f64 {
    (share * 100.0).min(f64::MAX)
}

/// A percentage that lies neither at nothing nor at all: 0.3, 23.4, 99.97.
fn percent(size: f64) -> String {
    let gap = if size <= 100.0 { size.min(100.0 - size) } else { size };
    if gap <= 0.0 || gap >= 1.0 {
        return rounded(size, 1);
    }
    let shown = rounded(size, digits_below_one(gap));
    // Ratios of binary numbers end in 99.99999…; what is nearer than any request could be is there.
    if shown == "100" || shown == "0" { rounded(size, 0) } else { shown }
}

/// Whole from `whole` on; below, with fewer and fewer digits before the point, more behind it.
fn thrifty(size: f64, whole: f64) -> String {
    if size >= whole {
        rounded(size, 0)
    } else if size >= 10.0 {
        rounded(size, 1)
    } else if size >= 1.0 {
        rounded(size, 2)
    } else {
        rounded(size, digits_below_one(size))
    }
}

/// One decimal; two digits below one.
fn tenths(size: f64) -> String {
    rounded(size, if size >= 1.0 { 1 } else { digits_below_one(size) })
}

/// Decimals that show two digits of a number below one.
fn digits_below_one(size: f64) -> usize {
    let mut decimals = DIGITS;
    let mut grown = size * 10.0;
    while grown < 1.0 && decimals < MOST_DECIMALS {
        grown *= 10.0;
        decimals += 1;
    }
    decimals
}

fn rounded(size: f64, decimals: usize) -> String {
    grouped(&trimmed(&format!("{size:.decimals$}")))
}

fn bytes(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people; exact in JSON")]
    let size = n as f64;
    for (unit, name) in [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")] {
        if size >= unit {
            return format!("{} {name}", thrifty(size / unit, 100.0));
        }
    }
    format!("{n} B")
}

/// A span in its two largest units: `38 min`, `2 h 5 min`, `3 d 4 h`.
fn lasting(span: Micros) -> String {
    let seconds = span.0 / 1_000_000;
    let two = |large: u64, large_name: &str, small: u64, small_name: &str| {
        if small == 0 {
            format!("{large} {large_name}")
        } else {
            format!("{large} {large_name} {small} {small_name}")
        }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// Commas between thousands.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Without zeros that end a fraction.
fn trimmed(text: &str) -> String {
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    text.to_owned()
}

#[cfg(test)]
mod tests;
