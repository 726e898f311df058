//! Values that clients give for `$1`, `$2`, …, as cells.

use super::super::frame::Format;
use super::binary::{EPOCH_DAYS, EPOCH_US};
use crate::query::sql::wire::{ByteBuf, Cell, Kind, Problem};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// SQLSTATE of a text that is no value of its type.
const NO_VALUE: &str = "22P02";
/// SQLSTATE of bytes that are no value of their type.
const NO_BYTES: &str = "22P03";
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// A value of this type, in this format.
///
/// # Errors
/// It is none.
pub(in super::super) fn of(
    bytes: Option<&[u8]>,
    kind: Kind,
    format: Format,
) -> Result<Cell, Problem> {
    let Some(bytes) = bytes else { return Ok(Cell::Null) };
    let (read, code) = match format {
        Format::Text => (std::str::from_utf8(bytes).ok().and_then(|t| text(t, kind)), NO_VALUE),
        Format::Binary => (binary(bytes, kind), NO_BYTES),
    };
    read.ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
        let name = crate::query::sql::show::type_name(kind);
        Problem::new(code, format!("this is no {name}: {shown:?}"))
    })
}

fn text(value: &str, kind: Kind) -> Option<Cell> {
    let trimmed = value.trim();
    Some(match kind {
        Kind::Bool => Cell::Bool(truth(trimmed)?),
        Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Oid => Cell::Int(trimmed.parse().ok()?),
        Kind::Float4 | Kind::Float8 => Cell::Float(trimmed.parse().ok()?),
        Kind::Decimal => number(trimmed).then(|| Cell::Decimal(trimmed.to_owned()))?,
        Kind::Text | Kind::Char => Cell::Text(value.to_owned()),
        Kind::Date => Cell::Date(days(trimmed.parse().ok()?)?),
        Kind::Timestamp => Cell::Time(local(trimmed)?),
        Kind::TimestampTz => Cell::Time(moment(trimmed)?),
        Kind::Time => Cell::Clock(clock(trimmed)?),
        Kind::Interval => interval(trimmed)?,
        Kind::Bytes => Cell::Bytes(hex(trimmed)?),
        Kind::TextList => Cell::List(list(trimmed)?),
    })
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "yes" | "y" | "on" | "1" => Some(true),
        "f" | "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    !(whole.is_empty() && part.is_empty()) && all(whole) && all(part)
}

fn days(date: NaiveDate) -> Option<i32> {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn local(text: &str) -> Option<i64> {
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let found = forms.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    let time = found.or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))?;
    Some(time.and_utc().timestamp_micros())
}

/// A moment; in UTC where it names no zone, as the session is.
fn moment(text: &str) -> Option<i64> {
    let plain = text.strip_suffix('Z').or_else(|| text.strip_suffix(" UTC")).unwrap_or(text);
    let forms = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
    let zoned = forms.iter().find_map(|f| DateTime::parse_from_str(text, f).ok());
    zoned.map(|t| t.timestamp_micros()).or_else(|| local(plain))
}

fn clock(text: &str) -> Option<i64> {
    let forms = ["%H:%M:%S%.f", "%H:%M"];
    let time = forms.iter().find_map(|f| NaiveTime::parse_from_str(text, f).ok())?;
    time.signed_duration_since(NaiveTime::MIN).num_microseconds()
}

/// `1 day 02:00:00`, `90 minutes`, `-1 mon`, …
fn interval(text: &str) -> Option<Cell> {
    let (mut months, mut days, mut us) = (0i32, 0i32, 0i64);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            us = us.checked_add(span(word)?)?;
            continue;
        }
        let unit = words.next()?.to_ascii_lowercase();
        let unit = unit.strip_suffix('s').unwrap_or(&unit);
        let whole = word.parse::<i32>().ok();
        let of = |each: i64| whole.and_then(|n| i64::from(n).checked_mul(each));
        match unit {
            "year" => months = months.checked_add(whole?.checked_mul(12)?)?,
            "mon" | "month" => months = months.checked_add(whole?)?,
            "week" => days = days.checked_add(whole?.checked_mul(7)?)?,
            "day" => days = days.checked_add(whole?)?,
            "hour" => us = us.checked_add(of(3_600 * SECOND)?)?,
            "min" | "minute" => us = us.checked_add(of(60 * SECOND)?)?,
            "sec" | "second" => us = us.checked_add(seconds(word)?)?,
            "millisecond" => us = us.checked_add(of(1_000)?)?,
            "microsecond" => us = us.checked_add(of(1)?)?,
            _ => return None,
        }
    }
    Some(Cell::Interval(months, days, us))
}

/// `[-]H:M:S[.f]`
fn span(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = rest.splitn(3, ':');
    let (hours, minutes) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let seconds = parts.next().map_or(Some(0), seconds)?;
    let us = (i64::from(hours) * 3_600 + i64::from(minutes) * 60) * SECOND + seconds;
    Some(sign * us)
}

/// Seconds with up to six digits behind the point, in microseconds.
fn seconds(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = rest.split_once('.').unwrap_or((rest, ""));
    if !number(rest) || part.len() > 6 {
        return None;
    }
    let part: i64 = if part.is_empty() { 0 } else { format!("{part:0<6}").parse().ok()? };
    whole.parse::<i64>().ok()?.checked_mul(SECOND)?.checked_add(part)?.checked_mul(sign)
}

fn hex(text: &str) -> Option<ByteBuf> {
    let digits = text.strip_prefix("\\x")?;
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect::<Option<Vec<u8>>>().map(ByteBuf::from)
}

/// `{a,"b c",NULL}`
fn list(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut chars = inner.chars().peekable();
    while chars.peek().is_some() {
        let (mut item, mut quoted, mut open) = (String::new(), false, false);
        loop {
            match chars.next() {
                Some('"') => (quoted, open) = (true, !open),
                Some('\\') => item.push(chars.next()?),
                Some(',') if !open => break,
                Some('{' | '}') if !open => return None,
                Some(c) => item.push(c),
                None if open => return None,
                None => break,
            }
        }
        let null = !quoted && item.eq_ignore_ascii_case("null");
        items.push((!null).then_some(item));
    }
    Some(items)
}

fn binary(bytes: &[u8], kind: Kind) -> Option<Cell> {
    Some(match kind {
        Kind::Bool => match bytes {
            [0] => Cell::Bool(false),
            [1] => Cell::Bool(true),
            _ => return None,
        },
        Kind::Int2 | Kind::Int4 | Kind::Int8 => Cell::Int(whole(bytes)?),
        Kind::Oid => Cell::Int(i64::from(u32::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Float4 => Cell::Float(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Float8 => Cell::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Text | Kind::Char => Cell::Text(String::from_utf8(bytes.to_vec()).ok()?),
        Kind::Date => Cell::Date(whole32(bytes)?.checked_add(EPOCH_DAYS)?),
        Kind::Timestamp | Kind::TimestampTz => Cell::Time(whole64(bytes)?.checked_add(EPOCH_US)?),
        Kind::Time => Cell::Clock(whole64(bytes)?),
        Kind::Interval => {
            let (us, rest) = bytes.split_at_checked(8)?;
            let (days, months) = rest.split_at_checked(4)?;
            Cell::Interval(whole32(months)?, whole32(days)?, whole64(us)?)
        }
        Kind::Bytes => Cell::Bytes(ByteBuf::from(bytes)),
        Kind::Decimal => Cell::Decimal(decimal(bytes)?),
        Kind::TextList => Cell::List(texts(bytes)?),
    })
}

fn whole(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        2 => Some(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        4 => Some(i64::from(whole32(bytes)?)),
        _ => whole64(bytes),
    }
}

fn whole32(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_be_bytes)
}

fn whole64(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// The form written by `binary::decimal`. Powers stay small: they become zeros.
fn decimal(bytes: &[u8]) -> Option<String> {
    const MOST: i32 = 100;
    let fields: Vec<u16> = bytes
        .chunks(2)
        .map(|c| c.try_into().map(u16::from_be_bytes))
        .collect::<Result<_, _>>()
        .ok()?;
    let [count, power, sign, scale, groups @ ..] = fields.as_slice() else { return None };
    let power = i32::from(i16::from_be_bytes(power.to_be_bytes()));
    let fits = usize::from(*count) == groups.len() && power.abs() <= MOST && *scale <= 1_000;
    if !fits || groups.iter().any(|g| *g > 9_999) || !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let at = |i: i32| {
        let place = usize::try_from(power - i).ok();
        place.and_then(|p| groups.get(p)).copied().unwrap_or(0)
    };
    let whole: String = (0..=power.max(0)).rev().map(|i| format!("{:04}", at(i))).collect();
    let groups_behind = i32::from(*scale).div_euclid(4) + 1;
    let part: String = (1..=groups_behind).map(|i| format!("{:04}", at(-i))).collect();
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let part = part.get(..usize::from(*scale))?;
    let sign = if *sign == 0 { "" } else { "-" };
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// A list of one dimension.
fn texts(bytes: &[u8]) -> Option<Vec<Option<String>>> {
    let (dimensions, rest) = bytes.split_at_checked(4)?;
    let rest = rest.get(8..)?;
    if whole32(dimensions)? == 0 {
        return rest.is_empty().then(Vec::new);
    }
    let (count, mut rest) = (whole32(rest.get(..4)?)?, rest.get(8..)?);
    let mut items = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_at_checked(4)?;
        let Ok(length) = usize::try_from(whole32(length)?) else {
            items.push(None);
            rest = after;
            continue;
        };
        let (item, after) = after.split_at_checked(length)?;
        items.push(Some(String::from_utf8(item.to_vec()).ok()?));
        rest = after;
    }
    (whole32(dimensions)? == 1 && rest.is_empty()).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn said(value: &str, kind: Kind) -> Option<Cell> {
        of(Some(value.as_bytes()), kind, Format::Text).ok()
    }

    #[test]
    fn moments_are_read_in_the_forms_drivers_write() {
        let at = Some(Cell::Time(1_764_410_400_000_000));
        for text in [
            "2025-11-29 10:00:00+00",
            "2025-11-29 11:00:00.000+01:00",
            "2025-11-29T10:00:00Z",
            "2025-11-29 10:00:00",
            "2025-11-29 05:00:00-0500",
        ] {
            assert_eq!(said(text, Kind::TimestampTz), at, "{text}");
        }
        assert_eq!(said("yesterday", Kind::TimestampTz), None);
    }

    #[test]
    fn intervals_are_read_in_the_forms_drivers_write() {
        let read = |t: &str| said(t, Kind::Interval);
        assert_eq!(read("1 days 3600 seconds"), Some(Cell::Interval(0, 1, 3_600 * SECOND)));
        assert_eq!(read("-01:30:00.5"), Some(Cell::Interval(0, 0, -5_400_500_000)));
        assert_eq!(read("1 year 2 mons"), Some(Cell::Interval(14, 0, 0)));
        assert_eq!(read("1 fortnight"), None);
    }

    #[test]
    fn what_is_no_value_is_said() {
        let problem = of(Some(b"seven"), Kind::Int4, Format::Text).unwrap_err();
        assert_eq!(problem.code, "22P02");
        assert!(problem.message.contains("integer") && problem.message.contains("seven"));
        assert!(of(Some(b"1"), Kind::Int4, Format::Binary).is_err());
        assert!(of(Some(&[2]), Kind::Bool, Format::Binary).is_err());
    }

    fn cells() -> impl Strategy<Value = (Cell, Kind)> {
        let text = "\\PC{0,12}";
        let far = 4_000_000_000_000_000i64;
        prop_oneof![
            any::<bool>().prop_map(|b| (Cell::Bool(b), Kind::Bool)),
            any::<i64>().prop_map(|n| (Cell::Int(n), Kind::Int8)),
            any::<i16>().prop_map(|n| (Cell::Int(n.into()), Kind::Int2)),
            (-1e300..1e300f64).prop_map(|f| (Cell::Float(f), Kind::Float8)),
            "-?[1-9][0-9]{0,20}(\\.[0-9]{1,15})?".prop_map(|t| (Cell::Decimal(t), Kind::Decimal)),
            text.prop_map(|t| (Cell::Text(t), Kind::Text)),
            (-100_000..100_000i32).prop_map(|d| (Cell::Date(d), Kind::Date)),
            (-far..far).prop_map(|t| (Cell::Time(t), Kind::TimestampTz)),
            (0..86_400_000_000i64).prop_map(|t| (Cell::Clock(t), Kind::Time)),
            (-99..99i32, -99..99i32, -far..far)
                .prop_map(|(m, d, t)| (Cell::Interval(m, d, t), Kind::Interval)),
            proptest::collection::vec(any::<u8>(), 0..9)
                .prop_map(|b| (Cell::Bytes(ByteBuf::from(b)), Kind::Bytes)),
            proptest::collection::vec(proptest::option::of(text), 1..4)
                .prop_map(|l| (Cell::List(l), Kind::TextList)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cell in cells(), binary: bool) {
            let (cell, kind) = cell;
            let format = if binary { Format::Binary } else { Format::Text };
            let mut to = BytesMut::new();
            prop_assert!(write(&cell, kind, format, &mut to));
            prop_assert_eq!(of(Some(&to), kind, format).ok(), Some(cell));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for kind in [Kind::Decimal, Kind::TextList, Kind::Interval, Kind::Bytes, Kind::Time] {
                for format in [Format::Text, Format::Binary] {
                    let _read = of(Some(&bytes), kind, format);
                }
            }
        }
    }
}
