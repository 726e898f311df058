//! Cells as the bytes of their types.

use super::shown;
use crate::query::sql::wire::{Cell, Kind};
use bytes::{BufMut, BytesMut};

/// Microseconds from 1970 to 2000, where Postgres begins to count.
pub(super) const EPOCH_US: i64 = 946_684_800_000_000;
/// Days from 1970 to 2000.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// Number of `text` in `pg_type`.
const TEXT_OID: u32 = 25;

/// A cell that is not NULL, as a value of this type; its text where it is of another.
pub(super) fn write(cell: &Cell, kind: Kind, to: &mut BytesMut) {
    match (cell, kind) {
        (Cell::Bool(b), Kind::Bool) => to.put_u8(u8::from(*b)),
        (Cell::Int(n), Kind::Int2) => to.put_i16(i16::try_from(*n).unwrap_or(i16::MAX)),
        (Cell::Int(n), Kind::Int4) => to.put_i32(i32::try_from(*n).unwrap_or(i32::MAX)),
        (Cell::Int(n), Kind::Oid) => to.put_u32(u32::try_from(*n).unwrap_or(u32::MAX)),
        (Cell::Int(n), Kind::Int8) => to.put_i64(*n),
        (Cell::Int(n), Kind::Decimal) => decimal(&n.to_string(), to),
        (Cell::Int(n), Kind::Float8 | Kind::Float4) => write(&Cell::Float(real(*n)), kind, to),
        (Cell::Float(f), Kind::Float4) => to.put_f32(single(*f)),
        (Cell::Float(f), Kind::Float8) => to.put_f64(*f),
        (Cell::Decimal(t), Kind::Decimal) => decimal(t, to),
        (Cell::Date(d), Kind::Date) => to.put_i32(d.saturating_sub(EPOCH_DAYS)),
        (Cell::Time(us), Kind::Timestamp | Kind::TimestampTz) => {
            to.put_i64(us.saturating_sub(EPOCH_US));
        }
        (Cell::Clock(us), Kind::Time) => to.put_i64(*us),
        (Cell::Interval(months, days, us), Kind::Interval) => {
            to.put_i64(*us);
            to.put_i32(*days);
            to.put_i32(*months);
        }
        (Cell::Bytes(bytes), Kind::Bytes) => to.put_slice(bytes),
        (Cell::List(items), Kind::TextList) => list(items, to),
        _ => shown::write(cell, kind, to),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the type asked for is no wider")]
fn real(n: i64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, reason = "the type asked for is no wider")]
fn single(f: f64) -> f32 {
    f as f32
}

fn list(items: &[Option<String>], to: &mut BytesMut) {
    to.put_i32(1);
    to.put_i32(i32::from(items.iter().any(Option::is_none)));
    to.put_u32(TEXT_OID);
    to.put_i32(i32::try_from(items.len()).unwrap_or(i32::MAX));
    to.put_i32(1);
    for item in items {
        match item {
            None => to.put_i32(-1),
            Some(text) => {
                to.put_i32(i32::try_from(text.len()).unwrap_or(i32::MAX));
                to.put_slice(text.as_bytes());
            }
        }
    }
}

/// Groups of four digits around the point, first the number of groups, the first one's power of
/// 10,000, the sign, and how many digits stand behind the point.
fn decimal(text: &str, to: &mut BytesMut) {
    let (sign, digits) = text.strip_prefix('-').map_or((0u16, text), |rest| (0x4000, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = part.len();
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let part = format!("{part}{}", "0".repeat((4 - scale % 4) % 4));
    let power = i16::try_from(whole.len() / 4).unwrap_or(i16::MAX) - 1;
    let joined = whole + &part;
    let groups: Vec<u16> = joined.as_bytes().chunks(4).map(group).collect();
    let leading = groups.iter().take_while(|g| **g == 0).count();
    let trailing = groups.iter().skip(leading).rev().take_while(|g| **g == 0).count();
    let kept = groups.get(leading..groups.len() - trailing).unwrap_or_default();
    let power = if kept.is_empty() { 0 } else { power - i16::try_from(leading).unwrap_or(0) };
    to.put_u16(u16::try_from(kept.len()).unwrap_or(u16::MAX));
    to.put_i16(power);
    to.put_u16(if kept.is_empty() { 0 } else { sign });
    to.put_u16(u16::try_from(scale).unwrap_or(u16::MAX));
    kept.iter().for_each(|g| to.put_u16(*g));
}

fn group(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |n, d| n * 10 + u16::from(d.wrapping_sub(b'0') % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(cell: &Cell, kind: Kind) -> Vec<u8> {
        let mut to = BytesMut::new();
        write(cell, kind, &mut to);
        to.to_vec()
    }

    /// As `numeric_send` of Postgres 15 gives them: `SELECT encode(numeric_send(12345.678), 'hex')`.
    #[test]
    fn decimals_are_groups_of_four_digits() {
        let sent = |text: &str| {
            let bytes = bytes(&Cell::Decimal(text.to_owned()), Kind::Decimal);
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        assert_eq!(sent("12345.678"), "00030001000000030001".to_owned() + "09291a7c");
        assert_eq!(sent("0"), "0000000000000000");
        assert_eq!(sent("0.00"), "0000000000000002");
        assert_eq!(sent("-0.0001"), "0001ffff400000040001");
        assert_eq!(sent("10000"), "00010001000000000001");
        assert_eq!(sent("0.000000001"), "0001fffd0000000903e8");
    }

    #[test]
    fn moments_count_from_the_year_2000() {
        assert_eq!(bytes(&Cell::Time(EPOCH_US), Kind::TimestampTz), [0; 8]);
        assert_eq!(bytes(&Cell::Date(EPOCH_DAYS + 1), Kind::Date), [0, 0, 0, 1]);
    }

    #[test]
    fn a_cell_of_another_type_than_was_told_is_its_text() {
        assert_eq!(bytes(&Cell::Int(7), Kind::Text), b"7");
    }
}
