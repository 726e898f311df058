//! Cells as Postgres' clients read them, and their values as cells.

mod binary;
mod given;
mod shown;

use super::frame::Format;
use crate::query::sql::wire::{Cell, Kind};
use bytes::BytesMut;

pub(super) use given::of as given;
pub(super) use shown::text;

/// Bytes of a type's value; −1 where they differ.
pub(super) const fn width(kind: Kind) -> i16 {
    match kind {
        Kind::Bool | Kind::Char => 1,
        Kind::Int2 => 2,
        Kind::Int4 | Kind::Oid | Kind::Float4 | Kind::Date => 4,
        Kind::Int8 | Kind::Float8 | Kind::Timestamp | Kind::TimestampTz | Kind::Time => 8,
        Kind::Interval => 16,
        Kind::Decimal | Kind::Text | Kind::Bytes | Kind::TextList => -1,
    }
}

/// The type behind a number a client declares a value with; text where it is any other.
pub(super) fn kind(oid: u32) -> Option<Kind> {
    Some(match oid {
        0 | 705 => return None,
        16 => Kind::Bool,
        17 => Kind::Bytes,
        18 => Kind::Char,
        20 => Kind::Int8,
        21 => Kind::Int2,
        23 => Kind::Int4,
        26 => Kind::Oid,
        700 => Kind::Float4,
        701 => Kind::Float8,
        1009 | 1015 => Kind::TextList,
        1082 => Kind::Date,
        1083 => Kind::Time,
        1114 => Kind::Timestamp,
        1184 => Kind::TimestampTz,
        1186 => Kind::Interval,
        1700 => Kind::Decimal,
        _ => Kind::Text,
    })
}

/// Writes a cell as a value of this type; false where it is NULL.
pub(super) fn write(cell: &Cell, kind: Kind, format: Format, to: &mut BytesMut) -> bool {
    match (cell, format) {
        (Cell::Null, _) => return false,
        (_, Format::Text) => shown::write(cell, kind, to),
        (_, Format::Binary) => binary::write(cell, kind, to),
    }
    true
}
